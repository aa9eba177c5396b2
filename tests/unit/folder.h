/* A folder, kept in memory and put back, so that each try begins with the same files; or removed.
 */
#ifndef KENMON_TESTS_FOLDER_H
#define KENMON_TESTS_FOLDER_H

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define FOLDER_FILES 32

struct folder {
	size_t count;
	struct folder_file {
		char path[128];
		uint8_t *bytes;
		size_t len;
		mode_t mode;
	} file[FOLDER_FILES];
};

static struct folder *folder_kept;

static inline int folder_keep_one(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	struct folder_file *file = &folder_kept->file[folder_kept->count];
	int fd;

	(void)f;
	if (kind != FTW_F || !S_ISREG(st->st_mode))
		return 0;
	assert_true(folder_kept->count++ < FOLDER_FILES);
	snprintf(file->path, sizeof file->path, "%s", path);
	file->len = (size_t)st->st_size;
	file->mode = st->st_mode & 07777;
	file->bytes = malloc(file->len + 1);
	assert_non_null(file->bytes);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, file->bytes, file->len), (ssize_t)file->len);
	close(fd);
	return 0;
}

/* Keeps every file in dir and below. */
static inline void folder_keep(struct folder *kept, const char *dir)
{
	kept->count = 0;
	folder_kept = kept;
	assert_int_equal(nftw(dir, folder_keep_one, 8, FTW_PHYS), 0);
}

static inline int folder_remove_one(const char *path, const struct stat *st, int kind,
				    struct FTW *f)
{
	(void)kind;
	(void)f;
	return S_ISDIR(st->st_mode) || S_ISSOCK(st->st_mode) ? 0 : unlink(path);
}

/* Puts the files back, and takes away what came after. */
static inline void folder_put_back(const struct folder *kept, const char *dir)
{
	assert_int_equal(nftw(dir, folder_remove_one, 8, FTW_PHYS | FTW_DEPTH), 0);
	for (size_t i = 0; i < kept->count; i++) {
		const struct folder_file *f = &kept->file[i];
		int fd = open(f->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, f->mode);

		assert_true(fd >= 0);
		assert_int_equal(write(fd, f->bytes, f->len), (ssize_t)f->len);
		close(fd);
	}
}

static inline void folder_forget(struct folder *kept)
{
	while (kept->count)
		free(kept->file[--kept->count].bytes);
}

static inline int folder_remove_all(const char *path, const struct stat *st, int kind,
				    struct FTW *f)
{
	(void)st;
	(void)kind;
	(void)f;
	return remove(path);
}

/* With all that is in it; 0 if so. */
static inline int folder_remove(const char *dir)
{
	return nftw(dir, folder_remove_all, 8, FTW_PHYS | FTW_DEPTH);
}

#endif
