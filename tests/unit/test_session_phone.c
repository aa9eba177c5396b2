/* A login with a code that is sent: from Enter to the vault's verdict, and how it goes meanwhile.
 */
#include "phone_login.h"

/* --- one login ------------------------------------------------------------------------- */

static void test_a_login_with_a_message_goes_from_enter_to_the_code_in_it(void **state)
{
	struct judge_session *s = at_the_prompt(PHONE);
	uint32_t id = s->id;

	(void)state;
	asks(0, KM_TEXT_PROMPT_PHONE, PHONE);
	/* Digits are shown as they are typed, sent or not. */
	assert_int_equal(world.client[0].prompt.echo, 1);
	types(s, "");
	assert_int_equal(to_the_vault(0, KM_MSG_SEND)->send.step, 10);
	assert_int_equal(sends(s, KM_ORDER_MESSAGE), KM_OK);
	assert_int_equal(hears(s, KM_ORDER_STATE_QUEUED, 0), KM_OK);
	assert_int_equal(world.clients, 1);
	assert_int_equal(hears(s, KM_ORDER_STATE_SENT, 0), KM_OK);
	says_info(1, KM_TEXT_ORDER_SENT, KM_INFO_PLAIN);
	asks(2, KM_TEXT_PROMPT_SENT, PHONE);
	assert_int_equal(s->phase, KM_PHASE_ASKED);
	types(s, "755224");
	assert_memory_equal(to_the_vault(1, KM_MSG_CHECK)->check.secret.bytes, "755224", 6);
	assert_int_equal(decides(s, KM_VERDICT_ALLOW, 0, 0), KM_OK);
	/* Not a word from the judge after that. */
	assert_int_equal(world.clients, 3);
	assert_null(judge_session_find(j, id));
}

static void test_a_login_with_a_call_goes_from_enter_to_the_vaults_verdict(void **state)
{
	static const uint8_t kinds[] = { KM_ORDER_KEYPAD, KM_ORDER_CONFIRM };

	(void)state;
	for (unsigned i = 0; i < sizeof(kinds); i++) {
		struct judge_session *s = at_the_prompt(PHONE);
		uint32_t id = s->id;

		types(s, "");
		to_the_vault(0, KM_MSG_SEND);
		assert_int_equal(sends(s, kinds[i]), KM_OK);
		/* Which keys says the vault, on the client's descriptor. */
		assert_int_equal(world.clients, 1);
		assert_int_equal(hears(s, KM_ORDER_STATE_RINGING, 0), KM_OK);
		assert_int_equal(hears(s, KM_ORDER_STATE_ANSWERED, 0), KM_OK);
		says_info(1, KM_TEXT_ORDER_RINGING, KM_INFO_PLAIN);
		says_info(2, KM_TEXT_ORDER_ANSWERED, KM_INFO_PLAIN);
		assert_int_equal(hears(s, KM_ORDER_STATE_KEYED, 0), KM_OK);
		assert_int_equal(decides(s, KM_VERDICT_ALLOW, 0, 0), KM_OK);
		assert_int_equal(world.clients, 3);
		assert_int_equal(world.vaults, 1);
		assert_null(judge_session_find(j, id));
		forget();
	}
}

static void test_a_call_that_reads_the_code_asks_for_it_once_it_is_answered(void **state)
{
	struct judge_session *s = at_the_prompt(PHONE);

	(void)state;
	types(s, "*");
	assert_int_equal(sends(s, KM_ORDER_SPOKEN), KM_OK);
	assert_int_equal(hears(s, KM_ORDER_STATE_RINGING, 0), KM_OK);
	says_info(1, KM_TEXT_ORDER_RINGING, KM_INFO_PLAIN);
	assert_int_equal(world.clients, 2);
	assert_int_equal(hears(s, KM_ORDER_STATE_ANSWERED, 0), KM_OK);
	says_info(2, KM_TEXT_ORDER_ANSWERED, KM_INFO_PLAIN);
	asks(3, KM_TEXT_PROMPT_SPOKEN, PHONE);
	/* It is read to the end, and nothing is said into the prompt that is open. */
	assert_int_equal(hears(s, KM_ORDER_STATE_DELIVERED, 0), KM_OK);
	assert_int_equal(world.clients, 4);
	types(s, "755224");
	to_the_vault(1, KM_MSG_CHECK);
}

static void test_whatever_else_is_typed_at_that_prompt_is_a_code(void **state)
{
	struct judge_session *s = at_the_prompt(PHONE);

	(void)state;
	types(s, "755224");
	to_the_vault(0, KM_MSG_CHECK);
	assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_WRONG, 0), KM_OK);
	says_info(1, KM_TEXT_CODE_WRONG, KM_INFO_ERROR);
	asks(2, KM_TEXT_PROMPT_PHONE, PHONE);
}

static void test_without_phone_in_the_plan_nothing_is_ever_sent(void **state)
{
	static const unsigned shapes[] = { CODE, KM_SHAPE_DIGITS_6 | KM_SHAPE_RECOVERY,
					   KM_SHAPE_DIGITS_6 | KM_SHAPE_TOUCH };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct judge_session *s = at_the_prompt(shapes[i]);

		types(s, "*");
		assert_int_equal(to_the_vault(0, KM_MSG_CHECK)->check.secret.len, 1);
		assert_int_equal(sends(s, KM_ORDER_MESSAGE), KM_EPROTO);
		judge_session_close(j, s, KM_REASON_ABORTED);
		forget();
	}
}

static void test_a_plan_in_which_nothing_can_be_typed_breaks_the_protocol(void **state)
{
	static const unsigned shapes[] = { KM_SHAPE_PHONE, KM_SHAPE_PHONE | KM_SHAPE_TOUCH };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct judge_session *s = in(IN_OPENING);
		struct km_msg m = plan(s->id, 2);

		m.plan.slots.slot[1].shape = (uint16_t)shapes[i];
		assert_int_equal(vault_says(&m), KM_EPROTO);
	}
}

static void test_texts_are_in_the_language_of_the_person(void **state)
{
	struct judge_session *s = at_the_prompt(PHONE);

	(void)state;
	s->lang = KM_LANG_JA;
	types(s, "");
	assert_int_equal(sends(s, KM_ORDER_MESSAGE), KM_OK);
	assert_int_equal(hears(s, KM_ORDER_STATE_SENT, 0), KM_OK);
	assert_string_equal(told(1, KM_MSG_INFO)->info.text,
			    km_text(KM_TEXT_ORDER_SENT, KM_LANG_JA));
	assert_string_equal(told(2, KM_MSG_PROMPT)->prompt.text,
			    km_text(KM_TEXT_PROMPT_SENT, KM_LANG_JA));
}

/* --- beside a finger, and from one step to the next ------------------------------------ */

static void test_where_enter_is_a_fingers_a_star_has_a_code_sent(void **state)
{
	struct judge_session *s = at_the_prompt(ALL);
	struct km_msg m;

	(void)state;
	asks(0, KM_TEXT_PROMPT_TOUCH_PHONE, ALL);
	types(s, "*");
	to_the_vault(0, KM_MSG_SEND);
	assert_int_equal(sends(s, KM_ORDER_MESSAGE), KM_OK);
	assert_int_equal(hears(s, KM_ORDER_STATE_DELIVERED, 0), KM_OK);
	asks(1, KM_TEXT_PROMPT_SENT_TOUCH, ALL);
	types(s, "");
	to_the_vault(1, KM_MSG_GRANT);
	m = granted(s->id, GRANT, 20);
	assert_int_equal(vault_says(&m), KM_OK);
	assert_int_equal(world.sensors, 1);
	/* News of the message change nothing for the finger. */
	assert_int_equal(hears(s, KM_ORDER_STATE_UNKNOWN, 0), KM_OK);
	assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_FINGER, 0), KM_OK);
	says_info(2, KM_TEXT_FINGER_WRONG, KM_INFO_ERROR);
	asks(3, KM_TEXT_PROMPT_SENT_TOUCH, ALL);
	types(s, "*");
	to_the_vault(2, KM_MSG_SEND);
	assert_int_equal(sends(s, KM_ORDER_SPOKEN), KM_OK);
	assert_int_equal(hears(s, KM_ORDER_STATE_ANSWERED, 0), KM_OK);
	asks(5, KM_TEXT_PROMPT_SPOKEN_TOUCH, ALL);
	types(s, "755224");
	to_the_vault(3, KM_MSG_CHECK);
	assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_PHONE_LATE, 0), KM_OK);
	says_info(6, KM_TEXT_CODE_LATE, KM_INFO_ERROR);
	asks(7, KM_TEXT_PROMPT_SPOKEN_TOUCH, ALL);
}

static void test_no_finger_is_captured_while_a_call_is_under_way(void **state)
{
	struct judge_session *s = at_the_prompt(ALL);
	struct km_msg m = granted(s->id, GRANT, 20);

	(void)state;
	types(s, "*");
	assert_int_equal(vault_says(&m), KM_EPROTO);
	assert_int_equal(sends(s, KM_ORDER_KEYPAD), KM_OK);
	assert_int_equal(vault_says(&m), KM_EPROTO);
	assert_int_equal(world.sensors, 0);
}

static void test_keys_pass_one_step_and_the_next_is_asked_by_its_own_factor(void **state)
{
	struct judge_session *s = in(IN_OPENING);
	struct km_msg m = phone_plan(s->id, 3);

	(void)state;
	m.plan.slots.slot[1].shape = KM_SHAPE_RECOVERY;
	assert_int_equal(vault_says(&m), KM_OK);
	types(s, "");
	assert_int_equal(sends(s, KM_ORDER_KEYPAD), KM_OK);
	assert_int_equal(decides(s, KM_VERDICT_NEXT, 0, 0), KM_OK);
	asks(1, KM_TEXT_PROMPT_RECOVERY, KM_SHAPE_RECOVERY);
	assert_int_equal(s->phase, KM_PHASE_ASKED);
	/* What is still heard of that call is nothing. */
	assert_int_equal(hears(s, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_HUNG_UP), KM_OK);
	types(s, "*");
	to_the_vault(1, KM_MSG_CHECK);
	assert_int_equal(decides(s, KM_VERDICT_NEXT, 0, 0), KM_OK);
	assert_int_equal(world.clients, 3);
	asks(2, KM_TEXT_PROMPT_PHONE, KM_SHAPE_RECOVERY | KM_SHAPE_PHONE);
	/* A recovery code is not shown as it is typed, telephone or not. */
	assert_int_equal(world.client[2].prompt.echo, 0);
	types(s, "");
	assert_int_equal(to_the_vault(2, KM_MSG_SEND)->send.step, 12);
}

static void test_a_code_that_was_sent_passes_its_step_and_the_next_asks_for_another(void **state)
{
	struct judge_session *s = in(IN_OPENING);
	struct km_msg m = phone_plan(s->id, 2);

	(void)state;
	m.plan.slots.slot[1].shape = PHONE;
	assert_int_equal(vault_says(&m), KM_OK);
	types(s, "");
	assert_int_equal(sends(s, KM_ORDER_MESSAGE), KM_OK);
	assert_int_equal(hears(s, KM_ORDER_STATE_DELIVERED, 0), KM_OK);
	types(s, "755224");
	assert_int_equal(decides(s, KM_VERDICT_NEXT, 0, 0), KM_OK);
	asks(2, KM_TEXT_PROMPT_PHONE, PHONE);
}

/* --- how it goes ----------------------------------------------------------------------- */

/* The courier's word for it, what is said, and whether the code is asked for. */
static void test_each_state_of_a_message_has_its_text_and_its_prompt(void **state)
{
	static const struct {
		uint8_t state, why;
		enum km_text said;
		unsigned error;
		enum km_text prompt;
	} rows[] = {
		{ KM_ORDER_STATE_SENT, 0, KM_TEXT_ORDER_SENT, 0, KM_TEXT_PROMPT_SENT },
		{ KM_ORDER_STATE_ANSWERED, 0, KM_TEXT_ORDER_ANSWERED, 0, KM_TEXT_PROMPT_SENT },
		{ KM_ORDER_STATE_DELIVERED, 0, KM_TEXT_NOTHING, 0, KM_TEXT_PROMPT_SENT },
		{ KM_ORDER_STATE_FAILED, KM_ORDER_WHY_BUSY, KM_TEXT_ORDER_BUSY, 1,
		  KM_TEXT_PROMPT_PHONE },
		{ KM_ORDER_STATE_FAILED, KM_ORDER_WHY_NO_ANSWER, KM_TEXT_ORDER_NO_ANSWER, 1,
		  KM_TEXT_PROMPT_PHONE },
		{ KM_ORDER_STATE_FAILED, KM_ORDER_WHY_NO_NUMBER, KM_TEXT_ORDER_NO_NUMBER, 1,
		  KM_TEXT_PROMPT_PHONE },
		{ KM_ORDER_STATE_FAILED, KM_ORDER_WHY_TLS, KM_TEXT_ORDER_GATEWAY, 1,
		  KM_TEXT_PROMPT_PHONE },
		/* A reason that says nothing: that nothing was sent is said all the same. */
		{ KM_ORDER_STATE_FAILED, 0, KM_TEXT_ORDER_GATEWAY, 1, KM_TEXT_PROMPT_PHONE },
		{ KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT, KM_TEXT_ORDER_UNKNOWN, 1,
		  KM_TEXT_PROMPT_PHONE },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct judge_session *s = in(IN_AWAITING);
		unsigned n = 0;

		assert_int_equal(hears(s, rows[i].state, rows[i].why), KM_OK);
		if (rows[i].said != KM_TEXT_NOTHING)
			says_info(n++, rows[i].said, rows[i].error);
		asks(n, rows[i].prompt, PHONE);
		assert_int_equal(world.clients, n + 1);
		assert_int_equal(world.wake, 0);
		assert_int_equal(s->phase, KM_PHASE_ASKED);
		judge_session_close(j, s, KM_REASON_ABORTED);
	}
}

static void test_a_message_that_nothing_is_heard_of_is_asked_for_after_ten_seconds(void **state)
{
	struct judge_session *s = in(IN_AWAITING);

	(void)state;
	assert_int_equal(world.wake, JUDGE_NEWS_SECONDS);
	assert_int_equal(JUDGE_NEWS_SECONDS, 10);
	judge_phone_waited(j, s);
	asks(0, KM_TEXT_PROMPT_SENT, PHONE);
	/* Once; and what comes later is not said into the prompt. */
	judge_phone_waited(j, s);
	assert_int_equal(hears(s, KM_ORDER_STATE_SENT, 0), KM_OK);
	assert_int_equal(world.clients, 1);
	types(s, "755224");
	to_the_vault(0, KM_MSG_CHECK);
}

static void test_nobody_is_woken_who_waits_for_nothing(void **state)
{
	static const enum where places[] = { IN_ASKED, IN_CHECKING, IN_SENDING, IN_SENT,
					     IN_CALLING };

	(void)state;
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		judge_phone_waited(j, in(places[i]));
		assert_int_equal(world.clients, 0);
	}
}

static void test_a_failure_heard_while_the_person_types_is_said_before_the_next_prompt(void **state)
{
	struct judge_session *s = in(IN_SENT);

	(void)state;
	assert_int_equal(hears(s, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_REFUSED), KM_OK);
	assert_int_equal(world.clients, 0);
	types(s, "755224");
	assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_WRONG, 0), KM_OK);
	says_info(0, KM_TEXT_CODE_WRONG, KM_INFO_ERROR);
	says_info(1, KM_TEXT_ORDER_GATEWAY, KM_INFO_ERROR);
	asks(2, KM_TEXT_PROMPT_PHONE, PHONE);
	/* Said once. */
	types(s, "755224");
	assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_WRONG, 0), KM_OK);
	assert_int_equal(world.clients, 5);
}

static void test_a_failure_is_not_said_any_more_once_another_code_was_asked_for(void **state)
{
	struct judge_session *s = in(IN_SENT);

	(void)state;
	assert_int_equal(hears(s, KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT), KM_OK);
	types(s, "");
	to_the_vault(0, KM_MSG_SEND);
	/* Of the old order still: it is not about the one that is to come. */
	assert_int_equal(hears(s, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_BUSY), KM_OK);
	assert_int_equal(sends(s, KM_ORDER_SPOKEN), KM_OK);
	assert_int_equal(hears(s, KM_ORDER_STATE_ANSWERED, 0), KM_OK);
	says_info(0, KM_TEXT_ORDER_ANSWERED, KM_INFO_PLAIN);
	asks(1, KM_TEXT_PROMPT_SPOKEN, PHONE);
}

/* A courier taken over can say what it likes as often as it likes. */
static void test_a_flood_of_news_says_each_thing_once_and_never_backwards(void **state)
{
	struct judge_session *s = in(IN_CALLING);

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(hears(s, KM_ORDER_STATE_RINGING, 0), KM_OK);
		assert_int_equal(hears(s, KM_ORDER_STATE_ANSWERED, 0), KM_OK);
		assert_int_equal(hears(s, KM_ORDER_STATE_QUEUED, 0), KM_OK);
	}
	assert_int_equal(world.clients, 2);
	/* What has ended does not go on. */
	assert_int_equal(hears(s, KM_ORDER_STATE_DELIVERED, 0), KM_OK);
	assert_int_equal(hears(s, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_BUSY), KM_OK);
	assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_PHONE_NONE, 0), KM_OK);
	says_info(2, KM_TEXT_ORDER_GATEWAY, KM_INFO_ERROR);
}

static void test_there_is_an_end_to_what_is_said_in_one_login(void **state)
{
	struct judge_session *s = in(IN_AWAITING);

	(void)state;
	s->said = JUDGE_SAID_MOST;
	assert_int_equal(hears(s, KM_ORDER_STATE_RINGING, 0), KM_OK);
	assert_int_equal(world.clients, 0);
	assert_int_equal(hears(s, KM_ORDER_STATE_ANSWERED, 0), KM_OK);
	asks(0, KM_TEXT_PROMPT_SENT, PHONE);
	assert_int_equal(world.clients, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_HOUSE(test_a_login_with_a_message_goes_from_enter_to_the_code_in_it),
		IN_HOUSE(test_a_login_with_a_call_goes_from_enter_to_the_vaults_verdict),
		IN_HOUSE(test_a_call_that_reads_the_code_asks_for_it_once_it_is_answered),
		IN_HOUSE(test_whatever_else_is_typed_at_that_prompt_is_a_code),
		IN_HOUSE(test_without_phone_in_the_plan_nothing_is_ever_sent),
		IN_HOUSE(test_a_plan_in_which_nothing_can_be_typed_breaks_the_protocol),
		IN_HOUSE(test_texts_are_in_the_language_of_the_person),
		IN_HOUSE(test_where_enter_is_a_fingers_a_star_has_a_code_sent),
		IN_HOUSE(test_no_finger_is_captured_while_a_call_is_under_way),
		IN_HOUSE(test_keys_pass_one_step_and_the_next_is_asked_by_its_own_factor),
		IN_HOUSE(test_a_code_that_was_sent_passes_its_step_and_the_next_asks_for_another),
		IN_HOUSE(test_each_state_of_a_message_has_its_text_and_its_prompt),
		IN_HOUSE(test_a_message_that_nothing_is_heard_of_is_asked_for_after_ten_seconds),
		IN_HOUSE(test_nobody_is_woken_who_waits_for_nothing),
		IN_HOUSE(
		    test_a_failure_heard_while_the_person_types_is_said_before_the_next_prompt),
		IN_HOUSE(test_a_failure_is_not_said_any_more_once_another_code_was_asked_for),
		IN_HOUSE(test_a_flood_of_news_says_each_thing_once_and_never_backwards),
		IN_HOUSE(test_there_is_an_end_to_what_is_said_in_one_login),
	};

	return cmocka_run_group_tests_name("session_phone", tests, NULL, NULL);
}
