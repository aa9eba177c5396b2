/* The first steps of a room: what it gives up, how it says that it is ready, where it listens. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/room.h>
#include <kenmon/sock.h>

static char dir[64];

static int make_folder(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/kenmon-room-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(dir);
}

/* In a child: what it gives up it gives up for good. */
static int begin(void)
{
	struct rlimit core;

	/* Once more changes nothing. */
	if (km_room_begin() != KM_OK || km_room_begin() != KM_OK)
		return 1;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_DUMPABLE) != 0)
		return 2;
	if (getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_cur != 0 || core.rlim_max != 0)
		return 3;
	return umask(0) == 0077 ? 0 : 4;
}

static void test_a_room_leaves_no_core_gains_no_privilege_and_makes_private_files(void **state)
{
	pid_t pid = fork();
	int status = -1;

	(void)state;
	if (pid == 0)
		_exit(begin());
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* name[0] == '@': no file. What km_room_ready said there, or "". */
static const char *said_to(const char *name)
{
	static char text[64];
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	size_t len = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ssize_t n;

	memcpy(at.sun_path, name, len);
	if (name[0] == '@')
		at.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&at,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
			 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	km_room_will_be_ready();
	km_room_ready();
	n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	text[n < 0 ? 0 : n] = '\0';
	close(fd);
	unsetenv("NOTIFY_SOCKET");
	return text;
}

static void test_a_room_says_that_it_is_ready_to_whoever_started_it(void **state)
{
	char path[96];

	(void)state;
	snprintf(path, sizeof(path), "%s/notify", dir);
	assert_string_equal(said_to(path), "READY=1");
	unlink(path);
	snprintf(path, sizeof(path), "@kenmon-test-%d", (int)getpid());
	assert_string_equal(said_to(path), "READY=1");
}

static void test_nobody_to_tell_is_no_fault(void **state)
{
	char name[200];

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	km_room_ready();
	setenv("NOTIFY_SOCKET", "/", 1);
	km_room_ready();
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	setenv("NOTIFY_SOCKET", name, 1); /* longer than a socket's path */
	km_room_ready();
	setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
	km_room_ready();
	unsetenv("NOTIFY_SOCKET");
}

static void test_where_nothing_can_be_made_nobody_listens_and_nothing_is_left(void **state)
{
	char path[200];
	int fd = 4711;

	(void)state;
	assert_int_equal(km_listen_at("", 0600, (uid_t)-1, (gid_t)-1, &fd), KM_ELIMIT);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(km_listen_at(path, 0600, (uid_t)-1, (gid_t)-1, &fd), KM_ELIMIT);
	snprintf(path, sizeof(path), "%s/none/sock", dir);
	assert_int_equal(km_listen_at(path, 0600, (uid_t)-1, (gid_t)-1, &fd), KM_EIO);
	assert_int_equal(fd, 4711);
}

/* Only root may give a socket away: for anybody else it cannot be made, and must not stay. */
static int give_away(const char *path)
{
	int fd = -1;

	if (geteuid() == 0 && (chown(dir, 65534, 65534) < 0 || seteuid(65534) < 0))
		return 1;
	if (km_listen_at(path, 0600, 12345, (gid_t)-1, &fd) != KM_EIO || fd != -1)
		return 2;
	return access(path, F_OK) == 0 ? 3 : 0;
}

static void test_a_socket_that_cannot_be_given_its_owner_does_not_stay(void **state)
{
	char path[96];
	pid_t pid;
	int status = -1;

	(void)state;
	snprintf(path, sizeof(path), "%s/sock", dir);
	pid = fork();
	if (pid == 0)
		_exit(give_away(path));
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_a_uid_is_digits_alone_and_not_the_one_that_means_none(void **state)
{
	static const char *const none[] = { "",
					    "-1",
					    "+7",
					    " 7",
					    "7 ",
					    "x",
					    "12x",
					    "0x10",
					    "\n7",
					    "-",
					    "4294967295",
					    "4294967303",
					    "18446744073709551623",
					    "99999999999999999999999" };
	static const struct {
		const char *text;
		int64_t uid;
	} good[] = { { "0", 0 }, { "007", 7 }, { "61577", 61577 }, { "4294967294", 4294967294 } };
	int64_t uid = 4711;

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		assert_false(km_uid_parse(none[i], &uid));
		assert_int_equal(uid, 4711);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(km_uid_parse(good[i].text, &uid));
		assert_int_equal(uid, good[i].uid);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_a_room_leaves_no_core_gains_no_privilege_and_makes_private_files),
		cmocka_unit_test(test_a_room_says_that_it_is_ready_to_whoever_started_it),
		cmocka_unit_test(test_nobody_to_tell_is_no_fault),
		cmocka_unit_test(test_where_nothing_can_be_made_nobody_listens_and_nothing_is_left),
		cmocka_unit_test(test_a_socket_that_cannot_be_given_its_owner_does_not_stay),
		cmocka_unit_test(test_a_uid_is_digits_alone_and_not_the_one_that_means_none),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
