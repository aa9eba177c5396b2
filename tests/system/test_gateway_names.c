/*
 * A gateway that has a name: looked up in /etc/hosts and in the DNS, by servers that answer, are
 * silent, lie, and know nothing. In a network and with an /etc of the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "house_messages.h"
#include "house_names.h"

static struct messages house;
static const char *missing; /* why none of it can be tried here */

/* --- the tests
 * --------------------------------------------------------------------------------------------- */

static int begin(void **state)
{
	(void)state;
	return missing ? 0 : messages_begin(&house);
}

static int end(void **state)
{
	(void)state;
	if (missing)
		return 0;
	names_stop();
	messages_end(&house);
	return 0;
}

#define NEEDS_MACHINE                                                                              \
	do {                                                                                       \
		if (missing) {                                                                     \
			print_message("%s\n", missing);                                            \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

static void take_it(struct gateway_line *l)
{
	if (gateway_read(l))
		gateway_answer(l, "200 OK", "ok");
}

/* A courier whose gateway has this name. */
static void start(const char *name, unsigned timeout)
{
	char conf[1024];

	assert_true(gateway_reserve(&house.gateway, house.post.dir, GATEWAY_GOOD));
	assert_true(gateway_open(&house.gateway, take_it));
	snprintf(conf, sizeof(conf),
		 "[sms]\ngateway = http\nca-file = %s\ntimeout = %u\nurl = https://%s:%u/{number}\n"
		 "body-type = text\nbody = {text}\n",
		 house.gateway.ca, timeout, name, house.gateway.port);
	assert_true(post_configure(&house.post, conf, NULL));
	assert_true(post_start(&house.post));
}

static void ends(enum km_order_state state, enum km_order_why why)
{
	messages_end_as(&house, MESSAGE_TEXT, state, why);
}

static void test_a_name_in_etc_hosts_is_found_without_a_server(void **state)
{
	(void)state;
	NEEDS_MACHINE;
	start("file.test", 20);
	/* Found; and the certificate does not name it. */
	ends(KM_ORDER_STATE_FAILED, KM_ORDER_WHY_TLS);
	assert_int_equal(house.gateway.seen->connections, 1);
}

static void test_a_name_in_the_dns_is_found_and_kept_for_a_while(void **state)
{
	unsigned questions;

	(void)state;
	NEEDS_MACHINE;
	assert_true(names_start(NAMES_RIGHT));
	start("gw.test", 20);
	ends(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	questions = names_asked();
	assert_true(questions > 0);
	for (unsigned i = 0; i < 5; i++)
		ends(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	assert_int_equal(names_asked(), questions);
	assert_true(strstr(house.gateway.seen->last, "\r\nHost: gw.test:") != NULL);
}

static void test_many_orders_wait_for_one_answer(void **state)
{
	(void)state;
	NEEDS_MACHINE;
	assert_true(names_start(NAMES_SILENT_AT_FIRST));
	start("gw.test", 60);
	for (unsigned i = 1; i <= 20; i++)
		assert_true(post_send(&house.post, i, MESSAGE_NUMBER, MESSAGE_TEXT, MESSAGE_MS));
	for (unsigned i = 1; i <= 20; i++) {
		struct post_news n;
		uint64_t id;

		do
			n = post_hear_any(&house.post, &id);
		while (n.state == KM_ORDER_STATE_QUEUED);
		assert_int_equal(n.state, KM_ORDER_STATE_TAKEN);
	}
	assert_int_equal(house.gateway.seen->requests, 20);
}

static void is_unreachable(enum names_answer how)
{
	assert_true(names_start(how));
	start("gw.test", 1);
	ends(KM_ORDER_STATE_FAILED, KM_ORDER_WHY_UNREACHABLE);
	assert_int_equal(house.gateway.seen->connections, 0);
	/* The next one, too, and the courier is alive. */
	ends(KM_ORDER_STATE_FAILED, KM_ORDER_WHY_UNREACHABLE);
}

#define UNREACHABLE(name, how)                                                                     \
	static void name(void **state)                                                             \
	{                                                                                          \
		(void)state;                                                                       \
		NEEDS_MACHINE;                                                                     \
		is_unreachable(how);                                                               \
	}

UNREACHABLE(test_a_name_that_nobody_knows_is_unreachable, NAMES_NOTHING_KNOWN)
UNREACHABLE(test_a_silent_server_makes_it_unreachable, NAMES_SILENT)
UNREACHABLE(test_garbage_from_a_server_makes_it_unreachable, NAMES_GARBAGE)
UNREACHABLE(test_an_answer_to_another_question_is_none, NAMES_OTHER_ID)
UNREACHABLE(test_an_answer_that_points_to_itself_is_none, NAMES_LOOPING)

static void test_a_reload_in_the_middle_of_a_question_asks_again(void **state)
{
	(void)state;
	NEEDS_MACHINE;
	assert_true(names_start(NAMES_SILENT_AT_FIRST));
	start("gw.test", 60);
	assert_true(
	    post_send(&house.post, ++house.order, MESSAGE_NUMBER, MESSAGE_TEXT, MESSAGE_MS));
	for (unsigned i = 0; names_asked() == 0 && i < 2000; i++)
		usleep(5000);
	assert_true(names_asked() > 0);
	assert_int_equal(kill(house.post.pid, SIGHUP), 0);
	messages_outcome(&house, KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
}

/* The walls do not know it. */
static void
test_another_resolv_conf_ends_the_courier_at_a_reload_and_the_next_one_reads_it(void **state)
{
	int status = 0;

	(void)state;
	NEEDS_MACHINE;
	if (built_open)
		skip(); /* walls keep the old file: without them its number may be the new one's */
	assert_true(names_start(NAMES_SILENT));
	start("gw.test", 1);
	assert_true(names_replace("nameserver 127.0.0.2\n"));
	assert_int_equal(kill(house.post.pid, SIGHUP), 0);
	assert_true(post_logged(&house.post, "needs other walls"));
	assert_int_equal(waitpid(house.post.pid, &status, 0), house.post.pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	house.post.pid = 0;
	post_stop(&house.post);
	assert_true(post_start(&house.post));
	names_stop();
	assert_true(names_start_at(INADDR_LOOPBACK + 1, NAMES_RIGHT));
	ends(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	assert_true(names_replace("nameserver 127.0.0.1\n"));
}

#define A_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		A_TEST(test_a_name_in_etc_hosts_is_found_without_a_server),
		A_TEST(test_a_name_in_the_dns_is_found_and_kept_for_a_while),
		A_TEST(test_many_orders_wait_for_one_answer),
		A_TEST(test_a_name_that_nobody_knows_is_unreachable),
		A_TEST(test_a_silent_server_makes_it_unreachable),
		A_TEST(test_garbage_from_a_server_makes_it_unreachable),
		A_TEST(test_an_answer_to_another_question_is_none),
		A_TEST(test_an_answer_that_points_to_itself_is_none),
		A_TEST(test_a_reload_in_the_middle_of_a_question_asks_again),
		A_TEST(
		    test_another_resolv_conf_ends_the_courier_at_a_reload_and_the_next_one_reads_it),
	};

	if (!names_machine())
		missing = "a network and an /etc of its own cannot be made: not root, or a "
			  "container forbids it";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
