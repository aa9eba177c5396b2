/* The first row of a roster: which column is which. */
#include <string.h>

#include <kenmon/log.h>

#include "roster_csv.h"

static const char *const words[ROSTER_COLUMNS + 1] = {
	[ROSTER_EMPLOYEE_NUMBER] = "employee_number",
	[ROSTER_LOGIN] = "login",
	[ROSTER_NAME] = "name",
	[ROSTER_DEPARTMENT] = "department",
	[ROSTER_ROLE] = "role",
	[ROSTER_MOBILE] = "mobile",
	[ROSTER_LANDLINE] = "landline",
	[ROSTER_VALID_FROM] = "valid_from",
	[ROSTER_VALID_UNTIL] = "valid_until",
	[ROSTER_STATUS] = "status",
	[ROSTER_COLUMNS] = "",
};

const char *sheet_column_word(unsigned column)
{
	return words[column < ROSTER_COLUMNS ? column : ROSTER_COLUMNS];
}

/* What the site calls it. */
static const char *site_word(const struct km_conf *conf, unsigned column)
{
	const char *const site[ROSTER_COLUMNS] = {
		[ROSTER_EMPLOYEE_NUMBER] = conf->roster_column.employee_number,
		[ROSTER_LOGIN] = conf->roster_column.login,
		[ROSTER_NAME] = conf->roster_column.name,
		[ROSTER_DEPARTMENT] = conf->roster_column.department,
		[ROSTER_ROLE] = conf->roster_column.role,
		[ROSTER_MOBILE] = conf->roster_column.mobile,
		[ROSTER_LANDLINE] = conf->roster_column.landline,
		[ROSTER_VALID_FROM] = conf->roster_column.valid_from,
		[ROSTER_VALID_UNTIL] = conf->roster_column.valid_until,
		[ROSTER_STATUS] = conf->roster_column.status,
	};

	return site[column];
}

static unsigned column_of(const struct roster *r, const char *text)
{
	unsigned c;

	for (c = 0; c < ROSTER_COLUMNS; c++)
		if (*text &&
		    (strcmp(text, words[c]) == 0 || strcmp(text, site_word(r->conf, c)) == 0))
			break;
	return c;
}

/* What else a roster knows is none of our business, and is named once. */
static void ignore(struct roster *r, const char *text)
{
	size_t len = strlen(r->ignored);

	if (!*text || len + 3 >= sizeof(r->ignored))
		return;
	if (len) {
		memcpy(r->ignored + len, ", ", 3);
		len += 2;
	}
	km_escape(text, r->ignored + len, sizeof(r->ignored) - len);
}

bool sheet_header(struct roster *r, uint32_t line, struct roster_cell *cells, unsigned count)
{
	size_t before = r->problems;

	memset(r->place, -1, sizeof(r->place));
	r->cells = count;
	for (unsigned i = 0; i < count; i++) {
		unsigned c;

		sheet_cell_trim(&cells[i]);
		if (strlen(cells[i].text) != cells[i].len ||
		    !km_text_is_plain(cells[i].text, cells[i].len)) {
			feedfile_problem(r, line, ROSTER_COLUMNS, DESK_ROSTER_PLAIN, cells[i].text,
					 NULL);
			continue;
		}
		c = column_of(r, cells[i].text);
		if (c == ROSTER_COLUMNS) {
			ignore(r, cells[i].text);
			continue;
		}
		if (r->place[c] >= 0)
			feedfile_problem(r, line, c, DESK_ROSTER_COLUMN_TWICE, NULL, NULL);
		r->place[c] = (int16_t)i;
	}
	for (unsigned c = 0; c < ROSTER_REQUIRED; c++)
		if (r->place[c] < 0)
			feedfile_problem(r, line, c, DESK_ROSTER_COLUMN_MISSING,
					 site_word(r->conf, c), NULL);
	return r->problems == before;
}

uint16_t feedfile_columns(const struct roster *r)
{
	static const struct {
		enum roster_column column;
		enum km_change bit;
	} bits[] = {
		{ ROSTER_NAME, KM_CHANGE_NAME },
		{ ROSTER_DEPARTMENT, KM_CHANGE_DEPARTMENT },
		{ ROSTER_ROLE, KM_CHANGE_ROLE },
		{ ROSTER_VALID_FROM, KM_CHANGE_VALID_FROM },
		{ ROSTER_VALID_UNTIL, KM_CHANGE_VALID_UNTIL },
		{ ROSTER_MOBILE, KM_CHANGE_MOBILE },
		{ ROSTER_LANDLINE, KM_CHANGE_LANDLINE },
	};
	unsigned found = 0;

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		if (r->place[bits[i].column] >= 0)
			found |= bits[i].bit;
	return (uint16_t)found;
}
