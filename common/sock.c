/* Reaching a room's socket. What makes one is in listen.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <kenmon/sock.h>

/* A full backlog blocks connect(); a login screen must not hang on it. */
#define CONNECT_SECONDS 5

static km_rc rc_of(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return KM_EPERM;
	case ENOMEM:
	case ENOBUFS:
		return KM_ENOMEM;
	case EMFILE:
	case ENFILE:
		return KM_ELIMIT;
	default:
		return KM_EUNAVAIL;
	}
}

static int set_send_timeout(int fd, time_t seconds)
{
	struct timeval t = { .tv_sec = seconds };

	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

/* Stamps are asked for before the connection is there: no byte can come in without one. */
static int reach(int s, const struct sockaddr_un *to, bool want_stamps)
{
	const int on = 1;
	int r;

	if (want_stamps && setsockopt(s, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return -1;
	if (set_send_timeout(s, CONNECT_SECONDS) < 0)
		return -1;
	do
		r = connect(s, (const struct sockaddr *)to, sizeof(*to));
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -1;
	return set_send_timeout(s, 0);
}

km_rc km_connect(const char *path, bool want_stamps, int *fd)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	int s, error;

	if (len == 0 || len >= sizeof(to.sun_path))
		return KM_ELIMIT;
	memcpy(to.sun_path, path, len);
	s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (s < 0)
		return rc_of(errno);
	if (reach(s, &to, want_stamps) < 0) {
		error = errno;
		close(s);
		return rc_of(error);
	}
	*fd = s;
	return KM_OK;
}

km_rc km_peer(int fd, pid_t *pid, uid_t *uid, gid_t *gid)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 || len != sizeof(cred))
		return KM_EIO;
	if (pid)
		*pid = cred.pid;
	if (uid)
		*uid = cred.uid;
	if (gid)
		*gid = cred.gid;
	return KM_OK;
}

/* The supplementary groups; *list is the caller's to free. */
static km_rc peer_groups(int fd, gid_t **list, size_t *count)
{
	socklen_t len = 0, room;

	/* Without room the kernel says how much it takes. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) < 0 && errno != ERANGE)
		return KM_EIO;
	room = len;
	*list = calloc(1, room ? room : sizeof(gid_t));
	if (!*list)
		return KM_ENOMEM;
	if (room && (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, *list, &len) < 0 || len > room)) {
		free(*list);
		return KM_EIO;
	}
	*count = len / sizeof(gid_t);
	return KM_OK;
}

km_rc km_peer_in_group(int fd, gid_t gid, bool *in)
{
	gid_t *list = NULL, own;
	size_t count = 0;
	bool found;
	km_rc rc = km_peer(fd, NULL, NULL, &own);

	if (rc == KM_OK)
		rc = peer_groups(fd, &list, &count);
	if (rc != KM_OK)
		return rc;
	found = own == gid;
	for (size_t i = 0; i < count && !found; i++)
		found = list[i] == gid;
	free(list);
	*in = found;
	return KM_OK;
}
