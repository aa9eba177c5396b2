/*
 * The same finding on every machine: scores of made-up fingers, to the last thousandth. The same
 * numbers come from each compiler and optimisation that tests/static/matcher_builds.sh tries.
 * When the matcher's numbers are changed on purpose, a failing run prints the new table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../authd/matcher/print.h"
#include "pseudo_finger.h"

#define FINGERS 6

/* Impression 1 of the finger of the row against impression 2 of the finger of the column. */
static const int32_t golden[FINGERS][FINGERS] = {
	{ 23342, -8850, -7604, -8876, -6549, -8115 },
	{ -4795, 31920, -8097, -8951, -6351, -6210 },
	{ -7263, -5696, 23406, -7941, -9811, -5074 },
	{ -6351, -10421, -6632, 29163, -10417, -13160 },
	{ -4227, -8040, -2691, -8510, 26856, -2889 },
	{ -10808, -7845, -4488, -3816, -4238, 29055 },
};

static struct match_work *work;
static struct print *print[2];

static int make_room(void **state)
{
	(void)state;
	work = calloc(1, match_work_size());
	print[0] = calloc(1, print_size());
	print[1] = calloc(1, print_size());
	return work && print[0] && print[1] ? 0 : -1;
}

static int give_back(void **state)
{
	(void)state;
	free(work);
	free(print[0]);
	free(print[1]);
	return 0;
}

static int32_t score(uint32_t i, uint32_t j)
{
	struct km_minutiae m;

	pseudo_impression(i, 1, 0, &m);
	print_make(&m, work, print[0]);
	pseudo_impression(j, 2, (int)(j % 3) - 1, &m);
	print_make(&m, work, print[1]);
	return print_compare(print[0], print[1], work);
}

static void compare_all(void)
{
	int32_t now[FINGERS][FINGERS];

	for (uint32_t i = 0; i < FINGERS; i++)
		for (uint32_t j = 0; j < FINGERS; j++)
			now[i][j] = score(i, j);
	if (!memcmp(now, golden, sizeof now))
		return;
	for (unsigned i = 0; i < FINGERS; i++)
		print_error("\t{ %d, %d, %d, %d, %d, %d },\n", now[i][0], now[i][1], now[i][2],
			    now[i][3], now[i][4], now[i][5]);
	fail();
}

static void test_scores_are_the_same_to_the_last_thousandth(void **state)
{
	(void)state;
	compare_all();
}

static void test_counting_bits_without_the_instruction_says_the_same(void **state)
{
	(void)state;
	similarity_portable(true);
	compare_all();
	similarity_portable(false);
}

static void test_what_was_compared_before_does_not_matter(void **state)
{
	int32_t first;

	(void)state;
	memset(work, 0xff, match_work_size());
	first = score(2, 2);
	score(1, 3);
	memset(work, 0, match_work_size());
	assert_int_equal(score(2, 2), first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scores_are_the_same_to_the_last_thousandth),
		cmocka_unit_test(test_counting_bits_without_the_instruction_says_the_same),
		cmocka_unit_test(test_what_was_compared_before_does_not_matter),
	};

	return cmocka_run_group_tests_name("matcher_golden", tests, make_room, give_back);
}
