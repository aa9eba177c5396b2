/*
 * One probe against everything that was lent. The threshold keeps the rate of false matches of
 * the whole search, so it rises with how many impressions there are.
 */
#include <string.h>

#include "print.h"

struct entry {
	unsigned template; /* counted from 0 */
	unsigned index;    /* as its lender numbers it */
	struct print print;
};

struct gallery {
	unsigned n, templates;
	struct entry entry[];
};

size_t gallery_size(unsigned impressions)
{
	return sizeof(struct gallery) + impressions * sizeof(struct entry);
}

void gallery_init(struct gallery *g)
{
	g->n = 0;
	g->templates = 0;
}

void gallery_add(struct gallery *g, unsigned index, const struct finger_template *t,
		 struct match_work *w)
{
	for (unsigned i = 0; i < t->count && g->n < GALLERY_MAX; i++) {
		struct entry *e = &g->entry[g->n++];

		e->template = g->templates;
		e->index = index;
		print_make(&t->impression[i], w, &e->print);
	}
	g->templates++;
}

int32_t gallery_threshold(unsigned impressions)
{
	unsigned row = 0;

	while (row + 1 < THRESHOLDS && threshold[row].impressions < impressions)
		row++;
	return threshold[row].score;
}

static int32_t more_for(const struct print *probe)
{
	for (unsigned i = 0; i < SMALL_PROBES; i++)
		if (probe->area < small_probe[i].area)
			return small_probe[i].more;
	return 0;
}

/* The likeliest impressions first; equals as they were lent. */
static void order(const struct gallery *g, struct match_work *w)
{
	for (unsigned i = 0; i < g->n; i++) {
		float hint = print_hint(&g->entry[i].print, &w->probe, w);

		w->order[i] = (uint64_t)~sort_bits(hint) << 32 | i;
	}
	sort_keys(w->order, g->n);
}

/* Takes another score of a template; returns what all of its scores come to. It never falls. */
static int32_t fuse(struct match_work *w, unsigned template, int32_t score)
{
	int32_t *best = &w->best[template], *second = &w->second[template];

	if (score > *best) {
		*second = *best;
		*best = score;
	} else if (score > *second) {
		*second = score;
	}
	return *best + (*second > 0 ? *second / SECOND_PART : 0);
}

void gallery_search(const struct gallery *g, const struct km_minutiae *probe, struct match_work *w,
		    struct match_finding *out)
{
	struct match_finding f = { .outcome = KM_MATCH_NO, .score = INT32_MIN };
	int32_t least;

	if (probe->count < MATCH_MINUTIAE_LEAST) {
		*out = (struct match_finding){ .outcome = KM_MATCH_POOR };
		return;
	}
	print_make(probe, w, &w->probe);
	least = gallery_threshold(g->n) + more_for(&w->probe);
	order(g, w);
	for (unsigned i = 0; i < GALLERY_MAX; i++)
		w->best[i] = w->second[i] = SCORE_NOTHING;
	for (unsigned i = 0; i < g->n && f.outcome != KM_MATCH_YES; i++) {
		const struct entry *e = &g->entry[w->order[i] & 0xff];
		int32_t score = fuse(w, e->template, print_compare(&e->print, &w->probe, w));

		if (score <= f.score)
			continue;
		f.score = score;
		f.index = e->index;
		f.outcome = score >= least ? KM_MATCH_YES : KM_MATCH_NO;
	}
	f.score = f.score == INT32_MIN ? SCORE_NOTHING : f.score;
	*out = f;
}
