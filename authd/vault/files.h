/*
 * Files of the state folder: opened relative to the folder's descriptor,
 * never through a link, and only when nobody else could have put them there.
 */
#ifndef KENMON_VAULT_FILES_H
#define KENMON_VAULT_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include <kenmon/rc.h>

/* A descriptor that closes itself: int fd FILE_CLOSE = -1; */
void file_close(int *fd);
#define FILE_CLOSE __attribute__((cleanup(file_close)))

/* What group and others may do with a file or folder. */
enum file_trust {
	FILE_OURS,       /* nothing at all */
	FILE_CREDENTIAL, /* group may read: systemd hands credentials over as 0440 with an ACL */
};

/* KM_ENOTFOUND; KM_EPERM: no folder, a link, or one that others can reach into. */
KM_MUST_CHECK km_rc file_folder(const char *path, enum file_trust trust, int *fd);

/* KM_ENOTFOUND; KM_EPERM: anything but a plain file of ours (or root's) with one name. */
KM_MUST_CHECK km_rc file_open(int folder, const char *name, enum file_trust trust, int *fd);

/* Is there one? Refuses as file_open does. size may be NULL. */
KM_MUST_CHECK km_rc file_present(int folder, const char *name, bool *present, size_t *size);

/* Reads exactly len bytes; KM_ECORRUPT when the file is longer or shorter. */
KM_MUST_CHECK km_rc file_read(int fd, void *bytes, size_t len);

/* A new empty file, 0600; KM_EEXIST when anything has that name. */
KM_MUST_CHECK km_rc file_create(int folder, const char *name, int *fd);

/* Gives a finished file its name, only while nothing has it, and syncs the folder. */
KM_MUST_CHECK km_rc file_place(int folder, const char *temporary, const char *name);

/* A whole file, durable, under its name at once or not at all. */
KM_MUST_CHECK km_rc file_make(int folder, const char *name, const void *bytes, size_t len);

/* Removes a plain file of ours, durably; one that is not there is no error. */
KM_MUST_CHECK km_rc file_remove(int folder, const char *name);

/*
 * Overwrites a plain file of ours and removes it, durably; one that is not there is no error. What
 * a file system keeps of older blocks is beyond this.
 */
KM_MUST_CHECK km_rc file_shred(int folder, const char *name);

#endif
