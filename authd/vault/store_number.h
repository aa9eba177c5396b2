/*
 * Credentials of kind sms and voice: a telephone number, sealed under the operator's key as a seed
 * is. Of each kind an operator has one that is good, and one that waits at most. Calls are atomic
 * and errors those of <kenmon/store.h>.
 */
#ifndef KENMON_VAULT_STORE_NUMBER_H
#define KENMON_VAULT_STORE_NUMBER_H

#include <kenmon/factor.h>
#include <kenmon/order.h>
#include <kenmon/store.h>

/*
 * in: subject, factor SMS or VOICE, label, waiting; number: E.164, or KM_EINVAL. One that is good
 * takes the place of the good one, one that waits that of the one that waits. The event gets the
 * credential's number, and before it that of what it replaces. KM_ELIMIT as for a code.
 */
KM_MUST_CHECK km_rc store_enrol_phone(struct km_store *, const struct km_operator *op,
				      const struct km_credential *in, const char *number,
				      struct km_event_record *event, uint64_t *id);
/* Opens the number of a credential. KM_ECORRUPT when it does not open, or is none. */
KM_MUST_CHECK km_rc store_phone_number(struct km_store *, const struct km_operator *op,
				       const struct km_credential *,
				       char number[KM_NUMBER_MAX + 1]);
/* The good one of this kind; KM_ENOTFOUND. */
KM_MUST_CHECK km_rc store_phone_of(struct km_store *, const uint8_t subject[KM_SUBJECT_BYTES],
				   unsigned factor, struct km_credential *out);

/*
 * A number that took another's place is told to the operator at their next login. moving, which a
 * telephone does not need otherwise, says whether that is still to come.
 */
static inline bool store_phone_untold(const struct km_credential *c)
{
	return km_factor_class(c->factor) == KM_CLASS_PHONE && !c->waiting && c->moving == 0;
}
/* It was. */
KM_MUST_CHECK km_rc store_phone_told(struct km_store *, const uint8_t subject[KM_SUBJECT_BYTES],
				     uint64_t credential);

#endif
