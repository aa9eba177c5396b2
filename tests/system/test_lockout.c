/* What counts as a failure, when codes are locked, and what ends it. Real rooms, real libpam. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include <kenmon/store.h>

#include "house_office.h"

#define DAEMON_UID 1
#define BIN_UID    2
#define GAMES_UID  5
#define LOCK_AFTER 5 /* the default of [lockout] after */

static struct house_login seen; /* the last login */

static int talk(const struct house *h, const char *login, const char *a, const char *b,
		const char *c)
{
	const char *const answers[] = { a, b, c, NULL };

	return office_talk(h, &seen, NULL, login, answers);
}

static void guess(const struct house *h, const char *login, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		assert_int_equal(office_try(h, login, "000000"), PAM_AUTH_ERR);
}

static unsigned seconds_said(void)
{
	unsigned wait = 0;

	for (unsigned i = 0; i < seen.messages; i++)
		if (sscanf(seen.message[i], "Too many wrong codes. Wait %u seconds", &wait) == 1)
			return wait;
	return 0;
}

/* Five wrong codes lock. */
static void lock(const struct house *h, const char *login)
{
	guess(h, login, LOCK_AFTER - 1);
	assert_int_equal(office_try(h, login, "000000"), PAM_MAXTRIES);
}

static void test_the_fifth_wrong_code_locks_and_says_for_how_long(void **state)
{
	const struct house *h = *state;
	struct msg_credential_row row;

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	assert_int_equal(talk(h, "daemon", "000000", "111111", "222222"), PAM_AUTH_ERR);
	assert_int_equal(talk(h, "daemon", "333333", "444444", "555555"), PAM_MAXTRIES);
	assert_int_equal(seen.prompts, 2);
	assert_int_equal(seconds_said(), 30);
	assert_true(office_credential(h, "daemon", KM_FACTOR_TOTP, &row));
	assert_int_equal(row.fails, LOCK_AFTER);
	assert_in_range(row.wait, 25, 30);
	assert_int_equal(office_audited(h, KM_EVENT_LOCKED, "daemon", "wait=30"), 1);
}

static void test_a_right_code_during_the_wait_is_neither_judged_nor_counted(void **state)
{
	const struct house *h = *state;
	char code[16];

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	lock(h, "daemon");
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(talk(h, "daemon", code, NULL, NULL), PAM_MAXTRIES);
	assert_in_range(seconds_said(), 20, 30);
	assert_int_equal(office_try(h, "daemon", "000000"), PAM_MAXTRIES);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_TOTP), LOCK_AFTER);
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_REFUSED, "daemon", "reason=locked"), 2);
	/* Not judged: it is still good, once. */
	assert_int_equal(office_unlock(h, "daemon"), KM_OK);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
}

static void test_a_recovery_code_opens_while_digits_are_locked(void **state)
{
	char codes[KM_RECOVERY_CODES][KM_RECOVERY_LENGTH + 1], code[16];
	const struct house *h = *state;

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	assert_int_equal(office_recovery(h, "daemon", codes), KM_OK);
	lock(h, "daemon");
	assert_int_equal(office_try(h, "daemon", codes[0]), PAM_SUCCESS);
	/* That was no pardon for the digits. */
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_TOTP), LOCK_AFTER);
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_MAXTRIES);
}

static void test_digits_open_while_recovery_codes_are_locked(void **state)
{
	char codes[KM_RECOVERY_CODES][KM_RECOVERY_LENGTH + 1], code[16];
	const struct house *h = *state;

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	assert_int_equal(office_recovery(h, "daemon", codes), KM_OK);
	for (unsigned i = 0; i < LOCK_AFTER; i++)
		assert_int_equal(office_try(h, "daemon", "AAAAAAAAAAAAAAAA"),
				 i + 1 < LOCK_AFTER ? PAM_AUTH_ERR : PAM_MAXTRIES);
	assert_int_equal(office_try(h, "daemon", codes[0]), PAM_MAXTRIES);
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
}

static void test_unlock_ends_the_wait_at_once(void **state)
{
	const struct house *h = *state;
	char code[16];

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	lock(h, "daemon");
	assert_int_equal(house_desk(h, NULL, NULL, "unlock", "daemon", NULL), 0);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_TOTP), 0);
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
	assert_int_equal(office_audited(h, KM_EVENT_UNLOCKED, "daemon", NULL), 1);
}

static void test_a_lock_outlives_a_restart(void **state)
{
	struct house *h = *state;
	char code[16];

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	lock(h, "daemon");
	assert_true(house_stop(h));
	assert_true(house_again(h));
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_MAXTRIES);
}

/*
 * Time is not waited for here: while the house is down, what the vault wrote down is changed with
 * its own keys, by a child that becomes the vault's user.
 */
static km_rc change_as_vault(const char *dir, const char *login,
			     void (*change)(struct km_throttle *))
{
	struct km_credential all[KM_MAX_CREDENTIALS];
	struct km_failure f = { 0 };
	struct km_store *s = NULL;
	struct km_keys *keys = NULL;
	struct km_operator op;
	struct km_now now;
	char key[HOUSE_PATH + 64];
	km_rc rc = km_clock_read(&now);

	snprintf(key, sizeof(key), "%s/master.key", dir);
	if (!rc)
		rc = km_keys_open(dir, key, false, &keys);
	if (!rc)
		rc = store_open(dir, keys, &s, NULL, 0);
	if (!rc) {
		store_set_now(s, &now);
		rc = store_operator_by_login(s, login, &op);
	}
	if (!rc)
		rc = store_credentials(s, op.subject, all, &f.count);
	for (size_t i = 0; !rc && i < f.count; i++) {
		f.credential[i] = all[i].id;
		f.throttle[i] = all[i].throttle;
		change(&f.throttle[i]);
	}
	if (!rc)
		rc = store_fail(s, &f);
	if (!rc)
		rc = store_flush(s);
	store_close(s);
	km_keys_close(keys);
	return rc;
}

static void change_throttles(struct house *h, const char *login,
			     void (*change)(struct km_throttle *))
{
	char dir[HOUSE_PATH + 32];
	struct stat st;
	int status = -1;
	pid_t pid;

	snprintf(dir, sizeof(dir), "%s/vault", h->state);
	assert_true(house_stop(h));
	assert_int_equal(stat(dir, &st), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		bool ours = st.st_uid == geteuid() || (!setgid(st.st_gid) && !setuid(st.st_uid));

		_exit(!ours || change_as_vault(dir, login, change));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(house_again(h));
}

static void make_older(struct km_throttle *t)
{
	t->not_before -= 100;
}

static void make_nearly_disabled(struct km_throttle *t)
{
	t->fails = 9;
	t->not_before = 0;
}

static void test_after_the_wait_one_more_failure_doubles_it_and_a_success_ends_it(void **state)
{
	struct house *h = *state;
	char code[16];

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	lock(h, "daemon");
	for (unsigned i = 0; i < 2; i++) {
		change_throttles(h, "daemon", make_older);
		if (i == 1)
			break;
		assert_int_equal(talk(h, "daemon", "000000", NULL, NULL), PAM_MAXTRIES);
		assert_int_equal(seconds_said(), 60);
		assert_int_equal(office_fails(h, "daemon", KM_FACTOR_TOTP), LOCK_AFTER + 1);
	}
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_TOTP), 0);
}

static bool walk_away(void *arg, unsigned prompt)
{
	(void)arg;
	(void)prompt;
	return false;
}

/* C19 */
static void test_twenty_logins_that_are_broken_off_count_no_failure(void **state)
{
	const struct house *h = *state;
	char code[16];

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	guess(h, "daemon", 2);
	for (unsigned i = 0; i < 20; i++) {
		seen = (struct house_login){ .user = "daemon", .before_answer = walk_away };
		assert_int_equal(house_login(h, &seen), PAM_CONV_ERR);
		assert_int_equal(seen.prompts, 1);
	}
	assert_true(office_broken_off(h, "daemon", 20));
	/* Neither a failure nor a pardon. */
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_TOTP), 2);
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
}

/* C19 */
static void test_asking_again_never_resets_the_count(void **state)
{
	const struct house *h = *state;

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	guess(h, "daemon", LOCK_AFTER - 1);
	for (unsigned i = 0; i < 10; i++) {
		seen = (struct house_login){ .user = "daemon", .before_answer = walk_away };
		assert_int_equal(house_login(h, &seen), PAM_CONV_ERR);
	}
	assert_int_equal(office_try(h, "daemon", "000000"), PAM_MAXTRIES);
}

static int no_conversation(int n, const struct pam_message **m, struct pam_response **r, void *arg)
{
	(void)n;
	(void)m;
	(void)r;
	(void)arg;
	return PAM_CONV_ERR;
}

/* C16 */
static void test_account_session_and_setcred_reset_no_failure_count(void **state)
{
	const struct pam_conv conv = { .conv = no_conversation };
	const struct house *h = *state;
	pam_handle_t *pamh = NULL;

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	guess(h, "daemon", LOCK_AFTER - 1);
	assert_int_equal(pam_start_confdir(HOUSE_SERVICE, "daemon", &conv, h->pam, &pamh),
			 PAM_SUCCESS);
	assert_int_equal(pam_acct_mgmt(pamh, 0), PAM_SUCCESS);
	assert_int_equal(pam_open_session(pamh, 0), PAM_SUCCESS);
	assert_int_equal(pam_close_session(pamh, 0), PAM_SUCCESS);
	pam_setcred(pamh, PAM_ESTABLISH_CRED);
	pam_setcred(pamh, PAM_REINITIALIZE_CRED);
	assert_int_equal(pam_acct_mgmt(pamh, 0), PAM_SUCCESS);
	assert_int_equal(pam_end(pamh, PAM_SUCCESS), PAM_SUCCESS);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_TOTP), LOCK_AFTER - 1);
	assert_int_equal(office_try(h, "daemon", "000000"), PAM_MAXTRIES);
}

/* C32 */
static void test_people_who_never_enrolled_lock_nobody_else_out(void **state)
{
	const struct house *h = *state;
	char code[16];

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	assert_int_equal(office_add(h, "bin", BIN_UID), KM_OK);
	for (unsigned i = 0; i < 17; i++)
		assert_int_not_equal(office_try(h, "bin", "000000"), PAM_SUCCESS);
	for (unsigned i = 0; i < 17; i++)
		assert_int_not_equal(office_try(h, "kenmon-nobody-here", "000000"), PAM_SUCCESS);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_TOTP), 0);
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
}

/* C32: who is enrolled after guesses at an empty name does not pay for them for ever. */
static void test_guesses_before_the_enrolment_are_ended_by_unlock(void **state)
{
	const struct office_otp otp = { 0 };
	const struct house *h = *state;
	char code[16];

	assert_int_equal(office_add(h, "games", GAMES_UID), KM_OK);
	lock(h, "games");
	assert_int_equal(office_enrol(h, "games", &otp, NULL), KM_OK);
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_unlock(h, "games"), KM_OK);
	assert_int_equal(office_try(h, "games", code), PAM_SUCCESS);
}

/* Two tokens, one locked: it stays locked, and the other one opens and is counted alone. */
static void test_a_locked_token_stays_locked_while_another_opens(void **state)
{
	const struct office_otp hotp = { .factor = KM_FACTOR_HOTP, .secret = OFFICE_OTHER };
	const struct house *h = *state;
	char code[16];

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	assert_int_equal(office_enrol(h, "daemon", &hotp, NULL), KM_OK);
	guess(h, "daemon", LOCK_AFTER - 1);
	house_hotp(code, OFFICE_OTHER, 6, 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
	guess(h, "daemon", 1);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_TOTP), LOCK_AFTER);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_HOTP), 1);
	assert_int_equal(office_audited(h, KM_EVENT_LOCKED, "daemon", "wait=30"), 1);
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_AUTH_ERR);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_TOTP), LOCK_AFTER);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_HOTP), 2);
	assert_int_equal(office_audited(h, KM_EVENT_LOCKED, NULL, NULL), 1);
	house_hotp(code, OFFICE_OTHER, 6, 1);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
	assert_int_equal(office_unlock(h, "daemon"), KM_OK);
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
}

static void test_one_operators_lock_is_nobody_elses(void **state)
{
	const struct house *h = *state;
	char code[16];

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	assert_true(office_totp_operator(h, "bin", BIN_UID));
	lock(h, "daemon");
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "bin", code), PAM_SUCCESS);
}

/* The site's own numbers, and a credential that is disabled for good. */
static void test_a_disabled_credential_opens_only_after_unlock(void **state)
{
	struct house *h = *state;
	char code[16];
	struct msg_credential_row row;

	house_end(h);
	assert_true(office_house(h, "[lockout]\nafter = 3\nfirst-wait = 40\ndisable-at = 10\n"));
	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	assert_int_equal(talk(h, "daemon", "000000", "111111", "222222"), PAM_MAXTRIES);
	assert_int_equal(seconds_said(), 40);
	change_throttles(h, "daemon", make_nearly_disabled);
	assert_int_equal(talk(h, "daemon", "000000", NULL, NULL), PAM_MAXTRIES);
	assert_string_equal(seen.message[seen.messages - 1],
			    "Too many wrong codes. Ask your administrator.");
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(talk(h, "daemon", code, NULL, NULL), PAM_MAXTRIES);
	assert_string_equal(seen.message[seen.messages - 1],
			    "Too many wrong codes. Ask your administrator.");
	assert_true(office_credential(h, "daemon", KM_FACTOR_TOTP, &row));
	assert_int_equal(row.wait, UINT32_MAX);
	assert_int_equal(office_unlock(h, "daemon"), KM_OK);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
}

#define HOUSE_TEST(f) cmocka_unit_test_setup_teardown(f, office_setup, office_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOUSE_TEST(test_the_fifth_wrong_code_locks_and_says_for_how_long),
		HOUSE_TEST(test_a_right_code_during_the_wait_is_neither_judged_nor_counted),
		HOUSE_TEST(test_a_recovery_code_opens_while_digits_are_locked),
		HOUSE_TEST(test_digits_open_while_recovery_codes_are_locked),
		HOUSE_TEST(test_unlock_ends_the_wait_at_once),
		HOUSE_TEST(test_a_lock_outlives_a_restart),
		HOUSE_TEST(test_after_the_wait_one_more_failure_doubles_it_and_a_success_ends_it),
		HOUSE_TEST(test_twenty_logins_that_are_broken_off_count_no_failure),
		HOUSE_TEST(test_asking_again_never_resets_the_count),
		HOUSE_TEST(test_account_session_and_setcred_reset_no_failure_count),
		HOUSE_TEST(test_people_who_never_enrolled_lock_nobody_else_out),
		HOUSE_TEST(test_guesses_before_the_enrolment_are_ended_by_unlock),
		HOUSE_TEST(test_a_locked_token_stays_locked_while_another_opens),
		HOUSE_TEST(test_one_operators_lock_is_nobody_elses),
		HOUSE_TEST(test_a_disabled_credential_opens_only_after_unlock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
