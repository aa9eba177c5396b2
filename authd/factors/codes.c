/* One-time codes: ask, hand the answer to the vault, and ask again while it says so. */
#include <stdio.h>

#include <kenmon/order.h>

#include "../judge.h"

/* What the prompt says, by what can be done there: the first row of which everything is so. */
static const struct {
	unsigned shape; /* all of these bits are in the slot's */
	uint8_t sent;   /* the order on its way is of this kind; 0: whatever there is */
	enum km_text text;
} prompts[] = {
	{ KM_SHAPE_PHONE | KM_SHAPE_TOUCH, KM_ORDER_MESSAGE, KM_TEXT_PROMPT_SENT_TOUCH },
	{ KM_SHAPE_PHONE | KM_SHAPE_TOUCH, KM_ORDER_SPOKEN, KM_TEXT_PROMPT_SPOKEN_TOUCH },
	{ KM_SHAPE_PHONE | KM_SHAPE_TOUCH, 0, KM_TEXT_PROMPT_TOUCH_PHONE },
	{ KM_SHAPE_PHONE, KM_ORDER_MESSAGE, KM_TEXT_PROMPT_SENT },
	{ KM_SHAPE_PHONE, KM_ORDER_SPOKEN, KM_TEXT_PROMPT_SPOKEN },
	{ KM_SHAPE_PHONE, 0, KM_TEXT_PROMPT_PHONE },
	{ KM_SHAPE_TOUCH, 0, KM_TEXT_PROMPT_TOUCH },
};

static enum km_text prompt_of(const struct judge_session *s, unsigned shape)
{
	for (size_t i = 0; i < sizeof(prompts) / sizeof(prompts[0]); i++)
		if ((shape & prompts[i].shape) == prompts[i].shape &&
		    (prompts[i].sent == 0 || prompts[i].sent == s->phone.kind))
			return prompts[i].text;
	return (shape & KM_SHAPE_CODE) != 0 ? KM_TEXT_PROMPT_CODE : KM_TEXT_PROMPT_RECOVERY;
}

static bool ask(struct judge *j, struct judge_session *s)
{
	unsigned shape = s->slots.slot[s->at].shape;
	struct km_msg m = { .number = KM_MSG_PROMPT };

	if (!judge_phone_say_unsaid(j, s))
		return false;
	snprintf(m.prompt.text, sizeof(m.prompt.text), "%s", km_text(prompt_of(s, shape), s->lang));
	/* Digits are worthless once used, and whoever cannot see hears what was typed. */
	m.prompt.echo = (shape & KM_SHAPE_CODE) != 0;
	m.prompt.shape = (uint16_t)shape;
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

/*
 * One text, whatever the vault's reason: it is the same for names that do not exist. Too old is
 * said to whoever typed what had been sent, and to nobody else.
 */
enum km_text judge_codes_wrong(unsigned reason)
{
	return reason == KM_REASON_PHONE_LATE ? KM_TEXT_CODE_LATE : KM_TEXT_CODE_WRONG;
}

static km_rc codes_again(struct judge *j, struct judge_session *s, const struct km_msg *verdict)
{
	struct km_msg m = { .number = KM_MSG_INFO };

	if (verdict->verdict.verdict == KM_VERDICT_NEXT)
		return ask(j, s) ? KM_OK : KM_ECLOSED;
	snprintf(m.info.text, sizeof(m.info.text), "%s",
		 km_text(judge_codes_wrong(verdict->verdict.reason), s->lang));
	m.info.error = 1;
	return judge_session_tell(j, s, &m) && ask(j, s) ? KM_OK : KM_ECLOSED;
}

static const struct judge_step rows[] = {
	{ KM_PHASE_OPENING, KM_MSG_PLAN, codes_begin, KM_PHASE_ASKED },
	{ KM_PHASE_ASKED, KM_MSG_ANSWER, judge_codes_check, KM_PHASE_WORKING | KM_PHASE_CHECKING },
	{ KM_PHASE_CHECKING, KM_MSG_VERDICT, codes_again, KM_PHASE_ASKED },
};

const struct judge_steps judge_codes_steps = { rows, sizeof(rows) / sizeof(rows[0]) };
