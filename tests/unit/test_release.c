/* What the brake holds is let go as the approver saw it: so many, and those. */
#include "request_scene.h"

#include <openssl/evp.h>

#include "../../authd/vault/due.h"
#include "../../authd/vault/store_internal.h"

#define STAFF 12
#define HELD  10

static char logins[STAFF][8];

static int staffed(void **state)
{
	int rc = scene_open(state);

	for (unsigned i = 0; rc == 0 && i < STAFF; i++) {
		snprintf(logins[i], sizeof logins[i], "n%02u", i);
		scene_add(logins[i], KM_ROLE_OPERATOR, false);
	}
	return rc;
}

#define IN_STAFF(test) cmocka_unit_test_setup_teardown(test, staffed, close_room)

static void due(const char *login, enum km_due what, int64_t day, bool released)
{
	struct km_due_row row = { .what = (uint8_t)what,
				  .cause = KM_CAUSE_MISSING,
				  .feed = 1,
				  .day = day,
				  .released = released };

	memcpy(row.subject, scene_person(login).subject, sizeof row.subject);
	assert_int_equal(store_due_set(room.v->store, &row, NULL), KM_OK);
}

static void hold(const char *login)
{
	due(login, KM_DUE_ERASE, room.v->now.today, false);
}

static void hold_no_more(const char *login)
{
	assert_int_equal(
	    store_due_drop(room.v->store, scene_person(login).subject, KM_DUE_ERASE, NULL), KM_OK);
}

static void hold_ten(void)
{
	for (unsigned i = 0; i < HELD; i++)
		hold(logins[i]);
}

static struct km_msg release(uint32_t erasures)
{
	return (struct km_msg){ .number = KM_MSG_DUE_RELEASE, .due_release.erasures = erasures };
}

static unsigned let_go(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < STAFF; i++) {
		struct km_due_row row;
		km_rc rc = store_due_of(room.v->store, scene_person(logins[i]).subject,
					KM_DUE_ERASE, &row);

		assert_true(rc == KM_OK || rc == KM_ENOTFOUND);
		count += rc == KM_OK && row.released;
	}
	return count;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, KM_SUBJECT_BYTES);
}

/* Of the first so many of the staff, made here once more. */
static void set_of(unsigned count, uint8_t set[32])
{
	uint8_t all[STAFF][KM_SUBJECT_BYTES];

	for (unsigned i = 0; i < count; i++)
		memcpy(all[i], scene_person(logins[i]).subject, KM_SUBJECT_BYTES);
	qsort(all, count, KM_SUBJECT_BYTES, by_bytes);
	assert_int_equal(
	    EVP_Digest(all, (size_t)count * KM_SUBJECT_BYTES, set, NULL, EVP_sha256(), NULL), 1);
}

/* --- by two ----------------------------------------------------------------------------------- */

static void test_the_approver_sees_how_many_and_the_mark_of_who_they_are(void **state)
{
	struct km_msg m = release(HELD);
	char text[ACT_TEXT];
	uint8_t set[32];
	uint64_t id;

	(void)state;
	hold_ten();
	set_of(HELD, set);
	memset(m.due_release.set, 0xFF, sizeof m.due_release.set); /* no desk says who is held */
	id = scene_files(&m);
	memcpy(m.due_release.set, set, sizeof set);
	assert_int_equal(act_text(&m, text), KM_OK);
	assert_string_equal(scene_look(id).request_row.text, text);
	snprintf(text, sizeof text, "erasures=%d set=%02x%02x%02x%02x%02x%02x%02x%02x", HELD,
		 set[0], set[1], set[2], set[3], set[4], set[5], set[6], set[7]);
	assert_string_equal(scene_row.request_row.text, text);
	m = scene_decision(id, true);
	assert_int_equal(scene_rc("aki", &m), KM_OK);
	scene_by_both(KM_EVENT_BRAKE_RELEASED);
	assert_int_equal(let_go(), HELD);
	assert_int_equal(scene_waiting(), 0);
}

static void is_not_released(struct km_msg decision)
{
	struct msg_done done = scene_does("aki", decision);

	assert_int_equal(-(int)done.rc, KM_EBRAKE);
	assert_string_equal(done.text, "what is held has changed since this was filed: reject it, "
				       "and file it anew");
	assert_int_equal(let_go(), 0);
	assert_int_equal(scene_waiting(), 1);
}

static void test_as_many_others_are_not_who_was_looked_at(void **state)
{
	const struct km_msg m = release(HELD);
	struct km_msg yes;

	(void)state;
	hold_ten();
	yes = scene_decision(scene_files(&m), true);
	hold_no_more(logins[0]);
	hold(logins[HELD]);
	is_not_released(yes);
	/* The same people, though said anew by a later roster: nothing has changed. */
	hold_no_more(logins[HELD]);
	hold(logins[0]);
	hold(logins[3]);
	assert_int_equal(scene_rc("aki", &yes), KM_OK);
	assert_int_equal(let_go(), HELD);
}

static void test_one_more_or_one_less_is_not_what_was_looked_at(void **state)
{
	const struct km_msg m = release(HELD);
	struct km_msg yes;

	(void)state;
	hold_ten();
	yes = scene_decision(scene_files(&m), true);
	hold(logins[HELD]);
	is_not_released(yes);
	hold_no_more(logins[HELD]);
	hold_no_more(logins[0]);
	is_not_released(yes);
}

static void test_a_release_of_another_number_is_not_filed(void **state)
{
	const struct km_msg less = release(HELD - 1), more = release(HELD + 1), all = release(HELD);
	struct msg_done done;

	(void)state;
	assert_int_equal(scene_rc("rei", &all), KM_ENOTFOUND);
	hold_ten();
	assert_int_equal(scene_rc("rei", &less), KM_EBRAKE);
	done = scene_does("rei", more);
	assert_int_equal(-(int)done.rc, KM_EBRAKE);
	assert_string_equal(done.text, "10 erasures are held");
	room.v->suspicion = KM_SUSPECT_CLOCK;
	assert_int_equal(scene_rc("rei", &all), KM_ESUSPECT);
	room.v->suspicion = 0;
	assert_int_equal(scene_waiting(), 0);
}

/* A request that was made by other hands, without any set, lets nobody go. */
static void test_a_request_that_names_nobody_lets_nobody_go(void **state)
{
	const struct km_msg m = release(HELD);

	(void)state;
	hold_ten();
	is_not_released(scene_decision(scene_files_behind(&m, NULL), true));
}

/* --- by one ----------------------------------------------------------------------------------- */

static void test_where_one_acts_alone_the_exact_number_is_enough(void **state)
{
	const struct km_msg less = release(HELD - 1), all = release(HELD);

	(void)state;
	room.v->conf.approval_required = false;
	hold_ten();
	assert_int_equal(scene_rc(NULL, &less), KM_EBRAKE);
	assert_int_equal(let_go(), 0);
	assert_int_equal(scene_rc(NULL, &all), KM_OK);
	assert_int_equal(let_go(), HELD);
}

/* --- the set ---------------------------------------------------------------------------------- */

static void test_the_set_is_of_who_is_held_in_whatever_order_they_came(void **state)
{
	const int64_t today = room.v->now.today;
	uint8_t none[32], forth[32], back[32], set[32];

	(void)state;
	assert_int_equal(store_due_held(room.v->store, today, none), KM_OK);
	hold_ten();
	assert_int_equal(store_due_held(room.v->store, today, forth), KM_OK);
	set_of(HELD, set);
	assert_memory_equal(forth, set, 32);
	for (unsigned i = 0; i < HELD; i++)
		hold_no_more(logins[i]);
	assert_int_equal(store_due_held(room.v->store, today, back), KM_OK);
	assert_memory_equal(back, none, 32);
	for (unsigned i = HELD; i-- > 0;)
		hold(logins[i]);
	/* Who is suspended, goes tomorrow, or was let go already is not held. */
	due(logins[0], KM_DUE_SUSPEND, today, false);
	due(logins[HELD], KM_DUE_ERASE, today + 1, false);
	due(logins[HELD + 1], KM_DUE_ERASE, today, true);
	assert_int_equal(store_due_held(room.v->store, today, back), KM_OK);
	assert_memory_equal(back, set, 32);
}

/* Who is held as Aki reads it, for the one reason; how many. */
static size_t listed(enum km_held why, uint8_t out[2 * STAFF][KM_SUBJECT_BYTES])
{
	struct km_msg who = { .number = KM_MSG_IDENTIFY, .identify.login = "aki" };
	struct km_msg m = { .number = KM_MSG_DUE_LIST, .due_list.limit = 50 };
	int line = desk_comes();
	size_t count = 0;

	assert_int_equal(desk_does(line, who).rc, 0);
	desk_asks(line, &m);
	if (m.number == KM_MSG_PROMPT) {
		char code[16];

		scene_code("aki", code);
		m = (struct km_msg){ .number = KM_MSG_ANSWER };
		assert_int_equal(km_secret_set(&m.answer.secret, code, strlen(code)), KM_OK);
		desk_asks(line, &m);
	}
	while (m.number == KM_MSG_DUE_ROW) {
		if (m.due_row.held == why)
			memcpy(out[count++], m.due_row.subject, KM_SUBJECT_BYTES);
		assert_int_equal(hear(line, KM_PHASE_DESK_TALK, &m, NULL), KM_OK);
	}
	assert_int_equal(m.number, KM_MSG_DONE);
	assert_int_equal(m.done.rc, 0);
	close(line);
	return count;
}

/* So the approver can tell that the list which they read is what they agree to. */
static void test_the_set_is_of_whom_a_list_calls_held_by_the_brake(void **state)
{
	const int64_t today = room.v->now.today;
	uint8_t held[2 * STAFF][KM_SUBJECT_BYTES], set[32], made[32];

	(void)state;
	hold_ten();
	due(logins[HELD], KM_DUE_SUSPEND, today, false);
	due(logins[HELD + 1], KM_DUE_ERASE, today + 1, false);
	due("rei", KM_DUE_ERASE, today, true); /* let go, and the last registrar all the same */
	room.v->due.held = true;
	assert_int_equal(listed(KM_HELD_LAST, held), 1);
	assert_int_equal(listed(KM_HELD_BRAKE, held), HELD);
	qsort(held, HELD, KM_SUBJECT_BYTES, by_bytes);
	assert_int_equal(
	    EVP_Digest(held, (size_t)HELD * KM_SUBJECT_BYTES, made, NULL, EVP_sha256(), NULL), 1);
	assert_int_equal(store_due_held(room.v->store, today, set), KM_OK);
	assert_memory_equal(made, set, 32);
}

/* Letting go concerns them, too: they are counted and in the set. */
static void test_who_is_also_the_last_is_called_held_by_the_brake(void **state)
{
	uint8_t held[2 * STAFF][KM_SUBJECT_BYTES];

	(void)state;
	hold_ten();
	due("rei", KM_DUE_ERASE, room.v->now.today, false);
	room.v->due.held = true;
	assert_int_equal(listed(KM_HELD_LAST, held), 0);
	assert_int_equal(listed(KM_HELD_BRAKE, held), HELD + 1);
}

static void test_a_row_that_was_changed_is_in_no_set(void **state)
{
	uint8_t set[32] = { 7 }, kept[32] = { 7 };

	(void)state;
	hold_ten();
	assert_int_equal(store_flush(room.v->store), KM_OK);
	store_idle(room.v->store);
	assert_int_equal(sqlite3_exec(room.v->store->db[DB_VAULT].handle,
				      "UPDATE due SET feed = 2 WHERE id = 5", NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(store_due_held(room.v->store, room.v->now.today, set), KM_ECORRUPT);
	assert_memory_equal(set, kept, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_STAFF(test_the_approver_sees_how_many_and_the_mark_of_who_they_are),
		IN_STAFF(test_as_many_others_are_not_who_was_looked_at),
		IN_STAFF(test_one_more_or_one_less_is_not_what_was_looked_at),
		IN_STAFF(test_a_release_of_another_number_is_not_filed),
		IN_STAFF(test_a_request_that_names_nobody_lets_nobody_go),
		IN_STAFF(test_where_one_acts_alone_the_exact_number_is_enough),
		IN_STAFF(test_the_set_is_of_who_is_held_in_whatever_order_they_came),
		IN_STAFF(test_the_set_is_of_whom_a_list_calls_held_by_the_brake),
		IN_STAFF(test_who_is_also_the_last_is_called_held_by_the_brake),
		IN_STAFF(test_a_row_that_was_changed_is_in_no_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
