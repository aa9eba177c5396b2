/*
 * A code by message: sent to whom, accepted where and how often. A whole vault, with the test as
 * its judge, its client and its courier.
 */
#include "phone_world.h"

static char code[KM_ORDER_KEYS + 1];

static void test_a_code_is_sent_to_the_number_and_opens_the_login(void **state)
{
	struct msg_order o;

	(void)state;
	o = sends(KM_ORDER_MESSAGE, code);
	assert_string_equal(o.number, PHONE_MOBILE);
	assert_int_equal(strlen(code), 6);
	ordered(o.order, KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE, "");
	hears_news(KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE);
	world_check(pw.w, code);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
	assert_int_equal(world_client_heard(pw.client, NULL).result.verdict, KM_VERDICT_ALLOW);
	assert_non_null(strstr(last_event(KM_EVENT_LOGIN_ALLOWED), "factor=sms"));
	assert_non_null(strstr(last_event(KM_EVENT_CODE_SENT), "factor=sms"));
}

static void test_a_code_is_not_accepted_again_in_any_login(void **state)
{
	(void)state;
	(void)sends(KM_ORDER_MESSAGE, code);
	world_check(pw.w, code);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
	(void)asks_in("alice");
	world_check(pw.w, code);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_UNENROLLED);
	(void)sends(KM_ORDER_MESSAGE, NULL);
	world_check(pw.w, code);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_WRONG);
}

static void test_a_code_is_good_in_one_of_two_steps(void **state)
{
	(void)state;
	pw.w->v->conf.login.factors = (struct km_steps){ 2, { BOTH_PHONES, BOTH_PHONES } };
	(void)asks_in("alice");
	(void)sends(KM_ORDER_MESSAGE, code);
	world_check(pw.w, code);
	hears_verdict(KM_VERDICT_NEXT, KM_REASON_NONE);
	{
		struct km_msg check = { .number = KM_MSG_CHECK, .session = pw.w->session };

		check.check.step = 1;
		assert_int_equal(km_secret_set(&check.check.secret, code, strlen(code)), KM_OK);
		world_tell(pw.w, &check, -1);
	}
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_UNENROLLED);
	judge_sends(pw.w->session, 1);
	assert_int_equal(judge_hears(KM_MSG_SENDING).sending.kind, KM_ORDER_MESSAGE);
}

/* The token and the telephone answer one prompt. */
static void test_a_token_s_code_is_as_good_after_a_message_was_sent(void **state)
{
	char token[16];

	(void)state;
	world_add_as(pw.w, "bob", WORLD_UID, true, false);
	(void)enrol_phone("bob", KM_FACTOR_SMS, "+819011112222");
	(void)asks_in("bob");
	(void)sends(KM_ORDER_MESSAGE, code);
	world_code(0, token);
	world_check(pw.w, token);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
	assert_non_null(strstr(last_event(KM_EVENT_LOGIN_ALLOWED), "factor=hotp"));
	/* And what was sent is good no more. */
	(void)asks_in("bob");
	world_check(pw.w, code);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_WRONG);
}

static void test_a_wrong_code_counts_against_token_and_telephone(void **state)
{
	uint64_t phone;
	struct km_credential all[KM_MAX_CREDENTIALS];
	char ids[64];
	size_t count = 0;

	(void)state;
	world_add_as(pw.w, "bob", WORLD_UID, true, false);
	phone = enrol_phone("bob", KM_FACTOR_SMS, "+819011112222");
	(void)asks_in("bob");
	(void)sends(KM_ORDER_MESSAGE, code);
	for (unsigned n = 0; n < 3; n++) {
		world_check(pw.w, another(code));
		hears_verdict(KM_VERDICT_RETRY, KM_REASON_WRONG);
	}
	assert_int_equal(credential_of("bob", phone).throttle.fails, 3);
	assert_int_equal(store_credentials(pw.w->v->store, operator_of("bob").subject, all, &count),
			 KM_OK);
	snprintf(ids, sizeof ids, " credentials=%llu%%20%llu", (unsigned long long)all[0].id,
		 (unsigned long long)phone);
	if (!strstr(last_event(KM_EVENT_LOGIN_REFUSED), ids))
		fail_msg("%s, and not%s", last_event(KM_EVENT_LOGIN_REFUSED), ids);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(all[i].throttle.fails,
				 all[i].factor == KM_FACTOR_RECOVERY ? 0 : 3);
	/* What is right clears the telephone alone. */
	world_check(pw.w, code);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
	assert_int_equal(credential_of("bob", phone).throttle.fails, 0);
}

static void test_a_code_of_another_login_is_refused_and_counted_as_a_guess(void **state)
{
	uint32_t first = pw.w->session;
	char mine[KM_ORDER_KEYS + 1];

	(void)state;
	(void)sends(KM_ORDER_MESSAGE, code);
	pw.client = -1; /* stays open */
	(void)asks_in("alice");
	do /* but for once in a million it is another at once */
		(void)sends(KM_ORDER_MESSAGE, mine);
	while (strcmp(code, mine) == 0);
	judge_checks(pw.w->session, code);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_WRONG);
	assert_int_equal(credential_of("alice", alices).throttle.fails, 1);
	/* The newer took the place of the older, also in the login that had asked for that. */
	judge_checks(first, code);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_WRONG);
	judge_checks(first, mine);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_WRONG);
	/* What is no code of this login is a guess in it, whoever's code it is. */
	assert_int_equal(credential_of("alice", alices).throttle.fails, 3);
	judge_checks(pw.w->session, mine);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
}

static void test_C19_a_new_code_replaces_the_old_one(void **state)
{
	char newer[KM_ORDER_KEYS + 1];
	struct msg_order first;

	(void)state;
	first = sends(KM_ORDER_MESSAGE, code);
	(void)sends(KM_ORDER_MESSAGE, newer);
	assert_int_equal(pw.cancelled, first.order);
	if (strcmp(code, newer) != 0) {
		world_check(pw.w, code);
		hears_verdict(KM_VERDICT_RETRY, KM_REASON_WRONG);
	}
	/* News of the first are nobody's. */
	ordered(first.order, KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE, "");
	judge_hears_nothing();
	world_check(pw.w, newer);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
}

/* More than ten minutes no configuration is taken with (test_conf), nor an order (the courier). */
static void test_a_code_is_good_for_five_minutes(void **state)
{
	struct km_challenge c;
	struct msg_order o;

	(void)state;
	assert_int_equal(pw.w->v->conf.phone.expires, 300);
	o = sends(KM_ORDER_MESSAGE, code);
	assert_int_equal(store_challenge(pw.w->v->store, operator_of("alice").subject, &c), KM_OK);
	assert_int_equal(c.until_ms - pw.w->v->now.boot_ms, 300000);
	assert_int_equal(o.until, c.until_ms);
}

static void test_a_code_dies_with_the_vault(void **state)
{
	(void)state;
	(void)sends(KM_ORDER_MESSAGE, code);
	phone_world_again();
	(void)asks_in("alice");
	world_check(pw.w, code);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_UNENROLLED);
}

static void test_without_a_step_that_has_it_send_ends_the_link(void **state)
{
	(void)state;
	pw.w->v->conf.login.factors = (struct km_steps){ 1, { KM_FACTOR_BIT(KM_FACTOR_HOTP) } };
	assert_false(asks_in("alice") & KM_SHAPE_PHONE);
	judge_sends(pw.w->session, 0);
	the_judge_is_thrown_out();
}

static void test_send_for_another_step_ends_the_link(void **state)
{
	(void)state;
	judge_sends(pw.w->session, 1);
	the_judge_is_thrown_out();
}

static void test_send_for_a_login_that_has_ended_is_no_fault(void **state)
{
	(void)state;
	world_end(pw.w, KM_REASON_ABORTED);
	judge_sends(pw.w->session, 0);
	assert_false(pw.w->v->stop);
	judge_hears_nothing();
	courier_is_given_nothing();
}

static void test_an_absent_courier_is_said_at_once_and_to_all_alike(void **state)
{
	static const char *const who[] = { "alice", "nobody" };

	(void)state;
	courier_goes();
	for (size_t i = 0; i < 2; i++) {
		(void)asks_in(who[i]);
		judge_sends(pw.w->session, 0);
		hears_verdict(KM_VERDICT_RETRY, KM_REASON_PHONE_NONE);
	}
	assert_non_null(strstr(last_event(KM_EVENT_CODE_NOT_SENT), "reason=not-sent"));
	courier_comes();
	(void)asks_in("alice");
	(void)sends(KM_ORDER_MESSAGE, code);
	world_check(pw.w, code);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
}

static void test_a_login_that_ends_cancels_its_order(void **state)
{
	struct msg_order o;

	(void)state;
	o = sends(KM_ORDER_MESSAGE, code);
	world_end(pw.w, KM_REASON_DEADLINE);
	courier_is_given_nothing();
	assert_int_equal(pw.cancelled, o.order);
	assert_int_equal(pw.w->v->orders, 1); /* until the courier says so */
	ordered(o.order, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_CANCELLED, "");
	assert_int_equal(pw.w->v->orders, 0);
	judge_hears_nothing();
}

static void test_nobody_s_telephone_is_told_of_and_nothing_is_sent(void **state)
{
	static const char *const who[] = { "nobody", "suspended", "unenrolled" };

	(void)state;
	pw.w->v->conf.login.factors = (struct km_steps){ 1, { WITH_SMS } };
	world_add_as(pw.w, "suspended", WORLD_UID, false, true);
	(void)enrol_phone("suspended", KM_FACTOR_SMS, "+819011112222");
	world_add_as(pw.w, "unenrolled", WORLD_UID, false, false);
	for (size_t i = 0; i < sizeof who / sizeof who[0]; i++) {
		(void)asks_in(who[i]);
		judge_sends(pw.w->session, 0);
		assert_int_equal(judge_hears(KM_MSG_SENDING).sending.kind, KM_ORDER_MESSAGE);
		decoys_are_due();
		hears_news(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
		world_check(pw.w, "000000");
		assert_int_equal(judge_hears(KM_MSG_VERDICT).verdict.verdict, KM_VERDICT_RETRY);
		world_end(pw.w, KM_REASON_ABORTED);
	}
	courier_is_given_nothing();
	assert_int_equal(events_of(KM_EVENT_CODE_SENT, NULL), 0);
	assert_non_null(strstr(last_event(KM_EVENT_CODE_NOT_SENT), "reason=not-enrolled"));
}

static struct km_msg sends_to_somebody_or_not(const char *login)
{
	struct km_msg m;

	(void)asks_in(login);
	judge_sends(pw.w->session, 0);
	m = judge_hears(KM_MSG_SENDING);
	world_end(pw.w, KM_REASON_ABORTED);
	return m;
}

/* As [audit] refusals says of all that is refused: so many records a minute, then one with a count.
 */
static void test_what_is_asked_for_nobody_is_recorded_as_refusals_are(void **state)
{
	const unsigned share = 6; /* each request is recorded, and that its login was given up */
	const char *body;

	(void)state;
	pw.w->v->conf.login.factors = (struct km_steps){ 1, { WITH_SMS } };
	pw.w->v->conf.audit_refusals = share;
	for (unsigned n = 0; n < 5; n++) {
		char login[16];

		snprintf(login, sizeof login, "nobody%u", n);
		assert_int_equal(sends_to_somebody_or_not(login).sending.kind, KM_ORDER_MESSAGE);
	}
	assert_int_equal(events_of(KM_EVENT_CODE_NOT_SENT, &body), share / 2);
	assert_non_null(strstr(body, "reason=unknown"));
	assert_non_null(strstr(body, "service=" WORLD_SERVICE));
	assert_null(strstr(body, "factor"));
	/* The words are the same when it is a name that there is, and its record is always there.
	 */
	assert_int_equal(sends_to_somebody_or_not("alice").sending.kind, KM_ORDER_MESSAGE);
	assert_int_equal(events_of(KM_EVENT_CODE_SENT, NULL), 1);
	assert_int_equal(events_of(KM_EVENT_REFUSED_MANY, NULL), 0);
	crowd_settle(pw.w->v, true);
	assert_int_equal(store_flush(pw.w->v->store), KM_OK);
	/* Two that had no record of their own, and three logins that were given up. */
	assert_int_equal(events_of(KM_EVENT_REFUSED_MANY, &body), 1);
	assert_non_null(strstr(body, "count=5"));
	assert_non_null(strstr(body, "service=" WORLD_SERVICE));
}

static void test_a_decoy_is_told_of_when_a_real_order_was(void **state)
{
	struct msg_order o;

	(void)state;
	o = sends(KM_ORDER_MESSAGE, NULL);
	ordered(o.order, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_UNREACHABLE, "");
	hears_news(KM_ORDER_STATE_FAILED, KM_ORDER_WHY_UNREACHABLE);
	assert_non_null(strstr(last_event(KM_EVENT_CODE_NOT_SENT), "gateway-unreachable"));
	orders_went(100000, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_UNREACHABLE);
	(void)asks_in(NOBODY_MOBILE);
	judge_sends(pw.w->session, 0);
	assert_int_equal(judge_hears(KM_MSG_SENDING).sending.kind, KM_ORDER_MESSAGE);
	judge_hears_nothing();
	assert_in_range(orders_pause(pw.w->v, 1000000), 87000, 113000);
	decoys_are_due();
	hears_news(KM_ORDER_STATE_FAILED, KM_ORDER_WHY_UNREACHABLE);
}

/* A gateway that took a message and says no more of it has not ended its code. */
static void test_an_order_that_is_taken_ends_and_its_code_is_good(void **state)
{
	struct msg_order o;

	(void)state;
	o = sends(KM_ORDER_MESSAGE, code);
	ordered(o.order, KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE, "");
	hears_news(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	assert_int_equal(pw.w->v->orders, 0);
	world_check(pw.w, code);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
	/* And nobody's is told of by the same words. */
	(void)asks_in(NOBODY_MOBILE);
	judge_sends(pw.w->session, 0);
	assert_int_equal(judge_hears(KM_MSG_SENDING).sending.kind, KM_ORDER_MESSAGE);
	decoys_are_due();
	hears_news(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	assert_int_equal(pw.w->v->orders, 0);
}

static void test_a_clock_in_doubt_keeps_nobody_from_a_code(void **state)
{
	(void)state;
	pw.w->v->suspicion |= KM_SUSPECT_CLOCK;
	(void)asks_in("alice");
	(void)sends(KM_ORDER_MESSAGE, code);
	world_check(pw.w, another(code));
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_WRONG);
	world_check(pw.w, code);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
}

static void test_a_code_outlives_a_new_key_epoch(void **state)
{
	struct km_event_record r;
	struct km_rewrap at = { 0 };

	(void)state;
	(void)sends(KM_ORDER_MESSAGE, code);
	event_make(&r, KM_EVENT_EPOCH_CLOSING, NULL, "test");
	assert_int_equal(km_keys_renew(pw.w->v->keys), KM_OK);
	assert_int_equal(store_epoch_begin(pw.w->v->store, &r), KM_OK);
	assert_int_equal(check_init(pw.w->v), KM_OK);
	while (!at.finished)
		assert_int_equal(store_epoch_slice(pw.w->v->store, &at), KM_OK);
	assert_int_equal(store_flush(pw.w->v->store), KM_OK);
	assert_int_equal(km_keys_retire(pw.w->v->keys), KM_OK);
	world_check(pw.w, code);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		COMING(test_a_code_is_sent_to_the_number_and_opens_the_login),
		COMING(test_a_code_is_not_accepted_again_in_any_login),
		HAVING(test_a_code_is_good_in_one_of_two_steps),
		HAVING(test_a_token_s_code_is_as_good_after_a_message_was_sent),
		HAVING(test_a_wrong_code_counts_against_token_and_telephone),
		COMING(test_a_code_of_another_login_is_refused_and_counted_as_a_guess),
		COMING(test_C19_a_new_code_replaces_the_old_one),
		COMING(test_a_code_is_good_for_five_minutes),
		COMING(test_a_code_dies_with_the_vault),
		HAVING(test_without_a_step_that_has_it_send_ends_the_link),
		COMING(test_send_for_another_step_ends_the_link),
		COMING(test_send_for_a_login_that_has_ended_is_no_fault),
		HAVING(test_an_absent_courier_is_said_at_once_and_to_all_alike),
		COMING(test_a_login_that_ends_cancels_its_order),
		HAVING(test_nobody_s_telephone_is_told_of_and_nothing_is_sent),
		HAVING(test_what_is_asked_for_nobody_is_recorded_as_refusals_are),
		COMING(test_a_decoy_is_told_of_when_a_real_order_was),
		COMING(test_an_order_that_is_taken_ends_and_its_code_is_good),
		HAVING(test_a_clock_in_doubt_keeps_nobody_from_a_code),
		COMING(test_a_code_outlives_a_new_key_epoch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
