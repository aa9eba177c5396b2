/*
 * The audit chain: hash(n) = SHA-256(hash(n-1) ‖ record n), hash(0) from the
 * chain's random id. What a record says lies in its body, sealed under a key
 * of its month; the chain holds the hash of the sealed body, so it can be
 * verified by somebody who may not read it. The end of the chain is sealed by
 * a MAC in meta, once a flush.
 */
#include "store_internal.h"

#include <stdio.h>
#include <string.h>

/* chain, seq, wall, boot_ms, boot_id, event, subject, length, actor, body_hash: 88 and the actor */
#define ENCODED_MAX (16 + 8 + 8 + 8 + 16 + 8 + KM_SUBJECT_BYTES + 1 + 64 + CHAIN_HASH_BYTES)

km_rc chain_digest(struct km_store *s, const void *bytes, size_t len,
		   uint8_t hash[CHAIN_HASH_BYTES])
{
	unsigned n = 0;

	if (!EVP_DigestInit_ex2(s->digest, s->sha256, NULL) ||
	    !EVP_DigestUpdate(s->digest, bytes, len) || !EVP_DigestFinal_ex(s->digest, hash, &n) ||
	    n != CHAIN_HASH_BYTES)
		return KM_ENOMEM;
	return KM_OK;
}

km_rc chain_first(struct km_store *s, const uint8_t chain[16], uint8_t hash[CHAIN_HASH_BYTES])
{
	static const char label[] = "kenmon audit";
	uint8_t bytes[sizeof(label) - 1 + 16];

	memcpy(bytes, label, sizeof(label) - 1);
	memcpy(bytes + sizeof(label) - 1, chain, 16);
	return chain_digest(s, bytes, sizeof(bytes), hash);
}

km_rc chain_hash(struct km_store *s, const uint8_t prev[CHAIN_HASH_BYTES],
		 const struct chain_record *r, uint8_t hash[CHAIN_HASH_BYTES])
{
	uint8_t bytes[CHAIN_HASH_BYTES + ENCODED_MAX], *at = bytes;
	size_t actor = strnlen(r->actor, 64);

	memcpy(at, prev, CHAIN_HASH_BYTES);
	memcpy(at + CHAIN_HASH_BYTES, r->chain, 16);
	at = keys_put(at + CHAIN_HASH_BYTES + 16, (uint64_t)r->seq, 8);
	at = keys_put(at, (uint64_t)r->wall, 8);
	at = keys_put(at, (uint64_t)r->boot_ms, 8);
	memcpy(at, r->boot_id, 16);
	at = keys_put(at + 16, (uint64_t)r->event, 8);
	memcpy(at, r->subject, KM_SUBJECT_BYTES);
	at = keys_put(at + KM_SUBJECT_BYTES, actor, 1);
	memcpy(at, r->actor, actor);
	memcpy(at + actor, r->body_hash, CHAIN_HASH_BYTES);
	at += actor + CHAIN_HASH_BYTES;
	return chain_digest(s, bytes, (size_t)(at - bytes), hash);
}

/* --- the sealed head --------------------------------------------------------- */

km_rc chain_head_bytes(struct km_keys *keys, const struct km_head *head,
		       uint8_t out[CHAIN_HEAD_BYTES])
{
	uint8_t bytes[16 + 8 + CHAIN_HASH_BYTES + 8];

	memcpy(bytes, head->chain, 16);
	keys_put(bytes + 16, head->seq, 8);
	memcpy(bytes + 24, head->hash, CHAIN_HASH_BYTES);
	keys_put(bytes + 24 + CHAIN_HASH_BYTES, (uint64_t)head->wall, 8);
	memcpy(out, bytes + 16, sizeof(bytes) - 16);
	return km_mac_head(keys, bytes, sizeof(bytes), out + sizeof(bytes) - 16);
}

km_rc chain_head_read(struct km_store *s, struct km_head *head)
{
	uint8_t stored[CHAIN_HEAD_BYTES], right[CHAIN_HEAD_BYTES];
	struct km_head found = *head;
	km_rc rc = meta_get(s, DB_VAULT, META_HEAD, stored, sizeof(stored));

	if (rc)
		return rc;
	found.seq = keys_get(stored, 8);
	memcpy(found.hash, stored + 8, sizeof(found.hash));
	found.wall = (int64_t)keys_get(stored + 8 + sizeof(found.hash), 8);
	rc = chain_head_bytes(s->keys, &found, right);
	if (rc)
		return rc;
	if (!km_equal(stored, sizeof(stored), right, sizeof(right)) || found.seq > INT64_MAX)
		return KM_ECORRUPT;
	*head = found;
	return KM_OK;
}

/* --- keys of the months -------------------------------------------------------- */

/* Months since year 0 of the UTC day (days → civil, after H. Hinnant). */
int64_t chain_month(int64_t wall)
{
	int64_t days = wall / 86400 - (wall % 86400 < 0) + 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t of_era = days - era * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);

	return (year + era * 400) * 12 + (5 * of_year + 2) / 153 + 2; /* March is month 2 */
}

void chain_forget_months(struct km_store *s)
{
	if (s->months)
		km_wipe(s->months, MONTH_SLOTS * sizeof(*s->months));
}

static km_rc month_stored(struct km_store *s, int64_t month, struct km_subject_key *key)
{
	struct query q QUERY = query_new(s, SQL_MONTH_KEY);
	uint8_t wrapped[KM_WRAPPED_BYTES];
	int64_t generation;
	km_rc rc;

	query_int(&q, month);
	rc = query_row(&q);
	if (rc)
		return rc;
	generation = query_get_int(&q);
	query_get_blob(&q, wrapped, sizeof(wrapped));
	if (q.rc)
		return q.rc;
	return km_month_key_unwrap(s->keys, month, (uint32_t)generation, wrapped, key);
}

/*
 * The month in which a record is written, even by a clock that fell back: of its own, and that of
 * the record before it, the later one. What is kept for years is not kept by a dead battery.
 */
static int64_t month_written(const struct km_store *s, int64_t month)
{
	int64_t before = s->at.head.seq > 0 ? chain_month(s->at.head.wall) : month;

	return before > month ? before : month;
}

static km_rc month_used(struct km_store *s, int64_t month)
{
	struct query q QUERY = query_new(s, SQL_MONTH_USED);

	query_int(&q, month);
	query_int(&q, month_written(s, month));
	return query_run_any(&q);
}

static km_rc month_make(struct km_store *s, int64_t month, struct km_subject_key *key)
{
	uint8_t wrapped[KM_WRAPPED_BYTES];
	struct query q QUERY = query_new(s, SQL_MONTH_KEY_INSERT);
	km_rc rc = km_month_key_new(s->keys, month, key, wrapped);

	if (rc)
		return rc;
	query_int(&q, month);
	query_int(&q, km_keys_generation(s->keys));
	query_blob(&q, wrapped, sizeof(wrapped));
	query_int(&q, month_written(s, month));
	return query_run(&q);
}

static km_rc month_key(struct km_store *s, int which, int64_t month, struct month_slot **out)
{
	struct month_slot *slot = &s->months[which];
	km_rc rc = KM_OK;

	if (!slot->valid || slot->month != month) {
		slot->valid = false;
		rc = month_stored(s, month, &slot->key);
		if (!rc && which == MONTH_WRITE)
			rc = month_used(s, month);
		if (rc == KM_ENOTFOUND && which == MONTH_WRITE)
			rc = month_make(s, month, &slot->key);
		if (rc)
			return rc;
		slot->month = month;
		slot->valid = true;
	}
	*out = slot;
	return KM_OK;
}

static km_rc run_on_month(struct km_store *s, enum store_sql id, int64_t month)
{
	struct query q QUERY = query_new(s, id);

	query_int(&q, month);
	return query_run(&q);
}

static km_rc oldest_before(struct km_store *s, int64_t before, int64_t *month)
{
	struct query q QUERY = query_new(s, SQL_MONTH_OLDEST);
	km_rc rc;

	query_int(&q, before);
	rc = query_row(&q);
	if (!rc)
		*month = query_get_int(&q);
	return rc ? rc : q.rc;
}

km_rc store_month_expire(struct km_store *s, unsigned keep, struct km_event_record *event)
{
	struct store_op op STORE_OP = { 0 };
	int64_t month = 0;
	km_rc rc =
	    s->now_set ? oldest_before(s, chain_month(s->now.wall) - keep, &month) : KM_EINVAL;

	if (!rc)
		rc = store_op_begin(&op, s, false);
	if (!rc)
		rc = run_on_month(s, SQL_MONTH_BLANK, month);
	if (!rc)
		rc = run_on_month(s, SQL_MONTH_DELETE, month);
	if (!rc)
		rc = epoch_owes(s);
	if (rc)
		return rc;
	chain_forget_months(s);
	(void)snprintf(event->body, sizeof(event->body), "month=%04d-%02d", (int)(month / 12),
		       (int)(month % 12) + 1);
	rc = chain_append(s, event);
	return rc ? rc : store_op_done(&op);
}

/* --- bodies ---------------------------------------------------------------------- */

static struct km_aad body_aad(const struct chain_record *r)
{
	return (struct km_aad){
		.table = "audit",
		.id = (uint64_t)r->seq,
		.subject = r->subject,
		.kind = (uint8_t)r->event,
		.version = 1,
	};
}

static km_rc seal_body(struct km_store *s, const char *text, struct chain_record *r)
{
	struct km_aad aad = body_aad(r);
	struct month_slot *slot;
	km_rc rc = month_key(s, MONTH_WRITE, chain_month(r->wall), &slot);

	if (!rc)
		rc = km_seal(s->keys, &slot->key, &aad, text, strlen(text), r->body,
			     sizeof(r->body), &r->body_len);
	return rc ? rc : chain_digest(s, r->body, r->body_len, r->body_hash);
}

km_rc chain_body(struct km_store *s, const struct chain_record *r, char *text, size_t cap)
{
	struct km_aad aad = body_aad(r);
	struct month_slot *slot;
	size_t len = 0;
	km_rc rc = month_key(s, MONTH_READ, chain_month(r->wall), &slot);

	if (!rc)
		rc =
		    km_unseal(s->keys, &slot->key, &aad, r->body, r->body_len, text, cap - 1, &len);
	/* One that does not open is damage; 'audit verify' names it, a listing goes on. */
	if (rc == KM_ENOTFOUND || rc == KM_ECORRUPT || rc == KM_ELIMIT)
		rc = KM_OK;
	if (!rc)
		text[len] = '\0';
	return rc;
}

/* --- appending ------------------------------------------------------------------- */

static km_rc insert(struct km_store *s, const struct chain_record *r)
{
	struct query q QUERY = query_new(s, SQL_AUDIT_INSERT);

	query_int(&q, r->seq);
	query_blob(&q, r->chain, sizeof(r->chain));
	query_int(&q, r->wall);
	query_int(&q, r->boot_ms);
	query_blob(&q, r->boot_id, sizeof(r->boot_id));
	query_int(&q, r->event);
	query_blob(&q, r->subject, sizeof(r->subject));
	query_text(&q, r->actor);
	query_blob(&q, r->body_hash, sizeof(r->body_hash));
	query_blob(&q, r->body, r->body_len);
	query_blob(&q, r->hash, sizeof(r->hash));
	return query_run(&q);
}

/* The next record, sealed and hashed. */
static km_rc make_next(struct km_store *s, const struct km_event_record *event,
		       struct chain_record *r)
{
	const struct km_head *head = &s->at.head;
	km_rc rc;

	/* No event, no change. */
	if (!event || event->event == KM_EVENT_NONE ||
	    strnlen(event->actor, sizeof(event->actor)) == sizeof(event->actor) ||
	    strnlen(event->body, sizeof(event->body)) == sizeof(event->body))
		return KM_EINVAL;
	*r = (struct chain_record){
		.seq = (int64_t)head->seq + 1,
		.wall = s->now.wall,
		.boot_ms = s->now.boot_ms,
		.event = (int64_t)event->event,
	};
	memcpy(r->chain, head->chain, sizeof(r->chain));
	memcpy(r->boot_id, s->now.boot_id, sizeof(r->boot_id));
	memcpy(r->subject, event->subject, sizeof(r->subject));
	memcpy(r->actor, event->actor, sizeof(r->actor));
	rc = seal_body(s, event->body, r);
	return rc ? rc : chain_hash(s, head->hash, r, r->hash);
}

km_rc chain_pretend(struct km_store *s, const struct km_event_record *event)
{
	struct query q QUERY = { 0 };
	struct chain_record r;
	km_rc rc = make_next(s, event, &r);

	if (rc)
		return rc;
	q = query_new(s, SQL_AUDIT_EVENT);
	query_int(&q, r.seq);
	rc = query_row(&q);
	if (rc != KM_ENOTFOUND)
		return rc ? rc : KM_ECORRUPT;
	s->pretended = true;
	return KM_OK;
}

km_rc chain_append(struct km_store *s, const struct km_event_record *event)
{
	struct km_head *head = &s->at.head;
	struct chain_record r;
	km_rc rc = make_next(s, event, &r);

	if (!rc)
		rc = insert(s, &r);
	if (rc)
		return rc == KM_EEXIST ? KM_ECORRUPT : rc;
	head->seq++;
	head->wall = r.wall;
	memcpy(head->hash, r.hash, sizeof(head->hash));
	return KM_OK;
}
