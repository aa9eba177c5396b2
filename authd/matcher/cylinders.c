/*
 * Minutia Cylinder-Code: what lies around each minutia, as bits (Cappelli, Ferrara, Maltoni,
 * IEEE TPAMI 32(12), 2010). Neighbours weigh by their reliability.
 */
#include <math.h>
#include <string.h>

#include "print.h"
#include "trig.h"

#define CELL_SIDE (2 * CYLINDER_R / CELLS)
#define REACH     (3 * CYLINDER_NEAR) /* of a neighbour */
#define ACROSS    (360 / LAYERS)      /* degrees of a layer */

/* What a direction so many degrees from a layer's middle gives to it. */
static void facing_make(float facing[360])
{
	for (int d = 0; d < 360; d++) {
		float z = (float)trig_wrap_degrees(d), half = ACROSS / 2.0f;

		facing[d] = trig_normal((z + half) / CYLINDER_TURN) -
			    trig_normal((z - half) / CYLINDER_TURN);
	}
}

/* Neighbours that reach into the cylinder of m, and what each gives to each layer. */
static unsigned neighbours(const struct print *p, unsigned m, struct match_work *w)
{
	const float scale = 1 / (CYLINDER_NEAR * 2.50662827f), far = CYLINDER_R + REACH;
	unsigned n = 0;

	for (unsigned k = 0; k < p->n; k++) {
		float dx = p->x[k] - p->x[m], dy = p->y[k] - p->y[m];

		if (k == m || dx * dx + dy * dy >= far * far)
			continue;
		for (int l = 0; l < LAYERS; l++) {
			int d = p->turn[k] - p->turn[m] + 180 - l * ACROSS - ACROSS / 2;

			w->near[n][l] = p->reliability[k] * scale * w->facing[(d + 720) % 360];
		}
		w->neighbour[n++] = (uint8_t)k;
	}
	return n;
}

/* Sets the bits of the cell number `cell`, whose middle is at x, y. */
static void fill(const struct print *p, const struct match_work *w, unsigned n, float x, float y,
		 struct cylinder *out, unsigned cell)
{
	float sum[LAYERS] = { 0 };

	for (unsigned q = 0; q < n; q++) {
		float dx = p->x[w->neighbour[q]] - x, dy = p->y[w->neighbour[q]] - y;
		float far = dx * dx + dy * dy, weight;

		if (far > REACH * REACH)
			continue;
		weight = trig_exp(far * (-0.5f / (CYLINDER_NEAR * CYLINDER_NEAR)));
		for (unsigned l = 0; l < LAYERS; l++)
			sum[l] += weight * w->near[q][l];
	}
	for (unsigned l = 0; l < LAYERS; l++)
		if (sum[l] >= CYLINDER_FILL)
			out->set[l][cell / 64] |= 1ull << (cell % 64);
}

static void cylinder_make(struct print *p, unsigned m, struct match_work *w)
{
	struct cylinder *out = &p->cylinder[m];
	unsigned n = neighbours(p, m, w), valid = 0, all = 0;
	float depth = -hull_distance(p, p->x[m], p->y[m]);
	bool whole = depth >= CYLINDER_R - CYLINDER_RIM;

	for (unsigned cell = 0; cell < CELLS * CELLS; cell++) {
		float u = CELL_SIDE * ((float)(cell / CELLS) - (CELLS - 1) / 2.0f);
		float v = CELL_SIDE * ((float)(cell % CELLS) - (CELLS - 1) / 2.0f);
		float x = p->x[m] + p->cosine[m] * u - p->sine[m] * v;
		float y = p->y[m] + p->sine[m] * u + p->cosine[m] * v;

		if (u * u + v * v > CYLINDER_R * CYLINDER_R)
			continue;
		all++;
		if (!whole && hull_distance(p, x, y) > CYLINDER_RIM)
			continue;
		valid++;
		out->valid[cell / 64] |= 1ull << (cell % 64);
		fill(p, w, n, x, y, out, cell);
	}
	p->usable[m] = (float)valid >= CYLINDER_HALF * (float)all && n >= 2;
}

void cylinders_make(struct print *p, struct match_work *w)
{
	facing_make(w->facing);
	memset(p->cylinder, 0, sizeof p->cylinder);
	for (unsigned m = 0; m < p->n; m++)
		cylinder_make(p, m, w);
}
