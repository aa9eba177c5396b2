/*
 * Rooms behind their walls: each tries everything it may not do and is stopped, and still does
 * what it needs; in a child of this test, with the room's own table.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "house.h"
#include "house_acts.h"

static bool refused(int error)
{
	return error == EPERM || error == EACCES;
}

/* How many were tried; each that was not refused is named. */
static unsigned all_refused(const struct scene *s, enum act_room room, unsigned *escaped)
{
	struct found *f = new_found();
	unsigned tried = 0;

	assert_int_equal(play(s, room, acts_forbidden, acts_forbidden_count, f), 0);
	assert_true(f->up);
	assert_int_equal(f->gaps, built_open ? KM_WALL_OPEN_BUILD : 0);
	*escaped = 0;
	for (size_t i = 0; i < acts_forbidden_count; i++) {
		if (!(acts_forbidden[i].room & room))
			continue;
		tried++;
		if (built_open || refused(f->of[i]))
			continue;
		fprintf(stderr, "not refused: %s: %s\n", acts_forbidden[i].name,
			f->of[i] ? strerror(f->of[i]) : "done");
		++*escaped;
	}
	munmap(f, sizeof(*f));
	return tried;
}

static unsigned count_for(enum act_room room)
{
	unsigned n = 0;

	for (size_t i = 0; i < acts_forbidden_count; i++)
		n += (acts_forbidden[i].room & room) != 0;
	return n;
}

static void test_the_judge_is_stopped_at_everything_it_may_not_do(void **state)
{
	unsigned escaped = 1;

	assert_int_equal(all_refused(*state, ACT_JUDGE, &escaped), count_for(ACT_JUDGE));
	assert_int_equal(escaped, 0);
}

static void test_the_vault_is_stopped_at_everything_it_may_not_do(void **state)
{
	unsigned escaped = 1;

	assert_int_equal(all_refused(*state, ACT_VAULT, &escaped), count_for(ACT_VAULT));
	assert_int_equal(escaped, 0);
}

static void test_the_matcher_is_stopped_at_everything_it_may_not_do(void **state)
{
	unsigned escaped = 1;

	assert_int_equal(all_refused(*state, ACT_MATCHER, &escaped), count_for(ACT_MATCHER));
	assert_int_equal(escaped, 0);
}

/* That they prove something: root without walls is refused none of them, but for a few. */
#define NOT_OURS 4 /* what a machine may forbid to everybody (lockdown, sysctl) */

static void test_without_walls_root_is_stopped_at_none_of_it(void **state)
{
	struct found *f = new_found();
	unsigned forbidden = 0;

	if (geteuid() != 0)
		skip();
	assert_int_equal(play(*state, 0, acts_forbidden, acts_forbidden_count, f), 0);
	for (size_t i = 0; i < acts_forbidden_count; i++) {
		if (!refused(f->of[i]))
			continue;
		fprintf(stderr, "# proves nothing here: %s\n", acts_forbidden[i].name);
		forbidden++;
	}
	munmap(f, sizeof(*f));
	assert_true(forbidden <= NOT_OURS);
}

static void needs(const struct scene *s, enum act_room room)
{
	struct found *f = new_found();
	unsigned missed = 0;

	assert_int_equal(play(s, room, acts_needed, acts_needed_count, f), 0);
	assert_true(f->up);
	if (!f->logind)
		fprintf(stderr, "# without mount namespaces no logind is played\n");
	for (size_t i = 0; i < acts_needed_count; i++) {
		if (f->of[i] <= 0)
			continue;
		fprintf(stderr, "kept from: %s: %s\n", acts_needed[i].name, strerror(f->of[i]));
		missed++;
	}
	munmap(f, sizeof(*f));
	assert_int_equal(missed, 0);
}

static bool journal_heard(const struct scene *s, const char *text)
{
	char record[1024];
	ssize_t n;

	while ((n = recv(s->journal, record, sizeof(record), MSG_DONTWAIT)) > 0)
		if (memmem(record, (size_t)n, text, strlen(text)))
			return true;
	return false;
}

static void test_each_room_still_does_what_it_needs(void **state)
{
	needs(*state, ACT_JUDGE);
	assert_true(journal_heard(*state, "MESSAGE=heard"));
	needs(*state, ACT_VAULT);
	assert_true(journal_heard(*state, "MESSAGE=heard"));
	needs(*state, ACT_MATCHER);
	assert_true(journal_heard(*state, "MESSAGE=heard"));
}

#define SCENE_TEST(f) cmocka_unit_test_setup_teardown(f, set_scene, clear_scene)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(test_the_judge_is_stopped_at_everything_it_may_not_do),
		SCENE_TEST(test_the_vault_is_stopped_at_everything_it_may_not_do),
		SCENE_TEST(test_the_matcher_is_stopped_at_everything_it_may_not_do),
		SCENE_TEST(test_without_walls_root_is_stopped_at_none_of_it),
		SCENE_TEST(test_each_room_still_does_what_it_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
