/*
 * What is due happens on its day by itself, also where the vault was off on that
 * day: never while anything is in doubt, and never more than a tenth of all within
 * a day unless somebody has looked. Up to a slice of erasures begins with one flush;
 * erase.c carries on.
 */
#include "due.h"

#include <string.h>

#include <kenmon/log.h>

#include "founding.h"
#include "vault.h"

#define LOOK_MS    60000 /* how often what is held or waits is looked at */
#define AGAIN_MS   1000  /* after a failure */
#define BRAKE_LESS 3     /* so many may always go */
#define BRAKE_PART 10    /* and one in so many */
#define DAY        86400
#define KEPT_BRAKE "brake"

/* --- events and rows -------------------------------------------------------------------------- */

void due_event_by(struct km_event_record *r, const uint8_t requester[KM_SUBJECT_BYTES],
		  const uint8_t approver[KM_SUBJECT_BYTES])
{
	static const uint8_t nobody[KM_SUBJECT_BYTES];

	if (memcmp(requester, nobody, sizeof nobody) != 0)
		event_add_subject(r, "requester", requester);
	if (memcmp(approver, nobody, sizeof nobody) != 0)
		event_add_subject(r, EVENT_APPROVER, approver);
}

static void describe(struct km_event_record *r, const struct km_due_row *row)
{
	char day[16];

	km_day_format(row->day, day);
	event_add(r, "what", row->what == KM_DUE_ERASE ? "erase" : "suspend");
	event_add(r, "cause", km_cause_word(row->cause));
	event_add(r, "day", day);
	if (row->feed)
		event_add_number(r, "feed", (int64_t)row->feed);
	due_event_by(r, row->requester, row->approver);
}

void due_event(struct km_event_record *r, const struct km_due_row *row, const char *actor)
{
	event_make(r, KM_EVENT_DUE_SET, row->subject, actor);
	describe(r, row);
}

km_rc due_of(struct vault *v, const uint8_t subject[KM_SUBJECT_BYTES], enum km_due what,
	     struct km_due_row *out)
{
	km_rc rc = store_due_of(v->store, subject, what, out);

	if (rc == KM_ENOTFOUND)
		out->id = 0;
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

km_rc due_put(struct vault *v, const struct km_due_row *row, const struct km_event_record *event)
{
	km_rc rc = store_due_set(v->store, row, event);

	if (rc != KM_OK)
		return rc;
	if (event)
		note_event(v, event);
	if (row->what == KM_DUE_ERASE && (v->due.first == DUE_NONE || row->day < v->due.first))
		v->due.first = row->day;
	v->due.look_ms = 0;
	return KM_OK;
}

km_rc due_drop(struct vault *v, const struct km_due_row *row, const char *actor)
{
	struct km_event_record r;
	km_rc rc;

	event_make(&r, KM_EVENT_DUE_DROPPED, row->subject, actor);
	describe(&r, row);
	rc = store_due_drop(v->store, row->subject, (enum km_due)row->what, &r);
	if (rc == KM_OK)
		note_event(v, &r);
	return rc;
}

/* --- the brake ---------------------------------------------------------------------------------
 */

static bool is_many(uint64_t gone, uint64_t of)
{
	return gone > BRAKE_LESS && gone * BRAKE_PART > of;
}

static km_rc counts_now(struct vault *v, struct km_due_counts *due)
{
	return store_due_counts(v->store, v->now.today, v->now.wall - DAY, due);
}

static km_rc too_many(struct vault *v, const struct km_due_counts *due, uint64_t more, bool *many)
{
	uint64_t all = 0;
	km_rc rc = store_count_operators(v->store, &all);

	if (rc == KM_OK)
		*many = is_many(more + due->braked + due->erased + due->missing, all + due->erased);
	return rc;
}

km_rc due_too_many(struct vault *v, uint64_t more, bool *many)
{
	struct km_due_counts due;
	km_rc rc = counts_now(v, &due);

	return rc == KM_OK ? too_many(v, &due, more, many) : rc;
}

/* Said once, whatever is started again meanwhile. */
static km_rc keep_brake(struct vault *v, bool held, uint64_t count)
{
	const uint8_t value = held;
	struct km_event_record r;
	km_rc rc;

	if (held == v->due.held)
		return KM_OK;
	event_make(&r, KM_EVENT_BRAKE, NULL, "vault");
	event_add_number(&r, "erasures", (int64_t)count);
	rc = store_meta_set(v->store, KEPT_BRAKE, &value, sizeof value, held ? &r : NULL);
	if (rc != KM_OK)
		return rc;
	if (held)
		note_event(v, &r);
	v->due.held = held;
	return KM_OK;
}

/* Are there more than may go by themselves? */
static km_rc weigh(struct vault *v, const struct km_due_counts *due)
{
	bool many = false;
	km_rc rc = due->braked ? too_many(v, due, 0, &many) : KM_OK;

	return rc == KM_OK ? keep_brake(v, many, due->braked) : rc;
}

/* --- carrying out -------------------------------------------------------------------------------
 */

/* Has this one still to go? Dates and use are looked at once more. */
static km_rc still_due(struct vault *v, const struct km_due_row *row, const struct km_operator *op,
		       bool *due, struct km_due_row *later)
{
	unsigned ran = 0;
	int64_t day = 0;
	km_rc rc = KM_OK;

	*due = true;
	*later = *row;
	if (row->cause == KM_CAUSE_EXPIRED && !row->feed)
		*due = op->valid_until != KM_DAY_NONE && op->valid_until < v->now.today;
	if (row->cause != KM_CAUSE_UNUSED)
		return KM_OK;
	/* Days on which nobody could log in are no days without a login. */
	rc = km_day_at(row->filed, &day);
	if (rc == KM_OK)
		rc = store_run_days(v->store, day, v->conf.unused.erase_after, &ran);
	*due = op->last_login <= row->filed && op->state == KM_SUSPENDED;
	if (rc == KM_OK && *due && ran < v->conf.unused.erase_after)
		later->day = v->now.today + v->conf.unused.erase_after - ran;
	return rc;
}

static void wish_for(struct erase_wish *wish, const struct km_due_row *row)
{
	*wish =
	    (struct erase_wish){ .order = { .cause = row->cause, .by_hand = due_by_hand(row) } };
	memcpy(wish->subject, row->subject, sizeof wish->subject);
	memcpy(wish->order.requester, row->requester, sizeof wish->order.requester);
	memcpy(wish->order.approver, row->approver, sizeof wish->order.approver);
	event_make(&wish->event, KM_EVENT_ERASE_BEGUN, row->subject, "vault");
	describe(&wish->event, row);
}

/* *wanted: it is to be erased now. Else its row has gone, has a later day, or is held. */
static km_rc look_at(struct vault *v, const struct km_due_row *row, bool *wanted, bool *held)
{
	struct km_due_row later;
	struct km_operator op;
	bool due = true;
	km_rc rc = store_operator_by_subject(v->store, row->subject, &op);

	*wanted = *held = false;
	if (rc == KM_ENOTFOUND || (rc == KM_OK && op.state == KM_ERASING))
		return store_due_drop(v->store, row->subject, KM_DUE_ERASE, NULL);
	if (rc == KM_OK)
		rc = still_due(v, row, &op, &due, &later);
	if (rc == KM_OK && !due)
		return due_drop(v, row, "vault");
	if (rc == KM_OK && later.day != row->day)
		return due_put(v, &later, NULL);
	/* It stays, and refuses; the status says that another is needed first. */
	if (rc == KM_OK)
		rc = founding_last(v, &op, held);
	*wanted = rc == KM_OK && !*held;
	return rc;
}

static void say_damaged(struct vault *v)
{
	if (!v->due.damaged)
		km_log(LOG_ALERT,
		       "somebody whose day has come cannot be erased: something else has changed "
		       "rows of theirs; they are refused; restore vault.db from a backup");
	v->due.damaged = true;
}

static km_rc carry_out_slice(struct vault *v, size_t *count)
{
	static struct km_due_row slice[ERASE_SLICE]; /* one at a time: the vault has one thread */
	static struct erase_wish wish[ERASE_SLICE];
	size_t wishes = 0, holds = 0;
	bool begun = false;
	km_rc rc = store_dues_ready(v->store, v->now.today, v->due.held, ERASE_SLICE, slice, count);

	for (size_t i = 0; rc == KM_OK && i < *count; i++) {
		bool wanted = false, held = false;

		rc = look_at(v, &slice[i], &wanted, &held);
		if (rc == KM_ECORRUPT) {
			say_damaged(v);
			held = true;
			rc = KM_OK;
		}
		holds += held;
		if (rc == KM_OK && wanted)
			wish_for(&wish[wishes++], &slice[i]);
	}
	if (rc == KM_OK && wishes > 0)
		rc = erase_begin_many(v, wish, wishes, *count == ERASE_SLICE);
	/* One whose rows are damaged stands in nobody's way, and in the log. */
	for (size_t i = 0; rc == KM_OK && i < wishes; i++) {
		if (wish[i].rc == KM_OK)
			begun = true;
		else
			say_damaged(v);
	}
	if ((wishes > 0 && !begun) || holds == *count)
		*count = 0;
	if (rc == KM_OK && store_dirty(v->store))
		rc = store_flush(v->store);
	if (rc == KM_OK)
		note_settle(v, true);
	return rc;
}

static km_rc first_day(struct vault *v)
{
	int64_t first = DUE_NONE;
	km_rc rc = store_due_first(v->store, &first);

	if (rc == KM_OK || rc == KM_ENOTFOUND)
		v->due.first = rc == KM_OK ? first : DUE_NONE;
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

void due_look(struct vault *v)
{
	uint8_t held = 0;
	size_t len = sizeof held;
	km_rc rc = store_meta_get(v->store, KEPT_BRAKE, &held, &len);

	if (rc == KM_ENOTFOUND)
		rc = KM_OK;
	if (rc == KM_OK)
		rc = first_day(v);
	v->due.looked = rc == KM_OK;
	v->due.held = held != 0;
	v->due.going = false;
	/* Whatever it is: until it can be read, everybody is looked up. */
	if (rc != KM_OK)
		v->due.first = 1;
}

/* Is there anything to look at now? */
static bool is_time(const struct vault *v)
{
	return v->due.first != DUE_NONE && v->due.first <= v->now.today &&
	       v->now.boot_ms >= v->due.look_ms;
}

static km_rc carry_out(struct vault *v, bool *more)
{
	struct km_due_counts due;
	size_t count = 0;
	km_rc rc;

	if (!is_time(v))
		return KM_OK;
	*more = true;
	if (!pace_may(v))
		return KM_OK;
	rc = counts_now(v, &due);
	if (rc == KM_OK)
		rc = weigh(v, &due);
	if (rc == KM_OK)
		rc = carry_out_slice(v, &count);
	if (rc == KM_OK)
		rc = first_day(v);
	if (rc != KM_OK)
		return rc;
	v->due.going = count == ERASE_SLICE;
	v->due.look_ms = v->due.going ? 0 : v->now.boot_ms + LOOK_MS;
	if (v->due.going)
		pace_worked(v);
	return KM_OK;
}

/* What is in the queue does not wait for what cannot be found. */
static km_rc work(struct vault *v, bool *more)
{
	km_rc found = due_find(v, more), rc;

	if (found != KM_OK)
		pace_undo(v);
	rc = carry_out(v, more);
	if (rc != KM_OK)
		pace_undo(v);
	return rc == KM_OK ? found : rc;
}

bool due_work(struct vault *v)
{
	bool more = false;
	km_rc rc;

	if (!v->due.looked)
		due_look(v);
	/* Nothing is destroyed while anything is in doubt, or before the judge has said what it
	 * knows; a batch that is being erased comes first. */
	if (v->suspicion || !v->anchored || (v->erasing && !v->due.going) ||
	    (v->due.stuck && v->now.boot_ms < v->due.look_ms))
		return false;
	rc = work(v, &more);
	if (rc == KM_OK) {
		v->due.stuck = false;
		return more || v->erasing;
	}
	if (!v->due.stuck)
		km_log(LOG_ERR, "what is due could not be carried out (%s); it is tried again",
		       km_rc_text(rc, KM_LANG_EN));
	v->due.stuck = true;
	v->due.looked = false;
	v->due.look_ms = v->now.boot_ms + AGAIN_MS;
	return false;
}
