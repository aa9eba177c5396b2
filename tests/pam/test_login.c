/* Logins through real libpam: results, sentences, sessions, options, a daemon that is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "peer.h"

#define DIGITS KM_SHAPE_DIGITS_6

/* --- as it should be ------------------------------------------------------- */

static void test_a_right_code_logs_in_and_passes_the_account_check(void **state)
{
	struct stage *s = *state;
	struct outcome o = stage_login_and_account(s);

	assert_int_equal(o.auth, PAM_SUCCESS);
	assert_int_equal(o.acct, PAM_SUCCESS);
	assert_int_equal(s->shared->answers, 1);
	assert_string_equal(s->shared->answer[0], CODE);
	assert_string_equal(s->shared->login.login, s->user);
	assert_int_equal(s->shared->login.uid, s->uid);
	assert_string_equal(s->shared->login.service, "test");
	assert_true(person_saw(&s->person, "?One-time code: "));
}

static void test_a_wrong_code_is_told_and_the_next_may_be_right(void **state)
{
	struct stage *s = *state;

	s->person.answer[0] = "000000";
	s->person.answer[1] = CODE;
	assert_int_equal(stage_login(s), PAM_SUCCESS);
	assert_true(person_saw(&s->person, "!That code is not right."));
}

static void test_three_wrong_codes_are_refused(void **state)
{
	struct stage *s = *state;

	for (int i = 0; i < 3; i++)
		s->person.answer[i] = "000000";
	assert_int_equal(stage_login(s), PAM_AUTH_ERR);
	assert_int_equal(s->shared->answers, 3);
}

static void test_setcred_succeeds_without_a_daemon(void **state)
{
	struct stage *s = *state;
	pam_handle_t *pamh = stage_begin(s, s->user);

	assert_int_equal(pam_authenticate(pamh, 0), PAM_SUCCESS);
	stage_daemon_stop(s);
	assert_int_equal(pam_setcred(pamh, PAM_ESTABLISH_CRED), PAM_SUCCESS);
	assert_int_equal(pam_setcred(pamh, PAM_DELETE_CRED), PAM_SUCCESS);
	pam_end(pamh, PAM_SUCCESS);
}

static void test_each_login_has_a_nonce_of_its_own(void **state)
{
	struct stage *s = *state;
	uint8_t first[32];

	assert_int_equal(stage_login(s), PAM_SUCCESS);
	memcpy(first, s->shared->nonce, sizeof(first));
	s->person.prompts = 0;
	assert_int_equal(stage_login(s), PAM_SUCCESS);
	assert_memory_not_equal(first, s->shared->nonce, sizeof(first));
}

/* --- sessions --------------------------------------------------------------- */

static void serve_silence(struct peer *p)
{
	(void)peer_hear(p);
	pause();
}

static void serve_deny(struct peer *p)
{
	if (peer_greet(p))
		peer_send_result(p, KM_VERDICT_DENY, KM_REASON_NONE, 0);
}

static void serve_prompt(struct peer *p)
{
	if (!peer_greet(p))
		return;
	peer_prompt(p, DIGITS);
	(void)peer_answer(p);
}

static void test_sessions_are_reported_and_nothing_is_shown(void **state)
{
	struct stage *s = *state;
	pam_handle_t *pamh = stage_begin(s, s->user);

	assert_int_equal(pam_open_session(pamh, 0), PAM_SUCCESS);
	assert_int_equal(s->shared->login.kind, KM_REQUEST_SESSION_OPEN);
	assert_int_equal(pam_close_session(pamh, 0), PAM_SUCCESS);
	assert_int_equal(s->shared->login.kind, KM_REQUEST_SESSION_CLOSE);
	pam_end(pamh, PAM_SUCCESS);
	assert_string_equal(s->person.shown, "");
}

static void test_session_functions_never_fail_a_login(void **state)
{
	static const peer_serve bad[] = { serve_deny, serve_prompt, serve_silence, NULL };
	struct stage *s = *state;
	pam_handle_t *pamh = stage_begin(s, s->user);

	for (int i = 0; bad[i]; i++) {
		s->shared->serve = bad[i];
		assert_int_equal(pam_open_session(pamh, 0), PAM_SUCCESS);
	}
	stage_daemon_stop(s);
	assert_int_equal(pam_open_session(pamh, 0), PAM_SUCCESS);
	assert_int_equal(pam_close_session(pamh, 0), PAM_SUCCESS);
	pam_end(pamh, PAM_SUCCESS);
	stage_stack(s, "no-such-option");
	pamh = stage_begin(s, s->user);
	assert_int_equal(pam_open_session(pamh, 0), PAM_SUCCESS);
	pam_end(pamh, PAM_SUCCESS);
	pamh = stage_begin(s, NULL);
	assert_int_equal(pam_open_session(pamh, 0), PAM_SUCCESS);
	pam_end(pamh, PAM_SUCCESS);
	assert_string_equal(s->person.shown, "");
}

/* --- verdicts --------------------------------------------------------------- */

static void serve_verdict(struct peer *p)
{
	if (peer_greet(p))
		peer_send_result(p, (unsigned)p->shared->what, (unsigned)p->shared->where, 0);
}

/* Only the byte of ALLOW lets anybody in, and every other maps as the table says. */
static void test_every_byte_of_a_verdict_maps_by_the_table(void **state)
{
	static const struct {
		int byte, auth, acct;
	} table[] = {
#define KM_VERDICT(name, byte, auth, acct, meaning) { byte, auth, acct },
#include <kenmon/verdict.def>
#undef KM_VERDICT
	};
	struct stage *s = *state;

	s->shared->serve = serve_verdict;
	for (int byte = 0; byte < 256; byte++) {
		int auth = PAM_AUTHINFO_UNAVAIL, acct = PAM_AUTHINFO_UNAVAIL;
		pam_handle_t *pamh = stage_begin(s, s->user);

		for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
			if (table[i].byte == byte) {
				auth = table[i].auth;
				acct = table[i].acct;
			}
		}
		s->shared->what = byte;
		assert_int_equal(pam_authenticate(pamh, PAM_SILENT), auth);
		assert_int_equal(pam_acct_mgmt(pamh, PAM_SILENT), acct);
		pam_end(pamh, PAM_SUCCESS);
	}
}

static void serve_locked(struct peer *p)
{
	if (peer_greet(p))
		peer_send_result(p, KM_VERDICT_LOCKED, KM_REASON_LOCKED, (uint32_t)p->shared->what);
}

static void test_a_lock_says_how_long_it_lasts(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_locked;
	s->shared->what = 90;
	assert_int_equal(stage_login(s), PAM_MAXTRIES);
	assert_true(person_saw(&s->person, "!Too many wrong codes. Wait 90 seconds"));
}

static void test_a_lock_for_good_says_so(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_locked;
	assert_int_equal(stage_login(s), PAM_MAXTRIES);
	assert_true(person_saw(&s->person, "!Too many wrong codes. Ask your administrator."));
}

static void test_the_language_of_the_line_goes_before_that_of_the_site(void **state)
{
	struct stage *s = *state;

	stage_stack(s, "lang=ja");
	s->shared->serve = serve_locked;
	assert_int_equal(stage_login(s), PAM_MAXTRIES);
	assert_true(person_saw(&s->person, km_text(KM_TEXT_LOCKED_FOR_GOOD, KM_LANG_JA)));
	assert_string_equal(s->shared->login.lang, "ja");
}

static void test_silent_hides_messages_but_not_prompts(void **state)
{
	struct stage *s = *state;
	pam_handle_t *pamh = stage_begin(s, s->user);

	s->person.answer[0] = "000000";
	s->person.answer[1] = "not a code";
	s->person.answer[2] = CODE;
	assert_int_equal(pam_authenticate(pamh, PAM_SILENT), PAM_SUCCESS);
	pam_end(pamh, PAM_SUCCESS);
	assert_string_equal(s->person.shown,
			    "?One-time code: \n?One-time code: \n?One-time code: \n");
}

/* --- no daemon, a slow one, one that dies ----------------------------------- */

static void test_no_daemon_is_refused_and_said(void **state)
{
	struct stage *s = *state;

	stage_daemon_stop(s);
	assert_int_equal(stage_login(s), PAM_AUTHINFO_UNAVAIL);
	assert_true(person_saw(&s->person, km_text(KM_TEXT_UNAVAILABLE, KM_LANG_EN)));
}

static void test_a_daemon_that_says_nothing_is_waited_for_no_longer_than_the_timeout(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_silence;
	stage_stack(s, "timeout=1");
	assert_int_equal(stage_login(s), PAM_AUTHINFO_UNAVAIL);
	assert_true(person_saw(&s->person, km_text(KM_TEXT_UNAVAILABLE, KM_LANG_EN)));
	assert_true(logged("no answer in time"));
}

/* The link is cut after so many messages of the daemon. */
static void serve_cut(struct peer *p)
{
	int where = p->shared->where;

	if (where == 0 || !peer_hear(p) || where == 1)
		return;
	peer_welcome(p);
	if (where == 2)
		return;
	peer_prompt(p, DIGITS);
	if (where == 3)
		return;
	(void)peer_answer(p);
}

static void test_a_link_cut_anywhere_is_refused(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_cut;
	for (int i = 0; i < 5; i++) {
		s->shared->where = i;
		s->person.prompts = 0;
		assert_int_equal(stage_login(s), PAM_AUTHINFO_UNAVAIL);
	}
}

static void serve_gives_up(struct peer *p)
{
	if (!peer_greet(p))
		return;
	peer_prompt(p, DIGITS);
	peer_send_result(p, (unsigned)p->shared->what, KM_REASON_DEADLINE, 0);
	p->shared->said_all = 1;
	(void)peer_answer(p);
}

static void test_a_daemon_that_gave_up_while_the_person_typed_gets_no_code(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_gives_up;
	s->person.hook = person_is_slow;
	assert_int_equal(stage_login(s), PAM_AUTH_ERR);
	assert_true(person_saw(&s->person, km_text(KM_TEXT_DEADLINE, KM_LANG_EN)));
	assert_int_equal(s->shared->answers, 0);
}

/* --- the line in the stack ---------------------------------------------------- */

static void test_a_line_that_is_not_understood_refuses_and_says_what_is_wrong(void **state)
{
	static const char *const lines[] = {
		"no-such-option", "timeout=0",   "timeout=601", "timeout=ten", "timeout",
		"lang=xx",        "lang=",       "split=5",     "split=9",     "split=six",
		"socket=",        "socket=here", "debug=yes",   "nullok",
	};
	struct stage *s = *state;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		pam_handle_t *pamh;

		logged_clear();
		stage_stack(s, lines[i]);
		pamh = stage_begin(s, s->user);
		assert_int_equal(pam_authenticate(pamh, 0), PAM_AUTHINFO_UNAVAIL);
		assert_true(logged(lines[i]));
		assert_int_equal(pam_acct_mgmt(pamh, 0), PAM_AUTHINFO_UNAVAIL);
		pam_end(pamh, PAM_AUTHINFO_UNAVAIL);
	}
	assert_int_equal(s->shared->connections, 0);
}

static void test_debug_logs_phases_and_never_an_answer(void **state)
{
	struct stage *s = *state;

	stage_stack(s, "debug");
	s->person.answer[0] = "000000";
	s->person.answer[1] = CODE;
	assert_int_equal(stage_login(s), PAM_SUCCESS);
	assert_true(logged("got PROMPT"));
	assert_true(logged("sent ANSWER"));
	assert_false(logged("000000"));
	assert_false(logged(CODE));
}

#define T(name) cmocka_unit_test_setup(name, stage_reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_right_code_logs_in_and_passes_the_account_check),
		T(test_a_wrong_code_is_told_and_the_next_may_be_right),
		T(test_three_wrong_codes_are_refused),
		T(test_setcred_succeeds_without_a_daemon),
		T(test_each_login_has_a_nonce_of_its_own),
		T(test_sessions_are_reported_and_nothing_is_shown),
		T(test_session_functions_never_fail_a_login),
		T(test_every_byte_of_a_verdict_maps_by_the_table),
		T(test_a_lock_says_how_long_it_lasts),
		T(test_a_lock_for_good_says_so),
		T(test_the_language_of_the_line_goes_before_that_of_the_site),
		T(test_silent_hides_messages_but_not_prompts),
		T(test_no_daemon_is_refused_and_said),
		T(test_a_daemon_that_says_nothing_is_waited_for_no_longer_than_the_timeout),
		T(test_a_link_cut_anywhere_is_refused),
		T(test_a_daemon_that_gave_up_while_the_person_typed_gets_no_code),
		T(test_a_line_that_is_not_understood_refuses_and_says_what_is_wrong),
		T(test_debug_logs_phases_and_never_an_answer),
	};

	return cmocka_run_group_tests(tests, stage_setup, stage_teardown);
}
