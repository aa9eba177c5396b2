/*
 * A SIP server that has a name: looked up in the DNS alone, by servers that answer, are silent,
 * lie, and know nothing. In a network and with an /etc of the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "house_names.h"
#include "telephone.h"

#define PLAIN "transport = udp\nmedia = rtp\n"

static const char *missing; /* why none of it can be tried here */

#define NEEDS_MACHINE                                                                              \
	do {                                                                                       \
		(void)state;                                                                       \
		if (missing) {                                                                     \
			print_message("%s\n", missing);                                            \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

static void name_it(struct exchange *e, const char *name)
{
	snprintf(e->server, sizeof(e->server), "%s:%d", name, e->port);
	exchange_configure(e, PLAIN);
}

static void open_named(struct exchange *e, const char *name)
{
	exchange_make(e, SOCK_DGRAM);
	name_it(e, name);
	exchange_start(e);
	keys_save(e, "31#");
}

static void answers(struct exchange *e)
{
	pid_t phone = telephone_start(e, "u1", TAKE_CALL RING ANSWER PLAY HUNG_UP, 1);

	assert_string_equal(exchange_call(e, KM_ORDER_KEYPAD, ""),
			    "queued ringing answered keyed:31");
	telephone_content(e, phone);
}

static void test_a_server_that_the_dns_knows_is_called(void **state)
{
	struct exchange e;

	NEEDS_MACHINE;
	assert_true(names_start(NAMES_RIGHT));
	open_named(&e, "pbx.test");
	answers(&e);
	assert_true(names_asked() > 0);
	exchange_close(&e);
}

/* Each call asks again: an address that has changed is the new one, without a reload. */
static void test_each_call_asks_again(void **state)
{
	struct exchange e;
	unsigned asked;

	NEEDS_MACHINE;
	assert_true(names_start(NAMES_RIGHT));
	open_named(&e, "pbx.test");
	answers(&e);
	asked = names_asked();
	answers(&e);
	assert_true(names_asked() > asked);
	exchange_close(&e);
}

static void test_a_name_server_that_is_slow_at_first_is_asked_again(void **state)
{
	struct exchange e;

	NEEDS_MACHINE;
	assert_true(names_start(NAMES_SILENT_AT_FIRST));
	open_named(&e, "pbx.test");
	answers(&e);
	assert_true(names_asked() > 2);
	exchange_close(&e);
}

/* Unlike the gateways of text messages, which libc's file is read for. */
static void test_etc_hosts_is_not_asked(void **state)
{
	struct exchange e;

	NEEDS_MACHINE;
	assert_true(names_start(NAMES_NOTHING_KNOWN));
	open_named(&e, "file.test");
	assert_string_equal(exchange_call(&e, KM_ORDER_KEYPAD, ""),
			    "queued failed:gateway-unreachable");
	assert_true(names_asked() > 0);
	exchange_close(&e);
}

static void is_unreachable(enum names_answer how)
{
	struct exchange e;

	assert_true(names_start(how));
	open_named(&e, "pbx.test");
	/* The next one, too, and the courier is alive. */
	for (unsigned i = 0; i < 2; i++)
		assert_string_equal(exchange_call(&e, KM_ORDER_KEYPAD, ""),
				    "queued failed:gateway-unreachable");
	names_stop();
	/* Nothing of it is left in the way of a server that answers. */
	assert_true(names_start(NAMES_RIGHT));
	answers(&e);
	exchange_close(&e);
}

#define UNREACHABLE(name, how)                                                                     \
	static void name(void **state)                                                             \
	{                                                                                          \
		NEEDS_MACHINE;                                                                     \
		is_unreachable(how);                                                               \
	}

UNREACHABLE(test_a_name_that_nobody_knows_is_unreachable, NAMES_NOTHING_KNOWN)
UNREACHABLE(test_a_silent_name_server_makes_it_unreachable, NAMES_SILENT)
UNREACHABLE(test_garbage_from_a_name_server_makes_it_unreachable, NAMES_GARBAGE)
UNREACHABLE(test_an_answer_to_another_question_is_none, NAMES_OTHER_ID)

static void test_a_call_that_is_cancelled_while_its_server_is_looked_up_is_never_made(void **state)
{
	struct exchange e;

	NEEDS_MACHINE;
	assert_true(names_start(NAMES_SILENT));
	open_named(&e, "pbx.test");
	exchange_order(&e, KM_ORDER_KEYPAD, "", 60);
	for (unsigned i = 0; names_asked() == 0 && i < 4000; i++)
		usleep(5000);
	assert_true(names_asked() > 0);
	exchange_cancel(&e);
	assert_string_equal(exchange_course(&e), "queued failed:cancelled");
	exchange_close(&e);
}

/* It was begun with the old configuration, and ends with that; the next one has the new one. */
static void test_a_reload_in_the_middle_of_a_question_loses_no_call(void **state)
{
	struct exchange e;

	NEEDS_MACHINE;
	assert_true(names_start(NAMES_SILENT));
	open_named(&e, "pbx.test");
	exchange_order(&e, KM_ORDER_KEYPAD, "", 60);
	for (unsigned i = 0; names_asked() == 0 && i < 4000; i++)
		usleep(5000);
	name_it(&e, "127.0.0.1");
	assert_true(exchange_until(&e, KM_ORDER_STATE_QUEUED));
	assert_int_equal(kill(e.courier, SIGHUP), 0);
	exchange_heard_reload(&e);
	assert_string_equal(exchange_course(&e), "queued failed:gateway-unreachable");
	answers(&e);
	exchange_close(&e);
}

/* What is neither an address nor a name: no call, and the log says which key. */
static void test_what_is_no_name_is_refused_at_the_start(void **state)
{
	static const char *const wrong[] = {
		"sip:pbx.test", "pbx test",   "user@pbx.test",  "-pbx.test",   "::1",
		"[pbx.test]",   "pbx.test:0", "pbx.test:65536", "[fe80::1%lo]"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct exchange e;
		char *log;

		exchange_make(&e, SOCK_DGRAM);
		snprintf(e.server, sizeof(e.server), "%s", wrong[i]);
		exchange_configure(&e, PLAIN);
		exchange_start_as(&e, 0);
		log = exchange_log(&e);
		if (!strstr(log, "[voice] server: not HOST or HOST:PORT"))
			fail_msg("%s: %s", wrong[i], log);
		free(log);
		exchange_close(&e);
	}
}

static int end(void **state)
{
	(void)state;
	names_stop();
	return 0;
}

#define A_TEST(name) cmocka_unit_test_teardown(name, end)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		A_TEST(test_a_server_that_the_dns_knows_is_called),
		A_TEST(test_each_call_asks_again),
		A_TEST(test_a_name_server_that_is_slow_at_first_is_asked_again),
		A_TEST(test_etc_hosts_is_not_asked),
		A_TEST(test_a_name_that_nobody_knows_is_unreachable),
		A_TEST(test_a_silent_name_server_makes_it_unreachable),
		A_TEST(test_garbage_from_a_name_server_makes_it_unreachable),
		A_TEST(test_an_answer_to_another_question_is_none),
		A_TEST(test_a_call_that_is_cancelled_while_its_server_is_looked_up_is_never_made),
		A_TEST(test_a_reload_in_the_middle_of_a_question_loses_no_call),
		A_TEST(test_what_is_no_name_is_refused_at_the_start),
	};

	if (!names_machine())
		missing = "a network and an /etc of its own cannot be made: not root, or a "
			  "container forbids it";
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
