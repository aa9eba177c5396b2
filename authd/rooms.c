/* Starting a room: its arguments, its uid, its one socket, and nothing else of ours. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <kenmon/clock.h>
#include <kenmon/log.h>

#include "rooms.h"

#define LISTEN_FD  3 /* the first, sd_listen_fds(3) */
#define ARGS_MAX   24
#define NUMBER_MAX 16

struct args {
	const char *v[ARGS_MAX];
	unsigned count;
};

void rooms_init(struct rooms *r, const struct judge_spawn *how)
{
	static const char *const names[ROOMS][2] = {
		[ROOM_VAULT] = { "kenmon-vault", "vault" },
		[ROOM_JUDGE] = { "kenmon-authd", "authd" },
	};

	for (unsigned i = 0; i < ROOMS; i++) {
		r->room[i].rooms = r;
		r->room[i].name = names[i][0];
		r->room[i].listen_name = names[i][1];
		r->room[i].listener = -1;
	}
	r->config = how->config;
	r->socket = how->socket;
	r->journal = how->journal;
	r->debug = how->debug;
}

bool rooms_find_programs(struct rooms *r)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n <= 0)
		return false;
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return false;
	*slash = '\0';
	for (unsigned i = 0; i < ROOMS; i++) {
		int len = snprintf(r->room[i].program, PATH_MAX, "%s/%s", self, r->room[i].name);

		if (len < 0 || len >= PATH_MAX || access(r->room[i].program, X_OK) < 0)
			return false;
	}
	return true;
}

/* --- in the child, between fork and exec ------------------------------------------------ */

static void add(struct args *a, const char *arg)
{
	if (a->count + 1 < ARGS_MAX)
		a->v[a->count++] = arg;
}

static void add_pair(struct args *a, const char *option, const char *value)
{
	if (!value)
		return;
	add(a, option);
	add(a, value);
}

static void vault_args(const struct rooms *r, struct args *a, const char *judge_uid)
{
	add_pair(a, "--state-dir", r->vault_dir);
	add_pair(a, "--key", r->key);
	add(a, "--create-key");
	add_pair(a, "--judge-uid", judge_uid);
}

static void judge_args(const struct rooms *r, struct args *a, const char *vault_uid)
{
	add_pair(a, "--vault-socket", r->vault_socket);
	add_pair(a, "--anchor-dir", r->judge_dir);
	add_pair(a, "--vault-uid", vault_uid);
	if (r->debug)
		add(a, "--debug");
}

static bool become(uid_t uid)
{
	if (uid == geteuid())
		return true;
	return setgroups(0, NULL) == 0 && setresgid(uid, uid, uid) == 0 &&
	       setresuid(uid, uid, uid) == 0;
}

/* Descriptors 0 to 2 and the socket as 3; everything else is closed. */
static bool keep_only(int listener)
{
	if (listener == LISTEN_FD) {
		if (fcntl(listener, F_SETFD, 0) < 0)
			return false;
	} else if (dup2(listener, LISTEN_FD) < 0) {
		return false;
	}
	return close_range(LISTEN_FD + 1, ~0u, 0) == 0;
}

static bool set_listen(const struct room *room)
{
	char pid[NUMBER_MAX];

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if (room != &room->rooms->room[ROOM_JUDGE])
		unsetenv("NOTIFY_SOCKET");
	return setenv("LISTEN_PID", pid, 1) == 0 && setenv("LISTEN_FDS", "1", 1) == 0 &&
	       setenv("LISTEN_FDNAMES", room->listen_name, 1) == 0;
}

/* A parent that is killed takes its rooms along. After the change of uid, which clears it. */
static bool die_with(pid_t parent)
{
	return prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) == 0 && getppid() == parent;
}

static void exec_room(const struct room *room, pid_t parent)
{
	const struct rooms *r = room->rooms;
	char owner[NUMBER_MAX], other[NUMBER_MAX];
	bool is_vault = room == &r->room[ROOM_VAULT];
	struct args a = { .v = { room->name }, .count = 1 };
	char *argv[ARGS_MAX];
	sigset_t none;

	snprintf(owner, sizeof(owner), "%u", r->owner);
	snprintf(other, sizeof(other), "%u", r->room[is_vault ? ROOM_JUDGE : ROOM_VAULT].uid);
	add_pair(&a, "--config", r->config);
	add_pair(&a, "--journal", r->journal);
	add_pair(&a, "--owner", owner);
	(is_vault ? vault_args : judge_args)(r, &a, other);
	memcpy(argv, a.v, sizeof(argv)); /* execv does not write to them */
	sigemptyset(&none);
	if (!keep_only(room->listener) || !become(room->uid) || !die_with(parent) ||
	    !set_listen(room) || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return;
	execv(room->program, argv);
}

/* --- in the parent ------------------------------------------------------------------------- */

bool room_start(struct room *room)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0) {
		km_log(LOG_ERR, "%s cannot be started: %s", room->name, strerror(errno));
		return false;
	}
	if (pid == 0) {
		exec_room(room, parent);
		dprintf(STDERR_FILENO, "kenmon-authd: %s cannot be started: %s\n", room->program,
			strerror(errno));
		_exit(EX_OSERR);
	}
	room->pid = pid;
	room->started_ms = km_boot_ms();
	if (sd_event_add_child(room->rooms->event, &room->child, pid, WEXITED, room_ended, room) <
	    0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		room->pid = 0;
		return false;
	}
	return true;
}

void rooms_end(struct rooms *r)
{
	for (unsigned i = 0; i < ROOMS; i++) {
		struct room *room = &r->room[i];

		room->child = sd_event_source_disable_unref(room->child);
		room->timer = sd_event_source_disable_unref(room->timer);
		if (room->pid <= 0)
			continue;
		kill(room->pid, SIGKILL);
		waitpid(room->pid, NULL, 0);
		room->pid = 0;
	}
	r->event = sd_event_unref(r->event);
}
