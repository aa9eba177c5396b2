/*
 * What the store keeps of people who were erased: a certificate of each
 * (docs/ERASURE.md), the ends of key epochs, and for a week whose account it was.
 */
#ifndef KENMON_ERASED_H
#define KENMON_ERASED_H

#include <kenmon/store.h>

/* What was destroyed: a credential, or (kind 0) the person's data and key. */
#define KM_ITEM_DAMAGED 255 /* kind of a credential whose row was not as we wrote it */
struct km_erased_item {
	uint8_t kind; /* enum km_factor, 0, or KM_ITEM_DAMAGED */
	uint64_t id;
	int64_t created;
};
#define KM_ERASED_ITEMS (KM_MAX_CREDENTIALS + 1)

struct km_certificate {
	uint64_t id;
	uint8_t subject[KM_SUBJECT_BYTES];
	uint8_t emp_tag[KM_TAG_BYTES]; /* zeros: identity.db did not know the person any more */
	struct km_erase_order order;
	int64_t begun;    /* T1: since then nothing of it opens here */
	int64_t finished; /* T3; 0: not yet */
	uint32_t epoch;   /* generation of the KEK whose end ends all copies */
	uint64_t seq;     /* of the record that says it is done; 0: not yet */
	size_t items;
	struct km_erased_item item[KM_ERASED_ITEMS];
	bool damaged; /* only in a list: of such a row nothing counts but id and subject */
};
/* KM_ENOTFOUND. The last one, should an older database have been taken back meanwhile. */
KM_MUST_CHECK km_rc store_certificate(struct km_store *, const uint8_t subject[KM_SUBJECT_BYTES],
				      struct km_certificate *out);
KM_MUST_CHECK km_rc store_certificate_of(struct km_store *, const char *employee_number,
					 struct km_certificate *out);
/* Up to limit of ids above after. */
KM_MUST_CHECK km_rc store_certificates(struct km_store *, uint64_t after, size_t limit,
				       struct km_certificate *out, size_t *count);

struct km_epoch_end {
	uint32_t generation;
	int64_t closed;
	uint64_t seq;
	bool bundles; /* the site has confirmed that the key bundles of this epoch are destroyed */
};
/* KM_ENOTFOUND: it has not ended, or did before version 3. */
KM_MUST_CHECK km_rc store_epoch_ended(struct km_store *, uint32_t generation,
				      struct km_epoch_end *out);
/* Of all epochs that ended before this generation. KM_ENOTFOUND: there is none. */
KM_MUST_CHECK km_rc store_bundles_gone(struct km_store *, uint32_t before,
				       const struct km_event_record *event);

/* Accounts whose live sessions are nobody's any more. Only a hint: these rows carry no MAC. */
#define KM_LEAVERS_KEPT (7 * 86400)
struct km_leaver {
	uint32_t uid;
	int64_t since;
};
/* Erased since then, or with an erasure due by this day; up to limit of uids above after. */
KM_MUST_CHECK km_rc store_leavers(struct km_store *, int64_t since, int64_t day, int64_t after,
				  size_t limit, struct km_leaver *out, size_t *count);
/* Forgets those of more than a week ago. */
KM_MUST_CHECK km_rc store_leavers_prune(struct km_store *);

#endif
