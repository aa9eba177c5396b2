/* A real sensor between a judge and a matcher that are played: processes, sockets, frames. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/sock.h>
#include <kenmon/wire.h>

#include "house.h"
#include "house_reader.h"

#define LISTEN_FD 3
#define ARGS      32

static const char allowed[] = "[sensor]\nallow-virtual = yes\n";

void reader_snooze(unsigned ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

static void path_in(const struct reader_post *p, const char *name, char out[READER_PATH])
{
	snprintf(out, READER_PATH, "%s/%s", p->dir, name);
}

/* --- the sensor ---------------------------------------------------------------------------- */

static void write_file(const struct reader_post *p, const char *name, const char *text)
{
	char path[READER_PATH];
	int fd;

	path_in(p, name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void surroundings(const struct reader_post *p)
{
	char number[16], log[READER_PATH];
	int fd;

	path_in(p, "log", log);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0 || dup2(p->listener, LISTEN_FD) < 0 ||
	    fcntl(LISTEN_FD, F_SETFD, 0) < 0)
		_exit(126);
	snprintf(number, sizeof(number), "%d", (int)getpid());
	setenv("LISTEN_PID", number, 1);
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_FDNAMES", "sensor", 1);
	setenv(p->setup.variable ? p->setup.variable : "FP_VIRTUAL_IMAGE", p->image, 1);
	for (unsigned i = 0; p->setup.set[i][0]; i++)
		setenv(p->setup.set[i][0], p->setup.set[i][1], 1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void become_sensor(const struct reader_post *p)
{
	char self[HOUSE_PATH + 16], config[READER_PATH], probe[READER_PATH];
	const char *argv[ARGS];
	unsigned n = 0;

	if (!house_programs(self))
		_exit(126);
	strcat(self, "/kenmon-sensor");
	path_in(p, "kenmon.conf", config);
	path_in(p, "probe.sock", probe);
	for (unsigned i = 0; p->setup.before[i]; i++)
		argv[n++] = p->setup.before[i];
	argv[n++] = self;
	argv[n++] = "--config";
	argv[n++] = config;
	argv[n++] = "--probe-socket";
	argv[n++] = probe;
	for (unsigned i = 0; p->setup.extra[i]; i++)
		argv[n++] = p->setup.extra[i];
	argv[n] = NULL;
	surroundings(p);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

void reader_again(struct reader_post *p)
{
	assert_int_equal(p->pid, 0);
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (p->pid == 0)
		become_sensor(p);
}

int reader_wait(struct reader_post *p)
{
	int status = 0;

	for (unsigned ms = 0; ms < READER_WAIT_MS; ms += 10) {
		if (waitpid(p->pid, &status, WNOHANG) == p->pid) {
			p->pid = 0;
			return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		}
		reader_snooze(10);
	}
	fail_msg("the sensor does not end");
	return -1;
}

void reader_start(struct reader_post *p, const struct reader_setup *setup)
{
	char path[READER_PATH];

	*p = (struct reader_post){ .judge = -1, .probes = -1, .finger = -1, .matcher = -1 };
	if (setup)
		p->setup = *setup;
	snprintf(p->dir, sizeof(p->dir), "/tmp/kenmon-reader-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	assert_int_equal(chmod(p->dir, 0711), 0);
	path_in(p, "image.sock", p->image);
	path_in(p, "sensor.sock", path);
	write_file(p, "kenmon.conf", p->setup.config ? p->setup.config : allowed);
	assert_int_equal(km_listen_at(path, 0666, (uid_t)-1, (gid_t)-1, &p->listener), KM_OK);
	reader_matcher_comes(p);
	reader_again(p);
	reader_connect(p);
}

static void drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void reader_end(struct reader_post *p)
{
	static const char *const names[] = { "kenmon.conf", "sensor.sock", "probe.sock",
					     "image.sock", "log" };
	char path[READER_PATH];

	if (p->pid > 0) {
		kill(p->pid, SIGKILL);
		reader_wait(p);
	}
	drop(&p->judge);
	drop(&p->probes);
	drop(&p->finger);
	drop(&p->matcher);
	drop(&p->listener);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		path_in(p, names[i], path);
		if (unlink(path) < 0)
			rmdir(path);
	}
	rmdir(p->dir);
}

char *reader_log(const struct reader_post *p)
{
	char *text = calloc(1, 65536), path[READER_PATH];
	FILE *f;

	path_in(p, "log", path);
	f = fopen(path, "re");
	assert_non_null(text);
	assert_non_null(f);
	if (fread(text, 1, 65535, f) == 0 && ferror(f))
		fail_msg("no log");
	fclose(f);
	return text;
}

/* --- the judge -------------------------------------------------------------------------------- */

void reader_connect(struct reader_post *p)
{
	char path[READER_PATH];

	drop(&p->judge);
	path_in(p, "sensor.sock", path);
	assert_int_equal(km_connect(path, false, &p->judge), KM_OK);
}

void reader_send(struct reader_post *p, const void *bytes, size_t len)
{
	if (send(p->judge, bytes, len, MSG_NOSIGNAL) < 0) {
		/* It has closed already, which is what is looked at next. */
	}
}

void reader_capture(struct reader_post *p, char grant, unsigned shots, unsigned seconds)
{
	struct km_msg m = { .number = KM_MSG_CAPTURE };

	m.capture.version = KM_ROOM_PROTOCOL;
	memset(m.capture.grant, grant, sizeof(m.capture.grant));
	m.capture.shots = (uint8_t)shots;
	m.capture.seconds = (uint16_t)seconds;
	assert_int_equal(km_send_msg(p->judge, &m, -1, 0), KM_OK);
}

void reader_stop_capture(struct reader_post *p, char grant)
{
	struct km_msg m = { .number = KM_MSG_STOP };

	memset(m.stop.grant, grant, sizeof(m.stop.grant));
	assert_int_equal(km_send_msg(p->judge, &m, -1, 0), KM_OK);
}

static bool readable(int fd, unsigned ms)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	return poll(&wait, 1, (int)ms) == 1;
}

enum km_sensor_event reader_event(struct reader_post *p)
{
	uint8_t frame[1024];
	struct km_msg m;
	size_t len;

	if (!readable(p->judge, READER_WAIT_MS))
		fail_msg("the sensor says nothing");
	if (km_recv(p->judge, frame, sizeof(frame), &len, NULL, NULL, 0) != KM_OK)
		return KM_SENSOR_NONE;
	assert_int_equal(km_decode(frame, len, KM_FROM_SENSOR, KM_PHASE_SENSOR_LINK, &m), KM_OK);
	assert_int_equal(m.number, KM_MSG_EVENT);
	for (size_t i = 1; i < sizeof(m.event.grant); i++)
		assert_int_equal(m.event.grant[i], m.event.grant[0]);
	p->grant = (char)m.event.grant[0];
	memcpy(p->reader, m.event.reader, sizeof(p->reader));
	memcpy(p->detail, m.event.detail, sizeof(p->detail));
	return m.event.event;
}

void reader_expect(struct reader_post *p, char grant, enum km_sensor_event event)
{
	enum km_sensor_event got = reader_event(p);

	if (got != event)
		fail_msg("%s instead of %s", km_sensor_event_word(got),
			 km_sensor_event_word(event));
	assert_int_equal(p->grant, grant);
}

bool reader_is_quiet(struct reader_post *p, unsigned ms)
{
	return !readable(p->judge, ms);
}

/* --- the matcher
 * ---------------------------------------------------------------------------------- */

void reader_matcher_comes(struct reader_post *p)
{
	char path[READER_PATH];

	path_in(p, "probe.sock", path);
	assert_int_equal(km_listen_at(path, 0666, (uid_t)-1, (gid_t)-1, &p->matcher), KM_OK);
}

void reader_matcher_goes(struct reader_post *p)
{
	drop(&p->probes);
	drop(&p->matcher);
}

/* A link is kept for a job, so the last one may have ended; then there is a new one. */
static km_rc next_probe(struct reader_post *p, uint8_t *frame, size_t cap, size_t *len)
{
	for (;;) {
		struct pollfd at[2] = { { .fd = p->probes, .events = POLLIN },
					{ .fd = p->matcher, .events = POLLIN } };

		if (poll(at, 2, READER_WAIT_MS) < 1)
			fail_msg("no probe came");
		if (p->probes >= 0 && at[0].revents &&
		    km_recv(p->probes, frame, cap, len, NULL, NULL, 0) == KM_OK)
			return KM_OK;
		if (at[0].revents)
			drop(&p->probes);
		else if (p->probes < 0)
			p->probes = accept4(p->matcher, NULL, NULL, SOCK_CLOEXEC);
	}
}

void reader_probe(struct reader_post *p, char grant, struct km_minutiae *m)
{
	uint8_t frame[4096];
	struct km_msg probe;
	size_t len, used;

	assert_int_equal(next_probe(p, frame, sizeof(frame), &len), KM_OK);
	assert_int_equal(km_decode(frame, len, KM_FROM_SENSOR, KM_PHASE_PROBES, &probe), KM_OK);
	assert_int_equal(probe.number, KM_MSG_PROBE);
	assert_int_equal(probe.probe.version, KM_ROOM_PROTOCOL);
	assert_int_equal(probe.probe.grant[0], grant);
	assert_int_equal(
	    km_minutiae_decode(probe.probe.minutiae.bytes, probe.probe.minutiae.len, m, &used),
	    KM_OK);
	assert_int_equal(used, probe.probe.minutiae.len);
}

void reader_works(struct reader_post *p, char grant)
{
	static uint8_t grey[READER_BYTES];
	struct km_minutiae m;

	reader_picture(0, grey);
	reader_capture(p, grant, 1, 20);
	reader_expect(p, grant, KM_SENSOR_WAITING);
	reader_touch(p, READER_WIDTH, READER_HEIGHT, grey, READER_BYTES);
	reader_probe(p, grant, &m);
	assert_true(m.count >= 8);
	reader_expect(p, grant, KM_SENSOR_TAKEN);
	reader_expect(p, grant, KM_SENSOR_DONE);
}
