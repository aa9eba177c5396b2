/*
 * Orders that are no login's: the code that confirms a number at its enrolment, a test of the
 * courier, a notice. What a login sends is challenge.c's. They count in the budgets of the number
 * and of the site like any other; a notice is sent though its number has had its share.
 */
#ifndef KENMON_VAULT_ORDERS_H
#define KENMON_VAULT_ORDERS_H

#include <kenmon/order.h>

#include "vault.h"

struct order_wish {
	/*
	 * MESSAGE: a code in a text; SPOKEN: digits, read twice; NOTICE: a text; CALL_TEST and
	 * CALL_NOTICE: what they say themselves.
	 */
	enum km_order kind;
	const char *number;             /* E.164 */
	const struct km_secret *digits; /* of a MESSAGE and SPOKEN; else NULL */
	enum km_text text;              /* of a NOTICE; else NOTHING */
	const uint8_t *subject; /* nobody waits: where it did not go is in this one's trail; NULL */
	unsigned seconds;       /* then it is of no use any more */
};

/*
 * Goes to the courier once this round is durable. How it goes comes as desk_phone_ordered() where
 * it is a line's (NULL: nobody waits for it), the last time with a state that ends. A line has one
 * at most. KM_EUNAVAIL: there is no courier, or it has no way for this kind. KM_ELIMIT: a budget is
 * used up, or too many are under way. KM_EPERM: [phone] allows nothing to this number.
 */
KM_MUST_CHECK km_rc orders_place(struct vault *v, struct line *l, const struct order_wish *wish);

/* Nobody at this line waits any more: what is not begun is cancelled, nothing of it is heard. */
void orders_drop(struct vault *v, struct line *l);

/*
 * What was placed within this round since then is undone, with what it belonged to: as if it had
 * never been. Budgets are the store's, which undoes them itself.
 */
uint64_t orders_mark(const struct vault *v);
void orders_undo_since(struct vault *v, uint64_t mark);

/* desk_phone.c: what became of the order of a line. */
void desk_phone_ordered(struct vault *v, struct line *l, unsigned state, unsigned why);

#endif
