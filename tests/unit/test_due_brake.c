/* C18: what the brake counts, for how long, and what it does not: over all causes, in a day. */
#include "due_scene.h"

#include <kenmon/erased.h>

/* --- by hand, one by one ------------------------------------------------------------------- */

static void is_transferred(const char *login)
{
	assert_int_equal(transfer(login, TODAY).rc, 0);
}

static void is_erased(const char *login)
{
	struct km_msg m = { .number = KM_MSG_ERASE, .erase.reason = "left us" };
	int line = desk_comes();

	snprintf(m.erase.login, sizeof(m.erase.login), "%s", login);
	memset(m.erase.op, ++room.op, sizeof(m.erase.op));
	assert_int_equal(km_send_msg(line, &m, -1, 0), KM_OK);
	rounds(6); /* it is said to be done when it is */
	assert_int_equal(hear(line, KM_PHASE_DESK_TALK, &m, NULL), KM_OK);
	assert_int_equal(m.done.rc, 0);
	close(line);
}

/* As whoever takes back all that they agreed to. */
static void withdraws(const char *login)
{
	struct erase_wish wish = { .order.cause = KM_CAUSE_WITHDRAWN };

	memcpy(wish.subject, operator_of(login).subject, sizeof(wish.subject));
	event_make(&wish.event, KM_EVENT_ERASE_BEGUN, wish.subject, "test");
	assert_int_equal(erase_begin_many(room.v, &wish, 1, false), KM_OK);
	assert_int_equal(wish.rc, KM_OK);
}

/* Five go by such acts; then a tenth of who is left may go by rosters, and nobody beyond that. */
static void five_go_and_a_tenth_may_still_go(void (*goes)(const char *login))
{
	struct paper *p;

	staff_of(55);
	for (unsigned i = 51; i <= 55; i++) {
		char login[16];

		snprintf(login, sizeof(login), "n%04u", i);
		goes(login);
		work();
	}
	assert_int_equal(everybody(), 50);
	p = retirements(2, 5);
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_OK);
	assert_int_equal(p->sum.brake, KM_BRAKE_NONE);
	work_off();
	work();
	assert_int_equal(everybody(), 45);
	p = retirements(3, 6);
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_EBRAKE);
	assert_int_equal(p->sum.brake, KM_BRAKE_MANY);
}

static void test_transfers_by_hand_use_up_nothing_of_what_a_roster_may(void **state)
{
	(void)state;
	five_go_and_a_tenth_may_still_go(is_transferred);
}

/* What keeps it from counting is no word of what is shown and signed. */
static void test_a_transfer_by_hand_is_certified_as_a_transfer(void **state)
{
	struct km_certificate proof;
	struct km_operator gone;

	(void)state;
	staff_of(8);
	gone = operator_of("n0001");
	is_transferred("n0001");
	work();
	assert_int_equal(store_certificate(room.v->store, gone.subject, &proof), KM_OK);
	assert_int_equal(proof.order.cause, KM_CAUSE_TRANSFERRED);
	assert_true(proof.order.by_hand);
	assert_true(proof.finished > 0);
}

static void test_erasures_by_hand_use_up_nothing_of_what_a_roster_may(void **state)
{
	(void)state;
	five_go_and_a_tenth_may_still_go(is_erased);
}

static void test_withdrawals_use_up_nothing_of_what_a_roster_may(void **state)
{
	(void)state;
	five_go_and_a_tenth_may_still_go(withdraws);
}

/* --- by a roster --------------------------------------------------------------------------- */

/* The same word as by hand, but a file's. */
static void test_transfers_by_a_roster_count_like_any_other(void **state)
{
	struct paper *p;

	(void)state;
	staff_of(50);
	p = paper(2);
	p->part = true;
	for (unsigned i = 1; i <= 5; i++) {
		char number[16];

		snprintf(number, sizeof(number), "n%04u", i);
		put_person(p, (struct person){ .number = number, .status = KM_ROSTER_TRANSFERRED });
	}
	applies(p);
	work();
	assert_int_equal(everybody(), 45);
	p = paper_about(3, (struct person){ .number = "n0006", .status = KM_ROSTER_RETIRED });
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_EBRAKE);
	assert_int_equal(p->sum.brake, KM_BRAKE_MANY);
}

/* Somebody looked at those; at who comes next nobody has. */
static void test_what_was_let_go_counts_for_what_follows(void **state)
{
	struct paper *p;

	(void)state;
	staff_of(20);
	for (unsigned i = 11; i <= 16; i++) {
		char login[16];

		snprintf(login, sizeof(login), "n%04u", i);
		falls_due(login, TODAY);
	}
	work();
	assert_int_equal(releases(6).rc, 0);
	work();
	assert_int_equal(everybody(), 14);
	p = retirements(2, 1);
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_EBRAKE);
	assert_int_equal(p->sum.brake, KM_BRAKE_MANY);
}

/* --- a day --------------------------------------------------------------------------------- */

/* So many seconds before now, five of fifty. */
static void five_went_before(int64_t seconds)
{
	staff_of(50);
	accepts(retirements(2, 5));
	room.v->now.wall -= seconds;
	store_set_now(room.v->store, &room.v->now);
	work();
	today();
	assert_int_equal(everybody(), 45);
}

/* Four more: a tenth of who is left, and not of who was there a day ago. */
static struct paper *four_more(void)
{
	return retirements(3, 9);
}

static void test_who_went_within_a_day_counts_also_after_midnight(void **state)
{
	struct paper *p;

	(void)state;
	five_went_before(DAY - 3600);
	p = four_more();
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_EBRAKE);
	assert_int_equal(p->sum.left, 4);
	assert_int_equal(p->sum.brake, KM_BRAKE_MANY);
}

static void test_who_went_more_than_a_day_ago_does_not_count(void **state)
{
	struct paper *p;

	(void)state;
	five_went_before(DAY + 1);
	p = four_more();
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_OK);
	assert_int_equal(p->sum.left, 4);
	work_off();
	work();
	assert_int_equal(everybody(), 41);
}

static bool would_be_many(uint64_t more)
{
	bool many = false;

	assert_int_equal(due_too_many(room.v, more, &many), KM_OK);
	return many;
}

static void test_a_day_is_twenty_four_hours_to_the_second(void **state)
{
	int64_t went;

	(void)state;
	staff_of(50);
	accepts(retirements(2, 5));
	work();
	assert_int_equal(everybody(), 45);
	went = room.v->now.wall;
	room.v->now.today++;
	room.v->now.wall = went + DAY - 1;
	assert_true(would_be_many(4));
	room.v->now.wall = went + DAY + 1;
	assert_false(would_be_many(4));
	assert_true(would_be_many(5));
}

/* --- all causes ---------------------------------------------------------------------------- */

static void test_one_of_each_cause_is_four_and_held(void **state)
{
	static const enum km_cause each[] = { KM_CAUSE_EXPIRED, KM_CAUSE_UNUSED, KM_CAUSE_RETIRED,
					      KM_CAUSE_MISSING };
	static const char *const who[] = { "n0001", "n0002", "n0003", "n0004" };

	(void)state;
	staff_of(24);
	for (size_t i = 0; i < 4; i++)
		falls_due_for(who[i], each[i], TODAY);
	for (size_t i = 0; i < 4; i++) {
		assert_true(would_be_many(0));
		assert_int_equal(
		    store_due_drop(room.v->store, operator_of(who[i]).subject, KM_DUE_ERASE, NULL),
		    KM_OK);
		assert_false(would_be_many(0));
		falls_due_for(who[i], each[i], TODAY);
	}
	work();
	assert_true(room.v->due.held);
	assert_int_equal(recorded(KM_EVENT_BRAKE), 1);
	assert_int_equal(everybody(), 24);
}

/* --- each brake, where one acts alone ------------------------------------------------------- */

/* For any number but that of who would go, nothing is done. */
static void goes_for_its_number_alone(struct paper *p, enum km_brake brake, int64_t number)
{
	const int64_t wrong[] = { ANY_ERASURES, number - 1, number + 1 };
	const uint64_t before = everybody();

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(roster(p, true, wrong[i]), KM_EBRAKE);
		assert_int_equal(p->sum.brake, brake);
		work();
		assert_int_equal(everybody(), before);
	}
	assert_int_equal(recorded(KM_EVENT_OPERATOR_MISSING), 0);
	assert_int_equal(roster(p, true, number), KM_OK);
	assert_int_equal(p->sum.brake, brake);
}

static void is_gone(const char *login)
{
	work_off();
	work();
	assert_int_equal(operator_of(login).cursor, 0);
}

static void test_an_older_roster_goes_for_its_number_alone(void **state)
{
	struct paper *p;

	(void)state;
	staff_of(20);
	p = retirements(2, 1);
	p->made = 999;
	goes_for_its_number_alone(p, KM_BRAKE_OLDER, 1);
	is_gone("n0001");
}

static void test_a_roster_without_its_signature_goes_for_its_number_alone(void **state)
{
	(void)state;
	staff_of(20);
	room.v->conf.roster.key.set = true;
	goes_for_its_number_alone(retirements(2, 1), KM_BRAKE_SIGNATURE, 1);
	is_gone("n0001");
}

static void test_a_roster_with_an_unknown_department_goes_for_its_number_alone(void **state)
{
	struct paper *p;

	(void)state;
	staff_of(20);
	p = retirements(2, 1);
	put_person(p, (struct person){ .number = "n0002", .department = "R?ads" });
	goes_for_its_number_alone(p, KM_BRAKE_DEPARTMENT, 1);
	is_gone("n0001");
}

static void test_a_roster_of_nobody_goes_for_its_number_alone(void **state)
{
	(void)state;
	staff_of(3);
	goes_for_its_number_alone(paper(2), KM_BRAKE_CUT, 3);
	work_off();
	assert_int_equal(recorded(KM_EVENT_OPERATOR_MISSING), 3);
	assert_int_equal(operator_of("n0003").state, KM_SUSPENDED);
}

/* Whoever says the number has looked at the list, not at the clock. */
static void test_c35_a_roster_under_a_clock_in_doubt_waits_for_both(void **state)
{
	struct km_msg m = { .number = KM_MSG_ACCEPT };
	int line;

	(void)state;
	staff_of(20);
	room.v->suspicion = KM_SUSPECT_CLOCK;
	goes_for_its_number_alone(retirements(2, 1), KM_BRAKE_CLOCK, 1);
	work();
	assert_int_equal(everybody(), 20);
	assert_int_equal(recorded(KM_EVENT_ERASE_BEGUN), 0);
	line = desk_comes();
	m.accept.what = KM_SUSPECT_CLOCK;
	m.accept.confirm = 1;
	assert_int_equal(does(line, m).rc, 0);
	close(line);
	is_gone("n0001");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOM(test_transfers_by_hand_use_up_nothing_of_what_a_roster_may),
		IN_ROOM(test_a_transfer_by_hand_is_certified_as_a_transfer),
		IN_ROOM(test_erasures_by_hand_use_up_nothing_of_what_a_roster_may),
		IN_ROOM(test_withdrawals_use_up_nothing_of_what_a_roster_may),
		IN_ROOM(test_transfers_by_a_roster_count_like_any_other),
		IN_ROOM(test_what_was_let_go_counts_for_what_follows),
		IN_ROOM(test_who_went_within_a_day_counts_also_after_midnight),
		IN_ROOM(test_who_went_more_than_a_day_ago_does_not_count),
		IN_ROOM(test_a_day_is_twenty_four_hours_to_the_second),
		IN_ROOM(test_one_of_each_cause_is_four_and_held),
		IN_ROOM(test_an_older_roster_goes_for_its_number_alone),
		IN_ROOM(test_a_roster_without_its_signature_goes_for_its_number_alone),
		IN_ROOM(test_a_roster_with_an_unknown_department_goes_for_its_number_alone),
		IN_ROOM(test_a_roster_of_nobody_goes_for_its_number_alone),
		IN_ROOM(test_c35_a_roster_under_a_clock_in_doubt_waits_for_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
