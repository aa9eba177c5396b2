/* Password and code in one field (split=), with a password module between the two lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "peer.h"

#define SPLIT_STACK                                                                                \
	"auth optional %M split=6\n"                                                               \
	"auth requisite %P\n"                                                                      \
	"auth required %M\n"                                                                       \
	"account required %M\n"

static int split_reset(void **state)
{
	struct stage *s = *state;
	int rc = stage_reset(state);

	stage_file(s, SPLIT_STACK);
	s->person.answer[0] = PASSWORD CODE;
	return rc;
}

static void test_password_and_code_in_one_field_log_in_with_one_prompt(void **state)
{
	struct stage *s = *state;
	struct outcome o = stage_login_and_account(s);

	assert_int_equal(o.auth, PAM_SUCCESS);
	assert_int_equal(o.acct, PAM_SUCCESS);
	assert_int_equal(s->person.prompts, 1);
	assert_true(person_saw(&s->person, km_text(KM_TEXT_PROMPT_SPLIT, KM_LANG_EN)));
	assert_string_equal(s->shared->answer[0], CODE);
}

static void test_the_password_module_sees_the_password_without_the_code(void **state)
{
	struct stage *s = *state;

	s->person.answer[0] = PASSWORD "x" CODE;
	assert_int_equal(stage_login(s), PAM_AUTH_ERR);
	assert_int_equal(s->shared->connections, 0);
}

static void test_a_wrong_code_in_one_field_is_sent_once_and_then_asked_for(void **state)
{
	struct stage *s = *state;

	s->person.answer[0] = PASSWORD "000000";
	s->person.answer[1] = CODE;
	assert_int_equal(stage_login(s), PAM_SUCCESS);
	assert_int_equal(s->person.prompts, 2);
	assert_int_equal(s->shared->answers, 2);
	assert_string_equal(s->shared->answer[0], "000000");
}

static void test_a_field_without_a_code_is_a_password_and_the_code_is_asked_for(void **state)
{
	struct stage *s = *state;

	s->person.answer[0] = PASSWORD;
	s->person.answer[1] = CODE;
	assert_int_equal(stage_login(s), PAM_SUCCESS);
	assert_int_equal(s->person.prompts, 2);
}

static void test_a_code_alone_leaves_the_password_as_it_is(void **state)
{
	struct stage *s = *state;

	s->person.answer[0] = CODE;
	assert_int_equal(stage_login(s), PAM_AUTH_ERR);
	assert_int_equal(s->shared->connections, 0);
}

static void test_a_password_that_ends_in_a_letter_keeps_its_digits(void **state)
{
	struct stage *s = *state;

	s->person.answer[0] = PASSWORD "12345x";
	assert_int_equal(stage_login(s), PAM_AUTH_ERR);
	assert_int_equal(s->shared->connections, 0);
}

static void test_the_split_line_alone_lets_nobody_in(void **state)
{
	static const char *const controls[] = { "required", "requisite", "sufficient", "optional",
						"[success=ok default=bad]" };
	struct stage *s = *state;
	char text[128];

	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
		snprintf(text, sizeof(text), "auth %s %%M split=6\n", controls[i]);
		stage_file(s, text);
		s->person.prompts = 0;
		assert_int_not_equal(stage_login(s), PAM_SUCCESS);
	}
	stage_daemon_stop(s);
	assert_int_not_equal(stage_login(s), PAM_SUCCESS);
	assert_int_equal(s->shared->connections, 0);
}

static void test_a_wrong_password_is_refused_whatever_the_code(void **state)
{
	struct stage *s = *state;

	s->person.answer[0] = "wrong horse" CODE;
	assert_int_equal(stage_login(s), PAM_AUTH_ERR);
	assert_int_equal(s->shared->answers, 0);
}

static void test_a_kept_code_is_gone_after_the_login_it_was_typed_for(void **state)
{
	struct stage *s = *state;
	pam_handle_t *pamh = stage_begin(s, s->user);

	assert_int_equal(pam_authenticate(pamh, 0), PAM_SUCCESS);
	s->person.prompts = 0;
	s->person.answer[0] = PASSWORD;
	s->person.answer[1] = "000000";
	s->person.answer[2] = "000001";
	s->person.answer[3] = "000002";
	assert_int_equal(pam_authenticate(pamh, 0), PAM_AUTH_ERR);
	pam_end(pamh, PAM_AUTH_ERR);
	assert_int_equal(s->person.prompts, 4);
	assert_int_equal(s->shared->answers, 4);
	assert_string_equal(s->shared->answer[1], "000000");
}

static void serve_eight(struct peer *p)
{
	if (!peer_greet(p))
		return;
	peer_prompt(p, KM_SHAPE_DIGITS_8);
	(void)peer_answer(p);
	peer_send_result(p, KM_VERDICT_DENY, KM_REASON_WRONG, 0);
}

static void test_a_kept_code_of_another_shape_is_not_sent(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_eight;
	s->person.answer[1] = "12345678";
	assert_int_equal(stage_login(s), PAM_AUTH_ERR);
	assert_string_equal(s->shared->answer[0], "12345678");
}

/* Eight digits on the first connection, six on the next. */
static void serve_eight_then_six(struct peer *p)
{
	if (p->shared->connections == 1)
		serve_eight(p);
	else
		serve_honestly(p);
}

static void test_a_kept_code_is_for_the_next_line_and_no_later_one(void **state)
{
	struct stage *s = *state;

	stage_file(s, "auth optional %M split=6\nauth requisite %P\nauth optional %M\n"
		      "auth required %M\n");
	s->shared->serve = serve_eight_then_six;
	s->person.answer[1] = "12345678";
	s->person.answer[2] = "000000";
	s->person.answer[3] = "000001";
	s->person.answer[4] = "000002";
	assert_int_equal(stage_login(s), PAM_AUTH_ERR);
	assert_int_equal(s->shared->connections, 2);
	assert_string_equal(s->shared->answer[1], "000000");
}

static void test_a_conversation_that_fails_at_the_one_field_is_refused(void **state)
{
	struct stage *s = *state;

	s->person.fail_at = 1;
	s->person.answer[1] = PASSWORD;
	s->person.answer[2] = "000000";
	assert_int_not_equal(stage_login(s), PAM_SUCCESS);
}

static void test_the_one_field_asks_in_the_language_of_the_line(void **state)
{
	struct stage *s = *state;

	stage_file(s, "auth optional %M split=6 lang=ja\nauth requisite %P\nauth required %M\n");
	assert_int_equal(stage_login(s), PAM_SUCCESS);
	assert_true(person_saw(&s->person, km_text(KM_TEXT_PROMPT_SPLIT, KM_LANG_JA)));
}

static void test_debug_never_logs_what_was_typed_into_the_one_field(void **state)
{
	struct stage *s = *state;

	stage_file(s,
		   "auth optional %M split=6 debug\nauth requisite %P\nauth required %M debug\n");
	assert_int_equal(stage_login(s), PAM_SUCCESS);
	assert_true(logged("split: 6 digits"));
	assert_false(logged(CODE));
	assert_false(logged(PASSWORD));
}

#define T(name) cmocka_unit_test_setup(name, split_reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_password_and_code_in_one_field_log_in_with_one_prompt),
		T(test_the_password_module_sees_the_password_without_the_code),
		T(test_a_wrong_code_in_one_field_is_sent_once_and_then_asked_for),
		T(test_a_field_without_a_code_is_a_password_and_the_code_is_asked_for),
		T(test_a_code_alone_leaves_the_password_as_it_is),
		T(test_a_password_that_ends_in_a_letter_keeps_its_digits),
		T(test_the_split_line_alone_lets_nobody_in),
		T(test_a_wrong_password_is_refused_whatever_the_code),
		T(test_a_kept_code_is_gone_after_the_login_it_was_typed_for),
		T(test_a_kept_code_of_another_shape_is_not_sent),
		T(test_a_kept_code_is_for_the_next_line_and_no_later_one),
		T(test_a_conversation_that_fails_at_the_one_field_is_refused),
		T(test_the_one_field_asks_in_the_language_of_the_line),
		T(test_debug_never_logs_what_was_typed_into_the_one_field),
	};

	return cmocka_run_group_tests(tests, stage_setup, stage_teardown);
}
