/*
 * A house with a fingerprint reader: libfprint's virtual one, and synthetic fingers.
 *
 * A login meets what lies on the reader each time that it waits for a finger: the touches of a
 * list, in order. A reader that waits and gets nothing more is left alone.
 */
#ifndef KENMON_TESTS_HOUSE_TOUCH_H
#define KENMON_TESTS_HOUSE_TOUCH_H

#include "../synth/feed.h"
#include "house.h"

#define FINGER_LOCAL    HOUSE_SERVICE /* a service that counts as local, with three tries */
#define FINGER_ONE      "one"         /* another with one try */
#define FINGER_FIRST    "greeter"     /* another, finger-first */
#define FINGER_ANYWHERE "anywhere"    /* one that is local only at a terminal of the machine */
#define FINGER_TIMEOUT  6             /* seconds for a touch */

enum touch_kind {
	TOUCH_END = 0,
	TOUCH_FINGER,
	TOUCH_BLANK,
	TOUCH_RETRY,
	TOUCH_ERROR,
	TOUCH_UNPLUG,
	TOUCH_ACT
};

struct touch {
	enum touch_kind kind;
	uint32_t identity, impression;      /* of a finger; else number alone counts */
	int32_t number;                     /* FpDeviceRetry, FpDeviceError */
	void (*act)(const struct house *h); /* what happens to the house meanwhile */
};

/* clang-format off */
#define FINGER(identity, impression) { TOUCH_FINGER, (identity), (impression), 0, NULL }
#define RETRY(code)                  { TOUCH_RETRY, 0, 0, (code), NULL }
#define FAULT(code)                  { TOUCH_ERROR, 0, 0, (code), NULL }
#define BLANK                        { TOUCH_BLANK, 0, 0, 0, NULL }
#define UNPLUG                       { TOUCH_UNPLUG, 0, 0, 0, NULL }
#define ACT(function)                { TOUCH_ACT, 0, 0, 0, (function) }
/* clang-format on */

/* A house with a reader and the services above. more: further lines of kenmon.conf, or NULL. */
bool finger_house(struct house *h, const char *more, bool separate_uids);
void finger_house_end(void); /* after house_end(), with which the reader goes */
/* For cmocka: a house, and "daemon" in it with a HOTP (OFFICE_SECRET) and the right index
 * FINGER(1). */
int finger_setup(void **state);
int finger_setup_apart(void **state); /* each room under a uid of its own */
int finger_teardown(void **state);
/* Where the reader's socket is. */
const char *finger_reader(void);

/*
 * kenmon enroll fingerprint, while somebody touches the reader with one impression after the other,
 * from 100 on. The exit code; o may be NULL.
 */
int finger_enrol(const struct house *h, const char *login, const char *finger, uint32_t identity,
		 struct house_out *o);

/* Does one of them now. False: the reader did not take it. */
bool finger_touch(const struct house *h, const struct touch *t);
/* One login. touches may be NULL; *l says what else (user, service …). Returns l->code. */
int finger_login(const struct house *h, struct house_login *l, const struct touch *touches);
/* Was this said to the person, in a message or a prompt? */
bool finger_said(const struct house_login *l, const char *text);

#endif
