/* Requests that wait for a second person: what files of the desk share of them. */
#ifndef KENMON_VAULT_DESK_REQUEST_H
#define KENMON_VAULT_DESK_REQUEST_H

#include <kenmon/store_request.h>

#include "desk.h"

/*
 * The message that a request would carry out, as it was filed. KM_ECORRUPT: it does not open, or is
 * not what its digest says. It is wiped by whoever has it.
 */
KM_MUST_CHECK km_rc request_open(struct vault *v, const struct km_filed *r, struct km_msg *m,
				 char text[1401]);
/*
 * Ends a request without doing it: row and key go, and with them a credential or an invitation that
 * waited for it. actor: who ended it; note: in their words, or "".
 */
KM_MUST_CHECK km_rc request_end(struct vault *v, const struct km_filed *r, enum km_event event,
				const char *actor, const char *note);

/* The first that asks for this act. KM_ENOTFOUND. */
KM_MUST_CHECK km_rc request_for(struct vault *v, unsigned act, struct km_filed *out);

/* What ACTIVATE says of a credential: written when it is filed, held against it when it is done. */
void request_describe(const struct km_credential *waits, struct msg_activate *);

#endif
