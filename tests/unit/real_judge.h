/*
 * The judge on real sockets, between clients and a vault that the test plays.
 * Each test includes this once.
 */
#ifndef KENMON_TESTS_REAL_JUDGE_H
#define KENMON_TESTS_REAL_JUDGE_H

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/log.h>
#include <kenmon/sock.h>

#include "../../authd/judge.h"

static struct judge judge;
static struct judge *const j = &judge;
static char dir[64], door[80], vault_path[80];
static int listener, vault;
static uint8_t frame[KM_FRAME_MAX];

/* Around the judge's turns, for a test in which its own calls fail; NULL: nothing. */
static void (*around_judge)(bool begins);
static bool judge_broke; /* its loop ended with an error */

/* More turns than a full house takes: what never ends is a loop that spins on an error. */
#define TURNS_MOST 20000

/* Runs the loop until it has nothing to do. */
static inline void settle(void)
{
	int ran = 1;

	if (around_judge)
		around_judge(true);
	for (unsigned n = 0; ran > 0 && n < TURNS_MOST; n++)
		ran = sd_event_run(j->event, 0);
	if (around_judge)
		around_judge(false);
	judge_broke |= ran < 0;
}

static inline int open_house(void **state)
{
	int fd = -1;

	(void)state;
	km_log_open("test", NULL, LOG_EMERG);
	snprintf(dir, sizeof(dir), "/tmp/kenmon-judge-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(door, sizeof(door), "%s/door", dir);
	snprintf(vault_path, sizeof(vault_path), "%s/vault", dir);
	judge = (struct judge){
		.ports = &judge_real_ports,
		.limits = calloc(1, sizeof(struct judge_limits)),
		.owner = geteuid(),
		.vault_uid = geteuid(),
		.vault_path = vault_path,
		.link = { .fd = -1 },
		.sensor = { .fd = -1 },
		.anchor = { .fd = -1 },
		.announced = true,
		.notified = true,
	};
	km_conf_defaults(&judge.conf);
	vault = -1;
	if (!j->limits || sd_event_new(&j->event) < 0 || judge_sessions_init(j) != KM_OK ||
	    km_listen_at(vault_path, 0600, (uid_t)-1, (gid_t)-1, &listener) != KM_OK ||
	    km_listen_at(door, 0600, (uid_t)-1, (gid_t)-1, &fd) != KM_OK)
		return -1;
	return judge_listen(j, fd) == KM_OK ? 0 : -1;
}

static inline int close_house(void **state)
{
	(void)state;
	judge_link_down(j, false);
	judge_sensor_down(j);
	judge_sessions_free(j);
	judge_listen_end(j);
	close(j->listen_fd);
	j->event = sd_event_unref(j->event);
	free(j->limits);
	if (listener >= 0)
		close(listener);
	if (vault >= 0)
		close(vault);
	unlink(door);
	unlink(vault_path);
	return rmdir(dir);
}

/* --- the vault's part -------------------------------------------------------------- */

static inline struct km_msg next_from_judge(int *fd)
{
	struct km_msg m = { 0 };
	size_t len = 0;

	assert_int_equal(km_recv(vault, frame, sizeof(frame), &len, fd, NULL, MSG_DONTWAIT), KM_OK);
	assert_int_equal(km_decode(frame, len, KM_FROM_JUDGE, KM_PHASE_LINK | KM_PHASE_OPENED, &m),
			 KM_OK);
	return m;
}

static inline void vault_says(struct km_msg m)
{
	assert_int_equal(km_send_msg(vault, &m, -1, MSG_DONTWAIT), KM_OK);
	settle();
}

/* Takes the judge's connection, its ANCHOR, and answers with HEAD. */
static inline void vault_comes(void)
{
	struct km_msg head = { .number = KM_MSG_HEAD };

	vault = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(vault >= 0);
	assert_int_equal(next_from_judge(NULL).number, KM_MSG_ANCHOR);
	head.head.seq = 1;
	vault_says(head);
}

static inline void vault_goes(void)
{
	close(vault);
	vault = -1;
	settle();
}

static inline bool judge_is_quiet(void)
{
	struct pollfd p = { .fd = vault, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}

/* --- the client's part --------------------------------------------------------------- */

/* Each one logs in somebody else: there is a limit for each login. */
static inline int client(void)
{
	static unsigned people;
	struct km_msg m = { .number = KM_MSG_HELLO };
	int fd = -1;

	assert_int_equal(km_connect(door, true, &fd), KM_OK);
	m.hello.kind = KM_CLIENT_DOOR;
	m.hello.oldest = m.hello.newest = KM_PROTOCOL_NEWEST;
	assert_int_equal(km_send_msg(fd, &m, -1, MSG_DONTWAIT), KM_OK);
	m = (struct km_msg){ .number = KM_MSG_LOGIN };
	m.login.kind = KM_REQUEST_AUTHENTICATE;
	m.login.uid = 1000;
	snprintf(m.login.login, sizeof(m.login.login), "user%u", people++);
	memset(m.login.nonce, 0x3c, sizeof(m.login.nonce));
	assert_int_equal(km_send_msg(fd, &m, -1, MSG_DONTWAIT), KM_OK);
	settle();
	return fd;
}

static inline void answers(int fd)
{
	struct km_msg m = { .number = KM_MSG_ANSWER };

	assert_int_equal(km_secret_set(&m.answer.secret, "123456", 6), KM_OK);
	assert_int_equal(km_send_msg(fd, &m, -1, MSG_DONTWAIT), KM_OK);
	settle();
}

static inline struct km_msg hears(int fd)
{
	struct km_stamp stamp = { .known = false };
	struct km_msg m = { 0 };
	size_t len = 0;

	assert_int_equal(km_recv(fd, frame, sizeof(frame), &len, NULL, &stamp, MSG_DONTWAIT),
			 KM_OK);
	assert_true(stamp.known);
	assert_int_equal(km_decode(frame, len, KM_FROM_JUDGE_OR_VAULT,
				   KM_PHASE_HEARD_NOTHING | KM_PHASE_TALK, &m),
			 KM_OK);
	return m;
}

static inline void hears_the_end(int fd)
{
	size_t len;

	assert_int_equal(km_recv(fd, frame, sizeof(frame), &len, NULL, NULL, MSG_DONTWAIT),
			 KM_ECLOSED);
	close(fd);
}

static inline void is_refused(int fd, uint8_t verdict, uint8_t reason)
{
	struct km_msg m = hears(fd);

	while (m.number == KM_MSG_WELCOME || m.number == KM_MSG_PROMPT || m.number == KM_MSG_INFO)
		m = hears(fd);
	assert_int_equal(m.number, KM_MSG_RESULT);
	assert_int_equal(m.result.verdict, verdict);
	assert_int_equal(m.result.reason, reason);
	hears_the_end(fd);
}

static inline void plans(uint32_t session)
{
	struct km_msg m = { .number = KM_MSG_PLAN, .session = session };

	m.plan.slots.count = 1;
	m.plan.slots.slot[0].shape = KM_SHAPE_DIGITS_6;
	vault_says(m);
}

static inline struct km_msg verdict(uint32_t session, uint8_t v)
{
	struct km_msg m = { .number = KM_MSG_VERDICT, .session = session };

	m.verdict.verdict = v;
	return m;
}

/* A client whose OPEN the vault has taken; its copy of the descriptor is the caller's. */
static inline uint32_t opened(int *fd, int *copy)
{
	struct km_msg m;

	*fd = client();
	if (vault < 0)
		vault_comes();
	m = next_from_judge(copy);
	assert_int_equal(m.number, KM_MSG_OPEN);
	assert_true(*copy >= 0);
	return m.session;
}

#define IN_HOUSE(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)

#endif
