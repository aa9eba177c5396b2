/* Desk operations on the trail and on the vault itself. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <kenmon/event.h>
#include <kenmon/hex.h>
#include <kenmon/wall.h>

#include "desk.h"
#include "grant.h"

#define AUDIT_PAGE   100  /* a record with its body is a kilobyte and a half */
#define VERIFY_SLICE 5000 /* records checked in one go: some 5 ms, in which logins wait */
#define SIGNERS_PAGE 64

/* The login of a subject, as far as somebody still has it; else "". */
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

static bool subject_of(const char *hex, uint8_t subject[KM_SUBJECT_BYTES])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < (size_t)2 * KM_SUBJECT_BYTES; i++) {
		const char *digit = hex[i] ? strchr(digits, hex[i]) : NULL;

		if (!digit)
			return false;
		subject[i / 2] = (uint8_t)(subject[i / 2] << 4 | (digit - digits));
	}
	return true;
}

/* The login of who did it, where that is somebody registered; else as it is written. */
static void name_of(struct call *c, const char actor[65], char out[65])
{
	uint8_t subject[KM_SUBJECT_BYTES] = { 0 };
	size_t len = strlen(DESK_ACTOR);

	out[0] = '\0';
	if (strncmp(actor, DESK_ACTOR, len) == 0 && subject_of(actor + len, subject))
		login_of(c, subject, out);
	if (!out[0])
		memcpy(out, actor, 65);
}

/*
 * Whom the body names under this key, which ends in '='; their subject where they have no login any
 * more. Untouched where it names nobody.
 */
static void named_in(struct call *c, const char *body, const char *key, char out[65])
{
	uint8_t subject[KM_SUBJECT_BYTES] = { 0 };
	const char *at = body;

	while (at && strncmp(at, key, strlen(key)) != 0) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	if (!at || !subject_of(at + strlen(key), subject))
		return;
	out[0] = '\0';
	login_of(c, subject, out);
	if (!out[0])
		snprintf(out, 65, "%.*s", 2 * KM_SUBJECT_BYTES, at + strlen(key));
}

km_rc desk_record_row(struct call *c, const struct km_audit_row *a)
{
	static const uint8_t nobody[KM_SUBJECT_BYTES];
	struct km_msg m = { .number = KM_MSG_AUDIT_ROW };
	struct msg_audit_row *row = &m.audit_row;

	row->seq = a->seq;
	row->wall = a->wall;
	row->event = a->event;
	memcpy(row->subject, a->subject, sizeof row->subject);
	name_of(c, a->actor, row->actor);
	/* Where two did it, the record is the approver's, on whose line it was done. */
	named_in(c, a->body, EVENT_REQUESTER "=", row->actor);
	named_in(c, a->body, EVENT_APPROVER "=", row->approver);
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
		rc = desk_record_row(c, &page[i]);
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

km_rc call_signer(struct call *c, const struct km_signer *signer)
{
	struct km_msg m = { .number = KM_MSG_SIGNER_ROW };
	struct msg_signer_row *row = &m.signer_row;

	row->generation = signer->generation;
	memcpy(row->public, signer->public, sizeof row->public);
	row->since_seq = signer->since_seq;
	memcpy(row->since_hash, signer->since_hash, sizeof row->since_hash);
	memcpy(row->signature, signer->signature, sizeof row->signature);
	return call_put(c, &m);
}

/* The signers that this slice verified. */
static km_rc put_signers(struct call *c, uint32_t after, uint32_t last)
{
	struct km_signer page[SIGNERS_PAGE];
	size_t count = 0;
	km_rc rc = KM_OK;

	while (rc == KM_OK && after < last) {
		rc = store_signers(c->v->store, after, SIGNERS_PAGE, page, &count);
		for (size_t i = 0; rc == KM_OK && i < count && after < last; i++) {
			after = page[i].generation;
			rc = call_signer(c, &page[i]);
		}
		if (rc == KM_OK && count == 0)
			rc = KM_ECORRUPT;
	}
	return rc;
}

static km_rc put_verified(struct call *c, const struct km_verify *verify)
{
	struct km_msg m = { .number = KM_MSG_VERIFIED };
	struct km_head head;
	km_rc rc = store_head(c->v->store, &head);

	if (rc != KM_OK)
		return rc;
	memcpy(m.verified.chain, head.chain, sizeof m.verified.chain);
	m.verified.records = verify->next - 1;
	m.verified.seals = verify->seals;
	m.verified.sealed = verify->sealed;
	m.verified.restored = verify->restored;
	return call_put(c, &m);
}

km_rc desk_audit_verify(struct call *c)
{
	struct km_verify *verify = &c->l->verify;
	uint32_t before;
	km_rc rc;

	if (!c->m->audit_verify.again) {
		*verify = (struct km_verify){ 0 };
		tend_seal(c->v, true);
	}
	before = verify->checked;
	rc = store_audit_verify(c->v->store, verify, VERIFY_SLICE);
	if (rc != KM_OK)
		return rc;
	c->id = verify->next ? verify->next - 1 : 0;
	if (verify->bad) {
		c->id = verify->bad;
		call_say(c, "%s", verify->why);
		return KM_ECORRUPT;
	}
	if (verify->checked > before)
		rc = put_signers(c, before, verify->checked);
	if (rc == KM_OK && verify->finished)
		return put_verified(c, verify);
	if (rc == KM_OK)
		rc = put_progress(c, c->id);
	return rc == KM_OK ? KM_EAGAIN : rc;
}

km_rc desk_audit_anchor(struct call *c)
{
	struct km_anchor a;
	char why[192];
	km_rc rc;

	KM_ANCHOR_COPY(&a, &c->m->audit_anchor);
	rc = store_anchor_check(c->v->store, &a, why, sizeof why);
	if (rc == KM_ECORRUPT)
		call_say(c, "%s", why);
	c->id = a.seq;
	return rc;
}

km_rc call_status(struct call *c, bool alarm, const char *key, const char *format, ...)
{
	struct km_msg m = { .number = KM_MSG_STATUS_ROW };
	va_list args;
	km_rc rc;

	snprintf(m.status_row.key, sizeof m.status_row.key, "%s", key);
	va_start(args, format);
	vsnprintf(m.status_row.value, sizeof m.status_row.value, format, args);
	va_end(args);
	m.status_row.alarm = alarm;
	rc = call_put(c, &m);
	km_wipe(&m, sizeof m); /* some name people */
	return rc;
}

const char *call_time(int64_t wall, char text[CALL_TIME])
{
	time_t when = (time_t)wall;
	struct tm tm;

	if (!gmtime_r(&when, &tm) || !strftime(text, CALL_TIME, "%Y-%m-%d %H:%M UTC", &tm))
		snprintf(text, CALL_TIME, "%lld", (long long)wall);
	return text;
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
			rc = call_status(c, true, doubts[i].key, "%s", c->v->found[i]);
		else
			rc = call_status(c, false, doubts[i].key, "not in doubt");
	}
	return rc;
}

/* Where nobody has a finger, none is missed. */
static km_rc put_matcher(struct call *c, bool missed)
{
	if (matcher_ready(c->v))
		return call_status(c, false, "matcher", "connected");
	if (c->v->matcher_door < 0)
		return call_status(c, missed, "matcher",
				   "no socket for it was passed: fingers are not compared");
	return call_status(c, missed, "matcher",
			   "not connected: codes alone are accepted until it is; see the journal "
			   "of kenmon-matcher");
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
		{ "fingers", n.fingers },       { "with-a-finger", n.fingered },
		{ "locked", n.locked },         { "audit-records", n.records },
	};

	if (rc == KM_OK)
		rc = put_matcher(c, n.fingers > 0);
	for (size_t i = 0; rc == KM_OK && i < sizeof row / sizeof row[0]; i++)
		rc = call_status(c, false, row[i].key, "%llu", (unsigned long long)row[i].value);
	return rc;
}

/* The first signer is what a site writes down where nobody here can change it. */
static km_rc put_seals(struct call *c)
{
	struct km_signer first;
	char hex[KM_HEX(KM_PUBLIC_BYTES)];
	uint64_t seq = 0;
	int64_t wall;
	size_t count = 0;
	km_rc rc = store_signers(c->v->store, 0, 1, &first, &count);

	if (rc == KM_OK && count > 0)
		rc = call_status(c, false, "first-signer", "%s",
				 km_hex(first.public, sizeof first.public, hex));
	if (rc == KM_OK)
		rc = store_last_seal(c->v->store, &seq, &wall);
	if (rc == KM_ENOTFOUND)
		return call_status(c, false, "last-sealed-record", "none");
	return rc == KM_OK
		   ? call_status(c, false, "last-sealed-record", "%llu", (unsigned long long)seq)
		   : rc;
}

/* Who acts, what waits for whom, and what is open meanwhile. */
static km_rc put_acts(struct call *c)
{
	km_rc rc = founding_rows(c);

	if (rc == KM_OK)
		rc = desk_request_rows(c);
	return rc == KM_OK ? desk_bypass_rows(c) : rc;
}

km_rc desk_status(struct call *c)
{
	const struct vault *v = c->v;
	km_rc rc = call_status(c, false, "version", "%s", KM_VERSION);

	if (rc == KM_OK)
		rc = put_doubts(c);
	if (rc == KM_OK && v->trail[0])
		rc = call_status(c, true, "state-folder", "%s", v->trail);
	if (rc == KM_OK)
		rc = put_counts(c);
	if (rc == KM_OK)
		rc = desk_due_rows(c);
	if (rc == KM_OK)
		rc = desk_epoch_row(c);
	if (rc == KM_OK)
		rc = desk_bundle_row(c);
	if (rc == KM_OK)
		rc = put_seals(c);
	if (rc == KM_OK)
		rc = desk_review_row(c);
	if (rc == KM_OK)
		rc = desk_courier_rows(c);
	if (rc == KM_OK)
		rc = call_status(c, false, "time-zone", "%s",
				 v->conf.time_zone[0] ? v->conf.time_zone : "the machine's");
	if (rc == KM_OK)
		rc = call_status(c, v->conf.approval_required && !desk_founded(v), "approval", "%s",
				 desk_mode(v));
	if (rc == KM_OK)
		rc = put_acts(c);
	if (rc == KM_OK && km_locked_degraded())
		rc = call_status(c, false, "memory",
				 "not locked: the limit on locked memory is too small");
	for (unsigned gap = 1; rc == KM_OK && km_wall_gap_text(gap); gap <<= 1) {
		if (v->wall_gaps & gap)
			rc = call_status(c, gap == KM_WALL_OPEN_BUILD, "walls", "%s",
					 km_wall_gap_text(gap));
	}
	return rc;
}

km_rc desk_accept(struct call *c)
{
	const struct msg_accept *m = &c->m->accept;
	size_t i = 0;
	km_rc rc;

	if (m->what == KM_ACCEPT_ADMINISTRATORS)
		return founding_accept(c);
	while (i < sizeof doubts / sizeof doubts[0] && doubts[i].bit != m->what)
		i++;
	if (i == sizeof doubts / sizeof doubts[0])
		return KM_EINVAL;
	if (!(c->v->suspicion & m->what)) {
		call_say(c, "nothing of this kind is in doubt");
		return KM_ENOTFOUND;
	}
	rc = call_status(c, true, doubts[i].key, "%s", c->v->found[i]);
	if (rc != KM_OK || !m->confirm)
		return rc;
	rc = suspect_accept(c->v, (enum km_suspicion)m->what, c->actor);
	/* The judge writes down from here on what it is told now. */
	c->v->head_told = 0;
	c->v->head_told_ms = 0;
	return rc;
}
