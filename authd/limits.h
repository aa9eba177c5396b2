/* How many may be here at once, and how fast they may come: arithmetic, no clock of its own. */
#ifndef KENMON_AUTHD_LIMITS_H
#define KENMON_AUTHD_LIMITS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define JUDGE_SESSIONS 1024 /* a login storm of a large site; bounds memory and descriptors */
#define JUDGE_KEPT     128  /* of them for uid 0, so that nobody locks the administrator out */
/*
 * su and sudo have euid 0 for anybody who starts them, so those who count as uid 0 have a limit
 * by whom they log in: the windows and scripts of one person, or root on a busy machine.
 */
#define JUDGE_PER_LOGIN 64
#define JUDGE_KEPT_DESK 16 /* as many as the vault has lines: only a desk takes these */
#define JUDGE_PER_UID   4  /* two lockers and two sudo: what one person does at once */
#define JUDGE_TOLD_UID                                                                             \
	4 /* more of them that are only told why: a door believes no result before its LOGIN */
#define JUDGE_BURST   64   /* connects at once; a login makes up to four */
#define JUDGE_PER_SEC 8    /* connects a second after that */
#define JUDGE_UIDS    1024 /* uids remembered; at most JUDGE_SESSIONS have a session */

struct judge_limit_uid {
	bool used;
	uid_t uid;
	uint32_t sessions;
	int64_t tokens; /* thousandths of a connect */
	int64_t seen;   /* CLOCK_BOOTTIME, ms */
};

/* All zero is a good start. */
struct judge_limits {
	unsigned total;
	unsigned unprivileged;
	struct judge_limit_uid uid[JUDGE_UIDS];
};

enum judge_entry {
	JUDGE_OUT = 0, /* not counted in: to be closed at once */
	JUDGE_TOLD,    /* counted in, to be refused when it has said who it is */
	JUDGE_IN,
};

/* Whoever is counted in leaves with judge_limits_leave(). now_ms: CLOCK_BOOTTIME. */
enum judge_entry judge_limits_enter(struct judge_limits *l, uid_t uid, bool privileged,
				    int64_t now_ms);
void judge_limits_leave(struct judge_limits *l, uid_t uid, bool privileged);

#endif
