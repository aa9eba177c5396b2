/*
 * The gate's look at what a roster and the queue say. From its acceptance on a
 * roster refuses whoever left by it, before any of its consequences is carried
 * out. While there is neither a roster under way nor anything due, nothing is
 * looked up; while there is, everybody costs the same, known or not.
 */
#include "due.h"
#include "store_due.h"
#include "vault.h"

static km_rc by_due(struct vault *v, const struct km_operator *op, enum km_reason *out)
{
	struct km_due_row due;
	km_rc rc = store_due_of(v->store, op->subject, KM_DUE_ERASE, &due);

	if (rc == KM_OK && due.day <= v->now.today)
		*out = due.cause == KM_CAUSE_MISSING ? KM_REASON_MISSING : KM_REASON_LEFT;
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

/* What the row about somebody says; of a whole roster also that there is none. */
static enum km_reason reason_of(const struct vault *v, const struct km_feed *feed,
				const struct roster_scope *scope, const struct km_operator *op,
				const struct km_staged *row, bool due)
{
	if (row && row->outcome == KM_OUTCOME_ON_LEAVE)
		return KM_REASON_LEAVE;
	if (row && row->outcome == KM_OUTCOME_LEFT && row->day <= v->now.today)
		return KM_REASON_LEFT;
	/* Whose end is fixed is not missing (SQL_FEED_MISSING): the queue says when they are
	 * refused. */
	if (!row && !due && feed->whole && op->cursor <= feed->upto &&
	    roster_covers(scope, op->dept_tag))
		return KM_REASON_MISSING;
	return KM_REASON_NONE;
}

static km_rc by_roster(struct vault *v, const struct km_operator *op, enum km_reason *out)
{
	static struct km_staged row; /* one at a time: the vault has one thread */
	struct roster_scope scope;
	struct km_due_row due;
	struct km_feed feed;
	km_rc rc = roster_scope(v->keys, &v->conf, &scope), found;

	if (rc == KM_OK)
		rc = store_feed(v->store, v->feed.working, &feed);
	if (rc == KM_ENOTFOUND)
		return KM_OK;
	if (rc != KM_OK)
		return rc;
	found = store_stage_of(v->store, feed.id, op, &row);
	if (found != KM_OK && found != KM_ENOTFOUND)
		return found;
	rc = due_of(v, op->subject, KM_DUE_ERASE, &due); /* for everybody alike */
	if (rc != KM_OK)
		return rc;
	if (feed.state == KM_FEED_ACCEPTED)
		*out = reason_of(v, &feed, &scope, op, found == KM_OK ? &row : NULL, due.id != 0);
	return KM_OK;
}

km_rc queue_reason(struct vault *v, const struct km_operator *op, enum km_reason *out)
{
	enum km_reason due = KM_REASON_NONE, roster = KM_REASON_NONE;
	km_rc rc = KM_OK;

	if (v->due.first <= v->now.today && v->due.first != DUE_NONE)
		rc = by_due(v, op, &due);
	if (rc == KM_OK && v->feed.working)
		rc = by_roster(v, op, &roster);
	if (rc == KM_OK)
		*out = due != KM_REASON_NONE ? due : roster;
	return rc;
}
