/*
 * From the core to all pairs. Skin stretches, so no single movement lays one impression on the
 * other: each minutia gets a rigid map of its own, fitted to the pairs around it. Pairs that do
 * not fit are dropped, neighbours that do are added.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"
#include "trig.h"

/* Weighted means of both sides of the pairs, and the turn between them. */
struct fit {
	float weight[N_MAX], ax, ay, bx, by, c, s;
};

static void weigh(const struct print *a, const struct pairs *p, unsigned i, struct fit *f)
{
	for (unsigned q = 0; q < p->n; q++) {
		float dx = a->x[p->a[q]] - a->x[i], dy = a->y[p->a[q]] - a->y[i];

		/* No pair says where it should be itself. */
		f->weight[q] =
		    p->a[q] == i && p->n > 2
			? 0
			: trig_exp((dx * dx + dy * dy) * (-0.5f / (GROW_SIGMA * GROW_SIGMA))) +
			      GROW_FLOOR;
	}
}

static void middle(const struct print *a, const struct print *b, const struct pairs *p,
		   struct fit *f)
{
	float sum = 0;

	f->ax = f->ay = f->bx = f->by = 0;
	for (unsigned q = 0; q < p->n; q++) {
		sum += f->weight[q];
		f->ax += f->weight[q] * a->x[p->a[q]];
		f->ay += f->weight[q] * a->y[p->a[q]];
		f->bx += f->weight[q] * b->x[p->b[q]];
		f->by += f->weight[q] * b->y[p->b[q]];
	}
	f->ax /= sum;
	f->ay /= sum;
	f->bx /= sum;
	f->by /= sum;
}

static void turn(const struct print *a, const struct print *b, const struct pairs *p, struct fit *f)
{
	float c = 0, s = 0, norm;

	for (unsigned q = 0; q < p->n; q++) {
		unsigned u = p->a[q], v = p->b[q];
		float ux = a->x[u] - f->ax, uy = a->y[u] - f->ay;
		float vx = b->x[v] - f->bx, vy = b->y[v] - f->by;
		float tc = a->cosine[u] * b->cosine[v] + a->sine[u] * b->sine[v];
		float ts = a->cosine[u] * b->sine[v] - a->sine[u] * b->cosine[v];

		c += f->weight[q] * (ux * vx + uy * vy + GROW_LEVER * tc);
		s += f->weight[q] * (ux * vy - uy * vx + GROW_LEVER * ts);
	}
	norm = sqrtf(c * c + s * s);
	f->c = norm > 1e-6f ? c / norm : 1;
	f->s = norm > 1e-6f ? s / norm : 0;
}

static void landing_find(const struct print *a, const struct print *b, struct match_work *w)
{
	struct fit f;

	for (unsigned i = 0; i < a->n; i++) {
		float dx, dy;

		weigh(a, &w->pairs, i, &f);
		middle(a, b, &w->pairs, &f);
		turn(a, b, &w->pairs, &f);
		dx = a->x[i] - f.ax;
		dy = a->y[i] - f.ay;
		w->landing[i] = (struct landing){
			.x = f.bx + f.c * dx - f.s * dy,
			.y = f.by + f.s * dx + f.c * dy,
			.c = f.c,
			.s = f.s,
		};
	}
}

float landing_turn(const struct print *a, const struct print *b, const struct landing *l,
		   unsigned i, unsigned j)
{
	/* The direction of i, turned as its map turns; then the angle from there to that of j. */
	float c = l->c * a->cosine[i] - l->s * a->sine[i];
	float s = l->s * a->cosine[i] + l->c * a->sine[i];

	return trig_bearing(c * b->sine[j] - s * b->cosine[j], c * b->cosine[j] + s * b->sine[j]);
}

static void drop_misfits(const struct print *b, struct match_work *w)
{
	struct pairs *p = &w->pairs;
	unsigned kept = 0, n = p->n;

	for (unsigned q = 0; q < n; q++) {
		unsigned u = p->a[q], v = p->b[q];
		float dx = b->x[v] - w->landing[u].x, dy = b->y[v] - w->landing[u].y;

		if (n > 3 && dx * dx + dy * dy > 4 * GROW_REACH * GROW_REACH) {
			p->partner_a[u] = -1;
			p->partner_b[v] = -1;
			continue;
		}
		p->a[kept] = (uint8_t)u;
		p->b[kept++] = (uint8_t)v;
	}
	p->n = kept;
}

/* Keys of neighbours without a partner, the best fit first. */
static unsigned propose(const struct print *a, const struct print *b, struct match_work *w)
{
	unsigned n = 0;

	for (unsigned i = 0; i < a->n; i++)
		for (unsigned j = 0; w->pairs.partner_a[i] < 0 && j < b->n; j++) {
			const struct landing *l = &w->landing[i];
			float dx = b->x[j] - l->x, dy = b->y[j] - l->y, far = dx * dx + dy * dy, by;

			if (w->pairs.partner_b[j] >= 0 || far > GROW_REACH * GROW_REACH)
				continue;
			by = fabsf(landing_turn(a, b, l, i, j)) / (GROW_TURN * (PI / 180));
			if (by <= 1 && n < GROW_EDGES)
				w->keys[n++] = (uint64_t)sort_bits(sqrtf(far) / GROW_REACH + by)
						   << 32 |
					       i << 8 | j;
		}
	sort_keys(w->keys, n);
	return n;
}

bool grow(const struct print *a, const struct print *b, struct match_work *w)
{
	struct pairs *p = &w->pairs;

	for (unsigned pass = 0; pass < GROW_PASSES; pass++) {
		unsigned n;

		landing_find(a, b, w);
		drop_misfits(b, w);
		if (p->n < 2)
			return false;
		n = propose(a, b, w);
		for (unsigned k = 0; k < n; k++) {
			unsigned i = w->keys[k] >> 8 & 0xff, j = w->keys[k] & 0xff;

			if (p->partner_a[i] >= 0 || p->partner_b[j] >= 0)
				continue;
			p->partner_a[i] = (int16_t)j;
			p->partner_b[j] = (int16_t)i;
			p->a[p->n] = (uint8_t)i;
			p->b[p->n++] = (uint8_t)j;
		}
	}
	landing_find(a, b, w);
	return true;
}
