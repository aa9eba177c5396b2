/*
 * Headers of backups, differences and key bundles as bytes: what unpacks packs to the same bytes,
 * and is no larger than anything of ours; what does not leaves its output as it was. The first
 * byte says which.
 */
#include <stdlib.h>
#include <string.h>

#include <kenmon/copy.h>

#include "fuzz.h"

/* Behind the magic zeros are no header; the numbers that must not be zero follow in the words. */
const struct fuzz_seed fuzz_seeds[] = {
	SEED("copy", 0, 'k', 'e', 'n', 'm', 'o', 'n', 'B', '1'),
	SEED("difference", 1, 'k', 'e', 'n', 'm', 'o', 'n', 'D', '1'),
	SEED("bundle", 2, 'k', 'e', 'n', 'm', 'o', 'n', 'E', '1'),
	{ .name = NULL },
};
const char *const fuzz_words[] = { KM_COPY_MAGIC, KM_DIFF_MAGIC, KM_BUNDLE_MAGIC,
				   "\x10",        "\x01",        NULL };

void fuzz_begin(void)
{
}

static void copy(const uint8_t bytes[KM_COPY_HEADER])
{
	uint8_t again[KM_COPY_HEADER];
	struct km_copy c;

	memset(&c, 0, sizeof(c));
	if (km_copy_unpack(bytes, &c) != KM_OK) {
		fuzz_check(fuzz_is_zero(&c, sizeof(c)), "a bad header left something");
		return;
	}
	fuzz_check(km_copy_total(&c) <= KM_COPY_HEADER + 2 * KM_COPY_MOST, "too large");
	km_copy_pack(&c, again);
	fuzz_check(memcmp(again, bytes, sizeof(again)) == 0, "two forms");
}

static void difference(const uint8_t bytes[KM_DIFF_HEADER])
{
	uint8_t again[KM_DIFF_HEADER];
	struct km_diff d;

	memset(&d, 0, sizeof(d));
	if (km_diff_unpack(bytes, &d) != KM_OK) {
		fuzz_check(fuzz_is_zero(&d, sizeof(d)), "a bad header left something");
		return;
	}
	km_diff_pack(&d, again);
	fuzz_check(memcmp(again, bytes, sizeof(again)) == 0, "two forms");
}

static void bundle(const uint8_t bytes[KM_BUNDLE_HEADER])
{
	uint8_t again[KM_BUNDLE_HEADER];
	struct km_bundle b;

	memset(&b, 0, sizeof(b));
	if (km_bundle_unpack(bytes, &b) != KM_OK) {
		fuzz_check(fuzz_is_zero(&b, sizeof(b)), "a bad header left something");
		return;
	}
	fuzz_check(km_bundle_total(&b) < (size_t)1 << 30, "too large");
	km_bundle_pack(&b, again);
	fuzz_check(memcmp(again, bytes, sizeof(again)) == 0, "two forms");
}

/* Headers are of one size each: what is missing is zeros. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t sizes[] = { KM_COPY_HEADER, KM_DIFF_HEADER, KM_BUNDLE_HEADER };
	static void (*const look[])(const uint8_t *) = { copy, difference, bundle };
	size_t which, len;
	uint8_t *bytes;

	if (size < 1)
		return 0;
	which = data[0] % 3;
	len = size - 1 < sizes[which] ? size - 1 : sizes[which];
	bytes = calloc(1, sizes[which]);
	fuzz_check(bytes, "no memory");
	memcpy(bytes, data + 1, len);
	look[which](bytes);
	free(bytes);
	return 0;
}
