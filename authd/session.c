/*
 * One client, from its first byte to its last: the table below is the judge.
 *
 *   GREET ──HELLO──▶ REQUEST ──LOGIN, DESK──▶ WORKING (OPENING at the vault)
 *                                               │ PLAN
 *                    ┌──────────────────────────▼
 *                    │                        ASKED ──ANSWER──▶ WORKING (CHECKING)
 *                    └───────── VERDICT says RETRY or NEXT ───────┘
 *
 * A handler sets the next phase. What no row permits ends the session when a
 * client says it, and the link when the vault does. What comes after the plan is in
 * steps.c. Success is in neither:
 * the vault writes it on the client's descriptor itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kenmon/clock.h>

#include "judge.h"

static km_rc on_hello(struct judge *, struct judge_session *, const struct km_msg *);
static km_rc on_login(struct judge *, struct judge_session *, const struct km_msg *);
static km_rc on_desk(struct judge *, struct judge_session *, const struct km_msg *);
static km_rc on_abort(struct judge *, struct judge_session *, const struct km_msg *);

static const struct {
	unsigned phases;
	uint8_t message;
	judge_handler handle;
} rows[] = {
	{ KM_PHASE_GREET, KM_MSG_HELLO, on_hello },
	{ KM_PHASE_REQUEST, KM_MSG_LOGIN, on_login },
	{ KM_PHASE_REQUEST, KM_MSG_DESK, on_desk },
	{ KM_PHASE_OPENING, KM_MSG_PLAN, judge_step_plan },
	{ KM_PHASE_ASKED, KM_MSG_ANSWER, judge_step },
	{ KM_PHASE_CHECKING, KM_MSG_GRANTED, judge_step },
	{ KM_PHASE_CHECKING, KM_MSG_SENDING, judge_step },
	{ KM_PHASE_CHECKING | KM_PHASE_ASKED, KM_MSG_ORDER_NEWS, judge_phone_news },
	{ KM_PHASE_OPENING | KM_PHASE_CHECKING | KM_PHASE_ASKED, KM_MSG_VERDICT,
	  judge_step_verdict },
	{ KM_PHASE_WORKING | KM_PHASE_ASKED, KM_MSG_ABORT, on_abort },
};

/* What the vault does meanwhile is the second bit. */
#define OPENING (KM_PHASE_WORKING | KM_PHASE_OPENING)

/* --- a place for each session -------------------------------------------------- */

#define INDEX_MASK     ((1u << JUDGE_INDEX_BITS) - 1)
#define GENERATION_MAX (UINT32_MAX >> JUDGE_INDEX_BITS)

_Static_assert(JUDGE_SESSIONS == 1u << JUDGE_INDEX_BITS, "an index for each session");

km_rc judge_sessions_init(struct judge *j)
{
	struct judge_session *sessions = calloc(JUDGE_SESSIONS, sizeof(*sessions));
	uint16_t *vacant = calloc(JUDGE_SESSIONS, sizeof(*vacant));
	struct judge_frame *frame = km_locked_new(sizeof(*frame));

	if (!sessions || !vacant || !frame) {
		free(sessions);
		free(vacant);
		km_locked_free(frame, sizeof(*frame));
		return KM_ENOMEM;
	}
	for (uint16_t i = 0; i < JUDGE_SESSIONS; i++)
		vacant[i] = (uint16_t)(JUDGE_SESSIONS - 1 - i);
	j->sessions = sessions;
	j->vacant = vacant;
	j->vacancies = JUDGE_SESSIONS;
	j->frame = frame;
	return KM_OK;
}

void judge_sessions_free(struct judge *j)
{
	for (unsigned i = 0; j->sessions && i < JUDGE_SESSIONS; i++)
		if (j->sessions[i].id != 0)
			judge_session_refuse(j, &j->sessions[i], KM_REASON_NO_VAULT);
	free(j->sessions);
	free(j->vacant);
	km_locked_free(j->frame, sizeof(*j->frame));
	j->sessions = NULL;
	j->vacant = NULL;
	j->vacancies = 0;
	j->frame = NULL;
}

struct judge_session *judge_session_new(struct judge *j, int fd, pid_t pid, uid_t uid)
{
	struct judge_session *s;
	uint32_t index, generation;

	if (j->vacancies == 0)
		return NULL;
	index = j->vacant[--j->vacancies];
	s = &j->sessions[index];
	generation = s->generation == GENERATION_MAX ? 1 : s->generation + 1;
	*s = (struct judge_session){
		.judge = j,
		.id = generation << JUDGE_INDEX_BITS | index,
		.generation = generation,
		.fd = fd,
		.pid = pid,
		.uid = uid,
		.privileged = judge_is_privileged(j, uid),
		.phase = KM_PHASE_GREET,
		.party = KM_FROM_CLIENT,
		.lang = j->conf.language,
	};
	j->ports->set_deadline(j, s, JUDGE_GREET_SECONDS);
	return s;
}

struct judge_session *judge_session_find(struct judge *j, uint32_t id)
{
	struct judge_session *s = &j->sessions[id & INDEX_MASK];

	return id != 0 && s->id == id ? s : NULL;
}

/* True for the number of a session that once was: the vault may not have heard of its end. */
static bool was_issued(const struct judge *j, uint32_t id)
{
	uint32_t now = j->sessions[id & INDEX_MASK].generation;
	uint32_t then = id >> JUDGE_INDEX_BITS;

	return then != 0 && now != 0 && ((now - then) & GENERATION_MAX) <= GENERATION_MAX / 2;
}

/* --- how sessions end ------------------------------------------------------------ */

static void vacate(struct judge *j, struct judge_session *s)
{
	uint32_t generation = s->generation;
	bool gone;

	judge_captures_of_session_stop(j, s->id);
	gone = j->ports->let_go(j, s);

	*s = (struct judge_session){ .generation = generation, .fd = -1 };
	if (gone)
		j->vacant[j->vacancies++] = (uint16_t)(s - j->sessions);
}

void judge_session_over(struct judge *j, struct judge_session *s)
{
	s->opened = false;
	vacate(j, s);
}

void judge_session_close(struct judge *j, struct judge_session *s, enum km_reason reason)
{
	struct km_msg m = { .number = KM_MSG_CLOSE, .session = s->id };

	m.close.reason = (uint8_t)reason;
	/* A link that cannot take a CLOSE is lost, and the vault ends the session with it. */
	if (s->opened && j->ports->to_vault(j, &m, -1) != KM_OK)
		s->opened = false;
	vacate(j, s);
}

struct km_verdict judge_refusal(unsigned reason)
{
	static const struct km_verdict table[] = {
		{ KM_VERDICT_UNAVAILABLE, KM_REASON_VERSION, 0 },
		{ KM_VERDICT_UNAVAILABLE, KM_REASON_PROTOCOL, 0 },
		{ KM_VERDICT_UNAVAILABLE, KM_REASON_DEADLINE, 0 },
		{ KM_VERDICT_UNAVAILABLE, KM_REASON_NO_VAULT, 0 },
		{ KM_VERDICT_DENY, KM_REASON_BUSY, 0 },
		{ KM_VERDICT_DENY, KM_REASON_PEER, 0 },
		{ KM_VERDICT_DENY, KM_REASON_TRIES, 0 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if ((unsigned)table[i].reason == reason)
			return table[i];
	return (struct km_verdict){ KM_VERDICT_DENY, KM_REASON_NONE, 0 };
}

/* Once, and only to who said HELLO. It tells the site's language, so it goes before any text. */
static km_rc welcome(struct judge *j, struct judge_session *s)
{
	struct km_msg m = { .number = KM_MSG_WELCOME };

	if (s->version == 0 || s->welcomed)
		return KM_OK;
	s->welcomed = true;
	m.welcome.version = s->version;
	m.welcome.lang = (uint8_t)j->conf.language;
	snprintf(m.welcome.build, sizeof(m.welcome.build), "%s", KM_VERSION);
	return j->ports->to_client(j, s, &m);
}

void judge_session_refuse(struct judge *j, struct judge_session *s, enum km_reason reason)
{
	struct km_verdict v = judge_refusal(reason);
	struct km_msg m = { .number = KM_MSG_RESULT };
	km_rc told = welcome(j, s);

	m.result.verdict = (uint8_t)v.code;
	m.result.reason = (uint8_t)v.reason;
	memcpy(m.result.nonce, s->nonce, sizeof(m.result.nonce));
	memcpy(m.result.login, s->login, sizeof(s->login));
	/* Best effort: end of file says the same to a door. */
	told = j->ports->to_client(j, s, &m);
	(void)told;
	judge_session_close(j, s, reason);
}

void judge_sessions_lost_vault(struct judge *j)
{
	for (unsigned i = 0; i < JUDGE_SESSIONS; i++) {
		struct judge_session *s = &j->sessions[i];

		if (s->id != 0 && s->opened)
			judge_session_refuse(j, s, KM_REASON_NO_VAULT);
	}
}

bool judge_session_tell(struct judge *j, struct judge_session *s, const struct km_msg *m)
{
	if (welcome(j, s) == KM_OK && j->ports->to_client(j, s, m) == KM_OK)
		return true;
	judge_session_close(j, s, KM_REASON_ABORTED);
	return false;
}

bool judge_session_pass(struct judge *j, struct judge_session *s, const struct km_msg *m,
			int pass_fd)
{
	km_rc rc = j->ports->to_vault(j, m, pass_fd);

	if (rc == KM_OK)
		return true;
	judge_session_refuse(j, s, rc == KM_ELIMIT ? KM_REASON_BUSY : KM_REASON_NO_VAULT);
	return false;
}

void judge_session_waits(struct judge *j, struct judge_session *s)
{
	if (welcome(j, s) != KM_OK)
		judge_session_close(j, s, KM_REASON_ABORTED);
}

/* --- frames come in --------------------------------------------------------------- */

/* Decodes by what the phase permits and hands on to the row. */
static km_rc take(struct judge *j, struct judge_session *s, unsigned from, const uint8_t *buf,
		  size_t len)
{
	struct km_msg *m = &j->frame->in;
	km_rc rc = km_decode(buf, len, from, s->phase, m);

	if (rc == KM_OK) {
		rc = KM_EPROTO;
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			if (rows[i].message == m->number && (rows[i].phases & s->phase)) {
				rc = rows[i].handle(j, s, m);
				break;
			}
	}
	km_msg_wipe(m);
	return rc == KM_ECLOSED ? KM_OK : rc;
}

void judge_session_heard(struct judge *j, struct judge_session *s, const uint8_t *buf, size_t len)
{
	uint32_t id = s->id;
	km_rc rc = take(j, s, s->party, buf, len);

	if (rc != KM_OK && judge_session_find(j, id))
		judge_session_refuse(j, s, KM_REASON_PROTOCOL);
}

km_rc judge_session_told(struct judge *j, uint32_t id, const uint8_t *buf, size_t len)
{
	struct judge_session *s = judge_session_find(j, id);
	km_rc rc;

	if (s)
		return take(j, s, KM_FROM_VAULT, buf, len);
	/* Crossed with our CLOSE. It still has to be a frame. */
	rc =
	    km_decode(buf, len, KM_FROM_VAULT, KM_PHASE_OPENING | KM_PHASE_CHECKING, &j->frame->in);
	km_msg_wipe(&j->frame->in);
	return rc == KM_OK && was_issued(j, id) ? KM_OK : KM_EPROTO;
}

/* --- the rows: a client -------------------------------------------------------------- */

static unsigned smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static km_rc on_hello(struct judge *j, struct judge_session *s, const struct km_msg *m)
{
	unsigned version = smaller(m->hello.newest, KM_PROTOCOL_NEWEST);

	if (m->hello.kind != KM_CLIENT_DOOR && m->hello.kind != KM_CLIENT_DESK)
		return KM_EPROTO;
	if (version < m->hello.oldest || version < KM_PROTOCOL_OLDEST) {
		judge_session_refuse(j, s, KM_REASON_VERSION);
		return KM_OK;
	}
	s->party = m->hello.kind == KM_CLIENT_DOOR ? KM_FROM_DOOR : KM_FROM_DESK;
	s->phase = KM_PHASE_REQUEST;
	s->version = (uint16_t)version;
	return KM_OK;
}

/* The peer's word for nothing but what the kernel cannot say. */
static void origin_of(struct judge *j, struct judge_session *s, const struct km_msg *m,
		      struct km_msg *open)
{
	struct judge_facts facts = {
		.rhost = m->login.rhost,
		.tty = m->login.tty,
		.service_is_local = km_conf_is_local(&j->conf, open->open.service),
		.privileged = s->privileged,
	};

	if (!s->privileged || judge_tty_is_pts(m->login.tty))
		j->ports->find_origin(j, s, &facts);
	open->open.origin = (uint8_t)judge_origin(&facts);
}

/*
 * A login that will be asked hears WELCOME with its prompt, and is woken once. Who is answered by
 * the vault itself hears it before: all others, and everybody while the vault lets nobody in.
 */
static bool opened(struct judge *j, struct judge_session *s, const struct km_msg *open,
		   unsigned deadline)
{
	if ((s->kind != KM_REQUEST_AUTHENTICATE || !j->link.plans) && welcome(j, s) != KM_OK) {
		judge_session_close(j, s, KM_REASON_ABORTED);
		return false;
	}
	j->ports->set_deadline(j, s, deadline);
	s->opened_ms = km_boot_ms();
	s->shared = true;
	if (!judge_session_pass(j, s, open, s->fd))
		return false;
	s->opened = true;
	s->phase = OPENING;
	return true;
}

static km_rc crowded_out(struct judge *j, struct judge_session *s)
{
	judge_session_refuse(j, s, KM_REASON_BUSY);
	return KM_ECLOSED;
}

static bool same_login(const struct judge_session *a, const struct judge_session *b)
{
	return a->opened && a->privileged && a->kind != KM_REQUEST_DESK &&
	       strcmp(a->login, b->login) == 0;
}

/* The limits that have to know what is asked for; s is counted already. */
static bool too_many(const struct judge *j, const struct judge_session *s)
{
	unsigned same = 0;

	for (unsigned i = 0; s->privileged && i < JUDGE_SESSIONS; i++)
		same += same_login(&j->sessions[i], s);
	return same >= JUDGE_PER_LOGIN || j->vacancies < JUDGE_KEPT_DESK;
}

static km_rc on_login(struct judge *j, struct judge_session *s, const struct km_msg *m)
{
	const struct msg_login *l = &m->login;
	const struct km_conf_login *settings;
	struct km_msg open = { .number = KM_MSG_OPEN, .session = s->id };

	if (l->kind < KM_REQUEST_AUTHENTICATE || l->kind > KM_REQUEST_SESSION_CLOSE)
		return KM_EPROTO;
	s->kind = l->kind;
	s->lang = km_lang_parse(l->lang, j->conf.language);
	memcpy(s->login, l->login, sizeof(s->login));
	memcpy(s->nonce, l->nonce, sizeof(s->nonce));
	if (s->crowded)
		return crowded_out(j, s);
	if (too_many(j, s)) {
		judge_link_turned_away(j, KM_REASON_BUSY, s->uid);
		return crowded_out(j, s);
	}
	if (!s->privileged && l->uid != s->uid) {
		judge_link_turned_away(j, KM_REASON_PEER, s->uid);
		judge_session_refuse(j, s, KM_REASON_PEER);
		return KM_OK;
	}
	open.open.kind = l->kind;
	open.open.uid = l->uid;
	memcpy(open.open.login, l->login, sizeof(open.open.login));
	memcpy(open.open.tty, l->tty, sizeof(open.open.tty));
	memcpy(open.open.rhost, l->rhost, sizeof(open.open.rhost));
	memcpy(open.open.ruser, l->ruser, sizeof(open.open.ruser));
	memcpy(open.open.nonce, l->nonce, sizeof(open.open.nonce));
	open.open.lang = (uint8_t)s->lang;
	/* Nobody but root reaches the settings of a service that root's programs use. */
	snprintf(open.open.service, sizeof(open.open.service), "%s%s", s->privileged ? "" : "user/",
		 l->service);
	origin_of(j, s, m, &open);
	settings = km_conf_login_of(&j->conf, open.open.service);
	s->tries = settings->tries;
	s->deadline_s = settings->deadline;
	s->finger_first = settings->finger_first;
	return opened(j, s, &open, settings->deadline) ? KM_OK : KM_ECLOSED;
}

static km_rc on_desk(struct judge *j, struct judge_session *s, const struct km_msg *m)
{
	struct km_msg open = { .number = KM_MSG_OPEN, .session = s->id };

	s->kind = KM_REQUEST_DESK;
	memcpy(s->nonce, m->desk.nonce, sizeof(s->nonce));
	if (s->crowded)
		return crowded_out(j, s);
	open.open.kind = KM_REQUEST_DESK;
	open.open.uid = s->uid;
	open.open.origin = KM_ORIGIN_REMOTE;
	memcpy(open.open.nonce, m->desk.nonce, sizeof(open.open.nonce));
	return opened(j, s, &open, j->conf.login.deadline) ? KM_OK : KM_ECLOSED;
}

static km_rc on_abort(struct judge *j, struct judge_session *s, const struct km_msg *m)
{
	(void)m;
	/* Not the client's word for why: the trail would say whatever a client likes. */
	judge_session_close(j, s, KM_REASON_ABORTED);
	return KM_OK;
}
