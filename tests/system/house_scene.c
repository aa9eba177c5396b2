/* Where acts are tried; see house_acts.h. */
#include <fcntl.h>
#include <linux/landlock.h>
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
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/log.h>
#include <kenmon/room.h>

#include <kenmon/sock.h>
#include <kenmon/wire.h>

#include "../../authd/judge.h"
#include "../../authd/matcher/room.h"
#include "../../authd/vault/walls.h"
#include "house.h"
#include "house_acts.h"

#if defined(KM_COVERAGE) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
const bool built_open = true;
#else
const bool built_open = false;
#endif

static void file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	if (strstr(path, ".conf"))
		assert_int_equal(write(fd, "# none\n", 7), 7);
	close(fd);
}

static int named_socket(const char *path, int type)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	if (type == SOCK_SEQPACKET)
		assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static int abstract_socket(pid_t other)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int n = snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, ACT_NAME, (int)other);

	assert_int_equal(bind(fd, (const struct sockaddr *)&at,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)),
			 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

int set_scene(void **state)
{
	static const char *const folders[] = {
		"state", "state/sub", "kek", "judge", "outside", "etc", "etc/kenmon.conf.d"
	};
	static const char *const files[] = { "state/file",
					     "kek/file",
					     "judge/file",
					     "outside/file",
					     "outside/other",
					     "etc/kenmon.conf",
					     "etc/kenmon.conf.d/one.conf" };
	struct scene *s = *state = calloc(1, sizeof(*s));

	memcpy(s->dir, "/tmp/kenmon-test-XXXXXX", sizeof("/tmp/kenmon-test-XXXXXX"));
	assert_non_null(getcwd(s->start, sizeof(s->start)));
	assert_non_null(mkdtemp(s->dir));
	assert_int_equal(chdir(s->dir), 0);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		assert_int_equal(mkdir(folders[i], 0700), 0);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		file(files[i]);
	assert_int_equal(symlink("../outside/file", "state/link"), 0);
	s->listener = named_socket("outside/listener", SOCK_SEQPACKET);
	s->journal = named_socket("outside/journal", SOCK_DGRAM);
	s->other = fork();
	if (s->other == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	s->named = abstract_socket(s->other);
	act_landlock =
	    syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	return 0;
}

int clear_scene(void **state)
{
	struct scene *s = *state;
	struct house_out o;
	int rc;

	kill(s->other, SIGKILL);
	waitpid(s->other, NULL, 0);
	close(s->listener);
	close(s->journal);
	close(s->named);
	rc = chdir(s->start);
	house_run(&o, -1, NULL, (const char *const[]){ "rm", "-rf", s->dir, NULL });
	house_out_free(&o);
	free(s);
	return rc;
}

/* --- behind the walls ------------------------------------------------------------ */

struct found *new_found(void)
{
	struct found *f =
	    mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(f != MAP_FAILED);
	return f;
}

/* As it is before its walls: a sensor knocks, and the vault has said something. */
static bool matcher_is_connected(void)
{
	int pair[2], sensor = -1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
	    send(pair[1], "word", 4, 0) != 4)
		return false;
	act_link = pair[0];
	act_listener = named_socket("outside/probes", SOCK_SEQPACKET);
	return km_connect("outside/probes", false, &sensor) == KM_OK;
}

km_rc walls_of(enum act_room room, bool may_fork, unsigned *gaps)
{
	static struct judge_wall judge;
	static struct vault_wall vault;
	static struct km_wall matcher;
	const struct vault_places places = { .state_dir = "state",
					     .kek_dir = "kek",
					     .config = "etc/kenmon.conf",
					     .machine_id = "/etc/machine-id" };

	if (km_room_begin() != KM_OK)
		return KM_EIO;
	km_log_open("room", "outside/journal", LOG_INFO);
	if (room == ACT_MATCHER && !matcher_is_connected())
		return KM_EIO;
	act_anchor = open("judge/file", O_RDWR | O_APPEND | O_CLOEXEC);
	judge_wall(&judge, "etc/kenmon.conf", "judge", may_fork);
	vault_wall(&vault, &places);
	matcher_wall(&matcher);
	return km_wall_up(room == ACT_MATCHER ? &matcher
			  : room == ACT_JUDGE ? &judge.wall
					      : &vault.wall,
			  gaps);
}

/* A /run of its own for the child, in which logind has not started yet. Root only. */
static bool private_run(void)
{
	return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", "/run", "tmpfs", 0, "mode=0755") == 0 &&
	       mkdir("/run/systemd", 0755) == 0;
}

/* Then it starts, and somebody comes from far away. */
static void start_logind(pid_t pid)
{
	static const char text[] = "UID=1\nUSER=far\nACTIVE=1\nSTATE=active\nREMOTE=1\n";
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/root/run/systemd/sessions", pid);
	assert_int_equal(mkdir(path, 0755), 0);
	memcpy(path + strlen(path), "/" ACT_SESSION, sizeof("/" ACT_SESSION));
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* Another file in its place, as an editor leaves it. */
static void replace_configuration(void)
{
	file("etc/kenmon.conf.new");
	assert_int_equal(rename("etc/kenmon.conf.new", "etc/kenmon.conf"), 0);
}

static void try_all(const struct act *act, size_t count, enum act_room room, pid_t other,
		    struct found *f)
{
	for (size_t i = 0; i < count; i++)
		f->of[i] = act[i].room & room ? act_try(&act[i], other) : -1;
}

int play(const struct scene *s, enum act_room room, const struct act *act, size_t count,
	 struct found *f)
{
	int go[2], ready[2], status = -1;
	uint8_t byte = 0;
	size_t len;
	pid_t pid;

	assert_true(count <= ACTS_MAX);
	/* Not pipes: not every room may read(2). */
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, go), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ready), 0);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		act_logind = f->logind = private_run();
		f->up = room == 0 || walls_of(room, false, &f->gaps) == KM_OK;
		if (write(ready[1], "r", 1) != 1 ||
		    km_recv(go[0], &byte, 1, &len, NULL, NULL, 0) != KM_OK)
			_exit(2);
		try_all(act, count, room ? room : ACT_ALL, s->other, f);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	replace_configuration();
	if (f->logind)
		start_logind(pid);
	assert_int_equal(write(go[1], "g", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	for (int i = 0; i < 2; i++) {
		close(go[i]);
		close(ready[i]);
	}
	return status;
}
