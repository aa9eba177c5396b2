/*
 * The world of one door in fuzz_door: a libpam of its own (door_pam.c), calls of libc that fail
 * when the input says (door_wrap.c), a peer and a person (fuzz_door.c).
 */
#ifndef KENMON_FUZZ_DOOR_WORLD_H
#define KENMON_FUZZ_DOOR_WORLD_H

#include <security/pam_modules.h>

#include "../../pam_module/door.h"
#include "fuzz.h"

/* --- door_pam.c: what of libpam the door uses ------------------------------------- */

#define ITEMS 16
#define DATA  4

struct pam_handle {
	char *item[ITEMS];
	struct pam_conv conv;
	bool has_conv;
	struct {
		char name[32];
		void *data;
		void (*forget)(pam_handle_t *, void *, int);
	} data[DATA];
};

void pam_begin(pam_handle_t *pamh);
void pam_finish(pam_handle_t *pamh); /* as pam_end: cleans up what the module left */
void pam_put(pam_handle_t *pamh, int item, const char *text);

/* --- door_wrap.c: calls that fail --------------------------------------------------- */

enum call {
	CALL_NONE,
	CALL_MALLOC,
	CALL_MMAP,
	CALL_MADVISE,
	CALL_MLOCK,
	CALL_SOCKET,
	CALL_SETSOCKOPT,
	CALL_CONNECT,
	CALL_POLL,
	CALL_SENDMSG,
	CALL_RECVMSG,
	CALL_GETRANDOM,
	CALL_GETPWNAM,
	CALL_CLOCK,
	CALL_PAM_GET,
	CALL_PAM_SET,
	CALL_PAM_DATA,
	CALL_PAM_USER,
	CALLS
};

struct world {
	bool in_door; /* calls are the door's: they are counted and may fail */
	enum call call;
	unsigned nth, calls;
	bool for_good;
	int error;

	int64_t clock_ms;
	unsigned euid;
	int peer; /* the other end of the door's socket; -1: none */
	int maps; /* mapped and not given back */
};
extern struct world world;

bool fails(enum call call);

/* A block whose bytes must be zero when it is freed. */
void watch_block(const void *block, size_t len);
unsigned watched_blocks(void);

/* --- fuzz_door.c ---------------------------------------------------------------------- */

void peer_acts(void); /* the door waits */
void line_logged(const char *text);
char *person_types(void); /* NULL: nothing */

#endif
