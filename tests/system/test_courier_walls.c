/*
 * What is left to the courier behind its walls, by the gateway that is configured: tried in a child
 * that has put them up.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../authd/courier/drivers.h"
#include "../../authd/courier/courier.h"
#include <kenmon/room.h>

#define UNTRIED 77 /* no walls in this build, or not all of them here */

static char dir[64];

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	(void)st;
	(void)kind;
	(void)f;
	return remove(path);
}

static void path_of(char out[PATH_MAX], const char *name)
{
	snprintf(out, PATH_MAX, "%s/%s", dir, name);
}

static int set_up(void **state)
{
	static const char *const folders[] = { "conf", "outgoing", "sent", "failed" };
	char path[PATH_MAX];

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/kenmon-walls-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		path_of(path, folders[i]);
		if (mkdir(path, 0700) < 0)
			return -1;
	}
	path_of(path, "other");
	close(open(path, O_WRONLY | O_CREAT, 0600));
	path_of(path, "conf/kenmon.conf");
	close(open(path, O_WRONLY | O_CREAT, 0600));
	path_of(path, "sent/taken");
	close(open(path, O_WRONLY | O_CREAT, 0600));
	return 0;
}

static int clear_up(void **state)
{
	(void)state;
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* --- acts: 0, or errno -------------------------------------------------------------------------
 */

static int of(long result)
{
	return result < 0 ? errno : 0;
}

static int opens(const char *name, int flags)
{
	char path[PATH_MAX];

	path_of(path, name);
	return of(openat(AT_FDCWD, name[0] == '/' ? name : path, flags | O_CLOEXEC, 0600));
}

static int runs_a_program(void)
{
	char name[] = "true";
	char *argv[] = { name, NULL };

	return of(execv("/bin/true", argv));
}

static int forks(void)
{
	return of(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
}

static int makes_socket(int family, int type)
{
	return of(socket(family, type, 0));
}

static int renames_out(void)
{
	char from[PATH_MAX], to[PATH_MAX];

	path_of(from, "sent/taken");
	path_of(to, "taken");
	return of(renameat(AT_FDCWD, from, AT_FDCWD, to));
}

static int removes(const char *name)
{
	char path[PATH_MAX];

	path_of(path, name);
	return of(unlinkat(AT_FDCWD, path, 0));
}

#define NEW_FILE (O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW)

/* What no gateway needs. The first that works; NULL: all are refused. */
static const char *escapes(void)
{
	if (runs_a_program() != EPERM)
		return "it runs a program";
	if (forks() != EPERM)
		return "it forks";
	if (opens("/etc/passwd", O_RDONLY) != EACCES)
		return "it reads any file";
	if (opens("other", O_RDONLY) != EACCES)
		return "it reads a file beside its own";
	if (opens("conf/kenmon.conf", O_WRONLY) != EPERM)
		return "it writes its configuration";
	if (opens("new", O_WRONLY | O_CREAT) != EPERM)
		return "it makes a file";
	if (makes_socket(AF_UNIX, SOCK_STREAM) != EPERM)
		return "it makes a socket to others here";
	if (makes_socket(AF_NETLINK, SOCK_RAW) != EPERM ||
	    makes_socket(AF_PACKET, SOCK_RAW) != EPERM)
		return "it makes a strange socket";
	if (mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		 0) != MAP_FAILED)
		return "it maps memory to be executed";
	if (of(kill(getppid(), 0)) != EPERM || of(ptrace(PTRACE_ATTACH, getppid(), 0, 0)) != EPERM)
		return "it reaches another process";
	if (of(unshare(CLONE_NEWUSER)) != EPERM || of(setuid(1)) != EPERM)
		return "it becomes somebody else";
	return opens("conf/kenmon.conf", O_RDONLY) == 0 ? NULL : "it cannot read its configuration";
}

static const char *beside_a_program(void)
{
	const char *what = escapes();

	if (!what && (makes_socket(AF_INET, SOCK_STREAM) != EPERM ||
		      makes_socket(AF_INET6, SOCK_DGRAM) != EPERM))
		what = "it reaches a network";
	if (!what && removes("sent/taken") == 0)
		what = "it removes a file";
	return what;
}

static const char *beside_smstools(void)
{
	const char *what = escapes();

	if (what)
		return what;
	if (makes_socket(AF_INET, SOCK_STREAM) != EPERM)
		return "it reaches a network";
	if (opens("outgoing/new", NEW_FILE) != 0)
		return "it cannot make a message";
	if (opens("sent/new", NEW_FILE) != EACCES || opens("new", NEW_FILE) != EACCES)
		return "it makes files elsewhere";
	if (opens("sent/taken", O_RDONLY) != EACCES)
		return "it reads what smstools wrote";
	if (renames_out() == 0)
		return "it moves a file elsewhere";
	if (removes("sent/taken") != 0)
		return "it cannot remove what was sent";
	return removes("other") == 0 ? "it removes another file" : NULL;
}

/* --- a gateway that needs a network ---------------------------------------------------------- */

static void net_needs(const struct courier_settings *s, struct courier_needs *needs)
{
	(void)s;
	needs->network = true;
}

static const struct courier_driver network_driver = { .name = "network", .needs = net_needs };

static const char *beside_a_network(void)
{
	const char *what = escapes();
	struct sockaddr_in {
		uint16_t family, port;
		uint8_t address[12];
	} nobody = { AF_INET, 0x0100, { 127, 0, 0, 1 } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (what)
		return what;
	if (fd < 0 || socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0)
		return "it makes no socket to a network";
	/* Nobody listens there: that is what it hears, and not that it may not. */
	if (connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)) == 0 || errno != ECONNREFUSED)
		return "it reaches no network";
	return of(listen(fd, 1)) == EPERM ? NULL : "it listens";
}

/* --- in a child ------------------------------------------------------------------------------ */

static void in_child(unsigned gateway, const struct courier_driver *other,
		     const char *(*look)(void))
{
	static struct courier_settings settings;
	static struct courier_needs needs[COURIER_KINDS];
	static char conf[PATH_MAX];
	struct courier c = {
		.vault = -1, .settings = &settings, .needs = needs, .conf_path = conf
	};
	const char *what;

	path_of(conf, "conf/kenmon.conf");
	km_conf_defaults(&settings.conf);
	settings.conf.sms.gateway = gateway;
	snprintf(settings.conf.sms.spool, sizeof(settings.conf.sms.spool), "%s", dir);
	snprintf(settings.conf.sms.program, sizeof(settings.conf.sms.program), "/bin/true");
	if (other)
		other->needs(&settings, &needs[COURIER_CALLS]);
	courier_needs_of(&c, &settings, needs);
	if (km_room_begin() != KM_OK || !courier_confine(&c))
		_exit(2);
	/* Without both kinds of walls there is nothing to be seen. */
	if (forks() != EPERM || opens("/etc/passwd", O_RDONLY) == 0)
		_exit(UNTRIED);
	what = look();
	if (what)
		fprintf(stderr, "%s\n", what);
	_exit(what != NULL);
}

static void behind_walls(unsigned gateway, const struct courier_driver *other,
			 const char *(*look)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		in_child(gateway, other, look);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == UNTRIED)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_beside_a_gateways_program_it_reaches_nothing(void **state)
{
	(void)state;
	behind_walls(KM_GATEWAY_EXEC, NULL, beside_a_program);
}

static void test_beside_smstools_it_makes_messages_and_removes_them_and_no_more(void **state)
{
	(void)state;
	behind_walls(KM_GATEWAY_SPOOL, NULL, beside_smstools);
}

static void test_with_a_gateway_in_a_network_it_connects_and_does_not_listen(void **state)
{
	(void)state;
	behind_walls(KM_GATEWAY_NONE, &network_driver, beside_a_network);
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, clear_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(test_beside_a_gateways_program_it_reaches_nothing),
		ONE(test_beside_smstools_it_makes_messages_and_removes_them_and_no_more),
		ONE(test_with_a_gateway_in_a_network_it_connects_and_does_not_listen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
