/* Preparing an impression: everything about it that no comparison changes. */
#include <string.h>

#include "print.h"
#include "trig.h"

size_t print_size(void)
{
	return sizeof(struct print);
}

size_t match_work_size(void)
{
	return sizeof(struct match_work);
}

void print_make(const struct km_minutiae *m, struct match_work *w, struct print *out)
{
	int x = KM_MINUTIA_REACH, y = KM_MINUTIA_REACH;

	memset(out, 0, sizeof *out);
	out->n = m->count;
	for (unsigned i = 0; i < out->n; i++) {
		x = m->at[i].x < x ? m->at[i].x : x;
		y = m->at[i].y < y ? m->at[i].y : y;
	}
	for (unsigned i = 0; i < out->n; i++) {
		out->x[i] = (float)(m->at[i].x - x);
		out->y[i] = (float)(m->at[i].y - y);
		out->turn[i] = m->at[i].theta;
		trig_turn(out->turn[i], &out->cosine[i], &out->sine[i]);
	}
	hull_make(out, w);
	reliability_make(out);
	cylinders_make(out, w);
}
