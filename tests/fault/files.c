/* Files and folders. SQLite calls those of the large-file names. */
#undef _FORTIFY_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "interpose.h"

static fault_listener *listens;

void fault_listen(fault_listener *listener)
{
	listens = listener;
}

static void tell(enum fault_call call, int fd, const char *name, const char *to)
{
	fault_listener *listener = listens;

	if (!listener)
		return;
	listens = NULL;
	listener(call, fd, name, to);
	listens = listener;
}

/* The mode that follows the flags of open, when one does. */
static mode_t mode_of(int flags, va_list args)
{
	return flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

#define OPEN(name)                                                                                 \
	PUBLIC int name(const char *path, int flags, ...)                                          \
	{                                                                                          \
		va_list args;                                                                      \
		mode_t mode;                                                                       \
                                                                                                   \
		va_start(args, flags);                                                             \
		mode = mode_of(flags, args);                                                       \
		va_end(args);                                                                      \
		return fault_fails(FAULT_OPEN) ? -1 : REAL(name)(path, flags, mode);               \
	}
OPEN(open)
OPEN(open64)

/* What a fortified open without a mode is. */
PUBLIC int __open_2(const char *path, int flags);
PUBLIC int __open_2(const char *path, int flags)
{
	return fault_fails(FAULT_OPEN) ? -1 : REAL(open)(path, flags);
}

PUBLIC int openat(int folder, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = mode_of(flags, args);
	va_end(args);
	return fault_fails(FAULT_OPEN) ? -1 : REAL(openat)(folder, path, flags, mode);
}

PUBLIC DIR *fdopendir(int fd)
{
	return fault_fails(FAULT_FOLDER) ? NULL : REAL(fdopendir)(fd);
}

PUBLIC struct dirent *readdir(DIR *dir)
{
	return fault_fails(FAULT_FOLDER) ? NULL : REAL(readdir)(dir);
}

#define STAT(name, type)                                                                           \
	PUBLIC int name(const char *path, struct type *st)                                         \
	{                                                                                          \
		return fault_fails(FAULT_STAT) ? -1 : REAL(name)(path, st);                        \
	}
STAT(stat, stat)
STAT(lstat, stat)
STAT(stat64, stat64)
STAT(lstat64, stat64)

PUBLIC int fstat(int fd, struct stat *st)
{
	return fault_fails(FAULT_STAT) ? -1 : REAL(fstat)(fd, st);
}

PUBLIC int fstat64(int fd, struct stat64 *st)
{
	return fault_fails(FAULT_STAT) ? -1 : REAL(fstat64)(fd, st);
}

PUBLIC int fstatat(int folder, const char *path, struct stat *st, int flags)
{
	return fault_fails(FAULT_STAT) ? -1 : REAL(fstatat)(folder, path, st, flags);
}

PUBLIC ssize_t read(int fd, void *bytes, size_t len)
{
	return fault_fails(FAULT_READ) ? -1 : REAL(read)(fd, bytes, len);
}

PUBLIC ssize_t pread64(int fd, void *bytes, size_t len, off64_t at)
{
	return fault_fails(FAULT_READ) ? -1 : REAL(pread64)(fd, bytes, len, at);
}

/* Half of it is written, as on a disk that is full. */
PUBLIC ssize_t write(int fd, const void *bytes, size_t len)
{
	if (!fault_fails(FAULT_WRITE))
		return REAL(write)(fd, bytes, len);
	if (len > 1 && fault_error() == ENOSPC)
		return REAL(write)(fd, bytes, len / 2);
	return -1;
}

PUBLIC ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
	if (!fault_fails(FAULT_WRITE))
		return REAL(pwrite64)(fd, bytes, len, at);
	if (len > 1 && fault_error() == ENOSPC)
		return REAL(pwrite64)(fd, bytes, len / 2, at);
	return -1;
}

PUBLIC int fsync(int fd)
{
	tell(FAULT_SYNC, fd, NULL, NULL);
	return fault_fails(FAULT_SYNC) ? -1 : REAL(fsync)(fd);
}

PUBLIC int fdatasync(int fd)
{
	tell(FAULT_SYNC, fd, NULL, NULL);
	return fault_fails(FAULT_SYNC) ? -1 : REAL(fdatasync)(fd);
}

PUBLIC int ftruncate64(int fd, off64_t len)
{
	return fault_fails(FAULT_TRUNCATE) ? -1 : REAL(ftruncate64)(fd, len);
}

PUBLIC int mkdir(const char *path, mode_t mode)
{
	return fault_fails(FAULT_NAME) ? -1 : REAL(mkdir)(path, mode);
}

PUBLIC int renameat(int from, const char *old, int to, const char *name)
{
	tell(FAULT_NAME, from, old, name);
	return fault_fails(FAULT_NAME) ? -1 : REAL(renameat)(from, old, to, name);
}

PUBLIC int renameat2(int from, const char *old, int to, const char *name, unsigned flags)
{
	tell(FAULT_NAME, from, old, name);
	return fault_fails(FAULT_NAME) ? -1 : REAL(renameat2)(from, old, to, name, flags);
}

PUBLIC int unlink(const char *path)
{
	return fault_fails(FAULT_NAME) ? -1 : REAL(unlink)(path);
}

PUBLIC int unlinkat(int folder, const char *path, int flags)
{
	return fault_fails(FAULT_NAME) ? -1 : REAL(unlinkat)(folder, path, flags);
}

#define FCNTL(name)                                                                                \
	PUBLIC int name(int fd, int op, ...)                                                       \
	{                                                                                          \
		va_list args;                                                                      \
		void *arg;                                                                         \
                                                                                                   \
		va_start(args, op);                                                                \
		arg = va_arg(args, void *);                                                        \
		va_end(args);                                                                      \
		return fault_fails(FAULT_FCNTL) ? -1 : REAL(name)(fd, op, arg);                    \
	}
FCNTL(fcntl)
FCNTL(fcntl64)
