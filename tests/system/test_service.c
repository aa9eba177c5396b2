/* What a PAM service or a site may choose: one field, language, factors, tries, order. */
#include <setjmp.h>
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

#define DAEMON_UID 1
#define PASSWORD   "correct horse" /* of tests/pam/password.so, for everybody */

static struct house_login seen; /* the last login */

static int talk(const struct house *h, const char *service, const char *a, const char *b)
{
	const char *const answers[] = { a, b, NULL };

	return office_talk(h, &seen, service, "daemon", answers);
}

/* The house of this test, with these lines of configuration. */
static struct house *house_with(void **state, const char *config)
{
	struct house *h = *state;

	house_end(h);
	assert_true(office_house(h, config));
	return h;
}

/* --- one field for password and code ---------------------------------------- */

static void split_stack(const struct house *h, const char *options)
{
	char program[HOUSE_PATH + 64], text[3 * HOUSE_PATH], *slash;
	ssize_t n = readlink("/proc/self/exe", program, HOUSE_PATH);

	assert_true(n > 0);
	program[n] = '\0';
	slash = strstr(program, "/tests/system/");
	assert_non_null(slash);
	memcpy(slash, "/tests/pam/password.so", sizeof("/tests/pam/password.so"));
	snprintf(text, sizeof(text),
		 "auth optional KENMON %s\nauth required %s\nauth required KENMON\n", options,
		 program);
	assert_true(house_stack(h, "split", text));
}

/* C22 */
static void test_one_field_takes_password_and_code(void **state)
{
	const struct house *h = *state;
	char code[16], both[64];

	split_stack(h, "split=6");
	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	house_totp(code, OFFICE_SECRET, 0);
	snprintf(both, sizeof(both), "%s%s", PASSWORD, code);
	assert_int_equal(talk(h, "split", both, NULL), PAM_SUCCESS);
	assert_int_equal(seen.prompts, 1);
	assert_string_equal(seen.prompt[0], "Password, and the one-time code right after it: ");
	assert_int_equal(seen.prompt_style[0], PAM_PROMPT_ECHO_OFF);
	/* A replay in one field is a replay. */
	assert_int_not_equal(talk(h, "split", both, NULL), PAM_SUCCESS);
	assert_int_equal(office_audited(h, KM_EVENT_REPLAYED, "daemon", NULL), 1);
}

/* C22 */
static void test_one_field_with_either_part_wrong_opens_nothing(void **state)
{
	const struct house *h = *state;
	char code[16], both[64];

	split_stack(h, "split=6");
	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	house_totp(code, OFFICE_SECRET, 0);
	snprintf(both, sizeof(both), "%s000000", PASSWORD);
	assert_int_not_equal(talk(h, "split", both, NULL), PAM_SUCCESS);
	assert_int_not_equal(talk(h, "split", code, NULL), PAM_SUCCESS);
	assert_int_not_equal(talk(h, "split", "", NULL), PAM_SUCCESS);
	snprintf(both, sizeof(both), "wrong%s", code);
	assert_int_not_equal(talk(h, "split", both, NULL), PAM_SUCCESS);
	assert_int_equal(office_audited(h, KM_EVENT_SESSION_OPENED, NULL, NULL), 0);
}

/* C22: who types the password alone is asked for the code. */
static void test_one_field_with_the_password_alone_asks_for_the_code(void **state)
{
	const struct house *h = *state;
	char code[16];

	split_stack(h, "split=6");
	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(talk(h, "split", PASSWORD, code), PAM_SUCCESS);
	assert_int_equal(seen.prompts, 2);
	assert_string_equal(seen.prompt[1], "One-time code: ");
}

/* --- languages ---------------------------------------------------------------- */

static void test_the_module_speaks_japanese_where_the_stack_says_so(void **state)
{
	const struct house *h = *state;

	assert_true(house_stack(h, "ja", "auth required KENMON lang=ja\n"));
	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	assert_int_not_equal(talk(h, "ja", "000000", NULL), PAM_SUCCESS);
	assert_string_equal(seen.prompt[0], "ワンタイムコード: ");
	assert_string_equal(seen.message[0], "コードが正しくありません。");
	assert_int_not_equal(talk(h, NULL, "000000", NULL), PAM_SUCCESS);
	assert_string_equal(seen.prompt[0], "One-time code: ");
}

static void test_a_japanese_site_is_japanese_unless_the_stack_says_otherwise(void **state)
{
	struct house *h = house_with(state, "[site]\nlanguage = ja\n");

	assert_true(house_stack(h, "en", "auth required KENMON lang=en\n"));
	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	for (unsigned i = 0; i < 4; i++)
		assert_int_not_equal(talk(h, NULL, "000000", NULL), PAM_SUCCESS);
	assert_string_equal(seen.prompt[0], "ワンタイムコード: ");
	assert_int_equal(talk(h, NULL, "000000", NULL), PAM_MAXTRIES);
	assert_string_equal(seen.message[seen.messages - 1],
			    "コードの誤りが続いたため、30 秒待つか、管理者に連絡してください。");
	assert_int_equal(talk(h, "en", "000000", NULL), PAM_MAXTRIES);
	assert_string_equal(seen.prompt[0], "One-time code: ");
}

/* --- what a service asks ---------------------------------------------------------- */

static void test_a_service_for_recovery_codes_takes_nothing_else(void **state)
{
	struct house *h = house_with(state, "[service spare]\nfactors = recovery\n");
	char codes[KM_RECOVERY_CODES][KM_RECOVERY_LENGTH + 1], code[16];

	assert_true(house_stack(h, "spare", "auth required KENMON\n"));
	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	assert_int_equal(office_recovery(h, "daemon", codes), KM_OK);
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_not_equal(talk(h, "spare", code, NULL), PAM_SUCCESS);
	assert_string_equal(seen.prompt[0], "Recovery code: ");
	assert_int_equal(seen.prompt_style[0], PAM_PROMPT_ECHO_OFF);
	assert_int_equal(talk(h, "spare", codes[0], NULL), PAM_SUCCESS);
	/* The digits were never judged there. */
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
}

static void test_a_service_for_totp_takes_no_recovery_code(void **state)
{
	struct house *h = house_with(state, "[service strict]\nfactors = totp\n");
	const struct office_otp hotp = { .factor = KM_FACTOR_HOTP, .secret = OFFICE_OTHER };
	char codes[KM_RECOVERY_CODES][KM_RECOVERY_LENGTH + 1], code[16];
	struct msg_credential_row row;

	assert_true(house_stack(h, "strict", "auth required KENMON\n"));
	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	assert_int_equal(office_enrol(h, "daemon", &hotp, NULL), KM_OK);
	assert_int_equal(office_recovery(h, "daemon", codes), KM_OK);
	assert_int_not_equal(talk(h, "strict", codes[0], NULL), PAM_SUCCESS);
	assert_true(office_credential(h, "daemon", KM_FACTOR_RECOVERY, &row));
	assert_int_equal(row.left, KM_RECOVERY_CODES);
	house_hotp(code, OFFICE_OTHER, 6, 0);
	assert_int_not_equal(talk(h, "strict", code, NULL), PAM_SUCCESS);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_HOTP), 0);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_TOTP), 1);
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(talk(h, "strict", code, NULL), PAM_SUCCESS);
}

static void test_a_service_has_its_own_number_of_tries(void **state)
{
	static const char *const wrong[] = { "000000", "000000", "000000", NULL };
	struct house *h = house_with(state, "[service two]\ntries = 2\n");

	assert_true(house_stack(h, "two", "auth required KENMON\n"));
	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	assert_int_equal(office_talk(h, &seen, "two", "daemon", wrong), PAM_AUTH_ERR);
	assert_int_equal(seen.prompts, 2);
	assert_int_equal(office_talk(h, &seen, NULL, "daemon", wrong), PAM_MAXTRIES);
	assert_int_equal(seen.prompts, 3);
}

/* --- two steps ----------------------------------------------------------------------- */

static struct house *two_steps(void **state)
{
	struct house *h = house_with(state, "[service twice]\nfactors = totp recovery\n");

	assert_true(house_stack(h, "twice", "auth required KENMON\n"));
	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	return h;
}

static void test_two_steps_ask_for_two_codes_and_open_with_both(void **state)
{
	struct house *h = two_steps(state);
	char codes[KM_RECOVERY_CODES][KM_RECOVERY_LENGTH + 1], code[16];

	assert_int_equal(office_recovery(h, "daemon", codes), KM_OK);
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(talk(h, "twice", code, codes[0]), PAM_SUCCESS);
	assert_int_equal(seen.prompts, 2);
	assert_string_equal(seen.prompt[0], "One-time code: ");
	assert_string_equal(seen.prompt[1], "Recovery code: ");
	assert_int_equal(seen.messages, 0);
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_ALLOWED, "daemon", NULL), 1);
}

static void test_one_of_two_steps_opens_nothing(void **state)
{
	struct house *h = two_steps(state);
	char codes[KM_RECOVERY_CODES][KM_RECOVERY_LENGTH + 1], code[16];

	assert_int_equal(office_recovery(h, "daemon", codes), KM_OK);
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_not_equal(talk(h, "twice", code, NULL), PAM_SUCCESS);
	assert_int_not_equal(talk(h, "twice", codes[0], NULL), PAM_SUCCESS);
	assert_int_not_equal(talk(h, "twice", codes[0], codes[1]), PAM_SUCCESS);
	/* The code was used up by the first step, and a second step alone is none. */
	assert_int_not_equal(talk(h, "twice", code, codes[0]), PAM_SUCCESS);
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_ALLOWED, NULL, NULL), 0);
}

static void test_two_steps_with_one_factor_enrolled_open_nothing(void **state)
{
	struct house *h = two_steps(state);
	char code[16];

	house_totp(code, OFFICE_SECRET, 0);
	assert_int_not_equal(talk(h, "twice", code, "AAAAAAAAAAAAAAAA"), PAM_SUCCESS);
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_ALLOWED, NULL, NULL), 0);
}

#define HOUSE_TEST(f) cmocka_unit_test_setup_teardown(f, office_setup, office_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOUSE_TEST(test_one_field_takes_password_and_code),
		HOUSE_TEST(test_one_field_with_either_part_wrong_opens_nothing),
		HOUSE_TEST(test_one_field_with_the_password_alone_asks_for_the_code),
		HOUSE_TEST(test_the_module_speaks_japanese_where_the_stack_says_so),
		HOUSE_TEST(test_a_japanese_site_is_japanese_unless_the_stack_says_otherwise),
		HOUSE_TEST(test_a_service_for_recovery_codes_takes_nothing_else),
		HOUSE_TEST(test_a_service_for_totp_takes_no_recovery_code),
		HOUSE_TEST(test_a_service_has_its_own_number_of_tries),
		HOUSE_TEST(test_two_steps_ask_for_two_codes_and_open_with_both),
		HOUSE_TEST(test_one_of_two_steps_opens_nothing),
		HOUSE_TEST(test_two_steps_with_one_factor_enrolled_open_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
