/*
 * Scenes of a house that something goes wrong in: what is prepared, what is done, and what must
 * hold whatever became of it. Whatever was answered before is still so afterwards; nothing is
 * half done; no counter goes back. A new scene is a line of `scenes`.
 */
#ifndef KENMON_TESTS_HOUSE_SCENES_H
#define KENMON_TESTS_HOUSE_SCENES_H

#include <stdint.h>

#include "house_office.h"

#define SCENE_WHERE 160

struct stage {
	struct house h;
	const char *room; /* that is struck */
	const struct scene *scene;
	uint64_t counter; /* of daemon's next code */
	unsigned epoch;   /* the KEK's generation before the act */
	unsigned number;  /* of operators that were registered */
	uint8_t op[16];   /* of the act, when it is an administrator's */
	char recovery[KM_RECOVERY_CODES][KM_RECOVERY_LENGTH + 1];
	unsigned recovery_used;
	int pam;                 /* what the act was answered: a login */
	km_rc rc;                /* the same: an operation */
	char where[SCENE_WHERE]; /* for the report of a failure */
};

struct scene {
	const char *name;
	void (*before)(struct stage *s);
	void (*act)(struct stage *s);
	void (*holds)(struct stage *s);
	bool waits; /* answered only when all of it is done, and that is tried once a second */
};

#define SCENES 8
extern const struct scene scenes[SCENES];

/* house_roster.c: somebody joins, changes and leaves by a roster. */
void roster_before(struct stage *s);
void roster_act(struct stage *s);
void roster_taken_or_not(struct stage *s);

/* In every scene: daemon's next code opens, and the trail verifies. */
void scene_is_whole(struct stage *s);

/* For tests that are rows of a table: a room and a scene, and the sentence they prove. */
struct part {
	const char *room; /* program */
	const struct scene *scene;
	char name[SCENE_WHERE];
};
/* Setup and teardown: *state is a struct part, and then a stage with daemon enrolled. */
int stage_open(void **state);
int stage_close(void **state);

/* A failure names the point. With <cmocka.h>. */
#define must(s, condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fail_msg("%s: not so: %s", (s)->where, #condition);                        \
	} while (0)

#endif
