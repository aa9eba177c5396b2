/*
 * Every call fails, libcurl's and c-ares' too, once and from then on, while a message goes through
 * the courier to an HTTP gateway: a real small server, which counts what it gets.
 */
#include <limits.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>

#include <cmocka.h>
#include <openssl/pem.h>

#include "../../authd/courier/drivers.h"
#include "calls_courier.h"

static char authority[64];
static unsigned port, *requests; /* shared with the server */
static pid_t server;

/* --- the gateway ------------------------------------------------------------------------------ */

static void answer(int fd)
{
	static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	char in[4096] = "";
	size_t len = 0;
	ssize_t n;

	/* What ends with the text is whole. */
	while (!strstr(in, "123456") && len < sizeof(in) - 1 &&
	       (n = read(fd, in + len, sizeof(in) - 1 - len)) > 0) {
		if (len == 0 && in[0] == 'P')
			__atomic_add_fetch(requests, 1, __ATOMIC_SEQ_CST);
		len += (size_t)n;
	}
	if (len > 0)
		(void)!send(fd, ok, sizeof(ok) - 1, MSG_NOSIGNAL);
}

static void serve(int listener)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			_exit(1);
		answer(fd);
		close(fd);
	}
}

/* A file of certificates has to be there, for a gateway in the clear too. */
static bool make_authority(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	int fd = mkstemp(authority);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
	bool good = key && cert && f && X509_set_pubkey(cert, key) == 1 &&
		    X509_gmtime_adj(X509_getm_notBefore(cert), 0) &&
		    X509_gmtime_adj(X509_getm_notAfter(cert), 3600) &&
		    X509_sign(cert, key, EVP_sha256()) > 0 && PEM_write_X509(f, cert) == 1;

	X509_free(cert);
	EVP_PKEY_free(key);
	return f && fclose(f) == 0 && good;
}

static int begin(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	snprintf(authority, sizeof(authority), "/tmp/kenmon-calls-XXXXXX");
	requests = mmap(NULL, sizeof(*requests), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (requests == MAP_FAILED || !make_authority() ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 16) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) < 0)
		return -1;
	port = ntohs(at.sin_port);
	server = fork();
	if (server == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
			serve(fd);
		_exit(1);
	}
	close(fd);
	return server > 0 ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	unlink(authority);
	return 0;
}

/* --- the matrix ------------------------------------------------------------------------------- */

static void configure(struct km_conf *conf)
{
	conf->sms.gateway = KM_GATEWAY_HTTP;
	/* Where nothing fails the other end may take its time. */
	conf->sms.timeout = carried_now.at > 0 ? 1 : 20;
	snprintf(conf->sms.ca_file, sizeof(conf->sms.ca_file), "%s", authority);
	snprintf(conf->sms.url, sizeof(conf->sms.url), "http://127.0.0.1:%u/{number}", port);
	snprintf(conf->sms.body, sizeof(conf->sms.body), "{\"text\": \"{text}\"}");
	/* glibc's regcomp() frees twice when it has no memory, and ends the room. */
	if (carried_now.kind->call != FAULT_MALLOC)
		snprintf(conf->sms.success, sizeof(conf->sms.success), "^ok$");
}

/* The server takes one after the other: when this is answered, all that came before has been seen.
 */
static unsigned sent(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr = { htonl(INADDR_LOOPBACK) },
				  .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char in[128];

	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(write(fd, "all? 123456", 11), 11);
	assert_true(read(fd, in, sizeof(in)) > 0);
	close(fd);
	return __atomic_exchange_n(requests, 0, __ATOMIC_SEQ_CST);
}

static void
test_c3_whatever_fails_while_a_message_goes_over_http_it_goes_once_or_is_in_doubt(void **state)
{
	static const struct carried message = { &sms_http_driver, configure, sent, false, 0 };

	(void)state;
	carried_matrix(&message);
}

static void test_c3_nor_when_it_is_cancelled_meanwhile(void **state)
{
	static const struct carried message = { &sms_http_driver, configure, sent, true, 0 };

	(void)state;
	carried_matrix(&message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_c3_whatever_fails_while_a_message_goes_over_http_it_goes_once_or_is_in_doubt),
		cmocka_unit_test(test_c3_nor_when_it_is_cancelled_meanwhile),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
