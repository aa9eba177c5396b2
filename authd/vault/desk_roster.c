/*
 * A roster, handed in on a desk's line: BEGIN and slices. The desk has parsed a
 * file; every row is looked at again here. What is staged lies under the feed's
 * own key and goes with its line. What becomes of it is END's (desk_roster_end.c).
 */
#include <stdio.h>
#include <string.h>

#include <kenmon/log.h>

#include "desk.h"
#include "feed.h"

#define SILENT_MS (2 * 60 * 1000)  /* then another line may begin one in its place */
#define KEPT_MS   (60 * 60 * 1000) /* then it goes, wanted or not: names of people are in it */

/* --- the roster of a line --------------------------------------------------------------------- */

void roster_line_closed(struct vault *v, const struct line *l)
{
	if (v->roster.line == l)
		v->roster.line = NULL;
}

/* The sets know rows that are not there any more. */
void roster_undone(struct vault *v)
{
	if (v->roster.feed.id)
		v->roster.broken = true;
}

void roster_forget(struct vault *v)
{
	roster_set_free(&v->roster.numbers);
	roster_set_free(&v->roster.logins);
	roster_set_free(&v->roster.departments);
	v->roster = (struct roster){ .line = NULL };
}

/* Of a feed that was only staged. */
static km_rc drop(struct vault *v)
{
	km_rc rc = feed_drop_staged(v);

	if (rc == KM_OK)
		roster_forget(v);
	return rc;
}

static bool is_silent(const struct vault *v, int64_t ms)
{
	return v->now.boot_ms - v->roster.heard_ms >= ms;
}

/* Does a line hand it in, or look at it? Nobody holds the place of all the others for ever. */
static bool is_held(const struct vault *v, int64_t ms)
{
	return v->roster.line && !v->roster.broken && !is_silent(v, ms);
}

void roster_clear(struct vault *v)
{
	if (!v->roster.feed.id || is_held(v, KEPT_MS))
		return;
	if (drop(v) != KM_OK && !v->feed.stuck) {
		km_log(LOG_ERR,
		       "a roster that was given up is not destroyed yet; it is tried again");
		v->feed.stuck = true;
	}
}

/* Is one staged on this line, and may more be said about it? */
km_rc roster_on_line(struct call *c, bool to_list)
{
	struct roster *r = &c->v->roster;

	if (r->line != c->l || !r->feed.id || r->broken || (r->ended && !to_list)) {
		call_say(c, "no roster is being handed in on this line");
		return KM_ESTATE;
	}
	r->heard_ms = c->v->now.boot_ms;
	return KM_OK;
}

/* --- BEGIN ---------------------------------------------------------------------------------------
 */

/* What ends by itself is no fault of the file: a drop folder keeps it, and tries again. */
static km_rc refuse_second(struct call *c)
{
	struct vault *v = c->v;

	if (v->feed.working)
		call_say(c, "a roster is being worked off; 'kenmon status' says how far it is");
	else if (v->feed.waiting)
		call_say(c, "a roster waits for approval; it is decided first");
	else
		call_say(c, "another roster is being handed in");
	return KM_EAGAIN;
}

struct filling {
	struct roster_set *set;
	km_rc rc;
};

static void take_department(void *arg, const uint8_t tag[KM_TAG_BYTES])
{
	struct filling *f = arg;
	bool added;

	if (f->rc == KM_OK)
		f->rc = roster_set_add(f->set, roster_key(tag), &added);
}

static km_rc prepare(struct call *c, const struct msg_roster_begin *m)
{
	struct roster *r = &c->v->roster;
	struct filling f = { &r->departments, KM_OK };
	km_rc rc = roster_scope(c->v->keys, &c->v->conf, &r->scope);

	if (rc == KM_OK)
		rc = roster_add_known(c->v->keys, &c->v->conf, &r->scope, &r->departments);
	if (rc == KM_ECONF)
		call_say(c,
			 "a list of departments in [roster] has too many, or one that is too long");
	if (rc == KM_OK)
		rc = store_departments(c->v->store, take_department, &f);
	r->line = c->l;
	r->heard_ms = c->v->now.boot_ms;
	r->announced = m->rows;
	r->columns = m->columns | KM_CHANGE_NAME | KM_CHANGE_DEPARTMENT | KM_CHANGE_LOGIN;
	r->is_signed = m->sign != 0;
	memcpy(r->signature, m->signature, sizeof r->signature);
	return rc == KM_OK ? f.rc : rc;
}

/* One that says it was made next year would make every one that follows it an older one. */
static int64_t made_by_now(const struct vault *v, int64_t made)
{
	return made > v->now.wall && !(v->suspicion & KM_SUSPECT_CLOCK) ? v->now.wall : made;
}

km_rc desk_roster_begin(struct call *c)
{
	const struct msg_roster_begin *m = &c->m->roster_begin;
	struct vault *v = c->v;
	struct km_feed in = { .made = made_by_now(v, m->made), .whole = m->full != 0 };
	km_rc rc = KM_OK;

	if (m->rows > ROSTER_ROWS_MAX || m->full > 1 || m->sign > 1 || m->made < 0)
		return KM_EINVAL;
	/* One of this line is given up; one that a line left behind or forgot is, too. */
	if (v->roster.feed.id && (v->roster.line == c->l || !is_held(v, SILENT_MS)))
		rc = drop(v);
	if (rc != KM_OK)
		return rc;
	if (v->roster.feed.id || v->feed.working || v->feed.waiting)
		return refuse_second(c);
	memcpy(in.digest, m->digest, sizeof in.digest);
	call_requester(c, in.requester);
	rc = prepare(c, m);
	if (rc == KM_OK)
		rc = store_feed_begin(v->store, &in, &v->roster.feed);
	if (rc != KM_OK)
		roster_forget(v);
	else
		c->id = v->roster.feed.id;
	return rc;
}

/* --- SLICE
 * ---------------------------------------------------------------------------------------- */

static km_rc stage_row(struct vault *v, const struct km_subject_key *key, struct roster_row *row,
		       enum roster_fault fault)
{
	static struct km_staged stored;
	struct roster_verdict verdict = { .outcome = KM_OUTCOME_WRONG };
	uint8_t plain[ROSTER_PACKED];
	size_t len;
	km_rc rc = KM_OK;

	if (fault == ROW_NONE)
		fault = roster_row_fault(row);
	verdict.fault = (uint8_t)fault;
	if (fault == ROW_NONE)
		rc = roster_judge(v, row, &verdict);
	if (rc != KM_OK)
		return rc;
	/* Of one for whom nothing changes, only that they are there is kept. */
	if (verdict.outcome == KM_OUTCOME_SAME)
		memset(&row->who, 0, sizeof row->who);
	stored =
	    (struct km_staged){ .line = row->line, .outcome = verdict.outcome, .day = verdict.day };
	stored.cursor = verdict.cursor;
	memcpy(stored.subject, verdict.subject, sizeof stored.subject);
	len = roster_pack(row, &verdict, plain);
	rc = store_stage_add(v->store, &v->roster.feed, key, &stored, plain, len);
	km_wipe(plain, sizeof plain);
	return rc == KM_EEXIST ? KM_EPROTO : rc;
}

struct slice {
	struct vault *v;
	struct km_subject_key key;
	const uint8_t *at;
	size_t left;
};

static void slice_wipe(struct slice *s)
{
	km_subject_key_wipe(&s->key);
}

static km_rc stage_rows(void *arg)
{
	struct slice *s = arg;
	struct roster *r = &s->v->roster;
	struct roster_row row;
	enum roster_fault fault;
	km_rc rc = KM_OK;

	while (rc == KM_OK && s->left > 0) {
		rc = roster_row_take(&s->at, &s->left, &row, &fault);
		if (rc == KM_OK && r->came >= r->announced)
			rc = KM_EPROTO;
		if (rc == KM_OK)
			rc = stage_row(s->v, &s->key, &row, fault);
		r->came++;
	}
	km_wipe(&row, sizeof row);
	return rc;
}

km_rc desk_roster_slice(struct call *c)
{
	const struct km_span *rows = &c->m->roster_slice.rows;
	struct slice s
	    __attribute__((cleanup(slice_wipe))) = { c->v, { { 0 } }, rows->bytes, rows->len };
	km_rc rc = roster_on_line(c, false);

	if (rc != KM_OK)
		return rc;
	rc = store_feed_key(c->v->store, &c->v->roster.feed, &s.key);
	if (rc == KM_OK)
		rc = store_stage_slice(c->v->store, stage_rows, &s);
	if (rc == KM_OK)
		return KM_OK;
	/* The sets know rows that are not staged: nothing of this roster counts. */
	c->v->roster.broken = true;
	if (rc == KM_EPROTO) {
		call_say(c,
			 "the rows of the roster cannot be read, or more came than were announced");
		rc = KM_EINVAL;
	}
	return rc;
}
