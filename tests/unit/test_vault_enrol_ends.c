/*
 * Whatever ends an enrolment early leaves nothing, here or with the matcher: at each step, by each
 * of those who take part, and by what changes meanwhile.
 */
#include "enrol_scene.h"

/* --- ends that leave nothing --------------------------------------------- */

static void test_stopped_at_any_step_it_leaves_nothing(void **state)
{
	struct km_msg stop = { .number = KM_MSG_ABORT, .abort.reason = KM_REASON_ABORTED };

	(void)state;
	for (unsigned step = 0; step < STEPS; step++) {
		go_to(step);
		assert_int_equal(km_send_msg(scene.line, &stop, -1, 0), KM_OK);
		vault_round(room.v, 0);
		(void)done(KM_EABORTED, "");
		told(FORGET | STOP);
		nothing_is_left();
		template(1200); /* too late */
		stage(KM_STAGE_GOOD, WANTED, WANTED);
		sensed(KM_SENSOR_STOPPED);
		assert_int_equal(desk_hears().number, KM_MSG_NONE);
		told(0);
		nothing_is_left();
	}
	the_next_one_works();
}

static void test_a_desk_that_goes_at_any_step_leaves_nothing(void **state)
{
	(void)state;
	for (unsigned step = 0; step < STEPS; step++) {
		go_to(step);
		close(scene.line);
		vault_round(room.v, 0);
		told(FORGET | STOP);
		nothing_is_left();
		scene.line = desk_comes();
	}
	the_next_one_works();
}

static void test_a_matcher_that_goes_at_any_step_leaves_nothing(void **state)
{
	(void)state;
	for (unsigned step = 0; step < STEPS; step++) {
		go_to(step);
		close(scene.matcher);
		vault_round(room.v, 0);
		(void)done(KM_EUNAVAIL, "compares fingers has ended");
		matcher_comes();
		told(STOP);
		nothing_is_left();
	}
	the_next_one_works();
}

static void test_a_judge_that_goes_at_any_step_leaves_nothing(void **state)
{
	for (unsigned step = 0; step < STEPS; step++) {
		go_to(step);
		assert_int_equal(shutdown(room.judge, SHUT_RDWR), 0);
		vault_round(room.v, 0);
		assert_true(room.v->stop); /* and with it its lines and its links */
		assert_int_equal(count_of("SELECT count(*) FROM template"), 0);
		assert_int_equal(records_of_fingers(), 0);
		close_scene(state);
		open_scene(state);
	}
}

static void test_a_capture_that_ends_says_why_and_leaves_nothing(void **state)
{
	static const struct {
		enum km_sensor_event event;
		km_rc rc;
		const char *text;
	} ends[] = {
		{ KM_SENSOR_DONE, KM_EUNAVAIL, "could not be enrolled" },
		{ KM_SENSOR_TIMEOUT, KM_ETIMEOUT, "not touched in time" },
		{ KM_SENSOR_STOPPED, KM_EUNAVAIL, "" },
		{ KM_SENSOR_NO_READER, KM_EUNAVAIL, "There is no fingerprint reader" },
		{ KM_SENSOR_UNSUPPORTED, KM_EUNAVAIL, "keeps templates inside itself" },
		{ KM_SENSOR_CLAIMED, KM_EUNAVAIL, "Another program is using" },
		{ KM_SENSOR_HOT, KM_EUNAVAIL, "too warm" },
		{ KM_SENSOR_FAILED, KM_EUNAVAIL, "cannot be used" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		for (unsigned step = 0; step < STEPS; step++) {
			unsigned good = step > 1 ? step - 1 : 0;

			go_to(step);
			sensed(ends[i].event);
			row(ends[i].event, 0, good);
			(void)done(ends[i].rc, ends[i].text);
			told(FORGET); /* there is nothing to stop any more */
			nothing_is_left();
		}
	}
	the_next_one_works();
}

static void test_a_deadline_that_passes_leaves_nothing(void **state)
{
	(void)state;
	for (unsigned step = 0; step < STEPS; step++) {
		go_to(step);
		room.v->grant[0].until_ms = room.v->now.boot_ms;
		vault_round(room.v, 0);
		(void)done(KM_ETIMEOUT, "the time is over");
		told(FORGET | STOP);
		nothing_is_left();
	}
	the_next_one_works();
}

static int refuse_commit(void *arg)
{
	(void)arg;
	return 1;
}

/* The last moment at which it can fail: all is written, and the disk does not take it. */
static void test_a_round_that_is_not_durable_leaves_nothing(void **state)
{
	sqlite3 *handle = room.v->store->db[DB_VAULT].handle;

	(void)state;
	go_to(STEPS - 1);
	(void)sqlite3_commit_hook(handle, refuse_commit, NULL);
	template(1200);
	(void)sqlite3_commit_hook(handle, NULL, NULL);
	(void)done(KM_EIO, "");
	told(STOP); /* the matcher's grant ended with its template */
	nothing_is_left();
	/* One that is only told of in such a round ends with it, too. */
	go_to(2);
	(void)sqlite3_commit_hook(handle, refuse_commit, NULL);
	{
		struct km_event_record r = { .event = KM_EVENT_RELOADED, .actor = "test" };

		assert_int_equal(store_record(room.v->store, &r), KM_OK);
	}
	stage(KM_STAGE_GOOD, 2, WANTED);
	(void)sqlite3_commit_hook(handle, NULL, NULL);
	(void)done(KM_EIO, "");
	told(FORGET | STOP);
	nothing_is_left();
	the_next_one_works();
}

/* --- what changes meanwhile ---------------------------------------------- */

/* By another administrator, at another desk. */
static void meanwhile(struct km_msg m)
{
	int other = desk_comes();

	assert_int_equal(desk_does(other, m).rc, 0);
	close(other);
	vault_round(room.v, 0);
}

/* It would be good at once, and by root alone. */
static void test_root_enrols_no_finger_alone_that_it_began_before_the_founding(void **state)
{
	(void)state;
	go_to(STEPS - 1);
	room.v->conf.approval_required = true;
	assert_int_equal(store_meta_set(room.v->store, "founded", "1", 1, NULL), KM_OK);
	template(1200);
	(void)done(KM_EPERM, "two persons");
	assert_int_equal(count_of("SELECT count(*) FROM credential WHERE kind = 4"), 0);
}

static void test_an_operator_suspended_meanwhile_gets_no_finger(void **state)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_STATE };

	(void)state;
	snprintf(m.operator_state.login, sizeof(m.operator_state.login), LOGIN);
	m.operator_state.state = KM_SUSPENDED;
	go_to(STEPS - 1);
	meanwhile(m);
	template(1200);
	(void)done(KM_ESTATE, "suspended since");
	told(STOP);
	nothing_is_left();
}

static void test_an_operator_erased_meanwhile_is_forgotten_by_the_matcher_at_once(void **state)
{
	struct km_msg m = { .number = KM_MSG_ERASE }, back = { .number = KM_MSG_RETURNED };
	int other;

	(void)state;
	snprintf(m.erase.login, sizeof(m.erase.login), LOGIN);
	snprintf(m.erase.reason, sizeof(m.erase.reason), "left");
	go_to(STEPS - 1);
	other = desk_comes();
	ask(other, m);
	vault_round(room.v, 0);
	(void)done(KM_ESTATE, "being erased");
	told(FORGET | STOP);
	template(1200);
	assert_int_equal(desk_hears().number, KM_MSG_NONE);
	assert_int_equal(hear(other, KM_PHASE_DESK_TALK, &m, NULL), KM_EAGAIN);
	memcpy(back.returned.grant, scene.grant, sizeof(back.returned.grant));
	matcher_says(&back);
	assert_int_equal(hear(other, KM_PHASE_DESK_TALK, &m, NULL), KM_OK);
	assert_int_equal(m.done.rc, 0);
	close(other);
	nothing_is_left();
}

/* It was lent, so that the new one is compared with it. */
static void test_a_finger_removed_meanwhile_is_forgotten_by_the_matcher_at_once(void **state)
{
	struct km_msg m = { .number = KM_MSG_CREDENTIAL_REMOVE };

	(void)state;
	m.credential_remove.id = enrol_whole(KM_FINGER_LEFT_THUMB);
	snprintf(m.credential_remove.login, sizeof(m.credential_remove.login), LOGIN);
	begin(KM_FINGER_RIGHT_INDEX);
	meanwhile(m);
	(void)done(KM_EABORTED, "removed meanwhile");
	told(FORGET | STOP);
	no_grant_is_open();
	the_next_one_works();
}

static void test_a_code_removed_meanwhile_is_missed(void **state)
{
	struct km_msg m = { .number = KM_MSG_CREDENTIAL_REMOVE };

	(void)state;
	snprintf(m.credential_remove.login, sizeof(m.credential_remove.login), LOGIN);
	m.credential_remove.id = scene.credential;
	go_to(STEPS - 1);
	meanwhile(m);
	template(1200);
	(void)done(KM_ESTATE, "enrol a code first");
	told(STOP);
	nothing_is_left();
}

static void test_a_vault_in_doubt_meanwhile_stores_nothing(void **state)
{
	(void)state;
	go_to(STEPS - 1);
	room.v->suspicion = KM_SUSPECT_ROLLBACK;
	template(1200);
	(void)done(KM_ESUSPECT, "");
	nothing_is_left();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCENE(test_stopped_at_any_step_it_leaves_nothing),
		IN_SCENE(test_a_desk_that_goes_at_any_step_leaves_nothing),
		IN_SCENE(test_a_matcher_that_goes_at_any_step_leaves_nothing),
		IN_SCENE(test_a_judge_that_goes_at_any_step_leaves_nothing),
		IN_SCENE(test_a_capture_that_ends_says_why_and_leaves_nothing),
		IN_SCENE(test_a_deadline_that_passes_leaves_nothing),
		IN_SCENE(test_a_round_that_is_not_durable_leaves_nothing),
		IN_SCENE(test_root_enrols_no_finger_alone_that_it_began_before_the_founding),
		IN_SCENE(test_an_operator_suspended_meanwhile_gets_no_finger),
		IN_SCENE(test_an_operator_erased_meanwhile_is_forgotten_by_the_matcher_at_once),
		IN_SCENE(test_a_finger_removed_meanwhile_is_forgotten_by_the_matcher_at_once),
		IN_SCENE(test_a_code_removed_meanwhile_is_missed),
		IN_SCENE(test_a_vault_in_doubt_meanwhile_stores_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
