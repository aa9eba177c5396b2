/*
 * Numbers and their courier, in a vault where acts need two persons: the test plays the courier at
 * its link. Each test includes this once.
 */
#ifndef KENMON_TESTS_PHONE_SCENE_H
#define KENMON_TESTS_PHONE_SCENE_H

#include "request_scene.h"

#include <kenmon/order.h>
#include <kenmon/phone.h>

#include "../../authd/vault/orders.h"
#include "../../authd/vault/store_internal.h"
#include "../../authd/vault/store_number.h"

#define MOBILE   "+819012345678"
#define LANDLINE "+81312345678"
#define OTHER    "+818087654321"

static int courier_end = -1; /* ours of its link; -1: there is none */

static inline void courier_comes(unsigned gateway, bool calls)
{
	struct km_msg m = { .number = KM_MSG_COURIER };
	struct epoll_event ready = { .events = EPOLLIN };
	int pair[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	room.v->courier = ready.data.fd = pair[0];
	assert_int_equal(epoll_ctl(room.v->poll, EPOLL_CTL_ADD, pair[0], &ready), 0);
	courier_end = pair[1];
	m.courier.version = KM_ROOM_PROTOCOL;
	m.courier.gateway = (uint8_t)gateway;
	m.courier.calls = calls;
	assert_int_equal(km_send_msg(courier_end, &m, -1, 0), KM_OK);
	vault_round(room.v, 0);
	assert_true(orders_ready(room.v));
}

static inline int phone_open(void **state)
{
	int rc = scene_open(state);

	if (rc == 0)
		courier_comes(KM_GATEWAY_HTTP, true);
	return rc;
}

static inline int phone_close(void **state)
{
	if (courier_end >= 0)
		close(courier_end);
	courier_end = -1;
	return close_room(state);
}

#define AT_THE_DESK(test) cmocka_unit_test_setup_teardown(test, phone_open, phone_close)

/* ORDER or CANCEL; number 0: nothing was written. */
static inline struct km_msg courier_hears(void)
{
	struct km_msg m = { 0 };

	if (hear(courier_end, KM_PHASE_COURIER, &m, NULL) != KM_OK)
		m.number = 0;
	return m;
}

static inline void courier_says(uint64_t order, unsigned state, unsigned why)
{
	struct km_msg m = { .number = KM_MSG_ORDERED };

	m.ordered.order = order;
	m.ordered.state = (uint8_t)state;
	m.ordered.why = (uint8_t)why;
	assert_int_equal(km_send_msg(courier_end, &m, -1, 0), KM_OK);
	vault_round(room.v, 0);
}

/* The first run of digits as long as a code; "" where there is none. */
static inline void code_in(const struct km_secret *text, char out[16])
{
	size_t run = 0;

	out[0] = '\0';
	for (size_t i = 0; i <= text->len; i++) {
		bool digit = i < text->len && text->bytes[i] >= '0' && text->bytes[i] <= '9';

		if (!digit && run == 6) {
			memcpy(out, text->bytes + i - run, run);
			out[run] = '\0';
			return;
		}
		run = digit ? run + 1 : 0;
	}
}

/* Somebody at a desk; NULL: root. */
static inline int line_of(const char *login)
{
	struct km_msg who = { .number = KM_MSG_IDENTIFY };
	int line = desk_comes();

	if (login) {
		snprintf(who.identify.login, sizeof who.identify.login, "%s", login);
		assert_int_equal(desk_does(line, who).rc, 0);
	}
	return line;
}

/* What comes of it, once they have proved who they are. */
static inline struct km_msg says(int line, const char *login, struct km_msg m)
{
	desk_asks(line, &m);
	while (m.number == KM_MSG_PROMPT && (m.prompt.shape & KM_SHAPE_OWN)) {
		char code[16];

		scene_code(login, code);
		m = (struct km_msg){ .number = KM_MSG_ANSWER };
		assert_int_equal(km_secret_set(&m.answer.secret, code, strlen(code)), KM_OK);
		assert_int_equal(km_send_msg(line, &m, -1, 0), KM_OK);
		vault_round(room.v, 0);
		if (hear(line, KM_PHASE_DESK_TALK, &m, NULL) != KM_OK)
			m.number = 0; /* something is waited for */
	}
	return m;
}

static inline struct km_msg next_on(int line)
{
	struct km_msg m = { 0 };

	if (hear(line, KM_PHASE_DESK_TALK, &m, NULL) != KM_OK)
		m.number = 0;
	return m;
}

static inline struct km_msg types(int line, const char *text)
{
	struct km_msg m = { .number = KM_MSG_ANSWER };

	assert_int_equal(km_secret_set(&m.answer.secret, text, strlen(text)), KM_OK);
	desk_asks(line, &m);
	return m;
}

static inline struct km_msg msg_phone(const char *login, unsigned factor, const char *number,
				      bool confirm)
{
	struct km_msg m = { .number = KM_MSG_ENROL_PHONE };

	snprintf(m.enrol_phone.login, sizeof m.enrol_phone.login, "%s", login);
	snprintf(m.enrol_phone.number, sizeof m.enrol_phone.number, "%s", number);
	snprintf(m.enrol_phone.label, sizeof m.enrol_phone.label, "work");
	m.enrol_phone.factor = (uint8_t)factor;
	m.enrol_phone.confirm = confirm;
	return m;
}

static inline struct km_msg msg_test(unsigned factor, const char *number)
{
	struct km_msg m = { .number = KM_MSG_COURIER_TEST, .courier_test.factor = (uint8_t)factor };

	snprintf(m.courier_test.number, sizeof m.courier_test.number, "%s", number);
	return m;
}

/* Rei asks, Aki agrees. */
static inline void has_phone(const char *login, unsigned factor, const char *number)
{
	const struct km_msg m = msg_phone(login, factor, number, false);
	struct km_msg yes = scene_decision(scene_files(&m), true);

	assert_int_equal(scene_rc("aki", &yes), KM_OK);
}

/* "" where there is none that is good. */
static inline const char *number_of(const char *login, unsigned factor)
{
	static char number[KM_NUMBER_MAX + 1];
	struct km_operator op = scene_person(login);
	struct km_credential c;

	number[0] = '\0';
	if (store_phone_of(room.v->store, op.subject, factor, &c) == KM_OK)
		assert_int_equal(store_phone_number(room.v->store, &op, &c, number), KM_OK);
	return number;
}

#endif
