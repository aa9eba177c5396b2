/*
 * The store as a whole: opening, batches, the flush.
 *
 * A batch is one transaction in each database it touches; each operation in
 * it is a savepoint. identity.db commits first: vault.db decides, and who is
 * left alone in identity.db when the second commit fails is deleted, and who
 * was changed is put back, before anything else is done. Two numbers
 * ("pair"), one in each file, say at start whether that is needed.
 */
#include "store_internal.h"
#include "copy.h"
#include "files.h"
#include "signer.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define WAL_IDLE_PAGES 256  /* 1 MiB: recycled when nobody waits */
#define WAL_MOST_PAGES 1024 /* 4 MiB: recycled even when somebody does */

static const char *const control_text[CONTROL_COUNT] = {
	[CONTROL_BEGIN] = "BEGIN IMMEDIATE", [CONTROL_COMMIT] = "COMMIT",
	[CONTROL_ROLLBACK] = "ROLLBACK",     [CONTROL_SAVEPOINT] = "SAVEPOINT op",
	[CONTROL_RELEASE] = "RELEASE op",    [CONTROL_UNDO] = "ROLLBACK TO op",
};

km_rc store_control(struct km_store *s, enum store_db_id db, enum store_control c)
{
	struct store_db *base = &s->db[db];
	sqlite3_stmt **st = &base->control[c];
	int code = SQLITE_OK;

	if (!*st)
		code = sqlite3_prepare_v3(base->handle, control_text[c], -1,
					  SQLITE_PREPARE_PERSISTENT, st, NULL);
	if (code == SQLITE_OK) {
		code = sqlite3_step(*st);
		sqlite3_reset(*st);
	}
	/* Out of memory the engine gives up the batch, and the next RELEASE would commit. */
	if (code != SQLITE_DONE && base->begun && sqlite3_get_autocommit(base->handle))
		s->lost = true;
	return store_rc(code);
}

km_rc store_batch(struct km_store *s, enum store_db_id db)
{
	km_rc rc = KM_OK;

	if (s->lost)
		return KM_EIO;
	if (s->reconcile && !s->db[DB_VAULT].begun && !s->db[DB_IDENTITY].begun) {
		s->reconcile = false; /* its own statements come through here */
		rc = identity_reconcile(s);
		s->reconcile = rc != KM_OK;
	}
	if (rc || s->db[db].begun)
		return rc;
	rc = store_control(s, db, CONTROL_BEGIN);
	s->db[db].begun = !rc;
	return rc;
}

/* --- operations ------------------------------------------------------------- */

km_rc store_op_begin(struct store_op *op, struct km_store *s, bool identity)
{
	km_rc rc = s->now_set ? KM_OK : KM_EINVAL;

	op->s = s;
	op->at = s->at;
	for (int db = 0; !rc && db <= (identity ? DB_IDENTITY : DB_VAULT); db++) {
		rc = store_batch(s, (enum store_db_id)db);
		if (!rc)
			rc = store_control(s, (enum store_db_id)db, CONTROL_SAVEPOINT);
		op->open[db] = !rc;
	}
	return rc;
}

km_rc store_op_done(struct store_op *op)
{
	struct km_store *s = op->s;
	km_rc rc = KM_OK;

	for (int db = 0; !rc && db < DB_COUNT; db++)
		if (op->open[db])
			rc = store_control(s, (enum store_db_id)db, CONTROL_RELEASE);
	if (rc) {
		s->lost = true;
		return rc;
	}
	for (int db = 0; db < DB_COUNT; db++) {
		s->db[db].dirty |= op->open[db];
		op->open[db] = false;
	}
	return KM_OK;
}

void store_op_end(struct store_op *op)
{
	bool undone = false;

	for (int db = 0; db < DB_COUNT; db++) {
		if (!op->open[db])
			continue;
		undone = true;
		if (op->s->lost)
			continue;
		if (store_control(op->s, (enum store_db_id)db, CONTROL_UNDO) ||
		    store_control(op->s, (enum store_db_id)db, CONTROL_RELEASE))
			op->s->lost = true;
	}
	if (undone) {
		op->s->at = op->at;
		rows_forget(op->s);
		chain_forget_months(op->s); /* one may have been made here */
		signer_forget(op->s);
	}
}

/* Savepoints nest: that of an operation lies within this one. */
km_rc store_together(struct km_store *s, km_rc (*run)(void *arg), void *arg)
{
	struct store_op op STORE_OP = { 0 };
	km_rc rc = store_op_begin(&op, s, true), kept;

	if (!rc)
		rc = run(arg);
	if (rc && rc != KM_EFILED)
		return rc;
	kept = store_op_done(&op);
	return kept ? kept : rc;
}

void store_give_up(struct km_store *s)
{
	s->lost = true;
}

/* --- flush -------------------------------------------------------------------- */

bool store_dirty(const struct km_store *s)
{
	return s->db[DB_VAULT].dirty || s->db[DB_IDENTITY].dirty || s->lost;
}

void store_undo(struct km_store *s)
{
	s->lost = false;
	for (int db = 0; db < DB_COUNT; db++) {
		struct store_db *base = &s->db[db];

		/* The engine may have done it already. While it cannot, nothing else may happen. */
		if (base->handle && !sqlite3_get_autocommit(base->handle) &&
		    store_control(s, (enum store_db_id)db, CONTROL_ROLLBACK))
			s->lost = true;
		base->begun = base->dirty = false;
	}
	s->at = s->flushed;
	rows_forget(s);
	chain_forget_months(s);
	signer_forget(s);
}

static km_rc write_position(struct km_store *s)
{
	uint8_t head[CHAIN_HEAD_BYTES], pair[8];
	km_rc rc = KM_OK;

	if (s->at.head.seq != s->flushed.head.seq || s->pretended) {
		rc = chain_head_bytes(s->keys, &s->at.head, head);
		if (!rc)
			rc = meta_set(s, DB_VAULT, META_HEAD, head, sizeof(head));
	}
	if (rc || !s->db[DB_IDENTITY].dirty)
		return rc;
	keys_put(pair, ++s->at.pair, sizeof(pair));
	rc = meta_set(s, DB_IDENTITY, META_PAIR, pair, sizeof(pair));
	return rc ? rc : meta_set(s, DB_VAULT, META_PAIR, pair, sizeof(pair));
}

static km_rc commit(struct km_store *s, enum store_db_id db)
{
	km_rc rc;

	if (!s->db[db].begun)
		return KM_OK;
	/* What changed nothing is given back without a write. */
	rc = store_control(s, db, s->db[db].dirty ? CONTROL_COMMIT : CONTROL_ROLLBACK);
	if (rc)
		return rc;
	s->work.commits += s->db[db].dirty;
	s->db[db].begun = s->db[db].dirty = false;
	return KM_OK;
}

static void recycle(struct km_store *s, int pages)
{
	for (int db = 0; db < DB_COUNT; db++) {
		struct store_db *base = &s->db[db];

		/* Nothing is lost when it fails: the log is as durable, only longer. */
		if (base->wal_pages > pages && !base->begun &&
		    sqlite3_wal_checkpoint_v2(base->handle, NULL, SQLITE_CHECKPOINT_RESTART, NULL,
					      NULL) == SQLITE_OK)
			base->wal_pages = 0;
	}
}

km_rc store_flush(struct km_store *s)
{
	bool people = s->db[DB_IDENTITY].dirty;
	km_rc rc = s->lost ? KM_EIO : KM_OK;

	if (!rc && store_dirty(s))
		rc = write_position(s);
	s->pretended = false;
	if (!rc)
		rc = commit(s, DB_IDENTITY);
	if (rc) {
		store_undo(s);
		return rc;
	}
	rc = commit(s, DB_VAULT);
	if (rc) {
		s->reconcile |= people;
		store_undo(s);
		return rc;
	}
	s->flushed = s->at;
	rows_forget(s);
	recycle(s, WAL_MOST_PAGES);
	return KM_OK;
}

/* So that the logs can be recycled, and copied. */
bool store_end_reading(struct km_store *s)
{
	if (store_dirty(s))
		return false;
	for (int db = 0; db < DB_COUNT; db++)
		if (commit(s, (enum store_db_id)db))
			return false;
	return true;
}

void store_idle(struct km_store *s)
{
	if (store_end_reading(s))
		recycle(s, WAL_IDLE_PAGES);
}

km_rc store_truncate_logs(struct km_store *s)
{
	km_rc rc = store_end_reading(s) ? KM_OK : KM_ESTATE;

	for (int db = 0; !rc && db < DB_COUNT; db++) {
		rc = store_rc(sqlite3_wal_checkpoint_v2(s->db[db].handle, NULL,
							SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
		if (!rc)
			s->db[db].wal_pages = 0;
	}
	return rc;
}

/* --- opening ------------------------------------------------------------------- */

static int count_pages(void *base, sqlite3 *handle, const char *name, int pages)
{
	(void)handle;
	(void)name;
	((struct store_db *)base)->wal_pages = pages;
	return SQLITE_OK;
}

static km_rc check_schema(struct km_store *s, const struct store_why *why)
{
	uint8_t chain[DB_COUNT][16], pair[DB_COUNT][8];
	char schema = '\0';

	for (int db = 0; db < DB_COUNT; db++) {
		enum store_db_id id = (enum store_db_id)db;
		km_rc rc = meta_get(s, id, META_SCHEMA, &schema, SCHEMA_BYTES);

		if (!rc && (schema < '1' || schema > store_version[db]))
			rc = KM_ECORRUPT;
		s->db[db].version = schema;
		if (!rc)
			rc = meta_get(s, id, META_CHAIN, chain[db], 16);
		if (!rc)
			rc = meta_get(s, id, META_PAIR, pair[db], 8);
		if (rc) {
			store_say(why,
				  "%s is not a database of this version of kenmon, or damaged; "
				  "restore it from a backup",
				  store_files[db]);
			return rc == KM_ENOTFOUND ? KM_ECORRUPT : rc;
		}
	}
	if (memcmp(chain[DB_VAULT], chain[DB_IDENTITY], 16) != 0) {
		store_say(why, "identity.db belongs to another vault.db; restore both from one "
			       "machine");
		return KM_ECORRUPT;
	}
	memcpy(s->at.head.chain, chain[DB_VAULT], 16);
	s->at.pair = keys_get(pair[DB_VAULT], 8);
	s->reconcile = keys_get(pair[DB_IDENTITY], 8) != s->at.pair;
	/* No crash does that: identity.db commits first. */
	s->people_older = keys_get(pair[DB_IDENTITY], 8) < s->at.pair;
	if (keys_get(pair[DB_IDENTITY], 8) > s->at.pair)
		s->at.pair = keys_get(pair[DB_IDENTITY], 8);
	return KM_OK;
}

/* Is the last record the one that the sealed head names? */
static km_rc check_tail(struct km_store *s, const struct store_why *why)
{
	struct query q QUERY = query_new(s, SQL_AUDIT_HASH);
	struct query last QUERY = query_new(s, SQL_AUDIT_LAST);
	uint8_t hash[CHAIN_HASH_BYTES] = { 0 };
	uint64_t end = 0;
	km_rc rc;

	query_int(&last, 0);
	rc = query_row(&last);
	if (!rc)
		end = (uint64_t)query_get_int(&last);
	if (last.rc)
		return last.rc;
	if (end > s->at.head.seq) {
		store_say(why, "the audit trail has records behind its sealed end: vault.db was "
			       "changed by something else; restore it from a backup");
		return KM_ECORRUPT;
	}
	if (s->at.head.seq == 0)
		return KM_OK;
	query_int(&q, (int64_t)s->at.head.seq);
	rc = query_row(&q);
	if (rc && rc != KM_ENOTFOUND)
		return rc;
	if (!rc)
		query_get_blob(&q, hash, sizeof(hash));
	/* Not refused, so that 'kenmon audit verify' can say where the damage begins. */
	if (rc || q.rc || memcmp(hash, s->at.head.hash, sizeof(hash)) != 0)
		store_say(why, "the end of the audit trail is missing or was changed: run "
			       "'kenmon audit verify'");
	return KM_OK;
}

/* Not refused either: logins do not depend on it, and a judge far behind must be told of it. */
static km_rc check_signer(struct km_store *s, const struct store_why *why)
{
	km_rc rc = signer_check(s);

	if (rc == KM_ECORRUPT && s->lost)
		store_say(why, "vault.db is damaged: restore it from a backup");
	/* Damage that the engine sees is more than a row of somebody's making. */
	if ((rc != KM_ENOTFOUND && rc != KM_ECORRUPT) || s->lost)
		return rc;
	if (why->text && why->cap && !*why->text)
		store_say(why, "the signer of the audit trail is missing or was changed: nothing "
			       "is sealed until the next key epoch");
	return KM_OK;
}

static km_rc load(struct km_store *s, const struct store_why *why)
{
	km_rc rc = check_schema(s, why);

	if (rc)
		return rc;
	rc = chain_head_read(s, &s->at.head);
	if (rc) {
		store_say(why, "the audit head in vault.db does not carry the MAC of our keys: it "
			       "was changed, or these are the keys of another store");
		return rc == KM_ENOTFOUND ? KM_ECORRUPT : rc;
	}
	rc = index_load(s);
	if (!rc)
		rc = epoch_check(s, why);
	if (!rc)
		rc = check_tail(s, why);
	if (!rc)
		rc = check_signer(s, why);
	if (rc)
		return rc;
	/* Not refused either: who may log in, vault.db knows. */
	if (s->people_older && why->text && why->cap && !*why->text)
		store_say(why, "identity.db is older than vault.db: restore both from one backup, "
			       "or erase and register again who is listed without a name");
	s->flushed = s->at;
	if (!store_end_reading(s))
		rc = s->lost ? KM_ECORRUPT : KM_EIO;
	/* Now, so that a start that cannot do it fails as a start. */
	if (!rc)
		rc = store_batch(s, DB_VAULT);
	/* What was only doubted above is not what stops it. */
	if (rc && why->text && why->cap)
		*why->text = '\0';
	return rc;
}

static km_rc open_in(struct km_store *s, const char *dir, const struct store_why *why)
{
	int folder FILE_CLOSE = -1;
	char path[PATH_MAX];
	km_rc rc = file_folder(dir, FILE_OURS, &folder);

	if (rc == KM_EPERM)
		store_say(why,
			  "%s can be reached by others, or is no folder of ours: it needs "
			  "mode 0700",
			  dir);
	else if (rc)
		store_say(why, "the state folder %s is not there or cannot be read", dir);
	/* The engine refuses links anywhere in a path. */
	if (!rc && !realpath(dir, path))
		rc = KM_EIO;
	if (!rc)
		rc = store_open_files(s, folder, path, why);
	if (rc)
		return rc;
	for (int db = 0; db < DB_COUNT; db++)
		sqlite3_wal_hook(s->db[db].handle, count_pages, &s->db[db]);
	rc = load(s, why);
	if (!rc)
		rc = store_upgrade(s, why);
	if (rc && why->text && why->cap && !*why->text)
		store_say(why, "vault.db or identity.db in %s cannot be used: %s%s", dir,
			  km_rc_text(rc, KM_LANG_EN),
			  rc == KM_ECORRUPT ? "; restore both from a backup" : "");
	return rc;
}

km_rc store_open(const char *dir, struct km_keys *keys, struct km_store **out, char *why,
		 size_t why_cap)
{
	const struct store_why reason = { why, why_cap };
	struct km_store *s = calloc(1, sizeof(*s));
	km_rc rc = KM_ENOMEM;

	if (why && why_cap)
		*why = '\0';
	if (!s)
		return rc;
	s->keys = keys;
	s->months = km_locked_new(MONTH_SLOTS * sizeof(*s->months));
	s->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	s->digest = EVP_MD_CTX_new();
	if (s->months && s->sha256 && s->digest)
		rc = open_in(s, dir, &reason);
	if (rc)
		store_close(s);
	else
		*out = s;
	return rc;
}

void store_close(struct km_store *s)
{
	if (!s)
		return;
	store_copy_end(s);
	store_undo(s);
	for (int i = 0; i < SQL_COUNT; i++)
		sqlite3_finalize(s->sql[i]);
	for (int db = 0; db < DB_COUNT; db++) {
		for (int c = 0; c < CONTROL_COUNT; c++)
			sqlite3_finalize(s->db[db].control[c]);
		sqlite3_close(s->db[db].handle);
	}
	EVP_MD_CTX_free(s->digest);
	EVP_MD_free(s->sha256);
	km_locked_free(s->months, MONTH_SLOTS * sizeof(*s->months));
	free(s);
}

void store_set_now(struct km_store *s, const struct km_now *now)
{
	s->now = *now;
	s->now_set = true;
}

struct km_store_work store_work(const struct km_store *s)
{
	return s->work;
}
