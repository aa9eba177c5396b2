/*
 * Copies that leave the machine: of both databases, without a key in them, and the bundle
 * of keys; and what makes a store of them again. include/kenmon/copy.h says what the
 * files look like.
 *
 *   store_copy.c   copying both databases, a slice a round, and taking the keys out
 *   backup.c       the rounds of one copy, and handing it over
 *   bundle.c       sealing and opening a bundle
 *   keys_copy.c    the keys that are in it
 *   permit.c       who may take a copy away
 *   desk_copy.c    the desk's operations
 *   restore.c      a folder from a copy and a bundle     store_restore.c  its databases
 */
#ifndef KENMON_VAULT_COPY_H
#define KENMON_VAULT_COPY_H

#include <kenmon/copy.h>

#include "vault.h"

struct call;

/* --- store_copy.c ------------------------------------------------------------------ */

/* Names in the state folder while a copy is being made; whatever has them goes at a start. */
#define COPY_VAULT_FILE    "vault.copy"
#define COPY_IDENTITY_FILE "identity.copy"

/* Removes what a crash left of a copy. */
KM_MUST_CHECK km_rc store_copy_clean(const char *dir);

/* Begins a copy in the folder. KM_ESTATE: one is under way. */
KM_MUST_CHECK km_rc store_copy_begin(struct km_store *s, const char *dir);
/*
 * Copies some pages of each. KM_EAGAIN: there is more to do; what is written meanwhile is copied
 * with the rest. KM_OK: both are whole, of the moment of this head. Only where nothing waits for a
 * flush; else nothing is done.
 */
KM_MUST_CHECK km_rc store_copy_step(struct km_store *s, int pages, uint64_t *done, uint64_t *total,
				    struct km_head *head);
/* Takes every key out of what was copied. */
KM_MUST_CHECK km_rc store_copy_strip(struct km_store *s);
/* The two files, which have no name any more; the caller's to close. */
KM_MUST_CHECK km_rc store_copy_take(struct km_store *s, int fd[KM_COPY_FILES]);
/* Ends one that is under way; nothing of it stays. */
void store_copy_end(struct km_store *s);

/* --- backup.c ------------------------------------------------------------------------ */

/* A copy, or a bundle, on its way to a desk. There is one at a time. */
struct copy;

/* From here backup_work() makes a copy for this line, whose operation is kept. */
KM_MUST_CHECK km_rc backup_begin(struct call *c);
/* Makes a bundle and puts its first bytes on the line: KM_EAGAIN. */
KM_MUST_CHECK km_rc backup_bundle(struct call *c);
/* The next bytes. KM_EAGAIN: there are more. KM_ENOTFOUND: nothing is on its way. */
KM_MUST_CHECK km_rc backup_next(struct call *c);

/* --- bundle.c -------------------------------------------------------------------------- */

/*
 * The keys of the living, sealed to the site's key. *bytes is the caller's to free; head.seq and
 * the epoch are of the last good flush. KM_EAGAIN: a key epoch is being closed.
 */
KM_MUST_CHECK km_rc bundle_make(struct vault *v, struct km_bundle *header, uint8_t **bytes,
				size_t *len);

/* What was in one. In locked memory but for the rows, which are wrapped. */
struct bundle {
	struct km_bundle header;
	struct km_copied_keys *keys;
	const uint8_t *subject, *month, *finger; /* so many rows as the header says, in bytes */
	uint8_t *bytes;
	size_t len;
};
/* KM_ECORRUPT: it does not open with this private key (X25519, PEM). bytes become the bundle's. */
KM_MUST_CHECK km_rc bundle_open(uint8_t *bytes, size_t len, const char *pem, size_t pem_len,
				struct bundle *out);
/* The wrapped key of an operator; NULL: it is not in there. */
const uint8_t *bundle_find(const struct bundle *b, uint64_t cursor,
			   const uint8_t subject[KM_SUBJECT_BYTES]);
/* That of a finger, by its credential; NULL: it is not in there. */
const uint8_t *bundle_find_finger(const struct bundle *b, uint64_t credential);
void bundle_close(struct bundle *b);

/* --- keys_copy.c ------------------------------------------------------------------------- */

/* The keys by themselves, in locked memory. */
struct km_copied_keys {
	uint8_t master[KM_KEY_BYTES];
	uint8_t kek[64];
	uint32_t generation; /* of the KEK */
};
struct km_copied_keys *copied_keys_new(void);
void copied_keys_free(struct km_copied_keys **keys);
#define COPIED_KEYS __attribute__((cleanup(copied_keys_free)))

/* Reads them from their files again. KM_ECORRUPT: the key file is another one than at the start. */
KM_MUST_CHECK km_rc km_keys_copy(struct km_keys *keys, const char *dir, const char *key_path,
				 struct km_copied_keys *out);
/*
 * Keys for a folder that has none: the master key becomes a file, or is the one that is there
 * (KM_EEXIST: another is); the KEK of the bundle only opens, and a new one is made, of this
 * generation.
 */
KM_MUST_CHECK km_rc km_keys_restore(const char *dir, const char *key_path,
				    const struct km_copied_keys *in, uint32_t next,
				    struct km_keys **out);

/* --- permit.c ------------------------------------------------------------------------------- */

#define PERMIT_DAYS_MOST 366

/* What a second person has approved: act (a message's number) by this requester, once or (days) for
 * so long. */
KM_MUST_CHECK km_rc permit_give(struct vault *v, unsigned act,
				const uint8_t requester[KM_SUBJECT_BYTES], unsigned days,
				const struct km_event_record *event);
/* KM_ENOTFOUND: there is none. */
KM_MUST_CHECK km_rc permit_find(struct vault *v, unsigned act,
				const uint8_t requester[KM_SUBJECT_BYTES]);
/* The same; one that was for once is used up. */
KM_MUST_CHECK km_rc permit_use(struct vault *v, unsigned act,
			       const uint8_t requester[KM_SUBJECT_BYTES]);

/* --- desk_copy.c ----------------------------------------------------------------------------- */

/*
 * May who is at this desk take such a copy away? Where two persons are asked for that takes a
 * permit, which is used up with use. KM_ENOTFOUND: there is none.
 */
KM_MUST_CHECK km_rc desk_copy_allowed(struct call *c, unsigned act, bool use);

/* The newest bundle, as it was recorded; zeros: there was none. */
struct bundle_made {
	uint32_t generation;
	int64_t wall;
};
KM_MUST_CHECK km_rc bundle_last(struct vault *v, struct bundle_made *out);

/* --- store_restore.c ---------------------------------------------------------------------------
 */

struct restored {
	uint64_t living, erased; /* operators */
	uint64_t unknown;        /* registered after the bundle was made: nothing of them opens */
	uint64_t damaged;        /* whose wrapped key does not open */
	uint64_t removed;        /* credentials that must be enrolled anew */
	uint64_t requests, rosters; /* that were under way, and are dropped */
	uint64_t seq;               /* of the last record of the copy */
	struct km_signer signer;    /* who signs from there on */
};
/* Of a copy of vault.db that no store has opened: the epoch becomes this one. */
KM_MUST_CHECK km_rc restore_epoch(const char *path, struct km_keys *keys, uint32_t generation,
				  int64_t wall);
/* The largest generation that a copy of vault.db knows of. */
KM_MUST_CHECK km_rc restore_newest(const char *path, uint32_t *generation);
/* Everything else, up to the flush, which is the caller's. */
KM_MUST_CHECK km_rc store_restore(struct km_store *s, const struct bundle *b,
				  const uint8_t copy[KM_COPY_DIGEST], const struct km_copy *header,
				  struct restored *out);

/* --- restore.c ---------------------------------------------------------------------------------
 */

struct restore {
	const char *copy, *bundle, *escrow; /* files */
	const char *state_dir, *kek_dir, *key;
};
/* What was read and verified: nothing is written yet. */
struct restoring;
/*
 * Before the walls go up, since a folder that is refused is not even made: nothing is parsed here
 * but headers of a fixed size, and a private key. The exit code.
 */
int restore_prepare(const struct restore *r, struct restoring **out);
/* Behind them: fills the folders. A crash leaves them as restore_unfinished() tells. The exit code.
 */
int restore_carry_out(const struct restore *r, struct restoring *in);
void restore_end(struct restoring *in);
/* Was a restore into this folder begun and never finished? */
bool restore_unfinished(const char *state_dir);

#endif
