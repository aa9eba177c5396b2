/* The otpauth URI, and QR codes by libqrencode. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <qrencode.h>

#include <kenmon/factor.h>

#include "qr.h"

#define QUIET 4 /* modules around it, ISO/IEC 18004 */

/* Everything but RFC 3986's unreserved characters becomes %XX. */
static void percent(FILE *f, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr("-._~", c))
			fputc(c, f);
		else
			fprintf(f, "%%%02X", c);
	}
}

static void write_otpauth(FILE *f, const struct desk_otpauth *o)
{
	static const char *const names[] = {
		[KM_SHA1] = "SHA1", [KM_SHA256] = "SHA256", [KM_SHA512] = "SHA512"
	};

	fprintf(f, "otpauth://%s/" DESK_ISSUER ":", km_factor_word(o->factor));
	percent(f, o->login);
	if (o->label[0]) {
		fputs("%20%28", f); /* " (" */
		percent(f, o->label);
		fputs("%29", f);
	}
	fprintf(f, "?secret=%s&issuer=" DESK_ISSUER "&algorithm=%s&digits=%u", o->base32,
		names[o->algorithm], o->digits);
	if (o->factor == KM_FACTOR_TOTP)
		fprintf(f, "&period=%u", o->period);
	else
		fprintf(f, "&counter=%" PRIu64, o->counter);
}

km_rc desk_otpauth(const struct desk_otpauth *o, char *out, size_t cap)
{
	/* A stream on the caller's (locked) memory; unbuffered, so that no copy is left. */
	FILE *f = fmemopen(out, cap, "w");
	bool failed;

	if (!f)
		return KM_ENOMEM;
	setbuf(f, NULL);
	write_otpauth(f, o);
	failed = ferror(f) != 0;
	failed |= fputc('\0', f) == EOF;
	failed |= fclose(f) != 0;
	if (!failed && memchr(out, '\0', cap))
		return KM_OK;
	km_wipe(out, cap);
	return KM_ELIMIT;
}

static bool is_dark(const QRcode *q, int x, int y)
{
	if (x < 0 || y < 0 || x >= q->width || y >= q->width)
		return false;
	return q->data[y * q->width + x] & 1;
}

static void draw(FILE *f, const QRcode *q, bool colour)
{
	/* by top light, bottom light */
	static const char *const block[2][2] = { { " ", "▄" }, { "▀", "█" } };
	int x, y;

	for (y = -QUIET; y < q->width + QUIET; y += 2) {
		if (colour)
			fputs("\033[97;40m", f);
		for (x = -QUIET; x < q->width + QUIET; x++)
			fputs(block[!is_dark(q, x, y)][!is_dark(q, x, y + 1)], f);
		fputs(colour ? "\033[0m\n" : "\n", f);
	}
}

km_rc desk_qr(FILE *f, const char *text, bool colour)
{
	/*
	 * A screen has no dirt on it, so the lowest correction will do and the code stays
	 * small. The working copies of libqrencode are out of our reach; the program is not
	 * dumpable.
	 */
	QRcode *q = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);

	if (!q)
		return errno == ENOMEM ? KM_ENOMEM : KM_ELIMIT;
	draw(f, q, colour);
	km_wipe(q->data, (size_t)q->width * (size_t)q->width);
	QRcode_free(q);
	return KM_OK;
}
