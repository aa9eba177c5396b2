/* See feed.h. A frame: two int32 in the machine's order, then width times height bytes. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "feed.h"

#define PAUSE_MS 5 /* between two knocks: the reader says nowhere when it listens */

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static int reader_connect(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(a.sun_path) ||
	    (strcpy(a.sun_path, path), connect(fd, (struct sockaddr *)&a, sizeof(a)))) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static bool send_all(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return false;
		at += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

/*
 * A reader takes one connection at a time and closes any other: then what was sent is refused or
 * left unread, which both show as an error. Its own end of file means that it has read all.
 */
static bool feed_once(const char *path, const int32_t head[2], const uint8_t *grey, size_t len,
		      long long until)
{
	int fd = reader_connect(path);
	bool taken = fd >= 0 && send_all(fd, head, 2 * sizeof(head[0])) &&
		     send_all(fd, grey, len) && !shutdown(fd, SHUT_WR);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	long long left = until - now_ms();
	char c;

	taken = taken && poll(&p, 1, left > 0 ? (int)left : 0) == 1 && read(fd, &c, 1) == 0;
	if (fd >= 0)
		close(fd);
	return taken;
}

bool feed_bytes(const char *path, int32_t width, int32_t height, const uint8_t *grey, unsigned ms)
{
	const int32_t head[2] = { width, height };
	size_t len = width > 0 && height > 0 ? (size_t)width * (size_t)height : 0;
	long long until = now_ms() + ms;

	while (!feed_once(path, head, grey, len, until)) {
		if (now_ms() >= until)
			return false;
		usleep(PAUSE_MS * 1000);
	}
	return true;
}

bool feed_picture(const char *path, const struct picture *p, unsigned ms)
{
	return feed_bytes(path, PICTURE_WIDTH, PICTURE_HEIGHT, p->grey, ms);
}

bool feed_command(const char *path, enum feed_command command, int32_t number, unsigned ms)
{
	return feed_bytes(path, command, number, NULL, ms);
}
