/* What waits becomes good as the approver saw it: all of it that says what its code is worth. */
#include "request_scene.h"

#include <kenmon/clock.h>

static struct km_msg enrols(enum km_factor factor, enum km_algorithm algorithm, uint8_t digits)
{
	struct km_msg m = { .number = KM_MSG_ENROL, .enrol.login = "hanako" };

	m.enrol.factor = (uint8_t)factor;
	m.enrol.algorithm = (uint8_t)algorithm;
	m.enrol.digits = digits;
	snprintf(m.enrol.label, sizeof m.enrol.label, "token");
	scene_seed("a new token", &m.enrol.secret);
	return m;
}

static const char *shown(uint64_t id)
{
	return scene_look(id).number ? scene_row.request_row.text : NULL;
}

/* --- what is shown ------------------------------------------------------------------------- */

static void is_shown(const struct km_msg *m, const char *what, const char *not_what)
{
	const char *text = shown(scene_files(m));

	assert_non_null(strstr(text, what));
	assert_null(strstr(text, not_what));
	assert_null(strstr(text, "until="));
}

static void test_of_a_code_by_time_algorithm_digits_and_period_are_shown(void **state)
{
	struct km_msg m = enrols(KM_FACTOR_TOTP, KM_SHA256, 8);

	(void)state;
	m.enrol.period = 60;
	is_shown(&m, " factor=totp algorithm=sha256 digits=8 period=60 label=token", "counter=");
}

static void test_of_a_code_by_counter_algorithm_digits_and_counter_are_shown(void **state)
{
	struct km_msg m = enrols(KM_FACTOR_HOTP, KM_SHA1, 6);

	(void)state;
	m.enrol.counter = 4711;
	is_shown(&m, " factor=hotp algorithm=sha1 digits=6 counter=4711 label=token", "period=");
}

static void test_of_what_has_no_digits_none_are_shown(void **state)
{
	const struct km_msg asked[] = { scene_msg_recovery("hanako"),
					scene_msg_bypass("hanako", room.v->now.wall + 3600),
					scene_msg_invite("hanako") };

	(void)state;
	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
		const char *text = shown(scene_files(&asked[i]));

		assert_null(strstr(text, "algorithm="));
		assert_null(strstr(text, "digits="));
		assert_null(strstr(text, "period="));
		assert_null(strstr(text, "counter="));
	}
}

static void test_a_time_is_shown_as_one_and_in_every_zone_the_same(void **state)
{
	static const struct {
		int64_t until;
		const char *shown;
	} cases[] = { { 1775012400, " until=2026-04-01T03:00:00Z" },
		      { 1709251199, " until=2024-02-29T23:59:59Z" },
		      { 1, " until=1970-01-01T00:00:01Z" },
		      { -1, " until=second%20-1" },
		      { INT64_MAX, " until=second%209223372036854775807" } };
	static const char *const zones[] = { "UTC", "Asia/Tokyo", "America/New_York" };
	char text[ACT_TEXT];

	(void)state;
	for (size_t i = 0; i < 3 * sizeof cases / sizeof *cases; i++) {
		struct km_msg m = { .number = KM_MSG_ACTIVATE };

		m.activate.until = cases[i / 3].until;
		assert_int_equal(km_clock_zone(zones[i % 3]), KM_OK);
		assert_int_equal(act_text(&m, text), KM_OK);
		assert_non_null(strstr(text, cases[i / 3].shown));
	}
	assert_int_equal(km_clock_zone(NULL), KM_OK);
}

/* --- what becomes good ---------------------------------------------------------------------- */

static struct msg_activate activation_of(const struct km_credential *waits)
{
	struct msg_activate a = { .login = "hanako",
				  .credential = waits->id,
				  .factor = waits->factor,
				  .algorithm = waits->algorithm,
				  .digits = waits->digits,
				  .period = waits->period,
				  .until = waits->until };

	memcpy(a.label, waits->label, sizeof a.label);
	return a;
}

/* Approved; or gone again, and what it was about still waits. */
static struct msg_done approves(const struct msg_activate *a)
{
	const struct km_msg m = { .number = KM_MSG_ACTIVATE, .activate = *a };
	uint64_t id = scene_files_behind(&m, "hanako");
	struct msg_done done = scene_does("aki", scene_decision(id, true));
	struct km_filed r;

	if (done.rc) {
		assert_int_equal(store_request(room.v->store, id, &r), KM_OK);
		assert_int_equal(store_request_take(room.v->store, &r, NULL), KM_OK);
	}
	return done;
}

static void test_what_is_not_as_it_was_shown_does_not_become_good(void **state)
{
	struct km_msg m = enrols(KM_FACTOR_TOTP, KM_SHA256, 8);
	struct msg_activate is, said[7];
	struct km_credential waits;
	size_t count = sizeof said / sizeof *said;

	(void)state;
	m.enrol.period = 30;
	(void)scene_files(&m);
	waits = scene_credential("hanako", KM_FACTOR_TOTP);
	is = activation_of(&waits);
	for (size_t i = 0; i < count; i++)
		said[i] = is;
	said[0].algorithm = KM_SHA512;
	said[1].digits = 6;
	said[2].period = 60;
	said[3].counter = 1;
	said[4].factor = KM_FACTOR_HOTP;
	said[5].until = room.v->now.wall + 60;
	snprintf(said[6].label, sizeof said[6].label, "another");
	for (size_t i = 0; i < count; i++) {
		struct msg_done done = approves(&said[i]);

		assert_int_equal(-(int)done.rc, KM_ESTATE);
		assert_non_null(strstr(done.text, "is not what was asked for"));
		assert_true(scene_credential("hanako", KM_FACTOR_TOTP).waiting);
	}
	assert_int_equal(approves(&is).rc, 0);
	assert_false(scene_credential("hanako", KM_FACTOR_TOTP).waiting);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCENE(test_of_a_code_by_time_algorithm_digits_and_period_are_shown),
		IN_SCENE(test_of_a_code_by_counter_algorithm_digits_and_counter_are_shown),
		IN_SCENE(test_of_what_has_no_digits_none_are_shown),
		cmocka_unit_test(test_a_time_is_shown_as_one_and_in_every_zone_the_same),
		IN_SCENE(test_what_is_not_as_it_was_shown_does_not_become_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
