/* Orders to the courier: a text message, or a call. */
#ifndef KENMON_ORDER_H
#define KENMON_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include <kenmon/texts.h>

#define KM_NUMBER_MAX    16   /* E.164: '+' and at most 15 digits */
#define KM_ORDER_KEYS    16   /* keys of one call that are kept; a code has at most 10 digits */
#define KM_ORDER_TEXT    256  /* bytes of a message: 70 Japanese characters have 210 */
#define KM_ORDERS        1024 /* in flight at one courier */
#define KM_ORDER_SECONDS 600  /* the most that an order may wait: as long as a code is ever good */

enum km_order {
	KM_ORDER_NONE = 0,
#define KM_ORDER(NAME, number, word, ja) KM_ORDER_##NAME = (number),
#define KM_ORDER_STATE(NAME, number, ends, text, word, ja)
#define KM_ORDER_WHY(NAME, number, text, word, ja)
#include <kenmon/order.def>
#undef KM_ORDER
#undef KM_ORDER_STATE
#undef KM_ORDER_WHY
};

enum km_order_state {
	KM_ORDER_STATE_NONE = 0,
#define KM_ORDER(NAME, number, word, ja)
#define KM_ORDER_STATE(NAME, number, ends, text, word, ja) KM_ORDER_STATE_##NAME = (number),
#define KM_ORDER_WHY(NAME, number, text, word, ja)
#include <kenmon/order.def>
#undef KM_ORDER
#undef KM_ORDER_STATE
#undef KM_ORDER_WHY
};

enum km_order_why {
	KM_ORDER_WHY_NONE = 0,
#define KM_ORDER(NAME, number, word, ja)
#define KM_ORDER_STATE(NAME, number, ends, text, word, ja)
#define KM_ORDER_WHY(NAME, number, text, word, ja) KM_ORDER_WHY_##NAME = (number),
#include <kenmon/order.def>
#undef KM_ORDER
#undef KM_ORDER_STATE
#undef KM_ORDER_WHY
};

/* How text messages leave; in the order of [sms] gateway in conf.def. */
enum km_gateway { KM_GATEWAY_NONE, KM_GATEWAY_HTTP, KM_GATEWAY_SPOOL, KM_GATEWAY_EXEC };

/* How a call proves that the right person has the telephone; of [voice] mode. */
enum km_voice { KM_VOICE_KEYPAD, KM_VOICE_SPOKEN, KM_VOICE_CONFIRM };

/* Of [voice] transport and [voice] media. */
enum km_sip_transport { KM_SIP_UDP, KM_SIP_TCP, KM_SIP_TLS };
enum km_sip_media { KM_MEDIA_RTP, KM_MEDIA_SRTP };

bool km_order_known(unsigned kind);
bool km_order_is_call(unsigned kind);
bool km_order_waits_for_keys(
    unsigned kind); /* a login's calls that are answered at the telephone */
bool km_order_is_of_login(
    unsigned kind); /* those of a login have a secret in them, or ask for '#' */

/* Words; "?" for a number that is none. */
const char *km_order_word(unsigned kind);
const char *km_order_state_word(unsigned state);
const char *km_order_why_word(unsigned why);

bool km_order_state_known(unsigned state);
bool km_order_state_ends(unsigned state); /* true of a number that is none */
bool km_order_why_known(unsigned why);    /* 0, no reason, is known */

/* What the person is told: the reason's text, or else the state's; NOTHING for neither. */
enum km_text km_order_text(unsigned state, unsigned why);

#endif
