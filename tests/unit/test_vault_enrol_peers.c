/*
 * Desks, matchers and judges that do not keep to it while a finger is enrolled; and lists of
 * readers, which go the same way.
 */
#include "enrol_scene.h"

/* --- peers that do not keep to it ---------------------------------------- */

static void line_is_closed(void)
{
	struct km_msg m;

	assert_int_equal(hear(scene.line, KM_PHASE_DESK_TALK, &m, NULL), KM_ECLOSED);
	close(scene.line);
	scene.line = desk_comes();
}

static void test_an_answer_or_a_second_operation_costs_the_desk_its_line(void **state)
{
	struct km_msg answer = { .number = KM_MSG_ANSWER }, status = { .number = KM_MSG_STATUS };

	(void)state;
	assert_int_equal(km_secret_set(&answer.answer.secret, "123456", 6), KM_OK);
	for (unsigned step = 0; step < STEPS; step++) {
		go_to(step);
		assert_int_equal(km_send_msg(scene.line, step % 2 ? &answer : &status, -1, 0),
				 KM_OK);
		vault_round(room.v, 0);
		line_is_closed();
		told(FORGET | STOP);
		nothing_is_left();
	}
	the_next_one_works();
}

/* As of a login's finger: the first that was lent, where it matches. */
static void match(enum km_match outcome)
{
	struct km_msg m = { .number = KM_MSG_MATCH };

	memcpy(m.match.grant, scene.grant, sizeof(m.match.grant));
	m.match.outcome = (uint8_t)outcome;
	matcher_says(&m);
}

/* The desk and the judge hear so, and another matcher may come. */
static void the_matcher_is_cut_off(void)
{
	assert_int_equal(room.v->matcher, -1);
	close(scene.matcher);
	nothing_is_left();
	scene.matcher = -1;
	(void)done(KM_EUNAVAIL, "compares fingers has ended");
	matcher_comes();
	told(STOP);
}

static void test_a_matcher_that_lies_is_cut_off_and_nothing_is_stored(void **state)
{
	static const struct {
		unsigned steps, outcome, good, of;
		size_t len; /* not 0: of a template instead */
	} lies[] = {
		{ 2, KM_STAGE_GOOD, 2, WANTED + 1, 0 },
		{ 2, KM_STAGE_GOOD, WANTED + 1, WANTED, 0 },
		{ 2, KM_STAGE_NONE, 2, WANTED, 0 },
		{ 2, KM_STAGE_FAILED + 1, 2, WANTED, 0 },
		{ 1, 0, 0, 0, 1200 },         /* of no impression that the desk was told of */
		{ STEPS - 2, 0, 0, 0, 1200 }, /* of all but one */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		go_to(lies[i].steps);
		if (lies[i].len)
			template(lies[i].len);
		else
			stage(lies[i].outcome, lies[i].good, lies[i].of);
		the_matcher_is_cut_off();
	}
	go_to(STEPS - 1);
	template(0);
	the_matcher_is_cut_off();
	the_next_one_works();
}

/* Nobody's login waits for it, and of the fingers that are lent one may match. */
static void test_a_finding_for_a_login_under_an_enrolment_cuts_the_matcher_off(void **state)
{
	static const enum km_match outcomes[] = { KM_MATCH_YES, KM_MATCH_NO, KM_MATCH_POOR,
						  KM_MATCH_FAILED };

	(void)state;
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		go_to(2);
		match(outcomes[i]);
		the_matcher_is_cut_off();
	}
	the_next_one_works();
	begin(KM_FINGER_LEFT_INDEX); /* the other one is lent for it */
	match(KM_MATCH_YES);
	assert_int_equal(room.v->matcher, -1);
	(void)done(KM_EUNAVAIL, "compares fingers has ended");
	close(scene.matcher);
	matcher_comes();
	told(STOP);
	no_grant_is_open();
	assert_int_equal(records_of_fingers(), 1);
}

/* What comes for a grant that is nobody's changes nothing. */
static void test_findings_for_another_grant_are_not_taken_for_this_one(void **state)
{
	uint8_t right[KM_GRANT_BYTES];

	(void)state;
	go_to(STEPS - 1);
	memcpy(right, scene.grant, sizeof(right));
	memset(scene.grant, 0xAB, sizeof(scene.grant));
	template(1200);
	stage(KM_STAGE_KNOWN, 0, WANTED);
	sensed(KM_SENSOR_TIMEOUT);
	assert_int_equal(desk_hears().number, KM_MSG_NONE);
	memcpy(scene.grant, right, sizeof(right));
	assert_int_equal(records_of_fingers(), 0);
	template(1200);
	(void)done(KM_OK, "");
	template(1200); /* once more: the grant has ended */
	assert_int_equal(records_of_fingers(), 1);
	assert_true(room.v->matcher >= 0);
}

static void test_a_desk_that_does_not_read_loses_its_line_and_the_grant_ends(void **state)
{
	struct vault *v = room.v;

	(void)state;
	begin(KM_FINGER_RIGHT_INDEX);
	for (unsigned n = 0; n < 100000 && v->grant[0].used; n++)
		sensed(KM_SENSOR_AGAIN);
	assert_false(v->grant[0].used);
	told(FORGET | STOP);
	nothing_is_left();
}

/* The same, where the last row is the one that finds no place. */
static void test_an_end_that_finds_no_place_on_the_line_ends_it_too(void **state)
{
	struct km_msg m = { .number = KM_MSG_STATUS_ROW };
	struct line *l;

	(void)state;
	begin(KM_FINGER_RIGHT_INDEX);
	l = room.v->grant[0].line;
	while (queue_put(&l->out, &m) == KM_OK)
		;
	stage(KM_STAGE_KNOWN, 0, WANTED);
	assert_int_equal(l->fd, -1);
	told(FORGET | STOP);
	nothing_is_left();
}

/* --- readers ------------------------------------------------------------- */

static void reader_row(unsigned event, const char *reader, const char *detail)
{
	struct km_msg m = desk_hears();

	assert_int_equal(m.number, KM_MSG_READER_ROW);
	assert_int_equal(m.reader_row.event, event);
	assert_string_equal(m.reader_row.reader, reader);
	assert_string_equal(m.reader_row.detail, detail);
}

static void ask_for_readers(void)
{
	ask(scene.line, (struct km_msg){ .number = KM_MSG_SENSOR_LIST });
	lent_and_sensing(0);
	assert_int_equal(scene.lends, 0);
}

static void test_each_reader_is_a_row(void **state)
{
	(void)state;
	ask_for_readers();
	sensed_at(KM_SENSOR_READER, "One", "driver a, 1-2");
	reader_row(KM_SENSOR_READER, "One", "driver a, 1-2");
	sensed_at(KM_SENSOR_READER, "Two", "driver b, 1-3");
	reader_row(KM_SENSOR_READER, "Two", "driver b, 1-3");
	sensed_at(KM_SENSOR_IN_LINE, "", ""); /* no reader, and no end */
	sensed_at(KM_SENSOR_DONE, "", "");
	assert_int_equal(done(KM_OK, "").id, 2);
	told(0);
	no_grant_is_open();
	/* It needs no matcher, and no order in the house. */
	close(scene.matcher);
	scene.matcher = -1;
	room.v->suspicion = KM_SUSPECT_ROLLBACK;
	ask_for_readers();
}

static void test_a_list_without_a_usable_reader_says_why(void **state)
{
	static const struct {
		enum km_sensor_event event;
		bool row;
		km_rc rc;
		const char *text;
	} ends[] = {
		{ KM_SENSOR_NO_READER, true, KM_OK, "" },
		{ KM_SENSOR_UNSUPPORTED, true, KM_OK, "" },
		{ KM_SENSOR_CLAIMED, true, KM_OK, "" },
		{ KM_SENSOR_HOT, true, KM_OK, "" },
		{ KM_SENSOR_FAILED, false, KM_EUNAVAIL, "cannot be used" },
		{ KM_SENSOR_STOPPED, false, KM_EUNAVAIL, "" },
		{ KM_SENSOR_TIMEOUT, false, KM_ETIMEOUT, "not listed in time" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		ask_for_readers();
		sensed_at(ends[i].event, "", "");
		if (ends[i].row)
			reader_row(ends[i].event, "", "");
		assert_int_equal(done(ends[i].rc, ends[i].text).id, 0);
		told(0);
		no_grant_is_open();
	}
}

static void test_a_list_can_be_stopped_and_has_an_end(void **state)
{
	struct km_msg stop = { .number = KM_MSG_ABORT };

	(void)state;
	ask_for_readers();
	assert_int_equal(km_send_msg(scene.line, &stop, -1, 0), KM_OK);
	vault_round(room.v, 0);
	(void)done(KM_EABORTED, "");
	told(STOP);
	ask_for_readers();
	room.v->grant[0].until_ms = 0;
	vault_round(room.v, 0);
	(void)done(KM_ETIMEOUT, "the time is over");
	told(STOP);
	ask_for_readers();
	close(scene.line);
	vault_round(room.v, 0);
	told(STOP);
	scene.line = desk_comes();
	no_grant_is_open();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCENE(test_an_answer_or_a_second_operation_costs_the_desk_its_line),
		IN_SCENE(test_a_matcher_that_lies_is_cut_off_and_nothing_is_stored),
		IN_SCENE(test_a_finding_for_a_login_under_an_enrolment_cuts_the_matcher_off),
		IN_SCENE(test_findings_for_another_grant_are_not_taken_for_this_one),
		IN_SCENE(test_a_desk_that_does_not_read_loses_its_line_and_the_grant_ends),
		IN_SCENE(test_an_end_that_finds_no_place_on_the_line_ends_it_too),
		IN_SCENE(test_each_reader_is_a_row),
		IN_SCENE(test_a_list_without_a_usable_reader_says_why),
		IN_SCENE(test_a_list_can_be_stopped_and_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
