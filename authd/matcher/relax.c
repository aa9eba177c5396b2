/*
 * Which candidates are true: those that agree with most others. Their strengths are the principal
 * eigenvector of the matrix of agreements; pairs are then taken one to one, the strongest first
 * (Leordeanu, Hebert, ICCV 2005).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"
#include "trig.h"

/* 1 at 0, 0.56 at 1, 0 from 2 on. */
static float bump(float d)
{
	float u = 1 - d * d * 0.25f;

	return d >= 2 ? 0 : u * u;
}

/* How far two candidates can both be true: distance, direction and both bearings, [0, 1]. */
static float agreement(const struct print *a, const struct print *b, const struct candidate *p,
		       const struct candidate *q)
{
	int degrees = abs(q->turn - p->turn);
	float turn = (float)(degrees > 180 ? 360 - degrees : degrees) / AGREE_TURN;
	float ax, ay, bx, by, da, db, mean, far, bearing, slack, by_p, by_q;

	if (turn >= 2)
		return 0;
	ax = a->x[q->a] - a->x[p->a];
	ay = a->y[q->a] - a->y[p->a];
	bx = b->x[q->b] - b->x[p->b];
	by = b->y[q->b] - b->y[p->b];
	da = sqrtf(ax * ax + ay * ay);
	db = sqrtf(bx * bx + by * by);
	mean = 0.5f * (da + db);
	far = fabsf(da - db) / (AGREE_FAR + AGREE_FAR_PART * mean);
	if (far >= 2)
		return 0;
	bearing = trig_bearing(ax * by - ay * bx, ax * bx + ay * by);
	slack = AGREE_BEARING * (PI / 180) + AGREE_NEAR / (mean + AGREE_NEAR);
	by_p = fabsf(trig_wrap(bearing - (float)p->turn * (PI / 180))) / slack;
	by_q = fabsf(trig_wrap(bearing - (float)q->turn * (PI / 180))) / slack;
	return bump(far) * bump(turn) * bump(by_p) * bump(by_q);
}

/* Most candidates contradict each other, so only what agrees is kept: of row i, the later ones. */
static void agreements(const struct print *a, const struct print *b, struct match_work *w)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->candidates; i++) {
		const struct candidate *p = &w->candidate[i];

		for (unsigned j = i + 1; j < w->candidates; j++) {
			const struct candidate *q = &w->candidate[j];
			float r = p->a != q->a && p->b != q->b ? agreement(a, b, p, q) : 0;

			if (r <= 0)
				continue;
			w->agree[n] = r * p->alike * q->alike;
			w->with[n++] = (uint8_t)j;
		}
		w->row_end[i] = (uint16_t)n;
	}
}

/* One step of the power iteration: next is the matrix times strength. */
static void step(struct match_work *w)
{
	memset(w->next, 0, w->candidates * sizeof w->next[0]);
	for (unsigned i = 0, k = 0; i < w->candidates; i++)
		for (; k < w->row_end[i]; k++) {
			w->next[i] += w->agree[k] * w->strength[w->with[k]];
			w->next[w->with[k]] += w->agree[k] * w->strength[i];
		}
}

/* False: nothing agrees. */
static bool strengths(struct match_work *w)
{
	const unsigned n = w->candidates;

	for (unsigned i = 0; i < n; i++)
		w->strength[i] = w->candidate[i].alike;
	for (unsigned k = 0; k < POWER_STEPS; k++) {
		float norm = 0;

		step(w);
		for (unsigned i = 0; i < n; i++)
			norm += w->next[i] * w->next[i];
		norm = sqrtf(norm);
		if (norm < 1e-9f)
			return false;
		for (unsigned i = 0; i < n; i++)
			w->strength[i] = w->next[i] / norm;
	}
	return true;
}

/* Whether candidate i goes with those taken. */
static bool fits(const struct print *a, const struct print *b, struct match_work *w, unsigned i)
{
	const struct candidate *c = &w->candidate[i];
	float sum = 0;

	if (w->pairs.partner_a[c->a] >= 0 || w->pairs.partner_b[c->b] >= 0)
		return false;
	for (unsigned k = 0; k < w->core; k++)
		sum += agreement(a, b, c, &w->candidate[w->taken[k]]);
	if (w->core && sum < CORE_AGREE * (float)w->core && sum < CORE_ENOUGH)
		return false;
	w->core_agree += sum;
	return true;
}

static void take(struct match_work *w, unsigned i)
{
	struct pairs *p = &w->pairs;

	w->taken[w->core++] = (uint8_t)i;
	p->a[p->n] = w->candidate[i].a;
	p->b[p->n] = w->candidate[i].b;
	p->partner_a[p->a[p->n]] = p->b[p->n];
	p->partner_b[p->b[p->n]] = p->a[p->n];
	p->n++;
}

bool relax(const struct print *a, const struct print *b, struct match_work *w)
{
	const unsigned n = w->candidates;

	w->core = 0;
	w->core_agree = 0;
	w->pairs.n = 0;
	memset(w->pairs.partner_a, -1, sizeof w->pairs.partner_a);
	memset(w->pairs.partner_b, -1, sizeof w->pairs.partner_b);
	agreements(a, b, w);
	if (!strengths(w))
		return false;
	for (unsigned i = 0; i < n; i++)
		w->keys[i] = (uint64_t)~sort_bits(w->strength[i]) << 32 | i;
	sort_keys(w->keys, n);
	for (unsigned k = 0; k < n; k++) {
		unsigned i = w->keys[k] & 0xff;

		if (w->strength[i] < CORE_SHARE * w->strength[w->keys[0] & 0xff])
			break;
		if (fits(a, b, w, i))
			take(w, i);
	}
	return w->core >= 2;
}
