/* A staff of twenty, and a roster by which half of them would go: what two persons decide on. */
#ifndef KENMON_TESTS_TWO_ROSTER_SCENE_H
#define KENMON_TESTS_TWO_ROSTER_SCENE_H

#include "request_scene.h"
#include "roster_scene.h"

#define STAFF 20

/* Everybody of the staff is registered: root may, until the office is founded. */
static inline int staffed(void **state)
{
	int rc = scene_open(state);
	struct paper *p;

	if (rc)
		return rc;
	room.v->conf.approval_required = false;
	p = paper(1);
	p->part = true;
	p->made = 1000;
	put_staff(p, STAFF);
	applies(p);
	room.v->conf.approval_required = true;
	return 0;
}

/* A line of somebody's, on which a roster is staged to its last row. */
static inline int line_with(const char *login, struct paper *p)
{
	struct km_msg who = { .number = KM_MSG_IDENTIFY }, m = begin_message(p);
	int line = desk_comes();

	snprintf(who.identify.login, sizeof(who.identify.login), "%s", login);
	assert_int_equal(does(line, who).rc, 0);
	asks(line, &m);
	assert_int_equal(scene_hear_done(line, login, &m).rc, 0);
	hands_in_all(line, p);
	return line;
}

static inline struct paper *half_retires(uint8_t digest)
{
	struct paper *p = paper(digest);

	p->part = true;
	for (unsigned i = 1; i <= STAFF / 2; i++) {
		char number[16];

		snprintf(number, sizeof(number), "n%04u", i);
		put_person(p, (struct person){ .number = number, .status = KM_ROSTER_RETIRED });
	}
	return p;
}

/* The request's number. */
static inline uint64_t files_roster(uint8_t digest)
{
	struct paper *p = half_retires(digest);
	int line = line_with("rei", p);

	assert_int_equal(ends(line, p, true, ANY_ERASURES), KM_EFILED);
	assert_int_equal(p->sum.brake, KM_BRAKE_MANY);
	close(line);
	rounds(3);
	return p->id;
}

static inline void carry_out(void)
{
	work_off();
	for (unsigned i = 0; i < 40 && (room.v->erasing || i < 5); i++) {
		room.v->due.look_ms = room.v->erase.more_ms = 0;
		rounds(1);
	}
}

static inline int feed_is(enum km_feed_state state)
{
	struct km_feed feed;

	return store_feed_in(room.v->store, state, state, &feed) == KM_OK;
}

#endif
