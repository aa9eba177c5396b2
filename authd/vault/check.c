/*
 * One answer, judged. Everything is read again inside the transaction that
 * also counts, moves the counter and writes the audit record.
 *
 * A name that is unknown, unenrolled or suspended goes the same way: where an
 * operator has no credential for this kind of answer, a decoy is judged in its
 * place, with the same number of statements, HMACs and commits, and its
 * failures count in a bucket of the name.
 */
#include <string.h>

#include "challenge.h"
#include "gate.h"
#include "courier.h"
#include "trial.h"

km_rc check_init(struct vault *v)
{
	return store_decoy(v->store, &v->decoy_operator, &v->decoy);
}

static bool answers(const struct vault *v, const struct km_credential *c, uint32_t factors,
		    enum km_class class)
{
	/* A bypass stands in for any code, one that would be sent too. */
	uint32_t in_place_of =
	    c->factor == KM_FACTOR_BYPASS ? KM_CODE_FACTORS : KM_FACTOR_BIT(c->factor);

	return gate_is_good(c, v->now.wall) && (factors & in_place_of) &&
	       km_factor_class(c->factor) == class;
}

/* Keeps the credentials that answer a class; the decoy stands in for none. */
static void choose(struct vault *v, struct trial *t, uint32_t factors)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->count; i++) {
		const struct km_credential *c = &t->credential[i];

		if (!answers(v, c, factors, t->class))
			continue;
		if (c->factor == KM_FACTOR_TOTP && (v->suspicion & KM_SUSPECT_CLOCK))
			continue;
		/* Whether it is over a clock in doubt cannot say. */
		if (c->until && (t->lasting || (v->suspicion & KM_SUSPECT_CLOCK)))
			continue;
		if (kept != i)
			t->credential[kept] = *c;
		kept++;
	}
	t->by_name = kept == 0;
	if (t->by_name) {
		t->credential[0] = v->decoy;
		t->credential[0].throttle = t->name;
		t->named[0] = true;
		kept = 1;
	}
	t->count = kept;
}

/* Where a code was sent in this login, it is judged besides; also where it only seemed to be. */
static void choose_sent(struct vault *v, struct trial *t, const struct km_credential *phone)
{
	const size_t i = t->count++;

	t->named[i] = phone == NULL;
	t->credential[i] = phone ? *phone : v->decoy;
	if (!phone)
		t->credential[i].throttle = t->sent_name;
	t->by_name = t->by_name && !phone;
	t->sent = i + 1;
}

static void choose_all(struct vault *v, struct trial *t, uint32_t factors)
{
	struct km_credential sent;
	const struct km_credential *phone = NULL;

	for (size_t i = 0; t->s && i < t->count; i++) {
		if (!challenge_is_of(v, t->s, &t->credential[i]))
			continue;
		sent = t->credential[i];
		phone = &sent;
	}
	choose(v, t, factors);
	if (t->s && challenge_is_typed(t->s) && t->class == KM_CLASS_DIGITS)
		choose_sent(v, t, phone);
}

static km_rc judge_recovery(struct vault *v, struct trial *t, const struct km_operator *owner,
			    const struct km_credential *c, struct code_judgement *out)
{
	struct km_subject_key key KM_SUBJECT_KEY = { 0 };
	bool used = false;
	km_rc rc = km_subject_key_unwrap(v->keys, owner->subject, owner->kek_generation,
					 owner->wrapped, &key);

	*out = (struct code_judgement){ .found = CODE_WRONG };
	if (rc == KM_OK)
		rc =
		    km_mac_recovery(v->keys, &key, c->id, t->answer->bytes, t->answer->len, t->mac);
	if (rc == KM_OK)
		rc = store_recovery_find(v->store, c->id, t->mac, &used);
	if (rc == KM_OK)
		out->found = used ? CODE_REPLAY : CODE_RIGHT;
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

static km_rc judge_one(struct vault *v, struct trial *t, const struct km_credential *c,
		       struct code_judgement *out)
{
	const bool named = t->named[c - t->credential];
	const struct km_operator *owner = named ? &v->decoy_operator : &t->op;
	struct km_secret seed KM_SECRET = { 0 };
	km_rc rc;

	if ((size_t)(c - t->credential) + 1 == t->sent)
		return challenge_judge(v, t, owner, t->answer->bytes, t->answer->len, &out->found);
	if (t->class == KM_CLASS_RECOVERY)
		return judge_recovery(v, t, owner, c, out);
	rc = store_seed(v->store, owner, c, &seed);
	if (rc == KM_OK)
		rc = code_judge(c, &seed, t->answer, v->now.wall, v->conf.hotp.look_ahead, out);
	return rc;
}

static km_rc judge_all(struct vault *v, struct trial *t)
{
	trial_weigh(v, t);
	for (size_t i = 0; i < t->count; i++) {
		struct code_judgement j = { .found = CODE_WRONG };
		km_rc rc;

		if (!t->judged[i])
			continue;
		rc = judge_one(v, t, &t->credential[i], &j);
		if (rc != KM_OK)
			return rc;
		if (t->named[i])
			continue; /* whatever it was found to be */
		if (j.found == CODE_RIGHT && t->found != CODE_RIGHT) {
			t->found = CODE_RIGHT;
			t->winner = i;
			t->right = j;
		} else if (j.found != CODE_WRONG && t->found == CODE_WRONG) {
			t->found = j.found;
			t->winner = i;
		}
	}
	return KM_OK;
}

static km_rc refuse_locked(struct vault *v, struct trial *t)
{
	t->verdict = (struct km_verdict){ KM_VERDICT_LOCKED, KM_REASON_LOCKED, t->wait };
	if (t->wait == LOCKOUT_FOR_GOOD)
		t->verdict.reason = KM_REASON_DISABLED;
	return trial_refused(v, t, t->verdict.reason);
}

/* Our door sends no answer that cannot be a code; whoever does gets no second one. */
static km_rc refuse_shapeless(struct vault *v, struct trial *t)
{
	t->verdict = (struct km_verdict){ .reason = KM_REASON_PROTOCOL };
	return trial_refused(v, t, t->verdict.reason);
}

/* The last accepted code, or a used recovery code, once more: written down, but no guess. */
static km_rc refuse_replay(struct vault *v, struct trial *t)
{
	t->verdict = (struct km_verdict){ KM_VERDICT_RETRY, KM_REASON_REPLAY, 0 };
	return trial_replayed(v, t);
}

/* It was right once, and is no guess. */
static km_rc refuse_late(struct vault *v, struct trial *t)
{
	t->verdict = (struct km_verdict){ KM_VERDICT_RETRY, KM_REASON_PHONE_LATE, 0 };
	return trial_refused(v, t, t->verdict.reason);
}

static km_rc refuse_wrong(struct vault *v, struct trial *t, enum km_reason reason)
{
	uint32_t wait;
	km_rc rc = trial_failed(v, t, reason, &wait);

	if (rc != KM_OK)
		return rc;
	t->verdict = wait > 0 ? (struct km_verdict){ KM_VERDICT_LOCKED, KM_REASON_LOCKED, wait }
			      : (struct km_verdict){ KM_VERDICT_RETRY, reason, 0 };
	return KM_OK;
}

static km_rc accept_right(struct vault *v, struct trial *t)
{
	km_rc rc = trial_passed(v, t);

	return rc == KM_EREPLAY ? refuse_replay(v, t) : rc;
}

/* Why a right or wrong answer of this name is refused; NONE: the code decides. */
static enum km_reason why_not(const struct vault *v, const struct trial *t)
{
	/* The same for everybody who has no counter-based token, and no code was sent to. */
	if (t->by_name && t->class == KM_CLASS_DIGITS && t->sent == 0 &&
	    (v->suspicion & KM_SUSPECT_CLOCK))
		return KM_REASON_CLOCK;
	if (!t->known)
		return KM_REASON_UNKNOWN;
	if (t->by_name)
		return KM_REASON_UNENROLLED;
	return t->is_them ? KM_REASON_NONE : gate_reason(&t->op, v->now.today, t->uid, t->trusted);
}

static km_rc decide(struct vault *v, struct trial *t)
{
	enum km_reason reason = why_not(v, t), queued = KM_REASON_NONE;
	km_rc rc = t->is_them ? KM_OK : queue_reason(v, &t->op, &queued); /* for all alike */

	if (rc != KM_OK)
		return rc;
	if (reason == KM_REASON_NONE)
		reason = queued;
	if (reason == KM_REASON_CLOCK) {
		t->verdict = (struct km_verdict){ KM_VERDICT_UNAVAILABLE, reason, 0 };
		return trial_refused(v, t, reason);
	}
	rc = judge_all(v, t);
	if (rc != KM_OK)
		return rc;
	if (t->wait > 0)
		return refuse_locked(v, t);
	if (t->found == CODE_REPLAY)
		return refuse_replay(v, t);
	if (t->found == CODE_LATE)
		return refuse_late(v, t);
	if (t->found == CODE_RIGHT && reason == KM_REASON_NONE)
		return accept_right(v, t);
	return refuse_wrong(v, t, reason == KM_REASON_NONE ? KM_REASON_WRONG : reason);
}

km_rc trial_code(struct vault *v, struct trial *t, uint32_t factors)
{
	km_rc rc;

	t->class = km_answer_class(t->answer, session_shape(&v->conf, factors));
	if (t->class != KM_CLASS_DIGITS && t->class != KM_CLASS_RECOVERY)
		return refuse_shapeless(v, t);
	rc = trial_look_up(v, t);
	if (rc != KM_OK)
		return rc;
	choose_all(v, t, factors);
	return decide(v, t);
}

km_rc check_answer(struct vault *v, struct session *s, struct msg_check *m)
{
	struct trial t TRIAL = { .lockout = &v->conf.lockout, .answer = &m->secret };

	/* A judge that skips a step, or asks for a code while it waits for a finger, or for keys at
	 * a telephone, does not keep to the protocol. */
	if (m->step != s->at || m->step >= s->steps.count || s->grant || order_waits(s))
		return KM_EPROTO;
	trial_of_login(&t, s);
	if (trial_code(v, &t, s->steps.factors[m->step]) != KM_OK)
		t.verdict = (struct km_verdict){ KM_VERDICT_UNAVAILABLE, KM_REASON_STORAGE, 0 };
	session_answer(v, s, t.verdict);
	return KM_OK;
}
