/*
 * Calls of libc, SQLite, OpenSSL and liboath that fail when the test wants. The program is linked
 * with -rdynamic, so these come before the libraries' own, for the libraries too; only calls
 * between begin and end are counted.
 *
 *   fault.c  counting, and memory    net.c  sockets, waiting, who is who
 *   files.c  files and folders       vault.c  SQLite, OpenSSL, liboath (not in tests of the door)
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
	FAULT_SOCKET, /* and socketpair */
	FAULT_SETSOCKOPT,
	FAULT_GETSOCKOPT, /* and getsockname, getpeername */
	FAULT_LISTEN,     /* and bind */
	FAULT_ACCEPT,
	FAULT_CONNECT,
	FAULT_POLL,
	FAULT_EPOLL, /* epoll_create1, epoll_ctl, epoll_wait */
	FAULT_SENDMSG,
	FAULT_SENDTO,
	FAULT_RECVMSG,
	FAULT_SEND,
	FAULT_RECV,    /* and recvfrom */
	FAULT_PROCESS, /* fork, pipe2 */
	FAULT_WATCH,   /* inotify_init1, inotify_add_watch, signalfd */
	FAULT_TIMER,   /* timerfd_create, timerfd_settime */
	FAULT_GETRANDOM,
	FAULT_GETPWNAM,
	FAULT_CLOCK,
	FAULT_OPEN,     /* and openat */
	FAULT_FOLDER,   /* fdopendir, readdir */
	FAULT_STAT,     /* stat, lstat, fstat, fstatat */
	FAULT_READ,     /* and pread */
	FAULT_WRITE,    /* and pwrite: half of it is written */
	FAULT_SYNC,     /* fsync, fdatasync */
	FAULT_TRUNCATE, /* ftruncate */
	FAULT_NAME,     /* mkdir, rename, unlink */
	FAULT_FCNTL,
	FAULT_STEP,    /* sqlite3_step, _exec, _open_v2, _wal_checkpoint_v2, _backup_* */
	FAULT_PREPARE, /* sqlite3_prepare_v2, v3 */
	FAULT_BIND,    /* sqlite3_bind_* */
	FAULT_CRYPTO,  /* the EVP functions that can fail, but for _new and _fetch: those are malloc
			*/
	FAULT_OATH,
	FAULT_CALLS
};

/*
 * From here the k-th call (1 …) of this kind fails with error, and with for_good every later one
 * too. k = 0: nothing fails.
 */
void fault_begin(enum fault_call call, unsigned k, int error, bool for_good);

/* Between begin and end: what the test itself does for a while is not counted and does not fail. */
void fault_pause(bool on);

/* A row of a matrix: a kind of call, and the errors that it may fail with; 0 ends them. */
struct fault_kind {
	enum fault_call call;
	const char *name;
	int errors[3];
};

/* How many calls of the kind there were, and how many failed. */
struct fault_count {
	unsigned calls[FAULT_CALLS];
	unsigned failed;
};
struct fault_count fault_end(void);

/*
 * Who is told of each flush (of which descriptor) and each rename (in which folder, of which name
 * to which) before it is made, in their order; NULL: nobody. What it does itself is not told.
 */
typedef void fault_listener(enum fault_call call, int fd, const char *name, const char *to);
void fault_listen(fault_listener *listener);

/*
 * While counting, each record is first said not to be there yet, and waited for then: so that a
 * login makes the same calls every time although the other side is another process.
 */
void fault_hold_back(bool on);

/* Timers (timerfd) run out so many times as fast: for acts that last as long as somebody speaks. */
void fault_hurry(unsigned times);

/* A name that NSS knows as another spelling of account; NULL: none. */
void fault_alias(const char *alias, const char *account);

/* Watches a block of len bytes: was it all zero when it was freed? Only where malloc is ours. */
enum fault_watched { FAULT_NOT_FREED, FAULT_FREED_WIPED, FAULT_FREED_FULL };
void fault_watch(const void *block, size_t len);
enum fault_watched fault_watched(void);

/* Whether malloc is ours: under a sanitizer or valgrind it is not. */
bool fault_has_malloc(void);

#endif
