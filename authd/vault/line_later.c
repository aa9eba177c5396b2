/*
 * Desks that wait after their operation has run: for an erasure, a key epoch, or the order of a
 * test. Their DONE comes when that has ended.
 */
#include "desk.h"
#include "grant.h"

void call_tested(struct call *c, km_rc rc)
{
	c->l->touched = true;
	c->l->testing = false;
	if (line_put_done(c->l, rc, 0, c->text) != KM_OK)
		line_close(c->v, c->l);
}

/* DONE for somebody who has waited. */
static void line_done(struct vault *v, struct line *l, km_rc rc)
{
	if (line_put_done(l, rc, 0, "") == KM_OK)
		line_send(v, l);
	else
		line_close(v, l);
}

bool line_erased(struct vault *v, km_rc rc)
{
	bool waits = false;

	for (size_t i = 0; i < VAULT_LINES; i++) {
		struct line *l = &v->line[i];

		if (l->fd < 0 || !l->erasing)
			continue;
		if (l->withdrawing && grants_returning(v, l->withdrawn)) {
			waits = true;
			continue;
		}
		/* Of a withdrawal nothing is left to be damaged. */
		line_done(v, l, l->withdrawing ? KM_OK : rc);
		l->erasing = l->withdrawing = false;
	}
	return waits;
}

void line_rotated(struct vault *v)
{
	for (size_t i = 0; i < VAULT_LINES; i++) {
		struct line *l = &v->line[i];

		if (l->fd < 0 || !l->rotating || l->rotating > v->epoch.at.generation)
			continue;
		l->rotating = 0;
		line_done(v, l, KM_OK);
	}
}

void line_rewrapping(struct vault *v)
{
	struct km_msg m = { .number = KM_MSG_PROGRESS };

	m.progress.done = v->epoch.rewrap.done;
	m.progress.total = v->epoch.total;
	for (size_t i = 0; i < VAULT_LINES; i++) {
		struct line *l = &v->line[i];

		/* Who has not read the last one needs no next one. */
		if (l->fd < 0 || !l->rotating || l->out.head < l->out.tail)
			continue;
		l->out.head = l->out.tail = 0;
		if (queue_put(&l->out, &m) == KM_OK)
			line_send(v, l);
		else
			line_close(v, l);
	}
}
