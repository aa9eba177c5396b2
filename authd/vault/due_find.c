/*
 * Once a day everybody is looked at, a slice a round: whose last day is over or
 * near, and who has not logged in for long. Only days on which the vault ran
 * count, so that four months in a cupboard make nobody unused.
 */
#include <string.h>

#include "due.h"
#include "founding.h"
#include "vault.h"

#define SLICE    64
#define ANNOUNCE 30 /* days before, an erasure or a suspension stands in the queue */

/* --- the last day of validity --------------------------------------------------------------------
 */

/* Nobody decided it: it follows from the last day of validity. */
static bool is_expiry(const struct km_due_row *due)
{
	return due->id && due->cause == KM_CAUSE_EXPIRED && !due->feed;
}

km_rc due_forget_expiry(struct vault *v, const uint8_t subject[KM_SUBJECT_BYTES], const char *actor)
{
	struct km_due_row due;
	km_rc rc = due_of(v, subject, KM_DUE_ERASE, &due);

	return rc == KM_OK && is_expiry(&due) ? due_drop(v, &due, actor) : rc;
}

static km_rc find_expiry(struct vault *v, const struct km_operator *op)
{
	struct km_due_row row = { .what = KM_DUE_ERASE, .cause = KM_CAUSE_EXPIRED }, old;
	struct km_event_record r;
	bool ours, near;
	km_rc rc;

	if (op->valid_until == KM_DAY_NONE)
		return KM_OK;
	rc = due_of(v, op->subject, KM_DUE_ERASE, &old);
	if (rc != KM_OK)
		return rc;
	row.day = op->valid_until + 1;
	near = row.day <= v->now.today + ANNOUNCE;
	ours = is_expiry(&old);
	if (ours && !near)
		return due_drop(v, &old, "vault");
	/* What else is due, and when, was decided by somebody. */
	if (!near || (old.id && (!ours || old.day == row.day)))
		return KM_OK;
	memcpy(row.subject, op->subject, sizeof row.subject);
	due_event(&r, &row, "vault");
	return due_put(v, &row, &r);
}

/* --- not used
 * ------------------------------------------------------------------------------------- */

/* The newest code of theirs that was good, at a login or at a desk. */
static km_rc last_code(struct vault *v, const struct km_operator *op, int64_t *seen)
{
	struct km_credential list[KM_MAX_CREDENTIALS];
	size_t count = 0;
	km_rc rc = store_credentials(v->store, op->subject, list, &count);

	for (size_t i = 0; rc == KM_OK && i < count; i++)
		if (list[i].last_used > *seen)
			*seen = list[i].last_used;
	return rc;
}

/* Whoever has not logged in lately may still prove at a desk who they are, and approve: that is
 * looked at only where it may matter. */
static km_rc last_here(struct vault *v, const struct km_operator *op, int64_t *day)
{
	int64_t seen = op->last_login > op->created ? op->last_login : op->created;
	km_rc rc = km_day_at(seen, day);

	if (rc != KM_OK || !((v->due.unused && *day <= v->due.cutoff) ||
			     (v->due.near && *day <= v->due.near_cutoff)))
		return rc;
	rc = last_code(v, op, &seen);
	return rc == KM_OK ? km_day_at(seen, day) : rc;
}

/*
 * Announced is the day on which it comes where the vault runs every day until then; a day by hand,
 * on which somebody was resumed, is later and stays. Whoever logs in is announced no more.
 */
static km_rc announce(struct vault *v, const struct km_operator *op, int64_t here)
{
	struct km_due_row row = { .cause = KM_CAUSE_UNUSED, .what = KM_DUE_SUSPEND }, old;
	bool near = v->due.near && here <= v->due.near_cutoff;
	struct km_event_record r;
	unsigned ran = 0;
	km_rc rc = due_of(v, op->subject, KM_DUE_SUSPEND, &old);

	if (rc != KM_OK || (old.id && (old.cause != KM_CAUSE_UNUSED || old.released)))
		return rc;
	if (!near)
		return old.id ? due_drop(v, &old, "vault") : KM_OK;
	rc = store_run_days(v->store, here, v->conf.unused.suspend_after, &ran);
	row.day = v->now.today + v->conf.unused.suspend_after - ran;
	if (rc != KM_OK || (old.id && old.day >= row.day))
		return rc;
	memcpy(row.subject, op->subject, sizeof row.subject);
	due_event(&r, &row, "vault");
	return due_put(v, &row, old.id ? NULL : &r);
}

static km_rc suspend_unused(struct vault *v, const struct km_operator *op)
{
	struct km_due_row row = { .cause = KM_CAUSE_UNUSED, .what = KM_DUE_SUSPEND }, old;
	struct km_event_record r;
	km_rc rc = due_of(v, op->subject, KM_DUE_SUSPEND, &old);

	/* Resumed by hand not so long ago. */
	if (rc != KM_OK || (old.id && !old.released && old.day > v->now.today))
		return rc;
	memcpy(row.subject, op->subject, sizeof row.subject);
	row.day = v->now.today;
	row.released = true;
	event_make(&r, KM_EVENT_OPERATOR_UNUSED, op->subject, "vault");
	event_add_number(&r, "days", v->conf.unused.suspend_after);
	rc = store_operator_state(v->store, op->subject, KM_SUSPENDED, &r);
	if (rc == KM_OK)
		rc = due_put(v, &row, NULL);
	if (rc == KM_OK)
		note_event(v, &r);
	if (rc == KM_OK)
		rc = due_of(v, op->subject, KM_DUE_ERASE, &old);
	if (rc != KM_OK || old.id)
		return rc;
	row.what = KM_DUE_ERASE;
	row.day = v->now.today + v->conf.unused.erase_after;
	row.released = false;
	due_event(&r, &row, "vault");
	return due_put(v, &row, &r);
}

static km_rc find_unused(struct vault *v, const struct km_operator *op)
{
	bool unused, last = false;
	int64_t here = 0;
	km_rc rc;

	if (op->state != KM_ACTIVE)
		return KM_OK;
	rc = last_here(v, op, &here);
	/* Of one whose rows are damaged nobody knows; nobody else waits for that. */
	if (rc != KM_OK)
		return rc == KM_ECORRUPT ? KM_OK : rc;
	unused = v->due.unused && here <= v->due.cutoff;
	if (unused)
		rc = founding_last(v, op, &last);
	if (rc != KM_OK || (unused && !last))
		return rc == KM_OK ? suspend_unused(v, op) : rc;
	return announce(v, op, here);
}

static km_rc look_at(struct vault *v, const struct km_operator *op)
{
	km_rc rc;

	if (op->state == KM_ERASING)
		return KM_OK;
	rc = find_expiry(v, op);
	return rc == KM_OK ? find_unused(v, op) : rc;
}

/* --- everybody
 * ------------------------------------------------------------------------------------ */

/* *some: whoever was last here on *cutoff or before was not on n days on which the vault ran. */
static km_rc not_here_for(struct vault *v, unsigned n, bool *some, int64_t *cutoff)
{
	km_rc rc = store_run_cutoff(v->store, n, cutoff);

	*some = rc == KM_OK;
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

/* This day counts, and it is seen on which day the unused were last here. */
static km_rc begin_day(struct vault *v)
{
	unsigned after = v->conf.unused.suspend_after;
	/* With a short time, for its second half. */
	unsigned warn = after > 2 * ANNOUNCE ? after - ANNOUNCE : (after + 1) / 2;
	km_rc rc = store_run_day(v->store, v->now.today);

	/* It ran, whatever becomes of the looking. */
	if (rc == KM_OK && store_dirty(v->store))
		rc = store_flush(v->store);
	v->due.unused = v->due.near = false;
	if (rc != KM_OK || after == 0)
		return rc;
	rc = not_here_for(v, after, &v->due.unused, &v->due.cutoff);
	return rc == KM_OK ? not_here_for(v, warn, &v->due.near, &v->due.near_cutoff) : rc;
}

static km_rc find_slice(struct vault *v, size_t *count)
{
	static struct km_operator page[SLICE]; /* one at a time: the vault has one thread */
	km_rc rc = store_operators(v->store, v->due.found_at, SLICE, page, count);

	for (size_t i = 0; rc == KM_OK && i < *count; i++)
		rc = look_at(v, &page[i]);
	if (rc == KM_OK && store_dirty(v->store))
		rc = store_flush(v->store);
	if (rc == KM_OK) {
		note_settle(v, true);
		if (*count > 0)
			v->due.found_at = page[*count - 1].cursor;
	}
	km_wipe(page, sizeof page); /* their wrapped keys */
	return rc;
}

km_rc due_find(struct vault *v, bool *more)
{
	size_t count = 0;
	km_rc rc = KM_OK;

	if (v->due.found_day == v->now.today)
		return KM_OK;
	if (v->due.found_at == 0)
		rc = begin_day(v);
	if (rc == KM_OK)
		rc = find_slice(v, &count);
	if (rc != KM_OK) {
		v->due.found_at = 0;
		return rc;
	}
	if (count < SLICE) {
		v->due.found_day = v->now.today;
		v->due.found_at = 0;
	}
	*more |= count == SLICE;
	return KM_OK;
}
