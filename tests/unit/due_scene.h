/* What is due: transfers by hand, retirements by a roster, and letting go what is held. */
#ifndef KENMON_TESTS_DUE_SCENE_H
#define KENMON_TESTS_DUE_SCENE_H

#include "roster_scene.h"

/* Back to the real clock, for a desk. */
static inline void today(void)
{
	struct vault *v = room.v;

	assert_int_equal(km_clock_read(&v->now), KM_OK);
	v->before = v->now;
	v->pace.known = false;
	store_set_now(v->store, &v->now);
}

static inline struct msg_done transfer(const char *login, int64_t day)
{
	struct km_msg m = { .number = KM_MSG_TRANSFER };
	int line = desk_comes();
	struct msg_done done;

	snprintf(m.transfer.login, sizeof(m.transfer.login), "%s", login);
	snprintf(m.transfer.reason, sizeof(m.transfer.reason), "to another town");
	m.transfer.effective = day;
	done = does(line, m);
	close(line);
	return done;
}

static inline struct msg_done releases(uint32_t erasures)
{
	struct km_msg m = { .number = KM_MSG_DUE_RELEASE };
	int line = desk_comes();
	struct msg_done done;

	m.due_release.erasures = erasures;
	done = does(line, m);
	close(line);
	return done;
}

/* A roster in which so many of the staff retire, from n0001 on. */
static inline struct paper *retirements(uint8_t digest, unsigned count)
{
	struct paper *p = paper(digest);

	p->part = true;
	for (unsigned i = 1; i <= count; i++) {
		char number[16];

		snprintf(number, sizeof(number), "n%04u", i);
		put_person(p, (struct person){ .number = number, .status = KM_ROSTER_RETIRED });
	}
	return p;
}

static inline void falls_due_for(const char *login, enum km_cause cause, int64_t day)
{
	struct km_due_row row = { .what = KM_DUE_ERASE, .cause = (uint8_t)cause, .day = day };

	memcpy(row.subject, operator_of(login).subject, sizeof(row.subject));
	assert_int_equal(due_put(room.v, &row, NULL), KM_OK);
}

static inline void falls_due(const char *login, int64_t day)
{
	falls_due_for(login, KM_CAUSE_RETIRED, day);
}

#endif
