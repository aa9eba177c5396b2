/* What is registered of an operator becomes something else: the row, and who they are. */
#include "store_internal.h"

#include <string.h>

#include <kenmon/people.h>

static void take_text(char *to, size_t size, const char *from, bool take)
{
	if (take)
		memcpy(to, from, size);
}

static bool ends(const char *text, size_t size)
{
	return strnlen(text, size) < size;
}

static bool acceptable(const struct km_operator_change *c)
{
	const struct km_person *p = &c->who;

	if ((c->mask & ~(unsigned)KM_CHANGE_BY_ROSTER) || c->mask == 0)
		return false;
	if (!ends(p->login, sizeof(p->login)) || !ends(p->name, sizeof(p->name)) ||
	    !ends(p->department, sizeof(p->department)) || !ends(p->mobile, sizeof(p->mobile)) ||
	    !ends(p->landline, sizeof(p->landline)))
		return false;
	return !(c->mask & KM_CHANGE_ROLE) || c->role <= KM_ROLE_OFFICER;
}

/* Who they are then; the employee number never changes. */
static void merge_person(struct km_person *who, const struct km_operator_change *c)
{
	const struct km_person *p = &c->who;

	take_text(who->login, sizeof(who->login), p->login, c->mask & KM_CHANGE_LOGIN);
	take_text(who->name, sizeof(who->name), p->name, c->mask & KM_CHANGE_NAME);
	take_text(who->department, sizeof(who->department), p->department,
		  c->mask & KM_CHANGE_DEPARTMENT);
	take_text(who->mobile, sizeof(who->mobile), p->mobile, c->mask & KM_CHANGE_MOBILE);
	take_text(who->landline, sizeof(who->landline), p->landline, c->mask & KM_CHANGE_LANDLINE);
}

static km_rc merge_operator(struct km_store *s, struct km_operator *op,
			    const struct km_operator_change *c)
{
	km_rc rc = KM_OK;

	if (c->mask & KM_CHANGE_ROLE)
		op->role = c->role;
	if (c->mask & KM_CHANGE_VALID_FROM)
		op->valid_from = c->valid_from;
	if (c->mask & KM_CHANGE_VALID_UNTIL)
		op->valid_until = c->valid_until;
	if (op->valid_from != KM_DAY_NONE && op->valid_until != KM_DAY_NONE &&
	    op->valid_from > op->valid_until)
		return KM_EINVAL;
	if (c->mask & KM_CHANGE_LOGIN)
		rc = c->who.login[0] ? km_tag_login(s->keys, c->who.login, op->login_tag)
				     : KM_EINVAL;
	if (!rc && (c->mask & KM_CHANGE_DEPARTMENT))
		rc = km_tag_department(s->keys, c->who.department, op->dept_tag);
	return rc;
}

static km_rc edit(struct km_store *s, const struct stored_operator *old,
		  const struct km_operator *new)
{
	struct query q QUERY = query_new(s, SQL_OPERATOR_EDIT);
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc = row_mac_operator(s, new, mac);

	if (rc)
		return rc;
	query_blob(&q, new->login_tag, sizeof(new->login_tag));
	query_blob(&q, new->dept_tag, sizeof(new->dept_tag));
	query_int(&q, new->role);
	query_int(&q, new->valid_from);
	query_int(&q, new->valid_until);
	query_blob(&q, mac, sizeof(mac));
	query_int(&q, (int64_t)old->row.cursor);
	query_blob(&q, old->mac, sizeof(old->mac));
	rows_forget(s);
	rc = query_run(&q); /* KM_EEXIST: the login is another operator's */
	return rc == KM_ENOTFOUND ? KM_ECORRUPT : rc;
}

static km_rc seal_again(struct km_store *s, const struct km_operator *op,
			const struct km_operator_change *c)
{
	struct km_subject_key key KM_SUBJECT_KEY = { 0 };
	struct km_person who;
	km_rc rc = store_person(s, op, &who);

	if (rc)
		return rc == KM_ENOTFOUND ? KM_ECORRUPT : rc;
	merge_person(&who, c);
	rc = credential_key(s, op, &key);
	if (!rc)
		rc = identity_change(s, op, &key, &who);
	km_wipe(&who, sizeof(who));
	return rc == KM_ENOTFOUND ? KM_ECORRUPT : rc;
}

km_rc store_operator_change(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
			    const struct km_operator_change *c, const struct km_event_record *event)
{
	struct store_op op STORE_OP = { 0 };
	struct stored_operator old;
	struct km_operator next;
	km_rc rc;

	if (!event || !acceptable(c))
		return KM_EINVAL;
	rc = store_op_begin(&op, s, true);
	if (!rc)
		rc = row_operator(s, subject, &old);
	if (!rc && old.row.state == KM_ERASING)
		rc = KM_ESTATE;
	if (rc)
		return rc;
	next = old.row;
	rc = merge_operator(s, &next, c);
	if (!rc)
		rc = edit(s, &old, &next);
	if (!rc)
		rc = seal_again(s, &next, c);
	if (!rc)
		rc = chain_append(s, event);
	return rc ? rc : store_op_done(&op);
}
