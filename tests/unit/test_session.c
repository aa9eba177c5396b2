/* The table of the judge: every phase and every message. */
#include "fake_judge.h"

/* --- the matrix ---------------------------------------------------------------------- */

enum {
	GREET = KM_PHASE_GREET,
	REQUEST = KM_PHASE_REQUEST,
	WORKING = KM_PHASE_WORKING,
	ASKED = KM_PHASE_ASKED,
	HEARD_NOTHING = KM_PHASE_HEARD_NOTHING,
	TALK = KM_PHASE_TALK,
	LINK = KM_PHASE_LINK,
	OPENED = KM_PHASE_OPENED,
	JUDGE_LINK = KM_PHASE_JUDGE_LINK,
	OPENING = KM_PHASE_OPENING,
	CHECKING = KM_PHASE_CHECKING,
	DESK_IDLE = KM_PHASE_DESK_IDLE,
	DESK_ASKED = KM_PHASE_DESK_ASKED,
	DESK_TALK = KM_PHASE_DESK_TALK,
	SENSOR = KM_PHASE_SENSOR,
	SENSOR_LINK = KM_PHASE_SENSOR_LINK,
	PROBES = KM_PHASE_PROBES,
	GRANTS = KM_PHASE_GRANTS,
	MATCHER = KM_PHASE_MATCHER,
	ORDERS = KM_PHASE_ORDERS,
	COURIER = KM_PHASE_COURIER,
};

static const struct {
	uint8_t number;
	unsigned from, phases;
} messages[] = {
#define KM_MESSAGE(NAME, name, number, from, phases, cap) { number, KM_FROM_##from, phases },
#define KM_FIELD(name, kind, field, limit)
#define KM_MESSAGE_END(name)
#include <kenmon/messages.def>
#undef KM_MESSAGE
#undef KM_FIELD
#undef KM_MESSAGE_END
};

static const unsigned phase_bits[PHASES] = {
	[IN_GREET] = KM_PHASE_GREET,
	[IN_REQUEST] = KM_PHASE_REQUEST,
	[IN_OPENING] = KM_PHASE_WORKING | KM_PHASE_OPENING,
	[IN_ASKED] = KM_PHASE_ASKED,
	[IN_CHECKING] = KM_PHASE_WORKING | KM_PHASE_CHECKING,
	[IN_GRANTING] = KM_PHASE_WORKING | KM_PHASE_CHECKING,
	[IN_CAPTURING] = KM_PHASE_WORKING | KM_PHASE_CHECKING,
	[IN_SENDING] = KM_PHASE_WORKING | KM_PHASE_CHECKING,
	[IN_AWAITING] = KM_PHASE_WORKING | KM_PHASE_CHECKING,
	[IN_SENT] = KM_PHASE_ASKED,
	[IN_CALLING] = KM_PHASE_WORKING | KM_PHASE_CHECKING,
};

static bool permitted(unsigned number, unsigned from, unsigned phases)
{
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		if (messages[i].number == number)
			return (messages[i].from & from) && (messages[i].phases & phases);
	return false;
}

/* A frame of that number whose fields are acceptable, as far as there is one. */
static size_t sample(unsigned number, uint32_t session, uint8_t *buf, size_t cap)
{
	struct km_msg m = { .number = (uint8_t)number, .session = session };
	size_t len = 0;

	if (number == KM_MSG_HELLO)
		m = hello(KM_CLIENT_DOOR);
	if (number == KM_MSG_LOGIN)
		m = login(KM_REQUEST_AUTHENTICATE, ALICE);
	if (number == KM_MSG_PLAN)
		m = plan(session, 1);
	if (number == KM_MSG_VERDICT)
		m = verdict(session, KM_VERDICT_DENY);
	if (number == KM_MSG_ANSWER)
		m = answer("123456");
	if (number == KM_MSG_GRANTED)
		m = granted(session, GRANT + 1, 20);
	if (number == KM_MSG_SENDING)
		m = sending(session, KM_ORDER_MESSAGE, 300);
	if (number == KM_MSG_ORDER_NEWS)
		m = news(session, KM_ORDER_STATE_QUEUED, 0);
	if (km_encode(&m, buf, cap, &len) == KM_OK)
		return len;
	/* No such message: the header alone. */
	memset(buf, 0, KM_FRAME_HEADER);
	buf[0] = (uint8_t)number;
	return KM_FRAME_HEADER;
}

static void test_each_client_message_passes_only_in_its_phases(void **state)
{
	unsigned points = 0, passed = 0;

	close_house(state);
	for (unsigned where = 0; where < PHASES; where++)
		for (unsigned number = 0; number < 256; number++) {
			struct judge_session *s, *other;
			uint8_t buf[JUDGE_FRAME_OUT];
			bool may =
			    permitted(number, where == IN_GREET ? KM_FROM_CLIENT : KM_FROM_DOOR,
				      phase_bits[where]);
			uint32_t id;

			open_house(state);
			other = in(IN_ASKED);
			s = in((enum where)where);
			id = s->id;
			judge_session_heard(j, s, buf, sample(number, 0, buf, sizeof(buf)));
			points++;
			passed += may;
			/* ABORT ends the session too, but nobody is called a liar. */
			assert_int_equal(judge_session_find(j, id) != NULL,
					 may && number != KM_MSG_ABORT);
			if (!may) {
				refused(KM_VERDICT_UNAVAILABLE, KM_REASON_PROTOCOL);
				assert_int_equal(world.vaults, where >= IN_OPENING);
			}
			assert_int_equal(other->phase, KM_PHASE_ASKED);
			close_house(state);
		}
	assert_int_equal(points, PHASES * 256);
	assert_int_equal(passed, 13); /* HELLO, LOGIN, ANSWER twice, ABORT nine times */
	open_house(state);
}

/* What comes once, and only when it was asked for; news, after an order; a verdict while the person
 * is asked, the same. */
static bool in_its_place(unsigned number, enum where where)
{
	switch (number) {
	case KM_MSG_GRANTED:
		return where == IN_GRANTING;
	case KM_MSG_SENDING:
		return where == IN_SENDING;
	case KM_MSG_ORDER_NEWS:
		return where > IN_SENDING;
	case KM_MSG_VERDICT:
		return where != IN_ASKED;
	default:
		return true;
	}
}

static void test_each_vault_message_passes_only_in_its_phases(void **state)
{
	unsigned points = 0, passed = 0;

	close_house(state);
	for (unsigned where = 0; where < PHASES; where++)
		for (unsigned number = 0; number < 256; number++) {
			struct judge_session *s;
			uint8_t buf[JUDGE_FRAME_OUT];
			bool may = permitted(number, KM_FROM_VAULT,
					     phase_bits[where] & ~(unsigned)KM_PHASE_WORKING) &&
				   in_its_place(number, (enum where)where);
			size_t len;

			open_house(state);
			s = in((enum where)where);
			len = sample(number, s->id, buf, sizeof(buf));
			buf[1] = (uint8_t)(s->id >> 24);
			buf[2] = (uint8_t)(s->id >> 16);
			buf[3] = (uint8_t)(s->id >> 8);
			buf[4] = (uint8_t)s->id;
			assert_int_equal(judge_link_heard(j, buf, len), may ? KM_OK : KM_EPROTO);
			/* Who breaks the protocol is the vault; the client hears of it when the
			 * link ends. */
			if (!may)
				assert_int_equal(world.gone, 0);
			points++;
			passed += may;
			close_house(state);
		}
	assert_int_equal(points, PHASES * 256);
	/* PLAN, VERDICT eight times, GRANTED, SENDING, ORDER_NEWS three times */
	assert_int_equal(passed, 14);
	open_house(state);
}

static void test_a_desk_passes_only_where_the_table_says(void **state)
{
	close_house(state);
	for (unsigned number = 0; number < 256; number++) {
		struct judge_session *s;
		uint8_t buf[JUDGE_FRAME_OUT];
		struct km_msg m = hello(KM_CLIENT_DESK);
		uint32_t id;

		open_house(state);
		s = comes(ROOT);
		id = s->id;
		says(s, &m);
		judge_session_heard(j, s, buf, sample(number, 0, buf, sizeof(buf)));
		assert_int_equal(judge_session_find(j, id) != NULL, number == KM_MSG_DESK);
		close_house(state);
	}
	open_house(state);
}

/* C26: what is no frame costs the one who sent it. */
static void test_c26_cut_and_lengthened_frames_end_that_client_alone(void **state)
{
	static const uint8_t numbers[] = { KM_MSG_HELLO, KM_MSG_LOGIN, KM_MSG_ANSWER };
	static const enum where places[] = { IN_GREET, IN_REQUEST, IN_ASKED };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		uint8_t buf[JUDGE_FRAME_OUT] = { 0 };
		size_t len = sample(numbers[i], 0, buf, sizeof(buf));
		struct judge_session *other = in(IN_ASKED);

		for (size_t cut = 0; cut <= len + 1; cut++) {
			struct judge_session *s;
			uint32_t id;

			if (cut == len)
				continue;
			s = in(places[i]);
			id = s->id;
			judge_session_heard(j, s, buf, cut);
			assert_null(judge_session_find(j, id));
			refused(KM_VERDICT_UNAVAILABLE, KM_REASON_PROTOCOL);
		}
		assert_int_equal(other->phase, KM_PHASE_ASKED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_HOUSE(test_each_client_message_passes_only_in_its_phases),
		IN_HOUSE(test_each_vault_message_passes_only_in_its_phases),
		IN_HOUSE(test_a_desk_passes_only_where_the_table_says),
		IN_HOUSE(test_c26_cut_and_lengthened_frames_end_that_client_alone),
	};

	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
