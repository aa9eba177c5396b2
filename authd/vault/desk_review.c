/* The review of who may log in: signed off by a person, and asked for again after its interval. */
#include <stdlib.h>
#include <string.h>

#include <kenmon/clock.h>

#include "desk.h"

#define DAY_SECONDS 86400
#define RIGHTS_PAGE 100 /* a record with its body is a kilobyte and a half */

static void add_counts(struct km_event_record *r, const struct km_counts *n)
{
	event_add_number(r, "operators", (int64_t)n->operators);
	event_add_number(r, "suspended", (int64_t)n->suspended);
	event_add_number(r, "without-a-factor", (int64_t)n->unenrolled);
}

km_rc desk_review(struct call *c)
{
	const struct msg_review *m = &c->m->review;
	struct km_event_record r;
	struct km_counts n;
	km_rc rc = store_counts(c->v->store, &n);

	if (rc != KM_OK)
		return rc;
	call_event(c, &r, KM_EVENT_REVIEWED, NULL);
	add_counts(&r, &n);
	if (m->note[0])
		event_add(&r, EVENT_FREE_TEXT, m->note);
	rc = store_review_sign(c->v->store, &r);
	if (rc == KM_OK)
		note_event(c->v, &r);
	return rc;
}

/* Where a report begins: right before the last review, or with the first record. */
static km_rc begin_at(struct call *c, uint64_t *after)
{
	struct km_review last;
	km_rc rc = store_review_last(c->v->store, &last);

	if (rc == KM_OK)
		*after = last.seq - 1;
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

km_rc desk_review_show(struct call *c)
{
	uint64_t after = c->m->review_show.after;
	struct km_audit_row *page = calloc(RIGHTS_PAGE, sizeof *page);
	size_t count = 0;
	km_rc rc = page ? KM_OK : KM_ENOMEM, looked = KM_OK;

	if (rc == KM_OK && after == 0)
		rc = begin_at(c, &after);
	if (rc == KM_OK)
		rc = looked = store_audit_rights(c->v->store, &after, RIGHTS_PAGE, page, &count);
	if (rc == KM_EAGAIN)
		rc = KM_OK;
	for (size_t i = 0; rc == KM_OK && i < count; i++)
		rc = desk_record_row(c, &page[i]);
	free(page);
	c->id = after;
	return rc == KM_OK ? looked : rc;
}

/* Since when its interval runs: the last one, or else the first record there is. */
static km_rc runs_since(struct call *c, int64_t *wall, bool *ever)
{
	static struct km_audit_row first; /* a kilobyte and a half, for one number */
	struct km_review last;
	size_t count = 0;
	km_rc rc = store_review_last(c->v->store, &last);

	*ever = rc == KM_OK;
	if (rc != KM_ENOTFOUND) {
		*wall = *ever ? last.wall : 0;
		return rc;
	}
	rc = store_audit(c->v->store, 0, NULL, 1, &first, &count);
	*wall = count ? first.wall : c->v->now.wall;
	return rc;
}

/* "" where a time has no day. */
static void day_of(int64_t wall, char out[16])
{
	int64_t day = KM_DAY_NONE;

	out[0] = '\0';
	if (km_day_at(wall, &day) == KM_OK)
		km_day_format(day, out);
}

km_rc desk_review_row(struct call *c)
{
	int64_t interval = (int64_t)c->v->conf.review_interval * DAY_SECONDS, since = 0;
	char last[16], next[16];
	bool ever = false, over;
	km_rc rc = runs_since(c, &since, &ever);

	if (rc != KM_OK)
		return rc;
	over = c->v->now.wall - since >= interval;
	day_of(since, last);
	day_of(since + interval, next);
	if (!ever)
		return call_status(
		    c, over, "review",
		    over ? "never signed off; due since %s: see 'kenmon report review'"
			 : "never signed off; due on %s",
		    next);
	return call_status(c, over, "review",
			   over ? "signed off on %s; due since %s: see 'kenmon report review'"
				: "signed off on %s; due on %s",
			   last, next);
}
