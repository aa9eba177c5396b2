/*
 * Wrapping: keys under the KEK (AES-256-SIV), each bound to its kind and its place.
 *
 * The two contexts of the KEK stay keyed (keying one costs as much as the rest of a login); their
 * schedules are the one copy of a key outside locked memory. The process is not dumpable.
 */
#include "keys_internal.h"

#include <string.h>

#include <openssl/evp.h>

#define WRAP_AAD (1 + KM_SUBJECT_BYTES + 4)

enum wrap_kind {
	WRAP_SUBJECT = 1,
	WRAP_MONTH = 2,
	WRAP_SIGNER = 3,
	WRAP_WORK = 4,
	WRAP_FINGER = 5
};

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

/* What has a number stands by that. */
static void number_name(uint64_t number, uint8_t name[KM_SUBJECT_BYTES])
{
	memset(name, 0, KM_SUBJECT_BYTES);
	keys_put(name, number, 8);
}

km_rc km_month_key_new(struct km_keys *keys, int64_t month, struct km_subject_key *key,
		       uint8_t wrapped[KM_WRAPPED_BYTES])
{
	uint8_t name[KM_SUBJECT_BYTES];

	number_name((uint64_t)month, name);
	return wrap_new(keys, WRAP_MONTH, name, key, wrapped);
}

km_rc km_month_key_unwrap(struct km_keys *keys, int64_t month, uint32_t generation,
			  const uint8_t wrapped[KM_WRAPPED_BYTES], struct km_subject_key *key)
{
	uint8_t name[KM_SUBJECT_BYTES];

	number_name((uint64_t)month, name);
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

km_rc km_finger_key_new(struct km_keys *keys, uint64_t credential, struct km_subject_key *key,
			uint8_t wrapped[KM_WRAPPED_BYTES])
{
	uint8_t name[KM_SUBJECT_BYTES];

	number_name(credential, name);
	return wrap_new(keys, WRAP_FINGER, name, key, wrapped);
}

km_rc km_finger_key_unwrap(struct km_keys *keys, uint64_t credential, uint32_t generation,
			   const uint8_t wrapped[KM_WRAPPED_BYTES], struct km_subject_key *key)
{
	uint8_t name[KM_SUBJECT_BYTES];

	number_name(credential, name);
	return unwrap(keys, WRAP_FINGER, name, generation, wrapped, key);
}

km_rc km_finger_key_rewrap(struct km_keys *keys, uint64_t credential, uint32_t generation,
			   uint8_t wrapped[KM_WRAPPED_BYTES])
{
	uint8_t name[KM_SUBJECT_BYTES];

	number_name(credential, name);
	return rewrap(keys, WRAP_FINGER, name, generation, wrapped);
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

	number_name((uint64_t)month, name);
	return rewrap(keys, WRAP_MONTH, name, generation, wrapped);
}
