/* Desk operations on keys: where the epoch stands, and closing it. */
#include <stdio.h>

#include <kenmon/store_epoch.h>

#include "desk.h"

/* What stands in the way, or NULL. */
static const char *hindrance(const struct vault *v)
{
	if (v->epoch.damaged)
		return "wrapped keys in vault.db do not open: restore it from a backup";
	if (v->epoch.stuck)
		return "the last try failed: is the disk full? It is tried again by itself";
	if (v->suspicion)
		return "it waits until 'kenmon accept' has cleared what is in doubt";
	return NULL;
}

km_rc desk_epoch_row(struct call *c)
{
	const struct vault *v = c->v;
	const struct km_epoch *e = &v->epoch.at;
	const char *why = e->owed || e->closing ? hindrance(v) : NULL;
	char when[CALL_TIME];

	if (why)
		return call_status(c, true, "key-epoch", "%u is not closed: %s", e->generation,
				   why);
	if (e->closing)
		return call_status(c, false, "key-epoch", "%u is being closed: %llu of %llu keys",
				   e->generation, (unsigned long long)v->epoch.rewrap.done,
				   (unsigned long long)v->epoch.total);
	if (e->owed > KM_EPOCH_NOW)
		return call_status(c, false, "key-epoch",
				   "%u, which is closed by itself at %s: older copies open what "
				   "was erased until then",
				   e->generation,
				   call_time(e->owed + v->conf.erasure_epoch_delay, when));
	return call_status(c, false, "key-epoch", "%u, with nothing erased in it", e->generation);
}

km_rc desk_key_status(struct call *c)
{
	const struct vault *v = c->v;
	const struct km_epoch *e = &v->epoch.at;
	char when[CALL_TIME] = "the making of the store";
	km_rc rc = desk_epoch_row(c);

	if (e->opened)
		call_time(e->opened, when);
	if (rc == KM_OK)
		rc = call_status(c, false, "key-epoch-since", "%s", when);
	if (rc == KM_OK && e->owed > KM_EPOCH_NOW)
		rc = call_status(c, false, "first-erasure-in-it", "%s", call_time(e->owed, when));
	if (rc == KM_OK && e->closing)
		rc = call_status(c, false, "closing-since", "%s", call_time(e->closing, when));
	if (rc == KM_OK && km_keys_older(v->keys))
		rc = call_status(c, false, "kek-files", "kek.%u and kek.%u", km_keys_older(v->keys),
				 km_keys_generation(v->keys));
	else if (rc == KM_OK)
		rc = call_status(c, false, "kek-files", "kek.%u", km_keys_generation(v->keys));
	return rc;
}

km_rc desk_key_rotate(struct call *c)
{
	struct vault *v = c->v;
	struct km_event_record r;
	km_rc rc;

	if (v->suspicion) {
		call_say(c, "no key is destroyed while the clock, the machine or the database are "
			    "in doubt");
		return KM_ESUSPECT;
	}
	if (v->epoch.unseen)
		epoch_look(v);
	if (v->epoch.unseen)
		return KM_EIO;
	ballast_give(v);
	call_event(c, &r, KM_EVENT_EPOCH_ASKED, NULL);
	rc = store_epoch_ask(v->store, &r);
	if (rc != KM_OK)
		return rc;
	note_event(v, &r);
	epoch_look(v);
	v->epoch.again_ms = 0;
	/* One that is being closed already began before this was asked. */
	c->l->rotating = v->epoch.at.generation + (v->epoch.at.closing ? 2 : 1);
	c->id = c->l->rotating;
	c->end = CALL_LATER;
	return KM_OK;
}

/* Asked for before the line broke, and perhaps not closed yet. */
void desk_key_rotate_again(struct call *c)
{
	if (c->id <= c->v->epoch.at.generation)
		return;
	c->l->rotating = (uint32_t)c->id;
	c->end = CALL_LATER;
}
