/*
 * Made-up fingers in whole numbers only, so that they are the same on every machine: minutiae on
 * a disturbed grid; an impression is turned by a right triangle of whole sides (7, 24, 25),
 * shifted, shaken, and loses some and gains some.
 */
#ifndef KENMON_TESTS_PSEUDO_FINGER_H
#define KENMON_TESTS_PSEUDO_FINGER_H

#include <string.h>

#include "../../authd/matcher/match.h"

static uint32_t pseudo_state;

/* 0 to n - 1. Numbers of C. R. Numerical Recipes' generator; the upper half is good enough. */
static inline int pseudo(int n)
{
	pseudo_state = pseudo_state * 1664525 + 1013904223;
	return (int)((pseudo_state >> 16) % (uint32_t)n);
}

static inline int16_t pseudo_theta(int theta)
{
	theta %= 360;
	return (int16_t)(theta > 180 ? theta - 360 : theta <= -180 ? theta + 360 : theta);
}

static inline void pseudo_add(struct km_minutiae *m, int x, int y, int theta)
{
	if (m->count < KM_MINUTIAE_MAX)
		m->at[m->count++] =
		    (struct km_minutia){ (int16_t)x, (int16_t)y, pseudo_theta(theta) };
}

/* A finger of about 45 minutiae in 260 x 320 pixels. */
static inline void pseudo_finger(uint32_t finger, struct km_minutiae *m)
{
	memset(m, 0, sizeof *m);
	pseudo_state = finger * 2654435761u + 1;
	for (int row = 0; row < 8; row++)
		for (int column = 0; column < 6; column++) {
			int x = 44 * column + pseudo(36), y = 40 * row + pseudo(32);
			int flow = (x - 130) / 3, turned = pseudo(2) * 180, off = pseudo(41) - 20;

			if (pseudo(10))
				pseudo_add(m, x, y, flow + turned + off);
		}
}

/* turned: -1, 0, 1 times 16 degrees. */
static inline void pseudo_impression(uint32_t finger, uint32_t impression, int turned,
				     struct km_minutiae *out)
{
	struct km_minutiae whole;
	int dx, dy;

	pseudo_finger(finger, &whole);
	memset(out, 0, sizeof *out);
	pseudo_state = finger * 40503 + impression * 2654435761u + 7;
	dx = pseudo(41) - 20;
	dy = pseudo(41) - 20;
	for (unsigned i = 0; i < whole.count; i++) {
		int x = whole.at[i].x, y = whole.at[i].y, c = turned ? 24 : 25, s = 7 * turned;
		int u = (c * x - s * y) / 25 + dx + pseudo(5) - 2;
		int v = (s * x + c * y) / 25 + dy + pseudo(5) - 2;
		int theta = whole.at[i].theta + 16 * turned + pseudo(13) - 6;

		if (pseudo(8))
			pseudo_add(out, u, v, theta);
		if (!pseudo(12)) { /* one after the other: arguments have no order */
			u += pseudo(61) - 30;
			v += pseudo(61) - 30;
			theta = pseudo(360);
			pseudo_add(out, u, v, theta);
		}
	}
}

/* The same finger from impression `first` on. */
static inline void pseudo_template(uint32_t finger, uint32_t first, unsigned count,
				   struct finger_template *t)
{
	t->count = count;
	for (unsigned i = 0; i < count; i++)
		pseudo_impression(finger, first + i, (int)(i % 3) - 1, &t->impression[i]);
}

#endif
