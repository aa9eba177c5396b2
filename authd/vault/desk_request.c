/*
 * Acts that wait for a second person: filing, listing, showing. What is filed is
 * the message itself; what the approver reads is made from it (act.c). Deciding is
 * in desk_decide.c.
 */
#include "desk_request.h"

#include <stdio.h>
#include <string.h>

#include <kenmon/factor.h>
#include <kenmon/log.h>
#include <kenmon/store_request.h>

#include "act.h"
#include "store_invitation.h"

#define DAY 86400 /* seconds */

_Static_assert(sizeof((struct msg_request_row){ 0 }.text) == ACT_TEXT, "");
_Static_assert(sizeof((struct msg_request_row){ 0 }.digest) == KM_DIGEST_BYTES, "");

/* --- filing -------------------------------------------------------------------------- */

static km_rc seal(struct call *c, const struct km_msg *m, struct km_filed *r)
{
	uint8_t frame[KM_REQUEST_BYTES];
	struct km_event_record e;
	size_t len = 0;
	km_rc rc = km_encode(m, frame, sizeof frame, &len);

	event_make(&e, KM_EVENT_REQUESTED, r->subject, c->actor);
	event_add(&e, "act", act_word(r->act));
	if (rc == KM_OK)
		rc = store_request_file(c->v->store, r, frame, len, &e);
	km_wipe(frame, sizeof frame);
	if (rc == KM_OK)
		note_event(c->v, &e);
	if (rc == KM_ELIMIT)
		call_say(c, "too many requests wait already: approve or reject some first");
	return rc;
}

/* op: whom it is about; NULL: nobody who is registered. */
static km_rc file(struct call *c, const struct km_msg *m, const struct km_operator *op)
{
	struct km_filed r = { .act = m->number,
			      .expires =
				  c->v->now.wall + (int64_t)c->v->conf.approval_expires * DAY };
	char text[ACT_TEXT];
	km_rc rc = act_text(m, text);

	if (op)
		memcpy(r.subject, op->subject, sizeof r.subject);
	call_requester(c, r.requester);
	if (rc == KM_OK)
		rc = act_digest(r.act, r.subject, text, r.digest);
	if (rc == KM_ELIMIT)
		call_say(c, "this is too long to be shown to the second person");
	km_wipe(text, sizeof text);
	if (rc == KM_OK)
		rc = seal(c, m, &r);
	if (rc != KM_OK)
		return rc;
	c->id = r.id;
	return KM_EFILED;
}

/* What could not be done now is not filed: the second person's time is not wasted on it. */
static km_rc could_be(struct call *c, struct km_operator *op, const struct km_operator **about)
{
	const char *login = km_message_login(c->m);
	km_rc rc;

	*about = NULL;
	if (c->m->number == KM_MSG_OPERATOR_ADD)
		return desk_operator_addable(c);
	if (c->m->number == KM_MSG_COURIER_TEST)
		return desk_courier_testable(c);
	if (!login || !login[0])
		return KM_OK;
	rc = call_operator(c, login, op);
	if (rc != KM_OK)
		return rc;
	if (op->state == KM_ERASING)
		return KM_ESTATE;
	*about = op;
	return KM_OK;
}

/* Who is held now, and no others later. */
static km_rc file_release(struct call *c)
{
	struct km_msg m = { .number = KM_MSG_DUE_RELEASE, .due_release = c->m->due_release };
	km_rc rc = desk_due_releasable(c, m.due_release.set);

	return rc == KM_OK ? file(c, &m, NULL) : rc;
}

km_rc request_file(struct call *c)
{
	const struct km_operator *about;
	struct km_operator op;
	km_rc rc;

	if (c->m->number == KM_MSG_DUE_RELEASE)
		return file_release(c);
	rc = could_be(c, &op, &about);
	return rc == KM_OK ? file(c, c->m, about) : rc;
}

/* Without a request nothing that waits would ever become good: then it goes again. */
static km_rc take_back(struct call *c, const struct km_operator *op, uint64_t credential, km_rc why)
{
	struct km_event_record e;
	km_rc rc = KM_OK;

	call_event(c, &e, KM_EVENT_CREDENTIAL_REMOVED, op);
	event_add(&e, "reason", "not-filed");
	if (credential)
		event_add_number(&e, "credential", (int64_t)credential);
	if (credential)
		rc = store_credential_remove(c->v->store, op->subject, credential, &e);
	else
		rc = store_invitation_drop(c->v->store, op->subject, &e);
	if (rc == KM_OK)
		note_event(c->v, &e);
	else
		store_give_up(c->v->store); /* nothing of this round, rather than half of it */
	return why;
}

void request_describe(const struct km_credential *waits, struct msg_activate *m)
{
	m->factor = waits->factor;
	m->algorithm = waits->algorithm;
	m->digits = waits->digits;
	m->period = waits->period;
	m->counter = waits->factor == KM_FACTOR_HOTP ? waits->moving : 0;
	memcpy(m->label, waits->label, sizeof m->label);
	m->until = waits->until;
}

km_rc request_file_activation(struct call *c, const struct km_operator *op,
			      const struct activation *a)
{
	struct km_msg m = { .number = KM_MSG_ACTIVATE };
	struct km_credential waits;
	struct km_person who = { 0 };
	km_rc rc = store_person(c->v->store, op, &who);

	if (rc == KM_OK && a->credential)
		rc = desk_credential(c, op, a->credential, &waits);
	if (rc == KM_OK && a->credential)
		request_describe(&waits, &m.activate);
	memcpy(m.activate.login, who.login, sizeof m.activate.login);
	m.activate.credential = a->credential;
	if (a->invitation) {
		m.activate.invitation = store_invitation_name(a->invitation);
		m.activate.seconds = a->invitation->seconds;
	}
	m.activate.confirmed = a->confirmed;
	snprintf(m.activate.number, sizeof m.activate.number, "%s", a->number ? a->number : "");
	snprintf(m.activate.reason, sizeof m.activate.reason, "%s", a->reason ? a->reason : "");
	km_wipe(&who, sizeof who);
	if (rc == KM_OK)
		rc = file(c, &m, op);
	km_wipe(&m, sizeof m);
	return rc == KM_EFILED ? rc : take_back(c, op, a->credential, rc);
}

/* --- reading --------------------------------------------------------------------------- */

km_rc request_open(struct vault *v, const struct km_filed *r, struct km_msg *m, char text[ACT_TEXT])
{
	uint8_t frame[KM_REQUEST_BYTES], digest[KM_DIGEST_BYTES];
	size_t len = 0;
	km_rc rc = store_request_open(v->store, r, frame, sizeof frame, &len);

	if (rc == KM_OK && km_decode(frame, len, KM_FROM_DESK, KM_PHASE_DESK_IDLE, m) != KM_OK)
		rc = KM_ECORRUPT;
	km_wipe(frame, sizeof frame);
	if (rc == KM_OK)
		rc = m->number == r->act ? act_text(m, text) : KM_ECORRUPT;
	if (rc == KM_OK)
		rc = act_digest(r->act, r->subject, text, digest);
	if (rc == KM_OK && !km_equal(digest, sizeof digest, r->digest, sizeof r->digest))
		rc = KM_ECORRUPT;
	return rc;
}

/* "" where there is no name any more, or never was. */
static km_rc name_of(struct vault *v, const uint8_t subject[KM_SUBJECT_BYTES], char login[65])
{
	static const uint8_t nobody[KM_SUBJECT_BYTES];
	struct km_person who = { 0 };
	struct km_operator op;
	km_rc rc = KM_ENOTFOUND;

	if (memcmp(subject, nobody, sizeof nobody) != 0)
		rc = store_operator_by_subject(v->store, subject, &op);
	if (rc == KM_OK)
		rc = store_person(v->store, &op, &who);
	memcpy(login, who.login, sizeof who.login);
	km_wipe(&who, sizeof who);
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

/* One that does not open is listed without its text: it can be rejected, and not approved. */
static km_rc put_request(struct call *c, const struct km_filed *r)
{
	struct km_msg m = { .number = KM_MSG_REQUEST_ROW }, asked = { 0 };
	struct msg_request_row *row = &m.request_row;
	km_rc rc = request_open(c->v, r, &asked, row->text);

	if (rc == KM_OK && r->act == KM_MSG_OPERATOR_ADD) /* whom it is about is nobody here yet */
		memcpy(row->login, asked.operator_add.login, sizeof row->login);
	if (rc == KM_ECORRUPT)
		rc = KM_OK;
	if (rc == KM_OK)
		rc = name_of(c->v, r->requester, row->requester);
	if (rc == KM_OK && !row->login[0])
		rc = name_of(c->v, r->subject, row->login);
	row->id = r->id;
	row->act = r->act;
	row->filed = r->filed;
	row->expires = r->expires;
	memcpy(row->digest, r->digest, sizeof row->digest);
	if (rc == KM_OK)
		rc = call_put(c, &m);
	km_msg_wipe(&asked);
	km_wipe(&m, sizeof m);
	return rc;
}

km_rc desk_approval_list(struct call *c)
{
	static struct km_filed page[KM_REQUESTS]; /* one at a time: the vault has one thread */
	const struct msg_approval_list *m = &c->m->approval_list;
	size_t count = 0, limit = m->limit < KM_REQUESTS ? m->limit : KM_REQUESTS;
	km_rc rc = store_requests(c->v->store, m->after, limit, page, &count);

	for (size_t i = 0; rc == KM_OK && i < count; i++)
		rc = put_request(c, &page[i]);
	c->id = count;
	return rc;
}

km_rc request_find(struct call *c, uint64_t id, struct km_filed *out)
{
	km_rc rc = store_request(c->v->store, id, out);

	if (rc == KM_ENOTFOUND)
		call_say(c, "no request %llu waits: it was decided, or has expired",
			 (unsigned long long)id);
	return rc;
}

km_rc desk_approval_show(struct call *c)
{
	struct km_filed r;
	km_rc rc = request_find(c, c->m->approval_show.id, &r);

	return rc == KM_OK ? put_request(c, &r) : rc;
}

static struct km_filed all[KM_REQUESTS]; /* one at a time: the vault has one thread */

km_rc request_for(struct vault *v, unsigned act, struct km_filed *out)
{
	size_t count = 0;
	km_rc rc = store_requests(v->store, 0, KM_REQUESTS, all, &count);

	for (size_t i = 0; rc == KM_OK && i < count; i++) {
		if (all[i].act != act)
			continue;
		*out = all[i];
		return KM_OK;
	}
	return rc == KM_OK ? KM_ENOTFOUND : rc;
}

km_rc desk_request_rows(struct call *c)
{
	size_t count = 0;
	km_rc rc = store_requests(c->v->store, 0, KM_REQUESTS, all, &count);

	if (rc != KM_OK || count == 0)
		return rc;
	return call_status(c, false, "requests-waiting", "%zu", count);
}
