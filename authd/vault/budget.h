/*
 * How many codes may be sent: to one operator, to one number, and to all together, in an hour and
 * in a day. Pure arithmetic; the rows are in the table budget (store_phone.h).
 *
 * Hours and days are those of UTC, counted from 1970. Whoever asks at the end of one and at the
 * beginning of the next gets what both allow.
 */
#ifndef KENMON_VAULT_BUDGET_H
#define KENMON_VAULT_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#define BUDGET_HOUR 3600
#define BUDGET_DAY  86400

#define BUDGET_QUIET 20 /* codes of a day that raise no alarm, whatever comes of them */

/* Zeros: nothing was sent yet. */
struct km_budget {
	int64_t hour, day;
	uint32_t in_hour, in_day; /* sent in them */
	uint32_t won;             /* logins of that day by a code that was sent */
};

struct budget_limit {
	unsigned hour, day;
};

/*
 * As it stands at this time: a count begins anew with its hour or day. By a clock in doubt none
 * does, nor where it went back to the one before.
 */
struct km_budget budget_at(const struct km_budget *b, int64_t wall, bool in_doubt);

/* May one more be sent? Of a budget_at() this time, as below. */
bool budget_allows(const struct km_budget *b, const struct budget_limit *limit);
/* What it becomes by one more, and by one more login. */
struct km_budget budget_sent(const struct km_budget *b);
struct km_budget budget_won(const struct km_budget *b);

/* Is more sent than logins explain? ratio: codes for each login. */
bool budget_is_pumped(const struct km_budget *b, unsigned ratio);

#endif
