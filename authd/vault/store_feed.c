/* Rosters: the feed, and its staged rows. */
#include "store_feed.h"

#include <string.h>

#include "store_internal.h"

#define FEED_BYTES  (8 + 16 + 32 + 8 + 1 + 1 + 8 + 8 + 8 + 8 + 8 + 1 + 16 + 16)
#define STAGE_BYTES (8 + 4 + 16 + 1 + 8)

/* --- the feed ---------------------------------------------------------------------------- */

static km_rc mac_of_feed(struct km_store *s, const struct km_feed *f, uint8_t mac[KM_ROW_MAC_BYTES])
{
	uint8_t bytes[FEED_BYTES], *at = keys_put(bytes, f->id, 8);

	memcpy(at, f->ref, sizeof(f->ref));
	memcpy(at + 16, f->digest, sizeof(f->digest));
	at = keys_put(at + 48, (uint64_t)f->made, 8);
	at = keys_put(at, f->whole, 1);
	at = keys_put(at, f->state, 1);
	at = keys_put(at, f->lines, 8);
	at = keys_put(at, f->upto, 8);
	at = keys_put(at, f->worked, 8);
	at = keys_put(at, f->erasures, 8);
	at = keys_put(at, (uint64_t)f->accepted, 8);
	at = keys_put(at, f->released, 1);
	memcpy(at, f->requester, sizeof(f->requester));
	memcpy(at + 16, f->approver, sizeof(f->approver));
	return km_mac_row(s->keys, "feed", bytes, sizeof(bytes), mac);
}

static void take_feed(struct query *q, struct km_feed *f)
{
	*f = (struct km_feed){ .id = (uint64_t)query_get_int(q) };
	query_get_blob(q, f->ref, sizeof(f->ref));
	query_get_blob(q, f->digest, sizeof(f->digest));
	f->made = query_get_int(q);
	f->whole = query_get_number(q, 1) == 1;
	f->state = (uint8_t)query_get_number(q, KM_FEED_DONE);
	f->lines = query_get_number(q, INT64_MAX);
	f->upto = query_get_number(q, INT64_MAX);
	f->worked = query_get_number(q, INT64_MAX);
	f->erasures = query_get_number(q, INT64_MAX);
	f->accepted = query_get_int(q);
	f->released = query_get_number(q, 1) == 1;
	query_get_blob(q, f->requester, sizeof(f->requester));
	query_get_blob(q, f->approver, sizeof(f->approver));
	query_get_blob(q, f->mac, sizeof(f->mac));
}

/* Where there is none, the same work. */
static km_rc read_feed(struct km_store *s, struct query *q, struct km_feed *out)
{
	struct km_feed found = { .id = 0 };
	uint8_t right[KM_ROW_MAC_BYTES];
	km_rc there = query_row(q), rc;

	if (there && there != KM_ENOTFOUND)
		return there;
	if (!there)
		take_feed(q, &found);
	if (q->rc)
		return q->rc;
	rc = mac_of_feed(s, &found, right);
	if (rc || there)
		return rc ? rc : there;
	if (!km_equal(found.mac, sizeof(found.mac), right, sizeof(right)))
		return KM_ECORRUPT;
	*out = found;
	return KM_OK;
}

km_rc store_feed(struct km_store *s, uint64_t id, struct km_feed *out)
{
	struct query q QUERY = query_new(s, SQL_FEED);

	query_int(&q, (int64_t)(id < INT64_MAX ? id : INT64_MAX));
	return read_feed(s, &q, out);
}

km_rc store_feed_in(struct km_store *s, enum km_feed_state least, enum km_feed_state most,
		    struct km_feed *out)
{
	struct query q QUERY = query_new(s, SQL_FEED_IN);

	query_int(&q, least);
	query_int(&q, most);
	return read_feed(s, &q, out);
}

static km_rc newest_operator(struct km_store *s, uint64_t *cursor)
{
	struct query q QUERY = query_new(s, SQL_OPERATOR_NEWEST);
	km_rc rc = query_row(&q);

	if (rc)
		return rc == KM_ENOTFOUND ? KM_ECORRUPT : rc;
	*cursor = query_get_number(&q, INT64_MAX);
	return q.rc;
}

static km_rc insert_feed(struct km_store *s, struct km_feed *f)
{
	struct query q QUERY = query_new(s, SQL_FEED_INSERT);
	km_rc rc;

	query_blob(&q, f->ref, sizeof(f->ref));
	query_blob(&q, f->digest, sizeof(f->digest));
	query_int(&q, f->made);
	query_int(&q, f->whole);
	query_int(&q, (int64_t)f->upto);
	query_blob(&q, f->requester, sizeof(f->requester));
	rc = query_run(&q);
	if (!rc)
		f->id = (uint64_t)sqlite3_last_insert_rowid(q.handle);
	return rc;
}

/* Its number is known only now, and is part of it. */
static km_rc seal_feed(struct km_store *s, struct km_feed *f)
{
	struct query q QUERY = query_new(s, SQL_FEED_SEAL);
	km_rc rc = mac_of_feed(s, f, f->mac);

	if (rc)
		return rc;
	query_blob(&q, f->mac, sizeof(f->mac));
	query_int(&q, (int64_t)f->id);
	return query_run(&q);
}

km_rc store_feed_begin(struct km_store *s, const struct km_feed *in, struct km_feed *out)
{
	struct km_subject_key key KM_SUBJECT_KEY = { { 0 } };
	struct store_op op STORE_OP = { 0 };
	struct km_feed f = *in, other;
	km_rc rc = store_feed_in(s, KM_FEED_STAGED, KM_FEED_ACCEPTED, &other);

	if (rc != KM_ENOTFOUND)
		return rc ? rc : KM_ESTATE;
	f.state = KM_FEED_STAGED;
	f.lines = f.worked = f.erasures = 0;
	f.accepted = 0;
	f.released = false;
	memset(f.approver, 0, sizeof(f.approver));
	rc = store_op_begin(&op, s, false);
	if (!rc)
		rc = newest_operator(s, &f.upto);
	if (!rc)
		rc = work_key_make(s, f.ref, &key);
	if (!rc)
		rc = insert_feed(s, &f);
	if (!rc)
		rc = seal_feed(s, &f);
	if (!rc)
		rc = store_op_done(&op);
	if (!rc)
		*out = f;
	return rc;
}

static km_rc change_feed(struct km_store *s, struct km_feed *f)
{
	struct query q QUERY = query_new(s, SQL_FEED_CHANGE);
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc = mac_of_feed(s, f, mac);

	if (rc)
		return rc;
	query_int(&q, f->state);
	query_int(&q, (int64_t)f->lines);
	query_int(&q, (int64_t)f->worked);
	query_int(&q, (int64_t)f->erasures);
	query_int(&q, f->accepted);
	query_int(&q, f->released);
	query_blob(&q, f->requester, sizeof(f->requester));
	query_blob(&q, f->approver, sizeof(f->approver));
	query_blob(&q, mac, sizeof(mac));
	query_int(&q, (int64_t)f->id);
	query_blob(&q, f->mac, sizeof(f->mac));
	rc = query_run(&q);
	if (!rc)
		memcpy(f->mac, mac, sizeof(mac));
	return rc == KM_ENOTFOUND ? KM_ESTATE : rc;
}

km_rc store_feed_change(struct km_store *s, struct km_feed *f, const struct km_event_record *event)
{
	struct store_op op STORE_OP = { 0 };
	struct km_feed next = *f;
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc)
		rc = change_feed(s, &next);
	if (!rc && event)
		rc = chain_append(s, event);
	if (!rc)
		rc = store_op_done(&op);
	if (!rc)
		*f = next;
	return rc;
}

static km_rc run_on_feed(struct km_store *s, enum store_sql id, uint64_t feed)
{
	struct query q QUERY = query_new(s, id);

	query_int(&q, (int64_t)feed);
	return query_run_any(&q);
}

km_rc store_feed_finish(struct km_store *s, struct km_feed *f, const struct km_event_record *event)
{
	struct store_op op STORE_OP = { 0 };
	struct km_feed next = *f;
	km_rc rc = store_op_begin(&op, s, false);

	next.state = KM_FEED_DONE;
	if (!rc)
		rc = change_feed(s, &next);
	if (!rc)
		rc = run_on_feed(s, SQL_FEED_PRUNE, f->id);
	if (!rc)
		rc = work_key_destroy(s, f->ref);
	if (!rc)
		rc = chain_append(s, event);
	if (!rc)
		rc = store_op_done(&op);
	if (!rc)
		*f = next;
	return rc;
}

km_rc store_feed_drop(struct km_store *s, const struct km_feed *f,
		      const struct km_event_record *event)
{
	struct store_op op STORE_OP = { 0 };
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc)
		rc = run_on_feed(s, SQL_FEED_DELETE, f->id);
	if (!rc)
		rc = work_key_destroy(s, f->ref);
	if (!rc && event)
		rc = chain_append(s, event);
	return rc ? rc : store_op_done(&op);
}

km_rc store_feed_key(struct km_store *s, const struct km_feed *f, struct km_subject_key *key)
{
	return work_key_open(s, f->ref, key);
}

/* --- its rows ---------------------------------------------------------------------------- */

static km_rc mac_of_stage(struct km_store *s, const struct km_staged *row,
			  uint8_t mac[KM_ROW_MAC_BYTES])
{
	uint8_t bytes[STAGE_BYTES], *at = keys_put(bytes, row->feed, 8);

	at = keys_put(at, row->line, 4);
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

km_rc store_stage_put(struct km_store *s, const struct km_feed *f, const struct km_subject_key *key,
		      struct km_staged *row, const void *plain, size_t len)
{
	struct km_aad aad = aad_of(f, row);
	struct store_op op STORE_OP = { 0 };
	struct query q QUERY = { 0 };
	uint8_t mac[KM_ROW_MAC_BYTES];
	size_t sealed = 0;
	km_rc rc = store_op_begin(&op, s, false);

	row->feed = f->id;
	if (!rc)
		rc = mac_of_stage(s, row, mac);
	if (!rc)
		rc = km_seal(s->keys, key, &aad, plain, len, row->sealed, sizeof(row->sealed),
			     &sealed);
	if (rc)
		return rc;
	row->sealed_len = (uint16_t)sealed;
	q = query_new(s, SQL_STAGE_INSERT);
	query_int(&q, (int64_t)row->feed);
	query_int(&q, row->line);
	query_blob(&q, row->subject, sizeof(row->subject));
	query_int(&q, row->outcome);
	query_int(&q, row->day);
	query_blob(&q, mac, sizeof(mac));
	query_blob(&q, row->sealed, row->sealed_len);
	rc = query_run(&q);
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

	if (rc)
		return rc;
	return km_equal(mac, KM_ROW_MAC_BYTES, right, sizeof(right)) ? KM_OK : KM_ECORRUPT;
}

static km_rc read_rows(struct km_store *s, enum store_sql id, uint64_t feed, uint32_t after,
		       size_t limit, struct km_staged *out, size_t *count)
{
	struct query q QUERY = query_new(s, id);
	uint8_t mac[KM_ROW_MAC_BYTES];
	size_t n = 0;
	km_rc rc = KM_ENOTFOUND;

	query_int(&q, (int64_t)(feed < INT64_MAX ? feed : INT64_MAX));
	query_int(&q, after);
	query_int(&q, (int64_t)(limit < INT64_MAX ? limit : INT64_MAX));
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

km_rc store_requested(struct km_store *s, unsigned act)
{
	struct query q QUERY = query_new(s, SQL_REQUEST_OF_ACT);

	query_int(&q, act);
	return query_row(&q);
}

km_rc store_stage_of(struct km_store *s, uint64_t feed, const uint8_t subject[KM_SUBJECT_BYTES],
		     struct km_staged *out)
{
	struct query q QUERY = query_new(s, SQL_STAGE_OF);
	uint8_t mac[KM_ROW_MAC_BYTES] = { 0 };
	struct km_staged found = { 0 };
	km_rc there, rc;

	query_blob(&q, subject, KM_SUBJECT_BYTES);
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

km_rc store_feed_missing(struct km_store *s, const struct km_feed *f, uint64_t after, size_t limit,
			 struct km_operator *out, size_t *count)
{
	struct query q QUERY = query_new(s, SQL_FEED_MISSING);
	struct stored_operator found;
	size_t n = 0;
	km_rc rc = KM_ENOTFOUND;

	query_int(&q, (int64_t)f->id);
	query_int(&q, (int64_t)(after < INT64_MAX ? after : INT64_MAX));
	query_int(&q, (int64_t)f->upto);
	query_int(&q, (int64_t)(limit < INT64_MAX ? limit : INT64_MAX));
	while (n < limit && !(rc = query_row(&q))) {
		km_rc checked;

		take_operator(&q, &found);
		checked = q.rc ? q.rc : row_check_operator(s, &found);
		if (checked)
			return checked;
		out[n++] = found.row;
	}
	if (rc && rc != KM_ENOTFOUND)
		return rc;
	*count = n;
	return KM_OK;
}

km_rc store_stage_sweep(struct km_store *s, size_t limit)
{
	struct store_op op STORE_OP = { 0 };
	struct query q QUERY = { 0 };
	struct km_feed live = { 0 };
	km_rc rc = store_feed_in(s, KM_FEED_STAGED, KM_FEED_ACCEPTED, &live);

	if (rc && rc != KM_ENOTFOUND)
		return rc;
	rc = store_op_begin(&op, s, false);
	if (rc)
		return rc;
	q = query_new(s, SQL_STAGE_SWEEP);
	query_int(&q, (int64_t)live.id);
	query_int(&q, (int64_t)limit);
	rc = query_run(&q);
	return rc ? rc : store_op_done(&op);
}

/* --- people ------------------------------------------------------------------------------- */

km_rc store_departments(struct km_store *s,
			void (*take)(void *arg, const uint8_t tag[KM_TAG_BYTES]), void *arg)
{
	struct query q QUERY = query_new(s, SQL_OPERATOR_DEPARTMENTS);
	uint8_t tag[KM_TAG_BYTES];
	km_rc rc;

	while (!(rc = query_row(&q))) {
		query_get_blob(&q, tag, sizeof(tag));
		if (q.rc)
			return q.rc;
		take(arg, tag);
	}
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}
