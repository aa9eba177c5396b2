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

#include <kenmon/factor.h>

#include "codes.h"
#include "gate.h"
#include "lockout.h"
#include "vault.h"

/* All that one check needs to know. */
struct trial {
	struct session *s;
	enum km_class class;
	struct km_secret *answer;
	bool known;
	struct km_operator op;
	size_t count; /* credentials that answer; one decoy when there is none */
	struct km_credential credential[KM_MAX_CREDENTIALS];
	bool by_name;
	uint16_t bucket;
	struct km_throttle name;

	bool judged[KM_MAX_CREDENTIALS];
	uint32_t wait;  /* the least wait, when nothing could be judged */
	uint32_t locks; /* the longest wait that this failure brought; 0: it locked nothing */
	enum code_found found;
	size_t winner;
	struct code_judgement right;
	uint8_t mac[KM_TAG_BYTES];
};

km_rc check_init(struct vault *v)
{
	return store_decoy(v->store, &v->decoy_operator, &v->decoy);
}

static bool answers(const struct km_credential *c, uint32_t factors, enum km_class class)
{
	return (factors & KM_FACTOR_BIT(c->factor)) && km_factor_class(c->factor) == class;
}

/* Keeps the credentials that answer a class; the decoy stands in for none. */
static void choose(struct vault *v, struct trial *t, uint32_t factors)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->count; i++) {
		const struct km_credential *c = &t->credential[i];

		if (!answers(c, factors, t->class))
			continue;
		if (c->factor == KM_FACTOR_TOTP && (v->suspicion & KM_SUSPECT_CLOCK))
			continue;
		if (kept != i)
			t->credential[kept] = *c;
		kept++;
	}
	t->by_name = kept == 0;
	if (t->by_name) {
		t->credential[0] = v->decoy;
		t->credential[0].throttle = t->name;
		kept = 1;
	}
	t->count = kept;
}

/* Operator, credentials and bucket of a name. */
static km_rc look_up(struct vault *v, struct trial *t, const struct session *s)
{
	km_rc rc = session_operator(v, s, &t->op, &t->bucket);

	t->known = rc == KM_OK;
	if (rc == KM_ENOTFOUND) {
		t->op = v->decoy_operator;
		rc = KM_OK;
	}
	if (rc == KM_OK)
		rc = store_credentials(v->store, t->op.subject, t->credential, &t->count);
	if (rc == KM_OK)
		rc = store_name_throttle(v->store, t->class, t->bucket, &t->name);
	return rc;
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
	const struct km_operator *owner = t->by_name ? &v->decoy_operator : &t->op;
	struct km_secret seed KM_SECRET = { 0 };
	km_rc rc;

	if (t->class == KM_CLASS_RECOVERY)
		return judge_recovery(v, t, owner, c, out);
	rc = store_seed(v->store, owner, c, &seed);
	if (rc == KM_OK)
		rc = code_judge(c, &seed, t->answer, v->now.wall, v->conf.hotp.look_ahead, out);
	return rc;
}

/* Judges what may be judged now; the rest waits, unjudged and uncounted. */
static km_rc judge_all(struct vault *v, struct trial *t)
{
	t->wait = UINT32_MAX;
	for (size_t i = 0; i < t->count; i++) {
		uint32_t wait =
		    lockout_wait(&v->conf.lockout, &t->credential[i].throttle, v->now.wall);
		struct code_judgement j;
		km_rc rc;

		if (wait < t->wait)
			t->wait = wait;
		if (wait > 0)
			continue;
		t->judged[i] = true;
		rc = judge_one(v, t, &t->credential[i], &j);
		if (rc != KM_OK)
			return rc;
		if (j.found == CODE_RIGHT && t->found != CODE_RIGHT) {
			t->found = CODE_RIGHT;
			t->winner = i;
			t->right = j;
		} else if (j.found == CODE_REPLAY && t->found == CODE_WRONG) {
			t->found = CODE_REPLAY;
			t->winner = i;
		}
	}
	return KM_OK;
}

static void about(struct km_event_record *r, enum km_event event, const struct trial *t,
		  const char *reason)
{
	event_make(r, event, t->known ? t->op.subject : NULL, "door");
	if (reason)
		event_add(r, "reason", reason);
	if (!t->by_name && (t->found != CODE_WRONG || t->count == 1)) {
		event_add(r, "factor", km_factor_word(t->credential[t->winner].factor));
		event_add_number(r, "credential", (int64_t)t->credential[t->winner].id);
		if (t->found == CODE_RIGHT && t->class == KM_CLASS_DIGITS)
			event_add_number(r, "counter", (int64_t)t->right.moving - 1);
	}
	session_describe(r, t->s);
}

static km_rc record_refusal(struct vault *v, struct trial *t, enum km_event event,
			    enum km_reason reason)
{
	struct km_event_record r;

	if (!session_admit(v, t->s))
		return KM_OK;
	about(&r, event, t, km_reason_word(reason));
	return note_record(v, &r);
}

static km_rc refuse_locked(struct vault *v, struct trial *t)
{
	struct km_verdict verdict = { KM_VERDICT_LOCKED, KM_REASON_LOCKED, t->wait };
	km_rc rc;

	if (t->wait == LOCKOUT_FOR_GOOD)
		verdict.reason = KM_REASON_DISABLED;
	rc = record_refusal(v, t, KM_EVENT_LOGIN_REFUSED, verdict.reason);
	if (rc == KM_OK)
		session_decide(v, t->s, verdict);
	return rc;
}

/* Our door sends no answer that cannot be a code; whoever does gets no second one. */
static km_rc refuse_shapeless(struct vault *v, struct trial *t)
{
	km_rc rc = record_refusal(v, t, KM_EVENT_LOGIN_REFUSED, KM_REASON_PROTOCOL);

	if (rc == KM_OK)
		session_decide(v, t->s, (struct km_verdict){ .reason = KM_REASON_PROTOCOL });
	return rc;
}

/* The last accepted code, or a used recovery code, once more: written down, but no guess. */
static km_rc refuse_replay(struct vault *v, struct trial *t)
{
	km_rc rc = record_refusal(v, t, KM_EVENT_REPLAYED, KM_REASON_REPLAY);

	if (rc == KM_OK)
		session_retry(v, t->s,
			      (struct km_verdict){ KM_VERDICT_RETRY, KM_REASON_REPLAY, 0 });
	return rc;
}

/* Counts a failure against all that were judged. *wait: until one of them may be judged again. */
static void count_failure(struct vault *v, struct trial *t, struct km_failure *f, uint32_t *wait)
{
	*wait = UINT32_MAX;
	for (size_t i = 0; i < t->count; i++) {
		struct km_throttle next = t->credential[i].throttle;
		uint32_t then;

		if (t->judged[i]) {
			next = lockout_after(&v->conf.lockout, &next, v->now.wall);
			if (t->by_name) {
				f->name_throttle = next;
			} else {
				f->credential[f->count] = t->credential[i].id;
				f->throttle[f->count++] = next;
			}
		}
		then = lockout_wait(&v->conf.lockout, &next, v->now.wall);
		if (then < *wait)
			*wait = then;
		if (t->judged[i] && then > t->locks)
			t->locks = then;
	}
	f->by_name = t->by_name;
	f->class = t->class;
	f->bucket = t->bucket;
}

static km_rc refuse_wrong(struct vault *v, struct trial *t, enum km_reason reason)
{
	struct km_verdict verdict = { KM_VERDICT_RETRY, reason, 0 };
	struct km_event_record refused, locked;
	struct km_failure f = { 0 };
	uint32_t wait;
	km_rc rc;

	count_failure(v, t, &f, &wait);
	if (session_admit(v, t->s)) {
		about(&refused, KM_EVENT_LOGIN_REFUSED, t, km_reason_word(reason));
		f.event = &refused;
	}
	/*
	 * One of several may be locked while another still answers: that is written down too. The
	 * names that a stranger makes up are no end of sources.
	 */
	if (t->locks > 0 && (t->s->trusted || t->known || session_admit(v, t->s))) {
		about(&locked, KM_EVENT_LOCKED, t, NULL);
		event_add_number(&locked, "wait",
				 t->locks == LOCKOUT_FOR_GOOD ? -1 : (int64_t)t->locks);
		f.second = &locked;
	}
	if (wait > 0)
		verdict = (struct km_verdict){ KM_VERDICT_LOCKED, KM_REASON_LOCKED, wait };
	rc = store_fail(v->store, &f);
	if (rc != KM_OK)
		return rc;
	if (f.event)
		note_event(v, f.event);
	if (f.second)
		note_event(v, f.second);
	if (verdict.code == KM_VERDICT_LOCKED)
		session_decide(v, t->s, verdict);
	else
		session_retry(v, t->s, verdict);
	return KM_OK;
}

/* Without an account until now: the one that asks is theirs from here on. In the same act. */
static void bind_account(const struct trial *t, struct km_acceptance *a, struct km_event_record *r)
{
	a->bind_uid = t->s->asked.uid;
	event_make(r, KM_EVENT_OPERATOR_BOUND, t->op.subject, "door");
	event_add_number(r, "uid", a->bind_uid);
	a->second = r;
}

/* One step of several, passed: its code is used up, and nobody is in yet. */
static void go_on(struct vault *v, struct session *s)
{
	s->at++;
	session_retry(v, s, (struct km_verdict){ .code = KM_VERDICT_NEXT });
}

static km_rc accept_right(struct vault *v, struct trial *t)
{
	bool last = t->s->at + 1u >= t->s->steps.count;
	const struct km_credential *c = &t->credential[t->winner];
	struct km_acceptance a = { .credential = c->id,
				   .moving = t->right.moving,
				   .drift = t->right.drift,
				   .bind_uid = -1,
				   .login = last };
	struct km_event_record r, bound;
	km_rc rc;

	memcpy(a.subject, t->op.subject, sizeof a.subject);
	if (c->factor == KM_FACTOR_RECOVERY)
		a.recovery_mac = t->mac;
	if (last && t->op.uid < 0)
		bind_account(t, &a, &bound);
	about(&r, last ? KM_EVENT_LOGIN_ALLOWED : KM_EVENT_STEP_PASSED, t, NULL);
	a.event = &r;
	rc = store_accept(v->store, &a);
	if (rc == KM_EREPLAY)
		return refuse_replay(v, t);
	if (rc != KM_OK)
		return rc;
	note_event(v, &r);
	if (a.second)
		note_event(v, a.second);
	if (last)
		session_decide(v, t->s, (struct km_verdict){ .code = KM_VERDICT_ALLOW });
	else
		go_on(v, t->s);
	return KM_OK;
}

/* Why a right or wrong answer of this name is refused; NONE: the code decides. */
static enum km_reason why_not(const struct vault *v, const struct trial *t)
{
	if (t->by_name && t->class == KM_CLASS_DIGITS && (v->suspicion & KM_SUSPECT_CLOCK))
		return KM_REASON_CLOCK; /* the same for everybody who has no counter-based token */
	if (!t->known)
		return KM_REASON_UNKNOWN;
	if (t->by_name)
		return KM_REASON_UNENROLLED;
	return gate_reason(&t->op, v->now.today, t->s->asked.uid, t->s->trusted);
}

static km_rc decide(struct vault *v, struct trial *t)
{
	enum km_reason reason = why_not(v, t);
	km_rc rc;

	if (reason == KM_REASON_CLOCK) {
		rc = record_refusal(v, t, KM_EVENT_LOGIN_REFUSED, reason);
		if (rc == KM_OK)
			session_decide(v, t->s,
				       (struct km_verdict){ KM_VERDICT_UNAVAILABLE, reason, 0 });
		return rc;
	}
	rc = judge_all(v, t);
	if (rc != KM_OK)
		return rc;
	if (t->wait > 0)
		return refuse_locked(v, t);
	if (t->found == CODE_REPLAY)
		return refuse_replay(v, t);
	if (t->found == CODE_RIGHT && reason == KM_REASON_NONE)
		return accept_right(v, t);
	return refuse_wrong(v, t, reason == KM_REASON_NONE ? KM_REASON_WRONG : reason);
}

static void trial_wipe(struct trial *t)
{
	km_wipe(t, sizeof *t);
}

km_rc check_answer(struct vault *v, struct session *s, struct msg_check *m)
{
	struct trial t __attribute__((cleanup(trial_wipe))) = { .s = s, .answer = &m->secret };
	uint32_t factors;
	uint16_t shapes = 0;
	km_rc rc;

	/* A judge that skips a step does not keep to the protocol. */
	if (m->step != s->at || m->step >= s->steps.count)
		return KM_EPROTO;
	factors = s->steps.factors[m->step];
	shapes = session_shape(factors);
	t.class = km_answer_class(t.answer, shapes);
	if (t.class == KM_CLASS_NONE)
		rc = refuse_shapeless(v, &t);
	else
		rc = look_up(v, &t, s);
	if (rc == KM_OK && t.class != KM_CLASS_NONE) {
		choose(v, &t, factors);
		rc = decide(v, &t);
	}
	if (rc != KM_OK)
		session_decide(v, s,
			       (struct km_verdict){ KM_VERDICT_UNAVAILABLE, KM_REASON_STORAGE, 0 });
	return KM_OK;
}
