/* An operator changes: all that was asked for with one event, or nothing and none. */
#include "order.h"
#include "store_box.h"

#include <kenmon/people.h>

static const struct km_operator new_row = { .role = KM_ROLE_APPROVER,
					    .valid_from = 20000,
					    .valid_until = 20100 };
static const struct km_person new_person = { .login = "never taken from here",
					     .employee_number = "nor this",
					     .name = "Hanako Henkou",
					     .department = "Pensions",
					     .mobile = "+819012345678",
					     .landline = "0312345678" };

static km_rc change_as(struct box *b, const struct km_operator *op, unsigned mask,
		       const struct km_operator *in, const struct km_person *person,
		       struct km_event_record *event, unsigned *changed)
{
	struct km_operator_change c = { .mask = mask,
					.who = *person,
					.role = in->role,
					.valid_from = in->valid_from,
					.valid_until = in->valid_until };
	km_rc rc;

	*event = event_of(KM_EVENT_OPERATOR_CHANGED, op->subject);
	rc = store_operator_change(b->s, op->subject, &c, event);
	if (rc == KM_OK)
		*changed = c.mask;
	else
		assert_int_equal(c.mask, mask);
	return rc;
}

static km_rc change(struct box *b, const struct km_operator *op, unsigned mask)
{
	struct km_event_record event;
	unsigned changed = 0;
	km_rc rc = change_as(b, op, mask, &new_row, &new_person, &event, &changed);

	if (rc == KM_OK)
		assert_int_equal(changed, mask);
	return rc;
}

static uint64_t records(struct box *b)
{
	struct km_counts c;

	assert_int_equal(store_counts(b->s, &c), KM_OK);
	return c.records;
}

static struct km_person person_of(struct box *b, const char *login, struct km_operator *op)
{
	struct km_person who;

	assert_int_equal(store_operator_by_login(b->s, login, op), KM_OK);
	assert_int_equal(store_person(b->s, op, &who), KM_OK);
	return who;
}

static void test_all_seven_are_changed_at_once_with_one_event(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1"), now;
	struct km_event_record event;
	struct km_person who;
	struct km_audit_row row;
	unsigned changed = 0;
	size_t count;

	assert_int_equal(change_as(b, &op, KM_CHANGE_ALL, &new_row, &new_person, &event, &changed),
			 KM_OK);
	assert_int_equal(changed, KM_CHANGE_ALL);
	assert_int_equal(store_flush(b->s), KM_OK);
	box_again(b);
	who = person_of(b, "alice", &now);
	assert_string_equal(who.login, "alice");
	assert_string_equal(who.employee_number, "1");
	assert_string_equal(who.name, "Hanako Henkou");
	assert_string_equal(who.department, "Pensions");
	assert_string_equal(who.mobile, "+819012345678");
	assert_string_equal(who.landline, "0312345678");
	assert_int_equal(now.role, KM_ROLE_APPROVER);
	assert_int_equal(now.valid_from, 20000);
	assert_int_equal(now.valid_until, 20100);
	assert_int_equal(now.uid, op.uid);
	assert_int_equal(now.state, op.state);
	assert_int_equal(now.created, op.created);
	assert_int_equal(records(b), 2);
	assert_int_equal(store_audit(b->s, 1, op.subject, 1, &row, &count), KM_OK);
	assert_int_equal(count, 1);
	assert_int_equal(row.event, KM_EVENT_OPERATOR_CHANGED);
	assert_string_equal(row.body, event.body);
	assert_string_equal(row.body,
			    "by=test changed=name,department,role,valid-from,valid-until,mobile,"
			    "landline role=approver was=operator");
}

static void test_only_what_was_named_changes(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1"), now;
	struct km_person who;

	assert_int_equal(change(b, &op, KM_CHANGE_LANDLINE), KM_OK);
	who = person_of(b, "alice", &now);
	assert_string_equal(who.landline, "0312345678");
	assert_string_equal(who.mobile, "");
	assert_string_equal(who.name, "Hanako Kenmon");
	assert_int_equal(now.role, KM_ROLE_OPERATOR);
	assert_int_equal(now.valid_until, KM_DAY_NONE);
	assert_int_equal(change(b, &op, KM_CHANGE_VALID_UNTIL), KM_OK);
	who = person_of(b, "alice", &now);
	assert_int_equal(now.valid_until, 20100);
	assert_int_equal(now.valid_from, KM_DAY_NONE);
	assert_string_equal(who.name, "Hanako Kenmon");
}

static void test_what_is_so_already_is_no_change_and_no_event(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	struct km_event_record event;
	unsigned changed = 99;

	assert_int_equal(change(b, &op, KM_CHANGE_ALL), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(change_as(b, &op, KM_CHANGE_ALL, &new_row, &new_person, &event, &changed),
			 KM_OK);
	assert_int_equal(changed, 0);
	assert_string_equal(event.body, "by=test");
	assert_int_equal(records(b), 2);
	assert_false(store_dirty(b->s));
}

static void test_a_department_has_the_tag_of_its_other_people(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1"), bob = add(b, "bob", "2"), now;

	assert_memory_equal(op.dept_tag, bob.dept_tag, KM_TAG_BYTES);
	assert_int_equal(change(b, &op, KM_CHANGE_DEPARTMENT), KM_OK);
	(void)person_of(b, "alice", &now);
	assert_memory_not_equal(now.dept_tag, bob.dept_tag, KM_TAG_BYTES);
	assert_int_equal(change(b, &bob, KM_CHANGE_DEPARTMENT), KM_OK);
	(void)person_of(b, "bob", &bob);
	assert_memory_equal(now.dept_tag, bob.dept_tag, KM_TAG_BYTES);
}

/* An account was renamed. */
static void test_a_login_can_become_another_and_nobody_elses(void **state)
{
	const struct km_person renamed = { .login = "alice.new" }, taken = { .login = "bob" };
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1"), now;
	struct km_event_record event;
	unsigned changed = 0;

	(void)add(b, "bob", "2");
	assert_int_equal(change_as(b, &op, KM_CHANGE_LOGIN, &new_row, &taken, &event, &changed),
			 KM_EEXIST);
	assert_string_equal(person_of(b, "alice", &now).login, "alice");
	assert_int_equal(records(b), 2);
	assert_int_equal(change_as(b, &op, KM_CHANGE_LOGIN, &new_row, &renamed, &event, &changed),
			 KM_OK);
	assert_string_equal(event.body, "by=test changed=login");
	assert_int_equal(store_operator_by_login(b->s, "alice", &now), KM_ENOTFOUND);
	assert_string_equal(person_of(b, "alice.new", &now).login, "alice.new");
	assert_memory_equal(now.subject, op.subject, KM_SUBJECT_BYTES);
	assert_int_equal(now.uid, op.uid);
}

/* --- refused ------------------------------------------------------------------ */

struct wrong {
	const char *what;
	unsigned mask;
	struct km_operator in;
	struct km_person person;
};

static void test_what_cannot_be_is_refused_and_nothing_is_changed(void **state)
{
	static const struct wrong all[] = {
		{ "no field", 0, { 0 }, { "" } },
		{ "a field that is none", KM_CHANGE_BY_ROSTER + 1, { 0 }, { "" } },
		{ "no login", KM_CHANGE_LOGIN, { 0 }, { .login = "" } },
		{ "no name", KM_CHANGE_NAME, { 0 }, { .name = "" } },
		{ "no department", KM_CHANGE_DEPARTMENT, { 0 }, { .department = "" } },
		{ "no such role", KM_CHANGE_ROLE, { .role = KM_ROLE_OFFICER + 1 }, { "" } },
		{ "the first day after the last",
		  KM_CHANGE_VALID_FROM | KM_CHANGE_VALID_UNTIL | KM_CHANGE_NAME,
		  { .valid_from = 2, .valid_until = 1 },
		  { .name = "other" } },
	};
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1"), now;
	struct km_operator_change named = { .mask = KM_CHANGE_NAME, .who = { .name = "N" } };
	struct km_person who, endless = { "" };
	struct km_event_record event;
	unsigned changed = 77;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (change_as(b, &op, all[i].mask, &all[i].in, &all[i].person, &event, &changed) !=
		    KM_EINVAL)
			fail_msg("%s was taken", all[i].what);
	memset(endless.mobile, '1', sizeof(endless.mobile));
	assert_int_equal(change_as(b, &op, KM_CHANGE_MOBILE, &new_row, &endless, &event, &changed),
			 KM_EINVAL);
	assert_int_equal(store_operator_change(b->s, op.subject, &named, NULL), KM_EINVAL);
	assert_int_equal(changed, 77);
	assert_string_equal(event.body, "by=test");
	who = person_of(b, "alice", &now);
	assert_string_equal(who.name, "Hanako Kenmon");
	assert_int_equal(records(b), 1);
}

static void test_a_new_last_day_is_held_against_the_first_day_that_stays(void **state)
{
	const struct km_operator early = { .valid_until = 19999 };
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	struct km_event_record event;
	unsigned changed;

	assert_int_equal(change(b, &op, KM_CHANGE_VALID_FROM), KM_OK);
	assert_int_equal(
	    change_as(b, &op, KM_CHANGE_VALID_UNTIL, &early, &new_person, &event, &changed),
	    KM_EINVAL);
}

static void test_nobody_and_who_is_being_erased_are_not_changed(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1"), nobody = { .subject = "nobody" };
	struct km_event_record e = event_of(KM_EVENT_ERASE_BEGUN, op.subject);

	assert_int_equal(change(b, &nobody, KM_CHANGE_ALL), KM_ENOTFOUND);
	assert_int_equal(store_erase_begin(b->s, op.subject, &by_hand, &e), KM_OK);
	assert_int_equal(change(b, &op, KM_CHANGE_ALL), KM_ESTATE);
	assert_int_equal(change(b, &op, KM_CHANGE_ROLE), KM_ESTATE);
	assert_int_equal(records(b), 2);
}

static void test_without_room_for_the_names_in_the_event_nothing_is_changed(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1"), now;
	struct km_event_record event = event_of(KM_EVENT_OPERATOR_CHANGED, op.subject);
	struct km_operator_change named = { .mask = KM_CHANGE_NAME, .who = { .name = "N" } };

	memset(event.body, 'x', KM_EVENT_BODY - 5);
	event.body[KM_EVENT_BODY - 5] = '\0';
	assert_int_equal(store_operator_change(b->s, op.subject, &named, &event), KM_ELIMIT);
	assert_string_equal(person_of(b, "alice", &now).name, "Hanako Kenmon");
}

static void test_a_row_that_somebody_else_changed_is_not_made_right_by_a_change(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");

	add(b, "bob", "2");
	assert_int_equal(store_flush(b->s), KM_OK);
	sql(b, DB_VAULT, "UPDATE operator SET role = 4 WHERE cursor = 1");
	assert_int_equal(change(b, &op, KM_CHANGE_VALID_UNTIL), KM_ECORRUPT);
	sql(b, DB_VAULT, "UPDATE operator SET role = 0 WHERE cursor = 1");
	sql(b, DB_IDENTITY,
	    "UPDATE person SET sealed = (SELECT sealed FROM person p "
	    "WHERE p.cursor = 2) WHERE cursor = 1");
	assert_int_equal(change(b, &op, KM_CHANGE_NAME), KM_ECORRUPT);
	assert_int_equal(records(b), 2);
}

/* --- persons of before there were telephone numbers ------------------------------ */

/* As kenmon before version 3 of vault.db wrote it. */
static void make_version_1(struct box *b, const struct km_operator *op)
{
	static const char *const fields[] = { "alice", "1", "Hanako Kenmon", "Insurance" };
	struct km_aad aad = { .table = "person", .subject = op->subject, .version = 1 };
	struct km_subject_key key KM_SUBJECT_KEY = { { 0 } };
	uint8_t plain[256], sealed[256 + KM_SEAL_OVERHEAD], *at = plain;
	sqlite3_stmt *st = NULL;
	size_t len = 0;

	for (size_t i = 0; i < 4; i++) {
		at = keys_put(at, strlen(fields[i]), 2);
		memcpy(at, fields[i], strlen(fields[i]));
		at += strlen(fields[i]);
	}
	assert_int_equal(
	    km_subject_key_unwrap(b->keys, op->subject, op->kek_generation, op->wrapped, &key),
	    KM_OK);
	assert_int_equal(
	    km_seal(b->keys, &key, &aad, plain, (size_t)(at - plain), sealed, sizeof(sealed), &len),
	    KM_OK);
	assert_int_equal(sqlite3_prepare_v2(b->s->db[DB_IDENTITY].handle,
					    "UPDATE person SET ver = 1, sealed = ?1 "
					    "WHERE cursor = ?2",
					    -1, &st, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_bind_blob64(st, 1, sealed, len, SQLITE_STATIC), SQLITE_OK);
	assert_int_equal(sqlite3_bind_int64(st, 2, (int64_t)op->cursor), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_DONE);
	sqlite3_finalize(st);
}

static void test_a_person_without_telephone_numbers_opens_and_gets_them_when_changed(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1"), now;
	struct km_person who;

	assert_int_equal(store_flush(b->s), KM_OK);
	make_version_1(b, &op);
	who = person_of(b, "alice", &now);
	assert_string_equal(who.name, "Hanako Kenmon");
	assert_string_equal(who.mobile, "");
	assert_int_equal(change(b, &op, KM_CHANGE_MOBILE), KM_OK);
	assert_int_equal(sql_number(b, DB_IDENTITY, "SELECT ver FROM person"), 2);
	who = person_of(b, "alice", &now);
	assert_string_equal(who.mobile, "+819012345678");
	assert_string_equal(who.name, "Hanako Kenmon");
	assert_string_equal(who.employee_number, "1");
}

/* --- the two commits of one flush -------------------------------------------------- */

static int refuse(void *yes)
{
	return *(bool *)yes;
}

/* vault.db does not follow: the change is undone in identity.db too. */
static void test_a_change_whose_second_commit_fails_is_undone(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1"), bob = add(b, "bob", "2"), now;
	bool refusing = true;

	assert_int_equal(change(b, &bob, KM_CHANGE_NAME), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	make_version_1(b, &op);
	assert_int_equal(change(b, &op, KM_CHANGE_ALL), KM_OK);
	sqlite3_commit_hook(b->s->db[DB_VAULT].handle, refuse, &refusing);
	assert_int_equal(store_flush(b->s), KM_EIO);
	assert_int_equal(sql_number(b, DB_IDENTITY, "SELECT ver FROM person WHERE cursor = 1"), 2);
	refusing = false;
	assert_string_equal(person_of(b, "alice", &now).name, "Hanako Kenmon");
	assert_string_equal(person_of(b, "alice", &now).mobile, "");
	assert_int_equal(now.role, KM_ROLE_OPERATOR);
	assert_int_equal(sql_number(b, DB_IDENTITY, "SELECT ver FROM person WHERE cursor = 1"), 1);
	assert_int_equal(records(b), 3);
	assert_int_equal(
	    sql_number(b, DB_IDENTITY, "SELECT count(*) FROM meta WHERE key LIKE 'was.%'"), 0);
	/* And it can be done again. */
	assert_int_equal(change(b, &op, KM_CHANGE_ALL), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	box_again(b);
	assert_string_equal(person_of(b, "alice", &now).name, "Hanako Henkou");
}

static void test_a_crash_between_the_commits_undoes_all_changes_of_that_flush_alone(void **state)
{
	const struct km_person third = { .name = "Third" };
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1"), bob = add(b, "bob", "2"), now;
	struct km_event_record event;
	bool refusing = true;
	unsigned changed;

	assert_int_equal(change(b, &bob, KM_CHANGE_NAME), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	/* Twice in one flush: what was before the first counts. */
	assert_int_equal(change(b, &op, KM_CHANGE_NAME), KM_OK);
	assert_int_equal(change_as(b, &op, KM_CHANGE_NAME, &new_row, &third, &event, &changed),
			 KM_OK);
	sqlite3_commit_hook(b->s->db[DB_VAULT].handle, refuse, &refusing);
	assert_int_equal(store_flush(b->s), KM_EIO);
	box_again(b);
	assert_string_equal(person_of(b, "alice", &now).name, "Hanako Kenmon");
	assert_string_equal(person_of(b, "bob", &now).name, "Hanako Henkou");
	assert_int_equal(records(b), 3);
}

static void
test_what_somebody_was_is_kept_until_the_next_change_and_never_after_erasure(void **state)
{
	static const char *const kept = "SELECT count(*) FROM meta WHERE key LIKE 'was.%'";
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1"), bob = add(b, "bob", "2");
	struct km_event_record e = event_of(KM_EVENT_ERASED, bob.subject);

	assert_int_equal(change(b, &op, KM_CHANGE_NAME), KM_OK);
	assert_int_equal(change(b, &op, KM_CHANGE_MOBILE), KM_OK);
	assert_int_equal(sql_number(b, DB_IDENTITY, kept), 1);
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(change(b, &bob, KM_CHANGE_NAME), KM_OK);
	assert_int_equal(sql_number(b, DB_IDENTITY, kept), 1);
	assert_int_equal(store_erase_begin(b->s, bob.subject, &by_hand, &e), KM_OK);
	assert_int_equal(store_erase_rows(b->s, bob.subject), KM_OK);
	assert_int_equal(store_erase_finish(b->s, bob.subject, &e), KM_OK);
	assert_int_equal(sql_number(b, DB_IDENTITY, kept), 0);
	/* Where only vault.db changes there is nothing to keep. */
	assert_int_equal(change(b, &op, KM_CHANGE_ROLE), KM_OK);
	assert_int_equal(sql_number(b, DB_IDENTITY, kept), 0);
}

static void test_a_row_of_before_that_somebody_cut_is_passed_over(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1"), now;
	bool refusing = true;

	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(change(b, &op, KM_CHANGE_NAME), KM_OK);
	sql(b, DB_IDENTITY, "UPDATE meta SET value = x'ff' WHERE key = 'was.1'");
	sqlite3_commit_hook(b->s->db[DB_VAULT].handle, refuse, &refusing);
	assert_int_equal(store_flush(b->s), KM_EIO);
	box_again(b);
	assert_string_equal(person_of(b, "alice", &now).name, "Hanako Henkou");
	assert_int_equal(
	    sql_number(b, DB_IDENTITY, "SELECT count(*) FROM meta WHERE key LIKE 'was.%'"), 0);
}

#define CHANGE_TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHANGE_TEST(test_all_seven_are_changed_at_once_with_one_event),
		CHANGE_TEST(test_only_what_was_named_changes),
		CHANGE_TEST(test_what_is_so_already_is_no_change_and_no_event),
		CHANGE_TEST(test_a_department_has_the_tag_of_its_other_people),
		CHANGE_TEST(test_a_login_can_become_another_and_nobody_elses),
		CHANGE_TEST(test_what_cannot_be_is_refused_and_nothing_is_changed),
		CHANGE_TEST(test_a_new_last_day_is_held_against_the_first_day_that_stays),
		CHANGE_TEST(test_nobody_and_who_is_being_erased_are_not_changed),
		CHANGE_TEST(test_without_room_for_the_names_in_the_event_nothing_is_changed),
		CHANGE_TEST(test_a_row_that_somebody_else_changed_is_not_made_right_by_a_change),
		CHANGE_TEST(
		    test_a_person_without_telephone_numbers_opens_and_gets_them_when_changed),
		CHANGE_TEST(test_a_change_whose_second_commit_fails_is_undone),
		CHANGE_TEST(
		    test_a_crash_between_the_commits_undoes_all_changes_of_that_flush_alone),
		CHANGE_TEST(test_a_row_of_before_that_somebody_cut_is_passed_over),
		CHANGE_TEST(
		    test_what_somebody_was_is_kept_until_the_next_change_and_never_after_erasure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
