/*
 * Every call of libc fails, once and from then on, while a telephone is called: by the courier's
 * own room and libre, from their start to their end. Whatever fails: the order ends at most once,
 * and clearly; no key is heard that was not pressed; the room goes on, or ends by itself, to be
 * started again; and no descriptor is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "../../authd/courier/courier.h"
#include "../../authd/courier/drivers.h"
#include "../fault/fault.h"
#include "telephone_played.h"
#include "folder.h"
#include <kenmon/log.h>

static const struct fault_kind kinds[] = {
	{ FAULT_MALLOC, "malloc", { ENOMEM } },
	{ FAULT_MMAP, "mmap", { ENOMEM } },
	{ FAULT_MADVISE, "madvise", { EINVAL } },
	{ FAULT_MLOCK, "mlock", { EPERM } },
	{ FAULT_SOCKET, "socket", { EMFILE } },
	{ FAULT_GETSOCKOPT, "getsockopt, getsockname", { EIO } },
	{ FAULT_LISTEN, "bind", { EADDRINUSE } },
	{ FAULT_CONNECT, "connect", { ENETUNREACH } },
	{ FAULT_EPOLL, "epoll", { ENOMEM, EINTR } },
	{ FAULT_SENDMSG, "sendmsg", { EPIPE, ENOBUFS, EAGAIN } },
	{ FAULT_RECVMSG, "recvmsg", { ECONNRESET, ENOMEM, EAGAIN } },
	{ FAULT_SEND, "send", { ENOBUFS } },
	{ FAULT_SENDTO, "sendto", { ENETUNREACH, EAGAIN } },
	{ FAULT_RECV, "recv, recvfrom", { ENOMEM, EAGAIN } },
	{ FAULT_TIMER, "timerfd", { EMFILE } },
	{ FAULT_GETRANDOM, "getrandom", { ENOSYS } },
	/* not clock_gettime: without a clock sd-event ends the process */
	{ FAULT_OPEN, "open", { EMFILE, EACCES } },
	{ FAULT_STAT, "fstat", { EIO } },
	{ FAULT_READ, "read", { EIO } },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

#define HURRY   20 /* a frame in a millisecond */
#define RING    60
#define STUCK_S 30

static char dir[64];
static struct played_heard *heard; /* shared with whom it was heard by */
static const char *now_name;
static unsigned now_at;
static bool now_good;

/* --- sounds of 20 ms --------------------------------------------------------------------- */

static void put_sound(const char *lang, const char *name)
{
	static const uint8_t head[44] =
	    "RIFF\x64\1\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0"
	    "\2\0\x10\0data\x40\1\0";
	char path[128];
	FILE *f;

	assert_true(snprintf(path, sizeof(path), "%s/%s/%s.wav", dir, lang, name) <
		    (int)sizeof(path));
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(head, 1, sizeof(head), f), sizeof(head));
	for (unsigned i = 0; i < 160; i++)
		fwrite("\0\x10", 1, 2, f);
	assert_int_equal(fclose(f), 0);
}

static int make_sounds(void **state)
{
	static const char *const names[] = { "0",      "1",      "2",       "3",    "4",
					     "5",      "6",      "7",       "8",    "9",
					     "keypad", "spoken", "confirm", "code", "again",
					     "thanks", "not-me", "no-key",  "test", "notice" };
	char path[96];

	(void)state;
	km_log_open("test", NULL, -1);
	snprintf(dir, sizeof(dir), "/tmp/kenmon-calls-voice-XXXXXX");
	assert_non_null(mkdtemp(dir));
	for (unsigned lang = 0; lang < 2; lang++) {
		snprintf(path, sizeof(path), "%s/%s", dir, lang ? "ja" : "en");
		assert_int_equal(mkdir(path, 0700), 0);
		for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			put_sound(lang ? "ja" : "en", names[i]);
	}
	heard =
	    mmap(NULL, sizeof(*heard), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return heard == MAP_FAILED ? -1 : 0;
}

static int remove_sounds(void **state)
{
	(void)state;
	return folder_remove(dir);
}

/* --- one call ------------------------------------------------------------------------------ */

/* What main.c and settings.c do, without walls and files. */
static bool open_all(struct courier *c, uint16_t port)
{
	struct km_conf *conf;

	if (!courier_init(c))
		return false;
	conf = &c->settings->conf;
	km_conf_defaults(conf);
	snprintf(conf->voice.server, sizeof(conf->voice.server), "127.0.0.1:%u", port);
	snprintf(conf->voice.prompts, sizeof(conf->voice.prompts), "%s", dir);
	conf->voice.transport = KM_SIP_UDP;
	conf->voice.media = KM_MEDIA_RTP;
	conf->voice.ring = RING;
	c->driver[COURIER_CALLS] = &sip_driver;
	return sip_driver.open(c, c->settings) == KM_OK && courier_listen(c);
}

/* patient: nothing fails, so it takes as long as it takes on a machine that is busy. */
static void one_call(bool cancel, bool patient)
{
	struct courier c = { .vault_uid = -1, .conf_path = "/dev/null" };
	uint16_t port;
	pid_t other;
	int pair[2];

	fault_pause(true);
	memset(heard, 0, sizeof(*heard));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	c.vault = pair[1];
	other = played_start(
	    (struct played){
		.link = pair[0], .cancel = cancel, .patient = patient, .heard = heard },
	    pair[1], &port);
	alarm(STUCK_S);
	fault_pause(false);
	if (open_all(&c, port))
		courier_run(&c);
	courier_free(&c);
	fault_pause(true);
	alarm(0);
	assert_int_equal(waitpid(other, NULL, 0), other);
	fault_pause(false);
}

static unsigned descriptors(void)
{
	unsigned n = 0;

	for (int i = 0; i < 128; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

/* With FAULT_TRACE each point as it comes, for those that take long. */
static void trace(int error)
{
	if (getenv("FAULT_TRACE"))
		fprintf(stderr, "%s %u%s, error %d\n", now_name, now_at, now_good ? " ff." : "",
			error);
}

#define say(format, ...)                                                                           \
	fail_msg("%s %u%s: " format, now_name, now_at, now_good ? " and all after it" : "",        \
		 ##__VA_ARGS__)

static void look_at(bool cancel)
{
	if (heard->ends > 1 || heard->back)
		say("a state came twice, or went back");
	if (heard->ends == 0 && !heard->left)
		say("the order has no end (state %u), and the room lives", heard->state);
	if (heard->state == KM_ORDER_STATE_KEYED && (cancel || strcmp(heard->keys, "42") != 0))
		say("keys that nobody pressed: %s", heard->keys);
	if (heard->ends == 1 && heard->state != KM_ORDER_STATE_KEYED &&
	    heard->state != KM_ORDER_STATE_FAILED && heard->state != KM_ORDER_STATE_UNKNOWN)
		say("it ended as %s", km_order_state_word(heard->state));
}

/* How many calls of that kind there were. */
static struct fault_count try(size_t kind, unsigned k, int error, bool for_good, bool cancel)
{
	unsigned open = descriptors();
	struct fault_count count;

	now_name = kinds[kind].name;
	now_at = k;
	now_good = for_good;
	trace(error);
	fault_begin(kinds[kind].call, k, error, for_good);
	one_call(cancel, k == 0);
	count = fault_end();
	if (descriptors() != open)
		say("%u descriptors, %u before", descriptors(), open);
	look_at(cancel);
	return count;
}

/* Calls that come once for each frame or packet are tried now and then. */
#ifdef __SANITIZE_ADDRESS__
#define MANY 12
#define STEP 11
#else
#define MANY 40
#define STEP 7
#endif

static unsigned step(unsigned calls)
{
	const char *all = getenv("CALLS");

	return calls <= MANY || (all && strcmp(all, "all") == 0) ? 1 : STEP;
}

/* A signal and a full buffer are no state of things: epoll(7) says that it can be done, in the end.
 */
static unsigned forms(int error)
{
	return error == EINTR || error == EAGAIN ? 1 : 2;
}

static void matrix(bool cancel)
{
	unsigned tried = 0;

	fault_hurry(HURRY);
	/* The libraries keep what the first use of them made. */
	(void)try(0, 0, 0, false, cancel);
	for (size_t kind = 0; kind < KINDS; kind++) {
		unsigned calls = try(kind, 0, 0, false, cancel).calls[kinds[kind].call], failed = 0;

		assert_int_equal(heard->state,
				 cancel ? KM_ORDER_STATE_FAILED : KM_ORDER_STATE_KEYED);
		assert_int_equal(cancel ? heard->cancels : heard->byes, 1);
		if (kinds[kind].call == FAULT_MALLOC && !fault_has_malloc())
			continue;
		if (calls == 0 && cancel && kinds[kind].call == FAULT_SEND)
			continue; /* nothing is said to a telephone that only rings */
		if (calls == 0)
			fail_msg("no %s was tried", kinds[kind].name);
		for (size_t e = 0; e < 3 && kinds[kind].errors[e]; e++)
			for (unsigned k = 1; k <= calls; k += step(calls))
				for (unsigned good = 0; good < forms(kinds[kind].errors[e]); good++)
					failed += try(kind, k, kinds[kind].errors[e], good, cancel)
						      .failed > 0;
		assert_true(failed > 0);
		print_message("# %s: %u calls, %u points\n", kinds[kind].name, calls, failed);
		tried += failed;
	}
	fault_hurry(1);
	print_message("# %u points tried\n", tried);
}

static void
test_c3_whatever_fails_while_somebody_is_called_nothing_is_heard_that_was_not_keyed(void **state)
{
	(void)state;
	matrix(false);
}

static void test_c3_whatever_fails_while_a_call_is_cancelled_it_ends_once(void **state)
{
	(void)state;
	matrix(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_c3_whatever_fails_while_somebody_is_called_nothing_is_heard_that_was_not_keyed),
		cmocka_unit_test(test_c3_whatever_fails_while_a_call_is_cancelled_it_ends_once),
	};

	return cmocka_run_group_tests(tests, make_sounds, remove_sounds);
}
