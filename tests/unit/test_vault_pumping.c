/*
 * How much is sent: to one operator, to one number, to all together. A whole vault, with the test
 * as its judge, its clients and its courier.
 */
#include "clocks.h"
#include "phone_world.h"

/* What a SEND in the login under way comes to: NONE where something was, or seemed to be, sent. */
static enum km_reason asks_for_a_code(void)
{
	struct km_msg m;

	judge_sends(pw.w->session, 0);
	assert_true(world_answered(pw.w, &m));
	while (m.number == KM_MSG_ORDER_NEWS)
		assert_true(world_answered(pw.w, &m));
	if (m.number == KM_MSG_SENDING)
		return KM_REASON_NONE;
	assert_int_equal(m.number, KM_MSG_VERDICT);
	assert_int_equal(m.verdict.verdict, KM_VERDICT_RETRY);
	return (enum km_reason)m.verdict.reason;
}

/* How many of so many are sent; all others are refused for the budget. */
static unsigned sent_of(unsigned tries)
{
	unsigned sent = 0;

	for (unsigned n = 0; n < tries; n++) {
		enum km_reason reason = asks_for_a_code();

		if (reason == KM_REASON_NONE)
			sent++;
		else
			assert_int_equal(reason, KM_REASON_PHONE_BUDGET);
	}
	return sent;
}

static unsigned orders_given(void)
{
	struct km_msg m;
	unsigned before = pw.orders;

	while (courier_heard(&m))
		;
	return pw.orders - before;
}

static void
test_C19_twenty_requests_meet_the_limit_of_sending_and_not_that_of_guessing(void **state)
{
	char code[KM_ORDER_KEYS + 1] = "";
	struct km_msg m;

	(void)state;
	assert_int_equal(sent_of(20), pw.w->v->conf.phone.operator_hour);
	assert_int_equal(credential_of("alice", alices).throttle.fails, 0);
	assert_int_equal(credential_of("alice", alices).throttle.total, 0);
	while (courier_heard(&m))
		digits_in(m.order.text.bytes, m.order.text.len, code);
	assert_int_equal(pw.orders, pw.w->v->conf.phone.operator_hour);
	/* The last that was sent is still good. */
	world_check(pw.w, code);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
}

static void test_C19_a_new_code_resets_no_count(void **state)
{
	char code[KM_ORDER_KEYS + 1];

	(void)state;
	for (unsigned n = 1; n < pw.w->v->conf.lockout.after; n++) {
		(void)sends(KM_ORDER_MESSAGE, code);
		world_check(pw.w, another(code));
		hears_verdict(KM_VERDICT_RETRY, KM_REASON_WRONG);
		assert_int_equal(credential_of("alice", alices).throttle.fails, n);
		assert_int_equal(credential_of("alice", alices).throttle.total, n);
	}
	(void)sends(KM_ORDER_MESSAGE, code);
	world_check(pw.w, another(code));
	hears_verdict(KM_VERDICT_LOCKED, KM_REASON_LOCKED);
	assert_true(credential_of("alice", alices).throttle.not_before > pw.w->v->now.wall);
	(void)asks_in("alice");
	/* While the telephone waits nothing is sent to it, and nothing counted. */
	assert_int_equal(asks_for_a_code(), KM_REASON_PHONE_LOCKED);
	assert_int_equal(credential_of("alice", alices).throttle.fails,
			 pw.w->v->conf.lockout.after);
}

static void test_C20_ten_thousand_requests_stay_within_the_budget_and_raise_an_alarm(void **state)
{
	const unsigned operators = 40, tries = 10000;
	char login[16], number[20];
	unsigned sent = 0, given = 0, refused = 0;

	(void)state;
	pw.w->v->conf.phone.site_hour = 100;
	for (unsigned i = 0; i < operators; i++) {
		snprintf(login, sizeof login, "user%u", i);
		snprintf(number, sizeof number, "+8190000000%02u", i);
		world_add_as(pw.w, login, WORLD_UID, false, false);
		(void)enrol_phone(login, KM_FACTOR_SMS, number);
	}
	for (unsigned n = 0; n < tries; n++) {
		enum km_reason reason;

		/* A quarter of them for names that there are not. */
		snprintf(login, sizeof login, n % 4 ? "user%u" : "nobody%u", n % operators);
		(void)asks_in(login);
		reason = asks_for_a_code();
		if (reason == KM_REASON_NONE)
			sent++;
		else if (reason == KM_REASON_PHONE_BUDGET)
			refused++;
		else
			fail_msg("%s", km_reason_word(reason));
		world_end(pw.w, KM_REASON_ABORTED);
		while (world_answered(pw.w, &(struct km_msg){ 0 }))
			;
		given += orders_given();
	}
	assert_int_equal(sent + refused, tries);
	/* An hour may have ended meanwhile, once. */
	assert_in_range(given, 100, 200);
	assert_in_range(events_of(KM_EVENT_PHONE_PUMPED, NULL), 1, 2);
	assert_non_null(strstr(last_event(KM_EVENT_PHONE_PUMPED), "sent=21"));
}

static void test_C20_one_number_of_two_operators_has_one_budget(void **state)
{
	(void)state;
	world_add_as(pw.w, "bob", WORLD_UID, false, false);
	(void)enrol_phone("bob", KM_FACTOR_SMS, PHONE_MOBILE);
	pw.w->v->conf.phone.operator_hour = 100;
	pw.w->v->conf.phone.number_hour = 7;
	assert_int_equal(sent_of(4), 4);
	(void)asks_in("bob");
	assert_int_equal(sent_of(20), 3);
	assert_int_equal(orders_given(), 7);
}

/* A message, a call, a message: all of them are the operator's. */
static void test_C20_two_numbers_of_one_operator_have_one_budget_and_take_turns(void **state)
{
	(void)state;
	(void)enrol_phone("alice", KM_FACTOR_VOICE, PHONE_LANDLINE);
	pw.w->v->conf.voice.mode = KM_VOICE_SPOKEN;
	pw.w->v->conf.phone.number_hour = 100;
	for (unsigned n = 0; n < pw.w->v->conf.phone.operator_hour; n++) {
		struct msg_order o = sends(n % 2 ? KM_ORDER_SPOKEN : KM_ORDER_MESSAGE, NULL);

		assert_string_equal(o.number, n % 2 ? PHONE_LANDLINE : PHONE_MOBILE);
	}
	assert_int_equal(sent_of(3), 0);
}

static void test_C20_what_goes_to_nobody_takes_nothing_from_anybody(void **state)
{
	char login[16];

	(void)state;
	pw.w->v->conf.phone.site_hour = 3;
	for (unsigned n = 0; n < 10; n++) {
		snprintf(login, sizeof login, "nobody%u", n);
		(void)asks_in(login);
		assert_int_equal(asks_for_a_code(), KM_REASON_NONE);
	}
	(void)asks_in("alice");
	assert_int_equal(sent_of(5), 3);
	/* And where the site has none left, nobody has. */
	(void)asks_in("nobody");
	assert_int_equal(asks_for_a_code(), KM_REASON_PHONE_BUDGET);
}

static void test_a_name_that_there_is_not_has_as_much_as_one_that_there_is(void **state)
{
	(void)state;
	(void)asks_in(NOBODY_MOBILE);
	assert_int_equal(sent_of(20), pw.w->v->conf.phone.operator_hour);
	assert_int_equal(orders_given(), 0);
}

static void test_C20_budgets_survive_a_restart(void **state)
{
	(void)state;
	pw.w->v->conf.phone.operator_hour = 6;
	assert_int_equal(sent_of(4), 4);
	phone_world_again();
	(void)asks_in("alice");
	assert_int_equal(sent_of(20), 2);
	phone_world_again();
	(void)asks_in("alice");
	assert_int_equal(sent_of(20), 0);
}

/* The six limits: who else is held by one that Alice has used up. */
static const struct limit {
	size_t at; /* in a configuration */
	bool by_day, holds_bob, holds_carol;
} limits[] = {
	{ offsetof(struct km_conf, phone.operator_hour), false, false, false },
	{ offsetof(struct km_conf, phone.operator_day), true, false, false },
	{ offsetof(struct km_conf, phone.number_hour), false, true, false },
	{ offsetof(struct km_conf, phone.number_day), true, true, false },
	{ offsetof(struct km_conf, phone.site_hour), false, true, true },
	{ offsetof(struct km_conf, phone.site_day), true, true, true },
};
#define EACH_ITS_OWN(test) cmocka_unit_test_teardown(test, clocks_go_on_and_all_end)
#define LIMITS             (sizeof limits / sizeof limits[0])

static void limit_is(const struct limit *l, unsigned codes)
{
	memcpy((char *)&pw.w->v->conf + l->at, &codes, sizeof codes);
}

/* Alice, Bob with her telephone, and Carol with one of her own; all may have a hundred codes. */
static void alice_bob_and_carol_come(void **state)
{
	clocks_stop();
	(void)alice_has_a_mobile(state);
	world_add_as(pw.w, "bob", WORLD_UID, false, false);
	(void)enrol_phone("bob", KM_FACTOR_SMS, PHONE_MOBILE);
	world_add_as(pw.w, "carol", WORLD_UID, false, false);
	(void)enrol_phone("carol", KM_FACTOR_SMS, "+819011112222");
	for (size_t i = 0; i < LIMITS; i++)
		limit_is(&limits[i], 100);
}

static unsigned sent_to(const char *login, unsigned tries)
{
	(void)asks_in(login);
	return sent_of(tries);
}

static int clocks_go_on_and_all_end(void **state)
{
	clocks_go_on();
	return phone_world_down(state);
}

static void test_C20_each_limit_holds_by_itself_and_survives_a_restart(void **state)
{
	for (size_t i = 0; i < LIMITS; i++) {
		if (i > 0)
			(void)phone_world_down(state);
		alice_bob_and_carol_come(state);
		limit_is(&limits[i], 3);
		assert_int_equal(sent_to("alice", 10), 3);
		assert_int_equal(orders_given(), 3);
		phone_world_again();
		assert_int_equal(sent_to("alice", 10), 0);
		assert_int_equal(sent_to("bob", 1), limits[i].holds_bob ? 0 : 1);
		assert_int_equal(sent_to("carol", 1), limits[i].holds_carol ? 0 : 1);
		clocks.moved_ms += BUDGET_HOUR * 1000;
		assert_int_equal(sent_to("alice", 10), limits[i].by_day ? 0 : 3);
		clocks.moved_ms += BUDGET_DAY * 1000;
		assert_int_equal(sent_to("alice", 10), 3);
	}
}

/* Three logins, and one code more than a day may have without an alarm. */
static void test_C20_how_many_codes_a_login_explains_is_as_the_site_says(void **state)
{
	static const struct {
		unsigned ratio;
		bool alarm;
	} rows[] = { { 2, true }, { 10, false } };
	char code[KM_ORDER_KEYS + 1];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (i > 0)
			(void)phone_world_down(state);
		alice_bob_and_carol_come(state);
		pw.w->v->conf.phone.alarm_ratio = rows[i].ratio;
		for (unsigned n = 0; n < 3; n++) {
			(void)asks_in("alice");
			(void)sends(KM_ORDER_MESSAGE, code);
			world_check(pw.w, code);
			hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
		}
		assert_int_equal(sent_to("alice", BUDGET_QUIET - 2), BUDGET_QUIET - 2);
		assert_int_equal(events_of(KM_EVENT_PHONE_PUMPED, NULL), rows[i].alarm ? 1 : 0);
		assert_int_equal(status_row(KM_MSG_COURIER_STATUS, "logins-today").status_row.alarm,
				 rows[i].alarm);
		assert_int_equal(status_row(KM_MSG_STATUS, "codes-sent").number,
				 rows[i].alarm ? KM_MSG_STATUS_ROW : KM_MSG_NONE);
		/* One more than ten for each is too many by either, and is said once. */
		assert_int_equal(sent_to("alice", 10), 10);
		assert_int_equal(events_of(KM_EVENT_PHONE_PUMPED, NULL), 1);
	}
}

static void test_a_login_by_a_code_is_counted_for_the_site(void **state)
{
	char code[KM_ORDER_KEYS + 1];
	struct km_spending site;

	(void)state;
	(void)sends(KM_ORDER_MESSAGE, code);
	world_check(pw.w, code);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
	assert_int_equal(challenge_site(pw.w->v, CHALLENGE_SENT, &site), KM_OK);
	assert_int_equal(site.budget.in_day, 1);
	assert_int_equal(site.budget.won, 1);
}

static void test_with_an_operator_their_code_and_their_count_are_gone(void **state)
{
	struct km_operator op = operator_of("alice");
	struct km_erase_order why = { .cause = KM_CAUSE_RETIRED };
	struct km_challenge c;
	struct km_budget b;
	uint8_t tag[KM_TAG_BYTES];
	struct km_event_record r;

	(void)state;
	assert_int_equal(asks_for_a_code(), KM_REASON_NONE);
	assert_int_equal(
	    km_tag_phone(pw.w->v->keys, KM_TAG_PHONE_OPERATOR, op.subject, sizeof op.subject, tag),
	    KM_OK);
	assert_int_equal(store_challenge(pw.w->v->store, op.subject, &c), KM_OK);
	assert_int_equal(store_budget(pw.w->v->store, tag, &b), KM_OK);
	assert_int_equal(b.in_day, 1);
	event_make(&r, KM_EVENT_ERASE_BEGUN, op.subject, "test");
	assert_int_equal(store_erase_begin(pw.w->v->store, op.subject, &why, &r), KM_OK);
	assert_int_equal(store_erase_rows(pw.w->v->store, op.subject), KM_OK);
	assert_int_equal(store_flush(pw.w->v->store), KM_OK);
	assert_int_equal(store_challenge(pw.w->v->store, op.subject, &c), KM_ENOTFOUND);
	assert_int_equal(store_budget(pw.w->v->store, tag, &b), KM_OK);
	assert_int_equal(b.in_day, 0);
}

/* Nothing is kept of a number for longer than its counts are of use. */
static void test_what_is_over_goes_by_itself(void **state)
{
	struct km_challenge c;

	(void)state;
	pw.w->v->conf.phone.expires = 0;
	assert_int_equal(asks_for_a_code(), KM_REASON_NONE);
	assert_int_equal(store_phone_prune(pw.w->v->store, 0), KM_ENOTFOUND);
	pw.w->v->now.boot_ms += KM_CHALLENGE_KEPT_MS + 1;
	store_set_now(pw.w->v->store, &pw.w->v->now);
	phone_tend(pw.w->v);
	assert_int_equal(store_flush(pw.w->v->store), KM_OK);
	assert_int_equal(store_challenge(pw.w->v->store, operator_of("alice").subject, &c),
			 KM_ENOTFOUND);
	assert_int_equal(store_phone_prune(pw.w->v->store, pw.w->v->now.wall / BUDGET_DAY + 1),
			 KM_OK);
	assert_int_equal(store_flush(pw.w->v->store), KM_OK);
	assert_int_equal(store_phone_prune(pw.w->v->store, INT64_MAX), KM_ENOTFOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		COMING(test_C19_twenty_requests_meet_the_limit_of_sending_and_not_that_of_guessing),
		COMING(test_C19_a_new_code_resets_no_count),
		HAVING(test_C20_ten_thousand_requests_stay_within_the_budget_and_raise_an_alarm),
		COMING(test_C20_one_number_of_two_operators_has_one_budget),
		COMING(test_C20_two_numbers_of_one_operator_have_one_budget_and_take_turns),
		HAVING(test_C20_what_goes_to_nobody_takes_nothing_from_anybody),
		HAVING(test_a_name_that_there_is_not_has_as_much_as_one_that_there_is),
		COMING(test_C20_budgets_survive_a_restart),
		EACH_ITS_OWN(test_C20_each_limit_holds_by_itself_and_survives_a_restart),
		EACH_ITS_OWN(test_C20_how_many_codes_a_login_explains_is_as_the_site_says),
		COMING(test_a_login_by_a_code_is_counted_for_the_site),
		COMING(test_with_an_operator_their_code_and_their_count_are_gone),
		COMING(test_what_is_over_goes_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
