/*
 * Codes sent by telephone: the open one of each operator, and how much was sent. Calls are atomic
 * and errors those of <kenmon/store.h>.
 */
#ifndef KENMON_VAULT_STORE_PHONE_H
#define KENMON_VAULT_STORE_PHONE_H

#include <kenmon/order.h>
#include <kenmon/store.h>

#include "budget.h"

#define KM_TAG_OF_SESSION 16 /* random, of one login: a code is good in no other */

/*
 * Behind its time a code is kept for as long as the login in which it was sent can go on: the most
 * of [login] deadline, in conf.def. Typed there it is late; were it gone, it would be a guess.
 */
#define KM_CHALLENGE_KEPT_MS 600000

/* What a code was sent for. At most one for each operator: a new one takes its place. */
struct km_challenge {
	uint8_t subject[KM_SUBJECT_BYTES];
	uint64_t credential; /* to whose number */
	uint64_t order;
	uint8_t kind;               /* enum km_order */
	uint8_t code[KM_TAG_BYTES]; /* store_challenge_code() of it */
	uint8_t session[KM_TAG_OF_SESSION];
	uint8_t boot[16]; /* and the time since that start of the machine, until which it is good */
	int64_t until_ms;
};

/*
 * HMAC of a code under a key derived from the operator's own: of code ‖ session ‖ terminal, each
 * of them exactly as it was. The same work whoever it is. KM_ELIMIT: the terminal is too long.
 */
#define KM_TERMINAL_MAX 1024

KM_MUST_CHECK km_rc store_challenge_code(struct km_store *, const struct km_operator *,
					 const uint8_t session[KM_TAG_OF_SESSION],
					 const char *terminal, const void *code, size_t len,
					 uint8_t out[KM_TAG_BYTES]);
/* The open one of an operator. KM_ENOTFOUND, at the same cost. */
KM_MUST_CHECK km_rc store_challenge(struct km_store *, const uint8_t subject[KM_SUBJECT_BYTES],
				    struct km_challenge *out);

/* What may be spent under this tag; zeros where nothing was. */
KM_MUST_CHECK km_rc store_budget(struct km_store *, const uint8_t tag[KM_TAG_BYTES],
				 struct km_budget *out);

#define KM_BUDGETS 3 /* of an operator, a number, and the site */

struct km_spending {
	uint8_t tag[KM_TAG_BYTES];
	struct km_budget budget; /* what it becomes */
};

struct km_sending {
	struct km_spending spent[KM_BUDGETS];
	const struct km_challenge *challenge;
	const struct km_event_record *event;
	bool swallowed; /* event is of a refusal that is counted with others: it has no record */
	const struct km_event_record *second; /* PHONE_PUMPED; or NULL */
};
/* A code that is about to be sent: counted, and its challenge in the place of an earlier one. */
KM_MUST_CHECK km_rc store_send(struct km_store *, const struct km_sending *);

/* Counts alone, with an event; NULL: what it is counted for has one. */
KM_MUST_CHECK km_rc store_spend(struct km_store *, const struct km_spending *, size_t count,
				const struct km_event_record *event);

/* No code that was sent before is good any more: at a start. */
KM_MUST_CHECK km_rc store_challenges_end(struct km_store *);
/*
 * Codes whose time has been over for KM_CHALLENGE_KEPT_MS go, and counts of days before this one.
 * KM_ENOTFOUND: there were none.
 */
KM_MUST_CHECK km_rc store_phone_prune(struct km_store *, int64_t day);

#endif
