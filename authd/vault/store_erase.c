/*
 * Erasure in three steps, each of which a crash may follow: the key, the rows,
 * the person. The key goes first, so that from the first flush on nothing of
 * the person opens, whatever happens next.
 */
#include "store_certificate.h"

#include <string.h>

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

static km_rc set_erasing(struct km_store *s, const struct stored_operator *old)
{
	struct km_operator new = old->row;
	km_rc rc;

	new.state = KM_ERASING;
	rc = row_change_operator(s, old, &new);
	return rc == KM_ENOTFOUND ? KM_ECORRUPT : rc;
}

km_rc store_erase_begin(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
			const struct km_erase_order *order, const struct km_event_record *event)
{
	struct store_op op STORE_OP = { 0 };
	struct stored_operator old = { 0 };
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc && !order->cause)
		rc = KM_EINVAL;
	if (!rc)
		rc = row_operator(s, subject, &old);
	if (!rc && old.row.state == KM_ERASING)
		rc = KM_ESTATE;
	if (!rc)
		rc = set_erasing(s, &old);
	if (!rc)
		rc = run_on_cursor(s, SQL_KEY_BLANK, old.row.cursor);
	if (!rc)
		rc = run_on_cursor(s, SQL_KEY_DELETE, old.row.cursor);
	if (!rc)
		rc = dues_delete(s, subject);
	if (!rc)
		rc = requests_destroy(s, subject);
	if (!rc)
		rc = certificate_begin(s, &old.row, order);
	if (!rc)
		rc = leaver_note(s, old.row.uid);
	rows_forget(s);
	if (!rc)
		rc = epoch_owes(s);
	if (!rc)
		rc = chain_append(s, event);
	return rc ? rc : store_op_done(&op);
}

/* Codes are found through the credentials, and keys of fingers through the templates: these go
 * later. */
static km_rc delete_rows(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES])
{
	static const enum store_sql order[] = { SQL_RECOVERIES_DELETE,  SQL_FINGER_KEYS_BLANK,
						SQL_FINGER_KEYS_DELETE, SQL_TEMPLATES_DELETE,
						SQL_CREDENTIALS_DELETE, SQL_CONSENTS_DELETE,
						SQL_INVITATION_DELETE };
	km_rc rc = KM_OK;

	rows_forget(s);
	for (size_t i = 0; !rc && i < sizeof(order) / sizeof(*order); i++)
		rc = run_on_subject(s, order[i], subject);
	return rc ? rc : phone_rows_delete(s, subject);
}

/* Only of an operator whose key is gone. */
static km_rc being_erased(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
			  uint64_t *cursor)
{
	struct stored_operator op;
	km_rc rc = row_operator(s, subject, &op);

	if (rc)
		return rc;
	*cursor = op.row.cursor;
	return op.row.state == KM_ERASING ? KM_OK : KM_ESTATE;
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
	if (!rc)
		rc = certificate_finish(s, subject);
	return rc ? rc : store_op_done(&op);
}

km_rc store_erasing(struct km_store *s, uint64_t after, size_t limit, struct km_erasing *out,
		    size_t *count)
{
	struct query q QUERY = query_new(s, SQL_OPERATOR_ERASING);
	struct stored_operator found;
	size_t n = 0;
	km_rc rc = KM_OK;

	query_number(&q, after);
	query_number(&q, limit);
	while (n < limit && !(rc = query_row(&q))) {
		take_operator(&q, &found);
		rc = q.rc ? q.rc : row_check_operator(s, &found);
		if (rc && rc != KM_ECORRUPT)
			return rc;
		q.rc = KM_OK; /* of this row; the next may be as we wrote it */
		out[n] = (struct km_erasing){ .cursor = found.row.cursor, .damaged = rc != KM_OK };
		memcpy(out[n].subject, found.row.subject, KM_SUBJECT_BYTES);
		n++;
	}
	if (rc && rc != KM_ENOTFOUND && rc != KM_ECORRUPT)
		return rc;
	if (q.rc)
		return q.rc;
	*count = n;
	return KM_OK;
}
