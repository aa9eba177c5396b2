/* Bytes that are signed: fields of fixed width behind one another, numbers big-endian. */
#include <string.h>

#include <kenmon/certificate.h>

static uint8_t *put(uint8_t *at, uint64_t value, unsigned width)
{
	for (unsigned i = width; i-- > 0;)
		*at++ = (uint8_t)(value >> (8 * i));
	return at;
}

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t len)
{
	memcpy(at, bytes, len);
	return at + len;
}

size_t km_certificate_message(const struct msg_certificate_row *c,
			      const struct msg_certificate_item *items,
			      uint8_t out[KM_CERTIFICATE_MESSAGE])
{
	uint8_t *at = put_bytes(out, KM_CERTIFICATE_DOMAIN, sizeof(KM_CERTIFICATE_DOMAIN));
	size_t count = c->items < KM_CERTIFICATE_ITEMS ? c->items : KM_CERTIFICATE_ITEMS;

	at = put_bytes(at, c->chain, sizeof(c->chain));
	at = put_bytes(at, c->subject, sizeof(c->subject));
	at = put(at, c->cause, 1);
	at = put_bytes(at, c->decided, sizeof(c->decided));
	at = put_bytes(at, c->approved, sizeof(c->approved));
	at = put(at, (uint64_t)c->unusable, 8);
	at = put(at, (uint64_t)c->finished, 8);
	at = put(at, c->epoch, 4);
	at = put(at, (uint64_t)c->closed, 8);
	at = put(at, c->bundles, 1);
	at = put(at, c->seq, 8);
	at = put_bytes(at, c->hash, sizeof(c->hash));
	at = put(at, (uint64_t)c->signed_at, 8);
	at = put(at, c->generation, 4);
	at = put(at, count, 2);
	for (size_t i = 0; i < count; i++) {
		at = put(at, items[i].kind, 1);
		at = put(at, items[i].id, 8);
		at = put(at, (uint64_t)items[i].created, 8);
	}
	return (size_t)(at - out);
}

void km_signer_message(const uint8_t chain[16], const struct msg_signer_row *s,
		       uint8_t out[KM_SIGNER_MESSAGE])
{
	uint8_t *at = put_bytes(out, KM_SIGNER_DOMAIN, sizeof(KM_SIGNER_DOMAIN));

	at = put_bytes(at, chain, 16);
	at = put(at, s->generation, 4);
	at = put_bytes(at, s->public, sizeof(s->public));
	at = put(at, s->since_seq, 8);
	put_bytes(at, s->since_hash, sizeof(s->since_hash));
}
