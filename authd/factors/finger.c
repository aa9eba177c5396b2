/*
 * A finger, or a code: Enter alone asks for a grant, and the sensor captures for
 * it; the finding goes from the matcher to the vault, which answers each GRANT
 * with one VERDICT. Whatever else is typed is a code.
 *
 * Only a finger that did not match uses up a try. What says nothing about the
 * person (a poor image, no reader, a locked finger) does not, but there is an end
 * to it: then only codes are asked for.
 */
#include <stdio.h>

#include <kenmon/clock.h>
#include <kenmon/log.h>

#include "../judge.h"

#define UNCOUNTED_MAX 5 /* of these in one login: more tells nobody anything new */
#define WORKING       (KM_PHASE_WORKING | KM_PHASE_CHECKING)

/* What uses up no try. All else does, and a finger is offered again. */
static const struct answer_to {
	uint8_t reason;
	bool touch_stays; /* a finger is offered again */
} answers[] = {
	{ KM_REASON_FINGER_POOR, true },      { KM_REASON_FINGER_LOCKED, false },
	{ KM_REASON_FINGER_DISABLED, false }, { KM_REASON_FINGER_ELSEWHERE, true },
	{ KM_REASON_FINGER_NONE, false }, /* but for a touch that did not come in time */
};

static const struct answer_to *answer_to(unsigned reason)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (answers[i].reason == reason)
			return &answers[i];
	return NULL;
}

/* --- asking ------------------------------------------------------------------------ */

static bool want_grant(struct judge *j, struct judge_session *s)
{
	struct km_msg m = { .number = KM_MSG_GRANT, .session = s->id };

	m.grant.step = s->slots.slot[s->at].step;
	s->finger.wanted = true;
	s->finger.granted = false;
	s->finger.event = KM_SENSOR_NONE;
	if (!judge_session_pass(j, s, &m, -1))
		return false;
	s->phase = WORKING;
	return true;
}

/* The slot's turn has come. */
static km_rc finger_begin(struct judge *j, struct judge_session *s, const struct km_msg *plan)
{
	uint32_t id = s->id;

	(void)plan;
	if (!s->finger_first)
		return judge_codes_ask(j, s);
	/* Nothing is asked, and the next word may be the vault's ALLOW: WELCOME goes before. */
	judge_session_waits(j, s);
	return judge_session_find(j, id) && want_grant(j, s) ? KM_OK : KM_ECLOSED;
}

static km_rc finger_answer(struct judge *j, struct judge_session *s, const struct km_msg *answer)
{
	km_rc rc;

	if (answer->answer.secret.len == 0)
		return want_grant(j, s) ? KM_OK : KM_ECLOSED;
	if (judge_phone_is_asked(s, &answer->answer.secret))
		return judge_phone_send(j, s);
	rc = judge_codes_check(j, s, answer);
	if (rc == KM_OK)
		s->phase = WORKING;
	return rc;
}

/* --- capturing ------------------------------------------------------------------------ */

static bool take_back(struct judge *j, struct judge_session *s, unsigned event)
{
	struct km_msg m = { .number = KM_MSG_REVOKE, .session = s->id };

	s->finger.event = (uint8_t)event;
	m.revoke.event = (uint8_t)event;
	return judge_session_pass(j, s, &m, -1);
}

static km_rc finger_granted(struct judge *j, struct judge_session *s, const struct km_msg *m)
{
	/* Half of the login's time, so that a code can still be typed. */
	unsigned most = s->deadline_s / 2, seconds = m->granted.seconds;
	km_rc rc;

	if (!s->finger.wanted || s->finger.granted)
		return KM_EPROTO;
	s->finger.granted = true;
	rc = judge_capture_begin(j, m->granted.grant, s->id, 1, seconds < most ? seconds : most);
	if (rc == KM_OK || rc == KM_EPROTO)
		return rc;
	return take_back(j, s, KM_SENSOR_FAILED) ? KM_OK : KM_ECLOSED;
}

/* A reader that stutters must not flood a screen. */
static bool may_say(struct judge_session *s, struct judge_capture *c)
{
	int64_t seconds = (km_boot_ms() - c->started_ms) / 1000;

	if (s->said >= JUDGE_SAID_MOST ||
	    c->said >= JUDGE_SAID_AT_ONCE + JUDGE_SAID_A_SECOND * seconds)
		return false;
	c->said++;
	s->said++;
	return true;
}

static void say(struct judge *j, struct judge_session *s, enum km_text text)
{
	struct km_msg m = { .number = KM_MSG_INFO };

	snprintf(m.info.text, sizeof(m.info.text), "%s", km_text(text, s->lang));
	if (!judge_session_tell(j, s, &m))
		km_log(LOG_DEBUG, "a client went while its finger was waited for");
}

void judge_finger_event(struct judge *j, struct judge_session *s, struct judge_capture *c,
			unsigned event)
{
	enum km_text text = km_sensor_event_text(event);

	if (!km_sensor_event_ends(event)) {
		if (text != KM_TEXT_NOTHING && may_say(s, c))
			say(j, s, text);
		return;
	}
	/* Of an image that was taken a finding comes, whatever became of the reader. In all other
	 * cases the verdict brings the words. */
	if (!c->taken && !take_back(j, s, event))
		km_log(LOG_DEBUG, "a login ended with the vault while its finger was waited for");
}

/* --- the verdict ------------------------------------------------------------------------- */

bool judge_finger_counts(struct judge *j, struct judge_session *s, unsigned reason)
{
	judge_captures_of_session_stop(j, s->id);
	return !s->finger.wanted || !answer_to(reason);
}

/* Only codes from now on, in every slot of this login. */
static void offer_no_finger(struct judge_session *s)
{
	for (unsigned i = 0; i < s->slots.count; i++)
		s->slots.slot[i].shape &= (uint16_t)~KM_SHAPE_TOUCH;
}

static bool say_why(struct judge *j, struct judge_session *s, const struct msg_verdict *v)
{
	/* What says something about the person has one text for all reasons, as in codes.c. */
	enum km_text text = s->finger.wanted ? KM_TEXT_FINGER_WRONG : judge_codes_wrong(v->reason);
	enum km_text event = km_sensor_event_text(s->finger.event);
	struct km_msg m = { .number = KM_MSG_INFO };

	if (s->finger.wanted && answer_to(v->reason))
		text = km_reason_text(v->reason);
	if (s->finger.wanted && v->reason == KM_REASON_FINGER_NONE && s->finger.event &&
	    event != KM_TEXT_NOTHING)
		text = event;
	km_text_number(text, s->lang, v->wait, m.info.text, sizeof(m.info.text));
	m.info.error = 1;
	return judge_session_tell(j, s, &m);
}

static km_rc finger_again(struct judge *j, struct judge_session *s, const struct km_msg *m)
{
	const struct msg_verdict *v = &m->verdict;
	const struct answer_to *a = s->finger.wanted ? answer_to(v->reason) : NULL;
	bool too_late = v->reason == KM_REASON_FINGER_NONE && s->finger.event == KM_SENSOR_TIMEOUT;

	if (v->verdict == KM_VERDICT_NEXT)
		return finger_begin(j, s, m);
	if (!say_why(j, s, v))
		return KM_ECLOSED;
	s->finger.wanted = false;
	if (a)
		s->finger.uncounted++;
	if ((a && !a->touch_stays && !too_late) || s->finger.uncounted >= UNCOUNTED_MAX)
		offer_no_finger(s);
	return judge_codes_ask(j, s);
}

/* Each sets the phase that comes next itself. */
static const struct judge_step rows[] = {
	{ KM_PHASE_OPENING, KM_MSG_PLAN, finger_begin, 0 },
	{ KM_PHASE_ASKED, KM_MSG_ANSWER, finger_answer, 0 },
	{ KM_PHASE_CHECKING, KM_MSG_GRANTED, finger_granted, 0 },
	{ KM_PHASE_CHECKING, KM_MSG_VERDICT, finger_again, 0 },
};

const struct judge_steps judge_finger_steps = { rows, sizeof(rows) / sizeof(rows[0]) };
