/*
 * C3, C23 in the vault: while a code is sent and judged, every call that the vault makes fails.
 * Nobody is let in without a code that is written down and used up, nothing leaves that is not
 * counted, no guess that was told is uncounted, no order is left, and the next login works.
 */
#include "calls.h"
#include "phone_world.h"

static struct {
	bool wrong;             /* another code than was sent is tried */
	bool keypad;            /* or keys, at a call */
	uint8_t ends;           /* or the call ends so, without any; 0: not */
	const char *name;       /* of whom; NULL: "known" */
	uint8_t verdict;        /* what the client was told; KM_VERDICT_DENY when nothing */
	struct km_msg to_judge; /* the last verdict about the session */
	bool sending;           /* the judge was told so */
	unsigned left;          /* orders that were written to the courier */
} login;

static void with_a_courier(struct world *w, enum km_factor factor)
{
	if (pw.courier >= 0)
		close(pw.courier);
	memset(&login, 0, sizeof login);
	pw = (struct phone_world){ .w = w, .courier = -1, .client = -1 };
	w->v->conf.login.factors = (struct km_steps){ 1, { WITH_HOTP } };
	courier_comes();
	alices = enrol_phone("known", factor, PHONE_MOBILE);
}

static void right_code_is_known(struct world *w)
{
	with_a_courier(w, KM_FACTOR_SMS);
}

static void wrong_code_is_tried(struct world *w)
{
	with_a_courier(w, KM_FACTOR_SMS);
	login.wrong = true;
}

static void telephone_is_called(struct world *w)
{
	with_a_courier(w, KM_FACTOR_VOICE);
	login.keypad = true;
}

static void wrong_keys_are_tried(struct world *w)
{
	with_a_courier(w, KM_FACTOR_VOICE);
	login.keypad = login.wrong = true;
}

static void star_is_pressed(struct world *w)
{
	with_a_courier(w, KM_FACTOR_VOICE);
	login.keypad = true;
	login.ends = KM_ORDER_STATE_NOT_ME;
}

static void nobody_answers(struct world *w)
{
	with_a_courier(w, KM_FACTOR_VOICE);
	login.keypad = true;
	login.ends = KM_ORDER_STATE_FAILED;
}

/* With no record of its own, which is a way of its own in the store. */
static void nobody_is_asked_for(struct world *w)
{
	with_a_courier(w, KM_FACTOR_SMS);
	login.name = NOBODY_MOBILE; /* a code that can be typed */
	w->v->conf.audit_refusals = 0;
}

/* What is said of the session, up to the last verdict. */
static void hear_all(struct world *w)
{
	struct km_msg m;

	while (world_answered(w, &m)) {
		if (m.number == KM_MSG_VERDICT)
			login.to_judge = m;
		login.sending |= m.number == KM_MSG_SENDING;
	}
}

static void call_ends(struct world *w, uint64_t order, const char *keys)
{
	struct km_msg m = { .number = KM_MSG_ORDERED };

	m.ordered.order = order;
	m.ordered.state = login.ends ? login.ends : KM_ORDER_STATE_KEYED;
	if (!login.ends) {
		m.ordered.count = (uint8_t)strlen(keys);
		memcpy(m.ordered.keys, keys, strlen(keys));
	}
	if (km_send_msg(pw.courier, &m, -1, 0) == KM_OK)
		world_round(w);
}

/* One login from OPEN over SEND to the code's VERDICT, as far as it gets. */
static void log_in(struct world *w)
{
	char code[KM_ORDER_KEYS + 1] = "";
	struct km_msg m = { 0 }, result, order = { 0 };
	int client = world_open(w, KM_REQUEST_AUTHENTICATE, login.name ? login.name : "known");
	bool given = false;

	hear_all(w);
	judge_sends(w->session, 0);
	hear_all(w);
	if (courier_heard(&m)) {
		order = m;
		given = true;
		login.left++;
		digits_in(m.order.text.bytes, m.order.text.len, code);
	}
	result = world_client_heard(client, NULL);
	if (result.number == KM_MSG_INFO) {
		digits_in(result.info.text, strlen(result.info.text), code);
		result.number = KM_MSG_NONE;
	}
	if (!given && login.name && login.sending) {
		world_check(w, "000000");
		hear_all(w);
	}
	if (given && login.sending && code[0]) {
		if (login.keypad)
			call_ends(w, order.order.order, login.wrong ? another(code) : code);
		else
			world_check(w, login.wrong ? another(code) : code);
		hear_all(w);
	}
	if (result.number == KM_MSG_NONE)
		result = world_client_heard(client, NULL);
	login.verdict = result.number == KM_MSG_RESULT ? result.result.verdict : KM_VERDICT_DENY;
	world_end(w, KM_REASON_ABORTED);
	close(client);
}

/* What left was counted before; what was counted may not have left. */
static void check_what_left_is_counted(struct world *w)
{
	struct km_spending site;

	if (challenge_site(w->v, CHALLENGE_SENT, &site) != KM_OK)
		calls_say("the counts cannot be read");
	else if (site.budget.in_day < login.left)
		calls_say("%u left, %u are counted", login.left, site.budget.in_day);
	if (calls_records(w, KM_EVENT_CODE_SENT) != site.budget.in_day)
		calls_say("what is counted is not what is written down");
}

static void check_the_next(struct world *w)
{
	w->v->conf.login.factors = (struct km_steps){ 1, { WITH_HOTP } };
	if (w->v->courier < 0) {
		close(pw.courier);
		courier_comes();
	}
	for (size_t i = 0; i < KM_ORDERS; i++)
		if (w->v->order[i].session)
			calls_say("an order is left");
	login.wrong = login.sending = false;
	login.ends = 0;
	login.name = NULL;
	log_in(w);
	if (login.verdict != KM_VERDICT_ALLOW)
		calls_say("the next code does not open");
}

static struct km_credential phone_of(struct world *w)
{
	return calls_credential(w, "known", login.keypad ? KM_FACTOR_VOICE : KM_FACTOR_SMS);
}

static void check_right(struct world *w, bool dry)
{
	struct km_credential c = phone_of(w);
	bool in = login.verdict == KM_VERDICT_ALLOW, noted = c.last_used != 0;
	struct km_challenge open;
	km_rc rc = store_challenge(w->v->store, c.subject, &open);

	if (in && !noted)
		calls_say("ALLOW, and the store knows nothing of it");
	if (dry && !in)
		calls_say("nothing failed, and no ALLOW");
	if (noted && rc != KM_ENOTFOUND)
		calls_say("the code was used, and is good still");
	if (calls_records(w, KM_EVENT_LOGIN_ALLOWED) != noted ||
	    (calls_operator(w, "known").last_login != 0) != noted)
		calls_say("the code was used %d, and the trail says otherwise", noted);
	if (c.throttle.total != 0)
		calls_say("a right code counts as wrong");
	check_what_left_is_counted(w);
	check_the_next(w);
}

static void check_wrong(struct world *w, bool dry)
{
	struct km_credential c = phone_of(w);
	bool told = login.to_judge.number == KM_MSG_VERDICT &&
		    login.to_judge.verdict.reason == KM_REASON_WRONG;

	if (login.verdict == KM_VERDICT_ALLOW || c.last_used != 0)
		calls_say("ALLOW for a wrong code");
	if (told && c.throttle.fails != 1)
		calls_say("\"wrong\" was said and not counted");
	if (c.throttle.fails > 1)
		calls_say("one wrong code counts as %u", c.throttle.fails);
	if (dry && !told)
		calls_say("nothing failed, and no answer");
	check_what_left_is_counted(w);
	check_the_next(w);
}

/* '*': refused, counted, and an alarm. */
static void check_star(struct world *w, bool dry)
{
	struct km_credential c = phone_of(w);
	const unsigned alarms = calls_records(w, KM_EVENT_PHONE_NOT_ME);
	bool told = login.verdict == KM_VERDICT_DENY && login.to_judge.number == KM_MSG_VERDICT &&
		    login.to_judge.verdict.reason == KM_REASON_PHONE_NOT_ME;

	if (login.verdict == KM_VERDICT_ALLOW || c.last_used != 0)
		calls_say("ALLOW for somebody else");
	if (told && (alarms != 1 || c.throttle.fails != 1))
		calls_say("it was told, and %u alarms and %u failures are there", alarms,
			  c.throttle.fails);
	if (alarms > 1 || c.throttle.fails > 1)
		calls_say("one call counts as %u alarms and %u failures", alarms, c.throttle.fails);
	if (dry && !told)
		calls_say("nothing failed, and no answer");
	check_what_left_is_counted(w);
	check_the_next(w);
}

static void check_unanswered(struct world *w, bool dry)
{
	const unsigned sent = calls_records(w, KM_EVENT_CODE_SENT);
	const unsigned not_sent = calls_records(w, KM_EVENT_CODE_NOT_SENT);
	struct km_credential c = phone_of(w);
	bool told = login.to_judge.number == KM_MSG_VERDICT &&
		    login.to_judge.verdict.reason == KM_REASON_PHONE_NONE;

	if (login.verdict == KM_VERDICT_ALLOW || c.last_used != 0)
		calls_say("ALLOW, and nobody answered");
	if (c.throttle.total != 0)
		calls_say("a call that nobody answered is a wrong code");
	if (told && sent && !not_sent)
		calls_say("it was told, and the trail has it as sent");
	if (dry && (!told || not_sent != 1))
		calls_say("nothing failed, and no answer");
	check_what_left_is_counted(w);
	check_the_next(w);
}

static void check_nobody(struct world *w, bool dry)
{
	if (login.verdict == KM_VERDICT_ALLOW || calls_records(w, KM_EVENT_LOGIN_ALLOWED) != 0)
		calls_say("nobody is let in");
	if (login.left > 0 || calls_records(w, KM_EVENT_CODE_SENT) != 0)
		calls_say("something was sent to nobody");
	if (calls_records(w, KM_EVENT_CODE_NOT_SENT) != 0)
		calls_say("a record of its own");
	if (dry && !login.sending)
		calls_say("nothing failed, and no answer");
	check_what_left_is_counted(w);
	check_the_next(w);
}

#define MATRIX(name, ...)                                                                          \
	static void name(void **state)                                                             \
	{                                                                                          \
		static const struct calls_act act = { false, __VA_ARGS__ };                        \
		calls_matrix(*state, &calls_kept, &act);                                           \
	}
MATRIX(test_C3_no_failing_call_lets_a_code_that_was_sent_open_unrecorded_or_twice,
       right_code_is_known, log_in, check_right)
MATRIX(test_C3_no_failing_call_lets_another_code_open_or_go_uncounted_once_told,
       wrong_code_is_tried, log_in, check_wrong)
MATRIX(test_C3_no_failing_call_lets_keys_open_unrecorded_or_twice, telephone_is_called, log_in,
       check_right)
MATRIX(test_C3_no_failing_call_lets_other_keys_open_or_go_uncounted_once_told, wrong_keys_are_tried,
       log_in, check_wrong)
MATRIX(test_C3_no_failing_call_lets_a_star_pass_without_its_alarm_once_told, star_is_pressed,
       log_in, check_star)
MATRIX(test_C3_no_failing_call_makes_a_call_that_nobody_answered_more_than_that, nobody_answers,
       log_in, check_unanswered)
MATRIX(test_C3_no_failing_call_sends_a_code_of_nobodys, nobody_is_asked_for, log_in, check_nobody)

static int begin(void **state)
{
	pw.courier = -1;
	return calls_setup(state);
}

static int end(void **state)
{
	if (pw.courier >= 0)
		close(pw.courier);
	return calls_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_C3_no_failing_call_lets_a_code_that_was_sent_open_unrecorded_or_twice),
		cmocka_unit_test(
		    test_C3_no_failing_call_lets_another_code_open_or_go_uncounted_once_told),
		cmocka_unit_test(test_C3_no_failing_call_lets_keys_open_unrecorded_or_twice),
		cmocka_unit_test(
		    test_C3_no_failing_call_lets_other_keys_open_or_go_uncounted_once_told),
		cmocka_unit_test(
		    test_C3_no_failing_call_lets_a_star_pass_without_its_alarm_once_told),
		cmocka_unit_test(
		    test_C3_no_failing_call_makes_a_call_that_nobody_answered_more_than_that),
		cmocka_unit_test(test_C3_no_failing_call_sends_a_code_of_nobodys),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
