/* Operators, records and what is due, for the tests of reports. After desk_scene.h. */
#ifndef KENMON_TESTS_REPORT_SCENE_H
#define KENMON_TESTS_REPORT_SCENE_H

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include <kenmon/clock.h>
#include <kenmon/event.h>
#include <kenmon/people.h>

#include "desk_scene.h"

#define A_DAY 86400

static struct {
	struct msg_operator_row operators[8]; /* the last is the end */
	struct msg_audit_row rights[8];
	struct msg_due_row dues[5];
} people;

static inline int64_t days_ago(int days)
{
	return (int64_t)time(NULL) - (int64_t)days * A_DAY;
}

static inline int64_t day_in(int days)
{
	int64_t day = 0;

	assert_int_equal(km_day_at(days_ago(-days), &day), KM_OK);
	return day;
}

static inline struct msg_operator_row *operator_at(unsigned i, const char *login)
{
	struct msg_operator_row *r = &people.operators[i];

	*r = (struct msg_operator_row){
		.cursor = i + 1,
		.state = KM_ACTIVE,
		.uid = 1000 + (int)i,
		.valid_from = KM_DAY_NONE,
		.valid_until = KM_DAY_NONE,
		.last_login = days_ago(1),
		.created = days_ago(300),
		.factors = KM_FACTOR_BIT(KM_FACTOR_TOTP),
		.oldest = days_ago(100),
	};
	snprintf(r->login, sizeof(r->login), "%s", login);
	snprintf(r->employee_number, sizeof(r->employee_number), "%u", 100 + i);
	snprintf(r->name, sizeof(r->name), "Name of %.60s", login);
	snprintf(r->department, sizeof(r->department), "Insurance");
	return r;
}

/* One with nothing to find, and one for each thing that is to be found. */
static inline void make_operators(void)
{
	memset(&people, 0, sizeof(people));
	(void)operator_at(0, "inorder");
	operator_at(1, "never")->last_login = 0;
	operator_at(2, "idle")->last_login = days_ago(91);
	operator_at(3, "expires")->valid_until = day_in(90);
	operator_at(4, "bare")->factors = 0;
	people.operators[4].oldest = 0;
	operator_at(5, "ancient")->oldest = days_ago(366);
	operator_at(6, "going")->state = KM_ERASING;
	people.operators[6].last_login = 0;
	people.operators[7].cursor = 0;
}

static inline void record_at(unsigned i, enum km_event event, const char *login, const char *body)
{
	struct msg_audit_row *r = &people.rights[i];

	*r = (struct msg_audit_row){ .seq = 10 + i, .wall = 1775001600, .event = (uint16_t)event };
	snprintf(r->login, sizeof(r->login), "%s", login);
	snprintf(r->actor, sizeof(r->actor), "uid:0");
	snprintf(r->body, sizeof(r->body), "%s", body);
}

static inline struct msg_due_row *due_at(unsigned i, const char *login, int days)
{
	struct msg_due_row *r = &people.dues[i];

	*r = (struct msg_due_row){ .cursor = i + 1,
				   .what = KM_DUE_ERASE,
				   .cause = KM_CAUSE_TRANSFERRED,
				   .day = day_in(days) };
	snprintf(r->login, sizeof(r->login), "%s", login);
	return r;
}

#endif
