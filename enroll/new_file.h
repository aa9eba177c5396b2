/*
 * A file that the desk makes: only its owner can read it, nothing that is there
 * is overwritten or followed, and it is there whole or not at all. It has no name
 * before it is complete, so whatever ends the desk leaves nothing to clear away.
 */
#ifndef KENMON_DESK_NEW_FILE_H
#define KENMON_DESK_NEW_FILE_H

#include <limits.h>

#include "desk.h"

/* The folder in which a path lies; false: too long. */
KM_MUST_CHECK bool new_file_folder(const char *path, char out[PATH_MAX]);

/*
 * A file without a name in the folder that is to have it, and its name once it is complete, which
 * replaces nothing. access: O_WRONLY or O_RDWR. errno says why not: EEXIST where the name is taken
 * already, nameless_unknown() where the file system knows no such files.
 */
KM_MUST_CHECK int nameless_open(const char *path, int access);
bool nameless_unknown(int error);
KM_MUST_CHECK bool nameless_name(int fd, const char *path);

struct new_file {
	FILE *f;
	const char *path;
	bool named; /* the file system knows no files without a name: it has its own already */
};

/* KM_EEXIST, KM_EINVAL: with the reason in d, and nothing to close. */
KM_MUST_CHECK km_rc new_file_open(struct desk *d, const char *path, struct new_file *out);
/*
 * With rc KM_OK the file is written to the disk, then gets its name. Else, or where that fails, it
 * is gone (where it had a name already: empty). rc, or why it failed.
 */
KM_MUST_CHECK km_rc new_file_close(struct desk *d, struct new_file *n, km_rc rc);

#endif
