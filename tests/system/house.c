/* A house for the system tests: its folder, its rooms. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "house.h"

#define POLL_MS  5
#define STOP_MS  10000 /* SIGTERM to the end of all rooms */
#define ARGS_MAX 32

static void pause_ms(long ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

/* DIR/name. The limits of the harness are wide; a path over them is a bug of the test. */
static void path_in(char out[HOUSE_PATH], const char *dir, const char *name)
{
	if (snprintf(out, HOUSE_PATH, "%s/%s", dir, name) >= HOUSE_PATH) {
		fprintf(stderr, "house: path too long: %s/%s\n", dir, name);
		abort();
	}
}

static bool write_file(const char *path, const char *text, mode_t mode)
{
	size_t len = strlen(text);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	bool ok = fd >= 0 && write(fd, text, len) == (ssize_t)len;

	if (fd >= 0 && close(fd) < 0)
		ok = false;
	if (!ok)
		fprintf(stderr, "house: cannot write %s: %s\n", path, strerror(errno));
	return ok;
}

/* --- programs ------------------------------------------------------------- */

bool house_programs(char out[HOUSE_PATH])
{
	const char *build = getenv("BUILD");
	char self[HOUSE_PATH - 32], *slash;
	ssize_t n;

	if (build) {
		char *whole = realpath(build, NULL);

		if (whole)
			path_in(out, whole, ".");
		free(whole);
		return whole != NULL;
	}
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0)
		return false;
	self[n] = '\0';
	for (int i = 0; i < 3; i++) {
		slash = strrchr(self, '/');
		if (!slash)
			return false;
		*slash = '\0';
	}
	path_in(out, self, ".");
	out[strlen(out) - 2] = '\0';
	return true;
}

static bool copy_program(const char *from_dir, const char *to_dir, const char *name)
{
	char from[HOUSE_PATH], to[HOUSE_PATH];
	struct house_out o = { 0 };
	int status;

	path_in(from, from_dir, name);
	path_in(to, to_dir, name);
	status = house_run(&o, -1, NULL,
			   (const char *const[]){ "install", "-m", "0755", from, to, NULL });
	if (status != 0)
		fprintf(stderr, "house: %s\n", o.err ? o.err : "cannot copy a program");
	house_out_free(&o);
	return status == 0;
}

/* As root, other uids must reach the programs, and a checkout is often under a home of mode 0700.
 */
static bool place_programs(struct house *h)
{
	static const char *const name[] = { "pam_kenmon.so", "kenmon-authd",   "kenmon-vault",
					    "kenmon-sensor", "kenmon-matcher", "kenmon-courier",
					    "kenmon" };
	char build[HOUSE_PATH];

	if (!house_programs(build)) {
		fprintf(stderr, "house: where are the programs? set BUILD\n");
		return false;
	}
	if (geteuid() != 0) {
		memcpy(h->bin, build, sizeof(build));
		return true;
	}
	path_in(h->bin, h->dir, "bin");
	if (mkdir(h->bin, 0755) < 0)
		return false;
	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++)
		if (!copy_program(build, h->bin, name[i]))
			return false;
	return true;
}

/* --- start and stop ------------------------------------------------------- */

static void exec_rooms(const struct house *h)
{
	char program[HOUSE_PATH], base[16];
	const char *argv[ARGS_MAX];
	size_t n = 0;
	int fd = open(h->log, O_WRONLY | O_CREAT | O_APPEND, 0600);

	/* A test that failed ends without house_end: its rooms end with it, its folder stays. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
		_exit(126);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0)
		_exit(126);
	path_in(program, h->bin, "kenmon-authd");
	argv[n++] = program;
	argv[n++] = "--spawn";
	argv[n++] = "--state-dir";
	argv[n++] = h->state;
	argv[n++] = "--socket";
	argv[n++] = h->socket;
	if (h->config[0]) {
		argv[n++] = "--config";
		argv[n++] = h->config;
	}
	if (h->setup.separate_uids) {
		snprintf(base, sizeof(base), "%d", HOUSE_BASE_UID);
		argv[n++] = "--separate-uids";
		argv[n++] = base;
	}
	for (const char *const *e = h->setup.extra; e && *e && n < ARGS_MAX - 1; e++)
		argv[n++] = *e;
	argv[n] = NULL;
	execv(program, (char *const *)(uintptr_t)argv);
	_exit(127);
}

static bool log_says(const struct house *h, long from, const char *text)
{
	char *log = house_log(h);
	bool found = log && strlen(log) >= (size_t)from && strstr(log + from, text);

	free(log);
	return found;
}

static bool alive(struct house *h)
{
	int status;

	if (waitpid(h->pid, &status, WNOHANG) != h->pid)
		return true;
	h->pid = 0;
	return false;
}

long house_log_size(const struct house *h)
{
	struct stat st;

	return stat(h->log, &st) == 0 ? st.st_size : 0;
}

bool house_again(struct house *h)
{
	long old = house_log_size(h);
	char *log;

	h->pid = fork();
	if (h->pid == 0)
		exec_rooms(h);
	for (long waited = 0; h->pid > 0 && waited < HOUSE_START_MS; waited += POLL_MS) {
		if (log_says(h, old, ": ready on "))
			return true;
		if (!alive(h))
			break;
		pause_ms(POLL_MS);
	}
	log = h->quiet ? NULL : house_log(h);
	if (log)
		fprintf(stderr, "house: the rooms did not get ready:\n%s\n", log + old);
	free(log);
	house_stop(h);
	return false;
}

bool house_start(struct house *h, const struct house_setup *setup)
{
	*h = (struct house){ .setup = setup ? *setup : (struct house_setup){ 0 } };
	h->vault_uid = h->setup.separate_uids ? HOUSE_BASE_UID : geteuid();
	memcpy(h->dir, "/tmp/kenmon-test-XXXXXX", sizeof("/tmp/kenmon-test-XXXXXX"));
	if (!mkdtemp(h->dir)) {
		h->dir[0] = '\0';
		return false;
	}
	path_in(h->state, h->dir, "state");
	path_in(h->socket, h->dir, "authd.sock");
	path_in(h->log, h->dir, "log");
	path_in(h->pam, h->dir, "pam.d");
	if (h->setup.config)
		path_in(h->config, h->dir, "kenmon.conf");
	if (chmod(h->dir, 0711) == 0 && mkdir(h->pam, 0755) == 0 && place_programs(h) &&
	    (!h->setup.config || write_file(h->config, h->setup.config, 0644)) &&
	    house_stack(
		h, HOUSE_SERVICE,
		"auth required KENMON\naccount required KENMON\nsession required KENMON\n") &&
	    (!h->setup.furnish || h->setup.furnish(h)) && house_again(h))
		return true;
	house_end(h);
	return false;
}

bool house_stop(struct house *h)
{
	int status = -1;

	if (h->pid <= 0)
		return false;
	kill(h->pid, SIGTERM);
	for (long waited = 0; waited < STOP_MS; waited += POLL_MS) {
		if (waitpid(h->pid, &status, WNOHANG) == h->pid) {
			h->pid = 0;
			return WIFEXITED(status) && WEXITSTATUS(status) == 0;
		}
		pause_ms(POLL_MS);
	}
	fprintf(stderr, "house: the rooms did not stop; killed\n");
	house_kill_room(h, "kenmon-vault", SIGKILL);
	kill(h->pid, SIGKILL);
	waitpid(h->pid, &status, 0);
	h->pid = 0;
	return false;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/*
 * C17, suite-wide: the secret of RFC 4226, which all tests enrol (longer ones begin with it), is in
 * no file of any house's state and log, in no form.
 */
static void look_for_the_secret(const struct house *h)
{
	static const char *const forms[] = { "GEZDGNBVGY3TQOJQ", "gezdgnbvgy3tqojq",
					     "12345678901234567890",
					     "3132333435363738393031323334353637383930" };
	/* Not what a test put beside them for the desk to read. */
	const char *const places[] = { h->state, h->log };
	char where[HOUSE_PATH] = "";

	for (size_t i = 0; i < 2 * sizeof(forms) / sizeof(forms[0]); i++) {
		struct house part = *h;

		memcpy(part.dir, places[i % 2], sizeof(part.dir));
		if (!house_holds(&part, forms[i / 2], strlen(forms[i / 2]), where))
			continue;
		fprintf(stderr, "house: the secret that was enrolled is in %s\n", where);
		_exit(99);
	}
}

void house_end(struct house *h)
{
	house_stop(h);
	if (h->dir[0])
		look_for_the_secret(h);
	if (h->dir[0])
		nftw(h->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	h->dir[0] = '\0';
}

/* --- rooms ---------------------------------------------------------------- */

/* Parent and name of a process, from /proc; a room hides everything else about itself. */
static bool process(pid_t pid, pid_t *parent, char name[64])
{
	char path[64], text[256] = "", *open_at, *close_at;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	fclose(f);
	open_at = strchr(text, '(');
	close_at = strrchr(text, ')');
	if (!open_at || !close_at || strlen(close_at) < 5 || close_at[2] == 'Z')
		return false;
	*close_at = '\0';
	snprintf(name, 64, "%s", open_at + 1);
	*parent = (pid_t)strtol(close_at + 4, NULL, 10);
	return true;
}

pid_t house_room(const struct house *h, const char *name)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	pid_t pid, parent, found = 0;
	char its[64];

	while (proc && !found && (e = readdir(proc)) != NULL) {
		pid = (pid_t)strtol(e->d_name, NULL, 10);
		if (pid > 0 && process(pid, &parent, its) && parent == h->pid &&
		    strcmp(its, name) == 0)
			found = pid;
	}
	if (proc)
		closedir(proc);
	return h->pid > 0 ? found : 0;
}

bool house_kill_room(const struct house *h, const char *name, int signal)
{
	pid_t pid = house_room(h, name);

	return pid > 0 && kill(pid, signal) == 0;
}

pid_t house_wait_room(const struct house *h, const char *name, pid_t old)
{
	for (long waited = 0; waited < HOUSE_START_MS; waited += POLL_MS) {
		pid_t now = house_room(h, name);

		if (now > 0 && now != old)
			return now;
		pause_ms(POLL_MS);
	}
	fprintf(stderr, "house: %s does not run\n", name);
	return 0;
}

size_t house_resident(pid_t pid)
{
	char path[64], line[256];
	unsigned long kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "VmRSS:", 6) == 0)
			kib = strtoul(line + 6, NULL, 10);
	if (f)
		fclose(f);
	return kib;
}

/* --- files ---------------------------------------------------------------- */

static char *read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t cap = 0, n = 0, got = 1;

	while (f && got > 0) {
		if (n == cap) {
			cap = cap ? 2 * cap : 65536;
			text = realloc(text, cap + 1);
			if (!text)
				abort(); /* part of a file proves nothing */
		}
		got = fread(text + n, 1, cap - n, f);
		n += got;
	}
	if (f)
		fclose(f);
	if (text)
		text[n] = '\0';
	*len = n;
	return text;
}

char *house_log(const struct house *h)
{
	size_t len;

	return read_file(h->log, &len);
}

bool house_wait_log(const struct house *h, const char *text)
{
	return house_wait_log_after(h, 0, text);
}

bool house_wait_log_after(const struct house *h, long from, const char *text)
{
	for (long waited = 0; waited < HOUSE_START_MS; waited += POLL_MS) {
		if (log_says(h, from, text))
			return true;
		pause_ms(POLL_MS);
	}
	fprintf(stderr, "house: the log never said: %s\n", text);
	return false;
}

/* nftw(3) passes no argument; tests have one thread. */
static struct {
	const void *bytes;
	size_t len;
	char *where;
	bool found;
	const char *passed_by; /* files whose path holds this; NULL: none */
} hunt;

static int look_into(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	size_t len;
	char *text;

	(void)st;
	(void)ftw;
	if (type != FTW_F || !S_ISREG(st->st_mode) || strstr(path, "/bin/"))
		return 0;
	if (hunt.passed_by && strstr(path, hunt.passed_by))
		return 0;
	text = read_file(path, &len);
	if (text && memmem(text, len, hunt.bytes, hunt.len)) {
		hunt.found = true;
		if (hunt.where)
			snprintf(hunt.where, HOUSE_PATH, "%s", path);
	}
	free(text);
	return hunt.found;
}

bool house_holds(const struct house *h, const void *bytes, size_t len, char where[HOUSE_PATH])
{
	hunt.bytes = bytes;
	hunt.len = len;
	hunt.where = where;
	hunt.found = false;
	nftw(h->dir, look_into, 16, FTW_PHYS);
	return hunt.found;
}

bool house_holds_code(const struct house *h, const char *digits, char where[HOUSE_PATH])
{
	bool holds;

	hunt.passed_by = "/judge/anchor";
	holds = house_holds(h, digits, strlen(digits), where);
	hunt.passed_by = NULL;
	return holds;
}

bool house_stack(const struct house *h, const char *service, const char *text)
{
	char path[HOUSE_PATH], *out = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);
	const char *at;
	bool ok;

	if (!f)
		return false;
	while ((at = strstr(text, "KENMON")) != NULL) {
		fprintf(f, "%.*s%s/pam_kenmon.so socket=%s daemon-user=%u", (int)(at - text), text,
			h->bin, h->socket, h->vault_uid);
		text = at + strlen("KENMON");
	}
	fputs(text, f);
	fclose(f);
	path_in(path, h->pam, service);
	ok = write_file(path, out, 0644);
	free(out);
	return ok;
}
