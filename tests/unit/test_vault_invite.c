/* A code of one's own is enrolled by invitation, once, in time, with the code of that invitation.
 */
#include "enrol_scene.h"

#include "../../authd/vault/store_invitation.h"
#include "own_line.h"

#define RIGHT "ABCDEFGHIJKLMNOP"
#define WRONG "ABCDEFGHIJKLMNOQ"
#define NEW   "a new seed, 20 bytes" /* what the operator enrols */

static struct km_msg invitation(const char *code, uint32_t seconds)
{
	struct km_msg m = { .number = KM_MSG_INVITE };

	snprintf(m.invite.login, sizeof(m.invite.login), LOGIN);
	m.invite.seconds = seconds;
	assert_int_equal(km_secret_set(&m.invite.code, code, strlen(code)), KM_OK);
	return m;
}

static struct km_msg own_enrolment(unsigned factor, bool confirm)
{
	struct km_msg m = { .number = KM_MSG_ENROL };

	snprintf(m.enrol.login, sizeof(m.enrol.login), LOGIN);
	m.enrol.factor = (uint8_t)factor;
	m.enrol.algorithm = KM_SHA1;
	m.enrol.digits = 6;
	m.enrol.period = 30;
	m.enrol.confirm = confirm;
	assert_int_equal(km_secret_set(&m.enrol.secret, NEW, strlen(NEW)), KM_OK);
	return m;
}

static const char *new_code(void)
{
	static char code[16];

	assert_int_equal(
	    oath_totp_generate2(NEW, strlen(NEW), (time_t)room.v->now.wall, 30, 0, 6, 0, code),
	    OATH_OK);
	return code;
}

static int64_t codes(void)
{
	return count_of("SELECT count(*) FROM credential WHERE kind = 1");
}

static int64_t invitations(void)
{
	return count_of("SELECT count(*) FROM invitation");
}

/* Up to the prompt for the binding code. */
static int begin_at_own_account(void)
{
	struct km_msg m = own_enrolment(KM_FACTOR_TOTP, true);
	int own = own_line_comes();

	desk_asks(own, &m);
	is_prompt(&m, KM_SHAPE_RECOVERY);
	assert_int_equal(m.prompt.echo, 0);
	return own;
}

static void invited(void)
{
	assert_int_equal(desk_does(scene.line, invitation(RIGHT, 600)).rc, 0);
}

/* Invited, and up to the prompt for the first code. */
static int begin_with_the_right_code(void)
{
	struct km_msg m;
	int own;

	invited();
	own = begin_at_own_account();
	m = answers(own, RIGHT);
	is_prompt(&m, KM_SHAPE_DIGITS);
	return own;
}

/* Right as it is, it is not judged any more. */
static void first_code_enrols_nothing(int own, km_rc rc, const char *text)
{
	struct km_msg m = answers(own, new_code());

	is_done(&m, rc, text);
	assert_int_equal(codes(), 1);
	close(own);
}

static void suspended(void)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_STATE };

	snprintf(m.operator_state.login, sizeof(m.operator_state.login), LOGIN);
	m.operator_state.state = KM_SUSPENDED;
	assert_int_equal(desk_does(scene.line, m).rc, 0);
}

static void test_an_invited_operator_enrols_a_code_of_their_own(void **state)
{
	struct km_msg m;
	int own;

	(void)state;
	invited();
	own = begin_at_own_account();
	m = answers(own, "abcd-efgh ijkl-mnop"); /* as it is typed */
	is_prompt(&m, KM_SHAPE_DIGITS);
	assert_int_equal(codes(), 1);
	m = answers(own, new_code());
	is_done(&m, KM_OK, "");
	assert_int_equal(codes(), 2);
	assert_int_equal(invitations(), 0);
	assert_non_null(strstr(last_record(KM_EVENT_ENROLLED), "invited=yes"));
	/* Once. */
	m = own_enrolment(KM_FACTOR_TOTP, true);
	desk_asks(own, &m);
	is_done(&m, KM_EPERM, "by invitation");
	close(own);
}

static void test_nobody_enrols_anything_alone_without_an_invitation(void **state)
{
	static const struct {
		unsigned factor;
		bool confirm;
	} tries[] = { { KM_FACTOR_TOTP, true },
		      { KM_FACTOR_TOTP, false },
		      { KM_FACTOR_HOTP, true } };
	int own = own_line_comes();

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct km_msg m = own_enrolment(tries[i].factor, tries[i].confirm);

		desk_asks(own, &m);
		is_done(&m, KM_EPERM, "by invitation");
	}
	assert_int_equal(codes(), 1);
	close(own);
}

/* Neither a token that nobody has tried, nor one by counter. */
static void test_an_invitation_is_for_a_time_based_code_that_is_confirmed(void **state)
{
	int own = own_line_comes();
	struct km_msg m = own_enrolment(KM_FACTOR_TOTP, false);

	(void)state;
	invited();
	desk_asks(own, &m);
	is_done(&m, KM_EPERM, "a first code is asked");
	m = own_enrolment(KM_FACTOR_HOTP, true);
	desk_asks(own, &m);
	is_done(&m, KM_EPERM, "time-based");
	assert_int_equal(invitations(), 1);
	close(own);
}

static void test_five_wrong_binding_codes_end_the_invitation(void **state)
{
	struct km_msg m;
	int own;

	(void)state;
	invited();
	own = begin_at_own_account();
	for (unsigned n = 1; n < KM_INVITATION_TRIES; n++) {
		m = answers(own, WRONG);
		is_prompt(&m, KM_SHAPE_RECOVERY);
		assert_int_equal(count_of("SELECT tries FROM invitation"), n);
	}
	assert_non_null(strstr(last_record(KM_EVENT_INVITATION_REFUSED), "gone=no"));
	m = answers(own, WRONG);
	is_done(&m, KM_EBADCODE, "gone after 5 wrong codes");
	assert_int_equal(invitations(), 0);
	assert_non_null(strstr(last_record(KM_EVENT_INVITATION_REFUSED), "gone=yes"));
	m = own_enrolment(KM_FACTOR_TOTP, true);
	desk_asks(own, &m);
	is_done(&m, KM_EPERM, "by invitation");
	assert_int_equal(codes(), 1);
	close(own);
}

/* A line that closes, or another one, begins no new count. */
static void test_tries_are_counted_over_lines(void **state)
{
	int own[KM_INVITATION_TRIES];
	struct km_msg m;

	(void)state;
	invited();
	for (unsigned n = 0; n < KM_INVITATION_TRIES; n++) {
		own[n] = begin_at_own_account();
		m = answers(own[n], WRONG);
	}
	is_done(&m, KM_EBADCODE, "gone");
	/* Who was asked before it went is too late. */
	m = answers(own[0], RIGHT);
	is_done(&m, KM_EPERM, "by invitation");
	assert_int_equal(codes(), 1);
	for (unsigned n = 0; n < KM_INVITATION_TRIES; n++)
		close(own[n]);
}

static void test_what_cannot_be_a_binding_code_counts_as_wrong(void **state)
{
	struct km_msg m;
	int own;

	(void)state;
	invited();
	own = begin_at_own_account();
	m = answers(own, "123456");
	is_prompt(&m, KM_SHAPE_RECOVERY);
	assert_int_equal(count_of("SELECT tries FROM invitation"), 1);
	close(own);
}

static void test_two_lines_with_the_right_code_enrol_one_code(void **state)
{
	struct km_msg m;
	int first, second;

	(void)state;
	invited();
	first = begin_at_own_account();
	second = begin_at_own_account();
	m = answers(first, RIGHT);
	is_prompt(&m, KM_SHAPE_DIGITS);
	m = answers(second, RIGHT);
	is_prompt(&m, KM_SHAPE_DIGITS);
	m = answers(first, new_code());
	is_done(&m, KM_OK, "");
	m = answers(second, new_code());
	is_done(&m, KM_EPERM, "by invitation");
	assert_int_equal(codes(), 2);
	close(first);
	close(second);
}

/* Behind the desk's back. */
static void made_again(const char *text, int64_t until)
{
	struct km_secret code = { 0 };
	struct km_event_record r;
	struct km_operator op;

	assert_int_equal(km_secret_set(&code, text, strlen(text)), KM_OK);
	assert_int_equal(store_operator_by_login(room.v->store, LOGIN, &op), KM_OK);
	event_make(&r, KM_EVENT_INVITED, op.subject, "test");
	assert_int_equal(store_invite(room.v->store, &op, &code, 600, until, &r), KM_OK);
}

static void test_an_invitation_ends_by_the_clock(void **state)
{
	struct km_msg m;
	int own;

	(void)state;
	invited();
	own = begin_at_own_account();
	made_again(RIGHT, room.v->now.wall - 1);
	m = answers(own, RIGHT);
	is_done(&m, KM_ESTATE, "expired");
	assert_int_equal(invitations(), 0);
	assert_non_null(strstr(last_record(KM_EVENT_INVITATION_REFUSED), "reason=expired"));
	m = own_enrolment(KM_FACTOR_TOTP, true);
	desk_asks(own, &m);
	is_done(&m, KM_EPERM, "by invitation");
	close(own);
}

static void test_an_invitation_that_waits_for_approval_is_good_for_nothing(void **state)
{
	struct km_msg m = own_enrolment(KM_FACTOR_TOTP, true);
	struct km_secret code = { 0 };
	struct km_event_record r;
	struct km_operator op;
	int own = own_line_comes();

	(void)state;
	assert_int_equal(km_secret_set(&code, RIGHT, strlen(RIGHT)), KM_OK);
	assert_int_equal(store_operator_by_login(room.v->store, LOGIN, &op), KM_OK);
	event_make(&r, KM_EVENT_INVITED, op.subject, "test");
	assert_int_equal(store_invite(room.v->store, &op, &code, 600, 0, &r), KM_OK);
	desk_asks(own, &m);
	is_done(&m, KM_ESTATE, "second person");
	assert_int_equal(invitations(), 1);
	close(own);
}

/* The right binding code is no reason to keep a prompt open until tomorrow. */
static void test_an_invitation_that_ends_before_the_first_code_enrols_nothing(void **state)
{
	int own = begin_with_the_right_code();

	(void)state;
	made_again(RIGHT, room.v->now.wall - 1);
	first_code_enrols_nothing(own, KM_ESTATE, "expired");
	assert_int_equal(invitations(), 0);
}

static void test_one_that_was_replaced_before_the_first_code_enrols_nothing(void **state)
{
	int own = begin_with_the_right_code();

	(void)state;
	made_again(WRONG, room.v->now.wall + 600);
	first_code_enrols_nothing(own, KM_EPERM, "another invitation");
	assert_int_equal(invitations(), 1);
}

static void test_who_is_suspended_before_the_first_code_enrols_nothing(void **state)
{
	int own = begin_with_the_right_code();

	(void)state;
	suspended();
	first_code_enrols_nothing(own, KM_ESTATE, "suspended");
}

static void test_when_the_clock_falls_into_doubt_the_first_code_is_not_judged(void **state)
{
	int own = begin_with_the_right_code();

	(void)state;
	room.v->suspicion = KM_SUSPECT_CLOCK;
	first_code_enrols_nothing(own, KM_ESUSPECT, "clock");
}

static void test_who_is_suspended_is_neither_invited_nor_enrolled(void **state)
{
	struct km_msg m;
	int own;

	(void)state;
	invited();
	own = begin_at_own_account();
	suspended();
	m = answers(own, RIGHT);
	is_done(&m, KM_ESTATE, "suspended");
	m = invitation(RIGHT, 600);
	desk_asks(scene.line, &m);
	is_done(&m, KM_ESTATE, "suspended");
	close(own);
}

static void test_an_invitation_with_a_value_that_cannot_be_is_refused(void **state)
{
	static const struct {
		const char *code;
		uint32_t seconds;
	} each[] = { { RIGHT, 59 },
		     { RIGHT, 86401 },
		     { "ABCDEFGHIJKLMN01", 600 }, /* no base32 */
		     { "ABCDEFGHIJKLMNO", 600 } };
	struct km_msg m;

	(void)state;
	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		m = invitation(each[i].code, each[i].seconds);
		desk_asks(scene.line, &m);
		is_done(&m, KM_EINVAL, "");
	}
	m = invitation(RIGHT, 600);
	snprintf(m.invite.login, sizeof(m.invite.login), "nobody");
	desk_asks(scene.line, &m);
	is_done(&m, KM_ENOTFOUND, "no operator");
	assert_int_equal(invitations(), 0);
}

static void test_while_the_clock_is_in_doubt_nobody_is_invited_or_enrols(void **state)
{
	struct km_msg m = own_enrolment(KM_FACTOR_TOTP, true);
	int own = own_line_comes();

	(void)state;
	invited();
	room.v->suspicion = KM_SUSPECT_CLOCK;
	desk_asks(own, &m);
	is_done(&m, KM_ESUSPECT, "clock");
	m = invitation(RIGHT, 600);
	desk_asks(scene.line, &m);
	is_done(&m, KM_ESUSPECT, "");
	close(own);
}

/* A wrong first code, three times: nothing is stored, and the invitation is still there. */
static void test_a_first_code_that_is_wrong_uses_nothing_up(void **state)
{
	int own = begin_with_the_right_code();
	struct km_msg m;

	(void)state;
	m = answers(own, own_code(5000));
	m = answers(own, own_code(5000));
	m = answers(own, own_code(5000));
	is_done(&m, KM_EBADCODE, "nothing was stored");
	assert_int_equal(codes(), 1);
	assert_int_equal(invitations(), 1);
	close(own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCENE(test_an_invited_operator_enrols_a_code_of_their_own),
		IN_SCENE(test_nobody_enrols_anything_alone_without_an_invitation),
		IN_SCENE(test_an_invitation_is_for_a_time_based_code_that_is_confirmed),
		IN_SCENE(test_five_wrong_binding_codes_end_the_invitation),
		IN_SCENE(test_tries_are_counted_over_lines),
		IN_SCENE(test_what_cannot_be_a_binding_code_counts_as_wrong),
		IN_SCENE(test_two_lines_with_the_right_code_enrol_one_code),
		IN_SCENE(test_an_invitation_ends_by_the_clock),
		IN_SCENE(test_an_invitation_that_ends_before_the_first_code_enrols_nothing),
		IN_SCENE(test_one_that_was_replaced_before_the_first_code_enrols_nothing),
		IN_SCENE(test_who_is_suspended_before_the_first_code_enrols_nothing),
		IN_SCENE(test_when_the_clock_falls_into_doubt_the_first_code_is_not_judged),
		IN_SCENE(test_an_invitation_that_waits_for_approval_is_good_for_nothing),
		IN_SCENE(test_who_is_suspended_is_neither_invited_nor_enrolled),
		IN_SCENE(test_an_invitation_with_a_value_that_cannot_be_is_refused),
		IN_SCENE(test_while_the_clock_is_in_doubt_nobody_is_invited_or_enrols),
		IN_SCENE(test_a_first_code_that_is_wrong_uses_nothing_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
