/*
 * The table of orders. States go forwards alone and end once; what was begun is never begun again.
 * A slot is free once the order has ended and the vault has heard how.
 */
#include <string.h>

#include <kenmon/clock.h>
#include <kenmon/log.h>
#include <kenmon/phone.h>

#include "courier.h"

#define LONGEST_MS (KM_ORDER_SECONDS * INT64_C(1000))

enum courier_kind courier_kind_of(unsigned order)
{
	return km_order_is_call(order) ? COURIER_CALLS : COURIER_MESSAGES;
}

static bool is_used(const struct courier_slot *slot)
{
	return slot->order.kind != KM_ORDER_NONE;
}

static bool is_under_way(const struct courier_slot *slot)
{
	return is_used(slot) && (slot->order.state == KM_ORDER_STATE_NONE ||
				 !km_order_state_ends(slot->order.state));
}

/* The slot that an order is in: it is the first thing there. */
static struct courier_slot *slot_of(struct courier_order *o)
{
	return (struct courier_slot *)o;
}
_Static_assert(offsetof(struct courier_slot, order) == 0, "slot_of");

static struct courier_slot *find(struct courier *c, uint64_t id)
{
	for (size_t i = 0; i < KM_ORDERS; i++)
		if (is_used(&c->table->at[i]) && c->table->at[i].order.id == id)
			return &c->table->at[i];
	return NULL;
}

static struct courier_slot *find_free(struct courier *c)
{
	for (size_t i = 0; i < KM_ORDERS; i++)
		if (!is_used(&c->table->at[i]))
			return &c->table->at[i];
	return NULL;
}

struct courier_order *courier_find(struct courier *c, uint64_t id)
{
	struct courier_slot *slot = find(c, id);

	return slot && slot->order.begun && is_under_way(slot) ? &slot->order : NULL;
}

void courier_told(struct courier *c, struct courier_slot *slot)
{
	slot->untold = false;
	if (is_under_way(slot))
		return;
	km_wipe(slot, sizeof(*slot));
	c->count--;
	courier_wake(c);
}

/* --- what becomes of one ------------------------------------------------------------------------
 */

void courier_report(struct courier *c, struct courier_order *o, enum km_order_state state,
		    enum km_order_why why, const char *keys, unsigned count)
{
	struct courier_slot *slot = slot_of(o);

	if (!is_under_way(slot) || !km_order_state_known(state) || state <= o->state ||
	    count > KM_ORDER_KEYS || (count > 0 && state != KM_ORDER_STATE_KEYED)) {
		km_log(LOG_WARNING, "an order that is %s cannot become %s: dropped",
		       km_order_state_word(o->state), km_order_state_word(state));
		return;
	}
	o->state = (uint8_t)state;
	slot->why = (uint8_t)why;
	if (state == KM_ORDER_STATE_KEYED && keys)
		memcpy(slot->keys, keys, count);
	slot->count = (uint8_t)count;
	if (km_order_state_ends(state)) {
		km_secret_wipe(&o->text);
		km_wipe(o->number, sizeof(o->number));
		o->own = NULL;
	}
	courier_tell(c, slot);
}

/* A driver ends it; one that does not would keep it for ever. */
static void end_begun(struct courier *c, struct courier_slot *slot, enum km_order_why why)
{
	uint64_t turn = slot->order.turn;

	slot->order.driver->cancel(c, &slot->order, why);
	if (!is_under_way(slot) || slot->order.turn != turn)
		return;
	km_log(LOG_ERR, "the driver %s does not end an order: it counts as unknown",
	       slot->order.driver->name);
	courier_report(c, &slot->order, KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT, NULL, 0);
}

static void end_slot(struct courier *c, struct courier_slot *slot, enum km_order_why why)
{
	if (slot->order.begun)
		end_begun(c, slot, why);
	else
		courier_report(c, &slot->order, KM_ORDER_STATE_FAILED, why, NULL, 0);
}

void courier_cancel(struct courier *c, uint64_t id, enum km_order_why why)
{
	struct courier_slot *slot = find(c, id);

	/* One that is not there has ended: the vault hears, or has heard, how. */
	if (slot && is_under_way(slot))
		end_slot(c, slot, why);
}

void courier_cancel_all(struct courier *c)
{
	for (size_t i = 0; i < KM_ORDERS; i++)
		if (is_under_way(&c->table->at[i]))
			end_slot(c, &c->table->at[i], KM_ORDER_WHY_CANCELLED);
}

int64_t courier_expire(struct courier *c, int64_t now_ms)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < KM_ORDERS; i++) {
		struct courier_slot *slot = &c->table->at[i];

		if (is_under_way(slot) && slot->order.until_ms <= now_ms)
			end_slot(c, slot, KM_ORDER_WHY_LATE);
		if (is_under_way(slot) && slot->order.until_ms < next)
			next = slot->order.until_ms;
	}
	return next;
}

/* --- a new one ------------------------------------------------------------------------------- */

static bool is_digits(const struct km_secret *text)
{
	for (size_t i = 0; i < text->len; i++)
		if (text->bytes[i] < '0' || text->bytes[i] > '9')
			return false;
	return text->len > 0;
}

static bool is_page(const struct km_secret *text)
{
	return km_text_is_page((const char *)text->bytes, text->len);
}

/* What each kind says, and how many keys are to come. */
static bool is_whole(const struct msg_order *m)
{
	const bool calls = km_order_is_call(m->kind);
	bool text = m->text.len == 0;

	if (m->kind == KM_ORDER_SPOKEN)
		text = is_digits(&m->text);
	else if (!calls)
		text = is_page(&m->text);
	return km_order_known(m->kind) && m->order != 0 && km_phone_is_e164(m->number) && text &&
	       m->lang < KM_LANG_COUNT &&
	       (m->kind == KM_ORDER_KEYPAD ? m->keys > 0 && m->keys <= KM_ORDER_KEYS
					   : m->keys == 0);
}

static enum km_order_why why_not(const struct courier *c, const struct msg_order *m, int64_t now_ms)
{
	if (m->until <= now_ms)
		return KM_ORDER_WHY_LATE;
	if (c->draining)
		return KM_ORDER_WHY_NO_COURIER;
	if (!c->driver[courier_kind_of(m->kind)])
		return KM_ORDER_WHY_NO_GATEWAY;
	return c->count >= KM_ORDERS ? KM_ORDER_WHY_FULL : KM_ORDER_WHY_NONE;
}

km_rc courier_take(struct courier *c, const struct msg_order *m)
{
	int64_t now_ms = km_boot_ms();
	struct courier_slot *slot = find_free(c);
	enum km_order_why why;

	if (!is_whole(m) || find(c, m->order))
		return KM_EPROTO;
	why = why_not(c, m, now_ms);
	if (why != KM_ORDER_WHY_NONE || !slot) {
		courier_tell_refused(c, m->order, why);
		return KM_OK;
	}
	slot->order = (struct courier_order){
		.id = m->order,
		.kind = m->kind,
		.state = KM_ORDER_STATE_QUEUED,
		.lang = m->lang,
		.keys = m->keys,
		.until_ms = m->until - now_ms < LONGEST_MS ? m->until : now_ms + LONGEST_MS,
		.driver = c->driver[courier_kind_of(m->kind)],
		.turn = ++c->turn,
	};
	memcpy(slot->order.number, m->number, sizeof(slot->order.number));
	slot->order.text = m->text;
	c->count++;
	courier_tell(c, slot);
	courier_wake(c);
	return KM_OK;
}

/* --- which is next --------------------------------------------------------------------------- */

/* A message counts until a gateway has it, a call until it ends. */
static bool is_busy(const struct courier_slot *slot)
{
	return is_under_way(slot) && slot->order.begun &&
	       (km_order_is_call(slot->order.kind) || slot->order.state < KM_ORDER_STATE_SENT);
}

static struct courier_slot *next_of(struct courier *c, enum courier_kind kind, unsigned at_once)
{
	struct courier_slot *next = NULL;
	unsigned busy = 0;

	for (size_t i = 0; i < KM_ORDERS; i++) {
		struct courier_slot *slot = &c->table->at[i];

		if (!is_under_way(slot) || courier_kind_of(slot->order.kind) != kind)
			continue;
		busy += is_busy(slot);
		if (!slot->order.begun && (!next || slot->order.turn < next->order.turn))
			next = slot;
	}
	return busy < at_once ? next : NULL;
}

void courier_begin_next(struct courier *c)
{
	const unsigned at_once[COURIER_KINDS] = { c->settings->conf.sms.at_once,
						  c->settings->conf.voice.at_once };

	for (unsigned kind = 0; kind < COURIER_KINDS; kind++) {
		struct courier_slot *slot;

		while ((slot = next_of(c, (enum courier_kind)kind, at_once[kind])) != NULL) {
			slot->order.begun = true;
			slot->order.driver->begin(c, &slot->order);
		}
	}
}
