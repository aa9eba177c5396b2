/* The course of an answered call: questions, keys, the code, a goodbye. */
#include <string.h>

#include "sip_script.h"

#define ROUNDS 3

#define PAUSE_BEGIN VOICE_FRAMES(800)  /* a telephone is at the ear only after a moment */
#define PAUSE_KEYS  VOICE_FRAMES(8000) /* after a question, and after each key */
#define PAUSE_DIGIT VOICE_FRAMES(600)
#define PAUSE_GROUP VOICE_FRAMES(1200) /* after every third digit */
#define PAUSE_TWICE VOICE_FRAMES(1500)
#define PAUSE_END   VOICE_FRAMES(300)

static void clear(struct voice_script *s, enum voice_part part)
{
	s->part = part;
	s->steps = s->at = 0;
	s->played = 0;
}

static void add(struct voice_script *s, enum voice_sound sound, unsigned frames)
{
	if (s->steps < VOICE_STEPS)
		s->step[s->steps++] = (struct voice_step){ (uint8_t)sound, (uint16_t)frames };
}

/* --- lists ------------------------------------------------------------------------------- */

static void ask(struct voice_script *s, unsigned before)
{
	static const uint8_t question[] = {
		[KM_ORDER_KEYPAD] = VOICE_ASK_KEYPAD,
		[KM_ORDER_SPOKEN] = VOICE_ASK_SPOKEN,
		[KM_ORDER_CONFIRM] = VOICE_ASK_CONFIRM,
		[KM_ORDER_CALL_TEST] = VOICE_TEST,
	};

	clear(s, VOICE_ASKING);
	s->round++;
	s->count = 0;
	memset(s->key, 0, sizeof(s->key));
	add(s, VOICE_SILENCE, before);
	add(s, question[s->kind], 0);
	add(s, VOICE_SILENCE, PAUSE_KEYS);
}

static void wait_for_more(struct voice_script *s)
{
	clear(s, VOICE_ASKING);
	add(s, VOICE_SILENCE, PAUSE_KEYS);
}

static void add_digits(struct voice_script *s)
{
	for (unsigned i = 0; i < s->digits; i++) {
		add(s, (enum voice_sound)(VOICE_DIGIT_0 + (s->digit[i] - '0')), 0);
		add(s, VOICE_SILENCE, i % 3 == 2 ? PAUSE_GROUP : PAUSE_DIGIT);
	}
}

static void read_code(struct voice_script *s, enum voice_sound before)
{
	clear(s, VOICE_READING);
	add(s, before, 0);
	add(s, VOICE_SILENCE, PAUSE_DIGIT);
	add_digits(s);
	add(s, VOICE_SILENCE, PAUSE_TWICE);
}

/* There is no secret in it: a mailbox may have it, and no key is waited for. */
static void read_notice(struct voice_script *s, unsigned before)
{
	clear(s, VOICE_READING);
	add(s, VOICE_SILENCE, before);
	add(s, VOICE_NOTICE, 0);
	add(s, VOICE_SILENCE, PAUSE_TWICE);
}

static void say_goodbye(struct voice_script *s, enum voice_outcome outcome, enum voice_sound sound)
{
	s->outcome = outcome;
	clear(s, VOICE_GOODBYE);
	add(s, VOICE_SILENCE, PAUSE_END);
	add(s, sound, 0);
	add(s, VOICE_SILENCE, PAUSE_END);
}

/* --- what follows ------------------------------------------------------------------------ */

static void ask_again(struct voice_script *s)
{
	if (s->round < ROUNDS)
		ask(s, 0);
	else
		say_goodbye(s, VOICE_MUTE, VOICE_NO_KEY);
}

static void go_on(struct voice_script *s)
{
	switch (s->part) {
	case VOICE_ASKING:
		ask_again(s);
		break;
	case VOICE_READING:
		if (s->read_once)
			say_goodbye(s, VOICE_READ, VOICE_THANKS);
		else if (s->kind == KM_ORDER_CALL_NOTICE)
			read_notice(s, 0);
		else
			read_code(s, VOICE_AGAIN);
		s->read_once = true;
		break;
	case VOICE_GOODBYE:
	case VOICE_OVER:
		clear(s, VOICE_OVER);
		break;
	}
}

/* '#' */
static void enter(struct voice_script *s)
{
	if (s->kind == KM_ORDER_SPOKEN)
		read_code(s, VOICE_CODE);
	else if (s->kind == KM_ORDER_CALL_TEST)
		say_goodbye(s, VOICE_READ, VOICE_THANKS);
	else if (s->kind == KM_ORDER_CONFIRM || s->count > 0)
		say_goodbye(s, VOICE_KEYED, VOICE_THANKS);
	else
		ask_again(s); /* before any digit: the question was not heard */
}

static void digit(struct voice_script *s, char key)
{
	if (s->kind != KM_ORDER_KEYPAD)
		return;
	if (s->count < KM_ORDER_KEYS)
		s->key[s->count++] = key;
	wait_for_more(s);
}

void voice_script_key(struct voice_script *s, char key)
{
	if (s->outcome != VOICE_NOTHING || s->part == VOICE_OVER)
		return;
	if (key == '*' && km_order_is_of_login(s->kind))
		say_goodbye(s, VOICE_STAR, VOICE_NOT_ME);
	else if (s->part != VOICE_ASKING)
		return;
	else if (key == '#')
		enter(s);
	else if (key >= '0' && key <= '9')
		digit(s, key);
}

/* --- frames ------------------------------------------------------------------------------ */

static const struct voice_samples *samples_of(const struct voice_script *s,
					      const struct voice_sounds *sounds,
					      const struct voice_step *step)
{
	return step->sound < VOICE_SOUNDS ? &sounds->sound[s->lang][step->sound] : NULL;
}

/* Copies what is left of this step, up to a frame. True: the step has ended. */
static bool play(struct voice_script *s, const struct voice_sounds *sounds, int16_t *frame)
{
	const struct voice_step *step = &s->step[s->at];
	const struct voice_samples *samples = samples_of(s, sounds, step);
	size_t left;

	if (!samples)
		return ++s->played >= step->frames;
	left = samples->count > s->played ? samples->count - s->played : 0;
	if (left > VOICE_FRAME)
		left = VOICE_FRAME;
	if (left > 0)
		memcpy(frame, samples->at + s->played, left * sizeof(*frame));
	s->played += left;
	return s->played >= samples->count;
}

void voice_script_frame(struct voice_script *s, const struct voice_sounds *sounds,
			int16_t frame[VOICE_FRAME])
{
	memset(frame, 0, VOICE_FRAME * sizeof(*frame));
	if (s->at < s->steps && play(s, sounds, frame)) {
		s->at++;
		s->played = 0;
	}
	if (s->at >= s->steps)
		go_on(s);
}

km_rc voice_script_begin(struct voice_script *s, enum km_order kind, enum km_lang lang,
			 const char *digits, size_t count)
{
	if (!km_order_is_call(kind) || lang >= VOICE_LANGS || count > sizeof(s->digit) ||
	    (kind == KM_ORDER_SPOKEN) != (count > 0))
		return KM_EINVAL;
	for (size_t i = 0; i < count; i++)
		if (digits[i] < '0' || digits[i] > '9')
			return KM_EINVAL;
	*s = (struct voice_script){ .kind = (uint8_t)kind, .lang = (uint8_t)lang };
	memcpy(s->digit, digits, count);
	s->digits = (unsigned)count;
	if (kind == KM_ORDER_CALL_NOTICE)
		read_notice(s, PAUSE_BEGIN);
	else
		ask(s, PAUSE_BEGIN);
	return KM_OK;
}
