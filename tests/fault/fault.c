/* Counting, and memory. */
#undef _FORTIFY_SOURCE /* its headers have inline functions of the names that are defined here */
#include <errno.h>
#include <execinfo.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "interpose.h"

static struct {
	bool counting, paused, for_good;
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
	fault.count = (struct fault_count){ .failed = 0 };
	fault.paused = false;
	fault.counting = true;
}

void fault_pause(bool on)
{
	fault.paused = on;
}

struct fault_count fault_end(void)
{
	fault.counting = false;
	return fault.count;
}

int fault_error(void)
{
	return fault.error;
}

unsigned fault_calls(enum fault_call call)
{
	return fault.counting && !fault.paused ? fault.count.calls[call] : 0;
}

/* FAULT_TRACE=1 in the environment: where the call that fails was made, to standard error. */
static void trace(void)
{
	void *frames[32];

	fault.paused = true;
	backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
	fault.paused = false;
}

bool fault_fails(enum fault_call call)
{
	unsigned n;

	if (!fault.counting || fault.paused)
		return false;
	n = ++fault.count.calls[call];
	if (call != fault.call || fault.k == 0 || n < fault.k || (n > fault.k && !fault.for_good))
		return false;
	fault.count.failed++;
	if (n == fault.k && getenv("FAULT_TRACE"))
		trace();
	errno = fault.error;
	return true;
}

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

/* Valgrind puts its own in the place of any. */
bool fault_has_malloc(void)
{
	const char *preloaded = getenv("LD_PRELOAD");

	return !preloaded || !strstr(preloaded, "vgpreload");
}

PUBLIC void *malloc(size_t size);
PUBLIC void *malloc(size_t size)
{
	return fault_fails(FAULT_MALLOC) ? NULL : __libc_malloc(size);
}

PUBLIC void *calloc(size_t n, size_t size);
PUBLIC void *calloc(size_t n, size_t size)
{
	return fault_fails(FAULT_MALLOC) ? NULL : __libc_calloc(n, size);
}

PUBLIC void *realloc(void *p, size_t size);
PUBLIC void *realloc(void *p, size_t size)
{
	return fault_fails(FAULT_MALLOC) ? NULL : __libc_realloc(p, size);
}
#endif

PUBLIC void *mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	return fault_fails(FAULT_MMAP) ? MAP_FAILED : REAL(mmap)(at, len, prot, flags, fd, offset);
}

PUBLIC int madvise(void *at, size_t len, int advice)
{
	return fault_fails(FAULT_MADVISE) ? -1 : REAL(madvise)(at, len, advice);
}

PUBLIC int mlock(const void *at, size_t len)
{
	return fault_fails(FAULT_MLOCK) ? -1 : REAL(mlock)(at, len);
}
