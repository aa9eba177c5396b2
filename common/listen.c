/* Listening sockets: passed by whoever started us, or made here. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <kenmon/sock.h>

#define FIRST_FD 3    /* sd_listen_fds(3) */
#define FDS_MAX  16   /* nobody passes us more */
#define BACKLOG  1024 /* bridges a restart; as many as there may be sessions */

/* A whole decimal number in [0, most]; -1 for anything else. */
static long number(const char *text, long most)
{
	char *end;
	long n;

	if (!text || *text < '0' || *text > '9')
		return -1;
	errno = 0;
	n = strtol(text, &end, 10);
	return errno == 0 && *end == '\0' && n <= most ? n : -1;
}

/* Index of name in a list separated by colons; -1: it is not there. */
static long place_in(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (long i = 0; list; i++) {
		const char *end = strchrnul(list, ':');

		if ((size_t)(end - list) == len && memcmp(list, name, len) == 0)
			return i;
		list = *end ? end + 1 : NULL;
	}
	return -1;
}

int km_listen_fd(const char *name)
{
	const char *names = getenv("LISTEN_FDNAMES");
	long pid = number(getenv("LISTEN_PID"), INT32_MAX);
	long count = number(getenv("LISTEN_FDS"), FDS_MAX);
	long i;
	int fd;

	if (pid != (long)getpid() || count < 1)
		return -1;
	i = names ? place_in(names, name) : 0;
	if (i < 0 || i >= count || (!names && count != 1))
		return -1;
	fd = FIRST_FD + (int)i;
	return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -1 : fd;
}

static bool answers(const char *path)
{
	int fd = -1;
	km_rc rc = km_connect(path, false, &fd);

	if (fd >= 0)
		close(fd);
	return rc == KM_OK;
}

/* Takes away a socket left by an earlier run; anything else that stands there stays. */
static km_rc clear_place(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? KM_OK : KM_EIO;
	/* Somebody who listens there would go on, and never hear of a client again. */
	if (!S_ISSOCK(st.st_mode) || answers(path))
		return KM_EEXIST;
	return unlink(path) < 0 && errno != ENOENT ? KM_EIO : KM_OK;
}

/*
 * The mode is the socket's before it has a name: chmod() would follow a link put in
 * its place. lchown() does not. Nobody can connect before listen().
 */
static int make_at(int s, const struct sockaddr_un *at, mode_t mode, uid_t uid, gid_t gid)
{
	mode_t old;
	int r;

	if (fchmod(s, mode) < 0)
		return -1;
	old = umask(0);
	r = bind(s, (const struct sockaddr *)at, sizeof(*at));
	umask(old);
	if (r < 0)
		return -1;
	if (((uid != (uid_t)-1 || gid != (gid_t)-1) && lchown(at->sun_path, uid, gid) < 0) ||
	    listen(s, BACKLOG) < 0) {
		unlink(at->sun_path);
		return -1;
	}
	return 0;
}

km_rc km_listen_at(const char *path, mode_t mode, uid_t uid, gid_t gid, int *fd)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	km_rc rc;
	int s;

	if (len == 0 || len >= sizeof(at.sun_path))
		return KM_ELIMIT;
	memcpy(at.sun_path, path, len);
	rc = clear_place(path);
	if (rc != KM_OK)
		return rc;
	s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (s < 0)
		return KM_EIO;
	if (make_at(s, &at, mode, uid, gid) < 0) {
		close(s);
		return KM_EIO;
	}
	*fd = s;
	return KM_OK;
}

const char *km_listen_text(km_rc rc)
{
	if (rc == KM_EEXIST)
		return "another program listens there, or something else stands there";
	if (rc == KM_ELIMIT)
		return "a socket's name has at most 107 bytes";
	return rc == KM_EIO ? strerror(errno) : km_rc_text(rc, KM_LANG_EN);
}
