/*
 * Employee numbers and logins that stand twice in a roster. Sorted at the end
 * rather than hashed: whoever writes the file cannot make it slow.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "roster_csv.h"

#define CHUNK (256 * 1024)

struct chunk {
	struct chunk *next;
	size_t used;
	char text[CHUNK];
};

struct seen {
	const char *text;
	uint32_t line;
};

struct list {
	struct seen *item;
	size_t count, cap;
};

struct roster_seen {
	struct chunk *chunks;
	struct list numbers, logins;
};

struct roster_seen *sheet_seen_new(void)
{
	return calloc(1, sizeof(struct roster_seen));
}

static const char *keep(struct roster_seen *s, const char *text)
{
	size_t size = strlen(text) + 1;
	struct chunk *c = s->chunks;

	if (!c || c->used + size > CHUNK) {
		c = malloc(sizeof(*c));
		if (!c)
			return NULL;
		c->next = s->chunks;
		c->used = 0;
		s->chunks = c;
	}
	memcpy(c->text + c->used, text, size);
	c->used += size;
	return c->text + c->used - size;
}

static bool add(struct roster_seen *s, struct list *l, const char *text, uint32_t line)
{
	const char *kept;

	if (!*text)
		return true;
	kept = keep(s, text);
	if (kept && l->count == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 1024;
		struct seen *item = realloc(l->item, cap * sizeof(*item));

		if (!item)
			return false;
		l->item = item;
		l->cap = cap;
	}
	if (kept)
		l->item[l->count++] = (struct seen){ kept, line };
	return kept != NULL;
}

bool sheet_seen_add(struct roster_seen *s, const struct roster_row *row)
{
	/* Who left, under a login that somebody else has now, may be in the same file. */
	return add(s, &s->numbers, row->employee_number, row->line) &&
	       (row->status > KM_ROSTER_LEAVE || add(s, &s->logins, row->login, row->line));
}

static int by_text(const void *a, const void *b)
{
	const struct seen *p = a, *q = b;
	int order = strcmp(p->text, q->text);

	return order ? order : p->line < q->line ? -1 : p->line > q->line;
}

/* At the later line, with the first one. */
static void report(struct list *l, struct roster *r, unsigned column)
{
	size_t first = 0;
	char line[16];

	if (l->count)
		qsort(l->item, l->count, sizeof(l->item[0]), by_text);
	for (size_t i = 1; i < l->count; i++) {
		if (strcmp(l->item[i].text, l->item[first].text) != 0) {
			first = i;
			continue;
		}
		snprintf(line, sizeof(line), "%" PRIu32, l->item[first].line);
		feedfile_problem(r, l->item[i].line, column, DESK_ROSTER_TWICE, l->item[i].text,
				 line);
	}
}

void sheet_seen_report(struct roster_seen *s, struct roster *r)
{
	report(&s->numbers, r, ROSTER_EMPLOYEE_NUMBER);
	report(&s->logins, r, ROSTER_LOGIN);
}

void sheet_seen_free(struct roster_seen *s)
{
	if (!s)
		return;
	while (s->chunks) {
		struct chunk *next = s->chunks->next;

		free(s->chunks);
		s->chunks = next;
	}
	free(s->numbers.item);
	free(s->logins.item);
	free(s);
}
