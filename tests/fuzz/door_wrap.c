/*
 * Calls of the door to libc (-Wl,--wrap), which fail at the place that the input names, and a
 * kernel with one socket, one clock and a few accounts.
 */
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "door_world.h"

#define BLOCKS 64

struct world world = { .peer = -1 };

bool fails(enum call call)
{
	unsigned n;

	if (!world.in_door || call != world.call || world.nth == 0)
		return false;
	n = ++world.calls;
	if (n < world.nth || (n > world.nth && !world.for_good))
		return false;
	errno = world.error;
	return true;
}

/* libc's own, and ours, named by the linker. */
#define WRAP(type, name, ...)                                                                      \
	type __real_##name(__VA_ARGS__);                                                           \
	type __wrap_##name(__VA_ARGS__);                                                           \
	type __wrap_##name(__VA_ARGS__)

/* --- memory ------------------------------------------------------------------------- */

static struct {
	const void *block;
	size_t len;
} watched[BLOCKS];

void watch_block(const void *block, size_t len)
{
	size_t i = 0;

	while (i < BLOCKS && watched[i].block)
		i++;
	fuzz_check(i < BLOCKS, "too many answers");
	watched[i].block = block;
	watched[i].len = len;
}

unsigned watched_blocks(void)
{
	unsigned n = 0;

	for (size_t i = 0; i < BLOCKS; i++)
		n += watched[i].block != NULL;
	return n;
}

WRAP(void, free, void *p)
{
	for (size_t i = 0; p && i < BLOCKS; i++) {
		if (watched[i].block != p)
			continue;
		fuzz_check(fuzz_is_zero(p, watched[i].len), "an answer is freed unwiped");
		watched[i].block = NULL;
	}
	__real_free(p);
}

WRAP(void *, malloc, size_t size)
{
	return fails(CALL_MALLOC) ? NULL : __real_malloc(size);
}

WRAP(void *, calloc, size_t n, size_t size)
{
	return fails(CALL_MALLOC) ? NULL : __real_calloc(n, size);
}

WRAP(char *, strdup, const char *text)
{
	return fails(CALL_MALLOC) ? NULL : __real_strdup(text);
}

/* What the door has mapped; the sanitizers and the counters map memory too. */
static const void *mapped[BLOCKS];

static const void **place_of(const void *at)
{
	size_t i = 0;

	while (i < BLOCKS && mapped[i] != at)
		i++;
	return i < BLOCKS ? &mapped[i] : NULL;
}

WRAP(void *, mmap, void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	void *p = fails(CALL_MMAP) ? MAP_FAILED : __real_mmap(at, len, prot, flags, fd, offset);
	const void **place = place_of(NULL);

	if (p == MAP_FAILED || !world.in_door)
		return p;
	fuzz_check(place, "the door maps on and on");
	*place = p;
	world.maps++;
	return p;
}

WRAP(int, munmap, void *at, size_t len)
{
	const void **place = place_of(at);

	if (place) {
		fuzz_check(fuzz_is_zero(at, len), "locked memory is given back unwiped");
		*place = NULL;
		world.maps--;
	}
	return __real_munmap(at, len);
}

WRAP(int, madvise, void *at, size_t len, int advice)
{
	return fails(CALL_MADVISE) ? -1 : __real_madvise(at, len, advice);
}

WRAP(int, mlock, const void *at, size_t len)
{
	return fails(CALL_MLOCK) ? -1 : __real_mlock(at, len);
}

/* Nothing stays from one input to the next, so that a call that fails is the first of its kind. */
WRAP(void *, door_page_new, void)
{
	return km_locked_new(DOOR_PAGE);
}

WRAP(void, door_page_free, void *page)
{
	km_locked_free(page, DOOR_PAGE);
}

/* --- the socket ------------------------------------------------------------------------ */

WRAP(int, socket, int domain, int type, int protocol)
{
	int pair[2];

	if (fails(CALL_SOCKET))
		return -1;
	fuzz_check(world.peer < 0, "a second socket");
	fuzz_check(socketpair(domain, type, protocol, pair) == 0, "no sockets");
	world.peer = pair[1];
	return pair[0];
}

WRAP(int, setsockopt, int fd, int level, int name, const void *value, socklen_t len)
{
	return fails(CALL_SETSOCKOPT) ? -1 : __real_setsockopt(fd, level, name, value, len);
}

WRAP(int, connect, int fd, const struct sockaddr *to, socklen_t len)
{
	(void)fd;
	(void)to;
	(void)len;
	return fails(CALL_CONNECT) ? -1 : 0;
}

WRAP(ssize_t, sendmsg, int fd, const struct msghdr *m, int flags)
{
	return fails(CALL_SENDMSG) ? -1 : __real_sendmsg(fd, m, flags);
}

WRAP(ssize_t, recvmsg, int fd, struct msghdr *m, int flags)
{
	return fails(CALL_RECVMSG) ? -1 : __real_recvmsg(fd, m, flags);
}

/* While the door waits the peer acts; when nothing came of it, the time is over. */
WRAP(int, poll, struct pollfd *fds, nfds_t count, int timeout)
{
	int n;

	if (fails(CALL_POLL))
		return -1;
	if (timeout != 0) {
		bool in_door = world.in_door;

		world.in_door = false;
		peer_acts();
		world.in_door = in_door;
	}
	n = __real_poll(fds, count, 0);
	if (n == 0)
		world.clock_ms += timeout;
	return n;
}

/* --- the rest of the kernel --------------------------------------------------------------- */

WRAP(ssize_t, getrandom, void *buf, size_t len, unsigned flags)
{
	(void)flags;
	if (fails(CALL_GETRANDOM))
		return -1;
	memset(buf, 0x3c, len); /* the peer's nonces are right or wrong by what the input says */
	return (ssize_t)len;
}

WRAP(int, clock_gettime, clockid_t id, struct timespec *t)
{
	if (!world.in_door)
		return __real_clock_gettime(id, t);
	if (fails(CALL_CLOCK))
		return -1;
	t->tv_sec = world.clock_ms / 1000;
	t->tv_nsec = world.clock_ms % 1000 * 1000000;
	return 0;
}

WRAP(uid_t, geteuid, void)
{
	return world.in_door ? world.euid : __real_geteuid();
}

WRAP(int, getpwnam_r, const char *name, struct passwd *pw, char *buf, size_t len,
     struct passwd **out)
{
	static const struct {
		const char *asked, *name;
		uid_t uid;
	} accounts[] = {
		{ "root", "root", 0 },
		{ "hanako", "hanako", 1000 },
		{ "HANAKO", "hanako", 1000 }, /* an alias */
		{ "taro", "taro", 1001 },
		{ "stranger", "stranger", 12345 }, /* whose stamp nobody here has */
	};

	*out = NULL;
	if (fails(CALL_GETPWNAM))
		return world.error;
	for (size_t i = 0; i < sizeof(accounts) / sizeof(accounts[0]); i++) {
		if (strcmp(accounts[i].asked, name) != 0)
			continue;
		fuzz_check((size_t)snprintf(buf, len, "%s", accounts[i].name) < len, "no room");
		pw->pw_name = buf;
		pw->pw_uid = accounts[i].uid;
		*out = pw;
		return 0;
	}
	return 0;
}
