/*
 * The sensor, inside: jobs in line, the reader of the first of them, and two links.
 * Everything runs on GLib's default main loop; libfprint's own threads touch none of it.
 */
#ifndef KENMON_SENSOR_H
#define KENMON_SENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <glib.h>

#include <kenmon/conf.h>
#include <kenmon/finger.h>
#include <kenmon/minutiae.h>
#include <kenmon/rc.h>
#include <kenmon/wire.h>

#define SENSOR_JOBS      8   /* in line; one person stands at a reader, and few others wait */
#define SENSOR_LONGEST_S 600 /* of one capture: five times an enrolment */
#define SENSOR_IDLE_S    30  /* then it ends: nothing of libfprint stays about */
#define SENSOR_IDLE_MOST 86400
#define SENSOR_STUCK_MS  8000 /* a driver that neither opens nor lets go in so long never will */
#define SENSOR_BEAT_MS   3000 /* how often the loop shows, while a reader is held, that it turns */
#define SENSOR_DEAD_S    10   /* when it has not for so long, a driver holds us inside a call */
#define SENSOR_LIFT_MS   3000 /* how long a finger may stay on once its job has ended */
#define SENSOR_RETRIES_MOST                                                                        \
	200 /* of one capture: above it the reader, not the finger, is at fault */

/* One CAPTURE, from its arrival to the EVENT that ends it. */
struct job {
	uint8_t grant[KM_GRANT_BYTES];
	uint8_t shots; /* 0: a list of readers */
	uint8_t taken;
	int64_t until; /* CLOCK_BOOTTIME, ms */
	bool ended;    /* its last EVENT is sent */
};

struct reader;

struct sensor {
	/* options */
	const char *conf_path, *probe_path;
	bool conf_given, has_owner, has_judge_uid;
	uid_t owner, judge_uid;
	unsigned idle_s;

	struct km_conf conf;
	GMainLoop *loop;
	int timer; /* CLOCK_BOOTTIME: runs on in sleep, as GLib's own timers do not */

	/* link.c */
	int listener, judge;
	guint judge_source;

	/* job.c: job[0] is being served when there is a reader */
	struct job job[SENSOR_JOBS];
	unsigned jobs;
	int64_t idle_since; /* CLOCK_BOOTTIME, ms */
	guint next_source;
	struct reader *reader;

	int probe; /* probe.c */
};

/* --- link.c: the judge ------------------------------------------------------- */

void sensor_link_begin(struct sensor *s);
/* Takes what has come; also before the room ends for having nothing to do. */
void sensor_link_drain(struct sensor *s);
void sensor_link_event(struct sensor *s, const uint8_t *grant, enum km_sensor_event event,
		       const char *reader, const char *detail);

/* --- job.c: the line ----------------------------------------------------------- */

/* KM_EPROTO: the judge does not keep to the protocol. */
KM_MUST_CHECK km_rc job_add(struct sensor *s, const struct msg_capture *c);
void job_stop(struct sensor *s, const uint8_t *grant);
/* The judge went away: nobody waits for any of it. */
void job_drop_all(struct sensor *s);
/* The first job's: something happened that does not end it. */
void job_tell(struct sensor *s, enum km_sensor_event event, const char *reader, const char *detail);
/* The first job's end, for the judge; once. The reader is let go by whoever holds it. */
void job_end(struct sensor *s, enum km_sensor_event event, const char *reader);
/* The reader of the first job is closed: the next one. */
void job_reader_gone(struct sensor *s);
/* Something is due, or the time at which something is has changed. */
void job_tick(struct sensor *s);
void job_arm(struct sensor *s);

/* --- probe.c: the matcher -------------------------------------------------------- */

KM_MUST_CHECK km_rc probe_open(struct sensor *s); /* it is closed */
KM_MUST_CHECK km_rc probe_send(struct sensor *s, const uint8_t *grant, const struct km_minutiae *m);
void probe_close(struct sensor *s);

/* --- reader.c: libfprint ----------------------------------------------------------- */

/* For the first job. It ends by job_reader_gone, whatever happens. */
void reader_begin(struct sensor *s);
/* The job has ended: let go as soon as libfprint does. */
void reader_stop(struct reader *r);
/* When it counts as stuck, or must let go of a finger that stays; CLOCK_BOOTTIME, ms. */
int64_t reader_due(const struct reader *r);
/* That time has come. */
void reader_tick(struct reader *r);

/* --- image.c: sizes that libfprint can bear ------------------------------------------ */

/* False: this libfprint does not let images be looked at. refuse must not return. */
bool image_guard(void (*refuse)(void *arg, unsigned width, unsigned height), void *arg);
/* Since the last call of it: was an image made? */
bool image_seen(void);

/* --- extract.c: libfprint's serialised print ------------------------------------------- */

/* KM_EPROTO, with *m all zero: not what libfprint 1.94 writes of one image. */
KM_MUST_CHECK km_rc extract_minutiae(const uint8_t *bytes, size_t len, struct km_minutiae *m);

/* --- environment.c ----------------------------------------------------------------------- */

/* What libfprint, GLib and libusb would read there; virtual readers only where they are allowed. */
bool environment_clean(bool allow_virtual);

/* Those at which virtual readers are found. */
#define SENSOR_VIRTUAL_NAMES 3
extern const char *const sensor_virtual_names[SENSOR_VIRTUAL_NAMES];

/* --- walls.c ------------------------------------------------------------------------------ */

/* Says in the log what is missing. False: the room must not go on. */
KM_MUST_CHECK bool sensor_confine(const struct sensor *s);

#endif
