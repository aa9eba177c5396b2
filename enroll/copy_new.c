/* A file that is there whole, durably and for its owner alone, or not at all. */
#include "copy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static km_rc cannot(struct desk *d, const struct copy_new *n)
{
	return desk_because(d, KM_EINVAL, DESK_COPY_WRITE, n->name, strerror(errno));
}

km_rc copy_new_begin(struct desk *d, struct copy_new *n)
{
	n->fd = -1;
	/* Said now; that nothing is ever replaced the renaming sees to. */
	if (access(n->name, F_OK) == 0) {
		errno = EEXIST;
		return cannot(d, n);
	}
	if (snprintf(n->temporary, sizeof(n->temporary), "%s.new", n->name) >=
	    (int)sizeof(n->temporary)) {
		errno = ENAMETOOLONG;
		return cannot(d, n);
	}
	n->fd = open(n->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return n->fd < 0
		   ? desk_because(d, KM_EINVAL, DESK_COPY_WRITE, n->temporary, strerror(errno))
		   : KM_OK;
}

km_rc copy_new_write(struct desk *d, const struct copy_new *n, const void *bytes, size_t len)
{
	return copy_write(n->fd, bytes, len) ? KM_OK : cannot(d, n);
}

/* The folder's, so that the name is as durable as the file. */
static bool sync_folder(const char *name)
{
	const char *slash = strrchr(name, '/');
	char folder[4096];
	int fd;
	bool good;

	if (!slash)
		snprintf(folder, sizeof(folder), ".");
	else
		snprintf(folder, sizeof(folder), "%.*s", slash == name ? 1 : (int)(slash - name),
			 name);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	good = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	return good;
}

km_rc copy_new_finish(struct desk *d, struct copy_new *n)
{
	if (fsync(n->fd) < 0)
		return cannot(d, n);
	if (renameat2(AT_FDCWD, n->temporary, AT_FDCWD, n->name, RENAME_NOREPLACE) < 0) {
		/* A file system that cannot: nobody else was asked to write there. */
		if (errno != EINVAL || access(n->name, F_OK) == 0 ||
		    rename(n->temporary, n->name) < 0)
			return cannot(d, n);
	}
	n->temporary[0] = '\0';
	return sync_folder(n->name) ? KM_OK : cannot(d, n);
}

void copy_new_end(struct copy_new *n)
{
	if (n->fd < 0)
		return;
	close(n->fd);
	if (n->temporary[0])
		(void)unlink(n->temporary);
	n->fd = -1;
}
