/* What a roster would do, or does, row by row. */
#include <stdio.h>
#include <string.h>

#include "desk.h"

static km_rc login_of(struct call *c, const uint8_t subject[KM_SUBJECT_BYTES], char login[65])
{
	struct km_operator op;
	struct km_person who = { 0 };
	km_rc rc = store_operator_by_subject(c->v->store, subject, &op);

	if (rc == KM_OK)
		rc = store_person(c->v->store, &op, &who);
	memcpy(login, who.login, sizeof who.login);
	km_wipe(&who, sizeof who);
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

static void note_text(const struct roster_verdict *verdict, unsigned outcome, char *out, size_t cap)
{
	if (outcome == KM_OUTCOME_WRONG)
		snprintf(out, cap, "%s", roster_fault_text(verdict->fault));
	else if (outcome == KM_OUTCOME_LEFT)
		snprintf(out, cap, "%s", km_cause_word(verdict->cause));
	else
		roster_fields(verdict->mask, out, cap);
}

static km_rc put_row(struct call *c, const struct km_feed *feed, const struct km_subject_key *key,
		     const struct km_staged *row)
{
	struct km_msg m = { .number = KM_MSG_ROSTER_NOTE };
	struct roster_verdict verdict = { 0 };
	struct roster_row r = { 0 };
	uint8_t plain[ROSTER_PACKED];
	size_t len = 0;
	km_rc rc = store_stage_open(c->v->store, feed, key, row, plain, sizeof plain, &len);

	if (rc == KM_OK)
		rc = roster_unpack(plain, len, &r, &verdict);
	m.roster_note.cursor = m.roster_note.line = row->line;
	m.roster_note.outcome = row->outcome;
	m.roster_note.day = row->day;
	memcpy(m.roster_note.login, r.who.login, sizeof r.who.login);
	note_text(&verdict, row->outcome, m.roster_note.text, sizeof m.roster_note.text);
	if (rc == KM_OK)
		rc = call_put(c, &m);
	km_wipe(&r, sizeof r);
	km_wipe(plain, sizeof plain);
	km_wipe(&m, sizeof m);
	return rc;
}

static km_rc put_gone(struct call *c, const struct km_operator *op)
{
	struct km_msg m = { .number = KM_MSG_ROSTER_NOTE };
	km_rc rc;

	m.roster_note.cursor = ROSTER_LINES_END + op->cursor;
	m.roster_note.outcome = KM_OUTCOME_GONE;
	m.roster_note.day = c->v->now.today;
	rc = login_of(c, op->subject, m.roster_note.login);
	if (rc == KM_OK)
		rc = call_put(c, &m);
	km_wipe(&m, sizeof m);
	return rc;
}

static km_rc list_rows(struct call *c, const struct km_feed *feed, uint64_t after, size_t limit)
{
	static struct km_staged page[DESK_PAGE];
	struct km_subject_key key KM_SUBJECT_KEY = { { 0 } };
	size_t got = DESK_PAGE;
	km_rc rc = store_feed_key(c->v->store, feed, &key);

	while (rc == KM_OK && got == DESK_PAGE && c->id < limit) {
		rc =
		    store_stage_page(c->v->store, feed->id, (uint32_t)after, DESK_PAGE, page, &got);
		for (size_t i = 0; rc == KM_OK && i < got && c->id < limit; i++) {
			after = page[i].line;
			if (page[i].outcome == KM_OUTCOME_SAME)
				continue;
			rc = put_row(c, feed, &key, &page[i]);
			c->id++;
		}
	}
	return rc;
}

static km_rc list_gone(struct call *c, const struct km_feed *feed, uint64_t after, size_t limit)
{
	static struct km_operator page[DESK_PAGE];
	struct roster_scope scope;
	size_t got = 0;
	km_rc rc = roster_scope(c->v->keys, &c->v->conf, &scope);

	if (rc == KM_OK)
		rc = roster_missing(c->v, feed, &scope, &after, limit - c->id, page, &got);
	for (size_t i = 0; rc == KM_OK && i < got; i++, c->id++)
		rc = put_gone(c, &page[i]);
	km_wipe(page, sizeof page); /* their wrapped keys */
	return rc;
}

static km_rc feed_to_list(struct call *c, uint64_t id, struct km_feed *out)
{
	km_rc rc;

	if (id) {
		rc = store_feed(c->v->store, id, out);
		if (rc == KM_ENOTFOUND)
			call_say(c, "there is no roster %llu", (unsigned long long)id);
		if (rc != KM_OK || (out->state != KM_FEED_STAGED && out->state != KM_FEED_DONE))
			return rc;
		call_say(c, "roster %llu is worked off; the audit trail says what it did",
			 (unsigned long long)id);
		return KM_ESTATE;
	}
	rc = roster_on_line(c, true);
	if (rc == KM_OK)
		*out = c->v->roster.feed;
	return rc;
}

km_rc desk_roster_list(struct call *c)
{
	const struct msg_roster_list *m = &c->m->roster_list;
	size_t limit = m->limit < DESK_PAGE ? m->limit : DESK_PAGE;
	uint64_t after = m->after;
	struct km_feed feed;
	km_rc rc = feed_to_list(c, m->feed, &feed);

	c->id = 0;
	if (rc == KM_OK && after < ROSTER_LINES_END)
		rc = list_rows(c, &feed, after, limit);
	if (rc == KM_OK && feed.whole && c->id < limit)
		rc = list_gone(c, &feed, after < ROSTER_LINES_END ? 0 : after - ROSTER_LINES_END,
			       limit);
	return rc;
}
