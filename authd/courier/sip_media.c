/* Packets of one call, out and in. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <kenmon/secret.h>

#include "sip_media.h"

#define FRAME_NS   20000000L
#define CATCH_UP   5  /* frames that are sent at one go when we were late; more are left out */
#define DRAIN      64 /* packets at one go */
#define PACKET_MAX 2048
#define SRTP_TAIL  16
#define PORT_TRIES 16 /* to get an even one: RFC 3550 wants the odd one behind it for RTCP */

/* --- out --------------------------------------------------------------------------------- */

static void encode(const struct voice_media *m, const int16_t frame[VOICE_FRAME], uint8_t *out)
{
	for (unsigned i = 0; i < VOICE_FRAME; i++)
		out[i] =
		    m->agreed.codec == VOICE_PCMU ? voice_ulaw(frame[i]) : voice_alaw(frame[i]);
}

/* A packet that cannot be sent is a click in the ear: the call goes on. */
static void send_frame(struct voice_media *m, const int16_t frame[VOICE_FRAME])
{
	const struct voice_rtp header = { .type = m->agreed.codec,
					  .marker = m->first,
					  .seq = m->seq,
					  .time = m->time,
					  .source = m->source };
	struct mbuf *mb = m->packet;

	voice_rtp_write(&header, mb->buf);
	encode(m, frame, mb->buf + VOICE_RTP_HEADER);
	mb->pos = 0;
	mb->end = VOICE_RTP_HEADER + VOICE_FRAME;
	if (!m->tx || srtp_encrypt(m->tx, mb) == 0)
		(void)send(m->fd, mb->buf, mb->end, MSG_DONTWAIT | MSG_NOSIGNAL);
	m->first = false;
	m->seq++;
	m->time += VOICE_FRAME;
}

static void tick(int flags, void *arg)
{
	struct voice_media *m = arg;
	int16_t frame[VOICE_FRAME];
	uint64_t due = 0;

	(void)flags;
	if (read(m->timer, &due, sizeof(due)) != (ssize_t)sizeof(due) || due == 0)
		return;
	if (!m->runs) {
		m->events->expired(m->arg);
		return;
	}
	if (due > CATCH_UP) {
		m->time += (uint32_t)(due - 1) * VOICE_FRAME;
		due = 1;
	}
	while (due-- > 0) {
		m->events->frame(m->arg, frame);
		send_frame(m, frame);
	}
	km_wipe(frame, sizeof(frame));
	m->events->turn(m->arg);
}

/* --- in ---------------------------------------------------------------------------------- */

static bool is_event(const struct voice_media *m, uint8_t type)
{
	return m->agreed.events &&
	       (type == m->agreed.event_type[0] || type == m->agreed.event_type[1]);
}

static char key_in(struct voice_media *m, struct mbuf *mb)
{
	struct voice_rtp p;

	if (m->rx && srtp_decrypt(m->rx, mb) != 0)
		return 0;
	if (voice_rtp_read(mb->buf, mb->end, &p) != KM_OK || !is_event(m, p.type))
		return 0;
	return voice_keys_take(&m->keys, &p);
}

static void receive(int flags, void *arg)
{
	struct voice_media *m = arg;
	struct mbuf *mb = mbuf_alloc(PACKET_MAX);
	char key;

	(void)flags;
	for (unsigned i = 0; mb && i < DRAIN; i++) {
		ssize_t n = recv(m->fd, mb->buf, PACKET_MAX, MSG_DONTWAIT | MSG_TRUNC);

		/* The other end's port may be closed for a moment: ECONNREFUSED is no end. */
		if (n < 0 && errno != ECONNREFUSED)
			break;
		if (n <= 0 || n > PACKET_MAX)
			continue;
		mb->pos = 0;
		mb->end = (size_t)n;
		key = m->runs ? key_in(m, mb) : 0;
		if (key)
			m->events->key(m->arg, key);
	}
	mem_deref(mb);
	if (m->runs)
		m->events->turn(m->arg);
}

/* --- opening and closing ----------------------------------------------------------------- */

static int bind_once(const struct sa *local, uint16_t *port)
{
	struct sa at = *local;
	int fd = socket(sa_af(local), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	sa_set_port(&at, 0);
	if (fd >= 0 && bind(fd, &at.u.sa, at.len) == 0 && getsockname(fd, &at.u.sa, &at.len) == 0) {
		*port = sa_port(&at);
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static int bind_even(const struct sa *local, uint16_t *port)
{
	int fd = -1;

	for (unsigned i = 0; i < PORT_TRIES; i++) {
		if (fd >= 0)
			close(fd);
		fd = bind_once(local, port);
		if (fd < 0 || *port % 2 == 0)
			break;
	}
	return fd;
}

static km_rc set_key(struct srtp **ctx, const struct voice_crypto *c)
{
	struct srtp *fresh;

	if (srtp_alloc(&fresh, SRTP_AES_CM_128_HMAC_SHA1_80, c->key, sizeof(c->key), 0) != 0)
		return KM_ENOMEM;
	mem_deref(*ctx);
	*ctx = fresh;
	return KM_OK;
}

km_rc voice_media_open(struct voice_media *m, const struct sa *local,
		       const struct voice_crypto *mine, const struct voice_media_events *events,
		       void *arg, uint16_t *port)
{
	struct voice_media new = VOICE_MEDIA_CLOSED;
	uint32_t noise[3];
	km_rc rc = km_random(noise, sizeof(noise));

	if (rc != KM_OK)
		return rc;
	*m = new;
	m->events = events;
	m->arg = arg;
	m->first = true;
	m->seq = (uint16_t)(noise[0] & 0x7fff); /* RFC 3711: no roll-over at once */
	m->time = noise[1];
	m->source = noise[2];
	m->packet = mbuf_alloc(VOICE_RTP_HEADER + VOICE_FRAME + SRTP_TAIL);
	m->fd = bind_even(local, port);
	m->timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	rc = m->packet && m->fd >= 0 && m->timer >= 0 && (!mine || set_key(&m->tx, mine) == KM_OK)
		 ? KM_OK
		 : KM_ENOMEM;
	if (rc == KM_OK && (fd_listen(m->timer, FD_READ, tick, m) != 0 ||
			    fd_listen(m->fd, FD_READ, receive, m) != 0))
		rc = KM_ENOMEM;
	if (rc != KM_OK)
		voice_media_close(m);
	return rc;
}

km_rc voice_media_wait(struct voice_media *m, unsigned seconds)
{
	const struct itimerspec when = { .it_value = { .tv_sec = seconds } };

	return timerfd_settime(m->timer, 0, &when, NULL) == 0 ? KM_OK : KM_EIO;
}

/* What arrived before the socket was connected may be anybody's. */
static km_rc connect_to(struct voice_media *m, const struct sa *remote)
{
	uint8_t byte;

	if (connect(m->fd, &remote->u.sa, remote->len) != 0)
		return KM_EUNAVAIL;
	while (recv(m->fd, &byte, 1, MSG_DONTWAIT) >= 0)
		;
	return KM_OK;
}

static bool same_end(const struct voice_agreed *a, const struct voice_agreed *b)
{
	return sa_cmp(&a->remote, &b->remote, SA_ALL) && a->srtp == b->srtp &&
	       km_equal(a->theirs.key, sizeof(a->theirs.key), b->theirs.key, sizeof(b->theirs.key));
}

km_rc voice_media_start(struct voice_media *m, const struct voice_agreed *agreed)
{
	const struct itimerspec beat = { .it_value = { .tv_nsec = FRAME_NS },
					 .it_interval = { .tv_nsec = FRAME_NS } };
	km_rc rc = agreed->srtp != (m->tx != NULL) ? KM_EPROTO : KM_OK;

	/* A session that is only refreshed: a key that is down just now is not a second one. */
	if (rc == KM_OK && m->runs && same_end(&m->agreed, agreed)) {
		m->agreed = *agreed;
		return KM_OK;
	}
	if (rc == KM_OK && agreed->srtp)
		rc = set_key(&m->rx, &agreed->theirs);
	if (rc == KM_OK)
		rc = connect_to(m, &agreed->remote);
	if (rc == KM_OK && !m->runs && timerfd_settime(m->timer, 0, &beat, NULL) != 0)
		rc = KM_EIO;
	if (rc != KM_OK)
		return rc;
	m->agreed = *agreed;
	m->keys = (struct voice_keys){ 0 };
	m->runs = true;
	return KM_OK;
}

static void close_fd(int *fd)
{
	if (*fd < 0)
		return;
	fd_close(*fd);
	close(*fd);
	*fd = -1;
}

void voice_media_close(struct voice_media *m)
{
	m->runs = false;
	close_fd(&m->fd);
	close_fd(&m->timer);
	m->tx = mem_deref(m->tx);
	m->rx = mem_deref(m->rx);
	m->packet = mem_deref(m->packet);
	km_wipe(&m->agreed, sizeof(m->agreed));
}
