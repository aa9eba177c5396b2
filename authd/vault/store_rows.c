/*
 * Rows of vault.db that carry a MAC. Whoever can write the file but has no
 * keys changes no name, state, counter, lock or suspicion unnoticed, nor moves
 * a row elsewhere. An older row of the same place put back is not noticed
 * here: docs/STORAGE.md says what narrows that.
 *
 * What a MAC covers has one form for each table: numbers of fixed width and
 * bytes of fixed length, texts behind their length. docs/STORAGE.md lists it.
 */
#include <kenmon/store_request.h>

#include "store_internal.h"

#include <string.h>

#define ROW_BYTES 256 /* an operator has 138, a credential at most 134 */
#define KEY_MAX   64

struct row {
	uint8_t bytes[ROW_BYTES];
	size_t len;
};

static void put(struct row *r, uint64_t value, unsigned width)
{
	keys_put(r->bytes + r->len, value, width);
	r->len += width;
}

static void put_bytes(struct row *r, const void *bytes, size_t len)
{
	memcpy(r->bytes + r->len, bytes, len);
	r->len += len;
}

static void put_throttle(struct row *r, const struct km_throttle *t)
{
	put(r, t->fails, 4);
	put(r, t->total, 4);
	put(r, (uint64_t)t->not_before, 8);
}

km_rc row_mac_operator(struct km_store *s, const struct km_operator *op,
		       uint8_t mac[KM_ROW_MAC_BYTES])
{
	struct row r;

	r.len = 0;
	put(&r, op->cursor, 8);
	put_bytes(&r, op->subject, sizeof(op->subject));
	put_bytes(&r, op->login_tag, sizeof(op->login_tag));
	put_bytes(&r, op->dept_tag, sizeof(op->dept_tag));
	put(&r, (uint64_t)op->uid, 8);
	put(&r, op->state, 1);
	put(&r, op->role, 1);
	put(&r, (uint64_t)op->valid_from, 8);
	put(&r, (uint64_t)op->valid_until, 8);
	put(&r, (uint64_t)op->last_login, 8);
	put(&r, (uint64_t)op->created, 8);
	return km_mac_row(s->keys, "operator", r.bytes, r.len, mac);
}

/* Not the seed: it is sealed, and bound to id, subject, kind and version. */
km_rc row_mac_credential(struct km_store *s, const struct km_credential *c,
			 uint8_t mac[KM_ROW_MAC_BYTES])
{
	size_t label = strnlen(c->label, sizeof(c->label) - 1);
	struct row r;

	r.len = 0;
	put(&r, c->id, 8);
	put_bytes(&r, c->subject, sizeof(c->subject));
	put(&r, c->factor, 1);
	put(&r, c->algorithm, 1);
	put(&r, c->digits, 1);
	put(&r, c->period, 2);
	put(&r, c->moving, 8);
	put(&r, (uint64_t)c->drift, 4);
	put(&r, (uint64_t)c->created, 8);
	put(&r, (uint64_t)c->last_used, 8);
	put(&r, c->version, 4);
	put_throttle(&r, &c->throttle);
	put(&r, label, 1);
	put_bytes(&r, c->label, label);
	/* Those of before version 3, and nearly all since, are neither. */
	if (!c->waiting && !c->until)
		return km_mac_row(s->keys, "credential", r.bytes, r.len, mac);
	put(&r, c->waiting, 1);
	put(&r, (uint64_t)c->until, 8);
	return km_mac_row(s->keys, "credential for a while", r.bytes, r.len, mac);
}

/* Nor the template. */
km_rc row_mac_template(struct km_store *s, const struct stored_template *t,
		       uint8_t mac[KM_ROW_MAC_BYTES])
{
	size_t reader = strnlen(t->reader, sizeof(t->reader) - 1);
	struct row r;

	r.len = 0;
	put(&r, t->credential, 8);
	put_bytes(&r, t->subject, sizeof(t->subject));
	put(&r, t->version, 4);
	put(&r, reader, 1);
	put_bytes(&r, t->reader, reader);
	return km_mac_row(s->keys, "template", r.bytes, r.len, mac);
}

km_rc row_mac_recovery(struct km_store *s, uint64_t credential, const uint8_t code[KM_TAG_BYTES],
		       int64_t used, uint8_t mac[KM_ROW_MAC_BYTES])
{
	struct row r;

	r.len = 0;
	put(&r, credential, 8);
	put_bytes(&r, code, KM_TAG_BYTES);
	put(&r, (uint64_t)used, 8);
	return km_mac_row(s->keys, "recovery", r.bytes, r.len, mac);
}

km_rc row_mac_name(struct km_store *s, enum km_class class, uint16_t bucket,
		   const struct km_throttle *t, uint8_t mac[KM_ROW_MAC_BYTES])
{
	struct row r;

	r.len = 0;
	put(&r, class, 1);
	put(&r, bucket, 2);
	put_throttle(&r, t);
	return km_mac_row(s->keys, "throttle_name", r.bytes, r.len, mac);
}

/* Not the message: it is sealed under the key of ref, and bound to id and act. */
km_rc row_mac_request(struct km_store *s, const struct km_filed *q, uint8_t mac[KM_ROW_MAC_BYTES])
{
	struct row r;

	r.len = 0;
	put(&r, q->id, 8);
	put_bytes(&r, q->ref, sizeof(q->ref));
	put(&r, q->act, 1);
	put_bytes(&r, q->subject, sizeof(q->subject));
	put_bytes(&r, q->requester, sizeof(q->requester));
	put(&r, (uint64_t)q->filed, 8);
	put(&r, (uint64_t)q->expires, 8);
	put_bytes(&r, q->digest, sizeof(q->digest));
	return km_mac_row(s->keys, "request", r.bytes, r.len, mac);
}

km_rc row_mac_meta(struct km_keys *keys, const char *key, const void *value, size_t len,
		   uint8_t mac[KM_ROW_MAC_BYTES])
{
	uint8_t bytes[1 + KEY_MAX + META_VALUE_MAX];
	size_t key_len = strlen(key);

	if (key_len > KEY_MAX || len > META_VALUE_MAX)
		return KM_ELIMIT;
	bytes[0] = (uint8_t)key_len;
	memcpy(bytes + 1, key, key_len);
	memcpy(bytes + 1 + key_len, value, len);
	return km_mac_row(keys, "meta", bytes, 1 + key_len + len, mac);
}

/* --- reading -------------------------------------------------------------------- */

km_rc row_same_mac(km_rc rc, const uint8_t stored[KM_ROW_MAC_BYTES],
		   const uint8_t right[KM_ROW_MAC_BYTES])
{
	if (rc)
		return rc;
	return km_equal(stored, KM_ROW_MAC_BYTES, right, KM_ROW_MAC_BYTES) ? KM_OK : KM_ECORRUPT;
}

void take_operator(struct query *q, struct stored_operator *out)
{
	struct km_operator *op = &out->row;

	*out = (struct stored_operator){ .row.cursor = (uint64_t)query_get_int(q) };
	query_get_blob(q, op->subject, sizeof(op->subject));
	query_get_blob(q, op->login_tag, sizeof(op->login_tag));
	query_get_blob(q, op->dept_tag, sizeof(op->dept_tag));
	op->uid = query_get_int(q);
	op->state = (uint8_t)query_get_number(q, UINT8_MAX);
	op->role = (uint8_t)query_get_number(q, UINT8_MAX);
	op->valid_from = query_get_int(q);
	op->valid_until = query_get_int(q);
	op->last_login = query_get_int(q);
	op->created = query_get_int(q);
	query_get_blob(q, out->mac, sizeof(out->mac));
	if (query_is_null(q))
		return; /* the key is destroyed */
	op->kek_generation = (uint32_t)query_get_number(q, UINT32_MAX);
	query_get_blob(q, op->wrapped, sizeof(op->wrapped));
}

km_rc row_check_operator(struct km_store *s, const struct stored_operator *op)
{
	uint8_t right[KM_ROW_MAC_BYTES];
	km_rc rc = row_mac_operator(s, &op->row, right);

	return row_same_mac(rc, op->mac, right);
}

km_rc row_read_operator(struct km_store *s, struct query *q, struct stored_operator *out)
{
	km_rc rc = query_row(q);

	if (rc)
		return rc;
	take_operator(q, out);
	return q->rc ? q->rc : row_check_operator(s, out);
}

km_rc row_read_operators(struct km_store *s, struct query *q, size_t limit, struct km_operator *out,
			 size_t *count)
{
	struct stored_operator found;
	size_t n = 0;
	km_rc rc = KM_ENOTFOUND;

	while (n < limit && !(rc = row_read_operator(s, q, &found)))
		out[n++] = found.row;
	if (q->rc)
		return q->rc;
	if (rc && rc != KM_ENOTFOUND)
		return rc;
	*count = n;
	return KM_OK;
}

static void take_throttle(struct query *q, struct km_throttle *out)
{
	out->fails = (uint32_t)query_get_number(q, UINT32_MAX);
	out->total = (uint32_t)query_get_number(q, UINT32_MAX);
	out->not_before = query_get_int(q);
}

void take_credential(struct query *q, struct stored_credential *out)
{
	struct km_credential *c = &out->row;

	*out = (struct stored_credential){ .row.id = (uint64_t)query_get_int(q) };
	query_get_blob(q, c->subject, sizeof(c->subject));
	c->factor = (uint8_t)query_get_number(q, UINT8_MAX);
	c->algorithm = (uint8_t)query_get_number(q, UINT8_MAX);
	c->digits = (uint8_t)query_get_number(q, UINT8_MAX);
	c->period = (uint16_t)query_get_number(q, UINT16_MAX);
	c->moving = query_get_number(q, INT64_MAX);
	c->drift = query_get_small(q);
	c->created = query_get_int(q);
	c->last_used = query_get_int(q);
	query_get_text(q, c->label, sizeof(c->label));
	c->version = (uint32_t)query_get_number(q, UINT32_MAX);
	take_throttle(q, &c->throttle);
	c->waiting = query_get_number(q, 1) == 1;
	c->until = query_get_int(q);
	query_get_blob(q, out->mac, sizeof(out->mac));
	c->sealed_len = (uint16_t)query_get_bytes(q, c->sealed, sizeof(c->sealed));
}

km_rc row_check_credential(struct km_store *s, const struct stored_credential *c)
{
	uint8_t right[KM_ROW_MAC_BYTES];
	km_rc rc = row_mac_credential(s, &c->row, right);

	return row_same_mac(rc, c->mac, right);
}

km_rc row_read_credential(struct km_store *s, struct query *q, struct stored_credential *out)
{
	km_rc rc = query_row(q);

	if (rc)
		return rc;
	take_credential(q, out);
	return q->rc ? q->rc : row_check_credential(s, out);
}

km_rc row_read_name(struct km_store *s, struct query *q, enum km_class class, uint16_t bucket,
		    struct km_throttle *out)
{
	uint8_t mac[KM_ROW_MAC_BYTES] = { 0 }, right[KM_ROW_MAC_BYTES];
	struct km_throttle found = { 0 };
	km_rc there = query_row(q), rc;

	if (there && there != KM_ENOTFOUND)
		return there;
	if (!there) {
		take_throttle(q, &found);
		query_get_blob(q, mac, sizeof(mac));
	}
	if (q->rc)
		return q->rc;
	/* A bucket that nobody has used yet costs the same. */
	rc = row_mac_name(s, class, bucket, &found, right);
	if (!there)
		rc = row_same_mac(rc, mac, right);
	if (!rc)
		*out = found;
	return rc;
}

km_rc row_read_recovery(struct km_store *s, struct query *q, uint64_t credential, int64_t *used)
{
	uint8_t code[KM_TAG_BYTES] = { 0 }, mac[KM_ROW_MAC_BYTES] = { 0 }, right[KM_ROW_MAC_BYTES];
	km_rc there = query_row(q), rc;
	int64_t when = 0;

	if (there && there != KM_ENOTFOUND)
		return there;
	if (!there) {
		query_get_blob(q, code, sizeof(code));
		when = query_get_int(q);
		query_get_blob(q, mac, sizeof(mac));
	}
	if (q->rc)
		return q->rc;
	rc = row_mac_recovery(s, credential, code, when, right);
	if (there)
		return rc ? rc : there;
	rc = row_same_mac(rc, mac, right);
	if (!rc)
		*used = when;
	return rc;
}

km_rc row_read_template(struct km_store *s, struct query *q, struct stored_template *out)
{
	uint8_t right[KM_ROW_MAC_BYTES];
	km_rc rc = query_row(q);

	if (rc)
		return rc;
	*out = (struct stored_template){ .credential = (uint64_t)query_get_int(q) };
	query_get_blob(q, out->subject, sizeof(out->subject));
	query_get_text(q, out->reader, sizeof(out->reader));
	out->version = (uint32_t)query_get_number(q, UINT32_MAX);
	query_get_blob(q, out->mac, sizeof(out->mac));
	if (q->rc)
		return q->rc;
	rc = row_mac_template(s, out, right);
	return row_same_mac(rc, out->mac, right);
}

km_rc row_read_request(struct km_store *s, struct query *q, struct km_filed *out)
{
	struct km_filed found = { 0 };
	uint8_t right[KM_ROW_MAC_BYTES];
	km_rc rc = query_row(q);

	if (rc)
		return rc;
	found.id = (uint64_t)query_get_int(q);
	query_get_blob(q, found.ref, sizeof(found.ref));
	found.act = (uint8_t)query_get_number(q, UINT8_MAX);
	query_get_blob(q, found.subject, sizeof(found.subject));
	query_get_blob(q, found.requester, sizeof(found.requester));
	found.filed = query_get_int(q);
	found.expires = query_get_int(q);
	query_get_blob(q, found.digest, sizeof(found.digest));
	query_get_blob(q, found.mac, sizeof(found.mac));
	if (q->rc)
		return q->rc;
	rc = row_mac_request(s, &found, right);
	rc = row_same_mac(rc, found.mac, right);
	if (!rc)
		*out = found;
	return rc;
}

km_rc row_read_meta(struct km_store *s, struct query *q, const char *key, void *value, size_t cap,
		    size_t *len)
{
	uint8_t mac[KM_ROW_MAC_BYTES], right[KM_ROW_MAC_BYTES];
	km_rc rc = query_row(q);

	if (rc)
		return rc;
	*len = query_get_bytes(q, value, cap);
	query_get_blob(q, mac, sizeof(mac));
	if (q->rc)
		return q->rc;
	rc = row_mac_meta(s->keys, key, value, *len, right);
	return row_same_mac(rc, mac, right);
}

/* --- what was read last ------------------------------------------------------------ */

void rows_forget(struct km_store *s)
{
	s->seen.operator.row.cursor = 0;
	s->seen.count = 0;
}

km_rc row_operator(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
		   struct stored_operator *out)
{
	struct km_operator op;
	km_rc rc = KM_OK;

	if (s->seen.operator.row.cursor == 0 ||
	    memcmp(s->seen.operator.row.subject, subject, KM_SUBJECT_BYTES) != 0)
		rc = store_operator_by_subject(s, subject, &op);
	if (!rc)
		*out = s->seen.operator;
	return rc;
}

km_rc row_credential(struct km_store *s, uint64_t id, struct stored_credential *out)
{
	struct query q QUERY = { 0 };

	for (size_t i = 0; i < s->seen.count; i++) {
		if (id && s->seen.credential[i].row.id == id) {
			*out = s->seen.credential[i];
			return KM_OK;
		}
	}
	q = query_new(s, SQL_CREDENTIAL);
	query_int(&q, (int64_t)id);
	return row_read_credential(s, &q, out);
}

static void forget_credential(struct km_store *s, uint64_t id)
{
	for (size_t i = 0; i < s->seen.count; i++)
		if (s->seen.credential[i].row.id == id)
			s->seen.credential[i].row.id = 0;
}

/* --- changing ------------------------------------------------------------------------ */

km_rc row_change_operator(struct km_store *s, const struct stored_operator *old,
			  const struct km_operator *new)
{
	bool state = new->state != old->row.state;
	struct query q QUERY = query_new(s, state ? SQL_OPERATOR_STATE : SQL_OPERATOR_CHANGE);
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc = row_mac_operator(s, new, mac);

	if (rc)
		return rc;
	if (state) {
		query_int(&q, new->state);
	} else {
		query_int(&q, new->uid);
		query_int(&q, new->last_login);
	}
	query_blob(&q, mac, sizeof(mac));
	query_int(&q, (int64_t)old->row.cursor);
	query_blob(&q, old->mac, sizeof(old->mac));
	s->seen.operator.row.cursor = 0;
	return query_run(&q);
}

km_rc row_change_credential(struct km_store *s, const struct stored_credential *old,
			    const struct km_credential *new, bool moves)
{
	struct query q QUERY = query_new(s, moves ? SQL_COUNTER_MOVE : SQL_CREDENTIAL_CHANGE);
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc = row_mac_credential(s, new, mac);

	if (rc)
		return rc;
	if (moves) {
		query_int(&q, (int64_t) new->moving);
		query_int(&q, new->drift);
	}
	query_int(&q, new->last_used);
	query_int(&q, new->throttle.fails);
	query_int(&q, new->throttle.total);
	query_int(&q, new->throttle.not_before);
	query_blob(&q, mac, sizeof(mac));
	query_int(&q, (int64_t)old->row.id);
	query_blob(&q, old->mac, sizeof(old->mac));
	forget_credential(s, old->row.id);
	return query_run(&q);
}
