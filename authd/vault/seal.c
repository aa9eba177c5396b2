/*
 * Sealing: rows under a key (AES-256-GCM).
 *
 * A context that was keyed for one row is reset at once, which wipes OpenSSL's copy of the key.
 */
#include "keys_internal.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#define ROW_AAD   64 /* the longest name of a table and the fixed rest: 63 */
#define TABLE_MAX 32

void km_subject_key_wipe(struct km_subject_key *k)
{
	if (k)
		km_wipe(k, sizeof(*k));
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
