/*
 * When the trail's records are noted by person: once nobody comes, and a slice between logins where
 * nobody stops coming; never in the round of a login.
 */
#include "../../authd/vault/store_index.h"
#include "../../authd/vault/store_internal.h"
#include "vault_world.h"

static struct world *w;

static int setup(void **state)
{
	(void)state;
	km_log_open("test", NULL, LOG_EMERG - 1);
	w = world_new();
	world_up(w);
	world_add(w, "alice", true, false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_free(w);
	return 0;
}

static uint64_t left(void)
{
	return store_audit_unindexed(w->v->store);
}

static uint64_t commits(void)
{
	return store_work(w->v->store).commits;
}

/* The judge spoke just now, and speaks for as long as this test lasts; or it never did. */
static void logins_go_on(bool on)
{
	w->v->pacing.served_ms = on ? INT64_MAX / 2 : 0;
}

static void later_ms(int64_t ms)
{
	w->v->now.boot_ms += ms;
	store_set_now(w->v->store, &w->v->now);
}

static void nothing_is_left(void)
{
	logins_go_on(false);
	while (index_work(w->v, true))
		;
	assert_int_equal(left(), 0);
}

/* As if so many records were there, durable and about nobody. */
static void records_come(uint64_t count)
{
	w->v->store->at.head.seq += count;
	w->v->store->flushed.head.seq += count;
}

static void logs_in(uint64_t counter)
{
	int client = world_open(w, KM_REQUEST_AUTHENTICATE, "alice");
	struct km_msg m;
	char code[16];

	assert_true(world_heard(w, &m));
	assert_int_equal(m.number, KM_MSG_PLAN);
	world_code(counter, code);
	world_check(w, code);
	m = world_client_heard(client, NULL);
	assert_int_equal(m.number, KM_MSG_RESULT);
	assert_int_equal(m.result.verdict, KM_VERDICT_ALLOW);
	assert_true(world_heard(w, &m)); /* the judge, of the same */
	close(client);
}

/* --- the loop -------------------------------------------------------------------------------- */

static void test_the_record_of_a_login_is_noted_when_nobody_comes_and_not_before(void **state)
{
	uint64_t before;

	(void)state;
	nothing_is_left();
	before = commits();
	logs_in(0);
	assert_int_equal(left(), 1);
	assert_int_equal(commits(), before + 1); /* of the login itself */
	/* A round in which nothing came, but logins are going on. */
	logins_go_on(true);
	assert_false(vault_round(w->v, 0));
	assert_int_equal(left(), 1);
	logins_go_on(false);
	assert_false(vault_round(w->v, 0));
	assert_int_equal(left(), 0);
	assert_int_equal(commits(), before + 2);
}

/* A desk's, say: its next request would wait for a second flush. */
static void test_a_round_in_which_somebody_comes_notes_nothing(void **state)
{
	(void)state;
	nothing_is_left();
	logs_in(0);
	logins_go_on(false);
	for (size_t i = 0; i < 2; i++) {
		struct epoll_event ready = { .events = EPOLLIN };
		int pair[2];

		/* Something that is ready, and not the judge. */
		assert_int_equal(pipe(pair), 0);
		ready.data.fd = pair[0];
		assert_int_equal(write(pair[1], "", 1), 1);
		assert_int_equal(epoll_ctl(w->v->poll, EPOLL_CTL_ADD, pair[0], &ready), 0);
		vault_round(w->v, 0);
		assert_int_equal(left(), 1);
		close(pair[0]);
		close(pair[1]);
	}
	vault_round(w->v, 0);
	assert_int_equal(left(), 0);
}

static void test_a_vault_in_which_nothing_happens_writes_nothing(void **state)
{
	uint64_t before;

	(void)state;
	nothing_is_left();
	for (unsigned i = 0; i < 2; i++)
		vault_round(w->v, 0); /* the seal of the start */
	before = commits();
	for (unsigned i = 0; i < 3; i++)
		assert_false(vault_round(w->v, 0));
	assert_int_equal(commits(), before);
}

static void test_while_there_is_more_the_loop_does_not_wait(void **state)
{
	(void)state;
	nothing_is_left();
	records_come(2 * INDEX_SLICE + 1);
	assert_true(vault_round(w->v, 0));
	assert_false(w->v->pacing.held);
	assert_int_equal(left(), INDEX_SLICE + 1);
	assert_true(vault_round(w->v, 0));
	assert_int_equal(left(), 1);
	assert_false(vault_round(w->v, 0));
	assert_int_equal(left(), 0);
}

/* --- between logins -------------------------------------------------------------------------- */

static void test_while_logins_go_on_few_records_wait(void **state)
{
	(void)state;
	nothing_is_left();
	logins_go_on(true);
	records_come(INDEX_LATE);
	assert_false(index_work(w->v, true));
	assert_false(index_work(w->v, false));
	assert_int_equal(left(), INDEX_LATE);
}

static void test_while_logins_go_on_many_are_noted_a_slice_in_a_while(void **state)
{
	(void)state;
	nothing_is_left();
	logins_go_on(true);
	later_ms(1000000);
	records_come(INDEX_LATE + INDEX_SLICE + 1);
	assert_true(index_work(w->v, false));
	assert_int_equal(left(), INDEX_LATE + 1);
	later_ms(PACE_EVERY_MS - 1);
	assert_true(index_work(w->v, false));
	assert_true(w->v->pacing.held);
	assert_int_equal(left(), INDEX_LATE + 1);
	later_ms(1);
	assert_false(index_work(w->v, false)); /* the rest can wait */
	assert_false(w->v->pacing.held);
	assert_int_equal(left(), INDEX_LATE + 1 - INDEX_SLICE);
	later_ms(1000000);
	assert_false(index_work(w->v, false));
	assert_int_equal(left(), INDEX_LATE + 1 - INDEX_SLICE);
}

/* A roster that is worked off has a record for each row, and shares no flush with this. */
static void test_other_work_comes_first_where_few_records_wait(void **state)
{
	(void)state;
	nothing_is_left();
	records_come(INDEX_LATE);
	assert_false(index_work(w->v, false));
	assert_int_equal(left(), INDEX_LATE);
	records_come(1);
	assert_false(index_work(w->v, false));
	assert_int_equal(left(), INDEX_LATE + 1 - INDEX_SLICE);
}

static void test_a_round_with_other_work_notes_nothing(void **state)
{
	(void)state;
	nothing_is_left();
	records_come(1);
	w->v->erasing = true;
	w->v->erase.more_ms = INT64_MAX / 2; /* it waits for others that follow */
	assert_true(vault_round(w->v, 0));
	assert_int_equal(left(), 1);
	w->v->erasing = false;
	assert_false(vault_round(w->v, 0));
	assert_int_equal(left(), 0);
}

static void test_after_a_few_records_no_other_work_waits(void **state)
{
	(void)state;
	nothing_is_left();
	records_come(INDEX_SLICE - 1);
	assert_false(index_work(w->v, true));
	assert_int_equal(left(), 0);
	logins_go_on(true);
	assert_true(pace_may(w->v));
	logins_go_on(false);
	records_come(INDEX_SLICE);
	assert_false(index_work(w->v, true));
	assert_int_equal(left(), 0);
	logins_go_on(true);
	assert_false(pace_may(w->v));
}

/* --- failing --------------------------------------------------------------------------------- */

static void rename_table(const char *from, const char *to)
{
	char text[100];

	assert_true(store_end_reading(w->v->store));
	(void)snprintf(text, sizeof(text), "ALTER TABLE %s RENAME TO %s", from, to);
	assert_int_equal(sqlite3_exec(w->v->store->db[DB_VAULT].handle, text, NULL, NULL, NULL),
			 SQLITE_OK);
}

static void test_what_fails_is_tried_again_later_and_refuses_nobody(void **state)
{
	(void)state;
	nothing_is_left();
	logs_in(0);
	logins_go_on(false);
	rename_table("audit_of", "gone");
	assert_false(index_work(w->v, true));
	assert_true(w->v->index.stuck);
	assert_false(store_dirty(w->v->store));
	assert_int_equal(left(), 1);
	logs_in(1);
	assert_int_equal(left(), 2);
	logins_go_on(false);
	assert_false(index_work(w->v, true)); /* it fails again, where a second has passed */
	/* Not in each round. */
	rename_table("gone", "audit_of");
	assert_false(index_work(w->v, true));
	assert_true(w->v->index.stuck);
	assert_int_equal(left(), 2);
	later_ms(1000);
	assert_false(index_work(w->v, true));
	assert_false(w->v->index.stuck);
	assert_int_equal(left(), 0);
}

static void pages_at_most(const char *count)
{
	char text[64];

	assert_true(store_end_reading(w->v->store));
	(void)snprintf(text, sizeof(text), "PRAGMA max_page_count = %s", count);
	assert_int_equal(sqlite3_exec(w->v->store->db[DB_VAULT].handle, text, NULL, NULL, NULL),
			 SQLITE_OK);
}

/* The engine gives the batch up: whose round is the next one is not refused for it. */
static void test_a_disk_that_is_full_meanwhile_costs_nobody_their_round(void **state)
{
	struct km_event_record r;

	(void)state;
	nothing_is_left();
	event_make(&r, KM_EVENT_RELOADED, NULL, "test");
	r.subject[0] = 1;
	for (unsigned i = 0; i < 500; i++) /* more than a page of the index has room for */
		assert_int_equal(store_record(w->v->store, &r), KM_OK);
	assert_int_equal(store_flush(w->v->store), KM_OK);
	pages_at_most("1"); /* no more than there are */
	assert_false(index_work(w->v, true));
	assert_true(w->v->index.stuck);
	assert_false(store_dirty(w->v->store));
	assert_int_equal(left(), 500);
	pages_at_most("1000000");
	logs_in(0);
	later_ms(1000);
	nothing_is_left();
	assert_false(w->v->index.stuck);
}

/* It would be durable, or undone, with a flush of which they do not hear. */
static void test_what_others_have_not_flushed_is_left_to_them(void **state)
{
	struct km_event_record r;
	uint64_t before;

	(void)state;
	nothing_is_left();
	event_make(&r, KM_EVENT_RELOADED, NULL, "test");
	assert_int_equal(store_record(w->v->store, &r), KM_OK);
	before = commits();
	assert_false(index_work(w->v, true));
	assert_int_equal(left(), 1);
	assert_true(store_dirty(w->v->store));
	assert_int_equal(commits(), before);
	assert_int_equal(store_flush(w->v->store), KM_OK);
	assert_false(index_work(w->v, true));
	assert_int_equal(left(), 0);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(test_the_record_of_a_login_is_noted_when_nobody_comes_and_not_before),
		IN_WORLD(test_a_round_in_which_somebody_comes_notes_nothing),
		IN_WORLD(test_a_vault_in_which_nothing_happens_writes_nothing),
		IN_WORLD(test_while_there_is_more_the_loop_does_not_wait),
		IN_WORLD(test_while_logins_go_on_few_records_wait),
		IN_WORLD(test_while_logins_go_on_many_are_noted_a_slice_in_a_while),
		IN_WORLD(test_other_work_comes_first_where_few_records_wait),
		IN_WORLD(test_a_round_with_other_work_notes_nothing),
		IN_WORLD(test_after_a_few_records_no_other_work_waits),
		IN_WORLD(test_what_fails_is_tried_again_later_and_refuses_nobody),
		IN_WORLD(test_a_disk_that_is_full_meanwhile_costs_nobody_their_round),
		IN_WORLD(test_what_others_have_not_flushed_is_left_to_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
