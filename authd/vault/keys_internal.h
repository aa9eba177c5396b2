/* What keys.c, kek.c and seal.c share, and the keys of audit bodies. */
#ifndef KENMON_VAULT_KEYS_INTERNAL_H
#define KENMON_VAULT_KEYS_INTERNAL_H

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <kenmon/keys.h>

#define KM_KEK_BYTES   64 /* AES-256-SIV takes two keys */
#define KM_NONCE_BYTES 12
#define KM_GCM_TAG     16

/* Names in the state folder. */
#define KM_KEK_FILE      "kek.1"
#define KM_VAULT_FILE    "vault.db"
#define KM_IDENTITY_FILE "identity.db"
/*
 * Stands from the making of the keys until the databases are there: only then
 * may they be made. Holds the 16 bytes that become the id of the audit chain.
 */
#define KM_FRESH_FILE "fresh"

#define KM_GENERATION 1

struct km_keys {
	uint8_t tag_vault[KM_KEY_BYTES];
	uint8_t tag_identity[KM_KEY_BYTES];
	uint8_t head[KM_KEY_BYTES];
	uint8_t rows[KM_KEY_BYTES];
	SHA256_CTX rows_inner, rows_outer; /* HMAC's two hashes, each begun with that key */
	uint32_t generation;
	EVP_MAC_CTX *mac; /* keyed for one call, then with zeros; NULL after a failure, made anew */
	EVP_CIPHER *gcm;
	EVP_CIPHER_CTX *row;    /* reset, and so wiped, after each use */
	EVP_CIPHER_CTX *kek[2]; /* to open, to wrap: keyed; copied for each use */
	EVP_CIPHER_CTX *wrap;   /* the copy */
	struct km_key_work work;
};

/* Makes the context of HMACs where there is none. */
KM_MUST_CHECK km_rc keys_use_mac(struct km_keys *keys);

/* HMAC-SHA256 over purpose ‖ 0 ‖ bytes. Counted. */
KM_MUST_CHECK km_rc keys_hmac(struct km_keys *keys, const uint8_t key[KM_KEY_BYTES],
			      const char *purpose, const void *bytes, size_t len,
			      uint8_t out[KM_TAG_BYTES]);

/* Takes the key of the rows into use. */
KM_MUST_CHECK km_rc keys_use_rows(struct km_keys *keys);

/* AES-256-GCM with everything by hand, for kek.G and for rows. */
KM_MUST_CHECK km_rc keys_gcm_seal(struct km_keys *keys, const uint8_t key[KM_KEY_BYTES],
				  const void *aad, size_t aad_len, const void *plain, size_t len,
				  uint8_t *sealed);
KM_MUST_CHECK km_rc keys_gcm_open(struct km_keys *keys, const uint8_t key[KM_KEY_BYTES],
				  const void *aad, size_t aad_len, const uint8_t *sealed,
				  size_t sealed_len, uint8_t *plain);

/* Takes the KEK into use; kek stays the caller's to wipe. */
KM_MUST_CHECK km_rc keys_use_kek(struct km_keys *keys, const uint8_t kek[KM_KEK_BYTES]);

/* The KEK's file: read and taken into use, or made and taken into use. */
KM_MUST_CHECK km_rc kek_read(struct km_keys *keys, int folder, const uint8_t sealing[KM_KEY_BYTES]);
KM_MUST_CHECK km_rc kek_make(struct km_keys *keys, int folder, const uint8_t sealing[KM_KEY_BYTES]);

/* The key of all audit bodies of one month, wrapped like a subject's. */
KM_MUST_CHECK km_rc km_month_key_new(struct km_keys *keys, int64_t month,
				     struct km_subject_key *key, uint8_t wrapped[KM_WRAPPED_BYTES]);
KM_MUST_CHECK km_rc km_month_key_unwrap(struct km_keys *keys, int64_t month, uint32_t generation,
					const uint8_t wrapped[KM_WRAPPED_BYTES],
					struct km_subject_key *key);

/* Big-endian numbers, for everything that is hashed, sealed or bound. */
static inline uint8_t *keys_put(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = bytes; i-- > 0;)
		*at++ = (uint8_t)(value >> (8 * i));
	return at;
}

static inline uint64_t keys_get(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value = value << 8 | at[i];
	return value;
}

#endif
