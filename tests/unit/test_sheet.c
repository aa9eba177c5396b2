/*
 * Sheets in four formats, filled with what nobody would believe (C10): whatever a value is, it
 * ends no line, hides nothing, opens no tag and is no formula.
 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <kenmon/clock.h>
#include <kenmon/factor.h>

#include "../../enroll/sheet.h"

static const struct sheet_column columns[] = {
	{ "login", DESK_COL_LOGIN },       { "role", DESK_COL_ROLE },       { "uid", DESK_COL_UID },
	{ "valid_until", DESK_COL_UNTIL }, { "last_login", DESK_COL_LAST },
};
#define COLUMNS 5

static struct sheet sheet_on(FILE *f, enum sheet_format format, enum km_lang lang)
{
	return (struct sheet){
		.f = f, .format = format, .lang = lang, .columns = columns, .count = COLUMNS
	};
}

static void row(struct sheet *s, const char *value)
{
	sheet_string(s, value);
	sheet_choice(s, "approver", s->lang == KM_LANG_JA ? "承認担当" : "approves");
	sheet_number(s, 1000);
	sheet_day(s, 20544); /* 2026-04-01 */
	sheet_time(s, 1775001600);
}

/* A sheet whose note and first cell hold the value, and one row with nothing. */
static char *written(enum sheet_format format, enum km_lang lang, const char *value)
{
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);
	struct sheet s = sheet_on(f, format, lang);

	assert_non_null(f);
	sheet_begin(&s, "operators", DESK_REPORT_OPERATORS);
	sheet_note(&s, "note", DESK_NOTE_MADE, value);
	row(&s, value);
	sheet_string(&s, "");
	sheet_choice(&s, "", "");
	sheet_number(&s, -1);
	sheet_day(&s, KM_DAY_NONE);
	sheet_time(&s, 0);
	assert_int_equal(s.rows, 2);
	assert_int_equal(sheet_end(&s), KM_OK);
	fclose(f);
	return out;
}

/* --- what each looks like --------------------------------------------------------- */

static void test_text_is_title_notes_and_a_table(void **state)
{
	char *out = written(SHEET_TEXT, KM_LANG_EN, "sato");

	(void)state;
	assert_string_equal(out, "Register of operators\n"
				 "Made: sato\n"
				 "\n"
				 "LOGIN  ROLE      UID   VALID UNTIL  LAST LOGIN\n"
				 "sato   approves  1000  2026-04-01   2026-04-01 09:00:00\n"
				 "-      -         -     -            -\n"
				 "\n"
				 "Rows: 2\n");
	free(out);
}

static void test_csv_is_keys_and_records_that_end_in_crlf(void **state)
{
	char *out = written(SHEET_CSV, KM_LANG_JA, "sato");

	(void)state;
	assert_string_equal(out, "login,role,uid,valid_until,last_login\r\n"
				 "sato,approver,1000,2026-04-01,2026-04-01T09:00:00+09:00\r\n"
				 ",,,,\r\n");
	free(out);
}

static void test_json_is_one_object_with_null_for_what_is_not_there(void **state)
{
	char *out = written(SHEET_JSON, KM_LANG_EN, "sato");

	(void)state;
	assert_string_equal(
	    out, "{\"report\":\"operators\",\"title\":\"Register of operators\","
		 "\"notes\":{\"note\":\"sato\"},\"rows\":[\n"
		 "{\"login\":\"sato\",\"role\":\"approver\",\"uid\":1000,"
		 "\"valid_until\":\"2026-04-01\",\"last_login\":\"2026-04-01T09:00:00+09:00\"},\n"
		 "{\"login\":\"\",\"role\":null,\"uid\":null,\"valid_until\":null,"
		 "\"last_login\":null}\n"
		 "]}\n");
	free(out);
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in: %s", part, text);
}

static void test_html_is_one_page_for_print_and_for_a_screen_reader(void **state)
{
	char *out = written(SHEET_HTML, KM_LANG_JA, "sato");

	(void)state;
	assert_memory_equal(out, "<!DOCTYPE html>\n<html lang=\"ja\">", 32);
	has(out, "<meta charset=\"utf-8\">");
	has(out, "content=\"default-src 'none'; style-src 'unsafe-inline'\"");
	has(out, "<title>職員登録簿</title>");
	has(out, "<h1>職員登録簿</h1>");
	has(out, "<dt>作成日時</dt><dd>sato</dd>");
	has(out, "<th scope=\"col\">ログイン名</th><th scope=\"col\">役割</th>");
	has(out, "<tr><th scope=\"row\">sato</th><td>承認担当</td><td>1000</td>"
		 "<td>2026-04-01</td><td>2026-04-01 09:00:00</td></tr>");
	has(out, "@media print");
	has(out, "<p>行数: 2</p>");
	has(out, "</html>\n");
	assert_null(strstr(out, "<script"));
	assert_null(strstr(out, "http:"));
	assert_null(strstr(out, "src="));
	free(out);
	out = written(SHEET_HTML, KM_LANG_EN, "sato");
	has(out, "<html lang=\"en\">");
	free(out);
}

static void test_a_sheet_without_rows_has_its_headings(void **state)
{
	static const char *const ends[SHEET_FORMATS] = {
		[SHEET_TEXT] = "Rows: 0\n",
		[SHEET_CSV] = "login,role,uid,valid_until,last_login\r\n",
		[SHEET_JSON] = "\"notes\":{},\"rows\":[\n]}\n",
		[SHEET_HTML] = "<tbody>\n</tbody>\n</table>\n<p>Rows: 0</p>\n",
	};

	(void)state;
	for (unsigned i = 0; i < SHEET_FORMATS; i++) {
		char *out = NULL;
		size_t len;
		FILE *f = open_memstream(&out, &len);
		struct sheet s = sheet_on(f, (enum sheet_format)i, KM_LANG_EN);

		sheet_begin(&s, "operators", DESK_REPORT_OPERATORS);
		assert_int_equal(sheet_end(&s), KM_OK);
		fclose(f);
		has(out, ends[i]);
		free(out);
	}
}

static void test_formats_have_words(void **state)
{
	enum sheet_format format = SHEET_FORMATS;

	(void)state;
	assert_true(sheet_format_parse("html", &format));
	assert_int_equal(format, SHEET_HTML);
	assert_true(sheet_format_parse("text", &format));
	assert_int_equal(format, SHEET_TEXT);
	assert_false(sheet_format_parse("pdf", &format));
	assert_false(sheet_format_parse("", &format));
	assert_int_equal(format, SHEET_TEXT);
}

/* --- what it is filled with --------------------------------------------------------- */

static const char *const hostile[] = {
	"a\nb",
	"a\r\nb",
	"\033[2J\033]0;title\007",
	"a\x7f\xc2\x9b"
	"b",
	"a\xe2\x80\xa8"
	"b", /* U+2028 */
	"a\xe2\x80\x8b"
	"b", /* zero width */
	"a\xe2\x80\xae"
	"b", /* right to left */
	"\xef\xbb\xbf"
	"a",                /* a mark of byte order */
	"\xff\xfe\xc0\xaf", /* no UTF-8 */
	"../../etc/passwd",
	"=1+1",
	"+1",
	"-1",
	"@SUM(A1)",
	"\t=1",
	"\r=1",
	"＝1＋1",
	"＋1",
	"－1",
	"＠SUM(A1)",
	"=cmd|'/C calc'!A0",
	"<script>alert(1)</script>",
	"\"><img src=x onerror=alert(1)>",
	"</td></tr></table>&lt;",
	"'\" , ; |",
	"a,b\"c",
	"\"},{\"login\":\"root\"",
	"\\",
};
#define HOSTILE (sizeof(hostile) / sizeof(hostile[0]))

static size_t count_of(const char *text, char c)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == c;
	return n;
}

static void no_control_character(const char *out, bool crlf)
{
	for (const char *p = out; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '\n' && (!crlf || (p > out && p[-1] == '\r')))
			continue;
		if (crlf && c == '\r' && p[1] == '\n')
			continue;
		if (c < 0x20 || c == 0x7f)
			fail_msg("byte 0x%02x in: %s", c, out);
	}
	assert_null(strstr(out, "\xe2\x80\xa8"));
	assert_null(strstr(out, "\xe2\x80\x8b"));
	assert_null(strstr(out, "\xe2\x80\xae"));
	assert_null(strstr(out, "\xef\xbb\xbf"));
	assert_null(strchr(out, '\xff'));
}

static void test_c10_no_value_ends_a_line_or_hides_text_in_any_format(void **state)
{
	(void)state;
	for (unsigned f = 0; f < SHEET_FORMATS; f++) {
		char *plain = written((enum sheet_format)f, KM_LANG_EN, "sato");

		for (size_t i = 0; i < HOSTILE; i++) {
			char *out = written((enum sheet_format)f, KM_LANG_EN, hostile[i]);

			no_control_character(out, f == SHEET_CSV);
			assert_int_equal(count_of(out, '\n'), count_of(plain, '\n'));
			free(out);
		}
		free(plain);
	}
}

/* The first field of the second record, as RFC 4180 reads it. */
static const char *csv_field(const char *out, char field[512])
{
	const char *p = strstr(out, "\r\n") + 2;
	bool quoted = *p == '"';
	size_t n = 0;

	for (p += quoted; *p && n < 511; p++) {
		if (quoted && *p == '"' && *++p != '"')
			break;
		if (!quoted && (*p == ',' || *p == '\r'))
			break;
		assert_true(quoted || *p != '"');
		field[n++] = *p;
	}
	field[n] = '\0';
	return p;
}

static void test_c10_no_cell_of_a_csv_is_a_formula(void **state)
{
	(void)state;
	for (size_t i = 0; i < HOSTILE; i++) {
		char *out = written(SHEET_CSV, KM_LANG_EN, hostile[i]), field[512];
		const char *rest = csv_field(out, field);

		if (strchr("=+-@\t\r", field[0]) || strncmp(field, "＝", 3) == 0 ||
		    strncmp(field, "＋", 3) == 0 || strncmp(field, "－", 3) == 0 ||
		    strncmp(field, "＠", 3) == 0)
			fail_msg("a formula: %s", field);
		/* And the record goes on behind it as it should. */
		assert_memory_equal(rest, ",approver,1000,", 15);
		free(out);
	}
}

static void test_a_cell_of_a_csv_that_would_be_a_formula_begins_with_an_apostrophe(void **state)
{
	static const struct {
		const char *value, *field;
	} cases[] = {
		{ "=1+1", "'=1+1" },    { "+819012345678", "'+819012345678" },
		{ "-1", "'-1" },        { "@SUM(A1)", "'@SUM(A1)" },
		{ "\t=1", "'\\x09=1" }, { "\r=1", "'\\x0d=1" },
		{ "＝1", "'＝1" },      { "1=1", "1=1" },
		{ "a,b\"c", "a,b\"c" }, { "'already", "'already" },
		{ "sato", "sato" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *out = written(SHEET_CSV, KM_LANG_EN, cases[i].value), field[512];

		(void)csv_field(out, field);
		assert_string_equal(field, cases[i].field);
		free(out);
	}
}

static void test_c10_no_value_opens_or_closes_a_tag(void **state)
{
	char *plain = written(SHEET_HTML, KM_LANG_EN, "sato");

	(void)state;
	for (size_t i = 0; i < HOSTILE; i++) {
		char *out = written(SHEET_HTML, KM_LANG_EN, hostile[i]);

		assert_int_equal(count_of(out, '<'), count_of(plain, '<'));
		assert_int_equal(count_of(out, '>'), count_of(plain, '>'));
		assert_int_equal(count_of(out, '"'), count_of(plain, '"'));
		free(out);
	}
	free(plain);
}

static void test_json_has_the_very_value(void **state)
{
	static const struct {
		const char *value, *json;
	} cases[] = {
		{ "a\nb", "\"login\":\"a\\nb\"" },
		{ "a\xe2\x80\xa8"
		  "b",
		  "\"login\":\"a\\u2028b\"" },
		{ "=1+1", "\"login\":\"=1+1\"" },
		{ "\"},{\"login\":\"root\"", "\"login\":\"\\\"},{\\\"login\\\":\\\"root\\\"\"" },
		{ "佐藤", "\"login\":\"佐藤\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *out = written(SHEET_JSON, KM_LANG_EN, cases[i].value);

		has(out, cases[i].json);
		free(out);
	}
}

/* A name of 4 KiB is cut, and everything behind it is there. */
static void test_c10_a_value_of_4_kib_is_cut_and_the_sheet_goes_on(void **state)
{
	char *value = malloc(4097);

	(void)state;
	assert_non_null(value);
	memset(value, 1, 4096);
	value[4096] = '\0';
	for (unsigned f = 0; f < SHEET_FORMATS; f++) {
		char *out = written((enum sheet_format)f, KM_LANG_EN, value);

		has(out, "1000");
		free(out);
	}
	free(value);
}

static int setup(void **state)
{
	(void)state;
	setenv("TZ", "Asia/Tokyo", 1);
	tzset();
	return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_is_title_notes_and_a_table),
		cmocka_unit_test(test_csv_is_keys_and_records_that_end_in_crlf),
		cmocka_unit_test(test_json_is_one_object_with_null_for_what_is_not_there),
		cmocka_unit_test(test_html_is_one_page_for_print_and_for_a_screen_reader),
		cmocka_unit_test(test_a_sheet_without_rows_has_its_headings),
		cmocka_unit_test(test_formats_have_words),
		cmocka_unit_test(test_c10_no_value_ends_a_line_or_hides_text_in_any_format),
		cmocka_unit_test(test_c10_no_cell_of_a_csv_is_a_formula),
		cmocka_unit_test(
		    test_a_cell_of_a_csv_that_would_be_a_formula_begins_with_an_apostrophe),
		cmocka_unit_test(test_c10_no_value_opens_or_closes_a_tag),
		cmocka_unit_test(test_json_has_the_very_value),
		cmocka_unit_test(test_c10_a_value_of_4_kib_is_cut_and_the_sheet_goes_on),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
