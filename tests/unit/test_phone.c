/* Telephone numbers: as people write them, as they are kept, and what of them is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <kenmon/conf.h>
#include <kenmon/phone.h>

#define JAPAN       "+81"
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void reads_as(const char *typed, const char *country, const char *wanted)
{
	char number[KM_NUMBER_MAX + 1] = "untouched";
	enum km_phone_fault fault = km_phone_normalise(typed, country, number);

	if (fault != KM_PHONE_GOOD)
		fail_msg("\"%s\" is refused: %s", typed, km_phone_fault_text(fault));
	if (strcmp(number, wanted) != 0)
		fail_msg("\"%s\" reads as %s and not as %s", typed, number, wanted);
}

static void is_refused(const char *typed, const char *country, enum km_phone_fault wanted)
{
	char number[KM_NUMBER_MAX + 1] = "untouched";
	enum km_phone_fault fault = km_phone_normalise(typed, country, number);

	if (fault != wanted)
		fail_msg("\"%s\": %s, and not: %s", typed, km_phone_fault_text(fault),
			 km_phone_fault_text(wanted));
	assert_string_equal(number, "untouched");
}

static void test_every_way_to_write_a_number_reads_as_that_number(void **state)
{
	static const char *const ways[] = {
		"09012345678",
		"090-1234-5678",
		"090 1234 5678",
		"(090) 1234-5678",
		"(090)1234.5678",
		"０９０１２３４５６７８",
		"０９０－１２３４－５６７８",
		"（０９０）１２３４－５６７８",
		"０９０ー１２３４ー５６７８",
		"090‐1234‐5678",
		"090−1234−5678",
		"090–1234–5678",
		"　090　1234　5678　",
		"+819012345678",
		"+81 90 1234 5678",
		"+81-90-1234-5678",
		"+81 (0)90 1234 5678",
		"+81(0) 90-1234-5678",
		"+81 090-1234-5678",
		"＋８１ ９０ １２３４ ５６７８",
		"＋８１（０）９０－１２３４－５６７８",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(ways); i++)
		reads_as(ways[i], JAPAN, "+819012345678");
}

static void test_landlines_and_numbers_of_other_countries_are_read(void **state)
{
	(void)state;
	reads_as("03-1234-5678", JAPAN, "+81312345678");
	reads_as("0422-12-3456", JAPAN, "+81422123456");
	reads_as("050-1234-5678", JAPAN, "+815012345678");
	reads_as("0800-123-4567", JAPAN, "+818001234567");
	reads_as("+44 (0)20 7946 0123", JAPAN, "+442079460123");
	reads_as("+39 06 1234567", JAPAN, "+39061234567"); /* the 0 belongs to it there */
	reads_as("020 7946 0123", "+44", "+442079460123");
	reads_as("+683 4000", JAPAN, "+6834000"); /* the shortest that there is */
	reads_as("+881234567890123", JAPAN, "+881234567890123");
}

static void test_a_missing_or_additional_digit_is_noticed(void **state)
{
	(void)state;
	is_refused("090-1234-567", JAPAN, KM_PHONE_SHORT);
	is_refused("090-1234-56789", JAPAN, KM_PHONE_LONG);
	is_refused("03-1234-567", JAPAN, KM_PHONE_SHORT);
	is_refused("+81 3 1234 567890", JAPAN, KM_PHONE_LONG);
	is_refused("+1 212 555 012", JAPAN, KM_PHONE_SHORT);
	is_refused("+683 400", JAPAN, KM_PHONE_SHORT);
	is_refused("+8812345678901234", JAPAN, KM_PHONE_LONG);
	is_refused("+44123456789012345678901234567890", JAPAN, KM_PHONE_LONG);
	is_refused("0", JAPAN, KM_PHONE_SHORT);
}

static void test_what_names_no_country_is_refused(void **state)
{
	static const char *const typed[] = {
		"9012345678",        "819012345678",   "110",         "4711", "00819012345678",
		"0081 90 1234 5678", "+0819012345678", "+09012345678"
	};

	(void)state;
	for (size_t i = 0; i < COUNT(typed); i++)
		is_refused(typed[i], JAPAN, KM_PHONE_BEGIN);
}

static void test_what_belongs_to_no_number_is_refused(void **state)
{
	static const char *const typed[] = {
		"090-1234-567x",
		"09012345678;reboot",
		"$(reboot)",
		"090'12345678",
		"090\"12345678",
		"090\n12345678",
		"090\r12345678",
		"090\t12345678",
		"\033[2J09012345678",
		"+819012345678\xe2\x80\xa8",
		("090\xe2\x80\x8b"
		 "12345678"),
		"++819012345678",
		"+81+9012345678",
		"090+12345678",
		"=09012345678",
		"@09012345678",
		"tel:+819012345678",
		"#31#09012345678",
		"*",
		"090,12345678",
		"0９０\xef\xbc",
		"090\xff",
		"٠٩٠١٢٣٤٥٦٧٨",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(typed); i++)
		is_refused(typed[i], JAPAN, KM_PHONE_SIGN);
}

static void test_no_number_is_refused(void **state)
{
	static const char *const typed[] = { "", " ", "-", "()", "+", "+ ", "（）", "　" };

	(void)state;
	for (size_t i = 0; i < COUNT(typed); i++)
		is_refused(typed[i], JAPAN, KM_PHONE_EMPTY);
}

static void test_a_country_code_is_a_plus_and_one_to_three_digits(void **state)
{
	static const char *const good[] = { "+1", "+7", "+81", "+683" };
	static const char *const bad[] = { "",    "+",     "81",  "+0",   "+081",
					   "+8x", "+1234", "++1", " +81", "+81 " };

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		if (!km_phone_country_is_good(good[i]))
			fail_msg("%s is refused", good[i]);
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (km_phone_country_is_good(bad[i]))
			fail_msg("\"%s\" is taken", bad[i]);
		is_refused("09012345678", bad[i], KM_PHONE_COUNTRY);
		is_refused("+819012345678", bad[i], KM_PHONE_COUNTRY);
	}
}

/* --- what the configuration says of it ------------------------------------------------------ */

static enum km_phone_fault takes(const char *typed, const char *prefixes, const char *barred,
				 char number[KM_NUMBER_MAX + 1])
{
	const struct km_phone_rules rules = { JAPAN, prefixes, barred };

	return km_phone_take(typed, &rules, number);
}

static enum km_phone_fault rule(const char *number, const char *prefixes, const char *barred)
{
	const struct km_phone_rules rules = { JAPAN, prefixes, barred };

	return km_phone_rule(number, &rules);
}

static void test_only_numbers_with_an_allowed_beginning_are_taken(void **state)
{
	char number[KM_NUMBER_MAX + 1] = "untouched";

	(void)state;
	assert_int_equal(takes("090-1234-5678", "+81", "", number), KM_PHONE_GOOD);
	assert_string_equal(number, "+819012345678");
	snprintf(number, sizeof(number), "untouched");
	assert_int_equal(takes("+44 20 7946 0123", "+81", "", number), KM_PHONE_OTHER);
	assert_int_equal(takes("+44 20 7946 0123", "", "", number), KM_PHONE_OTHER);
	assert_int_equal(takes("03-1234-5678", "+8190 +8180", "", number), KM_PHONE_OTHER);
	assert_int_equal(takes("03-1234", "+81", "", number), KM_PHONE_SHORT);
	assert_int_equal(takes("090-1234-5678", "+81", "+8190", number), KM_PHONE_BARRED);
	assert_int_equal(takes("090-1234-5678", "+44", "+8190", number), KM_PHONE_OTHER);
	assert_string_equal(number, "untouched");
	assert_int_equal(takes("+44 20 7946 0123", " +81  +44 ", "+8190  +447 ", number),
			 KM_PHONE_GOOD);
	assert_string_equal(number, "+442079460123");
}

/* Numbering plan of Japan: what costs more than a call, and what is no person's telephone. */
static void test_C20_numbers_of_our_country_that_cost_extra_are_barred_as_shipped(void **state)
{
	static const char *const bad[] = {
		"0990-123-456", "0570-012-345", "0120-123-456",  "0800-123-4567",
		"0170-12-3456", "0180-99-1234", "010-9601-2345", "020-4123-4567",
	};
	static const char *const fine[] = {
		"090-1234-5678", "080-1234-5678", "070-1234-5678", "060-1234-5678", "050-3123-4567",
		"03-1234-5678",  "011-123-4567",  "0123-45-6789",  "0172-34-5678",  "0182-34-5678",
		"0572-34-5678",  "018-812-3456",  "022-123-4567",  "099-212-3456",  "0994-12-3456",
	};
	static struct km_conf conf;
	char number[KM_NUMBER_MAX + 1] = "";

	(void)state;
	km_conf_defaults(&conf);
	for (size_t i = 0; i < COUNT(bad); i++)
		if (takes(bad[i], conf.phone.prefixes, conf.phone.barred, number) !=
		    KM_PHONE_BARRED)
			fail_msg("%s is not barred", bad[i]);
	assert_string_equal(number, "");
	for (size_t i = 0; i < COUNT(fine); i++)
		if (takes(fine[i], conf.phone.prefixes, conf.phone.barred, number) != KM_PHONE_GOOD)
			fail_msg("%s is refused", fine[i]);
}

static void test_a_list_of_beginnings_with_a_fault_allows_nothing(void **state)
{
	static const char *const good[] = { "+81", "+81 +44", " +8190  +8180 ", "+1",
					    "+819012345678" };
	static const char *const bad[] = { "81",
					   "+",
					   "+81,+44",
					   "+81 44",
					   "+81 +",
					   "+0 +81",
					   "+81 *",
					   "+8x +81",
					   "+81\t+44",
					   "++81",
					   "+81+44",
					   "+81 all",
					   "+81 +12345678901234567" };
	static const char *const empty[] = { "", " " };

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		if (!km_phone_prefixes_are_good(good[i]) || !km_phone_barred_is_good(good[i]))
			fail_msg("\"%s\" is refused", good[i]);
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (km_phone_prefixes_are_good(bad[i]) || km_phone_barred_is_good(bad[i]))
			fail_msg("\"%s\" is taken", bad[i]);
		if (rule("+819012345678", bad[i], "") != KM_PHONE_OTHER ||
		    rule("+819012345678", "+81", bad[i]) != KM_PHONE_BARRED)
			fail_msg("\"%s\" allows a number", bad[i]);
	}
	for (size_t i = 0; i < COUNT(empty); i++) {
		assert_false(km_phone_prefixes_are_good(empty[i]));
		assert_int_equal(rule("+819012345678", empty[i], ""), KM_PHONE_OTHER);
		assert_true(km_phone_barred_is_good(empty[i]));
		assert_int_equal(rule("+819012345678", "+81", empty[i]), KM_PHONE_GOOD);
	}
	assert_int_equal(rule("09012345678", "+81", ""), KM_PHONE_OTHER);
	assert_int_equal(rule("+8", "+8", ""), KM_PHONE_OTHER);
}

static void test_what_is_kept_is_e164_and_nothing_else(void **state)
{
	static const char *const bad[] = { "",
					   "+",
					   "819012345678",
					   "+0819012345678",
					   "+81 9012345678",
					   "+81-9012345678",
					   "+123456",
					   "+1234567890123456",
					   "+819012345678 ",
					   "+819012345678\n" };

	(void)state;
	assert_true(km_phone_is_e164("+1234567"));
	assert_true(km_phone_is_e164("+123456789012345"));
	for (size_t i = 0; i < COUNT(bad); i++)
		if (km_phone_is_e164(bad[i]))
			fail_msg("\"%s\" is taken", bad[i]);
}

static void is_shown_as(const char *number, const char *country, const char *wanted)
{
	char mask[KM_PHONE_MASK];

	km_phone_mask(number, country, mask);
	assert_string_equal(mask, wanted);
}

static void test_a_number_is_shown_with_stars(void **state)
{
	(void)state;
	is_shown_as("+819012345678", JAPAN, "090-****-5678");
	is_shown_as("+81312345678", JAPAN, "03-****-5678");
	is_shown_as("+819012345678", "+44", "+81 ****5678");
	is_shown_as("+442079460123", JAPAN, "+44 ****0123");
	is_shown_as("+12125550123", JAPAN, "+1 ****0123");
	is_shown_as("+358401234567", JAPAN, "+358 ****4567");
	is_shown_as("+6834000", JAPAN, "+683 ****00");
	is_shown_as("+6834000", "+683", "0-****-00");
	is_shown_as("+6834000", "", "+683 ****00");
	is_shown_as("09012345678", JAPAN, "****");
	is_shown_as("", JAPAN, "****");
}

/* A number with random digits, and how somebody might write it. */
static void write_somehow(const char *digits, char *out, size_t cap)
{
	static const char *const between[] = { "", "", "", "-", " ", "－", "　", ".", "ー" };
	size_t used = 0;

	for (; *digits; digits++) {
		const char *sign = between[rand() % (int)COUNT(between)];
		bool wide = rand() % 2;

		used +=
		    (size_t)snprintf(out + used, cap - used, "%s%s%c", sign, wide ? "\xef\xbc" : "",
				     wide ? (char)(0x90 + *digits - '0') : *digits);
		assert_true(used < cap);
	}
}

static void test_any_national_number_reads_as_its_international_form_does(void **state)
{
	(void)state;
	srand(6);
	for (unsigned round = 0; round < 20000; round++) {
		char digits[12], national[128], international[128], wanted[KM_NUMBER_MAX + 1];
		unsigned len = rand() % 2 ? 10 : 9;

		snprintf(digits, sizeof(digits), "%d0", rand() % 2 ? 7 : 9);
		if (len == 9)
			snprintf(digits, sizeof(digits), "3%d", 1 + rand() % 9);
		for (unsigned i = 2; i < len; i++)
			snprintf(digits + i, sizeof(digits) - i, "%d", rand() % 10);
		snprintf(wanted, sizeof(wanted), "+81%s", digits);
		snprintf(international, sizeof(international), "＋81");
		write_somehow(digits, international + strlen(international), 100);
		snprintf(national, sizeof(national), "0");
		write_somehow(digits, national + 1, 100);
		reads_as(national, JAPAN, wanted);
		reads_as(international, JAPAN, wanted);
		reads_as(wanted, JAPAN, wanted);
	}
}

static void test_no_mask_shows_more_than_half_of_what_is_behind_the_country(void **state)
{
	(void)state;
	srand(7);
	for (unsigned round = 0; round < 20000; round++) {
		char number[KM_NUMBER_MAX + 1] = "+", mask[KM_PHONE_MASK];
		unsigned len =
		    KM_E164_LEAST + (unsigned)rand() % (KM_E164_MOST - KM_E164_LEAST + 1);
		size_t tail;

		for (unsigned i = 0; i < len; i++)
			number[1 + i] = (char)((i ? '0' : '1') + rand() % 9);
		number[1 + len] = '\0';
		km_phone_mask(number, JAPAN, mask);
		assert_non_null(strstr(mask, "****"));
		assert_null(strstr(mask, number + 1));
		tail = strspn(strstr(mask, "****") + 4, "-0123456789");
		assert_true(tail <= 5); /* a hyphen and four digits */
		/* What is shown ends as the number does. */
		assert_string_equal(mask + strlen(mask) - 2, number + strlen(number) - 2);
	}
}

static void test_a_number_of_the_register_is_digits_and_a_plus_before_them_or_not(void **state)
{
	static const char *const good[] = { "09012345678", "+819012345678", "119", "4711",
					    "+12345678901234567890" };
	static const char *const bad[] = { "",
					   "+",
					   "12",
					   "+12",
					   "090-1234-5678",
					   "0901234567x",
					   " 09012345678",
					   "++8190",
					   "81+90",
					   "=09012345678",
					   "123456789012345678901" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!km_phone_is_number(good[i]))
			fail_msg("%s is refused", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (km_phone_is_number(bad[i]))
			fail_msg("\"%s\" is taken", bad[i]);
}

static void test_what_stands_between_the_digits_of_the_register_is_not_kept(void **state)
{
	static const char *const bad[] = { "",
					   "+",
					   "12",
					   "call me",
					   "0312345678 ext",
					   "03+1",
					   "\n119",
					   "=119",
					   "1234 5678 9012 3456 7890 1" };
	char out[KM_PHONE_MOST + 2];

	(void)state;
	assert_true(km_phone_compact("（０３）１２３４－５６７８", out));
	assert_string_equal(out, "0312345678");
	assert_true(km_phone_compact("＋81 (0)3 1234 5678", out)); /* as the register has it */
	assert_string_equal(out, "+810312345678");
	assert_true(km_phone_compact("47-11", out));
	assert_string_equal(out, "4711");
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (km_phone_compact(bad[i], out))
			fail_msg("\"%s\" is taken", bad[i]);
		assert_string_equal(out, "4711");
	}
}

static void test_every_fault_has_a_sentence_of_its_own(void **state)
{
	(void)state;
	for (unsigned a = KM_PHONE_GOOD; a <= KM_PHONE_BARRED; a++)
		for (unsigned b = KM_PHONE_GOOD; b < a; b++)
			assert_string_not_equal(km_phone_fault_text((enum km_phone_fault)a),
						km_phone_fault_text((enum km_phone_fault)b));
	assert_string_equal(km_phone_fault_text((enum km_phone_fault)99), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_way_to_write_a_number_reads_as_that_number),
		cmocka_unit_test(test_landlines_and_numbers_of_other_countries_are_read),
		cmocka_unit_test(test_a_missing_or_additional_digit_is_noticed),
		cmocka_unit_test(test_what_names_no_country_is_refused),
		cmocka_unit_test(test_what_belongs_to_no_number_is_refused),
		cmocka_unit_test(test_no_number_is_refused),
		cmocka_unit_test(test_a_country_code_is_a_plus_and_one_to_three_digits),
		cmocka_unit_test(test_only_numbers_with_an_allowed_beginning_are_taken),
		cmocka_unit_test(
		    test_C20_numbers_of_our_country_that_cost_extra_are_barred_as_shipped),
		cmocka_unit_test(test_a_list_of_beginnings_with_a_fault_allows_nothing),
		cmocka_unit_test(test_what_is_kept_is_e164_and_nothing_else),
		cmocka_unit_test(test_a_number_is_shown_with_stars),
		cmocka_unit_test(test_any_national_number_reads_as_its_international_form_does),
		cmocka_unit_test(test_no_mask_shows_more_than_half_of_what_is_behind_the_country),
		cmocka_unit_test(
		    test_a_number_of_the_register_is_digits_and_a_plus_before_them_or_not),
		cmocka_unit_test(test_what_stands_between_the_digits_of_the_register_is_not_kept),
		cmocka_unit_test(test_every_fault_has_a_sentence_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
