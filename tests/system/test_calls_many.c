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

/* The end of an order: keyed in is what its own telephone keyed in, or it is another end. */
static void count_end(struct many *m, const struct msg_ordered *o)
{
	if (o->state == KM_ORDER_STATE_KEYED && o->count == 2 &&
	    o->keys[0] - '0' == (int)own_keys(o->order) / 10 &&
	    o->keys[1] - '0' == (int)own_keys(o->order) % 10)
		m->keyed++;
	else
		m->other++;
}

static void test_twenty_calls_hear_each_its_own_keys_by_info(void **state)
{
	struct exchange e;
	struct many m = { 0 };
	struct km_msg in;
	pid_t phone;

	(void)state;
	exchange_open(&e, PLAIN "at-once = 20\n");
	phone = telephone_start(&e, "u1",
				TAKE_OWN_CALL RING ANSWER PAUSE("1000") INFO("10", "[$one]")
				    INFO("11", "[$two]") INFO("12", "#") HUNG_UP,
				CALLS);
	for (unsigned i = 0; i < CALLS; i++)
		order_own(&e);
	while (m.keyed + m.other < CALLS && exchange_hear(&e, &in))
		if (in.number == KM_MSG_ORDERED && km_order_state_ends(in.ordered.state))
			count_end(&m, &in.ordered);
	assert_int_equal(m.keyed, CALLS);
	assert_int_equal(m.other, 0);
	telephone_content(&e, phone);
	exchange_close(&e);
}

/* --- the test has the sound of all telephones: nobody keys in anything before it does -----------
 */

struct handset {
	int fd;                   /* where its sound comes to; -1: none */
	struct sockaddr_in there; /* the courier's end of that call */
	bool live;                /* answered, and not over */
	uint16_t packets;
};

/* By the two digits of the number. */
static struct handset handsets[100];

/* Ports "abcNN": NN are a call's own digits. The three before them. */
static unsigned handsets_open(void)
{
	for (unsigned before = 200; before < 320; before++) {
		unsigned n, bound = 0;

		for (n = own_keys(1); n <= own_keys(CALLS); n++) {
			struct sockaddr_in at = { .sin_family = AF_INET,
						  .sin_addr = { htonl(INADDR_LOOPBACK) },
						  .sin_port = htons((uint16_t)(before * 100 + n)) };

			handsets[n] =
			    (struct handset){ .fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) };
			bound += bind(handsets[n].fd, (struct sockaddr *)&at, sizeof(at)) == 0;
		}
		if (bound == CALLS)
			return before;
		for (n = own_keys(1); n <= own_keys(CALLS); n++)
			close(handsets[n].fd);
	}
	fail_msg("no ports");
	return 0;
}

static void handsets_close(void)
{
	for (unsigned n = own_keys(1); n <= own_keys(CALLS); n++)
		close(handsets[n].fd);
}

/* A key (RFC 4733), to where the call's own sound comes from. */
static void key_in(unsigned n, char key)
{
	struct handset *h = &handsets[n];
	uint8_t p[16] = { 0x80, 0xe5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, event_of(key), 0x8a, 0, 160 };
	uint8_t sound[2048];
	socklen_t len = sizeof(h->there);

	assert_true(recvfrom(h->fd, sound, sizeof(sound), 0, (struct sockaddr *)&h->there, &len) >
		    0);
	packet_put16(p + 2, h->packets);
	packet_put16(p + 4, h->packets++);
	assert_int_equal(sendto(h->fd, p, sizeof(p), 0, (const struct sockaddr *)&h->there, len),
			 sizeof(p));
}

/* All that go on key in their first digit, then all their second, then all that they are done. */
static void key_in_all(void)
{
	for (unsigned digit = 0; digit < 3; digit++)
		for (unsigned n = own_keys(1); n <= own_keys(CALLS); n++)
			if (handsets[n].live)
				key_in(n, (char)(digit == 0   ? '0' + n / 10
						 : digit == 1 ? '0' + n % 10
							      : '#'));
	for (unsigned n = own_keys(1); n <= own_keys(CALLS); n++)
		handsets[n].live = false;
}

/*
 * Hears until all have ended. Whenever as many as may go on do, or all that are left, those key in
 * their digits; so many must go on at once, or the test hears nothing more and fails.
 */
static void hear_all(struct exchange *e, unsigned may, struct many *m)
{
	struct km_msg in;
	unsigned over = 0, round = 0;

	while (over < CALLS && exchange_hear(e, &in) && in.number == KM_MSG_ORDERED) {
		const struct msg_ordered *o = &in.ordered;

		if (o->state == KM_ORDER_STATE_ANSWERED) {
			m->answered++;
			round++;
			handsets[own_keys(o->order)].live = true;
		}
		if (km_order_state_ends(o->state)) {
			over++;
			count_end(m, o);
		}
		if (m->answered - over > m->most)
			m->most = m->answered - over;
		if (round == may || (round > 0 && m->answered == CALLS)) {
			key_in_all();
			round = 0;
		}
	}
	assert_int_equal(over, CALLS);
}

static void call_many(const char *voice, unsigned may)
{
	const unsigned before = handsets_open();
	char scenario[4096];
	struct exchange e;
	struct many m = { 0 };
	pid_t phone;

	snprintf(scenario, sizeof(scenario), "%s%u%s",
		 TAKE_OWN_CALL RING
		 "<send retrans=\"500\"><![CDATA[\nSIP/2.0 200 OK\n" BACK CONTACT
		 "Content-Type: application/sdp\nContent-Length: [len]\n\n" SDP_HEAD "m=audio ",
		 before,
		 "[$one][$two] RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\n"
		 "\n]]></send>\n<recv request=\"ACK\"/>\n" HUNG_UP);
	exchange_open(&e, voice);
	phone = telephone_start(&e, "u1", scenario, CALLS);
	for (unsigned i = 0; i < CALLS; i++)
		order_own(&e);
	hear_all(&e, may, &m);
	assert_int_equal(m.keyed, CALLS);
	assert_int_equal(m.other, 0);
	assert_int_equal(m.most, may);
	telephone_content(&e, phone);
	exchange_close(&e);
	handsets_close();
}

static void test_twenty_calls_at_once_hear_each_its_own_keys(void **state)
{
	(void)state;
	call_many(PLAIN "at-once = 20\n", CALLS);
}

static void test_as_many_calls_go_on_as_may_and_no_more(void **state)
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
		cmocka_unit_test(test_twenty_calls_hear_each_its_own_keys_by_info),
		cmocka_unit_test(test_as_many_calls_go_on_as_may_and_no_more),
		cmocka_unit_test(test_a_call_outlives_a_reload),
		cmocka_unit_test(test_a_reload_without_a_sound_changes_nothing),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
