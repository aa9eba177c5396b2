/*
 * Keys of what is under way. What a request or a roster holds of people lies
 * under one of these until it is decided or worked off; then the key goes, and
 * with it all of that, in whatever page or log a copy of it still stands.
 */
#include "store_internal.h"

#include <string.h>

struct work_row {
	uint8_t ref[WORK_REF_BYTES], wrapped[KM_WRAPPED_BYTES];
	uint32_t generation;
};

static km_rc put_key(struct km_store *s, const struct work_row *r)
{
	struct query q QUERY = query_new(s, SQL_WORK_INSERT);

	query_blob(&q, r->ref, sizeof(r->ref));
	query_int(&q, r->generation);
	query_blob(&q, r->wrapped, sizeof(r->wrapped));
	return query_run(&q);
}

km_rc work_key_make(struct km_store *s, uint8_t ref[WORK_REF_BYTES], struct km_subject_key *key)
{
	struct work_row row = { .generation = km_keys_generation(s->keys) };
	struct km_subject_key made KM_SUBJECT_KEY = { 0 };
	km_rc rc = km_random(row.ref, sizeof(row.ref));

	if (!rc)
		rc = km_work_key_new(s->keys, row.ref, &made, row.wrapped);
	if (!rc)
		rc = put_key(s, &row);
	if (rc)
		return rc;
	memcpy(ref, row.ref, sizeof(row.ref));
	*key = made;
	return KM_OK;
}

km_rc work_key_open(struct km_store *s, const uint8_t ref[WORK_REF_BYTES],
		    struct km_subject_key *key)
{
	struct query q QUERY = query_new(s, SQL_WORK_KEY);
	struct work_row row;
	km_rc rc;

	query_blob(&q, ref, WORK_REF_BYTES);
	rc = query_row(&q);
	if (rc)
		return rc == KM_ENOTFOUND ? KM_ECORRUPT : rc;
	row.generation = (uint32_t)query_get_number(&q, UINT32_MAX);
	query_get_blob(&q, row.wrapped, sizeof(row.wrapped));
	if (q.rc)
		return q.rc;
	return km_work_key_unwrap(s->keys, ref, row.generation, row.wrapped, key);
}

km_rc work_key_destroy(struct km_store *s, const uint8_t ref[WORK_REF_BYTES])
{
	static const enum store_sql order[] = { SQL_WORK_BLANK, SQL_WORK_DELETE };
	km_rc rc = KM_OK;

	for (size_t i = 0; !rc && i < sizeof(order) / sizeof(*order); i++) {
		struct query q QUERY = query_new(s, order[i]);

		query_blob(&q, ref, WORK_REF_BYTES);
		rc = query_run_any(&q); /* one that is gone already is destroyed */
	}
	return rc;
}

/* --- the end of an epoch ------------------------------------------------------------- */

/* KM_ENOTFOUND: none is left. */
static km_rc old_key(struct km_store *s, struct work_row *out)
{
	struct query q QUERY = query_new(s, SQL_WORK_OLD);
	km_rc rc;

	query_int(&q, km_keys_generation(s->keys));
	rc = query_row(&q);
	if (rc)
		return rc;
	query_get_blob(&q, out->ref, sizeof(out->ref));
	out->generation = (uint32_t)query_get_number(&q, UINT32_MAX);
	query_get_blob(&q, out->wrapped, sizeof(out->wrapped));
	return q.rc;
}

static km_rc write_key(struct km_store *s, const struct work_row *r)
{
	struct query q QUERY = query_new(s, SQL_WORK_REWRAP);

	query_int(&q, km_keys_generation(s->keys));
	query_blob(&q, r->wrapped, sizeof(r->wrapped));
	query_blob(&q, r->ref, sizeof(r->ref));
	return query_run(&q);
}

km_rc work_keys_rewrap(struct km_store *s)
{
	struct work_row old = { 0 };
	km_rc rc;

	while (!(rc = old_key(s, &old))) {
		rc = km_work_key_rewrap(s->keys, old.ref, old.generation, old.wrapped);
		/* What it seals is lost already, and is asked for or read in again. */
		if (rc == KM_ECORRUPT)
			memset(old.wrapped, 0, sizeof(old.wrapped));
		else if (rc)
			return rc;
		rc = write_key(s, &old);
		if (rc)
			return rc;
	}
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}
