/* Files that the desk makes: there whole or not at all, and nothing else is touched. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../enroll/copy_file.h"
#include "../../enroll/new_file.h"
#include "../fault/fault.h"

static struct desk d;
static char folder[] = "/tmp/kenmon-test-XXXXXX", path[64];

static bool there(void)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void holds(const char *text)
{
	char bytes[64] = "";
	FILE *f = fopen(path, "re");
	struct stat st;

	assert_non_null(f);
	(void)!fread(bytes, 1, sizeof(bytes) - 1, f);
	fclose(f);
	assert_string_equal(bytes, text);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
}

static void begin(struct new_file *n)
{
	assert_int_equal(new_file_open(&d, path, n), KM_OK);
	assert_true(fputs("all of it", n->f) >= 0);
}

/* The open that makes the file fails as on a file system that knows no files without a name. */
static void begin_named(struct new_file *n)
{
	fault_begin(FAULT_OPEN, 1, EOPNOTSUPP, false);
	begin(n);
	assert_int_equal(fault_end().failed, 1);
	assert_true(n->named);
}

static void test_a_file_has_no_name_before_it_is_complete(void **state)
{
	struct new_file n;

	(void)state;
	begin(&n);
	assert_false(n.named);
	assert_false(there());
	assert_int_equal(new_file_close(&d, &n, KM_OK), KM_OK);
	holds("all of it");
}

static void test_a_file_that_is_given_up_was_never_there(void **state)
{
	struct new_file n;

	(void)state;
	begin(&n);
	assert_int_equal(new_file_close(&d, &n, KM_ECLOSED), KM_ECLOSED);
	assert_false(there());
}

static void test_where_every_file_has_a_name_one_that_is_given_up_is_empty(void **state)
{
	struct new_file n;

	(void)state;
	begin_named(&n);
	assert_true(there());
	assert_int_equal(new_file_close(&d, &n, KM_OK), KM_OK);
	holds("all of it");
	(void)unlink(path);
	begin_named(&n);
	assert_int_equal(new_file_close(&d, &n, KM_ECLOSED), KM_ECLOSED);
	holds("");
}

static void test_what_is_there_is_neither_overwritten_nor_followed(void **state)
{
	char victim[64];
	struct new_file n;
	FILE *f = fopen(path, "we");

	(void)state;
	assert_non_null(f);
	fclose(f);
	assert_int_equal(new_file_open(&d, path, &n), KM_EEXIST);
	fault_begin(FAULT_OPEN, 1, EOPNOTSUPP, true);
	assert_int_equal(new_file_open(&d, path, &n), KM_EEXIST);
	(void)fault_end();
	(void)unlink(path);
	snprintf(victim, sizeof(victim), "%s/victim", folder);
	assert_int_equal(symlink(victim, path), 0);
	assert_int_equal(new_file_open(&d, path, &n), KM_EEXIST);
	assert_int_equal(access(victim, F_OK), -1);
}

static void test_c2_one_that_somebody_makes_meanwhile_is_left_to_them(void **state)
{
	struct new_file n;
	FILE *f;

	(void)state;
	begin(&n);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs("theirs", f);
	fclose(f);
	assert_int_equal(chmod(path, 0600), 0);
	d.why[0] = '\0';
	assert_int_equal(new_file_close(&d, &n, KM_OK), KM_EEXIST);
	assert_non_null(strstr(d.why, "nothing is overwritten"));
	holds("theirs");
}

static void test_a_full_disk_leaves_nothing_or_an_empty_file(void **state)
{
	const struct rlimit little = { 4, RLIM_INFINITY };
	struct rlimit before;
	struct new_file n;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	begin(&n);
	assert_int_equal(new_file_close(&d, &n, KM_OK), KM_EINVAL);
	assert_false(there());
	begin_named(&n);
	assert_int_equal(new_file_close(&d, &n, KM_OK), KM_EINVAL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	holds("");
}

static void test_a_file_that_does_not_reach_the_disk_is_none(void **state)
{
	struct new_file n;

	(void)state;
	begin(&n);
	fault_begin(FAULT_SYNC, 1, EIO, false);
	assert_int_equal(new_file_close(&d, &n, KM_OK), KM_EINVAL);
	assert_int_equal(fault_end().failed, 1);
	assert_false(there());
}

#ifndef __SANITIZE_ADDRESS__ /* whose malloc is not ours */
static void test_without_memory_for_it_there_is_no_file(void **state)
{
	struct new_file n;

	(void)state;
	fault_begin(FAULT_MALLOC, 1, ENOMEM, false);
	assert_int_equal(new_file_open(&d, path, &n), KM_EINVAL);
	assert_int_equal(fault_end().failed, 1);
	assert_false(there());
}
#endif

static void test_paths_of_any_form_name_the_folder_they_lie_in(void **state)
{
	char endless[PATH_MAX + 16], here[PATH_MAX];
	struct new_file n;

	(void)state;
	assert_int_equal(new_file_open(&d, "/nonexistent/report", &n), KM_EINVAL);
	assert_int_equal(new_file_open(&d, "/", &n), KM_EEXIST);
	memset(endless, 'x', sizeof(endless));
	endless[0] = '/';
	endless[sizeof(endless) - 3] = '/';
	endless[sizeof(endless) - 1] = '\0';
	assert_int_equal(new_file_open(&d, endless, &n), KM_EINVAL);
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(new_file_open(&d, "report", &n), KM_OK);
	assert_int_equal(new_file_close(&d, &n, KM_OK), KM_OK);
	assert_int_equal(chdir(here), 0);
	holds("");
}

/* --- backups and bundles -------------------------------------------------------------- */

static void test_a_backup_that_was_cut_off_does_not_stand_in_the_way_of_the_next(void **state)
{
	struct copy_new n = { .name = path };

	(void)state;
	assert_int_equal(copy_new_begin(&d, &n), KM_OK);
	assert_int_equal(copy_new_write(&d, &n, "half", 4), KM_OK);
	close(n.fd); /* as the kernel does it when the desk is killed, or the power goes */
	assert_false(there());
	assert_int_equal(copy_new_begin(&d, &n), KM_OK);
	assert_int_equal(copy_new_write(&d, &n, "whole", 5), KM_OK);
	assert_int_equal(copy_new_finish(&d, &n), KM_OK);
	copy_new_end(&n);
	holds("whole");
	assert_int_equal(copy_new_begin(&d, &n), KM_EINVAL);
	copy_new_end(&n);
	holds("whole");
}

/* On FAT, say: under another name, which goes away with what is given up. */
static void test_where_every_file_has_a_name_a_backup_has_another_until_it_is_whole(void **state)
{
	struct copy_new n = { .name = path };

	(void)state;
	for (int whole = 0; whole < 2; whole++) {
		fault_begin(FAULT_OPEN, 1, EOPNOTSUPP, false);
		assert_int_equal(copy_new_begin(&d, &n), KM_OK);
		assert_int_equal(fault_end().failed, 1);
		assert_int_equal(access(n.temporary, F_OK), 0);
		assert_false(there());
		assert_int_equal(copy_new_write(&d, &n, "bytes", 5), KM_OK);
		if (whole)
			assert_int_equal(copy_new_finish(&d, &n), KM_OK);
		copy_new_end(&n);
	}
	holds("bytes"); /* and the folder is empty otherwise, or end_all() fails */
}

static int begin_test(void **state)
{
	(void)state;
	desk_init(&d);
	d.lang = KM_LANG_EN;
	return 0;
}

static int end_test(void **state)
{
	(void)state;
	(void)unlink(path);
	return 0;
}

static int begin_all(void **state)
{
	(void)state;
	umask(0);
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/report", folder);
	return 0;
}

static int end_all(void **state)
{
	(void)state;
	return rmdir(folder);
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, begin_test, end_test)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILE_TEST(test_a_file_has_no_name_before_it_is_complete),
		FILE_TEST(test_a_file_that_is_given_up_was_never_there),
		FILE_TEST(test_where_every_file_has_a_name_one_that_is_given_up_is_empty),
		FILE_TEST(test_what_is_there_is_neither_overwritten_nor_followed),
		FILE_TEST(test_c2_one_that_somebody_makes_meanwhile_is_left_to_them),
		FILE_TEST(test_a_full_disk_leaves_nothing_or_an_empty_file),
		FILE_TEST(test_a_file_that_does_not_reach_the_disk_is_none),
#ifndef __SANITIZE_ADDRESS__
		FILE_TEST(test_without_memory_for_it_there_is_no_file),
#endif
		FILE_TEST(test_paths_of_any_form_name_the_folder_they_lie_in),
		FILE_TEST(test_a_backup_that_was_cut_off_does_not_stand_in_the_way_of_the_next),
		FILE_TEST(test_where_every_file_has_a_name_a_backup_has_another_until_it_is_whole),
	};

	return cmocka_run_group_tests(tests, begin_all, end_all);
}
