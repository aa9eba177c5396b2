/*
 * The sound of one call: a socket, and a timer that is absolute, so that a packet that is late does
 * not make the next one late. Packets are taken from the address of the session description alone
 * (the socket is connected to it), and with SRTP only as the other end signed them.
 */
#ifndef KENMON_COURIER_SIP_MEDIA_H
#define KENMON_COURIER_SIP_MEDIA_H

#include <stdbool.h>
#include <stdint.h>

#include "sip_re.h"
#include "sip_sound.h"
#include "sip_wire.h"

/* What both ends agreed upon. */
struct voice_agreed {
	struct sa remote;
	uint8_t codec; /* payload type: VOICE_PCMU or VOICE_PCMA */
	bool events;   /* RFC 4733 was agreed, with one of these types */
	uint8_t event_type[2];
	bool srtp;
	struct voice_crypto theirs;
};

#define VOICE_PCMU   0
#define VOICE_PCMA   8
#define VOICE_EVENTS 101

/* Nothing of the call may be freed but in the two that say so. */
struct voice_media_events {
	void (*frame)(void *arg, int16_t frame[VOICE_FRAME]);
	void (*key)(void *arg, char key);
	void (*turn)(void *arg);    /* frames or keys came: may free */
	void (*expired)(void *arg); /* of voice_media_wait: may free */
};

struct voice_media {
	int fd, timer;
	bool runs;
	const struct voice_media_events *events;
	void *arg;
	struct voice_agreed agreed;
	struct srtp *tx, *rx;
	struct mbuf *packet;
	bool first;
	uint16_t seq;
	uint32_t time, source;
	struct voice_keys keys;
};

#define VOICE_MEDIA_CLOSED                                                                         \
	{                                                                                          \
		.fd = -1, .timer = -1                                                              \
	}

/* Local address; *port is the one that was bound. mine: SRTP's key, or NULL. */
KM_MUST_CHECK km_rc voice_media_open(struct voice_media *m, const struct sa *local,
				     const struct voice_crypto *mine,
				     const struct voice_media_events *events, void *arg,
				     uint16_t *port);

/* expired comes once, after so many seconds, unless the sound starts before. */
KM_MUST_CHECK km_rc voice_media_wait(struct voice_media *m, unsigned seconds);

/* The sound starts, or goes on with somebody else at the other end. */
KM_MUST_CHECK km_rc voice_media_start(struct voice_media *m, const struct voice_agreed *agreed);

void voice_media_close(struct voice_media *m);

#endif
