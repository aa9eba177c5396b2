/* The judge's link to the sensor, on real sockets: the test plays sensor, vault and clients. */
#include <fcntl.h>

#include <kenmon/clock.h>

#include "real_judge.h"

#define GRANT 7

static char sensor_path[80];
static int sensor_listener, sensor;

static int open_all(void **state)
{
	if (open_house(state) != 0)
		return -1;
	snprintf(sensor_path, sizeof(sensor_path), "%s/sensor", dir);
	j->sensor_path = sensor_path;
	j->sensor_uid = geteuid();
	sensor = -1;
	if (km_listen_at(sensor_path, 0600, (uid_t)-1, (gid_t)-1, &sensor_listener) != KM_OK)
		return -1;
	return fcntl(sensor_listener, F_SETFL, O_NONBLOCK);
}

static int close_all(void **state)
{
	if (sensor >= 0)
		close(sensor);
	if (sensor_listener >= 0)
		close(sensor_listener);
	unlink(sensor_path);
	return close_house(state);
}

static bool sensor_comes(void)
{
	sensor = accept4(sensor_listener, NULL, NULL, SOCK_CLOEXEC);
	return sensor >= 0;
}

static void sensor_goes(void)
{
	close(sensor);
	sensor = -1;
	settle();
}

static bool sensor_is_asked(struct km_msg *m)
{
	size_t len = 0;

	if (km_recv(sensor, frame, sizeof(frame), &len, NULL, NULL, MSG_DONTWAIT) != KM_OK)
		return false;
	assert_int_equal(km_decode(frame, len, KM_FROM_JUDGE, KM_PHASE_SENSOR, m), KM_OK);
	return true;
}

static void sensor_hears(unsigned number, uint8_t grant)
{
	struct km_msg m;

	assert_true(sensor_is_asked(&m));
	assert_int_equal(m.number, number);
	assert_int_equal(number == KM_MSG_STOP ? m.stop.grant[0] : m.capture.grant[0], grant);
}

static void sensor_says(uint8_t grant, unsigned event)
{
	struct km_msg m = { .number = KM_MSG_EVENT };

	memset(m.event.grant, grant, sizeof(m.event.grant));
	m.event.event = (uint8_t)event;
	assert_int_equal(km_send_msg(sensor, &m, -1, MSG_DONTWAIT), KM_OK);
	settle();
}

static void grants(uint32_t id, uint8_t grant)
{
	struct km_msg m = { .number = KM_MSG_GRANTED, .session = id };

	memset(m.granted.grant, grant, sizeof(m.granted.grant));
	m.granted.seconds = 20;
	vault_says(m);
}

/* A client who has pressed Enter. */
static uint32_t wants(int *fd)
{
	struct km_msg m = { .number = KM_MSG_PLAN }, a = { .number = KM_MSG_ANSWER };
	int copy;
	uint32_t id = opened(fd, &copy);

	close(copy);
	m.session = id;
	m.plan.slots.count = 1;
	m.plan.slots.slot[0].shape = KM_SHAPE_DIGITS_6 | KM_SHAPE_TOUCH;
	vault_says(m);
	assert_int_equal(hears(*fd).number, KM_MSG_WELCOME);
	assert_int_equal(hears(*fd).number, KM_MSG_PROMPT);
	assert_int_equal(km_send_msg(*fd, &a, -1, MSG_DONTWAIT), KM_OK);
	settle();
	assert_int_equal(next_from_judge(NULL).number, KM_MSG_GRANT);
	return id;
}

/* And whom the vault has granted a capture. */
static uint32_t touches(int *fd, uint8_t grant)
{
	uint32_t id = wants(fd);

	grants(id, grant);
	return id;
}

static void vault_hears_revoke(uint32_t id, unsigned event)
{
	struct km_msg m = next_from_judge(NULL);

	assert_int_equal(m.number, KM_MSG_REVOKE);
	assert_int_equal(m.session, id);
	assert_int_equal(m.revoke.event, event);
}

static void gives_up(int fd)
{
	close(fd);
	settle();
	assert_int_equal(next_from_judge(NULL).number, KM_MSG_CLOSE);
}

/* --- tests ----------------------------------------------------------------------------- */

static void test_the_link_is_made_for_the_first_capture_and_kept_for_the_next(void **state)
{
	int fd[2];

	(void)state;
	assert_false(sensor_comes());
	touches(&fd[0], GRANT);
	assert_true(sensor_comes());
	sensor_hears(KM_MSG_CAPTURE, GRANT);
	sensor_says(GRANT, KM_SENSOR_WAITING);
	assert_string_equal(hears(fd[0]).info.text, km_text(KM_TEXT_TOUCH, KM_LANG_EN));
	touches(&fd[1], GRANT + 1);
	sensor_hears(KM_MSG_CAPTURE, GRANT + 1);
	assert_int_equal(accept4(sensor_listener, NULL, NULL, SOCK_CLOEXEC), -1);
	for (unsigned i = 0; i < 2; i++) {
		close(fd[i]);
		settle();
		sensor_hears(KM_MSG_STOP, (uint8_t)(GRANT + i));
	}
}

static void test_a_sensor_that_went_idle_is_found_again_by_the_next_capture(void **state)
{
	int fd;
	uint32_t id;

	(void)state;
	id = touches(&fd, GRANT);
	assert_true(sensor_comes());
	sensor_hears(KM_MSG_CAPTURE, GRANT);
	sensor_says(GRANT, KM_SENSOR_TIMEOUT);
	vault_hears_revoke(id, KM_SENSOR_TIMEOUT);
	gives_up(fd);
	sensor_goes();
	/* With nothing to capture it is left alone. */
	assert_false(sensor_comes());
	touches(&fd, GRANT + 1);
	assert_true(sensor_comes());
	sensor_hears(KM_MSG_CAPTURE, GRANT + 1);
	gives_up(fd);
}

/* It went while the grant was under way: the judge hears of the end after it has asked. */
static void test_a_sensor_that_goes_just_before_it_is_asked_is_asked_again(void **state)
{
	int fd[2];
	uint32_t id;

	(void)state;
	touches(&fd[0], GRANT);
	assert_true(sensor_comes());
	sensor_hears(KM_MSG_CAPTURE, GRANT);
	id = wants(&fd[1]);
	close(sensor);
	grants(id, GRANT + 1);
	assert_true(judge_is_quiet());
	/* Both on the next link, in their order (C29). */
	assert_true(sensor_comes());
	sensor_hears(KM_MSG_CAPTURE, GRANT);
	sensor_hears(KM_MSG_CAPTURE, GRANT + 1);
	gives_up(fd[0]);
	gives_up(fd[1]);
}

/* C27 */
static void test_c27_a_sensor_killed_in_a_capture_is_asked_once_more_and_then_no_more(void **state)
{
	int fd;
	uint32_t id = touches(&fd, GRANT);

	(void)state;
	assert_true(sensor_comes());
	sensor_goes();
	assert_true(judge_is_quiet());
	assert_true(sensor_comes());
	sensor_hears(KM_MSG_CAPTURE, GRANT);
	sensor_goes();
	vault_hears_revoke(id, KM_SENSOR_FAILED);
	assert_false(sensor_comes());
	gives_up(fd);
}

static void test_where_no_sensor_listens_the_grant_is_given_back_at_once(void **state)
{
	int fd;
	uint32_t id;

	(void)state;
	close(sensor_listener);
	sensor_listener = -1;
	id = touches(&fd, GRANT);
	vault_hears_revoke(id, KM_SENSOR_FAILED);
	assert_int_equal(j->sensor.fd, -1);
	gives_up(fd);
}

static void test_another_uid_is_not_heard_and_its_link_ends(void **state)
{
	int fd;
	uint32_t id;

	(void)state;
	j->sensor_uid = geteuid() + 1;
	id = touches(&fd, GRANT);
	assert_true(sensor_comes());
	sensor_says(GRANT, KM_SENSOR_WAITING);
	vault_hears_revoke(id, KM_SENSOR_FAILED);
	assert_int_equal(j->sensor.fd, -1);
	gives_up(fd);
}

/* C26; and C4: a descriptor that nobody asked for is closed. */
static void test_c26_a_bad_frame_ends_the_link_and_what_is_captured_on_it(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 3; how++) {
		uint8_t junk[64] = { how == 0 ? KM_MSG_EVENT : KM_MSG_RESULT };
		int fd;
		uint32_t id = touches(&fd, GRANT);

		assert_true(sensor_comes());
		assert_int_equal(
		    km_send(sensor, junk, sizeof(junk), how == 2 ? sensor : -1, MSG_DONTWAIT),
		    KM_OK);
		settle();
		vault_hears_revoke(id, KM_SENSOR_FAILED);
		assert_int_equal(j->sensor.fd, -1);
		gives_up(fd);
		sensor_goes();
		assert_false(sensor_comes());
	}
}

static void test_a_sensor_that_says_nothing_is_given_up(void **state)
{
	int fd;
	uint32_t id = touches(&fd, GRANT);

	(void)state;
	assert_true(sensor_comes());
	sensor_hears(KM_MSG_CAPTURE, GRANT);
	assert_non_null(j->sensor.guard);
	/* Its time is over. */
	for (unsigned i = 0; i < JUDGE_CAPTURES; i++)
		j->sensor.capture[i].ends_ms -= 60000;
	assert_true(sd_event_source_set_time(j->sensor.guard, 1) >= 0);
	settle();
	vault_hears_revoke(id, KM_SENSOR_FAILED);
	sensor_hears(KM_MSG_STOP, GRANT);
	assert_null(j->sensor.guard);
	/* Too late. */
	sensor_says(GRANT, KM_SENSOR_WAITING);
	assert_true(judge_is_quiet());
	gives_up(fd);
}

static void test_the_guard_fires_only_when_something_is_overdue(void **state)
{
	int fd;

	(void)state;
	touches(&fd, GRANT);
	assert_true(sensor_comes());
	assert_true(sd_event_source_set_time(j->sensor.guard, 1) >= 0);
	settle();
	assert_non_null(j->sensor.guard);
	assert_true(judge_is_quiet());
	gives_up(fd);
}

static void fill(void)
{
	const int little = 1;

	assert_int_equal(setsockopt(j->sensor.fd, SOL_SOCKET, SO_SNDBUF, &little, sizeof(little)),
			 0);
	for (unsigned i = 0; j->sensor.queued == 0 && i < 10000; i++) {
		struct km_msg m = { .number = KM_MSG_STOP };

		assert_int_equal(judge_sensor_send(j, &m), KM_OK);
	}
	assert_true(j->sensor.queued > 0);
}

static void test_what_a_slow_sensor_does_not_read_waits_and_keeps_its_order(void **state)
{
	struct km_msg m, last = { 0 };
	int fd[2];

	(void)state;
	touches(&fd[0], GRANT);
	assert_true(sensor_comes());
	fill();
	touches(&fd[1], GRANT + 1);
	gives_up(fd[1]);
	while (sensor_is_asked(&m) || j->sensor.queued > 0) {
		last = m;
		settle();
	}
	assert_int_equal(last.number, KM_MSG_STOP);
	assert_int_equal(last.stop.grant[0], GRANT + 1);
	gives_up(fd[0]);
}

static void test_a_sensor_that_never_reads_loses_its_link_and_nobody_waits(void **state)
{
	struct km_msg m = { .number = KM_MSG_STOP };
	int fd;
	km_rc rc = KM_OK;
	uint32_t id = touches(&fd, GRANT);

	(void)state;
	assert_true(sensor_comes());
	fill();
	for (unsigned i = 0; rc == KM_OK && i <= JUDGE_SENSOR_QUEUE; i++)
		rc = judge_sensor_send(j, &m);
	assert_int_equal(rc, KM_ELIMIT);
	settle();
	/* Another link, and another try. */
	close(sensor);
	assert_true(sensor_comes());
	sensor_hears(KM_MSG_CAPTURE, GRANT);
	sensor_goes();
	vault_hears_revoke(id, KM_SENSOR_FAILED);
	gives_up(fd);
}

static void test_the_vault_goes_and_the_sensor_hears_stop(void **state)
{
	int fd;

	(void)state;
	touches(&fd, GRANT);
	assert_true(sensor_comes());
	sensor_hears(KM_MSG_CAPTURE, GRANT);
	vault_goes();
	sensor_hears(KM_MSG_STOP, GRANT);
	is_refused(fd, KM_VERDICT_UNAVAILABLE, KM_REASON_NO_VAULT);
}

int main(void)
{
#define HERE(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)
	const struct CMUnitTest tests[] = {
		HERE(test_the_link_is_made_for_the_first_capture_and_kept_for_the_next),
		HERE(test_a_sensor_that_went_idle_is_found_again_by_the_next_capture),
		HERE(test_a_sensor_that_goes_just_before_it_is_asked_is_asked_again),
		HERE(test_c27_a_sensor_killed_in_a_capture_is_asked_once_more_and_then_no_more),
		HERE(test_where_no_sensor_listens_the_grant_is_given_back_at_once),
		HERE(test_another_uid_is_not_heard_and_its_link_ends),
		HERE(test_c26_a_bad_frame_ends_the_link_and_what_is_captured_on_it),
		HERE(test_a_sensor_that_says_nothing_is_given_up),
		HERE(test_the_guard_fires_only_when_something_is_overdue),
		HERE(test_what_a_slow_sensor_does_not_read_waits_and_keeps_its_order),
		HERE(test_a_sensor_that_never_reads_loses_its_link_and_nobody_waits),
		HERE(test_the_vault_goes_and_the_sensor_hears_stop),
	};

	return cmocka_run_group_tests_name("sensor_link", tests, NULL, NULL);
}
