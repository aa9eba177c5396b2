/* What runs at each login, and each minute without being asked for, reads no whole table of people.
 */
#include "store_box.h"

static const char *const statements[SQL_COUNT] = {
#define STORE_SQL(NAME, base, sql) [SQL_##NAME] = sql,
#include "../../authd/vault/store_sql.def"
#undef STORE_SQL
};

/* Of each the index, or the key, by which the engine goes to the rows it wants. */
static const struct {
	enum store_sql id;
	const char *by;
} often[] = {
	{ SQL_OPERATOR_BY_LOGIN, "(login_tag=?)" },
	{ SQL_OPERATOR_BY_SUBJECT, "(subject=?)" },
	{ SQL_OPERATOR_BY_UID, "operator_uid (uid=?)" },
	{ SQL_OPERATOR_STAFF, "operator_role (role>?)" },
	{ SQL_OPERATOR_ERASING, "operator_erasing" },
	{ SQL_CREDENTIALS, "credential_subject (subject=?)" },
	{ SQL_CREDENTIAL_ENDING, "credential_until (until>?)" },
	{ SQL_REQUEST_EXPIRED, "request_expires (expires<?)" },
	{ SQL_DUE_OF, "(subject=? AND what=?)" },
	{ SQL_DUE_READY, "due_day (day<?)" },
	{ SQL_STAGE_OF, "stage_operator (cursor=?)" },
	{ SQL_STAGE_LEFT, "(feed<?)" },
	{ SQL_CHALLENGE, "(subject=?)" },
	{ SQL_BUDGET, "(tag=?)" },
	{ SQL_BUDGET_PRUNE, "budget_day (day<?)" },
	{ SQL_CERTIFICATES_SINCE, "certificate_begun (begun>?)" },
	{ SQL_AUDIT_INDEX, "(rowid>? AND rowid<?)" },
	{ SQL_AUDIT_SUBJECT_INDEXED, "(subject=? AND seq>? AND seq<?)" },
	{ SQL_AUDIT_SUBJECT_LATER, "(rowid>?)" },
	{ SQL_AUDIT_SUBJECT_LAST, "(rowid>?)" },
	{ SQL_AUDIT_SUBJECT_LAST, "(subject=? AND seq>? AND seq<?)" },
};

/* The lines of a plan, one behind the other. */
static void plan_of(struct box *b, enum store_sql id, char *out, size_t cap)
{
	sqlite3_stmt *st = NULL;
	char text[4096];
	size_t at = 0;

	assert_in_range(snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s", statements[id]), 1,
			sizeof(text) - 1);
	assert_int_equal(sqlite3_prepare_v2(b->s->db[DB_VAULT].handle, text, -1, &st, NULL),
			 SQLITE_OK);
	out[0] = '\0';
	while (sqlite3_step(st) == SQLITE_ROW && at < cap)
		at += (size_t)snprintf(out + at, cap - at, "%s; ", sqlite3_column_text(st, 3));
	sqlite3_finalize(st);
}

static void test_what_runs_often_goes_by_an_index(void **state)
{
	struct box *b = *state;
	char plan[1024];

	for (size_t i = 0; i < sizeof(often) / sizeof(*often); i++) {
		plan_of(b, often[i].id, plan, sizeof(plan));
		if (!strstr(plan, often[i].by) || strstr(plan, "SCAN "))
			fail_msg("%s\n%s", statements[often[i].id], plan);
	}
}

/* Of a hundred thousand: no table of them in memory, nor in a file that nobody wipes. */
static void test_who_is_held_is_read_in_order_without_sorting(void **state)
{
	char plan[1024];

	plan_of(*state, SQL_DUE_HELD, plan, sizeof(plan));
	if (!strstr(plan, "USING INDEX") || strstr(plan, "TEMP B-TREE"))
		fail_msg("%s\n%s", statements[SQL_DUE_HELD], plan);
}

/* The trail of one person, whose records may be many. */
static void test_the_trail_of_one_person_is_read_in_order_without_sorting(void **state)
{
	static const enum store_sql lists[] = { SQL_AUDIT_SUBJECT_INDEXED, SQL_AUDIT_SUBJECT_LATER,
						SQL_AUDIT_SUBJECT_LAST };
	char plan[1024];

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		plan_of(*state, lists[i], plan, sizeof(plan));
		if (strstr(plan, "TEMP B-TREE"))
			fail_msg("%s\n%s", statements[lists[i]], plan);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_runs_often_goes_by_an_index, box_setup,
						box_teardown),
		cmocka_unit_test_setup_teardown(test_who_is_held_is_read_in_order_without_sorting,
						box_setup, box_teardown),
		cmocka_unit_test_setup_teardown(
		    test_the_trail_of_one_person_is_read_in_order_without_sorting, box_setup,
		    box_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
