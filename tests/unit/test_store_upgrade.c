/* A state folder of the version before: it opens, gets what is new, and keeps what it had. */
#include "epochs.h"
#include "older.h"

static const char *const before[] = { OLDER_1, OLDER_2, OLDER_3, OLDER_4 };
#define VERSIONS_BEFORE (sizeof(before) / sizeof(before[0]))

static uint64_t make_older(struct box *b, size_t version, struct km_operator *op)
{
	uint64_t id;

	*op = add(b, "alice", "1");
	id = enrol(b, op, "the seed");
	assert_int_equal(store_flush(b->s), KM_OK);
	store_undo(b->s);
	sql(b, DB_VAULT, before[version]);
	box_shut(b);
	return id;
}

static int64_t version(struct box *b)
{
	return sql_number(b, DB_VAULT,
			  "SELECT CAST(CAST(value AS TEXT) AS INTEGER) FROM meta "
			  "WHERE key = 'schema'");
}

/* The tables of a folder, as text; to be freed. */
static char *tables_of(struct box *b)
{
	sqlite3_stmt *st = NULL;
	char *text;

	assert_int_equal(
	    sqlite3_prepare_v2(b->s->db[DB_VAULT].handle,
			       "SELECT group_concat(sql, ';') FROM (SELECT sql "
			       "FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name)",
			       -1, &st, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	text = strdup((const char *)sqlite3_column_text(st, 0));
	assert_non_null(text);
	sqlite3_finalize(st);
	return text;
}

static void opens_and_takes_a_finger(struct box *b, size_t from)
{
	struct km_operator op, now;
	char *fresh = tables_of(b), *brought;
	uint64_t id = make_older(b, from, &op), finger;
	struct km_secret seed = { 0 };
	struct km_credential c;
	struct km_template t;

	for (int start = 0; start < 2; start++) {
		assert_int_equal(box_try(b), KM_OK);
		assert_string_equal(b->why, "");
		assert_int_equal(version(b), 5);
		brought = tables_of(b);
		assert_string_equal(brought, fresh);
		free(brought);
		assert_int_equal(store_operator_by_login(b->s, "alice", &now), KM_OK);
		c = credential_of(b, &op, id);
		assert_int_equal(store_seed(b->s, &now, &c, &seed), KM_OK);
		if (start == 0)
			box_shut(b);
	}
	finger = enrol_finger(b, &op, "right-index", "ridges");
	assert_int_equal(store_flush(b->s), KM_OK);
	box_again(b);
	c = credential_of(b, &op, finger);
	assert_int_equal(store_template(b->s, &op, &c, &t), KM_OK);
	free(fresh);
}

static void test_a_folder_of_a_version_before_opens_and_takes_a_finger(void **state)
{
	struct box *b = *state;

	for (size_t from = 0; from < VERSIONS_BEFORE; from++) {
		opens_and_takes_a_finger(b, from);
		box_close(b);
		box_open(b);
	}
}

/* The one moment in which a start looks at every key: those of fingers are in no table yet. */
static void test_a_folder_of_a_version_before_opens_at_the_end_of_a_closing(void **state)
{
	struct box *b = *state;

	for (size_t from = 0; from < VERSIONS_BEFORE; from++) {
		struct km_operator op, now;
		struct km_secret seed = { 0 };
		struct km_credential c;
		uint64_t id;

		epoch_rewrap(b);
		id = make_older(b, from, &op);
		assert_int_equal(box_try(b), KM_OK);
		assert_int_equal(version(b), 5);
		assert_int_equal(store_operator_by_login(b->s, "alice", &now), KM_OK);
		c = credential_of(b, &now, id);
		assert_int_equal(store_seed(b->s, &now, &c, &seed), KM_OK);
		box_close(b);
		box_open(b);
	}
}

/* ... and from version 3 on they are: one under a KEK that is gone is an older copy's. */
static void test_a_folder_of_version_3_with_a_fingers_key_under_no_kek_is_refused(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");

	enrol_finger(b, &op, "right-index", "ridges");
	epoch_rewrap(b);
	store_undo(b->s);
	sql(b, DB_VAULT, "UPDATE finger_key SET kek_gen = 1;" OLDER_3);
	box_shut(b);
	assert_int_equal(box_try(b), KM_ECORRUPT);
	assert_non_null(strstr(b->why, "an older copy"));
}

static void test_a_folder_that_is_half_of_each_version_is_refused(void **state)
{
	static const char *const halves[] = {
		/* made by nobody: the number of the older with the tables of the newer */
		"UPDATE meta SET value = x'31' WHERE key = 'schema'",
		"DROP INDEX credential_finger; UPDATE meta SET value = x'31' WHERE key = 'schema'",
		"DROP TABLE template; UPDATE meta SET value = x'31' WHERE key = 'schema'",
		"UPDATE meta SET value = x'34' WHERE key = 'schema'",
	};
	struct box *b = *state;

	for (size_t i = 0; i < sizeof(halves) / sizeof(*halves); i++) {
		store_undo(b->s);
		sql(b, DB_VAULT, halves[i]);
		box_shut(b);
		assert_int_equal(box_try(b), KM_ECORRUPT);
		assert_non_null(strstr(b->why, "older version of kenmon"));
		box_close(b);
		box_open(b);
	}
}

static void test_a_folder_of_a_later_version_is_refused(void **state)
{
	static const char *const later[] = { "x'36'", "x'30'", "x''", "x'3232'" };
	struct box *b = *state;
	char text[100];

	for (size_t i = 0; i < sizeof(later) / sizeof(*later); i++) {
		for (int db = 0; db < DB_COUNT; db++) {
			store_undo(b->s);
			(void)snprintf(text, sizeof(text),
				       "UPDATE meta SET value = %s WHERE key = 'schema'", later[i]);
			sql(b, (enum store_db_id)db, text);
			box_shut(b);
			assert_int_equal(box_try(b), KM_ECORRUPT);
			assert_non_null(strstr(b->why, "not a database of this version"));
			box_close(b);
			box_open(b);
		}
	}
}

/* What is refused is not touched: a folder with the keys of another stays one of version 1. */
static void test_a_folder_that_is_refused_is_not_brought_up_to_date(void **state)
{
	struct box *b = *state;
	struct km_operator op;
	sqlite3 *handle = NULL;
	sqlite3_stmt *st = NULL;

	(void)make_older(b, 0, &op);
	assert_int_equal(store_connect(box_path(b, "vault.db"), &handle), KM_OK);
	assert_int_equal(sqlite3_exec(handle,
				      "UPDATE meta SET value = zeroblob(length(value)) "
				      "WHERE key = 'audit_head'",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(handle);
	assert_int_equal(box_try(b), KM_ECORRUPT);
	assert_int_equal(store_connect(box_path(b, "vault.db"), &handle), KM_OK);
	assert_int_equal(sqlite3_prepare_v2(handle,
					    "SELECT 1 FROM meta WHERE key = 'schema' AND "
					    "value = x'31'",
					    -1, &st, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	sqlite3_finalize(st);
	sqlite3_close(handle);
}

#define UPGRADE_TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UPGRADE_TEST(test_a_folder_of_a_version_before_opens_and_takes_a_finger),
		UPGRADE_TEST(test_a_folder_of_a_version_before_opens_at_the_end_of_a_closing),
		UPGRADE_TEST(test_a_folder_of_version_3_with_a_fingers_key_under_no_kek_is_refused),
		UPGRADE_TEST(test_a_folder_that_is_half_of_each_version_is_refused),
		UPGRADE_TEST(test_a_folder_of_a_later_version_is_refused),
		UPGRADE_TEST(test_a_folder_that_is_refused_is_not_brought_up_to_date),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
