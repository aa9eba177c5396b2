/*
 * Logins by a call: real rooms, real libpam, and sipp as the telephone, which rings on loopback.
 * What is keyed in there is what the door shows on the screen, or is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include "house_calls.h"

static struct exchange line; /* its address and sounds alone: the courier is the house's */
static struct house *h;
static unsigned counter; /* of the next code of the token */

static int begin(const char *mode)
{
	counter = 0;
	exchange_make(&line, SOCK_DGRAM);
	return calls_house(&h, &line, mode) ? 0 : -1;
}

static int begin_keypad(void **state)
{
	(void)state;
	return begin("keypad");
}

static int begin_spoken(void **state)
{
	(void)state;
	return begin("spoken");
}

static int begin_confirm(void **state)
{
	(void)state;
	return begin("confirm");
}

static int end(void **state)
{
	void *house = h;

	(void)state;
	exchange_close(&line);
	return office_teardown(&house);
}

/* --- the person, and what they do at the telephone --------------------------------------- */

struct person {
	struct house_login l;
	const char *scenario, *keys; /* NULL: what is on the screen, and '#' */
	pid_t telephone;
	char shown[32]; /* the digits of the second prompt */
};

static void digits_of(const char *text, char out[32])
{
	size_t n = 0;

	for (; *text && n < 31; text++)
		if (*text >= '0' && *text <= '9')
			out[n++] = *text;
	out[n] = '\0';
}

/* The telephone was ringing all the while; it is picked up now. */
static bool at_the_call(void *arg, unsigned prompt)
{
	struct person *p = arg;
	char keys[40];

	if (prompt != 1)
		return true;
	digits_of(p->l.prompt[1], p->shown);
	snprintf(keys, sizeof(keys), "%s#", p->shown);
	keys_save(&line, p->keys ? p->keys : keys);
	p->telephone = telephone_start(&line, "u1", p->scenario, 1);
	return true;
}

/* One login: Enter, a call, Enter; and a code of the token, should it be asked for. */
static int calls(struct person *p, const char *scenario, const char *keys)
{
	static char token[16];
	static const char *const answers[] = { ENTER, ENTER, token, NULL };

	*p = (struct person){ .scenario = scenario, .keys = keys };
	house_hotp(token, OFFICE_SECRET, 6, counter);
	p->l = (struct house_login){
		.user = "daemon", .answers = answers, .before_answer = at_the_call, .arg = p
	};
	house_login(h, &p->l);
	counter += p->l.prompts > 2;
	return p->l.code;
}

static int fails(void)
{
	return office_fails(h, "daemon", KM_FACTOR_VOICE);
}

/* --- digits on the screen ------------------------------------------------------------------- */

static void test_the_digits_on_the_screen_keyed_in_at_the_telephone_open(void **state)
{
	struct person p;
	char where[HOUSE_PATH] = "";

	(void)state;
	assert_int_equal(calls(&p, TAKE_CALL RING ANSWER PLAY HUNG_UP, NULL), PAM_SUCCESS);
	telephone_content(&line, p.telephone);
	assert_int_equal(p.l.prompts, 2);
	assert_string_equal(p.l.prompt[0], km_text(KM_TEXT_PROMPT_PHONE, KM_LANG_EN));
	assert_int_equal(strlen(p.shown), 6);
	assert_non_null(strstr(p.l.prompt[1], "Press Enter here"));
	assert_int_equal(p.l.prompt_style[1], PAM_PROMPT_ECHO_ON);
	assert_true(phone_said(&p.l, KM_TEXT_ORDER_RINGING));
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_ALLOWED, "daemon", "factor=voice"), 1);
	/* They are written down nowhere. */
	assert_false(house_holds_code(h, p.shown, where));
}

static void test_other_digits_are_refused_and_counted_and_another_factor_opens(void **state)
{
	struct person p;

	(void)state;
	/* One in a million is right. */
	assert_int_equal(calls(&p, TAKE_CALL RING ANSWER PLAY HUNG_UP, "000000#"), PAM_SUCCESS);
	telephone_content(&line, p.telephone);
	assert_true(phone_said(&p.l, KM_TEXT_CODE_WRONG));
	assert_int_equal(p.l.prompts, 3);
	assert_string_equal(p.l.prompt[2], km_text(KM_TEXT_PROMPT_PHONE, KM_LANG_EN));
	assert_int_equal(fails(), 1);
	/* And forgiven by the right ones. */
	assert_int_equal(calls(&p, TAKE_CALL RING ANSWER PLAY HUNG_UP, NULL), PAM_SUCCESS);
	telephone_content(&line, p.telephone);
	assert_int_equal(fails(), 0);
}

static void test_a_star_refuses_the_login_and_is_written_down(void **state)
{
	struct person p;

	(void)state;
	assert_int_equal(calls(&p, TAKE_CALL RING ANSWER PLAY HUNG_UP, "*"), PAM_AUTH_ERR);
	telephone_content(&line, p.telephone);
	assert_int_equal(p.l.prompts, 2);
	assert_true(phone_said(&p.l, KM_TEXT_ORDER_NOT_ME));
	assert_int_equal(office_audited(h, KM_EVENT_PHONE_NOT_ME, "daemon", NULL), 1);
	assert_int_equal(fails(), 1);
	assert_int_equal(office_unlock(h, "daemon"), KM_OK);
}

static void test_a_call_of_which_nothing_comes_says_why_and_another_factor_opens(void **state)
{
	static const struct {
		const char *scenario;
		enum km_text text;
	} rows[] = {
		{ TAKE_CALL RING REFUSE("486 Busy Here"), KM_TEXT_ORDER_BUSY },
		{ TAKE_CALL RING REFUSE("480 Temporarily Unavailable"), KM_TEXT_ORDER_NO_ANSWER },
		{ TAKE_CALL RING REFUSE("603 Decline"), KM_TEXT_ORDER_DECLINED },
		{ TAKE_CALL REFUSE("404 Not Found"), KM_TEXT_ORDER_NO_NUMBER },
		{ TAKE_CALL REFUSE("503 Service Unavailable"), KM_TEXT_ORDER_GATEWAY },
		{ TAKE_CALL RING ANSWER PAUSE("200") HANG_UP, KM_TEXT_ORDER_HUNG_UP },
		/* Asked three times, in short: test_calls waits for as long as a mailbox. */
		{ TAKE_CALL RING ANSWER PLAY HUNG_UP, KM_TEXT_ORDER_NO_KEY },
	};
	struct person p;
	int before = fails();

	(void)state;
	if (!telephone_may_play())
		skip();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(calls(&p, rows[i].scenario, "###"), PAM_SUCCESS);
		telephone_content(&line, p.telephone);
		assert_int_equal(p.l.prompts, 3);
		assert_string_equal(p.l.prompt[2], km_text(KM_TEXT_PROMPT_PHONE, KM_LANG_EN));
		assert_true(phone_said(&p.l, rows[i].text));
		/* Nothing of it is a guess. */
		assert_int_equal(fails(), before);
	}
}

static bool gives_up(void *arg, unsigned prompt)
{
	return at_the_call(arg, prompt) && prompt == 0;
}

/* Ctrl-C: the telephone stops ringing. */
static void test_whoever_gives_up_at_the_screen_ends_the_call(void **state)
{
	struct person p = { .scenario = TAKE_CALL RING
			    "<recv request=\"CANCEL\"/>\n" SEND("SIP/2.0 200 OK\n" BACK),
			    .keys = "0" };

	(void)state;
	p.l = (struct house_login){ .user = "daemon",
				    .answers = (const char *const[]){ ENTER, ENTER, NULL },
				    .before_answer = gives_up,
				    .arg = &p };
	assert_int_equal(house_login(h, &p.l), PAM_CONV_ERR);
	telephone_content(&line, p.telephone);
}

/* --- '#' alone -------------------------------------------------------------------------------- */

static void test_where_the_site_says_so_the_hash_key_alone_opens(void **state)
{
	struct person p;

	(void)state;
	assert_int_equal(calls(&p, TAKE_CALL RING ANSWER PLAY HUNG_UP, "#"), PAM_SUCCESS);
	telephone_content(&line, p.telephone);
	assert_string_equal(p.shown, "");
	assert_non_null(strstr(p.l.prompt[1], km_text(KM_TEXT_CONFIRM_CALL, KM_LANG_EN)));
}

/* --- a desk's calls --------------------------------------------------------------------------- */

static void test_a_test_call_is_answered_with_the_hash_key_and_asks_for_no_code(void **state)
{
	struct km_msg m = { .number = KM_MSG_COURIER_TEST, .courier_test.factor = KM_FACTOR_VOICE };
	pid_t telephone;

	(void)state;
	snprintf(m.courier_test.number, sizeof(m.courier_test.number), LANDLINE);
	keys_save(&line, "#");
	telephone = telephone_start(&line, "u1", TAKE_CALL RING ANSWER PLAY HUNG_UP, 1);
	assert_int_equal(office_do(h, &m, NULL), KM_OK);
	telephone_content(&line, telephone);
	assert_int_equal(office_audited(h, KM_EVENT_COURIER_TESTED, NULL, "factor=voice"), 1);
	assert_int_equal(office_audited(h, KM_EVENT_CODE_SENT, NULL, NULL), 0);
	/* Nobody there, or a mailbox: it says so. */
	telephone = telephone_start(&line, "u1", TAKE_CALL RING REFUSE("486 Busy Here"), 1);
	assert_int_equal(office_do(h, &m, NULL), KM_ENOTSENT);
	telephone_content(&line, telephone);
}

/* The old number rings, whoever answers hears of it to the end, and so does who logs in next. */
static void
test_a_landline_that_was_changed_is_called_and_its_owner_told_at_the_next_login(void **state)
{
	struct km_msg m = { .number = KM_MSG_ENROL_PHONE };
	struct person p;
	pid_t telephone;

	(void)state;
	m.enrol_phone.factor = KM_FACTOR_VOICE;
	snprintf(m.enrol_phone.login, sizeof(m.enrol_phone.login), "daemon");
	snprintf(m.enrol_phone.number, sizeof(m.enrol_phone.number), "03-8765-4321");
	telephone = telephone_start(
	    &line, "u1",
	    TAKE_CALL_FOR("[+]81312345678", "127[.]0[.]0[.]1", "kenmon") RING ANSWER HUNG_UP, 1);
	assert_int_equal(office_do(h, &m, NULL), KM_OK);
	telephone_content(&line, telephone); /* hung up by us, once all was said */
	assert_int_equal(office_audited(h, KM_EVENT_PHONE_CHANGED, "daemon", "notice=notice-call"),
			 1);
	assert_int_equal(office_audited(h, KM_EVENT_CODE_NOT_SENT, "daemon", NULL), 0);
	/* and from now on the new one */
	assert_int_equal(calls(&p,
			       TAKE_CALL_FOR("[+]81387654321", "127[.]0[.]0[.]1", "kenmon")
				   RING ANSWER PLAY HUNG_UP,
			       "#"),
			 PAM_SUCCESS);
	telephone_content(&line, p.telephone);
	assert_true(phone_said(&p.l, KM_TEXT_PHONE_CHANGED));
	assert_int_equal(calls(&p, TAKE_CALL RING ANSWER PLAY HUNG_UP, "#"), PAM_SUCCESS);
	telephone_content(&line, p.telephone);
	assert_false(phone_said(&p.l, KM_TEXT_PHONE_CHANGED));
}

/* --- a code that is read ------------------------------------------------------------------------
 */

static pid_t reader;

/* Before the code is typed the call has ended, with a star. */
static bool after_the_star(void *arg, unsigned prompt)
{
	(void)arg;
	if (prompt == 1) {
		telephone_content(&line, reader);
		for (int i = 0; i < 2000; i++) {
			if (office_audited(h, KM_EVENT_PHONE_NOT_ME, "daemon", NULL) > 0)
				return true;
			usleep(10000);
		}
		return false;
	}
	return true;
}

/* The prompt is open, and nobody has answered it: the vault's no is what the door hears first. */
static void test_a_star_in_a_call_that_reads_the_code_ends_the_login_at_its_prompt(void **state)
{
	struct house_login l = { .user = "daemon",
				 .answers = (const char *const[]){ ENTER, "000000", NULL },
				 .before_answer = after_the_star };

	(void)state;
	keys_save(&line, "*");
	reader = telephone_start(&line, "u1", TAKE_CALL RING ANSWER PLAY HUNG_UP, 1);
	assert_int_equal(house_login(h, &l), PAM_AUTH_ERR);
	assert_string_equal(l.prompt[1], km_text(KM_TEXT_PROMPT_SPOKEN, KM_LANG_EN));
	assert_true(phone_said(&l, KM_TEXT_ORDER_ANSWERED));
	assert_true(phone_said(&l, KM_TEXT_ORDER_NOT_ME));
	/* The link between the rooms has borne it: the next login works. */
	assert_int_equal(office_unlock(h, "daemon"), KM_OK);
	{
		char token[16];
		const char *const answers[] = { token, NULL };

		house_hotp(token, OFFICE_SECRET, 6, 0);
		assert_int_equal(phone_blind(h, &l, "daemon", answers), PAM_SUCCESS);
	}
}

int main(void)
{
	const struct CMUnitTest keypad[] = {
		/* In this order: each uses the next code of one token. */
		cmocka_unit_test(test_the_digits_on_the_screen_keyed_in_at_the_telephone_open),
		cmocka_unit_test(
		    test_other_digits_are_refused_and_counted_and_another_factor_opens),
		cmocka_unit_test(test_a_star_refuses_the_login_and_is_written_down),
		cmocka_unit_test(
		    test_a_call_of_which_nothing_comes_says_why_and_another_factor_opens),
		cmocka_unit_test(test_whoever_gives_up_at_the_screen_ends_the_call),
	};
	const struct CMUnitTest confirm[] = {
		cmocka_unit_test(
		    test_a_test_call_is_answered_with_the_hash_key_and_asks_for_no_code),
		cmocka_unit_test(
		    test_a_landline_that_was_changed_is_called_and_its_owner_told_at_the_next_login),
		cmocka_unit_test(test_where_the_site_says_so_the_hash_key_alone_opens),
	};
	const struct CMUnitTest spoken[] = {
		cmocka_unit_test(
		    test_a_star_in_a_call_that_reads_the_code_ends_the_login_at_its_prompt),
	};

	return cmocka_run_group_tests_name("keypad", keypad, begin_keypad, end) +
	       cmocka_run_group_tests_name("confirm", confirm, begin_confirm, end) +
	       cmocka_run_group_tests_name("spoken", spoken, begin_spoken, end);
}
