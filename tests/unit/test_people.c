/* Which login names an account can have, and words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <kenmon/people.h>

static void test_names_that_accounts_have_are_possible(void **state)
{
	static const char *const names[] = {
		"sato",
		"_apt",
		"systemd-network",
		"tanaka.hanako",
		"Sato",
		"u_1-x",
		"0012345",
		"sato@city.example",
		"a",
		"abcdefghijklmnopqrstuvwxyz012345", /* 32 */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!km_login_is_possible(names[i]))
			fail_msg("%s is refused", names[i]);
}

static void test_names_that_no_account_can_have_are_impossible(void **state)
{
	static const char *const names[] = {
		"",
		"-sato",
		".",
		"..",
		".sato",
		"@city",
		"a b",
		"a:b",
		"a/b",
		"../etc",
		"a\nb",
		"a\033[2J",
		"佐藤",
		("a\xe2\x80\x8b"
		 "b"),
		"a\xe2\x80\xa8",
		"=1+1",
		"+1",
		"a,b",
		"a\\b",
		"a$",
		"abcdefghijklmnopqrstuvwxyz0123456", /* 33 */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (km_login_is_possible(names[i]))
			fail_msg("\"%s\" is taken", names[i]);
}

static void test_words_of_a_roster_are_known_in_both_languages(void **state)
{
	(void)state;
	assert_int_equal(km_roster_status_parse("retired"), KM_ROSTER_RETIRED);
	assert_int_equal(km_roster_status_parse("退職"), KM_ROSTER_RETIRED);
	assert_int_equal(km_roster_status_parse("Retired"), KM_ROSTER_NONE);
	assert_int_equal(km_roster_status_parse(""), KM_ROSTER_NONE);
	assert_string_equal(km_cause_word(KM_CAUSE_UNUSED), "unused");
	assert_string_equal(km_cause_word(0), "?");
	assert_string_equal(km_outcome_word(KM_OUTCOME_GONE), "missing");
	assert_string_equal(km_brake_word(KM_BRAKE_MANY), "many");
	assert_string_equal(km_cause_text(KM_CAUSE_RETIRED, KM_LANG_JA), "退職");
	assert_string_equal(km_outcome_text(99, KM_LANG_EN), "?");
	assert_string_equal(km_brake_text(KM_BRAKE_CLOCK, KM_LANG_EN), "the clock is in doubt");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_that_accounts_have_are_possible),
		cmocka_unit_test(test_names_that_no_account_can_have_are_impossible),
		cmocka_unit_test(test_words_of_a_roster_are_known_in_both_languages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
