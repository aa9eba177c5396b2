/*
 * C3 in what the rooms share: configuration, frames, sockets, locked memory, randomness, clocks,
 * the log. Every call of libc in them fails, once and from then on. What fails says so, leaves its
 * outputs and the descriptors as they were, and works the next time.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/clock.h>
#include <kenmon/conf.h>
#include <kenmon/log.h>
#include <kenmon/room.h>
#include <kenmon/sock.h>
#include <kenmon/wire.h>

#include "../fault/fault.h"
#include "folder.h"

static const struct fault_kind kinds[] = {
	{ FAULT_MALLOC, "malloc", { ENOMEM } },
	{ FAULT_MMAP, "mmap", { ENOMEM } },
	{ FAULT_MADVISE, "madvise", { EINVAL } },
	{ FAULT_MLOCK, "mlock", { EPERM, ENOMEM } },
	{ FAULT_SOCKET, "socket", { EMFILE, ENOMEM } },
	{ FAULT_SETSOCKOPT, "setsockopt", { ENOPROTOOPT } },
	{ FAULT_GETSOCKOPT, "getsockopt", { EIO } },
	{ FAULT_LISTEN, "bind, listen", { EACCES, ENOSPC } },
	{ FAULT_CONNECT, "connect", { ECONNREFUSED, EACCES, EAGAIN } },
	{ FAULT_POLL, "poll", { ENOMEM } },
	{ FAULT_SENDMSG, "sendmsg", { ENOBUFS, EAGAIN, EMSGSIZE } },
	{ FAULT_SENDTO, "sendto", { ENOENT, EAGAIN, ENOBUFS } },
	{ FAULT_RECVMSG, "recvmsg", { ENOMEM, EIO, ENOTCONN } },
	{ FAULT_GETRANDOM, "getrandom", { ENOSYS, EAGAIN } },
	{ FAULT_CLOCK, "clock_gettime", { EINVAL } },
	{ FAULT_OPEN, "open", { EMFILE, EACCES, EIO } },
	{ FAULT_FOLDER, "fdopendir, readdir", { ENOMEM, EIO } },
	{ FAULT_STAT, "stat", { EIO, ENOMEM } },
	{ FAULT_READ, "read", { EIO } },
	{ FAULT_WRITE, "write", { EIO, EPIPE } },
	{ FAULT_NAME, "unlink", { EIO, EACCES } },
	{ FAULT_FCNTL, "fcntl", { EIO } },
};

static char dir[] = "/tmp/kenmon-test-XXXXXX", path[64], drop_in[96], sock[64];

/* --- what is tried: each returns how it ended and looks at its own outputs ----------------- */

static km_rc read_configuration(void)
{
	struct km_conf_error error = { .line = 0 };
	struct km_conf conf, before;
	km_rc rc;

	memset(&conf, 0x5a, sizeof conf);
	before = conf;
	rc = km_conf_read(path, true, &conf, &error);
	if (rc != KM_OK) {
		assert_memory_equal(&conf, &before, sizeof conf);
		assert_true(error.text[0] != '\0');
		return rc;
	}
	/* All of it, or it is another configuration. */
	assert_int_equal(conf.login.tries, 2);
	assert_int_equal(conf.lockout.after, 7);
	assert_int_equal(conf.service_count, 1);
	return KM_OK;
}

static km_rc lock_memory(void)
{
	uint8_t *p = km_locked_new(4096);

	if (!p)
		return KM_ENOMEM;
	for (size_t i = 0; i < 4096; i++)
		assert_int_equal(p[i], 0);
	km_locked_free(p, 4096);
	return KM_OK;
}

static km_rc get_randomness(void)
{
	static const uint8_t nothing[64];
	uint8_t bytes[64] = { 0 };
	km_rc rc = km_random(bytes, sizeof bytes);

	if (rc == KM_OK)
		assert_memory_not_equal(bytes, nothing, sizeof bytes);
	return rc;
}

static int pair[2];

static km_rc send_and_receive(void)
{
	struct km_msg m = { .number = KM_MSG_ANSWER }, got;
	uint8_t frame[512];
	size_t len = 4711;
	int passed = -2;
	km_rc rc;

	assert_int_equal(km_secret_set(&m.answer.secret, "123456", 6), KM_OK);
	rc = km_send_msg(pair[0], &m, STDERR_FILENO, MSG_DONTWAIT);
	if (rc != KM_OK)
		return rc;
	rc = km_recv(pair[1], frame, sizeof frame, &len, &passed, NULL, MSG_DONTWAIT);
	if (rc != KM_OK) {
		assert_int_equal(len, 4711);
		assert_int_equal(passed, -2);
		fault_pause(true); /* it still lies there */
		assert_int_equal(
		    km_recv(pair[1], frame, sizeof frame, &len, &passed, NULL, MSG_DONTWAIT),
		    KM_OK);
		close(passed);
		return rc;
	}
	assert_true(passed >= 0);
	close(passed);
	assert_int_equal(km_decode(frame, len, KM_FROM_DOOR, KM_PHASE_ASKED, &got), KM_OK);
	assert_memory_equal(got.answer.secret.bytes, "123456", 6);
	return KM_OK;
}

static km_rc peek(void)
{
	return km_peek(pair[1]) == KM_EAGAIN ? KM_OK : KM_EIO;
}

static int listener;

static km_rc connect_and_ask(void)
{
	uid_t uid = 4711;
	int fd = -2;
	km_rc rc = km_connect(sock, true, &fd);

	if (rc != KM_OK) {
		assert_int_equal(fd, -2);
		return rc;
	}
	rc = km_peer(fd, NULL, &uid, NULL);
	assert_int_equal(uid, rc == KM_OK ? geteuid() : 4711);
	close(fd);
	fault_pause(true);
	close(accept(listener, NULL, NULL));
	return rc;
}

static km_rc listen_anew(void)
{
	char place[96];
	struct stat st;
	int fd = -2, other = -2;
	km_rc rc;

	snprintf(place, sizeof place, "%s.new", sock);
	rc = km_listen_at(place, 0600, geteuid(), getegid(), &fd);
	if (rc == KM_OK) /* once more, where the first one left its name */
		close(fd);
	if (rc == KM_OK)
		rc = km_listen_at(place, 0600, geteuid(), getegid(), &other);
	fault_pause(true);
	if (rc == KM_OK)
		assert_int_equal(lstat(place, &st), 0);
	if (other >= 0)
		close(other);
	(void)unlink(place);
	return rc;
}

static km_rc take_listener(void)
{
	char pid[16];
	int fd;

	fault_pause(true);
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_FDNAMES", "room", 1);
	fault_pause(false);
	fd = km_listen_fd("room");
	assert_true(fd == 3 || fd == -1);
	return fd == 3 ? KM_OK : KM_EIO;
}

static km_rc read_clock(void)
{
	struct km_now now, before;
	km_rc rc;

	memset(&now, 0x5a, sizeof now);
	before = now;
	rc = km_clock_read(&now);
	if (rc != KM_OK)
		assert_memory_equal(&now, &before, sizeof now);
	else
		assert_true(now.boot_ms > 0 && now.wall > 0);
	return rc;
}

/* tzset() itself is left out: glibc's says nothing when it has no memory, and goes on in UTC. */
static km_rc set_zone(void)
{
	struct tm civil;
	time_t noon = 43200;
	km_rc rc = km_clock_zone("Asia/Tokyo");

	fault_pause(true);
	assert_non_null(localtime_r(&noon, &civil));
	if (rc == KM_OK)
		assert_int_equal(civil.tm_hour, 21);
	assert_int_equal(km_clock_zone("UTC"), KM_OK);
	return rc;
}

/* The journal is there: what it cannot take goes nowhere, and nothing else happens. */
static km_rc say_something(void)
{
	static const struct km_log_field field = { "KENMON_EVENT", "test" };

	km_log_open("test", sock, LOG_INFO);
	errno = ERANGE;
	km_log_fields(LOG_NOTICE, &field, 1, "words");
	km_log(LOG_NOTICE, "more words: %m");
	assert_int_equal(errno, ERANGE);
	km_log_open("test", NULL, -1);
	return KM_OK;
}

static km_rc say_ready(void)
{
	fault_pause(true);
	setenv("NOTIFY_SOCKET", sock, 1);
	fault_pause(false);
	km_room_will_be_ready();
	km_room_ready();
	return KM_OK;
}

void tzset(void)
{
	fault_pause(true);
	((void (*)(void))(uintptr_t)dlsym(RTLD_NEXT, "tzset"))();
	fault_pause(false);
}

static const struct deed {
	const char *name;
	km_rc (*run)(void);
	unsigned least; /* calls that it makes */
} deeds[] = {
	{ "reading the configuration", read_configuration, 20 },
	{ "locked memory", lock_memory, 4 },
	{ "randomness", get_randomness, 1 },
	{ "a record there and back", send_and_receive, 2 },
	{ "looking at a record", peek, 2 },
	{ "connecting", connect_and_ask, 5 },
	{ "listening", listen_anew, 12 },
	{ "taking a listener over", take_listener, 1 },
	{ "the clocks", read_clock, 2 },
	{ "the time zone", set_zone, 1 },
	{ "the log", say_something, 4 },
	{ "being ready", say_ready, 2 },
};

/* --- the matrix ------------------------------------------------------------------------------ */

static unsigned open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static unsigned points; /* of the deed */

static void one_point(const struct deed *d, size_t kind, int error, unsigned k, bool for_good)
{
	unsigned before = open_files();
	struct fault_count count;

	fault_begin(kinds[kind].call, k, error, for_good);
	(void)!d->run();
	count = fault_end();
	if (count.failed == 0)
		fail_msg("%s: call %u of %s was not made", d->name, k, kinds[kind].name);
	if (open_files() != before)
		fail_msg("%s: call %u of %s (error %d) failed, and a descriptor is left or gone",
			 d->name, k, kinds[kind].name, error);
	if (d->run() != KM_OK)
		fail_msg("%s: call %u of %s (error %d) failed, and it does not work afterwards",
			 d->name, k, kinds[kind].name, error);
	points++;
}

static void every_point(const struct deed *d)
{
	unsigned calls = 0;

	points = 0;
	assert_int_equal(d->run(), KM_OK);
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		struct fault_count dry;

		fault_begin(kinds[i].call, 0, 0, false);
		assert_int_equal(d->run(), KM_OK);
		dry = fault_end();
		if (kinds[i].call == FAULT_MALLOC && !fault_has_malloc())
			continue;
		calls += dry.calls[kinds[i].call];
		for (unsigned n = 0; n < 3 && kinds[i].errors[n]; n++)
			for (unsigned k = 1; k <= dry.calls[kinds[i].call]; k++) {
				one_point(d, i, kinds[i].errors[n], k, false);
				one_point(d, i, kinds[i].errors[n], k, true);
			}
	}
	if (calls < d->least && fault_has_malloc())
		fail_msg("%s: %u calls and not %u: are they counted?", d->name, calls, d->least);
	print_message("# %u points tried in %s\n", points, d->name);
}

static void test_C3_a_failing_call_in_what_the_rooms_share_is_said_and_leaves_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++)
		every_point(&deeds[i]);
}

static void put(const char *where, const char *text)
{
	FILE *f = fopen(where, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int setup(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	(void)state;
	km_log_open("test", NULL, -1);
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/conf", dir);
	put(path, "[login]\ntries = 2\n[service sshd]\ntries = 1\n");
	snprintf(drop_in, sizeof drop_in, "%s.d", path);
	assert_int_equal(mkdir(drop_in, 0755), 0);
	snprintf(drop_in, sizeof drop_in, "%s.d/a.conf", path);
	put(drop_in, "[lockout]\nafter = 7\n");
	snprintf(sock, sizeof sock, "%s/sock", dir);
	/* The journal and the listener in one place: who sends datagrams to it is refused. */
	memcpy(at.sun_path, sock, strlen(sock));
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(listener, 64), 0);
	if (dup2(listener, 3) < 0)
		return -1;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static int teardown(void **state)
{
	(void)state;
	folder_remove(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_C3_a_failing_call_in_what_the_rooms_share_is_said_and_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
