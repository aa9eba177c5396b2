/*
 * Logging, for programs (libraries return and never log). A line goes to
 * standard error; with a journal socket it goes there instead, with fields.
 * Nothing here waits: a journal that does not read loses the line, not us.
 */
#ifndef KENMON_LOG_H
#define KENMON_LOG_H

#include <stddef.h>
#include <syslog.h>

#define KM_JOURNAL_SOCKET "/run/systemd/journal/socket"

/* One field of a structured record: KEY in capitals, value any text. */
struct km_log_field {
	const char *key;
	const char *value;
};

/*
 * room: "kenmon-vault". journal: path of a journald socket, or NULL for
 * standard error alone. level: records above it (less urgent) are dropped.
 */
void km_log_open(const char *room, const char *journal, int level);

/* Text from outside must have gone through km_escape before it comes here. */
void km_log(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As km_log, with fields for the journal; standard error shows the text alone. */
void km_log_fields(int priority, const struct km_log_field *fields, size_t count, const char *text);

/*
 * Copies text so that it can stand in a log line, on a terminal or in a table:
 * control characters, DEL, bytes that are no UTF-8, and the Unicode marks that
 * reorder or hide text become \xNN. Cut at cap - 1. Returns out.
 */
const char *km_escape(const char *text, char *out, size_t cap);

/* True when text is UTF-8 without control characters, line separators or marks that hide text. */
int km_text_is_plain(const char *text, size_t len);
/* The same of each of its lines, which line feeds end; and something is in it. */
int km_text_is_page(const char *text, size_t len);

#endif
