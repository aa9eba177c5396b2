/*
 * C15: a whole vault with a real store, between a judge, clients and desks that do what the input
 * says. Nobody is allowed whom the model (vault_model.c) does not let in, no code is accepted
 * twice, the audit chain verifies, and nothing is left of a judge that has gone.
 *
 * The state folder is put back after FUZZ_RESET runs (32): what was found on a state that is older
 * than one run shows itself again with FUZZ_RESET=1 only when it is in the input.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kenmon/sock.h>

#include "vault_world.h"

#define CLIENTS 8
#define LINES   4
#define ANSWERS 8 /* in one round of one client */
#define PENDING 16

static const char *const words[] = { "hanako", "taro",   "jiro",     "saburo", "shiro",
				     "goro",   "leaves", "10.0.0.1", "pts/1",  NULL };

static struct vault *v;
static struct fuzz_in in;
static unsigned runs, reset_after = 32;
static char door[96];
static int listener, foreign[2];

static struct {
	int judge;
	struct client {
		int fd, copy; /* the person's end and, until it is passed, the judge's */
		uint32_t session;
		uid_t peer;
		struct msg_open asked;
		struct km_secret answer[ANSWERS]; /* since the last round */
		unsigned answers;
		char shown[KM_ORDER_KEYS + 1]; /* the digits on their screen */
	} client[CLIENTS];
	struct desk_line {
		int fd; /* -1: none */
		struct side side;
		struct {
			struct km_msg m;
			struct person *whom;
		} pending[PENDING];
		size_t first, last;
	} line[LINES];
	uint32_t sessions;
	uid_t peer; /* of the OPEN in this round */
	bool opens;
	bool nothing_changed; /* so a desk was told in this round */
} world;

km_rc __wrap_km_peer(int fd, pid_t *pid, uid_t *uid, gid_t *gid);
km_rc __wrap_km_peer(int fd, pid_t *pid, uid_t *uid, gid_t *gid)
{
	(void)fd;
	*pid = 4711;
	*gid = 4711;
	*uid = world.peer;
	return KM_OK;
}

/* --- what is heard -------------------------------------------------------------------------- */

static void allowed(struct client *c)
{
	struct person *p = model_person(c->asked.login);
	bool in_doubt = v->suspicion & KM_SUSPECT_CLOCK, right = false;
	int64_t uid = c->asked.uid;

	if (c->asked.kind == KM_REQUEST_SESSION_OPEN || c->asked.kind == KM_REQUEST_SESSION_CLOSE)
		return;
	fuzz_check(!(v->suspicion & (KM_SUSPECT_MACHINE | KM_SUSPECT_ROLLBACK)),
		   "allowed while everything is in doubt");
	fuzz_check(c->peer == 0 || c->peer == c->asked.uid, "allowed for somebody else");
	if (model.unsure)
		return;
	fuzz_check(model_may(p, uid), "%s may not come in", c->asked.login);
	if (c->asked.kind == KM_REQUEST_ACCOUNT)
		return;
	fuzz_check(c->asked.kind == KM_REQUEST_AUTHENTICATE, "allowed kind %u", c->asked.kind);
	right = fingers_matched(c->session, p) || phones_keyed(p, c->shown);
	for (unsigned i = 0; i < c->answers && !right; i++)
		right =
		    model_accepts(p, &c->answer[i], in_doubt) || phones_accept(p, &c->answer[i]);
	fuzz_check(right, "%s was let in by a wrong or used code, or no finger", c->asked.login);
	if (p->uid == -1)
		p->uid = uid;
}

static void takes_line(int fd, uid_t peer)
{
	for (size_t i = 0; i < LINES; i++) {
		if (world.line[i].fd >= 0)
			continue;
		world.line[i].fd = fd;
		side_begin(&world.line[i].side, peer);
		world.line[i].first = world.line[i].last = 0;
		return;
	}
	close(fd);
}

/* What is to be keyed in at the telephone. */
static void is_shown(struct client *c, const char *text)
{
	size_t n = 0;

	for (; *text && n < KM_ORDER_KEYS; text++)
		if (*text >= '0' && *text <= '9')
			c->shown[n++] = *text;
	c->shown[n] = '\0';
}

static void client_hears(struct client *c)
{
	static uint8_t frame[KM_FRAME_MAX];
	static struct km_msg m;
	size_t len;
	int fd = -1;

	while (c->fd >= 0 &&
	       km_recv(c->fd, frame, sizeof(frame), &len, &fd, NULL, MSG_DONTWAIT) == KM_OK) {
		fuzz_check(km_decode(frame, len, KM_FROM_VAULT, KM_PHASE_TALK, &m) == KM_OK,
			   "a client hears no frame of the vault's");
		fuzz_check((fd >= 0) == (m.number == KM_MSG_DESK_LINE), "a descriptor with %s",
			   km_message_name(m.number));
		if (m.number == KM_MSG_DESK_LINE) {
			fuzz_check(c->asked.kind == KM_REQUEST_DESK, "a line for a login");
			takes_line(fd, c->peer);
		} else if (m.number == KM_MSG_RESULT && m.result.verdict == KM_VERDICT_ALLOW) {
			allowed(c);
		} else if (m.number == KM_MSG_INFO) {
			is_shown(c, m.info.text);
		}
	}
	c->answers = 0;
}

static void judge_hears(void)
{
	static uint8_t frame[KM_FRAME_MAX];
	static struct km_msg m;
	size_t len;
	int fd = -1;

	while (km_recv(world.judge, frame, sizeof(frame), &len, &fd, NULL, MSG_DONTWAIT) == KM_OK) {
		fuzz_check(fd < 0 &&
			       km_decode(frame, len, KM_FROM_VAULT,
					 KM_PHASE_OPENING | KM_PHASE_CHECKING | KM_PHASE_JUDGE_LINK,
					 &m) == KM_OK,
			   "the judge hears no frame of the vault's");
		fingers_judge_heard(&m);
	}
}

static struct person *asked_by(uint32_t session)
{
	for (size_t i = 0; i < CLIENTS; i++)
		if (session && world.client[i].session == session)
			return model_person(world.client[i].asked.login);
	return NULL;
}

static void desk_hears(struct desk_line *l)
{
	static uint8_t frame[KM_FRAME_MAX];
	static struct km_msg m;
	size_t len;
	km_rc rc;

	while (l->fd >= 0) {
		rc = km_recv(l->fd, frame, sizeof(frame), &len, NULL, NULL, MSG_DONTWAIT);
		if (rc == KM_EAGAIN)
			return;
		if (rc != KM_OK) {
			close(l->fd);
			l->fd = -1;
			model.unsure |= l->first != l->last;
			return;
		}
		fuzz_check(km_decode(frame, len, KM_FROM_VAULT, KM_PHASE_DESK_TALK, &m) == KM_OK,
			   "a desk hears no frame of the vault's");
		side_hears(&l->side, &m);
		if (m.number != KM_MSG_DONE)
			continue;
		fuzz_check(l->first != l->last, "an end of nothing");
		world.nothing_changed |= m.done.rc == -KM_EIO;
		if (m.done.rc == 0)
			side_did(&l->side, &l->pending[l->first].m,
				 v->suspicion & KM_SUSPECT_CLOCK);
		if (m.done.rc == 0)
			model_did(&l->pending[l->first].m, l->pending[l->first].whom, m.done.id);
		l->first = (l->first + 1) % PENDING;
	}
}

/* One round, and everybody listens. */
static void let_round(void)
{
	fault_begin();
	vault_round(v, 0);
	fault_end();
	world.opens = false;
	for (size_t i = 0; i < CLIENTS; i++)
		client_hears(&world.client[i]);
	judge_hears();
	for (size_t i = 0; i < LINES; i++)
		desk_hears(&world.line[i]);
	fingers_heard(v, asked_by);
	fingers_forget();
	phones_heard(v);
}

/* --- acts ------------------------------------------------------------------------------------- */

/* 0: bytes; else the code of a credential, so many steps from now. */
static void some_secret(struct fuzz_in *from, struct km_secret *out, size_t limit)
{
	const struct credential *c;
	uint8_t how = fuzz_u8(from);

	if (how == UINT8_MAX) {
		phones_code(from, out);
		return;
	}
	if (how == 0 || model.credentials == 0) {
		out->len = (uint16_t)fuzz_bytes(from, out->bytes, limit < 250 ? limit : 250);
		return;
	}
	c = &model.credential[fuzz_u8(from) % model.credentials];
	model_code(c, (int8_t)fuzz_u8(from), out);
	if (out->len > limit)
		out->len = (uint16_t)limit;
}

static const struct fuzz_ideas ideas = { .words = words, .secret = some_secret };
static const struct fuzz_ideas judges = { words, .bytes = fingers_grant, .secret = some_secret };

static void say(int fd, const struct km_msg *m, int pass)
{
	static uint8_t frame[KM_FRAME_MAX];
	size_t len = 0;

	if (km_encode(m, frame, sizeof(frame), &len) == KM_OK &&
	    km_send(fd, frame, len, pass, MSG_DONTWAIT) != KM_OK)
		let_round();
}

static void leave(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	if (c->copy >= 0)
		close(c->copy);
	memset(c, 0, sizeof(*c));
	c->fd = c->copy = -1;
}

static void connects(struct client *c)
{
	leave(c);
	fuzz_check(km_connect(door, false, &c->fd) == KM_OK, "nobody can connect");
	c->copy = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	fuzz_check(c->copy >= 0, "nobody is taken in");
}

/* Ends of a connection that the judge may hand over, most of them wrong. */
static int end_of(const struct client *c, uint8_t which)
{
	const int ends[] = { c->copy, c->copy, c->fd, foreign[0], listener, -1 };

	return which >= 0xfa ? ends[which - 0xfa] : c->copy;
}

static void opens(struct client *c)
{
	static const uint32_t uids[] = { 1000, 1001, 1002, 1003, 0, 4711, UINT32_MAX };
	static const char *const services[] = { "sshd", "su", "user/sudo", "" };
	struct km_msg m = { .number = KM_MSG_OPEN };
	uint8_t origin;

	connects(c);
	m.open.kind = fuzz_u8(&in);
	snprintf(m.open.login, sizeof(m.open.login), "%s", words[fuzz_u8(&in) % 9]);
	m.open.uid = uids[fuzz_u8(&in) % 7];
	snprintf(m.open.service, sizeof(m.open.service), "%s", services[fuzz_u8(&in) % 4]);
	origin = fuzz_u8(&in);
	m.open.origin = origin & 1;
	c->peer = origin & 2 ? m.open.uid : origin & 4 ? 1000 : 0;
	memset(m.open.nonce, 0x3c, sizeof(m.open.nonce));
	if (world.opens && world.peer != c->peer)
		let_round();
	world.peer = c->peer;
	world.opens = true;
	m.session = c->session = ++world.sessions;
	c->asked = m.open;
	say(world.judge, &m, end_of(c, fuzz_u8(&in)));
	close(c->copy);
	c->copy = -1;
}

static void checks(struct client *c)
{
	struct km_msg m = { .number = KM_MSG_CHECK, .session = c->session };

	if (c->answers == ANSWERS)
		let_round();
	m.check.step = fuzz_u8(&in);
	some_secret(&in, &m.check.secret, KM_SECRET_MAX);
	c->answer[c->answers++] = m.check.secret;
	say(world.judge, &m, -1);
}

static void sends(const struct client *c)
{
	struct km_msg m = { .number = KM_MSG_SEND, .session = c->session };

	m.send.step = fuzz_u8(&in);
	say(world.judge, &m, -1);
}

static void closes(const struct client *c)
{
	struct km_msg m = { .number = KM_MSG_CLOSE, .session = c->session };

	m.close.reason = fuzz_u8(&in);
	say(world.judge, &m, -1);
}

/* A client that is root opens a desk's line; others do by OPEN. */
static void desk(void)
{
	struct client *c = &world.client[CLIENTS - 1];
	struct km_msg m = { .number = KM_MSG_OPEN };

	let_round();
	connects(c);
	m.open.kind = KM_REQUEST_DESK;
	m.session = c->session = ++world.sessions;
	c->asked = m.open;
	world.peer = 0;
	say(world.judge, &m, c->copy);
	close(c->copy);
	c->copy = -1;
	let_round();
}

static void asks(bool raw)
{
	static uint8_t frame[KM_FRAME_MAX];
	struct desk_line *l = &world.line[fuzz_u8(&in) % LINES];
	struct km_msg *m = &l->pending[l->last].m;
	struct km_head before, after;
	size_t len = 0;

	let_round();
	if (raw)
		len = fuzz_bytes(&in, frame, 200);
	else
		fuzz_message(&in, fuzz_u8(&in), &ideas, m);
	if (l->fd < 0 || (!raw && km_encode(m, frame, sizeof(frame), &len) != KM_OK) || len == 0)
		return;
	if (raw && km_decode(frame, len, KM_FROM_DESK, FUZZ_ALL_PHASES, m) != KM_OK)
		m->number = KM_MSG_NONE;
	if (fuzz_table_says(m->number, KM_FROM_DESK, KM_PHASE_DESK_IDLE)) {
		l->pending[l->last].whom = model_person(m->operator_show.login);
		l->last = (l->last + 1) % PENDING;
		fuzz_check(l->first != l->last, "the vault has left %d questions open", PENDING);
	}
	side_says(&l->side, m, v->suspicion & KM_SUSPECT_CLOCK);
	world.nothing_changed = false;
	fuzz_check(store_head(v->store, &before) == KM_OK, "no head");
	if (km_send(l->fd, frame, len, -1, MSG_DONTWAIT) == KM_OK)
		let_round();
	fuzz_check(store_head(v->store, &after) == KM_OK, "no head");
	/* An erasure goes on by itself. Everything else that changes anything has a record. */
	fuzz_check(!world.nothing_changed || v->erasing || after.seq == before.seq,
		   "%s changed something and said that it did not", km_message_name(m->number));
}

static void judge_says(bool raw)
{
	static uint8_t frame[KM_FRAME_MAX];
	static struct km_msg m;

	if (raw) {
		size_t len = fuzz_bytes(&in, frame, 200);

		if (len && km_send(world.judge, frame, len, -1, MSG_DONTWAIT) != KM_OK)
			let_round();
		return;
	}
	fuzz_message(&in, fuzz_u8(&in), &judges, &m);
	/* A login by a message of the input's own would not be in the model. */
	m.session = m.number == KM_MSG_OPEN || m.number == KM_MSG_CHECK ? UINT32_MAX : fuzz_u8(&in);
	say(world.judge, &m, -1);
}

static void act(void)
{
	uint8_t byte = fuzz_u8(&in);
	enum act what = (byte & 0x7f) % ACTS;
	struct client *c = &world.client[0];

	if (what <= CLOSE || what == LEAVE || what == GRANT || what == REVOKE || what == SEND ||
	    what == NEWS)
		c = &world.client[fuzz_u8(&in) % CLIENTS];
	if (what == OPEN)
		opens(c);
	else if (what == CHECK)
		checks(c);
	else if (what == CLOSE)
		closes(c);
	else if (what == LEAVE)
		leave(c);
	else if (what == DESK)
		desk();
	else if (what == FAIL)
		fault_to_come(&in);
	else if (what == ASK || what == ASK_RAW)
		asks(what == ASK_RAW);
	else if (what == JUDGE || what == JUDGE_RAW)
		judge_says(what == JUDGE_RAW);
	else if (what == TIME || what == JUMP)
		clock_moves(what, fuzz_u8(&in));
	else if (what == GRANT || what == REVOKE)
		say(world.judge, fingers_of_judge(what, c->session, &in), -1);
	else if (what == SEND)
		sends(c);
	else if (what >= NEWS)
		phones_act(what, v, &in, c->shown);
	else if (what >= FIND)
		fingers_act(what, v, &in);
	if (!((byte & TOGETHER) && (what <= CLOSE || what >= GRANT)) && what != FAIL)
		let_round();
}

/* --- one run -------------------------------------------------------------------------------- */

void fuzz_begin(void)
{
	const char *text = getenv("FUZZ_RESET");

	if (text)
		reset_after = (unsigned)strtoul(text, NULL, 10);
	snprintf(door, sizeof(door), "%s/door", fuzz_folder());
	fuzz_check(km_listen_at(door, 0600, (uid_t)-1, (gid_t)-1, &listener) == KM_OK &&
		       socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, foreign) == 0,
		   "no sockets");
	model_begin();
	store_make();
	for (size_t i = 0; i < CLIENTS; i++)
		world.client[i].fd = world.client[i].copy = -1;
	for (size_t i = 0; i < LINES; i++)
		world.line[i].fd = -1;
}

/* What was said to an end that was no client's. */
static void foreign_end_is_emptied(void)
{
	static uint8_t frame[KM_FRAME_MAX];
	size_t len;
	int fd = -1;

	while (km_recv(foreign[1], frame, sizeof(frame), &len, &fd, NULL, MSG_DONTWAIT) == KM_OK)
		if (fd >= 0)
			close(fd);
}

/* The judge goes: the vault would end, and nothing of it may be left. */
static void judge_goes(void)
{
	close(world.judge);
	for (size_t i = 0; i < CLIENTS; i++)
		leave(&world.client[i]);
	foreign_end_is_emptied();
	for (size_t i = 0; i < LINES; i++) {
		if (world.line[i].fd >= 0)
			close(world.line[i].fd);
		world.line[i].fd = -1;
	}
	for (unsigned i = 0; i < 2 * VAULT_LINES && !v->stop; i++)
		vault_round(v, 0);
	vault_round(v, 0);
	fuzz_check(v->stop, "the judge has gone and the vault stays");
	for (size_t i = 0; i < VAULT_LINES; i++)
		fuzz_check(v->line[i].fd < 0, "a line without a desk is left");
	for (size_t i = 0; i < VAULT_SESSIONS; i++)
		if (v->session_id[i])
			session_end(v, &v->session[i]);
	fingers_end(v);
	phones_end(v);
	close(v->judge);
	v->judge = -1;
	queue_free(&v->to_judge);
	roster_forget(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct km_msg anchor = { .number = KM_MSG_ANCHOR };
	unsigned before;

	if (!v || runs++ % reset_after == 0) {
		if (v)
			store_vault_free(v);
		v = store_vault();
	}
	before = fuzz_descriptors();
	store_link(v, &world.judge);
	fingers_begin(v);
	phones_begin(v);
	in = (struct fuzz_in){ data, size };
	fault_none();
	anchor.anchor.version = KM_ROOM_PROTOCOL;
	if (!(fuzz_u8(&in) & 1))
		say(world.judge, &anchor, -1);
	let_round();
	while (in.left && !v->stop)
		act();
	let_round();
	judge_goes();
	fuzz_check(fuzz_descriptors() == before, "a descriptor is left");
	if (runs % reset_after == 0)
		store_verify(v);
	return 0;
}
