/* Reading the command line by the tables. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <kenmon/factor.h>
#include <kenmon/log.h>

#include "args.h"
#include "day_era.h"

static const struct desk_option *find_option(const struct desk_option *table, const char *name,
					     size_t len)
{
	for (; table && table->name; table++) {
		if (strlen(table->name) == len && memcmp(table->name, name, len) == 0)
			return table;
	}
	return NULL;
}

static void take_global(struct desk *d, struct desk_args *args, const char *name, const char *value)
{
	if (strcmp(name, "socket") == 0)
		d->socket = value;
	else if (strcmp(name, "daemon-user") == 0)
		args->daemon_user = value;
	else if (strcmp(name, "as") == 0)
		d->as = value;
	else if (strcmp(name, "json") == 0)
		d->json = true;
	else if (strcmp(name, "version") == 0)
		args->version = true;
	else if (strcmp(name, "completion") == 0)
		args->completion = value;
	else
		args->help = true;
}

/* One option at argv[*i]; moves *i over its value when that is a word of its own. */
static km_rc take_option(struct desk *d, int argc, char **argv, int *i, struct desk_args *args)
{
	const char *word = argv[*i] + 2, *equals = strchr(word, '='), *value = "";
	size_t len = equals ? (size_t)(equals - word) : strlen(word);
	const struct desk_option *own = args->command ? args->command->options : NULL;
	const struct desk_option *o = find_option(own, word, len);
	bool global = !o;

	if (global)
		o = find_option(desk_globals, word, len);
	if (!o)
		return desk_because(d, KM_EUSAGE, DESK_OPTION_UNKNOWN, argv[*i], NULL);
	if (!o->argument && equals)
		return desk_because(d, KM_EUSAGE, DESK_OPTION_TAKES_NONE, o->name, NULL);
	if (o->argument && equals)
		value = equals + 1;
	else if (o->argument) {
		/* "--name --json" is a forgotten value, not a name; "--name=--json" says so. */
		if (*i + 1 >= argc || strncmp(argv[*i + 1], "--", 2) == 0)
			return desk_because(d, KM_EUSAGE, DESK_OPTION_NEEDS, o->name, o->argument);
		value = argv[++*i];
	}
	if (global) {
		take_global(d, args, o->name, value);
		return KM_OK;
	}
	if (args->value[o - own])
		return desk_because(d, KM_EUSAGE, DESK_OPTION_TWICE, o->name, NULL);
	args->value[o - own] = value;
	return KM_OK;
}

/* "totp, hotp, recovery-codes": what can stand behind the group's name. */
static const char *words_of(const char *group, char *out, size_t cap)
{
	size_t at = 0;

	out[0] = '\0';
	for (const struct desk_command *c = desk_commands; c->name; c++) {
		if (c->group && strcmp(c->group, group) == 0 && at < cap)
			at += (size_t)snprintf(out + at, cap - at, "%s%s", at ? ", " : "", c->name);
	}
	return out;
}

/* "approve 1" means "approval approve", and "operator erase" means "erase". */
static km_rc unknown_command(struct desk *d, const char *group, const char *word)
{
	const struct desk_command *meant = NULL;
	char said[128], name[64], words[256];
	unsigned found = 0;

	snprintf(said, sizeof(said), "%s%s%.64s", group ? group : "", group ? " " : "", word);
	for (const struct desk_command *c = desk_commands; c->name; c++) {
		if (strcmp(c->name, word) == 0 && !(group && c->group)) {
			meant = c;
			found++;
		}
	}
	if (found == 1) {
		snprintf(name, sizeof(name), "%s%s%s", meant->group ? meant->group : "",
			 meant->group ? " " : "", meant->name);
		return desk_because(d, KM_EUSAGE, DESK_COMMAND_MEANT, said, name);
	}
	if (!group)
		return desk_because(d, KM_EUSAGE, DESK_COMMAND_UNKNOWN, said, NULL);
	return desk_because(d, KM_EUSAGE, DESK_SUBCOMMAND_UNKNOWN, said,
			    words_of(group, words, sizeof(words)));
}

static km_rc take_command(struct desk *d, const char *word, struct desk_args *args)
{
	const struct desk_command *c;

	for (c = desk_commands; c->name; c++) {
		if (args->group ? c->group && strcmp(c->group, args->group) == 0 &&
				      strcmp(c->name, word) == 0
				: !c->group && strcmp(c->name, word) == 0) {
			args->command = c;
			return KM_OK;
		}
	}
	for (c = desk_commands; !args->group && c->name; c++) {
		if (c->group && strcmp(c->group, word) == 0) {
			args->group = c->group;
			return KM_OK;
		}
	}
	return unknown_command(d, args->group, word);
}

static unsigned words_in(const char *text)
{
	unsigned n = *text != '\0';

	for (; *text; text++)
		n += *text == ' ';
	return n;
}

/* Those that may be left out stand last. */
static unsigned words_required(const char *text)
{
	unsigned n = words_in(text);

	for (; *text; text++)
		n -= *text == '[';
	return n;
}

static km_rc check_complete(struct desk *d, const struct desk_args *args)
{
	const struct desk_option *o;
	const struct desk_command *c = args->command;
	char words[256];

	if (args->help || args->version || args->completion)
		return KM_OK;
	if (!c)
		return args->group
			   ? desk_because(d, KM_EUSAGE, DESK_SUBCOMMAND_MISSING, args->group,
					  words_of(args->group, words, sizeof(words)))
			   : desk_because(d, KM_EUSAGE, DESK_COMMAND_MISSING, NULL, NULL);
	if (args->operands < words_required(c->operands))
		return desk_because(d, KM_EUSAGE, DESK_OPERAND_MISSING, c->operands, NULL);
	for (o = c->options; o && o->name; o++) {
		if (o->required && !args->value[o - c->options])
			return desk_because(d, KM_EUSAGE, DESK_OPTION_MISSING, o->name,
					    desk_option_help(o, d->lang));
	}
	return KM_OK;
}

/* A group whose "show" takes no operand is shown by its name alone: "kenmon me". */
static const struct desk_command *shown_alone(const char *group)
{
	const struct desk_command *c;

	for (c = desk_commands; c->name; c++) {
		if (c->group && strcmp(c->group, group) == 0 && strcmp(c->name, "show") == 0 &&
		    !*c->operands)
			return c;
	}
	return NULL;
}

km_rc desk_parse(struct desk *d, int argc, char **argv, struct desk_args *args)
{
	bool options = true;
	int i;

	/* First of all: what is wrong is then said as the caller can read it. */
	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		d->json |= strcmp(argv[i], "--json") == 0;
	for (i = 1; i < argc; i++) {
		const char *word = argv[i];
		km_rc rc = KM_OK;

		if (options && strcmp(word, "--") == 0)
			options = false;
		else if (options && strncmp(word, "--", 2) == 0)
			rc = take_option(d, argc, argv, &i, args);
		else if (options && strcmp(word, "-h") == 0)
			args->help = true;
		else if (options && word[0] == '-' && word[1])
			rc = desk_because(d, KM_EUSAGE, DESK_OPTION_UNKNOWN, word, NULL);
		else if (!args->command)
			rc = take_command(d, word, args);
		else if (args->operands < words_in(args->command->operands))
			args->operand[args->operands++] = word;
		else
			rc = desk_because(d, KM_EUSAGE, DESK_OPERAND_EXTRA, word, NULL);
		if (rc != KM_OK)
			return rc;
	}
	if (!args->command && args->group && !args->help)
		args->command = shown_alone(args->group);
	return check_complete(d, args);
}

const char *desk_arg(const struct desk_args *args, const char *name)
{
	const struct desk_option *own = args->command->options;
	const struct desk_option *o = find_option(own, name, strlen(name));

	if (!o)
		return NULL;
	return args->value[o - own] ? args->value[o - own] : o->fallback;
}

bool desk_given(const struct desk_args *args, const char *name)
{
	const struct desk_option *own = args->command->options;
	const struct desk_option *o = find_option(own, name, strlen(name));

	return o && args->value[o - own];
}

km_rc desk_number(struct desk *d, const char *what, const char *text, uint64_t least, uint64_t most,
		  uint64_t *out)
{
	char range[64], *end = NULL;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	/* strtoull takes "-1", " 7" and "+7"; a number begins with a digit here. */
	if (text[0] < '0' || text[0] > '9' || *end || errno || n < least || n > most) {
		bool open = most >= INT64_MAX; /* nobody is helped by such a number */

		snprintf(range, sizeof(range), open ? "%llu" : "%llu … %llu",
			 (unsigned long long)least, (unsigned long long)most);
		return desk_because(d, KM_EUSAGE, open ? DESK_NUMBER_LEAST : DESK_NUMBER_WRONG,
				    what, range);
	}
	*out = n;
	return KM_OK;
}

km_rc desk_day_of(struct desk *d, const char *what, const char *text, int64_t *day)
{
	static const enum desk_text says[] = {
		[DAY_UNREADABLE] = DESK_DATE_WRONG,
		[DAY_NO_SUCH] = DESK_DATE_NO_SUCH,
		[DAY_OUTSIDE_ERA] = DESK_DATE_ERA,
	};
	enum day_fault fault = day_era_parse(text, day);

	return fault == DAY_GOOD ? KM_OK : desk_because(d, KM_EUSAGE, says[fault], what, text);
}

km_rc desk_day(struct desk *d, const struct desk_args *args, const char *name, int64_t *day)
{
	const char *text = desk_arg(args, name);
	char option[32];

	*day = KM_DAY_NONE;
	if (!text)
		return KM_OK;
	snprintf(option, sizeof(option), "--%s", name);
	return desk_day_of(d, option, text, day);
}

km_rc desk_field(struct desk *d, const char *what, const char *text, bool may_be_empty, char *out,
		 size_t size)
{
	size_t len = text ? strlen(text) : 0;
	char limit[32];

	if (len >= size) {
		snprintf(limit, sizeof(limit), "%zu", size - 1);
		return desk_because(d, KM_EUSAGE, DESK_TEXT_LONG, what, limit);
	}
	if (len == 0 && !may_be_empty)
		return desk_because(d, KM_EUSAGE, DESK_TEXT_EMPTY, what, NULL);
	if (len && !km_text_is_plain(text, len))
		return desk_because(d, KM_EUSAGE, DESK_TEXT_PLAIN, what, NULL);
	if (len)
		memcpy(out, text, len);
	out[len] = '\0';
	return KM_OK;
}
