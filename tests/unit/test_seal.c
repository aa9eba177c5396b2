/* Seals: known answers, and what does not open. */
#include "store_box.h"

#include <openssl/core_names.h>
#include <openssl/hmac.h>
#include <openssl/params.h>

static const uint8_t alice[KM_SUBJECT_BYTES] = "alice's subject";
static const uint8_t bob[KM_SUBJECT_BYTES] = "bob's subject--";

static void hmac(const void *key, size_t key_len, const void *bytes, size_t len, uint8_t out[32])
{
	unsigned n = 0;

	assert_non_null(HMAC(EVP_sha256(), key, (int)key_len, bytes, len, out, &n));
	assert_int_equal(n, 32);
}

/* HKDF-SHA256 without salt, one block, from RFC 5869 by hand. */
static void hkdf(const uint8_t master[32], const char *info, uint8_t out[32])
{
	static const uint8_t salt[32];
	uint8_t prk[32], message[80];
	size_t len = strlen(info);

	hmac(salt, sizeof(salt), master, 32, prk);
	memcpy(message, info, len);
	message[len] = 1;
	hmac(prk, sizeof(prk), message, len + 1, out);
}

static void master_of(const struct box *b, uint8_t master[32])
{
	assert_int_equal(get_file(b->key, master, 32), 32);
}

/* --- known answers ------------------------------------------------------------------ */

static void check_tag(const uint8_t key[32], const char *purpose, const char *text,
		      const uint8_t tag[KM_TAG_BYTES])
{
	uint8_t message[128], right[32];
	size_t n = strlen(purpose) + 1;

	memcpy(message, purpose, n);
	memcpy(message + n, text, strlen(text));
	hmac(key, 32, message, n + strlen(text), right);
	assert_memory_equal(tag, right, 32);
}

static void test_tags_are_hmacs_under_keys_derived_by_hkdf(void **state)
{
	struct box *b = *state;
	uint8_t master[32], key[32], tag[KM_TAG_BYTES], row[KM_ROW_MAC_BYTES];

	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_OK);
	master_of(b, master);
	hkdf(master, "kenmon vault.db tags 1", key);
	assert_int_equal(km_tag_login(b->keys, "alice", tag), KM_OK);
	check_tag(key, "login", "alice", tag);
	assert_int_equal(km_tag_department(b->keys, "alice", tag), KM_OK);
	check_tag(key, "department", "alice", tag);
	assert_int_equal(km_tag_machine(b->keys, "alice", tag), KM_OK);
	check_tag(key, "machine", "alice", tag);
	hkdf(master, "kenmon identity.db tags 1", key);
	assert_int_equal(km_tag_employee(b->keys, "alice", tag), KM_OK);
	check_tag(key, "employee", "alice", tag);
	hkdf(master, "kenmon audit head 1", key);
	assert_int_equal(km_mac_head(b->keys, "alice", 5, tag), KM_OK);
	check_tag(key, "head", "alice", tag);
	hkdf(master, "kenmon vault.db rows 1", key);
	for (int i = 0; i < 2; i++) { /* one does not change the next */
		assert_int_equal(km_mac_row(b->keys, "operator", "alice", 5, row), KM_OK);
		hmac(key, 32, (const uint8_t *)"operator\0alice", 14, tag);
		assert_memory_equal(row, tag, sizeof(row));
	}
	assert_int_equal(km_mac_row(b->keys, "meta", "alice", 5, row), KM_OK);
	assert_memory_not_equal(row, tag, sizeof(row));
}

/* Opens kek.1 as its description in keys.c says. */
static void kek_of(const struct box *b, uint8_t kek[64])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t file[104], master[32], sealing[32];
	int n = 0;

	master_of(b, master);
	hkdf(master, "kenmon kek 1", sealing);
	assert_int_equal(get_file(box_path(b, "kek.1"), file, sizeof(file)), sizeof(file));
	assert_memory_equal(file, "kenmonK1\0\0\0\1", 12);
	assert_true(EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, sealing, file + 12) &&
		    EVP_DecryptUpdate(ctx, NULL, &n, file, 12) &&
		    EVP_DecryptUpdate(ctx, kek, &n, file + 24, 64) &&
		    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, file + 88) &&
		    EVP_DecryptFinal_ex(ctx, kek + 64, &n));
	EVP_CIPHER_CTX_free(ctx);
}

static void cmac(const uint8_t key[32], const void *bytes, size_t len, uint8_t out[16])
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "CMAC", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
	char cipher[] = "AES-256-CBC";
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0),
				OSSL_PARAM_construct_end() };
	size_t n = 0;

	assert_true(EVP_MAC_init(ctx, key, 32, params) && EVP_MAC_update(ctx, bytes, len) &&
		    EVP_MAC_final(ctx, out, &n, 16));
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
}

static void twice(uint8_t block[16])
{
	uint8_t carry = block[0] >> 7;

	for (int i = 0; i < 15; i++)
		block[i] = (uint8_t)(block[i] << 1 | block[i + 1] >> 7);
	block[15] = (uint8_t)(block[15] << 1 ^ (carry ? 0x87 : 0));
}

/* AES-256-SIV with one associated string and 32 bytes of plain text, from RFC 5297 by hand. */
static void siv(const uint8_t kek[64], const uint8_t *aad, size_t aad_len, const uint8_t plain[32],
		uint8_t out[48])
{
	static const uint8_t zero[16];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t d[16], mac[16], t[32], q[16];
	int n = 0;

	cmac(kek, zero, sizeof(zero), d);
	cmac(kek, aad, aad_len, mac);
	twice(d);
	for (int i = 0; i < 16; i++)
		d[i] ^= mac[i];
	memcpy(t, plain, 32);
	for (int i = 0; i < 16; i++)
		t[16 + i] ^= d[i];
	cmac(kek, t, sizeof(t), out);
	memcpy(q, out, 16);
	q[8] &= 0x7f;
	q[12] &= 0x7f;
	assert_true(EVP_EncryptInit_ex(ctx, EVP_aes_256_ctr(), NULL, kek + 32, q) &&
		    EVP_EncryptUpdate(ctx, out + 16, &n, plain, 32));
	EVP_CIPHER_CTX_free(ctx);
}

static void test_subject_keys_are_wrapped_by_aes_siv(void **state)
{
	struct box *b = *state;
	uint8_t kek[64], aad[21] = { 1 }, wrapped[48], right[48];
	struct km_subject_key key;

	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_OK);
	assert_int_equal(km_subject_key_new(b->keys, alice, &key, wrapped), KM_OK);
	kek_of(b, kek);
	memcpy(aad + 1, alice, 16);
	aad[20] = 1;
	siv(kek, aad, sizeof(aad), key.bytes, right);
	assert_memory_equal(wrapped, right, 48);
}

/* --- what does not open ---------------------------------------------------------------- */

static void test_a_wrapped_key_opens_for_its_subject_and_generation_only(void **state)
{
	struct box *b = *state;
	struct km_subject_key key, out, untouched;
	uint8_t wrapped[KM_WRAPPED_BYTES], zeros[KM_WRAPPED_BYTES] = { 0 };

	memset(&out, 'u', sizeof(out));
	untouched = out;
	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_OK);
	assert_int_equal(km_subject_key_new(b->keys, alice, &key, wrapped), KM_OK);
	assert_int_equal(km_subject_key_unwrap(b->keys, bob, 1, wrapped, &out), KM_ECORRUPT);
	assert_int_equal(km_subject_key_unwrap(b->keys, alice, 2, wrapped, &out), KM_ECORRUPT);
	assert_int_equal(km_subject_key_unwrap(b->keys, alice, 0, zeros, &out), KM_ECORRUPT);
	assert_int_equal(km_month_key_unwrap(b->keys, 7, 1, wrapped, &out), KM_ECORRUPT);
	for (size_t i = 0; i < sizeof(wrapped); i++) {
		wrapped[i] ^= 0x80;
		assert_int_equal(km_subject_key_unwrap(b->keys, alice, 1, wrapped, &out),
				 KM_ECORRUPT);
		wrapped[i] ^= 0x80;
	}
	assert_memory_equal(&out, &untouched, sizeof(out));
	assert_int_equal(km_subject_key_unwrap(b->keys, alice, 1, wrapped, &out), KM_OK);
	assert_memory_equal(&out, &key, sizeof(key));
}

static void test_the_key_of_a_month_opens_for_that_month_only(void **state)
{
	struct box *b = *state;
	struct km_subject_key key, out;
	uint8_t wrapped[KM_WRAPPED_BYTES], name[16] = { 0 };

	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_OK);
	assert_int_equal(km_month_key_new(b->keys, 24306, &key, wrapped), KM_OK);
	assert_int_equal(km_month_key_unwrap(b->keys, 24307, 1, wrapped, &out), KM_ECORRUPT);
	keys_put(name, 24306, 8);
	assert_int_equal(km_subject_key_unwrap(b->keys, name, 1, wrapped, &out), KM_ECORRUPT);
	assert_int_equal(km_month_key_unwrap(b->keys, 24306, 1, wrapped, &out), KM_OK);
	assert_memory_equal(&out, &key, sizeof(key));
}

static void test_a_sealed_row_opens_in_its_own_place_only(void **state)
{
	struct box *b = *state;
	const struct km_aad right = { "credential", 7, alice, 1, 1 };
	const struct km_aad wrong[] = {
		{ "person", 7, alice, 1, 1 },       { "credential", 8, alice, 1, 1 },
		{ "credential", 7, bob, 1, 1 },     { "credential", 7, NULL, 1, 1 },
		{ "credential", 7, alice, 2, 1 },   { "credential", 7, alice, 1, 2 },
		{ "credential\1", 7, alice, 1, 1 },
	};
	struct km_subject_key key, other;
	uint8_t wrapped[48], sealed[64];
	char plain[32] = "untouched";
	size_t len = 0, plain_len = 99;

	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_OK);
	assert_int_equal(km_subject_key_new(b->keys, alice, &key, wrapped), KM_OK);
	assert_int_equal(km_subject_key_new(b->keys, bob, &other, wrapped), KM_OK);
	assert_int_equal(km_seal(b->keys, &key, &right, "a seed", 6, sealed, sizeof(sealed), &len),
			 KM_OK);
	assert_int_equal(len, 6 + KM_SEAL_OVERHEAD);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(km_unseal(b->keys, &key, &wrong[i], sealed, len, plain,
					   sizeof(plain), &plain_len),
				 KM_ECORRUPT);
	assert_int_equal(
	    km_unseal(b->keys, &other, &right, sealed, len, plain, sizeof(plain), &plain_len),
	    KM_ECORRUPT);
	for (size_t i = 0; i < len; i++) {
		sealed[i] ^= 4;
		assert_int_equal(
		    km_unseal(b->keys, &key, &right, sealed, len, plain, sizeof(plain), &plain_len),
		    KM_ECORRUPT);
		sealed[i] ^= 4;
		assert_int_equal(
		    km_unseal(b->keys, &key, &right, sealed, i, plain, sizeof(plain), &plain_len),
		    KM_ECORRUPT);
	}
	assert_string_equal(plain, "untouched");
	assert_int_equal(plain_len, 99);
	assert_int_equal(
	    km_unseal(b->keys, &key, &right, sealed, len, plain, sizeof(plain), &plain_len), KM_OK);
	assert_memory_equal(plain, "a seed", 6);
	assert_int_equal(plain_len, 6);
	/* Nor does any of it stay where it was opened. */
	assert_null(memmem(b->keys->scratch, sizeof(b->keys->scratch), "seed", 4));
}

static void test_the_same_text_sealed_twice_gives_unrelated_bytes(void **state)
{
	struct box *b = *state;
	const struct km_aad aad = { "person", 0, alice, 0, 1 };
	struct km_subject_key key;
	uint8_t wrapped[48], sealed[2][40];
	size_t len = 0;

	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_OK);
	assert_int_equal(km_subject_key_new(b->keys, alice, &key, wrapped), KM_OK);
	for (int i = 0; i < 2; i++)
		assert_int_equal(km_seal(b->keys, &key, &aad, "0123456789ab", 12, sealed[i],
					 sizeof(sealed[i]), &len),
				 KM_OK);
	for (size_t at = 0; at + 4 <= len; at += 4)
		assert_memory_not_equal(sealed[0] + at, sealed[1] + at, 4);
}

static void test_what_is_too_long_is_not_sealed_and_nothing_is_touched(void **state)
{
	struct box *b = *state;
	const struct km_aad aad = { "person", 0, alice, 0, 1 };
	static uint8_t big[KM_SEALED_MAX + 1], sealed[KM_SEALED_MAX + 100];
	struct km_subject_key key;
	uint8_t wrapped[48];
	size_t len = 5, plain_len = 6, most = KM_SEALED_MAX - KM_SEAL_OVERHEAD;

	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_OK);
	assert_int_equal(km_subject_key_new(b->keys, alice, &key, wrapped), KM_OK);
	assert_int_equal(km_seal(b->keys, &key, &aad, big, most + 1, sealed, sizeof(sealed), &len),
			 KM_ELIMIT);
	assert_int_equal(km_seal(b->keys, &key, &aad, big, 10, sealed, 37, &len), KM_ELIMIT);
	assert_int_equal(len, 5);
	assert_int_equal(km_seal(b->keys, &key, &aad, big, most, sealed, sizeof(sealed), &len),
			 KM_OK);
	assert_int_equal(km_unseal(b->keys, &key, &aad, sealed, len, big, most - 1, &plain_len),
			 KM_ELIMIT);
	assert_int_equal(plain_len, 6);
	/* Nothing at all can be sealed as well. */
	assert_int_equal(km_seal(b->keys, &key, &aad, "", 0, sealed, sizeof(sealed), &len), KM_OK);
	assert_int_equal(km_unseal(b->keys, &key, &aad, sealed, len, big, 1, &plain_len), KM_OK);
	assert_int_equal(plain_len, 0);
}

static void test_recovery_codes_are_bound_to_credential_and_person(void **state)
{
	struct box *b = *state;
	struct km_subject_key key, other;
	uint8_t wrapped[48], mac[KM_TAG_BYTES], next[KM_TAG_BYTES], message[9 + 8 + 4], right[32];
	uint8_t own[32]; /* not the key that seals */
	static const uint8_t big[KM_SECRET_MAX + 1];

	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_OK);
	assert_int_equal(km_subject_key_new(b->keys, alice, &key, wrapped), KM_OK);
	assert_int_equal(km_subject_key_new(b->keys, bob, &other, wrapped), KM_OK);
	assert_int_equal(km_mac_recovery(b->keys, &key, 7, "CODE", 4, mac), KM_OK);
	memcpy(message, "recovery", 9);
	keys_put(message + 9, 7, 8);
	memcpy(message + 17, "CODE", 4);
	hmac(key.bytes, 32, (const uint8_t *)"kenmon recovery 1", 18, own);
	hmac(own, 32, message, sizeof(message), right);
	assert_memory_equal(mac, right, 32);
	assert_int_equal(km_mac_recovery(b->keys, &key, 8, "CODE", 4, next), KM_OK);
	assert_memory_not_equal(mac, next, 32);
	assert_int_equal(km_mac_recovery(b->keys, &other, 7, "CODE", 4, next), KM_OK);
	assert_memory_not_equal(mac, next, 32);
	assert_int_equal(km_mac_recovery(b->keys, &key, 7, big, sizeof(big), next), KM_ELIMIT);
}

static void test_work_is_counted_also_when_it_fails(void **state)
{
	struct box *b = *state;
	const struct km_aad aad = { "person", 0, alice, 0, 1 };
	uint8_t tag[KM_TAG_BYTES], zeros[48] = { 0 };
	struct km_subject_key key = { { 0 } };
	struct km_key_work before, after;
	size_t len;

	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_OK);
	before = km_keys_work(b->keys);
	assert_int_equal(km_tag_login(b->keys, "alice", tag), KM_OK);
	assert_int_equal(km_subject_key_unwrap(b->keys, alice, 1, zeros, &key), KM_ECORRUPT);
	assert_int_equal(km_unseal(b->keys, &key, &aad, zeros, 48, tag, sizeof(tag), &len),
			 KM_ECORRUPT);
	after = km_keys_work(b->keys);
	assert_int_equal(after.hmacs - before.hmacs, 1);
	assert_int_equal(after.unwraps - before.unwraps, 1);
	assert_int_equal(after.unseals - before.unseals, 1);
}

#define SEAL_TEST(name) cmocka_unit_test_setup_teardown(name, box_setup_folder, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SEAL_TEST(test_tags_are_hmacs_under_keys_derived_by_hkdf),
		SEAL_TEST(test_subject_keys_are_wrapped_by_aes_siv),
		SEAL_TEST(test_a_wrapped_key_opens_for_its_subject_and_generation_only),
		SEAL_TEST(test_the_key_of_a_month_opens_for_that_month_only),
		SEAL_TEST(test_a_sealed_row_opens_in_its_own_place_only),
		SEAL_TEST(test_the_same_text_sealed_twice_gives_unrelated_bytes),
		SEAL_TEST(test_what_is_too_long_is_not_sealed_and_nothing_is_touched),
		SEAL_TEST(test_recovery_codes_are_bound_to_credential_and_person),
		SEAL_TEST(test_work_is_counted_also_when_it_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
