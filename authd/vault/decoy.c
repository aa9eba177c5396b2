/*
 * How an order of nobody's goes: as one of the last real ones of its kind, so that
 * neither words nor times tell whether there is a telephone.
 */
#include <openssl/rand.h>

#include "courier.h"

/* One time is not like another: so much of it is more or less, as a part. */
#define SPREAD 8

static struct order_paces *paces_of(struct vault *v, unsigned kind)
{
	return &v->order_paces[km_order_is_call(kind)];
}

void decoy_learns(struct vault *v, const struct order *o, const struct msg_ordered *m)
{
	struct order_paces *p = paces_of(v, o->kind);

	p->last[p->count++ % ORDER_PACES] = (struct order_pace){
		.took_ms = v->now.boot_ms - o->begun_ms, .state = m->state, .why = m->why
	};
}

/* Whose telephone it is has nothing to do with these. */
static bool is_of_the_gateway(unsigned why)
{
	return km_order_text(KM_ORDER_STATE_FAILED, why) == KM_TEXT_ORDER_GATEWAY;
}

/* What is said first of one that begins like this; what is nobody's is answered by nobody. */
static struct msg_ordered first_news(unsigned kind, const struct order_pace *p)
{
	if (p->state == KM_ORDER_STATE_FAILED && is_of_the_gateway(p->why))
		return (struct msg_ordered){ .state = p->state, .why = p->why };
	if (km_order_is_call(kind))
		return (struct msg_ordered){ .state = KM_ORDER_STATE_RINGING };
	return (struct msg_ordered){ .state = p->state == KM_ORDER_STATE_TAKEN
						  ? KM_ORDER_STATE_TAKEN
						  : KM_ORDER_STATE_SENT };
}

/* Before there was a real one: what such a gateway takes, roughly. */
static struct order_pace usual(const struct vault *v, unsigned kind)
{
	static const int64_t message_ms[] = { [KM_GATEWAY_NONE] = 0,
					      [KM_GATEWAY_HTTP] = 700,
					      [KM_GATEWAY_SPOOL] = 6000,
					      [KM_GATEWAY_EXEC] = 500 };
	const bool reports = v->gateway == KM_GATEWAY_HTTP && v->conf.sms.report_url[0];

	if (km_order_is_call(kind))
		return (struct order_pace){ .took_ms = 2500, .state = KM_ORDER_STATE_RINGING };
	return (struct order_pace){ .took_ms = message_ms[v->gateway],
				    .state = reports ? KM_ORDER_STATE_SENT : KM_ORDER_STATE_TAKEN };
}

/* One of those that began in the same words as the last: a gateway is out of order for all. */
static struct order_pace drawn(const struct order_paces *p, unsigned kind, uint32_t random)
{
	const size_t kept = p->count < ORDER_PACES ? p->count : ORDER_PACES;
	const struct order_pace *last = &p->last[(p->count - 1) % ORDER_PACES];
	const struct msg_ordered said = first_news(kind, last);
	const struct order_pace *like[ORDER_PACES] = { last };
	size_t count = 1;

	for (size_t i = 0; i < kept; i++) {
		struct msg_ordered other = first_news(kind, &p->last[i]);

		if (&p->last[i] != last && other.state == said.state && other.why == said.why)
			like[count++] = &p->last[i];
	}
	return *like[random % count];
}

void decoy_begins(struct vault *v, struct order *o)
{
	const struct order_paces *p = paces_of(v, o->kind);
	uint32_t random[2];
	int64_t took;

	/* Without any, the one that was drawn is no secret; but it is one of them. */
	if (RAND_priv_bytes((unsigned char *)random, sizeof random) != 1)
		random[0] = random[1] = (uint32_t)o->id;
	o->pace = p->count > 0 ? drawn(p, o->kind, random[0]) : usual(v, o->kind);
	took = o->pace.took_ms;
	took += random[1] % (2 * (took / SPREAD) + 1) - took / SPREAD;
	if (o->decoy)
		o->next_ms = o->begun_ms + took;
}

struct msg_ordered decoy_news(const struct vault *v, struct order *o)
{
	struct msg_ordered m;

	o->next_ms = 0;
	if (o->state != KM_ORDER_STATE_NONE) {
		/* No word of delivery came, as of many that are real. */
		if (!km_order_is_call(o->kind))
			return (struct msg_ordered){ .state = KM_ORDER_STATE_TAKEN };
		return (struct msg_ordered){ .state = KM_ORDER_STATE_FAILED,
					     .why = KM_ORDER_WHY_NO_ANSWER };
	}
	m = first_news(o->kind, &o->pace);
	if (m.state == KM_ORDER_STATE_RINGING)
		o->next_ms = v->now.boot_ms + v->conf.voice.ring * 1000LL;
	if (m.state == KM_ORDER_STATE_SENT)
		o->next_ms = o->until_ms;
	return m;
}
