/* What reports share. */
#include <inttypes.h>
#include <time.h>

#include <kenmon/clock.h>
#include <kenmon/factor.h>

#include "report.h"

#define DAYS_MOST 36500

km_rc report_days(struct desk *d, const struct desk_args *args, const char *option, int64_t *days)
{
	char name[32];
	uint64_t n = 0;
	km_rc rc;

	snprintf(name, sizeof(name), "--%s", option);
	rc = desk_number(d, name, desk_arg(args, option), 0, DAYS_MOST, &n);
	*days = (int64_t)n;
	return rc;
}

static km_rc parse_format(struct desk *d, const struct desk_args *args, enum sheet_format *out)
{
	const char *word = desk_arg(args, "format");

	*out = d->json ? SHEET_JSON : SHEET_TEXT;
	if (!word || sheet_format_parse(word, out))
		return KM_OK;
	return desk_because(d, KM_EUSAGE, DESK_CHOICE_WRONG, "--format", "text, csv, json, html");
}

km_rc report_open(struct report *r, struct desk *d, const struct desk_args *args, const char *name,
		  enum desk_text title, const struct sheet_column *columns, unsigned count)
{
	const char *path = desk_arg(args, "output");
	char text[DESK_TIME];
	km_rc rc;

	*r = (struct report){
		.d = d,
		.sheet = { .f = d->out, .lang = d->lang, .columns = columns, .count = count },
		.now = time(NULL),
	};
	rc = parse_format(d, args, &r->sheet.format);
	if (rc == KM_OK)
		rc = km_day_at(r->now, &r->today);
	if (rc == KM_OK && d->line < 0)
		rc = desk_open(d);
	if (rc == KM_OK && path)
		rc = new_file_open(d, path, &r->file);
	if (rc != KM_OK)
		return rc;
	if (path)
		r->sheet.f = r->file.f;
	d->half_written = !path;
	sheet_begin(&r->sheet, name, title);
	sheet_note(&r->sheet, "made", DESK_NOTE_MADE, desk_time(r->now, text));
	return KM_OK;
}

void report_note_number(struct report *r, const char *key, enum desk_text title, int64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, number);
	sheet_note(&r->sheet, key, title, text);
}

static void say_written(struct report *r)
{
	struct desk_json j = { .f = r->d->out };
	char rows[24];

	if (!r->d->json) {
		snprintf(rows, sizeof(rows), "%" PRIu64, r->sheet.rows);
		desk_note(r->d, DESK_REPORT_WRITTEN, r->file.path, rows);
		return;
	}
	json_open(&j, NULL, '{');
	json_string(&j, "result", "done");
	json_string(&j, "output", r->file.path);
	json_number(&j, "rows", (int64_t)r->sheet.rows);
	json_close(&j, '}');
	fputc('\n', r->d->out);
}

int report_close(struct report *r, km_rc rc)
{
	if (rc == KM_OK)
		rc = sheet_end(&r->sheet);
	else
		sheet_free(&r->sheet);
	if (r->file.path)
		rc = new_file_close(r->d, &r->file, rc);
	if (rc != KM_OK)
		return desk_fail(r->d, rc);
	if (r->file.path)
		say_written(r);
	return 0;
}

/* --- the operators ---------------------------------------------------------- */

struct each {
	struct report *r;
	km_rc (*see)(struct report *r, void *arg, const struct msg_operator_row *row);
	void *arg;
};

static km_rc take_row(struct desk *d, void *arg, const struct km_msg *m)
{
	struct each *e = arg;

	(void)d;
	return e->see(e->r, e->arg, &m->operator_row);
}

km_rc report_each_operator(struct report *r,
			   km_rc (*see)(struct report *r, void *arg,
					const struct msg_operator_row *row),
			   void *arg)
{
	struct each e = { .r = r, .see = see, .arg = arg };
	struct desk_pages p = { .ask = desk_ask_operators,
				.place = desk_operator_place,
				.take = take_row,
				.arg = &e,
				.f = r->sheet.f };

	return desk_pages(r->d, &p);
}

/* --- words -------------------------------------------------------------------- */

const char *report_role(unsigned role, enum km_lang lang)
{
	static const enum desk_text texts[] = { DESK_ROLE_OPERATOR, DESK_ROLE_REGISTRAR,
						DESK_ROLE_APPROVER, DESK_ROLE_AUDITOR,
						DESK_ROLE_OFFICER };

	return role <= KM_ROLE_OFFICER ? desk_text(texts[role], lang) : "?";
}

const char *report_state(unsigned state, enum km_lang lang)
{
	static const enum desk_text texts[] = { DESK_STATE_ACTIVE, DESK_STATE_SUSPENDED,
						DESK_STATE_ERASING };

	return state >= KM_ACTIVE && state <= KM_ERASING ? desk_text(texts[state - 1], lang) : "?";
}
