/* Which impressions make a template. Who compares is played: finger numbers stand in the lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../authd/matcher/enrol.h"

#define WANTED 5
#define OTHER  99 /* the operator's other finger */

static struct enrolment e;
static unsigned asked; /* comparisons */

/* The finger is the angle of the first minutia, the shot its place. */
static struct km_minutiae shot(int finger, unsigned number)
{
	struct km_minutiae m = { .count = 30 };

	for (unsigned i = 0; i < m.count; i++)
		m.at[i] = (struct km_minutia){ (int16_t)(20 * (i % 6) + 7 * number),
					       (int16_t)(20 * (i / 6)), (int16_t)finger };
	return m;
}

static bool known(void *arg, const struct km_minutiae *probe)
{
	(void)arg;
	asked++;
	return probe->at[0].theta == OTHER;
}

static bool agree(void *arg, const struct km_minutiae *a, const struct km_minutiae *b)
{
	(void)arg;
	asked++;
	return a->at[0].theta == b->at[0].theta;
}

static enum km_stage take(struct km_minutiae m)
{
	const struct enrol_judge judge = { .known = known, .agree = agree };

	return enrol_take(&e, &m, &judge);
}

static int begin(void **state)
{
	(void)state;
	asked = 0;
	enrol_begin(&e, WANTED);
	return 0;
}

static void test_impressions_that_agree_make_a_template(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WANTED; i++) {
		assert_false(enrol_done(&e));
		assert_int_equal(take(shot(1, i)), KM_STAGE_GOOD);
		assert_int_equal(e.good.count, i + 1);
	}
	assert_true(enrol_done(&e));
	for (unsigned i = 0; i < WANTED; i++) {
		const struct km_minutiae m = shot(1, i);

		assert_memory_equal(&e.good.impression[i], &m, sizeof(m));
	}
	assert_int_equal(take(shot(1, WANTED)), KM_STAGE_FAILED);
	assert_int_equal(e.good.count, WANTED);
}

static void test_too_few_minutiae_are_refused_and_not_compared(void **state)
{
	struct km_minutiae m = shot(1, 0);

	(void)state;
	m.count = ENROL_MINUTIAE_LEAST - 1;
	assert_int_equal(take(m), KM_STAGE_FEW);
	m.count = 0;
	assert_int_equal(take(m), KM_STAGE_FEW);
	assert_int_equal(asked, 0);
	m.count = ENROL_MINUTIAE_LEAST;
	assert_int_equal(take(m), KM_STAGE_GOOD);
}

static void test_an_enrolment_is_stricter_than_a_login(void **state)
{
	(void)state;
	assert_true(ENROL_MINUTIAE_LEAST > MATCH_MINUTIAE_LEAST);
}

static void test_a_finger_that_was_not_moved_is_too_much_the_same(void **state)
{
	struct km_minutiae m = shot(1, 0);

	(void)state;
	assert_int_equal(take(m), KM_STAGE_GOOD);
	assert_int_equal(take(m), KM_STAGE_SAME);
	for (unsigned i = 0; i < m.count; i++)
		m.at[i].x += 2;
	m.count--;
	assert_int_equal(take(m), KM_STAGE_SAME);
	assert_int_equal(take(shot(1, 1)), KM_STAGE_GOOD);
	/* The one before the last may come again: it was lifted meanwhile. */
	assert_int_equal(take(shot(1, 0)), KM_STAGE_GOOD);
	assert_int_equal(e.good.count, 3);
}

static void test_the_same_is_told_at_every_angle(void **state)
{
	struct km_minutiae a = shot(179, 0), b = shot(-179, 0), c = shot(90, 0);

	(void)state;
	assert_true(enrol_same(&a, &b));
	assert_false(enrol_same(&a, &c));
	b.count = 10; /* of thirty: another part of the finger */
	assert_false(enrol_same(&a, &b));
	assert_false(enrol_same(&b, &a));
	a.count = b.count = 0;
	assert_false(enrol_same(&a, &b));
}

static void test_another_finger_in_between_is_left_out(void **state)
{
	(void)state;
	take(shot(1, 0));
	take(shot(1, 1));
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(take(shot(2, 2 + i)), KM_STAGE_DIFFERS);
		assert_int_equal(e.good.count, 2);
	}
	assert_int_equal(take(shot(1, 2)), KM_STAGE_GOOD);
	assert_int_equal(e.good.count, 3);
}

static void test_three_that_agree_take_the_place_of_a_first_that_does_not(void **state)
{
	(void)state;
	assert_int_equal(take(shot(9, 0)), KM_STAGE_GOOD);
	assert_int_equal(take(shot(1, 1)), KM_STAGE_DIFFERS);
	assert_int_equal(take(shot(1, 2)), KM_STAGE_DIFFERS);
	assert_int_equal(take(shot(1, 3)), KM_STAGE_RESTARTED);
	assert_int_equal(e.good.count, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(e.good.impression[i].at[0].theta, 1);
	assert_int_equal(e.strangers, 0);
	assert_int_equal(take(shot(9, 4)), KM_STAGE_DIFFERS);
	assert_int_equal(take(shot(1, 5)), KM_STAGE_GOOD);
	assert_int_equal(take(shot(1, 6)), KM_STAGE_GOOD);
	assert_true(enrol_done(&e));
}

static void test_three_that_do_not_agree_with_each_other_do_not(void **state)
{
	(void)state;
	take(shot(9, 0));
	assert_int_equal(take(shot(1, 1)), KM_STAGE_DIFFERS);
	assert_int_equal(take(shot(2, 2)), KM_STAGE_DIFFERS);
	assert_int_equal(take(shot(1, 3)), KM_STAGE_DIFFERS);
	assert_int_equal(e.good.count, 1);
	/* The last three: 1, 1 and the next. */
	assert_int_equal(take(shot(1, 4)), KM_STAGE_DIFFERS);
	assert_int_equal(take(shot(1, 5)), KM_STAGE_RESTARTED);
}

static void test_two_that_agree_and_a_third_that_does_not_begin_nothing_anew(void **state)
{
	(void)state;
	take(shot(9, 0));
	assert_int_equal(take(shot(1, 1)), KM_STAGE_DIFFERS);
	assert_int_equal(take(shot(1, 2)), KM_STAGE_DIFFERS);
	assert_int_equal(take(shot(2, 3)), KM_STAGE_DIFFERS);
	assert_int_equal(e.good.count, 1);
}

static void test_after_a_good_one_no_stranger_is_left(void **state)
{
	(void)state;
	take(shot(9, 0));
	take(shot(1, 1));
	take(shot(9, 2));
	assert_int_equal(e.strangers, 0);
	assert_int_equal(e.stranger[0].count, 0);
	assert_int_equal(take(shot(9, 2)), KM_STAGE_SAME);
	assert_int_equal(take(shot(1, 1)), KM_STAGE_DIFFERS);
}

static void test_strangers_count_only_in_a_row(void **state)
{
	(void)state;
	take(shot(9, 0));
	take(shot(1, 1));
	take(shot(1, 2));
	assert_int_equal(take(shot(9, 3)), KM_STAGE_GOOD);
	assert_int_equal(take(shot(1, 4)), KM_STAGE_DIFFERS);
	assert_int_equal(take(shot(1, 5)), KM_STAGE_DIFFERS);
	assert_int_equal(take(shot(1, 6)), KM_STAGE_DIFFERS);
	assert_int_equal(e.good.count, 2);
}

static void test_one_touch_seen_three_times_begins_nothing_anew(void **state)
{
	(void)state;
	take(shot(9, 0));
	assert_int_equal(take(shot(1, 1)), KM_STAGE_DIFFERS);
	assert_int_equal(take(shot(1, 1)), KM_STAGE_SAME);
	assert_int_equal(take(shot(1, 1)), KM_STAGE_SAME);
	assert_int_equal(e.strangers, 1);
}

static void test_a_finger_that_is_enrolled_already_is_known(void **state)
{
	(void)state;
	assert_int_equal(take(shot(1, 0)), KM_STAGE_GOOD);
	assert_int_equal(take(shot(OTHER, 1)), KM_STAGE_KNOWN);
	assert_int_equal(e.good.count, 1);
}

static void test_it_is_known_before_it_is_taken_as_the_first(void **state)
{
	(void)state;
	assert_int_equal(take(shot(OTHER, 0)), KM_STAGE_KNOWN);
	assert_int_equal(e.good.count, 0);
}

static void test_after_sixty_impressions_it_has_failed(void **state)
{
	struct km_minutiae m = shot(1, 0);

	(void)state;
	m.count = 1;
	for (unsigned i = 1; i < ENROL_TRIES; i++)
		assert_int_equal(take(m), KM_STAGE_FEW);
	assert_int_equal(take(m), KM_STAGE_FAILED);
	assert_int_equal(take(shot(1, 0)), KM_STAGE_FAILED);
	assert_int_equal(e.good.count, 0);
}

static void test_the_sixtieth_may_be_the_one_that_completes_it(void **state)
{
	struct km_minutiae few = { .count = 1 };

	(void)state;
	for (unsigned i = 0; i < ENROL_TRIES - WANTED; i++)
		assert_int_equal(take(few), KM_STAGE_FEW);
	for (unsigned i = 0; i < WANTED; i++)
		assert_int_equal(take(shot(1, i)), KM_STAGE_GOOD);
	assert_true(enrol_done(&e));
}

static void test_nothing_of_the_last_enrolment_is_left_in_the_next(void **state)
{
	static const struct enrolment none;

	(void)state;
	take(shot(9, 0));
	take(shot(1, 1));
	enrol_begin(&e, 0);
	assert_memory_equal(&e, &none, sizeof(e));
	assert_false(enrol_done(&e));
}

#define TEST(f) cmocka_unit_test_setup(f, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_impressions_that_agree_make_a_template),
		TEST(test_too_few_minutiae_are_refused_and_not_compared),
		TEST(test_an_enrolment_is_stricter_than_a_login),
		TEST(test_a_finger_that_was_not_moved_is_too_much_the_same),
		TEST(test_the_same_is_told_at_every_angle),
		TEST(test_another_finger_in_between_is_left_out),
		TEST(test_three_that_agree_take_the_place_of_a_first_that_does_not),
		TEST(test_three_that_do_not_agree_with_each_other_do_not),
		TEST(test_two_that_agree_and_a_third_that_does_not_begin_nothing_anew),
		TEST(test_after_a_good_one_no_stranger_is_left),
		TEST(test_strangers_count_only_in_a_row),
		TEST(test_one_touch_seen_three_times_begins_nothing_anew),
		TEST(test_a_finger_that_is_enrolled_already_is_known),
		TEST(test_it_is_known_before_it_is_taken_as_the_first),
		TEST(test_after_sixty_impressions_it_has_failed),
		TEST(test_the_sixtieth_may_be_the_one_that_completes_it),
		TEST(test_nothing_of_the_last_enrolment_is_left_in_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
