/* What keys.c, kek.c, seal.c, wrap.c and mac.c share, and the keys of audit bodies. */
#ifndef KENMON_VAULT_KEYS_INTERNAL_H
#define KENMON_VAULT_KEYS_INTERNAL_H

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <kenmon/keys.h>

#define KM_KEK_BYTES   64 /* AES-256-SIV takes two keys */
#define KM_NONCE_BYTES 12
#define KM_GCM_TAG     16

/* What follows the name of the state folder in the name of the KEKs' folder. */
#define KM_KEK_FOLDER "-kek"

/* Names in the state folder. */
#define KM_MASTER_FILE   "master.key" /* where no other place is said */
#define KM_VAULT_FILE    "vault.db"
#define KM_IDENTITY_FILE "identity.db"
/*
 * Stands from the making of the keys until the databases are there: only then
 * may they be made. Holds the 16 bytes that become the id of the audit chain.
 */
#define KM_FRESH_FILE "fresh"

enum { KEK_NEWEST, KEK_OLDER, KEK_COUNT };

struct kek {
	uint32_t generation;    /* 0: none */
	EVP_CIPHER_CTX *ctx[2]; /* to open, to wrap: keyed; copied for each use */
};

/* HMAC's two hashes, each begun with a key. */
struct begun {
	SHA256_CTX inner, outer;
};

struct km_keys {
	uint8_t tag_vault[KM_KEY_BYTES];
	uint8_t tag_identity[KM_KEY_BYTES];
	uint8_t head[KM_KEY_BYTES];
	uint8_t rows[KM_KEY_BYTES];
	struct begun with_tag_vault, with_tag_identity, with_rows;
	uint8_t sealing[KM_KEY_BYTES]; /* opens kek.G */
	int kek_folder;
	struct kek kek[KEK_COUNT]; /* the older one only while an epoch closes */
	EVP_MAC_CTX *mac; /* keyed for one call, then with zeros; NULL after a failure, made anew */
	EVP_CIPHER *gcm;
	EVP_CIPHER_CTX *row;            /* reset, and so wiped, after each use */
	EVP_CIPHER_CTX *wrap;           /* the copy of a KEK's */
	uint8_t scratch[KM_SEALED_MAX]; /* what is being sealed or opened, not on the stack */
	struct km_key_work work;
};

/* Makes the context of HMACs where there is none. */
KM_MUST_CHECK km_rc keys_use_mac(struct km_keys *keys);

/* HMAC-SHA256 over purpose ‖ 0 ‖ bytes. Counted. */
KM_MUST_CHECK km_rc keys_hmac(struct km_keys *keys, const uint8_t key[KM_KEY_BYTES],
			      const char *purpose, const void *bytes, size_t len,
			      uint8_t out[KM_TAG_BYTES]);

/* Takes the keys of rows and tags into use. */
KM_MUST_CHECK km_rc keys_begin(struct km_keys *keys);

/* AES-256-GCM with everything by hand, for kek.G and for rows. */
KM_MUST_CHECK km_rc keys_gcm_seal(struct km_keys *keys, const uint8_t key[KM_KEY_BYTES],
				  const void *aad, size_t aad_len, const void *plain, size_t len,
				  uint8_t *sealed);
KM_MUST_CHECK km_rc keys_gcm_open(struct km_keys *keys, const uint8_t key[KM_KEY_BYTES],
				  const void *aad, size_t aad_len, const uint8_t *sealed,
				  size_t sealed_len, uint8_t *plain);

/* Contexts keyed with a KEK, which stays the caller's to wipe. */
KM_MUST_CHECK km_rc keys_kek_new(const uint8_t kek[KM_KEK_BYTES], uint32_t generation,
				 struct kek *out);
void keys_kek_free(struct kek *kek);

/* That folder, opened. */
KM_MUST_CHECK km_rc kek_folder(const char *dir, bool may_create, int *folder);
/* Which generations lie there; zeros: none. KM_ECORRUPT: not one, nor one and its successor. */
KM_MUST_CHECK km_rc kek_find(int folder, uint32_t found[KEK_COUNT]);
/* Those that were found, or the first one, made. */
KM_MUST_CHECK km_rc kek_load(struct km_keys *keys, const uint32_t found[KEK_COUNT]);
KM_MUST_CHECK km_rc kek_make_first(struct km_keys *keys);
/* The newest one, of this generation, durable. */
KM_MUST_CHECK km_rc kek_make(struct km_keys *keys, uint32_t generation);
/* One in the clear: the caller's to keep in locked memory. */
KM_MUST_CHECK km_rc kek_read(struct km_keys *keys, uint32_t generation,
			     uint8_t plain[KM_KEK_BYTES]);

/* --- keys.c, for copies ------------------------------------------------------- */

/* All that is derived from a master key. */
KM_MUST_CHECK km_rc keys_derive_all(struct km_keys *keys, const uint8_t master[KM_KEY_BYTES]);
/* HKDF-SHA256; salt may be NULL. */
KM_MUST_CHECK km_rc keys_hkdf(const void *key, size_t key_len, const void *salt, size_t salt_len,
			      const char *info, void *out, size_t len);
KM_MUST_CHECK km_rc keys_new_contexts(struct km_keys *keys);
/* The master key's file: read, or made. KM_ENOTFOUND, KM_EEXIST. */
KM_MUST_CHECK km_rc keys_read_master(const char *dir, const char *key_path,
				     uint8_t master[KM_KEY_BYTES]);
KM_MUST_CHECK km_rc keys_make_master(const char *dir, const char *key_path,
				     const uint8_t master[KM_KEY_BYTES]);

/* The key of all audit bodies of one month, wrapped like a subject's. */
KM_MUST_CHECK km_rc km_month_key_new(struct km_keys *keys, int64_t month,
				     struct km_subject_key *key, uint8_t wrapped[KM_WRAPPED_BYTES]);
KM_MUST_CHECK km_rc km_month_key_unwrap(struct km_keys *keys, int64_t month, uint32_t generation,
					const uint8_t wrapped[KM_WRAPPED_BYTES],
					struct km_subject_key *key);

/* The seed of the Ed25519 key that signs the trail in one key epoch (sign.c), wrapped alike. */
KM_MUST_CHECK km_rc km_signer_seed_new(struct km_keys *keys, struct km_subject_key *seed,
				       uint8_t wrapped[KM_WRAPPED_BYTES]);
KM_MUST_CHECK km_rc km_signer_seed_unwrap(struct km_keys *keys, uint32_t generation,
					  const uint8_t wrapped[KM_WRAPPED_BYTES],
					  struct km_subject_key *seed);

/* The key of one request, or of one roster, while it is under way; ref: 16 random bytes. */
KM_MUST_CHECK km_rc km_work_key_new(struct km_keys *keys, const uint8_t ref[KM_SUBJECT_BYTES],
				    struct km_subject_key *key, uint8_t wrapped[KM_WRAPPED_BYTES]);
KM_MUST_CHECK km_rc km_work_key_unwrap(struct km_keys *keys, const uint8_t ref[KM_SUBJECT_BYTES],
				       uint32_t generation, const uint8_t wrapped[KM_WRAPPED_BYTES],
				       struct km_subject_key *key);

/* The key of one finger, by the number of its credential. */
KM_MUST_CHECK km_rc km_finger_key_new(struct km_keys *keys, uint64_t credential,
				      struct km_subject_key *key,
				      uint8_t wrapped[KM_WRAPPED_BYTES]);
KM_MUST_CHECK km_rc km_finger_key_unwrap(struct km_keys *keys, uint64_t credential,
					 uint32_t generation,
					 const uint8_t wrapped[KM_WRAPPED_BYTES],
					 struct km_subject_key *key);
/* What seals its template: without either of the two there is none. */
KM_MUST_CHECK km_rc km_template_key(struct km_keys *keys, const struct km_subject_key *subject,
				    const struct km_subject_key *finger,
				    struct km_subject_key *out);

/* As km_subject_key_rewrap(). */
KM_MUST_CHECK km_rc km_finger_key_rewrap(struct km_keys *keys, uint64_t credential,
					 uint32_t generation, uint8_t wrapped[KM_WRAPPED_BYTES]);
KM_MUST_CHECK km_rc km_work_key_rewrap(struct km_keys *keys, const uint8_t ref[KM_SUBJECT_BYTES],
				       uint32_t generation, uint8_t wrapped[KM_WRAPPED_BYTES]);
KM_MUST_CHECK km_rc km_month_key_rewrap(struct km_keys *keys, int64_t month, uint32_t generation,
					uint8_t wrapped[KM_WRAPPED_BYTES]);

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
