/* Ed25519 by OpenSSL: linked into whoever checks a signature, and into no other program. */
#include <openssl/evp.h>

#include <kenmon/signature.h>

static void key_free(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void context_free(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static km_rc verify(const uint8_t public[32], const void *bytes, size_t len,
		    const uint8_t signature[64])
{
	EVP_PKEY *key __attribute__((cleanup(key_free))) =
	    EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public, 32);
	EVP_MD_CTX *ctx __attribute__((cleanup(context_free))) = EVP_MD_CTX_new();

	if (!key || !ctx || EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) != 1)
		return KM_ENOMEM;
	return EVP_DigestVerify(ctx, signature, 64, bytes, len) == 1 ? KM_OK : KM_ECORRUPT;
}

/* Does it work at all now? RFC 8032, 7.1, TEST 1: of nothing. */
static km_rc verify_works(void)
{
	static const uint8_t public[32] = {
		0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe,
		0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6,
		0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
	};
	static const uint8_t signature[64] = {
		0xe5, 0x56, 0x43, 0x00, 0xc3, 0x60, 0xac, 0x72, 0x90, 0x86, 0xe2, 0xcc, 0x80,
		0x6e, 0x82, 0x8a, 0x84, 0x87, 0x7f, 0x1e, 0xb8, 0xe5, 0xd9, 0x74, 0xd8, 0x73,
		0xe0, 0x65, 0x22, 0x49, 0x01, 0x55, 0x5f, 0xb8, 0x82, 0x15, 0x90, 0xa3, 0x3b,
		0xac, 0xc6, 0x1e, 0x39, 0x70, 0x1c, 0xf9, 0xb4, 0x6b, 0xd2, 0x5b, 0xf5, 0xf0,
		0x59, 0x5b, 0xbe, 0x24, 0x65, 0x51, 0x41, 0x43, 0x8e, 0x7a, 0x10, 0x0b,
	};

	return verify(public, "", 0, signature);
}

km_rc km_signature_verify(const uint8_t public[32], const void *bytes, size_t len,
			  const uint8_t signature[64])
{
	km_rc rc = verify(public, bytes, len, signature);

	/* Too little memory, which OpenSSL does not always tell of, must not pass for a forgery. */
	if (rc == KM_ECORRUPT)
		rc = verify_works() ? KM_ENOMEM : verify(public, bytes, len, signature);
	return rc;
}
