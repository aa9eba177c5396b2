/*
 * The judge's link: one connection, of one peer. Its bad frame ends the link,
 * and with the link the vault, which is started again: a judge that does not
 * keep to the protocol is not one to go on with.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kenmon/log.h>
#include <kenmon/sock.h>

#include "grant.h"
#include "courier.h"
#include "vault.h"

#define HEAD_EVERY_MS 1000 /* how often the judge is told where the chain ends, at most */

static void link_lost(struct vault *v, const char *why)
{
	km_log(LOG_NOTICE, "the judge's link is closed (%s): stopping", why);
	v->stop = true;
}

void link_accept(struct vault *v)
{
	int fd = accept4(v->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	pid_t pid;
	uid_t uid;
	gid_t gid;

	if (fd < 0)
		return;
	if (v->judge >= 0 || km_peer(fd, &pid, &uid, &gid) != KM_OK ||
	    (v->has_judge_uid && uid != v->judge_uid && uid != 0)) {
		km_log(LOG_WARNING, "a second or foreign judge was turned away");
		close(fd);
		return;
	}
	if (!loop_watch(v, fd))
		return;
	v->judge = fd;
	v->judge_peer = uid;
	v->anchored = false;
}

/* First frame of a link: protocol, and what the judge has written down. */
static km_rc take_anchor(struct vault *v, struct km_msg *m, int fd)
{
	km_rc rc;

	if (fd >= 0 || v->anchored || m->anchor.version != KM_ROOM_PROTOCOL)
		return KM_EPROTO;
	rc = suspect_anchor(v, &m->anchor);
	if (rc != KM_OK) {
		km_log(LOG_ERR, "the trail cannot be compared with the judge's anchor: %s",
		       km_rc_text(rc, KM_LANG_EN));
		v->stop = true;
		return KM_OK;
	}
	v->anchored = true;
	link_tell_head(v, true);
	return KM_OK;
}

static km_rc take_open(struct vault *v, struct km_msg *m, int fd)
{
	if (v->anchored)
		return session_open(v, m->session, &m->open, fd);
	if (fd >= 0)
		close(fd);
	return KM_EPROTO;
}

static km_rc take_check(struct vault *v, struct km_msg *m, int fd)
{
	struct session *s = session_find(v, m->session);

	/* A session that the vault has just ended is no fault of the judge's. */
	if (fd >= 0)
		return KM_EPROTO;
	return s ? check_answer(v, s, &m->check) : KM_OK;
}

static km_rc take_close(struct vault *v, struct km_msg *m, int fd)
{
	struct session *s = session_find(v, m->session);

	if (fd >= 0)
		return KM_EPROTO;
	if (s)
		session_close(v, s, m->close.reason);
	return KM_OK;
}

static km_rc take_grant(struct vault *v, struct km_msg *m, int fd)
{
	struct session *s = session_find(v, m->session);

	if (fd >= 0)
		return KM_EPROTO;
	return s ? finger_grant(v, s, &m->grant) : KM_OK;
}

static km_rc take_revoke(struct vault *v, struct km_msg *m, int fd)
{
	struct session *s = session_find(v, m->session);

	if (fd >= 0)
		return KM_EPROTO;
	return s ? finger_revoke(v, s, &m->revoke) : KM_OK;
}

static km_rc take_send(struct vault *v, struct km_msg *m, int fd)
{
	struct session *s = session_find(v, m->session);

	if (fd >= 0)
		return KM_EPROTO;
	return s ? phone_send(v, s, &m->send) : KM_OK;
}

/* How a capture goes that a desk asked for. One that is over here is no fault of the judge's. */
static km_rc take_sensed(struct vault *v, struct km_msg *m, int fd)
{
	struct grant *g = grant_of(v, m->sensed.grant);

	if (fd >= 0 || !v->anchored || !km_sensor_event_known(m->sensed.event))
		return KM_EPROTO;
	if (!g)
		return KM_OK;
	if (g->session)
		return KM_EPROTO;
	if (g->sensing) {
		g->sensing = !km_sensor_event_ends(m->sensed.event);
		desk_finger_sensed(v, g, &m->sensed);
	}
	return KM_OK;
}

static km_rc take_turned_away(struct vault *v, struct km_msg *m, int fd)
{
	struct km_event_record r;

	if (fd >= 0 || !v->anchored)
		return KM_EPROTO;
	if (!crowd_admit(v, m->turned_away.uid, "judge", "", m->turned_away.count))
		return KM_OK;
	event_make(&r, KM_EVENT_TURNED_AWAY, NULL, "judge");
	event_add(&r, "reason", km_reason_word(m->turned_away.reason));
	event_add_number(&r, "peer", m->turned_away.uid);
	event_add_number(&r, "count", m->turned_away.count);
	if (note_record(v, &r) != KM_OK)
		km_log(LOG_ERR, "a client that was turned away could not be recorded");
	return KM_OK;
}

static const struct {
	enum km_message_number number;
	enum km_phase phase;
	bool descriptor;
	km_rc (*take)(struct vault *v, struct km_msg *m, int fd);
} taken[] = {
	{ KM_MSG_ANCHOR, KM_PHASE_LINK, false, take_anchor },
	{ KM_MSG_OPEN, KM_PHASE_LINK, true, take_open },
	{ KM_MSG_CHECK, KM_PHASE_OPENED, false, take_check },
	{ KM_MSG_CLOSE, KM_PHASE_OPENED, false, take_close },
	{ KM_MSG_TURNED_AWAY, KM_PHASE_LINK, false, take_turned_away },
	{ KM_MSG_GRANT, KM_PHASE_OPENED, false, take_grant },
	{ KM_MSG_REVOKE, KM_PHASE_OPENED, false, take_revoke },
	{ KM_MSG_SENSED, KM_PHASE_LINK, false, take_sensed },
	{ KM_MSG_SEND, KM_PHASE_OPENED, false, take_send },
};

static km_rc take(struct vault *v, size_t len, int fd)
{
	km_rc rc = km_decode(v->frame, len, KM_FROM_JUDGE, KM_PHASE_LINK | KM_PHASE_OPENED, v->in);

	for (size_t i = 0; rc == KM_OK && i < sizeof taken / sizeof taken[0]; i++) {
		if (taken[i].number == v->in->number)
			return taken[i].take(v, v->in, fd);
	}
	if (fd >= 0)
		close(fd);
	return KM_EPROTO;
}

void link_drain(struct vault *v)
{
	while (v->replies < VAULT_ROUND && v->outgoings < VAULT_OUTGOING && !v->stop) {
		int fd = -1;
		size_t len;
		km_rc rc = km_recv(v->judge, v->frame, KM_FRAME_MAX, &len, &fd, NULL, MSG_DONTWAIT);

		if (rc == KM_EAGAIN)
			return;
		if (rc == KM_ECLOSED) {
			link_lost(v, "end of file");
			return;
		}
		if (rc == KM_OK) {
			v->messages++;
			v->pacing.served_ms = v->now.boot_ms;
			rc = take(v, len, fd);
			km_wipe(v->frame, len);
			km_msg_wipe(v->in);
		}
		if (rc != KM_OK)
			link_lost(v, "not our protocol");
	}
}

void link_tell_head(struct vault *v, bool now)
{
	struct km_msg m = { .number = KM_MSG_HEAD };
	struct km_anchor a = { .seq = 0 };
	struct km_head head;

	if (v->judge < 0 || !v->anchored || store_head(v->store, &head) != KM_OK)
		return;
	if (!now && (head.seq == v->head_told || v->now.boot_ms - v->head_told_ms < HEAD_EVERY_MS))
		return;
	/* While the database is in doubt the judge keeps what it has written down. */
	if (!(v->suspicion & KM_SUSPECT_ROLLBACK) && store_sign_head(v->store, &a) != KM_OK)
		return; /* too little memory: next time */
	KM_ANCHOR_COPY(&m.head, &a);
	if (queue_put(&v->to_judge, &m) != KM_OK)
		link_lost(v, "it does not read");
	v->head_told = head.seq;
	v->head_told_ms = v->now.boot_ms;
}

km_rc link_sense(struct vault *v, struct grant *g, unsigned shots, unsigned seconds)
{
	struct km_msg m = { .number = KM_MSG_SENSE };
	km_rc rc;

	if (v->judge < 0 || !v->anchored)
		return KM_EUNAVAIL;
	memcpy(m.sense.grant, g->id, sizeof m.sense.grant);
	m.sense.shots = (uint8_t)shots;
	m.sense.seconds = (uint16_t)seconds;
	rc = queue_put(&v->to_judge, &m);
	if (rc == KM_OK)
		g->sensing = true;
	return rc;
}

void link_unsense(struct vault *v, struct grant *g)
{
	struct km_msg m = { .number = KM_MSG_UNSENSE };

	if (!g->sensing)
		return;
	g->sensing = false;
	memcpy(m.unsense.grant, g->id, sizeof m.unsense.grant);
	if (queue_put(&v->to_judge, &m) != KM_OK)
		link_lost(v, "it does not read");
}

/* Nothing of this round is on the disk: nobody is let in, whoever was to be. */
static void turn_down(struct reply *r)
{
	r->to_judge.number = KM_MSG_VERDICT;
	r->to_judge.verdict =
	    (struct msg_verdict){ .verdict = KM_VERDICT_UNAVAILABLE, .reason = KM_REASON_STORAGE };
	if (r->to_client.number == KM_MSG_RESULT) {
		r->to_client.result.verdict = KM_VERDICT_UNAVAILABLE;
		r->to_client.result.reason = KM_REASON_STORAGE;
		r->to_client.result.wait = 0;
		r->tell = KM_TEXT_NOTHING;
	} else {
		r->to_client.number = KM_MSG_NONE;
	}
}

/* The door takes it for what it is by the same stamp as the result. */
static void tell_client(struct vault *v, const struct reply *r)
{
	struct km_msg m = { .number = KM_MSG_INFO, .info.error = 1 };

	snprintf(m.info.text, sizeof m.info.text, "%s", km_text(r->tell, r->lang));
	if (km_send_msg(r->client, &m, -1, MSG_DONTWAIT) == KM_OK)
		v->messages++;
}

static void to_client(struct vault *v, struct reply *r)
{
	if (r->client < 0)
		return;
	if (r->tell != KM_TEXT_NOTHING && r->to_client.number == KM_MSG_RESULT)
		tell_client(v, r);
	/* A client that does not read sees the end of the file instead: refused. */
	if (r->to_client.number != KM_MSG_NONE &&
	    km_send_msg(r->client, &r->to_client, r->pass, MSG_DONTWAIT) == KM_OK)
		v->messages++;
	close(r->client);
	r->client = -1;
}

static void tell_judge(struct vault *v, struct reply *r)
{
	if (queue_put(&v->to_judge, &r->to_judge) != KM_OK)
		link_lost(v, "it does not read");
	v->messages++;
}

void link_plan(struct vault *v, unsigned lifted)
{
	/* A suspicion that was lifted in this round comes back when the round cannot be kept. */
	for (size_t i = 0; i < v->replies && lifted == 0; i++) {
		struct reply *r = &v->reply[i];

		if (r->to_judge.number != KM_MSG_PLAN && r->to_judge.number != KM_MSG_GRANTED)
			continue;
		tell_judge(v, r);
		r->to_judge.number = KM_MSG_NONE;
	}
	if (v->judge >= 0 && queue_send(&v->to_judge, v->judge) == KM_ECLOSED)
		link_lost(v, "it went away");
}

void link_settle(struct vault *v, bool durable)
{
	for (size_t i = 0; i < v->replies; i++) {
		struct reply *r = &v->reply[i];
		struct session *s;

		if (r->to_judge.number == KM_MSG_NONE)
			continue;
		if (!durable) {
			turn_down(r);
			s = session_find(v, r->session);
			if (s)
				session_end(v, s);
		}
		to_client(v, r);
		if (r->pass >= 0)
			close(r->pass);
		tell_judge(v, r);
	}
	km_wipe(v->reply, v->replies * sizeof v->reply[0]);
	v->replies = 0;
	if (v->judge >= 0 && queue_send(&v->to_judge, v->judge) == KM_ECLOSED)
		link_lost(v, "it went away");
}
