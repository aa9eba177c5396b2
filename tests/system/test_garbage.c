/*
 * Clients that do not keep to the protocol (C26), while others log in: each
 * loses its own connection and nobody else notices. The same numbers every time.
 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include <kenmon/clock.h>
#include <kenmon/sock.h>

#include "house_office.h"

#define DAEMON_UID 1
#define CLIENTS    4    /* that send garbage at the same time */
#define FOR_MS     3000 /* how long they do */
#define GOOD       40   /* logins meanwhile, at least */
#define CROWD      1100 /* connections: more than there are sessions */
#define FIRST_UID  61600
#define EACH       5 /* connections of one uid; one more than are served */

/* Numbers that are the same every time (xorshift). */
static uint32_t state_of_numbers;
static uint32_t number(void)
{
	state_of_numbers ^= state_of_numbers << 13;
	state_of_numbers ^= state_of_numbers >> 17;
	state_of_numbers ^= state_of_numbers << 5;
	return state_of_numbers;
}

static int start(void **state)
{
	struct house *h = calloc(1, sizeof(*h));
	const struct office_otp otp = { .factor = KM_FACTOR_HOTP };

	*state = h;
	return h && office_house(h, NULL) && office_add(h, "daemon", DAEMON_UID) == KM_OK &&
		       office_enrol(h, "daemon", &otp, NULL) == KM_OK
		   ? 0
		   : -1;
}

/* --- frames ---------------------------------------------------------------- */

static size_t good_frame(uint8_t *buf, size_t cap, unsigned which)
{
	struct km_msg m = { 0 };
	size_t len = 0;

	switch (which % 5) {
	case 0:
		m.number = KM_MSG_HELLO;
		m.hello.kind = number() % 2 ? KM_CLIENT_DOOR : KM_CLIENT_DESK;
		m.hello.oldest = m.hello.newest = KM_PROTOCOL_NEWEST;
		break;
	case 1:
		m.number = KM_MSG_LOGIN;
		m.login.kind = (uint8_t)(1 + number() % 4);
		snprintf(m.login.login, sizeof(m.login.login), "stranger");
		snprintf(m.login.service, sizeof(m.login.service), "one");
		m.login.uid = number();
		break;
	case 2:
		m.number = KM_MSG_DESK;
		break;
	case 3:
		m.number = KM_MSG_ANSWER;
		m.answer.secret.len = 6;
		memcpy(m.answer.secret.bytes, "000000", 6);
		break;
	default:
		m.number = KM_MSG_ABORT;
		break;
	}
	return km_encode(&m, buf, cap, &len) == KM_OK ? len : 0;
}

/* Turns, cuts, lengthens or replaces what was a frame. */
static size_t spoil(uint8_t *buf, size_t cap, size_t len)
{
	unsigned how = number() % 6;

	if (how == 0) {
		len = number() % cap;
		for (size_t i = 0; i < len; i++)
			buf[i] = (uint8_t)number();
	} else if (how == 1) {
		len = number() % (len + 1);
	} else if (how == 2) {
		for (size_t i = len, to = len + number() % 64; i < to && i < cap; i++)
			buf[len++] = (uint8_t)number();
	} else if (how == 3 && len > 0) {
		buf[0] = (uint8_t)number();
	} else if (how == 4 && len > 0) {
		for (unsigned n = 1 + number() % 8; n > 0; n--)
			buf[number() % len] = (uint8_t)number();
	}
	return len; /* one in six is left good, so that the next phase is reached */
}

/* One connection: a few good steps in, then something else. */
static void be_bad_once(const char *socket)
{
	static uint8_t buf[70000];
	unsigned steps = number() % 5;
	int fd = -1;

	if (km_connect(socket, true, &fd) != KM_OK)
		return;
	for (unsigned i = 0; i <= steps; i++) {
		size_t len = good_frame(buf, sizeof(buf), i < 2 && number() % 2 ? i : number());

		if (i >= steps || number() % 3 == 0)
			len = spoil(buf, number() % 50 ? 1024 : sizeof(buf), len);
		/* With a descriptor now and then, which nobody asked for. */
		if (km_send(fd, buf, len, number() % 20 ? -1 : 0, MSG_DONTWAIT) != KM_OK)
			break;
		if (number() % 4 == 0)
			while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
				;
	}
	if (number() % 2)
		shutdown(fd, SHUT_RDWR);
	close(fd);
}

static pid_t bad_client(const struct house *h, uint32_t seed)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	state_of_numbers = seed;
	for (int64_t until = km_boot_ms() + FOR_MS; km_boot_ms() < until;)
		be_bad_once(h->socket);
	_exit(0);
}

static void rooms_of(const struct house *h, pid_t rooms[2])
{
	rooms[0] = house_room(h, "kenmon-authd");
	rooms[1] = house_room(h, "kenmon-vault");
	assert_true(rooms[0] > 0 && rooms[1] > 0);
}

static void assert_same_rooms(const struct house *h, const pid_t before[2])
{
	pid_t now[2];

	rooms_of(h, now);
	assert_int_equal(now[0], before[0]);
	assert_int_equal(now[1], before[1]);
}

static void test_c26_garbage_costs_only_the_client_that_sends_it(void **state)
{
	const struct house *h = *state;
	pid_t rooms[2], bad[CLIENTS];
	unsigned good = 0;
	char code[16];
	int status;

	rooms_of(h, rooms);
	office_close();
	for (unsigned i = 0; i < CLIENTS; i++)
		bad[i] = bad_client(h, 0x9e3779b9u + i);
	for (int64_t until = km_boot_ms() + FOR_MS; km_boot_ms() < until || good < GOOD; good++) {
		house_hotp(code, OFFICE_SECRET, 6, good);
		assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
	}
	for (unsigned i = 0; i < CLIENTS; i++) {
		assert_int_equal(waitpid(bad[i], &status, 0), bad[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	assert_same_rooms(h, rooms);
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_ALLOWED, "daemon", NULL), good);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_HOTP), 0);
	assert_int_equal(house_desk(h, NULL, NULL, "audit", "verify", NULL), 0);
}

/* --- silence ----------------------------------------------------------------- */

static int connected(const struct house *h)
{
	int fd = -1;

	return km_connect(h->socket, true, &fd) == KM_OK ? fd : -1;
}

static void say(int fd, unsigned which)
{
	uint8_t buf[2048];
	size_t len = good_frame(buf, sizeof(buf), which);

	assert_int_equal(km_send(fd, buf, len, -1, MSG_DONTWAIT), KM_OK);
}

/* Waits for the other side to hang up; how long it took, in ms. */
static int64_t until_hung_up(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };
	int64_t from = km_boot_ms();

	assert_int_equal(poll(&p, 1, 20000), 1);
	return km_boot_ms() - from;
}

static void test_clients_that_stop_half_way_are_let_go_and_hold_nobody_up(void **state)
{
	const struct house *h = *state;
	int silent[50], half[50];
	pid_t rooms[2];
	char code[16];

	rooms_of(h, rooms);
	state_of_numbers = 26;
	for (unsigned i = 0; i < 50; i++) {
		silent[i] = connected(h);
		half[i] = connected(h);
		assert_true(silent[i] >= 0 && half[i] >= 0);
		say(half[i], 0);
		if (i % 2)
			say(half[i], 1);
	}
	for (unsigned i = 0; i < 5; i++) {
		house_hotp(code, OFFICE_SECRET, 6, i);
		assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
	}
	/* They have ten seconds to say who they are. */
	assert_in_range(until_hung_up(silent[49]), 0, 15000);
	for (unsigned i = 0; i < 50; i++) {
		close(silent[i]);
		close(half[i]);
	}
	assert_same_rooms(h, rooms);
}

static void test_clients_that_never_read_hold_nobody_up(void **state)
{
	const struct house *h = *state;
	pid_t rooms[2];
	char code[16];
	int deaf[20];

	rooms_of(h, rooms);
	state_of_numbers = 27;
	for (unsigned i = 0; i < 20; i++) {
		int least = 1;

		deaf[i] = connected(h);
		assert_true(deaf[i] >= 0);
		/* As full as the kernel allows, from the first byte. */
		setsockopt(deaf[i], SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
		setsockopt(deaf[i], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
		say(deaf[i], 0);
		say(deaf[i], 1);
		for (unsigned k = 0; k < 100; k++) {
			uint8_t buf[2048];
			size_t len = good_frame(buf, sizeof(buf), 3);

			if (km_send(deaf[i], buf, len, -1, MSG_DONTWAIT) != KM_OK)
				break;
		}
	}
	for (unsigned i = 0; i < 5; i++) {
		house_hotp(code, OFFICE_SECRET, 6, i);
		assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
	}
	for (unsigned i = 0; i < 20; i++)
		close(deaf[i]);
	assert_same_rooms(h, rooms);
}

/* --- crowds ------------------------------------------------------------------- */

/* The kernel stamps a connection with the uid at connect(). */
static void crowd(const struct house *h, unsigned count, unsigned each)
{
	for (unsigned i = 0; i < count; i++) {
		int fd;

		assert_int_equal(seteuid(FIRST_UID + i / each), 0);
		fd = connected(h);
		assert_int_equal(seteuid(0), 0);
		assert_true(fd >= 0);
	}
}

static void crowd_then_login(const struct house *h, unsigned each)
{
	const struct rlimit files = { 4096, 4096 };
	pid_t rooms[2], pid;
	char code[16], ok;
	int ready[2];

	rooms_of(h, rooms);
	office_close();
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (setrlimit(RLIMIT_NOFILE, &files) < 0)
			_exit(1);
		crowd(h, CROWD, each);
		if (write(ready[1], "r", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &ok, 1), 1);
	house_hotp(code, OFFICE_SECRET, 6, 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
	house_hotp(code, OFFICE_SECRET, 6, 1);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
	assert_int_equal(house_desk(h, NULL, NULL, "status", NULL), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ready[0]);
	assert_same_rooms(h, rooms);
}

static void test_a_crowd_of_one_uid_does_not_keep_root_out_as_another_uid(void **state)
{
	if (geteuid() != 0)
		skip();
	crowd_then_login(*state, CROWD);
}

static void test_a_crowd_of_many_uids_does_not_keep_root_out_as_another_uid(void **state)
{
	if (geteuid() != 0)
		skip();
	crowd_then_login(*state, EACH);
}

#define BAD_TEST(f) cmocka_unit_test_setup_teardown(f, start, office_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BAD_TEST(test_c26_garbage_costs_only_the_client_that_sends_it),
		BAD_TEST(test_clients_that_stop_half_way_are_let_go_and_hold_nobody_up),
		BAD_TEST(test_clients_that_never_read_hold_nobody_up),
		BAD_TEST(test_a_crowd_of_one_uid_does_not_keep_root_out_as_another_uid),
		BAD_TEST(test_a_crowd_of_many_uids_does_not_keep_root_out_as_another_uid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
