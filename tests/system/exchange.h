/*
 * A real kenmon-courier, and telephones for it to call. The test is the vault: it gives orders, and
 * hears what becomes of them. Telephones are sipp (telephone.h) and baresip.
 */
#ifndef KENMON_TESTS_EXCHANGE_H
#define KENMON_TESTS_EXCHANGE_H

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>

#include <kenmon/clock.h>
#include <kenmon/order.h>
#include <kenmon/sock.h>
#include <kenmon/wire.h>

#include "house.h"

#define EXCHANGE_NUMBER  "+81312345678"
#define EXCHANGE_WAIT_MS 90000 /* a courier that says nothing for so long is broken */

struct exchange {
	char dir[96];
	char server[64]; /* of [voice], and where telephones listen */
	int port;
	int listener, vault;
	pid_t courier;
	uint64_t last; /* order */
	char course[512];
};

/* --- files ------------------------------------------------------------------------------- */

static inline const char *exchange_path(const struct exchange *e, const char *name)
{
	static char path[4][256];
	static unsigned turn;
	char *p = path[turn++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", e->dir, name);
	return p;
}

static inline void exchange_write(const struct exchange *e, const char *name, const void *bytes,
				  size_t len)
{
	FILE *f = fopen(exchange_path(e, name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static inline void exchange_put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* A WAV of a tone, loud enough to be found in a recording; of its own pitch for each number. */
static inline void exchange_tone(const struct exchange *e, const char *name, unsigned ms,
				 unsigned number)
{
	const unsigned samples = ms * 8, half = 8 + number % 20;
	uint8_t *wav = calloc(1, 44 + samples * 2);

	assert_non_null(wav);
	memcpy(wav, "RIFF\0\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data",
	       40);
	exchange_put32(wav + 4, 36 + samples * 2);
	exchange_put32(wav + 40, samples * 2);
	for (unsigned i = 0; i < samples; i++) {
		int16_t v = i / half % 2 ? 6000 : -6000;

		wav[44 + 2 * i] = (uint8_t)((uint16_t)v & 0xff);
		wav[45 + 2 * i] = (uint8_t)((uint16_t)v >> 8);
	}
	exchange_write(e, name, wav, 44 + samples * 2);
	free(wav);
}

static inline void exchange_sounds(const struct exchange *e)
{
	static const char *const names[] = { "0",      "1",      "2",       "3",    "4",
					     "5",      "6",      "7",       "8",    "9",
					     "keypad", "spoken", "confirm", "code", "again",
					     "thanks", "not-me", "no-key",  "test", "notice" };
	char file[64];

	mkdir(exchange_path(e, "prompts"), 0755);
	for (unsigned lang = 0; lang < 2; lang++) {
		snprintf(file, sizeof(file), "prompts/%s", lang ? "ja" : "en");
		mkdir(exchange_path(e, file), 0755);
		for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			snprintf(file, sizeof(file), "prompts/%s/%s.wav", lang ? "ja" : "en",
				 names[i]);
			exchange_tone(e, file, 100, i + lang * 18);
		}
	}
}

#define EXCHANGE_PORT  20000 /* below those that the kernel gives to whoever asks for any */
#define EXCHANGE_PORTS 12000

/*
 * Whether no other test of this machine has taken the port for a program that binds it later. The
 * name is ours until this process ends.
 */
static inline bool exchange_claim(unsigned port)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "kenmon-port-%u", port);
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);

	assert_true(fd >= 0);
	if (bind(fd, (struct sockaddr *)&a, len) == 0)
		return true;
	close(fd);
	return false;
}

/* A port that is free now, and stays so: of datagrams an even one. */
static inline int exchange_port(int type)
{
	for (;;) {
		unsigned any = arc4random_uniform(EXCHANGE_PORTS / 2) * 2;
		struct sockaddr_in a = { .sin_family = AF_INET,
					 .sin_addr = { htonl(INADDR_LOOPBACK) },
					 .sin_port = htons((uint16_t)(EXCHANGE_PORT + any)) };
		int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
		bool is_free = bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

		close(fd);
		if (is_free && exchange_claim(EXCHANGE_PORT + any))
			return ntohs(a.sin_port);
	}
}

/* --- the courier ------------------------------------------------------------------------- */

static inline pid_t exchange_run(const char *const argv[], const char *log)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

		/* sipp plays with the terminal, which stops everybody in the background. */
		setsid();
		dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		execvp(argv[0], (char *const *)(uintptr_t)argv); /* which changes nothing */
		_exit(127);
	}
	return pid;
}

static inline void exchange_configure(struct exchange *e, const char *voice)
{
	char text[2048];
	int n = snprintf(text, sizeof(text),
			 "[voice]\nserver = %s\nprompts = %s/prompts\ncaller = 1000\n%s", e->server,
			 e->dir, voice);

	exchange_write(e, "kenmon.conf", text, (size_t)n);
}

/* What the courier says; false: it has gone, or said nothing for too long. */
static inline bool exchange_hear(struct exchange *e, struct km_msg *m)
{
	uint8_t frame[512];
	struct pollfd p = { .fd = e->vault, .events = POLLIN };
	size_t len = 0;

	return poll(&p, 1, EXCHANGE_WAIT_MS) == 1 &&
	       km_recv(e->vault, frame, sizeof(frame), &len, NULL, NULL, 0) == KM_OK &&
	       km_decode(frame, len, KM_FROM_COURIER, KM_PHASE_ORDERS, m) == KM_OK;
}

/* calls: whether it says that it can call. */
static inline void exchange_start_as(struct exchange *e, unsigned calls)
{
	char bin[HOUSE_PATH], program[HOUSE_PATH + 20], config[256], socket_path[256];
	const char *const argv[] = { program,          "--config",  config,
				     "--order-socket", socket_path, NULL };
	struct pollfd p;
	struct km_msg m;

	assert_true(house_programs(bin));
	snprintf(program, sizeof(program), "%s/kenmon-courier", bin);
	snprintf(config, sizeof(config), "%s/kenmon.conf", e->dir);
	snprintf(socket_path, sizeof(socket_path), "%s/order.sock", e->dir);
	assert_int_equal(km_listen_at(socket_path, 0600, getuid(), getgid(), &e->listener), KM_OK);
	e->courier = exchange_run(argv, exchange_path(e, "courier.log"));
	p = (struct pollfd){ .fd = e->listener, .events = POLLIN };
	assert_int_equal(poll(&p, 1, EXCHANGE_WAIT_MS), 1);
	e->vault = accept4(e->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(exchange_hear(e, &m));
	assert_int_equal(m.number, KM_MSG_COURIER);
	assert_int_equal(m.courier.calls, calls);
}

static inline void exchange_start(struct exchange *e)
{
	exchange_start_as(e, 1);
}

/* A courier says what it can do whenever it has read its configuration again. */
static inline void exchange_heard_reload(struct exchange *e)
{
	struct km_msg m;

	assert_true(exchange_hear(e, &m));
	assert_int_equal(m.number, KM_MSG_COURIER);
}

/* Sounds and an address; nothing runs yet. */
static inline void exchange_make(struct exchange *e, int type)
{
	*e = (struct exchange){ .listener = -1, .vault = -1 };
	strcpy(e->dir, "/tmp/kenmon-calls-XXXXXX");
	assert_non_null(mkdtemp(e->dir));
	e->port = exchange_port(type);
	snprintf(e->server, sizeof(e->server), "127.0.0.1:%d", e->port);
	exchange_sounds(e);
}

static inline void exchange_open(struct exchange *e, const char *voice)
{
	exchange_make(e, strstr(voice, "udp") ? SOCK_DGRAM : SOCK_STREAM);
	exchange_configure(e, voice);
	exchange_start(e);
}

/* The log; free it. */
static inline char *exchange_log(const struct exchange *e)
{
	char *text = calloc(1, 65536);
	FILE *f = fopen(exchange_path(e, "courier.log"), "r");

	assert_non_null(text);
	if (f) {
		size_t n = fread(text, 1, 65535, f);

		text[n] = '\0';
		fclose(f);
	}
	return text;
}

/* The courier ends with the vault's link, cleanly. */
static inline void exchange_close(struct exchange *e)
{
	const char *const rm[] = { "rm", "-rf", e->dir, NULL };
	int status = 0;

	if (e->vault >= 0)
		close(e->vault);
	if (e->listener >= 0)
		close(e->listener);
	if (e->courier > 0) {
		assert_int_equal(waitpid(e->courier, &status, 0), e->courier);
		if (status != 0) {
			char *log = exchange_log(e);

			print_error("%s\n", log);
			free(log);
		}
		assert_int_equal(status, 0);
	}
	waitpid(exchange_run(rm, "/dev/null"), NULL, 0);
}

/* --- orders ------------------------------------------------------------------------------ */

static inline void exchange_order(struct exchange *e, enum km_order kind, const char *digits,
				  unsigned seconds)
{
	struct km_msg m = { .number = KM_MSG_ORDER,
			    .order = { .order = ++e->last,
				       .kind = (uint8_t)kind,
				       .lang = KM_LANG_JA,
				       .keys = kind == KM_ORDER_KEYPAD ? 6 : 0,
				       .until = km_boot_ms() + seconds * 1000 } };

	strcpy(m.order.number, EXCHANGE_NUMBER);
	assert_int_equal(km_secret_set(&m.order.text, digits, strlen(digits)), KM_OK);
	assert_int_equal(km_send_msg(e->vault, &m, -1, 0), KM_OK);
}

static inline void exchange_cancel(struct exchange *e)
{
	const struct km_msg m = { .number = KM_MSG_CANCEL, .cancel = { .order = e->last } };

	assert_int_equal(km_send_msg(e->vault, &m, -1, 0), KM_OK);
}

static inline void exchange_add(struct exchange *e, const struct msg_ordered *o)
{
	size_t len = strlen(e->course);
	int n = snprintf(e->course + len, sizeof(e->course) - len, "%s%s", len ? " " : "",
			 km_order_state_word(o->state));

	len += (size_t)n;
	if (o->why)
		snprintf(e->course + len, sizeof(e->course) - len, ":%s",
			 km_order_why_word(o->why));
	else if (o->state == KM_ORDER_STATE_KEYED)
		snprintf(e->course + len, sizeof(e->course) - len, ":%.*s", o->count,
			 (const char *)o->keys);
}

/* Hears until it has come to a state. False: the courier has gone. */
static inline bool exchange_until(struct exchange *e, enum km_order_state state)
{
	struct km_msg m;

	do {
		if (!exchange_hear(e, &m) || m.number != KM_MSG_ORDERED ||
		    m.ordered.order != e->last)
			return false;
		exchange_add(e, &m.ordered);
	} while (m.ordered.state != state && !km_order_state_ends(m.ordered.state));
	return true;
}

/* All states of the last order to its end, as words: "queued ringing answered keyed:123456". */
static inline const char *exchange_course(struct exchange *e)
{
	while (exchange_until(e, KM_ORDER_STATE_NONE) && strlen(e->course) == 0)
		;
	return e->course;
}

static inline const char *exchange_call(struct exchange *e, enum km_order kind, const char *digits)
{
	e->course[0] = '\0';
	exchange_order(e, kind, digits, 120);
	return exchange_course(e);
}

#endif
