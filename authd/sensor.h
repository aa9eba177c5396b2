/* The judge's side of the sensor: what is captured for whom, and the one link it goes over. */
#ifndef KENMON_AUTHD_SENSOR_H
#define KENMON_AUTHD_SENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include <kenmon/finger.h>
#include <kenmon/wire.h>

#define JUDGE_CAPTURES      24 /* the vault has 8 grants */
#define JUDGE_SENSES        8  /* of them for the vault itself: enrolments, lists of readers */
#define JUDGE_SENSOR_MARGIN 5  /* seconds: a sensor is started, and opens its reader, in one */
#define JUDGE_SENSOR_LINKS  2  /* that one capture is tried on: a sensor may just have gone idle */
#define JUDGE_SENSOR_QUEUE  64 /* frames: CAPTURE and STOP of every capture, twice */
#define JUDGE_SENSOR_FRAME  48 /* CAPTURE has 26 bytes */
#define JUDGE_SENSOR_EVENTS 1024 /* of one capture: sixty touches, and seventeen words to each */
#define JUDGE_SENSOR_STRAYS                                                                        \
	256                    /* events of ended captures since the last STOP: it is heard soon   \
				*/
#define JUDGE_SAID_AT_ONCE  4  /* events of one capture that a person is told of */
#define JUDGE_SAID_A_SECOND 2  /* and so many more as time goes on; nobody reads faster */
#define JUDGE_SAID_MOST     24 /* in one login: a door takes 96 frames, and verdicts need 51 */

struct judge;
struct judge_session;

struct judge_capture {
	bool used;
	uint8_t grant[KM_GRANT_BYTES];
	uint64_t place;   /* in the order in which they were asked for, from 1 */
	uint32_t session; /* of the login; 0: the vault's own (SENSE) */
	uint8_t shots;
	bool taken;         /* an image was: a finding comes without us */
	unsigned links;     /* it was sent on */
	unsigned events;    /* heard */
	unsigned said;      /* told the person */
	int64_t started_ms; /* CLOCK_BOOTTIME, as all of them */
	int64_t ends_ms;    /* as the sensor was told */
};

struct judge_sensor {
	int fd; /* -1: none; made when something is to be captured */
	sd_event_source *io, *guard;
	struct judge_capture capture[JUDGE_CAPTURES];
	uint64_t places; /* given so far */
	unsigned strays;
	struct {
		size_t len;
		uint8_t bytes[JUDGE_SENSOR_FRAME];
	} queue[JUDGE_SENSOR_QUEUE]; /* a ring: queued of them from first on wait */
	unsigned first, queued;
};

/* --- captures.c -------------------------------------------------------------- */

/*
 * Asks the sensor. session 0: for the vault. KM_EPROTO: that grant is being captured already.
 * Anything else: it cannot be asked, and nothing is left of it.
 */
KM_MUST_CHECK km_rc judge_capture_begin(struct judge *j, const uint8_t grant[KM_GRANT_BYTES],
					uint32_t session, uint8_t shots, unsigned seconds);
/* Nobody waits for them any more: STOP, where there are some. */
void judge_captures_of_session_stop(struct judge *j, uint32_t session);
/* The vault's own: its link is lost. */
void judge_captures_of_vault_stop(struct judge *j);

/* SENSE and UNSENSE of the vault. KM_EPROTO: it broke the protocol. */
KM_MUST_CHECK km_rc judge_capture_for_vault(struct judge *j, const struct km_msg *m);

/* A frame of the sensor. KM_EPROTO: its link is to be closed. */
KM_MUST_CHECK km_rc judge_sensor_heard(struct judge *j, const uint8_t *buf, size_t len);
/*
 * The link is lost. What was not taken yet is tried once more, unless the sensor broke the
 * protocol; the rest failed.
 */
void judge_captures_lost(struct judge *j, bool try_again);
/* Those of which a sensor says nothing though their time is over. The next one due, or INT64_MAX.
 */
int64_t judge_captures_overdue(struct judge *j, int64_t now_ms);

/* --- sensor_link.c ----------------------------------------------------------- */

/*
 * Sends, or queues what the sensor does not read yet; CAPTURE makes the link where there is none.
 * KM_EUNAVAIL: no link. Anything else: the link is to end; of a CAPTURE it is then told as lost.
 */
KM_MUST_CHECK km_rc judge_sensor_send(struct judge *j, const struct km_msg *m);
void judge_sensor_down(struct judge *j);

/* --- factors/finger.c -------------------------------------------------------- */

/* What the sensor says of a login's capture; one that ends it has been forgotten already. */
void judge_finger_event(struct judge *j, struct judge_session *s, struct judge_capture *c,
			unsigned event);
/* A verdict of the vault: what was captured for it is over. False: it does not use up a try. */
bool judge_finger_counts(struct judge *j, struct judge_session *s, unsigned reason);

#endif
