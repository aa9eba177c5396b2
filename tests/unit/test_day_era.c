/* Days as people in Japan write them: every form, and the borders of the eras. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <kenmon/clock.h>

#include "../../enroll/day_era.h"

static void reads_as(const char *text, const char *iso)
{
	int64_t day = -77, wanted = 0;

	if (day_era_parse(text, &day) != DAY_GOOD)
		fail_msg("%s is refused", text);
	assert_int_equal(km_day_parse(iso, &wanted), KM_OK);
	if (day != wanted)
		fail_msg("%s is day %lld and not %s", text, (long long)day, iso);
}

static void is_refused(const char *text, enum day_fault fault)
{
	int64_t day = -77;
	enum day_fault got = day_era_parse(text, &day);

	if (got != fault)
		fail_msg("%s: fault %d and not %d", text, (int)got, (int)fault);
	assert_int_equal(day, -77);
}

static void test_every_way_to_write_a_day_reads_as_that_day(void **state)
{
	static const char *const first_of_april[] = {
		"2026-04-01",       "2026-4-1",        "2026/4/1",         "2026/04/01",
		"2026.4.1",         "20260401",        "2026年4月1日",     "令和8年4月1日",
		"令和08年04月01日", "R8.4.1",          "r8.4.1",           "R08.04.01",
		"R8/4/1",           "R8-4-1",          "R8年4月1日",       "㋿8年4月1日",
		"令和８年４月１日", "Ｒ８．４．１",    "２０２６／４／１", "令和 8年 4月 1日",
		" 2026-04-01 ",     "令和　8年4月1日", "ｒ8.4.1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(first_of_april) / sizeof(first_of_april[0]); i++)
		reads_as(first_of_april[i], "2026-04-01");
}

static void test_the_first_year_of_an_era_is_written_gannen_or_1(void **state)
{
	(void)state;
	reads_as("令和元年5月1日", "2019-05-01");
	reads_as("令和1年5月1日", "2019-05-01");
	reads_as("R元.5.1", "2019-05-01");
	reads_as("平成元年1月8日", "1989-01-08");
	is_refused("令和元8年5月1日", DAY_UNREADABLE);
	is_refused("令和0年5月1日", DAY_UNREADABLE);
	is_refused("元年5月1日", DAY_UNREADABLE);
	is_refused("2019年元月1日", DAY_UNREADABLE);
}

static void test_an_era_is_taken_from_its_first_day_to_its_last_and_not_beyond(void **state)
{
	(void)state;
	reads_as("平成31年4月30日", "2019-04-30");
	reads_as("H31.4.30", "2019-04-30");
	is_refused("平成31年5月1日", DAY_OUTSIDE_ERA);
	is_refused("H31.5.1", DAY_OUTSIDE_ERA);
	is_refused("平成38年4月1日", DAY_OUTSIDE_ERA);
	is_refused("令和元年4月30日", DAY_OUTSIDE_ERA);
	reads_as("昭和64年1月7日", "1989-01-07");
	reads_as("S64.1.7", "1989-01-07");
	reads_as("㍼64年1月7日", "1989-01-07");
	is_refused("昭和64年1月8日", DAY_OUTSIDE_ERA);
	is_refused("平成元年1月7日", DAY_OUTSIDE_ERA);
	reads_as("㍻1年1月8日", "1989-01-08");
}

static void test_days_that_no_calendar_has_are_refused(void **state)
{
	(void)state;
	is_refused("2026-02-29", DAY_NO_SUCH);
	reads_as("2028-02-29", "2028-02-29");
	reads_as("令和10年2月29日", "2028-02-29");
	is_refused("令和8年2月29日", DAY_NO_SUCH);
	is_refused("2026-13-01", DAY_NO_SUCH);
	is_refused("2026-00-01", DAY_NO_SUCH);
	is_refused("2026-04-31", DAY_NO_SUCH);
	is_refused("20260431", DAY_NO_SUCH);
	is_refused("1969-12-31", DAY_NO_SUCH);
	is_refused("昭和44年12月31日", DAY_NO_SUCH);
	reads_as("昭和45年1月1日", "1970-01-01");
}

static void test_what_is_no_date_is_refused(void **state)
{
	static const char *const none[] = {
		"",
		" ",
		"tomorrow",
		"2026",
		"2026-04",
		"26-04-01",
		"4/1/2026",
		"2026-04-01T00:00",
		"2026-04-01 00:00:00",
		"2026-04/01",
		"2026/4-1",
		"2026年4月1",
		"2026年4/1",
		"2026-4-1日",
		"2026 0401",
		"2026-04-0 1",
		"R8",
		"R.4.1",
		"RR8.4.1",
		"R8.4.1.",
		"M45.7.30",
		"大正15年12月25日",
		"明治元年1月1日",
		"+2026-04-01",
		"-2026-04-01",
		"2026-004-01",
		"12026-04-01",
		"R123.4.1",
		"2026y4m1d",
		"f.4.1",
		"=1+1",
		"2026-04-01\n",
		"2026-04-01\t",
		"\xef\xbc",
		"\xff",
		"Ｒ\xef",
		"2026-04-01aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"111111111111111111111111111111111111111111",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		is_refused(none[i], DAY_UNREADABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_way_to_write_a_day_reads_as_that_day),
		cmocka_unit_test(test_the_first_year_of_an_era_is_written_gannen_or_1),
		cmocka_unit_test(
		    test_an_era_is_taken_from_its_first_day_to_its_last_and_not_beyond),
		cmocka_unit_test(test_days_that_no_calendar_has_are_refused),
		cmocka_unit_test(test_what_is_no_date_is_refused),
	};

	return cmocka_run_group_tests_name("day_era", tests, NULL, NULL);
}
