/*
 * When a key epoch is closed and when not, what a desk hears of it, and what happens after a try
 * that failed.
 */
#include "vault_room.h"

#include <sqlite3.h>

#include "../../authd/vault/store_internal.h"

#define MANY 300 /* two slices */

/* --- who is there ------------------------------------------------------------------------ */

static void register_one(const char *login)
{
	const struct km_operator in = { .uid = 1000,
					.valid_from = KM_DAY_NONE,
					.valid_until = KM_DAY_NONE };
	struct km_person who = { .name = "Name", .department = "Department" };
	struct km_event_record r;
	struct km_operator op;

	snprintf(who.login, sizeof(who.login), "%s", login);
	snprintf(who.employee_number, sizeof(who.employee_number), "%s", login);
	event_make(&r, KM_EVENT_OPERATOR_ADDED, NULL, "test");
	assert_int_equal(store_operator_add(room.v->store, &in, &who, &r, &op), KM_OK);
}

static void register_many(void)
{
	char login[16];

	for (int i = 0; i < MANY; i++) {
		snprintf(login, sizeof(login), "user%d", i);
		register_one(login);
	}
	assert_int_equal(store_flush(room.v->store), KM_OK);
}

static bool opens_still(const char *login)
{
	struct km_operator op;
	struct km_person who;

	return store_operator_by_login(room.v->store, login, &op) == KM_OK &&
	       store_person(room.v->store, &op, &who) == KM_OK;
}

static void change(const char *text)
{
	store_idle(room.v->store);
	assert_int_equal(sqlite3_exec(room.v->store->db[DB_VAULT].handle, text, NULL, NULL, NULL),
			 SQLITE_OK);
}

/* --- time ---------------------------------------------------------------------------------- */

static void later(int64_t seconds)
{
	room.v->now.wall += seconds;
	room.v->now.boot_ms += seconds * 1000;
	store_set_now(room.v->store, &room.v->now);
}

/* Somebody is erased now: the epoch is owed. */
static void erase_one(void)
{
	struct km_event_record r;
	struct km_operator op;

	register_one("alice");
	register_one("bob");
	assert_int_equal(store_operator_by_login(room.v->store, "alice", &op), KM_OK);
	event_make(&r, KM_EVENT_ERASE_BEGUN, op.subject, "test");
	assert_int_equal(store_erase_begin(room.v->store, op.subject, &by_hand, &r), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	room.v->erasing = true;
	erase_work(room.v);
	assert_false(room.v->erasing);
	assert_int_equal(room.v->epoch.at.owed, room.v->now.wall);
}

/* Works as long as there is something to do. */
static uint32_t worked(void)
{
	while (epoch_work(room.v))
		;
	return room.v->epoch.at.generation;
}

static void test_an_epoch_is_closed_by_itself_some_time_after_an_erasure(void **state)
{
	(void)state;
	erase_one();
	assert_int_equal(worked(), 1);
	later(room.v->conf.erasure_epoch_delay - 1);
	assert_int_equal(worked(), 1);
	later(1);
	assert_int_equal(worked(), 2);
	assert_int_equal(room.v->epoch.at.owed, 0);
	assert_int_equal(km_keys_older(room.v->keys), 0);
	assert_true(opens_still("bob"));
	later(1000000); /* and nothing more is owed */
	assert_int_equal(worked(), 2);
}

static void test_a_clock_that_went_back_keeps_no_epoch_open(void **state)
{
	(void)state;
	erase_one();
	later(-10);
	assert_int_equal(worked(), 2);
}

static void test_C35_no_epoch_is_closed_while_anything_is_in_doubt(void **state)
{
	static const unsigned doubts[] = { KM_SUSPECT_CLOCK, KM_SUSPECT_MACHINE,
					   KM_SUSPECT_ROLLBACK };

	(void)state;
	erase_one();
	later(room.v->conf.erasure_epoch_delay);
	for (size_t i = 0; i < 3; i++) {
		room.v->suspicion = doubts[i];
		assert_int_equal(worked(), 1);
	}
	room.v->suspicion = 0;
	room.v->erasing = true;
	assert_int_equal(worked(), 1);
	room.v->erasing = false;
	/* The judge may know that this is an older database. */
	room.v->anchored = false;
	assert_int_equal(worked(), 1);
	assert_int_equal(km_keys_generation(room.v->keys), 1);
	room.v->anchored = true;
	assert_int_equal(worked(), 2);
}

/* --- the desk -----------------------------------------------------------------------------------
 */

static struct km_msg operation(enum km_message_number number)
{
	struct km_msg m = { .number = (uint8_t)number };

	memset(m.status.op, ++room.op, sizeof(m.status.op));
	return m;
}

/* Sends it; a round later the next frame, or none. */
static struct km_msg heard_after(int line, const struct km_msg *m)
{
	struct km_msg got = { .number = KM_MSG_NONE };

	if (m)
		assert_int_equal(km_send_msg(line, m, -1, 0), KM_OK);
	vault_round(room.v, 0);
	if (hear(line, KM_PHASE_DESK_TALK, &got, NULL) != KM_OK)
		got.number = KM_MSG_NONE;
	return got;
}

/* What a status says under this key, or NULL. *alarm: that it is one. */
static const char *status(int line, enum km_message_number number, const char *key, bool *alarm)
{
	static char value[sizeof(((struct msg_status_row *)0)->value)];
	struct km_msg m = operation(number);
	bool found = false;

	assert_int_equal(km_send_msg(line, &m, -1, 0), KM_OK);
	/* No round of the whole vault, in which an epoch would go on. */
	for (size_t i = 0; i < VAULT_LINES; i++)
		if (room.v->line[i].fd >= 0)
			line_drain(room.v, &room.v->line[i]);
	line_settle(room.v, true);
	do {
		assert_int_equal(hear(line, KM_PHASE_DESK_TALK, &m, NULL), KM_OK);
		if (m.number != KM_MSG_STATUS_ROW || strcmp(m.status_row.key, key) != 0)
			continue;
		found = true;
		*alarm = m.status_row.alarm;
		memcpy(value, m.status_row.value, sizeof(value));
	} while (m.number != KM_MSG_DONE);
	assert_int_equal(m.done.rc, 0);
	return found ? value : NULL;
}

static void says(int line, const char *key, bool alarm, const char *text)
{
	bool alarmed = !alarm;
	const char *value = status(line, KM_MSG_KEY_STATUS, key, &alarmed);

	if (!value || !strstr(value, text) || alarmed != alarm)
		fail_msg("%s: \"%s\"%s, and not \"%s\"", key, value ? value : "",
			 alarmed ? " (alarm)" : "", text);
}

static void test_a_desk_hears_how_far_it_is_and_then_that_it_is_done(void **state)
{
	int first = desk_comes(), second = desk_comes();
	struct km_msg rotate = operation(KM_MSG_KEY_ROTATE), m;

	(void)state;
	register_many();
	m = heard_after(first, &rotate);
	assert_int_equal(m.number, KM_MSG_PROGRESS);
	assert_int_equal(m.progress.done, 256);
	assert_int_equal(m.progress.total, MANY);
	/* Meanwhile: who asks now waits for the epoch after this one. */
	says(second, "key-epoch", false, "1 is being closed: 256 of 300 keys");
	says(second, "kek-files", false, "kek.1 and kek.2");
	says(second, "closing-since", false, " UTC");
	rotate = operation(KM_MSG_KEY_ROTATE);
	assert_int_equal(heard_after(second, &rotate).number, KM_MSG_NONE);
	assert_int_equal(hear(first, KM_PHASE_DESK_TALK, &m, NULL), KM_OK);
	assert_int_equal(m.number, KM_MSG_DONE);
	assert_int_equal(m.done.rc, 0);
	assert_int_equal(room.v->epoch.at.generation, 2);
	for (int i = 0; i < 10 && room.v->epoch.at.generation < 3; i++)
		m = heard_after(second, NULL);
	while (m.number != KM_MSG_DONE)
		assert_int_equal(hear(second, KM_PHASE_DESK_TALK, &m, NULL), KM_OK);
	assert_int_equal(room.v->epoch.at.generation, 3);
	says(second, "kek-files", false, "kek.3");
	assert_true(opens_still("user0") && opens_still("user299"));
	close(first);
	close(second);
}

static void test_a_desk_that_reads_no_progress_costs_nothing(void **state)
{
	int first = desk_comes(), second = desk_comes();
	struct km_msg rotate = operation(KM_MSG_KEY_ROTATE);

	(void)state;
	register_many();
	assert_int_equal(km_send_msg(first, &rotate, -1, 0), KM_OK);
	rotate = operation(KM_MSG_KEY_ROTATE);
	assert_int_equal(km_send_msg(second, &rotate, -1, 0), KM_OK);
	vault_round(room.v, 0);
	close(first);
	for (int i = 0; i < 3; i++)
		vault_round(room.v, 0);
	assert_int_equal(room.v->line[0].fd, -1);
	assert_int_equal(room.v->epoch.at.generation, 2);
	assert_false(room.v->stop);
	close(second);
}

static void test_sent_again_it_is_not_done_before_it_is(void **state)
{
	int line = desk_comes();
	struct km_msg rotate = operation(KM_MSG_KEY_ROTATE), m;

	(void)state;
	register_many();
	assert_int_equal(heard_after(line, &rotate).number, KM_MSG_PROGRESS);
	close(line);
	room.v->epoch.again_ms = INT64_MAX; /* as if the disk were full */
	vault_round(room.v, 0);
	line = desk_comes();
	assert_int_equal(heard_after(line, &rotate).number, KM_MSG_NONE);
	room.v->epoch.again_ms = 0;
	do
		m = heard_after(line, NULL);
	while (m.number == KM_MSG_PROGRESS);
	assert_int_equal(m.number, KM_MSG_DONE);
	assert_int_equal(m.done.rc, 0);
	assert_int_equal(room.v->epoch.at.generation, 2);
	/* Once more it was done long ago, and is not done anew. */
	assert_int_equal(heard_after(line, &rotate).number, KM_MSG_DONE);
	assert_int_equal(room.v->epoch.at.generation, 2);
	close(line);
}

/* The same of an erasure, of which the disk lets only the first step happen. */
static void test_an_erasure_sent_again_is_not_done_before_it_is(void **state)
{
	int line = desk_comes();
	struct km_msg erase = operation(KM_MSG_ERASE), m;

	(void)state;
	register_one("alice");
	snprintf(erase.erase.login, sizeof(erase.erase.login), "alice");
	snprintf(erase.erase.reason, sizeof(erase.erase.reason), "left");
	assert_int_equal(heard_after(line, &erase).number, KM_MSG_DONE);
	room.v->erasing = true;
	assert_int_equal(km_send_msg(line, &erase, -1, 0), KM_OK);
	line_drain(room.v, &room.v->line[0]);
	line_settle(room.v, true);
	assert_int_equal(hear(line, KM_PHASE_DESK_TALK, &m, NULL), KM_EAGAIN);
	erase_work(room.v);
	assert_int_equal(hear(line, KM_PHASE_DESK_TALK, &m, NULL), KM_OK);
	assert_int_equal(m.number, KM_MSG_DONE);
	assert_int_equal(m.done.rc, 0);
	close(line);
}

static void test_C35_no_desk_closes_an_epoch_in_doubt(void **state)
{
	static const unsigned doubts[] = { KM_SUSPECT_CLOCK, KM_SUSPECT_MACHINE,
					   KM_SUSPECT_ROLLBACK };
	int line = desk_comes();

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct km_msg m = operation(KM_MSG_KEY_ROTATE);

		room.v->suspicion = doubts[i];
		m = heard_after(line, &m);
		assert_int_equal(m.number, KM_MSG_DONE);
		assert_int_equal(m.done.rc, -KM_ESUSPECT);
	}
	assert_int_equal(room.v->epoch.at.owed, 0);
	room.v->suspicion = KM_SUSPECT_CLOCK;
	erase_one();
	says(line, "key-epoch", true, "waits until 'kenmon accept'");
	close(line);
}

static void test_status_says_when_an_epoch_is_closed_by_itself(void **state)
{
	int line = desk_comes();

	(void)state;
	says(line, "key-epoch", false, "1, with nothing erased in it");
	says(line, "key-epoch-since", false, "the making of the store");
	room.v->now.wall = 1750000000;
	store_set_now(room.v->store, &room.v->now);
	erase_one();
	says(line, "key-epoch", false, "1, which is closed by itself at 2025-06-15 15:16 UTC");
	says(line, "first-erasure-in-it", false, "2025-06-15 15:06 UTC");
	room.v->epoch.at.opened = INT64_MAX; /* no calendar has that */
	says(line, "key-epoch-since", false, "9223372036854775807");
	close(line);
}

static void test_an_epoch_that_cannot_be_seen_is_not_closed_until_it_can(void **state)
{
	int line = desk_comes();
	struct km_msg m = operation(KM_MSG_KEY_ROTATE);

	(void)state;
	change("CREATE TEMP TABLE t AS SELECT * FROM meta WHERE key = 'epoch';"
	       "DELETE FROM meta WHERE key = 'epoch'");
	room.v->epoch.unseen = true;
	m = heard_after(line, &m);
	assert_int_equal(m.number, KM_MSG_DONE);
	assert_int_equal(m.done.rc, -KM_EIO);
	assert_int_equal(worked(), 1);
	change("INSERT INTO meta SELECT * FROM t");
	m = operation(KM_MSG_KEY_ROTATE);
	m = heard_after(line, &m);
	assert_int_equal(m.number, KM_MSG_DONE);
	assert_int_equal(m.done.rc, 0);
	assert_int_equal(room.v->epoch.at.generation, 2);
	close(line);
}

/* --- tries that fail -------------------------------------------------------------------------- */

static void test_what_the_disk_refused_is_tried_again_a_second_later(void **state)
{
	int line = desk_comes();
	char half[96];

	(void)state;
	erase_one();
	later(room.v->conf.erasure_epoch_delay);
	snprintf(half, sizeof(half), "%s-kek/kek.2.new", room.state);
	assert_int_equal(mkdir(half, 0700), 0);
	assert_int_equal(worked(), 1);
	says(line, "key-epoch", true, "the last try failed: is the disk full?");
	assert_int_equal(rmdir(half), 0);
	assert_int_equal(worked(), 1); /* not in each round */
	later(1);
	assert_int_equal(worked(), 2);
	says(line, "key-epoch", false, "2, with nothing erased in it");
	close(line);
}

static void test_a_key_that_does_not_open_keeps_the_epoch_open_and_is_named(void **state)
{
	int line = desk_comes();
	uint8_t kek[96];
	char path[96];
	int fd;

	(void)state;
	erase_one();
	register_one("carol");
	assert_int_equal(store_flush(room.v->store), KM_OK);
	change("CREATE TEMP TABLE t AS SELECT * FROM subject_key;"
	       "UPDATE subject_key SET wrapped = zeroblob(48) "
	       "WHERE cursor = (SELECT max(cursor) FROM subject_key)");
	later(room.v->conf.erasure_epoch_delay);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(worked(), 1);
		later(1);
		says(line, "key-epoch", true, "wrapped keys in vault.db do not open");
	}
	/* Both KEKs are there: a backup of the database opens. */
	snprintf(path, sizeof(path), "%s-kek/kek.1", room.state);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(read(fd, kek, sizeof(kek)) > 0);
	close(fd);
	change("UPDATE subject_key SET (kek_gen, wrapped) = "
	       "(SELECT kek_gen, wrapped FROM t WHERE t.cursor = subject_key.cursor) "
	       "WHERE kek_gen = 1");
	assert_int_equal(worked(), 2);
	assert_true(opens_still("bob") && opens_still("carol"));
	says(line, "key-epoch", false, "2, with nothing erased in it");
	close(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOM(test_an_epoch_is_closed_by_itself_some_time_after_an_erasure),
		IN_ROOM(test_a_clock_that_went_back_keeps_no_epoch_open),
		IN_ROOM(test_C35_no_epoch_is_closed_while_anything_is_in_doubt),
		IN_ROOM(test_a_desk_hears_how_far_it_is_and_then_that_it_is_done),
		IN_ROOM(test_a_desk_that_reads_no_progress_costs_nothing),
		IN_ROOM(test_sent_again_it_is_not_done_before_it_is),
		IN_ROOM(test_an_erasure_sent_again_is_not_done_before_it_is),
		IN_ROOM(test_C35_no_desk_closes_an_epoch_in_doubt),
		IN_ROOM(test_status_says_when_an_epoch_is_closed_by_itself),
		IN_ROOM(test_an_epoch_that_cannot_be_seen_is_not_closed_until_it_can),
		IN_ROOM(test_what_the_disk_refused_is_tried_again_a_second_later),
		IN_ROOM(test_a_key_that_does_not_open_keeps_the_epoch_open_and_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
