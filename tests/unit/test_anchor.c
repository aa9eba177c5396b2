/* The judge's notes of the audit chain: torn lines, planted files, what is newest. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../authd/anchor.h"

#define CHAIN "000102030405060708090a0b0c0d0e0f"
#define HASH  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define KEY   "f0f1f2f3f4f5f6f7f8f9fafbfcfdfefff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
#define BY    " 3 " KEY " " HASH HASH

static char dir[64], path[80], aside[80];
static bool sync_fails;

/* In the place of libc's. */
int fdatasync(int fd)
{
	if (!sync_fails)
		return fsync(fd);
	errno = EIO;
	return -1;
}

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/kenmon-anchor-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/anchor", dir);
	snprintf(aside, sizeof(aside), "%s/aside", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(path);
	unlink(aside);
	return rmdir(dir);
}

static void put(const char *where, const char *text, mode_t mode)
{
	int fd = open(where, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void get(char *out, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, out, cap - 1);

	assert_true(n >= 0);
	out[n] = '\0';
	close(fd);
}

static struct km_anchor head(uint64_t seq)
{
	struct km_anchor h = { .seq = seq, .wall = 1700000000, .generation = 3 };

	memset(h.chain, 0xab, sizeof(h.chain));
	memset(h.hash, (int)(seq & 0xff), sizeof(h.hash));
	return h;
}

/* Opens, and returns the seq known; *torn as judge_anchor_open says. */
static uint64_t reopened(bool *torn)
{
	struct judge_anchor a = { .fd = -1 };

	assert_int_equal(judge_anchor_open(&a, dir, torn), KM_OK);
	judge_anchor_close(&a);
	return a.head.seq;
}

static void write_one(struct judge_anchor *a, uint64_t seq)
{
	struct km_anchor h = head(seq);

	assert_true(judge_anchor_take(a, &h));
	assert_int_equal(judge_anchor_write(a, 5), KM_OK);
}

static void test_what_was_written_is_read_again(void **state)
{
	struct judge_anchor a = { .fd = -1 };
	struct km_anchor last = head(9);
	struct stat st;
	bool torn = true;

	(void)state;
	assert_int_equal(judge_anchor_open(&a, dir, &torn), KM_OK);
	assert_false(torn);
	assert_int_equal(a.head.seq, 0);
	write_one(&a, 7);
	write_one(&a, 9);
	judge_anchor_close(&a);
	judge_anchor_close(&a);
	assert_int_equal(judge_anchor_open(&a, dir, &torn), KM_OK);
	assert_false(torn);
	assert_int_equal(a.head.seq, 9);
	assert_memory_equal(a.head.hash, last.hash, sizeof(last.hash));
	assert_memory_equal(a.head.chain, last.chain, sizeof(last.chain));
	judge_anchor_close(&a);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_every_part_of_an_anchor_is_in_its_line(void **state)
{
	struct km_anchor a = { .seq = INT64_MAX,
			       .wall = -9223372036854775807,
			       .generation = UINT32_MAX };
	struct km_anchor back;
	char line[KM_ANCHOR_LINE];

	(void)state;
	memset(a.chain, 0x1c, sizeof(a.chain));
	memset(a.hash, 0x2d, sizeof(a.hash));
	memset(a.public, 0x3e, sizeof(a.public));
	memset(a.signature, 0xff, sizeof(a.signature));
	km_anchor_format(&a, line);
	assert_in_range(strlen(line), 300, KM_ANCHOR_LINE - 1);
	assert_int_equal(km_anchor_parse(line, &back), KM_OK);
	assert_true(km_anchor_same(&a, &back));
	assert_int_equal(back.wall, a.wall);
	assert_int_equal(back.generation, a.generation);
	assert_memory_equal(back.public, a.public, sizeof(a.public));
	assert_memory_equal(back.signature, a.signature, sizeof(a.signature));
}

static void test_the_same_head_is_not_written_twice_and_one_in_doubt_not_at_all(void **state)
{
	struct judge_anchor a = { .fd = -1 };
	struct km_anchor seven = head(7), doubt = head(0);
	char before[512], after[512];
	bool torn;

	(void)state;
	assert_int_equal(judge_anchor_open(&a, dir, &torn), KM_OK);
	write_one(&a, 7);
	get(before, sizeof(before));
	assert_false(judge_anchor_take(&a, &seven));
	assert_false(judge_anchor_take(&a, &doubt));
	assert_int_equal(judge_anchor_write(&a, 6), KM_OK);
	get(after, sizeof(after));
	assert_string_equal(before, after);
	assert_int_equal(a.head.seq, 7);
	judge_anchor_close(&a);
}

/* An accepted rollback: the newest line counts, not the largest number. */
static void test_the_newest_line_counts_even_when_it_is_lower(void **state)
{
	struct judge_anchor a = { .fd = -1 };
	bool torn;

	(void)state;
	assert_int_equal(judge_anchor_open(&a, dir, &torn), KM_OK);
	write_one(&a, 90);
	write_one(&a, 3);
	judge_anchor_close(&a);
	assert_int_equal(reopened(&torn), 3);
}

static void test_a_torn_last_line_is_passed_over_at_every_length(void **state)
{
	static const char whole[] = CHAIN " 41 " HASH " 1700000000" BY "\n";
	static const char next[] = CHAIN " 42 " HASH " 1700000001" BY "\n";

	(void)state;
	for (size_t cut = 0; cut < sizeof(next) - 1; cut++) {
		char text[sizeof(next)];
		bool torn = false;

		memcpy(text, next, cut);
		text[cut] = '\0';
		unlink(path);
		put(path, whole, 0600);
		put(path, text, 0600);
		assert_int_equal(reopened(&torn), 41);
		assert_int_equal(torn, cut > 0);
	}
}

static void test_a_line_after_a_torn_one_stands_alone(void **state)
{
	struct judge_anchor a = { .fd = -1 };
	bool torn = false;

	(void)state;
	put(path, CHAIN " 41 " HASH " 1700000000" BY "\n" CHAIN " 42 0011", 0600);
	assert_int_equal(judge_anchor_open(&a, dir, &torn), KM_OK);
	assert_true(torn);
	write_one(&a, 43);
	judge_anchor_close(&a);
	assert_int_equal(reopened(&torn), 43);
	assert_false(torn);
}

static void test_bytes_that_are_no_line_are_passed_over(void **state)
{
	static const char *const bad[] = {
		"\n",
		"\n\n\n",
		"garbage\n",
		CHAIN " 0 " HASH " 1700000000" BY "\n",
		CHAIN " 42 " HASH " 1700000000\n",
		CHAIN " 42 " HASH " 1700000000" BY " \n",
		CHAIN " 42 " HASH " --1" BY "\n",
		CHAIN " 42  " HASH " 1" BY "\n",
		CHAIN " 9223372036854775808 " HASH " 1" BY "\n",
		CHAIN " 42 " HASH " 9223372036854775808" BY "\n",
		CHAIN " 42 " HASH " 1 4294967296 " KEY " " HASH HASH "\n",
		CHAIN " 42 " HASH " 1 3 " KEY " " HASH "\n",
		CHAIN " x " HASH " 1" BY "\n",
		"0" CHAIN " 42 " HASH " 1" BY "\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bool torn = false;

		unlink(path);
		put(path, CHAIN " 41 " HASH " 1700000000" BY "\n", 0600);
		put(path, bad[i], 0600);
		assert_int_equal(reopened(&torn), 41);
		assert_true(torn);
	}
}

static void test_only_garbage_is_as_if_nothing_was_written_down_and_said(void **state)
{
	char text[8192];
	bool torn = false;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	put(path, text, 0600);
	assert_int_equal(reopened(&torn), 0);
	assert_true(torn);
}

static void test_the_last_line_of_a_long_file_is_found(void **state)
{
	struct judge_anchor a = { .fd = -1 };
	bool torn;

	(void)state;
	assert_int_equal(judge_anchor_open(&a, dir, &torn), KM_OK);
	for (uint64_t seq = 1; seq <= 300; seq++)
		write_one(&a, seq);
	judge_anchor_close(&a);
	assert_int_equal(reopened(&torn), 300);
	assert_false(torn);
}

/* C2: files planted where ours should be. */
static void test_c2_a_planted_link_fifo_or_open_file_is_refused(void **state)
{
	struct judge_anchor a = { .fd = -1 };
	bool torn;

	(void)state;
	put(aside, "", 0600);
	assert_int_equal(symlink(aside, path), 0);
	assert_int_equal(judge_anchor_open(&a, dir, &torn), KM_EPERM);
	unlink(path);
	assert_int_equal(link(aside, path), 0);
	assert_int_equal(judge_anchor_open(&a, dir, &torn), KM_EPERM);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(judge_anchor_open(&a, dir, &torn), KM_EPERM);
	unlink(path);
	put(path, "", 0600);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(judge_anchor_open(&a, dir, &torn), KM_EPERM);
	assert_int_equal(a.fd, -1);
}

static void test_a_folder_that_is_missing_is_an_error(void **state)
{
	struct judge_anchor a = { .fd = -1 };
	bool torn;

	(void)state;
	assert_int_equal(judge_anchor_open(&a, "/nonexistent/kenmon", &torn), KM_EIO);
	assert_int_equal(a.fd, -1);
}

/* A file that may not grow stands for a full disk. */
static void test_a_full_disk_loses_no_head_and_the_next_write_is_whole(void **state)
{
	struct rlimit was, small;
	struct judge_anchor a = { .fd = -1 };
	struct km_anchor eight = head(8);
	bool torn;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(judge_anchor_open(&a, dir, &torn), KM_OK);
	write_one(&a, 7);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small = (struct rlimit){ 400, was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_true(judge_anchor_take(&a, &eight));
	assert_int_equal(judge_anchor_write(&a, 5), KM_EIO);
	assert_int_equal(judge_anchor_write(&a, 5), KM_EIO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(judge_anchor_write(&a, 5), KM_OK);
	judge_anchor_close(&a);
	assert_int_equal(reopened(&torn), 8);
	assert_false(torn);
}

static void test_a_line_that_could_not_be_flushed_is_written_again(void **state)
{
	struct judge_anchor a = { .fd = -1 };
	struct km_anchor seven = head(7);
	bool torn;

	(void)state;
	assert_int_equal(judge_anchor_open(&a, dir, &torn), KM_OK);
	assert_true(judge_anchor_take(&a, &seven));
	sync_fails = true;
	assert_int_equal(judge_anchor_write(&a, 5), KM_EIO);
	assert_int_equal(judge_anchor_write(&a, 6), KM_EIO);
	sync_fails = false;
	assert_int_equal(judge_anchor_write(&a, 7), KM_OK);
	assert_false(a.dirty);
	judge_anchor_close(&a);
	assert_int_equal(reopened(&torn), 7);
	assert_false(torn);
}

int main(void)
{
#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		IN_DIR(test_what_was_written_is_read_again),
		cmocka_unit_test(test_every_part_of_an_anchor_is_in_its_line),
		IN_DIR(test_the_same_head_is_not_written_twice_and_one_in_doubt_not_at_all),
		IN_DIR(test_the_newest_line_counts_even_when_it_is_lower),
		IN_DIR(test_a_torn_last_line_is_passed_over_at_every_length),
		IN_DIR(test_a_line_after_a_torn_one_stands_alone),
		IN_DIR(test_bytes_that_are_no_line_are_passed_over),
		IN_DIR(test_only_garbage_is_as_if_nothing_was_written_down_and_said),
		IN_DIR(test_the_last_line_of_a_long_file_is_found),
		IN_DIR(test_c2_a_planted_link_fifo_or_open_file_is_refused),
		IN_DIR(test_a_folder_that_is_missing_is_an_error),
		IN_DIR(test_a_full_disk_loses_no_head_and_the_next_write_is_whole),
		IN_DIR(test_a_line_that_could_not_be_flushed_is_written_again),
	};

	return cmocka_run_group_tests_name("anchor", tests, NULL, NULL);
}
