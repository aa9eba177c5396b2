/* Desk operations on credentials: enrol, list, remove, resync. */
#include <stdio.h>
#include <string.h>

#include <kenmon/factor.h>

#include "codes.h"
#include "desk.h"
#include "gate.h"
#include "grant.h"
#include "lockout.h"

#define SEED_LEAST    16 /* 128 bits (RFC 4226, R6) */
#define SEED_MOST     64 /* a block of SHA-256's HMAC; longer keys are hashed first */
#define PERIOD_LEAST  15
#define PERIOD_MOST   300
#define CONFIRM_TRIES 3

/* Also when the answer comes: what was asked for may have been asked before the doubt. */
static km_rc clock_tells(struct call *c, unsigned factor)
{
	if (factor != KM_FACTOR_TOTP || !(c->v->suspicion & KM_SUSPECT_CLOCK))
		return KM_OK;
	call_say(c, "the clock is in doubt, so a code made from the time cannot be checked");
	return KM_ESUSPECT;
}

static km_rc check_enrolment(struct call *c, const struct msg_enrol *m)
{
	if (m->factor != KM_FACTOR_TOTP && m->factor != KM_FACTOR_HOTP)
		return KM_EINVAL;
	if (m->algorithm < KM_SHA1 || m->algorithm > KM_SHA512 || m->digits < 6 || m->digits > 8)
		return KM_EINVAL;
	if (m->factor == KM_FACTOR_HOTP && m->algorithm != KM_SHA1) {
		call_say(c, "counter-based codes are SHA-1 only (RFC 4226)");
		return KM_EINVAL;
	}
	if (m->factor == KM_FACTOR_TOTP && (m->period < PERIOD_LEAST || m->period > PERIOD_MOST)) {
		call_say(c, "the period must be %d to %d seconds", PERIOD_LEAST, PERIOD_MOST);
		return KM_EINVAL;
	}
	if (m->secret.len < SEED_LEAST || m->secret.len > SEED_MOST) {
		call_say(c, "the secret must have %d to %d bytes", SEED_LEAST, SEED_MOST);
		return KM_EINVAL;
	}
	if (m->counter > INT64_MAX / 2)
		return KM_EINVAL;
	return m->confirm ? clock_tells(c, m->factor) : KM_OK;
}

static struct km_credential credential_of(const struct msg_enrol *m, const struct km_operator *op)
{
	struct km_credential in = { .factor = m->factor,
				    .algorithm = m->algorithm,
				    .digits = m->digits,
				    .period = m->factor == KM_FACTOR_TOTP ? m->period : 0,
				    .moving = m->factor == KM_FACTOR_HOTP ? m->counter : 0 };

	memcpy(in.subject, op->subject, sizeof in.subject);
	memcpy(in.label, m->label, sizeof in.label);
	return in;
}

/* One secret in two credentials would accept each code twice: once in each. */
static km_rc not_enrolled_yet(struct call *c, const struct km_operator *op,
			      const struct km_secret *seed)
{
	struct km_credential list[KM_MAX_CREDENTIALS];
	size_t count = 0;
	km_rc rc = store_credentials(c->v->store, op->subject, list, &count);

	for (size_t i = 0; rc == KM_OK && i < count; i++) {
		struct km_secret other KM_SECRET = { 0 };

		if (km_factor_class(list[i].factor) != KM_CLASS_DIGITS)
			continue;
		rc = store_seed(c->v->store, op, &list[i], &other);
		if (rc != KM_OK || !km_equal(seed->bytes, seed->len, other.bytes, other.len))
			continue;
		call_say(c, "this secret is credential %llu of this operator",
			 (unsigned long long)list[i].id);
		rc = KM_EEXIST;
	}
	return rc;
}

/* What was stored is good; or it waits, and that a second person agrees is asked for. */
static km_rc stored(struct call *c, const struct km_operator *op, const struct km_credential *in)
{
	const struct activation a = { .credential = c->id };

	return in->waiting ? request_file_activation(c, op, &a) : KM_OK;
}

/* by: an invitation that is used up with it; NULL: none was needed. */
static km_rc store_new(struct call *c, const struct km_operator *op, const struct km_credential *in,
		       const struct km_secret *seed, bool confirmed, const struct km_invitation *by)
{
	struct km_event_record r;
	km_rc rc = not_enrolled_yet(c, op, seed);

	if (rc != KM_OK)
		return rc;

	call_event(c, &r, KM_EVENT_ENROLLED, op);
	event_add(&r, "factor", km_factor_word(in->factor));
	event_add_number(&r, "digits", in->digits);
	event_add(&r, "confirmed", confirmed ? "yes" : "no");
	if (in->waiting)
		event_add(&r, "waiting", "yes");
	if (by) {
		event_add(&r, "invited", "yes");
		rc = store_enrol_invited(c->v->store, op, by, in, seed, &r, &c->id);
	} else
		rc = store_enrol_otp(c->v->store, op, in, seed, &r, &c->id);
	if (rc == KM_OK)
		note_event(c->v, &r);
	if (rc == KM_ELIMIT)
		call_say(c, "an operator has at most %d credentials", KM_MAX_CREDENTIALS);
	return rc == KM_OK ? stored(c, op, in) : rc;
}

/* Keeps the operation until its code has come. */
static km_rc keep(struct call *c, const struct km_operator *op, const struct km_credential *in)
{
	km_rc rc = call_keep(c, op);

	if (rc != KM_OK)
		return rc;
	c->l->pending->credential = *in;
	return call_ask(c, KM_TEXT_PROMPT_CODE);
}

km_rc desk_enrol(struct call *c)
{
	const struct msg_enrol *m = &c->m->enrol;
	struct km_credential in;
	struct km_operator op;
	km_rc rc = check_enrolment(c, m);

	if (rc == KM_OK)
		rc = call_operator(c, m->login, &op);
	if (rc != KM_OK)
		return rc;
	in = credential_of(m, &op);
	/* Somebody enrols their own: a registrar has looked at who they are, and invited them. */
	if (desk_acts_alone(c, &op))
		return desk_invited(c, &op, &in);
	in.waiting = desk_two_persons(c->v);
	if (m->confirm)
		return keep(c, &op, &in);
	return store_new(c, &op, &in, &m->secret, false, NULL);
}

/* The operator may have changed while the code was typed. */
static km_rc read_again(struct call *c, struct pending *p)
{
	km_rc rc = store_operator_by_subject(c->v->store, p->op.subject, &p->op);

	return rc == KM_OK && p->op.state == KM_ERASING ? KM_ESTATE : rc;
}

km_rc desk_enrol_answer(struct call *c)
{
	struct pending *p = c->l->pending;
	const struct msg_enrol *m = &p->asked.enrol;
	struct code_judgement j = { .found = CODE_WRONG };
	km_rc rc;

	if (p->invitation.seconds && !p->bound)
		return desk_invited_answer(c);
	rc = clock_tells(c, m->factor);
	if (rc == KM_OK)
		rc = read_again(c, p);
	if (rc == KM_OK && p->bound)
		rc = desk_invited_still(c);
	if (rc == KM_OK &&
	    km_answer_class(&c->m->answer.secret, KM_SHAPE_DIGITS) == KM_CLASS_DIGITS)
		rc = code_judge(&p->credential, &m->secret, &c->m->answer.secret, c->v->now.wall,
				c->v->conf.hotp.look_ahead, &j);
	if (rc != KM_OK)
		return rc;
	if (j.found != CODE_RIGHT) {
		if (++p->answers < CONFIRM_TRIES)
			return call_ask(c, KM_TEXT_CODE_WRONG);
		call_say(c, "nothing was stored");
		return KM_EBADCODE;
	}
	p->credential.moving = j.moving;
	p->credential.drift = j.drift;
	/* As it is now: the administration may have been founded while the code was typed. */
	p->credential.waiting = !p->bound && desk_two_persons(c->v);
	return store_new(c, &p->op, &p->credential, &m->secret, true,
			 p->bound ? &p->invitation : NULL);
}

km_rc desk_enrol_recovery(struct call *c)
{
	const struct msg_enrol_recovery *m = &c->m->enrol_recovery;
	struct km_credential in = { .factor = KM_FACTOR_RECOVERY,
				    .waiting = desk_two_persons(c->v) };
	struct km_event_record r;
	struct km_operator op;
	km_rc rc;

	if (m->codes.len != KM_RECOVERY_CODES * KM_RECOVERY_LENGTH)
		return KM_EINVAL;
	rc = call_operator(c, m->login, &op);
	if (rc != KM_OK)
		return rc;
	call_event(c, &r, KM_EVENT_ENROLLED, &op);
	event_add(&r, "factor", km_factor_word(in.factor));
	if (in.waiting)
		event_add(&r, "waiting", "yes");
	rc = store_enrol_recovery(c->v->store, &op, &m->codes, in.waiting, &r, &c->id);
	if (rc != KM_OK)
		return rc;
	note_event(c->v, &r);
	return stored(c, &op, &in);
}

static km_rc put_credential(struct call *c, const struct km_operator *op,
			    const struct km_credential *credential)
{
	struct km_msg m = { .number = KM_MSG_CREDENTIAL_ROW };
	struct msg_credential_row *row = &m.credential_row;
	const struct km_conf_lockout *lockout =
	    credential->factor == KM_FACTOR_FINGERPRINT ? &finger_lockout : &c->v->conf.lockout;

	row->id = credential->id;
	row->factor = credential->factor;
	memcpy(row->label, credential->label, sizeof row->label);
	row->created = credential->created;
	row->last_used = credential->last_used;
	row->algorithm = credential->algorithm;
	row->digits = credential->digits;
	row->period = credential->period;
	row->drift = credential->drift;
	row->fails = credential->throttle.fails;
	row->wait = lockout_wait(lockout, &credential->throttle, c->v->now.wall);
	row->waiting = credential->waiting;
	row->until = credential->until;
	if (km_factor_class(credential->factor) == KM_CLASS_RECOVERY) {
		km_rc rc = store_recovery_left(c->v->store, credential->id, &row->left);

		if (rc != KM_OK)
			return rc;
	}
	if (km_factor_class(credential->factor) == KM_CLASS_PHONE) {
		km_rc rc = desk_number_mask(c, op, credential, row->number);

		/* As below. */
		if (rc != KM_OK && rc != KM_ECORRUPT)
			return rc;
	}
	if (credential->factor == KM_FACTOR_FINGERPRINT) {
		km_rc rc = store_finger_reader(c->v->store, credential->id, row->reader);

		/* Without its template it is useless, and must be seen to be removed. */
		if (rc != KM_OK && rc != KM_ENOTFOUND)
			return rc;
	}
	return call_put(c, &m);
}

km_rc desk_credential_list(struct call *c)
{
	struct km_credential list[KM_MAX_CREDENTIALS];
	struct km_operator op;
	size_t count = 0;
	km_rc rc = call_operator(c, c->m->credential_list.login, &op);

	if (rc == KM_OK)
		rc = store_credentials(c->v->store, op.subject, list, &count);
	for (size_t i = 0; rc == KM_OK && i < count; i++)
		rc = put_credential(c, &op, &list[i]);
	c->id = count;
	return rc;
}

static km_rc find_in(struct call *c, const struct km_credential *list, size_t count, uint64_t id,
		     struct km_credential *out)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].id != id)
			continue;
		*out = list[i];
		return KM_OK;
	}
	call_say(c, "this operator has no credential %llu", (unsigned long long)id);
	return KM_ENOTFOUND;
}

km_rc desk_credential(struct call *c, const struct km_operator *op, uint64_t id,
		      struct km_credential *out)
{
	struct km_credential list[KM_MAX_CREDENTIALS];
	size_t count = 0;
	km_rc rc = store_credentials(c->v->store, op->subject, list, &count);

	return rc == KM_OK ? find_in(c, list, count, id, out) : rc;
}

/* At any place, whatever else is out of order: not a finger, nor a code that must be sent first. */
static bool is_typed(const struct km_credential *c)
{
	const enum km_class class = km_factor_class(c->factor);

	return class == KM_CLASS_DIGITS || class == KM_CLASS_RECOVERY;
}

km_rc desk_has_code(struct call *c, const struct km_credential *list, size_t count,
		    uint64_t other_than, bool *has)
{
	km_rc rc = KM_OK;

	*has = false;
	for (size_t i = 0; rc == KM_OK && !*has && i < count; i++) {
		uint16_t left = 1;

		if (list[i].id == other_than || list[i].until || !is_typed(&list[i]) ||
		    !gate_is_good(&list[i], c->v->now.wall))
			continue;
		if (list[i].factor == KM_FACTOR_RECOVERY)
			rc = store_recovery_left(c->v->store, list[i].id, &left);
		*has = rc == KM_OK && left > 0;
	}
	return rc;
}

/* Beside a finger there is always a code: readers break, and fingers do. */
static km_rc code_is_left(struct call *c, const struct km_credential *list, size_t count,
			  const struct km_credential *gone)
{
	bool finger = false, code = false;
	km_rc rc;

	if (!is_typed(gone))
		return KM_OK;
	for (size_t i = 0; i < count; i++)
		finger |= list[i].factor == KM_FACTOR_FINGERPRINT;
	if (!finger)
		return KM_OK;
	rc = desk_has_code(c, list, count, gone->id, &code);
	if (rc != KM_OK || code)
		return rc;
	call_say(c, "a finger without a code beside it would be left: enrol another code first, "
		    "or remove the fingers first");
	return KM_ESTATE;
}

km_rc desk_credential_remove(struct call *c)
{
	const struct msg_credential_remove *m = &c->m->credential_remove;
	struct km_credential list[KM_MAX_CREDENTIALS], credential;
	struct phone_change change PHONE_CHANGE = { .of = 0 };
	struct km_event_record r;
	struct km_operator op;
	size_t count = 0;
	km_rc rc = call_operator(c, m->login, &op);

	if (rc == KM_OK)
		rc = store_credentials(c->v->store, op.subject, list, &count);
	if (rc == KM_OK)
		rc = find_in(c, list, count, m->id, &credential);
	if (rc == KM_OK)
		rc = code_is_left(c, list, count, &credential);
	if (rc == KM_OK)
		rc = desk_phone_leaves(c, &op, &credential, &change);
	if (rc != KM_OK)
		return rc;
	call_event(c, &r, KM_EVENT_CREDENTIAL_REMOVED, &op);
	event_add(&r, "factor", km_factor_word(credential.factor));
	if (credential.factor == KM_FACTOR_FINGERPRINT)
		event_add(&r, "finger", credential.label);
	event_add_number(&r, "credential", (int64_t)m->id);
	rc = store_credential_remove(c->v->store, op.subject, m->id, &r);
	if (rc != KM_OK)
		return rc;
	note_event(c->v, &r);
	grants_end_with(c->v, m->id);
	c->id = m->id;
	if (count == 1)
		call_say(
		    c,
		    "this was the last factor: the operator is refused until another is enrolled");
	rc = desk_phone_gone(c, &op, &change);
	if (rc != KM_OK)
		store_give_up(c->v->store); /* nothing of this round, rather than half of it */
	return rc;
}

/* Not before the second person has agreed to it; nor does it open again what wrong codes shut. */
static km_rc resyncable(struct call *c, const struct km_credential *credential)
{
	uint32_t wait = lockout_wait(&c->v->conf.lockout, &credential->throttle, c->v->now.wall);

	if (credential->waiting)
		call_say(c, "it waits for a second person's approval");
	else if (wait == LOCKOUT_FOR_GOOD)
		call_say(c, "it was disabled by wrong codes: it must be unlocked first");
	else
		return clock_tells(c, credential->factor);
	return KM_ESTATE;
}

km_rc desk_resync(struct call *c)
{
	const struct msg_resync *m = &c->m->resync;
	struct km_credential credential;
	struct km_operator op;
	km_rc rc = call_operator(c, m->login, &op);

	if (rc == KM_OK)
		rc = desk_credential(c, &op, m->id, &credential);
	if (rc != KM_OK)
		return rc;
	if (km_factor_class(credential.factor) != KM_CLASS_DIGITS) {
		call_say(c, "only one-time codes can be resynchronised");
		return KM_EINVAL;
	}
	rc = resyncable(c, &credential);
	return rc == KM_OK ? keep(c, &op, &credential) : rc;
}

static km_rc accept_resync(struct call *c, struct pending *p, const struct code_judgement *j)
{
	struct km_acceptance a = { .credential = p->credential.id,
				   .moving = j->moving,
				   .drift = j->drift,
				   .bind_uid = -1 };
	struct km_event_record r;
	km_rc rc;

	memcpy(a.subject, p->op.subject, sizeof a.subject);
	call_event(c, &r, KM_EVENT_RESYNCED, &p->op);
	event_add_number(&r, "credential", (int64_t)p->credential.id);
	a.event = &r;
	rc = store_accept(c->v->store, &a);
	if (rc == KM_OK)
		note_event(c->v, &r);
	c->id = p->credential.id;
	return rc;
}

km_rc desk_resync_answer(struct call *c)
{
	struct km_secret seed KM_SECRET = { 0 };
	struct pending *p = c->l->pending;
	struct code_judgement j = { .found = CODE_WRONG };
	km_rc rc;

	if (km_answer_class(&c->m->answer.secret, KM_SHAPE_DIGITS) != KM_CLASS_DIGITS)
		return KM_EBADCODE;
	if (p->answers++ == 0) {
		p->first = c->m->answer.secret;
		return call_ask(c, KM_TEXT_PROMPT_CODE_NEXT);
	}
	rc = read_again(c, p);
	if (rc == KM_OK)
		rc = desk_credential(c, &p->op, p->credential.id, &p->credential);
	if (rc == KM_OK)
		rc = resyncable(c, &p->credential);
	if (rc == KM_OK)
		rc = store_seed(c->v->store, &p->op, &p->credential, &seed);
	if (rc == KM_OK)
		rc = code_resync(&p->credential, &seed, &p->first, &c->m->answer.secret,
				 c->v->now.wall, &j);
	if (rc != KM_OK)
		return rc;
	if (j.found != CODE_RIGHT) {
		call_say(c, "these are not two codes in a row that this token makes now");
		return KM_EBADCODE;
	}
	return accept_resync(c, p, &j);
}
