/* A house for the system tests: its rooms, killed at one call to the kernel. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/ptrace.h>

#include "house_killer.h"

#define SYSCALL_STOP (SIGTRAP | 0x80) /* ptrace(2), PTRACE_O_TRACESYSGOOD */

struct killer_sight {
	volatile unsigned counted;
	volatile bool struck;
	volatile uint64_t call;
	volatile int status;
};

/* What a report calls a call; for people, so the list need not be whole. */
static const struct call {
	uint64_t number;
	const char *name;
} calls[] = {
	{ SYS_pwrite64, "pwrite64" },   { SYS_write, "write" },
	{ SYS_fdatasync, "fdatasync" }, { SYS_fsync, "fsync" },
	{ SYS_ftruncate, "ftruncate" }, { SYS_sendmsg, "sendmsg" },
	{ SYS_unlinkat, "unlinkat" },   { SYS_renameat2, "renameat2" },
	{ SYS_linkat, "linkat" },       { SYS_openat, "openat" },
	{ SYS_pread64, "pread64" },     { SYS_recvmsg, "recvmsg" },
	{ SYS_fcntl, "fcntl" },         { SYS_epoll_ctl, "epoll_ctl" },
	{ SYS_close, "close" },         { SYS_getrandom, "getrandom" },
	{ SYS_mmap, "mmap" },           { SYS_munmap, "munmap" },
};

static bool waits(uint64_t number)
{
#ifdef SYS_epoll_wait
	if (number == SYS_epoll_wait)
		return true;
#endif
	return number == SYS_epoll_pwait || number == SYS_epoll_pwait2 || number == SYS_ppoll;
}

/* --- the tracer, a process of its own ---------------------------------------------------- */

struct watch {
	pid_t room;
	const char *const *argv; /* of a program to be started; NULL: room runs already */
	int ready;               /* told once, when it begins to count */
	unsigned at;
	const struct killer_fault *fault; /* NULL: it is killed */
	bool failing;                     /* the call that it is in */
	struct killer_sight *seen;
	bool waiting; /* the room, for something to do */
	bool leave;
};

#ifdef __x86_64__
#define NO_CALL (-1L) /* the kernel passes it over */

static bool set_call(pid_t room, long number)
{
	struct user_regs_struct r;

	if (ptrace(PTRACE_GETREGS, room, NULL, &r) < 0)
		return false;
	r.orig_rax = (unsigned long long)number;
	return ptrace(PTRACE_SETREGS, room, NULL, &r) == 0;
}

static bool set_result(pid_t room, long result)
{
	struct user_regs_struct r;

	if (ptrace(PTRACE_GETREGS, room, NULL, &r) < 0)
		return false;
	r.rax = (unsigned long long)result;
	return ptrace(PTRACE_SETREGS, room, NULL, &r) == 0;
}
#else
#define NO_CALL (-1L)

static bool set_call(pid_t room, long number)
{
	(void)room;
	(void)number;
	return false;
}

static bool set_result(pid_t room, long result)
{
	return set_call(room, result);
}
#endif

static void on_call(struct watch *w, uint64_t number)
{
	w->waiting = waits(number);
	if (w->ready >= 0) {
		if ((w->argv ? number == SYS_prctl : w->waiting) && write(w->ready, "r", 1) == 1)
			w->ready = -1;
		return;
	}
	if (w->fault && number != (uint64_t)w->fault->call)
		return;
	w->seen->counted++;
	if (w->seen->counted != w->at &&
	    !(w->fault && w->fault->for_good && w->at > 0 && w->seen->counted > w->at))
		return;
	w->seen->call = number;
	w->seen->struck = true;
	if (w->fault) {
		w->failing = set_call(w->room, NO_CALL);
		return;
	}
	/* A child of ours; and when we have ended, it has too. */
	if (w->argv && kill(w->room, SIGKILL) == 0)
		waitpid(w->room, NULL, 0);
	/* PTRACE_O_EXITKILL: the room dies of our end, and its parent hears of it as of any. */
	_exit(0);
}

/* One stop of the room. */
static void on_stop(struct watch *w, int status)
{
	struct __ptrace_syscall_info info = { 0 };
	int sig = WSTOPSIG(status);
	bool interrupted = w->waiting && sig != SYSCALL_STOP;

	if (sig == SYSCALL_STOP)
		w->waiting = false;
	if (sig == SYSCALL_STOP &&
	    ptrace(PTRACE_GET_SYSCALL_INFO, w->room, sizeof(info), &info) <= 0)
		info.op = PTRACE_SYSCALL_INFO_NONE;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		on_call(w, info.entry.nr);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT && w->failing)
		w->failing = !set_result(w->room, -w->fault->error);
	/* It has done all that it was asked. */
	if (w->leave && (w->waiting || interrupted)) {
		ptrace(PTRACE_DETACH, w->room, NULL, NULL);
		_exit(0);
	}
	/* A signal of the room's own goes on to it. */
	if (sig == SYSCALL_STOP || status >> 16 == PTRACE_EVENT_STOP)
		sig = 0;
	ptrace(PTRACE_SYSCALL, w->room, NULL, (void *)(intptr_t)sig);
}

/* A program that waits, stopped, to be traced. */
static pid_t start(const char *const argv[])
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t pid = fork();

	if (pid != 0) {
		close(null);
		return pid > 0 && waitpid(pid, NULL, WUNTRACED) == pid ? pid : -1;
	}
	if (dup2(null, STDERR_FILENO) < 0 || raise(SIGSTOP) != 0)
		_exit(127);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static bool attach(struct watch *w)
{
	if (w->argv)
		w->room = start(w->argv);
	return w->room > 0 &&
	       ptrace(PTRACE_SEIZE, w->room, NULL,
		      (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) == 0 &&
	       (w->argv ? kill(w->room, SIGCONT) == 0
			: ptrace(PTRACE_INTERRUPT, w->room, NULL, NULL) == 0);
}

static void leave(struct watch *w)
{
	w->leave = true;
	ptrace(PTRACE_INTERRUPT, w->room, NULL, NULL);
}

/* Until the next stop; a fault for good is mended when it has lasted. */
static void wait_for_stop(struct watch *w, const sigset_t *set)
{
	const struct timespec mended = { .tv_nsec = KILLER_MENDED_MS * 1000000L };
	bool lasts = w->fault && w->fault->for_good && w->seen->struck && !w->leave;
	int sig = sigtimedwait(set, NULL, lasts ? &mended : NULL);

	if (sig == SIGTERM || (sig < 0 && errno == EAGAIN && lasts))
		leave(w);
}

static void trace(struct watch *w)
{
	sigset_t set;
	int status;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || !attach(w) ||
	    sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		_exit(1);
	for (;;) {
		while ((pid = waitpid(w->room, &status, __WALL | WNOHANG)) == w->room) {
			if (!WIFSTOPPED(status)) {
				w->seen->status = status;
				_exit(0);
			}
			on_stop(w, status);
		}
		if (pid < 0)
			_exit(0);
		wait_for_stop(w, &set);
	}
}

/* --- the test's side ----------------------------------------------------------------------- */

static bool begin(struct killer *k, struct watch *w)
{
	int ready[2];
	char byte;
	bool good;

	*k = (struct killer){ .seen = mmap(NULL, sizeof(*k->seen), PROT_READ | PROT_WRITE,
					   MAP_SHARED | MAP_ANONYMOUS, -1, 0) };
	if (k->seen == MAP_FAILED || pipe2(ready, O_CLOEXEC) < 0)
		return false;
	fflush(NULL);
	k->tracer = fork();
	if (k->tracer == 0) {
		close(ready[0]);
		w->ready = ready[1];
		w->seen = k->seen;
		trace(w);
	}
	close(ready[1]);
	good = k->tracer > 0 && read(ready[0], &byte, 1) == 1;
	close(ready[0]);
	if (!good)
		fprintf(stderr, "house: cannot trace\n");
	return good;
}

bool killer_set(struct killer *k, pid_t room, unsigned at)
{
	struct watch w = { .room = room, .at = at };

	return begin(k, &w);
}

bool killer_fail(struct killer *k, pid_t room, const struct killer_fault *fault, unsigned at)
{
	struct watch w = { .room = room, .at = at, .fault = fault };

	*k = (struct killer){ 0 };
	return KILLER_CAN_FAIL && begin(k, &w);
}

bool killer_run(struct killer *k, const char *const argv[], unsigned at)
{
	struct watch w = { .argv = argv, .at = at };

	return begin(k, &w) && waitpid(k->tracer, NULL, 0) == k->tracer;
}

bool killer_end(struct killer *k)
{
	/* After killer_run it has ended. */
	if (waitpid(k->tracer, NULL, WNOHANG) == 0 && kill(k->tracer, SIGTERM) == 0)
		waitpid(k->tracer, NULL, 0);
	return k->seen->struck;
}

unsigned killer_counted(const struct killer *k)
{
	return k->seen->counted;
}

int killer_status(const struct killer *k)
{
	return k->seen->status;
}

const char *killer_call(const struct killer *k)
{
	static char number[24];
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].number == k->seen->call)
			return calls[i].name;
	snprintf(number, sizeof(number), "call %llu", (unsigned long long)k->seen->call);
	return number;
}

void killer_free(struct killer *k)
{
	if (k->seen && k->seen != MAP_FAILED)
		munmap(k->seen, sizeof(*k->seen));
	k->seen = NULL;
}
