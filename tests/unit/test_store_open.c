/* Opening the store: first starts, crashes during them, and everything that is refused. */
#include "store_box.h"

static void test_a_first_start_makes_both_databases_for_us_alone(void **state)
{
	static const char *const made[] = { "vault.db", "identity.db", "vault.db-wal" };
	struct box *b = *state;
	struct km_head head;
	struct stat st;

	for (size_t i = 0; i < sizeof(made) / sizeof(*made); i++) {
		assert_int_equal(stat(box_path(b, made[i]), &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
	assert_false(is_there(box_path(b, "fresh")));
	assert_false(is_there(box_path(b, "vault.db.new")));
	assert_false(is_there(box_path(b, "vault.db-shm")));
	assert_int_equal(store_head(b->s, &head), KM_OK);
	assert_int_equal(head.seq, 0);
}

static void test_settings_of_the_engine_are_what_storage_md_says(void **state)
{
	struct box *b = *state;

	for (int db = 0; db < DB_COUNT; db++) {
		enum store_db_id id = (enum store_db_id)db;

		assert_int_equal(sql_number(b, id, "PRAGMA secure_delete"), 1);
		assert_int_equal(sql_number(b, id, "PRAGMA synchronous"), 2);
		assert_int_equal(sql_number(b, id, "PRAGMA foreign_keys"), 0);
		assert_int_equal(sql_number(b, id, "PRAGMA trusted_schema"), 0);
		assert_int_equal(sql_number(b, id, "PRAGMA wal_autocheckpoint"), 0);
		assert_int_equal(sql_number(b, id,
					    "SELECT count(*) FROM pragma_journal_mode WHERE "
					    "journal_mode = 'wal'"),
				 1);
		assert_int_equal(sql_number(b, id,
					    "SELECT count(*) FROM pragma_locking_mode WHERE "
					    "locking_mode = 'exclusive'"),
				 1);
	}
}

static void test_the_chain_begins_where_the_mark_of_the_first_start_says(void **state)
{
	struct box *b = *state;
	struct km_head head, again;

	assert_int_equal(store_head(b->s, &head), KM_OK);
	box_again(b);
	assert_int_equal(store_head(b->s, &again), KM_OK);
	assert_memory_equal(head.chain, again.chain, 16);
	assert_memory_equal(head.hash, again.hash, 32);
}

static void test_two_vaults_never_share_a_store(void **state)
{
	struct box *b = *state;
	struct km_store *second = NULL;
	char why[200] = "";

	assert_int_equal(store_open(b->dir, b->keys, &second, why, sizeof(why)), KM_EIO);
	assert_null(second);
	assert_non_null(strstr(why, "another vault"));
}

static void test_a_folder_that_others_can_reach_is_refused_with_a_reason(void **state)
{
	static const mode_t modes[] = { 0750, 0705, 0720, 0702, 0710, 0701 };
	struct box *b = *state;
	struct km_store *s = NULL;

	store_close(b->s);
	b->s = NULL;
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		assert_int_equal(chmod(b->dir, modes[i]), 0);
		assert_int_equal(store_open(b->dir, b->keys, &s, b->why, sizeof(b->why)), KM_EPERM);
		assert_non_null(strstr(b->why, "0700"));
	}
	assert_int_equal(chmod(b->dir, 0700), 0);
	assert_int_equal(store_open("/nonexistent", b->keys, &s, b->why, sizeof(b->why)),
			 KM_ENOTFOUND);
	assert_int_not_equal(strlen(b->why), 0);
	assert_int_equal(store_open("/nonexistent", b->keys, &s, NULL, 0), KM_ENOTFOUND);
	assert_null(s);
}

static km_rc reopen(struct box *b)
{
	b->why[0] = '\0';
	store_close(b->s);
	b->s = NULL;
	return store_open(b->dir, b->keys, &b->s, b->why, sizeof(b->why));
}

/* C23 */
static void test_an_empty_database_is_never_taken_for_a_first_start(void **state)
{
	static const char *const names[] = { "vault.db", "identity.db" };
	struct box *b = *state;

	for (size_t i = 0; i < 2; i++) {
		static char bytes[1 << 20];
		size_t len;

		store_close(b->s);
		b->s = NULL;
		len = get_file(box_path(b, names[i]), bytes, sizeof(bytes));
		put_file(box_path(b, names[i]), "", 0, 0600);
		assert_int_equal(reopen(b), KM_ECORRUPT);
		assert_non_null(strstr(b->why, "is empty but this state folder was in use"));
		assert_non_null(strstr(b->why, names[i]));
		assert_int_equal(unlink(box_path(b, names[i])), 0);
		assert_int_equal(reopen(b), KM_ECORRUPT);
		assert_non_null(strstr(b->why, "is missing but this state folder was in use"));
		assert_false(is_there(box_path(b, names[i])));
		put_file(box_path(b, names[i]), bytes, len, 0600);
		assert_int_equal(reopen(b), KM_OK);
	}
}

static void test_both_databases_lost_are_not_made_anew(void **state)
{
	struct box *b = *state;

	store_close(b->s);
	b->s = NULL;
	assert_int_equal(unlink(box_path(b, "vault.db")), 0);
	assert_int_equal(unlink(box_path(b, "identity.db")), 0);
	assert_int_equal(reopen(b), KM_ECORRUPT);
	assert_false(is_there(box_path(b, "vault.db")));
	/* Not by way of the keys either. */
	km_keys_close(b->keys);
	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_OK);
	assert_int_equal(reopen(b), KM_ECORRUPT);
}

/* C23: cut at every page, and in the middle of one. */
static void test_a_database_that_was_cut_short_is_refused(void **state)
{
	struct box *b = *state;
	static char bytes[1 << 20];
	size_t len;

	add(b, "alice", "1");
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(store_truncate_logs(b->s), KM_OK);
	store_close(b->s);
	b->s = NULL;
	len = get_file(box_path(b, "vault.db"), bytes, sizeof(bytes));
	for (size_t cut = 1; cut < len; cut += 2048) {
		put_file(box_path(b, "vault.db"), bytes, cut, 0600);
		assert_int_equal(reopen(b), KM_ECORRUPT);
		assert_non_null(strstr(b->why, "vault.db"));
	}
	put_file(box_path(b, "vault.db"), bytes, len, 0600);
	assert_int_equal(reopen(b), KM_OK);
}

static void test_a_file_that_is_no_database_is_refused(void **state)
{
	struct box *b = *state;
	char noise[8192];

	memset(noise, 'n', sizeof(noise));
	store_close(b->s);
	b->s = NULL;
	put_file(box_path(b, "identity.db"), noise, sizeof(noise), 0600);
	assert_int_equal(reopen(b), KM_ECORRUPT);
	assert_non_null(strstr(b->why, "identity.db is damaged"));
}

static void test_another_version_of_the_tables_is_refused(void **state)
{
	struct box *b = *state;

	sql(b, DB_VAULT, "UPDATE meta SET value = x'39' WHERE key = 'schema'");
	sql(b, DB_VAULT, "COMMIT");
	assert_int_equal(reopen(b), KM_ECORRUPT);
	assert_non_null(strstr(b->why, "this version"));
}

static void test_a_database_of_other_keys_is_refused(void **state)
{
	struct box *b = *state;
	struct box c;

	box_open(&c);
	store_close(c.s);
	store_close(b->s);
	b->s = c.s = NULL;
	assert_int_equal(rename(box_path(&c, "vault.db"), box_path(b, "vault.db")), 0);
	assert_int_equal(reopen(b), KM_ECORRUPT);
	assert_non_null(strstr(b->why, "identity.db belongs to another"));
	assert_int_equal(rename(box_path(&c, "identity.db"), box_path(b, "identity.db")), 0);
	assert_int_equal(reopen(b), KM_ECORRUPT);
	assert_non_null(strstr(b->why, "MAC"));
	box_close(&c);
}

static void test_a_changed_audit_head_is_refused(void **state)
{
	struct box *b = *state;

	assert_int_equal(record(b, "n=1"), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	sql(b, DB_VAULT, "UPDATE meta SET value = zeroblob(80) WHERE key = 'audit_head'");
	assert_int_equal(reopen(b), KM_ECORRUPT);
	assert_non_null(strstr(b->why, "MAC"));
}

/* Else the clock would seem to be wrong as well. */
static void test_the_time_of_the_last_record_is_known_without_the_record(void **state)
{
	struct box *b = *state;
	struct km_head head;

	for (int i = 0; i < 3; i++)
		assert_int_equal(record(b, "n=1"), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	sql(b, DB_VAULT, "UPDATE audit SET wall = 1 WHERE seq = 3");
	assert_int_equal(reopen(b), KM_OK);
	assert_int_equal(store_head(b->s, &head), KM_OK);
	assert_int_equal(head.wall, BOX_WALL);
	sql(b, DB_VAULT, "DELETE FROM audit WHERE seq > 1; COMMIT");
	assert_int_equal(reopen(b), KM_OK);
	assert_non_null(strstr(b->why, "the end of the audit trail is missing"));
	assert_int_equal(store_head(b->s, &head), KM_OK);
	assert_int_equal(head.seq, 3);
	assert_int_equal(head.wall, BOX_WALL);
}

static void test_a_removed_audit_head_is_refused(void **state)
{
	struct box *b = *state;

	sql(b, DB_VAULT, "DELETE FROM meta WHERE key = 'audit_head'; COMMIT");
	assert_int_equal(reopen(b), KM_ECORRUPT);
}

/* A crash at each step of the first start: the next one finishes it. */
static void test_an_interrupted_first_start_is_finished_by_the_next(void **state)
{
	struct box *b = *state;
	static char bytes[1 << 20];
	uint8_t chain[16];
	struct km_head head;
	size_t len;

	assert_int_equal(store_head(b->s, &head), KM_OK);
	memcpy(chain, head.chain, 16);
	store_close(b->s);
	b->s = NULL;
	len = get_file(box_path(b, "identity.db"), bytes, sizeof(bytes));

	for (int crash = 0; crash < 4; crash++) {
		put_file(box_path(b, "fresh"), chain, 16, 0600);
		if (crash < 3)
			(void)unlink(box_path(b, "vault.db"));
		if (crash < 2)
			(void)unlink(box_path(b, "identity.db"));
		put_file(box_path(b, crash < 2 ? "identity.db.new" : "vault.db.new"), bytes,
			 crash == 0 ? 0 : len / 2, 0600);
		assert_int_equal(reopen(b), KM_OK);
		assert_false(is_there(box_path(b, "fresh")));
		assert_int_equal(store_head(b->s, &head), KM_OK);
		assert_memory_equal(head.chain, chain, 16);
		store_close(b->s);
		b->s = NULL;
		(void)unlink(box_path(b, "vault.db.new"));
	}
}

static void test_the_mark_of_a_first_start_never_replaces_a_database(void **state)
{
	struct box *b = *state;
	struct km_head head;
	struct km_operator op;

	add(b, "alice", "1");
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(store_head(b->s, &head), KM_OK);
	store_close(b->s);
	b->s = NULL;
	put_file(box_path(b, "fresh"), head.chain, 16, 0600);
	assert_int_equal(reopen(b), KM_OK);
	assert_int_equal(store_operator_by_login(b->s, "alice", &op), KM_OK);
}

/* C2 */
static void test_planted_links_and_pipes_at_databases_and_logs_are_refused(void **state)
{
	static const char *const names[] = {
		"vault.db",         "vault.db-wal",        "vault.db-shm",
		"vault.db-journal", "identity.db",         "identity.db-wal",
		"identity.db-shm",  "identity.db-journal", "fresh"
	};
	struct box *b = *state;
	char victim[100], text[40];

	store_close(b->s);
	b->s = NULL;
	(void)snprintf(victim, sizeof(victim), "%s/victim", b->other);
	put_file(victim, "the victim's own bytes, 32 long.", 32, 0600);
	for (size_t n = 0; n < sizeof(names) / sizeof(*names); n++) {
		bool had = is_there(box_path(b, names[n]));

		for (int kind = 0; kind < 4; kind++) {
			const char *path = box_path(b, names[n]), *aside = box_path(b, "aside");

			if (had)
				assert_int_equal(rename(path, aside), 0);
			if (kind == 0)
				assert_int_equal(symlink(victim, path), 0);
			else if (kind == 1)
				assert_int_equal(link(victim, path), 0);
			else if (kind == 2)
				assert_int_equal(mkfifo(path, 0600), 0);
			else
				put_file(path, "x", 1, 0666);
			if (reopen(b) != KM_EPERM)
				fail_msg("%s, planted as %d, was not refused", names[n], kind);
			path = box_path(b, names[n]);
			assert_int_equal(unlink(path), 0);
			if (had)
				assert_int_equal(rename(box_path(b, "aside"), path), 0);
		}
	}
	assert_int_equal(get_file(victim, text, sizeof(text)), 32);
	assert_memory_equal(text, "the victim's own bytes, 32 long.", 32);
	assert_int_equal(reopen(b), KM_OK);
}

static void test_planted_files_under_temporary_names_are_refused(void **state)
{
	static const char *const names[] = { "vault.db.new", "identity.db.new" };
	struct box *b = *state;
	char victim[100], text[40];

	(void)snprintf(victim, sizeof(victim), "%s/victim", b->other);
	put_file(victim, "the victim's own bytes, 32 long.", 32, 0600);
	for (size_t n = 0; n < 2; n++) {
		struct box c;

		box_make_folder(&c);
		assert_int_equal(km_keys_open(c.dir, c.key, true, &c.keys), KM_OK);
		assert_int_equal(symlink(victim, box_path(&c, names[n])), 0);
		assert_int_equal(store_open(c.dir, c.keys, &c.s, c.why, sizeof(c.why)), KM_EPERM);
		assert_int_not_equal(strlen(c.why), 0);
		assert_int_equal(get_file(victim, text, sizeof(text)), 32);
		box_close(&c);
	}
}

static void test_what_was_not_flushed_is_gone_after_closing(void **state)
{
	struct box *b = *state;
	struct km_operator op;

	add(b, "alice", "1");
	assert_true(store_dirty(b->s));
	box_again(b);
	assert_false(store_dirty(b->s));
	assert_int_equal(store_operator_by_login(b->s, "alice", &op), KM_ENOTFOUND);
	store_close(NULL);
}

static void test_nothing_changes_before_the_time_is_set(void **state)
{
	struct box *b = *state;

	assert_int_equal(reopen(b), KM_OK);
	assert_int_equal(record(b, "n=1"), KM_EINVAL);
	assert_false(store_dirty(b->s));
}

#define OPEN_TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPEN_TEST(test_a_first_start_makes_both_databases_for_us_alone),
		OPEN_TEST(test_settings_of_the_engine_are_what_storage_md_says),
		OPEN_TEST(test_the_chain_begins_where_the_mark_of_the_first_start_says),
		OPEN_TEST(test_two_vaults_never_share_a_store),
		OPEN_TEST(test_a_folder_that_others_can_reach_is_refused_with_a_reason),
		OPEN_TEST(test_an_empty_database_is_never_taken_for_a_first_start),
		OPEN_TEST(test_both_databases_lost_are_not_made_anew),
		OPEN_TEST(test_a_database_that_was_cut_short_is_refused),
		OPEN_TEST(test_a_file_that_is_no_database_is_refused),
		OPEN_TEST(test_another_version_of_the_tables_is_refused),
		OPEN_TEST(test_a_database_of_other_keys_is_refused),
		OPEN_TEST(test_a_changed_audit_head_is_refused),
		OPEN_TEST(test_the_time_of_the_last_record_is_known_without_the_record),
		OPEN_TEST(test_a_removed_audit_head_is_refused),
		OPEN_TEST(test_an_interrupted_first_start_is_finished_by_the_next),
		OPEN_TEST(test_the_mark_of_a_first_start_never_replaces_a_database),
		OPEN_TEST(test_planted_links_and_pipes_at_databases_and_logs_are_refused),
		OPEN_TEST(test_planted_files_under_temporary_names_are_refused),
		OPEN_TEST(test_what_was_not_flushed_is_gone_after_closing),
		OPEN_TEST(test_nothing_changes_before_the_time_is_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
