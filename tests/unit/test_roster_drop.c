/* The drop folder: what is taken, where it goes, and what somebody may plant there. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <kenmon/people.h>

#include "../../enroll/roster_drop.h"
#include "desk_scene.h"
#include "folder.h"

#define GOOD "employee_number,login,name,department\n1,sato,Sato,D\n"
#define BAD  "employee_number,login,name,department\n1,sa to,Sato,D\n"

static const struct msg_roster_sum sum = { .feed = 5, .same = 1 };
static char folder[32], conf[64];

static void in_folder(const char *name, char out[512])
{
	snprintf(out, 512, "%s/%s", folder, name);
}

/* As somebody does it who knows how: written under another name, then renamed. */
static void drop_at(const char *name, const char *text, time_t when)
{
	struct timespec times[2] = { { .tv_sec = when }, { .tv_sec = when } };
	char part[512], path[512];
	int fd;

	in_folder(".part", part);
	in_folder(name, path);
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
	assert_int_equal(rename(part, path), 0);
}

static void drop(const char *name, const char *text)
{
	drop_at(name, text, 1775001600);
}

static bool exists(const char *name)
{
	char path[512];
	struct stat st;

	in_folder(name, path);
	return lstat(path, &st) == 0;
}

/* The one file of a folder whose name ends so, read; "" when there is none. */
static void found_in(const char *sub, const char *suffix, char name[256], char text[4096])
{
	char path[512], file[800];
	const struct dirent *e;
	unsigned found = 0;
	DIR *dir;
	FILE *f;

	in_folder(sub, path);
	dir = opendir(path);
	assert_non_null(dir);
	name[0] = text[0] = '\0';
	while ((e = readdir(dir))) {
		size_t len = strlen(e->d_name);

		if (len <= strlen(suffix) || strcmp(e->d_name + len - strlen(suffix), suffix) != 0)
			continue;
		snprintf(name, 256, "%s", e->d_name);
		found++;
	}
	closedir(dir);
	assert_true(found <= 1);
	snprintf(file, sizeof(file), "%s/%s", path, name);
	f = found ? fopen(file, "re") : NULL;
	if (f) {
		text[fread(text, 1, 4095, f)] = '\0';
		fclose(f);
	}
}

static unsigned entries(const char *sub)
{
	char path[512];
	const struct dirent *e;
	unsigned n = 0;
	DIR *dir;

	in_folder(sub, path);
	dir = opendir(path);
	assert_non_null(dir);
	while ((e = readdir(dir)))
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

static int run(const struct play *p, char **said)
{
	struct scene s;
	int code;

	begin(&s, p, "");
	code = KENMON(&s, W("roster"), W("apply"), folder, W("--drop-folder"), W("--config"), conf);
	*said = strdup(s.err);
	end(&s);
	return code;
}

/* --- what is taken -------------------------------------------------------------------- */

static void test_a_roster_that_was_taken_goes_to_done_with_what_was_said(void **state)
{
	struct play p = { .sum = &sum };
	char name[256], text[4096], *said;

	(void)state;
	drop("roster.csv", GOOD);
	assert_int_equal(run(&p, &said), 0);
	assert_false(exists("roster.csv"));
	assert_int_equal(entries("refused"), 0);
	found_in("done", "Z-roster.csv", name, text);
	assert_string_equal(text, GOOD);
	found_in("done", "Z-roster.csv.txt", name, text);
	assert_says(text, "Unchanged: 1");
	assert_says(text, "full 1");
	assert_says(said, "roster.csv was taken");
	free(said);
}

static void test_a_roster_that_waits_for_approval_is_done_too(void **state)
{
	struct play p = { .sum = &sum, .rc = KM_EFILED };
	char name[256], text[4096], *said;

	(void)state;
	drop("roster.csv", GOOD);
	assert_int_equal(run(&p, &said), 0);
	found_in("done", ".csv.txt", name, text);
	assert_says(text, "kenmon approval show 7");
	free(said);
}

static void test_a_roster_that_is_wrong_goes_to_refused_with_line_and_reason(void **state)
{
	struct play p = { .sum = &sum };
	char name[256], text[4096], *said;

	(void)state;
	drop("bad.csv", BAD);
	drop("good.csv", GOOD);
	assert_int_equal(run(&p, &said), 1);
	found_in("refused", "Z-bad.csv", name, text);
	assert_string_equal(text, BAD);
	found_in("refused", ".txt", name, text);
	assert_says(text, "line 2, login: 'sa to' is no login");
	assert_int_equal(entries("done"), 2); /* one does not stop the other */
	free(said);
}

static void test_the_brake_puts_a_roster_into_refused(void **state)
{
	struct play p = { .sum = &sum, .rc = KM_EBRAKE };
	char *said;

	(void)state;
	drop("roster.csv", GOOD);
	assert_int_equal(run(&p, &said), 1);
	assert_int_equal(entries("refused"), 2);
	free(said);
}

static void test_the_oldest_is_taken_first(void **state)
{
	struct play p = { .sum = &sum };
	const char *first, *second;
	char *said;

	(void)state;
	drop_at("a.csv", GOOD, 1775001700);
	drop_at("b.csv", GOOD, 1775001600);
	assert_int_equal(run(&p, &said), 0);
	first = strstr(said, "b.csv was taken");
	second = strstr(said, "a.csv was taken");
	assert_true(first && second && first < second);
	free(said);
}

static void test_a_signature_goes_along_with_its_roster(void **state)
{
	struct play p = { .sum = &sum };
	char name[256], text[4096], hex[129], *said;

	(void)state;
	memset(hex, 'a', 128);
	hex[128] = '\0';
	drop("roster.csv.sig", hex);
	drop("roster.csv", GOOD);
	assert_int_equal(run(&p, &said), 0);
	found_in("done", ".csv.txt", name, text);
	assert_says(text, "signed 1:aa");
	found_in("done", ".csv.sig", name, text);
	assert_string_equal(text, hex);
	free(said);
	drop("other.csv.sig", "none");
	drop("other.csv", GOOD);
	assert_int_equal(run(&p, &said), 1);
	found_in("refused", ".csv.txt", name, text);
	assert_says(text, "is no signature");
	free(said);
}

static void test_names_that_are_not_there_yet_are_left_alone(void **state)
{
	static const char *const names[] = { ".hidden.csv", "roster.csv.part", "roster.CSV.txt",
					     ".csv", "csv" };
	struct play p = { .sum = &sum };
	char *said;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		drop(names[i], GOOD);
	assert_int_equal(run(&p, &said), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_true(exists(names[i]));
	assert_string_equal(said, "");
	free(said);
}

static void test_a_roster_stays_while_the_daemon_does_not_answer(void **state)
{
	struct play p = { .no_welcome = true };
	char *said;

	(void)state;
	drop_at("a.csv", GOOD, 1775001600);
	drop_at("b.csv", BAD, 1775001700);
	assert_int_equal(run(&p, &said), 69);
	assert_true(exists("a.csv"));
	assert_true(exists("b.csv")); /* in order: not before the first */
	assert_says(said, "a.csv stays");
	free(said);
}

static void test_a_roster_stays_while_the_one_before_is_worked_off(void **state)
{
	struct play p = { .begin_rc = KM_EAGAIN };
	char *said;

	(void)state;
	drop("a.csv", GOOD);
	assert_int_equal(run(&p, &said), 69);
	assert_true(exists("a.csv"));
	assert_says(said, "a.csv stays");
	free(said);
}

static void test_a_roster_of_somebody_who_may_not_hand_one_in_stays(void **state)
{
	struct play p = { .begin_rc = KM_EPERM };
	char *said;

	(void)state;
	drop("a.csv", GOOD);
	assert_int_equal(run(&p, &said), 77);
	assert_true(exists("a.csv"));
	free(said);
}

static int take_and_remove_the_other(struct desk *d, void *arg, const char *name, int fd, int sign)
{
	char path[512];

	(void)d;
	(void)fd;
	(void)sign;
	assert_string_equal(name, "a.csv");
	in_folder("b.csv", path);
	assert_int_equal(unlink(path), 0);
	++*(unsigned *)arg;
	return 0;
}

/* It is no failure that stops the others, and leaves no text without its roster. */
static void test_a_roster_that_was_taken_back_meanwhile_is_passed_over(void **state)
{
	unsigned taken = 0;
	struct desk d;

	(void)state;
	drop_at("a.csv", GOOD, 1775001600);
	drop_at("b.csv", GOOD, 1775001700);
	desk_init(&d);
	d.err = fopen("/dev/null", "we");
	assert_non_null(d.err);
	assert_int_equal(drop_all(&d, folder, take_and_remove_the_other, &taken), 0);
	fclose(d.err);
	assert_int_equal(taken, 1);
	assert_int_equal(entries("done"), 2);
	assert_int_equal(entries("refused"), 0);
}

/* --- what is planted -------------------------------------------------------------------- */

static void test_no_link_is_followed_and_no_target_is_touched(void **state)
{
	struct play p = { .sum = &sum };
	char link[512], secret[512], name[256], text[4096], *said;
	struct stat st;

	(void)state;
	drop("secret", GOOD);
	in_folder("secret", secret);
	in_folder("link.csv", link);
	assert_int_equal(symlink(secret, link), 0);
	assert_int_equal(run(&p, &said), 1);
	assert_true(exists("secret"));
	assert_false(exists("link.csv"));
	found_in("refused", ".txt", name, text);
	assert_says(text, "it is a link");
	found_in("refused", "link.csv", name, text);
	in_folder("refused", link);
	snprintf(secret, sizeof(secret), "%.200s/%.200s", link, name);
	assert_int_equal(lstat(secret, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	free(said);
}

static void test_what_is_no_file_of_one_name_is_refused(void **state)
{
	struct play p = { .sum = &sum };
	char one[512], two[512], *said;

	(void)state;
	drop("original", GOOD);
	in_folder("original", one);
	in_folder("hard.csv", two);
	assert_int_equal(link(one, two), 0);
	in_folder("fifo.csv", one);
	assert_int_equal(mkfifo(one, 0600), 0);
	in_folder("folder.csv", one);
	assert_int_equal(mkdir(one, 0700), 0);
	assert_int_equal(run(&p, &said), 1);
	assert_false(exists("hard.csv"));
	assert_false(exists("fifo.csv"));
	assert_false(exists("folder.csv"));
	assert_int_equal(entries("refused"), 6);
	assert_int_equal(entries("done"), 0);
	free(said);
}

static void test_a_signature_that_is_a_link_refuses_its_roster(void **state)
{
	struct play p = { .sum = &sum };
	char path[512], *said;

	(void)state;
	drop("roster.csv", GOOD);
	in_folder("roster.csv.sig", path);
	assert_int_equal(symlink("/etc/hostname", path), 0);
	assert_int_equal(run(&p, &said), 1);
	assert_int_equal(entries("done"), 0);
	free(said);
}

static void test_c10_a_hostile_name_is_written_in_plain_letters(void **state)
{
	struct play p = { .sum = &sum };
	char name[256], text[4096], *said;

	(void)state;
	drop("=a\n\x1b[2J;$(x) \xe2\x80\xae.csv", GOOD);
	assert_int_equal(run(&p, &said), 0);
	found_in("done", ".csv", name, text);
	assert_int_equal(strspn(name, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"
				      "XYZ._-"),
			 strlen(name));
	assert_null(strchr(said, '\x1b'));
	free(said);
}

static void test_a_done_folder_that_is_a_link_is_not_followed(void **state)
{
	struct play p = { .sum = &sum };
	char done[512], other[512], *said;

	(void)state;
	in_folder("done", done);
	in_folder("other", other);
	assert_int_equal(rmdir(done), 0);
	assert_int_equal(mkdir(other, 0700), 0);
	assert_int_equal(symlink(other, done), 0);
	drop("roster.csv", GOOD);
	assert_int_equal(run(&p, &said), 69);
	assert_true(exists("roster.csv"));
	assert_int_equal(entries("other"), 0);
	assert_says(said, "cannot be moved away");
	free(said);
}

static void test_a_folder_that_is_missing_or_a_link_is_refused(void **state)
{
	struct play p = { .sum = &sum };
	char link[512], kept[32], *said;

	(void)state;
	memcpy(kept, folder, sizeof(kept));
	in_folder("way", link);
	assert_int_equal(symlink(".", link), 0);
	snprintf(folder, sizeof(folder), "%.24s/way", kept);
	assert_int_equal(run(&p, &said), 1);
	assert_says(said, "cannot be opened");
	free(said);
	snprintf(folder, sizeof(folder), "/nonexistent/folder");
	assert_int_equal(run(&p, &said), 1);
	free(said);
	memcpy(folder, kept, sizeof(kept));
}

static int make_folder(void **state)
{
	char path[512];

	(void)state;
	memcpy(folder, "/tmp/kenmon-test-XXXXXX", 24);
	if (!mkdtemp(folder))
		return -1;
	snprintf(conf, sizeof(conf), "%s/kenmon.conf", folder);
	drop("kenmon.conf", "");
	in_folder("done", path);
	if (mkdir(path, 0700) != 0)
		return -1;
	in_folder("refused", path);
	return mkdir(path, 0700);
}

static int remove_all(void **state)
{
	(void)state;
	return folder_remove(folder);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_FOLDER(test_a_roster_that_was_taken_goes_to_done_with_what_was_said),
		IN_A_FOLDER(test_a_roster_that_waits_for_approval_is_done_too),
		IN_A_FOLDER(test_a_roster_that_was_taken_back_meanwhile_is_passed_over),
		IN_A_FOLDER(test_a_roster_that_is_wrong_goes_to_refused_with_line_and_reason),
		IN_A_FOLDER(test_the_brake_puts_a_roster_into_refused),
		IN_A_FOLDER(test_the_oldest_is_taken_first),
		IN_A_FOLDER(test_a_signature_goes_along_with_its_roster),
		IN_A_FOLDER(test_names_that_are_not_there_yet_are_left_alone),
		IN_A_FOLDER(test_a_roster_stays_while_the_daemon_does_not_answer),
		IN_A_FOLDER(test_a_roster_stays_while_the_one_before_is_worked_off),
		IN_A_FOLDER(test_a_roster_of_somebody_who_may_not_hand_one_in_stays),
		IN_A_FOLDER(test_no_link_is_followed_and_no_target_is_touched),
		IN_A_FOLDER(test_what_is_no_file_of_one_name_is_refused),
		IN_A_FOLDER(test_a_signature_that_is_a_link_refuses_its_roster),
		IN_A_FOLDER(test_c10_a_hostile_name_is_written_in_plain_letters),
		IN_A_FOLDER(test_a_done_folder_that_is_a_link_is_not_followed),
		IN_A_FOLDER(test_a_folder_that_is_missing_or_a_link_is_refused),
	};

	return cmocka_run_group_tests(tests, scene_setup, NULL);
}
