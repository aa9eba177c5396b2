/* Which minutiae may be partners: the best few of each, by the likeness of their cylinders. */
#include <string.h>

#include "print.h"
#include "trig.h"

static void keep_best(float best[TOP], float alike)
{
	unsigned k = TOP - 1;

	if (alike <= best[k])
		return;
	for (; k > 0 && best[k - 1] < alike; k--)
		best[k] = best[k - 1];
	best[k] = alike;
}

/* Keys of those that are among the best of either, the most alike first. */
static unsigned propose(const struct print *a, const struct print *b, struct match_work *w)
{
	const unsigned most = sizeof w->keys / sizeof w->keys[0];
	unsigned n = 0;

	for (unsigned i = 0; i < a->n; i++)
		for (unsigned j = 0; j < b->n; j++) {
			float s = w->alike[i * b->n + j];

			if (s > ALIKE_LEAST && n < most &&
			    (s >= w->best_a[i][TOP - 1] || s >= w->best_b[j][TOP - 1]))
				w->keys[n++] = (uint64_t)~sort_bits(s) << 32 | i << 8 | j;
		}
	sort_keys(w->keys, n);
	return n < CANDIDATES_MAX ? n : CANDIDATES_MAX;
}

bool candidates_find(const struct print *a, const struct print *b, struct match_work *w)
{
	similarity_all(a, b, w->alike);
	memset(w->best_a, 0, sizeof w->best_a);
	memset(w->best_b, 0, sizeof w->best_b);
	for (unsigned i = 0; i < a->n; i++)
		for (unsigned j = 0; j < b->n; j++) {
			keep_best(w->best_a[i], w->alike[i * b->n + j]);
			keep_best(w->best_b[j], w->alike[i * b->n + j]);
		}
	w->candidates = propose(a, b, w);
	for (unsigned p = 0; p < w->candidates; p++) {
		unsigned i = w->keys[p] >> 8 & 0xff, j = w->keys[p] & 0xff;

		w->candidate[p] = (struct candidate){
			.alike = w->alike[i * b->n + j],
			.turn = trig_wrap_degrees(b->turn[j] - a->turn[i]),
			.a = (uint8_t)i,
			.b = (uint8_t)j,
		};
	}
	return w->candidates >= 3;
}
