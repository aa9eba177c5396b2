/*
 * A login with a code that is sent, as the judge leads it: what a client and a vault say of it.
 * Each test includes this once.
 */
#ifndef KENMON_TESTS_PHONE_LOGIN_H
#define KENMON_TESTS_PHONE_LOGIN_H

#include "fake_judge.h"

static inline const struct km_msg *told(unsigned i, unsigned number)
{
	assert_true(i < world.clients);
	assert_int_equal(world.client[i].number, number);
	return &world.client[i];
}

static inline const struct km_msg *to_the_vault(unsigned i, unsigned number)
{
	assert_true(i < world.vaults);
	assert_int_equal(world.vault[i].number, number);
	return &world.vault[i];
}

static inline void says_info(unsigned i, enum km_text text, unsigned error)
{
	assert_string_equal(told(i, KM_MSG_INFO)->info.text, km_text(text, KM_LANG_EN));
	assert_int_equal(world.client[i].info.error, error);
}

static inline void asks(unsigned i, enum km_text text, unsigned shape)
{
	const struct km_msg *m = told(i, KM_MSG_PROMPT);

	assert_string_equal(m->prompt.text, km_text(text, KM_LANG_EN));
	assert_int_equal(m->prompt.shape, shape);
}

static inline void types(struct judge_session *s, const char *text)
{
	struct km_msg m = answer(text);

	says(s, &m);
}

static inline km_rc sends(struct judge_session *s, unsigned kind)
{
	struct km_msg m = sending(s->id, (uint8_t)kind, 300);

	return vault_says(&m);
}

static inline km_rc hears(struct judge_session *s, unsigned state, unsigned why)
{
	struct km_msg m = news(s->id, (uint8_t)state, (uint8_t)why);

	return vault_says(&m);
}

static inline km_rc decides(struct judge_session *s, unsigned v, unsigned reason, uint32_t wait)
{
	struct km_msg m = verdict(s->id, (uint8_t)v);

	m.verdict.reason = (uint8_t)reason;
	m.verdict.wait = wait;
	return vault_says(&m);
}

#define CODE  KM_SHAPE_DIGITS_6
#define PHONE (KM_SHAPE_DIGITS_6 | KM_SHAPE_PHONE)
#define ALL   (KM_SHAPE_DIGITS_6 | KM_SHAPE_PHONE | KM_SHAPE_TOUCH)

/* A login that is at its prompt; shape: of its one slot. */
static inline struct judge_session *at_the_prompt(unsigned shape)
{
	struct judge_session *s = in(IN_OPENING);
	struct km_msg m = plan(s->id, 1);

	m.plan.slots.slot[0].shape = (uint16_t)shape;
	assert_int_equal(vault_says(&m), KM_OK);
	return s;
}

#endif
