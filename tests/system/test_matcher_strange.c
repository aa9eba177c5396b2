/* Touches and templates of no finger: none at all, all at one point, on a line, at the ends of the
 * world. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <kenmon/clock.h>

#include "lab_scene.h"

static struct km_minutiae all_at_one_point(unsigned n)
{
	struct km_minutiae m = { .count = (uint16_t)n };

	for (unsigned i = 0; i < n; i++)
		m.at[i] = (struct km_minutia){ 100, 100, 45 };
	return m;
}

static struct km_minutiae on_one_line(unsigned n)
{
	struct km_minutiae m = { .count = (uint16_t)n };

	for (unsigned i = 0; i < n; i++)
		m.at[i] = (struct km_minutia){ (int16_t)(3 * i), 50, (int16_t)(i % 2 ? 180 : 0) };
	return m;
}

static struct km_minutiae at_the_ends(unsigned n)
{
	static const int16_t ends[] = { -KM_MINUTIA_REACH, 0, KM_MINUTIA_REACH };
	struct km_minutiae m = { .count = (uint16_t)n };

	for (unsigned i = 0; i < n; i++)
		m.at[i] = (struct km_minutia){ ends[i % 3], ends[i / 3 % 3],
					       (int16_t)(i % 2 ? 180 : -179) };
	return m;
}

static struct km_minutiae thrown(unsigned n)
{
	return finger_of(4711, n);
}

static struct km_minutiae (*const strange[])(unsigned n) = { all_at_one_point, on_one_line,
							     at_the_ends, thrown };
static const unsigned counts[] = { 0, 1, MATCH_MINUTIAE_LEAST, KM_MINUTIAE_MAX };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_c33_touches_of_no_finger_are_poor_or_no_match(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(strange); i++)
		for (size_t k = 0; k < COUNT(counts); k++) {
			const struct km_minutiae m = strange[i](counts[k]);

			assert_true(lend(1, 2, 10));
			assert_true(lab_probe(sensor, 1, m));
			assert_true(lab_found(
			    &lab, 1, m.count < MATCH_MINUTIAE_LEAST ? KM_MATCH_POOR : KM_MATCH_NO));
		}
	assert_true(serves());
}

/* A grant whose one template is so many of these. */
static bool lend_strange(const struct km_minutiae *m)
{
	static struct finger_template t;
	static uint8_t blob[TEMPLATE_BYTES];
	struct km_msg lent = lender_frame(1, KM_GRANT_COMPARE, 0, 1, km_boot_ms() + LONG_MS, 0, 0);
	size_t len = 0;

	t = (struct finger_template){ .count = KM_IMPRESSIONS_MAX };
	for (unsigned i = 0; i < t.count; i++)
		t.impression[i] = *m;
	if (template_encode(&t, blob, sizeof(blob), &len) != KM_OK)
		return false;
	lent.lend.blob = (struct km_span){ blob, (uint16_t)len };
	return lab_send(lab.vault, &lent);
}

static void test_c33_templates_of_no_finger_disturb_nobody(void **state)
{
	struct km_msg m;

	(void)state;
	for (size_t i = 0; i < COUNT(strange); i++)
		for (size_t k = 0; k < COUNT(counts); k++) {
			const struct km_minutiae lent = strange[i](counts[k]);
			const struct km_minutiae touch = strange[(i + 1) % 4](KM_MINUTIAE_MAX);

			assert_true(lend_strange(&lent));
			assert_true(lab_probe(sensor, 1, finger_touch(10, 9)));
			assert_true(lab_found(&lab, 1, KM_MATCH_NO));
			/* Whatever is found here: it is found. */
			assert_true(lend_strange(&lent));
			assert_true(lab_probe(sensor, 1, touch));
			assert_true(lab_hear(&lab, &m) && m.number == KM_MSG_MATCH);
		}
	assert_true(serves());
}

/* Whatever it is worth. The first of an enrolment has nothing to agree with, so it is good. */
static void completes_nothing(struct km_minutiae touch)
{
	struct km_msg m;

	assert_true(lab_probe(sensor, 1, touch));
	assert_true(lab_hear(&lab, &m));
	assert_int_equal(m.number, KM_MSG_STAGE);
	assert_true(m.stage.stage < LENDER_IMPRESSIONS);
}

static void test_c33_an_enrolment_of_no_finger_makes_no_template(void **state)
{
	struct km_msg m;
	unsigned stages = 0;

	(void)state;
	assert_true(lab_lend(&lab, 1, KM_GRANT_ENROL, 1, 0, 0, LONG_MS));
	for (size_t i = 0; i < COUNT(strange); i++)
		for (unsigned n = 0; n < 8; n += 7) {
			assert_true(lab_probe(sensor, 1, strange[i](n)));
			assert_true(lab_hear(&lab, &m));
			assert_int_equal(m.number, KM_MSG_STAGE);
			assert_int_equal(m.stage.outcome, KM_STAGE_FEW);
			stages++;
		}
	assert_int_equal(stages, 8);
	/* Rich, and of nothing: one kind after the other, then each alone. */
	for (unsigned n = 0; n < 2 * LENDER_IMPRESSIONS; n++)
		for (size_t i = 0; i < COUNT(strange); i++)
			completes_nothing(strange[i](KM_MINUTIAE_MAX));
	for (size_t i = 0; i < COUNT(strange); i++) {
		assert_true(lab_take_back(&lab, 1));
		assert_true(lab_lend(&lab, 1, KM_GRANT_ENROL, 1, 0, 0, LONG_MS));
		for (unsigned n = 0; n < 2 * LENDER_IMPRESSIONS; n++)
			completes_nothing(strange[i](KM_MINUTIAE_MAX));
	}
	assert_true(serves());
	assert_true(lab_silent(&lab));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_c33_touches_of_no_finger_are_poor_or_no_match),
		TEST(test_c33_templates_of_no_finger_disturb_nobody),
		TEST(test_c33_an_enrolment_of_no_finger_makes_no_template),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
