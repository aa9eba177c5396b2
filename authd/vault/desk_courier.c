/*
 * Desk operations on the courier: a test, which two persons agree on since it costs money and goes
 * to any number, and how things stand.
 */
#include <stdio.h>
#include <string.h>

#include <kenmon/factor.h>

#include "challenge.h"
#include "courier.h"
#include "desk.h"
#include "orders.h"

#define PUMPED ": more than logins explain; somebody may have them sent for the money"

/* --- a test ----------------------------------------------------------------------------------- */

km_rc desk_courier_testable(struct call *c)
{
	struct msg_courier_test *m = &c->m->courier_test;
	char number[KM_NUMBER_MAX + 1];
	km_rc rc = km_factor_class(m->factor) == KM_CLASS_PHONE ? KM_OK : KM_EINVAL;

	if (rc == KM_OK)
		rc = desk_number_read(c, m->number, number);
	if (rc == KM_OK)
		memcpy(m->number, number, strlen(number) + 1);
	return rc;
}

static km_rc place_test(struct call *c, const struct msg_courier_test *m)
{
	const bool call = m->factor == KM_FACTOR_VOICE;
	const struct order_wish wish = { .kind = call ? KM_ORDER_CALL_TEST : KM_ORDER_NOTICE,
					 .number = m->number,
					 .text = call ? KM_TEXT_NOTHING : KM_TEXT_COURIER_TEST,
					 .seconds = c->v->conf.phone.expires };

	return desk_order_refused(c, orders_place(c->v, c->l, &wish));
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

	return call_status(c, wanted && !can, key, wanted ? "%s" : "%s; no service asks for them",
			   can ? how : "cannot be sent");
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

/* Of today, by UTC as budgets count. */
static km_rc put_budget(struct call *c)
{
	const struct km_conf *conf = &c->v->conf;
	struct km_spending site;
	km_rc rc = challenge_site(c->v, CHALLENGE_SENT, &site);
	bool pumped = rc == KM_OK && budget_is_pumped(&site.budget, conf->phone.alarm_ratio);

	if (rc != KM_OK)
		return rc;
	rc = call_status(c, site.budget.in_hour >= conf->phone.site_hour, "sent-this-hour",
			 "%u of %u", site.budget.in_hour, conf->phone.site_hour);
	if (rc == KM_OK)
		rc = call_status(c, site.budget.in_day >= conf->phone.site_day, "sent-today",
				 "%u of %u", site.budget.in_day, conf->phone.site_day);
	return rc == KM_OK ? call_status(c, pumped, "logins-today", "%u by a code that was sent%s",
					 site.budget.won, pumped ? PUMPED : "")
			   : rc;
}

km_rc desk_courier_status(struct call *c)
{
	static const char *const gateways[] = { [KM_GATEWAY_NONE] = "none",
						[KM_GATEWAY_HTTP] = "by an HTTP gateway",
						[KM_GATEWAY_SPOOL] = "by the folders of smstools",
						[KM_GATEWAY_EXEC] = "by a program of the site's" };
	const struct vault *v = c->v;
	const bool there = orders_ready(v);
	km_rc rc =
	    call_status(c, !there && (asked_for(&v->conf) & KM_PHONE_FACTORS), "courier", "%s",
			there ? "connected" : "not there: see the journal of kenmon-courier");

	if (rc == KM_OK)
		rc = put_way(c, "messages", KM_FACTOR_SMS,
			     gateways[v->gateway <= KM_GATEWAY_EXEC ? v->gateway : 0],
			     there && v->gateway != KM_GATEWAY_NONE);
	if (rc == KM_OK)
		rc = put_way(c, "calls", KM_FACTOR_VOICE, "by SIP", there && v->calls);
	if (rc == KM_OK)
		rc = put_mode(c);
	if (rc == KM_OK)
		rc = call_status(c, false, "prefixes", "%s", v->conf.phone.prefixes);
	if (rc == KM_OK)
		rc = call_status(c, false, "barred", "%s",
				 v->conf.phone.barred[0] ? v->conf.phone.barred : "none");
	if (rc == KM_OK)
		rc = call_status(c, false, "under-way", "%zu", v->orders);
	return rc == KM_OK ? put_budget(c) : rc;
}

/* What of the courier's ways is missing, in a sentence; NULL: nothing that a service asks for. */
static const char *missing(const struct vault *v, uint32_t wanted)
{
	if (!orders_ready(v))
		return "not there: no code is sent (see the journal of kenmon-courier)";
	if ((wanted & KM_FACTOR_BIT(KM_FACTOR_SMS)) && v->gateway == KM_GATEWAY_NONE)
		return "it has no gateway for text messages";
	if ((wanted & KM_FACTOR_BIT(KM_FACTOR_VOICE)) && !v->calls)
		return "it cannot call";
	return NULL;
}

km_rc desk_courier_rows(struct call *c)
{
	const uint32_t wanted = asked_for(&c->v->conf) & KM_PHONE_FACTORS;
	const char *what = wanted ? missing(c->v, wanted) : NULL;
	struct km_spending site;
	km_rc rc = KM_OK;

	if (!wanted)
		return KM_OK;
	if (what)
		rc = call_status(c, true, "courier", "%s", what);
	if (rc == KM_OK && (wanted & KM_FACTOR_BIT(KM_FACTOR_VOICE)) &&
	    c->v->conf.voice.mode == KM_VOICE_CONFIRM)
		rc = call_status(c, false, "calls",
				 "'#' alone is asked for, which is below NIST SP 800-63B-4");
	if (rc == KM_OK)
		rc = challenge_site(c->v, CHALLENGE_SENT, &site);
	if (rc == KM_OK && budget_is_pumped(&site.budget, c->v->conf.phone.alarm_ratio))
		rc = call_status(c, true, "codes-sent", "%u today for %u logins%s",
				 site.budget.in_day, site.budget.won, PUMPED);
	if (rc == KM_OK)
		rc = challenge_site(c->v, CHALLENGE_NOT_ME, &site);
	if (rc == KM_OK && site.budget.in_day > 0)
		rc = call_status(c, true, "not-me",
				 "calls answered with '*' today: %u; somebody has these "
				 "people's passwords (kenmon audit list)",
				 site.budget.in_day);
	return rc;
}
