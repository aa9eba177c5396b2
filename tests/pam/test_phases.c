/* C28 and C26 on the door's side: messages out of phase, cut, mutated, random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "peer.h"

#define DIGITS KM_SHAPE_DIGITS_6

static void serve_prompt(struct peer *p)
{
	if (!peer_greet(p))
		return;
	peer_prompt(p, DIGITS);
	(void)peer_answer(p);
}

/* --- C28: out of phase -------------------------------------------------------- */

static void serve_result_before_welcome(struct peer *p)
{
	if (!peer_hear(p))
		return;
	peer_send_result(p, KM_VERDICT_ALLOW, KM_REASON_NONE, 0);
}

static void serve_prompt_before_welcome(struct peer *p)
{
	if (!peer_hear(p))
		return;
	peer_prompt(p, DIGITS);
	peer_send_result(p, KM_VERDICT_ALLOW, KM_REASON_NONE, 0);
}

static void serve_two_welcomes(struct peer *p)
{
	if (!peer_greet(p))
		return;
	peer_welcome(p);
	peer_send_result(p, KM_VERDICT_ALLOW, KM_REASON_NONE, 0);
}

static void serve_allow_before_the_answer(struct peer *p)
{
	if (!peer_greet(p))
		return;
	peer_prompt(p, DIGITS);
	peer_send_result(p, KM_VERDICT_ALLOW, KM_REASON_NONE, 0);
	p->shared->said_all = 1;
	(void)peer_answer(p);
}

static void serve_two_prompts(struct peer *p)
{
	if (!peer_greet(p))
		return;
	peer_prompt(p, DIGITS);
	peer_prompt(p, DIGITS);
	peer_send_result(p, KM_VERDICT_ALLOW, KM_REASON_NONE, 0);
	p->shared->said_all = 1;
	(void)peer_answer(p);
}

static void serve_wrong_version(struct peer *p)
{
	struct km_msg m = { .number = KM_MSG_WELCOME };

	if (!peer_hear(p))
		return;
	m.welcome.version = KM_PROTOCOL_NEWEST + 1;
	peer_send(p, &m);
	peer_send_result(p, KM_VERDICT_ALLOW, KM_REASON_NONE, 0);
}

/* A message of the vault's link, before ALLOW. */
static void serve_other_message(struct peer *p)
{
	struct km_msg m = { .number = (uint8_t)p->shared->what };

	if (!peer_greet(p))
		return;
	if (m.number == KM_MSG_VERDICT)
		m.verdict.verdict = KM_VERDICT_ALLOW;
	peer_send(p, &m);
	peer_send_result(p, KM_VERDICT_ALLOW, KM_REASON_NONE, 0);
}

static void serve_descriptor(struct peer *p)
{
	struct km_msg m;

	if (!peer_greet(p))
		return;
	m = peer_result(p, KM_VERDICT_ALLOW, KM_REASON_NONE, 0);
	if (km_send_msg(p->fd, &m, p->fd, 0) != KM_OK)
		_exit(1);
}

static void serve_chatter(struct peer *p)
{
	if (!peer_greet(p))
		return;
	for (int i = 0; i < 100; i++)
		peer_info(p, "Nearly there.", false);
	peer_send_result(p, KM_VERDICT_ALLOW, KM_REASON_NONE, 0);
}

static void test_messages_out_of_phase_are_refused(void **state)
{
	static const peer_serve bad[] = {
		serve_result_before_welcome,
		serve_prompt_before_welcome,
		serve_two_welcomes,
		serve_allow_before_the_answer,
		serve_two_prompts,
		serve_wrong_version,
		serve_descriptor,
		serve_chatter,
	};
	struct stage *s = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		s->shared->serve = bad[i];
		s->shared->said_all = 0;
		s->person.prompts = 0;
		s->person.hook = person_is_slow;
		assert_int_equal(stage_login(s), PAM_AUTHINFO_UNAVAIL);
		assert_int_equal(s->shared->answers, 0);
	}
}

static void test_every_other_message_of_the_protocol_is_refused(void **state)
{
	struct stage *s = *state;
	unsigned tried = 0;

	s->shared->serve = serve_other_message;
	for (int number = 0; number < 256; number++) {
		if (number == KM_MSG_PROMPT || number == KM_MSG_INFO || number == KM_MSG_RESULT ||
		    km_message_name((unsigned)number)[0] == '?')
			continue;
		s->shared->what = number;
		assert_int_equal(stage_login(s), PAM_AUTHINFO_UNAVAIL);
		tried++;
	}
	assert_true(tried >= 25);
}

static void test_a_prompt_in_an_account_check_is_refused(void **state)
{
	struct stage *s = *state;
	pam_handle_t *pamh = stage_begin(s, s->user);

	s->shared->serve = serve_prompt;
	assert_int_equal(pam_acct_mgmt(pamh, 0), PAM_AUTHINFO_UNAVAIL);
	pam_end(pamh, PAM_AUTHINFO_UNAVAIL);
	assert_int_equal(s->person.prompts, 0);
}

/* --- mutated and random frames ------------------------------------------------ */

/* ALLOW with bit `what` of byte `where` turned over. */
static void serve_flipped(struct peer *p)
{
	struct km_msg m;
	uint8_t frame[256];
	size_t len;

	if (!peer_greet(p))
		return;
	m = peer_result(p, KM_VERDICT_ALLOW, KM_REASON_NONE, 0);
	if (km_encode(&m, frame, sizeof(frame), &len) != KM_OK)
		_exit(1);
	frame[p->shared->where] ^= (uint8_t)(1u << p->shared->what);
	peer_send_bytes(p, frame, len);
}

/* Header, verdict, nonce, login: everything but the reason and the wait, which say nothing. */
static void test_allow_with_any_one_bit_wrong_is_refused(void **state)
{
	struct stage *s = *state;
	int len = KM_FRAME_HEADER + 1 + 1 + 32 + 2 + (int)strlen(s->user);

	s->shared->serve = serve_flipped;
	for (int where = 0; where < len; where++) {
		if (where == KM_FRAME_HEADER + 1)
			continue;
		for (int bit = 0; bit < 8; bit++) {
			s->shared->where = where;
			s->shared->what = bit;
			assert_int_not_equal(stage_login(s), PAM_SUCCESS);
		}
	}
}

/* The first `where` bytes of ALLOW; or all of them and `what` more. */
static void serve_cut_frame(struct peer *p)
{
	struct km_msg m;
	uint8_t frame[4096] = { 0 };
	size_t len;

	if (!peer_greet(p))
		return;
	m = peer_result(p, KM_VERDICT_ALLOW, KM_REASON_NONE, 0);
	if (km_encode(&m, frame, 256, &len) != KM_OK)
		_exit(1);
	if (p->shared->where < (int)len)
		len = (size_t)p->shared->where;
	peer_send_bytes(p, frame, len + (size_t)p->shared->what);
}

static void test_allow_cut_short_or_with_more_behind_it_is_refused(void **state)
{
	static const int more[] = { 1, 2, 900, 1024, 3000 };
	struct stage *s = *state;
	int len = KM_FRAME_HEADER + 1 + 1 + 32 + 2 + (int)strlen(s->user) + 4;

	s->shared->serve = serve_cut_frame;
	for (int n = 0; n < len; n++) {
		s->shared->where = n;
		assert_int_equal(stage_login(s), PAM_AUTHINFO_UNAVAIL);
	}
	s->shared->where = 4096;
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		s->shared->what = more[i];
		assert_int_equal(stage_login(s), PAM_AUTHINFO_UNAVAIL);
	}
}

/* Frames of noise, with a likely number in front; never the one byte and the nonce of ALLOW. */
static void serve_noise(struct peer *p)
{
	static const uint8_t likely[] = { KM_MSG_WELCOME, KM_MSG_PROMPT, KM_MSG_INFO,
					  KM_MSG_RESULT };
	uint8_t frame[1500];

	srand((unsigned)p->shared->what);
	if (rand() % 4 ? !peer_greet(p) : !peer_hear(p))
		return;
	for (int i = 0; i < 8; i++) {
		size_t len = (size_t)rand() % (rand() % 2 ? 60 : sizeof(frame));

		for (size_t k = 0; k < len; k++)
			frame[k] = (uint8_t)(rand() % 3 ? rand() : 0);
		if (len > KM_FRAME_HEADER) {
			frame[0] = likely[rand() % 4];
			memset(frame + 1, 0, 4);
		}
		peer_send_bytes(p, frame, len);
	}
}

static void test_random_frames_let_nobody_in(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_noise;
	for (int i = 1; i <= 500; i++) {
		int code;

		s->shared->what = i;
		s->person.prompts = 0;
		s->person.shown[0] = '\0';
		code = stage_login(s);
		assert_int_not_equal(code, PAM_SUCCESS);
		assert_int_not_equal(code, PAM_IGNORE);
		assert_int_not_equal(code, PAM_PERM_DENIED); /* what libpam makes of PAM_IGNORE */
	}
}

#define T(name) cmocka_unit_test_setup(name, stage_reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_messages_out_of_phase_are_refused),
		T(test_every_other_message_of_the_protocol_is_refused),
		T(test_a_prompt_in_an_account_check_is_refused),
		T(test_allow_with_any_one_bit_wrong_is_refused),
		T(test_allow_cut_short_or_with_more_behind_it_is_refused),
		T(test_random_frames_let_nobody_in),
	};

	return cmocka_run_group_tests(tests, stage_setup, stage_teardown);
}
