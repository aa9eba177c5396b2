/*
 * The bare shape of a login: what is left of ours when nothing is decided. A
 * client logs in through libpam with pam_permit and exchanges as many messages
 * as our door, over two relays that stand where judge and vault stand: the
 * first passes the client's descriptor on, the second writes one record for
 * each login (ledger.c), flushes once for all that were ready, and answers on
 * that descriptor. No protocol, no keys, no checks: nothing of this shape is
 * faster on this machine, however it is written.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <security/pam_appl.h>

#include <kenmon/sock.h>
#include <kenmon/wire.h>

#include "bench.h"

#define FDS     LEDGER_CLIENTS
#define BACKLOG 256
#define ROUND   256

/* Bytes of our messages, so that as much is copied. */
enum { HELLO = 10, LOGIN = 73, OPEN = 72, PLAN = 9, PROMPT = 25, ANSWER = 13, RESULT = 71 };

/* Between the relays: which client, as the first one numbers them. */
struct word {
	int client;
	bool last;
	uint8_t more[OPEN - 8];
};

static void must(bool ok)
{
	if (!ok)
		_exit(1); /* the logins of the bench fail, and it says so */
}

static bool send_bytes(int fd, size_t len)
{
	static const uint8_t bytes[OPEN + LOGIN];

	return send(fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* --- the first relay ------------------------------------------------------- */

struct first {
	int poll, listener, link;
	uint8_t heard[FDS]; /* messages of each client */
};

static void watch(const struct first *r, int fd)
{
	struct epoll_event ready = { .events = EPOLLIN, .data.fd = fd };

	must(fd >= 0 && fd < FDS && epoll_ctl(r->poll, EPOLL_CTL_ADD, fd, &ready) == 0);
}

static void from_listener(struct first *r)
{
	int fd = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);

	watch(r, fd);
	r->heard[fd] = 0;
}

static void from_client(struct first *r, int fd)
{
	struct word w = { .client = fd };
	uint8_t bytes[256];

	/* It has its result already, and went; the word for that is still on its way. */
	if (r->heard[fd] == 3) {
		epoll_ctl(r->poll, EPOLL_CTL_DEL, fd, NULL);
		return;
	}
	/* The first two come together. */
	do
		must(recv(fd, bytes, sizeof(bytes), 0) > 0);
	while (++r->heard[fd] == 1);
	must(km_send(r->link, (const uint8_t *)&w, sizeof(w), r->heard[fd] == 2 ? fd : -1, 0) ==
	     KM_OK);
}

static void from_second(struct first *r)
{
	struct word w;

	while (recv(r->link, &w, sizeof(w), MSG_DONTWAIT) == (ssize_t)sizeof(w)) {
		if (!w.last) {
			must(send_bytes(w.client, PROMPT));
			continue;
		}
		epoll_ctl(r->poll, EPOLL_CTL_DEL, w.client, NULL);
		close(w.client);
	}
}

static void run_first(int listener, int link)
{
	struct first r = { .poll = epoll_create1(EPOLL_CLOEXEC),
			   .listener = listener,
			   .link = link };
	struct epoll_event ready[16];

	watch(&r, listener);
	watch(&r, link);
	for (;;) {
		int n = epoll_wait(r.poll, ready, 16, -1);

		bool answers = false;

		/* Last what closes clients, so that no event is of another than it was for. */
		for (int i = 0; i < n; i++) {
			if (ready[i].data.fd == link)
				answers = true;
			else if (ready[i].data.fd != listener)
				from_client(&r, ready[i].data.fd);
			else
				from_listener(&r);
		}
		if (answers)
			from_second(&r);
	}
}

/* --- the second relay ------------------------------------------------------ */

struct second {
	int link;
	struct ledger ledger;
	int client[FDS]; /* by the first one's number; -1: none */
	int decided[ROUND];
	unsigned count;
};

static void commit(struct second *r)
{
	must(ledger_write(&r->ledger, r->decided, r->count));
	for (unsigned i = 0; i < r->count; i++) {
		struct word w = { .client = r->decided[i], .last = true };

		must(send_bytes(r->client[w.client], RESULT));
		close(r->client[w.client]);
		r->client[w.client] = -1;
		must(send(r->link, &w, sizeof(w), 0) == (ssize_t)sizeof(w));
	}
	r->count = 0;
}

/* False: nothing more is ready. */
static bool take(struct second *r, int flags)
{
	uint8_t bytes[sizeof(struct word)];
	size_t len;
	int fd = -1;
	struct word w;
	km_rc rc = km_recv(r->link, bytes, sizeof(bytes), &len, &fd, NULL, flags);

	if (rc == KM_EAGAIN)
		return false;
	must(rc == KM_OK);
	memcpy(&w, bytes, sizeof(w));
	if (fd < 0) {
		r->decided[r->count++] = w.client;
		return r->count < ROUND;
	}
	r->client[w.client] = fd;
	must(send(r->link, &w, sizeof(w), 0) == (ssize_t)sizeof(w));
	return true;
}

static void run_second(const char *dir, enum bare_kind kind, int link)
{
	static struct second r;

	r.link = link;
	must(ledger_open(&r.ledger, dir, kind));
	for (;;) {
		bool more = take(&r, 0);

		while (more)
			more = take(&r, MSG_DONTWAIT);
		if (r.count > 0)
			commit(&r);
	}
}

/* --- for the benches ------------------------------------------------------- */

bool bare_start(struct bare *b, const char *dir, enum bare_kind kind)
{
	int link[2], listener = -1;

	snprintf(b->socket, sizeof(b->socket), "%s/bare%d.sock", dir, kind);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, link) < 0 ||
	    km_listen_at(b->socket, 0600, (uid_t)-1, (gid_t)-1, &listener) != KM_OK ||
	    listen(listener, BACKLOG) < 0) {
		say("no bare shape of a login: %s", strerror(errno));
		return false;
	}
	fflush(NULL);
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();

		/* Not from the child: b may lie in memory that both see. */
		if (pid != 0) {
			b->relay[i] = pid;
			continue;
		}
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(link[1 - i]);
		if (i == 0)
			run_first(listener, link[0]);
		close(listener);
		run_second(dir, kind, link[1]);
	}
	close(link[0]);
	close(link[1]);
	close(listener);
	return b->relay[0] > 0 && b->relay[1] > 0;
}

void bare_end(struct bare *b)
{
	for (int i = 0; i < 2; i++) {
		if (b->relay[i] <= 0)
			continue;
		kill(b->relay[i], SIGKILL);
		waitpid(b->relay[i], NULL, 0);
	}
}

static bool exchange(const char *path)
{
	uint8_t bytes[256];
	int fd = -1;
	bool ok = km_connect(path, true, &fd) == KM_OK && send_bytes(fd, HELLO) &&
		  send_bytes(fd, LOGIN) && recv(fd, bytes, sizeof(bytes), 0) == PROMPT &&
		  send_bytes(fd, ANSWER) && recv(fd, bytes, sizeof(bytes), 0) == RESULT;

	if (fd >= 0)
		close(fd);
	return ok;
}

bool bare_login(const struct bare *b, const char *confdir, const char *user, double *us)
{
	struct attempt a = {
		.confdir = confdir, .service = SERVICE_PERMIT, .user = user, .code = ""
	};
	double start = now_us();
	bool ok = attempt_login(&a) == PAM_SUCCESS && exchange(b->socket);

	if (us)
		*us = now_us() - start;
	return ok;
}
