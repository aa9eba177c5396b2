/*
 * Ed25519 by OpenSSL. Its copy of the seed is in memory of its own for the
 * length of one signature, and is wiped when the key is freed.
 */
#include "sign.h"

#include <string.h>

#include <openssl/evp.h>

static void key_free(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void context_free(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

#define KEY     __attribute__((cleanup(key_free)))
#define CONTEXT __attribute__((cleanup(context_free)))

km_rc sign_public(const struct km_subject_key *seed, uint8_t public[KM_PUBLIC_BYTES])
{
	EVP_PKEY *key KEY =
	    EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed->bytes, sizeof(seed->bytes));
	uint8_t out[KM_PUBLIC_BYTES];
	size_t len = sizeof(out);

	if (!key || EVP_PKEY_get_raw_public_key(key, out, &len) != 1 || len != sizeof(out))
		return KM_ENOMEM;
	memcpy(public, out, sizeof(out));
	return KM_OK;
}

km_rc sign_bytes(const struct km_subject_key *seed, const void *bytes, size_t len,
		 uint8_t signature[KM_SIGNATURE_BYTES])
{
	EVP_PKEY *key KEY =
	    EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed->bytes, sizeof(seed->bytes));
	EVP_MD_CTX *ctx CONTEXT = EVP_MD_CTX_new();
	uint8_t out[KM_SIGNATURE_BYTES];
	size_t out_len = sizeof(out);

	if (!key || !ctx || EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) != 1 ||
	    EVP_DigestSign(ctx, out, &out_len, bytes, len) != 1 || out_len != sizeof(out))
		return KM_ENOMEM;
	memcpy(signature, out, sizeof(out));
	return KM_OK;
}
