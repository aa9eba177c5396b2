/*
 * One try: what is read for it, what is counted and written down, and what it
 * opens. The same for codes (check.c) and fingers (check_finger.c), all within one
 * transaction.
 */
#ifndef KENMON_VAULT_TRIAL_H
#define KENMON_VAULT_TRIAL_H

#include <kenmon/factor.h>

#include "codes.h"
#include "lockout.h"
#include "vault.h"

/* All that judging one answer needs to know. */
struct trial {
	struct session *s;
	const struct km_conf_lockout *lockout;
	enum km_class class;
	struct km_secret *answer;
	bool known;
	struct km_operator op;
	size_t count; /* credentials that answer; one decoy when there is none */
	struct km_credential credential[KM_MAX_CREDENTIALS];
	bool by_name;
	uint16_t bucket;
	struct km_throttle name;

	bool judged[KM_MAX_CREDENTIALS]; /* those that need not wait */
	uint32_t wait;                   /* the least wait, when nothing could be judged */
	uint32_t locks; /* the longest wait that this failure brought; 0: it locked nothing */
	enum code_found found;
	size_t winner;
	struct code_judgement right;
	uint8_t mac[KM_TAG_BYTES];
	uint32_t score; /* of a finger: for the audit trail; 0: none */
};

/* struct trial t TRIAL = { … }; is wiped when its scope ends. */
#define TRIAL __attribute__((cleanup(trial_wipe)))
void trial_wipe(struct trial *t);

/* Operator and credentials of the session's name, and its bucket; the decoy where it is unknown. */
KM_MUST_CHECK km_rc trial_look_up(struct vault *v, struct trial *t);
/* Which may be judged now; the rest waits, unjudged and uncounted. */
void trial_weigh(const struct vault *v, struct trial *t);
/* Writes a refusal down, as far as its source has not had its share of records. */
KM_MUST_CHECK km_rc trial_refused(struct vault *v, struct trial *t, enum km_event event,
				  enum km_reason reason);
/*
 * Counts a failure against all that were judged, and writes it down. *wait: until one of them may
 * be judged again. KM_OK: the session is to be answered.
 */
KM_MUST_CHECK km_rc trial_failed(struct vault *v, struct trial *t, enum km_reason reason,
				 uint32_t *wait);
/*
 * The winner's step is passed, or with the last one the login; the session is answered then.
 * KM_EREPLAY: the code was used before, nothing is done.
 */
KM_MUST_CHECK km_rc trial_passed(struct vault *v, struct trial *t);

#endif
