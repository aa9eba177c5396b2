/*
 * Synthetic fingers are fingers: libfprint finds minutiae in them, our matcher knows two touches of
 * one, and takes no two for the same. What tests show with them holds for the real parts.
 *
 * They say nothing about how often real fingers are confused (docs/MATCHING.md does).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../authd/matcher/match.h"
#include "../synth/feed.h"
#include "../synth/scanner.h"

enum { FINGERS = 6, TOUCHES = 4, ALL = FINGERS * TOUCHES, FEED_MS = 20000 };

struct lab {
	char dir[32];
	struct scanner scanner;
	struct picture picture[FINGERS][TOUCHES];
	struct finger_template touch[FINGERS][TOUCHES]; /* of one impression each */
	struct match_work *work;
	struct gallery *gallery;
};

static int begin(void **state)
{
	struct lab *l = calloc(1, sizeof(*l));
	char path[64];

	assert_non_null(l);
	strcpy(l->dir, "/tmp/kenmon-synth-XXXXXX");
	assert_non_null(mkdtemp(l->dir));
	snprintf(path, sizeof(path), "%s/reader", l->dir);
	l->work = malloc(match_work_size());
	l->gallery = malloc(gallery_size(ALL));
	assert_true(l->work && l->gallery && scanner_start(&l->scanner, path));
	*state = l;
	return 0;
}

static int end(void **state)
{
	struct lab *l = *state;

	scanner_end(&l->scanner);
	rmdir(l->dir);
	free(l->work);
	free(l->gallery);
	free(l);
	return 0;
}

/* FNV-1a */
static uint32_t sum_of(const struct picture *p)
{
	uint32_t sum = 2166136261u;

	for (size_t i = 0; i < sizeof(p->grey); i++)
		sum = (sum ^ p->grey[i]) * 16777619u;
	return sum;
}

static void test_the_same_seeds_give_the_same_picture_on_every_machine(void **state)
{
	static const struct {
		uint32_t identity, impression, sum;
	} known[] = { { 1, 0, 0xa09f892f },
		      { 2, 1, 0x12e579b1 },
		      { 4000000000u, 7, 0x2f1d3698 },
		      { 1, 0, 0xa09f892f } };
	struct picture p;

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		finger_paint(known[i].identity, known[i].impression, &p);
		assert_int_equal(sum_of(&p), known[i].sum);
	}
}

static void expect(struct lab *l, int32_t kind, struct reading *out)
{
	assert_true(scanner_says(&l->scanner, out));
	assert_int_equal(out->kind, kind);
}

/* Goes before all that compare. */
static void test_libfprint_finds_20_to_90_minutiae_in_each_touch(void **state)
{
	struct lab *l = *state;
	struct reading r;
	unsigned usual = 0;

	for (unsigned f = 0; f < FINGERS; f++) {
		for (unsigned t = 0; t < TOUCHES; t++) {
			finger_paint(f + 1, t, &l->picture[f][t]);
			expect(l, READING_WAITS, &r);
			assert_true(feed_picture(l->scanner.path, &l->picture[f][t], FEED_MS));
			expect(l, READING_TAKEN, &r);
			assert_in_range(r.m.count, 20, 90);
			usual += r.m.count >= 25 && r.m.count <= 60;
			l->touch[f][t].count = 1;
			l->touch[f][t].impression[0] = r.m;
		}
	}
	assert_in_range(usual, ALL * 2 / 3, ALL);
}

static struct match_finding search(struct lab *l, unsigned finger, unsigned touch)
{
	struct match_finding found;

	gallery_search(l->gallery, &l->touch[finger][touch].impression[0], l->work, &found);
	return found;
}

static void test_any_two_touches_of_a_finger_match_and_none_of_two_fingers(void **state)
{
	struct lab *l = *state;
	unsigned same = 0, other = 0;

	for (unsigned a = 0; a < ALL; a++) {
		for (unsigned b = 0; b < ALL; b++) {
			bool one = a / TOUCHES == b / TOUCHES;
			struct match_finding found;

			if (a == b)
				continue;
			gallery_init(l->gallery);
			gallery_add(l->gallery, 0, &l->touch[a / TOUCHES][a % TOUCHES], l->work);
			found = search(l, b / TOUCHES, b % TOUCHES);
			assert_int_equal(found.outcome, one ? KM_MATCH_YES : KM_MATCH_NO);
			*(one ? &same : &other) += 1;
		}
	}
	assert_int_equal(same, FINGERS * TOUCHES * (TOUCHES - 1));
	assert_int_equal(other, ALL * (FINGERS - 1) * TOUCHES);
}

/* As at a login with many fingers: the threshold is at its highest. */
static void
test_each_touch_is_found_among_all_others_and_not_among_those_of_other_fingers(void **state)
{
	struct lab *l = *state;
	unsigned found_own = 0, found_none = 0;

	for (unsigned with_own = 0; with_own < 2; with_own++) {
		for (unsigned p = 0; p < ALL; p++) {
			struct match_finding found;

			gallery_init(l->gallery);
			for (unsigned g = 0; g < ALL; g++)
				if (g != p && (with_own || g / TOUCHES != p / TOUCHES))
					gallery_add(l->gallery, g / TOUCHES,
						    &l->touch[g / TOUCHES][g % TOUCHES], l->work);
			found = search(l, p / TOUCHES, p % TOUCHES);
			if (with_own)
				found_own +=
				    found.outcome == KM_MATCH_YES && found.index == p / TOUCHES;
			else
				found_none += found.outcome == KM_MATCH_NO;
		}
	}
	assert_int_equal(found_own, ALL);
	assert_int_equal(found_none, ALL);
}

/* A finger that never moved would show nothing. */
static void test_no_two_touches_are_nearly_the_same(void **state)
{
	struct lab *l = *state;
	struct print *a = malloc(print_size()), *b = malloc(print_size());

	assert_true(a && b);
	for (unsigned f = 0; f < FINGERS; f++) {
		for (unsigned t = 0; t < TOUCHES; t++) {
			print_make(&l->touch[f][t].impression[0], l->work, a);
			for (unsigned u = t + 1; u < TOUCHES; u++) {
				print_make(&l->touch[f][u].impression[0], l->work, b);
				assert_true(print_compare(a, b, l->work) <
					    print_compare(a, a, l->work) * 3 / 4);
			}
		}
	}
	free(a);
	free(b);
}

static void test_the_reader_tells_libfprint_what_it_is_told(void **state)
{
	/* FP_DEVICE_RETRY_TOO_SHORT; FP_DEVICE_ERROR_PROTO, _REMOVED */
	static const struct {
		enum feed_command command;
		int32_t number, kind, code;
	} told[] = { { FEED_RETRY, 1, READING_RETRY, 1 },
		     { FEED_ERROR, 4, READING_ERROR, 4 },
		     { FEED_UNPLUG, 0, READING_ERROR, 0x100 },
		     { FEED_RETRY, 3, READING_RETRY, 3 } };
	struct lab *l = *state;
	struct reading r;

	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		expect(l, READING_WAITS, &r);
		assert_true(
		    feed_command(l->scanner.path, told[i].command, told[i].number, FEED_MS));
		expect(l, told[i].kind, &r);
		assert_int_equal(r.code, told[i].code);
	}
	assert_false(feed_command("/nonexistent/reader", FEED_UNPLUG, 0, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same_seeds_give_the_same_picture_on_every_machine),
		cmocka_unit_test(test_libfprint_finds_20_to_90_minutiae_in_each_touch),
		cmocka_unit_test(test_any_two_touches_of_a_finger_match_and_none_of_two_fingers),
		cmocka_unit_test(
		    test_each_touch_is_found_among_all_others_and_not_among_those_of_other_fingers),
		cmocka_unit_test(test_no_two_touches_are_nearly_the_same),
		cmocka_unit_test(test_the_reader_tells_libfprint_what_it_is_told),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
