/*
 * What a login reads and writes. Every function here runs the same statements
 * whether or not what it asks for exists, so that an unknown name costs what
 * a known one does.
 */
#include "store_internal.h"

#include <string.h>

#include "store_phone.h"

static km_rc take_found(struct km_store *s, struct query *q, struct km_operator *out)
{
	struct stored_operator found = { 0 };
	km_rc rc = query_row(q), checked;

	if (rc && rc != KM_ENOTFOUND)
		return rc;
	if (!rc)
		take_operator(q, &found);
	if (q->rc)
		return q->rc;
	checked = row_check_operator(s, &found); /* also where there is nobody */
	if (rc)
		return rc;
	if (checked)
		return checked;
	s->seen.operator= found;
	*out = found.row;
	return KM_OK;
}

static km_rc find(struct km_store *s, enum store_sql id, const uint8_t *key, size_t len,
		  struct km_operator *out)
{
	struct query q QUERY = query_new(s, id);

	query_blob(&q, key, len);
	return take_found(s, &q, out);
}

km_rc store_operator_by_cursor(struct km_store *s, uint64_t cursor, struct km_operator *out)
{
	struct query q QUERY = query_new(s, SQL_OPERATOR_BY_CURSOR);

	query_number(&q, cursor);
	return take_found(s, &q, out);
}

km_rc store_operator_by_login(struct km_store *s, const char *login, struct km_operator *out)
{
	uint8_t tag[KM_TAG_BYTES];
	km_rc rc = km_tag_login(s->keys, login, tag);

	return rc ? rc : store_operator_by_tag(s, tag, out);
}

km_rc store_operator_by_tag(struct km_store *s, const uint8_t tag[KM_TAG_BYTES],
			    struct km_operator *out)
{
	return find(s, SQL_OPERATOR_BY_LOGIN, tag, KM_TAG_BYTES, out);
}

km_rc store_operator_by_subject(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
				struct km_operator *out)
{
	return find(s, SQL_OPERATOR_BY_SUBJECT, subject, KM_SUBJECT_BYTES, out);
}

/* --- credentials and throttles ------------------------------------------------- */

/*
 * A token, a telephone, recovery codes and five fingers: who has more is rare, and only that they
 * have could be measured. Each costs one HMAC where it is not there.
 */
#define CREDENTIALS_ALIKE 8

km_rc store_credentials(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
			struct km_credential out[KM_MAX_CREDENTIALS], size_t *count)
{
	struct query q QUERY = query_new(s, SQL_CREDENTIALS);
	struct stored_credential *seen = s->seen.credential;
	size_t n = 0;
	km_rc rc, checked;

	s->seen.count = 0;
	query_blob(&q, subject, KM_SUBJECT_BYTES);
	while (!(rc = query_row(&q)) && n < KM_MAX_CREDENTIALS) {
		take_credential(&q, &seen[n]);
		checked = q.rc ? q.rc : row_check_credential(s, &seen[n]);
		if (checked)
			return checked;
		out[n] = seen[n].row;
		n++;
	}
	if (rc && rc != KM_ENOTFOUND)
		return rc;
	/* None, or one, costs as much as most people have. */
	for (size_t i = n; i < CREDENTIALS_ALIKE; i++) {
		seen[i] = (struct stored_credential){ 0 };
		(void)!row_check_credential(s, &seen[i]);
	}
	s->seen.count = n;
	*count = n;
	return KM_OK;
}

km_rc store_name_throttle(struct km_store *s, enum km_class class, uint16_t bucket,
			  struct km_throttle *out)
{
	struct query q QUERY = query_new(s, SQL_NAME_THROTTLE);

	query_int(&q, class);
	query_int(&q, bucket);
	return row_read_name(s, &q, class, bucket, out);
}

km_rc store_recovery_find(struct km_store *s, uint64_t credential, const uint8_t mac[KM_TAG_BYTES],
			  bool *used)
{
	struct query q QUERY = query_new(s, SQL_RECOVERY_FIND);
	int64_t when = 0;
	km_rc rc;

	query_int(&q, (int64_t)credential);
	query_blob(&q, mac, KM_TAG_BYTES);
	rc = row_read_recovery(s, &q, credential, &when);
	if (!rc)
		*used = when != 0;
	return rc;
}

/* --- accepting -------------------------------------------------------------------- */

/* A success: used now, and no failures in a row any more. */
static struct km_credential used_now(const struct km_store *s, const struct km_credential *c)
{
	struct km_credential next = *c;

	next.last_used = s->now.wall;
	next.throttle.fails = 0;
	next.throttle.not_before = 0;
	return next;
}

static km_rc move_counter(struct km_store *s, const struct stored_credential *c,
			  const struct km_acceptance *a)
{
	struct km_credential next = used_now(s, &c->row);
	km_rc rc;

	if (km_factor_class(c->row.factor) != KM_CLASS_DIGITS || c->row.moving >= a->moving)
		return KM_EREPLAY;
	next.moving = a->moving;
	next.drift = a->drift;
	rc = row_change_credential(s, c, &next, true);
	return rc == KM_ENOTFOUND ? KM_EREPLAY : rc;
}

static km_rc use_code(struct km_store *s, const struct km_acceptance *a)
{
	struct query q QUERY = query_new(s, SQL_RECOVERY_USE);
	int64_t now = s->now.wall > 0 ? s->now.wall : 1; /* 0 means unused */
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc = row_mac_recovery(s, a->credential, a->recovery_mac, now, mac);

	if (rc)
		return rc;
	query_int(&q, now);
	query_blob(&q, mac, sizeof(mac));
	query_int(&q, (int64_t)a->credential);
	query_blob(&q, a->recovery_mac, KM_TAG_BYTES);
	rc = query_run(&q);
	return rc == KM_ENOTFOUND ? KM_EREPLAY : rc;
}

static km_rc use_recovery(struct km_store *s, const struct stored_credential *c,
			  const struct km_acceptance *a)
{
	struct km_credential next = used_now(s, &c->row);
	bool used = true;
	km_rc rc;

	if (km_factor_class(c->row.factor) != KM_CLASS_RECOVERY)
		return KM_ENOTFOUND;
	rc = store_recovery_find(s, a->credential, a->recovery_mac, &used);
	if (rc == KM_ENOTFOUND || (!rc && used))
		return KM_EREPLAY;
	if (!rc)
		rc = use_code(s, a);
	if (rc)
		return rc;
	rc = row_change_credential(s, c, &next, false);
	return rc == KM_ENOTFOUND ? KM_ECORRUPT : rc;
}

/* What makes it good once is its grant. */
static km_rc use_finger(struct km_store *s, const struct stored_credential *c,
			const struct km_acceptance *a)
{
	struct km_credential next = used_now(s, &c->row);
	km_rc rc = a->moving || a->drift || a->recovery_mac ? KM_EINVAL : KM_OK;

	if (!rc)
		rc = row_change_credential(s, c, &next, false);
	return rc == KM_ENOTFOUND ? KM_ECORRUPT : rc;
}

/* A code that was sent: what makes it good once is its challenge. */
static km_rc use_sent(struct km_store *s, const struct stored_credential *c,
		      const struct km_acceptance *a)
{
	struct km_credential next = used_now(s, &c->row);
	km_rc rc = KM_EINVAL;

	if (a->challenge && a->challenge->credential == c->row.id &&
	    memcmp(a->challenge->subject, a->subject, sizeof(a->subject)) == 0)
		rc = challenge_use(s, a->challenge);
	if (!rc && a->won)
		rc = budget_put(s, a->won);
	if (rc)
		return rc;
	rc = row_change_credential(s, c, &next, false);
	return rc == KM_ENOTFOUND ? KM_ECORRUPT : rc;
}

static km_rc use(struct km_store *s, const struct km_acceptance *a)
{
	struct stored_credential c;
	km_rc rc = a->moving > INT64_MAX ? KM_EINVAL : row_credential(s, a->credential, &c);

	if (rc)
		return rc;
	if (memcmp(c.row.subject, a->subject, sizeof(a->subject)) != 0)
		return KM_ENOTFOUND;
	if (c.row.factor == KM_FACTOR_FINGERPRINT)
		return use_finger(s, &c, a);
	if (km_factor_class(c.row.factor) == KM_CLASS_PHONE)
		return use_sent(s, &c, a);
	return a->recovery_mac ? use_recovery(s, &c, a) : move_counter(s, &c, a);
}

/* Also the last look at state and uid. */
static km_rc note_login(struct km_store *s, const struct km_acceptance *a)
{
	struct stored_operator op;
	struct km_operator next;
	km_rc rc = row_operator(s, a->subject, &op);

	if (rc)
		return rc == KM_ENOTFOUND ? KM_ESTATE : rc;
	next = op.row;
	if (a->login && next.state != KM_ACTIVE)
		return KM_ESTATE;
	if (a->bind_uid >= 0 && next.uid != -1 && next.uid != a->bind_uid)
		return KM_ESTATE;
	if (a->bind_uid >= 0)
		next.uid = a->bind_uid;
	if (a->login)
		next.last_login = s->now.wall;
	rc = row_change_operator(s, &op, &next);
	return rc == KM_ENOTFOUND ? KM_ESTATE : rc;
}

km_rc store_accept(struct km_store *s, const struct km_acceptance *a)
{
	struct store_op op STORE_OP = { 0 };
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc)
		rc = use(s, a);
	if (!rc)
		rc = note_login(s, a);
	if (!rc)
		rc = chain_append(s, a->event);
	if (!rc && a->second)
		rc = chain_append(s, a->second);
	return rc ? rc : store_op_done(&op);
}

/* --- refusing ---------------------------------------------------------------------- */

static km_rc set_throttle(struct km_store *s, uint64_t credential, const struct km_throttle *t)
{
	struct stored_credential c;
	struct km_credential next;
	km_rc rc = row_credential(s, credential, &c);

	if (rc)
		return rc;
	next = c.row;
	next.throttle = *t;
	rc = row_change_credential(s, &c, &next, false);
	return rc == KM_ENOTFOUND ? KM_ECORRUPT : rc;
}

static km_rc set_name_throttle(struct km_store *s, enum km_class class, uint16_t bucket,
			       const struct km_throttle *t)
{
	struct query q QUERY = query_new(s, SQL_NAME_THROTTLE_SET);
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc;

	if (class != KM_CLASS_DIGITS && class != KM_CLASS_RECOVERY && class != KM_CLASS_PHONE)
		return KM_EINVAL; /* the table is bounded by its classes */
	rc = row_mac_name(s, class, bucket, t, mac);
	if (rc)
		return rc;
	query_int(&q, class);
	query_int(&q, bucket);
	query_int(&q, t->fails);
	query_int(&q, t->total);
	query_int(&q, t->not_before);
	query_blob(&q, mac, sizeof(mac));
	return query_run(&q);
}

km_rc store_fail(struct km_store *s, const struct km_failure *f)
{
	struct store_op op STORE_OP = { 0 };
	km_rc rc = f->count > KM_MAX_CREDENTIALS ? KM_EINVAL : store_op_begin(&op, s, false);

	for (size_t i = 0; !rc && i < f->count; i++)
		rc = set_throttle(s, f->credential[i], &f->throttle[i]);
	if (!rc && f->by_name)
		rc = set_name_throttle(s, f->class, f->bucket, &f->name_throttle);
	if (!rc && f->phone_by_name)
		rc = set_name_throttle(s, KM_CLASS_PHONE, f->bucket, &f->phone_throttle);
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
