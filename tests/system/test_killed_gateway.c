/*
 * The courier is killed in each state that a message over HTTP has: while it connects, in the
 * handshake, with half of the request out, while it waits for the answer, and for the delivery. The
 * gateway is asked for the message once at most, and the next courier sends the next one.
 * (test_killed_courier.c: at each of its calls to the kernel, as they come.)
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "house_messages.h"

#define FIRST   "code 111111"
#define SECOND  "code 222222"
#define STEP_US 5000
#define STEPS   4000 /* whoever takes longer has hung */
#define TOKEN   4000 /* bytes of credentials, so that a request is more than the kernel takes */

#define REPORTED                                                                                   \
	"url = BASE/send\nbody = {\"to\": \"{number}\", \"text\": \"{text}\"}\n"                   \
	"success = id=([a-z0-9]+)\nreport-url = BASE/report/{id}\ndelivered = delivered\n"

static struct messages house;
static bool own_network; /* where the kernel takes little of a request at once */

/* What gateways were asked for; shared with their processes. */
static struct asked {
	unsigned first, second, reports;
} * asked;

/* --- a network of our own ---------------------------------------------------------------------
 */

static bool enter_network(void)
{
	static const char little[] = "4096 4096 4096";
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd, sysctl;
	bool good;

	if (unshare(CLONE_NEWNET) < 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	sysctl = open("/proc/sys/net/ipv4/tcp_wmem", O_WRONLY | O_CLOEXEC);
	good = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &lo) == 0 && sysctl >= 0 &&
	       write(sysctl, little, sizeof(little) - 1) == (ssize_t)sizeof(little) - 1;
	if (fd >= 0)
		close(fd);
	if (sysctl >= 0)
		close(sysctl);
	return good;
}

/* --- gateways -----------------------------------------------------------------------------------
 */

static void count(const char *request)
{
	asked->first += strstr(request, FIRST) != NULL;
	asked->second += strstr(request, SECOND) != NULL;
	asked->reports += strncmp(request, "GET /report/", 12) == 0;
}

static bool read_and_count(struct gateway_line *l)
{
	bool whole = gateway_read(l);

	if (whole)
		count(l->seen->last);
	return whole;
}

static bool is_report(const struct gateway_line *l)
{
	return strncmp(l->seen->last, "GET /report/", 12) == 0;
}

static void serve(struct gateway_line *l)
{
	if (read_and_count(l))
		gateway_answer(l, "200 OK", is_report(l) ? "delivered" : "id=m2");
}

/* The first message gets no answer. */
static void answer_not_the_first(struct gateway_line *l)
{
	if (!read_and_count(l))
		return;
	if (strstr(l->seen->last, FIRST))
		gateway_wait_for_the_end(l);
	else
		gateway_answer(l, "200 OK", is_report(l) ? "delivered" : "id=m2");
}

/* The first message is taken, and how it went is not said. */
static void report_not_the_first(struct gateway_line *l)
{
	if (!read_and_count(l))
		return;
	if (is_report(l) && strstr(l->seen->last, "/m1"))
		gateway_wait_for_the_end(l);
	else if (is_report(l))
		gateway_answer(l, "200 OK", "delivered");
	else
		gateway_answer(l, "200 OK", strstr(l->seen->last, FIRST) ? "id=m1" : "id=m2");
}

/* --- one state ----------------------------------------------------------------------------------
 */

static void give_the_first(void)
{
	assert_true(post_send(&house.post, ++house.order, MESSAGE_NUMBER, FIRST, MESSAGE_MS));
}

static void kill_it(void)
{
	assert_int_equal(kill(house.post.pid, SIGKILL), 0);
	post_stop(&house.post);
}

/* The next courier sends the next message; the first was asked for so often in all. */
static void goes_on(unsigned first, unsigned reports)
{
	assert_true(post_start(&house.post));
	messages_end_as(&house, SECOND, KM_ORDER_STATE_DELIVERED, KM_ORDER_WHY_NONE);
	assert_int_equal(asked->first, first);
	assert_int_equal(asked->second, 1);
	assert_int_equal(asked->reports, reports + 1);
}

/* Is somebody trying to connect to that port, without an answer? */
static bool connects_to(unsigned port)
{
	char line[512];
	FILE *f = fopen("/proc/net/tcp", "re");
	bool found = false;

	assert_non_null(f);
	while (!found && fgets(line, sizeof(line), f)) {
		unsigned to, state;

		found = sscanf(line, " %*u: %*x:%*x %*x:%x %x", &to, &state) == 2 && to == port &&
			state == 2 /* SYN_SENT */;
	}
	fclose(f);
	return found;
}

static bool soon(bool (*holds)(void))
{
	for (unsigned i = 0; i < STEPS && !holds(); i++)
		usleep(STEP_US);
	return holds();
}

static bool it_connects(void)
{
	return connects_to(house.gateway.port);
}

static bool the_first_was_asked_for(void)
{
	return asked->first > 0;
}

static bool a_report_was_asked_for(void)
{
	return asked->reports > 0;
}

/* A queue that is full: whoever connects now hears nothing. Connections in it, to be closed. */
static unsigned fill_queue(int full[], unsigned most)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_addr = { htonl(INADDR_LOOPBACK) },
					.sin_port = htons((uint16_t)house.gateway.port) };
	unsigned n = 0;

	assert_int_equal(listen(house.gateway.listener, 0), 0);
	while (n < most) {
		full[n] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		assert_true(full[n] >= 0);
		if (connect(full[n], (const struct sockaddr *)&to, sizeof(to)) < 0) {
			assert_int_equal(errno, EINPROGRESS);
			close(full[n]);
			return n;
		}
		n++;
	}
	fail_msg("the queue takes everybody");
	return n;
}

static void test_killed_while_it_connects_it_never_sends(void **state)
{
	int full[8];
	unsigned n;

	(void)state;
	messages_start(&house, GATEWAY_PLAIN, NULL, REPORTED, NULL);
	n = fill_queue(full, 8);
	give_the_first();
	assert_true(soon(it_connects));
	kill_it();
	while (n > 0)
		close(full[--n]);
	assert_true(gateway_open(&house.gateway, serve));
	goes_on(0, 0);
}

/* The test itself is the gateway: the courier's connection, with at least a byte in it. */
static int accept_it(int receive)
{
	struct pollfd p = { .fd = house.gateway.listener, .events = POLLIN };
	int fd;

	if (receive)
		assert_int_equal(setsockopt(house.gateway.listener, SOL_SOCKET, SO_RCVBUF, &receive,
					    sizeof(receive)),
				 0);
	assert_int_equal(listen(house.gateway.listener, 8), 0);
	give_the_first();
	assert_int_equal(poll(&p, 1, MESSAGE_MS), 1);
	fd = accept4(house.gateway.listener, NULL, NULL, SOCK_CLOEXEC);
	p.fd = fd;
	assert_int_equal(poll(&p, 1, MESSAGE_MS), 1);
	return fd;
}

static void test_killed_in_the_handshake_it_never_sends(void **state)
{
	char hello[8192], ca[HOUSE_PATH + 8];
	ssize_t n;
	int fd;

	(void)state;
	/* Whose certificate it is does not matter: it is never shown. */
	snprintf(ca, sizeof(ca), "%s/ca.pem", house.post.dir);
	assert_true(gateway_write_certificate(ca, "/dev/null", "/dev/null"));
	messages_start(&house, GATEWAY_GOOD, NULL, REPORTED, NULL);
	fd = accept_it(0);
	kill_it();
	n = recv(fd, hello, sizeof(hello), MSG_WAITALL);
	assert_true(n > 5 && hello[0] == 22); /* a handshake */
	assert_null(memmem(hello, (size_t)n, "111111", 6));
	close(fd);
	assert_true(gateway_open(&house.gateway, serve));
	goes_on(0, 0);
}

/* What has left of a request is not followed by the rest, from nobody. */
static void test_killed_with_half_of_a_request_out_it_is_never_sent_whole(void **state)
{
	char token[TOKEN + 1], got[16384];
	size_t len = 0;
	ssize_t n;
	int fd;

	(void)state;
	if (!own_network)
		skip();
	memset(token, 'x', TOKEN);
	token[TOKEN] = '\0';
	messages_start(&house, GATEWAY_PLAIN, NULL, REPORTED "authentication = bearer\n", token);
	fd = accept_it(1);
	kill_it();
	while ((n = read(fd, got + len, sizeof(got) - len)) > 0)
		len += (size_t)n;
	close(fd);
	assert_true(len > 0 && len < TOKEN);
	assert_int_equal(memcmp(got, "POST /send ", 11), 0);
	assert_null(memmem(got, len, "\r\n\r\n", 4));
	assert_true(gateway_open(&house.gateway, serve));
	goes_on(0, 0);
}

static void test_killed_while_it_waits_for_the_answer_it_never_asks_again(void **state)
{
	(void)state;
	messages_start(&house, GATEWAY_GOOD, answer_not_the_first, REPORTED, NULL);
	give_the_first();
	assert_true(soon(the_first_was_asked_for));
	kill_it();
	goes_on(1, 0);
}

static void test_killed_while_it_waits_for_the_delivery_it_never_asks_again(void **state)
{
	(void)state;
	messages_start(&house, GATEWAY_GOOD, report_not_the_first, REPORTED, NULL);
	give_the_first();
	assert_true(soon(a_report_was_asked_for));
	kill_it();
	goes_on(1, 1);
}

static int begin(void **state)
{
	(void)state;
	*asked = (struct asked){ 0 };
	return messages_begin(&house);
}

static int end(void **state)
{
	(void)state;
	messages_end(&house);
	return 0;
}

#define A_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		A_TEST(test_killed_while_it_connects_it_never_sends),
		A_TEST(test_killed_in_the_handshake_it_never_sends),
		A_TEST(test_killed_with_half_of_a_request_out_it_is_never_sent_whole),
		A_TEST(test_killed_while_it_waits_for_the_answer_it_never_asks_again),
		A_TEST(test_killed_while_it_waits_for_the_delivery_it_never_asks_again),
	};

	asked =
	    mmap(NULL, sizeof(*asked), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (asked == MAP_FAILED)
		return 1;
	own_network = enter_network();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
