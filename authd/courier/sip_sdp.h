/* Session descriptions (RFC 4566, RFC 3264): what we offer, and what is made of the answer. */
#ifndef KENMON_COURIER_SIP_SDP_H
#define KENMON_COURIER_SIP_SDP_H

#include "sip_media.h"

struct voice_sdp {
	struct sdp_session *session;
	struct sdp_media *audio;
	bool srtp;
	struct voice_crypto mine;
};

/* mine: SRTP's key, or NULL. */
KM_MUST_CHECK km_rc voice_sdp_open(struct voice_sdp *d, const struct sa *local, uint16_t port,
				   const struct voice_crypto *mine);
void voice_sdp_close(struct voice_sdp *d);

KM_MUST_CHECK km_rc voice_sdp_offer(struct voice_sdp *d, struct mbuf **out);

/*
 * An answer, or (offer) what the other end proposes in the middle of a call. KM_EPROTO, *agreed
 * untouched: not understood, no sound, no codec of ours, or not encrypted where it must be.
 */
KM_MUST_CHECK km_rc voice_sdp_take(struct voice_sdp *d, struct mbuf *mb, bool offer,
				   struct voice_agreed *agreed);

/* Our answer to such a proposal. */
KM_MUST_CHECK km_rc voice_sdp_answer(struct voice_sdp *d, struct mbuf **out);

#endif
