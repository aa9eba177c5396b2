/*
 * A finger in the place of a code: what the plan offers, what is lent, and what a finding is good
 * for. A whole vault, with the test as its judge, its client and its matcher.
 */
#include "../../authd/vault/grant.h"
#include "finger_world.h"

#include "../../authd/vault/lockout.h"

/* Alice enrols her right index finger; returns its credential's number. */
static uint64_t alice_with_a_finger(void)
{
	world_add(fw.w, "alice", true, false);
	return enrol_finger("alice", KM_FINGER_RIGHT_INDEX);
}

/* What the client itself is told in the end. */
static uint8_t client_verdict(void)
{
	struct km_msg m = world_client_heard(fw.client, NULL);

	assert_int_equal(m.number, KM_MSG_RESULT);
	return m.result.verdict;
}

/* --- the plan ---------------------------------------------------------------------------- */

static void test_a_finger_is_offered_to_whom_has_one_at_this_machine(void **state)
{
	struct world *w = fw.w;

	(void)state;
	world_add(w, "alice", true, false);
	world_add_as(w, "bob", WORLD_UID + 1, true, false);
	(void)enrol_finger("alice", KM_FINGER_RIGHT_INDEX);
	assert_int_equal(asks_in("alice"), KM_SHAPE_DIGITS | KM_SHAPE_RECOVERY | KM_SHAPE_TOUCH);
	assert_int_equal(asks_in("bob"), KM_SHAPE_DIGITS | KM_SHAPE_RECOVERY);
	assert_int_equal(asks_in("nobody"), KM_SHAPE_DIGITS | KM_SHAPE_RECOVERY);
}

static void test_c31_nothing_is_asked_of_a_remote_session(void **state)
{
	(void)state;
	(void)alice_with_a_finger();
	fw.w->origin = KM_ORIGIN_REMOTE;
	assert_int_equal(asks_in("alice"), KM_SHAPE_DIGITS | KM_SHAPE_RECOVERY);
}

static void test_a_service_that_does_not_name_fingers_asks_for_none(void **state)
{
	(void)state;
	(void)alice_with_a_finger();
	fw.w->v->conf.login.factors =
	    (struct km_steps){ 1,
			       { KM_FACTOR_BIT(KM_FACTOR_TOTP) | KM_FACTOR_BIT(KM_FACTOR_HOTP) } };
	assert_int_equal(asks_in("alice"), KM_SHAPE_DIGITS | KM_SHAPE_RECOVERY);
}

static void test_a_finger_that_is_disabled_is_not_offered(void **state)
{
	uint64_t id;

	(void)state;
	id = alice_with_a_finger();
	set_throttle_of("alice", id, 50, INT64_MAX);
	assert_int_equal(asks_in("alice"), KM_SHAPE_DIGITS | KM_SHAPE_RECOVERY);
}

/* --- lending -------------------------------------------------------------------------------- */

static void test_a_grant_lends_the_templates_of_that_operator_and_of_nobody_else(void **state)
{
	uint8_t id[KM_GRANT_BYTES];
	struct km_msg m;

	(void)state;
	world_add(fw.w, "alice", true, false);
	world_add_as(fw.w, "bob", WORLD_UID + 1, true, false);
	(void)enrol_finger("bob", KM_FINGER_LEFT_THUMB);
	(void)enrol_finger("alice", KM_FINGER_RIGHT_INDEX);
	(void)enrol_finger("alice", KM_FINGER_LEFT_INDEX);
	waits_for_a_finger("alice", id);
	for (unsigned i = 0; i < 2; i++) {
		unsigned finger = i ? KM_FINGER_LEFT_INDEX : KM_FINGER_RIGHT_INDEX;

		assert_true(matcher_heard(&m));
		assert_int_equal(m.number, KM_MSG_LEND);
		assert_memory_equal(m.lend.grant, id, sizeof id);
		assert_int_equal(m.lend.mode, KM_GRANT_COMPARE);
		assert_int_equal(m.lend.index, i);
		assert_int_equal(m.lend.count, 2);
		assert_true(m.lend.until > fw.w->v->now.boot_ms);
		assert_int_equal(m.lend.blob.len, FINGER_TEMPLATE);
		assert_int_equal(m.lend.blob.bytes[0], finger);
		assert_int_equal(m.lend.blob.bytes[5], finger + 5);
	}
	assert_false(matcher_heard(&m));
}

static void test_the_finger_of_a_leaver_is_not_taken_out(void **state)
{
	struct km_due_row leaves = { .what = KM_DUE_ERASE, .cause = KM_CAUSE_TRANSFERRED };
	struct vault *v = fw.w->v;
	struct km_operator op;
	struct km_event_record r;
	struct km_msg m;

	(void)state;
	(void)alice_with_a_finger();
	op = operator_of("alice");
	memcpy(leaves.subject, op.subject, sizeof leaves.subject);
	leaves.day = v->now.today;
	due_event(&r, &leaves, "test");
	v->suspicion = KM_SUSPECT_CLOCK; /* it is not carried out meanwhile */
	assert_int_equal(due_put(v, &leaves, &r), KM_OK);
	assert_int_equal(asks_in("alice"), KM_SHAPE_DIGITS | KM_SHAPE_RECOVERY | KM_SHAPE_TOUCH);
	judge_grants(fw.w->session, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	assert_false(matcher_heard(&m));
}

static void test_all_ten_fingers_fit_into_one_grant(void **state)
{
	uint8_t id[KM_GRANT_BYTES];
	unsigned lent = 0;
	struct km_msg m;

	(void)state;
	world_add(fw.w, "alice", true, false);
	for (unsigned f = 1; f <= KM_GRANT_TEMPLATES; f++)
		(void)enrol_finger("alice", (enum km_finger)f);
	waits_for_a_finger("alice", id);
	while (matcher_heard(&m))
		lent += m.number == KM_MSG_LEND && m.lend.count == KM_GRANT_TEMPLATES;
	assert_int_equal(lent, KM_GRANT_TEMPLATES);
	finds(id, KM_MATCH_YES, KM_GRANT_TEMPLATES - 1);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
}

/* --- findings -----------------------------------------------------------------------------------
 */

static void test_the_finger_that_matched_lets_in_and_is_written_down(void **state)
{
	uint8_t id[KM_GRANT_BYTES];
	uint64_t credential;
	char wanted[80];

	(void)state;
	(void)alice_with_a_finger();
	credential = enrol_finger("alice", KM_FINGER_LEFT_INDEX);
	waits_for_a_finger("alice", id);
	finds(id, KM_MATCH_YES, 1);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
	assert_int_equal(client_verdict(), KM_VERDICT_ALLOW);
	snprintf(wanted, sizeof wanted,
		 "factor=fingerprint finger=left-index credential=%llu score=12345",
		 (unsigned long long)credential);
	assert_non_null(strstr(last_event(KM_EVENT_LOGIN_ALLOWED), wanted));
	assert_true(credential_of("alice", credential).last_used > 0);
	assert_true(operator_of("alice").last_login > 0);
	/* Its finding has ended the grant: there is nothing to take back. */
	assert_false(is_taken_back(id));
}

static void test_a_mismatch_counts_against_every_finger_that_was_lent(void **state)
{
	uint8_t id[KM_GRANT_BYTES];
	uint64_t one, two;

	(void)state;
	one = alice_with_a_finger();
	two = enrol_finger("alice", KM_FINGER_LEFT_INDEX);
	waits_for_a_finger("alice", id);
	finds(id, KM_MATCH_NO, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER);
	assert_int_equal(credential_of("alice", one).throttle.fails, 1);
	assert_int_equal(credential_of("alice", two).throttle.fails, 1);
	assert_non_null(strstr(last_event(KM_EVENT_LOGIN_REFUSED),
			       "reason=wrong-finger factor=fingerprint score=12345"));
	/* A code counts by itself. */
	world_check(fw.w, "000000");
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_WRONG);
	assert_int_equal(credential_of("alice", one).throttle.fails, 1);
}

static void test_a_match_resets_the_failures_of_that_finger_alone(void **state)
{
	uint8_t id[KM_GRANT_BYTES];
	uint64_t one, two;

	(void)state;
	one = alice_with_a_finger();
	two = enrol_finger("alice", KM_FINGER_LEFT_INDEX);
	set_throttle_of("alice", one, 3, 0);
	set_throttle_of("alice", two, 3, 0);
	waits_for_a_finger("alice", id);
	finds(id, KM_MATCH_YES, 0);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
	assert_int_equal(credential_of("alice", one).throttle.fails, 0);
	assert_int_equal(credential_of("alice", two).throttle.fails, 3);
}

static void test_c32_what_is_no_mismatch_counts_nothing(void **state)
{
	static const struct {
		unsigned outcome;
		enum km_reason reason;
	} none[] = { { KM_MATCH_POOR, KM_REASON_FINGER_POOR },
		     { KM_MATCH_FAILED, KM_REASON_FINGER_NONE } };
	uint8_t id[KM_GRANT_BYTES];
	uint64_t credential;

	(void)state;
	credential = alice_with_a_finger();
	waits_for_a_finger("alice", id);
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
		finds(id, none[i].outcome, 0);
		hears_verdict(KM_VERDICT_RETRY, none[i].reason);
		judge_grants(fw.w->session, 0);
		memcpy(id, judge_hears(KM_MSG_GRANTED).granted.grant, sizeof id);
	}
	judge_revokes(fw.w->session, KM_SENSOR_NO_READER);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	assert_int_equal(credential_of("alice", credential).throttle.total, 0);
	assert_string_equal(last_event(KM_EVENT_LOGIN_REFUSED), "");
}

static void test_a_finger_passes_one_step_of_several_and_a_code_the_next(void **state)
{
	uint8_t id[KM_GRANT_BYTES];
	char code[16];

	(void)state;
	(void)alice_with_a_finger();
	fw.w->v->conf.login.factors = (struct km_steps){ 2,
							 { KM_FACTOR_BIT(KM_FACTOR_RECOVERY) |
							       KM_FACTOR_BIT(KM_FACTOR_FINGERPRINT),
							   KM_FACTOR_BIT(KM_FACTOR_HOTP) } };
	waits_for_a_finger("alice", id);
	finds(id, KM_MATCH_YES, 0);
	hears_verdict(KM_VERDICT_NEXT, KM_REASON_NONE);
	assert_non_null(strstr(last_event(KM_EVENT_STEP_PASSED), "finger=right-index"));
	assert_int_equal(operator_of("alice").last_login, 0);
	{
		struct km_msg check = { .number = KM_MSG_CHECK, .session = fw.w->session };

		world_code(0, code);
		check.check.step = 1;
		assert_int_equal(km_secret_set(&check.check.secret, code, 6), KM_OK);
		world_tell(fw.w, &check, -1);
	}
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
}

static void test_a_finger_binds_who_has_no_account_yet(void **state)
{
	uint8_t id[KM_GRANT_BYTES];

	(void)state;
	world_add_as(fw.w, "alice", (uid_t)-1, true, false);
	(void)enrol_finger("alice", KM_FINGER_RIGHT_INDEX);
	waits_for_a_finger("alice", id);
	finds(id, KM_MATCH_YES, 0);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
	assert_int_equal(operator_of("alice").uid, WORLD_UID);
}

/* --- the throttle -------------------------------------------------------------------------------
 */

static void test_the_numbers_are_those_of_the_standard(void **state)
{
	struct km_throttle t = { 0 };

	(void)state;
	for (unsigned n = 1; n <= 50; n++) {
		t = lockout_after(&finger_lockout, &t, 1000);
		assert_int_equal(lockout_wait(&finger_lockout, &t, 1000), n < 5 ? 0
									  : n < 50
									      ? 30
									      : LOCKOUT_FOR_GOOD);
	}
}

/* Alice's finger was wrong so often in a row, and once more: what the judge hears then. */
static void is_wrong_once_more(uint64_t credential, uint32_t fails, enum km_reason reason,
			       uint32_t wait)
{
	uint8_t id[KM_GRANT_BYTES];
	struct km_msg m;

	set_throttle_of("alice", credential, fails, 0);
	waits_for_a_finger("alice", id);
	finds(id, KM_MATCH_NO, 0);
	m = judge_hears(KM_MSG_VERDICT);
	assert_int_equal(m.verdict.verdict, KM_VERDICT_RETRY);
	assert_int_equal(m.verdict.reason, reason);
	assert_int_equal(m.verdict.wait, wait);
}

static void test_after_five_mismatches_a_code_is_asked_for_and_still_lets_in(void **state)
{
	uint64_t credential;
	struct km_msg m;
	char code[16];

	(void)state;
	credential = alice_with_a_finger();
	is_wrong_once_more(credential, 4, KM_REASON_FINGER_LOCKED, 30);
	assert_non_null(strstr(last_event(KM_EVENT_LOCKED), "finger=right-index"));
	/* Unjudged and uncounted while it waits. */
	while (matcher_heard(&m))
		;
	judge_grants(fw.w->session, 0);
	m = judge_hears(KM_MSG_VERDICT);
	assert_int_equal(m.verdict.reason, KM_REASON_FINGER_LOCKED);
	assert_false(matcher_heard(&m));
	assert_int_equal(credential_of("alice", credential).throttle.fails, 5);
	world_code(0, code);
	world_check(fw.w, code);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
	/* Only what was used is reset. */
	assert_int_equal(credential_of("alice", credential).throttle.fails, 5);
}

static void test_the_fiftieth_mismatch_disables_it(void **state)
{
	(void)state;
	is_wrong_once_more(alice_with_a_finger(), 49, KM_REASON_FINGER_DISABLED, 0);
	judge_grants(fw.w->session, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_DISABLED);
	assert_int_equal(asks_in("alice"), KM_SHAPE_DIGITS | KM_SHAPE_RECOVERY);
}

static void test_a_finger_that_must_wait_is_not_lent_beside_one_that_need_not(void **state)
{
	uint8_t id[KM_GRANT_BYTES];
	uint64_t one, two;
	struct km_msg m;

	(void)state;
	one = alice_with_a_finger();
	two = enrol_finger("alice", KM_FINGER_LEFT_INDEX);
	set_throttle_of("alice", one, 5, fw.w->v->now.wall + 25);
	waits_for_a_finger("alice", id);
	assert_true(matcher_heard(&m));
	assert_int_equal(m.lend.count, 1);
	assert_int_equal(m.lend.blob.bytes[0], KM_FINGER_LEFT_INDEX);
	finds(id, KM_MATCH_YES, 0);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
	assert_int_equal(credential_of("alice", one).throttle.fails, 5);
	assert_true(credential_of("alice", two).last_used > 0);
}

/* --- what changed between the grant and the finding --------------------------------------------
 */

static void test_c1_a_finger_that_was_locked_meanwhile_does_not_let_in(void **state)
{
	uint8_t id[KM_GRANT_BYTES];
	uint64_t credential;

	(void)state;
	credential = alice_with_a_finger();
	waits_for_a_finger("alice", id);
	set_throttle_of("alice", credential, 5, fw.w->v->now.wall + 25);
	finds(id, KM_MATCH_YES, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_LOCKED);
	assert_int_equal(credential_of("alice", credential).throttle.fails, 5);
}

static void test_c1_guesses_cannot_be_made_at_once_and_lock_at_the_fifth(void **state)
{
	uint8_t id[KM_GRANT_BYTES];
	uint64_t credential;

	(void)state;
	credential = alice_with_a_finger();
	for (unsigned n = 0; n < 5; n++) {
		waits_for_a_finger("alice", id);
		(void)asks_in("alice");
		judge_grants(fw.w->session, 0);
		hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_ELSEWHERE);
		finds(id, KM_MATCH_NO, 0);
		hears_verdict(KM_VERDICT_RETRY, n < 4 ? KM_REASON_FINGER : KM_REASON_FINGER_LOCKED);
	}
	(void)asks_in("alice");
	judge_grants(fw.w->session, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_LOCKED);
	assert_int_equal(credential_of("alice", credential).throttle.fails, 5);
}

static void
test_an_operator_who_was_suspended_meanwhile_is_refused_like_a_wrong_finger(void **state)
{
	struct km_event_record r;
	uint8_t id[KM_GRANT_BYTES];
	struct km_operator op;

	(void)state;
	(void)alice_with_a_finger();
	waits_for_a_finger("alice", id);
	op = operator_of("alice");
	event_make(&r, KM_EVENT_OPERATOR_SUSPENDED, op.subject, "test");
	assert_int_equal(store_operator_state(fw.w->v->store, op.subject, KM_SUSPENDED, &r), KM_OK);
	finds(id, KM_MATCH_YES, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER);
	assert_non_null(strstr(last_event(KM_EVENT_LOGIN_REFUSED), "reason=suspended"));
	/* Offered and compared all the same, as codes are. */
	waits_for_a_finger("alice", id);
	finds(id, KM_MATCH_YES, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER);
}

static void test_a_finger_that_was_removed_meanwhile_does_not_let_in(void **state)
{
	struct km_event_record r;
	uint8_t id[KM_GRANT_BYTES];
	struct km_operator op;
	uint64_t one, two;

	(void)state;
	one = alice_with_a_finger();
	two = enrol_finger("alice", KM_FINGER_LEFT_INDEX);
	waits_for_a_finger("alice", id);
	op = operator_of("alice");
	event_make(&r, KM_EVENT_CREDENTIAL_REMOVED, op.subject, "test");
	assert_int_equal(store_credential_remove(fw.w->v->store, op.subject, one, &r), KM_OK);
	finds(id, KM_MATCH_YES, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	assert_non_null(strstr(last_event(KM_EVENT_LOGIN_REFUSED), "reason=not-enrolled"));
	assert_null(strstr(last_event(KM_EVENT_LOGIN_REFUSED), "left-index"));
	assert_int_equal(credential_of("alice", two).throttle.total, 0);
}

/* --- equal work --------------------------------------------------------------------------------
 */

struct work {
	uint64_t messages, hmacs, unwraps, unseals, statements, commits;
};

static struct work opening(const char *login, uint16_t *shape)
{
	struct km_key_work k = km_keys_work(fw.w->v->keys);
	struct km_store_work s = store_work(fw.w->v->store);
	uint64_t messages = fw.w->v->messages;
	struct work one;

	*shape = asks_in(login);
	one = (struct work){
		fw.w->v->messages - messages,
		km_keys_work(fw.w->v->keys).hmacs - k.hmacs,
		km_keys_work(fw.w->v->keys).unwraps - k.unwraps,
		km_keys_work(fw.w->v->keys).unseals - k.unseals,
		store_work(fw.w->v->store).statements - s.statements,
		store_work(fw.w->v->store).commits - s.commits,
	};
	return one;
}

static void test_c25_a_plan_that_may_offer_a_finger_costs_the_same_for_every_name(void **state)
{
	static const char *const others[] = { "nobody", "unenrolled", "suspended", "fingers" };
	struct work known, other;
	uint16_t shape;

	(void)state;
	world_add(fw.w, "known", true, false);
	world_add_as(fw.w, "unenrolled", WORLD_UID + 1, false, false);
	world_add_as(fw.w, "suspended", WORLD_UID + 2, true, true);
	world_add_as(fw.w, "fingers", WORLD_UID + 3, true, false);
	(void)enrol_finger("fingers", KM_FINGER_RIGHT_INDEX);
	(void)enrol_finger("fingers", KM_FINGER_LEFT_INDEX);
	known = opening("known", &shape);
	assert_true(known.statements > 0);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		other = opening(others[i], &shape);
		if (memcmp(&known, &other, sizeof known) != 0)
			fail_msg("%s can be told from a known name", others[i]);
	}
	/* Elsewhere nothing is looked up for a plan. */
	fw.w->origin = KM_ORIGIN_REMOTE;
	assert_int_equal(opening("fingers", &shape).statements, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FINGERS(test_a_finger_is_offered_to_whom_has_one_at_this_machine),
		WITH_FINGERS(test_c31_nothing_is_asked_of_a_remote_session),
		WITH_FINGERS(test_a_service_that_does_not_name_fingers_asks_for_none),
		WITH_FINGERS(test_a_finger_that_is_disabled_is_not_offered),
		WITH_FINGERS(test_a_grant_lends_the_templates_of_that_operator_and_of_nobody_else),
		WITH_FINGERS(test_the_finger_of_a_leaver_is_not_taken_out),
		WITH_FINGERS(test_all_ten_fingers_fit_into_one_grant),
		WITH_FINGERS(test_the_finger_that_matched_lets_in_and_is_written_down),
		WITH_FINGERS(test_a_mismatch_counts_against_every_finger_that_was_lent),
		WITH_FINGERS(test_a_match_resets_the_failures_of_that_finger_alone),
		WITH_FINGERS(test_c32_what_is_no_mismatch_counts_nothing),
		WITH_FINGERS(test_a_finger_passes_one_step_of_several_and_a_code_the_next),
		WITH_FINGERS(test_a_finger_binds_who_has_no_account_yet),
		WITH_FINGERS(test_the_numbers_are_those_of_the_standard),
		WITH_FINGERS(test_after_five_mismatches_a_code_is_asked_for_and_still_lets_in),
		WITH_FINGERS(test_the_fiftieth_mismatch_disables_it),
		WITH_FINGERS(test_a_finger_that_must_wait_is_not_lent_beside_one_that_need_not),
		WITH_FINGERS(test_c1_a_finger_that_was_locked_meanwhile_does_not_let_in),
		WITH_FINGERS(test_c1_guesses_cannot_be_made_at_once_and_lock_at_the_fifth),
		WITH_FINGERS(
		    test_an_operator_who_was_suspended_meanwhile_is_refused_like_a_wrong_finger),
		WITH_FINGERS(test_a_finger_that_was_removed_meanwhile_does_not_let_in),
		WITH_FINGERS(test_c25_a_plan_that_may_offer_a_finger_costs_the_same_for_every_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
