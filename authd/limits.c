/* Limits before work. A caller over a limit costs us one small frame. */
#include <stddef.h>

#include "limits.h"

#define TOKEN 1000 /* so that 8 a second is a whole number a millisecond */

static void refill(struct judge_limit_uid *u, int64_t now_ms)
{
	int64_t passed = now_ms > u->seen ? now_ms - u->seen : 0;
	int64_t full = (int64_t)JUDGE_BURST * TOKEN;

	/* Longer than a refill takes is a full bucket; this also keeps the product small. */
	if (passed >= full / JUDGE_PER_SEC)
		u->tokens = full;
	else
		u->tokens += passed * JUDGE_PER_SEC;
	if (u->tokens > full)
		u->tokens = full;
	u->seen = now_ms;
}

static struct judge_limit_uid *known(struct judge_limits *l, uid_t uid)
{
	for (size_t i = 0; i < JUDGE_UIDS; i++)
		if (l->uid[i].used && l->uid[i].uid == uid)
			return &l->uid[i];
	return NULL;
}

/* A free place, or that of the uid without a session that was seen longest ago. */
static struct judge_limit_uid *place_for(struct judge_limits *l, uid_t uid, int64_t now_ms)
{
	struct judge_limit_uid *best = NULL;

	for (size_t i = 0; i < JUDGE_UIDS; i++) {
		struct judge_limit_uid *u = &l->uid[i];

		if (!u->used) {
			best = u;
			break;
		}
		if (u->sessions == 0 && (!best || u->seen < best->seen))
			best = u;
	}
	if (best)
		*best = (struct judge_limit_uid){
			.used = true,
			.uid = uid,
			.tokens = (int64_t)JUDGE_BURST * TOKEN,
			.seen = now_ms,
		};
	return best;
}

enum judge_entry judge_limits_enter(struct judge_limits *l, uid_t uid, bool privileged,
				    int64_t now_ms)
{
	struct judge_limit_uid *u;

	if (privileged) {
		if (l->total >= JUDGE_SESSIONS)
			return JUDGE_OUT;
		l->total++;
		return JUDGE_IN;
	}
	u = known(l, uid);
	if (!u)
		u = place_for(l, uid, now_ms);
	if (!u)
		return JUDGE_OUT;
	refill(u, now_ms);
	if (u->tokens < TOKEN)
		return JUDGE_OUT;
	u->tokens -= TOKEN;
	if (u->sessions >= JUDGE_PER_UID + JUDGE_TOLD_UID || l->total >= JUDGE_SESSIONS ||
	    l->unprivileged >= JUDGE_SESSIONS - JUDGE_KEPT)
		return JUDGE_OUT;
	u->sessions++;
	l->unprivileged++;
	l->total++;
	return u->sessions > JUDGE_PER_UID ? JUDGE_TOLD : JUDGE_IN;
}

void judge_limits_leave(struct judge_limits *l, uid_t uid, bool privileged)
{
	struct judge_limit_uid *u = privileged ? NULL : known(l, uid);

	if (l->total > 0)
		l->total--;
	if (u && u->sessions > 0) {
		u->sessions--;
		l->unprivileged--;
	}
}
