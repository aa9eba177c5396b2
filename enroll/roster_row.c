/* What a row of a roster may say. */
#include <stdio.h>
#include <string.h>

#include <kenmon/factor.h>
#include <kenmon/log.h>
#include <kenmon/phone.h>

#include "day_era.h"
#include "roster_csv.h"

static const char wide_blank[] = "\xe3\x80\x80"; /* U+3000 */

static size_t blank_at(const char *text, size_t len)
{
	if (len >= 1 && text[0] == ' ')
		return 1;
	return len >= 3 && memcmp(text, wide_blank, 3) == 0 ? 3 : 0;
}

static size_t blank_before(const char *text, size_t len)
{
	if (len >= 1 && text[len - 1] == ' ')
		return 1;
	return len >= 3 && memcmp(text + len - 3, wide_blank, 3) == 0 ? 3 : 0;
}

void sheet_cell_trim(struct roster_cell *cell)
{
	size_t n;

	while ((n = blank_at(cell->text, cell->len))) {
		cell->text += n;
		cell->len -= n;
	}
	while ((n = blank_before(cell->text, cell->len)))
		cell->len -= n;
	cell->text[cell->len] = '\0';
}

/* One row while it is parsed. */
struct parse {
	struct roster *r;
	uint32_t line;
	const struct roster_cell *cells;
	struct roster_row *row;
	bool good;
};

/* Always false, which also ends a text that is not to be used. */
static bool wrong(struct parse *p, unsigned column, enum desk_text text, const char *a)
{
	feedfile_problem(p->r, p->line, column, text, a, NULL);
	p->good = false;
	return false;
}

static const struct roster_cell *cell_of(const struct parse *p, unsigned column)
{
	int place = p->r->place[column];

	return place < 0 ? NULL : &p->cells[place];
}

/* Plain text that fits; "" where the column is not there. */
static bool take_text(struct parse *p, unsigned column, bool required, char *out, size_t size)
{
	const struct roster_cell *cell = cell_of(p, column);
	char limit[24];

	out[0] = '\0';
	if (!cell)
		return true;
	if (cell->len == 0 && required)
		return wrong(p, column, DESK_ROSTER_EMPTY_CELL, NULL);
	if (cell->len >= size) {
		snprintf(limit, sizeof(limit), "%zu", size - 1);
		return wrong(p, column, DESK_ROSTER_LONG, limit);
	}
	/* With its length: a NUL is no end, and refused. */
	if (cell->len && !km_text_is_plain(cell->text, cell->len))
		return wrong(p, column, DESK_ROSTER_PLAIN, cell->text);
	memcpy(out, cell->text, cell->len + 1);
	return true;
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Begins with one of letters, digits and `first`, and goes on with those of `rest` too. */
static bool is_name(const char *text, const char *first, const char *rest)
{
	if (!*text || (!is_alnum(*text) && !strchr(first, *text)))
		return false;
	for (text++; *text; text++)
		if (!is_alnum(*text) && !strchr(rest, *text))
			return false;
	return true;
}

static void take_number(struct parse *p)
{
	char *out = p->row->employee_number;

	if (take_text(p, ROSTER_EMPLOYEE_NUMBER, true, out, sizeof(p->row->employee_number)) &&
	    !is_name(out, "", "._-"))
		out[0] = wrong(p, ROSTER_EMPLOYEE_NUMBER, DESK_ROSTER_NUMBER, out);
}

/*
 * What useradd(8), Samba and SSSD make: with SSSD also a number, where an office has people log in
 * by their employee number. root is registered by hand or not at all: a file could lock out who has
 * to mend it.
 */
static void take_login(struct parse *p)
{
	char *out = p->row->login;

	if (!take_text(p, ROSTER_LOGIN, true, out, sizeof(p->row->login)))
		return;
	if (!is_name(out, "_", "._-@"))
		out[0] = wrong(p, ROSTER_LOGIN, DESK_ROSTER_LOGIN_NAME, out);
	else if (strcmp(out, "root") == 0)
		out[0] = wrong(p, ROSTER_LOGIN, DESK_ROSTER_ROOT, NULL);
}

static void take_role(struct parse *p)
{
	char *out = p->row->role;
	enum km_role role;

	if (!take_text(p, ROSTER_ROLE, false, out, sizeof(p->row->role)) ||
	    !cell_of(p, ROSTER_ROLE))
		return;
	if (!*out)
		snprintf(out, sizeof(p->row->role), "%s", km_role_word(KM_ROLE_OPERATOR));
	else if (!km_role_parse(out, &role))
		wrong(p, ROSTER_ROLE, DESK_ROSTER_ROLE_WORD, out);
}

static void take_status(struct parse *p)
{
	char word[32];

	p->row->status = KM_ROSTER_NONE;
	if (!take_text(p, ROSTER_STATUS, false, word, sizeof(word)) || !cell_of(p, ROSTER_STATUS))
		return;
	p->row->status = (uint8_t)(*word ? km_roster_status_parse(word)
					 : (enum km_roster_status)KM_ROSTER_ACTIVE);
	if (p->row->status == KM_ROSTER_NONE)
		wrong(p, ROSTER_STATUS, DESK_ROSTER_STATUS_WORD, word);
}

static void take_day(struct parse *p, unsigned column, int64_t *day)
{
	static const enum desk_text says[] = {
		[DAY_UNREADABLE] = DESK_ROSTER_DATE,
		[DAY_NO_SUCH] = DESK_ROSTER_DATE_NO_SUCH,
		[DAY_OUTSIDE_ERA] = DESK_ROSTER_DATE_ERA,
	};
	char text[64];
	enum day_fault fault;

	*day = KM_DAY_NONE;
	if (!take_text(p, column, false, text, sizeof(text)) || !*text)
		return;
	fault = day_era_parse(text, day);
	if (fault != DAY_GOOD)
		wrong(p, column, says[fault], text);
}

/* Digits, behind a + or not: how they are grouped is not kept. */
static void take_phone(struct parse *p, unsigned column, char out[32 + 1])
{
	char text[128];

	out[0] = '\0';
	if (!take_text(p, column, false, text, sizeof(text)) || !*text)
		return;
	if (!km_phone_compact(text, out))
		wrong(p, column, DESK_ROSTER_PHONE, text);
}

bool sheet_row_parse(struct roster *r, uint32_t line, const struct roster_cell *cells,
		     struct roster_row *row)
{
	struct parse p = { r, line, cells, row, true };

	row->line = line;
	take_number(&p);
	take_login(&p);
	(void)take_text(&p, ROSTER_NAME, true, row->name, sizeof(row->name));
	(void)take_text(&p, ROSTER_DEPARTMENT, true, row->department, sizeof(row->department));
	take_role(&p);
	take_status(&p);
	take_day(&p, ROSTER_VALID_FROM, &row->valid_from);
	take_day(&p, ROSTER_VALID_UNTIL, &row->valid_until);
	take_phone(&p, ROSTER_MOBILE, row->mobile);
	take_phone(&p, ROSTER_LANDLINE, row->landline);
	if (row->valid_from != KM_DAY_NONE && row->valid_until != KM_DAY_NONE &&
	    row->valid_from > row->valid_until)
		wrong(&p, ROSTER_VALID_UNTIL, DESK_ROSTER_ORDER, NULL);
	return p.good;
}
