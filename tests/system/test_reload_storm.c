/* C15: a storm of reloads, with good and bad configurations, while people log in. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include "house_office.h"

#define DAEMON_UID  1 /* on every Debian */
#define LOGINS      25
#define LEAST       200     /* reloads in the storm: fewer were no storm */
#define GROWTH_KIB  2048    /* far less than so many configurations would take */
#define STORM_PAUSE 2000000 /* nanoseconds */

static const char *const texts[] = {
	"[service one]\ntries = 1\n[audit]\nrefusals = 1000\n",
	"[login]\ntries = many\n",
	"[service one]\ntries = 1\n[audit]\nrefusals = 1000\n[site]\ntime-zone = Asia/Tokyo\n",
	"[site]\ntime-zone = Nowhere/At_All\n",
	"",
};

static void put_config(const struct house *h, const char *text)
{
	FILE *f = fopen(h->config, "w");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		_exit(3);
}

/* Until it is told to stop; how many reloads there were goes to the pipe. */
static volatile sig_atomic_t calm;

static void be_calm(int number)
{
	(void)number;
	calm = 1;
}

static void rage(const struct house *h, int out)
{
	const struct timespec pause = { .tv_nsec = STORM_PAUSE };
	unsigned n = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGTERM, be_calm);
	for (; !calm || n < LEAST; n++) {
		put_config(h, texts[n % (sizeof(texts) / sizeof(texts[0]))]);
		if (kill(h->pid, SIGHUP) < 0)
			_exit(2);
		nanosleep(&pause, NULL);
	}
	put_config(h, texts[0]);
	if (kill(h->pid, SIGHUP) < 0 || write(out, &n, sizeof(n)) != sizeof(n))
		_exit(4);
	_exit(0);
}

static void test_c15_a_storm_of_reloads_disturbs_no_login_and_no_room(void **state)
{
	struct house *h = *state;
	const struct office_otp otp = { .factor = KM_FACTOR_HOTP };
	pid_t vault = house_room(h, "kenmon-vault"), judge = house_room(h, "kenmon-authd"), storm;
	size_t before[2];
	int out[2], status = -1;
	unsigned reloads = 0;
	char code[16];

	assert_int_equal(office_add(h, "daemon", DAEMON_UID), KM_OK);
	assert_int_equal(office_enrol(h, "daemon", &otp, NULL), KM_OK);
	house_hotp(code, OFFICE_SECRET, 6, 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
	before[0] = house_resident(vault);
	before[1] = house_resident(judge);
	office_close();
	assert_int_equal(pipe(out), 0);
	fflush(NULL);
	storm = fork();
	if (storm == 0)
		rage(h, out[1]);
	for (uint64_t i = 1; i <= LOGINS; i++) {
		house_hotp(code, OFFICE_SECRET, 6, i);
		assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
		assert_int_not_equal(office_try(h, "daemon", code), PAM_SUCCESS);
	}
	assert_int_equal(kill(storm, SIGTERM), 0);
	assert_int_equal(waitpid(storm, &status, 0), storm);
	assert_int_equal(status, 0);
	assert_int_equal(read(out[0], &reloads, sizeof(reloads)), (ssize_t)sizeof(reloads));
	close(out[0]);
	close(out[1]);
	assert_true(reloads >= LEAST);
	assert_true(office_audited(h, KM_EVENT_RELOADED, NULL, NULL) > 0);
	assert_int_equal(house_room(h, "kenmon-vault"), vault);
	assert_int_equal(house_room(h, "kenmon-authd"), judge);
	assert_true(house_resident(vault) < before[0] + GROWTH_KIB);
	assert_true(house_resident(judge) < before[1] + GROWTH_KIB);
	assert_int_equal(house_desk(h, NULL, NULL, "audit", "verify", NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_c15_a_storm_of_reloads_disturbs_no_login_and_no_room, office_setup,
		    office_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
