/* The desk when the vault asks who is there: --as, and the caller's own code before an operation.
 */
#include "desk_scene.h"

static void test_any_operation_may_be_asked_for_the_callers_own_code_first(void **state)
{
	struct play p = { .own = "rin" };
	struct scene s;

	(void)state;
	begin(&s, &p, "111 111\n");
	assert_int_equal(KENMON(&s, W("unlock"), W("sato")), 0);
	assert_says(s.err, "Your own one-time code (rin): ");
	assert_says(s.out, "Operator sato is unlocked.");
	end(&s);
}

static void test_the_prompt_and_what_was_wrong_are_said_in_the_persons_language(void **state)
{
	struct play p = { .own = "rin", .own_wrong = true };
	struct scene s;

	(void)state;
	begin(&s, &p, "111111\n654321\n");
	s.desk.lang = KM_LANG_JA;
	assert_int_equal(KENMON(&s, W("unlock"), W("sato")), 0);
	assert_says(s.err, "あなた自身のワンタイムコード (rin): ");
	assert_says(s.err, "このコードは使用済みです。次のコードを待ってください。 あなた自身の");
	assert_null(strstr(s.err, "one-time"));
	end(&s);
}

static void test_a_login_that_reads_like_a_sentence_stays_as_it_is(void **state)
{
	struct play p = { .own = "One-time code: " };
	struct scene s;

	(void)state;
	begin(&s, &p, "111111\n");
	s.desk.lang = KM_LANG_JA;
	assert_int_equal(KENMON(&s, W("unlock"), W("sato")), 0);
	assert_says(s.err, "コード (One-time code: ): ");
	end(&s);
}

/* What could steer a terminal is no text of the protocol's. */
static void test_a_login_that_could_steer_the_terminal_is_not_shown(void **state)
{
	struct play p = { .own = "\xe2\x80\xae" };
	struct scene s;

	(void)state;
	begin(&s, &p, "111111\n");
	assert_int_equal(KENMON(&s, W("unlock"), W("sato")), 69);
	assert_null(strstr(s.err, "\xe2\x80\xae"));
	end(&s);
}

/* The key is shown before the code of its new owner is asked for, and not before the caller's. */
static void test_at_an_enrolment_the_callers_code_comes_first_and_the_others_second(void **state)
{
	struct play p = { .own = "rin", .prompt = true };
	struct scene s;
	const char *own, *key, *other;

	(void)state;
	begin(&s, &p, "111111\n123456\n");
	assert_int_equal(ENROLL_HOTP(&s), 0);
	own = strstr(s.err, "Your own one-time code (rin): ");
	other = own ? strstr(own, "One-time code: ") : NULL;
	assert_non_null(own);
	assert_non_null(other);
	key = strstr(s.out, "otpauth://");
	assert_non_null(key);
	end(&s);
}

static void test_nobody_at_the_terminal_is_an_abort_and_nothing_is_done(void **state)
{
	struct play p = { .own = "rin" };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("unlock"), W("sato")), 1);
	assert_string_equal(s.out, "");
	end(&s);
}

static void test_an_operation_is_sent_again_after_a_broken_line_and_proved_anew(void **state)
{
	struct play p = { .own = "rin", .breaks = 1 };
	struct scene s;

	(void)state;
	begin(&s, &p, "111111\n111111\n");
	assert_int_equal(KENMON(&s, W("unlock"), W("sato")), 0);
	assert_says(s.out, "Operator sato is unlocked.");
	end(&s);
}

static void test_as_names_the_operator_before_anything_else(void **state)
{
	struct play p = { .named = "aoi" };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("--as"), W("aoi"), W("unlock"), W("sato")), 0);
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("unlock"), W("sato"), W("--as=aoi")), 0);
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("unlock"), W("sato"), W("--as"), W("other")), 69);
	end(&s);
}

static void test_who_may_not_be_named_ends_the_command(void **state)
{
	struct play p = { .named = "aoi", .named_rc = KM_EPERM, .text = "only root" };
	char login[70];
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("--as"), W("aoi"), W("unlock"), W("sato")), 77);
	assert_string_equal(s.err, "kenmon: you may not do this: only root\n");
	assert_int_equal(s.desk.line, -1);
	end(&s);
	memset(login, 'a', sizeof(login));
	login[sizeof(login) - 1] = '\0';
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("--as"), login, W("unlock"), W("sato")), 2);
	assert_says(s.err, "too long");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("--as="), W("unlock"), W("sato")), 2);
	end(&s);
}

/* --as is said; no variable of the environment, as sudo sets them, says it. */
static void test_C38_nobody_is_named_by_the_environment(void **state)
{
	struct play p = { .named = NULL };
	struct scene s;

	(void)state;
	assert_int_equal(setenv("SUDO_USER", "aoi", 1), 0);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("unlock"), W("sato")), 0);
	end(&s);
	unsetenv("SUDO_USER");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_operation_may_be_asked_for_the_callers_own_code_first),
		cmocka_unit_test(
		    test_the_prompt_and_what_was_wrong_are_said_in_the_persons_language),
		cmocka_unit_test(test_a_login_that_reads_like_a_sentence_stays_as_it_is),
		cmocka_unit_test(test_a_login_that_could_steer_the_terminal_is_not_shown),
		cmocka_unit_test(
		    test_at_an_enrolment_the_callers_code_comes_first_and_the_others_second),
		cmocka_unit_test(test_nobody_at_the_terminal_is_an_abort_and_nothing_is_done),
		cmocka_unit_test(
		    test_an_operation_is_sent_again_after_a_broken_line_and_proved_anew),
		cmocka_unit_test(test_as_names_the_operator_before_anything_else),
		cmocka_unit_test(test_who_may_not_be_named_ends_the_command),
		cmocka_unit_test(test_C38_nobody_is_named_by_the_environment),
	};

	return cmocka_run_group_tests(tests, scene_setup, NULL);
}
