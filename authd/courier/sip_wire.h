/*
 * What comes from a telephone, in bytes: RTP (RFC 3550), keys in it (RFC 4733) and in SIP INFO, the
 * key of SRTP in a session description (RFC 4568). Nothing here knows libre, sockets or time.
 * Names start with voice_: libre's own start with sip_.
 */
#ifndef KENMON_COURIER_SIP_WIRE_H
#define KENMON_COURIER_SIP_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kenmon/rc.h>

/* --- RTP --------------------------------------------------------------------------------- */

#define VOICE_RTP_HEADER 12

struct voice_rtp {
	uint8_t type; /* payload type */
	bool marker;
	uint16_t seq;
	uint32_t time, source;  /* timestamp, SSRC */
	const uint8_t *payload; /* inside the packet; NULL of one to be written */
	size_t len;
};

/* KM_EPROTO, *p untouched: not RTP, or its lengths do not fit. */
KM_MUST_CHECK km_rc voice_rtp_read(const uint8_t *packet, size_t len, struct voice_rtp *p);

void voice_rtp_write(const struct voice_rtp *p, uint8_t header[VOICE_RTP_HEADER]);

/* --- keys in RTP ------------------------------------------------------------------------- */

/* Of one call. All zero: nothing was pressed yet. */
struct voice_keys {
	bool begun;
	uint32_t source; /* the stream of the first key; no other is heard */
	uint32_t time;   /* of the last key: all packets of a key have the same */
	uint16_t duration;
	uint8_t event;
	bool ended;
};

/*
 * The key ('0' to '9', '*', '#') that begins with this packet, or 0: a repeat of one that was
 * taken, an older one, another stream's, something else. The packet's type has been looked at.
 */
char voice_keys_take(struct voice_keys *k, const struct voice_rtp *p);

/* --- keys in INFO ------------------------------------------------------------------------ */

enum voice_info {
	VOICE_INFO_RELAY,
	VOICE_INFO_PLAIN
}; /* application/dtmf-relay, application/dtmf */

char voice_info_key(enum voice_info form, const char *body, size_t len);

/* --- the key of SRTP --------------------------------------------------------------------- */

/* AES_CM_128_HMAC_SHA1_80, the one that all must know: key and salt. */
#define VOICE_SRTP_KEY  30
#define VOICE_SRTP_LINE 96

struct voice_crypto {
	unsigned tag;
	uint8_t key[VOICE_SRTP_KEY];
};

/*
 * The value of an a=crypto: attribute. KM_EPROTO, *c untouched: not that suite, or with what we do
 * not do (a second key, an MKI, session parameters, which may switch encryption off).
 */
KM_MUST_CHECK km_rc voice_crypto_read(const char *line, struct voice_crypto *c);

void voice_crypto_write(const struct voice_crypto *c, char line[VOICE_SRTP_LINE]);

#endif
