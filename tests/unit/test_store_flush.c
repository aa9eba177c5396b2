/* Batches: everything since the last good flush is there, or nothing of it. */
#include "store_box.h"

static int refuse(void *yes)
{
	return *(bool *)yes;
}

/* What a fresh look from outside finds: counts that every change below moves. */
struct state_of {
	int64_t operators, persons, credentials, moving, fails, records, names, keys;
};

static struct state_of look(struct box *b)
{
	return (struct state_of){
		.operators = sql_number(b, DB_VAULT, "SELECT count(*) FROM operator"),
		.persons = sql_number(b, DB_IDENTITY, "SELECT count(*) FROM person"),
		.credentials = sql_number(b, DB_VAULT, "SELECT count(*) FROM credential"),
		.moving =
		    sql_number(b, DB_VAULT, "SELECT coalesce(sum(moving), 0) FROM credential"),
		.fails = sql_number(b, DB_VAULT, "SELECT coalesce(sum(fails), 0) FROM credential"),
		.records = sql_number(b, DB_VAULT, "SELECT count(*) FROM audit"),
		.names = sql_number(b, DB_VAULT, "SELECT count(*) FROM throttle_name"),
		.keys = sql_number(b, DB_VAULT, "SELECT count(*) FROM month_key"),
	};
}

static void change_everything(struct box *b, struct km_operator *op, uint64_t id, int n)
{
	struct km_failure f = { .count = 1,
				.credential = { id },
				.by_name = true,
				.class = KM_CLASS_DIGITS,
				.bucket = (uint16_t)n };
	char name[16];

	(void)snprintf(name, sizeof(name), "new%d", n);
	add(b, name, name);
	enrol(b, op, "another");
	f.throttle[0].fails = (uint32_t)n + 1;
	assert_int_equal(store_fail(b->s, &f), KM_OK);
	assert_int_equal(accept_at(b, op, id, 1000 + (uint64_t)n), KM_OK);
	assert_int_equal(record(b, "n=1"), KM_OK);
	assert_true(store_dirty(b->s));
}

static void test_a_failed_commit_undoes_the_whole_batch(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	uint64_t id = enrol(b, &op, "seed");
	bool refusing = true;
	struct state_of before, after;
	struct km_head head, same;
	struct km_verify v = { 0 };

	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(store_head(b->s, &head), KM_OK);
	before = look(b);
	for (int db = 0; db < DB_COUNT; db++) {
		refusing = true;
		sqlite3_commit_hook(b->s->db[db].handle, refuse, &refusing);
		b->now.wall += 40 * 86400; /* another month: its key is undone as well */
		store_set_now(b->s, &b->now);
		change_everything(b, &op, id, db);
		assert_int_equal(store_flush(b->s), KM_EIO);
		assert_false(store_dirty(b->s));
		assert_int_equal(store_head(b->s, &same), KM_OK);
		assert_memory_equal(&head, &same, sizeof(head));
		refusing = false;
		/* The next operation begins with reconciling, where that is needed. */
		assert_int_equal(store_operator_by_login(b->s, "alice", &op), KM_OK);
		after = look(b);
		assert_memory_equal(&before, &after, sizeof(before));
	}
	change_everything(b, &op, id, 2);
	assert_int_equal(store_flush(b->s), KM_OK);
	box_again(b);
	after = look(b);
	assert_int_equal(after.operators, before.operators + 1);
	assert_int_equal(after.records, before.records + 4);
	while (!v.finished)
		assert_int_equal(store_audit_verify(b->s, &v, 100), KM_OK);
	assert_int_equal(v.bad, 0);
}

static void test_a_person_left_alone_by_a_failed_flush_is_deleted_first(void **state)
{
	struct box *b = *state;
	bool refusing = true;
	struct km_operator op;

	sqlite3_commit_hook(b->s->db[DB_VAULT].handle, refuse, &refusing);
	add(b, "alice", "1");
	assert_int_equal(store_flush(b->s), KM_EIO);
	assert_int_equal(sql_number(b, DB_IDENTITY, "SELECT count(*) FROM person"), 1);
	/* While the disk refuses, so does everything. */
	assert_int_equal(try_add(b, "alice", "1", &op), KM_EIO);
	assert_int_equal(store_operator_by_login(b->s, "alice", &op), KM_EIO);
	refusing = false;
	/* The number is free again: nobody was ever registered under it. */
	add(b, "alice", "1");
	assert_int_equal(store_flush(b->s), KM_OK);
	box_again(b);
	assert_int_equal(sql_number(b, DB_IDENTITY, "SELECT count(*) FROM person"), 1);
}

static void test_a_crash_between_the_two_commits_is_mended_at_the_next_start(void **state)
{
	struct box *b = *state;
	bool refusing = true;
	struct km_operator op;

	add(b, "alice", "1");
	assert_int_equal(store_flush(b->s), KM_OK);
	sqlite3_commit_hook(b->s->db[DB_VAULT].handle, refuse, &refusing);
	for (int i = 0; i < 600; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "lost%d", i);
		add(b, name, name);
	}
	assert_int_equal(store_flush(b->s), KM_EIO);
	assert_int_equal(sql_number(b, DB_IDENTITY, "SELECT count(*) FROM person"), 601);
	box_again(b);
	assert_int_equal(sql_number(b, DB_IDENTITY, "SELECT count(*) FROM person"), 1);
	assert_int_equal(store_operator_by_login(b->s, "alice", &op), KM_OK);
	add(b, "lost1", "lost1");
	assert_int_equal(store_flush(b->s), KM_OK);
}

static void test_an_older_identity_db_is_taken_and_cleaned_and_said(void **state)
{
	struct box *b = *state;
	static char old[1 << 20];
	struct km_operator op;
	struct km_person who;
	size_t len;

	add(b, "alice", "1");
	assert_int_equal(store_flush(b->s), KM_OK);
	box_shut(b);
	len = get_file(box_path(b, "identity.db"), old, sizeof(old));
	assert_int_equal(box_try(b), KM_OK);
	add(b, "bob", "2");
	assert_int_equal(store_flush(b->s), KM_OK);
	box_shut(b);
	assert_string_equal(b->why, "");
	put_file(box_path(b, "identity.db"), old, len, 0600);
	assert_int_equal(box_try(b), KM_OK);
	assert_non_null(strstr(b->why, "identity.db is older than vault.db: restore both"));
	assert_int_equal(store_operator_by_login(b->s, "alice", &op), KM_OK);
	assert_int_equal(store_person(b->s, &op, &who), KM_OK);
	assert_int_equal(store_operator_by_login(b->s, "bob", &op), KM_OK);
	assert_int_equal(store_person(b->s, &op, &who), KM_ENOTFOUND);
}

static void test_one_failing_operation_leaves_the_rest_of_its_batch(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1"), none;
	uint64_t id = enrol(b, &op, "seed");

	assert_int_equal(try_add(b, "alice", "9", &none), KM_EEXIST);
	assert_int_equal(try_add(b, "bob", "1", &none), KM_EREUSED);
	assert_int_equal(accept_at(b, &op, id, 0), KM_EREPLAY);
	assert_int_equal(store_flush(b->s), KM_OK);
	box_again(b);
	assert_int_equal(store_operator_by_login(b->s, "alice", &op), KM_OK);
	assert_int_equal(credential_of(b, &op, id).moving, 0);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM audit"), 2);
}

/* C23 */
static void test_a_full_disk_refuses_and_recovers_by_itself(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	uint64_t id = enrol(b, &op, "seed");
	char text[80];
	int64_t pages;
	int n = 0;
	km_rc rc = KM_OK;
	struct km_verify v = { 0 };

	assert_int_equal(store_flush(b->s), KM_OK);
	pages = sql_number(b, DB_VAULT, "PRAGMA page_count");
	(void)snprintf(text, sizeof(text), "PRAGMA max_page_count = %d", (int)pages);
	sql(b, DB_VAULT, text);
	while (!rc && n < 200) {
		rc = record(b, "filling=the-disk-with-records");
		n++;
	}
	assert_int_equal(rc, KM_EIO);
	assert_int_equal(accept_at(b, &op, id, 1), KM_EIO);
	(void)!store_flush(b->s);
	assert_false(store_dirty(b->s));
	sql(b, DB_VAULT, "PRAGMA max_page_count = 1000000");
	assert_int_equal(accept_at(b, &op, id, 1), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	while (!v.finished)
		assert_int_equal(store_audit_verify(b->s, &v, 7), KM_OK);
	assert_int_equal(v.bad, 0);
	box_again(b);
	assert_int_equal(credential_of(b, &op, id).moving, 1);
}

static void test_after_the_engine_gave_up_nothing_works_until_the_flush(void **state)
{
	struct box *b = *state;
	struct km_operator op;

	add(b, "alice", "1");
	/* As the engine does by itself after some errors. */
	sql(b, DB_VAULT, "ROLLBACK");
	b->s->lost = true;
	assert_int_equal(store_operator_by_login(b->s, "alice", &op), KM_EIO);
	assert_int_equal(record(b, "n=1"), KM_EIO);
	assert_true(store_dirty(b->s));
	assert_int_equal(store_flush(b->s), KM_EIO);
	assert_int_equal(store_operator_by_login(b->s, "alice", &op), KM_ENOTFOUND);
	add(b, "alice", "1");
	assert_int_equal(store_flush(b->s), KM_OK);
}

static void test_reading_alone_costs_no_commit(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	struct km_person who;
	uint64_t commits;

	assert_int_equal(store_flush(b->s), KM_OK);
	commits = store_work(b->s).commits;
	assert_int_equal(store_operator_by_login(b->s, "alice", &op), KM_OK);
	assert_int_equal(store_person(b->s, &op, &who), KM_OK);
	assert_false(store_dirty(b->s));
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(store_work(b->s).commits, commits);
	assert_int_equal(record(b, "n=1"), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(store_work(b->s).commits, commits + 1);
}

static void test_the_log_is_recycled_and_stays_small(void **state)
{
	struct box *b = *state;
	struct stat st;

	for (int i = 0; i < 1500; i++) {
		assert_int_equal(record(b, "filling=the-log"), KM_OK);
		assert_int_equal(store_flush(b->s), KM_OK);
	}
	assert_int_equal(stat(box_path(b, "vault.db-wal"), &st), 0);
	assert_in_range(st.st_size, 1, 5 << 20);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(record(b, "filling=the-log"), KM_OK);
		assert_int_equal(store_flush(b->s), KM_OK);
		store_idle(b->s);
	}
	assert_in_range(b->s->db[DB_VAULT].wal_pages, 0, 300);
	assert_int_equal(record(b, "n=1"), KM_OK);
	assert_int_equal(store_truncate_logs(b->s), KM_ESTATE);
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(store_truncate_logs(b->s), KM_OK);
	assert_int_equal(stat(box_path(b, "vault.db-wal"), &st), 0);
	assert_int_equal(st.st_size, 0);
}

/* --- small values --------------------------------------------------------------------- */

static void test_small_values_are_kept(void **state)
{
	struct box *b = *state;
	struct km_event_record e = event_of(KM_EVENT_CLOCK_ACCEPTED, NULL);
	char value[16] = "untouched";
	static char big[2000];
	size_t len = sizeof(value);

	assert_int_equal(store_meta_get(b->s, "machine", value, &len), KM_ENOTFOUND);
	assert_int_equal(store_meta_set(b->s, "machine", "first", 5, NULL), KM_OK);
	assert_int_equal(store_meta_set(b->s, "machine", "second", 6, &e), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	box_again(b);
	assert_int_equal(store_meta_get(b->s, "machine", value, &len), KM_OK);
	assert_int_equal(len, 6);
	assert_memory_equal(value, "second", 6);
	len = 5;
	assert_int_equal(store_meta_get(b->s, "machine", value, &len), KM_ELIMIT);
	assert_int_equal(len, 5);
	assert_int_equal(store_meta_set(b->s, "machine", big, sizeof(big), &e), KM_ELIMIT);
}

static void test_the_stores_own_values_cannot_be_set(void **state)
{
	static const char *const own[] = { "schema", "chain", "audit_head", "pair", "indexed" };
	struct box *b = *state;
	struct km_event_record e = event_of(KM_EVENT_CLOCK_ACCEPTED, NULL);

	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		assert_int_equal(store_meta_set(b->s, own[i], "x", 1, &e), KM_EINVAL);
	assert_false(store_dirty(b->s));
}

static void test_a_repeated_operation_gets_its_first_result(void **state)
{
	struct box *b = *state;
	const uint8_t op[16] = "an operation id", other[16] = "another one....";
	uint64_t id = 0;
	km_rc rc = KM_OK;

	assert_int_equal(store_op_seen(b->s, op, &rc, &id), KM_ENOTFOUND);
	assert_int_equal(store_op_note(b->s, op, KM_EREUSED, 7), KM_OK);
	assert_int_equal(store_op_note(b->s, other, KM_OK, UINT64_MAX), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	/* A second time is no first result; and what was done under it is not done either. */
	assert_int_equal(record(b, "the effect"), KM_OK);
	assert_int_equal(store_op_note(b->s, op, KM_OK, 8), KM_EEXIST);
	assert_int_not_equal(store_flush(b->s), KM_OK);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM audit"), 0);
	box_again(b);
	assert_int_equal(store_op_seen(b->s, op, &rc, &id), KM_OK);
	assert_int_equal(rc, KM_EREUSED);
	assert_int_equal(id, 7);
	assert_int_equal(store_op_seen(b->s, other, &rc, &id), KM_OK);
	assert_int_equal(rc, KM_OK);
	assert_true(id == UINT64_MAX);
}

static void test_operations_are_forgotten_after_a_day_in_small_slices(void **state)
{
	struct box *b = *state;
	uint8_t op[16] = { 0 };
	uint64_t id;
	km_rc rc;

	for (int i = 0; i < 100; i++) {
		op[0] = (uint8_t)i;
		assert_int_equal(store_op_note(b->s, op, KM_OK, 0), KM_OK);
	}
	b->now.wall += 86400;
	store_set_now(b->s, &b->now);
	op[1] = 1;
	assert_int_equal(store_op_note(b->s, op, KM_OK, 0), KM_OK);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM op_seen"), 101);
	b->now.wall++;
	store_set_now(b->s, &b->now);
	op[1] = 2;
	assert_int_equal(store_op_note(b->s, op, KM_OK, 0), KM_OK);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM op_seen"), 38);
	op[1] = 3;
	assert_int_equal(store_op_note(b->s, op, KM_OK, 0), KM_OK);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM op_seen"), 3);
	assert_int_equal(store_op_seen(b->s, op, &rc, &id), KM_OK);
}

#define FLUSH_TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FLUSH_TEST(test_a_failed_commit_undoes_the_whole_batch),
		FLUSH_TEST(test_a_person_left_alone_by_a_failed_flush_is_deleted_first),
		FLUSH_TEST(test_a_crash_between_the_two_commits_is_mended_at_the_next_start),
		FLUSH_TEST(test_an_older_identity_db_is_taken_and_cleaned_and_said),
		FLUSH_TEST(test_one_failing_operation_leaves_the_rest_of_its_batch),
		FLUSH_TEST(test_a_full_disk_refuses_and_recovers_by_itself),
		FLUSH_TEST(test_after_the_engine_gave_up_nothing_works_until_the_flush),
		FLUSH_TEST(test_reading_alone_costs_no_commit),
		FLUSH_TEST(test_the_log_is_recycled_and_stays_small),
		FLUSH_TEST(test_small_values_are_kept),
		FLUSH_TEST(test_the_stores_own_values_cannot_be_set),
		FLUSH_TEST(test_a_repeated_operation_gets_its_first_result),
		FLUSH_TEST(test_operations_are_forgotten_after_a_day_in_small_slices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
