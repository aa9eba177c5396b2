/* Starting a room: its arguments, its uid, its sockets, and nothing else of ours. */
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
#define ARGS_MAX   28
#define NUMBER_MAX 16
#define NAMES_MAX  64            /* of LISTEN_FDNAMES */
#define VIRTUAL    "FP_VIRTUAL_" /* libfprint's readers that are none */

struct args {
	const char *v[ARGS_MAX];
	unsigned count;
};

void rooms_init(struct rooms *r, const struct judge_spawn *how)
{
	static const struct {
		const char *name;
		bool on_demand, vital;
	} rooms[ROOMS] = {
		[ROOM_VAULT] = { "kenmon-vault", false, true },
		[ROOM_JUDGE] = { "kenmon-authd", false, true },
		[ROOM_SENSOR] = { "kenmon-sensor", true, false },
		[ROOM_MATCHER] = { "kenmon-matcher", false, false },
		[ROOM_COURIER] = { "kenmon-courier", false, false },
	};
	static const struct {
		const char *name;
		enum room_number room, caller;
	} doors[DOORS] = {
		/* Every local user may ask; who it is, the kernel says. */
		[DOOR_AUTHD] = { "authd", ROOM_JUDGE, EVERYBODY },
		[DOOR_VAULT] = { "vault", ROOM_VAULT, ROOM_JUDGE },
		[DOOR_GRANT] = { "grant", ROOM_VAULT, ROOM_MATCHER },
		[DOOR_ORDER] = { "order", ROOM_VAULT, ROOM_COURIER },
		[DOOR_SENSOR] = { "sensor", ROOM_SENSOR, ROOM_JUDGE },
		[DOOR_PROBE] = { "probe", ROOM_MATCHER, ROOM_SENSOR },
	};

	for (unsigned i = 0; i < ROOMS; i++)
		r->room[i] = (struct room){ .rooms = r,
					    .number = (enum room_number)i,
					    .name = rooms[i].name,
					    .on_demand = rooms[i].on_demand,
					    .vital = rooms[i].vital };
	for (unsigned i = 0; i < DOORS; i++)
		r->door[i] = (struct door){ .name = doors[i].name,
					    .room = doors[i].room,
					    .caller = doors[i].caller,
					    .listener = -1 };
	r->config = how->config;
	r->socket = how->socket;
	r->journal = how->journal;
	r->debug = how->debug;
}

bool rooms_find_programs(struct rooms *r)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash = NULL;

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
	}
	if (!slash) {
		km_log(LOG_ERR, "where kenmon-authd lies cannot be read from /proc");
		return false;
	}
	*slash = '\0';
	for (unsigned i = 0; i < ROOMS; i++) {
		struct room *room = &r->room[i];
		int len = snprintf(room->program, PATH_MAX, "%s/%s", self, room->name);

		if (len > 0 && len < PATH_MAX && access(room->program, X_OK) == 0)
			continue;
		km_log(LOG_ERR, "%s is not beside kenmon-authd, in %s", room->name, self);
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

/* Whom a room hears and where it connects to. */
static void add_others(const struct rooms *r, struct args *a, enum room_number room,
		       char uid[ROOMS][NUMBER_MAX])
{
	static const struct {
		enum room_number room, other;
		const char *option;
	} uids[] = {
		{ ROOM_VAULT, ROOM_JUDGE, "--judge-uid" },
		{ ROOM_VAULT, ROOM_MATCHER, "--matcher-uid" },
		{ ROOM_VAULT, ROOM_COURIER, "--courier-uid" },
		{ ROOM_JUDGE, ROOM_VAULT, "--vault-uid" },
		{ ROOM_JUDGE, ROOM_SENSOR, "--sensor-uid" },
		{ ROOM_SENSOR, ROOM_JUDGE, "--judge-uid" },
		{ ROOM_MATCHER, ROOM_SENSOR, "--sensor-uid" },
		{ ROOM_MATCHER, ROOM_VAULT, "--vault-uid" },
		{ ROOM_COURIER, ROOM_VAULT, "--vault-uid" },
	};
	static const struct {
		enum room_number room;
		enum door_number door;
		const char *option;
	} doors[] = {
		{ ROOM_JUDGE, DOOR_VAULT, "--vault-socket" },
		{ ROOM_JUDGE, DOOR_SENSOR, "--sensor-socket" },
		{ ROOM_SENSOR, DOOR_PROBE, "--probe-socket" },
		{ ROOM_MATCHER, DOOR_GRANT, "--grant-socket" },
		{ ROOM_COURIER, DOOR_ORDER, "--order-socket" },
	};

	for (size_t i = 0; i < sizeof(uids) / sizeof(uids[0]); i++)
		if (uids[i].room == room)
			add_pair(a, uids[i].option, uid[uids[i].other]);
	for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++)
		if (doors[i].room == room)
			add_pair(a, doors[i].option, r->door[doors[i].door].path);
}

static void add_own(const struct rooms *r, struct args *a, enum room_number room)
{
	if (room == ROOM_VAULT) {
		add_pair(a, "--state-dir", r->vault_dir);
		add_pair(a, "--key", r->key);
		add(a, "--create-key");
	}
	if (room == ROOM_JUDGE) {
		add_pair(a, "--anchor-dir", r->judge_dir);
		if (r->debug)
			add(a, "--debug");
	}
}

static bool become(uid_t uid)
{
	if (uid == geteuid())
		return true;
	return setgroups(0, NULL) == 0 && setresgid(uid, uid, uid) == 0 &&
	       setresuid(uid, uid, uid) == 0;
}

/* Descriptors 0 to 2 and the room's sockets from 3 on; everything else is closed. */
static bool keep_only(const struct room *room, char names[NAMES_MAX], int *count)
{
	const struct door *door = room->rooms->door;
	int fd[DOORS], n = 0, used = 0;

	/* Out of the way first: one may have the number that another is to get. */
	for (unsigned i = 0; i < DOORS; i++) {
		if (door[i].room != room->number)
			continue;
		used += snprintf(names + used, (size_t)(NAMES_MAX - used), "%s%s", n ? ":" : "",
				 door[i].name);
		fd[n] = fcntl(door[i].listener, F_DUPFD, LISTEN_FD + DOORS);
		if (fd[n++] < 0 || used >= NAMES_MAX)
			return false;
	}
	for (int i = 0; i < n; i++)
		if (dup2(fd[i], LISTEN_FD + i) < 0)
			return false;
	*count = n;
	return close_range((unsigned)(LISTEN_FD + n), ~0u, 0) == 0;
}

static bool set_listen(const char *names, int count)
{
	char pid[NUMBER_MAX], fds[NUMBER_MAX];

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	snprintf(fds, sizeof(fds), "%d", count);
	return setenv("LISTEN_PID", pid, 1) == 0 && setenv("LISTEN_FDS", fds, 1) == 0 &&
	       setenv("LISTEN_FDNAMES", names, 1) == 0;
}

/*
 * What of the starter's environment a room gets, by the beginning of its name: all others would be
 * heard by libraries (a proxy, by libcurl's). The rows from LD_ on are for a library that is
 * preloaded, and for builds that measure themselves.
 */
static const struct {
	const char *name;
	enum room_number room; /* the one that gets it; EVERYBODY: each */
} kept[] = {
	{ "PATH=", EVERYBODY },
	{ "TZ=", EVERYBODY },
	{ "CREDENTIALS_DIRECTORY=", ROOM_COURIER },
	{ "NOTIFY_SOCKET=", ROOM_JUDGE },
	{ "WATCHDOG_", ROOM_JUDGE },
	{ VIRTUAL, ROOM_SENSOR },
	{ "LD_", EVERYBODY },
	{ "FAKETIME", EVERYBODY },
	{ "KENMON_", EVERYBODY },
	{ "ASAN_", EVERYBODY },
	{ "UBSAN_", EVERYBODY },
	{ "LSAN_", EVERYBODY },
	{ "LLVM_", EVERYBODY },
};

static bool stays(const char *variable, enum room_number room)
{
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (strncmp(variable, kept[i].name, strlen(kept[i].name)) == 0)
			return kept[i].room == EVERYBODY || kept[i].room == room;
	return false;
}

static void trim_environment(enum room_number room)
{
	char **to = environ;

	for (char **e = environ; e && *e; e++)
		if (stays(*e, room))
			*to++ = *e;
	if (to)
		*to = NULL;
}

/* A parent that is killed takes its rooms along. After the change of uid, which clears it. */
static bool die_with(pid_t parent)
{
	return prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) == 0 && getppid() == parent;
}

static void exec_room(const struct room *room, pid_t parent)
{
	const struct rooms *r = room->rooms;
	char owner[NUMBER_MAX], uid[ROOMS][NUMBER_MAX], names[NAMES_MAX];
	struct args a = { .v = { room->name }, .count = 1 };
	char *argv[ARGS_MAX];
	sigset_t none;
	int sockets = 0;

	for (unsigned i = 0; i < ROOMS; i++)
		snprintf(uid[i], NUMBER_MAX, "%u", r->room[i].uid);
	snprintf(owner, sizeof(owner), "%u", r->owner);
	add_pair(&a, "--config", r->config);
	add_pair(&a, "--journal", r->journal);
	add_pair(&a, "--owner", owner);
	add_own(r, &a, room->number);
	add_others(r, &a, room->number, uid);
	memcpy(argv, a.v, sizeof(argv)); /* execv does not write to them */
	sigemptyset(&none);
	trim_environment(room->number);
	if (!keep_only(room, names, &sockets) || !become(room->uid) || !die_with(parent) ||
	    !set_listen(names, sockets) || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
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
