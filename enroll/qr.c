/* The otpauth URI, and QR codes by libqrencode. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <qrencode.h>

#include <kenmon/factor.h>

#include "qr.h"

#define QUIET 4 /* modules around it, ISO/IEC 18004 */

/* Exit codes of the child that draws. */
enum { CHILD_NO_MEMORY = 1, CHILD_LIMIT = 2 };

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

/* In a child: what libqrencode copies and frees without wiping ends with it. */
static void draw_and_end(int to, const char *text, bool colour)
{
	QRcode *q = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
	FILE *f = q ? fdopen(to, "w") : NULL;

	if (!f)
		_exit(!q && errno != ENOMEM ? CHILD_LIMIT : CHILD_NO_MEMORY);
	draw(f, q, colour);
	_exit(fclose(f) == 0 ? 0 : CHILD_NO_MEMORY);
}

/* Hands on what the child draws; its exit code, or -1. */
static int show(FILE *f, int from, pid_t child)
{
	char part[1024];
	int status = -1;
	ssize_t n;

	while ((n = read(from, part, sizeof(part))) > 0 || (n < 0 && errno == EINTR))
		fwrite(part, 1, n > 0 ? (size_t)n : 0, f);
	km_wipe(part, sizeof(part));
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/*
 * A screen has no dirt on it, so the lowest correction will do and the code stays small. The
 * caller's text may lie in memory that a child does not inherit, so it gets a copy.
 */
km_rc desk_qr(FILE *f, const char *text, bool colour)
{
	char copy[DESK_URI_MAX];
	size_t len = strlen(text);
	int ends[2], code = -1;
	pid_t child;

	if (len >= sizeof(copy))
		return KM_ELIMIT;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return KM_ENOMEM;
	memcpy(copy, text, len + 1);
	child = fork();
	if (child == 0)
		draw_and_end(ends[1], copy, colour);
	km_wipe(copy, sizeof(copy));
	close(ends[1]);
	if (child > 0)
		code = show(f, ends[0], child);
	close(ends[0]);
	if (code == 0)
		return KM_OK;
	return code == CHILD_LIMIT ? KM_ELIMIT : KM_ENOMEM;
}
