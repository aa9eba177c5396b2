/* Handing a roster to the vault, and hearing what it makes of it. */
#ifndef KENMON_DESK_ROSTER_SEND_H
#define KENMON_DESK_ROSTER_SEND_H

#include "commands.h"
#include "roster_csv.h"

#define ROSTER_SIGNATURE 64 /* bytes of an Ed25519 signature, RFC 8032 */

struct roster_order {
	bool apply, partial;
	int64_t made;     /* wall seconds */
	int64_t erasures; /* --accept-erasures; -1: not given */
	bool is_signed;
	uint8_t signature[ROSTER_SIGNATURE];
};

struct roster_answer {
	bool summed; /* sum is there */
	struct msg_roster_sum sum;
	struct msg_done done;
};

/* 64 bytes, or the same in base64 or hexadecimal. KM_EINVAL names path. fd stays the caller's. */
KM_MUST_CHECK km_rc sheet_signature_read(struct desk *d, int fd, const char *path,
					 uint8_t out[ROSTER_SIGNATURE]);

/*
 * BEGIN, all rows, END. The rc is that of the first that failed; of END it may come with a sum. The
 * line stays open, so that sheet_list can ask for feed 0.
 */
KM_MUST_CHECK km_rc sheet_send(struct desk *d, struct roster *r, const struct roster_order *order,
			       struct roster_answer *answer);

/*
 * What happens to whom. feed 0: that of this line, which was not taken. In text at most `most`
 * rows, and how many more there are of `all`; with --json all of them as an array under "list" of
 * json, whose object is opened (with the feed) where nothing was written yet. KM_ESTATE, and
 * nothing written: that feed is over, and not listed any more.
 */
KM_MUST_CHECK km_rc sheet_list(struct desk *d, uint64_t feed, uint64_t all, uint64_t most,
			       struct desk_json *json);

#endif
