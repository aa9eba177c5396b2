/* The real matcher between a played vault and played sensors; see house_lab.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <kenmon/clock.h>
#include <kenmon/sock.h>

#include "house_lab.h"

#define LISTEN_FD 3
#define WAIT_MS   20000 /* whoever takes longer has hung */
#define PAUSE_MS  5
#define ARGS_MAX  16

static bool said(const char *what)
{
	fprintf(stderr, "lab: %s: %s\n", what, strerror(errno));
	return false;
}

static void path_in(char out[HOUSE_PATH], const char *dir, const char *name)
{
	if (snprintf(out, HOUSE_PATH, "%s/%s", dir, name) >= HOUSE_PATH)
		abort();
}

/* --- the program --------------------------------------------------------------------------- */

static void exec_matcher(const struct lab *l)
{
	char program[HOUSE_PATH], pid[16], uid[16];
	const char *argv[ARGS_MAX] = { "kenmon-matcher", "--grant-socket", l->grant_path,
				       "--vault-uid", uid };
	size_t n = 5;
	int log = open(l->log, O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || log < 0 || dup2(log, STDERR_FILENO) < 0 ||
	    dup2(l->probes, LISTEN_FD) < 0)
		_exit(126);
	for (const char *const *e = l->extra; e && *e && n < ARGS_MAX - 1; e++)
		argv[n++] = *e;
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	snprintf(uid, sizeof(uid), "%u", geteuid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_FDNAMES", "probe", 1);
	path_in(program, l->bin, "kenmon-matcher");
	execv(program, (char *const *)(void *)argv);
	_exit(127);
}

static bool accept_link(struct lab *l)
{
	struct pollfd ready = { .fd = l->grants, .events = POLLIN };

	if (poll(&ready, 1, WAIT_MS) != 1)
		return said("the matcher does not come");
	l->vault = accept4(l->grants, NULL, NULL, SOCK_CLOEXEC);
	return l->vault >= 0 || said("accept");
}

bool lab_spawn(struct lab *l)
{
	l->pid = fork();
	if (l->pid == 0)
		exec_matcher(l);
	return l->pid > 0 || said("fork");
}

bool lab_greeted(struct lab *l)
{
	struct km_msg m;

	if (!accept_link(l) || !lab_hear(l, &m))
		return false;
	if (m.number == KM_MSG_MATCHER && m.matcher.version == KM_ROOM_PROTOCOL)
		return true;
	return said("its first word is another");
}

bool lab_start(struct lab *l)
{
	return lab_spawn(l) && lab_greeted(l);
}

int lab_ended(struct lab *l)
{
	int status = 0;
	pid_t pid = l->pid;

	if (pid <= 0)
		return -1;
	for (unsigned i = 0; waitpid(pid, &status, WNOHANG) == 0; i++) {
		const struct timespec t = { .tv_nsec = PAUSE_MS * 1000000 };

		if (i * PAUSE_MS > WAIT_MS) {
			said("it does not end");
			kill(pid, SIGKILL);
		}
		nanosleep(&t, NULL);
	}
	l->pid = 0;
	if (l->vault >= 0)
		close(l->vault);
	l->vault = -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool lab_begin(struct lab *l, const char *const *extra)
{
	*l = (struct lab){ .grants = -1, .probes = -1, .vault = -1, .extra = extra };
	memcpy(l->dir, "/tmp/kenmon-test-XXXXXX", sizeof("/tmp/kenmon-test-XXXXXX"));
	if (!mkdtemp(l->dir) || chmod(l->dir, 0711) < 0 || !house_programs(l->bin))
		return said("no folder");
	path_in(l->log, l->dir, "log");
	path_in(l->grant_path, l->dir, "grant.sock");
	path_in(l->probe_path, l->dir, "probe.sock");
	if (km_listen_at(l->grant_path, 0600, (uid_t)-1, (gid_t)-1, &l->grants) != KM_OK ||
	    km_listen_at(l->probe_path, 0666, (uid_t)-1, (gid_t)-1, &l->probes) != KM_OK)
		return said("no sockets");
	return lab_start(l);
}

void lab_end(struct lab *l)
{
	if (!l->dir[0])
		return;
	if (l->pid > 0) {
		kill(l->pid, SIGKILL);
		lab_ended(l);
	}
	close(l->grants);
	close(l->probes);
	unlink(l->log);
	unlink(l->grant_path);
	unlink(l->probe_path);
	rmdir(l->dir);
	*l = (struct lab){ .dir = "" };
}

/* --- frames ---------------------------------------------------------------------------------- */

int lab_sensor(const struct lab *l)
{
	int fd = -1;

	return km_connect(l->probe_path, false, &fd) == KM_OK ? fd : -1;
}

bool lab_send_bytes(int fd, const void *bytes, size_t len)
{
	return km_send(fd, bytes, len, -1, 0) == KM_OK;
}

bool lab_send(int fd, const struct km_msg *m)
{
	static uint8_t frame[KM_FRAME_MAX];
	size_t len = 0;

	return km_encode(m, frame, sizeof(frame), &len) == KM_OK && lab_send_bytes(fd, frame, len);
}

bool lab_hear(struct lab *l, struct km_msg *m)
{
	static uint8_t frame[KM_FRAME_MAX];
	struct pollfd ready = { .fd = l->vault, .events = POLLIN };
	size_t len = 0;

	if (poll(&ready, 1, WAIT_MS) != 1)
		return said("the matcher says nothing");
	if (km_recv(l->vault, frame, sizeof(frame), &len, NULL, NULL, 0) != KM_OK)
		return said("the matcher has gone");
	return km_decode(frame, len, KM_FROM_MATCHER, KM_PHASE_GRANTS, m) == KM_OK ||
	       said("no frame of the matcher's");
}

bool lab_silent(const struct lab *l)
{
	struct pollfd ready = { .fd = l->vault, .events = POLLIN };

	return poll(&ready, 1, 0) == 0;
}

bool lab_closed(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char byte;

	return poll(&ready, 1, WAIT_MS) == 1 && recv(fd, &byte, 1, MSG_DONTWAIT) <= 0 &&
	       errno != EAGAIN;
}

bool lab_lend(const struct lab *l, unsigned grant, enum km_grant_mode mode, unsigned count,
	      uint32_t finger, unsigned touches, int64_t ms)
{
	int64_t until = km_boot_ms() + ms;

	for (unsigned i = 0; i < count; i++) {
		struct km_msg m =
		    lender_frame(grant, mode, i, count, until, finger ? finger + i : 0, touches);

		if (!lab_send(l->vault, &m))
			return said("nothing can be lent");
	}
	return true;
}

bool lab_take_back(struct lab *l, unsigned grant)
{
	struct km_msg m = { .number = KM_MSG_TAKE_BACK };
	uint8_t id[KM_GRANT_BYTES];

	lender_id(id, grant);
	memcpy(m.take_back.grant, id, sizeof(id));
	if (!lab_send(l->vault, &m) || !lab_hear(l, &m))
		return false;
	return (m.number == KM_MSG_RETURNED && memcmp(m.returned.grant, id, sizeof(id)) == 0) ||
	       said(km_message_name(m.number));
}

struct km_msg lab_probe_frame(unsigned grant, const struct km_minutiae *m)
{
	static uint8_t bytes[KM_MINUTIAE_BYTES];
	struct km_msg p = { .number = KM_MSG_PROBE, .probe = { .version = KM_ROOM_PROTOCOL } };
	size_t len = 0;

	lender_id(p.probe.grant, grant);
	if (km_minutiae_encode(m, bytes, sizeof(bytes), &len) != KM_OK)
		abort();
	p.probe.minutiae = (struct km_span){ bytes, (uint16_t)len };
	return p;
}

bool lab_probe(int sensor, unsigned grant, struct km_minutiae m)
{
	const struct km_msg p = lab_probe_frame(grant, &m);

	return lab_send(sensor, &p);
}

bool lab_found(struct lab *l, unsigned grant, enum km_match outcome)
{
	uint8_t id[KM_GRANT_BYTES];
	struct km_msg m;

	lender_id(id, grant);
	if (!lab_hear(l, &m))
		return false;
	if (m.number == KM_MSG_MATCH && memcmp(m.match.grant, id, sizeof(id)) == 0 &&
	    m.match.outcome == outcome)
		return true;
	fprintf(stderr, "lab: %s of grant %u, outcome %u, instead of %u of %u\n",
		km_message_name(m.number), m.match.grant[0], m.match.outcome, outcome, grant);
	return false;
}

/* --- what it wrote, and what it knows --------------------------------------------------------- */

bool lab_logged(const struct lab *l, const char *text)
{
	static char all[1 << 16];

	for (unsigned i = 0; i * PAUSE_MS < WAIT_MS; i++) {
		const struct timespec t = { .tv_nsec = PAUSE_MS * 1000000 };
		int fd = open(l->log, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, all, sizeof(all) - 1);

		if (fd >= 0)
			close(fd);
		if (n > 0 && memmem(all, (size_t)n, text, strlen(text)))
			return true;
		nanosleep(&t, NULL);
	}
	return said(text);
}

#define RUN 4 /* minutiae in a row that stand nowhere by chance */

struct pattern {
	uint8_t bytes[RUN * 6];
	size_t len;
};

#define PATTERNS 4 /* in the order of their bits */

static void make_patterns(const struct km_minutiae *m, struct pattern out[PATTERNS])
{
	struct km_minutiae some = { .count = RUN };
	uint8_t coded[2 + RUN * 6];
	float x[RUN], y[RUN];
	int16_t least_x = INT16_MAX, least_y = INT16_MAX;
	size_t len = 0;

	memcpy(some.at, m->at, sizeof(some.at[0]) * RUN);
	if (km_minutiae_encode(&some, coded, sizeof(coded), &len) != KM_OK)
		abort();
	for (unsigned i = 0; i < m->count; i++) {
		least_x = m->at[i].x < least_x ? m->at[i].x : least_x;
		least_y = m->at[i].y < least_y ? m->at[i].y : least_y;
	}
	for (unsigned i = 0; i < RUN; i++) {
		x[i] = (float)(m->at[i].x - least_x);
		y[i] = (float)(m->at[i].y - least_y);
	}
	out[0].len = out[1].len = RUN * 6;
	memcpy(out[0].bytes, coded + 2, out[0].len);
	memcpy(out[1].bytes, m->at, out[1].len);
	out[2].len = out[3].len = sizeof(x);
	memcpy(out[2].bytes, x, sizeof(x));
	memcpy(out[3].bytes, y, sizeof(y));
}

#define PAGE 4096

static bool is_empty(const uint8_t *page)
{
	return page[0] == 0 && memcmp(page, page + 1, PAGE - 1) == 0;
}

/* Most of it is wiped: only pages that hold something are searched, neighbours together. */
static unsigned search(const uint8_t *bytes, size_t len, const struct pattern pattern[PATTERNS])
{
	unsigned forms = 0;

	for (size_t at = 0, end; at < len; at = end + PAGE) {
		for (end = at; end < len && !is_empty(bytes + end); end += PAGE)
			;
		for (unsigned i = 0; end > at && i < PATTERNS; i++)
			if (memmem(bytes + at, end - at, pattern[i].bytes, pattern[i].len))
				forms |= 1u << i;
	}
	return forms;
}

unsigned lab_remembers(const struct lab *l, const struct km_minutiae *m)
{
	struct pattern pattern[PATTERNS];
	char path[64], line[256], mode[8];
	unsigned long from, to;
	unsigned forms = 0;
	FILE *maps;
	int mem;

	make_patterns(m, pattern);
	snprintf(path, sizeof(path), "/proc/%d/mem", l->pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/maps", l->pid);
	maps = fopen(path, "re");
	while (mem >= 0 && maps && fgets(line, sizeof(line), maps)) {
		uint8_t *bytes;

		if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 || mode[0] != 'r' ||
		    mode[1] != 'w' || !(bytes = malloc(to - from)))
			continue;
		if (pread(mem, bytes, to - from, (off_t)from) == (ssize_t)(to - from))
			forms |= search(bytes, to - from, pattern);
		else
			forms |= LAB_UNREAD;
		free(bytes);
	}
	if (mem < 0 || !maps)
		forms |= LAB_UNREAD;
	if (maps)
		fclose(maps);
	if (mem >= 0)
		close(mem);
	return forms;
}
