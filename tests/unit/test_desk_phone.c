/* Telephones at the desk: numbers that are enrolled, tests of the courier, and what is said of
 * both. */
#include <ctype.h>

#include <kenmon/order.h>

#include "desk_scene.h"
#include "../../enroll/commands.h"

#define NUMBER         "090-1234-5678"
#define ENROLL(s, ...) KENMON(s, W("enroll"), W("phone"), W("sato"), ##__VA_ARGS__)
#define GIVEN(s, ...)  ENROLL(s, W("--number"), W(NUMBER), ##__VA_ARGS__)
#define TEST(s, ...)   KENMON(s, W("courier"), W("test"), W("--number"), W(NUMBER), ##__VA_ARGS__)

#define ROW(name)                                                                                  \
	{                                                                                          \
		.state = KM_ORDER_STATE_##name                                                     \
	}
#define WHY(name, why_)                                                                            \
	{                                                                                          \
		.state = KM_ORDER_STATE_##name, .why = KM_ORDER_WHY_##why_                         \
	}
#define NO_MORE                                                                                    \
	{                                                                                          \
		0                                                                                  \
	}
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct msg_order_row sent[] = { ROW(QUEUED), ROW(SENT), NO_MORE };
static const struct msg_order_row arrives[] = { ROW(QUEUED), ROW(SENT), ROW(DELIVERED), NO_MORE };
static const struct msg_credential_row phone_and_code[] = {
	{ .id = 7, .factor = KM_FACTOR_SMS, .number = "090-****-5678", .label = "work" },
	{ .id = 3, .factor = KM_FACTOR_TOTP, .label = "app" },
	{ 0 }
};

static unsigned times(const char *text, const char *part)
{
	unsigned n = 0;

	while ((text = strstr(text, part))) {
		n++;
		text += strlen(part);
	}
	return n;
}

static void assert_before(const char *text, const char *first, const char *second)
{
	const char *a = strstr(text, first), *b = strstr(text, second);

	if (!a || !b || a > b)
		fail_msg("\"%s\" does not stand before \"%s\" in: %s", first, second, text);
}

/* --- the number ----------------------------------------------------------------- */

static void test_a_number_goes_to_the_vault_as_it_was_typed(void **state)
{
	struct play p = { .prompt = true, .orders = sent, .credentials = phone_and_code };
	struct scene s;

	(void)state;
	begin(&s, &p, "123456\n");
	assert_int_equal(GIVEN(&s, W("--label"), W("work")), 0);
	assert_says(s.out, "login sato factor 6 number <090-1234-5678> label <work> confirm 1\n");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(
	    ENROLL(&s, W("--number"), W("+44 20 7946 0000"), W("--voice"), W("--no-confirm")), 0);
	assert_says(s.out, "factor 7 number <+44 20 7946 0000> label <> confirm 0\n");
	end(&s);
}

static void test_a_number_that_is_not_given_is_asked_for_and_so_is_a_dash(void **state)
{
	struct play p = { .prompt = true, .orders = sent, .credentials = phone_and_code };
	struct scene s;

	(void)state;
	begin(&s, &p, "  090-1234-5678 \n123456\n");
	assert_int_equal(ENROLL(&s), 0);
	assert_says(s.err, "Telephone number: ");
	assert_says(s.out, "number <090-1234-5678>");
	end(&s);
	begin(&s, &p, "\xef\xbc\x90\xef\xbc\x99\xef\xbc\x90-1234-5678\n123456\n");
	assert_int_equal(ENROLL(&s, W("--number"), W("-")), 0);
	assert_says(s.out, "number <\xef\xbc\x90\xef\xbc\x99\xef\xbc\x90-1234-5678>");
	end(&s);
	begin(&s, &p, "03-1234-5678\n");
	assert_int_equal(KENMON(&s, W("courier"), W("test"), W("--voice"), W("--number"), W("-")),
			 0);
	assert_null(strstr(s.out, "03-1234"));
	end(&s);
}

static void test_what_is_no_line_of_text_is_no_number_and_reaches_no_vault(void **state)
{
	static const struct {
		const char *typed;
		int code;
		const char *says;
	} cases[] = {
		{ "\n", 2, "--number must not be empty" },
		{ "   \n", 2, "--number must not be empty" },
		{ "090\0331234\n", 2, "--number must be UTF-8 text" },
		{ "00000000000000000000000000000000000000000000000000000000000000000\n", 2,
		  "--number is too long: at most 64 bytes" },
		{ "", 1, "stopped; nothing was stored" },
	};
	struct play p = { .prompt = true, .orders = sent };
	struct scene s;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		begin(&s, &p, cases[i].typed);
		assert_int_equal(ENROLL(&s), cases[i].code);
		assert_says(s.err, cases[i].says);
		assert_string_equal(s.out, "");
		end(&s);
		begin(&s, &p, cases[i].typed);
		assert_int_equal(KENMON(&s, W("courier"), W("test")), cases[i].code);
		assert_says(s.err, cases[i].says);
		end(&s);
	}
	begin(&s, &p, "");
	assert_int_equal(ENROLL(&s, W("--number"), W("090\n1234")), 2);
	assert_int_equal(ENROLL(&s, W("--number"), W("")), 2);
	assert_int_equal(GIVEN(&s, W("--label"), W("a\033b")), 2);
	end(&s);
}

/* What stands before the zero would be a number. */
static void test_a_zero_byte_does_not_end_a_number_which_reaches_no_vault(void **state)
{
	static const char typed[] = "090-1234-5678\0"
				    "9\n123456\n";
	struct play p = { .prompt = true, .orders = sent, .credentials = phone_and_code };
	struct scene s;

	(void)state;
	assert_int_equal(strlen(typed), 13);
	begin_bytes(&s, &p, typed, sizeof(typed) - 1);
	assert_int_equal(ENROLL(&s), 1);
	assert_says(s.err, "a limit is reached");
	assert_string_equal(s.out, "");
	end(&s);
	begin_bytes(&s, &p, typed, sizeof(typed) - 1);
	assert_int_equal(KENMON(&s, W("courier"), W("test")), 1);
	assert_says(s.err, "a limit is reached");
	assert_string_equal(s.out, "");
	end(&s);
}

/* --- what is said of it ------------------------------------------------------------ */

static void test_a_telephone_is_said_to_be_restricted_before_its_number_is_asked_for(void **state)
{
	struct play p = { .prompt = true, .orders = sent, .credentials = phone_and_code };
	struct scene s;

	(void)state;
	begin(&s, &p, NUMBER "\n123456\n");
	assert_int_equal(ENROLL(&s), 0);
	assert_before(s.err, "are a restricted factor (NIST SP 800-63B-4, 3.2.9)",
		      "Telephone number");
	assert_before(s.err,
		      "sato need not use it: another factor is enrolled with "
		      "'kenmon enroll totp sato'",
		      "Telephone number");
	end(&s);
	begin(&s, &p, NUMBER "\n123456\n");
	s.desk.lang = KM_LANG_JA;
	assert_int_equal(ENROLL(&s), 0);
	assert_before(s.err, "「制限付き」の要素です (NIST SP 800-63B-4、3.2.9)", "電話番号: ");
	assert_before(s.err, "ほかの要素を選ぶ権利があります", "電話番号: ");
	end(&s);
	begin(&s, &p, "123456\n");
	assert_int_equal(GIVEN(&s, W("--json")), 0);
	assert_says(s.err, "restricted factor");
	end(&s);
}

static void test_who_has_nothing_but_telephones_is_told_to_enrol_a_code(void **state)
{
	static const struct msg_credential_row only[] = {
		{ .id = 7, .factor = KM_FACTOR_VOICE, .number = "03-****-5678" },
		{ .id = 4, .factor = KM_FACTOR_SMS, .number = "090-****-5678" },
		{ .id = 5, .factor = KM_FACTOR_TOTP, .waiting = 1 }, /* good for nothing yet */
		{ 0 }
	};
	struct play p = { .prompt = true, .orders = sent, .credentials = only };
	struct scene s;

	(void)state;
	begin(&s, &p, "123456\n");
	assert_int_equal(GIVEN(&s), 0);
	assert_says(s.err, "sato has no other factor than a telephone");
	assert_says(s.out, "Codes for sato go to 03-****-5678.\n");
	end(&s);
	p.credentials = phone_and_code;
	begin(&s, &p, "123456\n");
	assert_int_equal(GIVEN(&s), 0);
	assert_null(strstr(s.err, "no other factor"));
	assert_says(s.out, "Codes for sato go to 090-****-5678.\n");
	end(&s);
}

static void test_a_number_that_was_not_confirmed_is_said_to_be_so(void **state)
{
	struct play p = { .prompt = true, .credentials = phone_and_code };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(GIVEN(&s, W("--no-confirm")), 0);
	assert_says(s.err, "nobody has checked that the telephone is that of sato");
	assert_null(strstr(s.err, "One-time code"));
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(GIVEN(&s, W("--no-confirm"), W("--json")), 0);
	assert_says(s.out, "\"factor\":\"sms\",\"number\":\"090-****-5678\",\"confirmed\":false,");
	end(&s);
}

/* --- the code that confirms it ------------------------------------------------------ */

static void test_the_code_that_was_sent_is_asked_for_until_it_is_right(void **state)
{
	struct play p = {
		.prompt = true, .wrong_once = true, .orders = sent, .credentials = phone_and_code
	};
	struct scene s;

	(void)state;
	begin(&s, &p, "999999\n123456\n");
	assert_int_equal(GIVEN(&s), 0);
	assert_before(s.err, "It waits for its turn.\nThe gateway has taken the message.\n",
		      "One-time code: ");
	assert_says(s.err, "That code is not right.");
	end(&s);
	p.wrong_once = false;
	p.text = "";
	begin(&s, &p, "999999\n");
	assert_int_equal(GIVEN(&s), 1);
	assert_string_equal(s.out, "");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(GIVEN(&s), 1);
	assert_says(s.err, "stopped; nothing was stored");
	end(&s);
}

static void test_news_of_the_message_does_not_take_the_prompt_away(void **state)
{
	static const struct msg_order_row late[] = { ROW(SENT), ROW(DELIVERED), NO_MORE };
	struct play p = { .prompt = true,
			  .orders = late,
			  .orders_late = true,
			  .typed = "123456\n",
			  .credentials = phone_and_code };
	struct scene s;
	int keys[2];

	(void)state;
	assert_int_equal(pipe(keys), 0);
	p.keys = keys[1];
	begin(&s, &p, "");
	close(s.in[0]);
	s.desk.in = s.in[0] = keys[0];
	assert_int_equal(GIVEN(&s), 0);
	close(keys[1]);
	assert_says(s.err, "The gateway has taken the message.\n");
	assert_says(s.err, "It has arrived at the telephone.\n");
	assert_in_range(times(s.err, "One-time code: "), 2, 3);
	assert_says(s.out, "Codes for sato go to 090-****-5678.\n");
	end(&s);
}

static void test_a_message_that_did_not_get_through_says_why_and_stores_nothing(void **state)
{
	static const struct msg_order_row rows[] = { ROW(QUEUED), WHY(FAILED, TLS), NO_MORE };
	struct play p = { .orders = rows, .rc = KM_ENOTSENT, .text = "nothing was stored" };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(GIVEN(&s), 1);
	assert_says(s.err, "It did not get through. The gateway's certificate is not good");
	assert_says(s.err, "nothing was stored\n");
	assert_string_equal(s.out, "");
	end(&s);
	begin(&s, &p, "");
	s.desk.lang = KM_LANG_JA;
	assert_int_equal(GIVEN(&s), 1);
	assert_says(s.err, "届きませんでした。ゲートウェイの証明書が正しくありません。");
	assert_says(s.err, "何も保存していません");
	end(&s);
}

static void test_a_number_that_waits_for_a_second_person_is_filed(void **state)
{
	struct play p = { .prompt = true, .orders = sent, .rc = KM_EFILED };
	struct scene s;

	(void)state;
	begin(&s, &p, "123456\n");
	assert_int_equal(GIVEN(&s), 3);
	assert_says(s.out, "request 7");
	assert_null(strstr(s.out, "go to"));
	end(&s);
	begin(&s, &p, "123456\n");
	assert_int_equal(GIVEN(&s, W("--json")), 3);
	assert_says(s.out, "{\"result\":\"filed\",\"request\":7,\"factor\":\"sms\",\"number\":null,"
			   "\"confirmed\":true,");
	end(&s);
}

static void test_a_row_of_something_else_ends_it(void **state)
{
	struct play p = { 0 };
	struct km_msg strange = { .number = KM_MSG_FINGER_STAGE };
	struct desk_order order = { 0 };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(desk_order_row(&s.desk, &order, &strange), KM_EPROTO);
	assert_int_equal(order.steps, 0);
	end(&s);
}

/* --- words ------------------------------------------------------------------------------ */

static bool has_japanese(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text >= 0xe3)
			return true;
	return false;
}

static void assert_own_words(const char *(*said)(unsigned, enum km_lang), const uint8_t *numbers,
			     size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *en = said(numbers[i], KM_LANG_EN), *ja = said(numbers[i], KM_LANG_JA);

		assert_true(has_japanese(ja) && !has_japanese(en));
		assert_string_not_equal(en, said(99, KM_LANG_EN));
		assert_true(isupper((unsigned char)en[0]) || strncmp(en, "kenmon", 6) == 0);
		for (size_t k = 0; k < i; k++) {
			assert_string_not_equal(en, said(numbers[k], KM_LANG_EN));
			assert_string_not_equal(ja, said(numbers[k], KM_LANG_JA));
		}
	}
}

static void test_every_state_and_every_reason_has_a_sentence_of_its_own(void **state)
{
	static const uint8_t states[] = {
#define KM_ORDER(NAME, number, word, ja)
#define KM_ORDER_STATE(NAME, number, ends, text, word, ja) number,
#define KM_ORDER_WHY(NAME, number, text, word, ja)
#include <kenmon/order.def>
#undef KM_ORDER_STATE
#undef KM_ORDER_WHY
	};
	static const uint8_t whys[] = {
#define KM_ORDER_STATE(NAME, number, ends, text, word, ja)
#define KM_ORDER_WHY(NAME, number, text, word, ja) number,
#include <kenmon/order.def>
#undef KM_ORDER
#undef KM_ORDER_STATE
#undef KM_ORDER_WHY
	};

	(void)state;
	assert_own_words(desk_order_state, states, COUNT(states));
	assert_own_words(desk_order_why, whys, COUNT(whys));
	assert_string_equal(desk_order_why(0, KM_LANG_EN), "");
	assert_string_equal(desk_order_state(99, KM_LANG_EN), "(not known to this version)");
}

/* --- the courier -------------------------------------------------------------------------- */

static void test_a_test_says_step_by_step_how_it_goes(void **state)
{
	struct play p = { .orders = arrives, .text = "" };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(TEST(&s), 0);
	assert_string_equal(s.err, "It waits for its turn.\nThe gateway has taken the message.\n"
				   "It has arrived at the telephone.\n");
	assert_string_equal(s.out, "The test is over.\n");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(TEST(&s, W("--json")), 0);
	assert_string_equal(
	    s.out, "{\"result\":\"done\",\"state\":\"delivered\",\"why\":\"none\",\"steps\":["
		   "{\"state\":\"queued\",\"why\":\"none\"},{\"state\":\"sent\",\"why\":\"none\"},"
		   "{\"state\":\"delivered\",\"why\":\"none\"}]}\n");
	end(&s);
}

static void test_a_test_that_fails_says_why_in_words_and_in_json(void **state)
{
	static const struct msg_order_row rows[] = { ROW(RINGING), WHY(FAILED, BUSY), NO_MORE };
	struct play p = { .orders = rows, .rc = KM_ENOTSENT, .text = "" };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(TEST(&s, W("--voice")), 1);
	assert_says(s.err,
		    "The telephone is ringing.\nIt did not get through. The telephone is busy.\n");
	assert_string_equal(s.out, "");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(TEST(&s, W("--voice"), W("--json")), 1);
	assert_says(s.out, "{\"error\":\"ENOTSENT\",\"message\":\"sending did not succeed\",");
	assert_says(s.out,
		    "\"state\":\"failed\",\"why\":\"busy\",\"steps\":[{\"state\":\"ringing\",");
	end(&s);
	p.orders = NULL;
	begin(&s, &p, "");
	assert_int_equal(TEST(&s, W("--json")), 1);
	assert_says(s.out, "\"state\":null,\"steps\":[]}\n");
	end(&s);
}

static void test_a_test_that_waits_for_a_second_person_is_filed(void **state)
{
	struct play p = { .rc = KM_EFILED };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(TEST(&s), 3);
	assert_says(s.out, "request 7");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(TEST(&s, W("--json")), 3);
	assert_says(s.out, "{\"result\":\"filed\",\"request\":7,");
	end(&s);
}

static void test_ctrl_c_ends_a_test_and_claims_nothing_of_what_was_sent(void **state)
{
	struct play p = { .orders = sent, .interrupts = 1, .rc = KM_EABORTED };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(TEST(&s), 1);
	assert_says(s.err, "stopped; what was sent already cannot be taken back\n");
	end(&s);
}

static void test_more_steps_than_are_kept_are_said_all_the_same(void **state)
{
	struct msg_order_row rows[DESK_ORDER_STEPS + 3];
	struct play p = { .orders = rows, .text = "" };
	struct scene s;

	(void)state;
	memset(rows, 0, sizeof(rows));
	for (size_t i = 0; i + 2 < COUNT(rows); i++)
		rows[i].state = KM_ORDER_STATE_RINGING;
	rows[COUNT(rows) - 2].state = KM_ORDER_STATE_KEYED;
	begin(&s, &p, "");
	assert_int_equal(TEST(&s, W("--json")), 0);
	assert_int_equal(times(s.err, "is ringing"), DESK_ORDER_STEPS + 1);
	assert_int_equal(times(s.out, "\"ringing\""), DESK_ORDER_STEPS);
	assert_says(s.out, "\"state\":\"keyed\",\"why\":\"none\",\"steps\":");
	end(&s);
}

static void test_the_couriers_status_is_rows_with_alarms_first(void **state)
{
	struct play p = { .status = true };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("courier"), W("status")), 0);
	assert_before(s.out, "clock: the clock was moved by -400 seconds", "version");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("courier"), W("status"), W("--json")), 0);
	assert_says(s.out,
		    "{\"courier\":[{\"key\":\"version\",\"value\":\"0.1\",\"alarm\":false},");
	end(&s);
	p = (struct play){ .rc = KM_EPERM };
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("courier"), W("status")), 77);
	assert_string_equal(s.out, "");
	end(&s);
}

/* --- listings -------------------------------------------------------------------------------- */

static void test_a_listing_shows_a_telephone_by_its_number_with_stars(void **state)
{
	struct play p = { .credentials = phone_and_code };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("credential"), W("list"), W("sato")), 0);
	assert_says(s.out, "sms");
	assert_says(s.out, "to 090-****-5678");
	end(&s);
	begin(&s, &p, "");
	s.desk.lang = KM_LANG_JA;
	assert_int_equal(KENMON(&s, W("credential"), W("list"), W("sato")), 0);
	assert_says(s.out, "090-****-5678 宛て");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("credential"), W("list"), W("sato"), W("--json")), 0);
	assert_says(s.out, "{\"id\":7,\"factor\":\"sms\",\"label\":\"work\",");
	assert_says(s.out, "\"number\":\"090-****-5678\",\"failures\":0,");
	end(&s);
}

static void test_a_number_of_the_vaults_cannot_write_on_the_terminal(void **state)
{
	struct msg_credential_row rows[] = { { .id = 7, .factor = KM_FACTOR_SMS }, { 0 } };
	struct play p = { .credentials = rows };
	struct scene s;

	(void)state;
	snprintf(rows[0].number, sizeof(rows[0].number), "%%1%%s\"\\");
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("credential"), W("list"), W("sato")), 0);
	assert_says(s.out, "to %1%s\"\\");
	end(&s);
}

/* For the person it is about, or who asks in their name; the trail has it. */
static void test_an_export_has_the_whole_number(void **state)
{
	static const struct msg_operator_row sato[] = {
		{ .cursor = 1, .login = "sato", .state = KM_ACTIVE, .uid = -1 }, { 0 }
	};
	static const struct msg_credential_row whole[] = {
		{ .id = 7, .factor = KM_FACTOR_SMS, .number = "+819012345678" }, { 0 }
	};
	static const struct msg_consent_row none[] = { { 0 } };
	struct play p = {
		.credentials = phone_and_code, .whole = whole, .operators = sato, .consents = none
	};
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("operator"), W("export"), W("sato")), 0);
	assert_says(s.out, "\"number\":\"+819012345678\"");
	assert_null(strstr(s.out, "****"));
	end(&s);
	/* A row that belongs to no listing is shown nowhere. */
	p.credentials =
	    (const struct msg_credential_row[]){ { .id = 3, .factor = KM_FACTOR_TOTP }, { 0 } };
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("operator"), W("export"), W("sato")), 0);
	assert_null(strstr(s.out, "+8190"));
	end(&s);
}

static void test_a_test_of_the_courier_is_approved_and_begins_before_the_approver(void **state)
{
	static const struct msg_request_row waits[] = { { .id = 7,
							  .act = KM_MSG_COURIER_TEST,
							  .requester = "ito",
							  .text =
							      "factor=sms number=%2b819012345678" },
							{ 0 } };
	struct play p = { .requests = waits, .orders = arrives };
	struct scene s;

	(void)state;
	begin(&s, &p, "7\n");
	assert_int_equal(KENMON(&s, W("approval"), W("approve"), W("7")), 0);
	assert_says(s.out, "send a test message, or call\n");
	assert_says(s.out, "  number: +819012345678\n");
	assert_says(s.err, "It has arrived at the telephone.\n");
	end(&s);
	p.rc = KM_EUNAVAIL;
	begin(&s, &p, "7\n");
	assert_int_equal(KENMON(&s, W("approval"), W("approve"), W("7")), 69);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_number_goes_to_the_vault_as_it_was_typed),
		cmocka_unit_test(test_a_number_that_is_not_given_is_asked_for_and_so_is_a_dash),
		cmocka_unit_test(test_what_is_no_line_of_text_is_no_number_and_reaches_no_vault),
		cmocka_unit_test(test_a_zero_byte_does_not_end_a_number_which_reaches_no_vault),
		cmocka_unit_test(
		    test_a_telephone_is_said_to_be_restricted_before_its_number_is_asked_for),
		cmocka_unit_test(test_who_has_nothing_but_telephones_is_told_to_enrol_a_code),
		cmocka_unit_test(test_a_number_that_was_not_confirmed_is_said_to_be_so),
		cmocka_unit_test(test_the_code_that_was_sent_is_asked_for_until_it_is_right),
		cmocka_unit_test(test_news_of_the_message_does_not_take_the_prompt_away),
		cmocka_unit_test(
		    test_a_message_that_did_not_get_through_says_why_and_stores_nothing),
		cmocka_unit_test(test_a_number_that_waits_for_a_second_person_is_filed),
		cmocka_unit_test(test_a_row_of_something_else_ends_it),
		cmocka_unit_test(test_every_state_and_every_reason_has_a_sentence_of_its_own),
		cmocka_unit_test(test_a_test_says_step_by_step_how_it_goes),
		cmocka_unit_test(test_a_test_that_fails_says_why_in_words_and_in_json),
		cmocka_unit_test(test_a_test_that_waits_for_a_second_person_is_filed),
		cmocka_unit_test(test_ctrl_c_ends_a_test_and_claims_nothing_of_what_was_sent),
		cmocka_unit_test(test_more_steps_than_are_kept_are_said_all_the_same),
		cmocka_unit_test(test_the_couriers_status_is_rows_with_alarms_first),
		cmocka_unit_test(test_a_listing_shows_a_telephone_by_its_number_with_stars),
		cmocka_unit_test(test_an_export_has_the_whole_number),
		cmocka_unit_test(
		    test_a_test_of_the_courier_is_approved_and_begins_before_the_approver),
		cmocka_unit_test(test_a_number_of_the_vaults_cannot_write_on_the_terminal),
	};

	return cmocka_run_group_tests(tests, scene_setup, NULL);
}
