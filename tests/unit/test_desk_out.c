/* What the desk writes: JSON, tables, times, and its sentences in both languages. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <kenmon/factor.h>

#include "../../enroll/desk.h"
#include "../../enroll/out.h"

static char *json_of(const char *value)
{
	char *out = NULL;
	size_t len;
	struct desk_json j = { .f = open_memstream(&out, &len) };

	json_string(&j, "k", value);
	fclose(j.f);
	return out;
}

static void test_json_escapes_what_it_must_and_keeps_utf_8(void **state)
{
	static const struct {
		const char *value, *json;
	} cases[] = {
		{ "plain", "\"k\":\"plain\"" },
		{ "佐藤 花子", "\"k\":\"佐藤 花子\"" },
		{ "a\"b\\c/", "\"k\":\"a\\\"b\\\\c/\"" },
		{ "a\nb\tc\033\x7f", "\"k\":\"a\\nb\\u0009c\\u001b\\u007f\"" },
		{ "\xe2\x80\xa8\xe2\x80\xae", "\"k\":\"\\u2028\\u202e\"" },
		{ "\xff\xc3(", "\"k\":\"\\ufffd\\ufffd(\"" },
		{ "\xf0\x9f\x94\x91", "\"k\":\"\xf0\x9f\x94\x91\"" },
		{ "\xef\xbb\xbf", "\"k\":\"\\ufeff\"" },
		{ "", "\"k\":\"\"" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *out = json_of(cases[i].value);

		assert_string_equal(out, cases[i].json);
		free(out);
	}
}

static void test_json_puts_commas_where_they_belong(void **state)
{
	static const uint8_t bytes[2] = { 0x0f, 0xa0 };
	char *out = NULL;
	size_t len;
	struct desk_json j = { .f = open_memstream(&out, &len) };

	(void)state;
	json_open(&j, NULL, '{');
	json_number(&j, "a", -5);
	json_open(&j, "b", '[');
	json_open(&j, NULL, '{');
	json_close(&j, '}');
	json_bool(&j, NULL, true);
	json_null(&j, NULL);
	json_close(&j, ']');
	json_hex(&j, "c", bytes, 2);
	json_day(&j, "d", KM_DAY_NONE);
	json_time(&j, "e", 0);
	json_close(&j, '}');
	fclose(j.f);
	assert_string_equal(out,
			    "{\"a\":-5,\"b\":[{},true,null],\"c\":\"0fa0\",\"d\":null,\"e\":null}");
	free(out);
}

static void test_a_time_is_iso_8601_with_its_zone(void **state)
{
	char text[DESK_TIME];

	(void)state;
	setenv("TZ", "Asia/Tokyo", 1);
	tzset();
	assert_string_equal(desk_time(1775001600, text), "2026-04-01T09:00:00+09:00");
	assert_string_equal(desk_time_short(1775001600, text), "2026-04-01 09:00:00");
	setenv("TZ", "UTC", 1);
	tzset();
	assert_string_equal(desk_time(1775001600, text), "2026-04-01T00:00:00+00:00");
	assert_string_equal(desk_time(0, text), "");
}

static char *table_of(struct desk_table *t)
{
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);

	assert_int_equal(desk_table_flush(t, f), KM_OK);
	fclose(f);
	return out;
}

static void test_a_table_is_aligned_by_what_a_terminal_shows(void **state)
{
	static const char *const headers[] = { "LOGIN", "氏名", "N" };
	struct desk_table t DESK_TABLE;
	char *out;

	(void)state;
	desk_table_init(&t, headers, 3);
	desk_cell(&t, "sato");
	desk_cell(&t, "佐藤 花子");
	desk_cell_number(&t, 12);
	desk_cell(&t, "takahashi");
	desk_cell(&t, "");
	desk_cell_number(&t, -1);
	out = table_of(&t);
	assert_string_equal(out, "LOGIN      氏名       N\n"
				 "sato       佐藤 花子  12\n"
				 "takahashi  -          -1\n");
	free(out);
	/* The next page has no heading and is no narrower. */
	desk_cell(&t, "x");
	desk_cell(&t, "y");
	desk_cell(&t, "z");
	out = table_of(&t);
	assert_string_equal(out, "x          y          z\n");
	free(out);
}

static void test_a_table_without_rows_prints_nothing(void **state)
{
	static const char *const headers[] = { "A", "B" };
	struct desk_table t DESK_TABLE;
	char *out;

	(void)state;
	desk_table_init(&t, headers, 2);
	out = table_of(&t);
	assert_string_equal(out, "");
	free(out);
}

static void test_what_comes_from_outside_cannot_move_the_cursor(void **state)
{
	static const char *const headers[] = { "A" };
	struct desk_table t DESK_TABLE;
	char *out, text[DESK_WHY];

	(void)state;
	desk_table_init(&t, headers, 1);
	desk_cell(&t, "a\033[2Jb\nc\xe2\x80\xae");
	out = table_of(&t);
	assert_null(strchr(out, '\033'));
	assert_null(strstr(out, "\xe2\x80\xae"));
	assert_int_equal(strchr(strchr(out, '\n') + 1, '\n')[1], '\0');
	free(out);
	desk_expand(DESK_OPTION_UNKNOWN, KM_LANG_EN, "\033]0;x\a", NULL, text, sizeof(text));
	assert_null(strchr(text, '\033'));
}

static unsigned placeholders(const char *text)
{
	unsigned found = 0;

	for (; *text; text++) {
		if (*text != '%')
			continue;
		assert_true(text[1] == '1' || text[1] == '2');
		found |= 1u << (text[1] - '0');
	}
	return found;
}

static void test_both_languages_name_the_same_values(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < DESK_TEXT_COUNT; i++) {
		const char *en = desk_text((enum desk_text)i, KM_LANG_EN);
		const char *ja = desk_text((enum desk_text)i, KM_LANG_JA);

		assert_true(*en && *ja);
		if (placeholders(en) != placeholders(ja))
			fail_msg("not the same values in: %s", en);
	}
}

static int setup(void **state)
{
	(void)state;
	return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_escapes_what_it_must_and_keeps_utf_8),
		cmocka_unit_test(test_json_puts_commas_where_they_belong),
		cmocka_unit_test(test_a_time_is_iso_8601_with_its_zone),
		cmocka_unit_test(test_a_table_is_aligned_by_what_a_terminal_shows),
		cmocka_unit_test(test_a_table_without_rows_prints_nothing),
		cmocka_unit_test(test_what_comes_from_outside_cannot_move_the_cursor),
		cmocka_unit_test(test_both_languages_name_the_same_values),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
