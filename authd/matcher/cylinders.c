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
		float z = (float)trig_wrap_degrees(d), half = 180.0f / LAYERS;

		facing[d] = trig_normal((z + half) / CYLINDER_TURN) -
			    trig_normal((z - half) / CYLINDER_TURN);
	}
}

/* The middle of a row or column of cells, from the cylinder's own. */
static float middle(unsigned cell)
{
	return CELL_SIDE * ((float)cell - (CELLS - 1) / 2.0f);
}

/* Rows (or columns) within reach of a neighbour at `at`, and what it gives to each of them. */
struct band {
	unsigned from, to;
	float far[CELLS], weight[CELLS];
};

static void band_make(float at, struct band *b)
{
	b->from = CELLS;
	b->to = 0;
	for (unsigned i = 0; i < CELLS; i++) {
		float d = at - middle(i);

		if (d > REACH || d < -REACH)
			continue;
		b->from = i < b->from ? i : b->from;
		b->to = i + 1;
		b->far[i] = d * d;
		b->weight[i] = trig_exp(d * d * (-0.5f / (CYLINDER_NEAR * CYLINDER_NEAR)));
	}
}

/* Adds neighbour k to the cells of m; a Gaussian is one of the rows times one of the columns. */
static void add_neighbour(const struct print *p, unsigned m, unsigned k, struct match_work *w)
{
	const float scale = 1 / (CYLINDER_NEAR * 2.50662827f);
	float dx = p->x[k] - p->x[m], dy = p->y[k] - p->y[m], near[LAYERS];
	struct band row, column;

	for (int l = 0; l < LAYERS; l++) {
		int d = p->turn[k] - p->turn[m] + 180 - l * ACROSS - ACROSS / 2;

		near[l] = p->reliability[k] * scale * w->facing[(d + 720) % 360];
	}
	band_make(p->cosine[m] * dx + p->sine[m] * dy, &row);
	band_make(p->cosine[m] * dy - p->sine[m] * dx, &column);
	for (unsigned i = row.from; i < row.to; i++)
		for (unsigned j = column.from; j < column.to; j++) {
			float weight = row.weight[i] * column.weight[j];

			if (row.far[i] + column.far[j] > REACH * REACH)
				continue;
			for (unsigned l = 0; l < LAYERS; l++)
				w->cell[i * CELLS + j][l] += weight * near[l];
		}
}

static unsigned add_neighbours(const struct print *p, unsigned m, struct match_work *w)
{
	const float far = CYLINDER_R + REACH;
	unsigned n = 0;

	memset(w->cell, 0, sizeof w->cell);
	for (unsigned k = 0; k < p->n && n < CYLINDER_CROWD; k++) {
		float dx = p->x[k] - p->x[m], dy = p->y[k] - p->y[m];

		if (k == m || dx * dx + dy * dy >= far * far)
			continue;
		add_neighbour(p, m, k, w);
		n++;
	}
	return n;
}

/* Sides of the hull beyond which cells of m may lie too far. */
static unsigned sides_near(const struct print *p, unsigned m, struct match_work *w)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->sides; i++) {
		const struct side *s = &p->side[i];

		if (p->x[m] * s->nx + p->y[m] * s->ny - s->c > CYLINDER_RIM - CYLINDER_R - 1)
			w->side_near[n++] = *s;
	}
	return n;
}

static bool on_the_finger(const struct side *side, unsigned sides, float x, float y)
{
	for (unsigned i = 0; i < sides; i++)
		if (x * side[i].nx + y * side[i].ny - side[i].c > CYLINDER_RIM)
			return false;
	return true;
}

static void set_cell(const struct match_work *w, unsigned cell, struct cylinder *out)
{
	uint64_t bit = 1ull << (cell % 64);

	out->valid[cell / 64] |= bit;
	for (unsigned l = 0; l < LAYERS; l++)
		if (w->cell[cell][l] >= CYLINDER_FILL)
			out->set[l][cell / 64] |= bit;
}

static void cylinder_make(struct print *p, unsigned m, struct match_work *w)
{
	unsigned sides = sides_near(p, m, w), valid = 0, all = 0;

	if (!p->sides || add_neighbours(p, m, w) < 2) /* a line has no inside */
		return;
	for (unsigned cell = 0; cell < CELLS * CELLS; cell++) {
		float u = middle(cell / CELLS), v = middle(cell % CELLS);
		float x = p->x[m] + p->cosine[m] * u - p->sine[m] * v;
		float y = p->y[m] + p->sine[m] * u + p->cosine[m] * v;

		if (u * u + v * v > CYLINDER_R * CYLINDER_R)
			continue;
		all++;
		if (!on_the_finger(w->side_near, sides, x, y))
			continue;
		valid++;
		set_cell(w, cell, &p->cylinder[m]);
	}
	p->usable[m] = (float)valid >= CYLINDER_HALF * (float)all;
}

void cylinders_make(struct print *p, struct match_work *w)
{
	facing_make(w->facing);
	for (unsigned m = 0; m < p->n; m++)
		cylinder_make(p, m, w);
}
