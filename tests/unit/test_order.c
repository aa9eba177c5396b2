/* Orders to the courier: numbers, words and texts of order.def. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <kenmon/conf.h>
#include <kenmon/log.h>
#include <kenmon/order.h>

struct row {
	unsigned number;
	const char *word;
	enum km_text text;
	bool ends;
};

static const struct row kinds[] = {
#define KM_ORDER(NAME, number, word, ja) { number, word, KM_TEXT_NOTHING, false },
#define KM_ORDER_STATE(NAME, number, ends, text, word, ja)
#define KM_ORDER_WHY(NAME, number, text, word, ja)
#include <kenmon/order.def>
#undef KM_ORDER
#undef KM_ORDER_STATE
};
static const struct row states[] = {
#define KM_ORDER(NAME, number, word, ja)
#define KM_ORDER_STATE(NAME, number, ends, text, word, ja) { number, word, KM_TEXT_##text, ends },
#include <kenmon/order.def>
#undef KM_ORDER_STATE
#undef KM_ORDER_WHY
};
static const struct row whys[] = {
#define KM_ORDER_STATE(NAME, number, ends, text, word, ja)
#define KM_ORDER_WHY(NAME, number, text, word, ja) { number, word, KM_TEXT_##text, false },
#include <kenmon/order.def>
#undef KM_ORDER
#undef KM_ORDER_STATE
#undef KM_ORDER_WHY
};
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct row *row_of(const struct row *table, size_t count, unsigned number)
{
	for (size_t i = 0; i < count; i++)
		if (table[i].number == number)
			return &table[i];
	return NULL;
}

static void test_each_number_and_each_word_stands_once_and_fits_a_byte(void **state)
{
	static const struct {
		const struct row *row;
		size_t count;
	} tables[] = { { kinds, COUNT(kinds) }, { states, COUNT(states) }, { whys, COUNT(whys) } };

	(void)state;
	for (size_t t = 0; t < COUNT(tables); t++)
		for (size_t i = 0; i < tables[t].count; i++) {
			const struct row *r = &tables[t].row[i];

			assert_in_range(r->number, 1, 255);
			assert_ptr_equal(row_of(tables[t].row, tables[t].count, r->number), r);
			for (size_t k = 0; k < i; k++)
				assert_string_not_equal(r->word, tables[t].row[k].word);
			/* A word of the trail needs no quotes. */
			assert_int_equal(strspn(r->word, "abcdefghijklmnopqrstuvwxyz-"),
					 strlen(r->word));
		}
}

static void test_every_byte_is_a_row_of_its_table_or_unknown(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 300; n++) {
		const struct row *kind = row_of(kinds, COUNT(kinds), n);
		const struct row *is = row_of(states, COUNT(states), n);
		const struct row *why = row_of(whys, COUNT(whys), n);

		assert_int_equal(km_order_known(n), kind != NULL);
		assert_string_equal(km_order_word(n), kind ? kind->word : "?");
		assert_int_equal(km_order_state_known(n), is != NULL);
		assert_string_equal(km_order_state_word(n), is ? is->word : "?");
		assert_int_equal(km_order_why_known(n), n == 0 || why);
		assert_string_equal(km_order_why_word(n), n == 0 ? "none" : why ? why->word : "?");
		/* Of what is not known nothing more is waited for. */
		assert_int_equal(km_order_state_ends(n), !is || is->ends);
	}
}

static void test_a_call_is_what_is_answered_by_keys_or_listened_to(void **state)
{
	(void)state;
	assert_true(km_order_is_call(KM_ORDER_KEYPAD));
	assert_true(km_order_is_call(KM_ORDER_SPOKEN));
	assert_true(km_order_is_call(KM_ORDER_CONFIRM));
	assert_false(km_order_is_call(KM_ORDER_MESSAGE));
	assert_true(km_order_is_call(KM_ORDER_CALL_TEST));
	assert_true(km_order_is_call(KM_ORDER_CALL_NOTICE));
	assert_false(km_order_is_call(KM_ORDER_NOTICE));
	assert_false(km_order_is_call(KM_ORDER_NONE));
	assert_false(km_order_is_call(255));
}

static void test_what_a_desk_sends_is_of_no_login(void **state)
{
	unsigned of_login = 0;

	(void)state;
	for (unsigned kind = 0; kind < 256; kind++)
		of_login += km_order_is_of_login(kind);
	assert_int_equal(of_login, 4);
	assert_true(km_order_is_of_login(KM_ORDER_MESSAGE));
	assert_true(km_order_is_of_login(KM_ORDER_KEYPAD));
	assert_true(km_order_is_of_login(KM_ORDER_SPOKEN));
	assert_true(km_order_is_of_login(KM_ORDER_CONFIRM));
}

static void test_an_order_ends_in_one_of_the_states_that_end(void **state)
{
	(void)state;
	assert_false(km_order_state_ends(KM_ORDER_STATE_QUEUED));
	assert_false(km_order_state_ends(KM_ORDER_STATE_SENT));
	assert_false(km_order_state_ends(KM_ORDER_STATE_RINGING));
	assert_false(km_order_state_ends(KM_ORDER_STATE_ANSWERED));
	assert_true(km_order_state_ends(KM_ORDER_STATE_DELIVERED));
	assert_true(km_order_state_ends(KM_ORDER_STATE_KEYED));
	assert_true(km_order_state_ends(KM_ORDER_STATE_NOT_ME));
	assert_true(km_order_state_ends(KM_ORDER_STATE_FAILED));
	assert_true(km_order_state_ends(KM_ORDER_STATE_UNKNOWN));
}

static void test_a_reason_says_more_than_the_state_and_is_said_instead(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(states); i++) {
		assert_int_equal(km_order_text(states[i].number, 0), states[i].text);
		/* A reason that is not known changes nothing. */
		assert_int_equal(km_order_text(states[i].number, 200), states[i].text);
		for (size_t k = 0; k < COUNT(whys); k++)
			assert_int_equal(km_order_text(states[i].number, whys[k].number),
					 whys[k].text);
	}
	assert_int_equal(km_order_text(0, 0), KM_TEXT_NOTHING);
	assert_int_equal(km_order_text(200, 200), KM_TEXT_NOTHING);
}

/* C25: whoever is at the screen learns that a gateway is ill, and nothing of what it said. */
static void test_c25_every_reason_of_a_gateway_is_one_sentence_to_the_person(void **state)
{
	static const enum km_order_why gateway[] = {
		KM_ORDER_WHY_UNREACHABLE, KM_ORDER_WHY_REFUSED,    KM_ORDER_WHY_CREDENTIALS,
		KM_ORDER_WHY_TLS,         KM_ORDER_WHY_ANSWER,     KM_ORDER_WHY_FULL,
		KM_ORDER_WHY_NO_GATEWAY,  KM_ORDER_WHY_NO_COURIER,
	};

	(void)state;
	for (size_t i = 0; i < COUNT(gateway); i++)
		assert_int_equal(km_order_text(KM_ORDER_STATE_FAILED, gateway[i]),
				 KM_TEXT_ORDER_GATEWAY);
}

/* An enum that stands for the words of a WORD key is in their order. */
static void test_the_words_of_the_configuration_are_in_the_order_of_their_enums(void **state)
{
	static const char *const gateways[] = { [KM_GATEWAY_NONE] = "none",
						[KM_GATEWAY_HTTP] = "http",
						[KM_GATEWAY_SPOOL] = "spool",
						[KM_GATEWAY_EXEC] = "exec" };
	static const char *const modes[] = { [KM_VOICE_KEYPAD] = "keypad",
					     [KM_VOICE_SPOKEN] = "spoken",
					     [KM_VOICE_CONFIRM] = "confirm" };
	static const char *const transports[] = {
		[KM_SIP_UDP] = "udp", [KM_SIP_TCP] = "tcp", [KM_SIP_TLS] = "tls"
	};
	static const char *const media[] = { [KM_MEDIA_RTP] = "rtp", [KM_MEDIA_SRTP] = "srtp" };
	static const struct {
		const char *section, *key, *const *words;
		size_t count;
	} keys[] = { { "sms", "gateway", gateways, COUNT(gateways) },
		     { "voice", "mode", modes, COUNT(modes) },
		     { "voice", "transport", transports, COUNT(transports) },
		     { "voice", "media", media, COUNT(media) } };
	static const struct {
		const char *section, *key, *unit;
	} rows[] = {
#define KM_CONF(section, key, kind, field, fallback, least, most, unit, what)                      \
	{ #section, #key, unit },
#include <kenmon/conf.def>
#undef KM_CONF
	};
	size_t found = 0;

	(void)state;
	for (size_t k = 0; k < COUNT(keys); k++)
		for (size_t i = 0; i < COUNT(rows); i++) {
			char want[64] = "";

			if (strcmp(rows[i].section, keys[k].section) != 0 ||
			    strcmp(rows[i].key, keys[k].key) != 0)
				continue;
			for (size_t w = 0; w < keys[k].count; w++) {
				strcat(want, w ? "|" : "");
				strcat(want, keys[k].words[w]);
			}
			assert_string_equal(rows[i].unit, want);
			found++;
		}
	assert_int_equal(found, COUNT(keys));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_number_and_each_word_stands_once_and_fits_a_byte),
		cmocka_unit_test(test_every_byte_is_a_row_of_its_table_or_unknown),
		cmocka_unit_test(test_a_call_is_what_is_answered_by_keys_or_listened_to),
		cmocka_unit_test(test_what_a_desk_sends_is_of_no_login),
		cmocka_unit_test(test_an_order_ends_in_one_of_the_states_that_end),
		cmocka_unit_test(test_a_reason_says_more_than_the_state_and_is_said_instead),
		cmocka_unit_test(test_c25_every_reason_of_a_gateway_is_one_sentence_to_the_person),
		cmocka_unit_test(
		    test_the_words_of_the_configuration_are_in_the_order_of_their_enums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
