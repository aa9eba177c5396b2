/* Logins with codes: real libpam, real rooms, codes from oathtool. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include "house_office.h"

#define DAEMON_UID 1
#define BIN_UID    2
#define GAMES_UID  5

static struct house_login seen; /* the last login; 40 KiB */

static int talk(const struct house *h, const char *login, const char *a, const char *b,
		const char *c)
{
	const char *const answers[] = { a, b, c, NULL };

	return office_talk(h, &seen, NULL, login, answers);
}

/* RFC 6238's seeds: as long as the hash. */
#define SECRET_32 "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA"
#define SECRET_64                                                                                  \
	"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBV" \
	"GY3TQOJQGEZDGNA"

static void test_totp_codes_of_every_hash_and_length_open(void **state)
{
	static const struct {
		enum km_algorithm algorithm;
		const char *mode, *secret;
	} hash[] = {
		{ KM_SHA1, "sha1", OFFICE_SECRET },
		{ KM_SHA256, "sha256", SECRET_32 },
		{ KM_SHA512, "sha512", SECRET_64 },
	};
	const struct house *h = *state;

	assert_int_equal(office_add(h, "daemon", DAEMON_UID), KM_OK);
	for (unsigned i = 0; i < 9; i++) {
		struct office_otp otp = { .algorithm = hash[i / 3].algorithm,
					  .secret = hash[i / 3].secret,
					  .digits = 6 + i % 3 };
		uint64_t id;
		char code[16];

		assert_int_equal(office_enrol(h, "daemon", &otp, &id), KM_OK);
		house_totp_of(code, otp.secret, hash[i / 3].mode, otp.digits, 0);
		assert_int_equal(strlen(code), otp.digits);
		assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
		assert_int_equal(office_remove(h, "daemon", id), KM_OK);
	}
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_ALLOWED, "daemon", "factor=totp"), 9);
}

static void test_one_step_early_or_late_opens_and_two_do_not(void **state)
{
	const struct house *h = *state;
	char early[16], late[16], far[16];

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	assert_true(office_totp_operator(h, "bin", BIN_UID));
	house_quiet_step(4);
	house_totp(far, OFFICE_SECRET, -60);
	house_totp(early, OFFICE_SECRET, -30);
	house_totp(late, OFFICE_SECRET, 30);
	assert_int_equal(office_try(h, "daemon", far), PAM_AUTH_ERR);
	assert_int_equal(office_try(h, "daemon", early), PAM_SUCCESS);
	house_totp(far, OFFICE_SECRET, 60);
	assert_int_equal(office_try(h, "bin", far), PAM_AUTH_ERR);
	assert_int_equal(office_try(h, "bin", late), PAM_SUCCESS);
}

static void test_a_code_from_before_the_last_accepted_one_is_refused(void **state)
{
	const struct house *h = *state;
	char now[16], before[16];

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	house_quiet_step(4);
	house_totp(before, OFFICE_SECRET, -30);
	house_totp(now, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "daemon", now), PAM_SUCCESS);
	assert_int_equal(office_try(h, "daemon", before), PAM_AUTH_ERR);
}

static void test_hotp_codes_open_in_order_and_up_to_ten_ahead(void **state)
{
	const struct office_otp otp = { .factor = KM_FACTOR_HOTP, .digits = 8, .counter = 7 };
	const struct house *h = *state;
	char code[16];

	assert_int_equal(office_add(h, "daemon", DAEMON_UID), KM_OK);
	assert_int_equal(office_enrol(h, "daemon", &otp, NULL), KM_OK);
	house_hotp(code, OFFICE_SECRET, 8, 6);
	assert_int_equal(office_try(h, "daemon", code), PAM_AUTH_ERR);
	house_hotp(code, OFFICE_SECRET, 8, 7);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
	house_hotp(code, OFFICE_SECRET, 8, 8 + 11);
	assert_int_equal(office_try(h, "daemon", code), PAM_AUTH_ERR);
	house_hotp(code, OFFICE_SECRET, 8, 8 + 10);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
	/* What was skipped is gone. */
	house_hotp(code, OFFICE_SECRET, 8, 8 + 9);
	assert_int_equal(office_try(h, "daemon", code), PAM_AUTH_ERR);
	house_hotp(code, OFFICE_SECRET, 8, 8 + 11);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
}

static void test_a_recovery_code_opens_once_however_it_is_written(void **state)
{
	char codes[KM_RECOVERY_CODES][KM_RECOVERY_LENGTH + 1], typed[64];
	const struct house *h = *state;
	struct msg_credential_row row;

	assert_int_equal(office_add(h, "daemon", DAEMON_UID), KM_OK);
	assert_int_equal(office_recovery(h, "daemon", codes), KM_OK);
	assert_int_equal(office_try(h, "daemon", codes[0]), PAM_SUCCESS);
	assert_int_equal(office_try(h, "daemon", codes[0]), PAM_AUTH_ERR);
	snprintf(typed, sizeof(typed), "%.4s-%.4s-%.4s-%.4s", codes[1], codes[1] + 4, codes[1] + 8,
		 codes[1] + 12);
	assert_int_equal(office_try(h, "daemon", typed), PAM_SUCCESS);
	snprintf(typed, sizeof(typed), "%.4s %.4s %.4s %.4s", codes[2], codes[2] + 4, codes[2] + 8,
		 codes[2] + 12);
	for (char *c = typed; *c; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
	assert_int_equal(office_try(h, "daemon", typed), PAM_SUCCESS);
	assert_int_equal(office_try(h, "daemon", codes[2]), PAM_AUTH_ERR);
	assert_true(office_credential(h, "daemon", KM_FACTOR_RECOVERY, &row));
	assert_int_equal(row.left, KM_RECOVERY_CODES - 3);
	assert_int_equal(row.fails, 0);
	assert_int_equal(office_audited(h, KM_EVENT_REPLAYED, "daemon", "factor=recovery"), 2);
}

static void test_new_recovery_codes_make_the_old_ones_worthless(void **state)
{
	char old[KM_RECOVERY_CODES][KM_RECOVERY_LENGTH + 1];
	char codes[KM_RECOVERY_CODES][KM_RECOVERY_LENGTH + 1];
	const struct house *h = *state;

	assert_int_equal(office_add(h, "daemon", DAEMON_UID), KM_OK);
	assert_int_equal(office_recovery(h, "daemon", old), KM_OK);
	assert_int_equal(office_recovery(h, "daemon", codes), KM_OK);
	assert_int_equal(office_try(h, "daemon", old[0]), PAM_AUTH_ERR);
	assert_int_equal(office_try(h, "daemon", codes[0]), PAM_SUCCESS);
}

static void test_a_right_code_after_a_wrong_one_opens_in_the_same_login(void **state)
{
	const struct house *h = *state;
	char code[16];

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(talk(h, "daemon", "000000", code, NULL), PAM_SUCCESS);
	assert_int_equal(seen.prompts, 2);
	assert_string_equal(seen.prompt[0], "One-time code: ");
	assert_string_equal(seen.prompt[1], "One-time code: ");
	assert_int_equal(seen.messages, 1);
	assert_string_equal(seen.message[0], "That code is not right.");
	assert_int_equal(seen.message_style[0], PAM_ERROR_MSG);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_TOTP), 0);
}

static void test_three_wrong_codes_end_the_login(void **state)
{
	const struct house *h = *state;
	char code[16];

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	assert_int_equal(talk(h, "daemon", "000000", "111111", "222222"), PAM_AUTH_ERR);
	assert_int_equal(seen.prompts, 3);
	assert_string_equal(seen.message[seen.messages - 1], "Login refused.");
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_TOTP), 3);
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
}

static void test_a_replayed_code_is_refused_audited_and_not_counted(void **state)
{
	const struct house *h = *state;
	char code[16];

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(office_try(h, "daemon", code), PAM_AUTH_ERR);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_TOTP), 0);
	assert_int_equal(office_audited(h, KM_EVENT_REPLAYED, "daemon", NULL), 7);
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_ALLOWED, "daemon", NULL), 1);
}

static void test_a_code_is_good_once_whatever_service_it_is_typed_at(void **state)
{
	const struct house *h = *state;
	char code[16];

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(talk(h, "daemon", code, NULL, NULL), PAM_SUCCESS);
	assert_int_equal(office_try(h, "daemon", code), PAM_AUTH_ERR);
}

static void test_a_code_that_opened_stays_used_after_a_restart(void **state)
{
	struct house *h = *state;
	char code[16];

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
	assert_int_equal(office_try(h, "daemon", "000000"), PAM_AUTH_ERR);
	assert_true(house_stop(h));
	assert_true(house_again(h));
	assert_int_equal(office_try(h, "daemon", code), PAM_AUTH_ERR);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_TOTP), 1);
}

static void test_what_cannot_be_a_code_is_asked_again_and_not_counted(void **state)
{
	const struct house *h = *state;
	char code[16];

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(talk(h, "daemon", "correct horse", "12345", code), PAM_SUCCESS);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_TOTP), 0);
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_REFUSED, NULL, NULL), 0);
}

/* C5 */
static void test_only_the_credential_that_was_used_moves(void **state)
{
	const struct office_otp hotp = { .factor = KM_FACTOR_HOTP, .secret = OFFICE_OTHER };
	char codes[KM_RECOVERY_CODES][KM_RECOVERY_LENGTH + 1], totp[16], first[16];
	const struct house *h = *state;
	struct msg_credential_row row;

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	assert_int_equal(office_enrol(h, "daemon", &hotp, NULL), KM_OK);
	assert_int_equal(office_recovery(h, "daemon", codes), KM_OK);
	/* A wrong code counts against whatever it could have been meant for. */
	assert_int_equal(office_try(h, "daemon", "000000"), PAM_AUTH_ERR);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_TOTP), 1);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_HOTP), 1);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_RECOVERY), 0);
	house_totp(totp, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "daemon", totp), PAM_SUCCESS);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_TOTP), 0);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_HOTP), 1);
	assert_true(office_credential(h, "daemon", KM_FACTOR_HOTP, &row));
	assert_int_equal(row.last_used, 0);
	/* A wrong recovery code is no guess at digits. */
	assert_int_equal(office_try(h, "daemon", "AAAAAAAAAAAAAAAA"), PAM_AUTH_ERR);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_TOTP), 0);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_HOTP), 1);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_RECOVERY), 1);
	house_hotp(first, OFFICE_OTHER, 6, 0);
	assert_int_equal(office_try(h, "daemon", first), PAM_SUCCESS);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_HOTP), 0);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_RECOVERY), 1);
	assert_true(office_credential(h, "daemon", KM_FACTOR_RECOVERY, &row));
	assert_int_equal(row.left, KM_RECOVERY_CODES);
}

static void test_a_removed_credential_opens_nothing(void **state)
{
	const struct office_otp otp = { .factor = KM_FACTOR_HOTP };
	const struct house *h = *state;
	uint64_t id;
	char code[16];

	assert_int_equal(office_add(h, "daemon", DAEMON_UID), KM_OK);
	assert_int_equal(office_enrol(h, "daemon", &otp, &id), KM_OK);
	assert_int_equal(office_remove(h, "daemon", id), KM_OK);
	house_hotp(code, OFFICE_SECRET, 6, 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_AUTH_ERR);
}

static void test_another_operators_code_opens_nothing(void **state)
{
	const struct office_otp other = { .secret = OFFICE_OTHER };
	const struct house *h = *state;
	char code[16];

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	assert_int_equal(office_add(h, "games", GAMES_UID), KM_OK);
	assert_int_equal(office_enrol(h, "games", &other, NULL), KM_OK);
	house_totp(code, OFFICE_OTHER, 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_AUTH_ERR);
	assert_int_equal(office_try(h, "games", code), PAM_SUCCESS);
}

static void test_account_and_sessions_follow_a_login_and_are_written_down(void **state)
{
	const char *answers[] = { NULL, NULL };
	const struct house *h = *state;
	char code[16];

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	house_totp(code, OFFICE_SECRET, 0);
	answers[0] = code;
	seen = (struct house_login){ .user = "daemon",
				     .answers = answers,
				     .tty = "tty1",
				     .account = true,
				     .session = true };
	assert_int_equal(house_login(h, &seen), PAM_SUCCESS);
	assert_int_equal(seen.acct, PAM_SUCCESS);
	assert_int_equal(seen.opened, PAM_SUCCESS);
	assert_int_equal(seen.closed, PAM_SUCCESS);
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_ALLOWED, "daemon", "tty=tty1"), 1);
	assert_int_equal(office_audited(h, KM_EVENT_SESSION_OPENED, "daemon", "tty=tty1"), 1);
	assert_int_equal(office_audited(h, KM_EVENT_SESSION_CLOSED, "daemon", NULL), 1);
}

#define HOUSE_TEST(f) cmocka_unit_test_setup_teardown(f, office_setup, office_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOUSE_TEST(test_totp_codes_of_every_hash_and_length_open),
		HOUSE_TEST(test_one_step_early_or_late_opens_and_two_do_not),
		HOUSE_TEST(test_a_code_from_before_the_last_accepted_one_is_refused),
		HOUSE_TEST(test_hotp_codes_open_in_order_and_up_to_ten_ahead),
		HOUSE_TEST(test_a_recovery_code_opens_once_however_it_is_written),
		HOUSE_TEST(test_new_recovery_codes_make_the_old_ones_worthless),
		HOUSE_TEST(test_a_right_code_after_a_wrong_one_opens_in_the_same_login),
		HOUSE_TEST(test_three_wrong_codes_end_the_login),
		HOUSE_TEST(test_a_replayed_code_is_refused_audited_and_not_counted),
		HOUSE_TEST(test_a_code_is_good_once_whatever_service_it_is_typed_at),
		HOUSE_TEST(test_a_code_that_opened_stays_used_after_a_restart),
		HOUSE_TEST(test_what_cannot_be_a_code_is_asked_again_and_not_counted),
		HOUSE_TEST(test_only_the_credential_that_was_used_moves),
		HOUSE_TEST(test_a_removed_credential_opens_nothing),
		HOUSE_TEST(test_another_operators_code_opens_nothing),
		HOUSE_TEST(test_account_and_sessions_follow_a_login_and_are_written_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
