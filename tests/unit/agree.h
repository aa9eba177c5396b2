/* Somebody who has agreed to what a finger is taken for, in a vault of this process. */
#ifndef KENMON_TESTS_AGREE_H
#define KENMON_TESTS_AGREE_H

#include <string.h>

#include "../../authd/vault/store_consent.h"
#include "../../authd/vault/vault.h"

#define AGREED_TEXT "What is taken, and why."

static inline km_rc try_to_agree(struct vault *v, const char *login)
{
	struct km_consent c = { .paper = true, .terminal = "tty1" };
	struct km_event_record r;
	struct km_operator op;
	uint64_t id;
	bool kept;
	km_rc rc = store_operator_by_login(v->store, login, &op);

	event_make(&r, KM_EVENT_CONSENTED, rc == KM_OK ? op.subject : NULL, "test");
	if (rc == KM_OK)
		rc = store_purpose_keep(v->store, 0, AGREED_TEXT, strlen(AGREED_TEXT), &r,
					c.purpose, &kept);
	if (rc != KM_OK)
		return rc;
	memcpy(c.subject, op.subject, sizeof(c.subject));
	rc = store_consent_add(v->store, &c, &r, &id);
	return rc == KM_OK ? store_flush(v->store) : rc;
}

#endif
