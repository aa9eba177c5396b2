/*
 * One probe against everything that was lent. The threshold keeps the rate of false matches of
 * the whole search, so it rises with how many impressions there are.
 */
#include <string.h>

#include "print.h"

struct entry {
	unsigned index;
	struct print print;
};

struct gallery {
	unsigned n;
	struct entry entry[];
};

size_t gallery_size(unsigned impressions)
{
	return sizeof(struct gallery) + impressions * sizeof(struct entry);
}

void gallery_init(struct gallery *g)
{
	g->n = 0;
}

void gallery_add(struct gallery *g, unsigned index, const struct finger_template *t,
		 struct match_work *w)
{
	for (unsigned i = 0; i < t->count; i++) {
		struct entry *e = &g->entry[g->n++];

		e->index = index;
		print_make(&t->impression[i], w, &e->print);
	}
}

int32_t gallery_threshold(unsigned impressions)
{
	unsigned row = 0;

	while (row + 1 < THRESHOLDS && threshold[row].impressions < impressions)
		row++;
	return threshold[row].score;
}

void gallery_search(const struct gallery *g, const struct km_minutiae *probe, struct match_work *w,
		    struct match_finding *out)
{
	struct match_finding f = { .outcome = KM_MATCH_NO, .score = INT32_MIN };
	int32_t least = gallery_threshold(g->n);

	if (probe->count < MATCH_MINUTIAE_LEAST) {
		*out = (struct match_finding){ .outcome = KM_MATCH_POOR };
		return;
	}
	print_make(probe, w, &w->probe);
	for (unsigned i = 0; i < g->n; i++) {
		int32_t score = print_compare(&g->entry[i].print, &w->probe, w);

		if (score <= f.score)
			continue;
		f.score = score;
		f.index = g->entry[i].index;
		if (score >= least) {
			f.outcome = KM_MATCH_YES;
			break;
		}
	}
	*out = f;
}
