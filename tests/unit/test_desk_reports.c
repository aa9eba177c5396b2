/* Reports of the desk, on operators that a vault tells of. */
#include <errno.h>
#include <sys/resource.h>

#include "report_scene.h"

/* They are those of make_operators(), or what is made of them after this. */
static struct play vault_with_people(void)
{
	make_operators();
	return (struct play){ .operators = people.operators,
			      .dues = people.dues,
			      .rights = people.rights };
}

static enum km_lang reader = KM_LANG_EN;

/* Runs it and gives what was written, until the next one. */
#define REPORT(script, code, ...) report_of(script, code, (char *[]){ __VA_ARGS__, NULL })
static char *report_of(const struct play *p, int code, char *const words[])
{
	static char *out;
	struct scene s;
	int got;

	free(out);
	begin(&s, p, "");
	s.desk.lang = reader;
	got = kenmon(&s, words);
	if (got != code)
		fail_msg("exit code %d: %s%s", got, s.out, s.err);
	out = strdup(s.out);
	end(&s);
	assert_non_null(out);
	return out;
}

static unsigned lines_with(const char *text, const char *part)
{
	unsigned n = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");

		n += memmem(text, len, part, strlen(part)) != NULL;
		text += len + (text[len] == '\n');
	}
	return n;
}

static void lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("\"%s\" is in: %s", part, text);
}

/* --- the register ------------------------------------------------------------- */

static void test_the_register_has_every_operator_and_all_that_is_kept_of_them(void **state)
{
	struct play p = vault_with_people();
	struct msg_operator_row *r;
	char *out;

	(void)state;
	r = operator_at(0, "sato");
	r->role = KM_ROLE_APPROVER;
	r->valid_from = 20544;
	r->valid_until = 20908;
	r->factors |= KM_FACTOR_BIT(KM_FACTOR_FINGERPRINT);
	snprintf(r->mobile, sizeof(r->mobile), "+819012345678");
	snprintf(r->landline, sizeof(r->landline), "0312345678");
	r->created = r->last_login = 1775001600;
	out = REPORT(&p, 0, W("report"), W("operators"), W("--format"), W("csv"));
	assert_says(out, "login,employee_number,name,department,role,state,valid_from,valid_until,"
			 "factors,mobile,landline,uid,created,last_login\r\n"
			 "sato,100,Name of sato,Insurance,approver,active,2026-04-01,2027-03-31,"
			 "totp fingerprint,'+819012345678,0312345678,1000,"
			 "2026-04-01T09:00:00+09:00,2026-04-01T09:00:00+09:00\r\n");
	assert_int_equal(lines_with(out, "\r"), 8);
	assert_says(out, "going,106,Name of going,Insurance,operator,erasing,");
	out = REPORT(&p, 0, W("report"), W("operators"));
	assert_says(out, "Register of operators\nMade: 20");
	assert_says(out, "Rows: 7\n");
	out = REPORT(&p, 0, W("report"), W("operators"), W("--json"));
	assert_says(out, "{\"report\":\"operators\"");
	assert_says(out, "\"mobile\":\"+819012345678\"");
}

/* C10: what a vault could have been told, in each format. */
static void test_c10_names_that_are_formulas_tags_or_paths_stay_names(void **state)
{
	static const char *const formats[] = { "text", "csv", "html", "json" };
	struct play p = vault_with_people();
	char format[8], *out;

	(void)state;
	snprintf(people.operators[0].name, sizeof(people.operators[0].name),
		 "=HYPERLINK(\"http://x\")");
	snprintf(people.operators[1].name, sizeof(people.operators[1].name),
		 "</td><script>alert(1)</script>");
	snprintf(people.operators[2].name, sizeof(people.operators[2].name), "../../etc/passwd");
	snprintf(people.operators[3].name, sizeof(people.operators[3].name), "\"},{\"a\":\"");
	for (size_t i = 0; i < 4; i++) {
		memcpy(format, formats[i], strlen(formats[i]) + 1);
		out = REPORT(&p, 0, W("report"), W("operators"), W("--format"), format);
		assert_says(out, "../../etc/passwd");
		if (strcmp(format, "csv") == 0)
			assert_says(out, ",\"'=HYPERLINK(\"\"http://x\"\")\",");
		if (strcmp(format, "json") == 0)
			assert_says(out, "\"name\":\"\\\"},{\\\"a\\\":\\\"\",");
		if (strcmp(format, "html") == 0) {
			lacks(out, "<script");
			assert_int_equal(lines_with(out, "<tr><th scope=\"row\">"), 7);
		}
	}
}

static void test_no_operator_gives_headings_and_no_row(void **state)
{
	struct play p = { 0 };
	char *out = REPORT(&p, 0, W("report"), W("operators"), W("--format"), W("html"));

	(void)state;
	assert_says(out, "<tbody>\n</tbody>");
}

static void test_a_line_that_breaks_ends_a_report_without_its_end(void **state)
{
	struct play p = vault_with_people();
	char *out;

	(void)state;
	p.break_in_rows = true;
	out = REPORT(&p, 69, W("report"), W("operators"), W("--json"));
	assert_null(strstr(out, "]}"));
}

static void test_rows_that_come_twice_are_not_taken(void **state)
{
	struct play p = vault_with_people();

	(void)state;
	people.operators[2].cursor = 1;
	(void)REPORT(&p, 69, W("report"), W("operators"));
}

/* --- the review ---------------------------------------------------------------- */

static void test_a_review_names_each_finding_and_nobody_else(void **state)
{
	static const struct {
		const char *row, *what;
	} found[] = {
		{ "never,never-logged-in,", "never" }, { "idle,no-login-for-long,", "idle" },
		{ "expires,expires,", "expires" },     { "bare,no-factor,,", "bare" },
		{ "ancient,old-factor,", "ancient" },
	};
	struct play p = vault_with_people();
	char *out;

	(void)state;
	out = REPORT(&p, 0, W("report"), W("review"), W("--format"), W("csv"));
	for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
		assert_says(out, found[i].row);
		assert_int_equal(lines_with(out, found[i].what), 1);
	}
	assert_says(out, "login,finding,details,employee_number,name,department,role,state\r\n");
	assert_says(out, ",101,Name of never,Insurance,operator,active\r\n");
	lacks(out, "inorder");
	lacks(out, "going"); /* who is being erased has nothing to review */
	lacks(out, "only-phone");
}

static void test_a_review_finds_whose_only_factor_is_a_telephone(void **state)
{
	static const struct {
		const char *login;
		uint32_t factors;
		bool found;
	} staff[] = {
		{ "texts", KM_FACTOR_BIT(KM_FACTOR_SMS), true },
		{ "calls", KM_FACTOR_BIT(KM_FACTOR_VOICE), true },
		{ "two", KM_FACTOR_BIT(KM_FACTOR_SMS) | KM_FACTOR_BIT(KM_FACTOR_VOICE), true },
		{ "token", KM_FACTOR_BIT(KM_FACTOR_SMS) | KM_FACTOR_BIT(KM_FACTOR_TOTP), false },
		{ "paper", KM_FACTOR_BIT(KM_FACTOR_VOICE) | KM_FACTOR_BIT(KM_FACTOR_RECOVERY),
		  false },
	};
	struct play p = vault_with_people();
	char *out, line[64];

	(void)state;
	for (size_t i = 0; i < sizeof(staff) / sizeof(staff[0]); i++)
		operator_at((unsigned)i, staff[i].login)->factors = staff[i].factors;
	out = REPORT(&p, 0, W("report"), W("review"), W("--format"), W("csv"));
	for (size_t i = 0; i < sizeof(staff) / sizeof(staff[0]); i++) {
		snprintf(line, sizeof(line), "%s,only-phone,", staff[i].login);
		if ((strstr(out, line) != NULL) != staff[i].found)
			fail_msg("%s: %s", staff[i].login, out);
	}
	assert_int_equal(lines_with(out, "only-phone"), 3);
}

static void test_a_review_finds_whose_number_is_not_sent_to_any_more(void **state)
{
	struct play p = vault_with_people();
	char *out;

	(void)state;
	operator_at(0, "abroad")->barred = KM_FACTOR_BIT(KM_FACTOR_SMS);
	operator_at(1, "premium")->barred =
	    KM_FACTOR_BIT(KM_FACTOR_SMS) | KM_FACTOR_BIT(KM_FACTOR_VOICE);
	out = REPORT(&p, 0, W("report"), W("review"), W("--format"), W("csv"));
	assert_says(out, "abroad,number-not-allowed,sms,");
	assert_says(out, "premium,number-not-allowed,sms voice,");
	assert_int_equal(lines_with(out, "number-not-allowed"), 2);
}

static void test_a_review_counts_days_as_it_is_told(void **state)
{
	struct play p = vault_with_people();
	char *out;

	(void)state;
	out = REPORT(&p, 0, W("report"), W("review"), W("--format"), W("csv"), W("--days"), W("92"),
		     W("--credential-days"), W("99"));
	lacks(out, "no-login-for-long");
	assert_int_equal(lines_with(out, "old-factor"), 5);
	out =
	    REPORT(&p, 0, W("report"), W("review"), W("--format"), W("csv"), W("--days"), W("89"));
	assert_says(out, "idle,no-login-for-long,");
	lacks(out, ",expires,");
}

static void test_a_review_says_when_the_last_was_and_what_changed_since(void **state)
{
	struct play p = vault_with_people();
	char *out;

	(void)state;
	(void)operator_at(0, "sato");
	record_at(0, KM_EVENT_REVIEWED, "", "operators=7");
	record_at(1, KM_EVENT_OPERATOR_CHANGED, "sato", "changed=role role=approver was=operator");
	record_at(2, KM_EVENT_OPERATOR_CHANGED, "silent", "changed=name,mobile");
	record_at(3, KM_EVENT_OPERATOR_ADDED, "", "role=operator uid=1");
	record_at(4, KM_EVENT_OPERATOR_RESUMED, "sato", "");
	record_at(5, KM_EVENT_OPERATOR_SUSPENDED, "gone", "");
	record_at(6, KM_EVENT_OPERATOR_UNUSED, "going", "");
	people.rights[3].subject[0] = 0xab;
	snprintf(people.rights[3].approver, sizeof(people.rights[3].approver), "suzuki");
	out = REPORT(&p, 0, W("report"), W("review"), W("--json"));
	assert_says(out, "\"last_sign_off\":\"2026-04-01T09:00:00+09:00\"");
	assert_says(out, "\"signed_off_by\":\"uid:0\"");
	assert_says(out, "{\"login\":\"sato\",\"finding\":\"rights-changed\",\"details\":"
			 "\"2026-04-01 operator-changed (uid:0) changed=role role=approver "
			 "was=operator\",\"employee_number\":\"100\",\"name\":\"Name of sato\","
			 "\"department\":\"Insurance\",\"role\":\"operator\",\"state\":\"active\"");
	/* Twice in the trail, once in the register; and who is no more, or is going, has no name.
	 */
	assert_says(out, "operator-resumed (uid:0) \",\"employee_number\":\"100\",");
	assert_says(out, "{\"login\":\"\",\"finding\":\"rights-changed\",\"details\":"
			 "\"erased=1 records=1\",\"employee_number\":\"\",");
	lacks(out, "operator-added");
	assert_says(out, "{\"login\":\"gone\",\"finding\":\"rights-changed\",\"details\":"
			 "\"2026-04-01 operator-suspended (uid:0) \",\"employee_number\":\"\","
			 "\"name\":\"\",");
	assert_says(out, "operator-unused (uid:0) \",\"employee_number\":\"\",");
	lacks(out, "silent");
	people.rights[0].event = KM_EVENT_OPERATOR_SUSPENDED;
	out = REPORT(&p, 0, W("report"), W("review"), W("--json"));
	assert_says(out, "\"last_sign_off\":\"never\"");
	lacks(out, "signed_off_by");
}

static void test_the_register_names_factors_in_the_language_of_who_reads_it(void **state)
{
	struct play p = vault_with_people();
	const char *out;

	(void)state;
	operator_at(0, "sato")->factors =
	    KM_FACTOR_BIT(KM_FACTOR_TOTP) | KM_FACTOR_BIT(KM_FACTOR_FINGERPRINT);
	reader = KM_LANG_JA;
	out = REPORT(&p, 0, W("report"), W("operators"));
	assert_says(out, "時刻によるコード、指紋");
	out = REPORT(&p, 0, W("report"), W("operators"), W("--json"));
	assert_says(out, "\"totp fingerprint\"");
	out = REPORT(&p, 0, W("report"), W("operators"), W("--format"), W("csv"));
	assert_says(out, ",totp fingerprint,");
	reader = KM_LANG_EN;
}

/* A page for people, and what programs read, each in its language. */
static void test_a_review_says_what_changed_in_the_language_of_who_reads_it(void **state)
{
	struct play p = vault_with_people();
	const char *out;

	(void)state;
	record_at(0, KM_EVENT_OPERATOR_CHANGED, "sato", "changed=role role=approver was=operator");
	reader = KM_LANG_JA;
	out = REPORT(&p, 0, W("report"), W("review"));
	assert_says(out, "2026-04-01 職員情報の変更 (uid:0) 変更=役割、役割=承認担当、変更前=一般");
	out = REPORT(&p, 0, W("report"), W("review"), W("--format"), W("html"));
	assert_says(out, "職員情報の変更 (uid:0) 変更=役割、役割=承認担当、変更前=一般");
	out = REPORT(&p, 0, W("report"), W("review"), W("--json"));
	assert_says(out, "operator-changed (uid:0) changed=role role=approver was=operator");
	out = REPORT(&p, 0, W("report"), W("review"), W("--format"), W("csv"));
	assert_says(out, "operator-changed (uid:0) changed=role role=approver was=operator");
	reader = KM_LANG_EN;
}

/* After 1 April they are thousands. */
static void test_whoever_was_erased_is_counted_in_one_row_of_a_review(void **state)
{
	struct play p = vault_with_people();
	char *out;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		record_at(i, KM_EVENT_OPERATOR_SUSPENDED, "", "feed=3");
		people.rights[i].subject[15] = (uint8_t)(i < 3 ? 1 : i);
	}
	/* About nobody: no person who was erased. */
	record_at(5, KM_EVENT_OPERATOR_CHANGED, "", "role=operator");
	out = REPORT(&p, 0, W("report"), W("review"), W("--format"), W("csv"));
	assert_says(out, ",rights-changed,erased=3 records=5,,,,,");
	assert_says(out, ",rights-changed,2026-04-01 operator-changed (uid:0) role=operator,");
	lacks(out, "operator-suspended");
	lacks(out, "subject=");
	out = REPORT(&p, 0, W("report"), W("review"));
	assert_says(out, "3 who are erased since: 5 records");
}

static void test_a_vault_that_goes_on_nowhere_is_not_asked_for_ever(void **state)
{
	struct play p = vault_with_people();

	(void)state;
	p.stuck_rights = true;
	(void)REPORT(&p, 69, W("report"), W("review"));
}

static void test_a_review_that_is_signed_off_says_so(void **state)
{
	struct play p = { 0 };
	char *out = REPORT(&p, 0, W("review"), W("sign-off"), W("--note"), W("all seen"));

	(void)state;
	assert_string_equal(out, "The review is signed off and recorded.\n");
}

/* --- what is due ----------------------------------------------------------------- */

static void test_what_falls_due_is_listed_with_its_day_and_why(void **state)
{
	struct play p = vault_with_people();
	char *out, day[16], row[128];

	(void)state;
	(void)due_at(0, "soon", 30);
	(void)due_at(1, "late", 31);
	due_at(2, "idle", 1)->what = KM_DUE_SUSPEND;
	people.dues[2].cause = KM_CAUSE_UNUSED;
	due_at(3, "past", -1)->held = KM_HELD_BRAKE;
	out = REPORT(&p, 0, W("report"), W("due"), W("--format"), W("csv"));
	km_day_format(day_in(30), day);
	snprintf(row, sizeof(row), "soon,%s,erase,transferred,no\r\n", day);
	assert_says(out, "login,day,what,cause,held\r\n");
	assert_says(out, row);
	assert_says(out, ",suspend,unused,no\r\n");
	assert_says(out, ",erase,transferred,yes\r\n");
	lacks(out, "late");
	out = REPORT(&p, 0, W("report"), W("due"), W("--days"), W("0"), W("--json"));
	assert_says(out, "\"days\":\"0\"");
	assert_says(out, "past");
	lacks(out, "soon");
}

static void test_a_report_says_for_what_they_are_held(void **state)
{
	struct play p = vault_with_people();
	char *out;

	(void)state;
	due_at(0, "past", -1)->held = KM_HELD_LAST;
	out = REPORT(&p, 0, W("report"), W("due"));
	assert_says(out, "held as the last of their role");
	due_at(0, "past", -1)->held = KM_HELD_BRAKE;
	out = REPORT(&p, 0, W("report"), W("due"));
	assert_says(out, "held until a second person has looked");
}

/* Nobody reads an empty list as nothing that is due. */
static void test_a_roster_that_waits_is_a_line_of_what_falls_due(void **state)
{
	struct play p = vault_with_people();
	char *out;

	(void)state;
	p.dues = NULL;
	p.text = "roster 7 waits for a second person until 2026-04-08 00:00 UTC: by it 312 would "
		 "be erased, or suspended as missing";
	out = REPORT(&p, 0, W("report"), W("due"));
	assert_says(out, "Not here yet: roster 7 waits for a second person until 2026-04-08 00:00 "
			 "UTC: by it 312 would be erased");
	out = REPORT(&p, 0, W("report"), W("due"), W("--json"));
	assert_says(out, "\"roster_waiting\":\"roster 7 waits");
	p.text = "";
	out = REPORT(&p, 0, W("report"), W("due"), W("--json"));
	lacks(out, "roster_waiting");
}

static void test_what_is_due_must_be_a_suspension_or_an_erasure(void **state)
{
	struct play p = vault_with_people();

	(void)state;
	due_at(0, "soon", 1)->what = 3;
	(void)REPORT(&p, 69, W("report"), W("due"));
}

/* --- into a file -------------------------------------------------------------------- */

struct target {
	char dir[32], path[64];
	struct stat st;
};

static void target_begin(struct target *t)
{
	memcpy(t->dir, "/tmp/kenmon-test-XXXXXX", 24);
	assert_non_null(mkdtemp(t->dir));
	snprintf(t->path, sizeof(t->path), "%s/report", t->dir);
}

static void target_end(struct target *t)
{
	(void)unlink(t->path);
	assert_int_equal(rmdir(t->dir), 0);
}

static void holds(const char *path, const char *text)
{
	char bytes[256] = "";
	FILE *f = fopen(path, "re");

	assert_non_null(f);
	assert_true(fread(bytes, 1, sizeof(bytes) - 1, f) > 0);
	fclose(f);
	assert_says(bytes, text);
}

/* NIST SP 800-63B-4, 3.1.3: no secret crosses the telephone in a call that asks for '#' alone. */
static void test_a_review_says_where_calls_are_below_the_standard(void **state)
{
	static const struct {
		const char *conf;
		bool said;
	} files[] = {
		{ "[voice]\nserver = sip.example\nmode = confirm\n", true },
		{ "[voice]\nserver = sip.example\nmode = keypad\n", false },
		{ "[voice]\nmode = confirm\n", false }, /* nobody is called at all */
	};
	struct play p = vault_with_people();
	struct target t;
	char *out;

	(void)state;
	target_begin(&t);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		FILE *f = fopen(t.path, "we");

		assert_non_null(f);
		assert_true(fputs(files[i].conf, f) >= 0);
		assert_int_equal(fclose(f), 0);
		out = REPORT(&p, 0, W("report"), W("review"), W("--config"), t.path);
		if (files[i].said)
			assert_says(out, "\nCalls: only '#' is asked for ([voice] mode = confirm), "
					 "which is below NIST");
		else
			lacks(out, "NIST");
		/* Whoever reads the rows alone, as a program does, finds it there. */
		out = REPORT(&p, 0, W("report"), W("review"), W("--format"), W("csv"),
			     W("--config"), t.path);
		assert_int_equal(lines_with(out, ",calls-below-standard,[voice] mode = confirm,"),
				 files[i].said);
	}
	out = REPORT(&p, 0, W("report"), W("review"), W("--json"), W("--config"), t.path);
	lacks(out, "\"calls\"");
	(void)REPORT(&p, 2, W("report"), W("review"), W("--config"), W("/nonexistent/kenmon.conf"));
	target_end(&t);
}

static void test_a_report_goes_into_a_new_file_that_its_owner_alone_can_read(void **state)
{
	struct play p = vault_with_people();
	struct target t;
	char *out;

	(void)state;
	target_begin(&t);
	umask(0);
	out = REPORT(&p, 0, W("report"), W("operators"), W("--format"), W("html"), W("--output"),
		     t.path);
	umask(022);
	assert_string_equal(out, "");
	assert_int_equal(lstat(t.path, &t.st), 0);
	assert_int_equal(t.st.st_mode, S_IFREG | 0600);
	holds(t.path, "<!DOCTYPE html>");
	/* And never into one that is there. */
	out = REPORT(&p, 1, W("report"), W("review"), W("--output"), t.path);
	holds(t.path, "<!DOCTYPE html>");
	(void)unlink(t.path);
	out = REPORT(&p, 0, W("report"), W("operators"), W("--json"), W("--output"), t.path);
	assert_says(out, "{\"result\":\"done\",\"output\":\"/tmp/kenmon-test-");
	assert_says(out, "\"rows\":7}\n");
	target_end(&t);
}

static void test_c2_no_report_is_written_through_a_link_or_into_a_pipe(void **state)
{
	struct play p = vault_with_people();
	char victim[80];
	struct target t;

	(void)state;
	target_begin(&t);
	snprintf(victim, sizeof(victim), "%s/victim", t.dir);
	assert_int_equal(symlink(victim, t.path), 0);
	(void)REPORT(&p, 1, W("report"), W("operators"), W("--output"), t.path);
	assert_int_equal(lstat(victim, &t.st), -1);
	(void)unlink(t.path);
	assert_int_equal(mkfifo(t.path, 0600), 0);
	(void)REPORT(&p, 1, W("report"), W("operators"), W("--output"), t.path);
	(void)REPORT(&p, 1, W("report"), W("operators"), W("--output"), W("/nonexistent/report"));
	target_end(&t);
}

static void test_a_report_that_does_not_come_to_its_end_leaves_no_file(void **state)
{
	struct play p = vault_with_people();
	struct target t;

	(void)state;
	target_begin(&t);
	p.break_in_rows = true;
	(void)REPORT(&p, 69, W("report"), W("operators"), W("--output"), t.path);
	assert_int_equal(lstat(t.path, &t.st), -1);
	target_end(&t);
}

static void test_a_report_that_the_disk_does_not_take_leaves_no_file(void **state)
{
	struct play p = vault_with_people();
	const struct rlimit little = { 64, RLIM_INFINITY };
	struct rlimit before;
	struct target t;
	char *out;

	(void)state;
	target_begin(&t);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	out = REPORT(&p, 1, W("report"), W("operators"), W("--json"), W("--output"), t.path);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_says(out, "{\"error\":\"EINVAL\",\"message\":");
	assert_int_equal(lstat(t.path, &t.st), -1);
	target_end(&t);
}

static void test_a_vault_that_refuses_leaves_no_file(void **state)
{
	struct play p = { .rc = KM_EPERM };
	struct target t;

	(void)state;
	target_begin(&t);
	(void)REPORT(&p, 77, W("report"), W("review"), W("--output"), t.path);
	assert_int_equal(lstat(t.path, &t.st), -1);
	target_end(&t);
}

static void test_formats_and_days_that_are_none_are_usage_errors(void **state)
{
	struct play p = { 0 };

	(void)state;
	(void)REPORT(&p, 2, W("report"), W("operators"), W("--format"), W("pdf"));
	(void)REPORT(&p, 2, W("report"), W("review"), W("--days"), W("-1"));
	(void)REPORT(&p, 2, W("report"), W("review"), W("--credential-days"), W("x"));
	(void)REPORT(&p, 2, W("report"), W("due"), W("--days"), W("36501"));
}

static int setup(void **state)
{
	setenv("TZ", "Asia/Tokyo", 1);
	tzset();
	return scene_setup(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_register_has_every_operator_and_all_that_is_kept_of_them),
		cmocka_unit_test(test_c10_names_that_are_formulas_tags_or_paths_stay_names),
		cmocka_unit_test(test_no_operator_gives_headings_and_no_row),
		cmocka_unit_test(test_a_line_that_breaks_ends_a_report_without_its_end),
		cmocka_unit_test(test_rows_that_come_twice_are_not_taken),
		cmocka_unit_test(test_a_review_names_each_finding_and_nobody_else),
		cmocka_unit_test(test_a_review_finds_whose_only_factor_is_a_telephone),
		cmocka_unit_test(test_a_review_finds_whose_number_is_not_sent_to_any_more),
		cmocka_unit_test(test_a_review_says_where_calls_are_below_the_standard),
		cmocka_unit_test(test_a_review_counts_days_as_it_is_told),
		cmocka_unit_test(test_a_review_says_when_the_last_was_and_what_changed_since),
		cmocka_unit_test(test_the_register_names_factors_in_the_language_of_who_reads_it),
		cmocka_unit_test(test_a_review_says_what_changed_in_the_language_of_who_reads_it),
		cmocka_unit_test(test_whoever_was_erased_is_counted_in_one_row_of_a_review),
		cmocka_unit_test(test_a_vault_that_goes_on_nowhere_is_not_asked_for_ever),
		cmocka_unit_test(test_a_review_that_is_signed_off_says_so),
		cmocka_unit_test(test_what_falls_due_is_listed_with_its_day_and_why),
		cmocka_unit_test(test_a_report_says_for_what_they_are_held),
		cmocka_unit_test(test_a_roster_that_waits_is_a_line_of_what_falls_due),
		cmocka_unit_test(test_what_is_due_must_be_a_suspension_or_an_erasure),
		cmocka_unit_test(test_a_report_goes_into_a_new_file_that_its_owner_alone_can_read),
		cmocka_unit_test(test_c2_no_report_is_written_through_a_link_or_into_a_pipe),
		cmocka_unit_test(test_a_report_that_does_not_come_to_its_end_leaves_no_file),
		cmocka_unit_test(test_a_report_that_the_disk_does_not_take_leaves_no_file),
		cmocka_unit_test(test_a_vault_that_refuses_leaves_no_file),
		cmocka_unit_test(test_formats_and_days_that_are_none_are_usage_errors),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
