/* The audit chain: what it says, and that every change, removal or reordering shows. */
#include "store_box.h"

#include <openssl/sha.h>

#define RECORDS 50

/* Fifty records in several batches, two subjects, two months. */
static void fill(struct box *b)
{
	struct km_operator op = add(b, "alice", "1");

	enrol(b, &op, "seed");
	for (uint64_t i = 3; i <= RECORDS; i++) {
		struct km_event_record e =
		    event_of(KM_EVENT_LOGIN_REFUSED, i % 3 ? NULL : op.subject);

		(void)snprintf(e.body, sizeof(e.body), "service=login n=%u", (unsigned)i);
		if (i == 40)
			b->now.wall += 31 * 86400;
		b->now.boot_ms += 10;
		store_set_now(b->s, &b->now);
		assert_int_equal(store_record(b->s, &e), KM_OK);
		if (i % 7 == 0)
			assert_int_equal(store_flush(b->s), KM_OK);
	}
	assert_int_equal(store_flush(b->s), KM_OK);
}

static int setup_filled(void **state)
{
	box_setup(state);
	fill(*state);
	return 0;
}

static struct km_verify verify(struct box *b, size_t slice)
{
	struct km_verify v = { 0 };
	int rounds = 0;

	while (!v.finished && rounds++ < 1000)
		assert_int_equal(store_audit_verify(b->s, &v, slice), KM_OK);
	assert_true(v.finished);
	return v;
}

/* Changes the table inside a transaction that is rolled back after the look. */
static struct km_verify verify_after(struct box *b, const char *change)
{
	struct km_verify v;

	/* A read of the store's own leaves its transaction open: end it. */
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(record(b, "n=1"), KM_OK); /* a batch; undone below */
	sql(b, DB_VAULT, "DELETE FROM audit WHERE seq = 51");
	b->s->at = b->s->flushed;
	sql(b, DB_VAULT, change);
	v = verify(b, 13);
	store_undo(b->s);
	return v;
}

static void expect_bad(struct box *b, const char *change, uint64_t bad, const char *why)
{
	struct km_verify v = verify_after(b, change);

	if (v.bad != bad || !strstr(v.why, why))
		fail_msg("%s: %u, '%s' instead of %u, '%s'", change, (unsigned)v.bad, v.why,
			 (unsigned)bad, why);
}

static void test_an_untouched_chain_verifies_in_slices_of_any_size(void **state)
{
	static const size_t slices[] = { 1, 2, 7, 49, 50, 51, 1000, SIZE_MAX };
	struct box *b = *state;

	for (size_t i = 0; i < sizeof(slices) / sizeof(*slices); i++) {
		struct km_verify v = verify(b, slices[i]);

		assert_int_equal(v.bad, 0);
		assert_string_equal(v.why, "");
		assert_int_equal(v.next, RECORDS + 1);
	}
}

static void test_an_empty_chain_verifies(void **state)
{
	assert_int_equal(verify(*state, 10).bad, 0);
}

static void test_a_chain_that_grows_while_it_is_verified_verifies(void **state)
{
	struct box *b = *state;
	struct km_verify v = { 0 };

	for (int i = 0; i < 20; i++) {
		assert_int_equal(store_audit_verify(b->s, &v, 5), KM_OK);
		assert_int_equal(record(b, "n=1"), KM_OK);
		if (i % 2)
			assert_int_equal(store_flush(b->s), KM_OK);
	}
	while (!v.finished)
		assert_int_equal(store_audit_verify(b->s, &v, 5), KM_OK);
	assert_int_equal(v.bad, 0);
}

static void test_every_column_of_every_record_is_covered(void **state)
{
	static const char *const changes[] = {
		"chain = zeroblob(16)",
		"chain = x''",
		"wall = wall + 1",
		"boot_ms = boot_ms + 1",
		"boot_id = zeroblob(16)",
		"boot_id = zeroblob(17)",
		"event = event + 1",
		"event = event + 65536",
		"subject = randomblob(16)",
		"subject = zeroblob(15)",
		"actor = 'uid:1'",
		"actor = 'uid:0 '",
		"actor = ''",
		"actor = printf('%.100c', 'a')",
		"actor = 'uid:0' || char(0)",
		"body_hash = randomblob(32)",
		"body_hash = zeroblob(0)",
		"body = zeroblob(length(body))",
		"body = CAST(body || x'00' AS BLOB)",
		"body = zeroblob(0)",
		"body = zeroblob(4000)",
		"hash = randomblob(32)",
		"hash = zeroblob(31)",
	};
	struct box *b = *state;
	char text[128], why[32];

	for (int seq = 1; seq <= RECORDS; seq++) {
		(void)snprintf(why, sizeof(why), "record %d was changed", seq);
		for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
			(void)snprintf(text, sizeof(text), "UPDATE audit SET %s WHERE seq = %d",
				       changes[i], seq);
			expect_bad(b, text, (uint64_t)seq, why);
		}
	}
}

static void test_every_removed_record_is_missed(void **state)
{
	struct box *b = *state;
	char text[80], why[80];

	for (int seq = 1; seq < RECORDS; seq++) {
		(void)snprintf(text, sizeof(text), "DELETE FROM audit WHERE seq = %d", seq);
		(void)snprintf(why, sizeof(why), "record %d is missing", seq);
		expect_bad(b, text, (uint64_t)seq, why);
		(void)snprintf(text, sizeof(text), "UPDATE audit SET seq = 1000 WHERE seq = %d",
			       seq);
		expect_bad(b, text, (uint64_t)seq, why);
	}
	expect_bad(b, "DELETE FROM audit WHERE seq BETWEEN 10 AND 20", 10, "record 10 is missing");
	/* closing the gap does not help */
	expect_bad(
	    b, "DELETE FROM audit WHERE seq = 10; UPDATE audit SET seq = seq - 1 WHERE seq > 10",
	    10, "record 10 was changed");
}

static void test_a_cut_end_is_missed_and_counted(void **state)
{
	struct box *b = *state;
	char text[80], why[80];

	for (int keep = 0; keep < RECORDS; keep++) {
		(void)snprintf(text, sizeof(text), "DELETE FROM audit WHERE seq > %d", keep);
		(void)snprintf(why, sizeof(why),
			       "the end of the trail is cut off: %d record%s missing",
			       RECORDS - keep, RECORDS - keep == 1 ? " is" : "s are");
		expect_bad(b, text, (uint64_t)keep + 1, why);
	}
}

static void test_every_reordering_shows_at_its_first_place(void **state)
{
	struct box *b = *state;
	char text[300], why[80];

	for (int one = 1; one <= RECORDS; one++) {
		for (int two = one + 1; two <= RECORDS; two += two - one < 4 ? 1 : 11) {
			(void)snprintf(text, sizeof(text),
				       "UPDATE audit SET seq = -1 WHERE seq = %d;"
				       "UPDATE audit SET seq = %d WHERE seq = %d;"
				       "UPDATE audit SET seq = %d WHERE seq = -1",
				       one, one, two, two);
			(void)snprintf(why, sizeof(why), "record %d is out of place", one);
			expect_bad(b, text, (uint64_t)one, why);
		}
	}
}

static void test_a_record_of_another_place_in_a_records_place_shows(void **state)
{
	struct box *b = *state;

	expect_bad(b,
		   "DELETE FROM audit WHERE seq = 17; INSERT INTO audit SELECT 17, chain, wall, "
		   "boot_ms, boot_id, event, subject, actor, body_hash, body, hash FROM audit "
		   "WHERE seq = 30",
		   17, "record 17 is out of place");
}

static void test_added_records_show(void **state)
{
	struct box *b = *state;

	expect_bad(b,
		   "INSERT INTO audit SELECT 51, chain, wall, boot_ms, boot_id, event, subject, "
		   "actor, body_hash, body, hash FROM audit WHERE seq = 50",
		   51, "record 51 was added behind the sealed end");
	expect_bad(b,
		   "INSERT INTO audit SELECT 0, chain, wall, boot_ms, boot_id, event, subject, "
		   "actor, body_hash, body, hash FROM audit WHERE seq = 50",
		   1, "record 1 has a foreign one before it");
}

static void test_a_changed_seal_of_the_end_shows(void **state)
{
	struct box *b = *state;
	static const char *const changes[] = {
		"UPDATE meta SET value = zeroblob(80) WHERE key = 'audit_head'",
		"DELETE FROM meta WHERE key = 'audit_head'",
	};

	for (size_t i = 0; i < 2; i++)
		expect_bad(b, changes[i], RECORDS, "the sealed end of the trail was changed");
}

/* Somebody who can write the table, but has not the key of the head, computes the chain anew. */
static void test_a_chain_written_anew_does_not_lead_to_the_sealed_end(void **state)
{
	struct box *b = *state;
	uint8_t prev[32];
	struct km_verify v;

	assert_int_equal(store_audit_hash(b->s, 16, prev), KM_OK);
	assert_int_equal(record(b, "n=1"), KM_OK);
	sql(b, DB_VAULT,
	    "DELETE FROM audit WHERE seq = 51; "
	    "UPDATE audit SET wall = wall - 9 WHERE seq = 17");
	b->s->at = b->s->flushed;
	for (int seq = 17; seq <= RECORDS; seq++) {
		struct chain_record r = { .seq = seq };
		sqlite3_stmt *st = NULL;
		char text[200];

		(void)snprintf(text, sizeof(text),
			       "SELECT chain, wall, boot_ms, boot_id, event, subject, actor, "
			       "body_hash FROM audit WHERE seq = %d",
			       seq);
		assert_int_equal(sqlite3_prepare_v2(b->s->db[DB_VAULT].handle, text, -1, &st, NULL),
				 SQLITE_OK);
		assert_int_equal(sqlite3_step(st), SQLITE_ROW);
		memcpy(r.chain, sqlite3_column_blob(st, 0), 16);
		r.wall = sqlite3_column_int64(st, 1);
		r.boot_ms = sqlite3_column_int64(st, 2);
		memcpy(r.boot_id, sqlite3_column_blob(st, 3), 16);
		r.event = sqlite3_column_int64(st, 4);
		memcpy(r.subject, sqlite3_column_blob(st, 5), 16);
		set_text(r.actor, sizeof(r.actor), (const char *)sqlite3_column_text(st, 6));
		memcpy(r.body_hash, sqlite3_column_blob(st, 7), 32);
		sqlite3_finalize(st);
		assert_int_equal(chain_hash(b->s, prev, &r, prev), KM_OK);
		assert_int_equal(sqlite3_prepare_v2(b->s->db[DB_VAULT].handle,
						    "UPDATE audit SET hash = ?1 WHERE seq = ?2", -1,
						    &st, NULL),
				 SQLITE_OK);
		sqlite3_bind_blob(st, 1, prev, 32, SQLITE_STATIC);
		sqlite3_bind_int(st, 2, seq);
		assert_int_equal(sqlite3_step(st), SQLITE_DONE);
		sqlite3_finalize(st);
	}
	v = verify(b, 13);
	store_undo(b->s);
	assert_int_equal(v.bad, RECORDS);
	assert_non_null(strstr(v.why, "does not lead to its sealed end"));
}

static void test_a_tail_cut_while_the_vault_is_off_is_said_at_start_and_stays_found(void **state)
{
	struct box *b = *state;
	struct km_verify v;
	struct km_head head;
	sqlite3 *handle = NULL;

	box_shut(b);
	assert_int_equal(sqlite3_open(box_path(b, "vault.db"), &handle), SQLITE_OK);
	assert_int_equal(sqlite3_exec(handle, "DELETE FROM audit WHERE seq > 47", NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(handle);
	assert_int_equal(box_try(b), KM_OK);
	assert_non_null(strstr(b->why, "audit verify"));
	v = verify(b, 1000);
	assert_int_equal(v.bad, 48);
	assert_string_equal(v.why, "the end of the trail is cut off: 3 records are missing");
	/* The chain goes on from its sealed end, so the gap stays. */
	assert_int_equal(record(b, "n=1"), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(store_head(b->s, &head), KM_OK);
	assert_int_equal(head.seq, RECORDS + 1);
	v = verify(b, 1000);
	assert_int_equal(v.bad, 48);
	assert_string_equal(v.why, "record 48 is missing");
}

/* --- reading ---------------------------------------------------------------------------- */

static void test_records_are_listed_with_their_text(void **state)
{
	struct box *b = *state;
	static struct km_audit_row rows[20];
	struct km_operator op;
	uint64_t after = 0;
	size_t count;

	assert_int_equal(store_audit(b->s, 36, NULL, 20, rows, &count), KM_OK);
	assert_int_equal(count, RECORDS - 36);
	for (size_t i = 0; i < count; i++) {
		char body[40];

		(void)snprintf(body, sizeof(body), "service=login n=%u", (unsigned)(37 + i));
		assert_int_equal(rows[i].seq, 37 + i);
		assert_string_equal(rows[i].body, body);
		assert_string_equal(rows[i].actor, "uid:0");
		assert_int_equal(rows[i].event, KM_EVENT_LOGIN_REFUSED);
		assert_memory_equal(rows[i].boot_id, b->now.boot_id, 16);
	}
	assert_int_equal(rows[0].wall, BOX_WALL);
	assert_int_equal(rows[count - 1].wall, BOX_WALL + 31 * 86400);
	assert_int_equal(store_operator_by_login(b->s, "alice", &op), KM_OK);
	assert_int_equal(store_audit(b->s, 0, op.subject, 3, rows, &count), KM_OK);
	assert_int_equal(count, 3);
	assert_int_equal(rows[2].seq, 3);
	assert_int_equal(store_audit_last(b->s, op.subject, 2, &after), KM_OK);
	assert_int_equal(store_audit(b->s, after, op.subject, 20, rows, &count), KM_OK);
	assert_int_equal(count, 2);
	assert_int_equal(rows[0].seq, 45);
	assert_int_equal(rows[1].seq, 48);
	assert_int_equal(store_audit_last(b->s, NULL, 5, &after), KM_OK);
	assert_int_equal(after, RECORDS - 5);
	assert_int_equal(store_audit_last(b->s, NULL, 5000, &after), KM_OK);
	assert_int_equal(after, 0);
	assert_int_equal(store_audit(b->s, UINT64_MAX, NULL, 20, rows, &count), KM_OK);
	assert_int_equal(count, 0);
}

static void test_the_text_of_a_record_is_sealed_and_goes_with_the_key_of_its_month(void **state)
{
	struct box *b = *state;
	static struct km_audit_row rows[RECORDS];
	size_t count;

	assert_false(in_any_file(b, "service=login", 13));
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM month_key"), 2);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT min(month) FROM month_key"),
			 2025 * 12 + 5);
	box_again(b);
	assert_int_equal(record(b, "n=1"), KM_OK);
	sql(b, DB_VAULT, "DELETE FROM month_key WHERE month = 2025 * 12 + 5");
	assert_int_equal(store_audit(b->s, 0, NULL, RECORDS, rows, &count), KM_OK);
	assert_int_equal(count, RECORDS);
	assert_string_equal(rows[38].body, "");
	assert_string_equal(rows[39].body, "service=login n=40");
	assert_int_equal(verify(b, 20).bad, 0);
}

static void test_months_turn_at_the_right_second(void **state)
{
	static const struct {
		int64_t wall, month;
	} table[] = {
		{ 0, 1970 * 12 },
		{ -1, 1969 * 12 + 11 },
		{ 951782400 - 1, 2000 * 12 + 1 },
		{ 951868800 - 1, 2000 * 12 + 1 },
		{ 951868800, 2000 * 12 + 2 },
		{ 1735689599, 2024 * 12 + 11 },
		{ 1735689600, 2025 * 12 },
		{ 4107542399, 2100 * 12 + 1 },
		{ 4107542400, 2100 * 12 + 2 },
	};
	struct box *b = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		char text[100];

		b->now.wall = table[i].wall;
		store_set_now(b->s, &b->now);
		assert_int_equal(record(b, "n=1"), KM_OK);
		(void)snprintf(text, sizeof(text),
			       "SELECT count(*) FROM month_key WHERE month = %d",
			       (int)table[i].month);
		if (sql_number(b, DB_VAULT, text) != 1)
			fail_msg("no key of month %d", (int)table[i].month);
	}
}

static void test_the_first_hash_and_the_record_are_as_storage_md_says(void **state)
{
	struct box *b = *state;
	static struct km_audit_row row;
	struct km_head head;
	uint8_t bytes[256], hash[32];
	size_t n = 12, count;

	assert_int_equal(store_head(b->s, &head), KM_OK);
	memcpy(bytes, "kenmon audit", 12);
	memcpy(bytes + n, head.chain, 16);
	SHA256(bytes, 28, hash);
	assert_int_equal(record(b, "n=1"), KM_OK);
	assert_int_equal(store_audit(b->s, 0, NULL, 1, &row, &count), KM_OK);
	memcpy(bytes, hash, 32);
	memcpy(bytes + 32, head.chain, 16);
	memset(bytes + 48, 0, 200);
	bytes[55] = 1;                               /* seq */
	keys_put(bytes + 56, (uint64_t)BOX_WALL, 8); /* wall */
	keys_put(bytes + 64, 1000, 8);               /* boot_ms */
	memcpy(bytes + 72, b->now.boot_id, 16);
	keys_put(bytes + 88, KM_EVENT_RELOADED, 8);
	bytes[112] = 5;
	memcpy(bytes + 113, "uid:0", 5);
	{
		sqlite3_stmt *st = NULL;

		assert_int_equal(sqlite3_prepare_v2(b->s->db[DB_VAULT].handle,
						    "SELECT body FROM audit", -1, &st, NULL),
				 SQLITE_OK);
		assert_int_equal(sqlite3_step(st), SQLITE_ROW);
		SHA256(sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0),
		       bytes + 118);
		sqlite3_finalize(st);
	}
	SHA256(bytes, 150, hash);
	assert_memory_equal(row.hash, hash, 32);
	assert_int_equal(store_audit_hash(b->s, 1, bytes), KM_OK);
	assert_memory_equal(bytes, hash, 32);
	assert_int_equal(store_audit_hash(b->s, 2, bytes), KM_ENOTFOUND);
}

static void test_records_that_cannot_be_are_refused(void **state)
{
	struct box *b = *state;
	struct km_event_record e = event_of(KM_EVENT_STARTED, NULL);
	static struct km_audit_row row;
	size_t count;

	memset(e.body, 'b', sizeof(e.body) - 1);
	assert_int_equal(store_record(b->s, &e), KM_OK);
	assert_int_equal(store_audit(b->s, 0, NULL, 1, &row, &count), KM_OK);
	assert_string_equal(row.body, e.body);
	memset(e.body, 'b', sizeof(e.body));
	assert_int_equal(store_record(b->s, &e), KM_EINVAL);
	e = event_of(KM_EVENT_STARTED, NULL);
	memset(e.actor, 'a', sizeof(e.actor));
	assert_int_equal(store_record(b->s, &e), KM_EINVAL);
}

#define CHAIN_TEST(name)  cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)
#define FILLED_TEST(name) cmocka_unit_test_setup_teardown(name, setup_filled, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILLED_TEST(test_an_untouched_chain_verifies_in_slices_of_any_size),
		CHAIN_TEST(test_an_empty_chain_verifies),
		FILLED_TEST(test_a_chain_that_grows_while_it_is_verified_verifies),
		FILLED_TEST(test_every_column_of_every_record_is_covered),
		FILLED_TEST(test_every_removed_record_is_missed),
		FILLED_TEST(test_a_cut_end_is_missed_and_counted),
		FILLED_TEST(test_every_reordering_shows_at_its_first_place),
		FILLED_TEST(test_a_record_of_another_place_in_a_records_place_shows),
		FILLED_TEST(test_added_records_show),
		FILLED_TEST(test_a_changed_seal_of_the_end_shows),
		FILLED_TEST(test_a_chain_written_anew_does_not_lead_to_the_sealed_end),
		FILLED_TEST(
		    test_a_tail_cut_while_the_vault_is_off_is_said_at_start_and_stays_found),
		FILLED_TEST(test_records_are_listed_with_their_text),
		FILLED_TEST(test_the_text_of_a_record_is_sealed_and_goes_with_the_key_of_its_month),
		CHAIN_TEST(test_months_turn_at_the_right_second),
		CHAIN_TEST(test_the_first_hash_and_the_record_are_as_storage_md_says),
		CHAIN_TEST(test_records_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
