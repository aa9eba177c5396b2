/*
 * C3, C23 while a vault starts, and while the judge tells it what it has written down: every call
 * fails. It starts with everything that was there or not at all, the next start works, and no doubt
 * is overlooked or made up.
 */
#include "calls.h"

#include <sys/stat.h>

static km_rc started;
static unsigned suspicion;

static void start(struct world *w)
{
	fault_pause(false);
	started = world_try(w);
	fault_pause(true);
	suspicion = w->v ? w->v->suspicion : 0;
}

static void check_logins(struct world *w, const char *login)
{
	struct km_msg m = { 0 };
	char code[16];
	int client = world_open(w, KM_REQUEST_AUTHENTICATE, login);

	world_code(0, code);
	if (world_answered(w, &m) && m.number == KM_MSG_PLAN) {
		world_check(w, code);
		(void)world_answered(w, &m);
	}
	m = world_client_heard(client, NULL);
	close(client);
	if (m.number != KM_MSG_RESULT || m.result.verdict != KM_VERDICT_ALLOW)
		calls_say("nobody can log in");
}

static void check_start(struct world *w, bool dry)
{
	if (dry && started != KM_OK)
		calls_say("nothing failed, and no start");
	if (suspicion != 0 || w->v->suspicion != 0)
		calls_say("a doubt was made up");
	if (calls_records(w, KM_EVENT_OPERATOR_ADDED) != CALLS_PEOPLE ||
	    calls_everybody_is_whole(w) != CALLS_PEOPLE)
		calls_say("somebody is gone");
	check_logins(w, "known");
}

/* --- the first start ---------------------------------------------------------------------- */

static const char *keks_of(const struct world *w)
{
	static char keks[sizeof w->state + 8];

	snprintf(keks, sizeof keks, "%s-kek", w->state);
	return keks;
}

static void empty(struct world *w)
{
	folder_remove(w->state);
	folder_remove(keks_of(w));
}

static void check_first_start(struct world *w, bool dry)
{
	if (dry && started != KM_OK)
		calls_say("nothing failed, and no start");
	if (w->v->suspicion != 0)
		calls_say("a doubt was made up");
	world_add(w, "first", true, false);
	world_down(w);
	if (world_try(w) != KM_OK)
		calls_say("what was registered after it does not open");
	if (calls_everybody_is_whole(w) != 1)
		calls_say("who was registered after it is gone");
	check_logins(w, "first");
	world_down(w);
	empty(w);
	assert_int_equal(mkdir(w->state, 0700), 0);
	assert_int_equal(mkdir(keks_of(w), 0700), 0);
}

/* --- on another machine ---------------------------------------------------------------------- */

static void name_machine(struct world *w, const char *id)
{
	FILE *f = fopen(w->machine, "w");

	assert_non_null(f);
	fputs(id, f);
	fclose(f);
}

static void move_machine(struct world *w)
{
	name_machine(w, "fedcba9876543210fedcba9876543210\n");
}

static void check_moved(struct world *w, bool dry)
{
	name_machine(w, "0123456789abcdef0123456789abcdef\n");
	if (dry && started != KM_OK)
		calls_say("nothing failed, and no start");
	if (started == KM_OK && !(suspicion & KM_SUSPECT_MACHINE))
		calls_say("the copy was not noticed");
	if (!(w->v->suspicion & KM_SUSPECT_MACHINE))
		calls_say("the copy is not noticed afterwards");
}

/* --- what the judge has written down --------------------------------------------------------- */

static struct km_msg anchor_of(struct world *w, uint64_t ahead)
{
	struct km_msg m = { .number = KM_MSG_ANCHOR };
	struct km_head head;

	assert_int_equal(store_head(w->v->store, &head), KM_OK);
	m.anchor.version = KM_ROOM_PROTOCOL;
	m.anchor.seq = head.seq + ahead;
	memcpy(m.anchor.chain, head.chain, sizeof head.chain);
	memcpy(m.anchor.hash, head.hash, sizeof head.hash);
	return m;
}

static void new_link(struct world *w)
{
	w->v->anchored = false;
}

static void anchor(struct world *w, uint64_t ahead)
{
	struct km_msg m = anchor_of(w, ahead);

	world_tell(w, &m, -1);
	for (unsigned n = 0; n < 3 && !w->v->anchored; n++)
		world_round(w);
	suspicion = w->v->suspicion;
	if (w->v->stop || !w->v->anchored)
		suspicion = KM_SUSPECT_ROLLBACK * (ahead > 0); /* nobody is served */
}

static void good_anchor(struct world *w)
{
	anchor(w, 0);
}

static void bad_anchor(struct world *w)
{
	anchor(w, 1);
}

static void check_good_anchor(struct world *w, bool dry)
{
	(void)dry;
	if (suspicion || w->v->suspicion)
		calls_say("a rollback was made up");
	(void)calls_records(w, KM_EVENT_ROLLBACK_FOUND);
	check_logins(w, "known");
}

static void check_bad_anchor(struct world *w, bool dry)
{
	(void)dry;
	if (!(suspicion & KM_SUSPECT_ROLLBACK))
		calls_say("a rollback was overlooked");
	(void)calls_records(w, KM_EVENT_ROLLBACK_FOUND);
}

#define MATRIX(name, ...)                                                                          \
	static void name(void **state)                                                             \
	{                                                                                          \
		static const struct calls_act act = { __VA_ARGS__ };                               \
		calls_matrix(*state, &calls_kept, &act);                                           \
	}
MATRIX(test_C23_no_failing_call_at_a_start_loses_anything, true, NULL, start, check_start)
MATRIX(test_C23_no_failing_call_at_the_first_start_spoils_the_next, true, empty, start,
       check_first_start)
MATRIX(test_C3_no_failing_call_hides_a_copied_machine, true, move_machine, start, check_moved)
MATRIX(test_C3_no_failing_call_makes_a_rollback_up, false, new_link, good_anchor, check_good_anchor)
MATRIX(test_C3_no_failing_call_hides_a_rollback, false, new_link, bad_anchor, check_bad_anchor)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_C23_no_failing_call_at_a_start_loses_anything),
		cmocka_unit_test(test_C23_no_failing_call_at_the_first_start_spoils_the_next),
		cmocka_unit_test(test_C3_no_failing_call_hides_a_copied_machine),
		cmocka_unit_test(test_C3_no_failing_call_makes_a_rollback_up),
		cmocka_unit_test(test_C3_no_failing_call_hides_a_rollback),
	};

	return cmocka_run_group_tests(tests, calls_setup, calls_teardown);
}
