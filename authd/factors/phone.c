/*
 * A code that is sent by telephone, or any other code: Enter alone, or '*' where
 * Enter is for a finger, asks the vault to have one sent. SENDING says how.
 *
 *   a message, a call that reads   how it goes is awaited for a moment; then the code is
 *                                  asked for, and is a code like any other
 *   a call that asks for keys      the vault tells the person which; a VERDICT follows
 *                                  by itself, as after a finger
 *
 * All of it is the same for names that have no telephone. How an order goes is said
 * while nothing is asked: a door that is asking takes the end of the login alone.
 */
#include <stdio.h>

#include <kenmon/clock.h>
#include <kenmon/log.h>
#include <kenmon/order.h>

#include "../judge.h"

#define WORKING (KM_PHASE_WORKING | KM_PHASE_CHECKING)
#define MS      1000

/* What a VERDICT says when no code was sent, or nobody answered: it uses up no try. */
static const struct answer_to {
	uint8_t reason;
	bool phone_stays; /* another one can be asked for */
} answers[] = {
	{ KM_REASON_PHONE_NONE, true },
	{ KM_REASON_PHONE_LATE, true },
	{ KM_REASON_PHONE_BUDGET, false },
	{ KM_REASON_PHONE_LOCKED, false },
};

static const struct answer_to *answer_to(unsigned reason)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (answers[i].reason == reason)
			return &answers[i];
	return NULL;
}

static bool waits_for_verdict(const struct judge_session *s)
{
	return s->phone.wanted || s->phone.calling;
}

bool judge_phone_has_turn(const struct judge_session *s)
{
	return waits_for_verdict(s) || s->phone.awaited;
}

bool judge_phone_counts(const struct judge_session *s, unsigned reason)
{
	return !waits_for_verdict(s) || !answer_to(reason);
}

/* Of this slot's order; that there was one in this login, and how many, is kept. */
static void forget_order(struct judge *j, struct judge_session *s)
{
	if (s->phone.awaited)
		j->ports->set_wake(j, s, 0);
	s->phone = (struct judge_phone){ .ordered = s->phone.ordered, .sends = s->phone.sends };
}

void judge_phone_passed(struct judge *j, struct judge_session *s)
{
	forget_order(j, s);
}

/* --- what the person is told ----------------------------------------------------------- */

static bool say(struct judge *j, struct judge_session *s, enum km_text text, uint32_t wait,
		bool error)
{
	struct km_msg m = { .number = KM_MSG_INFO };

	if (text == KM_TEXT_NOTHING)
		return true;
	km_text_number(text, s->lang, wait, m.info.text, sizeof(m.info.text));
	m.info.error = error ? KM_INFO_ERROR : KM_INFO_PLAIN;
	return judge_session_tell(j, s, &m);
}

/* A state comes once for an order, so only a login with many of them comes to an end of it. */
static bool say_news(struct judge *j, struct judge_session *s)
{
	enum km_text text = km_order_text(s->phone.state, s->phone.why);

	if (text == KM_TEXT_NOTHING || s->said >= JUDGE_SAID_MOST)
		return true;
	s->said++;
	return say(j, s, text, 0, false);
}

static bool has_failed(const struct judge_session *s)
{
	return s->phone.state == KM_ORDER_STATE_FAILED || s->phone.state == KM_ORDER_STATE_UNKNOWN;
}

static bool say_failure(struct judge *j, struct judge_session *s)
{
	enum km_text text = km_order_text(s->phone.state, s->phone.why);

	forget_order(j, s);
	return say(j, s, text == KM_TEXT_NOTHING ? KM_TEXT_ORDER_GATEWAY : text, 0, true);
}

bool judge_phone_say_unsaid(struct judge *j, struct judge_session *s)
{
	return !s->phone.unsaid || say_failure(j, s);
}

/* --- asking ---------------------------------------------------------------------------- */

static bool is_star(const struct km_secret *answer)
{
	return answer->len == 1 && answer->bytes[0] == '*';
}

bool judge_phone_is_asked(const struct judge_session *s, const struct km_secret *answer)
{
	unsigned shape = s->slots.slot[s->at].shape;

	return (shape & KM_SHAPE_PHONE) &&
	       (is_star(answer) || (answer->len == 0 && !(shape & KM_SHAPE_TOUCH)));
}

km_rc judge_phone_send(struct judge *j, struct judge_session *s)
{
	struct km_msg m = { .number = KM_MSG_SEND, .session = s->id };

	m.send.step = s->slots.slot[s->at].step;
	forget_order(j, s);
	s->phone.wanted = true;
	s->phone.sends++;
	if (!judge_session_pass(j, s, &m, -1))
		return KM_ECLOSED;
	s->phase = WORKING;
	return KM_OK;
}

static km_rc phone_begin(struct judge *j, struct judge_session *s, const struct km_msg *plan)
{
	(void)plan;
	return judge_codes_ask(j, s);
}

static km_rc phone_answer(struct judge *j, struct judge_session *s, const struct km_msg *answer)
{
	km_rc rc;

	if (judge_phone_is_asked(s, &answer->answer.secret))
		return judge_phone_send(j, s);
	rc = judge_codes_check(j, s, answer);
	if (rc == KM_OK)
		s->phase = WORKING;
	return rc;
}

/* Only codes and fingers from now on, in every slot of this login. */
static void offer_no_phone(struct judge_session *s)
{
	for (unsigned i = 0; i < s->slots.count; i++)
		s->slots.slot[i].shape &= (uint16_t)~KM_SHAPE_PHONE;
}

/* --- an order -------------------------------------------------------------------------- */

/*
 * As long as the code is good for, and for another factor after it; but a login has an end: its own
 * time, and that of one code.
 */
static void leave_room(struct judge *j, struct judge_session *s, unsigned seconds)
{
	int64_t now = km_boot_ms(), until = now + (int64_t)(seconds + JUDGE_AFTER_ORDER) * MS;
	int64_t most = s->opened_ms + (int64_t)(s->deadline_s + KM_ORDER_SECONDS) * MS;

	if (until > most)
		until = most;
	if (until > s->deadline_ms && until >= now + MS)
		j->ports->set_deadline(j, s, (unsigned)((until - now) / MS));
}

static km_rc phone_sending(struct judge *j, struct judge_session *s, const struct km_msg *m)
{
	unsigned kind = m->sending.kind;

	if (!s->phone.wanted || !km_order_is_of_login(kind))
		return KM_EPROTO;
	s->phone.wanted = false;
	s->phone.ordered = true;
	s->phone.kind = (uint8_t)kind;
	s->phone.calling = km_order_waits_for_keys(kind);
	s->phone.awaited = !s->phone.calling;
	if (s->phone.sends >= JUDGE_SENDS)
		offer_no_phone(s);
	leave_room(j, s, m->sending.seconds);
	if (s->phone.awaited)
		j->ports->set_wake(j, s, JUDGE_NEWS_SECONDS);
	return KM_OK;
}

/* Enough was heard, or waited: the code is asked for, or, where none comes, whatever else there is.
 */
static km_rc ask_for_it(struct judge *j, struct judge_session *s)
{
	s->phone.awaited = false;
	j->ports->set_wake(j, s, 0);
	return judge_codes_ask(j, s);
}

void judge_phone_waited(struct judge *j, struct judge_session *s)
{
	if (s->phone.awaited && ask_for_it(j, s) != KM_OK)
		km_log(LOG_DEBUG, "a client went while its message was on the way");
}

/* News of another order, an older one, or of none that counts any more. */
static bool is_stale(const struct judge_session *s, unsigned state)
{
	return s->phone.kind == 0 || state <= s->phone.state ||
	       (s->phone.state && km_order_state_ends(s->phone.state));
}

static km_rc news_of_message(struct judge *j, struct judge_session *s)
{
	if (has_failed(s)) {
		if (!say_failure(j, s))
			return KM_ECLOSED;
		return judge_codes_ask(j, s);
	}
	/* The vault ends the login itself, and says why. */
	if (s->phone.state == KM_ORDER_STATE_NOT_ME)
		return KM_OK;
	if (!say_news(j, s))
		return KM_ECLOSED;
	if (s->phone.state == KM_ORDER_STATE_QUEUED || s->phone.state == KM_ORDER_STATE_RINGING)
		return KM_OK;
	return ask_for_it(j, s);
}

km_rc judge_phone_news(struct judge *j, struct judge_session *s, const struct km_msg *m)
{
	unsigned state = m->order_news.state, why = m->order_news.why;

	if (!s->phone.ordered || !km_order_state_known(state) || !km_order_why_known(why))
		return KM_EPROTO;
	if (is_stale(s, state))
		return KM_OK;
	s->phone.state = (uint8_t)state;
	s->phone.why = (uint8_t)why;
	if (s->phone.awaited)
		return news_of_message(j, s);
	/* The verdict brings the words for how a call ended. */
	if (s->phone.calling)
		return km_order_state_ends(state) || say_news(j, s) ? KM_OK : KM_ECLOSED;
	s->phone.unsaid = has_failed(s);
	return KM_OK;
}

/* --- the verdict ----------------------------------------------------------------------- */

/* Why nothing came of it, as well as is known. */
static enum km_text text_of(const struct judge_session *s, unsigned reason)
{
	enum km_text text = km_order_text(s->phone.state, s->phone.why);

	/* The digits are on the screen: of a call it is known that nothing was sent with it. */
	if (text == KM_TEXT_ORDER_UNKNOWN && s->phone.calling)
		text = KM_TEXT_ORDER_CALL_CUT;
	if (reason == KM_REASON_PHONE_NONE && has_failed(s) && text != KM_TEXT_NOTHING)
		return text;
	return km_reason_text(reason);
}

static km_rc phone_again(struct judge *j, struct judge_session *s, const struct km_msg *m)
{
	const struct msg_verdict *v = &m->verdict;
	const struct answer_to *a = waits_for_verdict(s) ? answer_to(v->reason) : NULL;
	enum km_text text = a ? text_of(s, v->reason) : judge_codes_wrong(v->reason);
	bool ordered = waits_for_verdict(s);

	if (v->verdict == KM_VERDICT_NEXT)
		return judge_codes_ask(j, s);
	if (text == KM_TEXT_LOCKED && v->wait == 0)
		text = KM_TEXT_LOCKED_FOR_GOOD;
	if (!say(j, s, text, v->wait, true))
		return KM_ECLOSED;
	if (ordered)
		forget_order(j, s);
	if ((a && !a->phone_stays) || s->phone.sends >= JUDGE_SENDS)
		offer_no_phone(s);
	return judge_codes_ask(j, s);
}

/* Each sets the phase that comes next itself. */
static const struct judge_step rows[] = {
	{ KM_PHASE_OPENING, KM_MSG_PLAN, phone_begin, 0 },
	{ KM_PHASE_ASKED, KM_MSG_ANSWER, phone_answer, 0 },
	{ KM_PHASE_CHECKING, KM_MSG_SENDING, phone_sending, 0 },
	{ KM_PHASE_CHECKING, KM_MSG_VERDICT, phone_again, 0 },
};

const struct judge_steps judge_phone_steps = { rows, sizeof(rows) / sizeof(rows[0]) };
