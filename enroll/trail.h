/* Records of the audit trail, in the language of who reads them. */
#ifndef KENMON_DESK_TRAIL_H
#define KENMON_DESK_TRAIL_H

#include <stdbool.h>
#include <stddef.h>

#include <kenmon/texts.h>
#include <kenmon/wire.h>

#define TRAIL_DETAILS 4096 /* a body (1024), with Japanese for each key and word */

/* "login-allowed" …, or what it is called in the other language. */
const char *trail_event(unsigned event, enum km_lang lang);

/*
 * The body of a record. In English as the vault wrote it; in Japanese with the keys and words of
 * trail.def, and everything else as it was, escapes too. Not escaped for a terminal. Returns out.
 */
const char *trail_details(const char *body, enum km_lang lang, char *out, size_t cap);

/* A factor by its word, or what it is called in the other language. */
const char *trail_factor(unsigned factor, enum km_lang lang);

/*
 * Roles, states, causes and fields of an operator, by their words, with ',' or ", " between
 * several. False: one is none of these, and out is untouched.
 */
bool trail_words(const char *said, char *out, size_t cap);

/* A field of a request for approval: what it is called, and its value where that is a word. */
void trail_field(const char **key, const char **value, enum km_lang lang);

/* A record in one line of a report: "2026-04-01 operator-resumed (sato, suzuki) request=3". */
void trail_line(const struct msg_audit_row *row, const char *day, enum km_lang lang, char *out,
		size_t cap);

#endif
