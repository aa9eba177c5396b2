/* Credentials that wait for a second person, and those whose time ends by itself. */
#include <kenmon/store_request.h>

#include "store_internal.h"

#include <string.h>

static km_rc write_active(struct km_store *s, const struct stored_credential *old,
			  const struct km_credential *new)
{
	struct query q QUERY = query_new(s, SQL_CREDENTIAL_ACTIVATE);
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc = row_mac_credential(s, new, mac);

	if (rc)
		return rc;
	query_int(&q, (int64_t) new->moving);
	query_blob(&q, mac, sizeof(mac));
	query_int(&q, (int64_t)old->row.id);
	query_blob(&q, old->mac, sizeof(old->mac));
	rc = query_run(&q);
	return rc == KM_ENOTFOUND ? KM_ECORRUPT : rc;
}

/* KM_OK: a credential of this subject, that waits. */
static km_rc waiting_one(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES], uint64_t id,
			 struct stored_credential *out)
{
	km_rc rc = row_credential(s, id, out);

	if (rc)
		return rc;
	if (memcmp(out->row.subject, subject, KM_SUBJECT_BYTES) != 0)
		return KM_ENOTFOUND;
	return out->row.waiting ? KM_OK : KM_ESTATE;
}

static bool is_phone(const struct km_credential *c)
{
	return km_factor_class(c->factor) == KM_CLASS_PHONE;
}

/* Of codes that are printed an operator has one set, and one bypass; one number of each kind. */
static bool comes_alone(const struct km_credential *c)
{
	return c->factor == KM_FACTOR_RECOVERY || c->factor == KM_FACTOR_BYPASS || is_phone(c);
}

km_rc store_credential_activate(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
				uint64_t id, struct km_event_record *event)
{
	struct store_op step STORE_OP = { 0 };
	struct stored_credential old;
	struct km_credential next;
	km_rc rc = store_op_begin(&step, s, false);

	if (!rc)
		rc = waiting_one(s, subject, id, &old);
	if (rc)
		return rc;
	next = old.row;
	next.waiting = false;
	if (is_phone(&next))
		rc = phone_is_news(s, &next, &next.moving);
	if (!rc)
		rc = write_active(s, &old, &next);
	rows_forget(s);
	if (!rc && comes_alone(&next))
		rc = credential_replace(s, &next, event);
	if (!rc)
		rc = credential_record(s, event, id);
	return rc ? rc : store_op_done(&step);
}

km_rc store_credential_ending(struct km_store *s, uint64_t after, struct km_credential *out)
{
	struct query q QUERY = query_new(s, SQL_CREDENTIAL_ENDING);
	struct stored_credential found;
	km_rc rc;

	query_number(&q, after);
	rc = row_read_credential(s, &q, &found);
	if (!rc)
		*out = found.row;
	return rc;
}
