/*
 * A courier in this process, between a vault that the test plays and a driver that writes down what
 * it is asked for and reports when the test says so. The loop is the room's own, turned by hand.
 */
#ifndef KENMON_TEST_COURIER_SCENE_H
#define KENMON_TEST_COURIER_SCENE_H

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../authd/courier/courier.h"
#include <kenmon/clock.h>

#define NUMBER "+819012345678"

struct scene {
	struct courier c;
	int vault;
};

/* What the driver was asked for. */
static struct {
	unsigned begun, cancelled, closed;
	uint64_t begun_id[KM_ORDERS * 2];
	enum km_order_why why;
	bool stubborn; /* does not end what is cancelled */
	void (*at_begin)(struct courier *c, struct courier_order *o);
} played;

static inline km_rc played_open(struct courier *c, const struct courier_settings *s)
{
	(void)c;
	(void)s;
	return KM_OK;
}

static inline void played_begin(struct courier *c, struct courier_order *o)
{
	if (played.begun < KM_ORDERS * 2)
		played.begun_id[played.begun] = o->id;
	played.begun++;
	if (played.at_begin)
		played.at_begin(c, o);
}

static inline void played_cancel(struct courier *c, struct courier_order *o, enum km_order_why why)
{
	played.cancelled++;
	played.why = why;
	if (!played.stubborn)
		courier_report(c, o, KM_ORDER_STATE_FAILED, why, NULL, 0);
}

static inline void played_close(struct courier *c)
{
	(void)c;
	played.closed++;
}

static const struct courier_driver played_driver = {
	.name = "played",
	.open = played_open,
	.begin = played_begin,
	.cancel = played_cancel,
	.close = played_close,
};

static inline void scene_open(struct scene *s)
{
	int pair[2];

	memset(&played, 0, sizeof(played));
	memset(s, 0, sizeof(*s));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	s->vault = pair[0];
	s->c = (struct courier){ .vault = pair[1], .vault_uid = -1, .conf_path = "/dev/null" };
	assert_true(courier_init(&s->c));
	km_conf_defaults(&s->c.settings->conf);
	s->c.settings->conf.sms.gateway = KM_GATEWAY_EXEC;
	s->c.settings->conf.sms.at_once = 256;
	s->c.settings->conf.voice.at_once = 2;
	s->c.driver[COURIER_MESSAGES] = s->c.driver[COURIER_CALLS] = &played_driver;
	assert_true(courier_listen(&s->c));
}

static inline void scene_close(struct scene *s)
{
	courier_free(&s->c);
	if (s->vault >= 0)
		close(s->vault);
	s->vault = -1;
}

/* Until there is nothing to be done without waiting. False: the room has ended. */
static inline bool scene_turn(struct scene *s)
{
	return courier_loop_turn(&s->c);
}

/* Turns until it holds, as long as a test may take at all. */
static inline bool scene_until(struct scene *s, bool (*holds)(struct scene *))
{
	for (unsigned i = 0; i < 2000; i++) {
		struct pollfd p = { .fd = courier_loop_fd(&s->c), .events = POLLIN };

		if (!scene_turn(s))
			return holds(s);
		if (holds(s))
			return true;
		poll(&p, 1, 10);
	}
	return false;
}

static inline struct km_msg scene_message(uint64_t id, int64_t left_ms)
{
	struct km_msg m = { .number = KM_MSG_ORDER,
			    .order = { .order = id,
				       .kind = KM_ORDER_MESSAGE,
				       .lang = KM_LANG_JA,
				       .until = km_boot_ms() + left_ms } };

	strcpy(m.order.number, NUMBER);
	assert_int_equal(km_secret_set(&m.order.text, "code 123456", 11), KM_OK);
	return m;
}

static inline void scene_say(struct scene *s, const struct km_msg *m)
{
	assert_int_equal(km_send_msg(s->vault, m, -1, MSG_DONTWAIT), KM_OK);
}

static inline void scene_order(struct scene *s, uint64_t id)
{
	const struct km_msg m = scene_message(id, 60000);

	scene_say(s, &m);
	(void)scene_turn(s);
}

static inline void scene_cancel(struct scene *s, uint64_t id)
{
	const struct km_msg m = { .number = KM_MSG_CANCEL, .cancel = { .order = id } };

	scene_say(s, &m);
	(void)scene_turn(s);
}

/* The next word to the vault; false: there is none. */
static inline bool scene_heard(struct scene *s, struct km_msg *m)
{
	uint8_t frame[512];
	size_t len = 0;
	km_rc rc = km_recv(s->vault, frame, sizeof(frame), &len, NULL, NULL, MSG_DONTWAIT);

	if (rc != KM_OK)
		return false;
	assert_int_equal(km_decode(frame, len, KM_FROM_COURIER, KM_PHASE_ORDERS, m), KM_OK);
	return true;
}

static inline void scene_expect(struct scene *s, uint64_t id, enum km_order_state state,
				enum km_order_why why)
{
	struct km_msg m;

	assert_true(scene_heard(s, &m));
	assert_int_equal(m.number, KM_MSG_ORDERED);
	assert_int_equal(m.ordered.order, id);
	assert_string_equal(km_order_state_word(m.ordered.state), km_order_state_word(state));
	assert_string_equal(km_order_why_word(m.ordered.why), km_order_why_word(why));
}

static inline void scene_expect_nothing(struct scene *s)
{
	struct km_msg m;

	assert_false(scene_heard(s, &m));
}

static inline struct courier_order *scene_begun(struct scene *s, uint64_t id)
{
	struct courier_order *o = courier_find(&s->c, id);

	assert_non_null(o);
	return o;
}

static inline void scene_report(struct scene *s, uint64_t id, enum km_order_state state,
				enum km_order_why why)
{
	courier_report(&s->c, scene_begun(s, id), state, why, NULL, 0);
	(void)scene_turn(s);
}

#endif
