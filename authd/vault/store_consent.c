/*
 * Purpose texts and consents. A text is named by its SHA-256 and held against it at each reading,
 * so that nobody can have agreed to something else; a consent is a row under a MAC, and is never
 * deleted but with its operator: withdrawn, it says so.
 */
#include <kenmon/store_request.h>

#include "store_consent.h"

#include <string.h>

#include "store_internal.h"

/* --- texts ------------------------------------------------------------------------ */

km_rc store_purpose(struct km_store *s, const uint8_t digest[KM_DIGEST_BYTES],
		    struct km_purpose *out)
{
	struct query q QUERY = query_new(s, SQL_PURPOSE);
	uint8_t right[KM_DIGEST_BYTES];
	km_rc rc;

	query_blob(&q, digest, KM_DIGEST_BYTES);
	rc = query_row(&q);
	if (rc)
		return rc;
	query_get_blob(&q, out->digest, sizeof(out->digest));
	out->lang = (uint8_t)query_get_number(&q, UINT8_MAX);
	out->first = query_get_int(&q);
	out->len = query_get_bytes(&q, out->text, sizeof(out->text));
	rc = q.rc ? q.rc : chain_digest(s, out->text, out->len, right);
	if (rc)
		return rc;
	return memcmp(right, digest, sizeof(right)) == 0 ? KM_OK : KM_ECORRUPT;
}

static km_rc insert_purpose(struct km_store *s, unsigned lang, const void *text, size_t len,
			    const uint8_t digest[KM_DIGEST_BYTES])
{
	struct query q QUERY = query_new(s, SQL_PURPOSE_INSERT);

	query_blob(&q, digest, KM_DIGEST_BYTES);
	query_int(&q, lang);
	query_int(&q, s->now.wall);
	query_blob(&q, text, len);
	return query_run(&q);
}

km_rc store_purpose_keep(struct km_store *s, unsigned lang, const void *text, size_t len,
			 struct km_event_record *event, uint8_t digest[KM_DIGEST_BYTES], bool *kept)
{
	static struct km_purpose there; /* 8 KiB; the vault has one thread */
	struct store_op op STORE_OP = { 0 };
	uint8_t made[KM_DIGEST_BYTES];
	km_rc rc;

	if (len == 0 || len > KM_PURPOSE_MAX)
		return KM_EINVAL;
	rc = chain_digest(s, text, len, made);
	if (!rc)
		rc = store_op_begin(&op, s, false);
	if (!rc)
		rc = store_purpose(s, made, &there);
	if (rc && rc != KM_ENOTFOUND)
		return rc;
	*kept = false;
	memcpy(digest, made, sizeof(made));
	if (!rc)
		return KM_OK;
	rc = insert_purpose(s, lang, text, len, made);
	if (!rc)
		rc = chain_append(s, event);
	if (!rc)
		rc = store_op_done(&op);
	*kept = !rc;
	return rc;
}

/* --- consents: the row -------------------------------------------------------------- */

struct stored_consent {
	struct km_consent row;
	uint8_t mac[KM_ROW_MAC_BYTES];
};

#define CONSENT_ROW (8 + KM_SUBJECT_BYTES + KM_DIGEST_BYTES + 8 + 1 + 1 + 64 + KM_SUBJECT_BYTES + 8)

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t len)
{
	memcpy(at, bytes, len);
	return at + len;
}

static km_rc row_mac(struct km_store *s, const struct km_consent *c, uint8_t mac[KM_ROW_MAC_BYTES])
{
	size_t terminal = strnlen(c->terminal, sizeof(c->terminal) - 1);
	uint8_t row[CONSENT_ROW], *at = row;

	at = keys_put(at, c->id, 8);
	at = put_bytes(at, c->subject, sizeof(c->subject));
	at = put_bytes(at, c->purpose, sizeof(c->purpose));
	at = keys_put(at, (uint64_t)c->given, 8);
	at = keys_put(at, c->paper, 1);
	at = keys_put(at, terminal, 1);
	at = put_bytes(at, c->terminal, terminal);
	at = put_bytes(at, c->witness, sizeof(c->witness));
	at = keys_put(at, (uint64_t)c->withdrawn, 8);
	return km_mac_row(s->keys, "consent", row, (size_t)(at - row), mac);
}

static km_rc take_consent(struct query *q, struct stored_consent *out)
{
	struct km_consent *c = &out->row;
	uint8_t right[KM_ROW_MAC_BYTES];
	km_rc rc;

	*out = (struct stored_consent){ .row.id = (uint64_t)query_get_int(q) };
	query_get_blob(q, c->subject, sizeof(c->subject));
	query_get_blob(q, c->purpose, sizeof(c->purpose));
	c->given = query_get_int(q);
	c->paper = query_get_number(q, 1) == 1;
	query_get_text(q, c->terminal, sizeof(c->terminal));
	query_get_blob(q, c->witness, sizeof(c->witness));
	c->withdrawn = query_get_int(q);
	query_get_blob(q, out->mac, sizeof(out->mac));
	if (q->rc)
		return q->rc;
	rc = row_mac(q->s, c, right);
	return row_same_mac(rc, out->mac, right);
}

/* --- consents: reading --------------------------------------------------------------- */

static km_rc read_all(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
		      struct stored_consent out[KM_MAX_CONSENTS], size_t *count)
{
	struct query q QUERY = query_new(s, SQL_CONSENTS);
	size_t n = 0;
	km_rc rc;

	query_blob(&q, subject, KM_SUBJECT_BYTES);
	while (!(rc = query_row(&q))) {
		/* We make no more than this. */
		rc = n < KM_MAX_CONSENTS ? take_consent(&q, &out[n]) : KM_ECORRUPT;
		if (rc)
			return rc;
		n++;
	}
	if (rc != KM_ENOTFOUND)
		return rc;
	*count = n;
	return KM_OK;
}

km_rc store_consents(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
		     struct km_consent out[KM_MAX_CONSENTS], size_t *count)
{
	struct stored_consent all[KM_MAX_CONSENTS];
	size_t n = 0;
	km_rc rc = read_all(s, subject, all, &n);

	if (rc)
		return rc;
	for (size_t i = 0; i < n; i++)
		out[i] = all[i].row;
	*count = n;
	return KM_OK;
}

static bool stands(const struct km_consent *c, const uint8_t *purpose)
{
	return c->withdrawn == 0 &&
	       (!purpose || memcmp(c->purpose, purpose, sizeof(c->purpose)) == 0);
}

km_rc store_consent_standing(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
			     const uint8_t *purpose, struct km_consent *out)
{
	struct stored_consent all[KM_MAX_CONSENTS];
	size_t n = 0;
	km_rc rc = read_all(s, subject, all, &n);

	if (rc)
		return rc;
	while (n > 0 && !stands(&all[n - 1].row, purpose))
		n--;
	if (n == 0)
		return KM_ENOTFOUND;
	*out = all[n - 1].row;
	return KM_OK;
}

/* --- consents: giving ------------------------------------------------------------------ */

static km_rc may_be_added(struct km_store *s, const struct km_consent *in)
{
	struct stored_consent all[KM_MAX_CONSENTS];
	size_t n = 0;
	km_rc rc = read_all(s, in->subject, all, &n);

	for (size_t i = 0; !rc && i < n; i++)
		if (stands(&all[i].row, in->purpose))
			rc = KM_EEXIST;
	return !rc && n == KM_MAX_CONSENTS ? KM_ELIMIT : rc;
}

static km_rc insert_consent(struct km_store *s, struct km_consent *c)
{
	struct query q QUERY = query_new(s, SQL_CONSENT_INSERT);
	km_rc rc;

	query_blob(&q, c->subject, sizeof(c->subject));
	query_blob(&q, c->purpose, sizeof(c->purpose));
	query_int(&q, c->given);
	query_int(&q, c->paper);
	query_text(&q, c->terminal);
	query_blob(&q, c->witness, sizeof(c->witness));
	rc = query_run(&q); /* KM_ENOTFOUND: no such text, or nobody who could agree to it */
	if (!rc)
		c->id = (uint64_t)sqlite3_last_insert_rowid(q.handle);
	return rc;
}

/* The id is known only now, and is part of the MAC. */
static km_rc seal_consent(struct km_store *s, const struct km_consent *c)
{
	struct query q QUERY = query_new(s, SQL_CONSENT_SEAL);
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc = row_mac(s, c, mac);

	if (rc)
		return rc;
	query_blob(&q, mac, sizeof(mac));
	query_int(&q, (int64_t)c->id);
	return query_run(&q);
}

km_rc store_consent_add(struct km_store *s, const struct km_consent *in,
			const struct km_event_record *event, uint64_t *id)
{
	struct store_op op STORE_OP = { 0 };
	struct km_consent made = *in;
	km_rc rc;

	if (strnlen(in->terminal, sizeof(in->terminal)) == sizeof(in->terminal))
		return KM_EINVAL;
	made.given = s->now.wall;
	made.withdrawn = 0;
	rc = store_op_begin(&op, s, false);
	if (!rc)
		rc = may_be_added(s, in);
	if (!rc)
		rc = insert_consent(s, &made);
	if (!rc)
		rc = seal_consent(s, &made);
	if (!rc)
		rc = chain_append(s, event);
	if (!rc)
		rc = store_op_done(&op);
	if (!rc)
		*id = made.id;
	return rc;
}

/* --- consents: taking back ------------------------------------------------------------- */

static km_rc end_consent(struct km_store *s, const struct stored_consent *old)
{
	struct query q QUERY = query_new(s, SQL_CONSENT_END);
	struct km_consent new = old->row;
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc;

	new.withdrawn = s->now.wall;
	rc = row_mac(s, &new, mac);
	if (rc)
		return rc;
	query_int(&q, new.withdrawn);
	query_blob(&q, mac, sizeof(mac));
	query_int(&q, (int64_t)old->row.id);
	query_blob(&q, old->mac, sizeof(old->mac));
	rc = query_run(&q);
	return rc == KM_ENOTFOUND ? KM_ECORRUPT : rc;
}

static km_rc end_consents(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
			  unsigned *ended)
{
	struct stored_consent all[KM_MAX_CONSENTS];
	size_t n = 0;
	km_rc rc = read_all(s, subject, all, &n);

	*ended = 0;
	for (size_t i = 0; !rc && i < n; i++) {
		if (all[i].row.withdrawn)
			continue;
		rc = end_consent(s, &all[i]);
		(*ended)++;
	}
	return rc;
}

static km_rc remove_fingers(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
			    unsigned *fingers)
{
	struct km_credential all[KM_MAX_CREDENTIALS];
	size_t n = 0;
	km_rc rc = store_credentials(s, subject, all, &n);

	*fingers = 0;
	for (size_t i = 0; !rc && i < n; i++) {
		if (all[i].factor != KM_FACTOR_FINGERPRINT)
			continue;
		rc = credential_delete(s, subject, all[i].id);
		(*fingers)++;
	}
	return !rc && *fingers ? epoch_owes(s) : rc;
}

km_rc store_consent_withdraw(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
			     struct km_event_record *event, unsigned *fingers)
{
	struct store_op op STORE_OP = { 0 };
	unsigned ended = 0, gone = 0;
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc)
		rc = end_consents(s, subject, &ended);
	if (!rc)
		rc = remove_fingers(s, subject, &gone);
	if (!rc && ended == 0 && gone == 0)
		rc = KM_ENOTFOUND;
	if (!rc) {
		record_number(event, "fingers", gone);
		rc = chain_append(s, event);
	}
	if (!rc)
		rc = store_op_done(&op);
	if (!rc)
		*fingers = gone;
	return rc;
}
