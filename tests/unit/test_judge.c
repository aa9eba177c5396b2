/* The judge on real sockets, between clients and a vault that the test plays. */
#include "real_judge.h"

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

static void test_the_next_vault_is_told_what_the_last_one_signed(void **state)
{
	struct km_msg head = { .number = KM_MSG_HEAD }, said;
	int fd = client();

	(void)state;
	vault_comes();
	head.head.seq = 12;
	head.head.wall = 1700000000;
	head.head.generation = 3;
	memset(head.head.chain, 1, sizeof(head.head.chain));
	memset(head.head.hash, 2, sizeof(head.head.hash));
	memset(head.head.public, 3, sizeof(head.head.public));
	memset(head.head.signature, 4, sizeof(head.head.signature));
	vault_says(head);
	close(fd);
	vault_goes();
	fd = client();
	vault = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(vault >= 0);
	said = next_from_judge(NULL);
	assert_int_equal(said.number, KM_MSG_ANCHOR);
	assert_int_equal(said.anchor.version, KM_ROOM_PROTOCOL);
	assert_int_equal(said.anchor.seq, 12);
	assert_int_equal(said.anchor.wall, 1700000000);
	assert_int_equal(said.anchor.generation, 3);
	assert_memory_equal(said.anchor.chain, head.head.chain, sizeof(head.head.chain));
	assert_memory_equal(said.anchor.hash, head.head.hash, sizeof(head.head.hash));
	assert_memory_equal(said.anchor.public, head.head.public, sizeof(head.head.public));
	assert_memory_equal(said.anchor.signature, head.head.signature,
			    sizeof(head.head.signature));
	close(fd);
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

static void test_a_client_with_an_oversized_frame_is_ended(void **state)
{
	static uint8_t large[KM_FRAME_MAX + 1];
	int fd = -1;

	(void)state;
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
	enum { CLIENTS = JUDGE_SESSIONS - JUDGE_KEPT_DESK };
	static int fd[CLIENTS];

	(void)state;
	fd[0] = client();
	vault_comes();
	for (unsigned i = 1; i < CLIENTS; i++)
		fd[i] = client();
	assert_true(j->link.queued <= JUDGE_QUEUE_MAX);
	/* All places of logins are taken: one more is told so. */
	is_refused(client(), KM_VERDICT_DENY, KM_REASON_BUSY);
	for (unsigned i = 0; i < CLIENTS; i++)
		close(fd[i]);
	settle();
	assert_true(j->link.queued <= 2 * JUDGE_QUEUE_MAX);
	assert_int_equal(j->vacancies, JUDGE_SESSIONS);
	assert_int_equal(j->limits->total, 0);
	vault_goes();
	assert_int_equal(j->link.queued, 0);
}

/* One user who connects in a loop while the disk is slow. */
static void test_who_is_turned_away_takes_no_place_in_the_queue_of_logins(void **state)
{
	enum { CLIENTS = 400 };
	static int fd[CLIENTS];
	unsigned queued, told = 0;

	(void)state;
	fd[0] = client();
	vault_comes();
	for (unsigned i = 1; i < CLIENTS; i++)
		fd[i] = client();
	queued = j->link.queued;
	assert_true(queued > 0);
	for (uid_t uid = 5000; uid < 5100; uid++)
		judge_link_turned_away(j, KM_REASON_BUSY, uid);
	assert_int_equal(j->link.queued, queued);
	for (unsigned i = 0; i < CLIENTS; i++) {
		int copy = -1;

		assert_int_equal(next_from_judge(&copy).number, KM_MSG_OPEN);
		close(copy);
		settle();
	}
	assert_true(judge_link_tell_turned(j, 0));
	while (!judge_is_quiet()) {
		struct km_msg m = next_from_judge(NULL);

		assert_int_equal(m.number, KM_MSG_TURNED_AWAY);
		told += m.turned_away.count;
	}
	/* 64 of them by name, the others together. */
	assert_int_equal(told, 100);
	for (unsigned i = 0; i < CLIENTS; i++)
		close(fd[i]);
	settle();
}

static bool hears_nothing(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}

/* It wakes a door once instead of twice. */
static void test_welcome_comes_with_the_prompt_where_people_are_asked(void **state)
{
	int fd[4], copy[4];
	uint32_t id = opened(&fd[0], &copy[0]);

	(void)state;
	/* Nobody has been asked yet: the vault may refuse everybody, in the site's language. */
	assert_int_equal(hears(fd[0]).number, KM_MSG_WELCOME);
	plans(id);
	assert_int_equal(hears(fd[0]).number, KM_MSG_PROMPT);
	id = opened(&fd[1], &copy[1]);
	assert_true(hears_nothing(fd[1]));
	plans(id);
	assert_int_equal(hears(fd[1]).number, KM_MSG_WELCOME);
	assert_int_equal(hears(fd[1]).number, KM_MSG_PROMPT);
	/* From the first that is refused unasked, again before. */
	id = opened(&fd[2], &copy[2]);
	vault_says(verdict(id, KM_VERDICT_UNAVAILABLE));
	opened(&fd[3], &copy[3]);
	assert_int_equal(hears(fd[3]).number, KM_MSG_WELCOME);
	for (unsigned i = 0; i < 4; i++) {
		close(fd[i]);
		close(copy[i]);
	}
}

static void test_welcome_comes_at_once_to_who_is_not_asked_or_waits_for_it(void **state)
{
	struct km_msg m = { .number = KM_MSG_HELLO };
	int fd, copy, other = -1;

	(void)state;
	plans(opened(&fd, &copy));
	assert_int_equal(km_connect(door, true, &other), KM_OK);
	m.hello.kind = KM_CLIENT_DOOR;
	m.hello.oldest = m.hello.newest = KM_PROTOCOL_NEWEST;
	assert_int_equal(km_send_msg(other, &m, -1, MSG_DONTWAIT), KM_OK);
	settle();
	assert_int_equal(hears(other).number, KM_MSG_WELCOME);
	close(other);
	settle();
	assert_int_equal(km_connect(door, true, &other), KM_OK);
	assert_int_equal(km_send_msg(other, &m, -1, MSG_DONTWAIT), KM_OK);
	m = (struct km_msg){ .number = KM_MSG_LOGIN };
	m.login.kind = KM_REQUEST_ACCOUNT;
	assert_int_equal(km_send_msg(other, &m, -1, MSG_DONTWAIT), KM_OK);
	settle();
	assert_int_equal(hears(other).number, KM_MSG_WELCOME);
	close(other);
	close(fd);
	close(copy);
}

/* One timer serves all sessions: it must fire for the earliest, whoever came first. */
static void test_a_deadline_ends_its_session_alone(void **state)
{
	int first, second, copy[2];
	uint32_t id;

	(void)state;
	j->conf.login.deadline = 3600;
	id = opened(&first, &copy[0]);
	j->conf.login.deadline = 3;
	opened(&second, &copy[1]);
	while (j->vacancies < JUDGE_SESSIONS - 1)
		assert_true(sd_event_run(j->event, 20000000) > 0);
	is_refused(second, KM_VERDICT_UNAVAILABLE, KM_REASON_DEADLINE);
	assert_int_equal(next_from_judge(NULL).number, KM_MSG_CLOSE);
	assert_non_null(judge_session_find(j, id));
	assert_int_equal(j->deadline_ms, judge_session_find(j, id)->deadline_ms);
	plans(id);
	assert_int_equal(hears(first).number, KM_MSG_WELCOME);
	assert_int_equal(hears(first).number, KM_MSG_PROMPT);
	for (unsigned i = 0; i < 2; i++)
		close(copy[i]);
	close(first);
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
	const struct CMUnitTest tests[] = {
		IN_HOUSE(test_the_vault_writes_allow_on_the_clients_own_socket),
		IN_HOUSE(test_c9_a_vault_that_goes_refuses_everybody_and_the_next_is_found_at_once),
		IN_HOUSE(test_the_next_vault_is_told_what_the_last_one_signed),
		IN_HOUSE(test_without_a_vault_a_client_is_refused_at_once),
		IN_HOUSE(test_a_vault_that_breaks_the_protocol_loses_its_link),
		IN_HOUSE(test_a_vault_with_another_uid_is_not_listened_to),
		IN_HOUSE(test_c26_garbage_ends_one_client_and_nobody_else_notices),
		IN_HOUSE(test_a_client_with_an_oversized_frame_is_ended),
		IN_HOUSE(test_a_client_that_goes_is_closed_at_the_vault),
		IN_HOUSE(test_after_a_refusal_nothing_can_be_written_to_the_client_any_more),
		IN_HOUSE(test_what_a_busy_vault_does_not_read_waits_in_order),
		IN_HOUSE(test_a_vault_that_stops_reading_bounds_what_waits_and_refuses_the_rest),
		IN_HOUSE(test_who_is_turned_away_takes_no_place_in_the_queue_of_logins),
		IN_HOUSE(test_welcome_comes_with_the_prompt_where_people_are_asked),
		IN_HOUSE(test_welcome_comes_at_once_to_who_is_not_asked_or_waits_for_it),
		IN_HOUSE(test_a_deadline_ends_its_session_alone),
		IN_HOUSE(test_no_descriptor_is_left_after_many_sessions),
	};

	/* A session is two descriptors here, and many machines allow 1,024 of them. */
	assert_true(getrlimit(RLIMIT_NOFILE, &files) == 0);
	files.rlim_cur = files.rlim_max;
	assert_true(setrlimit(RLIMIT_NOFILE, &files) == 0);
	return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
