/*
 * A bypass: one code, good once and for some hours, for somebody whose hand is
 * bandaged or whose phone lies at home. It opens what any code opens, so two
 * persons give it, the trail and the journal are loud, and it goes by itself.
 */
#include <stdio.h>
#include <string.h>

#include <kenmon/factor.h>
#include <kenmon/log.h>
#include <kenmon/store_request.h>

#include "desk.h"
#include "gate.h"

#define LONGEST 86400 /* seconds from when it is asked for */

static km_rc check_bypass(struct call *c, const struct msg_bypass *m)
{
	if (m->code.len != KM_RECOVERY_LENGTH)
		return KM_EINVAL;
	if (!m->reason[0]) {
		call_say(c, "a bypass needs a reason");
		return KM_EINVAL;
	}
	if (m->until <= c->v->now.wall || m->until > c->v->now.wall + LONGEST) {
		call_say(c, "a bypass ends within 24 hours from now");
		return KM_EINVAL;
	}
	/* When it ends nobody could say. */
	return c->v->suspicion & KM_SUSPECT_CLOCK ? KM_ESUSPECT : KM_OK;
}

static km_rc give(struct call *c, const struct km_operator *op, const struct msg_bypass *m)
{
	bool waiting = desk_two_persons(c->v);
	struct km_event_record e;
	uint64_t id = 0;
	km_rc rc;

	call_event(c, &e, waiting ? KM_EVENT_ENROLLED : KM_EVENT_BYPASS_GIVEN, op);
	event_add(&e, "factor", km_factor_word(KM_FACTOR_BYPASS));
	event_add_number(&e, "until", m->until);
	if (waiting)
		event_add(&e, "waiting", "yes");
	event_add(&e, EVENT_FREE_TEXT, m->reason);
	rc = store_enrol_bypass(c->v->store, op, &m->code, m->until, waiting, &e, &id);
	if (rc != KM_OK)
		return rc;
	note_event(c->v, &e);
	c->id = id;
	return waiting ? request_file_activation(
			     c, op, &(struct activation){ .credential = id, .reason = m->reason })
		       : KM_OK;
}

km_rc desk_bypass(struct call *c)
{
	const struct msg_bypass *m = &c->m->bypass;
	struct km_operator op;
	km_rc rc = check_bypass(c, m);

	if (rc == KM_OK)
		rc = call_operator(c, m->login, &op);
	if (rc != KM_OK)
		return rc;
	if (op.state != KM_ACTIVE) {
		call_say(c, "the operator is %s: no code opens anything", km_state_word(op.state));
		return KM_ESTATE;
	}
	return give(c, &op, m);
}

/* --- while there is one --------------------------------------------------------------------- */

static km_rc put_open(struct call *c, const struct km_credential *open)
{
	struct km_person who = { 0 };
	char until[CALL_TIME];
	struct km_operator op;
	km_rc rc = store_operator_by_subject(c->v->store, open->subject, &op);

	if (rc == KM_OK)
		rc = store_person(c->v->store, &op, &who);
	if (rc == KM_OK)
		rc = call_status(c, true, "bypass", "%s may log in with it until %s", who.login,
				 call_time(open->until, until));
	km_wipe(&who, sizeof who);
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

km_rc desk_bypass_rows(struct call *c)
{
	struct km_credential open = { 0 };
	km_rc rc;

	while ((rc = store_credential_ending(c->v->store, open.id, &open)) == KM_OK) {
		if (open.last_used == 0 && gate_is_good(&open, c->v->now.wall))
			rc = put_open(c, &open);
		if (rc != KM_OK)
			return rc;
	}
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

/* --- its end -----------------------------------------------------------------------------------
 */

static bool is_over(const struct vault *v, const struct km_credential *c)
{
	return c->until < v->now.wall || (c->factor == KM_FACTOR_BYPASS && c->last_used > 0);
}

static km_rc drop(struct vault *v, const struct km_credential *c)
{
	struct km_event_record e;
	km_rc rc;

	event_make(&e, KM_EVENT_CREDENTIAL_REMOVED, c->subject, "vault");
	event_add(&e, "factor", km_factor_word(c->factor));
	event_add_number(&e, "credential", (int64_t)c->id);
	event_add(&e, "reason", c->last_used > 0 ? "used" : "expired");
	rc = store_credential_remove(v->store, c->subject, c->id, &e);
	if (rc == KM_OK)
		note_event(v, &e);
	return rc;
}

km_rc bypass_tend(struct vault *v)
{
	struct km_credential c = { 0 };
	km_rc rc;

	while ((rc = store_credential_ending(v->store, c.id, &c)) == KM_OK) {
		if (is_over(v, &c))
			rc = drop(v, &c);
		if (rc != KM_OK)
			return rc;
	}
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}
