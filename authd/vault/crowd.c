/*
 * Many refusals from one source: the first of a minute have a record each, the
 * rest become one record with a count, so that nobody fills the disk by
 * guessing. What counts as a failure is counted all the same.
 */
#include <stdio.h>
#include <string.h>

#include <kenmon/log.h>

#include "vault.h"

#define MINUTE_MS 60000

/* FNV-1a: spreads, nothing more; a collision only merges two counts. */
static uint64_t mix(uint64_t h, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	while (len--)
		h = (h ^ *p++) * 0x100000001b3u;
	return h;
}

static uint64_t source_key(uid_t uid, const char *service, const char *rhost)
{
	uint64_t h = mix(0xcbf29ce484222325u, &uid, sizeof uid);

	h = mix(h, service, strlen(service) + 1);
	h = mix(h, rhost, strlen(rhost));
	return h ? h : 1;
}

static void write_count(struct vault *v, struct crowd_source *s)
{
	struct km_event_record r;

	if (s->swallowed > 0) {
		event_make(&r, KM_EVENT_REFUSED_MANY, NULL, "vault");
		event_add_number(&r, "count", s->swallowed);
		event_add_number(&r, "peer", s->uid);
		event_add(&r, "service", s->service);
		if (note_record(v, &r) != KM_OK)
			return; /* the count stays, and is written with the next round */
	}
	*s = (struct crowd_source){ 0 };
}

/* The source's place; the oldest one makes room. */
static struct crowd_source *place(struct vault *v, uint64_t key)
{
	struct crowd_source *oldest = &v->crowd[0];

	for (size_t i = 0; i < CROWD_SOURCES; i++) {
		struct crowd_source *s = &v->crowd[i];

		if (s->key == key)
			return s;
		if (s->key == 0 || (oldest->key != 0 && s->since_ms < oldest->since_ms))
			oldest = s;
	}
	write_count(v, oldest);
	return oldest;
}

bool crowd_admit(struct vault *v, uid_t uid, const char *service, const char *rhost, uint32_t times)
{
	uint64_t key = source_key(uid, service, rhost);
	struct crowd_source *s = place(v, key);

	if (s->key == key && v->now.boot_ms - s->since_ms >= MINUTE_MS)
		write_count(v, s);
	if (s->key != key) {
		s->key = key;
		s->since_ms = v->now.boot_ms;
		s->recorded = 0;
		s->uid = uid;
		snprintf(s->service, sizeof s->service, "%s", service);
	}
	if (s->recorded < v->conf.audit_refusals) {
		s->recorded++;
		return true;
	}
	s->swallowed += times;
	return false;
}

void crowd_settle(struct vault *v, bool all)
{
	for (size_t i = 0; i < CROWD_SOURCES; i++) {
		struct crowd_source *s = &v->crowd[i];

		if (s->key && (all || v->now.boot_ms - s->since_ms >= MINUTE_MS))
			write_count(v, s);
	}
}
