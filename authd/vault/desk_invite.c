/*
 * Invitations: with a binding code, handed over by a registrar, an operator enrols a TOTP of their
 * own at their own account. A wrong code counts, also over several lines and days; the fifth ends
 * the invitation. It is used up in the transaction that stores what was enrolled.
 */
#include <stdio.h>
#include <string.h>

#include <kenmon/factor.h>

#include "desk.h"

#define SECONDS_LEAST 60
#define SECONDS_MOST                                                                               \
	86400 /* on paper; 600 without (NIST SP 800-63B-4, 4.1.2.1 on binding codes)               \
	       */

km_rc desk_invite(struct call *c)
{
	const struct msg_invite *m = &c->m->invite;
	struct km_secret code KM_SECRET = m->code;
	bool waiting = desk_two_persons(c->v);
	struct km_invitation made;
	struct km_event_record r;
	struct km_operator op;
	km_rc rc;

	if (m->seconds < SECONDS_LEAST || m->seconds > SECONDS_MOST ||
	    km_answer_class(&code, KM_SHAPE_RECOVERY) != KM_CLASS_RECOVERY)
		return KM_EINVAL;
	if (c->v->suspicion & KM_SUSPECT_CLOCK) /* when it ends nobody could say */
		return KM_ESUSPECT;
	rc = call_operator(c, m->login, &op);
	if (rc == KM_OK && op.state != KM_ACTIVE) {
		call_say(c, "the operator is %s", km_state_word(op.state));
		rc = KM_ESTATE;
	}
	if (rc != KM_OK)
		return rc;
	call_event(c, &r, KM_EVENT_INVITED, &op);
	event_add_number(&r, "seconds", m->seconds);
	if (waiting)
		event_add(&r, "waiting", "yes");
	rc = store_invite(c->v->store, &op, &code, m->seconds,
			  waiting ? 0 : c->v->now.wall + m->seconds, &r);
	if (rc != KM_OK)
		return rc;
	note_event(c->v, &r);
	if (!waiting)
		return KM_OK;
	rc = store_invitation(c->v->store, op.subject, &made);
	return rc == KM_OK
		   ? request_file_activation(c, &op, &(struct activation){ .invitation = &made })
		   : rc;
}

/* --- using one -------------------------------------------------------------------------- */

static km_rc ask(struct call *c, enum km_text text)
{
	struct km_msg m = { .number = KM_MSG_PROMPT };

	snprintf(m.prompt.text, sizeof m.prompt.text, "%s", km_text(text, KM_LANG_EN));
	m.prompt.shape = KM_SHAPE_RECOVERY;
	c->end = CALL_ASKED;
	c->l->phase = KM_PHASE_DESK_ASKED;
	return call_put(c, &m);
}

/* The event says why one was of no use. */
static void refusal(const struct call *c, struct km_event_record *r, const struct km_operator *op,
		    const char *reason)
{
	call_event(c, r, KM_EVENT_INVITATION_REFUSED, op);
	event_add(r, "reason", reason);
}

static km_rc drop_expired(struct call *c, const struct km_operator *op)
{
	struct km_event_record r;
	km_rc rc;

	refusal(c, &r, op, "expired");
	rc = store_invitation_drop(c->v->store, op->subject, &r);
	if (rc != KM_OK)
		return rc;
	note_event(c->v, &r);
	call_say(c, "the invitation has expired: ask a registrar for another ('kenmon invite')");
	return KM_ESTATE;
}

/* One that is good now. */
static km_rc find_good(struct call *c, const struct km_operator *op, struct km_invitation *out)
{
	km_rc rc = store_invitation(c->v->store, op->subject, out);

	if (rc == KM_ENOTFOUND) {
		call_say(c,
			 "a code of one's own is enrolled by invitation: ask a registrar for one "
			 "('kenmon invite')");
		return KM_EPERM;
	}
	if (rc != KM_OK)
		return rc;
	if (op->state != KM_ACTIVE) {
		call_say(c, "the operator is %s", km_state_word(op->state));
		return KM_ESTATE;
	}
	if (out->until == 0) {
		call_say(c, "the invitation waits for a second person's approval");
		return KM_ESTATE;
	}
	return c->v->now.wall >= out->until ? drop_expired(c, op) : KM_OK;
}

km_rc desk_invited(struct call *c, const struct km_operator *op, const struct km_credential *in)
{
	const struct msg_enrol *m = &c->m->enrol;
	struct km_invitation i;
	km_rc rc;

	if (m->factor != KM_FACTOR_TOTP || !m->confirm) {
		call_say(c,
			 "by invitation a time-based code is enrolled, and a first code is asked");
		return KM_EPERM;
	}
	rc = find_good(c, op, &i);
	if (rc == KM_OK)
		rc = call_keep(c, op);
	if (rc != KM_OK)
		return rc;
	c->l->pending->credential = *in;
	c->l->pending->invitation = i;
	return ask(c, KM_TEXT_PROMPT_INVITATION);
}

/* Its time may be over since, or its operator suspended, or another one be in its place. */
km_rc desk_invited_still(struct call *c)
{
	const struct pending *p = c->l->pending;
	struct km_invitation now;
	km_rc rc = find_good(c, &p->op, &now);

	if (rc != KM_OK || memcmp(now.code, p->invitation.code, sizeof now.code) == 0)
		return rc;
	call_say(c, "another invitation has taken its place");
	return KM_EPERM;
}

static km_rc count_wrong(struct call *c, const struct km_operator *op,
			 const struct km_invitation *i)
{
	bool last = i->tries + 1 >= KM_INVITATION_TRIES;
	struct km_event_record r;
	unsigned left = 0;
	km_rc rc;

	refusal(c, &r, op, "wrong");
	event_add(&r, "gone", last ? "yes" : "no");
	rc = store_invitation_wrong(c->v->store, i, &r, &left);
	if (rc != KM_OK)
		return rc;
	note_event(c->v, &r);
	if (left > 0)
		return ask(c, KM_TEXT_CODE_WRONG);
	call_say(c, "the invitation is gone after %d wrong codes: ask a registrar for another",
		 KM_INVITATION_TRIES);
	return KM_EBADCODE;
}

km_rc desk_invited_answer(struct call *c)
{
	struct pending *p = c->l->pending;
	struct km_secret *code = &c->m->answer.secret;
	bool right = false;
	km_rc rc = store_operator_by_subject(c->v->store, p->op.subject, &p->op);

	/* It may have been used, replaced or counted against on another line since. */
	if (rc == KM_OK)
		rc = find_good(c, &p->op, &p->invitation);
	if (rc == KM_OK && km_answer_class(code, KM_SHAPE_RECOVERY) == KM_CLASS_RECOVERY)
		rc = store_invitation_judge(c->v->store, &p->op, &p->invitation, code, &right);
	if (rc != KM_OK)
		return rc;
	if (!right)
		return count_wrong(c, &p->op, &p->invitation);
	p->bound = true;
	return call_ask(c, KM_TEXT_PROMPT_CODE);
}
