/*
 * The desk lists what is due, and hands in a roster of several slices, while every call fails, once
 * and from then on: all of it was said, or it is no success and it is said why.
 */
#include <errno.h>

#include <kenmon/people.h>

#include "../../enroll/commands.h"
#include "../fault/fault.h"
#include "desk_scene.h"

static const struct {
	enum fault_call call;
	const char *name;
	int error;
} kinds[] = {
	{ FAULT_MALLOC, "malloc", ENOMEM },         { FAULT_CRYPTO, "crypto", 0 },
	{ FAULT_GETRANDOM, "getrandom", ENOSYS },   { FAULT_SENDMSG, "sendmsg", ENOBUFS },
	{ FAULT_SENDMSG, "sendmsg, full", EAGAIN }, { FAULT_RECVMSG, "recvmsg", EIO },
	{ FAULT_RECVMSG, "recvmsg, late", EAGAIN },
};
#define ROWS  (DESK_PAGE + 1)
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct seen {
	int code;
	bool said; /* anything, on standard error */
	char text[65536];
	struct fault_count count;
};
static struct seen right, now;

static void run(const struct scene *s, char *const words[], size_t kind, unsigned k, bool for_good,
		struct seen *seen)
{
	char *argv[8] = { W("kenmon") };
	int argc = 1;
	struct desk d;

	while (words[argc - 1]) {
		argv[argc] = words[argc - 1];
		argc++;
	}
	memset(seen, 0, sizeof(*seen));
	desk_init(&d);
	d.socket = s->path;
	d.lang = KM_LANG_EN;
	d.in = -1;
	d.out = tmpfile();
	d.err = tmpfile();
	assert_non_null(d.out);
	assert_non_null(d.err);
	fault_begin(kinds[kind].call, k, kinds[kind].error, for_good);
	seen->code = desk_main(&d, argc, argv);
	seen->count = fault_end();
	seen->said = ftell(d.err) > 0;
	rewind(d.out);
	(void)!fread(seen->text, 1, sizeof(seen->text) - 1, d.out);
	fclose(d.out);
	fclose(d.err);
}

/* From kind `from` on. */
static void matrix(const struct play *p, char *const words[], size_t from, const char *says)
{
	unsigned tried = 0, failed = 0;
	struct scene s;

	begin(&s, p, "");
	/* Once before, so that what a library reads or makes once is there. */
	run(&s, words, from, 0, false, &right);
	run(&s, words, from, 0, false, &right);
	assert_int_equal(right.code, 0);
	assert_says(right.text, says);
	for (size_t kind = from; kind < KINDS; kind++) {
		unsigned points = 2 * right.count.calls[kinds[kind].call];

		for (unsigned i = 0; i < points; i++, tried++) {
			run(&s, words, kind, 1 + i / 2, i % 2, &now);
			failed += now.code != 0;
			if (now.code == 0 && strcmp(now.text, right.text) != 0)
				fail_msg("%s, call %u: done, and not all was said: %s",
					 kinds[kind].name, 1 + i / 2, now.text);
			if (now.code != 0 && !now.said)
				fail_msg("%s, call %u: exit code %d, and nothing was said",
					 kinds[kind].name, 1 + i / 2, now.code);
		}
	}
	end(&s);
	printf("# %s %s: %u points tried, %u ended it\n", words[0], words[1], tried, failed);
	assert_in_range(failed, 20, tried);
}

static void test_whatever_fails_what_is_due_is_listed_with_its_set_or_it_is_an_error(void **state)
{
	static struct msg_due_row dues[ROWS + 2];
	const struct play p = { .dues = dues };

	(void)state;
	for (unsigned i = 0; i <= ROWS; i++)
		dues[i] = (struct msg_due_row){ .cursor = i + 1,
						.subject = { (uint8_t)(i >> 8), (uint8_t)i },
						.what = KM_DUE_ERASE,
						.held = KM_HELD_BRAKE };
	matrix(&p, (char *[]){ W("due"), W("list"), NULL }, fault_has_malloc() ? 0 : 1,
	       "Held by the brake: ");
}

static void test_whatever_fails_on_the_line_a_roster_is_handed_in_whole_or_not(void **state)
{
	static const struct msg_roster_sum sum = { .feed = 5, .same = 2 };
	const struct play p = { .sum = &sum };
	char folder[] = "/tmp/kenmon-test-XXXXXX", file[64], conf[64];
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/roster.csv", folder);
	snprintf(conf, sizeof(conf), "%s/kenmon.conf", folder);
	f = fopen(conf, "we");
	assert_non_null(f);
	fclose(f);
	f = fopen(file, "we");
	assert_non_null(f);
	fputs("employee_number,login,name,department\n", f);
	for (unsigned i = 1; i <= 2000; i++)
		fprintf(f, "%u,s%u,Name of somebody,Department\n", i, i);
	fclose(f);
	matrix(&p, (char *[]){ W("roster"), W("check"), file, W("--config"), conf, NULL }, 2,
	       "rows 2000 slices 5");
	assert_int_equal(unlink(file) | unlink(conf) | rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_whatever_fails_what_is_due_is_listed_with_its_set_or_it_is_an_error),
		cmocka_unit_test(
		    test_whatever_fails_on_the_line_a_roster_is_handed_in_whole_or_not),
	};

	return cmocka_run_group_tests(tests, scene_setup, NULL);
}
