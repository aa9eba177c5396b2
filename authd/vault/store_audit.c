/* Reading the audit trail, and finding the first record that is not as it was written. */
#include "signer.h"

#include <inttypes.h>
#include <string.h>

/*
 * How far a record may have been moved for us to say so; beyond, it is
 * "changed". Every pair of places in the window is tried, so its square counts.
 */
#define MOVED_WINDOW 48

#define RIGHTS_SLICE 20000 /* records looked at in one go: some 10 ms, in which logins wait */

static void take_record(struct query *q, struct chain_record *r)
{
	r->seq = query_get_int(q);
	query_get_blob(q, r->chain, sizeof(r->chain));
	r->wall = query_get_int(q);
	r->boot_ms = query_get_int(q);
	query_get_blob(q, r->boot_id, sizeof(r->boot_id));
	r->event = query_get_int(q);
	query_get_blob(q, r->subject, sizeof(r->subject));
	query_get_text(q, r->actor, sizeof(r->actor));
	query_get_blob(q, r->body_hash, sizeof(r->body_hash));
	r->body_len = query_get_bytes(q, r->body, sizeof(r->body));
	query_get_blob(q, r->hash, sizeof(r->hash));
}

/* --- listing ------------------------------------------------------------------------------ */

static km_rc show(struct km_store *s, const struct chain_record *r, struct km_audit_row *out)
{
	*out = (struct km_audit_row){
		.seq = (uint64_t)r->seq,
		.wall = r->wall,
		.boot_ms = r->boot_ms,
		.event = (uint16_t)r->event,
	};
	memcpy(out->boot_id, r->boot_id, sizeof(out->boot_id));
	memcpy(out->subject, r->subject, sizeof(out->subject));
	memcpy(out->actor, r->actor, sizeof(out->actor));
	memcpy(out->hash, r->hash, sizeof(out->hash));
	return chain_body(s, r, out->body, sizeof(out->body));
}

/* The rows of a query, up to limit. */
static km_rc take_page(struct km_store *s, struct query *q, size_t limit, struct km_audit_row *out,
		       size_t *count)
{
	struct chain_record r;
	size_t n = 0;
	km_rc rc = KM_ENOTFOUND;

	while (n < limit && !(rc = query_row(q))) {
		take_record(q, &r);
		rc = q->rc ? q->rc : show(s, &r, &out[n]);
		if (rc)
			return rc;
		n++;
	}
	if (q->rc)
		return q->rc;
	if (rc && rc != KM_ENOTFOUND)
		return rc;
	*count = n;
	return KM_OK;
}

static km_rc page_of_all(struct km_store *s, uint64_t after, size_t limit, struct km_audit_row *out,
			 size_t *count)
{
	struct query q QUERY = query_new(s, SQL_AUDIT_PAGE);

	query_number(&q, after);
	query_number(&q, limit);
	return take_page(s, &q, limit, out, count);
}

/* Up to which record the index has all of a subject. Of nobody it has nothing. */
static uint64_t indexed_of(const struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES])
{
	static const uint8_t nobody[KM_SUBJECT_BYTES];

	return memcmp(subject, nobody, sizeof(nobody)) == 0 ? 0 : s->at.indexed;
}

static km_rc page_indexed(struct km_store *s, uint64_t after, const uint8_t *subject, size_t limit,
			  struct km_audit_row *out, size_t *count)
{
	struct query q QUERY = query_new(s, SQL_AUDIT_SUBJECT_INDEXED);

	query_blob(&q, subject, KM_SUBJECT_BYTES);
	query_number(&q, after);
	query_number(&q, indexed_of(s, subject));
	query_number(&q, limit);
	return take_page(s, &q, limit, out, count);
}

static km_rc page_later(struct km_store *s, uint64_t after, const uint8_t *subject, size_t limit,
			struct km_audit_row *out, size_t *count)
{
	struct query q QUERY = query_new(s, SQL_AUDIT_SUBJECT_LATER);
	uint64_t indexed = indexed_of(s, subject);

	query_blob(&q, subject, KM_SUBJECT_BYTES);
	query_number(&q, after < indexed ? indexed : after);
	query_number(&q, limit);
	return take_page(s, &q, limit, out, count);
}

/* What the index does not have yet is read only where a page has room for it. */
km_rc store_audit(struct km_store *s, uint64_t after, const uint8_t *subject, size_t limit,
		  struct km_audit_row *out, size_t *count)
{
	size_t indexed = 0, later = 0;
	km_rc rc;

	if (!subject)
		return page_of_all(s, after, limit, out, count);
	rc = page_indexed(s, after, subject, limit, out, &indexed);
	if (!rc && indexed < limit)
		rc = page_later(s, after, subject, limit - indexed, out + indexed, &later);
	if (!rc)
		*count = indexed + later;
	return rc;
}

km_rc store_audit_rights(struct km_store *s, uint64_t *after, size_t limit,
			 struct km_audit_row *out, size_t *count)
{
	struct query q QUERY = query_new(s, SQL_AUDIT_RIGHTS);
	uint64_t end = s->at.head.seq, upto = end;
	km_rc rc;

	if (*after < end && end - *after > RIGHTS_SLICE)
		upto = *after + RIGHTS_SLICE;
	query_number(&q, *after);
	query_number(&q, upto);
	query_number(&q, limit);
	rc = take_page(s, &q, limit, out, count);
	if (rc)
		return rc;
	*after = *count == limit && limit ? out[limit - 1].seq : upto;
	return *after < end ? KM_EAGAIN : KM_OK;
}

km_rc store_audit_last(struct km_store *s, const uint8_t *subject, uint32_t n, uint64_t *after)
{
	struct query q QUERY = query_new(s, subject ? SQL_AUDIT_SUBJECT_LAST : SQL_AUDIT_LAST);
	uint64_t found = 0;
	km_rc rc;

	if (subject) {
		query_blob(&q, subject, KM_SUBJECT_BYTES);
		query_number(&q, indexed_of(s, subject));
	}
	query_int(&q, n);
	rc = query_row(&q);
	if (rc && rc != KM_ENOTFOUND)
		return rc;
	if (!rc)
		found = (uint64_t)query_get_int(&q);
	if (!q.rc)
		*after = found;
	return q.rc;
}

km_rc store_audit_hash(struct km_store *s, uint64_t seq, uint8_t hash[32])
{
	struct query q QUERY = query_new(s, SQL_AUDIT_HASH);
	uint8_t found[CHAIN_HASH_BYTES];
	km_rc rc;

	query_number(&q, seq);
	rc = query_row(&q);
	if (rc)
		return rc;
	query_get_blob(&q, found, sizeof(found));
	if (!q.rc)
		memcpy(hash, found, sizeof(found));
	return q.rc;
}

km_rc store_head(struct km_store *s, struct km_head *out)
{
	if (s->flushed.head.seq > INT64_MAX)
		return KM_ECORRUPT;
	*out = s->flushed.head;
	return KM_OK;
}

/* --- verifying ------------------------------------------------------------------------------ */

static void bad(struct km_verify *v, uint64_t seq, const char *what)
{
	verify_bad(v, seq, "record %" PRIu64 " %s", seq, what);
}

/* Does the record, written at any place near here, give the hash that it carries? */
static km_rc was_moved(struct km_store *s, const struct chain_record *r, bool *moved)
{
	uint8_t prev[2 * MOVED_WINDOW][CHAIN_HASH_BYTES], hash[CHAIN_HASH_BYTES];
	struct query q QUERY = query_new(s, SQL_AUDIT_HASHES);
	int64_t from = r->seq > MOVED_WINDOW ? r->seq - MOVED_WINDOW : 1;
	struct chain_record at = *r;
	size_t count = 1;
	km_rc rc = chain_first(s, s->at.head.chain, prev[0]);

	if (rc)
		return rc;
	query_int(&q, from);
	query_int(&q, 2 * MOVED_WINDOW - 1);
	while (count < 2 * MOVED_WINDOW && !(rc = query_row(&q))) {
		query_get_blob(&q, prev[count], CHAIN_HASH_BYTES);
		if (q.rc == KM_OK)
			count++;
		q.rc = KM_OK; /* a damaged neighbour is no predecessor */
	}
	if (rc && rc != KM_ENOTFOUND)
		return rc;
	for (at.seq = from; at.seq < from + 2 * MOVED_WINDOW; at.seq++) {
		for (size_t i = 0; i < count; i++) {
			rc = chain_hash(s, prev[i], &at, hash);
			if (rc)
				return rc;
			if (at.seq != r->seq && memcmp(hash, r->hash, sizeof(hash)) == 0) {
				*moved = true;
				return KM_OK;
			}
		}
	}
	return KM_OK;
}

/* One record against its place. Sets v->bad, or takes its hash over. */
static km_rc verify_record(struct km_store *s, struct km_verify *v, const struct chain_record *r)
{
	uint8_t body[CHAIN_HASH_BYTES], hash[CHAIN_HASH_BYTES];
	bool moved = false;
	km_rc rc = chain_digest(s, r->body, r->body_len, body);

	if (!rc)
		rc = chain_hash(s, v->hash, r, hash);
	if (rc)
		return rc;
	if (memcmp(body, r->body_hash, sizeof(body)) == 0 &&
	    memcmp(hash, r->hash, sizeof(hash)) == 0 &&
	    memcmp(r->chain, s->at.head.chain, sizeof(r->chain)) == 0) {
		memcpy(v->hash, hash, sizeof(v->hash));
		v->next++;
		return KM_OK;
	}
	rc = was_moved(s, r, &moved);
	if (!rc)
		bad(v, v->next, moved ? "is out of place" : "was changed");
	return rc;
}

static km_rc verify_slice(struct km_store *s, struct km_verify *v, size_t records, bool *end)
{
	struct query q QUERY = query_new(s, SQL_AUDIT_PAGE);
	struct chain_record r;
	km_rc rc = KM_OK;

	/* From the very beginning of the table: numbers below 1 are nobody's. */
	query_int(&q, v->next == 1 ? INT64_MIN : (int64_t)v->next - 1);
	query_number(&q, records);
	for (size_t n = 0; n < records; n++) {
		rc = query_row(&q);
		if (rc == KM_ENOTFOUND) {
			*end = true;
			return KM_OK;
		}
		if (rc)
			return rc;
		take_record(&q, &r);
		if (r.seq > (int64_t)s->at.head.seq && v->next > s->at.head.seq)
			bad(v, (uint64_t)r.seq, "was added behind the sealed end");
		else if (r.seq < (int64_t)v->next)
			bad(v, v->next, "has a foreign one before it");
		else if (r.seq != (int64_t)v->next)
			bad(v, v->next, "is missing");
		else if (q.rc)
			bad(v, v->next, "was changed"); /* not even of the right form */
		else
			rc = verify_record(s, v, &r);
		q.rc = KM_OK;
		if (rc || v->bad)
			return rc;
	}
	return rc;
}

static km_rc verify_begin(struct km_store *s, struct km_verify *v)
{
	struct km_head stored = s->flushed.head;
	km_rc rc = chain_head_read(s, &stored);

	if (rc && rc != KM_ECORRUPT && rc != KM_ENOTFOUND)
		return rc;
	if (rc || stored.seq != s->flushed.head.seq ||
	    memcmp(stored.hash, s->flushed.head.hash, sizeof(stored.hash)) != 0) {
		verify_bad(v, s->flushed.head.seq, "the sealed end of the trail was changed");
		return KM_OK;
	}
	v->next = 1;
	return chain_first(s, s->at.head.chain, v->hash);
}

static void verify_end(struct km_store *s, struct km_verify *v)
{
	const struct km_head *head = &s->at.head;

	v->part = KM_VERIFY_SIGNERS;
	if (v->next <= head->seq) {
		uint64_t missing = head->seq - v->next + 1;

		verify_bad(v, v->next,
			   "the end of the trail is cut off: %" PRIu64 " record%s missing", missing,
			   missing == 1 ? " is" : "s are");
	} else if (memcmp(v->hash, head->hash, sizeof(v->hash)) != 0) {
		/* Somebody wrote the chain anew; where that began, nobody can tell. */
		verify_bad(v, head->seq,
			   "the trail does not lead to its sealed end: it was rewritten");
	}
}

static km_rc verify_records(struct km_store *s, struct km_verify *v, size_t records)
{
	bool end = false;
	km_rc rc = v->next == 0 ? verify_begin(s, v) : KM_OK;

	if (!rc && !v->finished)
		rc = verify_slice(s, v, records, &end);
	if (!rc && end && !v->finished)
		verify_end(s, v);
	return rc;
}

km_rc store_audit_verify(struct km_store *s, struct km_verify *v, size_t records)
{
	size_t signatures = 1 + records / KM_VERIFY_SIGNATURE;
	struct km_verify next = *v;
	km_rc rc = KM_OK;

	if (next.finished)
		return KM_OK;
	if (next.part == KM_VERIFY_RECORDS)
		rc = verify_records(s, &next, records);
	else if (next.part == KM_VERIFY_SIGNERS)
		rc = verify_signers(s, &next, signatures);
	else
		rc = verify_seals(s, &next, signatures);
	if (!rc)
		*v = next;
	return rc;
}
