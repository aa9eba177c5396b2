/*
 * The command line: tables of commands and options, and its parser. The tables
 * are in commands.c; usage, help, completion and kenmon(1) come from them or
 * are checked against them.
 */
#ifndef KENMON_DESK_ARGS_H
#define KENMON_DESK_ARGS_H

#include <stdint.h>

#include "desk.h"

#define DESK_OPTIONS_MAX  16 /* of one command; the longest table has 10 */
#define DESK_OPERANDS_MAX 2

struct desk_option {
	const char *name;     /* without the two dashes */
	const char *argument; /* NULL: a flag */
	bool required;
	const char *fallback; /* NULL: none */
	const char *help, *help_ja;
};

struct desk_args;

struct desk_command {
	const char *group; /* "operator"; NULL: the command is one word */
	const char *name;
	const char *operands; /* "LOGIN ID", all of them required but "[SUBJECT]"; "" for none */
	const char *help, *help_ja;
	const struct desk_option *options; /* ends with a NULL name; NULL: none */
	int (*run)(struct desk *d, const struct desk_args *args);
};

extern const struct desk_command desk_commands[]; /* ends with a NULL name */
extern const struct desk_option desk_globals[];

struct desk_args {
	const struct desk_command *command; /* NULL: only with group, help, version, completion */
	const char *group;
	const char *value[DESK_OPTIONS_MAX]; /* by the place in command->options; a flag is "" */
	const char *operand[DESK_OPERANDS_MAX];
	unsigned operands;
	bool help, version;
	const char *completion, *daemon_user;
};

/* KM_EUSAGE, with the reason in d. Global options go into d and args. */
KM_MUST_CHECK km_rc desk_parse(struct desk *d, int argc, char **argv, struct desk_args *args);

/* The value of an option: what was given, its default, or NULL; "" for a flag that was given. */
const char *desk_arg(const struct desk_args *args, const char *name);

/* Was it given, and is not its default? */
bool desk_given(const struct desk_args *args, const char *name);

/* A whole number in [least, most]; KM_EUSAGE names what (an option or operand). */
KM_MUST_CHECK km_rc desk_number(struct desk *d, const char *what, const char *text, uint64_t least,
				uint64_t most, uint64_t *out);

/* A day as people write it (day_era.h). KM_EUSAGE names what (an option); *day is set only on
 * KM_OK. */
KM_MUST_CHECK km_rc desk_day_of(struct desk *d, const char *what, const char *text, int64_t *day);
/* That of option `name`; KM_DAY_NONE when it was not given. */
KM_MUST_CHECK km_rc desk_day(struct desk *d, const struct desk_args *args, const char *name,
			     int64_t *day);

/*
 * Copies an argument into a field of a message: plain text of at most size - 1
 * bytes. NULL becomes "". KM_EUSAGE names what.
 */
KM_MUST_CHECK km_rc desk_field(struct desk *d, const char *what, const char *text,
			       bool may_be_empty, char *out, size_t size);

/* One line: "Usage: kenmon …". */
void desk_usage(FILE *f, const struct desk_args *args, enum km_lang lang);
/* The help of an option. */
const char *desk_option_help(const struct desk_option *o, enum km_lang lang);
void desk_help(FILE *f, const struct desk_args *args, enum km_lang lang);
void desk_completion_bash(FILE *f);

#endif
