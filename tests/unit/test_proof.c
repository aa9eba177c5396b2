/* A desk where two persons are needed: the caller's own code before an operation runs. */
#include "clocks.h"
#include "person_scene.h"

static void test_an_operation_waits_for_the_callers_own_code_and_then_runs(void **state)
{
	struct km_audit_row r = { 0 };
	int line;

	NEEDS_ROOT();
	line = comes(CLERK_UID);
	is_asked(says(line, suspending("hanako")), "rin");
	assert_int_equal(records(KM_EVENT_OPERATOR_SUSPENDED, NULL), 0);
	is_done(answers(line, 0), KM_OK);
	assert_int_equal(records(KM_EVENT_OPERATOR_SUSPENDED, &r), 1);
	assert_memory_equal(r.actor, "operator:", 9);
	assert_non_null(strstr(r.body, "authority=factor"));
	assert_int_equal(records(KM_EVENT_DESK_PROVED, &r), 1);
	assert_non_null(strstr(r.body, "operation=OPERATOR_STATE"));
	close(line);
}

static void test_the_proof_holds_for_five_minutes_on_that_line_and_on_no_other(void **state)
{
	int line, other;

	NEEDS_ROOT();
	clocks_hold();
	line = comes(CLERK_UID);
	is_asked(says(line, listing()), "rin");
	is_done(answers(line, 0), KM_OK);
	is_done(ends(line, listing()), KM_OK);
	other = comes(CLERK_UID);
	is_asked(says(other, listing()), "rin");
	world->v->line[0].who.proved_ms -= 5 * 60 * 1000 - 1;
	is_done(ends(line, listing()), KM_OK);
	world->v->line[0].who.proved_ms -= 1;
	is_asked(says(line, listing()), "rin");
	is_done(answers(line, 1), KM_OK);
	clocks_go_on();
	close(line);
	close(other);
}

static void test_three_wrong_codes_are_counted_and_nothing_is_done(void **state)
{
	struct km_msg m;
	int line;

	NEEDS_ROOT();
	line = comes(CLERK_UID);
	is_asked(says(line, suspending("hanako")), "rin");
	m = answer(line, "000000");
	is_asked(m, "rin");
	assert_memory_equal(m.prompt.text, "That code is not right. ", 24);
	is_asked(answer(line, "000000"), "rin");
	is_done(answer(line, "000000"), KM_EBADCODE);
	assert_int_equal(fails_of("rin"), 3);
	assert_int_equal(records(KM_EVENT_DESK_UNPROVED, NULL), 3);
	assert_int_equal(records(KM_EVENT_OPERATOR_SUSPENDED, NULL), 0);
	/* The line is still there, and the next operation asks anew. */
	is_asked(says(line, suspending("hanako")), "rin");
	is_done(answers(line, 0), KM_OK);
	assert_int_equal(fails_of("rin"), 0);
	close(line);
}

static void test_wrong_codes_lock_at_the_limit_of_a_login(void **state)
{
	struct km_msg m;
	int line;

	NEEDS_ROOT();
	line = comes(CLERK_UID);
	for (int i = 0; i < 3; i++)
		m = i ? answer(line, "000000") : says(line, suspending("hanako"));
	is_done(answer(line, "000000"), KM_EBADCODE);
	is_asked(says(line, suspending("hanako")), "rin");
	is_asked(answer(line, "000000"), "rin");
	is_done(answer(line, "000000"), KM_EPERM); /* the fifth in a row */
	is_asked(says(line, suspending("hanako")), "rin");
	m = answers(line, 0); /* right, and unjudged while it waits */
	is_done(m, KM_EPERM);
	assert_non_null(strstr(m.done.text, "Wait "));
	assert_int_equal(fails_of("rin"), 5);
	assert_int_equal(records(KM_EVENT_LOCKED, NULL), 1);
	assert_int_equal(records(KM_EVENT_OPERATOR_SUSPENDED, NULL), 0);
	close(line);
}

static void test_C1_a_code_that_proved_somebody_logs_nobody_in_and_proves_nobody_again(void **state)
{
	struct km_msg m;
	char code[16];
	int line, other, client;

	NEEDS_ROOT();
	line = comes(CLERK_UID);
	is_asked(says(line, listing()), "rin");
	is_done(answers(line, 0), KM_OK);
	other = comes(CLERK_UID);
	is_asked(says(other, listing()), "rin");
	m = answers(other, 0);
	is_asked(m, "rin");
	assert_memory_equal(m.prompt.text, "That code was used already.", 27);
	assert_int_equal(fails_of("rin"), 0);
	assert_int_equal(records(KM_EVENT_REPLAYED, NULL), 1);
	client = world_open(world, KM_REQUEST_AUTHENTICATE, "rin");
	assert_true(world_answered(world, &m));
	world_code(0, code);
	world_check(world, code);
	assert_true(world_answered(world, &m));
	assert_int_equal(m.number, KM_MSG_VERDICT);
	assert_int_equal(m.verdict.verdict, KM_VERDICT_RETRY);
	close(client);
	close(other);
	close(line);
}

static void test_a_recovery_code_proves_once(void **state)
{
	char code[KM_RECOVERY_LENGTH + 1];
	int line, other;

	NEEDS_ROOT();
	world_recovery(3, code);
	line = comes(CLERK_UID);
	is_asked(says(line, listing()), "rin");
	is_done(answer(line, code), KM_OK);
	other = comes(CLERK_UID);
	is_asked(says(other, listing()), "rin");
	is_asked(answer(other, code), "rin");
	close(line);
	close(other);
}

/* Nobody logs in by it: the last login stays as it was, and no account is bound. */
static void test_a_proof_is_no_login(void **state)
{
	struct km_operator op;
	int line;

	NEEDS_ROOT();
	world_add_as(world, "unbound", (uid_t)-1, true, false);
	line = comes(0);
	names(line, "unbound");
	is_asked(says(line, listing()), "unbound");
	is_done(answers(line, 0), KM_OK); /* added as an approver, like the last one */
	assert_int_equal(store_operator_by_login(world->v->store, "unbound", &op), KM_OK);
	assert_int_equal(op.last_login, 0);
	assert_int_equal(op.uid, -1);
	close(line);
}

static void test_an_abort_at_the_proof_ends_what_waited(void **state)
{
	struct km_msg m = { .number = KM_MSG_ABORT };
	int line;

	NEEDS_ROOT();
	line = comes(CLERK_UID);
	is_asked(says(line, suspending("hanako")), "rin");
	m.abort.reason = KM_REASON_ABORTED;
	is_done(says(line, m), KM_EABORTED);
	assert_int_equal(records(KM_EVENT_OPERATOR_SUSPENDED, NULL), 0);
	is_asked(says(line, listing()), "rin");
	close(line);
}

/* The operation's own prompt comes behind the proof's, and does not look like it. */
static void test_the_code_of_another_person_is_asked_for_apart(void **state)
{
	struct km_msg m = about(KM_MSG_ENROL, "hanako");
	int line;

	NEEDS_ROOT();
	m.enrol.factor = KM_FACTOR_HOTP;
	m.enrol.algorithm = KM_SHA1;
	m.enrol.digits = 6;
	m.enrol.confirm = 1;
	assert_int_equal(km_secret_set(&m.enrol.secret, "another seed, 20 byt", 20), KM_OK);
	line = comes(CLERK_UID);
	is_asked(says(line, m), "rin");
	m = answers(line, 0);
	assert_int_equal(m.number, KM_MSG_PROMPT);
	assert_false(m.prompt.shape & KM_SHAPE_OWN);
	assert_string_equal(m.prompt.text, km_text(KM_TEXT_PROMPT_CODE, KM_LANG_EN));
	close(line);
}

/* A bypass is given by others, who know it; what waits for approval is nobody's yet. */
static void test_a_code_for_a_day_and_one_that_waits_prove_nobody(void **state)
{
	static const char *const seeds[] = { "a seed for a day, 20", "a seed that waits 20",
					     "a seed of the past20" };
	char code[16];
	int line;

	NEEDS_ROOT();
	special_code("rin", seeds[0], false, world->v->now.wall + 3600);
	special_code("rin", seeds[1], true, 0);
	special_code("rin", seeds[2], false, world->v->now.wall - 1);
	line = comes(CLERK_UID);
	is_asked(says(line, suspending("hanako")), "rin");
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(oath_hotp_generate(seeds[i], strlen(seeds[i]), 0, 6, false,
						    OATH_HOTP_DYNAMIC_TRUNCATION, code),
				 OATH_OK);
		if (i < 2)
			is_asked(answer(line, code), "rin");
		else
			is_done(answer(line, code), KM_EBADCODE);
	}
	assert_int_equal(records(KM_EVENT_OPERATOR_SUSPENDED, NULL), 0);
	close(line);
}

static void test_nobody_proves_anything_to_a_database_in_doubt(void **state)
{
	int line;

	NEEDS_ROOT();
	line = comes(CLERK_UID);
	world->v->suspicion = KM_SUSPECT_ROLLBACK;
	is_done(says(line, listing()), KM_ESUSPECT); /* an old one takes codes that were used */
	is_done(says(line, suspending("hanako")), KM_ESUSPECT);
	close(line);
	line = comes(0);
	is_done(says(line, suspending("hanako")), KM_OK); /* root takes access away all the same */
	close(line);
}

static void test_what_was_proved_is_gone_with_the_role_and_the_state(void **state)
{
	struct km_event_record r;
	struct km_operator op;
	int line;

	NEEDS_ROOT();
	line = comes(CLERK_UID);
	is_asked(says(line, listing()), "rin");
	is_done(answers(line, 0), KM_OK);
	assert_int_equal(store_operator_by_login(world->v->store, "rin", &op), KM_OK);
	event_make(&r, KM_EVENT_OPERATOR_SUSPENDED, op.subject, "test");
	assert_int_equal(store_operator_state(world->v->store, op.subject, KM_SUSPENDED, &r),
			 KM_OK);
	is_done(says(line, listing()), KM_EPERM);
	close(line);
}

/* What has no flush has no proof: the code was not used up, so it must not count either. */
static void test_a_proof_that_is_not_durable_proves_nothing(void **state)
{
	int line;

	NEEDS_ROOT();
	line = comes(CLERK_UID);
	is_asked(says(line, listing()), "rin");
	is_done(answers(line, 0), KM_OK);
	assert_true(world->v->line[0].who.proved_ms > 0);
	world->v->line[0].touched = true;
	line_settle(world->v, false);
	assert_int_equal(world->v->line[0].who.proved_ms, 0);
	close(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_OFFICE(test_an_operation_waits_for_the_callers_own_code_and_then_runs),
		IN_OFFICE(test_the_proof_holds_for_five_minutes_on_that_line_and_on_no_other),
		IN_OFFICE(test_three_wrong_codes_are_counted_and_nothing_is_done),
		IN_OFFICE(test_wrong_codes_lock_at_the_limit_of_a_login),
		IN_OFFICE(
		    test_C1_a_code_that_proved_somebody_logs_nobody_in_and_proves_nobody_again),
		IN_OFFICE(test_a_recovery_code_proves_once),
		IN_OFFICE(test_a_proof_is_no_login),
		IN_OFFICE(test_an_abort_at_the_proof_ends_what_waited),
		IN_OFFICE(test_the_code_of_another_person_is_asked_for_apart),
		IN_OFFICE(test_a_code_for_a_day_and_one_that_waits_prove_nobody),
		IN_OFFICE(test_nobody_proves_anything_to_a_database_in_doubt),
		IN_OFFICE(test_what_was_proved_is_gone_with_the_role_and_the_state),
		IN_OFFICE(test_a_proof_that_is_not_durable_proves_nothing),
	};

	km_log_open("test", NULL, LOG_EMERG - 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
