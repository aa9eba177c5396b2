/*
 * Does a certificate hold? Without a vault, by the bytes alone: each signer is
 * signed by the one before it, from the first, which signed itself, to the last,
 * which signed the certificate. Whether the first is the site's is for whoever
 * wrote that key down. After a restore nobody has the private part of the signer
 * before: the next one signs itself, and is the first for all that comes after it.
 */
#include <string.h>

#include <kenmon/signature.h>

#include "certificate.h"

static struct certificate_finding because(enum certificate_fault fault, uint32_t generation)
{
	return (struct certificate_finding){ .fault = fault, .generation = generation };
}

static enum certificate_fault fault_of(km_rc rc, enum certificate_fault fault)
{
	if (rc == KM_OK)
		return CERTIFICATE_HOLDS;
	return rc == KM_ECORRUPT ? fault : CERTIFICATE_MEMORY;
}

static km_rc signed_by(const struct certificate *c, const struct msg_signer_row *s,
		       const struct msg_signer_row *by)
{
	uint8_t message[KM_SIGNER_MESSAGE];

	km_signer_message(c->row.chain, s, message);
	return km_signature_verify(by->public, message, sizeof(message), s->signature);
}

static struct certificate_finding verify_chain(const struct certificate *c)
{
	enum certificate_fault fault = CERTIFICATE_NO_FIRST;
	const struct msg_signer_row *s = c->signer;
	size_t first = 0;

	if (c->signers == 0 || s[0].since_seq != 0)
		return because(fault, 0);
	fault = fault_of(signed_by(c, &s[0], &s[0]), fault);
	if (fault)
		return because(fault, s[0].generation);
	for (size_t i = 1; i < c->signers; i++) {
		bool anew;

		if (s[i].generation <= s[i - 1].generation || s[i].since_seq < s[i - 1].since_seq)
			return because(CERTIFICATE_CHAIN, s[i].generation);
		fault = fault_of(signed_by(c, &s[i], &s[i - 1]), CERTIFICATE_CHAIN);
		anew = fault == CERTIFICATE_CHAIN;
		if (anew)
			fault = fault_of(signed_by(c, &s[i], &s[i]), CERTIFICATE_CHAIN);
		if (fault)
			return because(fault, s[i].generation);
		if (anew)
			first = i;
	}
	return (struct certificate_finding){ .fault = CERTIFICATE_HOLDS, .first = first };
}

static enum certificate_fault verify_signature(const struct certificate *c)
{
	const struct msg_signer_row *last = &c->signer[c->signers - 1];
	uint8_t message[KM_CERTIFICATE_MESSAGE];
	size_t len = km_certificate_message(&c->row, c->item, message);

	if (c->row.generation != last->generation)
		return CERTIFICATE_OTHER;
	return fault_of(km_signature_verify(last->public, message, len, c->row.signature),
			CERTIFICATE_OTHER);
}

struct certificate_finding certificate_verify(const struct certificate *c, const uint8_t *key)
{
	struct certificate_finding found = because(CERTIFICATE_UNCHECKED, 0);

	if (c->row.generation == 0)
		return because(CERTIFICATE_UNSIGNED, 0);
	found = verify_chain(c);
	if (found.fault == CERTIFICATE_HOLDS)
		found.fault = verify_signature(c);
	if (found.fault == CERTIFICATE_HOLDS && key &&
	    memcmp(key, c->signer[found.first].public, sizeof(c->signer->public)) != 0)
		found.fault = CERTIFICATE_KEY;
	return found;
}
