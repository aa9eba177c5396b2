/*
 * A roster: a CSV file of who works where. It is read whole and every fault of
 * it is found before anything is handed to the vault, which never sees CSV.
 */
#ifndef KENMON_DESK_ROSTER_CSV_H
#define KENMON_DESK_ROSTER_CSV_H

#include <kenmon/conf.h>
#include <kenmon/people.h>

#include "roster_text.h"

#define ROSTER_ROWS_MAX     200000
#define ROSTER_FIELD_MAX    4096 /* bytes, as UTF-8; what a field may hold is less */
#define ROSTER_CELLS_MAX    64
#define ROSTER_PROBLEMS_MAX 50000 /* kept; the rest is counted */

/* In the order of the slices, but for status and the days. */
enum roster_column {
	ROSTER_EMPLOYEE_NUMBER,
	ROSTER_LOGIN,
	ROSTER_NAME,
	ROSTER_DEPARTMENT,
	ROSTER_ROLE,
	ROSTER_MOBILE,
	ROSTER_LANDLINE,
	ROSTER_VALID_FROM,
	ROSTER_VALID_UNTIL,
	ROSTER_STATUS,
	ROSTER_COLUMNS,
};
#define ROSTER_REQUIRED (ROSTER_DEPARTMENT + 1) /* the first ones */

/* A row that is right. Text as the vault takes it. */
struct roster_row {
	uint32_t line;  /* where it begins */
	uint8_t status; /* enum km_roster_status */
	int64_t valid_from, valid_until;
	char employee_number[64 + 1], login[64 + 1], name[256 + 1], department[128 + 1];
	char role[16 + 1], mobile[32 + 1], landline[32 + 1];
};

/* One fault: where, and what. */
struct roster_problem {
	uint32_t line;  /* 0: the file as a whole */
	uint8_t column; /* ROSTER_COLUMNS: none in particular */
	uint16_t text;  /* enum desk_text; %1 is a, %2 is b */
	char a[64], b[24];
};

struct roster {
	const struct km_conf *conf;
	struct roster_text text;
	uint8_t digest[32];            /* SHA-256 of the file */
	int16_t place[ROSTER_COLUMNS]; /* of each column among the cells; -1: not there */
	unsigned cells;                /* of the header */
	char ignored[256];             /* headers that are none of ours, escaped */
	uint32_t rows;
	struct roster_problem *problem;
	size_t problems, problems_more, problems_cap;
	bool failed; /* out of memory */
};

/* A row that is right; anything but KM_OK ends the reading. */
typedef km_rc roster_take(void *arg, const struct roster_row *row);

/*
 * Reads the file behind fd and finds everything that is wrong with it: KM_EINVAL, with the faults
 * in r sorted by line, or with a sentence in d alone. rows: so many must be in it; 0: not known.
 * conf must stay.
 */
KM_MUST_CHECK km_rc feedfile_read(struct desk *d, int fd, const struct km_conf *conf, uint32_t rows,
				  struct roster *r);
/* Gives every row of a roster without a fault. */
KM_MUST_CHECK km_rc feedfile_each(struct roster *r, roster_take *take, void *arg);
void feedfile_free(struct roster *r); /* NULL is allowed */
#define ROSTER __attribute__((cleanup(feedfile_free)))

/* Bits of enum km_change: the columns that the file has. */
uint16_t feedfile_columns(const struct roster *r);
/* "employee_number" …; "" for ROSTER_COLUMNS. */
const char *sheet_column_word(unsigned column);

/* --- between the files of the reader ------------------------------------------ */

struct roster_cell {
	char *text; /* ended by NUL; may hold others */
	size_t len;
};

void feedfile_problem(struct roster *r, uint32_t line, unsigned column, enum desk_text text,
		      const char *a, const char *b);

/*
 * roster_row.c: true when all of it is right; else number and login are those that are, or "".
 * Cells are as many as the header's.
 */
bool sheet_row_parse(struct roster *r, uint32_t line, const struct roster_cell *cells,
		     struct roster_row *row);
/* Takes blanks of any kind off both ends. */
void sheet_cell_trim(struct roster_cell *cell);

/* roster_header.c: false when the file cannot be read any further. */
bool sheet_header(struct roster *r, uint32_t line, struct roster_cell *cells, unsigned count);

/* roster_twice.c: names and numbers that were seen, to find those that stand twice. */
struct roster_seen;
struct roster_seen *sheet_seen_new(void);
bool sheet_seen_add(struct roster_seen *s, const struct roster_row *row);
void sheet_seen_report(struct roster_seen *s, struct roster *r);
void sheet_seen_free(struct roster_seen *s); /* NULL is allowed */

#endif
