/*
 * C10 and C17: hostile text from every side leaves no mark on a terminal, a
 * table or a log; and what is secret is in no file. And the QR code says what
 * the screen says.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include "house_office.h"

static struct house_out o;       /* what the last command said */
static struct house_login seen;  /* the last login */
static char long_text[4096 + 1]; /* 4 KiB */

#define TELL(code, ...)                                                                            \
	do {                                                                                       \
		house_out_free(&o);                                                                \
		assert_int_equal(house_desk(h, &o, NULL, __VA_ARGS__, NULL), code);                \
	} while (0)

/* What must never be stored, let alone shown. */
static const char *const forged[] = {
	"a\nb",
	"a\rb",
	"\x1b[2J\x1b[31m",
	"a\tb",
	"a\x7f",
	"a\xc2\x9b"
	"b", /* C1 */
	"a\xe2\x80\xa8"
	"b", /* U+2028 */
	"a\xe2\x80\x8b"
	"b", /* zero width space */
	"\xe2\x80\xae"
	"txt.exe", /* right to left */
	"\xef\xbb\xbf"
	"a",            /* byte order mark */
	"a\xff",        /* no UTF-8 */
	"a\xc0\xaf",    /* overlong */
	"\xed\xa0\x80", /* a surrogate */
	long_text,
};
#define FORGED (sizeof(forged) / sizeof(forged[0]))

/* Ugly, but text: may be stored and must come back as it was. */
static const char *const ugly[] = {
	"../../etc/passwd",
	"=1+1",
	"+1",
	"@SUM(A1)",
	"a,b;c\"d'e",
	"%s%n%x",
	"$(id)`id`",
	"a=b c",
	"%00",
	"\\x1b[0m",
	"'; DROP TABLE x;",
	"<b>&amp;",
	"null",
	"[",
	"{\"a\"",
	"\\",
};
#define UGLY (sizeof(ugly) / sizeof(ugly[0]))

/* Nothing but lines of visible text. */
static void check_plain(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '\n')
			continue;
		assert_true(*c >= 0x20 && *c != 0x7f);
		assert_false(*c == 0xff);
	}
	for (size_t i = 0; i < FORGED; i++)
		assert_null(strstr(text, forged[i]));
}

static void check_all_plain(const struct house *h)
{
	char *log;

	TELL(0, "operator", "list");
	check_plain(o.out);
	TELL(0, "--json", "operator", "list");
	check_plain(o.out);
	TELL(0, "audit", "list", "--all");
	check_plain(o.out);
	TELL(0, "--json", "audit", "list", "--all");
	check_plain(o.out);
	log = house_log(h);
	assert_non_null(log);
	check_plain(log);
	free(log);
}

/* --- C10: at the desk ----------------------------------------------------------- */

static void test_c10_forged_text_in_any_argument_is_refused(void **state)
{
	/* The place of the text is NULL. */
	static const char *const commands[][12] = {
		{ "operator", "add", "", "--employee-number", "1", "--name", "N", "--department",
		  "D" },
		{ "operator", "add", "x", "--employee-number", "", "--name", "N", "--department",
		  "D" },
		{ "operator", "add", "x", "--employee-number", "1", "--name", "", "--department",
		  "D" },
		{ "operator", "add", "x", "--employee-number", "1", "--name", "N", "--department",
		  "" },
		{ "operator", "add", "x", "--employee-number", "1", "--name", "N", "--department",
		  "D", "--role", "" },
		{ "operator", "show", "" },
		{ "operator", "suspend", "daemon", "--reason", "" },
		{ "operator", "resume", "" },
		{ "operator", "rebind", "daemon", "--uid", "" },
		{ "enroll", "totp", "daemon", "--no-confirm", "--label", "" },
		{ "enroll", "recovery-codes", "" },
		{ "erase", "daemon", "--yes", "--reason", "" },
		{ "unlock", "" },
		{ "audit", "list", "--login", "" },
		{ "accept", "" },
		{ "", "list" },
	};
	const struct house *h = *state;

	assert_int_equal(office_add(h, "daemon", 1), KM_OK);
	for (size_t c = 0; c < sizeof(commands) / sizeof(commands[0]); c++) {
		for (size_t i = 0; i < FORGED; i++) {
			const char *a[12];

			for (unsigned n = 0; n < 12; n++)
				a[n] = commands[c][n] && !commands[c][n][0] ? forged[i]
									    : commands[c][n];
			TELL(2, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10]);
			assert_int_equal(o.out_len, 0);
			check_plain(o.err);
			assert_true(o.err_len < 2048 || forged[i] == long_text);
		}
	}
	TELL(0, "--json", "operator", "list");
	assert_string_equal(office_json(o.out, "$[1]"), "");
	check_all_plain(h);
}

static void test_c10_ugly_text_is_stored_and_shown_as_it_is(void **state)
{
	const struct house *h = *state;
	char number[64], path[32], login[16];

	for (size_t i = 0; i < UGLY; i++) {
		snprintf(number, sizeof(number), "%zu%s", i, ugly[i]);
		snprintf(login, sizeof(login), "ugly%zu", i);
		TELL(0, "operator", "add", login, "--employee-number", number, "--name", ugly[i],
		     "--department", ugly[i], "--uid", "4711");
		TELL(0, "operator", "suspend", login, "--reason", ugly[i]);
		TELL(0, "--json", "audit", "list", "--last", "1");
		assert_string_equal(office_json(o.out, "$[0].details.note"), ugly[i]);
		TELL(0, "enroll", "totp", login, "--no-confirm", "--label", ugly[i]);
	}
	TELL(0, "--json", "operator", "list");
	for (size_t i = 0; i < UGLY; i++) {
		snprintf(path, sizeof(path), "$[%zu].department", i);
		assert_string_equal(office_json(o.out, path), ugly[i]);
		snprintf(path, sizeof(path), "$[%zu].name", i);
		assert_string_equal(office_json(o.out, path), ugly[i]);
	}
	check_all_plain(h);
	TELL(0, "audit", "verify");
}

/* A desk of our own making is not bound to what the command line checks. */
static void test_c10_the_vault_refuses_forged_text_by_itself(void **state)
{
	const struct house *h = *state;
	uint8_t op[16] = { 1 };

	for (size_t i = 0; i < FORGED; i++) {
		struct km_msg m = { .number = KM_MSG_OPERATOR_ADD };
		struct msg_done done;

		snprintf(m.operator_add.login, sizeof(m.operator_add.login), "%s", forged[i]);
		snprintf(m.operator_add.employee_number, sizeof(m.operator_add.employee_number),
			 "E");
		snprintf(m.operator_add.name, sizeof(m.operator_add.name), "N");
		snprintf(m.operator_add.department, sizeof(m.operator_add.department), "D");
		m.operator_add.uid = -1;
		if (forged[i] == long_text) /* our own encoder cuts it to what fits: plain text */
			continue;
		assert_int_not_equal(office_do_as(h, &m, op, &done), KM_OK);
		office_close();
	}
	check_all_plain(h);
}

/* --- C10: at the door ------------------------------------------------------------- */

static void test_c10_forged_text_at_the_door_is_refused_and_written_down_escaped(void **state)
{
	static const char *const answers[] = { "000000", NULL };
	const struct house *h = *state;

	assert_true(office_totp_operator(h, "daemon", 1));
	for (size_t i = 0; i < FORGED; i++) {
		for (unsigned place = 0; place < 4; place++) {
			const char *text = forged[i];

			seen = (struct house_login){ .service = "one",
						     .user = place == 0 ? text : "daemon",
						     .tty = place == 1 ? text : NULL,
						     .rhost = place == 2 ? text : NULL,
						     .ruser = place == 3 ? text : NULL,
						     .answers = answers };
			assert_int_not_equal(house_login(h, &seen), PAM_SUCCESS);
		}
		assert_int_equal(office_unlock(h, "daemon"), KM_OK);
	}
	check_all_plain(h);
	TELL(0, "audit", "verify");
}

/* --- C17 ------------------------------------------------------------------------------ */

static void hunt_for(const struct house *h, const char *what, const void *bytes, size_t len)
{
	char where[HOUSE_PATH] = "";

	if (house_holds(h, bytes, len, where))
		fail_msg("%s is in %s", what, where);
}

static void hunt_for_text(const struct house *h, const char *text)
{
	hunt_for(h, text, text, strlen(text));
}

static void test_c17_no_secret_code_or_password_is_in_any_file_or_log(void **state)
{
	static const char *const debug[] = { "--debug", NULL };
	static const struct house_setup setup = { .extra = debug };
	static const char password[] = "canary-password-3141";
	const struct office_otp hotp = { .factor = KM_FACTOR_HOTP, .digits = 8 };
	char codes[KM_RECOVERY_CODES][KM_RECOVERY_LENGTH + 1], good[16], next[16];
	const char *answers[] = { password, "98765432", good, NULL };
	struct house *h = *state;

	house_end(h);
	assert_true(house_start(h, &setup));
	assert_true(house_stack(h, "one", "auth required KENMON debug\n"));
	assert_int_equal(office_add(h, "daemon", 1), KM_OK);
	assert_int_equal(office_enrol(h, "daemon", &hotp, NULL), KM_OK);
	assert_int_equal(office_recovery(h, "daemon", codes), KM_OK);
	house_hotp(good, OFFICE_SECRET, 8, 0);
	house_hotp(next, OFFICE_SECRET, 8, 1);
	assert_int_equal(office_talk(h, &seen, "one", "daemon", answers), PAM_SUCCESS);
	assert_int_equal(office_try(h, "daemon", codes[0]), PAM_SUCCESS);
	assert_int_not_equal(office_try(h, "daemon", codes[0]), PAM_SUCCESS);
	assert_int_not_equal(office_try(h, "daemon", good), PAM_SUCCESS);
	/* While they run, with everything in the logs of the databases; then after a crash; then
	 * after a clean stop. */
	for (unsigned i = 0; i < 3; i++) {
		hunt_for_text(h, OFFICE_SECRET);
		hunt_for_text(h, "12345678901234567890"); /* its bytes */
		hunt_for_text(h, "3132333435363738393031323334353637383930");
		hunt_for_text(h, password);
		hunt_for_text(h, "98765432");
		hunt_for_text(h, good);
		hunt_for_text(h, next);
		for (unsigned n = 0; n < KM_RECOVERY_CODES; n++)
			hunt_for_text(h, codes[n]);
		if (i == 0) {
			pid_t old = house_room(h, "kenmon-vault");

			assert_true(house_kill_room(h, "kenmon-vault", SIGKILL));
			assert_true(house_wait_room(h, "kenmon-vault", old) > 0);
		} else if (i == 1) {
			office_close();
			assert_true(house_stop(h));
		}
	}
	/* The hunt does find what is there. */
	assert_true(house_holds(h, "SQLite format 3", 15, NULL));
}

/* Who people are is sealed as well. */
static void test_c17_no_name_number_or_department_is_in_any_file(void **state)
{
	const struct house *h = *state;

	TELL(0, "operator", "add", "canary-login", "--employee-number", "canary-number", "--name",
	     "花子 canary-name", "--department", "canary-department", "--uid", "1");
	TELL(0, "operator", "suspend", "canary-login", "--reason", "canary-reason");
	hunt_for_text(h, "canary-login");
	hunt_for_text(h, "canary-number");
	hunt_for_text(h, "canary-name");
	hunt_for_text(h, "花子");
	hunt_for_text(h, "canary-department");
}

/* --- the QR code ------------------------------------------------------------------------ */

/* The key that is shown, in groups of four, is the one in the uri. */
static void check_key(const char *output, const char *uri)
{
	const char *shown = strstr(output, "Key: "), *secret = strstr(uri, "secret=");
	size_t left;

	assert_non_null(shown);
	assert_non_null(secret);
	secret += strlen("secret=");
	left = strcspn(secret, "&");
	assert_true(left >= 32);
	for (shown += strlen("Key: "); left > 0; shown++) {
		if (*shown == ' ')
			continue;
		assert_int_equal(*shown, *secret++);
		left--;
	}
	assert_true(*shown == '\r' || *shown == '\n');
}

/* What a telephone reads in this output; the uri as it is printed is in uri. */
static void check_qr(const struct house *h, const char *output)
{
	const char *from = strstr(output, "otpauth://totp/kenmon:daemon");
	char path[HOUSE_PATH + 8], command[4 * HOUSE_PATH], uri[512];
	const char *const argv[] = { "sh", "-c", command, NULL };
	struct house_out read = { 0 };
	FILE *f;

	assert_non_null(from);
	snprintf(uri, sizeof(uri), "%.*s\n", (int)strcspn(from, "\r\n"), from);
	snprintf(path, sizeof(path), "%s/qr", h->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(output, f) >= 0);
	assert_int_equal(fclose(f), 0);
	snprintf(
	    command, sizeof(command),
	    "tr -d '\\r' <%s | tests/system/blocks_to_pgm >%s.pgm && zbarimg --quiet --raw %s.pgm",
	    path, path, path);
	assert_int_equal(house_run(&read, -1, NULL, argv), 0);
	assert_string_equal(read.out, uri);
	check_key(output, uri);
	house_out_free(&read);
}

static void test_the_qr_code_holds_the_uri_that_is_shown(void **state)
{
	const struct house *h = *state;

	assert_int_equal(office_add(h, "daemon", 1), KM_OK);
	TELL(0, "enroll", "totp", "daemon", "--no-confirm", "--qr", "always");
	check_qr(h, o.out);
	TELL(0, "enroll", "totp", "daemon", "--no-confirm", "--qr", "always", "--algorithm",
	     "sha512", "--digits", "8", "--period", "60", "--label", "電話 2");
	check_qr(h, o.out);
	/* Where nobody looks at a screen there is none. */
	TELL(0, "enroll", "totp", "daemon", "--no-confirm");
	assert_null(strstr(o.out, "█"));
}

static void test_the_qr_code_on_a_terminal_is_read_too(void **state)
{
	const struct house *h = *state;
	char command[4 * HOUSE_PATH];
	const char *const argv[] = { "script", "-qec", command, "/dev/null", NULL };

	assert_int_equal(office_add(h, "daemon", 1), KM_OK);
	snprintf(command, sizeof(command), "%s/kenmon --socket %s enroll totp daemon --no-confirm",
		 h->bin, h->socket);
	house_out_free(&o);
	assert_int_equal(house_run(&o, -1, NULL, argv), 0);
	assert_non_null(strstr(o.out, "█"));
	check_qr(h, o.out);
}

static int setup(void **state)
{
	memset(long_text, 'a', sizeof(long_text) - 1);
	return office_setup(state);
}

#define HOUSE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, office_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOUSE_TEST(test_c10_forged_text_in_any_argument_is_refused),
		HOUSE_TEST(test_c10_ugly_text_is_stored_and_shown_as_it_is),
		HOUSE_TEST(test_c10_the_vault_refuses_forged_text_by_itself),
		HOUSE_TEST(test_c10_forged_text_at_the_door_is_refused_and_written_down_escaped),
		HOUSE_TEST(test_c17_no_secret_code_or_password_is_in_any_file_or_log),
		HOUSE_TEST(test_c17_no_name_number_or_department_is_in_any_file),
		HOUSE_TEST(test_the_qr_code_holds_the_uri_that_is_shown),
		HOUSE_TEST(test_the_qr_code_on_a_terminal_is_read_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
