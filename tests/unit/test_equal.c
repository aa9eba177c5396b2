/*
 * Whoever is asked for, the work is the same: known, unknown, unenrolled and
 * suspended names cost as many messages, HMACs, statements and commits. A whole
 * vault is driven here, with the test as its judge and its client.
 */
#include "vault_world.h"

#define RECOVERY_WRONG "AAAAAAAAAAAAAAAA"

/* All that the vault counts. */
struct work {
	uint64_t messages, hmacs, unwraps, unseals, statements, commits, codes;
};

static struct work work_of(const struct vault *v)
{
	struct km_key_work k = km_keys_work(v->keys);
	struct km_store_work s = store_work(v->store);

	return (struct work){ v->messages,  k.hmacs,   k.unwraps,  k.unseals,
			      s.statements, s.commits, code_work() };
}

static struct work since(const struct vault *v, struct work before)
{
	struct work now = work_of(v);
	uint64_t *n = (uint64_t *)&now, *b = (uint64_t *)&before;

	for (size_t i = 0; i < sizeof now / sizeof *n; i++)
		n[i] -= b[i];
	return now;
}

/* The next word about the session. */
static void hear(struct world *w, struct km_msg *m)
{
	assert_true(world_heard(w, m));
}

/* A login from OPEN to the verdict on one answer. *m is that verdict. */
static struct work try_login(struct world *w, const char *login, const char *answer,
			     struct km_msg *m)
{
	struct work before = work_of(w->v), done;
	int client = world_open(w, KM_REQUEST_AUTHENTICATE, login);

	hear(w, m);
	assert_int_equal(m->number, KM_MSG_PLAN);
	world_check(w, answer);
	done = since(w->v, before);
	hear(w, m);
	assert_int_equal(m->number, KM_MSG_VERDICT);
	world_end(w, KM_REASON_TRIES);
	close(client);
	return done;
}

static const char *const names[] = { "known", "nobody", "unenrolled", "suspended" };

static void equal_for(struct world *w, const char *answer)
{
	struct work first = { 0 };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct km_msg m;
		struct work one = try_login(w, names[i], answer, &m);

		assert_int_equal(m.verdict.verdict, KM_VERDICT_RETRY);
		if (i == 0)
			first = one;
		if (memcmp(&one, &first, sizeof one) != 0)
			fail_msg(
			    "%s: %llu messages %llu HMACs %llu unwraps %llu unseals %llu "
			    "statements %llu commits %llu codes; %s: %llu %llu %llu %llu %llu %llu "
			    "%llu",
			    names[i], (unsigned long long)one.messages,
			    (unsigned long long)one.hmacs, (unsigned long long)one.unwraps,
			    (unsigned long long)one.unseals, (unsigned long long)one.statements,
			    (unsigned long long)one.commits, (unsigned long long)one.codes,
			    names[0], (unsigned long long)first.messages,
			    (unsigned long long)first.hmacs, (unsigned long long)first.unwraps,
			    (unsigned long long)first.unseals, (unsigned long long)first.statements,
			    (unsigned long long)first.commits, (unsigned long long)first.codes);
	}
	/* It was counted, or nothing was compared. */
	assert_true(first.hmacs > 0 && first.statements > 0 && first.commits == 1);
}

static void test_C25_a_wrong_code_costs_the_same_work_for_every_name(void **state)
{
	struct world *w = *state;
	struct km_msg m;

	(void)try_login(w, "known", "000000", &m); /* the first of a month makes its key */
	for (int n = 0; n < 3; n++)
		equal_for(w, "000000");
}

static void test_C25_a_wrong_recovery_code_costs_the_same_work_for_every_name(void **state)
{
	struct world *w = *state;

	for (int n = 0; n < 3; n++)
		equal_for(w, RECOVERY_WRONG);
}

static int set_up(void **state)
{
	struct world *w = world_new();

	km_log_open("test", NULL, LOG_ERR);
	world_up(w);
	world_add(w, "known", true, false);
	world_add(w, "unenrolled", false, false);
	world_add(w, "suspended", true, true);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	world_free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_C25_a_wrong_code_costs_the_same_work_for_every_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_C25_a_wrong_recovery_code_costs_the_same_work_for_every_name, set_up,
		    tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
