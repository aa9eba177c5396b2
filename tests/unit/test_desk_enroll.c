/* Enrolment and erasure at the desk: what is shown when, and what is asked. */
#include "desk_scene.h"

static void test_a_key_is_shown_and_stored_after_its_first_code(void **state)
{
	struct play p = { .prompt = true };
	struct scene s;

	(void)state;
	begin(&s, &p, "123 456\n");
	assert_int_equal(ENROLL_HOTP(&s), 0);
	assert_says(s.out, "Key: ");
	assert_says(s.out, "otpauth://hotp/kenmon:sato?secret=");
	assert_says(s.out, "sato has a new credential, number 7.");
	assert_says(s.err, "One-time code: ");
	assert_null(strstr(s.out, "█")); /* no terminal, no picture */
	end(&s);
}

static void test_a_slip_of_the_keyboard_is_asked_again_and_not_sent(void **state)
{
	struct play p = { .prompt = true };
	struct scene s;

	(void)state;
	begin(&s, &p, "12345\nabcdef\n\n123456\n");
	assert_int_equal(ENROLL_HOTP(&s), 0);
	assert_says(s.err, "That cannot be a code.");
	end(&s);
}

static void test_after_a_wrong_code_the_next_prompt_is_a_prompt(void **state)
{
	struct play p = { .prompt = true, .wrong_once = true };
	struct scene s;

	(void)state;
	begin(&s, &p, "000000\n123456");
	assert_int_equal(ENROLL_HOTP(&s), 0);
	assert_says(s.err, "That code is not right.\nOne-time code: ");
	end(&s);
}

static void test_the_end_of_input_stores_nothing(void **state)
{
	struct play p = { .prompt = true };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(ENROLL_HOTP(&s), 1);
	assert_says(s.err, "nothing was stored");
	end(&s);
}

static void test_a_refused_enrolment_shows_no_key(void **state)
{
	struct play p = { .rc = KM_ENOTFOUND };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(ENROLL_HOTP(&s), 1);
	assert_string_equal(s.out, "");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("enroll"), W("recovery-codes"), W("sato")), 1);
	assert_string_equal(s.out, "");
	end(&s);
}

static void test_an_imported_secret_is_never_shown(void **state)
{
	struct play p = { 0 };
	struct scene s;

	(void)state;
	begin(&s, &p, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n");
	assert_int_equal(KENMON(&s, W("enroll"), W("totp"), W("sato"), W("--secret-file"), W("-"),
				W("--no-confirm"), W("--qr"), W("always")),
			 0);
	assert_null(strstr(s.out, "GEZD"));
	assert_null(strstr(s.out, "otpauth"));
	assert_says(s.err, "nobody has checked");
	end(&s);
}

static void test_an_unconfirmed_key_in_json_comes_with_its_uri(void **state)
{
	struct play p = { 0 };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("enroll"), W("totp"), W("sato"), W("--no-confirm"),
				W("--algorithm"), W("sha512"), W("--json")),
			 0);
	assert_says(s.out, "{\"result\":\"done\",\"id\":7,\"confirmed\":false,\"secret\":\"");
	assert_says(s.out, "\"uri\":\"otpauth://totp/kenmon:sato?secret=");
	assert_says(s.out, "algorithm=SHA512");
	end(&s);
}

static void test_recovery_codes_are_ten_of_eighty_bits_and_all_different(void **state)
{
	struct play p = { 0 };
	struct scene s;
	char codes[10][20], *at;
	unsigned i, k;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("enroll"), W("recovery-codes"), W("sato")), 0);
	for (at = s.out, i = 0; i < 10; i++, at = strchr(at, '\n') + 1) {
		assert_int_equal(strtoul(at, NULL, 10), i + 1);
		assert_int_equal(strcspn(at, "\n"), 5 + 19);
		memcpy(codes[i], at + 5, 19);
		assert_int_equal(codes[i][4], ' ');
		for (k = 0; k < i; k++)
			assert_memory_not_equal(codes[i], codes[k], 19);
	}
	assert_says(at, "Each opens once.");
	end(&s);
}

static void test_an_erasure_wants_the_login_name_typed(void **state)
{
	struct play p = { 0 };
	struct scene s;

	(void)state;
	begin(&s, &p, "saito\n");
	assert_int_equal(KENMON(&s, W("erase"), W("sato"), W("--reason"), W("left")), 1);
	assert_says(s.err, "nothing was erased");
	end(&s);
	begin(&s, &p, "sato\n");
	assert_int_equal(KENMON(&s, W("erase"), W("sato"), W("--reason"), W("left")), 0);
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("erase"), W("sato"), W("--reason"), W("left"), W("--yes")),
			 0);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_key_is_shown_and_stored_after_its_first_code),
		cmocka_unit_test(test_a_slip_of_the_keyboard_is_asked_again_and_not_sent),
		cmocka_unit_test(test_after_a_wrong_code_the_next_prompt_is_a_prompt),
		cmocka_unit_test(test_the_end_of_input_stores_nothing),
		cmocka_unit_test(test_a_refused_enrolment_shows_no_key),
		cmocka_unit_test(test_an_imported_secret_is_never_shown),
		cmocka_unit_test(test_an_unconfirmed_key_in_json_comes_with_its_uri),
		cmocka_unit_test(test_recovery_codes_are_ten_of_eighty_bits_and_all_different),
		cmocka_unit_test(test_an_erasure_wants_the_login_name_typed),
	};

	return cmocka_run_group_tests(tests, scene_setup, NULL);
}
