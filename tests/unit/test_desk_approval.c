/* What the second person sees and types, and how a filed act ends, against a vault of the test's.
 */
#include "desk_scene.h"

#include "../../authd/vault/act.h"
#include "../../enroll/out.h"

#define FILED 1775012400

static const struct msg_request_row two[] = {
	{ .id = 12,
	  .act = KM_MSG_OPERATOR_ADD,
	  .requester = "rei",
	  .filed = FILED,
	  .expires = FILED + 86400,
	  .digest = { 0xAB, 0xCD },
	  .text = "login=taro name=%E5%A4%AA%E9%83%8E%1B[31m%0Avalid-until: department=a%3Db" },
	{ .id = 13,
	  .act = KM_MSG_ACTIVATE,
	  .login = "hanako",
	  .requester = "rei",
	  .filed = FILED,
	  .expires = FILED + 86400,
	  .text = "login=hanako credential=7 factor=bypass label= until=2026-04-01T03:00:00Z "
		  "reason=2026-04-01T03:00:00Z" },
	{ 0 },
};

#define APPROVE(s, ...) KENMON(s, W("approval"), W("approve"), W("12"), ##__VA_ARGS__)

static void test_requests_are_listed_in_words(void **state)
{
	struct play p = { .requests = two };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("approval"), W("list")), 0);
	assert_says(s.out, "register an operator");
	assert_says(s.out, "make a factor good");
	assert_says(s.out, "hanako");
	end(&s);
	begin(&s, &p, "");
	s.desk.lang = KM_LANG_JA;
	assert_int_equal(KENMON(&s, W("approval"), W("list")), 0);
	assert_says(s.out, "職員の登録");
	end(&s);
}

/* C10: whoever files it can write no line of their own, in Japanese either. */
static void test_what_will_be_done_is_said_in_japanese_too(void **state)
{
	static const struct msg_request_row asked[] = {
		{ .id = 12,
		  .act = KM_MSG_OPERATOR_ADD,
		  .requester = "rei",
		  .filed = FILED,
		  .expires = FILED + 86400,
		  .text =
		      "login=operator name=a%0A%E5%BD%B9%E5%89%B2: department=none role=auditor "
		      "uid=first-login valid-from=none valid-until=2027-03-31" },
		{ 0 },
	};
	struct play p = { .requests = asked };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	s.desk.lang = KM_LANG_JA;
	assert_int_equal(KENMON(&s, W("approval"), W("show"), W("12")), 0);
	assert_says(s.out, "  ログイン名: operator\n");
	assert_says(s.out, "  氏名: a\\x0a役割:\n");
	assert_says(s.out, "  部署: none\n");
	assert_says(s.out, "  役割: 監査担当\n");
	assert_says(s.out, "  uid: 最初のログイン時\n");
	assert_says(s.out, "  有効開始: なし\n  有効期限: 2027-03-31\n");
	end(&s);
	begin(&s, &p, "");
	s.desk.lang = KM_LANG_JA;
	assert_int_equal(KENMON(&s, W("approval"), W("show"), W("12"), W("--json")), 0);
	assert_says(s.out, "\"role\":\"auditor\",\"uid\":\"first-login\",\"valid-from\":\"none\"");
	end(&s);
}

static void test_where_nothing_waits_that_is_said(void **state)
{
	static const struct msg_request_row none[] = { { 0 } };
	struct play p = { .requests = none };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("approval"), W("list")), 0);
	assert_string_equal(s.out, "");
	assert_string_equal(s.err, "No request waits for approval.\n");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("--json"), W("approval"), W("list")), 0);
	assert_string_equal(s.out, "{\"requests\":[]}\n");
	assert_string_equal(s.err, "");
	end(&s);
}

static void test_every_act_that_is_filed_has_its_word_and_its_text(void **state)
{
	struct msg_request_row row[2] = { { .id = 1, .requester = "rei" }, { 0 } };
	struct play p = { .requests = row };
	unsigned count = 0;

	(void)state;
	for (unsigned act = 1; act <= UINT8_MAX; act++) {
		char text[64];
		struct scene s;

		if (strcmp(act_word(act), "?") == 0)
			continue;
		count++;
		row->act = (uint8_t)act;
		begin(&s, &p, "");
		assert_int_equal(KENMON(&s, W("--json"), W("approval"), W("list")), 0);
		snprintf(text, sizeof text, "\"act\":\"%s\"", act_word(act));
		assert_says(s.out, text);
		end(&s);
		begin(&s, &p, "");
		assert_int_equal(KENMON(&s, W("approval"), W("list")), 0);
		assert_null(strchr(s.out, '?'));
		end(&s);
	}
	assert_in_range(count, 12, UINT8_MAX);
}

/* C10: what somebody wrote into a name is no line of ours, and no command to a terminal. */
static void test_every_field_is_shown_and_none_passes_for_another(void **state)
{
	struct play p = { .requests = two };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("approval"), W("show"), W("12")), 0);
	assert_says(s.out, "  login: taro\n");
	assert_says(s.out, "  name: 太郎");
	assert_says(s.out, "  department: a=b\n");
	assert_says(s.out, "abcd0000");
	assert_null(strchr(s.out, '\033'));
	assert_null(strstr(s.out, "\nvalid-until:"));
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("--json"), W("approval"), W("list")), 0);
	assert_says(s.out, "\"act\":\"operator-add\"");
	assert_says(s.out, "\"fields\":{\"login\":\"taro\"");
	assert_says(s.out, "\"factor\":\"bypass\"");
	assert_null(strchr(s.out, '\033'));
	end(&s);
}

static void test_a_time_is_shown_as_all_others_and_nothing_else_as_a_time(void **state)
{
	struct play p = { .requests = two };
	char when[DESK_TIME], text[80];
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("--json"), W("approval"), W("list")), 0);
	snprintf(text, sizeof text, "\"until\":\"%s\"", desk_time(FILED, when));
	assert_says(s.out, text);
	assert_says(s.out, "\"reason\":\"2026-04-01T03:00:00Z\"");
	end(&s);
	p.requests = two + 1;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("approval"), W("show"), W("13")), 0);
	snprintf(text, sizeof text, "  until: %s\n", when);
	assert_says(s.out, text);
	assert_says(s.out, "  reason: 2026-04-01T03:00:00Z\n");
	end(&s);
}

static void test_what_is_no_time_is_shown_as_it_came(void **state)
{
	static const char *const said[] = { "second 9223372036854775807", "second -1", "1775012400",
					    "2026-04-01T03:00:00Z and more" };
	struct msg_request_row row[2] = { two[1], { 0 } };
	struct play p = { .requests = row };
	struct scene s;
	char text[80];

	(void)state;
	for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
		size_t at = (size_t)snprintf(row->text, sizeof row->text, "until=");

		for (const char *c = said[i]; *c; c++)
			at += (size_t)snprintf(row->text + at, sizeof row->text - at,
					       *c == ' ' ? "%%20" : "%c", *c);
		begin(&s, &p, "");
		assert_int_equal(KENMON(&s, W("approval"), W("show"), W("13")), 0);
		snprintf(text, sizeof text, "  until: %s\n", said[i]);
		assert_says(s.out, text);
		end(&s);
	}
}

static void test_a_release_says_where_it_is_listed_who_is_held(void **state)
{
	static const struct msg_request_row release[] = {
		{ .id = 14,
		  .act = KM_MSG_DUE_RELEASE,
		  .requester = "rei",
		  .filed = FILED,
		  .expires = FILED + 86400,
		  .text = "erasures=10 set=0123456789abcdef" },
		{ 0 },
	};
	struct play p = { .requests = release };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("approval"), W("show"), W("14")), 0);
	assert_says(s.out, "  erasures: 10\n  set: 0123456789abcdef\n");
	assert_says(s.out, "'kenmon due list'");
	end(&s);
	p.requests = two;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("approval"), W("show"), W("12")), 0);
	assert_null(strstr(s.out, "due list"));
	end(&s);
}

static void test_approving_takes_the_number_that_was_shown(void **state)
{
	static const struct {
		const char *typed;
		int code;
	} cases[] = { { "12\n", 0 }, { "13\n", 1 }, { "yes\n", 1 }, { "", 1 }, { "\n", 1 } };
	struct play p = { .requests = two };
	struct scene s;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		begin(&s, &p, cases[i].typed);
		assert_int_equal(APPROVE(&s), cases[i].code);
		assert_says(s.out, "  login: taro\n");
		if (cases[i].code)
			assert_says(s.err, "not approved; the request still waits");
		else
			assert_says(s.out, "Request 12 was approved");
		end(&s);
	}
}

static void test_a_program_approves_by_the_digest_of_what_it_read(void **state)
{
	struct play p = { .requests = two };
	struct scene s;
	char right[65], wrong[65];

	(void)state;
	memset(right, '0', 64);
	memcpy(right, "abCD", 4);
	memset(wrong, '0', 64);
	right[64] = wrong[64] = '\0';
	begin(&s, &p, "");
	assert_int_equal(APPROVE(&s, W("--digest"), right), 0);
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(APPROVE(&s, W("--digest"), wrong), 1);
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(APPROVE(&s, W("--digest"), W("abcd")), 2);
	assert_says(s.err, "64 hexadecimal digits");
	end(&s);
	/* Without one it was shown nothing. */
	begin(&s, &p, "12\n");
	assert_int_equal(APPROVE(&s, W("--json")), 2);
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("approval"), W("show"), W("twelve")), 2);
	end(&s);
}

static void test_a_row_of_another_number_is_not_believed(void **state)
{
	struct play p = { .requests = two };
	struct scene s;

	(void)state;
	begin(&s, &p, "13\n");
	assert_int_equal(KENMON(&s, W("approval"), W("approve"), W("13")), 69);
	assert_null(strstr(s.out, "taro"));
	end(&s);
}

static void test_what_was_filed_is_said_with_its_number_and_exit_code_3(void **state)
{
	struct play p = { .rc = KM_EFILED };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("unlock"), W("sato")), 3);
	assert_says(s.out, "Filed as request ");
	assert_string_equal(s.err, "");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("--json"), W("unlock"), W("sato")), 3);
	assert_says(s.out, "{\"result\":\"filed\",\"request\":");
	end(&s);
	/* Codes are printed all the same: they are good once somebody agrees. */
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("enroll"), W("recovery-codes"), W("sato")), 3);
	assert_says(s.out, "10.  ");
	assert_says(s.err, "Filed as request ");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(
	    KENMON(&s, W("bypass"), W("sato"), W("--until"), W("+1h"), W("--reason"), W("x")), 3);
	assert_says(s.err, "may log in once with this code until");
	assert_int_equal(strlen(s.out), 20); /* four groups of four */
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("--json"), W("bypass"), W("sato"), W("--until"), W("+1h"),
				W("--reason"), W("x")),
			 3);
	assert_says(s.out, "\"result\":\"filed\"");
	assert_says(s.out, "\"code\":\"");
	end(&s);
}

/* Else a program would have the codes and could not say what is to be approved. */
static void test_what_was_filed_with_a_code_names_its_request_too(void **state)
{
	struct play p = { .rc = KM_EFILED };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("--json"), W("enroll"), W("recovery-codes"), W("sato")), 3);
	assert_says(s.out, "{\"result\":\"filed\",\"request\":7,\"codes\":[");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("--json"), W("bypass"), W("sato"), W("--until"), W("+1h"),
				W("--reason"), W("x")),
			 3);
	assert_says(s.out, "{\"result\":\"filed\",\"request\":7,\"code\":\"");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("--json"), W("invite"), W("sato")), 3);
	assert_says(s.out, "{\"result\":\"filed\",\"request\":7,\"code\":\"");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("invite"), W("sato")), 3);
	assert_says(s.err, "Filed as request 7");
	end(&s);
}

static void test_a_code_that_the_vault_does_not_know_is_not_printed(void **state)
{
	struct play p = { .rc = KM_EPERM };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(
	    KENMON(&s, W("bypass"), W("sato"), W("--until"), W("+1h"), W("--reason"), W("x")), 77);
	assert_string_equal(s.out, "");
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests_are_listed_in_words),
		cmocka_unit_test(test_what_will_be_done_is_said_in_japanese_too),
		cmocka_unit_test(test_where_nothing_waits_that_is_said),
		cmocka_unit_test(test_every_act_that_is_filed_has_its_word_and_its_text),
		cmocka_unit_test(test_every_field_is_shown_and_none_passes_for_another),
		cmocka_unit_test(test_a_time_is_shown_as_all_others_and_nothing_else_as_a_time),
		cmocka_unit_test(test_what_is_no_time_is_shown_as_it_came),
		cmocka_unit_test(test_a_release_says_where_it_is_listed_who_is_held),
		cmocka_unit_test(test_approving_takes_the_number_that_was_shown),
		cmocka_unit_test(test_a_program_approves_by_the_digest_of_what_it_read),
		cmocka_unit_test(test_a_row_of_another_number_is_not_believed),
		cmocka_unit_test(test_what_was_filed_is_said_with_its_number_and_exit_code_3),
		cmocka_unit_test(test_what_was_filed_with_a_code_names_its_request_too),
		cmocka_unit_test(test_a_code_that_the_vault_does_not_know_is_not_printed),
	};

	return cmocka_run_group_tests(tests, scene_setup, NULL);
}
