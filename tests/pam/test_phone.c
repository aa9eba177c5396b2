/*
 * Codes by telephone at the door, in the three kinds of programs there are: those that show what
 * they are told at once (su, sudo, login), those that keep it for the next question (sshd), and
 * those that answer every question alike.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "peer.h"

#define KEYS  "4 0 2 9 1 7"
#define PHONE (KM_SHAPE_DIGITS_6 | KM_SHAPE_RECOVERY | KM_SHAPE_PHONE)
#define CALL                                                                                       \
	"Your telephone will ring. Key in " KEYS                                                   \
	", then the hash key (#). If this was not you, press the star key (*)."

static const char *english(enum km_text text)
{
	return km_text(text, KM_LANG_EN);
}

/* As the judge asks: the text tells what can be done, and what is typed may be shown. */
static void prompt(struct peer *p, enum km_text text, unsigned shape)
{
	struct km_msg m = { .number = KM_MSG_PROMPT };

	snprintf(m.prompt.text, sizeof(m.prompt.text), "%s", english(text));
	m.prompt.echo = 1;
	m.prompt.shape = (uint16_t)shape;
	peer_send(p, &m);
}

static void call(struct peer *p, unsigned how)
{
	struct km_msg m = { .number = KM_MSG_INFO };

	snprintf(m.info.text, sizeof(m.info.text), "%s", CALL);
	m.info.error = (uint8_t)how;
	peer_send(p, &m);
}

/* Was what came last asking for a code to be sent? It is no CODE. */
static bool asked_to_send(const struct peer *p)
{
	unsigned n = p->shared->answers;
	const char *last = n > 0 ? p->shared->answer[n - 1] : NULL;

	return last && (strcmp(last, "") == 0 || strcmp(last, "*") == 0);
}

/* A message: sent on Enter or '*', and then asked for. */
static void serve_message(struct peer *p)
{
	if (!peer_greet(p))
		return;
	prompt(p, KM_TEXT_PROMPT_PHONE, PHONE);
	if (peer_answer(p) || !asked_to_send(p)) {
		peer_send_result(p, KM_VERDICT_DENY, KM_REASON_WRONG, 0);
		return;
	}
	if (p->shared->what > 0)
		usleep((useconds_t)p->shared->what * 1000);
	peer_info(p, english(KM_TEXT_ORDER_SENT), false);
	prompt(p, KM_TEXT_PROMPT_SENT, PHONE);
	peer_send_result(p, peer_answer(p) ? KM_VERDICT_ALLOW : KM_VERDICT_DENY, KM_REASON_WRONG,
			 0);
}

/* A call: the vault's own word comes first, then how it goes, then what became of it. */
static void serve_call(struct peer *p)
{
	if (!peer_greet(p))
		return;
	prompt(p, KM_TEXT_PROMPT_PHONE, PHONE);
	if (peer_answer(p) || !asked_to_send(p)) {
		peer_send_result(p, KM_VERDICT_DENY, KM_REASON_WRONG, 0);
		return;
	}
	call(p, KM_INFO_CALL);
	peer_info(p, english(KM_TEXT_ORDER_RINGING), false);
	peer_info(p, english(KM_TEXT_ORDER_ANSWERED), false);
	if (p->shared->what > 0)
		usleep((useconds_t)p->shared->what * 1000);
	peer_send_result(p, KM_VERDICT_ALLOW, KM_REASON_NONE, 0);
	/* An answer to what was no prompt of the daemon's would be here. */
	(void)peer_answer(p);
}

/* Nobody answers the telephone; the next factor is asked for. */
static void serve_unanswered_call(struct peer *p)
{
	if (!peer_greet(p))
		return;
	prompt(p, KM_TEXT_PROMPT_PHONE, PHONE);
	if (peer_answer(p) || !asked_to_send(p))
		return;
	call(p, KM_INFO_CALL);
	peer_info(p, english(KM_TEXT_ORDER_RINGING), false);
	peer_info(p, english(KM_TEXT_ORDER_NO_ANSWER), true);
	prompt(p, KM_TEXT_PROMPT_PHONE, PHONE);
	peer_send_result(p, peer_answer(p) ? KM_VERDICT_ALLOW : KM_VERDICT_DENY, KM_REASON_WRONG,
			 0);
}

/* --- a message ----------------------------------------------------------------------------- */

static void test_enter_and_a_star_have_a_code_sent_and_then_it_is_asked_for(void **state)
{
	static const char *const typed[] = { "", "*", "\357\274\212" };
	static const char *const sent[] = { "", "*", "*" };
	struct stage *s = *state;

	for (unsigned i = 0; i < 3; i++) {
		stage_reset(state);
		s->shared->serve = serve_message;
		s->person.answer[0] = typed[i];
		s->person.answer[1] = CODE;
		assert_int_equal(stage_login(s), PAM_SUCCESS);
		assert_string_equal(s->shared->answer[0], sent[i]);
		assert_string_equal(s->shared->answer[1], CODE);
		assert_true(person_saw(&s->person, english(KM_TEXT_ORDER_SENT)));
		assert_true(person_saw(&s->person, english(KM_TEXT_PROMPT_SENT)));
	}
}

/* A gateway takes its time: that is not the daemon's. */
static void test_what_is_on_its_way_is_waited_for_beyond_the_timeout(void **state)
{
	struct stage *s = *state;

	for (unsigned i = 0; i < 2; i++) {
		stage_reset(state);
		s->shared->serve = serve_message;
		s->shared->what = 5000;
		stage_stack(s, "timeout=4");
		s->person.answer[0] = i ? "*" : "";
		s->person.answer[1] = CODE;
		assert_int_equal(stage_login(s), PAM_SUCCESS);
	}
}

/* C22: sshd gives the password to every question; no message leaves for that. */
static void test_c22_a_password_given_to_every_prompt_sends_nothing(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_message;
	for (int i = 0; i < STAGE_ANSWERS; i++)
		s->person.answer[i] = PASSWORD;
	assert_int_equal(stage_login(s), PAM_AUTH_ERR);
	assert_int_equal(s->person.prompts, 3);
	assert_int_equal(s->shared->answers, 0);
}

static void test_c30_a_conversation_that_gives_no_answer_sends_nothing(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_message;
	s->person.answer[0] = NULL;
	assert_int_equal(stage_login(s), PAM_CONV_ERR);
	assert_int_equal(s->shared->answers, 0);
}

/* --- a call ---------------------------------------------------------------------------------- */

static void
test_the_digits_are_asked_like_a_question_and_what_is_typed_there_is_no_answer(void **state)
{
	static const char *const typed[] = { "", "402917", PASSWORD };
	struct stage *s = *state;

	for (unsigned i = 0; i < 3; i++) {
		stage_reset(state);
		s->shared->serve = serve_call;
		s->person.answer[0] = "";
		s->person.answer[1] = typed[i];
		assert_int_equal(stage_login(s), PAM_SUCCESS);
		assert_int_equal(s->person.prompts, 2);
		assert_int_equal(s->shared->answers, 1);
		/* On one line, behind the mark of a question. */
		assert_true(person_saw(&s->person, "?" CALL " Press Enter here"));
		assert_true(person_saw(&s->person, english(KM_TEXT_ORDER_RINGING)));
	}
}

static void test_a_call_that_nobody_answers_leads_to_the_next_factor(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_unanswered_call;
	s->person.answer[0] = s->person.answer[1] = "";
	s->person.answer[2] = CODE;
	assert_int_equal(stage_login(s), PAM_SUCCESS);
	assert_true(person_saw(&s->person, english(KM_TEXT_ORDER_NO_ANSWER)));
	assert_string_equal(s->shared->answer[1], CODE);
}

static void test_the_digits_are_shown_to_who_is_shown_nothing_else(void **state)
{
	struct stage *s = *state;
	pam_handle_t *pamh = stage_begin(s, s->user);

	s->shared->serve = serve_call;
	s->person.answer[0] = s->person.answer[1] = "";
	assert_int_equal(pam_authenticate(pamh, PAM_SILENT), PAM_SUCCESS);
	pam_end(pamh, PAM_SUCCESS);
	assert_true(person_saw(&s->person, KEYS));
	assert_false(person_saw(&s->person, english(KM_TEXT_ORDER_RINGING)));
}

static void test_who_has_to_run_for_the_telephone_is_waited_for_beyond_the_timeout(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_call;
	s->shared->what = 5000;
	stage_stack(s, "timeout=4");
	s->person.answer[0] = s->person.answer[1] = "";
	assert_int_equal(stage_login(s), PAM_SUCCESS);
}

/* Ctrl-C at the digits: the daemon hears of it, and the call ends. */
static void test_a_conversation_that_fails_at_the_digits_is_refused_and_aborted(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_call;
	s->person.answer[0] = "";
	s->person.fail_at = 2;
	assert_int_equal(stage_login(s), PAM_CONV_ERR);
	for (int i = 0; i < 2000 && !s->shared->aborts; i++)
		usleep(1000);
	assert_int_equal(s->shared->aborts, 1);
}

/* --- whose word the digits are ------------------------------------------------------------------
 */

/* With them, a judge that was taken over could have somebody open the door for another login. */
static void test_c12_digits_without_the_stamp_of_the_vault_are_shown_to_nobody(void **state)
{
	struct stage *s = *state;
	char options[64];

	s->shared->serve = serve_call;
	snprintf(options, sizeof(options), "daemon-user=%u", s->uid + 1);
	stage_stack(s, options);
	s->person.answer[0] = s->person.answer[1] = "";
	assert_int_equal(stage_login(s), PAM_AUTHINFO_UNAVAIL);
	assert_false(person_saw(&s->person, KEYS));
	assert_int_equal(s->person.prompts, 1);
	assert_true(logged("a call not from the daemon's uid"));
}

/* What the judge says is the judge's: shown, and neither asked nor waited for like the vault's. */
static void serve_info(struct peer *p)
{
	if (!peer_greet(p))
		return;
	call(p, (unsigned)p->shared->what);
	peer_send_result(p, KM_VERDICT_DENY, KM_REASON_WRONG, 0);
}

static void test_other_words_need_no_stamp_and_ask_nothing(void **state)
{
	static const unsigned hows[] = { KM_INFO_PLAIN, KM_INFO_ERROR, 3, 255 };
	struct stage *s = *state;
	char options[64];

	snprintf(options, sizeof(options), "daemon-user=%u", s->uid + 1);
	for (unsigned i = 0; i < 4; i++) {
		stage_reset(state);
		stage_stack(s, options);
		s->shared->serve = serve_info;
		s->shared->what = (int)hows[i];
		assert_int_equal(stage_login(s), PAM_AUTH_ERR);
		assert_int_equal(s->person.prompts, 0);
		/* What a newer daemon may mean by it is an error here, and never a question. */
		assert_true(person_saw(&s->person, hows[i] == KM_INFO_PLAIN ? "." CALL : "!" CALL));
	}
}

static void serve_call_at_once(struct peer *p)
{
	if (!peer_greet(p))
		return;
	call(p, KM_INFO_CALL);
	peer_send_result(p, KM_VERDICT_ALLOW, KM_REASON_NONE, 0);
}

static void test_a_call_in_an_account_check_is_refused(void **state)
{
	struct stage *s = *state;
	pam_handle_t *pamh = stage_begin(s, s->user);

	s->shared->serve = serve_call_at_once;
	assert_int_equal(pam_acct_mgmt(pamh, 0), PAM_AUTHINFO_UNAVAIL);
	pam_end(pamh, PAM_AUTHINFO_UNAVAIL);
	assert_int_equal(s->person.prompts, 0);
}

static void serve_call_into_a_prompt(struct peer *p)
{
	if (!peer_greet(p))
		return;
	prompt(p, KM_TEXT_PROMPT_PHONE, PHONE);
	call(p, KM_INFO_CALL);
	p->shared->said_all = 1;
	peer_send_result(p, KM_VERDICT_ALLOW, KM_REASON_NONE, 0);
}

/* C28: digits for a call that nobody has asked for. */
static void test_c28_a_call_while_a_prompt_is_open_is_refused(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_call_into_a_prompt;
	s->person.hook = person_is_slow;
	s->person.answer[0] = "";
	assert_int_equal(stage_login(s), PAM_AUTHINFO_UNAVAIL);
	assert_int_equal(s->shared->answers, 0);
	assert_false(person_saw(&s->person, KEYS));
}

/* --- programs that keep what they are told (sshd) ------------------------------------ */

/* What is on the other machine's screen, and what waits for the next question. */
struct remote {
	char screen[4096], kept[4096];
	char when_asked[4][4096]; /* the screen, each time an answer was wanted */
	const char *answer[4];
	unsigned asked;
};

static void put(char *to, size_t cap, const char *text)
{
	size_t used = strlen(to);

	snprintf(to + used, cap - used, "%s\n", text);
}

static int keeps(int count, const struct pam_message **messages, struct pam_response **out,
		 void *arg)
{
	struct remote *r = arg;
	bool asks = messages[0]->msg_style == PAM_PROMPT_ECHO_ON ||
		    messages[0]->msg_style == PAM_PROMPT_ECHO_OFF;

	assert_int_equal(count, 1);
	*out = calloc(1, sizeof(**out));
	assert_non_null(*out);
	put(r->kept, sizeof(r->kept), messages[0]->msg);
	if (!asks)
		return PAM_SUCCESS;
	put(r->screen, sizeof(r->screen), r->kept);
	r->kept[0] = '\0';
	assert_true(r->asked < 4);
	memcpy(r->when_asked[r->asked], r->screen, sizeof(r->screen));
	(*out)->resp = strdup(r->answer[r->asked++]);
	return PAM_SUCCESS;
}

static int log_in_from_afar(struct stage *s, struct remote *r)
{
	pam_handle_t *pamh = stage_begin(s, s->user);
	struct pam_conv conv = { keeps, r };
	int code;

	assert_int_equal(pam_set_item(pamh, PAM_CONV, &conv), PAM_SUCCESS);
	code = pam_authenticate(pamh, 0);
	pam_end(pamh, code);
	return code;
}

static void test_over_ssh_the_digits_are_on_the_screen_before_the_telephone_rings(void **state)
{
	struct stage *s = *state;
	struct remote r = { .answer = { "", "" } };

	s->shared->serve = serve_call;
	assert_int_equal(log_in_from_afar(s, &r), PAM_SUCCESS);
	assert_int_equal(r.asked, 2);
	assert_null(strstr(r.when_asked[0], KEYS));
	assert_non_null(strstr(r.when_asked[1], KEYS));
}

static void test_over_ssh_how_a_message_went_comes_with_the_question_for_its_code(void **state)
{
	struct stage *s = *state;
	struct remote r = { .answer = { "*", CODE } };

	s->shared->serve = serve_message;
	assert_int_equal(log_in_from_afar(s, &r), PAM_SUCCESS);
	assert_null(strstr(r.when_asked[0], english(KM_TEXT_ORDER_SENT)));
	assert_non_null(strstr(r.when_asked[1], english(KM_TEXT_ORDER_SENT)));
}

static void test_over_ssh_why_nobody_was_reached_comes_with_the_next_question(void **state)
{
	struct stage *s = *state;
	struct remote r = { .answer = { "", "", CODE } };

	s->shared->serve = serve_unanswered_call;
	assert_int_equal(log_in_from_afar(s, &r), PAM_SUCCESS);
	assert_null(strstr(r.when_asked[1], english(KM_TEXT_ORDER_NO_ANSWER)));
	assert_non_null(strstr(r.when_asked[2], english(KM_TEXT_ORDER_NO_ANSWER)));
}

/* --- one field for password and code ------------------------------------------------- */

static const char split_stack[] = "auth optional %M split=6\n"
				  "auth requisite %P\n"
				  "auth required %M\n";

static void serve_code_or_phone(struct peer *p)
{
	if (!peer_greet(p))
		return;
	prompt(p, KM_TEXT_PROMPT_PHONE, PHONE);
	peer_send_result(p, peer_answer(p) ? KM_VERDICT_ALLOW : KM_VERDICT_DENY, KM_REASON_WRONG,
			 0);
}

static void test_a_code_behind_the_password_answers_and_nothing_is_sent(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_code_or_phone;
	stage_file(s, split_stack);
	s->person.answer[0] = PASSWORD CODE;
	assert_int_equal(stage_login(s), PAM_SUCCESS);
	assert_int_equal(s->person.prompts, 1);
	assert_string_equal(s->shared->answer[0], CODE);
}

/* A star behind the password is part of it: one field cannot have a code sent. */
static void test_one_field_cannot_have_a_code_sent(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_message;
	stage_file(s, split_stack);
	s->person.answer[0] = PASSWORD "*";
	assert_int_equal(stage_login(s), PAM_AUTH_ERR);
	assert_int_equal(s->shared->connections, 0);
}

static void test_a_program_that_asks_again_can_have_one_sent_behind_a_split_line(void **state)
{
	struct stage *s = *state;

	s->shared->serve = serve_message;
	stage_file(s, split_stack);
	s->person.answer[0] = PASSWORD;
	s->person.answer[1] = "";
	s->person.answer[2] = CODE;
	assert_int_equal(stage_login(s), PAM_SUCCESS);
}

#define T(name) cmocka_unit_test_setup(name, stage_reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_enter_and_a_star_have_a_code_sent_and_then_it_is_asked_for),
		T(test_what_is_on_its_way_is_waited_for_beyond_the_timeout),
		T(test_c22_a_password_given_to_every_prompt_sends_nothing),
		T(test_c30_a_conversation_that_gives_no_answer_sends_nothing),
		T(test_the_digits_are_asked_like_a_question_and_what_is_typed_there_is_no_answer),
		T(test_a_call_that_nobody_answers_leads_to_the_next_factor),
		T(test_the_digits_are_shown_to_who_is_shown_nothing_else),
		T(test_who_has_to_run_for_the_telephone_is_waited_for_beyond_the_timeout),
		T(test_a_conversation_that_fails_at_the_digits_is_refused_and_aborted),
		T(test_c12_digits_without_the_stamp_of_the_vault_are_shown_to_nobody),
		T(test_other_words_need_no_stamp_and_ask_nothing),
		T(test_a_call_in_an_account_check_is_refused),
		T(test_c28_a_call_while_a_prompt_is_open_is_refused),
		T(test_over_ssh_the_digits_are_on_the_screen_before_the_telephone_rings),
		T(test_over_ssh_how_a_message_went_comes_with_the_question_for_its_code),
		T(test_over_ssh_why_nobody_was_reached_comes_with_the_next_question),
		T(test_a_code_behind_the_password_answers_and_nothing_is_sent),
		T(test_one_field_cannot_have_a_code_sent),
		T(test_a_program_that_asks_again_can_have_one_sent_behind_a_split_line),
	};

	return cmocka_run_group_tests(tests, stage_setup, stage_teardown);
}
