/* A roster that nobody approves: whoever looks at the status, or at what is due, is told of it. */
#include "two_roster_scene.h"

#include <time.h>

#include "../../authd/vault/feed.h"
#include "../../authd/vault/store_internal.h"

/* The row of a status; NULL: there is none. */
static const struct msg_status_row *status_row(const char *key)
{
	static struct msg_status_row found;
	struct km_msg m = { .number = KM_MSG_STATUS };
	int line = desk_comes();

	found.key[0] = '\0';
	desk_asks(line, &m);
	while (m.number != KM_MSG_DONE) {
		if (m.number == KM_MSG_STATUS_ROW && strcmp(m.status_row.key, key) == 0)
			found = m.status_row;
		assert_int_equal(hear(line, KM_PHASE_DESK_TALK, &m, NULL), KM_OK);
	}
	assert_int_equal(m.done.rc, 0);
	close(line);
	vault_round(room.v, 0);
	return found.key[0] ? &found : NULL;
}

static void says(const char *key, const char *text)
{
	const struct msg_status_row *row = status_row(key);

	assert_non_null(row);
	assert_true(row->alarm);
	if (!strstr(row->value, text))
		fail_msg("%s: %s", key, row->value);
}

static void days_pass(unsigned days)
{
	room.v->now.wall += (int64_t)days * 86400;
	store_set_now(room.v->store, &room.v->now);
	room.v->tended_ms = 0;
	tend_waiting(room.v);
	room.v->feed.asked_ms = 0;
	rounds(6);
}

static void expires(void)
{
	days_pass(room.v->conf.approval_expires + 1);
	assert_false(feed_is(KM_FEED_WAITING));
	assert_int_equal(recorded(KM_EVENT_REQUEST_EXPIRED), 1);
}

/* Files one; "until 2026-04-08 09:00 UTC" is when its request ends. */
static void files_until(char out[64])
{
	const int64_t stays = (int64_t)room.v->conf.approval_expires * 86400;
	const int64_t before = room.v->now.wall;
	static struct km_filed all[KM_REQUESTS];
	size_t count = 0;
	time_t end;
	struct tm tm;

	(void)files_roster(2);
	assert_int_equal(store_requests(room.v->store, 0, KM_REQUESTS, all, &count), KM_OK);
	assert_int_equal(count, 1);
	end = (time_t)all[0].expires;
	assert_in_range(end, before + stays, room.v->now.wall + stays);
	assert_non_null(gmtime_r(&end, &tm));
	assert_true(strftime(out, 64, "until %Y-%m-%d %H:%M UTC", &tm));
}

static void test_a_roster_that_waits_is_an_alarm_with_its_erasures_and_its_end(void **state)
{
	char end[64];

	(void)state;
	assert_null(status_row("roster-waiting"));
	files_until(end);
	says("roster-waiting", "10 erasures");
	says("roster-waiting", end);
	assert_null(status_row("roster-forgotten"));
}

static void
test_a_roster_that_nobody_approved_stays_an_alarm_until_another_is_accepted(void **state)
{
	struct paper *p;

	(void)state;
	(void)files_roster(2);
	expires();
	assert_null(status_row("roster-waiting"));
	says("roster-forgotten", "a roster with 10 erasures");
	says("roster-forgotten", "hand it in again");
	assert_int_equal(everybody(), STAFF + 4);
	room_stop();
	assert_int_equal(room_start(), 0);
	room.v->conf.hotp.look_ahead = 100;
	rounds(3);
	says("roster-forgotten", "a roster with 10 erasures");
	room.v->conf.approval_required = false;
	p = paper(5);
	p->part = true;
	p->made = 2000;
	put_person(p, (struct person){ .number = "x0001" });
	applies(p);
	assert_null(status_row("roster-forgotten"));
}

static void test_a_second_one_that_waits_takes_no_alarm_away_and_its_approval_does(void **state)
{
	uint64_t id;

	(void)state;
	(void)files_roster(2);
	expires();
	id = files_roster(3);
	says("roster-waiting", "10 erasures");
	says("roster-forgotten", "a roster with 10 erasures");
	assert_int_equal(scene_does("aki", scene_decision(id, true)).rc, 0);
	assert_null(status_row("roster-waiting"));
	assert_null(status_row("roster-forgotten"));
}

/* Somebody decided. */
static void test_a_roster_that_was_rejected_raises_no_alarm(void **state)
{
	uint64_t id;

	(void)state;
	id = files_roster(2);
	assert_int_equal(scene_does("aki", scene_decision(id, false)).rc, 0);
	assert_false(feed_is(KM_FEED_WAITING)); /* with the decision, not after it */
	assert_int_equal(recorded(KM_EVENT_FEED_REFUSED), 1);
	days_pass(1);
	assert_int_equal(recorded(KM_EVENT_FEED_REFUSED), 1);
	assert_null(status_row("roster-waiting"));
	assert_null(status_row("roster-forgotten"));
	(void)files_roster(3);
}

static void behind_its_back(const char *text)
{
	assert_int_equal(sqlite3_exec(room.v->store->db[DB_VAULT].handle, text, NULL, NULL, NULL),
			 SQLITE_OK);
}

/* A MAC is over it: what was forgotten is not forgotten by a hand in the file. */
static void test_what_was_forgotten_is_not_taken_out_of_the_file(void **state)
{
	struct feed_forgotten gone;

	(void)state;
	(void)files_roster(2);
	expires();
	assert_int_equal(feed_forgotten(room.v, &gone), KM_OK);
	assert_int_equal(gone.erasures, 10);
	behind_its_back("UPDATE meta SET value = zeroblob(24) WHERE key = 'forgotten'");
	assert_int_equal(feed_forgotten(room.v, &gone), KM_ECORRUPT);
	behind_its_back("DELETE FROM meta WHERE key = 'forgotten'");
	assert_int_equal(feed_forgotten(room.v, &gone), KM_ECORRUPT);
}

static void test_a_list_of_what_is_due_says_that_a_roster_waits(void **state)
{
	struct km_msg m = { .number = KM_MSG_DUE_LIST };
	struct msg_done done;
	char end[64];

	(void)state;
	done = scene_does("rei", m);
	assert_int_equal(done.rc, 0);
	assert_string_equal(done.text, "");
	files_until(end);
	done = scene_does("rei", m);
	assert_int_equal(done.rc, 0);
	assert_non_null(strstr(done.text, end));
	assert_non_null(strstr(done.text, "by it 10 would be erased"));
}

int main(void)
{
#define IN_STAFF(test) cmocka_unit_test_setup_teardown(test, staffed, close_room)
	const struct CMUnitTest tests[] = {
		IN_STAFF(test_a_roster_that_waits_is_an_alarm_with_its_erasures_and_its_end),
		IN_STAFF(
		    test_a_roster_that_nobody_approved_stays_an_alarm_until_another_is_accepted),
		IN_STAFF(test_a_second_one_that_waits_takes_no_alarm_away_and_its_approval_does),
		IN_STAFF(test_a_roster_that_was_rejected_raises_no_alarm),
		IN_STAFF(test_what_was_forgotten_is_not_taken_out_of_the_file),
		IN_STAFF(test_a_list_of_what_is_due_says_that_a_roster_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
