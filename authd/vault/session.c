/*
 * One login as the vault sees it: OPEN with the client's descriptor, CHECK as
 * often as the judge asks (check.c), and one decision. Whoever the judge says
 * the caller is, the vault asks the kernel.
 */
#include <string.h>
#include <unistd.h>

#include <kenmon/factor.h>
#include <kenmon/log.h>
#include <kenmon/sock.h>

#include "gate.h"
#include "vault.h"

struct session *session_find(struct vault *v, uint32_t id)
{
	for (size_t i = 0; id && i < VAULT_SESSIONS; i++) {
		if (v->session_id[i] == id)
			return &v->session[i];
	}
	return NULL;
}

static struct session *session_new(struct vault *v, uint32_t id)
{
	for (size_t i = 0; i < VAULT_SESSIONS; i++) {
		if (v->session_id[i])
			continue;
		v->session_id[i] = id;
		v->session[i] = (struct session){ .id = id, .client = -1 };
		return &v->session[i];
	}
	return NULL;
}

void session_end(struct vault *v, struct session *s)
{
	if (s->client >= 0)
		close(s->client);
	v->session_id[s - v->session] = 0;
	km_wipe(s, sizeof *s);
	s->client = -1;
}

/* Room for it is made by the loop, which takes no more requests than replies fit. */
static struct reply *reply_new(struct vault *v, struct session *s)
{
	struct reply *r = &v->reply[v->replies++];

	*r = (struct reply){ .session = s->id, .client = -1, .pass = -1 };
	r->to_judge.session = s->id;
	return r;
}

static void say_verdict(struct reply *r, struct km_verdict verdict)
{
	r->to_judge.number = KM_MSG_VERDICT;
	r->to_judge.verdict = (struct msg_verdict){ .verdict = (uint8_t)verdict.code,
						    .reason = (uint8_t)verdict.reason,
						    .wait = verdict.wait };
}

/* At the door a name that is unknown and a code that is wrong sound alike. */
static uint8_t reason_for_the_door(struct km_verdict verdict)
{
	if (km_reason_text(verdict.reason) == KM_TEXT_CODE_WRONG)
		return KM_REASON_WRONG;
	return (uint8_t)verdict.reason;
}

void session_decide(struct vault *v, struct session *s, struct km_verdict verdict)
{
	struct reply *r = reply_new(v, s);

	say_verdict(r, verdict);
	r->client = s->client;
	r->to_client.number = KM_MSG_RESULT;
	r->to_client.result.verdict = (uint8_t)verdict.code;
	r->to_client.result.reason = reason_for_the_door(verdict);
	r->to_client.result.wait = verdict.wait == UINT32_MAX ? 0 : verdict.wait;
	memcpy(r->to_client.result.nonce, s->asked.nonce, sizeof s->asked.nonce);
	memcpy(r->to_client.result.login, s->asked.login, sizeof s->asked.login);
	s->client = -1;
	session_end(v, s);
}

void session_retry(struct vault *v, struct session *s, struct km_verdict verdict)
{
	s->refused = true;
	say_verdict(reply_new(v, s), verdict);
}

km_rc session_bucket(struct vault *v, const char *login, uint16_t *bucket)
{
	uint8_t tag[KM_TAG_BYTES];
	km_rc rc = km_tag_login(v->keys, login, tag);

	if (rc == KM_OK)
		*bucket = (uint16_t)(tag[0] << 8 | tag[1]);
	return rc;
}

void session_describe(struct km_event_record *r, const struct session *s)
{
	event_add(r, "service", s->asked.service);
	if (s->asked.tty[0])
		event_add(r, "tty", s->asked.tty);
	if (s->asked.rhost[0])
		event_add(r, "rhost", s->asked.rhost);
	event_add(r, "origin", s->asked.origin == KM_ORIGIN_LOCAL ? "local" : "remote");
	event_add_number(r, "peer", s->peer);
}

static void refuse(struct vault *v, struct session *s, enum km_verdict_code code,
		   enum km_reason reason)
{
	session_decide(v, s, (struct km_verdict){ .code = code, .reason = reason });
}

/* Refuses with an audit record, as far as the source has not had its share of them. */
static km_rc refuse_and_record(struct vault *v, struct session *s, enum km_event event,
			       const uint8_t *subject, struct km_verdict verdict)
{
	struct km_event_record r;
	km_rc rc = KM_OK;

	if (crowd_admit(v, s->peer, s->asked.service, s->asked.rhost)) {
		event_make(&r, event, subject, "door");
		event_add(&r, "reason", km_reason_word(verdict.reason));
		session_describe(&r, s);
		rc = note_record(v, &r);
	}
	if (rc != KM_OK)
		verdict = (struct km_verdict){ KM_VERDICT_UNAVAILABLE, KM_REASON_STORAGE, 0 };
	session_decide(v, s, verdict);
	return KM_OK;
}

/* What stops everybody: a foreign machine, an old database. */
static enum km_reason closed_house(const struct vault *v)
{
	if (v->suspicion & KM_SUSPECT_ROLLBACK)
		return KM_REASON_ROLLBACK;
	if (v->suspicion & KM_SUSPECT_MACHINE)
		return KM_REASON_MACHINE;
	return KM_REASON_NONE;
}

uint16_t session_shape(uint32_t factors)
{
	uint16_t shape = 0;

	if (factors & (KM_FACTOR_BIT(KM_FACTOR_TOTP) | KM_FACTOR_BIT(KM_FACTOR_HOTP)))
		shape |= KM_SHAPE_DIGITS;
	if (factors & KM_FACTOR_BIT(KM_FACTOR_RECOVERY))
		shape |= KM_SHAPE_RECOVERY;
	return shape;
}

static km_rc open_login(struct vault *v, struct session *s)
{
	enum km_reason closed = closed_house(v);
	struct km_msg plan = { .number = KM_MSG_PLAN, .session = s->id };

	if (closed != KM_REASON_NONE)
		return refuse_and_record(v, s, KM_EVENT_LOGIN_REFUSED, NULL,
					 (struct km_verdict){ KM_VERDICT_UNAVAILABLE, closed, 0 });
	s->steps = km_conf_login_of(&v->conf, s->asked.service)->factors;
	if (check_plan(v, s, &plan.plan.slots) != KM_OK) {
		refuse(v, s, KM_VERDICT_UNAVAILABLE, KM_REASON_STORAGE);
		return KM_OK;
	}
	reply_new(v, s)->to_judge = plan;
	return KM_OK;
}

static struct km_verdict account_verdict(const struct vault *v, const struct session *s,
					 const struct km_operator *op)
{
	enum km_reason reason = gate_reason(op, v->now.today, s->asked.uid, s->trusted);
	struct km_verdict verdict = { KM_VERDICT_DENY, reason, 0 };

	if (reason == KM_REASON_NONE)
		verdict.code = KM_VERDICT_ALLOW;
	else if (reason == KM_REASON_SUSPENDED || reason == KM_REASON_DATES)
		verdict.code = KM_VERDICT_EXPIRED;
	return verdict;
}

static km_rc open_account(struct vault *v, struct session *s)
{
	struct km_verdict verdict = { KM_VERDICT_UNKNOWN, KM_REASON_UNKNOWN, 0 };
	enum km_reason closed = closed_house(v);
	struct km_operator op = { 0 };
	km_rc rc = store_operator_by_login(v->store, s->asked.login, &op);

	if (rc == KM_OK)
		verdict = account_verdict(v, s, &op);
	else if (rc != KM_ENOTFOUND)
		closed = KM_REASON_STORAGE;
	if (closed != KM_REASON_NONE)
		verdict = (struct km_verdict){ KM_VERDICT_UNAVAILABLE, closed, 0 };
	if (verdict.code != KM_VERDICT_ALLOW)
		return refuse_and_record(v, s, KM_EVENT_ACCOUNT_REFUSED, op.subject, verdict);
	session_decide(v, s, verdict);
	return KM_OK;
}

/* Beginnings and ends are written down for programs of root only: anybody else could make them up.
 */
static km_rc open_session(struct vault *v, struct session *s)
{
	bool opened = s->asked.kind == KM_REQUEST_SESSION_OPEN;
	struct km_operator op = { 0 };
	struct km_event_record r;

	if (s->trusted && store_operator_by_login(v->store, s->asked.login, &op) == KM_OK) {
		event_make(&r, opened ? KM_EVENT_SESSION_OPENED : KM_EVENT_SESSION_CLOSED,
			   op.subject, "door");
		session_describe(&r, s);
		if (note_record(v, &r) != KM_OK) {
			refuse(v, s, KM_VERDICT_UNAVAILABLE, KM_REASON_STORAGE);
			return KM_OK;
		}
	}
	session_decide(v, s, (struct km_verdict){ .code = KM_VERDICT_ALLOW });
	return KM_OK;
}

static km_rc open_desk(struct vault *v, struct session *s)
{
	struct reply *r;
	int other = -1;

	if (!s->trusted)
		return refuse_and_record(v, s, KM_EVENT_DESK_REFUSED, NULL,
					 (struct km_verdict){ KM_VERDICT_DENY, KM_REASON_PEER, 0 });
	if (line_new(v, s->peer, &other) != KM_OK) {
		refuse(v, s, KM_VERDICT_UNAVAILABLE, KM_REASON_BUSY);
		return KM_OK;
	}
	r = reply_new(v, s);
	say_verdict(r, (struct km_verdict){ .code = KM_VERDICT_ALLOW });
	r->client = s->client;
	r->pass = other;
	r->to_client.number = KM_MSG_DESK_LINE;
	memcpy(r->to_client.desk_line.nonce, s->asked.nonce, sizeof s->asked.nonce);
	s->client = -1;
	session_end(v, s);
	return KM_OK;
}

static const struct {
	enum km_request kind;
	km_rc (*open)(struct vault *v, struct session *s);
} requests[] = {
	{ KM_REQUEST_AUTHENTICATE, open_login },
	{ KM_REQUEST_ACCOUNT, open_account },
	{ KM_REQUEST_SESSION_OPEN, open_session },
	{ KM_REQUEST_SESSION_CLOSE, open_session },
	{ KM_REQUEST_DESK, open_desk },
};

km_rc session_open(struct vault *v, uint32_t id, const struct msg_open *m, int fd)
{
	struct session *s = NULL;
	pid_t pid;
	gid_t gid;

	if (id != 0 && fd >= 0 && !session_find(v, id))
		s = session_new(v, id);
	if (!s) {
		if (fd >= 0)
			close(fd);
		return KM_EPROTO;
	}
	s->client = fd;
	s->asked = *m;
	if (km_peer(fd, &pid, &s->peer, &gid) != KM_OK) {
		session_end(v, s);
		return KM_EPROTO;
	}
	s->trusted = s->peer == 0 || (v->has_owner && s->peer == v->owner);
	if (!s->trusted && m->kind != KM_REQUEST_DESK && m->uid != s->peer)
		return refuse_and_record(v, s, KM_EVENT_LOGIN_REFUSED, NULL,
					 (struct km_verdict){ KM_VERDICT_DENY, KM_REASON_PEER, 0 });
	for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
		if (requests[i].kind == m->kind)
			return requests[i].open(v, s);
	}
	session_end(v, s);
	return KM_EPROTO;
}

/* The judge ended it: nothing was decided here, the trail says how it ended. */
void session_close(struct vault *v, struct session *s, unsigned reason)
{
	struct km_operator op = { 0 };
	struct km_event_record r;

	/* A wrong code has its record already; how somebody gave up after it adds nothing. */
	if (!s->refused && crowd_admit(v, s->peer, s->asked.service, s->asked.rhost)) {
		if (store_operator_by_login(v->store, s->asked.login, &op) != KM_OK)
			memset(&op, 0, sizeof op);
		event_make(&r, KM_EVENT_LOGIN_REFUSED, op.subject, "door");
		event_add(&r, "reason", km_reason_word(reason));
		session_describe(&r, s);
		if (note_record(v, &r) != KM_OK)
			km_log(LOG_ERR,
			       "the end of a login could not be recorded; nobody was let in");
	}
	session_end(v, s);
}
