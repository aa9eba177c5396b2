/*
 * Every message in every phase: sessions of the judge, with everything around them in memory.
 * Before each message the table of messages.def is asked whether it may come; what it does not
 * permit must end the session (a client's) or the link (the vault's, the sensor's), what it permits
 * must not.
 */
#include <stdlib.h>
#include <string.h>

#include <kenmon/order.h>
#include <kenmon/verdict.h>

#include "../../authd/judge.h"
#include "fuzz.h"

#define CLIENTS 6

enum act {
	COME,
	SAY,
	SAY_RAW,
	TELL,
	TELL_RAW,
	REFUSE,
	LOSE_VAULT,
	SENSOR_SAYS,
	SENSOR_RAW,
	LOSE_SENSOR,
	SENSOR_SILENT,
	VAULT_SENSES,
	WAKE,
	BREAK_CLIENT,
	BREAK_VAULT,
	BREAK_SENSOR,
	ACTS
};
#define SAYS(client, number, ...)    SAY, client, number, __VA_ARGS__
#define TELLS(client, number, ...)   TELL, client, number, __VA_ARGS__
#define HELLO_DOOR(client)           SAYS(client, 1, 1, 0, 1, 0, 1)
#define HELLO_DESK(client)           SAYS(client, 1, 2, 0, 1, 0, 1)
#define LOGIN_AS(client, kind, name) SAYS(client, 2, kind, name, 0, 0, 0, 0, 2, 3, 5, 1, 0, 7)
#define PLAN_OF(client, steps)       TELLS(client, 30, steps, 0, 7, 1, 8)
#define TOUCH_OF(client)             TELLS(client, 30, 2, 0, 0x17, 1, 0x18)
#define TOUCHES(client)              SAYS(client, 4, 0)
#define GRANTS(client, grant)        TELLS(client, 33, grant, 0, 20)
#define EVENT_IS(grant, event)       SENSOR_SAYS, 72, grant, event, 0, 0
#define PHONE_OF(client)             TELLS(client, 30, 2, 0, 0x47, 1, 0x48)
#define SENDS(client, kind)          TELLS(client, 36, kind, 1, 44)
#define NEWS_IS(client, state, why)  TELLS(client, 37, state, why)
#define SENSES(grant, shots)         VAULT_SENSES, 34, grant, shots, 0, 120
#define UNSENSES(grant)              VAULT_SENSES, 35, grant
#define ANSWERS(client)              SAYS(client, 4, 6, '1', '2', '3', '4', '5', '6')
#define VERDICT_IS(client, verdict)  TELLS(client, 31, verdict, 1, 0, 0, 0, 0)

const struct fuzz_seed fuzz_seeds[] = {
	SEED("login", COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 1, 0), PLAN_OF(0, 1), ANSWERS(0),
	     VERDICT_IS(0, KM_VERDICT_ALLOW)),
	SEED("retries", COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 1, 0), PLAN_OF(0, 1), ANSWERS(0),
	     VERDICT_IS(0, KM_VERDICT_RETRY), ANSWERS(0), VERDICT_IS(0, KM_VERDICT_RETRY),
	     ANSWERS(0), VERDICT_IS(0, KM_VERDICT_RETRY)),
	SEED("two-steps", COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 1, 0), PLAN_OF(0, 2), ANSWERS(0),
	     VERDICT_IS(0, KM_VERDICT_NEXT), ANSWERS(0), VERDICT_IS(0, KM_VERDICT_NEXT)),
	SEED("account", COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 2, 0), VERDICT_IS(0, KM_VERDICT_ALLOW)),
	SEED("account-plan", COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 2, 0), PLAN_OF(0, 1)),
	SEED("desk", COME, 0, HELLO_DESK(0), SAYS(0, 3, 9), VERDICT_IS(0, KM_VERDICT_ALLOW)),
	SEED("stranger", COME, 1, HELLO_DOOR(0), LOGIN_AS(0, 1, 0)),
	SEED("abort", COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 1, 0), PLAN_OF(0, 1), SAYS(0, 5, 1)),
	SEED("lost", COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 1, 0), LOSE_VAULT, COME, 0, HELLO_DOOR(0)),
	SEED("broken", COME, 0, HELLO_DOOR(0), BREAK_VAULT, 3, LOGIN_AS(0, 1, 0), COME, 0,
	     BREAK_CLIENT, HELLO_DOOR(0)),
	SEED("finger", COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 1, 0), TOUCH_OF(0), TOUCHES(0),
	     GRANTS(0, 9), EVENT_IS(9, 1), EVENT_IS(9, 2), EVENT_IS(9, 20),
	     VERDICT_IS(0, KM_VERDICT_ALLOW)),
	SEED("finger-late", COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 1, 0), TOUCH_OF(0), TOUCHES(0),
	     GRANTS(0, 9), EVENT_IS(9, 21), TELLS(0, 31, KM_VERDICT_RETRY, 28, 0, 0, 0, 0),
	     EVENT_IS(9, 21), TOUCHES(0), GRANTS(0, 8),
	     TELLS(0, 31, KM_VERDICT_RETRY, 24, 0, 0, 0, 0), ANSWERS(0),
	     VERDICT_IS(0, KM_VERDICT_NEXT), TOUCHES(0)),
	SEED("finger-abort", COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 1, 0), TOUCH_OF(0), TOUCHES(0),
	     GRANTS(0, 9), SAYS(0, 5, 1), EVENT_IS(9, 1)),
	SEED("finger-locked", COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 1, 0), TOUCH_OF(0), TOUCHES(0),
	     TELLS(0, 31, KM_VERDICT_RETRY, 26, 0, 0, 0, 30), ANSWERS(0)),
	SEED("finger-unasked", COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 1, 0), TOUCH_OF(0), ANSWERS(0),
	     GRANTS(0, 9)),
	SEED("message", COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 1, 0), PHONE_OF(0), TOUCHES(0),
	     SENDS(0, 1), NEWS_IS(0, 1, 0), NEWS_IS(0, 2, 0), NEWS_IS(0, 10, 0), ANSWERS(0),
	     VERDICT_IS(0, KM_VERDICT_NEXT), SAYS(0, 4, 1, '*'), SENDS(0, 1), WAKE, 0, ANSWERS(0),
	     VERDICT_IS(0, KM_VERDICT_ALLOW)),
	SEED("call", COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 1, 0), PHONE_OF(0), TOUCHES(0),
	     SENDS(0, 2), NEWS_IS(0, 3, 0), NEWS_IS(0, 20, 1),
	     TELLS(0, 31, KM_VERDICT_RETRY, 36, 0, 0, 0, 0), TOUCHES(0), SENDS(0, 2),
	     NEWS_IS(0, 4, 0), VERDICT_IS(0, KM_VERDICT_NEXT)),
	SEED("not-me", COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 1, 0), PHONE_OF(0), TOUCHES(0),
	     SENDS(0, 3), NEWS_IS(0, 4, 0), NEWS_IS(0, 12, 0), TELLS(0, 31, 0, 35, 0, 0, 0, 0)),
	SEED("not-sent", COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 1, 0), PHONE_OF(0), TOUCHES(0),
	     TELLS(0, 31, KM_VERDICT_RETRY, 34, 0, 0, 0, 0), TOUCHES(0), NEWS_IS(0, 1, 0)),
	SEED("message-failed", COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 1, 0), PHONE_OF(0), TOUCHES(0),
	     SENDS(0, 1), NEWS_IS(0, 2, 0), NEWS_IS(0, 20, 9), ANSWERS(0),
	     VERDICT_IS(0, KM_VERDICT_RETRY), NEWS_IS(0, 10, 0)),
	SEED("sensor-lost", COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 1, 0), TOUCH_OF(0), TOUCHES(0),
	     GRANTS(0, 9), LOSE_SENSOR, 1, LOSE_SENSOR, 1, COME, 0, SENSOR_RAW, 2, 1, 2),
	SEED("sensor-silent", COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 1, 0), TOUCH_OF(0), TOUCHES(0),
	     BREAK_SENSOR, 1, GRANTS(0, 9), SENSOR_SILENT),
	SEED("enrolment", SENSES(5, 60), EVENT_IS(5, 1), EVENT_IS(5, 2), UNSENSES(5), SENSES(6, 0),
	     EVENT_IS(6, 9), EVENT_IS(6, 20), SENSES(7, 60), SENSES(7, 60)),
	SEED("early-answer", COME, 0, HELLO_DOOR(0), ANSWERS(0)),
	SEED("raw", COME, 0, SAY_RAW, 0, 3, 1, 0, 0, TELL_RAW, 0, 3, 30, 0, 0),
	{ .name = NULL },
};
const char *const fuzz_words[] = { "user/", "gdm-password", "/dev/pts/1", NULL };

static const char *const logins[] = { "", "hanako", "gdm-password", "tty7", "pts/1", "::1", NULL };
static const struct fuzz_ideas ideas = { .words = logins };

static struct judge judge;
static uint32_t client[CLIENTS]; /* the session's number; 0: none */
static km_rc client_rc, vault_rc, sensor_rc;

/* What this act sent. */
static struct {
	struct km_msg to_client;
	uint32_t gone;
	bool closed;
} seen;

/* --- the world ------------------------------------------------------------------ */

static km_rc to_client(struct judge *j, struct judge_session *s, const struct km_msg *m)
{
	static uint8_t frame[KM_FRAME_MAX];
	size_t len = 0;

	(void)j;
	fuzz_check(s->id != 0, "a word to nobody");
	fuzz_check(
	    fuzz_table_says(m->number, KM_FROM_JUDGE, KM_PHASE_HEARD_NOTHING | KM_PHASE_TALK),
	    "the judge says %s to a client", km_message_name(m->number));
	fuzz_check(m->number != KM_MSG_RESULT || (m->result.verdict != KM_VERDICT_ALLOW &&
						  m->result.verdict != KM_VERDICT_NEXT),
		   "the judge lets somebody in");
	fuzz_check(km_encode(m, frame, sizeof(frame), &len) == KM_OK, "it does not encode");
	seen.to_client = *m;
	return client_rc;
}

static km_rc to_vault(struct judge *j, const struct km_msg *m, int pass_fd)
{
	static uint8_t frame[KM_FRAME_MAX];
	size_t len = 0;

	(void)j;
	fuzz_check(fuzz_table_says(m->number, KM_FROM_JUDGE, KM_PHASE_LINK | KM_PHASE_OPENED),
		   "the judge says %s to the vault", km_message_name(m->number));
	fuzz_check((m->number == KM_MSG_OPEN) == (pass_fd >= 0), "a descriptor out of place");
	fuzz_check(km_encode(m, frame, sizeof(frame), &len) == KM_OK, "it does not encode");
	seen.closed |= m->number == KM_MSG_CLOSE;
	return vault_rc;
}

static km_rc to_sensor(struct judge *j, const struct km_msg *m)
{
	static uint8_t frame[JUDGE_SENSOR_FRAME];
	size_t len = 0;

	(void)j;
	fuzz_check(fuzz_table_says(m->number, KM_FROM_JUDGE, KM_PHASE_SENSOR),
		   "the judge says %s to the sensor", km_message_name(m->number));
	fuzz_check(m->number != KM_MSG_CAPTURE || m->capture.seconds > 0, "no time to capture");
	fuzz_check(km_encode(m, frame, sizeof(frame), &len) == KM_OK, "it does not encode");
	return sensor_rc;
}

static void set_deadline(struct judge *j, struct judge_session *s, unsigned seconds)
{
	(void)j;
	(void)s;
	fuzz_check(seconds > 0, "no deadline");
}

static void set_wake(struct judge *j, struct judge_session *s, unsigned seconds)
{
	(void)j;
	s->wake_ms = seconds; /* WAKE comes when the seed or the fuzzer likes */
}

static void find_origin(struct judge *j, struct judge_session *s, struct judge_facts *facts)
{
	(void)j;
	facts->has_session = s->id & 1;
}

static bool let_go(struct judge *j, struct judge_session *s)
{
	(void)j;
	seen.gone = s->id;
	for (size_t i = 0; i < CLIENTS; i++)
		if (client[i] == s->id)
			client[i] = 0;
	return true;
}

static const struct judge_ports ports = { to_client, to_vault,    to_sensor, set_deadline,
					  set_wake,  find_origin, let_go };

void fuzz_begin(void)
{
	judge = (struct judge){ .ports = &ports,
				.owner = -1,
				.vault_uid = -1,
				.link = { .fd = -1 },
				.sensor = { .fd = -1 } };
	km_conf_defaults(&judge.conf);
	judge.announced = judge.notified = true;
	fuzz_check(judge_sessions_init(&judge) == KM_OK, "no memory");
}

/* What is captured by this grant; NULL: nothing. */
static const struct judge_capture *captured(const uint8_t *grant)
{
	for (size_t i = 0; i < JUDGE_CAPTURES; i++) {
		const struct judge_capture *c = &judge.sensor.capture[i];

		if (c->used && memcmp(c->grant, grant, KM_GRANT_BYTES) == 0)
			return c;
	}
	return NULL;
}

/* --- the table's word, and what is not of its making -------------------------------- */

/* A slot that has something else than a code, and no code. */
static bool nothing_is_typed(unsigned shape)
{
	return shape != 0 && !(shape & ~((unsigned)KM_SHAPE_TOUCH | KM_SHAPE_PHONE));
}

/* Fields that a handler looks at before it acts. */
static bool sensible(const struct judge_session *s, const struct km_msg *m)
{
	bool next = m->verdict.verdict == KM_VERDICT_NEXT;

	switch (m->number) {
	case KM_MSG_HELLO:
		return m->hello.kind == KM_CLIENT_DOOR || m->hello.kind == KM_CLIENT_DESK;
	case KM_MSG_LOGIN:
		return m->login.kind >= KM_REQUEST_AUTHENTICATE &&
		       m->login.kind <= KM_REQUEST_SESSION_CLOSE;
	case KM_MSG_PLAN:
		for (size_t i = 0; i < m->plan.slots.count; i++)
			if (nothing_is_typed(m->plan.slots.slot[i].shape))
				return false;
		return s->kind == KM_REQUEST_AUTHENTICATE && m->plan.slots.count > 0;
	case KM_MSG_GRANTED:
		return s->finger.wanted && !s->finger.granted && !captured(m->granted.grant);
	case KM_MSG_VERDICT:
		if (m->verdict.verdict != KM_VERDICT_RETRY && !next)
			return !(s->phase & KM_PHASE_ASKED) ||
			       (s->phone.ordered && m->verdict.verdict != KM_VERDICT_ALLOW);
		return (s->phase & KM_PHASE_CHECKING) && !s->phone.awaited &&
		       !(next && (s->phone.wanted || s->at + 1 >= s->slots.count));
	case KM_MSG_SENDING:
		return s->phone.wanted && m->sending.kind >= KM_ORDER_MESSAGE &&
		       m->sending.kind <= KM_ORDER_CONFIRM;
	case KM_MSG_ORDER_NEWS:
		return s->phone.ordered && km_order_state_known(m->order_news.state) &&
		       km_order_why_known(m->order_news.why);
	default:
		return true;
	}
}

static void says(struct judge_session *s, const struct km_msg *m, const uint8_t *frame, size_t len)
{
	bool may = m && fuzz_table_says(m->number, s->party, s->phase) && sensible(s, m);
	bool broken = client_rc != KM_OK || vault_rc != KM_OK;
	uint32_t id = s->id;
	bool refused;

	judge_session_heard(&judge, s, frame, len);
	refused = seen.gone == id && seen.to_client.number == KM_MSG_RESULT &&
		  seen.to_client.result.reason == KM_REASON_PROTOCOL;
	if (!may)
		fuzz_check(refused, "what may not come was taken");
	else
		fuzz_check(!refused || broken, "%s may come and was refused",
			   km_message_name(m->number));
}

static void tells(uint32_t id, const struct km_msg *m, const uint8_t *frame, size_t len)
{
	struct judge_session *s = judge_session_find(&judge, id);
	bool may = false;
	km_rc rc;

	if (s && m)
		may = fuzz_table_says(m->number, KM_FROM_VAULT, s->phase) && sensible(s, m);
	rc = judge_session_told(&judge, id, frame, len);
	if (s && !may)
		fuzz_check(rc == KM_EPROTO && seen.gone == 0, "the vault said what it may not");
	if (s && may)
		fuzz_check(rc == KM_OK, "%s may come and was refused", km_message_name(m->number));
	/* Crossed with a CLOSE: only a frame that could have been. */
	if (!s && rc == KM_OK)
		fuzz_check(m && fuzz_table_says(m->number, KM_FROM_VAULT,
						KM_PHASE_OPENING | KM_PHASE_CHECKING),
			   "a frame for nobody was taken");
}

/* --- acts -------------------------------------------------------------------------- */

static void come(struct fuzz_in *in)
{
	uid_t uid = fuzz_u8(in) ? 1000 : 0;
	struct judge_session *s;

	for (size_t i = 0; i < CLIENTS; i++) {
		if (client[i])
			continue;
		s = judge_session_new(&judge, 7, 4711, uid);
		fuzz_check(s && s->id, "no place for a client");
		client[i] = s->id;
		return;
	}
}

/* The decoder lets through what the table permits in each phase, from each party, and no more. */
static void decodes_when_it_may(const struct km_msg *m, const uint8_t *frame, size_t len)
{
	static struct km_msg again;

	for (unsigned from = KM_FROM_DOOR; from & FUZZ_ALL_PARTIES; from <<= 1)
		for (unsigned phase = KM_PHASE_GREET; phase & FUZZ_ALL_PHASES; phase <<= 1)
			fuzz_check((km_decode(frame, len, from, phase, &again) == KM_OK) ==
				       (m && fuzz_table_says(m->number, from, phase)),
				   "from %x, phase %x: not as the table says", from, phase);
}

/* One frame about a client's session, from the client or from the vault. */
static void exchange(struct fuzz_in *in, bool vault, bool raw)
{
	static uint8_t frame[KM_FRAME_MAX];
	static struct km_msg m;
	size_t len = 0, which = fuzz_u8(in);
	uint32_t id = client[which % CLIENTS];
	struct judge_session *s = judge_session_find(&judge, id);
	const struct km_msg *known = &m;

	if (!vault && !s)
		return;
	if (which & 0x80) /* a number of long ago, or never */
		id = (uint32_t)fuzz_integer(in, 4);
	if (raw) {
		len = fuzz_bytes(in, frame, 200);
	} else {
		fuzz_message(in, fuzz_u8(in), &ideas, &m);
		m.session = vault ? id : 0;
		if (km_encode(&m, frame, sizeof(frame), &len) != KM_OK)
			return;
	}
	if (km_decode(frame, len, FUZZ_ALL_PARTIES, FUZZ_ALL_PHASES, &m) != KM_OK)
		known = NULL;
	decodes_when_it_may(known, frame, len);
	if (vault)
		tells(id, known, frame, len);
	else
		says(s, known, frame, len);
}

/* A message that nothing is heard of. */
static void wake(uint32_t id)
{
	struct judge_session *s = judge_session_find(&judge, id);

	if (!s || !s->wake_ms)
		return;
	fuzz_check(s->phone.awaited, "somebody is woken who waits for nothing");
	s->wake_ms = 0;
	judge_phone_waited(&judge, s);
	fuzz_check(seen.gone == id || s->phase == KM_PHASE_ASKED, "woken, and nothing is asked");
}

static void refuse(struct fuzz_in *in)
{
	struct judge_session *s = judge_session_find(&judge, client[fuzz_u8(in) % CLIENTS]);
	uint32_t id = s ? s->id : 0;

	if (!s)
		return;
	judge_session_refuse(&judge, s, KM_REASON_DEADLINE);
	fuzz_check(seen.gone == id, "a refused session goes on");
}

/* The sensor, or the vault outside of any session. */
static void other(struct fuzz_in *in, bool vault, bool raw)
{
	static uint8_t frame[KM_FRAME_MAX];
	static struct km_msg m;
	unsigned from = vault ? KM_FROM_VAULT : KM_FROM_SENSOR;
	unsigned phase = vault ? KM_PHASE_JUDGE_LINK : KM_PHASE_SENSOR_LINK;
	size_t len = 0;
	bool may = false;

	if (raw) {
		len = fuzz_bytes(in, frame, 200);
	} else {
		fuzz_message(in, fuzz_u8(in), &ideas, &m);
		if (m.number == KM_MSG_HEAD || km_encode(&m, frame, sizeof(frame), &len) != KM_OK)
			return;
	}
	if (km_decode(frame, len, FUZZ_ALL_PARTIES, FUZZ_ALL_PHASES, &m) == KM_OK)
		may = fuzz_table_says(m.number, from, phase);
	if (may && m.number == KM_MSG_SENSE)
		may = !captured(m.sense.grant);
	if (may && m.number == KM_MSG_UNSENSE)
		may = !captured(m.unsense.grant) || captured(m.unsense.grant)->session == 0;
	if (may && m.number == KM_MSG_EVENT)
		may = km_sensor_event_known(m.event.event);
	/* One that talks without an end is not told here: there is not input enough for it. */
	fuzz_check((vault ? judge_link_heard(&judge, frame, len)
			  : judge_sensor_heard(&judge, frame, len)) == (may ? KM_OK : KM_EPROTO) ||
		       judge.sensor.strays > JUDGE_SENSOR_STRAYS,
		   "%s: not as the table says", km_message_name(m.number));
	if (judge.sensor.strays > JUDGE_SENSOR_STRAYS)
		judge.sensor.strays = 0;
}

static void act(struct fuzz_in *in)
{
	static const km_rc broken[] = { KM_EUNAVAIL, KM_ELIMIT, KM_ECLOSED, KM_EAGAIN };
	enum act what = fuzz_u8(in) % ACTS;

	memset(&seen, 0, sizeof(seen));
	if (what == BREAK_CLIENT)
		client_rc = KM_EAGAIN;
	if (what == BREAK_VAULT)
		vault_rc = broken[fuzz_u8(in) % 4];
	if (what == BREAK_SENSOR)
		sensor_rc = broken[fuzz_u8(in) % 4];
	if (what >= BREAK_CLIENT)
		what = fuzz_u8(in) % BREAK_CLIENT;
	if (what == COME)
		come(in);
	else if (what == REFUSE)
		refuse(in);
	else if (what == LOSE_VAULT)
		judge_sessions_lost_vault(&judge);
	else if (what == SENSOR_SAYS || what == SENSOR_RAW || what == VAULT_SENSES)
		other(in, what == VAULT_SENSES, what == SENSOR_RAW);
	else if (what == LOSE_SENSOR)
		judge_captures_lost(&judge, fuzz_u8(in) & 1);
	else if (what == WAKE)
		wake(client[fuzz_u8(in) % CLIENTS]);
	else if (what == SENSOR_SILENT)
		fuzz_check(judge_captures_overdue(&judge, INT64_MAX) == INT64_MAX, "still not due");
	else
		exchange(in, what == TELL || what == TELL_RAW, what == SAY_RAW || what == TELL_RAW);
	client_rc = vault_rc = sensor_rc = KM_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };

	while (in.left)
		act(&in);
	for (size_t i = 0; i < CLIENTS; i++) {
		struct judge_session *s = judge_session_find(&judge, client[i]);

		if (s)
			judge_session_refuse(&judge, s, KM_REASON_BUSY);
	}
	fuzz_check(judge.vacancies == JUDGE_SESSIONS, "a session never ends");
	judge_captures_of_vault_stop(&judge);
	for (size_t i = 0; i < JUDGE_CAPTURES; i++)
		fuzz_check(!judge.sensor.capture[i].used, "a capture is left");
	fuzz_check(fuzz_is_zero(judge.frame, sizeof(*judge.frame)), "a frame was not wiped");
	return 0;
}
