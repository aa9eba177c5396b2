/*
 * C1. One code, many processes, one instant: exactly one gets in, the others
 * are replays, and nobody's failures are counted wrongly.
 *
 * The processes live for all rounds of a race. Each goes as far as its prompt,
 * waits there for all the others at a barrier in shared memory, and answers.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include "house_office.h"

#define RUNNERS_MAX  64
#define ROUNDS       100
#define GUESS_ROUNDS 10
#define LOCK_AFTER   5   /* the default of [lockout] after */
#define STUCK        200 /* seconds; a runner that died would leave all others waiting */

static const unsigned crowd[] = { 2, 8, 16, 64 };
#define CROWDS (sizeof(crowd) / sizeof(crowd[0]))

/* What all runners see. */
struct race {
	pthread_barrier_t begin, shot, end;
	bool over;
	const char *login; /* the same pointer in every process: they are forks */
	char code[32];
	int result[RUNNERS_MAX];
};

struct field {
	struct house *h;
	struct race *race;
	unsigned runners;
	pid_t pid[RUNNERS_MAX];
};

/* --- a runner ---------------------------------------------------------------- */

struct runner {
	struct race *race;
	bool shot;
};

static void wait_for_shot(struct runner *r)
{
	if (!r->shot)
		pthread_barrier_wait(&r->race->shot);
	r->shot = true;
}

static bool at_prompt(void *arg, unsigned prompt)
{
	(void)prompt;
	wait_for_shot(arg);
	return true;
}

static void run(const struct house *h, struct race *race, unsigned number)
{
	static struct house_login l;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(STUCK);
	for (;;) {
		struct runner r = { .race = race };
		const char *const answers[] = { race->code, NULL };

		pthread_barrier_wait(&race->begin);
		if (race->over)
			_exit(0);
		l = (struct house_login){ .service = "one",
					  .user = race->login,
					  .answers = answers,
					  .before_answer = at_prompt,
					  .arg = &r };
		race->result[number] = house_login(h, &l);
		wait_for_shot(&r); /* for one that was refused before any prompt */
		pthread_barrier_wait(&race->end);
	}
}

/* --- the field of runners ------------------------------------------------------ */

static void field_open(struct field *f, struct house *h, unsigned runners)
{
	pthread_barrierattr_t shared;
	struct race *race;

	*f = (struct field){ .h = h, .runners = runners };
	race = mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(race, MAP_FAILED);
	pthread_barrierattr_init(&shared);
	pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	assert_int_equal(pthread_barrier_init(&race->begin, &shared, runners + 1), 0);
	assert_int_equal(pthread_barrier_init(&race->shot, &shared, runners + 1), 0);
	assert_int_equal(pthread_barrier_init(&race->end, &shared, runners + 1), 0);
	f->race = race;
	fflush(NULL);
	for (unsigned i = 0; i < runners; i++) {
		f->pid[i] = fork();
		if (f->pid[i] == 0)
			run(h, race, i);
		assert_true(f->pid[i] > 0);
	}
}

static void field_close(struct field *f)
{
	int status;

	f->race->over = true;
	pthread_barrier_wait(&f->race->begin);
	for (unsigned i = 0; i < f->runners; i++) {
		assert_int_equal(waitpid(f->pid[i], &status, 0), f->pid[i]);
		assert_int_equal(status, 0);
	}
	munmap(f->race, sizeof(*f->race));
}

/* All runners answer with this code. How many ended with the PAM code `wanted`. */
static unsigned shoot(struct field *f, const char *login, const char *code, int wanted)
{
	struct race *race = f->race;
	unsigned n = 0;

	race->login = login;
	snprintf(race->code, sizeof(race->code), "%s", code);
	pthread_barrier_wait(&race->begin);
	pthread_barrier_wait(&race->shot);
	pthread_barrier_wait(&race->end);
	for (unsigned i = 0; i < f->runners; i++)
		n += race->result[i] == wanted;
	return n;
}

static unsigned count(const struct field *f, int wanted)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->runners; i++)
		n += f->race->result[i] == wanted;
	return n;
}

/* --- kinds of codes -------------------------------------------------------------- */

/* Gives a code that is good now, for the round. */
typedef void (*next_code)(const struct house *h, unsigned round, char out[32]);

static void next_hotp(const struct house *h, unsigned round, char out[32])
{
	const struct office_otp otp = { .factor = KM_FACTOR_HOTP };

	if (round == 0)
		assert_int_equal(office_enrol(h, "daemon", &otp, NULL), KM_OK);
	house_hotp(out, OFFICE_SECRET, 6, round);
}

/* A step of 30 seconds gives one code, so each round has a credential of its own. */
static void next_totp(const struct house *h, unsigned round, char out[32])
{
	const struct office_otp otp = { 0 };
	struct msg_credential_row row;

	if (round > 0) {
		assert_true(office_credential(h, "daemon", KM_FACTOR_TOTP, &row));
		assert_int_equal(office_remove(h, "daemon", row.id), KM_OK);
	}
	assert_int_equal(office_enrol(h, "daemon", &otp, NULL), KM_OK);
	house_totp(out, OFFICE_SECRET, 0);
}

static void next_recovery(const struct house *h, unsigned round, char out[32])
{
	static char codes[KM_RECOVERY_CODES][KM_RECOVERY_LENGTH + 1];

	if (round % KM_RECOVERY_CODES == 0)
		assert_int_equal(office_recovery(h, "daemon", codes), KM_OK);
	snprintf(out, 32, "%s", codes[round % KM_RECOVERY_CODES]);
}

static const struct kind {
	enum km_factor factor;
	next_code next;
	const char *wrong;
} totp = { KM_FACTOR_TOTP, next_totp, "000000" }, hotp = { KM_FACTOR_HOTP, next_hotp, "000000" },
  recovery = { KM_FACTOR_RECOVERY, next_recovery, "AAAAAAAAAAAAAAAA" };

/* --- one code, many uses ------------------------------------------------------------ */

static void race_rounds(struct field *f, const struct kind *kind)
{
	char code[32];

	for (unsigned round = 0; round < ROUNDS; round++) {
		kind->next(f->h, round, code);
		assert_int_equal(shoot(f, "daemon", code, PAM_SUCCESS), 1);
		assert_int_equal(count(f, PAM_AUTH_ERR), f->runners - 1);
		assert_int_equal(office_fails(f->h, "daemon", kind->factor), 0);
	}
}

/* Every use is in the trail: one allowed, the others replays, or counted with many. */
static void check_trail(struct house *h, unsigned runners)
{
	assert_true(house_stop(h)); /* writes down what was counted together */
	assert_true(house_again(h));
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_ALLOWED, "daemon", NULL), ROUNDS);
	assert_int_equal(office_audited(h, KM_EVENT_REPLAYED, "daemon", "reason=replay") +
			     office_many(h),
			 ROUNDS * (runners - 1));
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_REFUSED, NULL, NULL), 0);
	assert_int_equal(house_desk(h, NULL, NULL, "audit", "verify", NULL), 0);
}

/* A house of its own for each crowd, in the place of the last one. */
static void fresh_house(struct house *h)
{
	house_end(h);
	assert_true(office_house(h, NULL));
	assert_int_equal(office_add(h, "daemon", 1), KM_OK);
}

static void one_code_opens_once(struct house *h, const struct kind *kind)
{
	for (unsigned i = 0; i < CROWDS; i++) {
		struct field f;

		fresh_house(h);
		field_open(&f, h, crowd[i]);
		race_rounds(&f, kind);
		field_close(&f);
		check_trail(h, crowd[i]);
	}
}

static void test_one_totp_code_at_2_8_16_64_programs_at_once_opens_once(void **state)
{
	one_code_opens_once(*state, &totp);
}

static void test_one_hotp_code_at_2_8_16_64_programs_at_once_opens_once(void **state)
{
	one_code_opens_once(*state, &hotp);
}

static void test_one_recovery_code_at_2_8_16_64_programs_at_once_opens_once(void **state)
{
	one_code_opens_once(*state, &recovery);
}

/* --- wrong codes, all at once ---------------------------------------------------------- */

/* Never more than five are judged; the fifth and all that were too late hear of the lock. */
static void check_guesses(struct field *f, const struct kind *kind)
{
	unsigned judged = f->runners < LOCK_AFTER ? f->runners : LOCK_AFTER;

	for (unsigned round = 0; round < GUESS_ROUNDS; round++) {
		unsigned retry = shoot(f, "daemon", kind->wrong, PAM_AUTH_ERR);

		assert_int_equal(retry, judged < LOCK_AFTER ? judged : LOCK_AFTER - 1);
		assert_int_equal(count(f, PAM_MAXTRIES), f->runners - retry);
		assert_int_equal(office_fails(f->h, "daemon", kind->factor), judged);
		assert_int_equal(office_unlock(f->h, "daemon"), KM_OK);
	}
}

static void guesses_are_counted(struct house *h, const struct kind *kind)
{
	for (unsigned i = 0; i < CROWDS; i++) {
		struct field f;
		char code[32];

		fresh_house(h);
		kind->next(h, 0, code);
		field_open(&f, h, crowd[i]);
		check_guesses(&f, kind);
		/* And what is right is still right. */
		assert_int_equal(shoot(&f, "daemon", code, PAM_SUCCESS), 1);
		field_close(&f);
	}
}

static void test_wrong_totp_codes_at_once_are_counted_exactly_and_lock_at_five(void **state)
{
	guesses_are_counted(*state, &totp);
}

static void test_wrong_hotp_codes_at_once_are_counted_exactly_and_lock_at_five(void **state)
{
	guesses_are_counted(*state, &hotp);
}

static void test_wrong_recovery_codes_at_once_are_counted_exactly_and_lock_at_five(void **state)
{
	guesses_are_counted(*state, &recovery);
}

#define HOUSE_TEST(f) cmocka_unit_test_setup_teardown(f, office_setup, office_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOUSE_TEST(test_one_totp_code_at_2_8_16_64_programs_at_once_opens_once),
		HOUSE_TEST(test_one_hotp_code_at_2_8_16_64_programs_at_once_opens_once),
		HOUSE_TEST(test_one_recovery_code_at_2_8_16_64_programs_at_once_opens_once),
		HOUSE_TEST(test_wrong_totp_codes_at_once_are_counted_exactly_and_lock_at_five),
		HOUSE_TEST(test_wrong_hotp_codes_at_once_are_counted_exactly_and_lock_at_five),
		HOUSE_TEST(test_wrong_recovery_codes_at_once_are_counted_exactly_and_lock_at_five),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
