/* What reports share. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

/* A new file, never one that is there, nor through a link. */
static km_rc make_file(struct desk *d, const char *path, FILE **out)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 && errno == EEXIST)
		return desk_because(d, KM_EEXIST, DESK_OUTPUT_EXISTS, path, NULL);
	if (fd >= 0)
		*out = fdopen(fd, "w");
	if (fd >= 0 && *out)
		return KM_OK;
	desk_because(d, KM_EINVAL, DESK_OUTPUT_OPEN, path, strerror(errno));
	if (fd >= 0) {
		close(fd);
		unlink(path);
	}
	return KM_EINVAL;
}

km_rc report_open(struct report *r, struct desk *d, const struct desk_args *args, const char *name,
		  enum desk_text title, const struct sheet_column *columns, unsigned count)
{
	char text[DESK_TIME];
	km_rc rc;

	*r = (struct report){
		.d = d,
		.sheet = { .f = d->out, .lang = d->lang, .columns = columns, .count = count },
		.path = desk_arg(args, "output"),
		.now = time(NULL),
	};
	rc = parse_format(d, args, &r->sheet.format);
	if (rc == KM_OK)
		rc = km_day_at(r->now, &r->today);
	if (rc == KM_OK && d->line < 0)
		rc = desk_open(d);
	if (rc == KM_OK && r->path)
		rc = make_file(d, r->path, &r->sheet.f);
	if (rc != KM_OK)
		return rc;
	d->half_written = !r->path;
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

/* On the disk and closed, or gone. */
static km_rc close_file(struct report *r, km_rc rc)
{
	FILE *f = r->sheet.f;
	bool good;
	int error;

	errno = EIO; /* of a write that failed before */
	good = fflush(f) == 0 && !ferror(f) && fsync(fileno(f)) == 0;
	error = errno;
	if (fclose(f) != 0 && good) {
		good = false;
		error = errno;
	}
	if (rc == KM_OK && !good)
		rc = desk_because(r->d, KM_EINVAL, DESK_OUTPUT_OPEN, r->path, strerror(error));
	if (rc != KM_OK)
		unlink(r->path);
	return rc;
}

static void say_written(struct report *r)
{
	struct desk_json j = { .f = r->d->out };
	char rows[24];

	if (!r->d->json) {
		snprintf(rows, sizeof(rows), "%" PRIu64, r->sheet.rows);
		desk_note(r->d, DESK_REPORT_WRITTEN, r->path, rows);
		return;
	}
	json_open(&j, NULL, '{');
	json_string(&j, "result", "done");
	json_string(&j, "output", r->path);
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
	if (r->path)
		rc = close_file(r, rc);
	if (rc != KM_OK)
		return desk_fail(r->d, rc);
	if (r->path)
		say_written(r);
	return 0;
}

/* --- the operators ---------------------------------------------------------- */

struct pages {
	struct report *r;
	km_rc (*see)(struct report *r, void *arg, const struct msg_operator_row *row);
	void *arg;
	uint64_t last; /* cursor of the last row */
	unsigned rows; /* of this page */
};

static km_rc take_row(struct desk *d, void *arg, const struct km_msg *m)
{
	struct pages *p = arg;

	(void)d;
	/* Cursors grow, so a listing ends and no row comes twice. */
	if (m->number != KM_MSG_OPERATOR_ROW || m->operator_row.cursor <= p->last)
		return KM_EPROTO;
	p->last = m->operator_row.cursor;
	p->rows++;
	return p->see(p->r, p->arg, &m->operator_row);
}

km_rc report_each_operator(struct report *r,
			   km_rc (*see)(struct report *r, void *arg,
					const struct msg_operator_row *row),
			   void *arg)
{
	struct pages p = { .r = r, .see = see, .arg = arg };
	km_rc rc = KM_OK;

	do {
		struct km_msg m = { .number = KM_MSG_OPERATOR_LIST };
		struct desk_operation o = { .request = &m, .arg = &p, .row = take_row };

		m.operator_list.after = p.last;
		m.operator_list.limit = DESK_PAGE;
		p.rows = 0;
		rc = desk_operate(r->d, &o);
		if (ferror(r->sheet.f))
			break; /* nobody reads on */
	} while (rc == KM_OK && p.rows > 0);
	return rc;
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
