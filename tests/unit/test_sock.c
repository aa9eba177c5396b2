/* Sockets: made with the right owner and mode, found by name, and reached or not. */
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/sock.h>
#include <kenmon/wire.h>

static char folder[] = "/tmp/kenmon-test-sock-XXXXXX";
static char path[64];

static int listen_here(void)
{
	int fd = -1;

	assert_int_equal(km_listen_at(path, 0600, (uid_t)-1, (gid_t)-1, &fd), KM_OK);
	return fd;
}

/* --- somebody else in the same folder --------------------------------------- */

static const char *switched; /* what stands in the socket's place as soon as it has its name */

/* Instead of libc's. */
int bind(int fd, const struct sockaddr *at, socklen_t len)
{
	const char *name = ((const struct sockaddr_un *)(const void *)at)->sun_path;
	int r = (int)syscall(SYS_bind, fd, at, len);

	if (r == 0 && switched) {
		assert_int_equal(unlink(name), 0);
		assert_int_equal(symlink(switched, name), 0);
	}
	return r;
}

static void test_a_link_put_in_the_sockets_place_changes_nothing_elsewhere(void **state)
{
	char victim[sizeof(path) + 8];
	struct stat st;
	int fd = -1, file;

	(void)state;
	snprintf(victim, sizeof(victim), "%s.victim", path);
	file = open(victim, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	close(file);
	switched = victim;
	if (km_listen_at(path, 0666, (uid_t)-1, (gid_t)-1, &fd) == KM_OK)
		close(fd);
	switched = NULL;
	assert_int_equal(lstat(victim, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(unlink(victim), 0);
	assert_int_equal(unlink(path), 0);
}

/* --- listening and connecting ---------------------------------------------- */

static void test_a_socket_has_the_mode_it_was_asked_for(void **state)
{
	mode_t old = umask(0077);
	struct stat st;
	int fd = -1;

	(void)state;
	assert_int_equal(km_listen_at(path, 0666, getuid(), getgid(), &fd), KM_OK);
	assert_int_equal(umask(old), 0077);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0666);
	assert_int_equal(st.st_uid, getuid());
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
}

static void test_frames_go_both_ways_and_are_stamped_from_the_first_byte(void **state)
{
	uint8_t buf[16];
	size_t len = 0;
	struct km_stamp stamp = { 0 };
	int fd = listen_here(), client = -1, server, value = 0;
	socklen_t value_len = sizeof(value);
	pid_t pid = 0;
	uid_t uid = 4711;
	gid_t gid = 4711;

	(void)state;
	assert_int_equal(km_connect(path, true, &client), KM_OK);
	assert_true(fcntl(client, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fcntl(client, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(getsockopt(client, SOL_SOCKET, SO_TYPE, &value, &value_len), 0);
	assert_int_equal(value, SOCK_SEQPACKET);
	server = accept(fd, NULL, NULL);
	assert_true(server >= 0);
	assert_int_equal(km_send(server, (const uint8_t *)"hi", 2, -1, 0), KM_OK);
	assert_int_equal(km_recv(client, buf, sizeof(buf), &len, NULL, &stamp, 0), KM_OK);
	assert_true(stamp.known);
	assert_int_equal(stamp.pid, getpid());
	assert_int_equal(stamp.uid, getuid());
	assert_int_equal(km_peer(server, &pid, &uid, &gid), KM_OK);
	assert_int_equal(pid, getpid());
	assert_int_equal(uid, getuid());
	assert_int_equal(gid, getgid());
	assert_int_equal(km_peer(server, NULL, NULL, NULL), KM_OK);
	close(server);
	close(client);
	close(fd);
}

static void test_a_peer_is_in_its_own_group_and_in_those_it_was_given(void **state)
{
	static const gid_t given[] = { 6161, 6162 };
	int fd = listen_here(), client = -1, server;
	gid_t before[64];
	int n = getgroups(64, before);
	bool in = false;

	(void)state;
	assert_true(n >= 0);
	if (geteuid() == 0)
		assert_int_equal(setgroups(2, given), 0);
	assert_int_equal(km_connect(path, true, &client), KM_OK);
	if (geteuid() == 0)
		assert_int_equal(setgroups((size_t)n, before), 0);
	server = accept(fd, NULL, NULL);
	assert_int_equal(km_peer_in_group(server, getgid(), &in), KM_OK);
	assert_true(in);
	assert_int_equal(km_peer_in_group(server, 6163, &in), KM_OK);
	assert_false(in);
	/* As they were when it connected. */
	for (size_t i = 0; geteuid() == 0 && i < 2; i++) {
		assert_int_equal(km_peer_in_group(server, given[i], &in), KM_OK);
		assert_true(in);
	}
	close(server);
	close(client);
	close(fd);
}

static void test_an_old_socket_is_replaced_and_anything_else_is_not(void **state)
{
	int fd = listen_here(), file, again = 4711, client = -1;

	(void)state;
	close(fd);
	assert_int_equal(km_connect(path, false, &client), KM_EUNAVAIL);
	fd = listen_here();
	assert_int_equal(km_connect(path, false, &client), KM_OK);
	close(client);
	/* Somebody listens there: it is theirs. */
	assert_int_equal(km_listen_at(path, 0600, (uid_t)-1, (gid_t)-1, &again), KM_EEXIST);
	assert_int_equal(km_connect(path, false, &client), KM_OK);
	close(client);
	close(fd);
	assert_int_equal(unlink(path), 0);

	file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	close(file);
	assert_int_equal(km_listen_at(path, 0600, (uid_t)-1, (gid_t)-1, &again), KM_EEXIST);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_int_equal(km_listen_at(path, 0600, (uid_t)-1, (gid_t)-1, &again), KM_EEXIST);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(again, 4711);
}

static void test_where_nobody_listens_there_is_no_connection(void **state)
{
	bool in;
	char longer[200];
	int fd = 4711, stream;

	(void)state;
	unlink(path);
	assert_int_equal(km_connect(path, true, &fd), KM_EUNAVAIL);
	assert_int_equal(km_connect("/nonexistent/authd.sock", true, &fd), KM_EUNAVAIL);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(km_connect(longer, true, &fd), KM_ELIMIT);
	assert_int_equal(km_connect("", true, &fd), KM_ELIMIT);
	assert_int_equal(km_listen_at(longer, 0600, (uid_t)-1, (gid_t)-1, &fd), KM_ELIMIT);
	assert_int_equal(km_listen_at("/nonexistent/authd.sock", 0600, (uid_t)-1, (gid_t)-1, &fd),
			 KM_EIO);
	assert_int_equal(km_peer(-1, NULL, NULL, NULL), KM_EIO);
	in = true;
	assert_int_equal(km_peer_in_group(-1, 0, &in), KM_EIO);
	assert_true(in); /* untouched */
	stream = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(stream);
	assert_int_equal(km_connect(path, true, &fd), KM_EUNAVAIL);
	unlink(path);
	assert_int_equal(fd, 4711);
}

/* --- passed sockets -------------------------------------------------------- */

/* In a child, since descriptors 3 and 4 are needed. Returns what km_listen_fd returned. */
static int listen_fd_with(bool own_pid, const char *count, const char *names, const char *name)
{
	char pid_text[32];
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		int fd, null = open("/dev/null", O_RDONLY);

		dup2(null, 3);
		dup2(null, 4);
		snprintf(pid_text, sizeof(pid_text), "%d", own_pid ? (int)getpid() : 1);
		setenv("LISTEN_PID", pid_text, 1);
		if (count)
			setenv("LISTEN_FDS", count, 1);
		if (names)
			setenv("LISTEN_FDNAMES", names, 1);
		fd = km_listen_fd(name);
		if (fd >= 0 && !(fcntl(fd, F_GETFD) & FD_CLOEXEC))
			_exit(99);
		_exit(fd < 0 ? 100 : fd);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) == 100 ? -1 : WEXITSTATUS(status);
}

static void test_a_passed_socket_is_found_by_its_name(void **state)
{
	(void)state;
	assert_int_equal(listen_fd_with(true, "2", "authd:vault", "authd"), 3);
	assert_int_equal(listen_fd_with(true, "2", "authd:vault", "vault"), 4);
	assert_int_equal(listen_fd_with(true, "1", NULL, "vault"), 3);
}

static void test_a_socket_that_was_not_passed_to_us_is_not_found(void **state)
{
	(void)state;
	assert_int_equal(listen_fd_with(false, "2", "authd:vault", "authd"), -1);
	assert_int_equal(listen_fd_with(true, NULL, "authd", "authd"), -1);
	assert_int_equal(listen_fd_with(true, "0", "authd", "authd"), -1);
	assert_int_equal(listen_fd_with(true, "-1", "authd", "authd"), -1);
	assert_int_equal(listen_fd_with(true, "9999999999999999999999", "authd", "authd"), -1);
	assert_int_equal(listen_fd_with(true, "1x", "authd", "authd"), -1);
	assert_int_equal(listen_fd_with(true, "1", "authd:vault", "vault"), -1);
	assert_int_equal(listen_fd_with(true, "2", "authd:vault", "aut"), -1);
	assert_int_equal(listen_fd_with(true, "2", "authd:vault", "sensor"), -1);
	assert_int_equal(listen_fd_with(true, "2", NULL, "authd"), -1);
	assert_int_equal(listen_fd_with(true, "2", "", "authd"), -1);
	assert_int_equal(km_listen_fd("authd"), -1);
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/authd.sock", folder);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_socket_has_the_mode_it_was_asked_for),
		cmocka_unit_test(test_a_link_put_in_the_sockets_place_changes_nothing_elsewhere),
		cmocka_unit_test(test_frames_go_both_ways_and_are_stamped_from_the_first_byte),
		cmocka_unit_test(test_a_peer_is_in_its_own_group_and_in_those_it_was_given),
		cmocka_unit_test(test_an_old_socket_is_replaced_and_anything_else_is_not),
		cmocka_unit_test(test_where_nobody_listens_there_is_no_connection),
		cmocka_unit_test(test_a_passed_socket_is_found_by_its_name),
		cmocka_unit_test(test_a_socket_that_was_not_passed_to_us_is_not_found),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
