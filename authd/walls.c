/*
 * What the judge may still do once everything fixed is open: take clients, write
 * to them, reach the sockets of vault and sensor, ask logind's files about a session, read its
 * configuration again. It writes no file: its anchor file is open already.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <asm/unistd.h>
#include <linux/sched.h>

#include <kenmon/log.h>
#include <kenmon/room.h>

#include "judge.h"

#define WRITING (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)

static const struct km_call calls[] = {
	KM_CALL(fdatasync), /* of the anchor */
	KM_CALL_IF(openat, LACKS, 2, WRITING),
#ifdef __NR_open
	KM_CALL_IF(open, LACKS, 1, WRITING),
#endif
	/* vault and sensor, and the service manager (sd_notify) */
	KM_CALL_IF(socket, IS, 0, AF_UNIX),
	KM_CALL(connect),
	KM_CALL_IF(setsockopt, IS, 1, SOL_SOCKET),
	/* sd-event */
	KM_CALL(timerfd_create),
	KM_CALL(timerfd_settime),
	KM_CALL(signalfd4),
};

/*
 * What only a child can close (farewell.c). Neither a thread nor a namespace, and it runs
 * no other program: these are the flags of fork(), and execve is refused.
 */
static const struct km_call burial[] = {
	KM_CALL(pipe2),
	KM_CALL_IF(clone, IS, 0, CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD),
	KM_CALL(set_robust_list), /* the C library's, in every child */
};

#define ROWS(table)                                                                                \
	{                                                                                          \
		(table), sizeof(table) / sizeof((table)[0])                                        \
	}

void judge_wall(struct judge_wall *w, const char *config, const char *anchor_dir, bool may_fork)
{
	const struct km_wall_path path[JUDGE_WALL_PATHS] = {
		{ w->config,
		  KM_MAY_READ | KM_MAY_LIST }, /* a folder of drop-ins may be made later */
		{ w->drop_ins, KM_MAY_READ | KM_MAY_LIST },
		/* /proc/PID/cgroup says in which session a process is; nothing of others that the
		 * kernel guards (memory, environment) can be read behind Landlock. */
		{ "/proc", KM_MAY_READ },
		/* sessions and seats; logind makes their folders when it starts, maybe after us */
		{ "/run/systemd", KM_MAY_READ },
	};

	*w = (struct judge_wall){ .wall = { .calls = { km_wall_basics, ROWS(calls) },
					    .path = w->path,
					    .paths = JUDGE_WALL_PATHS,
					    .may_reach_abstract = km_room_manager_is_abstract() } };
	if (may_fork)
		w->wall.calls[2] = (struct km_calls)ROWS(burial);
	memcpy(w->path, path, sizeof(path));
	km_wall_place(config, anchor_dir, w->config);
	if (snprintf(w->drop_ins, sizeof(w->drop_ins), "%s.d", config) >= PATH_MAX)
		w->drop_ins[0] = '\0'; /* nor could it be read */
}

bool judge_confine(const struct judge *j, const char *config, const char *anchor_dir)
{
	struct judge_wall w;
	unsigned gaps = 0;
	km_rc rc;

	judge_wall(&w, config, anchor_dir, !j->rights_kept_out);
	rc = km_wall_up(&w.wall, &gaps);
	if (rc != KM_OK) {
		km_log(LOG_ERR, "the judge cannot be confined: %s: %s", km_rc_text(rc, KM_LANG_EN),
		       strerror(errno));
		return false;
	}
	for (unsigned gap = 1; km_wall_gap_text(gap); gap <<= 1)
		if (gaps & gap)
			km_log(LOG_WARNING, "%s", km_wall_gap_text(gap));
	return true;
}
