/* What a listing shows of somebody's factors and of themselves, in the language of who reads it. */
#include "desk_scene.h"

#include <kenmon/people.h>

#define SHOWN 1767225600 /* seconds since 1970 */

static const struct msg_credential_row all_kinds[] = {
	{ .id = 1,
	  .factor = KM_FACTOR_TOTP,
	  .algorithm = KM_SHA256,
	  .digits = 8,
	  .period = 60,
	  .drift = -2 },
	{ .id = 2, .factor = KM_FACTOR_HOTP, .algorithm = KM_SHA1, .digits = 6, .fails = 3 },
	{ .id = 3, .factor = KM_FACTOR_RECOVERY, .left = 9, .fails = 5, .wait = 30 },
	{ .id = 4,
	  .factor = KM_FACTOR_FINGERPRINT,
	  .label = "right-index",
	  .reader = "reader",
	  .fails = 50,
	  .wait = UINT32_MAX },
	{ .id = 5, .factor = KM_FACTOR_SMS, .number = "090-****-5678", .waiting = 1 },
	{ 0 }
};

static const struct msg_operator_row sato[] = { { .cursor = 1,
						  .login = "sato",
						  .employee_number = "7",
						  .name = "S",
						  .department = "D",
						  .role = KM_ROLE_AUDITOR,
						  .state = KM_SUSPENDED,
						  .created = SHOWN },
						{ 0 } };

static char *listing(enum km_lang lang, char *const words[])
{
	struct play p = { .credentials = all_kinds, .operators = sato };
	struct scene s;
	char *out;

	begin(&s, &p, "");
	s.desk.lang = lang;
	assert_int_equal(kenmon(&s, words), 0);
	out = strdup(s.out);
	assert_non_null(out);
	end(&s);
	return out;
}

#define LISTING(lang, ...) listing(lang, (char *[]){ __VA_ARGS__, NULL })

static void assert_all(char *out, const char *const *parts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_says(out, parts[i]);
	free(out);
}

static void test_each_factor_is_shown_with_its_state_and_its_details(void **state)
{
	static const char *const said[] = {
		"active",
		"sha256, 8 digits, 60 s, drift -2",
		"active, 3 failed",
		"sha1, 6 digits",
		"9 left",
		"locked for 30 s",
		"waits for approval",
		"disabled",
	};

	(void)state;
	assert_all(LISTING(KM_LANG_EN, W("credential"), W("list"), W("sato")), said,
		   sizeof(said) / sizeof(said[0]));
}

static void test_they_are_shown_in_japanese_too(void **state)
{
	static const char *const said[] = {
		"有効",
		"sha256、8 桁、60 秒、時刻のずれ -2",
		"有効 (誤り 3 回)",
		"sha1、6 桁",
		"残り 9 個",
		"ロック中 (残り 30 秒)",
		"承認待ち",
		"ロック中 (解除が必要)",
		"時刻によるコード",
		"リカバリーコード",
	};
	static const char *const words[] = { "active", "digits", "drift",    "failed", "left",
					     "locked", "waits",  "disabled", "totp",   "recovery" };
	char *out;

	(void)state;
	out = LISTING(KM_LANG_JA, W("credential"), W("list"), W("sato"));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(out, words[i]))
			fail_msg("\"%s\" in: %s", words[i], out);
	assert_all(out, said, sizeof(said) / sizeof(said[0]));
}

static void test_role_and_state_of_a_person_are_shown_in_japanese_too(void **state)
{
	static const char *const said[] = { "監査担当", "停止中" };

	(void)state;
	assert_all(LISTING(KM_LANG_JA, W("operator"), W("show"), W("sato")), said, 2);
	assert_all(LISTING(KM_LANG_JA, W("operator"), W("list")), said, 2);
}

static void test_a_program_reads_the_same_words_in_every_language(void **state)
{
	static const char *const said[] = { "\"role\":\"auditor\"", "\"state\":\"suspended\"",
					    "\"drift\":-2", "\"disabled\":true" };

	(void)state;
	assert_all(LISTING(KM_LANG_JA, W("operator"), W("show"), W("sato"), W("--json")), said, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_factor_is_shown_with_its_state_and_its_details),
		cmocka_unit_test(test_they_are_shown_in_japanese_too),
		cmocka_unit_test(test_role_and_state_of_a_person_are_shown_in_japanese_too),
		cmocka_unit_test(test_a_program_reads_the_same_words_in_every_language),
	};

	return cmocka_run_group_tests(tests, scene_setup, NULL);
}
