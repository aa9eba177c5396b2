/* kenmon-authd --spawn: what it refuses to start on, and how it ends. */
#include <dirent.h>
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/sock.h>
#include <kenmon/wire.h>

#include "house.h"

#define WAIT_MS 5000

static void snooze(unsigned ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

static int a_house(void **state)
{
	struct house *h = calloc(1, sizeof(*h));

	if (!h || !house_start(h, NULL))
		return -1;
	*state = h;
	return 0;
}

static int no_house(void **state)
{
	house_end(*state);
	free(*state);
	return 0;
}

/* Starts another --spawn of the house's programs, which has to end by itself. */
static int spawn_as(const struct house *h, int64_t uid, const char *state_dir, const char *option,
		    const char *value, struct house_out *o)
{
	char program[HOUSE_PATH + 16], socket[HOUSE_PATH + 8];
	const char *argv[] = { program, "--spawn", "--state-dir", state_dir, "--socket",
			       socket,  option,    value,         NULL };

	snprintf(program, sizeof(program), "%s/kenmon-authd", h->bin);
	snprintf(socket, sizeof(socket), "%s/other", h->dir);
	return house_run(o, uid, NULL, argv);
}

static void ends(const struct house *h, const char *state_dir, int code, const char *why)
{
	struct house_out o;

	assert_int_equal(spawn_as(h, -1, state_dir, NULL, NULL, &o), code);
	if (!strstr(o.err, why))
		fail_msg("'%s' is not in: %s", why, o.err);
	house_out_free(&o);
}

/* --- what it does not start on ------------------------------------------------------- */

static void test_a_folder_in_use_is_refused(void **state)
{
	const struct house *h = *state;

	ends(h, h->state, 73, "in use");
	assert_int_equal(house_desk(h, NULL, NULL, "status", NULL), 0);
}

static void test_a_place_where_no_socket_can_be_is_said_to_be_none(void **state)
{
	const struct house *h = *state;
	char program[HOUSE_PATH + 16], dir[HOUSE_PATH + 8], nowhere[HOUSE_PATH + 16],
	    file[HOUSE_PATH + 32], name[160];
	const struct {
		const char *socket, *why;
	} places[] = { { h->socket, "another program listens there" },
		       { file, "something else stands there" },
		       { nowhere, "No such file or directory" },
		       { name, "a socket's name has at most 107 bytes" } };
	struct house_out o;

	snprintf(program, sizeof(program), "%s/kenmon-authd", h->bin);
	snprintf(dir, sizeof(dir), "%s/new", h->dir);
	snprintf(file, sizeof(file), "%s/kenmon-authd", h->bin);
	snprintf(nowhere, sizeof(nowhere), "%s/no/sock", h->dir);
	memset(name, 'x', sizeof(name));
	memcpy(name, "/tmp/", 5);
	name[sizeof(name) - 1] = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const char *argv[] = { program,    "--spawn",        "--state-dir", dir,
				       "--socket", places[i].socket, NULL };

		assert_int_equal(house_run(&o, -1, NULL, argv), 73);
		if (!strstr(o.err, places[i].why))
			fail_msg("'%s' is not in: %s", places[i].why, o.err);
		house_out_free(&o);
	}
	assert_int_equal(house_desk(h, NULL, NULL, "status", NULL), 0);
}

/* Whoever starts it counts as root in there: never where the system's records are. */
static void test_the_systems_state_folder_is_refused_by_any_name(void **state)
{
	static const char *const names[] = { "/var/lib/kenmon", "/var/lib/kenmon/",
					     "/var/lib/../lib/./kenmon", "/var//lib/kenmon//" };
	struct stat before, after;
	int was = stat("/var/lib/kenmon", &before);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ends(*state, names[i], 77, "system's state folder");
	assert_int_equal(stat("/var/lib/kenmon", &after), was);
}

/* C12 */
static void test_c12_a_folder_that_others_can_write_is_refused(void **state)
{
	const struct house *h = *state;
	char dir[HOUSE_PATH + 8], link[HOUSE_PATH + 8];

	snprintf(dir, sizeof(dir), "%s/open", h->dir);
	snprintf(link, sizeof(link), "%s/link", h->dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(chmod(dir, 0720), 0);
	ends(h, dir, 73, "written by others");
	assert_int_equal(chmod(dir, 0702), 0);
	ends(h, dir, 73, "written by others");
	assert_int_equal(symlink(dir, link), 0);
	ends(h, link, 73, "written by others");
}

/* C2: links planted where the rooms' folders and files come to stand. */
static void test_c2_planted_links_are_refused_and_not_followed(void **state)
{
	static const struct {
		const char *folder, *link;
		int code;
	} planted[] = {
		{ NULL, "vault", 73 },
		{ NULL, "judge", 73 },
		{ NULL, "run", 73 },
		{ "judge", "judge/anchor", 77 },
	};
	const struct house *h = *state;
	char victim[HOUSE_PATH + 16], dir[HOUSE_PATH + 16], path[HOUSE_PATH + 40];
	struct stat before, after;
	struct house_out o;

	snprintf(victim, sizeof(victim), "%s/victim", h->dir);
	assert_int_equal(mkdir(victim, 0700), 0);
	assert_int_equal(stat(victim, &before), 0);
	for (size_t i = 0; i < sizeof(planted) / sizeof(planted[0]); i++) {
		snprintf(dir, sizeof(dir), "%s/planted%zu", h->dir, i);
		assert_int_equal(mkdir(dir, 0700), 0);
		if (planted[i].folder) {
			snprintf(path, sizeof(path), "%s/%s", dir, planted[i].folder);
			assert_int_equal(mkdir(path, 0700), 0);
		}
		snprintf(path, sizeof(path), "%s/%s", dir, planted[i].link);
		assert_int_equal(symlink(victim, path), 0);
		assert_int_equal(spawn_as(h, -1, dir, NULL, NULL, &o), planted[i].code);
		house_out_free(&o);
	}
	assert_int_equal(stat(victim, &after), 0);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
}

static void test_separate_uids_need_root_as_another_uid(void **state)
{
	const struct house *h = *state;
	struct house_out o;

	if (geteuid() != 0)
		skip();
	assert_int_equal(
	    spawn_as(h, HOUSE_BASE_UID + 9, "/tmp/kenmon-unused", "--separate-uids", "70000", &o),
	    77);
	assert_non_null(strstr(o.err, "needs root"));
	house_out_free(&o);
}

/* --- while it runs ------------------------------------------------------------------- */

static void mode_is(const struct house *h, const char *name, mode_t type, mode_t mode)
{
	char path[HOUSE_PATH + 32];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", h->dir, name);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode & S_IFMT, type);
	assert_int_equal(st.st_mode & 07777, mode);
}

static void test_only_the_front_socket_is_open_to_others(void **state)
{
	const struct house *h = *state;
	struct stat st;
	char path[HOUSE_PATH + 32];

	assert_int_equal(stat(h->socket, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	assert_int_equal(stat(h->state, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	snprintf(path, sizeof(path), "%s/run/vault.sock", h->state);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	mode_is(h, "state/vault", S_IFDIR, 0700);
	mode_is(h, "state/judge", S_IFDIR, 0700);
	mode_is(h, "state/judge/anchor", S_IFREG, 0600);
}

/* True when a descriptor of the process leads to path. */
static bool has_open(pid_t pid, const char *path)
{
	char dir[64], link[PATH_MAX];
	bool found = false;
	struct dirent *e;
	DIR *d;

	snprintf(dir, sizeof(dir), "/proc/%d/fd", pid);
	d = opendir(dir);
	assert_non_null(d);
	while ((e = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, link, sizeof(link) - 1);

		link[n > 0 ? n : 0] = '\0';
		found = found || strcmp(link, path) == 0;
	}
	closedir(d);
	return found;
}

/* C4: what the starter has open stays with the starter. Needs root to look into the rooms. */
static void test_c4_rooms_inherit_no_descriptor(void **state)
{
	static const char *const rooms[] = { "kenmon-authd", "kenmon-vault" };
	struct house *h = *state;
	char path[HOUSE_PATH + 16];
	int fd;

	if (geteuid() != 0)
		skip();
	assert_true(house_stop(h));
	snprintf(path, sizeof(path), "%s/marker", h->dir);
	fd = open(path, O_RDWR | O_CREAT, 0600); /* not close-on-exec */
	assert_true(fd >= 0);
	assert_int_equal(dup2(fd, 200), 200);
	assert_true(house_again(h));
	assert_true(has_open(getpid(), path));
	for (size_t i = 0; i < 2; i++) {
		pid_t pid = house_room(h, rooms[i]);

		assert_true(pid > 0);
		assert_false(has_open(pid, path));
	}
	close(200);
	close(fd);
}

/* Libraries listen to variables, libcurl to those of proxies. Needs root to look into the rooms. */
static void test_rooms_get_nothing_of_the_starters_environment_that_they_do_not_need(void **state)
{
	static const char *const rooms[] = { "kenmon-authd", "kenmon-vault", "kenmon-courier" };
	static char text[65536];
	struct house *h = *state;
	char path[64];

	if (geteuid() != 0)
		skip();
	assert_true(house_stop(h));
	assert_int_equal(setenv("https_proxy", "http://198.51.100.1:3128", 1), 0);
	assert_int_equal(setenv("OPENSSL_CONF", "/nonexistent", 1), 0);
	assert_true(house_again(h));
	unsetenv("https_proxy");
	unsetenv("OPENSSL_CONF");
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		bool listens = false;
		size_t len;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/environ", house_wait_room(h, rooms[i], 0));
		f = fopen(path, "re");
		assert_non_null(f);
		len = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
		text[len] = '\0';
		for (const char *at = text; at < text + len; at += strlen(at) + 1) {
			listens = listens || strncmp(at, "LISTEN_PID=", 11) == 0;
			if (strncmp(at, "https_proxy=", 12) == 0 ||
			    strncmp(at, "OPENSSL_CONF=", 13) == 0 || strncmp(at, "HOME=", 5) == 0)
				fail_msg("%s has %s", rooms[i], at);
		}
		assert_true(listens); /* it was looked at */
	}
}

static void test_rooms_can_gain_no_privileges(void **state)
{
	static const char *const rooms[] = { "kenmon-authd", "kenmon-vault" };
	char path[64], line[256];

	for (size_t i = 0; i < 2; i++) {
		bool found = false;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/status", house_room(*state, rooms[i]));
		f = fopen(path, "re");
		assert_non_null(f);
		while (fgets(line, sizeof(line), f))
			found = found || strcmp(line, "NoNewPrivs:\t1\n") == 0;
		fclose(f);
		assert_true(found);
	}
}

/* C26: random bytes and changed frames on the socket that everybody can reach. */
static void test_c26_garbage_on_the_socket_disturbs_no_room(void **state)
{
	const struct house *h = *state;
	pid_t judge = house_room(h, "kenmon-authd"), vault = house_room(h, "kenmon-vault");
	struct km_msg hello = { .number = KM_MSG_HELLO };
	uint8_t frame[512];
	size_t len = 0;

	hello.hello.kind = KM_CLIENT_DOOR;
	hello.hello.oldest = hello.hello.newest = KM_PROTOCOL_NEWEST;
	srandom(26);
	for (unsigned i = 0; i < 2000; i++) {
		int fd = -1;

		assert_int_equal(km_connect(h->socket, true, &fd), KM_OK);
		if (i % 2)
			assert_int_equal(km_encode(&hello, frame, sizeof(frame), &len), KM_OK);
		if (i % 2 && i % 3)
			(void)!km_send(fd, frame, len, -1, MSG_DONTWAIT);
		else if (i % 2)
			frame[(size_t)random() % len] ^= (uint8_t)(1 + random() % 255);
		if (i % 2 == 0) {
			len = 1 + (size_t)random() % sizeof(frame);
			for (size_t k = 0; k < len; k++)
				frame[k] = (uint8_t)random();
		}
		(void)!km_send(fd, frame, len, i % 5 ? -1 : STDERR_FILENO, MSG_DONTWAIT);
		close(fd);
	}
	assert_int_equal(house_desk(h, NULL, NULL, "status", NULL), 0);
	assert_int_equal(house_room(h, "kenmon-authd"), judge);
	assert_int_equal(house_room(h, "kenmon-vault"), vault);
}

/* --- how it ends --------------------------------------------------------------------- */

static bool gone_in_time(pid_t pid)
{
	for (unsigned i = 0; i < WAIT_MS / 20; i++) {
		if (kill(pid, 0) < 0)
			return true;
		snooze(20);
	}
	return false;
}

static void test_told_to_stop_it_takes_its_sockets_away(void **state)
{
	struct house *h = *state;
	char path[HOUSE_PATH + 32];
	struct stat st;

	snprintf(path, sizeof(path), "%s/run/vault.sock", h->state);
	assert_int_equal(stat(path, &st), 0);
	assert_true(house_stop(h));
	assert_int_not_equal(stat(path, &st), 0);
	assert_int_not_equal(stat(h->socket, &st), 0);
}

static void test_killed_it_takes_its_rooms_along(void **state)
{
	struct house *h = *state;
	pid_t judge = house_room(h, "kenmon-authd"), vault = house_room(h, "kenmon-vault");

	assert_true(judge > 0 && vault > 0);
	assert_int_equal(kill(h->pid, SIGKILL), 0);
	assert_int_equal(waitpid(h->pid, NULL, 0), h->pid);
	h->pid = 0;
	assert_true(gone_in_time(judge));
	assert_true(gone_in_time(vault));
	assert_true(house_again(h));
	assert_int_equal(house_desk(h, NULL, NULL, "status", NULL), 0);
}

/* A room that hangs is killed after three seconds; nothing waits for ever. */
static void test_a_room_that_hangs_does_not_keep_it_from_stopping(void **state)
{
	struct house *h = *state;

	assert_true(house_kill_room(h, "kenmon-vault", SIGSTOP));
	assert_true(house_stop(h));
}

int main(void)
{
#define HERE(test) cmocka_unit_test_setup_teardown(test, a_house, no_house)
	const struct CMUnitTest tests[] = {
		HERE(test_a_folder_in_use_is_refused),
		HERE(test_a_place_where_no_socket_can_be_is_said_to_be_none),
		HERE(test_the_systems_state_folder_is_refused_by_any_name),
		HERE(test_c12_a_folder_that_others_can_write_is_refused),
		HERE(test_c2_planted_links_are_refused_and_not_followed),
		HERE(test_separate_uids_need_root_as_another_uid),
		HERE(test_only_the_front_socket_is_open_to_others),
		HERE(test_c4_rooms_inherit_no_descriptor),
		HERE(test_rooms_get_nothing_of_the_starters_environment_that_they_do_not_need),
		HERE(test_rooms_can_gain_no_privileges),
		HERE(test_c26_garbage_on_the_socket_disturbs_no_room),
		HERE(test_told_to_stop_it_takes_its_sockets_away),
		HERE(test_killed_it_takes_its_rooms_along),
		HERE(test_a_room_that_hangs_does_not_keep_it_from_stopping),
	};

	return cmocka_run_group_tests_name("spawn", tests, NULL, NULL);
}
