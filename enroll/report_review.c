/*
 * kenmon report review: whom a review of who may log in should look at. What
 * is found is kept until the end, apart by its kind, and comes in that order.
 */
#include <stdlib.h>
#include <string.h>

#include <kenmon/clock.h>
#include <kenmon/event.h>
#include <kenmon/factor.h>

#include "report.h"
#include "trail.h"

#define DAY_SECONDS 86400
#define SUBJECT     sizeof(((struct msg_audit_row *)0)->subject)

/* Factors that reach a telephone and nothing else: restricted, by NIST SP 800-63B-4. */
#define PHONE_FACTORS (KM_FACTOR_BIT(KM_FACTOR_SMS) | KM_FACTOR_BIT(KM_FACTOR_VOICE))

enum kind {
	CHANGED,
	NEVER,
	IDLE,
	EXPIRES,
	NO_FACTOR,
	OLD_FACTOR,
	ONLY_PHONE,
	BARRED,
	EXEMPT,
	CONFIRM,
	KINDS
};

static const struct {
	const char *word;
	enum desk_text text;
} kinds[KINDS] = {
	[CHANGED] = { "rights-changed", DESK_FOUND_CHANGED },
	[NEVER] = { "never-logged-in", DESK_FOUND_NEVER },
	[IDLE] = { "no-login-for-long", DESK_FOUND_IDLE },
	[EXPIRES] = { "expires", DESK_FOUND_EXPIRES },
	[NO_FACTOR] = { "no-factor", DESK_FOUND_NO_FACTOR },
	[OLD_FACTOR] = { "old-factor", DESK_FOUND_OLD_FACTOR },
	[ONLY_PHONE] = { "only-phone", DESK_FOUND_ONLY_PHONE },
	[BARRED] = { "number-not-allowed", DESK_FOUND_BARRED },
	[EXEMPT] = { "exempt", DESK_FOUND_EXEMPT },
	[CONFIRM] = { "calls-below-standard", DESK_FOUND_CONFIRM },
};

static const struct sheet_column columns[] = {
	{ "login", DESK_COL_LOGIN },     { "finding", DESK_COL_FINDING },
	{ "details", DESK_COL_DETAILS }, { "employee_number", DESK_COL_EMPLOYEE },
	{ "name", DESK_COL_NAME },       { "department", DESK_COL_DEPARTMENT },
	{ "role", DESK_COL_ROLE },       { "state", DESK_COL_STATE },
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* A row as it will come: strings behind one another, and two numbers before them. */
enum { LOGIN, DETAILS, EMPLOYEE, NAME, DEPARTMENT, STRINGS };
#define NO_STATE 0 /* not of an operator's row */

struct bin {
	char *bytes;
	size_t len, cap;
};

/* Somebody whose rights have changed: the trail knows the login alone. */
struct changed {
	const char *login; /* in the bin of what has changed */
	size_t who;        /* where their own row is in people, behind its first byte; 0: none */
};

struct review {
	struct report r;
	int64_t days, credential_days;
	bool confirm; /* calls ask for the hash key alone */
	struct bin bin[KINDS];
	struct bin people;       /* rows of whose rights have changed */
	struct changed *changed; /* by login, each once */
	size_t changes;
	struct bin erased; /* subjects of records about people who are no more */
	char signed_off[DESK_TIME], signed_by[65]; /* "" never */
	uint64_t next;                             /* record where the next look begins */
};

/* --- keeping what was found ---------------------------------------------------- */

static km_rc keep_bytes(struct bin *b, const void *bytes, size_t len)
{
	if (b->cap - b->len < len) {
		size_t cap = b->cap ? b->cap * 2 : 65536;
		char *grown = realloc(b->bytes, cap);

		if (!grown)
			return KM_ENOMEM;
		b->bytes = grown;
		b->cap = cap;
	}
	memcpy(b->bytes + b->len, bytes, len);
	b->len += len;
	return KM_OK;
}

static km_rc keep(struct bin *b, uint8_t role, uint8_t state, const char *const strings[STRINGS])
{
	const uint8_t numbers[2] = { role, state };
	km_rc rc = keep_bytes(b, numbers, sizeof(numbers));

	for (unsigned i = 0; rc == KM_OK && i < STRINGS; i++)
		rc = keep_bytes(b, strings[i], strlen(strings[i]) + 1);
	return rc;
}

static km_rc keep_operator(struct bin *b, const struct msg_operator_row *row, const char *details)
{
	const char *const strings[STRINGS] = { row->login, details, row->employee_number, row->name,
					       row->department };

	return keep(b, row->role, row->state, strings);
}

/* Somebody of whom only the login is known. */
static km_rc keep_login(struct review *v, enum kind kind, const char *login, const char *details)
{
	const char *const strings[STRINGS] = { login, details, "", "", "" };

	return keep(&v->bin[kind], 0, NO_STATE, strings);
}

struct row {
	uint8_t role, state;
	const char *string[STRINGS];
};

/* Where the next one begins. */
static const char *read_row(const char *at, struct row *out)
{
	out->role = (uint8_t)at[0];
	out->state = (uint8_t)at[1];
	at += 2;
	for (unsigned i = 0; i < STRINGS; i++, at += strlen(at) + 1)
		out->string[i] = at;
	return at;
}

static void write_row(struct sheet *s, enum kind kind, const struct row *row)
{
	sheet_string(s, row->string[LOGIN]);
	sheet_choice(s, kinds[kind].word, desk_text(kinds[kind].text, s->lang));
	for (unsigned i = DETAILS; i < STRINGS; i++)
		sheet_string(s, row->string[i]);
	sheet_choice(s, row->state ? km_role_word(row->role) : "",
		     row->state ? report_role(row->role, s->lang) : "");
	sheet_choice(s, row->state ? km_state_word(row->state) : "",
		     row->state ? report_state(row->state, s->lang) : "");
}

/* --- whose rights have changed -------------------------------------------------- */

static int by_login(const void *a, const void *b)
{
	return strcmp(((const struct changed *)a)->login, ((const struct changed *)b)->login);
}

static struct changed *changed_of(const struct review *v, const char *login)
{
	const struct changed wanted = { .login = login };

	return v->changes ? bsearch(&wanted, v->changed, v->changes, sizeof(wanted), by_login)
			  : NULL;
}

/* When the trail was read to its end: its bin moves no more. */
static km_rc list_changed(struct review *v)
{
	const struct bin *b = &v->bin[CHANGED];
	size_t rows = 0, kept = 0;
	struct row row;

	for (const char *at = b->bytes; at && at < b->bytes + b->len; rows++)
		at = read_row(at, &row);
	if (rows == 0)
		return KM_OK;
	v->changed = calloc(rows, sizeof(*v->changed));
	if (!v->changed)
		return KM_ENOMEM;
	for (const char *at = b->bytes; at < b->bytes + b->len;) {
		at = read_row(at, &row);
		v->changed[v->changes++].login = row.string[LOGIN];
	}
	qsort(v->changed, v->changes, sizeof(*v->changed), by_login);
	for (size_t i = 1; i < v->changes; i++)
		if (by_login(&v->changed[kept], &v->changed[i]) != 0)
			v->changed[++kept] = v->changed[i];
	v->changes = kept + 1;
	return KM_OK;
}

static km_rc see_changed(struct review *v, const struct msg_operator_row *row)
{
	struct changed *c = changed_of(v, row->login);

	if (!c)
		return KM_OK;
	c->who = v->people.len + 1;
	return keep_operator(&v->people, row, "");
}

/* Who they are, as far as they still are. */
static void fill_in(const struct review *v, struct row *row)
{
	const struct changed *c = changed_of(v, row->string[LOGIN]);
	const char *details = row->string[DETAILS];

	if (!c || !c->who)
		return;
	(void)read_row(v->people.bytes + c->who - 1, row);
	row->string[DETAILS] = details;
}

/* A row about nobody who is registered. */
static void write_of_nobody(struct sheet *s, enum kind kind, const char *word, const char *text)
{
	sheet_string(s, "");
	sheet_choice(s, kinds[kind].word, desk_text(kinds[kind].text, s->lang));
	sheet_choice(s, word, text);
	for (unsigned i = EMPLOYEE; i < STRINGS; i++)
		sheet_string(s, "");
	sheet_choice(s, "", "");
	sheet_choice(s, "", "");
}

static int by_subject(const void *a, const void *b)
{
	return memcmp(a, b, SUBJECT);
}

/* Nobody can do anything about their rights any more: how many, and the trail has the rest. */
static void write_erased(struct review *v)
{
	struct sheet *s = &v->r.sheet;
	size_t records = v->erased.len / SUBJECT, people = 1;
	const char *at = v->erased.bytes;
	char word[64], text[128], erased[24], number[24];

	if (records == 0)
		return;
	qsort(v->erased.bytes, records, SUBJECT, by_subject);
	for (size_t i = 1; i < records; i++)
		people += by_subject(at + (i - 1) * SUBJECT, at + i * SUBJECT) != 0;
	snprintf(erased, sizeof(erased), "%zu", people);
	snprintf(number, sizeof(number), "%zu", records);
	snprintf(word, sizeof(word), "erased=%s records=%s", erased, number);
	write_of_nobody(
	    s, CHANGED, word,
	    desk_expand(DESK_REVIEW_ERASED, s->lang, erased, number, text, sizeof(text)));
}

/* Of the site, and so of nobody: a CSV file has rows alone, and no line above them. */
static void write_confirm(struct review *v)
{
	struct sheet *s = &v->r.sheet;

	if (v->confirm)
		write_of_nobody(s, CONFIRM, "[voice] mode = confirm",
				desk_text(DESK_CALLS_CONFIRM, s->lang));
}

static km_rc write_bin(struct review *v, enum kind kind)
{
	const struct bin *b = &v->bin[kind];
	struct row row;

	for (const char *at = b->bytes; at && at < b->bytes + b->len;) {
		at = read_row(at, &row);
		if (kind == CHANGED)
			fill_in(v, &row);
		write_row(&v->r.sheet, kind, &row);
	}
	if (kind == CHANGED)
		write_erased(v);
	if (kind == CONFIRM)
		write_confirm(v);
	return sheet_flush(&v->r.sheet);
}

/* --- operators ------------------------------------------------------------------ */

static const char *day_of(int64_t wall, char out[16])
{
	int64_t day = KM_DAY_NONE;

	out[0] = '\0';
	if (km_day_at(wall, &day) == KM_OK)
		km_day_format(day, out);
	return out;
}

/* Which of their telephones, by their factors' words. */
static const char *phones_of(uint32_t factors, char out[16])
{
	out[0] = '\0';
	for (unsigned f = 1; f < 32; f++) {
		size_t used = strlen(out);

		if (factors & PHONE_FACTORS & KM_FACTOR_BIT(f))
			snprintf(out + used, 16 - used, "%s%s", used ? " " : "", km_factor_word(f));
	}
	return out;
}

/* Since when, or until when; NULL: not found of this operator. */
static const char *found(const struct review *v, enum kind kind, const struct msg_operator_row *o,
			 char day[16])
{
	int64_t idle = v->r.now - v->days * DAY_SECONDS;
	int64_t old = v->r.now - v->credential_days * DAY_SECONDS;

	switch (kind) {
	case NEVER:
		return o->last_login == 0 ? day_of(o->created, day) : NULL;
	case IDLE:
		return o->last_login && o->last_login < idle ? day_of(o->last_login, day) : NULL;
	case EXPIRES:
		km_day_format(o->valid_until, day);
		return o->valid_until != KM_DAY_NONE && o->valid_until <= v->r.today + v->days
			   ? day
			   : NULL;
	case NO_FACTOR:
		return o->factors == 0 ? "" : NULL;
	case OLD_FACTOR:
		return o->oldest && o->oldest < old ? day_of(o->oldest, day) : NULL;
	case ONLY_PHONE:
		return (o->factors & PHONE_FACTORS) && !(o->factors & ~PHONE_FACTORS) ? "" : NULL;
	case BARRED:
		return o->barred ? phones_of(o->barred, day) : NULL;
	case CHANGED:
	case EXEMPT:
	case CONFIRM:
	case KINDS:
	default:
		return NULL;
	}
}

/* Who is being erased is gone. */
static km_rc see(struct report *r, void *arg, const struct msg_operator_row *row)
{
	struct review *v = arg;
	km_rc rc = row->state == KM_ERASING ? KM_OK : see_changed(v, row);

	(void)r;
	for (unsigned k = 0; rc == KM_OK && k < KINDS && row->state != KM_ERASING; k++) {
		char day[16];
		const char *details = found(v, (enum kind)k, row, day);

		if (details)
			rc = keep_operator(&v->bin[k], row, details);
	}
	return rc;
}

/* --- the trail since the last review ---------------------------------------------- */

/* A change of a name or a number changes no right. */
static bool changes_rights(const struct msg_audit_row *row)
{
	return row->event != KM_EVENT_OPERATOR_CHANGED || strstr(row->body, "role") ||
	       strstr(row->body, "valid-") || strstr(row->body, "department");
}

/* About a person, and nobody is registered as that person. */
static bool is_of_erased(const struct msg_audit_row *row)
{
	static const uint8_t nobody[SUBJECT];

	return !row->login[0] && memcmp(row->subject, nobody, SUBJECT) != 0;
}

static km_rc take_record(struct desk *d, void *arg, const struct km_msg *m)
{
	const struct msg_audit_row *row = &m->audit_row;
	struct review *v = arg;
	char details[SHEET_VALUE_MAX], day[16];

	(void)d;
	if (m->number != KM_MSG_AUDIT_ROW)
		return KM_EPROTO;
	if (row->event == KM_EVENT_REVIEWED) {
		desk_time(row->wall, v->signed_off);
		snprintf(v->signed_by, sizeof(v->signed_by), "%s", row->actor);
		return KM_OK;
	}
	if (!changes_rights(row))
		return KM_OK;
	if (is_of_erased(row))
		return keep_bytes(&v->erased, row->subject, SUBJECT);
	trail_line(row, day_of(row->wall, day), sheet_words(&v->r.sheet), details, sizeof(details));
	return keep_login(v, CHANGED, row->login, details);
}

static km_rc look_at_trail(struct review *v)
{
	km_rc rc;

	do {
		struct km_msg m = { .number = KM_MSG_REVIEW_SHOW };
		struct desk_operation o = { .request = &m, .arg = v, .row = take_record };

		m.review_show.after = v->next;
		rc = desk_operate(v->r.d, &o);
		if (rc == KM_EAGAIN && o.done.id <= v->next)
			return KM_EPROTO;
		v->next = o.done.id;
	} while (rc == KM_EAGAIN);
	return rc;
}

/* --- who needs no second factor ------------------------------------------------------ */

static km_rc see_exempt(void *arg, const char *account, bool primary)
{
	return keep_login(arg, EXEMPT, account,
			  primary ? DESK_EXEMPT_GROUP " (gid)" : DESK_EXEMPT_GROUP);
}

/* --- all of it ------------------------------------------------------------------------ */

static void put_notes(struct review *v)
{
	const char *never = desk_text(DESK_REVIEW_NEVER, v->r.sheet.lang);

	sheet_note(&v->r.sheet, "last_sign_off", DESK_NOTE_SIGNED,
		   v->signed_off[0] ? v->signed_off : never);
	if (v->signed_by[0])
		sheet_note(&v->r.sheet, "signed_off_by", DESK_NOTE_SIGNED_BY, v->signed_by);
	report_note_number(&v->r, "days", DESK_NOTE_DAYS, v->days);
	if (v->confirm)
		sheet_note(&v->r.sheet, "calls", DESK_NOTE_CALLS,
			   desk_text(DESK_CALLS_CONFIRM, v->r.sheet.lang));
	report_note_number(&v->r, "credential_days", DESK_NOTE_CREDENTIAL_DAYS, v->credential_days);
}

static km_rc fill(struct review *v)
{
	km_rc rc = look_at_trail(v);

	if (rc == KM_OK)
		rc = list_changed(v);
	if (rc == KM_OK)
		rc = report_each_operator(&v->r, see, v);
	if (rc == KM_OK)
		rc = desk_each_exempt(see_exempt, v);
	if (rc == KM_OK)
		put_notes(v);
	for (unsigned k = 0; rc == KM_OK && k < KINDS; k++)
		rc = write_bin(v, (enum kind)k);
	return rc;
}

static km_rc look_at_calls(struct desk *d, const struct desk_args *args, struct review *v)
{
	static struct km_conf conf; /* 60 KiB */
	km_rc rc = desk_conf(d, args, &conf);

	v->confirm = rc == KM_OK && conf.voice.server[0] && conf.voice.mode == KM_VOICE_CONFIRM;
	return rc;
}

int cmd_report_review(struct desk *d, const struct desk_args *args)
{
	struct review v = { 0 };
	km_rc rc = report_days(d, args, "days", &v.days);
	int code;

	if (rc == KM_OK)
		rc = report_days(d, args, "credential-days", &v.credential_days);
	if (rc == KM_OK)
		rc = look_at_calls(d, args, &v);
	if (rc == KM_OK)
		rc = report_open(&v.r, d, args, "review", DESK_REPORT_REVIEW, columns, COLUMNS);
	if (rc != KM_OK)
		return desk_fail(d, rc);
	code = report_close(&v.r, fill(&v));
	for (unsigned k = 0; k < KINDS; k++)
		free(v.bin[k].bytes);
	free(v.people.bytes);
	free(v.erased.bytes);
	free(v.changed);
	return code;
}
