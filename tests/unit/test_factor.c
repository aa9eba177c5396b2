/* Words and numbers: factors, verdicts, reasons, events, results and texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <syslog.h>
#include <security/pam_appl.h>

#include <cmocka.h>

#include <kenmon/event.h>
#include <kenmon/factor.h>
#include <kenmon/log.h>
#include <kenmon/texts.h>
#include <kenmon/verdict.h>
#include <kenmon/wire.h>

#define EVERY_SHAPE (KM_SHAPE_DIGITS | KM_SHAPE_RECOVERY)

/* --- answers --------------------------------------------------------------- */

static struct km_secret answer;

static enum km_class class_of(const char *text, unsigned shapes)
{
	assert_int_equal(km_secret_set(&answer, text, strlen(text)), KM_OK);
	return km_answer_class(&answer, shapes);
}

static void test_digits_are_a_code_only_in_a_length_that_is_allowed(void **state)
{
	(void)state;
	assert_int_equal(class_of("123456", EVERY_SHAPE), KM_CLASS_DIGITS);
	assert_int_equal(class_of("1234567", EVERY_SHAPE), KM_CLASS_DIGITS);
	assert_int_equal(class_of("00000000", EVERY_SHAPE), KM_CLASS_DIGITS);
	assert_int_equal(class_of("123456", KM_SHAPE_DIGITS_8), KM_CLASS_NONE);
	assert_int_equal(class_of("1234567", KM_SHAPE_DIGITS_6 | KM_SHAPE_DIGITS_8), KM_CLASS_NONE);
	assert_int_equal(class_of("12345678", KM_SHAPE_DIGITS_8), KM_CLASS_DIGITS);
	assert_int_equal(class_of("123456", KM_SHAPE_RECOVERY), KM_CLASS_NONE);
	assert_int_equal(class_of("123456", 0), KM_CLASS_NONE);
}

static void test_what_cannot_be_a_code_is_none_and_stays_as_it_is(void **state)
{
	static const char *const texts[] = {
		"",
		"12345",
		"12345678901",
		"*",
		"12345a",
		"123 45",
		"-12345",
		"my password",
		"ABCDEFGHIJKLMNO",
		"ABCDEFGHIJKLMNO1",
		"ABCDEFGHIJKLMNO!",
		"ABCDEFGHIJKLMNOPQ",
		"\357\274\221\357\274\222",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(class_of(texts[i], EVERY_SHAPE), KM_CLASS_NONE);
		assert_int_equal(answer.len, strlen(texts[i]));
		assert_memory_equal(answer.bytes, texts[i], answer.len);
	}
	assert_int_equal(km_secret_set(&answer, "12345\0", 6), KM_OK);
	assert_int_equal(km_answer_class(&answer, EVERY_SHAPE), KM_CLASS_NONE);
	answer.len = KM_SECRET_MAX + 1;
	assert_int_equal(km_answer_class(&answer, EVERY_SHAPE), KM_CLASS_NONE);
}

static void test_digits_with_blanks_or_in_wide_forms_become_plain(void **state)
{
	static const char *const texts[] = { "123 456", " 123456 ",
					     "\357\274\221\357\274\222\357\274\2233 56" };

	(void)state;
	assert_int_equal(class_of(texts[0], EVERY_SHAPE), KM_CLASS_DIGITS);
	assert_memory_equal(answer.bytes, "123456", 6);
	assert_int_equal(class_of(texts[1], EVERY_SHAPE), KM_CLASS_DIGITS);
	assert_int_equal(answer.len, 6);
	assert_int_equal(class_of(texts[2], EVERY_SHAPE), KM_CLASS_DIGITS);
	assert_memory_equal(answer.bytes, "123356", 6);
}

static void test_a_recovery_code_is_put_into_its_stored_form(void **state)
{
	(void)state;
	assert_int_equal(class_of("abcd-efgh ijkl-2345", EVERY_SHAPE), KM_CLASS_RECOVERY);
	assert_int_equal(answer.len, KM_RECOVERY_LENGTH);
	assert_memory_equal(answer.bytes, "ABCDEFGHIJKL2345\0\0\0", 19);
	assert_int_equal(class_of("2345672345672345", EVERY_SHAPE), KM_CLASS_RECOVERY);
	assert_int_equal(class_of("abcd-efgh-ijkl-2345", KM_SHAPE_DIGITS), KM_CLASS_NONE);
	assert_memory_equal(answer.bytes, "abcd-", 5);
	assert_int_equal(class_of("abcd-efgh-ijkl-2345-", KM_SHAPE_RECOVERY), KM_CLASS_RECOVERY);
}

static void
test_an_empty_answer_is_a_touch_where_a_finger_may_follow_and_nothing_elsewhere(void **state)
{
	static const char *const codes[] = { "123456", "12345678", "abcd-efgh-ijkl-2345" };
	static const char *const none[] = { " ", "\t", "0", "12345", "touch" };

	(void)state;
	assert_int_equal(class_of("", KM_SHAPE_TOUCH), KM_CLASS_TOUCH);
	assert_int_equal(class_of("", KM_SHAPE_TOUCH | EVERY_SHAPE), KM_CLASS_TOUCH);
	assert_int_equal(class_of("", EVERY_SHAPE), KM_CLASS_NONE);
	assert_int_equal(class_of("", 0), KM_CLASS_NONE);
	/* A code is a code beside it, and is none where only a touch is wanted. */
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		assert_int_equal(class_of(codes[i], KM_SHAPE_TOUCH | EVERY_SHAPE),
				 class_of(codes[i], EVERY_SHAPE));
		assert_int_equal(class_of(codes[i], KM_SHAPE_TOUCH), KM_CLASS_NONE);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(class_of(none[i], KM_SHAPE_TOUCH | EVERY_SHAPE), KM_CLASS_NONE);
	/* Only Enter alone: bytes that are not shown are no touch. */
	assert_int_equal(km_secret_set(&answer, "\0", 1), KM_OK);
	assert_int_equal(km_answer_class(&answer, KM_SHAPE_TOUCH), KM_CLASS_NONE);
}

static void
test_enter_or_a_star_has_a_code_sent_where_that_is_offered_and_is_nothing_elsewhere(void **state)
{
	static const char *const none[] = { "**", "* ", "#", "-", "\357\274\212\357\274\212" };

	(void)state;
	assert_int_equal(class_of("", KM_SHAPE_PHONE | EVERY_SHAPE), KM_CLASS_PHONE);
	assert_int_equal(class_of("*", KM_SHAPE_PHONE | EVERY_SHAPE), KM_CLASS_PHONE);
	/* Of a Japanese input method; the judge is sent a plain one. */
	assert_int_equal(class_of("\357\274\212", KM_SHAPE_PHONE | EVERY_SHAPE), KM_CLASS_PHONE);
	assert_int_equal(answer.len, 1);
	assert_int_equal(answer.bytes[0], '*');
	/* Enter is a finger's first. */
	assert_int_equal(class_of("", KM_SHAPE_PHONE | KM_SHAPE_TOUCH), KM_CLASS_TOUCH);
	assert_int_equal(class_of("*", KM_SHAPE_PHONE | KM_SHAPE_TOUCH), KM_CLASS_PHONE);
	assert_int_equal(class_of("*", KM_SHAPE_TOUCH | EVERY_SHAPE), KM_CLASS_NONE);
	assert_int_equal(class_of("*", EVERY_SHAPE), KM_CLASS_NONE);
	assert_int_equal(class_of("123456", KM_SHAPE_PHONE | EVERY_SHAPE), KM_CLASS_DIGITS);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(class_of(none[i], KM_SHAPE_PHONE | EVERY_SHAPE), KM_CLASS_NONE);
}

static void test_codes_that_are_sent_may_be_longer_than_an_authenticators(void **state)
{
	static const char *const codes[] = { "123456", "1234567", "12345678", "123456789",
					     "1234567890" };
	static const unsigned shapes[] = { KM_SHAPE_DIGITS_6, KM_SHAPE_DIGITS_7, KM_SHAPE_DIGITS_8,
					   KM_SHAPE_DIGITS_9, KM_SHAPE_DIGITS_A };

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		for (size_t k = 0; k < 5; k++)
			assert_int_equal(class_of(codes[i], shapes[k]),
					 i == k ? KM_CLASS_DIGITS : KM_CLASS_NONE);
		assert_int_equal(class_of(codes[i], KM_SHAPE_CODE), KM_CLASS_DIGITS);
		assert_int_equal(class_of(codes[i], KM_SHAPE_DIGITS),
				 i < 3 ? KM_CLASS_DIGITS : KM_CLASS_NONE);
	}
	assert_int_equal(class_of("12345678901", KM_SHAPE_CODE), KM_CLASS_NONE);
}

/* --- words ----------------------------------------------------------------- */

static void test_factors_and_their_words_belong_together(void **state)
{
	static const enum km_factor factors[] = { KM_FACTOR_TOTP,     KM_FACTOR_HOTP,
						  KM_FACTOR_RECOVERY, KM_FACTOR_FINGERPRINT,
						  KM_FACTOR_SMS,      KM_FACTOR_VOICE };

	(void)state;
	for (size_t i = 0; i < sizeof(factors) / sizeof(factors[0]); i++)
		assert_int_equal(km_factor_parse(km_factor_word(factors[i])), factors[i]);
	assert_string_equal(km_factor_word(KM_FACTOR_TOTP), "totp");
	assert_string_equal(km_factor_word(0), "?");
	assert_string_equal(km_factor_word(4711), "?");
	assert_int_equal(km_factor_parse("TOTP"), KM_FACTOR_NONE);
	assert_int_equal(km_factor_parse("?"), KM_FACTOR_NONE);
	assert_int_equal(km_factor_parse(""), KM_FACTOR_NONE);
	assert_int_equal(km_factor_parse(NULL), KM_FACTOR_NONE);
	assert_int_equal(km_factor_class(KM_FACTOR_HOTP), KM_CLASS_DIGITS);
	assert_int_equal(km_factor_class(KM_FACTOR_RECOVERY), KM_CLASS_RECOVERY);
	assert_int_equal(km_factor_class(KM_FACTOR_FINGERPRINT), KM_CLASS_TOUCH);
	assert_int_equal(km_factor_class(KM_FACTOR_SMS), KM_CLASS_PHONE);
	assert_int_equal(km_factor_class(KM_FACTOR_VOICE), KM_CLASS_PHONE);
	assert_int_equal(km_factor_class(0), KM_CLASS_NONE);
	assert_int_equal(km_factor_class(99), KM_CLASS_NONE);
}

static void test_words_of_a_record_are_read_back_or_refused(void **state)
{
	enum km_role role = KM_ROLE_OFFICER;
	enum km_algorithm algorithm = KM_SHA1;

	(void)state;
	assert_true(km_role_parse("operator", &role));
	assert_int_equal(role, KM_ROLE_OPERATOR);
	assert_true(km_role_parse("auditor", &role));
	assert_false(km_role_parse("root", &role));
	assert_false(km_role_parse(NULL, &role));
	assert_int_equal(role, KM_ROLE_AUDITOR);
	assert_true(km_algorithm_parse("sha512", &algorithm));
	assert_false(km_algorithm_parse("md5", &algorithm));
	assert_int_equal(algorithm, KM_SHA512);
	assert_string_equal(km_algorithm_word(KM_SHA256), "sha256");
	assert_string_equal(km_algorithm_word(0), "?");
	assert_string_equal(km_state_word(KM_SUSPENDED), "suspended");
	assert_string_equal(km_state_word(0), "?");
	assert_string_equal(km_role_word(KM_ROLE_REGISTRAR), "registrar");
	assert_string_equal(km_role_word(99), "?");
}

/* --- verdicts --------------------------------------------------------------- */

static void test_only_allow_becomes_success_and_zero_is_deny(void **state)
{
	static const struct {
		unsigned byte;
		int auth, acct;
	} rows[] = {
#define KM_VERDICT(name, byte, auth, acct, meaning) { byte, auth, acct },
#include <kenmon/verdict.def>
#undef KM_VERDICT
	};
	static const struct km_verdict zero;
	size_t successes = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool allow = rows[i].byte == KM_VERDICT_ALLOW;

		assert_int_equal(rows[i].auth == PAM_SUCCESS, allow);
		assert_int_equal(rows[i].acct == PAM_SUCCESS, allow);
		assert_int_not_equal(rows[i].auth, PAM_IGNORE);
		assert_int_not_equal(rows[i].acct, PAM_IGNORE);
		successes += allow;
		/* No flip of one or two bits, and no small number, comes near it. */
		assert_true(allow || __builtin_popcount(rows[i].byte ^ KM_VERDICT_ALLOW) > 2);
	}
	assert_int_equal(successes, 1);
	assert_int_equal(zero.code, KM_VERDICT_DENY);
}

static void test_a_byte_that_is_no_verdict_has_no_name(void **state)
{
	size_t named = 0;

	(void)state;
	for (unsigned byte = 0; byte < 300; byte++)
		named += strcmp(km_verdict_name(byte), "?") != 0;
	assert_int_equal(named, 8);
	assert_string_equal(km_verdict_name(0xA6), "ALLOW");
	assert_string_equal(km_verdict_name(0), "DENY");
	assert_string_equal(km_reason_word(KM_REASON_REPLAY), "replay");
	assert_string_equal(km_reason_word(255), "?");
	assert_int_equal(km_reason_text(KM_REASON_LOCKED), KM_TEXT_LOCKED);
	assert_int_equal(km_reason_text(255), KM_TEXT_UNAVAILABLE);
}

static void test_the_door_tells_a_known_name_from_an_unknown_one_by_no_text(void **state)
{
	static const unsigned alike[] = { KM_REASON_WRONG,     KM_REASON_REPLAY,
					  KM_REASON_SUSPENDED, KM_REASON_DATES,
					  KM_REASON_UNKNOWN,   KM_REASON_UNENROLLED,
					  KM_REASON_RECREATED, KM_REASON_ERASED };

	(void)state;
	for (size_t i = 0; i < sizeof(alike) / sizeof(alike[0]); i++)
		assert_int_equal(km_reason_text(alike[i]), KM_TEXT_CODE_WRONG);
}

/* --- events and results ------------------------------------------------------ */

static void test_events_have_words_and_priorities(void **state)
{
	(void)state;
	assert_string_equal(km_event_word(KM_EVENT_LOGIN_ALLOWED), "login-allowed");
	assert_int_equal(km_event_priority(KM_EVENT_LOGIN_ALLOWED), LOG_INFO);
	assert_int_equal(km_event_priority(KM_EVENT_CLOCK_SUSPECT), LOG_ALERT);
	assert_string_equal(km_event_word(KM_EVENT_NONE), "?");
	assert_string_equal(km_event_word(4711), "?");
	assert_int_equal(km_event_priority(4711), LOG_WARNING);
}

static void test_results_have_names_sentences_and_exit_codes(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 300; byte++) {
		km_rc rc = km_rc_from_wire(byte);

		if (rc != KM_EPROTO)
			assert_int_equal(rc, -(int)byte);
		assert_true(strlen(km_rc_text(rc, KM_LANG_EN)) > 3);
		assert_true(strlen(km_rc_text(rc, KM_LANG_JA)) > 3);
		assert_true(rc == KM_OK || km_rc_exit_code(rc) != 0);
	}
	assert_int_equal(km_rc_from_wire(0), KM_OK);
	assert_int_equal(km_rc_from_wire(25), KM_EPROTO);
	assert_int_equal(km_rc_from_wire(256), KM_EPROTO);
	assert_string_equal(km_rc_name(KM_ECORRUPT), "ECORRUPT");
	assert_string_equal(km_rc_name((km_rc)-99), "?");
	assert_int_equal(km_rc_exit_code(KM_EPERM), 77);
	assert_int_equal(km_rc_exit_code((km_rc)-99), 69);
	assert_string_equal(km_rc_text((km_rc)-99, KM_LANG_EN), km_rc_text(KM_EPROTO, KM_LANG_EN));
	assert_string_equal(km_rc_text(KM_OK, (enum km_lang)7), "done");
}

/* --- texts -------------------------------------------------------------------- */

static void test_every_text_is_there_in_both_languages_and_plain(void **state)
{
	(void)state;
	for (unsigned id = 0; id < KM_TEXT_COUNT; id++) {
		const char *en = km_text(id, KM_LANG_EN), *ja = km_text(id, KM_LANG_JA);
		const char *percent_en = strchr(en, '%'), *percent_ja = strchr(ja, '%');

		assert_true(id == KM_TEXT_NOTHING || (*en && *ja));
		assert_true(km_text_is_plain(en, strlen(en)) && km_text_is_plain(ja, strlen(ja)));
		assert_int_equal(!percent_en, !percent_ja);
		if (!percent_en || !percent_ja)
			continue;
		assert_true(percent_en[1] == 'u' && percent_ja[1] == 'u');
		assert_null(strchr(percent_en + 1, '%'));
		assert_null(strchr(percent_ja + 1, '%'));
	}
	assert_string_equal(km_text(KM_TEXT_REFUSED, (enum km_lang)9), "Login refused.");
	assert_ptr_equal(km_text((enum km_text)4711, KM_LANG_EN),
			 km_text(KM_TEXT_UNAVAILABLE, KM_LANG_EN));
}

/* Screen readers leave signs out: "press the star key (*)", never "press *". */
static bool is_named(const char *text, const char *sign)
{
	return sign - text >= 5 && sign[-1] == '(' && sign[-2] == ' ' && sign[-3] != ' ' &&
	       sign[1] == ')';
}

static void test_a_key_is_named_beside_its_sign_in_every_text(void **state)
{
	unsigned signs = 0;

	(void)state;
	for (unsigned i = 0; i < KM_TEXT_COUNT * KM_LANG_COUNT; i++) {
		const char *text = km_text(i / KM_LANG_COUNT, i % KM_LANG_COUNT);

		for (const char *c = text; (c = strpbrk(c, "*#")); c++, signs++)
			if (!is_named(text, c))
				fail_msg("read aloud, nobody hears which key: %s", text);
	}
	assert_true(signs > 0);
}

static void test_a_number_is_put_into_a_text(void **state)
{
	char out[128];

	(void)state;
	km_text_number(KM_TEXT_LOCKED, KM_LANG_EN, 30, out, sizeof(out));
	assert_string_equal(out,
			    "Too many wrong codes. Wait 30 seconds, or ask your administrator.");
	km_text_number(KM_TEXT_REFUSED, KM_LANG_EN, 30, out, sizeof(out));
	assert_string_equal(out, "Login refused.");
	for (size_t cap = 1; cap < sizeof(out); cap++) {
		memset(out, 'z', sizeof(out));
		km_text_number(KM_TEXT_LOCKED, KM_LANG_JA, 4294967295u, out, cap);
		assert_true(strlen(out) < cap);
		assert_true(km_text_is_plain(out, strlen(out)));
	}
	out[0] = 'z';
	km_text_number(KM_TEXT_LOCKED, KM_LANG_JA, 1, out, 0);
	assert_int_equal(out[0], 'z');
}

static void test_a_language_is_known_by_its_first_word(void **state)
{
	(void)state;
	assert_int_equal(km_lang_parse("ja", KM_LANG_EN), KM_LANG_JA);
	assert_int_equal(km_lang_parse("ja_JP.UTF-8", KM_LANG_EN), KM_LANG_JA);
	assert_int_equal(km_lang_parse("en_GB", KM_LANG_JA), KM_LANG_EN);
	assert_int_equal(km_lang_parse("ja.UTF-8", KM_LANG_EN), KM_LANG_JA);
	assert_int_equal(km_lang_parse("jam", KM_LANG_EN), KM_LANG_EN);
	assert_int_equal(km_lang_parse("de_DE", KM_LANG_JA), KM_LANG_JA);
	assert_int_equal(km_lang_parse("", KM_LANG_JA), KM_LANG_JA);
	assert_int_equal(km_lang_parse("j", KM_LANG_EN), KM_LANG_EN);
	assert_int_equal(km_lang_parse(NULL, KM_LANG_JA), KM_LANG_JA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digits_are_a_code_only_in_a_length_that_is_allowed),
		cmocka_unit_test(test_what_cannot_be_a_code_is_none_and_stays_as_it_is),
		cmocka_unit_test(test_digits_with_blanks_or_in_wide_forms_become_plain),
		cmocka_unit_test(test_a_recovery_code_is_put_into_its_stored_form),
		cmocka_unit_test(
		    test_enter_or_a_star_has_a_code_sent_where_that_is_offered_and_is_nothing_elsewhere),
		cmocka_unit_test(test_codes_that_are_sent_may_be_longer_than_an_authenticators),
		cmocka_unit_test(
		    test_an_empty_answer_is_a_touch_where_a_finger_may_follow_and_nothing_elsewhere),
		cmocka_unit_test(test_factors_and_their_words_belong_together),
		cmocka_unit_test(test_words_of_a_record_are_read_back_or_refused),
		cmocka_unit_test(test_only_allow_becomes_success_and_zero_is_deny),
		cmocka_unit_test(test_a_byte_that_is_no_verdict_has_no_name),
		cmocka_unit_test(test_the_door_tells_a_known_name_from_an_unknown_one_by_no_text),
		cmocka_unit_test(test_events_have_words_and_priorities),
		cmocka_unit_test(test_results_have_names_sentences_and_exit_codes),
		cmocka_unit_test(test_every_text_is_there_in_both_languages_and_plain),
		cmocka_unit_test(test_a_key_is_named_beside_its_sign_in_every_text),
		cmocka_unit_test(test_a_number_is_put_into_a_text),
		cmocka_unit_test(test_a_language_is_known_by_its_first_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
