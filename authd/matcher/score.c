/*
 * What the pairs are worth: how surprising so many would be by chance in the overlap of the two
 * impressions (in the sense of Pankanti, Prabhakar, Jain, IEEE TPAMI 24(8), 2002), and what else
 * numbers.h lists. One logistic function weighs it.
 */
#include <math.h>
#include <string.h>

#include "print.h"
#include "trig.h"

/* How surprising a weight of q is where mu is expected (the tail of Poisson's distribution). */
static float surprise(float q, float mu)
{
	float s = q > mu ? q * trig_log(q / mu) - (q - mu) : 0;

	return s > 0 ? s : 0; /* rounded below 0 where q is next to mu */
}

/* One rigid movement for all pairs: for what of b lies in a, where exactness does not matter. */
struct movement {
	float ax, ay, bx, by, c, s;
};

static struct movement movement_find(const struct print *a, const struct print *b,
				     const struct pairs *p)
{
	struct movement m = { 0 };
	float n = (float)p->n, norm;

	for (unsigned q = 0; q < p->n; q++) {
		m.ax += a->x[p->a[q]] / n;
		m.ay += a->y[p->a[q]] / n;
		m.bx += b->x[p->b[q]] / n;
		m.by += b->y[p->b[q]] / n;
	}
	for (unsigned q = 0; q < p->n; q++) {
		unsigned u = p->a[q], v = p->b[q];
		float ux = a->x[u] - m.ax, uy = a->y[u] - m.ay;
		float vx = b->x[v] - m.bx, vy = b->y[v] - m.by;

		m.c += ux * vx + uy * vy +
		       GROW_LEVER * (a->cosine[u] * b->cosine[v] + a->sine[u] * b->sine[v]);
		m.s += ux * vy - uy * vx +
		       GROW_LEVER * (a->cosine[u] * b->sine[v] - a->sine[u] * b->cosine[v]);
	}
	norm = sqrtf(m.c * m.c + m.s * m.s);
	m.c = norm > 1e-6f ? m.c / norm : 1;
	m.s = norm > 1e-6f ? m.s / norm : 0;
	return m;
}

/* In the overlap: minutiae of a, and the reliability of a's and of b's. */
struct overlap {
	float na, ra, rb;
};

static struct overlap overlap_find(const struct print *a, const struct print *b,
				   const struct movement *m, const struct match_work *w)
{
	struct overlap o = { 0 };

	for (unsigned i = 0; i < a->n; i++) {
		const struct landing *l = &w->landing[i];

		if (w->pairs.partner_a[i] < 0 && hull_distance(b, l->x, l->y) >= HULL_SLACK)
			continue;
		o.na++;
		o.ra += a->reliability[i];
	}
	for (unsigned j = 0; j < b->n; j++) {
		float dx = b->x[j] - m->bx, dy = b->y[j] - m->by;
		float x = m->ax + m->c * dx + m->s * dy, y = m->ay - m->s * dx + m->c * dy;

		if (w->pairs.partner_b[j] < 0 && hull_distance(a, x, y) >= HULL_SLACK)
			continue;
		o.rb += b->reliability[j];
	}
	return o;
}

/* How well pair k lies where it is expected, (0, 1]. */
static float fit_of(const struct print *a, const struct print *b, const struct match_work *w,
		    unsigned k)
{
	unsigned u = w->pairs.a[k], v = w->pairs.b[k];
	const struct landing *l = &w->landing[u];
	float dx = b->x[v] - l->x, dy = b->y[v] - l->y, by = landing_turn(a, b, l, u, v);

	return trig_exp(-0.5f * ((dx * dx + dy * dy) / (FIT_SIGMA * FIT_SIGMA) +
				 by * by / (FIT_TURN * FIT_TURN)));
}

/* Of what lies around pair k, the share that is paired and lies there in both alike, [0, 1). */
static float neighbours_of(const struct print *a, const struct print *b, const struct match_work *w,
			   unsigned k)
{
	unsigned u = w->pairs.a[k], v = w->pairs.b[k];
	const struct landing *l = &w->landing[u];
	float alike = 0, all = 1;

	for (unsigned i = 0; i < a->n; i++) {
		float ax = a->x[i] - a->x[u], ay = a->y[i] - a->y[u], dx, dy;
		int partner = w->pairs.partner_a[i];

		if (i == u || ax * ax + ay * ay >= AROUND_R * AROUND_R)
			continue;
		all += a->reliability[i];
		if (partner < 0)
			continue;
		dx = l->c * ax - l->s * ay - (b->x[partner] - b->x[v]);
		dy = l->s * ax + l->c * ay - (b->y[partner] - b->y[v]);
		alike += a->reliability[i] *
			 trig_exp((dx * dx + dy * dy) * (-0.5f / (AROUND_SIGMA * AROUND_SIGMA)));
	}
	return alike / all;
}

static float overlap_area(const struct print *a, const struct overlap *o)
{
	float area = a->area * (o->na + 2) / ((float)a->n + 2);

	return area < AREA_LEAST ? AREA_LEAST : area;
}

void features_find(const struct print *a, const struct print *b, struct match_work *w)
{
	struct movement m = movement_find(a, b, &w->pairs);
	struct overlap o = overlap_find(a, b, &m, w);
	float fits = 0, reliable = 0, around = 0, area = overlap_area(a, &o), chance, turn;

	for (unsigned k = 0; k < w->pairs.n; k++) {
		float both = a->reliability[w->pairs.a[k]] * b->reliability[w->pairs.b[k]];
		float fit = fit_of(a, b, w, k);

		fits += fit;
		reliable += fit * both;
		around += fit * both * neighbours_of(a, b, w, k);
	}
	/* Share of the overlap and of all directions that a pair's Gaussian covers. */
	chance = FIT_SIGMA * FIT_SIGMA * 2.50662827f * FIT_TURN / area;
	turn = fabsf(trig_bearing(m.s, m.c));
	w->feature[F_CORE] = sqrtf(2 * w->core_agree / (float)(w->core - 1));
	w->feature[F_SURPRISE] = sqrtf(surprise(reliable, o.ra * o.rb * chance * 2 + 0.2f));
	w->feature[F_AREA] = area / 1e4f;
	w->feature[F_TURN] = turn < TURN_KNOWN ? turn : TURN_KNOWN;
	w->feature[F_FIT] = fits / (float)w->pairs.n;
	w->feature[F_MINUTIAE] = sqrtf((float)(a->n * b->n)) / 10;
	w->feature[F_NEIGHBOURS] = sqrtf(around);
}

int32_t score_of(const float feature[FEATURES])
{
	float z = score_bias;

	for (unsigned k = 0; k < FEATURES; k++)
		z += score_weight[k].weight * (feature[k] - score_weight[k].mean) /
		     score_weight[k].deviation;
	z = z > SCORE_MOST ? SCORE_MOST : z < -SCORE_MOST ? -SCORE_MOST : z;
	return (int32_t)(z * 1000 + (z < 0 ? -0.5f : 0.5f));
}
