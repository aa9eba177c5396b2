/* Usage, help and completion, from the tables. */
#include <string.h>

#include <kenmon/finger.h>

#include "args.h"
#include "out.h"

static void name_of(FILE *f, const struct desk_command *c)
{
	fprintf(f, "%s%s%s", c->group ? c->group : "", c->group ? " " : "", c->name);
}

static unsigned name_width(const struct desk_command *c)
{
	return (unsigned)((c->group ? strlen(c->group) + 1 : 0) + strlen(c->name));
}

const char *desk_option_help(const struct desk_option *o, enum km_lang lang)
{
	return lang == KM_LANG_JA ? o->help_ja : o->help;
}

void desk_usage(FILE *f, const struct desk_args *args, enum km_lang lang)
{
	const struct desk_command *c = args->command;
	const struct desk_option *o;

	fprintf(f, "%s kenmon ", desk_text(DESK_HELP_USAGE, lang));
	if (!c) {
		fprintf(f, "%s%sCOMMAND …\n", args->group ? args->group : "",
			args->group ? " " : "");
		return;
	}
	name_of(f, c);
	if (*c->operands)
		fprintf(f, " %s", c->operands);
	for (o = c->options; o && o->name; o++)
		fprintf(f,
			o->required   ? " --%s %s"
			: o->argument ? " [--%s %s]"
				      : " [--%s]",
			o->name, o->argument);
	fputc('\n', f);
}

static void write_options(FILE *f, const struct desk_option *o, enum km_lang lang)
{
	char text[128];

	for (; o && o->name; o++) {
		int width = fprintf(f, "  --%s%s%s", o->name, o->argument ? " " : "",
				    o->argument ? o->argument : "");

		fprintf(f, "%*s%s", width < 26 ? 26 - width : 1, "", desk_option_help(o, lang));
		if (o->fallback)
			fprintf(f, " (%s)",
				desk_expand(DESK_HELP_DEFAULT, lang, o->fallback, NULL, text,
					    sizeof(text)));
		if (o->required)
			fprintf(f, " (%s)", desk_text(DESK_HELP_REQUIRED, lang));
		fputc('\n', f);
	}
}

static void write_commands(FILE *f, const char *group, enum km_lang lang)
{
	const struct desk_command *c;

	for (c = desk_commands; c->name; c++) {
		if (group && (!c->group || strcmp(c->group, group) != 0))
			continue;
		fputs("  ", f);
		name_of(f, c);
		fprintf(f, "%*s%s\n", 24 - (int)name_width(c), "",
			lang == KM_LANG_JA ? c->help_ja : c->help);
	}
}

void desk_help(FILE *f, const struct desk_args *args, enum km_lang lang)
{
	const struct desk_command *c = args->command;

	desk_usage(f, args, lang);
	if (c) {
		fprintf(f, "\n%s\n", lang == KM_LANG_JA ? c->help_ja : c->help);
		if (c->options)
			fprintf(f, "\n%s\n", desk_text(DESK_HELP_OPTIONS, lang));
		write_options(f, c->options, lang);
	} else {
		if (!args->group)
			fprintf(f, "\n%s\n", desk_text(DESK_HELP_ABOUT, lang));
		fprintf(f, "\n%s\n", desk_text(DESK_HELP_COMMANDS, lang));
		write_commands(f, args->group, lang);
	}
	fprintf(f, "\n%s\n", desk_text(DESK_HELP_EVERYWHERE, lang));
	write_options(f, desk_globals, lang);
	if (!c && !args->group)
		fprintf(f, "\n%s\n", desk_text(DESK_HELP_EXIT, lang));
}

/* --- completion ----------------------------------------------------------- */

/* The words that may follow a group, or (NULL) the program. */
static void write_words(FILE *f, const char *group)
{
	const struct desk_command *c, *before;

	for (c = desk_commands; c->name; c++) {
		const char *word = group || !c->group ? c->name : c->group;

		if (group && (!c->group || strcmp(c->group, group) != 0))
			continue;
		for (before = desk_commands; before != c; before++) {
			if (!group && before->group && strcmp(before->group, word) == 0)
				break;
		}
		if (before == c)
			fprintf(f, "%s ", word);
	}
}

static void write_fingers(FILE *f)
{
	static const char *const fingers[] = {
#define KM_FINGER(NAME, number, word, en, ja) word,
#include <kenmon/finger.def>
#undef KM_FINGER
	};

	for (size_t i = 0; i < sizeof(fingers) / sizeof(fingers[0]); i++)
		fprintf(f, "%s ", fingers[i]);
}

static void write_names(FILE *f, const struct desk_option *o)
{
	for (; o && o->name; o++)
		fprintf(f, "--%s ", o->name);
}

void desk_completion_bash(FILE *f)
{
	const struct desk_command *c;
	const char *group = NULL;

	fputs("# bash completion for kenmon; made by: kenmon --completion bash\n"
	      "_kenmon()\n"
	      "{\n"
	      "\tlocal word=${COMP_WORDS[COMP_CWORD]} words= options=\n"
	      "\tcase \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n",
	      f);
	for (c = desk_commands; c->name; c++) {
		fprintf(f, "\t\"%s%s%s%s) options=\"", c->group ? c->group : c->name,
			c->group ? " " : "", c->group ? c->name : "", c->group ? "\"" : " \"*");
		write_names(f, c->options);
		fputs("\" ;;\n", f);
	}
	fputs("\tesac\n\tcase $COMP_CWORD,${COMP_WORDS[1]} in\n\t1,*) words=\"", f);
	write_words(f, NULL);
	fputs("\" ;;\n", f);
	for (c = desk_commands; c->name; c++) {
		if (!c->group || (group && strcmp(c->group, group) == 0))
			continue;
		group = c->group;
		fprintf(f, "\t2,%s) words=\"", group);
		write_words(f, group);
		fputs("\" ;;\n", f);
	}
	fputs(
	    "\t2,accept) words=\"clock machine rollback\" ;;\n"
	    "\tesac\n"
	    "\tcase ${COMP_WORDS[COMP_CWORD-1]} in\n"
	    "\t--socket|--config|--secret-file|--output)\n"
	    "\t\tCOMPREPLY=($(compgen -f -- \"$word\")); return ;;\n"
	    "\t--format) COMPREPLY=($(compgen -W \"text csv json html\" -- \"$word\")); return ;;\n"
	    "\t--finger) COMPREPLY=($(compgen -W \"",
	    f);
	write_fingers(f);
	fputs("\" -- \"$word\")); return ;;\n"
	      "\tesac\n"
	      "\tCOMPREPLY=($(compgen -W \"$words $options ",
	      f);
	write_names(f, desk_globals);
	fputs("\" -- \"$word\"))\n}\ncomplete -F _kenmon kenmon\n", f);
}
