/*
 * A roster, handed in on a desk's line: BEGIN, slices, END. The desk has parsed a
 * file; every row is looked at again here. What is staged lies under the feed's
 * own key and goes with its line; acceptance is one small transaction, and
 * feed.c carries out what was accepted.
 */
#include <stdio.h>
#include <string.h>

#include <kenmon/log.h>

#include "desk.h"

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

static void forget(struct vault *v)
{
	roster_set_free(&v->roster.numbers);
	roster_set_free(&v->roster.logins);
	roster_set_free(&v->roster.departments);
	v->roster = (struct roster){ .line = NULL };
}

/* Of a feed that was only staged. */
static km_rc drop(struct vault *v)
{
	struct km_feed feed;
	km_rc rc = store_feed_in(v->store, KM_FEED_STAGED, KM_FEED_STAGED, &feed);

	if (rc == KM_OK)
		rc = store_feed_drop(v->store, &feed, NULL);
	if (rc != KM_OK && rc != KM_ENOTFOUND)
		return rc;
	v->feed.sweep = true;
	forget(v);
	return KM_OK;
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

	if (v->feed.waiting && !v->feed.working) {
		call_say(c, "a roster waits for approval; it is decided first");
		return KM_ESTATE;
	}
	call_say(c, v->feed.working
			? "a roster is being worked off; 'kenmon status' says how far it is"
			: "another roster is being handed in");
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

	if (rc == KM_ECONF)
		call_say(c, "[roster] departments has too many, or one that is too long");
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

static void requester_of(const struct call *c, uint8_t out[KM_SUBJECT_BYTES])
{
	memset(out, 0, KM_SUBJECT_BYTES);
	if (c->request)
		memcpy(out, c->requester, KM_SUBJECT_BYTES);
	else if (c->l->right == RIGHTS_FACTOR)
		memcpy(out, c->l->who.subject, KM_SUBJECT_BYTES);
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
	requester_of(c, in.requester);
	rc = prepare(c, m);
	if (rc == KM_OK)
		rc = store_feed_begin(v->store, &in, &v->roster.feed);
	if (rc != KM_OK)
		forget(v);
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
	memcpy(stored.subject, verdict.subject, sizeof stored.subject);
	len = roster_pack(row, &verdict, plain);
	rc = store_stage_put(v->store, &v->roster.feed, key, &stored, plain, len);
	km_wipe(plain, sizeof plain);
	return rc == KM_EEXIST ? KM_EPROTO : rc;
}

static km_rc stage_rows(struct call *c, const struct km_subject_key *key, const uint8_t *at,
			size_t left)
{
	struct roster *r = &c->v->roster;
	struct roster_row row;
	enum roster_fault fault;
	km_rc rc = KM_OK;

	while (rc == KM_OK && left > 0) {
		rc = roster_row_take(&at, &left, &row, &fault);
		if (rc == KM_OK && r->came >= r->announced)
			rc = KM_EPROTO;
		if (rc == KM_OK)
			rc = stage_row(c->v, key, &row, fault);
		r->came++;
	}
	km_wipe(&row, sizeof row);
	return rc;
}

km_rc desk_roster_slice(struct call *c)
{
	const struct km_span *rows = &c->m->roster_slice.rows;
	struct km_subject_key key KM_SUBJECT_KEY = { { 0 } };
	km_rc rc = roster_on_line(c, false);

	if (rc != KM_OK)
		return rc;
	rc = store_feed_key(c->v->store, &c->v->roster.feed, &key);
	if (rc == KM_OK)
		rc = stage_rows(c, &key, rows->bytes, rows->len);
	if (rc == KM_OK)
		return KM_OK;
	/* Some rows of it are staged and some are not: nothing of this roster counts. */
	c->v->roster.broken = true;
	if (rc == KM_EPROTO) {
		call_say(c,
			 "the rows of the roster cannot be read, or more came than were announced");
		rc = KM_EINVAL;
	}
	return rc;
}

/* --- END
 * ------------------------------------------------------------------------------------------- */

static km_rc put_sum(struct call *c, const struct km_feed *feed, const struct roster_sum *sum)
{
	struct km_msg m = { .number = KM_MSG_ROSTER_SUM };
	struct msg_roster_sum *s = &m.roster_sum;
	const uint64_t *n = sum->count;

	s->feed = feed->id;
	s->joined = (uint32_t)n[KM_OUTCOME_JOINED];
	s->changed =
	    (uint32_t)(n[KM_OUTCOME_CHANGED] + n[KM_OUTCOME_ON_LEAVE] + n[KM_OUTCOME_BACK]);
	s->left = (uint32_t)n[KM_OUTCOME_LEFT];
	s->missing = (uint32_t)n[KM_OUTCOME_GONE];
	s->rehired = (uint32_t)n[KM_OUTCOME_REHIRED];
	s->same = (uint32_t)n[KM_OUTCOME_SAME];
	s->wrong = (uint32_t)n[KM_OUTCOME_WRONG];
	s->brake = sum->brake;
	return call_put(c, &m);
}

static void event_sums(struct km_event_record *r, const struct km_feed *feed,
		       const struct roster_sum *sum)
{
	char digest[2 * sizeof feed->digest + 1];

	for (size_t i = 0; i < sizeof feed->digest; i++)
		snprintf(digest + 2 * i, 3, "%02x", feed->digest[i]);
	event_add(r, "digest", digest);
	event_add_number(r, "feed", (int64_t)feed->id);
	for (unsigned i = KM_OUTCOME_SAME; i < KM_OUTCOMES; i++)
		event_add_number(r, km_outcome_word(i), (int64_t)sum->count[i]);
	if (sum->brake)
		event_add(r, "brake", km_brake_word(sum->brake));
}

/* The one small transaction: from its commit on, whoever left by it is refused. */
static km_rc accept_feed(struct call *c, struct km_feed *feed, const struct roster_sum *sum)
{
	struct vault *v = c->v;
	struct km_event_record r;
	km_rc rc;

	feed->state = KM_FEED_ACCEPTED;
	feed->accepted = v->now.wall > 0 ? v->now.wall : 1;
	feed->released = sum->brake != KM_BRAKE_NONE; /* or it would not be accepted */
	requester_of(c, feed->requester);
	memcpy(feed->approver, c->approver, sizeof feed->approver);
	call_event(c, &r, KM_EVENT_FEED_ACCEPTED, NULL);
	event_sums(&r, feed, sum);
	rc = store_feed_change(v->store, feed, &r);
	if (rc != KM_OK)
		return rc;
	note_event(v, &r);
	v->feed.working = feed->id;
	v->feed.waiting = 0;
	c->id = feed->id;
	return KM_OK;
}

static km_rc refuse_braked(struct call *c, const struct km_feed *feed, const struct roster_sum *sum)
{
	struct km_event_record r;
	km_rc rc;

	call_event(c, &r, KM_EVENT_FEED_REFUSED, NULL);
	event_sums(&r, feed, sum);
	rc = note_record(c->v, &r);
	call_say(c, "%s: it is taken with --accept-erasures %llu",
		 km_brake_text(sum->brake, KM_LANG_EN), (unsigned long long)roster_erasures(sum));
	return rc == KM_OK ? KM_EBRAKE : rc;
}

/* What the second person sees, and agrees to. */
static void fill_request(struct msg_roster_end *m, const struct km_feed *feed,
			 const struct roster_sum *sum)
{
	const uint64_t *n = sum->count;

	m->feed = feed->id;
	m->brake = sum->brake;
	m->erasures = (int64_t)roster_erasures(sum);
	m->joined = (uint32_t)(n[KM_OUTCOME_JOINED] + n[KM_OUTCOME_REHIRED]);
	m->changed =
	    (uint32_t)(n[KM_OUTCOME_CHANGED] + n[KM_OUTCOME_ON_LEAVE] + n[KM_OUTCOME_BACK]);
	m->left = (uint32_t)n[KM_OUTCOME_LEFT];
	m->missing = (uint32_t)n[KM_OUTCOME_GONE];
}

static km_rc file_feed(struct call *c, struct km_feed *feed, const struct roster_sum *sum)
{
	km_rc rc;

	feed->state = KM_FEED_WAITING;
	rc = store_feed_change(c->v->store, feed, NULL);
	if (rc != KM_OK)
		return rc;
	/* Without its request it is not approved, and goes. */
	c->v->feed.waiting = feed->id;
	fill_request(&c->m->roster_end, feed, sum);
	return request_file(c);
}

/* The last one that was accepted, handed in again. */
static km_rc repeated(struct call *c, bool *is_repeated)
{
	struct km_feed last;
	km_rc rc = store_feed_in(c->v->store, KM_FEED_ACCEPTED, KM_FEED_DONE, &last);

	*is_repeated =
	    rc == KM_OK && memcmp(last.digest, c->v->roster.feed.digest, sizeof last.digest) == 0;
	if (*is_repeated) {
		c->id = last.id;
		call_say(c, "this roster was accepted before: nothing changes");
	}
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

/* The drop folder's user may hand in a roster and nothing else: not lift the brake either. */
bool roster_only_hands_in(const struct vault *v, const struct line *l)
{
	return v->conf.roster.uid != 0 && l->peer == v->conf.roster.uid &&
	       !desk_is_root(v, l->peer);
}

static km_rc apply(struct call *c, const struct roster_sum *sum)
{
	const struct msg_roster_end *m = &c->m->roster_end;
	struct roster *r = &c->v->roster;
	struct km_feed feed = r->feed;
	km_rc rc;

	feed.lines = r->came;
	feed.erasures = roster_erasures(sum);
	if (!sum->brake)
		rc = accept_feed(c, &feed, sum);
	else if (desk_two_persons(c->v))
		rc = file_feed(c, &feed, sum);
	else if (m->erasures == (int64_t)feed.erasures && !roster_only_hands_in(c->v, c->l))
		rc = accept_feed(c, &feed, sum);
	else
		return refuse_braked(c, &feed, sum);
	/* It is no more this line's; or it is in no state that one could go on from. */
	if (rc == KM_OK || rc == KM_EFILED)
		forget(c->v);
	else
		r->broken = true;
	return rc;
}

/* What the file would do; KM_EINVAL: it cannot be taken. */
static km_rc sum_up(struct call *c, struct roster_sum *sum)
{
	struct roster *r = &c->v->roster;
	enum km_brake brake = KM_BRAKE_NONE;
	km_rc rc = roster_settle_rehired(c->v, &r->feed);

	if (rc == KM_OK)
		rc = roster_sum(c->v, &r->feed, sum);
	if (rc == KM_OK)
		rc = roster_brake(c->v, sum, &brake);
	if (rc != KM_OK)
		return rc;
	sum->brake = (uint8_t)(r->came == r->announced ? brake : KM_BRAKE_CUT);
	rc = put_sum(c, &r->feed, sum);
	if (rc != KM_OK)
		return rc;
	if (r->came != r->announced) {
		call_say(c, "%u rows were announced and %u came", r->announced, r->came);
		return KM_EINVAL;
	}
	if (sum->count[KM_OUTCOME_WRONG] == 0)
		return KM_OK;
	call_say(c, "%llu rows cannot be taken; nothing of the roster is applied",
		 (unsigned long long)sum->count[KM_OUTCOME_WRONG]);
	return KM_EINVAL;
}

/* Within an approved request: of the feed that waits for it. */
static km_rc accept_waiting(struct call *c)
{
	const struct msg_roster_end *m = &c->m->roster_end;
	struct roster_sum sum;
	struct km_feed feed;
	km_rc rc = store_feed(c->v->store, m->feed, &feed);

	if (rc == KM_OK && feed.state != KM_FEED_WAITING)
		rc = KM_ESTATE;
	if (rc == KM_OK)
		rc = roster_sum(c->v, &feed, &sum);
	if (rc != KM_OK)
		return rc;
	/* Since then [roster] departments may have become others, and more people missing. */
	if ((int64_t)roster_erasures(&sum) > m->erasures) {
		call_say(c,
			 "%llu would go by now, more than was asked for: reject it, and hand the "
			 "roster in again",
			 (unsigned long long)roster_erasures(&sum));
		return KM_ESTATE;
	}
	sum.brake = m->brake;
	return accept_feed(c, &feed, &sum);
}

km_rc desk_roster_end(struct call *c)
{
	const struct msg_roster_end *m = &c->m->roster_end;
	struct roster_sum sum;
	bool is_repeated = false;
	km_rc rc;

	if (c->request)
		return accept_waiting(c);
	rc = roster_on_line(c, false);
	if (rc == KM_OK && (m->apply > 1 || m->feed))
		rc = KM_EINVAL;
	if (rc != KM_OK)
		return rc;
	c->v->roster.ended = true;
	c->id = c->v->roster.feed.id;
	if (m->apply)
		rc = repeated(c, &is_repeated);
	if (rc != KM_OK || is_repeated)
		return rc;
	rc = sum_up(c, &sum);
	return rc == KM_OK && m->apply ? apply(c, &sum) : rc;
}
