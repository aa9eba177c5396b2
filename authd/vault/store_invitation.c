/*
 * Invitations: a binding code with which an operator enrols a code of their own. Kept as an HMAC
 * under a key derived from the subject's own, like recovery codes, so it ends with that key.
 */
#include "store_invitation.h"

#include <string.h>

#include <kenmon/factor.h>

#include "store_internal.h"

/* Credentials begin at 1: no recovery code has this number in its HMAC. */
#define NO_CREDENTIAL 0

static km_rc row_mac(struct km_store *s, const struct km_invitation *i,
		     uint8_t mac[KM_ROW_MAC_BYTES])
{
	uint8_t row[KM_SUBJECT_BYTES + KM_TAG_BYTES + 4 + 8 + 1];

	memcpy(row, i->subject, KM_SUBJECT_BYTES);
	memcpy(row + KM_SUBJECT_BYTES, i->code, KM_TAG_BYTES);
	keys_put(keys_put(keys_put(row + KM_SUBJECT_BYTES + KM_TAG_BYTES, i->seconds, 4),
			  (uint64_t)i->until, 8),
		 i->tries, 1);
	return km_mac_row(s->keys, "invitation", row, sizeof(row), mac);
}

static km_rc code_mac(struct km_store *s, const struct km_operator *op,
		      const struct km_secret *code, uint8_t out[KM_TAG_BYTES])
{
	struct km_subject_key key KM_SUBJECT_KEY = { 0 };
	km_rc rc = credential_key(s, op, &key);

	return rc ? rc : km_mac_recovery(s->keys, &key, NO_CREDENTIAL, code->bytes, code->len, out);
}

/* --- reading ------------------------------------------------------------------------ */

static km_rc read_row(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
		      struct km_invitation *out, uint8_t mac[KM_ROW_MAC_BYTES])
{
	struct query q QUERY = query_new(s, SQL_INVITATION);
	uint8_t right[KM_ROW_MAC_BYTES];
	struct km_invitation found = { 0 };
	km_rc rc;

	query_blob(&q, subject, KM_SUBJECT_BYTES);
	rc = query_row(&q);
	if (rc)
		return rc;
	query_get_blob(&q, found.subject, sizeof(found.subject));
	query_get_blob(&q, found.code, sizeof(found.code));
	found.seconds = (uint32_t)query_get_number(&q, UINT32_MAX);
	found.until = query_get_int(&q);
	found.tries = (uint8_t)query_get_number(&q, UINT8_MAX);
	query_get_blob(&q, mac, KM_ROW_MAC_BYTES);
	rc = q.rc ? q.rc : row_mac(s, &found, right);
	rc = row_same_mac(rc, mac, right);
	if (!rc)
		*out = found;
	return rc;
}

km_rc store_invitation(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
		       struct km_invitation *out)
{
	uint8_t mac[KM_ROW_MAC_BYTES];

	return read_row(s, subject, out, mac);
}

uint64_t store_invitation_name(const struct km_invitation *i)
{
	uint64_t name = 0;

	for (size_t at = 0; at < sizeof(name); at++)
		name = name << 8 | i->code[at];
	return name;
}

km_rc store_invitation_judge(struct km_store *s, const struct km_operator *op,
			     const struct km_invitation *i, const struct km_secret *code,
			     bool *right)
{
	uint8_t mac[KM_TAG_BYTES];
	km_rc rc = code_mac(s, op, code, mac);

	if (!rc)
		*right = km_equal(mac, sizeof(mac), i->code, sizeof(i->code));
	return rc;
}

/* --- making and ending ---------------------------------------------------------------- */

static km_rc set_row(struct km_store *s, const struct km_invitation *i)
{
	struct query q QUERY = query_new(s, SQL_INVITATION_SET);
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc = row_mac(s, i, mac);

	if (rc)
		return rc;
	query_blob(&q, i->subject, sizeof(i->subject));
	query_blob(&q, i->code, sizeof(i->code));
	query_int(&q, i->seconds);
	query_int(&q, i->until);
	query_int(&q, i->tries);
	query_blob(&q, mac, sizeof(mac));
	rc = query_run(&q);
	return rc == KM_ENOTFOUND ? KM_ESTATE : rc;
}

km_rc store_invite(struct km_store *s, const struct km_operator *op, const struct km_secret *code,
		   uint32_t seconds, int64_t until, const struct km_event_record *event)
{
	struct store_op step STORE_OP = { 0 };
	struct km_invitation made = { .seconds = seconds, .until = until };
	km_rc rc;

	if (code->len != KM_RECOVERY_LENGTH || seconds == 0 || until < 0)
		return KM_EINVAL;
	memcpy(made.subject, op->subject, sizeof(made.subject));
	rc = store_op_begin(&step, s, false);
	if (!rc)
		rc = code_mac(s, op, code, made.code);
	if (!rc)
		rc = set_row(s, &made);
	if (!rc)
		rc = chain_append(s, event);
	return rc ? rc : store_op_done(&step);
}

/* Only the row that was read is changed. */
static km_rc change_row(struct km_store *s, const struct km_invitation *new,
			const uint8_t old[KM_ROW_MAC_BYTES])
{
	struct query q QUERY = query_new(s, SQL_INVITATION_CHANGE);
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc = row_mac(s, new, mac);

	if (rc)
		return rc;
	query_int(&q, new->until);
	query_int(&q, new->tries);
	query_blob(&q, mac, sizeof(mac));
	query_blob(&q, new->subject, sizeof(new->subject));
	query_blob(&q, old, KM_ROW_MAC_BYTES);
	return query_run(&q);
}

km_rc store_invitation_activate(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
				const struct km_event_record *event)
{
	struct store_op op STORE_OP = { 0 };
	uint8_t mac[KM_ROW_MAC_BYTES];
	struct km_invitation i;
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc)
		rc = read_row(s, subject, &i, mac);
	if (!rc && i.until != 0)
		rc = KM_ENOTFOUND;
	if (rc)
		return rc;
	i.until = s->now.wall + i.seconds;
	rc = change_row(s, &i, mac);
	if (!rc)
		rc = chain_append(s, event);
	return rc ? rc : store_op_done(&op);
}

km_rc store_invitation_drop(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
			    const struct km_event_record *event)
{
	struct store_op op STORE_OP = { 0 };
	struct query q QUERY = { 0 };
	km_rc rc = store_op_begin(&op, s, false);

	if (rc)
		return rc;
	q = query_new(s, SQL_INVITATION_DELETE);
	query_blob(&q, subject, KM_SUBJECT_BYTES);
	rc = query_run(&q);
	if (!rc)
		rc = chain_append(s, event);
	return rc ? rc : store_op_done(&op);
}

/* The one that was looked at, and no other. */
static km_rc use_up(struct km_store *s, const struct km_invitation *i)
{
	struct query q QUERY = query_new(s, SQL_INVITATION_USE);
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc = row_mac(s, i, mac);

	if (rc)
		return rc;
	query_blob(&q, i->subject, sizeof(i->subject));
	query_blob(&q, mac, sizeof(mac));
	return query_run(&q);
}

km_rc store_invitation_wrong(struct km_store *s, const struct km_invitation *i,
			     const struct km_event_record *event, unsigned *left)
{
	struct store_op op STORE_OP = { 0 };
	struct km_invitation next = *i;
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc = store_op_begin(&op, s, false);

	next.tries++;
	if (!rc && next.tries >= KM_INVITATION_TRIES)
		rc = use_up(s, i);
	else if (!rc) {
		rc = row_mac(s, i, mac);
		if (!rc)
			rc = change_row(s, &next, mac);
	}
	if (!rc)
		rc = chain_append(s, event);
	if (!rc)
		rc = store_op_done(&op);
	if (!rc)
		*left = next.tries >= KM_INVITATION_TRIES ? 0 : KM_INVITATION_TRIES - next.tries;
	return rc;
}

km_rc store_enrol_invited(struct km_store *s, const struct km_operator *op,
			  const struct km_invitation *i, const struct km_credential *in,
			  const struct km_secret *seed, struct km_event_record *event, uint64_t *id)
{
	struct store_op step STORE_OP = { 0 };
	uint64_t made = 0;
	km_rc rc;

	if (memcmp(i->subject, op->subject, sizeof(i->subject)) != 0)
		return KM_EINVAL;
	rc = store_op_begin(&step, s, false);
	if (!rc)
		rc = use_up(s, i);
	if (!rc)
		rc = store_enrol_otp(s, op, in, seed, event, &made);
	if (!rc)
		rc = store_op_done(&step);
	if (!rc)
		*id = made;
	return rc;
}
