/* The service manager's watchdog: the judge says that it is alive, as long as its loop runs. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "house.h"

#define EVERY_USEC "400000" /* of WATCHDOG_USEC: it is to be said more often than that */

static struct sockaddr_un at = { .sun_family = AF_UNIX };
static struct house house;
static int manager;

static int setup(void **state)
{
	(void)state;
	snprintf(at.sun_path, sizeof(at.sun_path), "/tmp/kenmon-notify-%d", (int)getpid());
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (manager < 0 || bind(manager, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
	    setenv("NOTIFY_SOCKET", at.sun_path, 1) < 0 ||
	    setenv("WATCHDOG_USEC", EVERY_USEC, 1) < 0 || unsetenv("WATCHDOG_PID") < 0)
		return -1;
	return house_start(&house, NULL) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	house_end(&house);
	close(manager);
	return unlink(at.sun_path);
}

/* Within so many milliseconds. */
static bool says_that_it_is_alive(long ms)
{
	struct timeval wait = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	char text[512];
	ssize_t n;

	assert_int_equal(setsockopt(manager, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)), 0);
	while ((n = recv(manager, text, sizeof(text) - 1, 0)) > 0) {
		text[n] = '\0';
		if (strstr(text, "WATCHDOG=1"))
			return true;
	}
	return false;
}

static void test_a_judge_that_stands_still_is_missed(void **state)
{
	char text[512];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_true(says_that_it_is_alive(5000));
	assert_true(house_kill_room(&house, "kenmon-authd", SIGSTOP));
	usleep(100000);
	/* What it had said before. */
	while (recv(manager, text, sizeof(text), MSG_DONTWAIT) > 0)
		;
	assert_false(says_that_it_is_alive(1000));
	assert_true(house_kill_room(&house, "kenmon-authd", SIGCONT));
	assert_true(says_that_it_is_alive(5000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_judge_that_stands_still_is_missed, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
