/* A probe against all that was lent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../authd/matcher/print.h"
#include "pseudo_finger.h"

#define LENT 10

static struct match_work *work;
static struct gallery *gallery;
static struct finger_template t;

static int make_room(void **state)
{
	(void)state;
	work = calloc(1, match_work_size());
	gallery = calloc(1, gallery_size(GALLERY_MAX));
	return work && gallery ? 0 : -1;
}

static int give_back(void **state)
{
	(void)state;
	free(work);
	free(gallery);
	return 0;
}

/* Fingers 100, 101, ... of so many impressions, numbered from 7 on. */
static void lend(unsigned fingers, unsigned impressions)
{
	gallery_init(gallery);
	for (unsigned i = 0; i < fingers; i++) {
		pseudo_template(100 + i, 10, impressions, &t);
		gallery_add(gallery, 7 + i, &t, work);
	}
}

static struct match_finding search(uint32_t finger, uint32_t impression)
{
	struct match_finding f;
	struct km_minutiae m;

	memset(&f, 0xff, sizeof f);
	pseudo_impression(finger, impression, 0, &m);
	gallery_search(gallery, &m, work, &f);
	return f;
}

static void test_a_finger_is_found_among_ten_by_the_number_it_was_lent_as(void **state)
{
	(void)state;
	lend(LENT, KM_IMPRESSIONS_LEAST);
	for (uint32_t i = 0; i < LENT; i++) {
		struct match_finding f = search(100 + i, 1);

		assert_int_equal(f.outcome, KM_MATCH_YES);
		assert_int_equal(f.index, 7 + i);
		assert_true(f.score >= gallery_threshold(LENT * KM_IMPRESSIONS_LEAST));
	}
}

static void test_other_fingers_are_not_found(void **state)
{
	(void)state;
	lend(LENT, KM_IMPRESSIONS_LEAST);
	for (uint32_t i = 0; i < 60; i++) {
		struct match_finding f = search(1000 + i, 1);

		assert_int_equal(f.outcome, KM_MATCH_NO);
		assert_true(f.score < gallery_threshold(LENT * KM_IMPRESSIONS_LEAST));
	}
}

static void test_the_threshold_never_falls_with_what_is_lent(void **state)
{
	(void)state;
	for (unsigned n = 1; n < 2 * GALLERY_MAX; n++)
		assert_true(gallery_threshold(n + 1) >= gallery_threshold(n));
	assert_true(gallery_threshold(5) > gallery_threshold(1));
	assert_true(gallery_threshold(10) > gallery_threshold(5));
	assert_true(gallery_threshold(GALLERY_MAX) > gallery_threshold(50));
	assert_true(gallery_threshold(0) > 0);
}

/* A corner of a finger has to show more than a whole one. */
static void test_a_small_piece_of_a_finger_needs_more(void **state)
{
	unsigned refused = 0;

	(void)state;
	for (uint32_t finger = 100; finger < 100 + LENT; finger++)
		for (int corner = 60; corner < 160; corner += 20) {
			struct match_finding f;
			struct km_minutiae m, piece = { 0 };

			lend(finger - 99, 1);
			pseudo_impression(finger, 1, 0, &m);
			for (unsigned i = 0; i < m.count; i++)
				if (m.at[i].x < corner && m.at[i].y < corner + 60)
					piece.at[piece.count++] = m.at[i];
			gallery_search(gallery, &piece, work, &f);
			refused +=
			    f.outcome == KM_MATCH_NO && f.score >= gallery_threshold(finger - 99);
		}
	assert_true(refused > 0);
}

static void test_where_nothing_was_lent_nothing_matches(void **state)
{
	(void)state;
	lend(0, 0);
	assert_int_equal(search(1, 1).outcome, KM_MATCH_NO);
	lend(1, 0);
	assert_int_equal(search(100, 1).outcome, KM_MATCH_NO);
}

static void test_c32_too_few_minutiae_are_poor_and_no_mismatch(void **state)
{
	struct match_finding f;
	struct km_minutiae m;

	(void)state;
	lend(1, KM_IMPRESSIONS_LEAST);
	pseudo_impression(100, 1, 0, &m);
	for (m.count = 0; m.count < MATCH_MINUTIAE_LEAST; m.count++) {
		gallery_search(gallery, &m, work, &f);
		assert_int_equal(f.outcome, KM_MATCH_POOR);
	}
	gallery_search(gallery, &m, work, &f);
	assert_int_not_equal(f.outcome, KM_MATCH_POOR);
}

/* Whoever is compared first: what is found is the same, and of one finger the score as well. */
static void test_the_order_of_lending_changes_no_outcome(void **state)
{
	(void)state;
	for (uint32_t finger = 100; finger < 100 + 2 * LENT; finger++) {
		struct match_finding there, back;

		lend(LENT, 3);
		there = search(finger, 2);
		gallery_init(gallery);
		for (unsigned i = LENT; i-- > 0;) {
			pseudo_template(100 + i, 10, 3, &t);
			gallery_add(gallery, 7 + i, &t, work);
		}
		back = search(finger, 2);
		assert_int_equal(there.outcome, back.outcome);
		assert_int_equal(there.index, back.index);
		assert_int_equal(there.score, back.score);
	}
}

static int32_t alone(const struct km_minutiae *of, const struct km_minutiae *probe)
{
	struct print *one = calloc(2, print_size());
	struct print *other = (struct print *)((char *)one + print_size());
	int32_t score;

	assert_non_null(one);
	print_make(of, work, one);
	print_make(probe, work, other);
	score = print_compare(one, other, work);
	free(one);
	return score;
}

/* Probes that are shaken more and more, until no impression is enough by itself. */
static void test_a_second_impression_that_agrees_adds_half_of_its_score(void **state)
{
	unsigned helped = 0, not_enough = 0;
	int32_t least = gallery_threshold(2);

	(void)state;
	for (uint32_t finger = 100; finger < 110; finger++)
		for (int by = 6; by < 26; by++) {
			struct match_finding f;
			struct km_minutiae m;
			int32_t first, second, high, sum;

			pseudo_template(finger, 10, 2, &t);
			pseudo_impression(finger, 1, 0, &m);
			for (unsigned i = 0; i < m.count; i++) {
				m.at[i].x = (int16_t)(m.at[i].x + pseudo(2 * by) - by);
				m.at[i].y = (int16_t)(m.at[i].y + pseudo(2 * by) - by);
			}
			first = alone(&t.impression[0], &m);
			second = alone(&t.impression[1], &m);
			high = first > second ? first : second;
			if (first < 0 || second < 0 || high >= least)
				continue;
			sum = high + (first + second - high) / SECOND_PART;
			gallery_init(gallery);
			gallery_add(gallery, 0, &t, work);
			gallery_search(gallery, &m, work, &f);
			assert_int_equal(f.score, sum);
			assert_int_equal(f.outcome, sum >= least ? KM_MATCH_YES : KM_MATCH_NO);
			helped += sum >= least;
			not_enough += sum < least;
		}
	assert_true(helped > 0 && not_enough > 5);
}

static void test_more_than_one_login_may_lend_is_left_out(void **state)
{
	struct match_finding f;

	(void)state;
	lend(LENT + 1, KM_IMPRESSIONS_MAX); /* the room has space for LENT of them */
	f = search(100 + LENT, 1);
	assert_int_equal(f.outcome, KM_MATCH_NO);
	assert_int_equal(search(100 + LENT - 1, 1).outcome, KM_MATCH_YES);
}

static void test_fifty_full_impressions_take_under_six_mebibytes(void **state)
{
	(void)state;
	assert_true(gallery_size(50) < 3 << 20);
	assert_true(gallery_size(GALLERY_MAX) < 6 << 20);
	assert_true(match_work_size() < 1 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_finger_is_found_among_ten_by_the_number_it_was_lent_as),
		cmocka_unit_test(test_other_fingers_are_not_found),
		cmocka_unit_test(test_the_threshold_never_falls_with_what_is_lent),
		cmocka_unit_test(test_a_small_piece_of_a_finger_needs_more),
		cmocka_unit_test(test_where_nothing_was_lent_nothing_matches),
		cmocka_unit_test(test_c32_too_few_minutiae_are_poor_and_no_mismatch),
		cmocka_unit_test(test_the_order_of_lending_changes_no_outcome),
		cmocka_unit_test(test_a_second_impression_that_agrees_adds_half_of_its_score),
		cmocka_unit_test(test_more_than_one_login_may_lend_is_left_out),
		cmocka_unit_test(test_fifty_full_impressions_take_under_six_mebibytes),
	};

	return cmocka_run_group_tests_name("matcher_gallery", tests, make_room, give_back);
}
