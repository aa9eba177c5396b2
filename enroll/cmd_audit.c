/* kenmon audit list. */
#include <string.h>

#include <kenmon/event.h>
#include <kenmon/hex.h>

#include "commands.h"
#include "trail.h"

struct audit {
	struct desk_table table;
	struct desk_json json;
	struct desk_json *into; /* an array of somebody's that is open; NULL: one of our own */
	struct msg_audit_list ask;
	uint64_t left; /* rows still wanted */
	bool some;     /* there were rows */
};

/* key=value key=value, values percent-escaped: undone for JSON, where each is a string of its own.
 */
static void body_json(struct desk_json *j, const char *body)
{
	char word[sizeof(((struct msg_audit_row *)0)->body)], *to, *value;

	json_open(j, "details", '{');
	while (*body) {
		value = NULL;
		for (to = word; *body && *body != ' '; to++) {
			if (*body == '=' && !value) {
				*to = '\0';
				value = to + 1;
				body++;
			} else if (*body == '%' && km_hex_value(body[1]) >= 0 &&
				   km_hex_value(body[2]) >= 0) {
				*to = (char)(km_hex_value(body[1]) << 4 | km_hex_value(body[2]));
				body += 3;
			} else
				*to = *body++;
		}
		*to = '\0';
		if (to != word)
			json_string(j, word, value ? value : "");
		while (*body == ' ')
			body++;
	}
	json_close(j, '}');
}

static void row_json(struct desk_json *j, const struct msg_audit_row *r)
{
	static const uint8_t nobody[sizeof(r->subject)];

	json_open(j, NULL, '{');
	json_number(j, "seq", (int64_t)r->seq);
	json_time(j, "time", r->wall);
	json_string(j, "event", km_event_word(r->event));
	if (r->login[0])
		json_string(j, "login", r->login);
	else
		json_null(j, "login");
	if (memcmp(r->subject, nobody, sizeof(nobody)) != 0)
		json_hex(j, "subject", r->subject, sizeof(r->subject));
	else
		json_null(j, "subject");
	json_string(j, "actor", r->actor);
	if (r->approver[0])
		json_string(j, "approver", r->approver);
	else
		json_null(j, "approver");
	body_json(j, r->body);
	json_hex(j, "hash", r->hash, sizeof(r->hash));
	json_close(j, '}');
}

static km_rc take_row(struct desk *d, void *arg, const struct km_msg *m)
{
	const struct msg_audit_row *r = &m->audit_row;
	struct audit *a = arg;
	char text[DESK_TIME], details[TRAIL_DETAILS];

	if (a->left == 0)
		return KM_EPROTO;
	a->left--;
	a->some = true;
	if (a->into) {
		row_json(a->into, r);
		return KM_OK;
	}
	if (d->json) {
		if (!d->half_written)
			json_open(&a->json, NULL, '[');
		d->half_written = true;
		json_line(&a->json);
		row_json(&a->json, r);
		return KM_OK;
	}
	desk_cell_number(&a->table, (int64_t)r->seq);
	desk_cell(&a->table, desk_time_short(r->wall, text));
	desk_cell(&a->table, trail_event(r->event, d->lang));
	desk_cell(&a->table, r->login);
	desk_cell(&a->table, r->actor);
	desk_cell(&a->table, r->approver);
	desk_cell(&a->table, trail_details(r->body, d->lang, details, sizeof(details)));
	return KM_OK;
}

static bool ask_page(void *arg, uint64_t last, struct km_msg *request)
{
	struct audit *a = arg;

	request->number = KM_MSG_AUDIT_LIST;
	request->audit_list = a->ask;
	request->audit_list.limit = (uint16_t)(a->left < DESK_PAGE ? a->left : DESK_PAGE);
	if (last) { /* from the first page on, records are found by where the last one stood */
		request->audit_list.last = 0;
		request->audit_list.after = last;
	}
	return a->left > 0;
}

static uint64_t place_of(const struct km_msg *m)
{
	return m->number == KM_MSG_AUDIT_ROW ? m->audit_row.seq : 0;
}

static km_rc flush(struct desk *d, void *arg)
{
	struct audit *a = arg;

	return d->json || a->into ? KM_OK : desk_table_flush(&a->table, d->out);
}

static km_rc list_pages(struct desk *d, struct audit *a)
{
	struct desk_pages p = { .ask = ask_page,
				.place = place_of,
				.take = take_row,
				.flush = flush,
				.arg = a,
				.f = d->out };

	return desk_pages(d, &p);
}

static km_rc parse_list(struct desk *d, const struct desk_args *args, struct audit *a)
{
	const struct desk_option *o = args->command->options;
	const char *after = desk_arg(args, "after");
	uint64_t last = 0;
	unsigned i, given = 0;
	km_rc rc;

	for (i = 0; o[i].name; i++)
		given += args->value[i] && strcmp(o[i].name, "login") != 0;
	if (given > 1)
		return desk_because(d, KM_EUSAGE, DESK_ONE_OF_LISTS, NULL, NULL);
	rc = desk_field(d, "--login", desk_arg(args, "login"), true, a->ask.login,
			sizeof(a->ask.login));
	a->left = UINT64_MAX;
	if (rc == KM_OK && after)
		rc = desk_number(d, "--after", after, 0, INT64_MAX, &a->ask.after);
	else if (rc == KM_OK && !desk_arg(args, "all")) {
		rc = desk_number(d, "--last", desk_arg(args, "last"), 1, UINT32_MAX, &last);
		a->ask.last = (uint32_t)last;
		a->left = last;
	}
	return rc;
}

static const enum desk_text headings[] = { DESK_COL_SEQ,    DESK_COL_TIME,  DESK_COL_EVENT,
					   DESK_COL_LOGIN,  DESK_COL_ACTOR, DESK_COL_APPROVER,
					   DESK_COL_DETAILS };
#define HEADINGS (sizeof(headings) / sizeof(headings[0]))

static void ask_about(struct audit *a, const char *login, unsigned last)
{
	snprintf(a->ask.login, sizeof(a->ask.login), "%s", login);
	a->ask.last = last;
	a->left = last ? last : UINT64_MAX;
}

km_rc desk_audit_json(struct desk *d, struct desk_json *j, const char *login, unsigned last)
{
	struct audit a = { .into = j };

	ask_about(&a, login, last);
	return list_pages(d, &a);
}

km_rc desk_audit_table(struct desk *d, const char *login, unsigned last)
{
	const char *headers[HEADINGS];
	struct audit a = { 0 };
	km_rc rc;

	for (size_t i = 0; i < HEADINGS; i++)
		headers[i] = desk_text(headings[i], d->lang);
	ask_about(&a, login, last);
	desk_table_init(&a.table, headers, HEADINGS);
	rc = list_pages(d, &a);
	desk_table_free(&a.table);
	return rc;
}

int cmd_audit_list(struct desk *d, const struct desk_args *args)
{
	const char *headers[HEADINGS];
	struct audit a = { .json = { .f = d->out } };
	km_rc rc = parse_list(d, args, &a);

	for (size_t i = 0; i < HEADINGS; i++)
		headers[i] = desk_text(headings[i], d->lang);
	desk_table_init(&a.table, headers, HEADINGS);
	if (rc == KM_OK)
		rc = desk_open(d);
	if (rc == KM_OK)
		rc = list_pages(d, &a);
	desk_table_free(&a.table);
	if (rc != KM_OK)
		return desk_fail(d, rc);
	if (d->json)
		fputs(a.some ? "\n]\n" : "[\n]\n", d->out);
	else if (!a.some)
		desk_warn(d, DESK_NO_RECORDS, NULL, NULL);
	return 0;
}
