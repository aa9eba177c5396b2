/*
 * Gateways that lie, stall, flood and break off: a message is asked for once, whatever comes back;
 * the courier stays small, says what happened in plain words, and serves the next order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/log.h>

#include "house_messages.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MIB          ((size_t)1 << 20)

static struct messages house;

static int begin(void **state)
{
	(void)state;
	return messages_begin(&house);
}

static int end(void **state)
{
	(void)state;
	messages_end(&house);
	return 0;
}

static void start(enum gateway_certificate certificate, gateway_behaviour *behave)
{
	messages_start(&house, certificate, behave, MESSAGE_JSON "success = .\ntimeout = 2\n",
		       NULL);
}

static void ends(enum km_order_state state, enum km_order_why why)
{
	messages_end_as(&house, MESSAGE_TEXT, state, why);
}

/* What it logged is plain, and holds nothing that was sent or answered. */
static void logged_plainly(void)
{
	const char *log = post_log(&house.post);

	assert_true(log[0]);
	assert_true(km_text_is_page(log, strlen(log)));
	assert_null(strstr(log, "314159"));
	assert_null(strstr(log, "12345678"));
	assert_null(strstr(log, "evil"));
}

/* Most of what the kernel buffers for a socket, and what a record of TLS holds. */
#define BUFFERED (16 * MIB)

static long resident_kib(pid_t pid)
{
	char path[64], line[256];
	long kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, "VmHWM:", 6) == 0)
			kib = strtol(line + 6, NULL, 10);
	fclose(f);
	return kib;
}

static void flood(struct gateway_line *l, const char *head, const char *more)
{
	if (gateway_read(l) && gateway_say(l, head))
		while (l->seen->given < 64 * MIB && gateway_say(l, more))
			;
}

#define TEN     "evil 6789\n"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define MUCH    HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED

static void flood_body(struct gateway_line *l)
{
	flood(l, "HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n", MUCH);
}

static void flood_body_without_length(struct gateway_line *l)
{
	flood(l, "HTTP/1.1 200 OK\r\n\r\n", MUCH);
}

static void flood_chunks(struct gateway_line *l)
{
	flood(l, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "3e8\r\n" MUCH "\r\n");
}

static void flood_headers(struct gateway_line *l)
{
	flood(l, "HTTP/1.1 200 OK\r\n", "X-Evil: evil evil evil evil evil evil evil evil evil\r\n");
}

static void flood_one_header(struct gateway_line *l)
{
	flood(l, "HTTP/1.1 200 OK\r\nX-Evil: ", "evil evil evil evil evil evil evil evil evil");
}

static void flood_interim_answers(struct gateway_line *l)
{
	flood(l, "", "HTTP/1.1 100 Continue\r\nX-Evil: evil\r\n\r\n");
}

static void flood_trailers(struct gateway_line *l)
{
	flood(l, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
	      "X-Evil: evil evil evil evil evil evil evil evil evil evil\r\n");
}

static void test_64_mib_are_cut_off_whatever_they_are(void **state)
{
	static gateway_behaviour *const floods[] = { flood_body,       flood_body_without_length,
						     flood_chunks,     flood_headers,
						     flood_one_header, flood_interim_answers,
						     flood_trailers };

	(void)state;
	for (size_t i = 0; i < COUNT(floods); i++) {
		start(i % 2 ? GATEWAY_GOOD : GATEWAY_PLAIN, floods[i]);
		ends(KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT);
		assert_int_equal(house.gateway.seen->requests, 1);
		assert_true(house.gateway.seen->given < BUFFERED);
		/* A sanitizer needs several times that. */
		assert_true(built_open || resident_kib(house.post.pid) < 32 * 1024);
		logged_plainly();
		messages_end(&house);
		assert_int_equal(messages_begin(&house), 0);
	}
	start(GATEWAY_PLAIN, flood_body);
}

/* --- no end ------------------------------------------------------------------------------------
 */

static void pause_ms(long ms)
{
	const struct timespec t = { .tv_nsec = ms * 1000000 };

	nanosleep(&t, NULL);
}

static void drip_body(struct gateway_line *l)
{
	if (gateway_read(l) && gateway_say(l, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"))
		while (gateway_say(l, "x"))
			pause_ms(20);
}

static void drip_headers(struct gateway_line *l)
{
	if (gateway_read(l) && gateway_say(l, "HTTP/1.1 200 OK\r\nX-Evil: "))
		while (gateway_say(l, "x"))
			pause_ms(20);
}

static void drip_chunk_extension(struct gateway_line *l)
{
	if (gateway_read(l) &&
	    gateway_say(l, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;evil="))
		while (gateway_say(l, "x"))
			pause_ms(20);
}

static void say_nothing(struct gateway_line *l)
{
	if (gateway_read(l))
		gateway_wait_for_the_end(l);
}

static void stop_in_the_body(struct gateway_line *l)
{
	if (gateway_read(l) && gateway_say(l, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"))
		gateway_wait_for_the_end(l);
}

static void never_read(struct gateway_line *l)
{
	(void)l;
	pause_ms(900);
	pause_ms(900);
	pause_ms(900);
}

static void test_what_never_ends_ends_with_its_time(void **state)
{
	static gateway_behaviour *const endless[] = { drip_body,   drip_headers,
						      say_nothing, drip_chunk_extension,
						      never_read,  stop_in_the_body };

	(void)state;
	for (size_t i = 0; i < COUNT(endless); i++) {
		start(i % 2 ? GATEWAY_GOOD : GATEWAY_PLAIN, endless[i]);
		ends(KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT);
		assert_true(house.gateway.seen->requests <= 1);
		assert_int_equal(house.gateway.seen->connections, 1);
		logged_plainly();
		messages_end(&house);
		assert_int_equal(messages_begin(&house), 0);
	}
	start(GATEWAY_PLAIN, say_nothing);
}

/* Whoever accepts and does not shake hands: nothing has left, so it is tried again, and is
 * unreachable. */
static void test_a_handshake_that_never_ends_is_unreachable(void **state)
{
	(void)state;
	messages_start(&house, GATEWAY_PLAIN, never_read,
		       "url = https://localhost:1/{number}/{text}\n", NULL);
	post_stop(&house.post);
	{
		char conf[512];

		snprintf(conf, sizeof(conf),
			 "[sms]\ngateway = http\ntimeout = 1\nurl = "
			 "https://127.0.0.1:%u/{number}/{text}\n",
			 house.gateway.port);
		assert_true(post_configure(&house.post, conf, NULL));
	}
	assert_true(post_start(&house.post));
	ends(KM_ORDER_STATE_FAILED, KM_ORDER_WHY_UNREACHABLE);
}

/* --- elsewhere
 * ------------------------------------------------------------------------------------ */

static const char *location;

static void redirect(struct gateway_line *l)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "HTTP/1.1 307 Temporary Redirect\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
		 location);
	if (gateway_read(l))
		gateway_say(l, text);
}

static void take_it(struct gateway_line *l)
{
	if (gateway_read(l))
		gateway_answer(l, "200 OK", "ok");
}

static void test_no_redirect_is_followed(void **state)
{
	static const char *const places[] = { "file:///etc/passwd", "gopher://127.0.0.1/", "//x/",
					      "/send2", NULL };
	char loopback[64], folder[] = "/tmp/kenmon-test-XXXXXX";
	struct gateway other;

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_true(gateway_reserve(&other, folder, GATEWAY_PLAIN));
	assert_true(gateway_open(&other, take_it));
	snprintf(loopback, sizeof(loopback), "http://127.0.0.1:%u/", other.port);
	for (size_t i = 0; i < COUNT(places); i++) {
		location = places[i] ? places[i] : loopback;
		start(GATEWAY_PLAIN, redirect);
		ends(KM_ORDER_STATE_FAILED, KM_ORDER_WHY_ANSWER);
		assert_int_equal(house.gateway.seen->connections, 1);
		messages_end(&house);
		assert_int_equal(messages_begin(&house), 0);
	}
	assert_int_equal(other.seen->connections, 0);
	gateway_close(&other);
	rmdir(folder);
	start(GATEWAY_PLAIN, take_it);
}

/* --- words that are none
 * ---------------------------------------------------------------------------- */

static const char *words;

static void say_words(struct gateway_line *l)
{
	if (gateway_read(l))
		gateway_say(l, words);
}

static void test_an_answer_that_is_none_is_unknown(void **state)
{
	static const char *const none[] = {
		"evil\r\n\r\n",
		"\x1b[2J\x1b]0;evil\x07",
		"HTTP/9.9 200 OK\r\n\r\nok",
		"HTTP/1.1 2x0 OK\r\n\r\nok",
		"HTTP/1.1\r\n\r\nok",
		"ICY 200 OK\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nok",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok",
		"HTTP/1.1 100 Continue\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: evil\r\n\r\n",
		"\n\n\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(none); i++) {
		struct post_news n;

		words = none[i];
		start(GATEWAY_PLAIN, say_words);
		assert_true(post_send(&house.post, ++house.order, MESSAGE_NUMBER, MESSAGE_TEXT,
				      MESSAGE_MS));
		n = post_outcome(&house.post, house.order, &house.before);
		/* "Switching" is a whole answer, and no success. */
		if (n.state == KM_ORDER_STATE_TAKEN ||
		    (n.state != KM_ORDER_STATE_UNKNOWN && !strstr(words, "101")))
			fail_msg("%zu: %s, %s", i, km_order_state_word(n.state),
				 km_order_why_word(n.why));
		assert_int_equal(house.gateway.seen->requests, 1);
		logged_plainly();
		messages_end(&house);
		assert_int_equal(messages_begin(&house), 0);
	}
	start(GATEWAY_PLAIN, take_it);
}

static void test_escape_sequences_in_an_answer_reach_no_log(void **state)
{
	(void)state;
	words = "HTTP/1.1 503 \x1b[2Jevil\r\nX: \x1b]0;evil\x07\r\nContent-Length: "
		"7\r\n\r\n\x1b[31m\xff\n";
	start(GATEWAY_PLAIN, say_words);
	ends(KM_ORDER_STATE_FAILED, KM_ORDER_WHY_REFUSED);
	assert_true(post_logged(&house.post, "status 503"));
	logged_plainly();
}

/* --- broken off
 * ---------------------------------------------------------------------------------------- */

/* From connection to connection one byte more. What was not read makes the kernel reset it. */
static void close_while_reading(struct gateway_line *l)
{
	if (gateway_read_part(l, l->n))
		l->seen->requests++;
}

static void test_a_gateway_that_closes_while_it_reads_is_unknown_at_each_byte(void **state)
{
	unsigned cuts = 0;

	(void)state;
	messages_start(&house, GATEWAY_PLAIN, close_while_reading,
		       "url = BASE/{number}\nbody-type = text\nbody = {text}\n", NULL);
	for (; house.gateway.seen->requests == 0; cuts++) {
		ends(KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT);
		assert_int_equal(house.gateway.seen->connections, cuts + 1);
	}
	assert_true(cuts > 100);
}

#define WHOLE "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\n0: Accepted"

static void close_while_answering(struct gateway_line *l)
{
	if (gateway_read(l))
		gateway_write(l, WHOLE, l->n);
}

static void closes_at_each_byte(enum gateway_certificate certificate)
{
	messages_start(&house, certificate, close_while_answering,
		       MESSAGE_JSON "success = ^0: Accepted$\n", NULL);
	for (size_t i = 0; i < sizeof(WHOLE) - 1; i++)
		ends(KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT);
	ends(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	assert_int_equal(house.gateway.seen->requests, sizeof(WHOLE));
	assert_int_equal(house.gateway.seen->connections, sizeof(WHOLE));
}

static void test_an_answer_that_is_cut_at_any_byte_is_unknown(void **state)
{
	(void)state;
	closes_at_each_byte(GATEWAY_PLAIN);
}

static void test_the_same_over_tls(void **state)
{
	(void)state;
	closes_at_each_byte(GATEWAY_GOOD);
}

/* --- certificates
 * ----------------------------------------------------------------------------------------- */

static void test_a_certificate_that_does_not_prove_the_name_gets_nothing(void **state)
{
	static const enum gateway_certificate bad[] = { GATEWAY_STRANGER, GATEWAY_OTHER_NAME,
							GATEWAY_COMMON_NAME, GATEWAY_EXPIRED,
							GATEWAY_OLD_TLS };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		start(bad[i], take_it);
		ends(KM_ORDER_STATE_FAILED, KM_ORDER_WHY_TLS);
		assert_int_equal(house.gateway.seen->requests, 0);
		assert_int_equal(house.gateway.seen->connections, 1);
		logged_plainly();
		messages_end(&house);
		assert_int_equal(messages_begin(&house), 0);
	}
	start(GATEWAY_GOOD, take_it);
	ends(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
}

static void say_words_at_once(struct gateway_line *l)
{
	gateway_say(l, words);
	gateway_wait_for_the_end(l);
}

static void test_garbage_in_place_of_a_handshake_gets_nothing(void **state)
{
	static const char *const garbage[] = { "HTTP/1.1 400 Bad Request\r\n\r\nevil",
					       "\x15\x03\x01\x7f\xff evil evil evil", "evil" };
	char conf[1024];

	(void)state;
	for (size_t i = 0; i < COUNT(garbage); i++) {
		words = garbage[i];
		assert_true(gateway_reserve(&house.gateway, house.post.dir, GATEWAY_PLAIN));
		assert_true(gateway_open(&house.gateway, say_words_at_once));
		snprintf(conf, sizeof(conf),
			 "[sms]\ngateway = http\ntimeout = 1\nurl = https://127.0.0.1:%u/{number}\n"
			 "body-type = text\nbody = {text}\n",
			 house.gateway.port);
		assert_true(post_configure(&house.post, conf, NULL));
		assert_true(post_start(&house.post));
		assert_true(post_send(&house.post, ++house.order, MESSAGE_NUMBER, MESSAGE_TEXT,
				      MESSAGE_MS));
		assert_int_equal(post_outcome(&house.post, house.order, &house.before).state,
				 KM_ORDER_STATE_FAILED);
		logged_plainly();
		messages_end(&house);
		assert_int_equal(messages_begin(&house), 0);
	}
	start(GATEWAY_PLAIN, take_it);
}

/* --- and then
 * ------------------------------------------------------------------------------------------------
 */

static void good_after_bad(struct gateway_line *l)
{
	if (l->n < 5)
		flood_body(l);
	else
		take_it(l);
}

static void test_the_next_order_is_served(void **state)
{
	(void)state;
	start(GATEWAY_GOOD, good_after_bad);
	for (unsigned i = 0; i < 5; i++)
		ends(KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT);
	ends(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
}

#define A_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		A_TEST(test_64_mib_are_cut_off_whatever_they_are),
		A_TEST(test_what_never_ends_ends_with_its_time),
		A_TEST(test_a_handshake_that_never_ends_is_unreachable),
		A_TEST(test_no_redirect_is_followed),
		A_TEST(test_an_answer_that_is_none_is_unknown),
		A_TEST(test_escape_sequences_in_an_answer_reach_no_log),
		A_TEST(test_a_gateway_that_closes_while_it_reads_is_unknown_at_each_byte),
		A_TEST(test_an_answer_that_is_cut_at_any_byte_is_unknown),
		A_TEST(test_the_same_over_tls),
		A_TEST(test_a_certificate_that_does_not_prove_the_name_gets_nothing),
		A_TEST(test_garbage_in_place_of_a_handshake_gets_nothing),
		A_TEST(test_the_next_order_is_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
