/* Waits that double, then the end. */
#include "lockout.h"

uint32_t lockout_wait(const struct km_conf_lockout *conf, const struct km_throttle *t, int64_t wall)
{
	if (t->not_before == INT64_MAX)
		return LOCKOUT_FOR_GOOD;
	if (t->not_before <= wall)
		return 0;
	/* No wait is longer than the longest: the clock was ahead when this one was counted. The
	 * failures stay, so the next one locks again. */
	if (t->not_before - wall > conf->longest_wait)
		return 0;
	return (uint32_t)(t->not_before - wall);
}

static uint32_t saturated(uint32_t n)
{
	return n == UINT32_MAX ? n : n + 1;
}

struct km_throttle lockout_after(const struct km_conf_lockout *conf, const struct km_throttle *t,
				 int64_t wall)
{
	struct km_throttle next = { .fails = saturated(t->fails),
				    .total = saturated(t->total),
				    .not_before = t->not_before };
	uint64_t wait = conf->first_wait;

	if (next.fails >= conf->disable_at) {
		next.not_before = INT64_MAX;
		return next;
	}
	if (next.fails < conf->after)
		return next;
	for (uint32_t n = next.fails - conf->after; n > 0 && wait < conf->longest_wait; n--)
		wait *= 2;
	if (wait > conf->longest_wait)
		wait = conf->longest_wait;
	next.not_before = wall + (int64_t)wait;
	return next;
}
