/*
 * --spawn: rooms are started, started again when they end, and stopped.
 *
 * The sensor is there on demand, as with a systemd socket: while it does not run
 * the parent watches its listener, and starts it when somebody connects.
 */
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <sysexits.h>

#include <kenmon/clock.h>
#include <kenmon/log.h>

#include "rooms.h"

#define STOP_USEC   3000000 /* a vault finishes its batch in far less */
#define SETTLED_MS  2000    /* a room that ran so long had started well */
#define USEC_PER_MS 1000u
#define ACCURACY    1000

/* --- start ---------------------------------------------------------------------------- */

static int on_restart(sd_event_source *source, uint64_t usec, void *arg);

/* Later each time, until a room has run for a while. */
static void start_later(struct room *room)
{
	if (room->backoff_ms == 0)
		room->backoff_ms = JUDGE_BACKOFF_MS;
	room->timer = sd_event_source_disable_unref(room->timer);
	if (sd_event_add_time_relative(room->rooms->event, &room->timer, CLOCK_BOOTTIME,
				       room->backoff_ms * USEC_PER_MS, ACCURACY, on_restart,
				       room) < 0)
		sd_event_exit(room->rooms->event, EX_OSERR);
	room->backoff_ms *= 2;
	if (room->backoff_ms > JUDGE_BACKOFF_MAX_MS)
		room->backoff_ms = JUDGE_BACKOFF_MAX_MS;
}

static int on_wanted(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct room *room = arg;

	(void)source;
	(void)fd;
	(void)events;
	/* The room takes the caller; watched on, the listener would wake us until it has. */
	room->wanted = sd_event_source_disable_unref(room->wanted);
	if (!room_start(room))
		start_later(room);
	return 0;
}

/* Whoever came meanwhile is in the backlog, and is seen at once. */
static void watch_for_callers(struct room *room)
{
	const struct rooms *r = room->rooms;
	int listener = -1;

	for (unsigned i = 0; i < DOORS; i++)
		if (r->door[i].room == room->number)
			listener = r->door[i].listener;
	room->wanted = sd_event_source_disable_unref(room->wanted);
	if (sd_event_add_io(r->event, &room->wanted, listener, EPOLLIN, on_wanted, room) < 0)
		sd_event_exit(r->event, EX_OSERR);
}

static void bring_up(struct room *room)
{
	if (room->on_demand)
		watch_for_callers(room);
	else if (!room_start(room))
		start_later(room);
}

static int on_restart(sd_event_source *source, uint64_t usec, void *arg)
{
	struct room *room = arg;

	(void)source;
	(void)usec;
	room->timer = sd_event_source_disable_unref(room->timer);
	bring_up(room);
	return 0;
}

/* --- stop ------------------------------------------------------------------------------- */

/* The vault first: its last head is for the judge to write down, who is the last. */
static void stop_next(struct rooms *r)
{
	static const enum room_number order[ROOMS] = { ROOM_VAULT, ROOM_MATCHER, ROOM_COURIER,
						       ROOM_SENSOR, ROOM_JUDGE };

	for (unsigned i = 0; i < ROOMS; i++) {
		struct room *room = &r->room[order[i]];

		if (room->pid <= 0 || (!room->told && kill(room->pid, SIGTERM) < 0))
			continue;
		room->told = true;
		return;
	}
	sd_event_exit(r->event, r->exit_code);
}

static int on_too_late(sd_event_source *source, uint64_t usec, void *arg)
{
	struct rooms *r = arg;

	(void)source;
	(void)usec;
	for (unsigned i = 0; i < ROOMS; i++) {
		if (r->room[i].pid <= 0)
			continue;
		km_log(LOG_WARNING, "%s does not stop: killed", r->room[i].name);
		kill(r->room[i].pid, SIGKILL);
	}
	/* rooms_end() waits for them: one that was being traced tells the loop nothing. */
	sd_event_exit(r->event, r->exit_code);
	return 0;
}

/* Ends the rooms, kindly at first, and then the loop, with this exit code. */
static void rooms_stop(struct rooms *r, int exit_code)
{
	if (r->stopping)
		return;
	r->stopping = true;
	r->exit_code = exit_code;
	for (unsigned i = 0; i < ROOMS; i++) {
		r->room[i].timer = sd_event_source_disable_unref(r->room[i].timer);
		r->room[i].wanted = sd_event_source_disable_unref(r->room[i].wanted);
	}
	stop_next(r);
	if (sd_event_add_time_relative(r->event, NULL, CLOCK_BOOTTIME, STOP_USEC, ACCURACY,
				       on_too_late, r) < 0)
		sd_event_exit(r->event, exit_code);
}

/* After the loop: whatever still runs is killed. */
static void rooms_end(struct rooms *r)
{
	for (unsigned i = 0; i < ROOMS; i++) {
		struct room *room = &r->room[i];

		room->child = sd_event_source_disable_unref(room->child);
		room->timer = sd_event_source_disable_unref(room->timer);
		room->wanted = sd_event_source_disable_unref(room->wanted);
		if (room->pid <= 0)
			continue;
		kill(room->pid, SIGKILL);
		waitpid(room->pid, NULL, 0);
		room->pid = 0;
	}
	r->event = sd_event_unref(r->event);
}

/* --- the end of a room ------------------------------------------------------------------ */

static void say_end(const struct room *room, const siginfo_t *info)
{
	if (info->si_code == CLD_EXITED)
		km_log(LOG_WARNING, "%s (pid %d) ended with code %d", room->name, room->pid,
		       info->si_status);
	else
		km_log(LOG_ERR, "%s (pid %d) was ended by signal %d (%s)", room->name, room->pid,
		       info->si_status, strsignal(info->si_status));
}

/* Nobody needed it any more. One that ends as soon as it begins has something else. */
static bool ended_idle(const struct room *room, const siginfo_t *info, int64_t ran_ms)
{
	return room->on_demand && info->si_code == CLD_EXITED && info->si_status == 0 &&
	       ran_ms >= SETTLED_MS;
}

int room_ended(sd_event_source *source, const siginfo_t *info, void *arg)
{
	struct room *room = arg;
	struct rooms *r = room->rooms;
	int64_t ran_ms = km_boot_ms() - room->started_ms;
	bool idle = ended_idle(room, info, ran_ms);
	bool hopeless = info->si_code == CLD_EXITED &&
			(info->si_status == EX_CONFIG || info->si_status == EX_NOPERM);

	(void)source;
	room->child = sd_event_source_disable_unref(room->child);
	if (ran_ms >= SETTLED_MS) {
		room->settled = true;
		room->backoff_ms = JUDGE_BACKOFF_MS;
	}
	if (!r->stopping && !idle)
		say_end(room, info);
	room->pid = 0;
	if (r->stopping) {
		stop_next(r);
		return 0;
	}
	/* What was wrong from the start does not get better by starting again. */
	if (hopeless && room->vital && !room->settled) {
		rooms_stop(r, info->si_status);
		return 0;
	}
	if (idle)
		bring_up(room);
	else
		start_later(room);
	return 0;
}

/* --- the loop ----------------------------------------------------------------------------- */

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	(void)source;
	(void)info;
	rooms_stop(arg, 0);
	return 0;
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	struct rooms *r = arg;

	(void)source;
	(void)info;
	/* One that is started on demand reads the configuration each time. */
	for (unsigned i = 0; i < ROOMS; i++)
		if (r->room[i].pid > 0 && !r->room[i].on_demand)
			kill(r->room[i].pid, SIGHUP);
	return 0;
}

/* A stop is seen before the ends of rooms that the same Ctrl-C reached. */
static bool add_signal(struct rooms *r, int signal, sd_event_signal_handler_t handler)
{
	sd_event_source *source = NULL;
	bool good = sd_event_add_signal(r->event, &source, signal, handler, r) >= 0 &&
		    sd_event_source_set_priority(source, SD_EVENT_PRIORITY_IMPORTANT) >= 0 &&
		    sd_event_source_set_floating(source, true) >= 0;

	sd_event_source_unref(source);
	return good;
}

int rooms_supervise(struct rooms *r)
{
	sigset_t set;
	int rc;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || sd_event_new(&r->event) < 0 ||
	    !add_signal(r, SIGTERM, on_stop) || !add_signal(r, SIGINT, on_stop) ||
	    !add_signal(r, SIGHUP, on_reload))
		return EX_OSERR;
	for (unsigned i = 0; i < ROOMS; i++)
		bring_up(&r->room[i]);
	rc = sd_event_loop(r->event);
	rooms_end(r);
	return rc < 0 ? EX_SOFTWARE : rc;
}
