/*
 * C27: whatever becomes of the reader, of the sensor or of the machine's sleep, in whichever phase
 * of a capture: the next one works.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "house.h"
#include "reader_scene.h"

#define HALF    (READER_BYTES / 2)
#define DEAD_MS 11000 /* more than SENSOR_DEAD_S */
#define A_DAY   "86400"

/* --- phases of a capture of two images, each on from the one before ------------------------- */

static void asked(struct reader_post *p)
{
	reader_capture(p, 'a', 2, 60);
}

static void being_opened(struct reader_post *p)
{
	asked(p);
	reader_snooze(50); /* the virtual reader takes 100 ms to open, and to close */
}

static void being_closed(struct reader_post *p)
{
	reader_works(p, 'y');
	asked(p); /* in line behind a reader that is still to be closed */
}

static void listed(struct reader_post *p)
{
	reader_capture(p, 'l', 0, 60);
}

static void waiting(struct reader_post *p)
{
	asked(p);
	reader_expect(p, 'a', KM_SENSOR_WAITING);
}

static void touched_in_part(struct reader_post *p)
{
	waiting(p);
	reader_touch(p, READER_WIDTH, READER_HEIGHT, grey, HALF);
}

static void touched(struct reader_post *p)
{
	waiting(p);
	reader_touch(p, READER_WIDTH, READER_HEIGHT, grey, READER_BYTES);
}

static void taken(struct reader_post *p)
{
	struct km_minutiae m;

	touched(p);
	reader_probe(p, 'a', &m);
	reader_expect(p, 'a', KM_SENSOR_TAKEN);
}

static void finger_stays(struct reader_post *p)
{
	struct km_minutiae m;

	waiting(p);
	reader_command(p, FEED_AUTOMATIC, 0);
	reader_snooze(50);
	reader_more(p, FEED_FINGER, 1, NULL, 0);
	reader_more(p, READER_WIDTH, READER_HEIGHT, grey, READER_BYTES);
	reader_probe(p, 'a', &m);
	reader_expect(p, 'a', KM_SENSOR_TAKEN);
}

static void second_touch(struct reader_post *p)
{
	taken(p);
	reader_expect(p, 'a', KM_SENSOR_WAITING);
	reader_touch(p, READER_WIDTH, READER_HEIGHT, grey, READER_BYTES);
}

static void stopped(struct reader_post *p)
{
	waiting(p);
	reader_stop_capture(p, 'a');
}

static void two_in_line(struct reader_post *p)
{
	waiting(p);
	reader_capture(p, 'b', 1, 60);
}

/* Where it makes a difference what a room was in the middle of; the others are like one of these.
 */
static void (*const few[])(struct reader_post *p) = { waiting, touched, finger_stays, two_in_line };
#define FEW (sizeof(few) / sizeof(few[0]))

static void (*const phases[])(struct reader_post *p) = {
	asked, listed,       being_opened, waiting, touched_in_part, touched,
	taken, finger_stays, second_touch, stopped, two_in_line,     being_closed,
};
#define PHASES (sizeof(phases) / sizeof(phases[0]))

/* The sensor says that it is gone, and whoever starts it does. */
static void and_the_next_works(struct reader_post *p)
{
	while (reader_event(p) != KM_SENSOR_NONE)
		continue;
	reader_again(p);
	reader_connect(p);
	reader_works(p, 'z');
}

static void test_c27_a_sensor_killed_in_any_phase_is_there_for_the_next_login(void **state)
{
	struct reader_post *p = *state;

	reader_works(p, 'x'); /* a connection that it has not taken yet would wait for the next */
	for (size_t i = 0; i < PHASES; i++) {
		phases[i](p);
		kill(p->pid, SIGKILL);
		assert_int_equal(reader_wait(p), 128 + SIGKILL);
		and_the_next_works(p);
	}
}

static void test_c27_a_sensor_restarted_in_a_capture_is_there_for_the_next_login(void **state)
{
	struct reader_post *p = *state;

	for (size_t i = 0; i < FEW; i++) {
		few[i](p);
		kill(p->pid, SIGTERM);
		assert_int_equal(reader_wait(p), 0);
		and_the_next_works(p);
	}
}

static void test_c27_a_judge_that_goes_in_any_phase_leaves_the_reader_to_the_next(void **state)
{
	struct reader_post *p = *state;

	for (size_t i = 0; i < PHASES; i++) {
		phases[i](p);
		reader_connect(p);
		reader_works(p, 'z');
	}
}

static void test_c27_a_stop_in_any_phase_leaves_the_reader_to_the_next(void **state)
{
	struct reader_post *p = *state;
	enum km_sensor_event event = KM_SENSOR_NONE;

	for (size_t i = 0; i < PHASES; i++) {
		phases[i](p);
		reader_stop_capture(p, 'l');
		reader_stop_capture(p, 'b');
		reader_stop_capture(p, 'a');
		do {
			event = reader_event(p);
			assert_int_not_equal(event, KM_SENSOR_NONE);
		} while (p->grant == 'b' || !km_sensor_event_ends(event));
		reader_connect(p);
		reader_works(p, 'z');
	}
}

static void test_c27_a_matcher_that_goes_in_a_capture_ends_that_capture_alone(void **state)
{
	struct reader_post *p = *state;

	for (size_t i = 0; i < FEW; i++) {
		few[i](p);
		reader_matcher_goes(p);
		reader_matcher_comes(p);
		reader_connect(p);
		reader_works(p, 'z');
	}
}

/* --- the reader goes ----------------------------------------------------------------------------
 */

static void
test_c27_a_reader_unplugged_while_it_waits_is_missed_and_plugged_in_again_it_works(void **state)
{
	struct reader_post *p = *state;

	for (unsigned i = 0; i < 2; i++) {
		waiting(p);
		reader_command(p, FEED_UNPLUG, 0);
		reader_expect(p, 'a', KM_SENSOR_NO_READER);
		reader_works(p, 'b');
	}
}

static void test_c27_a_reader_unplugged_between_two_touches_is_missed(void **state)
{
	struct reader_post *p = *state;

	taken(p);
	reader_expect(p, 'a', KM_SENSOR_WAITING);
	reader_command(p, FEED_UNPLUG, 0);
	reader_expect(p, 'a', KM_SENSOR_NO_READER);
	reader_works(p, 'b');
}

static void test_c27_a_reader_unplugged_with_the_finger_on_it_is_missed(void **state)
{
	struct reader_post *p = *state;

	finger_stays(p);
	reader_more(p, FEED_UNPLUG, 0, NULL, 0);
	reader_expect(p, 'a', KM_SENSOR_NO_READER);
	reader_works(p, 'b');
}

static void
test_c27_a_reader_that_stops_in_mid_image_costs_that_capture_its_time_and_no_more(void **state)
{
	struct reader_post *p = *state;

	reader_capture(p, 'a', 1, 2);
	reader_expect(p, 'a', KM_SENSOR_WAITING);
	reader_touch(p, READER_WIDTH, READER_HEIGHT, grey, HALF);
	reader_expect(p, 'a', KM_SENSOR_TIMEOUT);
	reader_works(p, 'b');
}

/* --- sleep ---------------------------------------------------------------------------------------
 */

/* Of the sensor's only timer, as the kernel sees it. */
static bool timer_is(pid_t pid, const char *line)
{
	char path[64], text[512];
	bool timer = false, found = false;

	for (int fd = 3; fd < 32 && !found; fd++) {
		FILE *f;
		size_t len;

		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)pid, fd);
		f = fopen(path, "re");
		if (!f)
			continue;
		len = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
		text[len] = '\0';
		timer = strstr(text, "clockid: 7\n") != NULL;
		found = timer && strstr(text, line);
	}
	return found;
}

/*
 * Suspended means: no process runs, and CLOCK_BOOTTIME does. The second first: the deadline has to
 * be a timer of that clock, at a point of it and not after a while.
 */
static void test_c27_a_deadline_is_a_point_of_the_clock_that_runs_in_sleep(void **state)
{
	struct reader_post *p = *state;

	if (geteuid() != 0)
		skip(); /* only root may look into a room */
	reader_capture(p, 'a', 1, 60);
	reader_expect(p, 'a', KM_SENSOR_WAITING);
	assert_true(timer_is(p->pid, "settime flags: 01\n"));
	reader_stop_capture(p, 'a');
	reader_expect(p, 'a', KM_SENSOR_STOPPED);
}

/* And no process runs: that is played. */
static void test_c27_a_deadline_that_passes_in_sleep_has_passed_on_waking(void **state)
{
	struct reader_post *p = *state;

	reader_capture(p, 'a', 1, 3);
	reader_expect(p, 'a', KM_SENSOR_WAITING);
	reader_capture(p, 'b', 1, 60);
	reader_expect(p, 'b', KM_SENSOR_IN_LINE);
	kill(p->pid, SIGSTOP);
	reader_snooze(3200);
	/* The finger comes after the night, before anybody has looked at the clock. */
	reader_touch(p, READER_WIDTH, READER_HEIGHT, grey, READER_BYTES);
	kill(p->pid, SIGCONT);
	reader_expect(p, 'a', KM_SENSOR_TIMEOUT);
	reader_expect(p, 'b', KM_SENSOR_WAITING);
	reader_stop_capture(p, 'b');
	reader_expect(p, 'b', KM_SENSOR_STOPPED);
	reader_works(p, 'c');
}

/* Where a machine has slept for a day in all, CLOCK_MONOTONIC is a day behind: no deadline mixes
 * the two. */
static void test_c27_after_a_day_asleep_captures_take_their_time_as_ever(void **state)
{
	const struct reader_setup setup = { .before = { "unshare", "-T", "--boottime", A_DAY },
					    .extra = { "--idle", "2" } };
	struct reader_post p;

	(void)state;
	if (geteuid() != 0)
		skip();
	reader_start(&p, &setup);
	reader_works(&p, 'a');
	reader_capture(&p, 'b', 1, 1);
	reader_expect(&p, 'b', KM_SENSOR_WAITING);
	reader_expect(&p, 'b', KM_SENSOR_TIMEOUT);
	reader_works(&p, 'c');
	assert_int_equal(reader_wait(&p), 0);
	reader_end(&p);
}

/* --- a driver that does not come back ------------------------------------------------------------
 */

/*
 * A call of a driver's that never returns, and a process that is stopped, look alike to the loop:
 * it does not turn. The kernel ends the sensor then, once it can.
 */
static void test_c27_a_sensor_whose_loop_does_not_turn_is_ended_by_the_kernel(void **state)
{
	struct reader_post *p = *state;

	waiting(p);
	kill(p->pid, SIGSTOP);
	reader_snooze(DEAD_MS);
	kill(p->pid, SIGCONT);
	assert_int_equal(reader_event(p), KM_SENSOR_NONE);
	assert_int_equal(reader_wait(p), 128 + SIGALRM);
	reader_again(p);
	reader_connect(p);
	reader_works(p, 'b');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(test_c27_a_sensor_killed_in_any_phase_is_there_for_the_next_login),
		ONE(test_c27_a_sensor_restarted_in_a_capture_is_there_for_the_next_login),
		ONE(test_c27_a_judge_that_goes_in_any_phase_leaves_the_reader_to_the_next),
		ONE(test_c27_a_stop_in_any_phase_leaves_the_reader_to_the_next),
		ONE(test_c27_a_matcher_that_goes_in_a_capture_ends_that_capture_alone),
		ONE(test_c27_a_reader_unplugged_while_it_waits_is_missed_and_plugged_in_again_it_works),
		ONE(test_c27_a_reader_unplugged_between_two_touches_is_missed),
		ONE(test_c27_a_reader_unplugged_with_the_finger_on_it_is_missed),
		ONE(test_c27_a_reader_that_stops_in_mid_image_costs_that_capture_its_time_and_no_more),
		ONE(test_c27_a_deadline_is_a_point_of_the_clock_that_runs_in_sleep),
		ONE(test_c27_a_deadline_that_passes_in_sleep_has_passed_on_waking),
		ONE(test_c27_a_sensor_whose_loop_does_not_turn_is_ended_by_the_kernel),
		cmocka_unit_test(test_c27_after_a_day_asleep_captures_take_their_time_as_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
