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
	sheet_choice(s, row->held ? "yes" : "no", desk_text(desk_held(row->held), s->lang));
}

static km_rc take_row(struct desk *d, void *arg, const struct km_msg *m)
{
	struct due *due = arg;

	(void)d;
	if (m->due_row.what != KM_DUE_SUSPEND && m->due_row.what != KM_DUE_ERASE)
		return KM_EPROTO;
	if (m->due_row.day <= due->until)
		put_row(due, &m->due_row);
	return KM_OK;
}

static km_rc flush(struct desk *d, void *arg)
{
	struct due *due = arg;

	(void)d;
	return sheet_flush(&due->r.sheet);
}

static km_rc list_due(struct due *due)
{
	struct desk_pages p = { .ask = desk_ask_due,
				.place = desk_due_place,
				.take = take_row,
				.flush = flush,
				.arg = due,
				.f = due->r.sheet.f };

	return desk_pages(due->r.d, &p);
}

int cmd_report_due(struct desk *d, const struct desk_args *args)
{
	struct due due = { 0 };
	char waits[DESK_WHY] = "";
	int64_t days = 0;
	km_rc rc = report_days(d, args, "days", &days);

	if (rc == KM_OK)
		rc = report_open(&due.r, d, args, "due", DESK_REPORT_DUE, columns,
				 sizeof(columns) / sizeof(columns[0]));
	if (rc != KM_OK)
		return desk_fail(d, rc);
	due.until = due.r.today + days;
	report_note_number(&due.r, "days", DESK_NOTE_DAYS, days);
	rc = desk_due_waits(d, waits);
	if (waits[0])
		sheet_note(&due.r.sheet, "roster_waiting", DESK_NOTE_ROSTER_WAITS, waits);
	return report_close(&due.r, rc == KM_OK ? list_due(&due) : rc);
}
