/*
 * Time. A room reads it once a batch and hands it down, so that everything in
 * one batch agrees and tests need no clock.
 */
#ifndef KENMON_CLOCK_H
#define KENMON_CLOCK_H

#include <stdint.h>

#include <kenmon/rc.h>

struct km_now {
	int64_t wall;    /* CLOCK_REALTIME, seconds since 1970 */
	int64_t boot_ms; /* CLOCK_BOOTTIME, milliseconds: runs on in sleep, never steps */
	uint8_t boot_id[16];
	int64_t today;    /* civil day since 1970-01-01 in the site's time zone */
	int synchronised; /* 1: the kernel says the clock is set from outside (adjtimex) */
};

/* Reads everything. boot_id is read once a process. KM_EIO when the kernel gives no boot id. */
KM_MUST_CHECK km_rc km_clock_read(struct km_now *now);

/* Sets the site's time zone (an Olson name; "" or NULL: the machine's). */
KM_MUST_CHECK km_rc km_clock_zone(const char *zone);

/* CLOCK_BOOTTIME in milliseconds. */
int64_t km_boot_ms(void);

/* The civil day of a wall time in the site's time zone. KM_EINVAL for a time that has none. */
KM_MUST_CHECK km_rc km_day_at(int64_t wall, int64_t *day);

/* "2026-04-01" to a civil day, and back. KM_EINVAL for anything that is no date. */
KM_MUST_CHECK km_rc km_day_parse(const char *text, int64_t *day);
void km_day_format(int64_t day, char out[16]); /* "" for KM_DAY_NONE */

#endif
