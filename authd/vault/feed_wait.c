/*
 * A roster that waits for a second person. People who should go are active until
 * somebody decides, so one whose request nobody decided on is not forgotten with
 * it: that is kept until another roster is accepted.
 */
#include "feed.h"

#include <string.h>

#include "keys_internal.h"
#include "vault.h"

#define KEPT_FORGOTTEN  "forgotten"
#define FORGOTTEN_BYTES (8 + 8 + 8) /* feed, erasures, when it went; zeros: none */
#define AGAIN_MS        1000        /* how often it is seen whether the request stands */

/* --- what is kept --------------------------------------------------------------------- */

static km_rc keep(struct vault *v, const struct feed_forgotten *f)
{
	uint8_t bytes[FORGOTTEN_BYTES];

	keys_put(keys_put(keys_put(bytes, f->feed, 8), f->erasures, 8), (uint64_t)f->wall, 8);
	return store_meta_set(v->store, KEPT_FORGOTTEN, bytes, sizeof bytes, NULL);
}

km_rc feed_forgotten(struct vault *v, struct feed_forgotten *out)
{
	uint8_t bytes[FORGOTTEN_BYTES];
	size_t len = sizeof bytes;
	km_rc rc = store_meta_get(v->store, KEPT_FORGOTTEN, bytes, &len);

	if (rc == KM_ELIMIT || (rc == KM_OK && len != sizeof bytes))
		return KM_ECORRUPT;
	if (rc != KM_OK)
		return rc;
	*out = (struct feed_forgotten){ keys_get(bytes, 8), keys_get(bytes + 8, 8),
					(int64_t)keys_get(bytes + 16, 8) };
	return out->feed ? KM_OK : KM_ENOTFOUND;
}

/* --- accepted -------------------------------------------------------------------------- */

struct accepting {
	struct vault *v;
	struct km_feed *feed;
	const struct km_event_record *event;
};

static km_rc accept_it(void *arg)
{
	const struct accepting *a = arg;
	km_rc rc = store_feed_change(a->v->store, a->feed, a->event);

	return rc == KM_OK ? keep(a->v, &(struct feed_forgotten){ .feed = 0 }) : rc;
}

km_rc feed_accept(struct vault *v, struct km_feed *feed, const struct km_event_record *event)
{
	struct accepting a = { v, feed, event };

	return store_together(v->store, accept_it, &a);
}

/* --- dropped ---------------------------------------------------------------------------- */

/* KM_ENOTFOUND: none waits. */
static km_rc drop(struct vault *v, const char *reason, const char *actor, struct km_feed *feed)
{
	struct km_event_record r;
	km_rc rc = store_feed_in(v->store, KM_FEED_WAITING, KM_FEED_WAITING, feed);

	if (rc != KM_OK)
		return rc;
	event_make(&r, KM_EVENT_FEED_REFUSED, NULL, actor);
	event_add_number(&r, "feed", (int64_t)feed->id);
	event_add_number(&r, "erasures", (int64_t)feed->erasures);
	event_add(&r, "reason", reason);
	rc = store_feed_drop(v->store, feed, &r);
	if (rc == KM_OK)
		note_event(v, &r);
	v->feed.sweep = true;
	return rc;
}

km_rc feed_reject(struct vault *v, const char *actor)
{
	struct km_feed feed;
	km_rc rc = drop(v, "rejected", actor, &feed);

	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

static km_rc forget(void *arg)
{
	struct vault *v = arg;
	struct km_feed feed;
	km_rc rc = drop(v, "not-approved", "vault", &feed);

	return rc == KM_OK
		   ? keep(v, &(struct feed_forgotten){ feed.id, feed.erasures, v->now.wall })
		   : rc;
}

/* Its request is gone, and nobody decided on it. */
km_rc feed_wait(struct vault *v)
{
	km_rc rc;

	if (!v->feed.waiting || v->now.boot_ms < v->feed.asked_ms)
		return KM_OK;
	v->feed.asked_ms = v->now.boot_ms + AGAIN_MS;
	rc = store_requested(v->store, KM_MSG_ROSTER_END);
	if (rc != KM_ENOTFOUND)
		return rc;
	rc = store_together(v->store, forget, v);
	if (rc != KM_OK && rc != KM_ENOTFOUND)
		return rc;
	v->feed.waiting = 0;
	return KM_OK;
}
