/* How many codes may be sent in an hour and in a day. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../authd/vault/budget.h"

#define NOON (20000 * (int64_t)BUDGET_DAY + 12 * BUDGET_HOUR)

static const struct budget_limit limit = { .hour = 3, .day = 5 };

/* One more at this time, if it may be. */
static bool asks(struct km_budget *b, int64_t wall, bool in_doubt)
{
	*b = budget_at(b, wall, in_doubt);
	if (!budget_allows(b, &limit))
		return false;
	*b = budget_sent(b);
	return true;
}

static void test_the_hour_is_up_before_the_day(void **state)
{
	struct km_budget b = { 0 };

	(void)state;
	for (unsigned n = 0; n < limit.hour; n++)
		assert_true(asks(&b, NOON, false));
	assert_false(asks(&b, NOON + BUDGET_HOUR - 1, false));
	assert_true(asks(&b, NOON + BUDGET_HOUR, false));
	assert_true(asks(&b, NOON + BUDGET_HOUR, false));
	assert_false(asks(&b, NOON + BUDGET_HOUR, false)); /* the day's five */
	assert_false(asks(&b, NOON + 2 * BUDGET_HOUR, false));
	assert_true(asks(&b, NOON + BUDGET_DAY, false));
}

static void test_what_was_refused_is_not_counted(void **state)
{
	struct km_budget b = { 0 };

	(void)state;
	for (unsigned n = 0; n < 100; n++)
		(void)asks(&b, NOON, false);
	assert_int_equal(b.in_hour, limit.hour);
	assert_int_equal(b.in_day, limit.hour);
}

/* A second hand that is set back over the full hour gives nobody a second hour. */
static void test_a_clock_that_goes_back_a_little_begins_nothing_anew(void **state)
{
	struct km_budget b = { 0 };

	(void)state;
	for (unsigned n = 0; n < limit.hour; n++)
		assert_true(asks(&b, NOON, false));
	assert_false(asks(&b, NOON - 1, false));
	assert_false(asks(&b, NOON, false));
}

static void test_by_a_clock_in_doubt_no_hour_ends(void **state)
{
	struct km_budget b = { 0 };

	(void)state;
	for (unsigned n = 0; n < limit.hour; n++)
		assert_true(asks(&b, NOON, true)); /* the first has no hour yet */
	assert_false(asks(&b, NOON + 10 * BUDGET_DAY, true));
	assert_false(asks(&b, NOON - 10 * BUDGET_DAY, true));
	assert_true(asks(&b, NOON + 10 * BUDGET_DAY, false));
}

/* A clock that was years ahead, and was put right, keeps nobody from their codes for years. */
static void test_an_hour_that_is_far_ahead_is_left_behind(void **state)
{
	struct km_budget b = { 0 };

	(void)state;
	for (unsigned n = 0; n < limit.hour; n++)
		assert_true(asks(&b, NOON + 1000 * (int64_t)BUDGET_DAY, false));
	assert_true(asks(&b, NOON, false));
}

static void test_an_alarm_is_raised_when_logins_do_not_explain_what_is_sent(void **state)
{
	struct km_budget b = { 0 };

	(void)state;
	for (unsigned n = 0; n < BUDGET_QUIET; n++) {
		assert_false(budget_is_pumped(&b, 2));
		b = budget_sent(&b);
	}
	assert_false(budget_is_pumped(&b, 2));
	b = budget_sent(&b);
	assert_true(budget_is_pumped(&b, 2));
	while (b.won < 10)
		b = budget_won(&b);
	assert_true(budget_is_pumped(&b, 2)); /* 21 codes, 10 logins */
	b = budget_won(&b);
	assert_false(budget_is_pumped(&b, 2));
	/* A new day begins with none of either. */
	b = budget_at(&b, NOON + 100 * (int64_t)BUDGET_DAY, false);
	assert_int_equal(b.won, 0);
	assert_int_equal(b.in_day, 0);
}

static void test_counts_stop_at_their_end(void **state)
{
	struct km_budget b = { .in_hour = UINT32_MAX, .in_day = UINT32_MAX, .won = UINT32_MAX };
	const struct budget_limit none = { UINT32_MAX, UINT32_MAX };

	(void)state;
	b = budget_won(&b);
	b = budget_sent(&b);
	assert_int_equal(b.in_hour, UINT32_MAX);
	assert_int_equal(b.in_day, UINT32_MAX);
	assert_int_equal(b.won, UINT32_MAX);
	assert_false(budget_allows(&b, &none));
	assert_false(budget_is_pumped(&b, 100));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_hour_is_up_before_the_day),
		cmocka_unit_test(test_what_was_refused_is_not_counted),
		cmocka_unit_test(test_a_clock_that_goes_back_a_little_begins_nothing_anew),
		cmocka_unit_test(test_by_a_clock_in_doubt_no_hour_ends),
		cmocka_unit_test(test_an_hour_that_is_far_ahead_is_left_behind),
		cmocka_unit_test(test_an_alarm_is_raised_when_logins_do_not_explain_what_is_sent),
		cmocka_unit_test(test_counts_stop_at_their_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
