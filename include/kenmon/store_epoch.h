/* Key epochs of the store. */
#ifndef KENMON_STORE_EPOCH_H
#define KENMON_STORE_EPOCH_H

#include <kenmon/store.h>

/*
 * An epoch ends with its KEK. Until then a copy of the databases from before an
 * erasure still opens with the keys of today; afterwards it does not.
 */
struct km_epoch {
	uint32_t generation; /* of the KEK it began with */
	int64_t opened;      /* wall seconds, as all here; 0: with the making of the store */
	int64_t owed;        /* when the first erasure was that older copies still open; 0: none */
	int64_t closing;     /* when its closing began; 0: it has not */
};
/* How far the wrapping anew is; zeroed before the first slice, also after a restart. */
struct km_rewrap {
	uint64_t after, done;
	uint64_t finger;  /* the last credential whose key was looked at */
	bool subjects;    /* those of the operators are done */
	uint64_t damaged; /* keys that do not open, so that nothing may be destroyed */
	bool finished;
};
KM_MUST_CHECK km_rc store_epoch(struct km_store *, struct km_epoch *out);
/* Older copies may hold what is to be destroyed: the epoch is closed after its delay. */
KM_MUST_CHECK km_rc store_epoch_owe(struct km_store *);
/* An administrator wants the present epoch closed at once: owed is KM_EPOCH_NOW from here on. */
#define KM_EPOCH_NOW 1
KM_MUST_CHECK km_rc store_epoch_ask(struct km_store *, const struct km_event_record *event);
/*
 * Closing, in steps that a crash may interrupt; the caller flushes after each. After
 * km_keys_renew(): begin. Then slices until finished; then, with nothing damaged, the logs
 * truncated and km_keys_retire(): end. KM_ESTATE: not now.
 */
KM_MUST_CHECK km_rc store_epoch_begin(struct km_store *, const struct km_event_record *event);
/* The same where the next KEK is there already: what is owed stays owed. */
KM_MUST_CHECK km_rc store_epoch_resume(struct km_store *, const struct km_event_record *event);
KM_MUST_CHECK km_rc store_epoch_slice(struct km_store *, struct km_rewrap *at);
KM_MUST_CHECK km_rc store_epoch_end(struct km_store *, const struct km_event_record *event);

#endif
