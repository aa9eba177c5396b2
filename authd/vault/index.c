/*
 * Whom the trail's records are about is noted when nobody waits (store_index.h): a login pays for
 * its record and no more. Where logins do not pause a slice goes between them once many records
 * wait, so that the listing of one person never has much to read.
 */
#include <kenmon/log.h>

#include "store_index.h"
#include "vault.h"

#define AGAIN_MS 1000 /* after a failure */

static bool is_due(const struct vault *v, bool quiet)
{
	uint64_t left = store_audit_unindexed(v->store);

	return left > INDEX_LATE || (left > 0 && quiet && !pace_busy(v));
}

static km_rc slice(struct vault *v)
{
	km_rc rc = store_audit_index(v->store, INDEX_SLICE);

	return rc == KM_OK ? store_flush(v->store) : rc;
}

static void failed(struct vault *v, km_rc rc)
{
	pace_undo(v);
	if (!v->index.stuck)
		km_log(LOG_ERR,
		       "records of the trail could not be indexed by person (%s): the lists of "
		       "one person are whole, but slower; it is tried again each second",
		       km_rc_text(rc, KM_LANG_EN));
	v->index.stuck = true;
	v->index.again_ms = v->now.boot_ms + AGAIN_MS;
}

bool index_work(struct vault *v, bool quiet)
{
	bool full;
	km_rc rc;

	/* What others have begun is theirs to flush or to lose. */
	if (v->now.boot_ms < v->index.again_ms || store_dirty(v->store) || !is_due(v, quiet))
		return false;
	if (!pace_may(v))
		return true;
	full = store_audit_unindexed(v->store) >= INDEX_SLICE;
	rc = slice(v);
	if (rc != KM_OK) {
		failed(v, rc);
		return false;
	}
	v->index.stuck = false;
	/* After a few records an erasure need not wait for its turn. */
	if (full)
		pace_worked(v);
	return is_due(v, quiet);
}
