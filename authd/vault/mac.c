/*
 * Tags, MACs of rows, and codes: HMAC-SHA256.
 *
 * A context that was keyed for one call is keyed with zeros at once, which wipes OpenSSL's copy of
 * the key. The MACs of rows, ten for each login, and tags, five for each row of a roster, use
 * SHA-256 without OpenSSL's contexts: three times as fast, and the begun hashes lie in locked
 * memory.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "keys_internal.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

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

km_rc km_mac_head(struct km_keys *keys, const void *bytes, size_t len, uint8_t out[KM_TAG_BYTES])
{
	return keys_hmac(keys, keys->head, "head", bytes, len, out);
}

static bool begin(const uint8_t key[KM_KEY_BYTES], uint8_t pad, SHA256_CTX *out)
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

static bool begin_both(const uint8_t key[KM_KEY_BYTES], struct begun *out)
{
	return begin(key, 0x36, &out->inner) && begin(key, 0x5c, &out->outer);
}

km_rc keys_begin(struct km_keys *keys)
{
	return begin_both(keys->rows, &keys->with_rows) &&
		       begin_both(keys->tag_vault, &keys->with_tag_vault) &&
		       begin_both(keys->tag_identity, &keys->with_tag_identity)
		   ? KM_OK
		   : KM_ENOMEM;
}

/* HMAC-SHA256 over purpose ‖ 0 ‖ bytes, as keys_hmac() makes it. */
static km_rc go_on(struct km_keys *keys, const struct begun *begun, const char *purpose,
		   const void *bytes, size_t len, uint8_t out[KM_TAG_BYTES])
{
	struct begun b = *begun;
	uint8_t mac[SHA256_DIGEST_LENGTH];
	bool ok;

	keys->work.hmacs++;
	ok = SHA256_Update(&b.inner, purpose, strlen(purpose) + 1) &&
	     SHA256_Update(&b.inner, bytes, len) && SHA256_Final(mac, &b.inner) &&
	     SHA256_Update(&b.outer, mac, sizeof(mac)) && SHA256_Final(mac, &b.outer);
	km_wipe(&b, sizeof(b));
	if (!ok)
		return KM_ENOMEM;
	memcpy(out, mac, KM_TAG_BYTES);
	return KM_OK;
}

km_rc km_tag_login(struct km_keys *keys, const char *login, uint8_t out[KM_TAG_BYTES])
{
	return go_on(keys, &keys->with_tag_vault, "login", login, strlen(login), out);
}

km_rc km_tag_department(struct km_keys *keys, const char *department, uint8_t out[KM_TAG_BYTES])
{
	return go_on(keys, &keys->with_tag_vault, "department", department, strlen(department),
		     out);
}

km_rc km_tag_machine(struct km_keys *keys, const char *machine_id, uint8_t out[KM_TAG_BYTES])
{
	return go_on(keys, &keys->with_tag_vault, "machine", machine_id, strlen(machine_id), out);
}

km_rc km_tag_phone(struct km_keys *keys, enum km_tag_phone what, const void *bytes, size_t len,
		   uint8_t out[KM_TAG_BYTES])
{
	static const char *const purpose[] = {
		[KM_TAG_PHONE_OPERATOR] = "phone operator",
		[KM_TAG_PHONE_NUMBER] = "phone number",
		[KM_TAG_PHONE_SITE] = "phone site",
	};

	return go_on(keys, &keys->with_tag_vault, purpose[what], bytes, len, out);
}

km_rc km_tag_employee(struct km_keys *keys, const char *number, uint8_t out[KM_TAG_BYTES])
{
	return go_on(keys, &keys->with_tag_identity, "employee", number, strlen(number), out);
}

km_rc km_mac_row(struct km_keys *keys, const char *table, const void *bytes, size_t len,
		 uint8_t out[KM_ROW_MAC_BYTES])
{
	uint8_t mac[KM_TAG_BYTES];
	km_rc rc = go_on(keys, &keys->with_rows, table, bytes, len, mac);

	if (rc == KM_OK)
		memcpy(out, mac, KM_ROW_MAC_BYTES);
	return rc;
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

km_rc km_mac_challenge(struct km_keys *keys, const struct km_subject_key *key, const void *bytes,
		       size_t len, uint8_t out[KM_TAG_BYTES])
{
	struct km_subject_key own KM_SUBJECT_KEY = { 0 };
	km_rc rc = keys_hmac(keys, key->bytes, "kenmon challenge 1", "", 0, own.bytes);

	return rc ? rc : keys_hmac(keys, own.bytes, "challenge", bytes, len, out);
}

km_rc km_template_key(struct km_keys *keys, const struct km_subject_key *subject,
		      const struct km_subject_key *finger, struct km_subject_key *out)
{
	return keys_hmac(keys, subject->bytes, "kenmon template 1", finger->bytes,
			 sizeof(finger->bytes), out->bytes);
}
