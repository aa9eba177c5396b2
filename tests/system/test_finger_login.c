/*
 * Logins with a finger, from the picture to PAM's answer: real rooms, real libfprint on its virtual
 * reader, real libpam, synthetic fingers.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include "house_touch.h"
#include "house_office.h"

#define ENTER     ""
#define TOUCH_ASK "Press Enter, then touch the reader. Or type a code: "
#define CODE_ASK  "One-time code: "
#define WRONG     "That finger is not right."

static void hotp(char code[16], uint64_t counter)
{
	house_hotp(code, OFFICE_SECRET, 6, counter);
}

static int login(const struct house *h, struct house_login *l, const char *service,
		 const char *const answers[], const struct touch *touches)
{
	*l = (struct house_login){ .service = service, .user = "daemon", .answers = answers };
	return finger_login(h, l, touches);
}

static int fails(const struct house *h)
{
	return office_fails(h, "daemon", KM_FACTOR_FINGERPRINT);
}

static void test_another_touch_of_an_enrolled_finger_opens(void **state)
{
	const struct house *h = *state;
	struct house_login l;

	assert_int_equal(login(h, &l, FINGER_LOCAL, (const char *const[]){ ENTER, NULL },
			       (const struct touch[]){ FINGER(1, 1), { 0 } }),
			 PAM_SUCCESS);
	assert_int_equal(l.prompts, 1);
	assert_string_equal(l.prompt[0], TOUCH_ASK);
	assert_int_equal(l.prompt_style[0], PAM_PROMPT_ECHO_ON);
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_ALLOWED, "daemon", "finger=right-index"),
			 1);
}

static void test_the_same_prompt_takes_a_code(void **state)
{
	const struct house *h = *state;
	struct house_login l;
	char code[16];

	hotp(code, 0);
	assert_int_equal(login(h, &l, FINGER_LOCAL, (const char *const[]){ code, NULL }, NULL),
			 PAM_SUCCESS);
	assert_string_equal(l.prompt[0], TOUCH_ASK);
	assert_int_equal(l.messages, 0);
}

static void test_another_finger_is_refused_and_counted_until_the_right_one_comes(void **state)
{
	const struct house *h = *state;
	struct house_login l;

	assert_int_equal(login(h, &l, FINGER_ONE, (const char *const[]){ ENTER, NULL },
			       (const struct touch[]){ FINGER(2, 1), { 0 } }),
			 PAM_AUTH_ERR);
	assert_int_equal(fails(h), 1);
	assert_int_equal(
	    login(h, &l, FINGER_LOCAL, (const char *const[]){ ENTER, ENTER, ENTER, NULL },
		  (const struct touch[]){ FINGER(3, 1), FINGER(4, 1), FINGER(1, 2), { 0 } }),
	    PAM_SUCCESS);
	assert_int_equal(l.prompts, 3);
	assert_true(finger_said(&l, WRONG));
	assert_int_equal(fails(h), 0);
}

static void test_C32_what_the_reader_does_wrong_is_not_counted(void **state)
{
	const struct house *h = *state;
	struct house_login l;

	/* Told to try again in the same capture: by the reader, or for a picture without ridges. */
	assert_int_equal(
	    login(h, &l, FINGER_ONE, (const char *const[]){ ENTER, NULL },
		  (const struct touch[]){ RETRY(1), BLANK, RETRY(3), FINGER(1, 3), { 0 } }),
	    PAM_SUCCESS);
	assert_true(finger_said(&l, "That was too short."));
	assert_true(finger_said(&l, "That could not be read."));
	assert_true(finger_said(&l, "Lift the finger,"));
	for (int i = 0; i < 6; i++) {
		assert_int_equal(login(h, &l, FINGER_ONE, (const char *const[]){ ENTER, NULL },
				       (const struct touch[]){ FAULT(i % 2 ? 0 : 4), { 0 } }),
				 PAM_CONV_ERR); /* nobody typed the code that was asked for */
		assert_string_equal(l.prompt[1], CODE_ASK);
		assert_int_equal(fails(h), 0);
	}
	assert_int_equal(login(h, &l, FINGER_ONE, (const char *const[]){ ENTER, NULL },
			       (const struct touch[]){ FINGER(1, 4), { 0 } }),
			 PAM_SUCCESS);
}

static void test_unplugged_the_code_is_offered_and_plugged_in_it_works_again(void **state)
{
	const struct house *h = *state;
	struct house_login l;
	char code[16];

	hotp(code, 1);
	assert_int_equal(login(h, &l, FINGER_ONE, (const char *const[]){ ENTER, code, NULL },
			       (const struct touch[]){ UNPLUG, { 0 } }),
			 PAM_SUCCESS);
	assert_string_equal(l.prompt[1], CODE_ASK);
	assert_true(finger_said(&l, "There is no fingerprint reader."));
	assert_int_equal(login(h, &l, FINGER_ONE, (const char *const[]){ ENTER, NULL },
			       (const struct touch[]){ FINGER(1, 5), { 0 } }),
			 PAM_SUCCESS);
}

static void test_a_reader_that_nobody_touches_leads_back_to_the_same_prompt(void **state)
{
	const struct house *h = *state;
	struct house_login l;
	char code[16];

	hotp(code, 2);
	assert_int_equal(login(h, &l, FINGER_ONE, (const char *const[]){ ENTER, code, NULL }, NULL),
			 PAM_SUCCESS);
	assert_string_equal(l.prompt[1], TOUCH_ASK);
	assert_true(finger_said(&l, "The reader was not touched in time."));
	assert_int_equal(fails(h), 0);
}

static void test_C31_a_remote_session_is_never_asked_for_a_finger(void **state)
{
	/* On a service that nothing is known of, from elsewhere, and at a terminal of no machine.
	 */
	static const struct {
		const char *service, *tty, *rhost;
	} far[] = { { FINGER_LOCAL, NULL, "192.0.2.7" },
		    { FINGER_FIRST, "tty1", "192.0.2.7" },
		    { FINGER_ANYWHERE, "ssh", NULL },
		    { FINGER_ANYWHERE, NULL, NULL } };
	const struct house *h = *state;

	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		struct house_login l = { .service = far[i].service,
					 .user = "daemon",
					 .tty = far[i].tty,
					 .rhost = far[i].rhost,
					 .answers = (const char *const[]){ ENTER, NULL } };

		assert_int_not_equal(
		    finger_login(h, &l, (const struct touch[]){ FINGER(1, 6), { 0 } }),
		    PAM_SUCCESS);
		assert_string_equal(l.prompt[0], CODE_ASK);
		assert_false(finger_said(&l, "reader"));
	}
	assert_int_equal(fails(h), 0);
}

static void test_at_a_terminal_of_this_machine_a_finger_is_asked_for(void **state)
{
	struct house_login l = { .service = FINGER_ANYWHERE,
				 .user = "daemon",
				 .tty = "tty3",
				 .answers = (const char *const[]){ ENTER, NULL } };

	assert_int_equal(finger_login(*state, &l, (const struct touch[]){ FINGER(1, 7), { 0 } }),
			 PAM_SUCCESS);
}

static void test_finger_first_asks_nothing_unless_nothing_comes_of_it(void **state)
{
	const struct house *h = *state;
	struct house_login l;
	char code[16];

	assert_int_equal(
	    login(h, &l, FINGER_FIRST, NULL, (const struct touch[]){ FINGER(1, 8), { 0 } }),
	    PAM_SUCCESS);
	assert_int_equal(l.prompts, 0);
	hotp(code, 3);
	assert_int_equal(login(h, &l, FINGER_FIRST, (const char *const[]){ code, NULL },
			       (const struct touch[]){ UNPLUG, { 0 } }),
			 PAM_SUCCESS);
	assert_string_equal(l.prompt[0], CODE_ASK);
}

static void test_five_wrong_fingers_lock_the_finger_and_the_code_still_opens(void **state)
{
	const struct house *h = *state;
	struct house_login l;
	char code[16];

	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(login(h, &l, FINGER_ONE, (const char *const[]){ ENTER, NULL },
				       (const struct touch[]){ FINGER(10 + i, 1), { 0 } }),
				 PAM_AUTH_ERR);
	assert_int_equal(fails(h), 4);
	/* The fifth says so at once; from then on the right finger is not even looked at. */
	for (uint32_t i = 0; i < 2; i++) {
		hotp(code, 4 + i);
		assert_int_equal(login(h, &l, FINGER_ONE,
				       (const char *const[]){ ENTER, code, NULL },
				       (const struct touch[]){ FINGER(i ? 1 : 14, 1), { 0 } }),
				 PAM_SUCCESS);
		assert_true(
		    finger_said(&l, "Too many touches did not match. Use a code, or wait "));
		assert_string_equal(l.prompt[1], CODE_ASK);
		assert_int_equal(finger_said(&l, "Touch the fingerprint reader."), i == 0);
		assert_int_equal(fails(h), 5);
	}
	assert_int_equal(office_unlock(h, "daemon"), KM_OK);
	assert_int_equal(login(h, &l, FINGER_ONE, (const char *const[]){ ENTER, NULL },
			       (const struct touch[]){ FINGER(1, 9), { 0 } }),
			 PAM_SUCCESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* In this order: each uses the next code of one token. */
		cmocka_unit_test(test_another_touch_of_an_enrolled_finger_opens),
		cmocka_unit_test(test_the_same_prompt_takes_a_code),
		cmocka_unit_test(
		    test_another_finger_is_refused_and_counted_until_the_right_one_comes),
		cmocka_unit_test(test_C32_what_the_reader_does_wrong_is_not_counted),
		cmocka_unit_test(test_unplugged_the_code_is_offered_and_plugged_in_it_works_again),
		cmocka_unit_test(test_a_reader_that_nobody_touches_leads_back_to_the_same_prompt),
		cmocka_unit_test(test_C31_a_remote_session_is_never_asked_for_a_finger),
		cmocka_unit_test(test_at_a_terminal_of_this_machine_a_finger_is_asked_for),
		cmocka_unit_test(test_finger_first_asks_nothing_unless_nothing_comes_of_it),
		cmocka_unit_test(test_five_wrong_fingers_lock_the_finger_and_the_code_still_opens),
	};

	return cmocka_run_group_tests(tests, finger_setup, finger_teardown);
}
