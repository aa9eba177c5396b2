/*
 * A desk's private line: a socket pair that the judge never sees. Operations,
 * their rows and their secrets travel here and nowhere else. A desk does one
 * thing at a time; its bad frame costs it the line.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kenmon/log.h>

#include "desk.h"
#include "founding.h"
#include "grant.h"
#include "orders.h"

/*
 * Every operation. The order of a row: number, what runs it, what takes the answer to its prompt,
 * what it does and needs (rights.h), what is done when its id comes again, who may by their role.
 */
static const struct operation operations[] = {
	{ KM_MSG_OPERATOR_ADD, desk_operator_add, NULL, CHANGES | TWO, NULL, REGISTRAR },
	{ KM_MSG_OPERATOR_LIST, desk_operator_list, NULL, READS, NULL, STAFF },
	{ KM_MSG_OPERATOR_SHOW, desk_operator_show, NULL, READS | SELF, NULL, STAFF },
	{ KM_MSG_OPERATOR_STATE, desk_operator_state, NULL, CHANGES | ANYWAY | ROOT | TAKES, NULL,
	  REGISTRAR | APPROVER | OFFICER },
	{ KM_MSG_OPERATOR_STATE, desk_operator_state, NULL, CHANGES | TWO, NULL, REGISTRAR },
	{ KM_MSG_OPERATOR_REBIND, desk_operator_rebind, NULL, CHANGES | TWO, NULL, REGISTRAR },
	{ KM_MSG_OPERATOR_CHANGE, desk_operator_change, NULL, CHANGES | TWO, NULL, REGISTRAR },

	/* What is enrolled where two are needed is good only once the second has agreed. */
	{ KM_MSG_ENROL, desk_enrol, desk_enrol_answer, CHANGES | SELF, NULL, REGISTRAR },
	{ KM_MSG_ENROL_RECOVERY, desk_enrol_recovery, NULL, CHANGES, NULL, REGISTRAR },
	{ KM_MSG_ENROL_FINGER, desk_enrol_finger, NULL, CHANGES, NULL, REGISTRAR },
	{ KM_MSG_ENROL_PHONE, desk_enrol_phone, desk_enrol_phone_answer, CHANGES, NULL, REGISTRAR },
	{ KM_MSG_BYPASS, desk_bypass, NULL, CHANGES, NULL, REGISTRAR },
	{ KM_MSG_INVITE, desk_invite, NULL, CHANGES, NULL, REGISTRAR },
	{ KM_MSG_ACTIVATE, desk_activate, NULL, CHANGES | INSIDE, NULL, 0 },
	{ KM_MSG_SENSOR_LIST, desk_sensor_list, NULL, READS | ROOT, NULL, STAFF },
	{ KM_MSG_CREDENTIAL_LIST, desk_credential_list, NULL, READS | SELF, NULL, STAFF },
	{ KM_MSG_CREDENTIAL_REMOVE, desk_credential_remove, NULL, CHANGES | ANYWAY, NULL,
	  REGISTRAR | APPROVER | OFFICER },
	{ KM_MSG_RESYNC, desk_resync, desk_resync_answer, CHANGES, NULL, REGISTRAR },
	{ KM_MSG_UNLOCK, desk_unlock, NULL, CHANGES | TWO, NULL, REGISTRAR },

	{ KM_MSG_ERASE, desk_erase, NULL, CHANGES | TWO, desk_erase_again, REGISTRAR },
	{ KM_MSG_TRANSFER, desk_transfer, NULL, CHANGES | TWO, NULL, REGISTRAR },
	{ KM_MSG_DUE_LIST, desk_due_list, NULL, READS, NULL, STAFF },
	{ KM_MSG_DUE_RELEASE, desk_due_release, NULL, CHANGES | TWO, NULL, REGISTRAR },
	{ KM_MSG_CERTIFICATE_LIST, desk_certificate_list, NULL, READS, NULL, STAFF },
	{ KM_MSG_CERTIFICATE_SHOW, desk_certificate_show, NULL, READS, NULL, STAFF },
	{ KM_MSG_LEAVERS, desk_leavers, NULL, READS | ROOT, NULL, STAFF },

	{ KM_MSG_IDENTIFY, desk_identify, NULL, READS | ANYBODY, NULL, 0 },
	{ KM_MSG_APPROVAL_LIST, desk_approval_list, NULL, READS, NULL, STAFF },
	{ KM_MSG_APPROVAL_SHOW, desk_approval_show, NULL, READS, NULL, STAFF },
	{ KM_MSG_APPROVAL_DECIDE, desk_approval_decide, NULL, CHANGES | ANYWAY | TAKES, NULL,
	  REGISTRAR | APPROVER },
	/* What was approved may have been an erasure. */
	{ KM_MSG_APPROVAL_DECIDE, desk_approval_decide, NULL, CHANGES, desk_erase_again, APPROVER },

	/* A text that was said before changes nothing, and is named again. */
	{ KM_MSG_PURPOSE, desk_purpose, NULL, READS, NULL, REGISTRAR },
	{ KM_MSG_CONSENT, desk_consent, desk_consent_answer, CHANGES, NULL, REGISTRAR },
	{ KM_MSG_CONSENT_WITHDRAW, desk_consent_withdraw, desk_consent_withdraw_answer,
	  CHANGES | ANYWAY | SELF, desk_erase_again, REGISTRAR },
	{ KM_MSG_CONSENT_LIST, desk_consent_list, NULL, READS | SELF, NULL, STAFF },
	{ KM_MSG_PURPOSE_SHOW, desk_purpose_show, NULL, READS | SELF, NULL, STAFF },
	{ KM_MSG_EXPORT, desk_export, NULL, CHANGES | ANYWAY | SELF, NULL, REGISTRAR },

	/* A roster beyond the brake files its END by itself. */
	{ KM_MSG_ROSTER_BEGIN, desk_roster_begin, NULL, CHANGES | ROSTER, NULL, REGISTRAR },
	{ KM_MSG_ROSTER_SLICE, desk_roster_slice, NULL, CHANGES | ROSTER, NULL, REGISTRAR },
	{ KM_MSG_ROSTER_END, desk_roster_end, NULL, CHANGES | ROSTER, NULL, REGISTRAR },
	{ KM_MSG_ROSTER_LIST, desk_roster_list, NULL, READS | ROSTER, NULL, REGISTRAR | APPROVER },

	{ KM_MSG_ACCEPT, desk_accept, NULL, CHANGES | ANYWAY | ROOT, NULL, OFFICER },
	{ KM_MSG_AUDIT_LIST, desk_audit_list, NULL, READS | SELF, NULL, STAFF },
	{ KM_MSG_AUDIT_VERIFY, desk_audit_verify, NULL, READS | ROOT, NULL, STAFF },
	{ KM_MSG_AUDIT_ANCHOR, desk_audit_anchor, NULL, READS | ROOT, NULL, STAFF },
	{ KM_MSG_STATUS, desk_status, NULL, READS | ROOT, NULL, STAFF },
	{ KM_MSG_COURIER_TEST, desk_courier_test, NULL, CHANGES | TWO, NULL, REGISTRAR | OFFICER },
	{ KM_MSG_COURIER_STATUS, desk_courier_status, NULL, READS | ROOT, NULL, STAFF },
	{ KM_MSG_KEY_STATUS, desk_key_status, NULL, READS | ROOT, NULL, STAFF },
	{ KM_MSG_KEY_ROTATE, desk_key_rotate, NULL, CHANGES, desk_key_rotate_again, OFFICER },
	{ KM_MSG_REVIEW, desk_review, NULL, CHANGES, NULL, AUDITOR | OFFICER },
	{ KM_MSG_REVIEW_SHOW, desk_review_show, NULL, READS, NULL, STAFF },
	/* Root's timer takes copies away with a permit; to ask for one takes a name and a code. */
	{ KM_MSG_BACKUP, desk_backup, NULL, CHANGES | ROOT, NULL, OFFICER },
	{ KM_MSG_BUNDLE, desk_bundle, NULL, CHANGES | ROOT, NULL, OFFICER },
	{ KM_MSG_BUNDLE_GONE, desk_bundle_gone, NULL, CHANGES, NULL, OFFICER },
};
#define OPERATIONS (sizeof operations / sizeof operations[0])

/* Taking access away needs no second person, and no house that is in order. */
static bool takes_away(const struct km_msg *m)
{
	if (m->number == KM_MSG_OPERATOR_STATE)
		return m->operator_state.state == KM_SUSPENDED;
	return m->number == KM_MSG_APPROVAL_DECIDE && !m->approval_decide.approve;
}

const struct operation *operation_of(const struct km_msg *m)
{
	for (size_t i = 0; i < OPERATIONS; i++) {
		const struct operation *o = &operations[i];

		if (o->number == m->number && (!(o->flags & TAKES) || takes_away(m)))
			return o->run ? o : NULL;
	}
	return NULL;
}

const struct operation *operation_at(size_t i)
{
	return i < OPERATIONS ? &operations[i] : NULL;
}

/* A place for this peer; those who are not root leave some to root, to who has a role, and each
 * other. */
static struct line *place_for(struct vault *v, uid_t peer, bool staff)
{
	const size_t others = staff ? VAULT_LINES_KEPT : VAULT_LINES_KEPT + VAULT_LINES_ROLE;
	size_t left = 0, own = 0;
	struct line *l = NULL;

	for (size_t i = 0; i < VAULT_LINES; i++) {
		if (v->line[i].fd < 0) {
			l = l ? l : &v->line[i];
			left++;
		} else if (v->line[i].peer == peer) {
			own++;
		}
	}
	if (desk_is_root(v, peer))
		return l;
	return own < VAULT_LINES_OF && left > others ? l : NULL;
}

km_rc line_new(struct vault *v, uid_t peer, const struct desk_person *who, int *other)
{
	struct line *l = place_for(v, peer, who->staff);
	int pair[2];

	if (!l)
		return KM_ELIMIT;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return KM_EIO;
	if (!loop_watch(v, pair[0])) {
		close(pair[1]);
		return KM_EIO;
	}
	*l = (struct line){ .fd = pair[0], .peer = peer, .who = *who, .phase = KM_PHASE_DESK_IDLE };
	*other = pair[1];
	return KM_OK;
}

/*
 * And ends the grant under which a finger was waited for, or readers were listed, and the order
 * whose code was: but not that of a test, which has no other end.
 */
static void forget_pending(struct vault *v, struct line *l)
{
	if (!l->testing)
		orders_drop(v, l);
	grant_end(v, grant_of_line(v, l));
	km_locked_free(l->pending, sizeof *l->pending);
	l->pending = NULL;
	kept_free(l->kept);
	l->kept = NULL;
	l->phase = KM_PHASE_DESK_IDLE;
}

void line_close(struct vault *v, struct line *l)
{
	if (l->fd < 0)
		return;
	l->testing = false;
	forget_pending(v, l);
	roster_line_closed(v, l);
	backup_drop(v, l);
	epoll_ctl(v->poll, EPOLL_CTL_DEL, l->fd, NULL);
	close(l->fd);
	queue_free(&l->out);
	*l = (struct line){ .fd = -1 };
}

km_rc line_put_done(struct line *l, km_rc rc, uint64_t id, const char *text)
{
	struct km_msg m = { .number = KM_MSG_DONE };

	memcpy(m.done.op, l->op, sizeof l->op);
	m.done.rc = (uint8_t)-rc;
	m.done.id = id;
	snprintf(m.done.text, sizeof m.done.text, "%s", text);
	return queue_put(&l->out, &m);
}

/* While machine or database are in doubt nothing changes, but what is done anyway. */
static km_rc in_order(const struct vault *v, const struct operation *o)
{
	bool waits = (o->flags & CHANGES) && !(o->flags & ANYWAY);

	return waits && (v->suspicion & (KM_SUSPECT_MACHINE | KM_SUSPECT_ROLLBACK)) ? KM_ESUSPECT
										    : KM_OK;
}

/* Runs what a call asks for; the rc goes into DONE. */
static km_rc run(struct call *c, const struct operation *o)
{
	km_rc before, rc = in_order(c->v, o);

	if (rc != KM_OK)
		return rc;
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
		rc = founding_keeps(c);
	if (rc != KM_OK)
		return rc;
	return (o->flags & TWO) && desk_two_persons(c->v) ? request_file(c) : o->run(c);
}

/* What was changed is remembered under its id, and may have founded the administration. */
static km_rc note_change(struct call *c, km_rc rc)
{
	km_rc noted = store_op_note(c->v->store, c->l->op, rc, c->id);

	if (noted != KM_OK)
		return noted;
	if (founding_look(c->v, c->actor) != KM_OK)
		km_log(LOG_ERR, "whether the administration is founded could not be looked at");
	return rc;
}

/* Ends a call in this round: remembers what was done, answers, forgets what was asked. */
static km_rc finish(struct call *c, const struct operation *o, km_rc rc)
{
	if (rc == KM_OK && c->end == CALL_ASKED)
		return KM_OK;
	if ((rc == KM_OK || rc == KM_EFILED) && (o->flags & CHANGES) && !c->repeated)
		rc = note_change(c, rc);
	if (rc != KM_OK && !c->repeated)
		c->l->testing = false;
	forget_pending(c->v, c->l);
	/* A copy goes on with the next operation, but not after a failure. */
	if (rc != KM_OK && rc != KM_EAGAIN)
		backup_drop(c->v, c->l);
	if (rc == KM_OK && c->end == CALL_LATER)
		return KM_OK;
	return line_put_done(c->l, rc, c->id, c->text);
}

void call_again(struct call *c, struct vault *v, struct line *l)
{
	*c = (struct call){ .v = v, .l = l };
	person_actor(l, c->actor);
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
	if (finish(c, operation_of(&c->l->pending->asked), rc) != KM_OK)
		line_close(c->v, c->l);
}

/* len: of its frame, which is kept where a code must be asked for first; 0: it was asked for. */
static km_rc take_operation(struct vault *v, struct line *l, struct km_msg *m, size_t len)
{
	const struct operation *o = operation_of(m);
	struct call c;
	km_rc rc;

	if (!o)
		return KM_EPROTO;
	rc = person_may(v, l, o, m);
	call_again(&c, v, l);
	c.m = m;
	/* Every operation begins with its id. */
	memcpy(l->op, m->status.op, sizeof l->op);
	if (rc == KM_OK && l->right == RIGHTS_PROVE && len > 0)
		return finish(&c, o, proof_ask(&c, len));
	if (rc == KM_OK)
		rc = rights_given(l->right) ? run(&c, o) : person_refused(&c, o);
	return finish(&c, o, rc);
}

/* The caller's own code. When it was good, what waited for it runs, in the same transaction. */
static km_rc take_proof(struct vault *v, struct line *l, struct km_msg *m)
{
	struct kept *kept = l->kept;
	km_rc rc = KM_EABORTED;
	struct call c;

	call_again(&c, v, l);
	c.m = m;
	if (m->number == KM_MSG_ANSWER)
		rc = proof_take(&c);
	if (rc == KM_OK && c.end == CALL_ASKED)
		return KM_OK;
	l->kept = NULL;
	forget_pending(v, l);
	if (rc != KM_OK) {
		kept_free(kept);
		return line_put_done(l, rc, 0, c.text);
	}
	rc = km_decode(kept->frame, kept->len, KM_FROM_DESK, l->phase, m);
	if (rc == KM_OK)
		rc = take_operation(v, l, m, 0);
	kept_free(kept);
	return rc;
}

/* Whoever began it may have lost their role since, or root its right to act alone. */
km_rc line_still_may(struct call *c, const struct operation *o, const struct km_msg *asked)
{
	km_rc rc = in_order(c->v, o);

	if (rc == KM_OK)
		rc = person_still_may(c->v, c->l, o, asked);
	person_actor(c->l, c->actor);
	if (rc == KM_OK && !rights_given(c->l->right))
		rc = person_refused(c, o);
	return rc;
}

static km_rc take_answer(struct vault *v, struct line *l, struct km_msg *m)
{
	const struct operation *o = l->pending ? operation_of(&l->pending->asked) : NULL;
	km_rc rc = KM_EABORTED;
	struct call c;

	if (l->kept)
		return take_proof(v, l, m);
	/* Where only a finger is waited for there is nothing to answer, but to stop it. */
	if (!o || (m->number == KM_MSG_ANSWER && !o->answer))
		return KM_EPROTO;
	call_again(&c, v, l);
	c.m = m;
	if (m->number == KM_MSG_ANSWER)
		rc = line_still_may(&c, o, &l->pending->asked);
	if (rc == KM_OK)
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
		rc = take_operation(v, l, v->in, len);
	km_wipe(v->frame, rc == KM_OK ? len : KM_FRAME_MAX);
	km_msg_wipe(v->in);
	if (fd >= 0)
		close(fd);
	if (rc != KM_OK)
		line_close(v, l);
}

void line_send(struct vault *v, struct line *l)
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
			l->erasing = l->withdrawing = l->testing = false;
			l->rotating = 0;
			l->who.proved_ms = 0; /* the code was not used up */
			forget_pending(v, l);
			backup_drop(v, l);
			if (line_put_done(l, KM_EIO, 0, "") != KM_OK) {
				line_close(v, l);
				continue;
			}
		}
		line_send(v, l);
	}
}
