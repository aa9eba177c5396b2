/*
 * C3 in the matcher: every call of libc fails, once and from then on, in a login, in one with
 * another finger, and in one that comes too late. Whatever fails, nothing matches that should not;
 * at the end no descriptor and no page is left, and the next matcher serves.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/clock.h>
#include <kenmon/log.h>
#include <kenmon/sock.h>

#include "../../authd/matcher/room.h"
#include "../fault/fault.h"
#include "lender.h"

static const struct {
	enum fault_call call;
	const char *name;
	int errors[3];
	bool comes; /* a login makes such calls */
} kinds[] = {
	{ FAULT_MALLOC, "malloc", { ENOMEM }, false },
	{ FAULT_MMAP, "mmap", { ENOMEM }, true },
	{ FAULT_MADVISE, "madvise", { EINVAL }, true },
	{ FAULT_MLOCK, "mlock", { EPERM, ENOMEM }, true },
	{ FAULT_GETSOCKOPT, "getsockopt", { EIO }, true },
	{ FAULT_ACCEPT, "accept", { EMFILE, ECONNABORTED, EAGAIN }, true },
	{ FAULT_POLL, "ppoll", { ENOMEM, EINTR }, true },
	{ FAULT_SENDMSG, "sendmsg", { ENOBUFS, EAGAIN, EPIPE }, true },
	{ FAULT_RECVMSG, "recvmsg", { ENOMEM, EIO, ECONNRESET }, true },
	{ FAULT_CLOCK, "clock_gettime", { EINVAL }, true },
};

#define KINDS  (sizeof(kinds) / sizeof(kinds[0]))
#define ROUNDS 100 /* more than any of it takes */

static int listener;
static struct sockaddr_un at;

struct story {
	const char *name;
	uint32_t touched; /* finger 10 is lent */
	int64_t ms;       /* until then */
	enum km_match good;
};
static const struct story stories[] = {
	{ "the finger", 10, 60000, KM_MATCH_YES },
	{ "another finger", 77, 60000, KM_MATCH_NO },
	{ "too late", 10, -1, KM_MATCH_FAILED },
};

/* As many as are open. */
static unsigned descriptors(void)
{
	struct pollfd fds[64];
	unsigned n = 0;

	for (int i = 0; i < 64; i++)
		fds[i] = (struct pollfd){ .fd = i };
	assert_true(poll(fds, 64, 0) >= 0);
	for (int i = 0; i < 64; i++)
		n += !(fds[i].revents & POLLNVAL);
	return n;
}

static void say(int fd, const struct km_msg *m)
{
	static uint8_t frame[KM_FRAME_MAX];
	size_t len = 0;

	assert_int_equal(km_encode(m, frame, sizeof(frame), &len), KM_OK);
	(void)!send(fd, frame, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void touch(int sensor, uint32_t finger)
{
	const struct km_minutiae m = finger_touch(finger, 9);
	struct km_msg p = { .number = KM_MSG_PROBE, .probe = { .version = KM_ROOM_PROTOCOL } };
	static uint8_t bytes[KM_MINUTIAE_BYTES];
	size_t len = 0;

	lender_id(p.probe.grant, 1);
	assert_int_equal(km_minutiae_encode(&m, bytes, sizeof(bytes), &len), KM_OK);
	p.probe.minutiae = (struct km_span){ bytes, (uint16_t)len };
	say(sensor, &p);
}

/* What the vault hears; -1: nothing. */
static int heard(int vault)
{
	static uint8_t frame[KM_FRAME_MAX];
	int outcome = -1;
	struct km_msg m;
	ssize_t n;

	while ((n = recv(vault, frame, sizeof(frame), MSG_DONTWAIT)) > 0) {
		assert_int_equal(km_decode(frame, (size_t)n, KM_FROM_MATCHER, KM_PHASE_GRANTS, &m),
				 KM_OK);
		if (m.number != KM_MSG_MATCH)
			continue;
		assert_int_equal(outcome, -1); /* one finding */
		outcome = m.match.outcome;
	}
	return outcome;
}

static void go_round(struct matcher *m)
{
	for (unsigned i = 0; i < ROUNDS && !m->stop; i++)
		if (!matcher_round(m, 0))
			return;
}

/* A whole matcher: it begins, takes a sensor, is lent a finger, is touched, and ends. */
static int play(const struct story *s, enum fault_call call, unsigned k, int error, bool for_good,
		struct fault_count *count)
{
	struct matcher m = MATCHER_CLOSED;
	struct km_msg lent = lender_frame(1, KM_GRANT_COMPARE, 0, 1, km_boot_ms() + s->ms, 10, 5);
	int pair[2], sensor = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), outcome;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(connect(sensor, (struct sockaddr *)&at, sizeof(at)), 0);
	say(pair[1], &lent);
	touch(sensor, s->touched);
	m.vault = pair[0];
	m.listener = dup(listener);
	fault_begin(call, k, error, for_good);
	if (matcher_init(&m) && matcher_greet(&m) == KM_OK)
		go_round(&m);
	matcher_wipe(&m);
	*count = fault_end();
	outcome = heard(pair[1]);
	close(pair[1]);
	close(sensor);
	/* One that was not taken waits no longer. */
	for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;)
		close(fd);
	return outcome;
}

static void test_no_failing_call_makes_a_match(void **state)
{
	unsigned tried = 0, matched = 0, before = descriptors();
	struct fault_count dry, count;

	(void)state;
	for (const struct story *s = stories; s < stories + 3; s++) {
		assert_int_equal(play(s, FAULT_MMAP, 0, 0, false, &dry), s->good);
		for (size_t i = 0; i < KINDS; i++) {
			assert_true(!kinds[i].comes || dry.calls[kinds[i].call] > 0);
			for (unsigned k = 1; k <= dry.calls[kinds[i].call]; k++)
				for (unsigned e = 0; e < 6; e++) {
					int error = kinds[i].errors[e / 2], outcome;

					if (error == 0)
						continue;
					outcome = play(s, kinds[i].call, k, error, e % 2, &count);
					assert_true(count.failed > 0);
					if (outcome == KM_MATCH_YES && s->good != KM_MATCH_YES)
						fail_msg("%s: call %u of %s makes a match", s->name,
							 k, kinds[i].name);
					assert_int_equal(descriptors(), before);
					matched += outcome == KM_MATCH_YES;
					tried++;
				}
		}
		assert_int_equal(play(s, FAULT_MMAP, 0, 0, false, &dry), s->good);
	}
	/* Memory that cannot be locked, say, is no reason to refuse somebody. */
	assert_true(matched > 0 && matched < tried / 2);
	assert_true(tried > 100);
}

static int set_up(void **state)
{
	static char dir[] = "/tmp/kenmon-test-XXXXXX";

	km_log_open("test", NULL, LOG_EMERG - 1);
	*state = mkdtemp(dir);
	at.sun_family = AF_UNIX;
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/probe", dir);
	if (!*state || km_listen_at(at.sun_path, 0600, (uid_t)-1, (gid_t)-1, &listener) != KM_OK)
		return -1;
	return fcntl(listener, F_SETFL, O_NONBLOCK);
}

static int clear_up(void **state)
{
	close(listener);
	unlink(at.sun_path);
	return rmdir(*state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_failing_call_makes_a_match),
	};

	return cmocka_run_group_tests(tests, set_up, clear_up);
}
