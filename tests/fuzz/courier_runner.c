/*
 * Requests to the process that runs the site's program, as a room that was taken over might send
 * them. Nothing may come of one that is not whole, to the byte: no process, no answer, and the
 * runner ends. It is in here as source, since what it looks at first is its own alone.
 */
#include <stdlib.h>

#include "../../authd/courier/exec_runner.c"

#include "courier_acts.h"

#define BEYOND 16 /* a record may have so many bytes more, or fewer */

static struct runner fuzzed;
static int asks;
static unsigned forks;

/* Nobody is born in a fuzzer. */
pid_t __wrap_fork(void);
pid_t __wrap_fork(void)
{
	forks++;
	errno = EAGAIN;
	return -1;
}

void courier_runner_begin(void)
{
	int pair[2];

	fuzz_check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0,
		   "no sockets");
	asks = pair[0];
	fuzzed.program = "/nonexistent";
	fuzzed.room = pair[1];
	fuzzed.request = calloc(1, sizeof(*fuzzed.request));
	fuzz_check(fuzzed.request, "no memory");
}

/* --- what may stand in one ----------------------------------------------------------------------
 */

/* ITU-T E.164, and what no program takes for an option. */
static bool is_dialled(const char *number, size_t size)
{
	size_t digits = 0;

	if (number[0] != '+' || number[1] < '1' || number[1] > '9')
		return false;
	while (digits + 1 < size && number[digits + 1] >= '0' && number[digits + 1] <= '9')
		digits++;
	return digits + 1 < size && number[digits + 1] == '\0' && digits >= 7 && digits <= 15;
}

/* Of the text its own fuzzer says the rest. */
static bool is_said(const uint8_t *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((text[i] < ' ' && text[i] != '\n') || text[i] == 0x7f)
			return false;
	return km_text_is_page((const char *)text, len);
}

static bool may_be_asked(const struct exec_request *q)
{
	bool ends = false;

	for (size_t i = 0; i < sizeof(q->number); i++)
		ends |= q->number[i] == '\0';
	if (!ends || q->len > sizeof(q->text))
		return false;
	return q->what != EXEC_RUN ||
	       (is_dialled(q->number, sizeof(q->number)) && is_said(q->text, q->len));
}

/* --- one of them ------------------------------------------------------------------------------ */

static size_t read_request(struct fuzz_in *in, struct exec_request *q)
{
	size_t size = sizeof(*q);

	q->id = fuzz_u8(in);
	q->what = fuzz_u8(in);
	(void)fuzz_bytes(in, (uint8_t *)q->number, sizeof(q->number));
	q->len = (uint16_t)fuzz_bytes(in, q->text, sizeof(q->text));
	q->timeout_ms = (uint32_t)fuzz_integer(in, 4);
	/* Of another length than it says, or than a request has. */
	if (fuzz_u8(in) == 1)
		q->len = (uint16_t)fuzz_integer(in, 2);
	size += fuzz_u8(in) % BEYOND;
	return size - fuzz_u8(in) % BEYOND;
}

static void is_answered(const struct exec_request *q, bool runs)
{
	struct exec_answer a;
	ssize_t n = recv(asks, &a, sizeof(a), MSG_DONTWAIT);

	fuzz_check(n == (runs ? (ssize_t)sizeof(a) : -1), "an answer of %zd bytes", n);
	fuzz_check(!runs || (a.id == q->id && a.outcome == EXEC_NOT_STARTED && a.value == EAGAIN),
		   "another answer: %d", a.outcome);
}

void courier_ask_runner(const uint8_t *bytes, size_t len)
{
	struct fuzz_in in = { bytes, len };
	union {
		struct exec_request q;
		uint8_t bytes[sizeof(struct exec_request) + BEYOND];
	} record = { .bytes = { 0 } };
	const unsigned open_before = fuzz_descriptors();
	const size_t size = read_request(&in, &record.q);
	const bool good = size == sizeof(record.q) && may_be_asked(&record.q);
	const bool runs = good && record.q.what == EXEC_RUN;

	forks = 0;
	fuzz_check(send(asks, &record, size, 0) == (ssize_t)size, "it cannot be asked");
	hear(&fuzzed);
	fuzz_check(fuzzed.stop == !good, "%s: %zu bytes, number '%.17s', a text of %u",
		   good ? "a good one ends it" : "it takes a bad one", size, record.q.number,
		   record.q.len);
	fuzz_check(forks == runs, "%u processes", forks);
	is_answered(&record.q, runs);
	fuzz_check(fuzz_is_zero(fuzzed.request, sizeof(*fuzzed.request)), "it is left in memory");
	fuzz_check(!fuzzed.run[0].used && fuzz_descriptors() == open_before, "a run is left");
	fuzzed.stop = false;
}
