/*
 * SECURITY. Before it is founded, a site that asks for two persons has none who
 * could be the second: root acts alone, each act with its record. From the moment
 * when a registrar and an approver can both prove themselves it never does again,
 * but by the way back: loud, for good, and only when no approver has been seen for
 * a week. Whoever has root of the machine can do worse without us; what this keeps
 * is that nobody takes that way unseen, or by a slip.
 */
#include "founding.h"

#include <stdio.h>
#include <string.h>

#include <kenmon/factor.h>
#include <kenmon/people.h>

#include "desk.h"
#include "due.h"
#include "lockout.h"

#define FOUNDED       "founded" /* kept: state (1) ‖ when the way back was last taken (8); or empty */
#define FOUNDED_BYTES 9
#define PAGE          32
#define UNSEEN        (7 * 86400) /* seconds without any code of an approver */

enum { NOT_FOUNDED = 0, IS_FOUNDED = 1 };

struct founding {
	uint8_t state;
	int64_t anew; /* 0: never */
};

/* --- what is kept ---------------------------------------------------------------------- */

static km_rc read_founding(const struct vault *v, struct founding *out)
{
	uint8_t bytes[FOUNDED_BYTES];
	size_t len = sizeof bytes;
	uint64_t anew = 0;
	km_rc rc = store_meta_get(v->store, FOUNDED, bytes, &len);

	*out = (struct founding){ NOT_FOUNDED, 0 };
	if (rc != KM_OK)
		return rc == KM_ENOTFOUND ? KM_OK : rc;
	if (len != sizeof bytes)
		return KM_ECORRUPT;
	for (size_t i = 1; i < sizeof bytes; i++)
		anew = anew << 8 | bytes[i];
	*out = (struct founding){ bytes[0], (int64_t)anew };
	return KM_OK;
}

static km_rc keep_founding(struct vault *v, const struct founding *f, struct km_event_record *e)
{
	uint8_t bytes[FOUNDED_BYTES] = { f->state };
	km_rc rc;

	for (size_t i = 1; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)((uint64_t)f->anew >> (8 * (sizeof bytes - 1 - i)));
	rc = store_meta_set(v->store, FOUNDED, bytes, sizeof bytes, e);
	if (rc == KM_OK)
		note_event(v, e);
	return rc;
}

bool desk_founded(const struct vault *v)
{
	struct founding f;

	/* What cannot be read is no way back to acting alone. */
	return read_founding(v, &f) != KM_OK || f.state != NOT_FOUNDED;
}

/* --- who can act ------------------------------------------------------------------------- */

struct staff {
	unsigned registrars, approvers;
};

/* Who is counted: everybody, but for an operator, or but for one credential of theirs. */
struct counted {
	const uint8_t *without; /* subject; NULL: nobody is left out */
	uint64_t credential;    /* of whom is left out; 0: all of them */
	int64_t since;          /* not 0: whoever has been seen since then, and nobody else */
};

static bool may_act_today(const struct vault *v, const struct km_operator *op)
{
	return op->state == KM_ACTIVE &&
	       (op->valid_from == KM_DAY_NONE || op->valid_from <= v->now.today) &&
	       (op->valid_until == KM_DAY_NONE || op->valid_until >= v->now.today);
}

/* Wrong codes have shut it for good: only a second person opens it again. */
static bool is_disabled(const struct vault *v, const struct km_credential *c)
{
	return lockout_wait(&v->conf.lockout, &c->throttle, v->now.wall) == LOCKOUT_FOR_GOOD;
}

/* disabled: whether a code that wrong ones have disabled counts. */
static km_rc is_good(struct vault *v, const struct km_operator *op, uint64_t without, bool disabled,
		     bool *good)
{
	struct km_credential list[KM_MAX_CREDENTIALS];
	struct call c = { .v = v };
	struct km_due_row leaves;
	size_t count = 0, kept = 0;
	km_rc rc;

	*good = false;
	if (!may_act_today(v, op))
		return KM_OK;
	rc = due_of(v, op->subject, KM_DUE_ERASE, &leaves);
	/* Refused, and as good as gone. */
	if (rc != KM_OK || (leaves.id && leaves.day <= v->now.today))
		return rc;
	rc = store_credentials(v->store, op->subject, list, &count);
	for (size_t i = 0; rc == KM_OK && i < count; i++) {
		if (disabled || !is_disabled(v, &list[i]))
			list[kept++] = list[i];
	}
	return rc == KM_OK ? desk_has_code(&c, list, kept, without, good) : rc;
}

/* When a code of theirs was last good: having been enrolled counts, somebody was there. */
static km_rc last_seen(struct vault *v, const struct km_operator *op, int64_t *when)
{
	struct km_credential list[KM_MAX_CREDENTIALS];
	size_t count = 0;
	km_rc rc = store_credentials(v->store, op->subject, list, &count);

	*when = 0;
	for (size_t i = 0; rc == KM_OK && i < count; i++) {
		int64_t seen =
		    list[i].last_used > list[i].created ? list[i].last_used : list[i].created;

		if (km_factor_class(list[i].factor) != KM_CLASS_TOUCH &&
		    km_factor_class(list[i].factor) != KM_CLASS_PHONE && !list[i].waiting &&
		    seen > *when)
			*when = seen;
	}
	return rc;
}

bool founding_administrator(const struct km_operator *op)
{
	return op->role == KM_ROLE_APPROVER || op->role == KM_ROLE_REGISTRAR;
}

/* Whoever has a role, until one of them is enough: KM_EAGAIN. One may be looked at within another.
 */
static km_rc each_of_staff(const struct vault *v,
			   km_rc (*look)(void *arg, const struct km_operator *op), void *arg)
{
	struct km_operator page[PAGE];
	size_t count = PAGE;
	uint64_t after = 0;
	km_rc rc = KM_OK;

	while (rc == KM_OK && count == PAGE) {
		rc = store_staff(v->store, after, PAGE, page, &count);
		for (size_t i = 0; rc == KM_OK && i < count; i++) {
			after = page[i].cursor;
			rc = look(arg, &page[i]);
		}
	}
	km_wipe(page, sizeof page); /* their wrapped keys */
	return rc == KM_EAGAIN ? KM_OK : rc;
}

struct counting {
	struct vault *v;
	const struct counted *who;
	struct staff *out;
};

/* One of each: more need not be counted. */
static km_rc count_one(void *arg, const struct km_operator *op)
{
	const struct counting *n = arg;
	const struct counted *w = n->who;
	bool is_out = w->without && memcmp(op->subject, w->without, KM_SUBJECT_BYTES) == 0;
	bool good = false;
	int64_t seen = 0;
	km_rc rc;

	if (!founding_administrator(op) || (is_out && !w->credential))
		return KM_OK;
	rc = is_good(n->v, op, is_out ? w->credential : 0, false, &good);
	if (rc == KM_OK && good && w->since)
		rc = last_seen(n->v, op, &seen);
	if (rc == KM_OK && good && seen >= w->since)
		(*(op->role == KM_ROLE_APPROVER ? &n->out->approvers : &n->out->registrars))++;
	return rc == KM_OK && n->out->approvers && n->out->registrars ? KM_EAGAIN : rc;
}

static km_rc count_staff(struct vault *v, const struct counted *w, struct staff *out)
{
	struct counting n;

	*out = (struct staff){ 0 };
	n = (struct counting){ v, w, out };
	return each_of_staff(v, count_one, &n);
}

/* *left: without this operator, or this credential of theirs, somebody else has their role. */
static km_rc somebody_is_left(struct vault *v, const struct km_operator *op, uint64_t credential,
			      bool *left)
{
	const struct counted w = { .without = op->subject, .credential = credential };
	struct staff staff;
	km_rc rc = count_staff(v, &w, &staff);

	*left = op->role == KM_ROLE_APPROVER ? staff.approvers : staff.registrars;
	return rc;
}

/* --- founding ------------------------------------------------------------------------------ */

km_rc founding_look(struct vault *v, const char *actor)
{
	struct counted w = { .without = NULL };
	struct km_event_record e;
	struct founding f;
	struct staff staff;
	km_rc rc;

	if (!v->conf.approval_required || v->suspicion)
		return KM_OK;
	rc = read_founding(v, &f);
	if (rc != KM_OK || f.state != NOT_FOUNDED)
		return rc;
	/* Who was lost when root went back would found it again as they stand, and be lost again.
	 */
	w.since = f.anew;
	rc = count_staff(v, &w, &staff);
	if (rc != KM_OK || !staff.approvers || !staff.registrars)
		return rc;
	f.state = IS_FOUNDED;
	event_make(&e, KM_EVENT_FOUNDED, NULL, actor);
	return keep_founding(v, &f, &e);
}

/* --- the last of them ------------------------------------------------------------------------ */

static bool is_sooner(int64_t day, int64_t than)
{
	return day != KM_DAY_NONE && (than == KM_DAY_NONE || day < than);
}

/* Does this take a person's power to act away? Of a credential: *credential is it. */
static bool takes_power(const struct vault *v, const struct km_msg *m, const struct km_operator *op,
			uint64_t *credential)
{
	const struct msg_operator_change *change = &m->operator_change;

	*credential = 0;
	if (m->number == KM_MSG_OPERATOR_STATE)
		return m->operator_state.state == KM_SUSPENDED;
	if (m->number == KM_MSG_CREDENTIAL_REMOVE)
		*credential = m->credential_remove.id;
	if (m->number == KM_MSG_OPERATOR_CHANGE)
		return ((change->mask & KM_CHANGE_ROLE) && change->role != op->role) ||
		       ((change->mask & KM_CHANGE_VALID_FROM) &&
			change->valid_from > v->now.today) ||
		       ((change->mask & KM_CHANGE_VALID_UNTIL) &&
			is_sooner(change->valid_until, op->valid_until));
	return m->number == KM_MSG_ERASE || m->number == KM_MSG_TRANSFER ||
	       m->number == KM_MSG_CREDENTIAL_REMOVE;
}

static bool may_take_power(unsigned number)
{
	static const enum km_message_number acts[] = { KM_MSG_OPERATOR_STATE, KM_MSG_ERASE,
						       KM_MSG_TRANSFER, KM_MSG_OPERATOR_CHANGE,
						       KM_MSG_CREDENTIAL_REMOVE };

	for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
		if (acts[i] == number)
			return true;
	}
	return false;
}

static km_rc another_is_left(struct call *c, const struct km_operator *op, uint64_t credential)
{
	bool good = false, left = false;
	km_rc rc = is_good(c->v, op, 0, true, &good);

	/* Who cannot act now is no loss; but wrong codes, which anybody can type, make it no easier
	 * to take the last one away. */
	if (rc != KM_OK || !good)
		return rc;
	rc = somebody_is_left(c->v, op, credential, &left);
	if (rc != KM_OK || left)
		return rc;
	call_say(c,
		 "this is the last %s with a good code: without another one nothing could be "
		 "asked for and approved any more; register another first",
		 km_role_word(op->role));
	return KM_ESTATE;
}

km_rc founding_keeps(struct call *c)
{
	const char *login = km_message_login(c->m);
	struct km_operator op;
	uint64_t credential;
	km_rc rc;

	if (!login || !may_take_power(c->m->number) || !desk_two_persons(c->v))
		return KM_OK;
	rc = store_operator_by_login(c->v->store, login, &op);
	if (rc != KM_OK)
		return rc == KM_ENOTFOUND ? KM_OK : rc; /* the handler says so */
	if (!founding_administrator(&op) || !takes_power(c->v, c->m, &op, &credential))
		return KM_OK;
	return another_is_left(c, &op, credential);
}

km_rc founding_last(struct vault *v, const struct km_operator *op, bool *last)
{
	bool left = true;
	km_rc rc = KM_OK;

	if (founding_administrator(op) && desk_two_persons(v))
		rc = somebody_is_left(v, op, 0, &left);
	if (rc == KM_OK)
		*last = !left;
	return rc;
}

/* The last of them, and by a date, a roster or disuse they would go: it can be mended in time. */
static km_rc say_last(void *arg, const struct km_operator *op)
{
	struct call *c = arg;
	struct km_person who = { 0 };
	struct km_due_row due = { 0 };
	bool last = false;
	char day[16];
	km_rc rc = founding_last(c->v, op, &last);

	if (rc == KM_OK && last)
		rc = due_of(c->v, op->subject, KM_DUE_ERASE, &due);
	if (rc == KM_OK && last && !due.id)
		rc = due_of(c->v, op->subject, KM_DUE_SUSPEND, &due);
	if (rc != KM_OK || !last || !due.id || op->state == KM_ERASING ||
	    (due.what == KM_DUE_SUSPEND && due.released)) /* is suspended, and no more */
		return rc;
	rc = store_person(c->v->store, op, &who);
	km_day_format(due.day, day);
	if (rc == KM_OK)
		rc = call_status(c, true, "administrators",
				 "%s is the last %s, and due to go on %s (%s): nothing is "
				 "destroyed of them until there is another; register another first",
				 who.login, km_role_word(op->role), day, km_cause_word(due.cause));
	km_wipe(&who, sizeof who);
	return rc;
}

/* --- the way back ------------------------------------------------------------------------------
 */

static void date_of(int64_t wall, char out[16])
{
	int64_t day;

	if (wall <= 0 || km_day_at(wall, &day) != KM_OK)
		snprintf(out, 16, "never");
	else
		km_day_format(day, out);
}

struct showing {
	struct call *c;
	int64_t approver_seen; /* a code of an active approver was last good */
};

static km_rc show_one(void *arg, const struct km_operator *op)
{
	struct showing *s = arg;
	struct call *c = s->c;
	struct km_person who = { 0 };
	char date[16];
	int64_t when = 0;
	km_rc rc = store_person(c->v->store, op, &who);

	if (rc == KM_OK || rc == KM_ENOTFOUND)
		rc = last_seen(c->v, op, &when);
	date_of(when, date);
	if (op->role == KM_ROLE_APPROVER && op->state == KM_ACTIVE && when > s->approver_seen)
		s->approver_seen = when;
	if (rc == KM_OK)
		rc = call_status(c, false, "administrator", "%s: %s, %s, last code %s", who.login,
				 km_role_word(op->role), km_state_word(op->state), date);
	km_wipe(&who, sizeof who);
	return rc;
}

static km_rc may_go_back(struct call *c, int64_t approver_seen)
{
	if (c->l->right != RIGHTS_ROOT)
		return KM_EPERM;
	/* A clock set forward makes a week of a moment. */
	if (c->v->suspicion) {
		call_say(c, "not while the clock, the machine or the database are in doubt");
		return KM_ESUSPECT;
	}
	if (approver_seen > 0 && c->v->now.wall - approver_seen < UNSEEN) {
		call_say(c, "an active approver has used a code within seven days: they are not "
			    "lost; suspend them first if they are");
		return KM_ESTATE;
	}
	return KM_OK;
}

km_rc founding_accept(struct call *c)
{
	struct km_event_record e;
	struct founding f;
	struct showing s = { .c = c };
	km_rc rc = read_founding(c->v, &f);

	if (rc == KM_OK && f.state == NOT_FOUNDED) {
		call_say(c, "the administration is not founded: root registers administrators");
		return KM_ENOTFOUND;
	}
	if (rc == KM_OK)
		rc = each_of_staff(c->v, show_one, &s);
	if (rc == KM_OK)
		rc = may_go_back(c, s.approver_seen);
	if (rc != KM_OK || !c->m->accept.confirm)
		return rc;
	f = (struct founding){ NOT_FOUNDED, c->v->now.wall };
	call_event(c, &e, KM_EVENT_FOUNDED_ANEW, NULL);
	return keep_founding(c->v, &f, &e);
}

/* Days go by and codes are disabled: that may leave nobody, with no act that could be refused. */
static km_rc say_who_is_missing(struct call *c)
{
	const struct counted everybody = { .without = NULL };
	struct staff staff;
	km_rc rc;

	if (!c->v->conf.approval_required)
		return KM_OK;
	rc = count_staff(c->v, &everybody, &staff);
	if (rc != KM_OK || (staff.approvers && staff.registrars))
		return rc;
	return call_status(
	    c, true, "administrators",
	    "no %s has a good code today: nothing that takes two persons can be done",
	    km_role_word(staff.approvers ? KM_ROLE_REGISTRAR : KM_ROLE_APPROVER));
}

km_rc founding_rows(struct call *c)
{
	struct founding f;
	char date[16];
	km_rc rc = read_founding(c->v, &f);

	if (rc == KM_ECORRUPT)
		return call_status(c, true, "administrators",
				   "what is kept of the founding is damaged: two persons are "
				   "needed; bring back vault.db from a backup");
	if (rc == KM_OK && f.anew) {
		date_of(f.anew, date);
		rc = call_status(c, true, "administrators",
				 "replaced by root alone on %s, without a second person: see the "
				 "audit trail of that day",
				 date);
	}
	if (rc == KM_OK)
		rc = each_of_staff(c->v, say_last, c);
	return rc == KM_OK && f.state != NOT_FOUNDED ? say_who_is_missing(c) : rc;
}
