/*
 * What people were told before a biometric was taken, and who agreed to it. Calls are atomic and
 * errors those of <kenmon/store.h>; of an operator who is being erased no row is made any more.
 */
#ifndef KENMON_VAULT_STORE_CONSENT_H
#define KENMON_VAULT_STORE_CONSENT_H

#include <kenmon/store.h>
#include <kenmon/store_request.h>

#define KM_PURPOSE_MAX  8192 /* bytes of a text: some four pages */
#define KM_MAX_CONSENTS 64   /* of one operator: versions of the text, each withdrawn or not */

/* --- the text ------------------------------------------------------------------ */

struct km_purpose {
	uint8_t digest[KM_DIGEST_BYTES]; /* SHA-256 of the text, which names it */
	uint8_t lang;                    /* enum km_lang */
	int64_t first;                   /* when it was first shown */
	size_t len;
	uint8_t text[KM_PURPOSE_MAX];
};

/*
 * Keeps a text, once; the digest is set in any case. The event is written where the text is new
 * (*kept says so). KM_EINVAL: empty, or too long. KM_ECORRUPT: another text lies under its name.
 */
KM_MUST_CHECK km_rc store_purpose_keep(struct km_store *, unsigned lang, const void *text,
				       size_t len, struct km_event_record *event,
				       uint8_t digest[KM_DIGEST_BYTES], bool *kept);
/* KM_ENOTFOUND. KM_ECORRUPT: it is not what its name says. */
KM_MUST_CHECK km_rc store_purpose(struct km_store *, const uint8_t digest[KM_DIGEST_BYTES],
				  struct km_purpose *out);

/* --- consents ------------------------------------------------------------------- */

struct km_consent {
	uint64_t id;
	uint8_t subject[KM_SUBJECT_BYTES];
	uint8_t purpose[KM_DIGEST_BYTES];
	int64_t given;
	bool paper; /* signed on paper, which the desk has seen; else by a code of their own */
	char terminal[65];
	uint8_t witness[KM_SUBJECT_BYTES]; /* who was at the desk; zeros: nobody else, or root */
	int64_t withdrawn;                 /* 0: it stands */
};

/*
 * in: subject, purpose, paper, terminal, witness. KM_ENOTFOUND: no such text, or no such operator.
 * KM_EEXIST: one to this text stands. KM_ELIMIT: above KM_MAX_CONSENTS.
 */
KM_MUST_CHECK km_rc store_consent_add(struct km_store *, const struct km_consent *in,
				      const struct km_event_record *event, uint64_t *id);
/* All of them, oldest first. */
KM_MUST_CHECK km_rc store_consents(struct km_store *, const uint8_t subject[KM_SUBJECT_BYTES],
				   struct km_consent out[KM_MAX_CONSENTS], size_t *count);
/* The newest that stands: to this text, or (purpose NULL) to any. KM_ENOTFOUND: none does. */
KM_MUST_CHECK km_rc store_consent_standing(struct km_store *,
					   const uint8_t subject[KM_SUBJECT_BYTES],
					   const uint8_t *purpose, struct km_consent *out);
/*
 * All that stand are withdrawn, and every finger is removed: its credential and its template, in
 * one transaction; the key epoch is owed its end where there was one. The event gets their number.
 * KM_ENOTFOUND, nothing done: neither consent nor finger is there.
 */
KM_MUST_CHECK km_rc store_consent_withdraw(struct km_store *,
					   const uint8_t subject[KM_SUBJECT_BYTES],
					   struct km_event_record *event, unsigned *fingers);

#endif
