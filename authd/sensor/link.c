/*
 * The judge's link: one connection, of one peer. Its bad frame ends the link and every job
 * that came by it.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib-unix.h>

#include <kenmon/log.h>
#include <kenmon/sock.h>

#include "sensor.h"

#define FRAME_MOST 256 /* CAPTURE and STOP are far shorter; more is an error */

static void sensor_link_close(struct sensor *s, const char *why)
{
	if (s->judge < 0)
		return;
	km_log(LOG_INFO, "the judge's link is closed (%s)", why);
	g_source_remove(s->judge_source);
	close(s->judge);
	s->judge = -1;
	job_drop_all(s);
}

void sensor_link_event(struct sensor *s, const uint8_t *grant, enum km_sensor_event event,
		       const char *reader, const char *detail)
{
	struct km_msg m = { .number = KM_MSG_EVENT };

	if (s->judge < 0)
		return;
	memcpy(m.event.grant, grant, KM_GRANT_BYTES);
	m.event.event = (uint8_t)event;
	/* Names come from devices, which anybody may plug in. */
	km_escape(reader ? reader : "", m.event.reader, sizeof m.event.reader);
	km_escape(detail ? detail : "", m.event.detail, sizeof m.event.detail);
	if (km_send_msg(s->judge, &m, -1, MSG_DONTWAIT) != KM_OK)
		sensor_link_close(s, "it does not read");
}

static km_rc take(struct sensor *s, const uint8_t *frame, size_t len)
{
	struct km_msg m;
	km_rc rc = km_decode(frame, len, KM_FROM_JUDGE, KM_PHASE_SENSOR, &m);

	if (rc != KM_OK)
		return rc;
	if (m.number == KM_MSG_CAPTURE)
		return job_add(s, &m.capture);
	if (m.number != KM_MSG_STOP)
		return KM_EPROTO;
	job_stop(s, m.stop.grant);
	return KM_OK;
}

void sensor_link_drain(struct sensor *s)
{
	uint8_t frame[FRAME_MOST];

	while (s->judge >= 0) {
		size_t len;
		km_rc rc = km_recv(s->judge, frame, sizeof frame, &len, NULL, NULL, MSG_DONTWAIT);

		if (rc == KM_EAGAIN)
			return;
		if (rc == KM_OK && take(s, frame, len) == KM_OK)
			continue;
		if (rc != KM_ECLOSED)
			km_log(LOG_WARNING, "the judge sent what is not our protocol");
		sensor_link_close(s, rc == KM_ECLOSED ? "end of file" : "not our protocol");
	}
}

static gboolean on_judge(gint fd, GIOCondition condition, gpointer data)
{
	(void)fd;
	(void)condition;
	sensor_link_drain(data);
	return G_SOURCE_CONTINUE; /* sensor_link_close has removed it, where that was due */
}

/* Without --judge-uid the socket's own mode says who may: its unit gives it to the judge's user. */
static bool may_ask(const struct sensor *s, uid_t uid)
{
	return !s->has_judge_uid || uid == s->judge_uid || uid == 0 ||
	       (s->has_owner && uid == s->owner);
}

static gboolean on_listener(gint listener, GIOCondition condition, gpointer data)
{
	struct sensor *s = data;
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	uid_t uid;

	(void)condition;
	if (fd < 0)
		return G_SOURCE_CONTINUE;
	/* A judge that was started again may be here before its predecessor's end is read. */
	sensor_link_drain(s);
	if (s->judge >= 0 || km_peer(fd, NULL, &uid, NULL) != KM_OK || !may_ask(s, uid)) {
		km_log(LOG_WARNING, "a second or foreign judge was turned away");
		close(fd);
		return G_SOURCE_CONTINUE;
	}
	s->judge = fd;
	s->judge_source = g_unix_fd_add(fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_judge, s);
	return G_SOURCE_CONTINUE;
}

void sensor_link_begin(struct sensor *s)
{
	g_unix_fd_add(s->listener, G_IO_IN, on_listener, s);
}
