/*
 * A disk of a house's own, whose power can be cut: a file system on a loop device in memory, in a
 * mount namespace of the test's own. What was not flushed is lost, as on a machine that
 * loses its power; the next mount replays the journal of the file system.
 */
#ifndef KENMON_TESTS_HOUSE_DISK_H
#define KENMON_TESTS_HOUSE_DISK_H

#include <stdbool.h>

#include "house.h"

struct disk {
	const char *type; /* of the file system: "ext4", "xfs" */
	char image[HOUSE_PATH], at[HOUSE_PATH];
	int loop; /* -1: none */
};

/*
 * Why this machine can have none, as a reason to skip; NULL: it can. The caller is in a mount
 * namespace of its own from then on.
 */
const char *disk_cannot(const char *type);
/* Makes the file system under dir, and mounts it at a folder that is there. */
bool disk_make(struct disk *d, const char *type, const char *dir, const char *at);
bool disk_mount(struct disk *d);
/* From here on nothing reaches the disk any more, and nothing can be read from it. */
bool disk_cut(const struct disk *d);
/* Everything so far is on the disk. */
bool disk_sync(const struct disk *d);
bool disk_unmount(const struct disk *d);
void disk_free(struct disk *d);

#endif
