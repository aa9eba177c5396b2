/* The desk's private line: whom it believes, and what it does when the line breaks. */
#include "desk_scene.h"

/* --- whose word is believed ------------------------------------------------ */

static void test_only_the_daemon_user_root_and_ourselves_are_believed(void **state)
{
	struct desk d;
	struct km_stamp stamp = { .known = true, .uid = 990 };

	(void)state;
	desk_init(&d);
	d.self = 1000;
	d.daemon_uid = 990;
	assert_true(desk_believes(&d, &stamp));
	stamp.uid = 1000;
	assert_true(desk_believes(&d, &stamp));
	stamp.uid = 0;
	assert_true(desk_believes(&d, &stamp));
	stamp.uid = 1001;
	assert_false(desk_believes(&d, &stamp));
	stamp.uid = 990;
	stamp.known = false;
	assert_false(desk_believes(&d, &stamp));
}

static void test_no_daemon_account_means_nobody_else_is_believed(void **state)
{
	struct desk d;
	struct km_stamp stamp = { .known = true, .uid = NOBODY };

	(void)state;
	desk_init(&d);
	d.self = 1000;
	assert_false(desk_believes(&d, &stamp));
}

static void test_a_line_under_a_wrong_stamp_is_refused_and_nothing_is_sent(void **state)
{
	struct play p = { .other_uid = true };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	s.desk.self = 4242; /* so that our own uid, which the child has, is a stranger's */
	assert_int_equal(KENMON(&s, W("unlock"), W("sato"), W("--daemon-user"), W("4243")), 77);
	assert_says(s.err, "is not the kenmon vault");
	assert_int_equal(s.desk.line, -1);
	end(&s);
}

static void test_a_line_under_another_nonce_is_refused(void **state)
{
	struct play p = { .other_nonce = true };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("unlock"), W("sato")), 69);
	assert_says(s.err, "does not belong to our question");
	end(&s);
}

static void test_a_line_without_a_descriptor_is_refused(void **state)
{
	struct play p = { .no_fd = true };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("unlock"), W("sato")), 69);
	end(&s);
}

static void test_a_protocol_version_we_do_not_speak_is_refused(void **state)
{
	struct play p = { .version = 99 };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("unlock"), W("sato")), 69);
	assert_says(s.err, "does not speak our protocol");
	end(&s);
}

static void test_a_refusal_is_not_permitted_and_exits_77(void **state)
{
	struct play p = { .refuse = true, .verdict = KM_VERDICT_DENY, .reason = KM_REASON_PEER };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("operator"), W("list"), W("--json")), 77);
	assert_says(s.out, "{\"error\":\"EPERM\",\"message\":\"this account is neither root");
	assert_string_equal(s.err, "");
	end(&s);
}

static void test_a_vault_that_is_away_exits_69(void **state)
{
	struct play p = { .refuse = true,
			  .verdict = KM_VERDICT_UNAVAILABLE,
			  .reason = KM_REASON_NO_VAULT };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("unlock"), W("sato")), 69);
	end(&s);
}

static void test_a_judge_that_closes_at_once_is_an_error_and_no_hang(void **state)
{
	struct play p = { .no_welcome = true };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("unlock"), W("sato")), 69);
	end(&s);
}

/* --- operations ------------------------------------------------------------- */

static void test_an_act_says_what_was_done(void **state)
{
	struct play p = { .text = "a note" };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("unlock"), W("sato")), 0);
	assert_string_equal(s.out, "Operator sato is unlocked.\na note\n");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("unlock"), W("sato"), W("--json")), 0);
	assert_string_equal(s.out, "{\"result\":\"done\",\"id\":7,\"note\":\"a note\"}\n");
	end(&s);
}

static void test_a_note_of_the_vaults_is_in_the_language_of_who_reads_it(void **state)
{
	struct play p = { .text = "nothing was stored" };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	s.desk.lang = KM_LANG_JA;
	assert_int_equal(KENMON(&s, W("unlock"), W("sato")), 0);
	assert_says(s.out, "\n何も保存していません\n");
	end(&s);
	begin(&s, &p, "");
	s.desk.lang = KM_LANG_JA;
	assert_int_equal(KENMON(&s, W("unlock"), W("sato"), W("--json")), 0);
	assert_says(s.out, "\"note\":\"何も保存していません\"");
	end(&s);
}

static void test_a_failure_says_the_rc_and_the_vaults_words(void **state)
{
	struct play p = { .rc = KM_EPERM, .text = "it takes the role officer" };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("unlock"), W("sato")), 77);
	assert_string_equal(s.err, "kenmon: you may not do this: it takes the role officer\n");
	end(&s);
}

/* "there is no such entry: no operator is registered under the login sato" */
static void test_a_failure_says_nothing_twice(void **state)
{
	static const km_rc kinds[] = { KM_EINVAL, KM_ENOTFOUND, KM_EEXIST, KM_ESTATE, KM_ELIMIT };
	struct play p = { .text = "an operator has this login" };
	struct scene s;

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		p.rc = kinds[i];
		begin(&s, &p, "");
		assert_int_equal(KENMON(&s, W("unlock"), W("sato")), 1);
		assert_string_equal(s.err, "kenmon: an operator has this login\n");
		end(&s);
	}
	p.rc = KM_EEXIST;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("unlock"), W("sato"), W("--json")), 1);
	assert_string_equal(s.out,
			    "{\"error\":\"EEXIST\",\"message\":\"an operator has this login\"}\n");
	end(&s);
	p.text = "";
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("unlock"), W("sato")), 1);
	assert_string_equal(s.err, "kenmon: it is registered already\n");
	end(&s);
}

/* "daemon" has an account wherever these tests run. */
static void test_an_account_is_said_to_be_bound_only_when_it_is(void **state)
{
	static const struct {
		km_rc rc;
		int code;
		bool bound;
	} ends[] = { { KM_EREUSED, 1, false }, { KM_OK, 0, true }, { KM_EFILED, 3, true } };
	struct scene s;

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct play p = { .rc = ends[i].rc };

		begin(&s, &p, "");
		assert_int_equal(KENMON(&s, W("operator"), W("add"), W("daemon"),
					W("--employee-number"), W("1"), W("--name"), W("D"),
					W("--department"), W("X")),
				 ends[i].code);
		if ((strstr(s.err, "bound to its uid") != NULL) != ends[i].bound)
			fail_msg("after %s: %s", km_rc_name(ends[i].rc), s.err);
		end(&s);
	}
}

static void test_the_end_of_another_operation_is_refused(void **state)
{
	struct play p = { .other_op = true };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("unlock"), W("sato")), 69);
	assert_says(s.err, "the end of another operation");
	end(&s);
}

static void test_a_broken_line_is_opened_again_with_the_same_operation_id(void **state)
{
	struct play p = { .breaks = 1 };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("unlock"), W("sato")), 0);
	end(&s);
}

static void test_a_line_that_breaks_twice_is_given_up(void **state)
{
	struct play p = { .breaks = 2 };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("unlock"), W("sato")), 69);
	end(&s);
}

static void test_an_enrolment_that_may_ask_is_never_sent_twice(void **state)
{
	struct play p = { .breaks = 1 };
	struct scene s;

	(void)state;
	begin(&s, &p, "123456\n");
	assert_int_equal(ENROLL_HOTP(&s), 69);
	assert_string_equal(s.out, "");
	end(&s);
}

static void test_a_listing_is_printed_with_its_rows(void **state)
{
	struct play p = { .rows = 3 };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("operator"), W("list")), 0);
	assert_says(s.out, "LOGIN ");
	assert_says(s.out, "\nlogin2 ");
	end(&s);
}

static void test_an_empty_listing_says_so_on_standard_error_alone(void **state)
{
	struct play p = { 0 };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("operator"), W("list")), 0);
	assert_string_equal(s.out, "");
	assert_string_equal(s.err, "No operator is registered.\n");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("operator"), W("list"), W("--json")), 0);
	assert_string_equal(s.out, "[\n]\n");
	end(&s);
}

static void test_a_listing_that_breaks_off_is_no_whole_json(void **state)
{
	struct play p = { .rows = 2, .break_in_rows = true };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("operator"), W("list"), W("--json")), 69);
	assert_null(strstr(s.out, "\n]"));
	assert_null(strstr(s.out, "error"));
	assert_says(s.err, "the connection was closed");
	end(&s);
}

static void test_a_listing_that_does_not_advance_is_refused(void **state)
{
	struct play p = { .rows = 2, .stuck_cursor = true };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("operator"), W("list")), 69);
	end(&s);
}

static void test_a_prompt_that_no_operation_asked_for_is_refused(void **state)
{
	struct play p = { .prompt = true };
	struct scene s;

	(void)state;
	begin(&s, &p, "123456\n");
	assert_int_equal(KENMON(&s, W("unlock"), W("sato")), 69);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_the_daemon_user_root_and_ourselves_are_believed),
		cmocka_unit_test(test_no_daemon_account_means_nobody_else_is_believed),
		cmocka_unit_test(test_a_line_under_a_wrong_stamp_is_refused_and_nothing_is_sent),
		cmocka_unit_test(test_a_line_under_another_nonce_is_refused),
		cmocka_unit_test(test_a_line_without_a_descriptor_is_refused),
		cmocka_unit_test(test_a_protocol_version_we_do_not_speak_is_refused),
		cmocka_unit_test(test_a_refusal_is_not_permitted_and_exits_77),
		cmocka_unit_test(test_a_vault_that_is_away_exits_69),
		cmocka_unit_test(test_a_judge_that_closes_at_once_is_an_error_and_no_hang),
		cmocka_unit_test(test_an_act_says_what_was_done),
		cmocka_unit_test(test_a_note_of_the_vaults_is_in_the_language_of_who_reads_it),
		cmocka_unit_test(test_a_failure_says_the_rc_and_the_vaults_words),
		cmocka_unit_test(test_a_failure_says_nothing_twice),
		cmocka_unit_test(test_an_account_is_said_to_be_bound_only_when_it_is),
		cmocka_unit_test(test_the_end_of_another_operation_is_refused),
		cmocka_unit_test(test_a_broken_line_is_opened_again_with_the_same_operation_id),
		cmocka_unit_test(test_a_line_that_breaks_twice_is_given_up),
		cmocka_unit_test(test_an_enrolment_that_may_ask_is_never_sent_twice),
		cmocka_unit_test(test_a_listing_is_printed_with_its_rows),
		cmocka_unit_test(test_an_empty_listing_says_so_on_standard_error_alone),
		cmocka_unit_test(test_a_listing_that_breaks_off_is_no_whole_json),
		cmocka_unit_test(test_a_listing_that_does_not_advance_is_refused),
		cmocka_unit_test(test_a_prompt_that_no_operation_asked_for_is_refused),
	};

	return cmocka_run_group_tests(tests, scene_setup, NULL);
}
