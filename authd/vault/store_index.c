/* Which records of the trail are about whom: noted later than the trail itself (store_index.h). */
#include "store_index.h"
#include "store_internal.h"

/*
 * Tables of version 5 of vault.db, in the place of an index. They are filled later as ever, so that
 * an upgrade needs no room and no time for it, and is not refused for an index that was damaged.
 */
const char store_schema_index[] = "CREATE TABLE audit_of ("
				  " subject BLOB NOT NULL, seq INTEGER NOT NULL,"
				  " PRIMARY KEY (subject, seq)) STRICT, WITHOUT ROWID;"
				  "DROP INDEX IF EXISTS audit_subject;";

static km_rc move_to(struct km_store *s, uint64_t seq)
{
	uint8_t value[INDEXED_BYTES];
	km_rc rc;

	keys_put(value, seq, sizeof(value));
	rc = meta_set(s, DB_VAULT, META_INDEXED, value, sizeof(value));
	if (!rc)
		s->at.indexed = seq;
	return rc;
}

/* One that is missing or cannot be right counts as 0: rows that are there are passed over. */
km_rc index_load(struct km_store *s)
{
	uint8_t value[INDEXED_BYTES];
	km_rc rc = meta_get(s, DB_VAULT, META_INDEXED, value, sizeof(value));
	uint64_t seq = rc ? 0 : keys_get(value, sizeof(value));

	s->at.indexed = seq <= s->at.head.seq ? seq : 0;
	/* A value that is none, in a file that is well. */
	if (rc == KM_ENOTFOUND || (rc == KM_ECORRUPT && !s->lost))
		return KM_OK;
	return rc;
}

uint64_t store_audit_unindexed(const struct km_store *s)
{
	return s->at.head.seq - s->at.indexed;
}

static km_rc take(struct km_store *s, uint64_t upto)
{
	struct query q QUERY = query_new(s, SQL_AUDIT_INDEX);

	query_number(&q, s->at.indexed);
	query_number(&q, upto);
	return query_run_any(&q);
}

/* Some of the records may be of the same batch: where it is undone they go, and this with them. */
km_rc store_audit_index(struct km_store *s, uint32_t most)
{
	struct store_op op STORE_OP = { 0 };
	uint64_t left = store_audit_unindexed(s);
	uint64_t upto = s->at.indexed + (left < most ? left : most);
	km_rc rc;

	if (upto == s->at.indexed)
		return KM_OK;
	rc = store_op_begin(&op, s, false);
	if (!rc)
		rc = take(s, upto);
	if (!rc)
		rc = move_to(s, upto);
	return rc ? rc : store_op_done(&op);
}
