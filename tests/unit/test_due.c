/*
 * C18, C35: what is due happens on its day, and no mistake of a file or of a clock
 * destroys anything.
 */
#include "clocks.h"
#include "due_scene.h"

#include "../../authd/vault/gate.h"
#include "../../authd/vault/sign.h"

/* --- time ------------------------------------------------------------------------------------- */

/* The vault ran on each of these days. */
static void days_pass(unsigned days)
{
	for (unsigned i = 0; i < days; i++)
		later(1);
}

static enum km_reason reason_for(const char *login)
{
	struct km_operator op = operator_of(login);
	enum km_reason reason = gate_reason(&op, TODAY, 0, true);

	if (reason == KM_REASON_NONE)
		assert_int_equal(queue_reason(room.v, &op, &reason), KM_OK);
	return reason;
}

/* --- by hand -----------------------------------------------------------------------------------
 */

static void test_a_transfer_refuses_and_erases_from_its_day_on(void **state)
{
	(void)state;
	staff_of(8);
	assert_int_equal(transfer("n0001", TODAY + 3).rc, 0);
	assert_int_equal(transfer("nobody", TODAY + 3).rc, -KM_ENOTFOUND);
	assert_int_equal(transfer("n0002", KM_DAY_NONE).rc, -KM_EINVAL);
	assert_int_equal(reason_for("n0001"), KM_REASON_NONE);
	later(2);
	assert_int_equal(operator_of("n0001").state, KM_ACTIVE);
	later(1);
	assert_int_equal(operator_of("n0001").cursor, 0);
	assert_int_equal(everybody(), 7);
}

/* Also after the vault was off on that day. */
static void test_what_was_due_while_the_vault_was_off_happens_at_its_start(void **state)
{
	(void)state;
	staff_of(8);
	room.v->suspicion = KM_SUSPECT_CLOCK; /* nothing is carried out */
	assert_int_equal(transfer("n0001", TODAY - 40).rc, 0);
	room_stop();
	assert_int_equal(room_start(), 0);
	assert_true(room.v->due.first > 0 && room.v->due.first <= TODAY);
	rounds(6);
	assert_int_equal(operator_of("n0001").cursor, 0);
}

static void test_what_is_due_is_listed_in_pages(void **state)
{
	struct km_msg m = { .number = KM_MSG_DUE_LIST };
	unsigned rows = 0;
	int line;

	(void)state;
	staff_of(8);
	for (unsigned i = 1; i <= 5; i++) {
		char login[16];

		snprintf(login, sizeof(login), "n%04u", i);
		assert_int_equal(transfer(login, TODAY + i).rc, 0);
	}
	line = desk_comes();
	for (uint64_t after = 0; rows < 5;) {
		m = (struct km_msg){ .number = KM_MSG_DUE_LIST };
		m.due_list.after = after;
		m.due_list.limit = 2;
		asks(line, &m);
		assert_int_equal(m.number, KM_MSG_DUE_ROW);
		for (; m.number == KM_MSG_DUE_ROW; rows++) {
			assert_int_equal(m.due_row.what, KM_DUE_ERASE);
			assert_int_equal(m.due_row.cause, KM_CAUSE_TRANSFERRED);
			assert_int_equal(m.due_row.day, TODAY + rows + 1);
			assert_int_equal(m.due_row.held, 0);
			after = m.due_row.cursor;
			assert_int_equal(hear(line, KM_PHASE_DESK_TALK, &m, NULL), KM_OK);
		}
	}
	close(line);
}

/* --- validity and use
 * ------------------------------------------------------------------------------ */

static void test_an_end_of_validity_is_announced_then_erased_the_day_after(void **state)
{
	struct paper *p = paper(1);

	(void)state;
	p->made = 1;
	put_staff(p, 8);
	put_person(p, (struct person){ .number = "x", .until = TODAY + 31 });
	put_person(p, (struct person){ .number = "y", .until = TODAY + 31 });
	applies(p);
	later(0);
	assert_int_equal(due_for("x", KM_DUE_ERASE).id, 0);
	later(2);
	assert_int_equal(due_for("x", KM_DUE_ERASE).day, TODAY - 2 + 32);
	assert_int_equal(due_for("x", KM_DUE_ERASE).cause, KM_CAUSE_EXPIRED);
	today();
	p = paper_about(2, (struct person){ .number = "y" });
	applies(p);
	assert_int_equal(due_for("y", KM_DUE_ERASE).id, 0);
	later(31);
	assert_true(operator_of("x").cursor > 0);
	later(1);
	assert_int_equal(operator_of("x").cursor, 0);
	assert_int_equal(operator_of("y").state, KM_ACTIVE);
}

/* Else they would be refused on the old day, and held there by the brake. */
static void test_a_last_day_that_is_changed_by_hand_is_due_no_more(void **state)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_CHANGE,
			    .operator_change = { .login = "x",
						 .mask = KM_CHANGE_VALID_UNTIL,
						 .valid_from = KM_DAY_NONE,
						 .valid_until = KM_DAY_NONE } };
	struct paper *p = paper(1);
	int line = desk_comes();

	(void)state;
	put_staff(p, 8);
	put_person(p, (struct person){ .number = "x", .until = TODAY + 1 });
	applies(p);
	room.v->due.found_day = 0;
	later(0);
	assert_int_equal(due_for("x", KM_DUE_ERASE).cause, KM_CAUSE_EXPIRED);
	room.v->due.held = true;
	assert_int_equal(does(line, m).rc, 0);
	assert_int_equal(due_for("x", KM_DUE_ERASE).id, 0);
	assert_int_equal(recorded(KM_EVENT_DUE_DROPPED), 1);
	close(line);
}

static void test_who_does_not_log_in_for_long_is_suspended_then_erased(void **state)
{
	(void)state;
	staff_of(40);
	room.v->conf.unused.suspend_after = 10;
	room.v->conf.unused.erase_after = 7;
	days_pass(9);
	assert_int_equal(operator_of("n0001").state, KM_ACTIVE);
	days_pass(2);
	assert_int_equal(operator_of("n0001").state, KM_SUSPENDED);
	assert_int_equal(due_for("n0001", KM_DUE_ERASE).cause, KM_CAUSE_UNUSED);
	assert_int_equal(recorded(KM_EVENT_OPERATOR_UNUSED), 40);
	/* All of them at once: the brake. */
	days_pass(8);
	assert_int_equal(everybody(), 40);
	assert_true(room.v->due.held);
	assert_int_equal(recorded(KM_EVENT_BRAKE), 1);
}

/* So few that the brake lets all of them go. */
static void test_who_stays_away_after_a_suspension_for_disuse_is_erased(void **state)
{
	(void)state;
	staff_of(3);
	room.v->conf.unused.suspend_after = 10;
	room.v->conf.unused.erase_after = 7;
	days_pass(9);
	assert_int_equal(operator_of("n0001").state, KM_ACTIVE);
	days_pass(1);
	assert_int_equal(operator_of("n0001").state, KM_SUSPENDED);
	assert_int_equal(due_for("n0001", KM_DUE_ERASE).day, TODAY + 7);
	days_pass(6);
	assert_int_equal(everybody(), 3);
	assert_int_equal(operator_of("n0001").state, KM_SUSPENDED);
	days_pass(1);
	assert_int_equal(everybody(), 0);
	assert_int_equal(recorded(KM_EVENT_BRAKE), 0);
}

/* Somebody has given a code, and logged in with it or not. */
static uint64_t gives_code(const char *login, uint64_t credential, uint64_t counter, bool logs_in)
{
	struct km_operator op = operator_of(login);
	struct km_credential hotp = { .factor = KM_FACTOR_HOTP, .algorithm = KM_SHA1, .digits = 6 };
	struct km_secret seed = { 0 };
	struct km_event_record r;
	struct km_acceptance a = { .credential = credential,
				   .moving = counter,
				   .bind_uid = -1,
				   .login = logs_in,
				   .event = &r };

	memcpy(hotp.subject, op.subject, sizeof(hotp.subject));
	memcpy(a.subject, op.subject, sizeof(a.subject));
	assert_int_equal(km_secret_set(&seed, "12345678901234567890", 20), KM_OK);
	event_make(&r, KM_EVENT_ENROLLED, op.subject, "test");
	if (!credential)
		assert_int_equal(
		    store_enrol_otp(room.v->store, &op, &hotp, &seed, &r, &a.credential), KM_OK);
	event_make(&r, KM_EVENT_DESK_PROVED, op.subject, "test");
	assert_int_equal(store_accept(room.v->store, &a), KM_OK);
	return a.credential;
}

static void test_a_code_at_the_desk_is_use_as_well(void **state)
{
	uint64_t token;

	(void)state;
	staff_of(40);
	room.v->conf.unused.suspend_after = 10;
	token = gives_code("n0001", 0, 1, false);
	days_pass(8);
	(void)gives_code("n0001", token, 2, false);
	days_pass(3);
	assert_int_equal(operator_of("n0001").state, KM_ACTIVE);
	assert_int_equal(operator_of("n0002").state, KM_SUSPENDED);
	days_pass(9);
	assert_int_equal(operator_of("n0001").state, KM_SUSPENDED);
}

/* A code of theirs is good, at a login or at a desk. */
static void uses_code(const char *who, bool login)
{
	struct km_credential in = { .factor = KM_FACTOR_HOTP, .algorithm = KM_SHA1, .digits = 6 };
	struct km_acceptance a = { .moving = 1, .bind_uid = -1, .login = login };
	struct km_operator op = operator_of(who);
	struct km_secret seed = { 0 };
	struct km_event_record r;

	assert_int_equal(km_secret_set(&seed, "twenty bytes of seed", 20), KM_OK);
	memcpy(in.subject, op.subject, sizeof in.subject);
	event_make(&r, KM_EVENT_ENROLLED, op.subject, "test");
	a.event = &r;
	assert_int_equal(store_enrol_otp(room.v->store, &op, &in, &seed, &r, &a.credential), KM_OK);
	memcpy(a.subject, op.subject, sizeof a.subject);
	assert_int_equal(store_accept(room.v->store, &a), KM_OK);
}

static bool is_listed(const char *login)
{
	struct km_due_row row = due_for(login, KM_DUE_SUSPEND), page[50];
	bool found = false;
	size_t count = 0;

	assert_int_equal(store_dues(room.v->store, 0, 50, page, &count), KM_OK);
	for (size_t i = 0; i < count; i++)
		found |= page[i].id == row.id;
	return found;
}

static void test_a_suspension_for_disuse_is_announced_unless_they_come(void **state)
{
	int64_t first = TODAY;

	(void)state;
	staff_of(8);
	room.v->conf.unused.suspend_after = 10;
	days_pass(4);
	assert_int_equal(due_for("n0001", KM_DUE_SUSPEND).id, 0);
	days_pass(2);
	assert_int_equal(due_for("n0001", KM_DUE_SUSPEND).day, first + 10);
	assert_int_equal(due_for("n0001", KM_DUE_SUSPEND).cause, KM_CAUSE_UNUSED);
	assert_true(is_listed("n0001"));
	assert_int_equal(recorded(KM_EVENT_DUE_SET), 8);
	uses_code("n0002", true);
	uses_code("n0003", false);
	days_pass(1);
	assert_int_equal(due_for("n0002", KM_DUE_SUSPEND).id, 0);
	assert_int_equal(due_for("n0003", KM_DUE_SUSPEND).id, 0);
	assert_int_equal(recorded(KM_EVENT_DUE_SET), 8);
	/* Off for five days: so much later. */
	later(6);
	assert_int_equal(operator_of("n0001").state, KM_ACTIVE);
	assert_int_equal(due_for("n0001", KM_DUE_SUSPEND).day, first + 15);
	days_pass(2);
	assert_int_equal(operator_of("n0001").state, KM_SUSPENDED);
	assert_false(is_listed("n0001"));
	assert_int_equal(operator_of("n0002").state, KM_ACTIVE);
	assert_int_equal(operator_of("n0003").state, KM_ACTIVE);
}

static void change(const char *text)
{
	assert_int_equal(store_flush(room.v->store), KM_OK);
	store_idle(room.v->store);
	assert_int_equal(sqlite3_exec(room.v->store->db[DB_VAULT].handle, text, NULL, NULL, NULL),
			 SQLITE_OK);
}

/* Suspended without a day, they would be neither resumed by a roster nor ever erased. */
static void test_a_suspension_for_disuse_is_done_whole_or_not_at_all(void **state)
{
	(void)state;
	staff_of(40);
	room.v->conf.unused.suspend_after = 10;
	falls_due("n0001", TODAY + 90);
	change("UPDATE due SET day = day + 1 WHERE what = 2");
	days_pass(12);
	assert_int_equal(operator_of("n0001").state, KM_ACTIVE);
	assert_int_equal(recorded(KM_EVENT_OPERATOR_UNUSED), 0);
	change("UPDATE due SET day = day - 1 WHERE what = 2");
	days_pass(1);
	assert_int_equal(operator_of("n0001").state, KM_SUSPENDED);
	assert_int_equal(due_for("n0001", KM_DUE_SUSPEND).released, true);
}

static void test_a_damaged_row_of_one_keeps_nobody_else_from_going(void **state)
{
	(void)state;
	staff_of(40);
	falls_due("n0001", TODAY);
	falls_due("n0002", TODAY);
	change("UPDATE operator SET uid = 7 WHERE cursor = 1");
	room.v->due.found_day = 0; /* everybody is to be looked at, which cannot be done */
	work();
	assert_true(room.v->due.damaged);
	assert_int_equal(operator_of("n0002").cursor, 0);
	assert_int_equal(everybody(), 39);
}

/* What cannot be done is tried each second: not in the round of every login. */
static void test_what_failed_is_tried_again_a_second_later(void **state)
{
	(void)state;
	staff_of(2);
	change("UPDATE operator SET uid = uid + 7 WHERE cursor = 1");
	room.v->due.found_day = 0;
	assert_false(due_work(room.v));
	assert_true(room.v->due.stuck);
	change("UPDATE operator SET uid = uid - 7 WHERE cursor = 1");
	room.v->now.boot_ms += 999;
	assert_false(due_work(room.v));
	assert_int_equal(room.v->due.found_day, 0);
	room.v->now.boot_ms++;
	assert_false(due_work(room.v));
	assert_int_equal(room.v->due.found_day, TODAY);
	assert_false(room.v->due.stuck);
}

/* The brake is written down together with what it lets through, or neither is. */
static void test_a_slice_that_fails_leaves_nothing_for_the_next_flush(void **state)
{
	struct km_due_row row = {
		.what = KM_DUE_ERASE, .cause = KM_CAUSE_RETIRED, .day = TODAY, .released = true
	};

	(void)state;
	staff_of(40);
	for (unsigned i = 1; i <= 5; i++) {
		char login[16];

		snprintf(login, sizeof(login), "n%04u", i);
		falls_due(login, TODAY);
	}
	memcpy(row.subject, operator_of("n0006").subject, sizeof(row.subject));
	assert_int_equal(due_put(room.v, &row, NULL), KM_OK);
	change("UPDATE due SET day = day - 1 WHERE released = 1");
	assert_false(due_work(room.v));
	assert_true(room.v->due.stuck);
	assert_false(store_dirty(room.v->store));
	assert_int_equal(recorded(KM_EVENT_BRAKE), 0);
	change("UPDATE due SET day = day + 1 WHERE released = 1");
	work();
	assert_int_equal(recorded(KM_EVENT_BRAKE), 1);
	assert_int_equal(operator_of("n0006").cursor, 0);
	assert_int_equal(everybody(), 39);
}

/* It ran: what could not be looked at changes nothing about that. */
static void test_a_day_counts_also_where_the_search_of_it_fails(void **state)
{
	unsigned days = 0;

	(void)state;
	staff_of(2);
	change("UPDATE operator SET uid = uid + 7 WHERE cursor = 1");
	later(1);
	assert_true(room.v->due.stuck);
	assert_int_equal(store_run_days(room.v->store, TODAY - 1, 9, &days), KM_OK);
	assert_int_equal(days, 1);
}

/* C35: four months in a cupboard make nobody unused. */
static void test_days_on_which_the_vault_was_off_are_no_days_without_a_login(void **state)
{
	(void)state;
	staff_of(8);
	room.v->conf.unused.suspend_after = 10;
	days_pass(3);
	later(120);
	assert_int_equal(operator_of("n0001").state, KM_ACTIVE);
	assert_int_equal(recorded(KM_EVENT_OPERATOR_UNUSED), 0);
	days_pass(7);
	assert_int_equal(operator_of("n0001").state, KM_SUSPENDED);
	/* Nor days of grace that nobody could use. */
	room.v->conf.unused.erase_after = 30;
	later(60);
	assert_int_equal(everybody(), 8);
	assert_int_equal(due_for("n0001", KM_DUE_ERASE).id != 0, 1);
}

static void test_who_is_resumed_by_hand_is_not_suspended_again_the_next_morning(void **state)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_STATE };
	int line;

	(void)state;
	staff_of(8);
	room.v->conf.unused.suspend_after = 5;
	days_pass(6);
	assert_int_equal(operator_of("n0001").state, KM_SUSPENDED);
	today();
	line = desk_comes();
	snprintf(m.operator_state.login, sizeof(m.operator_state.login), "n0001");
	m.operator_state.state = KM_ACTIVE;
	assert_int_equal(does(line, m).rc, 0);
	close(line);
	assert_int_equal(due_for("n0001", KM_DUE_ERASE).id, 0);
	later(4);
	assert_int_equal(operator_of("n0001").state, KM_ACTIVE);
	later(2);
	assert_int_equal(operator_of("n0001").state, KM_SUSPENDED);
}

/* --- the brake
 * ---------------------------------------------------------------------------------------- */

static void test_a_tenth_may_go_and_more_than_that_waits(void **state)
{
	struct paper *p;

	(void)state;
	staff_of(50);
	p = retirements(2, 5);
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_OK);
	work_off();
	work();
	assert_int_equal(everybody(), 45);
	/* Five have gone today; the sixth is one too many within a day. */
	p = retirements(3, 6);
	p->made = room.v->now.wall + 1;
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_EBRAKE);
	assert_int_equal(p->sum.brake, KM_BRAKE_MANY);
	assert_non_null(strstr(p->text, "--accept-erasures 1"));
	work();
	assert_int_equal(everybody(), 45);
	assert_int_equal(recorded(KM_EVENT_FEED_REFUSED), 1);
}

/* Who was missing is not gone yet; a second roster that lost as many is one too many all the same.
 */
static void test_who_was_missing_today_counts_for_the_brake(void **state)
{
	struct paper *p;

	(void)state;
	staff_of(50);
	p = paper(2);
	put_staff(p, 47);
	applies(p);
	assert_int_equal(recorded(KM_EVENT_OPERATOR_MISSING), 3);
	p = retirements(3, 3);
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_EBRAKE);
	assert_int_equal(p->sum.brake, KM_BRAKE_MANY);
	p = retirements(4, 2);
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_OK);
}

/* A line of the user that only hands in. */
static int drop_folder_comes(void)
{
	int line = desk_comes();

	room.v->conf.roster.uid = 7007;
	for (size_t i = 0; i < VAULT_LINES; i++)
		if (room.v->line[i].fd >= 0)
			room.v->line[i].peer = 7007;
	return line;
}

static void test_the_drop_folder_gives_nobody_a_role_and_lifts_no_brake(void **state)
{
	struct paper *p;
	int line;

	(void)state;
	staff_of(20);
	line = drop_folder_comes();
	p = paper_about(2, (struct person){ .number = "n0001", .role = "approver" });
	assert_int_equal(begins(line, p).rc, 0);
	hands_in_all(line, p);
	assert_int_equal(ends(line, p, true, 0), KM_EBRAKE);
	assert_int_equal(p->sum.brake, KM_BRAKE_ROLE);
	close(line);
	rounds(3);
	assert_int_equal(operator_of("n0001").role, KM_ROLE_OPERATOR);
	/* Root alone may, where one person may do anything. */
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_OK);
	work_off();
	assert_int_equal(operator_of("n0001").role, KM_ROLE_APPROVER);
}

static void test_only_the_exact_number_lets_a_braked_roster_pass(void **state)
{
	static const int64_t wrong[] = { ANY_ERASURES, 0, 9, 11 };

	(void)state;
	staff_of(20);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(roster(retirements((uint8_t)(2 + i), 10), true, wrong[i]),
				 KM_EBRAKE);
		work();
		assert_int_equal(everybody(), 20);
	}
	assert_int_equal(roster(retirements(9, 10), true, 10), KM_OK);
	work_off();
	work();
	assert_int_equal(everybody(), 10);
	assert_int_equal(recorded(KM_EVENT_BRAKE), 0);
}

/* Each by itself is no wrong file; together they are. */
static void test_the_brake_counts_what_is_due_by_all_causes(void **state)
{
	struct paper *p = paper(1);

	(void)state;
	p->made = 1;
	put_staff(p, 20);
	for (unsigned i = 0; i < 4; i++) {
		char number[16];

		snprintf(number, sizeof(number), "x%u", i);
		put_person(p, (struct person){ .number = number, .until = TODAY + 1 });
	}
	applies(p);
	later(2);
	assert_int_equal(everybody(), 24);
	assert_true(room.v->due.held);
	assert_int_equal(recorded(KM_EVENT_BRAKE), 1);
	assert_int_equal(reason_for("x0"), KM_REASON_DATES);
	/* By hand one by one is never held. */
	clocks_stop();
	today();
	pace_worked(room.v); /* so that nothing is carried out before later() */
	assert_int_equal(transfer("n0001", TODAY).rc, 0);
	clocks_go_on();
	later(2);
	assert_int_equal(everybody(), 23);
	/* Said once, also by the next start. */
	room_stop();
	assert_int_equal(room_start(), 0);
	assert_true(room.v->due.held);
	later(2);
	assert_int_equal(recorded(KM_EVENT_BRAKE), 1);
}

static void test_what_is_held_goes_for_its_exact_number(void **state)
{
	(void)state;
	staff_of(20);
	for (unsigned i = 1; i <= 6; i++) {
		struct km_due_row row = {
			.what = KM_DUE_ERASE, .cause = KM_CAUSE_EXPIRED, .feed = 1, .day = TODAY
		};
		char login[16];
		struct km_operator op;

		snprintf(login, sizeof(login), "n%04u", i);
		op = operator_of(login);
		memcpy(row.subject, op.subject, sizeof(row.subject));
		assert_int_equal(due_put(room.v, &row, NULL), KM_OK);
	}
	work();
	assert_int_equal(everybody(), 20);
	assert_int_equal(releases(5).rc, -KM_EBRAKE);
	assert_int_equal(releases(7).rc, -KM_EBRAKE);
	work();
	assert_int_equal(everybody(), 20);
	assert_int_equal(releases(6).rc, 0);
	work();
	assert_int_equal(everybody(), 14);
	assert_false(room.v->due.held);
	assert_int_equal(recorded(KM_EVENT_BRAKE_RELEASED), 1);
	assert_int_equal(releases(0).rc, -KM_ENOTFOUND);
}

/* --- C18
 * ------------------------------------------------------------------------------------------------
 */

static void nothing_was_destroyed(uint64_t people)
{
	work();
	later(30);
	today();
	assert_int_equal(everybody(), people);
	assert_int_equal(recorded(KM_EVENT_ERASE_BEGUN), 0);
	assert_int_equal(recorded(KM_EVENT_OPERATOR_MISSING), 0);
}

static void test_c18_an_empty_roster_destroys_nothing(void **state)
{
	struct paper *p;

	(void)state;
	staff_of(3); /* so few that no tenth would stop it */
	p = paper(2);
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_EBRAKE);
	assert_int_equal(p->sum.brake, KM_BRAKE_CUT);
	nothing_was_destroyed(3);
}

static void test_c18_a_truncated_roster_destroys_nothing(void **state)
{
	(void)state;
	staff_of(40);
	for (unsigned rows = 1; rows < 36; rows += 5) {
		struct paper *p = paper((uint8_t)(rows + 1));

		put_staff(p, rows);
		assert_int_equal(roster(p, true, ANY_ERASURES), KM_EBRAKE);
		assert_int_equal(p->sum.brake, KM_BRAKE_MANY);
	}
	nothing_was_destroyed(40);
}

static void test_c18_a_stale_roster_destroys_nothing(void **state)
{
	struct paper *p;

	(void)state;
	staff_of(40);
	p = paper(2);
	p->made = 999; /* the last one was of 1000 */
	put_staff(p, 39);
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_EBRAKE);
	assert_int_equal(p->sum.brake, KM_BRAKE_OLDER);
	nothing_was_destroyed(40);
}

static void test_c18_a_roster_of_the_future_makes_none_after_it_older(void **state)
{
	struct paper *p;

	(void)state;
	staff_of(20);
	p = paper(2);
	p->made = room.v->now.wall + 400 * DAY;
	put_staff(p, 20);
	applies(p);
	p = retirements(3, 1);
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_OK);
	assert_int_equal(p->sum.brake, KM_BRAKE_NONE);
}

static void test_c18_a_repeated_roster_does_nothing_more(void **state)
{
	struct paper *p;
	int64_t records;

	(void)state;
	staff_of(40);
	p = paper(2);
	put_staff(p, 39);
	applies(p);
	records = recorded(KM_EVENT_OPERATOR_MISSING);
	assert_int_equal(records, 1);
	p = paper(2);
	put_staff(p, 12); /* whatever it holds: it says that it is the same file */
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_OK);
	assert_non_null(strstr(p->text, "accepted before"));
	work();
	assert_int_equal(recorded(KM_EVENT_OPERATOR_MISSING), records);
	assert_int_equal(recorded(KM_EVENT_FEED_ACCEPTED), 2);
	assert_int_equal(everybody(), 40);
}

static void test_c18_the_order_of_rows_means_nothing(void **state)
{
	struct paper *p;

	(void)state;
	staff_of(9);
	p = paper(2);
	for (unsigned i = 9; i >= 1; i--) {
		char number[16];

		snprintf(number, sizeof(number), "n%04u", i);
		put_person(p, (struct person){ .number = number });
	}
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_OK);
	assert_int_equal(p->sum.same, 9);
	work_off();
	nothing_was_destroyed(9);
}

static void test_c18_a_roster_that_is_not_signed_rightly_does_nothing(void **state)
{
	static const struct km_subject_key seed = { { 7 } }, other = { { 8 } };
	struct paper *p;
	uint8_t digest[32];

	(void)state;
	staff_of(8);
	room.v->conf.roster.key.set = true;
	assert_int_equal(sign_public(&seed, room.v->conf.roster.key.bytes), KM_OK);
	for (unsigned i = 0; i < 3; i++) {
		p = paper((uint8_t)(2 + i));
		put_staff(p, 8);
		put_person(p, (struct person){ .number = "x" });
		p->is_signed = i > 0;
		memset(digest, i == 2 ? 99 : p->digest, sizeof(digest));
		assert_int_equal(
		    sign_bytes(i == 1 ? &other : &seed, digest, sizeof(digest), p->signature),
		    KM_OK);
		assert_int_equal(roster(p, true, ANY_ERASURES), KM_EBRAKE);
		assert_int_equal(p->sum.brake, KM_BRAKE_SIGNATURE);
	}
	nothing_was_destroyed(8);
	p = paper(9);
	put_staff(p, 8);
	put_person(p, (struct person){ .number = "x" });
	p->is_signed = true;
	memset(digest, 9, sizeof(digest));
	assert_int_equal(sign_bytes(&seed, digest, sizeof(digest), p->signature), KM_OK);
	applies(p);
	assert_int_equal(everybody(), 9);
}

/* Each morning's export names whom the brake or their role holds: no reason to hold that, too. */
static void test_who_is_held_leaves_once_however_often_a_roster_says_so(void **state)
{
	struct km_due_row held = {
		.what = KM_DUE_ERASE, .cause = KM_CAUSE_RETIRED, .day = TODAY - 3, .feed = 1
	};
	struct paper *p;

	(void)state;
	staff_of(8);
	memcpy(held.subject, operator_of("n0001").subject, sizeof(held.subject));
	assert_int_equal(due_put(room.v, &held, NULL), KM_OK);
	room.v->due.look_ms = INT64_MAX;
	p = retirements(2, 2);
	assert_int_equal(roster(p, false, ANY_ERASURES), KM_OK);
	assert_int_equal(p->sum.left, 1);
	/* A day that is said is another one. */
	p = paper_about(
	    3,
	    (struct person){ .number = "n0001", .status = KM_ROSTER_RETIRED, .until = TODAY + 9 });
	assert_int_equal(roster(p, false, ANY_ERASURES), KM_OK);
	assert_int_equal(p->sum.left, 1);
}

static void test_an_unknown_department_stops_only_what_would_destroy(void **state)
{
	struct paper *p;

	(void)state;
	staff_of(20);
	p = paper_about(2, (struct person){ .number = "n0001", .department = "Ta?es" });
	applies(p);
	p = paper_about(3, (struct person){ .number = "n0002", .department = "R?ads" });
	put_person(p, (struct person){ .number = "n0003", .status = KM_ROSTER_RETIRED });
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_EBRAKE);
	assert_int_equal(p->sum.brake, KM_BRAKE_DEPARTMENT);
	work();
	assert_int_equal(everybody(), 20);
}

/* --- C35
 * --------------------------------------------------------------------------------------------------
 */

/* Years ahead, or back to 1970: nothing is destroyed, and whoever left is refused all the same. */
static void test_c35_a_clock_in_doubt_destroys_nothing(void **state)
{
	static const int64_t jumps[] = { 3650, 120, -1 };

	(void)state;
	staff_of(8);
	assert_int_equal(transfer("n0001", TODAY + 100).rc, 0);
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		today();
		room.v->suspicion = KM_SUSPECT_CLOCK;
		later(jumps[i] >= 0 ? jumps[i] : -TODAY);
		assert_int_equal(everybody(), 8);
		assert_int_equal(reason_for("n0001"),
				 jumps[i] >= 100 ? KM_REASON_LEFT : KM_REASON_NONE);
	}
	today();
	room.v->suspicion = KM_SUSPECT_CLOCK;
	assert_int_equal(roster(retirements(5, 1), true, ANY_ERASURES), KM_EBRAKE);
	room.v->suspicion = 0;
	later(100);
	assert_int_equal(everybody(), 7);
}

/* The step itself is seen in the round in which the clock is read, before anything is carried out.
 */
static void test_c35_no_wait_is_counted_from_a_day_in_doubt(void **state)
{
	struct paper *p;
	struct km_due_row due;

	(void)state;
	staff_of(20);
	p = paper(2);
	put_staff(p, 19);
	accepts(p);
	/* Worked off under a clock that stands years ahead. */
	room.v->day_known = TODAY;
	room.v->suspicion = KM_SUSPECT_CLOCK;
	later(4000);
	assert_true(room.v->feed.working != 0);
	assert_int_equal(reason_for("n0020"), KM_REASON_MISSING);
	assert_int_equal(reason_for("n0001"), KM_REASON_NONE);
	today();
	room.v->suspicion = 0;
	room.v->feed.again_ms = 0;
	work();
	assert_int_equal(room.v->feed.working, 0);
	assert_int_equal(operator_of("n0020").state, KM_SUSPENDED);
	due = due_for("n0020", KM_DUE_ERASE);
	assert_int_equal(due.day, TODAY + room.v->conf.roster.missing_wait);
}

static void test_c35_at_once_is_no_day_to_come_of_a_clock_that_is_ahead(void **state)
{
	struct paper *p;
	struct km_operator op;
	struct km_staged row;
	int64_t known;
	int line;

	(void)state;
	staff_of(20);
	known = TODAY;
	op = operator_of("n0001");
	p = retirements(2, 1);
	line = desk_comes();
	room.v->day_known = known - 1;
	room.v->suspicion = KM_SUSPECT_CLOCK;
	assert_int_equal(begins(line, p).rc, 0);
	hands_in_all(line, p);
	assert_int_equal(store_stage_of(room.v->store, room.v->roster.feed.id, &op, &row), KM_OK);
	assert_int_equal(row.outcome, KM_OUTCOME_LEFT);
	assert_int_equal(row.day, known - 1);
	op.subject[0] ^= 1; /* of another with this number in the register */
	assert_int_equal(store_stage_of(room.v->store, room.v->roster.feed.id, &op, &row),
			 KM_ECORRUPT);
	room.v->suspicion = 0;
	close(line);
}

static void test_c35_a_step_of_the_clock_is_doubted_before_anything_is_due(void **state)
{
	(void)state;
	staff_of(8);
	assert_int_equal(transfer("n0001", TODAY).rc, 0);
	work();
	assert_int_equal(recorded(KM_EVENT_ERASE_BEGUN), 1);
	assert_int_equal(transfer("n0002", TODAY + 1).rc, 0);
	/* The clock was two days behind a moment ago: now it is ahead by that. */
	room.v->now.wall -= 2 * DAY;
	room.v->now.today -= 2;
	room.v->pace.known = false;
	vault_round(room.v, 0);
	assert_true(room.v->suspicion & KM_SUSPECT_CLOCK);
	room.v->now.today += 5;
	work();
	assert_true(operator_of("n0002").cursor > 0);
}

static void test_nothing_is_destroyed_before_the_judge_has_said_what_it_knows(void **state)
{
	(void)state;
	staff_of(8);
	assert_int_equal(transfer("n0001", TODAY + 1).rc, 0);
	room.v->anchored = false;
	later(1);
	assert_int_equal(everybody(), 8);
	room.v->anchored = true;
	later(0);
	assert_int_equal(everybody(), 7);
}

static void test_nothing_is_released_or_destroyed_under_any_suspicion(void **state)
{
	static const enum km_suspicion each[] = { KM_SUSPECT_CLOCK, KM_SUSPECT_MACHINE,
						  KM_SUSPECT_ROLLBACK };

	(void)state;
	staff_of(8);
	assert_int_equal(transfer("n0001", TODAY + 1).rc, 0);
	for (size_t i = 0; i < 3; i++) {
		room.v->suspicion = each[i];
		assert_int_equal(releases(1).rc, -KM_ESUSPECT);
		later(1);
		assert_int_equal(everybody(), 8);
		today();
	}
	room.v->suspicion = 0;
}

/* --- the gate
 * ------------------------------------------------------------------------------------------------
 */

static void test_who_left_is_refused_between_acceptance_and_working_off(void **state)
{
	struct paper *p;

	(void)state;
	staff_of(400);
	p = paper(2);
	put_staff(p, 397); /* and two more; one is missing */
	/* Behind more rows than the slices of a start take. */
	put_person(p, (struct person){ .number = "n0398", .status = KM_ROSTER_LEAVE });
	put_person(p, (struct person){ .number = "n0399", .status = KM_ROSTER_RETIRED });
	accepts(p);
	assert_int_equal(operator_of("n0398").state, KM_ACTIVE);
	assert_int_equal(operator_of("n0399").state, KM_ACTIVE);
	assert_int_equal(operator_of("n0400").state, KM_ACTIVE);
	assert_int_equal(reason_for("n0001"), KM_REASON_NONE);
	assert_int_equal(reason_for("n0398"), KM_REASON_LEAVE);
	assert_int_equal(reason_for("n0399"), KM_REASON_LEFT);
	assert_int_equal(reason_for("n0400"), KM_REASON_MISSING);
	/* And by a start in between. */
	room_stop();
	assert_int_equal(room_start(), 0);
	assert_int_equal(reason_for("n0399"), KM_REASON_LEFT);
	assert_int_equal(reason_for("n0400"), KM_REASON_MISSING);
	work_off();
	work();
	assert_int_equal(reason_for("n0398"), KM_REASON_SUSPENDED);
	assert_int_equal(operator_of("n0399").cursor, 0);
	assert_int_equal(reason_for("n0400"), KM_REASON_SUSPENDED);
}

static void test_who_leaves_by_a_roster_on_a_day_to_come_is_not_refused_before_it(void **state)
{
	struct paper *p;

	(void)state;
	staff_of(100);
	assert_int_equal(transfer("n0002", TODAY).rc, 0); /* so that the queue is looked at */
	p = paper(2);
	put_staff(p, 98);
	put_person(p, (struct person){
			  .number = "n0099", .status = KM_ROSTER_RETIRED, .until = TODAY + 2 });
	put_person(p, (struct person){ .number = "n0100", .status = KM_ROSTER_RETIRED });
	accepts(p);
	assert_int_equal(reason_for("n0099"), KM_REASON_NONE);
	assert_int_equal(reason_for("n0100"), KM_REASON_LEFT);
	work_off();
	assert_int_equal(due_for("n0099", KM_DUE_ERASE).day, TODAY + 3);
	assert_int_equal(reason_for("n0099"), KM_REASON_NONE);
}

static void test_whose_day_is_fixed_is_not_missing_while_a_roster_is_worked_off(void **state)
{
	struct paper *p;

	(void)state;
	staff_of(100);
	assert_int_equal(transfer("n0100", TODAY + 5).rc, 0);
	p = paper(2);
	put_staff(p, 98);
	accepts(p);
	assert_int_equal(p->sum.missing, 1);
	assert_int_equal(reason_for("n0099"), KM_REASON_MISSING);
	assert_int_equal(reason_for("n0100"), KM_REASON_NONE);
	work_off();
	assert_int_equal(reason_for("n0099"), KM_REASON_SUSPENDED);
	assert_int_equal(reason_for("n0100"), KM_REASON_NONE);
}

static void test_nobody_is_missing_whom_nobody_counted_at_acceptance(void **state)
{
	struct paper *p;

	(void)state;
	staff_of(20);
	snprintf(room.v->conf.roster.departments, sizeof(room.v->conf.roster.departments),
		 "Elsewhere");
	p = paper(2);
	put_staff(p, 5);
	accepts(p);
	assert_int_equal(p->sum.missing, 0);
	/* Before it is worked off all departments are covered. */
	room.v->conf.roster.departments[0] = '\0';
	work_off();
	assert_int_equal(recorded(KM_EVENT_OPERATOR_MISSING), 0);
	assert_int_equal(operator_of("n0020").state, KM_ACTIVE);
	assert_int_equal(rows_in("due"), 0);
}

static void test_who_is_still_missing_after_the_wait_is_erased_and_not_before(void **state)
{
	struct paper *p;

	(void)state;
	staff_of(20);
	p = paper(2);
	put_staff(p, 19);
	applies(p);
	assert_int_equal(operator_of("n0020").state, KM_SUSPENDED);
	assert_int_equal(due_for("n0020", KM_DUE_ERASE).day, TODAY + 7);
	later(6);
	assert_int_equal(operator_of("n0020").state, KM_SUSPENDED);
	assert_int_equal(everybody(), 20);
	later(1);
	assert_int_equal(operator_of("n0020").cursor, 0);
	assert_int_equal(everybody(), 19);
}

/* --- nothing is left (C37)
 * -------------------------------------------------------------------------------------- */

static void test_c37_no_file_holds_a_row_or_its_key_once_a_roster_is_done(void **state)
{
	static const char *const words[] = { "canary-login", "Canary Person", "Canary Office",
					     "4711-canary" };
	struct paper *p = paper(1);
	uint8_t wrapped[KM_WRAPPED_BYTES], sealed[64];
	sqlite3_stmt *st = NULL;

	(void)state;
	put_person(p, (struct person){ .number = "4711-canary",
				       .login = "canary-login",
				       .name = "Canary Person",
				       .department = "Canary Office" });
	put_staff(p, 3);
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_OK);
	assert_int_equal(sqlite3_prepare_v2(room.v->store->db[DB_VAULT].handle,
					    "SELECT w.wrapped, g.sealed FROM work_key w, stage g",
					    -1, &st, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	memcpy(wrapped, sqlite3_column_blob(st, 0), sizeof(wrapped));
	memcpy(sealed, sqlite3_column_blob(st, 1), sizeof(sealed));
	sqlite3_finalize(st);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	work_off();
	rounds(6);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	assert_int_equal(store_truncate_logs(room.v->store), KM_OK);
	for (size_t i = 0; i < 4; i++)
		assert_false(folder_has(words[i], strlen(words[i])));
	assert_false(folder_has(wrapped, sizeof(wrapped)));
	assert_false(folder_has(sealed, sizeof(sealed)));
	assert_int_equal(rows_in("stage"), 0);
	assert_int_equal(rows_in("work_key"), 0);
	/* Older copies end with the epoch, which is owed. */
	assert_true(room.v->epoch.at.owed != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOM(test_a_transfer_refuses_and_erases_from_its_day_on),
		IN_ROOM(test_what_was_due_while_the_vault_was_off_happens_at_its_start),
		IN_ROOM(test_what_is_due_is_listed_in_pages),
		IN_ROOM(test_an_end_of_validity_is_announced_then_erased_the_day_after),
		IN_ROOM(test_a_last_day_that_is_changed_by_hand_is_due_no_more),
		IN_ROOM(test_who_does_not_log_in_for_long_is_suspended_then_erased),
		IN_ROOM(test_who_stays_away_after_a_suspension_for_disuse_is_erased),
		IN_ROOM(test_a_code_at_the_desk_is_use_as_well),
		IN_ROOM(test_a_suspension_for_disuse_is_announced_unless_they_come),
		IN_ROOM(test_a_suspension_for_disuse_is_done_whole_or_not_at_all),
		IN_ROOM(test_a_damaged_row_of_one_keeps_nobody_else_from_going),
		IN_ROOM(test_what_failed_is_tried_again_a_second_later),
		IN_ROOM(test_a_slice_that_fails_leaves_nothing_for_the_next_flush),
		IN_ROOM(test_a_day_counts_also_where_the_search_of_it_fails),
		IN_ROOM(test_days_on_which_the_vault_was_off_are_no_days_without_a_login),
		IN_ROOM(test_who_is_resumed_by_hand_is_not_suspended_again_the_next_morning),
		IN_ROOM(test_a_tenth_may_go_and_more_than_that_waits),
		IN_ROOM(test_who_was_missing_today_counts_for_the_brake),
		IN_ROOM(test_the_drop_folder_gives_nobody_a_role_and_lifts_no_brake),
		IN_ROOM(test_only_the_exact_number_lets_a_braked_roster_pass),
		IN_ROOM(test_the_brake_counts_what_is_due_by_all_causes),
		IN_ROOM(test_what_is_held_goes_for_its_exact_number),
		IN_ROOM(test_c18_an_empty_roster_destroys_nothing),
		IN_ROOM(test_c18_a_truncated_roster_destroys_nothing),
		IN_ROOM(test_c18_a_stale_roster_destroys_nothing),
		IN_ROOM(test_c18_a_roster_of_the_future_makes_none_after_it_older),
		IN_ROOM(test_c18_a_repeated_roster_does_nothing_more),
		IN_ROOM(test_c18_the_order_of_rows_means_nothing),
		IN_ROOM(test_c18_a_roster_that_is_not_signed_rightly_does_nothing),
		IN_ROOM(test_who_is_held_leaves_once_however_often_a_roster_says_so),
		IN_ROOM(test_an_unknown_department_stops_only_what_would_destroy),
		IN_ROOM(test_c35_a_clock_in_doubt_destroys_nothing),
		IN_ROOM(test_c35_no_wait_is_counted_from_a_day_in_doubt),
		IN_ROOM(test_c35_at_once_is_no_day_to_come_of_a_clock_that_is_ahead),
		IN_ROOM(test_c35_a_step_of_the_clock_is_doubted_before_anything_is_due),
		IN_ROOM(test_nothing_is_destroyed_before_the_judge_has_said_what_it_knows),
		IN_ROOM(test_nothing_is_released_or_destroyed_under_any_suspicion),
		IN_ROOM(test_who_left_is_refused_between_acceptance_and_working_off),
		IN_ROOM(test_who_leaves_by_a_roster_on_a_day_to_come_is_not_refused_before_it),
		IN_ROOM(test_whose_day_is_fixed_is_not_missing_while_a_roster_is_worked_off),
		IN_ROOM(test_nobody_is_missing_whom_nobody_counted_at_acceptance),
		IN_ROOM(test_who_is_still_missing_after_the_wait_is_erased_and_not_before),
		IN_ROOM(test_c37_no_file_holds_a_row_or_its_key_once_a_roster_is_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
