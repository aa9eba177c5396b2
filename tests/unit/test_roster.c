/* A roster is handed in: what each row would do, and that a file with a fault does nothing. */
#include "clocks.h"
#include "roster_scene.h"

#include "../../authd/vault/roster_row.h"

/* --- outcomes ------------------------------------------------------------------------------- */

static void test_a_first_roster_registers_everybody_under_no_uid(void **state)
{
	struct km_credential factors[KM_MAX_CREDENTIALS];
	struct paper *p = paper(1);
	struct km_operator op;
	size_t count = 7;

	(void)state;
	put_person(p, (struct person){ .number = "1",
				       .login = "alice",
				       .name = "山田 花子",
				       .department = "税務課",
				       .role = "registrar",
				       .until = TODAY + 400,
				       .mobile = "09012345678" });
	put_person(p, (struct person){ .number = "2", .status = KM_ROSTER_LEAVE });
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_OK);
	assert_int_equal(p->sum.joined, 2);
	assert_int_equal(p->sum.brake, KM_BRAKE_NONE);
	work_off();
	op = operator_of("alice");
	assert_int_equal(op.uid, -1);
	assert_int_equal(op.state, KM_ACTIVE);
	assert_int_equal(op.role, KM_ROLE_REGISTRAR);
	assert_int_equal(op.valid_until, TODAY + 400);
	assert_string_equal(person_of("alice").mobile, "09012345678");
	/* What the register says is no factor: nothing is sent there. */
	assert_int_equal(store_credentials(room.v->store, op.subject, factors, &count), KM_OK);
	assert_int_equal(count, 0);
	assert_string_equal(person_of("alice").name, "山田 花子");
	assert_int_equal(operator_of("2").state, KM_SUSPENDED);
	assert_int_equal(recorded(KM_EVENT_FEED_ACCEPTED), 1);
	assert_int_equal(recorded(KM_EVENT_FEED_DONE), 1);
}

static void test_a_check_changes_nothing_and_leaves_nothing(void **state)
{
	struct paper *p = paper(1);

	(void)state;
	put_staff(p, 300);
	assert_int_equal(roster(p, false, ANY_ERASURES), KM_OK);
	assert_int_equal(p->sum.joined, 300);
	rounds(6);
	assert_int_equal(everybody(), 0);
	assert_int_equal(rows_in("feed"), 0);
	assert_int_equal(rows_in("stage"), 0);
	assert_int_equal(rows_in("work_key"), 0);
	assert_int_equal(recorded(KM_EVENT_FEED_ACCEPTED), 0);
}

/* What each kind of row means for one who is registered as the staff is. */
static void test_every_change_of_a_row_is_told_and_done(void **state)
{
	static const struct {
		struct person now;
		enum km_outcome outcome;
		const char *text;
	} cases[] = {
		{ { .number = "n0001" }, KM_OUTCOME_SAME, "" },
		{ { .number = "n0001", .name = "Other" }, KM_OUTCOME_CHANGED, "name" },
		{ { .number = "n0001", .department = "Roads" }, KM_OUTCOME_CHANGED, "department" },
		{ { .number = "n0001", .role = "auditor" }, KM_OUTCOME_CHANGED, "role" },
		{ { .number = "n0001", .role = "operator" }, KM_OUTCOME_SAME, "" },
		{ { .number = "n0001", .until = 40000 }, KM_OUTCOME_CHANGED, "valid_until" },
		{ { .number = "n0001", .from = 4 }, KM_OUTCOME_CHANGED, "valid_from" },
		{ { .number = "n0001", .mobile = "+8190" }, KM_OUTCOME_CHANGED, "mobile" },
		{ { .number = "n0001", .landline = "0312" }, KM_OUTCOME_CHANGED, "landline" },
		{ { .number = "n0001", .login = "renamed" }, KM_OUTCOME_CHANGED, "login" },
		{ { .number = "n0001", .login = "n0002" },
		  KM_OUTCOME_WRONG,
		  "the login belongs to another operator" },
		{ { .number = "n0001", .status = KM_ROSTER_LEAVE }, KM_OUTCOME_ON_LEAVE, "" },
		{ { .number = "n0001", .status = KM_ROSTER_RETIRED }, KM_OUTCOME_LEFT, "retired" },
		{ { .number = "n0001", .status = KM_ROSTER_TRANSFERRED },
		  KM_OUTCOME_LEFT,
		  "transferred" },
		{ { .number = "n0001", .until = 5 }, KM_OUTCOME_LEFT, "expired" },
		{ { .number = "x1" }, KM_OUTCOME_JOINED, "" },
		{ { .number = "x1", .status = KM_ROSTER_RETIRED }, KM_OUTCOME_SAME, "" },
		{ { .number = "x1", .until = 5 }, KM_OUTCOME_SAME, "" },
		{ { .number = "x1", .login = "n0002" },
		  KM_OUTCOME_WRONG,
		  "the login belongs to another operator" },
	};

	(void)state;
	staff_of(8);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct km_msg m = { .number = KM_MSG_ROSTER_LIST };
		struct paper *p = paper_about(7, cases[i].now);
		int line = desk_comes();
		km_rc rc;

		assert_int_equal(begins(line, p).rc, 0);
		hands_in_all(line, p);
		rc = ends(line, p, false, ANY_ERASURES);
		assert_int_equal(rc, cases[i].outcome == KM_OUTCOME_WRONG ? KM_EINVAL : KM_OK);
		m.roster_list.limit = 10;
		asks(line, &m);
		if (cases[i].outcome == KM_OUTCOME_SAME) {
			assert_int_equal(m.number, KM_MSG_DONE);
			assert_int_equal(p->sum.same, 1);
		} else {
			assert_int_equal(m.number, KM_MSG_ROSTER_NOTE);
			assert_int_equal(m.roster_note.outcome, cases[i].outcome);
			assert_int_equal(m.roster_note.line, 2);
			assert_string_equal(m.roster_note.text, cases[i].text);
		}
		close(line);
		vault_round(room.v, 0);
	}
}

static void test_changes_are_sealed_anew_and_the_uid_never_changes(void **state)
{
	struct km_operator before, after;
	struct paper *p;

	(void)state;
	staff_of(8);
	before = operator_of("n0001");
	p = paper_about(2, (struct person){ .number = "n0001",
					    .login = "renamed",
					    .name = "Other",
					    .department = "Roads",
					    .role = "approver",
					    .landline = "0312345678" });
	applies(p);
	after = operator_of("renamed");
	assert_memory_equal(after.subject, before.subject, KM_SUBJECT_BYTES);
	assert_int_equal(after.uid, before.uid);
	assert_int_equal(after.role, KM_ROLE_APPROVER);
	assert_memory_not_equal(after.dept_tag, before.dept_tag, KM_TAG_BYTES);
	assert_string_equal(person_of("renamed").landline, "0312345678");
	assert_string_equal(person_of("renamed").department, "Roads");
	assert_int_equal(operator_of("n0001").cursor, 0);
	assert_int_equal(recorded(KM_EVENT_OPERATOR_CHANGED), 1);
}

/* A column that the file does not have changes nothing, whatever its rows hold. */
static void test_a_column_that_is_not_there_changes_nothing(void **state)
{
	struct km_msg m = { .number = KM_MSG_ROSTER_BEGIN };
	struct paper *p;
	int line;

	(void)state;
	staff_of(8);
	line = desk_comes();
	p = paper_about(2, (struct person){ .number = "n0001", .role = "auditor", .until = 40000 });
	memset(m.roster_begin.digest, 2, sizeof(m.roster_begin.digest));
	m.roster_begin.rows = 1;
	assert_int_equal(does(line, m).rc, 0);
	hands_in_all(line, p);
	assert_int_equal(ends(line, p, false, ANY_ERASURES), KM_OK);
	assert_int_equal(p->sum.same, 1);
	close(line);
}

static void test_somebody_on_leave_comes_back(void **state)
{
	struct paper *p;

	(void)state;
	staff_of(8);
	p = paper_about(2, (struct person){ .number = "n0001", .status = KM_ROSTER_LEAVE });
	applies(p);
	assert_int_equal(operator_of("n0001").state, KM_SUSPENDED);
	p = paper_about(3, (struct person){ .number = "n0001" });
	applies(p);
	assert_int_equal(p->sum.changed, 1);
	assert_int_equal(operator_of("n0001").state, KM_ACTIVE);
}

static void test_who_was_suspended_by_hand_is_resumed_by_no_roster(void **state)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_STATE };
	static const enum km_roster_status each[] = { KM_ROSTER_LEAVE, KM_ROSTER_ACTIVE };
	int line;

	(void)state;
	staff_of(8);
	line = desk_comes();
	snprintf(m.operator_state.login, sizeof(m.operator_state.login), "n0001");
	m.operator_state.state = KM_SUSPENDED;
	assert_int_equal(does(line, m).rc, 0);
	for (size_t i = 0; i < 2; i++) {
		applies(paper_about((uint8_t)(2 + i),
				    (struct person){ .number = "n0001", .status = each[i] }));
		assert_int_equal(operator_of("n0001").state, KM_SUSPENDED);
	}
	close(line);
}

/* --- leaving --------------------------------------------------------------------------------- */

static void test_who_left_is_erased_and_their_number_never_given_again(void **state)
{
	struct paper *p;

	(void)state;
	staff_of(8);
	p = paper_about(2, (struct person){ .number = "n0001", .status = KM_ROSTER_RETIRED });
	applies(p);
	rounds(6);
	assert_int_equal(operator_of("n0001").cursor, 0);
	assert_int_equal(everybody(), 7);
	assert_int_equal(rows_in("due"), 0);
	assert_int_equal(recorded(KM_EVENT_ERASED), 1);
	p = paper_about(3, (struct person){ .number = "n0001" });
	put_person(p, (struct person){ .number = "n0009" });
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_OK);
	assert_int_equal(p->sum.wrong, 0);
	assert_int_equal(p->sum.joined, 1); /* the others' rows count, whoever stays erased */
	work_off();
	assert_int_equal(operator_of("n0001").cursor, 0);
	assert_int_equal(everybody(), 8);
	/* Listed as retired year after year: nothing to do. */
	p = paper_about(4, (struct person){ .number = "n0001", .status = KM_ROSTER_RETIRED });
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_OK);
	assert_int_equal(p->sum.same, 1);
}

static unsigned barred_of(uint8_t digest, int64_t until)
{
	struct paper *p = paper_about(digest, (struct person){ .number = "n0001", .until = until });

	assert_int_equal(roster(p, false, ANY_ERASURES), KM_OK);
	assert_int_equal(p->sum.same + p->sum.barred, 1);
	return p->sum.barred;
}

/* While they are erased as when they are: one and the same row. */
static void test_whose_last_day_is_over_is_not_barred(void **state)
{
	const struct km_erase_order order = { .cause = KM_CAUSE_EXPIRED };
	struct km_event_record r;
	struct km_operator op;

	(void)state;
	staff_of(8);
	op = operator_of("n0001");
	event_make(&r, KM_EVENT_ERASE_BEGUN, op.subject, "test");
	assert_int_equal(store_erase_begin(room.v->store, op.subject, &order, &r), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	assert_int_equal(barred_of(2, 0), 1);
	assert_int_equal(barred_of(3, room.v->now.today - 1), 0);
	room.v->erasing = true;
	rounds(4);
	assert_int_equal(barred_of(4, 0), 1);
	assert_int_equal(barred_of(5, room.v->now.today - 1), 0);
}

static void test_a_day_to_come_is_kept_and_may_be_taken_back(void **state)
{
	struct paper *p;

	(void)state;
	staff_of(8);
	p = paper_about(2, (struct person){ .number = "n0001",
					    .status = KM_ROSTER_TRANSFERRED,
					    .until = TODAY + 9 });
	applies(p);
	assert_int_equal(due_for("n0001", KM_DUE_ERASE).day, TODAY + 10);
	assert_int_equal(due_for("n0001", KM_DUE_ERASE).cause, KM_CAUSE_TRANSFERRED);
	assert_int_equal(operator_of("n0001").state, KM_ACTIVE);
	p = paper_about(3, (struct person){ .number = "n0001" });
	applies(p);
	assert_int_equal(due_for("n0001", KM_DUE_ERASE).id, 0);
	assert_int_equal(recorded(KM_EVENT_DUE_DROPPED), 1);
	assert_int_equal(operator_of("n0001").state, KM_ACTIVE);
}

static void test_a_move_out_of_the_covered_departments_is_a_transfer(void **state)
{
	struct paper *p = paper(1);

	(void)state;
	snprintf(room.v->conf.roster.departments, sizeof(room.v->conf.roster.departments),
		 "Taxes, Roads");
	snprintf(room.v->conf.roster.other_departments,
		 sizeof(room.v->conf.roster.other_departments), "Parks, Water");
	put_staff(p, 8);
	put_person(p, (struct person){ .number = "r1", .department = "Roads" });
	put_person(p, (struct person){ .number = "x1", .department = "Water" });
	applies(p);
	assert_int_equal(everybody(), 9);
	p = paper_about(2, (struct person){ .number = "n0001", .department = "Roads" });
	put_person(p, (struct person){ .number = "n0002", .department = "Water" });
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_OK);
	assert_int_equal(p->sum.changed, 1);
	assert_int_equal(p->sum.left, 1);
	work_off();
	rounds(6);
	assert_int_equal(operator_of("n0002").cursor, 0);
	assert_true(operator_of("n0001").cursor > 0);
}

/* "Watre": a slip of the pen is no move out, and destroys nothing before somebody has looked. */
static void test_a_move_to_a_department_that_nobody_knows_waits_for_a_second_person(void **state)
{
	struct paper *p;

	(void)state;
	snprintf(room.v->conf.roster.departments, sizeof(room.v->conf.roster.departments),
		 "Taxes, Roads");
	snprintf(room.v->conf.roster.other_departments,
		 sizeof(room.v->conf.roster.other_departments), "Water");
	staff_of(8);
	p = paper_about(2, (struct person){ .number = "n0001", .department = "Watre" });
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_EBRAKE);
	assert_int_equal(p->sum.brake, KM_BRAKE_DEPARTMENT);
	rounds(6);
	assert_int_equal(operator_of("n0001").state, KM_ACTIVE);
	/* Whoever leaves anyway leaves, whatever the row says about where to. */
	applies(paper_about(3, (struct person){ .number = "n0002",
						.department = "Watre",
						.status = KM_ROSTER_TRANSFERRED }));
	rounds(6);
	assert_int_equal(operator_of("n0002").cursor, 0);
	/* That nobody works in it yet makes one that is covered no unknown one. */
	p = paper_about(4, (struct person){ .number = "n0003", .department = "Roads" });
	put_person(p, (struct person){ .number = "n0004", .department = "Water" });
	applies(p);
	rounds(6);
	assert_int_equal(operator_of("n0003").state, KM_ACTIVE);
	assert_int_equal(operator_of("n0004").cursor, 0);
}

static struct msg_done moves_by_hand(const char *login, const char *department)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_CHANGE };
	int line = desk_comes();
	struct msg_done h;

	m.operator_change.mask = KM_CHANGE_DEPARTMENT;
	snprintf(m.operator_change.login, sizeof(m.operator_change.login), "%s", login);
	snprintf(m.operator_change.department, sizeof(m.operator_change.department), "%s",
		 department);
	h = does(line, m);
	close(line);
	return h;
}

static void test_nobody_is_moved_out_by_hand_without_a_transfer(void **state)
{
	struct msg_done h;

	(void)state;
	staff_of(8);
	assert_int_equal(moves_by_hand("n0002", "Water").rc, 0);
	snprintf(room.v->conf.roster.departments, sizeof(room.v->conf.roster.departments),
		 "Taxes, Roads");
	h = moves_by_hand("n0001", "Water");
	assert_int_equal(-(int)h.rc, KM_EINVAL);
	assert_non_null(strstr(h.text, "kenmon transfer"));
	assert_int_equal(moves_by_hand("n0001", "Roads").rc, 0);
	/* Who is out already may move, and come in. */
	assert_int_equal(moves_by_hand("n0002", "Parks").rc, 0);
	assert_int_equal(moves_by_hand("n0002", "Taxes").rc, 0);
}

static void test_a_new_number_under_the_login_of_one_who_leaves_is_rehired(void **state)
{
	struct paper *p;

	(void)state;
	staff_of(8);
	p = paper(2);
	p->part = true;
	/* In this order: the login is not free when the row is read. */
	put_person(p, (struct person){ .number = "x1", .login = "n0001" });
	put_person(p, (struct person){ .number = "n0001", .status = KM_ROSTER_RETIRED });
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_OK);
	assert_int_equal(p->sum.rehired, 1);
	assert_int_equal(p->sum.left, 1);
	room.v->feed.again_ms = 0;
	for (unsigned i = 0; i < 40 && room.v->feed.working; i++) {
		rounds(1);
		room.v->feed.again_ms = 0;
	}
	assert_int_equal(room.v->feed.working, 0);
	assert_string_equal(person_of("n0001").employee_number, "x1");
	assert_int_equal(operator_of("n0001").uid, -1);
	assert_int_equal(recorded(KM_EVENT_ERASED), 1);
}

static void test_who_is_missing_is_suspended_and_erased_only_after_the_wait(void **state)
{
	struct km_due_row due;
	struct paper *p;

	(void)state;
	staff_of(9);
	p = paper(2);
	put_staff(p, 8);
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_OK);
	assert_int_equal(p->sum.missing, 1);
	work_off();
	assert_int_equal(operator_of("n0009").state, KM_SUSPENDED);
	due = due_for("n0009", KM_DUE_ERASE);
	assert_int_equal(due.cause, KM_CAUSE_MISSING);
	assert_int_equal(due.day, TODAY + 7);
	assert_int_equal(recorded(KM_EVENT_OPERATOR_MISSING), 1);
	/* Missing again: that is known. */
	p = paper(3);
	put_staff(p, 8);
	applies(p);
	assert_int_equal(p->sum.missing, 0);
	/* And back. */
	p = paper(4);
	put_staff(p, 9);
	applies(p);
	assert_int_equal(operator_of("n0009").state, KM_ACTIVE);
	assert_int_equal(due_for("n0009", KM_DUE_ERASE).id, 0);
}

static void test_nobody_who_was_registered_after_it_was_begun_is_missing(void **state)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_ADD };
	int line, other;
	struct paper *p;

	(void)state;
	staff_of(8);
	p = paper(2);
	put_staff(p, 8);
	line = desk_comes();
	assert_int_equal(begins(line, p).rc, 0);
	other = desk_comes();
	snprintf(m.operator_add.login, sizeof(m.operator_add.login), "late");
	snprintf(m.operator_add.employee_number, sizeof(m.operator_add.employee_number), "l1");
	snprintf(m.operator_add.name, sizeof(m.operator_add.name), "Late");
	snprintf(m.operator_add.department, sizeof(m.operator_add.department), "Taxes");
	m.operator_add.uid = m.operator_add.valid_from = m.operator_add.valid_until = -1;
	assert_int_equal(does(other, m).rc, 0);
	hands_in_all(line, p);
	assert_int_equal(ends(line, p, true, ANY_ERASURES), KM_OK);
	work_off();
	assert_int_equal(operator_of("late").state, KM_ACTIVE);
	close(line);
	close(other);
}

/* --- faults ----------------------------------------------------------------------------------- */

static void test_one_wrong_row_and_nothing_is_applied(void **state)
{
	static const struct {
		struct person who;
		enum roster_fault fault;
	} cases[] = {
		{ { .number = "", .login = "a" }, ROW_NUMBER },
		{ { .number = "1", .login = "" }, ROW_LOGIN },
		{ { .number = "1", .login = "../etc" }, ROW_LOGIN },
		{ { .number = "1", .login = "-rf" }, ROW_LOGIN },
		{ { .number = "1", .login = "a b" }, ROW_LOGIN },
		{ { .number = "1", .name = "" }, ROW_NAME },
		{ { .number = "1", .name = "a\nb" }, ROW_TEXT },
		{ { .number = "1", .name = "\x1b[2J" }, ROW_TEXT },
		{ { .number = "1",
		    .name = "a\xe2\x80\xa8"
			    "b" },
		  ROW_TEXT },
		{ { .number = "1",
		    .name = "a\xe2\x80\x8b"
			    "b" },
		  ROW_TEXT },
		{ { .number = "1", .name = "\xff" }, ROW_TEXT },
		{ { .number = "1", .department = "" }, ROW_DEPARTMENT },
		{ { .number = "1", .role = "root" }, ROW_ROLE },
		{ { .number = "1", .status = 9 }, ROW_STATUS },
		{ { .number = "1", .from = 9, .until = 8 }, ROW_DATES },
		{ { .number = "1", .until = -9 }, ROW_DATES },
		{ { .number = "1", .mobile = "090-1234" }, ROW_PHONE },
		{ { .number = "1", .landline = "+" }, ROW_PHONE },
		{ { .number = "n0001", .login = "z" }, ROW_NUMBER_TWICE },
		{ { .number = "z", .login = "n0001" }, ROW_LOGIN_TWICE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct km_msg m = { .number = KM_MSG_ROSTER_LIST };
		struct paper *p = paper(1);
		int line = desk_comes();

		put_staff(p, 2);
		put_person(p, cases[i].who);
		assert_int_equal(begins(line, p).rc, 0);
		hands_in_all(line, p);
		assert_int_equal(ends(line, p, true, ANY_ERASURES), KM_EINVAL);
		assert_int_equal(p->sum.wrong, 1);
		assert_int_equal(p->sum.joined, 2);
		m.roster_list.limit = 10;
		m.roster_list.after = 3;
		asks(line, &m);
		assert_int_equal(m.roster_note.outcome, KM_OUTCOME_WRONG);
		assert_int_equal(m.roster_note.line, 4);
		assert_string_equal(m.roster_note.text, roster_fault_text(cases[i].fault));
		close(line);
		vault_round(room.v, 0);
		work_off();
		assert_int_equal(everybody(), 0);
	}
}

static void test_a_field_that_is_too_long_is_a_fault_of_its_row(void **state)
{
	struct paper *p = paper(1);
	char name[4097];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	put_person(p, (struct person){ .number = "1", .name = name });
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_EINVAL);
	assert_int_equal(p->sum.wrong, 1);
}

/* Cut anywhere, or with a byte more, a slice is no slice; and what came before it goes too. */
static void test_a_row_that_is_lost_after_it_came_makes_nobody_missing(void **state)
{
	struct paper *p = paper(2);
	int line;

	(void)state;
	staff_of(8);
	p = paper(2);
	p->made = 2000;
	put_staff(p, 8);
	line = desk_comes();
	assert_int_equal(begins(line, p).rc, 0);
	hands_in_all(line, p);
	assert_int_equal(number_from(DB_VAULT, "DELETE FROM stage WHERE line = 4 RETURNING 1"), 1);
	assert_int_equal(ends(line, p, true, ANY_ERASURES), KM_ECORRUPT);
	close(line);
	work_off();
	assert_int_equal(operator_of("n0003").state, KM_ACTIVE);
	assert_int_equal(recorded(KM_EVENT_OPERATOR_MISSING), 0);
}

/* identity.db is no place from which to say who goes: whose number it is says what is sealed. */
static void test_who_left_is_nobody_who_was_given_their_tag(void **state)
{
	static const char swap[] =
	    "CREATE TEMP TABLE was AS SELECT cursor, emp_tag FROM person WHERE cursor < 3;"
	    "UPDATE person SET emp_tag = zeroblob(cursor) WHERE cursor < 3;"
	    "UPDATE person SET emp_tag = (SELECT was.emp_tag FROM was "
	    "WHERE was.cursor = 3 - person.cursor) WHERE cursor < 3";
	struct paper *p;
	int line;

	(void)state;
	staff_of(8);
	assert_int_equal(
	    sqlite3_exec(room.v->store->db[DB_IDENTITY].handle, swap, NULL, NULL, NULL), SQLITE_OK);
	p = paper_about(2, (struct person){ .number = "n0001", .status = KM_ROSTER_RETIRED });
	line = desk_comes();
	assert_int_equal(begins(line, p).rc, 0);
	assert_int_equal(km_rc_from_wire(hands_in(line, p->bytes, p->len).rc), KM_ECORRUPT);
	close(line);
	work_off();
	rounds(6);
	assert_int_equal(operator_of("n0002").state, KM_ACTIVE);
	assert_int_equal(everybody(), 8);
	assert_int_equal(rows_in("due"), 0);
}

static void test_a_slice_that_is_cut_anywhere_ends_its_roster(void **state)
{
	struct paper *p = paper(1);
	uint8_t *bytes;

	(void)state;
	put_staff(p, 2);
	for (size_t len = 1; len < p->len; len++) {
		int line;

		if (len == p->len / 2)
			continue; /* one row is a slice */
		line = desk_comes();
		assert_int_equal(begins(line, p).rc, 0);
		bytes = malloc(len); /* so that a byte too many is seen */
		memcpy(bytes, p->bytes, len);
		assert_int_equal(hands_in(line, bytes, len).rc, -KM_EINVAL);
		free(bytes);
		assert_int_equal(ends(line, p, true, ANY_ERASURES), KM_ESTATE);
		close(line);
		vault_round(room.v, 0);
	}
	assert_int_equal(rows_in("feed"), 0);
}

static void test_more_or_fewer_rows_than_announced_are_refused(void **state)
{
	struct paper *p = paper(1);
	int line = desk_comes();

	(void)state;
	put_staff(p, 3);
	p->rows = 2;
	assert_int_equal(begins(line, p).rc, 0);
	assert_int_equal(hands_in(line, p->bytes, p->len).rc, -KM_EINVAL);
	p->rows = 4;
	assert_int_equal(begins(line, p).rc, 0);
	hands_in_all(line, p);
	assert_int_equal(ends(line, p, true, ANY_ERASURES), KM_EINVAL);
	assert_int_equal(p->sum.brake, KM_BRAKE_CUT);
	close(line);
	work_off();
	assert_int_equal(everybody(), 0);
}

/* --- lines ------------------------------------------------------------------------------------ */

static void test_a_line_that_closes_leaves_nothing(void **state)
{
	struct paper *p = paper(1);
	int line = desk_comes();

	(void)state;
	put_staff(p, 5);
	assert_int_equal(begins(line, p).rc, 0);
	hands_in_all(line, p);
	close(line);
	rounds(4);
	assert_int_equal(rows_in("feed"), 0);
	assert_int_equal(rows_in("stage"), 0);
	assert_int_equal(rows_in("work_key"), 0);
}

static void test_one_roster_at_a_time(void **state)
{
	struct paper *p = paper(1);
	int first = desk_comes(), second = desk_comes();

	(void)state;
	put_staff(p, 200);
	assert_int_equal(begins(first, p).rc, 0);
	assert_int_equal(begins(second, p).rc, -KM_EAGAIN);
	assert_int_equal(hands_in(second, p->bytes, 100).rc, -KM_ESTATE);
	/* Begun anew by its own line it is another one. */
	assert_int_equal(begins(first, p).rc, 0);
	hands_in_all(first, p);
	assert_int_equal(ends(first, p, true, ANY_ERASURES), KM_OK);
	assert_int_equal(ends(first, p, true, ANY_ERASURES), KM_ESTATE);
	assert_int_equal(begins(second, p).rc, -KM_EAGAIN);
	work_off();
	assert_int_equal(begins(second, p).rc, 0);
	close(first);
	close(second);
}

static void test_a_line_that_falls_silent_keeps_nobody_from_a_roster(void **state)
{
	struct paper *p = paper(1);
	int silent = desk_comes(), next = desk_comes();

	(void)state;
	put_staff(p, 5);
	clocks_hold();
	assert_int_equal(begins(silent, p).rc, 0);
	hands_in_all(silent, p);
	room.v->roster.heard_ms -= 120 * 1000 - 1;
	assert_int_equal(begins(next, p).rc, -KM_EAGAIN);
	room.v->roster.heard_ms -= 1;
	assert_int_equal(begins(next, p).rc, 0);
	clocks_go_on();
	/* And nothing that the silent one says later is taken for the other's. */
	assert_int_equal(hands_in(silent, p->bytes, p->len).rc, -KM_ESTATE);
	assert_int_equal(ends(silent, p, true, ANY_ERASURES), KM_ESTATE);
	hands_in_all(next, p);
	assert_int_equal(ends(next, p, true, ANY_ERASURES), KM_OK);
	work_off();
	assert_int_equal(everybody(), 5);
	close(silent);
	close(next);
}

static void test_what_a_silent_line_has_staged_is_destroyed_after_an_hour(void **state)
{
	struct paper *p = paper(1);
	int line = desk_comes();

	(void)state;
	put_staff(p, 5);
	assert_int_equal(begins(line, p).rc, 0);
	hands_in_all(line, p);
	room.v->roster.heard_ms -= 59 * 60 * 1000;
	rounds(4);
	assert_int_equal(rows_in("work_key"), 1);
	room.v->roster.heard_ms -= 60 * 1000;
	rounds(4);
	assert_int_equal(rows_in("feed"), 0);
	assert_int_equal(rows_in("stage"), 0);
	assert_int_equal(rows_in("work_key"), 0);
	assert_int_equal(ends(line, p, true, ANY_ERASURES), KM_ESTATE);
	close(line);
}

static void test_what_a_stop_leaves_is_dropped_by_the_next_start(void **state)
{
	struct paper *p = paper(1);
	int line = desk_comes();

	(void)state;
	put_staff(p, 5);
	assert_int_equal(begins(line, p).rc, 0);
	hands_in_all(line, p);
	room_stop();
	close(line);
	assert_int_equal(room_start(), 0);
	assert_int_equal(rows_in("feed"), 1);
	vault_round(room.v, 0);
	vault_round(room.v, 0);
	vault_round(room.v, 0);
	assert_int_equal(rows_in("feed"), 0);
	assert_int_equal(rows_in("stage"), 0);
}

static void test_a_listing_comes_in_pages_rows_first_then_the_missing(void **state)
{
	struct paper *p;
	uint64_t after = 0;
	unsigned rows = 0, gone = 0, pages = 0;
	int line;

	(void)state;
	staff_of(40);
	p = paper(2);
	for (unsigned i = 0; i < 20; i++) {
		char number[16];

		snprintf(number, sizeof(number), "x%u", i);
		put_person(p, (struct person){ .number = number });
	}
	line = desk_comes();
	assert_int_equal(begins(line, p).rc, 0);
	hands_in_all(line, p);
	assert_int_equal(ends(line, p, false, ANY_ERASURES), KM_OK);
	assert_int_equal(p->sum.missing, 40);
	for (unsigned last = 7; last == 7; pages++) {
		struct km_msg m = { .number = KM_MSG_ROSTER_LIST };

		m.roster_list.after = after;
		m.roster_list.limit = 7;
		asks(line, &m);
		last = 0;
		while (m.number == KM_MSG_ROSTER_NOTE) {
			assert_true(m.roster_note.cursor > after);
			after = m.roster_note.cursor;
			rows += m.roster_note.outcome == KM_OUTCOME_JOINED;
			gone += m.roster_note.outcome == KM_OUTCOME_GONE;
			assert_true(m.roster_note.login[0] != '\0');
			last++;
			assert_int_equal(hear(line, KM_PHASE_DESK_TALK, &m, NULL), KM_OK);
		}
	}
	assert_int_equal(rows, 20);
	assert_int_equal(gone, 40);
	close(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOM(test_a_first_roster_registers_everybody_under_no_uid),
		IN_ROOM(test_a_check_changes_nothing_and_leaves_nothing),
		IN_ROOM(test_every_change_of_a_row_is_told_and_done),
		IN_ROOM(test_changes_are_sealed_anew_and_the_uid_never_changes),
		IN_ROOM(test_a_column_that_is_not_there_changes_nothing),
		IN_ROOM(test_somebody_on_leave_comes_back),
		IN_ROOM(test_who_was_suspended_by_hand_is_resumed_by_no_roster),
		IN_ROOM(test_who_left_is_erased_and_their_number_never_given_again),
		IN_ROOM(test_whose_last_day_is_over_is_not_barred),
		IN_ROOM(test_a_day_to_come_is_kept_and_may_be_taken_back),
		IN_ROOM(test_a_move_out_of_the_covered_departments_is_a_transfer),
		IN_ROOM(test_nobody_is_moved_out_by_hand_without_a_transfer),
		IN_ROOM(test_a_move_to_a_department_that_nobody_knows_waits_for_a_second_person),
		IN_ROOM(test_a_new_number_under_the_login_of_one_who_leaves_is_rehired),
		IN_ROOM(test_who_is_missing_is_suspended_and_erased_only_after_the_wait),
		IN_ROOM(test_nobody_who_was_registered_after_it_was_begun_is_missing),
		IN_ROOM(test_one_wrong_row_and_nothing_is_applied),
		IN_ROOM(test_a_field_that_is_too_long_is_a_fault_of_its_row),
		IN_ROOM(test_a_row_that_is_lost_after_it_came_makes_nobody_missing),
		IN_ROOM(test_who_left_is_nobody_who_was_given_their_tag),
		IN_ROOM(test_a_slice_that_is_cut_anywhere_ends_its_roster),
		IN_ROOM(test_more_or_fewer_rows_than_announced_are_refused),
		IN_ROOM(test_a_line_that_closes_leaves_nothing),
		IN_ROOM(test_one_roster_at_a_time),
		IN_ROOM(test_a_line_that_falls_silent_keeps_nobody_from_a_roster),
		IN_ROOM(test_what_a_silent_line_has_staged_is_destroyed_after_an_hour),
		IN_ROOM(test_what_a_stop_leaves_is_dropped_by_the_next_start),
		IN_ROOM(test_a_listing_comes_in_pages_rows_first_then_the_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
