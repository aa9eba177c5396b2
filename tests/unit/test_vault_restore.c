/*
 * A state folder from a backup and a bundle: the living are back, whoever was erased since is not,
 * no code is good a second time, and a file that was changed changes nothing.
 */
#include "copy_scene.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <kenmon/erased.h>
#include <kenmon/people.h>

#include "order.h"

static struct places {
	char copy[80], bundle[80], escrow[80], other[80], state[80], kek[80];
} at;

static uint8_t escrow_public[32];

/* --- files ------------------------------------------------------------------------------ */

static void write_file(const char *path, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	close(fd);
}

static void escrow_key(const char *path, uint8_t public[32])
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	FILE *f = fopen(path, "we");
	size_t len = 32;

	assert_non_null(key);
	assert_non_null(f);
	assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
	if (public)
		assert_int_equal(EVP_PKEY_get_raw_public_key(key, public, &len), 1);
	EVP_PKEY_free(key);
}

static int open_places(void **state)
{
	if (begin(state))
		return -1;
	snprintf(at.copy, sizeof(at.copy), "%s/copy", room.dir);
	snprintf(at.bundle, sizeof(at.bundle), "%s/bundle", room.dir);
	snprintf(at.escrow, sizeof(at.escrow), "%s/escrow.pem", room.dir);
	snprintf(at.other, sizeof(at.other), "%s/other.pem", room.dir);
	snprintf(at.state, sizeof(at.state), "%s/new", room.dir);
	snprintf(at.kek, sizeof(at.kek), "%s/new-kek", room.dir);
	escrow_key(at.escrow, escrow_public);
	room.v->conf.backup_escrow_key.set = true;
	memcpy(room.v->conf.backup_escrow_key.bytes, escrow_public, 32);
	return 0;
}

#define RESTORED(test) cmocka_unit_test_setup_teardown(test, open_places, end)

static void take(unsigned act, const char *path)
{
	free(got.bytes);
	memset(&got, 0, sizeof(got));
	assert_int_equal(fetch(act), KM_OK);
	write_file(path, got.bytes, got.len);
}

/* --- restoring --------------------------------------------------------------------------- */

static int prepare_with(const char *key, const char *escrow)
{
	const struct restore r = { at.copy, at.bundle, escrow, at.state, at.kek, key };
	struct restoring *in = NULL;
	int code = restore_prepare(&r, &in);

	if (code != 0)
		return code;
	/* As the walls' making of the folders does. */
	(void)mkdir(at.state, 0700);
	(void)mkdir(at.kek, 0700);
	code = restore_carry_out(&r, in);
	restore_end(in);
	return code;
}

static int restore_now(void)
{
	return prepare_with(NULL, at.escrow);
}

static struct restored_store {
	struct km_keys *keys;
	struct km_store *s;
	struct km_now now;
} new;

static void open_restored(void)
{
	char key[128];

	snprintf(key, sizeof(key), "%s/master.key", at.state);
	assert_int_equal(km_keys_open(at.state, key, false, &new.keys), KM_OK);
	assert_int_equal(store_open(at.state, new.keys, &new.s, NULL, 0), KM_OK);
	assert_int_equal(km_clock_read(&new.now), KM_OK);
	store_set_now(new.s, &new.now);
}

static void close_restored(void)
{
	store_close(new.s);
	km_keys_close(new.keys);
}

static bool nothing_there(void)
{
	struct stat st;

	return stat(at.state, &st) < 0 && stat(at.kek, &st) < 0;
}

/* --- who there is -------------------------------------------------------------------------- */

static struct km_operator operator_now(struct km_store *s, const char *login)
{
	struct km_operator op;

	assert_int_equal(store_operator_by_login(s, login, &op), KM_OK);
	return op;
}

static uint64_t enrol_totp(const struct km_operator *op)
{
	struct km_credential c = {
		.factor = KM_FACTOR_TOTP, .algorithm = KM_SHA1, .digits = 6, .period = 30
	};
	struct km_secret seed = { 0 };
	struct km_event_record r;
	uint64_t id;

	memcpy(c.subject, op->subject, sizeof(c.subject));
	assert_int_equal(km_secret_set(&seed, CANARY_SEED, strlen(CANARY_SEED)), KM_OK);
	event_make(&r, KM_EVENT_ENROLLED, op->subject, "test");
	assert_int_equal(store_enrol_otp(room.v->store, op, &c, &seed, &r, &id), KM_OK);
	return id;
}

static void enrol_codes(const struct km_operator *op)
{
	struct km_secret codes = { .len = KM_RECOVERY_CODES * KM_RECOVERY_LENGTH };
	struct km_event_record r;
	uint64_t id;

	memset(codes.bytes, 'B', codes.len);
	for (unsigned i = 0; i < KM_RECOVERY_CODES; i++)
		codes.bytes[i * KM_RECOVERY_LENGTH] = (uint8_t)('C' + i);
	event_make(&r, KM_EVENT_ENROLLED, op->subject, "test");
	assert_int_equal(store_enrol_recovery(room.v->store, op, &codes, false, &r, &id), KM_OK);
}

static void enrol_touch(const struct km_operator *op)
{
	static struct km_template t = { .len = 200 };
	struct km_credential c = { .factor = KM_FACTOR_FINGERPRINT, .label = "right-index" };
	struct km_event_record r;
	uint64_t id;

	memcpy(c.subject, op->subject, sizeof(c.subject));
	memset(t.bytes, 0x42, t.len);
	event_make(&r, KM_EVENT_ENROLLED, op->subject, "test");
	assert_int_equal(store_enrol_finger(room.v->store, op, &c, "reader", &t, &r, &id), KM_OK);
}

/* alice and bob with every kind of factor. */
static void furnish(void)
{
	const char *const logins[] = { "alice", "bob" };

	for (size_t i = 0; i < 2; i++) {
		struct km_operator op = add_operator(logins[i]);

		enrol_totp(&op);
		enrol_codes(&op);
		enrol_touch(&op);
	}
	assert_int_equal(store_flush(room.v->store), KM_OK);
}

static void erase(const char *login)
{
	struct km_operator op = operator_now(room.v->store, login);
	struct km_event_record r;

	event_make(&r, KM_EVENT_ERASE_BEGUN, op.subject, "test");
	assert_int_equal(store_erase_begin(room.v->store, op.subject, &by_hand, &r), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	room.v->erasing = true;
	vault_round(room.v, 0);
	assert_int_equal(store_operator_by_login(room.v->store, login, &op), KM_ENOTFOUND);
}

static void close_epoch(void)
{
	uint32_t before = km_keys_generation(room.v->keys);
	struct km_event_record r;

	event_make(&r, KM_EVENT_EPOCH_ASKED, NULL, "test");
	assert_int_equal(store_epoch_ask(room.v->store, &r), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	epoch_look(room.v);
	for (unsigned i = 0; i < 20; i++)
		vault_round(room.v, 0);
	assert_int_equal(room.v->epoch.at.generation, before + 1);
	assert_int_equal(km_keys_older(room.v->keys), 0);
}

/* --- the living ------------------------------------------------------------------------------- */

static size_t factors_of(const char *login, struct km_credential list[KM_MAX_CREDENTIALS])
{
	struct km_operator op = operator_now(new.s, login);
	size_t count;

	assert_int_equal(store_credentials(new.s, op.subject, list, &count), KM_OK);
	return count;
}

static void must_live(const char *login)
{
	struct km_operator op = operator_now(new.s, login);
	struct km_credential list[KM_MAX_CREDENTIALS];
	struct km_person who;
	struct km_secret seed = { 0 };
	static struct km_template t;

	assert_int_equal(op.state, KM_ACTIVE);
	assert_int_equal(store_person(new.s, &op, &who), KM_OK);
	assert_string_equal(who.name, CANARY_NAME);
	assert_int_equal(factors_of(login, list), 2);
	assert_int_equal(list[0].factor, KM_FACTOR_TOTP);
	assert_int_equal(store_seed(new.s, &op, &list[0], &seed), KM_OK);
	assert_memory_equal(seed.bytes, CANARY_SEED, strlen(CANARY_SEED));
	assert_int_equal(list[1].factor, KM_FACTOR_FINGERPRINT);
	assert_int_equal(store_template(new.s, &op, &list[1], &t), KM_OK);
}

static void test_the_living_are_back_with_their_name_code_and_finger(void **state)
{
	(void)state;
	furnish();
	take(KM_MSG_BACKUP, at.copy);
	take(KM_MSG_BUNDLE, at.bundle);
	assert_int_equal(restore_now(), 0);
	open_restored();
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
	close_restored();
}

/* Neither what counts nor what is good once; and of a TOTP no code that its window ever allowed. */
static void test_no_code_of_before_is_good_after_a_restore(void **state)
{
	struct km_credential list[KM_MAX_CREDENTIALS];
	size_t count;

	(void)state;
	furnish();
	take(KM_MSG_BACKUP, at.copy);
	take(KM_MSG_BUNDLE, at.bundle);
	assert_int_equal(restore_now(), 0);
	open_restored();
	count = factors_of("alice", list);
	for (size_t i = 0; i < count; i++) {
		assert_int_not_equal(list[i].factor, KM_FACTOR_HOTP);
		assert_int_not_equal(list[i].factor, KM_FACTOR_RECOVERY);
		/* Drift is ten steps at most, and the window one. */
		if (list[i].factor == KM_FACTOR_TOTP)
			assert_true((int64_t)list[i].moving >= new.now.wall / 30 + 11);
	}
	close_restored();
}

/* --- the erased ---------------------------------------------------------------------------------
 */

/* What the start after a restore does. */
static void finish_erasures(void)
{
	struct km_erasing who;
	struct km_event_record r;
	size_t count = 0;

	while (store_erasing(new.s, 0, 1, &who, &count) == KM_OK && count > 0) {
		event_make(&r, KM_EVENT_ERASED, who.subject, "vault");
		assert_int_equal(store_erase_rows(new.s, who.subject), KM_OK);
		assert_int_equal(store_erase_finish(new.s, who.subject, &r), KM_OK);
		assert_int_equal(store_flush(new.s), KM_OK);
	}
}

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

static void test_a_bundle_of_an_older_epoch_than_the_backup_is_refused(void **state)
{
	(void)state;
	furnish();
	take(KM_MSG_BUNDLE, at.bundle);
	close_epoch();
	take(KM_MSG_BACKUP, at.copy);
	assert_int_equal(restore_now(), 1);
	assert_true(nothing_there());
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
	    " accepted, requester, approver, mac) SELECT zeroblob(16), zeroblob(32), 1, 1, value, "
	    "1,"
	    " 1, 0, 0, 0, zeroblob(16), zeroblob(16), zeroblob(16) FROM json_each('[3,4]')";
	sqlite3 *db;
	sqlite3_stmt *st = NULL;

	(void)state;
	furnish();
	assert_true(store_end_reading(room.v->store));
	db = room.v->store->db[DB_VAULT].handle;
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	take(KM_MSG_BACKUP, at.copy);
	take(KM_MSG_BUNDLE, at.bundle);
	assert_int_equal(restore_now(), 0);
	open_restored();
	db = new.s->db[DB_VAULT].handle;
	assert_int_equal(sqlite3_prepare_v2(db,
					    "SELECT (SELECT count(*) FROM request), "
					    "(SELECT count(*) FROM feed), "
					    "(SELECT min(state) FROM feed)",
					    -1, &st, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(st, 0), 0);
	assert_int_equal(sqlite3_column_int(st, 1), 1); /* what is worked off is history */
	assert_int_equal(sqlite3_column_int(st, 2), 4);
	sqlite3_finalize(st);
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
	take(KM_MSG_BACKUP, at.copy);
	take(KM_MSG_BUNDLE, at.bundle);
	assert_int_equal(restore_now(), 0);
	open_restored();
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

/* --- what is refused
 * ---------------------------------------------------------------------------------- */

static uint8_t *slurp_file(const char *path, size_t *len)
{
	struct stat st;
	uint8_t *bytes;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(fstat(fd, &st), 0);
	*len = (size_t)st.st_size;
	bytes = malloc(*len);
	assert_int_equal(read(fd, bytes, *len), (ssize_t)*len);
	close(fd);
	return bytes;
}

/* Each byte of the first dense ones and then every step-th, changed; and as many cuts. */
static void must_notice(const char *path, size_t dense, size_t step)
{
	size_t len, tried = 0;
	uint8_t *bytes = slurp_file(path, &len);

	for (size_t i = 0; i < len; i += i < dense ? 1 : step) {
		bytes[i] ^= 0x20;
		write_file(path, bytes, len);
		if (restore_now() == 0 || !nothing_there())
			fail_msg("byte %zu of %s changed, and not noticed", i, path);
		bytes[i] ^= 0x20;
		if (i % 7 == 0) {
			write_file(path, bytes, i);
			if (restore_now() == 0 || !nothing_there())
				fail_msg("%s cut at %zu, and not noticed", path, i);
		}
		tried++;
	}
	assert_true(tried >= (len < dense ? len : dense));
	bytes = realloc(bytes, len + 1);
	bytes[len] = 0;
	write_file(path, bytes, len + 1);
	assert_int_equal(restore_now(), 1);
	write_file(path, bytes, len);
	free(bytes);
}

static void test_every_changed_or_missing_byte_is_noticed_and_nothing_is_made(void **state)
{
	(void)state;
	furnish();
	take(KM_MSG_BACKUP, at.copy);
	take(KM_MSG_BUNDLE, at.bundle);
	must_notice(at.bundle, 4096, 97);
	must_notice(at.copy, KM_COPY_HEADER, 4099);
	assert_int_equal(restore_now(), 0);
}

static void test_another_escrow_key_opens_nothing(void **state)
{
	(void)state;
	furnish();
	take(KM_MSG_BACKUP, at.copy);
	take(KM_MSG_BUNDLE, at.bundle);
	escrow_key(at.other, NULL);
	assert_int_equal(prepare_with(NULL, at.other), 1);
	write_file(at.other, "no key", 6);
	assert_int_equal(prepare_with(NULL, at.other), 1);
	assert_int_equal(prepare_with(NULL, "/nonexistent"), 1);
	assert_true(nothing_there());
}

static void test_a_folder_in_use_is_left_alone(void **state)
{
	char path[128];
	size_t len;
	uint8_t *bytes;

	(void)state;
	furnish();
	take(KM_MSG_BACKUP, at.copy);
	take(KM_MSG_BUNDLE, at.bundle);
	assert_int_equal(mkdir(at.kek, 0700), 0);
	snprintf(path, sizeof(path), "%s/kek.1", at.kek);
	write_file(path, "somebody's", 10);
	assert_int_equal(restore_now(), 1);
	bytes = slurp_file(path, &len);
	assert_int_equal(len, 10);
	free(bytes);
}

static void test_a_restore_that_was_not_finished_is_begun_again(void **state)
{
	char path[128];

	(void)state;
	furnish();
	take(KM_MSG_BACKUP, at.copy);
	take(KM_MSG_BUNDLE, at.bundle);
	assert_int_equal(mkdir(at.state, 0700), 0);
	assert_int_equal(mkdir(at.kek, 0700), 0);
	snprintf(path, sizeof(path), "%s/restoring", at.state);
	write_file(path, "x", 1);
	snprintf(path, sizeof(path), "%s/vault.db", at.state);
	write_file(path, "half", 4);
	snprintf(path, sizeof(path), "%s/kek.9", at.kek);
	write_file(path, "half", 4);
	assert_true(restore_unfinished(at.state));
	assert_int_equal(restore_now(), 0);
	assert_false(restore_unfinished(at.state));
	open_restored();
	must_live("alice");
	close_restored();
}

static void test_a_key_elsewhere_is_left_or_made_and_never_replaced(void **state)
{
	char folder[100], key[128];

	(void)state;
	furnish();
	take(KM_MSG_BACKUP, at.copy);
	take(KM_MSG_BUNDLE, at.bundle);
	snprintf(folder, sizeof(folder), "%s/keys", room.dir);
	snprintf(key, sizeof(key), "%s/master.key", folder);
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(prepare_with(key, at.escrow), 0);
	assert_int_equal(access(key, R_OK), 0);
	remove_all(at.state);
	remove_all(at.kek);
	assert_int_equal(prepare_with(key, at.escrow), 0);
	remove_all(at.state);
	remove_all(at.kek);
	write_file(key, "another master key of 32 bytes..", 32);
	assert_int_equal(prepare_with(key, at.escrow), 1);
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
		RESTORED(test_an_older_backup_opens_with_the_bundle_of_a_later_epoch),
		RESTORED(test_no_code_of_before_is_good_after_a_restore),
		RESTORED(test_whoever_was_erased_between_backup_and_bundle_is_gone),
		RESTORED(test_whoever_came_after_the_bundle_can_be_registered_anew),
		RESTORED(test_a_bundle_of_an_older_epoch_than_the_backup_is_refused),
		RESTORED(test_requests_and_rosters_under_way_are_dropped),
		RESTORED(test_the_trail_goes_on_under_a_new_signer_and_says_so),
		RESTORED(test_a_self_signed_signer_without_that_record_is_refused),
		RESTORED(test_every_changed_or_missing_byte_is_noticed_and_nothing_is_made),
		RESTORED(test_another_escrow_key_opens_nothing),
		RESTORED(test_a_folder_in_use_is_left_alone),
		RESTORED(test_a_restore_that_was_not_finished_is_begun_again),
		RESTORED(test_a_key_elsewhere_is_left_or_made_and_never_replaced),
		RESTORED(test_status_asks_for_a_bundle_of_each_key_epoch),
		RESTORED(test_without_an_escrow_key_there_is_no_bundle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
