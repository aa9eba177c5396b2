/* Operators: registering, changing, listing, counting. */
#include "store_internal.h"

#include <string.h>

static bool is_text(const char *text, size_t size, size_t least)
{
	size_t len = strnlen(text, size);

	return len >= least && len < size;
}

static bool acceptable(const struct km_operator *in, const struct km_person *p)
{
	return in->uid >= -1 && in->role <= KM_ROLE_OFFICER &&
	       is_text(p->login, sizeof(p->login), 1) &&
	       is_text(p->employee_number, sizeof(p->employee_number), 1) &&
	       is_text(p->name, sizeof(p->name), 0) &&
	       is_text(p->department, sizeof(p->department), 0);
}

static km_rc make_operator(struct km_store *s, const struct km_operator *in,
			   const struct km_person *person, struct km_operator *op,
			   struct km_subject_key *key)
{
	km_rc rc;

	*op = (struct km_operator){
		.uid = in->uid,
		.state = KM_ACTIVE,
		.role = in->role,
		.valid_from = in->valid_from,
		.valid_until = in->valid_until,
		.created = s->now.wall,
		.kek_generation = km_keys_generation(s->keys),
	};
	rc = km_random(op->subject, sizeof(op->subject));
	if (!rc)
		rc = km_tag_login(s->keys, person->login, op->login_tag);
	if (!rc)
		rc = km_tag_department(s->keys, person->department, op->dept_tag);
	return rc ? rc : km_subject_key_new(s->keys, op->subject, key, op->wrapped);
}

static km_rc insert_operator(struct km_store *s, struct km_operator *op)
{
	struct query q QUERY = query_new(s, SQL_OPERATOR_INSERT);
	km_rc rc;

	query_blob(&q, op->subject, sizeof(op->subject));
	query_blob(&q, op->login_tag, sizeof(op->login_tag));
	query_blob(&q, op->dept_tag, sizeof(op->dept_tag));
	query_int(&q, op->uid);
	query_int(&q, op->state);
	query_int(&q, op->role);
	query_int(&q, op->valid_from);
	query_int(&q, op->valid_until);
	query_int(&q, op->created);
	rc = query_run(&q); /* KM_EEXIST: the login is registered */
	if (!rc)
		op->cursor = (uint64_t)sqlite3_last_insert_rowid(q.handle);
	return rc;
}

/* The cursor is known only now, and is part of it. */
static km_rc seal_operator(struct km_store *s, const struct km_operator *op)
{
	struct query q QUERY = query_new(s, SQL_OPERATOR_SEAL);
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc = row_mac_operator(s, op, mac);

	if (rc)
		return rc;
	query_blob(&q, mac, sizeof(mac));
	query_int(&q, (int64_t)op->cursor);
	return query_run(&q);
}

static km_rc insert_key(struct km_store *s, const struct km_operator *op)
{
	struct query q QUERY = query_new(s, SQL_KEY_INSERT);

	query_int(&q, (int64_t)op->cursor);
	query_int(&q, op->kek_generation);
	query_blob(&q, op->wrapped, sizeof(op->wrapped));
	return query_run(&q);
}

km_rc store_operator_add(struct km_store *s, const struct km_operator *in,
			 const struct km_person *person, struct km_event_record *event,
			 struct km_operator *out)
{
	struct km_subject_key key KM_SUBJECT_KEY = { 0 };
	struct store_op op STORE_OP = { 0 };
	struct km_event_record record;
	struct km_operator made;
	km_rc rc;

	if (!event || !acceptable(in, person))
		return KM_EINVAL;
	rc = store_op_begin(&op, s, true);
	if (!rc)
		rc = make_operator(s, in, person, &made, &key);
	if (!rc)
		rc = insert_operator(s, &made);
	if (!rc)
		rc = seal_operator(s, &made);
	if (!rc)
		rc = insert_key(s, &made);
	if (!rc)
		rc = identity_add(s, &made, &key, person);
	if (rc)
		return rc;
	record = *event;
	memcpy(record.subject, made.subject, sizeof(record.subject));
	rc = chain_append(s, &record);
	if (!rc)
		rc = store_op_done(&op);
	if (rc)
		return rc;
	*event = record;
	*out = made;
	return KM_OK;
}

/* --- changing -------------------------------------------------------------------------- */

/* One that is being erased stays as it is. */
static km_rc changeable(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
			struct stored_operator *op)
{
	km_rc rc = row_operator(s, subject, op);

	return !rc && op->row.state == KM_ERASING ? KM_ESTATE : rc;
}

static km_rc change_and_record(struct km_store *s, const struct stored_operator *old,
			       const struct km_operator *new, const struct km_event_record *event)
{
	struct store_op op STORE_OP = { 0 };
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc)
		rc = row_change_operator(s, old, new);
	if (!rc)
		rc = chain_append(s, event);
	return rc ? rc : store_op_done(&op);
}

km_rc store_operator_state(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
			   enum km_operator_state state, const struct km_event_record *event)
{
	struct stored_operator old;
	struct km_operator new;
	km_rc rc;

	/* ERASING is reached through store_erase_begin alone, and left by nothing. */
	if (state != KM_ACTIVE && state != KM_SUSPENDED)
		return KM_EINVAL;
	rc = changeable(s, subject, &old);
	if (rc)
		return rc;
	new = old.row;
	new.state = (uint8_t)state;
	return change_and_record(s, &old, &new, event);
}

km_rc store_operator_uid(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES], int64_t uid,
			 const struct km_event_record *event)
{
	struct stored_operator old;
	struct km_operator new;
	km_rc rc;

	if (uid < -1)
		return KM_EINVAL;
	rc = changeable(s, subject, &old);
	if (rc)
		return rc;
	new = old.row;
	new.uid = uid;
	return change_and_record(s, &old, &new, event);
}

/* --- listing ---------------------------------------------------------------------------- */

static km_rc page_of(struct km_store *s, enum store_sql id, uint64_t after, size_t limit,
		     struct km_operator *out, size_t *count)
{
	struct query q QUERY = query_new(s, id);

	query_number(&q, after);
	query_number(&q, limit);
	return row_read_operators(s, &q, limit, out, count);
}

km_rc store_operators(struct km_store *s, uint64_t after, size_t limit, struct km_operator *out,
		      size_t *count)
{
	return page_of(s, SQL_OPERATOR_PAGE, after, limit, out, count);
}

km_rc store_staff(struct km_store *s, uint64_t after, size_t limit, struct km_operator *out,
		  size_t *count)
{
	return page_of(s, SQL_OPERATOR_STAFF, after, limit, out, count);
}

/*
 * How many have this uid, but for those who are being erased and the subject but (NULL: nobody);
 * *last is one of them. Nothing is taken from s->seen, nor left there: this is no part of a login.
 */
static km_rc with_uid(struct km_store *s, uint32_t uid, const uint8_t *but,
		      struct km_operator *last, size_t *n)
{
	struct query q QUERY = query_new(s, SQL_OPERATOR_BY_UID);
	struct stored_operator found;
	km_rc rc;

	*n = 0;
	query_int(&q, uid);
	while (!(rc = row_read_operator(s, &q, &found))) {
		if (found.row.state == KM_ERASING ||
		    (but && memcmp(found.row.subject, but, sizeof found.row.subject) == 0))
			continue;
		*last = found.row;
		++*n;
	}
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

km_rc store_operator_by_uid(struct km_store *s, uint32_t uid, struct km_operator *out)
{
	struct km_operator one = { 0 };
	size_t n;
	km_rc rc = with_uid(s, uid, NULL, &one, &n);

	if (rc)
		return rc;
	if (n != 1)
		return KM_ENOTFOUND;
	*out = one;
	return KM_OK;
}

km_rc store_uid_is_anothers(struct km_store *s, uint32_t uid, const uint8_t *subject, bool *out)
{
	struct km_operator one;
	size_t n;
	km_rc rc = with_uid(s, uid, subject, &one, &n);

	if (rc == KM_OK)
		*out = n > 0;
	return rc;
}

static km_rc count_one(struct query *q, uint64_t *out)
{
	km_rc rc = query_row(q);

	if (rc)
		return rc == KM_ENOTFOUND ? KM_ECORRUPT : rc;
	*out = (uint64_t)query_get_int(q);
	return q->rc;
}

static km_rc count_operators(struct km_store *s, struct km_counts *c)
{
	struct query q QUERY = query_new(s, SQL_COUNT_OPERATORS);
	km_rc rc = count_one(&q, &c->operators);

	if (rc)
		return rc;
	c->suspended = (uint64_t)query_get_int(&q);
	c->erasing = (uint64_t)query_get_int(&q);
	c->unbound = (uint64_t)query_get_int(&q);
	return q.rc;
}

km_rc store_count_operators(struct km_store *s, uint64_t *count)
{
	struct km_counts c = { 0 };
	km_rc rc = count_operators(s, &c);

	if (!rc)
		*count = c.operators;
	return rc;
}

km_rc store_counts(struct km_store *s, struct km_counts *out)
{
	struct query enrolled QUERY = query_new(s, SQL_COUNT_ENROLLED);
	struct query credentials QUERY = query_new(s, SQL_COUNT_CREDENTIALS);
	struct query fingers QUERY = query_new(s, SQL_COUNT_FINGERS);
	struct query locked QUERY = query_new(s, SQL_COUNT_LOCKED);
	struct km_counts c = { .records = s->at.head.seq };
	uint64_t with = 0;
	km_rc rc = count_operators(s, &c);

	if (!rc)
		rc = count_one(&enrolled, &with);
	c.unenrolled = c.operators - with;
	if (!rc)
		rc = count_one(&credentials, &c.credentials);
	if (!rc)
		rc = count_one(&fingers, &c.fingers);
	if (!rc) {
		c.fingered = (uint64_t)query_get_int(&fingers);
		rc = fingers.rc;
	}
	query_int(&locked, s->now.wall);
	if (!rc)
		rc = count_one(&locked, &c.locked);
	if (!rc)
		*out = c;
	return rc;
}
