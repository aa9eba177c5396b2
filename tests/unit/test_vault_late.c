/*
 * A code by message that is typed too late: no guess. A whole vault, with the test as its judge,
 * its client and its courier.
 */
#include "phone_world.h"

static char code[KM_ORDER_KEYS + 1];

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		COMING(test_a_late_code_is_refused_and_not_counted),
		cmocka_unit_test(test_a_late_code_is_known_for_as_long_as_a_login_may_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
