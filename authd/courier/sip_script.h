/*
 * What a call says and waits for, from the moment it is answered: frames out, keys in. Time is
 * counted in frames, so nothing here looks at a clock.
 *
 * A question is asked three times. It is answered by '#', in KEYPAD with digits before it, or by
 * '*': this was not me. A code is read only after '#', so that no voice mailbox records one. A
 * test asks for '#' too, for it is keys that are tried; nobody logs in there, and '*' says nothing.
 * A notice is said twice, whoever or whatever listens, and takes no key.
 */
#ifndef KENMON_COURIER_SIP_SCRIPT_H
#define KENMON_COURIER_SIP_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include <kenmon/order.h>

#include "sip_sound.h"

/* Seconds; a frame is 20 ms. */
#define VOICE_FRAMES(ms) ((ms) / 20)

enum voice_part { VOICE_ASKING, VOICE_READING, VOICE_GOODBYE, VOICE_OVER };

/* What has come of it. Once it is not NOTHING it does not change any more. */
enum voice_outcome {
	VOICE_NOTHING,
	VOICE_KEYED, /* keys and count */
	VOICE_STAR,  /* '*' */
	VOICE_READ,  /* code or notice was read to its end, twice; a test was answered */
	VOICE_MUTE,  /* no key */
};

#define VOICE_STEPS 64

/* A sound, or a pause of so many frames. */
struct voice_step {
	uint8_t sound; /* enum voice_sound */
	uint16_t frames;
};

/* Holds keys or the code: in locked memory, wiped by its owner. */
struct voice_script {
	uint8_t kind; /* one of a call */
	uint8_t lang;
	unsigned digits;
	char digit[KM_ORDER_KEYS];
	unsigned count;
	char key[KM_ORDER_KEYS];
	enum voice_part part;
	enum voice_outcome outcome;
	unsigned round;
	bool read_once;
	unsigned steps, at; /* the list that is being played, and where */
	struct voice_step step[VOICE_STEPS];
	size_t played; /* samples, or frames, of that step */
};

/* digits: the code of SPOKEN, else empty. KM_EINVAL: not a call, or no such code. */
KM_MUST_CHECK km_rc voice_script_begin(struct voice_script *s, enum km_order kind,
				       enum km_lang lang, const char *digits, size_t count);

/* The next 20 ms; silence where there is nothing to say. part is OVER once all is said. */
void voice_script_frame(struct voice_script *s, const struct voice_sounds *sounds,
			int16_t frame[VOICE_FRAME]);

void voice_script_key(struct voice_script *s, char key);

#endif
