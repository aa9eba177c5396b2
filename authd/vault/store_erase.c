/*
 * Erasure in three steps, each of which a crash may follow: the key, the rows,
 * the person. The key goes first, so that from the first flush on nothing of
 * the person opens, whatever happens next.
 */
#include "store_internal.h"

#include <string.h>

static km_rc where(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES], uint64_t *cursor,
		   int64_t *state)
{
	struct query q QUERY = query_new(s, SQL_OPERATOR_WHERE);
	int64_t c;
	km_rc rc;

	query_blob(&q, subject, KM_SUBJECT_BYTES);
	rc = query_row(&q);
	if (rc)
		return rc;
	c = query_get_int(&q);
	*state = query_get_int(&q);
	*cursor = (uint64_t)c;
	return q.rc;
}

static km_rc run_on_subject(struct km_store *s, enum store_sql id,
			    const uint8_t subject[KM_SUBJECT_BYTES])
{
	struct query q QUERY = query_new(s, id);

	query_blob(&q, subject, KM_SUBJECT_BYTES);
	return query_run_any(&q);
}

static km_rc run_on_cursor(struct km_store *s, enum store_sql id, uint64_t cursor)
{
	struct query q QUERY = query_new(s, id);

	query_int(&q, (int64_t)cursor);
	return query_run_any(&q);
}

static km_rc set_erasing(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES])
{
	struct query q QUERY = query_new(s, SQL_OPERATOR_STATE);

	query_int(&q, KM_ERASING);
	query_blob(&q, subject, KM_SUBJECT_BYTES);
	return query_run(&q);
}

km_rc store_erase_begin(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
			const struct km_event_record *event)
{
	struct store_op op STORE_OP = { 0 };
	uint64_t cursor = 0;
	int64_t state = 0;
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc)
		rc = where(s, subject, &cursor, &state);
	if (!rc && state == KM_ERASING)
		rc = KM_ESTATE;
	if (!rc)
		rc = set_erasing(s, subject);
	if (!rc)
		rc = run_on_cursor(s, SQL_KEY_BLANK, cursor);
	if (!rc)
		rc = run_on_cursor(s, SQL_KEY_DELETE, cursor);
	if (!rc)
		rc = chain_append(s, event);
	return rc ? rc : store_op_done(&op);
}

/* Throttles and codes are found through the credentials, so these go last. */
static km_rc delete_rows(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES])
{
	static const enum store_sql order[] = { SQL_RECOVERIES_DELETE, SQL_THROTTLES_DELETE,
						SQL_CREDENTIALS_DELETE };
	km_rc rc = KM_OK;

	for (size_t i = 0; !rc && i < sizeof(order) / sizeof(*order); i++)
		rc = run_on_subject(s, order[i], subject);
	return rc;
}

/* Only of an operator whose key is gone. */
static km_rc being_erased(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
			  uint64_t *cursor)
{
	int64_t state = 0;
	km_rc rc = where(s, subject, cursor, &state);

	return !rc && state != KM_ERASING ? KM_ESTATE : rc;
}

km_rc store_erase_rows(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES])
{
	struct store_op op STORE_OP = { 0 };
	uint64_t cursor = 0;
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc)
		rc = being_erased(s, subject, &cursor);
	if (!rc)
		rc = delete_rows(s, subject);
	return rc ? rc : store_op_done(&op);
}

km_rc store_erase_finish(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
			 const struct km_event_record *event)
{
	struct store_op op STORE_OP = { 0 };
	uint64_t cursor = 0;
	km_rc rc = store_op_begin(&op, s, true);

	if (!rc)
		rc = being_erased(s, subject, &cursor);
	if (!rc)
		rc = delete_rows(s, subject); /* should the caller have left that out */
	if (!rc)
		rc = identity_bury(s, cursor, subject);
	if (!rc)
		rc = run_on_subject(s, SQL_OPERATOR_DELETE, subject);
	if (!rc)
		rc = chain_append(s, event);
	return rc ? rc : store_op_done(&op);
}

km_rc store_erasing(struct km_store *s, uint8_t subject[KM_SUBJECT_BYTES])
{
	struct query q QUERY = query_new(s, SQL_OPERATOR_ERASING);
	uint8_t found[KM_SUBJECT_BYTES];
	km_rc rc = query_row(&q);

	if (rc)
		return rc;
	query_get_blob(&q, found, sizeof(found));
	if (!q.rc)
		memcpy(subject, found, sizeof(found));
	return q.rc;
}
