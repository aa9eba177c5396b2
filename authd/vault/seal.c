/*
 * Sealing: rows under a key (AES-256-GCM), keys under the KEK (AES-256-SIV).
 *
 * A context that was keyed for one row is reset at once, which wipes OpenSSL's copy of the key.
 * The two contexts of the KEK stay keyed (keying one costs as much as the rest of a login); their
 * schedules are the one copy of a key outside locked memory. The process is not dumpable.
 */
#include "keys_internal.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#define WRAP_AAD  (1 + KM_SUBJECT_BYTES + 4)
#define ROW_AAD   64 /* the longest name of a table and the fixed rest: 63 */
#define TABLE_MAX 32

enum wrap_kind { WRAP_SUBJECT = 1, WRAP_MONTH = 2, WRAP_SIGNER = 3, WRAP_WORK = 4 };

void km_subject_key_wipe(struct km_subject_key *k)
{
	if (k)
		km_wipe(k, sizeof(*k));
}

/* --- keys under the KEK --------------------------------------------------- */

km_rc keys_kek_new(const uint8_t kek[KM_KEK_BYTES], uint32_t generation, struct kek *out)
{
	EVP_CIPHER *siv = EVP_CIPHER_fetch(NULL, "AES-256-SIV", NULL);
	struct kek made = { .generation = generation };
	km_rc rc = siv ? KM_OK : KM_ENOMEM;

	for (int wrap = 0; !rc && wrap < 2; wrap++) {
		made.ctx[wrap] = EVP_CIPHER_CTX_new();
		if (!made.ctx[wrap] ||
		    !EVP_CipherInit_ex2(made.ctx[wrap], siv, kek, NULL, wrap, NULL))
			rc = KM_ENOMEM;
	}
	EVP_CIPHER_free(siv);
	if (rc)
		keys_kek_free(&made);
	else
		*out = made;
	return rc;
}

void keys_kek_free(struct kek *kek)
{
	EVP_CIPHER_CTX_free(kek->ctx[0]);
	EVP_CIPHER_CTX_free(kek->ctx[1]);
	*kek = (struct kek){ 0 };
}

/* NULL: not one of ours. */
static struct kek *kek_of(struct km_keys *keys, uint32_t generation)
{
	for (int i = 0; i < KEK_COUNT; i++)
		if (generation && keys->kek[i].generation == generation)
			return &keys->kek[i];
	return NULL;
}

static void wrap_aad(uint8_t aad[WRAP_AAD], enum wrap_kind kind,
		     const uint8_t whose[KM_SUBJECT_BYTES], uint32_t generation)
{
	aad[0] = (uint8_t)kind;
	memcpy(aad + 1, whose, KM_SUBJECT_BYTES);
	keys_put(aad + 1 + KM_SUBJECT_BYTES, generation, 4);
}

static km_rc wrap(struct km_keys *keys, enum wrap_kind kind, const uint8_t whose[KM_SUBJECT_BYTES],
		  const struct km_subject_key *key, uint8_t wrapped[KM_WRAPPED_BYTES])
{
	uint8_t aad[WRAP_AAD], out[KM_WRAPPED_BYTES];
	int n = 0, last = 0;
	bool ok;

	wrap_aad(aad, kind, whose, km_keys_generation(keys));
	ok = EVP_CIPHER_CTX_copy(keys->wrap, keys->kek[KEK_NEWEST].ctx[1]) &&
	     EVP_CipherUpdate(keys->wrap, NULL, &n, aad, sizeof(aad)) &&
	     EVP_CipherUpdate(keys->wrap, out + KM_GCM_TAG, &n, key->bytes, KM_KEY_BYTES) &&
	     n == KM_KEY_BYTES && EVP_CipherFinal_ex(keys->wrap, out + KM_WRAPPED_BYTES, &last) &&
	     EVP_CIPHER_CTX_ctrl(keys->wrap, EVP_CTRL_AEAD_GET_TAG, KM_GCM_TAG, out);
	EVP_CIPHER_CTX_reset(keys->wrap);
	if (!ok)
		return KM_ENOMEM;
	memcpy(wrapped, out, sizeof(out));
	return KM_OK;
}

static km_rc unwrap(struct km_keys *keys, enum wrap_kind kind,
		    const uint8_t whose[KM_SUBJECT_BYTES], uint32_t generation,
		    const uint8_t wrapped[KM_WRAPPED_BYTES], struct km_subject_key *key)
{
	struct km_subject_key out KM_SUBJECT_KEY = { 0 };
	const struct kek *kek = kek_of(keys, generation);
	uint8_t aad[WRAP_AAD], tag[KM_GCM_TAG];
	int n = 0, last = 0;
	bool ready, ok;

	keys->work.unwraps += kind != WRAP_SIGNER; /* seals are no part of a login */
	wrap_aad(aad, kind, whose, generation);
	memcpy(tag, wrapped, sizeof(tag));
	/* A generation that is not ours costs the same, and does not open. */
	ready = EVP_CIPHER_CTX_copy(keys->wrap, (kek ? kek : &keys->kek[KEK_NEWEST])->ctx[0]) &&
		EVP_CIPHER_CTX_ctrl(keys->wrap, EVP_CTRL_AEAD_SET_TAG, KM_GCM_TAG, tag) &&
		EVP_CipherUpdate(keys->wrap, NULL, &n, aad, sizeof(aad));
	ok = ready &&
	     EVP_CipherUpdate(keys->wrap, out.bytes, &n, wrapped + KM_GCM_TAG, KM_KEY_BYTES) &&
	     n == KM_KEY_BYTES && EVP_CipherFinal_ex(keys->wrap, out.bytes + KM_KEY_BYTES, &last);
	EVP_CIPHER_CTX_reset(keys->wrap);
	if (!ready)
		return KM_ENOMEM;
	if (!ok || !kek)
		return KM_ECORRUPT;
	*key = out;
	return KM_OK;
}

static km_rc wrap_new(struct km_keys *keys, enum wrap_kind kind,
		      const uint8_t whose[KM_SUBJECT_BYTES], struct km_subject_key *key,
		      uint8_t wrapped[KM_WRAPPED_BYTES])
{
	struct km_subject_key fresh KM_SUBJECT_KEY = { 0 };
	km_rc rc = km_random(fresh.bytes, sizeof(fresh.bytes));

	if (!rc)
		rc = wrap(keys, kind, whose, &fresh, wrapped);
	if (!rc)
		*key = fresh;
	return rc;
}

/*
 * For who destroys what does not open. OpenSSL does not always say that memory was missing: so a
 * key that must open is tried, and then this one again.
 */
static km_rc unwrap_surely(struct km_keys *keys, enum wrap_kind kind,
			   const uint8_t whose[KM_SUBJECT_BYTES], uint32_t generation,
			   const uint8_t wrapped[KM_WRAPPED_BYTES], struct km_subject_key *key)
{
	struct km_subject_key fresh KM_SUBJECT_KEY = { 0 };
	uint8_t good[KM_WRAPPED_BYTES];
	km_rc rc = unwrap(keys, kind, whose, generation, wrapped, key);

	if (rc != KM_ECORRUPT)
		return rc;
	rc = wrap_new(keys, kind, whose, &fresh, good);
	if (!rc)
		rc = unwrap(keys, kind, whose, km_keys_generation(keys), good, &fresh);
	if (rc)
		return KM_ENOMEM;
	return unwrap(keys, kind, whose, generation, wrapped, key);
}

static km_rc rewrap(struct km_keys *keys, enum wrap_kind kind,
		    const uint8_t whose[KM_SUBJECT_BYTES], uint32_t generation,
		    uint8_t wrapped[KM_WRAPPED_BYTES])
{
	struct km_subject_key key KM_SUBJECT_KEY = { 0 };
	km_rc rc = unwrap_surely(keys, kind, whose, generation, wrapped, &key);

	return rc ? rc : wrap(keys, kind, whose, &key, wrapped);
}

km_rc km_subject_key_new(struct km_keys *keys, const uint8_t subject[KM_SUBJECT_BYTES],
			 struct km_subject_key *key, uint8_t wrapped[KM_WRAPPED_BYTES])
{
	return wrap_new(keys, WRAP_SUBJECT, subject, key, wrapped);
}

km_rc km_subject_key_unwrap(struct km_keys *keys, const uint8_t subject[KM_SUBJECT_BYTES],
			    uint32_t generation, const uint8_t wrapped[KM_WRAPPED_BYTES],
			    struct km_subject_key *key)
{
	return unwrap(keys, WRAP_SUBJECT, subject, generation, wrapped, key);
}

km_rc km_subject_key_rewrap(struct km_keys *keys, const uint8_t subject[KM_SUBJECT_BYTES],
			    uint32_t generation, uint8_t wrapped[KM_WRAPPED_BYTES])
{
	return rewrap(keys, WRAP_SUBJECT, subject, generation, wrapped);
}

static void month_name(int64_t month, uint8_t name[KM_SUBJECT_BYTES])
{
	memset(name, 0, KM_SUBJECT_BYTES);
	keys_put(name, (uint64_t)month, 8);
}

km_rc km_month_key_new(struct km_keys *keys, int64_t month, struct km_subject_key *key,
		       uint8_t wrapped[KM_WRAPPED_BYTES])
{
	uint8_t name[KM_SUBJECT_BYTES];

	month_name(month, name);
	return wrap_new(keys, WRAP_MONTH, name, key, wrapped);
}

km_rc km_month_key_unwrap(struct km_keys *keys, int64_t month, uint32_t generation,
			  const uint8_t wrapped[KM_WRAPPED_BYTES], struct km_subject_key *key)
{
	uint8_t name[KM_SUBJECT_BYTES];

	month_name(month, name);
	return unwrap(keys, WRAP_MONTH, name, generation, wrapped, key);
}

km_rc km_work_key_new(struct km_keys *keys, const uint8_t ref[KM_SUBJECT_BYTES],
		      struct km_subject_key *key, uint8_t wrapped[KM_WRAPPED_BYTES])
{
	return wrap_new(keys, WRAP_WORK, ref, key, wrapped);
}

km_rc km_work_key_unwrap(struct km_keys *keys, const uint8_t ref[KM_SUBJECT_BYTES],
			 uint32_t generation, const uint8_t wrapped[KM_WRAPPED_BYTES],
			 struct km_subject_key *key)
{
	return unwrap(keys, WRAP_WORK, ref, generation, wrapped, key);
}

km_rc km_work_key_rewrap(struct km_keys *keys, const uint8_t ref[KM_SUBJECT_BYTES],
			 uint32_t generation, uint8_t wrapped[KM_WRAPPED_BYTES])
{
	return rewrap(keys, WRAP_WORK, ref, generation, wrapped);
}

/* There is one for each generation, which is bound already. */
static const uint8_t the_signer[KM_SUBJECT_BYTES];

km_rc km_signer_seed_new(struct km_keys *keys, struct km_subject_key *seed,
			 uint8_t wrapped[KM_WRAPPED_BYTES])
{
	return wrap_new(keys, WRAP_SIGNER, the_signer, seed, wrapped);
}

km_rc km_signer_seed_unwrap(struct km_keys *keys, uint32_t generation,
			    const uint8_t wrapped[KM_WRAPPED_BYTES], struct km_subject_key *seed)
{
	return unwrap_surely(keys, WRAP_SIGNER, the_signer, generation, wrapped, seed);
}

km_rc km_month_key_rewrap(struct km_keys *keys, int64_t month, uint32_t generation,
			  uint8_t wrapped[KM_WRAPPED_BYTES])
{
	uint8_t name[KM_SUBJECT_BYTES];

	month_name(month, name);
	return rewrap(keys, WRAP_MONTH, name, generation, wrapped);
}

/* --- rows ----------------------------------------------------------------- */

km_rc keys_gcm_seal(struct km_keys *keys, const uint8_t key[KM_KEY_BYTES], const void *aad,
		    size_t aad_len, const void *plain, size_t len, uint8_t *sealed)
{
	int n = 0, last = 0;
	km_rc rc = km_random(sealed, KM_NONCE_BYTES);
	bool ok;

	if (rc)
		return rc;
	ok = EVP_CipherInit_ex2(keys->row, keys->gcm, key, sealed, 1, NULL) &&
	     EVP_CipherUpdate(keys->row, NULL, &n, aad, (int)aad_len) &&
	     EVP_CipherUpdate(keys->row, sealed + KM_NONCE_BYTES, &n, plain, (int)len) &&
	     (size_t)n == len &&
	     EVP_CipherFinal_ex(keys->row, sealed + KM_NONCE_BYTES + len, &last) &&
	     EVP_CIPHER_CTX_ctrl(keys->row, EVP_CTRL_AEAD_GET_TAG, KM_GCM_TAG,
				 sealed + KM_NONCE_BYTES + len);
	EVP_CIPHER_CTX_reset(keys->row);
	return ok ? KM_OK : KM_ENOMEM;
}

km_rc keys_gcm_open(struct km_keys *keys, const uint8_t key[KM_KEY_BYTES], const void *aad,
		    size_t aad_len, const uint8_t *sealed, size_t sealed_len, uint8_t *plain)
{
	size_t len = sealed_len - KM_SEAL_OVERHEAD;
	uint8_t tag[KM_GCM_TAG];
	int n = 0, last = 0;
	bool ready, ok;

	memcpy(tag, sealed + KM_NONCE_BYTES + len, sizeof(tag));
	ready = EVP_CipherInit_ex2(keys->row, keys->gcm, key, sealed, 0, NULL) &&
		EVP_CipherUpdate(keys->row, NULL, &n, aad, (int)aad_len) &&
		EVP_CipherUpdate(keys->row, plain, &n, sealed + KM_NONCE_BYTES, (int)len) &&
		EVP_CIPHER_CTX_ctrl(keys->row, EVP_CTRL_AEAD_SET_TAG, KM_GCM_TAG, tag);
	ok = ready && EVP_CipherFinal_ex(keys->row, plain + len, &last);
	EVP_CIPHER_CTX_reset(keys->row);
	if (!ready)
		return KM_ENOMEM;
	return ok ? KM_OK : KM_ECORRUPT;
}

/* Every field has its length or is of one length: no two places give the same bytes. */
static km_rc row_aad(const struct km_aad *aad, uint8_t out[ROW_AAD], size_t *len)
{
	size_t table = strlen(aad->table);
	uint8_t *at = out;

	if (table > TABLE_MAX)
		return KM_EINVAL;
	at = keys_put(at, table, 1);
	memcpy(at, aad->table, table);
	at = keys_put(at + table, aad->id, 8);
	at = keys_put(at, aad->subject != NULL, 1);
	if (aad->subject) {
		memcpy(at, aad->subject, KM_SUBJECT_BYTES);
		at += KM_SUBJECT_BYTES;
	}
	at = keys_put(at, aad->kind, 1);
	at = keys_put(at, aad->version, 4);
	*len = (size_t)(at - out);
	return KM_OK;
}

km_rc km_seal(struct km_keys *keys, const struct km_subject_key *key, const struct km_aad *aad,
	      const void *plain, size_t plain_len, uint8_t *sealed, size_t cap, size_t *sealed_len)
{
	uint8_t bound[ROW_AAD], *out = keys->scratch;
	size_t bound_len;
	km_rc rc;

	if (plain_len > KM_SEALED_MAX - KM_SEAL_OVERHEAD || plain_len + KM_SEAL_OVERHEAD > cap)
		return KM_ELIMIT;
	rc = row_aad(aad, bound, &bound_len);
	if (!rc)
		rc = keys_gcm_seal(keys, key->bytes, bound, bound_len, plain, plain_len, out);
	if (rc)
		return rc;
	memcpy(sealed, out, plain_len + KM_SEAL_OVERHEAD);
	*sealed_len = plain_len + KM_SEAL_OVERHEAD;
	return KM_OK;
}

km_rc km_unseal(struct km_keys *keys, const struct km_subject_key *key, const struct km_aad *aad,
		const uint8_t *sealed, size_t sealed_len, void *plain, size_t cap,
		size_t *plain_len)
{
	uint8_t bound[ROW_AAD], *out = keys->scratch;
	size_t bound_len, len;
	km_rc rc;

	keys->work.unseals++;
	if (sealed_len < KM_SEAL_OVERHEAD || sealed_len > KM_SEALED_MAX)
		return KM_ECORRUPT;
	len = sealed_len - KM_SEAL_OVERHEAD;
	if (len > cap)
		return KM_ELIMIT;
	rc = row_aad(aad, bound, &bound_len);
	if (!rc)
		rc = keys_gcm_open(keys, key->bytes, bound, bound_len, sealed, sealed_len, out);
	if (!rc) {
		memcpy(plain, out, len);
		*plain_len = len;
	}
	km_wipe(out, len);
	return rc;
}
