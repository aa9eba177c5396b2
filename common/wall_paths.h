/* The part of km_wall_up that is about paths. */
#ifndef KENMON_COMMON_WALL_PATHS_H
#define KENMON_COMMON_WALL_PATHS_H

#include <kenmon/wall.h>

KM_MUST_CHECK km_rc wall_paths_up(const struct km_wall *wall, unsigned *gaps);

#endif
