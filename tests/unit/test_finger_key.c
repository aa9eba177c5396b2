/*
 * A finger's own key: it ends with the finger, while its subject's lives on, and so the template
 * opens in no older copy either once the key epoch is closed.
 */
#include "../../authd/vault/store_consent.h"
#include "older_copy.h"
#include "order.h"
#include "thief.h"

#include <openssl/hmac.h>

#include <kenmon/finger.h>

#define MARK "ridges-of-a-finger"
#define SEED "seed of a code"

static struct km_operator now_of(struct box *b, const char *login)
{
	struct km_operator op;

	assert_int_equal(store_operator_by_login(b->s, login, &op), KM_OK);
	return op;
}

static km_rc opens(struct box *b, const char *login, uint64_t id)
{
	const struct km_template was = template_of(MARK, 1500);
	struct km_operator op = now_of(b, login);
	struct km_credential c = credential_of(b, &op, id);
	struct km_template t;
	km_rc rc = store_template(b->s, &op, &c, &t);

	if (rc)
		return rc;
	assert_int_equal(t.len, was.len);
	assert_memory_equal(t.bytes, was.bytes, was.len);
	return KM_OK;
}

static km_rc code_opens(struct box *b, const char *login, uint64_t id)
{
	struct km_operator op = now_of(b, login);
	struct km_credential c = credential_of(b, &op, id);
	struct km_secret seed KM_SECRET = { 0 };

	return store_seed(b->s, &op, &c, &seed);
}

static void remove_it(struct box *b, const char *login, uint64_t id)
{
	struct km_operator op = now_of(b, login);
	struct km_event_record e = event_of(KM_EVENT_CREDENTIAL_REMOVED, op.subject);

	assert_int_equal(store_credential_remove(b->s, op.subject, id, &e), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(store_truncate_logs(b->s), KM_OK);
}

static void withdraw(struct box *b, const char *login)
{
	struct km_operator op = now_of(b, login);
	struct km_event_record e = event_of(KM_EVENT_CONSENT_WITHDRAWN, op.subject);
	unsigned fingers = 0;

	assert_int_equal(store_consent_withdraw(b->s, op.subject, &e, &fingers), KM_OK);
	assert_int_equal(fingers, 1);
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(store_truncate_logs(b->s), KM_OK);
}

static int64_t owed(struct box *b)
{
	struct km_epoch e;

	assert_int_equal(store_epoch(b->s, &e), KM_OK);
	return e.owed;
}

static int64_t keys(struct box *b)
{
	return sql_number(b, DB_VAULT, "SELECT count(*) FROM finger_key");
}

static void wrapped_of(struct box *b, uint64_t id, uint8_t out[KM_WRAPPED_BYTES])
{
	sqlite3_stmt *st = NULL;

	assert_int_equal(sqlite3_prepare_v2(b->s->db[DB_VAULT].handle,
					    "SELECT wrapped FROM finger_key WHERE credential = ?1",
					    -1, &st, NULL),
			 SQLITE_OK);
	sqlite3_bind_int64(st, 1, (int64_t)id);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	memcpy(out, sqlite3_column_blob(st, 0), KM_WRAPPED_BYTES);
	sqlite3_finalize(st);
}

/* Written behind the store's back, and there when it looks again. */
static void change(struct box *b, const char *text)
{
	assert_int_equal(store_flush(b->s), KM_OK);
	store_idle(b->s);
	sql(b, DB_VAULT, text);
}

/* --- older copies ----------------------------------------------------------------------- */

struct enrolled {
	uint64_t code, finger;
};

static struct enrolled alice_with_code_and_finger(struct box *b)
{
	struct km_operator op = add(b, "alice", "1");
	struct enrolled e = { .code = enrol(b, &op, SEED) };

	e.finger = enrol_finger(b, &op, "right-index", MARK);
	assert_int_equal(store_flush(b->s), KM_OK);
	return e;
}

/* The databases from before, and beside them every key that there is today. */
static void no_older_copy_opens_it(struct box *b, const struct box *before, struct enrolled e)
{
	for (int fingers = 0; fingers < 2; fingers++) {
		struct box copy;

		copy_of(before, &copy, false);
		put_bundle(b, &copy, fingers);
		assert_int_equal(box_try(&copy), KM_OK);
		assert_int_equal(code_opens(&copy, "alice", e.code), KM_OK);
		assert_int_equal(opens(&copy, "alice", e.finger), KM_ECORRUPT);
		box_close(&copy);
	}
}

/* As long as its KEK is there, it does: what closes the epoch is what ends it. */
static void it_opens_until_then(struct box *b, const struct box *before, struct enrolled e)
{
	struct box copy;

	copy_of(before, &copy, false);
	put_bundle(b, &copy, false);
	assert_int_equal(box_try(&copy), KM_OK);
	assert_int_equal(opens(&copy, "alice", e.finger), KM_OK);
	box_close(&copy);
}

static void test_a_withdrawn_template_opens_in_no_older_copy_once_the_epoch_is_closed(void **state)
{
	struct box *b = *state, before;
	struct enrolled e = alice_with_code_and_finger(b);

	copy_of(b, &before, false);
	withdraw(b, "alice");
	assert_int_equal(owed(b), BOX_WALL);
	it_opens_until_then(b, &before, e);
	next_epoch(b);
	no_older_copy_opens_it(b, &before, e);
	assert_int_equal(code_opens(b, "alice", e.code), KM_OK);
	box_close(&before);
}

static void test_a_removed_finger_opens_in_no_older_copy_once_the_epoch_is_closed(void **state)
{
	struct box *b = *state, before;
	struct enrolled e = alice_with_code_and_finger(b);
	struct km_operator op = now_of(b, "alice");
	uint64_t other = enrol_finger(b, &op, "left-index", MARK);

	assert_int_equal(store_flush(b->s), KM_OK);
	copy_of(b, &before, false);
	remove_it(b, "alice", e.finger);
	assert_int_equal(owed(b), BOX_WALL);
	it_opens_until_then(b, &before, e);
	next_epoch(b);
	no_older_copy_opens_it(b, &before, e);
	assert_int_equal(opens(b, "alice", other), KM_OK);
	box_close(&before);
}

static void test_what_is_no_finger_owes_no_epoch_when_it_is_removed(void **state)
{
	struct box *b = *state;
	struct enrolled e = alice_with_code_and_finger(b);

	remove_it(b, "alice", e.code);
	assert_int_equal(owed(b), 0);
	assert_int_equal(opens(b, "alice", e.finger), KM_OK);
}

static void test_the_key_of_a_finger_that_is_gone_lies_in_no_file(void **state)
{
	struct box *b = *state;
	struct enrolled e = alice_with_code_and_finger(b);
	uint8_t wrapped[KM_WRAPPED_BYTES];

	wrapped_of(b, e.finger, wrapped);
	assert_true(in_any_file(b, wrapped, sizeof(wrapped)));
	remove_it(b, "alice", e.finger);
	assert_int_equal(keys(b), 0);
	assert_false(in_any_file(b, wrapped, sizeof(wrapped)));
}

static void test_who_is_erased_leaves_no_key_of_a_finger(void **state)
{
	struct box *b = *state;
	struct enrolled e = alice_with_code_and_finger(b);
	struct km_operator bob = add(b, "bob", "2"), alice = now_of(b, "alice");
	struct km_event_record r = event_of(KM_EVENT_ERASE_BEGUN, alice.subject);
	uint64_t other = enrol_finger(b, &bob, "right-index", MARK);
	uint8_t wrapped[KM_WRAPPED_BYTES];

	assert_int_equal(store_flush(b->s), KM_OK);
	wrapped_of(b, e.finger, wrapped);
	assert_int_equal(store_erase_begin(b->s, alice.subject, &by_hand, &r), KM_OK);
	assert_int_equal(store_erase_rows(b->s, alice.subject), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(store_truncate_logs(b->s), KM_OK);
	assert_int_equal(keys(b), 1);
	assert_false(in_any_file(b, wrapped, sizeof(wrapped)));
	assert_int_equal(opens(b, "bob", other), KM_OK);
}

/* --- the right key in the right place ------------------------------------------------------ */

static void test_a_template_opens_with_its_own_key_and_no_other(void **state)
{
	static const char *const wrong[] = {
		("UPDATE finger_key SET wrapped = (SELECT wrapped FROM finger_key z "
		 "WHERE z.credential <> finger_key.credential)"),
		"UPDATE finger_key SET wrapped = (SELECT wrapped FROM subject_key)",
		"UPDATE finger_key SET kek_gen = 7",
		"UPDATE finger_key SET kek_gen = -1",
		"UPDATE finger_key SET wrapped = zeroblob(48)",
		"DELETE FROM finger_key",
	};
	struct box *b = *state;
	struct enrolled e = alice_with_code_and_finger(b);
	struct km_operator op = now_of(b, "alice");

	(void)enrol_finger(b, &op, "left-index", MARK);
	assert_int_equal(store_flush(b->s), KM_OK);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_int_equal(opens(b, "alice", e.finger), KM_OK);
		store_idle(b->s);
		assert_int_equal(store_batch(b->s, DB_VAULT), KM_OK);
		sql(b, DB_VAULT, wrong[i]);
		assert_int_equal(opens(b, "alice", e.finger), KM_ECORRUPT);
		store_undo(b->s);
	}
	assert_int_equal(opens(b, "alice", e.finger), KM_OK);
}

/* Computed here once more: without either of the two there is nothing to compute it from. */
static void test_a_template_is_sealed_under_its_subjects_key_and_its_own_together(void **state)
{
	static const char label[] = "kenmon template 1";
	struct box *b = *state;
	struct enrolled e = alice_with_code_and_finger(b);
	struct km_operator op = now_of(b, "alice");
	struct km_subject_key subject, finger, both = { 0 }, zeros = { 0 };
	const struct {
		const struct km_subject_key *of, *with;
		km_rc rc;
	} tries[] = {
		{ &subject, &finger, KM_OK },        { &finger, &subject, KM_ECORRUPT },
		{ &subject, &zeros, KM_ECORRUPT },   { &zeros, &finger, KM_ECORRUPT },
		{ &subject, &subject, KM_ECORRUPT }, { &subject, NULL, KM_ECORRUPT },
		{ &finger, NULL, KM_ECORRUPT },
	};
	const struct km_aad aad = { .table = "template",
				    .id = e.finger,
				    .subject = op.subject,
				    .kind = KM_FACTOR_FINGERPRINT,
				    .version = 2 };
	uint8_t wrapped[KM_WRAPPED_BYTES], message[sizeof(label) + KM_KEY_BYTES], plain[2000];
	uint8_t sealed[1500 + KM_SEAL_OVERHEAD];
	sqlite3_stmt *st = NULL;
	size_t len = 0;

	wrapped_of(b, e.finger, wrapped);
	assert_int_equal(km_finger_key_unwrap(b->keys, e.finger, 1, wrapped, &finger), KM_OK);
	assert_int_equal(km_subject_key_unwrap(b->keys, op.subject, 1, op.wrapped, &subject),
			 KM_OK);
	assert_int_equal(sqlite3_prepare_v2(b->s->db[DB_VAULT].handle,
					    "SELECT sealed FROM template", -1, &st, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_int_equal(sqlite3_column_bytes(st, 0), sizeof(sealed));
	memcpy(sealed, sqlite3_column_blob(st, 0), sizeof(sealed));
	sqlite3_finalize(st);
	for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
		both = *tries[i].of;
		memcpy(message, label, sizeof(label));
		if (tries[i].with) {
			memcpy(message + sizeof(label), tries[i].with->bytes, KM_KEY_BYTES);
			assert_non_null(HMAC(EVP_sha256(), tries[i].of->bytes, KM_KEY_BYTES,
					     message, sizeof(message), both.bytes, NULL));
		}
		assert_int_equal(km_unseal(b->keys, &both, &aad, sealed, sizeof(sealed), plain,
					   sizeof(plain), &len),
				 tries[i].rc);
	}
}

static void test_a_number_that_has_a_key_already_is_damage(void **state)
{
	struct box *b = *state;
	struct enrolled e = alice_with_code_and_finger(b);
	struct km_operator op = now_of(b, "alice");
	const struct km_template t = template_of(MARK, 1500);
	uint64_t id = 99;

	change(b, "INSERT INTO finger_key SELECT credential + 1, kek_gen, wrapped FROM finger_key");
	assert_int_equal(try_finger(b, &op, "left-index", &t, &id), KM_ECORRUPT);
	assert_int_equal(id, 99);
	assert_int_equal(opens(b, "alice", e.finger), KM_OK);
}

/* --- the end of an epoch --------------------------------------------------------------------- */

static unsigned slices_of_a_closing(struct box *b)
{
	struct km_event_record closing = event_of(KM_EVENT_EPOCH_CLOSING, NULL);
	struct km_rewrap at = { 0 };
	unsigned slices = 0;

	assert_int_equal(km_keys_renew(b->keys), KM_OK);
	assert_int_equal(store_epoch_begin(b->s, &closing), KM_OK);
	for (; !at.finished; slices++) {
		uint64_t before = at.done;

		assert_int_equal(store_epoch_slice(b->s, &at), KM_OK);
		assert_in_range(at.done - before, 0, 256);
		assert_int_equal(store_flush(b->s), KM_OK);
	}
	assert_int_equal(at.damaged, 0);
	assert_int_equal(at.done, sql_number(b, DB_VAULT,
					     "SELECT (SELECT count(*) FROM subject_key) + "
					     "(SELECT count(*) FROM finger_key)"));
	return slices;
}

static void test_fingers_of_every_slice_are_wrapped_under_the_new_kek(void **state)
{
	/* Some with ten fingers, some with none: 256 keys are one slice to the last place. */
	static const struct {
		unsigned with, without, slices;
	} shapes[] = { { 6, 189, 1 }, { 6, 190, 2 }, { 6, 250, 2 }, { 60, 5, 3 } };
	struct box *b = *state;
	const struct km_template t = template_of(MARK, 1500);
	uint64_t id = 0;
	char login[16];

	for (size_t n = 0; n < sizeof(shapes) / sizeof(*shapes); n++) {
		for (unsigned i = 0; i < shapes[n].with + shapes[n].without; i++) {
			struct km_operator op;

			(void)snprintf(login, sizeof(login), "user%u", i);
			op = add(b, login, login);
			for (unsigned f = 1; i < shapes[n].with && f <= 10; f++)
				assert_int_equal(try_finger(b, &op, km_finger_word(f), &t, &id),
						 KM_OK);
		}
		assert_int_equal(store_flush(b->s), KM_OK);
		assert_int_equal(slices_of_a_closing(b), shapes[n].slices);
		assert_int_equal(
		    sql_number(b, DB_VAULT, "SELECT count(*) FROM finger_key WHERE kek_gen = 2"),
		    10 * shapes[n].with);
		(void)snprintf(login, sizeof(login), "user%u", shapes[n].with - 1);
		assert_int_equal(opens(b, login, id), KM_OK);
		assert_int_equal(km_keys_retire(b->keys), KM_OK);
		assert_int_equal(opens(b, login, id), KM_OK);
		box_close(b);
		box_open(b);
	}
}

static void test_with_a_fingers_key_that_does_not_open_nothing_is_destroyed(void **state)
{
	struct box *b = *state;
	struct enrolled e = alice_with_code_and_finger(b);
	struct km_event_record closing = event_of(KM_EVENT_EPOCH_CLOSING, NULL);
	struct km_rewrap at = { 0 };

	change(b, "UPDATE finger_key SET wrapped = zeroblob(48)");
	assert_int_equal(km_keys_renew(b->keys), KM_OK);
	assert_int_equal(store_epoch_begin(b->s, &closing), KM_OK);
	assert_int_equal(store_epoch_slice(b->s, &at), KM_OK);
	assert_int_equal(at.damaged, 1);
	assert_int_equal(
	    sql_number(b, DB_VAULT, "SELECT count(*) FROM finger_key WHERE kek_gen = 1"), 1);
	/* Once it is removed the epoch can be closed. */
	remove_it(b, "alice", e.finger);
	at = (struct km_rewrap){ 0 };
	assert_int_equal(store_epoch_slice(b->s, &at), KM_OK);
	assert_int_equal(at.damaged, 0);
	assert_true(at.finished);
}

static void test_a_key_that_no_template_has_goes(void **state)
{
	struct box *b = *state;
	struct enrolled e = alice_with_code_and_finger(b);

	change(b, "INSERT INTO finger_key VALUES (77, 1, zeroblob(48))");
	next_epoch(b);
	assert_int_equal(keys(b), 1);
	assert_int_equal(opens(b, "alice", e.finger), KM_OK);
}

static void test_an_older_key_of_a_finger_under_a_new_kek_is_refused(void **state)
{
	struct box *b = *state;

	(void)alice_with_code_and_finger(b);
	(void)slices_of_a_closing(b);
	assert_int_equal(store_truncate_logs(b->s), KM_OK);
	assert_int_equal(km_keys_retire(b->keys), KM_OK);
	box_again(b); /* a crash before it was said: it starts */
	change(b, "UPDATE finger_key SET kek_gen = 1");
	box_shut(b);
	assert_int_equal(box_try(b), KM_ECORRUPT);
	assert_non_null(strstr(b->why, "key epoch 1, which has been closed since (now 2)"));
}

/* --- those from before -------------------------------------------------------------------------
 */

/* As version 2 of vault.db had it: sealed under the subject's key alone. */
static void make_older_template(struct box *b, uint64_t id)
{
	const struct km_template t = template_of(MARK, 1500);
	struct km_operator op = now_of(b, "alice");
	struct stored_template row = { .credential = id, .reader = BOX_READER, .version = 1 };
	const struct km_aad aad = { .table = "template",
				    .id = id,
				    .subject = op.subject,
				    .kind = KM_FACTOR_FINGERPRINT,
				    .version = 1 };
	uint8_t sealed[2000], mac[KM_ROW_MAC_BYTES];
	struct km_subject_key key KM_SUBJECT_KEY = { 0 };
	size_t len = 0;

	memcpy(row.subject, op.subject, sizeof(row.subject));
	assert_int_equal(
	    km_subject_key_unwrap(b->keys, op.subject, op.kek_generation, op.wrapped, &key), KM_OK);
	assert_int_equal(km_seal(b->keys, &key, &aad, t.bytes, t.len, sealed, sizeof(sealed), &len),
			 KM_OK);
	assert_int_equal(row_mac_template(b->s, &row, mac), KM_OK);
	change(b, "DELETE FROM finger_key; UPDATE template SET ver = 1");
	put_blob(b, "UPDATE template SET sealed = ?1 WHERE credential = ?2", sealed, len,
		 (int64_t)id);
	put_blob(b, "UPDATE template SET mac = ?1 WHERE credential = ?2", mac, sizeof(mac),
		 (int64_t)id);
}

static void test_a_template_from_before_opens_and_is_removed_as_ever(void **state)
{
	struct box *b = *state;
	struct enrolled e = alice_with_code_and_finger(b);
	struct km_operator op;

	make_older_template(b, e.finger);
	assert_int_equal(opens(b, "alice", e.finger), KM_OK);
	next_epoch(b);
	assert_int_equal(opens(b, "alice", e.finger), KM_OK);
	remove_it(b, "alice", e.finger);
	op = now_of(b, "alice");
	e.finger = enrol_finger(b, &op, "right-index", MARK); /* anew: with a key */
	assert_int_equal(keys(b), 1);
	assert_int_equal(opens(b, "alice", e.finger), KM_OK);
}

#define KEY_TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEY_TEST(test_a_withdrawn_template_opens_in_no_older_copy_once_the_epoch_is_closed),
		KEY_TEST(test_a_removed_finger_opens_in_no_older_copy_once_the_epoch_is_closed),
		KEY_TEST(test_what_is_no_finger_owes_no_epoch_when_it_is_removed),
		KEY_TEST(test_the_key_of_a_finger_that_is_gone_lies_in_no_file),
		KEY_TEST(test_who_is_erased_leaves_no_key_of_a_finger),
		KEY_TEST(test_a_template_opens_with_its_own_key_and_no_other),
		KEY_TEST(test_a_template_is_sealed_under_its_subjects_key_and_its_own_together),
		KEY_TEST(test_a_number_that_has_a_key_already_is_damage),
		KEY_TEST(test_fingers_of_every_slice_are_wrapped_under_the_new_kek),
		KEY_TEST(test_with_a_fingers_key_that_does_not_open_nothing_is_destroyed),
		KEY_TEST(test_a_key_that_no_template_has_goes),
		KEY_TEST(test_an_older_key_of_a_finger_under_a_new_kek_is_refused),
		KEY_TEST(test_a_template_from_before_opens_and_is_removed_as_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
