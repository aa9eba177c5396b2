/* A finger on libfprint's virtual image reader, and a picture that nobody's finger made. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "house_reader.h"

#define RIDGE 9.0 /* points from one ridge to the next, as in a person's at 500 dpi */

/* The reader listens from the moment at which it is opened. */
static int approach(const char *path)
{
	const struct timespec pause = { .tv_nsec = 5 * 1000000 };
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	memcpy(to.sun_path, path, strlen(path));
	for (unsigned i = 0; i < READER_WAIT_MS / 5; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
			return fd;
		close(fd);
		nanosleep(&pause, NULL);
	}
	fail_msg("no virtual reader listens at %s", path);
	return -1;
}

static void put(int fd, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	while (len > 0) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* the reader is gone, which the test sees by what the sensor says
				 */
		at += n;
		len -= (size_t)n;
	}
}

void reader_more(struct reader_post *p, int32_t width, int32_t height, const uint8_t *grey,
		 size_t len)
{
	const int32_t head[2] = { width, height };

	put(p->finger, head, sizeof(head));
	put(p->finger, grey, len);
}

void reader_touch(struct reader_post *p, int32_t width, int32_t height, const uint8_t *grey,
		  size_t len)
{
	if (p->finger >= 0)
		close(p->finger);
	p->finger = approach(p->image);
	reader_more(p, width, height, grey, len);
}

void reader_command(struct reader_post *p, enum feed_command command, int32_t number)
{
	reader_touch(p, command, number, NULL, 0);
}

void reader_pole(unsigned number, unsigned pole, int *x, int *y)
{
	*x = (int)(60 + 65 * (pole % 3) + 7 * ((number + pole) % 4));
	*y = (int)(60 + 80 * (pole / 3) + 9 * ((number + 3 * pole) % 5));
}

/*
 * A wave has an end or a fork where its phase turns once around a point. So: waves nearly level,
 * and a few such points on a grid that the number moves.
 */
void reader_picture(unsigned number, uint8_t grey[READER_BYTES])
{
	uint32_t noise = 2463534242u + number;

	for (int y = 0; y < READER_HEIGHT; y++) {
		for (int x = 0; x < READER_WIDTH; x++) {
			double phase = 2 * M_PI * (y + 0.2 * x) / RIDGE;

			for (unsigned i = 0; i < READER_POLES; i++) {
				int px, py;

				reader_pole(number, i, &px, &py);
				phase += (i % 2 ? 1 : -1) * atan2(y - py - 0.5, x - px - 0.5);
			}
			noise ^= noise << 13;
			noise ^= noise >> 17;
			noise ^= noise << 5;
			grey[y * READER_WIDTH + x] = (uint8_t)(128 + 90 * cos(phase) + noise % 32);
		}
	}
}
