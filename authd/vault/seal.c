/*
 * Sealing: rows under a key (AES-256-GCM), tags, codes (HMAC).
 *
 * A context that was keyed for one row is reset at once, which wipes OpenSSL's copy of the key.
 *
 * The MACs of rows, ten for each login, use SHA-256 without OpenSSL's
 * contexts: three times as fast, and its two begun hashes lie in locked memory.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
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

/* --- HMAC ----------------------------------------------------------------- */

km_rc keys_use_mac(struct km_keys *keys)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *hmac;

	if (keys->mac)
		return KM_OK;
	hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	keys->mac = hmac ? EVP_MAC_CTX_new(hmac) : NULL; /* holds a reference of its own */
	EVP_MAC_free(hmac);
	if (keys->mac && EVP_MAC_CTX_set_params(keys->mac, params))
		return KM_OK;
	EVP_MAC_CTX_free(keys->mac);
	keys->mac = NULL;
	return KM_ENOMEM;
}

km_rc keys_hmac(struct km_keys *keys, const uint8_t key[KM_KEY_BYTES], const char *purpose,
		const void *bytes, size_t len, uint8_t out[KM_TAG_BYTES])
{
	static const uint8_t nothing[KM_KEY_BYTES];
	uint8_t mac[KM_TAG_BYTES];
	size_t mac_len = 0;
	int ok;

	keys->work.hmacs++;
	if (keys_use_mac(keys) != KM_OK)
		return KM_ENOMEM;
	ok = EVP_MAC_init(keys->mac, key, KM_KEY_BYTES, NULL) &&
	     EVP_MAC_update(keys->mac, (const uint8_t *)purpose, strlen(purpose) + 1) &&
	     EVP_MAC_update(keys->mac, bytes, len) &&
	     EVP_MAC_final(keys->mac, mac, &mac_len, sizeof(mac)) && mac_len == sizeof(mac);
	/* Key it with nothing, so that OpenSSL keeps no copy. */
	if (!ok || !EVP_MAC_init(keys->mac, nothing, sizeof(nothing), NULL)) {
		/* A context whose keying failed is not to be used again (OpenSSL 3.5 crashes). */
		EVP_MAC_CTX_free(keys->mac);
		keys->mac = NULL;
		return KM_ENOMEM;
	}
	memcpy(out, mac, sizeof(mac));
	return KM_OK;
}

km_rc km_tag_login(struct km_keys *keys, const char *login, uint8_t out[KM_TAG_BYTES])
{
	return keys_hmac(keys, keys->tag_vault, "login", login, strlen(login), out);
}

km_rc km_tag_department(struct km_keys *keys, const char *department, uint8_t out[KM_TAG_BYTES])
{
	return keys_hmac(keys, keys->tag_vault, "department", department, strlen(department), out);
}

km_rc km_tag_machine(struct km_keys *keys, const char *machine_id, uint8_t out[KM_TAG_BYTES])
{
	return keys_hmac(keys, keys->tag_vault, "machine", machine_id, strlen(machine_id), out);
}

km_rc km_tag_employee(struct km_keys *keys, const char *number, uint8_t out[KM_TAG_BYTES])
{
	return keys_hmac(keys, keys->tag_identity, "employee", number, strlen(number), out);
}

km_rc km_mac_head(struct km_keys *keys, const void *bytes, size_t len, uint8_t out[KM_TAG_BYTES])
{
	return keys_hmac(keys, keys->head, "head", bytes, len, out);
}

static bool begin_rows(const uint8_t key[KM_KEY_BYTES], uint8_t pad, SHA256_CTX *out)
{
	uint8_t block[SHA256_CBLOCK];
	bool ok;

	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < KM_KEY_BYTES; i++)
		block[i] ^= key[i];
	ok = SHA256_Init(out) && SHA256_Update(out, block, sizeof(block));
	km_wipe(block, sizeof(block));
	return ok;
}

km_rc keys_use_rows(struct km_keys *keys)
{
	return begin_rows(keys->rows, 0x36, &keys->rows_inner) &&
		       begin_rows(keys->rows, 0x5c, &keys->rows_outer)
		   ? KM_OK
		   : KM_ENOMEM;
}

km_rc km_mac_row(struct km_keys *keys, const char *table, const void *bytes, size_t len,
		 uint8_t out[KM_ROW_MAC_BYTES])
{
	SHA256_CTX inner = keys->rows_inner, outer = keys->rows_outer;
	uint8_t mac[SHA256_DIGEST_LENGTH];
	bool ok;

	keys->work.hmacs++;
	ok = SHA256_Update(&inner, table, strlen(table) + 1) && SHA256_Update(&inner, bytes, len) &&
	     SHA256_Final(mac, &inner) && SHA256_Update(&outer, mac, sizeof(mac)) &&
	     SHA256_Final(mac, &outer);
	km_wipe(&inner, sizeof(inner));
	km_wipe(&outer, sizeof(outer));
	if (!ok)
		return KM_ENOMEM;
	memcpy(out, mac, KM_ROW_MAC_BYTES);
	return KM_OK;
}

km_rc km_mac_recovery(struct km_keys *keys, const struct km_subject_key *key, uint64_t credential,
		      const void *code, size_t len, uint8_t out[KM_TAG_BYTES])
{
	struct km_subject_key own KM_SUBJECT_KEY = { 0 };
	uint8_t message[8 + KM_SECRET_MAX];
	km_rc rc;

	if (len > KM_SECRET_MAX)
		return KM_ELIMIT;
	/* The subject's key seals; one key does not do two things. */
	rc = keys_hmac(keys, key->bytes, "kenmon recovery 1", "", 0, own.bytes);
	if (rc)
		return rc;
	keys_put(message, credential, 8);
	memcpy(message + 8, code, len);
	rc = keys_hmac(keys, own.bytes, "recovery", message, 8 + len, out);
	km_wipe(message, sizeof(message));
	return rc;
}

km_rc km_template_key(struct km_keys *keys, const struct km_subject_key *subject,
		      const struct km_subject_key *finger, struct km_subject_key *out)
{
	return keys_hmac(keys, subject->bytes, "kenmon template 1", finger->bytes,
			 sizeof(finger->bytes), out->bytes);
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
