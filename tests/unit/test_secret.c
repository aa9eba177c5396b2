/* Secrets: wiped, compared without a clock, and in memory that no core file shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/secret.h>

#include "locks.h"

static void test_a_secret_is_set_and_wiped(void **state)
{
	static const struct km_secret zero;
	struct km_secret s = { 0 };

	(void)state;
	assert_int_equal(km_secret_set(&s, "correct horse", 13), KM_OK);
	assert_int_equal(s.len, 13);
	assert_memory_equal(s.bytes, "correct horse", 13);
	km_secret_wipe(&s);
	assert_memory_equal(&s, &zero, sizeof(s));
	km_secret_wipe(NULL);
	km_wipe(NULL, 10);
}

static void test_a_shorter_secret_leaves_nothing_of_the_longer_one(void **state)
{
	struct km_secret s = { 0 };

	(void)state;
	assert_int_equal(km_secret_set(&s, "a long secret", 13), KM_OK);
	assert_int_equal(km_secret_set(&s, "ab", 2), KM_OK);
	for (size_t i = 2; i < KM_SECRET_MAX; i++)
		assert_int_equal(s.bytes[i], 0);
}

static void test_a_secret_can_be_cut_out_of_itself(void **state)
{
	struct km_secret s = { 0 };

	(void)state;
	assert_int_equal(km_secret_set(&s, "password123456", 14), KM_OK);
	assert_int_equal(km_secret_set(&s, s.bytes + 8, 6), KM_OK);
	assert_memory_equal(s.bytes, "123456\0\0", 8);
}

static void test_a_secret_that_is_too_long_changes_nothing(void **state)
{
	static const uint8_t big[KM_SECRET_MAX + 1] = { 1 };
	struct km_secret s = { 0 };

	(void)state;
	assert_int_equal(km_secret_set(&s, "ab", 2), KM_OK);
	assert_int_equal(km_secret_set(&s, big, sizeof(big)), KM_ELIMIT);
	assert_int_equal(s.len, 2);
	assert_memory_equal(s.bytes, "ab", 2);
	assert_int_equal(km_secret_set(&s, big, KM_SECRET_MAX), KM_OK);
	assert_int_equal(km_secret_set(&s, NULL, 0), KM_OK);
	assert_int_equal(s.len, 0);
}

static void test_equal_means_the_same_length_and_the_same_bytes(void **state)
{
	(void)state;
	assert_true(km_equal("abc", 3, "abc", 3));
	assert_true(km_equal("", 0, "", 0));
	assert_false(km_equal("abc", 3, "abd", 3));
	assert_false(km_equal("abc", 3, "Abc", 3));
	assert_false(km_equal("abc", 3, "abc", 2));
	assert_false(km_equal("abc", 3, "abcd", 4));
	assert_false(km_equal("\x80", 1, "\0", 1));
}

/* True when /proc/self/smaps says that the mapping with p is left out of core files. */
static bool not_dumped(const void *p)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	bool inside = false, found = false;
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		char *dash, *end = line;
		unsigned long first = strtoul(line, &dash, 16), last = 0;

		if (dash > line && *dash == '-')
			last = strtoul(dash + 1, &end, 16);
		if (end > line && *end == ' ')
			inside = (uintptr_t)p >= first && (uintptr_t)p < last;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, " dd") != NULL && strstr(line, " wf") != NULL;
	}
	fclose(f);
	return found;
}

static void test_locked_memory_is_zero_and_absent_from_core_files(void **state)
{
	static const uint8_t zero[100];
	uint8_t *p = km_locked_new(100);

	(void)state;
	assert_non_null(p);
	assert_memory_equal(p, zero, sizeof(zero));
	memset(p, 1, 100);
	assert_true(not_dumped(p));
	km_locked_free(p, 100);
	km_locked_free(NULL, 100);
	assert_null(km_locked_new(0));
}

static void test_a_forked_child_sees_none_of_it(void **state)
{
	uint8_t *p = km_locked_new(16);
	int status;
	pid_t pid;

	(void)state;
	assert_non_null(p);
	memset(p, 7, 16);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(p[0] == 0 && p[15] == 0 ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(p[0], 7);
	km_locked_free(p, 16);
}

static void test_without_memory_to_lock_it_still_works_and_says_so(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		void *p;

		if (!may_lock_nothing())
			_exit(2);
		p = km_locked_new(16);
		_exit(p && km_locked_degraded() == MLOCK_IS_REAL ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_random_bytes_fill_all_of_it(void **state)
{
	uint8_t a[64] = { 0 }, b[64] = { 0 };

	(void)state;
	assert_int_equal(km_random(a, sizeof(a)), KM_OK);
	assert_int_equal(km_random(b, sizeof(b)), KM_OK);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_memory_not_equal(a + 32, b + 32, 32);
	assert_int_equal(km_random(NULL, 0), KM_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_secret_is_set_and_wiped),
		cmocka_unit_test(test_a_shorter_secret_leaves_nothing_of_the_longer_one),
		cmocka_unit_test(test_a_secret_can_be_cut_out_of_itself),
		cmocka_unit_test(test_a_secret_that_is_too_long_changes_nothing),
		cmocka_unit_test(test_equal_means_the_same_length_and_the_same_bytes),
		cmocka_unit_test(test_locked_memory_is_zero_and_absent_from_core_files),
		cmocka_unit_test(test_a_forked_child_sees_none_of_it),
		cmocka_unit_test(test_without_memory_to_lock_it_still_works_and_says_so),
		cmocka_unit_test(test_random_bytes_fill_all_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
