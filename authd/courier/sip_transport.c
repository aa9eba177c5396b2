/*
 * libre listens wherever it speaks: a UDP socket takes what anybody sends, and a TCP port is opened
 * that nobody asked for. Nobody calls us. So the UDP socket is connected to the server, that the
 * kernel drops all else, and the listening one is shut; the server talks on our own connection.
 *
 * libre keeps the descriptor to itself: it is the one with that local address.
 *
 * Over TCP libre answers each empty line, and keeps half a MiB of answers for a server that reads
 * none: two bytes each, and some 600 of memory around them. It has no setting for that, so that its
 * tcp_connect() is this one, which is all that it does, and sets a limit.
 */
#include <sys/resource.h>
#include <sys/socket.h>

#include <kenmon/log.h>

#include "sip_stack.h"

#define FD_MOST   65536
#define SEND_MOST 32768 /* bytes that wait for the server: an INVITE of each of twenty calls */

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

/* libre's own calls of it come here, so it is seen from outside, alone of this program. */
__attribute__((visibility("default"))) int tcp_connect(struct tcp_conn **out, const struct sa *peer,
						       tcp_estab_h *established,
						       tcp_recv_h *received, tcp_close_h *closed,
						       void *arg)
{
	struct tcp_conn *conn = NULL;
	int err = tcp_conn_alloc(&conn, peer, established, received, closed, arg);

	if (!err) {
		tcp_conn_txqsz_set(conn, SEND_MOST);
		err = tcp_conn_connect(conn, peer);
	}
	if (err)
		mem_deref(conn);
	else
		*out = conn;
	return err;
}
