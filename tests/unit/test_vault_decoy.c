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

#define WORLD(test) cmocka_unit_test_setup_teardown(test, phone_world_up, phone_world_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD(test_C25_what_names_hear_of_is_what_telephones_there_can_be),
		WORLD(test_C25_who_is_suspended_hears_of_their_own_telephones),
		WORLD(test_C25_nobody_hears_of_a_kind_that_cannot_be_sent),
		WORLD(test_C25_who_seems_to_have_two_numbers_has_the_budget_of_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
