/*
 * The tables, the making of the two files, and what is refused before they
 * are used. docs/STORAGE.md describes every column; a test compares.
 *
 * A database is made under another name and gets its own only when it is
 * complete, so an empty or missing file is never a first start.
 */
#include <kenmon/store_epoch.h>

#include "store_internal.h"
#include "files.h"
#include "signer.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_BYTES   4096 /* the engine's own choice since 3.12 */
#define HEADER_BYTES 100  /* of the file, https://sqlite.org/fileformat2.html */
#define HEADER_PAGES 28   /* where it says how many pages there are, big-endian */

const char *const store_files[DB_COUNT] = {
	[DB_VAULT] = KM_VAULT_FILE,
	[DB_IDENTITY] = KM_IDENTITY_FILE,
};

const char *const store_schema[DB_COUNT] = {
	[DB_VAULT] =
	    "CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL,"
	    " mac BLOB NOT NULL DEFAULT x'') STRICT, WITHOUT ROWID;"
	    "CREATE TABLE operator ("
	    " cursor INTEGER PRIMARY KEY AUTOINCREMENT,"
	    " subject BLOB NOT NULL UNIQUE, login_tag BLOB NOT NULL UNIQUE,"
	    " dept_tag BLOB NOT NULL, uid INTEGER NOT NULL, state INTEGER NOT NULL,"
	    " role INTEGER NOT NULL, valid_from INTEGER NOT NULL, valid_until INTEGER NOT NULL,"
	    " last_login INTEGER NOT NULL, created INTEGER NOT NULL, mac BLOB NOT NULL) STRICT;"
	    "CREATE INDEX operator_erasing ON operator (cursor) WHERE state = 3;"
	    "CREATE TABLE subject_key ("
	    " cursor INTEGER PRIMARY KEY, kek_gen INTEGER NOT NULL,"
	    " wrapped BLOB NOT NULL CHECK (length(wrapped) = 48)) STRICT;"
	    "CREATE TABLE credential ("
	    " id INTEGER PRIMARY KEY AUTOINCREMENT, subject BLOB NOT NULL, kind INTEGER NOT NULL,"
	    " alg INTEGER NOT NULL, digits INTEGER NOT NULL, period INTEGER NOT NULL,"
	    " moving INTEGER NOT NULL, drift INTEGER NOT NULL, created INTEGER NOT NULL,"
	    " last_used INTEGER NOT NULL, label TEXT NOT NULL, ver INTEGER NOT NULL,"
	    " fails INTEGER NOT NULL, total INTEGER NOT NULL, not_before INTEGER NOT NULL,"
	    " mac BLOB NOT NULL, sealed BLOB NOT NULL) STRICT;"
	    "CREATE INDEX credential_subject ON credential (subject);"
	    "CREATE TABLE recovery ("
	    " credential INTEGER NOT NULL, code BLOB NOT NULL, used INTEGER NOT NULL,"
	    " mac BLOB NOT NULL, PRIMARY KEY (credential, code)) STRICT, WITHOUT ROWID;"
	    "CREATE TABLE throttle_name ("
	    " class INTEGER NOT NULL, bucket INTEGER NOT NULL, fails INTEGER NOT NULL,"
	    " total INTEGER NOT NULL, not_before INTEGER NOT NULL, mac BLOB NOT NULL,"
	    " PRIMARY KEY (class, bucket)) STRICT, WITHOUT ROWID;"
	    "CREATE TABLE op_seen ("
	    " op BLOB PRIMARY KEY NOT NULL, rc INTEGER NOT NULL, result INTEGER NOT NULL,"
	    " time INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	    "CREATE INDEX op_seen_time ON op_seen (time);"
	    "CREATE TABLE audit ("
	    " seq INTEGER PRIMARY KEY, chain BLOB NOT NULL, wall INTEGER NOT NULL,"
	    " boot_ms INTEGER NOT NULL, boot_id BLOB NOT NULL, event INTEGER NOT NULL,"
	    " subject BLOB NOT NULL, actor TEXT NOT NULL, body_hash BLOB NOT NULL,"
	    " body BLOB NOT NULL, hash BLOB NOT NULL) STRICT;"
	    "CREATE INDEX audit_subject ON audit (subject);"
	    "CREATE TABLE month_key ("
	    " month INTEGER PRIMARY KEY, kek_gen INTEGER NOT NULL,"
	    " wrapped BLOB NOT NULL CHECK (length(wrapped) = 48),"
	    " used INTEGER NOT NULL) STRICT;"
	    "CREATE TABLE signer ("
	    " generation INTEGER PRIMARY KEY, public BLOB NOT NULL, since_seq INTEGER NOT NULL,"
	    " since_hash BLOB NOT NULL, signature BLOB NOT NULL,"
	    " wrapped BLOB NOT NULL CHECK (length(wrapped) = 48)) STRICT;"
	    "CREATE TABLE seal ("
	    " seq INTEGER PRIMARY KEY, generation INTEGER NOT NULL, hash BLOB NOT NULL,"
	    " wall INTEGER NOT NULL, signature BLOB NOT NULL) STRICT;",
	[DB_IDENTITY] =
	    "CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;"
	    "CREATE TABLE person ("
	    " cursor INTEGER PRIMARY KEY, subject BLOB NOT NULL, emp_tag BLOB NOT NULL UNIQUE,"
	    " ver INTEGER NOT NULL, sealed BLOB NOT NULL) STRICT;"
	    "CREATE TABLE tombstone ("
	    " emp_tag BLOB PRIMARY KEY NOT NULL, erased INTEGER NOT NULL) STRICT, WITHOUT ROWID;",
};

/*
 * A finger in each row, apart from its credential, so that lists of those stay small. Of each
 * finger one: the engine sees to it.
 */
const char store_schema_fingers[] =
    "CREATE TABLE template ("
    " credential INTEGER PRIMARY KEY, subject BLOB NOT NULL, reader TEXT NOT NULL,"
    " ver INTEGER NOT NULL, mac BLOB NOT NULL, sealed BLOB NOT NULL) STRICT;"
    "CREATE INDEX template_subject ON template (subject);"
    "CREATE UNIQUE INDEX credential_finger ON credential (subject, label) WHERE kind = 4;";

const char store_version[DB_COUNT] = { [DB_VAULT] = '1' + SCHEMA_STEPS, [DB_IDENTITY] = '1' };

/* What every connection is told. Caches of 16 and 4 MiB: the vault stays under 64 MiB. */
static const char settings[] = "PRAGMA locking_mode = EXCLUSIVE;"
			       "PRAGMA secure_delete = ON;"
			       "PRAGMA synchronous = FULL;"
			       "PRAGMA foreign_keys = OFF;"
			       "PRAGMA cell_size_check = ON;"
			       "PRAGMA temp_store = MEMORY;"
			       "PRAGMA mmap_size = 0;"
			       "PRAGMA wal_autocheckpoint = 0;";
static const char *const cache[DB_COUNT] = {
	[DB_VAULT] = "PRAGMA cache_size = -16384;",
	[DB_IDENTITY] = "PRAGMA cache_size = -4096;",
};

void store_say(const struct store_why *why, const char *format, ...)
{
	va_list args;

	if (!why->text || why->cap == 0)
		return;
	va_start(args, format);
	(void)vsnprintf(why->text, why->cap, format, args);
	va_end(args);
}

/* Limits of the engine: nothing of ours comes near them, so what does is no request of ours. */
static void limit(sqlite3 *handle)
{
	static const struct {
		int id, most;
	} limits[] = {
		{ SQLITE_LIMIT_LENGTH, 65536 },    { SQLITE_LIMIT_SQL_LENGTH, 16384 },
		{ SQLITE_LIMIT_COLUMN, 32 },       { SQLITE_LIMIT_EXPR_DEPTH, 32 },
		{ SQLITE_LIMIT_ATTACHED, 0 },      { SQLITE_LIMIT_VARIABLE_NUMBER, 32 },
		{ SQLITE_LIMIT_TRIGGER_DEPTH, 0 }, { SQLITE_LIMIT_WORKER_THREADS, 0 },
	};
	static const struct {
		int id, on;
	} options[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },      { SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 }, { SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
		{ SQLITE_DBCONFIG_DQS_DDL, 0 },        { SQLITE_DBCONFIG_DQS_DML, 0 },
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++)
		(void)sqlite3_limit(handle, limits[i].id, limits[i].most);
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		(void)sqlite3_db_config(handle, options[i].id, options[i].on, NULL);
}

km_rc store_connect(const char *path, sqlite3 **out)
{
	static const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
				 SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_NOFOLLOW |
				 SQLITE_OPEN_EXRESCODE;
	sqlite3 *handle = NULL;
	int code;

	/* No threads here; refused, harmlessly, once the engine runs. */
	(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	code = sqlite3_open_v2(path, &handle, flags, NULL);
	if (code == SQLITE_OK) {
		limit(handle);
		code = sqlite3_exec(handle, settings, NULL, NULL, NULL);
	}
	if (code != SQLITE_OK) {
		sqlite3_close(handle);
		return store_rc(code);
	}
	*out = handle;
	return KM_OK;
}

/* --- making ---------------------------------------------------------------- */

/* mac is NULL where something else vouches for the value. */
static km_rc put_meta(sqlite3 *handle, const char *key, const void *value, size_t len,
		      const uint8_t *mac)
{
	sqlite3_stmt *st = NULL;
	int code = sqlite3_prepare_v2(handle,
				      mac ? "INSERT INTO meta (key, value, mac) VALUES (?1, ?2, ?3)"
					  : "INSERT INTO meta (key, value) VALUES (?1, ?2)",
				      -1, &st, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
	if (code == SQLITE_OK)
		code = sqlite3_bind_blob64(st, 2, value, len, SQLITE_STATIC);
	if (code == SQLITE_OK && mac)
		code = sqlite3_bind_blob64(st, 3, mac, KM_ROW_MAC_BYTES, SQLITE_STATIC);
	if (code == SQLITE_OK)
		code = sqlite3_step(st);
	sqlite3_finalize(st);
	return store_rc(code);
}

/* All of them, so that one that is missing later was taken away; empty, but for the epoch. */
static km_rc put_kept(struct km_store *s, sqlite3 *handle)
{
	const struct km_epoch first = { .generation = km_keys_generation(s->keys) };
	uint8_t mac[KM_ROW_MAC_BYTES], epoch[EPOCH_BYTES];
	km_rc rc = KM_OK;

	epoch_pack(&first, epoch);
	for (size_t i = 0; !rc && i < META_KEPT; i++) {
		size_t len = strcmp(meta_kept[i], META_EPOCH) == 0 ? sizeof(epoch) : 0;

		rc = row_mac_meta(s->keys, meta_kept[i], epoch, len, mac);
		if (!rc)
			rc = put_meta(handle, meta_kept[i], epoch, len, mac);
	}
	return rc;
}

/* The first signer is there before the first record. */
static km_rc put_signer(struct km_store *s, sqlite3 *handle, const struct km_head *head)
{
	static const char text[] =
	    "INSERT INTO signer (generation, public, since_seq, since_hash, signature, wrapped) "
	    "VALUES (?1, ?2, 0, ?3, ?4, ?5)";
	struct stored_signer first;
	sqlite3_stmt *st = NULL;
	km_rc rc = signer_make(s, head, NULL, &first);
	const struct {
		const void *bytes;
		size_t len;
	} blob[] = {
		{ first.row.public, sizeof(first.row.public) },
		{ first.row.since_hash, sizeof(first.row.since_hash) },
		{ first.row.signature, sizeof(first.row.signature) },
		{ first.wrapped, sizeof(first.wrapped) },
	};
	int code;

	if (rc)
		return rc;
	code = sqlite3_prepare_v2(handle, text, -1, &st, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_bind_int64(st, 1, first.row.generation);
	for (int i = 0; code == SQLITE_OK && i < 4; i++)
		code = sqlite3_bind_blob64(st, i + 2, blob[i].bytes, blob[i].len, SQLITE_STATIC);
	if (code == SQLITE_OK)
		code = sqlite3_step(st);
	sqlite3_finalize(st);
	return store_rc(code);
}

const char *const store_schema_later[SCHEMA_STEPS] = { store_schema_fingers, store_schema_people,
						       store_schema_phone, store_schema_index };

/* As each version made them. */
static km_rc make_tables(enum store_db_id db, sqlite3 *handle)
{
	km_rc rc = store_rc(sqlite3_exec(handle, store_schema[db], NULL, NULL, NULL));

	for (size_t i = 0; !rc && db == DB_VAULT && i < SCHEMA_STEPS; i++)
		rc = store_rc(sqlite3_exec(handle, store_schema_later[i], NULL, NULL, NULL));
	return rc;
}

static km_rc fill(struct km_store *s, enum store_db_id db, sqlite3 *handle, const uint8_t chain[16])
{
	struct km_head head = { .seq = 0 };
	uint8_t bytes[CHAIN_HEAD_BYTES], pair[8] = { 0 }, indexed[INDEXED_BYTES] = { 0 };
	km_rc rc;

	memcpy(head.chain, chain, sizeof(head.chain));
	rc = chain_first(s, chain, head.hash);
	if (!rc)
		rc = chain_head_bytes(s->keys, &head, bytes);
	/* Nobody sees the file before it is complete, so its journal may be in memory. */
	if (!rc)
		rc = store_rc(sqlite3_exec(handle, "PRAGMA journal_mode = MEMORY; BEGIN IMMEDIATE",
					   NULL, NULL, NULL));
	if (!rc)
		rc = make_tables(db, handle);
	if (!rc)
		rc = put_meta(handle, META_SCHEMA, &store_version[db], SCHEMA_BYTES, NULL);
	if (!rc)
		rc = put_meta(handle, META_CHAIN, chain, 16, NULL);
	if (!rc)
		rc = put_meta(handle, META_PAIR, pair, sizeof(pair), NULL);
	if (!rc && db == DB_VAULT)
		rc = put_meta(handle, META_HEAD, bytes, sizeof(bytes), NULL);
	if (!rc && db == DB_VAULT)
		rc = put_meta(handle, META_INDEXED, indexed, sizeof(indexed), NULL);
	if (!rc && db == DB_VAULT)
		rc = put_kept(s, handle);
	if (!rc && db == DB_VAULT)
		rc = put_signer(s, handle, &head);
	if (!rc)
		rc = store_rc(sqlite3_exec(handle, "COMMIT", NULL, NULL, NULL));
	return rc;
}

static km_rc make(struct km_store *s, enum store_db_id db, int folder, const char *path,
		  const uint8_t chain[16])
{
	char temporary[64], whole[PATH_MAX];
	int fd FILE_CLOSE = -1;
	sqlite3 *handle = NULL;
	km_rc rc;

	(void)snprintf(temporary, sizeof(temporary), "%s.new", store_files[db]);
	if ((size_t)snprintf(whole, sizeof(whole), "%s/%s", path, temporary) >= sizeof(whole))
		return KM_ELIMIT;
	rc = file_remove(folder, temporary);
	if (!rc)
		rc = file_create(folder, temporary, &fd);
	if (!rc)
		rc = store_connect(whole, &handle);
	if (!rc)
		rc = fill(s, db, handle, chain);
	if (sqlite3_close(handle) != SQLITE_OK && !rc)
		rc = KM_EIO;
	return rc ? rc : file_place(folder, temporary, store_files[db]);
}

/* Both get the chain id that the mark of a fresh folder carries, however often this is tried. */
static km_rc make_missing(struct km_store *s, int folder, const char *path,
			  const bool there[DB_COUNT])
{
	static const enum store_db_id order[] = { DB_IDENTITY, DB_VAULT };
	int fd FILE_CLOSE = -1;
	uint8_t chain[16];
	km_rc rc = file_open(folder, KM_FRESH_FILE, FILE_OURS, &fd);

	if (!rc)
		rc = file_read(fd, chain, sizeof(chain));
	for (size_t i = 0; !rc && i < DB_COUNT; i++)
		if (!there[order[i]])
			rc = make(s, order[i], folder, path, chain);
	return rc;
}

/* --- checking --------------------------------------------------------------- */

static km_rc look_at_logs(int folder, const struct store_why *why)
{
	static const char *const suffixes[] = { "-wal", "-shm", "-journal" };
	char name[64];
	bool there;

	for (int db = 0; db < DB_COUNT; db++) {
		for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
			km_rc rc;

			(void)snprintf(name, sizeof(name), "%s%s", store_files[db], suffixes[i]);
			rc = file_present(folder, name, &there, NULL);
			if (rc) {
				store_say(why,
					  "%s is not a plain file of ours; find out who put it "
					  "there, then remove it",
					  name);
				return rc;
			}
		}
	}
	return KM_OK;
}

/*
 * The engine takes a file of less than a page for a new one, and does not miss
 * half of the last page. Only the header of a file without a log can be believed.
 */
static km_rc look_at_length(int folder, const char *name, size_t size)
{
	static const char magic[16] = "SQLite format 3";
	uint8_t header[HEADER_BYTES];
	char log[64];
	int fd FILE_CLOSE = -1;
	size_t log_size = 0;
	bool there = false;
	km_rc rc;

	if (size < PAGE_BYTES)
		return KM_ECORRUPT;
	(void)snprintf(log, sizeof(log), "%s-wal", name);
	rc = file_present(folder, log, &there, &log_size);
	if (!rc)
		rc = file_open(folder, name, FILE_OURS, &fd);
	if (rc || log_size > 0)
		return rc;
	if (pread(fd, header, sizeof(header), 0) != sizeof(header))
		return KM_EIO;
	if (memcmp(header, magic, sizeof(magic)) != 0)
		return KM_OK; /* the engine says better what that is */
	return size < keys_get(header + HEADER_PAGES, 4) * PAGE_BYTES ? KM_ECORRUPT : KM_OK;
}

static km_rc look_at_files(int folder, bool there[DB_COUNT], const struct store_why *why)
{
	size_t size[DB_COUNT] = { 0 };
	km_rc rc = look_at_logs(folder, why);

	for (int db = 0; !rc && db < DB_COUNT; db++) {
		rc = file_present(folder, store_files[db], &there[db], &size[db]);

		if (rc) {
			store_say(why,
				  "%s is not a plain file that only we can reach; find out who "
				  "changed it, then restore it with mode 0600",
				  store_files[db]);
			return rc;
		}
		if (!there[db])
			continue;
		rc = look_at_length(folder, store_files[db], size[db]);
		if (rc == KM_ECORRUPT)
			store_say(why,
				  "%s is %s but this state folder was in use; restore it from a "
				  "backup",
				  store_files[db], size[db] ? "cut short" : "empty");
		if (rc)
			return rc;
	}
	return rc;
}

static km_rc prepare_files(struct km_store *s, int folder, const char *path,
			   const struct store_why *why)
{
	bool there[DB_COUNT], fresh = false;
	km_rc rc = look_at_files(folder, there, why);

	if (!rc)
		rc = file_present(folder, KM_FRESH_FILE, &fresh, NULL);
	if (rc)
		return rc;
	if (!fresh && !(there[DB_VAULT] && there[DB_IDENTITY])) {
		store_say(
		    why, "%s is missing but this state folder was in use; restore it from a backup",
		    store_files[there[DB_VAULT] ? DB_IDENTITY : DB_VAULT]);
		return KM_ECORRUPT;
	}
	if (!fresh)
		return KM_OK;
	rc = make_missing(s, folder, path, there);
	if (!rc)
		rc = file_remove(folder, KM_FRESH_FILE);
	if (rc)
		store_say(why, "the databases could not be made in %s: is the disk full?", path);
	return rc;
}

static int want_wal(void *seen, int columns, char **values, char **names)
{
	(void)names;
	if (columns == 1 && values[0] && strcmp(values[0], "wal") == 0)
		*(bool *)seen = true;
	return 0;
}

static km_rc open_one(struct km_store *s, enum store_db_id db, const char *path,
		      const struct store_why *why)
{
	struct store_db *base = &s->db[db];
	char whole[PATH_MAX];
	bool wal = false;
	km_rc rc;

	if ((size_t)snprintf(whole, sizeof(whole), "%s/%s", path, store_files[db]) >= sizeof(whole))
		return KM_ELIMIT;
	rc = store_connect(whole, &base->handle);
	if (!rc)
		rc = store_rc(sqlite3_exec(base->handle, cache[db], NULL, NULL, NULL));
	if (!rc)
		rc = store_rc(
		    sqlite3_exec(base->handle, "PRAGMA journal_mode = WAL", want_wal, &wal, NULL));
	if (!rc && !wal)
		rc = KM_EIO;
	/* The first look inside finds a file that was cut short, and takes the lock. */
	if (!rc)
		rc = store_rc(
		    sqlite3_exec(base->handle, "SELECT count(*) FROM meta", NULL, NULL, NULL));
	if (rc == KM_ECORRUPT)
		store_say(why, "%s is damaged or cut short; restore it from a backup", whole);
	else if (rc)
		store_say(why, "%s cannot be used (%s): is another vault running, the disk full?",
			  whole, base->handle ? sqlite3_errmsg(base->handle) : "not opened");
	return rc;
}

km_rc store_open_files(struct km_store *s, int folder, const char *path,
		       const struct store_why *why)
{
	km_rc rc = prepare_files(s, folder, path, why);

	for (int db = 0; !rc && db < DB_COUNT; db++)
		rc = open_one(s, (enum store_db_id)db, path, why);
	return rc;
}
