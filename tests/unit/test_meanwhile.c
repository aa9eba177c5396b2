/* What was begun at a desk ends by the rights that its person has then, not by those they had. */
#include "request_scene.h"

#include "../../authd/vault/store_due.h"

static int open_before_founding(void **state)
{
	int rc = open_room(state);

	scene_counter = 0;
	if (rc)
		return rc;
	room.v->conf.approval_required = true;
	room.v->conf.hotp.look_ahead = 100;
	return 0;
}

static int open_by_one(void **state)
{
	int rc = scene_open(state);

	room.v->conf.approval_required = false;
	return rc;
}

#define BEFORE_FOUNDING(test)                                                                      \
	cmocka_unit_test_setup_teardown(test, open_before_founding, close_room)
#define BY_ONE(test) cmocka_unit_test_setup_teardown(test, open_by_one, close_room)

static struct km_msg msg_enrol(const char *login, const char *token, bool confirm)
{
	struct km_msg m = { .number = KM_MSG_ENROL };

	snprintf(m.enrol.login, sizeof m.enrol.login, "%s", login);
	m.enrol.factor = KM_FACTOR_HOTP;
	m.enrol.algorithm = KM_SHA1;
	m.enrol.digits = 6;
	m.enrol.confirm = confirm;
	scene_seed(token, &m.enrol.secret);
	return m;
}

static void answers(int line, const char *token, struct km_msg *m)
{
	char code[16];

	assert_int_equal(m->number, KM_MSG_PROMPT);
	scene_code(token, code);
	*m = (struct km_msg){ .number = KM_MSG_ANSWER };
	assert_int_equal(km_secret_set(&m->answer.secret, code, strlen(code)), KM_OK);
	desk_asks(line, m);
}

/* An enrolment whose first code is asked for; NULL: root's. */
static int begins(const char *login, struct km_msg *m)
{
	struct km_msg who = { .number = KM_MSG_IDENTIFY };
	int line = desk_comes();

	if (login) {
		snprintf(who.identify.login, sizeof who.identify.login, "%s", login);
		assert_int_equal(desk_does(line, who).rc, 0);
	}
	desk_asks(line, m);
	if (login)
		answers(line, login, m);
	assert_int_equal(m->number, KM_MSG_PROMPT);
	return line;
}

static void ends(int line, struct km_msg m, km_rc rc)
{
	answers(line, "a token", &m);
	if (m.number != KM_MSG_DONE || m.done.rc != -rc)
		fail_msg("%s, rc %d, \"%s\"", km_message_name(m.number), m.done.rc, m.done.text);
	close(line);
	vault_round(room.v, 0);
}

static size_t tokens(const char *login)
{
	struct km_credential all[KM_MAX_CREDENTIALS];
	struct km_operator op = scene_person(login);
	size_t count = 0;

	assert_int_equal(store_credentials(room.v->store, op.subject, all, &count), KM_OK);
	return count;
}

/* Else root would keep a prompt of before, and have an approver's token whenever it likes. */
static void test_root_finishes_nothing_alone_that_it_began_before_the_founding(void **state)
{
	struct km_msg rei = scene_msg_add("rei"), aki = scene_msg_add("aki");
	struct km_msg of_rei = msg_enrol("rei", "rei", false),
		      of_aki = msg_enrol("aki", "aki", false);
	struct km_msg m = msg_enrol("aki", "a token", true);
	struct km_audit_row refused;
	int line;

	(void)state;
	rei.operator_add.role = KM_ROLE_REGISTRAR;
	aki.operator_add.role = KM_ROLE_APPROVER;
	assert_int_equal(scene_rc(NULL, &rei), KM_OK);
	assert_int_equal(scene_rc(NULL, &aki), KM_OK);
	assert_int_equal(scene_rc(NULL, &of_rei), KM_OK);
	line = begins(NULL, &m);
	assert_int_equal(scene_rc(NULL, &of_aki), KM_OK);
	assert_true(desk_founded(room.v));
	ends(line, m, KM_EPERM);
	assert_int_equal(tokens("aki"), 1);
	refused = scene_record(KM_EVENT_DESK_REFUSED);
	assert_non_null(strstr(refused.body, "operation=ENROL"));
}

static void test_a_registrar_suspended_meanwhile_finishes_no_enrolment(void **state)
{
	const struct km_msg away = scene_msg_state("rei", KM_SUSPENDED);
	struct km_msg m = msg_enrol("hanako", "a token", true);
	int line;

	(void)state;
	line = begins("rei", &m);
	assert_int_equal(scene_rc(NULL, &away), KM_OK);
	ends(line, m, KM_EPERM);
	assert_int_equal(tokens("hanako"), 1);
}

static void test_a_registrar_who_is_none_any_more_finishes_no_enrolment(void **state)
{
	struct km_msg m = msg_enrol("hanako", "a token", true);
	struct km_msg change = { .number = KM_MSG_OPERATOR_CHANGE };
	int line;

	(void)state;
	change.operator_change.mask = KM_CHANGE_ROLE;
	change.operator_change.role = KM_ROLE_AUDITOR;
	snprintf(change.operator_change.login, sizeof change.operator_change.login, "rei");
	line = begins("rei", &m);
	assert_int_equal(scene_rc(NULL, &change), KM_OK);
	ends(line, m, KM_EPERM);
	assert_int_equal(tokens("hanako"), 1);
}

/* However long it takes: five minutes are for the next operation. */
static void test_an_enrolment_outlasts_the_proof_with_which_it_began(void **state)
{
	struct km_msg m = msg_enrol("hanako", "a token", true);
	int line;

	(void)state;
	line = begins("rei", &m);
	for (size_t i = 0; i < VAULT_LINES; i++)
		room.v->line[i].who.proved_ms = 0;
	ends(line, m, KM_OK);
	assert_int_equal(tokens("hanako"), 2);
}

static void test_what_one_person_began_waits_where_two_are_needed_since(void **state)
{
	struct km_msg m = msg_enrol("hanako", "a token", true);
	int line;

	(void)state;
	line = begins("rei", &m);
	room.v->conf.approval_required = true; /* by a reload */
	ends(line, m, KM_EFILED);
	assert_true(scene_credential("hanako", KM_FACTOR_HOTP).waiting);
	assert_int_equal(scene_waiting(), 1);
}

static void test_nothing_is_finished_while_the_database_is_in_doubt(void **state)
{
	struct km_msg m = msg_enrol("hanako", "a token", true);
	int line;

	(void)state;
	line = begins("rei", &m);
	room.v->suspicion = KM_SUSPECT_ROLLBACK;
	ends(line, m, KM_ESUSPECT);
	assert_int_equal(tokens("hanako"), 1);
}

/* --- what waits for the second person --------------------------------------------------- */

static void test_what_somebody_asked_who_could_not_ask_it_now_is_not_done(void **state)
{
	const struct km_msg rebind = scene_msg_rebind("hanako", 77);
	const struct km_msg codes = scene_msg_recovery("hanako");
	struct km_operator_change to = { .mask = KM_CHANGE_ROLE, .role = KM_ROLE_AUDITOR };
	struct km_event_record e;
	struct km_msg act, enrolled;
	struct msg_done done;

	(void)state;
	act = scene_decision(scene_files(&rebind), true);
	enrolled = scene_decision(scene_files(&codes), true);
	event_make(&e, KM_EVENT_OPERATOR_CHANGED, scene_person("rei").subject, "test");
	assert_int_equal(store_operator_change(room.v->store, scene_person("rei").subject, &to, &e),
			 KM_OK);
	done = scene_does("aki", act);
	assert_int_equal(-(int)done.rc, KM_ESTATE);
	assert_non_null(strstr(done.text, "may not ask for it"));
	assert_int_equal(scene_rc("aki", &enrolled), KM_ESTATE);
	/* A registrar again, and only until yesterday. */
	to.mask = KM_CHANGE_ROLE | KM_CHANGE_VALID_UNTIL;
	to.role = KM_ROLE_REGISTRAR;
	to.valid_until = room.v->now.today - 1;
	assert_int_equal(store_operator_change(room.v->store, scene_person("rei").subject, &to, &e),
			 KM_OK);
	assert_int_equal(scene_rc("aki", &act), KM_ESTATE);
	assert_int_equal(scene_person("hanako").uid, -1);
	to.mask = KM_CHANGE_VALID_UNTIL;
	to.valid_until = room.v->now.today;
	assert_int_equal(store_operator_change(room.v->store, scene_person("rei").subject, &to, &e),
			 KM_OK);
	assert_int_equal(scene_rc("aki", &act), KM_OK);
	assert_int_equal(scene_rc("aki", &enrolled), KM_OK);
}

/* Their last day has come, and the queue is not worked off yet. */
static void test_what_somebody_asked_who_is_due_to_leave_today_is_not_done(void **state)
{
	const struct km_msg rebind = scene_msg_rebind("hanako", 77);
	struct km_due_row due = { .what = KM_DUE_ERASE,
				  .cause = KM_CAUSE_TRANSFERRED,
				  .day = room.v->now.today };
	struct km_event_record e;
	struct km_msg m;

	(void)state;
	m = scene_decision(scene_files(&rebind), true);
	memcpy(due.subject, scene_person("rei").subject, sizeof due.subject);
	event_make(&e, KM_EVENT_DUE_SET, due.subject, "test");
	assert_int_equal(store_due_set(room.v->store, &due, &e), KM_OK);
	room.v->due.first = due.day;
	room.v->due.look_ms = INT64_MAX;
	assert_int_equal(scene_rc("aki", &m), KM_ESTATE);
	assert_int_equal(scene_person("rei").state, KM_ACTIVE);
	assert_int_equal(scene_person("hanako").uid, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BEFORE_FOUNDING(test_root_finishes_nothing_alone_that_it_began_before_the_founding),
		BY_ONE(test_a_registrar_suspended_meanwhile_finishes_no_enrolment),
		BY_ONE(test_a_registrar_who_is_none_any_more_finishes_no_enrolment),
		BY_ONE(test_an_enrolment_outlasts_the_proof_with_which_it_began),
		BY_ONE(test_what_one_person_began_waits_where_two_are_needed_since),
		BY_ONE(test_nothing_is_finished_while_the_database_is_in_doubt),
		IN_SCENE(test_what_somebody_asked_who_could_not_ask_it_now_is_not_done),
		IN_SCENE(test_what_somebody_asked_who_is_due_to_leave_today_is_not_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
