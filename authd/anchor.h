/*
 * The anchor: the newest heads of the audit chain, written down where the
 * vault cannot write, so that a database put back to an older state shows.
 *
 * One line a head (include/kenmon/anchor.h). The file is only ever appended to.
 */
#ifndef KENMON_AUTHD_ANCHOR_H
#define KENMON_AUTHD_ANCHOR_H

#include <stdbool.h>
#include <stdint.h>

#include <kenmon/anchor.h>
#include <kenmon/rc.h>

struct judge_anchor {
	int fd;                /* -1: closed */
	struct km_anchor head; /* the newest heard; seq 0: none */
	bool dirty;            /* heard and not written */
	bool torn;             /* the file does not end with a newline */
	int64_t written_ms;    /* CLOCK_BOOTTIME of the last write */
};

/*
 * Opens or makes dir/anchor and reads its last good line. KM_EPERM: not a plain file of ours
 * alone. KM_EIO. *torn: lines at the end were not whole and were passed over; log it.
 */
KM_MUST_CHECK km_rc judge_anchor_open(struct judge_anchor *a, const char *dir, bool *torn);

/* Takes a new head; true when it differs from the one known, or another signer signed it. */
bool judge_anchor_take(struct judge_anchor *a, const struct km_anchor *head);

/* Appends the newest head when there is one to write. */
KM_MUST_CHECK km_rc judge_anchor_write(struct judge_anchor *a, int64_t now_ms);

void judge_anchor_close(struct judge_anchor *a); /* NULL and closed are allowed */

#endif
