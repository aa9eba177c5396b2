/* The sensor on libfprint's virtual reader: captures, their order and their end. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "house.h"
#include "reader_scene.h"

/* Of FpDeviceRetry and FpDeviceError, as libfprint 1.94 numbers them. */
enum { RETRY_GENERAL, RETRY_SHORT, RETRY_CENTRE, RETRY_REMOVE };
enum { ERROR_GENERAL = 0, ERROR_PROTO = 5, ERROR_TOO_HOT = 0x101 };

#define SOON_MS      300
#define RETRIES_MOST 200 /* SENSOR_RETRIES_MOST */

static void touch(struct reader_post *p)
{
	reader_touch(p, READER_WIDTH, READER_HEIGHT, grey, READER_BYTES);
}

static void test_what_is_in_the_image_comes_to_the_matcher_y_upwards(void **state)
{
	struct reader_post *p = *state;
	struct km_minutiae m;

	for (unsigned number = 0; number < 3; number++) {
		reader_picture(number, grey);
		reader_capture(p, 'a', 1, 20);
		reader_expect(p, 'a', KM_SENSOR_WAITING);
		assert_string_not_equal(p->reader, "");
		touch(p);
		reader_probe(p, 'a', &m);
		reader_expect(p, 'a', KM_SENSOR_TAKEN);
		reader_expect(p, 'a', KM_SENSOR_DONE);
		for (unsigned i = 0; i < READER_POLES; i++) {
			double near = 1000;
			int x, y;

			reader_pole(number, i, &x, &y);
			for (unsigned k = 0; k < m.count; k++)
				near = fmin(near,
					    hypot(m.at[k].x - x, m.at[k].y - (READER_HEIGHT - y)));
			assert_true(near < 12);
		}
	}
}

static void test_the_same_image_gives_the_same_probe(void **state)
{
	struct reader_post *p = *state;
	struct km_minutiae m[2];

	memset(m, 0, sizeof(m));
	reader_capture(p, 'a', 2, 20);
	reader_expect(p, 'a', KM_SENSOR_WAITING);
	for (unsigned i = 0; i < 2; i++) {
		touch(p);
		reader_probe(p, 'a', &m[i]);
		reader_expect(p, 'a', KM_SENSOR_TAKEN);
		reader_expect(p, 'a', i == 0 ? KM_SENSOR_WAITING : KM_SENSOR_DONE);
	}
	assert_int_equal(m[0].count, m[1].count);
	assert_memory_equal(m[0].at, m[1].at, m[0].count * sizeof(m[0].at[0]));
}

static void test_a_capture_of_many_goes_on_until_it_is_stopped(void **state)
{
	struct reader_post *p = *state;
	struct km_minutiae m;

	reader_capture(p, 'a', 60, 120);
	for (unsigned i = 0; i < 4; i++) {
		reader_expect(p, 'a', KM_SENSOR_WAITING);
		touch(p);
		reader_probe(p, 'a', &m);
		reader_expect(p, 'a', KM_SENSOR_TAKEN);
	}
	reader_expect(p, 'a', KM_SENSOR_WAITING);
	reader_stop_capture(p, 'a');
	reader_expect(p, 'a', KM_SENSOR_STOPPED);
	/* Nothing is left to be stopped, and that is no fault. */
	reader_stop_capture(p, 'a');
	reader_works(p, 'b');
}

static void test_a_finger_that_stays_is_one_touch(void **state)
{
	struct reader_post *p = *state;
	struct km_minutiae m;

	reader_capture(p, 'a', 2, 60);
	reader_expect(p, 'a', KM_SENSOR_WAITING);
	reader_command(p, FEED_AUTOMATIC, 0);
	reader_snooze(50);
	reader_more(p, FEED_FINGER, 1, NULL, 0);
	reader_more(p, READER_WIDTH, READER_HEIGHT, grey, READER_BYTES);
	reader_probe(p, 'a', &m);
	reader_expect(p, 'a', KM_SENSOR_TAKEN);
	assert_true(reader_is_quiet(p, SOON_MS));
	reader_more(p, FEED_FINGER, 0, NULL, 0);
	reader_expect(p, 'a', KM_SENSOR_WAITING);
	reader_more(p, FEED_FINGER, 1, NULL, 0);
	reader_more(p, READER_WIDTH, READER_HEIGHT, grey, READER_BYTES);
	reader_probe(p, 'a', &m);
	reader_expect(p, 'a', KM_SENSOR_TAKEN);
	/* The judge need not wait for it to be lifted, and the next in line not for ever. */
	reader_expect(p, 'a', KM_SENSOR_DONE);
	reader_capture(p, 'b', 1, 30);
	reader_expect(p, 'b', KM_SENSOR_WAITING);
}

static void test_libfprints_reasons_to_try_again_are_told_apart(void **state)
{
	static const struct {
		int retry;
		enum km_sensor_event event;
	} reasons[] = {
		{ RETRY_GENERAL, KM_SENSOR_AGAIN },
		{ RETRY_SHORT, KM_SENSOR_TOO_SHORT },
		{ RETRY_CENTRE, KM_SENSOR_CENTRE },
		{ RETRY_REMOVE, KM_SENSOR_LIFT },
	};
	struct reader_post *p = *state;
	struct km_minutiae m;

	reader_capture(p, 'a', 1, 60);
	reader_expect(p, 'a', KM_SENSOR_WAITING);
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		reader_command(p, FEED_RETRY, reasons[i].retry);
		reader_expect(p, 'a', reasons[i].event);
	}
	memset(grey, 0xFF, READER_BYTES);
	touch(p);
	reader_expect(p, 'a', KM_SENSOR_POOR_IMAGE);
	reader_picture(0, grey);
	touch(p);
	reader_probe(p, 'a', &m);
	reader_expect(p, 'a', KM_SENSOR_TAKEN);
	reader_expect(p, 'a', KM_SENSOR_DONE);
}

static void test_a_reader_without_an_image_in_200_tries_is_at_fault(void **state)
{
	struct reader_post *p = *state;

	reader_capture(p, 'a', 1, 60);
	reader_expect(p, 'a', KM_SENSOR_WAITING);
	for (unsigned i = 0; i <= RETRIES_MOST; i++) {
		reader_command(p, FEED_RETRY, RETRY_GENERAL);
		reader_expect(p, 'a', KM_SENSOR_AGAIN);
	}
	reader_expect(p, 'a', KM_SENSOR_FAILED);
	reader_works(p, 'b');
}

static void test_c29_two_logins_are_served_in_order_each_within_its_own_seconds(void **state)
{
	struct reader_post *p = *state;
	struct km_minutiae m;

	reader_capture(p, 'a', 1, 60);
	reader_expect(p, 'a', KM_SENSOR_WAITING);
	reader_capture(p, 'b', 1, 60);
	reader_expect(p, 'b', KM_SENSOR_IN_LINE);
	reader_capture(p, 'c', 1, 3);
	reader_expect(p, 'c', KM_SENSOR_IN_LINE);
	reader_capture(p, 'd', 1, 60);
	reader_expect(p, 'd', KM_SENSOR_IN_LINE);
	reader_expect(p, 'c', KM_SENSOR_TIMEOUT);
	touch(p);
	reader_probe(p, 'a', &m);
	reader_expect(p, 'a', KM_SENSOR_TAKEN);
	reader_expect(p, 'a', KM_SENSOR_DONE);
	reader_expect(p, 'b', KM_SENSOR_WAITING);
	reader_stop_capture(p, 'd');
	reader_expect(p, 'd', KM_SENSOR_STOPPED);
	touch(p);
	reader_probe(p, 'b', &m);
	reader_expect(p, 'b', KM_SENSOR_TAKEN);
	reader_expect(p, 'b', KM_SENSOR_DONE);
}

static void test_the_line_has_an_end_and_what_is_beyond_is_refused(void **state)
{
	struct reader_post *p = *state;

	reader_capture(p, 'a', 1, 60);
	reader_expect(p, 'a', KM_SENSOR_WAITING);
	for (char grant = 'b'; grant <= 'h'; grant++) {
		reader_capture(p, grant, 1, 60);
		reader_expect(p, grant, KM_SENSOR_IN_LINE);
	}
	reader_capture(p, 'i', 1, 60);
	reader_expect(p, 'i', KM_SENSOR_FAILED);
	for (char grant = 'h'; grant >= 'a'; grant--) {
		reader_stop_capture(p, grant);
		reader_expect(p, grant, KM_SENSOR_STOPPED);
	}
	reader_works(p, 'j');
}

static void test_without_a_touch_the_capture_ends_in_time(void **state)
{
	struct reader_post *p = *state;

	reader_capture(p, 'a', 1, 3);
	reader_expect(p, 'a', KM_SENSOR_WAITING);
	reader_expect(p, 'a', KM_SENSOR_TIMEOUT);
	reader_capture(p, 'b', 1, 0);
	reader_expect(p, 'b', KM_SENSOR_TIMEOUT);
	reader_works(p, 'c');
}

static void test_a_hot_reader_is_opened_once_more_and_then_said_to_be_hot(void **state)
{
	struct reader_post *p = *state;
	struct km_minutiae m;

	reader_capture(p, 'a', 1, 60);
	reader_expect(p, 'a', KM_SENSOR_WAITING);
	reader_command(p, FEED_ERROR, ERROR_TOO_HOT);
	reader_expect(p, 'a', KM_SENSOR_WAITING);
	touch(p);
	reader_probe(p, 'a', &m);
	reader_expect(p, 'a', KM_SENSOR_TAKEN);
	reader_expect(p, 'a', KM_SENSOR_DONE);
	reader_capture(p, 'b', 1, 60);
	for (unsigned i = 0; i < 2; i++) {
		reader_expect(p, 'b', KM_SENSOR_WAITING);
		reader_command(p, FEED_ERROR, ERROR_TOO_HOT);
	}
	reader_expect(p, 'b', KM_SENSOR_HOT);
	reader_works(p, 'c');
}

static void test_c32_a_fault_of_the_reader_ends_its_capture_and_no_other(void **state)
{
	struct reader_post *p = *state;

	for (int error = ERROR_GENERAL; error <= ERROR_PROTO; error += ERROR_PROTO) {
		reader_capture(p, 'a', 1, 60);
		reader_expect(p, 'a', KM_SENSOR_WAITING);
		reader_command(p, FEED_ERROR, error);
		reader_expect(p, 'a', KM_SENSOR_FAILED);
		reader_works(p, 'b');
	}
}

static void test_where_no_matcher_listens_no_finger_is_asked_for(void **state)
{
	struct reader_post *p = *state;

	reader_matcher_goes(p);
	reader_capture(p, 'a', 1, 60);
	reader_expect(p, 'a', KM_SENSOR_FAILED);
	reader_matcher_comes(p);
	reader_works(p, 'b');
}

static void
test_a_matcher_that_was_started_again_gets_the_probe_of_the_old_ones_capture(void **state)
{
	struct reader_post *p = *state;
	struct km_minutiae m;

	reader_capture(p, 'a', 2, 60);
	reader_expect(p, 'a', KM_SENSOR_WAITING);
	touch(p);
	reader_probe(p, 'a', &m);
	reader_expect(p, 'a', KM_SENSOR_TAKEN);
	reader_expect(p, 'a', KM_SENSOR_WAITING);
	reader_matcher_goes(p);
	reader_matcher_comes(p);
	touch(p);
	reader_probe(p, 'a', &m);
	reader_expect(p, 'a', KM_SENSOR_TAKEN);
	reader_expect(p, 'a', KM_SENSOR_DONE);
	reader_capture(p, 'b', 1, 60);
	reader_expect(p, 'b', KM_SENSOR_WAITING);
	reader_matcher_goes(p);
	touch(p);
	reader_expect(p, 'b', KM_SENSOR_FAILED);
}

/* --- readers ------------------------------------------------------------------------------------
 */

static void test_the_list_says_which_readers_there_are(void **state)
{
	struct reader_post *p = *state;

	reader_capture(p, 'l', 0, 20);
	reader_expect(p, 'l', KM_SENSOR_READER);
	assert_string_equal(p->detail, "virtual_image, reader");
	reader_expect(p, 'l', KM_SENSOR_DONE);
	/* Nobody compares anything for a list. */
	reader_matcher_goes(p);
	reader_capture(p, 'm', 0, 20);
	reader_expect(p, 'm', KM_SENSOR_READER);
	reader_expect(p, 'm', KM_SENSOR_DONE);
}

static void test_a_reader_that_compares_on_its_chip_is_refused(void **state)
{
	static const char *const chips[] = { "FP_VIRTUAL_DEVICE", "FP_VIRTUAL_DEVICE_STORAGE" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct reader_setup setup = { .variable = chips[i] };
		struct reader_post p;

		reader_start(&p, &setup);
		reader_capture(&p, 'a', 1, 20);
		reader_expect(&p, 'a', KM_SENSOR_UNSUPPORTED);
		reader_capture(&p, 'l', 0, 20);
		reader_expect(&p, 'l', KM_SENSOR_READER);
		assert_non_null(strstr(p.detail, ", matches-on-chip"));
		reader_expect(&p, 'l', KM_SENSOR_DONE);
		reader_end(&p);
	}
}

/* A virtual reader that somebody else has: its name is taken, as an interface of USB would be. */
static void test_a_reader_that_another_program_uses_is_said_to_be(void **state)
{
	struct reader_post *p = *state;

	assert_int_equal(mkdir(p->image, 0700), 0);
	reader_capture(p, 'a', 1, 20);
	reader_expect(p, 'a', KM_SENSOR_CLAIMED);
	reader_capture(p, 'l', 0, 20);
	reader_expect(p, 'l', KM_SENSOR_READER);
	assert_string_equal(p->detail, "virtual_image, used-by-another-program");
	reader_expect(p, 'l', KM_SENSOR_DONE);
	assert_int_equal(rmdir(p->image), 0);
	reader_works(p, 'b');
}

/* --- its life
 * ------------------------------------------------------------------------------------- */

static void test_it_ends_when_idle_and_the_next_login_finds_it_started_again(void **state)
{
	const struct reader_setup setup = { .extra = { "--idle", "1" } };
	struct reader_post p;

	(void)state;
	reader_start(&p, &setup);
	reader_works(&p, 'a');
	assert_int_equal(reader_wait(&p), 0);
	assert_int_equal(reader_event(&p), KM_SENSOR_NONE);
	reader_connect(&p); /* as the judge does, before anybody listens */
	reader_capture(&p, 'b', 1, 60);
	reader_again(&p);
	reader_expect(&p, 'b', KM_SENSOR_WAITING);
	/* Somebody is waiting: that is not idle. */
	reader_snooze(1500);
	reader_stop_capture(&p, 'b');
	reader_expect(&p, 'b', KM_SENSOR_STOPPED);
	assert_int_equal(reader_wait(&p), 0);
	reader_end(&p);
}

static void test_it_takes_less_than_48_mib_while_it_captures(void **state)
{
	struct reader_post *p = *state;
	char path[64], line[128];
	long peak = 0;
	FILE *f;

	for (char grant = 'a'; grant < 'f'; grant++)
		reader_works(p, grant);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)p->pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, "VmHWM:", 6) == 0)
			peak = strtol(line + 6, NULL, 10);
	fclose(f);
	assert_in_range(peak, 1, 48 * 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(test_what_is_in_the_image_comes_to_the_matcher_y_upwards),
		ONE(test_the_same_image_gives_the_same_probe),
		ONE(test_a_capture_of_many_goes_on_until_it_is_stopped),
		ONE(test_a_finger_that_stays_is_one_touch),
		ONE(test_libfprints_reasons_to_try_again_are_told_apart),
		ONE(test_a_reader_without_an_image_in_200_tries_is_at_fault),
		ONE(test_c29_two_logins_are_served_in_order_each_within_its_own_seconds),
		ONE(test_the_line_has_an_end_and_what_is_beyond_is_refused),
		ONE(test_without_a_touch_the_capture_ends_in_time),
		ONE(test_a_hot_reader_is_opened_once_more_and_then_said_to_be_hot),
		ONE(test_c32_a_fault_of_the_reader_ends_its_capture_and_no_other),
		ONE(test_where_no_matcher_listens_no_finger_is_asked_for),
		ONE(test_a_matcher_that_was_started_again_gets_the_probe_of_the_old_ones_capture),
		ONE(test_the_list_says_which_readers_there_are),
		cmocka_unit_test(test_a_reader_that_compares_on_its_chip_is_refused),
		ONE(test_a_reader_that_another_program_uses_is_said_to_be),
		cmocka_unit_test(test_it_ends_when_idle_and_the_next_login_finds_it_started_again),
		ONE(test_it_takes_less_than_48_mib_while_it_captures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
