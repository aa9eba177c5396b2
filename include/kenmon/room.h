/* What every room does first, and how it says that it is ready. */
#ifndef KENMON_ROOM_H
#define KENMON_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include <kenmon/rc.h>

/* Exit codes of rooms (sysexits.h): a starter that sees the last two need not try again. */
#define KM_EXIT_FAILED  1
#define KM_EXIT_USAGE   64
#define KM_EXIT_NO_PERM 77
#define KM_EXIT_CONFIG  78

/*
 * No new privileges, no core file, no ptrace by others of the same uid; files
 * are made 0600. KM_EIO when the kernel refuses one of them.
 */
KM_MUST_CHECK km_rc km_room_begin(void);

/* The uid of an option: digits alone, and not the uid that means none. */
KM_MUST_CHECK bool km_uid_parse(const char *text, int64_t *uid);

/* Opens what km_room_ready needs; before the walls (wall.h), behind which no socket is made. */
void km_room_will_be_ready(void);

/* Does the service manager listen at an abstract name? systemd does not. */
bool km_room_manager_is_abstract(void);

/* READY=1 to the service manager, where there is one (sd_notify(3)). Best effort. */
void km_room_ready(void);

#endif
