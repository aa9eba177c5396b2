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

#include <kenmon/rc.h>
#include <kenmon/verdict.h>

struct vault;
struct km_operator;
struct call;

/* What the vault remembers of it between rounds. */
struct due {
	bool any;  /* there are due rows: the gate looks at them */
	bool held; /* the brake holds some of them */
	uint64_t held_count;
	bool stuck;        /* the last try failed, and was said */
	int64_t look_ms;   /* since boot; nothing is due before it is looked at again then */
	int64_t found_day; /* the day for which all operators were looked at */
	uint64_t found_at; /* how far that is: a cursor */
};

/* Would so many more be more than a tenth, and more than three, within a day? */
KM_MUST_CHECK km_rc due_too_many(struct vault *v, uint64_t more, bool *many);
/* Carries out what is due. True: there is more to do at once. */
bool due_work(struct vault *v);
/* Something about it changed: it is looked at in this round. */
void due_look(struct vault *v);
/* Finds who is due, a slice of operators at a time; when nobody waits. Without a flush. */
void due_find(struct vault *v);

/*
 * By what a roster or the queue says, on top of the gate: NONE lets pass. Costs nothing while there
 * is neither, and the same for everybody, known or not, while there is.
 */
KM_MUST_CHECK km_rc queue_reason(struct vault *v, const struct km_operator *op,
				 enum km_reason *out);

/* Rows of a status. */
km_rc desk_due_rows(struct call *c);

/* An operator whom somebody has resumed by hand is not ended by what was found before. */
KM_MUST_CHECK km_rc due_resumed(struct vault *v, const struct km_operator *op);

#endif
