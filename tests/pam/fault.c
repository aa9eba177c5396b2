/* Fortified headers have inline functions of these names; here they are the real ones. */
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

#include "fault.h"

#define PUBLIC __attribute__((visibility("default")))

static struct {
	bool counting, for_good, held_back;
	enum fault_call call;
	unsigned k;
	int error;
	struct fault_count count;
} fault;

void fault_begin(enum fault_call call, unsigned k, int error, bool for_good)
{
	fault.call = call;
	fault.k = k;
	fault.error = error;
	fault.for_good = for_good;
	fault.held_back = false;
	fault.count = (struct fault_count){ .failed = 0 };
	fault.counting = true;
}

struct fault_count fault_end(void)
{
	fault.counting = false;
	return fault.count;
}

static bool fails(enum fault_call call)
{
	unsigned n;

	if (!fault.counting)
		return false;
	n = ++fault.count.calls[call];
	if (call != fault.call || fault.k == 0 || n < fault.k || (n > fault.k && !fault.for_good))
		return false;
	fault.count.failed++;
	errno = fault.error;
	return true;
}

/* libc's own, of the type of `like`. */
#define LIBC(like) ((__typeof__(&(like)))(uintptr_t)dlsym(RTLD_NEXT, #like))

static struct {
	const char *block;
	size_t len;
	enum fault_watched state;
} watched;

void fault_watch(const void *block, size_t len)
{
	watched.block = block;
	watched.len = len;
	watched.state = FAULT_NOT_FREED;
}

enum fault_watched fault_watched(void)
{
	return watched.state;
}

#if defined(__SANITIZE_ADDRESS__)
bool fault_has_malloc(void)
{
	return false;
}
#else
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void __libc_free(void *);

/*
 * Without root libpam asks libcap-ng whether it may write to the audit system, and libcap-ng, once
 * out of memory, never asks again: calls that the dry run counted would be gone. There is no audit
 * system.
 */
PUBLIC int audit_open(void);
PUBLIC int audit_open(void)
{
	errno = EPROTONOSUPPORT;
	return -1;
}

PUBLIC void free(void *p);
PUBLIC void free(void *p)
{
	if (p && p == watched.block) {
		watched.state = FAULT_FREED_WIPED;
		for (size_t i = 0; i < watched.len; i++)
			if (watched.block[i])
				watched.state = FAULT_FREED_FULL;
		watched.block = NULL;
	}
	__libc_free(p);
}

bool fault_has_malloc(void)
{
	return true;
}

PUBLIC void *malloc(size_t size);
PUBLIC void *malloc(size_t size)
{
	return fails(FAULT_MALLOC) ? NULL : __libc_malloc(size);
}

PUBLIC void *calloc(size_t n, size_t size);
PUBLIC void *calloc(size_t n, size_t size)
{
	return fails(FAULT_MALLOC) ? NULL : __libc_calloc(n, size);
}

PUBLIC void *realloc(void *p, size_t size);
PUBLIC void *realloc(void *p, size_t size)
{
	return fails(FAULT_MALLOC) ? NULL : __libc_realloc(p, size);
}
#endif

PUBLIC void *mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	return fails(FAULT_MMAP) ? MAP_FAILED : LIBC(mmap)(at, len, prot, flags, fd, offset);
}

PUBLIC int madvise(void *at, size_t len, int advice)
{
	return fails(FAULT_MADVISE) ? -1 : LIBC(madvise)(at, len, advice);
}

PUBLIC int mlock(const void *at, size_t len)
{
	return fails(FAULT_MLOCK) ? -1 : LIBC(mlock)(at, len);
}

PUBLIC int socket(int domain, int type, int protocol)
{
	return fails(FAULT_SOCKET) ? -1 : LIBC(socket)(domain, type, protocol);
}

PUBLIC int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	return fails(FAULT_SETSOCKOPT) ? -1 : LIBC(setsockopt)(fd, level, name, value, len);
}

PUBLIC int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return fails(FAULT_CONNECT) ? -1 : LIBC(connect)(fd, addr, len);
}

PUBLIC int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	return fails(FAULT_POLL) ? -1 : LIBC(poll)(fds, n, timeout);
}

PUBLIC ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	if (!fails(FAULT_SENDMSG))
		return LIBC(sendmsg)(fd, m, flags);
	if (fault.error == EPIPE) /* then there is nobody to wait for either */
		(void)shutdown(fd, SHUT_RDWR);
	errno = fault.error;
	return -1;
}

PUBLIC ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
	if (fails(FAULT_RECVMSG))
		return -1;
	if (fault.counting) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		fault.held_back = !fault.held_back;
		if (fault.held_back) {
			errno = EAGAIN;
			return -1;
		}
		(void)LIBC(poll)(&p, 1, 5000);
	}
	return LIBC(recvmsg)(fd, m, flags);
}

PUBLIC ssize_t getrandom(void *buf, size_t len, unsigned flags);
PUBLIC ssize_t getrandom(void *buf, size_t len, unsigned flags)
{
	return fails(FAULT_GETRANDOM) ? -1 : LIBC(getrandom)(buf, len, flags);
}

static const char *alias_name, *alias_account;

void fault_alias(const char *alias, const char *account)
{
	alias_name = alias;
	alias_account = account;
}

PUBLIC int getpwnam_r(const char *name, struct passwd *pw, char *buf, size_t len,
		      struct passwd **out)
{
	if (fails(FAULT_GETPWNAM)) {
		*out = NULL;
		return fault.error;
	}
	if (alias_name && strcmp(name, alias_name) == 0)
		name = alias_account;
	return LIBC(getpwnam_r)(name, pw, buf, len, out);
}

PUBLIC int clock_gettime(clockid_t id, struct timespec *t)
{
	return fails(FAULT_CLOCK) ? -1 : LIBC(clock_gettime)(id, t);
}
