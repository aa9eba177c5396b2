/* Codes in an hour and in a day. */
#include "budget.h"

/* Has this hour, or day, begun anew? */
static bool is_another(int64_t stored, int64_t now)
{
	return now > stored || now < stored - 1;
}

struct km_budget budget_at(const struct km_budget *b, int64_t wall, bool in_doubt)
{
	const int64_t hour = wall / BUDGET_HOUR, day = wall / BUDGET_DAY;
	struct km_budget next = *b;

	if (in_doubt && (b->in_hour > 0 || b->in_day > 0))
		return next;
	if (is_another(b->hour, hour)) {
		next.hour = hour;
		next.in_hour = 0;
	}
	if (is_another(b->day, day)) {
		next.day = day;
		next.in_day = 0;
		next.won = 0;
	}
	return next;
}

bool budget_allows(const struct km_budget *b, const struct budget_limit *limit)
{
	return b->in_hour < limit->hour && b->in_day < limit->day;
}

static uint32_t one_more(uint32_t n)
{
	return n == UINT32_MAX ? n : n + 1;
}

struct km_budget budget_sent(const struct km_budget *b)
{
	struct km_budget next = *b;

	next.in_hour = one_more(b->in_hour);
	next.in_day = one_more(b->in_day);
	return next;
}

struct km_budget budget_won(const struct km_budget *b)
{
	struct km_budget next = *b;

	next.won = one_more(b->won);
	return next;
}

bool budget_is_pumped(const struct km_budget *b, unsigned ratio)
{
	const uint64_t logins = b->won > 0 ? b->won : 1;

	return b->in_day > BUDGET_QUIET && b->in_day > logins * ratio;
}
