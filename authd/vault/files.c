/* Files of the state folder; see files.h. */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_TEMPORARY 64 /* the longest name here, with ".new" */

void file_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static km_rc from_errno(int error)
{
	switch (error) {
	case ENOENT:
		return KM_ENOTFOUND;
	case EEXIST:
		return KM_EEXIST;
	case ENOMEM:
		return KM_ENOMEM;
	case ELOOP: /* a link where none may be */
	case ENOTDIR:
	case EACCES:
	case EPERM:
	case ENXIO: /* a socket or a pipe */
		return KM_EPERM;
	default:
		return KM_EIO;
	}
}

static bool trusted(const struct stat *st, enum file_trust trust)
{
	static const mode_t denied[] = { [FILE_OURS] = 077, [FILE_CREDENTIAL] = 027 };

	if (st->st_uid != 0 && st->st_uid != geteuid())
		return false;
	return (st->st_mode & denied[trust]) == 0;
}

km_rc file_folder(const char *path, enum file_trust trust, int *fd)
{
	/* 0550 is what systemd gives the folder of credentials. */
	static const mode_t denied[] = { [FILE_OURS] = 077, [FILE_CREDENTIAL] = 022 };
	int folder FILE_CLOSE = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (folder < 0)
		return from_errno(errno);
	if (fstat(folder, &st))
		return KM_EIO;
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & denied[trust]))
		return KM_EPERM;
	*fd = folder;
	folder = -1;
	return KM_OK;
}

static km_rc check_plain(const struct stat *st, enum file_trust trust)
{
	return S_ISREG(st->st_mode) && st->st_nlink == 1 && trusted(st, trust) ? KM_OK : KM_EPERM;
}

km_rc file_open(int folder, const char *name, enum file_trust trust, int *fd)
{
	int file FILE_CLOSE = -1;
	struct stat st;
	km_rc rc;

	/* Looked at first, because opening a device can already do something. */
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW))
		return from_errno(errno);
	rc = check_plain(&st, trust);
	if (rc)
		return rc;
	file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (file < 0)
		return from_errno(errno);
	if (fstat(file, &st))
		return KM_EIO;
	rc = check_plain(&st, trust);
	if (rc)
		return rc;
	*fd = file;
	file = -1;
	return KM_OK;
}

km_rc file_present(int folder, const char *name, bool *present, size_t *size)
{
	struct stat st;
	km_rc rc;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW)) {
		if (errno != ENOENT)
			return from_errno(errno);
		*present = false;
		return KM_OK;
	}
	rc = check_plain(&st, FILE_OURS);
	if (rc)
		return rc;
	*present = true;
	if (size)
		*size = (size_t)st.st_size;
	return KM_OK;
}

km_rc file_read(int fd, void *bytes, size_t len)
{
	struct stat st;
	size_t done = 0;

	if (fstat(fd, &st))
		return KM_EIO;
	if (st.st_size < 0 || (size_t)st.st_size != len)
		return KM_ECORRUPT;
	while (done < len) {
		ssize_t n = read(fd, (char *)bytes + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return KM_EIO;
		if (n == 0)
			return KM_ECORRUPT;
		done += (size_t)n;
	}
	return KM_OK;
}

static km_rc write_all(int fd, const void *bytes, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(fd, (const char *)bytes + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return KM_EIO;
		done += (size_t)n;
	}
	return fsync(fd) ? KM_EIO : KM_OK;
}

km_rc file_create(int folder, const char *name, int *fd)
{
	int file = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (file < 0)
		return from_errno(errno);
	*fd = file;
	return KM_OK;
}

km_rc file_place(int folder, const char *temporary, const char *name)
{
	struct stat st;

	if (!renameat2(folder, temporary, folder, name, RENAME_NOREPLACE))
		return fsync(folder) ? KM_EIO : KM_OK;
	if (errno != EINVAL && errno != ENOSYS)
		return from_errno(errno);
	/* A file system without RENAME_NOREPLACE: only we can write here, so looking first will do.
	 */
	if (!fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW))
		return KM_EEXIST;
	if (errno != ENOENT || renameat(folder, temporary, folder, name))
		return from_errno(errno);
	return fsync(folder) ? KM_EIO : KM_OK;
}

km_rc file_remove(int folder, const char *name)
{
	bool present;
	km_rc rc = file_present(folder, name, &present, NULL);

	if (rc || !present)
		return rc;
	if (unlinkat(folder, name, 0))
		return from_errno(errno);
	return fsync(folder) ? KM_EIO : KM_OK;
}

km_rc file_make(int folder, const char *name, const void *bytes, size_t len)
{
	char temporary[FILE_TEMPORARY];
	int fd FILE_CLOSE = -1;
	km_rc rc;

	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.new", name) >= sizeof(temporary))
		return KM_ELIMIT;
	rc = file_remove(folder, temporary); /* what a crash left half written */
	if (!rc)
		rc = file_create(folder, temporary, &fd);
	if (!rc)
		rc = write_all(fd, bytes, len);
	if (!rc)
		rc = file_place(folder, temporary, name);
	if (rc && fd >= 0)
		(void)unlinkat(folder, temporary, 0);
	return rc;
}

static km_rc overwrite(int fd, size_t len)
{
	static const uint8_t nothing[512];
	km_rc rc = KM_OK;

	while (!rc && len > 0) {
		size_t part = len < sizeof(nothing) ? len : sizeof(nothing);

		rc = write_all(fd, nothing, part);
		len -= part;
	}
	return rc;
}

km_rc file_shred(int folder, const char *name)
{
	int fd FILE_CLOSE = -1;
	bool present;
	size_t size = 0;
	km_rc rc = file_present(folder, name, &present, &size);

	if (rc || !present)
		return rc;
	fd = openat(folder, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return from_errno(errno);
	rc = overwrite(fd, size);
	return rc ? rc : file_remove(folder, name);
}
