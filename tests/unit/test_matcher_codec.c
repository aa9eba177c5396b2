/* Templates as bytes: what is written reads back, and nothing else is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pseudo_finger.h"

static struct finger_template t, back;
static uint8_t bytes[TEMPLATE_BYTES];

/* Decodes from memory of just that size, so that the sanitizers see each byte too many. */
static km_rc decode(size_t len)
{
	uint8_t *exact = malloc(len ? len : 1);
	km_rc rc;

	assert_non_null(exact);
	memcpy(exact, bytes, len);
	rc = template_decode(exact, len, &back);
	free(exact);
	return rc;
}

static bool nothing_left(void)
{
	static const struct finger_template zero;

	return !memcmp(&back, &zero, sizeof back);
}

static size_t encode(unsigned count)
{
	size_t len = 0;

	memset(&t, 0, sizeof t);
	pseudo_template(3, 1, count, &t);
	assert_int_equal(template_encode(&t, bytes, sizeof bytes, &len), KM_OK);
	return len;
}

static void test_what_is_written_reads_back(void **state)
{
	(void)state;
	for (unsigned count = 0; count <= KM_IMPRESSIONS_MAX; count++) {
		assert_int_equal(decode(encode(count)), KM_OK);
		assert_memory_equal(&t, &back, sizeof t);
	}
}

static void test_a_template_cut_anywhere_is_refused(void **state)
{
	size_t len = encode(KM_IMPRESSIONS_LEAST);

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		memset(&back, 0xff, sizeof back);
		assert_int_equal(decode(cut), KM_EPROTO);
		assert_true(nothing_left());
	}
}

static void test_bytes_after_the_last_are_refused(void **state)
{
	size_t len = encode(2);

	(void)state;
	bytes[len] = 0;
	assert_int_equal(decode(len + 1), KM_EPROTO);
	assert_true(nothing_left());
}

/* Whatever is taken is in range and has one form only. */
static void test_a_template_changed_anywhere_is_refused_or_has_one_form(void **state)
{
	size_t len = encode(2), again;
	static uint8_t out[TEMPLATE_BYTES];

	(void)state;
	for (size_t at = 0; at < len; at++)
		for (unsigned value = 0; value < 256; value += 5) {
			uint8_t kept = bytes[at];

			bytes[at] = (uint8_t)value;
			if (decode(len) == KM_OK) {
				assert_int_equal(template_encode(&back, out, sizeof out, &again),
						 KM_OK);
				assert_int_equal(again, len);
				assert_memory_equal(out, bytes, len);
			} else {
				assert_true(nothing_left());
			}
			bytes[at] = kept;
		}
}

static void test_another_version_is_refused(void **state)
{
	size_t len = encode(1);

	(void)state;
	bytes[0]++;
	assert_int_equal(decode(len), KM_EPROTO);
	bytes[0] = 0;
	assert_int_equal(decode(len), KM_EPROTO);
}

static void test_eleven_impressions_and_201_minutiae_are_refused(void **state)
{
	size_t len = encode(1);

	(void)state;
	bytes[1] = KM_IMPRESSIONS_MAX + 1;
	assert_int_equal(decode(len), KM_EPROTO);
	memset(bytes, 0, sizeof bytes);
	bytes[0] = bytes[1] = 1;
	bytes[3] = KM_MINUTIAE_MAX;
	assert_int_equal(decode(4 + 6 * KM_MINUTIAE_MAX), KM_OK);
	bytes[3] = KM_MINUTIAE_MAX + 1;
	assert_int_equal(decode(4 + 6 * (KM_MINUTIAE_MAX + 1)), KM_EPROTO);
}

static void test_a_template_that_cannot_be_is_not_written(void **state)
{
	size_t len = 77;

	(void)state;
	encode(2);
	t.count = KM_IMPRESSIONS_MAX + 1;
	assert_int_equal(template_encode(&t, bytes, sizeof bytes, &len), KM_EINVAL);
	t.count = 2;
	assert_int_equal(template_encode(&t, bytes, 1, &len), KM_ELIMIT);
	assert_int_equal(template_encode(&t, bytes, 40, &len), KM_ELIMIT);
	t.impression[1].at[0].theta = 181;
	assert_int_equal(template_encode(&t, bytes, sizeof bytes, &len), KM_EINVAL);
	assert_int_equal(len, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_written_reads_back),
		cmocka_unit_test(test_a_template_cut_anywhere_is_refused),
		cmocka_unit_test(test_bytes_after_the_last_are_refused),
		cmocka_unit_test(test_a_template_changed_anywhere_is_refused_or_has_one_form),
		cmocka_unit_test(test_another_version_is_refused),
		cmocka_unit_test(test_eleven_impressions_and_201_minutiae_are_refused),
		cmocka_unit_test(test_a_template_that_cannot_be_is_not_written),
	};

	return cmocka_run_group_tests_name("matcher_codec", tests, NULL, NULL);
}
