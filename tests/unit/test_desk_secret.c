/* Secrets that an administrator brings along. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../enroll/secret_input.h"

static km_rc parse(const char *text, struct km_secret *out, char why[DESK_WHY])
{
	struct desk d;
	km_rc rc;

	desk_init(&d);
	d.lang = KM_LANG_EN;
	rc = desk_secret_parse(&d, text, strlen(text), out);
	memcpy(why, d.why, DESK_WHY);
	return rc;
}

static void test_a_secret_is_read_from_every_way_it_is_written(void **state)
{
	static const char *const same[] = {
		"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
		"gezdgnbvgy3tqojqgezdgnbvgy3tqojq",
		"GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ\n",
		"  gezd-gnbv-gy3t-qojq-gezd-gnbv-gy3t-qojq \r\n",
		"hex:3132333435363738393031323334353637383930",
		"HEX: 31323334 35363738 3930 31323334 35363738 3930\n",
	};
	char why[DESK_WHY];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		struct km_secret s = { 0 };

		assert_int_equal(parse(same[i], &s, why), KM_OK);
		assert_int_equal(s.len, 20);
		assert_memory_equal(s.bytes, "12345678901234567890", 20);
	}
}

static void test_base32_padding_is_optional(void **state)
{
	struct km_secret padded = { 0 }, bare = { 0 };
	char why[DESK_WHY];

	(void)state;
	assert_int_equal(parse("GEZDGNBVGY3TQOJQGEZDGNBVGY======", &padded, why), KM_OK);
	assert_int_equal(parse("GEZDGNBVGY3TQOJQGEZDGNBVGY", &bare, why), KM_OK);
	assert_int_equal(padded.len, 16);
	assert_memory_equal(&padded, &bare, sizeof(bare));
}

static void test_a_bad_secret_is_refused_with_a_place_and_never_repeated(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "GEZDGNBVGY3TQOJ1GEZDGNBVGY3TQOJQ", "character 16 of the secret is not base32" },
		{ "  GEZDGNBVGY3TQOJ0GEZDGNBVGY3TQOJQ", "character 18 of the secret" },
		{ "GEZD=GNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "character 6 of the secret" },
		{ "=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "character 1 of the secret" },
		{ "GEZDGNBVGY3TQOJQGEZDGNBVGY=======", "character 33 of the secret" },
		{ "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQG", "incomplete after character 33" },
		{ "hex:3132333435363738393031323334353g",
		  "character 36 of the secret is not hexa" },
		{ "hex:313233343536373839303132333435363", "incomplete after" },
		{ "hex:31=3", "character 7 of the secret" },
		{ "GEZDGNBVGY3TQOJQ", "10 bytes; 16 (128 bits, RFC 4226) to 64" },
		{ "hex:", "0 bytes" },
		{ "", "0 bytes" },
		{ "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
		  "character 8 of the secret" },
	};
	struct km_secret s = { .len = 3, .bytes = "old" };
	char why[DESK_WHY];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(bad[i].text, &s, why), KM_EINVAL);
		if (!strstr(why, bad[i].says))
			fail_msg("\"%s\" is not in: %s", bad[i].says, why);
		assert_null(strstr(why, "GEZD"));
		assert_null(strstr(why, "3132"));
		assert_int_equal(s.len, 3);
	}
}

static void test_a_secret_of_64_bytes_is_taken_and_one_of_65_is_not(void **state)
{
	char text[5 + 2 * 65] = "hex:", why[DESK_WHY];
	struct km_secret s = { 0 };

	(void)state;
	memset(text + 4, 'a', 128);
	assert_int_equal(parse(text, &s, why), KM_OK);
	assert_int_equal(s.len, 64);
	memset(text + 4, 'a', 130);
	assert_int_equal(parse(text, &s, why), KM_EINVAL);
	assert_non_null(strstr(why, "65 bytes"));
}

static void test_a_secret_file_is_regular_and_small(void **state)
{
	char path[] = "/tmp/kenmon-test-XXXXXX", big[DESK_SECRET_FILE + 1];
	struct km_secret s = { 0 };
	struct desk d;
	int fd;

	(void)state;
	desk_init(&d);
	d.lang = KM_LANG_EN;
	assert_int_equal(desk_secret_read(&d, "/", &s), KM_EINVAL);
	assert_int_equal(desk_secret_read(&d, "/dev/zero", &s), KM_EINVAL);
	assert_int_equal(desk_secret_read(&d, "/nonexistent", &s), KM_EINVAL);
	assert_non_null(strstr(d.why, "cannot be read: No such file"));
	assert_non_null(mkdtemp(path));
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(desk_secret_read(&d, path, &s), KM_EINVAL); /* and does not hang */
	assert_non_null(strstr(d.why, "not a regular file"));
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	memset(big, ' ', sizeof(big));
	assert_int_equal(write(fd, big, sizeof(big)), (ssize_t)sizeof(big));
	assert_int_equal(desk_secret_read(&d, path, &s), KM_EINVAL);
	assert_non_null(strstr(d.why, "more than 4096 bytes"));
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, "hex:00112233445566778899aabbccddeeff\n", 37, 0), 37);
	assert_int_equal(desk_secret_read(&d, path, &s), KM_OK);
	assert_int_equal(s.len, 16);
	close(fd);
	unlink(path);
}

static void test_a_secret_from_standard_input_uses_it_up(void **state)
{
	struct km_secret s = { 0 };
	struct desk d;
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(write(p[1], "hex:00112233445566778899aabbccddeeff\n", 37), 37);
	close(p[1]);
	desk_init(&d);
	d.in = p[0];
	assert_int_equal(desk_secret_read(&d, "-", &s), KM_OK);
	assert_int_equal(s.bytes[1], 0x11);
	assert_int_equal(d.in, -1);
	close(p[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_secret_is_read_from_every_way_it_is_written),
		cmocka_unit_test(test_base32_padding_is_optional),
		cmocka_unit_test(test_a_bad_secret_is_refused_with_a_place_and_never_repeated),
		cmocka_unit_test(test_a_secret_of_64_bytes_is_taken_and_one_of_65_is_not),
		cmocka_unit_test(test_a_secret_file_is_regular_and_small),
		cmocka_unit_test(test_a_secret_from_standard_input_uses_it_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
