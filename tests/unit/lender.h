/* A vault that lends, for tests of the matcher: templates of played fingers, and grants by number.
 */
#ifndef KENMON_TESTS_LENDER_H
#define KENMON_TESTS_LENDER_H

#include <stdlib.h>
#include <string.h>

#include <kenmon/wire.h>

#include "../../authd/matcher/match.h"
#include "fingers.h"

#define LENDER_IMPRESSIONS 5

/* A template of so many touches of a finger, as bytes; its length. */
static inline uint16_t lender_blob(uint32_t finger, unsigned touches, uint8_t out[TEMPLATE_BYTES])
{
	static struct finger_template t;
	size_t len = 0;

	t = (struct finger_template){ .count = touches };
	for (unsigned i = 0; i < touches; i++)
		t.impression[i] = finger_touch(finger, i + 1);
	if (template_encode(&t, out, TEMPLATE_BYTES, &len) != KM_OK)
		abort();
	return (uint16_t)len;
}

static inline void lender_id(uint8_t out[KM_GRANT_BYTES], unsigned number)
{
	memset(out, 0xa0, KM_GRANT_BYTES);
	out[0] = (uint8_t)number;
	out[KM_GRANT_BYTES - 1] = (uint8_t)(number * 7);
}

/* Frame `index` of `count`. finger 0: an empty blob. The blob is good until the next call. */
static inline struct km_msg lender_frame(unsigned grant, enum km_grant_mode mode, unsigned index,
					 unsigned count, int64_t until, uint32_t finger,
					 unsigned touches)
{
	static uint8_t blob[TEMPLATE_BYTES];
	struct km_msg m = { .number = KM_MSG_LEND };

	lender_id(m.lend.grant, grant);
	m.lend.mode = (uint8_t)mode;
	m.lend.wanted = mode == KM_GRANT_ENROL ? LENDER_IMPRESSIONS : 0;
	m.lend.index = (uint8_t)index;
	m.lend.count = (uint8_t)count;
	m.lend.until = until;
	m.lend.blob.bytes = blob;
	m.lend.blob.len = finger ? lender_blob(finger, touches, blob) : 0;
	return m;
}

#endif
