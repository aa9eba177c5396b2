/* docs/STORAGE.md names every file, table and column there is, and no other. */
#include "store_box.h"

#include "../../authd/vault/copy.h"

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = calloc(1, 1 << 16);

	if (!f)
		fail_msg("%s: %s", path, strerror(errno));
	assert_non_null(text);
	assert_in_range(fread(text, 1, (1 << 16) - 1, f), 1, (1 << 16) - 2);
	fclose(f);
	return text;
}

/* The part between a heading and the next of its rank or above. */
static char *section(const char *text, const char *heading)
{
	const char *begin = strstr(text, heading), *end;
	size_t rank = strspn(heading + 1, "#");

	if (!begin)
		fail_msg("STORAGE.md has no section %s", heading + 1);
	begin += strlen(heading);
	for (end = strstr(begin, "\n#"); end; end = strstr(end + 1, "\n#"))
		if (strspn(end + 1, "#") <= rank)
			break;
	return end ? strndup(begin, (size_t)(end - begin)) : strdup(begin);
}

static size_t rows_of(const char *table)
{
	size_t rows = 0;

	for (const char *at = strstr(table, "\n| `"); at; at = strstr(at + 1, "\n| `"))
		rows++;
	return rows;
}

static void check_table(struct box *b, enum store_db_id db, const char *part, const char *table)
{
	sqlite3_stmt *st = NULL;
	char text[128], *columns;
	size_t count = 0;

	(void)snprintf(text, sizeof(text), "\n### `%s`\n", table);
	columns = section(part, text);
	assert_int_equal(sqlite3_prepare_v2(b->s->db[db].handle,
					    "SELECT name FROM pragma_table_info(?1)", -1, &st,
					    NULL),
			 SQLITE_OK);
	sqlite3_bind_text(st, 1, table, -1, SQLITE_STATIC);
	while (sqlite3_step(st) == SQLITE_ROW) {
		(void)snprintf(text, sizeof(text), "\n| `%s` |",
			       (const char *)sqlite3_column_text(st, 0));
		if (!strstr(columns, text))
			fail_msg("STORAGE.md: %s has no line '%s'", table, text + 1);
		count++;
	}
	sqlite3_finalize(st);
	if (rows_of(columns) != count)
		fail_msg("STORAGE.md: %s describes columns that are not there", table);
	free(columns);
}

static size_t check_database(struct box *b, enum store_db_id db, const char *part)
{
	sqlite3_stmt *st = NULL;
	size_t tables = 0;

	assert_int_equal(sqlite3_prepare_v2(b->s->db[db].handle,
					    "SELECT name FROM sqlite_schema WHERE type = 'table' "
					    "AND name NOT LIKE 'sqlite%'",
					    -1, &st, NULL),
			 SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW) {
		check_table(b, db, part, (const char *)sqlite3_column_text(st, 0));
		tables++;
	}
	sqlite3_finalize(st);
	return tables;
}

static void test_every_table_and_column_is_described_and_no_other(void **state)
{
	static const char *const headings[DB_COUNT] = { "\n## vault.db\n", "\n## identity.db\n" };
	struct box *b = *state;
	char *text = slurp("docs/STORAGE.md");

	for (int db = 0; db < DB_COUNT; db++) {
		char *part = section(text, headings[db]);
		size_t described = 0;

		for (const char *at = strstr(part, "\n### `"); at; at = strstr(at + 1, "\n### `"))
			described++;
		assert_int_equal(check_database(b, (enum store_db_id)db, part), described);
		free(part);
	}
	free(text);
}

static void test_every_file_of_the_folder_is_described(void **state)
{
	static const char *const passing[] = { KM_FRESH_FILE, "*.new", COPY_VAULT_FILE,
					       COPY_IDENTITY_FILE, "restoring" };
	struct box *b = *state;
	char *text = slurp("docs/STORAGE.md"), *files = section(text, "\n## Files\n"), name[300];
	struct dirent *e;
	DIR *d;

	add(b, "alice", "1");
	assert_int_equal(store_flush(b->s), KM_OK);
	d = opendir(b->dir);
	assert_non_null(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof(name), "`%s`", e->d_name);
		if (!strstr(files, name))
			fail_msg("STORAGE.md does not describe %s", name);
	}
	closedir(d);
	for (size_t i = 0; i < sizeof(passing) / sizeof(*passing); i++) {
		(void)snprintf(name, sizeof(name), "`%s`", passing[i]);
		assert_non_null(strstr(files, name));
	}
	free(files);
	free(text);
}

static void test_every_index_and_label_of_a_key_is_named(void **state)
{
	static const char *const labels[] = { "kenmon vault.db tags 1",
					      "kenmon identity.db tags 1",
					      "kenmon audit head 1",
					      "kenmon kek 1",
					      "kenmon vault.db rows 1",
					      "kenmon recovery 1",
					      "kenmon challenge 1",
					      META_SCHEMA,
					      META_CHAIN,
					      META_HEAD,
					      META_PAIR };
	struct box *b = *state;
	char *text = slurp("docs/STORAGE.md");
	sqlite3_stmt *st = NULL;

	for (size_t i = 0; i < sizeof(labels) / sizeof(*labels); i++)
		if (!strstr(text, labels[i]))
			fail_msg("STORAGE.md does not name %s", labels[i]);
	for (int db = 0; db < DB_COUNT; db++) {
		assert_int_equal(sqlite3_prepare_v2(b->s->db[db].handle,
						    "SELECT name FROM sqlite_schema WHERE type = "
						    "'index' AND sql IS NOT NULL",
						    -1, &st, NULL),
				 SQLITE_OK);
		while (sqlite3_step(st) == SQLITE_ROW)
			if (!strstr(text, (const char *)sqlite3_column_text(st, 0)))
				fail_msg("STORAGE.md does not name the index %s",
					 (const char *)sqlite3_column_text(st, 0));
		sqlite3_finalize(st);
	}
	free(text);
}

#define DOCS_TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DOCS_TEST(test_every_table_and_column_is_described_and_no_other),
		DOCS_TEST(test_every_file_of_the_folder_is_described),
		DOCS_TEST(test_every_index_and_label_of_a_key_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
