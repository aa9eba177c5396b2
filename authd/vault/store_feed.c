/* Rosters: the feed, and its staged rows. */
#include "store_feed.h"

#include <string.h>

#include "store_internal.h"

#define FEED_BYTES (8 + 16 + 32 + 8 + 1 + 1 + 8 + 8 + 8 + 8 + 8 + 1 + 16 + 16)

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
	if (there)
		return rc ? rc : there;
	rc = row_same_mac(rc, found.mac, right);
	if (!rc)
		*out = found;
	return rc;
}

km_rc store_feed(struct km_store *s, uint64_t id, struct km_feed *out)
{
	struct query q QUERY = query_new(s, SQL_FEED);

	query_number(&q, id);
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
		rc = epoch_owes(s); /* copies of today hold the key, and the rows */
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
	if (!rc)
		rc = epoch_owes(s); /* copies of today hold the key, and the rows */
	if (!rc && event)
		rc = chain_append(s, event);
	return rc ? rc : store_op_done(&op);
}

km_rc store_feed_key(struct km_store *s, const struct km_feed *f, struct km_subject_key *key)
{
	return work_key_open(s, f->ref, key);
}

/* --- around it ------------------------------------------------------------------------------ */

km_rc store_requested(struct km_store *s, unsigned act)
{
	struct query q QUERY = query_new(s, SQL_REQUEST_OF_ACT);

	query_int(&q, act);
	return query_row(&q);
}

km_rc store_feed_missing(struct km_store *s, const struct km_feed *f, uint64_t after, size_t limit,
			 struct km_operator *out, size_t *count)
{
	struct query q QUERY = query_new(s, SQL_FEED_MISSING);

	query_int(&q, (int64_t)f->id);
	query_number(&q, after);
	query_int(&q, (int64_t)f->upto);
	query_number(&q, limit);
	return row_read_operators(s, &q, limit, out, count);
}

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
