/* What reports share: where one is written, and the operators it is about. */
#ifndef KENMON_DESK_REPORT_H
#define KENMON_DESK_REPORT_H

#include "commands.h"
#include "new_file.h"
#include "sheet.h"

struct report {
	struct desk *d;
	struct sheet sheet;
	struct new_file file; /* --output; path NULL: standard output */
	int64_t now;          /* wall seconds, one time for all of it */
	int64_t today;
};

/* The value of an option that counts days. */
KM_MUST_CHECK km_rc report_days(struct desk *d, const struct desk_args *args, const char *option,
				int64_t *days);

/*
 * Reads --format and --output, opens the line, makes the file, begins the sheet and notes when.
 * On any error there is no file.
 */
KM_MUST_CHECK km_rc report_open(struct report *r, struct desk *d, const struct desk_args *args,
				const char *name, enum desk_text title,
				const struct sheet_column *columns, unsigned count);
/* A note that is a number. */
void report_note_number(struct report *r, const char *key, enum desk_text title, int64_t number);
/*
 * The end of a report that was opened: with rc KM_OK the sheet is ended, and the file is on the
 * disk before it is said to be there; else there is none. The exit code.
 */
int report_close(struct report *r, km_rc rc);

/* Calls see for each operator, page by page. */
KM_MUST_CHECK km_rc report_each_operator(struct report *r,
					 km_rc (*see)(struct report *r, void *arg,
						      const struct msg_operator_row *row),
					 void *arg);

/* Words of roles and states for people. */
const char *report_role(unsigned role, enum km_lang lang);
const char *report_state(unsigned state, enum km_lang lang);

#endif
