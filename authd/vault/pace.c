/*
 * How much work for many there is between logins. A slice of it takes longer
 * than the answer to a code, so while logins are served there is one in so many
 * milliseconds: most logins meet none, and the work still comes to its end.
 */
#include "vault.h"

#define SERVED_MS 500 /* after a frame of the judge: logins are going on */

bool pace_busy(const struct vault *v)
{
	return v->pacing.served_ms && v->now.boot_ms - v->pacing.served_ms < SERVED_MS;
}

bool pace_may(struct vault *v)
{
	v->pacing.held = pace_busy(v) && v->pacing.worked_ms &&
			 v->now.boot_ms - v->pacing.worked_ms < PACE_EVERY_MS;
	return !v->pacing.held;
}

void pace_worked(struct vault *v)
{
	v->pacing.worked_ms = v->now.boot_ms;
}

void pace_undo(struct vault *v)
{
	store_give_up(v->store);
	(void)!store_flush(v->store); /* which undoes it */
	note_settle(v, false);
}
