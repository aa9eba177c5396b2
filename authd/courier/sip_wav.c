/* WAV files: RIFF chunks, of which "fmt " and "data" count. A site may replace ours by its own. */
#include <stdbool.h>
#include <string.h>

#include "sip_sound.h"

#define CHUNK   8 /* a name and a length before each */
#define PCM     1
#define FMT_MIN 16

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] | (unsigned)p[1] << 8;
}

/* 8 kHz, one channel, 16 bits. */
static bool is_ours(const uint8_t *fmt, size_t len)
{
	return len >= FMT_MIN && get16(fmt) == PCM && get16(fmt + 2) == 1 &&
	       get32(fmt + 4) == VOICE_RATE && get16(fmt + 12) == 2 && get16(fmt + 14) == 16;
}

km_rc voice_wav_read(const uint8_t *file, size_t len, const uint8_t **samples, size_t *count)
{
	bool format = false;
	size_t at = 12, size;

	if (len < at || memcmp(file, "RIFF", 4) != 0 || memcmp(file + 8, "WAVE", 4) != 0)
		return KM_EPROTO;
	while (len - at >= CHUNK) {
		const uint8_t *chunk = file + at;

		size = get32(chunk + 4);
		at += CHUNK;
		if (size > len - at)
			return KM_EPROTO;
		if (memcmp(chunk, "fmt ", 4) == 0)
			format = is_ours(file + at, size);
		if (memcmp(chunk, "data", 4) == 0) {
			if (!format || size < 2)
				return KM_EPROTO;
			*samples = file + at;
			*count = size / 2;
			return KM_OK;
		}
		at += size;
		if (size % 2 == 1 && at < len)
			at++;
	}
	return KM_EPROTO;
}
