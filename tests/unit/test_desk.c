/* The desk without a daemon: its command line, and the manual that must agree with it. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/factor.h>

#include "../../enroll/commands.h"

struct run {
	int code;
	char *out, *err;
};

/* Runs the program in this process; nothing listens at its socket. */
static void run_in(struct run *r, enum km_lang lang, char *const words[])
{
	char *argv[32] = { (char[]){ "kenmon" }, (char[]){ "--socket" },
			   (char[]){ "/nonexistent/kenmon.sock" } };
	struct desk d;
	size_t out_len, err_len;
	int argc = 3;

	while (*words && argc < 31)
		argv[argc++] = *words++;
	desk_init(&d);
	d.lang = lang;
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

static void run(struct run *r, char *const words[])
{
	run_in(r, KM_LANG_EN, words);
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
	{ { "operator" }, "'operator' needs one more word: add, change, list" },
	{ { "oprator", "list" }, "there is no command 'oprator'" },
	{ { "operator", "lisst" }, "there is no command 'operator lisst'; there is: add, change" },
	{ { "operator", "erase", "a" },
	  "there is no command 'operator erase': is 'kenmon erase' meant?" },
	{ { "approve", "1" },
	  "there is no command 'approve': is 'kenmon approval approve' meant?" },
	{ { "list" }, "there is no command 'list'\n" },
	{ { "approval", "approve", "x" }, "ID takes a whole number, 1 or more" },
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
	{ { ADD, "--valid-from", "2026-02-30" }, "--valid-from: there is no day 2026-02-30" },
	{ { ADD, "--valid-until", "平成31年5月1日" }, "lies outside its era" },
	{ { ADD, "--valid-until", "tomorrow" }, "--valid-until takes a date" },
	{ { ADD, "--valid-from", "2026-04-02", "--valid-until", "2026-04-01" },
	  "--valid-from is after --valid-until" },
	{ { "operator", "add", "a b", "--employee-number", "1", "--name", "N", "--department",
	    "D" },
	  "no account can be called 'a b'" },
	{ { "operator", "add", ".sato", "--employee-number", "1", "--name", "N", "--department",
	    "D" },
	  "no account can be called '.sato'" },
	{ { "operator", "change", "sato" }, "nothing is to change: give --name" },
	{ { "operator", "change", "sato", "--name", "" }, "--name must not be empty" },
	{ { "operator", "change", "sato", "--role", "king" }, "--role takes one of: operator" },
	{ { "operator", "change", "sato", "--valid-from", "tomorrow" },
	  "--valid-from takes a date" },
	{ { "operator", "change", "sato", "--valid-from", "2026-04-02", "--valid-until",
	    "2026-04-01" },
	  "--valid-from is after --valid-until" },
	{ { "operator", "change", "sato", "--mobile", "call me" },
	  "--mobile takes a telephone number" },
	{ { "operator", "change", "sato", "--mobile", "" }, "--mobile takes a telephone number" },
	{ { "operator", "change", "sato", "--landline", "0123456789012345678901234567890123" },
	  "--landline takes a telephone number" },
	{ { "report", "operators", "--format", "pdf" },
	  "--format takes one of: text, csv, json, html" },
	{ { "report", "review", "--days", "many" }, "--days takes a whole number, 0 … 36500" },
	{ { "report", "due", "--days", "-1" }, "--days takes a whole number" },
	{ { "report", "all" }, "there is no command 'report all'" },
	{ { "review", "sign-off", "--note", "a\nb" }, "--note must be UTF-8 text without" },
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
	/* Also when the mistake comes before the option. */
	RUN(&r, W("frob"), W("--json"));
	assert_int_equal(r.code, 2);
	assert_string_equal(r.err, "");
	assert_non_null(strstr(r.out, "{\"error\":\"EUSAGE\""));
	run_free(&r);
	RUN(&r, W("status"), W("--bogus"), W("--json"));
	assert_string_equal(r.err, "");
	assert_non_null(strstr(r.out, "--bogus"));
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

static void test_help_in_japanese_has_no_english_sentence(void **state)
{
	static const char *const english[] = { "Usage", "Commands", "Options",  "Everywhere",
					       "Exit",  "default",  "required", " one of" };
	const struct desk_command *c;
	struct run r;

	(void)state;
	for (c = desk_commands; c->name; c++) {
		char *group = strdup(c->group ? c->group : c->name), *name = strdup(c->name);
		char *const one[] = { name, W("--help"), NULL };
		char *const two[] = { group, name, W("--help"), NULL };
		const struct desk_option *o;

		run_in(&r, KM_LANG_JA, c->group ? two : one);
		assert_int_equal(r.code, 0);
		assert_non_null(strstr(r.out, c->help_ja));
		for (o = c->options; o && o->name; o++) {
			assert_non_null(strstr(r.out, o->help_ja));
			assert_string_not_equal(o->help, o->help_ja);
		}
		for (size_t i = 0; i < sizeof(english) / sizeof(english[0]); i++)
			assert_null(strstr(r.out, english[i]));
		run_free(&r);
		free(group);
		free(name);
	}
	run_in(&r, KM_LANG_JA, (char *[]){ W("--help"), NULL });
	assert_non_null(strstr(r.out, "終了コード"));
	assert_null(strstr(r.out, "Exit"));
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
					     "/etc/sssd/sssd.conf", "/proc/4711/comm",
					     "/etc/pam.d/common-auth" };
	struct desk_finding f[DESK_FINDINGS];
	struct desk d;
	size_t i;

	(void)state;
	assert_non_null(mkdtemp(root));
	desk_init(&d);
	d.root = root;
	desk_findings(&d, f);
	assert_false(f[0].found || f[1].found || f[2].found || f[4].found);
	for (i = 0; i < 3; i++)
		put(root, paths[i], "fprintd\n");
	put(root, paths[3], "# auth sufficient pam_fprintd.so\nauth required pam_unix.so\n");
	desk_findings(&d, f);
	assert_true(f[0].found && f[1].found && f[2].found);
	assert_false(f[4].found); /* a comment is no line of a stack */
	put(root, paths[3], "auth [success=2 default=ignore] pam_fprintd.so max-tries=1\n");
	desk_findings(&d, f);
	assert_true(f[4].found);
	assert_non_null(strstr(f[4].text, "counts twice"));
	assert_string_equal(f[0].key, "fprintd-profile");
	for (i = 0; i < 4; i++) {
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

/* One that may be left out stands in brackets. */
static bool has_operands(const char *item, const char *operands)
{
	char text[64];

	if (*operands != '[')
		return !*operands || strstr(item, operands);
	snprintf(text, sizeof(text), ".Op Ar %.*s", (int)strlen(operands) - 2, operands + 1);
	return strstr(item, text);
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
		assert_true(has_operands(item, c->operands));
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
		cmocka_unit_test(test_help_in_japanese_has_no_english_sentence),
		cmocka_unit_test(test_version_and_completion_need_no_daemon),
		cmocka_unit_test(
		    test_config_check_accepts_an_absent_default_but_not_an_absent_named_file),
		cmocka_unit_test(test_config_check_names_file_and_line_of_a_mistake),
		cmocka_unit_test(test_status_without_a_daemon_still_says_what_is_on_this_machine),
		cmocka_unit_test(test_what_makes_one_finger_count_twice_is_found),
		cmocka_unit_test(test_the_manual_describes_every_command_and_option),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
