/*
 * A gateway that is not ours: Kannel (bearerbox, smsbox with sendsms over HTTPS) with its SMPP test
 * server in the place of a telephone company, in a network of their own. The real courier hands
 * over to it; what arrives at the company is looked at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "house_gateway.h"
#include "house_post.h"
#include "real_message.h"

#define NUMBER   "+819012345678"
#define BEARER   "/usr/sbin/bearerbox"
#define SMSBOX   "/usr/sbin/smsbox"
#define COMPANY  "/usr/lib/kannel/test/drive_smpp"
#define SENDSMS  13013
#define WAIT_MS  20000
#define PAUSE_MS 10

static struct post post;
static uint64_t order;
static enum km_order_state before;
static pid_t company, bearer, smsbox;
static const char *missing; /* why none of it can be tried here */

/* --- a network of its own -----------------------------------------------------------------------
 */

static bool enter_network(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd, rc;

	if (unshare(CLONE_NEWNET) < 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	rc = fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &lo);
	if (fd >= 0)
		close(fd);
	return rc == 0;
}

static void pause_a_little(void)
{
	const struct timespec t = { .tv_nsec = PAUSE_MS * 1000000 };

	nanosleep(&t, NULL);
}

static bool listens(unsigned port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr = { htonl(INADDR_LOOPBACK) },
				  .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good = fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0;

	if (fd >= 0)
		close(fd);
	return good;
}

static void wait_for_port(unsigned port)
{
	for (unsigned i = 0; !listens(port); i++) {
		assert_true(i * PAUSE_MS < WAIT_MS);
		pause_a_little();
	}
}

/* --- Kannel
 * ----------------------------------------------------------------------------------------- */

static void path_of(char out[HOUSE_PATH], const char *name)
{
	assert_true(snprintf(out, HOUSE_PATH, "%s/%s", post.dir, name) < HOUSE_PATH);
}

static const char *text_of(const char *name)
{
	static char text[1 << 20];
	char path[HOUSE_PATH];
	ssize_t n;
	int fd;

	path_of(path, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static bool says(const char *name, const char *part)
{
	for (unsigned i = 0; i * PAUSE_MS < WAIT_MS; i++) {
		if (strstr(text_of(name), part))
			return true;
		pause_a_little();
	}
	return false;
}

static pid_t run(const char *const argv[])
{
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
			_exit(126);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	assert_true(pid > 0);
	return pid;
}

static void stop(pid_t *pid)
{
	if (*pid > 0) {
		kill(*pid, SIGKILL);
		waitpid(*pid, NULL, 0);
	}
	*pid = 0;
}

/* It serves one connection and ends with it, so nobody looks whether it listens: bearerbox tries
 * again. */
static void start_company(void)
{
	char log[HOUSE_PATH];

	path_of(log, "company.log");
	company = run(
	    (const char *const[]){ COMPANY, "-v", "0", "-l", log, "-p", "2345", "-m", "0", NULL });
	assert_true(says("company.log", "Starting drive_smpp test"));
}

static void write_kannel(const char *path)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fprintf(
	    f,
	    "group = core\nadmin-port = 13000\nadmin-password = x\nadmin-interface = 127.0.0.1\n"
	    "smsbox-port = 13001\nbox-allow-ip = 127.0.0.1\nlog-file = %s/bearer.log\n"
	    "log-level = 0\nssl-server-cert-file = %s/cert.pem\nssl-server-key-file = "
	    "%s/key.pem\n\n"
	    "group = smsc\nsmsc = smpp\nsmsc-id = company\nhost = 127.0.0.1\nport = 2345\n"
	    "smsc-username = foo\nsmsc-password = bar\nsystem-type = VMA\nreconnect-delay = 1\n\n"
	    "group = smsbox\nbearerbox-host = 127.0.0.1\nsendsms-port = %d\nsendsms-port-ssl = "
	    "true\n"
	    "log-file = %s/smsbox.log\nlog-level = 0\n\n"
	    "group = sendsms-user\nusername = kenmon\npassword = s&cret\ndefault-sender = 12345\n\n"
	    "group = sms-service\nkeyword = default\ntext = none\n",
	    post.dir, post.dir, post.dir, SENDSMS, post.dir);
	assert_int_equal(fclose(f), 0);
}

static void start_kannel(void)
{
	char conf[HOUSE_PATH], ca[HOUSE_PATH], cert[HOUSE_PATH], key[HOUSE_PATH];

	path_of(conf, "kannel.conf");
	path_of(ca, "ca.pem");
	path_of(cert, "cert.pem");
	path_of(key, "key.pem");
	assert_true(gateway_write_certificate(ca, cert, key));
	write_kannel(conf);
	bearer = run((const char *const[]){ BEARER, "-v", "4", conf, NULL });
	wait_for_port(13001);
	smsbox = run((const char *const[]){ SMSBOX, "-v", "4", conf, NULL });
	wait_for_port(SENDSMS);
}

static void start_courier(const char *password)
{
	char conf[2048];

	snprintf(conf, sizeof(conf),
		 "[sms]\ngateway = http\nmethod = GET\nca-file = %s/ca.pem\ncredentials = %s\n"
		 "url = https://127.0.0.1:%d/cgi-bin/sendsms?username={user}&password={password}"
		 "&to={number}&charset=UTF-8&coding=2&text={text}\nsuccess = ^[03]: \n",
		 post.dir, post.credentials, SENDSMS);
	assert_true(post_configure(&post, conf, password));
	assert_true(post_start(&post));
}

static int begin(void **state)
{
	(void)state;
	if (missing)
		return 0;
	if (access(BEARER, X_OK) < 0 || access(SMSBOX, X_OK) < 0 || access(COMPANY, X_OK) < 0) {
		print_message("Kannel is not installed\n");
		return -1;
	}
	return post_begin(&post) ? 0 : -1;
}

static int end(void **state)
{
	static const char *const files[] = { "company.log", "bearer.log",   "smsbox.log",
					     "kannel.conf", "ca.pem",       "cert.pem",
					     "key.pem",     "kannel.store", NULL };
	char path[HOUSE_PATH];

	(void)state;
	if (missing)
		return 0;
	stop(&smsbox);
	stop(&bearer);
	stop(&company);
	for (size_t i = 0; files[i]; i++) {
		path_of(path, files[i]);
		unlink(path);
	}
	post_end(&post);
	return 0;
}

#define NEEDS_KANNEL                                                                               \
	do {                                                                                       \
		if (missing) {                                                                     \
			print_message("%s\n", missing);                                            \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

static void ends(const char *text, enum km_order_state state, enum km_order_why why)
{
	struct post_news n;

	assert_true(post_send(&post, ++order, NUMBER, text, 60000));
	n = post_outcome(&post, order, &before);
	if (n.state != state || n.why != why)
		fail_msg("%s, %s: %s\n%s", km_order_state_word(n.state), km_order_why_word(n.why),
			 post_log(&post), text_of("smsbox.log"));
}

/* --- the tests
 * ------------------------------------------------------------------------------------------ */

#define JAPANESE "\xe8\xaa\x8d\xe8\xa8\xbc\xe3\x82\xb3\xe3\x83\xbc\xe3\x83\x89: 314159"

static unsigned times(const char *text, const char *part)
{
	unsigned n = 0;

	for (; (text = strstr(text, part)) != NULL; text += strlen(part))
		n++;
	return n;
}

#define SUBMIT "type_name: submit_sm\n"
#define LINE   16 /* bytes of a message that Kannel's log has in one line */

/* All of it, in what bearerbox writes down of the last message that it sent. */
static void goes_out_whole(const struct real_message *m)
{
	char bytes[REAL_UCS2 * 3 + 1], line[sizeof(bytes) + 8];
	const char *at, *pdu = NULL;

	for (size_t i = 0; i < m->len; i += LINE) {
		snprintf(line, sizeof(line), "data: %s", real_message_hex(m, i, LINE, true, bytes));
		assert_true(says("bearer.log", line));
	}
	assert_true(says("bearer.log", SUBMIT));
	for (at = text_of("bearer.log"); (at = strstr(at, SUBMIT)) != NULL; at++)
		pdu = at;
	assert_non_null(pdu);
	assert_non_null(strstr(pdu, "esm_class: 3 = ")); /* no header of parts in front of it */
	assert_non_null(strstr(pdu, "data_coding: 8 = 0x00000008"));
	snprintf(line, sizeof(line), "sm_length: %zu = ", m->len);
	at = strstr(pdu, line);
	for (size_t i = 0; at && i < m->len; i += LINE) {
		snprintf(line, sizeof(line), "data: %s", real_message_hex(m, i, LINE, true, bytes));
		at = strstr(at, line);
	}
	assert_non_null(at);
}

static void test_a_japanese_message_goes_through_kannel_to_the_company(void **state)
{
	const struct real_message m = real_message("0123456789"), next = real_message("9876543210");

	(void)state;
	NEEDS_KANNEL;
	start_company();
	start_kannel();
	assert_true(says("company.log", "bind_transmitter"));
	start_courier("kenmon:s&cret");
	ends(m.text, KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	/* As UCS-2, in one message, to that number. */
	assert_true(says("company.log", "PDU of type submit_sm"));
	goes_out_whole(&m);
	assert_non_null(strstr(text_of("bearer.log"), "\"819012345678\""));
	/* The company hangs up behind one. Whatever else there were would go before another. */
	stop(&company);
	start_company();
	ends(next.text, KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	goes_out_whole(&next);
	assert_int_equal(times(text_of("bearer.log"), SUBMIT), 2);
	assert_null(strstr(post_log(&post), "0123456789"));
}

static void test_quotes_ampersands_and_lines_arrive_as_they_are(void **state)
{
	(void)state;
	NEEDS_KANNEL;
	start_company();
	start_kannel();
	start_courier("kenmon:s&cret");
	ends("a&to=1\"%41+\n@b #1", KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	assert_true(says("bearer.log", "data: 00 61 00 26 00 74 00 6f 00 3d 00 31 00 22 00 25"));
	assert_true(says("bearer.log", "data: 00 34 00 31 00 2b 00 0a 00 40 00 62 00 20 00 23"));
}

static void test_a_wrong_password_is_named(void **state)
{
	(void)state;
	NEEDS_KANNEL;
	start_company();
	start_kannel();
	start_courier("kenmon:wrong");
	ends(JAPANESE, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_CREDENTIALS);
	assert_null(strstr(post_log(&post), "wrong"));
}

static void test_accepted_is_not_delivered_where_there_is_no_company(void **state)
{
	(void)state;
	NEEDS_KANNEL;
	start_kannel();
	start_courier("kenmon:s&cret");
	ends(JAPANESE, KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
}

static void test_kannel_that_is_gone_is_unreachable(void **state)
{
	(void)state;
	NEEDS_KANNEL;
	start_kannel();
	start_courier("kenmon:s&cret");
	stop(&smsbox);
	assert_true(post_send(&post, ++order, NUMBER, JAPANESE, 1500));
	assert_int_equal(post_outcome(&post, order, &before).state, KM_ORDER_STATE_FAILED);
}

#define A_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		A_TEST(test_a_japanese_message_goes_through_kannel_to_the_company),
		A_TEST(test_quotes_ampersands_and_lines_arrive_as_they_are),
		A_TEST(test_a_wrong_password_is_named),
		A_TEST(test_accepted_is_not_delivered_where_there_is_no_company),
		A_TEST(test_kannel_that_is_gone_is_unreachable),
	};

	/* The one thing that a machine may lack; Kannel itself is in tests/packages. */
	if (!enter_network())
		missing =
		    "a network of its own cannot be made: not root, or a container forbids it";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
