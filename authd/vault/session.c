/*
 * One login as the vault sees it: OPEN with the client's descriptor, CHECK as
 * often as the judge asks (check.c), and one decision. Whoever the judge says
 * the caller is, the vault asks the kernel.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <kenmon/factor.h>
#include <kenmon/log.h>
#include <kenmon/sock.h>

#include "challenge.h"
#include "gate.h"
#include "grant.h"
#include "courier.h"
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
	grant_end(v, s->grant);
	order_drop(v, s->order);
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
	r->to_client.result.kind = s->asked.kind;
	r->to_client.result.uid = s->asked.uid;
	memcpy(r->to_client.result.service, s->asked.service, sizeof s->asked.service);
	memcpy(r->to_client.result.nonce, s->asked.nonce, sizeof s->asked.nonce);
	memcpy(r->to_client.result.login, s->asked.login, sizeof s->asked.login);
	r->tell = verdict.code == KM_VERDICT_ALLOW ? s->tell : KM_TEXT_NOTHING;
	r->lang = s->asked.lang;
	s->client = -1;
	session_end(v, s);
}

void session_retry(struct vault *v, struct session *s, struct km_verdict verdict)
{
	say_verdict(reply_new(v, s), verdict);
}

void session_answer(struct vault *v, struct session *s, struct km_verdict verdict)
{
	s->refused = verdict.code == KM_VERDICT_RETRY;
	if (verdict.code == KM_VERDICT_NEXT) {
		s->at++;
		order_drop(v, s->order);
		s->sent.kind = 0; /* what was sent for the step before is good for no other */
	}
	if (verdict.code == KM_VERDICT_NEXT || verdict.code == KM_VERDICT_RETRY)
		session_retry(v, s, verdict);
	else
		session_decide(v, s, verdict);
}

void session_granted(struct vault *v, struct session *s, const uint8_t id[KM_GRANT_BYTES],
		     unsigned seconds)
{
	struct reply *r = reply_new(v, s);

	r->to_judge.number = KM_MSG_GRANTED;
	r->to_judge.granted.seconds = (uint16_t)seconds;
	memcpy(r->to_judge.granted.grant, id, KM_GRANT_BYTES);
}

void session_sending(struct vault *v, struct session *s, enum km_order kind)
{
	struct reply *r = reply_new(v, s);

	r->to_judge.number = KM_MSG_SENDING;
	r->to_judge.sending.kind = (uint8_t)kind;
	r->to_judge.sending.seconds = (uint16_t)challenge_seconds(v, kind);
}

uint16_t session_bucket_of(const uint8_t tag[KM_TAG_BYTES])
{
	return (uint16_t)(tag[0] << 8 | tag[1]);
}

km_rc session_bucket(struct vault *v, const char *login, uint16_t *bucket)
{
	uint8_t tag[KM_TAG_BYTES];
	km_rc rc = km_tag_login(v->keys, login, tag);

	if (rc == KM_OK)
		*bucket = session_bucket_of(tag);
	return rc;
}

void session_describe(struct km_event_record *r, const struct session *s)
{
	/* What the kernel says first: the caller's own words must not crowd it out. */
	event_add_number(r, "peer", s->peer);
	event_add(r, "origin", s->asked.origin == KM_ORIGIN_LOCAL ? "local" : "remote");
	event_add(r, "service", s->asked.service);
	if (s->asked.tty[0])
		event_add(r, "tty", s->asked.tty);
	if (s->asked.rhost[0])
		event_add(r, "rhost", s->asked.rhost);
}

bool session_admit(struct vault *v, const struct session *s)
{
	/* Whoever is not root writes service and host as they like: their source is their uid. */
	if (!s->trusted)
		return crowd_admit(v, s->peer, "user", "", 1);
	return crowd_admit(v, s->peer, s->asked.service, s->asked.rhost, 1);
}

km_rc session_operator(struct vault *v, const struct session *s, struct km_operator *op,
		       uint16_t *bucket)
{
	uint8_t tag[KM_TAG_BYTES];
	km_rc rc = km_tag_login(v->keys, s->asked.login, tag);

	if (rc != KM_OK)
		return rc;
	if (bucket)
		*bucket = session_bucket_of(tag);
	rc = store_operator_by_tag(v->store, tag, op);
	/* A name is anybody's to say. Only root's programs may speak for another uid; to all
	 * others that operator does not exist, and none of their failures is counted there. */
	if (rc == KM_OK && !s->trusted && op->uid != (int64_t)s->peer)
		return KM_ENOTFOUND;
	return rc;
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

	if (session_admit(v, s)) {
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

/* Is there a reader here to be touched, and does a step ask for that? */
static bool asks_for_a_finger(const struct session *s)
{
	uint32_t factors = 0;

	for (unsigned i = 0; i < s->steps.count; i++)
		factors |= s->steps.factors[i];
	return s->asked.origin == KM_ORIGIN_LOCAL &&
	       (factors & KM_FACTOR_BIT(KM_FACTOR_FINGERPRINT));
}

/*
 * Which codes are asked for, and whether one can be sent, depends on the service alone: nothing is
 * looked up, and nothing can be told apart. A finger is offered to those who have one, at this
 * machine, and everybody who asks there for such a service is looked up alike.
 */
static km_rc open_login(struct vault *v, struct session *s)
{
	enum km_reason closed = closed_house(v);
	struct km_msg plan = { .number = KM_MSG_PLAN, .session = s->id };
	struct km_slots *slots = &plan.plan.slots;
	bool finger;

	if (closed != KM_REASON_NONE)
		return refuse_and_record(v, s, KM_EVENT_LOGIN_REFUSED, NULL,
					 (struct km_verdict){ KM_VERDICT_UNAVAILABLE, closed, 0 });
	s->steps = km_conf_login_of(&v->conf, s->asked.service)->factors;
	finger = asks_for_a_finger(s) && finger_offered(v, s);
	for (unsigned i = 0; i < s->steps.count; i++) {
		slots->slot[i].step = (uint8_t)i;
		slots->slot[i].shape = session_shape(&v->conf, s->steps.factors[i]);
		slots->count++;
		/* Whoever has a telephone, and whoever has none or does not exist. */
		if (s->steps.factors[i] & KM_PHONE_FACTORS)
			slots->slot[i].shape |= KM_SHAPE_PHONE;
		if (finger && (s->steps.factors[i] & KM_FACTOR_BIT(KM_FACTOR_FINGERPRINT))) {
			slots->slot[i].shape |= KM_SHAPE_TOUCH;
			s->touch |= (uint8_t)(1u << i);
		}
	}
	reply_new(v, s)->to_judge = plan;
	return KM_OK;
}

/* Refused for a time, or from some day on: the account is there. */
static bool is_expired(enum km_reason reason)
{
	return reason == KM_REASON_SUSPENDED || reason == KM_REASON_DATES ||
	       reason == KM_REASON_LEFT || reason == KM_REASON_MISSING || reason == KM_REASON_LEAVE;
}

static km_rc account_verdict(struct vault *v, const struct session *s, const struct km_operator *op,
			     struct km_verdict *out)
{
	enum km_reason reason = gate_reason(op, v->now.today, s->asked.uid, s->trusted);
	km_rc rc = reason == KM_REASON_NONE ? queue_reason(v, op, &reason) : KM_OK;

	*out = (struct km_verdict){ KM_VERDICT_DENY, reason, 0 };
	if (reason == KM_REASON_NONE)
		out->code = KM_VERDICT_ALLOW;
	else if (is_expired(reason))
		out->code = KM_VERDICT_EXPIRED;
	return rc;
}

static km_rc open_account(struct vault *v, struct session *s)
{
	struct km_verdict verdict = { KM_VERDICT_UNKNOWN, KM_REASON_UNKNOWN, 0 };
	enum km_reason closed = closed_house(v);
	struct km_operator op = { 0 };
	km_rc rc = session_operator(v, s, &op, NULL);

	if (rc == KM_OK)
		rc = account_verdict(v, s, &op, &verdict);
	if (rc != KM_OK && rc != KM_ENOTFOUND)
		closed = KM_REASON_STORAGE;
	else if (rc == KM_ENOTFOUND && !s->trusted)
		verdict = (struct km_verdict){ KM_VERDICT_DENY, KM_REASON_PEER, 0 };
	if (rc != KM_OK)
		memset(&op, 0, sizeof op);
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

	if (s->trusted && session_operator(v, s, &op, NULL) == KM_OK) {
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
	struct desk_person who;
	struct reply *r;
	int other = -1;
	km_rc rc = person_begin(v, s->peer, s->client, &who);

	if (rc == KM_EPERM)
		return refuse_and_record(v, s, KM_EVENT_DESK_REFUSED, NULL,
					 (struct km_verdict){ KM_VERDICT_DENY, KM_REASON_PEER, 0 });
	if (rc != KM_OK) {
		refuse(v, s, KM_VERDICT_UNAVAILABLE, KM_REASON_STORAGE);
		return KM_OK;
	}
	if (line_new(v, s->peer, &who, &other) != KM_OK) {
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

#define AUTOBIND_BYTES                                                                             \
	6 /* NUL and five digits: the name the kernel gives a client that has none (unix(7)) */

enum end {
	END_FOREIGN = 0, /* nothing that our judge would hand on */
	END_NAMED,       /* of a client that gave its socket a name, or a listener's other end */
	END_ACCEPTED,    /* of a listener: its peer credentials are those of whoever connected */
};

static int option_of(int fd, int option)
{
	int value = -1;
	socklen_t len = sizeof value;

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0 ? -1 : value;
}

typedef int name_of(int fd, struct sockaddr *name, socklen_t *len);

/* Has this end (with getpeername: the other) a name that somebody gave it? What cannot be seen has.
 */
static bool is_named(name_of *name, int fd)
{
	struct sockaddr_un at = { .sun_family = AF_UNSPEC };
	socklen_t len = sizeof at;

	if (name(fd, (struct sockaddr *)&at, &len) < 0 || at.sun_family != AF_UNIX ||
	    len < offsetof(struct sockaddr_un, sun_path))
		return true;
	len -= (socklen_t)offsetof(struct sockaddr_un, sun_path);
	return len != 0 && (len != AUTOBIND_BYTES || at.sun_path[0] != '\0');
}

/*
 * On the connecting end the peer credentials are the listener's, who is root: a judge could connect
 * to its own socket and pass that end. The ends are told apart by the peer's name: a listener has a
 * path, a client has none. A client that gives itself one is nobody we know, but no fault of the
 * judge's.
 */
static enum end end_of(int fd)
{
	if (option_of(fd, SO_TYPE) != SOCK_SEQPACKET || option_of(fd, SO_ACCEPTCONN) != 0)
		return END_FOREIGN;
	if (!is_named(getpeername, fd))
		return END_ACCEPTED;
	return is_named(getsockname, fd) ? END_NAMED : END_FOREIGN;
}

km_rc session_open(struct vault *v, uint32_t id, const struct msg_open *m, int fd)
{
	enum end end = end_of(fd);
	struct session *s = NULL;
	pid_t pid;
	gid_t gid;

	if (id != 0 && end != END_FOREIGN && !session_find(v, id))
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
	s->trusted = end == END_ACCEPTED && (s->peer == 0 || (v->has_owner && s->peer == v->owner));
	if (end != END_ACCEPTED || (!s->trusted && m->kind != KM_REQUEST_DESK && m->uid != s->peer))
		return refuse_and_record(v, s, KM_EVENT_LOGIN_REFUSED, NULL,
					 (struct km_verdict){ KM_VERDICT_DENY, KM_REASON_PEER, 0 });
	for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
		if (requests[i].kind == m->kind)
			return requests[i].open(v, s);
	}
	session_end(v, s);
	return KM_EPROTO;
}

/* How a conversation ends is all that is said with CLOSE; a client may have had a say in it. */
static enum km_reason end_reason(unsigned reason)
{
	static const enum km_reason ends[] = { KM_REASON_TRIES, KM_REASON_DEADLINE,
					       KM_REASON_PROTOCOL, KM_REASON_BUSY,
					       KM_REASON_NO_VAULT };

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		if ((unsigned)ends[i] == reason)
			return ends[i];
	}
	return KM_REASON_ABORTED;
}

/* The judge ended it: nothing was decided here, the trail says how it ended. */
void session_close(struct vault *v, struct session *s, unsigned reason)
{
	struct km_operator op = { 0 };
	struct km_event_record r;

	/* A wrong code has its record already; that somebody gave up after it adds nothing. */
	bool known = s->refused && (reason == KM_REASON_ABORTED || reason == KM_REASON_TRIES);

	if (!known && session_admit(v, s)) {
		if (session_operator(v, s, &op, NULL) != KM_OK)
			memset(&op, 0, sizeof op);
		event_make(&r, KM_EVENT_LOGIN_REFUSED, op.subject, "door");
		event_add(&r, "reason", km_reason_word(end_reason(reason)));
		session_describe(&r, s);
		if (note_record(v, &r) != KM_OK)
			km_log(LOG_ERR,
			       "the end of a login could not be recorded; nobody was let in");
	}
	session_end(v, s);
}
