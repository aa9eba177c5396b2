/* What the desk writes: tables for people, JSON for programs. */
#ifndef KENMON_DESK_OUT_H
#define KENMON_DESK_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <kenmon/rc.h>

#define DESK_COLUMNS_MAX 16
#define DESK_TIME        32 /* "2026-04-01T09:12:33+09:00" */

/*
 * A table aligned by what a terminal shows (a Japanese character is two
 * columns wide). Rows are kept until desk_table_flush(), so a long listing is
 * written page by page; columns only grow from page to page.
 */
struct desk_table {
	unsigned columns;
	const char *const *headers;
	bool headed;
	unsigned width[DESK_COLUMNS_MAX];
	char *text; /* cells, each ended by NUL */
	size_t len, cap;
	unsigned cells;
	bool failed; /* out of memory: said by flush */
};

void desk_table_init(struct desk_table *t, const char *const *headers, unsigned columns);
void desk_table_free(struct desk_table *t); /* NULL is allowed */
#define DESK_TABLE __attribute__((cleanup(desk_table_free)))

/* One cell, from left to right; text from outside is escaped here. */
void desk_cell(struct desk_table *t, const char *text);
void desk_cell_number(struct desk_table *t, int64_t number);
KM_MUST_CHECK km_rc desk_table_flush(struct desk_table *t, FILE *f);

/* How many columns of a terminal text takes. */
unsigned desk_width(const char *text);

/* JSON. key is NULL inside an array and at the top. */
struct desk_json {
	FILE *f;
	bool comma; /* something stands before in this object or array */
};

void json_string(struct desk_json *j, const char *key, const char *value);
void json_number(struct desk_json *j, const char *key, int64_t number);
void json_bool(struct desk_json *j, const char *key, bool value);
void json_null(struct desk_json *j, const char *key);
void json_hex(struct desk_json *j, const char *key, const uint8_t *bytes, size_t len);
void json_time(struct desk_json *j, const char *key, int64_t seconds); /* 0: null */
void json_day(struct desk_json *j, const char *key, int64_t day);      /* KM_DAY_NONE: null */
void json_open(struct desk_json *j, const char *key, char bracket);    /* '{' or '[' */
void json_close(struct desk_json *j, char bracket);
/* "result" and the number that DONE gives: of what was made, or of the request that waits. */
void json_result(struct desk_json *j, km_rc rc, uint64_t id);
/* Begins a line of its own for the next value of an array. */
void json_line(struct desk_json *j);

/* ISO 8601 in local time, with the zone; and the short form for tables. "" for 0. */
const char *desk_time(int64_t seconds, char out[DESK_TIME]);
const char *desk_time_short(int64_t seconds, char out[DESK_TIME]);

#endif
