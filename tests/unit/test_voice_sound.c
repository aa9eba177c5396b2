/* Sounds: files of a site that are not what they should be, and G.711 by its own definition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../authd/courier/sip_sound.h"

#define HEAD                                                                                       \
	"RIFF\0\0\0\0WAVE"                                                                         \
	"fmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0"
#define DATA(len) "data" len "\0\0\0"

static km_rc read_wav(const char *bytes, size_t len, const uint8_t **samples, size_t *count)
{
	static uint8_t *copy;

	free(copy);
	copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, bytes, len);
	return voice_wav_read(copy, len, samples, count);
}

static void test_samples_are_found_behind_other_chunks(void **state)
{
	static const char file[] = HEAD "LIST\3\0\0\0abc\0" DATA("\4") "\1\2\3\4more";
	const uint8_t *samples = NULL;
	size_t count = 0;

	(void)state;
	assert_int_equal(read_wav(file, sizeof(file) - 1, &samples, &count), KM_OK);
	assert_int_equal(count, 2);
	assert_memory_equal(samples, "\1\2\3\4", 4);
}

static void test_another_wav_is_refused(void **state)
{
	static const char good[] = HEAD DATA("\4") "\1\2\3\4";
	/* place of a byte, and what makes it something else */
	static const struct {
		size_t at;
		char byte;
	} bad[] = {
		{ 0, 'X' },                /* RIFF */
		{ 8, 'X' },                /* WAVE */
		{ 12, 'X' },               /* no format */
		{ 16, 8 },                 /* a short one */
		{ 20, 7 },                 /* µ-law */
		{ 22, 2 },                 /* two channels */
		{ 25, 0x3e },              /* 16 kHz */
		{ 32, 4 },      { 34, 8 }, /* 8 bits */
		{ 36, 'X' },               /* no samples */
		{ 40, 5 },                 /* more than there are */
		{ 40, 1 },                 /* half a sample */
		{ 43, '\xff' },            /* four gigabytes */
	};
	const uint8_t *samples = NULL;
	size_t count = 77;
	char file[sizeof(good)];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memcpy(file, good, sizeof(good));
		file[bad[i].at] = bad[i].byte;
		assert_int_equal(read_wav(file, sizeof(good) - 1, &samples, &count), KM_EPROTO);
	}
	for (size_t len = 0; len < sizeof(good) - 1; len++)
		assert_int_equal(read_wav(good, len, &samples, &count), KM_EPROTO);
	assert_null(samples);
	assert_int_equal(count, 77);
}

/* --- folders ------------------------------------------------------------------------------- */

static char folder[64];

static const char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void put(const char *name, const char *bytes, size_t len)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static const char wav[] = HEAD DATA("\4") "\1\2\3\xff";

static int make_folder(void **state)
{
	char name[64];

	(void)state;
	strcpy(folder, "/tmp/kenmon-sounds-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	for (unsigned lang = 0; lang < 2; lang++) {
		mkdir(path_of(lang ? "ja" : "en"), 0700);
		for (unsigned i = 0; i < VOICE_SOUNDS; i++) {
			snprintf(name, sizeof(name), "%s/%s.wav", lang ? "ja" : "en",
				 voice_sound_name((enum voice_sound)i));
			put(name, wav, sizeof(wav) - 1);
		}
	}
	return 0;
}

static int remove_folder(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void test_a_whole_folder_is_read(void **state)
{
	struct voice_sounds s;
	char name[64];

	(void)state;
	assert_int_equal(voice_sounds_read(folder, &s, name, sizeof(name)), KM_OK);
	for (unsigned i = 0; i < VOICE_SOUNDS; i++)
		assert_int_equal(s.sound[KM_LANG_JA][i].count, 2);
	assert_int_equal(s.sound[KM_LANG_EN][VOICE_NO_KEY].at[0], 0x0201);
	assert_int_equal(s.sound[KM_LANG_EN][VOICE_NO_KEY].at[1], (int16_t)0xff03);
	voice_sounds_free(&s);
	voice_sounds_free(&s);
	voice_sounds_free(NULL);
}

static void assert_not_read(km_rc wanted)
{
	struct voice_sounds s, before;
	char name[64] = "";

	memset(&s, 0xa5, sizeof(s));
	before = s;
	assert_int_equal(voice_sounds_read(folder, &s, name, sizeof(name)), wanted);
	assert_memory_equal(&s, &before, sizeof(s));
	assert_string_equal(name, "ja/no-key.wav");
}

static void test_a_folder_with_one_bad_file_is_refused_by_its_name(void **state)
{
	static char big[VOICE_WAV_MAX + 1];

	(void)state;
	unlink(path_of("ja/no-key.wav"));
	assert_not_read(KM_ENOTFOUND);
	assert_int_equal(mkfifo(path_of("ja/no-key.wav"), 0600), 0);
	assert_not_read(KM_EIO);
	unlink(path_of("ja/no-key.wav"));
	assert_int_equal(mkdir(path_of("ja/no-key.wav"), 0700), 0);
	assert_not_read(KM_EIO);
	rmdir(path_of("ja/no-key.wav"));
	put("ja/no-key.wav", "", 0);
	assert_not_read(KM_ELIMIT);
	put("ja/no-key.wav", "RIFF", 4);
	assert_not_read(KM_EPROTO);
	put("ja/no-key.wav", big, sizeof(big));
	assert_not_read(KM_ELIMIT);
	put("ja/no-key.wav", wav, sizeof(wav) - 1);
}

/* --- G.711 --------------------------------------------------------------------------------- */

/* Decoders by the recommendation's tables, to which the encoders must be the nearest way back. */
static int from_ulaw(uint8_t byte)
{
	int bits = ~byte & 0xff, segment = bits >> 4 & 7;
	int magnitude = (((bits & 15) << 3) + 0x84) << segment;

	return bits & 0x80 ? 0x84 - magnitude : magnitude - 0x84;
}

static int from_alaw(uint8_t byte)
{
	int bits = byte ^ 0x55, segment = bits >> 4 & 7;
	int magnitude = ((bits & 15) << 4) + 8;

	if (segment > 0)
		magnitude = (magnitude + 0x100) << (segment - 1);
	return bits & 0x80 ? magnitude : -magnitude;
}

static void test_g711_is_its_own_inverse(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		assert_int_equal(voice_alaw((int16_t)from_alaw((uint8_t)byte)), byte);
		if (byte != 0x7f) /* the other zero */
			assert_int_equal(voice_ulaw((int16_t)from_ulaw((uint8_t)byte)), byte);
	}
}

static void test_g711_keeps_every_sample_within_its_step(void **state)
{
	(void)state;
	for (int v = INT16_MIN; v <= INT16_MAX; v++) {
		int magnitude = v < 0 ? -v : v;
		int step = magnitude / 16 + 16;

		assert_in_range(from_ulaw(voice_ulaw((int16_t)v)) - v + 4096, 4096 - step,
				4096 + step);
		assert_in_range(from_alaw(voice_alaw((int16_t)v)) - v + 4096, 4096 - step,
				4096 + step);
	}
}

static void test_silence_is_what_everybody_calls_silence(void **state)
{
	(void)state;
	assert_int_equal(voice_ulaw(0), 0xff);
	assert_int_equal(voice_alaw(0), 0xd5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples_are_found_behind_other_chunks),
		cmocka_unit_test(test_another_wav_is_refused),
		cmocka_unit_test(test_a_whole_folder_is_read),
		cmocka_unit_test(test_a_folder_with_one_bad_file_is_refused_by_its_name),
		cmocka_unit_test(test_g711_is_its_own_inverse),
		cmocka_unit_test(test_g711_keeps_every_sample_within_its_step),
		cmocka_unit_test(test_silence_is_what_everybody_calls_silence),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
