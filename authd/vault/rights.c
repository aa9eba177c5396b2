/* Who may do what at the desk. */
#include "rights.h"

/* By their role they may, once they have proved who they are. */
static bool has_role(const struct rights_caller *c, unsigned roles)
{
	return c->known && !c->barred && c->in_group && c->role <= KM_ROLE_OFFICER &&
	       (roles & (1u << c->role)) != 0;
}

/* Root has named somebody: from here on it acts as that person, or without their name. */
static enum rights of_claimed(const struct rights_caller *c, unsigned flags, unsigned roles,
			      bool own)
{
	if (!c->proved)
		return RIGHTS_PROVE; /* whoever it is: a name must not be told by a refusal */
	if (has_role(c, roles) || (c->known && own && (flags & SELF)))
		return RIGHTS_FACTOR;
	return flags & ROOT ? RIGHTS_ROOT : RIGHTS_NONE;
}

/* The kernel says whose account it is. */
static enum rights of_account(const struct rights_caller *c, unsigned flags, unsigned roles,
			      bool own)
{
	bool may = has_role(c, roles);

	if (may && c->proved)
		return RIGHTS_FACTOR;
	if (own && (flags & SELF))
		return RIGHTS_ACCOUNT;
	/* What root may read without a factor has nothing personal in it. */
	if (may && (flags & ROOT) && !(flags & CHANGES))
		return RIGHTS_ACCOUNT;
	return may ? RIGHTS_PROVE : RIGHTS_NONE;
}

enum rights rights_decide(const struct rights_caller *c, unsigned flags, unsigned roles, bool own)
{
	if (flags & INSIDE)
		return RIGHTS_NONE;
	if (c->root && c->claimed && (flags & (ROOT | CHANGES)) == ROOT)
		return RIGHTS_ROOT;
	if (c->root && !c->claimed && ((flags & (ROOT | ANYBODY)) || !c->two_persons))
		return RIGHTS_ROOT;
	if (c->roster && (flags & ROSTER))
		return RIGHTS_ROSTER;
	if (flags & ANYBODY)
		return c->root ? RIGHTS_ROOT : c->known ? RIGHTS_ACCOUNT : RIGHTS_NONE;
	if (c->claimed)
		return of_claimed(c, flags, roles, own);
	return c->known ? of_account(c, flags, roles, own) : RIGHTS_NONE;
}
