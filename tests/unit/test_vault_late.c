/*
 * A code by message that is typed too late: no guess. A whole vault, with the test as its judge,
 * its client and its courier.
 */
#include "clocks.h"
#include "phone_world.h"

static char code[KM_ORDER_KEYS + 1];

static int alice_comes_and_clocks_stop(void **state)
{
	clocks_stop();
	return alice_comes(state);
}

static int clocks_go_on_and_all_end(void **state)
{
	clocks_go_on();
	return phone_world_down(state);
}

/* So much later what is to be removed goes; then the clock is this machine's again. */
static void is_tended_after(int64_t ms)
{
	pw.w->v->now.boot_ms += ms;
	store_set_now(pw.w->v->store, &pw.w->v->now);
	pw.w->v->phone_tended_ms = 0;
	phone_tend(pw.w->v);
	assert_int_equal(store_flush(pw.w->v->store), KM_OK);
}

/* Right once, so no guess: nothing is counted. */
static void test_a_late_code_is_refused_and_not_counted(void **state)
{
	struct km_credential before;

	(void)state;
	pw.w->v->conf.phone.expires = 0;
	(void)sends(KM_ORDER_MESSAGE, code);
	before = credential_of("alice", alices);
	is_tended_after(KM_CHALLENGE_KEPT_MS - 60000);
	world_check(pw.w, code);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_PHONE_LATE);
	assert_int_equal(credential_of("alice", alices).throttle.fails, before.throttle.fails);
	world_check(pw.w, another(code));
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_WRONG);
	assert_int_equal(credential_of("alice", alices).throttle.fails, before.throttle.fails + 1);
	pw.w->v->conf.phone.expires = 300;
	(void)sends(KM_ORDER_MESSAGE, code);
	world_check(pw.w, code);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
}

static void test_a_late_code_is_known_for_as_long_as_a_login_may_go_on(void **state)
{
	static const struct {
		const char *key;
		unsigned most;
	} rows[] = {
#define KM_CONF(section, key, kind, field, fallback, least, most, unit, what)                      \
	{ #section " " #key, most },
#include <kenmon/conf.def>
#undef KM_CONF
	};
	unsigned found = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (strcmp(rows[i].key, "login deadline") != 0)
			continue;
		assert_int_equal(rows[i].most * 1000, KM_CHALLENGE_KEPT_MS);
		found++;
	}
	assert_int_equal(found, 1);
}

/* So much after it was sent, by a message or a call that reads it, it is typed. */
static void is_typed_after(unsigned factor, int64_t ms, enum km_verdict_code verdict,
			   enum km_reason reason)
{
	const bool calls = factor == KM_FACTOR_VOICE;
	struct msg_order o;

	pw.w->v->conf.login.factors =
	    (struct km_steps){ 1, { KM_FACTOR_BIT(KM_FACTOR_HOTP) | KM_FACTOR_BIT(factor) } };
	(void)asks_in("alice");
	o = sends(calls ? KM_ORDER_SPOKEN : KM_ORDER_MESSAGE, code);
	ordered(o.order, KM_ORDER_STATE_DELIVERED, KM_ORDER_WHY_NONE, "");
	hears_news(KM_ORDER_STATE_DELIVERED, KM_ORDER_WHY_NONE);
	clocks.moved_ms += ms;
	world_check(pw.w, code);
	hears_verdict(verdict, reason);
}

static void test_a_code_is_good_until_five_minutes_are_over_and_no_longer(void **state)
{
	static const unsigned factors[] = { KM_FACTOR_SMS, KM_FACTOR_VOICE };
	static const struct {
		int64_t ms;
		enum km_verdict_code verdict;
		enum km_reason reason;
	} rows[] = {
		{ 299000, KM_VERDICT_ALLOW, KM_REASON_NONE },
		{ 299999, KM_VERDICT_ALLOW, KM_REASON_NONE },
		{ 300000, KM_VERDICT_RETRY, KM_REASON_PHONE_LATE },
		{ 301000, KM_VERDICT_RETRY, KM_REASON_PHONE_LATE },
	};

	(void)state;
	(void)enrol_phone("alice", KM_FACTOR_VOICE, PHONE_LANDLINE);
	pw.w->v->conf.voice.mode = KM_VOICE_SPOKEN;
	pw.w->v->conf.phone.operator_hour = 100;
	assert_int_equal(pw.w->v->conf.phone.expires, 300);
	for (size_t f = 0; f < 2; f++)
		for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
			is_typed_after(factors[f], rows[i].ms, rows[i].verdict, rows[i].reason);
}

/* So much after it began to ring its digits are keyed in, on a telephone that rings for long. */
static void is_keyed_after(int64_t ms, enum km_verdict_code verdict, enum km_reason reason)
{
	struct msg_order o;
	struct km_msg m;

	(void)asks_in("alice");
	o = sends(KM_ORDER_KEYPAD, NULL);
	m = world_client_heard(pw.client, NULL);
	digits_in(m.info.text, strlen(m.info.text), code);
	clocks.moved_ms += ms;
	ordered(o.order, KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE, code);
	hears_news(KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE);
	hears_verdict(verdict, reason);
}

static void test_digits_are_good_until_their_time_is_over_and_no_longer(void **state)
{
	(void)state;
	(void)enrol_phone("alice", KM_FACTOR_VOICE, PHONE_LANDLINE);
	pw.w->v->conf.voice.ring = 300;
	pw.w->v->conf.login.factors = (struct km_steps){ 1, { KM_FACTOR_BIT(KM_FACTOR_VOICE) } };
	is_keyed_after(299999, KM_VERDICT_ALLOW, KM_REASON_NONE);
	is_keyed_after(300000, KM_VERDICT_RETRY, KM_REASON_PHONE_LATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		COMING(test_a_late_code_is_refused_and_not_counted),
		cmocka_unit_test_setup_teardown(
		    test_a_code_is_good_until_five_minutes_are_over_and_no_longer,
		    alice_comes_and_clocks_stop, clocks_go_on_and_all_end),
		cmocka_unit_test_setup_teardown(
		    test_digits_are_good_until_their_time_is_over_and_no_longer,
		    alice_comes_and_clocks_stop, clocks_go_on_and_all_end),
		cmocka_unit_test(test_a_late_code_is_known_for_as_long_as_a_login_may_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
