/* Civil days without a clock, and that the clocks are read at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <kenmon/clock.h>
#include <kenmon/factor.h>

static void test_known_days_are_where_they_belong(void **state)
{
	static const struct {
		const char *text;
		int64_t day;
	} days[] = {
		{ "1970-01-01", 0 },     { "1970-12-31", 364 },     { "1972-02-29", 789 },
		{ "1999-12-31", 10956 }, { "2000-02-29", 11016 },   { "2000-03-01", 11017 },
		{ "2026-04-01", 20544 }, { "2038-01-19", 24855 },   { "2100-02-28", 47540 },
		{ "2100-03-01", 47541 }, { "9999-12-31", 2932896 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
		int64_t day = -4711;
		char text[16];

		assert_int_equal(km_day_parse(days[i].text, &day), KM_OK);
		assert_int_equal(day, days[i].day);
		km_day_format(day, text);
		assert_string_equal(text, days[i].text);
	}
}

static void test_every_day_of_eight_thousand_years_is_its_own_text(void **state)
{
	char before[16] = "", text[16];

	(void)state;
	for (int64_t day = 0; day <= 2932896; day += day < 200000 ? 1 : 97) {
		int64_t again = -1;

		km_day_format(day, text);
		assert_int_equal(km_day_parse(text, &again), KM_OK);
		assert_int_equal(again, day);
		assert_true(strcmp(before, text) < 0);
		memcpy(before, text, sizeof(before));
	}
}

static void test_what_is_no_date_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"2026",
		"2026-4-1",
		"2026-04-01 ",
		" 2026-04-01",
		"2026/04/01",
		"2026-00-10",
		"2026-13-01",
		"2026-01-00",
		"2026-01-32",
		"2026-02-30",
		"2026-02-29",
		"2026-04-31",
		"2100-02-29",
		"1969-12-31",
		"0000-01-01",
		"-026-04-01",
		"2026-+4-01",
		"20a6-04-01",
		"2026-04-0x",
		"12026-04-01",
		"tomorrow",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int64_t day = 4711;

		assert_int_equal(km_day_parse(texts[i], &day), KM_EINVAL);
		assert_int_equal(day, 4711);
	}
	assert_int_equal(km_day_parse(NULL, &(int64_t){ 0 }), KM_EINVAL);
}

static void test_a_day_that_has_no_text_is_empty(void **state)
{
	static const int64_t days[] = { KM_DAY_NONE, -719468, INT64_MIN, 2932897, INT64_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
		char text[16] = "x";

		km_day_format(days[i], text);
		assert_string_equal(text, "");
	}
}

static void test_an_unknown_time_zone_is_refused_and_changes_nothing(void **state)
{
	static const char *const zones[] = {
		"Asia/Toyko",
		"../../../etc/passwd",
		"Asia/../Asia/Tokyo",
		"/etc/localtime",
		"Asia",
		"JST-9",
		":Asia/Tokyo",
		"Asia/Tokyo\n",
		"asia/tokyo",
		"tzdata.zi",
		" ",
		"A/very/long/name/that/is/longer/than/any/time/zone/has/ever/been/or/will/be",
	};

	(void)state;
	assert_int_equal(km_clock_zone("Asia/Tokyo"), KM_OK);
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		assert_int_equal(km_clock_zone(zones[i]), KM_EINVAL);
		assert_string_equal(getenv("TZ"), ":Asia/Tokyo");
	}
}

static void test_today_is_the_sites_day(void **state)
{
	struct km_now east, west;

	(void)state;
	/* 26 hours apart: never the same day, whatever the time is. */
	assert_int_equal(km_clock_zone("Pacific/Kiritimati"), KM_OK);
	assert_int_equal(km_clock_read(&east), KM_OK);
	assert_int_equal(km_clock_zone("Etc/GMT+12"), KM_OK);
	assert_int_equal(km_clock_read(&west), KM_OK);
	assert_true(east.today == west.today + 1 || east.today == west.today + 2);
	assert_int_equal(km_clock_zone("Etc/UTC"), KM_OK);
	assert_int_equal(km_clock_read(&east), KM_OK);
	assert_int_equal(east.today, east.wall / 86400);
	assert_int_equal(km_clock_zone(""), KM_OK);
	assert_null(getenv("TZ"));
	assert_int_equal(km_clock_zone(NULL), KM_OK);
}

static void test_a_time_that_no_calendar_has_is_no_day(void **state)
{
	int64_t day = 4711;

	(void)state;
	assert_int_equal(km_day_at(INT64_MAX, &day), KM_EINVAL);
	assert_int_equal(day, 4711);
}

static void test_everything_is_read(void **state)
{
	static const uint8_t zero[16];
	struct km_now a, b;

	(void)state;
	memset(&a, 0xFF, sizeof(a));
	assert_int_equal(km_clock_read(&a), KM_OK);
	assert_int_equal(km_clock_read(&b), KM_OK);
	assert_true(a.wall > 1600000000);
	assert_true(a.boot_ms > 0 && b.boot_ms >= a.boot_ms);
	assert_true(km_boot_ms() >= b.boot_ms);
	assert_memory_not_equal(a.boot_id, zero, 16);
	assert_memory_equal(a.boot_id, b.boot_id, 16);
	assert_true(a.synchronised == 0 || a.synchronised == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_days_are_where_they_belong),
		cmocka_unit_test(test_every_day_of_eight_thousand_years_is_its_own_text),
		cmocka_unit_test(test_what_is_no_date_is_refused),
		cmocka_unit_test(test_a_day_that_has_no_text_is_empty),
		cmocka_unit_test(test_an_unknown_time_zone_is_refused_and_changes_nothing),
		cmocka_unit_test(test_today_is_the_sites_day),
		cmocka_unit_test(test_a_time_that_no_calendar_has_is_no_day),
		cmocka_unit_test(test_everything_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
