/*
 * C3 where somebody proves who they are: while root acts in an officer's name with that person's
 * code, every call that the vault makes fails. Nothing is done without a code that was used up for
 * it, and no code serves twice.
 */
#include "calls_office.h"

#define BOSS "boss"

static bool proving; /* a code was asked for, and sent */

static void name_boss(struct world *w)
{
	struct km_msg m = { .number = KM_MSG_IDENTIFY };

	if (w->desk < 0)
		return;
	memset(m.identify.op, 0x33, sizeof m.identify.op);
	TEXT(m.identify.login, BOSS);
	if (km_send_msg(w->desk, &m, -1, 0) != KM_OK)
		return;
	world_round(w);
	for (int i = 0; i < 2 && hear(w, &m) == KM_EAGAIN; i++)
		world_round(w);
}

static void prepare_boss(struct world *w)
{
	w->role = KM_ROLE_OFFICER;
	world_add(w, BOSS, true, false);
	w->role = KM_ROLE_OPERATOR;
	prepare(w);
	name_boss(w);
}

static uint64_t boss_stands_at(struct world *w)
{
	return calls_credential(w, BOSS, KM_FACTOR_HOTP).moving;
}

/* The operation; its first prompt is answered with the code of this counter. */
static void act_with(struct world *w, uint64_t counter)
{
	struct km_msg m = { .number = KM_MSG_ANSWER };
	struct km_msg prompt;
	char code[16];
	km_rc rc;

	memset(&office, 0, sizeof office);
	proving = false;
	if (w->desk < 0 || km_send_msg(w->desk, &asked, -1, 0) != KM_OK)
		return;
	world_round(w);
	rc = hear(w, &prompt);
	if (rc == KM_EAGAIN && !w->v->stop) {
		world_round(w);
		rc = hear(w, &prompt);
	}
	if (rc == KM_OK && prompt.number == KM_MSG_DONE) {
		office.done = true;
		office.rc = (km_rc) - (int)prompt.done.rc;
	}
	if (rc != KM_OK || prompt.number != KM_MSG_PROMPT)
		return;
	world_code(counter, code);
	assert_int_equal(km_secret_set(&m.answer.secret, code, 6), KM_OK);
	proving = km_send_msg(w->desk, &m, -1, 0) == KM_OK;
	world_round(w);
	while (heard_one(w))
		;
}

static void suspend(struct world *w)
{
	struct msg_operator_state *m = &new_operation(KM_MSG_OPERATOR_STATE)->operator_state;

	TEXT(m->login, "known");
	m->state = KM_SUSPENDED;
	act_with(w, 0);
}

static void check_suspend(struct world *w, bool dry)
{
	bool there = calls_operator(w, "known").state == KM_SUSPENDED;
	uint64_t at = boss_stands_at(w);

	check_told(dry, there);
	if (at > 1 || (there && at != 1))
		calls_say("suspended: %d, and the code's counter is at %llu", there,
			  (unsigned long long)at);
	if (calls_records(w, KM_EVENT_DESK_PROVED) != at)
		calls_say("the trail tells of another number of proofs");
	if (at == 1 && !proving)
		calls_say("a code was used up that nobody gave");
	/* The same once more, on a new line and with the next code: done once. */
	open_desk(w);
	name_boss(w);
	act_with(w, at);
	if (!done_ok() || calls_operator(w, "known").state != KM_SUSPENDED ||
	    boss_stands_at(w) != at + 1)
		calls_say("sent again it was not done, with another code");
	if (calls_records(w, KM_EVENT_OPERATOR_SUSPENDED) != 2) /* somebody was from the start */
		calls_say("sent again it was not done once");
}

static void guess(struct world *w)
{
	struct msg_operator_state *m = &new_operation(KM_MSG_OPERATOR_STATE)->operator_state;

	TEXT(m->login, "known");
	m->state = KM_SUSPENDED;
	act_with(w, 5000); /* far from where the token stands */
}

static void check_guess(struct world *w, bool dry)
{
	uint32_t fails = calls_credential(w, BOSS, KM_FACTOR_HOTP).throttle.fails;

	if (calls_operator(w, "known").state == KM_SUSPENDED || boss_stands_at(w) != 0)
		calls_say("something was done by a wrong code");
	if (calls_records(w, KM_EVENT_DESK_PROVED) != 0)
		calls_say("a wrong code proved somebody");
	if (calls_records(w, KM_EVENT_DESK_UNPROVED) != fails)
		calls_say("%u failures are counted, and the trail says otherwise", fails);
	if (dry && fails == 0)
		calls_say("nothing failed, and nothing was counted");
}

#define MATRIX(name, ...)                                                                          \
	static void name(void **state)                                                             \
	{                                                                                          \
		static const struct calls_act act = { false, __VA_ARGS__ };                        \
		calls_matrix(*state, &calls_kept, &act);                                           \
	}
MATRIX(test_C3_no_failing_call_does_anything_without_a_code, prepare_boss, suspend, check_suspend)
MATRIX(test_C3_no_failing_call_makes_a_wrong_code_a_proof, prepare_boss, guess, check_guess)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_C3_no_failing_call_does_anything_without_a_code),
		cmocka_unit_test(test_C3_no_failing_call_makes_a_wrong_code_a_proof),
	};

	return cmocka_run_group_tests(tests, calls_setup, calls_teardown);
}
