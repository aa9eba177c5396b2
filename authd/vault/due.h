/*
 * What is due, carried out on its day; and the brake.
 *
 *   due.c        erasures that are due, the brake       due_find.c   finding them: validity, use
 *   desk_due.c   TRANSFER, DUE_LIST, DUE_RELEASE        queue_gate.c the gate's look at all of it
 */
#ifndef KENMON_VAULT_DUE_H
#define KENMON_VAULT_DUE_H

#include <stdbool.h>
#include <stdint.h>

#include <kenmon/event.h>
#include <kenmon/rc.h>
#include <kenmon/verdict.h>

#include "store_due.h"

struct vault;

#define DUE_NONE 0 /* no day of any vault: it is 1970 */

/* What the vault remembers of it between rounds. */
struct due {
	int64_t first;   /* the first day on which an erasure is due, or an earlier one; DUE_NONE */
	bool held;       /* the brake holds some of them, and that was said */
	bool looked;     /* all this is as stored */
	bool going;      /* the last slice was full: others follow at once */
	bool damaged;    /* that somebody's rows are not as we wrote them was said */
	bool stuck;      /* the last try failed, and was said */
	int64_t look_ms; /* since boot: while something is due, it is looked at again then */
	int64_t found_day; /* the day for which all operators were looked at */
	uint64_t found_at; /* how far that is: a cursor */
	bool unused;       /* in that, who was last seen on this day or before is unused */
	int64_t cutoff;
	bool near; /* and who was last seen on this one or before will be soon */
	int64_t near_cutoff;
};

/* Would so many more be more than a tenth, and more than three, within a day? */
KM_MUST_CHECK km_rc due_too_many(struct vault *v, uint64_t more, bool *many);
/* At the start, and after a failed flush: what is due, and what is held. */
void due_look(struct vault *v);
/* Finds and carries out what is due. True: there is more to do at once. */
bool due_work(struct vault *v);
/* The next operators, of whom nobody has looked today whether their time is over. */
KM_MUST_CHECK km_rc due_find(struct vault *v, bool *more);

/* Into the queue; the event may be NULL. */
KM_MUST_CHECK km_rc due_put(struct vault *v, const struct km_due_row *row,
			    const struct km_event_record *event);
/* Out of it, with DUE_DROPPED by this actor. KM_ENOTFOUND: it was not there. */
KM_MUST_CHECK km_rc due_drop(struct vault *v, const struct km_due_row *row, const char *actor);
/* The row there is; id 0: none. */
KM_MUST_CHECK km_rc due_of(struct vault *v, const uint8_t subject[KM_SUBJECT_BYTES],
			   enum km_due what, struct km_due_row *out);
/* The last day of validity has become another: the old one is due no more, a new one is found. */
KM_MUST_CHECK km_rc due_forget_expiry(struct vault *v, const uint8_t subject[KM_SUBJECT_BYTES],
				      const char *actor);
/* DUE_SET for a row. */
void due_event(struct km_event_record *r, const struct km_due_row *row, const char *actor);
/* "requester=… approver=…" where there are such. */
void due_event_by(struct km_event_record *r, const uint8_t requester[KM_SUBJECT_BYTES],
		  const uint8_t approver[KM_SUBJECT_BYTES]);

/*
 * By what a roster or the queue says, on top of the gate: NONE lets pass. Costs nothing while there
 * is neither, and the same for everybody, known or not, while there is.
 */
KM_MUST_CHECK km_rc queue_reason(struct vault *v, const struct km_operator *op,
				 enum km_reason *out);

/* desk_due.c: somebody was resumed by hand: what a rule or a roster meant to do with them is over.
 */
KM_MUST_CHECK km_rc due_resumed(struct vault *v, const struct km_operator *op);

#endif
