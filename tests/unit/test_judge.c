/* The judge on real sockets, between clients and a vault that the test plays. */
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

/* Runs the loop until it has nothing to do. */
static void settle(void)
{
	while (sd_event_run(j->event, 0) > 0)
		;
}

static int open_house(void **state)
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

static int close_house(void **state)
{
	(void)state;
	judge_link_down(j, false);
	judge_sessions_free(j);
	j->listen_io = sd_event_source_disable_unref(j->listen_io);
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

static struct km_msg next_from_judge(int *fd)
{
	struct km_msg m = { 0 };
	size_t len = 0;

	assert_int_equal(km_recv(vault, frame, sizeof(frame), &len, fd, NULL, MSG_DONTWAIT), KM_OK);
	assert_int_equal(km_decode(frame, len, KM_FROM_JUDGE, KM_PHASE_LINK | KM_PHASE_OPENED, &m),
			 KM_OK);
	return m;
}

static void vault_says(struct km_msg m)
{
	assert_int_equal(km_send_msg(vault, &m, -1, MSG_DONTWAIT), KM_OK);
	settle();
}

/* Takes the judge's connection, its ANCHOR, and answers with HEAD. */
static void vault_comes(void)
{
	struct km_msg head = { .number = KM_MSG_HEAD };

	vault = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(vault >= 0);
	assert_int_equal(next_from_judge(NULL).number, KM_MSG_ANCHOR);
	head.head.seq = 1;
	vault_says(head);
}

static void vault_goes(void)
{
	close(vault);
	vault = -1;
	settle();
}

static bool judge_is_quiet(void)
{
	struct pollfd p = { .fd = vault, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}

/* --- the client's part --------------------------------------------------------------- */

static int client(void)
{
	struct km_msg m = { .number = KM_MSG_HELLO };
	int fd = -1;

	assert_int_equal(km_connect(door, true, &fd), KM_OK);
	m.hello.kind = KM_CLIENT_DOOR;
	m.hello.oldest = m.hello.newest = KM_PROTOCOL_NEWEST;
	assert_int_equal(km_send_msg(fd, &m, -1, MSG_DONTWAIT), KM_OK);
	m = (struct km_msg){ .number = KM_MSG_LOGIN };
	m.login.kind = KM_REQUEST_AUTHENTICATE;
	m.login.uid = 1000;
	snprintf(m.login.login, sizeof(m.login.login), "alice");
	memset(m.login.nonce, 0x3c, sizeof(m.login.nonce));
	assert_int_equal(km_send_msg(fd, &m, -1, MSG_DONTWAIT), KM_OK);
	settle();
	return fd;
}

static void answers(int fd)
{
	struct km_msg m = { .number = KM_MSG_ANSWER };

	assert_int_equal(km_secret_set(&m.answer.secret, "123456", 6), KM_OK);
	assert_int_equal(km_send_msg(fd, &m, -1, MSG_DONTWAIT), KM_OK);
	settle();
}

static struct km_msg hears(int fd)
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

static void hears_the_end(int fd)
{
	size_t len;

	assert_int_equal(km_recv(fd, frame, sizeof(frame), &len, NULL, NULL, MSG_DONTWAIT),
			 KM_ECLOSED);
	close(fd);
}

static void is_refused(int fd, uint8_t verdict, uint8_t reason)
{
	struct km_msg m = hears(fd);

	while (m.number == KM_MSG_WELCOME || m.number == KM_MSG_PROMPT || m.number == KM_MSG_INFO)
		m = hears(fd);
	assert_int_equal(m.number, KM_MSG_RESULT);
	assert_int_equal(m.result.verdict, verdict);
	assert_int_equal(m.result.reason, reason);
	hears_the_end(fd);
}

static void plans(uint32_t session)
{
	struct km_msg m = { .number = KM_MSG_PLAN, .session = session };

	m.plan.slots.count = 1;
	m.plan.slots.slot[0].shape = KM_SHAPE_DIGITS_6;
	vault_says(m);
}

static struct km_msg verdict(uint32_t session, uint8_t v)
{
	struct km_msg m = { .number = KM_MSG_VERDICT, .session = session };

	m.verdict.verdict = v;
	return m;
}

/* A client whose OPEN the vault has taken; its copy of the descriptor is the caller's. */
static uint32_t opened(int *fd, int *copy)
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

/* --- tests ----------------------------------------------------------------------------- */

static void test_the_vault_writes_allow_on_the_clients_own_socket(void **state)
{
	struct km_msg m = { .number = KM_MSG_RESULT };
	int fd, copy;
	uint32_t id = opened(&fd, &copy);

	(void)state;
	assert_int_equal(hears(fd).number, KM_MSG_WELCOME);
	plans(id);
	assert_int_equal(hears(fd).number, KM_MSG_PROMPT);
	answers(fd);
	assert_int_equal(next_from_judge(NULL).number, KM_MSG_CHECK);
	m.result.verdict = KM_VERDICT_ALLOW;
	assert_int_equal(km_send_msg(copy, &m, -1, MSG_DONTWAIT), KM_OK);
	close(copy);
	vault_says(verdict(id, KM_VERDICT_ALLOW));
	assert_int_equal(hears(fd).result.verdict, KM_VERDICT_ALLOW);
	hears_the_end(fd);
	assert_true(judge_is_quiet());
}

/* C9 */
static void test_c9_a_vault_that_goes_refuses_everybody_and_the_next_is_found_at_once(void **state)
{
	int fd[3], copy[3];
	uint32_t id[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		id[i] = opened(&fd[i], &copy[i]);
	plans(id[1]);
	plans(id[2]);
	answers(fd[2]);
	vault_goes();
	for (unsigned i = 0; i < 3; i++) {
		is_refused(fd[i], KM_VERDICT_UNAVAILABLE, KM_REASON_NO_VAULT);
		close(copy[i]);
	}
	id[0] = opened(&fd[0], &copy[0]);
	plans(id[0]);
	assert_int_equal(hears(fd[0]).number, KM_MSG_WELCOME);
	assert_int_equal(hears(fd[0]).number, KM_MSG_PROMPT);
	close(copy[0]);
	close(fd[0]);
}

static void test_without_a_vault_a_client_is_refused_at_once(void **state)
{
	(void)state;
	close(listener);
	listener = -1;
	is_refused(client(), KM_VERDICT_UNAVAILABLE, KM_REASON_NO_VAULT);
	unlink(vault_path);
	is_refused(client(), KM_VERDICT_UNAVAILABLE, KM_REASON_NO_VAULT);
}

static void test_a_vault_that_breaks_the_protocol_loses_its_link(void **state)
{
	static const uint8_t junk[] = { 99, 0, 0, 0, 1, 7 };
	int fd, copy;

	(void)state;
	opened(&fd, &copy);
	assert_int_equal(km_send(vault, junk, sizeof(junk), -1, MSG_DONTWAIT), KM_OK);
	settle();
	is_refused(fd, KM_VERDICT_UNAVAILABLE, KM_REASON_NO_VAULT);
	assert_int_equal(j->link.fd, -1);
	close(copy);
}

static void test_a_vault_with_another_uid_is_not_listened_to(void **state)
{
	int fd, copy;

	(void)state;
	j->vault_uid = 54321;
	opened(&fd, &copy);
	assert_int_equal(j->link.fd, -1);
	assert_false(j->link.heard);
	is_refused(fd, KM_VERDICT_UNAVAILABLE, KM_REASON_NO_VAULT);
	close(copy);
}

/* C26 */
static void test_c26_garbage_ends_one_client_and_nobody_else_notices(void **state)
{
	uint8_t junk[300];
	int fd, copy, bad;
	uint32_t id = opened(&fd, &copy);

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		for (size_t k = 0; k < sizeof(junk); k++)
			junk[k] = (uint8_t)rand();
		assert_int_equal(km_connect(door, true, &bad), KM_OK);
		assert_int_equal(km_send(bad, junk, 1 + i, -1, MSG_DONTWAIT), KM_OK);
		/* More behind it, unread: the refusal can still be heard. */
		assert_int_equal(km_send(bad, junk, sizeof(junk), -1, MSG_DONTWAIT), KM_OK);
		settle();
		is_refused(bad, KM_VERDICT_UNAVAILABLE, KM_REASON_PROTOCOL);
	}
	assert_true(judge_is_quiet());
	plans(id);
	assert_int_equal(hears(fd).number, KM_MSG_WELCOME);
	assert_int_equal(hears(fd).number, KM_MSG_PROMPT);
	close(fd);
	close(copy);
}

static void test_a_client_with_a_descriptor_or_an_oversized_frame_is_ended(void **state)
{
	static uint8_t large[KM_FRAME_MAX + 1];
	int fd = -1;

	(void)state;
	assert_int_equal(km_connect(door, true, &fd), KM_OK);
	assert_int_equal(km_send(fd, large, 3, STDERR_FILENO, MSG_DONTWAIT), KM_OK);
	settle();
	is_refused(fd, KM_VERDICT_UNAVAILABLE, KM_REASON_PROTOCOL);
	assert_int_equal(km_connect(door, true, &fd), KM_OK);
	assert_int_equal(km_send(fd, large, sizeof(large), -1, MSG_DONTWAIT), KM_OK);
	settle();
	is_refused(fd, KM_VERDICT_UNAVAILABLE, KM_REASON_PROTOCOL);
}

static void test_a_client_that_goes_is_closed_at_the_vault(void **state)
{
	int fd, copy;
	uint32_t id = opened(&fd, &copy);
	struct km_msg m;

	(void)state;
	close(fd);
	settle();
	m = next_from_judge(NULL);
	assert_int_equal(m.number, KM_MSG_CLOSE);
	assert_int_equal(m.session, id);
	assert_int_equal(m.close.reason, KM_REASON_ABORTED);
	/* The vault's copy keeps the socket alive, but not in our loop. */
	assert_int_equal(sd_event_run(j->event, 0), 0);
	close(copy);
}

static void test_after_a_refusal_nothing_can_be_written_to_the_client_any_more(void **state)
{
	struct km_msg m = { .number = KM_MSG_RESULT };
	int fd, copy;
	uint32_t id = opened(&fd, &copy);

	(void)state;
	judge_session_refuse(j, judge_session_find(j, id), KM_REASON_DEADLINE);
	m.result.verdict = KM_VERDICT_ALLOW;
	assert_int_not_equal(km_send_msg(copy, &m, -1, MSG_DONTWAIT), KM_OK);
	is_refused(fd, KM_VERDICT_UNAVAILABLE, KM_REASON_DEADLINE);
	close(copy);
}

/* A vault busy with its disk: nobody waits for it in the loop, and nothing is lost. */
static void test_what_a_busy_vault_does_not_read_waits_in_order(void **state)
{
	enum { CLIENTS = 300 };
	static int fd[CLIENTS];
	unsigned opens = 0;

	(void)state;
	fd[0] = client();
	vault_comes();
	for (unsigned i = 1; i < CLIENTS; i++)
		fd[i] = client();
	assert_true(j->link.queued > 0);
	close(fd[7]);
	settle();
	for (unsigned i = 0; i < CLIENTS + 1; i++) {
		int copy = -1;
		struct km_msg m = next_from_judge(&copy);

		settle();
		if (m.number == KM_MSG_OPEN) {
			opens++;
			assert_true(copy >= 0);
			close(copy);
		} else {
			assert_int_equal(m.number, KM_MSG_CLOSE);
		}
	}
	assert_int_equal(opens, CLIENTS);
	assert_int_equal(j->link.queued, 0);
	assert_true(judge_is_quiet());
	for (unsigned i = 0; i < CLIENTS; i++)
		if (i != 7)
			close(fd[i]);
	settle();
}

static void test_a_vault_that_stops_reading_bounds_what_waits_and_refuses_the_rest(void **state)
{
	static int fd[JUDGE_SESSIONS];

	(void)state;
	fd[0] = client();
	vault_comes();
	for (unsigned i = 1; i < JUDGE_SESSIONS; i++)
		fd[i] = client();
	assert_true(j->link.queued <= JUDGE_QUEUE_MAX);
	/* All places are taken: one more is told so. */
	is_refused(client(), KM_VERDICT_DENY, KM_REASON_BUSY);
	for (unsigned i = 0; i < JUDGE_SESSIONS; i++)
		close(fd[i]);
	settle();
	assert_true(j->link.queued <= 2 * JUDGE_QUEUE_MAX);
	assert_int_equal(j->vacancies, JUDGE_SESSIONS);
	assert_int_equal(j->limits->total, 0);
	vault_goes();
	assert_int_equal(j->link.queued, 0);
}

/* A descriptor left behind after each login would end all logins one day. */
static void test_no_descriptor_is_left_after_many_sessions(void **state)
{
	int fd, copy, before, after;

	(void)state;
	opened(&fd, &copy);
	close(fd);
	close(copy);
	settle();
	before = dup(0);
	close(before);
	for (unsigned i = 0; i < 100; i++) {
		int other = client();

		while (!judge_is_quiet()) {
			int passed = -1;

			(void)next_from_judge(&passed);
			if (passed >= 0)
				close(passed);
		}
		close(other);
		settle();
	}
	after = dup(0);
	close(after);
	assert_int_equal(before, after);
}

int main(void)
{
	struct rlimit files;
#define IN_HOUSE(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)
	const struct CMUnitTest tests[] = {
		IN_HOUSE(test_the_vault_writes_allow_on_the_clients_own_socket),
		IN_HOUSE(test_c9_a_vault_that_goes_refuses_everybody_and_the_next_is_found_at_once),
		IN_HOUSE(test_without_a_vault_a_client_is_refused_at_once),
		IN_HOUSE(test_a_vault_that_breaks_the_protocol_loses_its_link),
		IN_HOUSE(test_a_vault_with_another_uid_is_not_listened_to),
		IN_HOUSE(test_c26_garbage_ends_one_client_and_nobody_else_notices),
		IN_HOUSE(test_a_client_with_a_descriptor_or_an_oversized_frame_is_ended),
		IN_HOUSE(test_a_client_that_goes_is_closed_at_the_vault),
		IN_HOUSE(test_after_a_refusal_nothing_can_be_written_to_the_client_any_more),
		IN_HOUSE(test_what_a_busy_vault_does_not_read_waits_in_order),
		IN_HOUSE(test_a_vault_that_stops_reading_bounds_what_waits_and_refuses_the_rest),
		IN_HOUSE(test_no_descriptor_is_left_after_many_sessions),
	};

	/* A session is two descriptors here, and many machines allow 1,024 of them. */
	assert_true(getrlimit(RLIMIT_NOFILE, &files) == 0);
	files.rlim_cur = files.rlim_max;
	assert_true(setrlimit(RLIMIT_NOFILE, &files) == 0);
	return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
