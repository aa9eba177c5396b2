/* What a judge that lies may pass and send: descriptors of its own, messages out of turn. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <kenmon/finger.h>

#include "house_liar.h"

/* --- descriptors --------------------------------------------------------------------- */

/* The kernel names root as its peer: root made the listener. */
static void connecting_end(struct guest *g)
{
	struct guest own = liar_own_guest();

	g->fd = own.mine;
	g->mine = own.fd;
}

/* The same with a name of its own, as a client may give itself one. */
static void connecting_end_with_a_name(struct guest *g)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	connecting_end(g);
	memcpy(at.sun_path + 1, "kenmon-liar", 11);
	MUST(bind(g->fd, (const struct sockaddr *)&at,
		  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 12)) == 0);
}

static void pair_of(struct guest *g, int type)
{
	int pair[2];

	MUST(socketpair(AF_UNIX, type, 0, pair) == 0);
	g->fd = pair[0];
	g->mine = pair[1];
}

static void packet_pair(struct guest *g)
{
	pair_of(g, SOCK_SEQPACKET);
}

static void stream_pair(struct guest *g)
{
	pair_of(g, SOCK_STREAM);
}

static void datagram_pair(struct guest *g)
{
	pair_of(g, SOCK_DGRAM);
}

static void accepted_end_of_its_own(struct guest *g)
{
	struct guest own = liar_own_guest();

	g->fd = own.fd;
	g->mine = own.mine;
}

static void listening_socket(struct guest *g)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	g->mine = -1;
	g->fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	/* An abstract name of the kernel's choosing. */
	MUST(bind(g->fd, (const struct sockaddr *)&at, sizeof(at.sun_family)) == 0);
	MUST(listen(g->fd, 1) == 0);
}

static void roots_listening_socket(struct guest *g)
{
	g->mine = -1;
	g->fd = liar_root_listener();
}

/* The connecting end of another listener of root's; and the vault is at its other end. */
static void link_itself(struct guest *g)
{
	g->mine = -1;
	g->fd = liar_link;
}

static void inet(struct guest *g, int type)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, type, 0);

	g->mine = -1;
	g->fd = socket(AF_INET, type, 0);
	MUST(bind(listener, (const struct sockaddr *)&at, sizeof(at)) == 0);
	MUST(type != SOCK_STREAM || listen(listener, 1) == 0);
	MUST(getsockname(listener, (struct sockaddr *)&at, &len) == 0);
	MUST(connect(g->fd, (const struct sockaddr *)&at, sizeof(at)) == 0);
}

static void tcp_socket(struct guest *g)
{
	inet(g, SOCK_STREAM);
}

static void udp_socket(struct guest *g)
{
	inet(g, SOCK_DGRAM);
}

static void plain_file(struct guest *g)
{
	char path[] = "/tmp/kenmon-liar-XXXXXX";

	g->mine = -1;
	g->fd = mkstemp(path);
	MUST(g->fd >= 0);
	unlink(path);
}

static void epoll(struct guest *g)
{
	g->mine = -1;
	g->fd = epoll_create1(EPOLL_CLOEXEC);
	MUST(g->fd >= 0);
}

static void unconnected_socket(struct guest *g)
{
	g->mine = -1;
	g->fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	MUST(g->fd >= 0);
}

static void pipe_end(struct guest *g)
{
	int pair[2];

	MUST(pipe(pair) == 0);
	g->fd = pair[1];
	g->mine = -1;
}

static void file(struct guest *g)
{
	g->mine = -1;
	g->fd = open("/dev/null", O_RDWR);
	MUST(g->fd >= 0);
}

static void none(struct guest *g)
{
	g->fd = g->mine = -1;
}

const struct liar_end liar_ends[] = {
	{ "the connecting end of its own connection", connecting_end, true },
	{ "the same, with a name", connecting_end_with_a_name, false },
	{ "a packet pair, whose peer is the judge", packet_pair, false },
	{ "an accepted end, whose peer is the judge", accepted_end_of_its_own, false },
	{ "a stream pair", stream_pair, true },
	{ "a datagram pair", datagram_pair, true },
	{ "a listening socket", listening_socket, true },
	{ "root's listening socket", roots_listening_socket, true },
	{ "the link to the vault", link_itself, true },
	{ "a TCP socket", tcp_socket, true },
	{ "a UDP socket", udp_socket, true },
	{ "a plain file", plain_file, true },
	{ "an epoll instance", epoll, true },
	{ "a socket without a peer", unconnected_socket, true },
	{ "a pipe", pipe_end, true },
	{ "a device", file, true },
	{ "nothing", none, true },
};
const size_t liar_end_count = sizeof(liar_ends) / sizeof(liar_ends[0]);

/* --- misdeeds -------------------------------------------------------------------------- */

static void say(struct km_msg m, int fd)
{
	MUST(liar_say(&m, fd) == KM_OK);
}

static struct km_msg anchor(uint16_t version)
{
	struct km_msg m = { .number = KM_MSG_ANCHOR };

	m.anchor.version = version;
	return m;
}

static void anchor_twice(void)
{
	say(anchor(KM_ROOM_PROTOCOL), -1);
}

/* A login under way, of the judge's own. */
static struct guest opened(void)
{
	struct guest g = liar_own_guest();

	say(liar_open(&g, NULL), g.fd);
	MUST(liar_hear() == KM_MSG_PLAN);
	return g;
}

static void open_twice_under_one_number(void)
{
	struct guest g = opened();
	struct km_msg m = liar_open(&g, NULL);

	m.session--;
	say(m, g.fd);
}

static void open_number_zero(void)
{
	struct guest g = liar_own_guest();
	struct km_msg m = liar_open(&g, NULL);

	m.session = 0;
	say(m, g.fd);
}

static void open_of_no_kind(void)
{
	struct guest g = liar_own_guest();
	struct km_msg m = liar_open(&g, NULL);

	m.open.kind = 0;
	say(m, g.fd);
}

static void open_of_an_unknown_kind(void)
{
	struct guest g = liar_own_guest();
	struct km_msg m = liar_open(&g, NULL);

	m.open.kind = KM_REQUEST_DESK + 1;
	say(m, g.fd);
}

static void check_of_a_later_step(void)
{
	struct guest g = opened();
	struct km_msg m = { .number = KM_MSG_CHECK, .session = g.id };

	m.check.step = 1;
	m.check.secret.len = 6;
	memcpy(m.check.secret.bytes, HOTP_0, 6);
	say(m, -1);
}

static void check_with_a_descriptor(void)
{
	struct guest g = opened();
	struct km_msg m = { .number = KM_MSG_CHECK, .session = g.id };

	m.check.secret.len = 6;
	memcpy(m.check.secret.bytes, HOTP_0, 6);
	say(m, g.fd);
}

static void close_with_a_descriptor(void)
{
	struct guest g = opened();

	say((struct km_msg){ .number = KM_MSG_CLOSE, .session = g.id }, g.fd);
}

static void turned_away_with_a_descriptor(void)
{
	say((struct km_msg){ .number = KM_MSG_TURNED_AWAY }, liar_own_guest().fd);
}

static void anchor_with_a_descriptor(void)
{
	say(anchor(KM_ROOM_PROTOCOL), liar_own_guest().fd);
}

static void grant_that_no_plan_offered(void)
{
	struct guest g = opened();

	say((struct km_msg){ .number = KM_MSG_GRANT, .session = g.id }, -1);
}

static void grant_with_a_descriptor(void)
{
	struct guest g = opened();

	say((struct km_msg){ .number = KM_MSG_GRANT, .session = g.id }, g.fd);
}

static void revoke_of_no_grant(void)
{
	struct guest g = opened();
	struct km_msg m = { .number = KM_MSG_REVOKE, .session = g.id };

	m.revoke.event = KM_SENSOR_TIMEOUT;
	say(m, -1);
}

static void send_that_no_plan_offered(void)
{
	struct guest g = opened();

	say((struct km_msg){ .number = KM_MSG_SEND, .session = g.id }, -1);
}

static void send_with_a_descriptor(void)
{
	struct guest g = opened();

	say((struct km_msg){ .number = KM_MSG_SEND, .session = g.id }, g.fd);
}

static void sensed_with_a_descriptor(void)
{
	struct km_msg m = { .number = KM_MSG_SENSED };

	m.sensed.event = KM_SENSOR_TAKEN;
	say(m, liar_own_guest().fd);
}

static void sensed_of_no_event(void)
{
	say((struct km_msg){ .number = KM_MSG_SENSED }, -1);
}

static void byte_too_many(void)
{
	struct guest g = liar_own_guest();
	struct km_msg m = liar_open(&g, NULL);
	uint8_t frame[2048] = { 0 };
	size_t len;

	MUST(km_encode(&m, frame, sizeof(frame), &len) == KM_OK);
	MUST(km_send(liar_link, frame, len + 1, g.fd, 0) == KM_OK);
}

static void byte_too_few(void)
{
	struct guest g = liar_own_guest();
	struct km_msg m = liar_open(&g, NULL);
	uint8_t frame[2048];
	size_t len;

	MUST(km_encode(&m, frame, sizeof(frame), &len) == KM_OK);
	MUST(km_send(liar_link, frame, len - 1, g.fd, 0) == KM_OK);
}

const struct liar_misdeed liar_misdeeds[] = {
	{ "ANCHOR twice", anchor_twice },
	{ "OPEN twice under one number", open_twice_under_one_number },
	{ "OPEN number 0", open_number_zero },
	{ "OPEN of no kind", open_of_no_kind },
	{ "OPEN of an unknown kind", open_of_an_unknown_kind },
	{ "CHECK of a later step", check_of_a_later_step },
	{ "CHECK with a descriptor", check_with_a_descriptor },
	{ "CLOSE with a descriptor", close_with_a_descriptor },
	{ "TURNED_AWAY with a descriptor", turned_away_with_a_descriptor },
	{ "ANCHOR with a descriptor", anchor_with_a_descriptor },
	{ "GRANT that no plan offered", grant_that_no_plan_offered },
	{ "GRANT with a descriptor", grant_with_a_descriptor },
	{ "REVOKE of no grant", revoke_of_no_grant },
	{ "SEND that no plan offered", send_that_no_plan_offered },
	{ "SEND with a descriptor", send_with_a_descriptor },
	{ "SENSED with a descriptor", sensed_with_a_descriptor },
	{ "SENSED of no event", sensed_of_no_event },
	{ "a byte too many", byte_too_many },
	{ "a byte too few", byte_too_few },
};
const size_t liar_misdeed_count = sizeof(liar_misdeeds) / sizeof(liar_misdeeds[0]);
