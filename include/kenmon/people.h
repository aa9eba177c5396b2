/* Words and numbers about people who come and go: people.def, and what messages carry of it. */
#ifndef KENMON_PEOPLE_H
#define KENMON_PEOPLE_H

#include <stdbool.h>

#include <kenmon/texts.h>

enum km_cause {
	KM_CAUSE_NONE = 0,
#define KM_CAUSE(NAME, number, word, en, ja) KM_CAUSE_##NAME = (number),
#include <kenmon/people.def>
};

enum km_outcome {
	KM_OUTCOME_NONE = 0,
#define KM_OUTCOME(NAME, number, word, en, ja) KM_OUTCOME_##NAME = (number),
#include <kenmon/people.def>
};

enum km_brake {
	KM_BRAKE_NONE = 0,
#define KM_BRAKE(NAME, number, word, en, ja) KM_BRAKE_##NAME = (number),
#include <kenmon/people.def>
};

enum km_roster_status {
	KM_ROSTER_NONE = 0, /* the column is not there: active */
#define KM_STATUS(NAME, number, word, ja) KM_ROSTER_##NAME = (number),
#include <kenmon/people.def>
};

/* What is due for somebody, on its day. */
enum km_due { KM_DUE_SUSPEND = 1, KM_DUE_ERASE = 2 };

/* Why an erasure waits beyond its day: for who looks, or only as the last of their role. */
enum km_held { KM_HELD_NOT = 0, KM_HELD_BRAKE = 1, KM_HELD_LAST = 2 };

#define KM_MARK_BYTES 8 /* of a digest, for people to tell two apart */

/* Bits of OPERATOR_CHANGE's mask. */
enum km_change {
	KM_CHANGE_NAME = 1,
	KM_CHANGE_DEPARTMENT = 2,
	KM_CHANGE_ROLE = 4,
	KM_CHANGE_VALID_FROM = 8,
	KM_CHANGE_VALID_UNTIL = 16,
	KM_CHANGE_MOBILE = 32,
	KM_CHANGE_LANDLINE = 64,
	KM_CHANGE_ALL = 127,
	KM_CHANGE_LOGIN = 128, /* by a roster alone: an account that was renamed keeps its uid */
	KM_CHANGE_BY_ROSTER = 255,
};

/* "transferred" …; "?" for a number that is none. */
const char *km_cause_word(unsigned cause);
const char *km_outcome_word(unsigned outcome);
const char *km_brake_word(unsigned brake);
/* As a sentence's part. */
const char *km_cause_text(unsigned cause, enum km_lang lang);
const char *km_outcome_text(unsigned outcome, enum km_lang lang);
const char *km_brake_text(unsigned brake, enum km_lang lang);
/*
 * Can an account have this name? 1 to KM_LOGIN_MOST letters, digits, '_', '-', '.' and '@' of
 * ASCII, the first a letter, a digit or '_': what useradd(8) and the strict check of systemd take,
 * and what directories give (tanaka.h, a number of an employee, name@domain).
 */
#define KM_LOGIN_MOST 32
bool km_login_is_possible(const char *login);

/* Either language's word; KM_ROSTER_NONE for anything else. */
enum km_roster_status km_roster_status_parse(const char *word);

#endif
