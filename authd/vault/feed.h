/*
 * feed.c       working off an accepted roster, a slice a round
 * feed_wait.c  one that waits for a second person, and what is kept of one that nobody decided on
 */
#ifndef KENMON_VAULT_FEED_H
#define KENMON_VAULT_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include <kenmon/event.h>

#include "store_feed.h"

struct vault;

/* What the vault remembers of it between rounds. */
struct feed {
	bool unseen;      /* where rosters stand could not be read, and is at the next work */
	uint64_t working; /* the feed that is accepted and not worked off; 0: none */
	uint64_t waiting; /* the one that waits for approval */
	bool stray;       /* one is staged that no line hands in */
	bool sweep;       /* rows of feeds that are over may be left */
	uint64_t at;      /* how far the accepted one is */
	uint64_t skipped; /* rows of it that could not be carried out, since the start */
	bool stuck;       /* the last try failed, and was said */
	int64_t again_ms; /* since boot; not before */
	int64_t asked_ms; /* since boot; then it is seen whether the waiting one's request stands */
};

/* Reads where rosters stand: at the start, after a failed flush. What was staged is dropped. */
void feed_look(struct vault *v);
/* Goes on. True: there is more to do at once. */
bool feed_work(struct vault *v);

/* One that went since its request did, while nobody had decided on it. */
struct feed_forgotten {
	uint64_t feed;
	uint64_t erasures;
	int64_t wall; /* when it went */
};
/* KM_ENOTFOUND: none, or another roster was accepted since. */
KM_MUST_CHECK km_rc feed_forgotten(struct vault *v, struct feed_forgotten *out);
/* Writes the feed, whose state is accepted; nothing is forgotten any more. */
KM_MUST_CHECK km_rc feed_accept(struct vault *v, struct km_feed *feed,
				const struct km_event_record *event);
/* One that was only staged; KM_OK also if there is none. */
KM_MUST_CHECK km_rc feed_drop_staged(struct vault *v);
/* Within the transaction in which its request goes: somebody decided. KM_OK also if none waits. */
KM_MUST_CHECK km_rc feed_reject(struct vault *v, const char *actor);
/* Drops what waits for nobody any more, and keeps that. Without a flush. */
KM_MUST_CHECK km_rc feed_wait(struct vault *v);

#endif
