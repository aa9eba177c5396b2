/*
 * Orders of a desk's line, and notices, which are nobody's: counted for the
 * number and the site as those of logins are.
 */
#include <string.h>

#include <kenmon/log.h>

#include "challenge.h"
#include "courier.h"
#include "orders.h"

/* A notice that reached nobody: nobody waits for it who could be told, so the trail has it. */
static void record_not_sent(struct vault *v, const struct order *o, const struct msg_ordered *m)
{
	struct km_event_record r;
	km_rc rc;

	event_make(&r, KM_EVENT_CODE_NOT_SENT, o->subject, "courier");
	event_add(&r, "reason", m->why ? km_order_why_word(m->why) : km_order_state_word(m->state));
	event_add(&r, "order", km_order_word(o->kind));
	rc = note_record(v, &r);
	if (rc != KM_OK)
		km_log(LOG_ERR, "that a notice was not sent could not be recorded (%s)",
		       km_rc_text(rc, KM_LANG_EN));
}

static km_rc heard(struct vault *v, struct order *o, const struct msg_ordered *m)
{
	const bool lost = m->state == KM_ORDER_STATE_FAILED || m->state == KM_ORDER_STATE_UNKNOWN;

	if (o->line)
		desk_phone_ordered(v, o->line, m->state, m->why);
	else if (lost)
		record_not_sent(v, o, m);
	return KM_OK;
}

/*
 * One for each change of a number: were it refused where the number has had its share, whoever
 * changes it would use that up first, and nobody would hear of it. A test is none, whatever its
 * kind: somebody waits for it.
 */
static bool is_notice(const struct order_wish *wish)
{
	return wish->subject != NULL;
}

/* *allowed, and what both counts become. */
static km_rc spend(struct vault *v, const struct order_wish *wish, struct km_spending spent[2],
		   bool *allowed)
{
	const char *number = wish->number;
	const struct budget_limit of_number = { v->conf.phone.number_hour,
						v->conf.phone.number_day };
	const struct budget_limit of_site = { v->conf.phone.site_hour, v->conf.phone.site_day };
	const bool in_doubt = v->suspicion & KM_SUSPECT_CLOCK;
	struct km_budget stored;
	km_rc rc = km_tag_phone(v->keys, KM_TAG_PHONE_NUMBER, number, strlen(number), spent[0].tag);

	if (rc == KM_OK)
		rc = store_budget(v->store, spent[0].tag, &stored);
	if (rc == KM_OK)
		rc = challenge_site(v, CHALLENGE_SENT, &spent[1]);
	if (rc != KM_OK)
		return rc;
	spent[0].budget = budget_at(&stored, v->now.wall, in_doubt);
	*allowed = (is_notice(wish) || budget_allows(&spent[0].budget, &of_number)) &&
		   budget_allows(&spent[1].budget, &of_site);
	for (size_t i = 0; i < 2; i++)
		spent[i].budget = budget_sent(&spent[i].budget);
	return KM_OK;
}

static km_rc text_of(const struct vault *v, const struct order_wish *wish, char *out, size_t cap)
{
	char digits[KM_ORDER_KEYS + 1] = "";

	if (wish->digits && wish->digits->len > KM_ORDER_KEYS)
		return KM_ELIMIT;
	if (wish->digits)
		memcpy(digits, wish->digits->bytes, wish->digits->len);
	if (wish->kind == KM_ORDER_SPOKEN)
		memcpy(out, digits, sizeof digits);
	else if (!km_order_is_call(wish->kind))
		km_text_filled(wish->kind == KM_ORDER_MESSAGE ? KM_TEXT_SMS_CODE : wish->text,
			       v->conf.language, digits, out, cap);
	km_wipe(digits, sizeof digits);
	return KM_OK;
}

static bool is_of_desk(unsigned kind)
{
	return km_order_known(kind) && !km_order_waits_for_keys(kind);
}

km_rc orders_place(struct vault *v, struct line *l, const struct order_wish *wish)
{
	char text[KM_ORDER_TEXT + 1] = "";
	const struct order_plan plan = { .kind = wish->kind,
					 .line = l,
					 .number = wish->number,
					 .text = text,
					 .digits = "",
					 .until_ms = v->now.boot_ms + wish->seconds * 1000LL,
					 .heard = heard };
	const struct km_phone_rules rules = order_rules(v);
	struct km_spending spent[2];
	struct order *o = NULL;
	bool allowed = false;
	km_rc rc = is_of_desk(wish->kind) ? KM_OK : KM_EINVAL;

	/* A notice goes to a number that was registered under other rules, maybe. */
	if (rc == KM_OK && km_phone_rule(wish->number, &rules) != KM_PHONE_GOOD)
		rc = KM_EPERM;
	if (rc == KM_OK)
		rc = spend(v, wish, spent, &allowed);
	if (rc == KM_OK && !allowed)
		rc = KM_ELIMIT;
	if (rc == KM_OK)
		rc = text_of(v, wish, text, sizeof text);
	if (rc == KM_OK)
		rc = order_new(v, &plan, &o);
	km_wipe(text, sizeof text);
	if (rc != KM_OK)
		return rc;
	if (wish->subject)
		memcpy(o->subject, wish->subject, sizeof o->subject);
	rc = store_spend(v->store, spent, 2, NULL);
	if (rc != KM_OK)
		order_undo(v, o);
	return rc;
}

void orders_drop(struct vault *v, struct line *l)
{
	for (size_t i = 0; l && i < KM_ORDERS && v->orders > 0; i++) {
		if (v->order[i].id && v->order[i].line == l)
			order_drop(v, &v->order[i]);
	}
}

uint64_t orders_mark(const struct vault *v)
{
	return v->order_last;
}

void orders_undo_since(struct vault *v, uint64_t mark)
{
	for (size_t i = 0; i < KM_ORDERS && v->orders > 0 && v->order_last > mark; i++) {
		if (v->order[i].id > mark && !v->order[i].written)
			order_undo(v, &v->order[i]);
	}
}
