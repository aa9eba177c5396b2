/*
 * A judge that lies while a finger is waited for: it cannot claim a match, and what was lent is
 * taken back however a login ends. A whole vault, with the test as its judge, its client and its
 * matcher.
 */
#include "finger_world.h"

/* --- the judge --------------------------------------------------------------------------- */

static void test_a_grant_that_the_plan_did_not_offer_ends_the_link(void **state)
{
	(void)state;
	fw.w->origin = KM_ORIGIN_REMOTE;
	(void)asks_in("alice");
	judge_grants(fw.w->session, 0);
	the_judge_is_thrown_out();
}

/* A locker that is not root's speaks for its own user alone. */
static void test_who_is_not_root_is_offered_their_own_finger_and_nobody_elses(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip(); /* another uid cannot connect */
	fw.w->peer = WORLD_UID;
	waits_for_a_finger("alice", grant);
	finds(grant, KM_MATCH_YES, 0);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
	fw.w->peer = WORLD_UID + 1;
	assert_false(asks_in("alice") & KM_SHAPE_TOUCH);
	fw.w->peer = 0;
}

static void test_a_grant_for_another_step_ends_the_link(void **state)
{
	(void)state;
	(void)asks_in("alice");
	judge_grants(fw.w->session, 1);
	the_judge_is_thrown_out();
}

static void test_a_grant_for_a_later_step_that_asks_for_a_finger_too_ends_the_link(void **state)
{
	const uint32_t both = KM_FACTOR_BIT(KM_FACTOR_HOTP) | KM_FACTOR_BIT(KM_FACTOR_FINGERPRINT);

	(void)state;
	fw.w->v->conf.login.factors = (struct km_steps){ 2, { both, both } };
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

static void test_a_revoke_that_brings_a_descriptor_ends_the_link(void **state)
{
	struct km_msg revoke = { .number = KM_MSG_REVOKE, .session = fw.w->session };
	int fd = dup(STDERR_FILENO);

	(void)state;
	assert_true(fd >= 0);
	revoke.revoke.event = KM_SENSOR_TIMEOUT;
	world_tell(fw.w, &revoke, fd);
	close(fd);
	the_judge_is_thrown_out();
}

/* What the matcher says is a message of its own link, and of no other. */
static void test_c12_a_judge_that_claims_a_match_ends_the_link(void **state)
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

/* A wrong finger has its record; one that was not seen well enough has none. */
static void test_that_a_login_was_given_up_after_no_finding_is_written_down(void **state)
{
	(void)state;
	finds(grant, KM_MATCH_POOR, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_POOR);
	world_end(fw.w, KM_REASON_ABORTED);
	assert_non_null(strstr(last_event(KM_EVENT_LOGIN_REFUSED), "reason=aborted"));
	waits_for_a_finger("alice", grant);
	finds(grant, KM_MATCH_NO, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER);
	world_end(fw.w, KM_REASON_ABORTED);
	assert_non_null(strstr(last_event(KM_EVENT_LOGIN_REFUSED), "reason=wrong-finger"));
}

/* The code of the step before was right, and has its record; this step has none. */
static void test_that_a_login_was_given_up_at_its_second_step_is_written_down(void **state)
{
	const uint32_t codes = KM_FACTOR_BIT(KM_FACTOR_HOTP);
	char code[16];

	(void)state;
	fw.w->v->conf.login.factors = (struct km_steps){ 2, { codes, codes } };
	(void)asks_in("alice");
	world_check(fw.w, "000000");
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_WRONG);
	world_code(0, code);
	world_check(fw.w, code);
	hears_verdict(KM_VERDICT_NEXT, KM_REASON_NONE);
	world_end(fw.w, KM_REASON_ABORTED);
	assert_non_null(strstr(last_event(KM_EVENT_LOGIN_REFUSED), "reason=aborted"));
}

static void test_a_code_that_was_used_before_has_its_record_and_no_other_at_the_end(void **state)
{
	char code[16];

	(void)state;
	for (unsigned n = 0; n < 2; n++) {
		(void)asks_in("alice");
		world_code(0, code);
		world_check(fw.w, code);
		hears_verdict(n ? KM_VERDICT_RETRY : KM_VERDICT_ALLOW,
			      n ? KM_REASON_REPLAY : KM_REASON_NONE);
	}
	world_end(fw.w, KM_REASON_ABORTED);
	assert_string_not_equal(last_event(KM_EVENT_REPLAYED), "");
	assert_string_equal(last_event(KM_EVENT_LOGIN_REFUSED), "");
}

static void test_what_was_lent_is_taken_back_when_the_operator_is_erased(void **state)
{
	struct km_event_record r;
	struct km_operator op = operator_of("alice");

	(void)state;
	event_make(&r, KM_EVENT_ERASE_BEGUN, op.subject, "test");
	assert_int_equal(store_erase_begin(fw.w->v->store, op.subject, &by_hand, &r), KM_OK);
	fw.w->v->erasing = true;
	world_round(fw.w);
	assert_true(is_taken_back(grant));
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	assert_true(fw.w->v->erasing);
	returns(grant);
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

/*
 * Somebody at this machine begins a login as Alice, and waits for her to begin hers: whichever is
 * first at the reader would get her touch.
 */
static void test_c28_a_touch_cannot_go_to_another_login_in_the_same_name(void **state)
{
	uint8_t first[KM_GRANT_BYTES], other[KM_GRANT_BYTES];
	struct km_msg m;

	(void)state;
	world_add(fw.w, "alice", true, false);
	world_add(fw.w, "bob", true, false);
	(void)enrol_finger("alice", KM_FINGER_RIGHT_INDEX);
	(void)enrol_finger("bob", KM_FINGER_RIGHT_INDEX);
	waits_for_a_finger("alice", first);
	while (matcher_heard(&m))
		;
	assert_true(asks_in("alice") & KM_SHAPE_TOUCH);
	judge_grants(fw.w->session, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_ELSEWHERE);
	assert_false(matcher_heard(&m));
	assert_non_null(strstr(last_event(KM_EVENT_LOGIN_REFUSED), "finger-waited-for-elsewhere"));
	/* Nobody else is held up, nor she once the first is over. */
	waits_for_a_finger("bob", other);
	finds(first, KM_MATCH_NO, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER);
	waits_for_a_finger("alice", first);
	finds(first, KM_MATCH_YES, 0);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
}

static void test_there_are_so_many_grants_and_no_more(void **state)
{
	uint32_t first = fw.w->session;
	uint8_t id[KM_GRANT_BYTES];

	(void)state;
	for (unsigned n = 1; n <= KM_GRANTS; n++) {
		char login[] = "other0";

		login[5] = (char)('0' + n);
		world_add(fw.w, login, true, false);
		(void)enrol_finger(login, KM_FINGER_RIGHT_INDEX);
		if (n < KM_GRANTS)
			waits_for_a_finger(login, id);
		else
			(void)asks_in(login);
	}
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
		HAVING(test_who_is_not_root_is_offered_their_own_finger_and_nobody_elses),
		HAVING(test_a_grant_for_another_step_ends_the_link),
		HAVING(test_a_grant_for_a_later_step_that_asks_for_a_finger_too_ends_the_link),
		WAITING(test_a_second_grant_while_one_is_open_ends_the_link),
		WAITING(test_a_code_while_a_finger_is_waited_for_ends_the_link),
		HAVING(test_a_revoke_without_a_grant_ends_the_link),
		WAITING(test_a_second_revoke_of_one_grant_ends_the_link),
		WAITING(test_a_revoke_with_an_event_that_ends_nothing_ends_the_link),
		WAITING(test_a_revoke_that_brings_a_descriptor_ends_the_link),
		WAITING(test_c12_a_judge_that_claims_a_match_ends_the_link),
		WAITING(test_what_was_sensed_for_a_login_is_not_the_judges_to_say),
		WAITING(test_what_was_sensed_for_nobody_is_no_fault),
		WAITING(test_grant_and_revoke_after_the_end_are_no_fault),
		WAITING(test_a_revoke_that_crosses_a_finding_gets_one_verdict),
		WAITING(test_a_code_may_follow_when_a_finger_came_to_nothing),
		WAITING(test_what_was_lent_is_taken_back_when_the_login_is_given_up),
		WAITING(test_that_a_login_was_given_up_after_no_finding_is_written_down),
		HAVING(test_that_a_login_was_given_up_at_its_second_step_is_written_down),
		HAVING(test_a_code_that_was_used_before_has_its_record_and_no_other_at_the_end),
		WAITING(test_what_was_lent_is_taken_back_when_the_operator_is_erased),
		WAITING(test_an_operator_who_was_erased_and_registered_again_is_another),
		WITH_FINGERS(test_c28_a_touch_cannot_go_to_another_login_in_the_same_name),
		WAITING(test_there_are_so_many_grants_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
