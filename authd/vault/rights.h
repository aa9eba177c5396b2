/*
 * May this caller run this operation? Pure: no clock, no store, no state. What an operation needs
 * stands in its row (line.c); the caller is what the kernel, the store and a proved code say.
 */
#ifndef KENMON_VAULT_RIGHTS_H
#define KENMON_VAULT_RIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include <kenmon/factor.h>

/* What an operation does and needs, beside the roles that may run it. */
enum {
	READS = 0,
	CHANGES = 1 << 0, /* once for an operation id; not while machine or database are in doubt */
	ANYWAY = 1 << 1,  /* takes access away, or accepts: never refused for such a doubt */
	TWO = 1 << 2,     /* on another person: filed where two persons are needed */
	SELF = 1 << 3,    /* any operator, about themselves (or where it is about nobody) */
	ROOT = 1 << 4,    /* root, without a factor, in every mode */
	ROSTER = 1 << 5,  /* the user of the drop folder */
	INSIDE = 1 << 6,  /* nobody: it runs within an approved request alone */
	TAKES = 1 << 7,   /* the row for that form of it which takes access away (takes_away) */
	ANYBODY = 1 << 8, /* whoever has a line; what it does decides for itself */
};

/* Who may, by their role. */
enum {
	REGISTRAR = 1 << KM_ROLE_REGISTRAR,
	APPROVER = 1 << KM_ROLE_APPROVER,
	AUDITOR = 1 << KM_ROLE_AUDITOR,
	OFFICER = 1 << KM_ROLE_OFFICER,
	STAFF = REGISTRAR | APPROVER | AUDITOR | OFFICER,
};

struct rights_caller {
	bool root;        /* the peer is root, or the starter of --spawn */
	bool roster;      /* the peer is the user of the drop folder */
	bool claimed;     /* somebody was named with IDENTIFY: nothing about them is believed yet */
	bool known;       /* there is an operator of that name, or of the peer's uid */
	bool barred;      /* and that one may not come in: suspended, outside their dates, … */
	bool proved;      /* and gave a good code of their own, on this line, not long ago */
	bool in_group;    /* and is in the Unix group of their role, where the site asks for one */
	uint8_t role;     /* enum km_role */
	bool two_persons; /* the site's mode */
};

/* By what right, or what is missing. Zero is no. */
enum rights {
	RIGHTS_NONE = 0,
	RIGHTS_PROVE,   /* not before their own code was good */
	RIGHTS_FACTOR,  /* by their role, or about themselves, proved */
	RIGHTS_ACCOUNT, /* at their own account: about themselves, or nothing personal */
	RIGHTS_ROOT,    /* as root or starter, without a factor */
	RIGHTS_ROSTER,  /* as the user of the drop folder */
};

/* flags, roles: of the operation. own: it is about the operator at the desk, or about nobody. */
enum rights rights_decide(const struct rights_caller *c, unsigned flags, unsigned roles, bool own);

/* May it run now? */
static inline bool rights_given(enum rights r)
{
	return r > RIGHTS_PROVE;
}

#endif
