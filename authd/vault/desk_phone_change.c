/*
 * A number takes another's place, or is taken away: whoever has the old one hears of it there, and
 * of a change at their next login. What nobody could be told, the trail has.
 */
#include <string.h>

#include <kenmon/factor.h>

#include "courier.h"
#include "desk.h"
#include "orders.h"
#include "store_number.h"

void phone_change_wipe(struct phone_change *change)
{
	km_wipe(change, sizeof *change);
}

/* Of one that is damaged nobody can be told at it; that it goes is written down all the same. */
km_rc desk_phone_old(struct call *c, const struct km_operator *op, unsigned factor,
		     struct phone_change *out)
{
	struct km_credential good;
	km_rc rc = store_phone_of(c->v->store, op->subject, factor, &good);

	out->factor = factor;
	if (rc != KM_OK)
		return rc == KM_ENOTFOUND ? KM_OK : rc;
	out->was = good.id;
	rc = store_phone_number(c->v->store, op, &good, out->old);
	return rc == KM_ECORRUPT ? KM_OK : rc;
}

km_rc desk_phone_look(struct call *c, const struct km_operator *op,
		      const struct km_credential *credential, struct phone_change *out)
{
	km_rc rc = desk_number_mask(c, op, credential, out->mask);

	out->of = credential->id;
	return rc == KM_OK ? desk_phone_old(c, op, credential->factor, out) : rc;
}

/* By what the old number can be told; NONE: its owner is told at the next login alone. */
static enum km_order notice_of(const struct call *c, const struct phone_change *change)
{
	if (!change->old[0] || orders_kind(c->v, change->factor) == KM_ORDER_NONE)
		return KM_ORDER_NONE;
	return change->factor == KM_FACTOR_VOICE ? KM_ORDER_CALL_NOTICE : KM_ORDER_NOTICE;
}

static const char *notice_word(enum km_order kind)
{
	return kind == KM_ORDER_NONE ? "none" : km_order_word(kind);
}

static enum km_reason reason_of(km_rc why)
{
	if (why == KM_EPERM)
		return KM_REASON_PHONE_BARRED;
	return why == KM_ELIMIT ? KM_REASON_PHONE_BUDGET : KM_REASON_PHONE_NONE;
}

static km_rc not_told(struct call *c, const struct km_operator *op, enum km_order kind, km_rc why)
{
	struct km_event_record e;

	call_event(c, &e, KM_EVENT_CODE_NOT_SENT, op);
	event_add(&e, "reason", km_reason_word(reason_of(why)));
	event_add(&e, "order", notice_word(kind));
	return note_record(c->v, &e);
}

/* text: of a message. A call says what is true of both: that the number was changed or removed. */
static km_rc tell_old(struct call *c, const struct km_operator *op,
		      const struct phone_change *change, enum km_order kind, enum km_text text)
{
	const struct order_wish wish = { .kind = kind,
					 .number = change->old,
					 .text = kind == KM_ORDER_NOTICE ? text : KM_TEXT_NOTHING,
					 .subject = op->subject,
					 .seconds = KM_ORDER_SECONDS };
	const km_rc rc = orders_place(c->v, NULL, &wish);

	return rc == KM_OK ? KM_OK : not_told(c, op, kind, rc);
}

/* The notice is last: what fails before it is undone, and nobody was told. */
km_rc desk_phone_changed(struct call *c, const struct km_operator *op,
			 const struct phone_change *change)
{
	const enum km_order kind = notice_of(c, change);
	struct km_event_record e;
	km_rc rc;

	if (!change->was)
		return KM_OK;
	call_event(c, &e, KM_EVENT_PHONE_CHANGED, op);
	event_add(&e, "factor", km_factor_word(change->factor));
	event_add(&e, "number", change->mask);
	event_add_number(&e, "credential", (int64_t)change->of);
	event_add_number(&e, "was", (int64_t)change->was);
	event_add(&e, "notice", notice_word(kind));
	rc = note_record(c->v, &e);
	if (rc != KM_OK || kind == KM_ORDER_NONE)
		return rc;
	return tell_old(c, op, change, kind, KM_TEXT_NOTICE_CHANGED);
}

/* One that waits was never good: its owner, whoever that is, is told nothing. */
km_rc desk_phone_leaves(struct call *c, const struct km_operator *op,
			const struct km_credential *credential, struct phone_change *out)
{
	km_rc rc;

	if (km_factor_class(credential->factor) != KM_CLASS_PHONE || credential->waiting)
		return KM_OK;
	out->factor = credential->factor;
	rc = store_phone_number(c->v->store, op, credential, out->old);
	return rc == KM_ECORRUPT ? KM_OK : rc;
}

/* Taken away and enrolled anew is a change, too: whoever has the old number hears of it. */
km_rc desk_phone_gone(struct call *c, const struct km_operator *op,
		      const struct phone_change *change)
{
	const enum km_order kind = notice_of(c, change);

	if (!change->factor)
		return KM_OK;
	/* No next login tells of it either, so the trail has what was not told. */
	return kind == KM_ORDER_NONE ? not_told(c, op, kind, KM_EUNAVAIL)
				     : tell_old(c, op, change, kind, KM_TEXT_NOTICE_GONE);
}
