/* Asking at a real terminal: the desk in a child process on a pseudo-terminal of its own. */
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../enroll/terminal.h"

#define PATIENCE 5000 /* ms; only a failing test waits so long */

struct child {
	pid_t pid;
	int fd;
	char seen[1024];
	size_t len;
};

/* In the child: asks once and exits with the rc; 100 when the answer is "123456". */
static void ask(bool echo)
{
	struct km_secret answer = { 0 };
	struct desk d;
	km_rc rc;

	desk_init(&d);
	alarm(20);
	rc = desk_ask(&d, "Code: ", echo, &answer);
	if (rc == KM_OK && answer.len == 6 && memcmp(answer.bytes, "123456", 6) == 0)
		_exit(100);
	_exit(-(int)rc);
}

static void begin(struct child *c, bool echo)
{
	memset(c, 0, sizeof(*c));
	c->pid = forkpty(&c->fd, NULL, NULL, NULL);
	assert_true(c->pid >= 0);
	if (c->pid == 0)
		ask(echo);
}

static void await(struct child *c, const char *text)
{
	while (!strstr(c->seen, text)) {
		struct pollfd p = { .fd = c->fd, .events = POLLIN };
		ssize_t n;

		if (poll(&p, 1, PATIENCE) != 1)
			fail_msg("\"%s\" did not come: %s", text, c->seen);
		n = read(c->fd, c->seen + c->len, sizeof(c->seen) - c->len - 1);
		if (n <= 0)
			fail_msg("the terminal was closed before \"%s\": %s", text, c->seen);
		c->len += (size_t)n;
	}
}

static bool echoes(const struct child *c)
{
	struct termios t;

	assert_int_equal(tcgetattr(c->fd, &t), 0);
	return t.c_lflag & ECHO;
}

static void type(struct child *c, const char *text)
{
	assert_int_equal(write(c->fd, text, strlen(text)), (ssize_t)strlen(text));
}

static int end(struct child *c)
{
	int status = 0;

	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	assert_true(echoes(c)); /* as it was, however it ended */
	close(c->fd);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_a_code_is_shown_as_it_is_typed(void **state)
{
	struct child c;

	(void)state;
	begin(&c, true);
	await(&c, "Code: ");
	assert_true(echoes(&c));
	type(&c, "123456\n");
	await(&c, "123456");
	assert_int_equal(end(&c), 100);
}

static void test_what_must_not_be_shown_is_not(void **state)
{
	struct child c;

	(void)state;
	begin(&c, false);
	await(&c, "Code: ");
	assert_false(echoes(&c));
	type(&c, "123456\n");
	await(&c, "\n");
	assert_null(strstr(c.seen, "1234"));
	assert_int_equal(end(&c), 100);
}

static void test_ctrl_c_aborts_and_leaves_the_terminal_as_it_was(void **state)
{
	struct child c;

	(void)state;
	begin(&c, false);
	await(&c, "Code: ");
	type(&c, "12\003");
	await(&c, "\n");
	assert_int_equal(end(&c), -KM_EABORTED);
}

static void test_a_terminal_that_goes_away_aborts(void **state)
{
	struct child c;
	int status;

	(void)state;
	begin(&c, true);
	await(&c, "Code: ");
	close(c.fd);
	assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), -KM_EABORTED);
}

static void test_a_line_too_long_for_a_secret_is_refused_whole(void **state)
{
	char text[KM_SECRET_MAX + 3];
	struct child c;

	(void)state;
	memset(text, '1', sizeof(text) - 2);
	text[sizeof(text) - 2] = '\n';
	text[sizeof(text) - 1] = '\0';
	begin(&c, true);
	await(&c, "Code: ");
	type(&c, text);
	assert_int_equal(end(&c), -KM_ELIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_code_is_shown_as_it_is_typed),
		cmocka_unit_test(test_what_must_not_be_shown_is_not),
		cmocka_unit_test(test_ctrl_c_aborts_and_leaves_the_terminal_as_it_was),
		cmocka_unit_test(test_a_terminal_that_goes_away_aborts),
		cmocka_unit_test(test_a_line_too_long_for_a_secret_is_refused_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
