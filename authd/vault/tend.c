/*
 * What the trail needs when nobody waits for it: seals, so that not even who
 * has today's keys can rewrite it unseen, and the end of bodies that were kept
 * long enough.
 */
#include <stdio.h>

#include <kenmon/erased.h>
#include <kenmon/hex.h>
#include <kenmon/log.h>

#include "vault.h"

/* A seal is a page of the next commit; at most this many records and this time go without one. */
#define SEAL_RECORDS 1000
#define SEAL_MS      60000

#define LEAVERS_MS 3600000 /* how often those of more than a week ago are forgotten */

/* How often months are looked at: an erasure need not wait for the hour. */
#define MONTHS_MS 60000

/*
 * The present signer, in the record of the start; and at the very first start, loudly: whoever
 * notes it elsewhere will know a trail that was made anew, whatever keys are stolen here.
 */
km_rc tend_tell_signer(struct vault *v, struct km_event_record *started)
{
	char hex[KM_HEX(KM_PUBLIC_BYTES)], text[192];
	const struct km_log_field field = { "KENMON_SIGNER", hex };
	struct km_anchor a;
	km_rc rc = store_sign_head(v->store, &a);

	if (rc != KM_OK || a.generation == 0)
		return rc;
	event_add(started, "signer", km_hex(a.public, sizeof a.public, hex));
	if (a.seq > 0)
		return KM_OK;
	snprintf(text, sizeof text,
		 "the audit trail begins, signed by %s: note this key where this machine cannot "
		 "change it",
		 hex);
	km_log_fields(LOG_NOTICE, &field, 1, text);
	return KM_OK;
}

static bool seal_is_due(const struct vault *v, uint64_t seq)
{
	return seq - v->sealed >= SEAL_RECORDS || v->now.boot_ms - v->sealed_ms >= SEAL_MS;
}

void tend_seal(struct vault *v, bool now)
{
	struct km_head head;
	km_rc rc;

	/* Two histories under one signature would be worse than none: whether this is the one, the
	 * judge's anchor says. */
	if (!v->anchored || (v->suspicion & KM_SUSPECT_ROLLBACK) ||
	    store_head(v->store, &head) != KM_OK || head.seq == v->sealed ||
	    (!now && !seal_is_due(v, head.seq)))
		return;
	rc = store_seal(v->store);
	v->sealed_ms = v->now.boot_ms;
	if (rc == KM_OK)
		v->sealed = head.seq;
	else if (!v->seal_stuck)
		km_log(LOG_ERR, "the audit trail could not be sealed (%s)%s",
		       km_rc_text(rc, KM_LANG_EN),
		       rc == KM_ECORRUPT ? "; restore vault.db from a backup" : "");
	v->seal_stuck = rc != KM_OK;
}

void tend_months(struct vault *v)
{
	struct km_event_record r;
	km_rc rc;

	/* Nothing is destroyed by a clock that may be wrong, or in a store that may not be ours. */
	if (v->conf.audit_keep == 0 || v->suspicion || !v->anchored ||
	    (v->kept_ms && v->now.boot_ms - v->kept_ms < MONTHS_MS))
		return;
	event_make(&r, KM_EVENT_MONTH_EXPIRED, NULL, "vault");
	rc = store_month_expire(v->store, v->conf.audit_keep, &r);
	if (rc == KM_OK) {
		note_event(v, &r);
		v->erasing = true; /* the logs, too, forget the key */
		return;            /* and the next month in the next idle round */
	}
	v->kept_ms = v->now.boot_ms;
	if (rc != KM_ENOTFOUND)
		km_log(LOG_ERR, "a month past its keeping period could not be destroyed (%s)",
		       km_rc_text(rc, KM_LANG_EN));
}

void tend_leavers(struct vault *v)
{
	km_rc rc;

	/* By a clock that is ahead their week would be over. */
	if (v->suspicion || (v->leavers_ms && v->now.boot_ms - v->leavers_ms < LEAVERS_MS))
		return;
	/* The first hour after a start is for those who come in. */
	rc = v->leavers_ms ? store_leavers_prune(v->store) : KM_OK;
	v->leavers_ms = v->now.boot_ms;
	if (rc != KM_OK && rc != KM_ENOTFOUND)
		km_log(LOG_ERR, "accounts of the erased could not be forgotten (%s)",
		       km_rc_text(rc, KM_LANG_EN));
}
