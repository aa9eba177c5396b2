/*
 * Keys of the vault: one master key, one key-encryption key (KEK) for
 * each epoch, one key for each subject, and what is derived from them.
 *
 *   master key (32 bytes, a file or a systemd credential)
 *     ├─ HKDF-SHA256 → tags of vault.db, tags of identity.db, MAC of the audit head,
 *     │                MACs of vault.db's rows
 *     └─ HKDF-SHA256 → seals kek.G  (AES-256-GCM)
 *          KEK_G (64 bytes) → wraps subject keys and month keys (AES-256-SIV, RFC 5297)
 *               subject key (32 bytes) → seals rows (AES-256-GCM)
 *                    └─ HMAC-SHA256 → keys for the HMACs of recovery codes, and of codes by
 * telephone
 *
 * All of them live in locked memory. Nothing here logs.
 */
#ifndef KENMON_KEYS_H
#define KENMON_KEYS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kenmon/rc.h>
#include <kenmon/secret.h>

#define KM_KEY_BYTES     32
#define KM_TAG_BYTES     32 /* HMAC-SHA256 */
#define KM_ROW_MAC_BYTES 16 /* cut to 128 bits: forging one is a guess, and each is tried by us */
#define KM_SUBJECT_BYTES 16 /* random; never used again */
#define KM_WRAPPED_BYTES 48 /* 16 of synthetic IV, 32 of key */
#define KM_SEAL_OVERHEAD 28 /* 12 of nonce, 16 of tag */
#define KM_SEALED_MAX    (16384 + KM_SEAL_OVERHEAD) /* a template (store.h) is the longest */

struct km_keys; /* opaque, in locked memory */

struct km_subject_key {
	uint8_t bytes[KM_KEY_BYTES];
};
void km_subject_key_wipe(struct km_subject_key *k);
#define KM_SUBJECT_KEY __attribute__((cleanup(km_subject_key_wipe)))

/* What a sealed row is bound to: a row moved elsewhere does not open. */
struct km_aad {
	const char *table; /* "credential", "template", "person", "audit" */
	uint64_t id;
	const uint8_t *subject; /* KM_SUBJECT_BYTES, or NULL */
	uint8_t kind;
	uint32_t version;
};

/*
 * Reads the master key from key_path and the KEKs from the folder "<dir>-kek". With may_create,
 * and only when there are neither databases nor keys, makes both (0600, synced, and their folders).
 * KM_ENOTFOUND: no key, where there are databases or may_create is false.
 * KM_EPERM: the key file, a KEK or their folders can be read or written by others.
 * KM_ECORRUPT: of the wrong size, or a KEK does not open under this master key.
 */
KM_MUST_CHECK km_rc km_keys_open(const char *dir, const char *key_path, bool may_create,
				 struct km_keys **out);
/* The folder of the KEKs that belongs to a state folder. KM_ELIMIT: too long. */
KM_MUST_CHECK km_rc km_keys_folder(const char *dir, char path[PATH_MAX]);
void km_keys_close(struct km_keys *keys); /* wipes; NULL is allowed */

/* Of the newest KEK, under which everything new is wrapped. */
uint32_t km_keys_generation(const struct km_keys *keys);
/* Of its predecessor, while what is wrapped under that is being wrapped anew; 0: there is none. */
uint32_t km_keys_older(const struct km_keys *keys);
/* A new KEK, durable, beside the present one. KM_ESTATE: there are two already. */
KM_MUST_CHECK km_rc km_keys_renew(struct km_keys *);
/*
 * Destroys the older KEK, in its file and in memory: what is still wrapped under it, here and in
 * every copy, opens never again. KM_ESTATE: there is none. KM_EIO: call it again.
 */
KM_MUST_CHECK km_rc km_keys_retire(struct km_keys *);

/* Tags for lookup: HMAC under a key of that database. */
KM_MUST_CHECK km_rc km_tag_login(struct km_keys *, const char *login, uint8_t out[KM_TAG_BYTES]);
KM_MUST_CHECK km_rc km_tag_employee(struct km_keys *, const char *number,
				    uint8_t out[KM_TAG_BYTES]);
KM_MUST_CHECK km_rc km_tag_department(struct km_keys *, const char *department,
				      uint8_t out[KM_TAG_BYTES]);
KM_MUST_CHECK km_rc km_tag_machine(struct km_keys *, const char *machine_id,
				   uint8_t out[KM_TAG_BYTES]);
/* MAC over the head of the audit chain as stored in meta. */
KM_MUST_CHECK km_rc km_mac_head(struct km_keys *, const void *bytes, size_t len,
				uint8_t out[KM_TAG_BYTES]);

/*
 * MAC of a row of vault.db: table's name ‖ 0 ‖ bytes, which must be of one form for each table
 * (store_rows.c). Counted as one HMAC.
 */
KM_MUST_CHECK km_rc km_mac_row(struct km_keys *, const char *table, const void *bytes, size_t len,
			       uint8_t out[KM_ROW_MAC_BYTES]);

/* A new random subject key, wrapped under the present KEK. */
KM_MUST_CHECK km_rc km_subject_key_new(struct km_keys *, const uint8_t subject[KM_SUBJECT_BYTES],
				       struct km_subject_key *key,
				       uint8_t wrapped[KM_WRAPPED_BYTES]);
/* KM_ECORRUPT when it does not open for this subject and generation. */
KM_MUST_CHECK km_rc km_subject_key_unwrap(struct km_keys *, const uint8_t subject[KM_SUBJECT_BYTES],
					  uint32_t generation,
					  const uint8_t wrapped[KM_WRAPPED_BYTES],
					  struct km_subject_key *key);

/*
 * The same key, wrapped under the newest KEK. KM_ECORRUPT as above. wrapped is untouched on
 * failure.
 */
KM_MUST_CHECK km_rc km_subject_key_rewrap(struct km_keys *, const uint8_t subject[KM_SUBJECT_BYTES],
					  uint32_t generation, uint8_t wrapped[KM_WRAPPED_BYTES]);

/* sealed = nonce ‖ ciphertext ‖ tag; *sealed_len = plain_len + KM_SEAL_OVERHEAD. */
KM_MUST_CHECK km_rc km_seal(struct km_keys *, const struct km_subject_key *key,
			    const struct km_aad *aad, const void *plain, size_t plain_len,
			    uint8_t *sealed, size_t cap, size_t *sealed_len);
/* KM_ECORRUPT when it does not open; plain is then untouched. */
KM_MUST_CHECK km_rc km_unseal(struct km_keys *, const struct km_subject_key *key,
			      const struct km_aad *aad, const uint8_t *sealed, size_t sealed_len,
			      void *plain, size_t cap, size_t *plain_len);

/* MAC of a recovery code in stored form, under a key derived from the subject's own. */
KM_MUST_CHECK km_rc km_mac_recovery(struct km_keys *, const struct km_subject_key *key,
				    uint64_t credential, const void *code, size_t len,
				    uint8_t out[KM_TAG_BYTES]);

/* Under what a number of codes that were sent is counted. */
enum km_tag_phone { KM_TAG_PHONE_OPERATOR, KM_TAG_PHONE_NUMBER, KM_TAG_PHONE_SITE };
KM_MUST_CHECK km_rc km_tag_phone(struct km_keys *, enum km_tag_phone what, const void *bytes,
				 size_t len, uint8_t out[KM_TAG_BYTES]);
/* MAC of a code that was sent, and of what it is bound to, under a key derived from the subject's
 * own. */
KM_MUST_CHECK km_rc km_mac_challenge(struct km_keys *, const struct km_subject_key *key,
				     const void *bytes, size_t len, uint8_t out[KM_TAG_BYTES]);

/* How many HMACs (tags, recovery MACs), unwraps and unseals were done: for tests of equal work. */
struct km_key_work {
	uint64_t hmacs, unwraps, unseals;
};
struct km_key_work km_keys_work(const struct km_keys *keys);

#endif
