/*
 * Servers whose bytes never end, over TCP: what a call and the courier's memory make of them. Each
 * has a courier of its own, all at the same time, since each takes as long as a telephone may ring.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "telephone.h"

#define PLAIN    "transport = tcp\nmedia = rtp\nring = 10\n"
#define FLOOD    (96 << 20) /* bytes; more than the courier may have */
#define MOST_KIB (64 << 10)

/* What is sent in answer to an INVITE: the first once, the other again and again. */
struct row {
	const char *name, *first, *again;
	bool is_closed; /* the courier hangs up on it */
};

#define FILLER "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct row rows[] = {
	{ "endless headers", "SIP/2.0 180 Ringing\r\n", "X-Filler: " FILLER "\r\n", true },
	{ "one endless header", "SIP/2.0 180 Ringing\r\nX-Filler: ", FILLER, true },
	{ "a huge body", "SIP/2.0 180 Ringing\r\nContent-Length: 4294967295\r\n\r\n", FILLER,
	  true },
	{ "a body of less than nothing", "SIP/2.0 180 Ringing\r\nContent-Length: -1\r\n\r\n",
	  FILLER, true },
	{ "no line at all", "", FILLER, true },
	{ "lines without a message", "", "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n", true },
	{ "answers to nobody", "",
	  "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKx\r\n"
	  "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n"
	  "Content-Length: 0\r\n\r\n",
	  false },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* --- the server ------------------------------------------------------------------------------ */

static int listen_at(int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr = { htonl(INADDR_LOOPBACK) },
				  .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* All of it, or false: nobody takes it any more. */
static bool pour(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

/* 0: the courier has closed; 1: it took everything; 2: it has not called. */
static int serve(int listener, const struct row *row)
{
	char invite[4096], *block;
	size_t len = strlen(row->again), block_len = 65536 / len * len, sent = 0;
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0 || recv(fd, invite, sizeof(invite), 0) <= 0 || !(block = malloc(block_len)))
		return 2;
	for (size_t i = 0; i < block_len; i += len)
		memcpy(block + i, row->again, len);
	if (!pour(fd, row->first, strlen(row->first)))
		return 0;
	while (sent < FLOOD && pour(fd, block, block_len))
		sent += block_len;
	return sent < FLOOD ? 0 : 1;
}

static pid_t server_start(const struct exchange *e, const struct row *row)
{
	int fd = listen_at(e->port);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(serve(fd, row));
	close(fd);
	return pid;
}

/* --- what holds ------------------------------------------------------------------------------ */

/* The most memory that it ever had, in KiB. */
static unsigned peak(pid_t pid)
{
	char path[64], line[256];
	unsigned kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) && sscanf(line, "VmHWM: %u", &kib) != 1)
		;
	fclose(f);
	assert_true(kib > 0);
	return kib;
}

static void the_next_call_works(struct exchange *e)
{
	pid_t phone;

	keys_save(e, "31#");
	phone = telephone_start(e, "t1", TAKE_CALL RING ANSWER PLAY HUNG_UP, 1);
	assert_string_equal(exchange_call(e, KM_ORDER_KEYPAD, ""),
			    "queued ringing answered keyed:31");
	telephone_content(e, phone);
}

static void test_bytes_without_end_cost_one_call_and_no_memory(void **state)
{
	struct exchange e[ROWS];
	pid_t server[ROWS];
	int status;

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		exchange_open(&e[i], PLAIN);
		server[i] = server_start(&e[i], &rows[i]);
		exchange_order(&e[i], KM_ORDER_KEYPAD, "", 60);
	}
	for (size_t i = 0; i < ROWS; i++) {
		print_message("# %s\n", rows[i].name);
		assert_string_equal(exchange_course(&e[i]), "queued failed:gateway-unreachable");
		/* What still waits to be taken is thrown away. */
		if (!rows[i].is_closed)
			kill(server[i], SIGKILL);
		assert_int_equal(waitpid(server[i], &status, 0), server[i]);
		assert_true(!rows[i].is_closed || status == 0);
		the_next_call_works(&e[i]);
		print_message("# %u KiB at most\n", peak(e[i].courier));
		assert_in_range(peak(e[i].courier), 1, MOST_KIB);
		exchange_close(&e[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_without_end_cost_one_call_and_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
