/*
 * Kill -9 of each room at every call to the kernel that it makes while somebody logs in, is
 * enrolled, is locked out, is erased. Whatever was answered before is still so afterwards;
 * nothing is half done; no counter goes back; the trail verifies; the next login works.
 *
 * The scenes are in house_scenes.c. A scene ends when several runs, one after the other, were
 * over before the call at which they should have been killed: how many calls a run makes depends
 * on what comes together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "house_killer.h"
#include "house_scenes.h"

#define MISSES 6 /* runs that did not get so far, one after the other: no run does */

/* --- the points ----------------------------------------------------------------------------- */

static void restart(struct stage *s)
{
	office_close();
	house_stop(&s->h);
	must(s, truncate(s->h.log, 0) == 0);
	must(s, house_again(&s->h));
}

/* The scene, killed at the n-th call; the calls that were counted. Was it? */
static bool play(struct stage *s, unsigned n, unsigned *counted)
{
	struct killer k;
	bool struck;

	snprintf(s->where, sizeof(s->where), "before %s", s->scene->name);
	s->scene->before(s);
	must(s, killer_set(&k, house_room(&s->h, s->room), n));
	s->scene->act(s);
	struck = killer_end(&k);
	*counted = killer_counted(&k);
	snprintf(s->where, sizeof(s->where), "%s, %s killed at %u (%s)", s->scene->name, s->room, n,
		 struck ? killer_call(&k) : "not");
	killer_free(&k);
	if (struck)
		restart(s);
	s->scene->holds(s);
	scene_is_whole(s);
	return struck;
}

static void test_killed(void **state)
{
	struct stage *s = *state;
	unsigned tried = 0, most = 0, counted;

	for (unsigned misses = 0; misses < MISSES;) {
		bool struck = play(s, tried + 1, &counted);

		must(s, counted > 0);
		tried += struck;
		misses = struck ? 0 : misses + 1;
		if (!struck && counted > most)
			most = counted;
	}
	printf("# %s, %s: killed at %u calls; runs that were not made %u\n", s->scene->name,
	       s->room, tried, most);
	fflush(stdout);
	assert_true(tried > 0 && tried >= most);
}

/* --- the matrix as tests ---------------------------------------------------------------------- */

static const struct room {
	const char *name, *program;
} rooms[] = { { "a_vault", "kenmon-vault" }, { "a_judge", "kenmon-authd" } };

#define ROOMS (sizeof(rooms) / sizeof(rooms[0]))

static void test_skipped(void **state)
{
	(void)state;
	skip(); /* nobody but root may trace a room */
}

int main(void)
{
	static struct part parts[SCENES * ROOMS];
	struct CMUnitTest tests[SCENES * ROOMS];
	bool root = geteuid() == 0;

	for (size_t i = 0; i < SCENES * ROOMS; i++) {
		struct part *p = &parts[i];

		p->room = rooms[i / SCENES].program;
		p->scene = &scenes[i % SCENES];
		snprintf(p->name, sizeof(p->name), "test_%s_killed_at_any_step_of_%s_loses_nothing",
			 rooms[i / SCENES].name, p->scene->name);
		tests[i] =
		    (struct CMUnitTest){ p->name, root ? test_killed : test_skipped,
					 root ? stage_open : NULL, root ? stage_close : NULL, p };
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
