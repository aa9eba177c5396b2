/*
 * The courier's link: who may connect, and what costs it the link. A whole vault, with the test as
 * its judge, its client and its courier.
 */
#include "phone_world.h"

static char code[KM_ORDER_KEYS + 1];
static struct msg_order mine; /* of Alice's login */

static int alice_was_sent_one(void **state)
{
	(void)alice_comes(state);
	mine = sends(KM_ORDER_MESSAGE, code);
	return 0;
}

#define SENT(test) cmocka_unit_test_setup_teardown(test, alice_was_sent_one, phone_world_down)

/* --- who connects ---------------------------------------------------------------------------- */

static int door(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct epoll_event ready = { .events = EPOLLIN, .data.fd = fd };

	snprintf(at.sun_path, sizeof at.sun_path, "%.40s/order", pw.w->dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fd, 4), 0);
	pw.w->v->courier_door = fd;
	assert_int_equal(epoll_ctl(pw.w->v->poll, EPOLL_CTL_ADD, fd, &ready), 0);
	return fd;
}

static int connects(void)
{
	char path[60];
	int fd = -1;

	snprintf(path, sizeof path, "%.40s/order", pw.w->dir);
	assert_int_equal(km_connect(path, false, &fd), KM_OK);
	world_round(pw.w);
	return fd;
}

static bool is_turned_away(int fd)
{
	uint8_t byte;
	bool away = recv(fd, &byte, 1, MSG_DONTWAIT) == 0;

	close(fd);
	return away;
}

static void test_the_owner_of_the_socket_is_the_courier(void **state)
{
	int listening;

	(void)state;
	courier_goes();
	listening = door();
	orders_expect(pw.w->v);
	assert_int_equal(pw.w->v->courier_uid, geteuid());
	pw.courier = connects();
	courier_can(KM_GATEWAY_SPOOL, 0);
	assert_true(orders_ready(pw.w->v));
	assert_true(is_turned_away(connects())); /* a second */
	/* One that was started again comes before the end of the last is seen. */
	close(pw.courier);
	pw.courier = connects();
	courier_can(KM_GATEWAY_SPOOL, 0);
	assert_true(orders_ready(pw.w->v));
	close(listening);
}

static void test_whoever_else_connects_is_turned_away(void **state)
{
	int listening;

	(void)state;
	courier_goes();
	listening = door();
	assert_true(is_turned_away(connects())); /* nobody was named yet */
	pw.w->v->has_courier_uid = true;
	pw.w->v->courier_uid = geteuid() + 1;
	orders_expect(pw.w->v);
	assert_int_equal(pw.w->v->courier_uid, geteuid() + 1);
	assert_true(is_turned_away(connects()));
	assert_false(orders_ready(pw.w->v));
	close(listening);
}

/* --- what it says of itself --------------------------------------------------------------------
 */

static void test_a_courier_of_another_version_is_thrown_out(void **state)
{
	struct km_msg hello = { .number = KM_MSG_COURIER };

	(void)state;
	hello.courier.version = KM_ROOM_PROTOCOL + 1;
	courier_says(&hello);
	the_courier_is_thrown_out();
}

static void test_a_courier_that_claims_what_there_is_not_is_thrown_out(void **state)
{
	(void)state;
	courier_can(KM_GATEWAY_EXEC + 1, 0);
	the_courier_is_thrown_out();
	courier_comes();
	courier_can(KM_GATEWAY_NONE, 2);
	the_courier_is_thrown_out();
}

static void test_a_courier_that_says_nothing_of_itself_gets_no_order(void **state)
{
	(void)state;
	courier_goes();
	courier_connects();
	(void)asks_in("alice");
	judge_sends(pw.w->session, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_PHONE_NONE);
	ordered(1, KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE, "");
	the_courier_is_thrown_out();
}

static void test_what_it_cannot_do_is_not_asked_of_it(void **state)
{
	(void)state;
	courier_can(KM_GATEWAY_NONE, 1); /* its configuration has changed */
	judge_sends(pw.w->session, 0);
	assert_int_equal(judge_hears(KM_MSG_SENDING).sending.kind, KM_ORDER_KEYPAD);
	courier_is_given_nothing(); /* she has no landline: as nobody has */
	(void)enrol_phone("alice", KM_FACTOR_VOICE, PHONE_LANDLINE);
	pw.w->v->conf.voice.mode = KM_VOICE_SPOKEN;
	(void)asks_in("alice");
	(void)sends(KM_ORDER_SPOKEN, NULL);
	courier_can(KM_GATEWAY_NONE, 0);
	(void)asks_in("alice");
	judge_sends(pw.w->session, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_PHONE_NONE);
}

/* --- what it says of an order --------------------------------------------------------------------
 */

static void test_news_of_an_order_that_there_is_not_are_nothing(void **state)
{
	(void)state;
	ordered(mine.order + 1000, KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE, "");
	ordered(0, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_BUSY, "");
	judge_hears_nothing();
	assert_true(orders_ready(pw.w->v));
}

static void test_news_of_an_order_that_has_ended_are_nothing(void **state)
{
	(void)state;
	ordered(mine.order, KM_ORDER_STATE_DELIVERED, KM_ORDER_WHY_NONE, "");
	hears_news(KM_ORDER_STATE_DELIVERED, KM_ORDER_WHY_NONE);
	ordered(mine.order, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_BUSY, "");
	judge_hears_nothing();
	assert_true(orders_ready(pw.w->v));
	/* The message was delivered: its code is as good as before. */
	world_check(pw.w, code);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
}

/* Nobody's order is not the courier's to speak of. */
static void test_news_of_a_decoy_are_nothing(void **state)
{
	uint64_t decoy;

	(void)state;
	(void)asks_in(NOBODY_MOBILE);
	orders_went(100000, KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE);
	judge_sends(pw.w->session, 0);
	assert_int_equal(judge_hears(KM_MSG_SENDING).sending.kind, KM_ORDER_MESSAGE);
	decoy = pw.w->v->order_last;
	ordered(decoy, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_BUSY, "");
	judge_hears_nothing();
	assert_true(orders_ready(pw.w->v));
}

static void test_a_state_said_twice_is_heard_once(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 2; n++)
		ordered(mine.order, KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE, "");
	hears_news(KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE);
	judge_hears_nothing();
}

static void test_a_message_that_is_keyed_in_is_a_lie(void **state)
{
	(void)state;
	ordered(mine.order, KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE, code);
	the_courier_is_thrown_out();
	/* Its order ended with it; a code that was sent is as good as before. */
	hears_news(KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT);
	judge_hears_nothing();
}

static void test_a_star_at_a_message_is_a_lie(void **state)
{
	(void)state;
	ordered(mine.order, KM_ORDER_STATE_NOT_ME, KM_ORDER_WHY_NONE, "");
	the_courier_is_thrown_out();
	assert_int_equal(events_of(KM_EVENT_PHONE_NOT_ME, NULL), 0);
}

static void test_an_order_that_goes_back_is_a_lie(void **state)
{
	(void)state;
	ordered(mine.order, KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE, "");
	hears_news(KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE);
	ordered(mine.order, KM_ORDER_STATE_QUEUED, KM_ORDER_WHY_NONE, "");
	the_courier_is_thrown_out();
}

static void test_frames_that_cannot_be_are_a_lie(void **state)
{
	static const struct msg_ordered lies[] = {
		{ .state = 0 },
		{ .state = 99 },
		{ .state = KM_ORDER_STATE_FAILED, .why = 200 },
		{ .state = KM_ORDER_STATE_SENT, .count = 1, .keys = "1" },
		{ .state = KM_ORDER_STATE_KEYED, .count = KM_ORDER_KEYS + 1 },
		{ .state = KM_ORDER_STATE_KEYED, .count = 2, .keys = "1*" },
		{ .state = KM_ORDER_STATE_KEYED, .count = 1, .keys = "12" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		struct km_msg m = { .number = KM_MSG_ORDERED };

		m.ordered = lies[i];
		m.ordered.order = mine.order;
		courier_says(&m);
		the_courier_is_thrown_out();
		close(pw.courier);
		courier_comes();
	}
}

static void test_what_is_no_frame_costs_it_the_link_and_nobody_else_anything(void **state)
{
	(void)state;
	assert_int_equal(send(pw.courier, "garbage", 7, 0), 7);
	world_round(pw.w);
	the_courier_is_thrown_out();
	hears_news(KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT);
	world_check(pw.w, code); /* it was sent all the same */
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
}

static void test_another_room_s_message_is_a_lie(void **state)
{
	struct km_msg m = { .number = KM_MSG_MATCH };

	(void)state;
	courier_says(&m);
	the_courier_is_thrown_out();
}

/* --- many
 * ------------------------------------------------------------------------------------------ */

/* It does not read: some orders fail, and what fails is said; nothing is lost. */
static void test_a_courier_that_does_not_read_is_given_no_more(void **state)
{
	unsigned sending = 0, full = 0;
	struct km_msg m;

	(void)state;
	pw.w->v->conf.phone.operator_hour = pw.w->v->conf.phone.number_hour = 100;
	pw.w->v->conf.phone.operator_day = pw.w->v->conf.phone.number_day = 1000;
	pw.w->v->conf.phone.operator_hour = pw.w->v->conf.phone.number_hour = 1000;
	pw.w->v->conf.phone.site_hour = 1000;
	for (unsigned n = 0; n < 600 && full == 0; n++) {
		judge_sends(pw.w->session, 0);
		while (world_answered(pw.w, &m)) {
			sending += m.number == KM_MSG_SENDING;
			full +=
			    m.number == KM_MSG_ORDER_NEWS && m.order_news.why == KM_ORDER_WHY_FULL;
		}
	}
	assert_true(sending > 50);
	assert_int_equal(full, 1);
	assert_true(orders_ready(pw.w->v));
}

/* In one round of the vault: each is counted, and none is lost. */
static void test_more_requests_than_a_round_takes_are_served_in_the_next(void **state)
{
	const unsigned many = 3 * VAULT_OUTGOING / 2;
	struct km_msg m;
	unsigned given = 0, sending = 0;
	char login[16], number[20];
	uint32_t first;

	(void)state;
	for (unsigned i = 0; i < many; i++) {
		snprintf(login, sizeof login, "user%u", i);
		snprintf(number, sizeof number, "+8190000000%02u", i);
		world_add_as(pw.w, login, WORLD_UID, false, false);
		(void)enrol_phone(login, KM_FACTOR_SMS, number);
	}
	first = pw.w->session + 1;
	for (unsigned i = 0; i < many; i++) {
		snprintf(login, sizeof login, "user%u", i);
		(void)asks_in(login);
	}
	for (unsigned i = 0; i < many; i++) {
		m = (struct km_msg){ .number = KM_MSG_SEND, .session = first + i };
		assert_int_equal(km_send_msg(pw.w->judge, &m, -1, 0), KM_OK);
	}
	for (unsigned n = 0; n < 3; n++)
		world_round(pw.w);
	while (courier_heard(&m))
		given++;
	while (world_heard(pw.w, &m))
		sending += m.number == KM_MSG_SENDING;
	assert_int_equal(given, many);
	assert_int_equal(sending, many);
}

/* Of orders that there are not, as many as its socket holds. */
static unsigned floods(void)
{
	struct km_msg m = { .number = KM_MSG_ORDERED };
	const int room = 4 * 1024 * 1024;
	unsigned said = 0;

	assert_int_equal(setsockopt(pw.courier, SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
	m.ordered.order = mine.order + 1000;
	m.ordered.state = KM_ORDER_STATE_SENT;
	while (km_send_msg(pw.courier, &m, -1, MSG_DONTWAIT) == KM_OK)
		said++;
	return said;
}

/* It is never at an end of what it says: a round has one all the same. */
static void test_a_courier_that_floods_the_vault_keeps_nobody_from_being_served(void **state)
{
	uint64_t before;

	(void)state;
	assert_true(floods() > VAULT_ROUND);
	before = pw.w->v->messages;
	world_round(pw.w);
	assert_in_range(pw.w->v->messages - before, 1, VAULT_ROUND);
	(void)floods();
	world_check(pw.w, code);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
}

/* Nor is a round that has nothing to do ever seen. */
static void
test_a_courier_that_never_falls_silent_does_not_put_off_what_is_to_be_removed(void **state)
{
	struct vault *v = pw.w->v;

	(void)state;
	v->house_ms = v->now.boot_ms;
	v->phone_tended_ms = 1;
	ordered(mine.order + 1000, KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE, "");
	assert_int_equal(v->phone_tended_ms, 1);
	v->house_ms -= 60000;
	ordered(mine.order + 1000, KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE, "");
	assert_int_equal(v->phone_tended_ms, v->now.boot_ms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HAVING(test_the_owner_of_the_socket_is_the_courier),
		HAVING(test_whoever_else_connects_is_turned_away),
		HAVING(test_a_courier_of_another_version_is_thrown_out),
		HAVING(test_a_courier_that_claims_what_there_is_not_is_thrown_out),
		HAVING(test_a_courier_that_says_nothing_of_itself_gets_no_order),
		COMING(test_what_it_cannot_do_is_not_asked_of_it),
		SENT(test_news_of_an_order_that_there_is_not_are_nothing),
		SENT(test_news_of_an_order_that_has_ended_are_nothing),
		HAVING(test_news_of_a_decoy_are_nothing),
		SENT(test_a_state_said_twice_is_heard_once),
		SENT(test_a_message_that_is_keyed_in_is_a_lie),
		SENT(test_a_star_at_a_message_is_a_lie),
		SENT(test_an_order_that_goes_back_is_a_lie),
		SENT(test_frames_that_cannot_be_are_a_lie),
		SENT(test_what_is_no_frame_costs_it_the_link_and_nobody_else_anything),
		SENT(test_another_room_s_message_is_a_lie),
		COMING(test_a_courier_that_does_not_read_is_given_no_more),
		HAVING(test_more_requests_than_a_round_takes_are_served_in_the_next),
		SENT(test_a_courier_that_floods_the_vault_keeps_nobody_from_being_served),
		SENT(test_a_courier_that_never_falls_silent_does_not_put_off_what_is_to_be_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
