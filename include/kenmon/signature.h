/* Checking an Ed25519 signature (RFC 8032). Nothing is kept between calls; nothing here signs. */
#ifndef KENMON_SIGNATURE_H
#define KENMON_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

#include <kenmon/rc.h>

/* KM_ECORRUPT: not signed by this key. KM_ENOMEM is no answer about the signature. */
KM_MUST_CHECK km_rc km_signature_verify(const uint8_t public[32], const void *bytes, size_t len,
					const uint8_t signature[64]);

#endif
