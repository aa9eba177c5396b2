/*
 * What the vault may still do once its configuration is read and its socket is there,
 * before it opens a key or a database: take the judge, write to clients, make socket pairs
 * for desks, and work on its own folders. It makes no other socket and connects to nobody.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <asm/unistd.h>

#include <kenmon/log.h>
#include <kenmon/room.h>

#include "walls.h"

static const struct km_call calls[] = {
	/* databases, keys, the trail */
	KM_CALL_IF(openat, LACKS, 2, O_TRUNC),
#ifdef __NR_open
	KM_CALL_IF(open, LACKS, 1, O_TRUNC),
	KM_CALL(unlink),
	KM_CALL(rename),
	KM_CALL(mkdir),
#endif
#ifdef __NR_renameat
	KM_CALL(renameat),
#endif
	KM_CALL(renameat2),
	KM_CALL(unlinkat),
	KM_CALL(mkdirat), /* of the state folder, which is there: Landlock lets it make none */
	KM_CALL(fsync),
	KM_CALL(fdatasync),
	KM_CALL(sched_yield), /* before a flush, so that others come who share it */
	KM_CALL(ftruncate),
	KM_CALL(fallocate),
	KM_CALL_IF(fcntl, IS, 1, F_GETLK),
	KM_CALL_IF(fcntl, IS, 1, F_SETLK),
	KM_CALL_IF(fcntl, IS, 1, F_SETLKW),
	/* a desk's private line; of datagrams, one end could write to any socket of a path */
	KM_CALL_IF_BOTH(socketpair, 0, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC),
	/* whether the clock is set from outside; the right to set it was dropped */
	KM_CALL(adjtimex),
	KM_CALL_IF(clock_adjtime, IS, 0, CLOCK_REALTIME),
};

#define OWN (KM_MAY_READ | KM_MAY_LIST | KM_MAY_WRITE | KM_MAY_MAKE | KM_MAY_REMOVE)
#define ROWS(table)                                                                                \
	{                                                                                          \
		(table), sizeof(table) / sizeof((table)[0])                                        \
	}

void vault_wall(struct vault_wall *w, const struct vault_places *p)
{
	const struct km_wall_path path[VAULT_WALL_PATHS] = {
		{ p->state_dir, OWN },
		{ p->kek_dir, OWN },
		{ w->key, p->create ? OWN : KM_MAY_READ | KM_MAY_LIST },
		{ w->config, KM_MAY_READ | KM_MAY_LIST },
		{ w->drop_ins, KM_MAY_READ | KM_MAY_LIST },
		{ p->machine_id, KM_MAY_READ },
		/* days end when the site's time zone says so */
		{ "/usr/share/zoneinfo", KM_MAY_READ },
		{ "/etc/localtime", KM_MAY_READ },
		{ "/proc/sys/kernel/random/boot_id", KM_MAY_READ },
		{ "/dev/urandom", KM_MAY_READ }, /* SQLite's, for what need not be secret */
	};

	*w = (struct vault_wall){ .wall = { .calls = { km_wall_basics, ROWS(calls) },
					    .path = w->path,
					    .paths = VAULT_WALL_PATHS,
					    .may_reach_abstract = km_room_manager_is_abstract() } };
	memcpy(w->path, path, sizeof(path));
	/* The key's folder too: who can write there is looked at before the key is read. A bare
	 * name is one in the state folder, not one where we happen to stand.
	 */
	if (p->key && strchr(p->key, '/'))
		km_wall_place(p->key, "", w->key);
	km_wall_place(p->config, p->state_dir, w->config);
	if (snprintf(w->drop_ins, sizeof(w->drop_ins), "%s.d", p->config) >= PATH_MAX)
		w->drop_ins[0] = '\0'; /* nor could it be read */
}

/*
 * Its name is durable before anything in it is: a folder of KEKs that a power cut takes away again
 * would take the databases with it. Where we may not look into the folder around it, the starter
 * has made it, and has seen to that (systemd's own folders, authd/spawn.c).
 */
static void make_folder(const char *dir)
{
	char around[PATH_MAX];
	int fd;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		km_log(LOG_WARNING, "%s cannot be made: %s", dir, strerror(errno));
	if (snprintf(around, sizeof(around), "%s/..", dir) >= PATH_MAX)
		return;
	fd = open(around, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fsync(fd) < 0)
		km_log(LOG_WARNING, "%s: %s", around, strerror(errno));
	close(fd);
}

bool vault_confine(const struct vault_places *p, unsigned *gaps)
{
	struct vault_wall w;
	km_rc rc;

	/* Behind the walls no folder is made any more. */
	for (size_t i = 0; p->create && i < 2; i++) {
		const char *dir = i ? p->kek_dir : p->state_dir;

		if (dir)
			make_folder(dir);
	}
	vault_wall(&w, p);
	rc = km_wall_up(&w.wall, gaps);
	if (rc != KM_OK) {
		km_log(LOG_ERR, "the vault cannot be confined: %s: %s", km_rc_text(rc, KM_LANG_EN),
		       strerror(errno));
		return false;
	}
	for (unsigned gap = 1; km_wall_gap_text(gap); gap <<= 1)
		if (*gaps & gap)
			km_log(LOG_WARNING, "%s", km_wall_gap_text(gap));
	return true;
}
