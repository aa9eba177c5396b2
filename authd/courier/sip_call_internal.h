/* What sip_call.c and sip_dial.c share. */
#ifndef KENMON_COURIER_SIP_CALL_INTERNAL_H
#define KENMON_COURIER_SIP_CALL_INTERNAL_H

#include "sip_call.h"
#include "sip_script.h"
#include "sip_sdp.h"

/* How this telephone sends its keys. */
enum voice_way { VOICE_NO_WAY, VOICE_BY_RTP, VOICE_BY_INFO };

/* In locked memory: the code of SPOKEN, the keys, the keys of SRTP. */
struct voice_call {
	struct le le;
	struct voice_stack *stack;
	voice_heard *heard; /* NULL: nobody asks any more */
	void *arg;
	char number[KM_NUMBER_MAX + 1];
	struct voice_script script;
	struct tmr start;
	struct dns_query *query;
	bool asked_ipv6;
	struct voice_media media;
	struct voice_sdp sdp;
	struct sipsess *session;
	bool reached, rings, answered;
	enum km_order_why why; /* of an answer that was not taken */
	enum voice_way way;
	bool informed;
	uint32_t info; /* CSeq of the last INFO */
};

extern const struct voice_media_events voice_call_events;

/* Says so, and frees it. */
void voice_call_fail(struct voice_call *call, enum km_order_why why);

/* sip_dial.c: a timer's, the first thing of a call. */
void voice_call_look_up(void *call);

/* libre's. */
int voice_call_on_answer(const struct sip_msg *msg, void *call);
int voice_call_on_offer(struct mbuf **out, const struct sip_msg *msg, void *call);
void voice_call_on_progress(const struct sip_msg *msg, void *call);
void voice_call_on_established(const struct sip_msg *msg, void *call);
void voice_call_on_info(struct sip *sip, const struct sip_msg *msg, void *call);
void voice_call_on_close(int err, const struct sip_msg *msg, void *call);

#endif
