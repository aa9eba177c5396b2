/*
 * Kill -9 of a vault at every call to the kernel of a start: the first one, which makes keys and
 * databases, and one after a crash, which takes back what was not committed and goes on with an
 * erasure. The next start comes to an end, and finds everything that was there. A part of the
 * points by default; KENMON_EVERY=1 (tests/long) tries all.
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include "house_killer.h"
#include "house_office.h"

#define DAEMON_UID 1
#define MAN_UID    6

/* How many calls further the next kill is; numbers that share no factor with what repeats. */
static struct step {
	unsigned first; /* of a first start */
	unsigned crash; /* of an erasure */
	unsigned start; /* of a start after that; each from another call on */
} step = { 5, 13, 29 };

static const struct step every_step = { 1, 5, 3 };

static char where[160];

#define must(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fail_msg("%s: not so: %s", where, #condition);                             \
	} while (0)

static int try_hotp(const struct house *h, const char *login, uint64_t counter)
{
	char code[16];

	house_hotp(code, OFFICE_SECRET, 6, counter);
	return office_try(h, login, code);
}

static bool enrol_operator(const struct house *h, const char *login, int64_t uid)
{
	const struct office_otp otp = { .factor = KM_FACTOR_HOTP };

	return office_add(h, login, uid) == KM_OK && office_enrol(h, login, &otp, NULL) == KM_OK;
}

static void stop(struct house *h)
{
	office_close();
	house_stop(h);
	must(truncate(h->log, 0) == 0);
}

/* A start of the vault by itself. True: it was killed at the n-th call. */
static bool start_killed(const struct house *h, unsigned n, unsigned *counted)
{
	char program[HOUSE_PATH + 16], folder[HOUSE_PATH + 8], key[HOUSE_PATH + 24];
	const char *const argv[] = { program, "--setup",  "--state-dir", folder,         "--key",
				     key,     "--config", h->config,     "--create-key", NULL };
	struct killer k;
	bool struck;

	snprintf(program, sizeof(program), "%s/kenmon-vault", h->bin);
	snprintf(folder, sizeof(folder), "%s/vault", h->state);
	snprintf(key, sizeof(key), "%s/master.key", folder);
	must(killer_run(&k, argv, n));
	struck = killer_end(&k);
	if (counted)
		*counted = killer_counted(&k);
	if (!struck)
		must(killer_status(&k) == 0);
	snprintf(where, sizeof(where), "a start killed at %u (%s)", n,
		 struck ? killer_call(&k) : "not");
	killer_free(&k);
	return struck;
}

static void copy(const char *from, const char *to)
{
	must(house_run(&(struct house_out){ 0 }, -1, NULL,
		       (const char *const[]){ "rm", "-rf", to, NULL }) == 0);
	must(house_run(&(struct house_out){ 0 }, -1, NULL,
		       (const char *const[]){ "cp", "-a", from, to, NULL }) == 0);
}

/* --- the first start ---------------------------------------------------------------------- */

static void empty_house(struct house *h)
{
	char folder[HOUSE_PATH + 8];

	must(house_run(&(struct house_out){ 0 }, -1, NULL,
		       (const char *const[]){ "rm", "-rf", h->state, NULL }) == 0);
	snprintf(folder, sizeof(folder), "%s/vault", h->state);
	must(mkdir(h->state, 0700) == 0 && mkdir(folder, 0700) == 0);
}

static void test_a_first_start_killed_at_any_step_is_finished_by_the_next(void **state)
{
	struct house *h = *state;
	unsigned counted = 0, tried = 0;

	stop(h);
	empty_house(h);
	must(!start_killed(h, 0, &counted) && counted > 0);
	for (unsigned n = 1; n <= counted; n += step.first) {
		empty_house(h);
		tried += start_killed(h, n, NULL);
		must(house_again(h));
		must(enrol_operator(h, "daemon", DAEMON_UID));
		must(try_hotp(h, "daemon", 0) == PAM_SUCCESS);
		stop(h);
	}
	printf("# a first start: %u calls counted, killed at %u\n", counted, tried);
	assert_int_equal(tried, (counted - 1) / step.first + 1);
}

/* --- a start after a crash ------------------------------------------------------------------ */

/*
 * An erasure that ends at the n-th call of the vault. What the crash left goes to `left`. False:
 * the erasure came to its end.
 */
static bool crash_in_erasure(struct house *h, unsigned n, const char *left)
{
	struct km_msg m = { .number = KM_MSG_ERASE };
	struct msg_done done;
	const uint8_t op[16] = { 1 };
	struct killer k;
	bool struck;

	snprintf(m.erase.login, sizeof(m.erase.login), "man");
	snprintf(m.erase.reason, sizeof(m.erase.reason), "left");
	must(kill(h->pid, SIGSTOP) == 0); /* or it would start the vault again before we look */
	must(killer_set(&k, house_room(h, "kenmon-vault"), n));
	(void)office_do_as(h, &m, op, &done);
	struck = killer_end(&k);
	killer_free(&k);
	if (struck)
		copy(h->state, left);
	must(kill(h->pid, SIGCONT) == 0);
	stop(h);
	return struck;
}

/* The erased is whole or gone, the code that opened stays used, and everybody else gets in. */
static void must_be_whole(struct house *h)
{
	int shown;

	must(house_again(h));
	shown = house_desk(h, NULL, NULL, "operator", "show", "man", NULL);
	must(shown == 0 || shown == 1);
	must(try_hotp(h, "man", 0) == (shown == 0 ? PAM_SUCCESS : PAM_AUTH_ERR));
	must(try_hotp(h, "daemon", 0) == PAM_AUTH_ERR);
	must(try_hotp(h, "daemon", 1) == PAM_SUCCESS);
	must(house_desk(h, NULL, NULL, "audit", "verify", NULL) == 0);
	stop(h);
}

static unsigned kill_starts(struct house *h, const char *left, unsigned first)
{
	unsigned counted = 0, tried = 0;

	copy(left, h->state);
	must(!start_killed(h, 0, &counted) && counted > first);
	for (unsigned n = first; n <= counted; n += step.start) {
		copy(left, h->state);
		tried += start_killed(h, n, NULL);
		must_be_whole(h);
	}
	must(tried == (counted - first) / step.start + 1);
	return tried;
}

static void test_a_start_after_a_crash_killed_at_any_step_is_finished_by_the_next(void **state)
{
	struct house *h = *state;
	char good[HOUSE_PATH + 8], left[HOUSE_PATH + 8];
	unsigned crashes = 0, tried = 0, n = 1;

	snprintf(good, sizeof(good), "%s/good", h->dir);
	snprintf(left, sizeof(left), "%s/left", h->dir);
	must(enrol_operator(h, "daemon", DAEMON_UID) && enrol_operator(h, "man", MAN_UID));
	must(try_hotp(h, "daemon", 0) == PAM_SUCCESS);
	stop(h);
	copy(h->state, good);
	for (;; n += step.crash) {
		copy(good, h->state);
		must(house_again(h));
		if (!crash_in_erasure(h, n, left))
			break;
		tried += kill_starts(h, left, 1 + 7 * crashes++ % step.start);
	}
	printf("# an erasure that crashed at %u places, and %u starts killed after that\n", crashes,
	       tried);
	assert_true(crashes > 1 && tried > 0);
}

static void test_skipped(void **state)
{
	(void)state;
	skip(); /* nobody but root may trace a room */
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_a_first_start_killed_at_any_step_is_finished_by_the_next, office_setup,
		    office_teardown),
		cmocka_unit_test_setup_teardown(
		    test_a_start_after_a_crash_killed_at_any_step_is_finished_by_the_next,
		    office_setup, office_teardown),
	};

	if (getenv("KENMON_EVERY"))
		step = every_step;
	for (size_t i = 0; geteuid() != 0 && i < sizeof(tests) / sizeof(tests[0]); i++) {
		tests[i].test_func = test_skipped;
		tests[i].setup_func = tests[i].teardown_func = NULL;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
