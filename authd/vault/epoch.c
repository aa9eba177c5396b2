/*
 * Closing a key epoch, so that copies of the databases from before an erasure
 * open no longer. Begun some time after an erasure, or when an administrator
 * asks; then worked at between logins, a slice a round, each durable before the
 * next. From two KEKs in their folder, or from the row that says that a closing
 * has begun, a start after a crash knows that it has to go on.
 */
#include <kenmon/log.h>
#include <kenmon/store_epoch.h>

#include "vault.h"

#define AGAIN_MS 1000 /* after a failure: a full disk is not asked without an end */

void epoch_look(struct vault *v)
{
	struct km_epoch now;

	v->epoch.unseen = store_epoch(v->store, &now) != KM_OK;
	if (!v->epoch.unseen)
		v->epoch.at = now;
}

static bool is_due(const struct vault *v)
{
	const struct km_epoch *e = &v->epoch.at;
	int64_t waited = v->now.wall - e->owed;

	if (e->closing || km_keys_older(v->keys))
		return true;
	/* A clock that went back has not been waited for. */
	return e->owed && (waited < 0 || waited >= (int64_t)v->conf.erasure_epoch_delay);
}

static km_rc record(struct vault *v, struct km_event_record *r,
		    km_rc (*step)(struct km_store *, const struct km_event_record *))
{
	km_rc rc = step(v->store, r);

	if (rc == KM_OK)
		rc = store_flush(v->store);
	if (rc != KM_OK)
		return rc;
	note_event(v, r);
	note_settle(v, true);
	epoch_look(v);
	return KM_OK;
}

/* A KEK of an epoch that is closed already, which somebody put back: it goes again, and what is
 * owed stays owed.
 */
static bool is_stray(const struct vault *v)
{
	const struct km_epoch *e = &v->epoch.at;

	return km_keys_older(v->keys) && !e->closing &&
	       e->generation == km_keys_generation(v->keys);
}

static void count(struct vault *v)
{
	struct km_counts counts;

	if (!v->epoch.total && store_counts(v->store, &counts) == KM_OK)
		v->epoch.total = counts.operators + counts.fingers;
}

static km_rc begin(struct vault *v)
{
	struct km_event_record r;
	bool fresh = !km_keys_older(v->keys);
	km_rc rc = fresh ? km_keys_renew(v->keys) : KM_OK;

	/* What unknown names are judged against has to open, too. */
	if (rc == KM_OK)
		rc = check_init(v);
	if (rc != KM_OK)
		return rc;
	event_make(&r, KM_EVENT_EPOCH_CLOSING, NULL, "vault");
	event_add_number(&r, "generation", v->epoch.at.generation);
	/* After a try that failed, somebody may be under the new KEK and erased already. */
	return record(v, &r, fresh ? store_epoch_begin : store_epoch_resume);
}

static km_rc end(struct vault *v)
{
	struct km_event_record r;
	bool stray = is_stray(v);
	km_rc rc = store_truncate_logs(v->store);

	if (rc == KM_OK && km_keys_older(v->keys))
		rc = km_keys_retire(v->keys);
	if (rc != KM_OK || stray)
		return rc;
	event_make(&r, KM_EVENT_EPOCH_CLOSED, NULL, "vault");
	event_add_number(&r, "generation", v->epoch.at.generation);
	event_add_number(&r, "keys", (int64_t)v->epoch.rewrap.done);
	return record(v, &r, store_epoch_end);
}

/* KM_EAGAIN: there is more to do. */
static km_rc work(struct vault *v)
{
	km_rc rc = KM_OK;

	if (!v->epoch.at.closing && !is_stray(v)) {
		v->epoch.rewrap = (struct km_rewrap){ 0 };
		rc = begin(v);
	}
	count(v);
	if (rc == KM_OK && !v->epoch.rewrap.finished) {
		rc = store_epoch_slice(v->store, &v->epoch.rewrap);
		if (rc == KM_OK)
			rc = store_flush(v->store);
		if (rc == KM_OK && !v->epoch.rewrap.finished)
			return KM_EAGAIN;
	}
	/* Never the last key that might open what a backup brings back. */
	if (rc == KM_OK && v->epoch.rewrap.damaged)
		rc = KM_ECORRUPT;
	return rc == KM_OK ? end(v) : rc;
}

static void failed(struct vault *v, km_rc rc)
{
	unsigned long long damaged = v->epoch.rewrap.damaged;

	if (damaged && !v->epoch.damaged)
		km_log(LOG_ALERT,
		       "the key epoch cannot be closed: %llu wrapped keys in vault.db do not open; "
		       "restore it from a backup, or erase whose they are, or remove their fingers",
		       damaged);
	else if (!v->epoch.stuck)
		km_log(LOG_ERR, "the key epoch is not closed yet (%s); it goes on by itself",
		       km_rc_text(rc, KM_LANG_EN));
	v->epoch.stuck = true;
	v->epoch.damaged = damaged;
	ballast_give(v);
	v->epoch.again_ms = v->now.boot_ms + AGAIN_MS;
	v->epoch.rewrap = (struct km_rewrap){ 0 };
}

bool epoch_work(struct vault *v)
{
	km_rc rc;

	if (v->epoch.unseen)
		epoch_look(v);
	/* Nothing is destroyed while anything is in doubt, or before the judge has said what it
	 * knows. */
	if (v->epoch.unseen || !v->anchored || v->suspicion || v->erasing || !is_due(v) ||
	    v->now.boot_ms < v->epoch.again_ms)
		return false;
	rc = work(v);
	if (rc == KM_EAGAIN) {
		line_rewrapping(v);
		return true;
	}
	if (rc != KM_OK) {
		failed(v, rc);
		return false;
	}
	v->epoch.stuck = false;
	v->epoch.damaged = 0;
	v->epoch.rewrap = (struct km_rewrap){ 0 };
	v->epoch.total = 0;
	line_rotated(v);
	return is_due(v);
}
