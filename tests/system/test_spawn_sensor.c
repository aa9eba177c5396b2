/* kenmon-authd --spawn: the sensor on demand, the matcher always, and who may call at their doors.
 */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/sock.h>
#include <kenmon/wire.h>

#include "house.h"

#define SENSOR     "kenmon-sensor"
#define MATCHER    "kenmon-matcher"
#define COURIER    "kenmon-courier"
#define VAULT      "kenmon-vault"
#define JUDGE      "kenmon-authd"
#define SETTLED_MS 2100 /* a room that ran so long had started well (authd/supervise.c) */
#define WAIT_MS    5000

static void snooze(unsigned ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

static int house_with(void **state, const struct house_setup *setup)
{
	struct house *h = calloc(1, sizeof(*h));

	if (!h || !house_start(h, setup))
		return -1;
	*state = h;
	return 0;
}

static int a_house(void **state)
{
	return house_with(state, NULL);
}

static int a_house_of_many_uids(void **state)
{
	const struct house_setup setup = { .separate_uids = geteuid() == 0 };

	return house_with(state, &setup);
}

static int no_house(void **state)
{
	house_end(*state);
	free(*state);
	return 0;
}

/* As the judge does, whose uid is ours. */
static int calls(const struct house *h, const char *name)
{
	char path[HOUSE_PATH + 32];
	int fd = -1;

	snprintf(path, sizeof(path), "%s/run/%s.sock", h->state, name);
	assert_int_equal(km_connect(path, false, &fd), KM_OK);
	return fd;
}

static bool gone_in_time(pid_t pid)
{
	for (unsigned i = 0; i < WAIT_MS / 20; i++) {
		if (kill(pid, 0) < 0)
			return true;
		snooze(20);
	}
	return false;
}

static unsigned times_in_log(const struct house *h, const char *text)
{
	char *log = house_log(h);
	unsigned n = 0;

	for (const char *at = log; at && (at = strstr(at, text)); at++)
		n++;
	free(log);
	return n;
}

/* --- on demand ---------------------------------------------------------------------------- */

static void test_the_sensor_is_started_when_somebody_connects_and_not_before(void **state)
{
	const struct house *h = *state;
	int fd;

	assert_int_not_equal(house_room(h, MATCHER), 0);
	assert_int_equal(house_room(h, SENSOR), 0);
	assert_int_equal(house_desk(h, NULL, NULL, "status", NULL), 0);
	assert_int_equal(house_room(h, SENSOR), 0);
	fd = calls(h, "sensor");
	assert_int_not_equal(house_wait_room(h, SENSOR, 0), 0);
	close(fd);
}

/* It has taken the call when it has answered. */
static void is_answered(int fd)
{
	struct km_msg m = { .number = KM_MSG_CAPTURE };
	static uint8_t frame[KM_FRAME_MAX];
	size_t len = 0;

	m.capture.version = KM_ROOM_PROTOCOL;
	m.capture.seconds = 10;
	memset(m.capture.grant, 7, sizeof(m.capture.grant));
	assert_int_equal(km_send_msg(fd, &m, -1, 0), KM_OK);
	assert_int_equal(km_recv(fd, frame, sizeof(frame), &len, NULL, NULL, 0), KM_OK);
	assert_int_equal(km_decode(frame, len, KM_FROM_SENSOR, KM_PHASE_SENSOR_LINK, &m), KM_OK);
	assert_int_equal(m.event.grant[0], 7);
}

/* What it is asked before it runs is not lost: a list of the readers, of which there is none. */
static void test_the_call_that_starts_the_sensor_is_answered_by_it(void **state)
{
	int fd = calls(*state, "sensor");

	is_answered(fd);
	close(fd);
}

static void test_its_end_when_idle_is_no_fault_and_the_next_call_starts_it_again(void **state)
{
	const struct house *h = *state;
	int fd = calls(h, "sensor");
	pid_t first = house_wait_room(h, SENSOR, 0);

	assert_int_not_equal(first, 0);
	close(fd);
	snooze(SETTLED_MS);
	/* As when its time is over: code 0. */
	assert_int_equal(kill(first, SIGTERM), 0);
	assert_true(gone_in_time(first));
	assert_int_equal(house_room(h, SENSOR), 0);
	fd = calls(h, "sensor");
	assert_int_not_equal(house_wait_room(h, SENSOR, first), 0);
	close(fd);
	assert_int_equal(times_in_log(h, SENSOR " (pid"), 0);
}

/* C33: the sensor dies alone and is back for the next login. */
static void test_c33_a_sensor_killed_again_and_again_is_back_for_each_call(void **state)
{
	const struct house *h = *state;
	pid_t others[] = { house_room(h, VAULT), house_room(h, JUDGE), house_room(h, MATCHER) };
	pid_t before = 0;

	for (unsigned i = 0; i < 6; i++) {
		int fd = calls(h, "sensor");
		pid_t now = house_wait_room(h, SENSOR, before);

		assert_int_not_equal(now, 0);
		assert_int_equal(kill(now, SIGKILL), 0);
		close(fd);
		before = now;
	}
	assert_true(house_wait_log(h, SENSOR " (pid"));
	assert_true(house_wait_log(h, "was ended by signal 9"));
	assert_int_equal(house_room(h, VAULT), others[0]);
	assert_int_equal(house_room(h, JUDGE), others[1]);
	assert_int_equal(house_room(h, MATCHER), others[2]);
	assert_int_equal(house_desk(h, NULL, NULL, "status", NULL), 0);
}

/* Nobody calls any more: then it is not started again either. */
static void test_a_sensor_that_crashed_stays_away_until_somebody_calls(void **state)
{
	const struct house *h = *state;
	int fd = calls(h, "sensor");
	pid_t first = house_wait_room(h, SENSOR, 0);

	/* So that nobody waits when it is gone. */
	is_answered(fd);
	close(fd);
	assert_int_equal(kill(first, SIGSEGV), 0);
	assert_true(house_wait_log(h, "was ended by signal 11"));
	snooze(300);
	assert_int_equal(house_room(h, SENSOR), 0);
	fd = calls(h, "sensor");
	assert_int_not_equal(house_wait_room(h, SENSOR, first), 0);
	close(fd);
}

/* --- the other rooms ------------------------------------------------------------------------ */

static void test_a_matcher_that_is_killed_comes_back_unasked(void **state)
{
	const struct house *h = *state;
	pid_t before = house_room(h, MATCHER);

	assert_true(house_kill_room(h, MATCHER, SIGKILL));
	assert_int_not_equal(house_wait_room(h, MATCHER, before), 0);
	assert_int_equal(house_desk(h, NULL, NULL, "status", NULL), 0);
}

static void test_a_matcher_whose_vault_has_gone_is_started_again_with_the_next(void **state)
{
	const struct house *h = *state;
	pid_t vault = house_room(h, VAULT), matcher = house_room(h, MATCHER);

	assert_true(house_kill_room(h, VAULT, SIGKILL));
	assert_int_not_equal(house_wait_room(h, VAULT, vault), 0);
	assert_int_not_equal(house_wait_room(h, MATCHER, matcher), 0);
}

static void test_a_courier_that_is_killed_comes_back_unasked(void **state)
{
	const struct house *h = *state;
	pid_t before = house_wait_room(h, COURIER, 0);

	assert_true(house_kill_room(h, COURIER, SIGKILL));
	assert_int_not_equal(house_wait_room(h, COURIER, before), 0);
	assert_int_equal(house_desk(h, NULL, NULL, "status", NULL), 0);
}

static void test_it_stops_with_all_five_running(void **state)
{
	struct house *h = *state;
	static const char *const rooms[] = { VAULT, JUDGE, SENSOR, MATCHER, COURIER };
	int fd = calls(h, "sensor");
	pid_t pid[5];

	for (unsigned i = 0; i < 5; i++) {
		pid[i] = house_wait_room(h, rooms[i], 0);
		assert_int_not_equal(pid[i], 0);
	}
	assert_true(house_stop(h));
	for (unsigned i = 0; i < 5; i++)
		assert_true(kill(pid[i], 0) < 0);
	assert_int_equal(times_in_log(h, "does not stop"), 0);
	close(fd);
}

/* A copy of the programs is needed for these: as root there is one. */
static char *program_of(const struct house *h, const char *name)
{
	static char path[HOUSE_PATH + 32];

	snprintf(path, sizeof(path), "%s/%s", h->bin, name);
	return path;
}

static void test_a_sensor_that_cannot_start_ends_neither_house_nor_logins(void **state)
{
	const struct house *h = *state;
	FILE *f;
	int fd;

	if (geteuid() != 0)
		skip();
	assert_int_equal(unlink(program_of(h, SENSOR)), 0);
	f = fopen(program_of(h, SENSOR), "we");
	assert_non_null(f);
	fputs("#!/bin/sh\nexit 78\n", f);
	fclose(f);
	assert_int_equal(chmod(program_of(h, SENSOR), 0755), 0);
	fd = calls(h, "sensor");
	assert_true(house_wait_log(h, SENSOR " (pid"));
	assert_true(house_wait_log(h, "ended with code 78"));
	close(fd);
	assert_int_equal(house_desk(h, NULL, NULL, "status", NULL), 0);
}

static void test_without_one_of_the_programs_it_does_not_start_and_says_which(void **state)
{
	static const char *const names[] = { VAULT, SENSOR, MATCHER };
	struct house *h = *state;

	if (geteuid() != 0)
		skip();
	for (unsigned i = 0; i < 3; i++) {
		char program[HOUSE_PATH + 32], away[HOUSE_PATH + 32], why[64];
		const char *argv[] = { program,    "--spawn", "--state-dir", h->state,
				       "--socket", h->socket, NULL };
		struct house_out o;

		snprintf(program, sizeof(program), "%s/" JUDGE, h->bin);
		snprintf(away, sizeof(away), "%s/away", h->bin);
		snprintf(why, sizeof(why), "%s is not beside kenmon-authd", names[i]);
		assert_int_equal(rename(program_of(h, names[i]), away), 0);
		assert_int_equal(house_run(&o, -1, NULL, argv), 72);
		assert_non_null(strstr(o.err, why));
		house_out_free(&o);
		assert_int_equal(rename(away, program_of(h, names[i])), 0);
	}
}

/* --- who may call, and who hears what ----------------------------------------------------------
 */

static void test_each_door_is_open_to_its_caller_alone(void **state)
{
	static const struct {
		const char *name;
		unsigned caller; /* after the vault's uid */
	} doors[] = { { "vault", 1 }, { "sensor", 1 }, { "probe", 2 }, { "grant", 3 } };
	const struct house *h = *state;

	for (unsigned i = 0; i < sizeof(doors) / sizeof(doors[0]); i++) {
		char path[HOUSE_PATH + 32];
		struct stat st;

		snprintf(path, sizeof(path), "%s/run/%s.sock", h->state, doors[i].name);
		assert_int_equal(lstat(path, &st), 0);
		assert_true(S_ISSOCK(st.st_mode));
		assert_int_equal(st.st_mode & 07777, 0600);
		assert_int_equal(st.st_uid, h->setup.separate_uids
						? HOUSE_BASE_UID + doors[i].caller
						: geteuid());
	}
}

/* Of /proc/PID/status: the files in there are root's, since rooms are not dumpable. */
static unsigned uid_of(pid_t pid)
{
	char path[64], line[256];
	unsigned uid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) && sscanf(line, "Uid:\t%u", &uid) != 1)
		;
	fclose(f);
	return uid;
}

static void test_each_room_has_the_uid_that_comes_after_the_one_before(void **state)
{
	static const char *const rooms[] = { VAULT, JUDGE, SENSOR, MATCHER };
	const struct house *h = *state;
	int fd;

	if (geteuid() != 0)
		skip();
	fd = calls(h, "sensor");
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(uid_of(house_wait_room(h, rooms[i], 0)), HOUSE_BASE_UID + i);
	close(fd);
}

/* The environment that it was started with. */
static bool hears_of(pid_t pid, const char *name)
{
	static char text[65536];
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = read(fd, text, sizeof(text));
	close(fd);
	assert_true(n > 0);
	return memmem(text, (size_t)n, name, strlen(name)) != NULL;
}

/* C24: virtual readers answer to environment variables. */
static void test_c24_only_the_sensor_hears_of_virtual_readers(void **state)
{
	static const char *const rooms[] = { VAULT, JUDGE, MATCHER, SENSOR };
	struct house *h = *state;
	int fd;

	if (geteuid() != 0)
		skip();
	assert_true(house_stop(h));
	setenv("FP_VIRTUAL_IMAGE", "/tmp/none", 1);
	setenv("FP_VIRTUAL_OTHER", "1", 1);
	assert_true(house_again(h));
	unsetenv("FP_VIRTUAL_IMAGE");
	unsetenv("FP_VIRTUAL_OTHER");
	fd = calls(h, "sensor");
	assert_int_not_equal(house_wait_room(h, SENSOR, 0), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(hears_of(house_room(h, rooms[i]), "FP_VIRTUAL"), i == 3);
	close(fd);
}

int main(void)
{
#define HERE(test)  cmocka_unit_test_setup_teardown(test, a_house, no_house)
#define APART(test) cmocka_unit_test_setup_teardown(test, a_house_of_many_uids, no_house)
	const struct CMUnitTest tests[] = {
		HERE(test_the_sensor_is_started_when_somebody_connects_and_not_before),
		HERE(test_the_call_that_starts_the_sensor_is_answered_by_it),
		HERE(test_its_end_when_idle_is_no_fault_and_the_next_call_starts_it_again),
		HERE(test_c33_a_sensor_killed_again_and_again_is_back_for_each_call),
		HERE(test_a_sensor_that_crashed_stays_away_until_somebody_calls),
		HERE(test_a_matcher_that_is_killed_comes_back_unasked),
		HERE(test_a_matcher_whose_vault_has_gone_is_started_again_with_the_next),
		HERE(test_a_courier_that_is_killed_comes_back_unasked),
		HERE(test_it_stops_with_all_five_running),
		HERE(test_a_sensor_that_cannot_start_ends_neither_house_nor_logins),
		HERE(test_without_one_of_the_programs_it_does_not_start_and_says_which),
		HERE(test_each_door_is_open_to_its_caller_alone),
		APART(test_each_door_is_open_to_its_caller_alone),
		APART(test_each_room_has_the_uid_that_comes_after_the_one_before),
		HERE(test_c24_only_the_sensor_hears_of_virtual_readers),
	};

	return cmocka_run_group_tests_name("spawn_sensor", tests, NULL, NULL);
}
