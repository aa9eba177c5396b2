/* Secrets: wiped, compared without a clock, and in memory that no core file shows. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/secret.h>

/* AddressSanitizer makes mlock() do nothing and succeed. */
#ifdef __SANITIZE_ADDRESS__
#define MLOCK_IS_REAL false
#else
#define MLOCK_IS_REAL true
#endif

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

static void test_freed_memory_is_wiped_and_given_again(void **state)
{
	static const uint8_t zero[4000];
	uint8_t *first = km_locked_new(4000), *second = km_locked_new(16), *again;

	(void)state;
	assert_non_null(first);
	assert_non_null(second);
	assert_ptr_not_equal(first, second);
	memset(first, 7, 4000);
	km_locked_free(first, 16); /* whoever says less than there was leaves nothing either */
	again = km_locked_new(4000);
	assert_ptr_equal(again, first);
	assert_memory_equal(again, zero, sizeof(zero));
	assert_true(not_dumped(again));
	km_locked_free(second, 16);
	km_locked_free(again, 4000);
}

/* KiB that this process has locked. */
static long locked_kib(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[128];
	long kib = -1;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, "VmLck:", 6) == 0)
			kib = strtol(line + 6, NULL, 10);
	fclose(f);
	return kib;
}

static void test_no_more_stays_than_sixty_four_pages(void **state)
{
	enum { MANY = 100, PAGE_KIB = 4 };
	uint8_t *p[MANY];

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		p[i] = km_locked_new(64);
		assert_non_null(p[i]);
		memset(p[i], (int)i, 64);
	}
	for (size_t i = 0; i < MANY; i++)
		assert_true(p[i][0] == i && p[i][63] == i);
	if (MLOCK_IS_REAL && !km_locked_degraded())
		assert_int_equal(locked_kib(), MANY * PAGE_KIB);
	for (size_t i = 0; i < MANY; i++)
		km_locked_free(p[i], 64);
	if (MLOCK_IS_REAL && !km_locked_degraded())
		assert_int_equal(locked_kib(), 64 * PAGE_KIB);
}

/* A child has the pages of its parent, but not their locks. */
static void test_a_forked_child_locks_what_stayed_anew(void **state)
{
	uint8_t *p = km_locked_new(16);
	int status;
	pid_t pid;

	(void)state;
	assert_non_null(p);
	km_locked_free(p, 16);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		long before = locked_kib();
		const uint8_t *again = km_locked_new(16);
		long after = locked_kib();

		if (!again || again[0] || !not_dumped(again))
			_exit(1);
		_exit(!MLOCK_IS_REAL || km_locked_degraded() || (before == 0 && after == 4) ? 0
											    : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Each finds it empty, and nobody else in it. */
static void *take_and_give(void *mark)
{
	for (unsigned i = 0; i < 20000; i++) {
		uint8_t *p = km_locked_new(64);

		if (!p || p[0] || p[63])
			return NULL;
		memset(p, *(uint8_t *)mark, 64);
		sched_yield();
		if (p[0] != *(uint8_t *)mark || p[63] != *(uint8_t *)mark)
			return NULL;
		km_locked_free(p, 64);
	}
	return mark;
}

static void test_threads_share_what_stayed_and_never_at_once(void **state)
{
	uint8_t mark[8];
	pthread_t thread[8];
	void *end;

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		mark[i] = (uint8_t)(i + 1);
		assert_int_equal(pthread_create(&thread[i], NULL, take_and_give, &mark[i]), 0);
	}
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(pthread_join(thread[i], &end), 0);
		assert_ptr_equal(end, &mark[i]);
	}
}

static void test_without_memory_to_lock_it_still_works_and_says_so(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct rlimit none = { 0, 0 };
		void *p;

		/* Root may lock without a limit, so it becomes nobody. */
		if (setrlimit(RLIMIT_MEMLOCK, &none) < 0 ||
		    (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0)))
			_exit(2);
		p = km_locked_new(16);
		if (!p || km_locked_degraded() != MLOCK_IS_REAL)
			_exit(1);
		km_locked_free(p, 16); /* and does not stay, as it is not locked */
		_exit(not_dumped(p) == MLOCK_IS_REAL ? 3 : 0);
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
		cmocka_unit_test(test_freed_memory_is_wiped_and_given_again),
		cmocka_unit_test(test_no_more_stays_than_sixty_four_pages),
		cmocka_unit_test(test_a_forked_child_locks_what_stayed_anew),
		cmocka_unit_test(test_threads_share_what_stayed_and_never_at_once),
		cmocka_unit_test(test_without_memory_to_lock_it_still_works_and_says_so),
		cmocka_unit_test(test_random_bytes_fill_all_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
