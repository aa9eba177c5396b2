/* What waits in the store for a second person: acts, factors, bypasses. */
#ifndef KENMON_STORE_REQUEST_H
#define KENMON_STORE_REQUEST_H

#include <kenmon/store.h>

#define KM_REQUESTS       256 /* that wait at once: one list; who floods it is named in the trail */
#define KM_REQUESTS_ABOUT 8   /* of one requester about one registered person */
#define KM_REQUEST_BYTES  2048 /* of the message; the longest act has 1,024 and its head */
#define KM_DIGEST_BYTES   32   /* SHA-256 */

struct km_filed {
	uint64_t id;
	uint8_t ref[KM_SUBJECT_BYTES];       /* of its key */
	uint8_t act;                         /* enum km_message_number */
	uint8_t subject[KM_SUBJECT_BYTES];   /* zeros: nobody who is registered */
	uint8_t requester[KM_SUBJECT_BYTES]; /* zeros: root */
	int64_t filed, expires;
	uint8_t digest[KM_DIGEST_BYTES]; /* of what the approver sees */
	uint8_t mac[KM_ROW_MAC_BYTES];   /* as it was read: a request is taken once */
};
/*
 * Files one, its message sealed under a key of its own. in: act, subject, requester, expires,
 * digest; the rest comes back with *r, and the event gets the number. KM_ELIMIT: above KM_REQUESTS
 * or KM_REQUESTS_ABOUT.
 */
KM_MUST_CHECK km_rc store_request_file(struct km_store *, struct km_filed *r, const void *message,
				       size_t len, struct km_event_record *event);
/* KM_ENOTFOUND. */
KM_MUST_CHECK km_rc store_request(struct km_store *, uint64_t id, struct km_filed *out);
/* Up to limit requests with id above after. */
KM_MUST_CHECK km_rc store_requests(struct km_store *, uint64_t after, size_t limit,
				   struct km_filed *out, size_t *count);
/* The message; it may hold secrets of a person. KM_ECORRUPT when it does not open. */
KM_MUST_CHECK km_rc store_request_open(struct km_store *, const struct km_filed *, void *message,
				       size_t cap, size_t *len);
/* One that has expired by now, the earliest. KM_ENOTFOUND. */
KM_MUST_CHECK km_rc store_request_expired(struct km_store *, struct km_filed *out);
/* It is decided: row and key are gone. KM_ENOTFOUND: it was taken already. */
KM_MUST_CHECK km_rc store_request_take(struct km_store *, const struct km_filed *,
				       const struct km_event_record *event);

/*
 * What waited becomes good; a set of recovery codes takes the place of the earlier one only now.
 * KM_ENOTFOUND: no such credential of this subject. KM_ESTATE: it does not wait.
 */
KM_MUST_CHECK km_rc store_credential_activate(struct km_store *,
					      const uint8_t subject[KM_SUBJECT_BYTES], uint64_t id,
					      struct km_event_record *event);
/*
 * A bypass: one code in stored form (KM_RECOVERY_LENGTH), good once and until then; it takes the
 * place of an earlier one. KM_EINVAL: no end, or one that has passed.
 */
KM_MUST_CHECK km_rc store_enrol_bypass(struct km_store *, const struct km_operator *op,
				       const struct km_secret *code, int64_t until, bool waiting,
				       struct km_event_record *event, uint64_t *id);
/* The next one with an end, by id. KM_ENOTFOUND: no more. */
KM_MUST_CHECK km_rc store_credential_ending(struct km_store *, uint64_t after,
					    struct km_credential *out);

#endif
