/* Orders at the courier: their states, the table, and what the vault hears of them. */
#include <setjmp.h>
#include <signal.h>
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

/* --- states ------------------------------------------------------------------------------ */

static void test_an_order_is_queued_begun_and_told_of_until_it_ends(void **state)
{
	(void)state;
	scene_order(&s, 7);
	assert_int_equal(played.begun, 1);
	scene_expect(&s, 7, KM_ORDER_STATE_QUEUED, KM_ORDER_WHY_NONE);
	scene_report(&s, 7, KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE);
	scene_expect(&s, 7, KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE);
	scene_report(&s, 7, KM_ORDER_STATE_DELIVERED, KM_ORDER_WHY_NONE);
	scene_expect(&s, 7, KM_ORDER_STATE_DELIVERED, KM_ORDER_WHY_NONE);
	scene_expect_nothing(&s);
	assert_int_equal(s.c.count, 0);
}

static void test_states_only_go_forward(void **state)
{
	static const enum km_order_state all[] = {
		KM_ORDER_STATE_QUEUED,   KM_ORDER_STATE_SENT,      KM_ORDER_STATE_RINGING,
		KM_ORDER_STATE_ANSWERED, KM_ORDER_STATE_DELIVERED, KM_ORDER_STATE_NOT_ME,
		KM_ORDER_STATE_FAILED,   KM_ORDER_STATE_UNKNOWN,
	};
	uint64_t id = 0;

	(void)state;
	for (size_t from = 0; from < sizeof(all) / sizeof(all[0]); from++) {
		for (size_t to = 0; to <= from && !km_order_state_ends(all[from]); to++) {
			struct km_msg m;

			scene_order(&s, ++id);
			scene_expect(&s, id, KM_ORDER_STATE_QUEUED, KM_ORDER_WHY_NONE);
			if (from > 0) {
				scene_report(&s, id, all[from], KM_ORDER_WHY_NONE);
				assert_true(scene_heard(&s, &m));
			}
			scene_report(&s, id, all[to], KM_ORDER_WHY_NONE);
			scene_expect_nothing(&s);
			assert_int_equal(scene_begun(&s, id)->state, all[from]);
		}
	}
	assert_int_equal(id, 10);
}

static void test_a_state_that_is_none_is_dropped(void **state)
{
	(void)state;
	scene_order(&s, 1);
	scene_expect(&s, 1, KM_ORDER_STATE_QUEUED, KM_ORDER_WHY_NONE);
	courier_report(&s.c, scene_begun(&s, 1), (enum km_order_state)200, KM_ORDER_WHY_NONE, NULL,
		       0);
	courier_report(&s.c, scene_begun(&s, 1), KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE, "12", 2);
	scene_expect_nothing(&s);
}

static void test_an_order_ends_once(void **state)
{
	struct courier_order *o;

	(void)state;
	scene_order(&s, 1);
	scene_expect(&s, 1, KM_ORDER_STATE_QUEUED, KM_ORDER_WHY_NONE);
	o = scene_begun(&s, 1);
	courier_report(&s.c, o, KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT, NULL, 0);
	scene_expect(&s, 1, KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT);
	assert_null(courier_find(&s.c, 1));
	/* A driver that is wrong about it: the slot is free. */
	courier_report(&s.c, o, KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT, NULL, 0);
	scene_expect_nothing(&s);
}

static void test_what_is_unknown_is_not_begun_again(void **state)
{
	(void)state;
	scene_order(&s, 1);
	scene_report(&s, 1, KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT);
	for (unsigned i = 0; i < 20; i++)
		assert_true(scene_turn(&s));
	scene_order(&s, 2);
	assert_int_equal(played.begun, 2);
	assert_int_equal(played.begun_id[0], 1);
	assert_int_equal(played.begun_id[1], 2);
}

static void test_the_keys_of_a_call_come_with_its_end_and_nothing_else_does(void **state)
{
	struct km_msg m = scene_message(3, 60000);

	(void)state;
	m.order.kind = KM_ORDER_KEYPAD;
	m.order.keys = 6;
	km_secret_wipe(&m.order.text);
	scene_say(&s, &m);
	assert_true(scene_turn(&s));
	scene_expect(&s, 3, KM_ORDER_STATE_QUEUED, KM_ORDER_WHY_NONE);
	courier_report(&s.c, scene_begun(&s, 3), KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE, "0429",
		       4);
	assert_true(scene_heard(&s, &m));
	assert_int_equal(m.ordered.state, KM_ORDER_STATE_KEYED);
	assert_int_equal(m.ordered.count, 4);
	assert_memory_equal(m.ordered.keys, "0429\0\0\0\0\0\0\0\0\0\0\0\0", KM_ORDER_KEYS);
}

static bool table_holds(const void *bytes, size_t len)
{
	return memmem(s.c.table, sizeof(*s.c.table), bytes, len) != NULL;
}

static void test_number_and_text_are_wiped_with_the_end(void **state)
{
	(void)state;
	scene_order(&s, 1);
	assert_true(table_holds("code 123456", 11));
	assert_true(table_holds(NUMBER, strlen(NUMBER)));
	scene_report(&s, 1, KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	assert_false(table_holds("123456", 6));
	assert_false(table_holds(NUMBER, strlen(NUMBER)));
}

/* --- what may not be ------------------------------------------------------------------------- */

static void test_an_order_that_no_vault_gives_ends_the_room(void **state)
{
	static const char *const number[] = { "",
					      "+",
					      "+1",
					      "+0901234567",
					      "819012345678",
					      "+8190;reboot",
					      "+81 90",
					      "+81901234567'",
					      "+8190$(id)",
					      "-819012345678",
					      "+81901234567\xc3\xa9",
					      "++81901234567",
					      "+8190#" };

	(void)state;
	for (size_t i = 0; i < sizeof(number) / sizeof(number[0]); i++) {
		struct km_msg m = scene_message(1, 60000);

		memset(m.order.number, 0, sizeof(m.order.number));
		strcpy(m.order.number, number[i]);
		scene_say(&s, &m);
		assert_false(scene_turn(&s));
		assert_int_equal(played.begun, 0);
		scene_close(&s);
		scene_open(&s);
	}
}

static void alter(struct msg_order *o, unsigned how)
{
	static const char escape[] = "\033[2J";

	switch (how) {
	case 0:
		o->order = 0;
		break;
	case 1:
		o->kind = 99;
		break;
	case 2:
		o->kind = KM_ORDER_NONE;
		break;
	case 3:
		o->lang = KM_LANG_COUNT;
		break;
	case 4:
		o->keys = 6; /* of a message */
		break;
	case 5:
		o->kind = KM_ORDER_SPOKEN; /* the text is no digits */
		break;
	case 6:
		o->kind = KM_ORDER_CONFIRM; /* with a text */
		break;
	case 7:
		o->kind = KM_ORDER_KEYPAD; /* without keys */
		o->text.len = 0;
		break;
	case 8:
		o->text.len = 0;
		break;
	case 9:
		memcpy(o->text.bytes, escape, sizeof(escape) - 1);
		break;
	case 10:
		o->text.bytes[3] = '\0';
		break;
	case 11:
		o->text.bytes[3] = 0xff;
		break;
	case 12:
		o->kind = KM_ORDER_CALL_TEST; /* what it says is its own */
		break;
	case 13:
		o->kind = KM_ORDER_CALL_NOTICE;
		break;
	case 14:
		o->kind = KM_ORDER_CALL_NOTICE;
		o->text.len = 0;
		o->keys = 1; /* and nobody keys in anything */
		break;
	default:
		o->kind = KM_ORDER_KEYPAD;
		o->text.len = 0;
		o->keys = KM_ORDER_KEYS + 1;
	}
}

static void test_an_order_that_is_not_whole_ends_the_room(void **state)
{
	(void)state;
	for (unsigned how = 0; how <= 15; how++) {
		struct km_msg m = scene_message(1, 60000);

		alter(&m.order, how);
		scene_say(&s, &m);
		assert_false(scene_turn(&s));
		assert_int_equal(played.begun, 0);
		scene_close(&s);
		scene_open(&s);
	}
}

static void test_the_same_number_again_while_the_order_is_under_way_ends_the_room(void **state)
{
	(void)state;
	scene_order(&s, 5);
	scene_order(&s, 5);
	assert_false(scene_turn(&s));
	assert_int_equal(played.begun, 1);
}

static void test_a_frame_that_is_none_of_the_vaults_ends_the_room(void **state)
{
	const struct km_msg m = { .number = KM_MSG_COURIER, .courier = { .version = 1 } };

	(void)state;
	scene_say(&s, &m);
	assert_false(scene_turn(&s));
}

static void test_the_end_of_the_vaults_link_ends_the_room_and_what_is_under_way(void **state)
{
	(void)state;
	scene_order(&s, 1);
	close(s.vault);
	s.vault = -1;
	assert_false(scene_turn(&s));
	scene_close(&s);
	assert_int_equal(played.cancelled, 1);
	assert_int_equal(played.closed, 2);
}

static void test_only_the_vaults_uid_gives_orders(void **state)
{
	const struct km_msg m = scene_message(1, 60000);
	const int on = 1;

	(void)state;
	assert_int_equal(setsockopt(s.c.vault, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	s.c.vault_uid = (int64_t)geteuid() + 1;
	scene_say(&s, &m);
	assert_false(scene_turn(&s));
	assert_int_equal(played.begun, 0);
}

/* --- the table ---------------------------------------------------------------------------------
 */

static void test_a_full_table_refuses_the_next_and_takes_it_when_one_has_ended(void **state)
{
	(void)state;
	for (uint64_t id = 1; id <= KM_ORDERS; id++) {
		scene_order(&s, id);
		scene_expect(&s, id, KM_ORDER_STATE_QUEUED, KM_ORDER_WHY_NONE);
	}
	scene_order(&s, 5000);
	scene_expect(&s, 5000, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_FULL);
	scene_report(&s, 1, KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	scene_expect(&s, 1, KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	scene_order(&s, 5001);
	scene_expect(&s, 5001, KM_ORDER_STATE_QUEUED, KM_ORDER_WHY_NONE);
}

static void test_a_kind_without_a_gateway_is_refused(void **state)
{
	(void)state;
	s.c.driver[COURIER_MESSAGES] = NULL;
	scene_order(&s, 1);
	scene_expect(&s, 1, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_NO_GATEWAY);
	assert_int_equal(played.begun, 0);
}

static void test_no_more_begin_at_once_than_may_and_in_the_order_in_which_they_came(void **state)
{
	(void)state;
	s.c.settings->conf.sms.at_once = 2;
	for (uint64_t id = 9; id >= 6; id--)
		scene_order(&s, id);
	assert_int_equal(played.begun, 2);
	assert_int_equal(played.begun_id[0], 9);
	assert_int_equal(played.begun_id[1], 8);
	/* One that a gateway has, and whose delivery is asked for, keeps nobody waiting. */
	scene_report(&s, 8, KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE);
	assert_int_equal(played.begun, 2); /* not before the loop has turned for it */
	scene_report(&s, 9, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_REFUSED);
	assert_int_equal(played.begun, 4);
	assert_int_equal(played.begun_id[2], 7);
	assert_int_equal(played.begun_id[3], 6);
}

static void fail_at_once(struct courier *c, struct courier_order *o)
{
	courier_report(c, o, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_UNREACHABLE, NULL, 0);
}

static void test_a_driver_may_end_an_order_while_it_begins_it(void **state)
{
	(void)state;
	played.at_begin = fail_at_once;
	for (uint64_t id = 1; id <= 3 * KM_ORDERS; id++) {
		scene_order(&s, id);
		scene_expect(&s, id, KM_ORDER_STATE_QUEUED, KM_ORDER_WHY_NONE);
		scene_expect(&s, id, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_UNREACHABLE);
	}
	assert_int_equal(s.c.count, 0);
}

/* --- stop ------------------------------------------------------------------------------------ */

static void test_a_stop_ends_what_is_under_way_and_the_vault_hears_how(void **state)
{
	(void)state;
	s.c.settings->conf.sms.at_once = 1;
	scene_order(&s, 1);
	scene_order(&s, 2);
	scene_expect(&s, 1, KM_ORDER_STATE_QUEUED, KM_ORDER_WHY_NONE);
	scene_expect(&s, 2, KM_ORDER_STATE_QUEUED, KM_ORDER_WHY_NONE);
	assert_int_equal(raise(SIGTERM), 0);
	assert_false(scene_turn(&s));
	scene_expect(&s, 1, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_CANCELLED);
	scene_expect(&s, 2, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_CANCELLED);
}

static void test_the_courier_says_what_it_can_do(void **state)
{
	struct km_msg m;

	(void)state;
	assert_int_equal(courier_greet(&s.c), KM_OK);
	assert_true(scene_heard(&s, &m));
	assert_int_equal(m.number, KM_MSG_COURIER);
	assert_int_equal(m.courier.version, KM_ROOM_PROTOCOL);
	assert_int_equal(m.courier.gateway, KM_GATEWAY_EXEC);
	assert_int_equal(m.courier.calls, 1);
	s.c.driver[COURIER_MESSAGES] = s.c.driver[COURIER_CALLS] = NULL;
	assert_int_equal(courier_greet(&s.c), KM_OK);
	assert_true(scene_heard(&s, &m));
	assert_int_equal(m.courier.gateway, KM_GATEWAY_NONE);
	assert_int_equal(m.courier.calls, 0);
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, clear_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(test_an_order_is_queued_begun_and_told_of_until_it_ends),
		ONE(test_states_only_go_forward),
		ONE(test_a_state_that_is_none_is_dropped),
		ONE(test_an_order_ends_once),
		ONE(test_what_is_unknown_is_not_begun_again),
		ONE(test_the_keys_of_a_call_come_with_its_end_and_nothing_else_does),
		ONE(test_number_and_text_are_wiped_with_the_end),
		ONE(test_an_order_that_no_vault_gives_ends_the_room),
		ONE(test_an_order_that_is_not_whole_ends_the_room),
		ONE(test_the_same_number_again_while_the_order_is_under_way_ends_the_room),
		ONE(test_a_frame_that_is_none_of_the_vaults_ends_the_room),
		ONE(test_the_end_of_the_vaults_link_ends_the_room_and_what_is_under_way),
		ONE(test_only_the_vaults_uid_gives_orders),
		ONE(test_a_full_table_refuses_the_next_and_takes_it_when_one_has_ended),
		ONE(test_a_kind_without_a_gateway_is_refused),
		ONE(test_no_more_begin_at_once_than_may_and_in_the_order_in_which_they_came),
		ONE(test_a_driver_may_end_an_order_while_it_begins_it),
		ONE(test_a_stop_ends_what_is_under_way_and_the_vault_hears_how),
		ONE(test_the_courier_says_what_it_can_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
