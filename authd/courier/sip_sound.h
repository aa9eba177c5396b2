/* What a call says: sounds in WAV files, by language; and how they travel. */
#ifndef KENMON_COURIER_SIP_SOUND_H
#define KENMON_COURIER_SIP_SOUND_H

#include <stddef.h>
#include <stdint.h>

#include <kenmon/rc.h>
#include <kenmon/texts.h>

#define VOICE_RATE  8000
#define VOICE_FRAME 160 /* samples of a packet: 20 ms */

/* Names of files, NAME.wav in a folder en or ja. The ten digits come first. */
enum voice_sound {
	VOICE_DIGIT_0 = 0,
	VOICE_ASK_KEYPAD = 10,
	VOICE_ASK_SPOKEN,
	VOICE_ASK_CONFIRM,
	VOICE_CODE,
	VOICE_AGAIN,
	VOICE_THANKS,
	VOICE_NOT_ME,
	VOICE_NO_KEY,
	VOICE_TEST,
	VOICE_NOTICE,
	VOICE_SOUNDS,
	VOICE_SILENCE = VOICE_SOUNDS, /* no file */
};

#define VOICE_LANGS 2

struct voice_samples {
	size_t count;
	int16_t *at;
};

struct voice_sounds {
	struct voice_samples sound[VOICE_LANGS][VOICE_SOUNDS];
};

const char *voice_sound_name(enum voice_sound sound);

#define VOICE_WAV_MAX (2 * 1024 * 1024) /* bytes of a file: two minutes */

/*
 * Finds the samples in a WAV file: 8 kHz, one channel, 16 bits, PCM. KM_EPROTO, outputs untouched,
 * for any other. *samples points into the file, little-endian.
 */
KM_MUST_CHECK km_rc voice_wav_read(const uint8_t *file, size_t len, const uint8_t **samples,
				   size_t *count);

/*
 * All sounds of both languages out of a folder. On failure *s is untouched, and name says the file:
 * KM_ENOTFOUND, KM_EIO, KM_ELIMIT, KM_ENOMEM, KM_EPROTO (not such a WAV).
 */
KM_MUST_CHECK km_rc voice_sounds_read(const char *folder, struct voice_sounds *s, char *name,
				      size_t cap);
void voice_sounds_free(struct voice_sounds *s);

/* G.711: one sample as one byte. */
uint8_t voice_ulaw(int16_t sample);
uint8_t voice_alaw(int16_t sample);

#endif
