/*
 * The courier of fuzz_vault: it hears the orders, and says what the input lets it say. Nothing is
 * sent but to a number that is somebody's, and a code is good once, for whose number it went to.
 */
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kenmon/sock.h>

#include "../../authd/vault/courier.h"
#include "vault_world.h"

#define ORDERS 16 /* of the last that were heard */

static struct {
	int fd; /* our end of its link; -1: none */
	struct given {
		uint64_t id;
		uint8_t kind, whose; /* where they stand in the model */
		char code[KM_ORDER_KEYS + 1];
		bool used;
		bool keyed; /* said so in this round, and with these keys */
		char keys[KM_ORDER_KEYS + 1];
	} order[ORDERS];
	unsigned orders;
} courier = { .fd = -1 };

void phones_number(size_t whose, char out[KM_NUMBER_MAX + 1])
{
	snprintf(out, KM_NUMBER_MAX + 1, "+8190%08zu", whose % 100000000);
}

/* --- what is heard --------------------------------------------------------------------- */

static void given(const struct vault *v, const struct msg_order *m)
{
	struct given *o = &courier.order[courier.orders++ % ORDERS];
	char number[KM_NUMBER_MAX + 1] = "";
	size_t whose = 0, n = 0;

	while (whose < model.persons && strcmp(number, m->number) != 0)
		phones_number(whose++, number);
	/* What a desk has registered, or tests, is nobody's in the model. */
	*o = (struct given){ .id = m->order, .kind = m->kind, .whose = UINT8_MAX };
	if (strcmp(number, m->number) == 0)
		o->whose = (uint8_t)(whose - 1);
	fuzz_check(km_order_known(m->kind), "an order of kind %u", m->kind);
	fuzz_check(strncmp(m->number, "+81", 3) == 0, "an order to %s", m->number);
	fuzz_check(m->until > v->now.boot_ms - 1000 &&
		       m->until <= v->now.boot_ms + KM_ORDER_SECONDS * 1000LL,
		   "an order that is good for %lld ms", (long long)(m->until - v->now.boot_ms));
	fuzz_check((km_order_is_call(m->kind) && m->kind != KM_ORDER_SPOKEN) == (m->text.len == 0),
		   "a text of %u bytes with kind %u", m->text.len, m->kind);
	for (size_t i = 0; i < m->text.len && n < KM_ORDER_KEYS; i++)
		if (m->text.bytes[i] >= '0' && m->text.bytes[i] <= '9')
			o->code[n++] = (char)m->text.bytes[i];
}

void phones_heard(struct vault *v)
{
	static uint8_t frame[KM_FRAME_MAX];
	static struct km_msg m;
	size_t len;
	km_rc rc = KM_ECLOSED;

	for (size_t i = 0; i < ORDERS; i++)
		courier.order[i].keyed = false;
	while (courier.fd >= 0) {
		rc = km_recv(courier.fd, frame, sizeof(frame), &len, NULL, NULL, MSG_DONTWAIT);
		if (rc != KM_OK)
			break;
		fuzz_check(km_decode(frame, len, KM_FROM_VAULT, KM_PHASE_COURIER, &m) == KM_OK,
			   "the courier hears no frame of the vault's");
		if (m.number == KM_MSG_ORDER)
			given(v, &m.order);
	}
	if (rc == KM_EAGAIN || courier.fd < 0)
		return;
	fuzz_check(v->courier < 0, "a courier without a link");
	close(courier.fd);
	courier.fd = -1;
}

/* --- what a right answer is -------------------------------------------------------------- */

/* Does an order go to this person, as far as is known? */
static bool is_theirs(const struct given *o, const struct person *p)
{
	return model.renumbered || o->whose == p - model.person;
}

bool phones_accept(const struct person *p, const struct km_secret *answer)
{
	struct km_secret plain = *answer;

	if (!p || km_answer_class(&plain, KM_SHAPE_DIGITS) != KM_CLASS_DIGITS)
		return false;
	for (size_t i = 0; i < ORDERS; i++) {
		struct given *o = &courier.order[i];

		if (o->used || !is_theirs(o, p) ||
		    (o->kind != KM_ORDER_MESSAGE && o->kind != KM_ORDER_SPOKEN) ||
		    plain.len != strlen(o->code) || memcmp(plain.bytes, o->code, plain.len) != 0)
			continue;
		o->used = true;
		return true;
	}
	return false;
}

bool phones_keyed(const struct person *p, const char *shown)
{
	for (size_t i = 0; p && i < ORDERS; i++) {
		struct given *o = &courier.order[i];

		if (!o->keyed || o->used || !is_theirs(o, p) || o->kind != KM_ORDER_KEYPAD ||
		    !shown[0] || strcmp(o->keys, shown) != 0)
			continue;
		o->used = true;
		return true;
	}
	return false;
}

/* --- what is said ------------------------------------------------------------------------ */

void phones_code(struct fuzz_in *in, struct km_secret *out)
{
	const struct given *o = &courier.order[fuzz_u8(in) % ORDERS];

	out->len = (uint16_t)strlen(o->code);
	memcpy(out->bytes, o->code, out->len);
}

static void say(const struct km_msg *m)
{
	static uint8_t frame[KM_FRAME_MAX];
	size_t len;

	if (courier.fd >= 0 && km_encode(m, frame, sizeof(frame), &len) == KM_OK)
		(void)!km_send(courier.fd, frame, len, -1, MSG_DONTWAIT);
}

static void keyed(const struct msg_ordered *m)
{
	for (size_t i = 0; i < ORDERS; i++) {
		struct given *o = &courier.order[i];

		if (o->id == 0 || o->id != m->order || m->state != KM_ORDER_STATE_KEYED ||
		    m->count > KM_ORDER_KEYS)
			continue;
		o->keyed = true;
		memcpy(o->keys, m->keys, m->count);
		o->keys[m->count] = '\0';
	}
}

/* Of an order that was heard, most of the time; shown: what stands on the screen of a client. */
static void says_news(struct fuzz_in *in, const char *shown)
{
	struct km_msg m = { .number = KM_MSG_ORDERED };
	uint8_t which = fuzz_u8(in), keys;

	m.ordered.order = which < ORDERS ? courier.order[which].id : which;
	m.ordered.state = fuzz_u8(in);
	m.ordered.why = fuzz_u8(in);
	keys = fuzz_u8(in);
	if (keys == 1) {
		m.ordered.count = (uint8_t)strlen(shown);
		memcpy(m.ordered.keys, shown, strlen(shown));
	} else if (keys > 1) {
		m.ordered.count = (uint8_t)fuzz_bytes(in, m.ordered.keys, KM_ORDER_KEYS);
	}
	keyed(&m.ordered);
	say(&m);
}

static void says_bytes(struct fuzz_in *in)
{
	static uint8_t frame[100];
	static struct km_msg m;
	size_t len = fuzz_bytes(in, frame, sizeof(frame));

	if (len == 0 || courier.fd < 0)
		return;
	if (km_decode(frame, len, KM_FROM_COURIER, KM_PHASE_ORDERS, &m) == KM_OK &&
	    m.number == KM_MSG_ORDERED)
		keyed(&m.ordered);
	(void)!km_send(courier.fd, frame, len, -1, MSG_DONTWAIT);
}

static void comes(struct vault *v)
{
	struct epoll_event ready = { .events = EPOLLIN };
	struct km_msg m = { .number = KM_MSG_COURIER };
	int pair[2];

	fuzz_check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0,
		   "no sockets");
	v->courier = ready.data.fd = pair[0];
	v->courier_spoke = false;
	fuzz_check(epoll_ctl(v->poll, EPOLL_CTL_ADD, pair[0], &ready) == 0, "no epoll");
	courier.fd = pair[1];
	m.courier = (struct msg_courier){ KM_ROOM_PROTOCOL, KM_GATEWAY_HTTP, 1 };
	say(&m);
}

void phones_act(enum act what, struct vault *v, struct fuzz_in *in, const char *shown)
{
	if (what == NEWS) {
		says_news(in, shown);
	} else if (what == COURIER_RAW) {
		says_bytes(in);
	} else if (courier.fd >= 0) {
		close(courier.fd);
		courier.fd = -1;
	} else if (v->courier < 0) {
		/* Another kind of call each time. */
		v->conf.voice.mode = fuzz_u8(in) % 2 ? KM_VOICE_SPOKEN : KM_VOICE_KEYPAD;
		comes(v);
	}
}

/* --- from a judge to the next -------------------------------------------------------------- */

void phones_begin(struct vault *v)
{
	memset(courier.order, 0, sizeof(courier.order));
	courier.orders = 0;
	v->conf.voice.mode = KM_VOICE_KEYPAD;
	comes(v);
}

void phones_end(struct vault *v)
{
	for (size_t i = 0; i < KM_ORDERS; i++)
		fuzz_check(!v->order[i].session, "an order of a login that is over");
	if (courier.fd >= 0)
		close(courier.fd);
	courier.fd = -1;
	orders_lost(v, "the run is over");
	orders_tick(v);
	fuzz_check(v->orders == 0, "%zu orders are left", v->orders);
}
