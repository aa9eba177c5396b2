/*
 * A finger in the place of an answer. The judge asks for a grant, the matcher
 * says what it found, and the vault alone decides what follows: everything is
 * read again inside the transaction that counts, lets pass and writes the audit
 * record, as for a code (check.c).
 *
 * Only a mismatch counts, against every finger that was lent: a reader without a
 * touch, a matcher that has gone and an image with too little in it are nobody's
 * guess, and a code is asked for instead.
 */
#include <string.h>

#include <kenmon/log.h>

#include "gate.h"
#include "grant.h"
#include "courier.h"
#include "trial.h"

/*
 * NIST SP 800-63B-4, 3.2.3: five failures in a row, then at least 30 seconds before each try, and
 * after 50 another factor. Not the site's to choose.
 */
const struct km_conf_lockout finger_lockout = {
	.after = 5, .first_wait = 30, .longest_wait = 30, .disable_at = 50
};

/* --- the plan ---------------------------------------------------------------------- */

/* A finger that an administrator would have to unlock first is not offered. */
static bool is_offered(const struct km_credential *c, int64_t wall)
{
	return c->factor == KM_FACTOR_FINGERPRINT && c->throttle.not_before != INT64_MAX &&
	       gate_is_good(c, wall);
}

/*
 * The same work for every name: an unknown one is looked up as the decoy. Who cannot be looked up
 * is asked for a code, and hears then what is wrong.
 */
bool finger_offered(struct vault *v, const struct session *s)
{
	struct km_credential credential[KM_MAX_CREDENTIALS];
	struct km_operator op;
	size_t count = 0;
	bool offered = false;
	km_rc rc = session_operator(v, s, &op, NULL);

	if (rc == KM_ENOTFOUND)
		op = v->decoy_operator;
	else if (rc != KM_OK)
		return false;
	if (store_credentials(v->store, op.subject, credential, &count) != KM_OK)
		count = 0;
	for (size_t i = 0; i < count; i++)
		offered |= is_offered(&credential[i], v->now.wall);
	km_wipe(credential, sizeof credential);
	return rc == KM_OK && op.state != KM_ERASING && offered;
}

/* --- answers that count nothing ------------------------------------------------------- */

/* Asked again. That alone is no refusal: the login ends as if it had not been. */
static void ask_again(struct vault *v, struct session *s, enum km_reason reason, uint32_t wait)
{
	session_retry(v, s, (struct km_verdict){ KM_VERDICT_RETRY, reason, wait });
}

void finger_lost(struct vault *v, struct session *s)
{
	ask_again(v, s, KM_REASON_FINGER_NONE, 0);
}

static void say_locked(struct vault *v, struct session *s, uint32_t wait)
{
	if (wait == LOCKOUT_FOR_GOOD)
		ask_again(v, s, KM_REASON_FINGER_DISABLED, 0);
	else
		ask_again(v, s, KM_REASON_FINGER_LOCKED, wait);
}

/* Nobody may try now: written down, not counted. */
static km_rc refuse_locked(struct vault *v, struct trial *t)
{
	km_rc rc = trial_refused(v, t,
				 t->wait == LOCKOUT_FOR_GOOD ? KM_REASON_FINGER_DISABLED
							     : KM_REASON_FINGER_LOCKED);

	if (rc == KM_OK)
		say_locked(v, t->s, t->wait);
	return rc;
}

/* --- GRANT --------------------------------------------------------------------------- */

static void answer_rc(struct vault *v, struct session *s, km_rc rc)
{
	if (rc != KM_OK)
		session_decide(v, s,
			       (struct km_verdict){ KM_VERDICT_UNAVAILABLE, KM_REASON_STORAGE, 0 });
}

static void keep(struct trial *t, bool (*is_kept)(const struct km_credential *c, const void *arg),
		 const void *arg)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->count; i++) {
		if (!is_kept(&t->credential[i], arg))
			continue;
		if (kept != i)
			t->credential[kept] = t->credential[i];
		kept++;
	}
	t->count = kept;
}

static bool is_finger(const struct km_credential *c, const void *wall)
{
	return c->factor == KM_FACTOR_FINGERPRINT && gate_is_good(c, *(const int64_t *)wall);
}

static bool may_be_tried(const struct km_credential *c, const void *wall)
{
	return lockout_wait(&finger_lockout, &c->throttle, *(const int64_t *)wall) == 0;
}

/*
 * A touch does not say which login it is for: whoever began another in somebody's name would get
 * theirs. So nobody is waited for twice, and who comes second hears of the first.
 */
static km_rc refuse_second(struct vault *v, struct trial *t)
{
	km_rc rc = trial_refused(v, t, KM_REASON_FINGER_ELSEWHERE);

	if (rc == KM_OK)
		ask_again(v, t->s, KM_REASON_FINGER_ELSEWHERE, 0);
	return rc;
}

/* KM_OK: the judge may have a finger captured. */
static km_rc lend(struct vault *v, struct trial *t, struct grant **out)
{
	struct grant *g = NULL;
	km_rc rc = grant_new(v, v->conf.finger_timeout, &g);

	if (rc != KM_OK)
		return rc;
	g->session = t->s;
	rc = grant_lend(v, g, KM_GRANT_COMPARE, 0, &t->op, t->credential, t->count);
	if (rc == KM_OK)
		*out = g;
	else
		grant_end(v, g);
	return rc;
}

static km_rc grant(struct vault *v, struct trial *t)
{
	enum km_reason queued = KM_REASON_NONE;
	struct grant *g = NULL;
	km_rc rc = queue_reason(v, &t->op, &queued); /* for everybody alike */

	if (rc != KM_OK)
		return rc;
	keep(t, is_finger, &v->now.wall);
	trial_weigh(v, t);
	/* There was one when the plan was made. A leaver's is not taken out any more: a code is
	 * asked for, and refused with its reason. */
	if (!t->known || t->op.state == KM_ERASING || t->count == 0 || queued != KM_REASON_NONE) {
		finger_lost(v, t->s);
		return KM_OK;
	}
	if (t->wait > 0)
		return refuse_locked(v, t);
	if (grants_lent(v, t->op.subject, 0))
		return refuse_second(v, t);
	keep(t, may_be_tried, &v->now.wall);
	rc = lend(v, t, &g);
	if (rc == KM_OK) {
		t->s->grant = g;
		t->s->revocable = true;
		session_granted(v, t->s, g->id, v->conf.finger_timeout);
		return KM_OK;
	}
	/* A code is asked for: it needs no matcher, nor a template that is damaged. */
	if (rc != KM_EUNAVAIL && rc != KM_ELIMIT)
		km_log(LOG_ERR, "fingers of an operator cannot be lent to the matcher: %s",
		       km_rc_text(rc, KM_LANG_EN));
	finger_lost(v, t->s);
	return KM_OK;
}

km_rc finger_grant(struct vault *v, struct session *s, const struct msg_grant *m)
{
	struct trial t TRIAL = { .lockout = &finger_lockout, .class = KM_CLASS_TOUCH };
	km_rc rc;

	/* Only what the plan has offered, for the step that is due, once at a time. */
	if (m->step != s->at || m->step >= s->steps.count || !(s->touch & (1u << m->step)) ||
	    s->grant || order_waits(s))
		return KM_EPROTO;
	s->revocable = false;
	trial_of_login(&t, s);
	rc = trial_look_up(v, &t);
	if (rc == KM_OK)
		rc = grant(v, &t);
	answer_rc(v, s, rc);
	return KM_OK;
}

/* A finding may have come first, and its VERDICT be under way. */
km_rc finger_revoke(struct vault *v, struct session *s, const struct msg_revoke *m)
{
	if (!s->revocable || !km_sensor_event_ends(m->event))
		return KM_EPROTO;
	s->revocable = false;
	if (!s->grant)
		return KM_OK;
	grant_end(v, s->grant);
	finger_lost(v, s);
	return KM_OK;
}

/* --- MATCH ---------------------------------------------------------------------------- */

static bool was_lent(const struct km_credential *c, const void *grant_of_it)
{
	const struct grant *g = grant_of_it;

	for (size_t i = 0; i < g->count; i++) {
		if (g->credential[i] == c->id)
			return c->factor == KM_FACTOR_FINGERPRINT;
	}
	return false;
}

static km_rc refuse_wrong(struct vault *v, struct trial *t, enum km_reason reason)
{
	uint32_t wait;
	km_rc rc = trial_failed(v, t, reason, &wait);

	if (rc != KM_OK)
		return rc;
	if (wait > 0)
		say_locked(v, t->s, wait);
	else
		ask_again(v, t->s, KM_REASON_FINGER, 0);
	return KM_OK;
}

static km_rc accept_right(struct vault *v, struct trial *t)
{
	km_rc rc = trial_passed(v, t);

	if (rc == KM_OK)
		session_answer(v, t->s, t->verdict);
	return rc;
}

/* The finger was removed, or its operator erased, while it lay on the reader. */
static km_rc refuse_gone(struct vault *v, struct trial *t)
{
	km_rc rc;

	t->count = 0; /* whichever is still there was not it */
	rc = trial_refused(v, t, KM_REASON_UNENROLLED);
	if (rc == KM_OK)
		finger_lost(v, t->s);
	return rc;
}

/* Which of those still there it is that matched. */
static bool find_winner(struct trial *t, uint64_t credential)
{
	for (size_t i = 0; i < t->count; i++) {
		if (t->credential[i].id != credential)
			continue;
		t->found = CODE_RIGHT;
		t->winner = i;
		return true;
	}
	return false;
}

/* Locked while it lay on the reader: the finger that matched, or, where none did, all of them. */
static bool locked_since(const struct vault *v, struct trial *t)
{
	if (t->found != CODE_RIGHT)
		return t->wait > 0;
	if (t->judged[t->winner])
		return false;
	t->wait = lockout_wait(&finger_lockout, &t->credential[t->winner].throttle, v->now.wall);
	return true;
}

/* What was found, held against what is stored now. */
static km_rc decide(struct vault *v, struct trial *t, const struct grant *g,
		    const struct msg_match *m)
{
	enum km_reason gate, queued = KM_REASON_NONE;
	km_rc rc = queue_reason(v, &t->op, &queued);

	if (rc != KM_OK)
		return rc;
	keep(t, was_lent, g);
	if (!t->known || memcmp(t->op.subject, g->subject, sizeof g->subject) != 0 ||
	    t->op.state == KM_ERASING)
		t->count = 0;
	trial_weigh(v, t);
	if (t->count == 0 ||
	    (m->outcome == KM_MATCH_YES && !find_winner(t, g->credential[m->index])))
		return refuse_gone(v, t);
	t->score = m->score;
	if (locked_since(v, t))
		return refuse_locked(v, t);
	gate = gate_reason(&t->op, v->now.today, t->uid, t->trusted);
	if (gate == KM_REASON_NONE)
		gate = queued;
	if (t->found == CODE_RIGHT && gate == KM_REASON_NONE)
		return accept_right(v, t);
	return refuse_wrong(v, t, gate == KM_REASON_NONE ? KM_REASON_FINGER : gate);
}

km_rc finger_found(struct vault *v, struct grant *g, const struct msg_match *m)
{
	struct trial t TRIAL = { .lockout = &finger_lockout, .class = KM_CLASS_TOUCH };
	struct grant lent = *g;
	km_rc rc;

	if ((m->outcome != KM_MATCH_NO && m->outcome != KM_MATCH_POOR &&
	     m->outcome != KM_MATCH_FAILED && m->outcome != KM_MATCH_YES) ||
	    (m->outcome == KM_MATCH_YES && m->index >= g->count))
		return KM_EPROTO;
	trial_of_login(&t, g->session);
	g->mode = 0; /* it ended with its finding: there is nothing to take back */
	grant_end(v, g);
	if (m->outcome == KM_MATCH_POOR || m->outcome == KM_MATCH_FAILED) {
		ask_again(
		    v, t.s,
		    m->outcome == KM_MATCH_POOR ? KM_REASON_FINGER_POOR : KM_REASON_FINGER_NONE, 0);
		return KM_OK;
	}
	rc = trial_look_up(v, &t);
	if (rc == KM_OK)
		rc = decide(v, &t, &lent, m);
	answer_rc(v, t.s, rc);
	return KM_OK;
}
