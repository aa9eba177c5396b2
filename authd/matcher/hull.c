/* The convex hull of a print's minutiae: the part of the finger that was seen. */
#include <math.h>

#include "print.h"

static float cross(const float *o, const float *a, const float *b)
{
	return (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]);
}

static unsigned turn_in(float (*corner)[2], unsigned k, unsigned least, const float *point)
{
	while (k >= least && cross(corner[k - 2], corner[k - 1], point) <= 0)
		k--;
	corner[k][0] = point[0];
	corner[k][1] = point[1];
	return k + 1;
}

/* Andrew's monotone chain, counter-clockwise. Returns how many corners. */
static unsigned corners(const struct print *p, struct match_work *w)
{
	unsigned k = 0, least;

	for (unsigned i = 0; i < p->n; i++)
		w->keys[i] = (uint64_t)p->x[i] << 32 | (uint64_t)p->y[i];
	sort_keys(w->keys, p->n);
	for (unsigned i = 0; i < p->n; i++) {
		w->point[i][0] = (float)(w->keys[i] >> 32);
		w->point[i][1] = (float)(w->keys[i] & 0xffffffff);
	}
	for (unsigned i = 0; i < p->n; i++)
		k = turn_in(w->corner, k, 2, w->point[i]);
	least = k + 1;
	for (unsigned i = p->n - 1; i-- > 0;)
		k = turn_in(w->corner, k, least, w->point[i]);
	return k - 1;
}

void hull_make(struct print *p, struct match_work *w)
{
	unsigned k = p->n < 3 ? 0 : corners(p, w);

	if (k < 3) /* a point or a line */
		return;
	for (unsigned i = 0; i < k; i++) {
		const float *from = w->corner[i], *to = w->corner[i + 1 == k ? 0 : i + 1];
		float dx = to[0] - from[0], dy = to[1] - from[1], len = sqrtf(dx * dx + dy * dy);
		struct side *s = &p->side[p->sides++];

		s->nx = dy / len;
		s->ny = -dx / len;
		s->c = from[0] * s->nx + from[1] * s->ny;
		p->area += 0.5f * (from[0] * to[1] - to[0] * from[1]);
	}
}

float hull_distance(const struct print *p, float x, float y)
{
	float most = p->sides ? -1e9f : 1e9f;

	for (unsigned i = 0; i < p->sides; i++) {
		float d = x * p->side[i].nx + y * p->side[i].ny - p->side[i].c;

		if (d > most)
			most = d;
	}
	return most;
}
