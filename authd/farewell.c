/*
 * How a client's connection is closed. What it sent and nobody read may carry
 * descriptors of its choosing, and whoever drops the last reference to one
 * closes it: a TCP socket that lingers, a file of a file system that never
 * answers. That close would be the judge's, or that of the vault, which has a
 * copy of the connection. So where the kernel does not keep descriptors out
 * (SO_PASSRIGHTS), a record that carries some is never read, and no connection
 * is closed that holds one:
 *
 *   the vault never had a copy   put aside; a child inherits a heap of them and
 *                                ends, for who ends does not linger
 *   the vault may have a copy    left open until the judge ends, and its place
 *                                with it: that is one of the few its uid has
 *
 * While a session lives the judge has its connection, so that the vault's close is
 * never the last; when it ends, the queue is empty and nobody can add to it, or the
 * judge keeps the connection for good.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include <kenmon/clock.h>
#include <kenmon/log.h>

#include "judge.h"

#define LOG_EVERY_MS 60000 /* of one uid: it may do this as often as it likes */

bool judge_shielded(int fd)
{
	int let_in = 1;
	socklen_t len = sizeof(let_in);

	return getsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &let_in, &len) == 0 && let_in == 0;
}

/* What is left unread would be a reset to the client, told before our last word. */
static void drain(int fd)
{
	uint8_t scrap[1];
	ssize_t n;

	do
		n = recv(fd, scrap, sizeof(scrap), MSG_DONTWAIT);
	while (n > 0 || (n < 0 && errno == EINTR));
	km_wipe(scrap, sizeof(scrap));
}

/* Nobody can add to it any more. False: a record with descriptors comes next. */
static bool empty(int fd)
{
	uint8_t scrap[1];
	bool good = true;
	km_rc rc;

	if (judge_shielded(fd)) {
		drain(fd);
		return true;
	}
	while (good && (rc = km_peek(fd)) == KM_OK)
		good = recv(fd, scrap, sizeof(scrap), MSG_DONTWAIT) >= 0 || errno == EINTR;
	km_wipe(scrap, sizeof(scrap));
	return good && (rc == KM_ECLOSED || rc == KM_EAGAIN);
}

/* The child's copies are the last ones: ours close nothing, and it ends without lingering. */
static void bury(struct judge_aside *a)
{
	int hold[2];
	pid_t pid;
	char byte;

	if (pipe2(hold, O_CLOEXEC) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		close(hold[1]);
		while (read(hold[0], &byte, 1) < 0 && errno == EINTR)
			;
		_exit(0);
	}
	while (pid > 0 && a->count > 0)
		close(a->fd[--a->count]);
	close(hold[0]);
	close(hold[1]);
}

static void put_aside(struct judge *j, int fd)
{
	struct judge_aside *a = &j->aside;

	/* Without a place it is left open, and the whole judge ends instead: as good a burial. */
	if (a->count < JUDGE_ASIDE_MAX)
		a->fd[a->count++] = fd;
	if (a->count >= JUDGE_ASIDE)
		bury(a);
	if (a->count < JUDGE_ASIDE_MAX)
		return;
	km_log(LOG_CRIT, "too many connections that cannot be closed: the judge starts again");
	sd_event_exit(j->event, EX_TEMPFAIL);
}

static void complain(struct judge *j, uid_t uid)
{
	int64_t now = km_boot_ms();
	struct judge_source *s = judge_sources_count(&j->senders, uid, 0, now, LOG_EVERY_MS);

	if (!judge_source_due(s, now, LOG_EVERY_MS))
		return;
	km_log(LOG_WARNING, "uid %u sent descriptors, which nobody asked for (so far %u times)",
	       s->uid, s->count);
	judge_source_told(s, now);
}

bool judge_farewell(struct judge *j, int fd, uid_t uid, bool shared)
{
	shutdown(fd, SHUT_RDWR);
	if (empty(fd)) {
		close(fd);
		return true;
	}
	complain(j, uid);
	if (!shared)
		put_aside(j, fd);
	return !shared;
}
