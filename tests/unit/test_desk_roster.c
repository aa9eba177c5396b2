/* The desk hands in a roster, to a vault that a test plays: what is sent, and what is said of it.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/evp.h>

#include <kenmon/people.h>

#include "../../enroll/roster_send.h"
#include "desk_scene.h"

#define HEAD "employee_number,login,name,department\n"
#define ROWS HEAD "1,sato,Sato,D\n2,suzuki,Suzuki,D\n"

static char folder[] = "/tmp/kenmon-test-XXXXXX", file[64], beside[64], conf[64];

static void write_file(const char *path, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct timespec times[2] = { { .tv_sec = 1775001600 }, { .tv_sec = 1775001600 } };

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static void roster(const char *text)
{
	write_file(file, text, strlen(text));
}

#define CHECK(s, ...) KENMON(s, W("roster"), W("check"), file, W("--config"), conf, __VA_ARGS__)
#define APPLY(s, ...) KENMON(s, W("roster"), W("apply"), file, W("--config"), conf, __VA_ARGS__)

static const struct msg_roster_sum nothing = { .feed = 5, .same = 2 };
static const struct msg_roster_sum some = {
	.feed = 5, .joined = 1, .changed = 1, .left = 2, .missing = 1, .same = 90
};
static const struct msg_roster_note notes[] = {
	{ .cursor = 2, .line = 2, .outcome = KM_OUTCOME_JOINED, .login = "sato", .day = 20544 },
	{ .cursor = 3,
	  .line = 3,
	  .outcome = KM_OUTCOME_CHANGED,
	  .login = "suzuki",
	  .day = 20544,
	  .text = "department" },
	{ .cursor = 4, .line = 4, .outcome = KM_OUTCOME_SAME, .login = "tanaka", .day = 20544 },
	{ .cursor = 1ull << 33, .outcome = KM_OUTCOME_GONE, .login = "a=1", .day = 20544 },
	{ .cursor = 0 },
};

/* --- what is sent --------------------------------------------------------------------- */

static void test_a_check_sends_every_row_once_and_says_that_nothing_was_changed(void **state)
{
	struct play p = { .sum = &nothing };
	struct scene s;

	(void)state;
	roster(ROWS);
	begin(&s, &p, "");
	assert_int_equal(CHECK(&s, NULL), 0);
	assert_says(s.out,
		    "announced 2 rows 2 slices 1 last suzuki full 1 columns 3 made 1775001600 "
		    "signed 0:00 apply 0 erasures -1");
	assert_says(s.out, "Unchanged: 2");
	assert_says(s.err, "nothing was changed");
	end(&s);
}

static void test_what_the_command_line_says_goes_along(void **state)
{
	struct play p = { .sum = &nothing };
	struct scene s;

	(void)state;
	roster(ROWS);
	assert_int_equal(setenv("TZ", "Asia/Tokyo", 1), 0);
	begin(&s, &p, "");
	assert_int_equal(APPLY(&s, W("--partial"), W("--made"), W("令和8年4月1日 09:00"),
			       W("--rows"), W("2"), W("--accept-erasures"), W("12")),
			 0);
	assert_says(s.out, "full 0 columns 3 made 1775001600 signed 0:00 apply 1 erasures 12");
	end(&s);
	unsetenv("TZ");
}

/* Of seven slices. */
static void large_roster(void)
{
	char *text = malloc(4000 * 64), *at = text;

	assert_non_null(text);
	at += sprintf(at, HEAD);
	for (unsigned i = 1; i <= 3000; i++)
		at += sprintf(at, "%u,s%u,佐藤花子,保険年金課\n", i, i);
	roster(text);
	free(text);
}

static void test_a_large_roster_goes_in_slices_and_none_is_lost(void **state)
{
	struct play p = { .sum = &nothing };
	struct scene s;

	(void)state;
	large_roster();
	begin(&s, &p, "");
	assert_int_equal(CHECK(&s, NULL), 0);
	assert_says(s.out, "announced 3000 rows 3000 slices 7 last s3000");
	end(&s);
}

/* The desk is in the middle of its file when it hears so. */
static void test_what_ends_a_large_roster_between_its_slices_is_said(void **state)
{
	struct play p = { .slice_rc = KM_EINVAL, .text = "cannot be read" };
	struct scene s;

	(void)state;
	large_roster();
	begin(&s, &p, "");
	assert_int_equal(APPLY(&s, NULL), 1);
	assert_says(s.err, "cannot be read");
	assert_string_equal(s.out, "");
	end(&s);
	p = (struct play){ .sum = &nothing };
	for (unsigned at = 1; at <= 7; at++) {
		p.break_slice = at;
		begin(&s, &p, "");
		assert_int_equal(APPLY(&s, NULL), 69);
		assert_null(strstr(s.out, "announced"));
		end(&s);
	}
}

/* Of the drop folder: the answer to a slice is not taken for one to what the next roster asks. */
static void test_a_file_that_fails_while_a_slice_is_judged_takes_the_line_with_it(void **state)
{
	const struct roster_order order = { .erasures = -1 };
	static const struct km_conf c;
	struct play p = { .sum = &nothing };
	struct roster_answer answer;
	struct roster r ROSTER;
	struct scene s;
	int fd;

	(void)state;
	large_roster();
	begin(&s, &p, "");
	fd = open(file, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(feedfile_read(&s.desk, fd, &c, 0, &r), KM_OK);
	close(fd);
	r.rows++; /* the second reading finds one less than the first */
	assert_int_equal(sheet_send(&s.desk, &r, &order, &answer), KM_EINVAL);
	assert_int_equal(s.desk.line, -1);
	r.rows--;
	assert_int_equal(sheet_send(&s.desk, &r, &order, &answer), KM_OK);
	assert_true(answer.summed);
	end(&s);
}

static void test_a_line_that_breaks_between_slices_ends_it_and_nothing_is_sent_twice(void **state)
{
	struct play p = { .sum = &nothing, .break_slice = 1 };
	struct scene s;

	(void)state;
	roster(ROWS);
	begin(&s, &p, "");
	assert_int_equal(APPLY(&s, NULL), 69);
	assert_null(strstr(s.out, "announced"));
	end(&s);
}

static void test_a_roster_with_a_fault_is_not_handed_in(void **state)
{
	struct play p = { .begin_rc = KM_ECORRUPT };
	struct scene s;

	(void)state;
	roster(HEAD "1,sato,Sato,D\n2,suz uki,Suzuki,D\n3,tanaka\n");
	begin(&s, &p, "");
	assert_int_equal(APPLY(&s, NULL), 1);
	assert_says(s.err, "line 3, login: 'suz uki' is no login");
	assert_says(s.err, "line 4: has 2 columns, the header has 4");
	assert_says(s.err, "/roster.csv: 2; nothing of it was applied");
	assert_int_equal(s.desk.line, -1);
	assert_string_equal(s.out, "");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(APPLY(&s, W("--json")), 1);
	assert_says(s.out, "{\"error\":\"EINVAL\",\"message\":\"faults in ");
	assert_says(s.out, "{\"line\":3,\"column\":\"login\",\"text\":\"'suz uki' is no login");
	assert_says(s.out, "{\"line\":4,\"column\":\"\",\"text\":\"has 2 columns");
	end(&s);
}

/* --- signatures ------------------------------------------------------------------------- */

#define A16 "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
#define X16 "aaaaaaaaaaaaaaaaAAAAAAAAAAAAAAAA"
#define B12 "qqqqqqqqqqqqqqqq"

static const struct {
	const char *bytes;
	size_t len;
	bool good;
} signatures[] = {
#define SIGNATURE(text, good)                                                                      \
	{                                                                                          \
		text, sizeof(text) - 1, good                                                       \
	}
	SIGNATURE(A16 A16 A16 A16, true),
	SIGNATURE(X16 X16 X16 X16, true),
	SIGNATURE(X16 X16 "\r\n" X16 X16 "\n", true),
	SIGNATURE(B12 B12 B12 B12 B12 "qqqqqg==\n", true),
	SIGNATURE(B12 B12 "\n" B12 B12 B12 "qqqqqg==", true),
	SIGNATURE("", false),
	SIGNATURE(A16 A16 A16, false),
	SIGNATURE(A16 A16 A16 A16 "\n", false),
	SIGNATURE(X16 X16 X16 "aaaaaaaaaaaaaaaaAAAAAAAAAAAAAAAg", false),
	SIGNATURE(X16 X16 X16 X16 "aa", false),
	SIGNATURE(B12 B12 B12 B12 B12 "qqqqqqg=", false),
	SIGNATURE(B12 B12 B12 B12 B12 "qqqq=g==", false),
	SIGNATURE(X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16, false),
};

static void test_a_signature_is_read_as_bytes_base64_or_hexadecimal(void **state)
{
	struct play p = { .sum = &nothing };
	struct scene s;

	(void)state;
	roster(ROWS);
	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
		int code;

		write_file(beside, signatures[i].bytes, signatures[i].len);
		begin(&s, &p, "");
		code = APPLY(&s, W("--signature"), beside);
		if (code != (signatures[i].good ? 0 : 1))
			fail_msg("signature %zu: %d %s", i, code, s.err);
		assert_says(signatures[i].good ? s.out : s.err,
			    signatures[i].good ? "signed 1:aa" : "is no signature of 64 bytes");
		end(&s);
	}
	begin(&s, &p, "");
	assert_int_equal(APPLY(&s, W("--signature"), W("/nonexistent")), 1);
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(APPLY(&s, W("--signature"), W("/tmp")), 1);
	assert_says(s.err, "is not a regular file");
	end(&s);
}

/* --- what is said ------------------------------------------------------------------------- */

static void test_the_list_says_who_comes_changes_and_goes(void **state)
{
	struct play p = { .sum = &some, .notes = notes };
	struct scene s;

	(void)state;
	roster(ROWS);
	begin(&s, &p, "");
	assert_int_equal(CHECK(&s, NULL), 0);
	assert_says(s.out, "Registered: 1");
	assert_says(s.out, "Erased, now or on their day: 2");
	assert_says(s.out, "2     sato    2026-04-01  is registered");
	assert_says(s.out, "3     suzuki  2026-04-01  changes");
	assert_says(s.out, "-     a=1     2026-04-01  is suspended");
	assert_null(strstr(s.out, "tanaka"));
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(CHECK(&s, W("--json")), 0);
	assert_says(s.out, "{\"result\":\"done\",\"message\":");
	assert_says(s.out,
		    "\"feed\":5,\"joined\":1,\"changed\":1,\"left\":2,\"missing\":1,"
		    "\"rehired\":0,\"same\":90,\"barred\":0,\"wrong\":0,\"brake\":null,\"list\":[");
	assert_says(s.out, "{\"line\":3,\"login\":\"suzuki\",\"outcome\":\"changed\","
			   "\"day\":\"2026-04-01\",\"text\":\"department\"}");
	assert_says(s.out, "{\"line\":null,\"login\":\"a=1\",\"outcome\":\"missing\"");
	assert_says(s.out, "],\"list_complete\":true}\n");
	end(&s);
}

static void test_the_list_is_said_in_the_language_of_who_reads_it(void **state)
{
	static const struct msg_roster_note more[] = {
		{ .cursor = 2,
		  .line = 2,
		  .outcome = KM_OUTCOME_CHANGED,
		  .login = "sato",
		  .text = "department,valid_until" },
		{ .cursor = 3,
		  .line = 3,
		  .outcome = KM_OUTCOME_LEFT,
		  .login = "suzuki",
		  .text = "transferred" },
		{ .cursor = 4,
		  .line = 4,
		  .outcome = KM_OUTCOME_WRONG,
		  .login = "role",
		  .text = "there is no name" },
		{ .cursor = 0 },
	};
	struct play p = { .sum = &some, .notes = more };
	struct scene s;

	(void)state;
	roster(ROWS);
	begin(&s, &p, "");
	s.desk.lang = KM_LANG_JA;
	assert_int_equal(CHECK(&s, NULL), 0);
	assert_says(s.out, " 部署、有効期限\n");
	assert_says(s.out, " 転出\n");
	assert_says(s.out, " 氏名がありません\n");
	assert_says(s.out, " role ");
	end(&s);
	begin(&s, &p, "");
	s.desk.lang = KM_LANG_JA;
	assert_int_equal(CHECK(&s, W("--json")), 0);
	assert_says(s.out, "\"text\":\"department,valid_until\"");
	assert_says(s.out, "\"text\":\"there is no name\"");
	end(&s);
}

static void test_a_person_reads_a_hundred_rows_and_how_many_more_there_are(void **state)
{
	static struct msg_roster_note many[151];
	struct msg_roster_sum sum = { .feed = 5, .joined = 5000 };
	struct play p = { .sum = &sum, .notes = many };
	struct scene s;

	(void)state;
	for (unsigned i = 0; i < 150; i++) {
		many[i] = (struct msg_roster_note){ .cursor = i + 1,
						    .line = i + 1,
						    .outcome = KM_OUTCOME_JOINED };
		snprintf(many[i].login, sizeof(many[i].login), "login%u", i + 1);
	}
	roster(ROWS);
	begin(&s, &p, "");
	assert_int_equal(CHECK(&s, NULL), 0);
	assert_says(s.out, "login100 ");
	assert_null(strstr(s.out, "login101 "));
	assert_says(s.err, "and 4900 more");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(CHECK(&s, W("--json")), 0);
	assert_says(s.out, "login150");
	end(&s);
}

static void test_a_list_of_a_roster_that_is_carried_out_already_is_left_out(void **state)
{
	struct play p = { .sum = &some, .list_rc = KM_ESTATE };
	struct scene s;

	(void)state;
	roster(ROWS);
	begin(&s, &p, "");
	assert_int_equal(APPLY(&s, NULL), 0);
	assert_says(s.err, "is accepted");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(APPLY(&s, W("--json")), 0);
	assert_says(s.out, "\"brake\":null}\n");
	end(&s);
	p.list_rc = KM_EIO;
	begin(&s, &p, "");
	assert_int_equal(APPLY(&s, NULL), 69);
	end(&s);
}

static void test_a_list_that_ends_because_the_roster_is_carried_out_says_so(void **state)
{
	static struct msg_roster_note many[601];
	struct msg_roster_sum sum = { .feed = 5, .joined = 600 };
	struct play p = { .sum = &sum, .notes = many, .list_rc = KM_ESTATE };
	struct scene s;

	(void)state;
	for (unsigned i = 0; i < 600; i++)
		many[i] = (struct msg_roster_note){ .cursor = i + 1,
						    .line = i + 1,
						    .outcome = KM_OUTCOME_JOINED };
	roster(ROWS);
	begin(&s, &p, "");
	assert_int_equal(APPLY(&s, W("--json")), 0);
	assert_says(s.out, "],\"list_complete\":false}\n");
	end(&s);
	p.list_rc = KM_OK;
	begin(&s, &p, "");
	assert_int_equal(APPLY(&s, W("--json")), 0);
	assert_says(s.out, "{\"line\":600,");
	assert_says(s.out, "],\"list_complete\":true}\n");
	end(&s);
}

static void test_the_brake_exits_1_and_says_the_number_that_lets_go(void **state)
{
	struct msg_roster_sum sum = some;
	struct play p = { .sum = &sum, .notes = notes, .rc = KM_EBRAKE };
	struct scene s;

	(void)state;
	sum.brake = KM_BRAKE_MANY;
	roster(ROWS);
	begin(&s, &p, "");
	assert_int_equal(APPLY(&s, NULL), 1);
	assert_says(s.out, "The brake holds: more than a tenth");
	assert_says(s.err, "--accept-erasures 3");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(APPLY(&s, W("--json")), 1);
	assert_says(s.out, "{\"error\":\"EBRAKE\",\"message\":");
	assert_says(s.out, "\"brake\":\"many\"");
	end(&s);
}

static void test_a_brake_by_which_nobody_would_go_does_not_say_too_many(void **state)
{
	struct msg_roster_sum sum = { .feed = 9, .changed = 1, .brake = KM_BRAKE_OLDER };
	struct play p = { .sum = &sum, .notes = notes, .rc = KM_EBRAKE };
	struct scene s;

	(void)state;
	roster(ROWS);
	begin(&s, &p, "");
	assert_int_equal(APPLY(&s, NULL), 1);
	assert_says(s.err, "the brake holds it, and a second person must look");
	assert_null(strstr(s.err, "too many"));
	end(&s);
}

static void test_what_is_filed_exits_3_and_names_the_request(void **state)
{
	struct play p = { .sum = &some, .notes = notes, .rc = KM_EFILED };
	struct scene s;

	(void)state;
	roster(ROWS);
	begin(&s, &p, "");
	assert_int_equal(APPLY(&s, NULL), 3);
	assert_says(s.out, "kenmon approval show 7");
	assert_says(s.err, "kenmon roster list 5");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(APPLY(&s, W("--json")), 3);
	assert_says(s.out, "{\"result\":\"filed\",\"request\":7,");
	end(&s);
}

static void test_what_the_vault_refuses_is_said_in_its_words(void **state)
{
	struct play p = { .begin_rc = KM_EAGAIN, .text = "a roster is being worked off" };
	struct scene s;

	(void)state;
	roster(ROWS);
	begin(&s, &p, "");
	assert_int_equal(APPLY(&s, NULL), 69);
	assert_says(s.err, "a roster is being worked off");
	end(&s);
	p = (struct play){ .slice_rc = KM_EINVAL, .text = "cannot be read" };
	begin(&s, &p, "");
	assert_int_equal(APPLY(&s, W("--json")), 1);
	assert_says(s.out, "{\"error\":\"EINVAL\"");
	end(&s);
	p = (struct play){ .rc = KM_ESUSPECT };
	begin(&s, &p, "");
	assert_int_equal(APPLY(&s, NULL), 1);
	end(&s);
}

static void test_columns_that_are_not_used_and_the_encoding_are_named(void **state)
{
	struct play p = { .sum = &nothing };
	struct scene s;

	(void)state;
	roster("employee_number,login,name,department,x\n1,sato,\x8d\xb2\x93\xa1,D,\n2,b,B,D,\n");
	begin(&s, &p, "");
	assert_int_equal(CHECK(&s, NULL), 0);
	assert_says(s.err, "Columns that are not used: x");
	assert_says(s.err, "CP932");
	end(&s);
}

static void test_mistakes_of_a_roster_s_command_line_exit_2(void **state)
{
	static const struct {
		const char *words[4];
		const char *says;
	} wrong[] = {
		{ { "--made", "yesterday" }, "--made takes" },
		{ { "--made", "2026-04-01" }, "--made takes" },
		{ { "--made", "2026-04-01T25:00" }, "--made takes" },
		{ { "--made", "2026-04-01T09:00x" }, "--made takes" },
		{ { "--rows", "0" }, "--rows takes" },
		{ { "--rows", "200001" }, "--rows takes" },
		{ { "--accept-erasures", "-1" }, "--accept-erasures takes" },
		{ { "--accept-erasures", "many" }, "--accept-erasures takes" },
		{ { "--drop-folder", "--rows", "3" }, "--drop-folder takes what it finds" },
		{ { "--drop-folder", "--accept-erasures", "3" }, "--drop-folder takes" },
		{ { "--drop-folder", "--made", "2026-04-01T09:00" }, "--drop-folder takes" },
	};
	struct play p = { .sum = &nothing };
	struct scene s;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char words[3][32] = { "" };

		for (unsigned w = 0; w < 3 && wrong[i].words[w]; w++)
			snprintf(words[w], sizeof(words[w]), "%s", wrong[i].words[w]);
		begin(&s, &p, "");
		assert_int_equal(APPLY(&s, words[0], words[1][0] ? words[1] : NULL,
				       words[2][0] ? words[2] : NULL),
				 2);
		assert_says(s.err, wrong[i].says);
		end(&s);
	}
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("roster"), W("apply"), W("/nonexistent/file")), 1);
	assert_says(s.err, "/nonexistent/file cannot be opened");
	end(&s);
}

/* Else a slip of the keyboard would read the file by other columns than the site's. */
static void test_a_configuration_that_is_named_must_be_there_for_a_roster(void **state)
{
	struct play p = { .sum = &nothing };
	struct scene s;

	(void)state;
	roster(ROWS);
	begin(&s, &p, "");
	assert_int_equal(
	    KENMON(&s, W("roster"), W("apply"), file, W("--config"), W("/nonexistent/conf")), 2);
	assert_says(s.err, "/nonexistent/conf: ");
	assert_int_equal(s.desk.line, -1);
	end(&s);
}

static void test_a_configuration_that_is_wrong_is_not_used_for_a_roster(void **state)
{
	struct play p = { .sum = &nothing };
	struct scene s;

	(void)state;
	roster(ROWS);
	write_file(beside, "[roster-columns]\nnme = x\n", 24);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("roster"), W("check"), file, W("--config"), beside), 2);
	assert_says(s.err, ":2: ");
	end(&s);
	assert_int_equal(chmod(folder, 0777), 0);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("roster"), W("check"), file, W("--config"), beside), 2);
	assert_says(s.err, "everybody can write in this folder");
	assert_null(strstr(s.err, ":0:"));
	end(&s);
	assert_int_equal(chmod(folder, 0700), 0);
	write_file(beside, "[roster-columns]\nname = who\n", 27);
	roster("employee_number,login,who,department\n1,sato,Sato,D\n");
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("roster"), W("check"), file, W("--config"), beside), 0);
	end(&s);
}

/* Nothing of it was written yet: what went wrong is the one object. */
static void test_a_listing_that_is_refused_is_one_object_with_json(void **state)
{
	char *const commands[][4] = { { W("operator"), W("list"), NULL },
				      { W("due"), W("list"), NULL },
				      { W("audit"), W("list"), NULL },
				      { W("certificate"), W("list"), NULL },
				      { W("roster"), W("list"), W("5"), NULL } };
	struct play p = { .rc = KM_EPERM, .list_rc = KM_EPERM };
	struct scene s;

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		begin(&s, &p, "");
		assert_int_equal(
		    KENMON(&s, W("--json"), commands[i][0], commands[i][1], commands[i][2]), 77);
		assert_int_equal(strncmp(s.out, "{\"error\":\"EPERM\"", 16), 0);
		assert_string_equal(s.err, "");
		end(&s);
	}
}

static void test_a_listing_whose_rows_do_not_go_on_is_not_believed(void **state)
{
	static const struct msg_roster_note twice[] = {
		{ .cursor = 5, .line = 5, .outcome = KM_OUTCOME_JOINED, .login = "a" },
		{ .cursor = 5, .line = 5, .outcome = KM_OUTCOME_JOINED, .login = "b" },
		{ .cursor = 0 },
	};
	static const struct msg_due_row due_twice[] = {
		{ .cursor = 5, .login = "a" },
		{ .cursor = 5, .login = "b" },
		{ .cursor = 0 },
	};
	struct play p = { .sum = &some, .notes = twice, .dues = due_twice };
	struct scene s;

	(void)state;
	roster(ROWS);
	begin(&s, &p, "");
	assert_int_equal(CHECK(&s, NULL), 69);
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("due"), W("list")), 69);
	end(&s);
}

/* --- the list of one that waits, what is due, a transfer ------------------------------------ */

static void test_a_roster_that_waits_can_be_listed(void **state)
{
	struct play p = { .notes = notes };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("roster"), W("list"), W("5")), 0);
	assert_says(s.out, "suzuki");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("--json"), W("roster"), W("list"), W("5")), 0);
	assert_says(s.out, "{\"feed\":5,\"list\":[");
	end(&s);
	p.list_rc = KM_ENOTFOUND;
	p.notes = NULL;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("roster"), W("list"), W("6")), 1);
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("roster"), W("list"), W("five")), 2);
	end(&s);
}

static void test_what_is_due_is_listed_with_its_day_cause_and_brake(void **state)
{
	static const struct msg_due_row dues[] = {
		{ .cursor = 1,
		  .login = "sato",
		  .what = KM_DUE_ERASE,
		  .cause = KM_CAUSE_TRANSFERRED,
		  .day = 20544 },
		{ .cursor = 2,
		  .login = "suzuki",
		  .what = KM_DUE_SUSPEND,
		  .cause = KM_CAUSE_UNUSED,
		  .day = 20545,
		  .held = 1 },
		{ .cursor = 0 },
	};
	struct play p = { .dues = dues };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("due"), W("list")), 0);
	assert_says(s.out, "sato    2026-04-01  is erased     transferred out");
	assert_says(s.out, "suzuki  2026-04-02  is suspended  not used for long  held until a "
			   "second person has looked");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("--json"), W("due"), W("list")), 0);
	assert_says(s.out, "{\"login\":\"suzuki\",\"day\":\"2026-04-02\",\"what\":\"suspend\","
			   "\"cause\":\"unused\",\"held\":true,\"held_by\":\"brake\","
			   "\"subject\":");
	end(&s);
	p = (struct play){ .dues = NULL };
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("due"), W("list")), 0);
	assert_says(s.err, "Nothing is due.");
	assert_null(strstr(s.err, "Not all"));
	end(&s);
	p.text = "roster 7 waits for a second person until then: by it 3 would be erased, or "
		 "suspended as missing";
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("due"), W("list")), 0);
	assert_says(s.err, "Not all of it is here: roster 7 waits");
	end(&s);
	begin(&s, &p, "");
	s.desk.lang = KM_LANG_JA;
	assert_int_equal(KENMON(&s, W("due"), W("list")), 0);
	assert_says(s.err, "名簿 7 が then まで二人目の承認を待っています。承認されると 3 人");
	end(&s);
	p.list_rc = KM_EPERM;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("due"), W("list")), 77);
	end(&s);
}

/* What the approver of a release compares with what the request shows. */
static void test_whom_the_brake_holds_is_counted_and_has_its_mark(void **state)
{
	static const struct msg_due_row dues[] = {
		{ .cursor = 1, .subject = { 2 }, .what = KM_DUE_ERASE, .held = KM_HELD_BRAKE },
		{ .cursor = 2, .subject = { 9 }, .what = KM_DUE_ERASE, .held = KM_HELD_LAST },
		{ .cursor = 3, .subject = { 7 }, .what = KM_DUE_ERASE, .held = KM_HELD_NOT },
		{ .cursor = 4, .subject = { 1 }, .what = KM_DUE_ERASE, .held = KM_HELD_BRAKE },
		{ .cursor = 0 },
	};
	static const struct msg_due_row last[] = {
		{ .cursor = 2, .subject = { 9 }, .what = KM_DUE_ERASE, .held = KM_HELD_LAST },
		{ .cursor = 0 },
	};
	static const uint8_t sorted[2][16] = { { 1 }, { 2 } };
	struct play p = { .dues = dues };
	struct scene s;
	uint8_t set[32];
	char text[80];

	(void)state;
	assert_int_equal(EVP_Digest(sorted, sizeof sorted, set, NULL, EVP_sha256(), NULL), 1);
	snprintf(text, sizeof text,
		 "\nHeld by the brake: 2, set %02x%02x%02x%02x%02x%02x%02x%02x\n", set[0], set[1],
		 set[2], set[3], set[4], set[5], set[6], set[7]);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("due"), W("list")), 0);
	assert_says(s.out, text);
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("--json"), W("due"), W("list")), 0);
	assert_null(strstr(s.out, "Held by"));
	end(&s);
	p.dues = last;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("due"), W("list")), 0);
	assert_null(strstr(s.out, "Held by"));
	end(&s);
}

/* It would be waited for in vain: nobody's look lets the last of a role go. */
static void test_who_is_held_as_the_last_of_a_role_is_said_to_be(void **state)
{
	static const struct msg_due_row dues[] = {
		{ .cursor = 1, .login = "aki", .what = KM_DUE_ERASE, .held = KM_HELD_LAST },
		{ .cursor = 0 },
	};
	struct play p = { .dues = dues };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("due"), W("list")), 0);
	assert_says(s.out, "held as the last of their role");
	assert_null(strstr(s.out, "until a second person"));
	end(&s);
}

/* A release lets go whom the brake holds, and never the last of a role. */
static void test_a_program_reads_by_what_somebody_is_held(void **state)
{
	static const struct {
		uint8_t held;
		const char *says;
	} cases[] = { { KM_HELD_NOT, "\"held\":false,\"held_by\":null," },
		      { KM_HELD_BRAKE, "\"held\":true,\"held_by\":\"brake\"," },
		      { KM_HELD_LAST, "\"held\":true,\"held_by\":\"last\"," },
		      { 3, "\"held\":true,\"held_by\":\"?\"," } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct msg_due_row dues[] = {
			{ .cursor = 1, .what = KM_DUE_ERASE, .held = cases[i].held },
			{ .cursor = 0 },
		};
		struct play p = { .dues = dues };
		struct scene s;

		begin(&s, &p, "");
		assert_int_equal(KENMON(&s, W("--json"), W("due"), W("list")), 0);
		assert_says(s.out, cases[i].says);
		end(&s);
	}
}

static void test_a_release_and_a_transfer_say_what_was_done(void **state)
{
	struct play p = { .text = "" };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("due"), W("release"), W("--accept-erasures"), W("12")), 0);
	assert_says(s.out, "12 that the brake held are let go");
	assert_int_equal(KENMON(&s, W("due"), W("release"), W("--accept-erasures"), W("0")), 2);
	assert_int_equal(KENMON(&s, W("transfer"), W("sato"), W("--effective"), W("R8.4.1")), 0);
	assert_says(s.out, "Operator sato is refused from 2026-04-01 on");
	assert_int_equal(KENMON(&s, W("transfer"), W("sato"), W("--effective"), W("H31.5.1")), 2);
	assert_int_equal(KENMON(&s, W("transfer"), W("sato")), 2);
	end(&s);
	p.rc = KM_EFILED;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("transfer"), W("sato"), W("--effective"), W("R8.4.1")), 3);
	end(&s);
}

static int setup(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(file, sizeof(file), "%s/roster.csv", folder);
	snprintf(beside, sizeof(beside), "%s/beside", folder);
	snprintf(conf, sizeof(conf), "%s/kenmon.conf", folder);
	write_file(conf, "", 0);
	return scene_setup(state);
}

static int teardown(void **state)
{
	(void)state;
	unlink(beside);
	unlink(conf);
	unlink(file);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_a_check_sends_every_row_once_and_says_that_nothing_was_changed),
		cmocka_unit_test(test_what_the_command_line_says_goes_along),
		cmocka_unit_test(test_a_large_roster_goes_in_slices_and_none_is_lost),
		cmocka_unit_test(test_what_ends_a_large_roster_between_its_slices_is_said),
		cmocka_unit_test(
		    test_a_file_that_fails_while_a_slice_is_judged_takes_the_line_with_it),
		cmocka_unit_test(
		    test_a_line_that_breaks_between_slices_ends_it_and_nothing_is_sent_twice),
		cmocka_unit_test(test_a_roster_with_a_fault_is_not_handed_in),
		cmocka_unit_test(test_a_signature_is_read_as_bytes_base64_or_hexadecimal),
		cmocka_unit_test(test_the_list_says_who_comes_changes_and_goes),
		cmocka_unit_test(test_the_list_is_said_in_the_language_of_who_reads_it),
		cmocka_unit_test(test_a_person_reads_a_hundred_rows_and_how_many_more_there_are),
		cmocka_unit_test(test_a_list_of_a_roster_that_is_carried_out_already_is_left_out),
		cmocka_unit_test(test_a_list_that_ends_because_the_roster_is_carried_out_says_so),
		cmocka_unit_test(test_the_brake_exits_1_and_says_the_number_that_lets_go),
		cmocka_unit_test(test_a_brake_by_which_nobody_would_go_does_not_say_too_many),
		cmocka_unit_test(test_what_is_filed_exits_3_and_names_the_request),
		cmocka_unit_test(test_what_the_vault_refuses_is_said_in_its_words),
		cmocka_unit_test(test_columns_that_are_not_used_and_the_encoding_are_named),
		cmocka_unit_test(test_mistakes_of_a_roster_s_command_line_exit_2),
		cmocka_unit_test(test_a_configuration_that_is_named_must_be_there_for_a_roster),
		cmocka_unit_test(test_a_configuration_that_is_wrong_is_not_used_for_a_roster),
		cmocka_unit_test(test_a_listing_that_is_refused_is_one_object_with_json),
		cmocka_unit_test(test_a_listing_whose_rows_do_not_go_on_is_not_believed),
		cmocka_unit_test(test_a_roster_that_waits_can_be_listed),
		cmocka_unit_test(test_what_is_due_is_listed_with_its_day_cause_and_brake),
		cmocka_unit_test(test_whom_the_brake_holds_is_counted_and_has_its_mark),
		cmocka_unit_test(test_who_is_held_as_the_last_of_a_role_is_said_to_be),
		cmocka_unit_test(test_a_program_reads_by_what_somebody_is_held),
		cmocka_unit_test(test_a_release_and_a_transfer_say_what_was_done),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
