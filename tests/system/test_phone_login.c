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
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include <kenmon/texts.h>

#include "house_office.h"

#define MOBILE  "+819012345678"
#define OTHER   "+818098765432"
#define ENTER   ""
#define WAIT_MS 20000 /* a gateway that takes longer is broken */
#define SITE_LIMIT                                                                                 \
	"[phone]\noperator-hour = 100\noperator-day = 1000\nnumber-hour = 100\nnumber-day = "      \
	"1000\n"

/* --- the telephone ------------------------------------------------------------------------ */

static char telephone[64]; /* the folder: message, number, and exit, where the gateway is to fail */
static char code[16];      /* of the last message that was read */

static void in_telephone(const char *name, char out[128])
{
	snprintf(out, 128, "%s/%s", telephone, name);
}

static void put(const char *name, const char *text, mode_t mode)
{
	char path[128];
	FILE *f;

	in_telephone(name, path);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static bool get(const char *name, char *out, size_t cap)
{
	char path[128];
	FILE *f;
	size_t n;

	in_telephone(name, path);
	f = fopen(path, "re");
	if (!f)
		return false;
	n = fread(out, 1, cap - 1, f);
	out[n] = '\0';
	fclose(f);
	return true;
}

static void forget(const char *name)
{
	char path[128];

	in_telephone(name, path);
	unlink(path);
}

/* The last message; false: none came. It is gone from there afterwards. */
static bool message_in_hand(void)
{
	char text[512] = "";
	size_t n = 0;

	if (!get("message", text, sizeof(text)))
		return false;
	forget("message");
	for (const char *c = text; *c; c++)
		if (*c >= '0' && *c <= '9' && n < sizeof(code) - 1)
			code[n++] = *c;
	code[n] = '\0';
	return true;
}

/* Before an answer: the person looks at their telephone, which may take a moment to have it. */
static bool look(void *arg, unsigned prompt)
{
	(void)arg;
	if (prompt == 0)
		return true;
	for (int ms = 0; ms < WAIT_MS; ms += 5) {
		if (message_in_hand())
			return true;
		usleep(5000);
	}
	fprintf(stderr, "no message came\n");
	return false;
}

static void make_telephone(void)
{
	char text[1024];

	snprintf(telephone, sizeof(telephone), "/tmp/kenmon-telephone-XXXXXX");
	assert_non_null(mkdtemp(telephone));
	assert_int_equal(chmod(telephone, 0755), 0);
	/* Renamed when it is whole, the number first. */
	snprintf(
	    text, sizeof(text),
	    "#!/bin/sh\ncd %s || exit 1\n/bin/cat >new\n[ -e exit ] && exit \"$(/bin/cat exit)\"\n"
	    "[ -e slow ] && /bin/sleep 30\nprintf %%s \"$1\" >number\nexec /bin/mv new message\n",
	    telephone);
	put("gateway", text, 0755);
}

static void remove_telephone(void)
{
	static const char *const names[] = {
		"gateway", "message", "number", "new", "exit", "slow"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		forget(names[i]);
	rmdir(telephone);
}

/* --- the house ------------------------------------------------------------------------------- */

static km_rc enrol_phone(const struct house *h, const char *login, const char *number)
{
	struct km_msg m = { .number = KM_MSG_ENROL_PHONE };

	m.enrol_phone.factor = KM_FACTOR_SMS;
	snprintf(m.enrol_phone.login, sizeof(m.enrol_phone.login), "%s", login);
	snprintf(m.enrol_phone.number, sizeof(m.enrol_phone.number), "%s", number);
	return office_do(h, &m, NULL);
}

/* "daemon" has a token and a telephone, "bin" a token alone, "games" nothing. */
static int set_up(void **state, const char *more)
{
	const struct office_otp otp = { .factor = KM_FACTOR_HOTP };
	const struct office_otp other = { .factor = KM_FACTOR_HOTP, .secret = OFFICE_OTHER };
	struct house *h = calloc(1, sizeof(*h));
	char config[1024];

	*state = h;
	make_telephone();
	snprintf(config, sizeof(config),
		 "[login]\nfactors = hotp+sms\n[sms]\ngateway = exec\nprogram = %s/gateway\n%s",
		 telephone, more);
	return h && office_house(h, config) && office_add(h, "daemon", 1) == KM_OK &&
		       office_add(h, "bin", 2) == KM_OK && office_add(h, "games", 5) == KM_OK &&
		       office_enrol(h, "daemon", &otp, NULL) == KM_OK &&
		       office_enrol(h, "bin", &other, NULL) == KM_OK &&
		       enrol_phone(h, "daemon", "090-1234-5678") == KM_OK
		   ? 0
		   : -1;
}

static int setup(void **state)
{
	return set_up(state, SITE_LIMIT);
}

static int setup_frugal(void **state)
{
	return set_up(state, "[phone]\noperator-hour = 3\n");
}

static int teardown(void **state)
{
	remove_telephone();
	return office_teardown(state);
}

static int login(const struct house *h, struct house_login *l, const char *user,
		 const char *const answers[])
{
	*l = (struct house_login){ .user = user, .answers = answers, .before_answer = look };
	return house_login(h, l);
}

/* The same, by somebody who has no telephone in hand. */
static int blind(const struct house *h, struct house_login *l, const char *user,
		 const char *const answers[])
{
	*l = (struct house_login){ .user = user, .answers = answers };
	return house_login(h, l);
}

static void token(char out[16], uint64_t counter)
{
	house_hotp(out, OFFICE_SECRET, 6, counter);
}

static bool said(const struct house_login *l, enum km_text text)
{
	for (unsigned i = 0; i < l->messages && i < HOUSE_TALK; i++)
		if (strcmp(l->message[i], km_text(text, KM_LANG_EN)) == 0)
			return true;
	return false;
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

/* --- one login ----------------------------------------------------------------------------------
 */

static void test_enter_brings_a_message_and_the_code_in_it_opens(void **state)
{
	const struct house *h = *state;
	struct house_login l;
	char number[32];

	assert_int_equal(login(h, &l, "daemon", (const char *const[]){ ENTER, code, NULL }),
			 PAM_SUCCESS);
	assert_int_equal(l.prompts, 2);
	asked(&l, 0, KM_TEXT_PROMPT_PHONE);
	asked(&l, 1, KM_TEXT_PROMPT_SENT);
	assert_true(said(&l, KM_TEXT_ORDER_SENT));
	assert_int_equal(strlen(code), 6);
	assert_true(get("number", number, sizeof(number)));
	assert_string_equal(number, MOBILE);
	assert_int_equal(office_audited(h, KM_EVENT_CODE_SENT, "daemon", NULL), 1);
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_ALLOWED, "daemon", "factor=sms"), 1);
}

/* Once is enough; and it was of that login alone. */
static void test_the_same_code_opens_nothing_again(void **state)
{
	const struct house *h = *state;
	struct house_login l;
	char old[16];

	assert_int_equal(login(h, &l, "daemon", (const char *const[]){ "*", code, NULL }),
			 PAM_SUCCESS);
	snprintf(old, sizeof(old), "%s", code);
	assert_int_not_equal(blind(h, &l, "daemon", (const char *const[]){ old, NULL }),
			     PAM_SUCCESS);
	assert_int_not_equal(blind(h, &l, "daemon", (const char *const[]){ ENTER, old, NULL }),
			     PAM_SUCCESS);
	(void)message_in_hand();
}

static void test_c17_neither_code_nor_number_is_in_a_file_of_the_house(void **state)
{
	const struct house *h = *state;
	struct house_login l;
	char where[HOUSE_PATH] = "";

	assert_int_equal(login(h, &l, "daemon", (const char *const[]){ ENTER, code, NULL }),
			 PAM_SUCCESS);
	assert_false(house_holds(h, code, strlen(code), where));
	assert_false(house_holds(h, MOBILE, strlen(MOBILE), where));
	assert_false(house_holds(h, MOBILE + 1, strlen(MOBILE) - 1, where));
}

static void test_the_same_prompt_takes_a_tokens_code(void **state)
{
	const struct house *h = *state;
	struct house_login l;
	char typed[16];

	token(typed, 0);
	assert_int_equal(blind(h, &l, "daemon", (const char *const[]){ typed, NULL }), PAM_SUCCESS);
	asked(&l, 0, KM_TEXT_PROMPT_PHONE);
	assert_false(message_in_hand());
	/* And so does the one that asks for what was sent. */
	token(typed, 1);
	assert_int_equal(login(h, &l, "daemon", (const char *const[]){ ENTER, typed, NULL }),
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
	assert_true(said(&l, KM_TEXT_CODE_WRONG));
	asked(&l, 2, KM_TEXT_PROMPT_SENT);
	assert_int_equal(fails(h), before + 1);
	assert_true(message_in_hand());
	/* That login is over, and its code with it. */
	assert_int_not_equal(blind(h, &l, "daemon", (const char *const[]){ code, NULL }),
			     PAM_SUCCESS);
	assert_int_equal(login(h, &l, "daemon", (const char *const[]){ ENTER, code, NULL }),
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
	assert_true(message_in_hand());
	snprintf(first, sizeof(first), "%s", code);
	assert_int_equal(login(h, &l, "daemon", (const char *const[]){ ENTER, ENTER, ENTER, NULL }),
			 PAM_CONV_ERR);
	assert_int_equal(fails(h), 1);
	asked(&l, 2, KM_TEXT_PROMPT_SENT);
	(void)message_in_hand();
	assert_int_equal(login(h, &l, "daemon", (const char *const[]){ ENTER, ENTER, code, NULL }),
			 PAM_SUCCESS);
	assert_int_equal(l.prompts, 3);
	assert_int_equal(fails(h), 0);
}

/* --- who has no telephone
 * -------------------------------------------------------------------------- */

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
		blind(h, &l, people[i], (const char *const[]){ ENTER, "000000", ENTER, NULL });
		transcript(&l, seen[i], sizeof(seen[i]));
		assert_int_equal(message_in_hand(), i == 0);
		assert_true(l.prompts >= 3);
		assert_string_equal(seen[i], seen[0]);
	}
}

/* --- what does not go as it should
 * -------------------------------------------------------------------- */

static void test_a_gateway_that_refuses_leads_to_the_next_factor(void **state)
{
	const struct house *h = *state;
	struct house_login l;
	char typed[16];

	put("exit", "77", 0644); /* EX_NOPERM */
	token(typed, 2);
	assert_int_equal(blind(h, &l, "daemon", (const char *const[]){ ENTER, typed, NULL }),
			 PAM_SUCCESS);
	forget("exit");
	assert_true(said(&l, KM_TEXT_ORDER_GATEWAY));
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
	assert_int_equal(blind(h, &l, "daemon", (const char *const[]){ ENTER, typed, NULL }),
			 PAM_SUCCESS);
	assert_true(house_wait_room(h, "kenmon-courier", old) > 0);
	for (int i = 0; i < 400 && l.code == PAM_SUCCESS; i++) {
		(void)message_in_hand();
		blind(h, &l, "daemon", (const char *const[]){ ENTER, NULL });
		if (said(&l, KM_TEXT_ORDER_SENT))
			break;
		l.code = PAM_SUCCESS;
		usleep(50000);
	}
	(void)message_in_hand();
	assert_int_equal(login(h, &l, "daemon", (const char *const[]){ ENTER, code, NULL }),
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
		assert_true(message_in_hand());
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
					  .answers = (const char *const[]){ ENTER, code, NULL },
					  .before_answer = kill_it };
		assert_int_equal(house_login(h, &l), PAM_AUTHINFO_UNAVAIL);
		/* And the next one works. */
		for (int n = 0; n < 400; n++) {
			if (login(h, &l, "daemon", (const char *const[]){ ENTER, code, NULL }) ==
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

	assert_int_equal(enrol_phone(h, "daemon", "080-9876-5432"), KM_OK);
	/* The notice goes to the old number; the code of the login to the new one. */
	for (int ms = 0; ms < WAIT_MS && !message_in_hand(); ms += 5)
		usleep(5000);
	assert_true(get("number", number, sizeof(number)));
	assert_string_equal(number, MOBILE);
	assert_int_equal(login(h, &l, "daemon", (const char *const[]){ ENTER, code, NULL }),
			 PAM_SUCCESS);
	assert_true(get("number", number, sizeof(number)));
	assert_string_equal(number, OTHER);
	assert_true(said(&l, KM_TEXT_PHONE_CHANGED));
	assert_int_equal(login(h, &l, "daemon", (const char *const[]){ ENTER, code, NULL }),
			 PAM_SUCCESS);
	assert_false(said(&l, KM_TEXT_PHONE_CHANGED));
}

/* C19, C20: the limit for sends hits, the one for guesses does not; and it outlives a restart. */
static void test_c20_beyond_the_budget_nothing_is_sent_and_another_factor_opens(void **state)
{
	struct house *h = *state;
	struct house_login l;
	char typed[16];

	for (unsigned i = 0; i < 20; i++) {
		blind(h, &l, "daemon", (const char *const[]){ ENTER, NULL });
		assert_int_equal(l.code, PAM_CONV_ERR);
		assert_int_equal(said(&l, KM_TEXT_PHONE_BUDGET), i >= 3);
		asked(&l, 1, i >= 3 ? KM_TEXT_PROMPT_CODE : KM_TEXT_PROMPT_SENT);
		(void)message_in_hand();
	}
	assert_int_equal(office_audited(h, KM_EVENT_CODE_SENT, "daemon", NULL), 3);
	assert_int_equal(fails(h), 0);
	office_close();
	assert_true(house_stop(h));
	assert_true(house_again(h));
	token(typed, 0);
	assert_int_equal(blind(h, &l, "daemon", (const char *const[]){ ENTER, typed, NULL }),
			 PAM_SUCCESS);
	assert_true(said(&l, KM_TEXT_PHONE_BUDGET));
	assert_false(message_in_hand());
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
	int failed = cmocka_run_group_tests_name("phone_login", tests, setup, teardown);

	return failed + cmocka_run_group_tests_name("phone_budget", frugal, setup_frugal, teardown);
}
