/* Comparing two prepared impressions, step by step. */
#include <string.h>

#include "print.h"

int32_t print_compare(const struct print *a, const struct print *b, struct match_work *w)
{
	memset(w->feature, 0, sizeof w->feature);
	if (candidates_find(a, b, w) && relax(a, b, w) && grow(a, b, w))
		features_find(a, b, w);
	return score_of(w->feature);
}
