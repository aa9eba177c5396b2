/* State, dates, account: in this order, the gravest first. */
#include "gate.h"

bool gate_is_good(const struct km_credential *c, int64_t wall)
{
	return !c->waiting && (c->until == 0 || wall <= c->until);
}

enum km_reason gate_reason(const struct km_operator *op, int64_t today, uint32_t uid, bool trusted)
{
	if (op->state == KM_ERASING)
		return KM_REASON_ERASED;
	if (op->state != KM_ACTIVE)
		return KM_REASON_SUSPENDED;
	if (op->valid_from != KM_DAY_NONE && today < op->valid_from)
		return KM_REASON_DATES;
	if (op->valid_until != KM_DAY_NONE && today > op->valid_until)
		return KM_REASON_DATES;
	if (uid == GATE_NO_ACCOUNT)
		return KM_REASON_RECREATED;
	/* A caller that is not root could claim any name: it may not be the first. */
	if (op->uid < 0)
		return trusted ? KM_REASON_NONE : KM_REASON_PEER;
	return op->uid == (int64_t)uid ? KM_REASON_NONE : KM_REASON_RECREATED;
}
