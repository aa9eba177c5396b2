/*
 * Twenty calls at once by one courier: how late is each packet of sound against its slot of 20 ms?
 * sipp picks up; the sound goes to a socket of ours, on which the kernel writes down when a packet
 * came. A call's clock is that of its most punctual packet, so nothing is ever early.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/uio.h>

#include <cmocka.h> /* what exchange.h asserts ends the bench */

#include "../system/telephone.h"
#include "bench.h"

#define CALLS     20
#define SLOT_US   20000.0
#define SAMPLES   160 /* of a slot, as RTP counts time */
#define TARGET_MS 10.0
#define MOST_MIB  64
#define SOUND_MAX 8000 /* packets of a call: 160 seconds */

struct stream {
	uint32_t source, begin; /* SSRC; its first time */
	unsigned count;
	double clock; /* µs at which slot 0 was due */
	struct {
		double at;
		uint32_t slot;
	} packet[SOUND_MAX];
};

static struct stream streams[CALLS];

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static struct stream *stream_of(const uint8_t *rtp)
{
	uint32_t source = get32(rtp + 8);

	for (unsigned i = 0; i < CALLS; i++) {
		struct stream *s = &streams[i];

		if (s->count > 0 && s->source == source)
			return s;
		if (s->count == 0) {
			*s = (struct stream){ .source = source, .begin = get32(rtp + 4) };
			return s;
		}
	}
	return NULL;
}

static void note(const uint8_t *rtp, double at)
{
	struct stream *s = stream_of(rtp);
	uint32_t slot = s ? (get32(rtp + 4) - s->begin) / SAMPLES : 0;
	double clock = at - slot * SLOT_US;

	if (!s || s->count >= SOUND_MAX)
		return;
	if (s->count == 0 || clock < s->clock)
		s->clock = clock;
	s->packet[s->count].at = at;
	s->packet[s->count++].slot = slot;
}

/* --- the socket that listens ---------------------------------------------------------------- */

static int sink_open(int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr = { htonl(INADDR_LOOPBACK) },
				  .sin_port = htons((uint16_t)port) };
	const int on = 1, room = 4 << 20;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static void sink_drain(int fd)
{
	uint8_t rtp[512];
	union {
		char space[CMSG_SPACE(sizeof(struct timespec))];
		struct cmsghdr align;
	} control;
	struct iovec part = { rtp, sizeof(rtp) };

	for (;;) {
		struct msghdr m = { .msg_iov = &part,
				    .msg_iovlen = 1,
				    .msg_control = &control,
				    .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(fd, &m, 0);
		const struct cmsghdr *c = n > 12 ? CMSG_FIRSTHDR(&m) : NULL;
		struct timespec t;

		if (n < 0)
			return;
		if (!c || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&t, CMSG_DATA(c), sizeof(t));
		note(rtp, (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3);
	}
}

/* --- the calls --------------------------------------------------------------------------- */

/* Until all have ended: nobody presses a key. False: the courier has gone. */
static bool hear_all(struct exchange *e, int sink)
{
	struct pollfd ready[2] = { { .fd = e->vault, .events = POLLIN },
				   { .fd = sink, .events = POLLIN } };
	unsigned over = 0;

	while (over < CALLS && poll(ready, 2, EXCHANGE_WAIT_MS) > 0) {
		struct km_msg m;

		if (ready[1].revents)
			sink_drain(sink);
		if (!ready[0].revents)
			continue;
		if (!exchange_hear(e, &m) || m.number != KM_MSG_ORDERED)
			return false;
		over += km_order_state_ends(m.ordered.state);
	}
	return over == CALLS;
}

static void report(double kib)
{
	struct series late = { 0 };
	struct row sound = { 0 }, memory = { 0 };
	uint32_t slots = 0;

	for (unsigned i = 0; i < CALLS; i++) {
		const struct stream *s = &streams[i];

		for (unsigned k = 0; k < s->count; k++)
			series_add(&late,
				   (s->packet[k].at - s->clock - s->packet[k].slot * SLOT_US) /
				       1e3);
		if (s->count > 0)
			slots += s->packet[s->count - 1].slot + 1;
	}
	TEXT(sound.figure, "%d calls at once: a packet after its slot", CALLS);
	TEXT(sound.value, "%.2f ms", median(&late));
	TEXT(sound.beside, "%.2f ms p99, %.2f ms most, %zu of %u packets", series_at(&late, 0.99),
	     series_at(&late, 1), late.count, slots);
	TEXT(sound.target, "median <= %.0f ms", TARGET_MS);
	sound.met = median(&late) <= TARGET_MS ? ROW_MET : ROW_NOT_MET;
	row_add(&sound);
	TEXT(memory.figure, "%d calls at once: memory of the courier", CALLS);
	TEXT(memory.value, "%.1f MiB", kib / 1024);
	TEXT(memory.target, "< %d MiB", MOST_MIB);
	memory.met = kib / 1024 < MOST_MIB ? ROW_MET : ROW_NOT_MET;
	row_add(&memory);
	series_free(&late);
}

void bench_calls(struct benches *b)
{
	static char scenario[4096];
	int port = exchange_port(SOCK_DGRAM), sink = sink_open(port);
	struct exchange e;
	pid_t phone;
	double kib;
	bool heard;

	(void)b;
	say("twenty calls, which take half a minute");
	memset(streams, 0, sizeof(streams));
	exchange_open(&e, "transport = udp\nmedia = rtp\nat-once = 20\n");
	snprintf(scenario, sizeof(scenario),
		 TAKE_CALL RING ANSWER_WITH(SDP_HEAD "m=audio %d RTP/AVP 0 101\n"
						     "a=rtpmap:0 PCMU/8000\n"
						     "a=rtpmap:101 telephone-event/8000\n") HUNG_UP,
		 port);
	phone = telephone_start(&e, "u1", scenario, CALLS);
	for (unsigned i = 0; i < CALLS; i++)
		exchange_order(&e, KM_ORDER_KEYPAD, "", 120);
	heard = sink >= 0 && hear_all(&e, sink);
	kib = status_kib(e.courier, "VmHWM:");
	if (heard && streams[CALLS - 1].count > 0)
		report(kib);
	else
		row_failed("twenty calls at once", "not all of them were made");
	telephone_content(&e, phone);
	exchange_close(&e);
	if (sink >= 0)
		close(sink);
}
