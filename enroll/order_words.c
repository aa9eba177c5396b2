/* What becomes of an order, for whoever administrates: what to look at, and not only that it
 * failed. */
#include <kenmon/order.h>

#include "commands.h"

struct words {
	uint8_t number;
	enum desk_text text;
};

static const struct words states[] = {
#define KM_ORDER(NAME, number, word, ja)
#define KM_ORDER_STATE(NAME, number, ends, text, word, ja) { number, DESK_STATE_##NAME },
#define KM_ORDER_WHY(NAME, number, text, word, ja)
#include <kenmon/order.def>
#undef KM_ORDER
#undef KM_ORDER_STATE
#undef KM_ORDER_WHY
	{ 0, DESK_STATE_OTHER },
};

static const struct words whys[] = {
#define KM_ORDER(NAME, number, word, ja)
#define KM_ORDER_STATE(NAME, number, ends, text, word, ja)
#define KM_ORDER_WHY(NAME, number, text, word, ja) { number, DESK_WHY_##NAME },
#include <kenmon/order.def>
#undef KM_ORDER
#undef KM_ORDER_STATE
#undef KM_ORDER_WHY
	{ 0, DESK_STATE_OTHER },
};

static const char *find(const struct words *row, unsigned number, enum km_lang lang)
{
	while (row->number && row->number != number)
		row++;
	return desk_text(row->text, lang);
}

const char *desk_order_state(unsigned state, enum km_lang lang)
{
	return find(states, state, lang);
}

const char *desk_order_why(unsigned why, enum km_lang lang)
{
	return why ? find(whys, why, lang) : "";
}

km_rc desk_order_row(struct desk *d, void *arg, const struct km_msg *m)
{
	const struct msg_order_row *r = &m->order_row;
	struct desk_order *o = arg;

	if (m->number != KM_MSG_ORDER_ROW)
		return KM_EPROTO;
	o->last = *r;
	if (o->steps < DESK_ORDER_STEPS)
		o->step[o->steps++] = *r;
	fprintf(d->err, "%s%s%s\n", desk_order_state(r->state, d->lang),
		r->why && d->lang == KM_LANG_EN ? " " : "", desk_order_why(r->why, d->lang));
	fflush(d->err);
	return KM_OK;
}

static void words_json(struct desk_json *j, const struct msg_order_row *r)
{
	json_string(j, "state", km_order_state_word(r->state));
	json_string(j, "why", km_order_why_word(r->why));
}

void desk_order_json(struct desk_json *j, const struct desk_order *o)
{
	if (o->steps == 0)
		json_null(j, "state");
	else
		words_json(j, &o->last);
	json_open(j, "steps", '[');
	for (unsigned i = 0; i < o->steps; i++) {
		json_open(j, NULL, '{');
		words_json(j, &o->step[i]);
		json_close(j, '}');
	}
	json_close(j, ']');
}
