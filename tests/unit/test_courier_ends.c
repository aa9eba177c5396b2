/* Orders that are cancelled or too late, and a vault that does not read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "courier_scene.h"

static struct scene s;

static int set_up(void **state)
{
	(void)state;
	scene_open(&s);
	return 0;
}

static int clear_up(void **state)
{
	(void)state;
	scene_close(&s);
	return 0;
}

/* --- cancelled, or too late ------------------------------------------------------------------ */

static void test_what_was_not_begun_is_cancelled_without_a_driver(void **state)
{
	(void)state;
	s.c.settings->conf.sms.at_once = 1;
	scene_order(&s, 1);
	scene_order(&s, 2);
	scene_expect(&s, 1, KM_ORDER_STATE_QUEUED, KM_ORDER_WHY_NONE);
	scene_expect(&s, 2, KM_ORDER_STATE_QUEUED, KM_ORDER_WHY_NONE);
	scene_cancel(&s, 2);
	scene_expect(&s, 2, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_CANCELLED);
	assert_int_equal(played.cancelled, 0);
	scene_report(&s, 1, KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	assert_int_equal(played.begun, 1);
}

static void test_what_was_begun_is_cancelled_by_its_driver(void **state)
{
	(void)state;
	scene_order(&s, 1);
	scene_expect(&s, 1, KM_ORDER_STATE_QUEUED, KM_ORDER_WHY_NONE);
	scene_cancel(&s, 1);
	assert_int_equal(played.cancelled, 1);
	assert_int_equal(played.why, KM_ORDER_WHY_CANCELLED);
	scene_expect(&s, 1, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_CANCELLED);
}

static void test_to_cancel_what_has_ended_or_never_was_says_nothing(void **state)
{
	(void)state;
	scene_cancel(&s, 77);
	scene_order(&s, 1);
	scene_report(&s, 1, KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	scene_expect(&s, 1, KM_ORDER_STATE_QUEUED, KM_ORDER_WHY_NONE);
	scene_expect(&s, 1, KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	scene_cancel(&s, 1);
	scene_expect_nothing(&s);
	assert_true(scene_turn(&s));
	assert_int_equal(played.cancelled, 0);
}

static void test_a_driver_that_does_not_end_what_is_cancelled_leaves_a_doubt(void **state)
{
	(void)state;
	played.stubborn = true;
	scene_order(&s, 1);
	scene_expect(&s, 1, KM_ORDER_STATE_QUEUED, KM_ORDER_WHY_NONE);
	scene_cancel(&s, 1);
	scene_expect(&s, 1, KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT);
	assert_int_equal(s.c.count, 0);
}

static void test_what_comes_too_late_is_refused(void **state)
{
	struct km_msg m = scene_message(1, 0);

	(void)state;
	scene_say(&s, &m);
	assert_true(scene_turn(&s));
	scene_expect(&s, 1, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_LATE);
	m.order.until = INT64_MIN;
	scene_say(&s, &m);
	assert_true(scene_turn(&s));
	scene_expect(&s, 1, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_LATE);
	assert_int_equal(played.begun, 0);
}

static void test_no_order_is_kept_longer_than_a_code_is_ever_good(void **state)
{
	struct km_msg m = scene_message(1, 60000);

	(void)state;
	m.order.until = INT64_MAX;
	scene_say(&s, &m);
	assert_true(scene_turn(&s));
	assert_true(scene_begun(&s, 1)->until_ms <= km_boot_ms() + KM_ORDER_SECONDS * 1000);
}

static bool all_ended(struct scene *scene)
{
	return scene->c.count == 0;
}

static void test_at_the_deadline_an_order_ends_by_its_driver_or_without_one(void **state)
{
	int64_t until = 0;

	(void)state;
	s.c.settings->conf.sms.at_once = 1;
	played.stubborn = false;
	scene_order(&s, 1);
	scene_order(&s, 2);
	scene_expect(&s, 1, KM_ORDER_STATE_QUEUED, KM_ORDER_WHY_NONE);
	scene_expect(&s, 2, KM_ORDER_STATE_QUEUED, KM_ORDER_WHY_NONE);
	for (size_t i = 0; i < 2; i++)
		s.c.table->at[i].order.until_ms = until = km_boot_ms() + 30 * ((int)i + 1);
	courier_wake(&s.c);
	assert_true(scene_until(&s, all_ended));
	assert_true(km_boot_ms() >= until);
	scene_expect(&s, 1, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_LATE);
	scene_expect(&s, 2, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_LATE);
	assert_true(played.cancelled >= 1);
	assert_int_equal(played.why, KM_ORDER_WHY_LATE);
}

/* --- a vault that does not read -------------------------------------------------------------- */

static bool told_of_all(struct scene *scene)
{
	static bool ended[KM_ORDERS + 1];
	static unsigned count;
	struct km_msg m;

	while (scene_heard(scene, &m)) {
		assert_true(m.ordered.order >= 1 && m.ordered.order <= KM_ORDERS);
		if (!km_order_state_ends(m.ordered.state))
			continue;
		assert_false(ended[m.ordered.order]);
		ended[m.ordered.order] = true;
		count++;
	}
	return count == KM_ORDERS;
}

static void test_what_a_vault_does_not_read_is_kept_and_told_once(void **state)
{
	(void)state;
	s.c.settings->conf.sms.at_once = KM_ORDERS;
	for (uint64_t id = 1; id <= KM_ORDERS; id++) {
		const struct km_msg m = scene_message(id, 60000);

		scene_say(&s, &m);
		while (!s.c.blocked && courier_find(&s.c, id) == NULL)
			assert_true(scene_turn(&s));
		if (s.c.blocked) { /* it hears nothing meanwhile: what it has begun goes on */
			struct km_msg heard;

			while (scene_heard(&s, &heard))
				assert_int_equal(heard.ordered.state, KM_ORDER_STATE_QUEUED);
			assert_true(scene_turn(&s));
			while (courier_find(&s.c, id) == NULL)
				assert_true(scene_turn(&s));
		}
	}
	for (uint64_t id = 1; id <= KM_ORDERS; id++)
		courier_report(&s.c, scene_begun(&s, id), KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE,
			       NULL, 0);
	assert_true(s.c.blocked);
	assert_true(s.c.count > 0);
	assert_true(scene_until(&s, told_of_all));
	assert_int_equal(s.c.count, 0);
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, clear_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(test_what_was_not_begun_is_cancelled_without_a_driver),
		ONE(test_what_was_begun_is_cancelled_by_its_driver),
		ONE(test_to_cancel_what_has_ended_or_never_was_says_nothing),
		ONE(test_a_driver_that_does_not_end_what_is_cancelled_leaves_a_doubt),
		ONE(test_what_comes_too_late_is_refused),
		ONE(test_no_order_is_kept_longer_than_a_code_is_ever_good),
		ONE(test_at_the_deadline_an_order_ends_by_its_driver_or_without_one),
		ONE(test_what_a_vault_does_not_read_is_kept_and_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
