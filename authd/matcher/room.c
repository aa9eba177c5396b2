/*
 * One loop: what the vault lends and takes back, then probes. The vault is heard before each probe,
 * so that what it said earlier holds for it. A sensor's bad frame ends its connection; the vault's
 * ends the room, and so does the end of its link: nothing is lent any more then.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kenmon/clock.h>
#include <kenmon/log.h>
#include <kenmon/secret.h>
#include <kenmon/sock.h>

#include "room.h"

#define DRAIN      128   /* frames at one go, so that signals and clocks get their turn */
#define LOOK_MS    1000  /* poll's clock stands still in sleep; deadlines do not */
#define UNKNOWN_MS 60000 /* between two lines about probes that nobody waits for */

static volatile sig_atomic_t asked_to_stop;

static void on_signal(int number)
{
	(void)number;
	asked_to_stop = 1;
}

/* A clock that says nothing: every deadline has passed. */
static int64_t boot_ms(void)
{
	int64_t now = km_boot_ms();

	return now > 0 ? now : INT64_MAX;
}

/* --- memory ---------------------------------------------------------------------------- */

bool matcher_init(struct matcher *m)
{
	m->grants = grants_new();
	m->buf = km_locked_new(sizeof(*m->buf));
	return m->grants && m->buf;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void matcher_wipe(struct matcher *m)
{
	grants_free(m->grants);
	km_locked_free(m->buf, sizeof(*m->buf));
	m->grants = NULL;
	m->buf = NULL;
	for (size_t i = 0; i < MATCHER_SENSORS; i++)
		close_fd(&m->sensor[i]);
	close_fd(&m->vault);
	close_fd(&m->listener);
}

/* --- to the vault ------------------------------------------------------------------------ */

static void vault_lost(struct matcher *m, const char *why)
{
	km_log(LOG_NOTICE, "the vault's link is closed (%s): stopping", why);
	m->stop = true;
}

km_rc matcher_greet(struct matcher *m)
{
	const struct km_msg hello = { .number = KM_MSG_MATCHER,
				      .matcher = { .version = KM_ROOM_PROTOCOL } };

	return km_send_msg(m->vault, &hello, -1, MSG_DONTWAIT);
}

/* A finding is a few bytes: a vault that has no room for it has not read for a long time. */
static void tell(struct matcher *m)
{
	struct findings *out = &m->buf->out;

	for (unsigned i = 0; i < out->count && !m->stop; i++) {
		size_t len = 0;
		km_rc rc = km_encode(&out->msg[i], m->buf->frame, sizeof(m->buf->frame), &len);

		if (rc == KM_OK)
			rc = km_send(m->vault, m->buf->frame, len, -1, MSG_DONTWAIT);
		km_wipe(m->buf->frame, len);
		if (rc != KM_OK)
			vault_lost(m, rc == KM_EAGAIN ? "it does not read" : km_rc_name(rc));
	}
	grants_told(m->grants, out);
}

/* --- from the vault ---------------------------------------------------------------------- */

static km_rc take_from_vault(struct matcher *m, size_t len)
{
	struct km_msg *in = &m->buf->in;
	km_rc rc = km_decode(m->buf->frame, len, KM_FROM_VAULT, KM_PHASE_MATCHER, in);

	if (rc == KM_OK && in->number == KM_MSG_LEND)
		rc = grants_lend(m->grants, &in->lend, boot_ms(), &m->buf->out);
	else if (rc == KM_OK && in->number == KM_MSG_TAKE_BACK)
		grants_take_back(m->grants, in->take_back.grant, &m->buf->out);
	else
		rc = KM_EPROTO;
	km_msg_wipe(in);
	km_wipe(m->buf->frame, len);
	if (rc == KM_OK)
		tell(m);
	return rc;
}

static bool is_the_vault(const struct matcher *m, const struct km_stamp *stamp)
{
	return m->vault_uid < 0 || (stamp->known && (int64_t)stamp->uid == m->vault_uid);
}

static void drain_vault(struct matcher *m)
{
	for (unsigned i = 0; i < DRAIN && !m->stop; i++) {
		struct km_stamp stamp = { .known = false };
		size_t len = 0;
		km_rc rc = km_recv(m->vault, m->buf->frame, sizeof(m->buf->frame), &len, NULL,
				   &stamp, MSG_DONTWAIT);

		if (rc == KM_EAGAIN)
			return;
		if (rc == KM_OK && !is_the_vault(m, &stamp)) {
			km_log(LOG_ALERT, "uid %u speaks as the vault", stamp.uid);
			rc = KM_EPERM;
		}
		if (rc == KM_OK)
			rc = take_from_vault(m, len);
		if (rc != KM_OK)
			vault_lost(m, rc == KM_ECLOSED  ? "end of file"
				      : rc == KM_EPROTO ? "not our protocol"
							: km_rc_name(rc));
	}
}

/* --- sensors ------------------------------------------------------------------------------ */

static void drop_sensor(struct matcher *m, size_t i)
{
	close_fd(&m->sensor[i]);
	memmove(&m->sensor[i], &m->sensor[i + 1], (MATCHER_SENSORS - 1 - i) * sizeof(m->sensor[0]));
	m->sensor[MATCHER_SENSORS - 1] = -1;
}

static void accept_sensor(struct matcher *m)
{
	int fd = accept4(m->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	uid_t uid = 0;
	size_t i = 0;

	if (fd < 0)
		return;
	if (km_peer(fd, NULL, &uid, NULL) != KM_OK ||
	    (m->sensor_uid >= 0 && (int64_t)uid != m->sensor_uid && uid != 0)) {
		km_log(LOG_WARNING, "uid %u is no sensor: turned away", uid);
		close(fd);
		return;
	}
	if (m->sensor[MATCHER_SENSORS - 1] >= 0)
		drop_sensor(m, 0);
	while (m->sensor[i] >= 0)
		i++;
	m->sensor[i] = fd;
}

/* Late, twice, or made up. */
static void note_unknown(struct matcher *m, int64_t now_ms)
{
	m->unknown++;
	if (m->unknown_told_ms > 0 && now_ms - m->unknown_told_ms < UNKNOWN_MS)
		return;
	km_log(LOG_NOTICE, "%u probes came for no grant: dropped", m->unknown);
	m->unknown = 0;
	m->unknown_told_ms = now_ms;
}

static km_rc take_probe(struct matcher *m, size_t len)
{
	struct km_msg *in = &m->buf->in;
	const struct msg_probe *p = &in->probe;
	int64_t now = boot_ms();
	size_t used = 0;
	km_rc rc = km_decode(m->buf->frame, len, KM_FROM_SENSOR, KM_PHASE_PROBES, in);

	if (rc == KM_OK && (in->number != KM_MSG_PROBE || p->version != KM_ROOM_PROTOCOL))
		rc = KM_EPROTO;
	if (rc == KM_OK)
		rc = km_minutiae_decode(p->minutiae.bytes, p->minutiae.len, &m->buf->probe, &used);
	if (rc == KM_OK && used != p->minutiae.len)
		rc = KM_EPROTO;
	if (rc == KM_OK && !grants_probe(m->grants, p->grant, &m->buf->probe, now, &m->buf->out))
		note_unknown(m, now);
	km_wipe(&m->buf->probe, sizeof(m->buf->probe));
	km_msg_wipe(in);
	km_wipe(m->buf->frame, len);
	if (rc == KM_OK)
		tell(m);
	return rc;
}

/* One probe, so that no sensor keeps others waiting. False: its connection is over. */
static bool hear_sensor(struct matcher *m, int fd)
{
	size_t len = 0;
	km_rc rc;

	drain_vault(m);
	if (m->stop)
		return true;
	rc = km_recv(fd, m->buf->frame, sizeof(m->buf->frame), &len, NULL, NULL, MSG_DONTWAIT);
	if (rc == KM_OK)
		rc = take_probe(m, len);
	if (rc == KM_EPROTO)
		km_log(LOG_WARNING, "the sensor broke the protocol: its connection is closed");
	return rc == KM_OK || rc == KM_EAGAIN;
}

/* --- the loop ----------------------------------------------------------------------------- */

#define POLLED (2 + MATCHER_SENSORS)

static void serve(struct matcher *m, const struct pollfd polled[POLLED])
{
	if (polled[0].revents)
		drain_vault(m);
	/* From the last to the first: those that stay keep their places meanwhile. */
	for (size_t i = MATCHER_SENSORS; i-- > 0 && !m->stop;)
		if (m->sensor[i] >= 0 && polled[2 + i].revents && !hear_sensor(m, m->sensor[i]))
			drop_sensor(m, i);
	if (polled[1].revents && !m->stop)
		accept_sensor(m);
}

bool matcher_round(struct matcher *m, int timeout_ms)
{
	struct pollfd polled[POLLED] = { { .fd = m->vault, .events = POLLIN },
					 { .fd = m->listener, .events = POLLIN } };
	const struct timespec wait = { .tv_sec = timeout_ms / 1000,
				       .tv_nsec = timeout_ms % 1000 * 1000000L };
	sigset_t none;
	int n;

	for (size_t i = 0; i < MATCHER_SENSORS; i++)
		polled[2 + i] = (struct pollfd){ .fd = m->sensor[i], .events = POLLIN };
	sigemptyset(&none);
	n = ppoll(polled, POLLED, timeout_ms < 0 ? NULL : &wait, &none);
	if (n < 0 && errno != EINTR)
		vault_lost(m, strerror(errno));
	if (n > 0)
		serve(m, polled);
	lent_expire(m->grants, boot_ms());
	/* Nobody waits: what a probe would have to wait for. */
	return n > 0 || (n == 0 && grants_prepare(m->grants));
}

static int wait_ms(const struct matcher *m, bool more)
{
	int64_t left = grants_left_ms(m->grants, boot_ms());

	if (more)
		return 0;
	return left < LOOK_MS ? (int)left : LOOK_MS;
}

bool matcher_hold_signals(void)
{
	const struct sigaction stop = { .sa_handler = on_signal };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t held;

	sigemptyset(&held);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGINT);
	return sigaction(SIGTERM, &stop, NULL) == 0 && sigaction(SIGINT, &stop, NULL) == 0 &&
	       sigaction(SIGHUP, &ignore, NULL) == 0 && sigprocmask(SIG_BLOCK, &held, NULL) == 0;
}

void matcher_run(struct matcher *m)
{
	bool more = false;

	while (!m->stop && !asked_to_stop)
		more = matcher_round(m, wait_ms(m, more));
}
