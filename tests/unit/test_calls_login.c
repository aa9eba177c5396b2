/*
 * C3, C23 in the vault: while logins and account checks are judged, every call that the vault makes
 * fails. Nobody is let in whose code is not used up on the disk, nothing is half done, and the next
 * code works.
 */
#include "calls.h"

static struct {
	bool plan;
	uint8_t verdict;        /* what the client was told; KM_VERDICT_DENY when nothing */
	struct km_msg to_judge; /* the last word about the session */
	const char *login;
	char code[32];
} login;

/* One login from OPEN to the RESULT, as far as it gets. */
static void log_in(struct world *w)
{
	int client = world_open(w, KM_REQUEST_AUTHENTICATE, login.login);
	struct km_msg m = { 0 }, result;

	login.plan = world_answered(w, &m) && m.number == KM_MSG_PLAN;
	if (login.plan) {
		world_check(w, login.code);
		if (!world_answered(w, &login.to_judge))
			login.to_judge.number = KM_MSG_NONE;
	}
	world_round(w);
	result = world_client_heard(client, NULL);
	login.verdict = result.number == KM_MSG_RESULT ? result.result.verdict : KM_VERDICT_DENY;
	close(client);
}

static bool allowed(void)
{
	return login.verdict == KM_VERDICT_ALLOW;
}

/* Nothing fails any more: what comes of this code? */
static bool code_opens(struct world *w, const char *code)
{
	memmove(login.code, code, strlen(code) + 1);
	log_in(w);
	return allowed();
}

static void begin_with(const char *who, uint64_t counter)
{
	login.login = who;
	login.verdict = KM_VERDICT_DENY;
	login.to_judge.number = KM_MSG_NONE;
	world_code(counter, login.code);
}

/* --- a right code ------------------------------------------------------------------------- */

static void right_code(struct world *w)
{
	begin_with("known", 0);
	log_in(w);
}

static void check_right_code(struct world *w, bool dry)
{
	bool in = allowed(), moved = calls_credential(w, "known", KM_FACTOR_HOTP).moving == 1;
	char code[16];

	if (in && !moved)
		calls_say("ALLOW, and the code is not used up");
	if (dry && !in)
		calls_say("nothing failed, and no ALLOW");
	if (calls_records(w, KM_EVENT_LOGIN_ALLOWED) != moved)
		calls_say("the counter %s and the trail says otherwise", moved ? "moved" : "stood");
	if ((calls_operator(w, "known").last_login != 0) != moved)
		calls_say("the counter %s and the last login says otherwise",
			  moved ? "moved" : "stood");
	if (code_opens(w, login.code) == moved)
		calls_say("the code once more: %s", moved ? "let in again" : "refused");
	world_code(1, code);
	if (!code_opens(w, code))
		calls_say("the next code does not open");
	if (calls_everybody_is_whole(w) != CALLS_PEOPLE)
		calls_say("somebody is gone");
}

/* --- the first login of an account that is bound by it --------------------------------------- */

static void unbound_code(struct world *w)
{
	begin_with("unbound", 0);
	log_in(w);
}

static void check_unbound_code(struct world *w, bool dry)
{
	bool in = allowed(), moved = calls_credential(w, "unbound", KM_FACTOR_HOTP).moving == 1;
	bool bound = calls_operator(w, "unbound").uid == WORLD_UID;
	char code[16];

	if (dry && !in)
		calls_say("nothing failed, and no ALLOW");
	if ((in && !moved) || bound != moved)
		calls_say("ALLOW %d, code used %d, account bound %d", in, moved, bound);
	if (calls_records(w, KM_EVENT_OPERATOR_BOUND) != bound ||
	    calls_records(w, KM_EVENT_LOGIN_ALLOWED) != moved)
		calls_say("the trail says otherwise");
	world_code(1, code);
	if (!code_opens(w, code) || calls_records(w, KM_EVENT_OPERATOR_BOUND) != 1)
		calls_say("the next code does not open, or binds again");
}

/* --- two steps ------------------------------------------------------------------------------- */

static void want_two_steps(struct world *w)
{
	w->v->conf.login.factors = (struct km_steps){
		2, { KM_FACTOR_BIT(KM_FACTOR_HOTP), KM_FACTOR_BIT(KM_FACTOR_RECOVERY) }
	};
}

static void two_steps(struct world *w)
{
	struct km_msg check = { .number = KM_MSG_CHECK, .session = w->session + 1 };
	int client = world_open(w, KM_REQUEST_AUTHENTICATE, "known");
	struct km_msg m = { 0 }, result;

	begin_with("known", 0);
	if (world_answered(w, &m) && m.number == KM_MSG_PLAN) {
		world_check(w, login.code);
		if (world_answered(w, &m) && m.number == KM_MSG_VERDICT &&
		    m.verdict.verdict == KM_VERDICT_NEXT) {
			check.check.step = 1;
			world_recovery(0, login.code);
			assert_int_equal(
			    km_secret_set(&check.check.secret, login.code, strlen(login.code)),
			    KM_OK);
			world_tell(w, &check, -1);
			(void)world_answered(w, &m);
		}
	}
	result = world_client_heard(client, NULL);
	login.verdict = result.number == KM_MSG_RESULT ? result.result.verdict : KM_VERDICT_DENY;
	close(client);
}

static void check_two_steps(struct world *w, bool dry)
{
	struct km_credential recovery = calls_credential(w, "known", KM_FACTOR_RECOVERY);
	bool in = allowed(), first = calls_credential(w, "known", KM_FACTOR_HOTP).moving == 1;
	uint16_t left = 0;
	bool second;
	char code[16];

	if (store_recovery_left(w->v->store, recovery.id, &left) != KM_OK)
		calls_say("the recovery codes cannot be counted");
	second = left == KM_RECOVERY_CODES - 1;
	if (dry && !in)
		calls_say("nothing failed, and no ALLOW");
	if ((in && !second) || (second && !first))
		calls_say("ALLOW %d, first code used %d, second %d", in, first, second);
	if (calls_records(w, KM_EVENT_STEP_PASSED) != first ||
	    calls_records(w, KM_EVENT_LOGIN_ALLOWED) != second ||
	    (calls_operator(w, "known").last_login != 0) != second)
		calls_say("the trail or the last login says otherwise");
	w->v->conf.login.factors = (struct km_steps){ 1, { KM_FACTOR_BIT(KM_FACTOR_HOTP) } };
	world_code(1, code);
	if (!code_opens(w, code))
		calls_say("the next code does not open");
}

/* --- a wrong one ---------------------------------------------------------------------------- */

static void wrong_code(struct world *w)
{
	begin_with("known", 77);
	log_in(w);
	world_end(w, KM_REASON_TRIES);
}

static void check_wrong_code(struct world *w, bool dry)
{
	struct km_credential c = calls_credential(w, "known", KM_FACTOR_HOTP);
	bool told = login.to_judge.number == KM_MSG_VERDICT &&
		    login.to_judge.verdict.verdict == KM_VERDICT_RETRY;
	char code[16];

	if (allowed())
		calls_say("ALLOW for a wrong code");
	if (c.throttle.fails > 1 || c.moving != 0)
		calls_say("one wrong code counts as %u", c.throttle.fails);
	if (told && c.throttle.fails != 1)
		calls_say("\"wrong\" was said and not counted");
	if (dry && !told)
		calls_say("nothing failed, and no answer");
	if (c.throttle.fails != c.throttle.total)
		calls_say("%u failures in a row, %u in all", c.throttle.fails, c.throttle.total);
	(void)calls_records(w, KM_EVENT_LOGIN_REFUSED);
	world_code(0, code);
	if (!code_opens(w, code))
		calls_say("the right code does not open");
}

/* --- recovery codes ----------------------------------------------------------------------------
 */

static void recovery_code(struct world *w)
{
	begin_with("known", 0);
	world_recovery(3, login.code);
	log_in(w);
}

static void check_recovery_code(struct world *w, bool dry)
{
	struct km_credential c = calls_credential(w, "known", KM_FACTOR_RECOVERY);
	bool in = allowed(), used;
	uint16_t left = 0;
	char code[KM_RECOVERY_LENGTH + 1];

	if (store_recovery_left(w->v->store, c.id, &left) != KM_OK)
		calls_say("the recovery codes cannot be counted");
	used = left == KM_RECOVERY_CODES - 1;
	if (!used && left != KM_RECOVERY_CODES)
		calls_say("%u recovery codes are left", left);
	if (in && !used)
		calls_say("ALLOW, and the recovery code is not used up");
	if (dry && !in)
		calls_say("nothing failed, and no ALLOW");
	if (calls_records(w, KM_EVENT_LOGIN_ALLOWED) != used)
		calls_say("the trail says otherwise");
	world_recovery(3, code);
	if (code_opens(w, code) == used)
		calls_say("the recovery code once more: %s", used ? "let in again" : "refused");
	world_recovery(4, code);
	if (!code_opens(w, code))
		calls_say("the next recovery code does not open");
}

/* --- who may not come in at all
 * -------------------------------------------------------------------- */

static void suspended_code(struct world *w)
{
	begin_with("suspended", 0);
	log_in(w);
}

static void used_code(struct world *w)
{
	begin_with("known", 0);
	log_in(w);
}

static void use_code(struct world *w)
{
	begin_with("known", 0);
	log_in(w);
	assert_true(allowed());
}

static void check_nobody(struct world *w, bool dry)
{
	char code[16];

	(void)dry;
	if (allowed() || (login.to_judge.number == KM_MSG_VERDICT &&
			  login.to_judge.verdict.verdict == KM_VERDICT_ALLOW))
		calls_say("ALLOW for somebody who may not come in");
	(void)calls_records(w, KM_EVENT_LOGIN_REFUSED);
	world_code(1, code);
	login.login = "known";
	if (!code_opens(w, code))
		calls_say("somebody else's code does not open");
	if (calls_everybody_is_whole(w) != CALLS_PEOPLE)
		calls_say("somebody is gone");
}

/* --- account checks, sessions
 * ------------------------------------------------------------------------ */

static void ask(struct world *w, enum km_request kind, const char *who)
{
	int client = world_open(w, kind, who);
	struct km_msg m, result;

	(void)world_answered(w, &m);
	result = world_client_heard(client, NULL);
	login.verdict = result.number == KM_MSG_RESULT ? result.result.verdict : KM_VERDICT_DENY;
	close(client);
}

static void good_account(struct world *w)
{
	ask(w, KM_REQUEST_ACCOUNT, "known");
}

static void check_good_account(struct world *w, bool dry)
{
	if (dry && !allowed())
		calls_say("nothing failed, and no ALLOW");
	ask(w, KM_REQUEST_ACCOUNT, "known");
	if (!allowed())
		calls_say("the account is refused afterwards");
	(void)calls_records(w, KM_EVENT_ACCOUNT_REFUSED);
}

static void bad_accounts(struct world *w)
{
	ask(w, KM_REQUEST_ACCOUNT, "suspended");
	if (allowed())
		return;
	ask(w, KM_REQUEST_ACCOUNT, "nobody");
}

static void check_bad_accounts(struct world *w, bool dry)
{
	(void)dry;
	if (allowed())
		calls_say("ALLOW for an account that is none, or suspended");
	ask(w, KM_REQUEST_ACCOUNT, "suspended");
	if (login.verdict != KM_VERDICT_EXPIRED)
		calls_say("a suspended account is %u afterwards", login.verdict);
	(void)calls_records(w, KM_EVENT_ACCOUNT_REFUSED);
}

static void session(struct world *w)
{
	ask(w, KM_REQUEST_SESSION_OPEN, "known");
	ask(w, KM_REQUEST_SESSION_CLOSE, "known");
}

static void check_session(struct world *w, bool dry)
{
	unsigned opened = calls_records(w, KM_EVENT_SESSION_OPENED);

	if (opened > 1 || (dry && opened != 1))
		calls_say("%u beginnings are written down", opened);
	ask(w, KM_REQUEST_SESSION_OPEN, "known");
	if (!allowed() || calls_records(w, KM_EVENT_SESSION_OPENED) != opened + 1)
		calls_say("the next session is not written down");
}

/* --- */

#define MATRIX(name, ...)                                                                          \
	static void name(void **state)                                                             \
	{                                                                                          \
		static const struct calls_act act = { false, __VA_ARGS__ };                        \
		calls_matrix(*state, &calls_kept, &act);                                           \
	}
MATRIX(test_C3_no_failing_call_lets_a_code_open_twice_or_unrecorded, NULL, right_code,
       check_right_code)
MATRIX(test_C3_no_failing_call_half_binds_an_account, NULL, unbound_code, check_unbound_code)
MATRIX(test_C3_no_failing_call_lets_one_step_of_two_open, want_two_steps, two_steps,
       check_two_steps)
MATRIX(test_C3_no_failing_call_lets_a_wrong_code_open_or_go_uncounted_once_told, NULL, wrong_code,
       check_wrong_code)
MATRIX(test_C3_no_failing_call_lets_a_recovery_code_open_twice, NULL, recovery_code,
       check_recovery_code)
MATRIX(test_C3_no_failing_call_lets_the_suspended_in, NULL, suspended_code, check_nobody)
MATRIX(test_C3_no_failing_call_lets_a_used_code_open, use_code, used_code, check_nobody)
MATRIX(test_C3_no_failing_call_in_an_account_check_stays, NULL, good_account, check_good_account)
MATRIX(test_C3_no_failing_call_passes_an_account_that_may_not_log_in, NULL, bad_accounts,
       check_bad_accounts)
MATRIX(test_C3_no_failing_call_writes_a_session_down_twice, NULL, session, check_session)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_C3_no_failing_call_lets_a_code_open_twice_or_unrecorded),
		cmocka_unit_test(test_C3_no_failing_call_half_binds_an_account),
		cmocka_unit_test(test_C3_no_failing_call_lets_one_step_of_two_open),
		cmocka_unit_test(
		    test_C3_no_failing_call_lets_a_wrong_code_open_or_go_uncounted_once_told),
		cmocka_unit_test(test_C3_no_failing_call_lets_a_recovery_code_open_twice),
		cmocka_unit_test(test_C3_no_failing_call_lets_the_suspended_in),
		cmocka_unit_test(test_C3_no_failing_call_lets_a_used_code_open),
		cmocka_unit_test(test_C3_no_failing_call_in_an_account_check_stays),
		cmocka_unit_test(test_C3_no_failing_call_passes_an_account_that_may_not_log_in),
		cmocka_unit_test(test_C3_no_failing_call_writes_a_session_down_twice),
	};

	return cmocka_run_group_tests(tests, calls_setup, calls_teardown);
}
