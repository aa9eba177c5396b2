/*
 * What is due for whom on which day, and the days on which the vault ran. Part
 * of the store: each call is one operation, durable with the next flush.
 */
#ifndef KENMON_VAULT_STORE_DUE_H
#define KENMON_VAULT_STORE_DUE_H

#include <kenmon/people.h>
#include <kenmon/store.h>

struct km_due_row {
	uint64_t id;
	uint8_t subject[KM_SUBJECT_BYTES];
	uint8_t what;  /* enum km_due */
	uint8_t cause; /* enum km_cause */
	int64_t day;   /* civil day */
	int64_t filed; /* wall seconds: since when that is known */
	uint64_t feed; /* by which roster; 0: none */
	bool released; /* an erasure: the brake does not hold it. A suspension: it was carried out,
			  and a later roster may end it */
	uint8_t requester[KM_SUBJECT_BYTES];
	uint8_t approver[KM_SUBJECT_BYTES];
};

/* A transfer that somebody ordered for this one: rosters and rules have other rows, or a number. */
static inline bool due_by_hand(const struct km_due_row *due)
{
	return due->cause == KM_CAUSE_TRANSFERRED && !due->feed;
}

/*
 * In the place of one of the same subject and kind, which lends it its `filed` where the cause is
 * the same. id is the store's. KM_EINVAL: what, cause or day are none. The event may be NULL where
 * another one of the same batch says it.
 */
KM_MUST_CHECK km_rc store_due_set(struct km_store *, const struct km_due_row *,
				  const struct km_event_record *event);
/* KM_ENOTFOUND. */
KM_MUST_CHECK km_rc store_due_of(struct km_store *, const uint8_t subject[KM_SUBJECT_BYTES],
				 enum km_due what, struct km_due_row *out);
/* KM_ENOTFOUND: there was none. */
KM_MUST_CHECK km_rc store_due_drop(struct km_store *, const uint8_t subject[KM_SUBJECT_BYTES],
				   enum km_due what, const struct km_event_record *event);
/* Up to limit of those that are still to happen, with id above after. */
KM_MUST_CHECK km_rc store_dues(struct km_store *, uint64_t after, size_t limit,
			       struct km_due_row *out, size_t *count);
/* Up to limit erasures whose day has come by today, or of them only those that are released. */
KM_MUST_CHECK km_rc store_dues_ready(struct km_store *, int64_t today, bool released, size_t limit,
				     struct km_due_row *out, size_t *count);

/*
 * Who was missing, unused or over when a copy was made may have come back since: nobody else knows.
 * Not before so many days from now, and for the brake anew; state and dates refuse them meanwhile.
 */
KM_MUST_CHECK km_rc due_spare(struct km_store *, const uint8_t subject[KM_SUBJECT_BYTES],
			      int64_t days, const struct km_event_record *event);

/* The first day on which an erasure is due. KM_ENOTFOUND: none is. */
KM_MUST_CHECK km_rc store_due_first(struct km_store *, int64_t *day);

struct km_due_counts {
	uint64_t ready;   /* erasures whose day has come */
	uint64_t braked;  /* and so many of them not released */
	uint64_t week;    /* erasures of the next seven days */
	uint64_t missing; /* suspensions since `since` of who was missing from a roster */
	uint64_t erased;  /* erasures since then, but those by hand and for a withdrawn consent */
};
KM_MUST_CHECK km_rc store_due_counts(struct km_store *, int64_t today, int64_t since,
				     struct km_due_counts *out);
/*
 * SHA-256 over the subjects, sorted, of the erasures whose day has come by today and that are not
 * released. No more memory for many than for one. KM_ECORRUPT: one is not as it was written.
 */
KM_MUST_CHECK km_rc store_due_held(struct km_store *, int64_t today, uint8_t set[32]);
/*
 * Lets every erasure go whose day has come by today; approver: the second person, zeros where there
 * is none. *count says how many.
 */
KM_MUST_CHECK km_rc store_due_release(struct km_store *, int64_t today,
				      const uint8_t approver[KM_SUBJECT_BYTES], uint64_t *count,
				      const struct km_event_record *event);

/* The vault runs on this day. Cheap where that is known. */
KM_MUST_CHECK km_rc store_run_day(struct km_store *, int64_t day);
/* On how many days after this one it ran, counted up to most. */
KM_MUST_CHECK km_rc store_run_days(struct km_store *, int64_t after, unsigned most,
				   unsigned *count);
/* The day after which it ran on n days, the newest. KM_ENOTFOUND: it has not run on so many. */
KM_MUST_CHECK km_rc store_run_cutoff(struct km_store *, unsigned n, int64_t *day);

#endif
