/* Tables and JSON. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include <kenmon/clock.h>
#include <kenmon/factor.h>
#include <kenmon/log.h>

#include "out.h"

#define CELL_MAX 4096 /* longer than any field of a row, escaped */

/* --- tables --------------------------------------------------------------- */

unsigned desk_width(const char *text)
{
	mbstate_t state = { 0 };
	unsigned width = 0;

	while (*text) {
		wchar_t c;
		size_t n;

		if (*text >= 0x20 && *text < 0x7f) { /* most of it, and a listing is long */
			width++;
			text++;
			continue;
		}
		n = mbrtowc(&c, text, MB_CUR_MAX, &state);
		if (n == 0 || n > MB_CUR_MAX) {
			memset(&state, 0, sizeof(state));
			width++;
			text++;
			continue;
		}
		width += wcwidth(c) > 0 ? (unsigned)wcwidth(c) : 0;
		text += n;
	}
	return width;
}

void desk_table_init(struct desk_table *t, const char *const *headers, unsigned columns)
{
	unsigned i;

	memset(t, 0, sizeof(*t));
	t->headers = headers;
	t->columns = columns;
	for (i = 0; i < columns; i++)
		t->width[i] = desk_width(headers[i]);
}

void desk_table_free(struct desk_table *t)
{
	if (t) {
		free(t->text);
		t->text = NULL;
		t->len = t->cap = 0;
	}
}

void desk_cell(struct desk_table *t, const char *text)
{
	unsigned column = t->cells % t->columns, width;

	if (t->cap - t->len < CELL_MAX) {
		size_t cap = t->cap ? t->cap * 2 : 16 * (size_t)CELL_MAX;
		char *grown = realloc(t->text, cap);

		if (!grown) {
			t->failed = true;
			return;
		}
		t->text = grown;
		t->cap = cap;
	}
	if (!*text)
		text = "-";
	km_escape(text, t->text + t->len, CELL_MAX);
	width = desk_width(t->text + t->len);
	if (width > t->width[column])
		t->width[column] = width;
	t->len += strlen(t->text + t->len) + 1;
	t->cells++;
}

void desk_cell_number(struct desk_table *t, int64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, number);
	desk_cell(t, text);
}

static void write_cell(const struct desk_table *t, unsigned column, const char *text, FILE *f)
{
	unsigned width;

	fputs(text, f);
	if (column + 1 == t->columns) {
		fputc('\n', f);
		return;
	}
	for (width = desk_width(text); width < t->width[column] + 2; width++)
		putc_unlocked(' ', f);
}

km_rc desk_table_flush(struct desk_table *t, FILE *f)
{
	const char *text = t->text;
	unsigned i;

	if (t->failed || t->columns == 0)
		return KM_ENOMEM;
	if (t->cells && !t->headed) {
		for (i = 0; i < t->columns; i++)
			write_cell(t, i, t->headers[i], f);
		t->headed = true;
	}
	for (i = 0; i < t->cells; i++) {
		write_cell(t, i % t->columns, text, f);
		text += strlen(text) + 1;
	}
	t->cells = 0;
	t->len = 0;
	return KM_OK;
}

/* --- JSON ----------------------------------------------------------------- */

/* One character that may not stand as it is: \n, \u2028, a surrogate pair, or U+FFFD. */
static size_t escape_one(FILE *f, const char *text)
{
	mbstate_t state = { 0 };
	wchar_t c = 0xfffd;
	size_t n = mbrtowc(&c, text, MB_CUR_MAX, &state);

	if (n == 0 || n > MB_CUR_MAX) {
		n = 1;
		c = 0xfffd;
	}
	if (c == '"' || c == '\\')
		fprintf(f, "\\%c", (char)c);
	else if (c == '\n')
		fputs("\\n", f);
	else if (c < 0x20 || c == 0x7f || !km_text_is_plain(text, n) || c == 0xfffd) {
		if (c > 0xffff)
			fprintf(f, "\\u%04x\\u%04x", 0xd800 + (((unsigned)c - 0x10000) >> 10),
				0xdc00 + (((unsigned)c - 0x10000) & 0x3ff));
		else
			fprintf(f, "\\u%04x", (unsigned)c);
	} else
		fwrite(text, 1, n, f);
	return n;
}

static void quote(FILE *f, const char *text)
{
	putc_unlocked('"', f);
	while (*text) {
		size_t n = 0;

		while (text[n] >= 0x20 && text[n] < 0x7f && text[n] != '"' && text[n] != '\\')
			n++;
		fwrite(text, 1, n, f);
		text += n;
		if (*text)
			text += escape_one(f, text);
	}
	putc_unlocked('"', f);
}

static void begin(struct desk_json *j, const char *key)
{
	if (j->comma)
		fputc(',', j->f);
	if (key) {
		quote(j->f, key);
		fputc(':', j->f);
	}
	j->comma = true;
}

void json_string(struct desk_json *j, const char *key, const char *value)
{
	begin(j, key);
	quote(j->f, value);
}

void json_number(struct desk_json *j, const char *key, int64_t number)
{
	begin(j, key);
	fprintf(j->f, "%" PRId64, number);
}

void json_bool(struct desk_json *j, const char *key, bool value)
{
	begin(j, key);
	fputs(value ? "true" : "false", j->f);
}

void json_null(struct desk_json *j, const char *key)
{
	begin(j, key);
	fputs("null", j->f);
}

void json_hex(struct desk_json *j, const char *key, const uint8_t *bytes, size_t len)
{
	size_t i;

	begin(j, key);
	fputc('"', j->f);
	for (i = 0; i < len; i++) {
		putc_unlocked("0123456789abcdef"[bytes[i] >> 4], j -> f);
		putc_unlocked("0123456789abcdef"[bytes[i] & 15], j -> f);
	}
	fputc('"', j->f);
}

void json_time(struct desk_json *j, const char *key, int64_t seconds)
{
	char text[DESK_TIME];

	if (*desk_time(seconds, text))
		json_string(j, key, text);
	else
		json_null(j, key);
}

void json_day(struct desk_json *j, const char *key, int64_t day)
{
	char text[16];

	if (day == KM_DAY_NONE) {
		json_null(j, key);
		return;
	}
	km_day_format(day, text);
	json_string(j, key, text);
}

void json_open(struct desk_json *j, const char *key, char bracket)
{
	begin(j, key);
	fputc(bracket, j->f);
	j->comma = false;
}

void json_close(struct desk_json *j, char bracket)
{
	fputc(bracket, j->f);
	j->comma = true;
}

void json_result(struct desk_json *j, km_rc rc, uint64_t id)
{
	json_string(j, "result", rc == KM_EFILED ? "filed" : "done");
	if (id)
		json_number(j, rc == KM_EFILED ? "request" : "id", (int64_t)id);
}

void json_line(struct desk_json *j)
{
	fputs(j->comma ? ",\n" : "\n", j->f);
	j->comma = false;
}

/* --- time ----------------------------------------------------------------- */

const char *desk_time(int64_t seconds, char out[DESK_TIME])
{
	time_t t = (time_t)seconds;
	struct tm tm;
	size_t n;

	out[0] = '\0';
	if (seconds == 0 || !localtime_r(&t, &tm))
		return out;
	n = strftime(out, DESK_TIME, "%Y-%m-%dT%H:%M:%S%z", &tm);
	if (n < 5 || n + 2 > DESK_TIME) {
		out[0] = '\0';
		return out;
	}
	memmove(out + n - 1, out + n - 2, 3); /* "+0900" to "+09:00" */
	out[n - 2] = ':';
	return out;
}

const char *desk_time_short(int64_t seconds, char out[DESK_TIME])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	out[0] = '\0';
	if (seconds == 0 || !localtime_r(&t, &tm) ||
	    strftime(out, DESK_TIME, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		out[0] = '\0';
	return out;
}
