/*
 * Servers and telephones that mean harm, or are broken: descriptions that say nothing of use, SIP
 * that is none, keys of others. A call fails, or hears only who was called; the next one works.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include "telephone.h"

#define PLAIN "transport = udp\nmedia = rtp\n"

static void expect_with(struct packets *p, const char *scenario, const char *course)
{
	struct exchange e;
	pid_t phone;

	exchange_open(&e, PLAIN);
	packets_save(&e, p);
	phone = telephone_start(&e, "u1", scenario, 1);
	assert_string_equal(exchange_call(&e, KM_ORDER_KEYPAD, ""), course);
	telephone_content(&e, phone);
	exchange_close(&e);
}

static void test_a_description_that_is_of_no_use_ends_the_call(void **state)
{
#define UNUSABLE(sdp)                                                                              \
	TAKE_CALL RING ANSWER_WITH(sdp)                                                            \
	HUNG_UP
	static const char *const table[] = {
		UNUSABLE("garbage"),
		UNUSABLE(SDP_HEAD),
		UNUSABLE(SDP_HEAD "m=audio 0 RTP/AVP 0\n"),
		UNUSABLE(SDP_HEAD "m=audio x RTP/AVP 0\n"),
		UNUSABLE(SDP_HEAD "m=audio 30000 RTP/AVP 18\na=rtpmap:18 G729/8000\n"),
		UNUSABLE(SDP_HEAD "m=audio 30000 RTP/AVP 101\na=rtpmap:101 telephone-event/8000\n"),
		UNUSABLE(SDP_HEAD "m=audio 30000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 "
				  "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\n"),
		UNUSABLE("v=0\no=u 1 1 IN IP4 0.0.0.0\ns=-\nc=IN IP4 0.0.0.0\nt=0 0\n"
			 "m=audio 30000 RTP/AVP 0\n"),
		UNUSABLE("v=0\no=u 1 1 IN IP6 ::1\ns=-\nc=IN IP6 ::1\nt=0 0\n"
			 "m=audio 30000 RTP/AVP 0\n"),
		UNUSABLE(SDP_HEAD "m=video 30000 RTP/AVP 31\n"),
	};
	struct packets none = PACKETS;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		expect_with(&none, table[i], "queued ringing failed:gateway-answer");
}

/* --- keys of others ------------------------------------------------------------------------- */

static void test_another_stream_of_the_same_telephone_is_not_heard(void **state)
{
	struct packets p = PACKETS;

	(void)state;
	packet_key(&p, '1');
	p.source = 0x9999;
	packet_keys(&p, "99*");
	p.source = 0x1234;
	packet_keys(&p, "2#");
	expect_with(&p, TAKE_CALL RING ANSWER PLAY HUNG_UP, "queued ringing answered keyed:12");
}

static void test_packets_that_come_again_and_in_another_order_are_one_key(void **state)
{
	struct packets p = PACKETS;
	struct packet swap;
	unsigned first = 0;

	(void)state;
	packet_keys(&p, "12");
	/* the first key's packets once more, the whole of it */
	for (; first < 7; first++)
		p.at[p.count++] = p.at[first];
	packet_key(&p, '3');
	/* the end of the last key before its beginning */
	swap = p.at[p.count - 1];
	p.at[p.count - 1] = p.at[p.count - 7];
	p.at[p.count - 7] = swap;
	packet_key(&p, '#');
	expect_with(&p, TAKE_CALL RING ANSWER PLAY HUNG_UP, "queued ringing answered keyed:123");
}

/* The courier's port for sound, once it is connected to that of the telephone. 0: none. */
static int sound_port(int telephones)
{
	char line[512];
	FILE *f = fopen("/proc/net/udp", "r");
	int found = 0;

	assert_non_null(f);
	while (!found && fgets(line, sizeof(line), f)) {
		unsigned local, remote, state;

		if (sscanf(line, " %*u: 0100007F:%x 0100007F:%x %x", &local, &remote, &state) ==
			3 &&
		    state == 1 && (int)remote == telephones)
			found = (int)local;
	}
	fclose(f);
	return found;
}

static int wait_for_sound(int telephones)
{
	int port = sound_port(telephones);

	for (unsigned i = 0; i < 6000 && port == 0; i++) {
		usleep(5000);
		port = sound_port(telephones);
	}
	assert_int_not_equal(port, 0);
	return port;
}

/* A socket at this address and port (0: any). -1: somebody else has it. */
static int voice_at(const char *address, int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && inet_pton(AF_INET, address, &at.sin_addr) == 1);
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* A key, so many times: packets of another time each, so that each would be one. */
static void shout(int from, int port, char key, unsigned times)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_addr = { htonl(INADDR_LOOPBACK) },
					.sin_port = htons((uint16_t)port) };
	uint8_t p[16] = { 0x80, 0xe5, 0, 1, 0, 0, 0, 9, 0, 0, 0, 9, event_of(key), 0x8a, 0, 160 };

	for (unsigned i = 0; i < times; i++) {
		p[3] = (uint8_t)i;
		p[6] = (uint8_t)i;
		(void)sendto(from, p, sizeof(p), 0, (const struct sockaddr *)&to, sizeof(to));
	}
}

/* From another port, from another address, and from there with the telephone's port. */
static void shout_from_elsewhere(int port, int telephones)
{
	const int fds[] = { voice_at("127.0.0.1", 0), voice_at("127.0.0.2", 0),
			    voice_at("127.0.0.2", telephones) };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		assert_true(fds[i] >= 0);
		shout(fds[i], port, '*', 50);
		close(fds[i]);
	}
}

/* The telephone's sound is the test's: what it keys in is heard, which shows that the packets are
 * good. */
static void test_keys_from_another_address_are_not_heard(void **state)
{
	struct exchange e;
	char scenario[4096];
	const char sdp[] = SDP_HEAD "m=audio %d RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\n";
	char with_port[256];
	pid_t phone;
	int port, own;

	(void)state;
	exchange_open(&e, PLAIN);
	while ((own = voice_at("127.0.0.1", e.port + 1000)) < 0) {
		exchange_close(&e);
		exchange_open(&e, PLAIN);
	}
	snprintf(with_port, sizeof(with_port), sdp, e.port + 1000);
	snprintf(scenario, sizeof(scenario), "%s%s%s",
		 TAKE_CALL RING "<send retrans=\"500\"><![CDATA[\nSIP/2.0 200 OK\n" BACK CONTACT
				"Content-Type: application/sdp\nContent-Length: [len]\n\n",
		 with_port, "\n]]></send>\n<recv request=\"ACK\"/>\n" HUNG_UP);
	phone = telephone_start(&e, "u1", scenario, 1);
	exchange_order(&e, KM_ORDER_KEYPAD, "", 60);
	assert_true(exchange_until(&e, KM_ORDER_STATE_ANSWERED));
	port = wait_for_sound(e.port + 1000);
	shout_from_elsewhere(port, e.port + 1000);
	shout(own, port, '7', 2);
	shout_from_elsewhere(port, e.port + 1000);
	shout(own, port, '#', 3);
	assert_true(exchange_until(&e, KM_ORDER_STATE_KEYED));
	assert_string_equal(e.course, "queued ringing answered keyed:77");
	telephone_content(&e, phone);
	exchange_close(&e);
	close(own);
}

/* --- the sound goes elsewhere ---------------------------------------------------------------- */

static int port_of(int fd)
{
	struct sockaddr_in at;
	socklen_t len = sizeof(at);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	return ntohs(at.sin_port);
}

/* docs/GATEWAYS.md, "Whom a call trusts": as a telephone system does that hands a call on. */
static void test_keys_are_heard_from_where_the_sound_was_moved_to_alone(void **state)
{
#define SDP_AT SDP_HEAD "m=audio %d RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\n"
	int before = voice_at("127.0.0.1", 0), after = voice_at("127.0.0.1", 0), port;
	char scenario[4096];
	struct exchange e;
	pid_t phone;

	(void)state;
	assert_true(before >= 0 && after >= 0);
	snprintf(scenario, sizeof(scenario),
		 TAKE_CALL RING ANSWER PLAY PAUSE("1500") OFFER("20", SDP_AT) ACCEPTED("20")
		     OFFER("21", SDP_AT) ACCEPTED("21") HUNG_UP,
		 port_of(before), port_of(after));
	exchange_open(&e, PLAIN);
	keys_save(&e, "4");
	phone = telephone_start(&e, "u1", scenario, 1);
	exchange_order(&e, KM_ORDER_KEYPAD, "", 60);
	assert_true(exchange_until(&e, KM_ORDER_STATE_ANSWERED));
	port = wait_for_sound(port_of(after));
	shout(before, port, '*', 50);
	shout(after, port, '7', 2);
	shout(before, port, '*', 50);
	shout(after, port, '#', 3);
	assert_true(exchange_until(&e, KM_ORDER_STATE_KEYED));
	assert_string_equal(e.course, "queued ringing answered keyed:477");
	telephone_content(&e, phone);
	exchange_close(&e);
	close(before);
	close(after);
}

/* The call goes on as it was. */
static void test_an_offer_that_is_of_no_use_is_refused_and_harms_nothing(void **state)
{
#define USELESS(cseq, sdp) OFFER(cseq, sdp) NOT_ACCEPTED(cseq)
	struct packets p = PACKETS;

	(void)state;
	packet_keys(&p, "42#");
	expect_with(&p,
		    TAKE_CALL RING ANSWER USELESS("20", "garbage") USELESS("21", SDP_HEAD)
			USELESS("22", SDP_HEAD "m=audio 0 RTP/AVP 0\n")
			    USELESS("23", SDP_HEAD "m=audio 30000 RTP/AVP 18\n")
				USELESS("24", "v=0\no=u 1 1 IN IP6 ::1\ns=-\nc=IN IP6 ::1\nt=0 0\n"
					      "m=audio 30000 RTP/AVP 0\n") PLAY HUNG_UP,
		    "queued ringing answered keyed:42");
}

/* --- somebody else's number ------------------------------------------------------------------ */

/* A telephone that forwards its calls would choose whom the site calls, and pays. */
static void test_C20_a_telephone_cannot_send_the_call_to_another_number(void **state)
{
	static const char *const answers[] = {
		"300 Multiple Choices",
		"301 Moved Permanently",
		"302 Moved Temporarily",
		"399 Whatever",
	};
	char scenario[2048];
	struct exchange e;
	pid_t phone;

	(void)state;
	exchange_open(&e, PLAIN "ring = 10\n");
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		snprintf(scenario, sizeof(scenario),
			 TAKE_CALL "<send><![CDATA[\nSIP/2.0 %s\n" BACK
				   "Contact: <sip:+19005551212@[local_ip]:[local_port]>\n"
				   "Content-Length: 0\n\n]]></send>\n"
				   "<recv request=\"ACK\"/>\n",
			 answers[i]);
		phone = telephone_start(&e, "u1", scenario, 1);
		assert_string_equal(exchange_call(&e, KM_ORDER_KEYPAD, ""),
				    "queued failed:gateway-refused");
		telephone_content(&e, phone); /* it has heard of nothing else */
	}
	exchange_close(&e);
}

/* docs/GATEWAYS.md, "Whom a call trusts": an answer says where the rest of its call goes. */
static void test_what_follows_an_answer_goes_where_that_says(void **state)
{
	static const char *const says[][2] = {
		{ "Contact: <sip:elsewhere@127.0.0.1:", ">\n" },
		{ CONTACT "Record-Route: <sip:127.0.0.1:", ";lr>\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++) {
		const struct timeval patience = { .tv_sec = 20 };
		char where[256], scenario[4096], heard[2048] = "";
		struct sockaddr_in at;
		socklen_t len = sizeof(at);
		struct exchange e;
		pid_t phone;
		int elsewhere = voice_at("127.0.0.1", 0);

		exchange_open(&e, PLAIN);
		assert_int_equal(getsockname(elsewhere, (struct sockaddr *)&at, &len), 0);
		assert_int_equal(
		    setsockopt(elsewhere, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
		snprintf(where, sizeof(where), "%s%d%s", says[i][0], ntohs(at.sin_port),
			 says[i][1]);
		snprintf(scenario, sizeof(scenario), "%s%s%s",
			 TAKE_CALL RING "<send><![CDATA[\nSIP/2.0 200 OK\n" BACK, where,
			 "Content-Type: application/sdp\nContent-Length: [len]\n\n" SDP
			 "\n]]></send>\n" PAUSE("60000"));
		phone = telephone_start(&e, "u1", scenario, 1);
		exchange_order(&e, KM_ORDER_KEYPAD, "", 60);
		assert_true(exchange_until(&e, KM_ORDER_STATE_ANSWERED));
		assert_true(recv(elsewhere, heard, sizeof(heard) - 1, 0) > 0);
		assert_ptr_equal(strstr(heard, "ACK sip:"), heard);
		assert_int_equal(kill(phone, SIGKILL), 0);
		assert_int_equal(waitpid(phone, NULL, 0), phone);
		exchange_close(&e);
		close(elsewhere);
	}
}

/* --- SIP that is none ------------------------------------------------------------------------- */

/* The value of a header of the INVITE, with its name. */
static int copy_header(const char *invite, const char *name, char *out, size_t cap)
{
	const char *at = strstr(invite, name), *end = at ? strstr(at, "\r\n") : NULL;

	return at && end ? snprintf(out, cap, "%.*s\r\n", (int)(end - at), at) : 0;
}

static size_t response_to(const char *invite, const char *line, char *out, size_t cap)
{
	static const char *const names[] = { "Via:", "From:", "To:", "Call-ID:", "CSeq:" };
	size_t len = (size_t)snprintf(out, cap, "SIP/2.0 %s\r\n", line);

	for (size_t i = 0; i < 5; i++)
		len += (size_t)copy_header(invite, names[i], out + len, cap - len);
	len += (size_t)snprintf(out + len, cap - len,
				"Contact: <sip:x@127.0.0.1>\r\nContent-Type: application/sdp\r\n"
				"Content-Length: 60\r\n\r\n" SDP_HEAD "m=audio 9 RTP/AVP 0\r\n");
	return len;
}

/* Always the same ones: a byte here and there becomes another. */
static void mutate(char *bytes, size_t len, unsigned *seed)
{
	for (unsigned n = 1 + (unsigned)rand_r(seed) % 8; n > 0; n--)
		bytes[(unsigned)rand_r(seed) % len] = (char)rand_r(seed);
}

static void garbage_server(int fd)
{
	char invite[4096], out[4096];
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	unsigned seed = 1;
	ssize_t n =
	    recvfrom(fd, invite, sizeof(invite) - 1, 0, (struct sockaddr *)&from, &from_len);
	size_t len;

	if (n <= 0)
		_exit(1);
	invite[n] = '\0';
	for (unsigned i = 0; i < 3000; i++) {
		static const char *const lines[] = { "180 Ringing", "183 Progress", "401 Who",
						     "302 There", "100 Trying" };

		len = response_to(invite, lines[i % 5], out, sizeof(out));
		mutate(out, len, &seed);
		(void)sendto(fd, out, len, 0, (struct sockaddr *)&from, from_len);
	}
	len = response_to(invite, "486 Busy", out, sizeof(out));
	(void)sendto(fd, out, len, 0, (struct sockaddr *)&from, from_len);
	_exit(0);
}

static void test_sip_that_is_none_harms_one_call_at_most(void **state)
{
	struct exchange e;
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	pid_t server, phone;

	(void)state;
	exchange_open(&e, PLAIN "ring = 10\n");
	at.sin_port = htons((uint16_t)e.port);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	server = fork();
	if (server == 0)
		garbage_server(fd);
	close(fd);
	assert_non_null(strstr(exchange_call(&e, KM_ORDER_KEYPAD, ""), "failed"));
	waitpid(server, NULL, 0);
	keys_save(&e, "5#");
	phone = telephone_start(&e, "u1", TAKE_CALL RING ANSWER PLAY HUNG_UP, 1);
	assert_string_equal(exchange_call(&e, KM_ORDER_KEYPAD, ""),
			    "queued ringing answered keyed:5");
	telephone_content(&e, phone);
	exchange_close(&e);
}

/* Nothing that somebody said is in the log as it came, and no number. */
static void test_what_others_say_does_not_come_to_the_log(void **state)
{
	struct exchange e;
	pid_t phone;
	char *log;

	(void)state;
	exchange_open(&e, PLAIN);
	phone = telephone_start(&e, "u1", TAKE_CALL REFUSE("486 CANARY"), 1);
	assert_string_equal(exchange_call(&e, KM_ORDER_KEYPAD, ""), "queued failed:busy");
	telephone_content(&e, phone);
	close(e.vault);
	e.vault = -1;
	waitpid(e.courier, NULL, 0);
	e.courier = 0;
	log = exchange_log(&e);
	assert_null(strstr(log, "CANARY"));
	assert_null(strstr(log, &EXCHANGE_NUMBER[1]));
	free(log);
	exchange_close(&e);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_description_that_is_of_no_use_ends_the_call),
		cmocka_unit_test(test_another_stream_of_the_same_telephone_is_not_heard),
		cmocka_unit_test(test_packets_that_come_again_and_in_another_order_are_one_key),
		cmocka_unit_test(test_keys_from_another_address_are_not_heard),
		cmocka_unit_test(test_keys_are_heard_from_where_the_sound_was_moved_to_alone),
		cmocka_unit_test(test_an_offer_that_is_of_no_use_is_refused_and_harms_nothing),
		cmocka_unit_test(test_C20_a_telephone_cannot_send_the_call_to_another_number),
		cmocka_unit_test(test_what_follows_an_answer_goes_where_that_says),
		cmocka_unit_test(test_sip_that_is_none_harms_one_call_at_most),
		cmocka_unit_test(test_what_others_say_does_not_come_to_the_log),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
