/*
 * A judge whose world is in memory: what it sends is kept, and nothing is real.
 * For tests of its sessions; each includes this once.
 */
#ifndef KENMON_TESTS_FAKE_JUDGE_H
#define KENMON_TESTS_FAKE_JUDGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <kenmon/order.h>

#include "../../authd/judge.h"

#define SENT_MAX 64
#define ROOT     0
#define OWNER    4242
#define ALICE    1000

static struct judge judge;
static struct judge *const j = &judge;

static struct {
	struct km_msg client[SENT_MAX], vault[SENT_MAX], sensor[SENT_MAX];
	unsigned clients, vaults, sensors, gone;
	int passed_fd;
	unsigned deadline, wake;
	km_rc client_rc, vault_rc, sensor_rc;
	struct judge_facts facts;
	unsigned asked_origin;
} world;

static inline km_rc to_client(struct judge *judge_, struct judge_session *s, const struct km_msg *m)
{
	(void)judge_;
	(void)s;
	if (world.client_rc != KM_OK)
		return world.client_rc;
	assert_true(world.clients < SENT_MAX);
	world.client[world.clients++] = *m;
	return KM_OK;
}

static inline km_rc to_vault(struct judge *judge_, const struct km_msg *m, int pass_fd)
{
	(void)judge_;
	if (world.vault_rc != KM_OK)
		return world.vault_rc;
	assert_true(world.vaults < SENT_MAX);
	world.vault[world.vaults++] = *m;
	world.passed_fd = pass_fd;
	return KM_OK;
}

static inline km_rc to_sensor(struct judge *judge_, const struct km_msg *m)
{
	(void)judge_;
	if (world.sensor_rc != KM_OK)
		return world.sensor_rc;
	assert_true(world.sensors < SENT_MAX);
	world.sensor[world.sensors++] = *m;
	return KM_OK;
}

static inline void set_deadline(struct judge *judge_, struct judge_session *s, unsigned seconds)
{
	(void)judge_;
	(void)s;
	world.deadline = seconds;
}

static inline void set_wake(struct judge *judge_, struct judge_session *s, unsigned seconds)
{
	(void)judge_;
	(void)s;
	world.wake = seconds;
}

static inline void find_origin(struct judge *judge_, struct judge_session *s, struct judge_facts *f)
{
	(void)judge_;
	(void)s;
	world.asked_origin++;
	f->has_session = world.facts.has_session;
	f->session_remote = world.facts.session_remote;
	f->session_seat = world.facts.session_seat;
}

static inline bool let_go(struct judge *judge_, struct judge_session *s)
{
	(void)judge_;
	(void)s;
	world.gone++;
	return true;
}

static const struct judge_ports ports = { to_client, to_vault,    to_sensor, set_deadline,
					  set_wake,  find_origin, let_go };

static inline int open_house(void **state)
{
	(void)state;
	memset(&world, 0, sizeof(world));
	judge = (struct judge){
		.ports = &ports,
		.owner = OWNER,
		.vault_uid = -1,
		.link = { .fd = -1 },
		.sensor = { .fd = -1 },
		.anchor = { .fd = -1 },
		.announced = true,
	};
	km_conf_defaults(&judge.conf);
	return judge_sessions_init(&judge) == KM_OK ? 0 : -1;
}

static inline int close_house(void **state)
{
	(void)state;
	world.client_rc = world.vault_rc = world.sensor_rc = KM_EUNAVAIL;
	judge_sessions_free(&judge);
	return 0;
}

/* What was sent so far is looked at no more. */
static inline void forget(void)
{
	world.clients = world.vaults = world.sensors = world.gone = 0;
}

static inline void says(struct judge_session *s, const struct km_msg *m)
{
	uint8_t buf[JUDGE_FRAME_OUT];
	size_t len = 0;

	assert_int_equal(km_encode(m, buf, sizeof(buf), &len), KM_OK);
	judge_session_heard(j, s, buf, len);
	if (s->id != 0)
		judge_session_waits(j, s);
}

static inline km_rc vault_says(const struct km_msg *m)
{
	uint8_t buf[JUDGE_FRAME_OUT];
	size_t len = 0;

	assert_int_equal(km_encode(m, buf, sizeof(buf), &len), KM_OK);
	return judge_link_heard(j, buf, len);
}

static inline struct km_msg hello(uint8_t kind)
{
	struct km_msg m = { .number = KM_MSG_HELLO };

	m.hello.kind = kind;
	m.hello.oldest = KM_PROTOCOL_OLDEST;
	m.hello.newest = KM_PROTOCOL_NEWEST;
	return m;
}

static inline struct km_msg login(uint8_t kind, uint32_t uid)
{
	struct km_msg m = { .number = KM_MSG_LOGIN };

	m.login.kind = kind;
	m.login.uid = uid;
	snprintf(m.login.login, sizeof(m.login.login), "alice");
	snprintf(m.login.service, sizeof(m.login.service), "login");
	snprintf(m.login.tty, sizeof(m.login.tty), "tty1");
	memset(m.login.nonce, 0x5a, sizeof(m.login.nonce));
	return m;
}

static inline struct km_msg plan(uint32_t id, unsigned count)
{
	struct km_msg m = { .number = KM_MSG_PLAN, .session = id };

	m.plan.slots.count = (uint8_t)count;
	for (unsigned i = 0; i < count; i++) {
		m.plan.slots.slot[i].step = (uint8_t)(10 + i);
		m.plan.slots.slot[i].shape = i ? KM_SHAPE_RECOVERY : KM_SHAPE_DIGITS_6;
	}
	return m;
}

/* A code or a finger, in every slot. */
static inline struct km_msg touch_plan(uint32_t id, unsigned count)
{
	struct km_msg m = plan(id, count);

	for (unsigned i = 0; i < count; i++)
		m.plan.slots.slot[i].shape |= KM_SHAPE_TOUCH;
	return m;
}

/* A code, or have one sent, in every slot. */
static inline struct km_msg phone_plan(uint32_t id, unsigned count)
{
	struct km_msg m = plan(id, count);

	for (unsigned i = 0; i < count; i++)
		m.plan.slots.slot[i].shape |= KM_SHAPE_PHONE;
	return m;
}

static inline struct km_msg sending(uint32_t id, uint8_t kind, uint16_t seconds)
{
	struct km_msg m = { .number = KM_MSG_SENDING, .session = id };

	m.sending.kind = kind;
	m.sending.seconds = seconds;
	return m;
}

static inline struct km_msg news(uint32_t id, uint8_t state, uint8_t why)
{
	struct km_msg m = { .number = KM_MSG_ORDER_NEWS, .session = id };

	m.order_news.state = state;
	m.order_news.why = why;
	return m;
}

/* Grants are told apart by one number. */
static inline struct km_msg granted(uint32_t id, uint8_t grant, uint16_t seconds)
{
	struct km_msg m = { .number = KM_MSG_GRANTED, .session = id };

	memset(m.granted.grant, grant, sizeof(m.granted.grant));
	m.granted.seconds = seconds;
	return m;
}

static inline struct km_msg verdict(uint32_t id, uint8_t v)
{
	struct km_msg m = { .number = KM_MSG_VERDICT, .session = id };

	m.verdict.verdict = v;
	return m;
}

static inline struct km_msg answer(const char *text)
{
	struct km_msg m = { .number = KM_MSG_ANSWER };

	assert_int_equal(km_secret_set(&m.answer.secret, text, strlen(text)), KM_OK);
	return m;
}

static inline km_rc sensor_says(uint8_t grant, unsigned event)
{
	struct km_msg m = { .number = KM_MSG_EVENT };
	uint8_t buf[JUDGE_FRAME_OUT];
	size_t len = 0;

	memset(m.event.grant, grant, sizeof(m.event.grant));
	m.event.event = (uint8_t)event;
	snprintf(m.event.reader, sizeof(m.event.reader), "A reader");
	assert_int_equal(km_encode(&m, buf, sizeof(buf), &len), KM_OK);
	return judge_sensor_heard(j, buf, len);
}

/* Captures that the judge knows of. */
static inline unsigned captures(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < JUDGE_CAPTURES; i++)
		n += j->sensor.capture[i].used;
	return n;
}

static inline struct judge_session *comes(uid_t uid)
{
	struct judge_session *s = judge_session_new(j, -1, 1, uid);

	assert_non_null(s);
	return s;
}

/* --- phases a client can be in, and how to get there ------------------------------------ */

/*
 * A finger was asked for; the sensor captures, by grant GRANT. A code to be sent was asked for; it
 * is on its way as a message; the person is asked for it; a call asks for keys.
 */
enum where {
	IN_GREET,
	IN_REQUEST,
	IN_OPENING,
	IN_ASKED,
	IN_CHECKING,
	IN_GRANTING,
	IN_CAPTURING,
	IN_SENDING,
	IN_AWAITING,
	IN_SENT,
	IN_CALLING,
	PHASES
};
#define GRANT 7

/* Three further frames that lead there: a plan, an answer, and the vault's word on it. */
static inline void brought_on(struct judge_session *s, enum where where)
{
	bool finger = where == IN_GRANTING || where == IN_CAPTURING, phone = where >= IN_SENDING;
	struct km_msg m = finger  ? touch_plan(s->id, 1)
			  : phone ? phone_plan(s->id, 1)
				  : plan(s->id, 1);

	assert_int_equal(vault_says(&m), KM_OK);
	if (where > IN_ASKED) {
		m = answer(finger || phone ? "" : "123456");
		says(s, &m);
	}
	if (where == IN_CAPTURING)
		m = granted(s->id, GRANT, 20);
	else if (where > IN_SENDING)
		m = sending(s->id, where == IN_CALLING ? KM_ORDER_KEYPAD : KM_ORDER_MESSAGE, 300);
	else
		return;
	assert_int_equal(vault_says(&m), KM_OK);
	if (where == IN_SENT) {
		m = news(s->id, KM_ORDER_STATE_SENT, 0);
		assert_int_equal(vault_says(&m), KM_OK);
	}
}

static inline struct judge_session *brought_to(enum where where, uint8_t kind)
{
	struct judge_session *s = comes(ROOT);
	struct km_msg m = hello(KM_CLIENT_DOOR);

	if (where > IN_GREET)
		says(s, &m);
	if (where > IN_REQUEST) {
		m = login(kind, ALICE);
		says(s, &m);
	}
	if (where > IN_OPENING)
		brought_on(s, where);
	forget();
	return s;
}

static inline struct judge_session *in(enum where where)
{
	return brought_to(where, KM_REQUEST_AUTHENTICATE);
}

static inline const struct km_msg *last_result(void)
{
	const struct km_msg *m = &world.client[world.clients - 1];

	assert_true(world.clients > 0);
	assert_int_equal(m->number, KM_MSG_RESULT);
	return m;
}

static inline void refused(uint8_t v, uint8_t reason)
{
	const struct km_msg *m = last_result();

	assert_int_equal(m->result.verdict, v);
	assert_int_equal(m->result.reason, reason);
	assert_int_equal(world.gone, 1);
}

#define IN_HOUSE(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)

#endif
