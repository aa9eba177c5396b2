/*
 * C3: every call that the door makes fails once, and once for good, in a login, an account check, a
 * session, a login through one field and one through a call. Nobody gets in unless the whole login
 * was done, and libpam never sees PAM_IGNORE. A dry run counts the calls; a point that was not
 * tried fails the test.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../fault/fault.h"
#include "peer.h"
#include "spy.h"

int spy_saw = SPY_NOT_ASKED;

static const struct fault {
	enum fault_call call;
	const char *name;
	int errors[3];  /* each tried at every point */
	bool tolerable; /* a login may succeed although every one of these calls failed */
} faults[] = {
	{ FAULT_MALLOC, "malloc", { ENOMEM }, false },
	{ FAULT_MMAP, "mmap", { ENOMEM }, false },
	{ FAULT_MADVISE, "madvise", { EINVAL }, false },
	{ FAULT_MLOCK, "mlock", { ENOMEM, EPERM }, true },
	{ FAULT_SOCKET, "socket", { EMFILE, EAFNOSUPPORT }, false },
	{ FAULT_SETSOCKOPT, "setsockopt", { ENOPROTOOPT }, false },
	{ FAULT_CONNECT, "connect", { ECONNREFUSED, EACCES, EAGAIN }, false },
	{ FAULT_POLL, "poll", { ENOMEM }, false },
	{ FAULT_SENDMSG, "sendmsg", { EPIPE, ENOBUFS }, false },
	{ FAULT_RECVMSG, "recvmsg", { ECONNRESET, EIO, ENOMEM }, false },
	{ FAULT_GETRANDOM, "getrandom", { ENOSYS, EAGAIN }, false },
	{ FAULT_GETPWNAM, "getpwnam", { EIO, ENOENT, ENOMEM }, false },
	{ FAULT_CLOCK, "clock_gettime", { EINVAL }, true },
};

struct run {
	const char *stack;
	int (*call)(pam_handle_t *pamh, int flags);
	bool session; /* always succeeds */
};

/* One run under one fault, on a handle whose stack libpam has read already. */
static int run_once(struct stage *s, const struct run *run, const struct fault *f, int error,
		    unsigned k, bool for_good, struct fault_count *count)
{
	pam_handle_t *pamh = stage_begin(s, s->user);
	int code;

	s->person.prompts = 0;
	s->person.shown[0] = '\0';
	/* A new daemon: the old one may still be at work on a login that broke off. */
	stage_daemon_stop(s);
	s->shared->allows = 0;
	s->shared->answers = 0;
	stage_daemon_start(s);
	logged_clear();
	/* libpam reads the stack now, and the spy the door: not while calls fail. */
	(void)pam_setcred(pamh, PAM_SILENT);
	spy_saw = SPY_NOT_ASKED;
	fault_hold_back(true);
	fault_begin(f->call, k, error, for_good);
	code = run->call(pamh, 0);
	*count = fault_end();
	pam_end(pamh, code);
	return code;
}

static void check(const struct stage *s, const struct run *run, const struct fault *f, int code,
		  unsigned k, bool for_good)
{
	bool asked = run->call == pam_authenticate;
	bool complete = s->shared->allows == 1 && (!asked || s->shared->answers == 1);
	bool bad =
	    spy_saw == PAM_IGNORE ||
	    (!run->session && (code == PAM_SUCCESS || spy_saw == PAM_SUCCESS) && !complete) ||
	    (!run->session && code == PAM_SUCCESS && for_good && k == 1 && !f->tolerable) ||
	    (run->session && spy_saw != PAM_SUCCESS && spy_saw != SPY_NOT_ASKED);

	if (bad)
		fail_msg("%s: call %u failed%s: the door gave %d, libpam %d", f->name, k,
			 for_good ? " and all after it" : "", spy_saw, code);
}

static void fail_everything(struct stage *s, const struct run *run)
{
	unsigned tried = 0, expected = 0;

	stage_file(s, run->stack);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		const struct fault *f = &faults[i];
		struct fault_count count;
		unsigned points;
		int code = run_once(s, run, f, 0, 0, false, &count);

		assert_int_equal(code, PAM_SUCCESS);
		points = count.calls[f->call];
		if (f->call == FAULT_MALLOC && !fault_has_malloc())
			continue;
		for (unsigned n = 0; n < 3 && f->errors[n]; n++) {
			for (unsigned k = 1; k <= 2 * points; k++) {
				unsigned at = (k + 1) / 2;
				bool for_good = k % 2 == 0;

				expected++;
				code = run_once(s, run, f, f->errors[n], at, for_good, &count);
				tried += count.failed > 0;
				check(s, run, f, code, at, for_good);
			}
		}
	}
	print_message("# %u of %u points tried\n", tried, expected);
	assert_true(expected > 0);
	assert_int_equal(tried, expected);
}

static void test_no_failing_call_lets_anybody_log_in(void **state)
{
	static const struct run run = { "auth required %S\n", pam_authenticate, false };

	fail_everything(*state, &run);
}

static void test_no_failing_call_passes_an_account_check(void **state)
{
	static const struct run run = { "auth required %S\naccount required %S\n", pam_acct_mgmt,
					false };

	fail_everything(*state, &run);
}

static void test_no_failing_call_fails_a_session(void **state)
{
	static const struct run run = { "auth required %S\nsession required %S\n", pam_open_session,
					true };

	fail_everything(*state, &run);
}

static void test_no_failing_call_lets_anybody_in_through_one_field(void **state)
{
	static const struct run run = {
		"auth optional %S split=6\nauth requisite %P\nauth required %S\n", pam_authenticate,
		false
	};
	struct stage *s = *state;

	s->person.answer[0] = PASSWORD CODE;
	fail_everything(s, &run);
}

/* A telephone that rings, and the right digits are keyed in there. */
static void serve_call(struct peer *p)
{
	struct km_msg m = { .number = KM_MSG_INFO };

	if (!peer_greet(p))
		return;
	peer_prompt(p, KM_SHAPE_DIGITS_6 | KM_SHAPE_PHONE);
	if (peer_answer(p) || p->shared->answers == 0)
		return;
	snprintf(m.info.text, sizeof(m.info.text), "Key in 402917.");
	m.info.error = KM_INFO_CALL;
	peer_send(p, &m);
	peer_send_result(p, KM_VERDICT_ALLOW, KM_REASON_NONE, 0);
}

static void test_no_failing_call_lets_anybody_in_by_telephone(void **state)
{
	static const struct run run = { "auth required %S\n", pam_authenticate, false };
	struct stage *s = *state;

	s->shared->serve = serve_call;
	s->person.answer[0] = s->person.answer[1] = "";
	fail_everything(s, &run);
}

#define T(name) cmocka_unit_test_setup(name, stage_reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_no_failing_call_lets_anybody_log_in),
		T(test_no_failing_call_passes_an_account_check),
		T(test_no_failing_call_fails_a_session),
		T(test_no_failing_call_lets_anybody_in_through_one_field),
		T(test_no_failing_call_lets_anybody_in_by_telephone),
	};

	return cmocka_run_group_tests(tests, stage_setup, stage_teardown);
}
