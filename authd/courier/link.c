/*
 * The vault. What it says is taken frame by frame; a frame that no vault sends ends the room, as
 * does the end of the link. What it is told waits in the table where it does not read: of each
 * order the last state alone, so nothing is lost and nothing grows. Meanwhile nothing more is heard
 * from it.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <kenmon/log.h>

#include "courier.h"

#define DRAIN 128 /* frames at one go, so that gateways get their turn */

static void vault_lost(struct courier *c, const char *why)
{
	km_log(LOG_NOTICE, "the vault's link is closed (%s): stopping", why);
	courier_end(c);
}

static void watch(struct courier *c, bool blocked)
{
	c->blocked = blocked;
	if (c->link && sd_event_source_set_io_events(c->link, blocked ? EPOLLOUT : EPOLLIN) < 0)
		vault_lost(c, "it cannot be watched");
}

/* --- to the vault ------------------------------------------------------------------------------
 */

km_rc courier_greet(struct courier *c)
{
	const struct km_msg hello = {
		.number = KM_MSG_COURIER,
		.courier = { .version = KM_ROOM_PROTOCOL,
			     .gateway = c->driver[COURIER_MESSAGES]
					    ? (uint8_t)c->settings->conf.sms.gateway
					    : KM_GATEWAY_NONE,
			     .calls = c->driver[COURIER_CALLS] != NULL },
	};

	return km_send_msg(c->vault, &hello, -1, MSG_DONTWAIT);
}

/* False: not now. */
static bool tell(struct courier *c, const struct msg_ordered *what)
{
	struct km_msg m = { .number = KM_MSG_ORDERED };
	km_rc rc;

	if (c->blocked || c->stop)
		return false;
	m.ordered = *what;
	rc = km_send_msg(c->vault, &m, -1, MSG_DONTWAIT);
	km_msg_wipe(&m);
	if (rc == KM_EAGAIN)
		watch(c, true);
	else if (rc != KM_OK)
		vault_lost(c, km_rc_name(rc));
	return rc == KM_OK;
}

void courier_tell(struct courier *c, struct courier_slot *slot)
{
	struct msg_ordered what = { .order = slot->order.id,
				    .state = slot->order.state,
				    .why = slot->why,
				    .count = slot->count };

	for (unsigned i = 0; i < slot->count; i++)
		what.keys[i] = slot->keys[i];
	slot->untold = true;
	if (tell(c, &what))
		courier_told(c, slot);
	km_wipe(&what, sizeof(what));
}

/* Heard before the next frame is taken: one place is enough. */
void courier_tell_refused(struct courier *c, uint64_t id, enum km_order_why why)
{
	struct msg_ordered *r = &c->table->refused;

	*r = (struct msg_ordered){ .order = id,
				   .state = KM_ORDER_STATE_FAILED,
				   .why = (uint8_t)why };
	if (tell(c, r))
		r->order = 0;
}

static void tell_rest(struct courier *c)
{
	struct msg_ordered *r = &c->table->refused;

	c->blocked = false;
	if (r->order != 0 && tell(c, r))
		r->order = 0;
	for (size_t i = 0; i < KM_ORDERS && !c->blocked && !c->stop; i++)
		if (c->table->at[i].untold)
			courier_tell(c, &c->table->at[i]);
	watch(c, c->blocked);
}

/* --- from the vault ----------------------------------------------------------------------------
 */

static km_rc take(struct courier *c, size_t len)
{
	struct km_msg *in = &c->table->in;
	km_rc rc = km_decode(c->table->frame, len, KM_FROM_VAULT, KM_PHASE_COURIER, in);

	if (rc == KM_OK && in->number == KM_MSG_ORDER)
		rc = courier_take(c, &in->order);
	else if (rc == KM_OK && in->number == KM_MSG_CANCEL)
		courier_cancel(c, in->cancel.order, KM_ORDER_WHY_CANCELLED);
	else
		rc = KM_EPROTO;
	km_msg_wipe(in);
	km_wipe(c->table->frame, len);
	return rc;
}

static bool is_the_vault(const struct courier *c, const struct km_stamp *stamp)
{
	return c->vault_uid < 0 || (stamp->known && (int64_t)stamp->uid == c->vault_uid);
}

static km_rc hear(struct courier *c)
{
	struct km_stamp stamp = { .known = false };
	size_t len = 0;
	km_rc rc = km_recv(c->vault, c->table->frame, sizeof(c->table->frame), &len, NULL, &stamp,
			   MSG_DONTWAIT);

	if (rc == KM_OK && !is_the_vault(c, &stamp)) {
		km_log(LOG_ALERT, "uid %u speaks as the vault", stamp.uid);
		rc = KM_EPERM;
	}
	return rc == KM_OK ? take(c, len) : rc;
}

static int on_link(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct courier *c = arg;
	km_rc rc = KM_OK;

	(void)source;
	(void)fd;
	/* One that has gone leaves EPOLLOUT without anything to be told. */
	if (c->blocked && events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		tell_rest(c);
	for (unsigned i = 0; i < DRAIN && !c->stop && !c->blocked && rc == KM_OK; i++)
		rc = hear(c);
	if (rc != KM_OK && rc != KM_EAGAIN)
		vault_lost(c, rc == KM_ECLOSED  ? "end of file"
			      : rc == KM_EPROTO ? "not our protocol"
						: km_rc_name(rc));
	return 0;
}

bool courier_listen(struct courier *c)
{
	return sd_event_add_io(c->event, &c->link, c->vault, EPOLLIN, on_link, c) >= 0;
}
