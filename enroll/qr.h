/* What an authenticator app reads: the otpauth URI and its QR code. */
#ifndef KENMON_DESK_QR_H
#define KENMON_DESK_QR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <kenmon/secret.h>

#define DESK_URI_MAX 1024 /* issuer, a login and a label of 64 bytes each (× 3), 104 of key */
#define DESK_ISSUER  "kenmon"

struct desk_otpauth {
	uint8_t factor;    /* KM_FACTOR_TOTP or _HOTP */
	uint8_t algorithm; /* enum km_algorithm */
	uint8_t digits;
	uint16_t period;
	uint64_t counter;
	const char *login, *label; /* label "" for none */
	const char *base32;
};

/*
 * otpauth://totp/kenmon:LOGIN?secret=…&issuer=kenmon&… (the Key Uri Format of
 * google-authenticator's wiki). KM_ELIMIT when it does not fit.
 */
KM_MUST_CHECK km_rc desk_otpauth(const struct desk_otpauth *o, char *out, size_t cap);

/*
 * Draws text as a QR code of half blocks with a quiet zone. Light modules are
 * drawn, dark ones are left blank, as a terminal with a dark background needs;
 * with colour, black on white is asked for so that any background will do.
 * KM_ENOMEM or KM_ELIMIT.
 */
KM_MUST_CHECK km_rc desk_qr(FILE *f, const char *text, bool colour);

#endif
