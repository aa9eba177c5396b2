/*
 * Rosters in the store: one at a time is staged, waits, or is worked off. Each
 * call is one operation, durable with the next flush.
 */
#ifndef KENMON_VAULT_STORE_FEED_H
#define KENMON_VAULT_STORE_FEED_H

#include <kenmon/people.h>
#include <kenmon/store.h>

enum km_feed_state {
	KM_FEED_STAGED = 1,
	KM_FEED_WAITING = 2,
	KM_FEED_ACCEPTED = 3,
	KM_FEED_DONE = 4,
};

struct km_feed {
	uint64_t id;
	uint8_t ref[KM_SUBJECT_BYTES]; /* of its key */
	uint8_t digest[32];
	int64_t made;
	bool whole;
	uint8_t state; /* enum km_feed_state */
	uint64_t lines;
	uint64_t upto;     /* the largest operator.cursor when it was begun */
	uint64_t worked;   /* feed.c says what it counts */
	uint64_t erasures; /* so many it would bring, suspensions of the missing included */
	int64_t accepted;  /* 0: not */
	bool released;     /* somebody has looked at its erasures: the brake does not hold them */
	uint8_t requester[KM_SUBJECT_BYTES];
	uint8_t approver[KM_SUBJECT_BYTES];
	uint8_t mac[KM_ROW_MAC_BYTES]; /* as it was read: what is changed is what was seen */
};

#define KM_STAGE_BYTES 768 /* of a row; 640 are needed (roster_row.h) */

/* One row as it lies in the table. */
struct km_staged {
	uint64_t feed;
	uint32_t line;
	uint64_t cursor; /* of whom it is about; 0: nobody who is registered, or of one rehired */
	uint8_t subject[KM_SUBJECT_BYTES]; /* zeros: nobody who is registered */
	uint8_t outcome;                   /* enum km_outcome */
	int64_t day;
	uint16_t sealed_len;
	uint8_t sealed[KM_STAGE_BYTES + KM_SEAL_OVERHEAD];
};

/* Begins one, under a new key. in: digest, made, whole, requester. KM_ESTATE: there is another. */
KM_MUST_CHECK km_rc store_feed_begin(struct km_store *, const struct km_feed *in,
				     struct km_feed *out);
/* KM_ENOTFOUND. */
KM_MUST_CHECK km_rc store_feed(struct km_store *, uint64_t id, struct km_feed *out);
/* The newest whose state lies between these two. KM_ENOTFOUND. */
KM_MUST_CHECK km_rc store_feed_in(struct km_store *, enum km_feed_state least,
				  enum km_feed_state most, struct km_feed *out);
/* Writes what may change: state, lines, worked, erasures, accepted, released, requester, approver.
 * KM_ESTATE: the row is not as it was read. The event may be NULL. */
KM_MUST_CHECK km_rc store_feed_change(struct km_store *, struct km_feed *,
				      const struct km_event_record *event);
/* It is worked off: its key is destroyed, and what is left of its rows is noise. */
KM_MUST_CHECK km_rc store_feed_finish(struct km_store *, struct km_feed *,
				      const struct km_event_record *event);
/* The same, and the feed is no more. The event may be NULL. */
KM_MUST_CHECK km_rc store_feed_drop(struct km_store *, const struct km_feed *,
				    const struct km_event_record *event);

/* Its key, to stage and to open rows with. */
KM_MUST_CHECK km_rc store_feed_key(struct km_store *, const struct km_feed *,
				   struct km_subject_key *key);
/* Seals and inserts one row: all but what is sealed is in *row. KM_EEXIST: there is this line. */
KM_MUST_CHECK km_rc store_stage_put(struct km_store *, const struct km_feed *,
				    const struct km_subject_key *key, struct km_staged *row,
				    const void *plain, size_t len);
/*
 * The same within run, which changes nothing else: all of its rows are there afterwards, or none. A
 * savepoint for each row would copy each page that it changes.
 */
KM_MUST_CHECK km_rc store_stage_add(struct km_store *, const struct km_feed *,
				    const struct km_subject_key *key, struct km_staged *row,
				    const void *plain, size_t len);
KM_MUST_CHECK km_rc store_stage_slice(struct km_store *, km_rc (*run)(void *arg), void *arg);
KM_MUST_CHECK km_rc store_stage_open(struct km_store *, const struct km_feed *,
				     const struct km_subject_key *key, const struct km_staged *row,
				     void *plain, size_t cap, size_t *len);
/* Up to limit rows with line above after. */
KM_MUST_CHECK km_rc store_stage_page(struct km_store *, uint64_t feed, uint32_t after, size_t limit,
				     struct km_staged *out, size_t *count);
/* The same, of those rehired: subject is whose login they take over. */
KM_MUST_CHECK km_rc store_stage_rehired(struct km_store *, uint64_t feed, uint32_t after,
					size_t limit, struct km_staged *out, size_t *count);
/* KM_ENOTFOUND: there is no such line. */
KM_MUST_CHECK km_rc store_stage_delete(struct km_store *, uint64_t feed, uint32_t line);
/* Does a request of this act wait? KM_ENOTFOUND: none. */
KM_MUST_CHECK km_rc store_requested(struct km_store *, unsigned act);
/* The row about a subject, without what is sealed. KM_ENOTFOUND costs the same. */
KM_MUST_CHECK km_rc store_stage_of(struct km_store *, uint64_t feed, const struct km_operator *op,
				   struct km_staged *out);

#define KM_OUTCOMES 11
/* How many rows of each outcome. */
KM_MUST_CHECK km_rc store_stage_counts(struct km_store *, uint64_t feed,
				       uint64_t count[KM_OUTCOMES]);
/* Up to limit operators, cursor above after, whom it does not name and of whom no erasure is due.
 */
KM_MUST_CHECK km_rc store_feed_missing(struct km_store *, const struct km_feed *, uint64_t after,
				       size_t limit, struct km_operator *out, size_t *count);
/* Deletes up to limit rows of feeds that are over. KM_ENOTFOUND: there are none. */
KM_MUST_CHECK km_rc store_stage_sweep(struct km_store *, size_t limit);

/* --- people, as a roster knows them --------------------------------------------------- */

/*
 * who: zeros of one who is being erased, or whose key is gone. KM_ENOTFOUND: nobody has this
 * employee number. KM_EREUSED: somebody erased had it. KM_ECORRUPT: also where it is sealed as
 * another's.
 */
KM_MUST_CHECK km_rc store_operator_by_number(struct km_store *, const char *number,
					     struct km_operator *out, struct km_person *who);
/* Tags of all departments that somebody is in, each called back once. */
KM_MUST_CHECK km_rc store_departments(struct km_store *,
				      void (*take)(void *arg, const uint8_t tag[KM_TAG_BYTES]),
				      void *arg);

#endif
