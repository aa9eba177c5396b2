/*
 * Whoever is asked for without a telephone is told what somebody with one is: by which kind, and
 * when. A whole vault, with the test as its judge, its client and its courier.
 */
#include "phone_world.h"

#define SENDS 3
#define MANY  64

/* By which kinds three codes in one login go, and to whom. */
struct kinds {
	uint8_t kind[SENDS];
};

static const struct kinds mobile = { { KM_ORDER_MESSAGE, KM_ORDER_MESSAGE, KM_ORDER_MESSAGE } };
static const struct kinds landline = { { KM_ORDER_SPOKEN, KM_ORDER_SPOKEN, KM_ORDER_SPOKEN } };
static const struct kinds both = { { KM_ORDER_MESSAGE, KM_ORDER_SPOKEN, KM_ORDER_MESSAGE } };

static bool same(const struct kinds *a, const struct kinds *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

static struct kinds kinds_of(const char *login)
{
	struct kinds k = { { 0 } };
	struct km_msg m;

	(void)asks_in(login);
	for (size_t i = 0; i < SENDS; i++) {
		judge_sends(pw.w->session, 0);
		do
			assert_true(world_answered(pw.w, &m));
		while (m.number == KM_MSG_ORDER_NEWS);
		assert_int_equal(m.number, KM_MSG_SENDING);
		k.kind[i] = m.sending.kind;
	}
	world_end(pw.w, KM_REASON_ABORTED);
	while (world_answered(pw.w, &m))
		;
	return k;
}

static void is_told(const char *login, const struct kinds *k)
{
	struct kinds told = kinds_of(login);

	if (!same(&told, k))
		fail_msg("%s hears of %u %u %u", login, told.kind[0], told.kind[1], told.kind[2]);
}

/* Codes that are typed, and no budget in the way. */
static void read_aloud(void)
{
	struct km_conf *conf = &pw.w->v->conf;

	conf->voice.mode = KM_VOICE_SPOKEN;
	conf->phone.operator_hour = conf->phone.number_hour = conf->phone.site_hour = 1000;
	conf->phone.operator_day = conf->phone.number_day = conf->phone.site_day = 1000;
}

static void has(const char *login, bool sms, bool voice, bool suspended)
{
	world_add_as(pw.w, login, WORLD_UID, false, suspended);
	if (sms)
		(void)enrol_phone(login, KM_FACTOR_SMS, PHONE_MOBILE);
	if (voice)
		(void)enrol_phone(login, KM_FACTOR_VOICE, PHONE_LANDLINE);
}

static void test_C25_what_names_hear_of_is_what_telephones_there_can_be(void **state)
{
	unsigned mobiles = 0, landlines = 0, boths = 0;
	char login[16];

	(void)state;
	read_aloud();
	has("bob", true, false, false);
	has("carol", false, true, false);
	has("dave", true, true, false);
	is_told("bob", &mobile);
	is_told("carol", &landline);
	is_told("dave", &both);
	while (courier_heard(&(struct km_msg){ 0 }))
		;
	for (unsigned n = 0; n < MANY; n++) {
		struct kinds told;

		/* Every other is an operator's name, who has none. */
		snprintf(login, sizeof login, "%s%u", n % 2 ? "user" : "nobody", n);
		if (n % 2)
			has(login, false, false, n % 4 == 1);
		told = kinds_of(login);
		mobiles += same(&told, &mobile);
		landlines += same(&told, &landline);
		boths += same(&told, &both);
		is_told(login, &told); /* and again so */
	}
	courier_is_given_nothing();
	assert_int_equal(mobiles + landlines + boths, MANY);
	assert_true(mobiles > 0 && landlines > 0 && boths > 0);
}

/* That somebody was suspended would show, were others named then than the day before. */
static void test_C25_who_is_suspended_hears_of_their_own_telephones(void **state)
{
	char login[16];

	(void)state;
	read_aloud();
	for (unsigned n = 0; n < 12; n++) {
		snprintf(login, sizeof login, "gone%u", n);
		has(login, n % 3 != 1, n % 3 != 0, true);
		is_told(login, n % 3 == 0 ? &mobile : n % 3 == 1 ? &landline : &both);
	}
	courier_is_given_nothing();
}

static void test_C25_nobody_hears_of_a_kind_that_cannot_be_sent(void **state)
{
	static const struct {
		uint32_t step;
		unsigned gateway, calls;
		const struct kinds *told;
	} sites[] = {
		{ WITH_SMS, KM_GATEWAY_HTTP, 1, &mobile },
		{ KM_FACTOR_BIT(KM_FACTOR_VOICE), KM_GATEWAY_HTTP, 1, &landline },
		{ WITH_HOTP, KM_GATEWAY_HTTP, 0, &mobile },
		{ WITH_HOTP, KM_GATEWAY_NONE, 1, &landline },
	};

	(void)state;
	read_aloud();
	for (size_t i = 0; i < sizeof sites / sizeof sites[0]; i++) {
		pw.w->v->conf.login.factors = (struct km_steps){ 1, { sites[i].step } };
		courier_can(sites[i].gateway, sites[i].calls);
		is_told(NOBODY_MOBILE, sites[i].told);
		is_told(NOBODY_LANDLINE, sites[i].told);
		is_told(nobody_with(BOTH_PHONES), sites[i].told);
	}
}

/* How many are sent, or seem to be. */
static unsigned sent_to(const char *login)
{
	struct km_msg m;
	unsigned sent = 0;

	(void)asks_in(login);
	do {
		judge_sends(pw.w->session, 0);
		do
			assert_true(world_answered(pw.w, &m));
		while (m.number == KM_MSG_ORDER_NEWS);
		sent += m.number == KM_MSG_SENDING;
	} while (m.number == KM_MSG_SENDING);
	assert_int_equal(m.verdict.reason, KM_REASON_PHONE_BUDGET);
	world_end(pw.w, KM_REASON_ABORTED);
	return sent;
}

static void test_C25_who_seems_to_have_two_numbers_has_the_budget_of_two(void **state)
{
	(void)state;
	read_aloud();
	pw.w->v->conf.phone.number_hour = 2;
	has("dave", true, true, false);
	assert_int_equal(sent_to("dave"), 4);
	assert_int_equal(sent_to(nobody_with(BOTH_PHONES)), 4);
	assert_int_equal(sent_to(NOBODY_MOBILE), 2);
}

/* --- when ------------------------------------------------------------------------------------- */

/* A code for a name that there is not: what was asked of the courier, which it does not hear. */
static const struct order *nobody_sends(const char *login)
{
	const struct order *found = NULL;

	(void)asks_in(login);
	judge_sends(pw.w->session, 0);
	(void)judge_hears(KM_MSG_SENDING);
	for (size_t i = 0; i < KM_ORDERS; i++)
		if (pw.w->v->order[i].id == pw.w->v->order_last)
			found = &pw.w->v->order[i];
	assert_non_null(found);
	assert_true(found->decoy);
	return found;
}

static int64_t waits(const struct order *o)
{
	return o->next_ms - o->begun_ms;
}

/* A real code of which the courier has this to say. */
static void somebody_sends(enum km_order_state state, enum km_order_why why)
{
	struct msg_order o;

	(void)asks_in("bob");
	o = sends(KM_ORDER_MESSAGE, NULL);
	ordered(o.order, state, why, "");
	hears_news(state, why);
	world_end(pw.w, KM_REASON_ABORTED);
}

static void by_message(void)
{
	read_aloud();
	pw.w->v->conf.login.factors = (struct km_steps){ 1, { WITH_SMS } };
	has("bob", true, false, false);
}

/* Times that differ by more than a part of them. */
static int64_t nth_time(unsigned n)
{
	return 1000LL << n;
}

static void test_C25_a_decoy_takes_as_long_as_one_of_the_last_eight(void **state)
{
	struct order_paces *real = &pw.w->v->order_paces[0];
	unsigned as_long_as[ORDER_PACES] = { 0 }, kinds_of_times = 0, not_alike = 0;
	int64_t last = 0;

	(void)state;
	by_message();
	for (unsigned n = 0; n < ORDER_PACES; n++)
		somebody_sends(KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE);
	assert_int_equal(real->count, ORDER_PACES);
	for (unsigned n = 0; n < ORDER_PACES; n++)
		real->last[n].took_ms = nth_time(n);
	for (unsigned i = 0; i < MANY; i++) {
		char login[16];
		int64_t took;
		unsigned n = 0;

		snprintf(login, sizeof login, "nobody%u", i);
		took = waits(nobody_sends(login));
		while (n < ORDER_PACES - 1 && took > nth_time(n) * 9 / 8)
			n++;
		assert_in_range(took, nth_time(n) * 7 / 8, nth_time(n) * 9 / 8);
		as_long_as[n]++;
		not_alike += took != last;
		last = took;
		world_end(pw.w, KM_REASON_ABORTED);
	}
	for (unsigned n = 0; n < ORDER_PACES; n++)
		kinds_of_times += as_long_as[n] > 0;
	/* Of 64 that are drawn, one of eight is missing in one run of 600; four never are. */
	assert_true(kinds_of_times > ORDER_PACES / 2);
	assert_true(not_alike > MANY / 2);
}

static void test_the_ninth_real_order_takes_the_place_of_the_first(void **state)
{
	struct order_paces *real = &pw.w->v->order_paces[0];

	(void)state;
	by_message();
	orders_went(1000000, KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE);
	for (unsigned n = 0; n < ORDER_PACES; n++)
		somebody_sends(KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE);
	assert_int_equal(real->count, ORDER_PACES + 1);
	for (unsigned n = 0; n < ORDER_PACES; n++)
		assert_true(real->last[n].took_ms < 1000000);
	/* Calls have times of their own. */
	assert_int_equal(pw.w->v->order_paces[1].count, 1);
}

/* A gateway that is out of order is so for everybody, and for as long. */
static void test_C25_what_nobody_is_told_is_what_the_last_real_one_was(void **state)
{
	struct order_paces *real = &pw.w->v->order_paces[0];

	(void)state;
	by_message();
	for (unsigned n = 0; n < 4; n++)
		somebody_sends(KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE);
	somebody_sends(KM_ORDER_STATE_FAILED, KM_ORDER_WHY_UNREACHABLE);
	for (unsigned n = 0; n < 5; n++)
		real->last[n].took_ms = n < 4 ? 1000 : 80000;
	for (unsigned n = 0; n < 4; n++) {
		assert_in_range(waits(nobody_sends("nobody")), 70000, 90000);
		decoys_are_due();
		hears_news(KM_ORDER_STATE_FAILED, KM_ORDER_WHY_UNREACHABLE);
		world_end(pw.w, KM_REASON_ABORTED);
	}
	/* And it is mended for everybody. */
	somebody_sends(KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE);
	real->last[5].took_ms = 1000;
	for (unsigned n = 0; n < 4; n++) {
		assert_in_range(waits(nobody_sends("nobody")), 875, 1125);
		decoys_are_due();
		hears_news(KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE);
		world_end(pw.w, KM_REASON_ABORTED);
	}
	/* That one number is none, or busy, is nobody else's news. */
	somebody_sends(KM_ORDER_STATE_FAILED, KM_ORDER_WHY_NO_NUMBER);
	(void)nobody_sends("nobody");
	decoys_are_due();
	hears_news(KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE);
}

static void test_C25_before_there_was_a_real_one_a_decoy_takes_its_time(void **state)
{
	static const struct {
		unsigned gateway;
		const char *report;
		int64_t least_ms;
		enum km_order_state state;
	} gateways[] = {
		{ KM_GATEWAY_HTTP, "", 500, KM_ORDER_STATE_TAKEN },
		{ KM_GATEWAY_HTTP, "https://sms.example/{id}", 500, KM_ORDER_STATE_SENT },
		{ KM_GATEWAY_SPOOL, "", 5000, KM_ORDER_STATE_TAKEN },
		{ KM_GATEWAY_EXEC, "", 400, KM_ORDER_STATE_TAKEN },
	};

	(void)state;
	by_message();
	for (size_t i = 0; i < sizeof gateways / sizeof gateways[0]; i++) {
		struct km_conf *conf = &pw.w->v->conf;

		snprintf(conf->sms.report_url, sizeof conf->sms.report_url, "%s",
			 gateways[i].report);
		courier_can(gateways[i].gateway, 1);
		assert_in_range(waits(nobody_sends("nobody")), gateways[i].least_ms, 10000);
		decoys_are_due();
		hears_news(gateways[i].state, KM_ORDER_WHY_NONE);
		world_end(pw.w, KM_REASON_ABORTED);
	}
	pw.w->v->conf.login.factors = (struct km_steps){ 1, { KM_FACTOR_BIT(KM_FACTOR_VOICE) } };
	assert_in_range(waits(nobody_sends("nobody")), 1000, 5000);
	decoys_are_due();
	hears_news(KM_ORDER_STATE_RINGING, KM_ORDER_WHY_NONE);
}

/* A gateway that is asked for a report, and has none in time, leaves a real one there, too. */
static void test_C25_a_message_to_nobody_ends_with_its_code_and_without_a_word(void **state)
{
	const struct order *o;

	(void)state;
	by_message();
	orders_went(1000, KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE);
	o = nobody_sends("nobody");
	decoys_are_due();
	hears_news(KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE);
	assert_int_equal(o->next_ms, o->until_ms);
	decoys_are_due();
	hears_news(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	assert_int_equal(pw.w->v->orders, 0);
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, phone_world_up, phone_world_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD(test_C25_what_names_hear_of_is_what_telephones_there_can_be),
		WORLD(test_C25_who_is_suspended_hears_of_their_own_telephones),
		WORLD(test_C25_nobody_hears_of_a_kind_that_cannot_be_sent),
		WORLD(test_C25_who_seems_to_have_two_numbers_has_the_budget_of_two),
		WORLD(test_C25_a_decoy_takes_as_long_as_one_of_the_last_eight),
		WORLD(test_the_ninth_real_order_takes_the_place_of_the_first),
		WORLD(test_C25_what_nobody_is_told_is_what_the_last_real_one_was),
		WORLD(test_C25_before_there_was_a_real_one_a_decoy_takes_its_time),
		WORLD(test_C25_a_message_to_nobody_ends_with_its_code_and_without_a_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
