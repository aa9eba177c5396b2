/* Files that the desk makes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "new_file.h"

static km_rc cannot(struct desk *d, const char *path, int error)
{
	if (error == EEXIST)
		return desk_because(d, KM_EEXIST, DESK_OUTPUT_EXISTS, path, NULL);
	return desk_because(d, KM_EINVAL, DESK_OUTPUT_OPEN, path, strerror(error));
}

bool new_file_folder(const char *path, char out[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t len = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;

	if (len >= PATH_MAX)
		return false;
	memcpy(out, len ? path : ".", len ? len : 1);
	out[len ? len : 1] = '\0';
	return true;
}

int nameless_open(const char *path, int access)
{
	char folder[PATH_MAX];
	struct stat st;

	/* Said now, and not after all the work. */
	if (lstat(path, &st) == 0) {
		errno = EEXIST;
		return -1;
	}
	if (!new_file_folder(path, folder)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(folder, access | O_TMPFILE | O_CLOEXEC, 0600);
}

bool nameless_unknown(int error)
{
	return error == EOPNOTSUPP || error == EISDIR || error == EINVAL;
}

bool nameless_name(int fd, const char *path)
{
	char self[32];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0;
}

km_rc new_file_open(struct desk *d, const char *path, struct new_file *out)
{
	int fd = nameless_open(path, O_WRONLY);

	*out = (struct new_file){ .path = path };
	if (fd < 0 && nameless_unknown(errno)) {
		out->named = true;
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	}
	if (fd < 0)
		return cannot(d, path, errno);
	out->f = fdopen(fd, "w");
	if (out->f)
		return KM_OK;
	close(fd);
	return cannot(d, path, ENOMEM);
}

static bool written(struct new_file *n)
{
	errno = EIO; /* of a write that failed before */
	return fflush(n->f) == 0 && !ferror(n->f) && fsync(fileno(n->f)) == 0;
}

km_rc new_file_close(struct desk *d, struct new_file *n, km_rc rc)
{
	if (rc == KM_OK && (!written(n) || (!n->named && !nameless_name(fileno(n->f), n->path))))
		rc = cannot(d, n->path, errno);
	if (rc != KM_OK)
		__fpurge(n->f); /* so that closing writes nothing more */
	/* What cannot be emptied either is cut short, and the desk has said that it failed. */
	if (rc != KM_OK && n->named)
		(void)!ftruncate(fileno(n->f), 0);
	(void)fclose(n->f);
	n->f = NULL;
	return rc;
}
