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
#include "store_phone.h"
#include "vault.h"

struct trial;

/* Where somebody tries: how they are looked up, and what the trail says of the place. */
struct trial_place {
	const char *actor;
	enum km_event refused;
	/* Whom the name means here; KM_ENOTFOUND. The bucket of the name in any case. */
	km_rc (*operator)(struct vault *v, struct trial *t, struct km_operator *op,
			  uint16_t *bucket);
	/* May a refusal have a record of its own? */
	bool (*admit)(struct vault *v, const struct trial *t);
	void (*describe)(struct km_event_record *r, const struct trial *t);
};

#define TRIAL_MOST (KM_MAX_CREDENTIALS + 1) /* and the decoy of a telephone */

/* All that judging one answer needs to know. */
struct trial {
	const struct trial_place *place;
	struct session *s; /* of a login, or */
	struct line *l;    /* of a desk: its person proves who they are, or somebody agrees there */
	uint32_t uid;      /* of the account: for the gate */
	bool trusted;      /* the program that asks is root's: for the gate */
	/* What a right answer is: an event, a verdict, and whether somebody is logged in by it. */
	enum km_event passed;
	enum km_verdict_code passes;
	bool login;
	bool lasting; /* only credentials without an end are judged: no code given for a day */
	bool is_them; /* nobody gets in by it: neither gate nor queue is asked, only the code */
	struct km_verdict verdict; /* what whoever tried is told; zero is a refusal */
	const struct km_conf_lockout *lockout;
	enum km_class class;
	struct km_secret *answer;
	bool known;
	struct km_operator op;
	size_t count; /* credentials that answer; one decoy when there is none */
	struct km_credential credential[TRIAL_MOST];
	bool named[TRIAL_MOST]; /* stands for nobody: it is never right, and counts in a bucket */
	bool by_name;           /* all of them do */
	uint16_t bucket;
	struct km_throttle name;
	uint64_t untold; /* a number of theirs that took another's place, and they do not know; 0:
			    none */
	/* Where a code was sent in this login: */
	size_t sent;                   /* 1 + the place of its credential; 0: none was */
	struct km_throttle sent_name;  /* the bucket of such codes */
	struct km_challenge challenge; /* what it was sent for, once it was right */

	bool judged[TRIAL_MOST]; /* those that need not wait */
	uint32_t wait;           /* the least wait, when nothing could be judged */
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

/* A step of a login, as far as that has come. */
void trial_of_login(struct trial *t, struct session *s);

/* Operator and credentials of the name, and its bucket; the decoy where it is unknown. */
KM_MUST_CHECK km_rc trial_look_up(struct vault *v, struct trial *t);
/* Which may be judged now; the rest waits, unjudged and uncounted. */
void trial_weigh(const struct vault *v, struct trial *t);
/* Writes a refusal down, as far as its source has not had its share of records. */
KM_MUST_CHECK km_rc trial_refused(struct vault *v, struct trial *t, enum km_reason reason);
/* The same of a code that was used before, which is no guess. */
KM_MUST_CHECK km_rc trial_replayed(struct vault *v, struct trial *t);
/*
 * Counts a failure against all that were judged, and writes it down. *wait: until one of them may
 * be judged again.
 */
KM_MUST_CHECK km_rc trial_failed(struct vault *v, struct trial *t, enum km_reason reason,
				 uint32_t *wait);
/*
 * The winner's answer is used up, and t->verdict says what it passes. KM_EREPLAY: the code was used
 * before, nothing is done.
 */
KM_MUST_CHECK km_rc trial_passed(struct vault *v, struct trial *t);

/*
 * Judges t->answer as a code of these factors: t->verdict is what it is worth. Other than KM_OK:
 * it could not be judged, and the verdict means nothing. (check.c)
 */
KM_MUST_CHECK km_rc trial_code(struct vault *v, struct trial *t, uint32_t factors);

#endif
