/*
 * Deleting needs room: the log of a database grows before it shrinks. So 16 MiB
 * of the state folder's disk are kept by a file that holds nothing, and given
 * up when somebody is to be erased while the disk is full.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <kenmon/log.h>

#include "files.h"
#include "vault.h"

#define BALLAST_NAME  "ballast"
#define BALLAST_BYTES ((off_t)16 << 20)
#define BALLAST_ROOM                                                                               \
	(4 * (uint64_t)BALLAST_BYTES) /* left free, or it would fill the disk itself               \
				       */
#define ERASURE_ROOM                                                                               \
	((uint64_t)8 << 20) /* what an erasure and the end of its epoch need, twice                \
			     */
#define AGAIN_MS 60000

static uint64_t room(int folder)
{
	struct statvfs fs;

	return fstatvfs(folder, &fs) ? 0 : (uint64_t)fs.f_bavail * fs.f_frsize;
}

/* A copied folder may hold one that keeps no blocks. */
static bool is_whole(int folder)
{
	struct stat st;

	return !fstatat(folder, BALLAST_NAME, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode) &&
	       st.st_blocks * 512 >= BALLAST_BYTES;
}

static km_rc make(int folder)
{
	int fd FILE_CLOSE = -1;
	km_rc rc = file_remove(folder, BALLAST_NAME);

	if (!rc && room(folder) < BALLAST_ROOM)
		rc = KM_ELIMIT;
	if (!rc)
		rc = file_create(folder, BALLAST_NAME, &fd);
	if (!rc && (posix_fallocate(fd, 0, BALLAST_BYTES) || fsync(fd))) {
		(void)unlinkat(folder, BALLAST_NAME, 0);
		rc = KM_EIO;
	}
	return rc;
}

void ballast_keep(struct vault *v)
{
	int folder FILE_CLOSE = -1;

	if (!v->state_dir || v->erasing || v->epoch.at.closing || v->now.boot_ms < v->ballast_ms)
		return;
	v->ballast_ms = v->now.boot_ms + AGAIN_MS;
	if (file_folder(v->state_dir, FILE_OURS, &folder) || is_whole(folder))
		return;
	if (make(folder) == KM_OK)
		v->ballast_missed = false;
	else if (!v->ballast_missed) {
		v->ballast_missed = true;
		km_log(LOG_WARNING,
		       "%s: no room to keep 16 MiB free: with a full disk an erasure has to wait",
		       v->state_dir);
	}
}

void ballast_give(struct vault *v)
{
	int folder FILE_CLOSE = -1;

	if (!v->state_dir || file_folder(v->state_dir, FILE_OURS, &folder) ||
	    room(folder) >= ERASURE_ROOM || !is_whole(folder))
		return;
	v->ballast_ms = v->now.boot_ms + AGAIN_MS;
	if (file_remove(folder, BALLAST_NAME) == KM_OK)
		km_log(LOG_WARNING, "%s is full: the ballast is given up for an erasure",
		       v->state_dir);
}
