/* Clients: who may come in, what they say, and how they are let go. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include <kenmon/clock.h>
#include <kenmon/log.h>
#include <kenmon/sock.h>

#include "judge.h"

#define ACCEPTS       64     /* at one go, so that those who are in get their turn */
#define PAUSE_USEC    100000 /* without descriptors: until some session has ended */
#define ACCURACY      10000
#define MSEC_PER_SEC  1000
#define USEC_PER_MSEC 1000u

bool judge_is_privileged(const struct judge *j, uid_t uid)
{
	return uid == 0 || (j->owner >= 0 && (int64_t)uid == j->owner);
}

/* --- the real ports of a session -------------------------------------------------- */

static km_rc to_client(struct judge *j, struct judge_session *s, const struct km_msg *m)
{
	(void)j;
	return km_send_msg(s->fd, m, -1, MSG_DONTWAIT);
}

/* The timer fires for the earliest deadline it was told of; one that has gone meanwhile is
 * nobody's.
 */
static void watch_deadline(struct judge *j, int64_t at_ms)
{
	if (at_ms >= j->deadline_ms)
		return;
	if (sd_event_source_set_time(j->deadlines, (uint64_t)at_ms * USEC_PER_MSEC) < 0 ||
	    sd_event_source_set_enabled(j->deadlines, SD_EVENT_ONESHOT) < 0)
		km_log(LOG_ERR, "no timer for a session: it ends with its client");
	else
		j->deadline_ms = at_ms;
}

static void wake(struct judge *j, struct judge_session *s)
{
	s->wake_ms = 0;
	judge_phone_waited(j, s);
}

static int64_t earlier(int64_t next, const struct judge_session *s)
{
	if (s->id != 0 && s->deadline_ms < next)
		next = s->deadline_ms;
	if (s->id != 0 && s->wake_ms != 0 && s->wake_ms < next)
		next = s->wake_ms;
	return next;
}

static int on_deadlines(sd_event_source *source, uint64_t usec, void *arg)
{
	struct judge *j = arg;
	int64_t now = km_boot_ms(), next = INT64_MAX;

	(void)source;
	(void)usec;
	for (unsigned i = 0; i < JUDGE_SESSIONS; i++) {
		struct judge_session *s = &j->sessions[i];

		if (s->id != 0 && s->deadline_ms <= now)
			judge_session_refuse(j, s, KM_REASON_DEADLINE);
		else if (s->id != 0 && s->wake_ms != 0 && s->wake_ms <= now)
			wake(j, s);
		next = earlier(next, s);
	}
	j->deadline_ms = INT64_MAX;
	watch_deadline(j, next);
	return 0;
}

/* BOOTTIME: a machine that slept does not wake up with a login half done. */
static void set_deadline(struct judge *j, struct judge_session *s, unsigned seconds)
{
	s->deadline_ms = km_boot_ms() + (int64_t)seconds * MSEC_PER_SEC;
	watch_deadline(j, s->deadline_ms);
}

static void set_wake(struct judge *j, struct judge_session *s, unsigned seconds)
{
	s->wake_ms = seconds ? km_boot_ms() + (int64_t)seconds * MSEC_PER_SEC : 0;
	if (s->wake_ms != 0)
		watch_deadline(j, s->wake_ms);
}

static void find_origin(struct judge *j, struct judge_session *s, struct judge_facts *facts)
{
	(void)j;
	judge_origin_ask(s->pid, s->uid, facts);
}

static bool let_go(struct judge *j, struct judge_session *s)
{
	/* Before the close: the vault may hold the descriptor, and epoll would go on with it. */
	s->io = sd_event_source_disable_unref(s->io);
	if (!judge_farewell(j, s->fd, s->uid, s->shared))
		return false;
	judge_limits_leave(j->limits, s->uid, s->privileged);
	return true;
}

const struct judge_ports judge_real_ports = {
	.to_client = to_client,
	.to_vault = judge_link_send,
	.to_sensor = judge_sensor_send,
	.set_deadline = set_deadline,
	.set_wake = set_wake,
	.find_origin = find_origin,
	.let_go = let_go,
};

/* --- clients --------------------------------------------------------------------- */

static km_rc next_frame(struct judge *j, const struct judge_session *s, size_t *len)
{
	uint8_t *buf = j->frame->bytes;
	km_rc rc = s->shielded ? KM_OK : km_peek(s->fd);

	if (rc == KM_OK)
		rc = km_recv(s->fd, buf, KM_FRAME_MAX, len, NULL, NULL, MSG_DONTWAIT);
	/* A reset is told once, before what the client had sent. */
	if (rc == KM_ECLOSED && s->shielded)
		rc = km_recv(s->fd, buf, KM_FRAME_MAX, len, NULL, NULL, MSG_DONTWAIT);
	return rc;
}

static void hear(struct judge *j, struct judge_session *s)
{
	uint32_t id = s->id;

	/* Right behind HELLO comes the request; after that nobody speaks before being asked. */
	do {
		size_t len = 0;
		km_rc rc = next_frame(j, s, &len);

		if (rc == KM_EAGAIN) {
			judge_session_waits(j, s);
			return;
		}
		if (rc == KM_OK) {
			judge_session_heard(j, s, j->frame->bytes, len);
			km_wipe(j->frame->bytes, len);
		} else if (rc == KM_EPROTO || rc == KM_EPERM) {
			judge_session_refuse(j, s, KM_REASON_PROTOCOL);
		} else {
			judge_session_close(j, s, KM_REASON_ABORTED);
		}
	} while (judge_session_find(j, id) && s->phase == KM_PHASE_REQUEST);
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct judge_session *s = arg;

	(void)source;
	(void)fd;
	(void)events;
	hear(s->judge, s);
	return 0;
}

/* Before there is a session: nothing of it is kept, and a word to say so costs one frame. */
static void turn_away(struct judge *j, int fd, uid_t uid)
{
	struct km_verdict v = judge_refusal(KM_REASON_BUSY);
	struct km_msg m = { .number = KM_MSG_RESULT };
	km_rc told;

	m.result.verdict = (uint8_t)v.code;
	m.result.reason = (uint8_t)v.reason;
	told = km_send_msg(fd, &m, -1, MSG_DONTWAIT);
	(void)told;
	judge_farewell(j, fd, uid, false);
	judge_link_turned_away(j, KM_REASON_BUSY, uid);
}

static void admit(struct judge *j, int fd)
{
	enum judge_entry entry;
	struct judge_session *s;
	pid_t pid;
	uid_t uid;
	gid_t gid;
	bool privileged;

	if (km_peer(fd, &pid, &uid, &gid) != KM_OK) {
		close(fd);
		return;
	}
	privileged = judge_is_privileged(j, uid);
	entry = judge_limits_enter(j->limits, uid, privileged, km_boot_ms());
	if (entry == JUDGE_OUT) {
		turn_away(j, fd, uid);
		return;
	}
	s = judge_session_new(j, fd, pid, uid);
	if (!s) {
		judge_limits_leave(j->limits, uid, privileged);
		turn_away(j, fd, uid);
		return;
	}
	s->shielded = judge_shielded(fd);
	/*
	 * Not into an epoll set of its own within that of sd-event, though that would save calls:
	 * to add to a set that another one watches takes a lock of the whole system (eventpoll.c,
	 * epnested_mutex), and any user can hold that for long.
	 */
	if (sd_event_add_io(j->event, &s->io, fd, EPOLLIN, on_client, s) < 0) {
		judge_session_refuse(j, s, KM_REASON_BUSY);
		return;
	}
	if (entry == JUDGE_TOLD) {
		s->crowded = true;
		judge_link_turned_away(j, KM_REASON_BUSY, uid);
	}
	hear(j, s); /* a door sends its first two frames at once: most often they are there */
}

/* --- the listening socket ---------------------------------------------------------- */

static int on_pause_over(sd_event_source *source, uint64_t usec, void *arg)
{
	struct judge *j = arg;

	(void)source;
	(void)usec;
	j->listen_pause = sd_event_source_disable_unref(j->listen_pause);
	sd_event_source_set_enabled(j->listen_io, SD_EVENT_ON);
	return 0;
}

/* Without descriptors or memory the socket stays readable, and the loop would spin on it. */
static void pause_listening(struct judge *j)
{
	km_log(LOG_ERR, "no client can be taken (%s): trying again in a moment", strerror(errno));
	if (sd_event_add_time_relative(j->event, &j->listen_pause, CLOCK_BOOTTIME, PAUSE_USEC,
				       ACCURACY, on_pause_over, j) >= 0)
		sd_event_source_set_enabled(j->listen_io, SD_EVENT_OFF);
}

static int on_listen(sd_event_source *source, int listener, uint32_t events, void *arg)
{
	struct judge *j = arg;

	(void)source;
	(void)events;
	for (unsigned i = 0; i < ACCEPTS; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			admit(j, fd);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno != EAGAIN && !j->listen_pause)
			pause_listening(j);
		break;
	}
	return 0;
}

/* Whoever connects inherits it: a client that sends descriptors is told EPERM. Linux 6.16. */
static void keep_descriptors_out(struct judge *j, int fd)
{
	const int off = 0;

	j->rights_kept_out = setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off)) == 0;
	if (!j->rights_kept_out)
		km_log(LOG_INFO,
		       "the kernel does not keep descriptors out (SO_PASSRIGHTS): the judge does");
}

km_rc judge_listen(struct judge *j, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	keep_descriptors_out(j, fd);
	/* accept() must not wait for a client that has gone again. */
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return KM_EIO;
	if (sd_event_add_io(j->event, &j->listen_io, fd, EPOLLIN, on_listen, j) < 0 ||
	    sd_event_add_time(j->event, &j->deadlines, CLOCK_BOOTTIME, UINT64_MAX, ACCURACY,
			      on_deadlines, j) < 0)
		return KM_ENOMEM;
	j->listen_fd = fd;
	j->deadline_ms = INT64_MAX;
	return KM_OK;
}

void judge_listen_end(struct judge *j)
{
	j->listen_io = sd_event_source_disable_unref(j->listen_io);
	j->listen_pause = sd_event_source_disable_unref(j->listen_pause);
	j->deadlines = sd_event_source_disable_unref(j->deadlines);
}

static void notify(struct judge *j, const char *state)
{
	if (!j->notified)
		sd_notify(0, "READY=1");
	j->notified = true;
	sd_notify(0, state);
}

void judge_announce(struct judge *j)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(at) - 1; /* so that the path always has an end */

	if (j->announced)
		return;
	j->announced = true;
	notify(j, "STATUS=The vault answers; logins are decided.");
	if (getsockname(j->listen_fd, (struct sockaddr *)&at, &len) < 0)
		return;
	/* Not a log line: whoever started us in a terminal, or a test, waits for it. */
	dprintf(STDERR_FILENO, "kenmon-authd: ready on %s\n", at.sun_path);
}

void judge_announce_without_vault(struct judge *j)
{
	notify(j, "STATUS=The vault does not answer; logins are refused.");
}
