/*
 * A code by telephone: SEND.
 *
 * Whoever is asked for, the same is done: where there is no telephone to send
 * to, or its operator may not come in, a decoy is counted, stored and told of,
 * and nothing is sent. All is counted and written down before the order leaves.
 */
#include <stdio.h>
#include <string.h>

#include <kenmon/log.h>
#include <kenmon/phone.h>

#include "gate.h"
#include "send.h"

#define TO_NOBODY "+000000000000000" /* as long as a number can be; it is never sent to */

/* What one SEND comes to. */
struct sending {
	struct trial t;
	enum km_order kind;
	enum km_reason why_not; /* why nothing is sent; NONE: something is */
	uint8_t factor;
	uint64_t barred; /* the credential whose number is not sent to any more; 0: none */
	char number[KM_NUMBER_MAX + 1];
	char digits[KM_ORDER_KEYS + 1];
	char text[KM_ORDER_TEXT + 1];
	struct km_challenge challenge;
	struct km_sending store;
	bool pumped; /* with this one, more is sent than logins explain */
};

static void sending_wipe(struct sending *x)
{
	km_wipe(x, sizeof *x);
}
#define SENDING __attribute__((cleanup(sending_wipe)))

void phone_retry(struct vault *v, struct session *s, enum km_reason reason, uint32_t wait)
{
	session_retry(v, s, (struct km_verdict){ KM_VERDICT_RETRY, reason, wait });
}

void phone_answer(struct vault *v, struct session *s, km_rc rc)
{
	if (rc != KM_OK)
		session_decide(v, s,
			       (struct km_verdict){ KM_VERDICT_UNAVAILABLE, KM_REASON_STORAGE, 0 });
}

/* --- what would be sent, and where -------------------------------------------------------- */

static const struct km_credential *credential_of(const struct vault *v, const struct trial *t,
						 unsigned factor)
{
	for (size_t i = 0; i < t->count; i++) {
		if (t->credential[i].factor == factor &&
		    gate_is_good(&t->credential[i], v->now.wall))
			return &t->credential[i];
	}
	return NULL;
}

static const uint8_t kinds[] = { KM_FACTOR_SMS, KM_FACTOR_VOICE };

/* Of these factors, those by which something can be sent now. */
static uint32_t can_be_sent(const struct vault *v, uint32_t factors)
{
	uint32_t can = 0;

	for (size_t i = 0; i < sizeof kinds; i++)
		if ((factors & KM_FACTOR_BIT(kinds[i])) &&
		    orders_kind(v, kinds[i]) != KM_ORDER_NONE)
			can |= KM_FACTOR_BIT(kinds[i]);
	return can;
}

static uint32_t phones_of(const struct vault *v, const struct trial *t)
{
	uint32_t has = 0;

	for (size_t i = 0; i < sizeof kinds; i++)
		if (credential_of(v, t, kinds[i]))
			has |= KM_FACTOR_BIT(kinds[i]);
	return has;
}

/*
 * What somebody without a telephone seems to have: a mobile, a landline or both, by the keyed hash
 * of the name, and so the same whenever it is asked for.
 */
static uint32_t phones_of_nobody(uint16_t bucket, uint32_t can)
{
	static const uint32_t seem[] = { KM_FACTOR_BIT(KM_FACTOR_SMS), KM_FACTOR_BIT(KM_FACTOR_SMS),
					 KM_FACTOR_BIT(KM_FACTOR_VOICE), KM_PHONE_FACTORS };
	uint32_t seems = seem[bucket % (sizeof seem / sizeof seem[0])] & can;

	return seems ? seems : can;
}

/* A message first, then a call; and after one of them the other, where there is one. */
static uint8_t next_of(const struct session *s, uint32_t has)
{
	uint8_t next = KM_FACTOR_NONE;

	for (size_t i = 0; i < sizeof kinds; i++) {
		if (!(has & KM_FACTOR_BIT(kinds[i])))
			continue;
		if (kinds[i] != s->sent.factor)
			return kinds[i];
		next = kinds[i];
	}
	return next;
}

km_rc phone_why_not(struct vault *v, const struct trial *t, enum km_reason *out)
{
	enum km_reason queued = KM_REASON_NONE;
	km_rc rc = queue_reason(v, &t->op, &queued); /* for everybody alike */

	*out = t->known ? gate_reason(&t->op, v->now.today, t->uid, t->trusted) : KM_REASON_UNKNOWN;
	if (*out == KM_REASON_NONE)
		*out = queued;
	return rc;
}

static void take_decoy(const struct vault *v, struct sending *x)
{
	x->t.count = 1;
	x->t.credential[0] = v->decoy;
	x->t.credential[0].throttle = x->t.name;
	x->t.named[0] = x->t.by_name = true;
}

/* Who may not come in now hears of the telephones that they have, as when they may. */
static km_rc aim(struct vault *v, struct sending *x, uint32_t factors)
{
	const uint32_t can = can_be_sent(v, factors), has = phones_of(v, &x->t) & can;
	struct km_credential found;
	km_rc rc = phone_why_not(v, &x->t, &x->why_not);

	if (rc != KM_OK)
		return rc;
	x->factor = next_of(x->t.s, has ? has : phones_of_nobody(x->t.bucket, can));
	if (!has && x->why_not == KM_REASON_NONE)
		x->why_not = KM_REASON_UNENROLLED;
	if (x->why_not != KM_REASON_NONE) {
		take_decoy(v, x);
	} else {
		found = *credential_of(v, &x->t, x->factor);
		x->t.credential[0] = found;
		x->t.count = 1;
	}
	x->kind = orders_kind(v, x->factor);
	trial_weigh(v, &x->t);
	return KM_OK;
}

/*
 * The lists are others than when it was registered. To say so would say that there is a number: it
 * goes on as for who may not come in, and the trail and the review name it.
 */
static void aim_at_nobody(struct vault *v, struct sending *x)
{
	x->why_not = KM_REASON_PHONE_BARRED;
	x->barred = x->t.credential[0].id;
	snprintf(x->number, sizeof x->number, "%s", TO_NOBODY);
	take_decoy(v, x);
	trial_weigh(v, &x->t);
}

/* Nobody's number is opened like anybody's. */
static km_rc open_number(struct vault *v, struct sending *x)
{
	const struct km_operator *owner = x->t.by_name ? &v->decoy_operator : &x->t.op;
	const struct km_phone_rules rules = order_rules(v);
	struct km_secret number KM_SECRET = { 0 };
	km_rc rc = store_seed(v->store, owner, &x->t.credential[0], &number);

	if (rc != KM_OK)
		return rc;
	snprintf(x->number, sizeof x->number, "%s", TO_NOBODY);
	if (x->t.by_name)
		return KM_OK;
	if (number.len > KM_NUMBER_MAX)
		return KM_ECORRUPT;
	memcpy(x->number, number.bytes, number.len);
	x->number[number.len] = '\0';
	if (!km_phone_is_e164(x->number))
		return KM_ECORRUPT;
	if (km_phone_rule(x->number, &rules) != KM_PHONE_GOOD)
		aim_at_nobody(v, x);
	return KM_OK;
}

/* --- how much ------------------------------------------------------------------------------- */

static km_rc tags_of(struct vault *v, const struct sending *x, struct km_spending spent[KM_BUDGETS])
{
	/* Each kind has a number of its own. */
	const uint8_t bucket[] = { (uint8_t)(x->t.bucket >> 8), (uint8_t)x->t.bucket, x->factor };
	const bool name = x->t.by_name;
	km_rc rc = km_tag_phone(v->keys, KM_TAG_PHONE_OPERATOR, name ? bucket : x->t.op.subject,
				name ? sizeof bucket - 1 : sizeof x->t.op.subject, spent[0].tag);

	if (rc == KM_OK)
		rc = km_tag_phone(v->keys, KM_TAG_PHONE_NUMBER,
				  name ? (const void *)bucket : x->number,
				  name ? sizeof bucket : strlen(x->number), spent[1].tag);
	return rc;
}

/* *allowed: one more may be sent, and x->store.spent is what the counts become by it. */
static km_rc spend(struct vault *v, struct sending *x, bool *allowed)
{
	const struct budget_limit limit[KM_BUDGETS] = {
		{ v->conf.phone.operator_hour, v->conf.phone.operator_day },
		{ v->conf.phone.number_hour, v->conf.phone.number_day },
		{ v->conf.phone.site_hour, v->conf.phone.site_day },
	};
	struct km_spending *spent = x->store.spent;
	km_rc rc = tags_of(v, x, spent);

	*allowed = true;
	for (size_t i = 0; rc == KM_OK && i < KM_BUDGETS; i++) {
		struct km_budget *b = &spent[i].budget, stored = { 0 };
		bool was;

		if (i == KM_BUDGETS - 1) {
			rc = challenge_site(v, CHALLENGE_SENT, &spent[i]);
		} else {
			rc = store_budget(v->store, spent[i].tag, &stored);
			*b = budget_at(&stored, v->now.wall, v->suspicion & KM_SUSPECT_CLOCK);
		}
		if (rc != KM_OK)
			return rc;
		*allowed = *allowed && budget_allows(b, &limit[i]);
		/* What goes to nobody takes nothing from anybody. */
		if (i == KM_BUDGETS - 1 && x->t.by_name)
			continue;
		was = budget_is_pumped(b, v->conf.phone.alarm_ratio);
		*b = budget_sent(b);
		x->pumped =
		    i == KM_BUDGETS - 1 && !was && budget_is_pumped(b, v->conf.phone.alarm_ratio);
	}
	return rc;
}

/* --- SEND ------------------------------------------------------------------------------------ */

static void describe(struct km_event_record *r, enum km_event event, const struct sending *x,
		     const char *reason)
{
	event_make(r, event, x->t.known ? x->t.op.subject : NULL, "door");
	if (reason)
		event_add(r, "reason", reason);
	if (!x->t.by_name) {
		event_add(r, "factor", km_factor_word(x->factor));
		event_add_number(r, "credential", (int64_t)x->t.credential[0].id);
		event_add(r, "order", km_order_word(x->kind));
	}
	if (x->barred)
		event_add_number(r, "credential", (int64_t)x->barred);
	session_describe(r, x->t.s);
}

/* Not sent, not counted; written down as far as its source has not had its share of records. */
static km_rc refuse(struct vault *v, struct sending *x, enum km_reason reason, uint32_t wait)
{
	struct km_event_record r;
	km_rc rc = KM_OK;

	describe(&r, KM_EVENT_CODE_NOT_SENT, x, km_reason_word(reason));
	if (session_admit(v, x->t.s))
		rc = note_record(v, &r);
	if (rc == KM_OK)
		phone_retry(v, x->t.s, reason, wait);
	return rc;
}

static void fill_text(struct sending *x)
{
	if (x->kind == KM_ORDER_MESSAGE)
		km_text_filled(KM_TEXT_SMS_CODE, x->t.s->asked.lang, x->digits, x->text,
			       sizeof x->text);
	else if (x->kind == KM_ORDER_SPOKEN)
		snprintf(x->text, sizeof x->text, "%s", x->digits);
}

static km_rc make_code(struct vault *v, struct sending *x)
{
	const struct km_operator *owner = x->t.by_name ? &v->decoy_operator : &x->t.op;
	km_rc rc =
	    challenge_digits(x->kind == KM_ORDER_CONFIRM ? 0 : v->conf.phone.digits, x->digits);

	if (rc == KM_OK)
		rc = challenge_new(v, x->t.s, owner, x->digits, &x->challenge);
	if (rc != KM_OK)
		return rc;
	x->challenge.kind = (uint8_t)x->kind;
	x->challenge.until_ms = v->now.boot_ms + challenge_seconds(v, x->kind) * 1000LL;
	x->challenge.credential = x->t.credential[0].id;
	fill_text(x);
	return KM_OK;
}

static km_rc keep_and_count(struct vault *v, struct sending *x)
{
	struct km_event_record sent, pumped;
	km_rc rc;

	describe(&sent, x->t.by_name ? KM_EVENT_CODE_NOT_SENT : KM_EVENT_CODE_SENT, x,
		 x->t.by_name ? km_reason_word(x->why_not) : NULL);
	x->store.challenge = &x->challenge;
	x->store.event = &sent;
	/* What is sent costs money and has its record always; to nobody, as other refusals have. */
	x->store.swallowed = x->t.by_name && !session_admit(v, x->t.s);
	if (x->pumped) {
		event_make(&pumped, KM_EVENT_PHONE_PUMPED, NULL, "vault");
		event_add_number(&pumped, "sent", x->store.spent[KM_BUDGETS - 1].budget.in_day);
		event_add_number(&pumped, "logins", x->store.spent[KM_BUDGETS - 1].budget.won);
		x->store.second = &pumped;
	}
	rc = store_send(v->store, &x->store);
	x->store.event = x->store.second = NULL;
	if (rc != KM_OK)
		return rc;
	if (!x->store.swallowed)
		note_event(v, &sent);
	if (x->pumped)
		note_event(v, &pumped);
	return KM_OK;
}

/* The order has its place before anything is counted; what was sent before is good no more. */
static km_rc order(struct vault *v, struct sending *x)
{
	const struct order_plan plan = { .kind = x->kind,
					 .decoy = x->t.by_name,
					 .session = x->t.s,
					 .number = x->number,
					 .text = x->text,
					 .digits = x->kind == KM_ORDER_KEYPAD ? x->digits : "",
					 .until_ms = x->challenge.until_ms,
					 .heard = phone_heard };
	struct order *o = NULL;
	km_rc rc;

	order_drop(v, x->t.s->order);
	rc = order_new(v, &plan, &o);
	if (rc == KM_EUNAVAIL || rc == KM_ELIMIT)
		return refuse(v, x, KM_REASON_PHONE_NONE, 0);
	if (rc != KM_OK)
		return rc;
	x->challenge.order = o->id;
	rc = keep_and_count(v, x);
	if (rc != KM_OK) {
		order_undo(v, o);
		return rc;
	}
	x->t.s->sent.kind = (uint8_t)x->kind;
	x->t.s->sent.factor = x->factor;
	x->t.s->sent.credential = x->t.credential[0].id;
	session_sending(v, x->t.s, x->kind);
	return KM_OK;
}

static km_rc send_code(struct vault *v, struct sending *x, uint32_t factors)
{
	bool allowed = false;
	km_rc rc = trial_look_up(v, &x->t);

	if (rc == KM_OK)
		rc = aim(v, x, factors);
	if (rc == KM_OK && x->kind == KM_ORDER_NONE)
		return refuse(v, x, KM_REASON_PHONE_NONE, 0);
	/* Before a wait is looked at: whose it is depends on the number. */
	if (rc == KM_OK)
		rc = open_number(v, x);
	if (rc != KM_OK)
		return rc;
	if (x->t.wait > 0)
		return refuse(v, x, KM_REASON_PHONE_LOCKED,
			      x->t.wait == LOCKOUT_FOR_GOOD ? 0 : x->t.wait);
	rc = spend(v, x, &allowed);
	if (rc == KM_OK && !allowed)
		return refuse(v, x, KM_REASON_PHONE_BUDGET, 0);
	if (rc == KM_OK)
		rc = make_code(v, x);
	return rc == KM_OK ? order(v, x) : rc;
}

km_rc phone_send(struct vault *v, struct session *s, const struct msg_send *m)
{
	struct sending x SENDING = { .t = { .lockout = &v->conf.lockout,
					    .class = KM_CLASS_PHONE } };
	uint32_t factors;

	/* Only what the plan has offered, for the step that is due, and nothing beside it. */
	if (m->step != s->at || m->step >= s->steps.count || s->grant || order_waits(s))
		return KM_EPROTO;
	factors = s->steps.factors[m->step];
	if (!(factors & KM_PHONE_FACTORS))
		return KM_EPROTO;
	trial_of_login(&x.t, s);
	phone_answer(v, s, send_code(v, &x, factors));
	return KM_OK;
}
