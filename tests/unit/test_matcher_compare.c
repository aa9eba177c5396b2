/* Comparing two impressions: fingers are told apart, and no input does harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../authd/matcher/print.h"
#include "../../authd/matcher/trig.h"
#include "pseudo_finger.h"

#define FINGERS 12

static struct match_work *work;
static struct print *a, *b;

static int make_room(void **state)
{
	(void)state;
	work = calloc(1, match_work_size());
	a = calloc(1, print_size());
	b = calloc(1, print_size());
	return work && a && b ? 0 : -1;
}

static int give_back(void **state)
{
	(void)state;
	free(work);
	free(a);
	free(b);
	return 0;
}

/* Scratch full of ones: nothing may be read from it that was not written first. */
static int32_t compare(const struct km_minutiae *x, const struct km_minutiae *y)
{
	memset(work, 0xff, match_work_size());
	memset(a, 0xff, print_size());
	memset(b, 0xff, print_size());
	print_make(x, work, a);
	print_make(y, work, b);
	memset(work, 0xff, match_work_size());
	return print_compare(a, b, work);
}

static void test_impressions_of_a_finger_match_and_of_others_do_not(void **state)
{
	struct km_minutiae x, y;

	(void)state;
	for (uint32_t i = 0; i < FINGERS; i++) {
		pseudo_impression(i, 1, 0, &x);
		for (uint32_t j = 0; j < FINGERS; j++) {
			int32_t score;

			pseudo_impression(j, 2, 1, &y);
			score = compare(&x, &y);
			if (i == j ? score < gallery_threshold(1) : score > 0)
				fail_msg("fingers %u and %u: %d", i, j, score);
		}
	}
}

static void test_both_ways_say_the_same(void **state)
{
	struct km_minutiae x, y;

	(void)state;
	for (uint32_t i = 0; i < FINGERS; i++) {
		int32_t there, back;

		pseudo_impression(i, 1, 0, &x);
		pseudo_impression(i, 2, -1, &y);
		there = compare(&x, &y);
		back = compare(&y, &x);
		assert_true(there >= gallery_threshold(1) && back >= gallery_threshold(1));
		assert_true(abs(there - back) < there / 4);
	}
}

static void test_a_shift_changes_nothing_at_all(void **state)
{
	struct km_minutiae x, y, far;

	(void)state;
	pseudo_impression(1, 1, 0, &x);
	pseudo_impression(1, 2, 0, &y);
	far = y;
	for (unsigned i = 0; i < far.count; i++) {
		far.at[i].x = (int16_t)(far.at[i].x - 5000);
		far.at[i].y = (int16_t)(far.at[i].y + 7000);
	}
	assert_int_equal(compare(&x, &y), compare(&x, &far));
}

static void test_a_turn_of_16_degrees_changes_little(void **state)
{
	struct km_minutiae x, straight, turned;

	(void)state;
	for (uint32_t i = 0; i < FINGERS; i++) {
		int32_t one, other;

		pseudo_impression(i, 1, 0, &x);
		pseudo_impression(i, 2, 0, &straight);
		pseudo_impression(i, 2, 1, &turned);
		one = compare(&x, &straight);
		other = compare(&x, &turned);
		if (abs(one - other) > one / 3)
			fail_msg("finger %u: %d, turned %d", i, one, other);
	}
}

static void test_the_order_of_minutiae_hardly_matters(void **state)
{
	struct km_minutiae x, y, reversed;

	(void)state;
	pseudo_impression(5, 1, 0, &x);
	pseudo_impression(5, 2, 0, &y);
	reversed = y;
	for (unsigned i = 0; i < y.count; i++)
		reversed.at[i] = y.at[y.count - 1 - i];
	assert_true(abs(compare(&x, &y) - compare(&x, &reversed)) < 100);
}

static void test_two_impressions_that_are_the_same_match(void **state)
{
	struct km_minutiae x;

	(void)state;
	pseudo_impression(2, 1, 0, &x);
	assert_true(compare(&x, &x) > 10 * gallery_threshold(1));
}

/* --- what no reader gives ------------------------------------------------------------------ */

/* Kinds of lists that break what computes carelessly. */
static int16_t place(unsigned kind, unsigned i, bool is_y)
{
	const int reach = KM_MINUTIA_REACH;

	switch (kind) {
	case 0: /* one point */
		return 7;
	case 1: /* a line */
		return (int16_t)(is_y ? 0 : 3 * i);
	case 2: /* an oblique line, through the extremes */
		return (int16_t)(i * 2 * (unsigned)reach / (KM_MINUTIAE_MAX - 1)) - (int16_t)reach;
	case 3: /* the four corners, all on top of each other */
		return (int16_t)((is_y ? i & 2 : i & 1) ? reach : -reach);
	case 4: /* a grid */
		return (int16_t)(20 * (is_y ? i / 14 : i % 14));
	case 5: /* a crowd */
		return (int16_t)pseudo(40);
	case 6: /* all over */
		return (int16_t)(pseudo(2 * reach + 1) - reach);
	case 7: /* a curve without a straight piece: each is a corner of the hull */
		return (int16_t)(is_y ? (i - 100) * (i - 100) / 2 : 10 * i);
	case 8: /* two points */
		return (int16_t)(i & 1 ? 1 : 0);
	default: /* a full finger */
		return (int16_t)pseudo(300);
	}
}
#define KINDS 10

static void odd(unsigned kind, unsigned count, struct km_minutiae *m)
{
	memset(m, 0, sizeof *m);
	pseudo_state = kind;
	for (unsigned i = 0; i < count; i++) {
		int x = place(kind, i, false), y = place(kind, i, true);

		pseudo_add(m, x, y, kind % 2 ? 180 : pseudo(360));
	}
}

static void test_no_list_leads_to_a_score_out_of_bounds(void **state)
{
	static const unsigned counts[] = { 0, 1, 2, 3, 4, 8, 50, KM_MINUTIAE_MAX };
	const unsigned n = sizeof counts / sizeof counts[0];
	struct km_minutiae x, y;

	(void)state;
	for (unsigned i = 0; i < KINDS * n; i++)
		for (unsigned j = 0; j < KINDS; j++) {
			int32_t score, back;

			odd(i / n, counts[i % n], &x);
			odd(j, KM_MINUTIAE_MAX, &y);
			score = compare(&x, &y);
			back = compare(&y, &x);
			assert_true(score >= -1000000 && score <= 1000000);
			assert_true(back >= -1000000 && back <= 1000000);
			for (unsigned k = 0; k < FEATURES; k++)
				assert_true(work->feature[k] >= 0 && work->feature[k] < 1e6f);
			for (unsigned k = 0; k < a->n; k++)
				assert_true(a->reliability[k] >= 0 && a->reliability[k] <= 1);
		}
}

static void test_few_minutiae_never_match(void **state)
{
	struct km_minutiae x;

	(void)state;
	for (uint32_t finger = 0; finger < FINGERS; finger++)
		for (uint16_t count = 0; count < MATCH_MINUTIAE_LEAST; count++) {
			pseudo_impression(finger, 1, 0, &x);
			x.count = count;
			assert_int_equal(compare(&x, &x), SCORE_NOTHING);
		}
}

static void test_what_has_no_surface_never_matches(void **state)
{
	static const unsigned kinds[] = { 0, 1, 2, 8 };
	struct km_minutiae x;

	(void)state;
	for (unsigned k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
		odd(kinds[k], KM_MINUTIAE_MAX, &x);
		assert_int_equal(compare(&x, &x), SCORE_NOTHING);
	}
}

/* --- the functions below ------------------------------------------------------------------- */

static void assert_near(float is, float wanted, float by)
{
	if (!(is - wanted <= by && wanted - is <= by))
		fail_msg("%.9g instead of %.9g", (double)is, (double)wanted);
}

static void test_sines_logarithms_and_the_like_are_right(void **state)
{
	float c, s;

	(void)state;
	for (int d = -720; d <= 720; d++) {
		trig_turn(d, &c, &s);
		assert_near(c * c + s * s, 1, 1e-6f);
		assert_near(
		    trig_wrap(trig_bearing(s, c) - (float)trig_wrap_degrees(d) * (PI / 180)),
		    d % 360 && d % 180 == 0 ? trig_wrap(0) : 0, 2e-6f);
	}
	trig_turn(60, &c, &s);
	assert_near(c, 0.5f, 1e-6f);
	trig_turn(-90, &c, &s);
	assert_true(c == 0 && s == -1);
	for (float x = -20; x < 20; x += 0.37f)
		assert_near(trig_log(trig_exp(x)), x, 4e-6f);
	assert_near(trig_exp(1), 2.7182818f, 1e-6f);
	assert_near(trig_normal(0), 0.5f, 1e-6f);
	assert_near(trig_normal(1.96f), 0.9750021f, 1e-6f);
	assert_near(trig_normal(-1), 0.1586553f, 1e-6f);
}

static void test_no_argument_leads_out_of_the_numbers(void **state)
{
	const float odd_ones[] = { 0, -0.0f, -1, 1e-45f, 3e38f, -3e38f };

	(void)state;
	for (unsigned i = 0; i < sizeof odd_ones / sizeof odd_ones[0]; i++) {
		float x = odd_ones[i];

		assert_true(trig_exp(x) > 0 && trig_exp(x) < 1e35f);
		assert_true(trig_log(x) >= -90 && trig_log(x) < 90);
		assert_true(trig_bearing(x, x) >= -PI && trig_bearing(x, x) <= PI);
	}
	assert_true(trig_bearing(0, 0) == 0);
}

static void test_keys_are_sorted(void **state)
{
	uint64_t keys[GROW_EDGES];

	(void)state;
	pseudo_state = 1;
	for (unsigned n = 0; n < 300; n++) {
		for (unsigned i = 0; i < n; i++)
			keys[i] = (uint64_t)pseudo(50) << 32 | (uint64_t)pseudo(9);
		sort_keys(keys, n);
		for (unsigned i = 1; i < n; i++)
			assert_true(keys[i - 1] <= keys[i]);
	}
	assert_true(sort_bits(0.25f) < sort_bits(0.2500001f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_impressions_of_a_finger_match_and_of_others_do_not),
		cmocka_unit_test(test_both_ways_say_the_same),
		cmocka_unit_test(test_a_shift_changes_nothing_at_all),
		cmocka_unit_test(test_a_turn_of_16_degrees_changes_little),
		cmocka_unit_test(test_the_order_of_minutiae_hardly_matters),
		cmocka_unit_test(test_two_impressions_that_are_the_same_match),
		cmocka_unit_test(test_no_list_leads_to_a_score_out_of_bounds),
		cmocka_unit_test(test_few_minutiae_never_match),
		cmocka_unit_test(test_what_has_no_surface_never_matches),
		cmocka_unit_test(test_sines_logarithms_and_the_like_are_right),
		cmocka_unit_test(test_no_argument_leads_out_of_the_numbers),
		cmocka_unit_test(test_keys_are_sorted),
	};

	return cmocka_run_group_tests_name("matcher_compare", tests, make_room, give_back);
}
