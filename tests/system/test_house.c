/* The house itself: it starts, answers, survives its rooms, and leaves nothing behind. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include "house.h"

static void test_a_house_starts_and_stops_and_leaves_nothing(void **state)
{
	struct house h;
	struct stat st;
	char dir[HOUSE_PATH];

	(void)state;
	assert_true(house_start(&h, NULL));
	memcpy(dir, h.dir, sizeof(dir));
	assert_true(house_room(&h, "kenmon-authd") > 0);
	assert_true(house_room(&h, "kenmon-vault") > 0);
	assert_true(house_stop(&h));
	assert_int_equal(stat(h.state, &st), 0);
	house_end(&h);
	assert_int_not_equal(stat(dir, &st), 0);
}

static void test_a_stopped_house_starts_again_on_the_same_folder(void **state)
{
	struct house h;
	struct house_out o;

	(void)state;
	assert_true(house_start(&h, NULL));
	assert_int_equal(house_desk(&h, NULL, NULL, "operator", "add", "daemon",
				    "--employee-number", "E1", "--name", "D", "--department", "X",
				    NULL),
			 0);
	assert_true(house_stop(&h));
	assert_true(house_again(&h));
	assert_int_equal(house_desk(&h, &o, NULL, "operator", "list", NULL), 0);
	assert_non_null(strstr(o.out, "daemon"));
	house_out_free(&o);
	house_end(&h);
}

static void test_the_desk_says_69_when_the_house_is_stopped(void **state)
{
	struct house h;
	struct house_out o;

	(void)state;
	assert_true(house_start(&h, NULL));
	assert_true(house_stop(&h));
	assert_int_equal(house_desk(&h, &o, NULL, "status", NULL), 69);
	assert_true(o.err_len > 0);
	house_out_free(&o);
	assert_int_equal(house_try(&h, "daemon", "123456"), PAM_AUTHINFO_UNAVAIL);
	house_end(&h);
}

static void test_an_operator_logs_in_once_with_a_code_from_oathtool(void **state)
{
	static const char secret[] = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
	const struct house_setup setup = { .config = "[login]\ntries = 1\n" };
	struct house h;
	char code[16];

	(void)state;
	assert_true(house_start(&h, &setup));
	assert_int_equal(house_desk(&h, NULL, NULL, "operator", "add", "daemon",
				    "--employee-number", "E1", "--name", "D", "--department", "X",
				    NULL),
			 0);
	assert_int_equal(house_desk(&h, NULL, secret, "enroll", "totp", "daemon", "--secret-file",
				    "-", "--no-confirm", NULL),
			 0);
	house_quiet_step(5);
	house_totp(code, secret, 0);
	assert_int_equal(house_race(&h, "daemon", code, 4, NULL), 1);
	assert_int_equal(house_try(&h, "daemon", code), PAM_AUTH_ERR);
	assert_false(house_holds(&h, secret, strlen(secret), NULL));
	house_end(&h);
}

static void test_a_killed_room_comes_back(void **state)
{
	static const char *const rooms[] = { "kenmon-vault", "kenmon-authd" };
	struct house h;

	(void)state;
	assert_true(house_start(&h, NULL));
	for (size_t i = 0; i < 2; i++) {
		pid_t old = house_room(&h, rooms[i]);

		assert_true(house_kill_room(&h, rooms[i], SIGKILL));
		assert_true(house_wait_room(&h, rooms[i], old) > 0);
		assert_int_equal(house_desk(&h, NULL, NULL, "status", NULL), 0);
	}
	house_end(&h);
}

static void test_rooms_run_under_uids_of_their_own_as_root_another_uid(void **state)
{
	const struct house_setup setup = { .separate_uids = true };
	struct house h;
	struct stat st;
	char path[64];

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_true(house_start(&h, &setup));
	assert_true(snprintf(path, sizeof(path), "/proc/%d", house_room(&h, "kenmon-vault")) > 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(house_desk(&h, NULL, NULL, "status", NULL), 0);
	assert_int_equal(
	    house_desk_as(&h, HOUSE_BASE_UID + 10, NULL, NULL, "operator", "list", NULL), 77);
	house_end(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_house_starts_and_stops_and_leaves_nothing),
		cmocka_unit_test(test_a_stopped_house_starts_again_on_the_same_folder),
		cmocka_unit_test(test_the_desk_says_69_when_the_house_is_stopped),
		cmocka_unit_test(test_an_operator_logs_in_once_with_a_code_from_oathtool),
		cmocka_unit_test(test_a_killed_room_comes_back),
		cmocka_unit_test(test_rooms_run_under_uids_of_their_own_as_root_another_uid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
