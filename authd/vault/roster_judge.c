/*
 * What a row of a roster would do, held against what is registered. People are
 * known by their employee number. A login that is somebody else's is refused
 * here, and no uid is ever taken from a roster: an account re-created under an old
 * name comes in by nobody's row.
 */
#include <string.h>

#include "founding.h"
#include "vault.h"

static km_rc wrong(struct roster_verdict *out, enum roster_fault fault)
{
	out->outcome = KM_OUTCOME_WRONG;
	out->fault = (uint8_t)fault;
	return KM_OK;
}

/* Each number and each login stands in a roster once. */
static km_rc seen_before(struct vault *v, const struct roster_row *row, enum roster_fault *fault)
{
	uint8_t number[KM_TAG_BYTES], login[KM_TAG_BYTES];
	bool added = true;
	km_rc rc = km_tag_employee(v->keys, row->who.employee_number, number);

	if (rc == KM_OK)
		rc = km_tag_login(v->keys, row->who.login, login);
	if (rc == KM_OK)
		rc = roster_set_add(&v->roster.numbers, roster_key(number), &added);
	if (rc == KM_OK && !added)
		*fault = ROW_NUMBER_TWICE;
	/* Who left under a login that another has now is in the same file. */
	if (rc == KM_OK && added && row->status <= KM_ROSTER_LEAVE) {
		rc = roster_set_add(&v->roster.logins, roster_key(login), &added);
		if (rc == KM_OK && !added)
			*fault = ROW_LOGIN_TWICE;
	}
	return rc;
}

static km_rc look_at_department(struct vault *v, const char *department)
{
	uint8_t tag[KM_TAG_BYTES];
	km_rc rc = km_tag_department(v->keys, department, tag);

	if (rc == KM_OK && !roster_set_has(&v->roster.departments, roster_key(tag)))
		v->roster.unknown_department = true;
	return rc;
}

/* --- nobody who is registered ----------------------------------------------------------------- */

static bool says_left(const struct roster_row *row)
{
	return row->status == KM_ROSTER_TRANSFERRED || row->status == KM_ROSTER_RETIRED;
}

static bool is_over(const struct vault *v, const struct roster_row *row)
{
	return row->valid_until != KM_DAY_NONE && row->valid_until < v->now.today;
}

/* One who has gone, or is none of ours. */
static bool is_elsewhere(const struct vault *v, const struct roster_row *row)
{
	return says_left(row) || is_over(v, row) ||
	       !roster_covers_name(&v->roster.scope, row->who.department);
}

static bool gives_role(const struct roster_row *row)
{
	enum km_role role = KM_ROLE_OPERATOR;

	return row->role[0] && km_role_parse(row->role, &role) && role != KM_ROLE_OPERATOR;
}

static km_rc judge_new(struct vault *v, const struct roster_row *row, bool reused,
		       struct roster_verdict *out)
{
	struct km_operator owner;
	km_rc rc;

	/* And whom we do not have: all is well. */
	if (is_elsewhere(v, row))
		return KM_OK;
	/* Erased for disuse, say, and still in the export: one person is no reason to refuse all.
	 */
	if (reused) {
		out->outcome = KM_OUTCOME_BARRED;
		return KM_OK;
	}
	rc = store_operator_by_login(v->store, row->who.login, &owner);
	if (rc != KM_OK && rc != KM_ENOTFOUND)
		return rc;
	out->outcome = rc == KM_OK ? KM_OUTCOME_REHIRED : KM_OUTCOME_JOINED;
	v->roster.administration |= gives_role(row);
	/* Whether that one leaves is known when all rows are (roster_settle_rehired). */
	if (rc == KM_OK)
		memcpy(out->subject, owner.subject, sizeof out->subject);
	return look_at_department(v, row->who.department);
}

/* --- somebody who is ----------------------------------------------------------------------------
 */

unsigned roster_differs(unsigned columns, const struct roster_row *row,
			const struct km_operator *op, const struct km_person *who)
{
	enum km_role role = KM_ROLE_OPERATOR;
	unsigned mask = 0;

	if (strcmp(row->who.login, who->login) != 0)
		mask |= KM_CHANGE_LOGIN;
	if (strcmp(row->who.name, who->name) != 0)
		mask |= KM_CHANGE_NAME;
	if (strcmp(row->who.department, who->department) != 0)
		mask |= KM_CHANGE_DEPARTMENT;
	if (row->role[0] && km_role_parse(row->role, &role) && role != op->role)
		mask |= KM_CHANGE_ROLE & columns;
	if (row->valid_from != op->valid_from)
		mask |= KM_CHANGE_VALID_FROM & columns;
	if (row->valid_until != op->valid_until)
		mask |= KM_CHANGE_VALID_UNTIL & columns;
	if (strcmp(row->who.mobile, who->mobile) != 0)
		mask |= KM_CHANGE_MOBILE & columns;
	if (strcmp(row->who.landline, who->landline) != 0)
		mask |= KM_CHANGE_LANDLINE & columns;
	return mask;
}

/* By a clock that may be ahead, at once would be a day to come as soon as it is set right. */
static int64_t at_once(const struct vault *v)
{
	bool ahead = (v->suspicion & KM_SUSPECT_CLOCK) && v->day_known < v->now.today;

	return ahead && v->day_known > 0 ? v->day_known : v->now.today;
}

/* Does this row end somebody's time here, why, and when? */
static bool leaves(const struct vault *v, const struct roster_row *row,
		   const struct km_operator *op, struct roster_verdict *out)
{
	out->day = row->valid_until != KM_DAY_NONE ? row->valid_until + 1 : at_once(v);
	if (row->status == KM_ROSTER_TRANSFERRED)
		out->cause = KM_CAUSE_TRANSFERRED;
	else if (row->status == KM_ROSTER_RETIRED)
		out->cause = KM_CAUSE_RETIRED;
	else if (is_over(v, row))
		out->cause = KM_CAUSE_EXPIRED;
	else if (roster_covers(&v->roster.scope, op->dept_tag) &&
		 !roster_covers_name(&v->roster.scope, row->who.department)) {
		out->cause = KM_CAUSE_TRANSFERRED;
		out->day = at_once(v);
	}
	return out->cause != KM_CAUSE_NONE;
}

/*
 * What was due before and no later stands. A day that a roster gave goes with the day that the row
 * gives now; where it gives none, "at once" was said before, and is no other day for being said
 * again.
 */
static bool due_already(const struct roster_row *row, const struct km_due_row *due,
			const struct roster_verdict *out)
{
	bool dated = row->valid_until != KM_DAY_NONE && out->day == row->valid_until + 1;

	return due->id && (due->feed && dated ? due->day == out->day : due->day <= out->day);
}

static void judge_state(const struct roster_row *row, const struct km_operator *op,
			const struct km_due_row *erase, const struct km_due_row *suspended,
			struct roster_verdict *out)
{
	bool revoked = erase->id && erase->feed;

	if (row->status == KM_ROSTER_LEAVE && (op->state == KM_ACTIVE || revoked))
		out->outcome = KM_OUTCOME_ON_LEAVE;
	else if (row->status != KM_ROSTER_LEAVE && (revoked || (suspended->id && suspended->feed)))
		out->outcome = KM_OUTCOME_BACK;
	else if (out->mask)
		out->outcome = KM_OUTCOME_CHANGED;
}

/* A login that changes to one that another operator has is refused. */
static km_rc login_is_free(struct vault *v, const struct roster_row *row, bool *is_free)
{
	struct km_operator other;
	km_rc rc = store_operator_by_login(v->store, row->who.login, &other);

	*is_free = rc == KM_ENOTFOUND;
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

/* KM_ENOTFOUND: who they are does not open any more. */
static km_rc judge_changes(struct vault *v, const struct roster_row *row,
			   const struct km_operator *op, const struct km_person *who,
			   struct roster_verdict *out)
{
	bool is_free = true;
	km_rc rc = who->login[0] ? KM_OK : KM_ENOTFOUND;

	if (rc == KM_OK)
		out->mask = (uint16_t)roster_differs(v->roster.columns, row, op, who);
	if (rc == KM_OK && (out->mask & KM_CHANGE_LOGIN))
		rc = login_is_free(v, row, &is_free);
	if (rc == KM_OK && (out->mask & KM_CHANGE_DEPARTMENT))
		rc = look_at_department(v, row->who.department);
	if (rc == KM_OK && !is_free)
		rc = wrong(out, ROW_LOGIN_TAKEN);
	return rc;
}

static km_rc judge_known(struct vault *v, const struct roster_row *row,
			 const struct km_operator *op, const struct km_person *who,
			 struct roster_verdict *out)
{
	struct km_due_row erase, suspended;
	km_rc rc;

	out->cursor = op->cursor;
	memcpy(out->subject, op->subject, sizeof out->subject);
	if (op->state == KM_ERASING) {
		out->outcome = is_elsewhere(v, row) ? KM_OUTCOME_SAME : KM_OUTCOME_BARRED;
		return KM_OK;
	}
	rc = due_of(v, op->subject, KM_DUE_ERASE, &erase);
	if (rc == KM_OK)
		rc = due_of(v, op->subject, KM_DUE_SUSPEND, &suspended);
	if (rc != KM_OK)
		return rc;
	if (leaves(v, row, op, out)) {
		if (due_already(row, &erase, out))
			return KM_OK;
		out->outcome = KM_OUTCOME_LEFT;
		/* A department that nobody has heard of is a slip of the pen, and no move out. */
		return says_left(row) || is_over(v, row)
			   ? KM_OK
			   : look_at_department(v, row->who.department);
	}
	out->day = v->now.today;
	rc = judge_changes(v, row, op, who, out);
	if (rc == KM_OK && out->outcome != KM_OUTCOME_WRONG)
		judge_state(row, op, &erase, &suspended, out);
	return rc;
}

/* Roles; and of who registers or approves also whether, from when and until when they are here. */
static bool is_about_roles(const struct km_operator *op, const struct roster_verdict *verdict)
{
	if (verdict->outcome == KM_OUTCOME_SAME || verdict->outcome == KM_OUTCOME_WRONG ||
	    verdict->outcome == KM_OUTCOME_BARRED)
		return false;
	return (verdict->mask & KM_CHANGE_ROLE) ||
	       (founding_administrator(op) &&
		(verdict->outcome != KM_OUTCOME_CHANGED ||
		 (verdict->mask & (KM_CHANGE_VALID_FROM | KM_CHANGE_VALID_UNTIL))));
}

km_rc roster_judge(struct vault *v, const struct roster_row *row, struct roster_verdict *out)
{
	enum roster_fault fault = ROW_NONE;
	struct km_person who = { 0 };
	struct km_operator op;
	km_rc rc = seen_before(v, row, &fault);

	*out = (struct roster_verdict){ .outcome = KM_OUTCOME_SAME, .day = v->now.today };
	if (rc != KM_OK || fault != ROW_NONE)
		return rc == KM_OK ? wrong(out, fault) : rc;
	rc = store_operator_by_number(v->store, row->who.employee_number, &op, &who);
	if (rc == KM_ENOTFOUND || rc == KM_EREUSED)
		return judge_new(v, row, rc == KM_EREUSED, out);
	if (rc == KM_OK)
		rc = judge_known(v, row, &op, &who, out);
	km_wipe(&who, sizeof who);
	if (rc == KM_OK)
		v->roster.administration |= is_about_roles(&op, out);
	return rc;
}
