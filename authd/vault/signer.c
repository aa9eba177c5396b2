/*
 * Who signs the trail. A signer is an Ed25519 key that lives for one key epoch:
 * its private part is wrapped by the KEK of that generation and overwritten when
 * the next one takes over. Each is signed by the one before it, together with the
 * place in the chain at which it took over, so that whoever steals the present
 * key can neither sign for an earlier epoch nor change what lies before this one.
 */
#include "signer.h"

#include <string.h>

#include <kenmon/certificate.h>
#include <kenmon/signature.h>

#include "sign.h"

static const char seal_label[] = "kenmon seal 1";

#define SEAL_MESSAGE (sizeof(seal_label) + 16 + 4 + 8 + CHAIN_HASH_BYTES + 8)

static void signer_message(const uint8_t chain[16], const struct km_signer *signer,
			   uint8_t out[KM_SIGNER_MESSAGE])
{
	struct msg_signer_row row = { .generation = signer->generation,
				      .since_seq = signer->since_seq };

	memcpy(row.public, signer->public, sizeof(row.public));
	memcpy(row.since_hash, signer->since_hash, sizeof(row.since_hash));
	km_signer_message(chain, &row, out);
}

static void seal_message(const struct km_anchor *a, uint8_t out[SEAL_MESSAGE])
{
	memcpy(out, seal_label, sizeof(seal_label));
	memcpy(out + sizeof(seal_label), a->chain, 16);
	out = keys_put(out + sizeof(seal_label) + 16, a->generation, 4);
	out = keys_put(out, a->seq, 8);
	memcpy(out, a->hash, CHAIN_HASH_BYTES);
	keys_put(out + CHAIN_HASH_BYTES, (uint64_t)a->wall, 8);
}

km_rc signer_verify(const uint8_t chain[16], const struct km_signer *signer,
		    const uint8_t by[KM_PUBLIC_BYTES])
{
	uint8_t message[KM_SIGNER_MESSAGE];

	signer_message(chain, signer, message);
	return km_signature_verify(by, message, sizeof(message), signer->signature);
}

km_rc seal_verify(const struct km_anchor *a)
{
	uint8_t message[SEAL_MESSAGE];

	seal_message(a, message);
	return km_signature_verify(a->public, message, sizeof(message), a->signature);
}

/* --- rows ------------------------------------------------------------------------ */

void take_signer(struct query *q, struct km_signer *out)
{
	out->generation = (uint32_t)query_get_number(q, UINT32_MAX);
	query_get_blob(q, out->public, sizeof(out->public));
	out->since_seq = query_get_number(q, INT64_MAX);
	query_get_blob(q, out->since_hash, sizeof(out->since_hash));
	query_get_blob(q, out->signature, sizeof(out->signature));
}

/* The newest. KM_ENOTFOUND: there is none. */
static km_rc signer_last(struct km_store *s, struct stored_signer *out)
{
	struct query q QUERY = query_new(s, SQL_SIGNER_LAST);
	struct stored_signer found;
	km_rc rc = query_row(&q);

	if (rc)
		return rc;
	take_signer(&q, &found.row);
	query_get_blob(&q, found.wrapped, sizeof(found.wrapped));
	if (!q.rc)
		*out = found;
	return q.rc;
}

void signer_forget(struct km_store *s)
{
	s->signer_known = false;
}

/* The present signer, from the table once. */
static km_rc signer_now(struct km_store *s)
{
	km_rc rc = s->signer_known ? KM_OK : signer_last(s, &s->signer);

	s->signer_known = !rc;
	return rc;
}

static km_rc insert(struct km_store *s, const struct stored_signer *signer)
{
	struct query q QUERY = query_new(s, SQL_SIGNER_INSERT);

	query_int(&q, signer->row.generation);
	query_blob(&q, signer->row.public, sizeof(signer->row.public));
	query_int(&q, (int64_t)signer->row.since_seq);
	query_blob(&q, signer->row.since_hash, sizeof(signer->row.since_hash));
	query_blob(&q, signer->row.signature, sizeof(signer->row.signature));
	query_blob(&q, signer->wrapped, sizeof(signer->wrapped));
	return query_run(&q);
}

/* Overwritten in place, as a subject's key is. */
static km_rc blank_before(struct km_store *s, uint32_t generation)
{
	struct query q QUERY = query_new(s, SQL_SIGNER_BLANK);

	query_int(&q, generation);
	return query_run_any(&q);
}

/* --- signing ----------------------------------------------------------------------- */

static km_rc sign_head(struct km_store *s, const struct km_head *head, struct km_anchor *out)
{
	struct km_subject_key seed KM_SUBJECT_KEY = { { 0 } };
	struct km_anchor a = { .seq = head->seq,
			       .wall = head->wall,
			       .generation = s->signer.row.generation };
	uint8_t message[SEAL_MESSAGE];
	km_rc rc;

	memcpy(a.chain, head->chain, sizeof(a.chain));
	memcpy(a.hash, head->hash, sizeof(a.hash));
	memcpy(a.public, s->signer.row.public, sizeof(a.public));
	seal_message(&a, message);
	rc = km_signer_seed_unwrap(s->keys, a.generation, s->signer.wrapped, &seed);
	if (!rc)
		rc = sign_bytes(&seed, message, sizeof(message), a.signature);
	if (!rc)
		*out = a;
	return rc;
}

km_rc store_sign_head(struct km_store *s, struct km_anchor *out)
{
	struct km_anchor a = { .seq = s->flushed.head.seq, .wall = s->flushed.head.wall };
	km_rc rc = signer_now(s);

	if (!rc)
		rc = sign_head(s, &s->flushed.head, &a);
	if (rc != KM_OK && rc != KM_ENOTFOUND && rc != KM_ECORRUPT)
		return rc;
	memcpy(a.chain, s->flushed.head.chain, sizeof(a.chain));
	memcpy(a.hash, s->flushed.head.hash, sizeof(a.hash));
	*out = a;
	return KM_OK;
}

km_rc store_signer(struct km_store *s, struct km_signer *out)
{
	km_rc rc = signer_check(s);

	if (rc == KM_ECORRUPT && !s->lost)
		return KM_ENOTFOUND;
	if (!rc)
		*out = s->signer.row;
	return rc;
}

km_rc store_sign(struct km_store *s, const void *bytes, size_t len,
		 uint8_t signature[KM_SIGNATURE_BYTES])
{
	struct km_subject_key seed KM_SUBJECT_KEY = { { 0 } };
	km_rc rc = signer_now(s);

	if (!rc)
		rc = km_signer_seed_unwrap(s->keys, s->signer.row.generation, s->signer.wrapped,
					   &seed);
	return rc ? rc : sign_bytes(&seed, bytes, len, signature);
}

/* The end of the chain as this batch has it. */
static km_rc seal_head(struct km_store *s)
{
	struct query q QUERY = query_new(s, SQL_SEAL_INSERT);
	struct km_anchor a;
	km_rc rc = q.rc ? q.rc : sign_head(s, &s->at.head, &a);

	if (rc)
		return rc;
	query_int(&q, (int64_t)a.seq);
	query_int(&q, a.generation);
	query_blob(&q, a.hash, sizeof(a.hash));
	query_int(&q, a.wall);
	query_blob(&q, a.signature, sizeof(a.signature));
	return query_run_any(&q);
}

static km_rc seal_now(struct km_store *s)
{
	struct store_op op STORE_OP = { 0 };
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc)
		rc = signer_now(s);
	if (!rc)
		rc = seal_head(s);
	return rc ? rc : store_op_done(&op);
}

km_rc store_seal(struct km_store *s)
{
	bool alone = !store_dirty(s);
	km_rc rc = s->at.head.seq == 0 ? KM_OK : seal_now(s);

	/* A damaged page of seals must not cost a later round, which needs none. */
	if (rc && alone)
		store_undo(s);
	return rc;
}

/* --- taking over --------------------------------------------------------------------- */

km_rc signer_make(struct km_store *s, const struct km_head *at, const struct stored_signer *by,
		  struct stored_signer *out)
{
	struct km_subject_key own KM_SUBJECT_KEY = { { 0 } }, old KM_SUBJECT_KEY = { { 0 } };
	struct stored_signer made = { .row = { .generation = km_keys_generation(s->keys),
					       .since_seq = at->seq } };
	uint8_t message[KM_SIGNER_MESSAGE];
	km_rc rc = km_signer_seed_new(s->keys, &own, made.wrapped);

	if (!rc)
		rc = sign_public(&own, made.row.public);
	if (!rc && by)
		rc = km_signer_seed_unwrap(s->keys, by->row.generation, by->wrapped, &old);
	if (rc)
		return rc;
	memcpy(made.row.since_hash, at->hash, sizeof(made.row.since_hash));
	signer_message(at->chain, &made.row, message);
	rc = sign_bytes(by ? &old : &own, message, sizeof(message), made.row.signature);
	if (!rc)
		*out = made;
	return rc;
}

/* The old one seals what it vouches for and signs the new one; both, or neither where it is lost.
 */
static km_rc take_over(struct km_store *s, struct stored_signer *new)
{
	km_rc rc = signer_now(s);

	if (!rc && s->at.head.seq > 0)
		rc = seal_head(s);
	if (!rc)
		rc = signer_make(s, &s->at.head, &s->signer, new);
	/* An epoch closes all the same: 'audit verify' says that the chain of signers is broken. */
	if (rc == KM_ENOTFOUND || rc == KM_ECORRUPT)
		rc = signer_make(s, &s->at.head, NULL, new);
	return rc;
}

km_rc signer_begin(struct km_store *s)
{
	struct store_op op STORE_OP = { 0 };
	struct stored_signer new;
	km_rc rc = store_op_begin(&op, s, false);

	if (rc)
		return rc;
	rc = signer_now(s);
	if (!rc && s->signer.row.generation >= km_keys_generation(s->keys))
		return KM_OK;
	if (!rc || rc == KM_ENOTFOUND || rc == KM_ECORRUPT)
		rc = take_over(s, &new);
	if (!rc)
		rc = insert(s, &new);
	if (!rc)
		rc = blank_before(s, new.row.generation);
	if (!rc)
		rc = store_op_done(&op);
	if (!rc)
		s->signer = new;
	return rc;
}

km_rc signer_check(struct km_store *s)
{
	struct km_subject_key seed KM_SUBJECT_KEY = { { 0 } };
	km_rc rc = signer_now(s);

	return rc ? rc
		  : km_signer_seed_unwrap(s->keys, s->signer.row.generation, s->signer.wrapped,
					  &seed);
}

/* --- looking --------------------------------------------------------------------------- */

km_rc store_signers(struct km_store *s, uint32_t after, size_t limit, struct km_signer *out,
		    size_t *count)
{
	struct query q QUERY = query_new(s, SQL_SIGNER_PAGE);
	size_t n = 0;
	km_rc rc = KM_OK;

	query_int(&q, after);
	query_number(&q, limit);
	while (n < limit && !(rc = query_row(&q))) {
		take_signer(&q, &out[n]);
		if (q.rc)
			return q.rc;
		n++;
	}
	if (rc && rc != KM_ENOTFOUND)
		return rc;
	*count = n;
	return KM_OK;
}

km_rc store_last_seal(struct km_store *s, uint64_t *seq, int64_t *wall)
{
	struct query q QUERY = query_new(s, SQL_SEAL_LAST);
	uint64_t found_seq;
	int64_t found_wall;
	km_rc rc = query_row(&q);

	if (rc)
		return rc;
	found_seq = query_get_number(&q, INT64_MAX);
	found_wall = query_get_int(&q);
	if (q.rc)
		return q.rc;
	*seq = found_seq;
	*wall = found_wall;
	return KM_OK;
}
