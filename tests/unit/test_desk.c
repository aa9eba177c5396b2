/* The desk without a daemon: command line, secrets, tables, JSON, texts, manual. */
#include <fcntl.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/factor.h>

#include "../../enroll/commands.h"
#include "../../enroll/secret_input.h"

struct run {
	int code;
	char *out, *err;
};

/* Runs the program in this process; nothing listens at its socket. */
static void run(struct run *r, char *const words[])
{
	char *argv[32] = { (char[]){ "kenmon" }, (char[]){ "--socket" },
			   (char[]){ "/nonexistent/kenmon.sock" } };
	struct desk d;
	size_t out_len, err_len;
	int argc = 3;

	while (*words && argc < 31)
		argv[argc++] = *words++;
	desk_init(&d);
	d.lang = KM_LANG_EN;
	d.in = -1;
	r->out = r->err = NULL;
	d.out = open_memstream(&r->out, &out_len);
	d.err = open_memstream(&r->err, &err_len);
	assert_non_null(d.out);
	assert_non_null(d.err);
	r->code = desk_main(&d, argc, argv);
	fclose(d.out);
	fclose(d.err);
}

static void run_free(struct run *r)
{
	free(r->out);
	free(r->err);
}

#define RUN(r, ...) run(r, (char *[]){ __VA_ARGS__, NULL })
#define W(text)     ((char[]){ text })

/* --- command line --------------------------------------------------------- */

#define ADD                                                                                        \
	"operator", "add", "sato", "--employee-number", "1", "--name", "Sato", "--department", "D"

static const struct {
	const char *words[16];
	const char *says;
} mistakes[] = {
	{ { NULL }, "a command is missing" },
	{ { "operator" }, "'operator' needs one more word" },
	{ { "oprator", "list" }, "there is no command 'oprator'" },
	{ { "operator", "lisst" }, "there is no command 'operator lisst'" },
	{ { "operator", "list", "--frobnicate" }, "no option --frobnicate" },
	{ { "operator", "list", "-x" }, "no option -x" },
	{ { "--reason", "x", "erase" }, "no option --reason" },
	{ { "operator", "list", "extra" }, "'extra' is one word too many" },
	{ { "operator", "show" }, "LOGIN must be given" },
	{ { "resync", "sato" }, "LOGIN ID must be given" },
	{ { "resync", "sato", "seven" }, "ID takes a whole number" },
	{ { "resync", "sato", "-1" }, "no option -1" },
	{ { "credential", "remove", "sato", "0" }, "ID takes a whole number" },
	{ { "operator", "list", "--json=yes" }, "--json takes no value" },
	{ { "operator", "list", "--socket" }, "--socket needs a value" },
	{ { "erase", "sato", "--reason", "--yes" }, "--reason needs a value" },
	{ { "erase", "sato", "--yes" }, "--reason is missing" },
	{ { "erase", "sato", "--reason", "a", "--reason", "b" }, "--reason is given twice" },
	{ { "erase", "sato", "--reason=" }, "--reason must not be empty" },
	{ { "operator", "add", "sato" }, "--employee-number is missing" },
	{ { ADD, "--role", "king" }, "--role takes one of: operator, registrar" },
	{ { ADD, "--uid", "1x" }, "--uid takes a whole number" },
	{ { ADD, "--uid", "4294967295" }, "--uid takes a whole number" },
	{ { ADD, "--uid", " 7" }, "--uid takes a whole number" },
	{ { ADD, "--uid", "99999999999999999999" }, "--uid takes a whole number" },
	{ { ADD, "--valid-from", "2026-02-30" }, "--valid-from takes a date" },
	{ { ADD, "--valid-until", "tomorrow" }, "--valid-until takes a date" },
	{ { ADD, "--valid-from", "2026-04-02", "--valid-until", "2026-04-01" },
	  "--valid-from is after --valid-until" },
	{ { "operator", "show", "" }, "LOGIN must not be empty" },
	{ { "operator", "show", "a\nb" }, "LOGIN must be UTF-8 text without" },
	{ { "operator", "show", "a\033[2J" }, "LOGIN must be UTF-8 text without" },
	{ { "operator", "show",
	    "a\xe2\x80\xae"
	    "b" },
	  "LOGIN must be UTF-8 text without" },
	{ { "operator", "show", "\xff" }, "LOGIN must be UTF-8 text without" },
	{ { "operator", "show",
	    "12345678901234567890123456789012345678901234567890123456789012345" },
	  "LOGIN is too long: at most 64 bytes" },
	{ { "enroll", "totp", "sato", "--digits", "5" }, "--digits takes a whole number, 6 … 8" },
	{ { "enroll", "totp", "sato", "--digits", "9" }, "--digits takes a whole number, 6 … 8" },
	{ { "enroll", "totp", "sato", "--period", "0" }, "--period takes a whole number" },
	{ { "enroll", "totp", "sato", "--algorithm", "md5" }, "--algorithm takes one of: sha1" },
	{ { "enroll", "totp", "sato", "--counter", "1" }, "no option --counter" },
	{ { "enroll", "hotp", "sato", "--algorithm", "sha1" }, "no option --algorithm" },
	{ { "enroll", "hotp", "sato", "--counter", "-1" }, "--counter takes a whole number" },
	{ { "enroll", "totp", "sato", "--qr", "maybe" }, "--qr takes one of: always, never, auto" },
	{ { "audit", "list", "--all", "--last", "3" }, "exclude one another" },
	{ { "audit", "list", "--after", "3", "--all" }, "exclude one another" },
	{ { "audit", "list", "--last", "0" }, "--last takes a whole number" },
	{ { "accept", "everything" }, "accept takes one of: clock, machine, rollback" },
	{ { "--completion", "fish" }, "--completion knows bash only" },
	{ { "--daemon-user", "no-such-account-here", "status" }, "there is no account" },
	{ { "--daemon-user", "4294967295", "status" }, "--daemon-user takes a whole number" },
};

static void test_every_mistake_on_the_command_line_is_named_and_exits_2(void **state)
{
	size_t i, w;

	(void)state;
	for (i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		char *words[17] = { 0 };
		struct run r;

		for (w = 0; mistakes[i].words[w]; w++)
			words[w] = strdup(mistakes[i].words[w]);
		run(&r, words);
		if (r.code != 2 || !strstr(r.err, mistakes[i].says))
			fail_msg("mistake %zu: code %d, \"%s\" is not in: %s", i, r.code,
				 mistakes[i].says, r.err);
		assert_string_equal(r.out, "");
		assert_null(strchr(r.err, '\033'));
		run_free(&r);
		for (w = 0; words[w]; w++)
			free(words[w]);
	}
}

static void test_with_json_a_mistake_is_one_object_on_standard_output(void **state)
{
	struct run r;

	(void)state;
	RUN(&r, W("operator"), W("show"), W("a\"\n"), W("--json"));
	assert_int_equal(r.code, 2);
	assert_string_equal(r.err, "");
	assert_non_null(strstr(r.out, "{\"error\":\"EUSAGE\",\"message\":\"LOGIN must be UTF-8"));
	run_free(&r);
}

static void test_no_daemon_exits_69_and_says_where_it_was_looked_for(void **state)
{
	struct run r;

	(void)state;
	RUN(&r, W("operator"), W("list"));
	assert_int_equal(r.code, 69);
	assert_non_null(strstr(r.err, "/nonexistent/kenmon.sock"));
	run_free(&r);
	RUN(&r, W("--json"), W("operator"), W("list"));
	assert_int_equal(r.code, 69);
	assert_non_null(strstr(r.out, "\"error\":\"EUNAVAIL\""));
	run_free(&r);
}

static void test_what_stands_behind_two_dashes_is_no_option(void **state)
{
	struct run r;

	(void)state;
	RUN(&r, W("operator"), W("show"), W("--"), W("--json"));
	assert_int_equal(r.code, 69);
	assert_string_equal(r.out, "");
	run_free(&r);
}

static void test_help_works_for_the_program_each_group_and_each_command(void **state)
{
	const struct desk_command *c;
	struct run r;

	(void)state;
	RUN(&r, W("--help"));
	assert_int_equal(r.code, 0);
	for (c = desk_commands; c->name; c++) {
		char *group = strdup(c->group ? c->group : c->name), *name = strdup(c->name);
		char *const one[] = { name, W("--help"), NULL };
		char *const two[] = { group, name, W("--help"), NULL };
		char *const in_group[] = { group, W("--help"), NULL };
		const struct desk_option *o;
		struct run own;

		assert_non_null(strstr(r.out, c->help));
		run(&own, c->group ? two : one);
		assert_int_equal(own.code, 0);
		assert_non_null(strstr(own.out, c->help));
		for (o = c->options; o && o->name; o++)
			assert_non_null(strstr(own.out, o->help));
		run_free(&own);
		if (c->group) {
			run(&own, in_group);
			assert_int_equal(own.code, 0);
			assert_non_null(strstr(own.out, c->help));
			run_free(&own);
		}
		free(group);
		free(name);
	}
	run_free(&r);
}

static void test_version_and_completion_need_no_daemon(void **state)
{
	struct run r;

	(void)state;
	RUN(&r, W("--version"));
	assert_int_equal(r.code, 0);
	assert_string_equal(r.out, "kenmon " KM_VERSION "\n");
	run_free(&r);
	RUN(&r, W("--completion"), W("bash"));
	assert_int_equal(r.code, 0);
	assert_non_null(strstr(r.out, "complete -F _kenmon kenmon"));
	assert_non_null(strstr(r.out, "recovery-codes"));
	run_free(&r);
}

static void test_config_check_accepts_an_absent_default_but_not_an_absent_named_file(void **state)
{
	struct run r;

	(void)state;
	RUN(&r, W("config"), W("check"), W("--config"), W("/nonexistent/kenmon.conf"));
	assert_int_equal(r.code, 2);
	run_free(&r);
}

static void test_config_check_names_file_and_line_of_a_mistake(void **state)
{
	char dir[] = "/tmp/kenmon-test-XXXXXX", path[64], where[80];
	struct run r;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir)); /* a folder where everybody can write is refused */
	snprintf(path, sizeof(path), "%s/kenmon.conf", dir);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs("[login]\ntries = many\n", f);
	fclose(f);
	RUN(&r, W("config"), W("check"), W("--config"), path);
	unlink(path);
	rmdir(dir);
	assert_int_equal(r.code, 2);
	snprintf(where, sizeof(where), "%s:2", path);
	assert_non_null(strstr(r.err, where));
	run_free(&r);
}

static void test_status_without_a_daemon_still_says_what_is_on_this_machine(void **state)
{
	struct run r;

	(void)state;
	RUN(&r, W("status"));
	assert_int_equal(r.code, 69);
	assert_non_null(strstr(r.out, "fprintd"));
	assert_non_null(strstr(r.out, "SSSD"));
	assert_non_null(strstr(r.out, "kenmon-exempt"));
	run_free(&r);
	RUN(&r, W("status"), W("--json"));
	assert_int_equal(r.code, 69);
	assert_non_null(strstr(r.out, "{\"error\":\"EUNAVAIL\""));
	assert_non_null(strstr(r.out, "\"machine\":[{\"key\":\"fprintd-profile\",\"found\":"));
	run_free(&r);
}

static void put(const char *root, const char *path, const char *text)
{
	char full[256], *slash;
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (slash = strchr(full + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(full, 0755);
		*slash = '/';
	}
	f = fopen(full, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_what_makes_one_finger_count_twice_is_found(void **state)
{
	char root[] = "/tmp/kenmon-test-XXXXXX";
	static const char *const paths[] = { "/usr/share/pam-configs/fprintd",
					     "/etc/sssd/sssd.conf", "/proc/4711/comm" };
	struct desk_finding f[DESK_FINDINGS];
	struct desk d;
	size_t i;

	(void)state;
	assert_non_null(mkdtemp(root));
	desk_init(&d);
	d.root = root;
	desk_findings(&d, f);
	assert_false(f[0].found || f[1].found || f[2].found);
	for (i = 0; i < 3; i++)
		put(root, paths[i], "fprintd\n");
	desk_findings(&d, f);
	assert_true(f[0].found && f[1].found && f[2].found);
	assert_string_equal(f[0].key, "fprintd-profile");
	for (i = 0; i < 3; i++) {
		char full[256], *slash;

		snprintf(full, sizeof(full), "%s%s", root, paths[i]);
		unlink(full);
		while ((slash = strrchr(full, '/')) && slash > full + strlen(root)) {
			*slash = '\0';
			(void)rmdir(full);
		}
	}
	assert_int_equal(rmdir(root), 0);
}

/* --- secrets -------------------------------------------------------------- */

static km_rc parse(const char *text, struct km_secret *out, char why[DESK_WHY])
{
	struct desk d;
	km_rc rc;

	desk_init(&d);
	d.lang = KM_LANG_EN;
	rc = desk_secret_parse(&d, text, strlen(text), out);
	memcpy(why, d.why, DESK_WHY);
	return rc;
}

static void test_a_secret_is_read_from_every_way_it_is_written(void **state)
{
	static const char *const same[] = {
		"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
		"gezdgnbvgy3tqojqgezdgnbvgy3tqojq",
		"GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ\n",
		"  gezd-gnbv-gy3t-qojq-gezd-gnbv-gy3t-qojq \r\n",
		"hex:3132333435363738393031323334353637383930",
		"HEX: 31323334 35363738 3930 31323334 35363738 3930\n",
	};
	char why[DESK_WHY];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		struct km_secret s = { 0 };

		assert_int_equal(parse(same[i], &s, why), KM_OK);
		assert_int_equal(s.len, 20);
		assert_memory_equal(s.bytes, "12345678901234567890", 20);
	}
}

static void test_base32_padding_is_optional(void **state)
{
	struct km_secret padded = { 0 }, bare = { 0 };
	char why[DESK_WHY];

	(void)state;
	assert_int_equal(parse("GEZDGNBVGY3TQOJQGEZDGNBVGY======", &padded, why), KM_OK);
	assert_int_equal(parse("GEZDGNBVGY3TQOJQGEZDGNBVGY", &bare, why), KM_OK);
	assert_int_equal(padded.len, 16);
	assert_memory_equal(&padded, &bare, sizeof(bare));
}

static void test_a_bad_secret_is_refused_with_a_place_and_never_repeated(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "GEZDGNBVGY3TQOJ1GEZDGNBVGY3TQOJQ", "character 16 of the secret is not base32" },
		{ "  GEZDGNBVGY3TQOJ0GEZDGNBVGY3TQOJQ", "character 18 of the secret" },
		{ "GEZD=GNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "character 6 of the secret" },
		{ "=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "character 1 of the secret" },
		{ "GEZDGNBVGY3TQOJQGEZDGNBVGY=======", "character 33 of the secret" },
		{ "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQG", "incomplete after character 33" },
		{ "hex:3132333435363738393031323334353g",
		  "character 36 of the secret is not hexa" },
		{ "hex:313233343536373839303132333435363", "incomplete after" },
		{ "hex:31=3", "character 7 of the secret" },
		{ "GEZDGNBVGY3TQOJQ", "10 bytes; 16 (128 bits, RFC 4226) to 64" },
		{ "hex:", "0 bytes" },
		{ "", "0 bytes" },
		{ "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
		  "character 8 of the secret" },
	};
	struct km_secret s = { .len = 3, .bytes = "old" };
	char why[DESK_WHY];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(bad[i].text, &s, why), KM_EINVAL);
		if (!strstr(why, bad[i].says))
			fail_msg("\"%s\" is not in: %s", bad[i].says, why);
		assert_null(strstr(why, "GEZD"));
		assert_null(strstr(why, "3132"));
		assert_int_equal(s.len, 3);
	}
}

static void test_a_secret_of_64_bytes_is_taken_and_one_of_65_is_not(void **state)
{
	char text[5 + 2 * 65] = "hex:", why[DESK_WHY];
	struct km_secret s = { 0 };

	(void)state;
	memset(text + 4, 'a', 128);
	assert_int_equal(parse(text, &s, why), KM_OK);
	assert_int_equal(s.len, 64);
	memset(text + 4, 'a', 130);
	assert_int_equal(parse(text, &s, why), KM_EINVAL);
	assert_non_null(strstr(why, "65 bytes"));
}

static void test_a_secret_file_is_regular_and_small(void **state)
{
	char path[] = "/tmp/kenmon-test-XXXXXX", big[DESK_SECRET_FILE + 1];
	struct km_secret s = { 0 };
	struct desk d;
	int fd;

	(void)state;
	desk_init(&d);
	d.lang = KM_LANG_EN;
	assert_int_equal(desk_secret_read(&d, "/", &s), KM_EINVAL);
	assert_int_equal(desk_secret_read(&d, "/dev/zero", &s), KM_EINVAL);
	assert_int_equal(desk_secret_read(&d, "/nonexistent", &s), KM_EINVAL);
	assert_non_null(strstr(d.why, "cannot be read: No such file"));
	assert_non_null(mkdtemp(path));
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(desk_secret_read(&d, path, &s), KM_EINVAL); /* and does not hang */
	assert_non_null(strstr(d.why, "not a regular file"));
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	memset(big, ' ', sizeof(big));
	assert_int_equal(write(fd, big, sizeof(big)), (ssize_t)sizeof(big));
	assert_int_equal(desk_secret_read(&d, path, &s), KM_EINVAL);
	assert_non_null(strstr(d.why, "more than 4096 bytes"));
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, "hex:00112233445566778899aabbccddeeff\n", 37, 0), 37);
	assert_int_equal(desk_secret_read(&d, path, &s), KM_OK);
	assert_int_equal(s.len, 16);
	close(fd);
	unlink(path);
}

static void test_a_secret_from_standard_input_uses_it_up(void **state)
{
	struct km_secret s = { 0 };
	struct desk d;
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(write(p[1], "hex:00112233445566778899aabbccddeeff\n", 37), 37);
	close(p[1]);
	desk_init(&d);
	d.in = p[0];
	assert_int_equal(desk_secret_read(&d, "-", &s), KM_OK);
	assert_int_equal(s.bytes[1], 0x11);
	assert_int_equal(d.in, -1);
	close(p[0]);
}

/* --- output --------------------------------------------------------------- */

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

/* --- texts and manual ------------------------------------------------------- */

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

/* The part of the page that describes a command: from its .It to the next one. */
static char *item_of(char *page, const struct desk_command *c)
{
	char *from = page, name[64];
	size_t len;

	snprintf(name, sizeof(name), ".Nm Cm %s%s%s", c->group ? c->group : "", c->group ? " " : "",
		 c->name);
	len = strlen(name);
	/* ".It Nm Cm …" for a short one; ".It Xo" and ".Nm Cm …" for a long one. */
	for (; from; from = strchr(from, '\n')) {
		from += *from == '\n';
		if (strncmp(from, ".It ", 4) == 0 && strncmp(from + 4, name + 1, len - 1) == 0)
			break;
		if (strncmp(from, name, len) == 0)
			break;
	}
	return from ? strdup(from) : NULL;
}

static void test_the_manual_describes_every_command_and_option(void **state)
{
	const struct desk_command *c;
	const struct desk_option *o;
	char *page = calloc(1, 65536), flag[64];
	FILE *f = fopen("docs/man/kenmon.1", "re");

	(void)state;
	assert_non_null(page);
	assert_non_null(f);
	assert_true(fread(page, 1, 65535, f) > 0);
	fclose(f);
	for (c = desk_commands; c->name; c++) {
		char *item = item_of(page, c), *end;

		if (!item)
			fail_msg("kenmon(1) does not describe %s %s", c->group ? c->group : "",
				 c->name);
		end = strstr(item, strncmp(item, ".It", 3) ? "\n.Xc" : "\n");
		assert_non_null(end);
		*end = '\0';
		for (o = c->options; o && o->name; o++) {
			snprintf(flag, sizeof(flag), "Fl \\-%s%s%s", o->name,
				 o->argument ? " Ar " : "", o->argument ? o->argument : "");
			if (!strstr(item, flag))
				fail_msg("kenmon(1), %s: no %s", c->name, flag);
		}
		assert_true(!*c->operands || strstr(item, c->operands));
		free(item);
	}
	for (o = desk_globals; o->name; o++) {
		snprintf(flag, sizeof(flag), ".It Fl \\-%s", o->name);
		assert_non_null(strstr(page, flag));
	}
	free(page);
}

static int setup(void **state)
{
	(void)state;
	return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_mistake_on_the_command_line_is_named_and_exits_2),
		cmocka_unit_test(test_with_json_a_mistake_is_one_object_on_standard_output),
		cmocka_unit_test(test_no_daemon_exits_69_and_says_where_it_was_looked_for),
		cmocka_unit_test(test_what_stands_behind_two_dashes_is_no_option),
		cmocka_unit_test(test_help_works_for_the_program_each_group_and_each_command),
		cmocka_unit_test(test_version_and_completion_need_no_daemon),
		cmocka_unit_test(
		    test_config_check_accepts_an_absent_default_but_not_an_absent_named_file),
		cmocka_unit_test(test_config_check_names_file_and_line_of_a_mistake),
		cmocka_unit_test(test_status_without_a_daemon_still_says_what_is_on_this_machine),
		cmocka_unit_test(test_what_makes_one_finger_count_twice_is_found),
		cmocka_unit_test(test_a_secret_is_read_from_every_way_it_is_written),
		cmocka_unit_test(test_base32_padding_is_optional),
		cmocka_unit_test(test_a_bad_secret_is_refused_with_a_place_and_never_repeated),
		cmocka_unit_test(test_a_secret_of_64_bytes_is_taken_and_one_of_65_is_not),
		cmocka_unit_test(test_a_secret_file_is_regular_and_small),
		cmocka_unit_test(test_a_secret_from_standard_input_uses_it_up),
		cmocka_unit_test(test_json_escapes_what_it_must_and_keeps_utf_8),
		cmocka_unit_test(test_json_puts_commas_where_they_belong),
		cmocka_unit_test(test_a_time_is_iso_8601_with_its_zone),
		cmocka_unit_test(test_a_table_is_aligned_by_what_a_terminal_shows),
		cmocka_unit_test(test_a_table_without_rows_prints_nothing),
		cmocka_unit_test(test_what_comes_from_outside_cannot_move_the_cursor),
		cmocka_unit_test(test_both_languages_name_the_same_values),
		cmocka_unit_test(test_the_manual_describes_every_command_and_option),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
