/* C30: what a program's conversation may do, and what the door makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../fault/fault.h"
#include "peer.h"

/* The daemon hears ABORT before it is asked again, so what it counted is complete. */
static void settle(struct stage *s)
{
	for (int i = 0; i < 2000 && !s->shared->aborts; i++)
		usleep(1000);
}

static void assert_aborted(struct stage *s)
{
	settle(s);
	assert_int_equal(s->shared->aborts, 1);
	assert_int_equal(s->shared->abort_reason, KM_REASON_ABORTED);
	assert_int_equal(s->shared->answers, 0);
}

static void test_a_conversation_that_fails_is_refused_and_aborted(void **state)
{
	struct stage *s = *state;

	s->person.fail_at = 1;
	assert_int_equal(stage_login(s), PAM_CONV_ERR);
	assert_aborted(s);
}

static void test_a_conversation_that_answers_null_is_refused_and_aborted(void **state)
{
	struct stage *s = *state;

	s->person.answer[0] = NULL;
	assert_int_equal(stage_login(s), PAM_CONV_ERR);
	assert_aborted(s);
}

static void test_a_conversation_that_gives_no_array_is_refused_and_aborted(void **state)
{
	struct stage *s = *state;

	s->person.no_array = true;
	assert_int_equal(stage_login(s), PAM_CONV_ERR);
	assert_aborted(s);
}

static void test_an_answer_of_four_mebibytes_is_refused_and_aborted(void **state)
{
	struct stage *s = *state;
	size_t len = 4u << 20;
	char *answer = malloc(len + 1);

	assert_non_null(answer);
	memset(answer, '1', len);
	answer[len] = '\0';
	s->person.answer[0] = answer;
	assert_int_equal(stage_login(s), PAM_CONV_ERR);
	assert_aborted(s);
	free(answer);
}

static void test_the_longest_answer_is_taken_and_one_byte_more_is_not(void **state)
{
	struct stage *s = *state;
	char answer[KM_SECRET_MAX + 2];

	memset(answer, 'x', sizeof(answer) - 1);
	answer[KM_SECRET_MAX + 1] = '\0';
	s->person.answer[0] = answer;
	assert_int_equal(stage_login(s), PAM_CONV_ERR);
	assert_aborted(s);
	stage_reset(state);
	answer[KM_SECRET_MAX] = '\0';
	s->person.answer[0] = answer; /* cannot be a code, and is asked for again */
	s->person.answer[1] = CODE;
	assert_int_equal(stage_login(s), PAM_SUCCESS);
}

static void test_a_program_without_a_conversation_is_refused(void **state)
{
	struct stage *s = *state;
	struct pam_conv none = { NULL, NULL };
	pam_handle_t *pamh = stage_begin(s, s->user);

	assert_int_equal(pam_set_item(pamh, PAM_CONV, &none), PAM_SUCCESS);
	assert_int_equal(pam_authenticate(pamh, 0), PAM_CONV_ERR);
	pam_end(pamh, PAM_CONV_ERR);
	assert_aborted(s);
}

static void test_a_program_that_does_not_say_the_name_is_refused_when_nobody_does(void **state)
{
	struct stage *s = *state;
	pam_handle_t *pamh = stage_begin(s, NULL);

	s->person.answer[0] = NULL;
	assert_int_equal(pam_authenticate(pamh, 0), PAM_CONV_ERR);
	pam_end(pamh, PAM_CONV_ERR);
	assert_int_equal(s->shared->connections, 0);
}

static void test_a_name_asked_for_by_the_door_is_the_one_that_logs_in(void **state)
{
	struct stage *s = *state;
	pam_handle_t *pamh = stage_begin(s, NULL);

	s->person.answer[0] = s->user;
	s->person.answer[1] = CODE;
	assert_int_equal(pam_authenticate(pamh, 0), PAM_SUCCESS);
	pam_end(pamh, PAM_SUCCESS);
	assert_string_equal(s->shared->login.login, s->user);
}

/* --- answers that cannot be codes --------------------------------------------- */

static void test_a_password_given_to_every_prompt_is_never_sent_nor_counted(void **state)
{
	struct stage *s = *state;

	for (int i = 0; i < STAGE_ANSWERS; i++)
		s->person.answer[i] = PASSWORD;
	assert_int_equal(stage_login(s), PAM_AUTH_ERR);
	assert_int_equal(s->person.prompts, 3);
	assert_aborted(s);
	assert_true(person_saw(&s->person, km_text(KM_TEXT_CODE_SHAPE, KM_LANG_EN)));
}

static void test_an_empty_answer_is_asked_again(void **state)
{
	struct stage *s = *state;

	s->person.answer[0] = "";
	s->person.answer[1] = CODE;
	assert_int_equal(stage_login(s), PAM_SUCCESS);
	assert_int_equal(s->shared->answers, 1);
}

static void test_only_the_shapes_asked_for_are_sent(void **state)
{
	static const char *const misshapen[] = { "12345",   "1234567",      "12345a",
						 " 123456", "１２３４５６", "-12345" };
	struct stage *s = *state;

	for (size_t i = 0; i < sizeof(misshapen) / sizeof(misshapen[0]); i++) {
		stage_reset(state);
		s->person.answer[0] = misshapen[i];
		s->person.answer[1] = CODE;
		assert_int_equal(stage_login(s), PAM_SUCCESS);
		assert_int_equal(s->shared->answers, 1);
	}
}

static void test_a_recovery_code_is_sent_in_its_stored_form(void **state)
{
	struct stage *s = *state;

	s->person.answer[0] = "abcd-efgh ijkl-mnop";
	s->person.answer[1] = CODE;
	assert_int_equal(stage_login(s), PAM_SUCCESS);
	assert_string_equal(s->shared->answer[0], "ABCDEFGHIJKLMNOP");
}

/* --- a finger instead of a code -------------------------------------------------- */

static void serve_touch(struct peer *p)
{
	if (!peer_greet(p))
		return;
	peer_prompt(p, KM_SHAPE_DIGITS_6 | KM_SHAPE_TOUCH);
	(void)peer_answer(p);
	peer_info(p, km_text(KM_TEXT_TOUCH, KM_LANG_EN), false);
	if (p->shared->what > 0)
		usleep((useconds_t)p->shared->what * 1000);
	peer_send_result(p, KM_VERDICT_ALLOW, KM_REASON_NONE, 0);
}

static void test_enter_alone_is_sent_where_a_finger_may_follow_and_nowhere_else(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_touch;
	s->shared->what = 0;
	s->person.answer[0] = "";
	assert_int_equal(stage_login(s), PAM_SUCCESS);
	assert_int_equal(s->person.prompts, 1);
	assert_int_equal(s->shared->answers, 1);
	assert_string_equal(s->shared->answer[0], "");
	assert_true(person_saw(&s->person, km_text(KM_TEXT_TOUCH, KM_LANG_EN)));
	/* The same prompt takes a code; and where TOUCH is not in the shape, Enter is no answer. */
	stage_reset(state);
	s->shared->serve = serve_touch;
	assert_int_equal(stage_login(s), PAM_SUCCESS);
	assert_string_equal(s->shared->answer[0], CODE);
	stage_reset(state);
	for (int i = 0; i < STAGE_ANSWERS; i++)
		s->person.answer[i] = "";
	assert_int_equal(stage_login(s), PAM_AUTH_ERR);
	assert_aborted(s);
}

static void test_a_password_given_to_every_prompt_starts_no_reader(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_touch;
	for (int i = 0; i < STAGE_ANSWERS; i++)
		s->person.answer[i] = PASSWORD;
	assert_int_equal(stage_login(s), PAM_AUTH_ERR);
	assert_aborted(s);
}

/* timeout= is for a daemon that does not answer, and not for a person who looks for the reader. */
static void test_a_person_who_is_to_touch_the_reader_is_waited_for_beyond_the_timeout(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_touch;
	s->shared->what = 5000;
	stage_stack(s, "timeout=4");
	s->person.answer[0] = "";
	assert_int_equal(stage_login(s), PAM_SUCCESS);
}

static void serve_touch_and_hang(struct peer *p)
{
	if (!peer_greet(p))
		return;
	peer_info(p, km_text(KM_TEXT_TOUCH, KM_LANG_EN), false);
	peer_info(p, km_text(KM_TEXT_TOUCH_TIMEOUT, KM_LANG_EN), true);
	pause();
}

static void test_once_that_is_over_the_timeout_holds_again(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_touch_and_hang;
	stage_stack(s, "timeout=1");
	assert_int_equal(stage_login(s), PAM_AUTHINFO_UNAVAIL);
	assert_true(logged("no answer in time"));
}

/* --- texts of the daemon -------------------------------------------------------- */

static void serve_formats(struct peer *p)
{
	if (!peer_greet(p))
		return;
	peer_info(p, "%s%n%n%x100%", true);
	peer_info(p, "Touch the reader.", false);
	peer_send_result(p, KM_VERDICT_DENY, KM_REASON_WRONG, 0);
}

static void test_texts_of_the_daemon_are_shown_and_never_formats(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_formats;
	assert_int_equal(stage_login(s), PAM_AUTH_ERR);
	assert_true(person_saw(&s->person, "!%s%n%n%x100%\n.Touch the reader.\n!"));
}

static void serve_echo(struct peer *p)
{
	struct km_msg m = { .number = KM_MSG_PROMPT };

	if (!peer_greet(p))
		return;
	snprintf(m.prompt.text, sizeof(m.prompt.text), "Shown: ");
	m.prompt.echo = 1;
	m.prompt.shape = KM_SHAPE_DIGITS_8;
	peer_send(p, &m);
	(void)peer_answer(p);
	peer_send_result(p, KM_VERDICT_ALLOW, KM_REASON_NONE, 0);
}

static int last_style;

static int take_style(int count, const struct pam_message **messages, struct pam_response **out,
		      void *arg)
{
	struct pam_response *r = calloc(1, sizeof(*r));

	(void)count;
	last_style = messages[0]->msg_style;
	if (!r)
		return PAM_BUF_ERR;
	r->resp = strdup(arg);
	*out = r;
	return PAM_SUCCESS;
}

static void test_the_daemon_decides_whether_an_answer_is_shown(void **state)
{
	static char eight[] = "12345678", six[] = CODE;
	struct stage *s = *state;
	struct pam_conv conv = { take_style, eight };
	pam_handle_t *pamh = stage_begin(s, s->user);

	s->shared->serve = serve_echo;
	pam_set_item(pamh, PAM_CONV, &conv);
	assert_int_equal(pam_authenticate(pamh, 0), PAM_SUCCESS);
	assert_int_equal(last_style, PAM_PROMPT_ECHO_ON);
	s->shared->serve = serve_honestly;
	conv.appdata_ptr = six;
	pam_set_item(pamh, PAM_CONV, &conv);
	assert_int_equal(pam_authenticate(pamh, 0), PAM_SUCCESS);
	assert_int_equal(last_style, PAM_PROMPT_ECHO_OFF);
	pam_end(pamh, PAM_SUCCESS);
}

static int watch_answer(int count, const struct pam_message **messages, struct pam_response **out,
			void *arg)
{
	struct pam_response *r = calloc(1, sizeof(*r));

	(void)count;
	(void)messages;
	if (!r)
		return PAM_BUF_ERR;
	r->resp = strdup(arg);
	fault_watch(r->resp, strlen(arg));
	*out = r;
	return PAM_SUCCESS;
}

static void test_an_answer_is_wiped_before_its_memory_is_freed(void **state)
{
	static char good[] = CODE, misshapen[] = PASSWORD, too_long[1000];
	static char *const answers[] = { good, misshapen, too_long };
	struct stage *s = *state;

	if (!fault_has_malloc())
		skip();
	memset(too_long, '1', sizeof(too_long) - 1);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct pam_conv conv = { watch_answer, answers[i] };
		pam_handle_t *pamh = stage_begin(s, s->user);

		pam_set_item(pamh, PAM_CONV, &conv);
		(void)pam_authenticate(pamh, PAM_SILENT);
		assert_int_equal(fault_watched(), FAULT_FREED_WIPED);
		pam_end(pamh, PAM_SUCCESS);
	}
}

/* A module that wrote to standard output broke polkit's helper. */
static void test_nothing_is_written_to_standard_output_or_error(void **state)
{
	struct stage *s = *state;
	int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), code;
	FILE *file = tmpfile();

	assert_non_null(file);
	fflush(NULL);
	dup2(fileno(file), STDOUT_FILENO);
	dup2(fileno(file), STDERR_FILENO);
	stage_stack(s, "debug");
	s->person.answer[0] = "000000";
	s->person.answer[1] = CODE;
	code = stage_login(s);
	stage_daemon_stop(s);
	(void)stage_login(s);
	fflush(NULL);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(out);
	close(err);
	assert_int_equal(code, PAM_SUCCESS);
	assert_int_equal(lseek(fileno(file), 0, SEEK_END), 0);
	fclose(file);
}

#define T(name) cmocka_unit_test_setup(name, stage_reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_conversation_that_fails_is_refused_and_aborted),
		T(test_a_conversation_that_answers_null_is_refused_and_aborted),
		T(test_a_conversation_that_gives_no_array_is_refused_and_aborted),
		T(test_an_answer_of_four_mebibytes_is_refused_and_aborted),
		T(test_the_longest_answer_is_taken_and_one_byte_more_is_not),
		T(test_a_program_without_a_conversation_is_refused),
		T(test_a_program_that_does_not_say_the_name_is_refused_when_nobody_does),
		T(test_a_name_asked_for_by_the_door_is_the_one_that_logs_in),
		T(test_a_password_given_to_every_prompt_is_never_sent_nor_counted),
		T(test_an_empty_answer_is_asked_again),
		T(test_only_the_shapes_asked_for_are_sent),
		T(test_a_recovery_code_is_sent_in_its_stored_form),
		T(test_enter_alone_is_sent_where_a_finger_may_follow_and_nowhere_else),
		T(test_a_password_given_to_every_prompt_starts_no_reader),
		T(test_a_person_who_is_to_touch_the_reader_is_waited_for_beyond_the_timeout),
		T(test_once_that_is_over_the_timeout_holds_again),
		T(test_texts_of_the_daemon_are_shown_and_never_formats),
		T(test_the_daemon_decides_whether_an_answer_is_shown),
		T(test_an_answer_is_wiped_before_its_memory_is_freed),
		T(test_nothing_is_written_to_standard_output_or_error),
	};

	return cmocka_run_group_tests(tests, stage_setup, stage_teardown);
}
