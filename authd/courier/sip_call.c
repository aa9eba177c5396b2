/* A call's life: looked up, dialled, answered, over. libre calls back, each time to one end. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <kenmon/secret.h>

#include "sip_call_internal.h"
#include "sip_reason.h"

static struct list calls = LIST_INIT;

/* --- its end ----------------------------------------------------------------------------- */

/* Ends SIP's part too: CANCEL before an answer, BYE after one. The last thing done with a call. */
static void call_free(struct voice_call *call)
{
	list_unlink(&call->le);
	tmr_cancel(&call->start);
	call->query = mem_deref(call->query);
	voice_media_close(&call->media);
	call->session = mem_deref(call->session);
	voice_sdp_close(&call->sdp);
	voice_stack_release(call->stack);
	km_locked_free(call, sizeof(*call));
}

static void tell(struct voice_call *call, const struct voice_news *news)
{
	voice_heard *heard = call->heard;

	if (km_order_state_ends(news->state))
		call->heard = NULL;
	if (heard)
		heard(call->arg, news);
}

static void say(struct voice_call *call, enum km_order_state state, enum km_order_why why)
{
	const struct voice_news news = { .state = state, .why = why };

	tell(call, &news);
}

void voice_call_fail(struct voice_call *call, enum km_order_why why)
{
	say(call, KM_ORDER_STATE_FAILED, why);
	call_free(call);
}

/* --- sound and keys ---------------------------------------------------------------------- */

static void on_frame(void *arg, int16_t frame[VOICE_FRAME])
{
	struct voice_call *call = arg;

	voice_script_frame(&call->script, &call->stack->sounds, frame);
}

/* Some gateways send each key both ways: the way of the first one counts. */
static void take_key(struct voice_call *call, enum voice_way way, char key)
{
	if (call->way == VOICE_NO_WAY)
		call->way = way;
	if (call->way == way)
		voice_script_key(&call->script, key);
}

static void on_key(void *arg, char key)
{
	take_key(arg, VOICE_BY_RTP, key);
}

static void tell_outcome(struct voice_call *call)
{
	struct voice_news news = { .state = KM_ORDER_STATE_FAILED, .why = KM_ORDER_WHY_NO_KEY };

	switch (call->script.outcome) {
	case VOICE_KEYED:
		news = (struct voice_news){ KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE,
					    call->script.key, call->script.count };
		break;
	case VOICE_STAR:
		news = (struct voice_news){ .state = KM_ORDER_STATE_NOT_ME };
		break;
	case VOICE_READ:
		news = (struct voice_news){ .state = KM_ORDER_STATE_DELIVERED };
		break;
	case VOICE_MUTE:
	case VOICE_NOTHING:
		break;
	}
	tell(call, &news);
	km_wipe(call->script.key, sizeof(call->script.key));
	km_wipe(call->script.digit, sizeof(call->script.digit));
}

/* After frames and keys: what they came to. The call may be gone then. */
static void on_turn(void *arg)
{
	struct voice_call *call = arg;

	if (call->script.outcome != VOICE_NOTHING && call->heard)
		tell_outcome(call);
	if (call->script.part == VOICE_OVER)
		call_free(call);
}

/* It has rung for long enough; or the server never said a word. */
static void on_expired(void *arg)
{
	struct voice_call *call = arg;

	voice_call_fail(call, call->reached ? KM_ORDER_WHY_NO_ANSWER : KM_ORDER_WHY_UNREACHABLE);
}

const struct voice_media_events voice_call_events = { on_frame, on_key, on_turn, on_expired };

/* --- SIP --------------------------------------------------------------------------------- */

static bool has_description(const struct sip_msg *msg)
{
	return mbuf_get_left(msg->mb) > 0 && msg_ctype_cmp(&msg->ctyp, "application", "sdp");
}

static bool start_sound(struct voice_call *call, const struct sip_msg *msg, bool offer)
{
	struct voice_agreed agreed = { 0 };
	km_rc rc =
	    has_description(msg) ? voice_sdp_take(&call->sdp, msg->mb, offer, &agreed) : KM_EPROTO;

	if (rc == KM_OK)
		rc = voice_media_start(&call->media, &agreed);
	km_wipe(&agreed.theirs, sizeof(agreed.theirs));
	return rc == KM_OK;
}

/* The answer to our description: with 200, or with the ACK of a proposal that had none. */
int voice_call_on_answer(const struct sip_msg *msg, void *arg)
{
	struct voice_call *call = arg;

	if (start_sound(call, msg, false))
		return 0;
	call->why = KM_ORDER_WHY_ANSWER;
	return EPROTO;
}

/* In the middle of a call: the session is refreshed, or somebody else goes on with it. */
int voice_call_on_offer(struct mbuf **out, const struct sip_msg *msg, void *arg)
{
	struct voice_call *call = arg;
	bool empty = mbuf_get_left(msg->mb) == 0;

	*out = NULL;
	if (!empty && !start_sound(call, msg, true))
		return EPROTO;
	return (empty ? voice_sdp_offer(&call->sdp, out) : voice_sdp_answer(&call->sdp, out)) ==
		       KM_OK
		   ? 0
		   : ENOMEM;
}

void voice_call_on_progress(const struct sip_msg *msg, void *arg)
{
	struct voice_call *call = arg;

	call->reached = true;
	if (msg->scode > 100 && !call->rings) {
		call->rings = true;
		say(call, KM_ORDER_STATE_RINGING, KM_ORDER_WHY_NONE);
	}
}

void voice_call_on_established(const struct sip_msg *msg, void *arg)
{
	struct voice_call *call = arg;

	(void)msg;
	call->answered = true;
	say(call, KM_ORDER_STATE_ANSWERED, KM_ORDER_WHY_NONE);
}

/* A request that comes again has the same number. */
static bool is_new(struct voice_call *call, const struct sip_msg *msg)
{
	bool fresh = !call->informed || msg->cseq.num > call->info;

	call->informed = true;
	if (fresh)
		call->info = msg->cseq.num;
	return fresh;
}

void voice_call_on_info(struct sip *sip, const struct sip_msg *msg, void *arg)
{
	struct voice_call *call = arg;
	bool relay = msg_ctype_cmp(&msg->ctyp, "application", "dtmf-relay");
	char key;

	if (!relay && !msg_ctype_cmp(&msg->ctyp, "application", "dtmf")) {
		(void)sip_reply(sip, msg, 415, "Unsupported Media Type");
		return;
	}
	(void)sip_reply(sip, msg, 200, "OK");
	if (!call->answered || !is_new(call, msg))
		return;
	key = voice_info_key(relay ? VOICE_INFO_RELAY : VOICE_INFO_PLAIN,
			     (const char *)mbuf_buf(msg->mb), mbuf_get_left(msg->mb));
	if (key)
		take_key(call, VOICE_BY_INFO, key);
	on_turn(call);
}

static enum km_order_why why_closed(const struct voice_call *call, const struct sip_msg *msg)
{
	if (call->why != KM_ORDER_WHY_NONE)
		return call->why;
	if (call->answered)
		return KM_ORDER_WHY_HUNG_UP;
	if (msg)
		return voice_why(msg->scode);
	return call->stack->certificate_refused ? KM_ORDER_WHY_TLS : KM_ORDER_WHY_UNREACHABLE;
}

void voice_call_on_close(int err, const struct sip_msg *msg, void *arg)
{
	struct voice_call *call = arg;

	(void)err;
	if (call->script.read_once)
		say(call, KM_ORDER_STATE_DELIVERED, KM_ORDER_WHY_NONE);
	else
		say(call, KM_ORDER_STATE_FAILED, why_closed(call, msg));
	call_free(call);
}

/* --- beginning --------------------------------------------------------------------------- */

km_rc voice_call_begin(struct voice_stack *s, const struct voice_asked *asked, voice_heard *heard,
		       void *arg, struct voice_call **out)
{
	static const struct voice_media no_media = VOICE_MEDIA_CLOSED;
	struct voice_call *call;
	km_rc rc;

	if (list_count(&calls) >= VOICE_CALLS_MOST)
		return KM_ELIMIT;
	call = km_locked_new(sizeof(*call));
	if (!call)
		return KM_ENOMEM;
	rc = voice_script_begin(&call->script, asked->kind, asked->lang,
				asked->digits ? asked->digits : "", asked->count);
	if (rc == KM_OK && (size_t)snprintf(call->number, sizeof(call->number), "%s",
					    asked->number) >= sizeof(call->number))
		rc = KM_EINVAL;
	if (rc != KM_OK) {
		km_locked_free(call, sizeof(*call));
		return rc;
	}
	call->stack = voice_stack_hold(s);
	call->media = no_media;
	call->heard = heard;
	call->arg = arg;
	list_append(&calls, &call->le, call);
	tmr_start(&call->start, 0, voice_call_look_up, call);
	*out = call;
	return KM_OK;
}

bool voice_call_end(struct voice_call *call)
{
	bool read = call->answered && call->script.part == VOICE_READING;

	call_free(call);
	return read;
}

void voice_calls_end_all(void)
{
	while (calls.head)
		call_free(calls.head->data);
}
