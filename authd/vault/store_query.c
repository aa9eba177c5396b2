/* One statement: prepared once, bound and read in order, errors remembered. */
#include "store_internal.h"

#include <string.h>

static const struct {
	enum store_db_id db;
	const char *text;
} statements[SQL_COUNT] = {
#define STORE_SQL(NAME, base, sql) [SQL_##NAME] = { DB_##base, sql },
#include "store_sql.def"
#undef STORE_SQL
};

km_rc store_rc(int code)
{
	static const struct {
		int code;
		km_rc rc;
	} table[] = {
		{ SQLITE_OK, KM_OK },
		{ SQLITE_ROW, KM_OK },
		{ SQLITE_DONE, KM_OK },
		{ SQLITE_IOERR_NOMEM, KM_ENOMEM },
		{ SQLITE_IOERR_DATA, KM_ECORRUPT },
		{ SQLITE_IOERR_CORRUPTFS, KM_ECORRUPT },
		{ SQLITE_CORRUPT, KM_ECORRUPT },
		{ SQLITE_NOTADB, KM_ECORRUPT },
		{ SQLITE_FORMAT, KM_ECORRUPT },
		{ SQLITE_ERROR, KM_ECORRUPT }, /* our statements are right, so the tables are not */
		{ SQLITE_NOMEM, KM_ENOMEM },
		{ SQLITE_CONSTRAINT, KM_EEXIST },
		{ SQLITE_CONSTRAINT_COMMITHOOK, KM_EIO },
		{ SQLITE_TOOBIG, KM_ELIMIT },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (code == table[i].code)
			return table[i].rc;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if ((code & 0xff) == table[i].code)
			return table[i].rc;
	return KM_EIO; /* a full disk, an error of the device, read-only, locked by somebody */
}

struct query query_new(struct km_store *s, enum store_sql id)
{
	struct query q = { .s = s, .handle = s->db[statements[id].db].handle };
	sqlite3_stmt **st = &s->sql[id];

	q.rc = store_batch(s, statements[id].db);
	if (!q.rc && !*st)
		q.rc = store_rc(sqlite3_prepare_v3(q.handle, statements[id].text, -1,
						   SQLITE_PREPARE_PERSISTENT, st, NULL));
	if (!q.rc) {
		q.st = *st;
		s->work.statements++;
	}
	return q;
}

void query_end(struct query *q)
{
	if (!q->st)
		return;
	sqlite3_reset(q->st);
	sqlite3_clear_bindings(q->st);
}

static void stick(struct query *q, int code)
{
	if (!q->rc && code != SQLITE_OK)
		q->rc = store_rc(code);
}

void query_int(struct query *q, int64_t value)
{
	if (!q->rc)
		stick(q, sqlite3_bind_int64(q->st, ++q->at, value));
}

void query_number(struct query *q, uint64_t value)
{
	query_int(q, (int64_t)(value < INT64_MAX ? value : INT64_MAX));
}

void query_blob(struct query *q, const void *bytes, size_t len)
{
	if (!q->rc)
		stick(q, sqlite3_bind_blob64(q->st, ++q->at, bytes, len, SQLITE_STATIC));
}

void query_text(struct query *q, const char *text)
{
	if (!q->rc)
		stick(q, sqlite3_bind_text64(q->st, ++q->at, text, strlen(text), SQLITE_STATIC,
					     SQLITE_UTF8));
}

/*
 * Has the engine given up the batch? It may have taken the transaction back by itself. Or a page
 * could not be read or written: then it refuses every further page until we take it back. What
 * the disk answers with EIO it calls corrupt, as it calls a damaged page; so where nobody else's
 * change would be lost with it, that counts too.
 */
static bool gave_up(const struct query *q)
{
	int code = sqlite3_errcode(q->handle) & 0xff; /* the kind, without its details */

	return sqlite3_get_autocommit(q->handle) || code == SQLITE_IOERR || code == SQLITE_FULL ||
	       (code == SQLITE_CORRUPT && !store_dirty(q->s));
}

km_rc query_row(struct query *q)
{
	int code;

	if (q->rc)
		return q->rc;
	q->at = 0;
	code = sqlite3_step(q->st);
	if (code == SQLITE_ROW)
		return KM_OK;
	if (code == SQLITE_DONE)
		return KM_ENOTFOUND;
	q->rc = store_rc(sqlite3_extended_errcode(q->handle));
	if (!q->rc)
		q->rc = KM_EIO;
	if (gave_up(q))
		q->s->lost = true;
	return q->rc;
}

km_rc query_run_any(struct query *q)
{
	km_rc rc = query_row(q);

	if (!rc)
		return KM_ECORRUPT; /* a changing statement of ours returns no rows */
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

km_rc query_run(struct query *q)
{
	km_rc rc = query_run_any(q);

	return !rc && sqlite3_changes(q->handle) == 0 ? KM_ENOTFOUND : rc;
}

int64_t query_get_int(struct query *q)
{
	int column = q->at++;

	if (sqlite3_column_type(q->st, column) != SQLITE_INTEGER) {
		q->rc = KM_ECORRUPT;
		return 0;
	}
	return sqlite3_column_int64(q->st, column);
}

uint64_t query_get_number(struct query *q, uint64_t most)
{
	int64_t value = query_get_int(q);

	if (value >= 0 && (uint64_t)value <= most)
		return (uint64_t)value;
	q->rc = KM_ECORRUPT;
	return 0;
}

int32_t query_get_small(struct query *q)
{
	int64_t value = query_get_int(q);

	if (value >= INT32_MIN && value <= INT32_MAX)
		return (int32_t)value;
	q->rc = KM_ECORRUPT;
	return 0;
}

static const void *get(struct query *q, int type, size_t *len)
{
	int column = q->at++;
	const void *bytes = NULL;

	*len = 0;
	if (sqlite3_column_type(q->st, column) == type) {
		bytes = sqlite3_column_blob(q->st, column);
		*len = (size_t)sqlite3_column_bytes(q->st, column);
		if (bytes || *len == 0)
			return bytes;
		q->rc = KM_ENOMEM;
		*len = 0;
		return NULL;
	}
	q->rc = KM_ECORRUPT;
	return NULL;
}

size_t query_get_bytes(struct query *q, void *out, size_t cap)
{
	size_t len;
	const void *bytes = get(q, SQLITE_BLOB, &len);

	if (len > cap) {
		q->rc = KM_ECORRUPT;
		return 0;
	}
	if (len)
		memcpy(out, bytes, len);
	return len;
}

void query_get_blob(struct query *q, void *out, size_t len)
{
	size_t got;
	const void *bytes = get(q, SQLITE_BLOB, &got);

	if (got != len)
		q->rc = q->rc ? q->rc : KM_ECORRUPT;
	else if (len)
		memcpy(out, bytes, len);
}

void query_get_text(struct query *q, char *out, size_t cap)
{
	size_t len;
	const char *text = get(q, SQLITE_TEXT, &len);

	if (len >= cap || (len && memchr(text, '\0', len))) {
		q->rc = q->rc ? q->rc : KM_ECORRUPT;
		len = 0;
	}
	if (len)
		memcpy(out, text, len);
	out[len] = '\0';
}

bool query_is_null(struct query *q)
{
	bool null = sqlite3_column_type(q->st, q->at) == SQLITE_NULL;

	q->at += null;
	return null;
}
