/*
 * Runs the program of an exec gateway: a process of its own, forked before the courier puts up its
 * walls, since what it runs would have to live behind them. It hears the room alone, by records of
 * one size, and starts the one program that it was made for: no shell, the number as the only
 * argument, the text on standard input, an empty environment, no descriptor but /dev/null for what
 * it says, no capability, a session of its own, all of which is killed when its time is over or it
 * has ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kenmon/clock.h>
#include <kenmon/phone.h>
#include <kenmon/secret.h>
#include <kenmon/log.h>
#include <kenmon/wall.h>
#include <kenmon/wire.h>

#include "exec.h"

#define LOOK_MS      1000 /* poll's clock stands still in sleep; deadlines do not */
#define CANNOT_START 127
#define ROOM         3 /* the descriptor of the room's socket, the first after the usual three */

struct run {
	uint64_t id;
	int64_t until_ms;
	pid_t pid;
	bool used, killed, done;
	struct exec_answer answer; /* once it is done */
};

struct runner {
	const char *program;
	int room;
	bool stop;
	struct run run[EXEC_RUNS];
	struct exec_request *request; /* locked */
};

static void on_child(int number)
{
	(void)number; /* it wakes ppoll */
}

/* --- in the child, between fork and exec ----------------------------------------------------- */

static void defaults(void)
{
	const struct sigaction plain = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		sigaction(i, &plain, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Standard input is the text; 1 and 2 are /dev/null already; told is the only other descriptor. */
static void become_program(const char *program, char *number, int text, int told)
{
	char name[] = "sms";
	char *argv[] = { name, number, NULL };
	int error;

	environ = NULL;
	defaults();
	/* Above the three, and the only one there: it closes when the program begins. */
	if (setsid() >= 0 && dup2(text, STDIN_FILENO) >= 0 && dup2(told, ROOM) >= 0 &&
	    (told = ROOM) == ROOM && fcntl(told, F_SETFD, FD_CLOEXEC) == 0 &&
	    close_range(ROOM + 1, ~0u, 0) == 0)
		execv(program, argv);
	error = errno;
	(void)!write(told, &error, sizeof(error));
	_exit(CANNOT_START);
}

/* --- starting -------------------------------------------------------------------------------- */

/* All of it fits into a pipe: nobody waits for the program to read. */
static int text_pipe(const struct exec_request *q)
{
	int fd[2];
	ssize_t n;

	if (pipe2(fd, O_CLOEXEC) < 0)
		return -1;
	n = write(fd[1], q->text, q->len);
	close(fd[1]);
	if (n == (ssize_t)q->len)
		return fd[0];
	close(fd[0]);
	errno = EIO;
	return -1;
}

/* 0, or why the program does not run. */
static int hear_start(pid_t pid, int told)
{
	int error = 0;
	ssize_t n;

	do
		n = read(told, &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	/* Where nothing can be heard it may run: how it ends tells more than we know. */
	if (n != (ssize_t)sizeof(error))
		return 0;
	waitpid(pid, NULL, 0);
	return error;
}

static int start(const struct runner *r, const struct exec_request *q, pid_t *pid)
{
	char number[KM_NUMBER_MAX + 1]; /* of the request nothing is left in a child */
	int told[2], error, text = text_pipe(q);

	if (text < 0)
		return errno;
	if (pipe2(told, O_CLOEXEC) < 0) {
		error = errno;
		close(text);
		return error;
	}
	memcpy(number, q->number, sizeof(number));
	*pid = fork();
	error = errno;
	if (*pid == 0)
		become_program(r->program, number, text, told[1]);
	km_wipe(number, sizeof(number));
	close(text);
	close(told[1]);
	if (*pid > 0)
		error = hear_start(*pid, told[0]);
	close(told[0]);
	return error;
}

/* --- the room -------------------------------------------------------------------------------- */

static void tell(struct runner *r, struct run *run)
{
	km_rc rc =
	    km_send(r->room, (const uint8_t *)&run->answer, sizeof(run->answer), -1, MSG_DONTWAIT);

	if (rc == KM_OK)
		run->used = false;
	else if (rc != KM_EAGAIN)
		r->stop = true;
}

static void done(struct runner *r, struct run *run, enum exec_outcome outcome, int value)
{
	run->done = true;
	run->answer = (struct exec_answer){ run->id, (int32_t)outcome, value };
	tell(r, run);
}

/* NULL: none. */
static struct run *find(struct runner *r, bool used, uint64_t id)
{
	for (size_t i = 0; i < EXEC_RUNS; i++)
		if (r->run[i].used == used && (!used || r->run[i].id == id))
			return &r->run[i];
	return NULL;
}

static void take_run(struct runner *r, const struct exec_request *q)
{
	struct run none = { .used = true, .id = q->id }, *run = find(r, false, 0);
	int error;

	if (!run) {
		done(r, &none, EXEC_NOT_STARTED, EAGAIN);
		return;
	}
	*run = (struct run){ .used = true, .id = q->id, .until_ms = km_boot_ms() + q->timeout_ms };
	error = start(r, q, &run->pid);
	if (error != 0)
		done(r, run, EXEC_NOT_STARTED, error);
}

static void kill_run(struct run *run)
{
	if (!run->used || run->done)
		return;
	run->killed = true;
	/* It may not have come to its session yet. */
	kill(-run->pid, SIGKILL);
	kill(run->pid, SIGKILL);
}

/*
 * What the room looks at, once more: whoever has taken it over is behind its walls and we are not,
 * and a program may take an argument that begins with '-' for something else than a number.
 */
static bool is_whole(const struct exec_request *q)
{
	return q->len <= sizeof(q->text) && memchr(q->number, '\0', sizeof(q->number)) &&
	       (q->what != EXEC_RUN ||
		(km_phone_is_e164(q->number) && km_text_is_page((const char *)q->text, q->len)));
}

static void hear(struct runner *r)
{
	struct exec_request *q = r->request;
	struct run *run;
	ssize_t n = recv(r->room, q, sizeof(*q), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != (ssize_t)sizeof(*q) || !is_whole(q))
		r->stop = true;
	else if (q->what == EXEC_RUN)
		take_run(r, q);
	else if (q->what == EXEC_KILL && (run = find(r, true, q->id)) != NULL)
		kill_run(run);
	km_wipe(q, sizeof(*q));
}

/* --- ends ---------------------------------------------------------------------------- */

static struct run *of_pid(struct runner *r, pid_t pid)
{
	for (size_t i = 0; i < EXEC_RUNS; i++)
		if (r->run[i].used && !r->run[i].done && r->run[i].pid == pid)
			return &r->run[i];
	return NULL;
}

static void reap(struct runner *r)
{
	siginfo_t info = { .si_pid = 0 };

	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0) {
		pid_t pid = info.si_pid;
		struct run *run = of_pid(r, pid);

		/* What it left behind, while the number of its group is still its own. */
		kill(-pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (run && run->killed)
			done(r, run, EXEC_TIMED_OUT, 0);
		else if (run)
			done(r, run, info.si_code == CLD_EXITED ? EXEC_EXITED : EXEC_SIGNALLED,
			     info.si_status);
		info.si_pid = 0;
	}
}

/* Kills what is too late, and says how long may be waited. */
static int expire(struct runner *r)
{
	int64_t now = km_boot_ms(), left = LOOK_MS;

	for (size_t i = 0; i < EXEC_RUNS; i++) {
		struct run *run = &r->run[i];

		if (run->used && run->done)
			tell(r, run);
		if (!run->used || run->done)
			continue;
		if (run->until_ms <= now)
			kill_run(run);
		else if (run->until_ms - now < left)
			left = run->until_ms - now;
	}
	return (int)left;
}

/* --- the process ----------------------------------------------------------------------------- */

/* A stop ends the room, and the end of the room ends us. */
static bool hold_signals(void)
{
	const struct sigaction wake = { .sa_handler = on_child };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t held;

	sigemptyset(&held);
	sigaddset(&held, SIGCHLD);
	return sigaction(SIGCHLD, &wake, NULL) == 0 && sigaction(SIGTERM, &ignore, NULL) == 0 &&
	       sigaction(SIGINT, &ignore, NULL) == 0 && sigaction(SIGHUP, &ignore, NULL) == 0 &&
	       sigprocmask(SIG_SETMASK, &held, NULL) == 0;
}

/* /dev/null three times, the room's socket, and nothing else of the courier's. */
static bool keep_only(int room)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	return null >= 0 && dup2(null, 0) >= 0 && dup2(null, 1) >= 0 && dup2(null, 2) >= 0 &&
	       dup2(room, ROOM) >= 0 && fcntl(ROOM, F_SETFD, FD_CLOEXEC) == 0 &&
	       close_range(ROOM + 1, ~0u, 0) == 0 && chdir("/") == 0;
}

static void serve(const char *program, int room)
{
	static struct runner r;
	sigset_t none;

	r.program = program;
	r.room = ROOM;
	r.request = km_locked_new(sizeof(*r.request));
	sigemptyset(&none);
	if (!r.request || !keep_only(room) || !hold_signals() || km_powers_drop() != KM_OK)
		_exit(1);
	while (!r.stop) {
		struct pollfd polled = { .fd = r.room, .events = POLLIN };
		int wait = expire(&r);
		const struct timespec pause = { wait / 1000, wait % 1000 * 1000000L };

		int n = ppoll(&polled, 1, &pause, &none);

		if (n > 0)
			hear(&r);
		else if (n < 0 && errno != EINTR)
			r.stop = true; /* deaf: the room hears that, and starts anew */
		reap(&r);
	}
	for (size_t i = 0; i < EXEC_RUNS; i++)
		kill_run(&r.run[i]);
	_exit(0);
}

km_rc exec_runner_start(const char *program, int *fd, pid_t *pid)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return KM_EIO;
	*pid = fork();
	if (*pid == 0) {
		close(pair[0]);
		serve(program, pair[1]);
	}
	close(pair[1]);
	if (*pid > 0) {
		*fd = pair[0];
		return KM_OK;
	}
	close(pair[0]);
	return KM_EIO;
}
