/*
 * Logins with a code that is sent: real rooms, real libpam, and a gateway that is a program of the
 * site's and puts what it was given into a folder, as a telephone would.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include <kenmon/texts.h>

#include "house_office.h"
#include "house_phone.h"

static int setup(void **state)
{
	return phone_setup(state, PHONE_AMPLE);
}

/* All that is counted against one hour comes in one. */
static int setup_frugal(void **state)
{
	while (3600 - time(NULL) % 3600 < 60)
		sleep(1);
	return phone_setup(state, "[phone]\noperator-hour = 3\n");
}

static void token(char out[16], uint64_t counter)
{
	house_hotp(out, OFFICE_SECRET, 6, counter);
}

static void asked(const struct house_login *l, unsigned prompt, enum km_text text)
{
	assert_true(prompt < l->prompts);
	assert_string_equal(l->prompt[prompt], km_text(text, KM_LANG_EN));
	assert_int_equal(l->prompt_style[prompt], PAM_PROMPT_ECHO_ON);
}

static int fails(const struct house *h)
{
	return office_fails(h, "daemon", KM_FACTOR_SMS);
}

/* --- one login ------------------------------------------------------------------------- */

static void test_enter_brings_a_message_and_the_code_in_it_opens(void **state)
{
	const struct house *h = *state;
	struct house_login l;
	char number[32];

	assert_int_equal(
	    phone_login(h, &l, "daemon", (const char *const[]){ ENTER, phone_code, NULL }),
	    PAM_SUCCESS);
	assert_int_equal(l.prompts, 2);
	asked(&l, 0, KM_TEXT_PROMPT_PHONE);
	asked(&l, 1, KM_TEXT_PROMPT_SENT);
	assert_true(phone_said(&l, KM_TEXT_ORDER_SENT));
	assert_int_equal(strlen(phone_code), 6);
	assert_true(phone_number(number, sizeof(number)));
	assert_string_equal(number, PHONE_MOBILE);
	assert_int_equal(office_audited(h, KM_EVENT_CODE_SENT, "daemon", NULL), 1);
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_ALLOWED, "daemon", "factor=sms"), 1);
}

/* Once is enough; and it was of that login alone. */
static void test_the_same_code_opens_nothing_again(void **state)
{
	const struct house *h = *state;
	struct house_login l;
	char old[16];

	assert_int_equal(
	    phone_login(h, &l, "daemon", (const char *const[]){ "*", phone_code, NULL }),
	    PAM_SUCCESS);
	snprintf(old, sizeof(old), "%s", phone_code);
	assert_int_not_equal(phone_blind(h, &l, "daemon", (const char *const[]){ old, NULL }),
			     PAM_SUCCESS);
	assert_int_not_equal(
	    phone_blind(h, &l, "daemon", (const char *const[]){ ENTER, old, NULL }), PAM_SUCCESS);
	(void)phone_read();
}

static void test_c17_neither_code_nor_number_is_in_a_file_of_the_house(void **state)
{
	const struct house *h = *state;
	struct house_login l;
	char where[HOUSE_PATH] = "";

	assert_int_equal(
	    phone_login(h, &l, "daemon", (const char *const[]){ ENTER, phone_code, NULL }),
	    PAM_SUCCESS);
	assert_false(house_holds_code(h, phone_code, where));
	assert_false(house_holds(h, PHONE_MOBILE, strlen(PHONE_MOBILE), where));
	assert_false(house_holds(h, &PHONE_MOBILE[1], strlen(PHONE_MOBILE) - 1, where));
}

static void test_the_same_prompt_takes_a_tokens_code(void **state)
{
	const struct house *h = *state;
	struct house_login l;
	char typed[16];

	token(typed, 0);
	assert_int_equal(phone_blind(h, &l, "daemon", (const char *const[]){ typed, NULL }),
			 PAM_SUCCESS);
	asked(&l, 0, KM_TEXT_PROMPT_PHONE);
	assert_false(phone_read());
	/* And so does the one that asks for what was sent. */
	token(typed, 1);
	assert_int_equal(phone_login(h, &l, "daemon", (const char *const[]){ ENTER, typed, NULL }),
			 PAM_SUCCESS);
}

static void test_a_wrong_code_is_said_and_the_right_one_still_opens(void **state)
{
	const struct house *h = *state;
	struct house_login l;
	int before = fails(h);

	/* Six digits that are none of the message's, whatever those are, but in one of a million.
	 */
	l = (struct house_login){ .user = "daemon",
				  .answers = (const char *const[]){ ENTER, "000000", NULL } };
	assert_int_equal(house_login(h, &l), PAM_CONV_ERR);
	assert_true(phone_said(&l, KM_TEXT_CODE_WRONG));
	asked(&l, 2, KM_TEXT_PROMPT_SENT);
	assert_int_equal(fails(h), before + 1);
	assert_true(phone_read());
	/* That login is over, and its code with it. */
	assert_int_not_equal(
	    phone_blind(h, &l, "daemon", (const char *const[]){ phone_code, NULL }), PAM_SUCCESS);
	assert_int_equal(
	    phone_login(h, &l, "daemon", (const char *const[]){ ENTER, phone_code, NULL }),
	    PAM_SUCCESS);
	assert_int_equal(fails(h), 0);
}

/* C19: having another sent is no guess, and forgives none; the old code is good no more. */
static void
test_c19_another_message_takes_the_place_of_the_first_and_counts_no_failure(void **state)
{
	const struct house *h = *state;
	struct house_login l;
	char first[16] = "";

	l = (struct house_login){ .user = "daemon",
				  .answers = (const char *const[]){ ENTER, "000000", NULL } };
	assert_int_equal(house_login(h, &l), PAM_CONV_ERR);
	assert_int_equal(fails(h), 1);
	assert_true(phone_read());
	snprintf(first, sizeof(first), "%s", phone_code);
	assert_int_equal(
	    phone_login(h, &l, "daemon", (const char *const[]){ ENTER, ENTER, ENTER, NULL }),
	    PAM_CONV_ERR);
	assert_int_equal(fails(h), 1);
	asked(&l, 2, KM_TEXT_PROMPT_SENT);
	(void)phone_read();
	assert_int_equal(
	    phone_login(h, &l, "daemon", (const char *const[]){ ENTER, ENTER, phone_code, NULL }),
	    PAM_SUCCESS);
	assert_int_equal(l.prompts, 3);
	assert_int_equal(fails(h), 0);
}

/* --- who has no telephone ------------------------------------------------------------ */

/* C25: what is said and asked, one line each, in order. */
static void transcript(const struct house_login *l, char *out, size_t cap)
{
	size_t used = (size_t)snprintf(out, cap, "%d\n", l->code);

	for (unsigned i = 0; i < l->prompts && i < HOUSE_TALK && used < cap; i++)
		used += (size_t)snprintf(out + used, cap - used, "?%s\n", l->prompt[i]);
	for (unsigned i = 0; i < l->messages && i < HOUSE_TALK && used < cap; i++)
		used += (size_t)snprintf(out + used, cap - used, ".%s\n", l->message[i]);
}

static void test_c25_who_has_no_telephone_or_does_not_exist_sees_the_same(void **state)
{
	static const char *const people[] = { "daemon", "bin", "games", "nobody-at-all" };
	const struct house *h = *state;
	char seen[4][4096];
	struct house_login l;

	for (unsigned i = 0; i < 4; i++) {
		/* A tenth of a second is the gateway's; who has none is told as long after. */
		phone_blind(h, &l, people[i],
			    (const char *const[]){ ENTER, "000000", ENTER, NULL });
		transcript(&l, seen[i], sizeof(seen[i]));
		assert_int_equal(phone_read(), i == 0);
		assert_true(l.prompts >= 3);
		assert_string_equal(seen[i], seen[0]);
	}
}

/* --- what does not go as it should --------------------------------------------------- */

static void test_a_gateway_that_refuses_leads_to_the_next_factor(void **state)
{
	const struct house *h = *state;
	struct house_login l;
	char typed[16];

	assert_true(phone_fails_with(77)); /* EX_NOPERM */
	token(typed, 2);
	assert_int_equal(phone_blind(h, &l, "daemon", (const char *const[]){ ENTER, typed, NULL }),
			 PAM_SUCCESS);
	assert_true(phone_fails_with(0));
	assert_true(phone_said(&l, KM_TEXT_ORDER_GATEWAY));
	asked(&l, 1, KM_TEXT_PROMPT_PHONE);
	assert_int_equal(office_audited(h, KM_EVENT_CODE_NOT_SENT, "daemon", "gateway-credentials"),
			 1);
}

static void test_a_courier_that_was_killed_is_back_and_codes_go_on_meanwhile(void **state)
{
	const struct house *h = *state;
	struct house_login l;
	char typed[16];
	pid_t old = house_room(h, "kenmon-courier");

	assert_true(old > 0);
	assert_true(house_kill_room(h, "kenmon-courier", SIGKILL));
	token(typed, 3);
	/* Whether it is back already or not: another factor opens. */
	assert_int_equal(phone_blind(h, &l, "daemon", (const char *const[]){ ENTER, typed, NULL }),
			 PAM_SUCCESS);
	assert_true(house_wait_room(h, "kenmon-courier", old) > 0);
	for (int i = 0; i < 400 && l.code == PAM_SUCCESS; i++) {
		(void)phone_read();
		phone_blind(h, &l, "daemon", (const char *const[]){ ENTER, NULL });
		if (phone_said(&l, KM_TEXT_ORDER_SENT))
			break;
		l.code = PAM_SUCCESS;
		usleep(50000);
	}
	(void)phone_read();
	assert_int_equal(
	    phone_login(h, &l, "daemon", (const char *const[]){ ENTER, phone_code, NULL }),
	    PAM_SUCCESS);
}

static const struct house *killed_in;
static const char *killed_room;

static bool kill_it(void *arg, unsigned prompt)
{
	(void)arg;
	if (prompt == 1) {
		pid_t old = house_room(killed_in, killed_room);

		assert_true(house_kill_room(killed_in, killed_room, SIGKILL));
		assert_true(house_wait_room(killed_in, killed_room, old) > 0);
		assert_true(phone_read());
	}
	return true;
}

/* C9: the code is right, and the room that knew of it is gone. */
static void test_c9_a_judge_or_vault_that_is_killed_after_the_message_lets_nobody_in(void **state)
{
	static const char *const rooms[] = { "kenmon-vault", "kenmon-authd" };
	const struct house *h = *state;
	struct house_login l;

	for (unsigned i = 0; i < 2; i++) {
		killed_in = h;
		killed_room = rooms[i];
		l = (struct house_login){ .user = "daemon",
					  .answers =
					      (const char *const[]){ ENTER, phone_code, NULL },
					  .before_answer = kill_it };
		assert_int_equal(house_login(h, &l), PAM_AUTHINFO_UNAVAIL);
		/* And the next one works. */
		for (int n = 0; n < 400; n++) {
			if (phone_login(h, &l, "daemon",
					(const char *const[]){ ENTER, phone_code, NULL }) ==
			    PAM_SUCCESS)
				break;
			usleep(50000);
		}
		assert_int_equal(l.code, PAM_SUCCESS);
	}
}

static void test_a_changed_number_gets_the_code_and_the_login_says_that_it_was_changed(void **state)
{
	const struct house *h = *state;
	struct house_login l;
	char number[32];

	assert_int_equal(phone_enrol(h, "daemon", "080-9876-5432"), KM_OK);
	/* The notice goes to the old number; the code of the login to the new one. */
	assert_true(phone_wait());
	assert_true(phone_number(number, sizeof(number)));
	assert_string_equal(number, PHONE_MOBILE);
	assert_int_equal(
	    phone_login(h, &l, "daemon", (const char *const[]){ ENTER, phone_code, NULL }),
	    PAM_SUCCESS);
	assert_true(phone_number(number, sizeof(number)));
	assert_string_equal(number, PHONE_OTHER);
	assert_true(phone_said(&l, KM_TEXT_PHONE_CHANGED));
	assert_int_equal(
	    phone_login(h, &l, "daemon", (const char *const[]){ ENTER, phone_code, NULL }),
	    PAM_SUCCESS);
	assert_false(phone_said(&l, KM_TEXT_PHONE_CHANGED));
}

/* C19, C20: the limit for sends hits, the one for guesses does not; and it outlives a restart. */
static void test_c20_beyond_the_budget_nothing_is_sent_and_another_factor_opens(void **state)
{
	struct house *h = *state;
	struct house_login l;
	char typed[16];
	long from;

	for (unsigned i = 0; i < 20; i++) {
		phone_blind(h, &l, "daemon", (const char *const[]){ ENTER, NULL });
		assert_int_equal(l.code, PAM_CONV_ERR);
		assert_int_equal(phone_said(&l, KM_TEXT_PHONE_BUDGET), i >= 3);
		asked(&l, 1, i >= 3 ? KM_TEXT_PROMPT_CODE : KM_TEXT_PROMPT_SENT);
		(void)phone_read();
	}
	assert_int_equal(office_audited(h, KM_EVENT_CODE_SENT, "daemon", NULL), 3);
	assert_int_equal(fails(h), 0);
	office_close();
	assert_true(house_stop(h));
	from = house_log_size(h);
	assert_true(house_again(h));
	assert_true(house_wait_log_after(h, from, PHONE_IS_THERE));
	token(typed, 0);
	assert_int_equal(phone_blind(h, &l, "daemon", (const char *const[]){ ENTER, typed, NULL }),
			 PAM_SUCCESS);
	assert_true(phone_said(&l, KM_TEXT_PHONE_BUDGET));
	assert_false(phone_read());
}

/* --- C1: one code, sixteen programs ------------------------------------------------------- */

#define RUNNERS 16
#define SENT_TO 3 /* of them had a code sent before: fewer than lock the telephone */

static struct contest {
	int ready[2], shot[2]; /* a byte each at the line; the end of file starts them */
	char *code;            /* shared: what the last of them was sent */
} contest;

/* At the line until all are. */
static bool wait_for_the_shot(void)
{
	char byte;

	return write(contest.ready[1], "", 1) == 1 && read(contest.shot[0], &byte, 1) == 0;
}

static bool with_somebody_elses_code(void *arg, unsigned prompt)
{
	if (prompt != *(const unsigned *)arg)
		return true;
	if (!wait_for_the_shot())
		return false;
	snprintf(phone_code, sizeof(phone_code), "%s", contest.code);
	return true;
}

static bool with_their_own_code(void *arg, unsigned prompt)
{
	(void)arg;
	if (prompt == 0)
		return true;
	if (!phone_wait())
		return false;
	snprintf(contest.code, sizeof(phone_code), "%s", phone_code);
	return wait_for_the_shot();
}

static pid_t runs(const struct house *h, bool sends, bool (*before)(void *, unsigned))
{
	static const char *const after_enter[] = { ENTER, phone_code, NULL };
	unsigned waits_at = sends;
	struct house_login l = { .user = "daemon",
				 .answers = after_enter + !sends,
				 .before_answer = before,
				 .arg = &waits_at };
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid != 0)
		return pid;
	close(contest.shot[1]);
	_exit(house_login(h, &l) == PAM_SUCCESS ? 0 : 1);
}

static void all_at_the_line(unsigned count)
{
	char byte;

	while (count-- > 0)
		assert_int_equal(read(contest.ready[0], &byte, 1), 1);
}

/* The code is of one session: all others guess, and each guess is counted, up to the lock. */
static void test_c1_one_code_in_sixteen_logins_at_once_opens_its_own_alone(void **state)
{
	const struct house *h = *state;
	pid_t runner[RUNNERS];
	unsigned in = 0;
	int status;

	assert_int_equal(pipe(contest.ready), 0);
	assert_int_equal(pipe(contest.shot), 0);
	contest.code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(contest.code != MAP_FAILED);
	for (unsigned i = 1; i < RUNNERS; i++)
		runner[i] = runs(h, i <= SENT_TO, with_somebody_elses_code);
	all_at_the_line(RUNNERS - 1);
	(void)phone_read(); /* what those before were sent is good no more */
	runner[0] = runs(h, true, with_their_own_code);
	all_at_the_line(1);
	close(contest.shot[1]);
	for (unsigned i = 0; i < RUNNERS; i++) {
		assert_int_equal(waitpid(runner[i], &status, 0), runner[i]);
		assert_true(WIFEXITED(status));
		in += WEXITSTATUS(status) == 0;
		if (i == 0)
			assert_int_equal(in, 1); /* whose code it is */
	}
	assert_int_equal(in, 1);
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_ALLOWED, "daemon", NULL), 1);
	assert_int_equal(office_audited(h, KM_EVENT_CODE_SENT, "daemon", NULL), SENT_TO + 1);
	/* Fifteen guesses at the token: five are counted, those behind the lock are not judged. */
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_HOTP), 5);
	assert_in_range(fails(h), 0, SENT_TO);
	close(contest.ready[0]);
	close(contest.ready[1]);
	close(contest.shot[0]);
	munmap(contest.code, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* In this order: each uses the next code of one token. */
		cmocka_unit_test(test_enter_brings_a_message_and_the_code_in_it_opens),
		cmocka_unit_test(test_the_same_code_opens_nothing_again),
		cmocka_unit_test(test_c17_neither_code_nor_number_is_in_a_file_of_the_house),
		cmocka_unit_test(test_the_same_prompt_takes_a_tokens_code),
		cmocka_unit_test(test_a_wrong_code_is_said_and_the_right_one_still_opens),
		cmocka_unit_test(
		    test_c19_another_message_takes_the_place_of_the_first_and_counts_no_failure),
		cmocka_unit_test(test_c25_who_has_no_telephone_or_does_not_exist_sees_the_same),
		cmocka_unit_test(test_a_gateway_that_refuses_leads_to_the_next_factor),
		cmocka_unit_test(test_a_courier_that_was_killed_is_back_and_codes_go_on_meanwhile),
		cmocka_unit_test(
		    test_c9_a_judge_or_vault_that_is_killed_after_the_message_lets_nobody_in),
		cmocka_unit_test(
		    test_a_changed_number_gets_the_code_and_the_login_says_that_it_was_changed),
	};
	const struct CMUnitTest frugal[] = {
		cmocka_unit_test(
		    test_c20_beyond_the_budget_nothing_is_sent_and_another_factor_opens),
	};
	const struct CMUnitTest race[] = {
		cmocka_unit_test(test_c1_one_code_in_sixteen_logins_at_once_opens_its_own_alone),
	};
	int failed = cmocka_run_group_tests_name("phone_login", tests, setup, phone_teardown);

	failed += cmocka_run_group_tests_name("phone_race", race, setup, phone_teardown);
	return failed +
	       cmocka_run_group_tests_name("phone_budget", frugal, setup_frugal, phone_teardown);
}
