/*
 * The code of one login: made, sent once, and judged against what was stored of it.
 */
#ifndef KENMON_VAULT_CHALLENGE_H
#define KENMON_VAULT_CHALLENGE_H

#include "trial.h"

/* So many digits, each as likely as any other, from OpenSSL's generator; a NUL behind them. */
KM_MUST_CHECK km_rc challenge_digits(unsigned count, char out[KM_ORDER_KEYS + 1]);

/*
 * As long as a code is good for, in seconds; where keys are waited for, no longer than a call
 * takes, so that whoever does not get it can go on with another factor.
 */
unsigned challenge_seconds(const struct vault *v, enum km_order kind);

/*
 * A new one for a login, whose tag is made with its first; out->code too. owner: whose key it is
 * under, and whose row it will be. Nothing is stored yet.
 */
KM_MUST_CHECK km_rc challenge_new(struct vault *v, struct session *s,
				  const struct km_operator *owner, const char *digits,
				  struct km_challenge *out);

/* Is there a code in this login that can be typed, or seems to be? */
bool challenge_is_typed(const struct session *s);
/* And is this the credential to whose number it was sent? */
bool challenge_is_of(const struct vault *v, const struct session *s, const struct km_credential *c);

/*
 * Is this the code that was sent in the trial's login? The same work whatever it is. CODE_RIGHT:
 * t->challenge is what is to be used up with it.
 */
KM_MUST_CHECK km_rc challenge_judge(struct vault *v, struct trial *t,
				    const struct km_operator *owner, const void *code, size_t len,
				    enum code_found *found);

/* What the site's count becomes by one more login with such a code. */
KM_MUST_CHECK km_rc challenge_won(struct vault *v, struct km_spending *out);
/* The site's count as it stands now, and its tag. */
KM_MUST_CHECK km_rc challenge_site(struct vault *v, const char *what, struct km_spending *out);
#define CHALLENGE_SENT   ""       /* what: codes that were sent */
#define CHALLENGE_NOT_ME "not me" /* calls that were answered with: this was not me */

#endif
