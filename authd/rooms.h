/* The rooms that --spawn supervises: what each is started with. */
#ifndef KENMON_AUTHD_ROOMS_H
#define KENMON_AUTHD_ROOMS_H

#include <limits.h>

#include "judge.h"

enum room_number { ROOM_VAULT, ROOM_JUDGE, ROOMS };

struct rooms;

struct room {
	struct rooms *rooms;
	const char *name;
	const char *listen_name; /* in LISTEN_FDNAMES */
	char program[PATH_MAX];
	uid_t uid;
	int listener;
	pid_t pid; /* 0: not running */
	int64_t started_ms;
	bool settled; /* ran for a while at least once */
	unsigned backoff_ms;
	sd_event_source *child, *timer;
};

struct rooms {
	struct room room[ROOMS];
	sd_event *event;
	const char *config, *socket, *journal;
	bool debug, separate, stopping;
	uid_t owner;
	int lock;
	int exit_code;
	char dir[PATH_MAX], vault_dir[PATH_MAX], judge_dir[PATH_MAX];
	char vault_socket[PATH_MAX], key[PATH_MAX];
};

void rooms_init(struct rooms *r, const struct judge_spawn *how);

/* The programs beside our own. */
KM_MUST_CHECK bool rooms_find_programs(struct rooms *r);

KM_MUST_CHECK bool room_start(struct room *room);

/* sd_event_child_handler_t of every room. */
int room_ended(sd_event_source *source, const siginfo_t *info, void *arg);

/* Ends the rooms, kindly at first, and then the loop, with this exit code. */
void rooms_stop(struct rooms *r, int exit_code);

/* After the loop: whatever still runs is killed. */
void rooms_end(struct rooms *r);

#endif
