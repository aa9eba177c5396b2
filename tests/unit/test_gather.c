/*
 * Who comes while the vault is about to flush shares the flush, and nobody waits for who does not
 * come. The vault lets others run by sched_yield(), which is the test's own here: what it does, the
 * judge did at that moment.
 */
#include <sched.h>

#include "vault_world.h"

static struct {
	struct world *w;
	unsigned yields;
	uint32_t session; /* of the answer that comes at the first; 0: none */
	bool hangs_up;    /* the judge goes then */
} other;

int sched_yield(void)
{
	struct km_msg check = { .number = KM_MSG_CHECK, .session = other.session };
	char code[16];

	if (other.yields++ > 0)
		return 0;
	if (other.hangs_up) {
		close(other.w->judge);
		other.w->judge = -1;
	}
	if (other.session != 0) {
		world_code(0, code);
		assert_int_equal(km_secret_set(&check.check.secret, code, strlen(code)), KM_OK);
		assert_int_equal(km_send_msg(other.w->judge, &check, -1, 0), KM_OK);
	}
	return 0;
}

static void begin_world(void)
{
	memset(&other, 0, sizeof other);
	other.w = world_new();
	world_up(other.w);
	world_add_as(other.w, "one", WORLD_UID, true, false);
	world_add_as(other.w, "two", WORLD_UID, true, false);
}

/* A login up to its prompt. */
static int asked(const char *login)
{
	int client = world_open(other.w, KM_REQUEST_AUTHENTICATE, login);
	struct km_msg m;

	assert_true(world_heard(other.w, &m));
	assert_int_equal(m.number, KM_MSG_PLAN);
	other.yields = 0;
	return client;
}

static void answers_well(void)
{
	char code[16];

	world_code(0, code);
	world_check(other.w, code);
}

static unsigned verdict_of(int client)
{
	struct km_msg m = world_client_heard(client, NULL);

	return m.number == KM_MSG_RESULT ? m.result.verdict : 0;
}

static void test_who_comes_before_the_flush_shares_it(void **state)
{
	uint64_t commits;
	int one, two;

	(void)state;
	begin_world();
	two = asked("two");
	other.session = other.w->session;
	one = asked("one");
	commits = store_work(other.w->v->store).commits;
	answers_well();
	assert_int_equal(verdict_of(one), KM_VERDICT_ALLOW);
	assert_int_equal(verdict_of(two), KM_VERDICT_ALLOW);
	assert_int_equal(store_work(other.w->v->store).commits, commits + 1);
	assert_int_equal(other.yields, 2); /* and nobody came after the second */
	close(one);
	close(two);
	world_free(other.w);
}

static void test_who_is_alone_is_answered_at_once(void **state)
{
	int one;

	(void)state;
	begin_world();
	one = asked("one");
	answers_well();
	assert_int_equal(verdict_of(one), KM_VERDICT_ALLOW);
	assert_int_equal(other.yields, 1);
	close(one);
	world_free(other.w);
}

static void test_a_round_without_a_flush_waits_for_nobody(void **state)
{
	int one;

	(void)state;
	begin_world();
	other.yields = 0;
	one = world_open(other.w, KM_REQUEST_AUTHENTICATE, "one");
	assert_int_equal(other.yields, 0);
	close(one);
	world_free(other.w);
}

static void test_a_judge_that_goes_meanwhile_is_lost_and_the_rest_is_kept(void **state)
{
	uint64_t commits;
	int one;

	(void)state;
	begin_world();
	one = asked("one");
	other.hangs_up = true;
	commits = store_work(other.w->v->store).commits;
	answers_well();
	assert_true(other.w->v->stop);
	assert_int_equal(store_work(other.w->v->store).commits, commits + 1);
	close(one);
	world_free(other.w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_comes_before_the_flush_shares_it),
		cmocka_unit_test(test_who_is_alone_is_answered_at_once),
		cmocka_unit_test(test_a_round_without_a_flush_waits_for_nobody),
		cmocka_unit_test(test_a_judge_that_goes_meanwhile_is_lost_and_the_rest_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
