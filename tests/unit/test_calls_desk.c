/*
 * The desk while it enrols a code or a finger at a real terminal: every call fails, once and from
 * then on. It ends with an exit code and a sentence, and the terminal is as it was.
 */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <pwd.h>
#include <termios.h>
#include <utmp.h>

#include <kenmon/order.h>

#include "../fault/fault.h"
#include "desk_scene.h"

static const struct {
	enum fault_call call;
	const char *name;
	int error;
} kinds[] = {
	{ FAULT_MALLOC, "malloc", ENOMEM },
	{ FAULT_MMAP, "mmap", ENOMEM },
	{ FAULT_MADVISE, "madvise", EINVAL },
	{ FAULT_MLOCK, "mlock", ENOMEM },
	{ FAULT_SOCKET, "socket", EMFILE },
	{ FAULT_SETSOCKOPT, "setsockopt", ENOPROTOOPT },
	{ FAULT_CONNECT, "connect", EACCES },
	{ FAULT_SENDMSG, "sendmsg", EPIPE },
	{ FAULT_RECVMSG, "recvmsg", EIO },
	{ FAULT_GETRANDOM, "getrandom", ENOSYS },
	{ FAULT_OPEN, "open", EMFILE },
	{ FAULT_STAT, "stat", EIO },
	{ FAULT_READ, "read", EIO },
	{ FAULT_WRITE, "write", EIO },
	{ FAULT_GETSOCKOPT, "getsockopt", EIO },
};

#define PATIENCE 10000 /* ms; only a failing test waits so long */
#define SILENCE  500   /* ms; then the prompt could not be shown */
#define PROMPT   "One-time code: "

struct seen {
	char text[16384];
	size_t len;
	int code;
	struct fault_count count;
};

static char *const totp[] = { (char[]){ "kenmon" }, (char[]){ "enroll" }, (char[]){ "totp" },
			      (char[]){ "sato" }, NULL };
static char *const finger[] = { (char[]){ "kenmon" },
				(char[]){ "enroll" },
				(char[]){ "fingerprint" },
				(char[]){ "sato" },
				(char[]){ "--finger" },
				(char[]){ "right-index" },
				NULL };
static char *const phone[] = { (char[]){ "kenmon" },
			       (char[]){ "enroll" },
			       (char[]){ "phone" },
			       (char[]){ "sato" },
			       (char[]){ "--number" },
			       (char[]){ "090-1234-5678" },
			       NULL };
static char *const *words = totp; /* what is tried */

/* In a child with a terminal of its own. */
static void be_the_desk(struct scene *s, size_t kind, unsigned k, bool for_good, int report)
{
	struct fault_count count;
	struct desk d;
	char *argv[8] = { NULL };
	int argc = 0, code;

	alarm(30);
	for (; words[argc]; argc++)
		argv[argc] = words[argc];
	desk_init(&d);
	d.socket = s->path;
	d.lang = KM_LANG_EN;
	fault_begin(kinds[kind].call, k, kinds[kind].error, for_good);
	code = desk_main(&d, argc, argv);
	count = fault_end();
	fflush(NULL);
	if (write(report, &count, sizeof(count)) != sizeof(count))
		_exit(126);
	_exit(code);
}

/* Types the code when it is asked for, or when nothing more is said, and reads to the end. */
static void watch(int terminal, const char *kind, unsigned k, struct seen *seen)
{
	bool typed = false;

	for (;;) {
		struct pollfd p = { .fd = terminal, .events = POLLIN };
		int ready = poll(&p, 1, typed ? PATIENCE : SILENCE);
		ssize_t n;

		if (ready != 1 && typed)
			fail_msg("%s, call %u: the desk stands still after: %s", kind, k,
				 seen->text);
		n = ready == 1
			? read(terminal, seen->text + seen->len, sizeof(seen->text) - seen->len - 1)
			: 0;
		if (ready == 1 && n <= 0)
			return; /* EIO: nobody has it open any more */
		seen->len += (size_t)n;
		if (!typed && (ready != 1 || strstr(seen->text, PROMPT)))
			typed = write(terminal, "123456\n", 7) == 7;
	}
}

static void enrol(struct scene *s, size_t kind, unsigned k, bool for_good, struct seen *seen)
{
	struct termios t;
	int terminal, other, report[2], status = 0;
	pid_t child;

	memset(seen, 0, sizeof(*seen));
	assert_int_equal(openpty(&terminal, &other, NULL, NULL, NULL), 0);
	assert_int_equal(pipe(report), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(terminal);
		if (login_tty(other) != 0)
			_exit(125);
		be_the_desk(s, kind, k, for_good, report[1]);
	}
	close(other);
	close(report[1]);
	watch(terminal, kinds[kind].name, k, seen);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFEXITED(status))
		fail_msg("%s, call %u: the desk died of signal %d", kinds[kind].name, k,
			 WTERMSIG(status));
	seen->code = WEXITSTATUS(status);
	/* The loader's own end, when it has no memory for a library's variables of a thread. */
	if (seen->code == 127 && strstr(seen->text, "thread-local data"))
		seen->count.failed = 1;
	else if (read(report[0], &seen->count, sizeof(seen->count)) != sizeof(seen->count))
		fail_msg("%s, call %u: the desk ended by itself with %d: %s", kinds[kind].name, k,
			 seen->code, seen->text);
	assert_int_equal(tcgetattr(terminal, &t), 0);
	if (!(t.c_lflag & ECHO))
		fail_msg("%s, call %u: the terminal no longer echoes", kinds[kind].name, k);
	close(terminal);
	close(report[0]);
}

static void one_point(struct scene *s, size_t kind, unsigned k, bool for_good)
{
	static const int codes[] = { 0, 1, 69, 77 };
	struct seen seen;
	bool known = false;

	enrol(s, kind, k, for_good, &seen);
	if (seen.count.failed == 0)
		fail_msg("%s, call %u was not made", kinds[kind].name, k);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		known |= seen.code == codes[i];
	if (!known && seen.code != 127)
		fail_msg("%s, call %u: exit code %d", kinds[kind].name, k, seen.code);
	if (seen.code != 0 && seen.code != 127 && !strstr(seen.text, "kenmon: "))
		fail_msg("%s, call %u: no sentence but \"%s\"", kinds[kind].name, k, seen.text);
}

static unsigned every_point(struct scene *s, void (*also)(struct scene *, size_t, unsigned, bool))
{
	unsigned points = 0;
	struct seen seen;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		enrol(s, i, 0, false, &seen);
		if (seen.code != 0)
			fail_msg("nothing failed: %d, %s", seen.code, seen.text);
		if (kinds[i].call == FAULT_MALLOC && !fault_has_malloc())
			continue;
		for (unsigned k = 1; k <= seen.count.calls[kinds[i].call]; k++, points += 2) {
			also(s, i, k, false);
			also(s, i, k, true);
		}
	}
	print_message("# %u points tried\n", points);
	return points;
}

static void
test_C3_a_failing_call_ends_the_desk_with_a_sentence_and_its_terminal_whole(void **state)
{
	struct play p = { .prompt = true, .hidden = true };
	struct scene s;

	(void)state;
	/* The first look-up of a process needs memory, and glibc's crashes without. */
	(void)getpwnam("root");
	words = totp;
	begin(&s, &p, "");
	assert_true(every_point(&s, one_point) >= 60);
	end(&s);
}

/* The vault of this play stores each finger that it is asked for. */
static void one_finger(struct scene *s, size_t kind, unsigned k, bool for_good)
{
	struct seen seen;

	one_point(s, kind, k, for_good);
	enrol(s, kind, k, for_good, &seen);
	/* Without random numbers there is no id of an operation, and nothing was asked. */
	if (kinds[kind].call != FAULT_GETRANDOM && strstr(seen.text, "othing was"))
		fail_msg("%s, call %u: a finger was stored, and the desk says: %s",
			 kinds[kind].name, k, seen.text);
}

static void test_C3_no_failing_call_says_of_a_finger_that_was_stored_that_it_was_not(void **state)
{
	static const struct msg_finger_stage rows[] = { { .event = 1, .reader = "Reader" },
							{ .event = 2 },
							{ .outcome = 1, .stage = 5, .of = 5 },
							{ 0 } };
	struct play p = { .stages = rows };
	struct scene s;

	(void)state;
	(void)getpwnam("root");
	words = finger;
	begin(&s, &p, "");
	assert_true(every_point(&s, one_finger) >= 40);
	end(&s);
}

static void test_C3_a_failing_call_while_a_number_is_confirmed_ends_with_a_sentence(void **state)
{
	static const struct msg_order_row rows[] = { { .state = KM_ORDER_STATE_QUEUED },
						     { .state = KM_ORDER_STATE_SENT },
						     { 0 } };
	struct play p = { .prompt = true, .hidden = true, .orders = rows };
	struct scene s;

	(void)state;
	(void)getpwnam("root");
	words = phone;
	begin(&s, &p, "");
	assert_true(every_point(&s, one_point) >= 60);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_C3_a_failing_call_ends_the_desk_with_a_sentence_and_its_terminal_whole),
		cmocka_unit_test(
		    test_C3_no_failing_call_says_of_a_finger_that_was_stored_that_it_was_not),
		cmocka_unit_test(
		    test_C3_a_failing_call_while_a_number_is_confirmed_ends_with_a_sentence),
	};

	return cmocka_run_group_tests(tests, scene_setup, NULL);
}
