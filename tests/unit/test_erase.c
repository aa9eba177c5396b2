/* Erasure: after it nothing of a person opens, and nothing of them lies in any file. */
#include "store_box.h"

#define CANARY_SEED   "canary-seed-value-0X"
#define CANARY_FINGER "canary-ridges"

static struct km_operator enrolled(struct box *b, const char *login, const char *number)
{
	struct km_event_record e = event_of(KM_EVENT_ENROLLED, NULL);
	struct km_secret codes = { .len = KM_RECOVERY_CODES * KM_RECOVERY_LENGTH };
	struct km_operator op = add(b, login, number);
	struct km_failure f = { .count = 1, .throttle = { { 1, 1, 0 } } };
	uint64_t id;

	f.credential[0] = enrol(b, &op, CANARY_SEED);
	enrol(b, &op, "another");
	for (size_t i = 0; i < codes.len; i++)
		codes.bytes[i] = (uint8_t)('A' + i / KM_RECOVERY_LENGTH);
	assert_int_equal(store_enrol_recovery(b->s, &op, &codes, false, &e, &id), KM_OK);
	enrol_finger(b, &op, "right-index", CANARY_FINGER);
	assert_int_equal(store_fail(b->s, &f), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	return op;
}

static km_rc step(struct box *b, int n, const struct km_operator *op)
{
	struct km_event_record e =
	    event_of(n == 1 ? KM_EVENT_ERASE_BEGUN : KM_EVENT_ERASED, op->subject);
	km_rc rc = KM_OK;

	if (n == 1)
		rc = store_erase_begin(b->s, op->subject, &by_hand, &e);
	else if (n == 2)
		rc = store_erase_rows(b->s, op->subject);
	else
		rc = store_erase_finish(b->s, op->subject, &e);
	return rc ? rc : store_flush(b->s);
}

/* Who is in between, the first of them. */
static km_rc next_erasing(struct box *b, uint8_t subject[KM_SUBJECT_BYTES])
{
	struct km_erasing e;
	size_t count = 9;

	assert_int_equal(store_erasing(b->s, 0, 1, &e, &count), KM_OK);
	if (count == 0)
		return KM_ENOTFOUND;
	assert_int_equal(count, 1);
	assert_false(e.damaged);
	memcpy(subject, e.subject, sizeof(e.subject));
	return KM_OK;
}

static void erase(struct box *b, const struct km_operator *op)
{
	for (int n = 1; n <= 3; n++)
		assert_int_equal(step(b, n, op), KM_OK);
	assert_int_equal(store_truncate_logs(b->s), KM_OK);
}

static void test_from_the_first_step_on_nothing_opens(void **state)
{
	const struct km_template any = template_of("any", 10);
	struct box *b = *state;
	struct km_operator op = enrolled(b, "alice", "1"), now;
	struct km_credential all[KM_MAX_CREDENTIALS];
	struct km_template finger = { 0 };
	struct km_secret seed = { 0 };
	struct km_person who;
	uint64_t id = 99;
	size_t count;

	assert_int_equal(step(b, 1, &op), KM_OK);
	assert_int_equal(store_operator_by_login(b->s, "alice", &now), KM_OK);
	assert_int_equal(now.state, KM_ERASING);
	assert_int_equal(now.kek_generation, 0);
	for (size_t i = 0; i < sizeof(now.wrapped); i++)
		assert_int_equal(now.wrapped[i], 0);
	assert_int_equal(store_person(b->s, &now, &who), KM_ENOTFOUND);
	assert_int_equal(store_credentials(b->s, now.subject, all, &count), KM_OK);
	assert_int_equal(count, 4);
	assert_int_equal(store_seed(b->s, &now, &all[0], &seed), KM_ECORRUPT);
	assert_int_equal(store_template(b->s, &now, &all[3], &finger), KM_ECORRUPT);
	assert_int_equal(finger.len, 0);
	assert_int_equal(try_finger(b, &now, "left-index", &any, &id), KM_ENOTFOUND);
	assert_int_equal(try_enrol(b, &now, "seed", &id), KM_ENOTFOUND);
	assert_int_equal(accept_at(b, &now, all[0].id, 9), KM_ESTATE);
}

static void test_after_the_last_step_nothing_is_left_but_a_tombstone(void **state)
{
	static const char *const tables[] = { "operator", "subject_key", "credential", "template",
					      "recovery" };
	struct box *b = *state;
	struct km_operator op = enrolled(b, "alice", "1"), none;
	char text[64];

	erase(b, &op);
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		(void)snprintf(text, sizeof(text), "SELECT count(*) FROM %s", tables[i]);
		assert_int_equal(sql_number(b, DB_VAULT, text), 0);
	}
	assert_int_equal(sql_number(b, DB_IDENTITY, "SELECT count(*) FROM person"), 0);
	assert_int_equal(sql_number(b, DB_IDENTITY, "SELECT count(*) FROM tombstone"), 1);
	assert_int_equal(store_operator_by_login(b->s, "alice", &none), KM_ENOTFOUND);
	assert_int_equal(next_erasing(b, none.subject), KM_ENOTFOUND);
	/* The login may be given again, the employee number never. */
	assert_int_equal(try_add(b, "alice", "1", &none), KM_EREUSED);
	assert_int_equal(try_add(b, "alice", "2", &none), KM_OK);
	assert_true(none.cursor > op.cursor);
}

/* A kill between the last commit and the truncation: the next start truncates. */
static void test_a_log_that_a_crash_left_is_emptied_by_the_next_start(void **state)
{
	static const char *const names[] = { "vault.db",        "vault.db-wal", "identity.db",
					     "identity.db-wal", "kek.1",        "master.key" };
	static char bytes[1 << 22];
	struct box *b = *state, after;
	struct km_operator op = enrolled(b, "alice", "1");
	struct km_counts counts;

	for (int n = 1; n <= 3; n++)
		assert_int_equal(step(b, n, &op), KM_OK);
	box_make_folder(&after);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t len = get_file(box_path(b, names[i]), bytes, sizeof(bytes));

		put_file(box_path(&after, names[i]), bytes, len, 0600);
	}
	assert_true(in_any_file(&after, op.wrapped, sizeof(op.wrapped)));
	assert_int_equal(box_try(&after), KM_OK);
	assert_int_equal(store_truncate_logs(after.s), KM_OK);
	assert_false(in_any_file(&after, op.wrapped, sizeof(op.wrapped)));
	/* It may be called in any idle moment, as often as one likes; not inside a batch. */
	assert_int_equal(store_truncate_logs(after.s), KM_OK);
	assert_int_equal(record(&after, "n=1"), KM_OK);
	assert_int_equal(store_truncate_logs(after.s), KM_ESTATE);
	assert_int_equal(store_flush(after.s), KM_OK);
	assert_int_equal(store_truncate_logs(after.s), KM_OK);
	assert_int_equal(store_counts(after.s, &counts), KM_OK);
	assert_int_equal(counts.operators, 0);
	box_close(&after);
}

static void test_nobody_else_is_touched(void **state)
{
	struct box *b = *state;
	struct km_operator alice = enrolled(b, "alice", "1"), bob = enrolled(b, "bob", "2"), now;
	struct km_credential all[KM_MAX_CREDENTIALS];
	struct km_secret seed = { 0 };
	struct km_person who;
	size_t count;

	erase(b, &alice);
	assert_int_equal(store_operator_by_login(b->s, "bob", &now), KM_OK);
	assert_memory_equal(&now, &bob, sizeof(now));
	assert_int_equal(store_person(b->s, &now, &who), KM_OK);
	assert_string_equal(who.login, "bob");
	assert_int_equal(store_credentials(b->s, now.subject, all, &count), KM_OK);
	assert_int_equal(count, 4);
	assert_int_equal(all[0].throttle.fails, 1);
	assert_int_equal(store_seed(b->s, &now, &all[0], &seed), KM_OK);
	assert_memory_equal(seed.bytes, CANARY_SEED, 20);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM recovery"), 10);
}

static void test_no_file_holds_anything_of_the_erased(void **state)
{
	static const char *const canaries[] = { "alice",    "4711",       "Hanako",
						"Kenmon",   "Insurance",  "canary-seed",
						"AAAAAAAA", CANARY_FINGER };
	struct box *b = *state;
	struct km_operator op = enrolled(b, "alice", "4711");
	struct km_credential all[KM_MAX_CREDENTIALS];
	uint8_t sealed[200];
	size_t count, sealed_len = 0;
	sqlite3_stmt *st = NULL;

	assert_int_equal(store_credentials(b->s, op.subject, all, &count), KM_OK);
	assert_int_equal(sqlite3_prepare_v2(b->s->db[DB_IDENTITY].handle,
					    "SELECT sealed FROM person", -1, &st, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	sealed_len = (size_t)sqlite3_column_bytes(st, 0);
	memcpy(sealed, sqlite3_column_blob(st, 0), sealed_len);
	sqlite3_finalize(st);
	/* Not in the clear before, and sealed bytes are there to be found. */
	for (size_t i = 0; i < sizeof(canaries) / sizeof(*canaries); i++)
		assert_false(in_any_file(b, canaries[i], strlen(canaries[i])));
	assert_true(in_any_file(b, op.wrapped, sizeof(op.wrapped)));
	assert_true(in_any_file(b, all[0].sealed, all[0].sealed_len));
	assert_true(in_any_file(b, sealed, sealed_len));
	erase(b, &op);
	for (size_t i = 0; i < sizeof(canaries) / sizeof(*canaries); i++)
		assert_false(in_any_file(b, canaries[i], strlen(canaries[i])));
	assert_false(in_any_file(b, op.wrapped, sizeof(op.wrapped)));
	assert_false(in_any_file(b, op.wrapped, 16));
	assert_false(in_any_file(b, op.login_tag, sizeof(op.login_tag)));
	assert_false(in_any_file(b, all[0].sealed, all[0].sealed_len));
	assert_false(in_any_file(b, sealed, sealed_len));
}

/* Among many others, whose rows are moved between pages as rows come and go. */
static void test_wrapped_keys_of_the_erased_are_gone_among_many(void **state)
{
	enum { MANY = 120 };
	struct box *b = *state;
	static struct km_operator ops[MANY];
	char name[16];

	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "user%d", i);
		ops[i] = add(b, name, name);
	}
	assert_int_equal(store_flush(b->s), KM_OK);
	for (int i = 0; i < MANY; i += 3)
		for (int n = 1; n <= 3; n++)
			assert_int_equal(step(b, n, &ops[i]), KM_OK);
	assert_int_equal(store_truncate_logs(b->s), KM_OK);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(in_any_file(b, ops[i].wrapped, sizeof(ops[i].wrapped)),
				 i % 3 != 0);
}

static void test_steps_come_in_order_and_only_once(void **state)
{
	struct box *b = *state;
	struct km_operator op = enrolled(b, "alice", "1"), nobody = { .subject = "nobody" };

	assert_int_equal(step(b, 2, &op), KM_ESTATE);
	assert_int_equal(step(b, 3, &op), KM_ESTATE);
	for (int n = 1; n <= 3; n++)
		assert_int_equal(step(b, n, &nobody), KM_ENOTFOUND);
	assert_int_equal(step(b, 1, &op), KM_OK);
	assert_int_equal(step(b, 1, &op), KM_ESTATE);
	assert_int_equal(step(b, 2, &op), KM_OK);
	assert_int_equal(step(b, 2, &op), KM_OK);
	assert_int_equal(step(b, 3, &op), KM_OK);
	assert_int_equal(step(b, 3, &op), KM_ENOTFOUND);
}

static void test_an_erasure_goes_on_after_a_crash_at_any_step(void **state)
{
	struct box *b = *state;

	for (int crash = 1; crash <= 3; crash++) {
		uint8_t subject[KM_SUBJECT_BYTES];
		char number[16];
		struct km_operator op, none;

		(void)snprintf(number, sizeof(number), "%d", crash);
		op = enrolled(b, "alice", number);
		for (int n = 1; n <= crash; n++)
			assert_int_equal(step(b, n, &op), KM_OK);
		box_again(b);
		if (crash == 3) {
			assert_int_equal(next_erasing(b, subject), KM_ENOTFOUND);
		} else {
			assert_int_equal(next_erasing(b, subject), KM_OK);
			assert_memory_equal(subject, op.subject, sizeof(subject));
			assert_int_equal(step(b, 2, &op), KM_OK);
			assert_int_equal(step(b, 3, &op), KM_OK);
		}
		assert_int_equal(store_operator_by_login(b->s, "alice", &none), KM_ENOTFOUND);
		assert_int_equal(try_add(b, "bob", number, &none), KM_EREUSED);
	}
}

static int refuse(void *yes)
{
	return *(bool *)yes;
}

static void test_an_erasure_goes_on_when_only_identity_db_was_written(void **state)
{
	struct box *b = *state;
	struct km_operator op = enrolled(b, "alice", "1"), none;
	uint8_t subject[KM_SUBJECT_BYTES];
	bool refusing = true;

	assert_int_equal(step(b, 1, &op), KM_OK);
	assert_int_equal(step(b, 2, &op), KM_OK);
	sqlite3_commit_hook(b->s->db[DB_VAULT].handle, refuse, &refusing);
	assert_int_equal(step(b, 3, &op), KM_EIO);
	refusing = false;
	box_again(b);
	assert_int_equal(sql_number(b, DB_IDENTITY, "SELECT count(*) FROM tombstone"), 1);
	assert_int_equal(next_erasing(b, subject), KM_OK);
	assert_int_equal(step(b, 3, &op), KM_OK);
	assert_int_equal(next_erasing(b, subject), KM_ENOTFOUND);
	assert_int_equal(try_add(b, "bob", "1", &none), KM_EREUSED);
}

static void test_several_erasures_are_found_one_after_the_other(void **state)
{
	struct box *b = *state;
	struct km_operator ops[3] = { enrolled(b, "a", "1"), enrolled(b, "b", "2"),
				      enrolled(b, "c", "3") };
	struct km_counts counts;
	uint8_t subject[KM_SUBJECT_BYTES];

	for (int i = 0; i < 3; i++)
		assert_int_equal(step(b, 1, &ops[i]), KM_OK);
	assert_int_equal(store_counts(b->s, &counts), KM_OK);
	assert_int_equal(counts.erasing, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(next_erasing(b, subject), KM_OK);
		assert_memory_equal(subject, ops[i].subject, sizeof(subject));
		assert_int_equal(step(b, 2, &ops[i]), KM_OK);
		assert_int_equal(step(b, 3, &ops[i]), KM_OK);
	}
	assert_int_equal(next_erasing(b, subject), KM_ENOTFOUND);
}

static void test_the_trail_of_an_erasure_stays_and_verifies(void **state)
{
	struct box *b = *state;
	struct km_operator op = enrolled(b, "alice", "1");
	static struct km_audit_row rows[10];
	struct km_verify v = { 0 };
	size_t count;

	erase(b, &op);
	assert_int_equal(store_audit(b->s, 0, op.subject, 10, rows, &count), KM_OK);
	assert_in_range(count, 2, 10);
	assert_int_equal(rows[count - 2].event, KM_EVENT_ERASE_BEGUN);
	assert_int_equal(rows[count - 1].event, KM_EVENT_ERASED);
	while (!v.finished)
		assert_int_equal(store_audit_verify(b->s, &v, 10), KM_OK);
	assert_int_equal(v.bad, 0);
}

#define ERASE_TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ERASE_TEST(test_from_the_first_step_on_nothing_opens),
		ERASE_TEST(test_after_the_last_step_nothing_is_left_but_a_tombstone),
		ERASE_TEST(test_a_log_that_a_crash_left_is_emptied_by_the_next_start),
		ERASE_TEST(test_nobody_else_is_touched),
		ERASE_TEST(test_no_file_holds_anything_of_the_erased),
		ERASE_TEST(test_wrapped_keys_of_the_erased_are_gone_among_many),
		ERASE_TEST(test_steps_come_in_order_and_only_once),
		ERASE_TEST(test_an_erasure_goes_on_after_a_crash_at_any_step),
		ERASE_TEST(test_an_erasure_goes_on_when_only_identity_db_was_written),
		ERASE_TEST(test_several_erasures_are_found_one_after_the_other),
		ERASE_TEST(test_the_trail_of_an_erasure_stays_and_verifies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
