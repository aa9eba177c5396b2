/*
 * A real kenmon-sensor between a judge and a matcher that the test plays itself, with libfprint's
 * virtual readers. Frames and sockets are the real ones; what is played is who speaks.
 *
 * Every wait has an end (READER_WAIT_MS) far beyond what it takes, and fails the test.
 */
#ifndef KENMON_TESTS_HOUSE_READER_H
#define KENMON_TESTS_HOUSE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <kenmon/finger.h>
#include <kenmon/minutiae.h>

#include "../synth/feed.h"

#define READER_WAIT_MS 20000
#define READER_PATH    96 /* of a socket: 108 at most */
#define READER_EXTRA   8

struct reader_setup {
	const char *config;              /* text; NULL: virtual readers are allowed */
	const char *variable;            /* which reader is played; NULL: FP_VIRTUAL_IMAGE */
	const char *extra[READER_EXTRA]; /* more arguments */
	const char
	    *before[READER_EXTRA]; /* a program that starts the sensor, in the same process */
	const char *set[READER_EXTRA][2]; /* more of the environment */
};

struct reader_post {
	struct reader_setup setup;
	char dir[READER_PATH / 2];
	char image[READER_PATH]; /* where the virtual reader listens */
	int listener, matcher;   /* of the sensor; of the played matcher */
	int judge, probes;       /* links, -1: none */
	pid_t pid;               /* of the sensor; 0: it does not run */
	int finger;              /* connection to the virtual reader */
	/* the last EVENT */
	char grant;
	char reader[65], detail[65];
};

void reader_start(struct reader_post *p, const struct reader_setup *setup);
/* The sensor alone, after it has ended: what its starter does when somebody comes to the socket. */
void reader_again(struct reader_post *p);
/* Its exit code, 128 + signal; waits for it. */
int reader_wait(struct reader_post *p);
void reader_end(struct reader_post *p);
/* Everything that it logged; free() it. */
char *reader_log(const struct reader_post *p);

/* --- as the judge. A grant is 16 times the same letter. ------------------------------------ */

void reader_connect(struct reader_post *p);
void reader_capture(struct reader_post *p, char grant, unsigned shots, unsigned seconds);
void reader_stop_capture(struct reader_post *p, char grant);
void reader_send(struct reader_post *p, const void *bytes, size_t len);
/* The next event; KM_SENSOR_NONE: the sensor closed the link. */
enum km_sensor_event reader_event(struct reader_post *p);
/* The next event has to be this one, of this grant. */
void reader_expect(struct reader_post *p, char grant, enum km_sensor_event event);
/* Nothing has come, and nothing comes for ms. */
bool reader_is_quiet(struct reader_post *p, unsigned ms);

/* --- as the matcher --------------------------------------------------------------------------- */

/* Waits for a probe of this grant. */
void reader_probe(struct reader_post *p, char grant, struct km_minutiae *m);
/* Nobody listens there any more; and again. */
void reader_matcher_goes(struct reader_post *p);
void reader_matcher_comes(struct reader_post *p);

/* --- as the finger ------------------------------------------------------------------------------
 */

/* Connects anew; then gives the reader a picture, or part of one, or a command (feed.h). */
void reader_touch(struct reader_post *p, int32_t width, int32_t height, const uint8_t *grey,
		  size_t len);
void reader_command(struct reader_post *p, enum feed_command command, int32_t number);
/* The same on the connection that is there. */
void reader_more(struct reader_post *p, int32_t width, int32_t height, const uint8_t *grey,
		 size_t len);

#define READER_WIDTH  256
#define READER_HEIGHT 320
#define READER_BYTES  (READER_WIDTH * READER_HEIGHT)
#define READER_POLES  8
/*
 * Ridges without a person: waves with 8 ends and forks at places that depend on the number (y
 * downwards). Every row of it is unlike any other bytes in memory.
 */
void reader_pole(unsigned number, unsigned pole, int *x, int *y);
void reader_picture(unsigned number, uint8_t grey[READER_BYTES]);

/* A whole capture, from CAPTURE to DONE, has to go well. */
void reader_works(struct reader_post *p, char grant);

void reader_snooze(unsigned ms);

#endif
