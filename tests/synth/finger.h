/*
 * Fingers that nobody has: pictures as a reader of 500 dpi would take them, dark ridges on light.
 *
 * An identity is a finger: its ridges, and so its minutiae. An impression is one touch: how the
 * finger lay, how the skin was pulled, how hard it was pressed, what the reader added. The same
 * two numbers give the same bytes on every machine. No picture of a person went into it.
 */
#ifndef KENMON_TESTS_FINGER_H
#define KENMON_TESTS_FINGER_H

#include <stdbool.h>
#include <stdint.h>

#define PICTURE_WIDTH  300
#define PICTURE_HEIGHT 400 /* 120,000 bytes: a socket's buffer takes them at once */

struct picture {
	uint8_t grey[PICTURE_WIDTH * PICTURE_HEIGHT];
};

/* Grows the finger (the last one is kept: further impressions of it cost little) and paints it. */
void finger_paint(uint32_t identity, uint32_t impression, struct picture *out);

#endif
