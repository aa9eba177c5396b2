/* Enrolling, listing, removing, resynchronising: the desk's commands on factors, real rooms. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include "house_office.h"

static struct house_out o; /* what the last command said */

#define DESK(code, ...)                                                                            \
	do {                                                                                       \
		house_out_free(&o);                                                                \
		assert_int_equal(house_desk(h, &o, NULL, "--json", __VA_ARGS__, NULL), code);      \
	} while (0)
/* With standard input, for people. */
#define TELL(code, input, ...)                                                                     \
	do {                                                                                       \
		house_out_free(&o);                                                                \
		assert_int_equal(house_desk(h, &o, input, __VA_ARGS__, NULL), code);               \
	} while (0)
#define JSON(path, value) assert_string_equal(office_json(o.out, path), value)
#define ERRS(text)        assert_non_null(strstr(o.err, text))

/* Nothing of an enrolment is left: no credential, no record of one. */
static void check_nothing_stored(const struct house *h)
{
	DESK(0, "credential", "list", "daemon");
	JSON("$", "[]");
	assert_int_equal(office_audited(h, KM_EVENT_ENROLLED, NULL, NULL), 0);
}

/* --- importing a secret ------------------------------------------------------ */

static void test_a_secret_is_imported_from_a_file_in_base32_or_hex(void **state)
{
	static const char *const written[] = {
		OFFICE_SECRET,
		"gezd gnbv gy3t qojq gezd gnbv gy3t qojq\n",
		"GEZD-GNBV-GY3T-QOJQ-GEZD-GNBV-GY3T-QOJQ",
		"hex:3132333435363738393031323334353637383930",
		" hex:31 32 33 34 35 36 37 38 39 30 31 32 33 34 35 36 37 38 39 30\r\n",
	};
	const struct house *h = *state;
	char path[HOUSE_PATH + 16], code[16], id[24];

	snprintf(path, sizeof(path), "%s/secret", h->dir);
	assert_int_equal(office_add(h, "daemon", 1), KM_OK);
	for (unsigned i = 0; i < sizeof(written) / sizeof(written[0]); i++) {
		FILE *f = fopen(path, "w");

		assert_non_null(f);
		fputs(written[i], f);
		assert_int_equal(fclose(f), 0);
		DESK(0, "enroll", "hotp", "daemon", "--secret-file", path, "--no-confirm");
		JSON("$.secret", ""); /* what was brought along is never shown */
		snprintf(id, sizeof(id), "%s", office_json(o.out, "$.id"));
		house_hotp(code, OFFICE_SECRET, 6, 0);
		assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
		DESK(0, "credential", "remove", "daemon", id);
	}
}

static void test_a_secret_is_imported_from_standard_input(void **state)
{
	const struct house *h = *state;
	char code[16];

	assert_int_equal(office_add(h, "daemon", 1), KM_OK);
	TELL(0, OFFICE_SECRET "\n", "enroll", "totp", "daemon", "--secret-file", "-",
	     "--no-confirm");
	ERRS("nobody has checked");
	assert_null(strstr(o.out, "GEZD"));
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
}

static void test_secrets_that_are_none_are_refused_and_never_repeated(void **state)
{
	static const char *const bad[] = {
		"",
		"GEZDGNBVGY3TQOJ1GEZDGNBVGY3TQOJQ", /* a 1 */
		"GEZDGNBVGY3TQOJQ",                 /* 80 bits */
		"hex:zz",
		"hex:313",
		"hex:",
		"otpauth://totp/x?secret=" OFFICE_SECRET,
		"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
		"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
	};
	const struct house *h = *state;

	assert_int_equal(office_add(h, "daemon", 1), KM_OK);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		TELL(1, bad[i], "enroll", "totp", "daemon", "--secret-file", "-", "--no-confirm");
		assert_null(strstr(o.err, "GEZD"));
		assert_null(strstr(o.out, "GEZD"));
	}
	TELL(1, NULL, "enroll", "totp", "daemon", "--secret-file", "/nonexistent", "--no-confirm");
	TELL(1, NULL, "enroll", "totp", "daemon", "--secret-file", h->dir, "--no-confirm");
	check_nothing_stored(h);
}

/* C2: what is named is a file, and not something that hangs or goes elsewhere. */
static void test_a_fifo_or_a_device_in_the_place_of_a_secret_is_refused_at_once(void **state)
{
	const struct house *h = *state;
	char path[HOUSE_PATH + 16];

	assert_int_equal(office_add(h, "daemon", 1), KM_OK);
	snprintf(path, sizeof(path), "%s/fifo", h->dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	TELL(1, NULL, "enroll", "totp", "daemon", "--secret-file", path, "--no-confirm");
	ERRS("not a regular file");
	TELL(1, NULL, "enroll", "totp", "daemon", "--secret-file", "/dev/zero", "--no-confirm");
	ERRS("not a regular file");
	check_nothing_stored(h);
}

/* --- making one ----------------------------------------------------------------- */

static void test_a_secret_that_the_desk_makes_works_and_is_as_long_as_its_hash(void **state)
{
	static const struct {
		const char *name;
		size_t characters;
	} hash[] = { { "sha1", 32 }, { "sha256", 52 }, { "sha512", 103 } };
	const struct house *h = *state;
	char secret[128], code[16], uri[512];

	assert_int_equal(office_add(h, "daemon", 1), KM_OK);
	for (unsigned i = 0; i < 3; i++) {
		DESK(0, "enroll", "totp", "daemon", "--algorithm", hash[i].name, "--digits", "8",
		     "--no-confirm");
		JSON("$.confirmed", "0");
		snprintf(secret, sizeof(secret), "%s", office_json(o.out, "$.secret"));
		assert_int_equal(strlen(secret), hash[i].characters);
		snprintf(uri, sizeof(uri), "otpauth://totp/kenmon:daemon?secret=%s&issuer=kenmon",
			 secret);
		assert_int_equal(strncmp(office_json(o.out, "$.uri"), uri, strlen(uri)), 0);
		house_totp_of(code, secret, hash[i].name, 8, 0);
		assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
		assert_false(house_holds(h, secret, strlen(secret), NULL));
	}
}

static void test_options_of_enroll_are_checked(void **state)
{
	static const char *const bad[][2] = {
		{ "--digits", "5" },      { "--digits", "9" },         { "--digits", "six" },
		{ "--period", "0" },      { "--period", "14" },        { "--period", "301" },
		{ "--algorithm", "md5" }, { "--algorithm", "SHA-1 " }, { "--qr", "perhaps" },
		{ "--counter", "0" },
	};
	const struct house *h = *state;

	assert_int_equal(office_add(h, "daemon", 1), KM_OK);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		DESK(2, "enroll", "totp", "daemon", "--no-confirm", bad[i][0], bad[i][1]);
		JSON("$.error", "EUSAGE");
	}
	DESK(2, "enroll", "hotp", "daemon", "--no-confirm", "--algorithm", "sha256");
	DESK(2, "enroll", "hotp", "daemon", "--no-confirm", "--counter", "-1");
	DESK(2, "enroll", "palm", "daemon");
	check_nothing_stored(h);
}

/* Or each of its codes would be good once in each of them. */
static void test_one_secret_is_one_credential_of_an_operator(void **state)
{
	const struct house *h = *state;
	const struct office_otp otp = { .factor = KM_FACTOR_HOTP };

	assert_int_equal(office_add(h, "daemon", 1), KM_OK);
	assert_int_equal(office_enrol(h, "daemon", &otp, NULL), KM_OK);
	assert_int_equal(office_enrol(h, "daemon", &otp, NULL), KM_EEXIST);
	TELL(1, OFFICE_SECRET "\n", "enroll", "totp", "daemon", "--secret-file", "-",
	     "--no-confirm");
	ERRS("is credential 1 of this operator");
	DESK(0, "audit", "list", "--last", "1");
	JSON("$[0].event", "credential-enrolled");
	JSON("$[0].details.credential", "1");
}

static void test_sixteen_credentials_are_enough(void **state)
{
	const struct house *h = *state;
	char secret[] = "AAZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
	const struct office_otp otp = { .secret = secret };

	assert_int_equal(office_add(h, "daemon", 1), KM_OK);
	for (unsigned i = 0; i < 16; i++) {
		secret[0] = (char)('A' + i);
		assert_int_equal(office_enrol(h, "daemon", &otp, NULL), KM_OK);
	}
	DESK(1, "enroll", "totp", "daemon", "--no-confirm");
	JSON("$.error", "ELIMIT");
	JSON("$.secret", "");
}

/* --- the first code ----------------------------------------------------------------- */

static void test_a_good_first_code_confirms_and_is_used_up_by_that(void **state)
{
	const struct house *h = *state;
	char code[16], input[64], path[HOUSE_PATH + 16];
	FILE *f;

	assert_int_equal(office_add(h, "daemon", 1), KM_OK);
	snprintf(path, sizeof(path), "%s/secret", h->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(OFFICE_SECRET, f);
	assert_int_equal(fclose(f), 0);
	house_totp(code, OFFICE_SECRET, 0);
	snprintf(input, sizeof(input), "%.3s %s\n", code, code + 3); /* as an app shows it */
	TELL(0, input, "enroll", "totp", "daemon", "--secret-file", path);
	assert_null(strstr(o.err, "nobody has checked"));
	assert_int_equal(office_audited(h, KM_EVENT_ENROLLED, "daemon", "confirmed=yes"), 1);
	assert_int_equal(office_try(h, "daemon", code), PAM_AUTH_ERR);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_TOTP), 0);
}

static void test_a_wrong_first_code_may_be_corrected_twice(void **state)
{
	const struct house *h = *state;
	char code[16], input[64], path[HOUSE_PATH + 16];
	FILE *f;

	assert_int_equal(office_add(h, "daemon", 1), KM_OK);
	snprintf(path, sizeof(path), "%s/secret", h->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(OFFICE_SECRET, f);
	assert_int_equal(fclose(f), 0);
	house_hotp(code, OFFICE_SECRET, 6, 0);
	TELL(1, "000000\n111111\n222222\n", "enroll", "hotp", "daemon", "--secret-file", path);
	ERRS("nothing was stored");
	check_nothing_stored(h);
	snprintf(input, sizeof(input), "000000\nnot a code\n111111\n%s\n", code);
	TELL(0, input, "enroll", "hotp", "daemon", "--secret-file", path);
	house_hotp(code, OFFICE_SECRET, 6, 1);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
}

static void test_an_enrolment_broken_off_leaves_nothing(void **state)
{
	const struct house *h = *state;

	assert_int_equal(office_add(h, "daemon", 1), KM_OK);
	TELL(1, "", "enroll", "totp", "daemon");
	ERRS("nothing was stored");
	check_nothing_stored(h);
	TELL(1, "000000\n", "enroll", "totp", "daemon");
	check_nothing_stored(h);
	TELL(1, "000000\n", "--json", "enroll", "hotp", "daemon");
	JSON("$.error", "EABORTED");
	check_nothing_stored(h);
}

/* --- listing and removing --------------------------------------------------------------- */

static void test_credential_list_shows_what_is_enrolled_and_no_secret(void **state)
{
	const struct house *h = *state;

	assert_int_equal(office_add(h, "daemon", 1), KM_OK);
	DESK(0, "enroll", "totp", "daemon", "--no-confirm", "--label", "電話", "--algorithm",
	     "sha256", "--digits", "7", "--period", "60");
	DESK(0, "enroll", "hotp", "daemon", "--no-confirm", "--label", "token 12");
	DESK(0, "enroll", "recovery-codes", "daemon");
	JSON("$.codes[10]", "");
	assert_int_equal(strlen(office_json(o.out, "$.codes[9]")), KM_RECOVERY_LENGTH);
	DESK(0, "credential", "list", "daemon");
	JSON("$[0].factor", "totp");
	JSON("$[0].label", "電話");
	JSON("$[0].algorithm", "sha256");
	JSON("$[0].digits", "7");
	JSON("$[0].period", "60");
	JSON("$[1].factor", "hotp");
	JSON("$[1].label", "token 12");
	JSON("$[2].factor", "recovery");
	JSON("$[2].codes_left", "10");
	JSON("$[2].secret", "");
	DESK(0, "operator", "show", "daemon");
	JSON("$.credentials[2].factor", "recovery");
	TELL(0, NULL, "credential", "list", "daemon");
	assert_non_null(strstr(o.out, "電話"));
	assert_non_null(strstr(o.out, "10 left"));
}

static void test_removing_the_last_factor_is_allowed_and_said(void **state)
{
	const struct house *h = *state;

	assert_true(office_totp_operator(h, "daemon", 1));
	assert_true(office_totp_operator(h, "bin", 2));
	DESK(0, "enroll", "recovery-codes", "daemon");
	DESK(0, "credential", "remove", "daemon", "1");
	JSON("$.note", "");
	DESK(1, "credential", "remove", "daemon", "1");
	JSON("$.error", "ENOTFOUND");
	/* Somebody else's is none of theirs. */
	DESK(1, "credential", "remove", "daemon", "2");
	JSON("$.error", "ENOTFOUND");
	DESK(2, "credential", "remove", "daemon", "x");
	DESK(0, "credential", "remove", "daemon", "3");
	assert_non_null(strstr(office_json(o.out, "$.note"), "last factor"));
	TELL(0, NULL, "credential", "list", "daemon");
	ERRS("no factor enrolled");
	DESK(0, "credential", "list", "bin");
	JSON("$[0].id", "2");
	assert_int_equal(office_audited(h, KM_EVENT_CREDENTIAL_REMOVED, "daemon", NULL), 2);
}

/* --- resync ---------------------------------------------------------------------------------- */

static void test_resync_finds_a_token_that_was_pressed_too_often(void **state)
{
	const struct office_otp otp = { .factor = KM_FACTOR_HOTP };
	const struct house *h = *state;
	char one[16], two[16], input[64];

	assert_int_equal(office_add(h, "daemon", 1), KM_OK);
	assert_int_equal(office_enrol(h, "daemon", &otp, NULL), KM_OK);
	house_hotp(one, OFFICE_SECRET, 6, 60);
	house_hotp(two, OFFICE_SECRET, 6, 61);
	assert_int_equal(office_try(h, "daemon", one), PAM_AUTH_ERR);
	/* The wrong way round, only one, and beyond the range. */
	snprintf(input, sizeof(input), "%s\n%s\n", two, one);
	TELL(1, input, "resync", "daemon", "1");
	ERRS("not two codes in a row");
	snprintf(input, sizeof(input), "%s\n", one);
	TELL(1, input, "resync", "daemon", "1");
	house_hotp(two, OFFICE_SECRET, 6, 62);
	snprintf(input, sizeof(input), "%s\n%s\n", one, two);
	TELL(1, input, "resync", "daemon", "1");
	house_hotp(two, OFFICE_SECRET, 6, 61);
	snprintf(input, sizeof(input), "%s\n%s\n", one, two);
	TELL(0, input, "resync", "daemon", "1");
	assert_int_equal(office_audited(h, KM_EVENT_RESYNCED, "daemon", "credential=1"), 1);
	/* Both are used up by it. */
	assert_int_equal(office_try(h, "daemon", two), PAM_AUTH_ERR);
	house_hotp(one, OFFICE_SECRET, 6, 62);
	assert_int_equal(office_try(h, "daemon", one), PAM_SUCCESS);
}

static void test_resync_learns_how_far_a_tokens_clock_is_off(void **state)
{
	const struct house *h = *state;
	char one[16], two[16], input[64];

	assert_true(office_totp_operator(h, "daemon", 1));
	house_quiet_step(6);
	house_totp(one, OFFICE_SECRET, -150);
	house_totp(two, OFFICE_SECRET, -120);
	assert_int_equal(office_try(h, "daemon", two), PAM_AUTH_ERR);
	snprintf(input, sizeof(input), "%s\n%s\n", one, two);
	TELL(0, input, "resync", "daemon", "1");
	DESK(0, "credential", "list", "daemon");
	JSON("$[0].drift", "-4");
	assert_int_equal(office_try(h, "daemon", two), PAM_AUTH_ERR);
	house_totp(one, OFFICE_SECRET, -90);
	assert_int_equal(office_try(h, "daemon", one), PAM_SUCCESS);
}

static void test_resync_is_for_one_time_codes_of_this_operator(void **state)
{
	const struct house *h = *state;

	assert_int_equal(office_add(h, "daemon", 1), KM_OK);
	assert_true(office_totp_operator(h, "bin", 2));
	DESK(0, "enroll", "recovery-codes", "daemon");
	DESK(1, "resync", "daemon", "2");
	JSON("$.error", "EINVAL");
	DESK(1, "resync", "daemon", "1");
	JSON("$.error", "ENOTFOUND");
	DESK(2, "resync", "daemon", "first");
	assert_int_equal(office_audited(h, KM_EVENT_RESYNCED, NULL, NULL), 0);
}

#define HOUSE_TEST(f) cmocka_unit_test_setup_teardown(f, office_setup, office_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOUSE_TEST(test_a_secret_is_imported_from_a_file_in_base32_or_hex),
		HOUSE_TEST(test_a_secret_is_imported_from_standard_input),
		HOUSE_TEST(test_secrets_that_are_none_are_refused_and_never_repeated),
		HOUSE_TEST(test_a_fifo_or_a_device_in_the_place_of_a_secret_is_refused_at_once),
		HOUSE_TEST(test_a_secret_that_the_desk_makes_works_and_is_as_long_as_its_hash),
		HOUSE_TEST(test_options_of_enroll_are_checked),
		HOUSE_TEST(test_one_secret_is_one_credential_of_an_operator),
		HOUSE_TEST(test_sixteen_credentials_are_enough),
		HOUSE_TEST(test_a_good_first_code_confirms_and_is_used_up_by_that),
		HOUSE_TEST(test_a_wrong_first_code_may_be_corrected_twice),
		HOUSE_TEST(test_an_enrolment_broken_off_leaves_nothing),
		HOUSE_TEST(test_credential_list_shows_what_is_enrolled_and_no_secret),
		HOUSE_TEST(test_removing_the_last_factor_is_allowed_and_said),
		HOUSE_TEST(test_resync_finds_a_token_that_was_pressed_too_often),
		HOUSE_TEST(test_resync_learns_how_far_a_tokens_clock_is_off),
		HOUSE_TEST(test_resync_is_for_one_time_codes_of_this_operator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
