/* What is lent to the matcher, for how long, and what comes of it; with the real comparison. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../authd/matcher/enrol.h"
#include "../../authd/matcher/grants.h"
#include "lender.h"

#define NOW   1000
#define UNTIL 31000

static struct grants *g;
static struct findings out;

static int set_up(void **state)
{
	(void)state;
	g = grants_new();
	memset(&out, 0, sizeof(out));
	return g ? 0 : -1;
}

static int clear_up(void **state)
{
	(void)state;
	grants_free(g);
	return 0;
}

static km_rc lend_at(int64_t now, unsigned grant, enum km_grant_mode mode, unsigned index,
		     unsigned count, uint32_t finger)
{
	struct km_msg m =
	    lender_frame(grant, mode, index, count, UNTIL, finger, LENDER_IMPRESSIONS);

	return grants_lend(g, &m.lend, now, &out);
}

static km_rc lend(unsigned grant, unsigned index, unsigned count, uint32_t finger)
{
	return lend_at(NOW, grant, KM_GRANT_COMPARE, index, count, finger);
}

/* A grant of so many fingers, from this one on. */
static void lend_all(unsigned grant, enum km_grant_mode mode, unsigned count, uint32_t finger)
{
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(lend_at(NOW, grant, mode, i, count, finger ? finger + i : 0),
				 KM_OK);
		assert_int_equal(out.count, 0);
	}
}

static bool probe_at(int64_t now, unsigned grant, struct km_minutiae m)
{
	uint8_t id[KM_GRANT_BYTES];

	lender_id(id, grant);
	return grants_probe(g, id, &m, now, &out);
}

static bool probe(unsigned grant, struct km_minutiae m)
{
	return probe_at(NOW, grant, m);
}

/* Whatever there was to take. */
static void take_back(unsigned grant)
{
	uint8_t id[KM_GRANT_BYTES];

	lender_id(id, grant);
	grants_take_back(g, id, &out);
	assert_int_equal(out.count, 1);
	assert_int_equal(out.msg[0].number, KM_MSG_RETURNED);
	assert_memory_equal(out.msg[0].returned.grant, id, sizeof(id));
}

static void found(unsigned grant, enum km_match outcome, unsigned index)
{
	uint8_t id[KM_GRANT_BYTES];

	lender_id(id, grant);
	assert_int_equal(out.count, 1);
	assert_int_equal(out.msg[0].number, KM_MSG_MATCH);
	assert_int_equal(out.msg[0].match.outcome, outcome);
	assert_int_equal(out.msg[0].match.index, index);
	assert_memory_equal(out.msg[0].match.grant, id, sizeof(id));
}

static void staged(enum km_stage stage, unsigned good)
{
	assert_true(out.count >= 1);
	assert_int_equal(out.msg[0].number, KM_MSG_STAGE);
	assert_int_equal(out.msg[0].stage.outcome, stage);
	assert_int_equal(out.msg[0].stage.stage, good);
	/* The vault has no other number than the one it asked for. */
	assert_int_equal(out.msg[0].stage.of, LENDER_IMPRESSIONS);
}

/* --- comparing --------------------------------------------------------------------------- */

static void test_a_touch_of_a_lent_finger_matches_and_says_which(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		lend_all(1, KM_GRANT_COMPARE, 3, 10);
		assert_true(probe(1, finger_touch(10 + i, 9)));
		found(1, KM_MATCH_YES, i);
		assert_true(out.msg[0].match.score > 0);
	}
}

static void test_another_finger_does_not(void **state)
{
	(void)state;
	/* The likeliest of them is no news either. */
	for (uint32_t finger = 70; finger < 80; finger++) {
		lend_all(1, KM_GRANT_COMPARE, 3, 10);
		assert_true(probe(1, finger_touch(finger, 9)));
		found(1, KM_MATCH_NO, 0);
	}
}

static void test_c28_a_finding_belongs_to_its_own_grant(void **state)
{
	(void)state;
	lend_all(1, KM_GRANT_COMPARE, 1, 10);
	lend_all(2, KM_GRANT_COMPARE, 1, 20);
	/* The touch of one against the templates of the other is no match. */
	assert_true(probe(2, finger_touch(10, 9)));
	found(2, KM_MATCH_NO, 0);
	assert_true(probe(1, finger_touch(10, 9)));
	found(1, KM_MATCH_YES, 0);
}

static void test_c28_a_second_probe_for_a_grant_finds_nothing(void **state)
{
	(void)state;
	lend_all(1, KM_GRANT_COMPARE, 1, 10);
	assert_true(probe(1, finger_touch(77, 9)));
	assert_false(probe(1, finger_touch(10, 9)));
	assert_int_equal(out.count, 0);
}

static void test_c28_a_probe_for_no_grant_finds_nothing(void **state)
{
	(void)state;
	assert_false(probe(1, finger_touch(10, 9)));
	lend_all(1, KM_GRANT_COMPARE, 1, 10);
	assert_false(probe(2, finger_touch(10, 9)));
	take_back(1);
	assert_false(probe(1, finger_touch(10, 9)));
	take_back(1);
	take_back(3);
}

static void test_half_of_a_grant_is_none(void **state)
{
	(void)state;
	assert_int_equal(lend(1, 0, 2, 10), KM_OK);
	assert_false(probe(1, finger_touch(10, 9)));
	assert_int_equal(lend(1, 1, 2, 11), KM_OK);
	assert_true(probe(1, finger_touch(11, 9)));
	found(1, KM_MATCH_YES, 1);
}

static void test_a_poor_probe_is_no_mismatch(void **state)
{
	static const unsigned counts[] = { 0, 1, MATCH_MINUTIAE_LEAST - 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct km_minutiae m = finger_touch(10, 0);

		m.count = (uint16_t)counts[i];
		lend_all(1, KM_GRANT_COMPARE, 1, 10);
		assert_true(probe(1, m));
		found(1, KM_MATCH_POOR, 0);
		assert_false(probe(1, finger_touch(10, 9)));
	}
}

/* --- time ---------------------------------------------------------------------------------- */

static void test_c27_nothing_is_compared_after_the_deadline(void **state)
{
	(void)state;
	lend_all(1, KM_GRANT_COMPARE, 1, 10);
	lend_all(2, KM_GRANT_COMPARE, 1, 20);
	assert_int_equal(grants_left_ms(g, NOW), UNTIL - NOW);
	assert_true(probe_at(UNTIL - 1, 1, finger_touch(10, 9)));
	/* A night asleep: no round has looked at clocks since. */
	assert_false(probe_at(UNTIL, 2, finger_touch(20, 9)));
	assert_false(probe_at(INT64_MAX, 2, finger_touch(20, 9)));
	assert_int_equal(grants_left_ms(g, UNTIL + 5), 0);
	lent_expire(g, UNTIL);
	assert_int_equal(grants_left_ms(g, UNTIL), -1);
	assert_false(probe(2, finger_touch(20, 9)));
}

static void test_a_grant_that_comes_too_late_has_failed_at_once(void **state)
{
	(void)state;
	assert_int_equal(lend_at(UNTIL, 1, KM_GRANT_COMPARE, 0, 2, 10), KM_OK);
	found(1, KM_MATCH_FAILED, 0);
	/* The rest of it is on its way already. */
	assert_int_equal(lend_at(UNTIL, 1, KM_GRANT_COMPARE, 1, 2, 11), KM_OK);
	assert_int_equal(out.count, 0);
	assert_false(probe(1, finger_touch(10, 9)));
}

static void test_a_deadline_between_two_frames_is_no_fault_of_the_vaults(void **state)
{
	(void)state;
	assert_int_equal(lend(1, 0, 2, 10), KM_OK);
	lent_expire(g, UNTIL);
	assert_int_equal(lend_at(UNTIL, 1, KM_GRANT_COMPARE, 1, 2, 11), KM_OK);
	assert_false(probe(1, finger_touch(11, 9)));
	lend_all(2, KM_GRANT_COMPARE, 1, 20);
}

/* --- the vault's frames --------------------------------------------------------------------- */

static void test_frames_of_a_grant_come_in_order_or_end_the_room(void **state)
{
	struct km_msg later = lender_frame(1, KM_GRANT_COMPARE, 1, 3, UNTIL, 11, 1);

	(void)state;
	assert_int_equal(lend(1, 1, 3, 10), KM_EPROTO);
	assert_int_equal(lend(1, 0, 3, 10), KM_OK);
	assert_int_equal(lend(1, 2, 3, 12), KM_EPROTO);
	assert_int_equal(lend(1, 0, 3, 10), KM_EPROTO);
	assert_int_equal(lend(2, 0, 1, 10), KM_EPROTO);
	assert_int_equal(lend(2, 1, 3, 10), KM_EPROTO);
	assert_int_equal(lend(1, 1, 4, 10), KM_EPROTO);
	assert_int_equal(lend_at(NOW, 1, KM_GRANT_ENROL, 1, 3, 10), KM_EPROTO);
	later.lend.until++;
	assert_int_equal(grants_lend(g, &later.lend, NOW, &out), KM_EPROTO);
	assert_int_equal(lend(1, 1, 3, 11), KM_OK);
	assert_int_equal(lend(1, 2, 3, 12), KM_OK);
	/* It is here: its id is not to be used again. */
	assert_int_equal(lend(1, 0, 1, 10), KM_EPROTO);
	assert_true(probe(1, finger_touch(12, 9)));
	found(1, KM_MATCH_YES, 2);
}

static void test_a_frame_that_means_nothing_ends_the_room(void **state)
{
	const struct {
		uint8_t mode, wanted, index, count;
	} bad[] = {
		{ 0, 0, 0, 1 },  { 3, 0, 0, 1 },   { KM_GRANT_COMPARE, 5, 0, 1 },
		{ 1, 0, 0, 0 },  { 1, 0, 0, 11 },  { 1, 0, 1, 1 },
		{ 1, 0, 10, 1 }, { 2, 4, 0, 1 },   { KM_GRANT_ENROL, 11, 0, 1 },
		{ 2, 0, 0, 1 },  { 2, 255, 0, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct km_msg m = lender_frame(1, KM_GRANT_COMPARE, 0, 1, UNTIL, 10, 1);

		m.lend.mode = bad[i].mode;
		m.lend.wanted = bad[i].wanted;
		m.lend.index = bad[i].index;
		m.lend.count = bad[i].count;
		assert_int_equal(grants_lend(g, &m.lend, NOW, &out), KM_EPROTO);
		assert_int_equal(grants_left_ms(g, NOW), -1);
	}
}

static void test_what_is_no_template_fails_its_grant_and_no_other(void **state)
{
	struct km_msg m = lender_frame(1, KM_GRANT_COMPARE, 0, 2, UNTIL, 10, 1);

	(void)state;
	lend_all(2, KM_GRANT_COMPARE, 1, 20);
	m.lend.blob.len--;
	assert_int_equal(grants_lend(g, &m.lend, NOW, &out), KM_OK);
	found(1, KM_MATCH_FAILED, 0);
	assert_int_equal(lend(1, 1, 2, 11), KM_OK);
	assert_false(probe(1, finger_touch(11, 9)));
	/* One of no impressions would never match. */
	m = lender_frame(3, KM_GRANT_COMPARE, 0, 1, UNTIL, 10, 0);
	assert_int_equal(grants_lend(g, &m.lend, NOW, &out), KM_OK);
	found(3, KM_MATCH_FAILED, 0);
	/* None at all is none either, but at an enrolment. */
	assert_int_equal(lend(3, 0, 1, 0), KM_OK);
	found(3, KM_MATCH_FAILED, 0);
	assert_int_equal(lend_at(NOW, 4, KM_GRANT_ENROL, 0, 2, 0), KM_OK);
	staged(KM_STAGE_FAILED, 0);
	assert_int_equal(lend_at(NOW, 4, KM_GRANT_ENROL, 1, 2, 1), KM_OK);
	assert_true(probe(2, finger_touch(20, 9)));
	found(2, KM_MATCH_YES, 0);
}

static void test_what_is_taken_back_half_way_makes_place_for_another(void **state)
{
	(void)state;
	assert_int_equal(lend(1, 0, 3, 10), KM_OK);
	take_back(1);
	assert_int_equal(lend(1, 1, 3, 11), KM_EPROTO);
	lend_all(2, KM_GRANT_COMPARE, 1, 20);
	take_back(1);
	take_back(9);
	assert_true(probe(2, finger_touch(20, 9)));
}

/* --- room ------------------------------------------------------------------------------------- */

static void test_eight_grants_of_ten_templates_are_all_compared(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KM_GRANTS; i++) {
		for (unsigned k = 0; k < KM_GRANT_TEMPLATES; k++) {
			struct km_msg m =
			    lender_frame(1 + i, KM_GRANT_COMPARE, k, KM_GRANT_TEMPLATES, UNTIL,
					 100 + 10 * i + k, KM_IMPRESSIONS_MAX);

			assert_int_equal(grants_lend(g, &m.lend, NOW, &out), KM_OK);
		}
		/* Not all galleries fit; those that do are made meanwhile. */
		while (i % 2 && grants_prepare(g))
			;
	}
	assert_int_equal(lend(50, 0, 2, 10), KM_OK);
	found(50, KM_MATCH_FAILED, 0);
	assert_int_equal(lend(50, 1, 2, 10), KM_OK);
	for (unsigned i = KM_GRANTS; i-- > 0;) {
		assert_true(probe(1 + i, finger_touch(100 + 10 * i + i, 12)));
		found(1 + i, KM_MATCH_YES, i);
	}
	assert_int_equal(lend(50, 0, 1, 10), KM_OK);
	assert_int_equal(out.count, 0);
}

static void test_work_is_done_while_nobody_waits_and_comes_to_an_end(void **state)
{
	unsigned pieces = 0;

	(void)state;
	assert_false(grants_prepare(g));
	lend_all(1, KM_GRANT_COMPARE, 3, 10);
	lend_all(2, KM_GRANT_ENROL, 1, 0);
	assert_int_equal(lend(3, 0, 2, 30), KM_OK);
	while (grants_prepare(g))
		pieces++;
	assert_int_equal(pieces, 3);
	assert_true(probe(1, finger_touch(12, 9)));
	found(1, KM_MATCH_YES, 2);
}

/* --- enrolments ---------------------------------------------------------------------------------
 */

static void test_an_enrolment_ends_with_its_template(void **state)
{
	struct finger_template t;

	(void)state;
	lend_all(1, KM_GRANT_ENROL, 2, 10);
	for (unsigned i = 0; i < LENDER_IMPRESSIONS; i++) {
		assert_true(probe(1, finger_touch(30, i)));
		staged(KM_STAGE_GOOD, i + 1);
		assert_int_equal(out.msg[0].stage.of, LENDER_IMPRESSIONS);
		assert_int_equal(out.count, i + 1 < LENDER_IMPRESSIONS ? 1 : 2);
	}
	assert_int_equal(out.msg[1].number, KM_MSG_TEMPLATE);
	assert_int_equal(template_decode(out.msg[1].finger_template.blob.bytes,
					 out.msg[1].finger_template.blob.len, &t),
			 KM_OK);
	assert_int_equal(t.count, LENDER_IMPRESSIONS);
	for (unsigned i = 0; i < t.count; i++) {
		const struct km_minutiae m = finger_touch(30, i);

		assert_memory_equal(&t.impression[i], &m, sizeof(m));
	}
	grants_told(g, &out);
	assert_false(probe(1, finger_touch(30, 9)));
}

static void test_a_finger_that_is_enrolled_already_ends_its_enrolment(void **state)
{
	(void)state;
	lend_all(1, KM_GRANT_ENROL, 2, 10);
	assert_true(probe(1, finger_touch(30, 1)));
	staged(KM_STAGE_GOOD, 1);
	assert_true(probe(1, finger_touch(11, 9)));
	staged(KM_STAGE_KNOWN, 1);
	assert_int_equal(out.count, 1);
	assert_false(probe(1, finger_touch(30, 2)));
}

static void test_the_first_finger_of_somebody_is_enrolled_too(void **state)
{
	(void)state;
	lend_all(1, KM_GRANT_ENROL, 1, 0);
	for (unsigned i = 0; i < LENDER_IMPRESSIONS; i++)
		assert_true(probe(1, finger_touch(30, i)));
	assert_int_equal(out.count, 2);
}

static void test_a_template_of_one_finger_holds_no_other(void **state)
{
	(void)state;
	lend_all(1, KM_GRANT_ENROL, 1, 0);
	assert_true(probe(1, finger_touch(30, 1)));
	assert_true(probe(1, finger_touch(30, 2)));
	assert_true(probe(1, finger_touch(31, 3)));
	staged(KM_STAGE_DIFFERS, 2);
	assert_true(probe(1, finger_touch(30, 2)));
	staged(KM_STAGE_SAME, 2);
}

static void test_sixty_useless_impressions_end_an_enrolment(void **state)
{
	const struct km_minutiae none = { .count = 0 };

	(void)state;
	lend_all(1, KM_GRANT_ENROL, 1, 0);
	for (unsigned i = 1; i < ENROL_TRIES; i++) {
		assert_true(probe(1, none));
		staged(KM_STAGE_FEW, 0);
	}
	assert_true(probe(1, none));
	staged(KM_STAGE_FAILED, 0);
	assert_false(probe(1, none));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, clear_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_touch_of_a_lent_finger_matches_and_says_which),
		TEST(test_another_finger_does_not),
		TEST(test_c28_a_finding_belongs_to_its_own_grant),
		TEST(test_c28_a_second_probe_for_a_grant_finds_nothing),
		TEST(test_c28_a_probe_for_no_grant_finds_nothing),
		TEST(test_half_of_a_grant_is_none),
		TEST(test_a_poor_probe_is_no_mismatch),
		TEST(test_c27_nothing_is_compared_after_the_deadline),
		TEST(test_a_grant_that_comes_too_late_has_failed_at_once),
		TEST(test_a_deadline_between_two_frames_is_no_fault_of_the_vaults),
		TEST(test_frames_of_a_grant_come_in_order_or_end_the_room),
		TEST(test_a_frame_that_means_nothing_ends_the_room),
		TEST(test_what_is_no_template_fails_its_grant_and_no_other),
		TEST(test_what_is_taken_back_half_way_makes_place_for_another),
		TEST(test_eight_grants_of_ten_templates_are_all_compared),
		TEST(test_work_is_done_while_nobody_waits_and_comes_to_an_end),
		TEST(test_an_enrolment_ends_with_its_template),
		TEST(test_a_finger_that_is_enrolled_already_ends_its_enrolment),
		TEST(test_the_first_finger_of_somebody_is_enrolled_too),
		TEST(test_a_template_of_one_finger_holds_no_other),
		TEST(test_sixty_useless_impressions_end_an_enrolment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
