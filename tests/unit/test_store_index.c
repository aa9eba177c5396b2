/*
 * Which records are about whom is noted behind the trail: wherever it stands, lists are the same;
 * and whoever changes what is noted hides lines of one list, and nothing else.
 */
#include "../../authd/vault/store_index.h"
#include "older.h"
#include "store_box.h"

#define RECORDS 60
#define MANY    256 /* more than there are */

struct scene {
	struct box box;
	struct km_operator alice, bob;
	uint8_t gone[KM_SUBJECT_BYTES];
};

static void says(struct box *b, const uint8_t *subject, unsigned n)
{
	struct km_event_record e = event_of(KM_EVENT_LOGIN_REFUSED, subject);

	(void)snprintf(e.body, sizeof(e.body), "n=%u", n);
	assert_int_equal(store_record(b->s, &e), KM_OK);
}

/* Records about alice, bob and nobody in turn, and about somebody who is erased. */
static int setup(void **state)
{
	struct scene *c = calloc(1, sizeof(*c));
	struct box *b = &c->box;
	struct km_event_record e;
	struct km_operator carol;

	box_open(b);
	c->alice = add(b, "alice", "1");
	c->bob = add(b, "bob", "2");
	carol = add(b, "carol", "3");
	memcpy(c->gone, carol.subject, sizeof(c->gone));
	e = event_of(KM_EVENT_ERASED, carol.subject);
	assert_int_equal(store_erase_begin(b->s, carol.subject, &by_hand, &e), KM_OK);
	for (unsigned i = 0; i < RECORDS; i++)
		says(b, i % 3 == 0 ? NULL : i % 3 == 1 ? c->alice.subject : c->bob.subject, i);
	assert_int_equal(store_erase_finish(b->s, carol.subject, &e), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	struct scene *c = *state;

	box_close(&c->box);
	free(c);
	return 0;
}

static uint64_t head_of(struct box *b)
{
	struct km_head head;

	assert_int_equal(store_head(b->s, &head), KM_OK);
	return head.seq;
}

static int64_t noted(struct box *b)
{
	return sql_number(b, DB_VAULT, "SELECT count(*) FROM audit_of");
}

static int64_t to_note(struct box *b)
{
	return sql_number(b, DB_VAULT, "SELECT count(*) FROM audit WHERE subject <> zeroblob(16)");
}

static void reaches(struct box *b, uint32_t most)
{
	assert_int_equal(store_audit_index(b->s, most), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
}

static void reaches_the_end(struct box *b)
{
	while (store_audit_unindexed(b->s) > 0)
		reaches(b, 7);
}

/* --- lists ------------------------------------------------------------------------------ */

static struct km_audit_row all[MANY], found[MANY], page[MANY];

/* The records of a subject, from a list of all. */
static size_t by_looking_at_all(struct box *b, const uint8_t *subject)
{
	size_t count = 0, n = 0;

	assert_int_equal(store_audit(b->s, 0, NULL, MANY, all, &count), KM_OK);
	assert_in_range(count, RECORDS, MANY - 1);
	for (size_t i = 0; i < count; i++)
		if (memcmp(all[i].subject, subject, KM_SUBJECT_BYTES) == 0)
			found[n++] = all[i];
	return n;
}

static void pages_are_right(struct box *b, const uint8_t *subject, size_t want, size_t limit)
{
	uint64_t after = 0;
	size_t have = 0, count;

	do {
		count = MANY;
		assert_int_equal(store_audit(b->s, after, subject, limit, page, &count), KM_OK);
		assert_in_range(count, 0, limit);
		assert_in_range(have + count, 0, want);
		for (size_t i = 0; i < count; i++)
			assert_memory_equal(&page[i], &found[have + i], sizeof(page[i]));
		have += count;
		if (count)
			after = page[count - 1].seq;
	} while (count == limit);
	assert_int_equal(have, want);
}

static void lists_are_right(struct box *b, const uint8_t *subject, size_t want)
{
	static const size_t limits[] = { 1, 2, 7, MANY };
	size_t have = by_looking_at_all(b, subject);
	uint64_t after;

	assert_int_equal(have, want);
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++)
		pages_are_right(b, subject, have, limits[i]);
	for (uint32_t n = 0; n < have + 3; n++) {
		after = UINT64_MAX;
		assert_int_equal(store_audit_last(b->s, subject, n, &after), KM_OK);
		assert_int_equal(after, n < have ? found[have - 1 - n].seq : 0);
	}
}

static void all_lists_are_right(struct scene *c)
{
	static const uint8_t stranger[KM_SUBJECT_BYTES] = { 9 }, nobody[KM_SUBJECT_BYTES];
	struct box *b = &c->box;

	lists_are_right(b, c->alice.subject, 1 + RECORDS / 3);
	lists_are_right(b, c->bob.subject, 1 + RECORDS / 3);
	lists_are_right(b, c->gone, 3);
	lists_are_right(b, stranger, 0);
	lists_are_right(b, nobody, RECORDS / 3);
}

static void test_lists_are_the_same_wherever_the_index_stands(void **state)
{
	struct scene *c = *state;
	struct box *b = &c->box;
	unsigned places = 0;

	assert_int_equal(noted(b), 0);
	assert_int_equal(store_audit_unindexed(b->s), head_of(b));
	all_lists_are_right(c);
	for (; store_audit_unindexed(b->s) > 0; places++) {
		reaches(b, 11);
		all_lists_are_right(c);
	}
	assert_in_range(places, 5, MANY);
	assert_int_equal(noted(b), to_note(b));
	box_again(b);
	assert_int_equal(store_audit_unindexed(b->s), 0);
	all_lists_are_right(c);
}

/* What is behind the place is read only where a page has room for it, so in order. */
static void test_a_list_is_in_order_across_the_place_where_the_index_stands(void **state)
{
	struct scene *c = *state;
	struct box *b = &c->box;
	size_t count = 0;

	reaches(b, 30);
	for (unsigned i = 0; i < 5; i++)
		says(b, c->alice.subject, 100 + i);
	assert_int_equal(store_audit(b->s, 0, c->alice.subject, MANY, page, &count), KM_OK);
	assert_int_equal(count, 1 + RECORDS / 3 + 5);
	for (size_t i = 1; i < count; i++)
		assert_true(page[i - 1].seq < page[i].seq);
}

/* --- filling ------------------------------------------------------------------------------ */

static void test_a_slice_moves_by_so_many_records_and_no_further_than_the_end(void **state)
{
	struct box *b = &((struct scene *)*state)->box;
	uint64_t left = head_of(b), commits;

	while (left > 0) {
		uint64_t step = left < 16 ? left : 16;

		reaches(b, 16);
		left -= step;
		assert_int_equal(store_audit_unindexed(b->s), left);
	}
	assert_int_equal(noted(b), to_note(b));
	/* And a vault in which nothing happens writes nothing. */
	commits = store_work(b->s).commits;
	reaches(b, 16);
	assert_false(store_dirty(b->s));
	assert_int_equal(store_work(b->s).commits, commits);
}

static void test_a_slice_makes_no_record(void **state)
{
	struct box *b = &((struct scene *)*state)->box;
	uint64_t head = head_of(b);

	reaches_the_end(b);
	assert_int_equal(head_of(b), head);
}

static void test_a_slice_that_is_not_flushed_is_undone_with_its_place(void **state)
{
	struct scene *c = *state;
	struct box *b = &c->box;
	uint64_t left;
	int64_t rows;

	reaches(b, 20);
	left = store_audit_unindexed(b->s);
	rows = noted(b);
	assert_int_equal(store_audit_index(b->s, 20), KM_OK);
	assert_int_equal(store_audit_unindexed(b->s), left - 20);
	store_give_up(b->s);
	assert_int_not_equal(store_flush(b->s), KM_OK);
	assert_int_equal(store_audit_unindexed(b->s), left);
	assert_int_equal(noted(b), rows);
	all_lists_are_right(c);
	reaches_the_end(b);
	assert_int_equal(noted(b), to_note(b));
}

/* Records of the same transaction are noted and undone with it. */
static void test_what_is_not_durable_yet_is_noted_and_undone_together(void **state)
{
	struct scene *c = *state;
	struct box *b = &c->box;
	uint64_t head = head_of(b);

	reaches_the_end(b);
	says(b, c->alice.subject, 100);
	assert_int_equal(store_audit_unindexed(b->s), 1);
	assert_int_equal(store_audit_index(b->s, 7), KM_OK);
	assert_int_equal(store_audit_unindexed(b->s), 0);
	lists_are_right(b, c->alice.subject, 2 + RECORDS / 3);
	store_give_up(b->s);
	assert_int_not_equal(store_flush(b->s), KM_OK);
	assert_int_equal(store_audit_unindexed(b->s), 0);
	assert_int_equal(head_of(b), head);
	all_lists_are_right(c);
	/* The next record has that number, and is another's. */
	says(b, c->bob.subject, 101);
	reaches_the_end(b);
	lists_are_right(b, c->alice.subject, 1 + RECORDS / 3);
	lists_are_right(b, c->bob.subject, 2 + RECORDS / 3);
}

static void test_after_a_crash_it_goes_on_where_it_was_durable(void **state)
{
	struct scene *c = *state;
	struct box *b = &c->box;
	uint64_t head = head_of(b);

	reaches(b, 20);
	assert_int_equal(store_audit_index(b->s, 20), KM_OK);
	box_again(b);
	assert_int_equal(store_audit_unindexed(b->s), head - 20);
	all_lists_are_right(c);
	reaches_the_end(b);
	assert_int_equal(noted(b), to_note(b));
}

/* --- somebody who can write the file --------------------------------------------------------- */

/* Behind the store's back, and a start. */
static void finds(struct box *b, const char *text)
{
	store_undo(b->s);
	sql(b, DB_VAULT, text);
	box_again(b);
	assert_string_equal(b->why, "");
}

static void test_a_place_that_cannot_be_is_not_believed(void **state)
{
	static const char *const places[] = {
		"UPDATE meta SET value = x'00000000000003e8' WHERE key = 'indexed'",
		"UPDATE meta SET value = x'ffffffffffffffff' WHERE key = 'indexed'",
		"UPDATE meta SET value = x'8000000000000000' WHERE key = 'indexed'",
		"UPDATE meta SET value = x'05' WHERE key = 'indexed'",
		"UPDATE meta SET value = x'' WHERE key = 'indexed'",
		"DELETE FROM meta WHERE key = 'indexed'",
	};
	struct scene *c = *state;
	struct box *b = &c->box;
	uint64_t head = head_of(b);

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		reaches_the_end(b);
		finds(b, places[i]);
		assert_int_equal(store_audit_unindexed(b->s), head);
		all_lists_are_right(c);
		reaches_the_end(b); /* what is there already is passed over */
		assert_int_equal(noted(b), to_note(b));
		box_again(b);
		assert_int_equal(store_audit_unindexed(b->s), 0);
	}
}

static void test_a_changed_index_hides_lines_of_one_list_and_shows_nobody_elses(void **state)
{
	struct scene *c = *state;
	struct box *b = &c->box;
	struct km_verify v = { 0 };
	size_t count = 0;

	reaches_the_end(b);
	/* alice's become bob's, twice over; and one of a record that is not there. */
	finds(b, "UPDATE audit_of SET subject = (SELECT subject FROM operator WHERE cursor = 2) "
		 "WHERE subject = (SELECT subject FROM operator WHERE cursor = 1);"
		 "INSERT INTO audit_of (subject, seq) SELECT subject, 1000 FROM operator");
	lists_are_right(b, c->gone, 3);
	pages_are_right(b, c->bob.subject, by_looking_at_all(b, c->bob.subject), 7);
	assert_int_equal(store_audit(b->s, 0, c->alice.subject, MANY, page, &count), KM_OK);
	assert_int_equal(count, 0);
	assert_int_equal(by_looking_at_all(b, c->alice.subject), 1 + RECORDS / 3);
	while (!v.finished)
		assert_int_equal(store_audit_verify(b->s, &v, 100), KM_OK);
	assert_int_equal(v.bad, 0);
}

/* --- the version before ----------------------------------------------------------------------- */

static void
test_the_trail_of_the_version_before_is_noted_later_and_its_lists_are_right_at_once(void **state)
{
	/* And where its index was damaged: nothing of it is needed. */
	static const char *const before[] = { OLDER_4, OLDER_4 "; DROP INDEX audit_subject" };
	struct scene *c = *state;
	struct box *b = &c->box;

	for (size_t i = 0; i < sizeof(before) / sizeof(*before); i++) {
		reaches_the_end(b);
		finds(b, before[i]);
		assert_int_equal(store_audit_unindexed(b->s), head_of(b));
		assert_int_equal(noted(b), 0);
		all_lists_are_right(c);
		reaches_the_end(b);
		assert_int_not_equal(noted(b), 0);
		assert_int_equal(noted(b), to_note(b));
		all_lists_are_right(c);
		box_again(b);
		assert_int_equal(store_audit_unindexed(b->s), 0);
	}
	says(b, c->alice.subject, 100);
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(store_audit_unindexed(b->s), 1);
	reaches_the_end(b);
	assert_int_equal(noted(b), to_note(b));
}

/* What a step could not do is not half done: the file is of the version before, and whole. */
static void test_a_file_that_cannot_be_brought_up_to_date_is_refused_as_it_was(void **state)
{
	struct box *b = &((struct scene *)*state)->box;
	sqlite3 *handle = NULL;
	sqlite3_stmt *st = NULL;

	store_undo(b->s);
	sql(b, DB_VAULT, OLDER_4 "; CREATE TABLE audit_of (seq INTEGER)");
	box_shut(b);
	assert_int_equal(box_try(b), KM_ECORRUPT);
	assert_non_null(strstr(b->why, "older version of kenmon"));
	assert_int_equal(store_connect(box_path(b, "vault.db"), &handle), KM_OK);
	assert_int_equal(sqlite3_prepare_v2(handle,
					    "SELECT (SELECT value FROM meta WHERE key = 'schema'), "
					    "count(*) FROM sqlite_schema WHERE name = "
					    "'audit_subject'",
					    -1, &st, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_memory_equal(sqlite3_column_blob(st, 0), "4", 1);
	assert_int_equal(sqlite3_column_int(st, 1), 1);
	sqlite3_finalize(st);
	sqlite3_close(handle);
}

/* The engine refuses a subject that is text, so the table is made one that takes any. */
static void test_a_record_whose_subject_is_none_stops_nothing(void **state)
{
	static const char text[] = "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = "
				   "replace(sql, ' STRICT', '') "
				   "WHERE name = 'audit'; PRAGMA writable_schema = RESET;"
				   "UPDATE audit SET subject = 'of no form' WHERE seq = 3;"
				   "UPDATE audit SET subject = x'01' WHERE seq = 4;"
				   "UPDATE audit SET subject = zeroblob(17) WHERE seq = 5";
	struct scene *c = *state;
	struct box *b = &c->box;
	sqlite3 *handle = NULL;

	store_undo(b->s);
	box_shut(b);
	assert_int_equal(sqlite3_open(box_path(b, "vault.db"), &handle), SQLITE_OK);
	assert_int_equal(sqlite3_exec(handle, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(handle);
	assert_int_equal(box_try(b), KM_OK);
	reaches_the_end(b);
	assert_int_equal(noted(b), to_note(b) - 3);
}

static void test_a_forged_row_before_the_trail_hides_nothing_of_the_last(void **state)
{
	struct scene *c = *state;
	struct box *b = &c->box;
	uint64_t after = 1;

	reaches_the_end(b);
	finds(b, "INSERT INTO audit_of (subject, seq) SELECT subject, -5 FROM operator");
	assert_int_equal(store_audit_last(b->s, c->alice.subject, MANY, &after), KM_OK);
	assert_int_equal(after, 0);
	all_lists_are_right(c);
}

#define INDEX_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		INDEX_TEST(test_lists_are_the_same_wherever_the_index_stands),
		INDEX_TEST(test_a_list_is_in_order_across_the_place_where_the_index_stands),
		INDEX_TEST(test_a_slice_moves_by_so_many_records_and_no_further_than_the_end),
		INDEX_TEST(test_a_slice_makes_no_record),
		INDEX_TEST(test_a_slice_that_is_not_flushed_is_undone_with_its_place),
		INDEX_TEST(test_what_is_not_durable_yet_is_noted_and_undone_together),
		INDEX_TEST(test_after_a_crash_it_goes_on_where_it_was_durable),
		INDEX_TEST(test_a_place_that_cannot_be_is_not_believed),
		INDEX_TEST(test_a_changed_index_hides_lines_of_one_list_and_shows_nobody_elses),
		INDEX_TEST(
		    test_the_trail_of_the_version_before_is_noted_later_and_its_lists_are_right_at_once),
		INDEX_TEST(test_a_file_that_cannot_be_brought_up_to_date_is_refused_as_it_was),
		INDEX_TEST(test_a_record_whose_subject_is_none_stops_nothing),
		INDEX_TEST(test_a_forged_row_before_the_trail_hides_nothing_of_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
