/*
 * The link to the sensor: made when something is to be captured, which starts a
 * sensor where none runs, and kept until it ends. Nothing here waits: what the
 * sensor does not read yet stands in a bounded queue. A frame that is no frame
 * of the sensor's, or another uid's, ends the link and what was captured on it.
 */
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <kenmon/clock.h>
#include <kenmon/log.h>

#include "judge.h"

#define ACCURACY    10000 /* µs by which the guard may be late */
#define USEC_PER_MS 1000u

static int on_link(sd_event_source *source, int fd, uint32_t events, void *arg);
static void watch_overdue(struct judge *j, int64_t at_ms);

/* --- frames out ------------------------------------------------------------------ */

static void watch(struct judge_sensor *l)
{
	sd_event_source_set_io_events(l->io, EPOLLIN | (l->queued > 0 ? EPOLLOUT : 0u));
}

static bool send_queued(struct judge_sensor *l)
{
	while (l->queued > 0) {
		km_rc rc = km_send(l->fd, l->queue[l->first].bytes, l->queue[l->first].len, -1,
				   MSG_DONTWAIT);

		if (rc == KM_EAGAIN)
			break;
		if (rc != KM_OK)
			return false;
		l->first = (l->first + 1) % JUDGE_SENSOR_QUEUE;
		l->queued--;
	}
	watch(l);
	return true;
}

static km_rc enqueue(struct judge_sensor *l, const uint8_t *buf, size_t len)
{
	unsigned at = (l->first + l->queued) % JUDGE_SENSOR_QUEUE;

	if (l->queued == JUDGE_SENSOR_QUEUE)
		return KM_ELIMIT;
	memcpy(l->queue[at].bytes, buf, len);
	l->queue[at].len = len;
	l->queued++;
	watch(l);
	return KM_OK;
}

/* Not km_connect(), which waits while a backlog is full. */
static int reach(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	const int on = 1;
	int fd;

	if (len == 0 || len >= sizeof(to.sun_path))
		return -1;
	memcpy(to.sun_path, path, len);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	/* Who listens may be the service manager; each frame says whose it is. */
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0 &&
	    connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	close(fd);
	return -1;
}

static km_rc up(struct judge *j)
{
	struct judge_sensor *l = &j->sensor;
	int fd = reach(j->sensor_path);

	if (fd < 0)
		return KM_EUNAVAIL;
	if (sd_event_add_io(j->event, &l->io, fd, EPOLLIN, on_link, j) < 0) {
		close(fd);
		return KM_EUNAVAIL;
	}
	l->fd = fd;
	l->strays = l->first = l->queued = 0;
	return KM_OK;
}

km_rc judge_sensor_send(struct judge *j, const struct km_msg *m)
{
	struct judge_sensor *l = &j->sensor;
	uint8_t frame[JUDGE_SENSOR_FRAME];
	size_t len = 0;
	km_rc rc = km_encode(m, frame, sizeof(frame), &len);

	if (rc != KM_OK)
		return rc;
	if (l->fd < 0 && (m->number != KM_MSG_CAPTURE || up(j) != KM_OK))
		return KM_EUNAVAIL;
	rc = l->queued > 0 ? KM_EAGAIN : km_send(l->fd, frame, len, -1, MSG_DONTWAIT);
	if (rc == KM_EAGAIN)
		rc = enqueue(l, frame, len);
	/* Whatever else is wrong with it, the loop finds its end. */
	if (rc != KM_OK)
		shutdown(l->fd, SHUT_RDWR);
	if (m->number != KM_MSG_CAPTURE)
		return rc;
	/* The sensor may have gone idle just now: as all captures of a link that is lost, this one
	 * is tried once more. */
	watch_overdue(j, km_boot_ms() + (m->capture.seconds + JUDGE_SENSOR_MARGIN) * (int64_t)1000);
	return KM_OK;
}

/* --- a sensor that says nothing ----------------------------------------------------- */

static int on_guard(sd_event_source *source, uint64_t usec, void *arg)
{
	struct judge *j = arg;
	int64_t next;

	(void)source;
	(void)usec;
	j->sensor.guard = sd_event_source_disable_unref(j->sensor.guard);
	next = judge_captures_overdue(j, km_boot_ms());
	if (next != INT64_MAX)
		watch_overdue(j, next);
	return 0;
}

/* One timer, for the earliest; when it fires it looks at all of them. */
static void watch_overdue(struct judge *j, int64_t at_ms)
{
	struct judge_sensor *l = &j->sensor;
	uint64_t at = (uint64_t)at_ms * USEC_PER_MS, earliest;

	if (l->guard && sd_event_source_get_time(l->guard, &earliest) >= 0 && earliest <= at)
		return;
	l->guard = sd_event_source_disable_unref(l->guard);
	/* BOOTTIME: the night that a machine sleeps through counts (C27). */
	if (sd_event_add_time(j->event, &l->guard, CLOCK_BOOTTIME, at, ACCURACY, on_guard, j) < 0)
		km_log(LOG_ERR,
		       "no timer for the sensor: the vault's clock and the login's end it");
}

/* --- the link --------------------------------------------------------------------------- */

static void drop(struct judge_sensor *l)
{
	l->io = sd_event_source_disable_unref(l->io);
	l->guard = sd_event_source_disable_unref(l->guard);
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	l->strays = l->first = l->queued = 0;
}

static int on_link(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct judge *j = arg;
	km_rc rc = KM_OK;

	(void)source;
	(void)fd;
	if ((events & EPOLLOUT) && !send_queued(&j->sensor))
		rc = KM_ECLOSED;
	/* What the sensor said before it went still counts. */
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		km_rc heard =
		    judge_drain(j, j->sensor.fd, j->sensor_uid, "sensor", judge_sensor_heard);

		rc = heard == KM_OK ? rc : heard;
	}
	if (rc == KM_OK)
		return 0;
	drop(&j->sensor);
	judge_captures_lost(j, rc == KM_ECLOSED);
	return 0;
}

void judge_sensor_down(struct judge *j)
{
	drop(&j->sensor);
	judge_captures_lost(j, false);
}
