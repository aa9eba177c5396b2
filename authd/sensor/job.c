/*
 * Jobs, in the order in which they came. The first has the reader; the others wait, each
 * within its own seconds. Time is CLOCK_BOOTTIME's, by one timer: a deadline passes in sleep.
 */
#include <string.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <kenmon/clock.h>
#include <kenmon/log.h>
#include <kenmon/room.h>

#include "sensor.h"

/*
 * libfprint's drivers call the kernel, which may not come back. The loop's own timer is of no use
 * then: the kernel ends us instead, and whoever waits sees it by the end of the link.
 */
static void beat(bool held)
{
	const struct itimerval until = { .it_value.tv_sec = held ? SENSOR_DEAD_S : 0 };

	(void)setitimer(ITIMER_REAL, &until, NULL);
}

static gboolean begin_next(gpointer data)
{
	struct sensor *s = data;

	s->next_source = 0;
	if (!s->reader && s->jobs > 0) {
		beat(true);
		reader_begin(s);
	}
	return G_SOURCE_REMOVE;
}

/* Later, from the loop: libfprint may be on the stack, and it cannot be entered twice. */
static void next_soon(struct sensor *s)
{
	if (s->next_source == 0 && !s->reader && s->jobs > 0)
		s->next_source = g_idle_add(begin_next, s);
}

static void leave(struct sensor *s, unsigned at)
{
	s->jobs--;
	memmove(&s->job[at], &s->job[at + 1], (s->jobs - at) * sizeof s->job[0]);
	if (s->jobs == 0)
		s->idle_since = km_boot_ms();
}

km_rc job_add(struct sensor *s, const struct msg_capture *c)
{
	const unsigned seconds = c->seconds < SENSOR_LONGEST_S ? c->seconds : SENSOR_LONGEST_S;
	struct job *j;

	if (c->version != KM_ROOM_PROTOCOL)
		return KM_EPROTO;
	for (unsigned i = 0; i < s->jobs; i++)
		if (!s->job[i].ended && memcmp(s->job[i].grant, c->grant, KM_GRANT_BYTES) == 0)
			return KM_EPROTO;
	if (s->jobs == SENSOR_JOBS) {
		km_log(LOG_WARNING, "more than %u captures in line: one was refused", SENSOR_JOBS);
		sensor_link_event(s, c->grant, KM_SENSOR_FAILED, NULL, NULL);
		return KM_OK;
	}
	j = &s->job[s->jobs++];
	*j = (struct job){ .shots = c->shots, .until = km_boot_ms() + 1000 * (int64_t)seconds };
	memcpy(j->grant, c->grant, KM_GRANT_BYTES);
	/* Whoever is before may have gone already, and only a finger is not lifted yet. */
	if (s->jobs > 2 || (s->jobs == 2 && !s->job[0].ended))
		sensor_link_event(s, j->grant, KM_SENSOR_IN_LINE, NULL, NULL);
	next_soon(s);
	job_arm(s);
	return KM_OK;
}

void job_tell(struct sensor *s, enum km_sensor_event event, const char *reader, const char *detail)
{
	if (!s->job[0].ended)
		sensor_link_event(s, s->job[0].grant, event, reader, detail);
}

void job_end(struct sensor *s, enum km_sensor_event event, const char *reader)
{
	struct job *j = &s->job[0];

	if (j->ended)
		return;
	j->ended = true;
	if (event != KM_SENSOR_NONE)
		sensor_link_event(s, j->grant, event, reader, NULL);
}

/* Any job's. The first one keeps its place until its reader is closed. */
static void end_at(struct sensor *s, unsigned at, enum km_sensor_event event)
{
	if (at == 0 && s->reader) {
		job_end(s, event, NULL);
		reader_stop(s->reader);
		return;
	}
	if (event != KM_SENSOR_NONE)
		sensor_link_event(s, s->job[at].grant, event, NULL, NULL);
	/* What could not be sent has closed the link, and with it every job. */
	if (at < s->jobs && (s->judge >= 0 || event == KM_SENSOR_NONE))
		leave(s, at);
}

void job_stop(struct sensor *s, const uint8_t *grant)
{
	for (unsigned i = 0; i < s->jobs; i++) {
		if (s->job[i].ended || memcmp(s->job[i].grant, grant, KM_GRANT_BYTES) != 0)
			continue;
		end_at(s, i, KM_SENSOR_STOPPED);
		job_arm(s);
		return;
	}
}

void job_drop_all(struct sensor *s)
{
	for (unsigned i = s->jobs; i-- > 0;)
		end_at(s, i, KM_SENSOR_NONE);
	job_arm(s);
}

void job_reader_gone(struct sensor *s)
{
	s->reader = NULL;
	probe_close(s);
	job_end(s, KM_SENSOR_FAILED, NULL); /* if nobody else has said how */
	if (s->jobs > 0)
		leave(s, 0);
	next_soon(s);
	beat(false);
	job_arm(s);
}

/* Nothing waits any more, not even in the socket. */
static bool is_idle(struct sensor *s)
{
	if (s->jobs > 0 || km_boot_ms() < s->idle_since + 1000 * (int64_t)s->idle_s)
		return false;
	sensor_link_drain(s);
	return s->jobs == 0;
}

void job_tick(struct sensor *s)
{
	int64_t now = km_boot_ms();

	for (unsigned i = s->jobs; i-- > 0;)
		if (i < s->jobs && !s->job[i].ended && now >= s->job[i].until)
			end_at(s, i, KM_SENSOR_TIMEOUT);
	if (s->reader && now >= reader_due(s->reader))
		reader_tick(s->reader);
	if (is_idle(s)) {
		km_log(LOG_INFO, "nothing to do for %u s: ending until somebody asks", s->idle_s);
		g_main_loop_quit(s->loop);
	}
	beat(s->reader != NULL);
	job_arm(s);
}

void job_arm(struct sensor *s)
{
	int64_t due = INT64_MAX;
	struct itimerspec at = { 0 };

	for (unsigned i = 0; i < s->jobs; i++)
		if (!s->job[i].ended && s->job[i].until < due)
			due = s->job[i].until;
	if (s->reader && reader_due(s->reader) < due)
		due = reader_due(s->reader);
	if (s->reader && km_boot_ms() + SENSOR_BEAT_MS < due)
		due = km_boot_ms() + SENSOR_BEAT_MS;
	if (s->jobs == 0 && s->idle_since + 1000 * (int64_t)s->idle_s < due)
		due = s->idle_since + 1000 * (int64_t)s->idle_s;
	if (due == INT64_MAX)
		due = km_boot_ms() + SENSOR_STUCK_MS; /* cannot be; and then not for ever */
	at.it_value.tv_sec = due / 1000;
	at.it_value.tv_nsec = due % 1000 * 1000000;
	if (timerfd_settime(s->timer, TFD_TIMER_ABSTIME, &at, NULL) == 0)
		return;
	/* Without deadlines a reader could be held for ever. */
	km_log(LOG_ERR, "the kernel sets no timer: ending");
	_exit(KM_EXIT_FAILED);
}
