/* C4: no descriptor is left behind, and none reaches a program that the session starts. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "peer.h"

static int count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Descriptors of a program that we start now: what it counts is what it inherited. */
static int count_inherited(void)
{
	char text[32] = "";
	FILE *out;
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execl("/bin/sh", "sh", "-c", "set -- /proc/$$/fd/*; echo $#", (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	out = fdopen(ends[0], "r");
	assert_non_null(out);
	assert_non_null(fgets(text, sizeof(text), out));
	fclose(out);
	waitpid(pid, NULL, 0);
	return atoi(text);
}

static void serve_deny(struct peer *p)
{
	if (peer_greet(p))
		peer_send_result(p, KM_VERDICT_DENY, KM_REASON_WRONG, 0);
}

static void serve_nothing(struct peer *p)
{
	(void)p;
}

static void serve_descriptor(struct peer *p)
{
	struct km_msg m;

	if (!peer_greet(p))
		return;
	m = peer_result(p, KM_VERDICT_ALLOW, KM_REASON_NONE, 0);
	if (km_send_msg(p->fd, &m, p->fd, 0) != KM_OK)
		_exit(1);
}

static void test_no_descriptor_is_left_after_any_end_of_a_login(void **state)
{
	static const peer_serve ends[] = { serve_honestly, serve_deny, serve_nothing,
					   serve_descriptor };
	struct stage *s = *state;
	int before = count_descriptors();

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		s->shared->serve = ends[i];
		s->person.prompts = 0;
		(void)stage_login_and_account(s);
		assert_int_equal(count_descriptors(), before);
	}
	stage_daemon_stop(s);
	(void)stage_login(s);
	assert_int_equal(count_descriptors(), before);
}

static void test_no_descriptor_is_left_while_a_session_is_open(void **state)
{
	struct stage *s = *state;
	pam_handle_t *pamh = stage_begin(s, s->user);
	int before = count_descriptors(), inherited = count_inherited();

	assert_int_equal(pam_authenticate(pamh, 0), PAM_SUCCESS);
	assert_int_equal(pam_acct_mgmt(pamh, 0), PAM_SUCCESS);
	assert_int_equal(pam_open_session(pamh, 0), PAM_SUCCESS);
	assert_int_equal(count_descriptors(), before);
	assert_int_equal(count_inherited(), inherited);
	assert_int_equal(pam_close_session(pamh, 0), PAM_SUCCESS);
	assert_int_equal(count_descriptors(), before);
	pam_end(pamh, PAM_SUCCESS);
}

static int inherited_before;

static void start_a_program(struct person *who, pam_handle_t *pamh)
{
	(void)pamh;
	who->seen++;
	assert_int_equal(count_inherited(), inherited_before);
}

/* A program that starts another in its conversation (a helper, a screen reader). */
static void test_no_descriptor_is_inherited_by_what_starts_while_a_prompt_is_open(void **state)
{
	struct stage *s = *state;

	inherited_before = count_inherited();
	s->person.hook = start_a_program;
	assert_int_equal(stage_login(s), PAM_SUCCESS);
	assert_int_equal(s->person.seen, 1);
}

#define T(name) cmocka_unit_test_setup(name, stage_reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_no_descriptor_is_left_after_any_end_of_a_login),
		T(test_no_descriptor_is_left_while_a_session_is_open),
		T(test_no_descriptor_is_inherited_by_what_starts_while_a_prompt_is_open),
	};

	return cmocka_run_group_tests(tests, stage_setup, stage_teardown);
}
