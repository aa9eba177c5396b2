/*
 * What a room that was taken over might try, each once: table-driven, harmless where it is not
 * refused, and made so that without walls root is not refused. For test_confined.c.
 */
#ifndef KENMON_TESTS_HOUSE_ACTS_H
#define KENMON_TESTS_HOUSE_ACTS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <kenmon/wall.h>

enum act_room { ACT_JUDGE = 1, ACT_VAULT = 2, ACT_BOTH = 3, ACT_MATCHER = 4, ACT_ALL = 7 };

/*
 * The working folder is a scene with the folders state, kek, judge, etc and outside; state/link
 * leads to outside/file, and every folder but etc holds a file.
 */
struct act {
	const char *name;
	enum act_room room;       /* whom it is forbidden to, or who needs it */
	long (*act)(pid_t other); /* -1 and errno; other: a process of the same uid */
	long number, arg[6];      /* where act is NULL: a plain call */
};

extern const struct act acts_forbidden[];
extern const size_t acts_forbidden_count;

/* What each needs; these must succeed. */
extern const struct act acts_needed[];
extern const size_t acts_needed_count;

#define ACTS_MAX 256

/* 0, or errno. */
int act_try(const struct act *a, pid_t other);

#define ACT_NAME "kenmon-test-%d" /* of an abstract socket; the other's pid */
extern long act_landlock;         /* version of this kernel's; below 1: none */
#define ACT_SESSION "c7"
extern bool act_logind; /* a logind of the scene's has told of this session, remote, of uid 1 */
extern int act_anchor;  /* the judge's anchor file, opened before the walls; -1: none */
/* The matcher's: its listener, at which somebody waits; a link, with a word in it. */
extern int act_listener, act_link;

/* --- the scene, for cmocka; the working folder is its own ----------------------- */

struct scene {
	char dir[64], start[PATH_MAX];
	int listener, journal, named;
	pid_t other; /* of our uid, and no room */
};

int set_scene(void **state);
int clear_scene(void **state);

/* What a child found; shared with it. */
struct found {
	bool up, logind;
	unsigned gaps;
	int of[ACTS_MAX]; /* 0, or errno */
};

struct found *new_found(void);

/* The room's own table, on the scene's folders. */
KM_MUST_CHECK km_rc walls_of(enum act_room room, bool may_fork, unsigned *gaps);

/*
 * In a child: the walls of this room (0: none), another file in the place of the configuration,
 * and then all of the acts, of which f tells. Its wait status.
 */
int play(const struct scene *s, enum act_room room, const struct act *act, size_t count,
	 struct found *f);

#endif
