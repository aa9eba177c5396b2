/* The report of what falls due, as somebody reads it: a table of text, and a page to print. */
#include "report_scene.h"

static char *report(char *format)
{
	struct play p = { .operators = people.operators, .dues = people.dues };
	struct scene s;
	char *out;

	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("report"), W("due"), W("--format"), format), 0);
	out = strdup(s.out);
	end(&s);
	assert_non_null(out);
	return out;
}

/* One within the month, one after it, one that is held. */
static void make_dues(void)
{
	make_operators();
	(void)due_at(0, "so<on", 30);
	(void)due_at(1, "late", 31);
	due_at(2, "idle", 1)->what = KM_DUE_SUSPEND;
	people.dues[2].cause = KM_CAUSE_UNUSED;
	due_at(3, "past", -1)->held = KM_HELD_BRAKE;
}

/* In a row of text, cells stand behind each other with blanks between them. */
static void has_row(const char *text, const char *const cells[])
{
	const char *line = strstr(text, cells[0]), *at = line;

	if (!line)
		fail_msg("no \"%s\" in: %s", cells[0], text);
	for (size_t i = 0; cells[i]; i++) {
		at = strstr(at, cells[i]);
		if (!at || memchr(line, '\n', (size_t)(at - line)))
			fail_msg("no \"%s\" in the line of %s: %s", cells[i], cells[0], text);
		at += strlen(cells[i]);
	}
}

static void test_what_falls_due_is_a_table_of_text(void **state)
{
	char day[16], *out;

	(void)state;
	make_dues();
	out = report(W("text"));
	has_row(out, (const char *[]){ "LOGIN", "DAY", "WHAT", "CAUSE", "HELD", NULL });
	km_day_format(day_in(30), day);
	has_row(out, (const char *[]){ "so<on", day, desk_text(DESK_DUE_ERASE, KM_LANG_EN),
				       "transferred", NULL });
	km_day_format(day_in(1), day);
	has_row(out, (const char *[]){ "idle", day, desk_text(DESK_DUE_SUSPEND, KM_LANG_EN),
				       km_cause_text(KM_CAUSE_UNUSED, KM_LANG_EN), NULL });
	km_day_format(day_in(-1), day);
	has_row(out, (const char *[]){ "past", day, desk_text(DESK_DUE_ERASE, KM_LANG_EN),
				       "held until a second person has looked", NULL });
	assert_null(strstr(out, "late"));
	free(out);
}

static void test_what_falls_due_is_a_page_to_print(void **state)
{
	char day[16], row[256], *out;

	(void)state;
	make_dues();
	out = report(W("html"));
	assert_int_equal(strncmp(out, "<!DOCTYPE html>", 15), 0);
	km_day_format(day_in(30), day);
	snprintf(row, sizeof(row), ">so&lt;on</th><td>%s</td><td>%s</td><td>%s</td>", day,
		 desk_text(DESK_DUE_ERASE, KM_LANG_EN),
		 km_cause_text(KM_CAUSE_TRANSFERRED, KM_LANG_EN));
	assert_says(out, row);
	assert_says(out, "held until a second person has looked</td></tr>");
	assert_null(strstr(out, ">late<"));
	assert_null(strstr(out, "so<on"));
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_falls_due_is_a_table_of_text),
		cmocka_unit_test(test_what_falls_due_is_a_page_to_print),
	};

	return cmocka_run_group_tests(tests, scene_setup, NULL);
}
