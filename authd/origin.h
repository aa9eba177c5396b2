/*
 * Local or remote: whether whoever logs in can be sitting at this machine.
 * The facts are gathered in one function and judged in another, which is pure.
 */
#ifndef KENMON_AUTHD_ORIGIN_H
#define KENMON_AUTHD_ORIGIN_H

#include <stdbool.h>
#include <sys/types.h>

#include <kenmon/wire.h>

struct judge_facts {
	const char *rhost; /* of LOGIN; never NULL */
	const char *tty;
	bool service_is_local; /* the configuration says so */
	bool privileged;       /* the peer is uid 0 or the owner */
	bool has_session;      /* logind knows the peer's session, and it is the peer's own */
	bool session_remote;
	bool session_seat;
};

/* First rule that applies; what no rule knows is remote. */
enum km_origin judge_origin(const struct judge_facts *f);

/* Asks logind's files about the peer: fills has_session and what follows it. */
void judge_origin_ask(pid_t pid, uid_t uid, struct judge_facts *f);

/* "pts/3", "/dev/pts/3" */
bool judge_tty_is_pts(const char *tty);

#endif
