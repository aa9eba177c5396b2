/* Ed25519 (RFC 8032): signing with a seed. Nothing is kept between calls; common/signature.c
 * checks. */
#ifndef KENMON_VAULT_SIGN_H
#define KENMON_VAULT_SIGN_H

#include <kenmon/anchor.h>
#include <kenmon/keys.h>

KM_MUST_CHECK km_rc sign_public(const struct km_subject_key *seed, uint8_t public[KM_PUBLIC_BYTES]);
KM_MUST_CHECK km_rc sign_bytes(const struct km_subject_key *seed, const void *bytes, size_t len,
			       uint8_t signature[KM_SIGNATURE_BYTES]);

#endif
