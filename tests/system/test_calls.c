/*
 * Calls to sipp: what a telephone does, and what the vault hears of it. The order's states stand in
 * one line, as they came.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "telephone.h"

#define PLAIN "transport = udp\nmedia = rtp\n"

static const char *long_sound; /* of the next call: one that lasts 25 s; NULL: each is short */

/* Opens, lets the telephone do it, calls once, and compares how it went. */
static void expect(const char *voice, const char *transport, const char *scenario,
		   enum km_order kind, const char *digits, const char *keys, const char *course)
{
	struct exchange e;
	pid_t phone;

	exchange_make(&e, strstr(voice, "udp") ? SOCK_DGRAM : SOCK_STREAM);
	if (long_sound)
		exchange_tone(&e, long_sound, 25000, 1);
	long_sound = NULL;
	exchange_configure(&e, voice);
	exchange_start(&e);
	keys_save(&e, keys);
	phone = telephone_start(&e, transport, scenario, 1);
	assert_string_equal(exchange_call(&e, kind, digits), course);
	telephone_content(&e, phone);
	exchange_close(&e);
}

static void expect_keypad(const char *scenario, const char *keys, const char *course)
{
	expect(PLAIN, "u1", scenario, KM_ORDER_KEYPAD, "", keys, course);
}

static void test_digits_keyed_in_arrive_as_they_were_keyed(void **state)
{
	(void)state;
	expect_keypad(TAKE_CALL RING ANSWER PLAY HUNG_UP, "900417#",
		      "queued ringing answered keyed:900417");
}

static void test_the_star_key_says_this_was_not_me(void **state)
{
	(void)state;
	expect_keypad(TAKE_CALL RING ANSWER PLAY HUNG_UP, "90*", "queued ringing answered not-me");
}

static void test_keys_in_info_are_taken_as_well(void **state)
{
	(void)state;
	expect_keypad(TAKE_CALL RING ANSWER INFO("10", "4") INFO("11", "2") INFO("12", "#") HUNG_UP,
		      "0", "queued ringing answered keyed:42");
	expect_keypad(TAKE_CALL RING ANSWER INFO("10", "4") INFO("11", "*") HUNG_UP, "0",
		      "queued ringing answered not-me");
}

static void test_a_telephone_that_sends_each_key_both_ways_sends_it_once(void **state)
{
	(void)state;
	expect_keypad(TAKE_CALL RING ANSWER INFO("10", "7") PLAY PAUSE("1500") INFO("11", "8")
			  INFO("12", "#") HUNG_UP,
		      "78#", "queued ringing answered keyed:78");
}

static void test_an_info_that_comes_again_is_one_key(void **state)
{
	(void)state;
	expect_keypad(
	    TAKE_CALL RING ANSWER INFO("10", "7") INFO_AS(
		"10", "application/dtmf-relay",
		"Signal=7\nDuration=160") "<recv response=\"500\" optional=\"true\"/>\n<recv "
					  "response=\"200\"/>\n" INFO("11", "#") HUNG_UP,
	    "0", "queued ringing answered keyed:7");
}

static void test_no_answer_of_the_server_is_unclear(void **state)
{
	static const struct {
		const char *scenario, *course;
	} table[] = {
		{ TAKE_CALL RING REFUSE("486 Busy Here"), "queued ringing failed:busy" },
		{ TAKE_CALL REFUSE("600 Busy Everywhere"), "queued failed:busy" },
		{ TAKE_CALL RING REFUSE("603 Decline"), "queued ringing failed:declined" },
		{ TAKE_CALL REFUSE("404 Not Found"), "queued failed:no-such-number" },
		{ TAKE_CALL REFUSE("484 Address Incomplete"), "queued failed:no-such-number" },
		{ TAKE_CALL RING REFUSE("480 Temporarily Unavailable"),
		  "queued ringing failed:no-answer" },
		{ TAKE_CALL REFUSE("403 Forbidden"), "queued failed:gateway-refused" },
		{ TAKE_CALL REFUSE("500 Server Error"), "queued failed:gateway-refused" },
		{ TAKE_CALL REFUSE("503 Service Unavailable"),
		  "queued failed:gateway-unreachable" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		expect_keypad(table[i].scenario, "0", table[i].course);
}

/* Nobody else's telephone rings, and it shows who calls. */
static void test_who_is_rung_is_the_orders_number_at_the_configured_domain(void **state)
{
	(void)state;
	expect(PLAIN "domain = pbx.example.jp\n", "u1",
	       TAKE_CALL_FOR("[+]81312345678", "pbx[.]example[.]jp", "1000")
		   REFUSE("486 Busy Here"),
	       KM_ORDER_KEYPAD, "", "0", "queued failed:busy");
	expect_keypad(TAKE_CALL_FOR("[+]81312345678", "127[.]0[.]0[.]1", "1000")
			  REFUSE("486 Busy Here"),
		      "0", "queued failed:busy");
}

static void test_a_telephone_that_is_never_answered_rings_as_long_as_it_may(void **state)
{
	(void)state;
	expect(PLAIN "ring = 10\n", "u1",
	       TAKE_CALL RING "<recv request=\"CANCEL\"/>\n" SEND("SIP/2.0 200 OK\n" BACK),
	       KM_ORDER_KEYPAD, "", "0", "queued ringing failed:no-answer");
}

static void test_a_server_that_says_nothing_is_unreachable(void **state)
{
	(void)state;
	expect(PLAIN "ring = 10\n", "u1", TAKE_CALL, KM_ORDER_KEYPAD, "", "0",
	       "queued failed:gateway-unreachable");
}

static void test_where_nobody_listens_the_server_is_unreachable(void **state)
{
	static const char *const ways[] = { PLAIN "ring = 10\n", "transport = tcp\nmedia = rtp\n" };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct exchange e;

		exchange_open(&e, ways[i]);
		assert_string_equal(exchange_call(&e, KM_ORDER_KEYPAD, ""),
				    "queued failed:gateway-unreachable");
		exchange_close(&e);
	}
}

static void test_a_silent_telephone_may_be_a_voice_mailbox(void **state)
{
	(void)state;
	expect_keypad(TAKE_CALL RING ANSWER HUNG_UP, "0", "queued ringing answered failed:no-key");
}

/* Digits without '#', for as long as there is patience. */
static void test_digits_that_are_never_finished_are_no_key(void **state)
{
	(void)state;
	expect_keypad(TAKE_CALL RING ANSWER PLAY HUNG_UP, "123456",
		      "queued ringing answered failed:no-key");
}

static void test_who_hangs_up_has_pressed_nothing(void **state)
{
	(void)state;
	expect_keypad(TAKE_CALL RING ANSWER PAUSE("300") HANG_UP, "0",
		      "queued ringing answered failed:hung-up");
	expect_keypad(TAKE_CALL RING ANSWER PLAY PAUSE("700") HANG_UP, "12",
		      "queued ringing answered failed:hung-up");
}

static void test_a_hash_key_alone_is_no_code(void **state)
{
	(void)state;
	expect_keypad(TAKE_CALL RING ANSWER PLAY HUNG_UP, "#55#",
		      "queued ringing answered keyed:55");
}

static void test_more_digits_than_any_code_has_are_cut(void **state)
{
	(void)state;
	expect_keypad(TAKE_CALL RING ANSWER PLAY HUNG_UP, "12345678901234567890#",
		      "queued ringing answered keyed:1234567890123456");
}

static void test_a_confirmation_is_the_hash_key_whatever_comes_before(void **state)
{
	(void)state;
	expect(PLAIN, "u1", TAKE_CALL RING ANSWER PLAY HUNG_UP, KM_ORDER_CONFIRM, "", "1#",
	       "queued ringing answered keyed:");
}

static void test_a_code_is_read_after_the_hash_key(void **state)
{
	(void)state;
	expect(PLAIN, "u1", TAKE_CALL RING ANSWER PLAY HUNG_UP, KM_ORDER_SPOKEN, "123456", "#",
	       "queued ringing answered delivered");
}

static void test_no_mailbox_hears_a_code(void **state)
{
	(void)state;
	expect(PLAIN, "u1", TAKE_CALL RING ANSWER HUNG_UP, KM_ORDER_SPOKEN, "123456", "0",
	       "queued ringing answered failed:no-key");
}

static void test_a_code_that_was_read_once_was_heard(void **state)
{
	(void)state;
	/* Long enough to be hung up in. */
	long_sound = "prompts/ja/again.wav";
	expect(PLAIN, "u1", TAKE_CALL RING ANSWER PLAY PAUSE("10000") HANG_UP, KM_ORDER_SPOKEN,
	       "12", "#", "queued ringing answered delivered");
	expect(PLAIN, "u1", TAKE_CALL RING ANSWER PLAY PAUSE("1000") HANG_UP, KM_ORDER_SPOKEN,
	       "123456", "#", "queued ringing answered failed:hung-up");
}

static void test_the_star_key_is_heard_while_a_code_is_read(void **state)
{
	(void)state;
	expect(PLAIN, "u1", TAKE_CALL RING ANSWER PLAY HUNG_UP, KM_ORDER_SPOKEN, "123456", "#*",
	       "queued ringing answered not-me");
}

static void test_a_test_call_ends_with_the_hash_key_and_has_nothing_to_deny(void **state)
{
	(void)state;
	expect(PLAIN, "u1", TAKE_CALL RING ANSWER PLAY HUNG_UP, KM_ORDER_CALL_TEST, "", "12*#",
	       "queued ringing answered delivered");
	expect(PLAIN, "u1", TAKE_CALL RING ANSWER HUNG_UP, KM_ORDER_CALL_TEST, "", "0",
	       "queued ringing answered failed:no-key");
}

static void test_a_notice_is_said_to_whatever_answers(void **state)
{
	(void)state;
	expect(PLAIN, "u1", TAKE_CALL RING ANSWER HUNG_UP, KM_ORDER_CALL_NOTICE, "", "0",
	       "queued ringing answered delivered");
	expect(PLAIN, "u1", TAKE_CALL RING ANSWER PLAY HUNG_UP, KM_ORDER_CALL_NOTICE, "", "*1#",
	       "queued ringing answered delivered");
	expect(PLAIN, "u1", TAKE_CALL RING REFUSE("486 Busy Here"), KM_ORDER_CALL_NOTICE, "", "0",
	       "queued ringing failed:busy");
}

/* Hung up after the first time, it was heard; before it, not. */
static void test_a_notice_that_was_said_once_was_heard(void **state)
{
	(void)state;
	/* Long enough to be hung up in. */
	long_sound = "prompts/ja/thanks.wav";
	expect(PLAIN, "u1", TAKE_CALL RING ANSWER PAUSE("9000") HANG_UP, KM_ORDER_CALL_NOTICE, "",
	       "0", "queued ringing answered delivered");
	expect(PLAIN, "u1", TAKE_CALL RING ANSWER PAUSE("200") HANG_UP, KM_ORDER_CALL_NOTICE, "",
	       "0", "queued ringing answered failed:hung-up");
}

static void test_calls_go_by_tcp(void **state)
{
	(void)state;
	expect("transport = tcp\nmedia = rtp\n", "t1", TAKE_CALL RING ANSWER PLAY HUNG_UP,
	       KM_ORDER_KEYPAD, "", "31#", "queued ringing answered keyed:31");
}

/* --- credentials ------------------------------------------------------------------------- */

#define CHALLENGE                                                                                  \
	SEND("SIP/2.0 401 Unauthorized\n" BACK                                                     \
	     "WWW-Authenticate: Digest realm=\"site\", nonce=\"47364c23432d2e131a5fb210812c\"\n")  \
	"<recv request=\"ACK\"/>\n"
#define TAKE_PASSWORD                                                                              \
	"<recv request=\"INVITE\" rrs=\"true\"><action>"                                           \
	"<verifyauth assign_to=\"good\" username=\"gate\" password=\"s3cret\"/>"                   \
	"</action></recv>\n"                                                                       \
	"<nop hide=\"true\" test=\"good\" next=\"1\"/>\n" REFUSE(                                  \
	    "403 Forbidden") "<nop hide=\"true\" next=\"2\"/>\n<label id=\"1\"/>\n"

static const char *call_at(const char *realm, const char *password, const char *scenario,
			   char out[512])
{
	struct exchange e;
	char voice[256];
	pid_t phone;

	exchange_make(&e, SOCK_DGRAM);
	exchange_write(&e, "password", password, strlen(password));
	chmod(exchange_path(&e, "password"), 0600);
	snprintf(voice, sizeof(voice), PLAIN "credentials = %s\nrealm = %s\n",
		 exchange_path(&e, "password"), realm);
	exchange_configure(&e, voice);
	exchange_start(&e);
	keys_save(&e, "31#");
	phone = telephone_start(&e, "u1", scenario, 1);
	snprintf(out, 512, "%s", exchange_call(&e, KM_ORDER_KEYPAD, ""));
	telephone_content(&e, phone);
	exchange_close(&e);
	return out;
}

static const char *call_with(const char *password, const char *scenario, char out[512])
{
	return call_at("", password, scenario, out);
}

static void test_a_server_that_asks_who_calls_is_told(void **state)
{
	char course[512];

	(void)state;
	assert_string_equal(call_with("gate:s3cret",
				      TAKE_CALL CHALLENGE TAKE_PASSWORD RING ANSWER PLAY HUNG_UP
				      "<label id=\"2\"/>\n",
				      course),
			    "queued ringing answered keyed:31");
}

static void test_credentials_that_are_refused_are_named(void **state)
{
	char course[512];

	(void)state;
	assert_string_equal(call_with("gate:wrong",
				      TAKE_CALL CHALLENGE "<recv request=\"INVITE\"/>\n" CHALLENGE,
				      course),
			    "queued failed:gateway-credentials");
	expect_keypad(TAKE_CALL CHALLENGE, "0", "queued failed:gateway-credentials");
}

/* A telephone behind a proxy can ask in its own name. */
static void test_a_stranger_that_asks_who_calls_is_not_told(void **state)
{
	char course[512];

	(void)state;
	assert_string_equal(call_at("site", "gate:s3cret",
				    TAKE_CALL CHALLENGE TAKE_PASSWORD RING ANSWER PLAY HUNG_UP
				    "<label id=\"2\"/>\n",
				    course),
			    "queued ringing answered keyed:31");
	/* sipp would wait for an answer, if there were one */
	assert_string_equal(call_at("pbx.example.jp", "gate:s3cret", TAKE_CALL CHALLENGE, course),
			    "queued failed:gateway-credentials");
}

/* --- nobody waits any more --------------------------------------------------------------- */

/* Cancels once the order has come to a state. */
static void expect_cancelled(const char *scenario, enum km_order kind, const char *digits,
			     enum km_order_state at, unsigned after_ms, const char *course)
{
	const struct timespec wait = { after_ms / 1000, after_ms % 1000 * 1000000L };
	struct exchange e;
	pid_t phone;

	exchange_open(&e, PLAIN);
	keys_save(&e, "#");
	phone = telephone_start(&e, "u1", scenario, 1);
	exchange_order(&e, kind, digits, 120);
	assert_true(exchange_until(&e, at));
	nanosleep(&wait, NULL);
	exchange_cancel(&e);
	assert_true(exchange_until(&e, KM_ORDER_STATE_UNKNOWN));
	assert_string_equal(e.course, course);
	telephone_content(&e, phone);
	exchange_close(&e);
}

static void test_a_call_that_is_cancelled_stops_ringing(void **state)
{
	(void)state;
	expect_cancelled(
	    TAKE_CALL RING "<recv request=\"CANCEL\"/>\n" SEND("SIP/2.0 200 OK\n" BACK),
	    KM_ORDER_KEYPAD, "", KM_ORDER_STATE_RINGING, 0, "queued ringing failed:cancelled");
}

static void test_a_call_that_is_cancelled_hangs_up(void **state)
{
	(void)state;
	expect_cancelled(TAKE_CALL RING ANSWER HUNG_UP, KM_ORDER_KEYPAD, "",
			 KM_ORDER_STATE_ANSWERED, 0, "queued ringing answered failed:cancelled");
}

static void test_a_code_that_was_being_read_may_have_been_heard(void **state)
{
	(void)state;
	expect_cancelled(TAKE_CALL RING ANSWER PLAY HUNG_UP, KM_ORDER_SPOKEN, "123456",
			 KM_ORDER_STATE_ANSWERED, 2500, "queued ringing answered unknown:cut-off");
}

static void test_a_call_ends_with_its_deadline(void **state)
{
	struct exchange e;
	pid_t phone;

	(void)state;
	exchange_open(&e, PLAIN);
	phone = telephone_start(&e, "u1", TAKE_CALL RING ANSWER HUNG_UP, 1);
	exchange_order(&e, KM_ORDER_KEYPAD, "", 10);
	assert_string_equal(exchange_course(&e), "queued ringing answered failed:too-late");
	telephone_content(&e, phone);
	exchange_close(&e);
}

/* No telephone is left ringing or listening when the vault goes. */
static void test_a_courier_without_a_vault_hangs_up(void **state)
{
	struct exchange e;
	pid_t phone;

	(void)state;
	exchange_open(&e, PLAIN);
	phone = telephone_start(&e, "u1", TAKE_CALL RING ANSWER HUNG_UP, 1);
	exchange_order(&e, KM_ORDER_KEYPAD, "", 60);
	assert_true(exchange_until(&e, KM_ORDER_STATE_ANSWERED));
	close(e.vault);
	e.vault = -1;
	telephone_content(&e, phone);
	exchange_close(&e);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digits_keyed_in_arrive_as_they_were_keyed),
		cmocka_unit_test(test_the_star_key_says_this_was_not_me),
		cmocka_unit_test(test_keys_in_info_are_taken_as_well),
		cmocka_unit_test(test_a_telephone_that_sends_each_key_both_ways_sends_it_once),
		cmocka_unit_test(test_an_info_that_comes_again_is_one_key),
		cmocka_unit_test(test_no_answer_of_the_server_is_unclear),
		cmocka_unit_test(test_who_is_rung_is_the_orders_number_at_the_configured_domain),
		cmocka_unit_test(test_a_telephone_that_is_never_answered_rings_as_long_as_it_may),
		cmocka_unit_test(test_a_server_that_says_nothing_is_unreachable),
		cmocka_unit_test(test_where_nobody_listens_the_server_is_unreachable),
		cmocka_unit_test(test_a_silent_telephone_may_be_a_voice_mailbox),
		cmocka_unit_test(test_digits_that_are_never_finished_are_no_key),
		cmocka_unit_test(test_who_hangs_up_has_pressed_nothing),
		cmocka_unit_test(test_a_hash_key_alone_is_no_code),
		cmocka_unit_test(test_more_digits_than_any_code_has_are_cut),
		cmocka_unit_test(test_a_confirmation_is_the_hash_key_whatever_comes_before),
		cmocka_unit_test(test_a_code_is_read_after_the_hash_key),
		cmocka_unit_test(test_no_mailbox_hears_a_code),
		cmocka_unit_test(test_a_code_that_was_read_once_was_heard),
		cmocka_unit_test(test_the_star_key_is_heard_while_a_code_is_read),
		cmocka_unit_test(test_a_test_call_ends_with_the_hash_key_and_has_nothing_to_deny),
		cmocka_unit_test(test_a_notice_is_said_to_whatever_answers),
		cmocka_unit_test(test_a_notice_that_was_said_once_was_heard),
		cmocka_unit_test(test_calls_go_by_tcp),
		cmocka_unit_test(test_a_server_that_asks_who_calls_is_told),
		cmocka_unit_test(test_credentials_that_are_refused_are_named),
		cmocka_unit_test(test_a_stranger_that_asks_who_calls_is_not_told),
		cmocka_unit_test(test_a_call_that_is_cancelled_stops_ringing),
		cmocka_unit_test(test_a_call_that_is_cancelled_hangs_up),
		cmocka_unit_test(test_a_code_that_was_being_read_may_have_been_heard),
		cmocka_unit_test(test_a_call_ends_with_its_deadline),
		cmocka_unit_test(test_a_courier_without_a_vault_hangs_up),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
