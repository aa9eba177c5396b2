/* A file that is there whole, durably and for its owner alone, or not at all. */
#include "copy_file.h"
#include "new_file.h"

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
	n->temporary[0] = '\0';
	/* That it is taken is said now; that nothing is ever replaced the naming sees to. */
	n->fd = nameless_open(n->name, O_RDWR);
	if (n->fd >= 0)
		return KM_OK;
	if (!nameless_unknown(errno))
		return cannot(d, n);
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
	char folder[PATH_MAX];
	int fd =
	    new_file_folder(name, folder) ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	bool good = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return good;
}

static bool give_name(const struct copy_new *n)
{
	if (!n->temporary[0])
		return nameless_name(n->fd, n->name);
	if (renameat2(AT_FDCWD, n->temporary, AT_FDCWD, n->name, RENAME_NOREPLACE) == 0)
		return true;
	/* A file system that cannot: nobody else was asked to write there. */
	return errno == EINVAL && access(n->name, F_OK) != 0 && rename(n->temporary, n->name) == 0;
}

km_rc copy_new_finish(struct desk *d, struct copy_new *n)
{
	if (fsync(n->fd) < 0 || !give_name(n))
		return cannot(d, n);
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
