/*
 * What telephones and a site's sound files say to the courier: RTP and keys in it, INFO, SRTP's
 * key, WAV. The first byte says which. What is refused leaves its output as it was; what is taken
 * lies inside of what came.
 */
#include <stdlib.h>
#include <string.h>

#include "../../authd/courier/sip_sound.h"
#include "../../authd/courier/sip_wire.h"
#include "fuzz.h"

#define KEY_LINE                                                                                   \
	'1', ' ', 'A', 'E', 'S', '_', 'C', 'M', '_', '1', '2', '8', '_', 'H', 'M', 'A', 'C', '_',  \
	    'S', 'H', 'A', '1', '_', '8', '0', ' ', 'i', 'n', 'l', 'i', 'n', 'e', ':'
#define TEN 'A', 'b', '9', '+', '/', 'c', 'D', 'e', 'F', 'g'

const struct fuzz_seed fuzz_seeds[] = {
	SEED("rtp", 0, 0x80, 0xe5, 0, 1, 0, 0, 0, 160, 0, 0, 0, 1, 5, 0x0a, 0, 160),
	SEED("rtp-with-all", 0, 0xb1, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9, 9, 9, 9, 0xbe, 0xde, 0, 1,
	     7, 7, 7, 7, 1, 0x8a, 0, 160, 0, 2),
	SEED("events", 1, 5, 0x0a, 0, 160, 0, 5, 0x8a, 0, 160, 0, 11, 0x8a, 0, 160, 1),
	SEED("relay", 2, 'S', 'i', 'g', 'n', 'a', 'l', '=', '5', '\r', '\n', 'D', 'u', 'r', 'a',
	     't', 'i', 'o', 'n', '=', '1', '6', '0'),
	SEED("plain", 3, '#'),
	SEED("key", 4, KEY_LINE, TEN, TEN, TEN, TEN),
	SEED("key-with-lifetime", 4, KEY_LINE, TEN, TEN, TEN, TEN, '|', '2', '^', '2', '0'),
	SEED("wav", 5, 'R', 'I', 'F', 'F', 0, 0, 0, 0, 'W', 'A', 'V', 'E', 'f', 'm', 't', ' ', 16,
	     0, 0, 0, 1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0, 'd', 'a', 't',
	     'a', 4, 0, 0, 0, 1, 2, 3, 4),
	{ .name = NULL },
};
const char *const fuzz_words[] = { "RIFF",
				   "WAVE",
				   "fmt \x10",
				   "data",
				   "Signal=",
				   "Duration=",
				   "AES_CM_128_HMAC_SHA1_80",
				   " inline:",
				   "|2^20",
				   "|1:4",
				   " UNENCRYPTED_SRTP",
				   NULL };

void fuzz_begin(void)
{
}

static bool is_key(char key)
{
	return key != 0 && memchr("0123456789*#", key, 12) != NULL;
}

static void rtp(const uint8_t *bytes, size_t size)
{
	struct voice_rtp p, before;

	memset(&p, 0xa5, sizeof(p));
	before = p;
	if (voice_rtp_read(bytes, size, &p) != KM_OK) {
		fuzz_check(memcmp(&p, &before, sizeof(p)) == 0, "a bad packet left something");
		return;
	}
	fuzz_check(p.type < 128, "type %u", p.type);
	fuzz_check(p.payload >= bytes + VOICE_RTP_HEADER && p.len <= size &&
		       p.payload + p.len <= bytes + size,
		   "a payload outside of its packet");
}

/* Five bytes an event: its payload, and how much later it is than the one before. */
static void events(const uint8_t *bytes, size_t size)
{
	struct voice_keys keys = { 0 };
	struct voice_rtp p = { .source = 1, .len = 4 };

	for (; size >= 5; bytes += 5, size -= 5) {
		char key;

		p.time += bytes[4] * UINT32_C(0x1001);
		p.payload = bytes;
		key = voice_keys_take(&keys, &p);
		fuzz_check(key == 0 || is_key(key), "a key %u", (unsigned)key);
		fuzz_check(voice_keys_take(&keys, &p) == 0, "a key twice");
		p.source = 2;
		fuzz_check(!keys.begun || voice_keys_take(&keys, &p) == 0, "another stream");
		p.source = 1;
	}
}

static void relay(const uint8_t *bytes, size_t size)
{
	char key = voice_info_key(VOICE_INFO_RELAY, (const char *)bytes, size);

	fuzz_check(key == 0 || is_key(key), "a key %u", (unsigned)key);
}

static void plain(const uint8_t *bytes, size_t size)
{
	char key = voice_info_key(VOICE_INFO_PLAIN, (const char *)bytes, size);

	fuzz_check(key == 0 || is_key(key), "a key %u", (unsigned)key);
}

static void crypto(const uint8_t *bytes, size_t size)
{
	struct voice_crypto c, before, again;
	char *line = malloc(size + 1), written[VOICE_SRTP_LINE];

	fuzz_check(line, "no memory");
	memcpy(line, bytes, size);
	line[size] = '\0';
	memset(&c, 0xa5, sizeof(c));
	before = c;
	if (voice_crypto_read(line, &c) != KM_OK) {
		fuzz_check(memcmp(&c, &before, sizeof(c)) == 0, "a bad line left something");
	} else {
		voice_crypto_write(&c, written);
		fuzz_check(voice_crypto_read(written, &again) == KM_OK, "not read again");
		fuzz_check(again.tag == c.tag && memcmp(again.key, c.key, sizeof(c.key)) == 0,
			   "another key");
		fuzz_check(strstr(line, strchr(written, ':')) != NULL, "two forms");
	}
	free(line);
}

static void wav(const uint8_t *bytes, size_t size)
{
	const uint8_t *samples = NULL;
	size_t count = 4711;

	if (voice_wav_read(bytes, size, &samples, &count) != KM_OK) {
		fuzz_check(!samples && count == 4711, "a bad file left something");
		return;
	}
	fuzz_check(count > 0 && samples > bytes && samples + 2 * count <= bytes + size,
		   "samples outside of their file");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parsers[])(const uint8_t *, size_t) = { rtp,   events, relay,
								    plain, crypto, wav };
	uint8_t *bytes;

	if (size < 1)
		return 0;
	/* A copy of exactly its size: a byte read behind it is seen. */
	bytes = malloc(size > 1 ? size - 1 : 1);
	fuzz_check(bytes, "no memory");
	memcpy(bytes, data + 1, size - 1);
	parsers[data[0] % (sizeof(parsers) / sizeof(parsers[0]))](bytes, size - 1);
	free(bytes);
	return 0;
}
