/*
 * A house whose site has codes sent, and the telephone that they come to: a folder, in which the
 * gateway, a program of the site's, puts the number and the text that it was given.
 */
#ifndef KENMON_TESTS_HOUSE_PHONE_H
#define KENMON_TESTS_HOUSE_PHONE_H

#include <kenmon/texts.h>

#include "house_office.h"

#define PHONE_MOBILE "+819012345678"
#define PHONE_OTHER  "+818098765432"
#define ENTER        ""

/* A house is ready before its courier is; this it logs then. */
#define PHONE_IS_THERE "the courier is here"

/* Budgets that no test reaches. */
#define PHONE_AMPLE                                                                                \
	"[phone]\noperator-hour = 100\noperator-day = 1000\nnumber-hour = 100\n"                   \
	"number-day = 1000\n"

extern char phone_code[16]; /* of the last message that was read */

/*
 * For cmocka. "daemon" has a token (HOTP, OFFICE_SECRET) and PHONE_MOBILE, "bin" a token alone,
 * "games" nothing; the service asks for either. more: further lines of kenmon.conf.
 */
int phone_setup(void **state, const char *more);
int phone_teardown(void **state);

/* Registers a number for text messages, as it was typed. */
km_rc phone_enrol(const struct house *h, const char *login, const char *number);

/* Reads the last message; false: none has come. It is gone from the telephone afterwards. */
bool phone_read(void);
/* Waits for it. */
bool phone_wait(void);
/* The number that the last one went to. */
bool phone_number(char *out, size_t cap);
/* What the gateway ends with from now on, sending nothing; 0: it sends again. */
bool phone_fails_with(int exit_code);

/* One login by somebody who looks at the telephone before each answer but the first. */
int phone_login(const struct house *h, struct house_login *l, const char *user,
		const char *const answers[]);
/* And by somebody who does not. */
int phone_blind(const struct house *h, struct house_login *l, const char *user,
		const char *const answers[]);
/* Was this said in a message? */
bool phone_said(const struct house_login *l, enum km_text text);

#endif
