/* Who had another number is told that it was changed: there, and its owner at the next login. */
#include "phone_scene.h"

#include "../../authd/vault/challenge.h"

static size_t scene_records(enum km_event event)
{
	static struct km_audit_row page[500];
	size_t count = 0, found = 0;

	assert_int_equal(store_audit(room.v->store, 0, NULL, 500, page, &count), KM_OK);
	for (size_t i = 0; i < count; i++)
		found += page[i].event == event;
	return found;
}

static void test_the_old_number_is_told_that_another_took_its_place(void **state)
{
	struct km_msg m;
	struct km_audit_row row;

	(void)state;
	has_phone("hanako", KM_FACTOR_SMS, MOBILE);
	assert_int_equal(courier_hears().number, 0);
	has_phone("hanako", KM_FACTOR_SMS, OTHER);
	assert_string_equal(number_of("hanako", KM_FACTOR_SMS), OTHER);
	m = courier_hears();
	assert_int_equal(m.number, KM_MSG_ORDER);
	assert_int_equal(m.order.kind, KM_ORDER_NOTICE);
	assert_string_equal(m.order.number, MOBILE);
	assert_int_equal(m.order.text.len,
			 strlen(km_text(KM_TEXT_NOTICE_CHANGED, room.v->conf.language)));
	assert_int_equal(courier_hears().number, 0);
	row = scene_record(KM_EVENT_PHONE_CHANGED);
	assert_non_null(strstr(row.body, "number=080-****-4321"));
	assert_non_null(strstr(row.body, "notice=notice"));
	assert_true(scene_names(&row, EVENT_APPROVER, "aki"));
	assert_null(strstr(row.body, OTHER));
}

static void test_an_old_number_that_takes_no_messages_is_called(void **state)
{
	struct km_spending site;
	struct km_msg m;

	(void)state;
	has_phone("hanako", KM_FACTOR_VOICE, LANDLINE);
	assert_int_equal(courier_hears().number, 0);
	has_phone("hanako", KM_FACTOR_VOICE, MOBILE);
	m = courier_hears();
	assert_int_equal(m.number, KM_MSG_ORDER);
	assert_int_equal(m.order.kind, KM_ORDER_CALL_NOTICE);
	assert_string_equal(m.order.number, LANDLINE);
	assert_int_equal(m.order.text.len, 0);
	assert_int_equal(m.order.keys, 0);
	assert_int_equal(m.order.lang, room.v->conf.language);
	assert_int_equal(courier_hears().number, 0);
	assert_non_null(strstr(scene_record(KM_EVENT_PHONE_CHANGED).body, "notice=notice-call"));
	/* It costs what a code costs. */
	assert_int_equal(challenge_site(room.v, CHALLENGE_SENT, &site), KM_OK);
	assert_int_equal(site.budget.in_day, 1);
	/* Heard, and nothing more is to be said of it. */
	courier_says(m.order.order, KM_ORDER_STATE_DELIVERED, 0);
	assert_int_equal(room.v->orders, 0);
	assert_int_equal(scene_records(KM_EVENT_CODE_NOT_SENT), 0);
}

static void test_a_notice_that_reaches_nobody_is_in_the_operators_trail(void **state)
{
	struct km_audit_row row;
	struct km_msg m;

	(void)state;
	has_phone("hanako", KM_FACTOR_VOICE, LANDLINE);
	has_phone("hanako", KM_FACTOR_VOICE, MOBILE);
	m = courier_hears();
	courier_says(m.order.order, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_NO_ANSWER);
	row = scene_record(KM_EVENT_CODE_NOT_SENT);
	assert_memory_equal(row.subject, scene_person("hanako").subject, KM_SUBJECT_BYTES);
	assert_non_null(strstr(row.body, "reason=no-answer"));
	assert_non_null(strstr(row.body, "order=notice-call"));
	assert_null(strstr(row.body, "312345678"));
	/* A message is no different; and it is not sent again. */
	has_phone("hanako", KM_FACTOR_SMS, MOBILE);
	has_phone("hanako", KM_FACTOR_SMS, OTHER);
	m = courier_hears();
	courier_says(m.order.order, KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT);
	row = scene_record(KM_EVENT_CODE_NOT_SENT);
	assert_non_null(strstr(row.body, "reason=cut-off"));
	assert_non_null(strstr(row.body, "order=notice"));
	assert_int_equal(courier_hears().number, 0);
}

/* What a number may get of codes is soon used up, by whoever can start a login, or has a desk. */
static void test_C19_no_code_keeps_a_notice_from_the_old_number(void **state)
{
	const struct {
		enum km_factor factor;
		enum km_order code, notice;
		const char *number;
	} ways[] = {
		{ KM_FACTOR_SMS, KM_ORDER_MESSAGE, KM_ORDER_NOTICE, MOBILE },
		{ KM_FACTOR_VOICE, KM_ORDER_SPOKEN, KM_ORDER_CALL_NOTICE, LANDLINE },
	};
	/* A message, too, and no notice of anything. */
	const struct order_wish test = { .kind = KM_ORDER_NOTICE,
					 .number = MOBILE,
					 .text = KM_TEXT_COURIER_TEST,
					 .seconds = 60 };
	struct km_secret digits KM_SECRET = { 0 };

	(void)state;
	room.v->conf.phone.number_hour = room.v->conf.phone.number_day = 1;
	assert_int_equal(km_secret_set(&digits, "123456", 6), KM_OK);
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		const struct order_wish code = { .kind = ways[i].code,
						 .number = ways[i].number,
						 .digits = &digits,
						 .seconds = 60 };
		struct km_msg m;

		has_phone("hanako", ways[i].factor, ways[i].number);
		assert_int_equal(orders_place(room.v, NULL, &code), KM_OK);
		assert_int_equal(orders_place(room.v, NULL, &code), KM_ELIMIT);
		vault_round(room.v, 0);
		assert_int_equal(courier_hears().order.kind, ways[i].code);
		has_phone("hanako", ways[i].factor, OTHER);
		m = courier_hears();
		assert_int_equal(m.number, KM_MSG_ORDER);
		assert_int_equal(m.order.kind, ways[i].notice);
		assert_string_equal(m.order.number, ways[i].number);
		assert_int_equal(courier_hears().number, 0); /* one */
		/* And it counts: nothing else is sent there by it. */
		assert_int_equal(orders_place(room.v, NULL, &code), KM_ELIMIT);
	}
	assert_int_equal(orders_place(room.v, NULL, &test), KM_ELIMIT);
	assert_int_equal(scene_records(KM_EVENT_CODE_NOT_SENT), 0);
}

static void
test_beyond_the_site_s_budget_no_notice_is_sent_and_the_number_changes_all_the_same(void **state)
{
	(void)state;
	room.v->conf.phone.site_hour = 1;
	has_phone("hanako", KM_FACTOR_VOICE, LANDLINE);
	has_phone("hanako", KM_FACTOR_VOICE, MOBILE);
	assert_int_equal(courier_hears().number, KM_MSG_ORDER);
	has_phone("hanako", KM_FACTOR_VOICE, OTHER);
	assert_int_equal(courier_hears().number, 0);
	assert_string_equal(number_of("hanako", KM_FACTOR_VOICE), OTHER);
	assert_non_null(strstr(scene_record(KM_EVENT_CODE_NOT_SENT).body,
			       "reason=too-many-sent order=notice-call"));
}

static void test_C20_an_old_number_that_is_barred_by_now_is_told_nothing(void **state)
{
	(void)state;
	has_phone("hanako", KM_FACTOR_VOICE, LANDLINE);
	snprintf(room.v->conf.phone.barred, sizeof room.v->conf.phone.barred, "%s", "+813");
	has_phone("hanako", KM_FACTOR_VOICE, MOBILE);
	assert_int_equal(courier_hears().number, 0);
	assert_string_equal(number_of("hanako", KM_FACTOR_VOICE), MOBILE);
	assert_non_null(strstr(scene_record(KM_EVENT_CODE_NOT_SENT).body,
			       "reason=number-not-allowed order=notice-call"));
}

static void test_without_a_way_the_old_number_is_told_nothing_and_the_trail_says_so(void **state)
{
	(void)state;
	has_phone("hanako", KM_FACTOR_SMS, MOBILE);
	close(courier_end);
	courier_end = -1;
	vault_round(room.v, 0);
	has_phone("hanako", KM_FACTOR_SMS, OTHER);
	assert_string_equal(number_of("hanako", KM_FACTOR_SMS), OTHER);
	assert_non_null(strstr(scene_record(KM_EVENT_PHONE_CHANGED).body, "notice=none"));
}

/* Somebody takes the number of this kind away; what the courier hears then. */
static struct km_msg takes_away(enum km_factor factor)
{
	struct km_credential c;
	struct km_msg away;

	assert_int_equal(store_phone_of(room.v->store, scene_person("hanako").subject, factor, &c),
			 KM_OK);
	away = scene_msg_remove("hanako", c.id);
	assert_int_equal(scene_rc("rei", &away), KM_OK);
	return courier_hears();
}

/* To take a number away and enrol another one would be a change that nobody hears of. */
static void test_a_number_that_is_taken_away_is_told_so(void **state)
{
	struct km_msg m;

	(void)state;
	has_phone("hanako", KM_FACTOR_SMS, MOBILE);
	m = takes_away(KM_FACTOR_SMS);
	assert_int_equal(m.number, KM_MSG_ORDER);
	assert_int_equal(m.order.kind, KM_ORDER_NOTICE);
	assert_string_equal(m.order.number, MOBILE);
	assert_memory_equal(m.order.text.bytes, km_text(KM_TEXT_NOTICE_GONE, room.v->conf.language),
			    m.order.text.len);
	has_phone("hanako", KM_FACTOR_SMS, OTHER);
	assert_int_equal(courier_hears().number, 0);
}

static void test_a_landline_that_is_taken_away_is_called(void **state)
{
	struct km_msg m;

	(void)state;
	has_phone("hanako", KM_FACTOR_SMS, MOBILE);
	has_phone("hanako", KM_FACTOR_VOICE, LANDLINE);
	m = takes_away(KM_FACTOR_VOICE);
	assert_int_equal(m.number, KM_MSG_ORDER);
	assert_int_equal(m.order.kind, KM_ORDER_CALL_NOTICE);
	assert_string_equal(m.order.number, LANDLINE);
	assert_int_equal(m.order.text.len, 0);
	assert_int_equal(courier_hears().number, 0);
	/* Where it reaches nobody, the trail has that. */
	courier_says(m.order.order, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_BUSY);
	assert_non_null(strstr(scene_record(KM_EVENT_CODE_NOT_SENT).body, "order=notice-call"));
}

static void test_one_that_never_was_good_is_told_nothing_when_it_goes(void **state)
{
	const struct km_msg asked = msg_phone("hanako", KM_FACTOR_SMS, MOBILE, false);
	struct km_credential list[KM_MAX_CREDENTIALS];
	struct km_msg away = { 0 };
	size_t count = 0;

	(void)state;
	(void)scene_files(&asked);
	assert_int_equal(
	    store_credentials(room.v->store, scene_person("hanako").subject, list, &count), KM_OK);
	for (size_t i = 0; i < count; i++)
		if (list[i].factor == KM_FACTOR_SMS)
			away = scene_msg_remove("hanako", list[i].id);
	assert_int_equal(away.number, KM_MSG_CREDENTIAL_REMOVE);
	assert_int_equal(scene_rc("rei", &away), KM_OK);
	assert_int_equal(courier_hears().number, 0);
}

static void test_what_is_undone_within_a_round_is_told_to_nobody(void **state)
{
	const struct order_wish wish = { .kind = KM_ORDER_NOTICE,
					 .number = MOBILE,
					 .text = KM_TEXT_NOTICE_CHANGED,
					 .seconds = 60 };
	struct order_wish other = wish;
	struct km_msg m;
	uint64_t mark;

	(void)state;
	other.number = OTHER;
	assert_int_equal(orders_place(room.v, NULL, &other), KM_OK);
	mark = orders_mark(room.v);
	assert_int_equal(orders_place(room.v, NULL, &wish), KM_OK);
	assert_int_equal(orders_place(room.v, NULL, &wish), KM_OK);
	orders_undo_since(room.v, mark);
	assert_int_equal(room.v->orders, 1);
	orders_undo_since(room.v, mark); /* nothing is left to be undone */
	vault_round(room.v, 0);
	m = courier_hears();
	assert_string_equal(m.order.number, OTHER);
	assert_int_equal(courier_hears().number, 0);
	/* What has left is not called back. */
	orders_undo_since(room.v, 0);
	assert_int_equal(room.v->orders, 1);
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

/* A login with the code of a token; what its client is sent, in order. */
static void log_in(const char *login, struct km_msg got[2])
{
	struct km_msg m = { .number = KM_MSG_CHECK };
	int client = opens(KM_REQUEST_AUTHENTICATE, login, 4711);
	char code[16];

	assert_int_equal(hears().number, KM_MSG_PLAN);
	m.session = room.session;
	scene_code(login, code);
	assert_int_equal(km_secret_set(&m.check.secret, code, strlen(code)), KM_OK);
	judge_says(&m, -1);
	m = hears();
	assert_int_equal(m.verdict.verdict, KM_VERDICT_ALLOW);
	memset(got, 0, 2 * sizeof got[0]);
	for (size_t i = 0; i < 2; i++)
		if (hear(client, KM_PHASE_TALK, &got[i], NULL) != KM_OK)
			got[i].number = 0;
	close(client);
}

static void test_a_changed_number_is_said_at_the_next_login_and_at_no_other(void **state)
{
	struct km_msg got[2];

	(void)state;
	has_phone("hanako", KM_FACTOR_SMS, MOBILE);
	log_in("hanako", got);
	assert_int_equal(got[0].number, KM_MSG_RESULT);
	has_phone("hanako", KM_FACTOR_SMS, OTHER);
	log_in("hanako", got);
	assert_int_equal(got[0].number, KM_MSG_INFO);
	assert_string_equal(got[0].info.text,
			    km_text(KM_TEXT_PHONE_CHANGED, room.v->conf.language));
	assert_int_equal(got[1].number, KM_MSG_RESULT);
	assert_int_equal(got[1].result.verdict, KM_VERDICT_ALLOW);
	log_in("hanako", got);
	assert_int_equal(got[0].number, KM_MSG_RESULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AT_THE_DESK(test_the_old_number_is_told_that_another_took_its_place),
		AT_THE_DESK(test_an_old_number_that_takes_no_messages_is_called),
		AT_THE_DESK(test_a_notice_that_reaches_nobody_is_in_the_operators_trail),
		AT_THE_DESK(test_C19_no_code_keeps_a_notice_from_the_old_number),
		AT_THE_DESK(
		    test_beyond_the_site_s_budget_no_notice_is_sent_and_the_number_changes_all_the_same),
		AT_THE_DESK(test_C20_an_old_number_that_is_barred_by_now_is_told_nothing),
		AT_THE_DESK(
		    test_without_a_way_the_old_number_is_told_nothing_and_the_trail_says_so),
		AT_THE_DESK(test_a_number_that_is_taken_away_is_told_so),
		AT_THE_DESK(test_a_landline_that_is_taken_away_is_called),
		AT_THE_DESK(test_one_that_never_was_good_is_told_nothing_when_it_goes),
		AT_THE_DESK(test_what_is_undone_within_a_round_is_told_to_nobody),
		AT_THE_DESK(test_a_changed_number_is_said_at_the_next_login_and_at_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
