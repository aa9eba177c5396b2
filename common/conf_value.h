/* Rows of conf.def and their values as text; for conf.c and conf_value.c. */
#ifndef KENMON_COMMON_CONF_VALUE_H
#define KENMON_COMMON_CONF_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include <kenmon/conf.h>

enum km_conf_kind {
	NUMBER,
	STEPS,
	NAMES,
	LANG,
	ZONE,
	BOOL,
	TEXT,
	COUNTRY,
	PREFIXES,
	BARRED,
	KEY,
	WORD
};

struct km_conf_row {
	const char *section, *key;
	enum km_conf_kind kind;
	size_t offset; /* in struct km_conf */
	const char *fallback;
	unsigned least, most;
	const char *unit;
};

enum {
	KM_CONF_ROWS = 0
#define KM_CONF(section, key, kind, field, fallback, least, most, unit, what) +1
#include <kenmon/conf.def>
#undef KM_CONF
};

extern const struct km_conf_row km_conf_rows[KM_CONF_ROWS];

#define KM_CONF_VALUE (KM_CONF_NAMES * (KM_CONF_TEXT + 1)) /* the longest value as text */

/* Where a row of [login] lies in the settings of one service; NULL for other rows. */
void *km_conf_in_login(const struct km_conf_row *row, struct km_conf_login *login);

/* Whether a PAM service can have this name; if not, why. */
bool km_conf_name_fits(const char *name, struct km_why *why);

/* Reads a value into its member. False: the member is untouched and why says what to write. */
bool km_conf_value_set(const struct km_conf_row *row, const char *value, void *member,
		       struct km_why *why);

/* Copies a member from one struct to another. */
void km_conf_value_copy(const struct km_conf_row *row, void *to, const void *from);

void km_conf_value_print(const struct km_conf_row *row, const void *member,
			 char out[KM_CONF_VALUE]);

#endif
