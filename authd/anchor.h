/*
 * The anchor: the newest heads of the audit chain, written down where the
 * vault cannot write, so that a database put back to an older state shows.
 *
 * One line a head: chain (32 hex), seq, hash (64 hex), wall seconds. The file
 * is only ever appended to.
 */
#ifndef KENMON_AUTHD_ANCHOR_H
#define KENMON_AUTHD_ANCHOR_H

#include <stdbool.h>
#include <stdint.h>

#include <kenmon/rc.h>

#define JUDGE_ANCHOR_LINE 160 /* 32 + 20 + 64 + 20 and blanks: longest line, in bytes */

struct judge_head {
	uint8_t chain[16];
	uint64_t seq; /* 0: nothing written down */
	uint8_t hash[32];
};

struct judge_anchor {
	int fd;                 /* -1: closed */
	struct judge_head head; /* the newest heard */
	bool dirty;             /* heard and not written */
	bool torn;              /* the file does not end with a newline */
	int64_t written_ms;     /* CLOCK_BOOTTIME of the last write */
};

/*
 * Opens or makes dir/anchor and reads its last good line. KM_EPERM: not a plain file of ours
 * alone. KM_EIO. *torn: lines at the end were not whole and were passed over; log it.
 */
KM_MUST_CHECK km_rc judge_anchor_open(struct judge_anchor *a, const char *dir, bool *torn);

/* Takes a new head; true when it differs from the one known. */
bool judge_anchor_take(struct judge_anchor *a, const struct judge_head *head);

/* Appends the newest head when there is one to write. */
KM_MUST_CHECK km_rc judge_anchor_write(struct judge_anchor *a, int64_t wall, int64_t now_ms);

void judge_anchor_close(struct judge_anchor *a); /* NULL and closed are allowed */

/* One line without its newline. KM_EPROTO: not whole. */
KM_MUST_CHECK km_rc judge_anchor_parse(const char *line, struct judge_head *out);

#endif
