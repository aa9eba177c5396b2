/* What keeps room for an erasure on a full disk: when it is made, and when not. */
#include "store_box.h"

#include <signal.h>
#include <sys/resource.h>

#include <kenmon/log.h>

#include "../../authd/vault/vault.h"

#define WHOLE ((off_t)16 << 20)

struct kept {
	struct box box;
	struct vault v;
};

static int setup(void **state)
{
	struct kept *k = calloc(1, sizeof(*k));

	if (!k)
		return -1;
	km_log_open("test", NULL, LOG_EMERG);
	box_make_folder(&k->box);
	k->v.state_dir = k->box.dir;
	k->v.now.boot_ms = 1000000;
	*state = k;
	return 0;
}

static int teardown(void **state)
{
	struct kept *k = *state;

	box_close(&k->box);
	free(k);
	return 0;
}

/* Its bytes on the disk; -1: it is not there. */
static off_t ballast(struct kept *k)
{
	struct stat st;

	ballast_keep(&k->v);
	return lstat(box_path(&k->box, "ballast"), &st) ? -1 : st.st_blocks * 512;
}

static void test_it_is_made_and_one_that_keeps_no_blocks_is_made_anew(void **state)
{
	struct kept *k = *state;

	assert_true(ballast(k) >= WHOLE);
	/* As a copy of the folder may have it. */
	assert_int_equal(truncate(box_path(&k->box, "ballast"), 0), 0);
	assert_int_equal(truncate(box_path(&k->box, "ballast"), WHOLE), 0);
	assert_true(ballast(k) < WHOLE); /* looked at once a minute */
	k->v.now.boot_ms += 60000;
	assert_true(ballast(k) >= WHOLE);
}

static void test_none_is_made_while_room_is_needed(void **state)
{
	struct kept *k = *state;

	k->v.erasing = true;
	assert_int_equal(ballast(k), -1);
	k->v.erasing = false;
	k->v.epoch.at.closing = 1;
	assert_int_equal(ballast(k), -1);
	k->v.epoch.at.closing = 0;
	assert_true(ballast(k) >= WHOLE);
}

static void test_half_of_one_does_not_stay(void **state)
{
	struct kept *k = *state;
	struct rlimit was, small;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small = was;
	small.rlim_cur = 1 << 20;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(ballast(k), -1);
	assert_true(k->v.ballast_missed);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	(void)signal(SIGXFSZ, SIG_DFL);
	k->v.now.boot_ms += 60000;
	assert_true(ballast(k) >= WHOLE);
	assert_false(k->v.ballast_missed);
}

/* With room on the disk there is no reason to give it up. */
static void test_it_is_kept_until_the_disk_is_full(void **state)
{
	struct kept *k = *state;

	assert_true(ballast(k) >= WHOLE);
	ballast_give(&k->v);
	assert_true(is_there(box_path(&k->box, "ballast")));
}

#define BALLAST_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BALLAST_TEST(test_it_is_made_and_one_that_keeps_no_blocks_is_made_anew),
		BALLAST_TEST(test_none_is_made_while_room_is_needed),
		BALLAST_TEST(test_half_of_one_does_not_stay),
		BALLAST_TEST(test_it_is_kept_until_the_disk_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
