/*
 * A code of the operator whom an operation is about, typed at a desk: for what they alone may
 * decide. It is judged by what judges a login's (check.c), so it counts, waits and is used up as
 * there. Nobody gets in by it: whether they may log in does not matter, only that it is them.
 */
#include <string.h>

#include <kenmon/factor.h>

#include "desk.h"
#include "gate.h"
#include "trial.h"

#define OWN_FACTORS (KM_FACTOR_BIT(KM_FACTOR_TOTP) | KM_FACTOR_BIT(KM_FACTOR_HOTP))
#define OWN_TRIES   3

static km_rc of_pending(struct vault *v, struct trial *t, struct km_operator *op, uint16_t *bucket)
{
	const struct pending *p = t->l->pending;
	km_rc rc = session_bucket(v, km_message_login(&p->asked), bucket);

	if (rc == KM_OK)
		rc = store_operator_by_subject(v->store, p->op.subject, op);
	return rc == KM_OK && op->state == KM_ERASING ? KM_ENOTFOUND : rc;
}

/* As of a login: who tries over and over fills no trail. */
static bool may_be_recorded(struct vault *v, const struct trial *t)
{
	return crowd_admit(v, t->l->peer, "desk", "", 1);
}

static void say_for_what(struct km_event_record *r, const struct trial *t)
{
	event_add(r, "for", km_message_name(t->l->pending->asked.number));
	event_add_number(r, "peer", t->l->peer);
}

static const struct trial_place at_the_desk = { "desk", KM_EVENT_OWN_CODE_REFUSED, of_pending,
						may_be_recorded, say_for_what };

static bool has_one(const struct vault *v, const struct km_credential *list, size_t count)
{
	bool has = false;

	for (size_t i = 0; i < count; i++)
		has |= (OWN_FACTORS & KM_FACTOR_BIT(list[i].factor)) != 0 &&
		       gate_is_good(&list[i], v->now.wall);
	return has;
}

km_rc desk_own_code_ask(struct call *c, const struct km_operator *op)
{
	struct km_credential list[KM_MAX_CREDENTIALS];
	size_t count = 0;
	km_rc rc = store_credentials(c->v->store, op->subject, list, &count);

	if (rc == KM_OK && !has_one(c->v, list, count)) {
		call_say(c, "this operator has no one-time code to say so with: have it on paper, "
			    "or enrol a code first");
		rc = KM_ESTATE;
	}
	if (rc == KM_OK)
		rc = call_keep(c, op);
	return rc == KM_OK ? call_ask(c, KM_TEXT_PROMPT_CODE) : rc;
}

static km_rc refuse(struct call *c, const struct km_verdict *verdict)
{
	if (verdict->code == KM_VERDICT_LOCKED && verdict->reason != KM_REASON_DISABLED)
		call_say(c, "too many wrong codes: wait %u seconds", (unsigned)verdict->wait);
	else if (verdict->code == KM_VERDICT_LOCKED)
		call_say(c, "too many wrong codes: the operator must be unlocked");
	else if (verdict->code == KM_VERDICT_UNAVAILABLE)
		call_say(c,
			 "the clock is in doubt, so a code made from the time cannot be checked");
	else
		call_say(c, "nothing was changed");
	return verdict->code == KM_VERDICT_UNAVAILABLE ? KM_ESUSPECT : KM_EBADCODE;
}

km_rc desk_own_code(struct call *c, struct km_operator *op, bool *again)
{
	struct trial t TRIAL = { .place = &at_the_desk,
				 .l = c->l,
				 .trusted = true,
				 /* Who is suspended, not valid today, or has left can still agree
				  * and disagree. */
				 .is_them = true,
				 .lasting = true,
				 .passed = KM_EVENT_OWN_CODE_PASSED,
				 .passes = KM_VERDICT_ALLOW,
				 .lockout = &c->v->conf.lockout,
				 .answer = &c->m->answer.secret };
	km_rc rc = trial_code(c->v, &t, OWN_FACTORS);

	*again = false;
	if (rc != KM_OK)
		return rc;
	if (t.verdict.code == KM_VERDICT_ALLOW)
		return store_operator_by_subject(c->v->store, c->l->pending->op.subject, op);
	if (t.verdict.code != KM_VERDICT_RETRY || ++c->l->pending->answers >= OWN_TRIES)
		return refuse(c, &t.verdict);
	*again = true;
	return call_ask(c, KM_TEXT_CODE_WRONG);
}
