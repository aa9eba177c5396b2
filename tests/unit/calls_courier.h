/*
 * A matrix of failing calls over one message that a courier in this process carries to a real
 * gateway. Each call of each kind fails, once and from then on, with each error it may have.
 * Whatever fails: the order ends at most once, nothing is sent twice, what failed has not been
 * sent, and neither number nor text stand in the log.
 */
#ifndef KENMON_TEST_CALLS_COURIER_H
#define KENMON_TEST_CALLS_COURIER_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "../fault/fault.h"
#include "courier_scene.h"

static const struct fault_kind carried_kinds[] = {
	{ FAULT_MALLOC, "malloc", { ENOMEM } },
	{ FAULT_MMAP, "mmap", { ENOMEM } },
	{ FAULT_MADVISE, "madvise", { EINVAL } },
	{ FAULT_MLOCK, "mlock", { EPERM } },
	{ FAULT_SOCKET, "socket", { EMFILE, EPERM } },
	{ FAULT_SETSOCKOPT, "setsockopt", { ENOMEM } },
	{ FAULT_GETSOCKOPT, "getsockopt", { EIO } },
	{ FAULT_CONNECT, "connect", { ECONNREFUSED, EPERM, ENETUNREACH } },
	{ FAULT_POLL, "poll", { ENOMEM, EINTR } },
	{ FAULT_EPOLL, "epoll", { ENOMEM, EINTR } },
	{ FAULT_SENDMSG, "sendmsg", { EPIPE, ENOBUFS, EAGAIN } },
	{ FAULT_RECVMSG, "recvmsg", { ECONNRESET, ENOMEM, EAGAIN } },
	{ FAULT_SEND, "send", { ECONNRESET, ENOMEM, EAGAIN } },
	{ FAULT_RECV, "recv, recvfrom", { ECONNRESET, ENOMEM, EAGAIN } },
	{ FAULT_PROCESS, "fork, pipe2", { ENOMEM, EMFILE } },
	{ FAULT_WATCH, "inotify, signalfd", { EMFILE } },
	{ FAULT_TIMER, "timerfd", { EMFILE } },
	{ FAULT_GETRANDOM, "getrandom", { ENOSYS } },
	/* not clock_gettime: without a clock sd-event ends the process */
	{ FAULT_OPEN, "open", { EMFILE, EACCES } },
	{ FAULT_STAT, "stat", { EIO } },
	{ FAULT_READ, "read", { EIO } },
	{ FAULT_WRITE, "write", { EIO, ENOSPC } },
	{ FAULT_FCNTL, "fcntl", { EIO } },
};
#define CARRIED_KINDS (sizeof(carried_kinds) / sizeof(carried_kinds[0]))

struct carried {
	const struct courier_driver *driver;
	void (*configure)(struct km_conf *conf); /* what stands in [sms] */
	unsigned (*sent)(void); /* how often the gateway got the message; forgets */
	bool cancelled;         /* the vault cancels it, as soon as it was begun */
	unsigned more; /* so many calls more of each kind: of a process that the room has made,
			  whose calls are not counted here */
};

static struct carried_point {
	const struct fault_kind *kind;
	int error;
	unsigned at; /* 0: nothing fails */
	bool for_good;
} carried_now;

static int carried_log = -1, carried_error_out = -1;

/* What is said of a failure is no part of the room's log, and no call of it fails. */
static inline void carried_let_speak(void)
{
	(void)fault_end();
	(void)dup2(carried_error_out, STDERR_FILENO);
}

#define carried_check(holds, what)                                                                 \
	do {                                                                                       \
		if (!(holds)) {                                                                    \
			carried_let_speak();                                                       \
			fail_msg("%s (error %d), call %u%s: %s",                                   \
				 carried_now.kind ? carried_now.kind->name : "nothing",            \
				 carried_now.error, carried_now.at,                                \
				 carried_now.for_good ? " and all after it" : "", what);           \
		}                                                                                  \
	} while (0)

static inline bool carried_open(struct scene *s, const struct carried *w, int pair[2])
{
	s->vault = pair[0];
	s->c = (struct courier){ .vault = pair[1], .vault_uid = -1, .conf_path = "/dev/null" };
	if (!courier_init(&s->c))
		return false;
	km_conf_defaults(&s->c.settings->conf);
	w->configure(&s->c.settings->conf);
	s->c.driver[COURIER_MESSAGES] = w->driver;
	return w->driver->open(&s->c, s->c.settings) == KM_OK && courier_listen(&s->c);
}

/* Until the vault has heard its end, or the room has ended. */
static inline void carried_hear(struct scene *s, unsigned *end)
{
	struct km_msg m;

	while (scene_heard(s, &m)) {
		carried_check(m.ordered.order == 1, "a word about another order");
		if (!km_order_state_ends(m.ordered.state))
			continue;
		carried_check(*end == 0, "it ends twice");
		*end = m.ordered.state;
	}
}

#define CARRIED_TURNS 1000 /* of 10 ms: whoever takes longer has hung */

static inline bool carried_wait(struct scene *s, const struct carried *w, unsigned *end)
{
	const struct km_msg stop = { .number = KM_MSG_CANCEL, .cancel = { .order = 1 } };
	bool cancel = w->cancelled, alive = true;

	for (unsigned i = 0; *end == 0 && i < CARRIED_TURNS; i++) {
		struct pollfd p = { .fd = courier_loop_fd(&s->c), .events = POLLIN };

		fault_pause(false);
		alive = scene_turn(s);
		fault_pause(true);
		carried_hear(s, end);
		if (!alive)
			return true;
		if (cancel && *end == 0)
			cancel = km_send_msg(s->vault, &stop, -1, MSG_DONTWAIT) != KM_OK;
		if (*end == 0)
			(void)poll(&p, 1, 10);
	}
	return *end != 0;
}

static inline void carried_one(const struct carried *w)
{
	struct scene s = { .vault = -1 };
	const struct km_msg order = scene_message(1, 60000);
	unsigned end = 0, sent;
	bool opened;
	int pair[2];

	fault_pause(true);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	scene_say(&(struct scene){ .vault = pair[0] }, &order);
	fault_pause(false);
	opened = carried_open(&s, w, pair);
	fault_pause(true);
	if (opened)
		carried_check(carried_wait(&s, w, &end), "it neither ends nor does the room");
	fault_pause(false);
	courier_free(&s.c);
	fault_pause(true);
	if (s.vault >= 0)
		carried_hear(&s, &end);
	scene_close(&s);
	sent = w->sent();
	carried_check(sent <= 1, "it was sent twice");
	carried_check(end != KM_ORDER_STATE_FAILED || sent == 0, "it failed, and was sent");
	carried_check(end != KM_ORDER_STATE_TAKEN || sent == 1, "it was taken, and not sent");
	carried_check(end == 0 || end == KM_ORDER_STATE_FAILED || end == KM_ORDER_STATE_TAKEN ||
			  end == KM_ORDER_STATE_UNKNOWN,
		      "it ends as no message does");
	carried_check(carried_now.at > 0 || w->cancelled || end == KM_ORDER_STATE_TAKEN,
		      "nothing fails, and it is not taken");
}

/* --- what is left ------------------------------------------------------------------------------
 */

static inline unsigned carried_descriptors(void)
{
	unsigned n = 0;

	for (int i = 0; i < 256; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

/* All that was logged. */
static inline bool carried_logged(const char *what)
{
	off_t len = lseek(carried_log, 0, SEEK_END);
	const char *all =
	    len > 0 ? mmap(NULL, (size_t)len, PROT_READ, MAP_SHARED, carried_log, 0) : MAP_FAILED;
	bool found;

	assert_true(len > 0 && all != MAP_FAILED);
	found = memmem(all, (size_t)len, what, strlen(what)) != NULL;
	munmap((void *)(uintptr_t)all, (size_t)len);
	return found;
}

static inline struct fault_count carried_try(const struct carried *w,
					     const struct carried_point *at)
{
	unsigned open = carried_descriptors();
	struct fault_count count;

	carried_now = *at;
	assert_true(dup2(carried_log, STDERR_FILENO) >= 0);
	fault_begin(at->kind->call, at->at, at->error, at->for_good);
	carried_one(w);
	count = fault_end();
	carried_let_speak();
	carried_check(carried_descriptors() == open, "descriptors are left");
	return count;
}

/* Where an act makes more calls than that, each fifth is enough for every day. */
#define CARRIED_MANY 200

/* How many calls there are: where the machine stands still for a while there are more. */
static inline unsigned carried_count(const struct carried *w, const struct fault_kind *kind)
{
	const struct carried_point none = { .kind = kind };
	unsigned once = carried_try(w, &none).calls[kind->call];
	unsigned again = carried_try(w, &none).calls[kind->call];

	return once < again ? once : again;
}

static inline unsigned carried_each(const struct carried *w, const struct fault_kind *kind)
{
	unsigned calls = carried_count(w, kind), failed = 0;
	const char *all = getenv("CALLS");
	const unsigned last = calls + w->more;
	unsigned step = calls > CARRIED_MANY && !(all && strcmp(all, "all") == 0) ? 5 : 1;

	for (size_t e = 0; e < 3 && kind->errors[e]; e++) {
		/* "Not yet" for ever is to wait for ever. */
		bool passes = kind->errors[e] == EAGAIN || kind->errors[e] == EINTR;

		for (unsigned k = 1; k <= last; k += step)
			for (unsigned good = 0; good < (passes ? 1 : 2); good++)
				failed +=
				    carried_try(w, &(struct carried_point){ kind, kind->errors[e],
									    k, good == 1 })
					.failed > 0;
	}
	carried_check(calls == 0 || failed > 0, "nothing was made to fail");
	return calls;
}

static inline void carried_matrix(const struct carried *w)
{
	unsigned calls = 0;

	if (carried_log < 0) {
		carried_log = memfd_create("log", MFD_CLOEXEC);
		carried_error_out = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	}
	assert_true(carried_log >= 0 && carried_error_out >= 0);
	/* What a library does at its first use alone is not counted. */
	(void)carried_try(w, &(struct carried_point){ .kind = &carried_kinds[0] });
	for (size_t i = 0; i < CARRIED_KINDS; i++)
		if (carried_kinds[i].call != FAULT_MALLOC || fault_has_malloc())
			calls += carried_each(w, &carried_kinds[i]);
	assert_true(calls > 0);
	assert_false(carried_logged("123456"));
	assert_false(carried_logged("9012345678"));
}

#endif
