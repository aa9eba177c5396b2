/* Sockets, waiting, randomness, clocks, and who is who. */
#undef _FORTIFY_SOURCE
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "interpose.h"

PUBLIC int socket(int domain, int type, int protocol)
{
	return fault_fails(FAULT_SOCKET) ? -1 : REAL(socket)(domain, type, protocol);
}

PUBLIC int socketpair(int domain, int type, int protocol, int fds[2])
{
	return fault_fails(FAULT_SOCKET) ? -1 : REAL(socketpair)(domain, type, protocol, fds);
}

PUBLIC int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	return fault_fails(FAULT_SETSOCKOPT) ? -1 : REAL(setsockopt)(fd, level, name, value, len);
}

PUBLIC int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	return fault_fails(FAULT_GETSOCKOPT) ? -1 : REAL(getsockopt)(fd, level, name, value, len);
}

PUBLIC int getsockname(int fd, __SOCKADDR_ARG addr, socklen_t *len)
{
	return fault_fails(FAULT_GETSOCKOPT) ? -1 : REAL(getsockname)(fd, addr, len);
}

PUBLIC int getpeername(int fd, __SOCKADDR_ARG addr, socklen_t *len)
{
	return fault_fails(FAULT_GETSOCKOPT) ? -1 : REAL(getpeername)(fd, addr, len);
}

PUBLIC int bind(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
	return fault_fails(FAULT_LISTEN) ? -1 : REAL(bind)(fd, addr, len);
}

PUBLIC int listen(int fd, int backlog)
{
	return fault_fails(FAULT_LISTEN) ? -1 : REAL(listen)(fd, backlog);
}

PUBLIC int accept4(int fd, __SOCKADDR_ARG addr, socklen_t *len, int flags)
{
	return fault_fails(FAULT_ACCEPT) ? -1 : REAL(accept4)(fd, addr, len, flags);
}

PUBLIC int connect(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
	return fault_fails(FAULT_CONNECT) ? -1 : REAL(connect)(fd, addr, len);
}

PUBLIC int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	return fault_fails(FAULT_POLL) ? -1 : REAL(poll)(fds, n, timeout);
}

PUBLIC int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *wait, const sigset_t *mask)
{
	return fault_fails(FAULT_POLL) ? -1 : REAL(ppoll)(fds, n, wait, mask);
}

PUBLIC int epoll_create1(int flags)
{
	return fault_fails(FAULT_EPOLL) ? -1 : REAL(epoll_create1)(flags);
}

PUBLIC int epoll_ctl(int set, int op, int fd, struct epoll_event *event)
{
	/* Taking one out cannot fail for one that is in. */
	if (op != EPOLL_CTL_DEL && fault_fails(FAULT_EPOLL))
		return -1;
	return REAL(epoll_ctl)(set, op, fd, event);
}

PUBLIC int epoll_wait(int set, struct epoll_event *events, int most, int timeout)
{
	return fault_fails(FAULT_EPOLL) ? -1 : REAL(epoll_wait)(set, events, most, timeout);
}

PUBLIC ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	if (!fault_fails(FAULT_SENDMSG))
		return REAL(sendmsg)(fd, m, flags);
	if (fault_error() == EPIPE) /* then there is nobody to wait for either */
		(void)shutdown(fd, SHUT_RDWR);
	errno = fault_error();
	return -1;
}

PUBLIC ssize_t sendto(int fd, const void *bytes, size_t len, int flags, __CONST_SOCKADDR_ARG addr,
		      socklen_t addr_len)
{
	return fault_fails(FAULT_SENDTO) ? -1 : REAL(sendto)(fd, bytes, len, flags, addr, addr_len);
}

PUBLIC ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
	return fault_fails(FAULT_SEND) ? -1 : REAL(send)(fd, bytes, len, flags);
}

PUBLIC ssize_t recv(int fd, void *bytes, size_t len, int flags)
{
	return fault_fails(FAULT_RECV) ? -1 : REAL(recv)(fd, bytes, len, flags);
}

PUBLIC ssize_t recvfrom(int fd, void *bytes, size_t len, int flags, __SOCKADDR_ARG addr,
			socklen_t *addr_len)
{
	return fault_fails(FAULT_RECV) ? -1 : REAL(recvfrom)(fd, bytes, len, flags, addr, addr_len);
}

PUBLIC pid_t fork(void)
{
	return fault_fails(FAULT_PROCESS) ? -1 : REAL(fork)();
}

PUBLIC int pipe2(int fds[2], int flags)
{
	return fault_fails(FAULT_PROCESS) ? -1 : REAL(pipe2)(fds, flags);
}

PUBLIC int inotify_init1(int flags)
{
	return fault_fails(FAULT_WATCH) ? -1 : REAL(inotify_init1)(flags);
}

PUBLIC int inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	return fault_fails(FAULT_WATCH) ? -1 : REAL(inotify_add_watch)(fd, path, mask);
}

PUBLIC int timerfd_create(clockid_t clock, int flags)
{
	return fault_fails(FAULT_TIMER) ? -1 : REAL(timerfd_create)(clock, flags);
}

static unsigned hurry = 1;

void fault_hurry(unsigned times)
{
	hurry = times;
}

static void shorten(struct timespec *t)
{
	long long ns = (t->tv_sec * 1000000000LL + t->tv_nsec) / hurry;

	*t = (struct timespec){ ns / 1000000000, ns % 1000000000 };
}

/* An absolute time is left as it is. */
PUBLIC int timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *old)
{
	struct itimerspec own = *when;

	if (fault_fails(FAULT_TIMER))
		return -1;
	if (hurry > 1 && !(flags & TFD_TIMER_ABSTIME)) {
		shorten(&own.it_value);
		shorten(&own.it_interval);
	}
	return REAL(timerfd_settime)(fd, flags, &own, old);
}

PUBLIC int signalfd(int fd, const sigset_t *mask, int flags)
{
	return fault_fails(FAULT_WATCH) ? -1 : REAL(signalfd)(fd, mask, flags);
}

static bool holds_back;

void fault_hold_back(bool on)
{
	holds_back = on;
}

PUBLIC ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
	if (fault_fails(FAULT_RECVMSG))
		return -1;
	if (holds_back && fault_calls(FAULT_RECVMSG) > 0) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (fault_calls(FAULT_RECVMSG) % 2) {
			errno = EAGAIN;
			return -1;
		}
		(void)REAL(poll)(&p, 1, 5000);
	}
	return REAL(recvmsg)(fd, m, flags);
}

PUBLIC ssize_t getrandom(void *buf, size_t len, unsigned flags);
PUBLIC ssize_t getrandom(void *buf, size_t len, unsigned flags)
{
	return fault_fails(FAULT_GETRANDOM) ? -1 : REAL(getrandom)(buf, len, flags);
}

static const char *alias_name, *alias_account;

void fault_alias(const char *alias, const char *account)
{
	alias_name = alias;
	alias_account = account;
}

PUBLIC int getpwnam_r(const char *name, struct passwd *pw, char *buf, size_t len,
		      struct passwd **out)
{
	if (fault_fails(FAULT_GETPWNAM)) {
		*out = NULL;
		return fault_error();
	}
	if (alias_name && strcmp(name, alias_name) == 0)
		name = alias_account;
	return REAL(getpwnam_r)(name, pw, buf, len, out);
}

PUBLIC int clock_gettime(clockid_t id, struct timespec *t)
{
	return fault_fails(FAULT_CLOCK) ? -1 : REAL(clock_gettime)(id, t);
}
