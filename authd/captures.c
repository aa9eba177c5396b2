/*
 * What the sensor captures, and for whom: a login, or the vault itself (an
 * enrolment, a list of readers). The judge sees neither probe nor template; it
 * knows a grant, who waits for it, and what the sensor says of it. Events of
 * captures that it does not know (any more) are dropped (C28).
 */
#include <string.h>

#include <kenmon/clock.h>
#include <kenmon/log.h>

#include "judge.h"

#define MS 1000

static struct judge_capture *find(struct judge *j, const uint8_t grant[KM_GRANT_BYTES])
{
	for (unsigned i = 0; i < JUDGE_CAPTURES; i++) {
		struct judge_capture *c = &j->sensor.capture[i];

		if (c->used && memcmp(c->grant, grant, KM_GRANT_BYTES) == 0)
			return c;
	}
	return NULL;
}

/* A place for one more; NULL: there are enough. */
static struct judge_capture *vacant(struct judge *j, uint32_t session)
{
	struct judge_capture *place = NULL;
	unsigned senses = 0;

	for (unsigned i = 0; i < JUDGE_CAPTURES; i++) {
		struct judge_capture *c = &j->sensor.capture[i];

		senses += c->used && c->session == 0;
		if (!c->used)
			place = c;
	}
	return session == 0 && senses >= JUDGE_SENSES ? NULL : place;
}

static void forget(struct judge_capture *c)
{
	*c = (struct judge_capture){ .used = false };
}

/* On the link that there is, or a new one, for the time that is left. */
static km_rc ask_sensor(struct judge *j, struct judge_capture *c, int64_t now_ms)
{
	struct km_msg m = { .number = KM_MSG_CAPTURE };
	int64_t left_ms = c->ends_ms - now_ms;

	m.capture.version = KM_ROOM_PROTOCOL;
	memcpy(m.capture.grant, c->grant, KM_GRANT_BYTES);
	m.capture.shots = c->shots;
	m.capture.seconds = (uint16_t)(left_ms > MS ? (left_ms + MS - 1) / MS : 1);
	c->links++;
	return j->ports->to_sensor(j, &m);
}

km_rc judge_capture_begin(struct judge *j, const uint8_t grant[KM_GRANT_BYTES], uint32_t session,
			  uint8_t shots, unsigned seconds)
{
	struct judge_capture *c = vacant(j, session);
	int64_t now = km_boot_ms();
	km_rc rc;

	if (find(j, grant))
		return KM_EPROTO;
	if (!c)
		return KM_ELIMIT;
	*c = (struct judge_capture){
		.used = true,
		.place = ++j->sensor.places,
		.session = session,
		.shots = shots,
		.started_ms = now,
		.ends_ms = now + (int64_t)seconds * MS,
	};
	memcpy(c->grant, grant, KM_GRANT_BYTES);
	rc = ask_sensor(j, c, now);
	if (rc != KM_OK) {
		km_log(LOG_WARNING, "the sensor cannot be asked (%s)", km_rc_name(rc));
		forget(c);
	}
	return rc;
}

/* --- nobody waits any more --------------------------------------------------------- */

static void send_stop(struct judge *j, const struct judge_capture *c)
{
	struct km_msg m = { .number = KM_MSG_STOP };
	km_rc rc;

	memcpy(m.stop.grant, c->grant, KM_GRANT_BYTES);
	j->sensor.strays = 0; /* one of them answers it */
	rc = j->ports->to_sensor(j, &m);
	/* Without a link there is nothing to stop; one that takes no more ends, which stops it. */
	(void)rc;
}

static void stop(struct judge *j, struct judge_capture *c)
{
	send_stop(j, c);
	forget(c);
}

void judge_captures_of_session_stop(struct judge *j, uint32_t session)
{
	for (unsigned i = 0; i < JUDGE_CAPTURES; i++)
		if (j->sensor.capture[i].used && j->sensor.capture[i].session == session)
			stop(j, &j->sensor.capture[i]);
}

void judge_captures_of_vault_stop(struct judge *j)
{
	judge_captures_of_session_stop(j, 0);
}

/* --- what the sensor says ------------------------------------------------------------- */

static void tell_vault(struct judge *j, const struct msg_event *event)
{
	struct km_msg m = { .number = KM_MSG_SENSED };
	km_rc rc;

	memcpy(m.sensed.grant, event->grant, sizeof(m.sensed.grant));
	m.sensed.event = event->event;
	memcpy(m.sensed.reader, event->reader, sizeof(m.sensed.reader));
	memcpy(m.sensed.detail, event->detail, sizeof(m.sensed.detail));
	rc = j->ports->to_vault(j, &m, -1);
	/* A vault that does not read ends the enrolment by its own clock. */
	if (rc != KM_OK)
		km_log(LOG_DEBUG, "an event of the sensor was not told: %s", km_rc_name(rc));
}

/* To whoever waits for this capture, which is forgotten if the event ends it. */
static void deliver(struct judge *j, struct judge_capture *c, const struct msg_event *event)
{
	struct judge_capture now = *c;
	struct judge_session *s = judge_session_find(j, now.session);

	if (km_sensor_event_ends(event->event))
		forget(c);
	if (now.session == 0)
		tell_vault(j, event);
	else if (s)
		judge_finger_event(j, s, km_sensor_event_ends(event->event) ? &now : c,
				   event->event);
}

/* Nothing more comes of it, for a reason that the sensor did not say. */
static void fail(struct judge *j, struct judge_capture *c)
{
	struct msg_event event = { .event = KM_SENSOR_FAILED };

	memcpy(event.grant, c->grant, sizeof(event.grant));
	deliver(j, c, &event);
}

km_rc judge_sensor_heard(struct judge *j, const uint8_t *buf, size_t len)
{
	struct judge_capture *c;
	struct km_msg m;
	km_rc rc = km_decode(buf, len, KM_FROM_SENSOR, KM_PHASE_SENSOR_LINK, &m);

	if (rc != KM_OK)
		return rc;
	if (!km_sensor_event_known(m.event.event))
		return KM_EPROTO;
	c = find(j, m.event.grant);
	if (!c)
		return ++j->sensor.strays > JUDGE_SENSOR_STRAYS ? KM_EPROTO : KM_OK;
	if (++c->events > JUDGE_SENSOR_EVENTS)
		return KM_EPROTO;
	if (m.event.event == KM_SENSOR_TAKEN)
		c->taken = true;
	deliver(j, c, &m.event);
	return KM_OK;
}

/* --- the vault's own ------------------------------------------------------------------- */

km_rc judge_capture_for_vault(struct judge *j, const struct km_msg *m)
{
	struct msg_event event = { .event = KM_SENSOR_FAILED };
	km_rc rc;

	if (m->number == KM_MSG_UNSENSE) {
		struct judge_capture *c = find(j, m->unsense.grant);

		/* It may have crossed with the event that ended it. */
		if (c && c->session != 0)
			return KM_EPROTO;
		if (c)
			stop(j, c);
		return KM_OK;
	}
	rc = judge_capture_begin(j, m->sense.grant, 0, m->sense.shots, m->sense.seconds);
	if (rc == KM_OK || rc == KM_EPROTO)
		return rc;
	memcpy(event.grant, m->sense.grant, sizeof(event.grant));
	tell_vault(j, &event);
	return KM_OK;
}

/* --- what the sensor does not say --------------------------------------------------------- */

/* The one that was asked for next; NULL: there is none. */
static struct judge_capture *next_after(struct judge *j, uint64_t place)
{
	struct judge_capture *next = NULL;

	for (unsigned i = 0; i < JUDGE_CAPTURES; i++) {
		struct judge_capture *c = &j->sensor.capture[i];

		if (c->used && c->place > place && (!next || c->place < next->place))
			next = c;
	}
	return next;
}

void judge_captures_lost(struct judge *j, bool try_again)
{
	int64_t now = km_boot_ms();
	struct judge_capture *c;

	/* In their order: whoever waited longest is served first again (C29). */
	for (uint64_t place = 0; (c = next_after(j, place)) != NULL;) {
		place = c->place;
		/* Of a login's image the finding comes. An enrolment wants more of them. */
		if (try_again && (!c->taken || c->session == 0) && c->links < JUDGE_SENSOR_LINKS &&
		    ask_sensor(j, c, now) == KM_OK)
			continue;
		fail(j, c);
	}
}

int64_t judge_captures_overdue(struct judge *j, int64_t now_ms)
{
	int64_t next = INT64_MAX;

	for (unsigned i = 0; i < JUDGE_CAPTURES; i++) {
		struct judge_capture *c = &j->sensor.capture[i];
		int64_t due = c->ends_ms + JUDGE_SENSOR_MARGIN * MS;

		if (!c->used)
			continue;
		if (due > now_ms) {
			next = due < next ? due : next;
			continue;
		}
		km_log(LOG_WARNING, "the sensor says nothing of a capture whose time is over");
		send_stop(j, c);
		fail(j, c);
	}
	return next;
}
