/* Lockout and gate: the arithmetic of who may try, and who may come in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../authd/vault/gate.h"
#include "../../authd/vault/lockout.h"

static const struct km_conf_lockout standard = { 5, 30, 3600, 100 };

static void test_waits_begin_at_the_fifth_failure_and_double_to_an_hour(void **state)
{
	static const uint32_t wait[] = { 0,   0,   0,   0,    30,   60,   120,
					 240, 480, 960, 1920, 3600, 3600, 3600 };
	struct km_throttle t = { 0 };
	(void)state;

	for (size_t n = 0; n < sizeof wait / sizeof wait[0]; n++) {
		t = lockout_after(&standard, &t, 1000);
		assert_int_equal(t.fails, n + 1);
		assert_int_equal(lockout_wait(&standard, &t, 1000), wait[n]);
	}
}

static void test_hundred_failures_disable_until_somebody_unlocks(void **state)
{
	struct km_throttle t = { 0 };
	(void)state;

	for (int n = 1; n < 100; n++) {
		t = lockout_after(&standard, &t, 0);
		assert_true(lockout_wait(&standard, &t, 0) < LOCKOUT_FOR_GOOD);
	}
	t = lockout_after(&standard, &t, 0);
	assert_int_equal(lockout_wait(&standard, &t, INT64_MAX - 1), LOCKOUT_FOR_GOOD);
	t = lockout_after(&standard, &t, 0);
	assert_int_equal(lockout_wait(&standard, &t, 0), LOCKOUT_FOR_GOOD);
}

static void test_a_wait_ends_at_its_second(void **state)
{
	struct km_throttle t = { .fails = 5, .not_before = 1030 };
	(void)state;

	assert_int_equal(lockout_wait(&standard, &t, 1000), 30);
	assert_int_equal(lockout_wait(&standard, &t, 1029), 1);
	assert_int_equal(lockout_wait(&standard, &t, 1030), 0);
}

static void test_a_wait_counted_by_a_clock_that_was_ahead_locks_nobody_for_years(void **state)
{
	struct km_throttle t =
	    lockout_after(&standard, &(struct km_throttle){ .fails = 4 }, 1000 + 86400 * 365);
	(void)state;

	assert_int_equal(lockout_wait(&standard, &t, 1000), 0);
	t = lockout_after(&standard, &t, 1000);
	assert_int_equal(lockout_wait(&standard, &t, 1000), 60);
}

static void test_counts_do_not_wrap(void **state)
{
	struct km_throttle t = { .fails = UINT32_MAX, .total = UINT32_MAX };
	(void)state;

	t = lockout_after(&standard, &t, 0);
	assert_int_equal(t.fails, UINT32_MAX);
	assert_int_equal(t.total, UINT32_MAX);
}

static struct km_operator somebody(void)
{
	return (struct km_operator){ .state = KM_ACTIVE,
				     .uid = 1000,
				     .valid_from = KM_DAY_NONE,
				     .valid_until = KM_DAY_NONE };
}

static void test_an_active_operator_with_the_right_account_may_come_in(void **state)
{
	struct km_operator op = somebody();
	(void)state;

	assert_int_equal(gate_reason(&op, 20000, 1000, false), KM_REASON_NONE);
}

static void test_valid_until_is_inclusive_and_valid_from_too(void **state)
{
	struct km_operator op = somebody();
	(void)state;

	op.valid_from = 100;
	op.valid_until = 200;
	assert_int_equal(gate_reason(&op, 99, 1000, true), KM_REASON_DATES);
	assert_int_equal(gate_reason(&op, 100, 1000, true), KM_REASON_NONE);
	assert_int_equal(gate_reason(&op, 200, 1000, true), KM_REASON_NONE);
	assert_int_equal(gate_reason(&op, 201, 1000, true), KM_REASON_DATES);
}

static void test_suspended_and_erased_are_refused(void **state)
{
	struct km_operator op = somebody();
	(void)state;

	op.state = KM_SUSPENDED;
	assert_int_equal(gate_reason(&op, 1, 1000, true), KM_REASON_SUSPENDED);
	op.state = KM_ERASING;
	assert_int_equal(gate_reason(&op, 1, 1000, true), KM_REASON_ERASED);
	op.state = 0;
	assert_int_equal(gate_reason(&op, 1, 1000, true), KM_REASON_SUSPENDED);
}

static void test_C8_an_account_made_again_under_the_same_name_is_refused(void **state)
{
	struct km_operator op = somebody();
	(void)state;

	assert_int_equal(gate_reason(&op, 1, 1001, true), KM_REASON_RECREATED);
	assert_int_equal(gate_reason(&op, 1, GATE_NO_ACCOUNT, true), KM_REASON_RECREATED);
}

static void test_only_programs_of_root_bind_an_operator_to_an_account(void **state)
{
	struct km_operator op = somebody();
	(void)state;

	op.uid = -1;
	assert_int_equal(gate_reason(&op, 1, 1001, true), KM_REASON_NONE);
	assert_int_equal(gate_reason(&op, 1, 1001, false), KM_REASON_PEER);
	assert_int_equal(gate_reason(&op, 1, GATE_NO_ACCOUNT, true), KM_REASON_RECREATED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits_begin_at_the_fifth_failure_and_double_to_an_hour),
		cmocka_unit_test(test_hundred_failures_disable_until_somebody_unlocks),
		cmocka_unit_test(test_a_wait_ends_at_its_second),
		cmocka_unit_test(
		    test_a_wait_counted_by_a_clock_that_was_ahead_locks_nobody_for_years),
		cmocka_unit_test(test_counts_do_not_wrap),
		cmocka_unit_test(test_an_active_operator_with_the_right_account_may_come_in),
		cmocka_unit_test(test_valid_until_is_inclusive_and_valid_from_too),
		cmocka_unit_test(test_suspended_and_erased_are_refused),
		cmocka_unit_test(test_C8_an_account_made_again_under_the_same_name_is_refused),
		cmocka_unit_test(test_only_programs_of_root_bind_an_operator_to_an_account),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
