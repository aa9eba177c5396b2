/* "Until when": the ways to say it, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <kenmon/clock.h>

#include "../../enroll/commands.h"

#define NOON 1775012400 /* 2026-04-01T12:00+09:00 */

static km_rc until(const char *text, int64_t *out)
{
	struct desk d;
	km_rc rc;

	desk_init(&d);
	rc = desk_until(&d, text, NOON, out);
	assert_int_equal(rc == KM_OK, d.why[0] == '\0');
	return rc;
}

static int zone_of_tokyo(void **state)
{
	(void)state;
	return km_clock_zone("Asia/Tokyo") == KM_OK ? 0 : -1;
}

static void test_a_time_of_day_is_the_next_one(void **state)
{
	int64_t at = 0;

	(void)state;
	assert_int_equal(until("17:00", &at), KM_OK);
	assert_int_equal(at, NOON + 5 * 3600);
	assert_int_equal(until("12:01", &at), KM_OK);
	assert_int_equal(at, NOON + 60);
	/* Now is over: that is tomorrow. */
	assert_int_equal(until("12:00", &at), KM_OK);
	assert_int_equal(at, NOON + 86400);
	assert_int_equal(until("00:00", &at), KM_OK);
	assert_int_equal(at, NOON + 12 * 3600);
}

static void test_a_date_and_a_time_are_of_the_sites_zone(void **state)
{
	int64_t at = 0;

	(void)state;
	assert_int_equal(until("2026-04-01T17:30", &at), KM_OK);
	assert_int_equal(at, NOON + 5 * 3600 + 1800);
	assert_int_equal(until("2026-04-02T00:00", &at), KM_OK);
	assert_int_equal(at, NOON + 12 * 3600);
	assert_int_equal(until("令和8年4月1日T17:30", &at), KM_OK);
	assert_int_equal(at, NOON + 5 * 3600 + 1800);
	assert_int_equal(until("R8.4.1T17:30", &at), KM_OK);
	assert_int_equal(at, NOON + 5 * 3600 + 1800);
}

static void test_hours_count_from_now(void **state)
{
	int64_t at = 0;

	(void)state;
	assert_int_equal(until("+8h", &at), KM_OK);
	assert_int_equal(at, NOON + 8 * 3600);
	assert_int_equal(until("+24h", &at), KM_OK);
	assert_int_equal(at, NOON + 86400);
}

static void test_anything_else_is_no_time(void **state)
{
	static const char *const wrong[] = {
		"",
		"noon",
		"8h",
		"+h",
		"+0h",
		"+8",
		"+8m",
		"+-8h",
		"24:00",
		"17:60",
		"7:00",
		"17:00:00",
		"17.00",
		"17:0",
		"1 7:00",
		"+8hh",
		"2026-04-01",
		"2026-04-31T17:00",
		"平成31年5月1日T17:00",
		"T17:00",
		"2026-04-01 17:00",
		"2026-04-01T1700",
		"2026-04-01T25:00",
	};
	int64_t at;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		if (until(wrong[i], &at) != KM_EUSAGE)
			fail_msg("'%s' is taken for a time", wrong[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_time_of_day_is_the_next_one),
		cmocka_unit_test(test_a_date_and_a_time_are_of_the_sites_zone),
		cmocka_unit_test(test_hours_count_from_now),
		cmocka_unit_test(test_anything_else_is_no_time),
	};

	return cmocka_run_group_tests(tests, zone_of_tokyo, NULL);
}
