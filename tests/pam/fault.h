/*
 * Calls of libc that fail when the test wants. The program is linked with -rdynamic, so these come
 * before libc's for libpam and for the door; only calls between begin and end are counted.
 */
#ifndef KENMON_TEST_FAULT_H
#define KENMON_TEST_FAULT_H

#include <stdbool.h>
#include <stddef.h>

enum fault_call {
	FAULT_MALLOC, /* and calloc, realloc, and what libc makes of them (strdup, vasprintf) */
	FAULT_MMAP,
	FAULT_MADVISE,
	FAULT_MLOCK,
	FAULT_SOCKET,
	FAULT_SETSOCKOPT,
	FAULT_CONNECT,
	FAULT_POLL,
	FAULT_SENDMSG,
	FAULT_RECVMSG,
	FAULT_GETRANDOM,
	FAULT_GETPWNAM,
	FAULT_CLOCK,
	FAULT_CALLS
};

/*
 * From here the k-th call (1 …) of this kind fails with error, and with for_good every later one
 * too. k = 0: nothing fails. While it counts, each record is first said not to be there yet, and a
 * poll waits until it is: so that the same login makes the same calls every time.
 */
void fault_begin(enum fault_call call, unsigned k, int error, bool for_good);

/* How many calls of the kind there were, and how many failed. */
struct fault_count {
	unsigned calls[FAULT_CALLS];
	unsigned failed;
};
struct fault_count fault_end(void);

/* A name that NSS knows as another spelling of account; NULL: none. */
void fault_alias(const char *alias, const char *account);

/* Watches a block of len bytes: was it all zero when it was freed? Only where malloc is ours. */
enum fault_watched { FAULT_NOT_FREED, FAULT_FREED_WIPED, FAULT_FREED_FULL };
void fault_watch(const void *block, size_t len);
enum fault_watched fault_watched(void);

/* Whether malloc is ours: under a sanitizer it is not. */
bool fault_has_malloc(void);

#endif
