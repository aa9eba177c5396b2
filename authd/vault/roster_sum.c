/*
 * What a whole roster would do, and whether a second person must look first. One
 * broken export must not destroy what nobody can bring back.
 */
#include <string.h>

#include <kenmon/signature.h>

#include "desk.h"
#include "due.h"
#include "founding.h"

#define SLICE 64

static km_rc scope_of(struct vault *v, struct roster_scope *scope)
{
	return roster_scope(v->keys, &v->conf, scope);
}

km_rc roster_missing(struct vault *v, const struct km_feed *feed, const struct roster_scope *scope,
		     uint64_t *after, size_t limit, struct km_operator *out, size_t *count)
{
	static struct km_operator page[SLICE]; /* one at a time: the vault has one thread */
	size_t got = SLICE, n = 0;
	km_rc rc = KM_OK;

	while (rc == KM_OK && got == SLICE && n < limit) {
		got = 0;
		rc = store_feed_missing(v->store, feed, *after, SLICE, page, &got);
		for (size_t i = 0; rc == KM_OK && i < got && n < limit; i++) {
			*after = page[i].cursor;
			if (roster_covers(scope, page[i].dept_tag))
				out[n++] = page[i];
		}
	}
	km_wipe(page, sizeof page); /* their wrapped keys */
	if (rc == KM_OK)
		*count = n;
	return rc;
}

static km_rc count_missing(struct vault *v, const struct km_feed *feed, struct roster_sum *sum)
{
	static struct km_operator page[SLICE];
	struct roster_scope scope;
	uint64_t after = 0;
	size_t got = SLICE;
	km_rc rc = scope_of(v, &scope);

	while (rc == KM_OK && got == SLICE) {
		rc = roster_missing(v, feed, &scope, &after, SLICE, page, &got);
		for (size_t i = 0; rc == KM_OK && i < got; i++) {
			sum->count[KM_OUTCOME_GONE]++;
			sum->administrators |= founding_administrator(&page[i]);
		}
	}
	km_wipe(page, sizeof page);
	return rc;
}

km_rc roster_sum(struct vault *v, const struct km_feed *feed, struct roster_sum *out)
{
	struct roster_sum sum = { .brake = KM_BRAKE_NONE };
	km_rc rc = store_stage_counts(v->store, feed->id, sum.count);

	if (rc == KM_OK && feed->whole)
		rc = count_missing(v, feed, &sum);
	if (rc == KM_OK)
		*out = sum;
	return rc;
}

uint64_t roster_erasures(const struct roster_sum *sum)
{
	return sum->count[KM_OUTCOME_LEFT] + sum->count[KM_OUTCOME_GONE];
}

/* --- rehired ---------------------------------------------------------------------------------- */

/* Does whoever has this login leave today, by this roster or by what was due before it? */
static km_rc owner_leaves(struct vault *v, const struct km_feed *feed,
			  const uint8_t subject[KM_SUBJECT_BYTES], bool *leaves)
{
	struct km_operator owner;
	struct km_due_row due;
	struct km_staged row;
	km_rc rc = store_operator_by_subject(v->store, subject, &owner);

	*leaves = rc == KM_ENOTFOUND || (rc == KM_OK && owner.state == KM_ERASING);
	if (rc != KM_OK || *leaves)
		return rc == KM_ENOTFOUND ? KM_OK : rc;
	rc = store_stage_of(v->store, feed->id, &owner, &row);
	if (rc == KM_OK && row.outcome == KM_OUTCOME_LEFT)
		*leaves = row.day <= v->now.today;
	if (rc != KM_OK && rc != KM_ENOTFOUND)
		return rc;
	rc = store_due_of(v->store, subject, KM_DUE_ERASE, &due);
	/* One that the brake holds would hold this roster, too. */
	if (rc == KM_OK && due.day <= v->now.today && (due.released || !v->due.held))
		*leaves = true;
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

static km_rc make_wrong(struct vault *v, const struct km_feed *feed,
			const struct km_subject_key *key, struct km_staged *row)
{
	struct roster_row r;
	struct roster_verdict verdict = { 0 };
	uint8_t plain[ROSTER_PACKED];
	size_t len = 0;
	km_rc rc = store_stage_open(v->store, feed, key, row, plain, sizeof plain, &len);

	if (rc == KM_OK)
		rc = roster_unpack(plain, len, &r, &verdict);
	if (rc == KM_OK)
		rc = store_stage_delete(v->store, feed->id, row->line);
	verdict.fault = ROW_LOGIN_TAKEN;
	row->outcome = KM_OUTCOME_WRONG;
	if (rc == KM_OK) {
		len = roster_pack(&r, &verdict, plain);
		rc = store_stage_put(v->store, feed, key, row, plain, len);
	}
	km_wipe(&r, sizeof r);
	km_wipe(plain, sizeof plain);
	return rc;
}

km_rc roster_settle_rehired(struct vault *v, const struct km_feed *feed)
{
	static struct km_staged page[SLICE];
	struct km_subject_key key KM_SUBJECT_KEY = { { 0 } };
	uint32_t after = 0;
	size_t got = SLICE;
	km_rc rc = store_feed_key(v->store, feed, &key);

	while (rc == KM_OK && got == SLICE) {
		rc = store_stage_rehired(v->store, feed->id, after, SLICE, page, &got);
		for (size_t i = 0; rc == KM_OK && i < got; i++) {
			bool leaves = false;

			after = page[i].line;
			rc = owner_leaves(v, feed, page[i].subject, &leaves);
			if (rc == KM_OK && !leaves)
				rc = make_wrong(v, feed, &key, &page[i]);
		}
	}
	return rc;
}

/* --- the brake ----------------------------------------------------------------------------------
 */

/* KM_OK and *holds: there is no key, or the file was signed with it. */
static km_rc signature_holds(const struct vault *v, bool *holds)
{
	const struct roster *r = &v->roster;
	km_rc rc;

	*holds = !v->conf.roster.key.set;
	if (*holds || !r->is_signed)
		return KM_OK;
	rc = km_signature_verify(v->conf.roster.key.bytes, r->feed.digest, sizeof r->feed.digest,
				 r->signature);
	*holds = rc == KM_OK;
	return rc == KM_ECORRUPT ? KM_OK : rc;
}

static km_rc is_older(struct vault *v, bool *older)
{
	struct km_feed last;
	km_rc rc = store_feed_in(v->store, KM_FEED_ACCEPTED, KM_FEED_DONE, &last);

	*older = rc == KM_OK && v->roster.feed.made < last.made;
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

/*
 * What no single person may do by an act on another, none does by a roster: make or unmake
 * administrators. Who only hands in does it nowhere.
 */
static bool is_for_two(const struct vault *v, const struct roster_sum *sum)
{
	return (v->roster.administration || sum->administrators) &&
	       (desk_two_persons(v) || roster_only_hands_in(v, v->roster.line));
}

km_rc roster_brake(struct vault *v, const struct roster_sum *sum, enum km_brake *out)
{
	uint64_t erasures = roster_erasures(sum);
	bool holds = false, older = false, many = false;
	km_rc rc = signature_holds(v, &holds);

	if (rc == KM_OK)
		rc = is_older(v, &older);
	if (rc == KM_OK && erasures > 0)
		rc = due_too_many(v, erasures, &many);
	if (rc != KM_OK)
		return rc;
	*out = KM_BRAKE_NONE;
	if (!holds)
		*out = KM_BRAKE_SIGNATURE;
	else if (v->roster.feed.whole && v->roster.announced == 0)
		*out = KM_BRAKE_CUT;
	else if (older)
		*out = KM_BRAKE_OLDER;
	else if (erasures > 0 && v->suspicion)
		*out = KM_BRAKE_CLOCK;
	else if (many)
		*out = KM_BRAKE_MANY;
	else if (is_for_two(v, sum))
		*out = KM_BRAKE_ROLE;
	/* Where nobody goes, a new department is no sign of a wrong file. */
	else if (erasures > 0 && v->roster.unknown_department)
		*out = KM_BRAKE_DEPARTMENT;
	return KM_OK;
}
