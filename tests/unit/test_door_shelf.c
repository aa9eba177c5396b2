/*
 * The shelf of the door (pam_module/shelf.c): what stays is wiped, locked, of one call at a time,
 * and of one process.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../pam_module/door.h"
#include "locks.h"

static const uint8_t zero[DOOR_PAGE];

/* KiB that this process has locked. */
static long locked_kib(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[128];
	long kib = -1;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, "VmLck:", 6) == 0)
			kib = strtol(line + 6, NULL, 10);
	fclose(f);
	return kib;
}

/* Are so many pages locked? Where it cannot be seen, whatever is. */
static bool are_locked(long pages)
{
	return !MLOCK_IS_REAL || km_locked_degraded() ||
	       locked_kib() == pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* What act says in a child. */
static int in_child(int (*act)(uint8_t *), uint8_t *page)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(act(page));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_a_page_of_an_ended_call_is_wiped_and_given_again(void **state)
{
	uint8_t *first = door_page_new(), *second = door_page_new(), *again;

	(void)state;
	assert_non_null(first);
	assert_non_null(second);
	assert_ptr_not_equal(first, second);
	memset(first, 7, DOOR_PAGE);
	door_page_free(first);
	again = door_page_new();
	assert_ptr_equal(again, first);
	assert_memory_equal(again, zero, DOOR_PAGE);
	door_page_free(second);
	door_page_free(again);
}

static void test_no_more_stays_than_sixty_four_pages(void **state)
{
	enum { MANY = 100, STAY = 64 };
	uint8_t *p[MANY];

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		p[i] = door_page_new();
		assert_non_null(p[i]);
		memset(p[i], (int)i, DOOR_PAGE);
	}
	for (size_t i = 0; i < MANY; i++)
		assert_true(p[i][0] == i && p[i][DOOR_PAGE - 1] == i);
	assert_true(are_locked(MANY));
	for (size_t i = 0; i < MANY; i++)
		door_page_free(p[i]);
	assert_true(are_locked(STAY));
}

static int takes_one(uint8_t *page)
{
	bool none = are_locked(0);
	const uint8_t *p = door_page_new();

	(void)page;
	return p && memcmp(p, zero, DOOR_PAGE) == 0 && none && are_locked(1) ? 0 : 1;
}

/* A child has the pages of its parent, but not their locks. */
static void test_a_child_locks_a_page_of_its_own(void **state)
{
	uint8_t *p = door_page_new();

	(void)state;
	assert_non_null(p);
	door_page_free(p);
	assert_int_equal(in_child(takes_one, NULL), 0);
}

static int frees_it_and_takes_one(uint8_t *page)
{
	if (memcmp(page, zero, DOOR_PAGE) != 0)
		return 2;
	door_page_free(page);
	return takes_one(NULL);
}

static void test_a_child_keeps_nothing_that_its_parent_had_in_use(void **state)
{
	uint8_t *p = door_page_new();

	(void)state;
	assert_non_null(p);
	memset(p, 7, DOOR_PAGE);
	assert_int_equal(in_child(frees_it_and_takes_one, p), 0);
	assert_int_equal(p[0], 7);
	door_page_free(p);
}

static void test_a_page_that_is_freed_twice_ends_the_program(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		void *p = door_page_new();

		signal(SIGABRT, SIG_DFL);
		if (p) {
			door_page_free(p);
			door_page_free(p);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static bool is_mapped(const void *p)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long first, last;
	bool found = false;
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx", &first, &last) == 2)
			found |= (uintptr_t)p >= first && (uintptr_t)p < last;
	if (f)
		fclose(f);
	return found;
}

static int frees_one_that_is_not_locked(uint8_t *page)
{
	uint8_t *p;

	(void)page;
	if (!may_lock_nothing())
		return 2;
	p = door_page_new();
	if (!p)
		return 3;
	door_page_free(p);
	/* The sanitizer's mlock never fails, and there the page stays. */
	return is_mapped(p) == MLOCK_IS_REAL ? 1 : 0;
}

static void test_a_page_that_is_not_locked_does_not_stay(void **state)
{
	(void)state;
	assert_int_equal(in_child(frees_one_that_is_not_locked, NULL), 0);
}

/* Each finds it empty, and nobody else in it. */
static void *take_and_give(void *mark)
{
	for (unsigned i = 0; i < 20000; i++) {
		uint8_t *p = door_page_new();

		if (!p || p[0] || p[DOOR_PAGE - 1])
			return NULL;
		memset(p, *(uint8_t *)mark, DOOR_PAGE);
		sched_yield();
		if (p[0] != *(uint8_t *)mark || p[DOOR_PAGE - 1] != *(uint8_t *)mark)
			return NULL;
		door_page_free(p);
	}
	return mark;
}

static void test_threads_share_what_stays_and_never_at_once(void **state)
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_page_of_an_ended_call_is_wiped_and_given_again),
		cmocka_unit_test(test_no_more_stays_than_sixty_four_pages),
		cmocka_unit_test(test_a_child_locks_a_page_of_its_own),
		cmocka_unit_test(test_a_child_keeps_nothing_that_its_parent_had_in_use),
		cmocka_unit_test(test_a_page_that_is_freed_twice_ends_the_program),
		cmocka_unit_test(test_a_page_that_is_not_locked_does_not_stay),
		cmocka_unit_test(test_threads_share_what_stays_and_never_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
