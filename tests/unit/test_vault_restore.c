/*
 * A state folder from a backup and a bundle: the living are back, whoever was erased since is not,
 * no code is good a second time, and the trail says what was done.
 */
#include "../../authd/vault/store_index.h"
#include "older.h"
#include "restore_scene.h"

/* Behind the vault's back; something is changed by it. */
static void write_behind(const char *sql)
{
	sqlite3 *db = room.v->store->db[DB_VAULT].handle;

	assert_true(store_end_reading(room.v->store));
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_true(sqlite3_changes(db) > 0);
}

static void test_the_living_are_back_with_their_name_code_and_finger(void **state)
{
	(void)state;
	furnish();
	come_back();
	must_live("alice");
	must_live("bob");
	close_restored();
}

static void test_an_older_backup_opens_with_the_bundle_of_a_later_epoch(void **state)
{
	(void)state;
	furnish();
	take(KM_MSG_BACKUP, at.copy);
	close_epoch();
	close_epoch();
	take(KM_MSG_BUNDLE, at.bundle);
	assert_int_equal(restore_now(), 0);
	open_restored();
	must_live("alice");
	assert_int_equal(km_keys_generation(new.keys), 4); /* as if the bundle's, 3, had ended */
	close_restored();
}

/* Neither what counts nor what is good once; and of a TOTP no code that its window ever allowed. */
static void test_no_code_of_before_is_good_after_a_restore(void **state)
{
	struct km_credential list[KM_MAX_CREDENTIALS];
	size_t count;

	(void)state;
	furnish();
	come_back();
	count = factors_of("alice", list);
	assert_int_equal(count, 2);
	for (size_t i = 0; i < count; i++) {
		assert_int_not_equal(list[i].factor, KM_FACTOR_HOTP);
		assert_int_not_equal(list[i].factor, KM_FACTOR_RECOVERY);
		/* Drift is ten steps at most, and the window one. */
		if (list[i].factor == KM_FACTOR_TOTP)
			assert_true((int64_t)list[i].moving >= new.now.wall / 30 + 11);
	}
	close_restored();
}

static int64_t number_there(const char *sql)
{
	sqlite3_stmt *st = NULL;
	int64_t n;

	assert_int_equal(sqlite3_prepare_v2(new.s->db[DB_VAULT].handle, sql, -1, &st, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

/* Which records are about whom is noted anew. */
static void test_a_backup_of_the_version_before_comes_back(void **state)
{
	struct km_head old;

	(void)state;
	furnish();
	take(KM_MSG_BUNDLE, at.bundle);
	write_behind(OLDER_4);
	take(KM_MSG_BACKUP, at.copy);
	assert_int_equal(restore_now(), 0);
	open_restored();
	must_live("alice");
	must_live("bob");
	assert_int_equal(number_there("SELECT value = x'35' FROM meta WHERE key = 'schema'"), 1);
	assert_int_equal(store_head(new.s, &old), KM_OK);
	assert_int_equal(store_audit_unindexed(new.s), old.seq);
	assert_int_equal(number_there("SELECT count(*) FROM audit_of"), 0);
	while (store_audit_unindexed(new.s) > 0)
		assert_int_equal(store_audit_index(new.s, 3), KM_OK);
	assert_int_equal(number_there("SELECT count(*) FROM audit_of"),
			 number_there("SELECT count(*) FROM audit WHERE subject <> zeroblob(16)"));
	close_restored();
}

/* --- the erased ---------------------------------------------------------------------------------
 */

/* Its certificate says why it had to be done once more. */
static void must_be_certified(const uint8_t subject[KM_SUBJECT_BYTES])
{
	struct km_certificate c;
	struct km_epoch_end end_of;

	assert_int_equal(store_certificate(new.s, subject, &c), KM_OK);
	assert_int_equal(c.order.cause, KM_CAUSE_RESTORED);
	assert_true(c.finished > 0);
	/* The epoch of the bundle is over here, and its bundles are still the site's to destroy. */
	assert_int_equal(store_epoch_ended(new.s, 1, &end_of), KM_OK);
	assert_false(end_of.bundles);
}

static void test_whoever_was_erased_between_backup_and_bundle_is_gone(void **state)
{
	struct km_credential list[KM_MAX_CREDENTIALS];
	struct km_operator op, bob;
	struct km_person who = { .login = "bobby", .employee_number = "N-bob" };
	struct km_secret seed = { 0 };
	struct km_event_record r;
	static struct km_template t;
	size_t count;

	(void)state;
	furnish();
	take(KM_MSG_BACKUP, at.copy);
	erase("bob");
	take(KM_MSG_BUNDLE, at.bundle);
	assert_int_equal(restore_now(), 0);
	open_restored();
	must_live("alice");
	/* Before anybody is served: no key, so nothing opens. */
	bob = operator_now(new.s, "bob");
	assert_int_equal(bob.state, KM_ERASING);
	assert_int_equal(store_person(new.s, &bob, &who), KM_ENOTFOUND);
	assert_int_equal(store_credentials(new.s, bob.subject, list, &count), KM_OK);
	assert_int_equal(count, 4);
	for (size_t i = 0; i < count; i++) {
		assert_int_not_equal(store_seed(new.s, &bob, &list[i], &seed), KM_OK);
		assert_int_not_equal(store_template(new.s, &bob, &list[i], &t), KM_OK);
	}
	finish_erasures();
	assert_int_equal(store_operator_by_login(new.s, "bob", &op), KM_ENOTFOUND);
	must_be_certified(bob.subject);
	/* The tombstone: the number is never given again. */
	event_make(&r, KM_EVENT_OPERATOR_ADDED, NULL, "test");
	snprintf(who.login, sizeof(who.login), "bobby");
	snprintf(who.employee_number, sizeof(who.employee_number), "N-bob");
	op = (struct km_operator){ .uid = -1,
				   .valid_from = KM_DAY_NONE,
				   .valid_until = KM_DAY_NONE };
	assert_int_equal(store_operator_add(new.s, &op, &who, &r, &bob), KM_EREUSED);
	close_restored();
}

static struct km_operator bob_is_due(enum km_cause cause, uint64_t feed)
{
	struct km_due_row row = {
		.what = KM_DUE_ERASE, .cause = (uint8_t)cause, .feed = feed, .day = 40000
	};
	struct km_operator bob;

	furnish();
	bob = operator_now(room.v->store, "bob");
	memcpy(row.subject, bob.subject, sizeof(row.subject));
	assert_int_equal(due_put(room.v, &row, NULL), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	return bob;
}

static void bob_is_erased_after_the_copy(void)
{
	take(KM_MSG_BACKUP, at.copy);
	erase("bob");
	take(KM_MSG_BUNDLE, at.bundle);
	assert_int_equal(restore_now(), 0);
	open_restored();
	finish_erasures();
}

static void test_a_cause_that_somebody_wrote_into_a_copy_is_on_no_certificate(void **state)
{
	struct km_operator bob = bob_is_due(KM_CAUSE_RETIRED, 1);

	(void)state;
	write_behind("UPDATE due SET cause = cause + 1");
	bob_is_erased_after_the_copy();
	must_be_certified(bob.subject);
	close_restored();
}

static void test_a_transfer_by_hand_is_one_in_a_copy_too(void **state)
{
	struct km_operator bob = bob_is_due(KM_CAUSE_TRANSFERRED, 0);
	struct km_certificate c;

	(void)state;
	bob_is_erased_after_the_copy();
	assert_int_equal(store_certificate(new.s, bob.subject, &c), KM_OK);
	assert_int_equal(c.order.cause, KM_CAUSE_TRANSFERRED);
	assert_true(c.order.by_hand);
	close_restored();
}

static void test_whoever_came_after_the_bundle_can_be_registered_anew(void **state)
{
	struct km_operator op = { .uid = -1,
				  .valid_from = KM_DAY_NONE,
				  .valid_until = KM_DAY_NONE };
	struct km_person who = { .login = "late", .employee_number = "N-late" };
	struct km_event_record r;

	(void)state;
	furnish();
	take(KM_MSG_BUNDLE, at.bundle);
	add_operator("late");
	take(KM_MSG_BACKUP, at.copy);
	assert_int_equal(restore_now(), 0);
	open_restored();
	must_live("alice");
	assert_int_equal(store_operator_by_login(new.s, "late", &(struct km_operator){ 0 }),
			 KM_ENOTFOUND);
	event_make(&r, KM_EVENT_OPERATOR_ADDED, NULL, "test");
	assert_int_equal(store_operator_add(new.s, &op, &who, &r, &op), KM_OK);
	close_restored();
}

/* --- fingers ------------------------------------------------------------------------------------
 */

static void only_the_code_of(const char *login)
{
	struct km_credential list[KM_MAX_CREDENTIALS];

	assert_int_equal(factors_of(login, list), 1);
	assert_int_equal(list[0].factor, KM_FACTOR_TOTP);
}

static void count_must_be(int64_t wanted, const char *sql)
{
	sqlite3_stmt *st = NULL;

	assert_int_equal(sqlite3_prepare_v2(new.s->db[DB_VAULT].handle, sql, -1, &st, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int64(st, 0), wanted);
	sqlite3_finalize(st);
}

static void remove_finger_of(const char *login)
{
	struct km_operator op = operator_now(room.v->store, login);
	struct km_credential list[KM_MAX_CREDENTIALS];
	struct km_event_record r;
	size_t count;

	assert_int_equal(store_credentials(room.v->store, op.subject, list, &count), KM_OK);
	for (size_t i = 0; i < count; i++) {
		if (list[i].factor != KM_FACTOR_FINGERPRINT)
			continue;
		event_make(&r, KM_EVENT_CREDENTIAL_REMOVED, op.subject, "test");
		assert_int_equal(store_credential_remove(room.v->store, op.subject, list[i].id, &r),
				 KM_OK);
	}
	assert_int_equal(store_flush(room.v->store), KM_OK);
}

static void test_a_finger_that_was_removed_since_the_backup_does_not_come_back(void **state)
{
	(void)state;
	furnish();
	take(KM_MSG_BACKUP, at.copy);
	remove_finger_of("bob");
	take(KM_MSG_BUNDLE, at.bundle);
	assert_int_equal(restore_now(), 0);
	open_restored();
	must_live("alice");
	only_the_code_of("bob");
	count_must_be(1, "SELECT count(*) FROM template");
	count_must_be(1, "SELECT count(*) FROM finger_key WHERE kek_gen = "
			 "(SELECT max(generation) FROM signer)");
	close_restored();
}

static void test_a_finger_from_after_the_bundle_is_enrolled_anew(void **state)
{
	struct km_operator op;

	(void)state;
	op = add_operator("alice");
	enrol_totp(&op);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	take(KM_MSG_BUNDLE, at.bundle);
	enrol_touch(&op);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	take(KM_MSG_BACKUP, at.copy);
	assert_int_equal(restore_now(), 0);
	open_restored();
	only_the_code_of("alice");
	count_must_be(0, "SELECT count(*) FROM template");
	close_restored();
}

/* Its template opens no more, whatever becomes of it. */
static void test_a_finger_whose_bundled_key_does_not_open_is_enrolled_anew(void **state)
{
	(void)state;
	furnish();
	write_behind("UPDATE finger_key SET wrapped = zeroblob(48) WHERE "
		     "credential = (SELECT max(credential) FROM finger_key)");
	come_back();
	must_live("alice");
	only_the_code_of("bob");
	close_restored();
}

/* What is not as we wrote it is there to be looked at; it opens nothing. */
static void test_a_damaged_template_is_left_as_it_is(void **state)
{
	struct km_credential list[KM_MAX_CREDENTIALS];
	static struct km_template t;
	struct km_operator bob;

	(void)state;
	furnish();
	write_behind("UPDATE template SET reader = 'another' WHERE "
		     "credential = (SELECT max(credential) FROM template)");
	come_back();
	must_live("alice");
	bob = operator_now(new.s, "bob");
	assert_int_equal(factors_of("bob", list), 2);
	assert_int_equal(store_template(new.s, &bob, &list[1], &t), KM_ECORRUPT);
	close_restored();
}

static struct km_due_row due_after(const char *login)
{
	struct km_operator op = operator_now(new.s, login);
	struct km_due_row due = { .id = 0 };

	assert_int_equal(store_due_of(new.s, op.subject, KM_DUE_ERASE, &due), KM_OK);
	return due;
}

static void test_nobody_is_erased_for_having_been_missing_when_the_copy_was_made(void **state)
{
	static const struct {
		const char *login;
		enum km_cause cause;
	} each[] = { { "alice", KM_CAUSE_MISSING }, { "bob", KM_CAUSE_RETIRED } };
	int64_t day = room.v->now.today;

	(void)state;
	furnish();
	for (size_t i = 0; i < 2; i++) {
		struct km_operator op = operator_now(room.v->store, each[i].login);
		struct km_due_row row = { .what = KM_DUE_ERASE,
					  .cause = (uint8_t)each[i].cause,
					  .feed = 1,
					  .day = day - 1,
					  .released = true };

		memcpy(row.subject, op.subject, sizeof(row.subject));
		assert_int_equal(due_put(room.v, &row, NULL), KM_OK);
	}
	room.v->due.look_ms = INT64_MAX; /* nothing is carried out meanwhile */
	assert_int_equal(store_flush(room.v->store), KM_OK);
	come_back();
	assert_int_equal(due_after("alice").day, new.now.today + 7);
	assert_false(due_after("alice").released);
	assert_int_equal(due_after("bob").day, day - 1);
	assert_true(due_after("bob").released);
	close_restored();
}

/* --- what was under way --------------------------------------------------------------------------
 */

static void test_requests_and_rosters_under_way_are_dropped(void **state)
{
	static const char sql[] =
	    "INSERT INTO request (ref, act, subject, requester, filed, expires, digest, mac, "
	    "sealed)"
	    " VALUES (zeroblob(16), 49, zeroblob(16), zeroblob(16), 1, 2, zeroblob(32),"
	    " zeroblob(16), x'00');"
	    "INSERT INTO feed (ref, digest, made, whole, state, lines, upto, worked, erasures,"
	    " accepted, released, requester, approver, mac) SELECT zeroblob(16), zeroblob(32), 1,"
	    " 1, value, 1, 1, 0, 0, 0, 0, zeroblob(16), zeroblob(16), zeroblob(16)"
	    " FROM json_each('[3,4]')";

	(void)state;
	furnish();
	write_behind(sql);
	come_back();
	count_must_be(0, "SELECT count(*) FROM request");
	count_must_be(1, "SELECT count(*) FROM feed"); /* what is worked off is history */
	count_must_be(4, "SELECT min(state) FROM feed");
	close_restored();
}

/* --- the trail
 * ------------------------------------------------------------------------------------- */

static void verify_trail(struct km_verify *v)
{
	*v = (struct km_verify){ 0 };
	while (!v->finished)
		assert_int_equal(store_audit_verify(new.s, v, 1000), KM_OK);
}

static void test_the_trail_goes_on_under_a_new_signer_and_says_so(void **state)
{
	struct km_verify v;
	struct km_head old;

	(void)state;
	furnish();
	assert_int_equal(store_seal(room.v->store), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	come_back();
	verify_trail(&v);
	assert_int_equal(v.bad, 0);
	assert_true(v.restored > 0);
	assert_int_equal(store_head(new.s, &old), KM_OK);
	assert_true(old.seq >= v.restored);
	assert_int_equal(v.checked, km_keys_generation(new.keys));
	close_restored();
}

/* The same signer, with another record behind its place, would be anybody's. */
static void test_a_self_signed_signer_without_that_record_is_refused(void **state)
{
	char path[128], sql[128];
	sqlite3 *db = NULL;
	struct km_verify v;

	(void)state;
	furnish();
	take(KM_MSG_BACKUP, at.copy);
	take(KM_MSG_BUNDLE, at.bundle);
	assert_int_equal(restore_now(), 0);
	/* It takes over one record later than it did; the record before it is RESTORED. */
	snprintf(path, sizeof(path), "%s/vault.db", at.state);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	snprintf(sql, sizeof(sql),
		 "UPDATE signer SET since_seq = since_seq + 1 WHERE generation > 1");
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	open_restored();
	verify_trail(&v);
	assert_true(v.bad > 0);
	close_restored();
}

/* --- the state of a site
 * ------------------------------------------------------------------------------- */

static void test_status_asks_for_a_bundle_of_each_key_epoch(void **state)
{
	struct bundle_made last;

	(void)state;
	furnish();
	assert_int_equal(bundle_last(room.v, &last), KM_OK);
	assert_int_equal(last.generation, 0);
	take(KM_MSG_BUNDLE, at.bundle);
	assert_int_equal(bundle_last(room.v, &last), KM_OK);
	assert_int_equal(last.generation, 1);
	close_epoch();
	assert_int_equal(bundle_last(room.v, &last), KM_OK);
	assert_int_not_equal(last.generation, room.v->epoch.at.generation);
}

/* One row under another KEK, as between two slices of a rotation: it would open with nothing. */
static void test_a_bundle_is_of_one_key_epoch_or_not_made(void **state)
{
	static const char *const tables[] = { "subject_key", "month_key", "finger_key" };
	char other[80], back[80];
	struct km_bundle header;
	uint8_t *bytes = NULL;
	size_t len = 0;

	(void)state;
	furnish();
	for (size_t i = 0; i < 3; i++) {
		snprintf(other, sizeof(other), "UPDATE %s SET kek_gen = 2", tables[i]);
		snprintf(back, sizeof(back), "UPDATE %s SET kek_gen = 1", tables[i]);
		write_behind(other);
		assert_int_equal(bundle_make(room.v, &header, &bytes, &len), KM_EAGAIN);
		write_behind(back);
	}
	assert_int_equal(bundle_make(room.v, &header, &bytes, &len), KM_OK);
	assert_int_equal(header.generation, 1);
	free(bytes);
}

static void test_without_an_escrow_key_there_is_no_bundle(void **state)
{
	(void)state;
	room.v->conf.backup_escrow_key.set = false;
	assert_int_equal(fetch(KM_MSG_BUNDLE), KM_EINVAL);
	assert_int_equal(got.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RESTORED(test_the_living_are_back_with_their_name_code_and_finger),
		RESTORED(test_a_backup_of_the_version_before_comes_back),
		RESTORED(test_an_older_backup_opens_with_the_bundle_of_a_later_epoch),
		RESTORED(test_no_code_of_before_is_good_after_a_restore),
		RESTORED(test_whoever_was_erased_between_backup_and_bundle_is_gone),
		RESTORED(test_a_transfer_by_hand_is_one_in_a_copy_too),
		RESTORED(test_a_cause_that_somebody_wrote_into_a_copy_is_on_no_certificate),
		RESTORED(test_whoever_came_after_the_bundle_can_be_registered_anew),
		RESTORED(test_a_finger_that_was_removed_since_the_backup_does_not_come_back),
		RESTORED(test_a_finger_from_after_the_bundle_is_enrolled_anew),
		RESTORED(test_a_finger_whose_bundled_key_does_not_open_is_enrolled_anew),
		RESTORED(test_a_damaged_template_is_left_as_it_is),
		RESTORED(test_nobody_is_erased_for_having_been_missing_when_the_copy_was_made),
		RESTORED(test_requests_and_rosters_under_way_are_dropped),
		RESTORED(test_the_trail_goes_on_under_a_new_signer_and_says_so),
		RESTORED(test_a_self_signed_signer_without_that_record_is_refused),
		RESTORED(test_status_asks_for_a_bundle_of_each_key_epoch),
		RESTORED(test_a_bundle_is_of_one_key_epoch_or_not_made),
		RESTORED(test_without_an_escrow_key_there_is_no_bundle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
