/*
 * Kills a room of a house at its n-th call to the kernel: exactly there, before the call is
 * made, and without a moment in which it could go on. Or lets that call fail, without its being
 * made. Only root may trace a room.
 *
 *	killer_set(&k, house_room(h, "kenmon-vault"), n);
 *	... whatever the room is asked ...
 *	struck = killer_end(&k);
 *
 * Calls are counted from killer_set on, which returns when the room waits for something to do;
 * of a program that killer_run starts, from its first prctl(2) on: that is main, and no loader.
 */
#ifndef KENMON_TESTS_HOUSE_KILLER_H
#define KENMON_TESTS_HOUSE_KILLER_H

#include <stdbool.h>
#include <sys/types.h>

struct killer {
	pid_t tracer;
	struct killer_sight *seen; /* shared with the tracer */
};

/* at 0: kills nobody, and counts. False: the room cannot be traced. */
bool killer_set(struct killer *k, pid_t room, unsigned at);
/*
 * Calls of this number (SYS_pwrite64) are counted, and the at-th fails with an error (EIO); with
 * for_good every later one too, until KILLER_MENDED_MS after the first. On x86-64 only: false
 * elsewhere.
 */
#ifdef __x86_64__
#define KILLER_CAN_FAIL true
#else
#define KILLER_CAN_FAIL false
#endif
#define KILLER_MENDED_MS 100
struct killer_fault {
	long call;
	int error;
	bool for_good;
};
bool killer_fail(struct killer *k, pid_t room, const struct killer_fault *fault, unsigned at);
/* Starts a program and waits for its end or its death. False: it cannot be started. */
bool killer_run(struct killer *k, const char *const argv[], unsigned at);
/* Leaves the room alone, if it lives, as soon as it waits again. True: it was struck. */
bool killer_end(struct killer *k);
/* After the end: calls that were counted, and the name of the one at which it was killed. */
unsigned killer_counted(const struct killer *k);
int killer_status(const struct killer *k); /* of killer_run, as from waitpid(2) */
const char *killer_call(const struct killer *k);
/* Gives the counts back. */
void killer_free(struct killer *k);

#endif
