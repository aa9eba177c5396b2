/* The rows of a roster, as they are staged. */
#include "store_feed.h"

#include <string.h>

#include "store_internal.h"

#define STAGE_BYTES (8 + 4 + 8 + 16 + 1 + 8)

static km_rc mac_of_stage(struct km_store *s, const struct km_staged *row,
			  uint8_t mac[KM_ROW_MAC_BYTES])
{
	uint8_t bytes[STAGE_BYTES], *at = keys_put(bytes, row->feed, 8);

	at = keys_put(at, row->line, 4);
	at = keys_put(at, row->cursor, 8);
	memcpy(at, row->subject, sizeof(row->subject));
	at = keys_put(at + sizeof(row->subject), row->outcome, 1);
	keys_put(at, (uint64_t)row->day, 8);
	return km_mac_row(s->keys, "stage", bytes, sizeof(bytes), mac);
}

static struct km_aad aad_of(const struct km_feed *f, const struct km_staged *row)
{
	return (struct km_aad){ .table = "stage",
				.id = row->line,
				.subject = f->ref,
				.kind = row->outcome,
				.version = 1 };
}

static km_rc insert_stage(struct km_store *s, const struct km_staged *row,
			  const uint8_t mac[KM_ROW_MAC_BYTES])
{
	struct query q QUERY = query_new(s, SQL_STAGE_INSERT);

	query_int(&q, (int64_t)row->feed);
	query_int(&q, row->line);
	query_int(&q, (int64_t)row->cursor);
	query_blob(&q, row->subject, sizeof(row->subject));
	query_int(&q, row->outcome);
	query_int(&q, row->day);
	query_blob(&q, mac, KM_ROW_MAC_BYTES);
	query_blob(&q, row->sealed, row->sealed_len);
	return query_run(&q);
}

km_rc store_stage_add(struct km_store *s, const struct km_feed *f, const struct km_subject_key *key,
		      struct km_staged *row, const void *plain, size_t len)
{
	struct km_aad aad = aad_of(f, row);
	uint8_t mac[KM_ROW_MAC_BYTES];
	size_t sealed = 0;
	km_rc rc;

	row->feed = f->id;
	rc = mac_of_stage(s, row, mac);
	if (!rc)
		rc = km_seal(s->keys, key, &aad, plain, len, row->sealed, sizeof(row->sealed),
			     &sealed);
	if (rc)
		return rc;
	row->sealed_len = (uint16_t)sealed;
	return insert_stage(s, row, mac);
}

km_rc store_stage_slice(struct km_store *s, km_rc (*run)(void *arg), void *arg)
{
	struct store_op op STORE_OP = { 0 };
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc)
		rc = run(arg);
	return rc ? rc : store_op_done(&op);
}

km_rc store_stage_put(struct km_store *s, const struct km_feed *f, const struct km_subject_key *key,
		      struct km_staged *row, const void *plain, size_t len)
{
	struct store_op op STORE_OP = { 0 };
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc)
		rc = store_stage_add(s, f, key, row, plain, len);
	return rc ? rc : store_op_done(&op);
}

km_rc store_stage_open(struct km_store *s, const struct km_feed *f,
		       const struct km_subject_key *key, const struct km_staged *row, void *plain,
		       size_t cap, size_t *len)
{
	struct km_aad aad = aad_of(f, row);

	return km_unseal(s->keys, key, &aad, row->sealed, row->sealed_len, plain, cap, len);
}

/* mac: as it lies there. */
static void take_stage(struct query *q, struct km_staged *row, uint8_t mac[KM_ROW_MAC_BYTES])
{
	row->feed = query_get_number(q, INT64_MAX);
	row->line = (uint32_t)query_get_number(q, UINT32_MAX);
	row->cursor = query_is_null(q) ? 0 : query_get_number(q, INT64_MAX);
	query_get_blob(q, row->subject, sizeof(row->subject));
	row->outcome = (uint8_t)query_get_number(q, UINT8_MAX);
	row->day = query_get_int(q);
	row->sealed_len = 0;
	query_get_blob(q, mac, KM_ROW_MAC_BYTES);
}

static km_rc check_stage(struct km_store *s, const struct km_staged *row,
			 const uint8_t mac[KM_ROW_MAC_BYTES])
{
	uint8_t right[KM_ROW_MAC_BYTES];
	km_rc rc = mac_of_stage(s, row, right);

	return row_same_mac(rc, mac, right);
}

static km_rc read_rows(struct km_store *s, enum store_sql id, uint64_t feed, uint32_t after,
		       size_t limit, struct km_staged *out, size_t *count)
{
	struct query q QUERY = query_new(s, id);
	uint8_t mac[KM_ROW_MAC_BYTES];
	size_t n = 0;
	km_rc rc = KM_ENOTFOUND;

	query_number(&q, feed);
	query_int(&q, after);
	query_number(&q, limit);
	while (n < limit && !(rc = query_row(&q))) {
		km_rc checked;

		take_stage(&q, &out[n], mac);
		out[n].sealed_len =
		    (uint16_t)query_get_bytes(&q, out[n].sealed, sizeof(out[n].sealed));
		checked = q.rc ? q.rc : check_stage(s, &out[n], mac);
		if (checked)
			return checked;
		n++;
	}
	if (rc && rc != KM_ENOTFOUND)
		return rc;
	*count = n;
	return KM_OK;
}

km_rc store_stage_page(struct km_store *s, uint64_t feed, uint32_t after, size_t limit,
		       struct km_staged *out, size_t *count)
{
	return read_rows(s, SQL_STAGE_PAGE, feed, after, limit, out, count);
}

km_rc store_stage_rehired(struct km_store *s, uint64_t feed, uint32_t after, size_t limit,
			  struct km_staged *out, size_t *count)
{
	return read_rows(s, SQL_STAGE_REHIRED, feed, after, limit, out, count);
}

km_rc store_stage_delete(struct km_store *s, uint64_t feed, uint32_t line)
{
	struct store_op op STORE_OP = { 0 };
	struct query q QUERY = { 0 };
	km_rc rc = store_op_begin(&op, s, false);

	if (rc)
		return rc;
	q = query_new(s, SQL_STAGE_DELETE);
	query_int(&q, (int64_t)feed);
	query_int(&q, line);
	rc = query_run(&q);
	return rc ? rc : store_op_done(&op);
}

km_rc store_stage_of(struct km_store *s, uint64_t feed, const struct km_operator *op,
		     struct km_staged *out)
{
	struct query q QUERY = query_new(s, SQL_STAGE_OF);
	uint8_t mac[KM_ROW_MAC_BYTES] = { 0 };
	struct km_staged found = { 0 };
	km_rc there, rc;

	query_int(&q, (int64_t)op->cursor);
	query_int(&q, (int64_t)feed);
	there = query_row(&q);
	if (there && there != KM_ENOTFOUND)
		return there;
	if (!there)
		take_stage(&q, &found, mac);
	if (q.rc)
		return q.rc;
	rc = check_stage(s, &found, mac);
	if (there)
		return there;
	if (!rc && memcmp(found.subject, op->subject, sizeof(found.subject)) != 0)
		rc = KM_ECORRUPT;
	if (!rc)
		*out = found;
	return rc;
}

km_rc store_stage_counts(struct km_store *s, uint64_t feed, uint64_t count[KM_OUTCOMES])
{
	struct query q QUERY = query_new(s, SQL_STAGE_COUNTS);
	uint64_t n[KM_OUTCOMES] = { 0 };
	km_rc rc;

	query_int(&q, (int64_t)feed);
	while (!(rc = query_row(&q))) {
		uint64_t outcome = query_get_number(&q, KM_OUTCOMES - 1);

		if (!q.rc)
			n[outcome] = (uint64_t)query_get_int(&q);
		if (q.rc)
			return q.rc;
	}
	if (rc != KM_ENOTFOUND)
		return rc;
	memcpy(count, n, sizeof(n));
	return KM_OK;
}

static km_rc any_left(struct km_store *s, uint64_t live)
{
	struct query q QUERY = query_new(s, SQL_STAGE_LEFT);

	query_int(&q, (int64_t)live);
	return query_row(&q);
}

km_rc store_stage_sweep(struct km_store *s, size_t limit)
{
	struct store_op op STORE_OP = { 0 };
	struct query q QUERY = { 0 };
	struct km_feed live = { 0 };
	km_rc rc = store_feed_in(s, KM_FEED_STAGED, KM_FEED_ACCEPTED, &live);

	if (rc == KM_ENOTFOUND)
		rc = KM_OK;
	/* Where there is nothing, nothing is begun that would have to be undone. */
	if (!rc)
		rc = any_left(s, live.id);
	if (!rc)
		rc = store_op_begin(&op, s, false);
	if (rc)
		return rc;
	q = query_new(s, SQL_STAGE_SWEEP);
	query_int(&q, (int64_t)live.id);
	query_number(&q, limit);
	rc = query_run(&q);
	return rc ? rc : store_op_done(&op);
}
