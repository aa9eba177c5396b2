/* Local or remote: each rule, in order, and everything that no rule knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../authd/origin.h"

#define LOCAL  KM_ORIGIN_LOCAL
#define REMOTE KM_ORIGIN_REMOTE

struct row {
	struct judge_facts facts;
	enum km_origin origin;
};

static void all(const struct row *row, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (judge_origin(&row[i].facts) != row[i].origin)
			fail_msg("row %zu: rhost '%s', tty '%s'", i, row[i].facts.rhost,
				 row[i].facts.tty);
}

#define ALL(rows) all(rows, sizeof(rows) / sizeof((rows)[0]))

static void test_another_host_is_remote_whatever_else_is_said(void **state)
{
	static const struct row rows[] = {
		{ { "10.0.0.7", "tty1", true, true, true, false, true }, REMOTE },
		{ { "example.org", ":0", true, true, true, false, true }, REMOTE },
		{ { "localhost.example.org", ":0", true, true, true, false, true }, REMOTE },
		{ { "127.0.0.1.example.org", "tty1", true, true, true, false, true }, REMOTE },
		{ { " ", "tty1", true, true, true, false, true }, REMOTE },
	};

	(void)state;
	ALL(rows);
}

static void test_this_host_by_name_decides_nothing(void **state)
{
	static const struct row rows[] = {
		{ { "", "tty1", .privileged = true }, LOCAL },
		{ { "localhost", "tty1", .privileged = true }, LOCAL },
		{ { "127.0.0.1", "ssh", .privileged = true }, REMOTE },
		{ { "::1", "ssh", .privileged = true }, REMOTE },
	};

	(void)state;
	ALL(rows);
}

static void test_a_service_declared_local_is_local(void **state)
{
	static const struct row rows[] = {
		{ { "", "", .service_is_local = true, .privileged = true }, LOCAL },
		{ { "", "pts/0", .service_is_local = true }, LOCAL },
	};

	(void)state;
	ALL(rows);
}

static void test_who_is_not_root_or_on_a_pts_is_where_their_session_is(void **state)
{
	static const struct row rows[] = {
		{ { "", "tty1", false, false, true, false, true }, LOCAL },
		{ { "", "tty1", false, false, true, true, true }, REMOTE },
		{ { "", "tty1", false, false, true, false, false }, REMOTE },
		{ { "", "tty1", false, false, false, false, true }, REMOTE },
		{ { "", "pts/3", false, true, true, false, true }, LOCAL },
		{ { "", "/dev/pts/3", false, true, true, true, false }, REMOTE },
		{ { "", "/dev/pts/3", false, true, false, false, false }, REMOTE },
		{ { "", ":0", false, false, false, false, false }, REMOTE },
	};

	(void)state;
	ALL(rows);
}

static void test_a_console_or_display_from_root_is_local(void **state)
{
	static const struct row rows[] = {
		{ { "", "tty1", .privileged = true }, LOCAL },
		{ { "", "/dev/tty63", .privileged = true }, LOCAL },
		{ { "", ":0", .privileged = true }, LOCAL },
		{ { "", ":10.0", .privileged = true }, LOCAL },
	};

	(void)state;
	ALL(rows);
}

/* C31: a helper that did not say where the login came from asked for a finger over SSH. */
static void test_c31_unknown_origin_counts_as_remote(void **state)
{
	static const struct row rows[] = {
		{ { "", "", .privileged = true }, REMOTE },
		{ { "", "", .privileged = false }, REMOTE },
		{ { "", "ssh", .privileged = true }, REMOTE },
		{ { "", "cron", .privileged = true }, REMOTE },
		{ { "", "tty", .privileged = true }, REMOTE },
		{ { "", "ttyS0", .privileged = true }, REMOTE },
		{ { "", "tty1x", .privileged = true }, REMOTE },
		{ { "", ":", .privileged = true }, REMOTE },
		{ { "", ":0.", .privileged = true }, REMOTE },
		{ { "", ":0x", .privileged = true }, REMOTE },
		{ { "", "host:0", .privileged = true }, REMOTE },
		{ { "", "/dev/", .privileged = true }, REMOTE },
	};

	(void)state;
	ALL(rows);
}

static void test_a_process_that_logind_does_not_know_has_no_session(void **state)
{
	struct judge_facts f = { .rhost = "", .tty = "", .has_session = true };

	(void)state;
	judge_origin_ask(0x7ffffffe, 12345, &f);
	assert_false(f.has_session);
	assert_int_equal(judge_origin(&f), REMOTE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_another_host_is_remote_whatever_else_is_said),
		cmocka_unit_test(test_this_host_by_name_decides_nothing),
		cmocka_unit_test(test_a_service_declared_local_is_local),
		cmocka_unit_test(test_who_is_not_root_or_on_a_pts_is_where_their_session_is),
		cmocka_unit_test(test_a_console_or_display_from_root_is_local),
		cmocka_unit_test(test_c31_unknown_origin_counts_as_remote),
		cmocka_unit_test(test_a_process_that_logind_does_not_know_has_no_session),
	};

	return cmocka_run_group_tests_name("origin", tests, NULL, NULL);
}
