/*
 * An accepted roster, worked off between logins, a slice a round, each durable
 * with how far it is. What a row meant when it was accepted is carried out, held
 * against what is registered now: done once more, it changes nothing. After the
 * rows come those who are missing, then those rehired, whose predecessors' logins
 * must have become free.
 */
#include "feed.h"

#include <stdio.h>
#include <string.h>

#include <kenmon/log.h>

#include "due.h"
#include "feed_row.h"
#include "vault.h"

#define SLICE    64   /* rows, or operators, that are looked at together */
#define ACTS     128  /* rows carried out with one flush */
#define PASSED   2048 /* rows with one flush, for most of whom nothing changes */
#define SWEEP    256  /* rows deleted with one flush */
#define AGAIN_MS 1000 /* after a failure, and while a rehired one's login is not free */

/* How far `worked` is: lines, then cursors of operators, then rehired. */
#define AT_MISSING ROSTER_LINES_END
#define AT_REHIRED ((uint64_t)1 << 62)

static km_rc flush(struct vault *v)
{
	km_rc rc = store_dirty(v->store) ? store_flush(v->store) : KM_OK;

	note_settle(v, rc == KM_OK);
	return rc;
}

/* --- rows --------------------------------------------------------------------------------------
 */

static bool has_its_turn(const struct km_staged *row)
{
	return row->outcome != KM_OUTCOME_SAME && row->outcome != KM_OUTCOME_REHIRED &&
	       row->outcome != KM_OUTCOME_BARRED;
}

/* *full: there may be more of them. */
static km_rc carry_out_page(struct vault *v, struct km_feed *feed, const struct km_subject_key *key,
			    size_t *acts, bool *full)
{
	static struct km_staged page[SLICE]; /* one at a time: the vault has one thread */
	size_t count = 0;
	km_rc rc =
	    store_stage_page(v->store, feed->id, (uint32_t)feed->worked, SLICE, page, &count);

	for (size_t i = 0; rc == KM_OK && i < count; i++) {
		if (!has_its_turn(&page[i]))
			continue;
		(*acts)++;
		rc = feed_row(v, feed, key, &page[i]);
	}
	*full = rc == KM_OK && count == SLICE;
	if (*full)
		feed->worked = page[count - 1].line;
	return rc;
}

/* In most rosters nothing changes for most people: their rows cost no flush of their own. */
static km_rc carry_out_rows(struct vault *v, struct km_feed *feed)
{
	struct km_subject_key key KM_SUBJECT_KEY = { { 0 } };
	size_t acts = 0;
	bool full = true;
	km_rc rc = store_feed_key(v->store, feed, &key);

	for (size_t n = 0; rc == KM_OK && full && acts + SLICE <= ACTS && n < PASSED; n += SLICE)
		rc = carry_out_page(v, feed, &key, &acts, &full);
	if (rc != KM_OK)
		return rc;
	if (!full)
		feed->worked = feed->whole ? AT_MISSING : AT_REHIRED;
	return store_feed_change(v->store, feed, NULL);
}

/* More than were counted when it was accepted: [roster] departments has become others since. */
static km_rc is_more(struct vault *v, const struct km_feed *feed, bool *more)
{
	struct roster_sum sum;
	km_rc rc = roster_sum(v, feed, &sum);

	*more = rc == KM_OK && roster_erasures(&sum) > feed->erasures;
	return rc;
}

/* Nobody is missing whom nobody counted; the next roster counts anew. */
static km_rc pass_over_missing(struct vault *v, struct km_feed *feed)
{
	km_log(LOG_ALERT,
	       "more people are missing from roster %llu than when it was accepted: nobody is "
	       "suspended for that; was [roster] departments changed? Apply the roster again",
	       (unsigned long long)feed->id);
	feed->worked = AT_REHIRED;
	return store_feed_change(v->store, feed, NULL);
}

static km_rc suspend_missing(struct vault *v, struct km_feed *feed)
{
	static struct km_operator page[SLICE];
	struct roster_scope scope;
	uint64_t after = feed->worked - AT_MISSING;
	size_t count = 0;
	bool more = false;
	km_rc rc = roster_scope(v->keys, &v->conf, &scope);

	if (rc == KM_OK && after == 0)
		rc = is_more(v, feed, &more);
	if (rc == KM_OK && more)
		return pass_over_missing(v, feed);
	if (rc == KM_OK)
		rc = roster_missing(v, feed, &scope, &after, SLICE, page, &count);
	for (size_t i = 0; rc == KM_OK && i < count; i++)
		rc = feed_missing(v, feed, &page[i]);
	km_wipe(page, sizeof page); /* their wrapped keys */
	if (rc != KM_OK)
		return rc;
	feed->worked = count == SLICE ? AT_MISSING + after : AT_REHIRED;
	return store_feed_change(v->store, feed, NULL);
}

/* KM_EAGAIN: somebody's predecessor still has the login. */
static km_rc register_rehired(struct vault *v, const struct km_feed *feed)
{
	static struct km_staged page[SLICE];
	struct km_subject_key key KM_SUBJECT_KEY = { { 0 } };
	bool waits = false;
	uint32_t after = 0;
	size_t count = SLICE;
	km_rc rc = store_feed_key(v->store, feed, &key);

	while (rc == KM_OK && count == SLICE) {
		rc = store_stage_rehired(v->store, feed->id, after, SLICE, page, &count);
		for (size_t i = 0; rc == KM_OK && i < count; i++) {
			after = page[i].line;
			rc = feed_row(v, feed, &key, &page[i]);
			waits |= rc == KM_EAGAIN;
			rc = rc == KM_EAGAIN ? KM_OK : rc;
		}
	}
	return rc == KM_OK && waits ? KM_EAGAIN : rc;
}

static km_rc finish(struct vault *v, struct km_feed *feed)
{
	struct km_event_record r;
	km_rc rc = register_rehired(v, feed);

	if (rc != KM_OK)
		return rc;
	event_make(&r, KM_EVENT_FEED_DONE, NULL, "vault");
	event_add_number(&r, "feed", (int64_t)feed->id);
	if (v->feed.skipped)
		event_add_number(&r, "skipped", (int64_t)v->feed.skipped);
	rc = store_feed_finish(v->store, feed, &r);
	if (rc == KM_OK)
		note_event(v, &r);
	return rc;
}

/* --- one slice ---------------------------------------------------------------------------------
 */

static km_rc slice(struct vault *v)
{
	struct km_feed feed;
	bool waits;
	km_rc rc = store_feed(v->store, v->feed.working, &feed);

	if (rc == KM_ENOTFOUND || (rc == KM_OK && feed.state != KM_FEED_ACCEPTED)) {
		v->feed.unseen = true;
		return KM_OK;
	}
	if (rc == KM_OK && feed.worked < AT_MISSING)
		rc = carry_out_rows(v, &feed);
	else if (rc == KM_OK && feed.worked < AT_REHIRED)
		rc = v->suspicion ? KM_EAGAIN : suspend_missing(v, &feed);
	else if (rc == KM_OK)
		rc = finish(v, &feed);
	/* Who need not wait was registered. From a day that is in doubt no wait is counted, and who
	 * is missing is refused by the roster itself until then. */
	waits = rc == KM_EAGAIN;
	if (rc == KM_OK || waits)
		rc = flush(v);
	if (rc != KM_OK || waits)
		return rc == KM_OK ? KM_EAGAIN : rc;
	v->feed.at = feed.worked;
	if (feed.state == KM_FEED_DONE) {
		v->feed.working = 0;
		v->feed.skipped = 0;
		v->feed.sweep = true;
		epoch_look(v); /* copies of its rows end with the epoch */
	}
	return KM_OK;
}

/* --- what must go ------------------------------------------------------------------------------
 */

km_rc feed_drop_staged(struct vault *v)
{
	struct km_feed feed;
	km_rc rc = store_feed_in(v->store, KM_FEED_STAGED, KM_FEED_STAGED, &feed);

	if (rc == KM_OK)
		rc = store_feed_drop(v->store, &feed, NULL);
	if (rc != KM_OK && rc != KM_ENOTFOUND)
		return rc;
	v->feed.sweep = true;
	return KM_OK;
}

static km_rc sweep(struct vault *v)
{
	km_rc rc = store_stage_sweep(v->store, SWEEP);

	if (rc == KM_ENOTFOUND)
		v->feed.sweep = false;
	return rc == KM_OK || rc == KM_ENOTFOUND ? flush(v) : rc;
}

void feed_look(struct vault *v)
{
	struct km_feed feed = { .id = 0 };
	km_rc rc = store_feed_in(v->store, KM_FEED_STAGED, KM_FEED_ACCEPTED, &feed);

	v->feed.unseen = rc != KM_OK && rc != KM_ENOTFOUND;
	if (v->feed.unseen)
		return;
	v->feed.working = feed.state == KM_FEED_ACCEPTED ? feed.id : 0;
	v->feed.waiting = feed.state == KM_FEED_WAITING ? feed.id : 0;
	v->feed.stray = feed.state == KM_FEED_STAGED && feed.id != v->roster.feed.id;
	v->feed.at = feed.worked;
	v->feed.sweep = true; /* nobody knows how far the last one came */
}

/* What nobody hands in any more, and what is left of it. */
static km_rc tidy(struct vault *v, bool *more)
{
	km_rc rc = KM_OK;

	roster_clear(v);
	if (v->feed.stray) {
		rc = feed_drop_staged(v);
		v->feed.stray = rc != KM_OK;
	}
	if (rc == KM_OK)
		rc = feed_wait(v);
	if (rc == KM_OK)
		rc = flush(v);
	/* What nobody can open any more can wait; who hands in the next roster does not. */
	if (rc == KM_OK && v->feed.sweep && !v->feed.working && !v->roster.line) {
		rc = sweep(v);
		*more |= v->feed.sweep;
	}
	return rc;
}

bool feed_work(struct vault *v)
{
	bool more = false;
	km_rc rc;

	if (v->feed.unseen)
		feed_look(v);
	/* A store that may not be ours is not worked at. What a clock in doubt says is due is not
	 * destroyed before somebody has looked, but whoever left is refused. */
	if (v->feed.unseen || !v->anchored || v->now.boot_ms < v->feed.again_ms ||
	    (v->suspicion & (KM_SUSPECT_MACHINE | KM_SUSPECT_ROLLBACK)))
		return false;
	rc = tidy(v, &more);
	if (rc == KM_OK && v->feed.working) {
		if (pace_may(v)) {
			rc = slice(v);
			pace_worked(v);
		}
		more |= v->feed.working != 0;
	}
	/* A slice is done whole, with how far it came, or not at all. */
	if (rc != KM_OK && rc != KM_EAGAIN) {
		pace_undo(v);
		v->feed.unseen = true; /* what was dropped is there again */
	}
	if (rc == KM_OK) {
		v->feed.stuck = false;
		return more;
	}
	v->feed.again_ms = v->now.boot_ms + AGAIN_MS;
	if (rc != KM_EAGAIN && !v->feed.stuck) {
		km_log(LOG_ERR, "a roster could not be worked at (%s); it goes on by itself",
		       km_rc_text(rc, KM_LANG_EN));
		v->feed.stuck = true;
	}
	return false;
}
