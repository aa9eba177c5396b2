/*
 * Somebody who has taken everything that this machine has: the file, the master
 * key, the present KEK, and so the present signer's private part. Only what was
 * destroyed before is beyond them. For the tests of the trail.
 */
#ifndef KENMON_TESTS_THIEF_H
#define KENMON_TESTS_THIEF_H

#include "epochs.h"

#include "../../authd/vault/sign.h"
#include "../../authd/vault/signer.h"

/* --- time that passes ---------------------------------------------------------------- */

static inline void live(struct box *b, unsigned records)
{
	for (unsigned i = 0; i < records; i++) {
		b->now.wall += 7;
		store_set_now(b->s, &b->now);
		assert_int_equal(record(b, "n=1"), KM_OK);
	}
	assert_int_equal(store_seal(b->s), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
}

static inline struct km_verify verified(struct box *b)
{
	struct km_verify v = { 0 };

	while (!v.finished)
		assert_int_equal(store_audit_verify(b->s, &v, 17), KM_OK);
	return v;
}

static inline struct km_anchor anchor(struct box *b)
{
	struct km_anchor a;

	assert_int_equal(store_sign_head(b->s, &a), KM_OK);
	return a;
}

/* --- what they write ------------------------------------------------------------------- */

/* A record's columns and hash, as they lie there. */
static inline struct chain_record record_at(struct box *b, int64_t seq)
{
	struct chain_record r = { .seq = seq };
	sqlite3_stmt *st = NULL;

	assert_int_equal(
	    sqlite3_prepare_v2(b->s->db[DB_VAULT].handle,
			       "SELECT chain, wall, boot_ms, boot_id, event, subject, actor, "
			       "body_hash, hash FROM audit WHERE seq = ?1",
			       -1, &st, NULL),
	    SQLITE_OK);
	sqlite3_bind_int64(st, 1, seq);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	memcpy(r.chain, sqlite3_column_blob(st, 0), 16);
	r.wall = sqlite3_column_int64(st, 1);
	r.boot_ms = sqlite3_column_int64(st, 2);
	memcpy(r.boot_id, sqlite3_column_blob(st, 3), 16);
	r.event = sqlite3_column_int64(st, 4);
	memcpy(r.subject, sqlite3_column_blob(st, 5), 16);
	set_text(r.actor, sizeof(r.actor), (const char *)sqlite3_column_text(st, 6));
	memcpy(r.body_hash, sqlite3_column_blob(st, 7), 32);
	memcpy(r.hash, sqlite3_column_blob(st, 8), 32);
	sqlite3_finalize(st);
	return r;
}

static inline void put_blob(struct box *b, const char *text, const void *bytes, size_t len,
			    int64_t key)
{
	sqlite3_stmt *st = NULL;

	assert_int_equal(sqlite3_prepare_v2(b->s->db[DB_VAULT].handle, text, -1, &st, NULL),
			 SQLITE_OK);
	sqlite3_bind_blob64(st, 1, bytes, len, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, key);
	assert_int_equal(sqlite3_step(st), SQLITE_DONE);
	sqlite3_finalize(st);
}

/* Another end of the chain, under the MAC of the real key; the vault takes it for its own. */
static inline void forge_head(struct box *b, int64_t seq)
{
	struct km_head head = b->s->flushed.head;
	uint8_t bytes[CHAIN_HEAD_BYTES];
	struct chain_record r = record_at(b, seq);

	head.seq = (uint64_t)seq;
	head.wall = r.wall;
	memcpy(head.hash, r.hash, sizeof(head.hash));
	assert_int_equal(chain_head_bytes(b->keys, &head, bytes), KM_OK);
	put_blob(b, "UPDATE meta SET value = ?1 WHERE key = 'audit_head' AND ?2 = 0", bytes,
		 sizeof(bytes), 0);
}

/* Record from is another event now, and every hash behind it is computed anew. */
static inline void forge_records(struct box *b, int64_t from, int64_t last)
{
	struct chain_record r = record_at(b, from - 1);
	uint8_t prev[CHAIN_HASH_BYTES];
	char text[80];

	memcpy(prev, r.hash, sizeof(prev));
	(void)snprintf(text, sizeof(text), "UPDATE audit SET event = event + 1 WHERE seq = %d",
		       (int)from);
	sql(b, DB_VAULT, text);
	for (int64_t seq = from; seq <= last; seq++) {
		r = record_at(b, seq);
		assert_int_equal(chain_hash(b->s, prev, &r, prev), KM_OK);
		put_blob(b, "UPDATE audit SET hash = ?1 WHERE seq = ?2", prev, sizeof(prev), seq);
	}
	forge_head(b, last);
}

/* Seals of the present signer, genuine by its key, on what stands there now. */
static inline void forge_seals(struct box *b)
{
	struct km_head head = b->s->at.head;
	sqlite3_stmt *st = NULL;
	int64_t seqs[64];
	size_t count = 0;

	assert_int_equal(signer_check(b->s), KM_OK);
	assert_int_equal(sqlite3_prepare_v2(b->s->db[DB_VAULT].handle,
					    "SELECT seq FROM seal WHERE generation = ?1", -1, &st,
					    NULL),
			 SQLITE_OK);
	sqlite3_bind_int64(st, 1, b->s->signer.row.generation);
	while (sqlite3_step(st) == SQLITE_ROW && count < 64)
		seqs[count++] = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sql(b, DB_VAULT,
	    "DELETE FROM seal WHERE generation = (SELECT max(generation) FROM signer)");
	for (size_t i = 0; i < count; i++) {
		struct chain_record r = record_at(b, seqs[i]);

		b->s->at.head.seq = (uint64_t)r.seq;
		b->s->at.head.wall = r.wall;
		memcpy(b->s->at.head.hash, r.hash, sizeof(r.hash));
		assert_int_equal(store_seal(b->s), KM_OK);
	}
	b->s->at.head = head;
}

/* Everything so far was written behind the store's back: it is there when the vault starts. */
static inline void done_and_restarted(struct box *b)
{
	b->s->db[DB_VAULT].dirty = true;
	b->s->at = b->s->flushed; /* whose head would be written over the forged one */
	assert_int_equal(store_flush(b->s), KM_OK);
	box_again(b);
	assert_string_equal(b->why, "");
}

/* What is written from here on is one batch, of which the store thinks it is its own. */
static inline void thief_begins(struct box *b)
{
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(store_batch(b->s, DB_VAULT), KM_OK);
}

#endif
