/*
 * Fingers for tests of the matcher: minutiae thrown at random, far enough from each other, by a
 * seed. No ridges: what these are good for is that two touches of one match and two of others do
 * not.
 */
#ifndef KENMON_TESTS_FINGERS_H
#define KENMON_TESTS_FINGERS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <kenmon/minutiae.h>

#define FINGER_MINUTIAE 48
#define FINGER_WIDTH    280
#define FINGER_HEIGHT   360
#define FINGER_APART    14 /* pixels, as ridges are */

static inline uint32_t finger_dice(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static inline bool finger_crowded(const struct km_minutiae *m, int x, int y)
{
	for (unsigned i = 0; i < m->count; i++)
		if (abs(m->at[i].x - x) < FINGER_APART && abs(m->at[i].y - y) < FINGER_APART)
			return true;
	return false;
}

/* n minutiae of finger number `seed`. */
static inline struct km_minutiae finger_of(uint32_t seed, unsigned n)
{
	struct km_minutiae m = { .count = 0 };
	uint32_t state = seed * 2654435761u + 12345u;

	while (m.count < n) {
		int x = (int)(finger_dice(&state) % FINGER_WIDTH);
		int y = (int)(finger_dice(&state) % FINGER_HEIGHT);
		int theta = (int)(finger_dice(&state) % 360) - 179;

		if (n <= FINGER_MINUTIAE && finger_crowded(&m, x, y))
			continue;
		m.at[m.count++] = (struct km_minutia){ (int16_t)x, (int16_t)y, (int16_t)theta };
	}
	return m;
}

/*
 * A touch of that finger: shifted, each minutia moved by a pixel or two and a few degrees, a few
 * of them missed. Touch 0 is the finger itself.
 */
static inline struct km_minutiae finger_touch(uint32_t seed, unsigned touch)
{
	struct km_minutiae m = finger_of(seed, FINGER_MINUTIAE);
	uint32_t state = seed * 97u + touch * 7919u;
	int dx = (int)(touch * 23 % 80) - 40, dy = (int)(touch * 17 % 60) - 30;
	unsigned kept = 0;

	if (touch == 0)
		return m;
	for (unsigned i = 0; i < m.count; i++) {
		struct km_minutia *at = &m.at[i];

		if (finger_dice(&state) % 12 == 0)
			continue;
		m.at[kept++] = (struct km_minutia){
			(int16_t)(at->x + dx + (int)(finger_dice(&state) % 3) - 1),
			(int16_t)(at->y + dy + (int)(finger_dice(&state) % 3) - 1),
			(int16_t)(at->theta > 170 || at->theta < -170
				      ? at->theta
				      : at->theta + (int)(finger_dice(&state) % 7) - 3),
		};
	}
	memset(&m.at[kept], 0, (m.count - kept) * sizeof(m.at[0]));
	m.count = (uint16_t)kept;
	return m;
}

#endif
