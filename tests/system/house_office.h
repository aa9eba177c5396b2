/*
 * The office of a house: registering, enrolling and looking things up over the
 * desk's own private line, in this process and without the command line, so
 * that tests of logins spend their time on logins.
 *
 * Everything here asks the real vault. One line is kept open for the house that
 * was asked last.
 */
#ifndef KENMON_TESTS_HOUSE_OFFICE_H
#define KENMON_TESTS_HOUSE_OFFICE_H

#include <stdbool.h>
#include <stdint.h>

#include <kenmon/event.h>
#include <kenmon/factor.h>
#include <kenmon/wire.h>

#include "house.h"

#define OFFICE_SECRET "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" /* RFC 4226's, "12345678901234567890" */
#define OFFICE_OTHER  "KRUGS4ZANFZSAYLON52GQZLSEBZWKZLE" /* "this is another seed" */

/*
 * Starts a house whose service "one" ends after one wrong code, so that a refusal is what it is
 * and not the end of the answers, and whose trail has a record for every refusal of a test.
 * more: further lines of kenmon.conf, or NULL. For cmocka: setup and teardown of *state.
 */
bool office_house(struct house *h, const char *more);
int office_setup(void **state);
int office_teardown(void **state);
/* One answer on service "one". The PAM code. */
int office_try(const struct house *h, const char *login, const char *code);
/* One login with these answers, up to PAM_CONV_ERR behind the last; what was said stays in l. */
int office_talk(const struct house *h, struct house_login *l, const char *service,
		const char *login, const char *const answers[]);

/* One operation; its op id is made here. The rc of DONE, or why there was none. */
km_rc office_do(const struct house *h, struct km_msg *m, struct msg_done *done);
/* The same under an id of the caller's. */
km_rc office_do_as(const struct house *h, struct km_msg *m, const uint8_t op[16],
		   struct msg_done *done);
/* Closes the line: before a fork that goes on to exec, and where a test ends. */
void office_close(void);

/* Registers; employee number, name and department are made from the login. uid -1: not bound. */
km_rc office_add(const struct house *h, const char *login, int64_t uid);
km_rc office_suspend(const struct house *h, const char *login);
km_rc office_resume(const struct house *h, const char *login);
km_rc office_unlock(const struct house *h, const char *login);
/* The row of one operator, with who it is. */
km_rc office_operator(const struct house *h, const char *login, struct msg_operator_row *out);

struct office_otp {
	enum km_factor factor;       /* 0: TOTP */
	enum km_algorithm algorithm; /* 0: SHA-1 */
	unsigned digits;             /* 0: 6 */
	unsigned period;             /* 0: 30 */
	uint64_t counter;
	const char *secret; /* base32; NULL: OFFICE_SECRET */
};
/* Enrols without a first code. id may be NULL. */
km_rc office_enrol(const struct house *h, const char *login, const struct office_otp *otp,
		   uint64_t *id);
/* An operator of this uid with one TOTP, OFFICE_SECRET, six digits. */
bool office_totp_operator(const struct house *h, const char *login, int64_t uid);
/* Ten codes, each ended by NUL. */
km_rc office_recovery(const struct house *h, const char *login,
		      char codes[KM_RECOVERY_CODES][KM_RECOVERY_LENGTH + 1]);
km_rc office_remove(const struct house *h, const char *login, uint64_t id);

/* The first credential of a factor. False: there is none. */
bool office_credential(const struct house *h, const char *login, enum km_factor factor,
		       struct msg_credential_row *out);
/* Failures in a row of it; -1: there is none. */
int office_fails(const struct house *h, const char *login, enum km_factor factor);

/*
 * How many audit records there are of this event, about this operator (NULL: all) whose
 * body holds this text (NULL: any).
 */
unsigned office_audited(const struct house *h, enum km_event event, const char *login,
			const char *text);
/* Waits for so many records of logins that were broken off, which no door waits for. */
bool office_broken_off(const struct house *h, const char *login, unsigned count);
/* The sum of count= in the records that stand for many refusals. */
uint64_t office_many(const struct house *h);

/*
 * A value of a JSON text, read by SQLite: office_json(o.out, "$[0].login"). Numbers and true
 * (1) come as text, null and what is not there as "". "not JSON" when it is none. The text
 * stays until the next call.
 */
const char *office_json(const char *json, const char *path);

#endif
