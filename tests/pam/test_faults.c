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
#include <sys/wait.h>
#include <unistd.h>

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

/* What came of a run. */
struct ended {
	int code, saw;
	struct fault_count count;
};

/* A point of the matrix. */
struct point {
	const struct fault *fault;
	int error;
	unsigned at; /* 0: nothing fails */
	bool for_good;
};

/* One run under one fault, on a handle whose stack libpam has read already. */
static struct ended run_here(struct stage *s, const struct run *run, const struct point *at)
{
	pam_handle_t *pamh = stage_begin(s, s->user);
	struct ended o;

	s->person.prompts = 0;
	s->person.shown[0] = '\0';
	logged_clear();
	/* libpam reads the stack now, and the spy the door: not while calls fail. */
	(void)pam_setcred(pamh, PAM_SILENT);
	spy_saw = SPY_NOT_ASKED;
	fault_hold_back(true);
	fault_begin(at->fault->call, at->at, at->error, at->for_good);
	o.code = run->call(pamh, 0);
	o.count = fault_end();
	o.saw = spy_saw;
	pam_end(pamh, o.code);
	return o;
}

/* In a program of its own: the door keeps locked memory for the next call of the same one. */
static struct ended run_once(struct stage *s, const struct run *run, const struct point *at)
{
	struct ended o = { .code = -1 };
	int ends[2], status;
	pid_t pid;

	/* A new daemon: the old one may still be at work on a login that broke off. */
	stage_daemon_stop(s);
	s->shared->allows = 0;
	s->shared->answers = 0;
	stage_daemon_start(s);
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		o = run_here(s, run, at);
		_exit(write(ends[1], &o, sizeof(o)) == sizeof(o) ? 0 : 1);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &o, sizeof(o)), sizeof(o));
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return o;
}

static void check(const struct stage *s, const struct run *run, const struct point *at,
		  const struct ended *o)
{
	bool asked = run->call == pam_authenticate;
	bool complete = s->shared->allows == 1 && (!asked || s->shared->answers == 1);
	bool bad =
	    o->saw == PAM_IGNORE ||
	    (!run->session && (o->code == PAM_SUCCESS || o->saw == PAM_SUCCESS) && !complete) ||
	    (!run->session && o->code == PAM_SUCCESS && at->for_good && at->at == 1 &&
	     !at->fault->tolerable) ||
	    (run->session && o->saw != PAM_SUCCESS && o->saw != SPY_NOT_ASKED);

	if (bad)
		fail_msg("%s: call %u failed%s: the door gave %d, libpam %d", at->fault->name,
			 at->at, at->for_good ? " and all after it" : "", o->saw, o->code);
}

static void fail_everything(struct stage *s, const struct run *run)
{
	unsigned tried = 0, expected = 0;

	stage_file(s, run->stack);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		const struct fault *f = &faults[i];
		struct ended o = run_once(s, run, &(struct point){ .fault = f });
		unsigned points = o.count.calls[f->call];

		assert_int_equal(o.code, PAM_SUCCESS);
		if (f->call == FAULT_MALLOC && !fault_has_malloc())
			continue;
		if (points == 0)
			fail_msg("the door makes no call of %s", f->name);
		for (unsigned n = 0; n < 3 && f->errors[n]; n++) {
			for (unsigned k = 1; k <= 2 * points; k++) {
				const struct point at = { f, f->errors[n], (k + 1) / 2,
							  k % 2 == 0 };

				expected++;
				o = run_once(s, run, &at);
				tried += o.count.failed > 0;
				check(s, run, &at, &o);
			}
		}
	}
	print_message("# %u of %u points tried\n", tried, expected);
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
