/* A certificate that holds, of three signers. Each test includes this once. */
#ifndef KENMON_TESTS_CERTIFICATE_SCENE_H
#define KENMON_TESTS_CERTIFICATE_SCENE_H

#include <kenmon/certificate.h>
#include <kenmon/keys.h>
#include <kenmon/people.h>

#include "desk_scene.h"

#include "../../authd/vault/sign.h"
#include "../../enroll/certificate.h"

#define SIGNERS 3

static struct km_subject_key seeds[SIGNERS];

static inline void sign_signer(struct certificate *c, struct msg_signer_row *s, unsigned by)
{
	uint8_t message[KM_SIGNER_MESSAGE];

	km_signer_message(c->row.chain, s, message);
	assert_int_equal(sign_bytes(&seeds[by], message, sizeof(message), s->signature), KM_OK);
}

static inline void sign_certificate(struct certificate *c, unsigned by)
{
	uint8_t message[KM_CERTIFICATE_MESSAGE];
	size_t len = km_certificate_message(&c->row, c->item, message);

	assert_int_equal(sign_bytes(&seeds[by], message, len, c->row.signature), KM_OK);
}

static inline void fill(struct certificate *c)
{
	static const struct msg_certificate_item items[] = {
		{ 0, 0, 1700000000 },
		{ KM_FACTOR_TOTP, 7, 1710000000 },
		{ KM_FACTOR_FINGERPRINT, 8, 1720000000 },
		{ CERTIFICATE_DAMAGED, 9, 0 },
	};

	*c = (struct certificate){ .row = { .cause = KM_CAUSE_RETIRED,
					    .unusable = 1750000000,
					    .finished = 1750000001,
					    .epoch = 2,
					    .closed = 1750000600,
					    .bundles = 1,
					    .seq = 4711,
					    .items = 4,
					    .signed_at = 1760000000,
					    .generation = SIGNERS } };
	memset(c->row.subject, 0x5a, sizeof(c->row.subject));
	memset(c->row.decided, 0x11, sizeof(c->row.decided));
	memset(c->row.chain, 0xc4, sizeof(c->row.chain));
	memset(c->row.hash, 0x4a, sizeof(c->row.hash));
	memcpy(c->item, items, sizeof(items));
	for (unsigned i = 0; i < SIGNERS; i++) {
		struct msg_signer_row s = { .generation = i + 1, .since_seq = 100 * i };

		memset(seeds[i].bytes, (int)(i + 1), sizeof(seeds[i].bytes));
		assert_int_equal(sign_public(&seeds[i], s.public), KM_OK);
		memset(s.since_hash, (int)i, sizeof(s.since_hash));
		sign_signer(c, &s, i ? i - 1 : 0);
		assert_int_equal(certificate_add_signer(c, &s), KM_OK);
	}
	sign_certificate(c, SIGNERS - 1);
}

static inline int verify(struct scene *s, const struct certificate *c, char *key)
{
	static const struct play p;
	char path[] = "/tmp/kenmon-test-XXXXXX";
	int fd = mkstemp(path), code;
	FILE *f = fdopen(fd, "w");

	assert_non_null(f);
	certificate_write(c, f);
	assert_int_equal(fclose(f), 0);
	begin(s, &p, "");
	code = key ? KENMON(s, W("certificate"), W("verify"), path, W("--key"), key)
		   : KENMON(s, W("certificate"), W("verify"), path);
	unlink(path);
	return code;
}

#endif
