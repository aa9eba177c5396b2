/*
 * Text messages by HTTP: what a gateway gets, and what its answers mean. The courier is the real
 * one, the gateways are small real servers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "house_messages.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
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

static void start(enum gateway_certificate certificate, gateway_behaviour *behave, const char *more,
		  const char *credentials)
{
	messages_start(&house, certificate, behave, more, credentials);
}

static void outcome(enum km_order_state state, enum km_order_why why)
{
	messages_outcome(&house, state, why);
}

static void ends(enum km_order_state state, enum km_order_why why)
{
	messages_end_as(&house, MESSAGE_TEXT, state, why);
}

static void request_has(const char *part)
{
	if (!strstr(house.gateway.seen->last, part))
		fail_msg("no '%s' in: %s", part, house.gateway.seen->last);
}

/* --- what is sent -------------------------------------------------------------------------------
 */

static void take_it(struct gateway_line *l)
{
	if (gateway_read(l))
		gateway_answer(l, "200 OK", "{\"status\": \"ok\"}");
}

static void test_a_message_goes_as_json_over_tls(void **state)
{
	(void)state;
	start(GATEWAY_GOOD, take_it, MESSAGE_JSON, NULL);
	ends(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	request_has("POST /send HTTP/1.1\r\n");
	request_has("\r\nContent-Type: application/json\r\n");
	request_has(
	    "\r\n\r\n{\"to\": \"+819012345678\", \"text\": \"\xe8\xaa\x8d\xe8\xa8\xbc\xe3\x82\xb3"
	    "\xe3\x83\xbc\xe3\x83\x89: 314159\\u000A\\\"\\\\&=%\"}");
	assert_null(strstr(house.gateway.seen->last, "Expect"));
	assert_null(strstr(house.gateway.seen->last, "Authorization"));
	assert_int_equal(house.gateway.seen->requests, 1);
}

static void test_a_message_goes_as_kannel_wants_it(void **state)
{
	(void)state;
	start(GATEWAY_PLAIN, take_it,
	      "method = GET\nurl = BASE/sendsms?username={user}&password={password}&to={number}"
	      "&coding=2&text={text-ucs2}\n",
	      "kenmon:s&cret:");
	ends(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	request_has(
	    "GET /sendsms?username=kenmon&password=s%26cret%3A&to=%2B819012345678&coding=2&"
	    "text=8A8D8A3C30B330FC30C9003A0020003300310034003100350039000A0022005C0026003D0025"
	    " HTTP/1.1\r\n");
}

static void test_credentials_are_shown_as_configured(void **state)
{
	(void)state;
	start(GATEWAY_PLAIN, take_it,
	      MESSAGE_JSON
	      "authentication = basic\nheaders = X-Ref: {id}; Accept: application/json\n",
	      "kenmon:pa:ss");
	ends(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	request_has("\r\nAuthorization: Basic a2VubW9uOnBhOnNz\r\n");
	request_has("\r\nAccept: application/json\r\n");
	assert_int_equal(
	    strspn(strstr(house.gateway.seen->last, "X-Ref: ") + 7, "0123456789abcdef"), 32);
}

static void test_a_token_is_shown_as_configured(void **state)
{
	(void)state;
	start(GATEWAY_PLAIN, take_it,
	      "method = PUT\nurl = BASE/\nbody-type = form\nbody = t={text}&n={number-digits}\n"
	      "authentication = bearer\n",
	      "tok.en-1");
	ends(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	request_has("PUT / HTTP/1.1\r\n");
	request_has("\r\nAuthorization: Bearer tok.en-1\r\n");
	request_has("\r\nContent-Type: application/x-www-form-urlencoded\r\n");
	request_has("314159%0A%22%5C%26%3D%25&n=819012345678");
}

static void test_the_environment_names_no_proxy(void **state)
{
	static const char *const names[] = { "http_proxy", "https_proxy", "all_proxy", "ALL_PROXY",
					     "HTTPS_PROXY" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		setenv(names[i], "http://127.0.0.1:1", 1);
	start(GATEWAY_GOOD, take_it, MESSAGE_JSON, NULL);
	for (size_t i = 0; i < COUNT(names); i++)
		unsetenv(names[i]);
	ends(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
}

static void test_a_text_that_cannot_stand_in_a_header_is_not_sent(void **state)
{
	(void)state;
	start(GATEWAY_PLAIN, take_it, "url = BASE/{number}\nheaders = X-Text: {text}\n", NULL);
	ends(KM_ORDER_STATE_FAILED, KM_ORDER_WHY_REFUSED);
	assert_int_equal(house.gateway.seen->connections, 0);
}

/* --- what answers mean
 * ------------------------------------------------------------------------------ */

static void answer_by_text(struct gateway_line *l)
{
	const char *status;
	char three[4] = "";

	if (!gateway_read(l))
		return;
	status = strstr(l->seen->last, "status=");
	if (status)
		memcpy(three, status + 7, 3);
	gateway_answer(l, three, "said");
}

static void test_each_status_means_what_the_table_says(void **state)
{
	static const struct {
		const char *text;
		enum km_order_state state;
		enum km_order_why why;
	} rows[] = {
		{ "200", KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE },
		{ "202", KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE },
		{ "299", KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE },
		{ "301", KM_ORDER_STATE_FAILED, KM_ORDER_WHY_ANSWER },
		{ "400", KM_ORDER_STATE_FAILED, KM_ORDER_WHY_REFUSED },
		{ "401", KM_ORDER_STATE_FAILED, KM_ORDER_WHY_CREDENTIALS },
		{ "403", KM_ORDER_STATE_FAILED, KM_ORDER_WHY_CREDENTIALS },
		{ "407", KM_ORDER_STATE_FAILED, KM_ORDER_WHY_CREDENTIALS },
		{ "404", KM_ORDER_STATE_FAILED, KM_ORDER_WHY_REFUSED },
		{ "429", KM_ORDER_STATE_FAILED, KM_ORDER_WHY_REFUSED },
		{ "500", KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT },
		{ "502", KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT },
		{ "503", KM_ORDER_STATE_FAILED, KM_ORDER_WHY_REFUSED },
		{ "504", KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT },
		{ "600", KM_ORDER_STATE_FAILED, KM_ORDER_WHY_ANSWER },
		{ "999", KM_ORDER_STATE_FAILED, KM_ORDER_WHY_ANSWER },
	};

	(void)state;
	start(GATEWAY_PLAIN, answer_by_text,
	      "url = BASE/{number}\nbody-type = text\nbody = status={text}\n", NULL);
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(post_send(&house.post, ++house.order, MESSAGE_NUMBER, rows[i].text,
				      MESSAGE_MS));
		outcome(rows[i].state, rows[i].why);
	}
	assert_int_equal(house.gateway.seen->requests, COUNT(rows));
}

static void answer_with_text(struct gateway_line *l)
{
	const char *body;

	if (gateway_read(l) && (body = strstr(l->seen->last, "\r\n\r\n")) != NULL)
		gateway_answer(l, "200 OK", body + 4);
}

static void test_a_2xx_that_does_not_match_is_no_success(void **state)
{
	(void)state;
	start(GATEWAY_PLAIN, answer_with_text,
	      "url = BASE/{number}\nbody-type = text\nbody = {text}\nsuccess = ^0: "
	      "(Accepted|Queued)\n",
	      NULL);
	assert_true(post_send(&house.post, ++house.order, MESSAGE_NUMBER,
			      "0: Accepted for delivery", MESSAGE_MS));
	outcome(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	assert_true(post_send(&house.post, ++house.order, MESSAGE_NUMBER, "3: Queued", MESSAGE_MS));
	outcome(KM_ORDER_STATE_FAILED, KM_ORDER_WHY_ANSWER);
}

static void answer_with_zero(struct gateway_line *l)
{
	static const char zero[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nO\0K";

	if (gateway_read(l))
		gateway_write(l, zero, sizeof(zero));
}

static void test_an_answer_with_a_zero_byte_says_nothing(void **state)
{
	(void)state;
	start(GATEWAY_PLAIN, answer_with_zero, MESSAGE_JSON "success = O\n", NULL);
	ends(KM_ORDER_STATE_FAILED, KM_ORDER_WHY_ANSWER);
}

/* --- whether it was delivered
 * ------------------------------------------------------------------------- */

#define REPORT                                                                                     \
	MESSAGE_JSON "report-url = BASE/status/{id}\nsuccess = \"id\": \"([^\"]*)\"\n"             \
		     "delivered = \"state\": \"delivered\"\n"

static void deliver_at_the_third_question(struct gateway_line *l)
{
	if (!gateway_read(l))
		return;
	if (l->n == 0)
		gateway_answer(l, "201 Created", "{\"id\": \"SM-42\"}");
	else if (l->n == 1)
		gateway_answer(l, "404 Not Found", "{\"state\": \"delivered\"}");
	else if (l->n == 2)
		gateway_answer(l, "200 OK", "{\"state\": \"queued\"}");
	else
		gateway_answer(l, "200 OK", "{\"state\": \"delivered\"}");
}

static void test_a_delivery_is_asked_for_until_it_is_there(void **state)
{
	(void)state;
	start(GATEWAY_GOOD, deliver_at_the_third_question, REPORT "authentication = bearer\n",
	      "tok");
	ends(KM_ORDER_STATE_DELIVERED, KM_ORDER_WHY_NONE);
	assert_int_equal(house.before, KM_ORDER_STATE_SENT);
	assert_int_equal(house.gateway.seen->requests, 4);
	request_has("GET /status/SM-42 HTTP/1.1\r\n");
	request_has("\r\nAuthorization: Bearer tok\r\n");
	assert_null(strstr(house.gateway.seen->last, "314159"));
}

static void give_a_bad_name(struct gateway_line *l)
{
	if (gateway_read(l))
		gateway_answer(l, "200 OK", "{\"id\": \"../../x\"}");
}

static void test_a_name_that_is_none_is_not_asked_for(void **state)
{
	(void)state;
	start(GATEWAY_PLAIN, give_a_bad_name, REPORT, NULL);
	ends(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	assert_int_equal(house.gateway.seen->connections, 1);
}

static void say_queued(struct gateway_line *l)
{
	if (gateway_read(l))
		gateway_answer(l, "200 OK", "{\"id\": \"1\", \"state\": \"queued\"}");
}

static void test_a_delivery_that_is_never_heard_of_leaves_a_message_taken(void **state)
{
	(void)state;
	start(GATEWAY_PLAIN, say_queued, REPORT, NULL);
	assert_true(post_send(&house.post, ++house.order, MESSAGE_NUMBER, MESSAGE_TEXT, 2500));
	outcome(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	assert_int_equal(house.before, KM_ORDER_STATE_SENT);
	assert_true(
	    post_send(&house.post, ++house.order, MESSAGE_NUMBER, MESSAGE_TEXT, MESSAGE_MS));
	assert_int_equal(post_hear(&house.post, house.order).state, KM_ORDER_STATE_QUEUED);
	assert_int_equal(post_hear(&house.post, house.order).state, KM_ORDER_STATE_SENT);
	assert_true(post_cancel(&house.post, house.order));
	outcome(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
}

/* --- before the first byte, and after it
 * ---------------------------------------------------------------- */

static void test_a_gateway_that_is_not_there_yet_is_tried_again(void **state)
{
	(void)state;
	start(GATEWAY_PLAIN, NULL, MESSAGE_JSON, NULL);
	assert_true(
	    post_send(&house.post, ++house.order, MESSAGE_NUMBER, MESSAGE_TEXT, MESSAGE_MS));
	assert_true(post_logged(&house.post, "tried again while there is time"));
	assert_true(gateway_open(&house.gateway, take_it));
	outcome(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	assert_int_equal(house.gateway.seen->requests, 1);
}

static void test_a_gateway_that_never_comes_is_unreachable(void **state)
{
	(void)state;
	start(GATEWAY_PLAIN, NULL, MESSAGE_JSON "timeout = 1\n", NULL);
	ends(KM_ORDER_STATE_FAILED, KM_ORDER_WHY_UNREACHABLE);
	assert_true(post_send(&house.post, ++house.order, MESSAGE_NUMBER, MESSAGE_TEXT, 100));
	outcome(KM_ORDER_STATE_FAILED, KM_ORDER_WHY_UNREACHABLE);
}

static void test_what_has_not_left_is_cancelled(void **state)
{
	(void)state;
	start(GATEWAY_PLAIN, NULL, MESSAGE_JSON, NULL);
	assert_true(
	    post_send(&house.post, ++house.order, MESSAGE_NUMBER, MESSAGE_TEXT, MESSAGE_MS));
	assert_true(post_logged(&house.post, "tried again while there is time"));
	assert_true(post_cancel(&house.post, house.order));
	outcome(KM_ORDER_STATE_FAILED, KM_ORDER_WHY_CANCELLED);
}

static void keep_waiting(struct gateway_line *l)
{
	if (gateway_read(l))
		gateway_wait_for_the_end(l);
}

static void test_what_has_left_is_unknown_when_it_is_cancelled_or_late(void **state)
{
	(void)state;
	start(GATEWAY_PLAIN, keep_waiting, MESSAGE_JSON, NULL);
	assert_true(
	    post_send(&house.post, ++house.order, MESSAGE_NUMBER, MESSAGE_TEXT, MESSAGE_MS));
	for (unsigned i = 0; house.gateway.seen->requests == 0 && i < 2000; i++)
		usleep(5000);
	assert_int_equal(house.gateway.seen->requests, 1);
	assert_true(post_cancel(&house.post, house.order));
	outcome(KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT);
	assert_true(post_send(&house.post, ++house.order, MESSAGE_NUMBER, MESSAGE_TEXT, 3000));
	outcome(KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT);
	assert_int_equal(house.gateway.seen->requests, 2);
}

static long high_water_kib(void)
{
	char path[64], line[256];
	long kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)house.post.pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, "VmHWM:", 6) == 0)
			kib = strtol(line + 6, NULL, 10);
	fclose(f);
	return kib;
}

#define THOUSAND 1000
#define AT_ONCE  "256" /* the most that may be; the others wait in the courier */

static unsigned *came; /* to the gateway, by order; shared with it */

/* Each order has a number of its own, that ends in its number of eight digits. */
static void take_each(struct gateway_line *l)
{
	const char *to;
	unsigned long id;

	if (!gateway_read(l))
		return;
	to = strstr(l->seen->last, "+8190");
	id = to ? strtoul(to + 5, NULL, 10) : 0;
	came[id <= THOUSAND ? id : 0]++;
	gateway_answer(l, "200 OK", "id=1");
}

/* One word about any of them: 1 when it was the last about one. */
static unsigned hear_one(bool ended[THOUSAND + 1], unsigned *queued)
{
	uint64_t id = 0;
	struct post_news n = post_hear_any(&house.post, &id);

	assert_true(id >= 1 && id <= THOUSAND);
	assert_false(ended[id]);
	*queued += n.state == KM_ORDER_STATE_QUEUED;
	if (n.state == KM_ORDER_STATE_QUEUED)
		return 0;
	assert_int_equal(n.state, KM_ORDER_STATE_TAKEN);
	ended[id] = true;
	return 1;
}

/* In flight are those that the courier has: 256 at the gateway at most, and those that wait. */
static void test_a_thousand_orders_of_which_256_leave_at_once_come_once_each_in_64_mib(void **state)
{
	static bool ended[THOUSAND + 1];
	const size_t size = (THOUSAND + 1) * sizeof(*came);
	unsigned taken = 0, queued = 0;
	char number[32];

	(void)state;
	came = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(came != MAP_FAILED);
	start(GATEWAY_GOOD, take_each, MESSAGE_JSON "timeout = 120\nat-once = " AT_ONCE "\n", NULL);
	for (uint64_t i = 1; i <= THOUSAND; i++) {
		snprintf(number, sizeof(number), "+8190%08u", (unsigned)i);
		assert_true(post_send(&house.post, i, number, MESSAGE_TEXT, 300000));
		while (queued < i)
			taken += hear_one(ended, &queued);
	}
	while (taken < THOUSAND)
		taken += hear_one(ended, &queued);
	assert_int_equal(house.gateway.seen->requests, THOUSAND);
	assert_int_equal(came[0], 0);
	for (uint64_t i = 1; i <= THOUSAND; i++) {
		assert_true(ended[i]);
		assert_int_equal(came[i], 1);
	}
	munmap(came, size);
	/* A sanitizer needs several times that. */
	assert_true(built_open || high_water_kib() < 64 * 1024);
}

static void test_a_reload_changes_the_gateway_and_a_bad_one_changes_nothing(void **state)
{
	char conf[512];

	(void)state;
	start(GATEWAY_PLAIN, take_it, MESSAGE_JSON, NULL);
	assert_true(post_configure(
	    &house.post, "[sms]\ngateway = http\nurl = http://gw/{number}/{text}\n", NULL));
	assert_int_equal(kill(house.post.pid, SIGHUP), 0);
	assert_true(post_logged(&house.post, "in the clear"));
	ends(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	request_has("POST /send ");
	snprintf(
	    conf, sizeof(conf),
	    "[sms]\ngateway = http\nmethod = GET\nurl = http://127.0.0.1:%u/new?{number}{text}\n",
	    house.gateway.port);
	assert_true(post_configure(&house.post, conf, NULL));
	assert_int_equal(kill(house.post.pid, SIGHUP), 0);
	assert_true(post_greeted_again(&house.post));
	ends(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	request_has("GET /new?%2B819012345678");
}

/* How often these bytes stand in the courier's memory. */
static unsigned in_memory(const char *bytes)
{
	static char part[1 << 20];
	char path[64], line[256];
	unsigned found = 0;
	FILE *maps;
	int mem;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)house.post.pid);
	maps = fopen(path, "re");
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)house.post.pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(maps && mem >= 0);
	while (fgets(line, sizeof(line), maps)) {
		char *end, *perms;
		off_t from = (off_t)strtoull(line, &end, 16);
		off_t to = (off_t)strtoull(end + 1, &perms, 16);

		for (; perms[1] == 'r' && perms[2] == 'w' && from < to;
		     from += (off_t)sizeof(part)) {
			size_t want =
			    to - from < (off_t)sizeof(part) ? (size_t)(to - from) : sizeof(part);
			ssize_t n = pread(mem, part, want, from);
			const char *at = part;

			while (n > 0 && (at = memmem(at, (size_t)(part + n - at), bytes,
						     strlen(bytes))) != NULL) {
				found++;
				at++;
			}
		}
	}
	fclose(maps);
	close(mem);
	return found;
}

static void forgets(enum gateway_certificate certificate)
{
#ifdef __SANITIZE_ADDRESS__
	skip(); /* which maps more than can be searched */
#endif
	start(certificate, take_it, MESSAGE_JSON "headers = X-To: {number}\n", NULL);
	for (unsigned i = 0; i < 3; i++)
		ends(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	/* The search finds what there is. */
	assert_true(in_memory("127.0.0.1") > 0);
	assert_int_equal(in_memory("314159"), 0);
	/* Not 12345678: the bytes 0 to 255 in their order, which c-ares begins with, hold that. */
	assert_int_equal(in_memory("9012345678"), 0);
	assert_int_equal(in_memory("\xe8\xaa\x8d\xe8\xa8\xbc"), 0);
}

static void test_C17_a_message_that_has_left_is_not_in_memory(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	forgets(GATEWAY_PLAIN);
}

static void test_C17_nor_when_it_left_over_tls(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	forgets(GATEWAY_GOOD);
}

static void test_nothing_of_a_message_is_in_the_log(void **state)
{
	(void)state;
	start(GATEWAY_PLAIN, answer_with_text,
	      "url = BASE/{number}?c={password}\nbody-type = text\nbody = {text}\nsuccess = ^no\n",
	      "kenmon:canary-in-url");
	ends(KM_ORDER_STATE_FAILED, KM_ORDER_WHY_ANSWER);
	assert_true(post_logged(&house.post, "status 200"));
	assert_null(strstr(post_log(&house.post), "314159"));
	assert_null(strstr(post_log(&house.post), "9012345678"));
	assert_null(strstr(post_log(&house.post), "canary"));
}

#define A_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		A_TEST(test_a_message_goes_as_json_over_tls),
		A_TEST(test_a_message_goes_as_kannel_wants_it),
		A_TEST(test_credentials_are_shown_as_configured),
		A_TEST(test_a_token_is_shown_as_configured),
		A_TEST(test_the_environment_names_no_proxy),
		A_TEST(test_a_text_that_cannot_stand_in_a_header_is_not_sent),
		A_TEST(test_each_status_means_what_the_table_says),
		A_TEST(test_a_2xx_that_does_not_match_is_no_success),
		A_TEST(test_an_answer_with_a_zero_byte_says_nothing),
		A_TEST(test_a_delivery_is_asked_for_until_it_is_there),
		A_TEST(test_a_name_that_is_none_is_not_asked_for),
		A_TEST(test_a_delivery_that_is_never_heard_of_leaves_a_message_taken),
		A_TEST(test_a_gateway_that_is_not_there_yet_is_tried_again),
		A_TEST(test_a_gateway_that_never_comes_is_unreachable),
		A_TEST(test_what_has_not_left_is_cancelled),
		A_TEST(test_what_has_left_is_unknown_when_it_is_cancelled_or_late),
		A_TEST(test_a_thousand_orders_of_which_256_leave_at_once_come_once_each_in_64_mib),
		A_TEST(test_a_reload_changes_the_gateway_and_a_bad_one_changes_nothing),
		A_TEST(test_C17_a_message_that_has_left_is_not_in_memory),
		A_TEST(test_C17_nor_when_it_left_over_tls),
		A_TEST(test_nothing_of_a_message_is_in_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
