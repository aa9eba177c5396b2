/* Every command about operators, with --json, against the real rooms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include "house_office.h"

static struct house_out o; /* what the last command said */

/* Runs a command and wants this exit code. */
#define DESK(code, ...)                                                                            \
	do {                                                                                       \
		house_out_free(&o);                                                                \
		assert_int_equal(house_desk(h, &o, NULL, "--json", __VA_ARGS__, NULL), code);      \
	} while (0)
/* The same for people: sentences and tables. */
#define TELL(code, input, ...)                                                                     \
	do {                                                                                       \
		house_out_free(&o);                                                                \
		assert_int_equal(house_desk(h, &o, input, __VA_ARGS__, NULL), code);               \
	} while (0)
#define JSON(path, value) assert_string_equal(office_json(o.out, path), value)
#define SAYS(text)        assert_non_null(strstr(o.out, text))
#define ERRS(text)        assert_non_null(strstr(o.err, text))
#define ADD(login, number)                                                                         \
	"operator", "add", login, "--employee-number", number, "--name", "佐藤 花子",              \
	    "--department", "保険年金課"

static void test_operator_add_registers_all_that_was_given(void **state)
{
	const struct house *h = *state;

	DESK(0, ADD("daemon", "1047"), "--role", "registrar", "--uid", "1", "--valid-from",
	     "2026-04-01", "--valid-until", "2099-03-31");
	JSON("$.result", "done");
	DESK(0, "operator", "show", "daemon");
	JSON("$.login", "daemon");
	JSON("$.employee_number", "1047");
	JSON("$.name", "佐藤 花子");
	JSON("$.department", "保険年金課");
	JSON("$.role", "registrar");
	JSON("$.state", "active");
	JSON("$.uid", "1");
	JSON("$.valid_from", "2026-04-01");
	JSON("$.valid_until", "2099-03-31");
	JSON("$.last_login", "");
	JSON("$.credentials", "[]");
	TELL(0, NULL, "operator", "show", "daemon");
	SAYS("佐藤 花子");
	SAYS("2099-03-31");
}

static void test_operator_add_binds_the_account_that_is_here(void **state)
{
	const struct house *h = *state;

	TELL(0, NULL, ADD("games", "1"));
	ERRS("bound to its uid 5");
	DESK(0, "operator", "show", "games");
	JSON("$.uid", "5");
	TELL(0, NULL, ADD("kenmon-nobody-here", "2"));
	ERRS("bound at the first login");
	DESK(0, "operator", "show", "kenmon-nobody-here");
	JSON("$.uid", "");
	TELL(0, NULL, ADD("bin", "3"), "--uid", "77");
	ERRS("not the one given");
	TELL(0, NULL, ADD("root", "4"));
	ERRS("is root");
}

static void test_operator_add_refuses_duplicates_and_bad_values(void **state)
{
	static const char *const bad[][2] = {
		{ "--role", "king" },
		{ "--uid", "-1" },
		{ "--uid", "4294967295" },
		{ "--uid", "1x" },
		{ "--valid-from", "2026-02-30" },
		{ "--valid-until", "tomorrow" },
		{ "--valid-until", "" },
		{ "--uid", "" },
	};
	const struct house *h = *state;

	DESK(0, ADD("daemon", "1047"));
	DESK(1, ADD("daemon", "2000"));
	JSON("$.error", "EEXIST");
	DESK(1, ADD("bin", "1047"));
	JSON("$.error", "EREUSED");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		DESK(2, ADD("bin", "2001"), bad[i][0], bad[i][1]);
		JSON("$.error", "EUSAGE");
	}
	DESK(2, ADD("bin", "2001"), "--valid-from", "2026-04-02", "--valid-until", "2026-04-01");
	DESK(2, "operator", "add", "bin", "--employee-number", "2001", "--name", "N");
	DESK(2, "operator", "add", "--employee-number", "2001", "--name", "N", "--department", "D");
	DESK(2, ADD("bin", ""));
	DESK(0, "operator", "list");
	JSON("$[0].login", "daemon");
	JSON("$[1].login", "");
	assert_int_equal(office_audited(h, KM_EVENT_OPERATOR_ADDED, NULL, NULL), 1);
}

#define PEOPLE 603 /* a page has 500 */

static void test_operator_list_gives_everybody_in_order_over_many_pages(void **state)
{
	const struct house *h = *state;
	char login[32], path[32];

	TELL(0, NULL, "operator", "list");
	ERRS("No operator is registered");
	DESK(0, "operator", "list");
	JSON("$", "[]");
	for (unsigned i = 0; i < PEOPLE; i++) {
		snprintf(login, sizeof(login), "operator-%u", i);
		assert_int_equal(office_add(h, login, -1), KM_OK);
	}
	DESK(0, "operator", "list");
	for (unsigned i = 0; i < PEOPLE; i += 201) {
		snprintf(path, sizeof(path), "$[%u].login", i);
		snprintf(login, sizeof(login), "operator-%u", i);
		JSON(path, login);
	}
	JSON("$[602].employee_number", "E-operator-602");
	JSON("$[603]", "");
}

static void test_suspend_and_resume_say_so_and_keep_the_reason(void **state)
{
	const struct house *h = *state;

	DESK(0, ADD("daemon", "1"));
	TELL(0, NULL, "operator", "suspend", "daemon", "--reason", "休職 = 100%, 4月");
	SAYS("suspended");
	DESK(0, "operator", "show", "daemon");
	JSON("$.state", "suspended");
	DESK(1, "operator", "suspend", "daemon");
	JSON("$.error", "ESTATE");
	DESK(0, "audit", "list", "--last", "1");
	JSON("$[0].event", "operator-suspended");
	JSON("$[0].details.note", "休職 = 100%, 4月");
	DESK(0, "operator", "resume", "daemon");
	DESK(1, "operator", "resume", "daemon");
	JSON("$.error", "ESTATE");
	DESK(0, "operator", "show", "daemon");
	JSON("$.state", "active");
}

static void test_rebind_moves_an_operator_to_another_uid(void **state)
{
	const struct house *h = *state;

	DESK(0, ADD("daemon", "1"));
	DESK(0, "operator", "rebind", "daemon", "--uid", "4711");
	DESK(0, "operator", "show", "daemon");
	JSON("$.uid", "4711");
	DESK(0, "operator", "rebind", "daemon");
	DESK(0, "operator", "show", "daemon");
	JSON("$.uid", "");
	DESK(2, "operator", "rebind", "daemon", "--uid", "many");
	assert_int_equal(office_audited(h, KM_EVENT_OPERATOR_REBOUND, "daemon", "from=1 to=4711"),
			 1);
	assert_int_equal(office_audited(h, KM_EVENT_OPERATOR_REBOUND, "daemon", "from=4711 to=-1"),
			 1);
}

static void test_an_erased_operator_is_gone_and_the_number_never_comes_back(void **state)
{
	const struct house *h = *state;
	const struct office_otp otp = { 0 };
	char where[HOUSE_PATH] = "";

	DESK(0, ADD("daemon", "E-CANARY-4711"));
	assert_int_equal(office_enrol(h, "daemon", &otp, NULL), KM_OK);
	DESK(2, "erase", "daemon", "--yes");
	DESK(2, "erase", "daemon", "--yes", "--reason", "");
	DESK(0, "operator", "show", "daemon");
	DESK(0, "erase", "daemon", "--reason", "transferred", "--yes");
	JSON("$.result", "done");
	DESK(1, "operator", "show", "daemon");
	JSON("$.error", "ENOTFOUND");
	DESK(1, "credential", "list", "daemon");
	DESK(1, "erase", "daemon", "--reason", "again", "--yes");
	DESK(1, ADD("daemon", "E-CANARY-4711"));
	JSON("$.error", "EREUSED");
	DESK(1, ADD("bin", "E-CANARY-4711"));
	JSON("$.error", "EREUSED");
	/* The login name may be given again, to somebody with another number. */
	DESK(0, ADD("daemon", "E-4712"));
	DESK(0, "credential", "list", "daemon");
	JSON("$", "[]");
	assert_false(house_holds(h, "E-CANARY-4711", 13, where));
	assert_int_equal(office_audited(h, KM_EVENT_ERASE_BEGUN, NULL, "note=transferred"), 1);
	assert_int_equal(office_audited(h, KM_EVENT_ERASED, NULL, NULL), 1);
	TELL(0, NULL, "audit", "verify");
}

static void test_erase_asks_for_the_name_and_does_nothing_for_another(void **state)
{
	const struct house *h = *state;

	DESK(0, ADD("daemon", "1"));
	TELL(1, "bin\n", "erase", "daemon", "--reason", "left");
	ERRS("Type the login name daemon");
	ERRS("nothing was erased");
	TELL(1, "", "erase", "daemon", "--reason", "left");
	DESK(0, "operator", "show", "daemon");
	TELL(0, "daemon\n", "erase", "daemon", "--reason", "left");
	DESK(1, "operator", "show", "daemon");
}

static void test_commands_on_a_name_that_is_not_registered_say_so(void **state)
{
	static const char *const command[][5] = {
		{ "operator", "show", "sys", NULL },
		{ "operator", "suspend", "sys", NULL },
		{ "operator", "resume", "sys", NULL },
		{ "operator", "rebind", "sys", NULL },
		{ "credential", "list", "sys", NULL },
		{ "credential", "remove", "sys", "1", NULL },
		{ "resync", "sys", "1", NULL },
		{ "unlock", "sys", NULL },
		{ "enroll", "recovery-codes", "sys", NULL },
		{ "enroll", "totp", "sys", "--no-confirm", NULL },
		{ "audit", "list", "--login", "sys", NULL },
	};
	const struct house *h = *state;

	for (size_t i = 0; i < sizeof(command) / sizeof(command[0]); i++) {
		const char *const *c = command[i];

		house_out_free(&o);
		assert_int_equal(
		    house_desk(h, &o, NULL, c[0], c[1], c[2], c[3] ? c[3] : NULL, NULL), 1);
		ERRS("no operator is registered");
	}
	assert_false(strlen(o.out) > 0 && strstr(o.out, "otpauth"));
}

/* kenmon(1), EXIT STATUS */
static void test_exit_codes_are_those_of_the_manual(void **state)
{
	struct house *h = *state;

	DESK(0, "operator", "list");
	DESK(1, "operator", "show", "sys");
	DESK(2, "operator", "shew", "sys");
	DESK(2, "nothing");
	DESK(2, "operator", "show");
	DESK(2, "operator", "show", "sys", "games");
	DESK(2, "operator", "list", "--verbose");
	DESK(0, "operator", "--help");
	DESK(0, "--version");
	assert_true(house_stop(h));
	DESK(69, "operator", "list");
	JSON("$.error", "EUNAVAIL");
	DESK(69, ADD("daemon", "1"));
	DESK(69, "status");
	assert_true(house_again(h));
	DESK(0, "operator", "list");
	JSON("$", "[]");
}

/* Somebody else's desk gets no line at all, for reading neither. */
static void test_a_desk_of_another_uid_is_refused_and_written_down(void **state)
{
	static const char *const command[][3] = {
		{ "operator", "list", NULL },
		{ "status", NULL, NULL },
		{ "audit", "list", NULL },
		{ "unlock", "daemon", NULL },
	};
	const struct house *h = *state;

	if (geteuid() != 0)
		skip();
	DESK(0, ADD("daemon", "1"));
	for (size_t i = 0; i < sizeof(command) / sizeof(command[0]); i++) {
		house_out_free(&o);
		assert_int_equal(house_desk_as(h, HOUSE_BASE_UID + 7, &o, NULL, command[i][0],
					       command[i][1], NULL),
				 77);
		ERRS("neither root");
		assert_int_equal(strstr(o.out, "1047") != NULL, 0);
	}
	assert_int_equal(office_audited(h, KM_EVENT_DESK_REFUSED, NULL, "peer=61507"), 4);
}

static void test_an_operation_sent_twice_happens_once_and_is_answered_alike(void **state)
{
	const struct house *h = *state;
	struct km_msg m = { .number = KM_MSG_OPERATOR_STATE };
	struct msg_done first = { 0 }, second = { 0 };
	uint8_t op[16];

	assert_int_equal(office_add(h, "daemon", 1), KM_OK);
	assert_int_equal(km_random(op, sizeof(op)), KM_OK);
	snprintf(m.operator_state.login, sizeof(m.operator_state.login), "daemon");
	m.operator_state.state = KM_SUSPENDED;
	assert_int_equal(office_do_as(h, &m, op, &first), KM_OK);
	assert_int_equal(office_do_as(h, &m, op, &second), KM_OK);
	assert_int_equal(second.id, first.id);
	assert_int_equal(office_audited(h, KM_EVENT_OPERATOR_SUSPENDED, NULL, NULL), 1);
	/* Under another id it is another operation. */
	op[0] ^= 1;
	assert_int_equal(office_do_as(h, &m, op, &second), KM_ESTATE);
}

static void test_an_operation_sent_again_after_a_restart_is_not_done_again(void **state)
{
	struct house *h = *state;
	struct km_msg m = { .number = KM_MSG_ENROL_RECOVERY };
	struct msg_done first = { 0 }, second = { 0 };
	static const uint8_t op[16] = "the same id here";

	assert_int_equal(office_add(h, "daemon", 1), KM_OK);
	snprintf(m.enrol_recovery.login, sizeof(m.enrol_recovery.login), "daemon");
	m.enrol_recovery.codes.len = KM_RECOVERY_CODES * KM_RECOVERY_LENGTH;
	for (unsigned i = 0; i < m.enrol_recovery.codes.len; i++)
		m.enrol_recovery.codes.bytes[i] = (uint8_t)('A' + i / KM_RECOVERY_LENGTH);
	assert_int_equal(office_do_as(h, &m, op, &first), KM_OK);
	office_close();
	assert_true(house_stop(h));
	assert_true(house_again(h));
	assert_int_equal(office_do_as(h, &m, op, &second), KM_OK);
	assert_int_equal(second.id, first.id);
	assert_int_equal(office_audited(h, KM_EVENT_ENROLLED, NULL, NULL), 1);
}

#define HOUSE_TEST(f) cmocka_unit_test_setup_teardown(f, office_setup, office_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOUSE_TEST(test_operator_add_registers_all_that_was_given),
		HOUSE_TEST(test_operator_add_binds_the_account_that_is_here),
		HOUSE_TEST(test_operator_add_refuses_duplicates_and_bad_values),
		HOUSE_TEST(test_operator_list_gives_everybody_in_order_over_many_pages),
		HOUSE_TEST(test_suspend_and_resume_say_so_and_keep_the_reason),
		HOUSE_TEST(test_rebind_moves_an_operator_to_another_uid),
		HOUSE_TEST(test_an_erased_operator_is_gone_and_the_number_never_comes_back),
		HOUSE_TEST(test_erase_asks_for_the_name_and_does_nothing_for_another),
		HOUSE_TEST(test_commands_on_a_name_that_is_not_registered_say_so),
		HOUSE_TEST(test_exit_codes_are_those_of_the_manual),
		HOUSE_TEST(test_a_desk_of_another_uid_is_refused_and_written_down),
		HOUSE_TEST(test_an_operation_sent_twice_happens_once_and_is_answered_alike),
		HOUSE_TEST(test_an_operation_sent_again_after_a_restart_is_not_done_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
