/* Certificates of what was destroyed, between the files of the store. */
#ifndef KENMON_VAULT_STORE_CERTIFICATE_H
#define KENMON_VAULT_STORE_CERTIFICATE_H

#include <kenmon/erased.h>

#include "store_internal.h"

/* In T1's operation, while the credentials are still there: what is going to be destroyed. */
KM_MUST_CHECK km_rc certificate_begin(struct km_store *s, const struct km_operator *op,
				      const struct km_erase_order *order);
/*
 * In T3's operation, right after its record: done, and where the trail says so. One that is missing
 * or was changed does not keep anything from being destroyed.
 */
KM_MUST_CHECK km_rc certificate_finish(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES]);

/* In the operation that ends an epoch, right after its record. */
KM_MUST_CHECK km_rc epoch_ended(struct km_store *s, uint32_t generation);

/* store_leaver.c: in T1's operation, whose account it was; below 0: of none. */
KM_MUST_CHECK km_rc leaver_note(struct km_store *s, int64_t uid);

#endif
