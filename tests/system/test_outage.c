/*
 * C9 and its kin. Rooms that die, hang or are stopped at any moment of a login
 * let nobody in, and the next login works. Deadlines, and a reload that fails.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include "house_office.h"

#define DAEMON_UID 1
#define GAMES_UID  5

static struct house_login seen; /* the last login */

static void pause_ms(long ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

/* What happens to the house while a prompt is open. */
struct blow {
	struct house *h;
	const char *room; /* killed, and waited for as a new process; NULL: nothing */
	int stopped;      /* pid of a room that was stopped, to be killed a moment later */
	bool done;
};

static bool kill_while_asked(void *arg, unsigned prompt)
{
	struct blow *b = arg;
	pid_t old;

	(void)prompt;
	if (b->done)
		return true;
	b->done = true;
	old = house_room(b->h, b->room);
	return old > 0 && kill(old, SIGKILL) == 0 && house_wait_room(b->h, b->room, old) > 0;
}

/* The room hears nothing any more; while the answer is on its way it is killed. */
static bool freeze_then_kill(void *arg, unsigned prompt)
{
	struct blow *b = arg;
	pid_t room = house_room(b->h, b->room), child;

	(void)prompt;
	if (b->done)
		return true;
	b->done = true;
	if (room <= 0 || kill(room, SIGSTOP) < 0)
		return false;
	child = fork();
	if (child == 0) {
		pause_ms(200);
		kill(room, SIGKILL);
		_exit(0);
	}
	b->stopped = child;
	return child > 0;
}

static int login_through(struct house *h, const char *login, const char *code, const char *room,
			 bool (*blow)(void *arg, unsigned prompt))
{
	const char *const answers[] = { code, code, code, NULL };
	struct blow b = { .h = h, .room = room };

	seen = (struct house_login){ .service = "one",
				     .user = login,
				     .answers = answers,
				     .before_answer = blow,
				     .arg = &b };
	house_login(h, &seen);
	if (b.stopped > 0)
		waitpid(b.stopped, NULL, 0);
	assert_true(b.done);
	return seen.code;
}

/* The house is whole again: both rooms run and serve. */
static void wait_whole(struct house *h)
{
	assert_true(house_wait_room(h, "kenmon-authd", 0) > 0);
	assert_true(house_wait_room(h, "kenmon-vault", 0) > 0);
	for (unsigned i = 0; i < 200; i++) {
		if (house_desk(h, NULL, NULL, "status", NULL) == 0)
			return;
		pause_ms(20);
	}
	fail_msg("the house does not come back");
}

/* Active and suspended, each blow: never in; and the code is still good for the active one. */
static void strike(struct house *h, const char *room, bool (*blow)(void *arg, unsigned prompt))
{
	char code[16];

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	assert_true(office_totp_operator(h, "games", GAMES_UID));
	assert_int_equal(office_suspend(h, "games"), KM_OK);
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(login_through(h, "games", code, room, blow), PAM_AUTHINFO_UNAVAIL);
	wait_whole(h);
	assert_int_equal(login_through(h, "daemon", code, room, blow), PAM_AUTHINFO_UNAVAIL);
	wait_whole(h);
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_ALLOWED, NULL, NULL), 0);
	assert_int_equal(office_try(h, "games", code), PAM_AUTH_ERR);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
	assert_int_equal(house_desk(h, NULL, NULL, "audit", "verify", NULL), 0);
}

/* C9 */
static void test_a_judge_killed_while_a_prompt_is_open_lets_nobody_in(void **state)
{
	strike(*state, "kenmon-authd", kill_while_asked);
}

/* C9 */
static void test_a_vault_killed_while_a_prompt_is_open_lets_nobody_in(void **state)
{
	strike(*state, "kenmon-vault", kill_while_asked);
}

/* C9 */
static void test_a_judge_killed_with_the_answer_on_its_way_lets_nobody_in(void **state)
{
	strike(*state, "kenmon-authd", freeze_then_kill);
}

/* C9 */
static void test_a_vault_killed_with_the_answer_on_its_way_lets_nobody_in(void **state)
{
	strike(*state, "kenmon-vault", freeze_then_kill);
}

/* C9: before there is any prompt. */
static void test_a_house_whose_vault_is_frozen_lets_nobody_in(void **state)
{
	struct house *h = *state;
	pid_t vault = house_room(h, "kenmon-vault"), child;
	char code[16];

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(kill(vault, SIGSTOP), 0);
	child = fork();
	if (child == 0) {
		pause_ms(200);
		kill(vault, SIGKILL);
		_exit(0);
	}
	assert_int_equal(office_try(h, "daemon", code), PAM_AUTHINFO_UNAVAIL);
	waitpid(child, NULL, 0);
	wait_whole(h);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
}

static bool stop_house(void *arg, unsigned prompt)
{
	struct blow *b = arg;

	(void)prompt;
	if (!b->done)
		b->done = house_stop(b->h);
	return b->done;
}

static void test_a_daemon_stopped_in_the_middle_of_a_login_refuses_it(void **state)
{
	struct house *h = *state;
	char code[16];

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(login_through(h, "daemon", code, NULL, stop_house), PAM_AUTHINFO_UNAVAIL);
	assert_true(house_again(h));
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
}

static void test_a_stopped_daemon_refuses_everything_and_says_so(void **state)
{
	struct house *h = *state;
	char code[16];
	const char *const answers[] = { code, NULL };

	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	house_totp(code, OFFICE_SECRET, 0);
	assert_true(house_stop(h));
	assert_int_equal(office_talk(h, &seen, NULL, "daemon", answers), PAM_AUTHINFO_UNAVAIL);
	assert_int_equal(seen.prompts, 0);
	assert_int_equal(seen.messages, 1);
	assert_string_equal(
	    seen.message[0],
	    "The second factor cannot be checked at the moment. Ask your administrator.");
	assert_true(house_again(h));
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
}

static bool sleep_over_it(void *arg, unsigned prompt)
{
	(void)arg;
	(void)prompt;
	pause_ms(10500);
	return true;
}

static void test_a_code_typed_after_the_deadline_is_refused_and_not_used(void **state)
{
	struct house *h = *state;
	char code[16];
	const char *const answers[] = { code, NULL };

	house_end(h);
	assert_true(office_house(h, "[service slow]\ndeadline = 10\n"));
	assert_true(house_stack(h, "slow", "auth required KENMON\n"));
	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	house_totp(code, OFFICE_SECRET, 0);
	seen = (struct house_login){ .service = "slow",
				     .user = "daemon",
				     .answers = answers,
				     .before_answer = sleep_over_it };
	assert_int_equal(house_login(h, &seen), PAM_AUTHINFO_UNAVAIL);
	assert_string_equal(seen.message[seen.messages - 1], "Time is up. Please start again.");
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_REFUSED, "daemon", "reason=deadline"), 1);
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_TOTP), 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
}

/* --- reload ---------------------------------------------------------------- */

static void write_config(const struct house *h, const char *text)
{
	FILE *f = fopen(h->config, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* Prompts of a login with nothing but wrong codes: the judge's number of tries. */
static unsigned tries_of(const struct house *h, const char *login)
{
	static const char *const wrong[] = { "000000", "000000", "000000", "000000",
					     "000000", "000000", NULL };

	assert_int_equal(office_unlock(h, login), KM_OK);
	assert_int_not_equal(office_talk(h, &seen, "desk", login, wrong), PAM_SUCCESS);
	return seen.prompts;
}

static bool reloaded(const struct house *h, unsigned times)
{
	for (unsigned i = 0; i < 300; i++) {
		if (office_audited(h, KM_EVENT_RELOADED, NULL, NULL) == times)
			return true;
		pause_ms(10);
	}
	return false;
}

static void test_a_reload_takes_a_good_file_and_keeps_the_old_one_for_a_bad(void **state)
{
	struct house *h = *state;

	assert_true(house_stack(h, "desk", "auth required KENMON\n"));
	assert_true(office_totp_operator(h, "daemon", DAEMON_UID));
	assert_int_equal(tries_of(h, "daemon"), 3);
	write_config(h, "[service desk]\ntries = 2\n");
	assert_int_equal(kill(h->pid, SIGHUP), 0);
	assert_true(reloaded(h, 1));
	/* The judge reads the same file, and has no trail of its own. */
	for (unsigned i = 0; i < 100 && tries_of(h, "daemon") != 2; i++)
		pause_ms(100);
	assert_int_equal(tries_of(h, "daemon"), 2);
	/* Of a bad file nothing is used, not even what is right in it. */
	write_config(h, "[service desk]\ntries = 1\n[login]\ntries = many\n");
	assert_int_equal(kill(h->pid, SIGHUP), 0);
	assert_true(house_wait_log(h, "kenmon.conf:4"));
	assert_true(house_wait_log(h, "old configuration stays"));
	pause_ms(100);
	assert_int_equal(tries_of(h, "daemon"), 2);
	assert_true(reloaded(h, 1));
	/* The vault's part: what is asked. */
	write_config(h, "[service desk]\nfactors = recovery\n");
	assert_int_equal(kill(h->pid, SIGHUP), 0);
	assert_true(reloaded(h, 2));
	assert_int_not_equal(office_talk(h, &seen, "desk", "daemon", (const char *[]){ NULL }),
			     PAM_SUCCESS);
	assert_string_equal(seen.prompt[0], "Recovery code: ");
}

static void test_a_house_does_not_start_with_a_bad_configuration(void **state)
{
	struct house *h = *state;
	char *log;

	assert_true(house_stop(h));
	write_config(h, "[login]\nfactors = totp+palm\n");
	assert_false(house_again(h));
	log = house_log(h);
	assert_non_null(log);
	/* Judge and vault read it at the same time; whoever is first ends the other. */
	assert_true(strstr(log, "kenmon.conf:2") || strstr(log, "kenmon.conf, line 2"));
	free(log);
	assert_int_equal(office_try(h, "daemon", "000000"), PAM_AUTHINFO_UNAVAIL);
}

#define HOUSE_TEST(f) cmocka_unit_test_setup_teardown(f, office_setup, office_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOUSE_TEST(test_a_judge_killed_while_a_prompt_is_open_lets_nobody_in),
		HOUSE_TEST(test_a_vault_killed_while_a_prompt_is_open_lets_nobody_in),
		HOUSE_TEST(test_a_judge_killed_with_the_answer_on_its_way_lets_nobody_in),
		HOUSE_TEST(test_a_vault_killed_with_the_answer_on_its_way_lets_nobody_in),
		HOUSE_TEST(test_a_house_whose_vault_is_frozen_lets_nobody_in),
		HOUSE_TEST(test_a_daemon_stopped_in_the_middle_of_a_login_refuses_it),
		HOUSE_TEST(test_a_stopped_daemon_refuses_everything_and_says_so),
		HOUSE_TEST(test_a_code_typed_after_the_deadline_is_refused_and_not_used),
		HOUSE_TEST(test_a_reload_takes_a_good_file_and_keeps_the_old_one_for_a_bad),
		HOUSE_TEST(test_a_house_does_not_start_with_a_bad_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
