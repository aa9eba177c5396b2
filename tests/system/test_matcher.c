/* The matcher between a vault and sensors: what it finds, for whom, and what is left of it. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/clock.h>
#include <kenmon/sock.h>

#include "house_killer.h"
#include "lab_scene.h"

/* --- findings ------------------------------------------------------------------------------- */

static void test_a_touch_is_found_among_ten_fingers(void **state)
{
	struct km_msg m;

	(void)state;
	assert_true(lend(1, KM_GRANT_TEMPLATES, 10));
	assert_true(lab_probe(sensor, 1, finger_touch(17, 9)));
	assert_true(lab_hear(&lab, &m));
	assert_int_equal(m.number, KM_MSG_MATCH);
	assert_int_equal(m.match.outcome, KM_MATCH_YES);
	assert_int_equal(m.match.index, 7);
	assert_true(m.match.score > 0);
}

static void test_c28_late_twice_or_for_another_grant_nothing_is_found(void **state)
{
	(void)state;
	assert_true(lend(1, 1, 10));
	assert_true(lend(2, 1, 20));
	assert_true(lend(3, 1, 30));
	assert_true(lab_take_back(&lab, 3));
	/* No such grant; one that was taken back; twice. */
	assert_true(lab_probe(sensor, 9, finger_touch(10, 9)));
	assert_true(lab_probe(sensor, 3, finger_touch(30, 9)));
	assert_true(lab_probe(sensor, 1, finger_touch(10, 9)));
	assert_true(lab_probe(sensor, 1, finger_touch(10, 9)));
	assert_true(lab_probe(sensor, 2, finger_touch(10, 9)));
	assert_true(lab_found(&lab, 1, KM_MATCH_YES));
	assert_true(lab_found(&lab, 2, KM_MATCH_NO));
	assert_true(serves());
	assert_true(lab_silent(&lab));
	assert_true(lab_logged(&lab, "for no grant"));
}

static void test_c27_after_its_deadline_nothing_is_found(void **state)
{
	int64_t until = km_boot_ms() + 100;

	(void)state;
	assert_true(lab_lend(&lab, 1, KM_GRANT_COMPARE, 1, 10, LENDER_IMPRESSIONS, 100));
	while (km_boot_ms() <= until + 10)
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	assert_true(lab_probe(sensor, 1, finger_touch(10, 9)));
	assert_true(serves());
	assert_true(lab_silent(&lab));
}

static void test_what_is_lent_before_a_probe_holds_for_it(void **state)
{
	(void)state;
	/* The vault's frame and the probe are both there when it looks. */
	for (unsigned i = 1; i < 100; i++) {
		assert_int_equal(kill(lab.pid, SIGSTOP), 0);
		assert_true(lend(i, 1, 10));
		assert_true(lab_probe(sensor, i, finger_touch(10, 9)));
		assert_int_equal(kill(lab.pid, SIGCONT), 0);
		assert_true(lab_found(&lab, i, KM_MATCH_YES));
	}
}

static void test_two_sensors_are_served_in_turn(void **state)
{
	int other = lab_sensor(&lab);

	(void)state;
	assert_true(other >= 0);
	for (unsigned i = 1; i <= 6; i++) {
		assert_true(lend(i, 1, 10));
		assert_true(lab_probe(i % 2 ? sensor : other, i, finger_touch(10, 9)));
		assert_true(lab_found(&lab, i, KM_MATCH_YES));
	}
	close(other);
	assert_true(serves());
}

static void test_sensors_that_say_nothing_keep_nobody_out(void **state)
{
	int silent[20];

	(void)state;
	for (size_t i = 0; i < 20; i++) {
		silent[i] = lab_sensor(&lab);
		assert_true(silent[i] >= 0);
	}
	/* The first of all gave way. */
	assert_true(lab_closed(sensor));
	close(sensor);
	sensor = lab_sensor(&lab);
	assert_true(serves());
	for (size_t i = 0; i < 20; i++)
		close(silent[i]);
}

/* --- enrolments ------------------------------------------------------------------------------ */

static bool staged(unsigned grant, enum km_stage stage, unsigned good)
{
	struct km_msg m;

	return lab_hear(&lab, &m) && m.number == KM_MSG_STAGE && m.stage.outcome == stage &&
	       m.stage.stage == good && m.stage.of == LENDER_IMPRESSIONS &&
	       m.stage.grant[0] == grant;
}

static void test_an_enrolment_gives_a_template_that_later_touches_match(void **state)
{
	static struct finger_template t;
	struct km_msg m, again;

	(void)state;
	assert_true(lab_lend(&lab, 1, KM_GRANT_ENROL, 2, 40, LENDER_IMPRESSIONS, LONG_MS));
	for (unsigned i = 0; i < LENDER_IMPRESSIONS; i++) {
		assert_true(lab_probe(sensor, 1, finger_touch(30, i)));
		assert_true(staged(1, KM_STAGE_GOOD, i + 1));
	}
	assert_true(lab_hear(&lab, &m));
	assert_int_equal(m.number, KM_MSG_TEMPLATE);
	assert_int_equal(
	    template_decode(m.finger_template.blob.bytes, m.finger_template.blob.len, &t), KM_OK);
	again = lender_frame(2, KM_GRANT_COMPARE, 0, 1, km_boot_ms() + LONG_MS, 0, 0);
	again.lend.blob = m.finger_template.blob;
	assert_true(lab_send(lab.vault, &again));
	assert_true(lab_probe(sensor, 2, finger_touch(30, 12)));
	assert_true(lab_found(&lab, 2, KM_MATCH_YES));
	/* The grant has ended with its template. */
	assert_true(lab_probe(sensor, 1, finger_touch(30, 6)));
	assert_true(serves());
	assert_true(lab_silent(&lab));
}

static void test_an_enrolment_of_a_known_finger_ends(void **state)
{
	(void)state;
	assert_true(lab_lend(&lab, 1, KM_GRANT_ENROL, 2, 40, LENDER_IMPRESSIONS, LONG_MS));
	assert_true(lab_probe(sensor, 1, finger_touch(41, 9)));
	assert_true(staged(1, KM_STAGE_KNOWN, 0));
	assert_true(lab_probe(sensor, 1, finger_touch(30, 1)));
	assert_true(serves());
	assert_true(lab_silent(&lab));
}

static void test_while_one_enrols_others_log_in(void **state)
{
	(void)state;
	assert_true(lab_lend(&lab, 1, KM_GRANT_ENROL, 1, 0, 0, LONG_MS));
	for (unsigned i = 0; i + 1 < LENDER_IMPRESSIONS; i++) {
		assert_true(lab_probe(sensor, 1, finger_touch(30, i)));
		assert_true(staged(1, KM_STAGE_GOOD, i + 1));
		assert_true(serves());
	}
	assert_true(lab_take_back(&lab, 1));
	assert_true(serves());
}

/* --- what is left ----------------------------------------------------------------------------- */

#define CANARY 66

/* The search finds what is there, in each of these forms; soon, as it prepares when it has time. */
static bool remembered(unsigned touch, unsigned forms)
{
	const struct km_minutiae m = finger_touch(CANARY, touch);
	unsigned seen = 0;

	for (unsigned i = 0; i < 1000 && (seen & forms) != forms; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = i > 0 ? 5000000 : 0 }, NULL);
		seen = lab_remembers(&lab, &m);
	}
	return (seen & forms) == forms && !(seen & LAB_UNREAD);
}

/* Whatever of the finger has been there. A touch later than those enrolled is a probe. */
static bool anything_remembered(void)
{
	unsigned forms = 0;

	for (unsigned i = 0; i < 12; i++) {
		const struct km_minutiae m = finger_touch(CANARY, i);

		forms |= lab_remembers(&lab, &m);
	}
	return forms != 0;
}

/* It has done all that came before, and this overwrites nothing. */
static bool has_heard(void)
{
	return lab_lend(&lab, 100, KM_GRANT_COMPARE, 1, 90, 1, -1) &&
	       lab_found(&lab, 100, KM_MATCH_FAILED);
}

/* At once, or when it has come to what the sensor sent: it says nothing then. */
static bool forgets(void)
{
	for (unsigned i = 0; i < 4000 && anything_remembered(); i++)
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	return !anything_remembered();
}

static bool ends_by_a_match(void)
{
	return lab_probe(sensor, 1, finger_touch(CANARY, 9)) && lab_found(&lab, 1, KM_MATCH_YES);
}

static bool ends_by_a_mismatch(void)
{
	return lab_probe(sensor, 1, finger_touch(CANARY + 1, 9)) && lab_found(&lab, 1, KM_MATCH_NO);
}

static bool ends_by_a_poor_probe(void)
{
	struct km_minutiae m = finger_touch(CANARY, 9);

	m.count = 5;
	return lab_probe(sensor, 1, m) && lab_found(&lab, 1, KM_MATCH_POOR);
}

/* By the time at which it says so. */
static bool is_taken_back(void)
{
	return lab_take_back(&lab, 1) && !anything_remembered();
}

static bool runs_out(void)
{
	return true; /* nobody says anything: it looks at the clock by itself */
}

static bool sends_a_probe_for_no_grant(void)
{
	return lab_probe(sensor, 9, finger_touch(CANARY, 9)) && lab_take_back(&lab, 1);
}

static bool sends_a_bad_frame(void)
{
	const struct km_minutiae m = finger_touch(CANARY, 9);
	struct km_msg p = lab_probe_frame(1, &m);

	p.probe.minutiae.len--;
	if (!lab_send(sensor, &p) || !lab_closed(sensor))
		return false;
	close(sensor);
	sensor = lab_sensor(&lab);
	return sensor >= 0 && lab_take_back(&lab, 1);
}

#define RUN_OUT_MS 10000 /* two searches need some of it */

static void test_what_was_lent_and_touched_is_wiped_when_its_grant_ends(void **state)
{
	static bool (*const ends[])(void) = {
		ends_by_a_match, ends_by_a_mismatch,         ends_by_a_poor_probe, is_taken_back,
		runs_out,        sends_a_probe_for_no_grant, sends_a_bad_frame,
	};

	(void)state;
	if (geteuid() != 0)
		skip(); /* nobody else reads a room's memory */
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		int64_t ms = ends[i] == runs_out ? RUN_OUT_MS : LONG_MS;

		assert_true(lab_lend(&lab, 1, KM_GRANT_COMPARE, 1, CANARY, 10, ms));
		assert_true(remembered(1, LAB_LISTED | LAB_PREPARED));
		assert_true(remembered(10, LAB_LISTED | LAB_PREPARED));
		assert_true(ends[i]());
		assert_true(has_heard());
		if (!forgets())
			fail_msg("end %zu leaves something", i);
	}
}

static void test_what_was_enrolled_is_wiped_when_it_is_told(void **state)
{
	struct km_msg m;

	(void)state;
	if (geteuid() != 0)
		skip();
	for (unsigned way = 0; way < 2; way++) {
		unsigned last = way ? LENDER_IMPRESSIONS : LENDER_IMPRESSIONS - 1;

		assert_true(lab_lend(&lab, 1, KM_GRANT_ENROL, 1, 0, 0, LONG_MS));
		for (unsigned i = 0; i < last; i++) {
			assert_true(lab_probe(sensor, 1, finger_touch(CANARY, i)));
			assert_true(staged(1, KM_STAGE_GOOD, i + 1));
		}
		if (way == 0) {
			assert_true(remembered(0, LAB_LISTED));
			assert_true(remembered(last - 1, LAB_LISTED));
			assert_true(lab_take_back(&lab, 1));
		} else {
			assert_true(lab_hear(&lab, &m));
			km_msg_wipe(&m);
		}
		assert_true(has_heard());
		assert_false(anything_remembered());
	}
}

static void test_eight_grants_of_ten_fingers_take_less_than_16_mib(void **state)
{
	size_t kib;

	(void)state;
	for (unsigned i = 1; i <= 8; i++)
		assert_true(lab_lend(&lab, i, KM_GRANT_COMPARE, KM_GRANT_TEMPLATES, 100 + 10 * i,
				     KM_IMPRESSIONS_MAX, LONG_MS));
	for (unsigned i = 8; i >= 1; i--) {
		assert_true(lab_probe(sensor, i, finger_touch(100 + 10 * i + 3, 12)));
		assert_true(lab_found(&lab, i, KM_MATCH_YES));
		kib = house_resident(lab.pid);
		assert_true(kib > 0);
		if (!built_open)
			assert_true(kib < LAB_RESIDENT_KIB);
	}
	fprintf(stderr, "# %zu KiB\n", house_resident(lab.pid));
}

/* --- beginnings and ends ------------------------------------------------------------------------
 */

static void test_it_ends_with_the_vaults_link(void **state)
{
	(void)state;
	assert_true(lend(1, 1, 10));
	close(lab.vault);
	lab.vault = -1;
	assert_int_equal(lab_ended(&lab), 0);
	assert_true(lab_logged(&lab, "the vault's link is closed (end of file): stopping"));
	assert_true(lab_start(&lab));
	close(sensor);
	sensor = lab_sensor(&lab);
	/* What was lent to the last one is gone. */
	assert_true(lab_probe(sensor, 1, finger_touch(10, 9)));
	assert_true(serves());
	assert_true(lab_silent(&lab));
}

static void test_it_stops_when_it_is_told(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_true(lend(1, 1, 10));
		assert_int_equal(kill(lab.pid, SIGHUP), 0);
		close(sensor);
		sensor = lab_sensor(&lab);
		assert_true(serves());
		assert_int_equal(kill(lab.pid, signals[i]), 0);
		assert_int_equal(lab_ended(&lab), 0);
		assert_true(lab_start(&lab));
	}
}

static void test_it_waits_a_moment_for_a_vault_that_starts_later(void **state)
{
	(void)state;
	assert_int_equal(kill(lab.pid, SIGTERM), 0);
	assert_int_equal(lab_ended(&lab), 0);
	close(lab.grants);
	assert_int_equal(unlink(lab.grant_path), 0);
	assert_true(lab_spawn(&lab));
	nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
	assert_int_equal(km_listen_at(lab.grant_path, 0600, (uid_t)-1, (gid_t)-1, &lab.grants),
			 KM_OK);
	assert_true(lab_greeted(&lab));
	close(sensor);
	sensor = lab_sensor(&lab);
	assert_true(serves());
}

/* Whatever it is doing: a grant taken back, a login, an impression of an enrolment. */
static void keep_it_busy(void)
{
	struct km_msg m;

	(void)(lend(1, 2, 10) && lend(2, 1, 30) && lab_take_back(&lab, 2) &&
	       lab_lend(&lab, 3, KM_GRANT_ENROL, 1, 20, LENDER_IMPRESSIONS, LONG_MS) &&
	       lab_probe(sensor, 1, finger_touch(11, 9)) && lab_hear(&lab, &m) &&
	       lab_probe(sensor, 3, finger_touch(40, 1)) && lab_hear(&lab, &m));
}

/* Calls that it makes for all that at least, however much of it has come when it looks. */
#define CALLS_LEAST 12

static void test_killed_at_any_call_it_is_back_and_knows_nothing(void **state)
{
	unsigned struck = 0;
	bool again = true;

	(void)state;
	if (geteuid() != 0)
		skip();
	/* Until it has done all without making so many calls. */
	for (unsigned at = 1; again; at++) {
		struct killer k;

		assert_true(killer_set(&k, lab.pid, at));
		keep_it_busy();
		again = killer_end(&k);
		killer_free(&k);
		struck += again;
		kill(lab.pid, SIGKILL);
		assert_int_equal(lab_ended(&lab), 128 + SIGKILL);
		close(sensor);
		assert_true(lab_start(&lab));
		sensor = lab_sensor(&lab);
		assert_true(lab_probe(sensor, 1, finger_touch(11, 9)));
		assert_true(lab_probe(sensor, 3, finger_touch(40, 2)));
		assert_true(serves());
		assert_true(lab_silent(&lab));
	}
	assert_true(struck >= CALLS_LEAST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_touch_is_found_among_ten_fingers),
		TEST(test_c28_late_twice_or_for_another_grant_nothing_is_found),
		TEST(test_c27_after_its_deadline_nothing_is_found),
		TEST(test_what_is_lent_before_a_probe_holds_for_it),
		TEST(test_two_sensors_are_served_in_turn),
		TEST(test_sensors_that_say_nothing_keep_nobody_out),
		TEST(test_an_enrolment_gives_a_template_that_later_touches_match),
		TEST(test_an_enrolment_of_a_known_finger_ends),
		TEST(test_while_one_enrols_others_log_in),
		TEST(test_what_was_lent_and_touched_is_wiped_when_its_grant_ends),
		TEST(test_what_was_enrolled_is_wiped_when_it_is_told),
		TEST(test_eight_grants_of_ten_fingers_take_less_than_16_mib),
		TEST(test_it_ends_with_the_vaults_link),
		TEST(test_it_stops_when_it_is_told),
		TEST(test_it_waits_a_moment_for_a_vault_that_starts_later),
		TEST(test_killed_at_any_call_it_is_back_and_knows_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
