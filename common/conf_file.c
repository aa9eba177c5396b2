/* Finding and reading the files of the configuration. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kenmon/log.h>

#include "conf_file.h"

km_rc km_conf_fail(struct km_conf_error *error, km_rc rc, const char *path, int line,
		   enum km_fault_number number, const char *format, ...)
{
	va_list args;

	km_escape(path, error->path, sizeof(error->path));
	error->line = line;
	error->why.number = KM_FAULT_NONE;
	va_start(args, format);
	km_fault_write(&error->fault, number, format, args, error->text, sizeof(error->text));
	va_end(args);
	return rc;
}

/*
 * A folder, open, that not everybody can write; *fd is -1 when there is none.
 * how: O_RDONLY to list it, O_PATH only to go through it.
 */
static km_rc open_folder(const char *path, int how, int *fd, struct km_conf_error *error)
{
	struct stat st;
	int d = open(path, how | O_DIRECTORY | O_CLOEXEC);

	if (d < 0 && errno == ENOENT) {
		*fd = -1;
		return KM_OK;
	}
	if (d < 0)
		return KM_CONF_FAIL(error, KM_EIO, path, 0, OPEN, strerror(errno));
	if (fstat(d, &st) < 0 || (st.st_mode & S_IWOTH)) {
		close(d);
		return KM_CONF_FAIL(error, KM_ECONF, path, 0, FOLDER_OPEN);
	}
	*fd = d;
	return KM_OK;
}

/* The folder in which path lies. */
static km_rc open_parent(const char *path, int *fd, struct km_conf_error *error)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];

	if (!slash)
		return open_folder(".", O_PATH, fd, error);
	if ((size_t)(slash - path) >= sizeof(folder))
		return KM_CONF_FAIL(error, KM_ECONF, path, 0, PATH_LONG);
	snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	return open_folder(folder, O_PATH, fd, error);
}

static km_rc check_file(int fd, const char *path, struct km_conf_error *error)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return KM_CONF_FAIL(error, KM_EIO, path, 0, READ, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return KM_CONF_FAIL(error, KM_ECONF, path, 0, NOT_REGULAR);
	if (st.st_mode & S_IWOTH)
		return KM_CONF_FAIL(error, KM_ECONF, path, 0, FILE_OPEN);
	return KM_OK;
}

static km_rc read_all(int fd, const char *path, struct km_conf_text *out,
		      struct km_conf_error *error)
{
	char *bytes = malloc(KM_CONF_BYTES + 1);
	size_t len = 0;
	ssize_t n = 1;

	if (!bytes)
		return KM_CONF_FAIL(error, KM_ENOMEM, path, 0, MEMORY);
	while (n > 0 && len <= KM_CONF_BYTES) {
		n = read(fd, bytes + len, KM_CONF_BYTES + 1 - len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			len += (size_t)n;
	}
	if (n < 0 || len > KM_CONF_BYTES) {
		int reason = errno;

		free(bytes);
		if (n >= 0)
			return KM_CONF_FAIL(error, KM_ECONF, path, 0, FILE_LARGE,
					    KM_CONF_BYTES / 1024);
		return KM_CONF_FAIL(error, KM_EIO, path, 0, READ, strerror(reason));
	}
	*out = (struct km_conf_text){ bytes, len };
	return KM_OK;
}

km_rc km_conf_load(const char *path, bool must_exist, struct km_conf_text *out,
		   struct km_conf_error *error)
{
	const char *slash = strrchr(path, '/');
	int folder = -1, fd;
	km_rc rc = open_parent(path, &folder, error);

	if (rc != KM_OK)
		return rc;
	/* Not waiting: a FIFO that somebody put there must not hold us. */
	errno = ENOENT;
	fd = folder < 0 ? -1
			: openat(folder, slash ? slash + 1 : path,
				 O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (folder >= 0) {
		int reason = errno;

		close(folder);
		errno = reason;
	}
	if (fd < 0 && errno == ENOENT && !must_exist) {
		*out = (struct km_conf_text){ NULL, 0 };
		return KM_OK;
	}
	if (fd < 0)
		return KM_CONF_FAIL(error, errno == ENOENT ? KM_ECONF : KM_EIO, path, 0, OPEN,
				    strerror(errno));
	rc = check_file(fd, path, error);
	if (rc == KM_OK)
		rc = read_all(fd, path, out, error);
	close(fd);
	return rc;
}

/* --- drop-ins ------------------------------------------------------------ */

struct names {
	char *name[KM_CONF_DROP_INS];
	size_t count;
};

static void names_free(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->name[i]);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_drop_in(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > 5 && strcmp(name + len - 5, ".conf") == 0;
}

static km_rc list_names(DIR *dir, const char *folder, struct names *names,
			struct km_conf_error *error)
{
	const struct dirent *entry;

	errno = 0;
	while ((entry = readdir(dir))) {
		if (!is_drop_in(entry->d_name))
			continue;
		if (names->count == KM_CONF_DROP_INS)
			return KM_CONF_FAIL(error, KM_ECONF, folder, 0, FILES_MANY,
					    KM_CONF_DROP_INS);
		names->name[names->count] = strdup(entry->d_name);
		if (!names->name[names->count])
			return KM_CONF_FAIL(error, KM_ENOMEM, folder, 0, MEMORY);
		names->count++;
		errno = 0;
	}
	if (errno)
		return KM_CONF_FAIL(error, KM_EIO, folder, 0, READ, strerror(errno));
	qsort(names->name, names->count, sizeof(names->name[0]), by_name);
	return KM_OK;
}

km_rc km_conf_drop_ins(const char *folder, km_rc (*take)(void *arg, const char *path), void *arg,
		       struct km_conf_error *error)
{
	struct names names __attribute__((cleanup(names_free))) = { .count = 0 };
	char path[PATH_MAX];
	DIR *dir;
	int fd = -1;
	km_rc rc = open_folder(folder, O_RDONLY, &fd, error);

	if (rc != KM_OK || fd < 0)
		return rc;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return KM_CONF_FAIL(error, KM_ENOMEM, folder, 0, MEMORY);
	}
	rc = list_names(dir, folder, &names, error);
	closedir(dir);
	for (size_t i = 0; rc == KM_OK && i < names.count; i++) {
		int len = snprintf(path, sizeof(path), "%s/%s", folder, names.name[i]);

		if (len < 0 || len >= (int)sizeof(path))
			return KM_CONF_FAIL(error, KM_ECONF, folder, 0, PATH_LONG);
		rc = take(arg, path);
	}
	return rc;
}
