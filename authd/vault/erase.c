/*
 * Erasure after its first step: T1 (the key's row is gone) was one commit with
 * the decision; from then on nothing of the operator opens. The rest is done
 * step by step, each durable before the next, and goes on after a crash. Nobody
 * hears that it is done before the logs, too, have forgotten the key. A template
 * that is lent is taken back first, and the rest waits until the matcher has said
 * that it is wiped, or has lost its link: seconds at most, in which others log in.
 */
#include <kenmon/log.h>

#include "vault.h"

/* KM_EAGAIN: something of it is still to come back from the matcher. */
static km_rc erase_one(struct vault *v, const uint8_t subject[KM_SUBJECT_BYTES])
{
	struct km_event_record r;
	km_rc rc;

	grants_end_of(v, subject);
	if (grants_returning(v, subject))
		return KM_EAGAIN;
	rc = store_erase_rows(v->store, subject);
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
	return KM_OK;
}

static km_rc erase_all(struct vault *v)
{
	uint8_t subject[KM_SUBJECT_BYTES];
	km_rc rc = KM_OK;

	while (rc == KM_OK) {
		rc = store_erasing(v->store, subject);
		if (rc == KM_OK)
			rc = erase_one(v, subject);
	}
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

void erase_work(struct vault *v)
{
	km_rc rc;

	if (!v->erasing)
		return;
	rc = erase_all(v);
	if (rc == KM_EAGAIN)
		return; /* goes on in the round in which that is heard */
	if (rc == KM_OK)
		rc =
		    store_flush(v->store); /* ends what was only read: no batch stands in the way */
	if (rc == KM_OK)
		rc = store_truncate_logs(v->store);
	if (rc != KM_OK) {
		if (!v->erase_stuck)
			km_log(LOG_ERR, "an erasure is not finished (%s); it goes on by itself",
			       km_rc_text(rc, KM_LANG_EN));
		v->erase_stuck = true;
		ballast_give(v);
		return;
	}
	v->erase_stuck = false;
	epoch_look(v);
	v->erasing = line_erased(v);
}
