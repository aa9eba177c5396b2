/* spool: the file that smstools gets, and what its folders say. smstools is played by renaming. */
#include <dirent.h>
#include <errno.h>
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

#include "../../authd/courier/drivers.h"
#include "../../authd/courier/spool.h"
#include "courier_scene.h"
#include "folder.h"

static struct scene s;
static char dir[64];

static void path_of(char out[PATH_MAX], const char *folder, const char *name)
{
	assert_true(snprintf(out, PATH_MAX, "%s/%s/%s", dir, folder, name) < PATH_MAX);
}

static void open_spool(void)
{
	s.c.driver[COURIER_MESSAGES] = &sms_spool_driver;
	s.c.driver[COURIER_CALLS] = NULL;
	snprintf(s.c.settings->conf.sms.spool, sizeof(s.c.settings->conf.sms.spool), "%s", dir);
	assert_int_equal(sms_spool_driver.open(&s.c, s.c.settings), KM_OK);
}

static int set_up(void **state)
{
	static const char *const folders[] = { "outgoing", "checked", "sent", "failed" };
	char path[PATH_MAX];

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/kenmon-spool-XXXXXX");
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		path_of(path, folders[i], "");
		assert_int_equal(mkdir(path, 0700), 0);
	}
	scene_open(&s);
	open_spool();
	return 0;
}

static int clear_up(void **state)
{
	(void)state;
	scene_close(&s);
	return folder_remove(dir);
}

/* How many files there are, and the name of the last. */
static unsigned count_in(const char *folder, char name[NAME_MAX + 1])
{
	char path[PATH_MAX];
	const struct dirent *e;
	unsigned count = 0;
	DIR *d;

	path_of(path, folder, "");
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (name)
			snprintf(name, NAME_MAX + 1, "%s", e->d_name);
		count++;
	}
	closedir(d);
	return count;
}

static void move_to(const char *from, const char *to, const char *name)
{
	char a[PATH_MAX], b[PATH_MAX];

	path_of(a, from, name);
	path_of(b, to, name);
	assert_int_equal(rename(a, b), 0);
}

/* As smstools does it. */
static void smstools_moves_all(const char *from, const char *to)
{
	char name[NAME_MAX + 1];

	while (count_in(from, name) > 0)
		move_to(from, to, name);
}

static bool idle(struct scene *scene)
{
	return scene->c.count == 0;
}

static bool waits_in_outgoing(struct scene *scene)
{
	(void)scene;
	return count_in("outgoing", NULL) == 1;
}

static void order(uint64_t id)
{
	scene_order(&s, id);
	scene_expect(&s, id, KM_ORDER_STATE_QUEUED, KM_ORDER_WHY_NONE);
}

/* --- the file --------------------------------------------------------------------------------- */

static size_t file_of(const char *text, size_t len, uint8_t out[SPOOL_FILE_MAX])
{
	struct courier_order o = { .id = 1, .number = NUMBER };
	size_t written = 0;

	assert_int_equal(km_secret_set(&o.text, text, len), KM_OK);
	return spool_file(&o, out, &written) ? written : 0;
}

static void test_ascii_is_written_as_it_is(void **state)
{
	static const char expected[] =
	    "To: 819012345678\nAlphabet: ISO\nAutosplit: 0\n\ncode 123456\nTo: 1";
	uint8_t out[SPOOL_FILE_MAX];

	(void)state;
	assert_int_equal(file_of("code 123456\nTo: 1", 17, out), sizeof(expected) - 1);
	assert_memory_equal(out, expected, sizeof(expected) - 1);
}

static void test_japanese_is_written_in_ucs2_with_the_high_byte_first(void **state)
{
	static const char head[] = "To: 819012345678\nAlphabet: UCS\nAutosplit: 0\n\n";
	static const uint8_t body[] = { 0x78, 0xba, 0x8a, 0x8d, 0x00, '1', 0xd8, 0x3d, 0xde, 0x00 };
	uint8_t out[SPOOL_FILE_MAX];
	static const char text[] = "確認1😀";

	(void)state;
	assert_int_equal(file_of(text, sizeof(text) - 1, out), sizeof(head) - 1 + sizeof(body));
	assert_memory_equal(out, head, sizeof(head) - 1);
	assert_memory_equal(out + sizeof(head) - 1, body, sizeof(body));
}

static void test_a_text_that_is_no_utf8_is_no_message(void **state)
{
	static const char *const text[] = { "\x80",
					    "\xc3",
					    "\xc0\xaf",
					    "\xe3\x81",
					    "\xed\xa0\x80",
					    "\xf4\x90\x80\x80",
					    "\xf0\x80\x80\x80",
					    "\xff",
					    "a\xe3\x41\x41" };
	uint8_t out[SPOOL_FILE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		assert_int_equal(file_of(text[i], strlen(text[i]), out), 0);
}

static void test_the_longest_text_has_room(void **state)
{
	char text[KM_ORDER_TEXT];
	uint8_t out[SPOOL_FILE_MAX];

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_true(file_of(text, sizeof(text), out) > sizeof(text));
	memcpy(text, "\xc3\xa9", 2);
	assert_true(file_of(text, sizeof(text), out) <= SPOOL_FILE_MAX);
	assert_true(file_of(text, sizeof(text), out) > 2 * sizeof(text) - 10);
}

static void test_a_name_is_known_again_in_one_spelling_alone(void **state)
{
	static const char *const other[] = { "kenmon-00ff-2B",
					     "kenmon-00ff-02b",
					     "kenmon-00ff-2b.LOCK",
					     "kenmon-00ff- 2b",
					     "kenmon-00fe-2b",
					     "kenmon-00ff-",
					     "kenmon-00ff-0x2b",
					     "2b",
					     "-2b",
					     "kenmon-00ff-10000000000000000" };
	char name[SPOOL_NAME_MAX];
	uint64_t id = 0;

	(void)state;
	spool_name("00ff", 0x2b, name);
	assert_string_equal(name, "kenmon-00ff-2b");
	assert_true(spool_name_parse(name, "00ff", &id));
	assert_int_equal(id, 0x2b);
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		assert_false(spool_name_parse(other[i], "00ff", &id));
}

/* --- its way ------------------------------------------------------------------------------------
 */

static void test_what_smstools_has_sent_is_taken_and_its_file_removed(void **state)
{
	struct stat st;
	char name[NAME_MAX + 1], path[PATH_MAX];

	(void)state;
	order(1);
	assert_true(scene_until(&s, waits_in_outgoing));
	assert_int_equal(count_in("outgoing", name), 1);
	assert_int_not_equal(name[0], '.');
	path_of(path, "outgoing", name);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	smstools_moves_all("outgoing", "checked");
	smstools_moves_all("checked", "sent");
	assert_true(scene_until(&s, idle));
	scene_expect(&s, 1, KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	assert_int_equal(count_in("sent", NULL), 0);
}

static void test_what_smstools_could_not_send_has_failed(void **state)
{
	(void)state;
	order(1);
	smstools_moves_all("outgoing", "failed");
	assert_true(scene_until(&s, idle));
	scene_expect(&s, 1, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_REFUSED);
	assert_int_equal(count_in("failed", NULL), 0);
}

static void test_many_at_once_are_told_apart(void **state)
{
	bool ended[101] = { false };

	(void)state;
	for (uint64_t id = 1; id <= 100; id++)
		order(id);
	assert_int_equal(count_in("outgoing", NULL), 100);
	smstools_moves_all("outgoing", "sent");
	assert_true(scene_until(&s, idle));
	for (unsigned i = 0; i < 100; i++) {
		struct km_msg m;

		assert_true(scene_heard(&s, &m));
		assert_int_equal(m.ordered.state, KM_ORDER_STATE_TAKEN);
		assert_true(m.ordered.order >= 1 && m.ordered.order <= 100);
		assert_false(ended[m.ordered.order]);
		ended[m.ordered.order] = true;
	}
	scene_expect_nothing(&s);
}

static void test_what_nobody_fetches_in_time_is_taken_back_and_never_goes_out(void **state)
{
	(void)state;
	s.c.settings->conf.sms.timeout = 3;
	assert_int_equal(sms_spool_driver.open(&s.c, s.c.settings), KM_OK);
	order(1);
	assert_int_equal(count_in("outgoing", NULL), 1);
	assert_true(scene_until(&s, idle));
	scene_expect(&s, 1, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_UNREACHABLE);
	assert_int_equal(count_in("outgoing", NULL), 0);
}

static void test_what_was_fetched_and_is_not_heard_of_is_unknown(void **state)
{
	(void)state;
	order(1);
	smstools_moves_all("outgoing", "checked");
	scene_cancel(&s, 1);
	scene_expect(&s, 1, KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT);
	/* It comes up later all the same: for nobody, but the code in it goes. */
	smstools_moves_all("checked", "sent");
	order(2);
	smstools_moves_all("outgoing", "sent");
	assert_true(scene_until(&s, idle));
	scene_expect(&s, 2, KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	scene_expect_nothing(&s);
	assert_int_equal(count_in("sent", NULL), 0);
}

static void test_what_is_cancelled_before_it_was_fetched_never_goes_out(void **state)
{
	(void)state;
	order(1);
	scene_cancel(&s, 1);
	scene_expect(&s, 1, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_CANCELLED);
	assert_int_equal(count_in("outgoing", NULL), 0);
}

static void put_file(const char *folder, const char *name)
{
	char path[PATH_MAX];
	int fd;

	path_of(path, folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static void test_what_an_earlier_run_left_is_removed_and_files_of_others_stay(void **state)
{
	char name[NAME_MAX + 1];

	(void)state;
	put_file("outgoing", ".kenmon-00ff00ff00ff00ff-1");
	put_file("outgoing", "kenmon-00ff00ff00ff00ff-2");
	put_file("outgoing", "send_AbCd");
	put_file("sent", "kenmon-00ff00ff00ff00ff-3");
	put_file("sent", "send_EfGh");
	put_file("failed", "kenmon-00ff00ff00ff00ff-4");
	sms_spool_driver.close(&s.c);
	open_spool();
	assert_int_equal(count_in("outgoing", name), 1);
	assert_string_equal(name, "send_AbCd");
	assert_int_equal(count_in("sent", name), 1);
	assert_string_equal(name, "send_EfGh");
	assert_int_equal(count_in("failed", NULL), 0);
}

/* The courier was started again while smstools had it. */
static void test_what_an_earlier_run_left_is_removed_when_it_comes_up_later_too(void **state)
{
	char name[NAME_MAX + 1];

	(void)state;
	put_file("sent", "kenmon-00ff00ff00ff00ff-3");
	put_file("failed", "kenmon-00ff00ff00ff00ff-4");
	put_file("sent", "send_EfGh");
	for (unsigned i = 0; i < 100 && count_in("failed", NULL) + count_in("sent", NULL) > 1; i++)
		(void)scene_turn(&s);
	assert_int_equal(count_in("failed", NULL), 0);
	assert_int_equal(count_in("sent", name), 1);
	assert_string_equal(name, "send_EfGh");
}

static void test_a_folder_that_cannot_be_written_fails_at_once(void **state)
{
	char path[PATH_MAX], away[PATH_MAX];

	(void)state;
	/* The name of the file is taken, as by somebody who planted it. */
	path_of(path, "outgoing", "");
	path_of(away, "sent", "../away");
	assert_int_equal(rename(path, away), 0);
	assert_int_equal(rmdir(away), 0);
	order(1);
	scene_expect(&s, 1, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_UNREACHABLE);
	assert_int_equal(s.c.count, 0);
}

static void test_without_its_folders_there_is_no_gateway(void **state)
{
	static const char *const folder[] = { "outgoing", "sent", "failed" };
	char path[PATH_MAX];

	(void)state;
	sms_spool_driver.close(&s.c);
	for (size_t i = 0; i < sizeof(folder) / sizeof(folder[0]); i++) {
		path_of(path, folder[i], "");
		assert_int_equal(rmdir(path), 0);
		assert_int_equal(sms_spool_driver.open(&s.c, s.c.settings), KM_ECONF);
		sms_spool_driver.close(&s.c);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	assert_int_equal(sms_spool_driver.open(&s.c, s.c.settings), KM_OK);
}

static void test_after_lost_events_the_folders_are_looked_through(void **state)
{
	struct inotify_flood {
		FILE *f;
		unsigned most;
	} flood = { fopen("/proc/sys/fs/inotify/max_queued_events", "r"), 0 };
	char name[32];

	(void)state;
	assert_non_null(flood.f);
	assert_int_equal(fscanf(flood.f, "%u", &flood.most), 1);
	fclose(flood.f);
	if (flood.most > 100000)
		skip();
	order(1);
	for (unsigned i = 0; i < flood.most / 2 + 10; i++) { /* each is made and closed */
		char path[PATH_MAX];

		snprintf(name, sizeof(name), "other-%u", i % 2);
		put_file("failed", name);
		path_of(path, "failed", name);
		assert_int_equal(unlink(path), 0);
	}
	smstools_moves_all("outgoing", "sent");
	assert_true(scene_until(&s, idle));
	scene_expect(&s, 1, KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, clear_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(test_ascii_is_written_as_it_is),
		ONE(test_japanese_is_written_in_ucs2_with_the_high_byte_first),
		ONE(test_a_text_that_is_no_utf8_is_no_message),
		ONE(test_the_longest_text_has_room),
		ONE(test_a_name_is_known_again_in_one_spelling_alone),
		ONE(test_what_smstools_has_sent_is_taken_and_its_file_removed),
		ONE(test_what_smstools_could_not_send_has_failed),
		ONE(test_many_at_once_are_told_apart),
		ONE(test_what_nobody_fetches_in_time_is_taken_back_and_never_goes_out),
		ONE(test_what_was_fetched_and_is_not_heard_of_is_unknown),
		ONE(test_what_is_cancelled_before_it_was_fetched_never_goes_out),
		ONE(test_what_an_earlier_run_left_is_removed_and_files_of_others_stay),
		ONE(test_what_an_earlier_run_left_is_removed_when_it_comes_up_later_too),
		ONE(test_a_folder_that_cannot_be_written_fails_at_once),
		ONE(test_without_its_folders_there_is_no_gateway),
		ONE(test_after_lost_events_the_folders_are_looked_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
