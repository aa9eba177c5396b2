/* A roster beyond the brake, and what the brake holds, take two persons: one asks, one looks. */
#include "two_roster_scene.h"

#include <kenmon/erased.h>

static void test_a_roster_beyond_the_brake_waits_and_is_done_when_a_second_agrees(void **state)
{
	struct km_operator gone, rei, aki;
	struct km_certificate proof;
	struct km_msg m;
	uint64_t id;

	(void)state;
	gone = operator_of("n0001");
	rei = operator_of("rei");
	aki = operator_of("aki");
	id = files_roster(2);
	assert_true(feed_is(KM_FEED_WAITING));
	work_off();
	assert_int_equal(everybody(), STAFF + 4);
	m = scene_look(id);
	assert_int_equal(m.request_row.act, KM_MSG_ROSTER_END);
	assert_non_null(strstr(m.request_row.text, "erasures=10"));
	assert_non_null(strstr(m.request_row.text, "left=10"));
	assert_non_null(strstr(m.request_row.text, "brake=many"));
	assert_int_equal(scene_does("aki", scene_decision(id, true)).rc, 0);
	scene_by_both(KM_EVENT_FEED_ACCEPTED);
	carry_out();
	assert_int_equal(everybody(), STAFF / 2 + 4);
	assert_int_equal(operator_of("n0001").cursor, 0);
	assert_int_equal(recorded(KM_EVENT_BRAKE), 0);
	assert_int_equal(store_certificate(room.v->store, gone.subject, &proof), KM_OK);
	assert_int_equal(proof.order.cause, KM_CAUSE_RETIRED);
	assert_memory_equal(proof.order.requester, rei.subject, KM_SUBJECT_BYTES);
	assert_memory_equal(proof.order.approver, aki.subject, KM_SUBJECT_BYTES);
}

/* --- each brake ---------------------------------------------------------------------------- */

/* Rei files it; with its brake's name before her, Aki agrees; then it is worked off. */
static void waits_for_aki(struct paper *p, enum km_brake brake)
{
	int line = line_with("rei", p);
	uint64_t before = everybody();
	char named[32];

	assert_int_equal(ends(line, p, true, ANY_ERASURES), KM_EFILED);
	close(line);
	assert_int_equal(p->sum.brake, brake);
	rounds(3);
	assert_int_equal(everybody(), before);
	snprintf(named, sizeof(named), "brake=%s", km_brake_word(brake));
	assert_non_null(strstr(scene_look(p->id).request_row.text, named));
	assert_true(feed_is(KM_FEED_WAITING));
	assert_int_equal(scene_does("aki", scene_decision(p->id, true)).rc, 0);
	assert_false(feed_is(KM_FEED_WAITING));
}

static struct paper *one_retires(uint8_t digest, const char *number)
{
	return paper_about(digest,
			   (struct person){ .number = number, .status = KM_ROSTER_RETIRED });
}

static void is_done_without(const char *login)
{
	carry_out();
	assert_int_equal(operator_of(login).cursor, 0);
}

static void test_an_unknown_department_waits_for_a_second_person(void **state)
{
	struct paper *p = one_retires(2, "n0001");

	(void)state;
	put_person(p, (struct person){ .number = "n0002", .department = "R?ads" });
	waits_for_aki(p, KM_BRAKE_DEPARTMENT);
	is_done_without("n0001");
	assert_string_equal(person_of("n0002").department, "R?ads");
}

static void test_an_older_roster_waits_for_a_second_person(void **state)
{
	struct paper *p = one_retires(2, "n0001");

	(void)state;
	p->made = 999; /* the last one was of 1000 */
	waits_for_aki(p, KM_BRAKE_OLDER);
	is_done_without("n0001");
}

static void test_a_roster_without_its_signature_waits_for_a_second_person(void **state)
{
	(void)state;
	room.v->conf.roster.key.set = true;
	waits_for_aki(one_retires(2, "n0001"), KM_BRAKE_SIGNATURE);
	is_done_without("n0001");
}

static void test_a_role_waits_for_a_second_person(void **state)
{
	(void)state;
	waits_for_aki(paper_about(2, (struct person){ .number = "n0001", .role = "approver" }),
		      KM_BRAKE_ROLE);
	carry_out();
	assert_int_equal(operator_of("n0001").role, KM_ROLE_APPROVER);
}

/* Aki has looked at the list: at the clock somebody else must, and until then all stay. */
static void test_c35_a_roster_under_a_clock_in_doubt_waits_for_a_second_person(void **state)
{
	(void)state;
	room.v->suspicion = KM_SUSPECT_CLOCK;
	waits_for_aki(one_retires(2, "n0001"), KM_BRAKE_CLOCK);
	rounds(40);
	assert_int_equal(everybody(), STAFF + 4);
	assert_int_equal(recorded(KM_EVENT_ERASE_BEGUN), 0);
	room.v->suspicion = 0;
	is_done_without("n0001");
}

/* Nobody is in it: everybody is missing, and suspended when Aki means it. */
static void test_a_roster_of_nobody_waits_for_a_second_person(void **state)
{
	(void)state;
	waits_for_aki(paper(2), KM_BRAKE_CUT);
	carry_out();
	assert_int_equal(operator_of("n0001").state, KM_SUSPENDED);
	assert_int_equal(everybody(), STAFF + 4);
}

/* --- who asks, and who looks --------------------------------------------------------------- */

/* A line of the drop folder's user, who is no operator. */
static int drop_folder_comes(void)
{
	int fd = desk_comes();
	struct line *l = NULL;

	for (size_t i = 0; i < VAULT_LINES; i++)
		if (room.v->line[i].fd >= 0)
			l = &room.v->line[i];
	assert_non_null(l);
	room.v->conf.roster.uid = 7007;
	l->peer = 7007;
	return fd;
}

/* 1 April, when a third of the staff moves, is one approval: whoever put the file there. */
static void test_a_roster_of_the_drop_folder_waits_for_one_approval(void **state)
{
	struct paper *p = half_retires(2);
	int line = drop_folder_comes();

	(void)state;
	assert_int_equal(does(line, begin_message(p)).rc, 0);
	hands_in_all(line, p);
	assert_int_equal(ends(line, p, true, ANY_ERASURES), KM_EFILED);
	close(line);
	rounds(3);
	(void)scene_look(p->id);
	assert_string_equal(scene_row.request_row.requester, "");
	assert_int_equal(scene_does("aki", scene_decision(p->id, true)).rc, 0);
	carry_out();
	assert_int_equal(everybody(), STAFF / 2 + 4);
}

static void test_the_second_person_sees_every_row(void **state)
{
	struct km_msg m = { .number = KM_MSG_ROSTER_LIST };
	struct km_msg who = { .number = KM_MSG_IDENTIFY };
	struct km_feed feed;
	unsigned rows = 0;
	int line;

	(void)state;
	(void)files_roster(2);
	assert_int_equal(store_feed_in(room.v->store, KM_FEED_WAITING, KM_FEED_WAITING, &feed),
			 KM_OK);
	line = desk_comes();
	snprintf(who.identify.login, sizeof(who.identify.login), "aki");
	assert_int_equal(does(line, who).rc, 0);
	m.roster_list.feed = feed.id;
	m.roster_list.limit = 100;
	asks(line, &m);
	if (m.number == KM_MSG_PROMPT) {
		char code[16];

		scene_code("aki", code);
		m = (struct km_msg){ .number = KM_MSG_ANSWER };
		assert_int_equal(km_secret_set(&m.answer.secret, code, 6), KM_OK);
		desk_asks(line, &m);
	}
	for (; m.number == KM_MSG_ROSTER_NOTE; rows++) {
		assert_int_equal(m.roster_note.outcome, KM_OUTCOME_LEFT);
		assert_string_equal(m.roster_note.text, "retired");
		assert_int_equal(hear(line, KM_PHASE_DESK_TALK, &m, NULL), KM_OK);
	}
	assert_int_equal(rows, STAFF / 2);
	close(line);
}

static void test_a_roster_that_is_rejected_leaves_nothing(void **state)
{
	uint64_t id;

	(void)state;
	id = files_roster(2);
	assert_int_equal(scene_does("aki", scene_decision(id, false)).rc, 0);
	room.v->feed.asked_ms = 0;
	rounds(6);
	assert_false(feed_is(KM_FEED_WAITING));
	assert_int_equal(rows_in("stage"), 0);
	assert_int_equal(rows_in("work_key"), 0);
	assert_int_equal(recorded(KM_EVENT_FEED_REFUSED), 1);
	assert_int_equal(everybody(), STAFF + 4);
	/* And another one may come. */
	(void)files_roster(3);
}

static void test_nobody_hands_in_another_one_while_one_waits(void **state)
{
	struct km_msg who = { .number = KM_MSG_IDENTIFY }, m;
	int line;

	(void)state;
	(void)files_roster(2);
	room_stop();
	assert_int_equal(room_start(), 0);
	room.v->conf.approval_required = true;
	room.v->conf.hotp.look_ahead = 100;
	rounds(3);
	assert_true(feed_is(KM_FEED_WAITING)); /* a start keeps it */
	m = begin_message(paper(3));
	line = desk_comes();
	snprintf(who.identify.login, sizeof(who.identify.login), "rei");
	assert_int_equal(does(line, who).rc, 0);
	asks(line, &m);
	/* It will be decided, or expire: no fault of the file, which the drop folder keeps. */
	assert_int_equal(-(int)scene_hear_done(line, "rei", &m).rc, KM_EAGAIN);
	close(line);
}

static void test_nobody_goes_whom_the_second_person_did_not_see(void **state)
{
	struct paper *p = paper(2);
	uint64_t id;
	int line;

	(void)state;
	/* Of the department covered, half are not in it; then all departments are. */
	snprintf(room.v->conf.roster.departments, sizeof(room.v->conf.roster.departments),
		 "Elsewhere");
	for (unsigned i = 1; i <= STAFF / 2; i++) {
		char number[16];

		snprintf(number, sizeof(number), "n%04u", i);
		put_person(p, (struct person){ .number = number, .status = KM_ROSTER_RETIRED });
	}
	line = line_with("rei", p);
	assert_int_equal(ends(line, p, true, ANY_ERASURES), KM_EFILED);
	assert_int_equal(p->sum.missing, 0);
	id = p->id;
	close(line);
	rounds(3);
	room.v->conf.roster.departments[0] = '\0';
	assert_int_equal(-(int)scene_does("aki", scene_decision(id, true)).rc, KM_ESTATE);
	assert_true(feed_is(KM_FEED_WAITING));
	carry_out();
	assert_int_equal(everybody(), STAFF + 4);
	/* As it was when it was filed, it may be agreed to. */
	snprintf(room.v->conf.roster.departments, sizeof(room.v->conf.roster.departments),
		 "Elsewhere");
	assert_int_equal(scene_does("aki", scene_decision(id, true)).rc, 0);
	carry_out();
	assert_int_equal(everybody(), STAFF / 2 + 4);
}

static void test_no_roster_makes_or_unmakes_administrators_by_one_person(void **state)
{
	static const struct person each[] = {
		{ .number = "n0001", .role = "approver" },
		{ .number = "x0001", .role = "registrar" },
		{ .number = "N-aki", .login = "aki", .role = "operator" },
		{ .number = "N-aki", .login = "aki", .status = KM_ROSTER_RETIRED },
		{ .number = "N-aki", .login = "aki", .status = KM_ROSTER_LEAVE },
		{ .number = "N-rei", .login = "rei", .until = 40000 },
	};
	struct paper *p;
	int line;

	(void)state;
	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		p = paper_about((uint8_t)(2 + i), each[i]);
		line = line_with("rei", p);
		assert_int_equal(ends(line, p, true, ANY_ERASURES), KM_EFILED);
		assert_int_equal(p->sum.brake, KM_BRAKE_ROLE);
		assert_int_equal(scene_does("ami", scene_decision(p->id, false)).rc, 0);
		close(line);
		room.v->feed.asked_ms = 0;
		rounds(6);
	}
	assert_int_equal(operator_of("n0001").role, KM_ROLE_OPERATOR);
	assert_int_equal(operator_of("aki").role, KM_ROLE_APPROVER);
	assert_int_equal(operator_of("aki").state, KM_ACTIVE);
}

static void test_no_whole_roster_forgets_an_administrator_by_one_person(void **state)
{
	struct paper *p = paper(2);
	int line;

	(void)state;
	put_staff(p, STAFF);
	put_person(p, (struct person){ .number = "N-rei", .login = "rei", .name = "Name" });
	put_person(p, (struct person){ .number = "N-ami", .login = "ami", .name = "Name" });
	put_person(p, (struct person){ .number = "N-hanako", .login = "hanako" });
	line = line_with("rei", p);
	assert_int_equal(ends(line, p, true, ANY_ERASURES), KM_EFILED);
	assert_int_equal(p->sum.missing, 1); /* far below a tenth */
	assert_int_equal(p->sum.brake, KM_BRAKE_ROLE);
	close(line);
	work_off();
	assert_int_equal(operator_of("aki").state, KM_ACTIVE);
}

static void test_a_roster_that_leaves_roles_alone_needs_one_person(void **state)
{
	struct paper *p = paper(2);
	int line;

	(void)state;
	p->part = true;
	put_person(p, (struct person){ .number = "n0001", .role = "operator", .until = 40000 });
	put_person(p, (struct person){ .number = "N-aki", .login = "aki", .name = "Another" });
	put_person(p, (struct person){ .number = "x0001" });
	line = line_with("rei", p);
	assert_int_equal(ends(line, p, true, ANY_ERASURES), KM_OK);
	close(line);
	work_off();
	assert_string_equal(person_of("aki").name, "Another");
}

static void test_what_is_held_is_released_by_two(void **state)
{
	struct km_msg m = { .number = KM_MSG_DUE_RELEASE, .due_release.erasures = 10 };
	struct km_certificate proof;
	struct km_operator first, aki;
	uint64_t id;

	(void)state;
	first = operator_of("n0001");
	aki = operator_of("aki");
	for (unsigned i = 1; i <= 10; i++) {
		struct km_due_row row = { .what = KM_DUE_ERASE,
					  .cause = KM_CAUSE_MISSING,
					  .feed = 1,
					  .day = room.v->now.today };
		char login[16];
		struct km_operator op;

		snprintf(login, sizeof(login), "n%04u", i);
		op = operator_of(login);
		memcpy(row.subject, op.subject, sizeof(row.subject));
		assert_int_equal(due_put(room.v, &row, NULL), KM_OK);
	}
	carry_out();
	assert_int_equal(everybody(), STAFF + 4);
	assert_true(room.v->due.held);
	id = scene_files(&m);
	carry_out();
	assert_int_equal(everybody(), STAFF + 4);
	assert_int_equal(scene_does("aki", scene_decision(id, true)).rc, 0);
	scene_by_both(KM_EVENT_BRAKE_RELEASED);
	carry_out();
	assert_int_equal(everybody(), STAFF / 2 + 4);
	assert_int_equal(store_certificate(room.v->store, first.subject, &proof), KM_OK);
	assert_memory_equal(proof.order.approver, aki.subject, KM_SUBJECT_BYTES);
}

static void test_what_the_drop_folder_files_a_second_person_may_agree_to(void **state)
{
	struct paper *p = half_retires(2);
	int line = desk_comes();
	uint64_t id;

	(void)state;
	room.v->conf.roster.uid = 7007;
	for (size_t i = 0; i < VAULT_LINES; i++)
		if (room.v->line[i].fd >= 0)
			room.v->line[i].peer = 7007;
	assert_int_equal(begins(line, p).rc, 0);
	hands_in_all(line, p);
	assert_int_equal(ends(line, p, true, ANY_ERASURES), KM_EFILED);
	id = p->id;
	close(line);
	rounds(3);
	assert_true(feed_is(KM_FEED_WAITING));
	assert_int_equal(scene_does("aki", scene_decision(id, true)).rc, 0);
	carry_out();
	assert_int_equal(everybody(), STAFF / 2 + 4);
}

/* --- at the desk --------------------------------------------------------------------------- */

static void test_who_leaves_loses_the_desk_at_once_whatever_was_proved(void **state)
{
	struct km_msg who = { .number = KM_MSG_IDENTIFY };
	struct km_msg list = { .number = KM_MSG_OPERATOR_LIST, .operator_list.limit = 10 },
		      m = list;
	struct km_operator rei = operator_of("rei");
	struct km_due_row row = {
		.what = KM_DUE_ERASE, .cause = KM_CAUSE_RETIRED, .feed = 1, .day = room.v->now.today
	};
	int line = desk_comes();

	(void)state;
	snprintf(who.identify.login, sizeof(who.identify.login), "rei");
	assert_int_equal(does(line, who).rc, 0);
	asks(line, &m);
	assert_int_equal(scene_hear_done(line, "rei", &m).rc, 0);
	assert_int_equal(does(line, list).rc, 0); /* proved a moment ago */
	memcpy(row.subject, rei.subject, sizeof(row.subject));
	assert_int_equal(due_put(room.v, &row, NULL), KM_OK);
	room.v->due.look_ms = INT64_MAX; /* and nothing is carried out yet */
	assert_int_equal(-(int)does(line, list).rc, KM_EPERM);
	assert_int_equal(operator_of("rei").state, KM_ACTIVE);
	close(line);
}

#define STAFFED(test) cmocka_unit_test_setup_teardown(test, staffed, close_room)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STAFFED(test_a_roster_beyond_the_brake_waits_and_is_done_when_a_second_agrees),
		STAFFED(test_an_unknown_department_waits_for_a_second_person),
		STAFFED(test_an_older_roster_waits_for_a_second_person),
		STAFFED(test_a_roster_without_its_signature_waits_for_a_second_person),
		STAFFED(test_a_role_waits_for_a_second_person),
		STAFFED(test_c35_a_roster_under_a_clock_in_doubt_waits_for_a_second_person),
		STAFFED(test_a_roster_of_nobody_waits_for_a_second_person),
		STAFFED(test_a_roster_of_the_drop_folder_waits_for_one_approval),
		STAFFED(test_the_second_person_sees_every_row),
		STAFFED(test_a_roster_that_is_rejected_leaves_nothing),
		STAFFED(test_nobody_hands_in_another_one_while_one_waits),
		STAFFED(test_nobody_goes_whom_the_second_person_did_not_see),
		STAFFED(test_no_roster_makes_or_unmakes_administrators_by_one_person),
		STAFFED(test_no_whole_roster_forgets_an_administrator_by_one_person),
		STAFFED(test_a_roster_that_leaves_roles_alone_needs_one_person),
		STAFFED(test_what_is_held_is_released_by_two),
		STAFFED(test_what_the_drop_folder_files_a_second_person_may_agree_to),
		STAFFED(test_who_leaves_loses_the_desk_at_once_whatever_was_proved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
