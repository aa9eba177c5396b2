/* Whatever a roster, a date or disuse says: the last registrar and the last approver are not
 * destroyed. */
#include "request_scene.h"
#include "roster_scene.h"

#include <kenmon/erased.h>

/* Handed in by Rei, and worked off. */
static void roster_says(struct paper *p)
{
	struct km_msg who = { .number = KM_MSG_IDENTIFY }, m = begin_message(p);
	int line = desk_comes();

	snprintf(who.identify.login, sizeof who.identify.login, "rei");
	assert_int_equal(does(line, who).rc, 0);
	asks(line, &m);
	assert_int_equal(scene_hear_done(line, "rei", &m).rc, 0);
	hands_in_all(line, p);
	if (ends(line, p, true, ANY_ERASURES) != KM_OK) {
		assert_int_equal(p->sum.brake, KM_BRAKE_ROLE);
		assert_int_equal(scene_does("aki", scene_decision(p->id, true)).rc, 0);
	}
	close(line);
	work();
	work();
}

static bool alarm_says(const char *text)
{
	struct km_msg m = { .number = KM_MSG_STATUS };
	int line = desk_comes();
	bool found = false;

	desk_asks(line, &m);
	while (m.number != KM_MSG_DONE) {
		if (m.number == KM_MSG_STATUS_ROW &&
		    strcmp(m.status_row.key, "administrators") == 0 &&
		    strstr(m.status_row.value, text))
			found |= m.status_row.alarm;
		assert_int_equal(hear(line, KM_PHASE_DESK_TALK, &m, NULL), KM_OK);
	}
	close(line);
	vault_round(room.v, 0);
	return found;
}

static enum km_reason queued(const char *login)
{
	struct km_operator op = operator_of(login);
	enum km_reason reason = KM_REASON_NONE;

	assert_int_equal(queue_reason(room.v, &op, &reason), KM_OK);
	return reason;
}

static void expires_on(const char *login, int64_t day)
{
	struct km_operator op = operator_of(login);
	struct km_operator_change c = { .mask = KM_CHANGE_VALID_UNTIL, .valid_until = day };
	struct km_event_record r;

	event_make(&r, KM_EVENT_OPERATOR_CHANGED, op.subject, "test");
	assert_int_equal(store_operator_change(room.v->store, op.subject, &c, &r), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
}

static void test_the_last_registrar_who_retires_is_refused_and_held(void **state)
{
	(void)state;
	assert_false(alarm_says("register another first"));
	roster_says(paper_about(
	    1, (struct person){ .number = "N-rei", .login = "rei", .status = KM_ROSTER_RETIRED }));
	assert_int_equal(operator_of("rei").state, KM_ACTIVE);
	assert_int_equal(queued("rei"), KM_REASON_LEFT);
	assert_int_equal(due_for("rei", KM_DUE_ERASE).cause, KM_CAUSE_RETIRED);
	assert_true(alarm_says("rei is the last registrar"));
	/* One without a code is no other. */
	scene_add("ryo", KM_ROLE_REGISTRAR, false);
	work();
	assert_int_equal(operator_of("rei").cursor != 0, true);
	scene_add("sho", KM_ROLE_REGISTRAR, true);
	assert_false(alarm_says("register another first"));
	work();
	assert_int_equal(operator_of("rei").cursor, 0);
}

/* More than one page of them. */
static void test_another_registrar_counts_however_many_stand_before_them(void **state)
{
	(void)state;
	roster_says(paper_about(
	    1, (struct person){ .number = "N-rei", .login = "rei", .status = KM_ROSTER_RETIRED }));
	for (unsigned i = 0; i < 70; i++) {
		char login[16];

		snprintf(login, sizeof login, "ryo%u", i);
		scene_add(login, KM_ROLE_REGISTRAR, false);
	}
	assert_true(alarm_says("rei is the last registrar"));
	scene_add("sho", KM_ROLE_REGISTRAR, true);
	assert_false(alarm_says("register another first"));
}

static void test_of_two_approvers_who_leave_together_neither_goes(void **state)
{
	struct paper *p = paper(1);

	(void)state;
	p->part = true;
	put_person(p, (struct person){
			  .number = "N-aki", .login = "aki", .status = KM_ROSTER_TRANSFERRED });
	put_person(p, (struct person){
			  .number = "N-ami", .login = "ami", .status = KM_ROSTER_TRANSFERRED });
	put_person(p, (struct person){
			  .number = "N-hanako", .login = "hanako", .status = KM_ROSTER_RETIRED });
	roster_says(p);
	assert_int_equal(operator_of("hanako").cursor, 0); /* who is in nobody's way goes */
	assert_int_equal(operator_of("aki").state, KM_ACTIVE);
	assert_int_equal(operator_of("ami").state, KM_ACTIVE);
	assert_int_equal(queued("aki"), KM_REASON_LEFT);
	assert_true(alarm_says("aki is the last approver"));
	assert_true(alarm_says("ami is the last approver"));
}

static void test_one_of_two_approvers_goes(void **state)
{
	(void)state;
	roster_says(paper_about(
	    1, (struct person){ .number = "N-aki", .login = "aki", .status = KM_ROSTER_RETIRED }));
	assert_int_equal(operator_of("aki").cursor, 0);
	assert_int_equal(operator_of("ami").state, KM_ACTIVE);
}

static void test_an_end_of_validity_of_the_last_is_said_before_and_held(void **state)
{
	(void)state;
	expires_on("rei", TODAY + 10);
	work();
	assert_true(alarm_says("rei is the last registrar"));
	later(11);
	assert_int_equal(operator_of("rei").state, KM_ACTIVE);
	assert_int_equal(queued("rei"), KM_REASON_LEFT);
	later(30);
	assert_int_equal(operator_of("rei").state, KM_ACTIVE);
}

static void test_the_last_is_not_suspended_for_disuse_and_others_are(void **state)
{
	(void)state;
	room.v->conf.unused.suspend_after = 5;
	for (unsigned i = 0; i < 8; i++)
		later(1);
	assert_int_equal(operator_of("hanako").state, KM_SUSPENDED);
	assert_int_equal(operator_of("rei").state, KM_ACTIVE);
	/* Of two, one: the other is the last by then. */
	assert_int_equal(
	    (operator_of("aki").state == KM_ACTIVE) + (operator_of("ami").state == KM_ACTIVE), 1);
}

static void test_a_roster_does_not_make_the_last_registrar_something_else(void **state)
{
	(void)state;
	roster_says(paper_about(
	    1, (struct person){
		   .number = "N-rei", .login = "rei", .role = "operator", .name = "Rei R" }));
	assert_int_equal(operator_of("rei").role, KM_ROLE_REGISTRAR);
	assert_string_equal(person_of("rei").name, "Rei R");
	roster_says(paper_about(
	    2, (struct person){ .number = "N-ami", .login = "ami", .role = "operator" }));
	assert_int_equal(operator_of("ami").role, KM_ROLE_OPERATOR);
}

/* --- who it was ------------------------------------------------------------------------------- */

static struct km_msg msg_transfer(const char *login, int64_t day)
{
	struct km_msg m = { .number = KM_MSG_TRANSFER };

	snprintf(m.transfer.login, sizeof m.transfer.login, "%s", login);
	m.transfer.effective = day;
	return m;
}

/* Until its day comes nobody else knows. */
static void test_a_transfer_by_one_person_says_who_that_was(void **state)
{
	const struct km_msg m = msg_transfer("hanako", TODAY + 9);

	(void)state;
	room.v->conf.approval_required = false;
	assert_int_equal(scene_rc("rei", &m), KM_OK);
	assert_memory_equal(due_for("hanako", KM_DUE_ERASE).requester, scene_person("rei").subject,
			    KM_SUBJECT_BYTES);
}

/* Root at an operator's uid, who has given no code: it is root, as the trail has it. */
static void test_an_erasure_by_root_names_nobody_who_has_proved_nothing(void **state)
{
	static const uint8_t nobody[KM_SUBJECT_BYTES];
	const struct km_msg m = scene_msg_erase("hanako");
	const struct km_operator hanako = scene_person("hanako"), rei = scene_person("rei");
	struct km_certificate c;
	struct km_event_record r;

	(void)state;
	room.v->conf.approval_required = false;
	event_make(&r, KM_EVENT_OPERATOR_REBOUND, rei.subject, "test");
	assert_int_equal(store_operator_uid(room.v->store, rei.subject, getuid(), &r), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	assert_int_equal(scene_rc(NULL, &m), KM_OK);
	assert_int_equal(store_certificate(room.v->store, hanako.subject, &c), KM_OK);
	assert_memory_equal(c.order.requester, nobody, KM_SUBJECT_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCENE(test_the_last_registrar_who_retires_is_refused_and_held),
		IN_SCENE(test_another_registrar_counts_however_many_stand_before_them),
		IN_SCENE(test_of_two_approvers_who_leave_together_neither_goes),
		IN_SCENE(test_one_of_two_approvers_goes),
		IN_SCENE(test_an_end_of_validity_of_the_last_is_said_before_and_held),
		IN_SCENE(test_the_last_is_not_suspended_for_disuse_and_others_are),
		IN_SCENE(test_a_roster_does_not_make_the_last_registrar_something_else),
		IN_SCENE(test_a_transfer_by_one_person_says_who_that_was),
		IN_SCENE(test_an_erasure_by_root_names_nobody_who_has_proved_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
