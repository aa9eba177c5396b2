/*
 * Erasure after its first step: T1 (the key's row is gone) was one commit with
 * the decision; from then on nothing of the operator opens. The rest is done
 * step by step, each durable before the next, and goes on after a crash: so many
 * operators at once, between logins, so that a third of the staff on one day costs
 * nobody a login. Nobody hears that it is done before the logs, too, have forgotten
 * the keys. A template that is lent is taken back first, and who waits for that,
 * until the matcher has said that it is wiped or has lost its link, keeps nobody else
 * waiting.
 */
#include <string.h>

#include <kenmon/log.h>

#include "grant.h"
#include "vault.h"

#define MORE_MS 1000 /* so long after the last of many the rest of the work begins */

/* --- the first step, of many -------------------------------------------------------- */

static bool is_its_own(km_rc rc)
{
	return rc == KM_ENOTFOUND || rc == KM_ESTATE || rc == KM_ECORRUPT || rc == KM_EINVAL;
}

km_rc erase_begin_many(struct vault *v, struct erase_wish *wish, size_t count, bool more)
{
	bool begun = false;

	if (v->suspicion)
		return KM_ESUSPECT;
	if (count > ERASE_SLICE)
		return KM_ELIMIT;
	ballast_give(v);
	for (size_t i = 0; i < count; i++) {
		struct erase_wish *w = &wish[i];

		w->rc = store_erase_begin(v->store, w->subject, &w->order, &w->event);
		if (w->rc != KM_OK && !is_its_own(w->rc))
			return w->rc;
		if (w->rc == KM_OK)
			note_event(v, &w->event);
		begun |= w->rc == KM_OK;
	}
	v->erasing |= begun;
	v->erase.more_ms = more ? v->now.boot_ms : 0;
	return KM_OK;
}

/* --- the rest ------------------------------------------------------------------------ */

struct slice {
	bool full;
	size_t count;
	struct km_erasing row[ERASE_SLICE];
};

/* Those after the last slice, without whom the matcher still has something of. */
static km_rc next_slice(struct vault *v, struct slice *s)
{
	size_t found = 0;
	km_rc rc = store_erasing(v->store, v->erase.after, ERASE_SLICE, s->row, &found);

	if (rc != KM_OK)
		return rc;
	s->full = found == ERASE_SLICE;
	s->count = 0;
	for (size_t i = 0; i < found; i++) {
		const struct km_erasing *row = &s->row[i];

		v->erase.after = row->cursor;
		v->erase.damaged |= row->damaged;
		if (row->damaged)
			continue;
		grants_end_of(v, row->subject);
		if (grants_returning(v, row->subject))
			v->erase.waits = true;
		else
			s->row[s->count++] = *row;
	}
	return KM_OK;
}

static km_rc one_step(struct vault *v, const struct slice *s,
		      km_rc (*step)(struct vault *v, const uint8_t subject[KM_SUBJECT_BYTES]))
{
	for (size_t i = 0; i < s->count; i++) {
		km_rc rc = step(v, s->row[i].subject);

		if (rc != KM_OK)
			return rc;
	}
	return store_flush(v->store);
}

static km_rc rows_of(struct vault *v, const uint8_t subject[KM_SUBJECT_BYTES])
{
	return store_erase_rows(v->store, subject);
}

static km_rc person_of(struct vault *v, const uint8_t subject[KM_SUBJECT_BYTES])
{
	struct km_event_record r;

	event_make(&r, KM_EVENT_ERASED, subject, "vault");
	return store_erase_finish(v->store, subject, &r);
}

static km_rc erase_slice(struct vault *v, const struct slice *s)
{
	km_rc rc = one_step(v, s, rows_of);

	if (rc == KM_OK)
		rc = one_step(v, s, person_of);
	if (rc != KM_OK)
		return rc;
	for (size_t i = 0; i < s->count; i++) {
		struct km_event_record r;

		event_make(&r, KM_EVENT_ERASED, s->row[i].subject, "vault");
		note_event(v, &r);
	}
	note_settle(v, true);
	return KM_OK;
}

/* Everybody's rows are gone. Ends what was only read, too: no batch stands in the way. */
static km_rc forget(struct vault *v)
{
	km_rc rc = store_flush(v->store);

	return rc == KM_OK ? store_truncate_logs(v->store) : rc;
}

static void failed(struct vault *v, km_rc rc)
{
	if (!v->erase.stuck)
		km_log(LOG_ERR, "an erasure is not finished (%s); it goes on by itself",
		       km_rc_text(rc, KM_LANG_EN));
	v->erase.stuck = true;
	v->erase.after = 0;
	v->erase.waits = v->erase.damaged = false;
	ballast_give(v);
}

static void finished(struct vault *v)
{
	bool damaged = v->erase.damaged;

	if (damaged && !v->erase.said)
		km_log(LOG_ALERT, "somebody who is being erased has a row that something else "
				  "changed; nothing is done to it: restore vault.db from a backup");
	memset(&v->erase, 0, sizeof v->erase);
	v->erase.said = damaged;
	epoch_look(v);
	v->erasing = line_erased(v, damaged ? KM_ECORRUPT : KM_OK);
}

/* The keys of all of them go first. Whoever said so and did not come again is not waited for. */
static bool others_follow(struct vault *v)
{
	bool follow = v->erase.more_ms && v->now.boot_ms - v->erase.more_ms < MORE_MS;

	v->pacing.held |= follow;
	return follow;
}

bool erase_work(struct vault *v)
{
	static struct slice slice; /* one at a time: the vault has one thread */
	km_rc rc;

	if (!v->erasing)
		return false;
	if (!pace_may(v) || others_follow(v))
		return true;
	rc = next_slice(v, &slice);
	if (rc == KM_OK)
		rc = erase_slice(v, &slice);
	if (rc == KM_OK && slice.full) {
		pace_worked(v);
		return true;
	}
	if (rc == KM_OK && v->erase.waits) {
		v->erase.waits = false;
		v->erase.after = 0;
		return false; /* goes on in the round in which that is heard */
	}
	if (rc == KM_OK)
		rc = forget(v);
	if (rc == KM_OK)
		finished(v);
	else
		failed(v, rc);
	return false;
}
