/*
 * A roster is read, and taken out of the drop folder, while each call fails: it is refused, or read
 * whole; it stays, or is in done/ with what was said.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../enroll/roster_csv.h"
#include "../../enroll/roster_drop.h"
#include "../fault/fault.h"
#include "folder.h"

#define ROWS 300

static struct km_conf conf;
static char text[ROWS * 48];
static size_t len;

struct kind {
	enum fault_call call;
	int error;
	unsigned least; /* so many calls there are at least */
};

static km_rc count(void *arg, const struct roster_row *row)
{
	(void)row;
	++*(unsigned *)arg;
	return KM_OK;
}

/* CP932 with duplicates or without, so that every part of the reader allocates. */
static void make_text(bool twice)
{
	len = (size_t)sprintf(text, "employee_number,login,name,department\n");
	for (unsigned i = 0; i < ROWS; i++)
		len += (size_t)sprintf(text + len, "%u,s%u,\x8d\xb2\x93\xa1,\"D\"\n", i, i);
	if (twice)
		len += (size_t)sprintf(text + len, "1,s1,x,D\n");
}

static void read_with(const struct kind *kind, unsigned k, bool for_good, struct fault_count *calls,
		      bool twice)
{
	int fd = memfd_create("roster", MFD_CLOEXEC);
	struct roster r = { .rows = 0 };
	unsigned rows = 0;
	struct desk d;
	km_rc rc;

	desk_init(&d);
	assert_true(fd >= 0 && write(fd, text, len) == (ssize_t)len && lseek(fd, 0, SEEK_SET) == 0);
	fault_begin(kind->call, k, kind->error, for_good);
	rc = feedfile_read(&d, fd, &conf, 0, &r);
	if (rc == KM_OK)
		rc = feedfile_each(&r, count, &rows);
	*calls = fault_end();
	if (twice)
		assert_true(rc == KM_EINVAL || rc == KM_ENOMEM || rc == KM_EAGAIN);
	else if (rc == KM_OK)
		assert_int_equal(rows, ROWS);
	else
		assert_true(rc == KM_ENOMEM || rc == KM_EINVAL || rc == KM_EAGAIN);
	if (rc == KM_EINVAL)
		assert_true(d.why[0] || r.problems);
	feedfile_free(&r);
	close(fd);
}

static void read_matrix(bool twice)
{
	static const struct kind kinds[] = {
		{ FAULT_MALLOC, ENOMEM, 8 },
		{ FAULT_STAT, EIO, 2 },
		{ FAULT_READ, EIO, 2 },
	};
	const size_t first = fault_has_malloc() ? 0 : 1; /* with sanitizers malloc is not ours */
	struct fault_count calls;

	make_text(twice);
	/* The first conversion of a process reads the list of all: thousands of calls, not ours. */
	read_with(&kinds[first], 0, false, &calls, twice);
	for (size_t i = first; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		unsigned all, tried = 0;

		read_with(&kinds[i], 0, false, &calls, twice);
		all = calls.calls[kinds[i].call];
		for (unsigned k = 1; k <= all; k++) {
			read_with(&kinds[i], k, false, &calls, twice);
			tried += calls.failed;
			read_with(&kinds[i], k, true, &calls, twice);
		}
		/* What iconv() asks for once is not asked for again. */
		if (tried < kinds[i].least)
			fail_msg("kind %zu: only %u calls", i, tried);
	}
}

static void test_a_roster_is_read_whole_or_refused_whatever_call_fails(void **state)
{
	(void)state;
	read_matrix(false);
}

static void test_a_roster_with_a_fault_is_never_taken_whatever_call_fails(void **state)
{
	(void)state;
	read_matrix(true);
}

/* --- the drop folder ------------------------------------------------------------------------ */

static int take_it(struct desk *d, void *arg, const char *name, int fd, int sign)
{
	(void)arg;
	(void)name;
	(void)sign;
	fprintf(d->out, "%zd bytes were taken\n", lseek(fd, 0, SEEK_END));
	return 0;
}

/* A roster in done/ has its text, whole. */
static unsigned done_and_told(const char *folder)
{
	char path[600], said[64] = "";
	unsigned rosters = 0, texts = 0;
	const struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/done", folder);
	dir = opendir(path);
	assert_non_null(dir);
	while ((e = readdir(dir))) {
		size_t n = strlen(e->d_name);

		rosters += n > 4 && strcmp(e->d_name + n - 4, ".csv") == 0;
		if (n > 4 && strcmp(e->d_name + n - 4, ".txt") == 0) {
			FILE *f;

			snprintf(path, sizeof(path), "%s/done/%s", folder, e->d_name);
			f = fopen(path, "re");
			assert_non_null(f);
			said[fread(said, 1, sizeof(said) - 1, f)] = '\0';
			fclose(f);
			texts += strcmp(said, "4 bytes were taken\n") == 0;
		}
	}
	closedir(dir);
	if (rosters > 1 || texts < rosters)
		fail_msg("%u rosters, %u texts, the last: %s", rosters, texts, said);
	return rosters;
}

static void drop_with(const struct kind *kind, unsigned k, struct fault_count *calls)
{
	char folder[] = "/tmp/kenmon-test-XXXXXX", path[64];
	size_t out_len;
	char *out = NULL;
	struct desk d;
	bool stays;
	int code, fd;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/done", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/refused", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/a.csv", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && write(fd, "abcd", 4) == 4);
	close(fd);
	desk_init(&d);
	d.out = d.err = open_memstream(&out, &out_len);
	fault_begin(kind->call, k, kind->error, false);
	code = drop_all(&d, folder, take_it, NULL);
	*calls = fault_end();
	fclose(d.out);
	free(out);
	stays = access(path, F_OK) == 0;
	/* Where it is not in done/, it stays, or could not be opened and was refused. */
	if (done_and_told(folder) == 0)
		assert_true(code != 0 || stays);
	else
		assert_true(!stays);
	if (code == 69)
		assert_true(stays || done_and_told(folder) == 1);
	folder_remove(folder);
}

static void test_a_roster_in_the_drop_folder_stays_or_is_done_whatever_call_fails(void **state)
{
	static const struct kind kinds[] = {
		{ FAULT_MALLOC, ENOMEM, 3 }, { FAULT_OPEN, EACCES, 4 },  { FAULT_STAT, EIO, 2 },
		{ FAULT_FOLDER, EIO, 2 },    { FAULT_WRITE, ENOSPC, 1 },
	};
	struct fault_count calls;

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		unsigned all;

		if (kinds[i].call == FAULT_MALLOC && !fault_has_malloc())
			continue;
		drop_with(&kinds[i], 0, &calls);
		all = calls.calls[kinds[i].call];
		if (all < kinds[i].least)
			fail_msg("kind %zu: only %u calls", i, all);
		for (unsigned k = 1; k <= all; k++)
			drop_with(&kinds[i], k, &calls);
	}
}

static int setup(void **state)
{
	(void)state;
	km_conf_defaults(&conf);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_roster_is_read_whole_or_refused_whatever_call_fails),
		cmocka_unit_test(test_a_roster_with_a_fault_is_never_taken_whatever_call_fails),
		cmocka_unit_test(
		    test_a_roster_in_the_drop_folder_stays_or_is_done_whatever_call_fails),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
