/*
 * What the sensor may still do once its configuration is read and its socket is there: take the
 * judge, reach the matcher, and look for readers and use them, by libfprint, GLib, libgusb
 * and libusb. Those make threads, which no other room has; no process, and no program is run.
 *
 * Not narrower, since the libraries cannot do with less: it may make sockets to names in the file
 * system (to the matcher's, when a job begins), listen to the kernel's news of devices, and map
 * libraries to execute them (one driver's cryptography loads its parts when it is first used). What
 * is mapped to be executed is a file, cannot be written, and what was written cannot be made
 * executable.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <asm/unistd.h>
#include <linux/ioctl.h>
#include <linux/usbdevice_fs.h>

#include <kenmon/log.h>
#include <kenmon/room.h>
#include <kenmon/wall.h>

#include "sensor.h"

#define WRITING (O_CREAT | O_TRUNC)
/* of a file, as ld.so(8) maps the code of one */
#define MAP_OF_LIBRARY (MAP_PRIVATE | MAP_DENYWRITE)
/* pthread_create(3), and nothing else that could be made of it */
#define A_THREAD                                                                                   \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |        \
	 CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

static const struct km_call calls[] = {
	/* threads. The arguments of clone3 lie in memory, where no filter sees them; the C library
	 * takes clone where the kernel has no clone3. */
	KM_CALL_NOT_THERE(clone3),
	KM_CALL_IF(clone, IS, 0, A_THREAD),
	KM_CALL(set_robust_list),
	KM_CALL(rseq),
	KM_CALL_IF(prctl, IS, 0, PR_SET_NAME),
	KM_CALL(sched_yield),
	/* GLib's loop, and ours */
	KM_CALL(eventfd2),
	KM_CALL(timerfd_create),
	KM_CALL(timerfd_settime),
	KM_CALL(setitimer),
	/* devices, libraries; where, Landlock says */
	KM_CALL_IF(openat, LACKS, 2, WRITING),
#ifdef __NR_open
	KM_CALL_IF(open, LACKS, 1, WRITING),
	KM_CALL(getdents),
#endif
	KM_CALL_IF_BOTH(mmap, 2, PROT_READ | PROT_EXEC, MAP_OF_LIBRARY),
	KM_CALL_IF_BOTH(mmap, 2, PROT_READ | PROT_EXEC, MAP_OF_LIBRARY | MAP_FIXED),
	/* the matcher, and news of devices */
	KM_CALL_IF(socket, IS, 0, AF_UNIX),
	KM_CALL_IF(socket, IS, 0, AF_NETLINK),
	KM_CALL(connect),
	KM_CALL(bind),
	KM_CALL_IF(setsockopt, IS, 1, SOL_SOCKET),
};

#define USB(request) KM_CALL_IF(ioctl, IS, 1, (uint32_t)(request))

/* usbfs, as libusb uses it */
static const struct km_call usb[] = {
	USB(USBDEVFS_CONTROL),
	USB(USBDEVFS_BULK),
	USB(USBDEVFS_SETINTERFACE),
	USB(USBDEVFS_SETCONFIGURATION),
	USB(USBDEVFS_GETDRIVER),
	USB(USBDEVFS_SUBMITURB),
	USB(USBDEVFS_DISCARDURB),
	USB(USBDEVFS_REAPURB),
	USB(USBDEVFS_REAPURBNDELAY),
	USB(USBDEVFS_CLAIMINTERFACE),
	USB(USBDEVFS_RELEASEINTERFACE),
	USB(USBDEVFS_CONNECTINFO),
	USB(USBDEVFS_IOCTL),
	USB(USBDEVFS_RESET),
	USB(USBDEVFS_CLEAR_HALT),
	USB(USBDEVFS_GET_CAPABILITIES),
	USB(USBDEVFS_DISCONNECT_CLAIM),
	USB(USBDEVFS_GET_SPEED),
};

/* A virtual reader listens for whoever plays it. */
static const struct km_call virtual[] = {
	KM_CALL(listen),
#ifdef __NR_accept
	KM_CALL(accept),
#endif
#ifdef __NR_unlink
	KM_CALL(unlink),
#endif
	KM_CALL(unlinkat),
};

#define ROWS(table)                                                                                \
	{                                                                                          \
		(table), sizeof(table) / sizeof((table)[0])                                        \
	}
#define LOOK (KM_MAY_READ | KM_MAY_LIST)

static const struct km_wall_path fixed[] = {
	{ "/dev/bus/usb", LOOK | KM_MAY_WRITE | KM_MAY_CONTROL },
	{ "/sys", LOOK },
	{ "/run/udev", LOOK },
	{ "/dev/urandom", KM_MAY_READ },
	/* what drivers load, and where it is looked for */
	{ "/usr/lib", LOOK },
	{ "/etc/ld.so.cache", KM_MAY_READ },
	{ "/proc/self/mountinfo", KM_MAY_READ },
};
#define FIXED (sizeof fixed / sizeof fixed[0])

bool sensor_confine(const struct sensor *s)
{
	struct km_wall_path path[FIXED + SENSOR_VIRTUAL_NAMES];
	char place[SENSOR_VIRTUAL_NAMES][PATH_MAX];
	struct km_wall wall = { .calls = { km_wall_basics, ROWS(calls), ROWS(usb) },
				.path = path,
				.paths = FIXED,
				.may_reach_abstract = km_room_manager_is_abstract() };
	unsigned gaps = 0;
	km_rc rc;

	memcpy(path, fixed, sizeof fixed);
	for (size_t i = 0; s->conf.allow_virtual && i < SENSOR_VIRTUAL_NAMES; i++) {
		const char *at = getenv(sensor_virtual_names[i]);

		if (!at)
			continue;
		km_wall_place(at, "", place[i]);
		path[wall.paths++] =
		    (struct km_wall_path){ place[i], KM_MAY_LISTEN | KM_MAY_REMOVE };
		wall.calls[3] = (struct km_calls)ROWS(virtual);
	}
	rc = km_wall_up(&wall, &gaps);
	if (rc != KM_OK) {
		km_log(LOG_ERR, "the sensor cannot be confined: %s: %s", km_rc_text(rc, KM_LANG_EN),
		       strerror(errno));
		return false;
	}
	for (unsigned gap = 1; km_wall_gap_text(gap); gap <<= 1)
		if (gaps & gap)
			km_log(LOG_WARNING, "%s", km_wall_gap_text(gap));
	return true;
}
