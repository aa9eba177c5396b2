/*
 * The codec: frame -> struct -> frame, and records of a socket with whatever descriptors.
 * What decodes encodes to the same bytes; what does not leaves nothing behind.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"

const struct fuzz_seed fuzz_seeds[] = {
	SEED("hello", 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 1),
	SEED("welcome", 0, 10, 0, 0, 0, 0, 0, 1, 0, 3, '0', '.', '1', 0),
	SEED("answer", 0, 4, 0, 0, 0, 0, 0, 6, '1', '2', '3', '4', '5', '6'),
	SEED("check", 0, 22, 0, 0, 4, 1, 0, 0, 6, '1', '2', '3', '4', '5', '6'),
	SEED("plan", 0, 30, 0, 0, 4, 1, 2, 0, 0, 7, 1, 0, 8),
	SEED("verdict", 0, 31, 0, 0, 4, 1, 1, 2, 0, 0, 0, 30),
	SEED("turned-away", 0, 24, 0, 0, 0, 0, 9, 0, 0, 3, 0xe8, 0, 0, 0, 1),
	SEED("probe", 0, 80, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
	     16, 0, 8, 0, 1, 0, 40, 0, 50, 0, 90),
	SEED("empty-template", 0, 84, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
	     16, 0, 0),
	SEED("text", 0, 12, 0, 0, 0, 0, 0, 3, 0xe3, 0x81, 0x82, 1),
	SEED("hidden-mark", 0, 12, 0, 0, 0, 0, 0, 3, 0xe2, 0x80, 0xae, 1),
	SEED("descriptors", 0x83, 5, 0, 0, 0, 0, 0),
	SEED("many-descriptors", 0x9f, 5, 0, 0, 0, 0, 0),
	SEED("one-descriptor", 0xc1, 5, 0, 0, 0, 0, 0),
	{ .name = NULL },
};
const char *const fuzz_words[] = { "\xe2\x80\xae", "\xef\xbb\xbf", NULL };

static int pair[2];

void fuzz_begin(void)
{
	fuzz_check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "no sockets");
	/* Asks for stamps: a record that was sent before has none. */
	fuzz_check(km_peek(pair[1]) == KM_EAGAIN, "no stamps");
}

/* Room of exactly so many bytes: one written behind it is seen. */
static void does_not_fit(const struct km_msg *m, size_t cap)
{
	uint8_t *small = malloc(cap ? cap : 1);
	size_t len = 4711;

	fuzz_check(small, "no memory");
	memset(small, 0, cap);
	fuzz_check(km_encode(m, small, cap, &len) == KM_ELIMIT, "%zu bytes were enough", cap);
	fuzz_check(len == 4711 && fuzz_is_zero(small, cap), "half a frame is left");
	free(small);
}

static void round_trip(const uint8_t *frame, size_t size)
{
	static uint8_t again[KM_FRAME_MAX];
	static struct km_msg m, other;
	size_t len = 0;

	memset(&m, 0xff, sizeof(m));
	if (km_decode(frame, size, FUZZ_ALL_PARTIES, FUZZ_ALL_PHASES, &m) != KM_OK) {
		fuzz_check(fuzz_is_zero(&m, sizeof(m)), "a bad frame left something");
		return;
	}
	fuzz_check(km_encode(&m, again, sizeof(again), &len) == KM_OK, "%s does not encode",
		   km_message_name(m.number));
	fuzz_check(len == size && memcmp(again, frame, size) == 0, "%s has two forms",
		   km_message_name(m.number));
	fuzz_check(km_decode(frame, size - 1, FUZZ_ALL_PARTIES, FUZZ_ALL_PHASES, &other) != KM_OK,
		   "a cut frame decodes");
	again[size] = 0;
	fuzz_check(km_decode(again, size + 1, FUZZ_ALL_PARTIES, FUZZ_ALL_PHASES, &other) != KM_OK,
		   "a longer frame decodes");
	does_not_fit(&m, size - 1);
	does_not_fit(&m, frame[size / 2] % size);
	km_msg_wipe(&m);
	fuzz_check(fuzz_is_zero(&m, sizeof(m)), "not wiped");
}

static void send_raw(const uint8_t *bytes, size_t size, size_t fds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(16 * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { .iov_len = size };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

	memcpy(&iov.iov_base, &bytes, sizeof(bytes));
	if (fds) {
		struct cmsghdr *c = &control.align;

		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE(fds * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fds * sizeof(int));
		for (size_t i = 0; i < fds; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &pair[i % 2], sizeof(int));
	}
	fuzz_check(sendmsg(pair[0], &h, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size, "not sent");
}

/* how: 4 bits of descriptors, whether one is asked for, whether the room is small. */
static void record(uint8_t how, const uint8_t *bytes, size_t size)
{
	static uint8_t buf[KM_FRAME_MAX];
	size_t fds = how & 0x0f, len = 4711, cap = how & 0x20 ? 64 : sizeof(buf);
	unsigned before = fuzz_descriptors();
	int fd = 4711;
	struct km_stamp stamp = { .known = false };
	bool asked = how & 0x40;
	km_rc rc, peek;

	send_raw(bytes, size, fds);
	peek = km_peek(pair[1]);
	fuzz_check(peek == (fds ? KM_EPERM : KM_OK), "%zu descriptors: the peek says %d", fds,
		   peek);
	rc = km_recv(pair[1], buf, cap, &len, asked ? &fd : NULL, &stamp, MSG_DONTWAIT);
	fuzz_check((rc == KM_OK) == (size <= cap && fds <= (asked ? 1u : 0u)), "rc %d", rc);
	if (rc != KM_OK) {
		fuzz_check(len == 4711 && fd == 4711, "outputs touched");
	} else {
		fuzz_check(len == size && memcmp(buf, bytes, size) == 0, "another record");
		fuzz_check(stamp.known && stamp.pid == getpid() && stamp.uid == getuid(), "stamp");
		fuzz_check(!asked || (fd >= 0) == (fds == 1), "descriptor");
		if (asked && fd >= 0) {
			fuzz_check(fcntl(fd, F_GETFD) & FD_CLOEXEC, "close-on-exec");
			close(fd);
		}
	}
	fuzz_check(km_peek(pair[1]) == KM_EAGAIN, "something is left");
	fuzz_check(fuzz_descriptors() == before, "a descriptor is left");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *frame;

	if (size < 2)
		return 0;
	/* A copy of exactly its size: a byte read behind it is seen. */
	frame = malloc(size - 1);
	fuzz_check(frame, "no memory");
	memcpy(frame, data + 1, size - 1);
	if (data[0] & 0x80)
		record(data[0], frame, size - 1);
	else
		round_trip(frame, size - 1);
	free(frame);
	return 0;
}
