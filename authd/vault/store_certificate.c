/*
 * Certificates: what was destroyed of somebody, why and by whose decision. The
 * row is made in the commit in which the key goes, finished in that in which the
 * person goes, and stays. No name and no number of a person is in it. When a key
 * epoch ends its own row says so, and with it of every certificate of that epoch.
 */
#include "store_certificate.h"

#include <string.h>

#define ITEM_BYTES  (1 + 8 + 8)
#define ITEMS_BYTES (KM_ERASED_ITEMS * ITEM_BYTES)
#define ROW_MAX                                                                                    \
	(8 + KM_SUBJECT_BYTES + KM_TAG_BYTES + 1 + 2 * KM_SUBJECT_BYTES + 8 + 8 + 4 + 8 +          \
	 ITEMS_BYTES)

/* Beside the cause, in its column, so that an older certificate reads as ever. */
#define CERTIFICATE_BY_HAND 128

struct stored_certificate {
	struct km_certificate row;
	uint8_t mac[KM_ROW_MAC_BYTES];
};

/* --- a row as bytes ----------------------------------------------------------------- */

static uint8_t pack_cause(const struct km_erase_order *order)
{
	return (uint8_t)(order->cause | (order->by_hand ? CERTIFICATE_BY_HAND : 0));
}

static void unpack_cause(uint8_t byte, struct km_erase_order *out)
{
	out->cause = byte & (CERTIFICATE_BY_HAND - 1);
	out->by_hand = byte & CERTIFICATE_BY_HAND;
}

static size_t pack_items(const struct km_certificate *c, uint8_t out[ITEMS_BYTES])
{
	uint8_t *at = out;

	for (size_t i = 0; i < c->items; i++) {
		at = keys_put(at, c->item[i].kind, 1);
		at = keys_put(at, c->item[i].id, 8);
		at = keys_put(at, (uint64_t)c->item[i].created, 8);
	}
	return (size_t)(at - out);
}

static void unpack_items(const uint8_t *bytes, size_t len, struct km_certificate *out)
{
	for (out->items = 0; len >= ITEM_BYTES; len -= ITEM_BYTES, bytes += ITEM_BYTES)
		out->item[out->items++] =
		    (struct km_erased_item){ .kind = bytes[0],
					     .id = keys_get(bytes + 1, 8),
					     .created = (int64_t)keys_get(bytes + 9, 8) };
}

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t len)
{
	memcpy(at, bytes, len);
	return at + len;
}

static km_rc mac_certificate(struct km_store *s, const struct km_certificate *c,
			     uint8_t mac[KM_ROW_MAC_BYTES])
{
	uint8_t bytes[ROW_MAX], *at = keys_put(bytes, c->id, 8);

	at = put_bytes(at, c->subject, sizeof(c->subject));
	at = put_bytes(at, c->emp_tag, sizeof(c->emp_tag));
	at = keys_put(at, pack_cause(&c->order), 1);
	at = put_bytes(at, c->order.requester, sizeof(c->order.requester));
	at = put_bytes(at, c->order.approver, sizeof(c->order.approver));
	at = keys_put(at, (uint64_t)c->begun, 8);
	at = keys_put(at, (uint64_t)c->finished, 8);
	at = keys_put(at, c->epoch, 4);
	at = keys_put(at, c->seq, 8);
	at += pack_items(c, at);
	return km_mac_row(s->keys, "certificate", bytes, (size_t)(at - bytes), mac);
}

static km_rc mac_epoch_end(struct km_store *s, const struct km_epoch_end *e,
			   uint8_t mac[KM_ROW_MAC_BYTES])
{
	uint8_t bytes[4 + 8 + 8 + 1], *at = keys_put(bytes, e->generation, 4);

	at = keys_put(at, (uint64_t)e->closed, 8);
	at = keys_put(at, e->seq, 8);
	keys_put(at, e->bundles, 1);
	return km_mac_row(s->keys, "epoch_end", bytes, sizeof(bytes), mac);
}

/* --- reading -------------------------------------------------------------------------- */

/* Reads CERTIFICATE_COLUMNS; KM_ECORRUPT: not as we wrote it. */
static km_rc take_certificate(struct km_store *s, struct query *q, struct stored_certificate *out)
{
	struct km_certificate *c = &out->row;
	uint8_t items[ITEMS_BYTES], right[KM_ROW_MAC_BYTES];
	size_t len;
	km_rc rc;

	*out = (struct stored_certificate){ .row.id = (uint64_t)query_get_int(q) };
	query_get_blob(q, c->subject, sizeof(c->subject));
	query_get_blob(q, c->emp_tag, sizeof(c->emp_tag));
	unpack_cause((uint8_t)query_get_number(q, UINT8_MAX), &c->order);
	query_get_blob(q, c->order.requester, sizeof(c->order.requester));
	query_get_blob(q, c->order.approver, sizeof(c->order.approver));
	c->begun = query_get_int(q);
	c->finished = query_get_int(q);
	c->epoch = (uint32_t)query_get_number(q, UINT32_MAX);
	c->seq = query_get_number(q, INT64_MAX);
	len = query_get_bytes(q, items, sizeof(items));
	query_get_blob(q, out->mac, sizeof(out->mac));
	if (q->rc)
		return q->rc;
	if (len % ITEM_BYTES)
		return KM_ECORRUPT;
	unpack_items(items, len, c);
	rc = mac_certificate(s, c, right);
	return row_same_mac(rc, out->mac, right);
}

static km_rc find(struct km_store *s, enum store_sql id, const void *key, size_t len,
		  struct stored_certificate *out)
{
	struct query q QUERY = query_new(s, id);
	km_rc rc;

	query_blob(&q, key, len);
	rc = query_row(&q);
	return rc ? rc : take_certificate(s, &q, out);
}

km_rc store_certificate(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
			struct km_certificate *out)
{
	struct stored_certificate found = { 0 };
	km_rc rc = find(s, SQL_CERTIFICATE, subject, KM_SUBJECT_BYTES, &found);

	if (!rc)
		*out = found.row;
	return rc;
}

km_rc store_certificate_of(struct km_store *s, const char *employee_number,
			   struct km_certificate *out)
{
	struct stored_certificate found = { 0 };
	uint8_t tag[KM_TAG_BYTES];
	km_rc rc = km_tag_employee(s->keys, employee_number, tag);

	if (!rc)
		rc = find(s, SQL_CERTIFICATE_EMPLOYEE, tag, sizeof(tag), &found);
	if (!rc)
		*out = found.row;
	return rc;
}

km_rc store_certificates(struct km_store *s, uint64_t after, size_t limit,
			 struct km_certificate *out, size_t *count)
{
	struct query q QUERY = query_new(s, SQL_CERTIFICATE_PAGE);
	struct stored_certificate found;
	size_t n = 0;
	km_rc rc = KM_OK;

	query_number(&q, after);
	query_number(&q, limit);
	while (n < limit && !(rc = query_row(&q))) {
		rc = take_certificate(s, &q, &found);
		if (rc && rc != KM_ECORRUPT)
			return rc;
		q.rc = KM_OK; /* of this row; the others are told all the same */
		found.row.damaged = rc != KM_OK;
		out[n++] = found.row;
	}
	if (rc && rc != KM_ENOTFOUND && rc != KM_ECORRUPT)
		return rc;
	if (q.rc)
		return q.rc;
	*count = n;
	return KM_OK;
}

/* --- the first step ------------------------------------------------------------------- */

/* A row that somebody changed is destroyed like any other, and not believed. */
static km_rc list_items(struct km_store *s, const struct km_operator *op, struct km_certificate *c)
{
	struct query q QUERY = query_new(s, SQL_CREDENTIALS);
	struct stored_credential found;
	km_rc rc = KM_OK;

	c->item[c->items++] = (struct km_erased_item){ .created = op->created };
	query_blob(&q, op->subject, sizeof(op->subject));
	while (c->items < KM_ERASED_ITEMS && !(rc = query_row(&q))) {
		struct km_erased_item *item = &c->item[c->items++];

		take_credential(&q, &found);
		rc = q.rc ? q.rc : row_check_credential(s, &found);
		if (rc && rc != KM_ECORRUPT)
			return rc;
		q.rc = KM_OK;
		*item = (struct km_erased_item){ .kind = KM_ITEM_DAMAGED, .id = found.row.id };
		if (rc)
			continue;
		item->kind = found.row.factor;
		item->created = found.row.created;
	}
	if (rc && rc != KM_ENOTFOUND && rc != KM_ECORRUPT)
		return rc;
	return q.rc;
}

/* Zeros where identity.db does not know the person: the certificate is found by its subject. */
static km_rc tag_of(struct km_store *s, const struct km_operator *op, uint8_t tag[KM_TAG_BYTES])
{
	km_rc rc = identity_tag(s, op->cursor, op->subject, tag);

	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

static km_rc insert(struct km_store *s, struct km_certificate *c)
{
	struct query q QUERY = query_new(s, SQL_CERTIFICATE_INSERT);
	uint8_t items[ITEMS_BYTES];
	km_rc rc;

	query_blob(&q, c->subject, sizeof(c->subject));
	query_blob(&q, c->emp_tag, sizeof(c->emp_tag));
	query_int(&q, pack_cause(&c->order));
	query_blob(&q, c->order.requester, sizeof(c->order.requester));
	query_blob(&q, c->order.approver, sizeof(c->order.approver));
	query_int(&q, c->begun);
	query_int(&q, c->epoch);
	query_blob(&q, items, pack_items(c, items));
	rc = query_run(&q);
	if (!rc)
		c->id = (uint64_t)sqlite3_last_insert_rowid(q.handle);
	return rc;
}

static km_rc seal(struct km_store *s, const struct km_certificate *c)
{
	struct query q QUERY = query_new(s, SQL_CERTIFICATE_SEAL);
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc = mac_certificate(s, c, mac);

	if (rc)
		return rc;
	query_blob(&q, mac, sizeof(mac));
	query_int(&q, (int64_t)c->id);
	return query_run(&q);
}

km_rc certificate_begin(struct km_store *s, const struct km_operator *op,
			const struct km_erase_order *order)
{
	struct km_certificate c = { .order = *order,
				    .begun = s->now.wall,
				    /* The newest: while an epoch closes a copy may hold the key
				       under the next KEK already. */
				    .epoch = km_keys_generation(s->keys) };
	km_rc rc;

	memcpy(c.subject, op->subject, sizeof(c.subject));
	rc = list_items(s, op, &c);
	if (!rc)
		rc = tag_of(s, op, c.emp_tag);
	if (!rc)
		rc = insert(s, &c);
	return rc ? rc : seal(s, &c);
}

/* --- the last -------------------------------------------------------------------------- */

static km_rc finish(struct km_store *s, const struct stored_certificate *old)
{
	struct query q QUERY = query_new(s, SQL_CERTIFICATE_FINISH);
	struct km_certificate new = old->row;
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc;

	new.finished = s->now.wall;
	new.seq = s->at.head.seq;
	rc = mac_certificate(s, &new, mac);
	if (rc)
		return rc;
	query_int(&q, new.finished);
	query_int(&q, (int64_t) new.seq);
	query_blob(&q, mac, sizeof(mac));
	query_int(&q, (int64_t) new.id);
	query_blob(&q, old->mac, sizeof(old->mac));
	return query_run(&q);
}

km_rc certificate_finish(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES])
{
	struct query q QUERY = query_new(s, SQL_CERTIFICATE);
	struct stored_certificate old;
	km_rc rc;

	query_blob(&q, subject, KM_SUBJECT_BYTES);
	rc = query_row(&q);
	/* Begun before there were certificates. */
	if (rc == KM_ENOTFOUND)
		return KM_OK;
	if (rc)
		return rc;
	rc = take_certificate(s, &q, &old);
	/* Changed, which shows when it is asked for. */
	if (rc == KM_ECORRUPT)
		return KM_OK;
	return rc ? rc : finish(s, &old);
}

/* --- ends of epochs --------------------------------------------------------------------- */

static km_rc take_epoch_end(struct km_store *s, struct query *q, struct km_epoch_end *out)
{
	uint8_t mac[KM_ROW_MAC_BYTES], right[KM_ROW_MAC_BYTES];
	struct km_epoch_end e = { .generation = (uint32_t)query_get_number(q, UINT32_MAX) };
	km_rc rc;

	e.closed = query_get_int(q);
	e.seq = query_get_number(q, INT64_MAX);
	e.bundles = query_get_number(q, 1) == 1;
	query_get_blob(q, mac, sizeof(mac));
	if (q->rc)
		return q->rc;
	rc = mac_epoch_end(s, &e, right);
	rc = row_same_mac(rc, mac, right);
	if (!rc)
		*out = e;
	return rc;
}

km_rc store_epoch_ended(struct km_store *s, uint32_t generation, struct km_epoch_end *out)
{
	struct query q QUERY = query_new(s, SQL_EPOCH_END);
	km_rc rc;

	query_int(&q, generation);
	rc = query_row(&q);
	return rc ? rc : take_epoch_end(s, &q, out);
}

static km_rc set_epoch_end(struct km_store *s, const struct km_epoch_end *e)
{
	struct query q QUERY = query_new(s, SQL_EPOCH_END_SET);
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc = mac_epoch_end(s, e, mac);

	if (rc)
		return rc;
	query_int(&q, e->generation);
	query_int(&q, e->closed);
	query_int(&q, (int64_t)e->seq);
	query_int(&q, e->bundles);
	query_blob(&q, mac, sizeof(mac));
	return query_run(&q);
}

km_rc epoch_ended(struct km_store *s, uint32_t generation)
{
	const struct km_epoch_end e = { .generation = generation,
					.closed = s->now.wall,
					.seq = s->at.head.seq };

	return set_epoch_end(s, &e);
}

static km_rc next_ended(struct km_store *s, uint32_t before, uint32_t after,
			struct km_epoch_end *out)
{
	struct query q QUERY = query_new(s, SQL_EPOCH_END_BEFORE);
	km_rc rc;

	query_int(&q, before);
	query_int(&q, after);
	rc = query_row(&q);
	return rc ? rc : take_epoch_end(s, &q, out);
}

km_rc store_bundles_gone(struct km_store *s, uint32_t before, const struct km_event_record *event)
{
	struct store_op op STORE_OP = { 0 };
	struct km_epoch_end e = { 0 };
	km_rc rc = store_op_begin(&op, s, false);

	while (!rc && !(rc = next_ended(s, before, e.generation, &e))) {
		e.bundles = true;
		rc = set_epoch_end(s, &e);
	}
	if (rc == KM_ENOTFOUND && e.generation)
		rc = chain_append(s, event);
	return rc ? rc : store_op_done(&op);
}
