/*
 * What came of a code by telephone: news for the screen, keys that are judged,
 * '*', and an order that reached nobody.
 */
#include <kenmon/log.h>

#include "gate.h"
#include "send.h"

#define TEND_MS 60000

/* The credential to which it was sent, as it is now; false: it is there no more, or was nobody's.
 */
static bool keep_sent(const struct vault *v, struct trial *t)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct km_credential *c = &t->credential[i];

		if (c->id != t->s->sent.credential ||
		    km_factor_class(c->factor) != KM_CLASS_PHONE || !gate_is_good(c, v->now.wall))
			continue;
		t->credential[0] = *c;
		t->count = 1;
		return true;
	}
	t->credential[0] = v->decoy;
	t->credential[0].throttle = t->name;
	t->named[0] = t->by_name = true;
	t->count = 1;
	return false;
}

static km_rc wrong_keys(struct vault *v, struct trial *t, enum km_reason reason)
{
	uint32_t wait = 0;
	km_rc rc = trial_failed(v, t, reason, &wait);

	if (rc == KM_OK)
		phone_retry(v, t->s, wait > 0 ? KM_REASON_PHONE_LOCKED : reason,
			    wait == LOCKOUT_FOR_GOOD ? 0 : wait);
	return rc;
}

static km_rc judge_keys(struct vault *v, struct trial *t, const struct msg_ordered *m)
{
	enum km_reason reason;
	km_rc rc = phone_why_not(v, t, &reason);

	if (rc != KM_OK)
		return rc;
	if (!keep_sent(v, t)) {
		rc = trial_refused(v, t, KM_REASON_UNENROLLED);
		if (rc == KM_OK)
			phone_retry(v, t->s, KM_REASON_PHONE_NONE, 0);
		return rc;
	}
	trial_weigh(v, t);
	if (t->wait > 0) {
		rc = trial_refused(v, t, KM_REASON_PHONE_LOCKED);
		if (rc == KM_OK)
			phone_retry(v, t->s, KM_REASON_PHONE_LOCKED,
				    t->wait == LOCKOUT_FOR_GOOD ? 0 : t->wait);
		return rc;
	}
	rc = challenge_judge(v, t, &t->op, m->keys, m->count, &t->found);
	if (rc != KM_OK)
		return rc;
	if (t->found == CODE_LATE) {
		rc = trial_refused(v, t, KM_REASON_PHONE_LATE);
		if (rc == KM_OK)
			phone_retry(v, t->s, KM_REASON_PHONE_LATE, 0);
		return rc;
	}
	if (t->found != CODE_RIGHT || reason != KM_REASON_NONE)
		return wrong_keys(v, t, reason == KM_REASON_NONE ? KM_REASON_WRONG : reason);
	rc = trial_passed(v, t);
	if (rc == KM_OK)
		session_answer(v, t->s, t->verdict);
	return rc;
}

static void keyed(struct vault *v, struct session *s, const struct msg_ordered *m)
{
	struct trial t TRIAL = { .lockout = &v->conf.lockout, .class = KM_CLASS_PHONE };
	km_rc rc;

	trial_of_login(&t, s);
	rc = trial_look_up(v, &t);
	if (rc == KM_OK)
		rc = judge_keys(v, &t, m);
	/* Used already: no second login by it. */
	if (rc == KM_EREPLAY) {
		phone_retry(v, s, KM_REASON_REPLAY, 0);
		rc = KM_OK;
	}
	phone_answer(v, s, rc);
}

/* Somebody else logs in in their name: the trail has it by itself, however many refusals there are.
 */
static km_rc record_not_me(struct vault *v, const struct trial *t)
{
	struct km_event_record r;
	struct km_spending count;
	km_rc rc = challenge_site(v, CHALLENGE_NOT_ME, &count);

	if (rc != KM_OK)
		return rc;
	count.budget = budget_sent(&count.budget);
	event_make(&r, KM_EVENT_PHONE_NOT_ME, t->known ? t->op.subject : NULL, "door");
	event_add_number(&r, "credential", (int64_t)t->s->sent.credential);
	session_describe(&r, t->s);
	rc = store_spend(v->store, &count, 1, &r);
	if (rc == KM_OK)
		note_event(v, &r);
	return rc;
}

static void not_me(struct vault *v, struct session *s)
{
	struct trial t TRIAL = { .lockout = &v->conf.lockout, .class = KM_CLASS_PHONE };
	uint32_t wait = 0;
	km_rc rc;

	trial_of_login(&t, s);
	rc = trial_look_up(v, &t);
	if (rc == KM_OK)
		rc = record_not_me(v, &t);
	if (rc == KM_OK) {
		(void)!keep_sent(v, &t);
		trial_weigh(v, &t);
		rc = trial_failed(v, &t, KM_REASON_PHONE_NOT_ME, &wait);
	}
	if (rc == KM_OK)
		session_decide(v, s,
			       (struct km_verdict){ KM_VERDICT_DENY, KM_REASON_PHONE_NOT_ME, 0 });
	phone_answer(v, s, rc);
}

/* It did not reach them, or nobody knows: the trail has it, and a call is waited for no longer. */
static void not_sent(struct vault *v, struct session *s, const struct order *o,
		     const struct msg_ordered *m)
{
	const bool call = km_order_waits_for_keys(o->kind);
	struct km_operator op = { 0 };
	struct km_event_record r;
	km_rc rc = o->decoy ? KM_ENOTFOUND : session_operator(v, s, &op, NULL);

	if (rc == KM_OK) {
		event_make(&r, KM_EVENT_CODE_NOT_SENT, op.subject, "courier");
		event_add(&r, "reason",
			  m->why ? km_order_why_word(m->why) : km_order_state_word(m->state));
		event_add(&r, "order", km_order_word(o->kind));
		event_add_number(&r, "credential", (int64_t)s->sent.credential);
		session_describe(&r, s);
		rc = note_record(v, &r);
	}
	if (rc != KM_OK && rc != KM_ENOTFOUND) {
		phone_answer(v, s, rc);
	} else if (call) {
		s->sent.kind = 0;
		phone_retry(v, s, KM_REASON_PHONE_NONE, 0);
	}
}

static void tell_judge(struct vault *v, const struct session *s, const struct msg_ordered *m)
{
	struct km_msg news = { .number = KM_MSG_ORDER_NEWS, .session = s->id };

	news.order_news.state = m->state;
	news.order_news.why = m->why;
	/* A judge that does not read is found out by what must be said to it. */
	if (queue_put(&v->to_judge, &news) == KM_OK)
		v->messages++;
}

km_rc phone_heard(struct vault *v, struct order *o, const struct msg_ordered *m)
{
	struct session *s = o->session;

	tell_judge(v, s, m);
	switch (m->state) {
	case KM_ORDER_STATE_KEYED:
		keyed(v, s, m);
		break;
	case KM_ORDER_STATE_NOT_ME:
		not_me(v, s);
		break;
	case KM_ORDER_STATE_FAILED:
	case KM_ORDER_STATE_UNKNOWN:
		not_sent(v, s, o, m);
		break;
	default:
		break;
	}
	return KM_OK;
}

km_rc phone_start(struct vault *v)
{
	return store_challenges_end(v->store);
}

void phone_tend(struct vault *v)
{
	km_rc rc;

	/* By a clock that is ahead, what was sent today would be forgotten. */
	if (v->suspicion || (v->phone_tended_ms && v->now.boot_ms - v->phone_tended_ms < TEND_MS))
		return;
	v->phone_tended_ms = v->now.boot_ms;
	rc = store_phone_prune(v->store, v->now.wall / BUDGET_DAY - 1);
	if (rc != KM_OK && rc != KM_ENOTFOUND)
		km_log(LOG_ERR, "codes by telephone that are over could not be removed (%s)",
		       km_rc_text(rc, KM_LANG_EN));
}
