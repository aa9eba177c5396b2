/*
 * Calls: the digits on the screen that are keyed in at the telephone, '#' alone, and '*'. A whole
 * vault, with the test as its judge, its client and its courier.
 */
#include <kenmon/clock.h>

#include "phone_world.h"

static char code[KM_ORDER_KEYS + 1]; /* on her screen */
static struct msg_order call;        /* of her login */

static void voice(enum km_voice mode)
{
	pw.w->v->conf.voice.mode = mode;
	pw.w->v->conf.login.factors =
	    (struct km_steps){ 1,
			       { KM_FACTOR_BIT(KM_FACTOR_HOTP) | KM_FACTOR_BIT(KM_FACTOR_VOICE) } };
}

static int alice_has_a_landline(void **state)
{
	(void)phone_world_up(state);
	world_add(pw.w, "alice", false, false);
	alices = enrol_phone("alice", KM_FACTOR_VOICE, PHONE_LANDLINE);
	voice(KM_VOICE_KEYPAD);
	return 0;
}

/* Her telephone is called, and her screen says what to key in. */
static int alice_is_called(void **state)
{
	struct km_msg m;

	(void)alice_has_a_landline(state);
	(void)asks_in("alice");
	call = sends(KM_ORDER_KEYPAD, NULL);
	m = world_client_heard(pw.client, NULL);
	assert_int_equal(m.number, KM_MSG_INFO);
	/* A door believes it of the vault alone. */
	assert_int_equal(m.info.error, KM_INFO_CALL);
	digits_in(m.info.text, strlen(m.info.text), code);
	return 0;
}

#define LANDLINE(test) cmocka_unit_test_setup_teardown(test, alice_has_a_landline, phone_world_down)
#define CALLED(test)   cmocka_unit_test_setup_teardown(test, alice_is_called, phone_world_down)

static void test_the_courier_does_not_learn_the_digits_nor_the_judge(void **state)
{
	(void)state;
	assert_int_equal(strlen(code), 6);
	assert_string_equal(call.number, PHONE_LANDLINE);
	assert_int_equal(call.text.len, 0);
	assert_int_equal(call.keys, 6);
	judge_hears_nothing();
	assert_int_equal(world_client_heard(pw.client, NULL).number, KM_MSG_NONE);
}

static void test_the_digits_keyed_in_open_the_login(void **state)
{
	(void)state;
	ordered(call.order, KM_ORDER_STATE_RINGING, KM_ORDER_WHY_NONE, "");
	hears_news(KM_ORDER_STATE_RINGING, KM_ORDER_WHY_NONE);
	ordered(call.order, KM_ORDER_STATE_ANSWERED, KM_ORDER_WHY_NONE, "");
	hears_news(KM_ORDER_STATE_ANSWERED, KM_ORDER_WHY_NONE);
	ordered(call.order, KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE, code);
	hears_news(KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
	assert_int_equal(world_client_heard(pw.client, NULL).result.verdict, KM_VERDICT_ALLOW);
	assert_non_null(strstr(last_event(KM_EVENT_LOGIN_ALLOWED), "factor=voice"));
	/* And nothing more comes of that call. */
	ordered(call.order, KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE, code);
	judge_hears_nothing();
	assert_int_equal(events_of(KM_EVENT_LOGIN_ALLOWED, NULL), 1);
}

static void test_other_digits_do_not_and_count(void **state)
{
	(void)state;
	ordered(call.order, KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE, another(code));
	hears_news(KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_WRONG);
	assert_int_equal(credential_of("alice", alices).throttle.fails, 1);
	/* Another call, and other digits. */
	call = sends(KM_ORDER_KEYPAD, NULL);
	digits_in(world_client_heard(pw.client, NULL).info.text, 200, code);
	ordered(call.order, KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE, code);
	hears_news(KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
}

static void test_keys_that_are_none_or_too_many_open_nothing(void **state)
{
	char longer[KM_ORDER_KEYS + 2];

	(void)state;
	snprintf(longer, sizeof longer, "%s0", code);
	ordered(call.order, KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE, "");
	hears_news(KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_WRONG);
	call = sends(KM_ORDER_KEYPAD, NULL);
	ordered(call.order, KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE, longer);
	hears_news(KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_WRONG);
}

/* The digits stand on a screen: typed in, they would prove nothing. */
static void test_the_digits_typed_in_while_it_rings_end_the_link(void **state)
{
	(void)state;
	world_check(pw.w, code);
	the_judge_is_thrown_out();
}

static void test_the_digits_typed_in_after_the_call_open_nothing(void **state)
{
	(void)state;
	ordered(call.order, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_NO_KEY, "");
	hears_news(KM_ORDER_STATE_FAILED, KM_ORDER_WHY_NO_KEY);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_PHONE_NONE);
	assert_non_null(strstr(last_event(KM_EVENT_CODE_NOT_SENT), "reason=no-key"));
	world_check(pw.w, code);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_UNENROLLED);
}

static void test_a_second_call_while_one_is_waited_for_ends_the_link(void **state)
{
	(void)state;
	judge_sends(pw.w->session, 0);
	the_judge_is_thrown_out();
}

static void test_a_star_refuses_counts_and_raises_an_alarm(void **state)
{
	struct km_spending count;
	struct km_msg row;

	(void)state;
	assert_int_equal(status_row(KM_MSG_STATUS, "not-me").number, KM_MSG_NONE);
	ordered(call.order, KM_ORDER_STATE_NOT_ME, KM_ORDER_WHY_NONE, "");
	hears_news(KM_ORDER_STATE_NOT_ME, KM_ORDER_WHY_NONE);
	hears_verdict(KM_VERDICT_DENY, KM_REASON_PHONE_NOT_ME);
	assert_int_equal(world_client_heard(pw.client, NULL).result.verdict, KM_VERDICT_DENY);
	assert_int_equal(events_of(KM_EVENT_PHONE_NOT_ME, NULL), 1);
	assert_int_equal(credential_of("alice", alices).throttle.fails, 1);
	assert_int_equal(challenge_site(pw.w->v, CHALLENGE_NOT_ME, &count), KM_OK);
	assert_int_equal(count.budget.in_day, 1);
	/* Whoever would key the digits in now. */
	ordered(call.order, KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE, code);
	judge_hears_nothing();
	row = status_row(KM_MSG_STATUS, "not-me");
	assert_int_equal(row.number, KM_MSG_STATUS_ROW);
	assert_true(row.status_row.alarm);
	assert_non_null(strstr(row.status_row.value, "today: 1;"));
}

static void test_what_becomes_of_a_call_is_said(void **state)
{
	static const enum km_order_why whys[] = { KM_ORDER_WHY_BUSY, KM_ORDER_WHY_NO_ANSWER,
						  KM_ORDER_WHY_DECLINED, KM_ORDER_WHY_HUNG_UP };

	(void)state;
	for (size_t i = 0; i < sizeof whys / sizeof whys[0]; i++) {
		if (i > 0)
			call = sends(KM_ORDER_KEYPAD, NULL);
		ordered(call.order, KM_ORDER_STATE_FAILED, whys[i], "");
		hears_news(KM_ORDER_STATE_FAILED, whys[i]);
		hears_verdict(KM_VERDICT_RETRY, KM_REASON_PHONE_NONE);
		assert_non_null(
		    strstr(last_event(KM_EVENT_CODE_NOT_SENT), km_order_why_word(whys[i])));
	}
	assert_int_equal(credential_of("alice", alices).throttle.fails, 0);
}

static void test_a_courier_that_goes_in_mid_call_leaves_the_login_another_factor(void **state)
{
	(void)state;
	courier_goes();
	hears_news(KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_PHONE_NONE);
	assert_int_equal(pw.w->v->orders, 0);
	/* It is back, and knows nothing of that call. */
	courier_comes();
	ordered(call.order, KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE, code);
	judge_hears_nothing();
	call = sends(KM_ORDER_KEYPAD, NULL);
}

/* So long, and the door and the judge still wait: there is time for another factor. */
static void test_a_call_is_waited_for_as_long_as_it_can_take_and_no_longer(void **state)
{
	static const struct {
		unsigned ring, expires, seconds;
	} rows[] = { { 40, 300, 130 }, { 120, 600, 210 }, { 40, 60, 60 }, { 10, 100, 100 } };
	struct km_msg m;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int64_t before;

		pw.w->v->conf.voice.ring = rows[i].ring;
		pw.w->v->conf.phone.expires = rows[i].expires;
		(void)asks_in("alice");
		before = km_boot_ms();
		judge_sends(pw.w->session, 0);
		m = judge_hears(KM_MSG_SENDING);
		assert_int_equal(m.sending.seconds, rows[i].seconds);
		call = courier_is_given(KM_ORDER_KEYPAD);
		assert_in_range(call.until, before + rows[i].seconds * 1000,
				km_boot_ms() + rows[i].seconds * 1000);
	}
	/* What is read or written is good as long as any code. */
	assert_int_equal(challenge_seconds(pw.w->v, KM_ORDER_SPOKEN), 100);
	pw.w->v->conf.phone.expires = 600;
	assert_int_equal(challenge_seconds(pw.w->v, KM_ORDER_SPOKEN), 600);
	assert_int_equal(challenge_seconds(pw.w->v, KM_ORDER_MESSAGE), 600);
	assert_int_equal(challenge_seconds(pw.w->v, KM_ORDER_CONFIRM), 100);
}

static void test_a_call_of_which_nothing_is_heard_ends_with_its_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < KM_ORDERS; i++)
		if (pw.w->v->order[i].id)
			pw.w->v->order[i].until_ms = -10000;
	hears_news(KM_ORDER_STATE_FAILED, KM_ORDER_WHY_LATE);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_PHONE_NONE);
	assert_int_equal(pw.w->v->orders, 0);
}

static void test_digits_keyed_in_too_late_are_refused_and_not_counted(void **state)
{
	(void)state;
	ordered(call.order, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_BUSY, "");
	hears_news(KM_ORDER_STATE_FAILED, KM_ORDER_WHY_BUSY);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_PHONE_NONE);
	pw.w->v->conf.phone.expires = 0;
	call = sends(KM_ORDER_KEYPAD, NULL);
	digits_in(world_client_heard(pw.client, NULL).info.text, 200, code);
	ordered(call.order, KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE, code);
	hears_news(KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_PHONE_LATE);
	assert_int_equal(credential_of("alice", alices).throttle.fails, 0);
}

static void test_a_number_that_was_removed_while_it_rang_opens_nothing(void **state)
{
	struct km_event_record r;
	struct km_operator op = operator_of("alice");

	(void)state;
	event_make(&r, KM_EVENT_CREDENTIAL_REMOVED, op.subject, "test");
	assert_int_equal(store_credential_remove(pw.w->v->store, op.subject, alices, &r), KM_OK);
	assert_int_equal(store_flush(pw.w->v->store), KM_OK);
	ordered(call.order, KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE, code);
	hears_news(KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_PHONE_NONE);
	assert_string_equal(last_event(KM_EVENT_LOGIN_ALLOWED), "");
}

static void test_who_was_suspended_while_it_rang_does_not_come_in(void **state)
{
	struct km_event_record r;
	struct km_operator op = operator_of("alice");

	(void)state;
	event_make(&r, KM_EVENT_OPERATOR_SUSPENDED, op.subject, "test");
	assert_int_equal(store_operator_state(pw.w->v->store, op.subject, KM_SUSPENDED, &r), KM_OK);
	assert_int_equal(store_flush(pw.w->v->store), KM_OK);
	ordered(call.order, KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE, code);
	hears_news(KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_SUSPENDED);
}

static void test_a_hash_alone_is_enough_only_where_the_site_says_so(void **state)
{
	struct km_msg m;

	(void)state;
	voice(KM_VOICE_CONFIRM);
	(void)asks_in("alice");
	call = sends(KM_ORDER_CONFIRM, NULL);
	assert_int_equal(call.keys, 0);
	m = world_client_heard(pw.client, NULL);
	assert_int_equal(m.number, KM_MSG_INFO);
	assert_int_equal(m.info.error, KM_INFO_CALL);
	assert_string_equal(m.info.text, km_text(KM_TEXT_CONFIRM_CALL, KM_LANG_EN));
	ordered(call.order, KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE, "");
	hears_news(KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
}

/* As they stand on the screen: read aloud, they are digits and not a number. */
static const char *one_by_one(const char *digits)
{
	static char text[2 * KM_ORDER_KEYS + 1];
	size_t n = 0;

	for (; *digits; digits++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, n ? " %c" : "%c", *digits);
	return text;
}

static void test_screen_and_telephone_speak_the_language_of_who_logs_in(void **state)
{
	char text[sizeof(((struct msg_info *)0)->text)];
	struct km_msg m;

	(void)state;
	pw.w->lang = KM_LANG_JA;
	(void)asks_in("alice");
	call = sends(KM_ORDER_KEYPAD, NULL);
	assert_int_equal(call.lang, KM_LANG_JA);
	m = world_client_heard(pw.client, NULL);
	digits_in(m.info.text, strlen(m.info.text), code);
	km_text_filled(KM_TEXT_KEY_IN, KM_LANG_JA, one_by_one(code), text, sizeof text);
	assert_string_equal(m.info.text, text);
	/* One that there is not is English, as everywhere. */
	pw.w->lang = KM_LANG_COUNT + 7;
	(void)asks_in("alice");
	call = sends(KM_ORDER_KEYPAD, NULL);
	assert_int_equal(call.lang, pw.w->v->conf.language);
	m = world_client_heard(pw.client, NULL);
	digits_in(m.info.text, strlen(m.info.text), code);
	km_text_filled(KM_TEXT_KEY_IN, KM_LANG_EN, one_by_one(code), text, sizeof text);
	assert_string_equal(m.info.text, text);
}

static void test_a_call_that_reads_the_code_has_it_and_the_screen_has_not(void **state)
{
	(void)state;
	voice(KM_VOICE_SPOKEN);
	(void)asks_in("alice");
	call = sends(KM_ORDER_SPOKEN, code);
	assert_int_equal(strlen(code), 6);
	assert_int_equal(call.text.len, 6);
	assert_int_equal(call.keys, 0);
	assert_int_equal(world_client_heard(pw.client, NULL).number, KM_MSG_NONE);
	ordered(call.order, KM_ORDER_STATE_ANSWERED, KM_ORDER_WHY_NONE, "");
	hears_news(KM_ORDER_STATE_ANSWERED, KM_ORDER_WHY_NONE);
	ordered(call.order, KM_ORDER_STATE_DELIVERED, KM_ORDER_WHY_NONE, "");
	hears_news(KM_ORDER_STATE_DELIVERED, KM_ORDER_WHY_NONE);
	world_check(pw.w, code);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
}

static void test_nobody_s_telephone_rings_and_is_not_answered(void **state)
{
	struct km_msg m;

	(void)state;
	(void)asks_in(NOBODY_LANDLINE);
	judge_sends(pw.w->session, 0);
	assert_int_equal(judge_hears(KM_MSG_SENDING).sending.kind, KM_ORDER_KEYPAD);
	m = world_client_heard(pw.client, NULL);
	assert_int_equal(m.number, KM_MSG_INFO);
	digits_in(m.info.text, strlen(m.info.text), code);
	assert_int_equal(strlen(code), 6);
	decoys_are_due();
	hears_news(KM_ORDER_STATE_RINGING, KM_ORDER_WHY_NONE);
	judge_hears_nothing();
	assert_in_range(orders_pause(pw.w->v, 1000000), pw.w->v->conf.voice.ring * 1000 - 5000,
			pw.w->v->conf.voice.ring * 1000);
	decoys_are_due();
	hears_news(KM_ORDER_STATE_FAILED, KM_ORDER_WHY_NO_ANSWER);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_PHONE_NONE);
	courier_is_given_nothing();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CALLED(test_the_courier_does_not_learn_the_digits_nor_the_judge),
		CALLED(test_the_digits_keyed_in_open_the_login),
		CALLED(test_other_digits_do_not_and_count),
		CALLED(test_keys_that_are_none_or_too_many_open_nothing),
		CALLED(test_the_digits_typed_in_while_it_rings_end_the_link),
		CALLED(test_the_digits_typed_in_after_the_call_open_nothing),
		CALLED(test_a_second_call_while_one_is_waited_for_ends_the_link),
		CALLED(test_a_star_refuses_counts_and_raises_an_alarm),
		CALLED(test_what_becomes_of_a_call_is_said),
		CALLED(test_a_courier_that_goes_in_mid_call_leaves_the_login_another_factor),
		LANDLINE(test_a_call_is_waited_for_as_long_as_it_can_take_and_no_longer),
		CALLED(test_a_call_of_which_nothing_is_heard_ends_with_its_time),
		CALLED(test_digits_keyed_in_too_late_are_refused_and_not_counted),
		CALLED(test_a_number_that_was_removed_while_it_rang_opens_nothing),
		CALLED(test_who_was_suspended_while_it_rang_does_not_come_in),
		LANDLINE(test_a_hash_alone_is_enough_only_where_the_site_says_so),
		LANDLINE(test_screen_and_telephone_speak_the_language_of_who_logs_in),
		LANDLINE(test_a_call_that_reads_the_code_has_it_and_the_screen_has_not),
		LANDLINE(test_nobody_s_telephone_rings_and_is_not_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
