/*
 * That the rooms put their walls up: the running ones, on a kernel that lacks what walls are made
 * of, and on one that refuses; and that a wall is no higher than it may be.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/room.h>
#include <kenmon/sock.h>
#include <kenmon/wire.h>

#include "../../authd/vault/walls.h"
#include "house.h"
#include "house_acts.h"

/* --- the running rooms --------------------------------------------------------------------- */

/* A line of /proc/PID/status, by its beginning; "" without it. */
static void status_of(pid_t pid, const char *key, char out[64])
{
	char path[64], line[256];
	FILE *f;

	out[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':')
			snprintf(out, 64, "%.*s", (int)strcspn(line + strlen(key) + 2, "\n"),
				 line + strlen(key) + 2);
	if (f)
		fclose(f);
}

static void is_confined(const struct house *h, const char *room)
{
	pid_t pid = house_room(h, room);
	char text[64], path[64];
	struct stat st;

	assert_true(pid > 0);
	status_of(pid, "NoNewPrivs", text);
	assert_string_equal(text, "1");
	status_of(pid, "Seccomp", text);
	assert_string_equal(text, "2");
	for (size_t i = 0; i < 4; i++) {
		static const char *const sets[] = { "CapInh", "CapPrm", "CapEff", "CapAmb" };

		status_of(pid, sets[i], text);
		assert_string_equal(text, "0000000000000000");
	}
	/* What tells of a process that is not dumpable is root's. */
	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 0);
}

static void wait_for_walls(pid_t pid)
{
	const struct timespec moment = { .tv_nsec = 5000000 };
	char text[64];

	for (unsigned i = 0; i < 4000; i++) {
		status_of(pid, "Seccomp", text);
		if (strcmp(text, "2") == 0)
			return;
		nanosleep(&moment, NULL);
	}
}

static void check_house(const struct house_setup *how)
{
	struct house h;
	char *log;

	assert_true(house_start(&h, how));
	log = house_log(&h);
	assert_non_null(log);
	assert_int_equal(strstr(log, km_wall_gap_text(KM_WALL_OPEN_BUILD)) != NULL, built_open);
	assert_null(strstr(log, "no seccomp"));
	assert_null(strstr(log, "no Landlock"));
	free(log);
	if (!built_open) {
		is_confined(&h, "kenmon-authd");
		is_confined(&h, "kenmon-vault");
		/* Nobody waits for that one before a house is ready. */
		wait_for_walls(house_wait_room(&h, "kenmon-courier", 0));
		is_confined(&h, "kenmon-courier");
	}
	house_end(&h);
}

static void test_running_rooms_are_confined(void **state)
{
	(void)state;
	check_house(NULL);
}

static void test_rooms_under_uids_of_their_own_are_confined(void **state)
{
	static const struct house_setup apart = { .separate_uids = true };

	(void)state;
	if (geteuid() != 0)
		skip();
	check_house(&apart);
}

/* --- one by one --------------------------------------------------------------------------------
 */

/* In a child behind the judge's walls. Its wait status; 0 also where there are no walls. */
static int behind(bool may_fork, void (*act)(void))
{
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		unsigned gaps = 0;

		if (walls_of(ACT_JUDGE, may_fork, &gaps) != KM_OK)
			_exit(100);
		if (!built_open)
			act();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int hold[2];

/* The child has no wait; as in farewell.c it is seen by the pipe. */
static void forks_only(void)
{
	char byte = '?';
	pid_t pid;

	if (pipe2(hold, O_CLOEXEC) < 0)
		_exit(1);
	pid = fork();
	if (pid == 0) {
		bool stopped = execl("/bin/true", "true", NULL) < 0 && errno == EPERM;

		_exit(write(hold[1], stopped ? "y" : "n", 1) != 1);
	}
	if (pid < 0 || read(hold[0], &byte, 1) != 1 || byte != 'y')
		_exit(2);
	if (syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0) >= 0 || errno != EPERM)
		_exit(3);
	if (syscall(SYS_clone, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND, 0, 0, 0, 0) >= 0 ||
	    errno != EPERM)
		_exit(4);
}

/* Where the kernel does not keep descriptors out, only a child can close them (farewell.c). */
static void test_a_judge_that_has_to_fork_may_do_that_and_no_more(void **state)
{
	(void)state;
	assert_int_equal(behind(true, forks_only), 0);
}

static void test_an_abort_still_ends_a_room(void **state)
{
	int status;

	(void)state;
	status = behind(false, abort);
	assert_true(built_open ? status == 0
			       : (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT));
}

#ifdef __x86_64__
static void calls_as_32_bits(void)
{
	long rc = 20; /* getpid */

	__asm__ volatile("int $0x80" : "+a"(rc) : : "memory", "r8", "r9", "r10", "r11");
	_exit(9);
}

static void test_a_call_of_32_bits_ends_the_room(void **state)
{
	int status;

	(void)state;
	status = behind(false, calls_as_32_bits);
	/* SIGSEGV where the kernel has none of them. */
	assert_true(status == 0 || (WIFSIGNALED(status) &&
				    (WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV)));
}
#endif

/* --- a kernel that lacks, or refuses -------------------------------------------------------------
 */

/* From now on, and in children, these two calls fail with error. */
static void fail_calls(uint32_t a, uint32_t b, uint32_t error)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, a, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, b, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(f) / sizeof(f[0]), f };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		_exit(99);
}

static void old_kernel_house(void)
{
	static const char *const rooms[] = { "kenmon-vault", "kenmon-authd" };
	struct house_out o = { .out = NULL };
	struct house h;
	bool good;

	fail_calls(SYS_landlock_create_ruleset, SYS_seccomp, ENOSYS);
	good = house_start(&h, NULL) && house_desk(&h, &o, NULL, "status", NULL) == 0;
	for (size_t i = 0; good && !built_open && i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		char line[64];

		snprintf(line, sizeof(line), "%s: no seccomp here", rooms[i]);
		good = house_wait_log(&h, line);
		snprintf(line, sizeof(line), "%s: no Landlock here", rooms[i]);
		good = good && house_wait_log(&h, line);
	}
	good = good && strstr(o.out, built_open ? "built for" : "no Landlock here") != NULL;
	house_out_free(&o);
	house_end(&h);
	_exit(good ? 0 : 1);
}

static void test_a_kernel_without_walls_is_a_warning_and_no_obstacle(void **state)
{
	int status = -1;
	pid_t pid;

	(void)state;
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		old_kernel_house();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#define OPTION_PASSRIGHTS 83  /* SO_PASSRIGHTS, Linux 6.16 */
#define HEAP              300 /* more than a judge keeps that cannot fork: it would start again */

static void no_help_with_descriptors(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsockopt, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OPTION_PASSRIGHTS, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOPROTOOPT),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(f) / sizeof(f[0]), f };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		_exit(99);
}

static void burying_house(void)
{
	struct house h;
	pid_t judge;
	bool good;

	no_help_with_descriptors();
	good = house_start(&h, NULL);
	judge = house_room(&h, "kenmon-authd");
	for (unsigned i = 0; good && i < HEAP; i++) {
		int fd = -1;

		good = km_connect(h.socket, false, &fd) == KM_OK &&
		       km_send(fd, (const uint8_t *)"no frame", 8, fd, 0) == KM_OK;
		close(fd);
	}
	good = good && house_wait_log(&h, "sent descriptors") &&
	       house_desk(&h, NULL, NULL, "status", NULL) == 0 &&
	       house_room(&h, "kenmon-authd") == judge;
	house_end(&h);
	_exit(good ? 0 : 1);
}

static void test_behind_its_walls_the_judge_still_buries_what_it_may_not_close(void **state)
{
	int status = -1;
	pid_t pid;

	(void)state;
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		burying_house();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* KM_EIO, when these are there and do not work. */
static void check_fatal(uint32_t a, uint32_t b)
{
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		unsigned gaps = 0;
		km_rc rc;

		fail_calls(a, b, EINVAL);
		rc = walls_of(ACT_VAULT, false, &gaps);
		_exit(rc == (built_open ? KM_OK : KM_EIO) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_a_wall_that_the_kernel_refuses_to_put_up_ends_the_room(void **state)
{
	(void)state;
	check_fatal(SYS_landlock_restrict_self, SYS_landlock_restrict_self);
	check_fatal(SYS_landlock_add_rule, SYS_landlock_add_rule);
	check_fatal(SYS_capset, SYS_capget);
}

static void test_a_row_without_a_test_allows_nothing(void **state)
{
	static const struct km_call forgotten[] = { { SYS_execve, 0, 0, 0, 0 } };
	static const struct km_call beyond[] = { { SYS_execve, KM_CALL_ARG_IS, 6, 0, 0 } };
	static const struct km_call last[] = { { SYS_execve, KM_CALL_ARG_BOTH, 5, 0, 0 } };
	static const struct km_wall walls[] = { { .calls = { { forgotten, 1 } } },
						{ .calls = { { beyond, 1 } } },
						{ .calls = { { last, 1 } } } };
	int status = -1;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			unsigned gaps = 0;
			km_rc rc = km_room_begin();

			if (rc == KM_OK)
				rc = km_wall_up(&walls[i], &gaps);
			_exit(rc == (built_open ? KM_OK : KM_EINVAL) ? 0 : 1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

/* --- places --------------------------------------------------------------------------------- */

static void place_is(const char *path, const char *keep_out, const char *expected)
{
	char out[PATH_MAX];

	km_wall_place(path, keep_out, out);
	assert_string_equal(out, expected);
}

/* So that a file put in the place of the old one can be read, and nobody else's beside it. */
static void test_a_files_place_is_its_folder_unless_that_holds_more(void **state)
{
	const struct scene *s = *state;
	char path[128];

	char longer[PATH_MAX + 1];

	memset(longer, 'x', PATH_MAX);
	longer[PATH_MAX] = '\0';
	place_is(longer, "state", ""); /* is nowhere */
	place_is("etc/kenmon.conf", "state", "etc");
	place_is("etc/none", "state", "etc");
	place_is("state/../etc/none", "state", "state/../etc");
	place_is("none", "state", "none");
	place_is("./none", "state", "./none");
	place_is("state/none", "state", "state/none");
	place_is("outside/../none", "state/sub", "outside/../none");
	place_is("/none", "state", "/none");
	snprintf(path, sizeof(path), "%s/none", s->dir);
	place_is(path, "state/sub", path);
	snprintf(path, sizeof(path), "%s/stat", s->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	place_is("stat/none", "state", "stat"); /* no folder above one whose name begins so */
}

/* Its name is looked for in the state folder, so the folder that we stand in stays closed. */
static void test_a_key_without_a_folder_opens_no_folder(void **state)
{
	struct vault_places places = { .state_dir = "state",
				       .key = "master.key",
				       .config = "etc/kenmon.conf",
				       .machine_id = "/etc/machine-id" };
	struct vault_wall w;

	(void)state;
	vault_wall(&w, &places);
	assert_string_equal(w.key, "");
	places.key = "etc/master.key";
	vault_wall(&w, &places);
	assert_string_equal(w.key, "etc");
}

#define SCENE_TEST(f) cmocka_unit_test_setup_teardown(f, set_scene, clear_scene)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_running_rooms_are_confined),
		cmocka_unit_test(test_rooms_under_uids_of_their_own_are_confined),
		SCENE_TEST(test_a_judge_that_has_to_fork_may_do_that_and_no_more),
		SCENE_TEST(test_an_abort_still_ends_a_room),
#ifdef __x86_64__
		SCENE_TEST(test_a_call_of_32_bits_ends_the_room),
#endif
		cmocka_unit_test(test_a_kernel_without_walls_is_a_warning_and_no_obstacle),
		cmocka_unit_test(
		    test_behind_its_walls_the_judge_still_buries_what_it_may_not_close),
		SCENE_TEST(test_a_wall_that_the_kernel_refuses_to_put_up_ends_the_room),
		cmocka_unit_test(test_a_row_without_a_test_allows_nothing),
		SCENE_TEST(test_a_files_place_is_its_folder_unless_that_holds_more),
		SCENE_TEST(test_a_key_without_a_folder_opens_no_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
