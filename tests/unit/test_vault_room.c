/*
 * The vault against a judge that is not ours or does not keep to the protocol, and against a store
 * that fails or was changed by another hand while logins are under way.
 */
#include "vault_room.h"

#include <sqlite3.h>

#include "../../authd/vault/store_internal.h"

static void sql(const char *text)
{
	char *error = NULL;

	if (sqlite3_exec(room.v->store->db[DB_VAULT].handle, text, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", text, error);
}

/* The place of the next record is taken. */
static void no_record_can_be_made(void)
{
	sql("UPDATE audit SET seq = seq + 1 WHERE seq = (SELECT max(seq) FROM audit)");
}

static void add(const char *login, int64_t uid)
{
	struct km_operator in = { .uid = uid,
				  .valid_from = KM_DAY_NONE,
				  .valid_until = KM_DAY_NONE },
			   op;
	struct km_person who = { .name = "Name", .department = "Department" };
	struct km_event_record r;

	snprintf(who.login, sizeof(who.login), "%s", login);
	snprintf(who.employee_number, sizeof(who.employee_number), "1");
	event_make(&r, KM_EVENT_OPERATOR_ADDED, NULL, "test");
	assert_int_equal(store_operator_add(room.v->store, &in, &who, &r, &op), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
}

static int descriptors(void)
{
	int n = 0;
	DIR *d = opendir("/proc/self/fd");

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* What the client of a request is told. */
static void told(int client, unsigned verdict, unsigned reason)
{
	struct km_msg m;

	assert_int_equal(hear(client, KM_PHASE_TALK, &m, NULL), KM_OK);
	assert_int_equal(m.number, KM_MSG_RESULT);
	assert_int_equal(m.result.verdict, verdict);
	assert_int_equal(m.result.reason, reason);
	close(client);
}

/* --- the link --------------------------------------------------------------------------- */

static void test_a_second_judge_is_turned_away_and_the_first_goes_on(void **state)
{
	struct epoll_event ready = { .events = EPOLLIN };
	char path[64];
	int second = -1;
	struct km_msg m;

	(void)state;
	snprintf(path, sizeof(path), "%s/vault", room.dir);
	assert_int_equal(km_listen_at(path, 0600, (uid_t)-1, (gid_t)-1, &room.v->listener), KM_OK);
	ready.data.fd = room.v->listener;
	assert_int_equal(epoll_ctl(room.v->poll, EPOLL_CTL_ADD, room.v->listener, &ready), 0);
	assert_int_equal(km_connect(path, false, &second), KM_OK);
	vault_round(room.v, 0);
	assert_int_equal(hear(second, KM_PHASE_JUDGE_LINK, &m, NULL), KM_ECLOSED);
	close(second);
	assert_false(room.v->stop);
	told(opens(KM_REQUEST_ACCOUNT, "nobody", 1000), KM_VERDICT_UNKNOWN, KM_REASON_WRONG);
	close(room.v->listener);
}

static void test_a_judge_that_opens_before_its_anchor_ends_the_link_and_leaves_nothing(void **state)
{
	int before = descriptors(), client;

	(void)state;
	room.v->anchored = false;
	client = opens(KM_REQUEST_AUTHENTICATE, "hanako", 1000);
	assert_true(room.v->stop);
	close(client);
	assert_int_equal(descriptors(), before);
}

static void test_a_request_of_no_kind_ends_the_link_and_leaves_nothing(void **state)
{
	int before = descriptors(), client;

	(void)state;
	client = opens(99, "hanako", geteuid());
	assert_true(room.v->stop);
	close(client);
	assert_int_equal(descriptors(), before);
}

static void test_one_session_more_than_there_is_room_for_ends_the_link(void **state)
{
	int client;

	(void)state;
	for (uint32_t i = 0; i < VAULT_SESSIONS; i++)
		room.v->session_id[i] = 100000 + i;
	client = opens(KM_REQUEST_AUTHENTICATE, "hanako", geteuid());
	memset(room.v->session_id, 0, sizeof(room.v->session_id));
	assert_true(room.v->stop);
	close(client);
}

static void test_a_judge_that_does_not_read_loses_its_link_and_not_our_memory(void **state)
{
	const int little = 1;

	(void)state;
	assert_int_equal(setsockopt(room.v->judge, SOL_SOCKET, SO_SNDBUF, &little, sizeof(little)),
			 0);
	for (int i = 0; i < 200000 && !room.v->stop; i++)
		link_tell_head(room.v, true);
	assert_true(room.v->stop);
	assert_true(room.v->to_judge.cap <= 1024 * 1024);
}

static void test_what_the_judge_turned_away_is_recorded_as_far_as_its_source_may(void **state)
{
	struct km_msg m = { .number = KM_MSG_TURNED_AWAY };
	struct km_head before, after;

	(void)state;
	m.turned_away.reason = KM_REASON_BUSY;
	m.turned_away.uid = 1000;
	m.turned_away.count = 1;
	room.v->conf.audit_refusals = 3;
	assert_int_equal(store_head(room.v->store, &before), KM_OK);
	for (int i = 0; i < 10; i++)
		judge_says(&m, -1);
	assert_int_equal(store_head(room.v->store, &after), KM_OK);
	assert_int_equal(after.seq - before.seq, 3);
	/* The rest becomes one record with a count. */
	crowd_settle(room.v, true);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	assert_int_equal(store_head(room.v->store, &after), KM_OK);
	assert_int_equal(after.seq - before.seq, 4);
}

/* --- the store -------------------------------------------------------------------------- */

static void test_an_account_that_another_hand_changed_is_unavailable_and_not_unknown(void **state)
{
	(void)state;
	add("hanako", 1000);
	told(opens(KM_REQUEST_ACCOUNT, "hanako", 1000), KM_VERDICT_ALLOW, KM_REASON_NONE);
	sql("UPDATE operator SET uid = 1001");
	told(opens(KM_REQUEST_ACCOUNT, "hanako", 1001), KM_VERDICT_UNAVAILABLE, KM_REASON_STORAGE);
}

static void test_no_session_is_opened_that_cannot_be_recorded(void **state)
{
	(void)state;
	add("hanako", 1000);
	told(opens(KM_REQUEST_SESSION_OPEN, "hanako", 1000), KM_VERDICT_ALLOW, KM_REASON_NONE);
	no_record_can_be_made();
	told(opens(KM_REQUEST_SESSION_OPEN, "hanako", 1000), KM_VERDICT_UNAVAILABLE,
	     KM_REASON_STORAGE);
	/* A refusal that cannot be recorded is no other refusal. */
	told(opens(KM_REQUEST_ACCOUNT, "nobody", 1000), KM_VERDICT_UNAVAILABLE, KM_REASON_STORAGE);
}

static void test_a_login_that_ends_unrecorded_lets_nobody_in_and_the_vault_lives(void **state)
{
	struct km_msg end = { .number = KM_MSG_CLOSE };
	int client;

	(void)state;
	add("hanako", 1000);
	client = opens(KM_REQUEST_AUTHENTICATE, "hanako", 1000);
	assert_int_equal(judge_hears().number, KM_MSG_PLAN);
	no_record_can_be_made();
	end.session = room.session;
	judge_says(&end, -1);
	assert_null(session_find(room.v, room.session));
	assert_false(room.v->stop);
	close(client);
}

static void test_a_check_that_cannot_be_recorded_is_unavailable(void **state)
{
	struct km_msg check = { .number = KM_MSG_CHECK };
	int client;

	(void)state;
	add("hanako", 1000);
	client = opens(KM_REQUEST_AUTHENTICATE, "hanako", 1000);
	assert_int_equal(judge_hears().number, KM_MSG_PLAN);
	no_record_can_be_made();
	check.session = room.session;
	assert_int_equal(km_secret_set(&check.check.secret, "123456", 6), KM_OK);
	judge_says(&check, -1);
	told(client, KM_VERDICT_UNAVAILABLE, KM_REASON_STORAGE);
}

static void test_an_answer_that_cannot_be_a_code_ends_the_login(void **state)
{
	struct km_msg check = { .number = KM_MSG_CHECK };
	int client;

	(void)state;
	client = opens(KM_REQUEST_AUTHENTICATE, "hanako", 1000);
	assert_int_equal(judge_hears().number, KM_MSG_PLAN);
	check.session = room.session;
	assert_int_equal(km_secret_set(&check.check.secret, "correct horse", 13), KM_OK);
	judge_says(&check, -1);
	told(client, KM_VERDICT_DENY, KM_REASON_PROTOCOL);
}

/* --- doubts ----------------------------------------------------------------------------- */

static void record_something(void)
{
	struct km_event_record r;

	event_make(&r, KM_EVENT_RELOADED, NULL, "test");
	assert_int_equal(store_record(room.v->store, &r), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
}

static void test_a_clock_days_ahead_that_nobody_set_is_in_doubt(void **state)
{
	(void)state;
	record_something();
	room.v->now.wall += 8 * 86400;
	room.v->now.synchronised = 1;
	assert_int_equal(suspect_start(room.v), KM_OK);
	assert_int_equal(room.v->suspicion, 0); /* somebody else's clock says so too */
	room.v->now.synchronised = 0;
	assert_int_equal(suspect_start(room.v), KM_OK);
	assert_int_equal(room.v->suspicion, KM_SUSPECT_CLOCK);
}

static void test_a_machine_without_an_id_is_served_and_not_taken_for_another(void **state)
{
	char path[64];
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/machine-id", room.dir);
	room.v->machine_id_path = path;
	assert_int_equal(suspect_start(room.v), KM_OK); /* no file */
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(suspect_start(room.v), KM_OK); /* nothing in it */
	fputs("0123456789abcdef0123456789abcdef\n", f);
	fclose(f);
	assert_int_equal(suspect_start(room.v), KM_OK);
	assert_int_equal(room.v->suspicion, 0);
	/* From now on it is known, and another one shows. */
	f = fopen(path, "we");
	assert_non_null(f);
	fputs("f123456789abcdef0123456789abcdef\n", f);
	fclose(f);
	assert_int_equal(suspect_start(room.v), KM_OK);
	assert_int_equal(room.v->suspicion, KM_SUSPECT_MACHINE);
}

static void test_a_trail_that_the_judge_does_not_know_is_a_rollback(void **state)
{
	struct km_msg m = { .number = KM_MSG_ANCHOR };

	(void)state;
	record_something();
	room.v->anchored = false;
	m.anchor.version = KM_ROOM_PROTOCOL;
	m.anchor.seq = 1;
	memset(m.anchor.chain, 0x5a, sizeof(m.anchor.chain));
	judge_says(&m, -1);
	assert_int_equal(room.v->suspicion, KM_SUSPECT_ROLLBACK);
	assert_non_null(strstr(room.v->found[2], "another one than was written down"));
	told(opens(KM_REQUEST_ACCOUNT, "nobody", 1000), KM_VERDICT_UNAVAILABLE, KM_REASON_ROLLBACK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOM(test_a_second_judge_is_turned_away_and_the_first_goes_on),
		IN_ROOM(test_a_judge_that_opens_before_its_anchor_ends_the_link_and_leaves_nothing),
		IN_ROOM(test_a_request_of_no_kind_ends_the_link_and_leaves_nothing),
		IN_ROOM(test_one_session_more_than_there_is_room_for_ends_the_link),
		IN_ROOM(test_a_judge_that_does_not_read_loses_its_link_and_not_our_memory),
		IN_ROOM(test_what_the_judge_turned_away_is_recorded_as_far_as_its_source_may),
		IN_ROOM(test_an_account_that_another_hand_changed_is_unavailable_and_not_unknown),
		IN_ROOM(test_no_session_is_opened_that_cannot_be_recorded),
		IN_ROOM(test_a_login_that_ends_unrecorded_lets_nobody_in_and_the_vault_lives),
		IN_ROOM(test_a_check_that_cannot_be_recorded_is_unavailable),
		IN_ROOM(test_an_answer_that_cannot_be_a_code_ends_the_login),
		IN_ROOM(test_a_clock_days_ahead_that_nobody_set_is_in_doubt),
		IN_ROOM(test_a_machine_without_an_id_is_served_and_not_taken_for_another),
		IN_ROOM(test_a_trail_that_the_judge_does_not_know_is_a_rollback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
