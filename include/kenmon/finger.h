/* Fingers: their names, what happens at a reader, and what comes of it. */
#ifndef KENMON_FINGER_H
#define KENMON_FINGER_H

#include <stdbool.h>
#include <stdint.h>

#include <kenmon/texts.h>

#define KM_IMPRESSIONS_LEAST 5  /* of one finger in a template */
#define KM_IMPRESSIONS_MAX   10 /* more add time to each login and little else */
#define KM_GRANT_TEMPLATES   10 /* of one operator in one grant: as many as people have fingers */
#define KM_GRANTS            8  /* lent at a time, for one reader: who comes ninth has a code */
#define KM_GRANT_BYTES       16

enum km_finger {
	KM_FINGER_NONE = 0,
#define KM_FINGER(NAME, number, word, en, ja) KM_FINGER_##NAME = (number),
#include <kenmon/finger.def>
#undef KM_FINGER
};

enum km_sensor_event {
	KM_SENSOR_NONE = 0,
#define KM_SENSOR_EVENT(NAME, number, ends, text, word) KM_SENSOR_##NAME = (number),
#include <kenmon/sensor_event.def>
#undef KM_SENSOR_EVENT
};

enum km_stage {
	KM_STAGE_NONE = 0,
#define KM_STAGE(NAME, number, text, word) KM_STAGE_##NAME = (number),
#include <kenmon/stage.def>
#undef KM_STAGE
};

/* What came of comparing a probe. Zero is no match. */
enum km_match {
	KM_MATCH_NO = 0,
	KM_MATCH_POOR = 1,   /* too few minutiae to say anything: not a mismatch */
	KM_MATCH_FAILED = 2, /* not compared: out of room or of time */
	KM_MATCH_YES = 0x9A, /* far from every other value, like ALLOW */
};

enum km_grant_mode { KM_GRANT_COMPARE = 1, KM_GRANT_ENROL = 2 };

/* Is it a number of the table? */
bool km_finger_known(unsigned finger);
bool km_sensor_event_known(unsigned event);
bool km_stage_known(unsigned stage);

/* "right-index"; "?" for a number that is none. And back; NONE for no such word. */
const char *km_finger_word(unsigned finger);
enum km_finger km_finger_parse(const char *word);
/* "right index finger", "右手の人差し指" */
const char *km_finger_name(unsigned finger, enum km_lang lang);

/* Of a number that is none: "?", and as of FAILED. */
const char *km_sensor_event_word(unsigned event);
enum km_sensor_event km_sensor_event_parse(const char *word); /* NONE for no such word */
enum km_text km_sensor_event_text(unsigned event);
bool km_sensor_event_ends(unsigned event);

const char *km_stage_word(unsigned stage);
enum km_text km_stage_text(unsigned stage);

#endif
