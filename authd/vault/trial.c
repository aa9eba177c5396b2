/* One try, whatever is tried: look up, count, write down, let pass. */
#include <stdio.h>
#include <string.h>

#include "challenge.h"
#include "store_number.h"

void trial_wipe(struct trial *t)
{
	km_wipe(t, sizeof *t);
}

/* --- at the door ------------------------------------------------------------------------- */

static km_rc door_operator(struct vault *v, struct trial *t, struct km_operator *op,
			   uint16_t *bucket)
{
	return session_operator(v, t->s, op, bucket);
}

static bool door_admit(struct vault *v, const struct trial *t)
{
	return session_admit(v, t->s);
}

static void door_describe(struct km_event_record *r, const struct trial *t)
{
	session_describe(r, t->s);
}

static const struct trial_place door = { "door", KM_EVENT_LOGIN_REFUSED, door_operator, door_admit,
					 door_describe };

/* Passing one step of several uses its code up, and nobody is in yet. */
void trial_of_login(struct trial *t, struct session *s)
{
	t->place = &door;
	t->s = s;
	t->uid = s->asked.uid;
	t->trusted = s->trusted;
	t->login = s->at + 1u >= s->steps.count;
	t->passed = t->login ? KM_EVENT_LOGIN_ALLOWED : KM_EVENT_STEP_PASSED;
	t->passes = t->login ? KM_VERDICT_ALLOW : KM_VERDICT_NEXT;
}

/* --- wherever it is ---------------------------------------------------------------------- */

km_rc trial_look_up(struct vault *v, struct trial *t)
{
	km_rc rc = t->place->operator(v, t, &t->op, &t->bucket);

	t->known = rc == KM_OK;
	if (rc == KM_ENOTFOUND) {
		t->op = v->decoy_operator;
		rc = KM_OK;
	}
	if (rc == KM_OK)
		rc = store_credentials(v->store, t->op.subject, t->credential, &t->count);
	for (size_t i = 0; rc == KM_OK && i < t->count; i++)
		if (store_phone_untold(&t->credential[i]))
			t->untold = t->credential[i].id;
	/* Somebody who has no telephone has pressed the key for it, too. */
	if (rc == KM_OK && t->s && challenge_is_typed(t->s) && t->class == KM_CLASS_DIGITS)
		rc = store_name_throttle(v->store, KM_CLASS_PHONE, t->bucket, &t->sent_name);
	/* A finger is asked of nobody who has none: nothing of it counts by name. */
	if (rc == KM_OK && t->class != KM_CLASS_TOUCH)
		rc = store_name_throttle(v->store, t->class, t->bucket, &t->name);
	return rc;
}

void trial_weigh(const struct vault *v, struct trial *t)
{
	t->wait = UINT32_MAX;
	for (size_t i = 0; i < t->count; i++) {
		uint32_t wait = lockout_wait(t->lockout, &t->credential[i].throttle, v->now.wall);

		if (wait < t->wait)
			t->wait = wait;
		t->judged[i] = wait == 0;
	}
}

/* Several fingers were lent and none matched: which one it was nobody knows. */
static void about_finger(struct km_event_record *r, const struct trial *t)
{
	const struct km_credential *c = &t->credential[t->winner];

	event_add(r, "factor", km_factor_word(KM_FACTOR_FINGERPRINT));
	if (t->found == CODE_RIGHT || t->count == 1) {
		event_add(r, "finger", c->label);
		event_add_number(r, "credential", (int64_t)c->id);
	}
	if (t->score > 0)
		event_add_number(r, EVENT_SCORE, t->score);
}

/* A wrong code is of none of them, and counts against each that was judged. */
static void about_each(struct km_event_record *r, const struct trial *t)
{
	char ids[TRIAL_MOST * 21] = ""; /* 20 digits and a blank each */
	size_t used = 0, last = 0, count = 0;

	for (size_t i = 0; i < t->count; i++) {
		if (!t->judged[i] || t->named[i])
			continue;
		used += (size_t)snprintf(ids + used, sizeof(ids) - used, "%s%llu", count ? " " : "",
					 (unsigned long long)t->credential[i].id);
		last = i;
		count++;
	}
	if (count == 1)
		event_add(r, "factor", km_factor_word(t->credential[last].factor));
	if (count > 0)
		event_add(r, count == 1 ? "credential" : "credentials", ids);
}

static void about(struct km_event_record *r, enum km_event event, const struct trial *t,
		  const char *reason)
{
	event_make(r, event, t->known ? t->op.subject : NULL, t->place->actor);
	if (reason)
		event_add(r, "reason", reason);
	if (t->class == KM_CLASS_TOUCH) {
		about_finger(r, t);
	} else if (!t->by_name && (t->found != CODE_WRONG || t->count == 1)) {
		event_add(r, "factor", km_factor_word(t->credential[t->winner].factor));
		event_add_number(r, "credential", (int64_t)t->credential[t->winner].id);
		if (t->found == CODE_RIGHT && t->class == KM_CLASS_DIGITS &&
		    t->winner + 1 != t->sent)
			event_add_number(r, "counter", (int64_t)t->right.moving - 1);
	} else if (!t->by_name) {
		about_each(r, t);
	}
	t->place->describe(r, t);
}

static km_rc write_down(struct vault *v, struct trial *t, enum km_event event,
			enum km_reason reason)
{
	struct km_event_record r;

	if (!t->place->admit(v, t))
		return KM_OK;
	about(&r, event, t, km_reason_word(reason));
	return note_record(v, &r);
}

km_rc trial_refused(struct vault *v, struct trial *t, enum km_reason reason)
{
	return write_down(v, t, t->place->refused, reason);
}

km_rc trial_replayed(struct vault *v, struct trial *t)
{
	return write_down(v, t, KM_EVENT_REPLAYED, KM_REASON_REPLAY);
}

static void add_failure(const struct trial *t, size_t i, const struct km_throttle *next,
			struct km_failure *f)
{
	if (!t->named[i]) {
		f->credential[f->count] = t->credential[i].id;
		f->throttle[f->count++] = *next;
	} else if (i + 1 == t->sent) {
		f->phone_by_name = true;
		f->phone_throttle = *next;
	} else {
		f->by_name = true;
		f->name_throttle = *next;
	}
}

/* Counts a failure against all that were judged. *wait: until one of them may be judged again. */
static void count_failure(struct vault *v, struct trial *t, struct km_failure *f, uint32_t *wait)
{
	*wait = UINT32_MAX;
	for (size_t i = 0; i < t->count; i++) {
		struct km_throttle next = t->credential[i].throttle;
		uint32_t then;

		if (t->judged[i]) {
			next = lockout_after(t->lockout, &next, v->now.wall);
			add_failure(t, i, &next, f);
		}
		then = lockout_wait(t->lockout, &next, v->now.wall);
		if (then < *wait)
			*wait = then;
		if (t->judged[i] && then > t->locks)
			t->locks = then;
	}
	f->class = t->class;
	f->bucket = t->bucket;
}

km_rc trial_failed(struct vault *v, struct trial *t, enum km_reason reason, uint32_t *wait)
{
	struct km_event_record refused, locked;
	struct km_failure f = { 0 };
	km_rc rc;

	count_failure(v, t, &f, wait);
	if (t->place->admit(v, t)) {
		about(&refused, t->place->refused, t, km_reason_word(reason));
		f.event = &refused;
	}
	/*
	 * One of several may be locked while another still answers: that is written down too. The
	 * names that a stranger makes up are no end of sources.
	 */
	if (t->locks > 0 && (t->trusted || t->known || t->place->admit(v, t))) {
		about(&locked, KM_EVENT_LOCKED, t, NULL);
		event_add_number(&locked, "wait",
				 t->locks == LOCKOUT_FOR_GOOD ? -1 : (int64_t)t->locks);
		f.second = &locked;
	}
	rc = store_fail(v->store, &f);
	if (rc != KM_OK)
		return rc;
	if (f.event)
		note_event(v, f.event);
	if (f.second)
		note_event(v, f.second);
	if (t->s)
		t->s->refused = true;
	return KM_OK;
}

/* Whoever gets in now is told. Where that cannot be kept they are told at the next login. */
static void tell_of_change(struct vault *v, struct trial *t)
{
	if (t->login && t->s && t->untold &&
	    store_phone_told(v->store, t->op.subject, t->untold) == KM_OK)
		t->s->tell = KM_TEXT_PHONE_CHANGED;
}

km_rc trial_passed(struct vault *v, struct trial *t)
{
	const struct km_credential *c = &t->credential[t->winner];
	struct km_acceptance a = { .credential = c->id,
				   .moving = t->right.moving,
				   .drift = t->right.drift,
				   .bind_uid = -1,
				   .login = t->login };
	struct km_event_record r, bound;
	struct km_spending won;
	km_rc rc;

	memcpy(a.subject, t->op.subject, sizeof a.subject);
	if (t->class == KM_CLASS_RECOVERY)
		a.recovery_mac = t->mac;
	if (km_factor_class(c->factor) == KM_CLASS_PHONE) {
		rc = challenge_won(v, &won);
		if (rc != KM_OK)
			return rc;
		a.challenge = &t->challenge;
		a.won = &won;
	}
	/* Without an account here until now: this is the one. */
	if (t->login && t->op.uid < 0) {
		a.bind_uid = t->uid;
		event_make(&bound, KM_EVENT_OPERATOR_BOUND, t->op.subject, t->place->actor);
		event_add_number(&bound, "uid", a.bind_uid);
		a.second = &bound;
	}
	about(&r, t->passed, t, NULL);
	a.event = &r;
	rc = store_accept(v->store, &a);
	if (rc != KM_OK)
		return rc;
	note_event(v, &r);
	if (a.second)
		note_event(v, a.second);
	tell_of_change(v, t);
	t->verdict = (struct km_verdict){ .code = t->passes };
	return KM_OK;
}
