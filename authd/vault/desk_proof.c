/*
 * The proof: before an operation runs, the person at the desk gives a code of
 * their own. The answer is judged as a login's is (check.c, trial.c): counted,
 * throttled, its counter moved, written down, with the same work for a name
 * that nobody has. What was asked for waits meanwhile, and runs in the
 * transaction that takes the code.
 */
#include <stdio.h>
#include <string.h>

#include <kenmon/factor.h>

#include "desk.h"
#include "trial.h"

#define PROOF_TRIES 3
/* Codes alone: a desk has no reader of its own. */
#define PROOF_FACTORS                                                                              \
	(KM_FACTOR_BIT(KM_FACTOR_TOTP) | KM_FACTOR_BIT(KM_FACTOR_HOTP) |                           \
	 KM_FACTOR_BIT(KM_FACTOR_RECOVERY))

/* --- what waits ------------------------------------------------------------------------ */

void kept_free(struct kept *k)
{
	if (k)
		km_locked_free(k, sizeof *k + k->len);
}

/* The frame, and not what was read from it: spans of a message lie in their frame. */
static struct kept *kept_new(const uint8_t *frame, size_t len, unsigned number)
{
	struct kept *k = km_locked_new(sizeof *k + len);

	if (!k)
		return NULL;
	k->number = number;
	k->len = len;
	memcpy(k->frame, frame, len);
	return k;
}

/* --- asking ------------------------------------------------------------------------------ */

/* The login at the desk; who has just been erased has none. */
static km_rc login_of(struct call *c, char out[65])
{
	const struct desk_person *who = &c->l->who;
	struct km_person person = { 0 };
	struct km_operator op;
	km_rc rc;

	memcpy(out, who->login, sizeof who->login);
	if (who->claimed)
		return KM_OK;
	rc = store_operator_by_subject(c->v->store, who->subject, &op);
	if (rc == KM_OK)
		rc = store_person(c->v->store, &op, &person);
	memcpy(out, person.login, sizeof person.login);
	km_wipe(&person, sizeof person);
	return rc;
}

/* The shape says that it is the caller's own code which is asked for, and not another person's. */
static km_rc ask(struct call *c, const char *before)
{
	struct km_msg m = { .number = KM_MSG_PROMPT };
	char login[65];
	km_rc rc = login_of(c, login);

	if (rc != KM_OK)
		return rc;
	snprintf(m.prompt.text, sizeof m.prompt.text, "%s%s%s (%s): ", before, before[0] ? " " : "",
		 km_text(KM_TEXT_PROMPT_OWN, KM_LANG_EN), login);
	m.prompt.echo = 1;
	m.prompt.shape = session_shape(&c->v->conf, PROOF_FACTORS) | KM_SHAPE_OWN;
	c->end = CALL_ASKED;
	c->l->phase = KM_PHASE_DESK_ASKED;
	return call_put(c, &m);
}

km_rc proof_ask(struct call *c, size_t len)
{
	km_rc rc;

	/* An older database would take codes that were used. */
	if (c->v->suspicion & (KM_SUSPECT_MACHINE | KM_SUSPECT_ROLLBACK))
		return KM_ESUSPECT;
	c->l->kept = kept_new(c->v->frame, len, c->m->number);
	if (!c->l->kept)
		return KM_ENOMEM;
	rc = ask(c, "");
	if (rc != KM_OK)
		c->end = CALL_DONE;
	return rc;
}

/* --- judging ------------------------------------------------------------------------------ */

static km_rc desk_operator_of(struct vault *v, struct trial *t, struct km_operator *op,
			      uint16_t *bucket)
{
	km_rc rc = store_operator_by_tag(v->store, t->l->who.tag, op);

	*bucket = session_bucket_of(t->l->who.tag);
	if (rc == KM_OK)
		t->uid = person_account(t->l, op);
	return rc;
}

static bool desk_admit(struct vault *v, const struct trial *t)
{
	return crowd_admit(v, t->l->peer, "desk", "", 1);
}

static void desk_describe(struct km_event_record *r, const struct trial *t)
{
	event_add_number(r, "peer", t->l->peer);
	event_add(r, "operation", km_message_name(t->l->kept->number));
}

static const struct trial_place at_desk = { "desk", KM_EVENT_DESK_UNPROVED, desk_operator_of,
					    desk_admit, desk_describe };

/* Asked again, as often as there are tries. */
static km_rc again(struct call *c, const struct km_verdict *verdict)
{
	if (++c->l->kept->tries >= PROOF_TRIES) {
		call_say(c, "nothing was done");
		return KM_EBADCODE;
	}
	return ask(
	    c, km_text(verdict->reason == KM_REASON_REPLAY ? KM_TEXT_CODE_USED : KM_TEXT_CODE_WRONG,
		       KM_LANG_EN));
}

static km_rc refuse(struct call *c, const struct km_verdict *verdict)
{
	char text[256];

	km_text_number(km_reason_text(verdict->reason), KM_LANG_EN, verdict->wait, text,
		       sizeof text);
	call_say(c, "%s", text);
	return verdict->code == KM_VERDICT_UNAVAILABLE ? KM_ESUSPECT : KM_EPERM;
}

km_rc proof_take(struct call *c)
{
	struct trial t TRIAL = { .place = &at_desk,
				 .l = c->l,
				 .uid = c->l->peer,
				 .trusted = c->l->who.claimed,
				 .lasting = true,
				 .passed = KM_EVENT_DESK_PROVED,
				 .passes = KM_VERDICT_ALLOW,
				 .lockout = &c->v->conf.lockout,
				 .answer = &c->m->answer.secret };
	km_rc rc = trial_code(c->v, &t, PROOF_FACTORS);

	if (rc != KM_OK)
		return rc;
	if (t.verdict.code == KM_VERDICT_RETRY)
		return again(c, &t.verdict);
	if (t.verdict.code != KM_VERDICT_ALLOW)
		return refuse(c, &t.verdict);
	/* Of this person and no other: who it is, is read again for what follows. */
	memcpy(c->l->who.subject, t.op.subject, sizeof t.op.subject);
	c->l->who.proved_ms = c->v->now.boot_ms > 0 ? c->v->now.boot_ms : 1;
	return KM_OK;
}
