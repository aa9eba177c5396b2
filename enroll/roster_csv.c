/*
 * From the bytes of a roster to its rows. libcsv splits; line feeds alone end
 * a row, so that a carriage return elsewhere stays in its field and is refused
 * there. Twice over the same bytes: first to find what is wrong, then to give
 * the rows, so that a large roster is in memory once.
 */
#include <csv.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "roster_csv.h"

#define ROW_BYTES ((ROSTER_FIELD_MAX + 1) * ROSTER_CELLS_MAX)

/* "#rows,120" as the last line says how many there are. */
static const char *const trailers[] = { "#rows", "#件数" };

struct reading {
	struct roster *r;
	struct csv_parser parser;
	char *text; /* of the cells */
	size_t used;
	struct roster_cell cells[ROSTER_CELLS_MAX];
	unsigned count;
	uint32_t line; /* where the row begins */
	uint32_t rows;
	bool headed, stopped, trailed;
	/* either: what was seen, to find what stands twice; or: who takes the rows */
	struct roster_seen *seen;
	roster_take *take;
	void *arg;
	km_rc rc;
};

void feedfile_problem(struct roster *r, uint32_t line, unsigned column, enum desk_text text,
		      const char *a, const char *b)
{
	struct roster_problem *p;

	if (r->problems == ROSTER_PROBLEMS_MAX) {
		r->problems_more++;
		return;
	}
	if (r->problems == r->problems_cap) {
		size_t cap = r->problems_cap ? r->problems_cap * 2 : 64;

		p = realloc(r->problem, cap * sizeof(*p));
		if (!p) {
			r->failed = true;
			return;
		}
		r->problem = p;
		r->problems_cap = cap;
	}
	p = &r->problem[r->problems++];
	*p = (struct roster_problem){ .line = line,
				      .column = (uint8_t)column,
				      .text = (uint16_t)text };
	snprintf(p->a, sizeof(p->a), "%s", a ? a : "");
	snprintf(p->b, sizeof(p->b), "%s", b ? b : "");
}

/* Nothing behind it can be believed. */
static void stop(struct reading *g, enum desk_text text, const char *a)
{
	if (!g->stopped)
		feedfile_problem(g->r, g->line, ROSTER_COLUMNS, text, a, NULL);
	g->stopped = true;
}

static void take_cell(void *text, size_t len, void *arg)
{
	struct reading *g = arg;
	struct roster_cell *cell = &g->cells[g->count];

	if (g->stopped)
		return;
	if (len > ROSTER_FIELD_MAX) {
		stop(g, DESK_ROSTER_FIELD_LONG, NULL);
		return;
	}
	if (g->count == ROSTER_CELLS_MAX) {
		stop(g, DESK_ROSTER_CELLS, NULL);
		return;
	}
	*cell = (struct roster_cell){ g->text + g->used, len };
	if (len)
		memcpy(cell->text, text, len);
	cell->text[len] = '\0';
	g->used += len + 1;
	g->count++;
}

static bool is_trailer(const struct reading *g)
{
	for (size_t i = 0; i < sizeof(trailers) / sizeof(trailers[0]); i++)
		if (strcmp(g->cells[0].text, trailers[i]) == 0)
			return true;
	return false;
}

static void take_trailer(struct reading *g)
{
	char found[16];

	snprintf(found, sizeof(found), "%" PRIu32, g->rows);
	g->trailed = true;
	if (g->count < 2 || strcmp(g->cells[1].text, found) != 0)
		feedfile_problem(g->r, g->line, ROSTER_COLUMNS, DESK_ROSTER_TRAILER,
				 g->count < 2 ? "" : g->cells[1].text, found);
}

static void take_row(struct reading *g)
{
	struct roster_row row = { 0 };
	char cells[16], header[16];
	bool good;

	g->rows++;
	if (g->rows > ROSTER_ROWS_MAX) {
		stop(g, DESK_ROSTER_ROWS, NULL);
		return;
	}
	if (g->count != g->r->cells) {
		snprintf(cells, sizeof(cells), "%u", g->count);
		snprintf(header, sizeof(header), "%u", g->r->cells);
		feedfile_problem(g->r, g->line, ROSTER_COLUMNS, DESK_ROSTER_WIDTH, cells, header);
		return;
	}
	for (unsigned i = 0; i < g->count; i++)
		sheet_cell_trim(&g->cells[i]);
	good = sheet_row_parse(g->r, g->line, g->cells, &row);
	if (g->seen && !sheet_seen_add(g->seen, &row))
		g->r->failed = true;
	if (g->take && good)
		g->rc = g->take(g->arg, &row);
	g->stopped |= g->rc != KM_OK;
}

static void end_row(int c, void *arg)
{
	struct reading *g = arg;

	(void)c;
	if (!g->stopped && g->count) {
		if (g->trailed)
			stop(g, DESK_ROSTER_BEHIND, NULL);
		else if (!g->headed && g->seen && !sheet_header(g->r, g->line, g->cells, g->count))
			g->stopped = true;
		else if (g->headed && is_trailer(g))
			take_trailer(g);
		else if (g->headed)
			take_row(g);
		g->headed = true;
	}
	g->count = 0;
	g->used = 0;
}

static int is_line_feed(unsigned char c)
{
	return c == '\n';
}

static int is_blank(unsigned char c)
{
	return c == ' ';
}

static km_rc reading_begin(struct reading *g, struct roster *r)
{
	*g = (struct reading){ .r = r };
	g->text = malloc(ROW_BYTES);
	if (!g->text || csv_init(&g->parser, CSV_STRICT | CSV_STRICT_FINI) != 0) {
		free(g->text);
		return KM_ENOMEM;
	}
	csv_set_term_func(&g->parser, is_line_feed);
	csv_set_space_func(&g->parser, is_blank);
	csv_set_blk_size(&g->parser, ROSTER_PIECE * 4); /* a field and a piece: grown once */
	sheet_text_rewind(&r->text);
	return KM_OK;
}

static void reading_end(struct reading *g)
{
	csv_free(&g->parser);
	free(g->text);
}

static void parse_piece(struct reading *g, const char *piece, size_t len)
{
	/* State 0 is between rows: libcsv has no other name for it. */
	if (g->parser.pstate == 0)
		g->line = g->r->text.line;
	if (csv_parse(&g->parser, piece, len, take_cell, end_row, g) != len) {
		if (csv_error(&g->parser) == CSV_EPARSE)
			stop(g, DESK_ROSTER_QUOTE, NULL);
		else
			g->r->failed = true;
	} else if (g->parser.entry_pos > ROSTER_FIELD_MAX)
		stop(g, DESK_ROSTER_FIELD_LONG, NULL);
}

static void parse_all(struct reading *g)
{
	const char *piece;
	size_t len;

	while (!g->stopped && !g->r->failed && sheet_text_next(&g->r->text, &piece, &len))
		parse_piece(g, piece, len);
	if (g->stopped || g->r->failed)
		return;
	if (csv_fini(&g->parser, take_cell, end_row, g) == 0)
		return;
	if (csv_error(&g->parser) == CSV_EPARSE)
		stop(g, DESK_ROSTER_OPEN_QUOTE, NULL);
	else
		g->r->failed = true;
}

/* What can only be said of the whole: where a feed was cut, rows are missing, and with them people.
 */
static void look_at_whole(struct reading *g, uint32_t rows)
{
	char wanted[16], found[16];

	if (g->stopped || g->r->failed)
		return;
	snprintf(wanted, sizeof(wanted), "%" PRIu32, rows);
	snprintf(found, sizeof(found), "%" PRIu32, g->rows);
	if (!g->headed)
		feedfile_problem(g->r, 0, ROSTER_COLUMNS, DESK_ROSTER_EMPTY, NULL, NULL);
	else if (g->rows == 0)
		feedfile_problem(g->r, 0, ROSTER_COLUMNS, DESK_ROSTER_NO_ROWS, NULL, NULL);
	else if (!g->trailed && !sheet_text_is_ended(&g->r->text))
		feedfile_problem(g->r, g->line, ROSTER_COLUMNS, DESK_ROSTER_CUT, NULL, NULL);
	if (rows && rows != g->rows)
		feedfile_problem(g->r, 0, ROSTER_COLUMNS, DESK_ROSTER_COUNT, wanted, found);
}

static int by_line(const void *a, const void *b)
{
	const struct roster_problem *p = a, *q = b;

	if (p->line != q->line)
		return p->line < q->line ? -1 : 1;
	return (int)p->column - (int)q->column;
}

static km_rc find_problems(struct roster *r, uint32_t rows)
{
	struct reading g;
	km_rc rc = reading_begin(&g, r);

	if (rc != KM_OK)
		return rc;
	g.seen = sheet_seen_new();
	r->failed = !g.seen;
	parse_all(&g);
	look_at_whole(&g, rows);
	if (!r->failed)
		sheet_seen_report(g.seen, r);
	sheet_seen_free(g.seen);
	r->rows = g.rows;
	reading_end(&g);
	if (r->failed)
		return KM_ENOMEM;
	if (r->problems)
		qsort(r->problem, r->problems, sizeof(r->problem[0]), by_line);
	return r->problems ? KM_EINVAL : KM_OK;
}

km_rc feedfile_read(struct desk *d, int fd, const struct km_conf *conf, uint32_t rows,
		    struct roster *r)
{
	km_rc rc;

	memset(r, 0, sizeof(*r));
	memset(r->place, -1, sizeof(r->place));
	r->conf = conf;
	rc = sheet_text_read(d, fd, &r->text);
	if (rc == KM_OK &&
	    EVP_Digest(r->text.bytes, r->text.len, r->digest, NULL, EVP_sha256(), NULL) != 1)
		rc = KM_ENOMEM;
	return rc == KM_OK ? find_problems(r, rows) : rc;
}

km_rc feedfile_each(struct roster *r, roster_take *take, void *arg)
{
	struct reading g;
	km_rc rc = reading_begin(&g, r);

	if (rc != KM_OK)
		return rc;
	g.take = take;
	g.arg = arg;
	parse_all(&g);
	rc = g.rc;
	reading_end(&g);
	if (r->failed)
		return KM_ENOMEM;
	return rc == KM_OK && (g.rows != r->rows || r->problems) ? KM_EINVAL : rc;
}

void feedfile_free(struct roster *r)
{
	if (!r)
		return;
	sheet_text_free(&r->text);
	free(r->problem);
	r->problem = NULL;
	r->problems = r->problems_cap = 0;
}
