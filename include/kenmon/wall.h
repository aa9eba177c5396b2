/*
 * The walls that a room puts up around itself: capabilities dropped, Landlock
 * for paths, a seccomp filter for calls. What it may still do stands in one
 * table of the room's own; everything else fails with EPERM or EACCES.
 */
#ifndef KENMON_WALL_H
#define KENMON_WALL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kenmon/rc.h>

/* --- calls ---------------------------------------------------------------- */

/*
 * When a call is allowed. Arguments that the kernel takes as 32 bits are
 * compared as 32 bits; of a flag in a wider one, the lower half is looked at.
 */
enum km_call_test {
	/* 0 is no test: a row that was forgotten allows nothing, and is an error. */
	KM_CALL_ALWAYS = 1,
	KM_CALL_ARG_IS,    /* argument == value */
	KM_CALL_ARG_LACKS, /* (argument & value) == 0 */
	KM_CALL_ARG_NULL,  /* a pointer, all 64 bits */
	KM_CALL_ARG_SELF,  /* our own process id */
	KM_CALL_ARG_BOTH,  /* argument == value, and the one behind it == next */
	KM_CALL_ABSENT,    /* never; but as on an older kernel (ENOSYS), so that another is taken */
};

/* Several rows of one call: any of them allows it. */
struct km_call {
	uint32_t number; /* __NR_… of <asm/unistd.h> */
	uint8_t test;    /* enum km_call_test */
	uint8_t arg;     /* which argument, 0 to 5 */
	uint32_t value, next;
};

/* Where a filter can be made; elsewhere calls have other names, and the rows are not used. */
#if (defined(__x86_64__) && !defined(__ILP32__)) || (defined(__aarch64__) && defined(__AARCH64EL__))
#define KM_WALL_FILTERS 1
#define KM_CALL(name)                                                                              \
	{                                                                                          \
		__NR_##name, KM_CALL_ALWAYS, 0, 0, 0                                               \
	}
#define KM_CALL_IF(name, test, arg, value)                                                         \
	{                                                                                          \
		__NR_##name, KM_CALL_ARG_##test, (arg), (value), 0                                 \
	}
#define KM_CALL_IF_BOTH(name, arg, value, next)                                                    \
	{                                                                                          \
		__NR_##name, KM_CALL_ARG_BOTH, (arg), (value), (next)                              \
	}
#define KM_CALL_NOT_THERE(name)                                                                    \
	{                                                                                          \
		__NR_##name, KM_CALL_ABSENT, 0, 0, 0                                               \
	}

#else
#define KM_WALL_FILTERS 0
#define KM_CALL(name)                                                                              \
	{                                                                                          \
		0, KM_CALL_ALWAYS, 0, 0, 0                                                         \
	}
#define KM_CALL_IF(name, test, arg, value)                                                         \
	{                                                                                          \
		0, KM_CALL_ARG_##test, (arg), 0, 0                                                 \
	}
#define KM_CALL_IF_BOTH(name, arg, value, next)                                                    \
	{                                                                                          \
		0, KM_CALL_ARG_BOTH, (arg), 0, 0                                                   \
	}
#define KM_CALL_NOT_THERE(name)                                                                    \
	{                                                                                          \
		0, KM_CALL_ABSENT, 0, 0, 0                                                         \
	}
#endif

struct km_calls {
	const struct km_call *row;
	size_t count;
};

/*
 * What any room does: bytes on what is open, memory, time, looking at files, words to those who
 * are connected, waiting, and its end. Opens nothing, makes nothing, reaches nobody new.
 */
extern const struct km_calls km_wall_basics;

/* --- paths ---------------------------------------------------------------- */

enum km_may {
	KM_MAY_READ = 1,     /* open files in it for reading */
	KM_MAY_LIST = 2,     /* open folders, and list them */
	KM_MAY_WRITE = 4,    /* open files for writing, cut them short */
	KM_MAY_MAKE = 8,     /* make files, and rename them to here */
	KM_MAY_REMOVE = 16,  /* remove files, and rename them from here */
	KM_MAY_CONTROL = 32, /* ioctl(2) on devices */
	KM_MAY_LISTEN = 64,  /* make sockets at names */
};

/* A file, or a folder with everything below it. NULL, or not there: nothing is allowed by it. */
struct km_wall_path {
	const char *path;
	unsigned may; /* enum km_may bits */
};

/* --- putting them up -------------------------------------------------------- */

#define KM_WALL_CALLS 6 /* tables of calls that one room has at most */

struct km_wall {
	struct km_calls calls[KM_WALL_CALLS]; /* rows of all of them together */
	const struct km_wall_path *path;
	size_t paths;
	/* Sockets of others by names that are no paths; Landlock's 6 and later, else they can. */
	bool may_reach_abstract;
	/* TCP; Landlock's 4 and later. UDP and the rest are the filter's. */
	bool may_reach_network;
};

/* What could not be had here. Each is worth a warning; km_wall_gap_text says what it means. */
enum km_wall_gap {
	KM_WALL_OPEN_BUILD = 1,    /* built for sanitizers or for measuring: no walls at all */
	KM_WALL_NO_SECCOMP = 2,    /* kernel or starter */
	KM_WALL_OTHER_MACHINE = 4, /* no filter for this architecture */
	KM_WALL_NO_LANDLOCK = 8,
};
#define KM_WALL_GAPS 4

/*
 * For good, and for children. Needs no_new_privs (km_room_begin). gaps: what is
 * missing. KM_EIO: a mechanism is there and refuses; what was put up stays up,
 * and the room must end. KM_EINVAL: the table is not valid.
 */
KM_MUST_CHECK km_rc km_wall_up(const struct km_wall *wall, unsigned *gaps);

/* Capabilities alone, for a process that stays outside the walls; km_wall_up does it too. */
KM_MUST_CHECK km_rc km_powers_drop(void);

/* A sentence for the log; NULL for a bit that means nothing. */
const char *km_wall_gap_text(unsigned gap);

/*
 * Where a file is read again later, though an editor may have put another in its
 * place: its folder. But the file alone, if keep_out is in that folder as well.
 */
void km_wall_place(const char *file, const char *keep_out, char out[PATH_MAX]);

#endif
