/*
 * One program logs many people in at once, each in a thread, as a server does: the module keeps
 * them apart, lets in who gave their own code and nobody who gave another's, and leaves nothing.
 */
#include <dirent.h>
#include <pthread.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include "house_office.h"

#define PEOPLE 12
#define ROUNDS 12
#define APART  1000 /* between the counters of two people, so that no two codes are the same */

/* Accounts that Debian has everywhere. */
static const char *const login[PEOPLE] = {
	"daemon", "bin",  "sys",  "games", "man",      "lp",
	"mail",   "news", "uucp", "proxy", "www-data", "backup"
};

struct person {
	const struct house *h;
	unsigned number;
	const char *own[ROUNDS], *others[ROUNDS]; /* codes: their own, and their neighbour's */
	int own_result[ROUNDS], others_result[ROUNDS];
	bool asked_for_all;
	pthread_barrier_t *begin;
};

static char code[PEOPLE][ROUNDS][16];

static int try_code(struct person *p, const char *given)
{
	const char *const answers[] = { given, NULL };
	struct house_login *l = calloc(1, sizeof(*l));
	int result = PAM_BUF_ERR;

	if (!l)
		return result;
	result = office_talk(p->h, l, "one", login[p->number], answers);
	p->asked_for_all &= l->prompts == 1;
	free(l);
	return result;
}

static void *log_in(void *arg)
{
	struct person *p = arg;

	p->asked_for_all = true;
	for (unsigned round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(p->begin);
		p->others_result[round] = try_code(p, p->others[round]);
		pthread_barrier_wait(p->begin);
		p->own_result[round] = try_code(p, p->own[round]);
	}
	return NULL;
}

static unsigned open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void register_people(const struct house *h)
{
	for (unsigned i = 0; i < PEOPLE; i++) {
		const struct passwd *pw = getpwnam(login[i]);
		const struct office_otp otp = { .factor = KM_FACTOR_HOTP,
						.counter = (uint64_t)i * APART };

		assert_non_null(pw);
		assert_int_equal(office_add(h, login[i], pw->pw_uid), KM_OK);
		assert_int_equal(office_enrol(h, login[i], &otp, NULL), KM_OK);
		for (unsigned round = 0; round < ROUNDS; round++)
			house_hotp(code[i][round], OFFICE_SECRET, 6, (uint64_t)i * APART + round);
	}
	office_close();
}

static void check_person(const struct house *h, const struct person *p)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		assert_int_equal(p->others_result[round], PAM_AUTH_ERR);
		assert_int_equal(p->own_result[round], PAM_SUCCESS);
	}
	assert_true(p->asked_for_all);
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_ALLOWED, login[p->number], NULL), ROUNDS);
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_REFUSED, login[p->number], NULL), ROUNDS);
}

static void test_threads_of_one_program_are_let_in_by_their_own_codes_alone(void **state)
{
	static struct person person[PEOPLE];
	const struct house *h = *state;
	pthread_t thread[PEOPLE];
	pthread_barrier_t begin;
	unsigned open;

	register_people(h);
	open = open_descriptors();
	assert_int_equal(pthread_barrier_init(&begin, NULL, PEOPLE), 0);
	for (unsigned i = 0; i < PEOPLE; i++) {
		person[i] = (struct person){ .h = h, .number = i, .begin = &begin };
		for (unsigned round = 0; round < ROUNDS; round++) {
			person[i].own[round] = code[i][round];
			person[i].others[round] = code[(i + 1) % PEOPLE][round];
		}
		assert_int_equal(pthread_create(&thread[i], NULL, log_in, &person[i]), 0);
	}
	for (unsigned i = 0; i < PEOPLE; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(open_descriptors(), open);
	for (unsigned i = 0; i < PEOPLE; i++)
		check_person(h, &person[i]);
	pthread_barrier_destroy(&begin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_threads_of_one_program_are_let_in_by_their_own_codes_alone, office_setup,
		    office_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
