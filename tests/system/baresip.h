/*
 * baresip as a telephone: TLS, SRTP, and a recorder. Its certificate is of a CA that the test
 * makes. What it says goes to baresip.log; keys are pressed as at its console.
 */
#ifndef KENMON_TESTS_BARESIP_H
#define KENMON_TESTS_BARESIP_H

#include "telephone.h"

struct baresip {
	pid_t pid;
	int console; /* port */
};

/* sh -c, in the exchange's folder. */
static inline void exchange_sh(const struct exchange *e, const char *command)
{
	char line[2048];
	const char *const argv[] = { "sh", "-c", line, NULL };
	int status = 0;

	snprintf(line, sizeof(line), "cd %s && { %s; }", e->dir, command);
	waitpid(exchange_run(argv, exchange_path(e, "sh.log")), &status, 0);
	assert_int_equal(status, 0);
}

/* A CA, ca.pem, and a server of it, server.pem: key and certificate. ext: of the certificate. */
static inline void exchange_certify(const struct exchange *e, const char *ext, int days)
{
	char command[1536];

	snprintf(
	    command, sizeof(command),
	    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 "
	    "-subj /CN=test-ca -keyout ca.key -out ca.pem && "
	    "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=127.0.0.1 "
	    "-keyout server.key -out server.csr && "
	    "printf '%%s\\n' '%s' >ext && "
	    "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days %d "
	    "-extfile ext -out server.crt && cat server.key server.crt >server.pem",
	    ext, days);
	exchange_sh(e, command);
}

/* account: parameters of baresip's account line. e->port is where it listens. */
static inline void baresip_start(const struct exchange *e, struct baresip *b, const char *account,
				 bool tls)
{
	const char *const argv[] = { "baresip", "-f", e->dir, NULL };
	char text[2048];
	int n;

	b->console = exchange_port(SOCK_DGRAM);
	n = snprintf(text, sizeof(text),
		     "poll_method epoll\nsip_listen 127.0.0.1:%d\nsip_certificate %s/server.pem\n"
		     "audio_source aufile,%s/source.wav\n"
		     "audio_srate 8000\naudio_channels 1\n"
		     "net_interface 127.0.0.1\njitter_buffer_delay 0-0\ncall_max_calls 4\n"
		     "module_path /usr/lib/baresip/modules\nmodule g711.so\n"
		     "module aufile.so\nmodule sndfile.so\nmodule srtp.so\nmodule cons.so\n"
		     "module_app account.so\nmodule_app contact.so\nmodule_app menu.so\n"
		     "cons_listen 127.0.0.1:%d\nsnd_path %s\n",
		     tls ? e->port - 1 : e->port, e->dir, e->dir, b->console, e->dir);
	exchange_tone(e, "source.wav", 60000, 3);
	exchange_write(e, "config", text, (size_t)n);
	n = snprintf(text, sizeof(text),
		     "<sip:" EXCHANGE_NUMBER "@127.0.0.1>;regint=0;answermode=auto%s\n", account);
	exchange_write(e, "accounts", text, (size_t)n);
	exchange_write(e, "contacts", "", 0);
	b->pid = exchange_run(argv, exchange_path(e, "baresip.log"));
	assert_true(wait_for_port(e->port, tls));
}

static inline void baresip_press(const struct baresip *b, const char *keys)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_addr = { htonl(INADDR_LOOPBACK) },
					.sin_port = htons((uint16_t)b->console) };
	const struct timespec wait = { .tv_nsec = 400000000 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (; *keys; keys++) {
		assert_int_equal(sendto(fd, keys, 1, 0, (const struct sockaddr *)&to, sizeof(to)),
				 1);
		nanosleep(&wait, NULL);
	}
	close(fd);
}

static inline void baresip_stop(const struct baresip *b)
{
	kill(b->pid, SIGTERM);
	waitpid(b->pid, NULL, 0);
}

#endif
