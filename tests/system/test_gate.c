/* Who may come in with a right code: state, dates, accounts, and what strangers learn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include "house_office.h"

#define DAEMON_UID 1
#define BIN_UID    2
#define SYS_UID    3
#define GAMES_UID  5
#define STRANGER   "kenmon-nobody-here"

static struct house_login seen; /* the last login */

static int no_conversation(int n, const struct pam_message **m, struct pam_response **r, void *arg)
{
	(void)n;
	(void)m;
	(void)r;
	(void)arg;
	return PAM_CONV_ERR;
}

/* acct_mgmt by itself, as cron and sshd with keys ask it. */
static int account(const struct house *h, const char *login)
{
	const struct pam_conv conv = { .conv = no_conversation };
	pam_handle_t *pamh = NULL;
	int rc;

	assert_int_equal(pam_start_confdir(HOUSE_SERVICE, login, &conv, h->pam, &pamh),
			 PAM_SUCCESS);
	rc = pam_acct_mgmt(pamh, 0);
	pam_end(pamh, rc);
	return rc;
}

/* The civil day so many days from today, in the zone these houses have. */
static void day_text(char out[16], int days)
{
	time_t t = time(NULL) + days * 86400L;
	struct tm tm;

	assert_non_null(gmtime_r(&t, &tm));
	assert_int_equal(strftime(out, 16, "%Y-%m-%d", &tm), 10);
}

static void add_with_dates(const struct house *h, const char *login, const char *option, int days)
{
	const struct office_otp otp = { 0 };
	char day[16], number[80];

	day_text(day, days);
	snprintf(number, sizeof(number), "E-%s", login);
	assert_int_equal(house_desk(h, NULL, NULL, "operator", "add", login, "--employee-number",
				    number, "--name", "N", "--department", "D", option, day, NULL),
			 0);
	assert_int_equal(office_enrol(h, login, &otp, NULL), KM_OK);
}

/* --- state and dates -------------------------------------------------------- */

static void test_a_suspended_operator_is_refused_with_a_right_code_until_resumed(void **state)
{
	const struct house *h = *state;
	char code[16];

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	assert_int_equal(account(h, "daemon"), PAM_SUCCESS);
	assert_int_equal(office_suspend(h, "daemon"), KM_OK);
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_AUTH_ERR);
	assert_int_equal(account(h, "daemon"), PAM_ACCT_EXPIRED);
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_REFUSED, "daemon", "reason=suspended"),
			 1);
	assert_int_equal(office_audited(h, KM_EVENT_ACCOUNT_REFUSED, "daemon", "reason=suspended"),
			 1);
	assert_int_equal(office_resume(h, "daemon"), KM_OK);
	assert_int_equal(account(h, "daemon"), PAM_SUCCESS);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
}

static void test_an_operator_before_the_first_day_is_refused(void **state)
{
	const struct house *h = *state;
	char code[16];

	add_with_dates(h, "daemon", "--valid-from", 2);
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_AUTH_ERR);
	assert_int_equal(account(h, "daemon"), PAM_ACCT_EXPIRED);
	assert_int_equal(
	    office_audited(h, KM_EVENT_LOGIN_REFUSED, "daemon", "reason=outside-dates"), 1);
	add_with_dates(h, "bin", "--valid-from", 0);
	assert_int_equal(office_try(h, "bin", code), PAM_SUCCESS);
}

static void test_an_operator_after_the_last_day_is_refused_and_on_it_is_not(void **state)
{
	const struct house *h = *state;
	char code[16];

	add_with_dates(h, "daemon", "--valid-until", -1);
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_AUTH_ERR);
	assert_int_equal(account(h, "daemon"), PAM_ACCT_EXPIRED);
	add_with_dates(h, "bin", "--valid-until", 0);
	assert_int_equal(office_try(h, "bin", code), PAM_SUCCESS);
	assert_int_equal(account(h, "bin"), PAM_SUCCESS);
}

static void test_an_erased_operator_is_refused_and_unknown(void **state)
{
	const struct house *h = *state;
	char code[16];

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	assert_int_equal(
	    house_desk(h, NULL, NULL, "erase", "daemon", "--reason", "left", "--yes", NULL), 0);
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_AUTH_ERR);
	assert_int_equal(account(h, "daemon"), PAM_USER_UNKNOWN);
}

static void test_an_unknown_name_is_unknown_to_the_account_check(void **state)
{
	const struct house *h = *state;

	assert_int_equal(account(h, "sys"), PAM_USER_UNKNOWN);
	assert_int_equal(account(h, STRANGER), PAM_USER_UNKNOWN);
	assert_int_equal(office_audited(h, KM_EVENT_ACCOUNT_REFUSED, NULL, "reason=unknown-name"),
			 2);
}

/* --- C25: what a stranger sees ------------------------------------------------- */

/* All that a login says and asks, as one text. */
static void transcript(char *out, size_t cap)
{
	size_t at = (size_t)snprintf(out, cap, "code %d\n", seen.code);

	for (unsigned i = 0; i < seen.prompts; i++)
		at += (size_t)snprintf(out + at, cap - at, "prompt %d %s\n", seen.prompt_style[i],
				       seen.prompt[i]);
	for (unsigned i = 0; i < seen.messages; i++)
		at += (size_t)snprintf(out + at, cap - at, "message %d %s\n", seen.message_style[i],
				       seen.message[i]);
}

/* C25 */
static void test_strangers_and_operators_see_the_same_prompts_and_results(void **state)
{
	static const char *const names[] = { "daemon", "bin", "games", "sys", STRANGER };
	static const char *const wrong[] = { "000000", "111111", "222222", NULL };
	static char expected[3][2048], got[2048];
	const struct house *h = *state;
	uint32_t prompts = 0;

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID)); /* enrolled */
	assert_int_equal(office_add(h, "bin", BIN_UID), KM_OK);     /* without a factor */
	assert_true(office_totp_operator(h, "games", GAMES_UID));   /* suspended */
	assert_int_equal(office_suspend(h, "games"), KM_OK);
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		/* Three wrong codes, two more, and one in the wait. */
		for (unsigned n = 0; n < 3; n++) {
			office_talk(h, &seen, NULL, names[i], wrong);
			transcript(got, sizeof(got));
			prompts += seen.prompts;
			if (i == 0)
				memcpy(expected[n], got, sizeof(got));
			if (n == 2) /* the seconds that are left: the clock goes on meanwhile */
				assert_int_equal(strncmp(got, expected[n], 60), 0);
			else
				assert_string_equal(got, expected[n]);
			assert_int_equal(seen.code, n == 0 ? PAM_AUTH_ERR : PAM_MAXTRIES);
		}
	}
	assert_int_equal(prompts, 5 * (3 + 2 + 1));
}

/* C25: a right code tells nothing about a suspended operator either. */
static void test_a_suspended_operators_right_code_looks_like_a_wrong_one(void **state)
{
	static char right[2048], wrong[2048];
	const struct house *h = *state;
	char code[16];
	const char *answers[] = { code, "000000", code, NULL };

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	assert_true(office_totp_operator(h, "games", GAMES_UID));
	assert_int_equal(office_suspend(h, "games"), KM_OK);
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_talk(h, &seen, NULL, "games", answers), PAM_AUTH_ERR);
	transcript(right, sizeof(right));
	answers[0] = answers[2] = "000000";
	assert_int_equal(office_talk(h, &seen, NULL, "daemon", answers), PAM_AUTH_ERR);
	transcript(wrong, sizeof(wrong));
	assert_string_equal(right, wrong);
}

static void test_a_name_that_is_not_canonical_is_unknown(void **state)
{
	const struct house *h = *state;
	char code[16];

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_not_equal(office_try(h, "Daemon", code), PAM_SUCCESS);
	assert_int_not_equal(office_try(h, "daemon ", code), PAM_SUCCESS);
	assert_int_not_equal(office_try(h, "", code), PAM_SUCCESS);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_TOTP), 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
}

/* --- accounts ------------------------------------------------------------------- */

/* C8 */
static void test_an_account_created_again_with_another_uid_is_refused_until_rebound(void **state)
{
	const struct house *h = *state;
	char code[16];

	assert_true(office_totp_operator(h, "games", GAMES_UID + 1000));
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "games", code), PAM_AUTH_ERR);
	assert_int_not_equal(account(h, "games"), PAM_SUCCESS);
	assert_int_equal(
	    office_audited(h, KM_EVENT_LOGIN_REFUSED, "games", "reason=account-re-created"), 1);
	assert_int_equal(
	    house_desk(h, NULL, NULL, "operator", "rebind", "games", "--uid", "5", NULL), 0);
	assert_int_equal(office_audited(h, KM_EVENT_OPERATOR_REBOUND, "games", "from=1005 to=5"),
			 1);
	assert_int_equal(account(h, "games"), PAM_SUCCESS);
	assert_int_equal(office_try(h, "games", code), PAM_SUCCESS);
}

/* C8: a uid given to somebody else opens nothing either. */
static void test_a_new_name_on_an_old_uid_is_another_operator(void **state)
{
	const struct house *h = *state;
	char code[16];

	assert_true(office_totp_operator(h, "kenmon-old-name", SYS_UID));
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "sys", code), PAM_AUTH_ERR);
	assert_int_equal(account(h, "sys"), PAM_USER_UNKNOWN);
	assert_int_equal(office_try(h, "kenmon-old-name", code), PAM_AUTH_ERR);
	assert_int_not_equal(account(h, "kenmon-old-name"), PAM_SUCCESS);
}

/* A login program in a world where this account exists. */
static int login_lent(const struct house *h, unsigned uid, const char *code)
{
	char passwd[HOUSE_PATH + 8], group[HOUSE_PATH + 8], line[128];
	char lent[3][HOUSE_PATH + 40], program[HOUSE_PATH + 32], *slash;
	const char *const argv[] = { "env",  lent[0], lent[1],       lent[2], program,
				     h->pam, "one",   "kenmon-lent", NULL };
	struct house_out o = { 0 };
	ssize_t n = readlink("/proc/self/exe", program, HOUSE_PATH);
	FILE *f;
	int status;

	assert_true(n > 0);
	program[n] = '\0';
	slash = strstr(program, "/tests/system/");
	assert_non_null(slash);
	memcpy(slash, "/tests/login", sizeof("/tests/login"));
	snprintf(passwd, sizeof(passwd), "%s/passwd", h->dir);
	snprintf(group, sizeof(group), "%s/group", h->dir);
	f = fopen(passwd, "w");
	assert_non_null(f);
	fprintf(f, "kenmon-lent:x:%u:%u::/nonexistent:/bin/false\n", uid, uid);
	assert_int_equal(fclose(f), 0);
	f = fopen(group, "w");
	assert_non_null(f);
	fprintf(f, "kenmon-lent:x:%u:\n", uid);
	assert_int_equal(fclose(f), 0);
	snprintf(lent[0], sizeof(lent[0]), "LD_PRELOAD=libnss_wrapper.so");
	snprintf(lent[1], sizeof(lent[1]), "NSS_WRAPPER_PASSWD=%s", passwd);
	snprintf(lent[2], sizeof(lent[2]), "NSS_WRAPPER_GROUP=%s", group);
	snprintf(line, sizeof(line), "%s\n", code);
	status = house_run(&o, -1, line, argv);
	house_out_free(&o);
	return status;
}

static void test_an_operator_without_an_account_is_bound_at_the_first_login_for_ever(void **state)
{
	const struct office_otp otp = { .factor = KM_FACTOR_HOTP };
	const struct house *h = *state;
	char code[16];

	assert_int_equal(office_add(h, "kenmon-lent", -1), KM_OK);
	assert_int_equal(office_enrol(h, "kenmon-lent", &otp, NULL), KM_OK);
	/* No account at all: nobody is bound. */
	house_hotp(code, OFFICE_SECRET, 6, 0);
	assert_int_equal(office_try(h, "kenmon-lent", code), PAM_AUTH_ERR);
	assert_int_equal(office_audited(h, KM_EVENT_OPERATOR_BOUND, NULL, NULL), 0);
	/* A wrong code binds nobody either. */
	assert_int_not_equal(login_lent(h, 20001, "000000"), 0);
	assert_int_equal(office_audited(h, KM_EVENT_OPERATOR_BOUND, NULL, NULL), 0);
	assert_int_equal(login_lent(h, 20001, code), 0);
	assert_int_equal(office_audited(h, KM_EVENT_OPERATOR_BOUND, "kenmon-lent", "uid=20001"), 1);
	/* Deleted and created again. */
	house_hotp(code, OFFICE_SECRET, 6, 1);
	assert_int_not_equal(login_lent(h, 20002, code), 0);
	assert_int_equal(
	    office_audited(h, KM_EVENT_LOGIN_REFUSED, "kenmon-lent", "account-re-created"), 2);
	assert_int_equal(login_lent(h, 20001, code), 0);
	assert_int_equal(office_audited(h, KM_EVENT_OPERATOR_BOUND, NULL, NULL), 1);
}

#define HOUSE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, office_teardown)

/* In UTC, so that the test knows what day it is there; and not while it turns. */
static int setup(void **state)
{
	struct house *h = calloc(1, sizeof(*h));

	while (86400 - time(NULL) % 86400 < 10)
		sleep(1);
	*state = h;
	return h && office_house(h, "[site]\ntime-zone = Etc/UTC\n") ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOUSE_TEST(test_a_suspended_operator_is_refused_with_a_right_code_until_resumed),
		HOUSE_TEST(test_an_operator_before_the_first_day_is_refused),
		HOUSE_TEST(test_an_operator_after_the_last_day_is_refused_and_on_it_is_not),
		HOUSE_TEST(test_an_erased_operator_is_refused_and_unknown),
		HOUSE_TEST(test_an_unknown_name_is_unknown_to_the_account_check),
		HOUSE_TEST(test_strangers_and_operators_see_the_same_prompts_and_results),
		HOUSE_TEST(test_a_suspended_operators_right_code_looks_like_a_wrong_one),
		HOUSE_TEST(test_a_name_that_is_not_canonical_is_unknown),
		HOUSE_TEST(test_an_account_created_again_with_another_uid_is_refused_until_rebound),
		HOUSE_TEST(test_a_new_name_on_an_old_uid_is_another_operator),
		HOUSE_TEST(
		    test_an_operator_without_an_account_is_bound_at_the_first_login_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
