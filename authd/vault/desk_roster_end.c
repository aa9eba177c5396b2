/*
 * The end of a roster that was handed in: summed up, and then checked alone, or
 * accepted in one small transaction, or filed for a second person. feed.c carries
 * out what was accepted.
 */
#include <stdio.h>
#include <string.h>

#include <kenmon/hex.h>
#include <kenmon/log.h>

#include "desk.h"

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
	s->barred = (uint32_t)n[KM_OUTCOME_BARRED];
	s->wrong = (uint32_t)n[KM_OUTCOME_WRONG];
	s->brake = sum->brake;
	return call_put(c, &m);
}

static void event_sums(struct km_event_record *r, const struct km_feed *feed,
		       const struct roster_sum *sum)
{
	char digest[KM_HEX(sizeof feed->digest)];

	event_add(r, "digest", km_hex(feed->digest, sizeof feed->digest, digest));
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
	call_requester(c, feed->requester);
	memcpy(feed->approver, c->approver, sizeof feed->approver);
	call_event(c, &r, KM_EVENT_FEED_ACCEPTED, NULL);
	event_sums(&r, feed, sum);
	rc = feed_accept(v, feed, &r);
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
		roster_forget(c->v);
	else
		r->broken = true;
	return rc;
}

/* Whoever's row were lost on its way here would be taken for missing. */
static bool all_staged(const struct roster *r, const struct roster_sum *sum)
{
	uint64_t rows = 0;

	for (unsigned i = KM_OUTCOME_SAME; i < KM_OUTCOMES; i++)
		rows += i == KM_OUTCOME_GONE ? 0 : sum->count[i];
	return rows == r->came;
}

/* What the file would do; KM_EINVAL: it cannot be taken. */
static km_rc sum_up(struct call *c, struct roster_sum *sum)
{
	struct roster *r = &c->v->roster;
	enum km_brake brake = KM_BRAKE_NONE;
	km_rc rc = roster_settle_rehired(c->v, &r->feed);

	if (rc == KM_OK)
		rc = roster_sum(c->v, &r->feed, sum);
	if (rc == KM_OK && !all_staged(r, sum))
		rc = KM_ECORRUPT;
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
