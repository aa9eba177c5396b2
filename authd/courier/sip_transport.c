/*
 * libre listens wherever it speaks: a UDP socket takes what anybody sends, and a TCP port is opened
 * that nobody asked for. Nobody calls us. So the UDP socket is connected to the server, that the
 * kernel drops all else, and the listening one is shut; the server talks on our own connection.
 *
 * libre keeps the descriptor to itself: it is the one with that local address.
 */
#include <sys/resource.h>
#include <sys/socket.h>

#include <kenmon/log.h>

#include "sip_stack.h"

#define FD_MOST 65536

static bool has_address(int fd, const struct sa *local)
{
	struct sa at;

	sa_init(&at, AF_UNSPEC);
	at.len = sizeof(at.u);
	return getsockname(fd, &at.u.sa, &at.len) == 0 && sa_cmp(&at, local, SA_ALL);
}

static bool option_is(int fd, int option, int wanted)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 && value == wanted;
}

static bool is_it(int fd, bool datagrams, const struct sa *local)
{
	return has_address(fd, local) &&
	       option_is(fd, SO_TYPE, datagrams ? SOCK_DGRAM : SOCK_STREAM) &&
	       (datagrams || option_is(fd, SO_ACCEPTCONN, 1));
}

static int find(bool datagrams, const struct sa *local)
{
	struct rlimit most;
	rlim_t end = getrlimit(RLIMIT_NOFILE, &most) == 0 && most.rlim_cur < FD_MOST ? most.rlim_cur
										     : FD_MOST;

	for (int fd = 0; (rlim_t)fd < end; fd++)
		if (is_it(fd, datagrams, local))
			return fd;
	return -1;
}

km_rc voice_transport_close_to_others(enum sip_transp transport, const struct sa *local,
				      const struct sa *remote)
{
	const bool datagrams = transport == SIP_TRANSP_UDP;
	int fd = find(datagrams, local), rc;

	if (fd < 0)
		return KM_ENOTFOUND;
	if (!datagrams)
		fd_close(fd);
	rc = datagrams ? connect(fd, &remote->u.sa, remote->len) : shutdown(fd, SHUT_RDWR);
	return rc == 0 ? KM_OK : KM_EIO;
}
