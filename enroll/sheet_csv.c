/*
 * Sheets as CSV (RFC 4180): UTF-8, CRLF, a header of keys, fields in quotes
 * where need be. A spreadsheet takes a cell that begins with = + - @, or with
 * a tab or a carriage return before them, for a formula; such cells begin with
 * an apostrophe here, which it takes for "this is text". The wide forms of
 * these signs count too: Japanese spreadsheets narrow them.
 */
#include <string.h>

#include <kenmon/log.h>

#include "sheet.h"

static const char *const formula_signs[] = {
	"=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"
};

static bool begins_formula(const char *text)
{
	for (size_t i = 0; i < sizeof(formula_signs) / sizeof(formula_signs[0]); i++)
		if (strncmp(text, formula_signs[i], strlen(formula_signs[i])) == 0)
			return true;
	return false;
}

static void field(FILE *f, const char *text)
{
	bool quoted = text[strcspn(text, ",\"\r\n")] || *text == ' ';

	if (quoted)
		fputc('"', f);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', f);
		fputc(*text, f);
	}
	if (quoted)
		fputc('"', f);
}

static void csv_begin(struct sheet *s, const char *name, const char *title)
{
	(void)s;
	(void)name;
	(void)title;
}

static void csv_note(struct sheet *s, const char *key, const char *title, const char *value)
{
	(void)s;
	(void)key;
	(void)title;
	(void)value;
}

static void csv_head(struct sheet *s)
{
	for (unsigned i = 0; i < s->count; i++) {
		field(s->f, s->columns[i].key);
		fputs(i + 1 == s->count ? "\r\n" : ",", s->f);
	}
}

static void csv_cell(struct sheet *s, const struct sheet_cell *c)
{
	char text[SHEET_VALUE_MAX * 4 + 2];
	/* What we made ourselves begins with a digit. */
	bool formula = begins_formula(c->value);

	text[0] = '\'';
	km_escape(c->value, text + formula, sizeof(text) - formula);
	field(s->f, text);
	fputs(s->at + 1 == s->count ? "\r\n" : ",", s->f);
}

static void csv_end(struct sheet *s)
{
	(void)s;
}

const struct sheet_writer sheet_csv = { csv_begin, csv_note, csv_head, csv_cell, csv_end };
