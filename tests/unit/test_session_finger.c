/* A login with a finger, as the judge leads it: between a client, a vault and a sensor. */
#include "fake_judge.h"

static const struct km_msg *told(unsigned i, unsigned number)
{
	assert_true(i < world.clients);
	assert_int_equal(world.client[i].number, number);
	return &world.client[i];
}

static const struct km_msg *to_the_vault(unsigned i, unsigned number)
{
	assert_true(i < world.vaults);
	assert_int_equal(world.vault[i].number, number);
	return &world.vault[i];
}

static void sensor_was_told(unsigned i, unsigned number, uint8_t grant)
{
	uint8_t all[KM_GRANT_BYTES];
	const struct km_msg *m = &world.sensor[i];

	memset(all, grant, sizeof(all));
	assert_true(i < world.sensors);
	assert_int_equal(m->number, number);
	assert_memory_equal(number == KM_MSG_CAPTURE ? m->capture.grant : m->stop.grant, all,
			    sizeof(all));
}

static void says_info(unsigned i, enum km_text text)
{
	assert_string_equal(told(i, KM_MSG_INFO)->info.text, km_text(text, KM_LANG_EN));
}

static void asks(unsigned i, enum km_text text, unsigned shape)
{
	const struct km_msg *m = told(i, KM_MSG_PROMPT);

	assert_string_equal(m->prompt.text, km_text(text, KM_LANG_EN));
	assert_int_equal(m->prompt.shape, shape);
}

static void touches(struct judge_session *s)
{
	struct km_msg m = answer("");

	says(s, &m);
}

static km_rc grants(struct judge_session *s, uint8_t grant)
{
	struct km_msg m = granted(s->id, grant, 20);

	return vault_says(&m);
}

static km_rc decides(struct judge_session *s, uint8_t v, uint8_t reason, uint32_t wait)
{
	struct km_msg m = verdict(s->id, v);

	m.verdict.reason = reason;
	m.verdict.wait = wait;
	return vault_says(&m);
}

#define BOTH (KM_SHAPE_DIGITS_6 | KM_SHAPE_TOUCH)

/* --- one login ------------------------------------------------------------------------ */

static void test_a_login_with_a_finger_goes_from_enter_to_the_vaults_verdict(void **state)
{
	struct judge_session *s = in(IN_OPENING);
	struct km_msg m = touch_plan(s->id, 1);
	uint32_t id = s->id;

	(void)state;
	assert_int_equal(vault_says(&m), KM_OK);
	asks(0, KM_TEXT_PROMPT_TOUCH, BOTH);
	assert_int_equal(world.client[0].prompt.echo, 1);
	touches(s);
	assert_int_equal(to_the_vault(0, KM_MSG_GRANT)->grant.step, 10);
	assert_int_equal(world.sensors, 0);
	assert_int_equal(grants(s, GRANT), KM_OK);
	sensor_was_told(0, KM_MSG_CAPTURE, GRANT);
	assert_int_equal(world.sensor[0].capture.version, KM_ROOM_PROTOCOL);
	assert_int_equal(world.sensor[0].capture.shots, 1);
	assert_int_equal(world.sensor[0].capture.seconds, 20);
	assert_int_equal(sensor_says(GRANT, KM_SENSOR_WAITING), KM_OK);
	says_info(1, KM_TEXT_TOUCH);
	assert_int_equal(sensor_says(GRANT, KM_SENSOR_TAKEN), KM_OK);
	assert_int_equal(sensor_says(GRANT, KM_SENSOR_DONE), KM_OK);
	assert_int_equal(decides(s, KM_VERDICT_ALLOW, 0, 0), KM_OK);
	/* Not a word from the judge after that; nothing but GRANT went to the vault, and the
	 * sensor, which is done, is not told to stop. */
	assert_int_equal(world.clients, 2);
	assert_int_equal(world.vaults, 1);
	assert_int_equal(world.sensors, 1);
	assert_null(judge_session_find(j, id));
	assert_int_equal(captures(), 0);
}

static void test_whatever_is_typed_at_that_prompt_is_a_code(void **state)
{
	struct judge_session *s = in(IN_OPENING);
	struct km_msg m = touch_plan(s->id, 1), a = answer("755224");

	(void)state;
	assert_int_equal(vault_says(&m), KM_OK);
	says(s, &a);
	assert_memory_equal(to_the_vault(0, KM_MSG_CHECK)->check.secret.bytes, "755224", 6);
	assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_WRONG, 0), KM_OK);
	says_info(1, KM_TEXT_CODE_WRONG);
	asks(2, KM_TEXT_PROMPT_TOUCH, BOTH);
}

/* C31: the vault's plan says it; without TOUCH, Enter alone is an answer like any other. */
static void test_c31_without_touch_in_the_plan_no_grant_is_ever_asked_for(void **state)
{
	struct judge_session *s = in(IN_ASKED);

	(void)state;
	touches(s);
	assert_int_equal(to_the_vault(0, KM_MSG_CHECK)->check.secret.len, 0);
	assert_int_equal(grants(s, GRANT), KM_EPROTO);
	assert_int_equal(world.sensors, 0);
}

static void test_a_plan_with_a_finger_alone_breaks_the_protocol(void **state)
{
	struct judge_session *s = in(IN_OPENING);
	struct km_msg m = touch_plan(s->id, 1);

	(void)state;
	m.plan.slots.slot[0].shape = KM_SHAPE_TOUCH;
	assert_int_equal(vault_says(&m), KM_EPROTO);
}

static void test_a_finger_passes_one_step_and_the_next_is_asked_by_its_own_factor(void **state)
{
	struct judge_session *s = in(IN_OPENING);
	struct km_msg m = touch_plan(s->id, 3), a = answer("755224");

	(void)state;
	m.plan.slots.slot[1].shape = KM_SHAPE_RECOVERY;
	assert_int_equal(vault_says(&m), KM_OK);
	touches(s);
	assert_int_equal(grants(s, GRANT), KM_OK);
	assert_int_equal(decides(s, KM_VERDICT_NEXT, 0, 0), KM_OK);
	asks(1, KM_TEXT_PROMPT_RECOVERY, KM_SHAPE_RECOVERY);
	assert_int_equal(s->phase, KM_PHASE_ASKED);
	says(s, &a);
	assert_int_equal(decides(s, KM_VERDICT_NEXT, 0, 0), KM_OK);
	asks(2, KM_TEXT_PROMPT_TOUCH, KM_SHAPE_RECOVERY | KM_SHAPE_TOUCH);
	/* A recovery code is not shown as it is typed, finger or not. */
	assert_int_equal(world.client[2].prompt.echo, 0);
	touches(s);
	assert_int_equal(to_the_vault(2, KM_MSG_GRANT)->grant.step, 12);
}

static void test_a_capture_leaves_half_of_the_login_for_a_code(void **state)
{
	struct judge_session *s;

	(void)state;
	j->conf.login.deadline = 30;
	s = in(IN_GRANTING);
	assert_int_equal(grants(s, GRANT), KM_OK);
	assert_int_equal(world.sensor[0].capture.seconds, 15);
}

/* --- the finger first ----------------------------------------------------------------- */

static struct judge_session *finger_first(unsigned steps)
{
	struct judge_session *s;
	struct km_msg m;

	j->conf.login.finger_first = true;
	s = in(IN_OPENING);
	m = touch_plan(s->id, steps);
	assert_int_equal(vault_says(&m), KM_OK);
	return s;
}

static void test_finger_first_asks_nothing_and_falls_to_the_code(void **state)
{
	struct judge_session *s = finger_first(1);
	struct km_msg a = answer("755224");

	(void)state;
	assert_int_equal(world.clients, 0);
	to_the_vault(0, KM_MSG_GRANT);
	assert_int_equal(grants(s, GRANT), KM_OK);
	assert_int_equal(sensor_says(GRANT, KM_SENSOR_WAITING), KM_OK);
	assert_int_equal(world.clients, 1);
	says_info(0, KM_TEXT_TOUCH);
	assert_int_equal(sensor_says(GRANT, KM_SENSOR_TIMEOUT), KM_OK);
	assert_int_equal(to_the_vault(1, KM_MSG_REVOKE)->revoke.event, KM_SENSOR_TIMEOUT);
	assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_FINGER_NONE, 0), KM_OK);
	says_info(1, KM_TEXT_TOUCH_TIMEOUT);
	asks(2, KM_TEXT_PROMPT_TOUCH, BOTH);
	says(s, &a);
	to_the_vault(2, KM_MSG_CHECK);
}

/* The door believes no ALLOW before it, and nothing else need be said until then. */
static void test_finger_first_says_welcome_before_the_vault_can_allow(void **state)
{
	struct judge_session *s = in(IN_REQUEST);
	struct km_msg m = login(KM_REQUEST_AUTHENTICATE, ALICE);

	(void)state;
	j->conf.login.finger_first = true;
	j->link.plans = true;
	s->welcomed = false; /* HELLO and LOGIN came together */
	says(s, &m);
	s->welcomed = false;
	forget();
	m = touch_plan(s->id, 1);
	assert_int_equal(vault_says(&m), KM_OK);
	told(0, KM_MSG_WELCOME);
	assert_int_equal(world.clients, 1);
	to_the_vault(0, KM_MSG_GRANT);
	/* One that does not even read that is closed. */
	s = in(IN_OPENING);
	s->welcomed = false;
	world.client_rc = KM_EAGAIN;
	m = touch_plan(s->id, 1);
	assert_int_equal(vault_says(&m), KM_OK);
	world.client_rc = KM_OK;
	assert_int_equal(world.gone, 1);
	assert_int_equal(to_the_vault(0, KM_MSG_CLOSE)->close.reason, KM_REASON_ABORTED);
}

static void test_finger_first_holds_for_each_step_that_takes_one(void **state)
{
	struct judge_session *s = finger_first(2);

	(void)state;
	assert_int_equal(grants(s, GRANT), KM_OK);
	assert_int_equal(decides(s, KM_VERDICT_NEXT, 0, 0), KM_OK);
	assert_int_equal(to_the_vault(1, KM_MSG_GRANT)->grant.step, 11);
	assert_int_equal(world.clients, 0);
}

static void test_finger_first_of_one_service_is_not_that_of_others(void **state)
{
	struct judge_session *s;
	struct km_msg m;

	(void)state;
	j->conf.service_count = 1;
	snprintf(j->conf.service[0].name, sizeof(j->conf.service[0].name), "login");
	j->conf.service[0].login = j->conf.login;
	j->conf.service[0].login.finger_first = true;
	s = in(IN_OPENING); /* of the service "login" */
	m = touch_plan(s->id, 1);
	assert_int_equal(vault_says(&m), KM_OK);
	to_the_vault(0, KM_MSG_GRANT);
	s = in(IN_REQUEST);
	m = login(KM_REQUEST_AUTHENTICATE, ALICE);
	snprintf(m.login.service, sizeof(m.login.service), "sudo");
	says(s, &m);
	m = touch_plan(s->id, 1);
	assert_int_equal(vault_says(&m), KM_OK);
	assert_int_equal(world.client[world.clients - 1].number, KM_MSG_PROMPT);
}

/* --- what the verdicts mean --------------------------------------------------------------- */

static void test_each_reason_has_its_text_and_says_whether_a_finger_is_offered_again(void **state)
{
	static const struct {
		uint8_t reason;
		unsigned event; /* that ended the capture before; 0: none */
		enum km_text text, prompt;
	} rows[] = {
		{ KM_REASON_FINGER, 0, KM_TEXT_FINGER_WRONG, KM_TEXT_PROMPT_TOUCH },
		{ KM_REASON_FINGER_POOR, 0, KM_TEXT_TOUCH_AGAIN, KM_TEXT_PROMPT_TOUCH },
		{ KM_REASON_FINGER_DISABLED, 0, KM_TEXT_FINGER_DISABLED, KM_TEXT_PROMPT_CODE },
		{ KM_REASON_FINGER_ELSEWHERE, 0, KM_TEXT_FINGER_ELSEWHERE, KM_TEXT_PROMPT_TOUCH },
		{ KM_REASON_FINGER_NONE, 0, KM_TEXT_READER_FAILED, KM_TEXT_PROMPT_CODE },
		{ KM_REASON_FINGER_NONE, KM_SENSOR_TIMEOUT, KM_TEXT_TOUCH_TIMEOUT,
		  KM_TEXT_PROMPT_TOUCH },
		{ KM_REASON_FINGER_NONE, KM_SENSOR_NO_READER, KM_TEXT_READER_NONE,
		  KM_TEXT_PROMPT_CODE },
		{ KM_REASON_FINGER_NONE, KM_SENSOR_UNSUPPORTED, KM_TEXT_READER_UNSUPPORTED,
		  KM_TEXT_PROMPT_CODE },
		{ KM_REASON_FINGER_NONE, KM_SENSOR_CLAIMED, KM_TEXT_READER_CLAIMED,
		  KM_TEXT_PROMPT_CODE },
		{ KM_REASON_FINGER_NONE, KM_SENSOR_HOT, KM_TEXT_READER_HOT, KM_TEXT_PROMPT_CODE },
		{ KM_REASON_FINGER_NONE, KM_SENSOR_FAILED, KM_TEXT_READER_FAILED,
		  KM_TEXT_PROMPT_CODE },
		{ KM_REASON_FINGER_NONE, KM_SENSOR_STOPPED, KM_TEXT_READER_FAILED,
		  KM_TEXT_PROMPT_CODE },
		{ KM_REASON_SUSPENDED, 0, KM_TEXT_FINGER_WRONG, KM_TEXT_PROMPT_TOUCH },
		/* The finding came first, and is what counts. */
		{ KM_REASON_FINGER, KM_SENSOR_TIMEOUT, KM_TEXT_FINGER_WRONG, KM_TEXT_PROMPT_TOUCH },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct judge_session *s = in(IN_CAPTURING);

		if (rows[i].event)
			assert_int_equal(sensor_says(GRANT, rows[i].event), KM_OK);
		forget();
		assert_int_equal(decides(s, KM_VERDICT_RETRY, rows[i].reason, 0), KM_OK);
		assert_int_equal(world.clients, 2);
		says_info(0, rows[i].text);
		assert_int_equal(world.client[0].info.error, 1);
		asks(1, rows[i].prompt,
		     rows[i].prompt == KM_TEXT_PROMPT_TOUCH ? BOTH : KM_SHAPE_DIGITS_6);
		assert_int_equal(s->phase, KM_PHASE_ASKED);
		assert_int_equal(captures(), 0);
		judge_session_close(j, s, KM_REASON_ABORTED);
		forget();
	}
}

static void test_a_locked_finger_says_how_long_and_asks_for_a_code(void **state)
{
	struct judge_session *s = in(IN_GRANTING);
	char text[sizeof(((struct msg_info *)0)->text)];

	(void)state;
	assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_FINGER_LOCKED, 23), KM_OK);
	km_text_number(KM_TEXT_FINGER_LOCKED, KM_LANG_EN, 23, text, sizeof(text));
	assert_non_null(strstr(text, "23"));
	assert_string_equal(told(0, KM_MSG_INFO)->info.text, text);
	asks(1, KM_TEXT_PROMPT_CODE, KM_SHAPE_DIGITS_6);
	assert_int_equal(world.sensors, 0);
}

static void test_a_finger_taken_from_the_offer_is_offered_in_no_later_step(void **state)
{
	struct judge_session *s = in(IN_OPENING);
	struct km_msg m = touch_plan(s->id, 2), a = answer("755224");

	(void)state;
	assert_int_equal(vault_says(&m), KM_OK);
	touches(s);
	assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_FINGER_NONE, 0), KM_OK);
	says(s, &a);
	assert_int_equal(decides(s, KM_VERDICT_NEXT, 0, 0), KM_OK);
	asks(world.clients - 1, KM_TEXT_PROMPT_RECOVERY, KM_SHAPE_RECOVERY);
}

static void test_wrong_fingers_and_wrong_codes_use_up_the_same_tries(void **state)
{
	struct judge_session *s = in(IN_CAPTURING);
	struct km_msg a = answer("000000");

	(void)state;
	assert_int_equal(s->tries, 3);
	assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_FINGER, 0), KM_OK);
	says(s, &a);
	assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_WRONG, 0), KM_OK);
	touches(s);
	assert_int_equal(grants(s, GRANT + 1), KM_OK);
	assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_FINGER, 0), KM_OK);
	refused(KM_VERDICT_DENY, KM_REASON_TRIES);
	assert_int_equal(captures(), 0);
}

/* C32: a fault of the device is no mismatch; and what is not counted has an end all the same. */
static void test_c32_what_says_nothing_of_the_person_uses_up_no_try_but_is_not_endless(void **state)
{
	static const uint8_t reasons[] = { KM_REASON_FINGER_POOR, KM_REASON_FINGER_NONE };
	struct km_msg a = answer("000000");

	(void)state;
	for (unsigned i = 0; i < sizeof(reasons); i++) {
		struct judge_session *s = in(IN_GRANTING);
		unsigned asked = 1;

		while (s->slots.slot[0].shape & KM_SHAPE_TOUCH) {
			assert_true(asked <= 10);
			assert_int_equal(grants(s, GRANT), KM_OK);
			assert_int_equal(sensor_says(GRANT, reasons[i] == KM_REASON_FINGER_NONE
								? KM_SENSOR_TIMEOUT
								: KM_SENSOR_TAKEN),
					 KM_OK);
			forget();
			assert_int_equal(decides(s, KM_VERDICT_RETRY, reasons[i], 0), KM_OK);
			if (s->slots.slot[0].shape & KM_SHAPE_TOUCH) {
				touches(s);
				asked++;
			}
		}
		assert_int_equal(asked, 5);
		assert_int_equal(s->used, 0);
		asks(1, KM_TEXT_PROMPT_CODE, KM_SHAPE_DIGITS_6);
		for (unsigned t = 0; t < 3; t++) {
			says(s, &a);
			assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_WRONG, 0), KM_OK);
		}
		refused(KM_VERDICT_DENY, KM_REASON_TRIES);
		forget();
	}
}

/* Only the vault's word about a finger goes uncounted, not the same word about a code. */
static void test_a_code_is_counted_whatever_reason_the_vault_gives(void **state)
{
	struct judge_session *s = in(IN_CHECKING);
	struct km_msg a = answer("000000");

	(void)state;
	for (unsigned t = 1; t < 3; t++) {
		assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_FINGER_POOR, 0), KM_OK);
		says(s, &a);
	}
	assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_FINGER_POOR, 0), KM_OK);
	refused(KM_VERDICT_DENY, KM_REASON_TRIES);
}

/* --- the vault's part in it ----------------------------------------------------------------- */

static void test_a_grant_comes_once_and_only_when_it_was_asked_for(void **state)
{
	struct judge_session *s = in(IN_CAPTURING);

	(void)state;
	assert_int_equal(grants(s, GRANT + 1), KM_EPROTO);
	s = in(IN_CHECKING);
	assert_int_equal(grants(s, GRANT + 1), KM_EPROTO);
	/* One grant for two logins would mix up whose finger it is. */
	s = in(IN_GRANTING);
	assert_int_equal(grants(s, GRANT), KM_EPROTO);
	assert_int_equal(world.sensors, 0);
	assert_int_equal(captures(), 1);
}

static void test_each_grant_hears_one_verdict_when_a_revoke_crosses_with_it(void **state)
{
	struct judge_session *s = in(IN_CAPTURING);

	(void)state;
	assert_int_equal(sensor_says(GRANT, KM_SENSOR_TIMEOUT), KM_OK);
	to_the_vault(0, KM_MSG_REVOKE);
	/* The finding was faster. */
	assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_FINGER, 0), KM_OK);
	assert_int_equal(s->phase, KM_PHASE_ASKED);
	/* One more for that grant would be one too many. */
	assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_FINGER_NONE, 0), KM_EPROTO);
}

static void test_a_verdict_before_the_sensor_is_done_stops_it(void **state)
{
	static const uint8_t verdicts[] = { KM_VERDICT_RETRY, KM_VERDICT_DENY, KM_VERDICT_ALLOW,
					    KM_VERDICT_UNAVAILABLE };

	(void)state;
	for (unsigned i = 0; i < sizeof(verdicts); i++) {
		struct judge_session *s = in(IN_CAPTURING);

		assert_int_equal(decides(s, verdicts[i], KM_REASON_FINGER_NONE, 0), KM_OK);
		sensor_was_told(0, KM_MSG_STOP, GRANT);
		assert_int_equal(captures(), 0);
		if (verdicts[i] == KM_VERDICT_RETRY)
			judge_session_close(j, s, KM_REASON_ABORTED);
		forget();
	}
}

/* --- how it ends ----------------------------------------------------------------------------- */

/* C9, C27: the client goes, time is up, the vault goes: in every phase, and nothing is captured on.
 */
static void test_c27_whoever_goes_in_whatever_phase_the_capture_is_stopped(void **state)
{
	unsigned stopped = 0;

	(void)state;
	for (unsigned how = 0; how < 4; how++)
		for (unsigned where = 0; where < PHASES; where++) {
			struct judge_session *s = in((enum where)where);

			if (how == 0)
				judge_session_close(j, s, KM_REASON_ABORTED);
			else if (how == 1)
				judge_session_refuse(j, s, KM_REASON_DEADLINE);
			else if (how == 2)
				judge_link_down(j, false);
			else
				judge_session_heard(j, s, (const uint8_t *)"junk", 4);
			if (where == IN_CAPTURING)
				sensor_was_told(0, KM_MSG_STOP, GRANT);
			assert_int_equal(world.sensors, where == IN_CAPTURING);
			assert_int_equal(captures(), 0);
			stopped += world.sensors;
			if (s->id != 0)
				judge_session_close(j, s, KM_REASON_ABORTED);
			forget();
		}
	assert_int_equal(stopped, 4);
}

static void test_an_abort_while_the_sensor_waits_closes_and_stops(void **state)
{
	struct judge_session *s = in(IN_CAPTURING);
	struct km_msg m = { .number = KM_MSG_ABORT };

	(void)state;
	says(s, &m);
	to_the_vault(0, KM_MSG_CLOSE);
	sensor_was_told(0, KM_MSG_STOP, GRANT);
	assert_int_equal(world.gone, 1);
}

static void test_a_client_that_does_not_read_what_the_sensor_says_is_closed(void **state)
{
	(void)state;
	in(IN_CAPTURING);
	world.client_rc = KM_EAGAIN;
	assert_int_equal(sensor_says(GRANT, KM_SENSOR_WAITING), KM_OK);
	world.client_rc = KM_OK;
	assert_int_equal(world.gone, 1);
	to_the_vault(0, KM_MSG_CLOSE);
	sensor_was_told(0, KM_MSG_STOP, GRANT);
	assert_int_equal(captures(), 0);
}

static void test_a_vault_that_cannot_be_told_of_a_revoke_refuses_the_login(void **state)
{
	(void)state;
	in(IN_CAPTURING);
	world.vault_rc = KM_EUNAVAIL;
	assert_int_equal(sensor_says(GRANT, KM_SENSOR_TIMEOUT), KM_OK);
	world.vault_rc = KM_OK;
	refused(KM_VERDICT_UNAVAILABLE, KM_REASON_NO_VAULT);
	assert_int_equal(captures(), 0);
}

static void test_without_a_sensor_the_grant_is_given_back_and_a_code_is_asked_for(void **state)
{
	struct judge_session *s = in(IN_GRANTING);

	(void)state;
	world.sensor_rc = KM_EUNAVAIL;
	assert_int_equal(grants(s, GRANT), KM_OK);
	world.sensor_rc = KM_OK;
	assert_int_equal(to_the_vault(0, KM_MSG_REVOKE)->revoke.event, KM_SENSOR_FAILED);
	assert_int_equal(captures(), 0);
	assert_int_equal(decides(s, KM_VERDICT_RETRY, KM_REASON_FINGER_NONE, 0), KM_OK);
	says_info(0, KM_TEXT_READER_FAILED);
	asks(1, KM_TEXT_PROMPT_CODE, KM_SHAPE_DIGITS_6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_HOUSE(test_a_login_with_a_finger_goes_from_enter_to_the_vaults_verdict),
		IN_HOUSE(test_whatever_is_typed_at_that_prompt_is_a_code),
		IN_HOUSE(test_c31_without_touch_in_the_plan_no_grant_is_ever_asked_for),
		IN_HOUSE(test_a_plan_with_a_finger_alone_breaks_the_protocol),
		IN_HOUSE(test_a_finger_passes_one_step_and_the_next_is_asked_by_its_own_factor),
		IN_HOUSE(test_a_capture_leaves_half_of_the_login_for_a_code),
		IN_HOUSE(test_finger_first_asks_nothing_and_falls_to_the_code),
		IN_HOUSE(test_finger_first_says_welcome_before_the_vault_can_allow),
		IN_HOUSE(test_finger_first_holds_for_each_step_that_takes_one),
		IN_HOUSE(test_finger_first_of_one_service_is_not_that_of_others),
		IN_HOUSE(test_each_reason_has_its_text_and_says_whether_a_finger_is_offered_again),
		IN_HOUSE(test_a_locked_finger_says_how_long_and_asks_for_a_code),
		IN_HOUSE(test_a_finger_taken_from_the_offer_is_offered_in_no_later_step),
		IN_HOUSE(test_wrong_fingers_and_wrong_codes_use_up_the_same_tries),
		IN_HOUSE(
		    test_c32_what_says_nothing_of_the_person_uses_up_no_try_but_is_not_endless),
		IN_HOUSE(test_a_code_is_counted_whatever_reason_the_vault_gives),
		IN_HOUSE(test_a_grant_comes_once_and_only_when_it_was_asked_for),
		IN_HOUSE(test_each_grant_hears_one_verdict_when_a_revoke_crosses_with_it),
		IN_HOUSE(test_a_verdict_before_the_sensor_is_done_stops_it),
		IN_HOUSE(test_c27_whoever_goes_in_whatever_phase_the_capture_is_stopped),
		IN_HOUSE(test_an_abort_while_the_sensor_waits_closes_and_stops),
		IN_HOUSE(test_a_client_that_does_not_read_what_the_sensor_says_is_closed),
		IN_HOUSE(test_a_vault_that_cannot_be_told_of_a_revoke_refuses_the_login),
		IN_HOUSE(test_without_a_sensor_the_grant_is_given_back_and_a_code_is_asked_for),
	};

	return cmocka_run_group_tests_name("session_finger", tests, NULL, NULL);
}
