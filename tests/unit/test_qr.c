/* What an authenticator app is given: the otpauth URI, its QR code, and base32. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <liboath/oath.h>

#include <kenmon/factor.h>

#include "../../enroll/qr.h"
#include "../../enroll/secret_input.h"

static struct desk_otpauth totp(void)
{
	return (struct desk_otpauth){
		.factor = KM_FACTOR_TOTP,
		.algorithm = KM_SHA1,
		.digits = 6,
		.period = 30,
		.login = "sato",
		.label = "",
		.base32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
	};
}

static void test_a_totp_uri_has_every_parameter_an_app_reads(void **state)
{
	struct desk_otpauth o = totp();
	char uri[DESK_URI_MAX];

	(void)state;
	assert_int_equal(desk_otpauth(&o, uri, sizeof(uri)), KM_OK);
	assert_string_equal(uri,
			    "otpauth://totp/kenmon:sato?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
			    "&issuer=kenmon&algorithm=SHA1&digits=6&period=30");
}

static void test_a_hotp_uri_carries_its_counter_and_no_period(void **state)
{
	struct desk_otpauth o = totp();
	char uri[DESK_URI_MAX];

	(void)state;
	o.factor = KM_FACTOR_HOTP;
	o.digits = 8;
	o.counter = 18446744073709551615ull;
	assert_int_equal(desk_otpauth(&o, uri, sizeof(uri)), KM_OK);
	assert_non_null(strstr(uri, "otpauth://hotp/"));
	assert_non_null(strstr(uri, "&digits=8&counter=18446744073709551615"));
	assert_null(strstr(uri, "period"));
}

static void test_a_login_cannot_break_out_of_its_place_in_the_uri(void **state)
{
	struct desk_otpauth o = totp();
	char uri[DESK_URI_MAX];

	(void)state;
	o.login = "a b?secret=AAAA&x/%#\"佐";
	o.label = "key:1";
	assert_int_equal(desk_otpauth(&o, uri, sizeof(uri)), KM_OK);
	assert_non_null(strstr(uri, "kenmon:a%20b%3Fsecret%3DAAAA%26x%2F%25%23%22%E4%BD%90"
				    "%20%28key%3A1%29?secret=GEZD"));
}

static void test_a_uri_that_does_not_fit_is_refused_and_wiped(void **state)
{
	struct desk_otpauth o = totp();
	char uri[64];
	size_t i;

	(void)state;
	assert_int_equal(desk_otpauth(&o, uri, sizeof(uri)), KM_ELIMIT);
	for (i = 0; i < sizeof(uri); i++)
		assert_int_equal(uri[i], 0);
}

static void test_the_longest_uri_fits(void **state)
{
	struct desk_otpauth o = totp();
	char uri[DESK_URI_MAX], login[65], base32[DESK_BASE32_MAX];
	uint8_t key[DESK_SECRET_MOST] = { 0 };

	(void)state;
	memset(login, '?', 64);
	login[64] = '\0';
	desk_base32(key, sizeof(key), base32);
	o.login = o.label = login;
	o.base32 = base32;
	assert_int_equal(desk_otpauth(&o, uri, sizeof(uri)), KM_OK);
}

static char *draw(const char *text, bool colour)
{
	char *out = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);

	assert_non_null(f);
	assert_int_equal(desk_qr(f, text, colour), KM_OK);
	assert_int_equal(fclose(f), 0);
	return out;
}

static void test_a_qr_code_has_a_quiet_zone_of_four_light_modules(void **state)
{
	char *out = draw("kenmon", false), *line = out;
	unsigned lines = 0, i;

	(void)state;
	/* Version 1: 21 modules, and 4 around them: 29 columns, 15 lines of two modules. */
	for (; *line; line = strchr(line, '\n') + 1, lines++) {
		for (i = 0; i < 4; i++)
			assert_memory_equal(line + 3 * i, "█", 3);
	}
	assert_int_equal(lines, 15);
	for (i = 0; i < 2 * 29; i++) /* two lines of light modules on top */
		assert_memory_equal(out + 3 * i + (i >= 29), "█", 3);
	free(out);
}

static void test_a_qr_code_asks_for_black_and_white_only_where_there_is_colour(void **state)
{
	char *plain = draw("kenmon", false), *colour = draw("kenmon", true);

	(void)state;
	assert_null(strchr(plain, '\033'));
	assert_memory_equal(colour, "\033[97;40m", 8);
	assert_non_null(strstr(colour, "\033[0m\n"));
	free(plain);
	free(colour);
}

static void test_what_is_too_long_for_a_qr_code_is_refused(void **state)
{
	char text[4000];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(desk_qr(stderr, text, false), KM_ELIMIT);
}

static void test_base32_agrees_with_liboath_at_every_length(void **state)
{
	uint8_t key[DESK_SECRET_MOST];
	char ours[DESK_BASE32_MAX], *theirs;
	size_t len, i, their_len;

	(void)state;
	for (i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i * 151 + 7);
	for (len = 1; len <= sizeof(key); len++) {
		assert_int_equal(oath_base32_encode((const char *)key, len, &theirs, &their_len),
				 OATH_OK);
		theirs[strcspn(theirs, "=")] = '\0';
		desk_base32(key, len, ours);
		assert_string_equal(ours, theirs);
		free(theirs);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_totp_uri_has_every_parameter_an_app_reads),
		cmocka_unit_test(test_a_hotp_uri_carries_its_counter_and_no_period),
		cmocka_unit_test(test_a_login_cannot_break_out_of_its_place_in_the_uri),
		cmocka_unit_test(test_a_uri_that_does_not_fit_is_refused_and_wiped),
		cmocka_unit_test(test_the_longest_uri_fits),
		cmocka_unit_test(test_a_qr_code_has_a_quiet_zone_of_four_light_modules),
		cmocka_unit_test(
		    test_a_qr_code_asks_for_black_and_white_only_where_there_is_colour),
		cmocka_unit_test(test_what_is_too_long_for_a_qr_code_is_refused),
		cmocka_unit_test(test_base32_agrees_with_liboath_at_every_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
