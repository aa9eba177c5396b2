/*
 * A sheet: title, notes, columns, rows, in one of four formats. Reports are
 * sheets. What it is made of comes from outside, so every value is escaped
 * here for the format at hand: nothing in it can end a line, hide text, begin
 * a tag or be taken for a formula.
 */
#ifndef KENMON_DESK_SHEET_H
#define KENMON_DESK_SHEET_H

#include <kenmon/texts.h>

#include "desk.h"
#include "out.h"

enum sheet_format { SHEET_TEXT, SHEET_CSV, SHEET_JSON, SHEET_HTML, SHEET_FORMATS };

/* "text" …; false: no such word. */
bool sheet_format_parse(const char *word, enum sheet_format *out);

#define SHEET_COLUMNS_MAX DESK_COLUMNS_MAX
/* Bytes of a value; what is longer is cut. A record of the trail has 1,350; in Japanese up to
 * 4,400. */
#define SHEET_VALUE_MAX 4400

struct sheet_column {
	const char *key; /* in CSV and JSON, the same in every language */
	enum desk_text title;
};

struct sheet {
	FILE *f;
	enum sheet_format format;
	enum km_lang lang;
	const struct sheet_column *columns;
	unsigned count;
	/* the sheet's own */
	const char *headers[SHEET_COLUMNS_MAX];
	struct desk_table table;
	struct desk_json json;
	unsigned at; /* cells of the row under way */
	bool headed; /* notes are over */
	uint64_t rows;
};

/* f, format, lang, columns and count are set. name stands in JSON. */
void sheet_begin(struct sheet *s, const char *name, enum desk_text title);
/* What counts for all of it; before the first row. Not in CSV, which has records alone. */
void sheet_note(struct sheet *s, const char *key, enum desk_text title, const char *value);

/* The language of words within a value: programs that read CSV or JSON know one. */
enum km_lang sheet_words(const struct sheet *s);

/* Cells, from left to right; the last one ends the row. */
void sheet_string(struct sheet *s, const char *value);
/* One of a list: word for programs, text for people. */
void sheet_choice(struct sheet *s, const char *word, const char *text);
void sheet_number(struct sheet *s, int64_t number); /* below 0: none */
void sheet_day(struct sheet *s, int64_t day);       /* KM_DAY_NONE: none */
void sheet_time(struct sheet *s, int64_t seconds);  /* 0: none */

/* Text is kept until this, for its columns' width; pages are written as they come. */
KM_MUST_CHECK km_rc sheet_flush(struct sheet *s);
/* Writes the end; frees what it had in any case. Whether f took all of it is f's to say. */
KM_MUST_CHECK km_rc sheet_end(struct sheet *s);
void sheet_free(struct sheet *s); /* where it did not come to its end */

/* --- what writes a format ------------------------------------------------------- */

/* A cell as every format needs it. */
struct sheet_cell {
	enum {
		SHEET_IS_STRING,
		SHEET_IS_CHOICE,
		SHEET_IS_NUMBER,
		SHEET_IS_DAY,
		SHEET_IS_TIME
	} kind;
	const char *value; /* for programs: ISO 8601, digits; "" none */
	const char *shown; /* for people */
	int64_t number;
};

struct sheet_writer {
	void (*begin)(struct sheet *s, const char *name, const char *title);
	void (*note)(struct sheet *s, const char *key, const char *title, const char *value);
	void (*head)(struct sheet *s); /* after the notes */
	void (*cell)(struct sheet *s, const struct sheet_cell *c);
	void (*end)(struct sheet *s);
};

extern const struct sheet_writer sheet_html; /* sheet_html.c */
extern const struct sheet_writer sheet_csv;  /* sheet_csv.c */

#endif
