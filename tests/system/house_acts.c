/* What a room that was taken over might try; see house_acts.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "house_acts.h"

long act_landlock;

#define NO_SUCH "/nonexistent-kenmon"

/* --- opening ------------------------------------------------------------------------ */

static long opens(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return fd;
}

#define OPENS(name, path, flags)                                                                   \
	static long name(pid_t other)                                                              \
	{                                                                                          \
		(void)other;                                                                       \
		return opens(path, flags);                                                         \
	}

OPENS(read_passwd, "/etc/passwd", O_RDONLY)
OPENS(read_outside, "outside/file", O_RDONLY)
OPENS(write_outside, "outside/file", O_WRONLY)
OPENS(cut_outside, "outside/file", O_WRONLY | O_TRUNC)
OPENS(make_outside, "outside/new", O_WRONLY | O_CREAT)
OPENS(make_nameless_outside, "outside", O_RDWR | O_TMPFILE)
OPENS(list_outside, "outside", O_RDONLY | O_DIRECTORY)
OPENS(list_root, "/", O_RDONLY | O_DIRECTORY)
OPENS(climb_out, "state/../outside/file", O_RDONLY)
OPENS(follow_out, "state/link", O_RDONLY)
OPENS(write_config, "etc/kenmon.conf", O_WRONLY)
OPENS(make_config, "etc/new", O_WRONLY | O_CREAT)
OPENS(read_state, "state/file", O_RDONLY)
OPENS(make_in_state, "state/new", O_WRONLY | O_CREAT)
OPENS(read_kek, "kek/file", O_RDONLY)
OPENS(read_anchor, "judge/file", O_RDONLY)
OPENS(write_anchor_again, "judge/file", O_WRONLY | O_APPEND)
OPENS(cut_in_state, "state/file", O_WRONLY | O_TRUNC)
OPENS(open_device, "/dev/zero", O_RDONLY)
OPENS(open_core_pattern, "/proc/sys/kernel/core_pattern", O_WRONLY)
OPENS(read_about_another, "/proc/1/status", O_RDONLY)
OPENS(write_setting, "/proc/self/oom_score_adj", O_WRONLY)

OPENS(reads_config, "etc/kenmon.conf", O_RDONLY)
static char target[PATH_MAX];

static long out_of_folder(pid_t other)
{
	int folder = open("state", O_PATH | O_DIRECTORY | O_CLOEXEC), fd;

	(void)other;
	fd = folder < 0 ? -1 : openat(folder, "../outside/file", O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd;
}

static long of_other(pid_t other, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)other, name);
	return opens(path, flags);
}

static long memory_of_other(pid_t other)
{
	return of_other(other, "mem", O_RDWR);
}

static long read_memory_of_other(pid_t other)
{
	return of_other(other, "mem", O_RDONLY);
}

static long environment_of_other(pid_t other)
{
	return of_other(other, "environ", O_RDONLY);
}

/* --- other processes ------------------------------------------------------------------- */

static long traces(pid_t other)
{
	return ptrace(PTRACE_SEIZE, other, NULL, NULL);
}

static char theirs[16];

static long vm(long number, pid_t other)
{
	char mine[16];
	struct iovec here = { mine, sizeof(mine) }, there = { theirs, sizeof(theirs) };

	return syscall(number, other, &here, 1, &there, 1, 0);
}

static long reads_memory(pid_t other)
{
	return vm(SYS_process_vm_readv, other);
}

static long writes_memory(pid_t other)
{
	return vm(SYS_process_vm_writev, other);
}

static long kills(pid_t other)
{
	return kill(other, SIGCONT);
}

static long kills_all(pid_t other)
{
	(void)other;
	return kill(0, 0);
}

static long kills_a_thread(pid_t other)
{
	return syscall(SYS_tgkill, other, other, SIGCONT);
}

static long queues_a_signal(pid_t other)
{
	siginfo_t info = { .si_code = SI_QUEUE };

	return syscall(SYS_rt_sigqueueinfo, other, SIGCONT, &info);
}

static long has_the_kernel_signal(pid_t other)
{
	return fcntl(STDERR_FILENO, F_SETOWN, other);
}

static long takes_a_descriptor(pid_t other)
{
	int fd = (int)syscall(SYS_pidfd_open, other, 0);

	return fd < 0 ? -1 : syscall(SYS_pidfd_getfd, fd, 2, 0);
}

static long sets_limits_of_other(pid_t other)
{
	struct rlimit r = { 0, RLIM_INFINITY };

	return prlimit(other, RLIMIT_CORE, &r, NULL);
}

/* --- programs and code ------------------------------------------------------------------- */

static long forks(long child)
{
	if (child == 0)
		_exit(0);
	return child;
}

static long makes_a_child(pid_t other)
{
	(void)other;
#ifdef SYS_fork
	return forks(syscall(SYS_fork));
#else
	return forks(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
#endif
}

static long makes_a_namespace(pid_t other)
{
	(void)other;
	return forks(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
}

static long clone3s(pid_t other)
{
	struct clone_args args = { .exit_signal = SIGCHLD };

	(void)other;
	return forks(syscall(SYS_clone3, &args, sizeof(args)));
}

static long maps(int protection)
{
	void *p = mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : 0;
}

static long maps_memory(pid_t other)
{
	(void)other;
	return maps(PROT_READ | PROT_WRITE);
}

static long maps_code(pid_t other)
{
	(void)other;
	return maps(PROT_READ | PROT_EXEC);
}

static long maps_writable_code(pid_t other)
{
	(void)other;
	return maps(PROT_READ | PROT_WRITE | PROT_EXEC);
}

static long makes_code_of_memory(pid_t other)
{
	static char page[8192] __attribute__((aligned(4096)));

	(void)other;
	return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

/* --- sockets ------------------------------------------------------------------------------ */

static long connects(pid_t other)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = "outside/listener" };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)other;
	return fd < 0 ? -1 : connect(fd, (const struct sockaddr *)&at, sizeof(at));
}

/* A name that is no path. Before version 6 Landlock leaves it to others to refuse. */
static long connects_to_a_name(pid_t other)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), n;

	n = snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, ACT_NAME, (int)other);
	if (fd < 0 ||
	    connect(fd, (const struct sockaddr *)&at,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) < 0)
		return -1;
	close(fd);
	errno = EPERM;
	return act_landlock >= 6 ? 0 : -1;
}

/* --- the table ----------------------------------------------------------------------------- */

#define A(pointer) (long)(intptr_t)(pointer)
#define CALL(name, number, ...)                                                                    \
	{                                                                                          \
		name, ACT_ALL, NULL, number,                                                       \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}
#define OF_MATCHER(name, number, ...)                                                              \
	{                                                                                          \
		name, ACT_MATCHER, NULL, number,                                                   \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}
#define ACT(name, room, function)                                                                  \
	{                                                                                          \
		name, room, function, 0,                                                           \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}

static const struct rlimit some = { 64, 64 };

const struct act acts_forbidden[] = {
	/* files */
	ACT("read /etc/passwd", ACT_ALL, read_passwd),
	ACT("read a file outside", ACT_ALL, read_outside),
	ACT("write a file outside", ACT_ALL, write_outside),
	ACT("cut a file outside", ACT_ALL, cut_outside),
	ACT("make a file outside", ACT_ALL, make_outside),
	ACT("make a nameless file outside", ACT_ALL, make_nameless_outside),
	ACT("list a folder outside", ACT_ALL, list_outside),
	ACT("list the root folder", ACT_ALL, list_root),
	ACT("climb out by ..", ACT_ALL, climb_out),
	ACT("climb out of an open folder", ACT_ALL, out_of_folder),
	ACT("follow a link out", ACT_ALL, follow_out),
	ACT("write the configuration", ACT_ALL, write_config),
	ACT("make a file of configuration", ACT_ALL, make_config),
	ACT("read the vault's state", ACT_JUDGE | ACT_MATCHER, read_state),
	ACT("make a file in the vault's state", ACT_JUDGE | ACT_MATCHER, make_in_state),
	ACT("read a key of the vault", ACT_JUDGE | ACT_MATCHER, read_kek),
	ACT("read the anchor from its folder", ACT_ALL, read_anchor),
	ACT("open the anchor again", ACT_ALL, write_anchor_again),
	ACT("empty a database by opening it", ACT_ALL, cut_in_state),
	ACT("open a device", ACT_ALL, open_device),
	ACT("change where cores go", ACT_ALL, open_core_pattern),
	ACT("read about another process", ACT_VAULT | ACT_MATCHER, read_about_another),
	ACT("change a setting in /proc", ACT_ALL, write_setting),
	CALL("rename out of the folder", SYS_renameat2, AT_FDCWD, A("state/file"), AT_FDCWD,
	     A("outside/gone"), 0),
	CALL("rename into the folder", SYS_renameat2, AT_FDCWD, A("outside/file"), AT_FDCWD,
	     A("state/come"), 0),
	CALL("exchange a file with one outside", SYS_renameat2, AT_FDCWD, A("outside/other"),
	     AT_FDCWD, A("state/file"), RENAME_EXCHANGE),
	CALL("remove a file outside", SYS_unlinkat, AT_FDCWD, A("outside/other"), 0),
	CALL("remove a folder", SYS_unlinkat, AT_FDCWD, A("state/sub"), AT_REMOVEDIR),
	CALL("make a folder", SYS_mkdirat, AT_FDCWD, A("state/newer"), 0700),
	CALL("link", SYS_linkat, AT_FDCWD, A("state/file"), AT_FDCWD, A("state/second"), 0),
	CALL("link symbolically", SYS_symlinkat, A("/etc"), AT_FDCWD, A("state/etc")),
	CALL("make a pipe with a name", SYS_mknodat, AT_FDCWD, A("state/pipe"), S_IFIFO | 0600, 0),
	CALL("make a device", SYS_mknodat, AT_FDCWD, A("state/null"), S_IFCHR | 0600, 0x103),
	CALL("change a mode", SYS_fchmodat, AT_FDCWD, A("state/file"), 0644),
	CALL("change an owner", SYS_fchownat, AT_FDCWD, A("state/file"), -1, -1, 0),
	CALL("cut a file by its path", SYS_truncate, A("outside/file"), 1),
	CALL("set an attribute", SYS_setxattr, A("state/file"), A("trusted.k"), A("x"), 1, 0),
	CALL("change times", SYS_utimensat, AT_FDCWD, A("state/file"), 0, 0),
	CALL("change the folder", SYS_chdir, A(".")),
	CALL("open by a handle", SYS_open_by_handle_at, -1, 0, 0),
	CALL("open by openat2", SYS_openat2, AT_FDCWD, A("state/file"), 0, 0),
	/* other processes */
	ACT("write another's memory through /proc", ACT_ALL, memory_of_other),
	ACT("read another's memory through /proc", ACT_ALL, read_memory_of_other),
	ACT("read another's environment", ACT_ALL, environment_of_other),
	ACT("trace another", ACT_ALL, traces),
	ACT("read another's memory", ACT_ALL, reads_memory),
	ACT("write another's memory", ACT_ALL, writes_memory),
	ACT("signal another", ACT_ALL, kills),
	ACT("signal its group", ACT_ALL, kills_all),
	ACT("signal a thread of another", ACT_ALL, kills_a_thread),
	ACT("queue a signal for another", ACT_ALL, queues_a_signal),
	ACT("have the kernel signal another", ACT_ALL, has_the_kernel_signal),
	ACT("take a descriptor of another", ACT_ALL, takes_a_descriptor),
	ACT("set another's limits", ACT_ALL, sets_limits_of_other),
	/* programs and code */
	CALL("start a program", SYS_execve, A(NO_SUCH), 0, 0),
	CALL("start a program by a descriptor", SYS_execveat, -1, A(NO_SUCH), 0, 0, 0),
	ACT("fork", ACT_ALL, makes_a_child),
	ACT("clone into a user namespace", ACT_ALL, makes_a_namespace),
	ACT("clone3", ACT_ALL, clone3s),
	ACT("map code", ACT_ALL, maps_code),
	ACT("map code that can be written", ACT_ALL, maps_writable_code),
	ACT("make code of memory", ACT_ALL, makes_code_of_memory),
	CALL("make a file in memory", SYS_memfd_create, A("k"), 0),
	CALL("make code of memory with a key", SYS_pkey_mprotect, 0, 0, PROT_EXEC, -1),
	CALL("make memory shared", SYS_shmget, 0, 0, 0600),
	CALL("attach shared memory", SYS_shmat, -1, 0, 0),
	CALL("become another personality", SYS_personality, 0xffffffff),
	/* sockets */
	CALL("AF_INET", SYS_socket, AF_INET, SOCK_DGRAM, 0),
	CALL("AF_INET6", SYS_socket, AF_INET6, SOCK_STREAM, 0),
	CALL("AF_NETLINK", SYS_socket, AF_NETLINK, SOCK_RAW, 0),
	CALL("AF_PACKET", SYS_socket, AF_PACKET, SOCK_RAW, 0),
	CALL("AF_VSOCK", SYS_socket, AF_VSOCK, SOCK_STREAM, 0),
	CALL("AF_ALG", SYS_socket, AF_ALG, SOCK_SEQPACKET, 0),
	CALL("listen", SYS_listen, STDERR_FILENO, 1),
	CALL("bind", SYS_bind, -1, 0, 0),
	{ "AF_UNIX", ACT_VAULT | ACT_MATCHER, NULL, SYS_socket, { AF_UNIX, SOCK_STREAM, 0 } },
	ACT("connect", ACT_VAULT | ACT_MATCHER, connects),
	/* By one it could write to any path; the others may make no pair at all. */
	{ "a pair of datagram sockets",
	  ACT_VAULT,
	  NULL,
	  SYS_socketpair,
	  { AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, 0 } },
	ACT("connect to an abstract name", ACT_JUDGE | ACT_MATCHER, connects_to_a_name),
	{ "a socket pair",
	  ACT_JUDGE | ACT_MATCHER,
	  NULL,
	  SYS_socketpair,
	  { AF_UNIX, SOCK_STREAM, 0, 0 } },
	CALL("a pair of another family", SYS_socketpair, AF_INET, SOCK_STREAM, 0, 0),
	{ "an option of a socket",
	  ACT_VAULT | ACT_MATCHER,
	  NULL,
	  SYS_setsockopt,
	  { 2, SOL_SOCKET, SO_PASSCRED, 0, 0 } },
	CALL("an option of another layer", SYS_setsockopt, STDERR_FILENO, 6, 1, 0, 0),
	/* who it is, and undoing its walls */
	CALL("setuid", SYS_setuid, 0),
	CALL("setresuid", SYS_setresuid, -1, -1, -1),
	CALL("setresgid", SYS_setresgid, -1, -1, -1),
	CALL("setgroups", SYS_setgroups, 0, 0),
	CALL("capset", SYS_capset, 0, 0),
	CALL("be dumpable again", SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0),
	CALL("name a tracer", SYS_prctl, PR_SET_PTRACER, -1, 0, 0, 0),
	CALL("not to be killed with its parent", SYS_prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0),
	CALL("another filter", SYS_seccomp, 0x7fffffff, 0, 0),
	CALL("another Landlock", SYS_landlock_restrict_self, -1, 0),
	CALL("raise a limit", SYS_prlimit64, 0, RLIMIT_NOFILE, A(&some), 0),
	CALL("raise a limit from half a null", SYS_prlimit64, 0, RLIMIT_NOFILE, 0x100000000, 0),
	CALL("sched_setscheduler", SYS_sched_setscheduler, 0, 0, 0),
	CALL("setpriority", SYS_setpriority, 0, 0, 0),
	/* the machine */
	CALL("mount", SYS_mount, A("none"), A(NO_SUCH), A("tmpfs"), 0, 0),
	CALL("umount", SYS_umount2, A(NO_SUCH), 0),
	CALL("fsopen", SYS_fsopen, A("nonexistent"), 0),
	CALL("open_tree", SYS_open_tree, AT_FDCWD, A(NO_SUCH), 1),
	CALL("move_mount", SYS_move_mount, -1, A(""), -1, A(""), 0),
	CALL("pivot_root", SYS_pivot_root, A(NO_SUCH), A(NO_SUCH)),
	CALL("chroot", SYS_chroot, A("/")),
	CALL("unshare", SYS_unshare, 0),
	CALL("setns", SYS_setns, -1, 0),
	CALL("bpf", SYS_bpf, -1, 0, 0),
	CALL("io_uring_setup", SYS_io_uring_setup, 0, 0),
	CALL("perf_event_open", SYS_perf_event_open, 0, 0, -1, -1, 0),
	CALL("userfaultfd", SYS_userfaultfd, 0x40000000),
	CALL("keyctl", SYS_keyctl, -1, 0, 0, 0, 0),
	CALL("add_key", SYS_add_key, 0, 0, 0, 0, 0),
	CALL("request_key", SYS_request_key, 0, 0, 0, 0),
	CALL("init_module", SYS_init_module, 0, 0, 0),
	CALL("reboot", SYS_reboot, 0, 0, 0, 0),
	CALL("sethostname", SYS_sethostname, 0, -1),
	CALL("settimeofday", SYS_settimeofday, 0, 0),
	CALL("clock_settime", SYS_clock_settime, -1, 0),
	CALL("clock_adjtime of another clock", SYS_clock_adjtime, 1, 0),
	CALL("swapon", SYS_swapon, A(NO_SUCH), 0),
	CALL("acct", SYS_acct, A(NO_SUCH)),
	CALL("syslog", SYS_syslog, 10, 0, 0),
	CALL("ioctl", SYS_ioctl, STDERR_FILENO, 0x5401, 0), /* TCGETS */
	CALL("inotify", SYS_inotify_init1, 0),
	CALL("fanotify", SYS_fanotify_init, 0, 0),
	CALL("splice", SYS_splice, -1, 0, -1, 0, 0, 0),
	CALL("quotactl", SYS_quotactl, -1, 0, 0, 0),
#ifdef __x86_64__
	CALL("iopl", SYS_iopl, 0),
	CALL("modify_ldt", SYS_modify_ldt, 0, 0, 0),
	CALL("a call of x32", 0x40000000 | SYS_getpid, 0),
#endif
	CALL("a call that does not exist yet", 4000, 0),
	/* what other rooms need, and the matcher does not */
	ACT("map memory", ACT_MATCHER, maps_memory),
	ACT("read its configuration", ACT_MATCHER, reads_config),
	OF_MATCHER("more of the heap", SYS_brk, 0),
	OF_MATCHER("look at a path", SYS_faccessat, AT_FDCWD, A("state/file"), 0),
	OF_MATCHER("find out where a link leads", SYS_readlinkat, AT_FDCWD, A("state/link"),
		   A(target), 8),
	OF_MATCHER("where it is", SYS_getcwd, A(target), sizeof(target)),
	OF_MATCHER("double a descriptor", SYS_fcntl, 2, F_DUPFD_CLOEXEC, 3),
	OF_MATCHER("another epoll", SYS_epoll_create1, 0),
	OF_MATCHER("read a plain file", SYS_read, -1, 0, 0),
	OF_MATCHER("its limits", SYS_prlimit64, 0, RLIMIT_NOFILE, 0, 0),
	OF_MATCHER("who it is", SYS_getuid, 0),
	OF_MATCHER("open a path", SYS_openat, AT_FDCWD, A("state/file"), O_PATH, 0),
};
const size_t acts_forbidden_count = sizeof(acts_forbidden) / sizeof(acts_forbidden[0]);

int act_try(const struct act *a, pid_t other)
{
	const long *v = a->arg;

	errno = 0;
	if ((a->act ? a->act(other) : syscall(a->number, v[0], v[1], v[2], v[3], v[4], v[5])) >= 0)
		return 0;
	return errno;
}
