/* Lists of minutiae: what is decoded is what was encoded, and nothing out of range comes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <kenmon/minutiae.h>

static struct km_minutiae list(unsigned count)
{
	struct km_minutiae m = { .count = (uint16_t)count };

	for (unsigned i = 0; i < count && i < KM_MINUTIAE_MAX; i++)
		m.at[i] = (struct km_minutia){ (int16_t)(i * 7), (int16_t)(300 - (int)i * 5),
					       (int16_t)((int)(i * 37 % 360) - 179) };
	return m;
}

/* Out of memory of exactly that size, so that a sanitizer sees one byte too many. */
static km_rc decode(const uint8_t *in, size_t len, struct km_minutiae *m, size_t *used)
{
	uint8_t *copy = test_malloc(len ? len : 1);
	km_rc rc;

	memcpy(copy, in, len);
	memset(m, 0xA5, sizeof(*m));
	rc = km_minutiae_decode(copy, len, m, used);
	test_free(copy);
	return rc;
}

static void assert_refused(const uint8_t *in, size_t len)
{
	static const struct km_minutiae zero;
	struct km_minutiae m;
	size_t used = 4711;

	assert_int_equal(decode(in, len, &m, &used), KM_EPROTO);
	assert_memory_equal(&m, &zero, sizeof(m));
	assert_int_equal(used, 4711);
}

static void test_a_list_survives_the_wire_in_every_length(void **state)
{
	(void)state;
	for (unsigned n = 0; n <= KM_MINUTIAE_MAX; n++) {
		struct km_minutiae in = list(n), out;
		uint8_t bytes[KM_MINUTIAE_BYTES + 1];
		size_t len = 0, used = 0;

		assert_int_equal(km_minutiae_encode(&in, bytes, sizeof(bytes), &len), KM_OK);
		assert_int_equal(len, km_minutiae_size(&in));
		assert_int_equal(len, 2 + 6 * n);
		bytes[len] = 0xFF; /* what follows belongs to somebody else */
		assert_int_equal(decode(bytes, len + 1, &out, &used), KM_OK);
		assert_int_equal(used, len);
		assert_memory_equal(&in, &out, sizeof(in));
	}
}

static void test_a_list_looks_as_the_header_says(void **state)
{
	static const uint8_t wanted[] = { 0, 1, 0x01, 0x02, 0xFF, 0xFE, 0xFF, 0x4D };
	struct km_minutiae m = { .count = 1, .at = { { 258, -2, -179 } } };
	uint8_t bytes[8];
	size_t len = 0;

	(void)state;
	assert_int_equal(km_minutiae_encode(&m, bytes, sizeof(bytes), &len), KM_OK);
	assert_int_equal(len, sizeof(wanted));
	assert_memory_equal(bytes, wanted, sizeof(wanted));
}

/* C28: a probe that is cut, at every byte. */
static void test_a_list_that_is_cut_anywhere_is_refused(void **state)
{
	struct km_minutiae m = list(KM_MINUTIAE_MAX);
	uint8_t bytes[KM_MINUTIAE_BYTES];
	size_t len = 0;

	(void)state;
	assert_int_equal(km_minutiae_encode(&m, bytes, sizeof(bytes), &len), KM_OK);
	for (size_t cut = 0; cut < len; cut++)
		assert_refused(bytes, cut);
}

static void test_two_hundred_and_one_minutiae_are_refused_even_when_they_are_there(void **state)
{
	uint8_t bytes[2 + 6 * (KM_MINUTIAE_MAX + 1)] = { 0, KM_MINUTIAE_MAX + 1 };
	uint8_t out[KM_MINUTIAE_BYTES + 6] = { 0 };
	struct km_minutiae m = { .count = KM_MINUTIAE_MAX + 1 };
	size_t len = 4711;

	(void)state;
	assert_refused(bytes, sizeof(bytes));
	memset(bytes, 0xFF, 2);
	assert_refused(bytes, sizeof(bytes));
	assert_int_equal(km_minutiae_encode(&m, out, sizeof(out), &len), KM_EINVAL);
	assert_int_equal(len, 4711);
}

static void test_a_minutia_out_of_range_is_refused_both_ways_and_wherever_it_stands(void **state)
{
	static const struct {
		struct km_minutia at;
		bool good;
	} cases[] = {
		{ { KM_MINUTIA_REACH, 0, 0 }, true },
		{ { KM_MINUTIA_REACH + 1, 0, 0 }, false },
		{ { -KM_MINUTIA_REACH, 0, 0 }, true },
		{ { -KM_MINUTIA_REACH - 1, 0, 0 }, false },
		{ { 0, KM_MINUTIA_REACH, 0 }, true },
		{ { 0, KM_MINUTIA_REACH + 1, 0 }, false },
		{ { 0, -KM_MINUTIA_REACH, 0 }, true },
		{ { 0, -KM_MINUTIA_REACH - 1, 0 }, false },
		{ { 0, 0, 180 }, true },
		{ { 0, 0, 181 }, false },
		{ { 0, 0, -179 }, true },
		{ { 0, 0, -180 }, false },
		{ { INT16_MIN, INT16_MIN, INT16_MIN }, false },
		{ { INT16_MAX, 0, 0 }, false },
		{ { 0, INT16_MAX, 0 }, false },
		{ { 0, 0, INT16_MAX }, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (unsigned place = 0; place < 3; place++) {
			const struct km_minutia *p = &cases[i].at;
			struct km_minutiae m = list(3), out;
			uint8_t bytes[KM_MINUTIAE_BYTES] = { 0 }, *at = bytes + 2 + 6 * place;
			size_t len = 4711, used = 0;

			assert_int_equal(km_minutiae_encode(&m, bytes, sizeof(bytes), &len), KM_OK);
			for (unsigned k = 0; k < 3; k++) {
				uint16_t v = (uint16_t)(k == 0 ? p->x : k == 1 ? p->y : p->theta);

				at[2 * k] = (uint8_t)(v >> 8);
				at[2 * k + 1] = (uint8_t)v;
			}
			m.at[place] = *p;
			if (cases[i].good) {
				assert_int_equal(decode(bytes, len, &out, &used), KM_OK);
				assert_memory_equal(&out, &m, sizeof(m));
				continue;
			}
			assert_refused(bytes, len);
			memset(bytes, 0, sizeof(bytes));
			assert_int_equal(km_minutiae_encode(&m, bytes, sizeof(bytes), &len),
					 KM_EINVAL);
			assert_int_equal(bytes[1], 0); /* nothing was written */
		}
	}
}

static void test_a_list_that_does_not_fit_writes_nothing(void **state)
{
	struct km_minutiae m = list(20);
	uint8_t bytes[2 + 6 * 20];
	size_t len = 4711;

	(void)state;
	for (size_t cap = 0; cap < sizeof(bytes); cap++) {
		memset(bytes, 0xA5, sizeof(bytes));
		assert_int_equal(km_minutiae_encode(&m, bytes, cap, &len), KM_ELIMIT);
		assert_int_equal(len, 4711);
		assert_true(bytes[0] == 0xA5 && memcmp(bytes, bytes + 1, sizeof(bytes) - 1) == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_list_survives_the_wire_in_every_length),
		cmocka_unit_test(test_a_list_looks_as_the_header_says),
		cmocka_unit_test(test_a_list_that_is_cut_anywhere_is_refused),
		cmocka_unit_test(
		    test_two_hundred_and_one_minutiae_are_refused_even_when_they_are_there),
		cmocka_unit_test(
		    test_a_minutia_out_of_range_is_refused_both_ways_and_wherever_it_stands),
		cmocka_unit_test(test_a_list_that_does_not_fit_writes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
