/*
 * A whole vault with the test as its courier, too: real frames over a real socket pair. Each test
 * includes this once.
 */
#ifndef KENMON_TESTS_PHONE_WORLD_H
#define KENMON_TESTS_PHONE_WORLD_H

#include <kenmon/event.h>
#include <kenmon/sock.h>

#include "../../authd/vault/challenge.h"
#include "../../authd/vault/store_number.h"
#include "vault_world.h"

#define PHONE_MOBILE   "+819012345678"
#define PHONE_LANDLINE "+81312345678"

#define BOTH_PHONES (KM_FACTOR_BIT(KM_FACTOR_SMS) | KM_FACTOR_BIT(KM_FACTOR_VOICE))
#define WITH_SMS    (KM_FACTOR_BIT(KM_FACTOR_HOTP) | KM_FACTOR_BIT(KM_FACTOR_SMS))
#define WITH_HOTP   (KM_FACTOR_BIT(KM_FACTOR_HOTP) | BOTH_PHONES)

static struct phone_world {
	struct world *w;
	int courier;        /* our end of its link; -1: none */
	int client;         /* of the login under way */
	uint64_t cancelled; /* the last order that was; 0: none */
	unsigned orders;    /* that the courier was given */
} pw;

/* --- up and down ------------------------------------------------------------------------ */

static inline void courier_says(const struct km_msg *m)
{
	assert_int_equal(km_send_msg(pw.courier, m, -1, 0), KM_OK);
	world_round(pw.w);
}

static inline void courier_connects(void)
{
	struct epoll_event ready = { .events = EPOLLIN };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	pw.w->v->courier = ready.data.fd = pair[0];
	pw.w->v->courier_spoke = false;
	pw.courier = pair[1];
	assert_int_equal(epoll_ctl(pw.w->v->poll, EPOLL_CTL_ADD, pair[0], &ready), 0);
}

static inline void courier_can(unsigned gateway, unsigned calls)
{
	struct km_msg hello = { .number = KM_MSG_COURIER };

	hello.courier.version = KM_ROOM_PROTOCOL;
	hello.courier.gateway = (uint8_t)gateway;
	hello.courier.calls = (uint8_t)calls;
	courier_says(&hello);
}

static inline void courier_comes(void)
{
	courier_connects();
	courier_can(KM_GATEWAY_HTTP, 1);
	assert_true(orders_ready(pw.w->v));
}

static inline void courier_goes(void)
{
	close(pw.courier);
	pw.courier = -1;
	world_round(pw.w);
	world_round(pw.w);
}

static inline int phone_world_up(void **state)
{
	(void)state;
	km_log_open("test", NULL, LOG_EMERG - 1);
	pw = (struct phone_world){ .courier = -1, .client = -1 };
	pw.w = world_new();
	world_up(pw.w);
	pw.w->v->conf.login.factors = (struct km_steps){ 1, { WITH_HOTP } };
	pw.w->v->conf.audit_refusals = 100000;
	courier_comes();
	return 0;
}

static inline int phone_world_down(void **state)
{
	(void)state;
	if (pw.client >= 0)
		close(pw.client);
	if (pw.courier >= 0)
		close(pw.courier);
	world_free(pw.w);
	return 0;
}

/* The vault is started again, on the same folder; its courier and its clients with it. */
static inline void phone_world_again(void)
{
	const struct km_conf conf = pw.w->v->conf;

	close(pw.courier);
	pw.courier = -1;
	world_down(pw.w);
	world_up(pw.w);
	pw.w->v->conf = conf;
	courier_comes();
}

/* --- who has a telephone ----------------------------------------------------------------- */

static inline struct km_operator operator_of(const char *login)
{
	struct km_operator op;

	assert_int_equal(store_operator_by_login(pw.w->v->store, login, &op), KM_OK);
	return op;
}

static inline uint64_t enrol_phone(const char *login, enum km_factor factor, const char *number)
{
	struct km_operator op = operator_of(login);
	struct km_credential in = { .factor = (uint8_t)factor };
	struct km_event_record r;
	uint64_t id = 0;

	memcpy(in.subject, op.subject, sizeof in.subject);
	event_make(&r, KM_EVENT_ENROLLED, op.subject, "test");
	assert_int_equal(store_enrol_phone(pw.w->v->store, &op, &in, number, &r, &id), KM_OK);
	assert_int_equal(store_flush(pw.w->v->store), KM_OK);
	return id;
}

static inline struct km_credential credential_of(const char *login, uint64_t id)
{
	struct km_credential c[KM_MAX_CREDENTIALS];
	struct km_operator op = operator_of(login);
	size_t count = 0;

	assert_int_equal(store_credentials(pw.w->v->store, op.subject, c, &count), KM_OK);
	for (size_t i = 0; i < count; i++)
		if (c[i].id == id)
			return c[i];
	fail_msg("%s has no credential %llu", login, (unsigned long long)id);
	return c[0];
}

/* A name that there is not, and that seems to have these telephones. */
static inline const char *nobody_with(uint32_t phones)
{
	static const uint32_t seem[] = { KM_FACTOR_BIT(KM_FACTOR_SMS), KM_FACTOR_BIT(KM_FACTOR_SMS),
					 KM_FACTOR_BIT(KM_FACTOR_VOICE), BOTH_PHONES };
	static char name[16];
	uint16_t bucket = 0;
	unsigned n = 0;

	do {
		snprintf(name, sizeof name, "nobody%u", n++);
		assert_int_equal(session_bucket(pw.w->v, name, &bucket), KM_OK);
	} while (seem[bucket % 4] != phones);
	return name;
}
#define NOBODY_MOBILE   nobody_with(KM_FACTOR_BIT(KM_FACTOR_SMS))
#define NOBODY_LANDLINE nobody_with(KM_FACTOR_BIT(KM_FACTOR_VOICE))

/* --- a login ---------------------------------------------------------------------------- */

static inline struct km_msg judge_hears(uint8_t number)
{
	struct km_msg m;

	assert_true(world_answered(pw.w, &m));
	if (m.number != number)
		fail_msg("%s instead of %s (verdict %u, reason %s)", km_message_name(m.number),
			 km_message_name(number), m.verdict.verdict,
			 km_reason_word(m.verdict.reason));
	return m;
}

static inline void judge_hears_nothing(void)
{
	struct km_msg m;

	if (world_answered(pw.w, &m))
		fail_msg("%s instead of nothing", km_message_name(m.number));
}

static inline void hears_verdict(enum km_verdict_code code, enum km_reason reason)
{
	struct km_msg m = judge_hears(KM_MSG_VERDICT);

	if (m.verdict.verdict != code || m.verdict.reason != reason)
		fail_msg("%s, %s instead of %s, %s", km_verdict_name(m.verdict.verdict),
			 km_reason_word(m.verdict.reason), km_verdict_name(code),
			 km_reason_word(reason));
}

/* OPEN; returns the shape of the first slot. The client stays in pw. */
static inline uint16_t asks_in(const char *login)
{
	struct km_msg m;
	bool quiet;

	if (pw.client >= 0)
		close(pw.client);
	do /* of a login before this one */
		quiet = !world_heard(pw.w, &m);
	while (!quiet && m.number == KM_MSG_ORDER_NEWS);
	assert_true(quiet);
	pw.client = world_open(pw.w, KM_REQUEST_AUTHENTICATE, login);
	do
		assert_true(world_answered(pw.w, &m));
	while (m.number == KM_MSG_ORDER_NEWS);
	assert_int_equal(m.number, KM_MSG_PLAN);
	return m.plan.slots.slot[0].shape;
}

static inline void judge_sends(uint32_t session, uint8_t step)
{
	struct km_msg m = { .number = KM_MSG_SEND, .session = session };

	m.send.step = step;
	world_tell(pw.w, &m, -1);
}

static inline void judge_checks(uint32_t session, const char *answer)
{
	struct km_msg check = { .number = KM_MSG_CHECK, .session = session };

	assert_int_equal(km_secret_set(&check.check.secret, answer, strlen(answer)), KM_OK);
	world_tell(pw.w, &check, -1);
}

/* --- the courier's part --------------------------------------------------------------------- */

/* The next order it is given; false: none. CANCEL is remembered. */
static inline bool courier_heard(struct km_msg *m)
{
	uint8_t frame[KM_FRAME_MAX];
	size_t len;

	while (km_recv(pw.courier, frame, sizeof frame, &len, NULL, NULL, MSG_DONTWAIT) == KM_OK) {
		assert_int_equal(km_decode(frame, len, KM_FROM_VAULT, KM_PHASE_COURIER, m), KM_OK);
		if (m->number == KM_MSG_ORDER) {
			pw.orders++;
			return true;
		}
		assert_int_equal(m->number, KM_MSG_CANCEL);
		pw.cancelled = m->cancel.order;
	}
	return false;
}

static inline struct msg_order courier_is_given(enum km_order kind)
{
	struct km_msg m;

	assert_true(courier_heard(&m));
	assert_int_equal(m.order.kind, kind);
	return m.order;
}

static inline void courier_is_given_nothing(void)
{
	struct km_msg m;

	assert_false(courier_heard(&m));
}

static inline void ordered(uint64_t order, enum km_order_state state, enum km_order_why why,
			   const char *keys)
{
	struct km_msg m = { .number = KM_MSG_ORDERED };

	m.ordered.order = order;
	m.ordered.state = (uint8_t)state;
	m.ordered.why = (uint8_t)why;
	m.ordered.count = (uint8_t)strlen(keys);
	memcpy(m.ordered.keys, keys, strlen(keys));
	courier_says(&m);
}

static inline void hears_news(enum km_order_state state, enum km_order_why why)
{
	struct km_msg m = judge_hears(KM_MSG_ORDER_NEWS);

	assert_int_equal(m.order_news.state, state);
	assert_int_equal(m.order_news.why, why);
}

/* The run of digits in a text. */
static inline void digits_in(const void *text, size_t len, char out[KM_ORDER_KEYS + 1])
{
	const char *c = text;
	size_t n = 0, i = 0;

	while (i < len && (c[i] < '0' || c[i] > '9'))
		i++;
	/* On the screen there is a blank between two. */
	for (; i < len && ((c[i] >= '0' && c[i] <= '9') || c[i] == ' ') && n < KM_ORDER_KEYS; i++)
		if (c[i] != ' ')
			out[n++] = c[i];
	out[n] = '\0';
}

/* SEND in the login under way, up to its order; code: what is in the message, or is read. */
static inline struct msg_order sends(enum km_order kind, char code[KM_ORDER_KEYS + 1])
{
	struct msg_order o;

	judge_sends(pw.w->session, 0);
	assert_int_equal(judge_hears(KM_MSG_SENDING).sending.kind, kind);
	o = courier_is_given(kind);
	if (code)
		digits_in(o.text.bytes, o.text.len, code);
	return o;
}

/* Another code of as many digits. */
static inline const char *another(const char *code)
{
	static char other[KM_ORDER_KEYS + 1];

	snprintf(other, sizeof other, "%s", code);
	other[0] = (char)('0' + (other[0] - '0' + 1) % 10);
	return other;
}

/* All real orders that there ever were began like this. */
static inline void orders_went(int64_t took_ms, enum km_order_state state, enum km_order_why why)
{
	const struct order_pace pace = { took_ms, (uint8_t)state, (uint8_t)why };

	for (size_t i = 0; i < 2; i++)
		pw.w->v->order_paces[i] = (struct order_paces){ { pace }, 1 };
}

/* The time has come at which nobody's order is told of. */
static inline void decoys_are_due(void)
{
	for (size_t i = 0; i < KM_ORDERS; i++)
		if (pw.w->v->order[i].next_ms)
			pw.w->v->order[i].next_ms = 1;
}

/* --- the trail ------------------------------------------------------------------------------ */

static struct km_audit_row trail_rows[400];

/* How many events of this kind; the body of the last in *body. */
static inline size_t events_of(enum km_event event, const char **body)
{
	static char last[KM_EVENT_BODY + 1];
	size_t count, found = 0;
	uint64_t after = 0;

	last[0] = '\0';
	do {
		count = 0;
		assert_int_equal(store_audit(pw.w->v->store, after, NULL, 400, trail_rows, &count),
				 KM_OK);
		for (size_t i = 0; i < count; i++) {
			after = trail_rows[i].seq;
			if (trail_rows[i].event != event)
				continue;
			found++;
			snprintf(last, sizeof last, "%s", trail_rows[i].body);
		}
	} while (count > 0);
	if (body)
		*body = last;
	return found;
}

static inline const char *last_event(enum km_event event)
{
	const char *body;

	(void)events_of(event, &body);
	return body;
}

/* --- a desk of root's ---------------------------------------------------------------------- */

/*
 * The row of this key in an answer to STATUS or COURIER_STATUS; number NONE: it has none. The login
 * under way is not asked about any more.
 */
static inline struct km_msg status_row(uint8_t number, const char *key)
{
	static uint8_t op;
	struct km_msg m = { .number = number }, found = { .number = KM_MSG_NONE }, ignored;
	int client = world_open(pw.w, KM_REQUEST_DESK, ""), line = -1;
	uint8_t frame[KM_FRAME_MAX];
	size_t len;

	assert_int_equal(world_client_heard(client, &line).number, KM_MSG_DESK_LINE);
	close(client);
	while (world_heard(pw.w, &ignored))
		; /* that there is a desk */
	memset(m.status.op, ++op, sizeof m.status.op);
	assert_int_equal(km_send_msg(line, &m, -1, 0), KM_OK);
	world_round(pw.w);
	while (km_recv(line, frame, sizeof frame, &len, NULL, NULL, MSG_DONTWAIT) == KM_OK) {
		assert_int_equal(km_decode(frame, len, KM_FROM_VAULT, KM_PHASE_DESK_TALK, &m),
				 KM_OK);
		if (m.number == KM_MSG_STATUS_ROW && strcmp(m.status_row.key, key) == 0)
			found = m;
	}
	assert_int_equal(m.number, KM_MSG_DONE);
	assert_int_equal(m.done.rc, 0);
	close(line);
	world_round(pw.w);
	return found;
}

/* --- Alice, who has a mobile telephone and no token ----------------------------------------------
 */

static uint64_t alices; /* her mobile */

static inline int alice_has_a_mobile(void **state)
{
	(void)phone_world_up(state);
	world_add(pw.w, "alice", false, false);
	alices = enrol_phone("alice", KM_FACTOR_SMS, PHONE_MOBILE);
	return 0;
}

/* Her login has begun. */
static inline int alice_comes(void **state)
{
	(void)alice_has_a_mobile(state);
	assert_true(asks_in("alice") & KM_SHAPE_PHONE);
	return 0;
}

#define HAVING(test) cmocka_unit_test_setup_teardown(test, alice_has_a_mobile, phone_world_down)
#define COMING(test) cmocka_unit_test_setup_teardown(test, alice_comes, phone_world_down)

static inline void the_judge_is_thrown_out(void)
{
	assert_true(pw.w->v->stop);
	assert_string_equal(last_event(KM_EVENT_LOGIN_ALLOWED), "");
}

static inline void the_courier_is_thrown_out(void)
{
	assert_int_equal(pw.w->v->courier, -1);
	assert_false(pw.w->v->stop);
	assert_string_equal(last_event(KM_EVENT_LOGIN_ALLOWED), "");
}

#endif
