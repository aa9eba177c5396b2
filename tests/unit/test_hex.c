/* Hexadecimal digits: both ways, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <kenmon/hex.h>

static void test_every_byte_comes_back(void **state)
{
	uint8_t bytes[256], back[256];
	char text[KM_HEX(256)];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	assert_string_equal(km_hex(bytes, 2, text), "0001");
	km_hex(bytes, sizeof(bytes), text);
	assert_int_equal(strlen(text), 512);
	assert_int_equal(strspn(text, "0123456789abcdef"), 512);
	assert_true(km_hex_parse(text, back, sizeof(back)));
	assert_memory_equal(back, bytes, sizeof(bytes));
	assert_true(km_hex_parse("aBCdeF", back, 3));
	assert_memory_equal(back, "\xab\xcd\xef", 3);
}

static void test_what_is_no_digit_leaves_the_bytes_as_they_were(void **state)
{
	static const char *const wrong[] = { "00g0", "0 00", "000",  "",     "00\3770", "/000",
					     ":000", "@000", "G000", "`000", "g000" };
	uint8_t bytes[2] = { 1, 2 };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_false(km_hex_parse(wrong[i], bytes, sizeof(bytes)));
		assert_memory_equal(bytes, "\1\2", 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte_comes_back),
		cmocka_unit_test(test_what_is_no_digit_leaves_the_bytes_as_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
