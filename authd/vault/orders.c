/*
 * Orders that are under way, and their ends. A decoy, which is of nobody's
 * telephone, is told of as real ones were lately (decoy.c); to the
 * courier goes a CANCEL of its number in the place of an order, which it does
 * not know and does nothing for.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kenmon/log.h>

#include "courier.h"

/* The courier ends what is not over by then; who does not is waited for no longer. */
#define ORDER_SLACK_MS 5000

/* One that is written at the end of this round. In locked memory. */
struct outgoing {
	uint64_t id;
	char number[KM_NUMBER_MAX + 1];
	char text[KM_ORDER_TEXT + 1];
	char digits[KM_ORDER_KEYS + 1];
};

struct order *order_of(struct vault *v, uint64_t id)
{
	for (size_t i = 0; id && i < KM_ORDERS; i++) {
		if (v->order[i].id == id)
			return &v->order[i];
	}
	return NULL;
}

bool order_waits(const struct session *s)
{
	return s->order && km_order_waits_for_keys(s->order->kind);
}

/* --- giving one -------------------------------------------------------------------- */

static struct order *free_place(struct vault *v)
{
	for (size_t i = 0; v->orders < KM_ORDERS && i < KM_ORDERS; i++) {
		if (v->order[i].id == 0)
			return &v->order[i];
	}
	return NULL;
}

static bool fits(char *to, size_t cap, const char *from)
{
	return (size_t)snprintf(to, cap, "%s", from) < cap;
}

static struct outgoing *room_for_one(struct vault *v)
{
	if (!v->outgoing)
		v->outgoing = km_locked_new(VAULT_OUTGOING * sizeof *v->outgoing);
	return v->outgoing && v->outgoings < VAULT_OUTGOING ? &v->outgoing[v->outgoings] : NULL;
}

km_rc order_new(struct vault *v, const struct order_plan *plan, struct order **out)
{
	struct outgoing *way = room_for_one(v);
	struct order *o = free_place(v);

	if (!orders_ready(v) ||
	    (km_order_is_call(plan->kind) ? !v->calls : v->gateway == KM_GATEWAY_NONE))
		return KM_EUNAVAIL;
	if (!way || !o)
		return KM_ELIMIT;
	if (!fits(way->number, sizeof way->number, plan->number) ||
	    !fits(way->text, sizeof way->text, plan->text) ||
	    !fits(way->digits, sizeof way->digits, plan->digits)) {
		km_wipe(way, sizeof *way);
		return KM_ELIMIT;
	}
	*o = (struct order){ .id = ++v->order_last,
			     .kind = (uint8_t)plan->kind,
			     .decoy = plan->decoy,
			     .session = plan->session,
			     .line = plan->line,
			     .heard = plan->heard,
			     .begun_ms = v->now.boot_ms,
			     .until_ms = plan->until_ms };
	way->id = o->id;
	v->outgoings++;
	v->orders++;
	if (o->session)
		o->session->order = o;
	*out = o;
	return KM_OK;
}

/* Its owner has none any more. */
static void detach(struct order *o)
{
	if (o->session && o->session->order == o)
		o->session->order = NULL;
	o->session = NULL;
	o->line = NULL;
	o->heard = NULL;
}

static void release(struct vault *v, struct order *o)
{
	detach(o);
	*o = (struct order){ .id = 0 };
	v->orders--;
}

static struct outgoing *on_its_way(struct vault *v, const struct order *o)
{
	for (size_t i = 0; i < v->outgoings; i++) {
		if (v->outgoing[i].id == o->id)
			return &v->outgoing[i];
	}
	return NULL;
}

void order_undo(struct vault *v, struct order *o)
{
	struct outgoing *way = on_its_way(v, o);

	if (way)
		km_wipe(way, sizeof *way); /* an id of 0 is nobody's */
	release(v, o);
}

/* --- to the courier ------------------------------------------------------------------ */

static km_rc to_courier(struct vault *v, const struct km_msg *m)
{
	km_rc rc = v->courier < 0 ? KM_EUNAVAIL : km_send_msg(v->courier, m, -1, MSG_DONTWAIT);

	if (rc == KM_OK)
		v->messages++;
	else if (rc != KM_EAGAIN)
		orders_lost(v, "it went away");
	return rc;
}

static km_rc cancel(struct vault *v, uint64_t id)
{
	struct km_msg m = { .number = KM_MSG_CANCEL };

	m.cancel.order = id;
	return to_courier(v, &m);
}

void order_drop(struct vault *v, struct order *o)
{
	if (!o)
		return;
	if (!o->written) {
		order_undo(v, o);
		return;
	}
	detach(o);
	o->next_ms = 0;
	/* It ends when the courier says so; a decoy has no other end than this. */
	if (cancel(v, o->id) != KM_OK || o->decoy)
		release(v, o);
}

/* Of whoever logs in, as their program has it; at a desk the site's. */
static enum km_lang lang_of(const struct vault *v, const struct order *o)
{
	unsigned lang = o->session ? o->session->asked.lang : KM_LANG_COUNT;

	return lang < KM_LANG_COUNT ? (enum km_lang)lang : v->conf.language;
}

static km_rc write_order(struct vault *v, const struct order *o, const struct outgoing *way)
{
	struct km_msg m = { .number = KM_MSG_ORDER };
	km_rc rc = km_secret_set(&m.order.text, way->text, strlen(way->text));

	m.order.order = o->id;
	m.order.kind = o->kind;
	memcpy(m.order.number, way->number, sizeof way->number);
	m.order.keys = (uint8_t)strlen(way->digits);
	m.order.lang = (uint8_t)lang_of(v, o);
	m.order.until = o->until_ms;
	if (rc == KM_OK)
		rc = to_courier(v, &m);
	km_msg_wipe(&m);
	return rc;
}

/* "4 0 2": whoever has the screen read aloud hears digits, and not a number of some hundreds. */
static void space_out(const char *digits, char out[2 * KM_ORDER_KEYS + 1])
{
	size_t n = 0;

	for (; *digits && n < (size_t)2 * KM_ORDER_KEYS - 1; digits++) {
		if (n > 0)
			out[n++] = ' ';
		out[n++] = *digits;
	}
	out[n] = '\0';
}

/* Only the person should see the digits: they do not go through the judge. */
static void tell_client(struct vault *v, const struct order *o, const struct outgoing *way)
{
	struct km_msg m = { .number = KM_MSG_INFO };
	char digits[2 * KM_ORDER_KEYS + 1];

	if (!o->session || !order_waits(o->session))
		return;
	space_out(way->digits, digits);
	km_text_filled(o->kind == KM_ORDER_KEYPAD ? KM_TEXT_KEY_IN : KM_TEXT_CONFIRM_CALL,
		       lang_of(v, o), digits, m.info.text, sizeof m.info.text);
	km_wipe(digits, sizeof digits);
	m.info.error = KM_INFO_CALL;
	/* One that does not read cannot key in what it does not know. */
	if (km_send_msg(o->session->client, &m, -1, MSG_DONTWAIT) == KM_OK)
		v->messages++;
	km_msg_wipe(&m);
}

static void send_one(struct vault *v, struct order *o, const struct outgoing *way)
{
	km_rc rc;

	tell_client(v, o, way);
	rc = o->decoy ? cancel(v, o->id) : write_order(v, o, way);
	o->written = rc == KM_OK;
	o->lost |= rc != KM_OK;
	v->orders_due |= o->lost;
	decoy_begins(v, o); /* of a real one, too: the same work */
}

void orders_settle(struct vault *v, bool durable)
{
	for (size_t i = 0; i < v->outgoings; i++) {
		struct order *o = order_of(v, v->outgoing[i].id);

		if (o && durable)
			send_one(v, o, &v->outgoing[i]);
		else if (o)
			release(v, o);
	}
	if (v->outgoings > 0)
		km_wipe(v->outgoing, v->outgoings * sizeof *v->outgoing);
	v->outgoings = 0;
}

/* --- what came of it -------------------------------------------------------------------- */

/* What there can be of it. */
static bool can_be(const struct order *o, unsigned state)
{
	const bool keys = km_order_waits_for_keys(o->kind);

	if (state == KM_ORDER_STATE_KEYED)
		return keys;
	if (state == KM_ORDER_STATE_NOT_ME)
		return km_order_is_call(o->kind) && km_order_is_of_login(o->kind);
	if (state == KM_ORDER_STATE_TAKEN)
		return !km_order_is_call(o->kind);
	return state != KM_ORDER_STATE_DELIVERED || !keys;
}

static km_rc tell(struct vault *v, struct order *o, const struct msg_ordered *m)
{
	struct order ended;
	km_rc rc = KM_OK;

	o->state = m->state;
	if (!km_order_state_ends(m->state))
		return o->heard ? o->heard(v, o, m) : KM_OK;
	/* First of all: what follows may end its owner, and others. */
	ended = *o;
	release(v, o);
	if (ended.heard)
		rc = ended.heard(v, &ended, m);
	return rc;
}

km_rc order_news(struct vault *v, struct order *o, const struct msg_ordered *m)
{
	if (m->state < o->state || !can_be(o, m->state))
		return KM_EPROTO;
	if (m->state == o->state)
		return KM_OK;
	/* What the first news of it were is what decoys are told by. */
	if (o->state < KM_ORDER_STATE_SENT && m->state > KM_ORDER_STATE_QUEUED && o->heard)
		decoy_learns(v, o, m);
	return tell(v, o, m);
}

static void tell_of_decoy(struct vault *v, struct order *o)
{
	const struct msg_ordered m = decoy_news(v, o);

	(void)!tell(v, o, &m);
}

/* The courier is gone, or has not taken it, or says nothing of it. */
static void end_lost(struct vault *v, struct order *o)
{
	struct msg_ordered m = { .state = KM_ORDER_STATE_FAILED, .why = KM_ORDER_WHY_LATE };

	if (o->lost && o->written)
		m = (struct msg_ordered){ .state = KM_ORDER_STATE_UNKNOWN,
					  .why = KM_ORDER_WHY_CUT };
	else if (o->lost)
		m.why = v->courier < 0 ? KM_ORDER_WHY_NO_COURIER : KM_ORDER_WHY_FULL;
	else if (o->state >= KM_ORDER_STATE_SENT)
		m = (struct msg_ordered){ .state = KM_ORDER_STATE_UNKNOWN };
	(void)!tell(v, o, &m);
}

void orders_tick(struct vault *v)
{
	v->orders_due = false;
	for (size_t i = 0; i < KM_ORDERS && v->orders > 0; i++) {
		struct order *o = &v->order[i];

		if (o->id == 0)
			continue;
		if (v->replies >= VAULT_ROUND) {
			v->orders_due = true; /* the rest in the next round */
			return;
		}
		if (o->lost || v->now.boot_ms >= o->until_ms + ORDER_SLACK_MS)
			end_lost(v, o);
		else if (o->next_ms && v->now.boot_ms >= o->next_ms)
			tell_of_decoy(v, o);
	}
}

int orders_pause(const struct vault *v, int most)
{
	int64_t pause = most;

	for (size_t i = 0; i < KM_ORDERS && v->orders > 0; i++) {
		const struct order *o = &v->order[i];

		if (o->id && o->next_ms && o->next_ms - v->now.boot_ms < pause)
			pause = o->next_ms - v->now.boot_ms;
	}
	return pause < 0 ? 0 : (int)pause;
}

void orders_free(struct vault *v)
{
	km_locked_free(v->outgoing, VAULT_OUTGOING * sizeof *v->outgoing);
	v->outgoing = NULL;
	if (v->courier >= 0)
		close(v->courier);
	v->courier = -1;
}
