/*
 * One call: dialled, answered, said and keyed, ended. It knows no order, but what one asks for; it
 * says what becomes of it with states and reasons of order.def, forwards, and once with an end.
 */
#ifndef KENMON_COURIER_SIP_CALL_H
#define KENMON_COURIER_SIP_CALL_H

#include "sip_stack.h"

struct voice_call;

struct voice_asked {
	enum km_order kind;
	enum km_lang lang;
	const char *number; /* E.164 */
	const char *digits; /* SPOKEN: the code; else NULL and 0 */
	size_t count;
};

struct voice_news {
	enum km_order_state state;
	enum km_order_why why;
	const char *keys; /* with KEYED */
	unsigned count;
};

/* After news that end (km_order_state_ends) comes nothing more; the call may still say goodbye. */
typedef void voice_heard(void *arg, const struct voice_news *news);

/*
 * Never calls back before it returns. KM_ELIMIT: too many. KM_EINVAL: not such a call. The call
 * frees itself, after its end.
 */
KM_MUST_CHECK km_rc voice_call_begin(struct voice_stack *s, const struct voice_asked *asked,
				     voice_heard *heard, void *arg, struct voice_call **out);

/* Hangs up. Nothing is heard of it any more; true: a code was being read, perhaps heard. */
bool voice_call_end(struct voice_call *call);

/* At the room's end: whatever still says goodbye. */
void voice_calls_end_all(void);

#define VOICE_CALLS_MOST 96 /* with those that say goodbye */

#endif
