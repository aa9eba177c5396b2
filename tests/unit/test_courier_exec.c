/*
 * exec: a program of the site's, really run. The program is this test itself, copied: under the
 * name that the runner gives it, it writes down what it was given, and ends as the number says.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "../../authd/courier/drivers.h"
#include "../../authd/courier/exec.h"
#include "courier_scene.h"
#include "folder.h"
#include <kenmon/room.h>

#define SEEN_MAX 4096

/* What the last two digits of a number make the program do. */
enum { EXIT_0 = 0, SLEEPS = 90, SIGNAL_ITSELF, LEAVES_A_CHILD, TALKS };

/* --- as the program ------------------------------------------------------------------------- */

static void seen_path(char out[PATH_MAX], const char *name)
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 32);

	if (n <= 0)
		_exit(99);
	out[n] = '\0';
	snprintf(strrchr(out, '/'), 32, "/%s", name);
}

static int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	while (dir && readdir(dir))
		count++;
	closedir(dir);
	return count - 3; /* the folder itself, and two names that are none */
}

/* argc, descriptors, environment, session of its own; then each argument and the text, with
 * lengths. */
static void write_down(int argc, char **argv)
{
	char path[PATH_MAX], text[SEEN_MAX];
	ssize_t n, len = 0;
	int fds = count_descriptors();
	FILE *f;

	while ((n = read(0, text + len, sizeof(text) - (size_t)len)) > 0)
		len += n;
	seen_path(path, "seen");
	f = fopen(path, "a");
	if (!f)
		_exit(98);
	fprintf(f, "%d %d %d %d %d|", argc, fds, environ && *environ ? 1 : 0, getsid(0) == getpid(),
		prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	for (int i = 1; i < argc; i++)
		fprintf(f, "%zu:%s|", strlen(argv[i]), argv[i]);
	fprintf(f, "%zd:", len);
	fwrite(text, 1, (size_t)len, f);
	fputc('\n', f);
	fclose(f);
}

static int act(int argc, char **argv)
{
	const size_t len = argc > 1 ? strlen(argv[1]) : 0;
	const int what = len > 2 ? atoi(argv[1] + len - 2) : 0;
	char path[PATH_MAX], pid[32];
	int fd;

	write_down(argc, argv);
	if (what == SIGNAL_ITSELF)
		raise(SIGKILL);
	if (what == TALKS)
		for (unsigned i = 0; i < 100000; i++)
			printf("\033[2Jcode accepted\n");
	if (what == LEAVES_A_CHILD && fork() != 0)
		return 0;
	if (what != SLEEPS && what != LEAVES_A_CHILD)
		return what == TALKS ? 0 : what;
	seen_path(path, "asleep");
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || write(fd, pid, (size_t)snprintf(pid, sizeof(pid), "%d\n", getpid())) <= 0)
		return 97;
	for (;;)
		pause();
}

/* --- the scene ----------------------------------------------------------------------------------
 */

static struct scene s;
static char dir[64], program[128];

static void copy_self(void)
{
	char bytes[65536];
	ssize_t n;
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to = open(program, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);

	assert_true(from >= 0 && to >= 0);
	while ((n = read(from, bytes, sizeof(bytes))) > 0)
		assert_int_equal(write(to, bytes, (size_t)n), n);
	assert_int_equal(n, 0);
	close(from);
	assert_int_equal(close(to), 0);
}

static int make_folder(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/kenmon-exec-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(program, sizeof(program), "%s/gateway", dir);
	copy_self();
	assert_int_equal(km_room_begin(), KM_OK);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return folder_remove(dir);
}

static void file_in(char out[PATH_MAX], const char *name)
{
	assert_true(snprintf(out, PATH_MAX, "%s/%s", dir, name) < PATH_MAX);
}

/* What the program wrote; "" for nothing. */
static const char *content(const char *name)
{
	static char text[SEEN_MAX];
	char path[PATH_MAX];
	FILE *f;
	size_t n = 0;

	file_in(path, name);
	f = fopen(path, "r");
	if (f) {
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	text[n] = '\0';
	return text;
}

static int set_up(void **state)
{
	char path[PATH_MAX];

	(void)state;
	file_in(path, "seen");
	unlink(path);
	file_in(path, "asleep");
	unlink(path);
	scene_open(&s);
	s.c.driver[COURIER_MESSAGES] = &sms_exec_driver;
	s.c.driver[COURIER_CALLS] = NULL;
	snprintf(s.c.settings->conf.sms.program, sizeof(s.c.settings->conf.sms.program), "%s",
		 program);
	assert_int_equal(sms_exec_driver.open(&s.c, s.c.settings), KM_OK);
	return 0;
}

static int clear_up(void **state)
{
	(void)state;
	scene_close(&s);
	return 0;
}

static bool idle(struct scene *scene)
{
	return scene->c.count == 0;
}

static bool asleep(struct scene *scene)
{
	(void)scene;
	return strchr(content("asleep"), '\n') != NULL;
}

static void order(uint64_t id, const char *number, const char *text)
{
	struct km_msg m = scene_message(id, 60000);

	memset(m.order.number, 0, sizeof(m.order.number));
	strcpy(m.order.number, number);
	assert_int_equal(km_secret_set(&m.order.text, text, strlen(text)), KM_OK);
	scene_say(&s, &m);
	assert_true(scene_turn(&s));
	scene_expect(&s, id, KM_ORDER_STATE_QUEUED, KM_ORDER_WHY_NONE);
}

/* Ended: whether somebody has taken note of it is not ours to say. */
static bool has_ended(pid_t pid)
{
	char path[64], line[256] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return true;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	return !line[0] || strstr(line, ") Z ") || strstr(line, ") X ");
}

static bool is_gone(pid_t pid)
{
	for (unsigned i = 0; i < 2000 && !has_ended(pid); i++)
		usleep(10000);
	return has_ended(pid);
}

/* --- what it is given ------------------------------------------------------------------------ */

static void
test_the_program_gets_the_number_as_its_argument_and_the_text_on_standard_input(void **state)
{
	(void)state;
	assert_int_equal(setenv("CANARY", "in the environment", 1), 0);
	order(1, "+819012345600", "確認コード 123456\n@kenmon #123456");
	assert_true(scene_until(&s, idle));
	scene_expect(&s, 1, KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	/* one argument, three descriptors, no environment, a session of its own, no new powers */
	assert_string_equal(content("seen"),
			    "2 3 0 1 1|13:+819012345600|38:確認コード 123456\n@kenmon #123456\n");
}

/* Past the room: what would come of it if somebody had taken it over. The runner's end is waited
 * for. */
static void run_past_the_room(const char *number, const char *text, size_t len, size_t more,
			      bool runs)
{
	struct exec_request q = { .id = 1, .what = EXEC_RUN, .timeout_ms = 60000 };
	uint8_t record[sizeof(q) + 1] = { 0 };
	struct exec_answer a;
	pid_t pid = 0;
	int fd = -1;

	memcpy(q.number, number, strlen(number));
	memcpy(q.text, text, len);
	q.len = (uint16_t)len;
	memcpy(record, &q, sizeof(q));
	assert_int_equal(exec_runner_start(program, &fd, &pid), KM_OK);
	assert_int_equal(send(fd, record, sizeof(q) + more, 0), sizeof(q) + more);
	assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 20000), 1);
	assert_int_equal(recv(fd, &a, sizeof(a), 0), runs ? sizeof(a) : 0);
	if (runs) {
		assert_int_equal(a.outcome, EXEC_EXITED);
		assert_int_equal(a.value, 0);
	}
	close(fd);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_c21_a_hostile_text_reaches_the_program_as_it_is(void **state)
{
	static const char text[] = "'; id #\"\n$(id) `id` \\ -n %s%n ../../ 😀";
	static const char number[] = "+819012345600";
	char expected[512];
	int n = snprintf(expected, sizeof(expected), "2 3 0 1 1|%zu:%s|%zu:%s\n",
			 sizeof(number) - 1, number, sizeof(text) - 1, text);

	(void)state;
	run_past_the_room(number, text, sizeof(text) - 1, 0, true);
	assert_true(n > 0);
	assert_string_equal(content("seen"), expected);
}

static void test_c21_a_room_that_was_taken_over_hands_the_program_no_words_of_its_own(void **state)
{
	static const char *const number[] = {
		";touch /tmp/x;00", "$(id)`id`\"'\\ 00", "-rf / --00", "--config=/tmp/x",
		"\n\t*?[a]{b}00",   "&& | > < #~! 00",   "",           "+",
		"819012345600",     "+8190123456-0",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(number) / sizeof(number[0]); i++)
		run_past_the_room(number[i], "code 123456", 11, 0, false);
	run_past_the_room("+819012345600",
			  "1\x1a"
			  "AT+CMGS=2",
			  11, 0, false);
	run_past_the_room("+819012345600", "1\0002", 3, 0, false);
	run_past_the_room("+819012345600", "1", 1, 1, false); /* and something behind it */
	assert_string_equal(content("seen"), "");
}

static void test_c21_the_room_takes_no_such_number_at_all(void **state)
{
	struct km_msg m = scene_message(1, 60000);

	(void)state;
	memset(m.order.number, 0, sizeof(m.order.number));
	strcpy(m.order.number, "+81;touch /tmp/x");
	scene_say(&s, &m);
	assert_false(scene_turn(&s));
	assert_string_equal(content("seen"), "");
}

/* --- what it says ---------------------------------------------------------------------------- */

static void test_its_exit_code_says_what_became_of_it(void **state)
{
	static const struct {
		const char *number;
		enum km_order_state state;
		enum km_order_why why;
	} of[] = {
		{ "+819012345600", KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE },
		{ "+819012345601", KM_ORDER_STATE_FAILED, KM_ORDER_WHY_REFUSED },
		{ "+819012345668", KM_ORDER_STATE_FAILED, KM_ORDER_WHY_NO_NUMBER },
		{ "+819012345669", KM_ORDER_STATE_FAILED, KM_ORDER_WHY_UNREACHABLE },
		{ "+819012345677", KM_ORDER_STATE_FAILED, KM_ORDER_WHY_CREDENTIALS },
		{ "+819012345676", KM_ORDER_STATE_FAILED, KM_ORDER_WHY_ANSWER },
		{ "+819012345691", KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT },
		{ "+819012345693", KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		order(i + 1, of[i].number, "code 123456");
		assert_true(scene_until(&s, idle));
		scene_expect(&s, i + 1, of[i].state, of[i].why);
		scene_expect_nothing(&s);
	}
}

static void test_one_that_takes_too_long_is_killed_and_nobody_knows_what_it_did(void **state)
{
	pid_t pid;

	(void)state;
	s.c.settings->conf.sms.timeout = 3;
	assert_int_equal(sms_exec_driver.open(&s.c, s.c.settings), KM_OK);
	order(1, "+819012345690", "code 123456");
	assert_true(scene_until(&s, idle));
	scene_expect(&s, 1, KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT);
	pid = atoi(content("asleep"));
	assert_true(pid > 0);
	assert_true(is_gone(pid));
}

static void test_one_that_is_cancelled_is_killed_and_nobody_knows_what_it_did(void **state)
{
	pid_t pid;

	(void)state;
	order(1, "+819012345690", "code 123456");
	assert_true(scene_until(&s, asleep));
	pid = atoi(content("asleep"));
	scene_cancel(&s, 1);
	scene_expect(&s, 1, KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT);
	assert_true(is_gone(pid));
	/* The runner's word about it is for nobody, and the next is taken. */
	order(2, "+819012345600", "code 123456");
	assert_true(scene_until(&s, idle));
	scene_expect(&s, 2, KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
}

static void test_what_it_leaves_behind_goes_with_it(void **state)
{
	(void)state;
	order(1, "+819012345692", "code 123456");
	assert_true(scene_until(&s, idle));
	scene_expect(&s, 1, KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	if (*content("asleep")) /* else it was killed before it came so far */
		assert_true(is_gone(atoi(content("asleep"))));
}

static void test_what_runs_ends_with_the_room(void **state)
{
	pid_t pid;

	(void)state;
	order(1, "+819012345690", "code 123456");
	assert_true(scene_until(&s, asleep));
	pid = atoi(content("asleep"));
	scene_close(&s);
	assert_true(is_gone(pid));
}

static bool room_ended(struct scene *scene)
{
	return scene->c.stop || sd_event_get_state(scene->c.event) == SD_EVENT_FINISHED;
}

static void test_without_who_runs_it_the_room_ends_and_nothing_is_tried_again(void **state)
{
	char path[64], line[32] = "";
	FILE *f;

	(void)state;
	order(1, "+819012345690", "code 123456");
	assert_true(scene_until(&s, asleep));
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", getpid(), getpid());
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	fclose(f);
	assert_int_equal(kill(atoi(line), SIGKILL), 0);
	assert_true(scene_until(&s, room_ended));
	kill(atoi(content("asleep")), SIGKILL); /* it has nobody left who would */
}

/* --- which program --------------------------------------------------------------------------- */

static void test_a_program_that_others_could_change_is_not_run(void **state)
{
	static const char *const name[] = { "gateway", "missing", "", "no-program", "/etc" };
	struct scene other;

	(void)state;
	scene_open(&other);
	other.c.driver[COURIER_MESSAGES] = &sms_exec_driver;
	other.c.driver[COURIER_CALLS] = NULL;
	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		char *at = other.c.settings->conf.sms.program;

		if (name[i][0] == '/')
			snprintf(at, KM_CONF_LINE, "%s", name[i]);
		else
			snprintf(at, KM_CONF_LINE, "%s/%s", i == 0 ? "." : dir, name[i]);
		assert_int_equal(sms_exec_driver.open(&other.c, other.c.settings), KM_ECONF);
		sms_exec_driver.close(&other.c);
	}
	snprintf(other.c.settings->conf.sms.program, KM_CONF_LINE, "%s", program);
	assert_int_equal(chmod(program, 0722), 0);
	assert_int_equal(sms_exec_driver.open(&other.c, other.c.settings), KM_ECONF);
	assert_int_equal(chmod(program, 0700), 0);
	scene_close(&other);
}

static void test_a_program_that_does_not_start_has_sent_nothing(void **state)
{
	char away[PATH_MAX];

	(void)state;
	file_in(away, "away");
	assert_int_equal(rename(program, away), 0);
	order(1, "+819012345600", "code 123456");
	assert_true(scene_until(&s, idle));
	scene_expect(&s, 1, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_UNREACHABLE);
	assert_int_equal(rename(away, program), 0);
	assert_string_equal(content("seen"), "");
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, clear_up)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ONE(test_the_program_gets_the_number_as_its_argument_and_the_text_on_standard_input),
		ONE(test_c21_a_hostile_text_reaches_the_program_as_it_is),
		ONE(test_c21_a_room_that_was_taken_over_hands_the_program_no_words_of_its_own),
		ONE(test_c21_the_room_takes_no_such_number_at_all),
		ONE(test_its_exit_code_says_what_became_of_it),
		ONE(test_one_that_takes_too_long_is_killed_and_nobody_knows_what_it_did),
		ONE(test_one_that_is_cancelled_is_killed_and_nobody_knows_what_it_did),
		ONE(test_what_it_leaves_behind_goes_with_it),
		ONE(test_what_runs_ends_with_the_room),
		ONE(test_without_who_runs_it_the_room_ends_and_nothing_is_tried_again),
		ONE(test_a_program_that_others_could_change_is_not_run),
		ONE(test_a_program_that_does_not_start_has_sent_nothing),
	};

	if (strcmp(argv[0], "sms") == 0)
		_exit(act(argc,
			  argv)); /* what a sanitizer would say at the end is not the program's */
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
