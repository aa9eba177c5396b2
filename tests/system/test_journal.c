/*
 * The journal: structured records of what was committed, over a socket that may
 * be full, gone or slow without holding up a login.
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include <kenmon/anchor.h>
#include <kenmon/sock.h>

#include "house_office.h"

#define DAEMON_UID 1
#define FULL       200 /* logins and refusals that nobody reads about: far more than fit */

/* A journald of ours. */
static struct {
	char dir[64], path[80];
	int fd;
	struct house house;
} scene;

static void journal_listens(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", scene.path);
	unlink(scene.path);
	scene.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(scene.fd >= 0);
	assert_int_equal(bind(scene.fd, (struct sockaddr *)&at, sizeof(at)), 0);
}

static int setup(void **state)
{
	static const char *extra[] = { "--journal", scene.path, NULL };
	static const struct house_setup how = {
		.config = "[service one]\ntries = 1\n[audit]\nrefusals = 1000\n",
		.extra = extra,
	};
	const struct office_otp otp = { .factor = KM_FACTOR_HOTP };
	struct house *h = &scene.house;

	(void)state;
	memcpy(scene.dir, "/tmp/kenmon-test-XXXXXX", sizeof("/tmp/kenmon-test-XXXXXX"));
	if (!mkdtemp(scene.dir))
		return -1;
	snprintf(scene.path, sizeof(scene.path), "%s/journal", scene.dir);
	journal_listens();
	return house_start(h, &how) && house_stack(h, "one", "auth required KENMON\n") &&
		       office_add(h, "daemon", DAEMON_UID) == KM_OK &&
		       office_enrol(h, "daemon", &otp, NULL) == KM_OK
		   ? 0
		   : -1;
}

static int teardown(void **state)
{
	(void)state;
	office_close();
	house_end(&scene.house);
	if (scene.fd >= 0)
		close(scene.fd);
	unlink(scene.path);
	rmdir(scene.dir);
	return 0;
}

static int try_hotp(uint64_t counter)
{
	char code[16];

	house_hotp(code, OFFICE_SECRET, 6, counter);
	return office_try(&scene.house, "daemon", code);
}

/* The next record that holds this text, within five seconds. */
static bool next_record(const char *text, char record[8192])
{
	struct pollfd p = { .fd = scene.fd, .events = POLLIN };

	while (poll(&p, 1, 5000) == 1) {
		ssize_t n = recv(scene.fd, record, 8191, MSG_DONTWAIT);

		if (n < 0)
			return false;
		record[n] = '\0';
		if (strstr(record, text))
			return true;
	}
	return false;
}

static unsigned drained(void)
{
	char record[8192];
	unsigned count = 0;

	while (recv(scene.fd, record, sizeof(record), MSG_DONTWAIT) > 0)
		count++;
	return count;
}

/* The value of a field of one line. */
static const char *field(const char *record, const char *key, char value[256])
{
	char start[64];
	const char *at;

	snprintf(start, sizeof(start), "\n%s=", key);
	at = strstr(record, start);
	value[0] = '\0';
	if (at)
		snprintf(value, 256, "%.*s", (int)strcspn(at + strlen(start), "\n"),
			 at + strlen(start));
	return value;
}

static void test_a_login_is_a_structured_record(void **state)
{
	static const struct {
		const char *key, *value;
	} fields[] = {
		{ "PRIORITY", "6" },
		{ "SYSLOG_IDENTIFIER", "kenmon-vault" },
		{ "KENMON_EVENT", "login-allowed" },
		{ "KENMON_EVENT_NUMBER", "10" },
		{ "KENMON_SERVICE", "one" },
		{ "KENMON_FACTOR", "hotp" },
		{ "KENMON_ORIGIN", "remote" },
	};
	char record[8192], value[256], zeros[33];

	(void)state;
	drained();
	assert_int_equal(try_hotp(0), PAM_SUCCESS);
	assert_true(next_record("KENMON_EVENT=login-allowed\n", record));
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		assert_string_equal(field(record, fields[i].key, value), fields[i].value);
	field(record, "KENMON_SUBJECT", value);
	memset(zeros, '0', 32);
	zeros[32] = '\0';
	assert_int_equal(strlen(value), 32);
	assert_int_equal(strspn(value, "0123456789abcdef"), 32);
	assert_string_not_equal(value, zeros);
	/* It is in the trail by now. Who it was is said there, to those who may know. */
	assert_int_equal(office_audited(&scene.house, KM_EVENT_LOGIN_ALLOWED, "daemon", NULL), 1);
	assert_null(strstr(record, "daemon"));
}

static void test_a_refusal_is_a_warning_with_its_reason(void **state)
{
	char record[8192], value[256], code[16];

	(void)state;
	drained();
	assert_int_equal(office_try(&scene.house, "daemon", "000000"), PAM_AUTH_ERR);
	assert_true(next_record("KENMON_EVENT=login-refused\n", record));
	assert_string_equal(field(record, "PRIORITY", value), "4");
	assert_string_equal(field(record, "KENMON_REASON", value), "wrong-code");
	house_hotp(code, OFFICE_SECRET, 6, 0);
	assert_null(strstr(record, "000000"));
	assert_null(strstr(record, code));
}

/* Often the journal is the only thing of this machine that another one keeps. */
static void test_the_journal_gets_the_anchor_that_the_judge_has_written_down(void **state)
{
	struct house *h = &scene.house;
	char record[8192], line[KM_ANCHOR_LINE + 32] = "", path[HOUSE_PATH + 32], *at;
	struct km_anchor a;
	FILE *f;

	(void)state;
	drained();
	assert_int_equal(try_hotp(0), PAM_SUCCESS);
	office_close();
	assert_true(house_stop(h)); /* the last one comes at the stop, however short a minute was */
	assert_true(next_record("\nKENMON_ANCHOR=", record));
	at = strstr(record, "\nKENMON_ANCHOR=") + strlen("\nKENMON_ANCHOR=");
	at[strcspn(at, "\n")] = '\0';
	assert_int_equal(km_anchor_parse(at, &a), KM_OK);
	assert_int_equal(a.generation, 1);
	snprintf(path, sizeof(path), "%s/judge/anchor", h->state);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		continue;
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	assert_string_equal(line, at);
}

static void test_a_journal_that_nobody_reads_blocks_nobody(void **state)
{
	const struct house *h = &scene.house;
	char record[8192];
	unsigned unread;

	(void)state;
	drained();
	for (unsigned i = 0; i < FULL; i++)
		assert_int_equal(try_hotp(i), PAM_SUCCESS);
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_ALLOWED, "daemon", NULL), FULL);
	unread = drained();
	assert_in_range(unread, 1, FULL - 1); /* it was full */
	/* Read again, it gets what happens from now on. */
	assert_int_equal(try_hotp(FULL), PAM_SUCCESS);
	assert_true(next_record("KENMON_EVENT=login-allowed\n", record));
}

static void test_a_journal_that_is_gone_is_found_when_it_is_back(void **state)
{
	char record[8192];

	(void)state;
	close(scene.fd);
	unlink(scene.path);
	assert_int_equal(try_hotp(0), PAM_SUCCESS);
	assert_true(house_wait_log(&scene.house, "login-allowed"));
	journal_listens();
	assert_int_equal(try_hotp(1), PAM_SUCCESS);
	assert_true(next_record("KENMON_EVENT=login-allowed\n", record));
}

static void test_rooms_start_without_a_journal(void **state)
{
	struct house *h = &scene.house;

	(void)state;
	office_close();
	assert_true(house_stop(h));
	close(scene.fd);
	scene.fd = -1;
	unlink(scene.path);
	assert_true(house_again(h));
	assert_int_equal(try_hotp(0), PAM_SUCCESS);
	assert_true(house_wait_log(h, "login-allowed"));
}

#define JOURNAL_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOURNAL_TEST(test_a_login_is_a_structured_record),
		JOURNAL_TEST(test_a_refusal_is_a_warning_with_its_reason),
		JOURNAL_TEST(test_the_journal_gets_the_anchor_that_the_judge_has_written_down),
		JOURNAL_TEST(test_a_journal_that_nobody_reads_blocks_nobody),
		JOURNAL_TEST(test_a_journal_that_is_gone_is_found_when_it_is_back),
		JOURNAL_TEST(test_rooms_start_without_a_journal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
