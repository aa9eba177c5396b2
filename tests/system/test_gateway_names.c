/*
 * A gateway that has a name: looked up in /etc/hosts and in the DNS, by servers that answer, are
 * silent, lie, and know nothing. In a network and with an /etc of the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "house_messages.h"

static struct messages house;
static const char *missing; /* why none of it can be tried here */
static pid_t server;
static unsigned *asked; /* questions that the server has seen; shared */

/* --- a machine of its own ------------------------------------------------------------------------
 */

static bool put_file(const char *path, const char *text)
{
	char own[] = "/tmp/kenmon-test-XXXXXX";
	int fd = mkstemp(own);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) &&
		    fchmod(fd, 0644) == 0 && mount(own, path, NULL, MS_BIND, NULL) == 0;

	if (fd >= 0)
		close(fd);
	unlink(own);
	return good;
}

static bool enter_machine(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd, rc;

	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	rc = fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &lo);
	if (fd >= 0)
		close(fd);
	return rc == 0 && put_file("/etc/resolv.conf", "nameserver 127.0.0.1\n") &&
	       put_file("/etc/hosts", "127.0.0.1 localhost\n127.0.0.1 file.test\n");
}

/* --- a name server
 * -------------------------------------------------------------------------------------- */

enum answer { RIGHT, NOTHING_KNOWN, SILENT, GARBAGE, SILENT_AT_FIRST, OTHER_ID, LOOPING };

/* A question of len bytes becomes an answer to it; 0: none is given. */
static size_t answer_to(uint8_t *m, size_t len, enum answer how, unsigned n)
{
	static const uint8_t a[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 127, 0, 0, 1 };
	size_t end = 12;
	bool four;

	while (end < len && m[end])
		end += m[end] + 1u;
	end += 5;                             /* the name's end, type and class */
	four = end <= len && m[end - 3] == 1; /* type A */
	if (how == SILENT || (how == SILENT_AT_FIRST && n < 2) || end > len)
		return 0;
	m[2] |= 0x80;
	m[3] = how == NOTHING_KNOWN ? 3 : 0;
	memset(m + 6, 0, 6);
	if (how == GARBAGE)
		memset(m + 2, 0xff, len - 2);
	if (how == OTHER_ID)
		m[0] ^= 0xff;
	if (how == NOTHING_KNOWN || how == GARBAGE || !four)
		return how == GARBAGE ? len : end;
	m[7] = 1;
	memcpy(m + end, a, sizeof(a));
	if (how == LOOPING)
		m[end + 1] = (uint8_t)end; /* a name that points to itself */
	return end + sizeof(a);
}

static void serve_names(int fd, enum answer how)
{
	uint8_t m[1024];

	for (;;) {
		struct sockaddr_in from;
		socklen_t size = sizeof(from);
		ssize_t n = recvfrom(fd, m, 512, 0, (struct sockaddr *)&from, &size);
		size_t len;

		if (n < 17)
			continue;
		len = answer_to(m, (size_t)n, how, (*asked)++);
		if (len)
			sendto(fd, m, len, 0, (struct sockaddr *)&from, size);
	}
}

static void start_names_at(uint32_t address, enum answer how)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr = { htonl(address) },
				  .sin_port = htons(53) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	*asked = 0;
	server = fork();
	if (server == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
			serve_names(fd, how);
		_exit(1);
	}
	close(fd);
	assert_true(server > 0);
}

static void start_names(enum answer how)
{
	start_names_at(INADDR_LOOPBACK, how);
}

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
	if (server > 0) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
	server = 0;
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
	start_names(RIGHT);
	start("gw.test", 20);
	ends(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	questions = *asked;
	assert_true(questions > 0);
	for (unsigned i = 0; i < 5; i++)
		ends(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	assert_int_equal(*asked, questions);
	assert_true(strstr(house.gateway.seen->last, "\r\nHost: gw.test:") != NULL);
}

static void test_many_orders_wait_for_one_answer(void **state)
{
	(void)state;
	NEEDS_MACHINE;
	start_names(SILENT_AT_FIRST);
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

static void is_unreachable(enum answer how)
{
	start_names(how);
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

UNREACHABLE(test_a_name_that_nobody_knows_is_unreachable, NOTHING_KNOWN)
UNREACHABLE(test_a_silent_server_makes_it_unreachable, SILENT)
UNREACHABLE(test_garbage_from_a_server_makes_it_unreachable, GARBAGE)
UNREACHABLE(test_an_answer_to_another_question_is_none, OTHER_ID)
UNREACHABLE(test_an_answer_that_points_to_itself_is_none, LOOPING)

static void test_a_reload_in_the_middle_of_a_question_asks_again(void **state)
{
	(void)state;
	NEEDS_MACHINE;
	start_names(SILENT_AT_FIRST);
	start("gw.test", 60);
	assert_true(
	    post_send(&house.post, ++house.order, MESSAGE_NUMBER, MESSAGE_TEXT, MESSAGE_MS));
	for (unsigned i = 0; *asked == 0 && i < 2000; i++)
		usleep(5000);
	assert_true(*asked > 0);
	assert_int_equal(kill(house.post.pid, SIGHUP), 0);
	messages_outcome(&house, KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
}

static void replace_servers(const char *text)
{
	assert_int_equal(umount2("/etc/resolv.conf", MNT_DETACH), 0);
	assert_true(put_file("/etc/resolv.conf", text));
}

/* As a network's manager does it: another file under the same name, which the walls do not know. */
static void
test_another_resolv_conf_ends_the_courier_at_a_reload_and_the_next_one_reads_it(void **state)
{
	int status = 0;

	(void)state;
	NEEDS_MACHINE;
	if (built_open)
		skip(); /* walls keep the old file: without them its number may be the new one's */
	start_names(SILENT);
	start("gw.test", 1);
	replace_servers("nameserver 127.0.0.2\n");
	assert_int_equal(kill(house.post.pid, SIGHUP), 0);
	assert_true(post_logged(&house.post, "needs other walls"));
	assert_int_equal(waitpid(house.post.pid, &status, 0), house.post.pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	house.post.pid = 0;
	post_stop(&house.post);
	assert_true(post_start(&house.post));
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	start_names_at(INADDR_LOOPBACK + 1, RIGHT);
	ends(KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	replace_servers("nameserver 127.0.0.1\n");
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

	asked =
	    mmap(NULL, sizeof(*asked), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (asked == MAP_FAILED || !enter_machine())
		missing = "a network and an /etc of its own cannot be made: not root, or a "
			  "container forbids it";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
