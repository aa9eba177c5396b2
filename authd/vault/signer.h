/* Signers and seals of the trail, between the files of the store. */
#ifndef KENMON_VAULT_SIGNER_H
#define KENMON_VAULT_SIGNER_H

#include "store_internal.h"

/*
 * Makes the signer of the newest generation of the KEK, in one operation, where there is none:
 * the present one seals the end of the chain, signs the new one and is overwritten. The KEK of the
 * present one must still be there. Does nothing where it was done: call it again after a crash.
 */
KM_MUST_CHECK km_rc signer_begin(struct km_store *s);

/* A new signer of this generation from here on, signed by another, or (NULL) by itself. */
KM_MUST_CHECK km_rc signer_make(struct km_store *s, const struct km_head *at,
				const struct stored_signer *by, struct stored_signer *out);
/* Is there a signer whose private part opens? */
KM_MUST_CHECK km_rc signer_check(struct km_store *s);
void signer_forget(struct km_store *s);

/* Reads the columns of SIGNER_PAGE; errors stick to q. */
void take_signer(struct query *q, struct km_signer *out);

/* KM_ECORRUPT: not signed by this key; by the one in the anchor itself. */
KM_MUST_CHECK km_rc signer_verify(const uint8_t chain[16], const struct km_signer *signer,
				  const uint8_t by[KM_PUBLIC_BYTES]);
KM_MUST_CHECK km_rc seal_verify(const struct km_anchor *a);

/* verify_seals.c: the next slice of signers, then of seals, after the records. */
KM_MUST_CHECK km_rc verify_signers(struct km_store *s, struct km_verify *v, size_t count);
KM_MUST_CHECK km_rc verify_seals(struct km_store *s, struct km_verify *v, size_t count);
/* Names the first bad place and ends the verification. */
void verify_bad(struct km_verify *v, uint64_t seq, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
