/* Fingers, sensor events and stages: numbers and words are given once, texts are there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <kenmon/finger.h>
#include <kenmon/log.h>

struct row {
	unsigned number;
	const char *word;
};

static const struct row fingers[] = {
#define KM_FINGER(NAME, number, word, en, ja) { number, word },
#include <kenmon/finger.def>
#undef KM_FINGER
};

static const struct row events[] = {
#define KM_SENSOR_EVENT(NAME, number, ends, text, word) { number, word },
#include <kenmon/sensor_event.def>
#undef KM_SENSOR_EVENT
};

static const struct row stages[] = {
#define KM_STAGE(NAME, number, text, word) { number, word },
#include <kenmon/stage.def>
#undef KM_STAGE
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A word stands in records, in --json and behind options: small letters and single dashes. */
static void assert_word(const char *word)
{
	assert_true(*word && strlen(word) < 32);
	assert_int_equal(strspn(word, "abcdefghijklmnopqrstuvwxyz-"), strlen(word));
	assert_true(word[0] != '-' && word[strlen(word) - 1] != '-' && !strstr(word, "--"));
}

static void assert_each_once(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		assert_true(rows[i].number > 0 && rows[i].number < 256);
		assert_word(rows[i].word);
		for (size_t k = 0; k < i; k++) {
			assert_int_not_equal(rows[i].number, rows[k].number);
			assert_string_not_equal(rows[i].word, rows[k].word);
		}
	}
}

static void test_numbers_and_words_are_given_once(void **state)
{
	(void)state;
	assert_each_once(fingers, COUNT(fingers));
	assert_each_once(events, COUNT(events));
	assert_each_once(stages, COUNT(stages));
}

static void test_there_are_ten_fingers_numbered_as_in_the_standard(void **state)
{
	/* ISO/IEC 19794-2, finger position codes. */
	static const char *const wanted[] = { "right-thumb", "right-index",  "right-middle",
					      "right-ring",  "right-little", "left-thumb",
					      "left-index",  "left-middle",  "left-ring",
					      "left-little" };

	(void)state;
	assert_int_equal(COUNT(fingers), 10);
	for (unsigned i = 0; i < 10; i++) {
		assert_string_equal(km_finger_word(i + 1), wanted[i]);
		assert_int_equal(km_finger_parse(wanted[i]), i + 1);
	}
	assert_int_equal(KM_GRANT_TEMPLATES, 10);
}

static void test_what_is_no_finger_is_none(void **state)
{
	static const char *const none[] = {
		"", "?", "index", "Right-Index", "right-index ", "right index", "1"
	};

	(void)state;
	for (size_t i = 0; i < COUNT(none); i++)
		assert_int_equal(km_finger_parse(none[i]), KM_FINGER_NONE);
	assert_int_equal(km_finger_parse(NULL), KM_FINGER_NONE);
	assert_true(km_finger_known(1) && km_finger_known(10));
	assert_false(km_finger_known(0) || km_finger_known(11));
	assert_string_equal(km_finger_word(0), "?");
	assert_string_equal(km_finger_word(11), "?");
	assert_string_equal(km_finger_name(0, KM_LANG_EN), "?");
	assert_string_equal(km_finger_name(4711, KM_LANG_JA), "?");
}

static void test_every_finger_has_a_name_of_its_own_in_both_languages(void **state)
{
	(void)state;
	for (unsigned lang = 0; lang < KM_LANG_COUNT; lang++)
		for (unsigned i = 1; i <= 10; i++) {
			const char *name = km_finger_name(i, (enum km_lang)lang);

			assert_true(*name && km_text_is_plain(name, strlen(name)));
			for (unsigned k = 1; k < i; k++)
				assert_string_not_equal(name,
							km_finger_name(k, (enum km_lang)lang));
		}
	assert_string_equal(km_finger_name(2, KM_LANG_EN), "right index finger");
	assert_string_equal(km_finger_name(2, KM_LANG_JA), "右手の人差し指");
	assert_string_equal(km_finger_name(2, (enum km_lang)9), "right index finger");
}

static void test_every_event_and_stage_is_found_by_its_number(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(events); i++) {
		assert_string_equal(km_sensor_event_word(events[i].number), events[i].word);
		assert_int_equal(km_sensor_event_parse(events[i].word), events[i].number);
	}
	for (size_t i = 0; i < COUNT(stages); i++)
		assert_string_equal(km_stage_word(stages[i].number), stages[i].word);
}

/* What has no text of its own is named here, so that a new row is not silent by oversight. */
static void test_events_without_a_text_are_those_that_need_none(void **state)
{
	static const unsigned silent[] = { KM_SENSOR_TAKEN, KM_SENSOR_READER, KM_SENSOR_DONE,
					   KM_SENSOR_STOPPED };
	size_t found = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(events); i++) {
		enum km_text text = km_sensor_event_text(events[i].number);

		for (size_t k = 0; k < COUNT(silent); k++)
			found += silent[k] == events[i].number && text == KM_TEXT_NOTHING;
		assert_true(*km_text(text, KM_LANG_EN) || text == KM_TEXT_NOTHING);
		found -= text == KM_TEXT_NOTHING;
	}
	assert_int_equal(found, 0);
	for (size_t i = 0; i < COUNT(stages); i++) {
		enum km_text text = km_stage_text(stages[i].number);

		assert_int_not_equal(text, KM_TEXT_NOTHING);
		assert_true(*km_text(text, KM_LANG_EN) && *km_text(text, KM_LANG_JA));
	}
}

static void test_an_event_that_is_none_ends_a_capture_as_a_failure_does(void **state)
{
	(void)state;
	assert_true(km_sensor_event_known(KM_SENSOR_FAILED) && km_stage_known(KM_STAGE_GOOD));
	assert_false(km_sensor_event_known(0) || km_sensor_event_known(99));
	assert_false(km_stage_known(0) || km_stage_known(99));
	assert_true(km_sensor_event_ends(0));
	assert_true(km_sensor_event_ends(99));
	assert_string_equal(km_sensor_event_word(0), "?");
	assert_int_equal(km_sensor_event_parse("?"), KM_SENSOR_NONE);
	assert_int_equal(km_sensor_event_parse(""), KM_SENSOR_NONE);
	assert_int_equal(km_sensor_event_text(99), km_sensor_event_text(KM_SENSOR_FAILED));
	assert_string_equal(km_stage_word(0), "?");
	assert_int_equal(km_stage_text(99), km_stage_text(KM_STAGE_FAILED));
	assert_false(km_sensor_event_ends(KM_SENSOR_WAITING));
	assert_false(km_sensor_event_ends(KM_SENSOR_TAKEN));
	assert_true(km_sensor_event_ends(KM_SENSOR_DONE));
	assert_true(km_sensor_event_ends(KM_SENSOR_TIMEOUT));
}

static void test_no_match_is_zero_and_a_match_is_far_from_everything_else(void **state)
{
	static const unsigned others[] = { KM_MATCH_NO, KM_MATCH_POOR, KM_MATCH_FAILED };

	(void)state;
	assert_int_equal(KM_MATCH_NO, 0);
	for (size_t i = 0; i < COUNT(others); i++)
		assert_true(__builtin_popcount(others[i] ^ KM_MATCH_YES) > 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_and_words_are_given_once),
		cmocka_unit_test(test_there_are_ten_fingers_numbered_as_in_the_standard),
		cmocka_unit_test(test_what_is_no_finger_is_none),
		cmocka_unit_test(test_every_finger_has_a_name_of_its_own_in_both_languages),
		cmocka_unit_test(test_every_event_and_stage_is_found_by_its_number),
		cmocka_unit_test(test_events_without_a_text_are_those_that_need_none),
		cmocka_unit_test(test_an_event_that_is_none_ends_a_capture_as_a_failure_does),
		cmocka_unit_test(test_no_match_is_zero_and_a_match_is_far_from_everything_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
