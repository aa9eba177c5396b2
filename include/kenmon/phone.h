/*
 * Telephone numbers: read as people write them, kept in the form of E.164, shown with stars. Pure:
 * what the configuration says of them comes in as text.
 */
#ifndef KENMON_PHONE_H
#define KENMON_PHONE_H

#include <stdbool.h>
#include <stddef.h>

#include <kenmon/order.h> /* KM_NUMBER_MAX */

/* ITU-T E.164, 6.1: at most 15 digits; the shortest of the world (+683 4000) has 7. */
#define KM_E164_LEAST 7
#define KM_E164_MOST  15

#define KM_PHONE_TYPED 64 /* bytes of a number as it is typed, full-width digits and all */
#define KM_PHONE_MASK  24

enum km_phone_fault {
	KM_PHONE_GOOD = 0,
	KM_PHONE_EMPTY,
	KM_PHONE_SIGN,    /* something that is in no number */
	KM_PHONE_BEGIN,   /* neither + nor one 0: an extension, or a number of an unknown country */
	KM_PHONE_SHORT,   /* digits are missing */
	KM_PHONE_LONG,    /* there are too many */
	KM_PHONE_COUNTRY, /* the configured country code is none */
	KM_PHONE_OTHER,   /* begins with none of the allowed prefixes */
	KM_PHONE_BARRED,  /* is within them, but of a beginning that is barred */
};

/* What the configuration says of numbers: [phone] country, prefixes, barred. */
struct km_phone_rules {
	const char *country, *prefixes, *barred;
};

/* The first sign of a text; *len is its bytes. Digits are 0 to 9. */
enum {
	KM_SIGN_PLUS = 10,
	KM_SIGN_OPEN, /* a bracket */
	KM_SIGN_CLOSE,
	KM_SIGN_BETWEEN, /* a blank, hyphen or dot, of either width */
	KM_SIGN_NONE,
};
int km_phone_sign(const char *text, size_t *len);

/*
 * +819012345678 from 090-1234-5678, （０３）１２３４－５６７８, +81 (0)90 1234 5678 …; the leading
 * 0 stands for country ("+81"). out is untouched unless the number is good. Does not look at
 * prefixes.
 */
enum km_phone_fault km_phone_normalise(const char *typed, const char *country,
				       char out[KM_NUMBER_MAX + 1]);

/* '+', then KM_E164_LEAST to KM_E164_MOST digits, the first of them not 0. */
bool km_phone_is_e164(const char *number);

/*
 * May it be sent to, or called? GOOD where it begins with one of the prefixes ("+81 +44") and with
 * none that is barred; OTHER, BARRED. A list with a fault allows nothing.
 */
enum km_phone_fault km_phone_rule(const char *number, const struct km_phone_rules *rules);

/* What the configuration may hold: a country code; a list of beginnings of numbers, not empty; one
 * that may be. */
bool km_phone_country_is_good(const char *country);
bool km_phone_prefixes_are_good(const char *prefixes);
bool km_phone_barred_is_good(const char *barred);

/* All of it: normalised, of a length that there is, and allowed. */
enum km_phone_fault km_phone_take(const char *typed, const struct km_phone_rules *rules,
				  char out[KM_NUMBER_MAX + 1]);

/*
 * "090-****-1234", or "+44 ****1234" of a country that is not ours. The stars are four, however
 * many digits they hide; "****" of a text that is no number.
 */
void km_phone_mask(const char *number, const char *country, char out[KM_PHONE_MASK]);

/*
 * A number of the personnel register, which nothing is ever sent to: an extension, or one with the
 * prefix of an exchange, is good too. KM_PHONE_LEAST digits or more, with a + before them or not.
 */
#define KM_PHONE_LEAST 3
#define KM_PHONE_MOST  20
bool km_phone_is_number(const char *text);
/* The same as it is written, without what stands between the digits; out is untouched if it is
 * none. */
bool km_phone_compact(const char *typed, char out[KM_PHONE_MOST + 2]);

/* What is wrong, in English: "digits are missing". */
const char *km_phone_fault_text(enum km_phone_fault fault);

#endif
