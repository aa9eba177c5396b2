/*
 * What is taken back from the matcher: an erasure is not done before the matcher has said that it
 * is wiped, or has lost its link. Nobody else waits for it.
 */
#include "../../authd/vault/grant.h"
#include "finger_world.h"

#include "../../authd/vault/store_internal.h"
#include "agree.h"

#define GIVEN_UP (VAULT_RETURNS - KM_GRANTS + 1) /* one after the other, nothing returned */

static int line; /* the desk at which an erasure was asked for */

static int64_t count(const char *text)
{
	sqlite3_stmt *st = NULL;
	int64_t n;

	assert_int_equal(
	    sqlite3_prepare_v2(fw.w->v->store->db[DB_VAULT].handle, text, -1, &st, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

static int64_t templates(void)
{
	return count("SELECT count(*) FROM template");
}

static bool any_returning(void)
{
	for (size_t i = 0; i < VAULT_RETURNS; i++)
		if (fw.w->v->returning[i].used)
			return true;
	return false;
}

/* --- a desk ------------------------------------------------------------------------------- */

static int desk_comes(void)
{
	int client = world_open(fw.w, KM_REQUEST_DESK, ""), fd = -1;

	assert_int_equal(world_client_heard(client, &fd).number, KM_MSG_DESK_LINE);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
	close(client);
	return fd;
}

/* It waits for the next round. */
static void sends(struct km_msg m)
{
	static uint8_t op;

	memset(m.status.op, ++op, sizeof m.status.op);
	assert_int_equal(km_send_msg(line, &m, -1, 0), KM_OK);
}

static void asks(struct km_msg m)
{
	sends(m);
	world_round(fw.w);
}

static bool is_done(void)
{
	uint8_t frame[KM_FRAME_MAX];
	struct km_msg m;
	size_t len;

	if (km_recv(line, frame, sizeof frame, &len, NULL, NULL, MSG_DONTWAIT) != KM_OK)
		return false;
	assert_int_equal(km_decode(frame, len, KM_FROM_VAULT, KM_PHASE_DESK_TALK, &m), KM_OK);
	assert_int_equal(m.number, KM_MSG_DONE);
	assert_int_equal(m.done.rc, 0);
	return true;
}

static struct km_msg erasure_of(const char *login)
{
	struct km_msg m = { .number = KM_MSG_ERASE };

	snprintf(m.erase.login, sizeof m.erase.login, "%s", login);
	snprintf(m.erase.reason, sizeof m.erase.reason, "left");
	return m;
}

static void asks_to_erase(const char *login)
{
	line = desk_comes();
	asks(erasure_of(login));
}

/* Alice waits for a finger, and is being erased. */
static int alice_is_erased(void **state)
{
	(void)alice_waits(state);
	world_add_as(fw.w, "bob", WORLD_UID + 1, true, false);
	(void)enrol_finger("bob", KM_FINGER_LEFT_THUMB);
	asks_to_erase("alice");
	assert_true(is_taken_back(grant));
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	return 0;
}

static int desk_goes(void **state)
{
	close(line);
	return finger_world_down(state);
}

#define ERASING(test) cmocka_unit_test_setup_teardown(test, alice_is_erased, desk_goes)

static void goes_on(void)
{
	assert_true(is_done());
	assert_int_equal(templates(), 1);
	assert_int_equal(count("SELECT count(*) FROM operator"), 1);
	assert_false(any_returning());
}

/* --- erasing ------------------------------------------------------------------------------ */

static void test_an_erasure_is_done_when_the_matcher_has_wiped_what_was_lent(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 3; n++) {
		world_round(fw.w);
		assert_false(is_done());
		assert_int_equal(templates(), 3);
	}
	returns(grant);
	goes_on();
}

static void test_a_finding_is_no_word_that_it_is_wiped_and_opens_nothing(void **state)
{
	(void)state;
	finds(grant, KM_MATCH_YES, 0);
	judge_hears_nothing();
	assert_string_equal(last_event(KM_EVENT_LOGIN_ALLOWED), "");
	assert_false(is_done());
	returns(grant);
	goes_on();
}

static void test_a_matcher_that_has_gone_keeps_nobody_waiting(void **state)
{
	(void)state;
	matcher_goes();
	goes_on();
}

static void test_c27_a_matcher_that_does_not_say_so_loses_its_link(void **state)
{
	struct vault *v = fw.w->v;

	(void)state;
	for (size_t i = 0; i < VAULT_RETURNS; i++)
		v->returning[i].until_ms = v->now.boot_ms;
	world_round(fw.w);
	assert_int_equal(v->matcher, -1);
	goes_on();
}

/* The vault's disk stood still, not the matcher. */
static void test_c27_what_came_in_time_is_heard_before_its_deadline_is_looked_at(void **state)
{
	struct km_msg m = { .number = KM_MSG_RETURNED };
	struct vault *v = fw.w->v;

	(void)state;
	for (size_t i = 0; i < VAULT_RETURNS; i++)
		v->returning[i].until_ms = v->now.boot_ms;
	memcpy(m.returned.grant, grant, sizeof grant);
	matcher_says(&m);
	assert_true(matcher_ready(v));
	goes_on();
}

static void test_others_are_lent_for_and_answered_meanwhile(void **state)
{
	struct km_msg m;

	(void)state;
	assert_true(asks_in("bob") & KM_SHAPE_TOUCH);
	judge_grants(fw.w->session, 0);
	m = judge_hears(KM_MSG_GRANTED);
	finds(m.granted.grant, KM_MATCH_POOR, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_POOR);
	assert_false(is_done());
	returns(grant);
	goes_on();
}

static void test_an_erasure_waits_for_nothing_that_is_lent_of_others(void **state)
{
	(void)state;
	world_add_as(fw.w, "bob", WORLD_UID + 1, true, false);
	asks_to_erase("bob");
	assert_true(is_done());
	assert_non_null(session_find(fw.w->v, fw.w->session - 1)->grant);
	close(line);
}

/* That login has what it was lent; two enrolments would not know each other's finger. */
static void test_a_login_that_waits_keeps_nobody_from_an_enrolment(void **state)
{
	struct km_msg m = { .number = KM_MSG_ENROL_FINGER,
			    .enrol_finger = { .finger = KM_FINGER_LEFT_THUMB,
					      .impressions = KM_IMPRESSIONS_LEAST } };

	(void)state;
	snprintf(m.enrol_finger.login, sizeof m.enrol_finger.login, "alice");
	assert_int_equal(try_to_agree(fw.w->v, "alice"), KM_OK);
	line = desk_comes();
	asks(m);
	assert_true(matcher_heard(&m));
	assert_int_equal(m.number, KM_MSG_LEND);
	assert_int_equal(m.lend.mode, KM_GRANT_ENROL);
	assert_non_null(session_find(fw.w->v, fw.w->session - 1)->grant);
	close(line);
}

/* --- whoever is being erased comes in with no finger --------------------------------------- */

static void test_nobody_who_is_being_erased_is_asked_for_a_finger(void **state)
{
	(void)state;
	assert_true(asks_in("bob") & KM_SHAPE_TOUCH);
	assert_false(asks_in("alice") & KM_SHAPE_TOUCH);
}

/* Her login began before, and its plan has offered a finger. */
static void test_nothing_is_lent_of_whoever_is_being_erased(void **state)
{
	struct km_msg m;

	(void)state;
	judge_grants(fw.w->session - 1, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	assert_false(matcher_heard(&m));
	no_grant_is_left();
}

/* The erasure waits for what was lent for an earlier login, so what was counted is still there. */
static void test_a_finding_in_the_round_of_an_erasure_counts_nothing(void **state)
{
	struct km_msg m = { .number = KM_MSG_MATCH };
	struct grant second;

	(void)state;
	world_end(fw.w, KM_REASON_ABORTED);
	waits_for_a_finger("alice", m.match.grant);
	second = *session_find(fw.w->v, fw.w->session)->grant;
	m.match.outcome = KM_MATCH_YES;
	line = desk_comes();
	sends(erasure_of("alice"));
	matcher_says(&m);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	assert_int_equal(second.count, 2);
	for (size_t i = 0; i < second.count; i++)
		assert_int_equal(credential_of("alice", second.credential[i]).throttle.total, 0);
	assert_false(is_done());
	returns(grant);
	assert_true(is_done());
	assert_int_equal(templates(), 0);
	close(line);
}

/* --- what the matcher may say ---------------------------------------------------------------- */

static void test_what_was_not_taken_back_cannot_come_back(void **state)
{
	(void)state;
	returns(grant);
	the_matcher_is_thrown_out();
}

static void test_what_was_taken_back_comes_back_once(void **state)
{
	(void)state;
	world_end(fw.w, KM_REASON_ABORTED);
	returns(grant);
	assert_true(matcher_ready(fw.w->v));
	assert_false(any_returning());
	returns(grant);
	the_matcher_is_thrown_out();
}

/* --- how much -------------------------------------------------------------------------------- */

static void test_who_gives_up_in_a_row_keeps_nobody_from_a_grant(void **state)
{
	uint8_t id[KM_GRANT_BYTES];

	(void)state;
	world_end(fw.w, KM_REASON_ABORTED);
	for (unsigned n = 1; n < GIVEN_UP; n++) {
		waits_for_a_finger("alice", id);
		world_end(fw.w, KM_REASON_ABORTED);
		assert_true(is_taken_back(id));
	}
	no_grant_is_left();
	(void)asks_in("alice");
	judge_grants(fw.w->session, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	returns(grant);
	judge_grants(fw.w->session, 0);
	(void)judge_hears(KM_MSG_GRANTED);
	assert_true(matcher_ready(fw.w->v));
}

/* --- a finger is removed --------------------------------------------------------------------- */

static void removes(const char *login, unsigned which)
{
	struct km_msg m = { .number = KM_MSG_CREDENTIAL_REMOVE };
	struct km_credential c[KM_MAX_CREDENTIALS];
	struct km_operator op = operator_of(login);
	size_t n = 0;

	assert_int_equal(store_credentials(fw.w->v->store, op.subject, c, &n), KM_OK);
	for (size_t i = 0; i < n; i++)
		if (c[i].factor == KM_FACTOR_FINGERPRINT && which-- == 0)
			m.credential_remove.id = c[i].id;
	snprintf(m.credential_remove.login, sizeof m.credential_remove.login, "%s", login);
	line = desk_comes();
	asks(m);
	assert_true(is_done());
	close(line);
}

static void test_a_finger_that_is_removed_while_it_is_lent_is_taken_back_at_once(void **state)
{
	uint32_t session = fw.w->session;

	(void)state;
	removes("alice", 1);
	assert_true(is_taken_back(grant));
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	no_grant_is_left();
	returns(grant);
	/* The other one is lent as before. */
	judge_grants(session, 0);
	(void)judge_hears(KM_MSG_GRANTED);
}

static void test_somebody_elses_finger_that_is_removed_takes_nothing_back(void **state)
{
	struct km_msg m;

	(void)state;
	world_add_as(fw.w, "bob", WORLD_UID + 1, true, false);
	(void)enrol_finger("bob", KM_FINGER_LEFT_THUMB);
	removes("bob", 0);
	assert_false(matcher_heard(&m));
	judge_hears_nothing();
	finds(grant, KM_MATCH_YES, 0);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ERASING(test_an_erasure_is_done_when_the_matcher_has_wiped_what_was_lent),
		ERASING(test_a_finding_is_no_word_that_it_is_wiped_and_opens_nothing),
		ERASING(test_a_matcher_that_has_gone_keeps_nobody_waiting),
		ERASING(test_c27_a_matcher_that_does_not_say_so_loses_its_link),
		ERASING(test_c27_what_came_in_time_is_heard_before_its_deadline_is_looked_at),
		ERASING(test_others_are_lent_for_and_answered_meanwhile),
		WAITING(test_an_erasure_waits_for_nothing_that_is_lent_of_others),
		WAITING(test_a_login_that_waits_keeps_nobody_from_an_enrolment),
		ERASING(test_nobody_who_is_being_erased_is_asked_for_a_finger),
		ERASING(test_nothing_is_lent_of_whoever_is_being_erased),
		WAITING(test_a_finding_in_the_round_of_an_erasure_counts_nothing),
		WAITING(test_what_was_not_taken_back_cannot_come_back),
		WAITING(test_what_was_taken_back_comes_back_once),
		WAITING(test_who_gives_up_in_a_row_keeps_nobody_from_a_grant),
		WAITING(test_a_finger_that_is_removed_while_it_is_lent_is_taken_back_at_once),
		WAITING(test_somebody_elses_finger_that_is_removed_takes_nothing_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
