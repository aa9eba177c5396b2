/* Trying the courier, which two agree on, and how things stand with it. */
#include "clocks.h"
#include "phone_scene.h"

/* --- a test ------------------------------------------------------------------------------------
 */

/* Rei asks; what Aki approves it with. */
static struct km_msg approval_of(unsigned factor, const char *number)
{
	const struct km_msg m = msg_test(factor, number);

	return scene_decision(scene_files(&m), true);
}

static void test_a_test_leaves_when_a_second_person_agrees_and_says_that_it_is_one(void **state)
{
	struct km_msg yes = approval_of(KM_FACTOR_SMS, "090-1234-5678"), m, order;
	const char *text = km_text(KM_TEXT_COURIER_TEST, room.v->conf.language);
	int line = line_of("aki");

	(void)state;
	assert_non_null(strstr(scene_row.request_row.text, "factor=sms"));
	assert_non_null(strstr(scene_row.request_row.text, "number=" MOBILE));
	assert_int_equal(courier_hears().number, 0);
	m = says(line, "aki", yes);
	assert_int_equal(m.number, 0); /* it waits for what comes of it */
	order = courier_hears();
	assert_int_equal(order.number, KM_MSG_ORDER);
	assert_int_equal(order.order.kind, KM_ORDER_NOTICE);
	assert_string_equal(order.order.number, MOBILE);
	assert_int_equal(order.order.text.len, strlen(text));
	assert_memory_equal(order.order.text.bytes, text, strlen(text));
	courier_says(order.order.order, KM_ORDER_STATE_SENT, 0);
	assert_int_equal(next_on(line).order_row.state, KM_ORDER_STATE_SENT);
	assert_int_equal(next_on(line).number, 0);
	courier_says(order.order.order, KM_ORDER_STATE_DELIVERED, 0);
	assert_int_equal(next_on(line).order_row.state, KM_ORDER_STATE_DELIVERED);
	m = next_on(line);
	assert_int_equal(m.number, KM_MSG_DONE);
	assert_int_equal(m.done.rc, 0);
	assert_non_null(strstr(scene_record(KM_EVENT_COURIER_TESTED).body, "number=090-****-5678"));
	/* The line is there for the next. */
	assert_int_equal(
	    says(line, "aki", (struct km_msg){ .number = KM_MSG_COURIER_STATUS }).number,
	    KM_MSG_STATUS_ROW);
	close(line);
}

/* It need not be anybody's of the register: who agrees answers for whom the site is to call. */
static void test_who_approves_a_test_sees_the_number_whole_and_the_trail_does_not(void **state)
{
	static struct km_audit_row trail[400];
	struct km_msg yes = approval_of(KM_FACTOR_SMS, "080-8765-4321");
	int line = line_of("aki");
	size_t count = 0;

	(void)state;
	assert_non_null(strstr(scene_row.request_row.text, "number=" OTHER));
	assert_int_equal(says(line, "aki", yes).number, 0);
	assert_string_equal(courier_hears().order.number, OTHER);
	assert_int_equal(store_audit(room.v->store, 0, NULL, 400, trail, &count), KM_OK);
	assert_in_range(count, 1, 399);
	for (size_t i = 0; i < count; i++)
		assert_null(strstr(trail[i].body, &OTHER[strlen("+81")]));
	assert_non_null(strstr(scene_record(KM_EVENT_COURIER_TESTED).body, "number=080-****-4321"));
	close(line);
}

static void test_a_call_that_is_a_test_is_ordered_as_one_and_has_no_code(void **state)
{
	struct km_msg yes = approval_of(KM_FACTOR_VOICE, LANDLINE), order, m;
	int line = line_of("aki");

	(void)state;
	assert_int_equal(says(line, "aki", yes).number, 0);
	order = courier_hears();
	assert_int_equal(order.order.kind, KM_ORDER_CALL_TEST);
	assert_int_equal(order.order.text.len, 0);
	assert_int_equal(order.order.keys, 0);
	courier_says(order.order.order, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_BUSY);
	assert_int_equal(next_on(line).order_row.why, KM_ORDER_WHY_BUSY);
	m = next_on(line);
	assert_int_equal(-(int)m.done.rc, KM_ENOTSENT);
	assert_string_equal(m.done.text, km_text(KM_TEXT_ORDER_BUSY, KM_LANG_EN));
	close(line);
}

/* Nobody logs in: a courier that says that somebody pressed a key for a login lies. */
static void test_a_call_that_is_a_test_is_answered_and_no_more_comes_of_it(void **state)
{
	static const uint8_t lies[] = { KM_ORDER_STATE_KEYED, KM_ORDER_STATE_NOT_ME,
					KM_ORDER_STATE_TAKEN };
	struct km_msg yes = approval_of(KM_FACTOR_VOICE, LANDLINE), order;
	int line = line_of("aki");

	(void)state;
	assert_int_equal(says(line, "aki", yes).number, 0);
	order = courier_hears();
	courier_says(order.order.order, KM_ORDER_STATE_ANSWERED, 0);
	assert_int_equal(next_on(line).order_row.state, KM_ORDER_STATE_ANSWERED);
	courier_says(order.order.order, KM_ORDER_STATE_DELIVERED, 0);
	assert_int_equal(next_on(line).order_row.state, KM_ORDER_STATE_DELIVERED);
	assert_int_equal(next_on(line).done.rc, 0);
	close(line);
	for (size_t i = 0; i < sizeof lies; i++) {
		yes = approval_of(KM_FACTOR_VOICE, LANDLINE);
		line = line_of("aki");
		assert_int_equal(says(line, "aki", yes).number, 0);
		order = courier_hears();
		courier_says(order.order.order, lies[i], 0);
		assert_false(orders_ready(room.v));
		close(line);
		close(courier_end);
		courier_comes(KM_GATEWAY_HTTP, true);
	}
}

static void test_what_could_not_be_tested_is_not_filed(void **state)
{
	struct msg_done done = scene_does("rei", msg_test(KM_FACTOR_SMS, "+1 900 555 0123"));

	(void)state;
	assert_int_equal(-(int)done.rc, KM_EINVAL);
	assert_non_null(strstr(done.text, "prefixes"));
	done = scene_does("rei", msg_test(KM_FACTOR_VOICE, "0990-123-456"));
	assert_int_equal(-(int)done.rc, KM_EINVAL);
	assert_non_null(strstr(done.text, "barred"));
	assert_int_equal(-(int)scene_does("rei", msg_test(KM_FACTOR_TOTP, MOBILE)).rc, KM_EINVAL);
	assert_int_equal(-(int)scene_does("hanako", msg_test(KM_FACTOR_SMS, MOBILE)).rc, KM_EPERM);
	assert_int_equal(-(int)scene_does(NULL, msg_test(KM_FACTOR_SMS, MOBILE)).rc, KM_EPERM);
	assert_int_equal(scene_waiting(), 0);
	assert_int_equal(courier_hears().number, 0);
}

static void test_without_a_courier_a_test_is_not_done_and_can_be_asked_for_again(void **state)
{
	struct km_msg yes = approval_of(KM_FACTOR_SMS, MOBILE);
	struct msg_done done;

	(void)state;
	close(courier_end);
	courier_end = -1;
	vault_round(room.v, 0);
	done = scene_does("aki", yes);
	assert_int_equal(-(int)done.rc, KM_EUNAVAIL);
	assert_int_equal(scene_waiting(), 1); /* undone with all of it */
	assert_int_equal(scene_record(KM_EVENT_COURIER_TESTED).event, 0);
}

static void test_a_courier_that_ends_ends_the_test(void **state)
{
	struct km_msg yes = approval_of(KM_FACTOR_SMS, MOBILE), m;
	int line = line_of("aki");

	(void)state;
	assert_int_equal(says(line, "aki", yes).number, 0);
	assert_int_equal(courier_hears().number, KM_MSG_ORDER);
	close(courier_end);
	courier_end = -1;
	vault_round(room.v, 0);
	vault_round(room.v, 0);
	assert_int_equal(next_on(line).number, KM_MSG_ORDER_ROW);
	m = next_on(line);
	assert_int_equal(m.number, KM_MSG_DONE);
	assert_int_equal(-(int)m.done.rc, KM_ENOTSENT);
	close(line);
}

static void test_a_test_whose_round_is_lost_never_leaves(void **state)
{
	struct km_msg yes = approval_of(KM_FACTOR_SMS, MOBILE), m;
	int line = line_of("aki");
	char code[16];

	(void)state;
	desk_asks(line, &yes);
	assert_int_equal(yes.number, KM_MSG_PROMPT);
	scene_code("aki", code);
	m = (struct km_msg){ .number = KM_MSG_ANSWER };
	assert_int_equal(km_secret_set(&m.answer.secret, code, strlen(code)), KM_OK);
	assert_int_equal(km_send_msg(line, &m, -1, 0), KM_OK);
	store_give_up(room.v->store); /* as a full disk would */
	vault_round(room.v, 0);
	m = next_on(line);
	assert_int_equal(m.number, KM_MSG_DONE);
	assert_int_not_equal(m.done.rc, 0);
	assert_int_equal(courier_hears().number, 0);
	assert_int_equal(room.v->orders, 0);
	for (size_t i = 0; i < VAULT_LINES; i++)
		assert_false(room.v->line[i].testing);
	close(line);
}

/* --- how things stand ----------------------------------------------------------------------------
 */

static bool shows(struct km_msg m, const char *key, const char *part, bool alarm)
{
	int line = line_of("rei");
	bool found = false;

	m = says(line, "rei", m);
	for (; m.number == KM_MSG_STATUS_ROW; m = next_on(line))
		if (strcmp(m.status_row.key, key) == 0)
			found |= strstr(m.status_row.value, part) && m.status_row.alarm == alarm;
	assert_int_equal(m.number, KM_MSG_DONE);
	assert_int_equal(m.done.rc, 0);
	close(line);
	vault_round(room.v, 0);
	return found;
}

static bool status_shows(const char *key, const char *part, bool alarm)
{
	return shows((struct km_msg){ .number = KM_MSG_COURIER_STATUS }, key, part, alarm);
}

static bool house_shows(const char *key, const char *part, bool alarm)
{
	return shows((struct km_msg){ .number = KM_MSG_STATUS }, key, part, alarm);
}

static void a_service_asks_for(uint32_t factors)
{
	room.v->conf.login.factors =
	    (struct km_steps){ 1, { KM_FACTOR_BIT(KM_FACTOR_HOTP) | factors } };
}

static void test_the_status_says_what_can_be_sent_and_what_was(void **state)
{
	struct km_msg order;
	int line;

	(void)state;
	assert_true(status_shows("courier", "connected", false));
	assert_true(status_shows("messages", "HTTP", false));
	assert_true(status_shows("messages", "no service asks", false));
	assert_true(status_shows("calls", "SIP", false));
	assert_true(status_shows("calls-ask-for", "keyed in", false));
	assert_true(status_shows("prefixes", "+81", false));
	assert_true(status_shows("barred", "+81990 +81570", false));
	assert_true(status_shows("under-way", "0", false));
	assert_true(status_shows("sent-today", "0 of 2000", false));
	line = line_of("rei");
	assert_int_equal(says(line, "rei", msg_phone("hanako", KM_FACTOR_SMS, MOBILE, true)).number,
			 0);
	order = courier_hears();
	assert_int_equal(order.number, KM_MSG_ORDER);
	assert_true(status_shows("under-way", "1", false));
	assert_true(status_shows("sent-today", "1 of 2000", false));
	assert_true(status_shows("sent-this-hour", "1 of 300", false));
	close(line);
}

static void test_what_a_service_asks_for_and_cannot_be_sent_is_an_alarm(void **state)
{
	(void)state;
	a_service_asks_for(KM_FACTOR_BIT(KM_FACTOR_SMS));
	assert_true(status_shows("messages", "HTTP", false));
	assert_false(house_shows("courier", "", true));
	close(courier_end);
	courier_end = -1;
	vault_round(room.v, 0);
	assert_true(status_shows("courier", "not there", true));
	assert_true(status_shows("messages", "cannot be sent", true));
	assert_true(house_shows("courier", "not there", true));
	courier_comes(KM_GATEWAY_NONE, true);
	assert_true(status_shows("messages", "cannot be sent", true));
	assert_true(house_shows("courier", "no gateway", true));
	close(courier_end);
	vault_round(room.v, 0);
	courier_comes(KM_GATEWAY_SPOOL, false);
	assert_true(status_shows("messages", "smstools", false));
	a_service_asks_for(KM_FACTOR_BIT(KM_FACTOR_VOICE));
	assert_true(house_shows("courier", "cannot call", true));
	/* Where nobody asks for any, nothing is missing. */
	a_service_asks_for(0);
	close(courier_end);
	courier_end = -1;
	vault_round(room.v, 0);
	assert_true(status_shows("courier", "not there", false));
	assert_false(house_shows("courier", "", true));
}

static void test_a_call_for_the_hash_key_alone_is_named_below_the_standard(void **state)
{
	(void)state;
	room.v->conf.voice.mode = KM_VOICE_CONFIRM;
	assert_true(status_shows("calls-ask-for", "below NIST SP 800-63B-4", false));
	assert_false(house_shows("calls", "", false)); /* no service asks for calls */
	a_service_asks_for(KM_FACTOR_BIT(KM_FACTOR_VOICE));
	assert_true(house_shows("calls", "below NIST SP 800-63B-4", false));
	room.v->conf.voice.mode = KM_VOICE_SPOKEN;
	assert_false(house_shows("calls", "below", false));
}

static void test_C20_budgets_hold_for_a_desk_too(void **state)
{
	struct km_msg order;
	int line;

	(void)state;
	a_service_asks_for(KM_FACTOR_BIT(KM_FACTOR_SMS));
	room.v->conf.phone.number_hour = 2;
	for (unsigned i = 0; i < 2; i++) {
		line = line_of("rei");
		assert_int_equal(
		    says(line, "rei", msg_phone("hanako", KM_FACTOR_SMS, MOBILE, true)).number, 0);
		order = courier_hears();
		assert_int_equal(order.number, KM_MSG_ORDER);
		courier_says(order.order.order, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_REFUSED);
		close(line);
		vault_round(room.v, 0);
	}
	assert_int_equal(
	    -(int)scene_does("rei", msg_phone("hanako", KM_FACTOR_SMS, MOBILE, true)).rc,
	    KM_ELIMIT);
	assert_int_equal(courier_hears().number, 0);
	/* Another number has its own; all together have the site's. */
	room.v->conf.phone.site_hour = 3;
	line = line_of("rei");
	assert_int_equal(says(line, "rei", msg_phone("hanako", KM_FACTOR_SMS, OTHER, true)).number,
			 0);
	close(line);
	vault_round(room.v, 0);
	assert_int_equal(
	    -(int)scene_does("rei", msg_phone("hanako", KM_FACTOR_SMS, LANDLINE, true)).rc,
	    KM_ELIMIT);
	assert_true(status_shows("sent-this-hour", "3 of 3", true));
}

/* Rei has a number tried: a code to it leaves, or is refused for what was sent before. */
static bool a_code_goes_to(const char *number)
{
	int line = line_of("rei");
	struct km_msg m = says(line, "rei", msg_phone("hanako", KM_FACTOR_SMS, number, true));
	struct km_msg order = courier_hears();
	bool goes = order.number == KM_MSG_ORDER;

	assert_int_equal(m.number, goes ? 0 : KM_MSG_DONE);
	if (goes)
		courier_says(order.order.order, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_REFUSED);
	else
		assert_int_equal(-(int)m.done.rc, KM_ELIMIT);
	close(line);
	vault_round(room.v, 0);
	return goes;
}

static unsigned codes_of_ten(const char *number)
{
	unsigned gone = 0;

	for (unsigned n = 0; n < 10; n++)
		gone += a_code_goes_to(number);
	return gone;
}

/* The vault is started again, on the same folder, and its courier with it. */
static void vault_again(void)
{
	const struct km_conf conf = room.v->conf;

	close(courier_end);
	room_stop();
	assert_int_equal(room_start(), 0);
	room.v->conf = conf;
	courier_comes(KM_GATEWAY_HTTP, true);
}

static int clocks_go_on_and_all_end(void **state)
{
	clocks_go_on();
	return phone_close(state);
}

static void test_C20_each_limit_holds_for_a_desk_by_itself_and_survives_a_restart(void **state)
{
	static const struct {
		unsigned number_hour, number_day, site_hour, site_day;
		bool by_day, of_site;
	} rows[] = {
		{ 3, 100, 100, 100, false, false },
		{ 100, 3, 100, 100, true, false },
		{ 100, 100, 3, 100, false, true },
		{ 100, 100, 100, 3, true, true },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (i > 0)
			(void)phone_close(state);
		clocks_stop();
		assert_int_equal(phone_open(state), 0);
		room.v->conf.phone.number_hour = rows[i].number_hour;
		room.v->conf.phone.number_day = rows[i].number_day;
		room.v->conf.phone.site_hour = rows[i].site_hour;
		room.v->conf.phone.site_day = rows[i].site_day;
		assert_int_equal(codes_of_ten(MOBILE), 3);
		vault_again();
		assert_int_equal(codes_of_ten(MOBILE), 0);
		assert_int_equal(a_code_goes_to(OTHER), !rows[i].of_site);
		clocks.moved_ms += BUDGET_HOUR * 1000;
		assert_int_equal(a_code_goes_to(MOBILE), !rows[i].by_day);
		clocks.moved_ms += BUDGET_DAY * 1000;
		assert_true(a_code_goes_to(MOBILE));
	}
}

static void test_C20_more_codes_than_logins_explain_are_an_alarm(void **state)
{
	struct km_msg order;

	(void)state;
	a_service_asks_for(KM_FACTOR_BIT(KM_FACTOR_SMS));
	room.v->conf.phone.number_hour = room.v->conf.phone.number_day = 100;
	for (unsigned i = 0; i < 21; i++) {
		int line = line_of("rei");

		assert_false(status_shows("logins-today", "more than", true));
		assert_int_equal(
		    says(line, "rei", msg_phone("hanako", KM_FACTOR_SMS, MOBILE, true)).number, 0);
		order = courier_hears();
		assert_int_equal(order.number, KM_MSG_ORDER);
		courier_says(order.order.order, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_REFUSED);
		close(line);
		vault_round(room.v, 0);
	}
	assert_true(status_shows("logins-today", "more than logins explain", true));
	assert_true(house_shows("codes-sent", "21 today for 0 logins", true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AT_THE_DESK(test_a_test_leaves_when_a_second_person_agrees_and_says_that_it_is_one),
		AT_THE_DESK(test_who_approves_a_test_sees_the_number_whole_and_the_trail_does_not),
		AT_THE_DESK(test_a_call_that_is_a_test_is_ordered_as_one_and_has_no_code),
		AT_THE_DESK(test_a_call_that_is_a_test_is_answered_and_no_more_comes_of_it),
		AT_THE_DESK(test_what_could_not_be_tested_is_not_filed),
		AT_THE_DESK(test_without_a_courier_a_test_is_not_done_and_can_be_asked_for_again),
		AT_THE_DESK(test_a_courier_that_ends_ends_the_test),
		AT_THE_DESK(test_a_test_whose_round_is_lost_never_leaves),
		AT_THE_DESK(test_the_status_says_what_can_be_sent_and_what_was),
		AT_THE_DESK(test_what_a_service_asks_for_and_cannot_be_sent_is_an_alarm),
		AT_THE_DESK(test_a_call_for_the_hash_key_alone_is_named_below_the_standard),
		AT_THE_DESK(test_C20_budgets_hold_for_a_desk_too),
		cmocka_unit_test_teardown(
		    test_C20_each_limit_holds_for_a_desk_by_itself_and_survives_a_restart,
		    clocks_go_on_and_all_end),
		AT_THE_DESK(test_C20_more_codes_than_logins_explain_are_an_alarm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
