/*
 * What a person's row was before the change of the flush under way. identity.db
 * commits first: where vault.db, and the event with it, did not follow, the
 * rows are put back as they were, so that a change is there whole or not at all.
 */
#include "store_internal.h"

#include <string.h>

#define WAS_HEADER (8 + 4) /* number of the pair the change was made for, version of the row */

km_rc was_keep(struct km_store *s, uint64_t cursor, const struct sealed_person *was)
{
	struct query drop QUERY = query_new(s, SQL_WAS_DROP);
	struct query q QUERY = query_new(s, SQL_WAS_KEEP);
	uint8_t value[WAS_HEADER + PERSON_SEALED_MAX];
	uint8_t *sealed = keys_put(keys_put(value, s->at.pair + 1, 8), was->version, 4);
	km_rc rc = KM_OK;

	memcpy(sealed, was->bytes, was->len);
	/* Those of earlier flushes went through: once for each flush. */
	if (s->was_dropped != s->at.pair + 1) {
		query_blob(&drop, value, 8);
		rc = query_run_any(&drop);
		s->was_dropped = s->at.pair + 1;
	}
	query_int(&q, (int64_t)cursor);
	query_blob(&q, value, WAS_HEADER + was->len);
	return rc ? rc : query_run_any(&q);
}

km_rc was_forget(struct km_store *s, uint64_t cursor)
{
	struct query q QUERY = query_new(s, SQL_WAS_FORGET);

	query_int(&q, (int64_t)cursor);
	return query_run_any(&q);
}

static km_rc put_back(struct km_store *s, uint64_t cursor, const uint8_t *value, size_t len)
{
	struct query q QUERY = query_new(s, SQL_PERSON_PUT_BACK);

	query_int(&q, (int64_t)keys_get(value + 8, 4));
	query_blob(&q, value + WAS_HEADER, len - WAS_HEADER);
	query_int(&q, (int64_t)cursor);
	return query_run_any(&q);
}

static km_rc put_back_all(struct km_store *s, uint64_t pair)
{
	struct query q QUERY = query_new(s, SQL_WAS_ALL);
	uint8_t value[WAS_HEADER + PERSON_SEALED_MAX];
	km_rc rc;

	while (!(rc = query_row(&q))) {
		uint64_t cursor = query_get_number(&q, INT64_MAX);
		size_t len = query_get_bytes(&q, value, sizeof(value));

		/* One that is cut is none of ours, and goes with the others. */
		if (!q.rc && len >= WAS_HEADER && keys_get(value, 8) > pair)
			q.rc = put_back(s, cursor, value, len);
		if (q.rc)
			return q.rc;
	}
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

km_rc was_restore(struct km_store *s)
{
	struct query drop QUERY = query_new(s, SQL_WAS_DROP);
	uint8_t pair[8];
	km_rc rc = meta_get(s, DB_VAULT, META_PAIR, pair, sizeof(pair));

	if (!rc)
		rc = put_back_all(s, keys_get(pair, 8));
	query_blob(&drop, "", 0);
	return rc ? rc : query_run_any(&drop);
}
