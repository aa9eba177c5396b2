/*
 * A desk's private line: a socket pair that the judge never sees. Operations,
 * their rows and their secrets travel here and nowhere else. A desk does one
 * thing at a time; its bad frame costs it the line.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kenmon/log.h>

#include "desk.h"

enum {
	READS = 0,
	CHANGES =
	    1, /* runs once for an operation id; refused while machine or database are in doubt */
	ANYWAY = 2, /* taking access away, and accepting: never refused for that */
};

static const struct operation {
	enum km_message_number number;
	km_rc (*run)(struct call *c);
	km_rc (*answer)(struct call *c); /* takes the ANSWER to what run asked */
	unsigned flags;
	void (*again)(struct call *c); /* its id came again: what its DONE still waits for */
} operations[] = {
	{ KM_MSG_OPERATOR_ADD, desk_operator_add, NULL, CHANGES },
	{ KM_MSG_OPERATOR_LIST, desk_operator_list, NULL, READS },
	{ KM_MSG_OPERATOR_SHOW, desk_operator_show, NULL, READS },
	{ KM_MSG_OPERATOR_STATE, desk_operator_state, NULL, CHANGES | ANYWAY },
	{ KM_MSG_OPERATOR_REBIND, desk_operator_rebind, NULL, CHANGES },
	{ KM_MSG_ENROL, desk_enrol, desk_enrol_answer, CHANGES },
	{ KM_MSG_ENROL_RECOVERY, desk_enrol_recovery, NULL, CHANGES },
	{ KM_MSG_ENROL_FINGER, desk_enrol_finger, NULL, CHANGES },
	{ KM_MSG_SENSOR_LIST, desk_sensor_list, NULL, READS },
	{ KM_MSG_CREDENTIAL_LIST, desk_credential_list, NULL, READS },
	{ KM_MSG_CREDENTIAL_REMOVE, desk_credential_remove, NULL, CHANGES | ANYWAY },
	{ KM_MSG_ERASE, desk_erase, NULL, CHANGES, desk_erase_again },
	{ KM_MSG_RESYNC, desk_resync, desk_resync_answer, CHANGES },
	{ KM_MSG_UNLOCK, desk_unlock, NULL, CHANGES },
	{ KM_MSG_ACCEPT, desk_accept, NULL, CHANGES | ANYWAY },
	{ KM_MSG_AUDIT_LIST, desk_audit_list, NULL, READS },
	{ KM_MSG_AUDIT_VERIFY, desk_audit_verify, NULL, READS },
	{ KM_MSG_AUDIT_ANCHOR, desk_audit_anchor, NULL, READS },
	{ KM_MSG_STATUS, desk_status, NULL, READS },
	{ KM_MSG_KEY_STATUS, desk_key_status, NULL, READS },
	{ KM_MSG_KEY_ROTATE, desk_key_rotate, NULL, CHANGES, desk_key_rotate_again },
	{ KM_MSG_BACKUP, desk_backup, NULL, READS },
	{ KM_MSG_BUNDLE, desk_bundle, NULL, READS },
};

static const struct operation *operation_of(unsigned number)
{
	for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
		if (operations[i].number == number)
			return &operations[i];
	}
	return NULL;
}

km_rc line_new(struct vault *v, uid_t peer, int *other)
{
	struct line *l = NULL;
	int pair[2];

	for (size_t i = 0; i < VAULT_LINES && !l; i++) {
		if (v->line[i].fd < 0)
			l = &v->line[i];
	}
	if (!l)
		return KM_ELIMIT;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return KM_EIO;
	if (!loop_watch(v, pair[0])) {
		close(pair[1]);
		return KM_EIO;
	}
	*l = (struct line){ .fd = pair[0], .peer = peer, .phase = KM_PHASE_DESK_IDLE };
	*other = pair[1];
	return KM_OK;
}

/* And ends the grant under which a finger was waited for, or readers were listed. */
static void forget_pending(struct vault *v, struct line *l)
{
	grant_end(v, grant_of_line(v, l));
	km_locked_free(l->pending, sizeof *l->pending);
	l->pending = NULL;
	l->phase = KM_PHASE_DESK_IDLE;
}

void line_close(struct vault *v, struct line *l)
{
	if (l->fd < 0)
		return;
	forget_pending(v, l);
	backup_drop(v, l);
	epoll_ctl(v->poll, EPOLL_CTL_DEL, l->fd, NULL);
	close(l->fd);
	queue_free(&l->out);
	*l = (struct line){ .fd = -1 };
}

km_rc call_put(struct call *c, struct km_msg *m)
{
	return queue_put(&c->l->out, m);
}

void call_say(struct call *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->text, sizeof c->text, format, args);
	va_end(args);
}

km_rc call_ask(struct call *c, enum km_text text)
{
	struct km_msg m = { .number = KM_MSG_PROMPT };

	snprintf(m.prompt.text, sizeof m.prompt.text, "%s", km_text(text, KM_LANG_EN));
	m.prompt.echo = 1;
	m.prompt.shape = KM_SHAPE_DIGITS;
	c->end = CALL_ASKED;
	c->l->phase = KM_PHASE_DESK_ASKED;
	return call_put(c, &m);
}

km_rc call_keep(struct call *c, const struct km_operator *op)
{
	struct pending *p = km_locked_new(sizeof *p);

	if (!p)
		return KM_ENOMEM;
	p->asked = *c->m;
	if (op)
		p->op = *op;
	c->l->pending = p;
	c->l->phase = KM_PHASE_DESK_ASKED;
	c->end = CALL_ASKED;
	return KM_OK;
}

void call_event(const struct call *c, struct km_event_record *r, enum km_event event,
		const struct km_operator *op)
{
	event_make(r, event, op ? op->subject : NULL, c->actor);
	/* Root needs no factor of its own until two-person approval exists: the trail says so. */
	event_add(r, "authority",
		  c->l->peer == 0 ? "root-without-factor" : "starter-without-factor");
}

km_rc call_operator(struct call *c, const char *login, struct km_operator *op)
{
	km_rc rc = store_operator_by_login(c->v->store, login, op);

	if (rc == KM_ENOTFOUND)
		call_say(c, "no operator is registered under the login %s", login);
	return rc;
}

static km_rc put_done(struct line *l, km_rc rc, uint64_t id, const char *text)
{
	struct km_msg m = { .number = KM_MSG_DONE };

	memcpy(m.done.op, l->op, sizeof l->op);
	m.done.rc = (uint8_t)-rc;
	m.done.id = id;
	snprintf(m.done.text, sizeof m.done.text, "%s", text);
	return queue_put(&l->out, &m);
}

/* Runs what a call asks for; the rc goes into DONE. */
static km_rc run(struct call *c, const struct operation *o)
{
	km_rc rc, before;

	if ((o->flags & CHANGES) && !(o->flags & ANYWAY) &&
	    (c->v->suspicion & (KM_SUSPECT_MACHINE | KM_SUSPECT_ROLLBACK)))
		return KM_ESUSPECT;
	if (!(o->flags & CHANGES))
		return o->run(c);
	rc = store_op_seen(c->v->store, c->l->op, &before, &c->id);
	if (rc == KM_OK) {
		c->repeated = true;
		if (before == KM_OK && o->again)
			o->again(c);
		return before;
	}
	if (rc == KM_ENOTFOUND)
		rc = o->run(c);
	return rc;
}

/* Ends a call in this round: remembers what was done, answers, forgets what was asked. */
static km_rc finish(struct call *c, const struct operation *o, km_rc rc)
{
	if (rc == KM_OK && c->end == CALL_ASKED)
		return KM_OK;
	if (rc == KM_OK && (o->flags & CHANGES) && !c->repeated)
		rc = store_op_note(c->v->store, c->l->op, KM_OK, c->id);
	forget_pending(c->v, c->l);
	/* A copy goes on with the next operation, but not after a failure. */
	if (rc != KM_OK && rc != KM_EAGAIN)
		backup_drop(c->v, c->l);
	if (rc == KM_OK && c->end == CALL_LATER)
		return KM_OK;
	return put_done(c->l, rc, c->id, c->text);
}

void call_again(struct call *c, struct vault *v, struct line *l)
{
	*c = (struct call){ .v = v, .l = l };
	snprintf(c->actor, sizeof c->actor, "uid:%u", (unsigned)l->peer);
}

void call_row(struct call *c, struct km_msg *m)
{
	c->l->touched = true;
	if (call_put(c, m) != KM_OK)
		line_close(c->v, c->l);
}

void call_finish(struct call *c, km_rc rc)
{
	c->l->touched = true;
	if (finish(c, operation_of(c->l->pending->asked.number), rc) != KM_OK)
		line_close(c->v, c->l);
}

static km_rc take_operation(struct vault *v, struct line *l, struct km_msg *m)
{
	const struct operation *o = operation_of(m->number);
	struct call c;

	if (!o)
		return KM_EPROTO;
	call_again(&c, v, l);
	c.m = m;
	/* Every operation begins with its id. */
	memcpy(l->op, m->status.op, sizeof l->op);
	return finish(&c, o, run(&c, o));
}

static km_rc take_answer(struct vault *v, struct line *l, struct km_msg *m)
{
	const struct operation *o = l->pending ? operation_of(l->pending->asked.number) : NULL;
	km_rc rc = KM_EABORTED;
	struct call c;

	/* Where only a finger is waited for there is nothing to answer, but to stop it. */
	if (!o || (m->number == KM_MSG_ANSWER && !o->answer))
		return KM_EPROTO;
	call_again(&c, v, l);
	c.m = m;
	if (m->number == KM_MSG_ANSWER)
		rc = o->answer(&c);
	return finish(&c, o, rc);
}

void line_drain(struct vault *v, struct line *l)
{
	int fd = -1;
	size_t len;
	km_rc rc;

	/* A desk that has not read its last page gets no next one. */
	if (l->out.head < l->out.tail) {
		l->touched = true;
		return;
	}
	rc = km_recv(l->fd, v->frame, KM_FRAME_MAX, &len, &fd, NULL, MSG_DONTWAIT);
	if (rc == KM_EAGAIN)
		return;
	l->out.head = l->out.tail = 0;
	l->touched = true;
	if (rc == KM_OK)
		rc = km_decode(v->frame, len, KM_FROM_DESK, l->phase, v->in);
	if (rc == KM_OK && l->phase == KM_PHASE_DESK_ASKED)
		rc = take_answer(v, l, v->in);
	else if (rc == KM_OK)
		rc = take_operation(v, l, v->in);
	km_wipe(v->frame, rc == KM_OK ? len : KM_FRAME_MAX);
	km_msg_wipe(v->in);
	if (fd >= 0)
		close(fd);
	if (rc != KM_OK)
		line_close(v, l);
}

static void line_send(struct vault *v, struct line *l)
{
	struct epoll_event ready = { .events = EPOLLIN, .data.fd = l->fd };
	km_rc rc = queue_send(&l->out, l->fd);

	if (rc == KM_EAGAIN)
		ready.events = EPOLLOUT;
	else if (rc != KM_OK) {
		line_close(v, l);
		return;
	}
	if (epoll_ctl(v->poll, EPOLL_CTL_MOD, l->fd, &ready) < 0)
		line_close(v, l);
}

void line_settle(struct vault *v, bool durable)
{
	for (size_t i = 0; i < VAULT_LINES; i++) {
		struct line *l = &v->line[i];

		if (l->fd < 0 || !l->touched)
			continue;
		l->touched = false;
		if (!durable) {
			l->out.head = l->out.tail = 0;
			l->erasing = false;
			l->rotating = 0;
			forget_pending(v, l);
			backup_drop(v, l);
			if (put_done(l, KM_EIO, 0, "") != KM_OK) {
				line_close(v, l);
				continue;
			}
		}
		line_send(v, l);
	}
}

/* DONE for somebody who has waited. */
static void line_done(struct vault *v, struct line *l)
{
	if (put_done(l, KM_OK, 0, "") == KM_OK)
		line_send(v, l);
	else
		line_close(v, l);
}

void line_erased(struct vault *v)
{
	for (size_t i = 0; i < VAULT_LINES; i++) {
		struct line *l = &v->line[i];

		if (l->fd < 0 || !l->erasing)
			continue;
		l->erasing = false;
		line_done(v, l);
	}
}

void line_rotated(struct vault *v)
{
	for (size_t i = 0; i < VAULT_LINES; i++) {
		struct line *l = &v->line[i];

		if (l->fd < 0 || !l->rotating || l->rotating > v->epoch.at.generation)
			continue;
		l->rotating = 0;
		line_done(v, l);
	}
}

void line_rewrapping(struct vault *v)
{
	struct km_msg m = { .number = KM_MSG_PROGRESS };

	m.progress.done = v->epoch.rewrap.done;
	m.progress.total = v->epoch.total;
	for (size_t i = 0; i < VAULT_LINES; i++) {
		struct line *l = &v->line[i];

		/* Who has not read the last one needs no next one. */
		if (l->fd < 0 || !l->rotating || l->out.head < l->out.tail)
			continue;
		l->out.head = l->out.tail = 0;
		if (queue_put(&l->out, &m) == KM_OK)
			line_send(v, l);
		else
			line_close(v, l);
	}
}
