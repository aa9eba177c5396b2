/* Time zones by name; for clock.c and conf_value.c. */
#ifndef KENMON_COMMON_ZONE_H
#define KENMON_COMMON_ZONE_H

#include <stdbool.h>

/* True for a name such as "Asia/Tokyo" that this machine has rules for. */
bool km_zone_known(const char *name);

#endif
