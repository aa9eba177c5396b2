/* The parts of the door, one by one. Whole logins are in tests/pam. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <security/pam_appl.h>

#include <kenmon/verdict.h>

#include "../../pam_module/door.h"

/* --- a handle, and a person who gives one answer ----------------------------- */

static struct {
	const char *answer;
	size_t len;
	int code;
	bool no_array;
	int style;
	char text[512];
	unsigned calls;
} person;

static int converse(int count, const struct pam_message **messages, struct pam_response **out,
		    void *arg)
{
	struct pam_response *r;

	(void)arg;
	assert_int_equal(count, 1);
	person.calls++;
	person.style = messages[0]->msg_style;
	snprintf(person.text, sizeof(person.text), "%s", messages[0]->msg);
	if (person.code != PAM_SUCCESS || person.no_array)
		return person.code;
	r = calloc(1, sizeof(*r));
	assert_non_null(r);
	r->resp = person.answer ? strdup(person.answer) : NULL;
	*out = r;
	return PAM_SUCCESS;
}

static char dir[] = "/tmp/kenmon-door-XXXXXX";
static char service[sizeof(dir) + 16];

/* libpam wants a stack, though none is used here. */
static int make_stack(void **state)
{
	FILE *f;

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(service, sizeof(service), "%s/kenmon-test", dir);
	f = fopen(service, "we");
	return f && fputs("auth required pam_deny.so\n", f) >= 0 && fclose(f) == 0 ? 0 : -1;
}

static int remove_stack(void **state)
{
	(void)state;
	return unlink(service) == 0 && rmdir(dir) == 0 ? 0 : -1;
}

static int begin(void **state)
{
	static const struct pam_conv conv = { converse, NULL };
	pam_handle_t *pamh = NULL;

	memset(&person, 0, sizeof(person));
	if (pam_start_confdir("kenmon-test", "somebody", &conv, dir, &pamh) != PAM_SUCCESS)
		return -1;
	*state = pamh;
	return 0;
}

static int end(void **state)
{
	return pam_end(*state, PAM_SUCCESS) == PAM_SUCCESS ? 0 : -1;
}

/* --- options ------------------------------------------------------------------ */

static bool parse(void **state, const char *arg, struct door_options *opt)
{
	const char *argv[] = { "daemon-user=990", arg };

	return door_options_parse(*state, arg ? 2 : 1, argv, opt);
}

static void test_options_not_given_have_their_defaults(void **state)
{
	struct door_options opt;

	assert_true(parse(state, NULL, &opt));
	assert_string_equal(opt.socket, "/run/kenmon/authd.sock");
	assert_int_equal(opt.daemon_uid, 990);
	assert_int_equal(opt.timeout, DOOR_TIMEOUT);
	assert_false(opt.lang_given);
	assert_int_equal(opt.split, 0);
	assert_false(opt.debug);
}

static void test_each_option_is_taken(void **state)
{
	struct door_options opt;

	assert_true(parse(state, "socket=/tmp/x", &opt));
	assert_string_equal(opt.socket, "/tmp/x");
	assert_true(parse(state, "timeout=600", &opt));
	assert_int_equal(opt.timeout, 600);
	assert_true(parse(state, "lang=ja", &opt));
	assert_true(opt.lang_given && opt.lang == KM_LANG_JA);
	assert_true(parse(state, "lang=en", &opt));
	assert_true(opt.lang_given && opt.lang == KM_LANG_EN);
	assert_true(parse(state, "split=8", &opt));
	assert_int_equal(opt.split, 8);
	assert_true(parse(state, "debug", &opt));
	assert_true(opt.debug);
	assert_true(parse(state, "daemon-user=0", &opt));
	assert_int_equal(opt.daemon_uid, 0);
}

static void test_bad_options_are_refused_and_leave_the_output_alone(void **state)
{
	static const char *const bad[] = {
		"",
		"debugging",
		"debug=1",
		"Debug",
		"sockets=/x",
		"socket=",
		"socket=relative/path",
		"timeout=",
		"timeout=0",
		"timeout=601",
		"timeout=+5",
		"timeout= 5",
		"timeout=5s",
		"timeout=0x10",
		"timeout=99999999999999999999",
		"lang=fr",
		"lang=",
		"split=0",
		"split=5",
		"split=9",
		"split=",
		"daemon-user=",
		"daemon-user=-1",
		"daemon-user=4294967295",
		"daemon-user=4294967296",
		"daemon-user=65534",
		"daemon-user=kenmon-nobody-here",
	};
	struct door_options opt, before;

	memset(&opt, 0x5a, sizeof(opt));
	before = opt;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(parse(state, bad[i], &opt));
		assert_memory_equal(&opt, &before, sizeof(opt));
	}
}

static void test_a_socket_path_is_as_long_as_the_kernel_takes_and_no_longer(void **state)
{
	struct door_options opt;
	char arg[7 + 109] = "socket=/";

	memset(arg + 8, 'a', sizeof(arg) - 9);
	assert_false(parse(state, arg, &opt));
	arg[7 + 107] = '\0';
	assert_true(parse(state, arg, &opt));
}

/* --- verdicts ------------------------------------------------------------------- */

static void test_only_the_byte_of_allow_is_success(void **state)
{
	unsigned successes = 0;

	(void)state;
	for (unsigned byte = 0; byte < 1024; byte++) {
		int auth = door_pam_code(byte, KM_REQUEST_AUTHENTICATE);
		int acct = door_pam_code(byte, KM_REQUEST_ACCOUNT);

		assert_int_not_equal(auth, PAM_IGNORE);
		assert_int_not_equal(acct, PAM_IGNORE);
		successes += auth == PAM_SUCCESS || acct == PAM_SUCCESS;
	}
	assert_int_equal(successes, 1);
	assert_int_equal(door_pam_code(KM_VERDICT_ALLOW, KM_REQUEST_AUTHENTICATE), PAM_SUCCESS);
	assert_int_equal(door_pam_code(0, KM_REQUEST_AUTHENTICATE), PAM_AUTH_ERR);
	assert_int_equal(door_pam_code(KM_VERDICT_LOCKED, KM_REQUEST_AUTHENTICATE), PAM_MAXTRIES);
	assert_int_equal(door_pam_code(KM_VERDICT_EXPIRED, KM_REQUEST_ACCOUNT), PAM_ACCT_EXPIRED);
	assert_int_equal(door_pam_code(KM_VERDICT_UNKNOWN, KM_REQUEST_ACCOUNT), PAM_USER_UNKNOWN);
}

/* --- talk ----------------------------------------------------------------------- */

static void test_an_answer_is_taken_whole(void **state)
{
	struct km_secret answer = { 0 };

	person.answer = "123456";
	assert_int_equal(door_ask(*state, "Code: ", false, &answer), PAM_SUCCESS);
	assert_int_equal(answer.len, 6);
	assert_memory_equal(answer.bytes, "123456", 6);
	assert_int_equal(person.style, PAM_PROMPT_ECHO_OFF);
	assert_string_equal(person.text, "Code: ");
	assert_int_equal(door_ask(*state, "Name: ", true, &answer), PAM_SUCCESS);
	assert_int_equal(person.style, PAM_PROMPT_ECHO_ON);
}

static void test_a_conversation_that_gives_nothing_leaves_no_answer(void **state)
{
	struct km_secret answer = { 0 };

	assert_int_equal(door_ask(*state, "Code: ", false, &answer), PAM_CONV_ERR);
	person.no_array = true;
	assert_int_equal(door_ask(*state, "Code: ", false, &answer), PAM_CONV_ERR);
	person.no_array = false;
	person.code = PAM_CONV_ERR;
	assert_int_equal(door_ask(*state, "Code: ", false, &answer), PAM_CONV_ERR);
	person.code = PAM_CONV_AGAIN;
	assert_int_equal(door_ask(*state, "Code: ", false, &answer), PAM_CONV_ERR);
	assert_int_equal(answer.len, 0);
}

static void test_an_answer_longer_than_a_secret_is_refused(void **state)
{
	struct km_secret answer = { 0 };
	char text[KM_SECRET_MAX + 2];

	memset(text, '1', sizeof(text) - 1);
	text[KM_SECRET_MAX + 1] = '\0';
	person.answer = text;
	assert_int_equal(door_ask(*state, "Code: ", false, &answer), PAM_CONV_ERR);
	assert_int_equal(answer.len, 0);
	text[KM_SECRET_MAX] = '\0';
	assert_int_equal(door_ask(*state, "Code: ", false, &answer), PAM_SUCCESS);
	assert_int_equal(answer.len, KM_SECRET_MAX);
}

static void test_nothing_is_said_under_silent_or_without_words(void **state)
{
	door_say(*state, PAM_SILENT, true, "Hidden.");
	door_say(*state, 0, true, "");
	assert_int_equal(person.calls, 0);
	door_say(*state, 0, true, "%s%n");
	assert_int_equal(person.style, PAM_ERROR_MSG);
	assert_string_equal(person.text, "%s%n");
	door_say(*state, 0, false, "Shown.");
	assert_int_equal(person.style, PAM_TEXT_INFO);
}

/* --- who ------------------------------------------------------------------------ */

static void test_an_account_is_looked_up_by_its_own_spelling(void **state)
{
	uid_t uid = 12345;
	bool same = false;

	(void)state;
	assert_int_equal(door_account("root", &uid, &same), DOOR_FOUND);
	assert_int_equal(uid, 0);
	assert_true(same);
	uid = 12345;
	assert_int_equal(door_account("kenmon-nobody-here", &uid, &same), DOOR_NOT_FOUND);
	assert_int_equal(uid, 12345);
}

static void test_a_name_without_an_account_is_sent_and_never_believed(void **state)
{
	struct msg_login login;

	memset(&login, 0x5a, sizeof(login));
	assert_int_equal(pam_set_item(*state, PAM_USER, "kenmon-nobody-here"), PAM_SUCCESS);
	assert_int_equal(door_who(*state, &login), PAM_SUCCESS);
	assert_string_equal(login.login, "kenmon-nobody-here");
	assert_int_equal(login.uid, UINT32_MAX);
	assert_string_equal(login.service, "kenmon-test");
	assert_string_equal(login.rhost, "");
	assert_false(door_is_still(*state, &login));
}

static void test_only_the_same_name_is_still_the_same(void **state)
{
	struct msg_login login = { .login = "root", .uid = 0 };

	pam_set_item(*state, PAM_USER, "root");
	assert_true(door_is_still(*state, &login));
	pam_set_item(*state, PAM_USER, "roo");
	assert_false(door_is_still(*state, &login));
	pam_set_item(*state, PAM_USER, "root2");
	assert_false(door_is_still(*state, &login));
	pam_set_item(*state, PAM_USER, NULL);
	assert_false(door_is_still(*state, &login));
	pam_set_item(*state, PAM_USER, "root");
	login.uid = UINT32_MAX;
	assert_false(door_is_still(*state, &login));
}

/* --- link ----------------------------------------------------------------------- */

static void test_a_socket_that_is_not_there_is_unavailable(void **state)
{
	struct door_link link;

	(void)state;
	assert_int_equal(door_link_open(&link, "/nonexistent/authd.sock", 1), KM_EUNAVAIL);
	assert_int_equal(link.fd, -1);
	door_link_close(&link);
}

static void test_a_spent_budget_waits_no_longer(void **state)
{
	struct door_link link = { .budget = 0 };
	struct km_stamp stamp;
	struct km_msg m;
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	link.fd = ends[0];
	assert_false(door_link_ready(&link));
	assert_int_equal(door_link_recv(&link, KM_PHASE_TALK, &m, &stamp), KM_ETIMEOUT);
	close(ends[1]);
	assert_int_equal(door_link_recv(&link, KM_PHASE_TALK, &m, &stamp), KM_ECLOSED);
	door_link_close(&link);
	door_link_close(&link);
}

/* A yes from the telephone is good for as long as the call can take, and no longer. */
static void test_who_comes_back_after_the_time_for_a_call_is_too_late(void **state)
{
	int64_t now = door_link_clock();

	(void)state;
	assert_true(now > 0);
	assert_true(door_link_in_time(now));
	assert_true(door_link_in_time(now - (DOOR_PERSON - 30) * 1000));
	assert_false(door_link_in_time(now - DOOR_PERSON * 1000 - 1000));
	/* Without a clock nobody knows. */
	assert_false(door_link_in_time(-1));
}

static void test_a_daemon_that_chats_on_is_cut_off(void **state)
{
	struct km_msg info = { .number = KM_MSG_INFO }, m;
	struct door_link link = { .budget = 0 };
	struct km_stamp stamp;
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	link.fd = ends[0];
	for (int i = 0; i < DOOR_FRAMES; i++) {
		assert_int_equal(km_send_msg(ends[1], &info, -1, MSG_DONTWAIT), KM_OK);
		assert_int_equal(door_link_recv(&link, KM_PHASE_TALK, &m, &stamp), KM_OK);
		assert_false(stamp.known); /* nobody asked the kernel for stamps here */
	}
	assert_int_equal(km_send_msg(ends[1], &info, -1, MSG_DONTWAIT), KM_OK);
	assert_int_equal(door_link_recv(&link, KM_PHASE_TALK, &m, &stamp), KM_EPROTO);
	close(ends[1]);
	door_link_close(&link);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_options_not_given_have_their_defaults),
		T(test_each_option_is_taken),
		T(test_bad_options_are_refused_and_leave_the_output_alone),
		T(test_a_socket_path_is_as_long_as_the_kernel_takes_and_no_longer),
		T(test_only_the_byte_of_allow_is_success),
		T(test_an_answer_is_taken_whole),
		T(test_a_conversation_that_gives_nothing_leaves_no_answer),
		T(test_an_answer_longer_than_a_secret_is_refused),
		T(test_nothing_is_said_under_silent_or_without_words),
		T(test_an_account_is_looked_up_by_its_own_spelling),
		T(test_a_name_without_an_account_is_sent_and_never_believed),
		T(test_only_the_same_name_is_still_the_same),
		T(test_who_comes_back_after_the_time_for_a_call_is_too_late),
		T(test_a_socket_that_is_not_there_is_unavailable),
		T(test_a_spent_budget_waits_no_longer),
		T(test_a_daemon_that_chats_on_is_cut_off),
	};

	return cmocka_run_group_tests(tests, make_stack, remove_stack);
}
