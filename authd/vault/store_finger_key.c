/*
 * Keys of fingers. A template is sealed under its subject's key and one of its
 * own: that of a subject lives on for the codes when a finger is removed or its
 * consent withdrawn; this one goes, and with the end of its key epoch so does
 * the template in every copy from before.
 */
#include "store_internal.h"

#include <string.h>

km_rc finger_key_put(struct km_store *s, uint64_t credential,
		     const uint8_t wrapped[KM_WRAPPED_BYTES])
{
	struct query q QUERY = query_new(s, SQL_FINGER_KEY_INSERT);
	km_rc rc;

	query_int(&q, (int64_t)credential);
	query_int(&q, km_keys_generation(s->keys));
	query_blob(&q, wrapped, KM_WRAPPED_BYTES);
	rc = query_run(&q);
	return rc == KM_EEXIST ? KM_ECORRUPT : rc; /* a number is given once */
}

km_rc finger_key_restore(struct km_store *s, uint64_t id, const uint8_t *bundled,
			 uint32_t generation)
{
	struct store_op op STORE_OP = { 0 };
	uint8_t wrapped[KM_WRAPPED_BYTES];
	km_rc rc;

	memcpy(wrapped, bundled, sizeof(wrapped));
	rc = km_finger_key_rewrap(s->keys, id, generation, wrapped);
	if (!rc)
		rc = store_op_begin(&op, s, false);
	if (!rc)
		rc = finger_key_put(s, id, wrapped);
	return rc ? rc : store_op_done(&op);
}

km_rc finger_key_make(struct km_store *s, uint64_t credential, struct km_subject_key *key)
{
	struct km_subject_key made KM_SUBJECT_KEY = { 0 };
	uint8_t wrapped[KM_WRAPPED_BYTES];
	km_rc rc = km_finger_key_new(s->keys, credential, &made, wrapped);

	if (!rc)
		rc = finger_key_put(s, credential, wrapped);
	if (!rc)
		*key = made;
	return rc;
}

km_rc finger_key_open(struct km_store *s, uint64_t credential, struct km_subject_key *key)
{
	struct query q QUERY = query_new(s, SQL_FINGER_KEY);
	uint8_t wrapped[KM_WRAPPED_BYTES];
	uint32_t generation;
	km_rc rc;

	query_int(&q, (int64_t)credential);
	rc = query_row(&q);
	if (rc)
		return rc == KM_ENOTFOUND ? KM_ECORRUPT : rc;
	generation = (uint32_t)query_get_number(&q, UINT32_MAX);
	query_get_blob(&q, wrapped, sizeof(wrapped));
	if (q.rc)
		return q.rc;
	return km_finger_key_unwrap(s->keys, credential, generation, wrapped, key);
}

static km_rc run_on(struct km_store *s, enum store_sql id, uint64_t credential)
{
	struct query q QUERY = query_new(s, id);

	query_int(&q, (int64_t)credential);
	return query_run(&q);
}

static km_rc destroy(struct km_store *s, uint64_t credential)
{
	km_rc rc = run_on(s, SQL_FINGER_KEY_BLANK, credential);

	return rc ? rc : run_on(s, SQL_FINGER_KEY_DELETE, credential);
}

km_rc finger_key_destroy(struct km_store *s, uint64_t credential)
{
	km_rc rc = destroy(s, credential);

	if (rc == KM_ENOTFOUND)
		return KM_OK;
	return rc ? rc : epoch_owes(s);
}

/* --- the end of an epoch ------------------------------------------------------------- */

#define ROWS 64 /* looked at together */

struct finger_row {
	uint64_t credential;
	uint32_t generation;
	bool owned; /* a template has it */
	uint8_t wrapped[KM_WRAPPED_BYTES];
};

static km_rc read_rows(struct km_store *s, uint64_t after, size_t most, struct finger_row out[ROWS],
		       size_t *count)
{
	struct query q QUERY = query_new(s, SQL_FINGER_KEY_PAGE);
	km_rc rc = KM_OK;

	*count = 0;
	query_int(&q, (int64_t)after);
	query_int(&q, (int64_t)most);
	while (*count < most && !(rc = query_row(&q))) {
		struct finger_row *r = &out[*count];

		r->credential = (uint64_t)query_get_int(&q);
		r->generation = (uint32_t)query_get_number(&q, UINT32_MAX);
		query_get_blob(&q, r->wrapped, sizeof(r->wrapped));
		r->owned = !query_is_null(&q);
		if (q.rc)
			return q.rc;
		(*count)++;
	}
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

static km_rc write_row(struct km_store *s, const struct finger_row *r)
{
	struct query q QUERY = query_new(s, SQL_FINGER_KEY_REWRAP);

	query_int(&q, km_keys_generation(s->keys));
	query_blob(&q, r->wrapped, sizeof(r->wrapped));
	query_int(&q, (int64_t)r->credential);
	query_int(&q, r->generation);
	return query_run(&q);
}

static km_rc rewrap_row(struct km_store *s, struct finger_row *r, struct km_rewrap *at)
{
	km_rc rc;

	at->finger = r->credential;
	at->done++;
	if (!r->owned)
		return destroy(s, r->credential);
	if (r->generation == km_keys_generation(s->keys))
		return KM_OK;
	rc = km_finger_key_rewrap(s->keys, r->credential, r->generation, r->wrapped);
	if (rc == KM_ECORRUPT) {
		at->damaged++;
		return KM_OK;
	}
	return rc ? rc : write_row(s, r);
}

km_rc finger_keys_rewrap(struct km_store *s, struct km_rewrap *at, size_t most, size_t *looked)
{
	struct finger_row rows[ROWS];
	size_t count, wanted, all = 0;
	km_rc rc;

	do {
		wanted = most - all < ROWS ? most - all : ROWS;
		rc = read_rows(s, at->finger, wanted, rows, &count);
		for (size_t i = 0; !rc && i < count; i++)
			rc = rewrap_row(s, &rows[i], at);
		all += count;
	} while (!rc && count == wanted && all < most);
	*looked = all;
	return rc;
}

km_rc finger_keys_open(struct km_store *s)
{
	struct query q QUERY = query_new(s, SQL_FINGER_KEY_FOREIGN);
	km_rc rc;

	query_int(&q, km_keys_generation(s->keys));
	query_int(&q, km_keys_older(s->keys));
	rc = query_row(&q);
	if (!rc)
		return KM_ECORRUPT;
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}
