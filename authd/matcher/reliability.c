/*
 * How far a minutia is to be believed, judged by its place among the others alone: false ones lie
 * at the border, in crowds, face each other across a broken ridge, and lie against the flow.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"
#include "trig.h"

struct sight {
	float first, second; /* distances of the nearest two */
	float opposite, same;
	float flow, flow_weight;
	unsigned crowd;
	bool sector[GAP_SECTORS];
};

static void look(const struct print *p, unsigned i, unsigned j, struct sight *s)
{
	float dx = p->x[j] - p->x[i], dy = p->y[j] - p->y[i], d = sqrtf(dx * dx + dy * dy);
	int turn = abs(trig_wrap_degrees(p->turn[j] - p->turn[i]));

	if (d < s->first) {
		s->second = s->first;
		s->first = d;
	} else if (d < s->second) {
		s->second = d;
	}
	s->crowd += d < NEAR_MOST;
	if (d < FACING && turn > 180 - FACING_BY && 1 - d / FACING > s->opposite)
		s->opposite = 1 - d / FACING;
	if (d < FACING && turn < FACING_BY && 1 - d / FACING > s->same)
		s->same = 1 - d / FACING;
	if (d < FLOW_R) {
		float weight = trig_exp(-d * d / FLOW_VAR);
		float c = p->cosine[i] * p->cosine[j] + p->sine[i] * p->sine[j];

		s->flow_weight += weight;
		s->flow += weight * (2 * c * c - 1); /* the cosine of twice the angle */
	}
	if (d < GAP_R && d > 0) {
		int k = (int)((trig_bearing(dy, dx) + PI) * (GAP_SECTORS / (2 * PI)));

		s->sector[k < GAP_SECTORS ? k : GAP_SECTORS - 1] = true;
	}
}

/* The longest run of empty sectors, as a share of half a turn. */
static float widest_gap(const bool sector[GAP_SECTORS])
{
	unsigned run = 0, most = 0;

	for (unsigned k = 0; k < 2 * GAP_SECTORS; k++) {
		run = sector[k % GAP_SECTORS] ? 0 : run + 1;
		most = run > most ? run : most;
	}
	most = most > GAP_SECTORS ? GAP_SECTORS : most;
	return (float)most * (2.0f / GAP_SECTORS);
}

static float judge(const struct print *p, unsigned i)
{
	struct sight s = { .first = NEAR_MOST, .second = NEAR_MOST };
	float depth = -hull_distance(p, p->x[i], p->y[i]), z = 0;

	for (unsigned j = 0; j < p->n; j++)
		if (j != i)
			look(p, i, j, &s);
	const float part[RELIABILITY_PARTS] = {
		1,
		(depth > NEAR_MOST ? NEAR_MOST
		 : depth < 0       ? 0
				   : depth) /
		    NEAR_MOST,
		s.first / NEAR_MOST,
		s.second / NEAR_MOST,
		(float)s.crowd / 10,
		s.opposite,
		s.same,
		s.flow_weight > 0 ? s.flow / s.flow_weight : 0,
		widest_gap(s.sector),
		depth < BORDER ? 1 - (depth < 0 ? 0 : depth) / BORDER : 0,
	};
	for (unsigned k = 0; k < RELIABILITY_PARTS; k++)
		z += reliability_weight[k] * part[k];
	return 1 / (1 + trig_exp(-z));
}

void reliability_make(struct print *p)
{
	for (unsigned i = 0; i < p->n; i++)
		p->reliability[i] = judge(p, i);
}
