/* Factors, their classes, and the words and numbers of an operator's record. */
#ifndef KENMON_FACTOR_H
#define KENMON_FACTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kenmon/rc.h>
#include <kenmon/secret.h>

enum km_factor {
	KM_FACTOR_NONE = 0,
#define KM_FACTOR(NAME, number, word, class, ja) KM_FACTOR_##NAME = (number),
#include <kenmon/factor.def>
#undef KM_FACTOR
};

#define KM_FACTOR_BIT(factor) (1u << (factor))

/* Those whose answer is a code that is typed. */
#define KM_CODE_FACTORS                                                                            \
	(KM_FACTOR_BIT(KM_FACTOR_TOTP) | KM_FACTOR_BIT(KM_FACTOR_HOTP) |                           \
	 KM_FACTOR_BIT(KM_FACTOR_RECOVERY) | KM_PHONE_FACTORS)

/* Those whose code is sent. */
#define KM_PHONE_FACTORS (KM_FACTOR_BIT(KM_FACTOR_SMS) | KM_FACTOR_BIT(KM_FACTOR_VOICE))

/* Those whose code is at hand whatever else is out of order: what stands beside a finger. */
#define KM_HELD_FACTORS (KM_CODE_FACTORS & ~KM_PHONE_FACTORS)

enum km_class {
	KM_CLASS_NONE = 0,
	KM_CLASS_DIGITS = 1,
	KM_CLASS_RECOVERY = 2,
	KM_CLASS_TOUCH = 3, /* an empty answer: a finger follows */
	KM_CLASS_PHONE =
	    4, /* '*', or an empty answer where no finger is asked for: a code is sent */
};

/* HMAC hash of a one-time code (RFC 4226 has SHA-1 only; RFC 6238 all three). */
enum km_algorithm { KM_SHA1 = 1, KM_SHA256 = 2, KM_SHA512 = 3 };

enum km_operator_state { KM_ACTIVE = 1, KM_SUSPENDED = 2, KM_ERASING = 3 };

enum km_role {
	KM_ROLE_OPERATOR = 0,
	KM_ROLE_REGISTRAR = 1,
	KM_ROLE_APPROVER = 2,
	KM_ROLE_AUDITOR = 3,
	KM_ROLE_OFFICER = 4,
};

/* What the vault found and waits for an administrator to accept. */
enum km_suspicion { KM_SUSPECT_CLOCK = 1, KM_SUSPECT_MACHINE = 2, KM_SUSPECT_ROLLBACK = 4 };

/* As ACCEPT's what: that the administrators are lost, and root alone registers new ones. */
#define KM_ACCEPT_ADMINISTRATORS 128

#define KM_DAY_NONE (-1) /* valid_from, valid_until: no limit */

#define KM_RECOVERY_LENGTH 16 /* base32 characters: 80 bits; SP 800-63B-4 asks for 64 */
#define KM_RECOVERY_CODES  10

/* Word of a factor ("totp"); "?" for a number that is none. And back; NONE for no such word. */
const char *km_factor_word(unsigned factor);
enum km_factor km_factor_parse(const char *word);
enum km_class km_factor_class(unsigned factor);

const char *km_algorithm_word(unsigned algorithm); /* "sha1" … ; "?" */
const char *km_state_word(unsigned state);         /* "active" … ; "?" */
const char *km_role_word(unsigned role);           /* "operator" … ; "?" */
bool km_role_parse(const char *word, enum km_role *out);
bool km_algorithm_parse(const char *word, enum km_algorithm *out);

/*
 * The class of an answer by its shape, for the shapes allowed (KM_SHAPE_*);
 * KM_CLASS_NONE when it cannot be a code. A recovery code is put into its
 * stored form in place (upper case, without '-' and ' '), and so are digits and
 * a star in wide forms.
 */
enum km_class km_answer_class(struct km_secret *answer, unsigned shapes);

#endif
