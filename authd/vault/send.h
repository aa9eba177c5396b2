/* What SEND (send.c) and its consequences (sent.c) share. */
#ifndef KENMON_VAULT_SEND_H
#define KENMON_VAULT_SEND_H

#include "challenge.h"
#include "courier.h"

/* Another try may follow, with another factor or another code. */
void phone_retry(struct vault *v, struct session *s, enum km_reason reason, uint32_t wait);
/* With anything but KM_OK the login is over: it could not be decided. */
void phone_answer(struct vault *v, struct session *s, km_rc rc);
/* Why this operator may not come in now; NONE: they may. The same work for everybody. */
KM_MUST_CHECK km_rc phone_why_not(struct vault *v, const struct trial *t, enum km_reason *out);
/* News of a login's order: order_plan.heard. */
KM_MUST_CHECK km_rc phone_heard(struct vault *v, struct order *o, const struct msg_ordered *m);

#endif
