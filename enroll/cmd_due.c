/* kenmon due list, release; kenmon transfer. */
#include <string.h>

#include <kenmon/clock.h>
#include <kenmon/factor.h>
#include <kenmon/people.h>

#include "commands.h"

struct listing {
	struct desk_table table;
	struct desk_json json;
	uint64_t last; /* cursor of the last row */
	uint64_t total;
	unsigned rows; /* of this page */
};

static const char *due_word(uint8_t what)
{
	return what == KM_DUE_ERASE ? "erase" : what == KM_DUE_SUSPEND ? "suspend" : "?";
}

static void due_cells(const struct desk *d, struct desk_table *t, const struct msg_due_row *r)
{
	char day[16];

	desk_cell(t, r->login);
	km_day_format(r->day, day);
	desk_cell(t, day);
	desk_cell(t,
		  desk_text(r->what == KM_DUE_ERASE ? DESK_DUE_ERASE : DESK_DUE_SUSPEND, d->lang));
	desk_cell(t, km_cause_text(r->cause, d->lang));
	desk_cell(t, r->held ? desk_text(DESK_DUE_HELD, d->lang) : "");
}

static void due_json(struct desk_json *j, const struct msg_due_row *r)
{
	json_line(j);
	json_open(j, NULL, '{');
	json_string(j, "login", r->login);
	json_day(j, "day", r->day);
	json_string(j, "what", due_word(r->what));
	json_string(j, "cause", km_cause_word(r->cause));
	json_bool(j, "held", r->held != 0);
	json_hex(j, "subject", r->subject, sizeof(r->subject));
	json_close(j, '}');
}

static km_rc take_due(struct desk *d, void *arg, const struct km_msg *m)
{
	struct listing *l = arg;

	if (m->number != KM_MSG_DUE_ROW || m->due_row.cursor <= l->last)
		return KM_EPROTO;
	l->last = m->due_row.cursor;
	l->rows++;
	l->total++;
	if (d->json)
		due_json(&l->json, &m->due_row);
	else
		due_cells(d, &l->table, &m->due_row);
	return KM_OK;
}

static km_rc due_pages(struct desk *d, struct listing *l)
{
	km_rc rc;

	do {
		struct km_msg m = { .number = KM_MSG_DUE_LIST };
		struct desk_operation o = { .request = &m, .arg = l, .row = take_due };

		m.due_list.after = l->last;
		m.due_list.limit = DESK_PAGE;
		l->rows = 0;
		rc = desk_operate(d, &o);
		if (rc == KM_OK && !d->json)
			rc = desk_table_flush(&l->table, d->out);
	} while (rc == KM_OK && l->rows > 0 && !ferror(d->out));
	return rc;
}

int cmd_due_list(struct desk *d, const struct desk_args *args)
{
	const char *headers[] = {
		desk_text(DESK_COL_LOGIN, d->lang), desk_text(DESK_COL_DAY, d->lang),
		desk_text(DESK_COL_WHAT, d->lang),  desk_text(DESK_COL_CAUSE, d->lang),
		desk_text(DESK_COL_HELD, d->lang),
	};
	struct listing l = { .json = { .f = d->out } };
	km_rc rc;

	(void)args;
	desk_table_init(&l.table, headers, sizeof(headers) / sizeof(headers[0]));
	rc = desk_open(d); /* before the first byte, so that an error is one object */
	if (rc == KM_OK && d->json) {
		json_open(&l.json, NULL, '[');
		d->half_written = true;
	}
	if (rc == KM_OK)
		rc = due_pages(d, &l);
	desk_table_free(&l.table);
	if (rc != KM_OK)
		return desk_fail(d, rc);
	if (d->json)
		fputs("\n]\n", d->out);
	else if (l.total == 0)
		desk_warn(d, DESK_DUE_NOTHING, NULL, NULL);
	return 0;
}

int cmd_due_release(struct desk *d, const struct desk_args *args)
{
	struct km_msg m = { .number = KM_MSG_DUE_RELEASE };
	struct msg_done done = { 0 };
	uint64_t n = 0;
	km_rc rc = desk_number(d, "--accept-erasures", desk_arg(args, "accept-erasures"), 1,
			       UINT32_MAX, &n);

	m.due_release.erasures = (uint32_t)n;
	if (rc == KM_OK)
		rc = desk_act(d, &m, &done);
	return desk_finish(d, rc, &done, DESK_DUE_RELEASED, desk_arg(args, "accept-erasures"),
			   NULL);
}

int cmd_transfer(struct desk *d, const struct desk_args *args)
{
	struct km_msg m = { .number = KM_MSG_TRANSFER };
	struct msg_done done = { 0 };
	char day[16] = "";
	km_rc rc = desk_login(d, args, 0, m.transfer.login);

	if (rc == KM_OK)
		rc = desk_day(d, args, "effective", &m.transfer.effective);
	if (rc == KM_OK)
		rc = desk_field(d, "--reason", desk_arg(args, "reason"), true, m.transfer.reason,
				sizeof(m.transfer.reason));
	if (rc == KM_OK) {
		km_day_format(m.transfer.effective, day);
		rc = desk_act(d, &m, &done);
	}
	return desk_finish(d, rc, &done, DESK_TRANSFER_SET, m.transfer.login, day);
}
