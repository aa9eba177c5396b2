/* Codes by telephone at a judge on real sockets: its timer, and what a login may wait for. */
#include <kenmon/order.h>

#include "real_judge.h"

static void is_sending(uint32_t id, uint8_t kind)
{
	struct km_msg m = { .number = KM_MSG_SENDING, .session = id };

	m.sending.kind = kind;
	m.sending.seconds = 300;
	vault_says(m);
}

static void asks_for_a_code_to_be_sent(int fd, uint32_t id)
{
	struct km_msg m = { .number = KM_MSG_PLAN, .session = id };

	m.plan.slots.count = 1;
	m.plan.slots.slot[0].shape = KM_SHAPE_DIGITS_6 | KM_SHAPE_PHONE;
	vault_says(m);
	assert_int_equal(hears(fd).number, KM_MSG_WELCOME);
	assert_int_equal(hears(fd).number, KM_MSG_PROMPT);
	m = (struct km_msg){ .number = KM_MSG_ANSWER };
	assert_int_equal(km_send_msg(fd, &m, -1, MSG_DONTWAIT), KM_OK);
	settle();
	assert_int_equal(next_from_judge(NULL).number, KM_MSG_SEND);
}

/* The same timer serves both: nothing is heard of the message, and the login goes on. */
static void test_a_message_that_nothing_is_heard_of_wakes_its_login_and_ends_no_other(void **state)
{
	int first, second, copy[2];
	uint32_t id, other;

	(void)state;
	id = opened(&first, &copy[0]);
	asks_for_a_code_to_be_sent(first, id);
	other = opened(&second, &copy[1]);
	asks_for_a_code_to_be_sent(second, other);
	is_sending(id, KM_ORDER_MESSAGE);
	is_sending(other, KM_ORDER_KEYPAD);
	assert_true(judge_session_find(j, id)->wake_ms > 0);
	assert_true(j->deadline_ms <= judge_session_find(j, id)->wake_ms);
	/* Sooner, for this test. */
	j->ports->set_wake(j, judge_session_find(j, id), 1);
	while (judge_session_find(j, id)->phase != KM_PHASE_ASKED)
		assert_true(sd_event_run(j->event, 20000000) > 0);
	assert_int_equal(hears(first).number, KM_MSG_PROMPT);
	assert_int_equal(judge_session_find(j, id)->wake_ms, 0);
	assert_int_not_equal(judge_session_find(j, other)->phase, KM_PHASE_ASKED);
	assert_true(judge_is_quiet());
	for (unsigned i = 0; i < 2; i++)
		close(copy[i]);
	close(first);
	close(second);
}

static void test_a_login_that_waits_for_a_code_outlives_its_own_deadline(void **state)
{
	int fd, copy;
	uint32_t id;
	int64_t before;

	(void)state;
	j->conf.login.deadline = 3;
	id = opened(&fd, &copy);
	asks_for_a_code_to_be_sent(fd, id);
	before = judge_session_find(j, id)->deadline_ms;
	is_sending(id, KM_ORDER_KEYPAD);
	assert_true(judge_session_find(j, id)->deadline_ms > before + 300 * 1000);
	/* The timer fires for the first deadline, finds the new one, and is set for that. */
	while (j->deadline_ms <= before)
		assert_true(sd_event_run(j->event, 20000000) > 0);
	assert_non_null(judge_session_find(j, id));
	assert_int_equal(j->deadline_ms, judge_session_find(j, id)->deadline_ms);
	close(copy);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_HOUSE(test_a_message_that_nothing_is_heard_of_wakes_its_login_and_ends_no_other),
		IN_HOUSE(test_a_login_that_waits_for_a_code_outlives_its_own_deadline),
	};

	return cmocka_run_group_tests_name("judge_phone", tests, NULL, NULL);
}
