/*
 * The opening scene of a sensor's tests: one that serves, for each of them, and a picture to touch
 * its reader with. Each test file includes this once.
 */
#ifndef KENMON_TESTS_READER_SCENE_H
#define KENMON_TESTS_READER_SCENE_H

#include <stdlib.h>

#include "house_reader.h"

static uint8_t grey[READER_BYTES];

static inline int a_sensor(void **state)
{
	struct reader_post *p = malloc(sizeof(*p));

	reader_start(p, NULL);
	reader_picture(0, grey);
	*state = p;
	return 0;
}

static inline int no_sensor(void **state)
{
	reader_end(*state);
	free(*state);
	return 0;
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, a_sensor, no_sensor)

#endif
