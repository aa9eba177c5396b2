/*
 * Desk operations on the courier: a test, which two persons agree on since it costs money and goes
 * to any number, and how things stand.
 */
#include <stdio.h>
#include <string.h>

#include <kenmon/factor.h>

#include "desk.h"
#include "orders.h"

#define PHONES      (KM_FACTOR_BIT(KM_FACTOR_SMS) | KM_FACTOR_BIT(KM_FACTOR_VOICE))
#define TEST_DIGITS "123456" /* read by a call; no code is open that they could be */

/* --- a test ----------------------------------------------------------------------------------- */

km_rc desk_courier_testable(struct call *c)
{
	struct msg_courier_test *m = &c->m->courier_test;
	char number[KM_NUMBER_MAX + 1];
	km_rc rc = km_factor_class(m->factor) == KM_CLASS_PHONE ? KM_OK : KM_EINVAL;

	if (rc == KM_OK)
		rc = desk_number(c, m->number, number);
	if (rc == KM_OK)
		memcpy(m->number, number, strlen(number) + 1);
	return rc;
}

static km_rc place_test(struct call *c, const struct msg_courier_test *m)
{
	struct km_secret digits KM_SECRET = { 0 };
	struct order_wish wish = { .kind = KM_ORDER_NOTICE,
				   .number = m->number,
				   .text = KM_TEXT_COURIER_TEST,
				   .seconds = c->v->conf.phone.expires };
	km_rc rc = km_secret_set(&digits, TEST_DIGITS, strlen(TEST_DIGITS));

	if (m->factor == KM_FACTOR_VOICE) {
		wish.kind = KM_ORDER_SPOKEN;
		wish.digits = &digits;
		wish.text = KM_TEXT_NOTHING;
	}
	return rc == KM_OK ? desk_order_refused(c, orders_place(c->v, c->l, &wish)) : rc;
}

km_rc desk_courier_test(struct call *c)
{
	const struct msg_courier_test *m = &c->m->courier_test;
	struct km_event_record e;
	char mask[KM_PHONE_MASK];
	km_rc rc = c->l->testing ? KM_ESTATE : desk_courier_testable(c);

	if (rc == KM_OK)
		rc = place_test(c, m);
	if (rc != KM_OK)
		return rc;
	km_phone_mask(m->number, c->v->conf.phone.country, mask);
	call_event(c, &e, KM_EVENT_COURIER_TESTED, NULL);
	event_add(&e, "factor", km_factor_word(m->factor));
	event_add(&e, "number", mask);
	rc = note_record(c->v, &e);
	if (rc != KM_OK) {
		orders_drop(c->v, c->l);
		return rc;
	}
	c->l->testing = true;
	c->end = CALL_LATER;
	return KM_OK;
}

/* --- how things stand ---------------------------------------------------------------------------
 */

static uint32_t asked_for(const struct km_conf *conf)
{
	uint32_t all = 0;

	for (unsigned i = 0; i < conf->login.factors.count; i++)
		all |= conf->login.factors.factors[i];
	for (unsigned s = 0; s < conf->service_count; s++)
		for (unsigned i = 0; i < conf->service[s].login.factors.count; i++)
			all |= conf->service[s].login.factors.factors[i];
	return all;
}

/* What a service asks for and the courier cannot do is an alarm. */
static km_rc put_way(struct call *c, const char *key, unsigned factor, const char *how, bool can)
{
	bool wanted = (asked_for(&c->v->conf) & KM_FACTOR_BIT(factor)) != 0;

	return call_status(c, wanted && !can, key, "%s%s", can ? how : "cannot be sent",
			   wanted ? "" : "; no service asks for them");
}

static km_rc put_mode(struct call *c)
{
	static const char *const modes[] = {
		[KM_VOICE_KEYPAD] = "the digits on the screen are keyed in, then '#'",
		[KM_VOICE_SPOKEN] = "the code is read, and typed",
		[KM_VOICE_CONFIRM] = "'#' alone is asked for: below NIST SP 800-63B-4",
	};

	return call_status(c, false, "calls-ask-for", "%s", modes[c->v->conf.voice.mode]);
}

km_rc desk_courier_status(struct call *c)
{
	static const char *const gateways[] = { [KM_GATEWAY_NONE] = "none",
						[KM_GATEWAY_HTTP] = "by an HTTP gateway",
						[KM_GATEWAY_SPOOL] = "by the folders of smstools",
						[KM_GATEWAY_EXEC] = "by a program of the site's" };
	struct orders_state s;
	km_rc rc;

	orders_state(c->v, &s);
	rc = call_status(c, !s.there && (asked_for(&c->v->conf) & PHONES), "courier", "%s",
			 s.there ? "connected" : "not there: see the journal of kenmon-courier");
	if (rc == KM_OK)
		rc = put_way(c, "messages", KM_FACTOR_SMS,
			     gateways[s.gateway <= KM_GATEWAY_EXEC ? s.gateway : 0],
			     s.there && s.gateway != KM_GATEWAY_NONE);
	if (rc == KM_OK)
		rc = put_way(c, "calls", KM_FACTOR_VOICE, "by SIP", s.there && s.calls);
	if (rc == KM_OK)
		rc = put_mode(c);
	if (rc == KM_OK)
		rc = call_status(c, false, "prefixes", "%s", c->v->conf.phone.prefixes);
	if (rc == KM_OK)
		rc = call_status(c, false, "under-way", "%zu", s.under_way);
	return rc == KM_OK ? orders_budget_rows(c) : rc;
}

km_rc desk_courier_rows(struct call *c)
{
	uint32_t wanted = asked_for(&c->v->conf) & PHONES;
	struct orders_state s;
	km_rc rc = KM_OK;

	if (!wanted)
		return KM_OK;
	orders_state(c->v, &s);
	if (!s.there)
		rc = call_status(c, true, "courier",
				 "not there: no code is sent (see the journal of kenmon-courier)");
	if (rc == KM_OK && s.there && (wanted & KM_FACTOR_BIT(KM_FACTOR_SMS)) &&
	    s.gateway == KM_GATEWAY_NONE)
		rc = call_status(c, true, "courier", "it has no gateway for text messages");
	if (rc == KM_OK && s.there && (wanted & KM_FACTOR_BIT(KM_FACTOR_VOICE)) && !s.calls)
		rc = call_status(c, true, "courier", "it cannot call");
	if (rc == KM_OK && (wanted & KM_FACTOR_BIT(KM_FACTOR_VOICE)) &&
	    c->v->conf.voice.mode == KM_VOICE_CONFIRM)
		rc = call_status(c, false, "voice-mode",
				 "calls ask for '#' alone, which is below NIST SP 800-63B-4");
	return rc == KM_OK ? orders_alarm_rows(c) : rc;
}
