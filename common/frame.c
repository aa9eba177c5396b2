/* One record of a SOCK_SEQPACKET socket, with what the kernel says of its sender. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kenmon/wire.h>

/*
 * We ask for one descriptor at most. A few more fit, so that a sender of
 * several is seen and they are closed; the kernel itself drops what does not
 * fit and says MSG_CTRUNC.
 */
#define FDS_MAX 8

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX) + CMSG_SPACE(sizeof(struct ucred))];
};

struct arrived {
	int fds[FDS_MAX];
	size_t count;
	struct km_stamp stamp;
};

static km_rc rc_of(int error)
{
	switch (error) {
	case EAGAIN:
		return KM_EAGAIN;
	case EPIPE:
	case ECONNRESET:
	case ENOTCONN:
	case ECONNREFUSED:
		return KM_ECLOSED;
	case ENOMEM:
	case ENOBUFS:
		return KM_ENOMEM;
	case EMSGSIZE:
	case ETOOMANYREFS:
		return KM_ELIMIT;
	default:
		return KM_EIO;
	}
}

static void note_fds(const struct cmsghdr *c, struct arrived *a)
{
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t i = 0; i < n; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
		if (a->count < FDS_MAX)
			a->fds[a->count++] = fd;
		else
			close(fd);
	}
}

static void note_control(struct msghdr *h, struct arrived *a)
{
	struct ucred cred;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_RIGHTS)
			note_fds(c, a);
		if (c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len == CMSG_LEN(sizeof(cred))) {
			memcpy(&cred, CMSG_DATA(c), sizeof(cred));
			a->stamp = (struct km_stamp){ true, cred.pid, cred.uid, cred.gid };
		}
	}
}

km_rc km_peek(int fd)
{
	/*
	 * The stamp comes first and fills it: there is none at the end of the file, and what
	 * does not fit besides is told by MSG_CTRUNC and stays where it is.
	 */
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	const int on = 1;
	unsigned resets = 0;
	struct msghdr h;
	ssize_t n;

	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return rc_of(errno);
	/* ECONNRESET is told once, before what the peer had sent; twice is the end. */
	do {
		h = (struct msghdr){ .msg_control = &control, .msg_controllen = sizeof(control) };
		n = recvmsg(fd, &h, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && (errno == EINTR || (errno == ECONNRESET && resets++ == 0)));
	if (n < 0)
		return rc_of(errno);
	if (h.msg_flags & MSG_CTRUNC)
		return KM_EPERM;
	return n == 0 && !CMSG_FIRSTHDR(&h) ? KM_ECLOSED : KM_OK;
}

km_rc km_recv(int fd, uint8_t *buf, size_t cap, size_t *len, int *passed_fd, struct km_stamp *stamp,
	      int flags)
{
	union control control;
	struct iovec iov = { .iov_base = buf, .iov_len = cap };
	struct msghdr h = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	struct arrived a = { .count = 0 };
	km_rc rc = KM_OK;
	ssize_t n;

	do
		n = recvmsg(fd, &h, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return rc_of(errno);

	note_control(&h, &a);
	if ((h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || a.count > (passed_fd ? 1u : 0u))
		rc = KM_EPROTO;
	else if (n == 0) /* an empty record looks the same; nobody of ours sends one */
		rc = KM_ECLOSED;
	if (rc != KM_OK) {
		for (size_t i = 0; i < a.count; i++)
			close(a.fds[i]);
		km_wipe(buf, (size_t)n);
		return rc;
	}

	*len = (size_t)n;
	if (passed_fd)
		*passed_fd = a.count ? a.fds[0] : -1;
	if (stamp)
		*stamp = a.stamp;
	return KM_OK;
}

km_rc km_send(int fd, const uint8_t *buf, size_t len, int pass_fd, int flags)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { .iov_len = len };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	memcpy(&iov.iov_base, &buf, sizeof(buf)); /* sendmsg does not write there */
	if (pass_fd >= 0) {
		h.msg_control = &control;
		h.msg_controllen = sizeof(control);
		struct cmsghdr *c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass_fd, sizeof(pass_fd));
	}
	do
		n = sendmsg(fd, &h, flags | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return rc_of(errno);
	return (size_t)n == len ? KM_OK : KM_EIO;
}
