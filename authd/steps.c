/* The steps of one login, from the plan to the verdict: each slot's factor says what comes next. */
#include "judge.h"

#define OTHERS ((unsigned)KM_SHAPE_TOUCH | KM_SHAPE_PHONE) /* than what is typed */

/* A factor whose answers are no codes brings a table. */
static const struct judge_steps *steps_of(const struct judge_session *s)
{
	unsigned shape = s->slots.slot[s->at].shape;

	if (judge_phone_has_turn(s))
		return &judge_phone_steps;
	if (shape & KM_SHAPE_TOUCH)
		return &judge_finger_steps;
	return shape & KM_SHAPE_PHONE ? &judge_phone_steps : &judge_codes_steps;
}

km_rc judge_step(struct judge *j, struct judge_session *s, const struct km_msg *m)
{
	const struct judge_steps *steps = steps_of(s);

	for (size_t i = 0; i < steps->count; i++) {
		const struct judge_step *step = &steps->row[i];
		km_rc rc;

		if (step->message != m->number || !(step->phase & s->phase))
			continue;
		rc = step->act(j, s, m);
		if (rc == KM_OK && step->next != 0)
			s->phase = step->next;
		return rc;
	}
	return KM_EPROTO;
}

km_rc judge_step_plan(struct judge *j, struct judge_session *s, const struct km_msg *m)
{
	if (s->kind != KM_REQUEST_AUTHENTICATE || m->plan.slots.count == 0)
		return KM_EPROTO;
	/* Beside a finger there is always a code (common/conf_value.c), and what was sent is one.
	 */
	for (unsigned i = 0; i < m->plan.slots.count; i++)
		if (!(m->plan.slots.slot[i].shape & ~OTHERS) &&
		    (m->plan.slots.slot[i].shape & OTHERS))
			return KM_EPROTO;
	j->link.plans = true;
	s->slots = m->plan.slots;
	s->at = 0;
	return judge_step(j, s, m);
}

/*
 * '*' was pressed in a call that reads a code, whenever that was: no login. Nothing else is decided
 * while the person is asked, and ALLOW least of all.
 */
static bool is_end_by_phone(const struct judge_session *s, unsigned verdict)
{
	return s->phone.ordered && verdict != KM_VERDICT_ALLOW;
}

/* Each slot is a step that must be passed; the vault says when, and keeps count of it too. */
km_rc judge_step_verdict(struct judge *j, struct judge_session *s, const struct km_msg *m)
{
	bool next = m->verdict.verdict == KM_VERDICT_NEXT, counts;

	if (m->verdict.verdict != KM_VERDICT_RETRY && !next) {
		if ((s->phase & KM_PHASE_ASKED) && !is_end_by_phone(s, m->verdict.verdict))
			return KM_EPROTO;
		/* The vault has written RESULT already, or refuses to say anything. */
		if (s->kind == KM_REQUEST_AUTHENTICATE && (s->phase & KM_PHASE_OPENING))
			j->link.plans = false;
		judge_session_over(j, s);
		return KM_OK;
	}
	if (!(s->phase & KM_PHASE_CHECKING) || (next && s->at + 1 >= s->slots.count))
		return KM_EPROTO;
	/* Nobody has answered anything yet. */
	if (s->phone.awaited || (s->phone.wanted && next))
		return KM_EPROTO;
	counts = judge_finger_counts(j, s, m->verdict.reason) &&
		 judge_phone_counts(s, m->verdict.reason);
	if (next) {
		judge_phone_passed(j, s);
		s->finger.wanted = false;
		s->at++;
	} else if (counts && ++s->used >= s->tries) {
		judge_session_refuse(j, s, KM_REASON_TRIES);
		return KM_OK;
	}
	return judge_step(j, s, m);
}
