/* Twenty calls at once, one more than may be, a configuration that changes meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "telephone.h"

#define PLAIN "transport = udp\nmedia = rtp\n"
#define CALLS 20

struct many {
	unsigned keyed, answered, most, other;
};

/* Each number has two digits of its own at its end, and its telephone keys them in. */
#define TAKE_OWN_CALL                                                                              \
	"<recv request=\"INVITE\" rrs=\"true\"><action>"                                           \
	"<ereg regexp=\".*\" search_in=\"hdr\" header=\"From:\" assign_to=\"from\"/>"              \
	"<ereg regexp=\".*\" search_in=\"hdr\" header=\"To:\" assign_to=\"to\"/>"                  \
	"<ereg regexp=\"([0-9])([0-9])@\" search_in=\"hdr\" header=\"To:\" check_it=\"true\" "     \
	"assign_to=\"both,one,two\"/></action></recv>\n<Reference variables=\"both\"/>\n"

static unsigned own_keys(uint64_t order)
{
	return 10 + (unsigned)order;
}

static void order_own(struct exchange *e)
{
	struct km_msg m = { .number = KM_MSG_ORDER,
			    .order = { .order = ++e->last,
				       .kind = KM_ORDER_KEYPAD,
				       .lang = KM_LANG_JA,
				       .keys = 6,
				       .until = km_boot_ms() + INT64_C(120000) } };

	snprintf(m.order.number, sizeof(m.order.number), "+813123456%02u", own_keys(e->last));
	assert_int_equal(km_send_msg(e->vault, &m, -1, 0), KM_OK);
}

/* Hears until so many orders have ended. most: that were answered, and not over, at one time. */
static void hear(struct exchange *e, unsigned ends, struct many *m)
{
	struct km_msg in;
	unsigned over = 0;

	while (over < ends && exchange_hear(e, &in) && in.number == KM_MSG_ORDERED) {
		const struct msg_ordered *o = &in.ordered;

		m->answered += o->state == KM_ORDER_STATE_ANSWERED;
		if (m->answered - over > m->most)
			m->most = m->answered - over;
		over += km_order_state_ends(o->state);
		if (o->state == KM_ORDER_STATE_KEYED && o->count == 2 &&
		    o->keys[0] - '0' == (int)own_keys(o->order) / 10 &&
		    o->keys[1] - '0' == (int)own_keys(o->order) % 10)
			m->keyed++;
		else if (km_order_state_ends(o->state))
			m->other++;
	}
	assert_int_equal(over, ends);
}

static void call_many(const char *voice, unsigned most)
{
	struct exchange e;
	struct many m = { 0 };
	pid_t phone;

	exchange_open(&e, voice);
	phone = telephone_start(&e, "u1",
				TAKE_OWN_CALL RING ANSWER PAUSE("1000") INFO("10", "[$one]")
				    INFO("11", "[$two]") INFO("12", "#") HUNG_UP,
				CALLS);
	for (unsigned i = 0; i < CALLS; i++)
		order_own(&e);
	hear(&e, CALLS, &m);
	assert_int_equal(m.keyed, CALLS);
	assert_int_equal(m.other, 0);
	assert_true(m.most <= most);
	telephone_content(&e, phone);
	exchange_close(&e);
}

static void test_twenty_calls_at_once_hear_each_its_own_keys(void **state)
{
	(void)state;
	call_many(PLAIN "at-once = 20\n", CALLS);
}

static void test_no_more_calls_go_on_than_may(void **state)
{
	(void)state;
	call_many(PLAIN "at-once = 3\n", 3);
}

/* A reload: what goes on goes on as it began, what comes next is as it says now. */
static void test_a_call_outlives_a_reload(void **state)
{
	struct exchange e;
	pid_t phone;
	int was;

	(void)state;
	exchange_open(&e, PLAIN);
	keys_save(&e, "42#");
	phone = telephone_start(&e, "u1", TAKE_CALL RING ANSWER PAUSE("1500") PLAY HUNG_UP, 1);
	exchange_order(&e, KM_ORDER_KEYPAD, "", 60);
	assert_true(exchange_until(&e, KM_ORDER_STATE_ANSWERED));
	was = e.port;
	e.port = exchange_port(SOCK_DGRAM);
	snprintf(e.server, sizeof(e.server), "127.0.0.1:%d", e.port);
	exchange_configure(&e, PLAIN);
	assert_int_equal(kill(e.courier, SIGHUP), 0);
	exchange_heard_reload(&e);
	assert_true(exchange_until(&e, KM_ORDER_STATE_KEYED));
	assert_string_equal(e.course, "queued ringing answered keyed:42");
	telephone_content(&e, phone);
	assert_int_not_equal(was, e.port);
	phone = telephone_start(&e, "u1", TAKE_CALL RING ANSWER PLAY HUNG_UP, 1);
	assert_string_equal(exchange_call(&e, KM_ORDER_KEYPAD, ""),
			    "queued ringing answered keyed:42");
	telephone_content(&e, phone);
	exchange_close(&e);
}

/* A sound that is missing: what was before stays, and the log names the file. */
static void test_a_reload_without_a_sound_changes_nothing(void **state)
{
	struct exchange e;
	pid_t phone;
	char *log = NULL;

	(void)state;
	exchange_open(&e, PLAIN);
	assert_int_equal(unlink(exchange_path(&e, "prompts/ja/7.wav")), 0);
	assert_int_equal(kill(e.courier, SIGHUP), 0);
	for (unsigned i = 0; i < 200 && (!log || !strstr(log, "ja/7.wav")); i++) {
		free(log);
		nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
		log = exchange_log(&e);
	}
	assert_non_null(strstr(log, "ja/7.wav"));
	free(log);
	keys_save(&e, "#");
	phone = telephone_start(&e, "u1", TAKE_CALL RING ANSWER PLAY HUNG_UP, 1);
	assert_string_equal(exchange_call(&e, KM_ORDER_SPOKEN, "77"),
			    "queued ringing answered delivered");
	telephone_content(&e, phone);
	exchange_close(&e);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_twenty_calls_at_once_hear_each_its_own_keys),
		cmocka_unit_test(test_no_more_calls_go_on_than_may),
		cmocka_unit_test(test_a_call_outlives_a_reload),
		cmocka_unit_test(test_a_reload_without_a_sound_changes_nothing),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
