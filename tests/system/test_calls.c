/*
 * Calls to sipp: what a telephone does, and what the vault hears of it. The order's states stand in
 * one line, as they came.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "telephone.h"

#define PLAIN "transport = udp\nmedia = rtp\n"

/* Opens, lets the telephone do it, calls once, and compares how it went. */
static void expect(const char *voice, const char *transport, const char *scenario,
		   enum km_order kind, const char *digits, const char *keys, const char *course)
{
	struct exchange e;
	pid_t phone;

	exchange_open(&e, voice);
	keys_save(&e, keys);
	phone = telephone_start(&e, transport, scenario, 1);
	assert_string_equal(exchange_call(&e, kind, digits), course);
	telephone_content(&e, phone);
	exchange_close(&e);
}

static void expect_keypad(const char *scenario, const char *keys, const char *course)
{
	expect(PLAIN, "u1", scenario, KM_ORDER_KEYPAD, "", keys, course);
}

static void test_digits_keyed_in_arrive_as_they_were_keyed(void **state)
{
	(void)state;
	expect_keypad(TAKE_CALL RING ANSWER PLAY HUNG_UP, "900417#",
		      "queued ringing answered keyed:900417");
}

static void test_the_star_key_says_this_was_not_me(void **state)
{
	(void)state;
	expect_keypad(TAKE_CALL RING ANSWER PLAY HUNG_UP, "90*", "queued ringing answered not-me");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digits_keyed_in_arrive_as_they_were_keyed),
		cmocka_unit_test(test_the_star_key_says_this_was_not_me),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
