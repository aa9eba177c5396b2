/* The first steps of every room. */
#include <kenmon/room.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A client and its duplicate for each of 1,024 sessions, and the lines of desks. */
#define FILES_NEEDED 4096
/* As the vault's unit has it: root gives up its leave to lock without a limit (wall.h). */
#define MEMORY_NEEDED (64u << 20)

/* At least so much, or as much as there may be. */
static void need(__rlimit_resource_t resource, rlim_t least)
{
	struct rlimit now, more = { least, least };

	if (getrlimit(resource, &now) != 0 || now.rlim_cur >= least)
		return;
	if (now.rlim_max >= least)
		more.rlim_max = now.rlim_max;
	if (setrlimit(resource, &more) == 0)
		return;
	now.rlim_cur = now.rlim_max;
	(void)setrlimit(resource, &now);
}

km_rc km_room_begin(void)
{
	const struct rlimit none = { 0, 0 };

	umask(0077);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return KM_EIO;
	/* Not dumpable is enough; this is for whoever makes it dumpable again. Units may forbid it.
	 */
	(void)setrlimit(RLIMIT_CORE, &none);
	need(RLIMIT_NOFILE, FILES_NEEDED);
	need(RLIMIT_MEMLOCK, MEMORY_NEEDED);
	return KM_OK;
}

bool km_uid_parse(const char *text, int64_t *uid)
{
	unsigned long n;
	char *end;

	/* strtoul takes "-1", " 7" and "+7". */
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno != 0 || *end != '\0' || n >= UINT32_MAX)
		return false;
	*uid = (int64_t)n;
	return true;
}

static int ready_fd = -1;

void km_room_will_be_ready(void)
{
	if (getenv("NOTIFY_SOCKET") && ready_fd < 0)
		ready_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

bool km_room_manager_is_abstract(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	return path && path[0] == '@';
}

void km_room_ready(void)
{
	static const char text[] = "READY=1";
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;

	if (ready_fd < 0 || len < 2 || len >= sizeof to.sun_path)
		return;
	memcpy(to.sun_path, path, len);
	if (km_room_manager_is_abstract())
		to.sun_path[0] = '\0';
	if (sendto(ready_fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT,
		   (struct sockaddr *)&to,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0) {
		/* Whoever waits for it will say so. */
	}
	close(ready_fd);
	ready_fd = -1;
}
