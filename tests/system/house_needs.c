/* What each room needs behind its walls; see house_acts.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-login.h>

#include <kenmon/clock.h>
#include <kenmon/conf.h>
#include <kenmon/log.h>
#include <kenmon/secret.h>
#include <kenmon/sock.h>
#include <kenmon/wire.h>

#include "house_acts.h"

int act_anchor = -1, act_listener = -1, act_link = -1;
bool act_logind;

static long reads(const char *path)
{
	char byte;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	long rc = fd < 0 ? -1 : read(fd, &byte, 1);

	if (fd >= 0)
		close(fd);
	return rc;
}

#define READS(name, path)                                                                          \
	static long name(pid_t other)                                                              \
	{                                                                                          \
		(void)other;                                                                       \
		return reads(path);                                                                \
	}

READS(reads_zone, "/usr/share/zoneinfo/Asia/Tokyo")
READS(reads_boot_id, "/proc/sys/kernel/random/boot_id")
READS(reads_random, "/dev/urandom")
READS(reads_drop_in, "etc/kenmon.conf.d/one.conf")

/* The whole of it: the file, though another was put in its place, and the drop-ins. */
static long reads_configuration(pid_t other)
{
	struct km_conf_error error = { 0 };
	struct km_conf conf;

	(void)other;
	if (km_conf_read("etc/kenmon.conf", true, &conf, &error) == KM_OK)
		return 0;
	fprintf(stderr, "%s: %s\n", error.path, error.text);
	errno = EACCES;
	return -1;
}

static long reads_machine_id(pid_t other)
{
	(void)other;
	return reads("/etc/machine-id") < 0 && errno != ENOENT ? -1 : 0;
}

static long knows_the_day(pid_t other)
{
	struct km_now now;

	(void)other;
	return km_clock_zone("Asia/Tokyo") == KM_OK && km_clock_read(&now) == KM_OK &&
		       km_clock_zone("") == KM_OK
		   ? 0
		   : -1;
}

static long asks_who_sets_the_clock(pid_t other)
{
	struct timex t = { .modes = 0 };

	(void)other;
	return adjtimex(&t);
}

static long locks_memory(pid_t other)
{
	void *p = km_locked_new(4096), *big = malloc(4 << 20);
	long rc = p && big ? mprotect(p, 4096, PROT_READ) : -1;

	(void)other;
	free(big);
	if (p)
		munmap(p, 4096);
	return rc;
}

static long knows_its_limits(pid_t other)
{
	struct rlimit r;

	(void)other;
	return getrlimit(RLIMIT_NOFILE, &r);
}

static long logs_to_the_journal(pid_t other)
{
	(void)other;
	km_log(LOG_NOTICE, "heard");
	return 0;
}

/* --- the vault's folders ----------------------------------------------------------------- */

/* Made, written, flushed, locked, cut, renamed as a new one and over an old one, removed. */
static long works_in(const char *folder)
{
	int dir = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), fd = -1;
	struct flock lock = { .l_type = F_WRLCK };
	long rc = -1;

	if (dir >= 0)
		fd = openat(dir, "a.new", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0 && write(fd, "abc", 3) == 3 && pwrite(fd, "d", 1, 3) == 1 && fsync(fd) == 0 &&
	    fdatasync(fd) == 0 && posix_fallocate(fd, 0, 8192) == 0 && ftruncate(fd, 2) == 0 &&
	    fcntl(fd, F_SETLK, &lock) == 0 &&
	    renameat2(dir, "a.new", dir, "a", RENAME_NOREPLACE) == 0 &&
	    renameat(dir, "a", dir, "old") == 0 && fsync(dir) == 0 && reads(".") < 0 &&
	    unlinkat(dir, "old", 0) == 0)
		rc = 0;
	if (fd >= 0)
		close(fd);
	if (dir >= 0)
		close(dir);
	return rc;
}

static long works_in_state(pid_t other)
{
	(void)other;
	return works_in("state");
}

static long works_in_kek(pid_t other)
{
	(void)other;
	return works_in("kek");
}

static long finds_its_folder(pid_t other)
{
	(void)other;
	return mkdir("state", 0700) < 0 && errno != EEXIST ? -1 : 0;
}

static long makes_a_desks_line(pid_t other)
{
	int pair[2];

	(void)other;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

/* --- the judge's --------------------------------------------------------------------------- */

static long reaches_the_vault(pid_t other)
{
	int fd = -1;

	(void)other;
	return km_connect("outside/listener", true, &fd) == KM_OK ? 0 : -1;
}

static long writes_its_anchor(pid_t other)
{
	(void)other;
	return write(act_anchor, "line\n", 5);
}

static long finds_a_session(pid_t other)
{
	char *session = NULL;
	int rc = sd_pid_get_session(other, &session);

	free(session);
	errno = -rc;
	return rc == -EPERM || rc == -EACCES ? -1 : 0;
}

static long knows_a_session(pid_t other)
{
	uid_t uid = 0;
	int rc = act_logind ? sd_session_is_remote(ACT_SESSION) : 1;

	(void)other;
	if (rc == 1 && act_logind && (sd_session_get_uid(ACT_SESSION, &uid) < 0 || uid != 1))
		rc = -EACCES;
	errno = rc < 0 ? -rc : EINVAL;
	return rc == 1 ? 0 : -1;
}

static long waits(pid_t other)
{
	(void)other;
	return timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
}

static long tells_the_manager(pid_t other)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = "outside/journal" };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)other;
	return fd < 0 ? -1
		      : sendto(fd, "READY=1", 7, MSG_NOSIGNAL, (const struct sockaddr *)&at,
			       sizeof(at));
}

/* --- the matcher's --------------------------------------------------------------------------- */

static long takes_a_sensor(pid_t other)
{
	int fd = accept4(act_listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	uid_t uid;

	(void)other;
	return fd >= 0 && km_peer(fd, NULL, &uid, NULL) == KM_OK && close(fd) == 0 ? 0 : -1;
}

static long hears_a_word(pid_t other)
{
	struct pollfd ready = { .fd = act_link, .events = POLLIN };
	const struct timespec wait = { .tv_sec = 1 };
	struct km_stamp stamp;
	uint8_t word[8];
	size_t len = 0;
	sigset_t none;

	(void)other;
	sigemptyset(&none);
	if (ppoll(&ready, 1, &wait, &none) != 1)
		return -1;
	return km_recv(act_link, word, sizeof(word), &len, NULL, &stamp, MSG_DONTWAIT) == KM_OK
		   ? 0
		   : -1;
}

static long says_a_word(pid_t other)
{
	(void)other;
	return km_send(act_link, (const uint8_t *)"word", 4, -1, MSG_DONTWAIT) == KM_OK ? 0 : -1;
}

static long looks_at_the_clock(pid_t other)
{
	struct timespec now;

	(void)other;
	return syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &now);
}

#define NEED(name, room, function)                                                                 \
	{                                                                                          \
		name, room, function, 0,                                                           \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}

const struct act acts_needed[] = {
	NEED("the configuration, another file by now", ACT_BOTH, reads_configuration),
	NEED("a drop-in", ACT_BOTH, reads_drop_in),
	NEED("locked memory", ACT_BOTH, locks_memory),
	NEED("the journal", ACT_ALL, logs_to_the_journal),
	NEED("its limits", ACT_BOTH, knows_its_limits),
	NEED("the boot id", ACT_BOTH, reads_boot_id),
	NEED("the state folder", ACT_VAULT, works_in_state),
	NEED("the folder of keys", ACT_VAULT, works_in_kek),
	NEED("that its folder is there", ACT_VAULT, finds_its_folder),
	NEED("the machine's id", ACT_VAULT, reads_machine_id),
	NEED("a time zone", ACT_VAULT, reads_zone),
	NEED("today's date", ACT_VAULT, knows_the_day),
	NEED("random bytes from the device", ACT_VAULT, reads_random),
	NEED("whether the clock is set", ACT_VAULT, asks_who_sets_the_clock),
	NEED("a line for a desk", ACT_VAULT, makes_a_desks_line),
	NEED("the vault's socket", ACT_JUDGE, reaches_the_vault),
	NEED("its anchor", ACT_JUDGE, writes_its_anchor),
	NEED("the session of a caller", ACT_JUDGE, finds_a_session),
	NEED("what logind says of one that came later", ACT_JUDGE, knows_a_session),
	NEED("a timer", ACT_JUDGE, waits),
	NEED("the service manager", ACT_JUDGE, tells_the_manager),
	NEED("a sensor that comes", ACT_MATCHER, takes_a_sensor),
	NEED("a word that waits", ACT_MATCHER, hears_a_word),
	NEED("to say one", ACT_MATCHER, says_a_word),
	NEED("the clock", ACT_MATCHER, looks_at_the_clock),
};
const size_t acts_needed_count = sizeof(acts_needed) / sizeof(acts_needed[0]);
