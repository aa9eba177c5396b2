/*
 * What the vault distrusts until an administrator has looked: a clock that
 * jumped, a state folder that was copied to another machine, a database that
 * is older than what the judge has written down.
 *
 * While the clock is in doubt no time-based code is accepted and nothing is
 * destroyed; counters and refusals go on, and a clock that went back makes
 * nobody's last day come again. While the machine or the database is
 * in doubt nobody is let in at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kenmon/log.h>
#include <kenmon/store_epoch.h>

#include "vault.h"

#define JUMP_MS        (5 * 60 * 1000) /* a step, or many small ones, that no drift explains */
#define FOLLOW_MS      15000           /* what small steps in an hour are forgotten after it */
#define HOUR_MS        3600000
#define BEHIND_SECONDS (5 * 60)
#define KEPT_BYTES     (1 + 8)         /* in meta: the suspicions, the day that was known */
#define AHEAD_SECONDS  (7 * 24 * 3600) /* a machine may be off for a week and not be asked */

static const struct suspicion {
	enum km_suspicion bit;
	const char *word;
	enum km_event found, accepted;
} suspicions[] = {
	{ KM_SUSPECT_CLOCK, "clock", KM_EVENT_CLOCK_SUSPECT, KM_EVENT_CLOCK_ACCEPTED },
	{ KM_SUSPECT_MACHINE, "machine", KM_EVENT_MACHINE_CHANGED, KM_EVENT_MACHINE_ACCEPTED },
	{ KM_SUSPECT_ROLLBACK, "rollback", KM_EVENT_ROLLBACK_FOUND, KM_EVENT_ROLLBACK_ACCEPTED },
};

static size_t index_of(enum km_suspicion what)
{
	size_t i = 0;

	while (suspicions[i].bit != what)
		i++;
	return i;
}

static km_rc keep(struct vault *v, unsigned suspicion, const struct km_event_record *r)
{
	uint8_t kept[KEPT_BYTES] = { (uint8_t)suspicion };

	for (size_t i = 0; i < 8; i++)
		kept[1 + i] = (uint8_t)((uint64_t)v->day_known >> (56 - 8 * i));
	return store_meta_set(v->store, "suspicion", kept, sizeof kept, r);
}

static void take_kept(struct vault *v, const uint8_t *kept, size_t len)
{
	uint64_t day = 0;

	for (size_t i = 1; i < len; i++)
		day = day << 8 | kept[i];
	v->suspicion = kept[0];
	v->day_known = (int64_t)day;
}

static void keep_day(struct vault *v)
{
	if ((v->suspicion & KM_SUSPECT_CLOCK) && v->now.today < v->day_known)
		v->now.today = v->day_known;
}

/* Remembers the suspicion, in the store too, so that a restart does not forget it. */
static void suspect(struct vault *v, enum km_suspicion what, const char *found)
{
	size_t i = index_of(what);
	struct km_event_record r;

	if (v->suspicion & what)
		return;
	event_make(&r, suspicions[i].found, NULL, "vault");
	event_add(&r, "found", found);
	v->suspicion |= what;
	snprintf(v->found[i], sizeof v->found[i], "%s", found);
	if (keep(v, v->suspicion, &r) == KM_OK)
		note_event(v, &r);
	km_log(LOG_ALERT, "%s: see 'kenmon status', then 'kenmon accept %s'", found,
	       suspicions[i].word);
}

static int64_t offset_of(const struct km_now *now)
{
	return now->wall * 1000 - now->boot_ms;
}

/* From here on; also while the clock is in doubt, so that it is accepted as it is then. */
static void set_pace(struct vault *v, const struct km_now *now)
{
	v->pace.known = true;
	v->pace.offset = offset_of(now);
	v->pace.at_ms = now->boot_ms;
}

/* Who answers for a time server can walk a clock anywhere by steps that are small enough. */
static void follow(struct vault *v, int64_t moved)
{
	if (v->now.boot_ms - v->pace.at_ms < HOUR_MS)
		return;
	if (moved > FOLLOW_MS)
		moved = FOLLOW_MS;
	v->pace.offset += moved < -FOLLOW_MS ? -FOLLOW_MS : moved;
	v->pace.at_ms = v->now.boot_ms;
}

/* The latest day that it may be without the step. */
static int64_t day_before(const struct vault *v)
{
	int64_t day;

	if (km_day_at((v->pace.offset + v->now.boot_ms) / 1000, &day) != KM_OK ||
	    day < v->before.today)
		return v->before.today;
	return day;
}

static void suspect_step(struct vault *v)
{
	int64_t moved;
	char found[160];

	if (!v->pace.known || (v->suspicion & KM_SUSPECT_CLOCK))
		set_pace(v, v->suspicion & KM_SUSPECT_CLOCK ? &v->now : &v->before);
	moved = offset_of(&v->now) - v->pace.offset;
	if (moved <= JUMP_MS && moved >= -JUMP_MS) {
		follow(v, moved);
		return;
	}
	snprintf(found, sizeof found, "the clock was moved by %lld seconds",
		 (long long)(moved / 1000));
	v->day_known = day_before(v);
	suspect(v, KM_SUSPECT_CLOCK, found);
}

void suspect_clock(struct vault *v)
{
	suspect_step(v);
	keep_day(v);
}

static void suspect_clock_at_start(struct vault *v, const struct km_head *head)
{
	char found[160];
	int64_t ahead = v->now.wall - head->wall;

	if (head->seq == 0)
		return;
	if (!(v->suspicion & KM_SUSPECT_CLOCK) && km_day_at(head->wall, &v->day_known) != KM_OK)
		v->day_known = 0;
	if (ahead < -BEHIND_SECONDS) {
		snprintf(found, sizeof found, "the clock is %lld seconds behind the last record",
			 (long long)-ahead);
		suspect(v, KM_SUSPECT_CLOCK, found);
	} else if (ahead > AHEAD_SECONDS && !v->now.synchronised) {
		snprintf(found, sizeof found,
			 "the clock is %lld days ahead of the last record and set by nobody",
			 (long long)(ahead / 86400));
		suspect(v, KM_SUSPECT_CLOCK, found);
	}
}

/* The machine's id, as a tag. KM_ENOTFOUND: this machine has none (a bare container). */
static km_rc machine_tag(struct vault *v, uint8_t tag[KM_TAG_BYTES])
{
	char id[64];
	ssize_t n;
	int fd = open(v->machine_id_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	/* One that is there and does not tell its id now is not passed for a machine without. */
	if (fd < 0)
		return errno == ENOENT ? KM_ENOTFOUND : KM_EIO;
	n = read(fd, id, sizeof id - 1);
	close(fd);
	if (n < 0)
		return KM_EIO;
	id[n] = '\0';
	id[strcspn(id, "\n")] = '\0';
	return id[0] ? km_tag_machine(v->keys, id, tag) : KM_ENOTFOUND;
}

static km_rc machine_at_start(struct vault *v)
{
	uint8_t now[KM_TAG_BYTES], then[KM_TAG_BYTES];
	size_t len = sizeof then;
	km_rc rc = machine_tag(v, now);

	if (rc == KM_ENOTFOUND) {
		km_log(LOG_WARNING, "%s is not there: a copied machine will not be noticed",
		       v->machine_id_path);
		return KM_OK;
	}
	if (rc == KM_EIO)
		km_log(LOG_ERR, "%s cannot be read: is this the machine it was?",
		       v->machine_id_path);
	if (rc != KM_OK)
		return rc;
	rc = store_meta_get(v->store, "machine", then, &len);
	if (rc == KM_ENOTFOUND)
		return store_meta_set(v->store, "machine", now, sizeof now, NULL);
	if (rc == KM_OK && !km_equal(now, sizeof now, then, len))
		suspect(v, KM_SUSPECT_MACHINE, "this state folder belongs to another machine");
	return rc;
}

km_rc suspect_start(struct vault *v)
{
	uint8_t kept[KEPT_BYTES] = { 0 };
	size_t len = sizeof kept;
	struct km_head head;
	km_rc rc = store_head(v->store, &head);

	if (rc == KM_OK)
		rc = store_meta_get(v->store, "suspicion", kept, &len);
	if (rc == KM_ENOTFOUND)
		rc = KM_OK;
	if (rc != KM_OK)
		return rc;
	take_kept(v, kept, len);
	for (size_t i = 0; i < sizeof suspicions / sizeof suspicions[0]; i++) {
		if (v->suspicion & suspicions[i].bit)
			snprintf(v->found[i], sizeof v->found[i], "found before the last start");
	}
	suspect_clock_at_start(v, &head);
	keep_day(v);
	return machine_at_start(v);
}

km_rc suspect_anchor(struct vault *v, const struct msg_anchor *anchor)
{
	struct km_anchor a;
	char found[160];
	km_rc rc;

	if (anchor->seq == 0)
		return KM_OK;
	KM_ANCHOR_COPY(&a, anchor);
	rc = store_anchor_check(v->store, &a, found, sizeof found);
	/* What cannot be read now is no record that was changed. */
	if (rc != KM_ECORRUPT)
		return rc;
	suspect(v, KM_SUSPECT_ROLLBACK, found);
	return KM_OK;
}

km_rc suspect_accept(struct vault *v, enum km_suspicion what, const char *actor)
{
	size_t i = index_of(what);
	unsigned left = v->suspicion & ~(unsigned)what;
	uint8_t tag[KM_TAG_BYTES];
	struct km_event_record r;
	km_rc rc = KM_OK;

	event_make(&r, suspicions[i].accepted, NULL, actor);
	event_add(&r, "found", v->found[i]);
	if (what == KM_SUSPECT_MACHINE) {
		rc = machine_tag(v, tag);
		if (rc == KM_OK)
			rc = store_meta_set(v->store, "machine", tag, sizeof tag, NULL);
	}
	/* Whoever was erased since is back, and copies hold their keys: nobody forgets that. */
	if (what == KM_SUSPECT_ROLLBACK)
		rc = store_epoch_owe(v->store);
	if (rc == KM_OK)
		rc = keep(v, left, &r);
	if (rc != KM_OK)
		return rc;
	note_event(v, &r);
	if (what == KM_SUSPECT_CLOCK)
		set_pace(v, &v->now);
	v->suspicion = left;
	v->found[i][0] = '\0';
	epoch_look(v);
	return KM_OK;
}
