/* One-time codes: ask, hand the answer to the vault, and ask again while it says so. */
#include <stdio.h>

#include "../judge.h"

static bool ask(struct judge *j, struct judge_session *s)
{
	const struct km_slot *slot = &s->slots.slot[s->at];
	bool digits = (slot->shape & KM_SHAPE_DIGITS) != 0;
	enum km_text text = (slot->shape & KM_SHAPE_TOUCH) != 0 ? KM_TEXT_PROMPT_TOUCH
			    : digits                            ? KM_TEXT_PROMPT_CODE
								: KM_TEXT_PROMPT_RECOVERY;
	struct km_msg m = { .number = KM_MSG_PROMPT };

	snprintf(m.prompt.text, sizeof(m.prompt.text), "%s", km_text(text, s->lang));
	/* Digits are worthless once used, and whoever cannot see hears what was typed. */
	m.prompt.echo = digits;
	m.prompt.shape = slot->shape;
	return judge_session_tell(j, s, &m);
}

km_rc judge_codes_ask(struct judge *j, struct judge_session *s)
{
	if (!ask(j, s))
		return KM_ECLOSED;
	s->phase = KM_PHASE_ASKED;
	return KM_OK;
}

static km_rc codes_begin(struct judge *j, struct judge_session *s, const struct km_msg *plan)
{
	(void)plan;
	return ask(j, s) ? KM_OK : KM_ECLOSED;
}

km_rc judge_codes_check(struct judge *j, struct judge_session *s, const struct km_msg *answer)
{
	struct km_msg *m = &j->frame->out;
	bool passed;

	m->number = KM_MSG_CHECK;
	m->session = s->id;
	m->check.step = s->slots.slot[s->at].step;
	m->check.secret = answer->answer.secret;
	passed = judge_session_pass(j, s, m, -1);
	km_msg_wipe(m);
	return passed ? KM_OK : KM_ECLOSED;
}

static km_rc codes_again(struct judge *j, struct judge_session *s, const struct km_msg *verdict)
{
	struct km_msg m = { .number = KM_MSG_INFO };

	if (verdict->verdict.verdict == KM_VERDICT_NEXT)
		return ask(j, s) ? KM_OK : KM_ECLOSED;
	/* One text, whatever the vault's reason: it is the same for names that do not exist. */
	snprintf(m.info.text, sizeof(m.info.text), "%s", km_text(KM_TEXT_CODE_WRONG, s->lang));
	m.info.error = 1;
	return judge_session_tell(j, s, &m) && ask(j, s) ? KM_OK : KM_ECLOSED;
}

static const struct judge_step rows[] = {
	{ KM_PHASE_OPENING, KM_MSG_PLAN, codes_begin, KM_PHASE_ASKED },
	{ KM_PHASE_ASKED, KM_MSG_ANSWER, judge_codes_check, KM_PHASE_WORKING | KM_PHASE_CHECKING },
	{ KM_PHASE_CHECKING, KM_MSG_VERDICT, codes_again, KM_PHASE_ASKED },
};

const struct judge_steps judge_codes_steps = { rows, sizeof(rows) / sizeof(rows[0]) };
