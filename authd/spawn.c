/*
 * --spawn: all rooms on a state folder of the starter's own, without systemd.
 *
 * SECURITY. The parent makes folders and sockets, starts the rooms and starts
 * them again; it reads from nobody. It refuses the system's own state folder,
 * since its starter counts as root in there, and one that others can write.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <kenmon/clock.h>
#include <kenmon/log.h>
#include <kenmon/sock.h>

#include "rooms.h"

#define SYSTEM_STATE "/var/lib/kenmon"
#define STOP_USEC    3000000 /* a vault finishes its batch in far less */
#define SETTLED_MS   2000    /* a room that ran so long had started well */
#define USEC_PER_MS  1000u
#define ACCURACY     1000

/* --- the folder -------------------------------------------------------------------- */

static bool is_inside(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return strncmp(path, folder, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* Where path is, or would be: its parent has to exist. */
static bool resolve(const char *path, char out[PATH_MAX])
{
	char copy[PATH_MAX], parent[PATH_MAX];
	size_t len = strlen(path);
	const char *name;
	char *slash;
	int n;

	if (realpath(path, out))
		return true;
	if (errno != ENOENT || len == 0 || len >= sizeof(copy))
		return false;
	memcpy(copy, path, len + 1);
	while (len > 1 && copy[len - 1] == '/')
		copy[--len] = '\0';
	slash = strrchr(copy, '/');
	name = slash ? slash + 1 : copy;
	if (slash)
		*slash = '\0';
	if (!realpath(slash == copy ? "/" : slash ? copy : ".", parent))
		return false;
	n = snprintf(out, PATH_MAX, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, name);
	return n > 0 && n < PATH_MAX;
}

static bool is_the_systems(const char *resolved)
{
	char real[PATH_MAX];

	return is_inside(resolved, SYSTEM_STATE) ||
	       (realpath(SYSTEM_STATE, real) && is_inside(resolved, real));
}

/* A folder of uid's, made when missing; one that others can write is refused. */
static bool folder(const char *path, mode_t mode, uid_t uid)
{
	struct stat st;
	int fd;
	bool good;

	if (mkdir(path, 0700) < 0 && errno != EEXIST) {
		km_log(LOG_ERR, "%s cannot be made: %s", path, strerror(errno));
		return false;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		km_log(LOG_ERR, "%s is not a folder that can be used: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	good = (st.st_uid == geteuid() || st.st_uid == uid) && (st.st_mode & 022) == 0;
	if (!good)
		km_log(LOG_ERR, "%s belongs to somebody else or can be written by others: refused",
		       path);
	else if ((st.st_uid != uid && fchown(fd, uid, (gid_t)uid) < 0) || fchmod(fd, mode) < 0) {
		km_log(LOG_ERR, "%s cannot be given to uid %u: %s", path, uid, strerror(errno));
		good = false;
	}
	close(fd);
	return good;
}

static bool path_in(char out[PATH_MAX], const char *dir, const char *name)
{
	int n = snprintf(out, PATH_MAX, "%s/%s", dir, name);

	return n > 0 && n < PATH_MAX;
}

/* Two of us on one folder would be two vaults on one database. */
static bool lock_folder(struct rooms *r)
{
	r->lock = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->lock >= 0 && flock(r->lock, LOCK_EX | LOCK_NB) == 0)
		return true;
	km_log(LOG_ERR, "%s is in use by another kenmon-authd", r->dir);
	return false;
}

static int make_folders(struct rooms *r, const char *state_dir)
{
	/* Others may only pass through, to what is theirs. */
	mode_t mode = r->separate ? 0711 : 0700;
	char run[PATH_MAX], kek[PATH_MAX];

	if (!resolve(state_dir, r->dir)) {
		km_log(LOG_ERR, "%s: %s", state_dir, strerror(errno));
		return EX_CANTCREAT;
	}
	if (is_the_systems(r->dir)) {
		km_log(LOG_ERR, "%s is the system's state folder: --spawn does not touch it",
		       r->dir);
		return EX_NOPERM;
	}
	if (!path_in(r->vault_dir, r->dir, "vault") || !path_in(r->judge_dir, r->dir, "judge") ||
	    !path_in(kek, r->dir, "vault-kek") || !path_in(run, r->dir, "run") ||
	    !path_in(r->vault_socket, run, "vault.sock") ||
	    !path_in(r->key, r->vault_dir, "master.key"))
		return EX_CANTCREAT;
	if (!folder(r->dir, mode, geteuid()) || !lock_folder(r) ||
	    !folder(r->vault_dir, 0700, r->room[ROOM_VAULT].uid) ||
	    !folder(kek, 0700, r->room[ROOM_VAULT].uid) ||
	    !folder(r->judge_dir, 0700, r->room[ROOM_JUDGE].uid) || !folder(run, mode, geteuid()))
		return EX_CANTCREAT;
	/* Before anything lies in them: all of them, or none, after a power cut. */
	if (fsync(r->lock) < 0) {
		km_log(LOG_ERR, "%s: %s", r->dir, strerror(errno));
		return EX_CANTCREAT;
	}
	return 0;
}

static int make_sockets(struct rooms *r)
{
	uid_t judge = r->room[ROOM_JUDGE].uid;
	const struct {
		enum room_number room;
		const char *path;
		mode_t mode;
		uid_t uid;
	} sockets[] = {
		/* Every local user may ask; who it is, the kernel says. */
		{ ROOM_JUDGE, r->socket, 0666, geteuid() },
		{ ROOM_VAULT, r->vault_socket, 0600, judge },
	};

	for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
		uid_t uid = sockets[i].uid == geteuid() ? (uid_t)-1 : sockets[i].uid;
		km_rc rc = km_listen_at(sockets[i].path, sockets[i].mode, uid, (gid_t)-1,
					&r->room[sockets[i].room].listener);

		if (rc == KM_OK)
			continue;
		km_log(LOG_ERR, "no socket at %s: %s", sockets[i].path, km_rc_text(rc, KM_LANG_EN));
		return EX_CANTCREAT;
	}
	return 0;
}

/* --- supervision ------------------------------------------------------------------------ */

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

static int on_restart(sd_event_source *source, uint64_t usec, void *arg)
{
	struct room *room = arg;

	(void)source;
	(void)usec;
	room->timer = sd_event_source_disable_unref(room->timer);
	if (!room_start(room))
		start_later(room);
	return 0;
}

static void say_end(const struct room *room, const siginfo_t *info)
{
	if (info->si_code == CLD_EXITED)
		km_log(LOG_WARNING, "%s (pid %d) ended with code %d", room->name, room->pid,
		       info->si_status);
	else
		km_log(LOG_ERR, "%s (pid %d) was ended by signal %d (%s)", room->name, room->pid,
		       info->si_status, strsignal(info->si_status));
}

/* The vault first: its last head is for the judge to write down. */
static void stop_next(struct rooms *r)
{
	for (unsigned i = 0; i < ROOMS; i++)
		if (r->room[i].pid > 0 && kill(r->room[i].pid, SIGTERM) == 0)
			return;
	sd_event_exit(r->event, r->exit_code);
}

int room_ended(sd_event_source *source, const siginfo_t *info, void *arg)
{
	struct room *room = arg;
	struct rooms *r = room->rooms;
	bool hopeless = info->si_code == CLD_EXITED &&
			(info->si_status == EX_CONFIG || info->si_status == EX_NOPERM);

	(void)source;
	room->child = sd_event_source_disable_unref(room->child);
	if (km_boot_ms() - room->started_ms >= SETTLED_MS) {
		room->settled = true;
		room->backoff_ms = JUDGE_BACKOFF_MS;
	}
	if (!r->stopping)
		say_end(room, info);
	room->pid = 0;
	if (r->stopping) {
		stop_next(r);
		return 0;
	}
	/* What was wrong from the start does not get better by starting again. */
	if (hopeless && !room->settled) {
		rooms_stop(r, info->si_status);
		return 0;
	}
	start_later(room);
	return 0;
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

void rooms_stop(struct rooms *r, int exit_code)
{
	if (r->stopping)
		return;
	r->stopping = true;
	r->exit_code = exit_code;
	for (unsigned i = 0; i < ROOMS; i++)
		r->room[i].timer = sd_event_source_disable_unref(r->room[i].timer);
	stop_next(r);
	if (sd_event_add_time_relative(r->event, NULL, CLOCK_BOOTTIME, STOP_USEC, ACCURACY,
				       on_too_late, r) < 0)
		sd_event_exit(r->event, exit_code);
}

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
	for (unsigned i = 0; i < ROOMS; i++)
		if (r->room[i].pid > 0)
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

static int supervise(struct rooms *r)
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
		if (!room_start(&r->room[i]))
			start_later(&r->room[i]);
	rc = sd_event_loop(r->event);
	rooms_end(r);
	return rc < 0 ? EX_SOFTWARE : rc;
}

static bool set_uids(struct rooms *r, const struct judge_spawn *how)
{
	r->separate = how->base_uid >= 0;
	r->owner = geteuid();
	if (r->separate && geteuid() != 0) {
		km_log(LOG_ERR, "--separate-uids needs root");
		return false;
	}
	for (unsigned i = 0; i < ROOMS; i++)
		r->room[i].uid = r->separate ? (uid_t)how->base_uid + i : geteuid();
	return true;
}

int judge_spawn(const struct judge_spawn *how)
{
	static struct rooms rooms = { .lock = -1 };
	struct rooms *r = &rooms;
	int rc;

	rooms_init(r, how);
	if (!set_uids(r, how))
		return EX_NOPERM;
	if (!rooms_find_programs(r)) {
		km_log(LOG_ERR, "kenmon-vault is not beside kenmon-authd");
		return EX_OSFILE;
	}
	rc = make_folders(r, how->state_dir);
	if (rc == 0)
		rc = make_sockets(r);
	if (rc == 0)
		rc = supervise(r);
	if (r->room[ROOM_JUDGE].listener >= 0)
		unlink(r->socket);
	if (r->room[ROOM_VAULT].listener >= 0)
		unlink(r->vault_socket);
	return rc;
}
