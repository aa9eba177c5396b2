/*
 * C12: a judge that lies about sessions: which is whose, what was checked, what it knows of the
 * trail. The house is that of test_liar.c: real vault and doors, uids of their own, and a story
 * in the place of the judge. The last test shows what such a judge does gain.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include "house_liar.h"

#define WRONG "000000"

/* OPEN, and the plan for it. */
static void open_for(struct guest *g, const struct twist *t)
{
	struct km_msg open = liar_open(g, t);

	MUST(liar_say(&open, t && t->fd >= 0 ? t->fd : g->fd) == KM_OK);
	MUST(liar_hear() == KM_MSG_PLAN);
}

/* What the vault says to a code. */
static uint8_t verdict_on(const struct guest *g, uint8_t step, const char *code)
{
	MUST(liar_check_step(g, step, code) == KM_OK);
	MUST(liar_hear() == KM_MSG_VERDICT);
	return liar_in.verdict.verdict;
}

/* --- one descriptor, several sessions ---------------------------------------------------- */

static void opens_twice(void)
{
	struct guest first, second;
	const char *code;

	liar_ready();
	liar_accept(&first);
	code = liar_ask(&first);
	open_for(&first, NULL);
	second = first;
	open_for(&second, NULL);
	MUST(verdict_on(&second, 0, code) == KM_VERDICT_ALLOW);
	MUST(verdict_on(&first, 0, code) == KM_VERDICT_RETRY);
	MUST(liar_in.verdict.reason == KM_REASON_REPLAY);
}

static void test_two_sessions_on_one_descriptor_use_a_code_once(void **state)
{
	const struct liar_door door = { "games", HOTP_0, NULL };
	int code;

	NEEDS_ROOT();
	liar_play(*state, opens_twice, &door, 1, &code);
	assert_int_equal(code, PAM_SUCCESS);
}

/* --- nonces -------------------------------------------------------------------------------- */

/* The second door's login is opened with what the first had asked with. */
static void keeps_a_nonce(void)
{
	struct guest a, b, *first, *second;
	struct twist old = { .fd = -1 };

	liar_ready();
	liar_accept(&a);
	liar_accept(&b);
	liar_ask(&a);
	liar_ask(&b);
	first = strcmp(a.code, HOTP_0) == 0 ? &a : &b;
	second = first == &a ? &b : &a;
	open_for(first, NULL);
	MUST(verdict_on(first, 0, first->code) == KM_VERDICT_ALLOW);
	old.nonce = first->login.nonce;
	open_for(second, &old);
	MUST(verdict_on(second, 0, second->code) == KM_VERDICT_ALLOW);
}

static void test_a_nonce_that_is_used_again_is_no_answer(void **state)
{
	const struct liar_door doors[] = { { "games", HOTP_0, NULL }, { "games", HOTP_1, NULL } };
	int code[2];

	NEEDS_ROOT();
	liar_play(*state, keeps_a_nonce, doors, 2, code);
	assert_int_equal(code[0], PAM_SUCCESS);
	assert_int_equal(code[1], PAM_AUTHINFO_UNAVAIL);
}

/* --- checks that are left out ---------------------------------------------------------------- */

static void checks_nothing(void)
{
	struct guest g;

	liar_ready();
	liar_accept(&g);
	liar_ask(&g);
	open_for(&g, NULL);
	liar_close(&g);
	MUST(liar_silent());
}

static void test_without_a_check_nobody_is_let_in(void **state)
{
	const struct liar_door door = { "games", HOTP_0, NULL };
	int code;

	NEEDS_ROOT();
	liar_play(*state, checks_nothing, &door, 1, &code);
	assert_int_equal(code, PAM_AUTHINFO_UNAVAIL);
}

static void (*at_steps)(const struct guest *); /* what the story below does with its checks */

static void two_steps(void)
{
	struct guest g;

	liar_ready();
	liar_accept(&g);
	liar_ask(&g);
	open_for(&g, NULL);
	MUST(liar_in.plan.slots.count == 2);
	at_steps(&g);
}

static void both(const struct guest *g)
{
	MUST(verdict_on(g, 0, HOTP_0) == KM_VERDICT_NEXT);
	MUST(verdict_on(g, 1, liar_recovery) == KM_VERDICT_ALLOW);
}

static void only_the_first(const struct guest *g)
{
	MUST(verdict_on(g, 0, HOTP_1) == KM_VERDICT_NEXT);
	liar_close(g);
}

static void the_first_twice(const struct guest *g)
{
	MUST(verdict_on(g, 0, HOTP_2) == KM_VERDICT_NEXT);
	MUST(liar_check_step(g, 0, "969429") == KM_OK); /* the fourth of RFC 4226 */
	MUST(liar_ended());
}

static void only_the_second(const struct guest *g)
{
	MUST(liar_check_step(g, 1, liar_recovery) == KM_OK);
	MUST(liar_ended());
}

static void the_second_first(const struct guest *g)
{
	MUST(verdict_on(g, 0, liar_recovery) != KM_VERDICT_NEXT);
	liar_close(g);
}

static void test_every_step_is_checked_in_its_turn_or_nobody_is_in(void **state)
{
	static const struct {
		void (*act)(const struct guest *);
		int code;
	} row[] = {
		{ only_the_second, PAM_AUTHINFO_UNAVAIL },
		{ the_second_first, PAM_AUTHINFO_UNAVAIL },
		{ both, PAM_SUCCESS },
		{ only_the_first, PAM_AUTHINFO_UNAVAIL },
		{ the_first_twice, PAM_AUTHINFO_UNAVAIL },
	};
	const struct liar_door door = { "games", WRONG, "steps" };
	int code;

	NEEDS_ROOT();
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		at_steps = row[i].act;
		liar_play(*state, two_steps, &door, 1, &code);
		assert_int_equal(code, row[i].code);
	}
}

/* --- another caller ----------------------------------------------------------------------------
 */

/* With the right code of "games": what is wrong is only who asks. */
static void asks_for_another(void)
{
	const struct twist games = { .login = "games", .uid = 5, .fd = -1 };
	const struct twist itself = { .login = "games", .uid = JUDGE_UID, .fd = -1 };
	const struct twist *const twists[] = { &games, &itself };

	for (size_t i = 0; i < 2; i++) {
		struct guest me = liar_own_guest();
		struct km_msg open = liar_open(&me, twists[i]);

		MUST(liar_say(&open, me.fd) == KM_OK);
		if (liar_hear() == KM_MSG_PLAN) {
			MUST(verdict_on(&me, 0, HOTP_0) != KM_VERDICT_ALLOW);
			continue;
		}
		MUST(liar_in.verdict.verdict == KM_VERDICT_DENY);
	}
}

static void test_the_judge_cannot_ask_for_another_in_its_own_name(void **state)
{
	NEEDS_ROOT();
	liar_play(*state, asks_for_another, NULL, 0, NULL);
}

/* --- the anchor ----------------------------------------------------------------------------------
 */

static void asks_honestly(void)
{
	struct guest g;
	struct km_msg open;

	liar_ready();
	liar_accept(&g);
	liar_ask(&g);
	open = liar_open(&g, NULL);
	MUST(liar_say(&open, g.fd) == KM_OK);
	if (liar_hear() == KM_MSG_PLAN)
		verdict_on(&g, 0, g.code);
}

/* It can make the vault refuse everybody, until somebody has looked; it can make it allow nobody.
 */
static void test_an_anchor_that_lies_lets_nobody_in(void **state)
{
	struct msg_anchor lies[] = {
		{ .seq = 1000000 },           /* of a trail without a name */
		{ .seq = 1, .hash = { 1 } },  /* another first record */
		{ .seq = 3, .chain = { 1 } }, /* another trail */
		{ .seq = UINT64_MAX },
	};
	const struct liar_door door = { "games", HOTP_0, NULL };
	int code;

	NEEDS_ROOT();
	liar_play(*state, asks_honestly, &door, 1, &code); /* says that it knows nothing */
	assert_int_equal(code, PAM_SUCCESS);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		const struct liar_door next = { "games", HOTP_1, NULL };

		liar_anchor = lies[i];
		liar_play(*state, asks_honestly, &next, 1, &code);
		assert_int_not_equal(code, PAM_SUCCESS);
	}
	/* What was found is not forgotten by a judge that then knows nothing. */
	liar_anchor = (struct msg_anchor){ .seq = 0 };
	liar_play(*state, asks_honestly, &(struct liar_door){ "games", HOTP_2, NULL }, 1, &code);
	assert_int_not_equal(code, PAM_SUCCESS);
}

/* --- what remains
 * ---------------------------------------------------------------------------------- */

/* A code that somebody types to it, used at another door of the same name before they get in. */
static void uses_what_it_sees(void)
{
	struct guest a, b, *owner, *thief;

	liar_ready();
	liar_accept(&a);
	liar_accept(&b);
	liar_ask(&a);
	liar_ask(&b);
	owner = strcmp(a.code, HOTP_0) == 0 ? &a : &b;
	thief = owner == &a ? &b : &a;
	open_for(owner, NULL);
	open_for(thief, NULL);
	MUST(verdict_on(thief, 0, owner->code) == KM_VERDICT_ALLOW);
	MUST(verdict_on(owner, 0, owner->code) != KM_VERDICT_ALLOW);
	liar_close(owner);
}

/* docs/TRUST.md says so: it was typed into a room that is the enemy's. */
static void test_a_code_that_a_lying_judge_sees_is_worth_one_login_of_that_person(void **state)
{
	const struct liar_door doors[] = { { "games", HOTP_0, NULL }, { "games", WRONG, NULL } };
	int code[2];

	NEEDS_ROOT();
	liar_play(*state, uses_what_it_sees, doors, 2, code);
	assert_int_not_equal(code[0], PAM_SUCCESS);
	assert_int_equal(code[1], PAM_SUCCESS);
}

#define LIAR_TEST(f) cmocka_unit_test_setup_teardown(f, liar_setup, liar_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIAR_TEST(test_two_sessions_on_one_descriptor_use_a_code_once),
		LIAR_TEST(test_a_nonce_that_is_used_again_is_no_answer),
		LIAR_TEST(test_without_a_check_nobody_is_let_in),
		LIAR_TEST(test_every_step_is_checked_in_its_turn_or_nobody_is_in),
		LIAR_TEST(test_the_judge_cannot_ask_for_another_in_its_own_name),
		LIAR_TEST(test_an_anchor_that_lies_lets_nobody_in),
		LIAR_TEST(test_a_code_that_a_lying_judge_sees_is_worth_one_login_of_that_person),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
