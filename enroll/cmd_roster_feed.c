/*
 * kenmon roster check, apply. (kenmon operator list, show are in cmd_roster.c.)
 * The file is read and checked here; who of it is to come, change or go is
 * decided by the vault.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <kenmon/clock.h>
#include <kenmon/log.h>

#include "day_era.h"
#include "roster_drop.h"
#include "roster_send.h"

#define SHOWN 100 /* rows of the list that a person reads; --json has all */

struct job {
	struct km_conf conf;
	uint32_t rows;
	bool made_given;
	struct roster_order order;
};

/* --- what is wrong with the file ---------------------------------------------------- */

static const char *what(const struct roster_problem *p, enum km_lang lang, char out[DESK_WHY])
{
	return desk_expand((enum desk_text)p->text, lang, p->a, p->b, out, DESK_WHY);
}

static void show_problem(struct desk *d, const struct roster_problem *p)
{
	char where[128] = "", text[DESK_WHY], line[16];

	snprintf(line, sizeof(line), "%" PRIu32, p->line);
	if (p->line && p->column < ROSTER_COLUMNS)
		desk_expand(DESK_ROSTER_AT_CELL, d->lang, line, sheet_column_word(p->column), where,
			    sizeof(where));
	else if (p->line)
		desk_expand(DESK_ROSTER_AT_LINE, d->lang, line, NULL, where, sizeof(where));
	fprintf(d->err, "%s%s\n", where, what(p, d->lang, text));
}

static void problem_json(struct desk *d, struct desk_json *j, const struct roster_problem *p)
{
	char text[DESK_WHY];

	json_line(j);
	json_open(j, NULL, '{');
	json_number(j, "line", p->line);
	json_string(j, "column", sheet_column_word(p->column));
	json_string(j, "text", what(p, d->lang, text));
	json_close(j, '}');
}

/* Every fault that was found; the exit code. */
static int fail_faults(struct desk *d, const struct roster *r, const char *name)
{
	struct desk_json j = { .f = d->out };
	char count[24], text[DESK_WHY];

	snprintf(count, sizeof(count), "%zu", r->problems + r->problems_more);
	desk_expand(DESK_ROSTER_FAULTS, d->lang, count, name, text, sizeof(text));
	fflush(d->out);
	if (!d->json) {
		for (size_t i = 0; i < r->problems; i++)
			show_problem(d, &r->problem[i]);
		fprintf(d->err, "kenmon: %s\n", text);
		return km_rc_exit_code(KM_EINVAL);
	}
	json_open(&j, NULL, '{');
	json_string(&j, "error", km_rc_name(KM_EINVAL));
	json_string(&j, "message", text);
	json_open(&j, "faults", '[');
	for (size_t i = 0; i < r->problems; i++)
		problem_json(d, &j, &r->problem[i]);
	json_close(&j, ']');
	json_close(&j, '}');
	fputc('\n', d->out);
	return km_rc_exit_code(KM_EINVAL);
}

/* --- what the vault says --------------------------------------------------------------- */

static const struct {
	const char *key;
	enum desk_text label;
	size_t at;
} counts[] = {
#define COUNT(key, LABEL)                                                                          \
	{                                                                                          \
#key, DESK_ROSTER_##LABEL, offsetof(struct msg_roster_sum, key)                    \
	}
	COUNT(joined, JOINED),   COUNT(changed, CHANGED), COUNT(left, LEFT),
	COUNT(missing, MISSING), COUNT(rehired, REHIRED), COUNT(same, SAME),
	COUNT(barred, BARRED),   COUNT(wrong, WRONG),
#undef COUNT
};
#define COUNTS (sizeof(counts) / sizeof(counts[0]))

static uint32_t count_of(const struct msg_roster_sum *sum, size_t i)
{
	uint32_t n;

	memcpy(&n, (const char *)sum + counts[i].at, sizeof(n));
	return n;
}

/* Rows of the list that say something. */
static uint64_t listed(const struct msg_roster_sum *sum)
{
	uint64_t all = 0;

	for (size_t i = 0; i < COUNTS; i++)
		all += strcmp(counts[i].key, "same") == 0 ? 0 : count_of(sum, i);
	return all;
}

static void show_sum(struct desk *d, const struct msg_roster_sum *sum)
{
	char number[16], text[256];

	for (size_t i = 0; i < COUNTS; i++) {
		if (count_of(sum, i) == 0 && sum->wrong == 0 && strcmp(counts[i].key, "wrong") == 0)
			continue;
		snprintf(number, sizeof(number), "%" PRIu32, count_of(sum, i));
		fprintf(d->out, "%s\n",
			desk_expand(counts[i].label, d->lang, number, NULL, text, sizeof(text)));
	}
	if (sum->brake)
		fprintf(d->out, "%s\n",
			desk_expand(DESK_ROSTER_BRAKED, d->lang, km_brake_text(sum->brake, d->lang),
				    NULL, text, sizeof(text)));
}

static void sum_json(struct desk_json *j, const struct msg_roster_sum *sum)
{
	json_number(j, "feed", (int64_t)sum->feed);
	for (size_t i = 0; i < COUNTS; i++)
		json_number(j, counts[i].key, count_of(sum, i));
	if (sum->brake)
		json_string(j, "brake", km_brake_word(sum->brake));
	else
		json_null(j, "brake");
}

/* The outcome in front: {"result":"done" … or {"error":"EBRAKE" … */
static void outcome_json(struct desk_json *j, km_rc rc, const char *why,
			 const struct roster_answer *a)
{
	json_open(j, NULL, '{');
	if (rc == KM_OK || rc == KM_EFILED)
		json_result(j, rc, rc == KM_OK ? 0 : a->done.id);
	else
		json_string(j, "error", km_rc_name(rc));
	if (*why)
		json_string(j, "message", why);
	if (a->summed)
		sum_json(j, &a->sum);
}

/* What to do about it, in a sentence; with --json the numbers say it. */
static void advise(struct desk *d, km_rc rc, const struct job *job, const struct roster_answer *a)
{
	char number[24];

	if (rc == KM_EFILED && a->summed) {
		snprintf(number, sizeof(number), "%" PRIu64, a->sum.feed);
		desk_note(d, DESK_ROSTER_FILED, number, NULL);
	} else if (rc == KM_EBRAKE && a->summed) {
		snprintf(number, sizeof(number), "%" PRIu64,
			 (uint64_t)a->sum.left + a->sum.missing);
		desk_note(d, DESK_ROSTER_ACCEPT, number, NULL);
	} else if (rc == KM_OK && (a->summed || !a->done.text[0])) /* that says how it ended */
		desk_note(d, job->order.apply ? DESK_ROSTER_APPLIED : DESK_ROSTER_CHECKED, NULL,
			  NULL);
}

/* One that was taken, or waits for approval, is no more its line's. */
static bool is_line_s(km_rc rc, const struct job *job)
{
	return !job->order.apply || (rc != KM_OK && rc != KM_EFILED);
}

/* The summary, the list, and how it ended. */
static int report(struct desk *d, km_rc rc, const struct job *job, const struct roster_answer *a)
{
	struct desk_json j = { .f = d->out };
	char why[DESK_WHY], said[sizeof(a->done.text)];
	km_rc listing = KM_OK;

	snprintf(why, sizeof(why), "%s",
		 rc == KM_OK ? desk_reason(a->done.text, d->lang, said, sizeof(said))
		 : d->why[0] ? d->why
			     : km_rc_text(rc, d->lang));
	if (!a->summed && rc != KM_OK && rc != KM_EFILED)
		return desk_fail(d, rc);
	if (d->json) {
		outcome_json(&j, rc, why, a);
		d->half_written = true;
	} else if (a->summed)
		show_sum(d, &a->sum);
	if (a->summed && listed(&a->sum))
		listing =
		    sheet_list(d, is_line_s(rc, job) ? 0 : a->sum.feed, listed(&a->sum), SHOWN, &j);
	if (listing != KM_OK && listing != KM_ESTATE) /* carried out already: the trail has it */
		return desk_fail(d, listing);
	if (d->json) {
		json_close(&j, '}');
		fputc('\n', d->out);
		return km_rc_exit_code(rc);
	}
	snprintf(d->why, sizeof(d->why), "%s", why);
	if (rc != KM_OK && rc != KM_EFILED)
		(void)desk_fail(d, rc);
	else if (*why) {
		char text[2 * DESK_WHY];

		fprintf(d->out, "%s\n", km_escape(why, text, sizeof(text)));
	}
	advise(d, rc, job, a);
	return km_rc_exit_code(rc);
}

/* --- handing in ------------------------------------------------------------------------- */

/* An open file to its end; the exit code. */
static int hand_in(struct desk *d, const struct job *job, const char *name, int fd)
{
	struct roster_order order = job->order;
	struct roster_answer answer = { 0 };
	struct roster r ROSTER;
	km_rc rc = feedfile_read(d, fd, &job->conf, job->rows, &r);

	if (rc == KM_EINVAL && r.problems)
		return fail_faults(d, &r, name);
	if (rc != KM_OK)
		return desk_fail(d, rc);
	if (r.ignored[0])
		desk_note(d, DESK_ROSTER_IGNORED, r.ignored, NULL);
	if (sheet_text_is_cp932(&r.text))
		desk_note(d, DESK_ROSTER_IS_CP932, NULL, NULL);
	if (!job->made_given)
		order.made = r.text.modified;
	rc = sheet_send(d, &r, &order, &answer);
	return report(d, rc, job, &answer);
}

static int take_dropped(struct desk *d, void *arg, const char *name, int fd, int sign)
{
	struct job job = *(const struct job *)arg;
	km_rc rc = KM_OK;

	if (sign >= 0) {
		rc = sheet_signature_read(d, sign, name, job.order.signature);
		job.order.is_signed = true;
	}
	return rc == KM_OK ? hand_in(d, &job, name, fd) : desk_fail(d, rc);
}

static km_rc open_file(struct desk *d, const char *path, int *fd)
{
	/* Not blocking: a FIFO planted at the path must not hold us before it is refused. */
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return *fd >= 0 ? KM_OK
			: desk_because(d, KM_EINVAL, DESK_ROSTER_OPEN, path, strerror(errno));
}

/* --- the command line ---------------------------------------------------------------------- */

/* "09:00" or "09:00:30", whole. */
static bool parse_clock(const char *text, struct tm *tm)
{
	const char *end = strptime(text, "%H:%M:%S", tm);

	if (!end || *end)
		end = strptime(text, "%H:%M", tm);
	return end && !*end && tm->tm_sec < 60;
}

/* A day, 'T' or a blank, and a time of day; in the zone of this machine, or of TZ. */
static bool parse_made(const char *text, int64_t *made)
{
	size_t len = strcspn(text, "T ");
	char day_text[64], iso[16];
	struct tm tm = { 0 };
	int64_t day;

	if (!text[len] || len >= sizeof(day_text))
		return false;
	memcpy(day_text, text, len);
	day_text[len] = '\0';
	if (day_era_parse(day_text, &day) != DAY_GOOD || !parse_clock(text + len + 1, &tm))
		return false;
	km_day_format(day, iso);
	if (!strptime(iso, "%Y-%m-%d", &tm))
		return false;
	tm.tm_isdst = -1;
	*made = mktime(&tm);
	return true;
}

static km_rc parse_counts(struct desk *d, const struct desk_args *args, struct job *job)
{
	const char *rows = desk_arg(args, "rows"), *accept = desk_arg(args, "accept-erasures");
	uint64_t n = 0;
	km_rc rc = KM_OK;

	if (rows)
		rc = desk_number(d, "--rows", rows, 1, ROSTER_ROWS_MAX, &n);
	job->rows = (uint32_t)n;
	job->order.erasures = -1;
	if (rc != KM_OK || !accept)
		return rc;
	rc = desk_number(d, "--accept-erasures", accept, 0, ROSTER_ROWS_MAX, &n);
	job->order.erasures = (int64_t)n;
	return rc;
}

static km_rc parse_signature(struct desk *d, const struct desk_args *args, struct job *job)
{
	const char *path = desk_arg(args, "signature");
	int fd = -1;
	km_rc rc = path ? open_file(d, path, &fd) : KM_OK;

	if (rc == KM_OK && path) {
		rc = sheet_signature_read(d, fd, path, job->order.signature);
		close(fd);
		job->order.is_signed = true;
	}
	return rc;
}

static km_rc parse_job(struct desk *d, const struct desk_args *args, struct job *job)
{
	const char *made = desk_arg(args, "made");
	km_rc rc = parse_counts(d, args, job);

	job->order.partial = desk_arg(args, "partial") != NULL;
	job->made_given = made != NULL;
	if (rc == KM_OK && made && !parse_made(made, &job->order.made))
		rc = desk_because(d, KM_EUSAGE, DESK_ROSTER_MADE, NULL, NULL);
	if (rc == KM_OK && desk_arg(args, "drop-folder") &&
	    (made || job->rows || job->order.erasures >= 0 || desk_arg(args, "signature")))
		rc = desk_because(d, KM_EUSAGE, DESK_ROSTER_DROP_ALONE, NULL, NULL);
	if (rc == KM_OK)
		rc = desk_conf(d, args, &job->conf);
	return rc == KM_OK ? parse_signature(d, args, job) : rc;
}

static int run(struct desk *d, const struct desk_args *args, bool apply)
{
	static struct job job; /* a configuration is large */
	const char *path = args->operand[0];
	int fd = -1, code;
	km_rc rc;

	memset(&job, 0, sizeof(job));
	job.order.apply = apply;
	rc = parse_job(d, args, &job);
	if (rc == KM_OK && desk_arg(args, "drop-folder"))
		return drop_all(d, path, take_dropped, &job);
	if (rc == KM_OK)
		rc = open_file(d, path, &fd);
	if (rc != KM_OK)
		return desk_fail(d, rc);
	code = hand_in(d, &job, path, fd);
	close(fd);
	return code;
}

int cmd_roster_check(struct desk *d, const struct desk_args *args)
{
	return run(d, args, false);
}

int cmd_roster_apply(struct desk *d, const struct desk_args *args)
{
	return run(d, args, true);
}

int cmd_roster_list(struct desk *d, const struct desk_args *args)
{
	struct desk_json j = { .f = d->out };
	uint64_t feed;
	km_rc rc = desk_number(d, "FEED", args->operand[0], 1, INT64_MAX, &feed);

	if (rc == KM_OK)
		rc = sheet_list(d, feed, 0, UINT64_MAX, &j);
	if (rc != KM_OK)
		return desk_fail(d, rc);
	if (d->json) {
		json_close(&j, '}');
		fputc('\n', d->out);
	}
	return 0;
}
