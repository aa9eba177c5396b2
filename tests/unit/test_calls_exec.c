/*
 * Every call fails, once and from then on, while a message goes through the courier to a program of
 * the site's; also in the process that runs it. The program is this test itself, copied.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "../../authd/courier/drivers.h"
#include "calls_courier.h"
#include "folder.h"
#include <kenmon/room.h>

#define RUNNER 12 /* calls of a kind that who runs the program makes at most */

static char dir[64], program[128], runs[128];

/* As the program: a line for each time that it runs. */
static int act(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);
	int fd;

	if (n <= 0)
		return 1;
	path[n] = '\0';
	strcpy(strrchr(path, '/'), "/runs");
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	return fd >= 0 && write(fd, "x", 1) == 1 ? 0 : 1;
}

static void copy_self(void)
{
	char bytes[65536];
	ssize_t n;
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to = open(program, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);

	assert_true(from >= 0 && to >= 0);
	while ((n = read(from, bytes, sizeof(bytes))) > 0)
		assert_int_equal(write(to, bytes, (size_t)n), n);
	close(from);
	assert_int_equal(close(to), 0);
}

static int make_folder(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/kenmon-calls-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(program, sizeof(program), "%s/gateway", dir);
	snprintf(runs, sizeof(runs), "%s/runs", dir);
	copy_self();
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return folder_remove(dir);
}

static void configure(struct km_conf *conf)
{
	conf->sms.gateway = KM_GATEWAY_EXEC;
	snprintf(conf->sms.program, sizeof(conf->sms.program), "%s", program);
}

/* The runner has ended with the room, and what it ran with it. */
static unsigned sent(void)
{
	struct stat st;
	unsigned count = stat(runs, &st) == 0 ? (unsigned)st.st_size : 0;

	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	(void)unlink(runs);
	return count;
}

static void
test_c3_whatever_fails_while_a_program_is_run_it_runs_once_or_is_said_to_be_in_doubt(void **state)
{
	static const struct carried message = { &sms_exec_driver, configure, sent, false, RUNNER };

	(void)state;
	carried_matrix(&message);
}

static void test_c3_nor_when_it_is_cancelled_meanwhile(void **state)
{
	static const struct carried message = { &sms_exec_driver, configure, sent, true, RUNNER };

	(void)state;
	carried_matrix(&message);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_c3_whatever_fails_while_a_program_is_run_it_runs_once_or_is_said_to_be_in_doubt),
		cmocka_unit_test(test_c3_nor_when_it_is_cancelled_meanwhile),
	};

	(void)argc;
	if (strcmp(argv[0], "sms") == 0)
		_exit(act());
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
