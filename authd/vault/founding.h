/*
 * Founding: from root alone to two persons, and the way back. The kept meta
 * `founded` says where a site is; docs/ADMINISTRATION.md says what that means.
 */
#ifndef KENMON_VAULT_FOUNDING_H
#define KENMON_VAULT_FOUNDING_H

#include "vault.h"

/* Is there a registrar and an approver, each active and with a good code? Once there is: founded.
 */
KM_MUST_CHECK km_rc founding_look(struct vault *v, const char *actor);
/*
 * *last: two persons are needed, and this is the last with a role that is needed. Whatever a date,
 * a roster or disuse says: they are refused by it, but nothing of them is destroyed, or nobody
 * could register another.
 */
KM_MUST_CHECK km_rc founding_last(struct vault *v, const struct km_operator *op, bool *last);

/* A registrar or an approver: who works here only together with another. */
bool founding_administrator(const struct km_operator *op);

#endif
