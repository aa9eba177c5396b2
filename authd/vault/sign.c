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

static km_rc verify(const uint8_t public[KM_PUBLIC_BYTES], const void *bytes, size_t len,
		    const uint8_t signature[KM_SIGNATURE_BYTES])
{
	EVP_PKEY *key KEY =
	    EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public, KM_PUBLIC_BYTES);
	EVP_MD_CTX *ctx CONTEXT = EVP_MD_CTX_new();

	if (!key || !ctx || EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) != 1)
		return KM_ENOMEM;
	return EVP_DigestVerify(ctx, signature, KM_SIGNATURE_BYTES, bytes, len) == 1 ? KM_OK
										     : KM_ECORRUPT;
}

/* Does it work at all now? With a key of nobody's. */
static km_rc verify_works(void)
{
	static const struct km_subject_key nobody = { { 1 } };
	uint8_t public[KM_PUBLIC_BYTES], signature[KM_SIGNATURE_BYTES];
	km_rc rc = sign_public(&nobody, public);

	if (!rc)
		rc = sign_bytes(&nobody, public, sizeof(public), signature);
	return rc ? rc : verify(public, public, sizeof(public), signature);
}

km_rc sign_verify(const uint8_t public[KM_PUBLIC_BYTES], const void *bytes, size_t len,
		  const uint8_t signature[KM_SIGNATURE_BYTES])
{
	km_rc rc = verify(public, bytes, len, signature);

	/* Too little memory, which OpenSSL does not always tell of, must not pass for a forgery. */
	if (rc == KM_ECORRUPT)
		rc = verify_works() ? KM_ENOMEM : verify(public, bytes, len, signature);
	return rc;
}
