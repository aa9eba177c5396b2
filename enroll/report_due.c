/* kenmon report due: who will be suspended or erased. */
#include <kenmon/people.h>

#include "report.h"

static const struct sheet_column columns[] = {
	{ "login", DESK_COL_LOGIN }, { "day", DESK_COL_DAY },   { "what", DESK_COL_WHAT },
	{ "cause", DESK_COL_CAUSE }, { "held", DESK_COL_HELD },
};

struct due {
	struct report r;
	int64_t until; /* the last day that counts */
	uint64_t last;
	unsigned rows; /* of this page */
};

static void put_row(struct due *due, const struct msg_due_row *row)
{
	struct sheet *s = &due->r.sheet;
	bool erase = row->what == KM_DUE_ERASE;

	sheet_string(s, row->login);
	sheet_day(s, row->day);
	sheet_choice(s, erase ? "erase" : "suspend",
		     desk_text(erase ? DESK_DUE_ERASE : DESK_DUE_SUSPEND, s->lang));
	sheet_choice(s, km_cause_word(row->cause), km_cause_text(row->cause, s->lang));
	sheet_choice(s, row->held ? "yes" : "no",
		     desk_text(row->held ? DESK_DUE_HELD : DESK_DUE_GOES, s->lang));
}

static km_rc take_row(struct desk *d, void *arg, const struct km_msg *m)
{
	struct due *due = arg;

	(void)d;
	if (m->number != KM_MSG_DUE_ROW || m->due_row.cursor <= due->last ||
	    (m->due_row.what != KM_DUE_SUSPEND && m->due_row.what != KM_DUE_ERASE))
		return KM_EPROTO;
	due->last = m->due_row.cursor;
	due->rows++;
	if (m->due_row.day <= due->until)
		put_row(due, &m->due_row);
	return KM_OK;
}

static km_rc list_pages(struct due *due)
{
	km_rc rc;

	do {
		struct km_msg m = { .number = KM_MSG_DUE_LIST };
		struct desk_operation o = { .request = &m, .arg = due, .row = take_row };

		m.due_list.after = due->last;
		m.due_list.limit = DESK_PAGE;
		due->rows = 0;
		rc = desk_operate(due->r.d, &o);
		if (rc == KM_OK)
			rc = sheet_flush(&due->r.sheet);
	} while (rc == KM_OK && due->rows > 0 && !ferror(due->r.sheet.f));
	return rc;
}

int cmd_report_due(struct desk *d, const struct desk_args *args)
{
	struct due due = { 0 };
	int64_t days = 0;
	km_rc rc = report_days(d, args, "days", &days);

	if (rc == KM_OK)
		rc = report_open(&due.r, d, args, "due", DESK_REPORT_DUE, columns,
				 sizeof(columns) / sizeof(columns[0]));
	if (rc != KM_OK)
		return desk_fail(d, rc);
	due.until = due.r.today + days;
	report_note_number(&due.r, "days", DESK_NOTE_DAYS, days);
	return report_close(&due.r, list_pages(&due));
}
