/* The audit trail from outside: what it says, and what no change to it survives. Status, config. */
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

#define DESK(code, ...)                                                                            \
	do {                                                                                       \
		house_out_free(&o);                                                                \
		assert_int_equal(house_desk(h, &o, NULL, "--json", __VA_ARGS__, NULL), code);      \
	} while (0)
#define TELL(code, ...)                                                                            \
	do {                                                                                       \
		house_out_free(&o);                                                                \
		assert_int_equal(house_desk(h, &o, NULL, __VA_ARGS__, NULL), code);                \
	} while (0)
#define JSON(path, value) assert_string_equal(office_json(o.out, path), value)
#define HAS(path, text)   assert_non_null(strstr(office_json(o.out, path), text))

/* --- what it says -------------------------------------------------------------- */

static void test_the_trail_tells_a_short_life_in_order(void **state)
{
	static const char *const events[] = {
		"started",
		"operator-added",
		"credential-enrolled",
		"login-allowed",
		"code-replayed",
		"login-refused",
		"operator-suspended",
		"login-refused",
		"account-refused",
		"operator-resumed",
		"unlocked",
		"operator-rebound",
		"credential-removed",
		"erase-begun",
		"erased",
	};
	const struct house *h = *state;
	const struct pam_conv conv = { 0 };
	pam_handle_t *pamh = NULL;
	char code[16], path[48], authority[40];

	assert_true(office_totp_operator(h, "daemon", 1));
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_SUCCESS);
	assert_int_equal(office_try(h, "daemon", code), PAM_AUTH_ERR);
	assert_int_equal(office_try(h, "daemon", "000000"), PAM_AUTH_ERR);
	TELL(0, "operator", "suspend", "daemon");
	assert_int_equal(office_try(h, "daemon", "000000"), PAM_AUTH_ERR);
	assert_int_equal(pam_start_confdir("one", "daemon", &conv, h->pam, &pamh), PAM_SUCCESS);
	assert_int_equal(pam_acct_mgmt(pamh, PAM_SILENT), PAM_ACCT_EXPIRED);
	pam_end(pamh, PAM_ACCT_EXPIRED);
	TELL(0, "operator", "resume", "daemon");
	TELL(0, "unlock", "daemon");
	TELL(0, "operator", "rebind", "daemon", "--uid", "1");
	TELL(0, "credential", "remove", "daemon", "1");
	TELL(0, "erase", "daemon", "--reason", "left", "--yes");
	DESK(0, "audit", "list", "--all");
	snprintf(authority, sizeof(authority), "%s-without-factor",
		 geteuid() == 0 ? "root" : "starter");
	for (unsigned i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		snprintf(path, sizeof(path), "$[%u].event", i);
		JSON(path, events[i]);
		snprintf(path, sizeof(path), "$[%u].seq", i);
		assert_int_equal(atoi(office_json(o.out, path)), i + 1);
	}
	JSON("$[15].event", "");
	JSON("$[1].details.authority", authority);
	snprintf(path, sizeof(path), "uid:%u", (unsigned)geteuid());
	JSON("$[1].actor", path);
	JSON("$[3].actor", "door");
	JSON("$[3].details.service", "one");
	JSON("$[3].details.factor", "totp");
	JSON("$[4].details.reason", "replay");
	JSON("$[5].details.reason", "wrong-code");
	JSON("$[7].details.reason", "suspended");
	/* Whoever is erased has no name here any more. */
	assert_null(strstr(o.out, "\"login\":\"daemon\""));
}

static void test_audit_list_gives_what_was_asked_for(void **state)
{
	const struct house *h = *state;
	char login[16];

	for (unsigned i = 0; i < 130; i++) {
		snprintf(login, sizeof(login), "op-%u", i);
		assert_int_equal(office_add(h, login, -1), KM_OK);
	}
	DESK(0, "audit", "list"); /* the last 50 */
	JSON("$[0].seq", "82");
	JSON("$[49].seq", "131");
	JSON("$[50]", "");
	DESK(0, "audit", "list", "--last", "2");
	JSON("$[0].seq", "130");
	JSON("$[2]", "");
	DESK(0, "audit", "list", "--after", "129");
	JSON("$[0].seq", "130");
	JSON("$[2]", "");
	DESK(0, "audit", "list", "--all");
	JSON("$[0].seq", "1");
	JSON("$[130].seq", "131");
	DESK(0, "audit", "list", "--login", "op-7");
	JSON("$[0].login", "op-7");
	JSON("$[1]", "");
	DESK(0, "audit", "list", "--last", "9999999");
	JSON("$[130].seq", "131");
	DESK(2, "audit", "list", "--last", "0");
	DESK(2, "audit", "list", "--last", "5", "--all");
	TELL(0, "audit", "verify");
	assert_non_null(strstr(o.out, "131 records, unbroken."));
	DESK(0, "audit", "verify");
	JSON("$.records", "131");
}

static void test_refusals_beyond_twenty_a_minute_become_one_record(void **state)
{
	struct house *h = *state;

	house_end(h);
	assert_true(house_start(h, NULL)); /* with the default numbers */
	for (unsigned i = 0; i < 31; i++)
		assert_int_not_equal(house_try(h, "kenmon-nobody-here", "000000"), PAM_SUCCESS);
	assert_true(house_stop(h));
	assert_true(house_again(h));
	/* Five wrong codes, the last of which locks, and 26 in the wait: 31 refusals. */
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_REFUSED, NULL, NULL), 20);
	assert_int_equal(office_audited(h, KM_EVENT_REFUSED_MANY, NULL, NULL), 1);
	assert_int_equal(office_many(h), 11);
}

/* --- what no change survives ------------------------------------------------------ */

/* Stops the house, runs this on vault.db, and tries to start it again. */
static bool damage(struct house *h, const char *sql)
{
	char db[HOUSE_PATH + 32];
	const char *const argv[] = { "sqlite3", db, sql, NULL };

	office_close();
	assert_true(house_stop(h));
	snprintf(db, sizeof(db), "%s/vault/vault.db", h->state);
	house_out_free(&o);
	assert_int_equal(house_run(&o, -1, NULL, argv), 0);
	return house_again(h);
}

/* Eight records, the sixth damaged, and so on; *state is made anew each time. */
static void verify_names(struct house *h, const char *sql, const char *record)
{
	house_end(h);
	assert_true(office_house(h, NULL));
	assert_true(office_totp_operator(h, "daemon", 1));
	assert_true(office_totp_operator(h, "bin", 2));
	TELL(0, "operator", "suspend", "bin");
	TELL(0, "audit", "verify");
	assert_true(damage(h, sql));
	DESK(1, "audit", "verify");
	JSON("$.error", "ECORRUPT");
	HAS("$.message", record);
	TELL(1, "audit", "verify");
	assert_non_null(strstr(o.err, record));
}

static void test_verify_names_a_record_of_which_any_column_was_changed(void **state)
{
	static const char *const change[] = {
		"wall = wall + 1",
		"boot_ms = boot_ms - 1",
		"boot_id = zeroblob(16)",
		"event = 10",
		"subject = zeroblob(16)",
		"actor = 'uid:4294967290'",
		"body_hash = zeroblob(32)",
		"body = zeroblob(length(body))",
		"body = x''",
		"hash = zeroblob(32)",
		"chain = zeroblob(16)",
	};
	char sql[128];

	for (size_t i = 0; i < sizeof(change) / sizeof(change[0]); i++) {
		snprintf(sql, sizeof(sql), "UPDATE audit SET %s WHERE seq = 4", change[i]);
		verify_names(*state, sql, "record 4 ");
	}
}

static void test_verify_names_the_first_of_several_bad_records(void **state)
{
	verify_names(*state, "UPDATE audit SET wall = 0 WHERE seq IN (3, 5, 6)", "record 3 ");
	verify_names(*state, "UPDATE audit SET wall = 0 WHERE seq = 1", "record 1 ");
}

static void test_verify_names_a_record_that_was_removed(void **state)
{
	verify_names(*state, "DELETE FROM audit WHERE seq = 4", "record 4 is missing");
	verify_names(*state, "DELETE FROM audit WHERE seq = 1", "record 1 is missing");
	verify_names(*state, "DELETE FROM audit WHERE seq BETWEEN 2 AND 5", "record 2 is missing");
	verify_names(
	    *state, "DELETE FROM audit WHERE seq = 4; UPDATE audit SET seq = seq - 1 WHERE seq = 5",
	    "record 4 ");
}

static void test_verify_names_records_that_changed_places(void **state)
{
	verify_names(*state,
		     "UPDATE audit SET seq = 99 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE "
		     "seq = 5; UPDATE audit SET seq = 5 WHERE seq = 99",
		     "record 3 ");
}

/* The judge has written down how far the trail went. */
static void test_a_trail_whose_end_was_cut_off_lets_nobody_in(void **state)
{
	struct house *h = *state;
	char code[16];

	verify_names(h, "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)", "is missing");
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "daemon", code), PAM_AUTHINFO_UNAVAIL);
	TELL(0, "status");
	assert_non_null(strstr(o.out, "ALARM: database: "));
	DESK(1, "operator", "resume", "bin");
	JSON("$.error", "ESUSPECT");
}

/* Records behind the end, or another end: not ours, and not gone on with. */
static void test_a_vault_does_not_start_on_a_trail_that_ends_elsewhere(void **state)
{
	static const struct {
		const char *sql, *says;
	} harm[] = {
		{ "INSERT INTO audit SELECT seq + 1, chain, wall, boot_ms, boot_id, event, "
		  "subject, actor, body_hash, body, hash FROM audit ORDER BY seq DESC LIMIT 1",
		  "records behind its sealed end" },
		{ "UPDATE meta SET value = zeroblob(length(value)) WHERE key = 'audit_head'",
		  "does not carry the MAC" },
		{ "DELETE FROM meta WHERE key = 'audit_head'", "vault.db" },
		{ "DROP TABLE audit", "damaged" },
	};
	struct house *h = *state;

	for (size_t i = 0; i < sizeof(harm) / sizeof(harm[0]); i++) {
		house_end(h);
		assert_true(office_house(h, NULL));
		assert_true(office_totp_operator(h, "daemon", 1));
		assert_false(damage(h, harm[i].sql));
		assert_true(house_wait_log(h, harm[i].says));
		TELL(69, "audit", "verify");
		assert_int_equal(office_try(h, "daemon", "000000"), PAM_AUTHINFO_UNAVAIL);
	}
}

/* --- status and configuration --------------------------------------------------------- */

static void test_status_counts_what_there_is(void **state)
{
	const struct house *h = *state;

	assert_true(office_totp_operator(h, "daemon", 1));
	assert_int_equal(office_add(h, "bin", -1), KM_OK);
	assert_int_equal(office_suspend(h, "bin"), KM_OK);
	for (unsigned i = 0; i < 5; i++)
		office_try(h, "daemon", "000000");
	DESK(0, "status");
	HAS("$.status", "{\"key\":\"operators\",\"value\":\"2\",\"alarm\":false}");
	HAS("$.status", "{\"key\":\"suspended\",\"value\":\"1\",");
	HAS("$.status", "{\"key\":\"without-a-factor\",\"value\":\"1\",");
	HAS("$.status", "{\"key\":\"not-bound-yet\",\"value\":\"1\",");
	HAS("$.status", "{\"key\":\"locked\",\"value\":\"1\",");
	HAS("$.status", "{\"key\":\"clock\",\"value\":\"not in doubt\",");
	HAS("$.machine", "kenmon-exempt");
	TELL(0, "status");
	/* Nothing alarms, but where the rooms were built without walls. */
	assert_int_equal(strstr(o.out, "ALARM") != NULL, built_open);
}

static void write_config(const struct house *h, const char *text)
{
	FILE *f = fopen(h->config, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void test_config_check_says_what_counts_and_what_is_wrong(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "[login]\nfactors = totp+palm\n", ":2: " },
		{ "[login]\n\ntries = 0\n", ":3: " },
		{ "[login]\ntry = 3\n", "try" },
		{ "[logins]\ntries = 3\n", "logins" },
		{ "[service one]\n[approval]\nrequired = perhaps\n", "required" },
		{ "[site]\ntime-zone = Mars/Olympus\n", "Mars" },
		{ "tries = 3\n", ":1: " },
	};
	struct house *h = *state;

	DESK(0, "config", "check", "--config", h->config);
	JSON("$.result", "done");
	HAS("$.settings", "{\"section\":\"audit\",\"key\":\"refusals\",\"value\":\"1000\"}");
	HAS("$.settings", "{\"section\":\"login\",\"key\":\"tries\",\"value\":\"3\"}");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_config(h, bad[i].text);
		DESK(2, "config", "check", "--config", h->config);
		JSON("$.error", "ECONF");
		HAS("$.message", "kenmon.conf");
		HAS("$.message", bad[i].says);
	}
	DESK(2, "config", "check", "--config", "/nonexistent/kenmon.conf");
	/* It talks to nobody. */
	assert_true(house_stop(h));
	write_config(h, "[login]\ntries = 2\n");
	DESK(0, "config", "check", "--config", h->config);
}

#define HOUSE_TEST(f) cmocka_unit_test_setup_teardown(f, office_setup, office_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOUSE_TEST(test_the_trail_tells_a_short_life_in_order),
		HOUSE_TEST(test_audit_list_gives_what_was_asked_for),
		HOUSE_TEST(test_refusals_beyond_twenty_a_minute_become_one_record),
		HOUSE_TEST(test_verify_names_a_record_of_which_any_column_was_changed),
		HOUSE_TEST(test_verify_names_the_first_of_several_bad_records),
		HOUSE_TEST(test_verify_names_a_record_that_was_removed),
		HOUSE_TEST(test_verify_names_records_that_changed_places),
		HOUSE_TEST(test_a_trail_whose_end_was_cut_off_lets_nobody_in),
		HOUSE_TEST(test_a_vault_does_not_start_on_a_trail_that_ends_elsewhere),
		HOUSE_TEST(test_status_counts_what_there_is),
		HOUSE_TEST(test_config_check_says_what_counts_and_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
