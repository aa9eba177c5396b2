/* Sheets: what is common, text and JSON. */
#include <inttypes.h>
#include <string.h>

#include <kenmon/clock.h>
#include <kenmon/factor.h>
#include <kenmon/log.h>

#include "sheet.h"

#define ESCAPED_MAX (SHEET_VALUE_MAX * 4 + 1)

/* --- text ----------------------------------------------------------------- */

static void text_begin(struct sheet *s, const char *name, const char *title)
{
	(void)name;
	fprintf(s->f, "%s\n", title);
}

static void text_note(struct sheet *s, const char *key, const char *title, const char *value)
{
	char text[ESCAPED_MAX];

	(void)key;
	fprintf(s->f, "%s: %s\n", title, km_escape(value, text, sizeof(text)));
}

static void text_head(struct sheet *s)
{
	fputc('\n', s->f);
	desk_table_init(&s->table, s->headers, s->count);
}

static void text_cell(struct sheet *s, const struct sheet_cell *c)
{
	desk_cell(&s->table, c->shown);
}

static void text_end(struct sheet *s)
{
	char text[128], rows[24];

	snprintf(rows, sizeof(rows), "%" PRIu64, s->rows);
	fprintf(s->f, "%s%s\n", s->rows ? "\n" : "",
		desk_expand(DESK_SHEET_ROWS, s->lang, rows, NULL, text, sizeof(text)));
}

static const struct sheet_writer sheet_text = { text_begin, text_note, text_head, text_cell,
						text_end };

/* --- JSON ----------------------------------------------------------------- */

static void as_json_begin(struct sheet *s, const char *name, const char *title)
{
	s->json = (struct desk_json){ .f = s->f };
	json_open(&s->json, NULL, '{');
	json_string(&s->json, "report", name);
	json_string(&s->json, "title", title);
	json_open(&s->json, "notes", '{');
}

static void as_json_note(struct sheet *s, const char *key, const char *title, const char *value)
{
	(void)title;
	json_string(&s->json, key, value);
}

static void as_json_head(struct sheet *s)
{
	json_close(&s->json, '}');
	json_open(&s->json, "rows", '[');
}

static void as_json_cell(struct sheet *s, const struct sheet_cell *c)
{
	const char *key = s->columns[s->at].key;

	if (s->at == 0) {
		json_line(&s->json);
		json_open(&s->json, NULL, '{');
	}
	if (c->kind == SHEET_IS_STRING || *c->value) {
		if (c->kind == SHEET_IS_NUMBER)
			json_number(&s->json, key, c->number);
		else
			json_string(&s->json, key, c->value);
	} else
		json_null(&s->json, key);
	if (s->at + 1 == s->count)
		json_close(&s->json, '}');
}

static void as_json_end(struct sheet *s)
{
	fputc('\n', s->f);
	json_close(&s->json, ']');
	json_close(&s->json, '}');
	fputc('\n', s->f);
}

static const struct sheet_writer sheet_json = { as_json_begin, as_json_note, as_json_head,
						as_json_cell, as_json_end };

/* --- all of them ---------------------------------------------------------- */

static const struct {
	const char *word;
	const struct sheet_writer *writer;
} formats[SHEET_FORMATS] = {
	[SHEET_TEXT] = { "text", &sheet_text },
	[SHEET_CSV] = { "csv", &sheet_csv },
	[SHEET_JSON] = { "json", &sheet_json },
	[SHEET_HTML] = { "html", &sheet_html },
};

bool sheet_format_parse(const char *word, enum sheet_format *out)
{
	for (unsigned i = 0; i < SHEET_FORMATS; i++)
		if (strcmp(word, formats[i].word) == 0) {
			*out = (enum sheet_format)i;
			return true;
		}
	return false;
}

static const struct sheet_writer *writer_of(const struct sheet *s)
{
	return formats[s->format].writer;
}

void sheet_begin(struct sheet *s, const char *name, enum desk_text title)
{
	for (unsigned i = 0; i < s->count; i++)
		s->headers[i] = desk_text(s->columns[i].title, s->lang);
	s->table = (struct desk_table){ 0 };
	s->at = 0;
	s->rows = 0;
	s->headed = false;
	writer_of(s)->begin(s, name, desk_text(title, s->lang));
}

void sheet_note(struct sheet *s, const char *key, enum desk_text title, const char *value)
{
	writer_of(s)->note(s, key, desk_text(title, s->lang), value);
}

static void head(struct sheet *s)
{
	if (!s->headed)
		writer_of(s)->head(s);
	s->headed = true;
}

static void put(struct sheet *s, const struct sheet_cell *c)
{
	head(s);
	writer_of(s)->cell(s, c);
	s->at = (s->at + 1) % s->count;
	s->rows += s->at == 0;
}

void sheet_string(struct sheet *s, const char *value)
{
	put(s, &(struct sheet_cell){ SHEET_IS_STRING, value, value, 0 });
}

enum km_lang sheet_words(const struct sheet *s)
{
	return s->format == SHEET_CSV || s->format == SHEET_JSON ? KM_LANG_EN : s->lang;
}

void sheet_choice(struct sheet *s, const char *word, const char *text)
{
	put(s, &(struct sheet_cell){ SHEET_IS_CHOICE, word, text, 0 });
}

void sheet_number(struct sheet *s, int64_t number)
{
	char text[24] = "";

	if (number >= 0)
		snprintf(text, sizeof(text), "%" PRId64, number);
	put(s, &(struct sheet_cell){ SHEET_IS_NUMBER, text, text, number });
}

void sheet_day(struct sheet *s, int64_t day)
{
	char text[16];

	km_day_format(day, text);
	put(s, &(struct sheet_cell){ SHEET_IS_DAY, text, text, 0 });
}

void sheet_time(struct sheet *s, int64_t seconds)
{
	char value[DESK_TIME], shown[DESK_TIME];

	put(s, &(struct sheet_cell){ SHEET_IS_TIME, desk_time(seconds, value),
				     desk_time_short(seconds, shown), 0 });
}

km_rc sheet_flush(struct sheet *s)
{
	head(s);
	return s->format == SHEET_TEXT ? desk_table_flush(&s->table, s->f) : KM_OK;
}

km_rc sheet_end(struct sheet *s)
{
	km_rc rc = sheet_flush(s);

	if (rc == KM_OK)
		writer_of(s)->end(s);
	sheet_free(s);
	return rc;
}

void sheet_free(struct sheet *s)
{
	desk_table_free(&s->table);
}
