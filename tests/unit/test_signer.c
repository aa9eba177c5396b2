/* Signers and seals: made when they should be, destroyed when they should be, and what verifying
 * says. */
#include <kenmon/store_epoch.h>

#include "thief.h"

#include <openssl/evp.h>

#define EPOCHS 5

/* Is this an Ed25519 signature of these bytes? With OpenSSL alone, for the bytes are made by hand.
 */
static bool is_signed(const uint8_t public[32], const void *bytes, size_t len,
		      const uint8_t signature[64])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public, 32);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = key && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
		    EVP_DigestVerify(ctx, signature, 64, bytes, len) == 1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return good;
}

static struct km_signer signer_at(struct box *b, uint32_t generation)
{
	struct km_signer g = { 0 };
	size_t count = 0;

	assert_int_equal(store_signers(b->s, generation - 1, 1, &g, &count), KM_OK);
	assert_int_equal(count, 1);
	assert_int_equal(g.generation, generation);
	return g;
}

static void wrapped_at(struct box *b, int generation, uint8_t wrapped[48])
{
	sqlite3_stmt *st = NULL;

	assert_int_equal(sqlite3_prepare_v2(b->s->db[DB_VAULT].handle,
					    "SELECT wrapped FROM signer WHERE generation = ?1", -1,
					    &st, NULL),
			 SQLITE_OK);
	sqlite3_bind_int(st, 1, generation);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_int_equal(sqlite3_column_bytes(st, 0), 48);
	memcpy(wrapped, sqlite3_column_blob(st, 0), 48);
	sqlite3_finalize(st);
}

/* --- making ------------------------------------------------------------------------------ */

static void test_the_first_signer_is_there_before_the_first_record(void **state)
{
	struct box *b = *state;
	struct km_anchor a = anchor(b);

	assert_int_equal(a.seq, 0);
	assert_int_equal(a.generation, 1);
	assert_memory_equal(a.public, signer_at(b, 1).public, 32);
	assert_int_equal(signer_at(b, 1).since_seq, 0);
	assert_int_equal(store_seal(b->s), KM_OK); /* nothing to put one on */
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM seal"), 0);
	assert_int_equal(verified(b).bad, 0);
}

static void test_signatures_are_of_the_bytes_that_storage_md_says(void **state)
{
	struct box *b = *state;
	struct km_signer first = signer_at(b, 1), second;
	uint8_t seal[85] = "kenmon seal 1", signer[108] = "kenmon signer 1";
	struct km_anchor a;

	live(b, 3);
	a = anchor(b);
	memcpy(seal + 14, a.chain, 16);
	seal[33] = 1;
	seal[41] = 3;
	memcpy(seal + 42, a.hash, 32);
	keys_put(seal + 74, (uint64_t)a.wall, 8);
	assert_true(is_signed(first.public, seal, 82, a.signature));
	next_epoch(b);
	second = signer_at(b, 2);
	memcpy(signer + 16, a.chain, 16);
	signer[35] = 1;
	memcpy(signer + 36, first.public, 32);
	memcpy(signer + 76, first.since_hash, 32);
	assert_true(is_signed(first.public, signer, sizeof(signer), first.signature));
	signer[35] = 2;
	memcpy(signer + 36, second.public, 32);
	keys_put(signer + 68, second.since_seq, 8);
	memcpy(signer + 76, second.since_hash, 32);
	assert_true(is_signed(first.public, signer, sizeof(signer), second.signature));
	assert_false(is_signed(second.public, signer, sizeof(signer), second.signature));
}

static void test_a_seal_and_an_anchor_of_one_record_are_the_same(void **state)
{
	struct box *b = *state;
	struct km_anchor a;

	live(b, 3);
	a = anchor(b);
	assert_int_equal(store_seal(b->s), KM_OK); /* a second one changes nothing */
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM seal"), 1);
	put_blob(b, "DELETE FROM seal WHERE signature = ?1 AND seq = ?2", a.signature, 64, 3);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM seal"), 0);
}

static void test_a_signer_ends_with_its_epoch_and_its_seed_is_nowhere(void **state)
{
	static const uint8_t zeros[48];
	struct box *b = *state;
	uint8_t was[48], is[48];
	struct km_signer second;

	live(b, 3);
	wrapped_at(b, 1, was);
	assert_true(in_any_file(b, was, sizeof(was)));
	next_epoch(b);
	wrapped_at(b, 1, is);
	assert_memory_equal(is, zeros, sizeof(zeros));
	wrapped_at(b, 2, is);
	assert_memory_not_equal(is, zeros, sizeof(zeros));
	assert_false(in_any_file(b, was, sizeof(was)));
	second = signer_at(b, 2);
	/* The old one has sealed the very record after which the new one signs. */
	put_blob(b, "DELETE FROM seal WHERE hash = ?1 AND seq = ?2 AND generation = 1",
		 second.since_hash, 32, (int64_t)second.since_seq);
	assert_int_equal(sqlite3_changes(b->s->db[DB_VAULT].handle), 1);
}

static void test_a_signer_takes_over_once(void **state)
{
	struct box *b = *state;
	struct km_signer second;

	live(b, 3);
	next_epoch(b);
	second = signer_at(b, 2);
	live(b, 3);
	assert_int_equal(signer_begin(b->s), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	box_again(b);
	assert_int_equal(signer_begin(b->s), KM_OK);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM signer"), 2);
	assert_memory_equal(signer_at(b, 2).public, second.public, 32);
	assert_int_equal(verified(b).bad, 0);
}

static void test_a_takeover_that_is_undone_leaves_the_old_signer(void **state)
{
	struct box *b = *state;
	struct km_anchor before;

	live(b, 3);
	before = anchor(b);
	assert_int_equal(km_keys_renew(b->keys), KM_OK);
	assert_int_equal(signer_begin(b->s), KM_OK);
	assert_int_equal(b->s->signer.row.generation, 2);
	store_undo(b->s);
	assert_int_equal(anchor(b).generation, 1);
	assert_memory_equal(anchor(b).signature, before.signature, 64);
	assert_int_equal(signer_begin(b->s), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(anchor(b).generation, 2);
	assert_int_equal(verified(b).bad, 0);
}

/* An erasure must not wait for a seal. */
static void test_a_lost_signer_does_not_stop_an_epoch_and_shows_for_good(void **state)
{
	static const char *const losses[] = {
		"DELETE FROM signer",
		"UPDATE signer SET wrapped = zeroblob(48)",
		"UPDATE signer SET public = x''",
	};

	for (size_t i = 0; i < sizeof(losses) / sizeof(*losses); i++) {
		struct box *b = *state;

		box_close(b);
		box_open(b);
		live(b, 3);
		sql(b, DB_VAULT, losses[i]);
		b->s->db[DB_VAULT].dirty = true;
		assert_int_equal(store_flush(b->s), KM_OK);
		box_again(b);
		assert_non_null(strstr(b->why, "the signer of the audit trail is missing"));
		assert_int_equal(anchor(b).generation, 0);
		assert_int_equal(anchor(b).seq, 3);
		next_epoch(b);
		live(b, 3);
		assert_int_equal(anchor(b).generation, 2);
		assert_non_null(strstr(verified(b).why, "the signers were changed"));
	}
}

/* --- verifying ------------------------------------------------------------------------------ */

static void fill(struct box *b)
{
	for (unsigned i = 1; i < EPOCHS; i++) {
		live(b, 40);
		live(b, 1);
		next_epoch(b);
	}
	live(b, 10);
}

static void test_many_epochs_verify_in_slices_of_any_size(void **state)
{
	static const size_t slices[] = { 1, 2, 7, 63, 64, 1000, SIZE_MAX };
	struct box *b = *state;

	fill(b);
	for (size_t i = 0; i < sizeof(slices) / sizeof(*slices); i++) {
		struct km_verify v = { 0 };

		while (!v.finished)
			assert_int_equal(store_audit_verify(b->s, &v, slices[i]), KM_OK);
		assert_string_equal(v.why, "");
		assert_int_equal(v.checked, EPOCHS);
		assert_int_equal(v.seals, sql_number(b, DB_VAULT, "SELECT count(*) FROM seal"));
		assert_int_equal(v.sealed, b->s->at.head.seq);
	}
}

static void expect(struct box *b, const char *change, const char *why)
{
	struct km_verify v;

	thief_begins(b);
	sql(b, DB_VAULT, change);
	v = verified(b);
	if (v.bad == 0 || !strstr(v.why, why))
		fail_msg("%s: '%s' instead of '%s'", change, v.why, why);
	store_undo(b->s);
}

static void test_what_was_done_to_seals_and_signers_is_named(void **state)
{
	static const char changed[] = "the seal on record 41 was changed";
	struct box *b = *state;

	fill(b);
	expect(b, "UPDATE seal SET signature = zeroblob(64) WHERE seq = 41", changed);
	expect(b, "UPDATE seal SET signature = x'' WHERE seq = 41", changed);
	expect(b, "UPDATE seal SET hash = zeroblob(32) WHERE seq = 41", changed);
	expect(b, "UPDATE seal SET wall = wall + 1 WHERE seq = 41", changed);
	expect(b, "UPDATE seal SET generation = 2 WHERE seq = 41", changed);
	expect(b, "UPDATE seal SET generation = 77 WHERE seq = 41", changed);
	expect(b, "UPDATE seal SET seq = 43 WHERE seq = 41", "the seal on record 43 was changed");
	expect(b, "UPDATE seal SET seq = 0 WHERE seq = 41", "the seal on record 0 was changed");
	expect(b, "DELETE FROM signer WHERE generation = 1", "the signers were changed");
	expect(b, "DELETE FROM signer WHERE generation = 3", "the signers were changed");
	expect(b, "DELETE FROM signer", "no signer of the trail is there");
	expect(b,
	       "CREATE TEMP TABLE t AS SELECT * FROM signer WHERE generation = 2;"
	       "UPDATE signer SET public = (SELECT public FROM signer WHERE generation = 3) "
	       "WHERE generation = 2; UPDATE signer SET public = (SELECT public FROM t) "
	       "WHERE generation = 3",
	       "a signer after generation 1 is missing or not signed by its predecessor");
	expect(b, "UPDATE signer SET since_seq = since_seq + 1 WHERE generation = 3",
	       "a signer after generation 2 is missing or not signed by its predecessor");
	assert_int_equal(verified(b).bad, 0);
}

/* A present key, however genuine, does not speak for the time before it. */
static void test_a_signer_seals_nothing_before_its_time(void **state)
{
	struct box *b = *state;
	struct chain_record r;

	fill(b);
	thief_begins(b);
	r = record_at(b, 20);
	b->s->at.head.seq = 20;
	b->s->at.head.wall = r.wall;
	memcpy(b->s->at.head.hash, r.hash, sizeof(r.hash));
	assert_int_equal(store_seal(b->s), KM_OK);
	b->s->at.head = b->s->flushed.head;
	assert_non_null(strstr(verified(b).why, "the seal on record 20 was changed"));
	store_undo(b->s);
}

/* Nor does one that was stolen in its time, and is destroyed here, for the time after it. */
static void test_a_signer_seals_nothing_after_its_time(void **state)
{
	struct box *b = *state;
	struct km_subject_key seed = { { 0 } };
	uint8_t wrapped[48], message[82] = "kenmon seal 1", signature[64];
	struct chain_record r;

	live(b, 3);
	wrapped_at(b, 1, wrapped);
	assert_int_equal(km_signer_seed_unwrap(b->keys, 1, wrapped, &seed), KM_OK);
	next_epoch(b);
	live(b, 3);
	thief_begins(b);
	r = record_at(b, 7);
	memcpy(message + 14, r.chain, 16);
	message[33] = 1;
	message[41] = 7;
	memcpy(message + 42, r.hash, 32);
	keys_put(message + 74, (uint64_t)r.wall, 8);
	assert_int_equal(sign_bytes(&seed, message, sizeof(message), signature), KM_OK);
	sql(b, DB_VAULT,
	    "INSERT INTO seal SELECT 7, 1, hash, wall, zeroblob(64) FROM audit WHERE seq = 7");
	put_blob(b, "UPDATE seal SET signature = ?1 WHERE seq = ?2", signature, 64, 7);
	assert_non_null(strstr(verified(b).why, "the seal on record 7 was changed"));
	/* As if it had been in charge still, it is a good one. */
	sql(b, DB_VAULT, "DELETE FROM signer WHERE generation = 2; DELETE FROM seal WHERE seq > 7");
	assert_int_equal(verified(b).bad, 0);
	store_undo(b->s);
}

/* By a genuine signature of the one before: its key is stolen, and to speak for what came earlier.
 */
static void test_a_signer_cannot_take_over_before_its_predecessor(void **state)
{
	struct box *b = *state;
	struct chain_record r;

	fill(b);
	assert_int_equal(km_keys_renew(b->keys), KM_OK);
	thief_begins(b);
	r = record_at(b, 20);
	sql(b, DB_VAULT,
	    "DELETE FROM seal WHERE generation = (SELECT max(generation) FROM signer)");
	b->s->at.head.seq = 20;
	memcpy(b->s->at.head.hash, r.hash, sizeof(r.hash));
	assert_int_equal(signer_begin(b->s), KM_OK);
	sql(b, DB_VAULT, "DELETE FROM seal WHERE seq = 20");
	b->s->at.head = b->s->flushed.head;
	assert_non_null(strstr(verified(b).why, "the signers were changed"));
	store_undo(b->s);
}

/* --- the keeping period ------------------------------------------------------------------------
 */

static km_rc expire(struct box *b, unsigned keep, char body[64])
{
	struct km_event_record e = event_of(KM_EVENT_MONTH_EXPIRED, NULL);
	km_rc rc = store_month_expire(b->s, keep, &e);

	(void)snprintf(body, 64, "%.63s", e.body);
	return rc ? rc : store_flush(b->s);
}

static void test_months_past_their_keeping_period_go_one_by_one_oldest_first(void **state)
{
	struct box *b = *state;
	struct km_audit_row rows[5];
	char body[64];
	size_t count;

	for (int month = 0; month < 5; month++) { /* June to October 2025 */
		live(b, 1);
		b->now.wall = BOX_WALL + (month + 1) * 30 * 86400;
		store_set_now(b->s, &b->now);
	}
	live(b, 1); /* in November */
	assert_int_equal(store_audit(b->s, 0, NULL, 1, rows, &count), KM_OK);
	assert_string_equal(rows[0].body, "n=1"); /* and its key is at hand */
	/* Kept for three whole months after its last day: June and July are over, August is not. */
	assert_int_equal(expire(b, 3, body), KM_OK);
	assert_string_equal(body, "month=2025-06");
	assert_int_equal(expire(b, 3, body), KM_OK);
	assert_string_equal(body, "month=2025-07");
	assert_int_equal(expire(b, 3, body), KM_ENOTFOUND);
	assert_int_equal(store_audit(b->s, 0, NULL, 5, rows, &count), KM_OK);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(rows[i].body, i < 2 ? "" : "n=1");
	assert_int_equal(verified(b).bad, 0);
	assert_int_equal(expire(b, 0, body), KM_OK); /* of the store: 0 is no time at all */
}

static void test_a_destroyed_month_is_in_no_file_and_owes_an_epoch(void **state)
{
	struct box *b = *state;
	uint8_t wrapped[48];
	struct km_epoch e;
	sqlite3_stmt *st = NULL;
	char body[64];

	live(b, 1);
	assert_int_equal(sqlite3_prepare_v2(b->s->db[DB_VAULT].handle,
					    "SELECT wrapped FROM month_key", -1, &st, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	memcpy(wrapped, sqlite3_column_blob(st, 0), sizeof(wrapped));
	sqlite3_finalize(st);
	assert_true(in_any_file(b, wrapped, sizeof(wrapped)));
	b->now.wall += 400 * 86400;
	store_set_now(b->s, &b->now);
	assert_int_equal(store_epoch(b->s, &e), KM_OK);
	assert_int_equal(e.owed, 0);
	assert_int_equal(expire(b, 12, body), KM_OK);
	assert_int_equal(store_truncate_logs(b->s), KM_OK);
	assert_false(in_any_file(b, wrapped, sizeof(wrapped)));
	assert_int_equal(store_epoch(b->s, &e), KM_OK);
	assert_int_equal(e.owed, b->now.wall);
}

#define SIGNER_TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIGNER_TEST(test_the_first_signer_is_there_before_the_first_record),
		SIGNER_TEST(test_signatures_are_of_the_bytes_that_storage_md_says),
		SIGNER_TEST(test_a_seal_and_an_anchor_of_one_record_are_the_same),
		SIGNER_TEST(test_a_signer_ends_with_its_epoch_and_its_seed_is_nowhere),
		SIGNER_TEST(test_a_signer_takes_over_once),
		SIGNER_TEST(test_a_takeover_that_is_undone_leaves_the_old_signer),
		SIGNER_TEST(test_a_lost_signer_does_not_stop_an_epoch_and_shows_for_good),
		SIGNER_TEST(test_many_epochs_verify_in_slices_of_any_size),
		SIGNER_TEST(test_what_was_done_to_seals_and_signers_is_named),
		SIGNER_TEST(test_a_signer_seals_nothing_before_its_time),
		SIGNER_TEST(test_a_signer_seals_nothing_after_its_time),
		SIGNER_TEST(test_a_signer_cannot_take_over_before_its_predecessor),
		SIGNER_TEST(test_months_past_their_keeping_period_go_one_by_one_oldest_first),
		SIGNER_TEST(test_a_destroyed_month_is_in_no_file_and_owes_an_epoch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
