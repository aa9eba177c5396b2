/* Telephone numbers to which codes are sent. */
#include "store_number.h"
#include "store_internal.h"

#include <string.h>

#include <kenmon/phone.h>

#define TOLD 1 /* moving: the operator knows of this number */

static bool acceptable(const struct km_operator *op, const struct km_credential *in,
		       const char *number)
{
	return memcmp(op->subject, in->subject, KM_SUBJECT_BYTES) == 0 &&
	       km_factor_class(in->factor) == KM_CLASS_PHONE && in->until == 0 &&
	       strnlen(in->label, sizeof(in->label)) < sizeof(in->label) &&
	       km_phone_is_e164(number);
}

km_rc phone_is_news(struct km_store *s, const struct km_credential *by, uint64_t *moving)
{
	struct km_credential good = *by;
	uint64_t id;
	km_rc rc;

	good.waiting = false;
	rc = credential_earlier(s, &good, &id);
	if (rc && rc != KM_ENOTFOUND)
		return rc;
	*moving = rc ? TOLD : 0;
	return KM_OK;
}

km_rc store_enrol_phone(struct km_store *s, const struct km_operator *op,
			const struct km_credential *in, const char *number,
			struct km_event_record *event, uint64_t *id)
{
	struct store_op step STORE_OP = { 0 };
	struct km_secret plain KM_SECRET = { 0 };
	struct km_credential row = *in;
	uint64_t made = 0;
	km_rc rc = acceptable(op, in, number) ? KM_OK : KM_EINVAL;

	row.algorithm = row.digits = 0;
	row.period = 0;
	row.drift = 0;
	row.moving = 0; /* of one that waits: decided when it becomes good */
	if (!rc)
		rc = km_secret_set(&plain, number, strlen(number));
	if (!rc)
		rc = store_op_begin(&step, s, false);
	if (!rc && !row.waiting)
		rc = phone_is_news(s, &row, &row.moving);
	if (!rc)
		rc = credential_replace(s, &row, event);
	if (!rc)
		rc = credential_make(s, &row, plain.len + KM_SEAL_OVERHEAD, &made);
	if (!rc)
		rc = credential_seal(s, op, &row, &plain, made);
	if (!rc)
		rc = credential_record(s, event, made);
	if (!rc)
		rc = store_op_done(&step);
	if (!rc)
		*id = made;
	return rc;
}

km_rc store_phone_number(struct km_store *s, const struct km_operator *op,
			 const struct km_credential *c, char number[KM_NUMBER_MAX + 1])
{
	struct km_secret plain KM_SECRET = { 0 };
	char text[KM_NUMBER_MAX + 1] = "";
	km_rc rc = store_seed(s, op, c, &plain);

	if (!rc && (km_factor_class(c->factor) != KM_CLASS_PHONE || plain.len > KM_NUMBER_MAX))
		rc = KM_ECORRUPT;
	if (!rc)
		memcpy(text, plain.bytes, plain.len);
	if (!rc && (strlen(text) != plain.len || !km_phone_is_e164(text)))
		rc = KM_ECORRUPT;
	if (!rc)
		memcpy(number, text, sizeof(text));
	km_wipe(text, sizeof(text));
	return rc;
}

km_rc store_phone_of(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES], unsigned factor,
		     struct km_credential *out)
{
	struct km_credential all[KM_MAX_CREDENTIALS];
	size_t count = 0;
	km_rc rc = store_credentials(s, subject, all, &count);

	for (size_t i = 0; !rc && i < count; i++) {
		if (all[i].factor != factor || all[i].waiting)
			continue;
		*out = all[i];
		return KM_OK;
	}
	return rc ? rc : KM_ENOTFOUND;
}

km_rc store_phone_told(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
		       uint64_t credential)
{
	struct store_op step STORE_OP = { 0 };
	struct stored_credential old;
	struct km_credential next;
	km_rc rc = store_op_begin(&step, s, false);

	if (!rc)
		rc = row_credential(s, credential, &old);
	if (rc)
		return rc;
	if (memcmp(old.row.subject, subject, KM_SUBJECT_BYTES) != 0 ||
	    !store_phone_untold(&old.row))
		return KM_ENOTFOUND;
	next = old.row;
	next.moving = TOLD;
	rc = row_change_credential(s, &old, &next, true);
	if (rc == KM_ENOTFOUND)
		rc = KM_ECORRUPT;
	return rc ? rc : store_op_done(&step);
}
