/* Small values, and the results of administrative operations. */
#include "store_internal.h"

#include <string.h>

#define OP_SEEN_KEPT 86400 /* seconds: a desk asks again within a day or not at all */

static const enum store_sql getters[DB_COUNT] = { SQL_META_GET, SQL_IDENTITY_META_GET };
static const enum store_sql setters[DB_COUNT] = { SQL_META_SET, SQL_IDENTITY_META_SET };

const char *const meta_kept[META_KEPT] = { "machine", "suspicion", META_EPOCH, "founded",  "review",
					   "brake",   "bundle",    "permits",  "forgotten" };

km_rc meta_get(struct km_store *s, enum store_db_id db, const char *key, void *value, size_t len)
{
	struct query q QUERY = query_new(s, getters[db]);
	km_rc rc;

	query_text(&q, key);
	rc = query_row(&q);
	if (rc)
		return rc;
	query_get_blob(&q, value, len);
	return q.rc;
}

km_rc meta_set(struct km_store *s, enum store_db_id db, const char *key, const void *value,
	       size_t len)
{
	struct query q QUERY = query_new(s, setters[db]);

	query_text(&q, key);
	query_blob(&q, value, len);
	return query_run(&q);
}

static bool among(const char *key, const char *const *keys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

static bool ours(const char *key)
{
	static const char *const keys[] = { META_SCHEMA, META_CHAIN, META_HEAD, META_PAIR,
					    META_INDEXED };

	return among(key, keys, sizeof(keys) / sizeof(*keys));
}

km_rc store_meta_get(struct km_store *s, const char *key, void *value, size_t *value_len)
{
	struct query q QUERY = query_new(s, SQL_KEPT_GET);
	uint8_t bytes[META_VALUE_MAX];
	size_t len = 0;
	km_rc rc;

	if (ours(key))
		return KM_EINVAL;
	query_text(&q, key);
	rc = row_read_meta(s, &q, key, bytes, sizeof(bytes), &len);
	/* A suspicion is not ended by deleting it. */
	if (rc == KM_ENOTFOUND && among(key, meta_kept, META_KEPT))
		return KM_ECORRUPT;
	if (rc)
		return rc;
	if (len == 0)
		return KM_ENOTFOUND;
	if (len > *value_len)
		return KM_ELIMIT;
	memcpy(value, bytes, len);
	*value_len = len;
	return KM_OK;
}

km_rc meta_keep(struct km_store *s, const char *key, const void *value, size_t len)
{
	struct query q QUERY = query_new(s, SQL_KEPT_SET);
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc = row_mac_meta(s->keys, key, value, len, mac);

	if (rc)
		return rc;
	query_text(&q, key);
	query_blob(&q, value, len);
	query_blob(&q, mac, sizeof(mac));
	return query_run(&q);
}

km_rc store_meta_set(struct km_store *s, const char *key, const void *value, size_t value_len,
		     const struct km_event_record *event)
{
	struct store_op op STORE_OP = { 0 };
	km_rc rc;

	if (ours(key) || value_len == 0)
		return KM_EINVAL;
	if (value_len > META_VALUE_MAX)
		return KM_ELIMIT;
	rc = store_op_begin(&op, s, false);
	if (!rc)
		rc = meta_keep(s, key, value, value_len);
	if (!rc && event)
		rc = chain_append(s, event);
	return rc ? rc : store_op_done(&op);
}

km_rc store_op_seen(struct km_store *s, const uint8_t op[16], km_rc *rc_out, uint64_t *id)
{
	struct query q QUERY = query_new(s, SQL_OP_SEEN);
	int64_t noted, result;
	km_rc rc;

	query_blob(&q, op, 16);
	rc = query_row(&q);
	if (rc)
		return rc;
	noted = query_get_int(&q);
	result = query_get_int(&q);
	if (q.rc)
		return q.rc;
	*rc_out = km_rc_from_wire((unsigned)-noted);
	*id = (uint64_t)result;
	return KM_OK;
}

static km_rc note(struct km_store *s, const uint8_t op[16], km_rc result, uint64_t id)
{
	struct query q QUERY = query_new(s, SQL_OP_NOTE);

	query_blob(&q, op, 16);
	query_int(&q, result);
	query_int(&q, (int64_t)id);
	query_int(&q, s->now.wall);
	return query_run(&q);
}

static km_rc prune(struct km_store *s)
{
	struct query q QUERY = query_new(s, SQL_OP_PRUNE);

	query_int(&q, s->now.wall - OP_SEEN_KEPT);
	return query_run_any(&q);
}

km_rc store_op_note(struct km_store *s, const uint8_t op[16], km_rc result, uint64_t id)
{
	struct store_op step STORE_OP = { 0 };
	km_rc rc = store_op_begin(&step, s, false);

	if (!rc)
		rc = prune(s);
	if (!rc)
		rc = note(s, op, result, id);
	if (!rc)
		rc = store_op_done(&step);
	/* Its effect without the note would be done a second time. */
	s->lost |= rc != KM_OK;
	return rc;
}
