/*
 * The opening scene of a matcher's tests: a lab for each, with one sensor, and what most of them
 * begin or end with. Each test file includes this once.
 */
#ifndef KENMON_TESTS_LAB_SCENE_H
#define KENMON_TESTS_LAB_SCENE_H

#include <unistd.h>

#include "house_lab.h"

#define LONG_MS 60000

static struct lab lab;
static int sensor;

static inline int set_up(void **state)
{
	(void)state;
	if (!lab_begin(&lab, NULL))
		return -1;
	sensor = lab_sensor(&lab);
	return sensor < 0 ? -1 : 0;
}

static inline int clear_up(void **state)
{
	(void)state;
	close(sensor);
	lab_end(&lab);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, clear_up)

static inline bool lend(unsigned grant, unsigned count, uint32_t finger)
{
	return lab_lend(&lab, grant, KM_GRANT_COMPARE, count, finger, LENDER_IMPRESSIONS, LONG_MS);
}

/* It serves: a grant of its own, a touch, a finding. */
static inline bool serves(void)
{
	return lend(200, 1, 90) && lab_probe(sensor, 200, finger_touch(90, 8)) &&
	       lab_found(&lab, 200, KM_MATCH_YES);
}

#endif
