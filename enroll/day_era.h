/* Days as people in Japan write them. */
#ifndef KENMON_DESK_DAY_ERA_H
#define KENMON_DESK_DAY_ERA_H

#include <stdint.h>

enum day_fault {
	DAY_GOOD = 0,
	DAY_UNREADABLE,  /* no date */
	DAY_NO_SUCH,     /* a date that no calendar has, or before 1970 */
	DAY_OUTSIDE_ERA, /* the era had not begun, or was over */
};

/*
 * Reads 2026-04-01, 2026/4/1, 2026.4.1, 20260401, 2026年4月1日, 令和8年4月1日, R8.4.1,
 * 令和元年5月1日: digits and letters of either width, blanks between the parts. An era is taken
 * from its first day to its last and not beyond: 平成31年5月1日 is no date. *day is set only on
 * DAY_GOOD.
 */
enum day_fault day_era_parse(const char *text, int64_t *day);

#endif
