/*
 * The courier's link: one connection, of one peer, over which orders leave and
 * what became of them comes back, in records of one size: states, reasons and
 * keys, and nothing that a gateway said. Its bad frame ends the link: it drops
 * what was not begun, ends, and is started again; other factors go on meanwhile.
 */
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <kenmon/log.h>
#include <kenmon/sock.h>

#include "courier.h"

#define SAY_EVERY_MS 60000 /* news for nobody: a line a minute says enough */

bool orders_ready(const struct vault *v)
{
	return v->courier >= 0 && v->courier_spoke;
}

enum km_order orders_kind(const struct vault *v, unsigned factor)
{
	static const enum km_order call[] = { [KM_VOICE_KEYPAD] = KM_ORDER_KEYPAD,
					      [KM_VOICE_SPOKEN] = KM_ORDER_SPOKEN,
					      [KM_VOICE_CONFIRM] = KM_ORDER_CONFIRM };

	if (!orders_ready(v))
		return KM_ORDER_NONE;
	if (factor == KM_FACTOR_SMS && v->gateway != KM_GATEWAY_NONE)
		return KM_ORDER_MESSAGE;
	if (factor == KM_FACTOR_VOICE && v->calls &&
	    v->conf.voice.mode < sizeof call / sizeof call[0])
		return call[v->conf.voice.mode];
	return KM_ORDER_NONE;
}

struct km_phone_rules order_rules(const struct vault *v)
{
	return (struct km_phone_rules){ .country = v->conf.phone.country,
					.prefixes = v->conf.phone.prefixes,
					.barred = v->conf.phone.barred };
}

void orders_lost(struct vault *v, const char *why)
{
	if (v->courier < 0)
		return;
	km_log(LOG_NOTICE,
	       "the courier's link is closed (%s): no codes by telephone until it is back", why);
	epoll_ctl(v->poll, EPOLL_CTL_DEL, v->courier, NULL);
	close(v->courier);
	v->courier = -1;
	v->courier_spoke = false;
	for (size_t i = 0; i < KM_ORDERS; i++)
		v->order[i].lost = v->order[i].id != 0;
	v->orders_due = v->orders > 0;
}

/*
 * Whoever made the socket gave it to the courier's user, and closed it to all others but root. A
 * uid that was named counts more.
 */
void orders_expect(struct vault *v)
{
	struct sockaddr_un at = { .sun_family = AF_UNSPEC };
	socklen_t len = sizeof at - 1; /* the path ends */
	struct stat st;

	if (v->has_courier_uid)
		return;
	v->courier_uid = geteuid();
	if (getsockname(v->courier_door, (struct sockaddr *)&at, &len) == 0 &&
	    at.sun_family == AF_UNIX && at.sun_path[0] == '/' && stat(at.sun_path, &st) == 0)
		v->courier_uid = st.st_uid;
	v->has_courier_uid = true;
}

static bool is_courier(const struct vault *v, int fd)
{
	uid_t uid;

	return v->has_courier_uid && km_peer(fd, NULL, &uid, NULL) == KM_OK &&
	       uid == v->courier_uid;
}

void orders_accept(struct vault *v)
{
	int fd = accept4(v->courier_door, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	/* One that was started again may be here before we have seen the last one's end. */
	if (v->courier >= 0)
		orders_drain(v);
	if (v->courier >= 0 || !is_courier(v, fd)) {
		km_log(LOG_WARNING, "a second or foreign courier was turned away");
		close(fd);
		return;
	}
	if (!loop_watch(v, fd))
		return;
	v->courier = fd;
	v->courier_spoke = false;
}

/* --- frames ------------------------------------------------------------------- */

/* Again whenever its configuration changes. */
static km_rc take_courier(struct vault *v, const struct km_msg *m)
{
	if (m->courier.version != KM_ROOM_PROTOCOL || m->courier.gateway > KM_GATEWAY_EXEC ||
	    m->courier.calls > 1)
		return KM_EPROTO;
	if (!v->courier_spoke)
		km_log(LOG_NOTICE, "the courier is here: codes go out by telephone");
	v->courier_spoke = true;
	v->gateway = m->courier.gateway;
	v->calls = m->courier.calls == 1;
	return KM_OK;
}

/* Digits, as many as it says, with KEYED alone; zeros behind them. */
static bool keys_are_whole(const struct msg_ordered *m)
{
	if (m->count > KM_ORDER_KEYS || (m->count > 0 && m->state != KM_ORDER_STATE_KEYED))
		return false;
	for (size_t i = 0; i < KM_ORDER_KEYS; i++) {
		const bool digit = m->keys[i] >= '0' && m->keys[i] <= '9';

		if (i < m->count ? !digit : m->keys[i] != 0)
			return false;
	}
	return true;
}

static km_rc take_ordered(struct vault *v, const struct km_msg *m)
{
	const struct msg_ordered *said = &m->ordered;
	struct order *o = order_of(v, said->order);

	if (!km_order_state_known(said->state) || !km_order_why_known(said->why) ||
	    !keys_are_whole(said))
		return KM_EPROTO;
	if (o && !o->decoy && o->written)
		return order_news(v, o, said);
	/* Cancelled, over, or never given. */
	if (v->courier_said_ms == 0 || v->now.boot_ms - v->courier_said_ms >= SAY_EVERY_MS) {
		km_log(LOG_NOTICE, "the courier has news of an order that has ended: ignored");
		v->courier_said_ms = v->now.boot_ms;
	}
	return KM_OK;
}

static const struct {
	enum km_message_number number;
	km_rc (*take)(struct vault *v, const struct km_msg *m);
} taken[] = {
	{ KM_MSG_COURIER, take_courier },
	{ KM_MSG_ORDERED, take_ordered },
};

static km_rc take(struct vault *v, size_t len)
{
	km_rc rc = km_decode(v->frame, len, KM_FROM_COURIER, KM_PHASE_ORDERS, v->in);

	if (rc == KM_OK && !v->courier_spoke && v->in->number != KM_MSG_COURIER)
		rc = KM_EPROTO;
	for (size_t i = 0; rc == KM_OK && i < sizeof taken / sizeof taken[0]; i++) {
		if (taken[i].number == v->in->number)
			return taken[i].take(v, v->in);
	}
	return KM_EPROTO;
}

/* No more of them than a round takes: most are answered by nothing, and who floods us waits. */
void orders_drain(struct vault *v)
{
	for (unsigned n = 0; v->courier >= 0 && v->replies < VAULT_ROUND && n < VAULT_ROUND; n++) {
		size_t len = 0;
		km_rc rc =
		    km_recv(v->courier, v->frame, KM_FRAME_MAX, &len, NULL, NULL, MSG_DONTWAIT);

		if (rc == KM_EAGAIN)
			return;
		if (rc == KM_ECLOSED) {
			orders_lost(v, "end of file");
			return;
		}
		if (rc == KM_OK) {
			v->messages++;
			rc = take(v, len);
			km_msg_wipe(v->in);
		}
		km_wipe(v->frame, rc == KM_OK ? len : KM_FRAME_MAX);
		if (rc != KM_OK)
			orders_lost(v, "not our protocol");
	}
}
