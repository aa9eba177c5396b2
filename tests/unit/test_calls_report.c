/*
 * A report into a file: every call fails, once and from then on. Whatever fails, the file is there
 * as it should be and the desk says so, or it is not there and the desk says why.
 */
#include <errno.h>

#include "../fault/fault.h"
#include "report_scene.h"

static const struct {
	enum fault_call call;
	const char *name;
	int error;
} kinds[] = {
	{ FAULT_MALLOC, "malloc", ENOMEM },
	{ FAULT_SOCKET, "socket", EMFILE },
	{ FAULT_SETSOCKOPT, "setsockopt", ENOPROTOOPT },
	{ FAULT_CONNECT, "connect", EACCES },
	{ FAULT_SENDMSG, "sendmsg", EPIPE },
	{ FAULT_RECVMSG, "recvmsg", EIO },
	{ FAULT_GETRANDOM, "getrandom", ENOSYS },
	{ FAULT_OPEN, "open", EMFILE },
	{ FAULT_READ, "read", EIO },
	{ FAULT_SYNC, "fsync", ENOSPC },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static char folder[] = "/tmp/kenmon-test-XXXXXX", path[64];

struct seen {
	int code;
	bool said; /* anything, on standard error */
	char file[65536];
	size_t len;
	struct fault_count count;
};

/* The second line says when it was made, and differs. */
static void read_file(struct seen *seen)
{
	FILE *f = fopen(path, "re");
	char *made;

	if (!f)
		return;
	seen->len = fread(seen->file, 1, sizeof(seen->file) - 1, f);
	fclose(f);
	made = strstr(seen->file, "\nMade: ");
	if (made)
		memset(made + 7, 'x', strcspn(made + 7, "\n"));
}

static void report(struct scene *s, size_t kind, unsigned k, bool for_good, struct seen *seen)
{
	char *argv[] = { W("kenmon"), W("report"), W("review"), W("--output"), path, NULL };
	struct desk d;

	memset(seen, 0, sizeof(*seen));
	desk_init(&d);
	d.socket = s->path;
	d.lang = KM_LANG_EN;
	d.in = -1;
	d.out = fopen("/dev/null", "we");
	d.err = tmpfile();
	assert_non_null(d.out);
	assert_non_null(d.err);
	fault_begin(kinds[kind].call, k, kinds[kind].error, for_good);
	seen->code = desk_main(&d, 5, argv);
	seen->count = fault_end();
	seen->said = ftell(d.err) > 0;
	fclose(d.out);
	fclose(d.err);
	read_file(seen);
	(void)unlink(path);
}

static struct seen right, now;

static void one_point(struct scene *s, size_t kind, unsigned k, bool for_good)
{
	report(s, kind, k, for_good, &now);
	if (now.code == 0 && (now.len != right.len || memcmp(now.file, right.file, now.len) != 0))
		fail_msg("%s, call %u: done, and the file is wrong: %s", kinds[kind].name, k,
			 now.file);
	if (now.code != 0 && now.len)
		fail_msg("%s, call %u: failed, and left a file: %s", kinds[kind].name, k, now.file);
	if (now.code != 0 && now.code != 1 && now.code != 69 && now.code != 77)
		fail_msg("%s, call %u: exit code %d", kinds[kind].name, k, now.code);
	if (!now.said)
		fail_msg("%s, call %u: exit code %d, and nothing was said", kinds[kind].name, k,
			 now.code);
}

static void test_whatever_fails_a_report_is_there_whole_or_not_at_all(void **state)
{
	struct play p = { .operators = people.operators, .rights = people.rights };
	unsigned tried = 0, failed = 0;
	struct scene s;

	(void)state;
	make_operators();
	record_at(0, KM_EVENT_REVIEWED, "", "");
	record_at(1, KM_EVENT_OPERATOR_SUSPENDED, "sato", "note=x");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/report", folder);
	begin(&s, &p, "");
	/* Once before, so that what a library reads or makes once is there. */
	report(&s, 0, 0, false, &right);
	report(&s, 0, 0, false, &right);
	assert_int_equal(right.code, 0);
	assert_says(right.file, "sato");
	for (size_t kind = 0; kind < KINDS; kind++) {
		unsigned calls = right.count.calls[kinds[kind].call];

		for (unsigned k = 1; k <= calls; k++)
			for (int for_good = 0; for_good < 2; for_good++, tried++) {
				one_point(&s, kind, k, for_good);
				failed += now.code != 0;
			}
	}
	end(&s);
	assert_int_equal(rmdir(folder), 0);
	printf("# %u points tried, %u ended the report\n", tried, failed);
	assert_in_range(tried, 40, 100000);
	assert_in_range(failed, 20, tried);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whatever_fails_a_report_is_there_whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, scene_setup, NULL);
}
