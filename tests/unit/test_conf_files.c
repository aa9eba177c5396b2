/* Files and folders of the configuration that cannot be read, or are too many or too long. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/conf.h>

#include "../../common/conf_file.h"

static char dir[64], path[96], drop_ins[112];
static struct km_conf conf;
static struct km_conf_error error;

static void put(const char *where, const char *text)
{
	FILE *f = fopen(where, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int make_folder(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/kenmon-conf-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/kenmon.conf", dir);
	snprintf(drop_ins, sizeof(drop_ins), "%s.d", path);
	memset(&error, 0, sizeof(error));
	return 0;
}

static int remove_folder(void **state)
{
	char name[160];

	(void)state;
	for (int i = 0; i <= KM_CONF_DROP_INS; i++) {
		snprintf(name, sizeof(name), "%s/%03d.conf", drop_ins, i);
		unlink(name);
	}
	unlink(drop_ins);
	rmdir(drop_ins);
	unlink(path);
	return rmdir(dir);
}

static void refused(km_rc rc, const char *text)
{
	struct km_conf untouched;

	memset(&conf, 0x5a, sizeof(conf));
	untouched = conf;
	assert_int_equal(km_conf_read(path, true, &conf, &error), rc);
	if (!strstr(error.text, text))
		fail_msg("\"%s\" and not \"%s\"", error.text, text);
	assert_memory_equal(&conf, &untouched, sizeof(conf));
}

static void test_a_file_in_the_working_directory_needs_no_slash(void **state)
{
	int back = open(".", O_PATH | O_CLOEXEC);

	(void)state;
	put(path, "[login]\ntries = 7\n");
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(km_conf_read("kenmon.conf", true, &conf, &error), KM_OK);
	assert_int_equal(fchdir(back), 0);
	close(back);
	assert_int_equal(conf.login.tries, 7);
}

static void test_a_folder_that_is_a_file_is_named(void **state)
{
	(void)state;
	put(path, "");
	put(drop_ins, "");
	refused(KM_EIO, "cannot be opened");
	assert_string_equal(error.path, drop_ins);
}

static void test_more_drop_ins_than_there_can_be_are_refused(void **state)
{
	char name[160];

	(void)state;
	put(path, "");
	assert_int_equal(mkdir(drop_ins, 0700), 0);
	for (int i = 0; i < KM_CONF_DROP_INS; i++) {
		snprintf(name, sizeof(name), "%s/%03d.conf", drop_ins, i);
		put(name, "");
	}
	assert_int_equal(km_conf_read(path, true, &conf, &error), KM_OK);
	snprintf(name, sizeof(name), "%s/%03d.conf", drop_ins, KM_CONF_DROP_INS);
	put(name, "");
	refused(KM_ECONF, "holds more than 256 files");
}

static void test_a_path_that_no_file_can_have_is_refused(void **state)
{
	struct km_conf_text text = { NULL, 0 };
	static char name[PATH_MAX + 16];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	for (size_t i = 0; i < sizeof(name) - 8; i += 100)
		name[i] = '/';
	name[sizeof(name) - 8] = '/';
	assert_int_equal(km_conf_load(name, true, &text, &error), KM_ECONF);
	assert_null(text.bytes);
	assert_non_null(strstr(error.text, "too long"));
}

#define T(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_file_in_the_working_directory_needs_no_slash),
		T(test_a_folder_that_is_a_file_is_named),
		T(test_more_drop_ins_than_there_can_be_are_refused),
		T(test_a_path_that_no_file_can_have_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
