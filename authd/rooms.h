/* The rooms that --spawn supervises: what each is started with, and its doors. */
#ifndef KENMON_AUTHD_ROOMS_H
#define KENMON_AUTHD_ROOMS_H

#include <limits.h>

#include "judge.h"

/* In the order of their uids with --separate-uids. */
enum room_number {
	ROOM_VAULT,
	ROOM_JUDGE,
	ROOM_SENSOR,
	ROOM_MATCHER,
	ROOM_COURIER,
	ROOMS,
	EVERYBODY
};

enum door_number { DOOR_AUTHD, DOOR_VAULT, DOOR_GRANT, DOOR_ORDER, DOOR_SENSOR, DOOR_PROBE, DOORS };

struct rooms;

/* A listening socket. A room that has several is told of them in this order. */
struct door {
	const char *name; /* in LISTEN_FDNAMES */
	enum room_number room, caller;
	int listener;
	char path[PATH_MAX];
};

struct room {
	struct rooms *rooms;
	enum room_number number;
	const char *name;
	char program[PATH_MAX];
	uid_t uid;
	/* Started when somebody connects; it ends by itself when nobody needs it. */
	bool on_demand;
	/* Without it there are no logins at all: what is hopeless with it ends the house. */
	bool vital;
	pid_t pid; /* 0: not running */
	int64_t started_ms;
	bool settled; /* ran for a while at least once */
	bool told;    /* was asked to stop */
	unsigned backoff_ms;
	sd_event_source *child, *timer, *wanted;
};

struct rooms {
	struct room room[ROOMS];
	struct door door[DOORS];
	sd_event *event;
	const char *config, *socket, *journal;
	bool debug, separate, stopping;
	uid_t owner;
	int lock;
	int exit_code;
	char dir[PATH_MAX], vault_dir[PATH_MAX], judge_dir[PATH_MAX], run_dir[PATH_MAX];
	char key[PATH_MAX];
};

/* --- rooms.c ---------------------------------------------------------------- */

void rooms_init(struct rooms *r, const struct judge_spawn *how);

/* The programs beside our own; false: one is missing, which is in the log. */
KM_MUST_CHECK bool rooms_find_programs(struct rooms *r);

KM_MUST_CHECK bool room_start(struct room *room);

/* --- supervise.c ------------------------------------------------------------ */

/* sd_event_child_handler_t of every room. */
int room_ended(sd_event_source *source, const siginfo_t *info, void *arg);

/* Starts the rooms, and again those that end, until it is told to stop. Returns the exit code. */
int rooms_supervise(struct rooms *r);

#endif
