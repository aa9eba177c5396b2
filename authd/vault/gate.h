/* The one gate: may this operator come in, and by this credential, apart from the code? Pure. */
#ifndef KENMON_VAULT_GATE_H
#define KENMON_VAULT_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include <kenmon/store.h>
#include <kenmon/verdict.h>

#define GATE_NO_ACCOUNT UINT32_MAX /* the door found no account of that name */

/*
 * KM_REASON_NONE lets pass. uid: of the account, as the door looked it up;
 * trusted: the program that asks is root's, so that an operator who is not
 * bound to an account yet may be bound to this one.
 */
enum km_reason gate_reason(const struct km_operator *op, int64_t today, uint32_t uid, bool trusted);

/* May this credential be judged at all? Not while it waits for approval, nor after its time. */
bool gate_is_good(const struct km_credential *c, int64_t wall);

#endif
