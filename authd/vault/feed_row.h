/* One row of an accepted roster is carried out; or somebody is missing from it. */
#ifndef KENMON_VAULT_FEED_ROW_H
#define KENMON_VAULT_FEED_ROW_H

#include "store_feed.h"

struct vault;

/*
 * Done once more it changes nothing. A row that cannot be carried out any more is said, and
 * skipped. KM_EAGAIN: it is somebody rehired, whose login is not free yet.
 */
KM_MUST_CHECK km_rc feed_row(struct vault *v, const struct km_feed *feed,
			     const struct km_subject_key *key, const struct km_staged *stage);
KM_MUST_CHECK km_rc feed_missing(struct vault *v, const struct km_feed *feed,
				 const struct km_operator *op);

#endif
