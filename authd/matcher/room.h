/* The matcher's room: its links and its loop. */
#ifndef KENMON_MATCHER_ROOM_H
#define KENMON_MATCHER_ROOM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <kenmon/wall.h>

#include "grants.h"

/* Sensors that are connected. One is; another when it was just started again. The oldest gives way.
 */
#define MATCHER_SENSORS 4

/* The longest frame that may come: a LEND. */
#define MATCHER_FRAME_MAX (KM_FRAME_HEADER + KM_CAP_LEND)

struct matcher {
	int vault, listener;
	int sensor[MATCHER_SENSORS];   /* -1: none; the oldest first */
	int64_t vault_uid, sensor_uid; /* -1: any */
	bool stop;
	unsigned unknown; /* probes for no grant, since it was logged */
	int64_t unknown_told_ms;
	/* Locked, as are the grants. */
	struct grants *grants;
	struct matcher_buffers {
		uint8_t frame[MATCHER_FRAME_MAX];
		struct km_msg in;
		struct km_minutiae probe;
		struct findings out;
	} * buf;
};

#define MATCHER_CLOSED                                                                             \
	{                                                                                          \
		.vault = -1, .listener = -1, .sensor = { [0 ... MATCHER_SENSORS - 1] = -1 },       \
		.vault_uid = -1, .sensor_uid = -1                                                  \
	}

/* Memory for all that will ever come. False: there is none. */
KM_MUST_CHECK bool matcher_init(struct matcher *m);
void matcher_wipe(struct matcher *m); /* closes, wipes and frees */

/* A stop is heard while it waits, and only then: none comes between a look and a wait. */
KM_MUST_CHECK bool matcher_hold_signals(void);

/* Says to the vault which protocol is spoken here. */
KM_MUST_CHECK km_rc matcher_greet(struct matcher *m);

/* Waits (at most so long; -1: until something happens) and serves what there is. True: more to do.
 */
bool matcher_round(struct matcher *m, int timeout_ms);

/* Until a stop or the end of the vault's link. */
void matcher_run(struct matcher *m);

/* The table of the walls: no path, and no call that opens or makes anything. */
void matcher_wall(struct km_wall *w);

/* Puts them up. False: the kernel refuses; that is in the log, as is what is missing. */
KM_MUST_CHECK bool matcher_confine(void);

#endif
