/*
 * What telephones and a site's files say to the courier: RTP and keys in it, INFO, SRTP's key, WAV,
 * session descriptions, the server's address. The first byte says which. What is refused leaves its
 * output as it was; what is taken lies inside of what came.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../authd/courier/sip_sdp.h"
#include "../../authd/courier/sip_stack.h"
#include "../../authd/courier/sip_wire.h"
#include "fuzz.h"

#define KEY_LINE                                                                                   \
	'1', ' ', 'A', 'E', 'S', '_', 'C', 'M', '_', '1', '2', '8', '_', 'H', 'M', 'A', 'C', '_',  \
	    'S', 'H', 'A', '1', '_', '8', '0', ' ', 'i', 'n', 'l', 'i', 'n', 'e', ':'
#define TEN 'A', 'b', '9', '+', '/', 'c', 'D', 'e', 'F', 'g'
#define SEED_OF(name, first, text)                                                                 \
	{                                                                                          \
		(name), (const uint8_t *)first text, sizeof(first text) - 1                        \
	}
#define SDP_HEAD "v=0\r\no=u 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
#define SDP_SIX  "v=0\r\no=u 1 1 IN IP6 2001:db8::1\r\ns=-\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\n"
#define SDP_KEY                                                                                    \
	"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:Ab9+/cDeFgAb9+/cDeFgAb9+/cDeFgAb9+/cDeFg\r\n"

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
	SEED_OF("sdp", "\6\0",
		SDP_HEAD "m=audio 30000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
			 "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"),
	SEED_OF("sdp-srtp", "\6\1", SDP_HEAD "m=audio 30000 RTP/SAVP 8\r\n" SDP_KEY),
	SEED_OF("sdp-six", "\6\2", SDP_SIX "m=audio 30000 RTP/AVP 8\r\na=sendonly\r\n"),
	SEED_OF("sdp-offers", "\6\5",
		SDP_HEAD "m=audio 30000 RTP/SAVP 0\r\n" SDP_KEY "\0" SDP_HEAD
			 "m=audio 30002 RTP/SAVP 8 96\r\na=rtpmap:96 telephone-event/8000\r\n"
			 "a=crypto:7 F8_128_HMAC_SHA1_80 inline:x\r\n" SDP_KEY),
	SEED_OF("server", "\7", "sip.example.org:5061"),
	SEED_OF("server-six", "\7", "[2001:db8::1]:5060"),
	SEED_OF("server-four", "\7", "192.0.2.1"),
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
				   "m=audio 30000 RTP/AVP 0 8 101\r\n",
				   "m=audio 0 RTP/SAVP 0\r\n",
				   "a=rtpmap:101 telephone-event/8000\r\n",
				   "c=IN IP4 0.0.0.0\r\n",
				   "c=IN IP6 ::1\r\n",
				   SDP_KEY,
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

/* --- session descriptions ---------------------------------------------------------------- */

enum sdp_how { SDP_SRTP = 1, SDP_IPV6 = 2, SDP_OFFERED = 4 };

static struct mbuf *buffer(const char *text, size_t len)
{
	struct mbuf *mb = mbuf_alloc(len + 1);

	fuzz_check(mb && mbuf_write_mem(mb, (const uint8_t *)text, len) == 0, "no memory");
	mb->pos = 0;
	return mb;
}

/* The key that was taken stands in the text, under the tag that is ours now. */
static void key_holds(const struct voice_sdp *d, const char *text, size_t len,
		      const struct voice_crypto *theirs)
{
	char line[VOICE_SRTP_LINE];
	const char *key;

	voice_crypto_write(theirs, line);
	key = strchr(line, ':');
	fuzz_check(key && memmem(text, len, key, strlen(key)), "a key from elsewhere");
	fuzz_check(theirs->tag == d->mine.tag, "tag %u, ours %u", theirs->tag, d->mine.tag);
}

static void answer_holds(struct voice_sdp *d)
{
	struct mbuf *mb = NULL;
	char line[VOICE_SRTP_LINE];

	fuzz_check(voice_sdp_answer(d, &mb) == KM_OK && mb, "no answer");
	voice_crypto_write(&d->mine, line);
	if (d->srtp)
		fuzz_check(memmem(mb->buf, mb->end, line, strlen(line)) &&
			       memmem(mb->buf, mb->end, "RTP/SAVP", 8),
			   "an answer without our key");
	mem_deref(mb);
}

static void take_one(struct voice_sdp *d, const char *text, size_t len, bool offer)
{
	struct mbuf *mb = buffer(text, len);
	const unsigned tag = d->mine.tag;
	struct voice_agreed a, before;

	memset(&a, 0xa5, sizeof(a));
	before = a;
	if (voice_sdp_take(d, mb, offer, &a) != KM_OK) {
		fuzz_check(memcmp(&a, &before, sizeof(a)) == 0, "a bad description left something");
		mem_deref(mb);
		return;
	}
	fuzz_check(a.codec == VOICE_PCMU || a.codec == VOICE_PCMA, "codec %u", a.codec);
	fuzz_check(!a.events || (a.event_type[0] == VOICE_EVENTS && a.event_type[1] > 0 &&
				 a.event_type[1] < 128),
		   "events of type %u", a.event_type[1]);
	fuzz_check(sa_isset(&a.remote, SA_ALL) && !sa_is_any(&a.remote) &&
		       sa_af(&a.remote) == sa_af(sdp_media_laddr(d->audio)),
		   "an address that is none");
	fuzz_check(a.srtp == d->srtp, "in the clear");
	if (a.srtp)
		key_holds(d, text, len, &a.theirs);
	fuzz_check(offer || d->mine.tag == tag, "an answer to a line that we did not offer");
	if (offer)
		answer_holds(d);
	mem_deref(mb);
}

/* How (enum sdp_how), then descriptions with a zero byte between them: the second is an offer. */
static void sdp(const uint8_t *bytes, size_t size)
{
	const struct voice_crypto mine = { .tag = 1, .key = { 1, 2, 3 } };
	unsigned how = size ? bytes[0] : 0;
	const char *at = (const char *)bytes + (size > 0), *end = (const char *)bytes + size;
	bool offer = how & SDP_OFFERED;
	struct voice_sdp d;
	struct mbuf *ours = NULL;
	struct sa local;

	fuzz_check(sa_set_str(&local, how & SDP_IPV6 ? "2001:db8::2" : "192.0.2.2", 4000) == 0 &&
		       voice_sdp_open(&d, &local, 4000, how & SDP_SRTP ? &mine : NULL) == KM_OK,
		   "no session");
	fuzz_check(offer || voice_sdp_offer(&d, &ours) == KM_OK, "no offer");
	mem_deref(ours);
	for (;; offer = true) {
		const char *zero = memchr(at, 0, (size_t)(end - at));

		take_one(&d, at, (size_t)((zero ? zero : end) - at), offer);
		if (!zero)
			break;
		at = zero + 1;
	}
	voice_sdp_close(&d);
	fuzz_check(fuzz_is_zero(&d.mine, sizeof(d.mine)), "our key is left");
}

/* --- the server's address ------------------------------------------------------------------ */

/* Written back, it is read as the same. */
static void server_holds(const struct voice_server *s)
{
	char written[VOICE_HOST + 16];
	struct voice_server again;
	struct sa address;
	const bool six = strchr(s->host, ':') != NULL;

	fuzz_check(s->host[0] && s->port > 0, "nobody, or port 0");
	fuzz_check(strspn(s->host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789.:-") == strlen(s->host),
		   "no name and no address: %s", s->host);
	fuzz_check(s->literal == (sa_set_str(&address, s->host, 1) == 0), "literal: %s", s->host);
	snprintf(written, sizeof(written), six ? "[%s]:%u" : "%s:%u", s->host, s->port);
	memset(&again, 0, sizeof(again));
	fuzz_check(voice_server_parse(written, 1, &again) == KM_OK &&
		       strcmp(again.host, s->host) == 0 && again.port == s->port &&
		       again.literal == s->literal,
		   "%s reads as another", written);
}

static void server(const uint8_t *bytes, size_t size)
{
	struct voice_server s, before;
	char *text = malloc(size + 1);

	fuzz_check(text, "no memory");
	memcpy(text, bytes, size);
	text[size] = '\0';
	memset(&s, 0xa5, sizeof(s));
	before = s;
	if (voice_server_parse(text, 5060, &s) == KM_OK)
		server_holds(&s);
	else
		fuzz_check(memcmp(&s, &before, sizeof(s)) == 0, "a bad address left something");
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parsers[])(const uint8_t *, size_t) = { rtp,    events, relay, plain,
								    crypto, wav,    sdp,   server };
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
