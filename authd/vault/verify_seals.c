/*
 * Signers and seals against the chain. By the time they are looked at, the
 * chain leads from its first record to its end; whether it is the chain that was
 * written, the signatures say: those of earlier epochs, whose keys are gone, and
 * in the judge's lines those of this one.
 */
#include "signer.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void verify_bad(struct km_verify *v, uint64_t seq, const char *format, ...)
{
	va_list args;

	v->bad = seq ? seq : 1;
	v->finished = true;
	va_start(args, format);
	(void)vsnprintf(v->why, sizeof(v->why), format, args);
	va_end(args);
}

/* --- signers ---------------------------------------------------------------------- */

/* The hash of a record, from the row's next column; what there is before the first, for 0. */
static km_rc hash_there(struct km_store *s, struct query *q, uint64_t seq,
			uint8_t hash[CHAIN_HASH_BYTES], bool *there)
{
	if (seq == 0) {
		*there = true;
		return chain_first(s, s->at.head.chain, hash);
	}
	*there = !query_is_null(q);
	if (*there)
		query_get_blob(q, hash, CHAIN_HASH_BYTES);
	return q->rc;
}

/* Signed by the one before it; the first, which signs from the first record on, by itself. */
static km_rc signed_in_order(struct km_store *s, const struct km_verify *v,
			     const struct km_signer *g)
{
	const struct km_signer *before = v->signer.generation ? &v->signer : g;

	if (v->signer.generation == 0 && g->since_seq != 0)
		return KM_ECORRUPT;
	if (g->since_seq < v->signer.since_seq)
		return KM_ECORRUPT;
	return signer_verify(s->at.head.chain, g, before->public);
}

/*
 * By itself: only right before the record which says that the trail was restored there, since
 * nobody has its predecessor's private part any more.
 */
static km_rc signed_after_restore(struct km_store *s, struct km_verify *v,
				  const struct km_signer *g)
{
	struct query q QUERY = query_new(s, SQL_AUDIT_EVENT);
	km_rc rc;

	if (v->signer.generation == 0 || g->since_seq < v->signer.since_seq)
		return KM_ECORRUPT;
	query_int(&q, (int64_t)g->since_seq + 1);
	rc = query_row(&q);
	if (!rc && query_get_int(&q) != KM_EVENT_RESTORED)
		rc = KM_ENOTFOUND;
	if (!rc)
		rc = q.rc ? q.rc : signer_verify(s->at.head.chain, g, g->public);
	if (!rc)
		v->restored = g->since_seq + 1;
	return rc == KM_ENOTFOUND ? KM_ECORRUPT : rc;
}

static km_rc verify_signer(struct km_store *s, struct km_verify *v, struct query *q)
{
	uint8_t hash[CHAIN_HASH_BYTES];
	struct km_signer g;
	bool there = false;
	km_rc rc;

	take_signer(q, &g);
	rc = q->rc ? q->rc : signed_in_order(s, v, &g);
	if (rc == KM_ECORRUPT && !q->rc)
		rc = signed_after_restore(s, v, &g);
	if (rc == KM_ECORRUPT) {
		q->rc = KM_OK;
		verify_bad(v, v->signer.since_seq + 1,
			   "a signer after generation %" PRIu32 " is missing or not signed by its "
			   "predecessor: the signers were changed",
			   v->signer.generation);
		return KM_OK;
	}
	if (!rc)
		rc = hash_there(s, q, g.since_seq, hash, &there);
	if (rc)
		return rc;
	if (!there)
		verify_bad(v, g.since_seq,
			   "record %" PRIu64 ", after which the signer of generation %" PRIu32
			   " took over, is missing: the end of the trail was cut off",
			   g.since_seq, g.generation);
	else if (memcmp(hash, g.since_hash, sizeof(hash)) != 0)
		verify_bad(v, g.since_seq,
			   "record %" PRIu64 " is not the one after which the signer of generation "
			   "%" PRIu32 " took over: the trail was rewritten at or before it",
			   g.since_seq, g.generation);
	else {
		v->signer = g;
		v->checked = g.generation;
	}
	return KM_OK;
}

km_rc verify_signers(struct km_store *s, struct km_verify *v, size_t count)
{
	struct query q QUERY = query_new(s, SQL_SIGNER_VERIFY);
	km_rc rc = KM_OK;

	query_int(&q, v->signer.generation);
	query_number(&q, count);
	for (size_t n = 0; !rc && !v->bad && n < count; n++) {
		rc = query_row(&q);
		if (!rc)
			rc = verify_signer(s, v, &q);
	}
	if (rc != KM_ENOTFOUND)
		return rc;
	if (v->signer.generation == 0)
		verify_bad(v, 1, "no signer of the trail is there: they were taken away");
	v->part = KM_VERIFY_SEALS;
	v->signer = (struct km_signer){ 0 };
	return KM_OK;
}

/* --- seals --------------------------------------------------------------------------- */

/* *until: the record up to which that generation signs, the last one included. */
static km_rc signer_of(struct km_store *s, uint32_t generation, struct km_signer *out,
		       uint64_t *until)
{
	struct query q QUERY = query_new(s, SQL_SIGNER_AT);
	struct km_signer next;
	size_t count = 0;
	km_rc rc;

	query_int(&q, generation);
	rc = query_row(&q);
	if (rc)
		return rc;
	take_signer(&q, out);
	rc = q.rc ? q.rc : store_signers(s, generation, 1, &next, &count);
	if (!rc)
		*until = count ? next.since_seq : INT64_MAX;
	return rc;
}

/* The next row's seal, as an anchor without its public key. */
static km_rc take_seal(struct km_store *s, struct query *q, struct km_anchor *out)
{
	*out = (struct km_anchor){ .seq = query_get_number(q, INT64_MAX) };
	out->generation = (uint32_t)query_get_number(q, UINT32_MAX);
	query_get_blob(q, out->hash, sizeof(out->hash));
	out->wall = query_get_int(q);
	query_get_blob(q, out->signature, sizeof(out->signature));
	memcpy(out->chain, s->at.head.chain, sizeof(out->chain));
	return q->rc;
}

/* Made by whom it says, at the time that was theirs? */
static km_rc seal_is_genuine(struct km_store *s, struct km_verify *v, struct km_anchor *a)
{
	km_rc rc = KM_OK;

	if (a->generation != v->signer.generation)
		rc = signer_of(s, a->generation, &v->signer, &v->until);
	if (rc == KM_ENOTFOUND || (!rc && (a->seq < v->signer.since_seq || a->seq > v->until)))
		return KM_ECORRUPT;
	memcpy(a->public, v->signer.public, sizeof(a->public));
	return rc ? rc : seal_verify(a);
}

static km_rc verify_seal(struct km_store *s, struct km_verify *v, struct query *q)
{
	uint8_t hash[CHAIN_HASH_BYTES];
	struct km_anchor a;
	int64_t wall = 0;
	bool there;
	km_rc rc = take_seal(s, q, &a);

	if (!rc)
		rc = seal_is_genuine(s, v, &a);
	if (rc == KM_ECORRUPT) {
		q->rc = KM_OK;
		verify_bad(v, a.seq, "the seal on record %" PRIu64 " was changed", a.seq);
		return KM_OK;
	}
	if (rc)
		return rc;
	there = !query_is_null(q);
	if (there) {
		wall = query_get_int(q);
		query_get_blob(q, hash, sizeof(hash));
	}
	if (q->rc)
		return q->rc;
	if (!there)
		verify_bad(v, a.seq,
			   "record %" PRIu64 ", which was sealed, is missing: the end of the trail "
			   "was cut off",
			   a.seq);
	else if (wall != a.wall || memcmp(hash, a.hash, sizeof(hash)) != 0)
		verify_bad(v, a.seq,
			   "record %" PRIu64 " is not the one that was sealed: the trail was "
			   "rewritten after record %" PRIu64 ", at or before this one",
			   a.seq, v->sealed);
	else {
		v->sealed = a.seq;
		v->seals++;
	}
	return KM_OK;
}

km_rc verify_seals(struct km_store *s, struct km_verify *v, size_t count)
{
	struct query q QUERY = query_new(s, SQL_SEAL_VERIFY);
	km_rc rc = KM_OK;

	query_int(&q, v->seals ? (int64_t)v->sealed : INT64_MIN);
	query_number(&q, count);
	for (size_t n = 0; !rc && !v->bad && n < count; n++) {
		rc = query_row(&q);
		if (!rc)
			rc = verify_seal(s, v, &q);
	}
	if (rc != KM_ENOTFOUND)
		return rc;
	v->finished = true;
	return KM_OK;
}

/* --- anchors -------------------------------------------------------------------------- */

static km_rc differs(char *why, size_t cap, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static km_rc differs(char *why, size_t cap, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, cap, format, args);
	va_end(args);
	return KM_ECORRUPT;
}

static km_rc record_is_it(struct km_store *s, const struct km_anchor *a, char *why, size_t cap)
{
	uint8_t hash[CHAIN_HASH_BYTES];
	km_rc rc = store_audit_hash(s, a->seq, hash);

	if (rc == KM_ENOTFOUND)
		return differs(why, cap, "record %" PRIu64 " is missing from the trail", a->seq);
	if (rc == KM_ECORRUPT || (!rc && memcmp(hash, a->hash, sizeof(hash)) != 0))
		return differs(why, cap,
			       "record %" PRIu64 " is not the one that was written down: the trail "
			       "was rewritten at or before it",
			       a->seq);
	return rc;
}

static km_rc signer_is_it(struct km_store *s, const struct km_anchor *a, char *why, size_t cap)
{
	struct km_signer signer;
	uint64_t until;
	km_rc rc;

	if (a->generation == 0)
		return KM_OK; /* written down while nobody could sign */
	rc = signer_of(s, a->generation, &signer, &until);
	if (rc == KM_ENOTFOUND)
		return differs(why, cap,
			       "the signer of generation %" PRIu32
			       " is not known here: the signers were changed",
			       a->generation);
	if (rc == KM_ECORRUPT || (!rc && memcmp(signer.public, a->public, sizeof(a->public)) != 0))
		return differs(why, cap,
			       "the signer of generation %" PRIu32
			       " is another one here: the trail was rewritten and signed anew",
			       a->generation);
	return rc;
}

km_rc store_anchor_check(struct km_store *s, const struct km_anchor *a, char *why, size_t cap)
{
	static const struct km_anchor unsigned_one;
	const struct km_head *head = &s->flushed.head;
	km_rc rc = KM_OK;

	/* First the line by itself: it must not accuse the trail of what was done to the line. */
	if (a->generation != 0)
		rc = seal_verify(a);
	else if (memcmp(a->signature, unsigned_one.signature, sizeof(a->signature)) != 0)
		rc = KM_ECORRUPT;
	if (rc == KM_ECORRUPT)
		return differs(why, cap, "its signature is not right: the line itself was changed");
	if (rc)
		return rc;
	if (memcmp(a->chain, head->chain, sizeof(a->chain)) != 0)
		return differs(why, cap, "the audit trail is another one than was written down");
	if (a->seq > head->seq)
		return differs(why, cap,
			       "the trail ends at record %" PRIu64 ", but record %" PRIu64
			       " was written down before: its end was cut off, or the database was "
			       "put back",
			       head->seq, a->seq);
	rc = signer_is_it(s, a, why, cap);
	return rc ? rc : record_is_it(s, a, why, cap);
}
