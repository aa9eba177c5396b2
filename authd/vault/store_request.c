/*
 * Acts that wait for a second person. The message that would do it is sealed
 * under a key of its own, which is destroyed with the row: what somebody asked
 * for, and who was turned down, is in the trail without any name.
 */
#include <kenmon/store_request.h>

#include "store_internal.h"

#include <string.h>

#define REQUEST_VERSION 1

static const uint8_t nobody[KM_SUBJECT_BYTES];

static struct km_aad request_aad(const struct km_filed *r)
{
	return (struct km_aad){ .table = "request",
				.id = r->id,
				.subject = r->ref,
				.kind = r->act,
				.version = REQUEST_VERSION };
}

/* --- filing ---------------------------------------------------------------------------- */

/* A newcomer is nobody yet: who registers thirty is held up by the first limit alone. */
static km_rc below_limits(struct km_store *s, const struct km_filed *r)
{
	struct query q QUERY = query_new(s, SQL_REQUEST_COUNT);
	int64_t all, about;
	km_rc rc;

	query_blob(&q, r->subject, sizeof(r->subject));
	query_blob(&q, r->requester, sizeof(r->requester));
	rc = query_row(&q);
	if (rc)
		return rc == KM_ENOTFOUND ? KM_ECORRUPT : rc;
	all = query_get_int(&q);
	about = query_get_int(&q);
	if (q.rc)
		return q.rc;
	if (all >= KM_REQUESTS)
		return KM_ELIMIT;
	return about >= KM_REQUESTS_ABOUT && memcmp(r->subject, nobody, sizeof(nobody)) != 0
		   ? KM_ELIMIT
		   : KM_OK;
}

/* With room for what will be sealed: its id is part of what the seal is bound to. */
static km_rc insert(struct km_store *s, struct km_filed *r, size_t sealed_len)
{
	struct query q QUERY = query_new(s, SQL_REQUEST_INSERT);
	km_rc rc;

	query_blob(&q, r->ref, sizeof(r->ref));
	query_int(&q, r->act);
	query_blob(&q, r->subject, sizeof(r->subject));
	query_blob(&q, r->requester, sizeof(r->requester));
	query_int(&q, r->filed);
	query_int(&q, r->expires);
	query_blob(&q, r->digest, sizeof(r->digest));
	query_int(&q, (int64_t)sealed_len);
	rc = query_run(&q);
	if (!rc)
		r->id = (uint64_t)sqlite3_last_insert_rowid(q.handle);
	return rc;
}

static km_rc seal(struct km_store *s, struct km_filed *r, const struct km_subject_key *key,
		  const void *message, size_t len)
{
	uint8_t sealed[KM_REQUEST_BYTES + KM_SEAL_OVERHEAD];
	const struct km_aad aad = request_aad(r);
	struct query q QUERY = query_new(s, SQL_REQUEST_SEAL);
	size_t sealed_len = 0;
	km_rc rc = km_seal(s->keys, key, &aad, message, len, sealed, sizeof(sealed), &sealed_len);

	if (!rc)
		rc = row_mac_request(s, r, r->mac);
	if (rc)
		return rc;
	query_blob(&q, r->mac, sizeof(r->mac));
	query_blob(&q, sealed, sealed_len);
	query_int(&q, (int64_t)r->id);
	return query_run(&q);
}

km_rc store_request_file(struct km_store *s, struct km_filed *r, const void *message, size_t len,
			 struct km_event_record *event)
{
	struct km_subject_key key KM_SUBJECT_KEY = { 0 };
	struct store_op step STORE_OP = { 0 };
	struct km_filed made = *r;
	km_rc rc;

	if (len == 0 || len > KM_REQUEST_BYTES || r->expires <= s->now.wall)
		return KM_EINVAL;
	made.filed = s->now.wall;
	rc = store_op_begin(&step, s, false);
	if (!rc)
		rc = below_limits(s, &made);
	if (!rc)
		rc = work_key_make(s, made.ref, &key);
	if (!rc)
		rc = insert(s, &made, len + KM_SEAL_OVERHEAD);
	if (!rc)
		rc = seal(s, &made, &key, message, len);
	if (!rc) {
		record_number(event, "request", made.id);
		rc = chain_append(s, event);
	}
	if (!rc)
		rc = store_op_done(&step);
	if (!rc)
		*r = made;
	return rc;
}

/* --- reading ------------------------------------------------------------------------------ */

km_rc store_request(struct km_store *s, uint64_t id, struct km_filed *out)
{
	struct query q QUERY = query_new(s, SQL_REQUEST);

	query_number(&q, id);
	return row_read_request(s, &q, out);
}

km_rc store_requests(struct km_store *s, uint64_t after, size_t limit, struct km_filed *out,
		     size_t *count)
{
	struct query q QUERY = query_new(s, SQL_REQUEST_PAGE);
	size_t found = 0;
	km_rc rc = KM_OK;

	query_number(&q, after);
	query_number(&q, limit);
	while (found < limit && !(rc = row_read_request(s, &q, &out[found])))
		found++;
	if (rc && rc != KM_ENOTFOUND)
		return rc;
	*count = found;
	return KM_OK;
}

km_rc store_request_open(struct km_store *s, const struct km_filed *r, void *message, size_t cap,
			 size_t *len)
{
	uint8_t sealed[KM_REQUEST_BYTES + KM_SEAL_OVERHEAD];
	struct km_subject_key key KM_SUBJECT_KEY = { 0 };
	struct query q QUERY = query_new(s, SQL_REQUEST);
	struct km_aad aad;
	struct km_filed row;
	size_t sealed_len;
	km_rc rc;

	query_int(&q, (int64_t)r->id);
	rc = row_read_request(s, &q, &row);
	if (rc)
		return rc;
	sealed_len = query_get_bytes(&q, sealed, sizeof(sealed));
	if (q.rc)
		return q.rc;
	aad = request_aad(&row);
	rc = work_key_open(s, row.ref, &key);
	return rc ? rc : km_unseal(s->keys, &key, &aad, sealed, sealed_len, message, cap, len);
}

km_rc store_request_expired(struct km_store *s, struct km_filed *out)
{
	struct query q QUERY = query_new(s, SQL_REQUEST_EXPIRED);

	query_int(&q, s->now.wall);
	return row_read_request(s, &q, out);
}

/* --- the end ---------------------------------------------------------------------------- */

static km_rc take(struct km_store *s, const struct km_filed *r)
{
	struct query q QUERY = query_new(s, SQL_REQUEST_DELETE);
	km_rc rc;

	query_int(&q, (int64_t)r->id);
	query_blob(&q, r->mac, sizeof(r->mac));
	rc = query_run(&q);
	return rc ? rc : work_key_destroy(s, r->ref);
}

km_rc store_request_take(struct km_store *s, const struct km_filed *r,
			 const struct km_event_record *event)
{
	struct store_op step STORE_OP = { 0 };
	km_rc rc = store_op_begin(&step, s, false);

	if (!rc)
		rc = take(s, r);
	if (!rc && event)
		rc = chain_append(s, event);
	return rc ? rc : store_op_done(&step);
}

static km_rc one_about(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
		       struct km_filed *out)
{
	struct query q QUERY = query_new(s, SQL_REQUEST_OF_SUBJECT);

	query_blob(&q, subject, KM_SUBJECT_BYTES);
	return row_read_request(s, &q, out);
}

km_rc requests_destroy(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES])
{
	struct km_filed r;
	km_rc rc;

	while (!(rc = one_about(s, subject, &r))) {
		rc = take(s, &r);
		if (rc)
			return rc;
	}
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}
