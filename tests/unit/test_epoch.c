/* Closing a key epoch: the living are wrapped anew, and older copies open no longer. */
#include "older_copy.h"

#include <kenmon/erased.h>
#include <kenmon/store_epoch.h>

#define CANARY "canary-seed-value-0X"

/* --- the steps of a closing, as epoch.c goes through them ----------------------------- */

enum { RENEW, BEGIN, SLICES, TRUNCATE, RETIRE, END, STEPS, RESUME };

static km_rc flushed(struct box *b, km_rc rc)
{
	return rc ? rc : store_flush(b->s);
}

static km_rc step(struct box *b, int n)
{
	struct km_event_record closing = event_of(KM_EVENT_EPOCH_CLOSING, NULL);
	struct km_event_record closed = event_of(KM_EVENT_EPOCH_CLOSED, NULL);
	struct km_rewrap at = { 0 };
	km_rc rc = KM_OK;

	switch (n) {
	case RENEW:
		return km_keys_renew(b->keys);
	case BEGIN:
		return flushed(b, store_epoch_begin(b->s, &closing));
	case RESUME:
		return flushed(b, store_epoch_resume(b->s, &closing));
	case SLICES:
		while (!rc && !at.finished)
			rc = flushed(b, store_epoch_slice(b->s, &at));
		return rc ? rc : at.damaged ? KM_ECORRUPT : KM_OK;
	case TRUNCATE:
		return store_truncate_logs(b->s);
	case RETIRE:
		return km_keys_retire(b->keys);
	default:
		return flushed(b, store_epoch_end(b->s, &closed));
	}
}

/* What is left to do, whatever was done before. */
static void finish(struct box *b)
{
	bool fresh = !km_keys_older(b->keys), stray;
	struct km_epoch e;

	assert_int_equal(store_epoch(b->s, &e), KM_OK);
	stray = !fresh && e.generation == km_keys_generation(b->keys);
	if (!e.closing && !stray) {
		if (fresh)
			assert_int_equal(step(b, RENEW), KM_OK);
		assert_int_equal(step(b, fresh ? BEGIN : RESUME), KM_OK);
	}
	assert_int_equal(step(b, SLICES), KM_OK);
	assert_int_equal(step(b, TRUNCATE), KM_OK);
	if (km_keys_older(b->keys))
		assert_int_equal(step(b, RETIRE), KM_OK);
	if (!stray)
		assert_int_equal(step(b, END), KM_OK);
}

static void erase(struct box *b, const struct km_operator *op)
{
	struct km_event_record begun = event_of(KM_EVENT_ERASE_BEGUN, op->subject);
	struct km_event_record erased = event_of(KM_EVENT_ERASED, op->subject);

	assert_int_equal(flushed(b, store_erase_begin(b->s, op->subject, &by_hand, &begun)), KM_OK);
	assert_int_equal(flushed(b, store_erase_finish(b->s, op->subject, &erased)), KM_OK);
	assert_int_equal(store_truncate_logs(b->s), KM_OK);
}

/* --- looking ----------------------------------------------------------------------------- */

static struct km_operator enrolled(struct box *b, const char *login, const char *seed)
{
	struct km_operator op = add(b, login, login);

	enrol(b, &op, seed);
	assert_int_equal(store_flush(b->s), KM_OK);
	return op;
}

static km_rc opens(struct box *b, const char *login, const char *seed)
{
	struct km_credential all[KM_MAX_CREDENTIALS];
	struct km_secret found KM_SECRET = { 0 };
	struct km_person who;
	struct km_operator op;
	size_t count = 0;
	km_rc rc = store_operator_by_login(b->s, login, &op);

	if (!rc)
		rc = store_credentials(b->s, op.subject, all, &count);
	if (!rc)
		rc = store_seed(b->s, &op, &all[0], &found);
	if (rc)
		return rc;
	assert_memory_equal(found.bytes, seed, strlen(seed));
	assert_int_equal(store_person(b->s, &op, &who), KM_OK);
	assert_string_equal(who.login, login);
	return KM_OK;
}

static struct km_epoch epoch(struct box *b)
{
	struct km_epoch e;

	assert_int_equal(store_epoch(b->s, &e), KM_OK);
	return e;
}

/* --- tests --------------------------------------------------------------------------------- */

static void test_the_living_of_every_slice_are_wrapped_under_the_new_kek(void **state)
{
	enum { MANY = 600 }; /* three slices */
	struct box *b = *state;
	struct km_audit_row row;
	char name[16];
	size_t count;

	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "user%d", i);
		if (i % 100 == 0)
			(void)enrolled(b, name, CANARY);
		else
			(void)add(b, name, name);
	}
	assert_int_equal(record(b, "still=read"), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	finish(b);
	assert_int_equal(epoch(b).generation, 2);
	assert_int_equal(epoch(b).opened, BOX_WALL);
	assert_int_equal(epoch(b).closing, 0);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM subject_key"), MANY);
	assert_int_equal(
	    sql_number(b, DB_VAULT, "SELECT count(*) FROM subject_key WHERE kek_gen = 2"), MANY);
	for (int i = 0; i < MANY; i += 100) {
		(void)snprintf(name, sizeof(name), "user%d", i);
		assert_int_equal(opens(b, name, CANARY), KM_OK);
	}
	/* So are the keys of the trail, after a restart too. */
	box_again(b);
	assert_int_equal(store_audit(b->s, MANY + MANY / 100, NULL, 1, &row, &count), KM_OK);
	assert_string_equal(row.body, "still=read");
	assert_int_equal(opens(b, "user500", CANARY), KM_OK);
}

static void test_C37_after_the_epoch_no_older_copy_opens_anything(void **state)
{
	struct box *b = *state, copy;
	struct km_operator alice = enrolled(b, "alice", CANARY);
	struct km_operator bob = enrolled(b, "bob", "another canary value");
	const struct km_operator *const both[] = { &alice, &bob };
	struct km_certificate c;
	struct km_epoch_end end;

	copy_of(b, &copy, false);
	erase(b, &alice);
	finish(b);
	assert_int_equal(store_certificate(b->s, alice.subject, &c), KM_OK);
	assert_int_equal(store_epoch_ended(b->s, c.epoch, &end), KM_OK);
	/* With the master key of today, which lies in it, and the KEKs of today. */
	copy_folder(b->kek, copy.kek);
	assert_int_equal(box_try(&copy), KM_ECORRUPT);
	assert_non_null(strstr(copy.why, "key epoch 1, which has been closed since (now 2)"));
	/* Nor when somebody makes it say that it is of today. */
	assert_int_equal(km_keys_open(copy.dir, copy.key, false, &copy.keys), KM_OK);
	for (uint32_t i = 0; i < 4; i++) {
		const struct km_operator *op = both[i / 2];
		struct km_subject_key key;

		assert_int_equal(
		    km_subject_key_unwrap(copy.keys, op->subject, 1 + i % 2, op->wrapped, &key),
		    KM_ECORRUPT);
	}
	/* The key of whom was erased, as it was wrapped, lies in no file of today. */
	assert_false(in_any_file(b, alice.wrapped, sizeof(alice.wrapped)));
	box_close(&copy);
}

static void
test_C37_an_older_copy_with_the_keys_of_today_opens_the_living_and_nobody_else(void **state)
{
	struct box *b = *state, copy;
	struct km_operator alice = enrolled(b, "alice", CANARY), op;
	struct km_person who;

	(void)enrolled(b, "bob", "another canary value");
	copy_of(b, &copy, false);
	erase(b, &alice);
	finish(b);
	put_bundle(b, &copy, true);
	assert_int_equal(box_try(&copy), KM_OK);
	assert_int_equal(opens(&copy, "bob", "another canary value"), KM_OK);
	assert_int_equal(opens(&copy, "alice", CANARY), KM_ECORRUPT);
	assert_int_equal(store_operator_by_login(copy.s, "alice", &op), KM_OK);
	assert_int_equal(store_person(copy.s, &op, &who), KM_ENOTFOUND);
	box_close(&copy);
}

/* As after a kill: the files as they are, opened by another vault, which goes on. */
static void test_a_closing_goes_on_after_a_crash_at_any_step(void **state)
{
	struct box *b = *state, at_begin, crashed;
	struct km_operator alice = enrolled(b, "alice", CANARY);

	(void)enrolled(b, "bob", "another canary value");
	copy_of(b, &at_begin, false);
	erase(b, &alice);
	for (int n = 0; n < STEPS; n++) {
		assert_int_equal(step(b, n), KM_OK);
		copy_of(b, &crashed, true);
		assert_int_equal(box_try(&crashed), KM_OK);
		assert_int_equal(opens(&crashed, "bob", "another canary value"), KM_OK);
		if (n < END)
			finish(&crashed);
		assert_int_equal(epoch(&crashed).generation, 2);
		/* Who finds the next KEK there already does not know what was under it. */
		assert_int_equal(epoch(&crashed).owed, n == RENEW ? BOX_WALL : 0);
		assert_int_equal(km_keys_older(crashed.keys), 0);
		assert_int_equal(opens(&crashed, "bob", "another canary value"), KM_OK);
		copy_folder(crashed.kek, at_begin.kek);
		assert_int_equal(box_try(&at_begin), KM_ECORRUPT);
		box_empty(at_begin.kek);
		assert_int_equal(mkdir(at_begin.kek, 0700), 0);
		box_close(&crashed);
	}
	box_close(&at_begin);
}

static void test_who_is_erased_while_an_epoch_closes_is_owed_the_next_one(void **state)
{
	struct box *b = *state;
	struct km_operator alice = enrolled(b, "alice", CANARY), bob = enrolled(b, "bob", CANARY);

	assert_int_equal(epoch(b).owed, 0);
	erase(b, &alice);
	assert_int_equal(epoch(b).owed, BOX_WALL);
	b->now.wall += 50;
	store_set_now(b->s, &b->now);
	for (int n = RENEW; n <= SLICES; n++)
		assert_int_equal(step(b, n), KM_OK);
	assert_int_equal(epoch(b).owed, 0);
	assert_int_equal(epoch(b).closing, BOX_WALL + 50);
	/* Copies of this moment hold bob's key under the new KEK. */
	b->now.wall += 50;
	store_set_now(b->s, &b->now);
	erase(b, &bob);
	finish(b);
	assert_int_equal(epoch(b).owed, BOX_WALL + 100);
	/* The first of several erasures counts. */
	b->now.wall += 50;
	store_set_now(b->s, &b->now);
	alice = enrolled(b, "carol", CANARY);
	erase(b, &alice);
	assert_int_equal(epoch(b).owed, BOX_WALL + 100);
}

static void test_who_is_registered_while_an_epoch_closes_is_under_the_new_kek(void **state)
{
	struct box *b = *state;

	(void)enrolled(b, "alice", CANARY);
	for (int n = RENEW; n <= BEGIN; n++)
		assert_int_equal(step(b, n), KM_OK);
	(void)enrolled(b, "bob", "another canary value");
	assert_int_equal(
	    sql_number(b, DB_VAULT, "SELECT count(*) FROM subject_key WHERE kek_gen = 2"), 1);
	assert_int_equal(opens(b, "alice", CANARY), KM_OK);
	assert_int_equal(opens(b, "bob", "another canary value"), KM_OK);
	finish(b);
	assert_int_equal(opens(b, "alice", CANARY), KM_OK);
	assert_int_equal(opens(b, "bob", "another canary value"), KM_OK);
}

static void test_with_a_key_that_does_not_open_nothing_is_destroyed(void **state)
{
	struct box *b = *state;

	(void)enrolled(b, "alice", CANARY);
	(void)enrolled(b, "bob", CANARY);
	assert_int_equal(store_flush(b->s), KM_OK);
	store_idle(b->s);
	sql(b, DB_VAULT, "UPDATE subject_key SET wrapped = zeroblob(48) WHERE cursor = 1");
	for (int n = RENEW; n <= BEGIN; n++)
		assert_int_equal(step(b, n), KM_OK);
	assert_int_equal(step(b, SLICES), KM_ECORRUPT);
	assert_int_equal(
	    sql_number(b, DB_VAULT, "SELECT count(*) FROM subject_key WHERE kek_gen = 1"), 1);
	assert_int_equal(opens(b, "bob", CANARY), KM_OK);
	/* It is erased: then the epoch can be closed. */
	{
		struct km_operator alice;

		assert_int_equal(store_operator_by_login(b->s, "alice", &alice), KM_OK);
		erase(b, &alice);
	}
	finish(b);
}

static void test_a_key_that_belongs_to_nobody_goes(void **state)
{
	struct box *b = *state;

	(void)enrolled(b, "alice", CANARY);
	assert_int_equal(store_flush(b->s), KM_OK);
	store_idle(b->s);
	sql(b, DB_VAULT, "INSERT INTO subject_key VALUES (77, 1, zeroblob(48))");
	finish(b);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM subject_key"), 1);
	assert_int_equal(opens(b, "alice", CANARY), KM_OK);
}

static void test_a_key_of_a_month_that_does_not_open_stops_nothing(void **state)
{
	struct box *b = *state;

	(void)enrolled(b, "alice", CANARY);
	store_idle(b->s);
	sql(b, DB_VAULT, "INSERT INTO month_key VALUES (1, 1, zeroblob(48), 1)");
	finish(b);
	assert_int_equal(
	    sql_number(b, DB_VAULT, "SELECT count(*) FROM month_key WHERE kek_gen <> 2"), 0);
}

static void test_steps_come_in_order(void **state)
{
	struct box *b = *state;

	assert_int_equal(step(b, BEGIN), KM_ESTATE);
	assert_int_equal(step(b, END), KM_ESTATE);
	assert_int_equal(step(b, RENEW), KM_OK);
	assert_int_equal(step(b, END), KM_ESTATE);
	assert_int_equal(step(b, BEGIN), KM_OK);
	assert_int_equal(step(b, BEGIN), KM_ESTATE);
	assert_int_equal(step(b, SLICES), KM_OK);
	assert_int_equal(step(b, END), KM_ESTATE);
	assert_int_equal(step(b, TRUNCATE), KM_OK);
	assert_int_equal(step(b, RETIRE), KM_OK);
	assert_int_equal(step(b, END), KM_OK);
}

static void test_who_asks_is_owed_a_closing_at_once(void **state)
{
	struct km_event_record asked = event_of(KM_EVENT_EPOCH_ASKED, NULL);
	struct box *b = *state;

	assert_int_equal(store_epoch_ask(b->s, NULL), KM_EINVAL);
	assert_int_equal(epoch(b).owed, 0);
	assert_int_equal(flushed(b, store_epoch_ask(b->s, &asked)), KM_OK);
	box_again(b);
	assert_int_equal(epoch(b).owed, KM_EPOCH_NOW);
	finish(b);
	assert_int_equal(epoch(b).owed, 0);
}

static void test_an_older_folder_of_keks_is_refused(void **state)
{
	struct box *b = *state, copy;

	(void)enrolled(b, "alice", CANARY);
	copy_of(b, &copy, true);
	finish(b);
	copy_folder(b->dir, copy.dir); /* today's databases, yesterday's KEK */
	assert_int_equal(box_try(&copy), KM_ECORRUPT);
	assert_non_null(strstr(copy.why, "kek.2 is missing"));
	box_close(&copy);
	/* In the middle of a closing too. */
	for (int n = RENEW; n <= BEGIN; n++)
		assert_int_equal(step(b, n), KM_OK);
	copy_of(b, &copy, true);
	assert_int_equal(unlink(box_path(&copy, "kek.3")), 0);
	assert_int_equal(box_try(&copy), KM_ECORRUPT);
	assert_non_null(strstr(copy.why, "kek.3 is missing"));
	box_close(&copy);
}

/* Somebody puts the old KEK back beside the new one: it is destroyed again. */
static void test_a_kek_that_is_put_back_opens_nothing_of_today(void **state)
{
	struct box *b = *state, copy;
	struct km_operator alice = enrolled(b, "alice", CANARY);

	(void)enrolled(b, "bob", CANARY);
	copy_of(b, &copy, true);
	erase(b, &alice);
	finish(b);
	copy_folder(copy.kek, b->kek);
	box_again(b);
	assert_int_equal(km_keys_older(b->keys), 1);
	assert_int_equal(opens(b, "bob", CANARY), KM_OK);
	assert_int_equal(opens(b, "alice", CANARY), KM_ENOTFOUND);
	finish(b);
	assert_false(is_there(box_path(b, "kek.1")));
	assert_int_equal(epoch(b).generation, 2);
	assert_int_equal(opens(b, "bob", CANARY), KM_OK);
	box_close(&copy);
}

static void test_a_place_of_another_length_is_none(void **state)
{
	static const uint8_t bytes[64];
	struct box *b = *state;
	struct km_epoch e;

	for (size_t len = 5; len <= sizeof(bytes); len += 59) {
		assert_int_equal(store_meta_set(b->s, "epoch", bytes, len, NULL), KM_OK);
		assert_int_equal(store_epoch(b->s, &e), KM_ECORRUPT);
	}
}

/* The last KEK but one is gone, the record of it is not there, and somebody put an old row back. */
static void test_an_older_row_under_a_new_kek_is_refused(void **state)
{
	struct box *b = *state;

	(void)enrolled(b, "alice", CANARY);
	for (int n = RENEW; n <= RETIRE; n++)
		assert_int_equal(step(b, n), KM_OK);
	store_idle(b->s);
	sql(b, DB_VAULT, "UPDATE subject_key SET kek_gen = 1");
	box_shut(b);
	assert_int_equal(box_try(b), KM_ECORRUPT);
	assert_non_null(strstr(b->why, "key epoch 1, which has been closed since (now 2)"));
}

#define EPOCH_TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EPOCH_TEST(test_the_living_of_every_slice_are_wrapped_under_the_new_kek),
		EPOCH_TEST(test_C37_after_the_epoch_no_older_copy_opens_anything),
		EPOCH_TEST(
		    test_C37_an_older_copy_with_the_keys_of_today_opens_the_living_and_nobody_else),
		EPOCH_TEST(test_a_closing_goes_on_after_a_crash_at_any_step),
		EPOCH_TEST(test_who_is_erased_while_an_epoch_closes_is_owed_the_next_one),
		EPOCH_TEST(test_who_is_registered_while_an_epoch_closes_is_under_the_new_kek),
		EPOCH_TEST(test_with_a_key_that_does_not_open_nothing_is_destroyed),
		EPOCH_TEST(test_a_key_that_belongs_to_nobody_goes),
		EPOCH_TEST(test_a_key_of_a_month_that_does_not_open_stops_nothing),
		EPOCH_TEST(test_steps_come_in_order),
		EPOCH_TEST(test_who_asks_is_owed_a_closing_at_once),
		EPOCH_TEST(test_an_older_folder_of_keks_is_refused),
		EPOCH_TEST(test_a_place_of_another_length_is_none),
		EPOCH_TEST(test_an_older_row_under_a_new_kek_is_refused),
		EPOCH_TEST(test_a_kek_that_is_put_back_opens_nothing_of_today),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
