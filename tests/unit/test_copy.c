/* Headers of the files that leave the machine: what is packed is unpacked, what is none is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <kenmon/copy.h>

static struct km_copy some_copy(void)
{
	struct km_copy c = { .seq = 7,
			     .wall = 1750000000,
			     .epoch = 3,
			     .size = { 5 * KM_COPY_PAGE, 2 * KM_COPY_PAGE },
			     .generation = 4 };

	memset(c.chain, 1, sizeof(c.chain));
	memset(c.hash, 2, sizeof(c.hash));
	memset(c.digest, 3, sizeof(c.digest));
	memset(c.public, 4, sizeof(c.public));
	memset(c.signature, 5, sizeof(c.signature));
	return c;
}

static void must_be(const struct km_copy *a, const struct km_copy *b)
{
	uint8_t first[KM_COPY_HEADER], second[KM_COPY_HEADER];

	km_copy_pack(a, first);
	km_copy_pack(b, second);
	assert_memory_equal(first, second, sizeof(first));
}

static void test_a_backups_header_comes_back_as_it_was(void **state)
{
	struct km_copy c = some_copy(), back = { 0 };
	uint8_t bytes[KM_COPY_HEADER];

	(void)state;
	km_copy_pack(&c, bytes);
	assert_int_equal(km_copy_unpack(bytes, &back), KM_OK);
	must_be(&c, &back);
	assert_int_equal(back.seq, 7);
	assert_int_equal(back.epoch, 3);
	assert_int_equal(back.generation, 4);
	assert_int_equal(km_copy_total(&back), KM_COPY_HEADER + 7 * KM_COPY_PAGE);
}

/* Every byte of the header is signed, but the signature. */
static void test_every_byte_of_the_header_is_in_what_is_signed(void **state)
{
	struct km_copy c = some_copy(), other;
	uint8_t bytes[KM_COPY_HEADER], first[KM_COPY_MESSAGE], second[KM_COPY_MESSAGE];
	unsigned differ = 0;

	(void)state;
	km_copy_message(&c, first);
	km_copy_pack(&c, bytes);
	for (size_t i = KM_COPY_MAGIC_BYTES; i < KM_COPY_SIGNED; i++) {
		bytes[i] ^= 0x10;
		if (km_copy_unpack(bytes, &other) == KM_OK) {
			km_copy_message(&other, second);
			assert_memory_not_equal(first, second, sizeof(first));
			differ++;
		}
		bytes[i] ^= 0x10;
	}
	/* What is left are sizes that cannot be. */
	assert_true(differ > KM_COPY_SIGNED - KM_COPY_MAGIC_BYTES - 16);
}

static void refused(struct km_copy c)
{
	struct km_copy untouched = { .seq = 99 };
	uint8_t bytes[KM_COPY_HEADER];

	km_copy_pack(&c, bytes);
	assert_int_equal(km_copy_unpack(bytes, &untouched), KM_ECORRUPT);
	assert_int_equal(untouched.seq, 99);
}

static void test_a_header_that_cannot_be_is_refused(void **state)
{
	struct km_copy c = some_copy();
	uint8_t bytes[KM_COPY_HEADER];

	(void)state;
	c.size[0] = 0;
	refused(c);
	c.size[0] = KM_COPY_PAGE + 1;
	refused(c);
	c.size[0] = KM_COPY_MOST + KM_COPY_PAGE;
	refused(c);
	c = some_copy();
	c.epoch = 0;
	refused(c);
	c = some_copy();
	c.generation = 0;
	refused(c);
	c = some_copy();
	km_copy_pack(&c, bytes);
	bytes[7] = '2'; /* another version */
	assert_int_equal(km_copy_unpack(bytes, &c), KM_ECORRUPT);
}

static void test_a_difference_names_its_full_backup(void **state)
{
	struct km_diff d = { .copy = some_copy(), .count = 12 }, back = { 0 };
	uint8_t bytes[KM_DIFF_HEADER];

	(void)state;
	memset(d.full, 6, sizeof(d.full));
	km_diff_pack(&d, bytes);
	assert_int_equal(km_diff_unpack(bytes, &back), KM_OK);
	assert_memory_equal(back.full, d.full, sizeof(d.full));
	assert_int_equal(back.count, 12);
	must_be(&d.copy, &back.copy);
	bytes[0] ^= 1;
	assert_int_equal(km_diff_unpack(bytes, &back), KM_ECORRUPT);
	bytes[0] ^= 1;
	bytes[KM_COPY_MAGIC_BYTES + KM_COPY_DIGEST] ^= 1; /* no backup's header in it */
	assert_int_equal(km_diff_unpack(bytes, &back), KM_ECORRUPT);
}

static void test_a_bundle_says_how_long_it_is(void **state)
{
	struct km_bundle b = { .generation = 2,
			       .wall = 5,
			       .seq = 6,
			       .upto = 9,
			       .subjects = 3,
			       .months = 2,
			       .fingers = 4 },
			 back = { 0 };
	uint8_t bytes[KM_BUNDLE_HEADER];

	(void)state;
	km_bundle_pack(&b, bytes);
	assert_int_equal(km_bundle_unpack(bytes, &back), KM_OK);
	assert_memory_equal(&b, &back, sizeof(b));
	assert_int_equal(km_bundle_total(&back),
			 KM_BUNDLE_HEADER + 96 + 3 * 72 + 2 * 64 + 4 * 56 + 16);
	b.subjects = KM_BUNDLE_MOST + 1;
	km_bundle_pack(&b, bytes);
	assert_int_equal(km_bundle_unpack(bytes, &back), KM_ECORRUPT);
	b.subjects = 3;
	b.fingers = KM_BUNDLE_MOST + 1;
	km_bundle_pack(&b, bytes);
	assert_int_equal(km_bundle_unpack(bytes, &back), KM_ECORRUPT);
	b.fingers = 4;
	b.generation = 0;
	km_bundle_pack(&b, bytes);
	assert_int_equal(km_bundle_unpack(bytes, &back), KM_ECORRUPT);
	bytes[0] ^= 1;
	assert_int_equal(km_bundle_unpack(bytes, &back), KM_ECORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_backups_header_comes_back_as_it_was),
		cmocka_unit_test(test_every_byte_of_the_header_is_in_what_is_signed),
		cmocka_unit_test(test_a_header_that_cannot_be_is_refused),
		cmocka_unit_test(test_a_difference_names_its_full_backup),
		cmocka_unit_test(test_a_bundle_says_how_long_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
