/* One code, once, until then: it opens what any code opens, and goes by itself. */
#include <time.h>

#include <kenmon/store_request.h>

#include "request_scene.h"

#include "../../authd/vault/store_internal.h"

static int64_t soon(void)
{
	return room.v->now.wall + 8 * 3600;
}

static void give(const char *login)
{
	const struct km_msg m = scene_msg_bypass(login, soon());
	struct km_msg yes = scene_decision(scene_files(&m), true);

	assert_int_equal(scene_rc("aki", &yes), KM_OK);
}

/* What the judge was told of desks in between is passed over. */
static struct km_msg hears(void)
{
	struct km_msg m;

	do
		m = judge_hears();
	while (m.session != room.session);
	return m;
}

static struct km_msg log_in(const char *login, const char *code)
{
	struct km_msg m = { .number = KM_MSG_CHECK };
	int client = opens(KM_REQUEST_AUTHENTICATE, login, 4711);

	assert_int_equal(hears().number, KM_MSG_PLAN);
	m.session = room.session;
	assert_int_equal(km_secret_set(&m.check.secret, code, strlen(code)), KM_OK);
	judge_says(&m, -1);
	m = hears();
	close(client);
	return m;
}

static void test_a_bypass_is_given_by_two_and_opens_one_login(void **state)
{
	const struct km_msg asked = scene_msg_bypass("hanako", soon());
	struct km_msg m;
	uint64_t id;

	(void)state;
	id = scene_files(&asked);
	assert_non_null(strstr(scene_look(id).request_row.text, "factor=bypass"));
	assert_non_null(strstr(scene_row.request_row.text, "reason=a%20bandaged%20hand"));
	assert_int_equal(scene_record(KM_EVENT_BYPASS_GIVEN).event, 0);
	m = log_in("hanako", SCENE_BYPASS);
	assert_int_not_equal(m.verdict.verdict, KM_VERDICT_ALLOW);
	m = scene_decision(id, true);
	assert_int_equal(scene_rc("aki", &m), KM_OK);
	scene_by_both(KM_EVENT_BYPASS_GIVEN);
	m = log_in("hanako", "aaaa-bbbb-cccc-dddd"); /* as it is printed */
	assert_int_equal(m.verdict.verdict, KM_VERDICT_ALLOW);
	assert_non_null(strstr(scene_record(KM_EVENT_LOGIN_ALLOWED).body, "factor=bypass"));
	m = log_in("hanako", SCENE_BYPASS);
	assert_int_equal(m.verdict.reason, KM_REASON_REPLAY);
}

/* A site of one-time codes alone, where no recovery code counts. */
static void test_a_bypass_answers_a_step_of_any_code_and_no_step_of_fingers_alone(void **state)
{
	struct km_msg m;

	(void)state;
	room.v->conf.login.factors = (struct km_steps){ 1, { KM_FACTOR_BIT(KM_FACTOR_TOTP) } };
	give("hanako");
	m = log_in("hanako", SCENE_BYPASS);
	assert_int_equal(m.verdict.verdict, KM_VERDICT_ALLOW);
}

/* Whose telephone is lost, at a site where nothing but a code to it is asked for. */
static void test_a_bypass_answers_a_step_of_codes_by_telephone(void **state)
{
	struct km_msg m;

	(void)state;
	room.v->conf.login.factors = (struct km_steps){ 1, { KM_FACTOR_BIT(KM_FACTOR_SMS) } };
	give("hanako");
	m = log_in("hanako", SCENE_BYPASS);
	assert_int_equal(m.verdict.verdict, KM_VERDICT_ALLOW);
}

static void test_a_bypass_of_somebody_else_or_of_yesterday_opens_nothing(void **state)
{
	struct km_event_record e;
	struct km_operator op;
	struct km_secret code = { 0 };
	struct km_msg m;
	uint64_t id;

	(void)state;
	give("hanako");
	m = log_in("rei", SCENE_BYPASS);
	assert_int_not_equal(m.verdict.verdict, KM_VERDICT_ALLOW);
	op = scene_person("ami");
	event_make(&e, KM_EVENT_BYPASS_GIVEN, op.subject, "test");
	assert_int_equal(km_secret_set(&code, SCENE_BYPASS, KM_RECOVERY_LENGTH), KM_OK);
	room.v->now.wall -= 86400;
	store_set_now(room.v->store, &room.v->now);
	assert_int_equal(
	    store_enrol_bypass(room.v->store, &op, &code, room.v->now.wall + 60, false, &e, &id),
	    KM_OK);
	m = log_in("ami", SCENE_BYPASS);
	assert_int_not_equal(m.verdict.verdict, KM_VERDICT_ALLOW);
}

/* C35: a clock set back would make yesterday's good again. */
static void test_C35_while_the_clock_is_in_doubt_no_bypass_opens_anything(void **state)
{
	struct km_msg m;

	(void)state;
	give("hanako");
	room.v->suspicion = KM_SUSPECT_CLOCK;
	m = log_in("hanako", SCENE_BYPASS);
	assert_int_not_equal(m.verdict.verdict, KM_VERDICT_ALLOW);
	room.v->suspicion = 0;
	m = log_in("hanako", SCENE_BYPASS); /* nor was it used up */
	assert_int_equal(m.verdict.verdict, KM_VERDICT_ALLOW);
}

static void test_a_bypass_has_a_reason_an_end_within_a_day_and_an_operator(void **state)
{
	struct km_msg m = scene_msg_bypass("hanako", room.v->now.wall + 86400 + 3600);
	struct km_msg away = scene_msg_state("hanako", KM_SUSPENDED);

	(void)state;
	assert_int_equal(scene_rc("rei", &m), KM_EINVAL);
	m.bypass.until = room.v->now.wall - 1;
	assert_int_equal(scene_rc("rei", &m), KM_EINVAL);
	m.bypass.until = INT64_MIN;
	assert_int_equal(scene_rc("rei", &m), KM_EINVAL);
	m.bypass.until = INT64_MAX;
	assert_int_equal(scene_rc("rei", &m), KM_EINVAL);
	m = scene_msg_bypass("hanako", soon());
	m.bypass.reason[0] = '\0';
	assert_int_equal(scene_rc("rei", &m), KM_EINVAL);
	m = scene_msg_bypass("hanako", soon());
	m.bypass.code.len = 8;
	assert_int_equal(scene_rc("rei", &m), KM_EINVAL);
	m = scene_msg_bypass("nobody", soon());
	assert_int_equal(scene_rc("rei", &m), KM_ENOTFOUND);
	m = scene_msg_bypass("hanako", soon());
	room.v->suspicion = KM_SUSPECT_CLOCK;
	assert_int_equal(scene_rc("rei", &m), KM_ESUSPECT);
	room.v->suspicion = 0;
	assert_int_equal(scene_rc(NULL, &m), KM_EPERM); /* root alone gives none */
	assert_int_equal(scene_rc(NULL, &away), KM_OK);
	assert_int_equal(scene_rc("rei", &m), KM_ESTATE);
	assert_int_equal(scene_credential("hanako", KM_FACTOR_BYPASS).id, 0);
	assert_int_equal(scene_waiting(), 0);
}

static void a_minute_passes(int64_t seconds)
{
	room.v->now.wall += seconds;
	store_set_now(room.v->store, &room.v->now);
	room.v->tended_ms = 0;
	tend_waiting(room.v);
	assert_int_equal(store_flush(room.v->store), KM_OK);
}

static void test_a_bypass_that_is_over_goes_also_where_a_request_is_damaged(void **state)
{
	const struct km_msg unlock = scene_msg_unlock("ami");

	(void)state;
	give("hanako");
	(void)scene_files(&unlock);
	store_idle(room.v->store);
	assert_int_equal(sqlite3_exec(room.v->store->db[DB_VAULT].handle,
				      "UPDATE request SET expires = expires - 1000000", NULL, NULL,
				      NULL),
			 SQLITE_OK);
	a_minute_passes(9 * 3600);
	assert_int_equal(scene_credential("hanako", KM_FACTOR_BYPASS).id, 0);
	assert_non_null(strstr(scene_record(KM_EVENT_CREDENTIAL_REMOVED).body, "reason=expired"));
}

static void test_a_bypass_goes_when_it_was_used_or_is_over(void **state)
{
	struct km_msg m;

	(void)state;
	give("hanako");
	a_minute_passes(0);
	assert_int_not_equal(scene_credential("hanako", KM_FACTOR_BYPASS).id, 0);
	m = log_in("hanako", SCENE_BYPASS);
	assert_int_equal(m.verdict.verdict, KM_VERDICT_ALLOW);
	a_minute_passes(0);
	assert_int_equal(scene_credential("hanako", KM_FACTOR_BYPASS).id, 0);
	assert_non_null(strstr(scene_record(KM_EVENT_CREDENTIAL_REMOVED).body, "reason=used"));
	give("hanako");
	a_minute_passes(9 * 3600);
	assert_int_equal(scene_credential("hanako", KM_FACTOR_BYPASS).id, 0);
	assert_non_null(strstr(scene_record(KM_EVENT_CREDENTIAL_REMOVED).body, "reason=expired"));
	/* Codes without an end stay. */
	assert_int_not_equal(scene_credential("hanako", KM_FACTOR_HOTP).id, 0);
}

static void test_a_bypass_is_an_alarm_in_the_status_while_it_is_open(void **state)
{
	struct km_msg m = { .number = KM_MSG_STATUS };
	time_t until = (time_t)soon();
	char says[128];
	struct tm tm;
	int line, rows = 0;

	(void)state;
	assert_non_null(gmtime_r(&until, &tm));
	assert_true(strftime(says, sizeof(says),
			     "hanako may log in with it until %Y-%m-%d %H:%M UTC", &tm));
	give("hanako");
	line = desk_comes();
	desk_asks(line, &m);
	while (m.number != KM_MSG_DONE) {
		if (m.number == KM_MSG_STATUS_ROW && strcmp(m.status_row.key, "bypass") == 0) {
			assert_true(m.status_row.alarm);
			assert_string_equal(m.status_row.value, says);
			rows++;
		}
		assert_int_equal(hear(line, KM_PHASE_DESK_TALK, &m, NULL), KM_OK);
	}
	close(line);
	assert_int_equal(rows, 1);
}

/* It is no code of a person's own: neither beside a finger nor to act with. */
static void test_a_bypass_proves_no_administrator_and_counts_as_nobodys_code(void **state)
{
	struct km_credential all[KM_MAX_CREDENTIALS];
	struct km_operator op;
	struct call c = { .v = room.v };
	size_t count = 0;
	bool has = true;

	(void)state;
	scene_add("taro", KM_ROLE_OPERATOR, false);
	give("taro");
	op = scene_person("taro");
	assert_int_equal(store_credentials(room.v->store, op.subject, all, &count), KM_OK);
	assert_int_equal(count, 1);
	assert_int_equal(desk_has_code(&c, all, count, 0, &has), KM_OK);
	assert_false(has);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCENE(test_a_bypass_is_given_by_two_and_opens_one_login),
		IN_SCENE(test_a_bypass_answers_a_step_of_any_code_and_no_step_of_fingers_alone),
		IN_SCENE(test_a_bypass_answers_a_step_of_codes_by_telephone),
		IN_SCENE(test_a_bypass_of_somebody_else_or_of_yesterday_opens_nothing),
		IN_SCENE(test_C35_while_the_clock_is_in_doubt_no_bypass_opens_anything),
		IN_SCENE(test_a_bypass_has_a_reason_an_end_within_a_day_and_an_operator),
		IN_SCENE(test_a_bypass_that_is_over_goes_also_where_a_request_is_damaged),
		IN_SCENE(test_a_bypass_goes_when_it_was_used_or_is_over),
		IN_SCENE(test_a_bypass_is_an_alarm_in_the_status_while_it_is_open),
		IN_SCENE(test_a_bypass_proves_no_administrator_and_counts_as_nobodys_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
