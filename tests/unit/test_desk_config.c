/* kenmon config check, to somebody who reads Japanese. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../enroll/commands.h"
#include "../../enroll/fault.h"

static char folder[] = "/tmp/kenmon-test-config-XXXXXX", path[64];

/* What 'kenmon config check' says of this text, without the file's name. Until the next one. */
static const char *check_in(enum km_lang lang, const char *text)
{
	static char *said;
	char *argv[] = { (char[]){ "kenmon" },
			 (char[]){ "config" },
			 (char[]){ "check" },
			 (char[]){ "--config" },
			 path,
			 NULL };
	char *out = NULL, *at;
	size_t out_len, said_len;
	FILE *f = fopen(path, "we");
	struct desk d;

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	free(said);
	said = NULL;
	desk_init(&d);
	d.lang = lang;
	d.in = -1;
	d.out = open_memstream(&out, &out_len);
	d.err = open_memstream(&said, &said_len);
	assert_int_equal(desk_main(&d, 5, argv), 2);
	fclose(d.out);
	fclose(d.err);
	free(out);
	at = strstr(said, path);
	assert_non_null(at);
	return at + strlen(path);
}

#define HTTP "[sms]\ngateway=http\nurl=https://h/?n={number}&t={text}\n"

static const struct {
	const char *text, *en, *ja;
} cases[] = {
	{ "[login]\ntries = 99\n", ":2: [login] tries = 99: must be 1 to 10 tries\n",
	  ":2: [login] tries = 99: 1 から 10 までの値 (回) を指定してください\n" },
	{ "[nope]\n", ":1: [nope]: there is no such section; kenmon.conf(5) names them\n",
	  ":1: [nope]: このようなセクションはありません。kenmon.conf(5) を参照してください\n" },
	{ "[service SU]\n", ":1: [service SU]: libpam knows services in lower case only\n",
	  ":1: [service SU]: libpam のサービス名は小文字だけです\n" },
	{ "[login]\nfactors = totp+foo\n",
	  ":2: [login] factors = totp+foo: 'foo' is no factor; there are totp, hotp, recovery, "
	  "fingerprint, sms, voice\n",
	  ":2: [login] factors = totp+foo: 「foo」という要素はありません。使えるのは totp, hotp, "
	  "recovery, fingerprint, sms, voice です\n" },
	{ "[lockout]\nlongest-wait = 30\nfirst-wait = 60\n",
	  ":2: [lockout] longest-wait = 30: must not be below first-wait, which is 60 seconds\n",
	  ":2: [lockout] longest-wait = 30: first-wait (60 秒) より小さくできません\n" },
	{ "[login]\nfactors = totp sms\n",
	  ":2: [login] factors: names sms, but [sms] gateway is none\n",
	  ":2: [login] factors: sms がありますが、[sms] gateway が none です\n" },
	{ HTTP "headers = Host: x\n", ":4: [sms] headers: Host: is not for a site to set\n",
	  ":4: [sms] headers: Host は設定できません\n" },
	{ HTTP "body = [1\n",
	  ":4: [sms] body: is to be JSON, and has a '[' without its ']' (at byte 3)\n",
	  ":4: [sms] body: JSON として正しくありません (3 バイト目): "
	  "「[」に対する「]」がありません\n" },
	{ "[sms]\ngateway=http\nurl=https://h/\"\n",
	  ":3: [sms] url: has a '\"' in it: %22 is meant, or nothing\n",
	  ":3: [sms] url: 「\"」は使えません。%22 と書くか、取り除いてください\n" },
};

static void test_what_is_wrong_is_said_in_the_language_of_who_reads_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_string_equal(check_in(KM_LANG_EN, cases[i].text), cases[i].en);
		assert_string_equal(check_in(KM_LANG_JA, cases[i].text), cases[i].ja);
	}
}

/* What somebody wrote into the file is no sentence of ours, even if it is one to the letter. */
static void test_what_stands_in_the_file_is_never_translated(void **state)
{
	(void)state;
	assert_string_equal(check_in(KM_LANG_JA, "[approval]\nrequired = must be yes or no\n"),
			    ":2: [approval] required = must be yes or no: "
			    "yes または no を指定してください\n");
	assert_string_equal(check_in(KM_LANG_JA, "[login]\nseconds = %1\n"),
			    ":2: [login] seconds: このようなキーはありません。"
			    "kenmon.conf(5) を参照してください\n");
	assert_string_equal(
	    check_in(KM_LANG_JA, "[login]\ntries = %w1%2\033\n"),
	    ":2: [login] tries = %w1%2\\x1b: 1 から 10 までの値 (回) を指定してください\n");
}

static void test_what_is_wrong_with_the_file_is_said_too(void **state)
{
	struct km_conf_error e = { 0 };
	static struct km_conf conf;
	char out[256], where[80];

	(void)state;
	snprintf(where, sizeof(where), "%s/.", folder);
	assert_int_equal(km_conf_read(where, true, &conf, &e), KM_ECONF);
	assert_string_equal(desk_fault(&e, KM_LANG_JA, out, sizeof(out)),
			    "通常のファイルではありません");
	assert_ptr_equal(desk_fault(&e, KM_LANG_EN, out, sizeof(out)), e.text);
}

static const struct {
	const char *name, *en, *ja;
} rows[] = {
#define KM_CONF_FAULT(NAME, en, ja) { #NAME, en, ja },
#include <kenmon/conf_fault.def>
#undef KM_CONF_FAULT
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* Each value of the English has its place in the Japanese, and there is no other. */
static void test_every_row_keeps_its_values_in_both_languages(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		unsigned values = 0, places = 0;

		for (const char *p = rows[i].en; (p = strchr(p, '%')); p += 2)
			values += p[1] != '%';
		for (unsigned n = 1; n <= 9; n++) {
			char plain[] = { '%', (char)('0' + n), '\0' };
			char ours[] = { '%', 'w', (char)('0' + n), '\0' };
			bool there = strstr(rows[i].ja, plain) || strstr(rows[i].ja, ours);

			if (there != (n <= values))
				fail_msg("%s: value %u: %s", rows[i].name, n, rows[i].ja);
			places += there;
		}
		assert_int_equal(places, values);
		assert_true(strlen(rows[i].ja) > 0);
	}
}

/* A unit that nobody can say in Japanese would stand in English among it. */
static void test_every_unit_of_a_number_is_a_row(void **state)
{
	static const struct {
		const char *kind, *unit;
	} numbers[] = {
#define KM_CONF(section, key, kind, field, fallback, least, most, unit, what) { #kind, unit },
#include <kenmon/conf.def>
#undef KM_CONF
	};

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		size_t k = 0;

		if (strcmp(numbers[i].kind, "NUMBER") != 0)
			continue;
		while (k < ROWS && strcmp(rows[k].en, numbers[i].unit) != 0)
			k++;
		if (k == ROWS)
			fail_msg("no row: %s", numbers[i].unit);
	}
}

static void test_a_small_place_is_not_run_over_and_cuts_no_character(void **state)
{
	struct km_conf_error e = { 0 };
	static struct km_conf conf;
	char out[64];
	FILE *f = fopen(path, "we");

	(void)state;
	assert_non_null(f);
	assert_true(fputs("[login]\ntries = 99\n", f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(km_conf_read(path, true, &conf, &e), KM_ECONF);
	for (size_t cap = 1; cap <= sizeof(out); cap++) {
		memset(out, '!', sizeof(out));
		desk_fault(&e, KM_LANG_JA, out, cap);
		assert_true(strlen(out) < cap);
		assert_true(mbstowcs(NULL, out, 0) != (size_t)-1);
	}
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder) || !setlocale(LC_CTYPE, "C.UTF-8"))
		return -1;
	snprintf(path, sizeof(path), "%s/kenmon.conf", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_wrong_is_said_in_the_language_of_who_reads_it),
		cmocka_unit_test(test_what_stands_in_the_file_is_never_translated),
		cmocka_unit_test(test_what_is_wrong_with_the_file_is_said_too),
		cmocka_unit_test(test_every_row_keeps_its_values_in_both_languages),
		cmocka_unit_test(test_every_unit_of_a_number_is_a_row),
		cmocka_unit_test(test_a_small_place_is_not_run_over_and_cuts_no_character),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
