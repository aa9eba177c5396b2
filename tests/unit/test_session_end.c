/* How sessions end: refusals, deadlines, cut links, late and early frames. */
#include "fake_judge.h"

/* --- how a session ends -------------------------------------------------------------------- */

static void test_no_reason_makes_the_judge_say_allow(void **state)
{
	(void)state;
	for (unsigned reason = 0; reason < 256; reason++) {
		struct km_verdict v = judge_refusal(reason);

		assert_true(v.code == KM_VERDICT_DENY || v.code == KM_VERDICT_UNAVAILABLE);
		assert_int_not_equal(v.code, KM_VERDICT_ALLOW);
	}
	for (unsigned reason = 0; reason < 256; reason++) {
		struct judge_session *s = in(IN_CHECKING);

		judge_session_refuse(j, s, (enum km_reason)reason);
		assert_int_not_equal(last_result()->result.verdict, KM_VERDICT_ALLOW);
	}
}

static void test_the_deadline_refuses_in_every_phase(void **state)
{
	(void)state;
	for (unsigned where = 0; where < PHASES; where++) {
		struct judge_session *s = in((enum where)where);

		judge_session_refuse(j, s, KM_REASON_DEADLINE);
		refused(KM_VERDICT_UNAVAILABLE, KM_REASON_DEADLINE);
		assert_int_equal(world.vaults, where >= IN_OPENING);
		if (world.vaults)
			assert_int_equal(world.vault[0].close.reason, KM_REASON_DEADLINE);
	}
}

static void test_an_abort_is_written_down_as_one_whatever_reason_the_client_names(void **state)
{
	static const enum where places[] = { IN_OPENING, IN_ASKED, IN_CHECKING };

	(void)state;
	for (unsigned i = 0; i < 3 * 256; i++) {
		struct judge_session *s = in(places[i % 3]);
		struct km_msg m = { .number = KM_MSG_ABORT };

		m.abort.reason = (uint8_t)(i / 3);
		says(s, &m);
		assert_int_equal(world.clients, 0);
		assert_int_equal(world.vault[0].number, KM_MSG_CLOSE);
		assert_int_equal(world.vault[0].close.reason, KM_REASON_ABORTED);
		assert_int_equal(world.gone, 1);
	}
}

/* C9: a link that is cut at any step lets nobody in. */
static void test_c9_a_link_cut_at_every_step_refuses_who_waits_for_it(void **state)
{
	(void)state;
	for (unsigned where = 0; where < PHASES; where++) {
		struct judge_session *s = in((enum where)where);
		uint32_t id = s->id;

		world.vault_rc = KM_EUNAVAIL;
		judge_sessions_lost_vault(j);
		world.vault_rc = KM_OK;
		if (where < IN_OPENING) {
			assert_non_null(judge_session_find(j, id));
			assert_int_equal(world.clients, 0);
			judge_session_close(j, s, KM_REASON_ABORTED);
			continue;
		}
		refused(KM_VERDICT_UNAVAILABLE, KM_REASON_NO_VAULT);
		assert_null(judge_session_find(j, id));
	}
}

static void test_c9_a_vault_that_cannot_be_told_refuses_at_every_step(void **state)
{
	static const struct {
		enum where where;
		km_rc rc;
		uint8_t verdict, reason;
	} cuts[] = {
		{ IN_REQUEST, KM_EUNAVAIL, KM_VERDICT_UNAVAILABLE, KM_REASON_NO_VAULT },
		{ IN_REQUEST, KM_ELIMIT, KM_VERDICT_DENY, KM_REASON_BUSY },
		{ IN_REQUEST, KM_ECLOSED, KM_VERDICT_UNAVAILABLE, KM_REASON_NO_VAULT },
		{ IN_REQUEST, KM_ENOMEM, KM_VERDICT_UNAVAILABLE, KM_REASON_NO_VAULT },
		{ IN_ASKED, KM_EUNAVAIL, KM_VERDICT_UNAVAILABLE, KM_REASON_NO_VAULT },
		{ IN_ASKED, KM_ELIMIT, KM_VERDICT_DENY, KM_REASON_BUSY },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		struct judge_session *s = in(cuts[i].where);
		struct km_msg m = cuts[i].where == IN_REQUEST
				      ? login(KM_REQUEST_AUTHENTICATE, ALICE)
				      : answer("123456");

		world.vault_rc = cuts[i].rc;
		says(s, &m);
		world.vault_rc = KM_OK;
		refused(cuts[i].verdict, cuts[i].reason);
	}
}

static void test_a_client_that_does_not_read_is_closed_at_every_step(void **state)
{
	static const enum where places[] = { IN_GREET, IN_OPENING, IN_CHECKING };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct judge_session *s = in(places[i]);
		struct km_msg m = hello(KM_CLIENT_DOOR);
		uint32_t id = s->id;

		world.client_rc = KM_EAGAIN;
		if (places[i] == IN_GREET) {
			says(s, &m);
		} else {
			m = places[i] == IN_OPENING ? plan(id, 1) : verdict(id, KM_VERDICT_RETRY);
			assert_int_equal(vault_says(&m), KM_OK);
			assert_int_equal(world.vault[0].number, KM_MSG_CLOSE);
		}
		world.client_rc = KM_OK;
		assert_null(judge_session_find(j, id));
		assert_int_equal(world.gone, 1);
	}
}

/* C28: a result that comes before its question. */
static void test_c28_a_retry_before_an_answer_breaks_the_link(void **state)
{
	struct judge_session *s = in(IN_OPENING);
	struct km_msg m = verdict(s->id, KM_VERDICT_RETRY);

	(void)state;
	assert_int_equal(vault_says(&m), KM_EPROTO);
	s = in(IN_ASKED);
	m = verdict(s->id, KM_VERDICT_ALLOW);
	assert_int_equal(vault_says(&m), KM_EPROTO);
	assert_int_equal(world.clients, 0);
}

static void test_an_empty_plan_breaks_the_link(void **state)
{
	struct judge_session *s = in(IN_OPENING);
	struct km_msg m = plan(s->id, 0);

	(void)state;
	assert_int_equal(vault_says(&m), KM_EPROTO);
}

static void test_what_the_vault_says_of_a_session_just_closed_is_passed_over(void **state)
{
	struct judge_session *s = in(IN_CHECKING);
	uint32_t id = s->id;
	struct km_msg m = verdict(id, KM_VERDICT_ALLOW);

	(void)state;
	judge_session_refuse(j, s, KM_REASON_DEADLINE);
	forget();
	assert_int_equal(vault_says(&m), KM_OK);
	/* Nor does it reach whoever has that place now. */
	s = in(IN_CHECKING);
	assert_int_not_equal(s->id, id);
	assert_int_equal(vault_says(&m), KM_OK);
	assert_int_equal(world.gone, 0);
	assert_int_equal(s->phase, KM_PHASE_WORKING | KM_PHASE_CHECKING);
}

static void test_a_session_that_never_was_breaks_the_link(void **state)
{
	struct judge_session *s = in(IN_CHECKING);
	struct km_msg m = verdict(s->id + (1u << JUDGE_INDEX_BITS), KM_VERDICT_DENY);

	(void)state;
	assert_int_equal(vault_says(&m), KM_EPROTO);
	m = verdict(s->id + 1, KM_VERDICT_DENY);
	assert_int_equal(vault_says(&m), KM_EPROTO);
}

static void test_every_session_has_a_number_of_its_own_and_there_are_so_many(void **state)
{
	struct judge_session *s;

	(void)state;
	for (unsigned i = 0; i < JUDGE_SESSIONS; i++) {
		s = comes(ROOT);
		assert_int_not_equal(s->id, 0);
		assert_ptr_equal(judge_session_find(j, s->id), s);
	}
	assert_null(judge_session_new(j, -1, 1, ROOT));
	assert_null(judge_session_find(j, 0));
	judge_session_close(j, s, KM_REASON_ABORTED);
	assert_non_null(judge_session_new(j, -1, 1, ROOT));
}

static void test_numbers_come_round_without_ever_being_zero(void **state)
{
	struct judge_session *s = comes(ROOT);
	uint32_t last;

	(void)state;
	s->generation = UINT32_MAX >> JUDGE_INDEX_BITS;
	last = s->generation << JUDGE_INDEX_BITS;
	judge_session_close(j, s, KM_REASON_ABORTED);
	s = comes(ROOT);
	assert_int_equal(s->id >> JUDGE_INDEX_BITS, 1);
	/* The one before is still one that was. */
	assert_int_equal(vault_says(&(struct km_msg){ .number = KM_MSG_VERDICT,
						      .session = last | (s->id & 1023) }),
			 KM_OK);
}

static void test_no_code_is_left_in_the_buffers_after_a_frame(void **state)
{
	static const uint8_t zero[sizeof(struct km_msg)];

	(void)state;
	in(IN_CHECKING);
	assert_memory_equal(&j->frame->in, zero, sizeof(zero));
	assert_memory_equal(&j->frame->out, zero, sizeof(zero));
}

static void test_a_head_is_taken_and_a_head_inside_a_session_is_not(void **state)
{
	struct judge_session *s = in(IN_CHECKING);
	struct km_msg m = { .number = KM_MSG_HEAD };
	uint8_t buf[JUDGE_FRAME_OUT];
	size_t len = 0;

	(void)state;
	m.head.seq = 12;
	assert_int_equal(vault_says(&m), KM_OK);
	assert_true(j->link.heard);
	assert_int_equal(j->anchor.head.seq, 12);
	assert_int_equal(km_encode(&m, buf, sizeof(buf), &len), KM_OK);
	buf[1] = (uint8_t)(s->id >> 24);
	buf[2] = (uint8_t)(s->id >> 16);
	buf[3] = (uint8_t)(s->id >> 8);
	buf[4] = (uint8_t)s->id;
	assert_int_equal(judge_link_heard(j, buf, len), KM_EPROTO);
	for (size_t cut = 0; cut < KM_FRAME_HEADER; cut++)
		assert_int_equal(judge_link_heard(j, buf, cut), KM_EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_HOUSE(test_no_reason_makes_the_judge_say_allow),
		IN_HOUSE(test_the_deadline_refuses_in_every_phase),
		IN_HOUSE(test_an_abort_is_written_down_as_one_whatever_reason_the_client_names),
		IN_HOUSE(test_c9_a_link_cut_at_every_step_refuses_who_waits_for_it),
		IN_HOUSE(test_c9_a_vault_that_cannot_be_told_refuses_at_every_step),
		IN_HOUSE(test_a_client_that_does_not_read_is_closed_at_every_step),
		IN_HOUSE(test_c28_a_retry_before_an_answer_breaks_the_link),
		IN_HOUSE(test_an_empty_plan_breaks_the_link),
		IN_HOUSE(test_what_the_vault_says_of_a_session_just_closed_is_passed_over),
		IN_HOUSE(test_a_session_that_never_was_breaks_the_link),
		IN_HOUSE(test_every_session_has_a_number_of_its_own_and_there_are_so_many),
		IN_HOUSE(test_numbers_come_round_without_ever_being_zero),
		IN_HOUSE(test_no_code_is_left_in_the_buffers_after_a_frame),
		IN_HOUSE(test_a_head_is_taken_and_a_head_inside_a_session_is_not),
	};

	return cmocka_run_group_tests_name("session_end", tests, NULL, NULL);
}
