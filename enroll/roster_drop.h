/* The drop folder: rosters that another program leaves there. */
#ifndef KENMON_DESK_ROSTER_DROP_H
#define KENMON_DESK_ROSTER_DROP_H

#include "commands.h"

/* What is done with one file; the exit code. sign: its signature, or -1. Both stay the caller's. */
typedef int drop_take(struct desk *d, void *arg, const char *name, int fd, int sign);

/*
 * Takes every NAME.csv of folder, the oldest first, with NAME.csv.sig where that is there. What was
 * taken (0) or filed (3) goes into done/, what was refused (1, 2) into refused/, each with a .txt
 * beside it that says what was said. Where the daemon does not answer, a file stays, and so do
 * those after it. The exit code: the first that let a file stay, else 1 when one was refused, else
 * 0.
 */
int drop_all(struct desk *d, const char *folder, drop_take *take, void *arg);

#endif
