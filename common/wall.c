/* Walls of a room: capabilities and the filter of calls. Paths are in landlock.c. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "wall_paths.h"

/*
 * ASan, MSan and gcov map, read and write at their own will, at the end above all.
 * A build with them has no walls and says so at every start.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(KM_COVERAGE)
#define OPEN_BUILD 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) ||                         \
    __has_feature(thread_sanitizer)
#define OPEN_BUILD 1
#endif
#endif
#ifndef OPEN_BUILD
#define OPEN_BUILD 0
#endif

#if KM_WALL_FILTERS && defined(__x86_64__)
#define MACHINE     AUDIT_ARCH_X86_64
#define OTHER_CALLS 0x40000000u /* x32: the same calls by other numbers, from here on */
#elif KM_WALL_FILTERS
#define MACHINE AUDIT_ARCH_AARCH64
#endif
/* Another machine: a filter nobody has tried there would be a guess. */

static const char *const gap_text[KM_WALL_GAPS] = {
	"built for sanitizers or coverage: this room is not confined, and not for real use",
	"no seccomp here: calls to the kernel that this room never makes are not refused",
	"no filter of calls for this machine: those that this room never makes are not refused",
	"no Landlock here: this room can reach every file that its user can",
};

const char *km_wall_gap_text(unsigned gap)
{
	for (unsigned i = 0; i < KM_WALL_GAPS; i++)
		if (gap == 1u << i)
			return gap_text[i];
	return NULL;
}

/* --- what every room does ------------------------------------------------------ */

static const struct km_call basics[] = {
	/* bytes, on descriptors that are open */
	KM_CALL(read),
	KM_CALL(write),
	KM_CALL(readv),
	KM_CALL(writev),
	KM_CALL(pread64),
	KM_CALL(pwrite64),
	KM_CALL(lseek),
	KM_CALL(close),
	KM_CALL(fstat),
#ifdef __NR_poll
	KM_CALL(poll),
#endif
	KM_CALL(ppoll),
	/* not F_SETOWN and F_SETSIG, by which the kernel sends signals to others for us */
	KM_CALL_IF(fcntl, IS, 1, F_DUPFD),
	KM_CALL_IF(fcntl, IS, 1, F_DUPFD_CLOEXEC),
	KM_CALL_IF(fcntl, IS, 1, F_GETFD),
	KM_CALL_IF(fcntl, IS, 1, F_SETFD),
	KM_CALL_IF(fcntl, IS, 1, F_GETFL),
	KM_CALL_IF(fcntl, IS, 1, F_SETFL),
	/* memory, never to be executed */
	KM_CALL(brk),
	KM_CALL_IF(mmap, LACKS, 2, PROT_EXEC),
	KM_CALL_IF(mprotect, LACKS, 2, PROT_EXEC),
	KM_CALL(munmap),
	KM_CALL(mremap),
	KM_CALL(madvise),
	KM_CALL(mlock),
	KM_CALL(munlock),
	KM_CALL(futex),
	/* time */
	KM_CALL(clock_gettime),
	KM_CALL(clock_getres),
	KM_CALL(gettimeofday),
#ifdef __NR_time
	KM_CALL(time),
#endif
	KM_CALL(nanosleep),
	KM_CALL(clock_nanosleep),
	KM_CALL(restart_syscall),
	/* itself */
	KM_CALL(getrandom),
	KM_CALL(getpid),
	KM_CALL(gettid),
	KM_CALL(getuid),
	KM_CALL(geteuid),
	KM_CALL(getgid),
	KM_CALL(getegid),
	KM_CALL(uname),
	KM_CALL(sysinfo),
	KM_CALL_IF(prlimit64, NULL, 2, 0), /* reads limits */
	KM_CALL(rt_sigaction),
	KM_CALL(rt_sigprocmask),
	KM_CALL(rt_sigreturn),
	KM_CALL_IF(tgkill, SELF, 0, 0), /* abort() */
	KM_CALL(exit),
	KM_CALL(exit_group),
	/* what paths are, and files that they name; where, Landlock says */
	KM_CALL(newfstatat),
	KM_CALL(statx),
#ifdef __NR_stat
	KM_CALL(stat),
	KM_CALL(lstat),
	KM_CALL(access),
	KM_CALL(readlink),
#endif
	KM_CALL(faccessat),
	KM_CALL(faccessat2),
	KM_CALL(readlinkat),
	KM_CALL(getdents64),
	KM_CALL(getcwd),
	KM_CALL(fstatfs),
	KM_CALL(statfs),
	/* words to those who are connected */
	KM_CALL(recvmsg),
	KM_CALL(recvfrom),
	KM_CALL(sendmsg),
	KM_CALL(sendto),
	KM_CALL(shutdown),
	KM_CALL(getsockopt),
	KM_CALL(getsockname),
	KM_CALL(getpeername),
	KM_CALL(accept4),
	KM_CALL(epoll_create1),
	KM_CALL(epoll_ctl),
#ifdef __NR_epoll_wait
	KM_CALL(epoll_wait),
#endif
	KM_CALL(epoll_pwait),
#ifdef __NR_epoll_pwait2
	KM_CALL(epoll_pwait2),
#endif
};

const struct km_calls km_wall_basics = { basics, sizeof(basics) / sizeof(basics[0]) };

/* --- the filter ------------------------------------------------------------------ */

#if KM_WALL_FILTERS

#define PROGRAM_MAX 1024 /* of 4,096 that the kernel takes; a row is at most six */
#define ALLOW       BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define REFUSE      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define ABSENT      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS)
#define LOAD(field)                                                                                \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))

struct program {
	struct sock_filter at[PROGRAM_MAX];
	unsigned short len;
	bool full;
};

static void put(struct program *p, struct sock_filter f)
{
	if (p->len < PROGRAM_MAX)
		p->at[p->len++] = f;
	else
		p->full = true;
}

static void load_arg(struct program *p, unsigned arg, unsigned half)
{
	put(p, (struct sock_filter)BPF_STMT(
		   BPF_LD | BPF_W | BPF_ABS,
		   (uint32_t)(offsetof(struct seccomp_data, args) + 8 * arg + 4 * half)));
}

/* The number is in the accumulator, before and after. */
static void put_row(struct program *p, const struct km_call *c)
{
	const bool is = c->test != KM_CALL_ARG_LACKS;
	const bool two = c->test == KM_CALL_ARG_NULL || c->test == KM_CALL_ARG_BOTH;
	uint32_t value = c->test == KM_CALL_ARG_SELF ? (uint32_t)getpid() : c->value;

	if (c->test == KM_CALL_ALWAYS || c->test == KM_CALL_ABSENT) {
		put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, c->number, 0, 1));
		put(p, c->test == KM_CALL_ALWAYS ? (struct sock_filter)ALLOW
						 : (struct sock_filter)ABSENT);
		return;
	}
	put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, c->number, 0, two ? 6 : 4));
	if (c->test == KM_CALL_ARG_NULL) {
		load_arg(p, c->arg, 1);
		put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3));
	} else if (c->test == KM_CALL_ARG_BOTH) {
		load_arg(p, c->arg + 1, 0);
		put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, c->next, 0, 3));
	}
	load_arg(p, c->arg, 0);
	put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | (is ? BPF_JEQ : BPF_JSET) | BPF_K, value,
					    is ? 0 : 1, is ? 1 : 0));
	put(p, (struct sock_filter)ALLOW);
	put(p, (struct sock_filter)LOAD(nr));
}

static km_rc compile(const struct km_wall *wall, struct program *p)
{
	put(p, (struct sock_filter)LOAD(arch));
	put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MACHINE, 1, 0));
	/* 32-bit calls: nothing of ours makes them, and their arguments lie elsewhere. */
	put(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
	put(p, (struct sock_filter)LOAD(nr));
#ifdef OTHER_CALLS
	put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, OTHER_CALLS, 0, 1));
	put(p, (struct sock_filter)REFUSE);
#endif
	for (size_t t = 0; t < KM_WALL_CALLS; t++) {
		for (size_t i = 0; i < wall->calls[t].count; i++) {
			const struct km_call *c = &wall->calls[t].row[i];

			if (c->test < KM_CALL_ALWAYS || c->test > KM_CALL_ABSENT ||
			    c->arg + (c->test == KM_CALL_ARG_BOTH) > 5)
				return KM_EINVAL;
			put_row(p, c);
		}
	}
	put(p, (struct sock_filter)REFUSE);
	return p->full ? KM_EINVAL : KM_OK;
}

/* Not there, or kept from us by whoever started us. */
static bool seccomp_is_there(void)
{
	const uint32_t action = SECCOMP_RET_ERRNO;

	return syscall(__NR_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static km_rc filter_up(const struct km_wall *wall, unsigned *gaps)
{
	struct program p = { .len = 0 };
	struct sock_fprog prog = { .filter = p.at };
	km_rc rc = compile(wall, &p);

	if (rc != KM_OK)
		return rc;
	if (!seccomp_is_there()) {
		*gaps |= KM_WALL_NO_SECCOMP;
		return KM_OK;
	}
	prog.len = p.len;
	return syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) == 0 ? KM_OK : KM_EIO;
}

#else

static km_rc filter_up(const struct km_wall *wall, unsigned *gaps)
{
	(void)wall;
	*gaps |= KM_WALL_OTHER_MACHINE;
	return KM_OK;
}

#endif

/* --- capabilities ---------------------------------------------------------------- */

/* Root's rooms (--spawn by root) are root in name only. A unit leaves none to drop. */
km_rc km_powers_drop(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	static const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];
	struct __user_cap_data_struct have[_LINUX_CAPABILITY_U32S_3];

	if (syscall(__NR_capget, &header, have) == 0 && memcmp(have, none, sizeof(none)) == 0)
		return KM_OK;
	return syscall(__NR_capset, &header, none) == 0 ? KM_OK : KM_EIO;
}

km_rc km_wall_up(const struct km_wall *wall, unsigned *gaps)
{
	km_rc rc = KM_OK;

	*gaps = 0;
	if (OPEN_BUILD) {
		*gaps = KM_WALL_OPEN_BUILD;
		return KM_OK;
	}
	rc = wall_paths_up(wall, gaps);
	if (rc == KM_OK)
		rc = km_powers_drop();
	/* Last: it refuses what the others are made with. */
	return rc == KM_OK ? filter_up(wall, gaps) : rc;
}
