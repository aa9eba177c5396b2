/* Desk operations on the trail and on the vault itself. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kenmon/event.h>

#include "desk.h"

#define AUDIT_PAGE   100   /* a record with its body is a kilobyte and a half */
#define VERIFY_SLICE 20000 /* records checked in one go: some 50 ms, in which logins wait */

/* The login of a subject, as far as somebody still has it. */
static void login_of(struct call *c, const uint8_t subject[KM_SUBJECT_BYTES], char out[65])
{
	struct km_operator op;
	struct km_person who = { 0 };

	out[0] = '\0';
	if (store_operator_by_subject(c->v->store, subject, &op) == KM_OK &&
	    store_person(c->v->store, &op, &who) == KM_OK)
		memcpy(out, who.login, sizeof who.login);
	km_wipe(&who, sizeof who);
}

static km_rc put_record(struct call *c, const struct km_audit_row *a)
{
	static const uint8_t nobody[KM_SUBJECT_BYTES];
	struct km_msg m = { .number = KM_MSG_AUDIT_ROW };
	struct msg_audit_row *row = &m.audit_row;

	row->seq = a->seq;
	row->wall = a->wall;
	row->event = a->event;
	memcpy(row->subject, a->subject, sizeof row->subject);
	memcpy(row->actor, a->actor, sizeof row->actor);
	memcpy(row->body, a->body, sizeof row->body);
	memcpy(row->hash, a->hash, sizeof row->hash);
	if (memcmp(a->subject, nobody, sizeof nobody) != 0)
		login_of(c, a->subject, row->login);
	return call_put(c, &m);
}

static km_rc put_page(struct call *c, uint64_t after, const uint8_t *subject, size_t limit)
{
	struct km_audit_row *page = calloc(limit, sizeof *page);
	size_t count = 0;
	km_rc rc = page ? store_audit(c->v->store, after, subject, limit, page, &count) : KM_ENOMEM;

	for (size_t i = 0; rc == KM_OK && i < count; i++)
		rc = put_record(c, &page[i]);
	c->id = count;
	free(page);
	return rc;
}

km_rc desk_audit_list(struct call *c)
{
	const struct msg_audit_list *m = &c->m->audit_list;
	size_t limit = m->limit > 0 && m->limit < AUDIT_PAGE ? m->limit : AUDIT_PAGE;
	const uint8_t *subject = NULL;
	uint64_t after = m->after;
	struct km_operator op;
	km_rc rc = KM_OK;

	if (m->login[0]) {
		rc = call_operator(c, m->login, &op);
		subject = op.subject;
	}
	if (rc == KM_OK && m->last > 0)
		rc = store_audit_last(c->v->store, subject, m->last, &after);
	return rc == KM_OK ? put_page(c, after, subject, limit) : rc;
}

static km_rc put_progress(struct call *c, uint64_t done)
{
	struct km_msg m = { .number = KM_MSG_PROGRESS };
	struct km_head head;
	km_rc rc = store_head(c->v->store, &head);

	if (rc != KM_OK)
		return rc;
	m.progress.done = done;
	m.progress.total = head.seq;
	return call_put(c, &m);
}

km_rc desk_audit_verify(struct call *c)
{
	struct km_verify *verify = &c->l->verify;
	km_rc rc;

	if (!c->m->audit_verify.again)
		*verify = (struct km_verify){ 0 };
	rc = store_audit_verify(c->v->store, verify, VERIFY_SLICE);
	if (rc != KM_OK)
		return rc;
	c->id = verify->next ? verify->next - 1 : 0;
	if (verify->bad) {
		c->id = verify->bad;
		call_say(c, "%s", verify->why);
		return KM_ECORRUPT;
	}
	if (verify->finished)
		return KM_OK;
	rc = put_progress(c, c->id);
	return rc == KM_OK ? KM_EAGAIN : rc;
}

static km_rc put_status(struct call *c, bool alarm, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static km_rc put_status(struct call *c, bool alarm, const char *key, const char *format, ...)
{
	struct km_msg m = { .number = KM_MSG_STATUS_ROW };
	va_list args;

	snprintf(m.status_row.key, sizeof m.status_row.key, "%s", key);
	va_start(args, format);
	vsnprintf(m.status_row.value, sizeof m.status_row.value, format, args);
	va_end(args);
	m.status_row.alarm = alarm;
	return call_put(c, &m);
}

static const struct {
	enum km_suspicion bit;
	const char *key;
} doubts[] = {
	{ KM_SUSPECT_CLOCK, "clock" },
	{ KM_SUSPECT_MACHINE, "machine" },
	{ KM_SUSPECT_ROLLBACK, "database" },
};

static km_rc put_doubts(struct call *c)
{
	km_rc rc = KM_OK;

	for (size_t i = 0; rc == KM_OK && i < sizeof doubts / sizeof doubts[0]; i++) {
		if (c->v->suspicion & doubts[i].bit)
			rc = put_status(c, true, doubts[i].key, "%s", c->v->found[i]);
		else
			rc = put_status(c, false, doubts[i].key, "not in doubt");
	}
	return rc;
}

static km_rc put_counts(struct call *c)
{
	struct km_counts n;
	km_rc rc = store_counts(c->v->store, &n);
	const struct {
		const char *key;
		uint64_t value;
	} row[] = {
		{ "operators", n.operators },   { "suspended", n.suspended },
		{ "being-erased", n.erasing },  { "without-a-factor", n.unenrolled },
		{ "not-bound-yet", n.unbound }, { "credentials", n.credentials },
		{ "locked", n.locked },         { "audit-records", n.records },
	};

	for (size_t i = 0; rc == KM_OK && i < sizeof row / sizeof row[0]; i++)
		rc = put_status(c, false, row[i].key, "%llu", (unsigned long long)row[i].value);
	return rc;
}

km_rc desk_status(struct call *c)
{
	const struct vault *v = c->v;
	km_rc rc = put_status(c, false, "version", "%s", KM_VERSION);

	if (rc == KM_OK)
		rc = put_doubts(c);
	if (rc == KM_OK && v->trail[0])
		rc = put_status(c, true, "state-folder", "%s", v->trail);
	if (rc == KM_OK)
		rc = put_counts(c);
	if (rc == KM_OK)
		rc = put_status(c, false, "key-generation", "%u", km_keys_generation(v->keys));
	if (rc == KM_OK)
		rc = put_status(c, false, "time-zone", "%s",
				v->conf.time_zone[0] ? v->conf.time_zone : "the machine's");
	if (rc == KM_OK)
		rc = put_status(c, false, "approval",
				"by one person: uid 0 acts alone and without a factor of its own");
	if (rc == KM_OK && km_locked_degraded())
		rc = put_status(c, false, "memory",
				"not locked: the limit on locked memory is too small");
	return rc;
}

km_rc desk_accept(struct call *c)
{
	const struct msg_accept *m = &c->m->accept;
	size_t i = 0;
	km_rc rc;

	while (i < sizeof doubts / sizeof doubts[0] && doubts[i].bit != m->what)
		i++;
	if (i == sizeof doubts / sizeof doubts[0])
		return KM_EINVAL;
	if (!(c->v->suspicion & m->what)) {
		call_say(c, "nothing of this kind is in doubt");
		return KM_ENOTFOUND;
	}
	rc = put_status(c, true, doubts[i].key, "%s", c->v->found[i]);
	if (rc != KM_OK || !m->confirm)
		return rc;
	rc = suspect_accept(c->v, (enum km_suspicion)m->what, c->actor);
	/* The judge writes down from here on what it is told now. */
	c->v->head_told = 0;
	c->v->head_told_ms = 0;
	return rc;
}
