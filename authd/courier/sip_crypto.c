/* SRTP's key in a session description (RFC 4568), the one suite that all must know. */
#include <stdio.h>
#include <string.h>

#include <kenmon/secret.h>

#include "sip_wire.h"

#define SUITE    "AES_CM_128_HMAC_SHA1_80"
#define BASE64   (VOICE_SRTP_KEY / 3 * 4) /* without padding: the key's length is a multiple of 3 */
#define TAG_MAX  9                        /* digits, RFC 4568, section 9.1 */
#define LIFE_MAX 12                       /* "2^48", or as many packets in digits */

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int value_of(char c)
{
	const char *at = c ? strchr(letters, c) : NULL;

	return at ? (int)(at - letters) : -1;
}

static bool take_word(const char **at, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(*at, word, len) != 0)
		return false;
	*at += len;
	return true;
}

static bool take_tag(const char **at, unsigned *tag)
{
	unsigned n = 0, digits = 0;

	for (; **at >= '0' && **at <= '9' && digits < TAG_MAX; (*at)++, digits++)
		n = n * 10 + (unsigned)(**at - '0');
	*tag = n;
	return digits > 0 && take_word(at, " ");
}

static bool take_key(const char **at, uint8_t key[VOICE_SRTP_KEY])
{
	for (size_t i = 0; i < VOICE_SRTP_KEY; i += 3) {
		uint32_t bits = 0;

		for (int j = 0; j < 4; j++, (*at)++) {
			int v = value_of(**at);

			if (v < 0)
				return false;
			bits = bits << 6 | (uint32_t)v;
		}
		key[i] = (uint8_t)(bits >> 16);
		key[i + 1] = (uint8_t)(bits >> 8);
		key[i + 2] = (uint8_t)bits;
	}
	return true;
}

/* Nothing, or "|2^20": a call ends long before any lifetime. No MKI, which has a colon. */
static bool take_lifetime(const char **at)
{
	size_t len;

	if (!take_word(at, "|"))
		return true;
	len = strspn(*at, "0123456789^");
	*at += len;
	return len > 0 && len <= LIFE_MAX;
}

km_rc voice_crypto_read(const char *line, struct voice_crypto *c)
{
	struct voice_crypto got;
	bool good = take_tag(&line, &got.tag) && take_word(&line, SUITE) && take_word(&line, " ") &&
		    take_word(&line, "inline:") && take_key(&line, got.key) && take_lifetime(&line);

	while (good && *line == ' ')
		line++;
	good = good && *line == '\0';
	if (good)
		*c = got;
	km_wipe(&got, sizeof(got));
	return good ? KM_OK : KM_EPROTO;
}

void voice_crypto_write(const struct voice_crypto *c, char line[VOICE_SRTP_LINE])
{
	char text[BASE64 + 1];

	for (size_t i = 0, out = 0; i < VOICE_SRTP_KEY; i += 3) {
		uint32_t bits =
		    (uint32_t)c->key[i] << 16 | (uint32_t)c->key[i + 1] << 8 | c->key[i + 2];

		for (int j = 0; j < 4; j++)
			text[out++] = letters[bits >> (18 - 6 * j) & 63];
	}
	text[BASE64] = '\0';
	snprintf(line, VOICE_SRTP_LINE, "%u " SUITE " inline:%s", c->tag, text);
	km_wipe(text, sizeof(text));
}
