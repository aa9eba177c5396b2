/*
 * Power cuts. The state folder lies on a disk of its own; while operators log in by counter,
 * somebody guesses and an administrator registers, enrols and erases, the disk is cut off in an
 * instant and the rooms are killed. After the next mount: every acknowledged login, failure,
 * registration, enrolment and erasure is there, no accepted code is accepted again, the trail
 * verifies, and everybody can log in.
 *
 * KENMON_CUTS: how many cuts on each file system (tests/bench/power: 1,000).
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
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include "house_disk.h"
#include "house_office.h"

#define CUTS         200
#define CUTS_SLOW    20 /* of a file system whose journal takes long to replay */
#define CUTS_FIRST   40
#define LOAD_US      40000  /* the cut comes within this time of load */
#define START_US     12000  /* or of a start */
#define START_EVERY  8      /* cuts, one of which falls into a start */
#define CODES        200000 /* more than a run can use up */
#define CODES_TEXT   "200000"
#define LOOK_AHEAD   10 /* of HOTP */
#define CLERKS_A_CUT 64
#define WRONG        "000000"
#define LOCK_AFTER   5 /* the default of [lockout] after */

/* Operators of accounts that every Debian has. */
static const struct person {
	const char *login;
	int64_t uid;
} people[] = { { "daemon", 1 }, { "bin", 2 }, { "sys", 3 } }, victim = { "man", 6 };
#define PEOPLE (sizeof(people) / sizeof(people[0]))

/*
 * What the load knows for certain, from what it was answered before the cut: a machine without
 * power answers nothing, but this one goes on, and ext4 lets an fdatasync that is under way
 * during its shutdown succeed though nothing comes to the disk. Shared, so that it outlives it.
 */
struct ledger {
	volatile bool cut;
	struct {
		volatile uint64_t tried;    /* counter of the last code that was sent */
		volatile uint64_t accepted; /* counter behind the last that was accepted */
	} login[PEOPLE];
	struct {
		volatile unsigned tried, counted;
	} guess;
	struct {
		volatile uint8_t begun, done; /* enum step */
	} clerk[CLERKS_A_CUT];
	volatile unsigned clerks; /* that were begun */
};

/* An operator that the administrator makes: how far. */
enum step { NOTHING, ADDED, ENROLLED, ERASED };

struct town {
	struct house h;
	struct disk disk;
	struct ledger *now;
	uint64_t counter[PEOPLE]; /* of the next code that must be good */
	char (*code)[8];
	unsigned cut;
	char where[160]; /* for the report of a failure */
	/* for the report */
	unsigned logins, guesses, clerks, erased, lost_answers;
};

/* With what the rooms said since the power came back. */
static void fail_of(const struct town *t, const char *condition)
{
	char *log = house_log(&t->h);

	fail_msg("after cut %u: not so: %s (%s)\n%s", t->cut, condition, t->where, log);
}

#define must(t, condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fail_of(t, #condition);                                                    \
	} while (0)

static void pause_us(long us)
{
	const struct timespec t = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };

	nanosleep(&t, NULL);
}

/*
 * The first counter from c on whose digits do not come again within the look-ahead: one code in
 * 100,000 is a good one twice, and is rightly accepted twice (that of 2386 is, and 2394 too).
 */
static uint64_t usable(const struct town *t, uint64_t c)
{
	for (uint64_t next = c + 1; next <= c + LOOK_AHEAD; next++)
		if (strcmp(t->code[c], t->code[next]) == 0)
			return usable(t, c + 1);
	return c;
}

/* --- the load, each part a process ------------------------------------------------------------ */

static void log_in_again_and_again(struct town *t, unsigned i)
{
	for (uint64_t c = t->counter[i]; c < CODES - LOOK_AHEAD; c = usable(t, c + 1)) {
		t->now->login[i].tried = c;
		if (office_try(&t->h, people[i].login, t->code[c]) != PAM_SUCCESS || t->now->cut)
			return;
		t->now->login[i].accepted = c + 1;
	}
}

static void guess_again_and_again(struct town *t)
{
	for (unsigned i = 0; i < LOCK_AFTER; i++) {
		int rc;

		t->now->guess.tried++;
		rc = office_try(&t->h, victim.login, WRONG);
		if ((rc != PAM_AUTH_ERR && rc != PAM_MAXTRIES) || t->now->cut)
			return;
		t->now->guess.counted++;
	}
}

static void clerk_name(const struct town *t, unsigned i, char out[32])
{
	snprintf(out, 32, "clerk-%u-%u", t->cut, i);
}

/* Does one step with it. */
static km_rc one_step(const struct house *h, const char *login, enum step step)
{
	const struct office_otp otp = { .factor = KM_FACTOR_HOTP };
	struct km_msg m = { .number = KM_MSG_ERASE };

	if (step == ADDED)
		return office_add(h, login, -1);
	if (step == ENROLLED)
		return office_enrol(h, login, &otp, NULL);
	snprintf(m.erase.login, sizeof(m.erase.login), "%s", login);
	snprintf(m.erase.reason, sizeof(m.erase.reason), "left");
	return office_do(h, &m, NULL);
}

/* Every third is erased again. */
static void administer(struct town *t)
{
	char login[32];

	for (unsigned i = 0; i < CLERKS_A_CUT; i++) {
		enum step last = i % 3 == 0 ? ERASED : ENROLLED;

		clerk_name(t, i, login);
		t->now->clerks = i + 1;
		for (enum step step = ADDED; step <= last; step++) {
			t->now->clerk[i].begun = (uint8_t)step;
			if (one_step(&t->h, login, step) != KM_OK || t->now->cut)
				return;
			t->now->clerk[i].done = (uint8_t)step;
		}
	}
}

#define LOADS (PEOPLE + 2)

static void carry(struct town *t, unsigned part)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (part < PEOPLE)
		log_in_again_and_again(t, part);
	else if (part == PEOPLE)
		guess_again_and_again(t);
	else
		administer(t);
	_exit(0);
}

static void load_begin(struct town *t, pid_t load[LOADS])
{
	memset(t->now, 0, sizeof(*t->now));
	for (unsigned i = 0; i < PEOPLE; i++)
		t->now->login[i].tried = t->now->login[i].accepted = t->counter[i];
	office_close(); /* each has a line of its own */
	fflush(NULL);
	for (unsigned i = 0; i < LOADS; i++) {
		load[i] = fork();
		if (load[i] == 0)
			carry(t, i);
		must(t, load[i] > 0);
	}
}

/* --- the cut
 * -------------------------------------------------------------------------------------- */

static void kill_and_wait(pid_t pid)
{
	if (pid > 0 && kill(pid, SIGKILL) == 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
}

/* As the power does it: nobody hears of anybody's end. We inherit the rooms, and wait for them. */
static void kill_house(struct town *t)
{
	pid_t judge, vault;

	if (t->h.pid <= 0)
		return;
	kill(t->h.pid, SIGSTOP);
	judge = house_room(&t->h, "kenmon-authd");
	vault = house_room(&t->h, "kenmon-vault");
	kill_and_wait(t->h.pid);
	kill_and_wait(vault);
	kill_and_wait(judge);
	t->h.pid = 0;
}

static void power_back(struct town *t)
{
	kill_house(t);
	office_close();
	must(t, truncate(t->h.log, 0) == 0);
	must(t, disk_unmount(&t->disk) && disk_mount(&t->disk));
}

static void cut_under_load(struct town *t)
{
	pid_t load[LOADS];

	load_begin(t, load);
	pause_us(random() % LOAD_US);
	t->now->cut = true;
	must(t, disk_cut(&t->disk));
	kill_house(t);
	for (unsigned i = 0; i < LOADS; i++)
		kill_and_wait(load[i]);
	power_back(t);
}

/* The disk goes while the rooms read what the last cut left. */
static void start_without_waiting(struct town *t)
{
	char program[HOUSE_PATH + 16];

	snprintf(program, sizeof(program), "%s/kenmon-authd", t->h.bin);
	fflush(NULL);
	t->h.pid = fork();
	if (t->h.pid != 0)
		return;
	/* What it says about its disk is nobody's matter here. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && freopen("/dev/null", "w", stderr))
		execl(program, program, "--spawn", "--state-dir", t->h.state, "--socket",
		      t->h.socket, "--config", t->h.config, NULL);
	_exit(127);
}

static void cut_in_a_start(struct town *t)
{
	start_without_waiting(t);
	must(t, t->h.pid > 0);
	pause_us(random() % START_US);
	must(t, disk_cut(&t->disk));
	power_back(t);
}

/* --- what must hold
 * --------------------------------------------------------------------------------- */

static int try_code(struct town *t, unsigned i, uint64_t counter)
{
	return office_try(&t->h, people[i].login, t->code[counter]);
}

static void logins_stay(struct town *t, unsigned i)
{
	uint64_t tried = t->now->login[i].tried, accepted = t->now->login[i].accepted;
	uint64_t next = usable(t, tried + 1);
	int again = try_code(t, i, tried);

	snprintf(t->where, sizeof(t->where),
		 "%s: code %lu tried, %lu accepted, from %lu on; then again: %d", people[i].login,
		 tried, accepted, t->counter[i], again);
	/* What was not answered may have come through or not; what was accepted has. */
	must(t, again == PAM_AUTH_ERR || (again == PAM_SUCCESS && accepted <= tried));
	t->lost_answers += accepted <= tried && again == PAM_AUTH_ERR;
	must(t, try_code(t, i, tried) == PAM_AUTH_ERR);
	must(t, try_code(t, i, next) == PAM_SUCCESS);
	/* One from before. */
	must(t, try_code(t, i, t->counter[i]) != PAM_SUCCESS);
	t->logins += (unsigned)(accepted - t->counter[i]);
	t->counter[i] = usable(t, next + 1);
}

static void failures_stay(struct town *t)
{
	int fails = office_fails(&t->h, victim.login, KM_FACTOR_HOTP);

	must(t, fails >= (int)t->now->guess.counted && fails <= (int)t->now->guess.tried);
	must(t, office_unlock(&t->h, victim.login) == KM_OK);
	t->guesses += t->now->guess.counted;
}

/* It is there, and who it is; or it is not there at all. */
static enum step how_far(struct town *t, const char *login)
{
	struct msg_operator_row row;
	struct msg_credential_row credential;
	char number[64], name[64];
	km_rc rc = office_operator(&t->h, login, &row);

	must(t, rc == KM_OK || rc == KM_ENOTFOUND);
	if (rc != KM_OK)
		return NOTHING;
	snprintf(number, sizeof(number), "E-%s", login);
	snprintf(name, sizeof(name), "Name of %s", login);
	snprintf(t->where, sizeof(t->where), "%s: state %u, %s", login, row.state,
		 row.employee_number);
	must(t, row.state == KM_ACTIVE);
	must(t, strcmp(row.employee_number, number) == 0 && strcmp(row.name, name) == 0);
	return office_credential(&t->h, login, KM_FACTOR_HOTP, &credential) ? ENROLLED : ADDED;
}

static void clerks_stay(struct town *t)
{
	char login[32];

	for (unsigned i = 0; i < t->now->clerks; i++) {
		enum step begun = t->now->clerk[i].begun, done = t->now->clerk[i].done, found;

		clerk_name(t, i, login);
		found = how_far(t, login);
		if (done == ERASED || (begun == ERASED && found == NOTHING)) {
			must(t, found == NOTHING);
			must(t, office_add(&t->h, login, -1) == KM_EREUSED);
			t->erased++;
		} else {
			must(t, found >= done && found <= begun);
			t->clerks += done > NOTHING;
		}
	}
}

static void town_is_whole(struct town *t)
{
	must(t, house_again(&t->h));
	for (unsigned i = 0; i < PEOPLE; i++)
		logins_stay(t, i);
	failures_stay(t);
	clerks_stay(t);
	must(t, house_desk(&t->h, NULL, NULL, "audit", "verify", NULL) == 0);
}

/* --- a town on a disk
 * --------------------------------------------------------------------------------- */

/* One code a line, from oathtool. */
static void read_codes(struct town *t)
{
	struct house_out o = { 0 };
	char *line, *rest;

	assert_int_equal(house_run(&o, -1, NULL,
				   (const char *const[]){ "oathtool", "--hotp", "-w", CODES_TEXT,
							  "-b", OFFICE_SECRET, NULL }),
			 0);
	t->code = calloc(CODES, sizeof(*t->code));
	assert_non_null(t->code);
	line = strtok_r(o.out, "\n", &rest);
	for (unsigned i = 0; i < CODES; i++, line = strtok_r(NULL, "\n", &rest)) {
		assert_non_null(line);
		memcpy(t->code[i], line, 6);
	}
	house_out_free(&o);
}

static void settle(struct town *t)
{
	const struct office_otp otp = { .factor = KM_FACTOR_HOTP };

	assert_true(house_again(&t->h));
	for (unsigned i = 0; i < PEOPLE; i++) {
		assert_int_equal(office_add(&t->h, people[i].login, people[i].uid), KM_OK);
		assert_int_equal(office_enrol(&t->h, people[i].login, &otp, NULL), KM_OK);
	}
	assert_int_equal(office_add(&t->h, victim.login, victim.uid), KM_OK);
	assert_int_equal(office_enrol(&t->h, victim.login, &otp, NULL), KM_OK);
}

static void move_to_a_disk(struct town *t, const char *type)
{
	assert_true(office_house(&t->h, NULL));
	office_close();
	assert_true(house_stop(&t->h));
	assert_int_equal(house_run(&(struct house_out){ 0 }, -1, NULL,
				   (const char *const[]){ "rm", "-rf", t->h.state, NULL }),
			 0);
	assert_int_equal(mkdir(t->h.state, 0700), 0);
	assert_true(disk_make(&t->disk, type, t->h.dir, t->h.state));
}

static void cut_many_times(struct town *t, const char *type, unsigned cuts)
{
	move_to_a_disk(t, type);
	read_codes(t);
	settle(t);
	for (t->cut = 1; t->cut <= cuts; t->cut++) {
		cut_under_load(t);
		if (t->cut % START_EVERY == 0)
			cut_in_a_start(t);
		town_is_whole(t);
	}
	printf("# %s: %u cuts under load, %u in a start; kept: %u logins, %u failures, "
	       "%u registrations, %u erasures; %u codes used up whose login was not answered\n",
	       type, cuts, cuts / START_EVERY, t->logins, t->guesses, t->clerks, t->erased,
	       t->lost_answers);
	fflush(stdout);
	assert_true(t->logins > cuts && t->clerks > 0 && t->erased > 0);
}

/* Keys and databases are made, and the power goes: the next start makes them, or finds them. */
static void cut_first_starts(struct town *t, const char *type, unsigned cuts)
{
	char vault[HOUSE_PATH + 8], judge[HOUSE_PATH + 8], keks[HOUSE_PATH + 16];

	move_to_a_disk(t, type);
	snprintf(vault, sizeof(vault), "%s/vault", t->h.state);
	snprintf(judge, sizeof(judge), "%s/judge", t->h.state);
	snprintf(keks, sizeof(keks), "%s/vault-kek", t->h.state);
	for (t->cut = 1; t->cut <= cuts; t->cut++) {
		cut_in_a_start(t);
		settle(t);
		assert_true(house_stop(&t->h));
		office_close();
		must(t, house_run(&(struct house_out){ 0 }, -1, NULL,
				  (const char *const[]){ "rm", "-rf", vault, keks, judge, NULL }) ==
			    0);
		must(t, disk_sync(&t->disk)); /* that they are gone is no part of it */
	}
	printf("# %s: %u cuts in a first start\n", type, cuts);
	fflush(stdout);
}

static int town_open(void **state)
{
	struct town *t = calloc(1, sizeof(*t));

	*state = t;
	if (!t || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return -1;
	t->disk.loop = -1;
	t->now =
	    mmap(NULL, sizeof(*t->now), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	srandom((unsigned)time(NULL));
	return t->now == MAP_FAILED ? -1 : 0;
}

static int town_close(void **state)
{
	struct town *t = *state;

	office_close();
	if (t->h.pid > 0)
		house_stop(&t->h);
	if (t->disk.loop >= 0)
		disk_unmount(&t->disk);
	disk_free(&t->disk);
	house_end(&t->h);
	munmap(t->now, sizeof(*t->now));
	free(t->code);
	free(t);
	return 0;
}

static void cut_on(struct town *t, const char *type, unsigned cuts,
		   void (*cut)(struct town *t, const char *type, unsigned cuts))
{
	const char *why = disk_cannot(type), *more = getenv("KENMON_CUTS");

	if (why) {
		printf("# %s\n", why);
		skip();
	}
	cut(t, type, more ? (unsigned)strtoul(more, NULL, 10) : cuts);
}

static void test_nothing_acknowledged_is_lost_by_200_power_cuts_on_ext4(void **state)
{
	cut_on(*state, "ext4", CUTS, cut_many_times);
}

static void test_nothing_acknowledged_is_lost_by_power_cuts_on_xfs(void **state)
{
	cut_on(*state, "xfs", CUTS_SLOW, cut_many_times);
}

static void test_a_first_start_cut_at_any_moment_is_finished_by_the_next(void **state)
{
	cut_on(*state, "ext4", CUTS_FIRST, cut_first_starts);
}

#define TOWN_TEST(f) cmocka_unit_test_setup_teardown(f, town_open, town_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOWN_TEST(test_nothing_acknowledged_is_lost_by_200_power_cuts_on_ext4),
		TOWN_TEST(test_nothing_acknowledged_is_lost_by_power_cuts_on_xfs),
		TOWN_TEST(test_a_first_start_cut_at_any_moment_is_finished_by_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
