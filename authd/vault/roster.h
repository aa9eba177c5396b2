/*
 * A roster that is handed in, and one that is worked off.
 *
 *   desk_roster.c   BEGIN, SLICE                 desk_roster_end.c  END, desk_roster_list.c  LIST
 *   roster_row.c    one row, by itself (pure)
 *   roster_judge.c  what a row would do          roster_scope.c  departments covered, sets of tags
 *   roster_sum.c    what all rows would do       feed.c          and doing it, between logins
 */
#ifndef KENMON_VAULT_ROSTER_H
#define KENMON_VAULT_ROSTER_H

#include <kenmon/conf.h>

#include "roster_row.h"
#include "store_feed.h"

struct vault;
struct line;

#define ROSTER_ROWS_MAX 400000 /* more than any employer of one machine has; bounds the sets */

/* A set of numbers that are as good as random. */
struct roster_set {
	uint64_t *slot; /* 0: free */
	size_t size, count;
};
/* *added: it was not in it. KM_ENOMEM. */
KM_MUST_CHECK km_rc roster_set_add(struct roster_set *set, uint64_t key, bool *added);
bool roster_set_has(const struct roster_set *set, uint64_t key);
void roster_set_free(struct roster_set *set);
uint64_t roster_key(const uint8_t tag[KM_TAG_BYTES]);

/* The departments that rosters are about. */
#define ROSTER_DEPARTMENTS 64
struct roster_scope {
	bool all;
	size_t count;
	char name[ROSTER_DEPARTMENTS][129];
	uint8_t tag[ROSTER_DEPARTMENTS][KM_TAG_BYTES];
};
KM_MUST_CHECK km_rc roster_scope(struct km_keys *keys, const struct km_conf *conf,
				 struct roster_scope *out);
/* Adds those that the configuration knows: those covered, and [roster] other-departments. */
KM_MUST_CHECK km_rc roster_add_known(struct km_keys *keys, const struct km_conf *conf,
				     const struct roster_scope *scope, struct roster_set *known);
bool roster_covers(const struct roster_scope *scope, const uint8_t tag[KM_TAG_BYTES]);
bool roster_covers_name(const struct roster_scope *scope, const char *department);

/* The roster under way on a desk's line. */
struct roster {
	struct line *line;   /* NULL: there is none */
	struct km_feed feed; /* id 0: none is staged */
	int64_t heard_ms;    /* since boot: when something was said about it */
	bool ended;          /* END was said: it may only be listed, and goes with its line */
	bool broken;         /* a slice was bad, or undone: it goes */
	uint32_t announced, came;
	unsigned columns; /* enum km_change bits: of the optional columns, those it has */
	bool is_signed;
	uint8_t signature[64];
	bool unknown_department;
	bool administration; /* a row gives, takes or limits what an administrator may do */
	struct roster_set numbers, logins, departments;
	struct roster_scope scope;
};

/* What a feed would do. */
struct roster_sum {
	uint64_t count[KM_OUTCOMES]; /* by enum km_outcome */
	uint8_t brake;               /* enum km_brake */
	bool administrators;         /* of those missing, one registers or approves */
};

/* roster_judge.c: what a row would do, held against what is registered. */
KM_MUST_CHECK km_rc roster_judge(struct vault *v, const struct roster_row *row,
				 struct roster_verdict *out);
/* What of the row differs from what is registered: enum km_change bits. */
unsigned roster_differs(unsigned columns, const struct roster_row *row,
			const struct km_operator *op, const struct km_person *who);

/* roster_sum.c */
/* Everything a feed would do, rows and whoever is missing. */
KM_MUST_CHECK km_rc roster_sum(struct vault *v, const struct km_feed *feed, struct roster_sum *out);
/* Whose login a rehired row takes over must be leaving; where not, the row becomes wrong. */
KM_MUST_CHECK km_rc roster_settle_rehired(struct vault *v, const struct km_feed *feed);
/* Up to limit who are missing from it, of the departments covered. *after moves on. */
KM_MUST_CHECK km_rc roster_missing(struct vault *v, const struct km_feed *feed,
				   const struct roster_scope *scope, uint64_t *after, size_t limit,
				   struct km_operator *out, size_t *count);
/* Why a second person must look at it; NONE. */
KM_MUST_CHECK km_rc roster_brake(struct vault *v, const struct roster_sum *sum, enum km_brake *out);
uint64_t roster_erasures(const struct roster_sum *sum);

/* Cursors of a listing: line numbers, then this and more for those who are missing. */
#define ROSTER_LINES_END ((uint64_t)1 << 32)

/* desk_roster_end.c: the drop folder's user, who hands in and does nothing else. */
bool roster_only_hands_in(const struct vault *v, const struct line *l);
/* A line is no more; a round was undone. */
void roster_line_closed(struct vault *v, const struct line *l);
void roster_undone(struct vault *v);
/* Destroys what was staged on a line, where it must go. Without a flush. */
void roster_clear(struct vault *v);
/* No roster is handed in any more. */
void roster_forget(struct vault *v);

#endif
