/* The bytes of a roster: read whole, once, and given out as UTF-8, piece by piece. */
#ifndef KENMON_DESK_ROSTER_TEXT_H
#define KENMON_DESK_ROSTER_TEXT_H

#include <iconv.h>
#include <sys/stat.h>

#include "desk.h"

#define ROSTER_BYTES_MAX (64u << 20) /* 200,000 rows of 300 bytes; what is larger is no roster */
#define ROSTER_PIECE     4096        /* bytes of the file at once */

struct roster_text {
	uint8_t *bytes;
	size_t len;
	int64_t modified;  /* wall seconds */
	size_t begin;      /* behind a byte order mark */
	iconv_t converter; /* from CP932; (iconv_t)-1: it is UTF-8 already */
	/* where sheet_text_next is */
	size_t at;
	uint32_t line; /* of the piece given last, from 1 */
	uint8_t
	    out[ROSTER_PIECE * 3]; /* two bytes of CP932 become at most three, one at most three */
};

/*
 * Reads the regular file behind fd to its end, and finds out how it is written. KM_EINVAL says in d
 * what is wrong, a byte that is no text by line and byte. fd stays the caller's.
 */
KM_MUST_CHECK km_rc sheet_text_read(struct desk *d, int fd, struct roster_text *t);
void sheet_text_free(struct roster_text *t); /* NULL is allowed */

void sheet_text_rewind(struct roster_text *t);
/*
 * The next piece, which ends behind a line feed or earlier; false at the end. It is good until the
 * next one. A carriage return before a line feed is left out.
 */
bool sheet_text_next(struct roster_text *t, const char **piece, size_t *len);
/* Does the last line end with a line feed? */
bool sheet_text_is_ended(const struct roster_text *t);
bool sheet_text_is_cp932(const struct roster_text *t);

#endif
