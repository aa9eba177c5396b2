/* Numbers at the desk: who enrols them, what is shown of them, what confirms them, who is told. */
#include "phone_scene.h"

/* --- by two persons ------------------------------------------------------------------------ */

static void test_a_number_is_good_once_a_second_person_agrees(void **state)
{
	const struct km_msg m = msg_phone("hanako", KM_FACTOR_SMS, "090-1234-5678", false);
	struct km_msg yes;
	uint64_t id;

	(void)state;
	id = scene_files(&m);
	assert_string_equal(number_of("hanako", KM_FACTOR_SMS), "");
	assert_true(scene_credential("hanako", KM_FACTOR_SMS).waiting);
	yes = scene_decision(id, true);
	assert_non_null(strstr(scene_row.request_row.text, "factor=sms"));
	assert_non_null(strstr(scene_row.request_row.text, "number=090-****-5678"));
	assert_null(strstr(scene_row.request_row.text, "confirmed"));
	assert_null(strstr(scene_row.request_row.text, "1234"));
	assert_int_equal(scene_rc("aki", &yes), KM_OK);
	assert_string_equal(number_of("hanako", KM_FACTOR_SMS), MOBILE);
	assert_non_null(strstr(scene_record(KM_EVENT_ENROLLED).body, "number=090-****-5678"));
	assert_non_null(
	    strstr(scene_record(KM_EVENT_CREDENTIAL_APPROVED).body, "number=090-****-5678"));
	assert_int_equal(scene_record(KM_EVENT_PHONE_CHANGED).event, 0);
	assert_int_equal(courier_hears().number, 0);
}

static void test_a_number_that_was_rejected_goes_and_the_good_one_stays(void **state)
{
	const struct km_msg m = msg_phone("hanako", KM_FACTOR_SMS, OTHER, false);
	struct km_msg no;

	(void)state;
	has_phone("hanako", KM_FACTOR_SMS, MOBILE);
	no = scene_decision(scene_files(&m), false);
	assert_int_equal(scene_rc("aki", &no), KM_OK);
	assert_string_equal(number_of("hanako", KM_FACTOR_SMS), MOBILE);
	assert_false(scene_credential("hanako", KM_FACTOR_SMS).waiting);
	assert_int_equal(courier_hears().number, 0);
}

static void test_nobody_agrees_to_a_number_but_the_one_that_was_shown(void **state)
{
	const struct km_msg m = msg_phone("hanako", KM_FACTOR_SMS, MOBILE, false);
	struct km_credential waits;
	struct km_secret other = { 0 };
	struct store_op step = { 0 };
	struct km_operator op;
	struct km_msg yes;

	(void)state;
	yes = scene_decision(scene_files(&m), true);
	/* Whoever holds the key to the database has put another one into the row. */
	op = scene_person("hanako");
	waits = scene_credential("hanako", KM_FACTOR_SMS);
	assert_int_equal(km_secret_set(&other, OTHER, strlen(OTHER)), KM_OK);
	room.v->now.wall = waits.created; /* which the row keeps, and its MAC holds */
	store_set_now(room.v->store, &room.v->now);
	assert_int_equal(store_op_begin(&step, room.v->store, false), KM_OK);
	assert_int_equal(credential_seal(room.v->store, &op, &waits, &other, waits.id), KM_OK);
	assert_int_equal(store_op_done(&step), KM_OK);
	store_op_end(&step);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	rows_forget(room.v->store);
	assert_int_equal(scene_rc("aki", &yes), KM_ESTATE);
	assert_string_equal(number_of("hanako", KM_FACTOR_SMS), "");
}

static void test_C20_numbers_that_the_site_does_not_allow_are_refused_and_said_so(void **state)
{
	static const struct {
		const char *number, *why;
	} bad[] = { { "+44 20 7946 0123", "prefixes" },   { "0990-123-456", "barred" },
		    { "0120-123-456", "barred" },         { "090-1234-567", "missing" },
		    { "090-1234-56789", "too many" },     { "9012345678", "begins" },
		    { "090-1234-567x", "belongs to no" }, { "", "no number" },
		    { "$(reboot)", "belongs to no" } };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct msg_done done =
		    scene_does("rei", msg_phone("hanako", KM_FACTOR_SMS, bad[i].number, true));

		assert_int_equal(-(int)done.rc, KM_EINVAL);
		if (!strstr(done.text, bad[i].why))
			fail_msg("\"%s\": %s", bad[i].number, done.text);
	}
	assert_int_equal(
	    -(int)scene_does("rei", msg_phone("hanako", KM_FACTOR_TOTP, MOBILE, false)).rc,
	    KM_EINVAL);
	assert_int_equal(
	    -(int)scene_does("rei", msg_phone("nobody", KM_FACTOR_SMS, MOBILE, true)).rc,
	    KM_ENOTFOUND);
	assert_int_equal(scene_waiting(), 0);
	assert_int_equal(courier_hears().number, 0);
}

static void test_the_same_number_once_more_changes_nothing(void **state)
{
	struct msg_done done;

	(void)state;
	has_phone("hanako", KM_FACTOR_SMS, MOBILE);
	done = scene_does("rei", msg_phone("hanako", KM_FACTOR_SMS, "（090）1234-5678", true));
	assert_int_equal(-(int)done.rc, KM_EEXIST);
	assert_int_equal(courier_hears().number, 0);
	/* A telephone of the other kind may be the same; and a colleague's. */
	has_phone("hanako", KM_FACTOR_VOICE, MOBILE);
	has_phone("rei", KM_FACTOR_SMS, MOBILE);
}

/* --- confirmed by a code ---------------------------------------------------------------------- */

static void test_a_code_that_was_sent_to_the_number_confirms_it(void **state)
{
	int line = line_of("rei");
	struct km_msg m = says(line, "rei", msg_phone("hanako", KM_FACTOR_SMS, MOBILE, true)),
		      order;
	char code[16];

	(void)state;
	assert_int_equal(m.number, 0);
	order = courier_hears();
	assert_int_equal(order.number, KM_MSG_ORDER);
	assert_int_equal(order.order.kind, KM_ORDER_MESSAGE);
	assert_string_equal(order.order.number, MOBILE);
	assert_true(order.order.until > room.v->now.boot_ms);
	code_in(&order.order.text, code);
	assert_int_equal(strlen(code), 6);
	courier_says(order.order.order, KM_ORDER_STATE_QUEUED, 0);
	m = next_on(line);
	assert_int_equal(m.order_row.state, KM_ORDER_STATE_QUEUED);
	assert_int_equal(next_on(line).number, 0);
	courier_says(order.order.order, KM_ORDER_STATE_SENT, 0);
	m = next_on(line);
	assert_int_equal(m.order_row.state, KM_ORDER_STATE_SENT);
	m = next_on(line);
	assert_int_equal(m.number, KM_MSG_PROMPT);
	assert_string_equal(m.prompt.text, km_text(KM_TEXT_PROMPT_NUMBER, KM_LANG_EN));
	assert_int_equal(scene_credential("hanako", KM_FACTOR_SMS).id, 0);
	m = types(line, code);
	assert_int_equal(-(int)m.done.rc, KM_EFILED);
	assert_non_null(strstr(scene_look(m.done.id).request_row.text, "confirmed=yes"));
	assert_non_null(strstr(scene_record(KM_EVENT_ENROLLED).body, "confirmed=yes"));
	close(line);
}

static void
test_what_becomes_of_the_message_afterwards_is_shown_and_asks_nothing_twice(void **state)
{
	int line = line_of("rei");
	struct km_msg m = says(line, "rei", msg_phone("hanako", KM_FACTOR_SMS, MOBILE, true));
	struct km_msg order = courier_hears();
	char code[16];

	(void)state;
	courier_says(order.order.order, KM_ORDER_STATE_SENT, 0);
	assert_int_equal(next_on(line).number, KM_MSG_ORDER_ROW);
	assert_int_equal(next_on(line).number, KM_MSG_PROMPT);
	courier_says(order.order.order, KM_ORDER_STATE_DELIVERED, 0);
	m = next_on(line);
	assert_int_equal(m.order_row.state, KM_ORDER_STATE_DELIVERED);
	assert_int_equal(next_on(line).number, 0);
	code_in(&order.order.text, code);
	m = types(line, code);
	assert_int_equal(-(int)m.done.rc, KM_EFILED);
	close(line);
}

static void test_a_call_reads_the_code_and_it_is_asked_for_once_it_is_answered(void **state)
{
	int line = line_of("rei");
	struct km_msg m = says(line, "rei", msg_phone("hanako", KM_FACTOR_VOICE, LANDLINE, true));
	struct km_msg order = courier_hears();
	char code[16] = "";

	(void)state;
	assert_int_equal(order.order.kind, KM_ORDER_SPOKEN);
	assert_string_equal(order.order.number, LANDLINE);
	assert_int_equal(order.order.text.len, 6);
	memcpy(code, order.order.text.bytes, 6);
	courier_says(order.order.order, KM_ORDER_STATE_RINGING, 0);
	assert_int_equal(next_on(line).number, KM_MSG_ORDER_ROW);
	assert_int_equal(next_on(line).number, 0);
	courier_says(order.order.order, KM_ORDER_STATE_ANSWERED, 0);
	assert_int_equal(next_on(line).number, KM_MSG_ORDER_ROW);
	assert_int_equal(next_on(line).number, KM_MSG_PROMPT);
	m = types(line, code);
	assert_int_equal(-(int)m.done.rc, KM_EFILED);
	close(line);
}

/* Up to the prompt; the code of it. */
static void sent_to(int line, const char *login, char code[16], uint64_t *id)
{
	struct km_msg order;

	assert_int_equal(says(line, "rei", msg_phone(login, KM_FACTOR_SMS, MOBILE, true)).number,
			 0);
	order = courier_hears();
	code_in(&order.order.text, code);
	*id = order.order.order;
	courier_says(*id, KM_ORDER_STATE_SENT, 0);
	assert_int_equal(next_on(line).number, KM_MSG_ORDER_ROW);
	assert_int_equal(next_on(line).number, KM_MSG_PROMPT);
}

static void test_three_wrong_codes_store_nothing(void **state)
{
	int line = line_of("rei");
	char code[16], wrong[16];
	struct km_msg m;
	uint64_t id;

	(void)state;
	sent_to(line, "hanako", code, &id);
	memcpy(wrong, code, sizeof wrong);
	wrong[5] = (char)(code[5] == '9' ? '0' : code[5] + 1);
	assert_int_equal(types(line, wrong).number, KM_MSG_PROMPT);
	assert_int_equal(types(line, "1234567").number, KM_MSG_PROMPT);
	m = types(line, wrong);
	assert_int_equal(-(int)m.done.rc, KM_EBADCODE);
	assert_int_equal(scene_credential("hanako", KM_FACTOR_SMS).id, 0);
	assert_int_equal(scene_waiting(), 0);
	assert_int_equal(courier_hears().number, KM_MSG_CANCEL); /* nobody waits for it any more */
	close(line);
}

static void test_a_code_that_came_too_late_stores_nothing(void **state)
{
	int line = line_of("rei");
	char code[16];
	struct km_msg m;
	uint64_t id;

	(void)state;
	sent_to(line, "hanako", code, &id);
	for (size_t i = 0; i < VAULT_LINES; i++)
		if (room.v->line[i].pending)
			room.v->line[i].pending->phone.until_ms = room.v->now.boot_ms - 1;
	m = types(line, code);
	assert_int_equal(-(int)m.done.rc, KM_ETIMEOUT);
	assert_int_equal(scene_credential("hanako", KM_FACTOR_SMS).id, 0);
	close(line);
}

static void test_a_message_that_failed_says_why_and_stores_nothing(void **state)
{
	static const struct {
		unsigned factor, state, why;
		km_rc rc;
		enum km_text text;
	} ends[] = {
		{ KM_FACTOR_SMS, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_NO_NUMBER, KM_ENOTSENT,
		  KM_TEXT_ORDER_NO_NUMBER },
		{ KM_FACTOR_SMS, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_TLS, KM_ENOTSENT,
		  KM_TEXT_ORDER_GATEWAY },
		{ KM_FACTOR_VOICE, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_BUSY, KM_ENOTSENT,
		  KM_TEXT_ORDER_BUSY },
		{ KM_FACTOR_VOICE, KM_ORDER_STATE_NOT_ME, 0, KM_EABORTED, KM_TEXT_ORDER_NOT_ME },
	};

	(void)state;
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		int line = line_of("rei");
		struct km_msg m =
		    says(line, "rei", msg_phone("hanako", ends[i].factor, MOBILE, true));
		struct km_msg order = courier_hears();

		assert_int_equal(m.number, 0);
		courier_says(order.order.order, ends[i].state, ends[i].why);
		m = next_on(line);
		assert_int_equal(m.order_row.state, ends[i].state);
		assert_int_equal(m.order_row.why, ends[i].why);
		m = next_on(line);
		assert_int_equal(m.number, KM_MSG_DONE);
		assert_int_equal(-(int)m.done.rc, ends[i].rc);
		assert_string_equal(m.done.text, km_text(ends[i].text, KM_LANG_EN));
		assert_int_equal(scene_credential("hanako", ends[i].factor).id, 0);
		close(line);
		vault_round(room.v, 0);
	}
}

static void test_where_nothing_can_be_sent_nothing_is_enrolled_with_a_code(void **state)
{
	struct msg_done done;

	(void)state;
	close(courier_end);
	courier_end = -1;
	vault_round(room.v, 0);
	done = scene_does("rei", msg_phone("hanako", KM_FACTOR_SMS, MOBILE, true));
	assert_int_equal(-(int)done.rc, KM_EUNAVAIL);
	assert_non_null(strstr(done.text, "courier status"));
	courier_comes(KM_GATEWAY_NONE, true);
	done = scene_does("rei", msg_phone("hanako", KM_FACTOR_SMS, MOBILE, true));
	assert_int_equal(-(int)done.rc, KM_EUNAVAIL);
	/* Without a code it is, on the second person's word. */
	has_phone("hanako", KM_FACTOR_SMS, MOBILE);
}

static void test_a_courier_that_ends_before_it_said_anything_ends_the_enrolment(void **state)
{
	int line = line_of("rei");
	struct km_msg m = says(line, "rei", msg_phone("hanako", KM_FACTOR_SMS, MOBILE, true));

	(void)state;
	assert_int_equal(courier_hears().number, KM_MSG_ORDER);
	close(courier_end);
	courier_end = -1;
	vault_round(room.v, 0);
	vault_round(room.v, 0);
	m = next_on(line);
	assert_int_equal(m.number, KM_MSG_ORDER_ROW);
	m = next_on(line);
	/* Whether it left is not known: somebody may have it. */
	if (m.number == KM_MSG_DONE)
		assert_int_equal(-(int)m.done.rc, KM_ENOTSENT);
	else
		assert_int_equal(m.number, KM_MSG_PROMPT);
	assert_int_equal(scene_credential("hanako", KM_FACTOR_SMS).id, 0);
	close(line);
}

static void test_a_desk_that_goes_takes_its_order_back(void **state)
{
	int line = line_of("rei");
	struct km_msg order;

	(void)state;
	assert_int_equal(says(line, "rei", msg_phone("hanako", KM_FACTOR_SMS, MOBILE, true)).number,
			 0);
	order = courier_hears();
	close(line);
	vault_round(room.v, 0);
	vault_round(room.v, 0);
	assert_int_equal(courier_hears().cancel.order, order.order.order);
	/* What comes of it meanwhile is nobody's. */
	courier_says(order.order.order, KM_ORDER_STATE_SENT, 0);
	assert_true(orders_ready(room.v));
}

/* --- what is shown -------------------------------------------------------------------------------
 */

/* Rows of telephones of an operation. */
static size_t rows_of_phones(int line, const char *login, struct km_msg m, char number[24])
{
	size_t rows = 0;

	m = says(line, login, m);
	for (; m.number != KM_MSG_DONE; m = next_on(line)) {
		if (m.number == KM_MSG_CREDENTIAL_ROW &&
		    km_factor_class(m.credential_row.factor) == KM_CLASS_PHONE) {
			memcpy(number, m.credential_row.number, 24);
			rows++;
		}
		assert_int_not_equal(m.number, 0);
	}
	assert_int_equal(m.done.rc, 0);
	return rows;
}

static void test_listings_show_stars_and_the_persons_own_export_all_of_it(void **state)
{
	struct km_msg list = { .number = KM_MSG_CREDENTIAL_LIST };
	struct km_msg export = { .number = KM_MSG_EXPORT };
	char number[24] = "";
	int line = line_of("rei");

	(void)state;
	has_phone("hanako", KM_FACTOR_SMS, MOBILE);
	snprintf(list.credential_list.login, 65, "hanako");
	assert_int_equal(rows_of_phones(line, "rei", list, number), 1);
	assert_string_equal(number, "090-****-5678");
	snprintf(export.data_export.login, 65, "hanako");
	assert_int_equal(rows_of_phones(line, "rei", export, number), 1);
	assert_string_equal(number, MOBILE);
	assert_non_null(strstr(scene_record(KM_EVENT_DATA_SHOWN).body, "to=other"));
	close(line);
	/* And whose it is, by themselves: stars where it is listed, all of it where it is theirs to
	 * keep. */
	line = line_of("hanako");
	memset(number, 0, sizeof number);
	assert_int_equal(rows_of_phones(line, "hanako", list, number), 1);
	assert_string_equal(number, "090-****-5678");
	assert_int_equal(rows_of_phones(line, "hanako", export, number), 1);
	assert_string_equal(number, MOBILE);
	assert_null(strstr(scene_record(KM_EVENT_DATA_SHOWN).body, "to=other"));
	close(line);
}

static void test_a_number_of_the_register_is_no_factor(void **state)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_CHANGE };
	struct km_msg yes;
	struct km_person who;
	struct km_operator op;

	(void)state;
	snprintf(m.operator_change.login, 65, "hanako");
	m.operator_change.mask = KM_CHANGE_MOBILE | KM_CHANGE_LANDLINE;
	snprintf(m.operator_change.mobile, 33, "09012345678");
	snprintf(m.operator_change.landline, 33, "0312345678");
	yes = scene_decision(scene_files(&m), true);
	assert_int_equal(scene_rc("aki", &yes), KM_OK);
	op = scene_person("hanako");
	assert_int_equal(store_person(room.v->store, &op, &who), KM_OK);
	assert_string_equal(who.mobile, "09012345678");
	assert_string_equal(number_of("hanako", KM_FACTOR_SMS), "");
	assert_string_equal(number_of("hanako", KM_FACTOR_VOICE), "");
	/* Nor does a number that is enrolled change what the register says, or the other way round.
	 */
	has_phone("hanako", KM_FACTOR_SMS, OTHER);
	op = scene_person("hanako");
	assert_int_equal(store_person(room.v->store, &op, &who), KM_OK);
	assert_string_equal(who.mobile, "09012345678");
	assert_string_equal(number_of("hanako", KM_FACTOR_SMS), OTHER);
}

static void test_a_code_that_must_be_sent_is_no_code_of_an_administrator(void **state)
{
	struct km_credential list[KM_MAX_CREDENTIALS];
	struct km_operator op = scene_add("nagi", KM_ROLE_OPERATOR, false);
	struct call c = { .v = room.v };
	size_t count = 0;
	bool has = true;

	(void)state;
	has_phone("nagi", KM_FACTOR_SMS, MOBILE);
	assert_int_equal(store_credentials(room.v->store, op.subject, list, &count), KM_OK);
	assert_int_equal(count, 1);
	assert_int_equal(desk_has_code(&c, list, count, 0, &has), KM_OK);
	assert_false(has);
}

static void test_a_removed_number_is_gone(void **state)
{
	struct km_msg m;

	(void)state;
	has_phone("hanako", KM_FACTOR_SMS, MOBILE);
	m = scene_msg_remove("hanako", scene_credential("hanako", KM_FACTOR_SMS).id);
	assert_int_equal(scene_rc("rei", &m), KM_OK);
	assert_string_equal(number_of("hanako", KM_FACTOR_SMS), "");
	assert_non_null(strstr(scene_record(KM_EVENT_CREDENTIAL_REMOVED).body, "factor=sms"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AT_THE_DESK(test_a_number_is_good_once_a_second_person_agrees),
		AT_THE_DESK(test_a_number_that_was_rejected_goes_and_the_good_one_stays),
		AT_THE_DESK(test_nobody_agrees_to_a_number_but_the_one_that_was_shown),
		AT_THE_DESK(test_C20_numbers_that_the_site_does_not_allow_are_refused_and_said_so),
		AT_THE_DESK(test_the_same_number_once_more_changes_nothing),
		AT_THE_DESK(test_a_code_that_was_sent_to_the_number_confirms_it),
		AT_THE_DESK(
		    test_what_becomes_of_the_message_afterwards_is_shown_and_asks_nothing_twice),
		AT_THE_DESK(test_a_call_reads_the_code_and_it_is_asked_for_once_it_is_answered),
		AT_THE_DESK(test_three_wrong_codes_store_nothing),
		AT_THE_DESK(test_a_code_that_came_too_late_stores_nothing),
		AT_THE_DESK(test_a_message_that_failed_says_why_and_stores_nothing),
		AT_THE_DESK(test_where_nothing_can_be_sent_nothing_is_enrolled_with_a_code),
		AT_THE_DESK(test_a_courier_that_ends_before_it_said_anything_ends_the_enrolment),
		AT_THE_DESK(test_a_desk_that_goes_takes_its_order_back),
		AT_THE_DESK(test_listings_show_stars_and_the_persons_own_export_all_of_it),
		AT_THE_DESK(test_a_number_of_the_register_is_no_factor),
		AT_THE_DESK(test_a_code_that_must_be_sent_is_no_code_of_an_administrator),
		AT_THE_DESK(test_a_removed_number_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
