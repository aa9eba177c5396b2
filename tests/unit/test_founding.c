/* From root alone to two persons, the last of them, and the way back. */
#include "request_scene.h"

static int open_unfounded(void **state)
{
	int rc = open_room(state);

	scene_counter = 0;
	if (rc)
		return rc;
	room.v->conf.approval_required = true;
	room.v->conf.hotp.look_ahead = 100;
	return 0;
}

#define UNFOUNDED(test) cmocka_unit_test_setup_teardown(test, open_unfounded, close_room)
#define LOST(test)      cmocka_unit_test_setup_teardown(test, open_lost, close_room)

static bool status_has(const char *key, const char *text, bool alarm)
{
	struct km_msg m = { .number = KM_MSG_STATUS };
	int line = desk_comes();
	bool found = false;

	desk_asks(line, &m);
	while (m.number != KM_MSG_DONE) {
		if (m.number == KM_MSG_STATUS_ROW && strcmp(m.status_row.key, key) == 0 &&
		    strstr(m.status_row.value, text))
			found |= m.status_row.alarm == alarm;
		assert_int_equal(hear(line, KM_PHASE_DESK_TALK, &m, NULL), KM_OK);
	}
	close(line);
	vault_round(room.v, 0);
	return found;
}

/* Root enrols a code as the desk does: without a second person that is good at once. */
static struct km_msg msg_enrol(const char *login)
{
	struct km_msg m = { .number = KM_MSG_ENROL };

	snprintf(m.enrol.login, sizeof m.enrol.login, "%s", login);
	m.enrol.factor = KM_FACTOR_HOTP;
	m.enrol.algorithm = KM_SHA1;
	m.enrol.digits = 6;
	scene_seed(login, &m.enrol.secret);
	return m;
}

static void root_registers(const char *login, enum km_role role)
{
	struct km_msg m = scene_msg_add(login), code = msg_enrol(login);

	m.operator_add.role = (uint8_t)role;
	assert_int_equal(scene_rc(NULL, &m), KM_OK);
	assert_int_equal(scene_rc(NULL, &code), KM_OK);
}

/* How often root alone registered somebody, and whom. */
/* By root, or by whoever started the rooms. */
static unsigned root_added(const char *login)
{
	const char *authority =
	    geteuid() == 0 ? "authority=root-without-factor" : "authority=starter-without-factor";
	static struct km_audit_row page[500];
	struct km_operator op = scene_person(login);
	unsigned found = 0;
	size_t count = 0;

	assert_int_equal(store_audit(room.v->store, 0, NULL, 500, page, &count), KM_OK);
	for (size_t i = 0; i < count; i++)
		found += page[i].event == KM_EVENT_OPERATOR_ADDED &&
			 memcmp(page[i].subject, op.subject, KM_SUBJECT_BYTES) == 0 &&
			 strstr(page[i].body, authority) && !strstr(page[i].body, "approver=");
	return found;
}

static unsigned recorded(enum km_event event)
{
	static struct km_audit_row page[500];
	unsigned found = 0;
	size_t count = 0;

	assert_int_equal(store_audit(room.v->store, 0, NULL, 500, page, &count), KM_OK);
	for (size_t i = 0; i < count; i++)
		found += page[i].event == event;
	return found;
}

static void test_the_founding_leaves_one_record_of_each_of_the_two(void **state)
{
	(void)state;
	root_registers("rei", KM_ROLE_REGISTRAR);
	root_registers("aki", KM_ROLE_APPROVER);
	assert_true(desk_founded(room.v));
	assert_int_equal(root_added("rei"), 1);
	assert_int_equal(root_added("aki"), 1);
	assert_int_equal(recorded(KM_EVENT_OPERATOR_ADDED), 2);
	assert_int_equal(recorded(KM_EVENT_FOUNDED), 1);
}

static void test_root_acts_alone_until_a_registrar_and_an_approver_have_a_code(void **state)
{
	struct km_msg approver = scene_msg_add("aki"), code = msg_enrol("aki");
	struct km_msg taro = scene_msg_add("taro");

	(void)state;
	assert_true(status_has("approval", "root acts alone until then", true));
	root_registers("rei", KM_ROLE_REGISTRAR);
	root_registers("ryo", KM_ROLE_REGISTRAR);
	approver.operator_add.role = KM_ROLE_APPROVER;
	assert_int_equal(scene_rc(NULL, &approver), KM_OK);
	assert_false(desk_founded(room.v)); /* no code yet */
	assert_int_equal(scene_record(KM_EVENT_FOUNDED).event, 0);
	assert_int_equal(scene_rc(NULL, &code), KM_OK);
	assert_true(desk_founded(room.v));
	assert_int_equal(scene_record(KM_EVENT_FOUNDED).event, KM_EVENT_FOUNDED);
	assert_true(status_has("approval", "by two persons: ", false));
	/* From here on root does it no more, and two do. */
	assert_int_equal(scene_rc(NULL, &taro), KM_EPERM);
	(void)scene_files(&taro);
}

static void test_where_one_person_suffices_nothing_is_founded(void **state)
{
	struct km_msg taro = scene_msg_add("taro");

	(void)state;
	room.v->conf.approval_required = false;
	root_registers("rei", KM_ROLE_REGISTRAR);
	root_registers("aki", KM_ROLE_APPROVER);
	assert_false(desk_founded(room.v));
	assert_int_equal(scene_rc(NULL, &taro), KM_OK);
	/* Asked for later, it is founded by itself: they are there. */
	room.v->conf.approval_required = true;
	room.v->tended_ms = 0;
	tend_waiting(room.v);
	assert_true(desk_founded(room.v));
}

static void test_what_cannot_be_read_is_founded(void **state)
{
	uint8_t strange[3] = { 0 };

	(void)state;
	assert_int_equal(store_meta_set(room.v->store, "founded", strange, 3, NULL), KM_OK);
	assert_true(desk_founded(room.v));
	assert_int_equal(store_flush(room.v->store), KM_OK);
	assert_true(status_has("administrators", "damaged", true));
}

/* --- the last of them ------------------------------------------------------------------------- */

static struct km_msg msg_change_role(const char *login, enum km_role role)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_CHANGE };

	snprintf(m.operator_change.login, sizeof m.operator_change.login, "%s", login);
	m.operator_change.mask = KM_CHANGE_ROLE;
	m.operator_change.role = (uint8_t)role;
	return m;
}

static km_rc keeps(struct km_msg m)
{
	struct line l = { .fd = -1 };
	struct call c = { .v = room.v, .l = &l, .m = &m };

	return founding_keeps(&c);
}

static void test_the_last_approver_cannot_be_taken_away_by_anybody(void **state)
{
	struct km_msg ami_away = scene_msg_state("ami", KM_SUSPENDED);
	struct km_msg away = scene_msg_state("aki", KM_SUSPENDED), erase = scene_msg_erase("aki");
	struct km_msg code = scene_msg_remove("aki", scene_credential("aki", KM_FACTOR_HOTP).id);
	struct km_msg transfer = { .number = KM_MSG_TRANSFER, .transfer.login = "aki" };
	struct km_msg until = msg_change_role("aki", KM_ROLE_APPROVER);
	struct msg_done done;

	(void)state;
	assert_int_equal(keeps(away), KM_OK); /* there are two */
	assert_int_equal(scene_rc(NULL, &ami_away), KM_OK);
	done = scene_does(NULL, away);
	assert_int_equal(-(int)done.rc, KM_ESTATE);
	assert_non_null(strstr(done.text, "last approver"));
	assert_int_equal(scene_rc("rei", &away), KM_ESTATE);
	assert_int_equal(scene_rc("rei", &erase), KM_ESTATE);
	assert_int_equal(scene_rc("rei", &code), KM_ESTATE);
	assert_int_equal(keeps(transfer), KM_ESTATE);
	assert_int_equal(keeps(msg_change_role("aki", KM_ROLE_OPERATOR)), KM_ESTATE);
	assert_int_equal(keeps(until), KM_OK); /* nothing changes */
	until.operator_change.mask = KM_CHANGE_VALID_UNTIL;
	until.operator_change.valid_until = room.v->now.today;
	assert_int_equal(keeps(until), KM_ESTATE);
	until.operator_change.valid_until = KM_DAY_NONE;
	assert_int_equal(keeps(until), KM_OK);
	assert_int_equal(scene_person("aki").state, KM_ACTIVE);
	assert_int_equal(scene_waiting(), 0);
}

static void disable(const char *login)
{
	struct km_failure f = { .credential = { scene_credential(login, KM_FACTOR_HOTP).id },
				.count = 1 };

	f.throttle[0] = (struct km_throttle){ 100, 100, INT64_MAX };
	assert_int_equal(store_fail(room.v->store, &f), KM_OK);
}

/* Nobody could approve that it be unlocked. */
static void test_an_approver_whose_code_is_disabled_is_not_another_one(void **state)
{
	const struct km_msg ami = scene_msg_state("ami", KM_SUSPENDED);

	(void)state;
	assert_int_equal(keeps(ami), KM_OK);
	disable("aki");
	assert_int_equal(keeps(ami), KM_ESTATE);
	/* And a hundred wrong codes are no way to get rid of the last one. */
	disable("ami");
	assert_int_equal(keeps(ami), KM_ESTATE);
}

/* Else the year's renewal of the last registrar's contract would be refused as their end. */
static void test_a_later_last_day_takes_no_power_away(void **state)
{
	struct km_operator_change until = { .mask = KM_CHANGE_VALID_UNTIL };
	struct km_msg m = msg_change_role("rei", KM_ROLE_REGISTRAR);
	const struct km_operator rei = scene_person("rei");
	struct km_event_record e;

	(void)state;
	until.valid_until = room.v->now.today + 30;
	event_make(&e, KM_EVENT_OPERATOR_CHANGED, rei.subject, "test");
	assert_int_equal(store_operator_change(room.v->store, rei.subject, &until, &e), KM_OK);
	m.operator_change.mask = KM_CHANGE_VALID_UNTIL;
	m.operator_change.valid_until = room.v->now.today + 395;
	assert_int_equal(keeps(m), KM_OK);
	m.operator_change.valid_until = room.v->now.today + 29;
	assert_int_equal(keeps(m), KM_ESTATE);
}

/* Nobody has done anything: their days are over. */
static void test_the_status_says_that_nobody_is_left_who_could_approve(void **state)
{
	struct km_operator_change until = { .mask = KM_CHANGE_VALID_UNTIL };
	static const char *const approvers[] = { "aki", "ami" };
	struct km_event_record e;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_false(status_has("administrators", "no approver", true));
		until.valid_until = room.v->now.today - 1;
		event_make(&e, KM_EVENT_OPERATOR_CHANGED, NULL, "test");
		assert_int_equal(store_operator_change(
				     room.v->store, scene_person(approvers[i]).subject, &until, &e),
				 KM_OK);
	}
	assert_true(status_has("administrators", "no approver", true));
}

static void test_the_last_registrar_stays_too_and_others_go_as_before(void **state)
{
	(void)state;
	assert_int_equal(keeps(scene_msg_state("rei", KM_SUSPENDED)), KM_ESTATE);
	assert_int_equal(keeps(scene_msg_state("rei", KM_ACTIVE)), KM_OK);
	assert_int_equal(keeps(scene_msg_state("hanako", KM_SUSPENDED)), KM_OK);
	assert_int_equal(keeps(scene_msg_state("nobody", KM_SUSPENDED)), KM_OK);
	/* A second one without a code is none. */
	scene_add("ryo", KM_ROLE_REGISTRAR, false);
	assert_int_equal(keeps(scene_msg_state("rei", KM_SUSPENDED)), KM_ESTATE);
	assert_int_equal(keeps(scene_msg_state("ryo", KM_SUSPENDED)), KM_OK);
	scene_add("sho", KM_ROLE_REGISTRAR, true);
	assert_int_equal(keeps(scene_msg_state("rei", KM_SUSPENDED)), KM_OK);
}

/* Filed while there were two; by the time it is approved no code of the other is left. */
static void test_who_is_the_last_is_looked_at_again_when_it_is_approved(void **state)
{
	struct km_msg erase = scene_msg_erase("ryo");
	struct km_event_record e;
	struct km_operator rei;
	struct msg_done done;
	struct km_msg m;

	(void)state;
	scene_add("ryo", KM_ROLE_REGISTRAR, true);
	m = scene_decision(scene_files(&erase), true);
	rei = scene_person("rei");
	event_make(&e, KM_EVENT_CREDENTIAL_REMOVED, rei.subject, "test");
	assert_int_equal(store_credential_remove(room.v->store, rei.subject,
						 scene_credential("rei", KM_FACTOR_HOTP).id, &e),
			 KM_OK);
	done = scene_does("aki", m);
	assert_int_equal(-(int)done.rc, KM_ESTATE);
	assert_non_null(strstr(done.text, "last registrar"));
	assert_int_equal(scene_person("ryo").state, KM_ACTIVE);
	assert_int_equal(scene_waiting(), 1);
}

/* --- the way back
 * ---------------------------------------------------------------------------------- */

static struct km_msg msg_accept(bool confirm)
{
	return (
	    struct km_msg){ .number = KM_MSG_ACCEPT,
			    .accept = { .what = KM_ACCEPT_ADMINISTRATORS, .confirm = confirm } };
}

static void days_pass(unsigned days)
{
	room.v->now.wall += (int64_t)days * 86400;
	store_set_now(room.v->store, &room.v->now);
}

/* As root at this vault's time: rounds read the clock, which stays where it is. */
static km_rc go_back(bool confirm, enum rights right)
{
	struct km_msg m = msg_accept(confirm);
	struct line *l = NULL;
	int line = desk_comes();
	struct call c;
	km_rc rc;

	for (size_t i = 0; i < VAULT_LINES && !l; i++)
		if (room.v->line[i].fd >= 0)
			l = &room.v->line[i];
	assert_non_null(l);
	l->right = right;
	days_pass(confirm ? 8 : 6);
	call_again(&c, room.v, l);
	c.m = &m;
	rc = founding_accept(&c);
	close(line);
	vault_round(room.v, 0);
	return rc;
}

static void test_the_way_back_is_closed_while_an_approver_is_seen(void **state)
{
	const struct km_msg back = msg_accept(true);
	struct msg_done done;

	(void)state;
	done = scene_does(NULL, back);
	assert_int_equal(-(int)done.rc, KM_ESTATE);
	assert_non_null(strstr(done.text, "seven days"));
	assert_int_equal(go_back(false, RIGHTS_ROOT), KM_ESTATE);
	assert_int_equal(go_back(true, RIGHTS_FACTOR), KM_EPERM);
	room.v->suspicion = KM_SUSPECT_CLOCK;
	assert_int_equal(go_back(true, RIGHTS_ROOT), KM_ESUSPECT);
	room.v->suspicion = 0;
	assert_true(desk_founded(room.v));
}

/* Rei and Aki were enrolled eight days ago, and have not been seen since. */
static int open_lost(void **state)
{
	int rc = open_unfounded(state);
	struct km_now today;

	if (rc)
		return rc;
	today = room.v->now;
	room.v->now.wall -= 8 * 86400;
	store_set_now(room.v->store, &room.v->now);
	scene_add("rei", KM_ROLE_REGISTRAR, true);
	scene_add("aki", KM_ROLE_APPROVER, true);
	assert_int_equal(founding_look(room.v, "test"), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	room.v->now = today;
	store_set_now(room.v->store, &room.v->now);
	return 0;
}

/* Nobody else can agree to what a registrar asks for, and who is suspended agrees to nothing. */
static void test_only_an_active_approver_who_is_seen_closes_the_way_back(void **state)
{
	struct km_event_record r;
	struct km_operator ami;

	(void)state;
	scene_add("ren", KM_ROLE_REGISTRAR, true);
	ami = scene_add("ami", KM_ROLE_APPROVER, true);
	event_make(&r, KM_EVENT_OPERATOR_CHANGED, ami.subject, "test");
	assert_int_equal(store_operator_state(room.v->store, ami.subject, KM_SUSPENDED, &r), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	assert_int_equal(go_back(false, RIGHTS_ROOT), KM_OK);
	scene_add("ayu", KM_ROLE_APPROVER, true);
	assert_int_equal(go_back(false, RIGHTS_ROOT), KM_ESTATE);
}

static bool founded_in_a_minute(void)
{
	room.v->tended_ms = 0;
	tend_waiting(room.v);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	return desk_founded(room.v);
}

static void test_when_all_are_lost_root_begins_anew_and_that_is_said_for_good(void **state)
{
	const struct km_msg back = msg_accept(true), taro = scene_msg_add("taro");

	(void)state;
	assert_true(desk_founded(room.v));
	assert_int_equal(scene_rc(NULL, &back), KM_OK);
	assert_int_equal(scene_record(KM_EVENT_FOUNDED_ANEW).event, KM_EVENT_FOUNDED_ANEW);
	assert_true(status_has("administrators", "replaced by root alone", true));
	/* Those who were lost are registered still, and found nothing: else it would be shut again
	 * before anybody could come through. */
	assert_false(founded_in_a_minute());
	root_registers("aya", KM_ROLE_APPROVER);
	assert_false(founded_in_a_minute());
	root_registers("ryo", KM_ROLE_REGISTRAR);
	assert_true(desk_founded(room.v));
	assert_int_equal(scene_rc(NULL, &taro), KM_EPERM);
	assert_true(status_has("administrators", "replaced by root alone", true));
	/* A vault that starts anew has not forgotten it. */
	room_stop();
	assert_int_equal(room_start(), 0);
	assert_false(status_has("administrators", "replaced by root alone", false));
	assert_true(status_has("administrators", "replaced by root alone", true));
}

/* Of two one turned up again, or was never lost. */
static void test_who_is_seen_after_the_way_back_founds_it_as_anybody_new(void **state)
{
	const struct km_msg back = msg_accept(true);
	struct km_msg list = { .number = KM_MSG_APPROVAL_LIST, .approval_list.limit = 1 };

	(void)state;
	assert_int_equal(scene_rc(NULL, &back), KM_OK);
	root_registers("aya", KM_ROLE_APPROVER);
	assert_false(founded_in_a_minute());
	assert_int_equal(scene_rc("rei", &list), KM_OK); /* by a code of Rei's */
	assert_true(founded_in_a_minute());
}

static void test_before_it_is_founded_there_is_no_way_back(void **state)
{
	const struct km_msg back = msg_accept(true);

	(void)state;
	assert_int_equal(scene_rc(NULL, &back), KM_ENOTFOUND);
	assert_int_equal(scene_record(KM_EVENT_FOUNDED_ANEW).event, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNFOUNDED(test_root_acts_alone_until_a_registrar_and_an_approver_have_a_code),
		UNFOUNDED(test_the_founding_leaves_one_record_of_each_of_the_two),
		UNFOUNDED(test_where_one_person_suffices_nothing_is_founded),
		UNFOUNDED(test_what_cannot_be_read_is_founded),
		IN_SCENE(test_the_last_approver_cannot_be_taken_away_by_anybody),
		IN_SCENE(test_an_approver_whose_code_is_disabled_is_not_another_one),
		IN_SCENE(test_a_later_last_day_takes_no_power_away),
		IN_SCENE(test_the_status_says_that_nobody_is_left_who_could_approve),
		IN_SCENE(test_the_last_registrar_stays_too_and_others_go_as_before),
		IN_SCENE(test_who_is_the_last_is_looked_at_again_when_it_is_approved),
		IN_SCENE(test_the_way_back_is_closed_while_an_approver_is_seen),
		LOST(test_only_an_active_approver_who_is_seen_closes_the_way_back),
		LOST(test_when_all_are_lost_root_begins_anew_and_that_is_said_for_good),
		LOST(test_who_is_seen_after_the_way_back_founds_it_as_anybody_new),
		UNFOUNDED(test_before_it_is_founded_there_is_no_way_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
