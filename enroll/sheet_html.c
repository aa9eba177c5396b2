/*
 * Sheets as HTML: one file that needs no other and runs nothing, to be read on
 * a screen or aloud, or printed. Headings carry scope, so that a screen reader
 * says which column and which row a cell is in; nothing is said by colour.
 */
#include <inttypes.h>

#include <kenmon/log.h>

#include "sheet.h"

static const char style[] =
    "body{font-family:sans-serif;margin:1.5rem;color:#000;background:#fff}"
    "h1{font-size:1.4rem}"
    "dl{display:grid;grid-template-columns:max-content auto;gap:.2rem 1rem}"
    "dt{font-weight:bold}dd{margin:0}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{border:1px solid #444;padding:.25rem .4rem;text-align:left;vertical-align:top;"
    "overflow-wrap:anywhere}"
    "thead th{background:#eee}"
    "tbody th{font-weight:normal}"
    "@page{size:A4 landscape;margin:12mm}"
    "@media print{body{margin:0;font-size:8pt}thead{display:table-header-group}"
    "tr{break-inside:avoid}}";

static void safe(FILE *f, const char *value)
{
	char text[SHEET_VALUE_MAX * 4 + 1];

	km_escape(value, text, sizeof(text));
	for (const char *p = text; *p; p++) {
		switch (*p) {
		case '&':
			fputs("&amp;", f);
			break;
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		case '\'':
			fputs("&#39;", f);
			break;
		default:
			fputc(*p, f);
		}
	}
}

static void element(FILE *f, const char *open, const char *value, const char *close)
{
	fputs(open, f);
	safe(f, value);
	fputs(close, f);
}

static void html_begin(struct sheet *s, const char *name, const char *title)
{
	(void)name;
	fprintf(s->f,
		"<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" "
		"content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
		"<meta name=\"viewport\" content=\"width=device-width\">\n",
		s->lang == KM_LANG_JA ? "ja" : "en");
	element(s->f, "<title>", title, "</title>\n");
	fprintf(s->f, "<style>%s</style>\n</head>\n<body>\n<main>\n", style);
	element(s->f, "<h1>", title, "</h1>\n<dl>\n");
}

static void html_note(struct sheet *s, const char *key, const char *title, const char *value)
{
	(void)key;
	element(s->f, "<dt>", title, "</dt>");
	element(s->f, "<dd>", value, "</dd>\n");
}

static void html_head(struct sheet *s)
{
	fputs("</dl>\n<table>\n<thead>\n<tr>", s->f);
	for (unsigned i = 0; i < s->count; i++)
		element(s->f, "<th scope=\"col\">", s->headers[i], "</th>");
	fputs("</tr>\n</thead>\n<tbody>\n", s->f);
}

static void html_cell(struct sheet *s, const struct sheet_cell *c)
{
	if (s->at == 0)
		element(s->f, "<tr><th scope=\"row\">", c->shown, "</th>");
	else
		element(s->f, "<td>", c->shown, "</td>");
	if (s->at + 1 == s->count)
		fputs("</tr>\n", s->f);
}

static void html_end(struct sheet *s)
{
	char text[128], rows[24];

	snprintf(rows, sizeof(rows), "%" PRIu64, s->rows);
	fputs("</tbody>\n</table>\n", s->f);
	element(s->f, "<p>", desk_expand(DESK_SHEET_ROWS, s->lang, rows, NULL, text, sizeof(text)),
		"</p>\n");
	fputs("</main>\n</body>\n</html>\n", s->f);
}

const struct sheet_writer sheet_html = { html_begin, html_note, html_head, html_cell, html_end };
