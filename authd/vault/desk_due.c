/* Desk operations on what is due. */
#include <string.h>

#include "desk.h"
#include "desk_request.h"
#include "due.h"
#include "feed.h"
#include "founding.h"

#define ACTOR "desk"

/* --- transfer -----------------------------------------------------------------------------------
 */

km_rc desk_transfer(struct call *c)
{
	const struct msg_transfer *m = &c->m->transfer;
	struct km_due_row row = { .what = KM_DUE_ERASE,
				  .cause = KM_CAUSE_TRANSFERRED,
				  .day = m->effective,
				  .released = true };
	struct km_event_record r;
	struct km_operator op;
	char day[16];
	km_rc rc;

	if (m->effective < 0) {
		call_say(c, "a transfer needs its day");
		return KM_EINVAL;
	}
	rc = call_operator(c, m->login, &op);
	if (rc != KM_OK)
		return rc;
	if (op.state == KM_ERASING) {
		call_say(c, "the operator is being erased already");
		return KM_ESTATE;
	}
	memcpy(row.subject, op.subject, sizeof row.subject);
	call_requester(c, row.requester);
	memcpy(row.approver, c->approver, sizeof row.approver);
	call_event(c, &r, KM_EVENT_DUE_SET, &op);
	event_add(&r, "what", "erase");
	event_add(&r, "cause", km_cause_word(row.cause));
	km_day_format(row.day, day);
	event_add(&r, "day", day);
	if (m->reason[0])
		event_add(&r, EVENT_FREE_TEXT, m->reason);
	return due_put(c->v, &row, &r);
}

/* --- listing -------------------------------------------------------------------------------------
 */

static km_rc put_due(struct call *c, const struct km_due_row *row)
{
	struct km_msg m = { .number = KM_MSG_DUE_ROW };
	struct msg_due_row *d = &m.due_row;
	struct km_person who = { 0 };
	struct km_operator op;
	bool last = false;
	km_rc rc = store_operator_by_subject(c->v->store, row->subject, &op);

	if (rc == KM_OK)
		rc = founding_last(c->v, &op, &last);
	if (rc == KM_OK)
		rc = store_person(c->v->store, &op, &who);
	if (rc != KM_OK && rc != KM_ENOTFOUND)
		return rc;
	d->cursor = row->id;
	memcpy(d->subject, row->subject, sizeof d->subject);
	memcpy(d->login, who.login, sizeof d->login);
	d->what = row->what;
	d->cause = row->cause;
	d->day = row->day;
	if (row->what == KM_DUE_ERASE && row->day <= c->v->now.today) {
		bool braked = c->v->due.held && !row->released;

		d->held = braked ? KM_HELD_BRAKE : last ? KM_HELD_LAST : KM_HELD_NOT;
	}
	rc = call_put(c, &m);
	km_wipe(&m, sizeof m);
	km_wipe(&who, sizeof who);
	return rc;
}

/* What waits for a second person is not due yet: who asks what is due must know of it. */
struct waiting {
	uint64_t feed, erasures;
	char until[CALL_TIME];
};

/* KM_ENOTFOUND: none waits. */
static km_rc roster_that_waits(struct vault *v, struct waiting *out)
{
	struct km_filed asked;
	struct km_feed feed;
	km_rc rc = store_feed_in(v->store, KM_FEED_WAITING, KM_FEED_WAITING, &feed);

	if (rc == KM_OK)
		rc = request_for(v, KM_MSG_ROSTER_END, &asked);
	if (rc != KM_OK)
		return rc;
	out->feed = feed.id;
	out->erasures = feed.erasures;
	call_time(asked.expires, out->until);
	return KM_OK;
}

static km_rc say_waiting(struct call *c)
{
	struct waiting w;
	km_rc rc = roster_that_waits(c->v, &w);

	if (rc == KM_OK)
		call_say(c,
			 "roster %llu waits for a second person until %s: by it %llu would be "
			 "erased, or suspended as missing",
			 (unsigned long long)w.feed, w.until, (unsigned long long)w.erasures);
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

km_rc desk_due_list(struct call *c)
{
	static struct km_due_row page[DESK_PAGE]; /* one at a time: the vault has one thread */
	const struct msg_due_list *m = &c->m->due_list;
	size_t count = 0, limit = m->limit < DESK_PAGE ? m->limit : DESK_PAGE;
	km_rc rc = store_dues(c->v->store, m->after, limit, page, &count);

	for (size_t i = 0; rc == KM_OK && i < count; i++)
		rc = put_due(c, &page[i]);
	c->id = count;
	return rc == KM_OK ? say_waiting(c) : rc;
}

/* --- releasing
 * ------------------------------------------------------------------------------------ */

/* Exactly what was looked at, or nobody has looked. */
static km_rc as_many(struct call *c)
{
	struct vault *v = c->v;
	struct km_due_counts due;
	km_rc rc;

	if (v->suspicion) {
		call_say(c, "nothing is destroyed while the clock, the machine or the database are "
			    "in doubt");
		return KM_ESUSPECT;
	}
	rc = store_due_counts(v->store, v->now.today, v->now.wall, &due);
	if (rc != KM_OK)
		return rc;
	if (due.braked == 0) {
		call_say(c, "nothing is held");
		return KM_ENOTFOUND;
	}
	if (due.braked != c->m->due_release.erasures) {
		call_say(c, "%llu erasures are held", (unsigned long long)due.braked);
		return KM_EBRAKE;
	}
	return KM_OK;
}

km_rc desk_due_releasable(struct call *c, uint8_t set[32])
{
	km_rc rc = as_many(c);

	return rc == KM_OK ? store_due_held(c->v->store, c->v->now.today, set) : rc;
}

/* As many others are not who was looked at. */
static km_rc as_filed(struct call *c)
{
	const struct msg_due_release *m = &c->m->due_release;
	uint8_t set[sizeof m->set];
	km_rc rc = desk_due_releasable(c, set);
	bool same = rc == KM_OK && km_equal(set, sizeof set, m->set, sizeof m->set);

	if (same || (rc != KM_OK && rc != KM_EBRAKE))
		return rc;
	call_say(c, "what is held has changed since this was filed: reject it, and file it anew");
	return KM_EBRAKE;
}

km_rc desk_due_release(struct call *c)
{
	struct vault *v = c->v;
	struct km_event_record r;
	uint64_t count = 0;
	km_rc rc = c->request ? as_filed(c) : as_many(c);

	if (rc != KM_OK)
		return rc;
	call_event(c, &r, KM_EVENT_BRAKE_RELEASED, NULL);
	event_add_number(&r, "erasures", c->m->due_release.erasures);
	rc = store_due_release(v->store, v->now.today, c->approver, &count, &r);
	if (rc != KM_OK)
		return rc;
	note_event(v, &r);
	v->due.look_ms = 0;
	c->id = count;
	return KM_OK;
}

/* --- by hand
 * --------------------------------------------------------------------------------------- */

/* Not used for long, until a while after this day. */
static km_rc spare(struct vault *v, const struct km_operator *op)
{
	struct km_due_row row = { .what = KM_DUE_SUSPEND,
				  .cause = KM_CAUSE_UNUSED,
				  .day = v->now.today + v->conf.unused.suspend_after };

	memcpy(row.subject, op->subject, sizeof row.subject);
	return due_put(v, &row, NULL);
}

km_rc due_resumed(struct vault *v, const struct km_operator *op)
{
	struct km_due_row erase = { 0 }, mark = { 0 };
	km_rc rc = due_of(v, op->subject, KM_DUE_ERASE, &erase);

	if (rc == KM_OK && erase.id &&
	    (erase.cause == KM_CAUSE_MISSING || erase.cause == KM_CAUSE_UNUSED))
		rc = due_drop(v, &erase, ACTOR);
	if (rc == KM_OK)
		rc = due_of(v, op->subject, KM_DUE_SUSPEND, &mark);
	if (rc != KM_OK || !mark.id)
		return rc;
	if (mark.cause == KM_CAUSE_UNUSED)
		return spare(v, op);
	return store_due_drop(v->store, op->subject, KM_DUE_SUSPEND, NULL);
}

/* --- status
 * ----------------------------------------------------------------------------------------- */

static km_rc put_last_feed(struct call *c)
{
	struct km_feed last;
	char day[16];
	int64_t on = 0;
	km_rc rc = store_feed_in(c->v->store, KM_FEED_ACCEPTED, KM_FEED_DONE, &last);

	if (rc == KM_ENOTFOUND)
		return call_status(c, false, "roster", "none was accepted yet");
	if (rc == KM_OK)
		rc = km_day_at(last.accepted, &on);
	if (rc != KM_OK)
		return rc;
	km_day_format(on, day);
	if (last.state == KM_FEED_DONE)
		return call_status(c, false, "roster", "number %llu, accepted %s, worked off",
				   (unsigned long long)last.id, day);
	return call_status(
	    c, false, "roster", "number %llu, accepted %s, being worked off: %llu of %llu rows",
	    (unsigned long long)last.id, day,
	    (unsigned long long)(c->v->feed.at < ROSTER_LINES_END ? c->v->feed.at : last.lines),
	    (unsigned long long)last.lines);
}

static km_rc put_rosters(struct call *c)
{
	struct feed_forgotten gone = { 0 };
	struct waiting w;
	char when[CALL_TIME];
	km_rc rc = roster_that_waits(c->v, &w);

	if (rc == KM_OK)
		rc = call_status(c, true, "roster-waiting",
				 "number %llu with %llu erasures waits for approval until %s: look "
				 "at it ('kenmon roster list %llu')",
				 (unsigned long long)w.feed, (unsigned long long)w.erasures,
				 w.until, (unsigned long long)w.feed);
	if (rc == KM_OK || rc == KM_ENOTFOUND)
		rc = feed_forgotten(c->v, &gone);
	if (rc == KM_OK)
		rc = call_status(c, true, "roster-forgotten",
				 "a roster with %llu erasures (number %llu) was not approved and "
				 "is gone since %s: hand it in again",
				 (unsigned long long)gone.erasures, (unsigned long long)gone.feed,
				 call_time(gone.wall, when));
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

km_rc desk_due_rows(struct call *c)
{
	const struct vault *v = c->v;
	struct km_due_counts due;
	km_rc rc = put_last_feed(c);

	if (rc == KM_OK)
		rc = put_rosters(c);
	if (rc == KM_OK)
		rc = store_due_counts(v->store, v->now.today, v->now.wall, &due);
	if (rc == KM_OK)
		rc = call_status(c, false, "due-today", "%llu", (unsigned long long)due.ready);
	if (rc == KM_OK)
		rc = call_status(c, false, "due-within-a-week", "%llu",
				 (unsigned long long)due.week);
	if (rc == KM_OK && v->due.held)
		rc = call_status(c, true, "brake",
				 "%llu erasures are held: look at them, then let "
				 "them go ('kenmon report due')",
				 (unsigned long long)due.braked);
	return rc;
}
