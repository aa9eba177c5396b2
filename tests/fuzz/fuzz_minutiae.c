/*
 * Lists of minutiae and templates as bytes: what decodes encodes to the same bytes, in one form;
 * what does not leaves nothing behind. The first byte says which.
 */
#include <stdlib.h>
#include <string.h>

#include "../../authd/matcher/match.h"
#include "fuzz.h"

const struct fuzz_seed fuzz_seeds[] = {
	SEED("none", 0, 0, 0),
	SEED("one", 0, 0, 1, 0, 100, 0, 50, 0, 90),
	SEED("ends", 0, 0, 2, 0x1f, 0xff, 0xe0, 0x01, 0, 180, 0xe0, 0x01, 0x1f, 0xff, 0xff, 0x4d),
	SEED("too-many", 0, 0, 201, 0, 0, 0, 0, 0, 0),
	SEED("empty-template", 1, 1, 0),
	SEED("template", 1, 1, 2, 0, 1, 0, 100, 0, 50, 0, 90, 0, 0),
	SEED("template-of-another-version", 1, 2, 1, 0, 0),
	{ .name = NULL },
};
const char *const fuzz_words[] = { "\x1f\xff", "\xe0\x01", "\xff\x4d", NULL };

void fuzz_begin(void)
{
}

static void list(const uint8_t *bytes, size_t size)
{
	static uint8_t again[KM_MINUTIAE_BYTES];
	struct km_minutiae m;
	size_t used = 0, len = 0, left;

	memset(&m, 0xff, sizeof(m));
	if (km_minutiae_decode(bytes, size, &m, &used) != KM_OK) {
		fuzz_check(fuzz_is_zero(&m, sizeof(m)), "a bad list left something");
		fuzz_check(used == 0, "a length is left");
		return;
	}
	fuzz_check(used <= size && used == km_minutiae_size(&m), "%zu bytes of %zu", used, size);
	fuzz_check(m.count <= KM_MINUTIAE_MAX, "%u minutiae", m.count);
	fuzz_check(fuzz_is_zero(&m.at[m.count], (KM_MINUTIAE_MAX - m.count) * sizeof(m.at[0])),
		   "something lies behind the last");
	fuzz_check(km_minutiae_encode(&m, again, sizeof(again), &len) == KM_OK, "not encoded");
	fuzz_check(len == used && memcmp(again, bytes, len) == 0, "two forms");
	fuzz_check(km_minutiae_encode(&m, again, len - 1, &left) == KM_ELIMIT, "fits into less");
	fuzz_check(km_minutiae_decode(bytes, used - 1, &m, &left) == KM_EPROTO, "a cut list");
}

static void whole(const uint8_t *bytes, size_t size)
{
	static uint8_t again[TEMPLATE_BYTES + 1];
	static struct finger_template t;
	size_t len = 0;

	memset(&t, 0xff, sizeof(t));
	if (template_decode(bytes, size, &t) != KM_OK) {
		fuzz_check(fuzz_is_zero(&t, sizeof(t)), "a bad template left something");
		return;
	}
	fuzz_check(t.count <= KM_IMPRESSIONS_MAX, "%u impressions", t.count);
	fuzz_check(template_encode(&t, again, sizeof(again), &len) == KM_OK, "not encoded");
	fuzz_check(len == size && memcmp(again, bytes, len) == 0, "two forms");
	fuzz_check(len <= TEMPLATE_BYTES, "longer than any");
	again[len] = 0;
	fuzz_check(template_decode(again, len + 1, &t) == KM_EPROTO, "a longer template");
	fuzz_check(template_decode(again, len - 1, &t) == KM_EPROTO, "a cut template");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes;

	if (size < 1)
		return 0;
	/* A copy of exactly its size: a byte read behind it is seen. */
	bytes = malloc(size > 1 ? size - 1 : 1);
	fuzz_check(bytes, "no memory");
	memcpy(bytes, data + 1, size - 1);
	(data[0] & 1 ? whole : list)(bytes, size - 1);
	free(bytes);
	return 0;
}
