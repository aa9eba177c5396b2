/*
 * What the bare shape of a login (floor.c) leaves on the disk: a record in a file, which is the
 * least that there can be, or in a database, where a login also moves a counter. One flush for all
 * that were ready.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "bench.h"

#define RECORD 512               /* bytes: an audit record */
#define LOG    (4 * 1024 * 1024) /* written over again and again, as SQLite's log is */
#define ROUND  256

/* --- a file --------------------------------------------------------------- */

/* Written, not only reserved: the flush of a block that never was costs more. */
static bool open_log(struct ledger *l, const char *dir)
{
	static const uint8_t zeros[64 * 1024];
	char path[HOUSE_PATH + 16];

	snprintf(path, sizeof(path), "%s/bare.log", dir);
	l->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	for (off_t at = 0; l->file >= 0 && at < LOG; at += (off_t)sizeof(zeros))
		if (pwrite(l->file, zeros, sizeof(zeros), at) != (ssize_t)sizeof(zeros))
			return false;
	return l->file >= 0 && fsync(l->file) == 0;
}

static bool write_log(struct ledger *l, unsigned count)
{
	static const uint8_t records[ROUND * RECORD];
	size_t len = count * RECORD;

	if (len > sizeof(records))
		return false;
	if (l->at + (off_t)len > LOG)
		l->at = 0;
	if (pwrite(l->file, records, len, l->at) != (ssize_t)len || fdatasync(l->file) < 0)
		return false;
	l->at += (off_t)len;
	return true;
}

/* --- a database ------------------------------------------------------------- */

/* As the vault has its own, and nothing else of it: no MACs, no chain, no index, one row of each.
 */
static const char tables[] =
    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
    "CREATE TABLE counter (client INTEGER PRIMARY KEY, value INTEGER NOT NULL);"
    "CREATE TABLE record (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);"
    "BEGIN;"
    "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1023)"
    " INSERT INTO counter SELECT i, 0 FROM n;"
    "COMMIT";

static const char *const statements[LEDGER_STATEMENTS] = {
	[LEDGER_BEGIN] = "BEGIN IMMEDIATE",
	[LEDGER_MOVE] = "UPDATE counter SET value = value + 1 WHERE client = ?",
	[LEDGER_RECORD] = "INSERT INTO record (body) VALUES (?)",
	[LEDGER_COMMIT] = "COMMIT",
};

_Static_assert(LEDGER_CLIENTS == 1024, "a counter for each client");

static bool open_database(struct ledger *l, const char *dir)
{
	char path[HOUSE_PATH + 16];
	sqlite3 *db = NULL;

	snprintf(path, sizeof(path), "%s/bare.db", dir);
	if (sqlite3_open(path, &db) != SQLITE_OK ||
	    sqlite3_exec(db, tables, NULL, NULL, NULL) != SQLITE_OK)
		return false;
	for (int i = 0; i < LEDGER_STATEMENTS; i++)
		if (sqlite3_prepare_v3(db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &l->statement[i], NULL) != SQLITE_OK)
			return false;
	return true;
}

static bool run(struct ledger *l, enum ledger_statement which)
{
	int code = sqlite3_step(l->statement[which]);

	return sqlite3_reset(l->statement[which]) == SQLITE_OK && code == SQLITE_DONE;
}

static bool write_database(struct ledger *l, const int *client, unsigned count)
{
	static const uint8_t record[RECORD];
	bool ok = run(l, LEDGER_BEGIN);

	for (unsigned i = 0; ok && i < count; i++)
		ok = sqlite3_bind_int(l->statement[LEDGER_MOVE], 1, client[i]) == SQLITE_OK &&
		     run(l, LEDGER_MOVE) &&
		     sqlite3_bind_blob(l->statement[LEDGER_RECORD], 1, record, sizeof(record),
				       SQLITE_STATIC) == SQLITE_OK &&
		     run(l, LEDGER_RECORD);
	return ok && run(l, LEDGER_COMMIT);
}

/* ------------------------------------------------------------------------- */

bool ledger_open(struct ledger *l, const char *dir, enum bare_kind kind)
{
	bool ok;

	*l = (struct ledger){ .kind = kind, .file = -1 };
	ok = kind == BARE_DATABASE ? open_database(l, dir) : open_log(l, dir);
	if (!ok)
		say("no file or database for the bare shape of a login: %s", strerror(errno));
	return ok;
}

bool ledger_write(struct ledger *l, const int *client, unsigned count)
{
	return l->kind == BARE_DATABASE ? write_database(l, client, count) : write_log(l, count);
}
