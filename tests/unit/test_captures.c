/* What the sensor says, and what it does not say: for logins, and for the vault itself. */
#include <kenmon/clock.h>

#include "fake_judge.h"

static km_rc senses(uint8_t grant, uint8_t shots)
{
	struct km_msg m = { .number = KM_MSG_SENSE };

	memset(m.sense.grant, grant, sizeof(m.sense.grant));
	m.sense.shots = shots;
	m.sense.seconds = 120;
	return vault_says(&m);
}

static km_rc unsenses(uint8_t grant)
{
	struct km_msg m = { .number = KM_MSG_UNSENSE };

	memset(m.unsense.grant, grant, sizeof(m.unsense.grant));
	return vault_says(&m);
}

static struct judge_session *captures_by(uint8_t grant)
{
	struct judge_session *s = in(IN_GRANTING);
	struct km_msg m = granted(s->id, grant, 20);

	assert_int_equal(vault_says(&m), KM_OK);
	forget();
	return s;
}

static void vault_heard(unsigned i, unsigned event, uint8_t grant)
{
	const struct km_msg *m = &world.vault[i];

	assert_true(i < world.vaults);
	assert_int_equal(m->number, KM_MSG_SENSED);
	assert_int_equal(m->sensed.event, event);
	assert_int_equal(m->sensed.grant[0], grant);
	assert_int_equal(m->session, 0);
}

static void revoked(unsigned i, uint32_t session, unsigned event)
{
	assert_true(i < world.vaults);
	assert_int_equal(world.vault[i].number, KM_MSG_REVOKE);
	assert_int_equal(world.vault[i].session, session);
	assert_int_equal(world.vault[i].revoke.event, event);
}

/* --- for a login -------------------------------------------------------------------------- */

static void test_each_message_of_the_sensor_but_event_is_out_of_place(void **state)
{
	unsigned passed = 0;

	(void)state;
	in(IN_CAPTURING);
	for (unsigned number = 0; number < 256; number++) {
		struct km_msg m = { .number = (uint8_t)number };
		uint8_t buf[JUDGE_FRAME_OUT] = { (uint8_t)number };
		size_t len = KM_FRAME_HEADER;

		memset(m.event.grant, GRANT, sizeof(m.event.grant));
		if (number == KM_MSG_EVENT)
			m.event.event = KM_SENSOR_WAITING;
		else
			memset(&m.login, 0, sizeof(m) - offsetof(struct km_msg, login));
		if (km_encode(&m, buf, sizeof(buf), &len) != KM_OK)
			len = KM_FRAME_HEADER;
		passed += judge_sensor_heard(j, buf, len) == KM_OK;
	}
	assert_int_equal(passed, 1);
}

static void test_an_event_that_is_none_breaks_the_protocol(void **state)
{
	static const uint8_t known[] = {
#define KM_SENSOR_EVENT(NAME, number, ends, text, word) number,
#include <kenmon/sensor_event.def>
#undef KM_SENSOR_EVENT
	};

	(void)state;
	for (unsigned event = 0; event < 256; event++) {
		struct judge_session *s = in(IN_CAPTURING);

		assert_int_equal(sensor_says(GRANT, event),
				 memchr(known, (int)event, sizeof(known)) ? KM_OK : KM_EPROTO);
		judge_session_close(j, s, KM_REASON_ABORTED);
		forget();
	}
}

/* C26 */
static void test_c26_cut_and_lengthened_frames_break_it_too(void **state)
{
	struct km_msg m = { .number = KM_MSG_EVENT };
	uint8_t buf[JUDGE_FRAME_OUT] = { 0 };
	size_t len = 0;

	(void)state;
	in(IN_CAPTURING);
	memset(m.event.grant, GRANT, sizeof(m.event.grant));
	m.event.event = KM_SENSOR_TIMEOUT;
	assert_int_equal(km_encode(&m, buf, sizeof(buf), &len), KM_OK);
	for (size_t cut = 0; cut <= len + 1; cut++)
		if (cut != len)
			assert_int_equal(judge_sensor_heard(j, buf, cut), KM_EPROTO);
	assert_int_equal(captures(), 1);
	assert_int_equal(world.vaults, 0);
}

static void test_each_end_without_an_image_gives_the_grant_back_with_that_word(void **state)
{
	unsigned ends = 0;

	(void)state;
	for (unsigned event = 0; event < 256; event++) {
		struct judge_session *s;

		if (!km_sensor_event_known(event) || !km_sensor_event_ends(event))
			continue;
		s = in(IN_CAPTURING);
		assert_int_equal(sensor_says(GRANT, event), KM_OK);
		revoked(0, s->id, event);
		/* The verdict brings the words. */
		assert_int_equal(world.clients, 0);
		assert_int_equal(captures(), 0);
		ends++;
		judge_session_close(j, s, KM_REASON_ABORTED);
		forget();
	}
	assert_int_equal(ends, 8);
}

static void test_after_an_image_no_end_gives_it_back_for_a_finding_comes(void **state)
{
	(void)state;
	for (unsigned event = KM_SENSOR_DONE; event <= KM_SENSOR_FAILED; event++) {
		struct judge_session *s = in(IN_CAPTURING);

		assert_int_equal(sensor_says(GRANT, KM_SENSOR_TAKEN), KM_OK);
		assert_int_equal(sensor_says(GRANT, event), KM_OK);
		assert_int_equal(world.vaults, 0);
		assert_int_equal(captures(), 0);
		judge_session_close(j, s, KM_REASON_ABORTED);
		forget();
	}
}

/* C28: late, twice, of nobody, of another login. */
static void test_c28_events_out_of_time_and_place_reach_nobody(void **state)
{
	struct judge_session *s = captures_by(GRANT), *other = captures_by(GRANT + 1);

	(void)state;
	assert_int_equal(sensor_says(GRANT + 2, KM_SENSOR_WAITING), KM_OK);
	assert_int_equal(sensor_says(GRANT + 2, KM_SENSOR_TIMEOUT), KM_OK);
	assert_int_equal(world.clients + world.vaults, 0);
	assert_int_equal(sensor_says(GRANT, KM_SENSOR_TIMEOUT), KM_OK);
	assert_int_equal(sensor_says(GRANT, KM_SENSOR_TIMEOUT), KM_OK);
	assert_int_equal(sensor_says(GRANT, KM_SENSOR_WAITING), KM_OK);
	assert_int_equal(world.vaults, 1);
	revoked(0, s->id, KM_SENSOR_TIMEOUT);
	assert_int_equal(world.clients, 0);
	assert_int_equal(other->phase, KM_PHASE_WORKING | KM_PHASE_CHECKING);
	judge_session_close(j, other, KM_REASON_ABORTED);
	forget();
	assert_int_equal(sensor_says(GRANT + 1, KM_SENSOR_FAILED), KM_OK);
	assert_int_equal(world.clients + world.vaults, 0);
}

/* C29 */
static void test_c29_two_logins_at_one_reader_hear_each_of_their_own_capture(void **state)
{
	struct judge_session *first = captures_by(GRANT), *second = captures_by(GRANT + 1);
	struct km_msg m = verdict(first->id, KM_VERDICT_ALLOW);

	(void)state;
	assert_int_equal(sensor_says(GRANT + 1, KM_SENSOR_IN_LINE), KM_OK);
	assert_int_equal(world.clients, 1);
	assert_string_equal(world.client[0].info.text, km_text(KM_TEXT_READER_BUSY, KM_LANG_EN));
	assert_int_equal(sensor_says(GRANT, KM_SENSOR_TAKEN), KM_OK);
	assert_int_equal(sensor_says(GRANT, KM_SENSOR_DONE), KM_OK);
	assert_int_equal(vault_says(&m), KM_OK);
	assert_int_equal(sensor_says(GRANT + 1, KM_SENSOR_WAITING), KM_OK);
	assert_int_equal(world.clients, 2);
	assert_string_equal(world.client[1].info.text, km_text(KM_TEXT_TOUCH, KM_LANG_EN));
	assert_int_equal(captures(), 1);
	assert_int_equal(world.sensors, 0);
	judge_session_close(j, second, KM_REASON_ABORTED);
	assert_int_equal(world.sensors, 1);
}

static void test_a_reader_that_stutters_does_not_flood_a_screen(void **state)
{
	unsigned i = 0;

	(void)state;
	in(IN_CAPTURING);
	for (; i < JUDGE_SENSOR_EVENTS; i++)
		assert_int_equal(sensor_says(GRANT, KM_SENSOR_LIFT), KM_OK);
	assert_true(world.clients >= JUDGE_SAID_AT_ONCE && world.clients <= JUDGE_SAID_MOST);
	/* And at that, it is not a sensor. */
	assert_int_equal(sensor_says(GRANT, KM_SENSOR_LIFT), KM_EPROTO);
}

static void test_events_of_no_capture_have_an_end_too(void **state)
{
	(void)state;
	for (unsigned i = 0; i < JUDGE_SENSOR_STRAYS; i++)
		assert_int_equal(sensor_says(GRANT, KM_SENSOR_WAITING), KM_OK);
	assert_int_equal(sensor_says(GRANT, KM_SENSOR_WAITING), KM_EPROTO);
}

/* Each STOP of a capture that goes on is answered: a sensor that is never idle is no worse for it.
 */
static void test_logins_that_are_given_up_one_after_another_cost_the_sensor_nothing(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= JUDGE_SENSOR_STRAYS; i++) {
		judge_session_close(j, captures_by(GRANT), KM_REASON_ABORTED);
		assert_int_equal(world.sensor[world.sensors - 1].number, KM_MSG_STOP);
		assert_int_equal(sensor_says(GRANT, KM_SENSOR_STOPPED), KM_OK);
		forget();
	}
}

/* A door takes 64 frames of one login and no more. */
static void test_the_most_that_a_login_can_be_told_fits_through_a_door(void **state)
{
	struct judge_session *s;
	struct km_msg m = hello(KM_CLIENT_DOOR), touch = answer("");
	unsigned told = 0;

	(void)state;
	j->conf.login.tries = 10;
	s = comes(ROOT);
	says(s, &m);
	m = login(KM_REQUEST_AUTHENTICATE, ALICE);
	says(s, &m);
	m = touch_plan(s->id, 4);
	assert_int_equal(vault_says(&m), KM_OK);
	for (unsigned round = 0; s->id != 0; round++) {
		bool finger = s->slots.slot[s->at].shape & KM_SHAPE_TOUCH;

		m = answer("123456");
		says(s, finger ? &touch : &m);
		m = granted(s->id, GRANT, 20);
		if (finger)
			assert_int_equal(vault_says(&m), KM_OK);
		for (unsigned i = 0; finger && i < 30; i++)
			assert_int_equal(sensor_says(GRANT, KM_SENSOR_LIFT), KM_OK);
		/* Three steps that pass, then what goes uncounted, then what counts. */
		m = verdict(s->id, round < 3 ? KM_VERDICT_NEXT : KM_VERDICT_RETRY);
		m.verdict.reason = round < 7 ? KM_REASON_FINGER_POOR : KM_REASON_FINGER;
		assert_int_equal(vault_says(&m), KM_OK);
		told += world.clients;
		forget();
	}
	assert_int_equal(s->used, 0);
	assert_true(told > 50 && told <= 64);
}

/* --- the sensor goes, or says nothing -------------------------------------------------------- */

static void test_a_lost_sensor_is_asked_once_more_and_then_the_capture_failed(void **state)
{
	struct judge_session *s = captures_by(GRANT);

	(void)state;
	judge_captures_lost(j, true);
	assert_int_equal(world.sensors, 1);
	assert_int_equal(world.sensor[0].number, KM_MSG_CAPTURE);
	assert_int_equal(world.sensor[0].capture.grant[0], GRANT);
	assert_true(world.sensor[0].capture.seconds <= 20);
	assert_int_equal(world.vaults, 0);
	assert_int_equal(sensor_says(GRANT, KM_SENSOR_WAITING), KM_OK);
	assert_int_equal(world.clients, 1);
	judge_captures_lost(j, true);
	assert_int_equal(world.sensors, 1);
	revoked(0, s->id, KM_SENSOR_FAILED);
	assert_int_equal(captures(), 0);
}

static void test_a_lost_sensor_that_cannot_be_asked_again_fails_at_once(void **state)
{
	struct judge_session *s = captures_by(GRANT);

	(void)state;
	world.sensor_rc = KM_EUNAVAIL;
	judge_captures_lost(j, true);
	revoked(0, s->id, KM_SENSOR_FAILED);
	assert_int_equal(captures(), 0);
}

static void test_a_sensor_that_broke_the_protocol_is_not_asked_again(void **state)
{
	struct judge_session *s = captures_by(GRANT);

	(void)state;
	judge_captures_lost(j, false);
	assert_int_equal(world.sensors, 0);
	revoked(0, s->id, KM_SENSOR_FAILED);
}

static void test_what_was_taken_before_the_sensor_went_is_not_captured_twice(void **state)
{
	(void)state;
	captures_by(GRANT);
	assert_int_equal(sensor_says(GRANT, KM_SENSOR_TAKEN), KM_OK);
	judge_captures_lost(j, true);
	assert_int_equal(world.sensors, 0);
	assert_int_equal(world.vaults, 0);
	assert_int_equal(captures(), 0);
}

/* C27: by the clock that runs while the machine sleeps. */
static void
test_c27_a_silent_sensor_is_given_up_when_its_time_and_a_little_more_is_over(void **state)
{
	struct judge_session *s = captures_by(GRANT);
	int64_t end = j->sensor.capture[0].ends_ms, due = 0;

	(void)state;
	for (unsigned i = 0; i < JUDGE_CAPTURES; i++)
		if (j->sensor.capture[i].used)
			end = j->sensor.capture[i].ends_ms;
	due = end + JUDGE_SENSOR_MARGIN * 1000;
	assert_int_equal(judge_captures_overdue(j, end), due);
	assert_int_equal(judge_captures_overdue(j, due - 1), due);
	assert_int_equal(world.vaults, 0);
	assert_int_equal(judge_captures_overdue(j, due), INT64_MAX);
	assert_int_equal(world.sensors, 1);
	assert_int_equal(world.sensor[0].number, KM_MSG_STOP);
	revoked(0, s->id, KM_SENSOR_FAILED);
	assert_int_equal(captures(), 0);
}

/* --- for the vault itself -----------------------------------------------------------------------
 */

static void test_what_the_vault_wants_captured_is_and_it_hears_every_event(void **state)
{
	static const uint8_t events[] = { KM_SENSOR_WAITING, KM_SENSOR_TAKEN, KM_SENSOR_LIFT,
					  KM_SENSOR_TAKEN, KM_SENSOR_STOPPED };

	(void)state;
	assert_int_equal(senses(GRANT, 60), KM_OK);
	assert_int_equal(world.sensor[0].number, KM_MSG_CAPTURE);
	assert_int_equal(world.sensor[0].capture.shots, 60);
	assert_int_equal(world.sensor[0].capture.seconds, 120);
	for (unsigned i = 0; i < sizeof(events); i++) {
		assert_int_equal(sensor_says(GRANT, events[i]), KM_OK);
		vault_heard(i, events[i], GRANT);
		assert_string_equal(world.vault[i].sensed.reader, "A reader");
	}
	assert_int_equal(captures(), 0);
	assert_int_equal(sensor_says(GRANT, KM_SENSOR_TAKEN), KM_OK);
	assert_int_equal(world.vaults, sizeof(events));
	/* It crossed with the end. */
	assert_int_equal(unsenses(GRANT), KM_OK);
	assert_int_equal(world.sensors, 1);
}

static void test_the_vault_wants_no_more_of_it(void **state)
{
	(void)state;
	assert_int_equal(senses(GRANT, 60), KM_OK);
	assert_int_equal(unsenses(GRANT), KM_OK);
	assert_int_equal(world.sensors, 2);
	assert_int_equal(world.sensor[1].number, KM_MSG_STOP);
	assert_int_equal(captures(), 0);
	assert_int_equal(sensor_says(GRANT, KM_SENSOR_STOPPED), KM_OK);
	assert_int_equal(world.vaults, 0);
}

static void test_a_list_of_readers_goes_the_same_way(void **state)
{
	(void)state;
	assert_int_equal(senses(GRANT, 0), KM_OK);
	assert_int_equal(world.sensor[0].capture.shots, 0);
	assert_int_equal(sensor_says(GRANT, KM_SENSOR_READER), KM_OK);
	assert_int_equal(sensor_says(GRANT, KM_SENSOR_DONE), KM_OK);
	vault_heard(0, KM_SENSOR_READER, GRANT);
	vault_heard(1, KM_SENSOR_DONE, GRANT);
}

static void test_without_a_sensor_the_vault_hears_so(void **state)
{
	(void)state;
	world.sensor_rc = KM_EUNAVAIL;
	assert_int_equal(senses(GRANT, 60), KM_OK);
	vault_heard(0, KM_SENSOR_FAILED, GRANT);
	assert_int_equal(captures(), 0);
}

static void test_an_enrolment_goes_on_with_a_sensor_that_was_started_again_once(void **state)
{
	(void)state;
	assert_int_equal(senses(GRANT, 60), KM_OK);
	assert_int_equal(sensor_says(GRANT, KM_SENSOR_TAKEN), KM_OK);
	judge_captures_lost(j, true);
	assert_int_equal(world.sensors, 2);
	assert_int_equal(world.sensor[1].capture.shots, 60);
	judge_captures_lost(j, true);
	vault_heard(1, KM_SENSOR_FAILED, GRANT);
	assert_int_equal(captures(), 0);
}

static void test_more_than_enough_for_the_vault_is_refused_and_logins_go_on(void **state)
{
	struct judge_session *s;
	struct km_msg m;
	unsigned i = 0;

	(void)state;
	for (; i < JUDGE_SENSES; i++)
		assert_int_equal(senses((uint8_t)(100 + i), 60), KM_OK);
	assert_int_equal(world.vaults, 0);
	assert_int_equal(senses(200, 60), KM_OK);
	vault_heard(0, KM_SENSOR_FAILED, 200);
	for (i = 0; i < JUDGE_CAPTURES - JUDGE_SENSES; i++)
		captures_by((uint8_t)(10 + i));
	assert_int_equal(captures(), JUDGE_CAPTURES);
	/* And one more than there are places at all. */
	s = in(IN_GRANTING);
	m = granted(s->id, 99, 20);
	assert_int_equal(vault_says(&m), KM_OK);
	revoked(0, s->id, KM_SENSOR_FAILED);
}

static void test_a_grant_that_is_captured_already_breaks_the_protocol(void **state)
{
	struct judge_session *s;
	struct km_msg m;

	(void)state;
	assert_int_equal(senses(GRANT, 60), KM_OK);
	assert_int_equal(senses(GRANT, 60), KM_EPROTO);
	s = in(IN_GRANTING);
	m = granted(s->id, GRANT, 20);
	assert_int_equal(vault_says(&m), KM_EPROTO);
	/* Nor does the vault end that of a login in this way. */
	captures_by(GRANT + 1);
	assert_int_equal(unsenses(GRANT + 1), KM_EPROTO);
}

static void test_with_the_vaults_link_its_captures_stop(void **state)
{
	(void)state;
	assert_int_equal(senses(GRANT, 60), KM_OK);
	assert_int_equal(senses(GRANT + 1, 0), KM_OK);
	forget();
	judge_link_down(j, false);
	assert_int_equal(world.sensors, 2);
	assert_int_equal(world.sensor[0].number, KM_MSG_STOP);
	assert_int_equal(world.sensor[1].number, KM_MSG_STOP);
	assert_int_equal(captures(), 0);
}

static void test_a_login_that_ends_stops_no_capture_of_the_vaults(void **state)
{
	struct judge_session *s = captures_by(GRANT);

	(void)state;
	assert_int_equal(senses(GRANT + 1, 60), KM_OK);
	forget();
	judge_session_close(j, s, KM_REASON_ABORTED);
	assert_int_equal(world.sensors, 1);
	assert_int_equal(world.sensor[0].stop.grant[0], GRANT);
	assert_int_equal(captures(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_HOUSE(test_each_message_of_the_sensor_but_event_is_out_of_place),
		IN_HOUSE(test_an_event_that_is_none_breaks_the_protocol),
		IN_HOUSE(test_c26_cut_and_lengthened_frames_break_it_too),
		IN_HOUSE(test_each_end_without_an_image_gives_the_grant_back_with_that_word),
		IN_HOUSE(test_after_an_image_no_end_gives_it_back_for_a_finding_comes),
		IN_HOUSE(test_c28_events_out_of_time_and_place_reach_nobody),
		IN_HOUSE(test_c29_two_logins_at_one_reader_hear_each_of_their_own_capture),
		IN_HOUSE(test_a_reader_that_stutters_does_not_flood_a_screen),
		IN_HOUSE(test_the_most_that_a_login_can_be_told_fits_through_a_door),
		IN_HOUSE(test_events_of_no_capture_have_an_end_too),
		IN_HOUSE(test_logins_that_are_given_up_one_after_another_cost_the_sensor_nothing),
		IN_HOUSE(test_a_lost_sensor_is_asked_once_more_and_then_the_capture_failed),
		IN_HOUSE(test_a_lost_sensor_that_cannot_be_asked_again_fails_at_once),
		IN_HOUSE(test_a_sensor_that_broke_the_protocol_is_not_asked_again),
		IN_HOUSE(test_what_was_taken_before_the_sensor_went_is_not_captured_twice),
		IN_HOUSE(
		    test_c27_a_silent_sensor_is_given_up_when_its_time_and_a_little_more_is_over),
		IN_HOUSE(test_what_the_vault_wants_captured_is_and_it_hears_every_event),
		IN_HOUSE(test_the_vault_wants_no_more_of_it),
		IN_HOUSE(test_a_list_of_readers_goes_the_same_way),
		IN_HOUSE(test_without_a_sensor_the_vault_hears_so),
		IN_HOUSE(test_an_enrolment_goes_on_with_a_sensor_that_was_started_again_once),
		IN_HOUSE(test_more_than_enough_for_the_vault_is_refused_and_logins_go_on),
		IN_HOUSE(test_a_grant_that_is_captured_already_breaks_the_protocol),
		IN_HOUSE(test_with_the_vaults_link_its_captures_stop),
		IN_HOUSE(test_a_login_that_ends_stops_no_capture_of_the_vaults),
	};

	return cmocka_run_group_tests_name("captures", tests, NULL, NULL);
}
