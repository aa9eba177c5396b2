/*
 * A roster goes to the vault in slices, each answered before the next: the
 * vault serves logins in between, and the desk reads the next rows meanwhile.
 * What it wrote down is gone when the line breaks before END, so a slice is
 * never sent again on another line.
 */
#include <string.h>

#include <kenmon/clock.h>
#include <kenmon/log.h>

#include "roster_send.h"
#include "trail.h"

#define SLICE_MAX 32768
/* Line, status, two days, seven lengths; and the largest texts. */
#define ROW_MAX (4 + 1 + 8 + 8 + 7 * 2 + sizeof(struct roster_row))

_Static_assert(ROW_MAX < SLICE_MAX, "a row fits a slice");

struct sending {
	struct desk *d;
	const struct roster *r;
	struct desk_progress progress;
	uint8_t slice[SLICE_MAX];
	size_t len;
	uint64_t rows;
	struct km_msg request;
	struct desk_operation under_way; /* no request: none */
};

static void put_integer(struct sending *s, uint64_t value, size_t bytes)
{
	while (bytes--)
		s->slice[s->len++] = (uint8_t)(value >> 8 * bytes);
}

static void put_text(struct sending *s, const char *text)
{
	size_t len = strlen(text);

	put_integer(s, len, 2);
	memcpy(s->slice + s->len, text, len);
	s->len += len;
}

/* As messages.def has it, at ROSTER_SLICE. */
static void put_row(struct sending *s, const struct roster_row *row)
{
	put_integer(s, row->line, 4);
	put_integer(s, row->status, 1);
	put_integer(s, (uint64_t)row->valid_from, 8);
	put_integer(s, (uint64_t)row->valid_until, 8);
	put_text(s, row->employee_number);
	put_text(s, row->login);
	put_text(s, row->name);
	put_text(s, row->department);
	put_text(s, row->role);
	put_text(s, row->mobile);
	put_text(s, row->landline);
	s->rows++;
}

static km_rc settle(struct sending *s)
{
	km_rc rc = s->under_way.request ? desk_end(s->d, &s->under_way) : KM_OK;

	s->under_way.request = NULL;
	desk_progress_show(s->d, &s->progress, s->rows, s->r->rows);
	return rc;
}

static km_rc flush(struct sending *s)
{
	km_rc rc = settle(s);

	if (rc != KM_OK || s->len == 0)
		return rc;
	s->request = (struct km_msg){ .number = KM_MSG_ROSTER_SLICE };
	s->request.roster_slice.rows.bytes = s->slice;
	s->request.roster_slice.rows.len = (uint16_t)s->len;
	s->under_way = (struct desk_operation){ .request = &s->request, .once = true };
	rc = desk_begin(s->d, &s->under_way);
	if (rc != KM_OK)
		s->under_way.request = NULL;
	s->len = 0;
	return rc;
}

static km_rc take(void *arg, const struct roster_row *row)
{
	struct sending *s = arg;
	km_rc rc = s->len + ROW_MAX > sizeof(s->slice) ? flush(s) : KM_OK;

	if (rc == KM_OK)
		put_row(s, row);
	return rc;
}

static km_rc send_begin(struct desk *d, const struct roster *r, const struct roster_order *order)
{
	struct km_msg m = { .number = KM_MSG_ROSTER_BEGIN };
	struct msg_done done;

	memcpy(m.roster_begin.digest, r->digest, sizeof(r->digest));
	m.roster_begin.made = order->made;
	m.roster_begin.rows = r->rows;
	m.roster_begin.full = !order->partial;
	m.roster_begin.columns = feedfile_columns(r);
	m.roster_begin.sign = order->is_signed;
	memcpy(m.roster_begin.signature, order->signature, sizeof(order->signature));
	return desk_act(d, &m, &done);
}

static km_rc take_sum(struct desk *d, void *arg, const struct km_msg *m)
{
	struct roster_answer *answer = arg;

	if (m->number == KM_MSG_PROGRESS)
		return KM_OK;
	if (m->number != KM_MSG_ROSTER_SUM || answer->summed)
		return KM_EPROTO;
	(void)d;
	answer->summed = true;
	answer->sum = m->roster_sum;
	return KM_OK;
}

static km_rc send_end(struct desk *d, const struct roster_order *order,
		      struct roster_answer *answer)
{
	struct km_msg m = { .number = KM_MSG_ROSTER_END };
	struct desk_operation o = { .request = &m, .arg = answer, .row = take_sum };
	km_rc rc;

	m.roster_end.apply = order->apply;
	m.roster_end.erasures = order->erasures;
	rc = desk_operate(d, &o);
	answer->done = o.done;
	return rc;
}

km_rc sheet_send(struct desk *d, struct roster *r, const struct roster_order *order,
		 struct roster_answer *answer)
{
	/* One at a time, and too large for the stack that is wiped at the end. */
	static struct sending s;
	km_rc rc;

	s = (struct sending){ .d = d,
			      .r = r,
			      .progress = { .began = km_boot_ms(), .text = DESK_ROSTER_HANDING } };
	memset(answer, 0, sizeof(*answer));
	rc = send_begin(d, r, order);
	if (rc == KM_OK)
		rc = feedfile_each(r, take, &s);
	if (rc == KM_OK)
		rc = flush(&s);
	if (rc == KM_OK)
		rc = settle(&s);
	else if (s.under_way.request)
		desk_close(d); /* its answer would be taken for another's */
	desk_progress_end(d, &s.progress);
	km_wipe(&s, sizeof(s));
	return rc == KM_OK ? send_end(d, order, answer) : rc;
}

/* --- what comes of it ------------------------------------------------------------ */

struct list {
	struct desk_table table;
	struct desk_json *json; /* NULL: text */
	uint64_t feed;
	bool opened;
	uint64_t last, shown, most;
	unsigned rows; /* of this page */
};

static void note_cells(const struct desk *d, struct desk_table *t, const struct msg_roster_note *n)
{
	char day[16], said[DESK_WHY];
	const char *text = n->text;

	if (n->line)
		desk_cell_number(t, n->line);
	else
		desk_cell(t, "");
	desk_cell(t, n->login);
	km_day_format(n->day, day);
	desk_cell(t, day);
	desk_cell(t, km_outcome_text(n->outcome, d->lang));
	if (d->lang == KM_LANG_JA)
		text = trail_words(n->text, said, sizeof(said))
			   ? said
			   : desk_reason(n->text, d->lang, said, sizeof(said));
	desk_cell(t, text);
}

static void note_json(struct desk_json *j, const struct msg_roster_note *n)
{
	json_line(j);
	json_open(j, NULL, '{');
	if (n->line)
		json_number(j, "line", n->line);
	else
		json_null(j, "line");
	json_string(j, "login", n->login);
	json_string(j, "outcome", km_outcome_word(n->outcome));
	json_day(j, "day", n->day);
	json_string(j, "text", n->text);
	json_close(j, '}');
}

/* Not before something was answered, so that a refusal is one object. */
static void open_list(struct desk *d, struct list *l)
{
	if (l->json && !d->half_written) {
		json_open(l->json, NULL, '{');
		json_number(l->json, "feed", (int64_t)l->feed);
		d->half_written = true;
	}
	if (l->json && !l->opened)
		json_open(l->json, "list", '[');
	l->opened = true;
}

static km_rc take_note(struct desk *d, void *arg, const struct km_msg *m)
{
	struct list *l = arg;

	if (m->number != KM_MSG_ROSTER_NOTE || m->roster_note.cursor <= l->last)
		return KM_EPROTO;
	l->last = m->roster_note.cursor;
	l->rows++;
	if (m->roster_note.outcome == KM_OUTCOME_SAME)
		return KM_OK;
	open_list(d, l);
	if (l->json)
		note_json(l->json, &m->roster_note);
	else if (l->shown < l->most)
		note_cells(d, &l->table, &m->roster_note);
	l->shown++;
	return KM_OK;
}

static km_rc list_page(struct desk *d, struct list *l)
{
	struct km_msg m = { .number = KM_MSG_ROSTER_LIST };
	struct desk_operation o = { .request = &m, .arg = l, .row = take_note };
	km_rc rc;

	m.roster_list.feed = l->feed;
	m.roster_list.after = l->last;
	m.roster_list.limit = DESK_PAGE;
	l->rows = 0;
	rc = desk_operate(d, &o);
	if (rc == KM_OK && !l->json)
		rc = desk_table_flush(&l->table, d->out);
	return rc;
}

km_rc sheet_list(struct desk *d, uint64_t feed, uint64_t all, uint64_t most, struct desk_json *json)
{
	const char *headers[] = {
		desk_text(DESK_COL_LINE, d->lang),    desk_text(DESK_COL_LOGIN, d->lang),
		desk_text(DESK_COL_DAY, d->lang),     desk_text(DESK_COL_OUTCOME, d->lang),
		desk_text(DESK_COL_DETAILS, d->lang),
	};
	struct list l = { .json = d->json ? json : NULL, .feed = feed, .most = most };
	char more[24];
	bool over;
	km_rc rc;

	desk_table_init(&l.table, headers, sizeof(headers) / sizeof(headers[0]));
	do
		rc = list_page(d, &l);
	while (rc == KM_OK && l.rows == DESK_PAGE && (l.json || l.shown < most) && !ferror(d->out));
	desk_table_free(&l.table);
	/* Worked off between two pages: what is missing is in the trail. */
	over = rc == KM_ESTATE && l.opened;
	if (rc != KM_OK && !over)
		return rc;
	open_list(d, &l);
	if (l.json) {
		json_close(json, ']');
		json_bool(json, "list_complete", !over);
	}
	if (over)
		desk_note(d, DESK_ROSTER_OVER, NULL, NULL);
	if (all > l.shown)
		l.shown = all;
	if (!l.json && l.shown > most) {
		snprintf(more, sizeof(more), "%llu", (unsigned long long)(l.shown - most));
		desk_warn(d, DESK_ROSTER_MORE, more, NULL);
	}
	return KM_OK;
}
