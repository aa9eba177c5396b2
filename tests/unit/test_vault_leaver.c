/*
 * Whoever leaves today comes in no more: by no code, no finger, and no session that another module
 * has let in; also where the erasure itself has not begun yet.
 */
#include "finger_world.h"

#include "../../authd/vault/due.h"

/* It is not carried out meanwhile. */
static void leaves(const char *login, int64_t day)
{
	struct km_due_row row = { .what = KM_DUE_ERASE, .cause = KM_CAUSE_RETIRED, .day = day };
	struct km_operator op = operator_of(login);
	struct vault *v = fw.w->v;

	memcpy(row.subject, op.subject, sizeof row.subject);
	assert_int_equal(due_put(v, &row, NULL), KM_OK);
	assert_int_equal(store_flush(v->store), KM_OK);
	v->due.look_ms = INT64_MAX;
}

static void answers_with_their_code(const char *login)
{
	char code[16];

	(void)asks_in(login);
	world_code(0, code);
	world_check(fw.w, code);
}

static void asks_for_the_account_of(const char *login)
{
	if (fw.client >= 0)
		close(fw.client);
	fw.client = world_open(fw.w, KM_REQUEST_ACCOUNT, login);
}

static void test_the_right_code_of_who_leaves_today_is_refused(void **state)
{
	(void)state;
	leaves("alice", fw.w->v->now.today);
	answers_with_their_code("alice");
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_LEFT);
	assert_non_null(strstr(last_event(KM_EVENT_LOGIN_REFUSED), "reason=left"));
	assert_string_equal(last_event(KM_EVENT_LOGIN_ALLOWED), "");
}

static void test_the_account_of_who_leaves_today_is_expired(void **state)
{
	(void)state;
	asks_for_the_account_of("alice");
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
	leaves("alice", fw.w->v->now.today);
	asks_for_the_account_of("alice");
	hears_verdict(KM_VERDICT_EXPIRED, KM_REASON_LEFT);
}

/* Due between the touch and its finding. */
static void test_a_finger_that_was_lent_before_lets_nobody_in_who_leaves_today(void **state)
{
	(void)state;
	leaves("alice", fw.w->v->now.today);
	finds(grant, KM_MATCH_YES, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER);
	assert_non_null(strstr(last_event(KM_EVENT_LOGIN_REFUSED), "reason=left"));
	assert_string_equal(last_event(KM_EVENT_LOGIN_ALLOWED), "");
}

static void test_who_leaves_tomorrow_logs_in_though_somebody_else_leaves_today(void **state)
{
	(void)state;
	world_add_as(fw.w, "bob", WORLD_UID + 1, true, false);
	leaves("bob", fw.w->v->now.today);
	leaves("alice", fw.w->v->now.today + 1);
	asks_for_the_account_of("alice");
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
	answers_with_their_code("alice");
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HAVING(test_the_right_code_of_who_leaves_today_is_refused),
		HAVING(test_the_account_of_who_leaves_today_is_expired),
		WAITING(test_a_finger_that_was_lent_before_lets_nobody_in_who_leaves_today),
		HAVING(test_who_leaves_tomorrow_logs_in_though_somebody_else_leaves_today),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
