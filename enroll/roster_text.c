/*
 * Bytes of a roster. It is read whole before anything of it is looked at: what
 * is signed, checked and handed over are then the same bytes, whoever writes
 * to the file meanwhile.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "roster_text.h"

static const char mark[] = "\xef\xbb\xbf"; /* byte order mark */

static km_rc read_all(struct desk *d, int fd, size_t expected, struct roster_text *t)
{
	size_t cap = expected + 1; /* one more: the end is seen */
	ssize_t n = 1;

	t->bytes = calloc(1, cap);
	if (!t->bytes)
		return KM_ENOMEM;
	while (t->len < cap && n != 0) {
		n = read(fd, t->bytes + t->len, cap - t->len);
		if (n < 0 && errno != EINTR)
			return desk_because(d, KM_EINVAL, DESK_ROSTER_READ, strerror(errno), NULL);
		t->len += n > 0 ? (size_t)n : 0;
	}
	return t->len == expected ? KM_OK
				  : desk_because(d, KM_EAGAIN, DESK_ROSTER_GROWING, NULL, NULL);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static km_rc read_file(struct desk *d, int fd, struct roster_text *t)
{
	struct stat before, after;
	char limit[16];
	km_rc rc;

	if (fstat(fd, &before) != 0)
		return desk_because(d, KM_EINVAL, DESK_ROSTER_READ, strerror(errno), NULL);
	if (!S_ISREG(before.st_mode))
		return desk_because(d, KM_EINVAL, DESK_ROSTER_REGULAR, NULL, NULL);
	snprintf(limit, sizeof(limit), "%u", ROSTER_BYTES_MAX >> 20);
	if (before.st_size > (off_t)ROSTER_BYTES_MAX)
		return desk_because(d, KM_EINVAL, DESK_ROSTER_LARGE, limit, NULL);
	rc = read_all(d, fd, (size_t)before.st_size, t);
	if (rc == KM_OK && (fstat(fd, &after) != 0 || !same_file(&before, &after)))
		rc = desk_because(d, KM_EAGAIN, DESK_ROSTER_GROWING, NULL, NULL);
	t->modified = before.st_mtim.tv_sec;
	return rc;
}

/* --- how it is written ------------------------------------------------------ */

/* Length of the character of UTF-8 at p; 0: it is none. What may stand in a field is asked later.
 */
static size_t utf8_at(const uint8_t *p, size_t left)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (n == 0 || n > left || p[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* Where it stops to be UTF-8, or len; and how much of what is not ASCII reads as UTF-8. */
struct utf8_look {
	size_t good, bad; /* bytes that are not ASCII */
	size_t stops;
};

static struct utf8_look look_at_utf8(const struct roster_text *t)
{
	struct utf8_look look = { .stops = t->len };

	for (size_t i = t->begin; i < t->len;) {
		size_t n = utf8_at(t->bytes + i, t->len - i);

		if (n == 0 && look.stops == t->len)
			look.stops = i;
		/* Two bytes are left out: they may well be two katakana of CP932. */
		look.good += n > 2 ? n : 0;
		look.bad += n == 0;
		i += n ? n : 1;
	}
	return look;
}

/* Converts from *at up to end. False at a byte that is no CP932. */
static bool convert(iconv_t converter, const uint8_t *bytes, size_t *at, size_t end, uint8_t *out,
		    size_t cap, size_t *len)
{
	/* iconv() takes what it reads as writable and does not write to it. */
	union {
		const uint8_t *in;
		char *for_iconv;
	} from = { .in = bytes + *at };
	char *to = (char *)out;
	size_t left = end - *at, room = cap;
	size_t rc = iconv(converter, &from.for_iconv, &left, &to, &room);
	/* A character that ends behind `end` is left for the next piece. */
	bool fine = rc != (size_t)-1 || (errno == EINVAL && end - left > *at);

	*at = end - left;
	*len = cap - room;
	return fine;
}

/* Where it stops to be CP932, or len. */
static size_t cp932_stops(struct roster_text *t)
{
	size_t at = t->begin, len;

	while (at < t->len) {
		size_t end = at + ROSTER_PIECE < t->len ? at + ROSTER_PIECE : t->len;

		if (!convert(t->converter, t->bytes, &at, end, t->out, sizeof(t->out), &len))
			return at;
	}
	return t->len;
}

struct place {
	char text[64];
};

/* "3:17": line and byte of it. */
static struct place place_of(const struct roster_text *t, size_t at)
{
	size_t line = 1, start = 0;
	struct place p;

	for (size_t i = 0; i < at; i++) {
		if (t->bytes[i] == '\n') {
			line++;
			start = i + 1;
		}
	}
	snprintf(p.text, sizeof(p.text), "%zu:%zu", line, at - start + 1);
	return p;
}

/*
 * UTF-8 where all of it is. CP932 where all of it is that, and it does not look
 * like UTF-8 with a damage: most of what is UTF-8 could be read as CP932 too,
 * and would make other names, of everybody.
 */
static km_rc detect(struct desk *d, struct roster_text *t)
{
	bool marked = t->len >= 3 && memcmp(t->bytes, mark, 3) == 0;
	struct utf8_look look;
	size_t stops;

	t->begin = marked ? 3 : 0;
	look = look_at_utf8(t);
	if (look.stops == t->len)
		return KM_OK;
	if (marked || look.good > look.bad)
		return desk_because(d, KM_EINVAL, DESK_ROSTER_NOT_UTF8,
				    place_of(t, look.stops).text, NULL);
	t->converter = iconv_open("UTF-8", "CP932");
	if (t->converter == (iconv_t)-1)
		return desk_because(d, KM_EINVAL, DESK_ROSTER_NO_CP932, NULL, NULL);
	stops = cp932_stops(t);
	if (stops == t->len)
		return KM_OK;
	return desk_because(d, KM_EINVAL, DESK_ROSTER_NO_TEXT, place_of(t, look.stops).text,
			    place_of(t, stops).text);
}

km_rc sheet_text_read(struct desk *d, int fd, struct roster_text *t)
{
	km_rc rc;

	memset(t, 0, sizeof(*t));
	t->converter = (iconv_t)-1;
	rc = read_file(d, fd, t);
	if (rc == KM_OK)
		rc = detect(d, t);
	sheet_text_rewind(t);
	return rc;
}

void sheet_text_free(struct roster_text *t)
{
	if (!t)
		return;
	if (t->converter != (iconv_t)-1)
		iconv_close(t->converter);
	t->converter = (iconv_t)-1;
	free(t->bytes);
	t->bytes = NULL;
	t->len = 0;
}

/* --- piece by piece ----------------------------------------------------------- */

void sheet_text_rewind(struct roster_text *t)
{
	t->at = t->begin;
	t->line = 0;
}

bool sheet_text_is_ended(const struct roster_text *t)
{
	return t->len > 0 && t->bytes[t->len - 1] == '\n';
}

bool sheet_text_is_cp932(const struct roster_text *t)
{
	return t->converter != (iconv_t)-1;
}

/* No byte of a character of CP932 or UTF-8 but '\n' itself is 0x0a. */
static size_t piece_end(const struct roster_text *t)
{
	size_t most = t->len - t->at < ROSTER_PIECE ? t->len - t->at : ROSTER_PIECE;
	const uint8_t *lf = memchr(t->bytes + t->at, '\n', most);

	return lf ? (size_t)(lf - t->bytes) + 1 : t->at + most;
}

bool sheet_text_next(struct roster_text *t, const char **piece, size_t *len)
{
	size_t from = t->at, end = piece_end(t);
	uint8_t *text = t->bytes + t->at;

	if (from == t->len)
		return false;
	if (t->line == 0 || t->bytes[from - 1] == '\n')
		t->line++;
	/* A CR at the end of a piece waits for what follows. */
	if (end < t->len && end - from > 1 && t->bytes[end - 1] == '\r')
		end--;
	*len = end - from;
	if (t->converter == (iconv_t)-1)
		t->at = end;
	else {
		/* It was converted once already; should it fail now, nothing is given. */
		if (!convert(t->converter, t->bytes, &t->at, end, t->out, sizeof(t->out), len))
			t->at = t->len;
		text = t->out;
	}
	if (*len >= 2 && text[*len - 1] == '\n' && text[*len - 2] == '\r') {
		/* In the file's own bytes too: they are the digest's, and stay as they are. */
		memmove(t->out, text, *len);
		t->out[*len - 2] = '\n';
		(*len)--;
		text = t->out;
	}
	*piece = (const char *)text;
	return true;
}
