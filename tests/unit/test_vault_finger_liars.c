/*
 * Who lies, stalls or goes while a finger is waited for: the judge cannot claim a match, the
 * matcher can claim none but of what it was lent, and what was lent is taken back however a login
 * ends. A whole vault, with the test as its judge, its client and its matcher.
 */
#include "finger_world.h"

static uint8_t grant[KM_GRANT_BYTES];

/* --- where everybody begins ------------------------------------------------------------- */

static int alice_has_a_finger(void **state)
{
	(void)finger_world_up(state);
	world_add(fw.w, "alice", true, false);
	(void)enrol_finger("alice", KM_FINGER_RIGHT_INDEX);
	(void)enrol_finger("alice", KM_FINGER_LEFT_INDEX);
	return 0;
}

/* Her login waits for a finger, and the matcher has read what it was lent. */
static int alice_waits(void **state)
{
	struct km_msg m;

	(void)alice_has_a_finger(state);
	waits_for_a_finger("alice", grant);
	while (matcher_heard(&m))
		assert_int_equal(m.number, KM_MSG_LEND);
	return 0;
}

#define HAVING(test)  cmocka_unit_test_setup_teardown(test, alice_has_a_finger, finger_world_down)
#define WAITING(test) cmocka_unit_test_setup_teardown(test, alice_waits, finger_world_down)

static void no_grant_is_left(void)
{
	for (size_t i = 0; i < VAULT_GRANTS; i++)
		assert_false(fw.w->v->grant[i].used);
}

/* The vault has ended its judge's link, and would be started again. Nobody came in. */
static void the_judge_is_thrown_out(void)
{
	assert_true(fw.w->v->stop);
	assert_string_equal(last_event(KM_EVENT_LOGIN_ALLOWED), "");
}

static void the_matcher_is_thrown_out(void)
{
	struct km_msg m;
	uint8_t byte;

	assert_int_equal(fw.w->v->matcher, -1);
	assert_false(fw.w->v->stop);
	while (matcher_heard(&m))
		;
	assert_int_equal(recv(fw.matcher, &byte, 1, MSG_DONTWAIT), 0);
	assert_string_equal(last_event(KM_EVENT_LOGIN_ALLOWED), "");
	no_grant_is_left();
}

/* --- the judge --------------------------------------------------------------------------- */

static void test_a_grant_that_the_plan_did_not_offer_ends_the_link(void **state)
{
	(void)state;
	fw.w->origin = KM_ORIGIN_REMOTE;
	(void)asks_in("alice");
	judge_grants(fw.w->session, 0);
	the_judge_is_thrown_out();
}

static void test_a_grant_for_another_step_ends_the_link(void **state)
{
	(void)state;
	(void)asks_in("alice");
	judge_grants(fw.w->session, 1);
	the_judge_is_thrown_out();
}

static void test_a_second_grant_while_one_is_open_ends_the_link(void **state)
{
	(void)state;
	judge_grants(fw.w->session, 0);
	the_judge_is_thrown_out();
}

static void test_a_code_while_a_finger_is_waited_for_ends_the_link(void **state)
{
	char code[16];

	(void)state;
	world_code(0, code);
	world_check(fw.w, code);
	the_judge_is_thrown_out();
}

static void test_a_revoke_without_a_grant_ends_the_link(void **state)
{
	(void)state;
	(void)asks_in("alice");
	judge_revokes(fw.w->session, KM_SENSOR_TIMEOUT);
	the_judge_is_thrown_out();
}

static void test_a_second_revoke_of_one_grant_ends_the_link(void **state)
{
	(void)state;
	judge_revokes(fw.w->session, KM_SENSOR_TIMEOUT);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	judge_revokes(fw.w->session, KM_SENSOR_TIMEOUT);
	the_judge_is_thrown_out();
}

static void test_a_revoke_with_an_event_that_ends_nothing_ends_the_link(void **state)
{
	(void)state;
	judge_revokes(fw.w->session, KM_SENSOR_WAITING);
	the_judge_is_thrown_out();
}

/* What the matcher says is a message of its own link, and of no other. */
static void test_C12_a_judge_that_claims_a_match_ends_the_link(void **state)
{
	struct km_msg m = { .number = KM_MSG_MATCH };

	(void)state;
	memcpy(m.match.grant, grant, sizeof m.match.grant);
	m.match.outcome = KM_MATCH_YES;
	world_tell(fw.w, &m, -1);
	the_judge_is_thrown_out();
}

static void test_what_was_sensed_for_a_login_is_not_the_judges_to_say(void **state)
{
	struct km_msg m = { .number = KM_MSG_SENSED };

	(void)state;
	memcpy(m.sensed.grant, grant, sizeof m.sensed.grant);
	m.sensed.event = KM_SENSOR_TAKEN;
	world_tell(fw.w, &m, -1);
	the_judge_is_thrown_out();
}

static void test_what_was_sensed_for_nobody_is_no_fault(void **state)
{
	struct km_msg m = { .number = KM_MSG_SENSED };

	(void)state;
	m.sensed.event = KM_SENSOR_TAKEN;
	world_tell(fw.w, &m, -1);
	assert_false(fw.w->v->stop);
}

static void test_grant_and_revoke_after_the_end_are_no_fault(void **state)
{
	(void)state;
	finds(grant, KM_MATCH_YES, 0);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
	judge_revokes(fw.w->session, KM_SENSOR_TIMEOUT);
	judge_grants(fw.w->session, 0);
	assert_false(fw.w->v->stop);
	judge_hears_nothing();
}

static void test_a_revoke_that_crosses_a_finding_gets_one_verdict(void **state)
{
	struct km_msg match = { .number = KM_MSG_MATCH };
	struct km_msg revoke = { .number = KM_MSG_REVOKE, .session = fw.w->session };

	(void)state;
	memcpy(match.match.grant, grant, sizeof match.match.grant);
	match.match.outcome = KM_MATCH_NO;
	revoke.revoke.event = KM_SENSOR_TIMEOUT;
	/* Whichever the round takes first. */
	assert_int_equal(km_send_msg(fw.matcher, &match, -1, 0), KM_OK);
	world_tell(fw.w, &revoke, -1);
	assert_int_equal(judge_hears(KM_MSG_VERDICT).verdict.verdict, KM_VERDICT_RETRY);
	judge_hears_nothing();
	/* And the other way round, in two rounds. */
	judge_grants(fw.w->session, 0);
	memcpy(grant, judge_hears(KM_MSG_GRANTED).granted.grant, sizeof grant);
	finds(grant, KM_MATCH_NO, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER);
	judge_revokes(fw.w->session, KM_SENSOR_TIMEOUT);
	judge_hears_nothing();
	assert_false(fw.w->v->stop);
	assert_int_equal(fw.w->v->matcher_spoke, true);
}

static void test_a_code_may_follow_when_a_finger_came_to_nothing(void **state)
{
	char code[16];

	(void)state;
	judge_revokes(fw.w->session, KM_SENSOR_NO_READER);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	assert_true(is_taken_back(grant));
	world_code(0, code);
	world_check(fw.w, code);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
}

/* --- the matcher --------------------------------------------------------------------------- */

static void test_a_finding_with_a_byte_that_is_none_ends_the_matchers_link(void **state)
{
	(void)state;
	finds(grant, KM_MATCH_YES + 1, 0);
	the_matcher_is_thrown_out();
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
}

static void test_a_match_of_what_was_not_lent_ends_the_matchers_link(void **state)
{
	(void)state;
	finds(grant, KM_MATCH_YES, 2);
	the_matcher_is_thrown_out();
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
}

static void test_a_stage_for_a_login_ends_the_matchers_link(void **state)
{
	struct km_msg m = { .number = KM_MSG_STAGE };

	(void)state;
	memcpy(m.stage.grant, grant, sizeof m.stage.grant);
	m.stage.outcome = KM_STAGE_GOOD;
	matcher_says(&m);
	the_matcher_is_thrown_out();
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
}

static void test_a_template_for_a_login_ends_the_matchers_link(void **state)
{
	static const uint8_t blob[20];
	struct km_msg m = { .number = KM_MSG_TEMPLATE };

	(void)state;
	memcpy(m.finger_template.grant, grant, sizeof m.finger_template.grant);
	m.finger_template.blob = (struct km_span){ .bytes = blob, .len = sizeof blob };
	matcher_says(&m);
	the_matcher_is_thrown_out();
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
}

static void test_a_frame_that_is_the_judges_ends_the_matchers_link(void **state)
{
	struct km_msg m = { .number = KM_MSG_REVOKE, .session = fw.w->session };

	(void)state;
	m.revoke.event = KM_SENSOR_TIMEOUT;
	matcher_says(&m);
	the_matcher_is_thrown_out();
}

static void test_a_matcher_of_another_protocol_is_lent_nothing(void **state)
{
	struct km_msg hello = { .number = KM_MSG_MATCHER };

	(void)state;
	matcher_goes();
	matcher_connects();
	hello.matcher.version = KM_ROOM_PROTOCOL + 1;
	matcher_says(&hello);
	the_matcher_is_thrown_out();
}

static void test_a_matcher_that_has_not_said_hello_is_lent_nothing(void **state)
{
	struct km_msg m;

	(void)state;
	matcher_goes();
	matcher_connects();
	(void)asks_in("alice");
	judge_grants(fw.w->session, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	assert_false(matcher_heard(&m));
	finds(grant, KM_MATCH_YES, 0);
	the_matcher_is_thrown_out();
}

static void test_C28_a_finding_counts_once(void **state)
{
	(void)state;
	finds(grant, KM_MATCH_NO, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER);
	finds(grant, KM_MATCH_YES, 0);
	judge_hears_nothing();
	assert_string_equal(last_event(KM_EVENT_LOGIN_ALLOWED), "");
	assert_true(matcher_ready(fw.w->v));
}

static void test_C28_two_findings_in_one_round_count_once(void **state)
{
	struct km_msg m = { .number = KM_MSG_MATCH };

	(void)state;
	memcpy(m.match.grant, grant, sizeof m.match.grant);
	m.match.outcome = KM_MATCH_NO;
	assert_int_equal(km_send_msg(fw.matcher, &m, -1, 0), KM_OK);
	m.match.outcome = KM_MATCH_YES;
	matcher_says(&m);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER);
	judge_hears_nothing();
	assert_string_equal(last_event(KM_EVENT_LOGIN_ALLOWED), "");
}

static void test_C28_a_finding_that_comes_late_counts_nothing(void **state)
{
	(void)state;
	judge_revokes(fw.w->session, KM_SENSOR_TIMEOUT);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	finds(grant, KM_MATCH_YES, 0);
	judge_hears_nothing();
	/* Nor is it one for the next grant of the same login. */
	judge_grants(fw.w->session, 0);
	(void)judge_hears(KM_MSG_GRANTED);
	finds(grant, KM_MATCH_YES, 0);
	judge_hears_nothing();
	assert_string_equal(last_event(KM_EVENT_LOGIN_ALLOWED), "");
	assert_true(matcher_ready(fw.w->v));
}

static void test_C28_a_finding_before_any_grant_counts_nothing(void **state)
{
	static const uint8_t none[KM_GRANT_BYTES];

	(void)state;
	(void)asks_in("alice");
	finds(none, KM_MATCH_YES, 0);
	judge_hears_nothing();
	assert_true(matcher_ready(fw.w->v));
}

static void test_C28_a_finding_is_for_its_own_grant_alone(void **state)
{
	uint8_t bobs[KM_GRANT_BYTES];
	uint32_t alices = fw.w->session;

	(void)state;
	world_add_as(fw.w, "bob", WORLD_UID + 1, true, false);
	(void)enrol_finger("bob", KM_FINGER_LEFT_THUMB);
	waits_for_a_finger("bob", bobs);
	finds(bobs, KM_MATCH_NO, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER);
	/* Alice's goes on. */
	assert_non_null(session_find(fw.w->v, alices)->grant);
	finds(grant, KM_MATCH_YES, 0);
	assert_int_equal(judge_hears(KM_MSG_VERDICT).session, alices);
}

static void test_C27_a_matcher_that_says_nothing_is_waited_for_until_the_deadline(void **state)
{
	struct session *s = session_find(fw.w->v, fw.w->session);

	(void)state;
	assert_true(s->grant->until_ms >
		    fw.w->v->now.boot_ms + fw.w->v->conf.finger_timeout * 1000LL);
	judge_hears_nothing();
	s->grant->until_ms = fw.w->v->now.boot_ms; /* CLOCK_BOOTTIME: sleep counts */
	world_round(fw.w);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	assert_true(is_taken_back(grant));
	finds(grant, KM_MATCH_YES, 0);
	judge_hears_nothing();
	no_grant_is_left();
}

static void test_a_matcher_that_goes_ends_every_grant_and_codes_go_on(void **state)
{
	char code[16];

	(void)state;
	matcher_goes();
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	no_grant_is_left();
	judge_grants(fw.w->session, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	world_code(0, code);
	world_check(fw.w, code);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
	/* It is started again, and the next login has fingers. */
	matcher_comes();
	waits_for_a_finger("alice", grant);
	finds(grant, KM_MATCH_YES, 0);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
}

/* The buffer of its link is full at some time: it must not hold more, nor keep what it has. */
static void test_a_matcher_that_does_not_read_costs_no_login_its_code(void **state)
{
	unsigned granted = 0;
	struct km_msg m;

	(void)state;
	for (unsigned n = 0; n < 2000 && fw.w->v->matcher >= 0; n++) {
		judge_revokes(fw.w->session, KM_SENSOR_STOPPED);
		assert_true(world_heard(fw.w, &m));
		if (fw.w->v->matcher < 0)
			break;
		judge_grants(fw.w->session, 0);
		assert_true(world_heard(fw.w, &m));
		granted += m.number == KM_MSG_GRANTED;
	}
	assert_true(granted > VAULT_GRANTS);
	the_matcher_is_thrown_out();
	assert_int_equal(m.number, KM_MSG_VERDICT);
	assert_int_equal(m.verdict.reason, KM_REASON_FINGER_NONE);
}

/* --- how a login ends ----------------------------------------------------------------------- */

static void test_what_was_lent_is_taken_back_when_the_login_is_given_up(void **state)
{
	(void)state;
	world_end(fw.w, KM_REASON_ABORTED);
	assert_true(is_taken_back(grant));
	no_grant_is_left();
	finds(grant, KM_MATCH_YES, 0);
	judge_hears_nothing();
	assert_string_equal(last_event(KM_EVENT_LOGIN_ALLOWED), "");
	/* Nothing was tried, so the trail says how it ended. */
	assert_non_null(strstr(last_event(KM_EVENT_LOGIN_REFUSED), "reason=aborted"));
}

static void test_what_was_lent_is_taken_back_when_the_operator_is_erased(void **state)
{
	struct km_event_record r;
	struct km_operator op = operator_of("alice");

	(void)state;
	event_make(&r, KM_EVENT_ERASE_BEGUN, op.subject, "test");
	assert_int_equal(store_erase_begin(fw.w->v->store, op.subject, &r), KM_OK);
	fw.w->v->erasing = true;
	world_round(fw.w);
	assert_true(is_taken_back(grant));
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	assert_false(fw.w->v->erasing);
	judge_grants(fw.w->session, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	finds(grant, KM_MATCH_YES, 0);
	judge_hears_nothing();
}

static void test_an_operator_who_was_erased_and_registered_again_is_another(void **state)
{
	struct grant *g = session_find(fw.w->v, fw.w->session)->grant;

	(void)state;
	memset(g->subject, 0x11, sizeof g->subject);
	finds(grant, KM_MATCH_YES, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	assert_string_equal(last_event(KM_EVENT_LOGIN_ALLOWED), "");
}

static void test_there_are_so_many_grants_and_no_more(void **state)
{
	uint32_t first = fw.w->session;
	uint8_t id[KM_GRANT_BYTES];

	(void)state;
	for (unsigned n = 1; n < VAULT_GRANTS; n++)
		waits_for_a_finger("alice", id);
	(void)asks_in("alice");
	judge_grants(fw.w->session, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	judge_revokes(first, KM_SENSOR_TIMEOUT);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	judge_grants(fw.w->session, 0);
	(void)judge_hears(KM_MSG_GRANTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HAVING(test_a_grant_that_the_plan_did_not_offer_ends_the_link),
		HAVING(test_a_grant_for_another_step_ends_the_link),
		WAITING(test_a_second_grant_while_one_is_open_ends_the_link),
		WAITING(test_a_code_while_a_finger_is_waited_for_ends_the_link),
		HAVING(test_a_revoke_without_a_grant_ends_the_link),
		WAITING(test_a_second_revoke_of_one_grant_ends_the_link),
		WAITING(test_a_revoke_with_an_event_that_ends_nothing_ends_the_link),
		WAITING(test_C12_a_judge_that_claims_a_match_ends_the_link),
		WAITING(test_what_was_sensed_for_a_login_is_not_the_judges_to_say),
		WAITING(test_what_was_sensed_for_nobody_is_no_fault),
		WAITING(test_grant_and_revoke_after_the_end_are_no_fault),
		WAITING(test_a_revoke_that_crosses_a_finding_gets_one_verdict),
		WAITING(test_a_code_may_follow_when_a_finger_came_to_nothing),
		WAITING(test_a_finding_with_a_byte_that_is_none_ends_the_matchers_link),
		WAITING(test_a_match_of_what_was_not_lent_ends_the_matchers_link),
		WAITING(test_a_stage_for_a_login_ends_the_matchers_link),
		WAITING(test_a_template_for_a_login_ends_the_matchers_link),
		WAITING(test_a_frame_that_is_the_judges_ends_the_matchers_link),
		HAVING(test_a_matcher_of_another_protocol_is_lent_nothing),
		HAVING(test_a_matcher_that_has_not_said_hello_is_lent_nothing),
		WAITING(test_C28_a_finding_counts_once),
		WAITING(test_C28_two_findings_in_one_round_count_once),
		WAITING(test_C28_a_finding_that_comes_late_counts_nothing),
		HAVING(test_C28_a_finding_before_any_grant_counts_nothing),
		WAITING(test_C28_a_finding_is_for_its_own_grant_alone),
		WAITING(test_C27_a_matcher_that_says_nothing_is_waited_for_until_the_deadline),
		WAITING(test_a_matcher_that_goes_ends_every_grant_and_codes_go_on),
		WAITING(test_a_matcher_that_does_not_read_costs_no_login_its_code),
		WAITING(test_what_was_lent_is_taken_back_when_the_login_is_given_up),
		WAITING(test_what_was_lent_is_taken_back_when_the_operator_is_erased),
		WAITING(test_an_operator_who_was_erased_and_registered_again_is_another),
		WAITING(test_there_are_so_many_grants_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
