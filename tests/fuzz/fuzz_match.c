/*
 * The comparison on any minutiae whatever: no number that is none, the same finding every time, a
 * touch of nothing never a match, and work that ends. A list is a count and so many minutiae; six
 * bytes each, or made from a rule, so that a few bytes make two hundred at one point or on a line.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../authd/matcher/print.h"
#include "../unit/fingers.h"
#include "fuzz.h"

enum { RAW, FINGER, POINT, LINE, GRID, RULES };

const struct fuzz_seed fuzz_seeds[] = {
	SEED("same-finger", 1, FINGER, 48, 1, 1, FINGER, 48, 1, 2),
	SEED("two-fingers", 1, FINGER, 48, 1, 1, FINGER, 48, 2, 2),
	SEED("three-touches", 2, FINGER, 48, 1, 1, FINGER, 48, 1, 2, FINGER, 48, 1, 3, FINGER, 48,
	     2, 4),
	SEED("all-at-one-point", 1, POINT, 200, 9, 9, POINT, 200, 9, 9),
	SEED("a-line", 1, LINE, 200, 3, 0, LINE, 200, 3, 0),
	SEED("a-grid", 1, GRID, 196, 20, 20, GRID, 196, 20, 20),
	SEED("nothing", 1, RAW, 0, RAW, 0),
	SEED("one", 1, RAW, 1, 0, 1, 0, 1, 0, 1, RAW, 1, 0, 1, 0, 1, 0, 1),
	SEED("the-ends", 1, RAW, 2, 0x1f, 0xff, 0xe0, 0x01, 0, 180, 0xe0, 0x01, 0x1f, 0xff, 0xff,
	     0x4d, FINGER, 200, 7, 7),
	{ .name = NULL },
};
const char *const fuzz_words[] = { "\x01\x30", "\x02\xc8", "\x03\xc8", "\x04\xc4", NULL };

static struct match_work *work;
static struct gallery *gallery;
#define TOUCHES 3

void fuzz_begin(void)
{
	work = malloc(match_work_size());
	gallery = malloc(gallery_size(TOUCHES));
	fuzz_check(work && gallery, "no memory");
}

static int16_t within(int value, int most)
{
	return (int16_t)(value > most ? most : value < -most ? -most : value);
}

static struct km_minutia by_rule(struct fuzz_in *in, unsigned rule, unsigned i, int a, int b)
{
	int x = a, y = b, theta = a * 7 % 180;

	if (rule == RAW) {
		x = (int16_t)fuzz_integer(in, 2);
		y = (int16_t)fuzz_integer(in, 2);
		theta = (int16_t)fuzz_integer(in, 2);
	} else if (rule == LINE) {
		x = a * (int)i;
		y = b * (int)i;
		theta = (int)i % 2 ? 180 : 0;
	} else if (rule == GRID) {
		x = a * (int)(i % 14);
		y = b * (int)(i / 14);
	}
	return (struct km_minutia){ within(x, KM_MINUTIA_REACH), within(y, KM_MINUTIA_REACH),
				    theta <= -180 ? 180 : within(theta, 180) };
}

static struct km_minutiae read_list(struct fuzz_in *in)
{
	unsigned rule = fuzz_u8(in) % RULES, count = fuzz_u8(in) % (KM_MINUTIAE_MAX + 1);
	struct km_minutiae m = { .count = 0 };
	int a = 0, b = 0;

	if (rule != RAW) {
		a = fuzz_u8(in);
		b = fuzz_u8(in);
	}
	if (rule == FINGER)
		return count <= FINGER_MINUTIAE ? finger_touch((uint32_t)a, (unsigned)b)
						: finger_of((uint32_t)a, count);
	while (m.count < count) {
		m.at[m.count] = by_rule(in, rule, m.count, a, b);
		m.count++;
	}
	return m;
}

static void all_finite(const float *x, size_t n, const char *what)
{
	for (size_t i = 0; i < n; i++)
		fuzz_check(isfinite(x[i]), "%s %zu is no number", what, i);
}

/* Nothing depends on what was in the memory before. */
static void make(const struct km_minutiae *m, struct print *out, int before)
{
	memset(work, before, match_work_size());
	memset(out, before, sizeof(*out));
	print_make(m, work, out);
	fuzz_check(out->n == m->count && out->sides <= N_MAX, "%u of %u", out->n, m->count);
	all_finite(out->x, out->n, "x");
	all_finite(out->y, out->n, "y");
	all_finite(out->cosine, out->n, "cosine");
	all_finite(out->sine, out->n, "sine");
	all_finite(out->reliability, out->n, "reliability");
	all_finite(&out->area, 1, "area");
}

static int32_t compare(const struct print *a, const struct print *b, int before)
{
	int32_t score;
	float hint;

	memset(work, before, match_work_size());
	hint = print_hint(a, b, work);
	all_finite(&hint, 1, "hint");
	memset(work, before, match_work_size());
	score = print_compare(a, b, work);
	all_finite(work->feature, FEATURES, "feature");
	return score;
}

static void search(const struct km_minutiae *list, unsigned touches,
		   const struct km_minutiae *probe)
{
	static struct finger_template t;
	struct match_finding found[2];

	for (unsigned twice = 0; twice < 2; twice++) {
		memset(gallery, twice ? 0xff : 0, gallery_size(TOUCHES));
		memset(work, twice ? 0xff : 0, match_work_size());
		gallery_init(gallery);
		for (unsigned i = 0; i < touches; i++) {
			t.count = 1;
			t.impression[0] = list[i];
			gallery_add(gallery, i, &t, work);
		}
		memset(&found[twice], 0x55, sizeof(found[twice]));
		gallery_search(gallery, probe, work, &found[twice]);
	}
	fuzz_check(found[0].outcome == found[1].outcome && found[0].score == found[1].score &&
		       found[0].index == found[1].index,
		   "another finding: %d of %d, %d of %d", found[0].outcome, found[0].score,
		   found[1].outcome, found[1].score);
	fuzz_check(found[0].outcome == KM_MATCH_NO || found[0].outcome == KM_MATCH_YES ||
		       found[0].outcome == KM_MATCH_POOR,
		   "outcome %d", found[0].outcome);
	fuzz_check((found[0].outcome == KM_MATCH_POOR) == (probe->count < MATCH_MINUTIAE_LEAST),
		   "%u minutiae", probe->count);
	fuzz_check(found[0].outcome != KM_MATCH_YES || found[0].index < touches, "index %u",
		   found[0].index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct km_minutiae list[TOUCHES], probe;
	static struct print a, b;
	struct fuzz_in in = { data, size };
	unsigned touches = fuzz_u8(&in) % TOUCHES + 1;
	int32_t score;

	probe = read_list(&in);
	for (unsigned i = 0; i < touches; i++)
		list[i] = read_list(&in);
	make(&probe, &a, 0);
	make(&list[0], &b, 0xff);
	score = compare(&a, &b, 0);
	fuzz_check(score == compare(&a, &b, 0xff), "another score");
	search(list, touches, &probe);
	return 0;
}
