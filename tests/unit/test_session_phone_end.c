/* A login with a code that is sent: what verdicts mean, what breaks the protocol, how it ends. */
#include <kenmon/clock.h>

#include "clocks.h"
#include "phone_login.h"

/* --- what the verdicts mean ------------------------------------------------------------ */

static void test_each_reason_for_no_code_has_a_text_and_says_whether_one_is_sent_again(void **state)
{
	static const struct {
		enum where where;
		uint8_t reason, state, why;
		enum km_text text;
		bool again;
	} rows[] = {
		{ IN_SENDING, KM_REASON_PHONE_NONE, 0, 0, KM_TEXT_ORDER_GATEWAY, true },
		{ IN_SENDING, KM_REASON_PHONE_BUDGET, 0, 0, KM_TEXT_PHONE_BUDGET, false },
		{ IN_SENDING, KM_REASON_PHONE_LOCKED, 0, 0, KM_TEXT_LOCKED_FOR_GOOD, false },
		{ IN_CALLING, KM_REASON_PHONE_NONE, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_BUSY,
		  KM_TEXT_ORDER_BUSY, true },
		{ IN_CALLING, KM_REASON_PHONE_NONE, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_NO_ANSWER,
		  KM_TEXT_ORDER_NO_ANSWER, true },
		{ IN_CALLING, KM_REASON_PHONE_NONE, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_NO_KEY,
		  KM_TEXT_ORDER_NO_KEY, true },
		{ IN_CALLING, KM_REASON_PHONE_NONE, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_HUNG_UP,
		  KM_TEXT_ORDER_HUNG_UP, true },
		{ IN_CALLING, KM_REASON_PHONE_NONE, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_DECLINED,
		  KM_TEXT_ORDER_DECLINED, true },
		{ IN_CALLING, KM_REASON_PHONE_NONE, KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT,
		  KM_TEXT_ORDER_CALL_CUT, true },
		{ IN_CALLING, KM_REASON_PHONE_NONE, 0, 0, KM_TEXT_ORDER_GATEWAY, true },
		{ IN_CALLING, KM_REASON_PHONE_LATE, KM_ORDER_STATE_KEYED, 0, KM_TEXT_CODE_LATE,
		  true },
		{ IN_CALLING, KM_REASON_WRONG, KM_ORDER_STATE_KEYED, 0, KM_TEXT_CODE_WRONG, true },
		/* What says something about the person has one text. */
		{ IN_CALLING, KM_REASON_UNKNOWN, KM_ORDER_STATE_KEYED, 0, KM_TEXT_CODE_WRONG,
		  true },
		{ IN_CALLING, KM_REASON_SUSPENDED, KM_ORDER_STATE_KEYED, 0, KM_TEXT_CODE_WRONG,
		  true },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct judge_session *s = in(rows[i].where);

		if (rows[i].state)
			assert_int_equal(hears(s, rows[i].state, rows[i].why), KM_OK);
		assert_int_equal(world.clients, 0);
		assert_int_equal(decides(s, KM_VERDICT_RETRY, rows[i].reason, 0), KM_OK);
		assert_int_equal(world.clients, 2);
		says_info(0, rows[i].text, KM_INFO_ERROR);
		asks(1, rows[i].again ? KM_TEXT_PROMPT_PHONE : KM_TEXT_PROMPT_CODE,
		     rows[i].again ? PHONE : CODE);
		assert_int_equal(s->phase, KM_PHASE_ASKED);
		judge_session_close(j, s, KM_REASON_ABORTED);
	}
}

static void test_a_locked_telephone_says_how_long_and_asks_for_another_code(void **state)
{
	struct judge_session *s = in(IN_SENDING);
	char text[sizeof(((struct msg_info *)0)->text)];

	(void)state;
	assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_PHONE_LOCKED, 47), KM_OK);
	km_text_number(KM_TEXT_LOCKED, KM_LANG_EN, 47, text, sizeof(text));
	assert_string_equal(told(0, KM_MSG_INFO)->info.text, text);
	asks(1, KM_TEXT_PROMPT_CODE, CODE);
}

/* C19: having one sent is no guess, and what was not sent is none either; five is enough. */
static void test_c19_sends_use_up_no_try_but_are_not_endless(void **state)
{
	(void)state;
	/* Each second one is not sent at all: the last of them is, or it is not. */
	for (unsigned odd = 0; odd < 2; odd++) {
		struct judge_session *s = at_the_prompt(PHONE);
		unsigned sent = 0;

		while (s->slots.slot[0].shape & KM_SHAPE_PHONE) {
			assert_true(sent < 10);
			forget();
			types(s, "");
			to_the_vault(0, KM_MSG_SEND);
			if (++sent % 2 == odd)
				assert_int_equal(sends(s, KM_ORDER_KEYPAD), KM_OK);
			assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_PHONE_NONE, 0),
					 KM_OK);
		}
		assert_int_equal(sent, 5);
		assert_int_equal(s->used, 0);
		asks(1, KM_TEXT_PROMPT_CODE, CODE);
		/* The tries for codes are all there. */
		for (unsigned i = 0; i < 3; i++) {
			types(s, "000000");
			assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_WRONG, 0), KM_OK);
		}
		refused(KM_VERDICT_DENY, KM_REASON_TRIES);
		forget();
	}
}

static void test_the_fifth_message_can_be_answered_and_no_sixth_is_asked_for(void **state)
{
	struct judge_session *s = at_the_prompt(PHONE);

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		forget();
		types(s, "");
		to_the_vault(0, KM_MSG_SEND);
		assert_int_equal(sends(s, KM_ORDER_MESSAGE), KM_OK);
		assert_int_equal(hears(s, KM_ORDER_STATE_DELIVERED, 0), KM_OK);
		asks(0, i < 4 ? KM_TEXT_PROMPT_SENT : KM_TEXT_PROMPT_CODE, i < 4 ? PHONE : CODE);
	}
	types(s, "755224");
	to_the_vault(1, KM_MSG_CHECK);
}

static void test_wrong_keys_wrong_codes_and_late_ones_use_up_the_same_tries(void **state)
{
	struct judge_session *s = in(IN_CALLING);

	(void)state;
	assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_WRONG, 0), KM_OK);
	assert_int_equal(s->used, 1);
	types(s, "000000");
	assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_PHONE_LATE, 0), KM_OK);
	says_info(2, KM_TEXT_CODE_LATE, KM_INFO_ERROR);
	asks(3, KM_TEXT_PROMPT_PHONE, PHONE);
	assert_int_equal(s->used, 2);
	/* Only the vault's word about an order goes uncounted, not the same word about a code. */
	types(s, "000000");
	assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_PHONE_NONE, 0), KM_OK);
	refused(KM_VERDICT_DENY, KM_REASON_TRIES);
}

/* By a message or a call, each with a finger beside it or without; with the last code, no other. */
static void test_after_a_late_code_another_is_offered_and_all_else_there_is(void **state)
{
	static const struct {
		unsigned shape;
		uint8_t kind;
		enum km_text prompt, last;
	} rows[] = {
		{ PHONE, KM_ORDER_MESSAGE, KM_TEXT_PROMPT_SENT, KM_TEXT_PROMPT_CODE },
		{ PHONE, KM_ORDER_SPOKEN, KM_TEXT_PROMPT_SPOKEN, KM_TEXT_PROMPT_CODE },
		{ PHONE, KM_ORDER_KEYPAD, KM_TEXT_PROMPT_PHONE, KM_TEXT_PROMPT_CODE },
		{ PHONE, KM_ORDER_CONFIRM, KM_TEXT_PROMPT_PHONE, KM_TEXT_PROMPT_CODE },
		{ ALL, KM_ORDER_MESSAGE, KM_TEXT_PROMPT_SENT_TOUCH, KM_TEXT_PROMPT_TOUCH },
		{ ALL, KM_ORDER_SPOKEN, KM_TEXT_PROMPT_SPOKEN_TOUCH, KM_TEXT_PROMPT_TOUCH },
		{ ALL, KM_ORDER_KEYPAD, KM_TEXT_PROMPT_TOUCH_PHONE, KM_TEXT_PROMPT_TOUCH },
		{ ALL, KM_ORDER_CONFIRM, KM_TEXT_PROMPT_TOUCH_PHONE, KM_TEXT_PROMPT_TOUCH },
	};

	(void)state;
	for (unsigned i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		const unsigned n = i / 2, shape = rows[n].shape;
		struct judge_session *s = at_the_prompt(shape);
		bool last = i % 2;

		s->phone.sends = last ? JUDGE_SENDS - 1 : 0;
		types(s, "*");
		assert_int_equal(sends(s, rows[n].kind), KM_OK);
		if (!s->phone.calling) {
			assert_int_equal(hears(s, KM_ORDER_STATE_DELIVERED, 0), KM_OK);
			types(s, "755224");
		}
		forget();
		assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_PHONE_LATE, 0), KM_OK);
		says_info(0, KM_TEXT_CODE_LATE, KM_INFO_ERROR);
		asks(1, last ? rows[n].last : rows[n].prompt,
		     last ? shape & ~(unsigned)KM_SHAPE_PHONE : shape);
		assert_int_equal(world.clients, 2);
		assert_int_equal(s->phase, KM_PHASE_ASKED);
		judge_session_close(j, s, KM_REASON_ABORTED);
		forget();
	}
}

/* --- the vault's part in it ---------------------------------------------------------- */

static void test_c28_an_order_is_told_of_once_and_only_when_it_was_asked_for(void **state)
{
	static const enum where places[] = { IN_OPENING,   IN_ASKED,    IN_CHECKING, IN_GRANTING,
					     IN_CAPTURING, IN_AWAITING, IN_SENT,     IN_CALLING };

	(void)state;
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		assert_int_equal(sends(in(places[i]), KM_ORDER_MESSAGE), KM_EPROTO);
}

static void test_an_order_of_a_kind_that_no_login_has_breaks_the_protocol(void **state)
{
	unsigned good = 0;

	(void)state;
	for (unsigned kind = 0; kind < 256; kind++) {
		struct judge_session *s = in(IN_SENDING);
		bool may = kind == KM_ORDER_MESSAGE || kind == KM_ORDER_KEYPAD ||
			   kind == KM_ORDER_SPOKEN || kind == KM_ORDER_CONFIRM;

		assert_int_equal(sends(s, kind), may ? KM_OK : KM_EPROTO);
		good += may;
		judge_session_close(j, s, KM_REASON_ABORTED);
	}
	assert_int_equal(good, 4);
}

static void test_c28_news_before_any_order_break_the_protocol(void **state)
{
	static const enum where places[] = { IN_OPENING, IN_ASKED, IN_CHECKING, IN_CAPTURING,
					     IN_SENDING };

	(void)state;
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		assert_int_equal(hears(in(places[i]), KM_ORDER_STATE_SENT, 0), KM_EPROTO);
}

static void test_news_that_are_in_no_table_break_the_protocol(void **state)
{
	unsigned states = 0, whys = 0;

	(void)state;
	for (unsigned n = 0; n < 256; n++) {
		struct judge_session *s = in(IN_CALLING);
		bool known = km_order_state_known(n);

		assert_int_equal(hears(s, n, 0), known ? KM_OK : KM_EPROTO);
		states += known;
		judge_session_close(j, s, KM_REASON_ABORTED);
		forget();
		s = in(IN_CALLING);
		known = km_order_why_known(n);
		assert_int_equal(hears(s, KM_ORDER_STATE_FAILED, n), known ? KM_OK : KM_EPROTO);
		whys += known;
		judge_session_close(j, s, KM_REASON_ABORTED);
		forget();
	}
	assert_int_equal(states, 10);
	assert_int_equal(whys, 18);
}

static void test_a_verdict_on_what_nobody_has_answered_breaks_the_protocol(void **state)
{
	(void)state;
	assert_int_equal(decides(in(IN_AWAITING), KM_VERDICT_RETRY, KM_REASON_WRONG, 0), KM_EPROTO);
	assert_int_equal(decides(in(IN_AWAITING), KM_VERDICT_NEXT, 0, 0), KM_EPROTO);
	assert_int_equal(decides(in(IN_SENT), KM_VERDICT_RETRY, KM_REASON_WRONG, 0), KM_EPROTO);
	assert_int_equal(decides(in(IN_SENT), KM_VERDICT_NEXT, 0, 0), KM_EPROTO);
	assert_int_equal(decides(in(IN_SENT), KM_VERDICT_ALLOW, 0, 0), KM_EPROTO);
	assert_int_equal(decides(in(IN_ASKED), KM_VERDICT_DENY, 0, 0), KM_EPROTO);
}

static void test_no_step_is_passed_by_having_a_code_sent(void **state)
{
	struct judge_session *s = in(IN_OPENING);
	struct km_msg m = phone_plan(s->id, 2);

	(void)state;
	assert_int_equal(vault_says(&m), KM_OK);
	types(s, "");
	assert_int_equal(decides(s, KM_VERDICT_NEXT, 0, 0), KM_EPROTO);
	assert_int_equal(s->at, 0);
}

/* The vault says why, on the client's descriptor; the door shows it as soon as something is typed.
 */
static void test_a_star_in_a_call_ends_the_login_in_whatever_phase_it_is(void **state)
{
	static const enum where places[] = { IN_AWAITING, IN_SENT, IN_CALLING };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct judge_session *s = in(places[i]);
		uint32_t id = s->id;

		assert_int_equal(hears(s, KM_ORDER_STATE_NOT_ME, 0), KM_OK);
		assert_int_equal(world.clients, 0);
		assert_int_equal(decides(s, KM_VERDICT_DENY, KM_REASON_PHONE_NOT_ME, 0), KM_OK);
		assert_null(judge_session_find(j, id));
		/* It was the vault that ended it: there is nothing to tell it, or anybody. */
		assert_int_equal(world.clients, 0);
		assert_int_equal(world.vaults, 0);
		assert_int_equal(world.gone, 1);
		forget();
	}
}

/* --- time ------------------------------------------------------------------------------ */

static void test_a_login_lasts_as_long_as_the_code_that_was_sent_and_some_more(void **state)
{
	struct judge_session *s = in(IN_SENDING);

	(void)state;
	s->deadline_ms = km_boot_ms() + 20 * 1000;
	assert_int_equal(sends(s, KM_ORDER_MESSAGE), KM_OK);
	assert_int_equal(world.deadline, 300 + JUDGE_AFTER_ORDER);
}

static void test_a_login_that_lasts_longer_anyway_is_not_cut_short(void **state)
{
	struct judge_session *s = in(IN_SENDING);

	(void)state;
	world.deadline = 0;
	s->deadline_ms = km_boot_ms() + 600 * 1000;
	assert_int_equal(sends(s, KM_ORDER_MESSAGE), KM_OK);
	assert_int_equal(world.deadline, 0);
}

static void test_codes_sent_again_and_again_do_not_keep_a_login_for_ever(void **state)
{
	struct judge_session *s = in(IN_SENDING);

	(void)state;
	assert_int_equal(s->deadline_s, 90);
	clocks_hold();
	s->deadline_ms = km_boot_ms() + 1000;
	s->opened_ms = km_boot_ms() - 680 * 1000;
	assert_int_equal(sends(s, KM_ORDER_MESSAGE), KM_OK);
	assert_int_equal(world.deadline, 10); /* that are left */
	s = in(IN_SENDING);
	world.deadline = 0;
	s->deadline_ms = km_boot_ms() + 1000;
	s->opened_ms = km_boot_ms() - 700 * 1000;
	assert_int_equal(sends(s, KM_ORDER_MESSAGE), KM_OK);
	assert_int_equal(world.deadline, 0);
	clocks_go_on();
}

/* --- how it ends --------------------------------------------------------------------- */

/* C9: the client goes, time is up, the vault goes: in every phase, and nobody is woken for it. */
static void test_c9_whoever_goes_in_whatever_phase_the_vault_hears_of_it(void **state)
{
	static const enum where places[] = { IN_SENDING, IN_AWAITING, IN_SENT, IN_CALLING };

	(void)state;
	for (unsigned how = 0; how < 4; how++)
		for (unsigned i = 0; i < 4; i++) {
			struct judge_session *s = in(places[i]);
			struct km_msg m = { .number = KM_MSG_ABORT };
			uint32_t id = s->id;

			if (how == 0)
				says(s, &m);
			else if (how == 1)
				judge_session_refuse(j, s, KM_REASON_DEADLINE);
			else if (how == 2)
				judge_session_close(j, s, KM_REASON_ABORTED);
			else
				judge_sessions_lost_vault(j);
			assert_null(judge_session_find(j, id));
			assert_int_equal(world.gone, 1);
			/* With CLOSE it takes back what is not sent yet. */
			to_the_vault(world.vaults - 1, KM_MSG_CLOSE);
			assert_int_equal(s->wake_ms, 0);
			if (how == 1)
				refused(KM_VERDICT_UNAVAILABLE, KM_REASON_DEADLINE);
			if (how == 3)
				refused(KM_VERDICT_UNAVAILABLE, KM_REASON_NO_VAULT);
			/* What is still said of it, meant for nobody, does no harm. */
			m = news(id, KM_ORDER_STATE_SENT, 0);
			assert_int_equal(vault_says(&m), KM_OK);
			m = sending(id, KM_ORDER_MESSAGE, 300);
			assert_int_equal(vault_says(&m), KM_OK);
			forget();
		}
}

static void test_an_answer_while_a_code_is_on_its_way_ends_that_client(void **state)
{
	static const enum where places[] = { IN_SENDING, IN_AWAITING, IN_CALLING };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		types(in(places[i]), "755224");
		refused(KM_VERDICT_UNAVAILABLE, KM_REASON_PROTOCOL);
		forget();
	}
}

static void test_a_client_that_does_not_read_is_closed_whatever_it_is_told(void **state)
{
	static const struct {
		enum where where;
		uint8_t state; /* that is heard; 0: a verdict, or nothing for ten seconds */
		bool verdict;
	} rows[] = {
		{ IN_AWAITING, KM_ORDER_STATE_SENT, false },
		{ IN_AWAITING, KM_ORDER_STATE_DELIVERED, false },
		{ IN_AWAITING, KM_ORDER_STATE_FAILED, false },
		{ IN_CALLING, KM_ORDER_STATE_RINGING, false },
		{ IN_CALLING, 0, true },
		{ IN_SENDING, 0, true },
		{ IN_AWAITING, 0, false },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct judge_session *s = in(rows[i].where);

		world.client_rc = KM_EAGAIN;
		if (rows[i].state)
			assert_int_equal(hears(s, rows[i].state, 0), KM_OK);
		else if (rows[i].verdict)
			assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_PHONE_NONE, 0),
					 KM_OK);
		else
			judge_phone_waited(j, s);
		world.client_rc = KM_OK;
		assert_int_equal(world.gone, 1);
		to_the_vault(0, KM_MSG_CLOSE);
		forget();
	}
}

static void test_a_client_that_does_not_hear_of_a_failure_is_closed(void **state)
{
	struct judge_session *s = in(IN_SENT);
	uint32_t id = s->id;

	(void)state;
	assert_int_equal(hears(s, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_REFUSED), KM_OK);
	types(s, "755224");
	world.client_rc = KM_EAGAIN;
	assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_WRONG, 0), KM_OK);
	world.client_rc = KM_OK;
	assert_null(judge_session_find(j, id));
}

static void test_a_vault_that_cannot_be_asked_refuses_the_login(void **state)
{
	static const unsigned shapes[] = { PHONE, ALL };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct judge_session *s = at_the_prompt(shapes[i]);

		world.vault_rc = KM_EUNAVAIL;
		types(s, "*");
		world.vault_rc = KM_OK;
		refused(KM_VERDICT_UNAVAILABLE, KM_REASON_NO_VAULT);
		forget();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_HOUSE(
		    test_each_reason_for_no_code_has_a_text_and_says_whether_one_is_sent_again),
		IN_HOUSE(test_a_locked_telephone_says_how_long_and_asks_for_another_code),
		IN_HOUSE(test_c19_sends_use_up_no_try_but_are_not_endless),
		IN_HOUSE(test_the_fifth_message_can_be_answered_and_no_sixth_is_asked_for),
		IN_HOUSE(test_wrong_keys_wrong_codes_and_late_ones_use_up_the_same_tries),
		IN_HOUSE(test_after_a_late_code_another_is_offered_and_all_else_there_is),
		IN_HOUSE(test_c28_an_order_is_told_of_once_and_only_when_it_was_asked_for),
		IN_HOUSE(test_an_order_of_a_kind_that_no_login_has_breaks_the_protocol),
		IN_HOUSE(test_c28_news_before_any_order_break_the_protocol),
		IN_HOUSE(test_news_that_are_in_no_table_break_the_protocol),
		IN_HOUSE(test_a_verdict_on_what_nobody_has_answered_breaks_the_protocol),
		IN_HOUSE(test_no_step_is_passed_by_having_a_code_sent),
		IN_HOUSE(test_a_star_in_a_call_ends_the_login_in_whatever_phase_it_is),
		IN_HOUSE(test_a_login_lasts_as_long_as_the_code_that_was_sent_and_some_more),
		IN_HOUSE(test_a_login_that_lasts_longer_anyway_is_not_cut_short),
		IN_HOUSE(test_codes_sent_again_and_again_do_not_keep_a_login_for_ever),
		IN_HOUSE(test_c9_whoever_goes_in_whatever_phase_the_vault_hears_of_it),
		IN_HOUSE(test_an_answer_while_a_code_is_on_its_way_ends_that_client),
		IN_HOUSE(test_a_client_that_does_not_read_is_closed_whatever_it_is_told),
		IN_HOUSE(test_a_client_that_does_not_hear_of_a_failure_is_closed),
		IN_HOUSE(test_a_vault_that_cannot_be_asked_refuses_the_login),
	};

	return cmocka_run_group_tests_name("session_phone_end", tests, NULL, NULL);
}
