/* How many may be here at once, and how fast they may come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../authd/limits.h"
#include "../../authd/sources.h"

static struct judge_limits limits;

static int fresh(void **state)
{
	(void)state;
	memset(&limits, 0, sizeof(limits));
	return 0;
}

static enum judge_entry come(uid_t uid, int64_t now_ms)
{
	return judge_limits_enter(&limits, uid, false, now_ms);
}

static void test_four_sessions_of_one_uid_are_let_in_and_the_fifth_is_told(void **state)
{
	(void)state;
	for (unsigned i = 0; i < JUDGE_PER_UID; i++)
		assert_int_equal(come(1000, 0), JUDGE_IN);
	for (unsigned i = 0; i < JUDGE_TOLD_UID; i++)
		assert_int_equal(come(1000, 0), JUDGE_TOLD);
	assert_int_equal(come(1000, 0), JUDGE_OUT);
	assert_int_equal(come(1001, 0), JUDGE_IN);
	assert_int_equal(limits.total, JUDGE_PER_UID + JUDGE_TOLD_UID + 1);
}

static void test_a_session_that_ends_makes_room_for_the_same_uid(void **state)
{
	(void)state;
	for (unsigned i = 0; i < JUDGE_PER_UID; i++)
		assert_int_equal(come(1000, 0), JUDGE_IN);
	judge_limits_leave(&limits, 1000, false);
	assert_int_equal(come(1000, 0), JUDGE_IN);
	assert_int_equal(come(1000, 0), JUDGE_TOLD);
}

static void test_uid_0_has_no_limit_of_its_own_but_the_whole(void **state)
{
	(void)state;
	for (unsigned i = 0; i < JUDGE_SESSIONS; i++)
		assert_int_equal(judge_limits_enter(&limits, 0, true, 0), JUDGE_IN);
	assert_int_equal(judge_limits_enter(&limits, 0, true, 0), JUDGE_OUT);
	assert_int_equal(come(1000, 0), JUDGE_OUT);
	judge_limits_leave(&limits, 0, true);
	assert_int_equal(judge_limits_enter(&limits, 0, true, 0), JUDGE_IN);
}

static void test_places_are_kept_for_uid_0_when_everybody_else_has_come(void **state)
{
	unsigned in = 0;

	(void)state;
	for (uid_t uid = 1000; uid < 1000 + JUDGE_SESSIONS; uid++)
		in += come(uid, 0) == JUDGE_IN;
	assert_int_equal(in, JUDGE_SESSIONS - JUDGE_KEPT);
	for (unsigned i = 0; i < JUDGE_KEPT; i++)
		assert_int_equal(judge_limits_enter(&limits, 0, true, 0), JUDGE_IN);
	assert_int_equal(judge_limits_enter(&limits, 0, true, 0), JUDGE_OUT);
}

static void test_a_burst_is_let_in_and_then_so_many_a_second(void **state)
{
	unsigned in = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		if (come(1000, 5) == JUDGE_IN) {
			in++;
			judge_limits_leave(&limits, 1000, false);
		}
	assert_int_equal(in, JUDGE_BURST);
	/* One second later as many more as a second brings, however it is cut up. */
	in = 0;
	for (int64_t now = 6; now <= 1005; now++)
		if (come(1000, now) == JUDGE_IN) {
			in++;
			judge_limits_leave(&limits, 1000, false);
		}
	assert_int_equal(in, JUDGE_PER_SEC);
}

static void test_a_clock_far_ahead_or_behind_fills_no_bucket_above_its_rim(void **state)
{
	unsigned in = 0;

	(void)state;
	assert_int_equal(come(1000, INT64_MAX / 2), JUDGE_IN);
	judge_limits_leave(&limits, 1000, false);
	for (unsigned i = 0; i < 1000; i++)
		if (come(1000, INT64_MAX - 1) == JUDGE_IN) {
			in++;
			judge_limits_leave(&limits, 1000, false);
		}
	assert_int_equal(in, JUDGE_BURST);
	assert_int_equal(come(1000, 0), JUDGE_OUT);
	assert_int_equal(come(1000, 1), JUDGE_OUT);
}

static void test_more_uids_than_are_remembered_push_out_only_those_without_a_session(void **state)
{
	(void)state;
	for (unsigned i = 0; i < JUDGE_PER_UID; i++)
		assert_int_equal(come(1, 0), JUDGE_IN);
	for (uid_t uid = 10; uid < 10 + 4 * JUDGE_UIDS; uid++) {
		assert_int_equal(come(uid, (int64_t)uid), JUDGE_IN);
		judge_limits_leave(&limits, uid, false);
	}
	assert_int_equal(come(1, 100000), JUDGE_TOLD);
}

static void test_leaving_without_having_come_counts_nothing_below_zero(void **state)
{
	(void)state;
	judge_limits_leave(&limits, 1000, false);
	judge_limits_leave(&limits, 0, true);
	assert_int_equal(limits.total, 0);
	assert_int_equal(limits.unprivileged, 0);
	assert_int_equal(come(1000, 0), JUDGE_IN);
}

/* --- what is counted until it is told ---------------------------------------------------- */

#define EVERY_MS 1000

static struct judge_sources sources;

static struct judge_source *counted(uid_t uid, unsigned reason, int64_t now_ms)
{
	return judge_sources_count(&sources, uid, reason, now_ms, EVERY_MS);
}

static void test_the_first_is_due_at_once_and_the_next_only_after_a_while(void **state)
{
	struct judge_source *s;

	(void)state;
	memset(&sources, 0, sizeof(sources));
	s = counted(1000, 7, 50);
	assert_true(judge_source_due(s, 50, EVERY_MS));
	judge_source_told(s, 50);
	assert_false(judge_source_due(s, 5000, EVERY_MS));
	for (unsigned i = 0; i < 10; i++)
		assert_ptr_equal(counted(1000, 7, 60), s);
	assert_ptr_not_equal(counted(1000, 8, 60), s);
	assert_ptr_not_equal(counted(1001, 7, 60), s);
	assert_false(judge_source_due(s, 49 + EVERY_MS, EVERY_MS));
	assert_true(judge_source_due(s, 50 + EVERY_MS, EVERY_MS));
	assert_int_equal(s->count, 10);
	s->count = UINT32_MAX;
	assert_int_equal(counted(1000, 7, 60)->count, UINT32_MAX);
}

static void test_those_without_a_place_are_counted_together_and_nobody_is_forgotten(void **state)
{
	struct judge_source *s;

	(void)state;
	memset(&sources, 0, sizeof(sources));
	for (uid_t uid = 1; uid <= JUDGE_SOURCES; uid++)
		assert_int_equal(counted(uid, 7, 0)->count, 1);
	for (uid_t uid = 5000; uid < 5010; uid++)
		s = counted(uid, 7, 0);
	assert_int_equal(s->uid, JUDGE_SOURCES_OTHERS);
	assert_int_equal(s->count, 10);
	/* A place that was told of is free when its time is over, and not before. */
	judge_source_told(counted(3, 7, 0), 100);
	assert_int_equal(counted(6000, 7, 99 + EVERY_MS)->uid, JUDGE_SOURCES_OTHERS);
	assert_int_equal(counted(6000, 7, 100 + EVERY_MS)->uid, 6000);
	assert_int_equal(counted(4, 7, 0)->count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
		    test_four_sessions_of_one_uid_are_let_in_and_the_fifth_is_told, fresh),
		cmocka_unit_test_setup(test_a_session_that_ends_makes_room_for_the_same_uid, fresh),
		cmocka_unit_test_setup(test_uid_0_has_no_limit_of_its_own_but_the_whole, fresh),
		cmocka_unit_test_setup(test_places_are_kept_for_uid_0_when_everybody_else_has_come,
				       fresh),
		cmocka_unit_test_setup(test_a_burst_is_let_in_and_then_so_many_a_second, fresh),
		cmocka_unit_test_setup(
		    test_a_clock_far_ahead_or_behind_fills_no_bucket_above_its_rim, fresh),
		cmocka_unit_test_setup(
		    test_more_uids_than_are_remembered_push_out_only_those_without_a_session,
		    fresh),
		cmocka_unit_test_setup(test_leaving_without_having_come_counts_nothing_below_zero,
				       fresh),
		cmocka_unit_test(test_the_first_is_due_at_once_and_the_next_only_after_a_while),
		cmocka_unit_test(
		    test_those_without_a_place_are_counted_together_and_nobody_is_forgotten),
	};

	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
