/* The course of a call, frame by frame: no clock, no telephone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../authd/courier/sip_reason.h"
#include "../../authd/courier/sip_script.h"
#include "../../authd/courier/sip_stack.h"

/* Every sound lasts two frames and a half, and says its own number in each sample. */
#define LENGTH (VOICE_FRAME * 5 / 2)
static int16_t sample[VOICE_LANGS][VOICE_SOUNDS][LENGTH];
static struct voice_sounds sounds;

static int set_up(void **state)
{
	(void)state;
	for (unsigned l = 0; l < VOICE_LANGS; l++) {
		for (unsigned i = 0; i < VOICE_SOUNDS; i++) {
			for (unsigned j = 0; j < LENGTH; j++)
				sample[l][i][j] = (int16_t)(1 + i + 100 * l);
			sounds.sound[l][i] = (struct voice_samples){ LENGTH, sample[l][i] };
		}
	}
	return 0;
}

/* What is said until it is over or falls silent for so long: names of sounds, in a line. */
static char said[1024];

static void hear_all(struct voice_script *s, unsigned frames)
{
	int16_t frame[VOICE_FRAME], last = 0;

	said[0] = '\0';
	for (unsigned i = 0; i < frames && s->part != VOICE_OVER; i++) {
		voice_script_frame(s, &sounds, frame);
		if (frame[0] != 0 && frame[0] != last) {
			if (said[0])
				strcat(said, " ");
			strcat(said, voice_sound_name((enum voice_sound)(frame[0] % 100 - 1)));
		}
		last = frame[0];
	}
}

#define ENDLESS 100000

static struct voice_script begin(enum km_order kind, const char *digits)
{
	struct voice_script s;

	assert_int_equal(voice_script_begin(&s, kind, KM_LANG_JA, digits, strlen(digits)), KM_OK);
	return s;
}

static void press(struct voice_script *s, const char *keys)
{
	for (; *keys; keys++)
		voice_script_key(s, *keys);
}

static void test_a_question_is_asked_three_times(void **state)
{
	struct voice_script s = begin(KM_ORDER_KEYPAD, "");

	(void)state;
	hear_all(&s, ENDLESS);
	assert_string_equal(said, "keypad keypad keypad no-key");
	assert_int_equal(s.outcome, VOICE_MUTE);
	assert_int_equal(s.part, VOICE_OVER);
}

static void test_a_key_interrupts_the_question(void **state)
{
	struct voice_script s = begin(KM_ORDER_KEYPAD, "");

	(void)state;
	hear_all(&s, VOICE_FRAMES(1000));
	press(&s, "4");
	hear_all(&s, VOICE_FRAMES(4000));
	assert_string_equal(said, "");
	press(&s, "2#");
	assert_int_equal(s.outcome, VOICE_KEYED);
	assert_int_equal(s.count, 2);
	assert_memory_equal(s.key, "42", 2);
	hear_all(&s, ENDLESS);
	assert_string_equal(said, "thanks");
}

static void test_digits_that_were_given_up_do_not_stand_before_the_next_ones(void **state)
{
	struct voice_script s = begin(KM_ORDER_KEYPAD, "");

	(void)state;
	press(&s, "99");
	hear_all(&s, VOICE_FRAMES(8200));
	assert_string_equal(said, "keypad");
	press(&s, "12#");
	assert_int_equal(s.count, 2);
	assert_memory_equal(s.key, "12\0\0", 4);
}

static void test_nothing_changes_after_the_outcome(void **state)
{
	struct voice_script s = begin(KM_ORDER_KEYPAD, "");

	(void)state;
	press(&s, "1#*5#");
	assert_int_equal(s.outcome, VOICE_KEYED);
	assert_int_equal(s.count, 1);
	s = begin(KM_ORDER_KEYPAD, "");
	press(&s, "1*2#");
	assert_int_equal(s.outcome, VOICE_STAR);
	hear_all(&s, ENDLESS);
	assert_string_equal(said, "not-me");
	press(&s, "1#");
	assert_int_equal(s.outcome, VOICE_STAR);
}

static void test_a_code_is_read_twice_and_in_order(void **state)
{
	struct voice_script s = begin(KM_ORDER_SPOKEN, "204519");

	(void)state;
	press(&s, "5#");
	hear_all(&s, ENDLESS);
	assert_string_equal(said, "code 2 0 4 5 1 9 again 2 0 4 5 1 9 thanks");
	assert_int_equal(s.outcome, VOICE_READ);
}

/* As hear_all, with the milliseconds of silence before each sound: "code 600 2". */
static void hear_pauses(struct voice_script *s)
{
	int16_t frame[VOICE_FRAME], last = 0;
	size_t n = 0;

	for (unsigned silent = 0; s->part != VOICE_OVER;) {
		voice_script_frame(s, &sounds, frame);
		if (frame[0] == 0)
			silent++;
		if (frame[0] != 0 && frame[0] != last) {
			if (silent > 0)
				n += (size_t)snprintf(said + n, sizeof(said) - n, "%u ",
						      silent * 20);
			n += (size_t)snprintf(
			    said + n, sizeof(said) - n, "%s ",
			    voice_sound_name((enum voice_sound)(frame[0] % 100 - 1)));
			silent = 0;
		}
		last = frame[0];
	}
}

/* For a hand that writes: longer after every third digit, and before it is read again. */
static void test_a_code_is_read_slowly(void **state)
{
	struct voice_script s = begin(KM_ORDER_SPOKEN, "2045198");

	(void)state;
	press(&s, "#");
	hear_pauses(&s);
	assert_string_equal(said, "code 600 2 600 0 600 4 1200 5 600 1 600 9 1200 8 2100 "
				  "again 600 2 600 0 600 4 1200 5 600 1 600 9 1200 8 2400 "
				  "thanks ");
}

static void test_a_code_is_not_read_to_who_does_not_ask(void **state)
{
	struct voice_script s = begin(KM_ORDER_SPOKEN, "204519");

	(void)state;
	hear_all(&s, ENDLESS);
	assert_string_equal(said, "spoken spoken spoken no-key");
	assert_int_equal(s.outcome, VOICE_MUTE);
}

static void test_a_confirmation_needs_no_digit(void **state)
{
	struct voice_script s = begin(KM_ORDER_CONFIRM, "");

	(void)state;
	press(&s, "77#");
	assert_int_equal(s.outcome, VOICE_KEYED);
	assert_int_equal(s.count, 0);
}

/* What is tried is the way of keys too; nobody logs in, so that nobody can say "this was not me".
 */
static void test_a_test_says_that_it_is_one_and_ends_with_the_hash_key(void **state)
{
	struct voice_script s = begin(KM_ORDER_CALL_TEST, "");

	(void)state;
	hear_all(&s, VOICE_FRAMES(2000));
	assert_string_equal(said, "test");
	press(&s, "12*");
	assert_int_equal(s.outcome, VOICE_NOTHING);
	press(&s, "#");
	assert_int_equal(s.outcome, VOICE_READ);
	assert_int_equal(s.count, 0);
	hear_all(&s, ENDLESS);
	assert_string_equal(said, "thanks");
	s = begin(KM_ORDER_CALL_TEST, "");
	hear_all(&s, ENDLESS);
	assert_string_equal(said, "test test test no-key");
	assert_int_equal(s.outcome, VOICE_MUTE);
}

static void test_a_notice_is_said_twice_to_whoever_listens_and_takes_no_key(void **state)
{
	struct voice_script s = begin(KM_ORDER_CALL_NOTICE, "");
	int16_t frame[VOICE_FRAME];

	(void)state;
	press(&s, "1*#");
	assert_int_equal(s.outcome, VOICE_NOTHING);
	assert_int_equal(s.count, 0);
	for (unsigned i = 0; i < 10000 && !s.read_once; i++)
		voice_script_frame(&s, &sounds, frame);
	assert_true(s.read_once); /* whoever hangs up now has heard it */
	assert_int_equal(s.outcome, VOICE_NOTHING);
	hear_all(&s, ENDLESS);
	assert_string_equal(said, "notice thanks");
	assert_int_equal(s.outcome, VOICE_READ);
	s = begin(KM_ORDER_CALL_NOTICE, "");
	hear_all(&s, VOICE_FRAMES(800) + 3);
	assert_string_equal(said, "notice"); /* after a moment, for the telephone to be at an ear */
}

static void test_what_is_no_call_is_refused(void **state)
{
	struct voice_script s;

	(void)state;
	assert_int_equal(voice_script_begin(&s, KM_ORDER_MESSAGE, KM_LANG_EN, "", 0), KM_EINVAL);
	assert_int_equal(voice_script_begin(&s, KM_ORDER_KEYPAD, KM_LANG_COUNT, "", 0), KM_EINVAL);
	assert_int_equal(voice_script_begin(&s, KM_ORDER_KEYPAD, KM_LANG_EN, "1", 1), KM_EINVAL);
	assert_int_equal(voice_script_begin(&s, KM_ORDER_NOTICE, KM_LANG_EN, "", 0), KM_EINVAL);
	assert_int_equal(voice_script_begin(&s, KM_ORDER_CALL_TEST, KM_LANG_EN, "1", 1), KM_EINVAL);
	assert_int_equal(voice_script_begin(&s, KM_ORDER_CALL_NOTICE, KM_LANG_EN, "1", 1),
			 KM_EINVAL);
	assert_int_equal(voice_script_begin(&s, KM_ORDER_SPOKEN, KM_LANG_EN, "", 0), KM_EINVAL);
	assert_int_equal(voice_script_begin(&s, KM_ORDER_SPOKEN, KM_LANG_EN, "12x", 3), KM_EINVAL);
	assert_int_equal(
	    voice_script_begin(&s, KM_ORDER_SPOKEN, KM_LANG_EN, "12345678901234567", 17),
	    KM_EINVAL);
}

static void test_the_longest_code_is_read_whole(void **state)
{
	struct voice_script s = begin(KM_ORDER_SPOKEN, "1234567890123456");

	(void)state;
	press(&s, "#");
	hear_all(&s, ENDLESS);
	assert_int_equal(s.outcome, VOICE_READ);
	assert_non_null(strstr(said, "4 5 6 again 1 2"));
	assert_non_null(strstr(said, "4 5 6 thanks"));
}

static void test_answers_of_sip_have_reasons(void **state)
{
	(void)state;
	assert_int_equal(voice_why(486), KM_ORDER_WHY_BUSY);
	assert_int_equal(voice_why(407), KM_ORDER_WHY_CREDENTIALS);
	assert_int_equal(voice_why(302), KM_ORDER_WHY_REFUSED);
	assert_int_equal(voice_why(699), KM_ORDER_WHY_REFUSED);
}

/* --- the server's address ------------------------------------------------------------------ */

static void test_a_server_is_a_name_or_an_address(void **state)
{
	static const struct {
		const char *text, *host;
		unsigned port;
		bool literal;
	} good[] = {
		{ "pbx.example.jp", "pbx.example.jp", 5061, false },
		{ "pbx.example.jp:5071", "pbx.example.jp", 5071, false },
		{ "192.0.2.1", "192.0.2.1", 5061, true },
		{ "192.0.2.1:65535", "192.0.2.1", 65535, true },
		{ "[2001:db8::1]", "2001:db8::1", 5061, true },
		{ "[2001:db8::1]:1", "2001:db8::1", 1, true },
		{ "abc", "abc", 5061, false },
	};
	struct voice_server s;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(voice_server_parse(good[i].text, 5061, &s), KM_OK);
		assert_string_equal(s.host, good[i].host);
		assert_int_equal(s.port, good[i].port);
		assert_int_equal(s.literal, good[i].literal);
	}
}

static void test_what_is_no_server_is_refused(void **state)
{
	static const char *const bad[] = {
		"",          ":5060",       "pbx:",       "pbx:0",       "pbx:65536",
		"pbx:5060x", "pbx:-1",      "pbx:000001", "2001:db8::1", "[2001:db8::1",
		"[pbx]",     "[192.0.2.1]", "pbx;lr",     "a@b",         "pbx example",
		"pbx\n",     ".pbx",        "-pbx",       "[::1]5060",   "<pbx>"
	};
	struct voice_server s = { .port = 7 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(voice_server_parse(bad[i], 5061, &s), KM_EINVAL);
	assert_int_equal(s.port, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_question_is_asked_three_times),
		cmocka_unit_test(test_a_key_interrupts_the_question),
		cmocka_unit_test(test_digits_that_were_given_up_do_not_stand_before_the_next_ones),
		cmocka_unit_test(test_nothing_changes_after_the_outcome),
		cmocka_unit_test(test_a_code_is_read_twice_and_in_order),
		cmocka_unit_test(test_a_code_is_read_slowly),
		cmocka_unit_test(test_a_code_is_not_read_to_who_does_not_ask),
		cmocka_unit_test(test_a_confirmation_needs_no_digit),
		cmocka_unit_test(test_a_test_says_that_it_is_one_and_ends_with_the_hash_key),
		cmocka_unit_test(test_a_notice_is_said_twice_to_whoever_listens_and_takes_no_key),
		cmocka_unit_test(test_what_is_no_call_is_refused),
		cmocka_unit_test(test_the_longest_code_is_read_whole),
		cmocka_unit_test(test_answers_of_sip_have_reasons),
		cmocka_unit_test(test_a_server_is_a_name_or_an_address),
		cmocka_unit_test(test_what_is_no_server_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
