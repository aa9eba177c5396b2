/* Fingers at the desk: what a person hears while one is enrolled. */
#include <kenmon/finger.h>

#include "desk_scene.h"

#define READER "Virtual image device"
#define ENROLL(s, ...)                                                                             \
	KENMON(s, W("enroll"), W("fingerprint"), W("sato"), W("--finger"), W("right-index"),       \
	       ##__VA_ARGS__)

#define EVENT(name)                                                                                \
	{                                                                                          \
		.event = KM_SENSOR_##name, .reader = READER                                        \
	}
#define STAGE(name, good)                                                                          \
	{                                                                                          \
		.outcome = KM_STAGE_##name, .stage = (good), .of = 5                               \
	}
#define NO_MORE                                                                                    \
	{                                                                                          \
		0                                                                                  \
	}
#define FINGER(number, word)                                                                       \
	{                                                                                          \
		.id = (number), .factor = KM_FACTOR_FINGERPRINT, .label = (word)                   \
	}
#define CODES(number)                                                                              \
	{                                                                                          \
		.id = (number), .factor = KM_FACTOR_TOTP, .label = "app"                           \
	}
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct msg_finger_stage five[] = {
	EVENT(WAITING), EVENT(TAKEN),   STAGE(GOOD, 1), EVENT(TAKEN), STAGE(GOOD, 2),
	EVENT(WAITING), EVENT(TAKEN),   STAGE(GOOD, 3), EVENT(TAKEN), STAGE(GOOD, 4),
	EVENT(TAKEN),   STAGE(GOOD, 5), NO_MORE,
};
static const struct msg_finger_stage waiting[] = { EVENT(WAITING), NO_MORE };
static const struct msg_credential_row one_finger[] = { FINGER(7, "right-index"), CODES(3), { 0 } };
static const struct msg_credential_row two_fingers[] = {
	FINGER(7, "right-index"), FINGER(5, "left-thumb"), CODES(3), { 0 }
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

/* --- the command line -------------------------------------------------------- */

static void test_a_finger_must_be_named_and_be_one_of_ten(void **state)
{
	char *const wrong[] = { (char[]){ "index" }, (char[]){ "" }, (char[]){ "RIGHT-INDEX" },
				(char[]){ "1" } };
	struct play p = { 0 };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("enroll"), W("fingerprint"), W("sato")), 2);
	assert_says(s.err, "--finger is missing");
	assert_says(s.err, "right-thumb right-index right-middle right-ring right-little "
			   "left-thumb left-index left-middle left-ring left-little");
	end(&s);
	for (size_t i = 0; i < COUNT(wrong); i++) {
		begin(&s, &p, "");
		assert_int_equal(
		    KENMON(&s, W("enroll"), W("fingerprint"), W("sato"), W("--finger"), wrong[i]),
		    2);
		assert_says(s.err, "right-thumb, right-index, right-middle, right-ring, "
				   "right-little, left-thumb, left-index, left-middle, left-ring, "
				   "left-little");
		assert_null(strstr(s.err, "agreed"));
		assert_int_equal(s.desk.line, -1); /* nothing was asked of the vault */
		end(&s);
	}
}

static void test_impressions_are_five_to_ten(void **state)
{
	char *const wrong[] = { (char[]){ "4" }, (char[]){ "11" }, (char[]){ "-5" },
				(char[]){ "five" } };
	struct play p = { .stages = five, .credentials = two_fingers };
	struct scene s;

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		begin(&s, &p, "");
		assert_int_equal(ENROLL(&s, W("--impressions"), wrong[i]), 2);
		assert_says(s.err, "5 … 10");
		end(&s);
	}
	begin(&s, &p, "");
	assert_int_equal(ENROLL(&s, W("--impressions"), W("10")), 0);
	end(&s);
}

/* --- how it goes -------------------------------------------------------------- */

static void test_an_enrolment_is_told_line_by_line(void **state)
{
	struct play p = { .stages = five, .credentials = one_finger };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(ENROLL(&s), 0);
	assert_says(s.err, "sato agreed to this text on 20");
	assert_says(s.err,
		    "The right index finger of sato is read several times, within two minutes.");
	assert_int_equal(times(s.err, "Reader: " READER "\n"), 1);
	assert_says(s.err, "\nTouch the fingerprint reader.\nImpression 1 of 5: Good.\n"
			   "Impression 2 of 5: Good.\nTouch the fingerprint reader.\n"
			   "Impression 3 of 5: Good.\n");
	assert_says(s.err, "Impression 5 of 5: Good.\n");
	assert_says(s.out, "The right index finger of sato is enrolled.\n"
			   "It is credential number 7, taken with " READER ".\n");
	/* Lines and nothing else: no redrawing, no colour. */
	assert_null(strchr(s.err, '\r'));
	assert_null(strchr(s.err, '\033'));
	end(&s);
}

static void test_a_first_finger_is_told_to_get_a_second(void **state)
{
	static const struct {
		const struct msg_credential_row *has;
		bool second;
	} cases[] = { { one_finger, true }, { two_fingers, false } };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct play p = { .stages = five, .credentials = cases[i].has };
		struct scene s;

		begin(&s, &p, "");
		assert_int_equal(ENROLL(&s), 0);
		assert_int_equal(times(s.err, "At least two fingers are recommended"),
				 cases[i].second);
		assert_int_equal(times(s.err, "A code can still be typed instead"), 1);
		end(&s);
	}
}

/* Whatever the reader or the matcher finds wrong is said each time, in words, and counted right. */
static void test_every_event_and_every_stage_is_said_in_words(void **state)
{
	static const struct {
		unsigned number;
		bool ends;
		enum km_text text;
	} events[] = {
#define KM_SENSOR_EVENT(NAME, number, ends, text, word) { number, ends, KM_TEXT_##text },
#include <kenmon/sensor_event.def>
#undef KM_SENSOR_EVENT
	};
	static const uint8_t stages[] = { KM_STAGE_FEW, KM_STAGE_DIFFERS, KM_STAGE_SAME };

	(void)state;
	for (unsigned lang = 0; lang < KM_LANG_COUNT; lang++) {
		for (size_t i = 0; i < COUNT(events); i++) {
			const char *text = km_text(events[i].text, (enum km_lang)lang);
			struct msg_finger_stage rows[] = { EVENT(WAITING), EVENT(TAKEN),
							   EVENT(TAKEN), NO_MORE };
			struct play p = { .stages = rows, .credentials = two_fingers };
			struct scene s;

			if (events[i].ends || events[i].text == KM_TEXT_NOTHING)
				continue;
			rows[1].event = rows[2].event = (uint8_t)events[i].number;
			begin(&s, &p, "");
			s.desk.lang = (enum km_lang)lang;
			assert_int_equal(ENROLL(&s), 0);
			/* Waiting is said once; each touch that was no good, each time. */
			assert_int_equal(times(s.err, text),
					 events[i].number == KM_SENSOR_WAITING ||
						 events[i].number == KM_SENSOR_IN_LINE
					     ? 1
					     : 2);
			end(&s);
		}
		for (size_t i = 0; i < COUNT(stages); i++) {
			struct msg_finger_stage rows[] = { STAGE(GOOD, 1), STAGE(GOOD, 2),
							   STAGE(FEW, 2), NO_MORE };
			struct play p = { .stages = rows, .credentials = two_fingers };
			char line[256];
			struct scene s;

			rows[2].outcome = stages[i];
			snprintf(line, sizeof(line), "%s%s\n",
				 lang == KM_LANG_JA ? "5 回中 3 回目: " : "Impression 3 of 5: ",
				 km_text(km_stage_text(stages[i]), (enum km_lang)lang));
			begin(&s, &p, "");
			s.desk.lang = (enum km_lang)lang;
			assert_int_equal(ENROLL(&s), 0);
			assert_says(s.err, line);
			end(&s);
		}
	}
}

/* The reader waits for the next touch before the matcher has said what the last was worth. */
static void test_the_next_touch_is_asked_for_after_what_the_last_was_worth(void **state)
{
	static const struct msg_finger_stage rows[] = {
		EVENT(WAITING), EVENT(TAKEN),   EVENT(WAITING), STAGE(GOOD, 4),
		EVENT(TAKEN),   EVENT(WAITING), STAGE(FEW, 4),  EVENT(TAKEN),
		EVENT(WAITING), STAGE(GOOD, 5), EVENT(WAITING), NO_MORE,
	};
	struct play p = { .stages = rows, .credentials = two_fingers };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(ENROLL(&s), 0);
	assert_says(s.err, "Touch the fingerprint reader.\n"
			   "Impression 4 of 5: Good.\n"
			   "Touch the fingerprint reader.\n"
			   "Impression 5 of 5: Too little of the finger could be seen. Touch the "
			   "reader again, flat and in the middle.\n"
			   "Touch the fingerprint reader.\n"
			   "Impression 5 of 5: Good.\n"
			   "A code");
	end(&s);
}

static void test_beginning_anew_says_what_is_left_of_it(void **state)
{
	static const struct msg_finger_stage rows[] = { STAGE(GOOD, 1), STAGE(RESTARTED, 3),
							STAGE(GOOD, 4), NO_MORE };
	struct play p = { .stages = rows, .credentials = two_fingers };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(ENROLL(&s), 0);
	assert_says(s.err,
		    "which are kept instead.\nGood so far: 3 of 5.\nImpression 4 of 5: Good.\n");
	end(&s);
}

/* --- how it ends -------------------------------------------------------------- */

static void test_every_event_that_ends_it_is_a_sentence_and_no_success(void **state)
{
	static const struct {
		struct msg_finger_stage last;
		km_rc rc;
		int code;
		const char *says;
	} cases[] = {
		{ EVENT(DONE), KM_EUNAVAIL, 69, "Too many touches were not good enough." },
		{ EVENT(TIMEOUT), KM_ETIMEOUT, 69, "The reader was not touched in time." },
		{ EVENT(STOPPED), KM_EUNAVAIL, 69, "The reader was stopped." },
		{ EVENT(NO_READER), KM_EUNAVAIL, 69, "There is no fingerprint reader." },
		{ EVENT(UNSUPPORTED), KM_EUNAVAIL, 69, "keeps templates inside itself" },
		{ EVENT(CLAIMED), KM_EUNAVAIL, 69, "Another program is using" },
		{ EVENT(HOT), KM_EUNAVAIL, 69, "too warm" },
		{ EVENT(FAILED), KM_EUNAVAIL, 69, "cannot be used at the moment" },
		{ STAGE(KNOWN, 0), KM_EEXIST, 1, "This finger is enrolled already." },
		{ STAGE(FAILED, 0), KM_EUNAVAIL, 69, "The finger could not be enrolled." },
		{ { .outcome = 99, .of = 5 },
		  KM_EUNAVAIL,
		  69,
		  "The finger could not be enrolled." },
		{ { .event = 99 }, KM_EUNAVAIL, 69, "cannot be used at the moment" },
	};
	unsigned ends = 0;

#define KM_SENSOR_EVENT(NAME, number, end, text, word) ends += (end);
#include <kenmon/sensor_event.def>
#undef KM_SENSOR_EVENT
	(void)state;
	assert_int_equal(COUNT(cases), ends + 4);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct msg_finger_stage rows[] = { EVENT(WAITING), NO_MORE, NO_MORE };
		struct play p = { .stages = rows, .rc = cases[i].rc };
		struct scene s;

		rows[1] = cases[i].last;
		begin(&s, &p, "");
		assert_int_equal(ENROLL(&s), cases[i].code);
		assert_says(s.err, cases[i].says);
		assert_int_equal(times(s.err, cases[i].says), 1);
		assert_int_equal(times(s.err, "Nothing was stored."), 1);
		assert_string_equal(s.out, "");
		end(&s);
	}
}

static void test_an_end_of_the_capture_undoes_no_template_that_was_stored(void **state)
{
	static const struct msg_finger_stage rows[] = { STAGE(GOOD, 5), EVENT(STOPPED), NO_MORE };
	struct play p = { .stages = rows, .credentials = two_fingers };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(ENROLL(&s), 0);
	assert_null(strstr(s.err, "stopped"));
	end(&s);
}

static void test_a_refusal_before_any_touch_says_its_reason(void **state)
{
	static const struct msg_finger_stage rows[] = { NO_MORE };
	struct play p = { .stages = rows, .rc = KM_ENOTFOUND, .text = "there is no operator sato" };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(ENROLL(&s), 1);
	assert_says(s.err, "there is no operator sato");
	assert_null(strstr(s.err, "is read several times")); /* nothing is */
	end(&s);
}

static void test_without_a_reader_nothing_is_taken_and_the_list_is_named(void **state)
{
	static const struct msg_finger_stage rows[] = { EVENT(NO_READER), NO_MORE };
	struct play p = { .stages = rows, .rc = KM_EUNAVAIL };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(ENROLL(&s), 69);
	assert_null(strstr(s.err, "is read several times"));
	assert_says(s.err, "There is no fingerprint reader. Nothing was stored.\n"
			   "'kenmon sensor list' shows");
	end(&s);
}

static void test_ctrl_c_asks_the_vault_to_stop_and_says_that_nothing_was_stored(void **state)
{
	struct play p = { .stages = waiting, .interrupts = 1, .rc = KM_EABORTED };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(ENROLL(&s), 1);
	assert_says(s.err, "kenmon: stopped; nothing was stored\n");
	end(&s);
}

static void test_ctrl_c_that_came_too_late_is_no_failure(void **state)
{
	struct play p = { .stages = five, .interrupts = 1, .credentials = two_fingers };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(ENROLL(&s), 0);
	assert_says(s.out, "is enrolled.");
	end(&s);
}

static void test_ctrl_c_twice_leaves_at_once_and_claims_nothing(void **state)
{
	struct play p = { .stages = waiting, .interrupts = 2, .deaf = true };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(ENROLL(&s), 1);
	assert_says(s.err, "did not say whether it was in time");
	assert_null(strstr(s.err, "othing was stored\n"));
	end(&s);
}

static void test_a_vault_that_goes_while_a_finger_is_read_is_not_asked_again(void **state)
{
	static const struct msg_finger_stage rows[] = { EVENT(WAITING), STAGE(GOOD, 1), NO_MORE };
	struct play p = { .stages = rows, .break_in_rows = true };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(ENROLL(&s), 69);
	assert_int_equal(times(s.err, "Impression 1 of 5"), 1);
	assert_says(s.err, "the connection was closed; whether the finger was stored is not known");
	assert_string_equal(s.out, "");
	end(&s);
}

static void test_a_prompt_in_an_enrolment_of_a_finger_is_no_protocol_of_ours(void **state)
{
	struct play p = { .prompt = true };
	struct scene s;

	(void)state;
	begin(&s, &p, "123456\n");
	assert_int_equal(ENROLL(&s), 69);
	assert_null(strstr(s.err, "One-time code"));
	end(&s);
}

/* --- JSON, Japanese, hostile names --------------------------------------------- */

static void test_an_enrolment_in_json_is_one_object_and_its_steps_are_words(void **state)
{
	static const struct msg_finger_stage rows[] = { EVENT(WAITING), EVENT(TOO_SHORT),
							EVENT(TAKEN), STAGE(FEW, 0), NO_MORE };
	struct play p = { .stages = rows, .credentials = one_finger };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(ENROLL(&s, W("--json")), 0);
	assert_string_equal(
	    s.out, "{\"result\":\"done\",\"id\":7,\"finger\":\"right-index\",\"reader\":\"" READER
		   "\",\"impressions\":5,\"fingers\":1,\"steps\":[{\"event\":\"waiting\"},"
		   "{\"event\":\"too-short\"},{\"event\":\"taken\"},"
		   "{\"outcome\":\"too-few-minutiae\",\"good\":0,\"of\":5}]}\n");
	/* The person at the reader still hears what to do. */
	assert_says(s.err, "Touch the fingerprint reader.\nThat was too short.");
	end(&s);
	p.rc = KM_ETIMEOUT;
	begin(&s, &p, "");
	assert_int_equal(ENROLL(&s, W("--json")), 69);
	assert_says(s.out, "{\"error\":\"ETIMEOUT\",\"message\":\"");
	assert_says(s.out, "\"finger\":\"right-index\",\"reader\":\"" READER "\",\"steps\":[");
	end(&s);
}

static void test_an_enrolment_in_japanese_has_no_english_in_it(void **state)
{
	struct play p = { .stages = five, .credentials = one_finger };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	s.desk.lang = KM_LANG_JA;
	assert_int_equal(ENROLL(&s), 0);
	assert_says(s.err, "sato はこの文章に");
	assert_says(s.err, "5 回中 2 回目: 良好です。\n");
	assert_says(s.err, "二本以上の指の登録をお勧めします");
	assert_says(s.out, "sato の右手の人差し指を登録しました。\n");
	assert_null(strstr(s.err, "Touch"));
	assert_null(strstr(s.err, "index finger"));
	assert_null(strstr(s.out, "finger"));
	end(&s);
}

static void test_a_reader_cannot_write_on_the_terminal(void **state)
{
	struct msg_finger_stage rows[] = { EVENT(WAITING), NO_MORE };
	struct play p = { .stages = rows, .credentials = two_fingers };
	struct scene s;

	(void)state;
	/* The wire lets no control character through; what could be read as markup is shown. */
	snprintf(rows[0].reader, sizeof(rows[0].reader), "%%1 %%s \"reader\"");
	begin(&s, &p, "");
	assert_int_equal(ENROLL(&s), 0);
	assert_says(s.err, "Reader: %1 %s \"reader\"\n");
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_finger_must_be_named_and_be_one_of_ten),
		cmocka_unit_test(test_impressions_are_five_to_ten),
		cmocka_unit_test(test_an_enrolment_is_told_line_by_line),
		cmocka_unit_test(test_a_first_finger_is_told_to_get_a_second),
		cmocka_unit_test(test_every_event_and_every_stage_is_said_in_words),
		cmocka_unit_test(test_the_next_touch_is_asked_for_after_what_the_last_was_worth),
		cmocka_unit_test(test_beginning_anew_says_what_is_left_of_it),
		cmocka_unit_test(test_every_event_that_ends_it_is_a_sentence_and_no_success),
		cmocka_unit_test(test_an_end_of_the_capture_undoes_no_template_that_was_stored),
		cmocka_unit_test(test_a_refusal_before_any_touch_says_its_reason),
		cmocka_unit_test(test_without_a_reader_nothing_is_taken_and_the_list_is_named),
		cmocka_unit_test(
		    test_ctrl_c_asks_the_vault_to_stop_and_says_that_nothing_was_stored),
		cmocka_unit_test(test_ctrl_c_that_came_too_late_is_no_failure),
		cmocka_unit_test(test_ctrl_c_twice_leaves_at_once_and_claims_nothing),
		cmocka_unit_test(test_a_vault_that_goes_while_a_finger_is_read_is_not_asked_again),
		cmocka_unit_test(test_a_prompt_in_an_enrolment_of_a_finger_is_no_protocol_of_ours),
		cmocka_unit_test(test_an_enrolment_in_json_is_one_object_and_its_steps_are_words),
		cmocka_unit_test(test_an_enrolment_in_japanese_has_no_english_in_it),
		cmocka_unit_test(test_a_reader_cannot_write_on_the_terminal),
	};

	return cmocka_run_group_tests(tests, scene_setup, NULL);
}
