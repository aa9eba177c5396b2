/* Who is let in, and on whose word: C7 (the name changes) and C12 (somebody else says ALLOW). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../fault/fault.h"
#include "peer.h"

static void serve_deny(struct peer *p)
{
	if (peer_greet(p))
		peer_send_result(p, KM_VERDICT_DENY, KM_REASON_NONE, 0);
}

/* --- C7: the name changes --------------------------------------------------- */

static void change_user(struct person *who, pam_handle_t *pamh)
{
	(void)who;
	assert_int_equal(pam_set_item(pamh, PAM_USER, "nobody"), PAM_SUCCESS);
}

static void test_a_name_changed_during_the_conversation_is_refused(void **state)
{
	struct stage *s = *state;

	s->person.hook = change_user;
	assert_int_equal(stage_login(s), PAM_AUTH_ERR);
	assert_int_equal(s->shared->allows, 1);
	assert_true(logged("the user name changed"));
}

static void test_a_name_changed_before_the_door_is_the_one_that_is_asked_for(void **state)
{
	struct stage *s = *state;
	pam_handle_t *pamh = stage_begin(s, "nobody");

	assert_int_equal(pam_set_item(pamh, PAM_USER, s->user), PAM_SUCCESS);
	assert_int_equal(pam_authenticate(pamh, 0), PAM_SUCCESS);
	assert_string_equal(s->shared->login.login, s->user);
	pam_end(pamh, PAM_SUCCESS);
}

static void test_a_name_changed_between_login_and_account_check_is_refused(void **state)
{
	struct stage *s = *state;
	pam_handle_t *pamh = stage_begin(s, s->user);

	assert_int_equal(pam_authenticate(pamh, 0), PAM_SUCCESS);
	assert_int_equal(pam_set_item(pamh, PAM_USER, "nobody"), PAM_SUCCESS);
	assert_int_equal(pam_acct_mgmt(pamh, 0), PAM_AUTH_ERR);
	pam_end(pamh, PAM_AUTH_ERR);
}

static void serve_account_changer(struct peer *p)
{
	struct km_msg m;

	if (!peer_greet(p))
		return;
	m = peer_result(p, KM_VERDICT_ALLOW, KM_REASON_NONE, 0);
	snprintf(m.result.login, sizeof(m.result.login), "%s", p->shared->what ? "nobody" : "");
	peer_send(p, &m);
}

static void test_allow_for_another_name_is_refused(void **state)
{
	struct stage *s = *state;
	pam_handle_t *pamh = stage_begin(s, s->user);

	s->shared->serve = serve_account_changer;
	for (int what = 0; what < 2; what++) {
		s->shared->what = what;
		assert_int_equal(pam_authenticate(pamh, 0), PAM_AUTH_ERR);
		assert_int_equal(pam_acct_mgmt(pamh, 0), PAM_AUTH_ERR);
	}
	pam_end(pamh, PAM_AUTH_ERR);
}

/* --- names that cannot be an operator's -------------------------------------- */

static void serve_allow(struct peer *p)
{
	if (peer_greet(p))
		peer_send_result(p, KM_VERDICT_ALLOW, KM_REASON_NONE, 0);
}

static int login_as(struct stage *s, const char *user)
{
	pam_handle_t *pamh = stage_begin(s, user);
	int code = pam_authenticate(pamh, 0);

	pam_end(pamh, code);
	s->person.prompts = 0;
	return code;
}

static void test_an_account_that_does_not_exist_is_asked_for_and_never_let_in(void **state)
{
	struct stage *s = *state;

	assert_int_equal(login_as(s, "kenmon-nobody-here"), PAM_AUTH_ERR);
	assert_string_equal(s->shared->login.login, "kenmon-nobody-here");
	assert_int_equal(s->shared->login.uid, UINT32_MAX);
	assert_int_equal(s->shared->answers, 1);
}

static void test_a_name_that_cannot_be_sent_gets_the_same_prompts_and_is_never_let_in(void **state)
{
	static const char *const names[] = {
		"line\nbreak",
		"esc\033[2J",
		"\xff\xfe",
		"right-to-left\xe2\x80\xae",
		"line-separator\xe2\x80\xa8",
		"zero\xe2\x80\x8bwidth",
		"",
	};
	struct stage *s = *state;
	char longest[4097];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i][0] == '\0') /* libpam asks for a name itself then */
			continue;
		assert_int_equal(login_as(s, names[i]), PAM_AUTH_ERR);
		assert_string_equal(s->shared->login.login, "");
		assert_int_equal(s->shared->login.uid, UINT32_MAX);
	}
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(login_as(s, longest), PAM_AUTH_ERR);
	assert_string_equal(s->shared->login.login, "");
	longest[65] = '\0';
	assert_int_equal(login_as(s, longest), PAM_AUTH_ERR);
	assert_string_equal(s->shared->login.login, "");
	longest[64] = '\0';
	assert_int_equal(login_as(s, longest), PAM_AUTH_ERR);
	assert_string_equal(s->shared->login.login, longest);
	assert_int_equal(s->shared->answers, 9);
}

/* sssd and AD find "ROOT" when "root" is meant. */
static void test_another_spelling_of_an_account_is_nobody_and_never_let_in(void **state)
{
	struct stage *s = *state;

	fault_alias("KENMON-ALIAS", s->user);
	assert_int_equal(login_as(s, "KENMON-ALIAS"), PAM_AUTH_ERR);
	fault_alias(NULL, NULL);
	assert_string_equal(s->shared->login.login, "");
	assert_int_equal(s->shared->login.uid, UINT32_MAX);
	assert_int_equal(s->shared->answers, 1);
}

static void test_items_that_cannot_be_sent_are_said_to_be_there(void **state)
{
	struct stage *s = *state;
	pam_handle_t *pamh = stage_begin(s, s->user);
	char host[300];

	memset(host, 'h', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	pam_set_item(pamh, PAM_RHOST, host);
	pam_set_item(pamh, PAM_TTY, "tty\n1");
	pam_set_item(pamh, PAM_RUSER, "someone");
	assert_int_equal(pam_authenticate(pamh, 0), PAM_SUCCESS);
	pam_end(pamh, PAM_SUCCESS);
	assert_string_equal(s->shared->login.rhost, "?");
	assert_string_equal(s->shared->login.tty, "?");
	assert_string_equal(s->shared->login.ruser, "someone");
}

/* --- C12: who says ALLOW ------------------------------------------------------ */

static void test_allow_without_the_stamp_of_the_daemon_is_refused(void **state)
{
	struct stage *s = *state;
	struct outcome o;
	char options[64];

	s->shared->serve = serve_allow;
	snprintf(options, sizeof(options), "daemon-user=%u", s->uid + 1);
	stage_stack(s, options);
	o = stage_login_and_account(s);
	assert_int_equal(o.auth, PAM_AUTHINFO_UNAVAIL);
	assert_int_equal(s->shared->allows, 1);
	assert_true(logged("ALLOW not from the daemon's uid"));
}

static void test_an_account_check_without_the_stamp_of_the_daemon_is_refused(void **state)
{
	struct stage *s = *state;
	pam_handle_t *pamh;
	char options[64];

	snprintf(options, sizeof(options), "daemon-user=%u", s->uid + 1);
	stage_stack(s, options);
	pamh = stage_begin(s, s->user);
	assert_int_equal(pam_acct_mgmt(pamh, 0), PAM_AUTHINFO_UNAVAIL);
	pam_end(pamh, PAM_AUTHINFO_UNAVAIL);
}

static void test_a_refusal_needs_no_stamp(void **state)
{
	struct stage *s = *state;
	char options[64];

	s->shared->serve = serve_deny;
	snprintf(options, sizeof(options), "daemon-user=%u", s->uid + 1);
	stage_stack(s, options);
	assert_int_equal(stage_login(s), PAM_AUTH_ERR);
}

/* As another uid, where we may become one: the kernel stamps what we really are. */
static void serve_allow_as_another(struct peer *p)
{
	if (setresuid(getuid() + 4711, getuid() + 4711, getuid() + 4711) == 0)
		serve_allow(p);
	_exit(0);
}

static void test_allow_from_a_process_of_another_uid_is_refused(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_allow_as_another;
	assert_int_equal(stage_login(s), PAM_AUTHINFO_UNAVAIL);
	if (getuid() == 0)
		assert_true(logged("from 4711"));
}

/* What a judge could have the vault allow in the place of a login. */
static void serve_allow_for_something_else(struct peer *p)
{
	struct km_msg m;

	if (!peer_greet(p))
		return;
	m = peer_result(p, KM_VERDICT_ALLOW, KM_REASON_NONE, 0);
	switch (p->shared->what) {
	case 0:
		m.result.kind = (uint8_t)p->shared->where;
		break;
	case 1:
		m.result.uid ^= 1u;
		break;
	default:
		snprintf(m.result.service, sizeof(m.result.service), "%s",
			 p->shared->what == 2 ? "screensaver" : "");
	}
	peer_send(p, &m);
}

static void test_allow_for_another_kind_uid_or_service_is_refused(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_allow_for_something_else;
	s->shared->what = 0;
	for (int kind = 0; kind <= KM_REQUEST_DESK; kind++) {
		s->shared->where = kind;
		if (kind == KM_REQUEST_AUTHENTICATE)
			continue;
		assert_int_equal(stage_login(s), PAM_AUTHINFO_UNAVAIL);
	}
	for (s->shared->what = 1; s->shared->what <= 3; s->shared->what++)
		assert_int_equal(stage_login(s), PAM_AUTHINFO_UNAVAIL);
	assert_true(logged("something else than was asked"));
}

static void serve_wrong_nonce(struct peer *p)
{
	struct km_msg m;

	if (!peer_greet(p))
		return;
	m = peer_result(p, (unsigned)p->shared->what, KM_REASON_NONE, 0);
	m.result.nonce[p->shared->where] ^= 1;
	peer_send(p, &m);
}

static void test_a_result_with_one_wrong_bit_in_its_nonce_is_refused(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_wrong_nonce;
	for (int where = 0; where < 32; where++) {
		s->shared->where = where;
		s->shared->what = KM_VERDICT_ALLOW;
		assert_int_equal(stage_login(s), PAM_AUTHINFO_UNAVAIL);
	}
	s->shared->what = KM_VERDICT_DENY;
	assert_int_equal(stage_login(s), PAM_AUTHINFO_UNAVAIL);
}

/* The first login is right; every later one gets the bytes of the first one's ALLOW. */
static void serve_replay(struct peer *p)
{
	static struct km_msg kept;

	if (!peer_greet(p))
		return;
	if (kept.number == KM_MSG_NONE)
		kept = peer_result(p, KM_VERDICT_ALLOW, KM_REASON_NONE, 0);
	peer_send(p, &kept);
}

static void test_a_replayed_allow_of_an_earlier_login_is_refused(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_replay;
	assert_int_equal(stage_login(s), PAM_SUCCESS);
	assert_int_equal(stage_login(s), PAM_AUTHINFO_UNAVAIL);
	assert_int_equal(s->shared->allows, 2);
}

static void test_a_daemon_user_that_does_not_exist_believes_nobody(void **state)
{
	static const char *const users[] = { "daemon-user=kenmon-nobody-here",
					     "daemon-user=", "daemon-user=-1",
					     "daemon-user=4294967295", "daemon-user=65534" };
	struct stage *s = *state;

	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		struct outcome o;

		stage_stack(s, users[i]);
		o = stage_login_and_account(s);
		assert_int_equal(o.auth, PAM_AUTHINFO_UNAVAIL);
	}
	assert_int_equal(s->shared->connections, 0);
}

static void test_a_daemon_user_may_be_a_name(void **state)
{
	struct stage *s = *state;
	char options[128];

	snprintf(options, sizeof(options), "daemon-user=%s", s->user);
	stage_stack(s, options);
	assert_int_equal(stage_login(s), PAM_SUCCESS);
}

#define T(name) cmocka_unit_test_setup(name, stage_reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_name_changed_during_the_conversation_is_refused),
		T(test_a_name_changed_before_the_door_is_the_one_that_is_asked_for),
		T(test_a_name_changed_between_login_and_account_check_is_refused),
		T(test_allow_for_another_name_is_refused),
		T(test_an_account_that_does_not_exist_is_asked_for_and_never_let_in),
		T(test_a_name_that_cannot_be_sent_gets_the_same_prompts_and_is_never_let_in),
		T(test_another_spelling_of_an_account_is_nobody_and_never_let_in),
		T(test_items_that_cannot_be_sent_are_said_to_be_there),
		T(test_allow_without_the_stamp_of_the_daemon_is_refused),
		T(test_an_account_check_without_the_stamp_of_the_daemon_is_refused),
		T(test_a_refusal_needs_no_stamp),
		T(test_allow_from_a_process_of_another_uid_is_refused),
		T(test_allow_for_another_kind_uid_or_service_is_refused),
		T(test_a_result_with_one_wrong_bit_in_its_nonce_is_refused),
		T(test_a_replayed_allow_of_an_earlier_login_is_refused),
		T(test_a_daemon_user_that_does_not_exist_believes_nobody),
		T(test_a_daemon_user_may_be_a_name),
	};

	return cmocka_run_group_tests(tests, stage_setup, stage_teardown);
}
