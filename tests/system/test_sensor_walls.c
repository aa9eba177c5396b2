/*
 * The sensor behind its walls: stopped at all that judge and vault are stopped at, but for what its
 * libraries cannot do without. That these still work behind them, every other test of it shows.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/room.h>

#include "../../authd/sensor/sensor.h"
#include "house.h"
#include "house_acts.h"
#include "house_reader.h"

/* What it may and others may not; and clone3, which is refused by another error. */
static const struct {
	const char *act;
	int error;
} others[] = {
	{ "AF_NETLINK", 0 },  /* news of devices */
	{ "bind", EBADF },    /* to them; of no socket, here */
	{ "clone3", ENOSYS }, /* so that libc takes clone for a thread */
	{ "AF_UNIX", 0 },     /* to the matcher */
	{ "connect", 0 },     { "an option of a socket", ENOTSOCK },
};

static int expected(const char *name)
{
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(others[i].act, name) == 0)
			return others[i].error;
	return EPERM;
}

static void behind_walls(const struct scene *s, struct found *f)
{
	const struct sensor sensor = { .conf_path = "etc/kenmon.conf" };

	dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
	if (km_room_begin() != KM_OK || !sensor_confine(&sensor))
		_exit(1);
	f->up = true;
	for (size_t i = 0; i < acts_forbidden_count; i++)
		f->of[i] = act_try(&acts_forbidden[i], s->other);
	_exit(0);
}

static void test_the_sensor_is_stopped_at_everything_it_may_not_do(void **state)
{
	struct found *f = new_found();
	unsigned escaped = 0, tried = 0;
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		behind_walls(*state, f);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(f->up);
	for (size_t i = 0; !built_open && i < acts_forbidden_count; i++) {
		const char *name = acts_forbidden[i].name;
		int want = expected(name);

		if (!(acts_forbidden[i].room & ACT_BOTH))
			continue;
		tried++;
		if (f->of[i] == want || (want == EPERM && f->of[i] == EACCES))
			continue;
		fprintf(stderr, "%s: %s\n", name, f->of[i] ? strerror(f->of[i]) : "done");
		escaped++;
	}
	munmap(f, sizeof(*f));
	assert_int_equal(escaped, 0);
	assert_true(built_open || tried > 100);
}

/* --- a running one -------------------------------------------------------------------------- */

static bool status_has(pid_t pid, const char *thread, const char *want)
{
	char path[64], text[4096];
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int)pid, thread);
	f = fopen(path, "re");
	assert_non_null(f);
	len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[len] = '\0';
	return strstr(text, want) != NULL;
}

static void test_a_running_sensor_is_confined_with_all_its_threads(void **state)
{
	static const char *const lines[] = { "\nNoNewPrivs:\t1\n", "\nSeccomp:\t2\n",
					     "\nCapEff:\t0000000000000000\n",
					     "\nCapPrm:\t0000000000000000\n" };
	struct reader_post p;
	struct house_out o = { 0 };
	char tasks[64], *at;
	unsigned threads = 0;

	(void)state;
	reader_start(&p, NULL);
	reader_capture(&p, 'a', 1, 60);
	reader_expect(&p, 'a', KM_SENSOR_WAITING);
	snprintf(tasks, sizeof(tasks), "/proc/%d/task", (int)p.pid);
	assert_int_equal(house_run(&o, -1, NULL, (const char *const[]){ "/bin/ls", tasks, NULL }),
			 0);
	for (char *thread = strtok_r(o.out, "\n", &at); thread;
	     thread = strtok_r(NULL, "\n", &at)) {
		threads++;
		for (size_t i = built_open ? 4 : 0; i < 4; i++)
			assert_true(status_has(p.pid, thread, lines[i]));
	}
	assert_true(threads > 1);
	house_out_free(&o);
	reader_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_the_sensor_is_stopped_at_everything_it_may_not_do, set_scene, clear_scene),
		cmocka_unit_test(test_a_running_sensor_is_confined_with_all_its_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
