/* The courier's configuration and the credentials that it names: read whole, or not at all. */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "courier_scene.h"
#include "folder.h"

#define VOICE "[voice]\nserver = 127.0.0.1\ntransport = udp\ncredentials = "

static char dir[64], conf[128];
static struct courier c;

static void put(const char *name, const char *bytes, size_t len, mode_t mode)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void put_conf(const char *text)
{
	put("kenmon.conf", text, strlen(text), 0600);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/kenmon-settings-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(conf, sizeof(conf), "%s/kenmon.conf", dir);
	c = (struct courier){ .vault = -1,
			      .vault_uid = -1,
			      .conf_path = conf,
			      .conf_given = true,
			      .credentials = dir };
	assert_true(courier_init(&c));
	return 0;
}

static int clear_up(void **state)
{
	(void)state;
	courier_free(&c);
	return folder_remove(dir);
}

static void test_one_line_is_read_without_its_newline(void **state)
{
	(void)state;
	put_conf(VOICE "sip\n");
	put("sip", "kenmon:s3cret pass\n", 19, 0400);
	assert_true(courier_read(&c, c.spare));
	assert_string_equal(c.spare->voice.bytes, "kenmon:s3cret pass");
	assert_int_equal(c.spare->voice.len, 18);
	put("sip", "kenmon:s3cret", 13, 0400);
	assert_true(courier_read(&c, c.spare));
	assert_string_equal(c.spare->voice.bytes, "kenmon:s3cret");
}

static void test_a_path_is_taken_as_it_is(void **state)
{
	char text[256];

	(void)state;
	put("elsewhere", "kenmon:s3cret\n", 14, 0600);
	snprintf(text, sizeof(text), VOICE "%s/elsewhere\n", dir);
	c.credentials = NULL;
	put_conf(text);
	assert_true(courier_read(&c, c.spare));
	assert_string_equal(c.spare->voice.bytes, "kenmon:s3cret");
}

static void test_a_plain_name_without_the_service_manager_is_nowhere(void **state)
{
	(void)state;
	put("sip", "kenmon:s3cret\n", 14, 0600);
	put_conf(VOICE "sip\n");
	c.credentials = NULL;
	assert_false(courier_read(&c, c.spare));
}

static void test_credentials_that_are_not_right_are_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		mode_t mode;
	} wrong[] = {
		{ "", 0, 0600 },
		{ "\n", 1, 0600 },
		{ "a:b\nc:d\n", 8, 0600 },
		{ "a:b\n\n", 5, 0600 },
		{ "a:b\0c", 5, 0600 },
		{ "a:\033[2J", 6, 0600 },
		{ "a:\xe3\x81\x82", 5, 0600 },
		{ "a:b\r\n", 5, 0600 },
		{ "a:b\n", 4, 0604 },
		{ "a:b\n", 4, 0602 },
	};

	(void)state;
	put_conf(VOICE "sip\n");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		put("sip", wrong[i].bytes, wrong[i].len, wrong[i].mode);
		assert_false(courier_read(&c, c.spare));
	}
	put("sip", "a:b\n", 4, 0640);
	assert_true(courier_read(&c, c.spare));
}

static void test_credentials_that_are_no_plain_file_are_refused(void **state)
{
	char path[PATH_MAX];

	(void)state;
	put_conf(VOICE "sip\n");
	assert_false(courier_read(&c, c.spare)); /* there is none */
	snprintf(path, sizeof(path), "%s/sip", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_false(courier_read(&c, c.spare)); /* and nobody is waited for */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_false(courier_read(&c, c.spare));
}

static void test_credentials_have_a_greatest_length(void **state)
{
	static char bytes[COURIER_CREDENTIAL_MAX + 1];

	(void)state;
	put_conf(VOICE "sip\n");
	memset(bytes, 'x', sizeof(bytes));
	put("sip", bytes, COURIER_CREDENTIAL_MAX, 0600);
	assert_true(courier_read(&c, c.spare));
	assert_int_equal(c.spare->voice.len, COURIER_CREDENTIAL_MAX);
	put("sip", bytes, COURIER_CREDENTIAL_MAX + 1, 0600);
	assert_false(courier_read(&c, c.spare));
}

static void test_what_nothing_names_is_not_read(void **state)
{
	(void)state;
	put_conf("[voice]\ncredentials = missing\n");
	assert_true(courier_read(&c, c.spare)); /* nobody is called */
	assert_int_equal(c.spare->voice.len, 0);
	assert_int_equal(c.spare->sms.len, 0);
}

static void test_a_wrong_configuration_is_refused(void **state)
{
	(void)state;
	put_conf("[sms]\ngateway = pigeon\n");
	assert_false(courier_read(&c, c.spare));
	snprintf(conf, sizeof(conf), "%s/missing.conf", dir);
	assert_false(courier_read(&c, c.spare));
	c.conf_given = false;
	assert_true(courier_read(&c, c.spare));
	assert_int_equal(c.spare->conf.sms.gateway, KM_GATEWAY_NONE);
}

/* --- needs ------------------------------------------------------------------------------------ */

static void test_settings_that_need_other_walls_are_told_apart(void **state)
{
	static struct courier_settings a, b;
	static struct courier_needs of_a[COURIER_KINDS], of_b[COURIER_KINDS];

	(void)state;
	km_conf_defaults(&a.conf);
	a.conf.sms.gateway = KM_GATEWAY_SPOOL;
	courier_needs_of(&c, &a, of_a);
	b = a;
	b.conf.sms.timeout = 7;
	courier_needs_of(&c, &b, of_b);
	assert_true(courier_needs_same(&of_a[0], &of_b[0]));
	snprintf(b.conf.sms.spool, sizeof(b.conf.sms.spool), "/elsewhere");
	memset(of_b, 0, sizeof(of_b));
	courier_needs_of(&c, &b, of_b);
	assert_false(courier_needs_same(&of_a[0], &of_b[0]));
	b.conf.sms.gateway = KM_GATEWAY_EXEC;
	memset(of_b, 0, sizeof(of_b));
	courier_needs_of(&c, &b, of_b);
	assert_false(courier_needs_same(&of_a[0], &of_b[0]));
	memset(of_b, 0, sizeof(of_b));
	of_b[0] = of_a[0];
	of_b[0].network = true;
	assert_false(courier_needs_same(&of_a[0], &of_b[0]));
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, clear_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(test_one_line_is_read_without_its_newline),
		ONE(test_a_path_is_taken_as_it_is),
		ONE(test_a_plain_name_without_the_service_manager_is_nowhere),
		ONE(test_credentials_that_are_not_right_are_refused),
		ONE(test_credentials_that_are_no_plain_file_are_refused),
		ONE(test_credentials_have_a_greatest_length),
		ONE(test_what_nothing_names_is_not_read),
		ONE(test_a_wrong_configuration_is_refused),
		ONE(test_settings_that_need_other_walls_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
