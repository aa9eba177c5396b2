/* Desk operations on operators. */
#include <string.h>

#include <kenmon/factor.h>
#include <kenmon/log.h>
#include <kenmon/people.h>
#include <kenmon/phone.h>

#include "desk.h"

static bool plausible_uid(int64_t uid)
{
	return uid >= -1 && uid < (int64_t)UINT32_MAX;
}

static bool plausible_text(const char *text)
{
	return *text && km_text_is_plain(text, strlen(text));
}

static km_rc impossible_login(struct call *c)
{
	call_say(c,
		 "no account can have this login name: 1 to %d letters, digits, '_', '-', '.' and "
		 "'@', beginning with a letter, a digit or '_'",
		 KM_LOGIN_MOST);
	return KM_EINVAL;
}

static km_rc days_in_order(struct call *c, int64_t from, int64_t until)
{
	if (from < KM_DAY_NONE || until < KM_DAY_NONE)
		return KM_EINVAL;
	if (from == KM_DAY_NONE || until == KM_DAY_NONE || from <= until)
		return KM_OK;
	call_say(c, "valid-from lies after valid-until");
	return KM_EINVAL;
}

km_rc desk_operator_addable(struct call *c)
{
	const struct msg_operator_add *m = &c->m->operator_add;
	struct km_operator there;
	km_rc rc;

	if (!km_login_is_possible(m->login))
		return impossible_login(c);
	if (!plausible_text(m->employee_number) || !plausible_text(m->name) ||
	    !plausible_text(m->department) || !plausible_uid(m->uid) || m->role > KM_ROLE_OFFICER)
		return KM_EINVAL;
	rc = days_in_order(c, m->valid_from, m->valid_until);
	if (rc != KM_OK)
		return rc;
	rc = store_operator_by_login(c->v->store, m->login, &there);
	if (rc == KM_OK)
		call_say(c, "an operator has this login");
	return rc == KM_OK ? KM_EEXIST : rc == KM_ENOTFOUND ? KM_OK : rc;
}

/*
 * Whether a uid is that of another operator than the subject (NULL: of any). No desk can tell
 * them apart (store_operator_by_uid()), as when a number was given again before a leaver was
 * erased.
 */
static km_rc is_anothers(struct call *c, int64_t uid, const uint8_t *subject, bool *out)
{
	*out = false;
	return uid < 0 ? KM_OK : store_uid_is_anothers(c->v->store, (uint32_t)uid, subject, out);
}

static void say_shared(struct call *c, int64_t uid)
{
	call_say(c,
		 "another operator has the uid %u too: nobody who has it can use this program at "
		 "their own account until all but one are erased or bound to another uid",
		 (unsigned)uid);
}

km_rc desk_operator_add(struct call *c)
{
	const struct msg_operator_add *m = &c->m->operator_add;
	struct km_operator in = { .uid = m->uid,
				  .role = m->role,
				  .valid_from = m->valid_from,
				  .valid_until = m->valid_until };
	struct km_operator made;
	struct km_person who = { 0 };
	struct km_event_record r;
	bool shared = false;
	km_rc rc = desk_operator_addable(c);

	if (rc == KM_OK)
		rc = is_anothers(c, m->uid, NULL, &shared);
	if (rc != KM_OK)
		return rc;
	memcpy(who.login, m->login, sizeof who.login);
	memcpy(who.employee_number, m->employee_number, sizeof who.employee_number);
	memcpy(who.name, m->name, sizeof who.name);
	memcpy(who.department, m->department, sizeof who.department);
	call_event(c, &r, KM_EVENT_OPERATOR_ADDED, NULL);
	event_add(&r, "role", km_role_word(m->role));
	event_add_number(&r, "uid", m->uid);
	rc = store_operator_add(c->v->store, &in, &who, &r, &made);
	km_wipe(&who, sizeof who);
	if (rc != KM_OK)
		return rc;
	c->id = made.cursor;
	note_event(c->v, &r);
	if (shared)
		say_shared(c, m->uid);
	return KM_OK;
}

/* --- changing ---------------------------------------------------------------- */

/* Which of the fields named cannot be; NULL: none. */
static const char *impossible_field(const struct msg_operator_change *m)
{
	const struct {
		enum km_change bit;
		bool possible;
		const char *name;
	} fields[] = {
		{ KM_CHANGE_NAME, plausible_text(m->name), "name" },
		{ KM_CHANGE_DEPARTMENT, plausible_text(m->department), "department" },
		{ KM_CHANGE_ROLE, m->role <= KM_ROLE_OFFICER, "role" },
		{ KM_CHANGE_MOBILE, !*m->mobile || km_phone_is_number(m->mobile), "mobile" },
		{ KM_CHANGE_LANDLINE, !*m->landline || km_phone_is_number(m->landline),
		  "landline" },
	};

	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		if ((m->mask & fields[i].bit) && !fields[i].possible)
			return fields[i].name;
	}
	return NULL;
}

static struct km_operator_change wanted_of(const struct msg_operator_change *m)
{
	struct km_operator_change c = { .mask = m->mask,
					.role = m->role,
					.valid_from = m->valid_from,
					.valid_until = m->valid_until };

	memcpy(c.who.name, m->name, sizeof c.who.name);
	memcpy(c.who.department, m->department, sizeof c.who.department);
	memcpy(c.who.mobile, m->mobile, sizeof c.who.mobile);
	memcpy(c.who.landline, m->landline, sizeof c.who.landline);
	return c;
}

/* Dates that are not named stay, and are held against those that are. */
static km_rc check_days(struct call *c, const struct msg_operator_change *m,
			const struct km_operator *op)
{
	return days_in_order(c, m->mask & KM_CHANGE_VALID_FROM ? m->valid_from : op->valid_from,
			     m->mask & KM_CHANGE_VALID_UNTIL ? m->valid_until : op->valid_until);
}

/* A move out is a transfer, with a day and a certificate: nobody is left behind by a change. */
static km_rc stays_covered(struct call *c, const struct msg_operator_change *m,
			   const struct km_operator *op)
{
	struct roster_scope scope;
	km_rc rc;

	if (!(m->mask & KM_CHANGE_DEPARTMENT))
		return KM_OK;
	rc = roster_scope(c->v->keys, &c->v->conf, &scope);
	if (rc != KM_OK)
		return rc;
	if (!roster_covers(&scope, op->dept_tag) || roster_covers_name(&scope, m->department))
		return KM_OK;
	call_say(
	    c, "that department is not covered by [roster] departments: that is 'kenmon transfer'");
	return KM_EINVAL;
}

km_rc desk_operator_change(struct call *c)
{
	const struct msg_operator_change *m = &c->m->operator_change;
	const char *wrong = impossible_field(m);
	struct km_operator_change wanted;
	struct km_event_record r;
	struct km_operator op;
	km_rc rc;

	if (m->mask & ~KM_CHANGE_ALL)
		return KM_EINVAL;
	if (wrong) {
		call_say(c, "this cannot be: %s", wrong);
		return KM_EINVAL;
	}
	rc = call_operator(c, m->login, &op);
	if (rc == KM_OK)
		rc = check_days(c, m, &op);
	if (rc == KM_OK)
		rc = stays_covered(c, m, &op);
	if (rc != KM_OK)
		return rc;
	wanted = wanted_of(m);
	call_event(c, &r, KM_EVENT_OPERATOR_CHANGED, &op);
	rc = store_operator_change(c->v->store, op.subject, &wanted, &r);
	km_wipe(&wanted.who, sizeof wanted.who);
	if (rc == KM_OK && wanted.mask)
		note_event(c->v, &r);
	if (rc == KM_OK && !wanted.mask) {
		call_say(c, "all of this is so already");
		return KM_ESTATE;
	}
	return rc == KM_OK && (wanted.mask & KM_CHANGE_VALID_UNTIL)
		   ? due_forget_expiry(c->v, op.subject, c->actor)
		   : rc;
}

/* --- listing ----------------------------------------------------------------- */

static km_rc put_operator(struct call *c, const struct km_operator *op,
			  const struct km_enrolled *enrolled)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_ROW };
	struct msg_operator_row *row = &m.operator_row;
	struct km_person who = { 0 };
	km_rc rc = store_person(c->v->store, op, &who);

	if (rc == KM_OK)
		rc = desk_phones_barred(c, op, enrolled->factors, &row->barred);
	/* Somebody who is being erased has a row and no name any more. */
	if (rc != KM_OK && rc != KM_ENOTFOUND) {
		km_wipe(&who, sizeof who);
		return rc;
	}
	row->cursor = op->cursor;
	memcpy(row->subject, op->subject, sizeof row->subject);
	memcpy(row->login, who.login, sizeof row->login);
	memcpy(row->employee_number, who.employee_number, sizeof row->employee_number);
	memcpy(row->name, who.name, sizeof row->name);
	memcpy(row->department, who.department, sizeof row->department);
	row->role = op->role;
	row->state = op->state;
	row->uid = op->uid;
	row->valid_from = op->valid_from;
	row->valid_until = op->valid_until;
	row->last_login = op->last_login;
	row->created = op->created;
	row->factors = enrolled->factors;
	row->oldest = enrolled->oldest;
	memcpy(row->mobile, who.mobile, sizeof row->mobile);
	memcpy(row->landline, who.landline, sizeof row->landline);
	rc = call_put(c, &m);
	km_wipe(&m, sizeof m);
	km_wipe(&who, sizeof who);
	return rc;
}

km_rc desk_operator_list(struct call *c)
{
	static struct km_operator page[DESK_PAGE]; /* one at a time: the vault has one thread */
	static struct km_enrolled enrolled[DESK_PAGE];
	const struct msg_operator_list *m = &c->m->operator_list;
	size_t count = 0, limit = m->limit < DESK_PAGE ? m->limit : DESK_PAGE;
	km_rc rc = store_operators(c->v->store, m->after, limit, page, &count);

	if (rc == KM_OK)
		rc = store_enrolled(c->v->store, page, count, enrolled);
	for (size_t i = 0; rc == KM_OK && i < count; i++)
		rc = put_operator(c, &page[i], &enrolled[i]);
	km_wipe(page, count * sizeof page[0]);
	c->id = count;
	return rc;
}

km_rc desk_operator_show(struct call *c)
{
	struct km_enrolled enrolled;
	struct km_operator op;
	km_rc rc = call_operator(c, c->m->operator_show.login, &op);

	if (rc == KM_OK)
		rc = store_enrolled(c->v->store, &op, 1, &enrolled);
	return rc == KM_OK ? put_operator(c, &op, &enrolled) : rc;
}

km_rc desk_operator_state(struct call *c)
{
	const struct msg_operator_state *m = &c->m->operator_state;
	bool suspend = m->state == KM_SUSPENDED;
	struct km_event_record r;
	struct km_operator op;
	km_rc rc;

	if (m->state != KM_ACTIVE && m->state != KM_SUSPENDED)
		return KM_EINVAL;
	/* Giving access back waits until the house is in order; taking it away never does. */
	if (!suspend && (c->v->suspicion & (KM_SUSPECT_MACHINE | KM_SUSPECT_ROLLBACK)))
		return KM_ESUSPECT;
	rc = call_operator(c, m->login, &op);
	if (rc != KM_OK)
		return rc;
	if (op.state == m->state || op.state == KM_ERASING) {
		call_say(c, "the operator is %s already", km_state_word(op.state));
		return KM_ESTATE;
	}
	call_event(c, &r, suspend ? KM_EVENT_OPERATOR_SUSPENDED : KM_EVENT_OPERATOR_RESUMED, &op);
	if (m->reason[0])
		event_add(&r, EVENT_FREE_TEXT, m->reason);
	rc = store_operator_state(c->v->store, op.subject, (enum km_operator_state)m->state, &r);
	if (rc == KM_OK)
		note_event(c->v, &r);
	return rc == KM_OK && !suspend ? due_resumed(c->v, &op) : rc;
}

km_rc desk_operator_rebind(struct call *c)
{
	const struct msg_operator_rebind *m = &c->m->operator_rebind;
	struct km_event_record r;
	struct km_operator op;
	bool shared = false;
	km_rc rc;

	if (!plausible_uid(m->uid))
		return KM_EINVAL;
	rc = call_operator(c, m->login, &op);
	if (rc == KM_OK)
		rc = is_anothers(c, m->uid, op.subject, &shared);
	if (rc != KM_OK)
		return rc;
	call_event(c, &r, KM_EVENT_OPERATOR_REBOUND, &op);
	event_add_number(&r, "from", op.uid);
	event_add_number(&r, "to", m->uid);
	rc = store_operator_uid(c->v->store, op.subject, m->uid, &r);
	if (rc != KM_OK)
		return rc;
	note_event(c->v, &r);
	if (shared)
		say_shared(c, m->uid);
	return KM_OK;
}

km_rc desk_unlock(struct call *c)
{
	struct km_event_record r;
	struct km_operator op;
	uint16_t bucket;
	km_rc rc = call_operator(c, c->m->unlock.login, &op);

	if (rc == KM_OK)
		rc = session_bucket(c->v, c->m->unlock.login, &bucket);
	if (rc != KM_OK)
		return rc;
	call_event(c, &r, KM_EVENT_UNLOCKED, &op);
	rc = store_unlock(c->v->store, op.subject, bucket, &r);
	if (rc == KM_OK)
		note_event(c->v, &r);
	return rc;
}

/* Who asked and who agreed; where one person acts alone, that one. */
static struct km_erase_order by_hand_of(const struct call *c)
{
	struct km_erase_order order = { .cause = KM_CAUSE_BY_HAND };

	call_requester(c, order.requester);
	memcpy(order.approver, c->approver, sizeof order.approver);
	return order;
}

km_rc desk_erase(struct call *c)
{
	const struct km_erase_order order = by_hand_of(c);
	const struct msg_erase *m = &c->m->erase;
	struct km_event_record r;
	struct km_operator op;
	km_rc rc;

	if (!m->reason[0]) {
		call_say(c, "an erasure needs a reason");
		return KM_EINVAL;
	}
	if (c->v->suspicion) {
		call_say(c, "nothing is destroyed while the clock, the machine or the database are "
			    "in doubt");
		return KM_ESUSPECT;
	}
	rc = call_operator(c, m->login, &op);
	if (rc != KM_OK)
		return rc;
	ballast_give(c->v);
	call_event(c, &r, KM_EVENT_ERASE_BEGUN, &op);
	event_add(&r, EVENT_FREE_TEXT, m->reason);
	rc = store_erase_begin(c->v->store, op.subject, &order, &r);
	if (rc != KM_OK)
		return rc;
	note_event(c->v, &r);
	c->v->erasing = true;
	c->l->erasing = true;
	c->end = CALL_LATER;
	return KM_OK;
}

/* Begun before the line broke, and perhaps not finished yet. */
void desk_erase_again(struct call *c)
{
	if (!c->v->erasing)
		return;
	c->l->erasing = true;
	c->end = CALL_LATER;
}
