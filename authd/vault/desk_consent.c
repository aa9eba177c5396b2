/*
 * Desk operations on consent: what people are told before a finger is taken, that they agree, and
 * that they do not any more. Without a consent no finger is enrolled; with the consent all fingers
 * go.
 */
#include <string.h>

#include <kenmon/hex.h>
#include <kenmon/log.h>
#include <kenmon/store_request.h>
#include <kenmon/texts.h>

#include "desk.h"
#include "grant.h"

/* --- the text -------------------------------------------------------------------------- */

static km_rc put_purpose(struct call *c, const struct km_purpose *p)
{
	struct km_msg m = { .number = KM_MSG_PURPOSE_ROW };

	memcpy(m.purpose_row.purpose, p->digest, sizeof m.purpose_row.purpose);
	m.purpose_row.lang = p->lang;
	m.purpose_row.first = p->first;
	m.purpose_row.text = (struct km_span){ p->text, (uint16_t)p->len };
	return call_put(c, &m);
}

km_rc desk_purpose(struct call *c)
{
	const struct msg_purpose *m = &c->m->purpose;
	static struct km_purpose p; /* 8 KiB; the vault has one thread */
	struct km_event_record r;
	bool kept = false;
	km_rc rc;

	if (m->lang >= KM_LANG_COUNT ||
	    !km_text_is_page((const char *)m->text.bytes, m->text.len)) {
		call_say(c, "a purpose text is UTF-8 text in lines, without control characters or "
			    "hidden marks");
		return KM_EINVAL;
	}
	if (c->v->suspicion & (KM_SUSPECT_MACHINE | KM_SUSPECT_ROLLBACK))
		return KM_ESUSPECT;
	call_event(c, &r, KM_EVENT_PURPOSE_KEPT, NULL);
	event_add(&r, "language", m->lang == KM_LANG_JA ? "ja" : "en");
	event_add_number(&r, "bytes", m->text.len);
	rc = store_purpose_keep(c->v->store, m->lang, m->text.bytes, m->text.len, &r, p.digest,
				&kept);
	if (rc != KM_OK)
		return rc;
	if (kept)
		note_event(c->v, &r);
	rc = store_purpose(c->v->store, p.digest, &p);
	p.len = 0; /* who said it knows it */
	return rc == KM_OK ? put_purpose(c, &p) : rc;
}

km_rc desk_purpose_show(struct call *c)
{
	static struct km_purpose p;
	km_rc rc = store_purpose(c->v->store, c->m->purpose_show.purpose, &p);

	if (rc == KM_ENOTFOUND)
		call_say(c, "no such text was ever shown");
	return rc == KM_OK ? put_purpose(c, &p) : rc;
}

/* --- giving ------------------------------------------------------------------------------ */

bool desk_acts_alone(const struct call *c, const struct km_operator *op)
{
	return c->l->right != RIGHTS_ROOT && c->l->who.known &&
	       memcmp(c->l->who.subject, op->subject, KM_SUBJECT_BYTES) == 0;
}

km_rc desk_has_consented(struct call *c, const struct km_operator *op)
{
	struct km_consent one;
	km_rc rc = store_consent_standing(c->v->store, op->subject, NULL, &one);

	if (rc != KM_ENOTFOUND)
		return rc;
	call_say(c, "this operator has not agreed to it: a finger is taken only after its purpose "
		    "was shown and agreed to");
	return KM_ESTATE;
}

static km_rc store_given(struct call *c, const struct msg_consent *m, const struct km_operator *op)
{
	struct km_consent in = { .paper = m->paper != 0 };
	struct km_event_record r;
	char hex[KM_HEX(KM_DIGEST_BYTES)];
	km_rc rc;

	memcpy(in.subject, op->subject, sizeof in.subject);
	memcpy(in.purpose, m->purpose, sizeof in.purpose);
	memcpy(in.terminal, m->terminal, sizeof in.terminal);
	if (c->l->who.known && memcmp(c->l->who.subject, op->subject, sizeof in.witness) != 0)
		memcpy(in.witness, c->l->who.subject, sizeof in.witness);
	call_event(c, &r, KM_EVENT_CONSENTED, op);
	event_add(&r, "purpose", km_hex(m->purpose, sizeof m->purpose, hex));
	event_add(&r, "by", m->paper ? "paper" : "own-code");
	event_add(&r, "terminal", m->terminal);
	rc = store_consent_add(c->v->store, &in, &r, &c->id);
	if (rc == KM_OK)
		note_event(c->v, &r);
	if (rc == KM_ELIMIT)
		call_say(c, "an operator has at most %d consents", KM_MAX_CONSENTS);
	return rc;
}

/* What must be so before anybody is asked. */
static km_rc may_consent(struct call *c, const struct msg_consent *m, struct km_operator *op)
{
	static struct km_purpose p;
	struct km_consent one;
	km_rc rc = call_operator(c, m->login, op);

	if (rc == KM_OK && op->state == KM_ERASING)
		rc = KM_ESTATE;
	if (rc != KM_OK)
		return rc;
	rc = store_purpose(c->v->store, m->purpose, &p);
	if (rc == KM_ENOTFOUND)
		call_say(c, "nobody agrees to a text that is not kept here");
	if (rc != KM_OK)
		return rc;
	rc = store_consent_standing(c->v->store, op->subject, m->purpose, &one);
	if (rc == KM_OK) {
		call_say(c, "the operator has agreed to this text already");
		return KM_EEXIST;
	}
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

km_rc desk_consent(struct call *c)
{
	const struct msg_consent *m = &c->m->consent;
	struct km_operator op;
	km_rc rc = may_consent(c, m, &op);

	if (rc != KM_OK)
		return rc;
	return m->paper ? store_given(c, m, &op) : desk_own_code_ask(c, &op);
}

km_rc desk_consent_answer(struct call *c)
{
	struct km_operator op;
	bool again;
	km_rc rc = desk_own_code(c, &op, &again);

	if (rc != KM_OK || again)
		return rc;
	return store_given(c, &c->l->pending->asked.consent, &op);
}

/* --- listing ------------------------------------------------------------------------------- */

/* The login of who was there, as far as somebody still has it. */
static void witness_of(struct call *c, const struct km_consent *consent, char out[65])
{
	static const uint8_t nobody[KM_SUBJECT_BYTES];
	struct km_person who = { 0 };
	struct km_operator op;

	if (memcmp(consent->witness, nobody, sizeof nobody) == 0)
		return;
	if (store_operator_by_subject(c->v->store, consent->witness, &op) == KM_OK &&
	    store_person(c->v->store, &op, &who) == KM_OK)
		memcpy(out, who.login, sizeof who.login);
	km_wipe(&who, sizeof who);
}

static km_rc put_consent(struct call *c, const struct km_consent *consent)
{
	struct km_msg m = { .number = KM_MSG_CONSENT_ROW };
	struct msg_consent_row *row = &m.consent_row;

	row->id = consent->id;
	memcpy(row->purpose, consent->purpose, sizeof row->purpose);
	row->given = consent->given;
	row->paper = consent->paper;
	memcpy(row->terminal, consent->terminal, sizeof row->terminal);
	witness_of(c, consent, row->witness);
	row->withdrawn = consent->withdrawn;
	return call_put(c, &m);
}

km_rc desk_consent_list(struct call *c)
{
	static struct km_consent list[KM_MAX_CONSENTS];
	struct km_operator op;
	size_t count = 0;
	km_rc rc = call_operator(c, c->m->consent_list.login, &op);

	if (rc == KM_OK)
		rc = store_consents(c->v->store, op.subject, list, &count);
	for (size_t i = 0; rc == KM_OK && i < count; i++)
		rc = put_consent(c, &list[i]);
	c->id = count;
	return rc;
}

/* --- taking back ---------------------------------------------------------------------------- */

/* DONE comes when the matcher and the logs, too, have forgotten the templates. */
static km_rc withdraw(struct call *c, const struct msg_consent_withdraw *m,
		      const struct km_operator *op)
{
	struct km_event_record r;
	unsigned fingers = 0;
	km_rc rc;

	ballast_give(c->v);
	call_event(c, &r, KM_EVENT_CONSENT_WITHDRAWN, op);
	event_add(&r, "terminal", m->terminal);
	rc = store_consent_withdraw(c->v->store, op->subject, &r, &fingers);
	if (rc == KM_ENOTFOUND)
		call_say(c, "this operator has neither consented nor a finger enrolled");
	if (rc != KM_OK)
		return rc;
	note_event(c->v, &r);
	c->id = fingers;
	grants_end_withdrawn(c->v, op->subject);
	c->v->epoch.unseen = true;
	if (fingers == 0)
		return KM_OK;
	c->v->erasing = true;
	c->l->erasing = c->l->withdrawing = true;
	memcpy(c->l->withdrawn, op->subject, sizeof c->l->withdrawn);
	c->end = CALL_LATER;
	return KM_OK;
}

km_rc desk_consent_withdraw(struct call *c)
{
	const struct msg_consent_withdraw *m = &c->m->consent_withdraw;
	struct km_operator op;
	km_rc rc = call_operator(c, m->login, &op);

	if (rc != KM_OK)
		return rc;
	if (op.state == KM_ERASING)
		return KM_ESTATE;
	/* An unlocked screen is not enough; a registrar has it on paper, and root is no operator.
	 */
	return desk_acts_alone(c, &op) ? desk_own_code_ask(c, &op) : withdraw(c, m, &op);
}

km_rc desk_consent_withdraw_answer(struct call *c)
{
	struct km_operator op;
	bool again;
	km_rc rc = desk_own_code(c, &op, &again);

	if (rc != KM_OK || again)
		return rc;
	return withdraw(c, &c->l->pending->asked.consent_withdraw, &op);
}

/* --- handing out ------------------------------------------------------------------------------ */

km_rc desk_export(struct call *c)
{
	struct km_event_record r;
	struct km_operator op;
	km_rc rc = call_operator(c, c->m->data_export.login, &op);

	if (rc != KM_OK)
		return rc;
	/* Each is written down, and whoever is at their own account has proved nothing: what they
	 * see is the same a minute later. */
	if (c->l->right == RIGHTS_ACCOUNT && !crowd_admit(c->v, c->l->peer, "export", "", 1)) {
		call_say(c, "exported many times just now: try again in a minute");
		return KM_ELIMIT;
	}
	call_event(c, &r, KM_EVENT_DATA_SHOWN, &op);
	event_add(&r, "to", desk_acts_alone(c, &op) ? "self" : "other");
	return note_record(c->v, &r);
}
