/*
 * What is asked of the courier: its link, and the orders that are under way.
 *
 * An order is given within a round and written once the round is durable: it was counted before it
 * is sent. It ends with what the courier says of it, with its owner, or when its time is over. What
 * of it is secret lies in locked memory, and no longer than until it is written.
 */
#ifndef KENMON_VAULT_COURIER_H
#define KENMON_VAULT_COURIER_H

#include <kenmon/phone.h>

#include "vault.h"

#define VAULT_OUTGOING 64 /* orders of one round: 20 KiB of locked memory */

/* --- courier.c: the link --------------------------------------------------------- */

/* At the start: who may connect, where no option says so. */
void orders_expect(struct vault *v);
void orders_accept(struct vault *v);
void orders_drain(struct vault *v);
/* Is there one that takes orders? */
bool orders_ready(const struct vault *v);
/* Its link is closed, and every order of it ends, in this round or the next. Nothing without one.
 */
void orders_lost(struct vault *v, const char *why);

/* What an order of this factor, KM_FACTOR_SMS or _VOICE, would be; NONE: it takes none such. */
enum km_order orders_kind(const struct vault *v, unsigned factor);

/* Which numbers may be sent to. */
struct km_phone_rules order_rules(const struct vault *v);

/* --- orders.c --------------------------------------------------------------------- */

struct order_plan {
	enum km_order kind;
	bool decoy;              /* all as for a real one, and nothing is sent */
	struct session *session; /* whose it is, or */
	struct line *line;
	const char *number; /* E.164 */
	const char *text;   /* the message, or the digits to be read; "": neither */
	const char *digits; /* KEYPAD: shown to the session's client; "" */
	int64_t until_ms;   /* CLOCK_BOOTTIME; at most KM_ORDER_SECONDS from now */
	/*
	 * What came of it, several times, the last time with a state that ends: *o is a copy then,
	 * and the order is gone. Other than KM_OK: the courier lies, and its link is closed.
	 */
	km_rc (*heard)(struct vault *v, struct order *o, const struct msg_ordered *m);
};

/*
 * Written at the end of this round, if it is durable; else it is gone without a word. A session's
 * hears of it with CONFIRM, and of the digits with KEYPAD, before the order leaves. KM_EUNAVAIL:
 * the courier takes none of this kind. KM_ELIMIT: there are too many.
 */
KM_MUST_CHECK km_rc order_new(struct vault *v, const struct order_plan *plan, struct order **out);
/* It failed in this round: as if it had never been. */
void order_undo(struct vault *v, struct order *o);
/* Nobody waits for it any more: CANCEL. NULL is allowed. */
void order_drop(struct vault *v, struct order *o);
struct order *order_of(struct vault *v, uint64_t id); /* NULL: none */
/* What the courier said of it, whose place it is. KM_EPROTO: it cannot be. */
KM_MUST_CHECK km_rc order_news(struct vault *v, struct order *o, const struct msg_ordered *m);

/* --- decoy.c: how one of nobody's goes ----------------------------------------------- */

/* These are the first news of a real one. */
void decoy_learns(struct vault *v, const struct order *o, const struct msg_ordered *m);
/* It was written; of a decoy, *o says from now on when it is told of. */
void decoy_begins(struct vault *v, struct order *o);
/* That time has come: what is told, and *o says when it is again. */
KM_MUST_CHECK struct msg_ordered decoy_news(const struct vault *v, struct order *o);

/* --- orders.c again -------------------------------------------------------------------- */

/* Does this login wait for keys at a telephone, and for nothing else? */
bool order_waits(const struct session *s);

/* The round's end: what was asked for in it is written, or undone. */
void orders_settle(struct vault *v, bool durable);
/* Each round: those whose time is over end, and decoys are told of. */
void orders_tick(struct vault *v);
/* How long a round may wait, in milliseconds: at most so long. */
int orders_pause(const struct vault *v, int most);
/* At the end of the vault. */
void orders_free(struct vault *v);

#endif
