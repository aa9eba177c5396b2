/*
 * What a signer signs of a certificate, and of the signer that follows it: the
 * vault makes these bytes and the desk checks them, without a vault.
 * docs/STORAGE.md lists them.
 */
#ifndef KENMON_CERTIFICATE_H
#define KENMON_CERTIFICATE_H

#include <stddef.h>
#include <stdint.h>

#include <kenmon/wire.h>

#define KM_CERTIFICATE_ITEMS 17 /* the person, and at most 16 credentials */

/* Domains, each with its zero. */
#define KM_CERTIFICATE_DOMAIN "kenmon certificate 1"
#define KM_SIGNER_DOMAIN      "kenmon signer 1"

#define KM_CERTIFICATE_MESSAGE                                                                     \
	(sizeof(KM_CERTIFICATE_DOMAIN) + 16 + 16 + 1 + 16 + 16 + 8 + 8 + 4 + 8 + 1 + 8 + 32 + 8 +  \
	 4 + 2 + KM_CERTIFICATE_ITEMS * (1 + 8 + 8))
#define KM_SIGNER_MESSAGE (sizeof(KM_SIGNER_DOMAIN) + 16 + 4 + 32 + 8 + 32)

/* c->items of them; at most KM_CERTIFICATE_ITEMS count. The length. */
size_t km_certificate_message(const struct msg_certificate_row *c,
			      const struct msg_certificate_item *items,
			      uint8_t out[KM_CERTIFICATE_MESSAGE]);
void km_signer_message(const uint8_t chain[16], const struct msg_signer_row *s,
		       uint8_t out[KM_SIGNER_MESSAGE]);

#endif
