/*
 * C12: a judge that lies. The vault, the door and libpam are the real ones; the
 * judge between them is this test, under the judge's uid, with the judge's
 * link and root's listening socket: all that whoever takes it over has.
 * Nobody gets in but by a code of their own, and no desk's line is to be had.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include "house_liar.h"

/* --- an honest judge ---------------------------------------------------------------------- */

/* From OPEN to VERDICT; what differs from what the door said is in t. */
static uint8_t one_login(struct guest *g, const struct twist *t)
{
	struct km_msg open = liar_open(g, t);
	const char *code = g->code[0] ? g->code : liar_ask(g);

	MUST(liar_say(&open, t && t->fd >= 0 ? t->fd : g->fd) == KM_OK);
	if (liar_hear() == KM_MSG_VERDICT) /* decided without a code */
		return liar_in.verdict.verdict;
	MUST(liar_in.number == KM_MSG_PLAN);
	MUST(liar_check(g, t && t->code ? t->code : code) == KM_OK);
	MUST(liar_hear() == KM_MSG_VERDICT);
	return liar_in.verdict.verdict;
}

static void honest(void)
{
	struct guest g;

	liar_ready();
	liar_accept(&g);
	MUST(one_login(&g, NULL) == KM_VERDICT_ALLOW);
}

/* What the other tests show they show because this one lets somebody in. */
static void test_an_honest_judge_lets_in_who_has_a_right_code(void **state)
{
	const struct liar_door door = { "games", HOTP_0, NULL };
	int code;

	NEEDS_ROOT();
	liar_play(*state, honest, &door, 1, &code);
	assert_int_equal(code, PAM_SUCCESS);
}

/* --- its own word --------------------------------------------------------------------------- */

static struct km_msg allow_for(const struct guest *g)
{
	struct km_msg m = { .number = KM_MSG_RESULT };

	m.result.verdict = KM_VERDICT_ALLOW;
	m.result.kind = g->login.kind;
	m.result.uid = g->login.uid;
	memcpy(m.result.login, g->login.login, sizeof(g->login.login));
	memcpy(m.result.service, g->login.service, sizeof(g->login.service));
	memcpy(m.result.nonce, g->login.nonce, sizeof(g->login.nonce));
	return m;
}

static void says_it_himself(void)
{
	struct guest g;
	struct km_msg m;

	liar_ready();
	liar_accept(&g);
	liar_ask(&g);
	m = allow_for(&g);
	/* Nor does the kernel let it put another's uid on it. */
	MUST(liar_say_as(g.fd, &m, VAULT_UID) == EPERM);
	MUST(km_send_msg(g.fd, &m, -1, 0) == KM_OK);
}

static void test_the_judges_own_allow_is_not_believed(void **state)
{
	const struct liar_door door = { "games", HOTP_0, NULL };
	int code;

	NEEDS_ROOT();
	liar_play(*state, says_it_himself, &door, 1, &code);
	assert_int_equal(code, PAM_AUTHINFO_UNAVAIL);
}

/* Digits of another login, which somebody at this door is to key in for it. */
static void calls_himself(void)
{
	struct km_msg m = { .number = KM_MSG_INFO };
	struct guest g;

	liar_ready();
	liar_accept(&g);
	liar_ask(&g);
	snprintf(m.info.text, sizeof(m.info.text), "Key in 402917.");
	m.info.error = KM_INFO_CALL;
	MUST(liar_say_as(g.fd, &m, VAULT_UID) == EPERM);
	MUST(km_send_msg(g.fd, &m, -1, 0) == KM_OK);
}

static void test_the_judges_own_call_is_shown_to_nobody(void **state)
{
	const struct liar_door door = { "games", HOTP_0, NULL };
	int code;

	NEEDS_ROOT();
	liar_play(*state, calls_himself, &door, 1, &code);
	assert_int_equal(code, PAM_AUTHINFO_UNAVAIL);
}

static bool patched; /* with what the door wants to see */

/* The judge's uid is an operator here, so it has a true ALLOW of the vault's: its own. */
static void replays(void)
{
	const struct twist own = { .fd = -1, .code = patched ? HOTP_1 : HOTP_0 };
	struct guest me = liar_own_guest(), g;
	uint8_t frame[1024];
	struct km_msg m;
	size_t len;

	MUST(one_login(&me, &own) == KM_VERDICT_ALLOW);
	MUST(km_recv(me.mine, frame, sizeof(frame), &len, NULL, NULL, 0) == KM_OK);
	MUST(km_decode(frame, len, KM_FROM_VAULT, KM_PHASE_TALK, &m) == KM_OK);
	MUST(m.result.verdict == KM_VERDICT_ALLOW);
	liar_ready();
	liar_accept(&g);
	liar_ask(&g);
	if (patched) {
		m = allow_for(&g);
		MUST(km_encode(&m, frame, sizeof(frame), &len) == KM_OK);
	}
	MUST(km_send(g.fd, frame, len, -1, 0) == KM_OK);
}

static void test_a_true_allow_of_another_login_is_no_use(void **state)
{
	const struct liar_door door = { "games", HOTP_1, NULL };
	int code;

	NEEDS_ROOT();
	patched = false;
	liar_play(*state, replays, &door, 1, &code);
	assert_int_equal(code, PAM_AUTHINFO_UNAVAIL);
	patched = true;
	liar_play(*state, replays, &door, 1, &code);
	assert_int_equal(code, PAM_AUTHINFO_UNAVAIL);
}

/* --- the vault's word for something else -------------------------------------------------------
 */

static struct twist now; /* what the story below does differently */

static void twisted(void)
{
	struct guest g;

	liar_ready();
	liar_accept(&g);
	MUST(one_login(&g, &now) == KM_VERDICT_ALLOW);
}

/* The vault allows this, and the door does not take it for what it asked. */
static void check_twist(void *state, struct twist t, const char *user, int expected)
{
	const struct liar_door door = { user, "000000", NULL };
	int code;

	t.fd = -1;
	now = t;
	liar_play(state, twisted, &door, 1, &code);
	assert_int_equal(code, expected);
}

static void test_what_was_allowed_for_another_kind_of_request_is_no_login(void **state)
{
	NEEDS_ROOT();
	for (uint8_t kind = KM_REQUEST_ACCOUNT; kind <= KM_REQUEST_DESK; kind++)
		check_twist(*state, (struct twist){ .kind = kind }, "games", PAM_AUTHINFO_UNAVAIL);
}

static void test_another_operators_right_code_opens_no_door_but_theirs(void **state)
{
	const struct twist man = { .login = "man", .uid = 6, .code = liar_code[0] };
	/* Not bound to an account yet, so that the vault takes any. */
	const struct twist bin = { .login = "bin", .uid = 5, .code = liar_code[0] };

	NEEDS_ROOT();
	check_twist(*state, man, "games", PAM_AUTHINFO_UNAVAIL);
	check_twist(*state, bin, "games", PAM_AUTH_ERR);
}

static void test_another_uid_or_service_is_another_request(void **state)
{
	const struct twist twists[] = {
		{ .service = "weak", .code = HOTP_0 },
		{ .service = "user/liar", .code = HOTP_1 },
		{ .service = "lia", .code = HOTP_2 },
	};

	NEEDS_ROOT();
	check_twist(*state, (struct twist){ .uid = 6, .code = liar_code[0] }, "bin",
		    PAM_AUTHINFO_UNAVAIL);
	for (size_t i = 0; i < sizeof(twists) / sizeof(twists[0]); i++)
		check_twist(*state, twists[i], "games", PAM_AUTHINFO_UNAVAIL);
}

static bool swap;

static void two_at_once(void)
{
	struct twist first = { .fd = -1 }, second = { .fd = -1 };
	struct guest a, b;

	liar_ready();
	liar_accept(&a);
	liar_accept(&b);
	liar_ask(&a);
	liar_ask(&b);
	if (swap) {
		first.fd = b.fd;
		second.fd = a.fd;
	}
	MUST(one_login(&a, &first) == KM_VERDICT_ALLOW);
	MUST(one_login(&b, &second) == KM_VERDICT_ALLOW);
}

static void test_two_doors_at_once_cannot_be_swapped(void **state)
{
	const struct liar_door doors[] = { { "games", HOTP_0, NULL },
					   { "man", liar_code[0], NULL } };
	const struct liar_door next[] = { { "games", HOTP_1, NULL },
					  { "man", liar_code[1], NULL } };
	int code[2];

	NEEDS_ROOT();
	swap = true;
	liar_play(*state, two_at_once, doors, 2, code);
	assert_int_equal(code[0], PAM_AUTHINFO_UNAVAIL);
	assert_int_equal(code[1], PAM_AUTHINFO_UNAVAIL);
	swap = false;
	liar_play(*state, two_at_once, next, 2, code);
	assert_int_equal(code[0], PAM_SUCCESS);
	assert_int_equal(code[1], PAM_SUCCESS);
}

/* Two doors of one operator: what one of them proved is for that one. */
static void gives_away(void)
{
	struct guest a, b, *owner;
	struct twist t = { 0 };

	liar_ready();
	liar_accept(&a);
	liar_accept(&b);
	liar_ask(&a);
	liar_ask(&b);
	owner = strcmp(a.code, HOTP_0) == 0 ? &a : &b;
	t.fd = owner == &a ? b.fd : a.fd;
	MUST(one_login(owner, &t) == KM_VERDICT_ALLOW);
}

static void test_a_code_typed_at_one_door_does_not_open_another_of_the_same_name(void **state)
{
	const struct liar_door doors[] = { { "games", HOTP_0, NULL }, { "games", "000000", NULL } };
	int code[2];

	NEEDS_ROOT();
	liar_play(*state, gives_away, doors, 2, code);
	assert_int_equal(code[0], PAM_AUTHINFO_UNAVAIL);
	assert_int_equal(code[1], PAM_AUTHINFO_UNAVAIL);
}

/* --- descriptors ---------------------------------------------------------------------------------
 */

static struct {
	const struct liar_end *end;
	uint8_t kind;
} passed;

static void passes(void)
{
	struct guest g = { .login = { .kind = passed.kind, .uid = JUDGE_UID } };
	struct km_msg open;
	uint8_t frame[1024];
	size_t len;
	int line = -1;
	km_rc rc;

	passed.end->make(&g);
	open = liar_open(&g, NULL);
	MUST(liar_say(&open, g.fd) == KM_OK);
	if (passed.end->ends)
		MUST(liar_ended());
	else
		MUST(liar_hear() == KM_MSG_VERDICT && liar_in.verdict.verdict == KM_VERDICT_DENY);
	if (g.mine < 0)
		return;
	rc = km_recv(g.mine, frame, sizeof(frame), &len, &line, NULL, MSG_DONTWAIT);
	MUST(line < 0 && (rc != KM_OK || frame[0] == KM_MSG_RESULT));
}

static void test_no_descriptor_of_its_own_gets_the_judge_a_line(void **state)
{
	NEEDS_ROOT();
	for (size_t i = 0; i < liar_end_count; i++) {
		passed.end = &liar_ends[i];
		passed.kind = KM_REQUEST_DESK;
		liar_play(*state, passes, NULL, 0, NULL);
		if (!passed.end->ends)
			continue;
		passed.kind = KM_REQUEST_AUTHENTICATE;
		liar_play(*state, passes, NULL, 0, NULL);
	}
}

/* --- inventions
 * ------------------------------------------------------------------------------------ */

static uint8_t number;

static void invents(void)
{
	struct km_msg m = { .number = number };
	uint8_t frame[2048] = { number };
	size_t len = KM_FRAME_HEADER;

	/* All of them begin with the id, most go on with a login. */
	snprintf(m.operator_show.login, sizeof(m.operator_show.login), "games");
	if (number == KM_MSG_OPERATOR_STATE)
		m.operator_state.state = KM_SUSPENDED;
	if (km_encode(&m, frame, sizeof(frame), &len) != KM_OK)
		len = KM_FRAME_HEADER;
	MUST(km_send(liar_link, frame, len, -1, 0) == KM_OK);
	MUST(liar_ended());
}

static void test_the_judges_link_carries_nothing_but_its_own_nine_messages(void **state)
{
	struct house *h = *state;

	NEEDS_ROOT();
	for (number = 1; number <= KM_MSG_ORDER_ROW; number++) {
		if (number < KM_MSG_ANCHOR || number > KM_MSG_SEND)
			liar_play(h, invents, NULL, 0, NULL);
	}
	liar_nothing_stored(h);
}

static const struct liar_misdeed *misdeed;

static void out_of_turn(void)
{
	misdeed->act();
	MUST(liar_ended());
}

static void test_its_own_messages_out_of_turn_end_the_link(void **state)
{
	struct house *h = *state;

	NEEDS_ROOT();
	for (size_t i = 0; i < liar_misdeed_count; i++) {
		misdeed = &liar_misdeeds[i];
		liar_play(h, out_of_turn, NULL, 0, NULL);
	}
	liar_nothing_stored(h);
}

/* Crossed with the vault's own end of that session: no fault, and nothing comes of it. */
static void asks_about_nobody(void)
{
	struct guest nobody = { .id = 4711 };

	MUST(liar_check(&nobody, HOTP_0) == KM_OK);
	MUST(liar_silent());
}

static void test_a_check_of_no_session_is_answered_with_nothing(void **state)
{
	NEEDS_ROOT();
	liar_play(*state, asks_about_nobody, NULL, 0, NULL);
	liar_nothing_stored(*state);
}

#define LIAR_TEST(f) cmocka_unit_test_setup_teardown(f, liar_setup, liar_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIAR_TEST(test_an_honest_judge_lets_in_who_has_a_right_code),
		LIAR_TEST(test_the_judges_own_allow_is_not_believed),
		LIAR_TEST(test_the_judges_own_call_is_shown_to_nobody),
		LIAR_TEST(test_a_true_allow_of_another_login_is_no_use),
		LIAR_TEST(test_what_was_allowed_for_another_kind_of_request_is_no_login),
		LIAR_TEST(test_another_operators_right_code_opens_no_door_but_theirs),
		LIAR_TEST(test_another_uid_or_service_is_another_request),
		LIAR_TEST(test_two_doors_at_once_cannot_be_swapped),
		LIAR_TEST(test_a_code_typed_at_one_door_does_not_open_another_of_the_same_name),
		LIAR_TEST(test_no_descriptor_of_its_own_gets_the_judge_a_line),
		LIAR_TEST(test_the_judges_link_carries_nothing_but_its_own_nine_messages),
		LIAR_TEST(test_its_own_messages_out_of_turn_end_the_link),
		LIAR_TEST(test_a_check_of_no_session_is_answered_with_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
