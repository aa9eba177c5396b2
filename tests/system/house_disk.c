/* A house for the system tests: a disk whose power can be cut. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include <linux/loop.h>

#include "house_disk.h"

#define MIB       1048576L
#define BUSY_MS   2000 /* a process that was killed holds its files for a moment */
#define LOOP_RACE 64   /* somebody else may take the free device first */

/* Of xfs(5) and ext4(5): "shutdown", here without writing the journal first. */
#define SHUTDOWN              _IOR('X', 125, uint32_t)
#define SHUTDOWN_NO_LOG_FLUSH 2

static const struct file_system {
	const char *type, *make;
	long mib; /* mkfs.xfs makes none under 300; the image is sparse */
} file_systems[] = {
	{ "ext4", "mkfs.ext4", 48 },
	{ "xfs", "mkfs.xfs", 320 },
};

static const struct file_system *find(const char *type)
{
	for (size_t i = 0; i < sizeof(file_systems) / sizeof(file_systems[0]); i++)
		if (strcmp(file_systems[i].type, type) == 0)
			return &file_systems[i];
	return NULL;
}

static void path_in(char out[HOUSE_PATH], const char *dir, const char *name)
{
	if (snprintf(out, HOUSE_PATH, "%s/%s", dir, name) >= HOUSE_PATH)
		abort();
}

static bool run(const char *const argv[])
{
	struct house_out o = { 0 };
	int status = house_run(&o, -1, NULL, argv);

	if (status != 0)
		fprintf(stderr, "house: %s: %s\n", argv[0], o.err ? o.err : "cannot be run");
	house_out_free(&o);
	return status == 0;
}

static bool kernel_has(const char *type)
{
	char line[128], name[80];
	FILE *f = fopen("/proc/filesystems", "re");
	bool found = false;

	snprintf(name, sizeof(name), "\t%s\n", type);
	while (f && !found && fgets(line, sizeof(line), f))
		found = strcmp(line, name) == 0;
	if (f)
		fclose(f);
	return found;
}

const char *disk_cannot(const char *type)
{
	static char why[128];
	const struct file_system *fs = find(type);
	struct house_out o = { 0 };
	int status;

	if (geteuid() != 0)
		return "mounting a disk needs root";
	if (access("/dev/loop-control", R_OK | W_OK) < 0)
		return "this machine has no loop devices";
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return "this machine has no mount namespaces";
	snprintf(why, sizeof(why), "this kernel has no %s, or its mkfs is not installed", type);
	if (!fs || !kernel_has(type))
		return why;
	status = house_run(&o, -1, NULL, (const char *const[]){ fs->make, "-V", NULL });
	house_out_free(&o);
	return status == 127 ? why : NULL;
}

/* --- the loop device ------------------------------------------------------------------------ */

static int open_loop(const char *image)
{
	struct loop_config config = { .info.lo_flags = LO_FLAGS_AUTOCLEAR };
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int file = open(image, O_RDWR | O_CLOEXEC), loop = -1;
	char path[32];

	config.fd = (uint32_t)file;
	for (unsigned i = 0; control >= 0 && file >= 0 && loop < 0 && i < LOOP_RACE; i++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE);

		snprintf(path, sizeof(path), "/dev/loop%d", number);
		loop = number < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
		if (loop >= 0 && ioctl(loop, LOOP_CONFIGURE, &config) < 0) {
			close(loop);
			loop = -1;
		}
	}
	if (file >= 0)
		close(file);
	if (control >= 0)
		close(control);
	if (loop < 0)
		fprintf(stderr, "house: no loop device: %s\n", strerror(errno));
	return loop;
}

static bool loop_path(const struct disk *d, char path[32])
{
	struct stat st;

	if (fstat(d->loop, &st) < 0)
		return false;
	snprintf(path, 32, "/dev/loop%u", minor(st.st_rdev));
	return true;
}

bool disk_make(struct disk *d, const char *type, const char *dir, const char *at)
{
	const struct file_system *fs = find(type);
	char memory[HOUSE_PATH];
	int fd;

	*d = (struct disk){ .type = type, .loop = -1 };
	path_in(memory, dir, "disk");
	path_in(d->image, memory, "image");
	path_in(d->at, at, ".");
	d->at[strlen(d->at) - 2] = '\0';
	if (mkdir(memory, 0700) < 0 || mount("tmpfs", memory, "tmpfs", 0, "mode=0700") < 0)
		return false;
	fd = open(d->image, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, fs->mib * MIB) < 0 || close(fd) < 0 ||
	    !run((const char *const[]){ fs->make, "-q", d->image, NULL }))
		return false;
	d->loop = open_loop(d->image);
	return d->loop >= 0 && disk_mount(d);
}

bool disk_mount(struct disk *d)
{
	char device[32];

	if (loop_path(d, device) && mount(device, d->at, d->type, 0, NULL) == 0)
		return true;
	fprintf(stderr, "house: %s cannot be mounted: %s\n", d->at, strerror(errno));
	return false;
}

bool disk_cut(const struct disk *d)
{
	uint32_t how = SHUTDOWN_NO_LOG_FLUSH;
	int fd = open(d->at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool cut = fd >= 0 && ioctl(fd, SHUTDOWN, &how) == 0;

	if (!cut)
		fprintf(stderr, "house: the disk cannot be shut down: %s\n", strerror(errno));
	if (fd >= 0)
		close(fd);
	return cut;
}

bool disk_sync(const struct disk *d)
{
	int fd = open(d->at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool synced = fd >= 0 && syncfs(fd) == 0;

	if (fd >= 0)
		close(fd);
	return synced;
}

bool disk_unmount(const struct disk *d)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	for (unsigned waited = 0; umount(d->at) < 0; waited++) {
		if (errno != EBUSY || waited > BUSY_MS) {
			fprintf(stderr, "house: %s stays mounted: %s\n", d->at, strerror(errno));
			return false;
		}
		nanosleep(&moment, NULL);
	}
	return true;
}

void disk_free(struct disk *d)
{
	char *slash = strrchr(d->image, '/');

	if (d->loop >= 0)
		close(d->loop); /* LO_FLAGS_AUTOCLEAR: that ends the device too */
	d->loop = -1;
	if (!slash)
		return;
	*slash = '\0';
	umount2(d->image, MNT_DETACH);
	d->image[0] = '\0';
}
