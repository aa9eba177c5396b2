/*
 * C23. Each read, write and flush that the vault makes while somebody logs in, is enrolled, is
 * locked out or is erased fails in its turn, with an I/O error and with a full disk; once, and for
 * good until it is mended. Whatever became of the request is answered, nothing acknowledged is
 * lost, nothing is half done, and the next login works: by itself, in the same vault.
 *
 * The scenes are in house_scenes.c. The calls are counted by dry runs, and a scene in which
 * fewer failed is a failure. A scene that waits until the disk is good again takes a second a
 * point: of it every STRIDE-th is tried, and all with KENMON_EVERY=1 (tests/long).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "house_killer.h"
#include "house_scenes.h"

#define VAULT    "kenmon-vault"
#define DRY_RUNS 3 /* the least counts: which pages are written differs a little */
#define STRIDE   17
#define MISSES   4 /* runs that did not get so far, one after the other: no run does */

static const struct kind {
	const char *name;
	struct killer_fault once;
	bool cold; /* after a start: later nearly everything is read from memory */
} kinds[] = {
	{ "failing_reads", { SYS_pread64, EIO, false }, true },
	{ "failing_writes", { SYS_pwrite64, EIO, false } },
	{ "writes_to_a_full_disk", { SYS_pwrite64, ENOSPC, false } },
	{ "failing_flushes", { SYS_fdatasync, EIO, false } },
	{ "flushes_to_a_full_disk", { SYS_fdatasync, ENOSPC, false } },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct row {
	struct part part; /* first: stage_open takes it */
	const struct kind *kind;
};

static const struct kind *kind; /* of the test that runs */

/* The scene, with the n-th call failing (0: none, and the calls are counted). Did it? */
static bool play(struct stage *s, const struct killer_fault *fault, unsigned n, unsigned *counted)
{
	struct killer k;
	pid_t vault;
	bool failed;

	snprintf(s->where, sizeof(s->where), "before %s", s->scene->name);
	s->scene->before(s);
	if (kind->cold) {
		office_close();
		must(s, house_stop(&s->h) && house_again(&s->h));
	}
	vault = house_room(&s->h, s->room);
	must(s, killer_fail(&k, vault, fault, n));
	s->scene->act(s);
	failed = killer_end(&k);
	if (counted)
		*counted = killer_counted(&k);
	snprintf(s->where, sizeof(s->where), "%s, %s %u%s", s->scene->name, kind->name, n,
		 fault->for_good ? " and all behind it" : "");
	killer_free(&k);
	office_close();
	s->scene->holds(s);
	scene_is_whole(s);
	must(s, house_room(&s->h, s->room) == vault);
	return failed;
}

static unsigned count_calls(struct stage *s, const struct killer_fault *fault)
{
	unsigned least = UINT32_MAX, counted;

	for (unsigned i = 0; i < DRY_RUNS; i++) {
		must(s, !play(s, fault, 0, &counted));
		least = counted < least ? counted : least;
	}
	return least;
}

static void test_failing(void **state)
{
	struct stage *s = *state;
	struct killer_fault fault = kind->once;
	unsigned stride = s->scene->waits && !getenv("KENMON_EVERY") ? STRIDE : 1;
	unsigned counted = count_calls(s, &fault), tried = 0, misses = 0;

	must(s, counted > 0);
	for (unsigned n = 1; misses < MISSES && (stride == 1 || n <= counted);) {
		bool failed = play(s, &fault, n, NULL);

		tried += failed;
		n += failed ? stride : 0;
		misses = failed ? 0 : misses + 1;
	}
	fault.for_good = true;
	for (unsigned n = 1; n <= counted; n += stride)
		play(s, &fault, n, NULL);
	printf("# %s, %s: %u calls counted, %u failed, and then all from each on\n", s->scene->name,
	       kind->name, counted, tried);
	fflush(stdout);
	assert_true(tried >= (counted - 1) / stride + 1);
}

static int open_row(void **state)
{
	kind = ((struct row *)*state)->kind;
	return stage_open(state);
}

static void test_skipped(void **state)
{
	(void)state;
	skip(); /* nobody but root may trace a room; and on x86-64 only */
}

int main(void)
{
	static struct row rows[SCENES * KINDS];
	struct CMUnitTest tests[SCENES * KINDS];
	bool can = geteuid() == 0 && KILLER_CAN_FAIL;

	for (size_t i = 0; i < SCENES * KINDS; i++) {
		struct row *r = &rows[i];

		r->kind = &kinds[i / SCENES];
		r->part.room = VAULT;
		r->part.scene = &scenes[i % SCENES];
		snprintf(r->part.name, sizeof(r->part.name), "test_%s_in_%s_lose_nothing",
			 r->kind->name, r->part.scene->name);
		tests[i] =
		    (struct CMUnitTest){ r->part.name, can ? test_failing : test_skipped,
					 can ? open_row : NULL, can ? stage_close : NULL, r };
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
