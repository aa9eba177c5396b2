/* Comparing two prepared impressions, step by step. */
#include <string.h>

#include "print.h"

int32_t print_compare(const struct print *a, const struct print *b, struct match_work *w)
{
	memset(w->feature, 0, sizeof w->feature);
	if (a->n < MATCH_MINUTIAE_LEAST || b->n < MATCH_MINUTIAE_LEAST)
		return SCORE_NOTHING;
	if (!candidates_find(a, b, w) || !relax(a, b, w) || !grow(a, b, w))
		return SCORE_NOTHING;
	features_find(a, b, w);
	return score_of(w->feature);
}

float print_hint(const struct print *a, const struct print *b, struct match_work *w)
{
	float sum = 0;

	candidates_find(a, b, w);
	for (unsigned i = 0; i < HINT_OF && i < w->candidates; i++)
		sum += w->candidate[i].alike;
	return sum;
}
