/* The audit trail, the state and what was found suspicious, at the desk. */
#include "desk_scene.h"

static void test_the_last_fifty_records_are_listed_unless_told_otherwise(void **state)
{
	struct play p = { .records = 2000 };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("audit"), W("list")), 0);
	assert_says(s.out, "\n1951 ");
	assert_says(s.out, "\n2000 ");
	assert_null(strstr(s.out, "\n1950 "));
	end(&s);
}

static void test_a_long_listing_goes_on_page_after_page(void **state)
{
	struct play p = { .records = 1700 };
	struct scene s;
	const char *at;
	unsigned lines = 0;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("audit"), W("list"), W("--all")), 0);
	for (at = s.out; *at; at++)
		lines += *at == '\n';
	assert_int_equal(lines, 1701);
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("audit"), W("list"), W("--last"), W("1200")), 0);
	assert_says(s.out, "\n501 ");
	assert_null(strstr(s.out, "\n500 "));
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("audit"), W("list"), W("--after"), W("1698")), 0);
	assert_null(strstr(s.out, "1698"));
	assert_says(s.out, "1699");
	end(&s);
}

static void test_a_record_in_json_has_its_details_undone_and_escaped(void **state)
{
	struct play p = { .records = 1 };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("audit"), W("list"), W("--json")), 0);
	assert_says(s.out, "\"event\":\"login-refused\",\"login\":null,\"subject\":null");
	assert_says(s.out, "\"details\":{\"reason\":\"a b\\u001b=\\\"\",\"service\":\"sshd\"}");
	end(&s);
}

static void test_a_table_of_records_keeps_the_escapes(void **state)
{
	struct play p = { .records = 1 };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("audit"), W("list")), 0);
	assert_says(s.out, "reason=a%20b%1b%3d%22 service=sshd");
	end(&s);
}

static void test_the_trail_is_shown_in_the_language_of_who_reads_it(void **state)
{
	struct play p = { .records = 1 };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	s.desk.lang = KM_LANG_JA;
	assert_int_equal(KENMON(&s, W("audit"), W("list")), 0);
	assert_says(s.out, " ログイン拒否 ");
	assert_says(s.out, "理由=a%20b%1b%3d%22、サービス=sshd");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("audit"), W("list")), 0);
	assert_says(s.out, " login-refused ");
	end(&s);
}

/* Programs read the same, whoever starts them. */
static void test_a_record_in_json_is_the_same_in_every_language(void **state)
{
	struct play p = { .records = 2 };
	struct scene s;
	char english[2048];

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("audit"), W("list"), W("--json")), 0);
	snprintf(english, sizeof(english), "%s", s.out);
	end(&s);
	begin(&s, &p, "");
	s.desk.lang = KM_LANG_JA;
	assert_int_equal(KENMON(&s, W("audit"), W("list"), W("--json")), 0);
	assert_string_equal(s.out, english);
	end(&s);
}

static void test_no_record_is_said_on_standard_error(void **state)
{
	struct play p = { 0 };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("audit"), W("list")), 0);
	assert_string_equal(s.out, "");
	assert_says(s.err, "There is no such record.");
	end(&s);
}

static void test_verifying_goes_on_slice_after_slice(void **state)
{
	struct play p = { .slices = 4 };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("audit"), W("verify")), 0);
	assert_string_equal(s.out, "7 records, unbroken.\n");
	assert_string_equal(s.err, ""); /* progress is for terminals */
	end(&s);
}

static void test_a_broken_chain_exits_1_and_names_the_record(void **state)
{
	struct play p = { .slices = 1, .rc = KM_ECORRUPT, .text = "record 7 was changed" };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("audit"), W("verify")), 1);
	assert_says(s.err, "record 7 was changed");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("audit"), W("verify"), W("--json")), 1);
	assert_says(s.out, "{\"error\":\"ECORRUPT\",\"message\":");
	end(&s);
}

static void test_what_is_wrong_with_the_trail_is_said_in_japanese_too(void **state)
{
	struct play p = { .slices = 1,
			  .rc = KM_ECORRUPT,
			  .text = "the end of the trail is cut off: 2 records are missing" };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	s.desk.lang = KM_LANG_JA;
	assert_int_equal(KENMON(&s, W("audit"), W("verify")), 1);
	assert_says(s.err, "監査記録の末尾が切り取られています。記録 2 件がありません");
	end(&s);
}

static void test_the_last_seal_and_the_first_signer_are_shown(void **state)
{
	struct play p = { .slices = 2, .signers = true };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("audit"), W("verify")), 0);
	assert_says(s.out,
		    "7 records, unbroken.\nThe last seal is on record 6. First signer: a0a0");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("audit"), W("verify"), W("--json")), 0);
	assert_says(s.out, "{\"result\":\"done\",\"records\":7,");
	assert_says(s.out,
		    "\"seals\":3,\"last-sealed-record\":6,\"signers\":[\n{\"generation\":1,");
	assert_says(s.out, "\n{\"generation\":2,\"public\":\"a1a1");
	end(&s);
}

static void test_signers_out_of_order_are_no_answer(void **state)
{
	struct play p = { .slices = 1, .signers = true, .disordered = true };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("audit"), W("verify"), W("--json")), 69);
	assert_says(s.out, "{\"error\":\"EPROTO\"");
	end(&s);
}

#define ANCHOR_HEX "00112233445566778899aabbccddeeff"
#define ANCHOR(seq)                                                                                \
	ANCHOR_HEX " " seq " " ANCHOR_HEX ANCHOR_HEX " 1775001600 1 " ANCHOR_HEX ANCHOR_HEX        \
		   " " ANCHOR_HEX ANCHOR_HEX ANCHOR_HEX ANCHOR_HEX "\n"

static void test_each_anchor_is_compared_and_the_first_bad_one_named(void **state)
{
	struct play p = { .slices = 1 };
	struct scene s;

	(void)state;
	begin(&s, &p, ANCHOR("3") "\n" ANCHOR("4") ANCHOR("5"));
	assert_int_equal(KENMON(&s, W("audit"), W("verify"), W("--anchor"), W("-")), 0);
	assert_says(s.out, "3 anchors of - hold.");
	assert_string_equal(s.err, "");
	end(&s);
	p.bad_anchor = 2;
	p.text = "record 4 is another";
	begin(&s, &p, ANCHOR("3") "\n" ANCHOR("4") ANCHOR("5"));
	assert_int_equal(KENMON(&s, W("audit"), W("verify"), W("--anchor=-")), 1);
	assert_says(s.err, "anchor in line 3: record 4 is another");
	assert_null(strstr(s.out, "unbroken"));
	end(&s);
}

/* C10: what stands in a file that somebody else may have written does not reach the terminal. */
static void test_lines_that_are_no_anchors_are_named_by_number_alone(void **state)
{
	struct play p = { .slices = 1 };
	struct scene s;

	(void)state;
	begin(&s, &p, "\033[2Jevil\n" ANCHOR("4") "\0\n");
	assert_int_equal(KENMON(&s, W("audit"), W("verify"), W("--anchor"), W("-")), 0);
	assert_says(s.err, "line 1 of - is no anchor");
	assert_null(strstr(s.err, "evil"));
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("audit"), W("verify"), W("--anchor"), W("-")), 1);
	assert_says(s.err, "there is no anchor in -");
	end(&s);
}

static void test_alarms_stand_first_and_say_so(void **state)
{
	struct play p = { .status = true };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("status")), 0);
	assert_memory_equal(
	    s.out, "ALARM: clock: the clock was moved by -400 seconds\nversion  0.1\n", 63);
	assert_says(s.out, "On this machine:");
	end(&s);
	begin(&s, &p, "");
	s.desk.lang = KM_LANG_JA;
	assert_int_equal(KENMON(&s, W("status")), 0);
	assert_says(s.out, " clock: 時計が -400 秒動かされました\nversion  0.1\n");
	end(&s);
	begin(&s, &p, "");
	s.desk.lang = KM_LANG_JA;
	assert_int_equal(KENMON(&s, W("status"), W("--json")), 0);
	assert_says(
	    s.out,
	    "{\"key\":\"clock\",\"value\":\"the clock was moved by -400 seconds\",\"alarm\":true}");
	end(&s);
}

static void test_what_was_found_is_shown_before_it_can_be_accepted(void **state)
{
	struct play p = { .status = true };
	struct scene s;

	(void)state;
	begin(&s, &p, "no\n");
	assert_int_equal(KENMON(&s, W("accept"), W("clock")), 1);
	assert_says(s.out, "the clock was moved by -400 seconds");
	assert_says(s.err, "Type the word yes to accept: ");
	assert_says(s.err, "not accepted; nothing was changed");
	end(&s);
	begin(&s, &p, "yes\n");
	assert_int_equal(KENMON(&s, W("accept"), W("clock")), 0);
	assert_says(s.out, "Accepted: clock.");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("accept"), W("clock"), W("--yes")), 0);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_last_fifty_records_are_listed_unless_told_otherwise),
		cmocka_unit_test(test_a_long_listing_goes_on_page_after_page),
		cmocka_unit_test(test_a_record_in_json_has_its_details_undone_and_escaped),
		cmocka_unit_test(test_a_table_of_records_keeps_the_escapes),
		cmocka_unit_test(test_the_trail_is_shown_in_the_language_of_who_reads_it),
		cmocka_unit_test(test_a_record_in_json_is_the_same_in_every_language),
		cmocka_unit_test(test_no_record_is_said_on_standard_error),
		cmocka_unit_test(test_verifying_goes_on_slice_after_slice),
		cmocka_unit_test(test_a_broken_chain_exits_1_and_names_the_record),
		cmocka_unit_test(test_what_is_wrong_with_the_trail_is_said_in_japanese_too),
		cmocka_unit_test(test_the_last_seal_and_the_first_signer_are_shown),
		cmocka_unit_test(test_signers_out_of_order_are_no_answer),
		cmocka_unit_test(test_each_anchor_is_compared_and_the_first_bad_one_named),
		cmocka_unit_test(test_lines_that_are_no_anchors_are_named_by_number_alone),
		cmocka_unit_test(test_alarms_stand_first_and_say_so),
		cmocka_unit_test(test_what_was_found_is_shown_before_it_can_be_accepted),
	};

	return cmocka_run_group_tests(tests, scene_setup, NULL);
}
