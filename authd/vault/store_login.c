/*
 * What a login reads and writes. Every function here runs the same statements
 * whether or not what it asks for exists, so that an unknown name costs what
 * a known one does.
 */
#include "store_internal.h"

#include <string.h>

void take_operator(struct query *q, struct km_operator *out)
{
	*out = (struct km_operator){ .cursor = (uint64_t)query_get_int(q) };
	query_get_blob(q, out->subject, sizeof(out->subject));
	query_get_blob(q, out->login_tag, sizeof(out->login_tag));
	query_get_blob(q, out->dept_tag, sizeof(out->dept_tag));
	out->uid = query_get_int(q);
	out->state = (uint8_t)query_get_int(q);
	out->role = (uint8_t)query_get_int(q);
	out->valid_from = query_get_int(q);
	out->valid_until = query_get_int(q);
	out->last_login = query_get_int(q);
	out->created = query_get_int(q);
	if (query_is_null(q))
		return; /* the key is destroyed */
	out->kek_generation = (uint32_t)query_get_int(q);
	query_get_blob(q, out->wrapped, sizeof(out->wrapped));
}

static km_rc find(struct km_store *s, enum store_sql id, const uint8_t *key, size_t len,
		  struct km_operator *out)
{
	struct query q QUERY = query_new(s, id);
	struct km_operator found;
	km_rc rc;

	query_blob(&q, key, len);
	rc = query_row(&q);
	if (rc)
		return rc;
	take_operator(&q, &found);
	if (!q.rc)
		*out = found;
	return q.rc;
}

km_rc store_operator_by_login(struct km_store *s, const char *login, struct km_operator *out)
{
	uint8_t tag[KM_TAG_BYTES];
	km_rc rc = km_tag_login(s->keys, login, tag);

	return rc ? rc : find(s, SQL_OPERATOR_BY_LOGIN, tag, sizeof(tag), out);
}

km_rc store_operator_by_subject(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
				struct km_operator *out)
{
	return find(s, SQL_OPERATOR_BY_SUBJECT, subject, KM_SUBJECT_BYTES, out);
}

/* --- credentials and throttles ------------------------------------------------- */

static void take_throttle(struct query *q, struct km_throttle *out)
{
	out->fails = (uint32_t)query_get_int(q);
	out->total = (uint32_t)query_get_int(q);
	out->not_before = query_get_int(q);
}

static void take_credential(struct query *q, struct km_credential *out)
{
	*out = (struct km_credential){ .id = (uint64_t)query_get_int(q) };
	query_get_blob(q, out->subject, sizeof(out->subject));
	out->factor = (uint8_t)query_get_int(q);
	out->algorithm = (uint8_t)query_get_int(q);
	out->digits = (uint8_t)query_get_int(q);
	out->period = (uint16_t)query_get_int(q);
	out->moving = (uint64_t)query_get_int(q);
	out->drift = (int32_t)query_get_int(q);
	out->created = query_get_int(q);
	out->last_used = query_get_int(q);
	query_get_text(q, out->label, sizeof(out->label));
	out->version = (uint32_t)query_get_int(q);
	out->sealed_len = (uint16_t)query_get_bytes(q, out->sealed, sizeof(out->sealed));
	if (!query_is_null(q))
		take_throttle(q, &out->throttle);
}

km_rc store_credentials(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
			struct km_credential out[KM_MAX_CREDENTIALS], size_t *count)
{
	struct query q QUERY = query_new(s, SQL_CREDENTIALS);
	size_t n = 0;
	km_rc rc;

	query_blob(&q, subject, KM_SUBJECT_BYTES);
	while (!(rc = query_row(&q)) && n < KM_MAX_CREDENTIALS) {
		take_credential(&q, &out[n++]);
		if (q.rc)
			return q.rc;
	}
	if (rc && rc != KM_ENOTFOUND)
		return rc;
	*count = n;
	return KM_OK;
}

km_rc store_name_throttle(struct km_store *s, enum km_class class, uint16_t bucket,
			  struct km_throttle *out)
{
	struct query q QUERY = query_new(s, SQL_NAME_THROTTLE);
	struct km_throttle found = { 0 };
	km_rc rc;

	query_int(&q, class);
	query_int(&q, bucket);
	rc = query_row(&q);
	if (rc && rc != KM_ENOTFOUND)
		return rc;
	if (!rc)
		take_throttle(&q, &found);
	if (!q.rc)
		*out = found;
	return q.rc;
}

km_rc store_recovery_find(struct km_store *s, uint64_t credential, const uint8_t mac[KM_TAG_BYTES],
			  bool *used)
{
	struct query q QUERY = query_new(s, SQL_RECOVERY_FIND);
	bool was;
	km_rc rc;

	query_int(&q, (int64_t)credential);
	query_blob(&q, mac, KM_TAG_BYTES);
	rc = query_row(&q);
	if (rc)
		return rc;
	was = query_get_int(&q) != 0;
	if (!q.rc)
		*used = was;
	return q.rc;
}

/* --- accepting -------------------------------------------------------------------- */

static km_rc replay_or_missing(struct km_store *s, const struct km_acceptance *a)
{
	struct query q QUERY = query_new(s, SQL_CREDENTIAL_EXISTS);
	km_rc rc;

	query_int(&q, (int64_t)a->credential);
	query_blob(&q, a->subject, sizeof(a->subject));
	rc = query_row(&q);
	return rc ? rc : KM_EREPLAY;
}

static km_rc move_counter(struct km_store *s, const struct km_acceptance *a)
{
	struct query q QUERY = query_new(s, SQL_COUNTER_MOVE);
	km_rc rc;

	if (a->moving > INT64_MAX)
		return KM_EINVAL;
	query_int(&q, (int64_t)a->moving);
	query_int(&q, a->drift);
	query_int(&q, s->now.wall);
	query_int(&q, (int64_t)a->credential);
	query_blob(&q, a->subject, sizeof(a->subject));
	rc = query_run(&q);
	return rc == KM_ENOTFOUND ? replay_or_missing(s, a) : rc;
}

static km_rc use_recovery(struct km_store *s, const struct km_acceptance *a)
{
	struct query touch QUERY = query_new(s, SQL_RECOVERY_TOUCH);
	struct query use QUERY = query_new(s, SQL_RECOVERY_USE);
	km_rc rc;

	query_int(&touch, s->now.wall);
	query_int(&touch, (int64_t)a->credential);
	query_blob(&touch, a->subject, sizeof(a->subject));
	rc = query_run(&touch);
	if (rc)
		return rc;
	query_int(&use, s->now.wall > 0 ? s->now.wall : 1); /* 0 means unused */
	query_int(&use, (int64_t)a->credential);
	query_blob(&use, a->recovery_mac, KM_TAG_BYTES);
	rc = query_run(&use);
	return rc == KM_ENOTFOUND ? KM_EREPLAY : rc;
}

static km_rc clear_throttle(struct km_store *s, uint64_t credential)
{
	struct query q QUERY = query_new(s, SQL_THROTTLE_CLEAR);

	query_int(&q, (int64_t)credential);
	return query_run_any(&q);
}

/* Also the last look at state and uid: a login of a suspended operator changes no row here. */
static km_rc note_login(struct km_store *s, const struct km_acceptance *a)
{
	struct query q QUERY = query_new(s, SQL_OPERATOR_LOGIN);
	km_rc rc;

	query_int(&q, a->login);
	query_int(&q, s->now.wall);
	query_int(&q, a->bind_uid);
	query_blob(&q, a->subject, sizeof(a->subject));
	rc = query_run(&q);
	return rc == KM_ENOTFOUND ? KM_ESTATE : rc;
}

km_rc store_accept(struct km_store *s, const struct km_acceptance *a)
{
	struct store_op op STORE_OP = { 0 };
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc)
		rc = a->recovery_mac ? use_recovery(s, a) : move_counter(s, a);
	if (!rc)
		rc = clear_throttle(s, a->credential);
	if (!rc)
		rc = note_login(s, a);
	if (!rc)
		rc = chain_append(s, a->event);
	return rc ? rc : store_op_done(&op);
}

/* --- refusing ---------------------------------------------------------------------- */

static km_rc set_throttle(struct km_store *s, uint64_t credential, const struct km_throttle *t)
{
	struct query q QUERY = query_new(s, SQL_THROTTLE_SET);

	query_int(&q, (int64_t)credential);
	query_int(&q, t->fails);
	query_int(&q, t->total);
	query_int(&q, t->not_before);
	return query_run(&q);
}

static km_rc set_name_throttle(struct km_store *s, const struct km_failure *f)
{
	struct query q QUERY = query_new(s, SQL_NAME_THROTTLE_SET);

	if (f->class != KM_CLASS_DIGITS && f->class != KM_CLASS_RECOVERY)
		return KM_EINVAL; /* the table is bounded by its classes */
	query_int(&q, f->class);
	query_int(&q, f->bucket);
	query_int(&q, f->name_throttle.fails);
	query_int(&q, f->name_throttle.total);
	query_int(&q, f->name_throttle.not_before);
	return query_run(&q);
}

km_rc store_fail(struct km_store *s, const struct km_failure *f)
{
	struct store_op op STORE_OP = { 0 };
	km_rc rc = f->count > KM_MAX_CREDENTIALS ? KM_EINVAL : store_op_begin(&op, s, false);

	for (size_t i = 0; !rc && i < f->count; i++)
		rc = set_throttle(s, f->credential[i], &f->throttle[i]);
	if (!rc && f->by_name)
		rc = set_name_throttle(s, f);
	if (!rc && f->event)
		rc = chain_append(s, f->event);
	if (!rc && f->second)
		rc = chain_append(s, f->second);
	return rc ? rc : store_op_done(&op);
}

km_rc store_record(struct km_store *s, const struct km_event_record *event)
{
	struct store_op op STORE_OP = { 0 };
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc)
		rc = chain_append(s, event);
	return rc ? rc : store_op_done(&op);
}
