/* Who is at a desk: who gets a line, in whose name, and what they may do without a code. */
#include "order.h"
#include "person_scene.h"

/* --- C38 -------------------------------------------------------------------------------- */

/* sudo -u approver: root has that account, and not its factor. */
static void test_C38_root_at_an_approvers_account_is_refused_without_their_code(void **state)
{
	struct km_msg m;
	int line;

	NEEDS_ROOT();
	line = comes(SECOND_UID);
	is_asked(says(line, suspending("hanako")), "aoi");
	is_asked(answer(line, "000000"), "aoi");
	is_asked(answer(line, "000000"), "aoi");
	is_done(answer(line, "000000"), KM_EBADCODE);
	m = says(line, listing()); /* and what others have is not even read */
	is_asked(m, "aoi");
	assert_int_equal(records(KM_EVENT_OPERATOR_SUSPENDED, NULL), 0);
	close(line);
}

static void test_C38_root_naming_an_approver_is_refused_without_their_code(void **state)
{
	struct km_msg m;
	int line;

	NEEDS_ROOT();
	line = comes(0);
	names(line, "aoi");
	is_asked(says(line, suspending("hanako")), "aoi");
	is_asked(answer(line, "000000"), "aoi");
	is_asked(answer(line, "000000"), "aoi");
	is_done(answer(line, "000000"), KM_EBADCODE);
	m = says(line, about(KM_MSG_OPERATOR_SHOW, "aoi")); /* nor what aoi could see of aoi */
	is_asked(m, "aoi");
	assert_int_equal(records(KM_EVENT_OPERATOR_SUSPENDED, NULL), 0);
	close(line);
}

static void test_root_naming_an_approver_with_their_code_acts_as_that_person(void **state)
{
	struct km_audit_row r = { 0 };
	int line;

	NEEDS_ROOT();
	line = comes(0);
	names(line, "aoi");
	is_asked(says(line, suspending("hanako")), "aoi");
	is_done(answers(line, 0), KM_OK);
	assert_int_equal(records(KM_EVENT_OPERATOR_SUSPENDED, &r), 1);
	assert_memory_equal(r.actor, "operator:", 9);
	assert_non_null(strstr(r.body, "authority=factor"));
	names(line, "rin"); /* what aoi proved is nothing of rin's */
	is_asked(says(line, listing()), "rin");
	close(line);
}

struct work {
	uint64_t statements, commits, hmacs, unwraps, unseals, codes;
};

static struct work work(void)
{
	struct km_store_work s = store_work(world->v->store);
	struct km_key_work k = km_keys_work(world->v->keys);

	return (struct work){ s.statements, s.commits, k.hmacs, k.unwraps, k.unseals, code_work() };
}

/* Three prompts and an end: the work of the n-th of them, or (0) of the first question. */
static void three_wrong(const char *login, struct work out[4])
{
	struct work before;
	struct km_msg m;
	int line = comes(0);

	names(line, login);
	for (size_t i = 0; i < 4; i++) {
		before = work();
		m = i ? answer(line, "000000") : says(line, suspending("hanako"));
		if (i < 3)
			is_asked(m, login);
		out[i] = work();
		for (size_t n = 0; n < sizeof before / sizeof(uint64_t); n++)
			((uint64_t *)&out[i])[n] -= ((uint64_t *)&before)[n];
	}
	is_done(m, KM_EBADCODE);
	assert_string_equal(m.done.text, "nothing was done");
	close(line);
	world_round(world);
}

static void
test_C25_a_name_that_nobody_has_is_asked_and_judged_like_one_that_somebody_has(void **state)
{
	/* hanako has no role: nor is that told before the code was right. */
	static const char *const logins[] = { "aoi", "nobody", "hanako" };
	struct work known[4], other[4];

	NEEDS_ROOT();
	three_wrong(logins[0], known);
	for (size_t who = 1; who < 3; who++) {
		three_wrong(logins[who], other);
		for (size_t i = 0; i < 4; i++)
			if (memcmp(&known[i], &other[i], sizeof known[i]) != 0)
				fail_msg("%s can be told from %s at question %zu", logins[who],
					 logins[0], i);
	}
}

static void test_a_right_code_of_somebody_without_the_role_moves_nothing(void **state)
{
	struct km_audit_row r = { 0 };
	struct km_msg m;
	int line;

	NEEDS_ROOT();
	line = comes(0);
	names(line, "aoi");
	is_asked(says(line, about(KM_MSG_UNLOCK, "hanako")), "aoi");
	m = answers(line, 0);
	is_done(m, KM_EPERM);
	assert_non_null(strstr(m.done.text, "registrar"));
	assert_int_equal(records(KM_EVENT_UNLOCKED, NULL), 0);
	assert_int_equal(records(KM_EVENT_DESK_REFUSED, &r), 1);
	assert_non_null(strstr(r.body, "operation=UNLOCK"));
	close(line);
}

/* --- root without a factor ------------------------------------------------------------------ */

static void test_root_alone_may_look_after_the_house_and_suspend_but_touch_nobody_else(void **state)
{
	struct km_audit_row r = { 0 };
	struct km_msg m;
	int line;

	NEEDS_ROOT();
	line = comes(0);
	is_done(ends(line, about(KM_MSG_STATUS, "")), KM_OK);
	is_done(ends(line, about(KM_MSG_KEY_STATUS, "")), KM_OK);
	is_done(says(line, suspending("hanako")), KM_OK);
	assert_int_equal(records(KM_EVENT_OPERATOR_SUSPENDED, &r), 1);
	assert_non_null(strstr(r.body, "authority=root-without-factor"));
	assert_string_equal(r.actor, "uid:0");
	m = suspending("hanako");
	m.operator_state.state = KM_ACTIVE;
	is_done(says(line, m), KM_EPERM);
	is_done(says(line, listing()), KM_EPERM);
	is_done(says(line, about(KM_MSG_OPERATOR_SHOW, "hanako")), KM_EPERM);
	is_done(says(line, about(KM_MSG_AUDIT_LIST, "")), KM_EPERM);
	m = says(line, about(KM_MSG_ERASE, "hanako"));
	is_done(m, KM_EPERM);
	assert_non_null(strstr(m.done.text, "--as"));
	close(line);
}

static void test_before_the_founding_and_without_approval_root_acts_alone(void **state)
{
	int line;

	NEEDS_ROOT();
	line = comes(0);
	world->v->conf.approval_required = false;
	is_done(ends(line, listing()), KM_OK);
	is_done(says(line, about(KM_MSG_UNLOCK, "hanako")), KM_OK);
	world->v->conf.approval_required = true;
	is_done(says(line, listing()), KM_EPERM);
	close(line);
}

/* A registrar needs their own code in that mode, too, and nobody else. */
static void test_where_one_person_suffices_a_registrar_acts_alone_with_their_code(void **state)
{
	int line;

	NEEDS_ROOT();
	world->v->conf.approval_required = false;
	line = comes(CLERK_UID);
	is_asked(says(line, about(KM_MSG_UNLOCK, "hanako")), "rin");
	is_done(answers(line, 0), KM_OK);
	assert_int_equal(records(KM_EVENT_UNLOCKED, NULL), 1);
	close(line);
}

/* Nothing that needs a second person is done while there are no requests to file. */
static void test_an_act_on_another_person_is_handed_to_the_second_one(void **state)
{
	int line;

	NEEDS_ROOT();
	line = comes(CLERK_UID);
	is_asked(says(line, about(KM_MSG_UNLOCK, "hanako")), "rin");
	assert_int_not_equal(answers(line, 0).done.rc, 0);
	assert_int_equal(records(KM_EVENT_UNLOCKED, NULL), 0);
	close(line);
}

/* --- operators at their own account ----------------------------------------------------------- */

static void test_an_operator_sees_what_is_stored_about_themselves_and_of_nobody_else(void **state)
{
	struct km_msg m;
	int line;

	NEEDS_ROOT();
	line = comes(PLAIN_UID);
	m = says(line, about(KM_MSG_OPERATOR_SHOW, "hanako"));
	assert_int_equal(m.number, KM_MSG_OPERATOR_ROW);
	assert_string_equal(m.operator_row.login, "hanako");
	assert_int_equal(hears(line, &m), KM_OK);
	is_done(m, KM_OK);
	is_done(ends(line, about(KM_MSG_CREDENTIAL_LIST, "hanako")), KM_OK);
	is_done(ends(line, about(KM_MSG_AUDIT_LIST, "hanako")), KM_OK);
	is_done(says(line, about(KM_MSG_OPERATOR_SHOW, "rin")), KM_EPERM);
	is_done(says(line, about(KM_MSG_CREDENTIAL_LIST, "nobody")), KM_EPERM);
	is_done(says(line, about(KM_MSG_AUDIT_LIST, "")), KM_EPERM);
	is_done(says(line, listing()), KM_EPERM);
	is_done(says(line, suspending("hanako")), KM_EPERM);
	is_done(says(line, about(KM_MSG_STATUS, "")), KM_EPERM);
	close(line);
}

static void test_an_operator_enrols_nothing_of_their_own_without_an_invitation(void **state)
{
	struct km_msg m = about(KM_MSG_ENROL, "hanako");
	size_t enrolled;
	int line;

	NEEDS_ROOT();
	enrolled = records(KM_EVENT_ENROLLED, NULL);
	m.enrol.factor = KM_FACTOR_HOTP;
	m.enrol.algorithm = KM_SHA1;
	m.enrol.digits = 6;
	assert_int_equal(km_secret_set(&m.enrol.secret, "another seed, 20 byt", 20), KM_OK);
	line = comes(PLAIN_UID);
	is_done(says(line, m), KM_EPERM);
	assert_int_equal(records(KM_EVENT_ENROLLED, NULL), enrolled);
	close(line);
}

static void test_an_operator_names_nobody_but_themselves(void **state)
{
	int line;

	NEEDS_ROOT();
	line = comes(PLAIN_UID);
	is_done(ends(line, about(KM_MSG_OPERATOR_SHOW, "hanako")), KM_OK);
	is_done(says(line, about(KM_MSG_IDENTIFY, "aoi")), KM_EPERM);
	names(line, "hanako");
	is_done(says(line, about(KM_MSG_IDENTIFY, "")), KM_EINVAL);
	is_done(says(line, listing()), KM_EPERM);
	close(line);
}

static void test_who_has_been_given_another_account_is_nobody_at_the_old_one(void **state)
{
	struct km_event_record r;
	struct km_operator op;
	int line;

	NEEDS_ROOT();
	line = comes(PLAIN_UID);
	assert_int_equal(store_operator_by_login(world->v->store, "hanako", &op), KM_OK);
	event_make(&r, KM_EVENT_OPERATOR_REBOUND, op.subject, "test");
	assert_int_equal(store_operator_uid(world->v->store, op.subject, PLAIN_UID + 100, &r),
			 KM_OK);
	is_done(says(line, about(KM_MSG_OPERATOR_SHOW, "hanako")), KM_EPERM);
	close(line);
}

static void test_an_account_of_two_operators_is_nobodys(void **state)
{
	struct km_msg m;
	int line = -1;

	NEEDS_ROOT();
	world_add_as(world, "double", PLAIN_UID, true, false);
	m = knocks(PLAIN_UID, &line);
	assert_int_equal(m.number, KM_MSG_RESULT);
	assert_int_equal(m.result.verdict, KM_VERDICT_DENY);
	assert_int_equal(line, -1);
}

/* --- who gets a line at all ---------------------------------------------------------------------
 */

static void test_a_stranger_gets_no_line_and_a_record(void **state)
{
	struct km_msg m;
	int line = -1;

	NEEDS_ROOT();
	m = knocks(9999, &line);
	assert_int_equal(m.number, KM_MSG_RESULT);
	assert_int_equal(m.result.verdict, KM_VERDICT_DENY);
	assert_int_equal(line, -1);
	assert_int_equal(records(KM_EVENT_DESK_REFUSED, NULL), 1);
}

static void test_the_drop_folders_user_gets_a_line_for_rosters_and_nothing_else(void **state)
{
	int line;

	NEEDS_ROOT();
	world->v->conf.roster.uid = 7007;
	line = comes(7007);
	is_done(says(line, listing()), KM_EPERM);
	is_done(says(line, about(KM_MSG_STATUS, "")), KM_EPERM);
	is_done(says(line, suspending("hanako")), KM_EPERM);
	close(line);
}

static void test_operators_leave_lines_to_each_other_and_to_root(void **state)
{
	int first, second, third = -1, line[VAULT_LINES], n = 0;

	NEEDS_ROOT();
	first = comes(PLAIN_UID);
	second = comes(PLAIN_UID);
	assert_int_equal(knocks(PLAIN_UID, &third).result.reason, KM_REASON_BUSY);
	close(second);
	world_round(world);
	second = comes(PLAIN_UID); /* one that was closed is free again */
	while (n < VAULT_LINES - VAULT_LINES_KEPT - 2)
		line[n++] = comes(0);
	assert_int_equal(knocks(CLERK_UID, &third).result.reason, KM_REASON_BUSY);
	while (n < VAULT_LINES - 2)
		line[n++] = comes(0);
	while (n > 0)
		close(line[--n]);
	close(first);
	close(second);
}

/* --- Unix groups
 * ----------------------------------------------------------------------------------- */

static void test_a_role_counts_only_in_its_unix_group_where_the_site_names_one(void **state)
{
	const gid_t group = 6161;
	struct km_msg m;
	int line;

	NEEDS_ROOT();
	world->v->conf.role_group.registrar = group;
	line = comes(CLERK_UID);
	m = says(line, suspending("hanako"));
	is_done(m, KM_EPERM); /* not even asked */
	assert_non_null(strstr(m.done.text, "Unix group"));
	close(line);
	line = comes(SECOND_UID); /* another role's group is no concern of an approver's */
	is_asked(says(line, suspending("hanako")), "aoi");
	close(line);
	assert_int_equal(setgroups(1, &group), 0);
	line = comes(CLERK_UID);
	assert_int_equal(setgroups(0, NULL), 0);
	is_asked(says(line, suspending("hanako")), "rin");
	close(line);
	line = comes(0); /* root is in no group, and needs none */
	names(line, "rin");
	is_asked(says(line, suspending("hanako")), "rin");
	is_done(answers(line, 0), KM_OK);
	close(line);
}

/* --- the trail
 * ---------------------------------------------------------------------------------------- */

static struct msg_audit_row row_of(int line, uint64_t seq)
{
	struct km_msg m = about(KM_MSG_AUDIT_LIST, ""), done;

	m.audit_list.after = seq - 1;
	m.audit_list.limit = 1;
	m = says(line, m);
	assert_int_equal(m.number, KM_MSG_AUDIT_ROW);
	assert_int_equal(m.audit_row.seq, seq);
	assert_int_equal(hears(line, &done), KM_OK);
	is_done(done, KM_OK);
	return m.audit_row;
}

static void
test_the_trail_names_who_acted_and_who_approved_as_long_as_they_are_registered(void **state)
{
	struct km_audit_row r = { 0 };
	struct km_event_record e;
	struct km_operator op;
	struct msg_audit_row row;
	char hex[2 * 8 + 1];
	int line, root;

	NEEDS_ROOT();
	line = comes(CLERK_UID);
	is_asked(says(line, suspending("hanako")), "rin");
	is_done(answers(line, 0), KM_OK);
	assert_int_equal(records(KM_EVENT_OPERATOR_SUSPENDED, &r), 1);
	assert_int_equal(store_operator_by_login(world->v->store, "aoi", &op), KM_OK);
	event_make(&e, KM_EVENT_UNLOCKED, op.subject, r.actor);
	event_add_subject(&e, EVENT_APPROVER, op.subject);
	assert_int_equal(note_record(world->v, &e), KM_OK);
	assert_int_equal(store_flush(world->v->store), KM_OK);
	world->v->conf.approval_required = false;
	root = comes(0);
	row = row_of(root, r.seq);
	assert_string_equal(row.actor, "rin");
	assert_string_equal(row.approver, "");
	row = row_of(root, r.seq + 1);
	assert_string_equal(row.actor, "rin");
	assert_string_equal(row.approver, "aoi");
	/* When they are gone, what is written stays as it is: no name, the same person. */
	for (size_t i = 0; i < 8; i++)
		snprintf(hex + 2 * i, 3, "%02x", op.subject[i]);
	event_make(&e, KM_EVENT_ERASE_BEGUN, op.subject, "test");
	assert_int_equal(store_erase_begin(world->v->store, op.subject, &by_hand, &e), KM_OK);
	row = row_of(root, r.seq + 1);
	assert_memory_equal(row.approver, hex, 16);
	close(line);
	close(root);
}

static void test_the_status_says_how_this_site_acts(void **state)
{
	NEEDS_ROOT();
	assert_non_null(strstr(desk_mode(world->v), "by two persons: "));
	world->v->conf.approval_required = false;
	assert_non_null(strstr(desk_mode(world->v), "by one person: "));
	close_office(NULL);
	world = world_new();
	world_up(world);
	world->v->conf.approval_required = true;
	assert_non_null(strstr(desk_mode(world->v), "required, but not before"));
	assert_false(desk_two_persons(world->v));
}

/* Operators who have nothing to do there keep nobody from it who has. */
static void test_desks_of_many_operators_leave_a_place_to_who_has_a_role(void **state)
{
	int line[VAULT_LINES], client = -1, first, second;
	size_t count = 0;
	struct km_msg m;

	NEEDS_ROOT();
	for (uid_t uid = 6000; uid < 6000 + VAULT_LINES / VAULT_LINES_OF; uid++) {
		char login[16];

		snprintf(login, sizeof login, "op%u", (unsigned)uid);
		staff(login, uid, KM_ROLE_OPERATOR);
		for (int i = 0; i < VAULT_LINES_OF; i++) {
			line[count] = -1;
			m = knocks(uid, &line[count]);
			if (m.number == KM_MSG_DESK_LINE)
				count++;
		}
	}
	assert_int_equal(count, VAULT_LINES - VAULT_LINES_KEPT - VAULT_LINES_ROLE);
	first = comes(CLERK_UID);
	second = comes(SECOND_UID);
	assert_int_not_equal(knocks(PLAIN_UID, &client).number, KM_MSG_DESK_LINE);
	close(comes(0));
	close(first);
	close(second);
	while (count)
		close(line[--count]);
	world_round(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_OFFICE(test_C38_root_at_an_approvers_account_is_refused_without_their_code),
		IN_OFFICE(test_C38_root_naming_an_approver_is_refused_without_their_code),
		IN_OFFICE(test_root_naming_an_approver_with_their_code_acts_as_that_person),
		IN_OFFICE(
		    test_C25_a_name_that_nobody_has_is_asked_and_judged_like_one_that_somebody_has),
		IN_OFFICE(test_a_right_code_of_somebody_without_the_role_moves_nothing),
		IN_OFFICE(
		    test_root_alone_may_look_after_the_house_and_suspend_but_touch_nobody_else),
		IN_OFFICE(test_before_the_founding_and_without_approval_root_acts_alone),
		IN_OFFICE(test_where_one_person_suffices_a_registrar_acts_alone_with_their_code),
		IN_OFFICE(test_an_act_on_another_person_is_handed_to_the_second_one),
		IN_OFFICE(test_an_operator_sees_what_is_stored_about_themselves_and_of_nobody_else),
		IN_OFFICE(test_an_operator_enrols_nothing_of_their_own_without_an_invitation),
		IN_OFFICE(test_an_operator_names_nobody_but_themselves),
		IN_OFFICE(test_who_has_been_given_another_account_is_nobody_at_the_old_one),
		IN_OFFICE(test_an_account_of_two_operators_is_nobodys),
		IN_OFFICE(test_a_stranger_gets_no_line_and_a_record),
		IN_OFFICE(test_the_drop_folders_user_gets_a_line_for_rosters_and_nothing_else),
		IN_OFFICE(test_operators_leave_lines_to_each_other_and_to_root),
		IN_OFFICE(test_desks_of_many_operators_leave_a_place_to_who_has_a_role),
		IN_OFFICE(test_a_role_counts_only_in_its_unix_group_where_the_site_names_one),
		IN_OFFICE(
		    test_the_trail_names_who_acted_and_who_approved_as_long_as_they_are_registered),
		IN_OFFICE(test_the_status_says_how_this_site_acts),
	};

	km_log_open("test", NULL, LOG_EMERG - 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
