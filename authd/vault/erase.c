/*
 * Erasure after its first step: T1 (the key's row is gone) was one commit with
 * the decision; from then on nothing of the operator opens. The rest is done
 * step by step, each durable before the next, and goes on after a crash.
 */
#include <kenmon/log.h>

#include "vault.h"

static km_rc erase_one(struct vault *v, const uint8_t subject[KM_SUBJECT_BYTES])
{
	struct km_event_record r;
	km_rc rc = store_erase_rows(v->store, subject);

	if (rc == KM_OK)
		rc = store_flush(v->store);
	event_make(&r, KM_EVENT_ERASED, subject, "vault");
	if (rc == KM_OK)
		rc = store_erase_finish(v->store, subject, &r);
	if (rc == KM_OK)
		rc = store_flush(v->store);
	if (rc != KM_OK)
		return rc;
	note_event(v, &r);
	note_settle(v, true);
	return store_truncate_logs(v->store);
}

void erase_work(struct vault *v)
{
	uint8_t subject[KM_SUBJECT_BYTES];
	km_rc rc = KM_OK;

	if (!v->erasing)
		return;
	while (rc == KM_OK) {
		rc = store_erasing(v->store, subject);
		if (rc == KM_OK)
			rc = erase_one(v, subject);
	}
	if (rc != KM_ENOTFOUND) {
		km_log(LOG_ERR, "an erasure could not be finished (%s); it goes on by itself",
		       km_rc_text(rc, KM_LANG_EN));
		return;
	}
	v->erasing = false;
	line_erased(v);
}
