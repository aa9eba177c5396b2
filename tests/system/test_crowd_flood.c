/* One user without any right to it makes trouble as fast as they can. Needs root for the uid. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include <kenmon/sock.h>

#include "house_office.h"

#define ROGUE_UID (HOUSE_BASE_UID + 50)
#define CONNECTS  2000

static int setup(void **state)
{
	static const struct house_setup how = { .separate_uids = true };
	struct house *h = calloc(1, sizeof(*h));

	*state = h;
	if (geteuid() != 0)
		return 0;
	return h && house_start(h, &how) ? 0 : -1;
}

/* As the rogue; its exit code is 0 when do_it says so. */
static void as_rogue(const struct house *h, bool (*do_it)(const struct house *))
{
	int status = -1;
	pid_t pid;

	office_close();
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (setresgid(ROGUE_UID, ROGUE_UID, ROGUE_UID) < 0 ||
		    setresuid(ROGUE_UID, ROGUE_UID, ROGUE_UID) < 0)
			_exit(2);
		_exit(do_it(h) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static bool connects_in_a_loop(const struct house *h)
{
	for (unsigned i = 0; i < CONNECTS; i++) {
		int fd = -1;

		if (km_connect(h->socket, false, &fd) != KM_OK)
			return false;
		close(fd);
	}
	return true;
}

static void test_a_user_who_connects_in_a_loop_is_a_line_or_two_in_the_trail(void **state)
{
	const struct house *h = *state;
	unsigned records;

	if (geteuid() != 0)
		skip();
	as_rogue(h, connects_in_a_loop);
	records = office_audited(h, KM_EVENT_TURNED_AWAY, NULL, NULL);
	assert_in_range(records, 1, 5);
	assert_int_equal(house_desk(h, NULL, NULL, "status", NULL), 0);
	/* The first was told of at once; the others come later, with a count. */
	assert_true(office_audited(h, KM_EVENT_TURNED_AWAY, NULL, "peer=61550 count=1") > 0);
	for (unsigned i = 0; i < 50 && records < 2; i++) {
		usleep(100000);
		records = office_audited(h, KM_EVENT_TURNED_AWAY, NULL, NULL);
	}
	assert_in_range(records, 2, 5);
}

/* The kernel keeps it out, or it stays open: closed it never is. */
static bool sends_a_descriptor(const struct house *h)
{
	for (unsigned i = 0; i < 20; i++) {
		struct pollfd hook = { .events = POLLIN };
		int fd = -1, pair[2];
		km_rc rc;

		if (km_connect(h->socket, false, &fd) != KM_OK ||
		    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
			return false;
		rc = km_send(fd, (const uint8_t *)"x", 1, pair[1], 0);
		close(pair[1]);
		usleep(10000);
		hook.fd = pair[0];
		if (rc == KM_OK && poll(&hook, 1, 0) != 0)
			return false;
		close(pair[0]);
		close(fd);
	}
	return true;
}

static void test_a_descriptor_that_a_user_sends_is_never_closed_by_the_rooms(void **state)
{
	const struct house *h = *state;

	if (geteuid() != 0)
		skip();
	as_rogue(h, sends_a_descriptor);
	assert_int_equal(house_desk(h, NULL, NULL, "status", NULL), 0);
}

#define FLOOD_TEST(f) cmocka_unit_test_setup_teardown(f, setup, office_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FLOOD_TEST(test_a_user_who_connects_in_a_loop_is_a_line_or_two_in_the_trail),
		FLOOD_TEST(test_a_descriptor_that_a_user_sends_is_never_closed_by_the_rooms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
