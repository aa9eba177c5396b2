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
	char kek[PATH_MAX];

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
	    !path_in(kek, r->dir, "vault-kek") || !path_in(r->run_dir, r->dir, "run") ||
	    !path_in(r->key, r->vault_dir, "master.key"))
		return EX_CANTCREAT;
	if (!folder(r->dir, mode, geteuid()) || !lock_folder(r) ||
	    !folder(r->vault_dir, 0700, r->room[ROOM_VAULT].uid) ||
	    !folder(kek, 0700, r->room[ROOM_VAULT].uid) ||
	    !folder(r->judge_dir, 0700, r->room[ROOM_JUDGE].uid) ||
	    !folder(r->run_dir, mode, geteuid()))
		return EX_CANTCREAT;
	/* Before anything lies in them: all of them, or none, after a power cut. */
	if (fsync(r->lock) < 0) {
		km_log(LOG_ERR, "%s: %s", r->dir, strerror(errno));
		return EX_CANTCREAT;
	}
	return 0;
}

/* One that only its caller may reach, or everybody. */
static bool make_door(struct rooms *r, struct door *door)
{
	bool everybody = door->caller == EVERYBODY;
	uid_t uid = everybody ? geteuid() : r->room[door->caller].uid;
	char name[NAME_MAX];
	km_rc rc = KM_ELIMIT;

	snprintf(name, sizeof(name), "%s.sock", door->name);
	if (everybody ? snprintf(door->path, PATH_MAX, "%s", r->socket) < PATH_MAX
		      : path_in(door->path, r->run_dir, name))
		rc = km_listen_at(door->path, everybody ? 0666 : 0600,
				  uid == geteuid() ? (uid_t)-1 : uid, (gid_t)-1, &door->listener);
	if (rc != KM_OK)
		km_log(LOG_ERR, "no socket at %s: %s", door->path, km_listen_text(rc));
	return rc == KM_OK;
}

static int make_doors(struct rooms *r)
{
	for (unsigned i = 0; i < DOORS; i++)
		if (!make_door(r, &r->door[i]))
			return EX_CANTCREAT;
	return 0;
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
	if (!rooms_find_programs(r))
		return EX_OSFILE;
	rc = make_folders(r, how->state_dir);
	if (rc == 0)
		rc = make_doors(r);
	if (rc == 0)
		rc = rooms_supervise(r);
	for (unsigned i = 0; i < DOORS; i++)
		if (r->door[i].listener >= 0)
			unlink(r->door[i].path);
	return rc;
}
