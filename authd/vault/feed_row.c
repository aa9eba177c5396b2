/*
 * One row of an accepted roster, carried out against what is registered now.
 * Nobody is destroyed here: who left gets a day in the queue, and due.c and the
 * brake decide. Nobody is resumed whom somebody suspended by hand.
 */
#include "feed_row.h"

#include <stdio.h>
#include <string.h>

#include <kenmon/log.h>

#include "due.h"
#include "founding.h"
#include "vault.h"

#define ACTOR "roster"

struct job {
	struct vault *v;
	const struct km_feed *feed;
	const struct km_staged *stage;
	struct roster_row row;
	struct roster_verdict verdict;
	struct km_operator op; /* whom it is about, where there is somebody */
};

static void job_wipe(struct job *j)
{
	km_wipe(j, sizeof *j);
}

static void feed_event(const struct job *j, struct km_event_record *r, enum km_event event,
		       const uint8_t *subject)
{
	event_make(r, event, subject, ACTOR);
	event_add_number(r, "feed", (int64_t)j->feed->id);
	due_event_by(r, j->feed->requester, j->feed->approver);
}

static struct km_due_row due_row(const struct job *j, enum km_due what, enum km_cause cause,
				 int64_t day)
{
	struct km_due_row row = { .what = (uint8_t)what,
				  .cause = (uint8_t)cause,
				  .day = day,
				  .feed = j->feed->id,
				  .released = what == KM_DUE_SUSPEND || j->feed->released };

	memcpy(row.subject, j->op.subject, sizeof row.subject);
	memcpy(row.requester, j->feed->requester, sizeof row.requester);
	memcpy(row.approver, j->feed->approver, sizeof row.approver);
	return row;
}

/* --- state ------------------------------------------------------------------------------------ */

/* The mark that it was a roster which suspended lets a later one end it. */
static km_rc suspend(struct job *j, enum km_cause cause, enum km_event event)
{
	struct km_due_row mark = due_row(j, KM_DUE_SUSPEND, cause, j->v->now.today);
	struct km_event_record r;
	km_rc rc;

	if (j->op.state != KM_ACTIVE)
		return KM_OK;
	feed_event(j, &r, event, j->op.subject);
	event_add(&r, "cause", km_cause_word(cause));
	rc = store_operator_state(j->v->store, j->op.subject, KM_SUSPENDED, &r);
	if (rc == KM_OK)
		note_event(j->v, &r);
	return rc == KM_OK ? due_put(j->v, &mark, NULL) : rc;
}

static km_rc resume(struct job *j)
{
	struct km_due_row mark;
	struct km_event_record r;
	km_rc rc = due_of(j->v, j->op.subject, KM_DUE_SUSPEND, &mark);

	if (rc != KM_OK || !mark.id || !mark.feed)
		return rc;
	rc = store_due_drop(j->v->store, j->op.subject, KM_DUE_SUSPEND, NULL);
	if (rc != KM_OK || j->op.state != KM_SUSPENDED)
		return rc;
	feed_event(j, &r, KM_EVENT_OPERATOR_RESUMED, j->op.subject);
	rc = store_operator_state(j->v->store, j->op.subject, KM_ACTIVE, &r);
	if (rc == KM_OK)
		note_event(j->v, &r);
	return rc;
}

/* What an earlier roster made due is due no more. */
static km_rc revoke(struct job *j)
{
	struct km_due_row due;
	km_rc rc = due_of(j->v, j->op.subject, KM_DUE_ERASE, &due);

	return rc == KM_OK && due.id && due.feed ? due_drop(j->v, &due, ACTOR) : rc;
}

/* --- what each outcome means --------------------------------------------------------------------
 */

/* Nobody could act any more where the last registrar or approver is made something else. */
static km_rc keep_last_role(struct job *j)
{
	bool last = false;
	km_rc rc = KM_OK;

	if (j->verdict.mask & KM_CHANGE_ROLE)
		rc = founding_last(j->v, &j->op, &last);
	if (rc != KM_OK || !last)
		return rc;
	km_log(LOG_WARNING,
	       "line %u of the roster would take the role of the last %s: register another first",
	       j->stage->line, km_role_word(j->op.role));
	j->verdict.mask &= (uint16_t)~KM_CHANGE_ROLE;
	j->v->feed.skipped++;
	return KM_OK;
}

static km_rc change(struct job *j)
{
	struct km_operator_change c = { .valid_from = j->row.valid_from,
					.valid_until = j->row.valid_until };
	enum km_role role = KM_ROLE_OPERATOR;
	struct km_event_record r;
	km_rc rc = keep_last_role(j);

	if (rc != KM_OK || j->verdict.mask == 0)
		return rc;
	c.mask = j->verdict.mask; /* then what is other than it is now */
	(void)km_role_parse(j->row.role, &role);
	c.role = (uint8_t)role;
	c.who = j->row.who;
	feed_event(j, &r, KM_EVENT_OPERATOR_CHANGED, j->op.subject);
	rc = store_operator_change(j->v->store, j->op.subject, &c, &r);
	km_wipe(&c.who, sizeof c.who);
	if (rc == KM_OK && c.mask)
		note_event(j->v, &r);
	return rc == KM_OK && (c.mask & KM_CHANGE_VALID_UNTIL)
		   ? due_forget_expiry(j->v, j->op.subject, ACTOR)
		   : rc;
}

static km_rc leave(struct job *j)
{
	km_rc rc = change(j);

	if (rc == KM_OK)
		rc = revoke(j);
	return rc == KM_OK ? suspend(j, KM_CAUSE_LEAVE, KM_EVENT_OPERATOR_SUSPENDED) : rc;
}

static km_rc back(struct job *j)
{
	km_rc rc = change(j);

	if (rc == KM_OK)
		rc = revoke(j);
	return rc == KM_OK ? resume(j) : rc;
}

static km_rc left(struct job *j)
{
	struct km_due_row row =
	    due_row(j, KM_DUE_ERASE, (enum km_cause)j->verdict.cause, j->stage->day);
	struct km_due_row old;
	struct km_event_record r;
	km_rc rc = due_of(j->v, j->op.subject, KM_DUE_ERASE, &old);

	if (rc != KM_OK ||
	    (old.id && old.day == row.day && old.cause == row.cause && old.feed == row.feed))
		return rc;
	due_event(&r, &row, ACTOR);
	return due_put(j->v, &row, &r);
}

static km_rc join(struct job *j)
{
	struct km_operator in = { .uid = -1,
				  .valid_from = j->row.valid_from,
				  .valid_until = j->row.valid_until };
	enum km_role role = KM_ROLE_OPERATOR;
	struct km_event_record r;
	km_rc rc;

	(void)km_role_parse(j->row.role, &role);
	in.role = (uint8_t)role;
	feed_event(j, &r, KM_EVENT_OPERATOR_ADDED, NULL);
	event_add(&r, "role", km_role_word(in.role));
	event_add_number(&r, "uid", -1);
	rc = store_operator_add(j->v->store, &in, &j->row.who, &r, &j->op);
	if (rc != KM_OK)
		return rc;
	note_event(j->v, &r);
	return j->row.status == KM_ROSTER_LEAVE
		   ? suspend(j, KM_CAUSE_LEAVE, KM_EVENT_OPERATOR_SUSPENDED)
		   : KM_OK;
}

/* Not before whoever has the login is gone; one who is to stay after all keeps it. */
static km_rc rehire(struct job *j)
{
	struct km_operator owner;
	struct km_due_row due;
	km_rc rc = store_operator_by_login(j->v->store, j->row.who.login, &owner);

	if (rc == KM_ENOTFOUND)
		return join(j);
	if (rc == KM_OK && owner.state == KM_ERASING)
		return KM_EAGAIN;
	if (rc == KM_OK)
		rc = due_of(j->v, owner.subject, KM_DUE_ERASE, &due);
	if (rc != KM_OK)
		return rc;
	return due.id && due.day <= j->v->now.today ? KM_EAGAIN : KM_EEXIST;
}

static const struct {
	enum km_outcome outcome;
	bool known; /* it is about somebody who is registered */
	km_rc (*run)(struct job *j);
} acts[] = {
	{ KM_OUTCOME_JOINED, false, join }, { KM_OUTCOME_CHANGED, true, change },
	{ KM_OUTCOME_LEFT, true, left },    { KM_OUTCOME_ON_LEAVE, true, leave },
	{ KM_OUTCOME_BACK, true, back },    { KM_OUTCOME_REHIRED, false, rehire },
};

/* Registered by hand since then, erased, or renamed: what another has decided meanwhile stands. */
static bool overtaken(km_rc rc)
{
	return rc == KM_EEXIST || rc == KM_EREUSED || rc == KM_ESTATE || rc == KM_ENOTFOUND ||
	       rc == KM_EINVAL;
}

static km_rc open_row(struct job *j, const struct km_subject_key *key)
{
	uint8_t plain[ROSTER_PACKED];
	size_t len = 0;
	km_rc rc = store_stage_open(j->v->store, j->feed, key, j->stage, plain, sizeof plain, &len);

	if (rc == KM_OK)
		rc = roster_unpack(plain, len, &j->row, &j->verdict);
	km_wipe(plain, sizeof plain);
	return rc;
}

/* KM_OK and *go: the one it is about is as it was taken for. */
static km_rc find(struct job *j, bool known, bool *go)
{
	struct km_person who = { 0 };
	km_rc rc;

	if (known)
		rc = store_operator_by_subject(j->v->store, j->stage->subject, &j->op);
	else
		rc =
		    store_operator_by_number(j->v->store, j->row.who.employee_number, &j->op, &who);
	km_wipe(&who, sizeof who);
	*go = known ? rc == KM_OK && j->op.state != KM_ERASING : rc == KM_ENOTFOUND;
	if (rc == KM_EREUSED || rc == KM_ENOTFOUND)
		rc = KM_OK;
	return rc;
}

static km_rc carry_out(struct job *j, const struct km_subject_key *key, size_t act)
{
	bool go = false;
	km_rc rc = open_row(j, key);

	if (rc == KM_OK)
		rc = find(j, acts[act].known, &go);
	if (rc == KM_OK && go)
		rc = acts[act].run(j);
	if (!overtaken(rc))
		return rc;
	km_log(LOG_WARNING, "line %u of the roster could not be carried out (%s)", j->stage->line,
	       km_rc_text(rc, KM_LANG_EN));
	j->v->feed.skipped++;
	return KM_OK;
}

km_rc feed_row(struct vault *v, const struct km_feed *feed, const struct km_subject_key *key,
	       const struct km_staged *stage)
{
	struct job j __attribute__((cleanup(job_wipe))) = { .v = v, .feed = feed, .stage = stage };

	for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++)
		if (acts[i].outcome == stage->outcome)
			return carry_out(&j, key, i);
	return KM_OK;
}

km_rc feed_missing(struct vault *v, const struct km_feed *feed, const struct km_operator *op)
{
	struct job j __attribute__((cleanup(job_wipe))) = { .v = v, .feed = feed, .op = *op };
	struct km_due_row row =
	    due_row(&j, KM_DUE_ERASE, KM_CAUSE_MISSING, v->now.today + v->conf.roster.missing_wait);
	struct km_event_record r;
	km_rc rc = suspend(&j, KM_CAUSE_MISSING, KM_EVENT_OPERATOR_MISSING);

	due_event(&r, &row, ACTOR);
	return rc == KM_OK ? due_put(v, &row, &r) : rc;
}
