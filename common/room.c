/* The first steps of every room. */
#include <kenmon/room.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FILES_NEEDED                                                                               \
	4096 /* a client and its duplicate for each of 1,024 sessions, and the lines of desks */

km_rc km_room_begin(void)
{
	const struct rlimit none = { 0, 0 };
	struct rlimit files;

	umask(0077);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return KM_EIO;
	/* Not dumpable is enough; this is for whoever makes it dumpable again. Units may forbid it.
	 */
	(void)setrlimit(RLIMIT_CORE, &none);
	/* The usual soft limit, 1,024, is less than a full house needs. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_NEEDED) {
		files.rlim_cur = files.rlim_max < FILES_NEEDED ? files.rlim_max : FILES_NEEDED;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	return KM_OK;
}

void km_room_ready(void)
{
	static const char text[] = "READY=1";
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (len < 2 || len >= sizeof to.sun_path)
		return;
	memcpy(to.sun_path, path, len);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (sendto(fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&to,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0) {
		/* Whoever waits for it will say so. */
	}
	close(fd);
}
