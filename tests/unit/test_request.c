/* Acts on other people are done by two, once, and exactly as the second person saw them. */
#include <kenmon/store_request.h>

#include "request_scene.h"

#include "../../authd/vault/store_invitation.h"

/* --- approved ------------------------------------------------------------------------------ */

static void test_a_newcomer_is_registered_when_two_have_agreed(void **state)
{
	const struct km_msg m = scene_msg_add("taro");
	struct km_operator op;
	uint64_t id;

	(void)state;
	id = scene_files(&m);
	assert_int_equal(store_operator_by_login(room.v->store, "taro", &op), KM_ENOTFOUND);
	assert_string_equal(scene_look(id).request_row.text,
			    "login=taro employee-number=M-taro name=Taro%20Kenmon department=Tax "
			    "role=operator uid=first-login valid-from=none valid-until=none");
	assert_string_equal(scene_row.request_row.requester, "rei");
	assert_string_equal(scene_row.request_row.login, "taro");
	assert_int_equal(scene_record(KM_EVENT_REQUESTED).event, KM_EVENT_REQUESTED);
	scene_approves(id);
	assert_int_equal(store_operator_by_login(room.v->store, "taro", &op), KM_OK);
	scene_by_both(KM_EVENT_OPERATOR_ADDED);
}

static void test_whoever_is_suspended_comes_back_by_two(void **state)
{
	const struct km_msg away = scene_msg_state("hanako", KM_SUSPENDED);
	const struct km_msg back = scene_msg_state("hanako", KM_ACTIVE);
	uint64_t id;

	(void)state;
	/* Taking access away takes one, and root needs no factor for it. */
	assert_int_equal(scene_rc(NULL, &away), KM_OK);
	id = scene_files(&back);
	assert_int_equal(scene_person("hanako").state, KM_SUSPENDED);
	scene_approves(id);
	assert_int_equal(scene_person("hanako").state, KM_ACTIVE);
	scene_by_both(KM_EVENT_OPERATOR_RESUMED);
}

static void test_an_account_is_bound_anew_and_unlocked_by_two(void **state)
{
	const struct km_msg rebind = scene_msg_rebind("hanako", 4711);
	const struct km_msg unlock = scene_msg_unlock("hanako");
	uint64_t id;

	(void)state;
	id = scene_files(&rebind);
	assert_int_equal(scene_person("hanako").uid, -1);
	scene_approves(id);
	assert_int_equal(scene_person("hanako").uid, 4711);
	scene_by_both(KM_EVENT_OPERATOR_REBOUND);
	scene_approves(scene_files(&unlock));
	scene_by_both(KM_EVENT_UNLOCKED);
}

/* All that was asked about them goes with them, this request too. */
static void test_an_erasure_by_two_takes_what_else_was_asked_about_the_person(void **state)
{
	const struct km_msg erase = scene_msg_erase("hanako"), other = scene_msg_unlock("hanako");
	struct km_operator op;
	uint64_t id;

	(void)state;
	(void)scene_files(&other);
	id = scene_files(&erase);
	assert_int_equal(scene_waiting(), 2);
	scene_approves(id);
	assert_int_equal(store_operator_by_login(room.v->store, "hanako", &op), KM_ENOTFOUND);
	scene_by_both(KM_EVENT_ERASE_BEGUN);
}

static void test_what_is_enrolled_is_good_when_the_second_has_agreed(void **state)
{
	const struct km_msg m = scene_msg_recovery("hanako");
	uint64_t id;

	(void)state;
	id = scene_files(&m);
	assert_true(scene_credential("hanako", KM_FACTOR_RECOVERY).waiting);
	assert_int_equal(scene_look(id).request_row.act, KM_MSG_ACTIVATE);
	assert_string_equal(scene_row.request_row.login, "hanako");
	assert_non_null(strstr(scene_row.request_row.text, "factor=recovery"));
	scene_approves(id);
	assert_false(scene_credential("hanako", KM_FACTOR_RECOVERY).waiting);
	scene_by_both(KM_EVENT_CREDENTIAL_APPROVED);
}

static void test_an_invitation_is_good_from_its_approval_on_or_gone(void **state)
{
	const struct km_msg asked = scene_msg_invite("hanako");
	struct km_operator op;
	struct km_invitation i;
	struct km_msg m;
	uint64_t id;

	(void)state;
	op = scene_person("hanako");
	id = scene_files(&asked);
	assert_int_equal(store_invitation(room.v->store, op.subject, &i), KM_OK);
	assert_int_equal(i.until, 0);
	assert_non_null(strstr(scene_look(id).request_row.text, "factor=invitation"));
	scene_approves(id);
	assert_int_equal(store_invitation(room.v->store, op.subject, &i), KM_OK);
	assert_true(i.until >= room.v->now.wall);
	m = scene_decision(scene_files(&asked), false); /* a new one, in its place */
	assert_int_equal(scene_rc("aki", &m), KM_OK);
	assert_int_equal(store_invitation(room.v->store, op.subject, &i), KM_ENOTFOUND);
}

/* --- not approved ---------------------------------------------------------------------------- */

static void file_as(const char *login, uint64_t *id)
{
	struct km_filed r = { .act = KM_MSG_UNLOCK, .expires = room.v->now.wall + 60 };
	struct km_event_record e;

	memcpy(r.requester, scene_person(login).subject, sizeof r.requester);
	event_make(&e, KM_EVENT_REQUESTED, NULL, "test");
	assert_int_equal(store_request_file(room.v->store, &r, "x", 1, &e), KM_OK);
	*id = r.id;
}

static void test_nobody_approves_what_they_asked_for_or_what_is_about_them(void **state)
{
	const struct km_msg of_ami = scene_msg_rebind("ami", 77);
	struct km_msg m;
	uint64_t id;

	(void)state;
	m = scene_decision(scene_files(&of_ami), true);
	assert_int_equal(scene_rc("ami", &m), KM_EPERM);
	assert_non_null(strstr(scene_record(KM_EVENT_DESK_REFUSED).body, "reason=subject"));
	assert_int_equal(scene_rc("rei", &m), KM_EPERM); /* is no approver */
	assert_int_equal(scene_person("ami").uid, -1);
	/* Nor a registrar who has become one since. */
	file_as("ami", &id);
	m = scene_decision(id, true);
	assert_int_equal(scene_rc("ami", &m), KM_EPERM);
	assert_non_null(strstr(scene_record(KM_EVENT_DESK_REFUSED).body, "reason=requester"));
	assert_int_equal(scene_waiting(), 2);
}

static void test_what_is_not_what_the_approver_saw_is_not_done(void **state)
{
	const struct km_msg one = scene_msg_rebind("hanako", 77),
			    two = scene_msg_rebind("hanako", 0);
	struct km_msg m;
	uint64_t id;

	(void)state;
	id = scene_files(&one);
	m = scene_decision(scene_files(&two), true);
	m.approval_decide.id = id; /* the digest of one, the number of the other */
	assert_int_equal(scene_rc("aki", &m), KM_ESTATE);
	memset(m.approval_decide.digest, 0, sizeof m.approval_decide.digest);
	assert_int_equal(scene_rc("aki", &m), KM_ESTATE);
	m.approval_decide.id = 999;
	assert_int_equal(scene_rc("aki", &m), KM_ENOTFOUND);
	assert_int_equal(scene_person("hanako").uid, -1);
	assert_int_equal(scene_waiting(), 2);
}

/* C38: sudo -u approver, or root itself. */
static void test_an_approval_without_the_approvers_own_factor_is_refused(void **state)
{
	const struct km_msg rebind = scene_msg_rebind("hanako", 77);
	struct km_msg who = { .number = KM_MSG_IDENTIFY, .identify.login = "aki" };
	struct km_msg m, wrong = { .number = KM_MSG_ANSWER };
	int line;

	(void)state;
	m = scene_decision(scene_files(&rebind), true);
	assert_int_equal(scene_rc(NULL, &m), KM_EPERM);
	line = desk_comes();
	assert_int_equal(desk_does(line, who).rc, 0);
	desk_asks(line, &m);
	assert_int_equal(m.number, KM_MSG_PROMPT);
	for (int i = 0; i < 9 && wrong.number != KM_MSG_DONE; i++) {
		wrong = (struct km_msg){ .number = KM_MSG_ANSWER };
		assert_int_equal(km_secret_set(&wrong.answer.secret, "000000", 6), KM_OK);
		desk_asks(line, &wrong);
	}
	assert_int_equal(wrong.number, KM_MSG_DONE);
	assert_int_not_equal(wrong.done.rc, 0);
	close(line);
	vault_round(room.v, 0);
	assert_int_equal(scene_person("hanako").uid, -1);
	assert_int_equal(scene_waiting(), 1);
}

/* What was filed while two were needed is no single person's because the site has changed its mind.
 */
static void test_where_one_acts_alone_an_approval_still_takes_a_factor(void **state)
{
	const struct km_msg rebind = scene_msg_rebind("hanako", 77);
	struct km_msg m = scene_decision(scene_files(&rebind), true);
	struct msg_done done;

	(void)state;
	room.v->conf.approval_required = false;
	done = scene_does(NULL, m);
	assert_int_equal(-(int)done.rc, KM_EPERM);
	assert_non_null(strstr(done.text, "own code was good"));
	assert_non_null(strstr(scene_record(KM_EVENT_DESK_REFUSED).body, "reason=no-factor"));
	assert_int_equal(scene_person("hanako").uid, -1);
	assert_int_equal(scene_rc("aki", &m), KM_OK);
}

static void test_activating_without_a_request_is_refused(void **state)
{
	const struct km_msg codes = scene_msg_recovery("hanako");
	struct km_msg m = { .number = KM_MSG_ACTIVATE, .activate.login = "hanako" };

	(void)state;
	(void)scene_files(&codes);
	m.activate.credential = scene_credential("hanako", KM_FACTOR_RECOVERY).id;
	assert_int_equal(scene_rc("rei", &m), KM_EPERM);
	assert_int_equal(scene_rc("aki", &m), KM_EPERM);
	assert_int_equal(scene_rc(NULL, &m), KM_EPERM);
	assert_true(scene_credential("hanako", KM_FACTOR_RECOVERY).waiting);
}

static void test_a_request_that_is_rejected_takes_with_it_what_waited(void **state)
{
	const struct km_msg codes = scene_msg_recovery("hanako"), taro = scene_msg_add("taro");
	struct km_msg m;
	struct km_audit_row row;
	struct km_operator op;
	uint64_t id;

	(void)state;
	m = scene_decision(scene_files(&codes), false);
	snprintf(m.approval_decide.reason, sizeof m.approval_decide.reason, "not hers");
	assert_int_equal(scene_rc("aki", &m), KM_OK);
	assert_int_equal(scene_credential("hanako", KM_FACTOR_RECOVERY).id, 0);
	row = scene_record(KM_EVENT_REQUEST_REJECTED);
	assert_true(scene_names(&row, "requester", "rei"));
	assert_non_null(strstr(row.body, "note=not%20hers"));
	/* Whoever asked takes it back alone. */
	id = scene_files(&taro);
	m = scene_decision(id, false);
	assert_int_equal(scene_rc("rei", &m), KM_OK);
	assert_int_equal(scene_rc("rei", &m), KM_ENOTFOUND);
	assert_int_equal(store_operator_by_login(room.v->store, "taro", &op), KM_ENOTFOUND);
	assert_int_equal(scene_waiting(), 0);
}

static void hours_pass(unsigned hours)
{
	room.v->now.wall += (int64_t)hours * 3600;
	store_set_now(room.v->store, &room.v->now);
	room.v->tended_ms = 0;
	tend_waiting(room.v);
	assert_int_equal(store_flush(room.v->store), KM_OK);
}

static void test_a_request_that_nobody_decides_expires_with_what_waited(void **state)
{
	const struct km_msg codes = scene_msg_recovery("hanako"), unlock = scene_msg_unlock("rei");

	(void)state;
	(void)scene_files(&codes);
	(void)scene_files(&unlock);
	hours_pass(24 * room.v->conf.approval_expires - 1);
	assert_int_equal(scene_waiting(), 2);
	/* By a clock in doubt nothing goes. */
	room.v->suspicion = KM_SUSPECT_CLOCK;
	hours_pass(2);
	assert_int_equal(scene_waiting(), 2);
	room.v->suspicion = 0;
	hours_pass(0);
	assert_int_equal(scene_waiting(), 0);
	assert_int_equal(scene_credential("hanako", KM_FACTOR_RECOVERY).id, 0);
	assert_int_equal(scene_record(KM_EVENT_REQUEST_EXPIRED).event, KM_EVENT_REQUEST_EXPIRED);
}

static void test_what_is_over_goes_also_where_the_founding_is_damaged(void **state)
{
	const struct km_msg unlock = scene_msg_unlock("hanako");
	uint8_t strange[3] = { 0 };

	(void)state;
	(void)scene_files(&unlock);
	assert_int_equal(store_meta_set(room.v->store, "founded", strange, 3, NULL), KM_OK);
	hours_pass(24 * room.v->conf.approval_expires + 1);
	assert_int_equal(scene_waiting(), 0);
}

/* Filed by a clock of yesterday. */
static void file_over(uint64_t *id)
{
	const struct km_now today = room.v->now;

	room.v->now.wall -= 86400;
	store_set_now(room.v->store, &room.v->now);
	file_as("rei", id);
	room.v->now = today;
	store_set_now(room.v->store, &room.v->now);
}

/* Also before the minute in which it is removed. */
static void test_an_expired_request_is_not_approved(void **state)
{
	const struct km_msg rebind = scene_msg_rebind("hanako", 77);
	struct km_filed r;
	struct km_msg m;
	struct msg_done done;
	uint64_t id;

	(void)state;
	id = scene_files(&rebind);
	m = scene_decision(id, true);
	assert_int_equal(store_request(room.v->store, id, &r), KM_OK);
	assert_int_equal(r.expires - r.filed, 86400 * (int64_t)room.v->conf.approval_expires);
	room.v->conf.approval_expires = 0;
	assert_int_equal(scene_rc("rei", &rebind), KM_EINVAL); /* over before it began */
	file_over(&id);
	m.approval_decide.id = id;
	done = scene_does("aki", m);
	assert_int_equal(-(int)done.rc, KM_ESTATE);
	assert_non_null(strstr(done.text, "expired"));
}

/* --- when it cannot be done any more ------------------------------------------------------------
 */

static void test_what_cannot_be_done_now_is_not_filed(void **state)
{
	const struct km_msg there = scene_msg_add("hanako"), nobody = scene_msg_unlock("nobody");
	struct km_msg none = scene_msg_add("taro");

	(void)state;
	none.operator_add.name[0] = '\0';
	assert_int_equal(scene_rc("rei", &there), KM_EEXIST);
	assert_int_equal(scene_rc("rei", &nobody), KM_ENOTFOUND);
	assert_int_equal(scene_rc("rei", &none), KM_EINVAL);
	assert_int_equal(scene_waiting(), 0);
}

static void test_an_approval_that_fails_leaves_the_request_and_nothing_else(void **state)
{
	const struct km_msg taro = scene_msg_add("taro");
	uint64_t first, second;
	struct km_head before, after;
	struct km_msg m;

	(void)state;
	first = scene_files(&taro);
	second = scene_files(&taro);
	m = scene_decision(first, true);
	assert_int_equal(scene_rc("aki", &m), KM_OK);
	m = scene_decision(second, true);
	assert_int_equal(store_head(room.v->store, &before), KM_OK);
	assert_int_equal(scene_rc("ami", &m), KM_EEXIST);
	assert_int_equal(store_head(room.v->store, &after), KM_OK);
	assert_int_equal(after.seq, before.seq + 1); /* that Ami proved herself */
	assert_int_equal(scene_waiting(), 1);
	m.approval_decide.approve = 0;
	assert_int_equal(scene_rc("ami", &m), KM_OK);
}

static void test_what_somebody_asked_who_is_suspended_since_is_not_done(void **state)
{
	const struct km_msg rebind = scene_msg_rebind("hanako", 77);
	const struct km_msg away = scene_msg_state("rei", KM_SUSPENDED);
	struct km_msg m;

	(void)state;
	scene_add("ryo", KM_ROLE_REGISTRAR, true); /* so that Rei is not the last */
	m = scene_decision(scene_files(&rebind), true);
	assert_int_equal(scene_rc("aki", &away), KM_OK);
	assert_int_equal(scene_rc("aki", &m), KM_ESTATE);
	assert_int_equal(scene_person("hanako").uid, -1);
}

static void test_a_credential_without_room_for_its_request_goes_again(void **state)
{
	const struct km_msg unlock = scene_msg_unlock("hanako"),
			    codes = scene_msg_recovery("hanako");

	(void)state;
	for (int i = 0; i < KM_REQUESTS_ABOUT; i++)
		(void)scene_files(&unlock);
	assert_int_equal(scene_rc("rei", &codes), KM_ELIMIT);
	assert_int_equal(scene_credential("hanako", KM_FACTOR_RECOVERY).id, 0);
	assert_int_equal(scene_waiting(), KM_REQUESTS_ABOUT);
}

static struct km_msg msg_resync(const char *login)
{
	struct km_msg m = { .number = KM_MSG_RESYNC };

	snprintf(m.resync.login, sizeof m.resync.login, "%s", login);
	m.resync.id = scene_credential(login, KM_FACTOR_HOTP).id;
	return m;
}

static void test_a_code_that_waits_is_not_resynchronised(void **state)
{
	struct km_msg enrol = { .number = KM_MSG_ENROL, .enrol.login = "hanako" }, m;
	struct msg_done done;

	(void)state;
	enrol.enrol.factor = KM_FACTOR_HOTP;
	enrol.enrol.algorithm = KM_SHA1;
	enrol.enrol.digits = 6;
	scene_seed("a new token", &enrol.enrol.secret);
	(void)scene_files(&enrol);
	m = msg_resync("hanako");
	done = scene_does("rei", m);
	assert_int_equal(-(int)done.rc, KM_ESTATE);
	assert_non_null(strstr(done.text, "waits for a second person"));
	assert_int_equal(scene_credential("hanako", KM_FACTOR_HOTP).moving, 0);
}

/* Unlocking takes two: there is no second way to it that takes one. */
static void test_a_code_that_wrong_ones_have_disabled_is_not_resynchronised(void **state)
{
	struct km_credential token = scene_credential("hanako", KM_FACTOR_HOTP);
	struct km_failure f = { .credential = { token.id }, .count = 1 };
	struct msg_done done;

	(void)state;
	f.throttle[0] = (struct km_throttle){ 100, 100, INT64_MAX };
	assert_int_equal(store_fail(room.v->store, &f), KM_OK);
	done = scene_does("rei", msg_resync("hanako"));
	assert_int_equal(-(int)done.rc, KM_ESTATE);
	assert_non_null(strstr(done.text, "unlocked first"));
	assert_int_equal(scene_credential("hanako", KM_FACTOR_HOTP).throttle.fails, 100);
}

/* Filed behind the desk's back, by Rei. */
static void file_bytes(struct km_filed *r, const void *bytes, size_t len)
{
	struct km_event_record e;

	r->expires = room.v->now.wall + 60;
	memcpy(r->requester, scene_person("rei").subject, sizeof r->requester);
	event_make(&e, KM_EVENT_REQUESTED, NULL, "test");
	assert_int_equal(store_request_file(room.v->store, r, bytes, len, &e), KM_OK);
}

static void is_only_rejected(uint64_t id)
{
	struct km_msg m = scene_decision(id, true);

	assert_int_equal(scene_rc("aki", &m), KM_ECORRUPT);
	m.approval_decide.approve = 0;
	assert_int_equal(scene_rc("aki", &m), KM_OK);
	assert_int_equal(scene_waiting(), 0);
}

static void test_a_request_that_does_not_open_can_only_be_rejected(void **state)
{
	struct km_filed r = { .act = KM_MSG_OPERATOR_REBIND };

	(void)state;
	file_bytes(&r, "no frame of ours", 16);
	assert_string_equal(scene_look(r.id).request_row.text, "");
	is_only_rejected(r.id);
}

static void test_a_request_that_does_other_than_its_digest_says_can_only_be_rejected(void **state)
{
	const struct km_msg rebind = scene_msg_rebind("hanako", 77);
	struct km_filed r = { .act = rebind.number, .digest = { 7 } };
	uint8_t frame[KM_REQUEST_BYTES];
	size_t len = 0;

	(void)state;
	memcpy(r.subject, scene_person("hanako").subject, sizeof r.subject);
	assert_int_equal(km_encode(&rebind, frame, sizeof frame, &len), KM_OK);
	file_bytes(&r, frame, len);
	is_only_rejected(r.id);
	assert_int_equal(scene_person("hanako").uid, -1);
}

static void test_a_login_that_is_another_persons_since_is_not_whom_it_was_asked_about(void **state)
{
	const struct km_msg rebind = scene_msg_rebind("hanako", 77);
	struct msg_done done;

	(void)state;
	done = scene_does("aki", scene_decision(scene_files_behind(&rebind, "ami"), true));
	assert_int_equal(-(int)done.rc, KM_ESTATE);
	assert_non_null(strstr(done.text, "another person's since"));
	assert_int_equal(scene_person("hanako").uid, -1);
	assert_int_equal(scene_waiting(), 1);
}

/* Aki says it and proves it; the line, on which nothing was said in the end. */
static int decides_and_waits(struct km_msg m)
{
	struct km_msg who = { .number = KM_MSG_IDENTIFY }, answer = { .number = KM_MSG_ANSWER };
	int line = desk_comes();
	char code[16];

	snprintf(who.identify.login, sizeof who.identify.login, "aki");
	assert_int_equal(desk_does(line, who).rc, 0);
	desk_asks(line, &m);
	assert_int_equal(m.number, KM_MSG_PROMPT);
	scene_code("aki", code);
	assert_int_equal(km_secret_set(&answer.answer.secret, code, strlen(code)), KM_OK);
	/* As if a batch came before it. */
	room.v->erase.more_ms = room.v->now.boot_ms + 60000;
	assert_int_equal(km_send_msg(line, &answer, -1, 0), KM_OK);
	vault_round(room.v, 0);
	assert_int_equal(hear(line, KM_PHASE_DESK_TALK, &m, NULL), KM_EAGAIN);
	return line;
}

static void test_an_approval_said_again_waits_for_the_erasure_it_began(void **state)
{
	struct km_msg erase = scene_msg_erase("hanako"), m, done;
	int line;

	(void)state;
	m = scene_decision(scene_files(&erase), true);
	close(decides_and_waits(m));
	vault_round(room.v, 0);
	room.op = (uint8_t)(room.op - 2); /* the same operations, on another line */
	line = decides_and_waits(m);
	room.v->erase.more_ms = 0;
	for (unsigned i = 0; i < 20 && room.v->erasing; i++) {
		room.v->pacing.served_ms = 0;
		vault_round(room.v, 0);
	}
	assert_int_equal(hear(line, KM_PHASE_DESK_TALK, &done, NULL), KM_OK);
	assert_int_equal(done.number, KM_MSG_DONE);
	assert_int_equal(done.done.rc, 0);
	close(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCENE(test_a_newcomer_is_registered_when_two_have_agreed),
		IN_SCENE(test_whoever_is_suspended_comes_back_by_two),
		IN_SCENE(test_an_account_is_bound_anew_and_unlocked_by_two),
		IN_SCENE(test_an_erasure_by_two_takes_what_else_was_asked_about_the_person),
		IN_SCENE(test_what_is_enrolled_is_good_when_the_second_has_agreed),
		IN_SCENE(test_an_invitation_is_good_from_its_approval_on_or_gone),
		IN_SCENE(test_nobody_approves_what_they_asked_for_or_what_is_about_them),
		IN_SCENE(test_what_is_not_what_the_approver_saw_is_not_done),
		IN_SCENE(test_an_approval_without_the_approvers_own_factor_is_refused),
		IN_SCENE(test_where_one_acts_alone_an_approval_still_takes_a_factor),
		IN_SCENE(test_activating_without_a_request_is_refused),
		IN_SCENE(test_a_request_that_is_rejected_takes_with_it_what_waited),
		IN_SCENE(test_a_request_that_nobody_decides_expires_with_what_waited),
		IN_SCENE(test_what_is_over_goes_also_where_the_founding_is_damaged),
		IN_SCENE(test_an_expired_request_is_not_approved),
		IN_SCENE(test_what_cannot_be_done_now_is_not_filed),
		IN_SCENE(test_an_approval_that_fails_leaves_the_request_and_nothing_else),
		IN_SCENE(test_what_somebody_asked_who_is_suspended_since_is_not_done),
		IN_SCENE(test_a_credential_without_room_for_its_request_goes_again),
		IN_SCENE(test_a_code_that_waits_is_not_resynchronised),
		IN_SCENE(test_a_code_that_wrong_ones_have_disabled_is_not_resynchronised),
		IN_SCENE(test_an_approval_said_again_waits_for_the_erasure_it_began),
		IN_SCENE(test_a_request_that_does_not_open_can_only_be_rejected),
		IN_SCENE(test_a_request_that_does_other_than_its_digest_says_can_only_be_rejected),
		IN_SCENE(test_a_login_that_is_another_persons_since_is_not_whom_it_was_asked_about),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
