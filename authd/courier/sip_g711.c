/* ITU-T G.711: samples of 16 bits as one byte, µ-law (PCMU) and A-law (PCMA). */
#include "sip_sound.h"

/* The place of the highest bit above bit 7, 0 to 7. */
static unsigned segment_of(unsigned magnitude)
{
	unsigned segment = 0;

	for (magnitude >>= 8; magnitude > 0 && segment < 7; magnitude >>= 1)
		segment++;
	return segment;
}

uint8_t voice_ulaw(int16_t sample)
{
	enum { BIAS = 0x84, CLIP = 32635 };
	unsigned sign = sample < 0 ? 0x80 : 0;
	unsigned magnitude = (unsigned)(sample < 0 ? -(int)sample : sample);
	unsigned segment;

	if (magnitude > CLIP)
		magnitude = CLIP;
	magnitude += BIAS;
	segment = segment_of(magnitude);
	return (uint8_t) ~(sign | segment << 4 | (magnitude >> (segment + 3) & 0x0f));
}

uint8_t voice_alaw(int16_t sample)
{
	unsigned sign = sample < 0 ? 0 : 0x80;
	unsigned magnitude = (unsigned)(sample < 0 ? -(int)sample - 1 : sample);
	unsigned segment = segment_of(magnitude);
	unsigned shift = segment > 0 ? segment + 3 : 4;

	return (uint8_t)((sign | segment << 4 | (magnitude >> shift & 0x0f)) ^ 0x55);
}
