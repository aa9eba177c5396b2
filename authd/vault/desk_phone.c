/*
 * Desk operations on telephones: a number is enrolled, and takes the place of the same kind's.
 * Where it is confirmed, the operation is kept on its line until the code that was sent there is
 * typed; nothing is stored before.
 */
#include <string.h>

#include <kenmon/factor.h>

#include "challenge.h"
#include "courier.h"
#include "desk.h"
#include "orders.h"
#include "store_number.h"

#define CONFIRM_TRIES 3

/* --- numbers ----------------------------------------------------------------------------- */

km_rc desk_number_read(struct call *c, const char *typed, char out[KM_NUMBER_MAX + 1])
{
	const struct km_phone_rules rules = order_rules(c->v);
	enum km_phone_fault fault = km_phone_take(typed, &rules, out);

	if (fault == KM_PHONE_GOOD)
		return KM_OK;
	call_say(c, "the number cannot be used: %s", km_phone_fault_text(fault));
	return KM_EINVAL;
}

km_rc desk_number_mask(struct call *c, const struct km_operator *op,
		       const struct km_credential *credential, char out[KM_PHONE_MASK])
{
	char number[KM_NUMBER_MAX + 1] = "";
	km_rc rc = store_phone_number(c->v->store, op, credential, number);

	if (rc == KM_OK)
		km_phone_mask(number, c->v->conf.phone.country, out);
	km_wipe(number, sizeof number);
	return rc;
}

static km_rc put_whole(struct call *c, const struct km_operator *op,
		       const struct km_credential *credential)
{
	struct km_msg m = { .number = KM_MSG_CREDENTIAL_ROW };
	struct msg_credential_row *row = &m.credential_row;
	km_rc rc;

	row->id = credential->id;
	row->factor = credential->factor;
	memcpy(row->label, credential->label, sizeof row->label);
	row->created = credential->created;
	row->last_used = credential->last_used;
	row->waiting = credential->waiting;
	rc = store_phone_number(c->v->store, op, credential, row->number);
	/* One that is damaged is listed without it, as everywhere. */
	if (rc == KM_OK || rc == KM_ECORRUPT)
		rc = call_put(c, &m);
	km_wipe(&m, sizeof m);
	return rc;
}

km_rc desk_phones_whole(struct call *c, const struct km_operator *op)
{
	struct km_credential list[KM_MAX_CREDENTIALS];
	size_t count = 0;
	km_rc rc = store_credentials(c->v->store, op->subject, list, &count);

	for (size_t i = 0; rc == KM_OK && i < count; i++)
		if (km_factor_class(list[i].factor) == KM_CLASS_PHONE)
			rc = put_whole(c, op, &list[i]);
	return rc;
}

/* Is nothing sent to this number, by the lists as they are now? One that is damaged is none. */
static km_rc see_barred(struct call *c, const struct km_operator *op,
			const struct km_credential *phone, uint32_t *barred)
{
	const struct km_phone_rules rules = order_rules(c->v);
	char number[KM_NUMBER_MAX + 1] = "";
	km_rc rc = store_phone_number(c->v->store, op, phone, number);

	if (rc == KM_OK && km_phone_rule(number, &rules) != KM_PHONE_GOOD)
		*barred |= KM_FACTOR_BIT(phone->factor);
	km_wipe(number, sizeof number);
	return rc == KM_ECORRUPT ? KM_OK : rc;
}

km_rc desk_phones_barred(struct call *c, const struct km_operator *op, uint32_t factors,
			 uint32_t *barred)
{
	struct km_credential list[KM_MAX_CREDENTIALS];
	size_t count = 0;
	km_rc rc;

	*barred = 0;
	if (!(factors & KM_PHONE_FACTORS))
		return KM_OK;
	rc = store_credentials(c->v->store, op->subject, list, &count);
	for (size_t i = 0; rc == KM_OK && i < count; i++)
		if (km_factor_class(list[i].factor) == KM_CLASS_PHONE && !list[i].waiting)
			rc = see_barred(c, op, &list[i], barred);
	return rc;
}

/* --- enrolling ------------------------------------------------------------------------------ */

/* Nothing would change, and somebody would be told that it did. */
static km_rc not_enrolled_yet(struct call *c, const struct km_operator *op, unsigned factor,
			      const char *number)
{
	char other[KM_NUMBER_MAX + 1] = "";
	struct km_credential good;
	km_rc rc = store_phone_of(c->v->store, op->subject, factor, &good);

	if (rc == KM_OK)
		rc = store_phone_number(c->v->store, op, &good, other);
	if (rc == KM_OK && strcmp(other, number) == 0) {
		call_say(c, "this number is credential %llu of this operator",
			 (unsigned long long)good.id);
		rc = KM_EEXIST;
	}
	km_wipe(other, sizeof other);
	return rc == KM_ENOTFOUND || rc == KM_ECORRUPT ? KM_OK : rc;
}

/* Also when the code came: all of it may have changed meanwhile. */
static km_rc may_enrol(struct call *c, const struct msg_enrol_phone *m, struct km_operator *op,
		       char number[KM_NUMBER_MAX + 1])
{
	km_rc rc = desk_number_read(c, m->number, number);

	if (rc == KM_OK)
		rc = call_operator(c, m->login, op);
	if (rc == KM_OK && op->state == KM_ERASING)
		rc = KM_ESTATE;
	return rc == KM_OK ? not_enrolled_yet(c, op, m->factor, number) : rc;
}

static km_rc stored(struct call *c, const struct km_operator *op, const struct km_credential *in,
		    const struct phone_change *change, bool confirmed)
{
	const struct activation a = { .credential = c->id,
				      .number = change->mask,
				      .confirmed = confirmed };

	return in->waiting ? request_file_activation(c, op, &a) : desk_phone_changed(c, op, change);
}

static km_rc store_number(struct call *c, const struct km_operator *op,
			  const struct msg_enrol_phone *m, const char *number, bool confirmed)
{
	struct km_credential in = { .factor = m->factor, .waiting = desk_two_persons(c->v) };
	struct phone_change change PHONE_CHANGE = { .of = 0 };
	struct km_event_record r;
	/* It is read before it has gone. */
	km_rc rc = desk_phone_old(c, op, in.factor, &change);

	if (rc != KM_OK)
		return rc;
	km_phone_mask(number, c->v->conf.phone.country, change.mask);
	memcpy(in.subject, op->subject, sizeof in.subject);
	memcpy(in.label, m->label, sizeof in.label);
	call_event(c, &r, KM_EVENT_ENROLLED, op);
	event_add(&r, "factor", km_factor_word(in.factor));
	event_add(&r, "number", change.mask);
	event_add(&r, "confirmed", confirmed ? "yes" : "no");
	if (in.waiting)
		event_add(&r, "waiting", "yes");
	rc = store_enrol_phone(c->v->store, op, &in, number, &r, &c->id);
	if (rc == KM_ELIMIT)
		call_say(c, "an operator has at most %d credentials", KM_MAX_CREDENTIALS);
	if (rc != KM_OK)
		return rc;
	note_event(c->v, &r);
	change.of = c->id;
	return stored(c, op, &in, &change, confirmed);
}

struct enrolling {
	struct call *c;
	const struct km_operator *op;
	const struct msg_enrol_phone *m;
	const char *number;
	bool confirmed;
};

static km_rc enrol_run(void *arg)
{
	const struct enrolling *e = arg;

	return store_number(e->c, e->op, e->m, e->number, e->confirmed);
}

/* The number, that the old one went, and that a second person is asked: all of it, or nothing. */
static km_rc enrol(struct call *c, const struct km_operator *op, const struct msg_enrol_phone *m,
		   const char *number, bool confirmed)
{
	struct enrolling e = { c, op, m, number, confirmed };
	const uint64_t orders = orders_mark(c->v);
	size_t notes = c->v->notes;
	km_rc rc = store_together(c->v->store, enrol_run, &e);

	if (rc != KM_OK && rc != KM_EFILED) {
		c->v->notes = notes;
		orders_undo_since(c->v, orders);
	}
	return rc;
}

/* --- confirming ----------------------------------------------------------------------------- */

static km_rc draw_code(unsigned digits, struct km_secret *out)
{
	char text[KM_ORDER_KEYS + 1] = "";
	km_rc rc = challenge_digits(digits, text);

	if (rc == KM_OK)
		rc = km_secret_set(out, text, strlen(text));
	km_wipe(text, sizeof text);
	return rc;
}

km_rc desk_order_refused(struct call *c, km_rc rc)
{
	if (rc == KM_EUNAVAIL)
		call_say(c, "nothing can be sent: see 'kenmon courier status'");
	if (rc == KM_ELIMIT)
		call_say(c, "too much was sent to this number, or by this site: try again later");
	return rc;
}

static km_rc send_code(struct call *c, const struct km_operator *op,
		       const struct msg_enrol_phone *m, const char *number)
{
	struct order_wish wish = { .kind = m->factor == KM_FACTOR_SMS ? KM_ORDER_MESSAGE
								      : KM_ORDER_SPOKEN,
				   .seconds = c->v->conf.phone.expires };
	struct pending *p;
	km_rc rc = call_keep(c, op);

	if (rc != KM_OK)
		return rc;
	p = c->l->pending;
	memcpy(p->phone.number, number, sizeof p->phone.number);
	p->phone.until_ms = c->v->now.boot_ms + (int64_t)wish.seconds * 1000;
	rc = draw_code(c->v->conf.phone.digits, &p->phone.code);
	wish.number = p->phone.number;
	wish.digits = &p->phone.code;
	if (rc == KM_OK)
		rc = desk_order_refused(c, orders_place(c->v, c->l, &wish));
	return rc;
}

km_rc desk_enrol_phone(struct call *c)
{
	const struct msg_enrol_phone *m = &c->m->enrol_phone;
	char number[KM_NUMBER_MAX + 1] = "";
	struct km_operator op;
	km_rc rc = km_factor_class(m->factor) == KM_CLASS_PHONE ? KM_OK : KM_EINVAL;

	if (rc == KM_OK)
		rc = may_enrol(c, m, &op, number);
	if (rc == KM_OK)
		rc = m->confirm ? send_code(c, &op, m, number) : enrol(c, &op, m, number, false);
	km_wipe(number, sizeof number);
	return rc;
}

/* The code that was sent: as many digits as the site has codes of. */
static km_rc ask_for_it(struct call *c, enum km_text text)
{
	return call_ask_for(c, text, session_shape(&c->v->conf, KM_PHONE_FACTORS) & KM_SHAPE_CODE);
}

static km_rc wrong(struct call *c)
{
	if (++c->l->pending->answers < CONFIRM_TRIES)
		return ask_for_it(c, KM_TEXT_CODE_WRONG);
	call_say(c, "nothing was stored");
	return KM_EBADCODE;
}

km_rc desk_enrol_phone_answer(struct call *c)
{
	struct pending *p = c->l->pending;
	struct km_secret *typed = &c->m->answer.secret;
	char number[KM_NUMBER_MAX + 1] = "";
	struct km_operator op;
	km_rc rc;

	if (!p->phone.prompted)
		return KM_EPROTO;
	if (p->phone.until_ms < c->v->now.boot_ms) {
		call_say(c, "%s", km_text(KM_TEXT_CODE_LATE, KM_LANG_EN));
		return KM_ETIMEOUT;
	}
	if (km_answer_class(typed, KM_SHAPE_CODE) != KM_CLASS_DIGITS ||
	    !km_equal(typed->bytes, typed->len, p->phone.code.bytes, p->phone.code.len))
		return wrong(c);
	rc = may_enrol(c, &p->asked.enrol_phone, &op, number);
	/* To the number that the code was sent to, and of whom it was asked for. */
	if (rc == KM_OK && (strcmp(number, p->phone.number) != 0 ||
			    memcmp(op.subject, p->op.subject, sizeof op.subject) != 0))
		rc = KM_ESTATE;
	if (rc == KM_OK)
		rc = enrol(c, &op, &p->asked.enrol_phone, number, true);
	km_wipe(number, sizeof number);
	return rc;
}

/* --- how it goes ------------------------------------------------------------------------------ */

static void put_news(struct call *c, unsigned state, unsigned why)
{
	struct km_msg m = { .number = KM_MSG_ORDER_ROW };

	m.order_row.state = (uint8_t)state;
	m.order_row.why = (uint8_t)why;
	call_row(c, &m);
}

/* From then on somebody can have the code: also where it is not known whether it went out. */
static bool may_have_come(unsigned state)
{
	static const enum km_order_state states[] = { KM_ORDER_STATE_SENT, KM_ORDER_STATE_ANSWERED,
						      KM_ORDER_STATE_DELIVERED,
						      KM_ORDER_STATE_TAKEN,
						      KM_ORDER_STATE_UNKNOWN };

	for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
		if (states[i] == state)
			return true;
	return false;
}

/* Once it is asked for, what becomes of the order is shown, and who is there decides. */
static void confirm_goes_on(struct call *c, unsigned state, unsigned why)
{
	struct pending *p = c->l->pending;

	if (p->phone.prompted)
		return;
	if (may_have_come(state)) {
		p->phone.prompted = true;
		if (ask_for_it(c, KM_TEXT_PROMPT_NUMBER) != KM_OK)
			line_close(c->v, c->l);
	} else if (km_order_state_ends(state)) {
		call_say(c, "%s", km_text(km_order_text(state, why), KM_LANG_EN));
		call_finish(c, state == KM_ORDER_STATE_NOT_ME ? KM_EABORTED : KM_ENOTSENT);
	}
}

static void test_goes_on(struct call *c, unsigned state, unsigned why)
{
	/* No more can be known of a gateway that tells no more. */
	bool good = state == KM_ORDER_STATE_DELIVERED || state == KM_ORDER_STATE_TAKEN;

	if (!km_order_state_ends(state))
		return;
	if (!good)
		call_say(c, "%s", km_text(km_order_text(state, why), KM_LANG_EN));
	call_tested(c, good ? KM_OK : KM_ENOTSENT);
}

void desk_phone_ordered(struct vault *v, struct line *l, unsigned state, unsigned why)
{
	struct call c;

	call_again(&c, v, l);
	put_news(&c, state, why);
	if (l->fd < 0)
		return; /* its desk does not read */
	if (l->testing)
		test_goes_on(&c, state, why);
	else if (l->pending && l->pending->asked.number == KM_MSG_ENROL_PHONE)
		confirm_goes_on(&c, state, why);
}
