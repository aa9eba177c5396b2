/* Listings, page by page. */
#include "commands.h"

static km_rc take_row(struct desk *d, void *arg, const struct km_msg *m)
{
	struct desk_pages *p = arg;
	uint64_t place = p->place(m);

	if (place <= p->last)
		return KM_EPROTO;
	p->last = place;
	p->rows++;
	p->total++;
	return p->take(d, p->arg, m);
}

km_rc desk_pages(struct desk *d, struct desk_pages *p)
{
	km_rc rc = KM_OK;

	do {
		struct km_msg m = { 0 };
		struct desk_operation o = { .request = &m, .arg = p, .row = take_row };

		if (!p->ask(p->arg, p->last, &m))
			break;
		p->rows = 0;
		rc = desk_operate(d, &o);
		if (rc == KM_OK && p->flush)
			rc = p->flush(d, p->arg);
	} while (rc == KM_OK && p->rows > 0 && !ferror(p->f));
	return rc;
}

/* --- one that is shown ----------------------------------------------------------- */

struct shown {
	const struct desk_listing *listing;
	struct desk_pages pages;
	struct desk_table table;
	struct desk_json json;
	km_rc (*each)(void *arg, const struct km_msg *row); /* may be NULL */
	void *arg;
};

static bool ask(void *arg, uint64_t last, struct km_msg *request)
{
	struct shown *s = arg;

	return s->listing->ask(NULL, last, request);
}

/* Not before something was answered, so that a refusal is one object. */
static void open_array(struct desk *d, struct shown *s)
{
	if (!d->half_written)
		json_open(&s->json, NULL, '[');
	d->half_written = true;
}

static km_rc take_shown(struct desk *d, void *arg, const struct km_msg *m)
{
	struct shown *s = arg;
	km_rc rc = s->each ? s->each(s->arg, m) : KM_OK;

	if (rc != KM_OK)
		return rc;
	if (!d->json) {
		s->listing->cells(d, &s->table, m);
		return KM_OK;
	}
	open_array(d, s);
	json_line(&s->json);
	json_open(&s->json, NULL, '{');
	s->listing->json(&s->json, m);
	json_close(&s->json, '}');
	return KM_OK;
}

static km_rc flush(struct desk *d, void *arg)
{
	struct shown *s = arg;
	km_rc rc = d->json ? KM_OK : desk_table_flush(&s->table, d->out);

	if (rc == KM_OK && s->pages.total <= DESK_PAGE)
		fflush(d->out); /* the first page is seen at once */
	return rc;
}

int desk_list(struct desk *d, const struct desk_listing *l)
{
	return desk_list_each(d, l, NULL, NULL);
}

int desk_list_each(struct desk *d, const struct desk_listing *l,
		   km_rc (*each)(void *arg, const struct km_msg *row), void *arg)
{
	const char *headers[DESK_COLUMNS_MAX];
	struct shown s = { .listing = l, .json = { .f = d->out }, .each = each, .arg = arg };
	km_rc rc;

	for (unsigned i = 0; i < l->columns; i++)
		headers[i] = desk_text(l->headings[i], d->lang);
	s.pages = (struct desk_pages){ .ask = ask,
				       .place = l->place,
				       .take = take_shown,
				       .flush = flush,
				       .arg = &s,
				       .f = d->out };
	desk_table_init(&s.table, headers, l->columns);
	rc = desk_pages(d, &s.pages);
	desk_table_free(&s.table);
	if (rc != KM_OK)
		return desk_fail(d, rc);
	if (d->json) {
		open_array(d, &s);
		fputs("\n]\n", d->out);
	} else if (s.pages.total == 0)
		desk_warn(d, l->none, NULL, NULL);
	return 0;
}
