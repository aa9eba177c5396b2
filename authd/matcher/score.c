/*
 * What the pairs are worth: how surprising so many would be by chance in the overlap of the two
 * impressions (in the sense of Pankanti, Prabhakar, Jain, IEEE TPAMI 24(8), 2002), and which
 * share of what should be found there was found. One logistic function weighs it.
 */
#include <math.h>
#include <string.h>

#include "print.h"
#include "trig.h"

/* How surprising a weight of q is where mu is expected (the tail of Poisson's distribution). */
static float surprise(float q, float mu)
{
	return q > mu ? q * trig_log(q / mu) - (q - mu) : 0;
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

/* Minutiae of each in the overlap, and their reliability. */
struct overlap {
	float na, nb, ra, rb;
};

static struct overlap overlap_find(const struct print *a, const struct print *b,
				   const struct match_work *w)
{
	struct movement m = movement_find(a, b, &w->pairs);
	struct overlap o = { 0 };

	for (unsigned i = 0; i < a->n; i++) {
		const struct landing *l = &w->landing[i];

		if (w->pairs.partner_a[i] < 0 && hull_distance(b, l->x, l->y) >= HULL_SLACK)
			continue;
		o.na++;
		o.ra += a->reliability[i];
	}
	for (unsigned j = 0; j < b->n; j++) {
		float dx = b->x[j] - m.bx, dy = b->y[j] - m.by;
		float x = m.ax + m.c * dx + m.s * dy, y = m.ay - m.s * dx + m.c * dy;

		if (w->pairs.partner_b[j] < 0 && hull_distance(a, x, y) >= HULL_SLACK)
			continue;
		o.nb++;
		o.rb += b->reliability[j];
	}
	return o;
}

void features_find(const struct print *a, const struct print *b, struct match_work *w)
{
	struct overlap o = overlap_find(a, b, w);
	float q = 0, qr = 0, area, chance, *f = w->feature;

	for (unsigned k = 0; k < w->pairs.n; k++) {
		unsigned u = w->pairs.a[k], v = w->pairs.b[k];
		const struct landing *l = &w->landing[u];
		float dx = b->x[v] - l->x, dy = b->y[v] - l->y, by = landing_turn(a, b, l, u, v);
		float fit = trig_exp(-0.5f * ((dx * dx + dy * dy) / (FIT_SIGMA * FIT_SIGMA) +
					      by * by / (FIT_TURN * FIT_TURN)));

		q += fit;
		qr += fit * a->reliability[u] * b->reliability[v];
	}
	area = a->area * (o.na + 2) / ((float)a->n + 2);
	area = area < AREA_LEAST ? AREA_LEAST : area;
	/* Share of the overlap and of all directions that a pair's Gaussian covers. */
	chance = FIT_SIGMA * FIT_SIGMA * 2.50662827f * FIT_TURN / area;
	f[F_CORE] = 2 * w->core_agree / (float)(w->core - 1);
	f[F_WEIGHT] = qr;
	f[F_SURPRISE] = surprise(q, o.na * o.nb * chance * 2 + 0.3f);
	f[F_RELIABLE] = surprise(qr, o.ra * o.rb * chance * 2 + 0.2f);
	f[F_SHARE] = qr * qr / ((o.ra + 3) * (o.rb + 3));
	f[F_EXPECTED] = area / 1e4f;
}

int32_t score_of(const float feature[FEATURES])
{
	float z = score_bias;

	for (unsigned k = 0; k < FEATURES; k++)
		z += score_weight[k].weight * (feature[k] - score_weight[k].mean) /
		     score_weight[k].deviation;
	z = z > 100 ? 100 : z < -100 ? -100 : z;
	return (int32_t)(z * 1000 + (z < 0 ? -0.5f : 0.5f));
}
