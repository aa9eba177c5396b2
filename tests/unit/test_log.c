/* The log: one line or one datagram, nothing forged in it, and never a wait. */
#include <errno.h>
#include <fcntl.h>
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

#include <kenmon/log.h>

static char folder[] = "/tmp/kenmon-test-log-XXXXXX";
static char journal_path[64];

/* --- standard error in a pipe --------------------------------------------- */

struct capture {
	int saved, read_end;
};

static struct capture capture_begin(void)
{
	struct capture c;
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
	c.saved = dup(STDERR_FILENO);
	assert_true(c.saved >= 0);
	assert_true(dup2(p[1], STDERR_FILENO) >= 0);
	close(p[1]);
	c.read_end = p[0];
	return c;
}

static void capture_end(struct capture c, char *out, size_t cap)
{
	ssize_t n = read(c.read_end, out, cap - 1);

	dup2(c.saved, STDERR_FILENO);
	close(c.saved);
	close(c.read_end);
	out[n > 0 ? n : 0] = '\0';
}

static void test_a_line_goes_to_standard_error(void **state)
{
	char out[4096];
	struct capture c;

	(void)state;
	km_log_open("kenmon-test", NULL, LOG_INFO);
	c = capture_begin();
	km_log(LOG_INFO, "opened %s in %d ms", "vault.db", 12);
	capture_end(c, out, sizeof(out));
	assert_string_equal(out, "kenmon-test: opened vault.db in 12 ms\n");
}

static void test_less_urgent_records_are_dropped(void **state)
{
	char out[4096];
	struct capture c;

	(void)state;
	km_log_open("kenmon-test", NULL, LOG_NOTICE);
	c = capture_begin();
	km_log(LOG_INFO, "no");
	km_log(LOG_DEBUG, "no");
	km_log(LOG_NOTICE, "yes");
	km_log(LOG_EMERG, "yes");
	capture_end(c, out, sizeof(out));
	assert_string_equal(out, "kenmon-test: yes\nkenmon-test: yes\n");
}

static void test_no_text_forges_a_second_line(void **state)
{
	char out[4096];
	struct capture c;

	(void)state;
	km_log_open("kenmon-test", NULL, LOG_INFO);
	c = capture_begin();
	km_log(LOG_INFO, "login %s", "eve\nkenmon-test: login root\033[2J");
	capture_end(c, out, sizeof(out));
	assert_string_equal(out, "kenmon-test: login eve\\x0akenmon-test: login root\\x1b[2J\n");
}

static void test_a_long_line_is_cut_and_ends(void **state)
{
	static char big[100000], out[8192];
	struct capture c;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	km_log_open("kenmon-test", NULL, LOG_INFO);
	c = capture_begin();
	km_log(LOG_INFO, "%s", big);
	capture_end(c, out, sizeof(out));
	assert_true(strlen(out) > 900 && strlen(out) < 1200);
	assert_int_equal(out[strlen(out) - 1], '\n');
}

static void test_a_reader_that_sleeps_does_not_hold_us(void **state)
{
	static char big[100000];
	struct capture c;
	int flags;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	km_log_open("kenmon-test", NULL, LOG_INFO);
	c = capture_begin();
	flags = fcntl(STDERR_FILENO, F_GETFL);
	assert_int_equal(fcntl(STDERR_FILENO, F_SETFL, flags & ~O_NONBLOCK), 0);
	for (int i = 0; i < 500; i++)
		km_log(LOG_INFO, "%s", big); /* more than a pipe holds */
	capture_end(c, big, sizeof(big));
}

static void test_the_log_leaves_errno_alone(void **state)
{
	char out[4096];
	struct capture c;

	(void)state;
	km_log_open("kenmon-test", "/nonexistent/journal", LOG_INFO);
	c = capture_begin();
	errno = ENOSPC;
	km_log(LOG_INFO, "%m");
	assert_int_equal(errno, ENOSPC);
	capture_end(c, out, sizeof(out));
	assert_string_equal(out, "kenmon-test: No space left on device\n");
}

/* --- a journal ------------------------------------------------------------ */

static int journal_new(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(s >= 0);
	unlink(journal_path);
	memcpy(at.sun_path, journal_path, strlen(journal_path));
	assert_int_equal(bind(s, (struct sockaddr *)&at, sizeof(at)), 0);
	return s;
}

static size_t journal_read(int s, char *out, size_t cap)
{
	ssize_t n = recv(s, out, cap, 0);

	return n > 0 ? (size_t)n : 0;
}

static void test_the_journal_gets_fields_and_standard_error_nothing(void **state)
{
	static const char want[] = "MESSAGE=login allowed\nPRIORITY=6\n"
				   "SYSLOG_IDENTIFIER=kenmon-vault\nSYSLOG_FACILITY=10\n"
				   "KENMON_LOGIN=hanako\n";
	const struct km_log_field fields[] = { { "KENMON_LOGIN", "hanako" } };
	char got[9000], out[4096];
	struct capture c;
	int s = journal_new();
	size_t len;

	(void)state;
	km_log_open("kenmon-vault", journal_path, LOG_INFO);
	c = capture_begin();
	km_log_fields(LOG_INFO, fields, 1, "login allowed");
	capture_end(c, out, sizeof(out));
	assert_string_equal(out, "");
	len = journal_read(s, got, sizeof(got));
	assert_int_equal(len, sizeof(want) - 1);
	assert_memory_equal(got, want, len);
	close(s);
}

static void test_a_value_with_a_newline_forges_no_field(void **state)
{
	static const char want[] = "KENMON_REASON\n\x0c\0\0\0\0\0\0\0a\nPRIORITY=0\n";
	const struct km_log_field fields[] = { { "KENMON_REASON", "a\nPRIORITY=0" } };
	char got[9000];
	int s = journal_new();
	size_t len;

	(void)state;
	km_log_open("kenmon-vault", journal_path, LOG_INFO);
	km_log_fields(LOG_INFO, fields, 1, "erased");
	len = journal_read(s, got, sizeof(got));
	assert_true(len > sizeof(want));
	assert_memory_equal(got + len - (sizeof(want) - 1), want, sizeof(want) - 1);
	close(s);
}

static void test_a_key_that_is_none_and_a_value_that_does_not_fit_are_left_out(void **state)
{
	static char big[10000];
	const struct km_log_field fields[] = {
		{ "_UID", "0" }, { "lower", "x" }, { "", "x" },      { "A=B", "x" },
		{ "BIG", big },  { "1ST", "x" },   { "LAST", "ok" },
	};
	char got[20000];
	int s = journal_new();
	size_t len;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	km_log_open("kenmon-vault", journal_path, LOG_INFO);
	km_log_fields(LOG_ERR, fields, sizeof(fields) / sizeof(fields[0]), "text");
	len = journal_read(s, got, sizeof(got) - 1);
	got[len] = '\0';
	assert_string_equal(got, "MESSAGE=text\nPRIORITY=3\nSYSLOG_IDENTIFIER=kenmon-vault\n"
				 "SYSLOG_FACILITY=10\nLAST=ok\n");
	close(s);
}

static void test_a_journal_that_does_not_read_holds_nobody(void **state)
{
	char out[4096];
	struct capture c;
	int s = journal_new();

	(void)state;
	km_log_open("kenmon-vault", journal_path, LOG_INFO);
	c = capture_begin();
	for (int i = 0; i < 2000; i++)
		km_log(LOG_INFO, "record %d", i);
	capture_end(c, out, sizeof(out));
	assert_string_equal(out, "");
	close(s);
}

static void test_a_journal_that_goes_and_comes_is_found_again(void **state)
{
	char out[4096], got[9000];
	struct capture c;
	int s = journal_new();

	(void)state;
	km_log_open("kenmon-vault", journal_path, LOG_INFO);
	close(s);
	c = capture_begin();
	km_log(LOG_INFO, "nobody there");
	capture_end(c, out, sizeof(out));
	assert_string_equal(out, "kenmon-vault: nobody there\n");
	s = journal_new();
	km_log(LOG_INFO, "back");
	assert_true(journal_read(s, got, sizeof(got)) > 0);
	close(s);
}

/* --- text from outside ----------------------------------------------------- */

static const char *escaped(const char *text)
{
	static char out[256];

	return km_escape(text, out, sizeof(out));
}

static void test_what_is_not_plain_is_written_as_hexadecimal(void **state)
{
	(void)state;
	assert_string_equal(escaped("hanako"), "hanako");
	assert_string_equal(escaped("山田 花子"), "山田 花子");
	assert_string_equal(escaped("a\nb\rc\td"), "a\\x0ab\\x0dc\\x09d");
	assert_string_equal(escaped("\033[31m\177"), "\\x1b[31m\\x7f");
	assert_string_equal(escaped("\302\205"), "\\xc2\\x85");
	assert_string_equal(escaped("x\342\200\256y"), "x\\xe2\\x80\\xaey");
	assert_string_equal(escaped("\342\200\250"), "\\xe2\\x80\\xa8");
	assert_string_equal(escaped("\357\273\277"), "\\xef\\xbb\\xbf");
	assert_string_equal(escaped("\300\257 \377"), "\\xc0\\xaf \\xff");
	assert_string_equal(escaped("\345\261"), "\\xe5\\xb1");
	assert_string_equal(escaped(escaped("a\nb")), "a\\x0ab");
}

static void test_escaped_text_is_cut_between_characters(void **state)
{
	char out[8];

	(void)state;
	assert_string_equal(km_escape("山田花子", out, 8), "山田");
	assert_string_equal(km_escape("山田花子", out, 7), "山田");
	assert_string_equal(km_escape("山田花子", out, 6), "山");
	assert_string_equal(km_escape("abc\n", out, 7), "abc");
	assert_string_equal(km_escape("abc\n", out, 8), "abc\\x0a");
	assert_string_equal(km_escape("abc", out, 1), "");
	out[0] = 'z';
	km_escape("abc", out, 0);
	assert_int_equal(out[0], 'z');
}

static void test_plain_text_is_told_from_what_is_not(void **state)
{
	static const char *const plain[] = { "",
					     "a~ z",
					     "é",
					     "山田",
					     "\360\237\227\235",
					     "\355\237\277",
					     "\356\200\200",
					     "\364\217\277\277" };
	static const char *const not_plain[] = {
		"\001",
		"\037",
		"\177",
		"\302\200",
		"\302\237",
		"\342\200\213",
		"\342\200\217",
		"\342\200\250",
		"\342\200\251",
		"\342\200\252",
		"\342\200\256",
		"\342\201\240",
		"\342\201\246",
		"\342\201\251",
		"\357\273\277",
		"\200",
		"\300\200",
		"\301\277",
		"\340\237\277",
		"\360\217\277\277",
		"\355\240\200",
		"\355\277\277",
		"\364\220\200\200",
		"\365\200\200\200",
		"\370\210\200\200",
		"\303",
		"\342\200",
		"\360\237\227",
		"\303(",
		"a\342\200\213b\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		assert_true(km_text_is_plain(plain[i], strlen(plain[i])));
	for (size_t i = 0; i < sizeof(not_plain) / sizeof(not_plain[0]); i++)
		assert_false(km_text_is_plain(not_plain[i], strlen(not_plain[i])));
	assert_false(km_text_is_plain("a\0b", 3));
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(journal_path, sizeof(journal_path), "%s/journal", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	km_log_open("kenmon", NULL, LOG_INFO);
	unlink(journal_path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line_goes_to_standard_error),
		cmocka_unit_test(test_less_urgent_records_are_dropped),
		cmocka_unit_test(test_no_text_forges_a_second_line),
		cmocka_unit_test(test_a_long_line_is_cut_and_ends),
		cmocka_unit_test(test_a_reader_that_sleeps_does_not_hold_us),
		cmocka_unit_test(test_the_log_leaves_errno_alone),
		cmocka_unit_test(test_the_journal_gets_fields_and_standard_error_nothing),
		cmocka_unit_test(test_a_value_with_a_newline_forges_no_field),
		cmocka_unit_test(
		    test_a_key_that_is_none_and_a_value_that_does_not_fit_are_left_out),
		cmocka_unit_test(test_a_journal_that_does_not_read_holds_nobody),
		cmocka_unit_test(test_a_journal_that_goes_and_comes_is_found_again),
		cmocka_unit_test(test_what_is_not_plain_is_written_as_hexadecimal),
		cmocka_unit_test(test_escaped_text_is_cut_between_characters),
		cmocka_unit_test(test_plain_text_is_told_from_what_is_not),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
