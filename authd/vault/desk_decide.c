/*
 * The second person's decision. What is approved runs at once, by its own
 * handler, in the same transaction in which the request goes: it is done once or
 * not at all. Nobody decides on what they asked for or what is about them.
 */
#include <string.h>

#include <kenmon/factor.h>
#include <kenmon/log.h>
#include <kenmon/store_request.h>

#include "act.h"
#include "desk_request.h"
#include "due.h"
#include "feed.h"
#include "gate.h"
#include "grant.h"
#include "orders.h"
#include "store_invitation.h"

static bool is(const uint8_t a[KM_SUBJECT_BYTES], const uint8_t b[KM_SUBJECT_BYTES])
{
	return memcmp(a, b, KM_SUBJECT_BYTES) == 0;
}

/* --- what goes with a request that ends ------------------------------------------------ */

/* Of several invitations in a row only the last is there; others were replaced, or used. */
static km_rc find_invitation(struct vault *v, const uint8_t subject[KM_SUBJECT_BYTES],
			     const struct msg_activate *m)
{
	struct km_invitation i;
	km_rc rc = store_invitation(v->store, subject, &i);

	if (rc != KM_OK)
		return rc;
	return i.until == 0 && store_invitation_name(&i) == m->invitation && i.seconds == m->seconds
		   ? KM_OK
		   : KM_ENOTFOUND;
}

static km_rc drop_waiting(struct vault *v, const struct km_filed *r, const struct msg_activate *m,
			  const char *actor)
{
	struct km_event_record e;
	km_rc rc;

	event_make(&e, KM_EVENT_CREDENTIAL_REMOVED, r->subject, actor);
	event_add(&e, "reason", "not-approved");
	event_add_number(&e, "request", (int64_t)r->id);
	if (m->credential == 0) {
		event_add(&e, "factor", "invitation");
		rc = find_invitation(v, r->subject, m);
		if (rc == KM_OK)
			rc = store_invitation_drop(v->store, r->subject, &e);
	} else {
		event_add(&e, "factor", km_factor_word(m->factor));
		event_add_number(&e, "credential", (int64_t)m->credential);
		rc = store_credential_remove(v->store, r->subject, m->credential, &e);
	}
	if (rc != KM_OK)
		return rc == KM_ENOTFOUND ? KM_OK : rc; /* it was removed, or replaced, meanwhile */
	note_event(v, &e);
	if (m->credential)
		grants_end_with(v, m->credential);
	return KM_OK;
}

struct ending {
	struct vault *v;
	const struct km_filed *r;
	const struct km_msg *asked; /* NULL: it does not open */
	const char *actor;
	struct km_event_record *event;
	bool roster; /* that waits, and somebody decided */
};

static km_rc end_it(void *arg)
{
	const struct ending *e = arg;
	km_rc rc = KM_OK;

	if (e->asked && e->asked->number == KM_MSG_ACTIVATE)
		rc = drop_waiting(e->v, e->r, &e->asked->activate, e->actor);
	/* One that has expired goes by itself, and that is kept. */
	if (rc == KM_OK && e->roster)
		rc = feed_reject(e->v, e->actor);
	return rc == KM_OK ? store_request_take(e->v->store, e->r, e->event) : rc;
}

km_rc request_end(struct vault *v, const struct km_filed *r, enum km_event event, const char *actor,
		  const char *note)
{
	struct km_msg asked = { 0 };
	struct km_event_record record;
	struct ending e = { v, r, &asked, actor, &record, false };
	char text[ACT_TEXT];
	size_t notes = v->notes;
	km_rc rc = request_open(v, r, &asked, text);

	e.roster = event == KM_EVENT_REQUEST_REJECTED && r->act == KM_MSG_ROSTER_END;
	/* Missing memory may look like damage: then what waits for it would stay alone. */
	if (rc == KM_ECORRUPT)
		rc = request_open(v, r, &asked, text);
	/* One that is damaged must be got rid of all the same. */
	if (rc == KM_ECORRUPT) {
		e.asked = NULL;
		rc = KM_OK;
	}
	event_make(&record, event, r->subject, actor);
	event_add(&record, "act", act_word(r->act));
	event_add_number(&record, "request", (int64_t)r->id);
	event_add_subject(&record, "requester", r->requester);
	if (note[0])
		event_add(&record, EVENT_FREE_TEXT, note);
	if (rc == KM_OK)
		rc = store_together(v->store, end_it, &e);
	if (rc == KM_OK)
		note_event(v, &record);
	else
		v->notes = notes;
	if (rc == KM_OK && e.roster)
		v->feed.waiting = 0;
	km_msg_wipe(&asked);
	km_wipe(text, sizeof text);
	return rc;
}

/* --- may it be decided, and by this person ---------------------------------------------- */

/* All that it takes to ask for it now, but for the code that was given then. */
static bool could_ask(const struct vault *v, const struct km_operator *op, unsigned act)
{
	unsigned roles = act == KM_MSG_ACTIVATE ? REGISTRAR : 0; /* filed by what was enrolled */
	const struct operation *o;

	for (size_t i = 0; (o = operation_at(i)); i++)
		roles |= o->number == act && !(o->flags & TAKES) ? o->roles : 0;
	return op->role <= KM_ROLE_OFFICER && (roles & (1u << op->role)) &&
	       gate_reason(op, v->now.today, op->uid >= 0 ? (uint32_t)op->uid : 0, true) ==
		   KM_REASON_NONE;
}

/* Only the drop folder's user files anything, a roster, without being anybody's operator. */
static bool by_drop_folder(const struct km_filed *r)
{
	static const uint8_t nobody[KM_SUBJECT_BYTES];

	return r->act == KM_MSG_ROSTER_END && is(r->requester, nobody);
}

static km_rc requester_still_is(struct call *c, const struct km_filed *r)
{
	enum km_reason queued = KM_REASON_NONE; /* by a roster, or what is due today */
	struct km_operator op;
	bool gone;
	km_rc rc;

	if (by_drop_folder(r))
		return KM_OK;
	rc = store_operator_by_subject(c->v->store, r->requester, &op);
	gone = rc == KM_ENOTFOUND;
	if (rc == KM_OK)
		rc = queue_reason(c->v, &op, &queued);
	if (rc == KM_OK)
		gone = queued != KM_REASON_NONE || !could_ask(c->v, &op, r->act);
	if (!gone)
		return rc;
	call_say(c, "whoever asked for it may not ask for it any more: reject it");
	return KM_ESTATE;
}

/* Written down as every refusal at a desk is. */
static km_rc not_theirs(struct call *c, const struct km_filed *r, const char *why, const char *text)
{
	struct km_event_record e;
	km_rc rc = KM_OK;

	call_say(c, "%s", text);
	if (crowd_admit(c->v, c->l->peer, "desk", "", 1)) {
		event_make(&e, KM_EVENT_DESK_REFUSED, c->l->who.subject, c->actor);
		event_add(&e, "operation", km_message_name(c->m->number));
		event_add_number(&e, "request", (int64_t)r->id);
		event_add(&e, "reason", why);
		rc = note_record(c->v, &e);
	}
	return rc == KM_OK ? KM_EPERM : rc;
}

static km_rc may_approve(struct call *c, const struct km_filed *r)
{
	const uint8_t *who = c->l->who.subject;

	/* By a name and a code on this very line: a uid alone agrees to nothing. */
	if (c->l->right != RIGHTS_FACTOR || !c->l->who.known)
		return not_theirs(
		    c, r, "no-factor",
		    "only an approver whose own code was good on this line may approve");
	if (is(who, r->requester))
		return not_theirs(c, r, "requester",
				  "you asked for it: another person must approve it");
	if (is(who, r->subject))
		return not_theirs(c, r, "subject",
				  "it is about you: another person must approve it");
	if (r->expires <= c->v->now.wall) {
		call_say(c, "it has expired: it must be asked for again");
		return KM_ESTATE;
	}
	if (!km_equal(c->m->approval_decide.digest, KM_DIGEST_BYTES, r->digest, KM_DIGEST_BYTES)) {
		call_say(c, "this is not what was asked for: look at it again");
		return KM_ESTATE;
	}
	return requester_still_is(c, r);
}

/* --- carrying it out --------------------------------------------------------------------- */

struct carried {
	struct call *call; /* the approver's */
	const struct km_filed *r;
	struct km_msg asked;
};

/* A login may be another person's since: they are not whom this was asked about. */
static km_rc same_person(struct call *c, const struct km_filed *r)
{
	static const uint8_t nobody[KM_SUBJECT_BYTES];
	const char *login = km_message_login(c->m);
	struct km_operator op;
	km_rc rc;

	if (is(r->subject, nobody) || !login || !login[0])
		return KM_OK;
	rc = call_operator(c, login, &op);
	if (rc == KM_OK && !is(op.subject, r->subject)) {
		call_say(c, "this login is another person's since: reject it");
		rc = KM_ESTATE;
	}
	return rc;
}

static km_rc carry_out(void *arg)
{
	struct carried *done = arg;
	struct call *c = done->call, inner = *c;
	const struct operation *o = operation_of(&done->asked);
	km_rc rc, taken;

	/* What asks for more than a decision cannot have been filed. */
	if (!o || o->answer)
		return KM_ECORRUPT;
	inner.m = &done->asked;
	inner.request = done->r->id;
	memcpy(inner.requester, done->r->requester, sizeof inner.requester);
	memcpy(inner.approver, c->l->who.subject, sizeof inner.approver);
	rc = same_person(&inner, done->r);
	if (rc == KM_OK)
		rc = founding_keeps(&inner); /* it may have been one of two when it was filed */
	if (rc == KM_OK)
		rc = o->run(&inner);
	c->end = inner.end;
	c->id = inner.id;
	memcpy(c->text, inner.text, sizeof c->text);
	if (rc != KM_OK)
		return rc;
	/* An erasure has taken all that was asked about its person already. */
	taken = store_request_take(c->v->store, done->r, NULL);
	return taken == KM_ENOTFOUND ? KM_OK : taken;
}

static km_rc approve(struct call *c, const struct km_filed *r)
{
	struct carried done = { .call = c, .r = r };
	char text[ACT_TEXT];
	km_rc rc = may_approve(c, r);
	const uint64_t orders = orders_mark(c->v);
	size_t notes = c->v->notes;

	if (rc == KM_OK)
		rc = request_open(c->v, r, &done.asked, text);
	if (rc == KM_OK)
		rc = store_together(c->v->store, carry_out, &done);
	/* What was undone has not happened: nobody is told of it. */
	if (rc != KM_OK) {
		c->v->notes = notes;
		orders_undo_since(c->v, orders);
	}
	km_msg_wipe(&done.asked);
	km_wipe(text, sizeof text);
	return rc;
}

km_rc desk_approval_decide(struct call *c)
{
	const struct msg_approval_decide *m = &c->m->approval_decide;
	struct km_filed r;
	km_rc rc = request_find(c, m->id, &r);

	if (rc != KM_OK)
		return rc;
	if (m->approve)
		return approve(c, &r);
	c->id = r.id;
	return request_end(c->v, &r, KM_EVENT_REQUEST_REJECTED, c->actor, m->reason);
}

/* --- what was enrolled becomes good ------------------------------------------------------- */

static km_rc find_waiting(struct call *c, const struct km_operator *op, struct km_credential *out,
			  bool *code)
{
	struct km_credential list[KM_MAX_CREDENTIALS];
	size_t count = 0;
	km_rc rc = store_credentials(c->v->store, op->subject, list, &count);

	if (rc == KM_OK)
		rc = desk_has_code(c, list, count, 0, code);
	if (rc != KM_OK)
		return rc;
	for (size_t i = 0; i < count; i++) {
		if (list[i].id != c->m->activate.credential)
			continue;
		*out = list[i];
		return KM_OK;
	}
	call_say(c, "it was removed meanwhile: reject the request");
	return KM_ENOTFOUND;
}

/* In the words that the approver read: what these leave out cannot be what differs. */
static km_rc as_it_was_shown(struct call *c, const struct km_credential *waits)
{
	struct km_msg now = { .number = KM_MSG_ACTIVATE, .activate = c->m->activate };
	char shown[ACT_TEXT], is_so[ACT_TEXT];
	km_rc rc = act_text(c->m, shown);

	request_describe(waits, &now.activate);
	if (rc == KM_OK)
		rc = act_text(&now, is_so);
	if (rc == KM_OK && strcmp(shown, is_so) != 0) {
		call_say(c, "what waits is not what was asked for: reject the request");
		rc = KM_ESTATE;
	}
	km_wipe(&now, sizeof now);
	km_wipe(shown, sizeof shown);
	km_wipe(is_so, sizeof is_so);
	return rc;
}

/* A number is held against what was shown of it, and its owner hears of it at the old one. */
static km_rc activate_phone(struct call *c, const struct km_operator *op,
			    const struct km_credential *waits, struct km_event_record *e)
{
	struct phone_change change PHONE_CHANGE = { .of = 0 };
	km_rc rc = desk_phone_look(c, op, waits, &change);

	if (rc == KM_OK && strcmp(change.mask, c->m->activate.number) != 0) {
		call_say(c, "what waits is not what was asked for: reject the request");
		rc = KM_ESTATE;
	}
	if (rc != KM_OK)
		return rc;
	event_add(e, "number", change.mask);
	rc = store_credential_activate(c->v->store, op->subject, waits->id, e);
	if (rc == KM_OK)
		note_event(c->v, e);
	return rc == KM_OK ? desk_phone_changed(c, op, &change) : rc;
}

static km_rc activate_other(struct call *c, const struct km_operator *op,
			    const struct km_credential *waits, struct km_event_record *e)
{
	km_rc rc = store_credential_activate(c->v->store, op->subject, waits->id, e);

	if (rc == KM_OK)
		note_event(c->v, e);
	return rc;
}

static km_rc activate_credential(struct call *c, const struct km_operator *op)
{
	struct km_credential waits;
	struct km_event_record e;
	bool code = false;
	km_rc rc = find_waiting(c, op, &waits, &code);

	if (rc == KM_OK)
		rc = as_it_was_shown(c, &waits);
	if (rc != KM_OK)
		return rc;
	/* They may be enrolled in one go, and approved in this order. */
	if (waits.factor == KM_FACTOR_FINGERPRINT && !code) {
		call_say(c, "no code of this operator is good yet: approve that one first");
		return KM_ESTATE;
	}
	if (waits.until && waits.until <= c->v->now.wall) {
		call_say(c, "its time is over");
		return KM_ESTATE;
	}
	call_event(c, &e,
		   waits.factor == KM_FACTOR_BYPASS ? KM_EVENT_BYPASS_GIVEN
						    : KM_EVENT_CREDENTIAL_APPROVED,
		   op);
	event_add(&e, "factor", km_factor_word(waits.factor));
	if (waits.until)
		event_add_number(&e, "until", waits.until);
	rc = (km_factor_class(waits.factor) == KM_CLASS_PHONE ? activate_phone
							      : activate_other)(c, op, &waits, &e);
	c->id = waits.id;
	return rc;
}

static km_rc activate_invitation(struct call *c, const struct km_operator *op)
{
	struct km_event_record e;
	km_rc rc;

	call_event(c, &e, KM_EVENT_INVITED, op);
	rc = find_invitation(c->v, op->subject, &c->m->activate);
	if (rc == KM_OK)
		rc = store_invitation_activate(c->v->store, op->subject, &e);
	if (rc == KM_OK)
		note_event(c->v, &e);
	if (rc == KM_ENOTFOUND)
		call_say(c, "this invitation waits no more, or another is in its place: reject "
			    "the request");
	return rc;
}

km_rc desk_activate(struct call *c)
{
	struct km_operator op;
	km_rc rc = c->request ? call_operator(c, c->m->activate.login, &op) : KM_EPERM;

	if (rc != KM_OK)
		return rc;
	if (op.state == KM_ERASING)
		return KM_ESTATE;
	return c->m->activate.credential ? activate_credential(c, &op)
					 : activate_invitation(c, &op);
}
